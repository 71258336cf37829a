"""Repair: which edit of a learner's own lines would make their numbers right?

People are wrong in more ways than anybody lists. So where no known mistake gives a learner's numbers, `search` changes
one thing in their syntax tree (an operand, an axis, a sign, a name, the turns of a loop) and sees whether all numbers
are then right. If no edit does it, there may be two mistakes: the same slip in several places, an edit that leaves a
known mistake, or two of the edits that lead nearest to what is right. What is found is never shown. It says where to
look, and what to ask about that place.

What is said is a claim, and it is tried before, on inputs that the search has not seen: `EditSearch.is_confirmed`. What
has not been tried is not said.
"""

import ast
import io
import sys
import textwrap
import threading
import tracemalloc
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import cached_property
from itertools import combinations, groupby
from operator import attrgetter, itemgetter
from typing import NamedTuple

import numpy as np

from marker.budget import SPEND, Budget, Stopped, count_lines, hide_name
from marker.compare import has_sum
from marker.equal import ROUNDING, agree, sizes
from marker.finders import sometimes
from marker.finders.edits import MODULES, apply_edit, edits_of, merge_edits, names_in, span
from marker.trial import as_array, call, right_results
from marker.verdict import FAR_OFF, PLACES, Verdict, in_words
from marker.words import join_texts

# The budget is counted, and not timed: so a verdict is the same on a slow machine, and in a browser.
EDITS = 2500  # that are tried; and as many of several at once, if none alone is enough
# Lines that all edits run, all of several, and all claims: in loops and functions, each turn and call counts its own.
LINES = 150_000
PATIENCE = 3  # an edit is stopped once it has run this many times the lines of the learner's own, and
GRACE = 500  # this many more
MEMORY = 2**25  # bytes that an edit may keep, from its third turn of a loop on; right answers keep a hundredth of it
FRESH = 2  # draws, beside that of the learner's own inputs, on which a claim is tried
NEARER = 0.5  # of the distance from what is right is left, if an edit is said to lead nearer to it
NEAREST = 24  # edits, of which each two are tried together
FEW = 4  # numbers, which differ; fewer may become right by chance
CLOSE = 1e-11  # of the largest entry: numbers that were nearly right must become so by more than chance


def search(exercise, module, source, given, rights, more, may_be_two=True, changes=()):
    """Where an edit makes results right: {"kind", "lines", "part", "results", "each"}, see `describe_edits`; or None.

    Of two mistakes, the place of one, and in it "left", the name of a known one. If nothing shows that this one was
    made, it is "nearer", if the numbers are then nearer to what is right, or else "alone". Where an edit makes a part
    of the numbers right, but no result in all trials, it is "more".

    given: the inputs and right results of each trial; rights: which results the learner's own function has right in it,
    until an error ended it. more: further trials, on which is tried what is said. changes: the inputs that it changes,
    if that is a mistake of its own.
    """
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    names_of_sizes = [s for s in set.intersection(*map(set, map(sizes, given))) if s not in exercise.takes]
    trial = EditSearch(exercise, module, functions, given, more, names_of_sizes, rights, changes)
    edits, tried, names = [], [], set(exercise.gives)
    for function in functions:
        edits += edits_of(function, source, exercise.stub, exercise.takes, sorted(names_of_sizes))
    edits.sort(key=attrgetter("rank"))
    with suppress_side_effects():
        for _, group in groupby(edits, key=attrgetter("rank")):
            tried += [(edit, trial.try_edit(edit, is_left=may_be_two)) for edit in group]
            full = [edit for edit, found in tried if found.right == names]
            if full := [edit for edit in full if trial.is_confirmed(edit, names)]:
                return describe_edits(move_to_uses(trial, edits, full, names) or full, source, names)
        if may_be_two and (place := search_two(trial, edits, tried, source, names)):
            return place
        part = [(edit, found.right) for edit, found in tried if found.right and found.right != names]
        while part:
            most = max((right for _, right in part), key=lambda right: [name in right for name in exercise.gives])
            least = min(edit.rank for edit, right in part if right == most)
            best = [edit for edit, right in part if right == most and edit.rank == least]
            if best := [edit for edit in best if trial.is_confirmed(edit, most)]:
                return describe_edits(best, source, most - trial.had)
            part = [(edit, right) for edit, right in part if right != most or edit.rank != least]
        if not may_be_two:
            return None
        some = [edit for edit, found in tried if found.more and found.right != names]
        if some := [edit for edit in some if edit.rank == some[0].rank and trial.is_gain_confirmed(edit)]:
            return describe_edits(some, source, ()) | {"more": True}
        pair = find_pair(trial, tried, names)
        return describe_edits([pair], source, names) if pair else None


def move_to_uses(trial, edits, full, names):
    """Of edits that put a factor where an array is made, those that put it where the array is used, if they do it, too.

    Where an array is made, it may be what it should be: the mean of a product, say, by which something is multiplied.
    """
    wanted = set()
    for edit in full:
        match edit.holder, edit.new:
            case {"targets": [ast.Name(name)]}, ast.BinOp(_, op, ast.Name(factor)) if edit.kind == "a factor":
                wanted.add((name, type(op), factor))
    uses = []
    for edit in edits:
        match edit.holder[edit.key], edit.new:
            case ast.Name(name), ast.BinOp(ast.Name(left), op, ast.Name(factor)) if name == left:
                if (name, type(op), factor) in wanted and trial.try_edit(edit).right == names:
                    uses.append(edit)
    return [edit for edit in uses if trial.is_confirmed(edit, names)]


def search_two(trial, edits, tried, source, names):
    """The same for two mistakes. tried: each single edit, and its `EditResult`.

    An edit that puts in a name, or what is missing, or another kind of assignment may be a mistake itself: not here.
    """
    trial.budget, trial.edits = Budget(LINES), EDITS
    for edit in merge_edits(edits):
        if trial.try_edit(edit).right == names and trial.is_confirmed(edit, names):
            return describe_edits([edit], source, names)
    # A mistake that is left where something is taken out is left for that reason, perhaps: now the mask is missing.
    missing = set().union(*(found.left for edit, found in tried if takes_away(edit)))
    left = {}
    for edit, found in tried:
        for mistake in found.left - missing if is_likely(edit) else ():
            if mistake in left or trial.may_have(mistake):
                left.setdefault(mistake, []).append((edit, found))
    for mistake, found in left.items():
        for some, more in (
            ([edit for edit, what in found if what.gained], {"left": mistake}),
            ([edit for edit, what in found if what.distance < NEARER], {"nearer": True}),
            ([edit for edit, _ in found if edit.kind != "a condition" and not is_operand(edit)], {"alone": True}),
        ):
            some = [edit for edit in some if edit.rank == some[0].rank]  # `results` has the likeliest edits first
            if some := [edit for edit in some if trial.leaves_mistake(edit, mistake)]:
                place = describe_edits(some, source, names) | more
                if place["part"] or "alone" not in more:
                    return place
    return None


def find_pair(trial, tried, names):
    """Two edits in one that make all results right together, among those which lead nearest to it alone."""
    near = {}
    for edit, found in tried:  # of those with the same numbers, the likeliest
        if edit.rank < 3 and np.isfinite(found.near) and abs(found.near - 1) > ROUNDING:
            near.setdefault(round(found.near, 9), (found.near, edit))
    some = [edit for _, edit in sorted(near.values(), key=itemgetter(0))[:NEAREST]]
    trial.budget, trial.edits = Budget(LINES // 3), NEAREST**2
    for first, second in sorted(combinations(range(len(some)), 2), key=sum):
        one, other = some[first], some[second]
        pair = one._replace(also=(other,))
        is_same = one.holder is other.holder and one.key == other.key
        if not is_same and trial.try_edit(pair).right == names and trial.is_confirmed(pair, names):
            return pair
    return None


def is_likely(edit):
    """Whether an edit is no mistake itself, whatever it leaves: see `search_two`."""
    return edit.rank < 2 and edit.kind not in ("an assignment", "a line in the loop") and not edit.is_in_test


def is_operand(edit):
    """Whether an edit changes a number that is added, or multiplied by: a 0 there takes all of it away."""
    return edit.kind == "a constant" and "op" in edit.holder


def takes_away(edit):
    """Whether an edit takes something out that is read."""
    parts = (part if isinstance(part, list) else [part] for part in (edit.holder[edit.key], edit.new))
    before, after = (set(names_in(ast.Module(part, []))) for part in parts)
    return after - MODULES < before - MODULES


def describe_edits(edits, source, results):
    """What is said of these edits, each of which makes these results right; or of one that is several at once.

    {"kind": of the edits, "lines": where, "part": the smallest part of a line that all of them touch, "" if they are in
    several lines, "results": their names, "each": whether it takes an edit in each of these lines}
    """
    several = edits[0].also
    if several:  # then it takes all of them, the outer ones, too
        inner = [edits[0], *several]
    else:
        inner = [edit for edit in edits if not any(is_within(other.place, edit.place) for other in edits)]
    kinds = {edit.kind for edit in inner}
    kinds = kinds - WEAK or kinds
    places = {edit.place for edit in inner}
    start, end = min(place[:2] for place in places), max(place[2:] for place in places)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.expr, ast.stmt))]
    around = [span(node) for node in nodes if span(node)[:2] <= start and end <= span(node)[2:]]
    place = places.pop() if len(places) == 1 else min(around, key=lambda at: (-at[0], -at[1], at[2:]))  # the smallest
    in_one = not any(isinstance(node, BLOCKS) and span(node) == place for node in nodes)
    return {
        "kind": kinds.pop() if len(kinds) == 1 else "in one place",
        "lines": sorted({place[0], place[2]} if in_one else {edit.place[0] for edit in inner}),
        "part": source_segment(source, place) if in_one else "",
        "results": sorted(results),
        "each": bool(several),
    }


BLOCKS = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.With, ast.Try)
# Kinds that say little where an edit of another kind works, too: a term that is a number, say.
WEAK = {"a constant", "a name", "a function", "a missing function", "a loop", "a factor: of a size"}


def is_within(inner, outer):
    return inner != outer and outer[:2] <= inner[:2] and inner[2:] <= outer[2:]


def source_segment(source, place):
    """The text at a place, in one line, without half a pair of parentheses."""
    lines = [line.encode() for line in source.splitlines()[place[0] - 1 : place[2]]]
    lines[-1] = lines[-1][: place[3]]
    lines[0] = lines[0][place[1] :]
    text = " ".join(b" ".join(lines).decode(errors="replace").split())
    text = text.lstrip(") ,").rstrip("( ,")
    return textwrap.shorten(text + ")" * (text.count("(") - text.count(")")), 90, placeholder=" ...")


class EditResult(NamedTuple):
    """What comes of an edit."""

    right: set = frozenset()  # the results that are right in all trials; none where there are no more than before
    left: set = frozenset()  # the names of the known mistakes each of which gives just these numbers in all trials
    gained: bool = False  # whether some result is right in some trial in which it was wrong
    near: float = 1.0  # how far from right the numbers of the first trial are, as a share of how far before
    distance: float = 1.0  # the largest of all trials: how far from right the numbers are, as a share of how far before
    more: bool = False  # whether it makes more numbers right: see `Gain`


class Gain:
    """How many numbers an edit makes right, and how many it changes: added up over trials."""

    def __init__(self):
        self.values, self.changed, self.lost = [], 0, False

    def add(self, right, before, after):
        """Each has the entries of one trial, see `join_entries`."""
        near = CLOSE * np.abs(right).max(initial=0)
        was, is_now, same = (np.abs(a - b) <= near for a, b in ((before, right), (after, right), (before, after)))
        self.lost |= bool((was & ~is_now).any())
        self.changed += int((~same).sum())
        self.values.extend(right[is_now & ~was])

    @property
    def is_some(self):
        """Whether no number that was right is wrong now, and most of those that are changed are right."""
        return not self.lost and 0 < self.changed <= 2 * len(self.values)

    @property
    def is_many(self):
        """... and whether that is no chance: they are not all alike."""
        return self.is_some and len({*self.values} - {0.0}) >= FEW


class EditSearch:
    """The learner's functions, some of them edited, on the inputs of each trial."""

    def __init__(self, exercise, module, functions, given, more, names_of_sizes, rights, changes=()):
        self.exercise, self.module, self.given, self.sizes = exercise, module, [*given, *more], names_of_sizes
        self.more = range(len(given), len(self.given))
        self.budget, self.claims, self.edits = Budget(LINES), Budget(LINES), EDITS
        for function in functions:
            count_lines(function)
        self.codes = {function: compile_function(function) for function in functions}
        self.known, self.before = {}, {}  # by trial: see `known_results` and `compare_entries`
        self.changes, self.values = {*changes}, {}  # values: by trial, what an edit may put in, by hidden names
        if changes:  # then the numbers count alone
            rights = [self.run_trial(t, self.codes.values())[0] for t in range(len(rights))]
        all_of, ended = set(exercise.gives), len(given) - len(rights)  # trials that an error has kept from being run
        self.had_in = [*rights, *[all_of] * ended]
        rights = [*rights, *[set()] * ended]
        wrong = next(t for t, right in enumerate(rights) if right < all_of)
        self.had = set.intersection(*rights)
        self.order = [wrong, *(t for t in range(len(given)) if t != wrong)]  # the first weeds out, all confirm

    @cached_property
    def line_counts(self):
        """How many lines the learner's own function runs, in each trial."""
        lines, budget = {}, self.budget
        for t in self.order:
            self.budget = Budget(LINES)
            self.run_trial(t, self.codes.values())
            lines[t] = LINES - self.budget.lines
        self.budget = budget
        return lines

    def compare_entries(self, t, results):
        """(what is right, the learner's own numbers, these) in trial t, each joined by `join_entries`."""
        if t not in self.before:
            kept, self.budget = self.budget, Budget(LINES)
            _, own = self.run_trial(t, self.codes.values())
            self.budget = kept
            self.before[t] = [join_entries(some, self.expected_results(t)) for some in (self.expected_results(t), own)]
        return *self.before[t], join_entries(results, self.expected_results(t))

    def compile_edited(self, edit):
        """The codes of all functions with an edit; None if it cannot be compiled."""
        functions = [one.function for one in (edit, *edit.also)]
        with suppress(SyntaxError, ValueError, TypeError), apply_edit(edit):
            return [compile_function(f) if f in functions else code for f, code in self.codes.items()]
        return None

    def try_edit(self, edit, is_left=False):
        """What comes of an edit: a `EditResult`. is_left: whether known mistakes are looked for, too."""
        if self.edits <= 0 or self.budget.lines <= 0:
            return EditResult()
        self.edits -= 1
        near, codes = 1.0, self.compile_edited(edit)
        if codes is None:
            return EditResult()
        right, left, gained, share = set(self.exercise.gives), None if is_left else set(), False, 0.0
        gain = Gain()
        for t in self.order:
            self.budget.limit = min(PATIENCE * self.line_counts[t] + GRACE, self.budget.lines)
            is_right, results = self.run_trial(t, codes)
            right &= is_right
            gained |= bool(is_right - self.had_in[t])
            left = self.find_mistakes(t, results) if left is None else left and left & self.find_mistakes(t, results)
            if is_left and not gain.lost:
                numbers = self.compare_entries(t, results)
                near = remaining_distance(*numbers) if t == self.order[0] else near
                gain.add(*numbers)
            if not (right > self.had or left or (is_left and gain.is_some)):
                return EditResult(near=near)
            if left and not is_right > self.had_in[t]:
                share = max(share, remaining_distance(*self.compare_entries(t, results)))
        right = right if right > self.had else set()
        return EditResult(right, left, gained, near, share, gain.is_many)

    def is_confirmed(self, edit, results):
        """Whether an edit makes these results right in all further trials, too."""
        return self.is_so_in_further(edit, lambda t, is_right, _: results <= is_right)

    def is_gain_confirmed(self, edit):
        """Whether an edit makes more numbers right in the further trials, too."""
        gain = Gain()
        self.is_so_in_further(edit, lambda t, _, results: gain.add(*self.compare_entries(t, results)) or not gain.lost)
        return gain.is_many

    def leaves_mistake(self, edit, mistake):
        """Whether with an edit the numbers are those of a known mistake in all further trials, too."""
        return self.is_so_in_further(edit, lambda t, _, found: mistake in self.find_mistakes(t, found))

    def is_so_in_further(self, edit, is_so):
        """Whether is_so(t, the right results, all results) in each further trial; not if the lines are used up."""
        codes, kept = self.compile_edited(edit), self.budget
        self.budget = self.claims
        try:
            for t in self.more:
                self.budget.limit = self.budget.lines
                if codes is None or not is_so(t, *self.run_trial(t, codes)):
                    return False
            return True
        finally:
            self.budget = kept

    def run_trial(self, t, codes):
        """Which results are right in trial t, and the results."""
        g = self.given[t]
        self.turns = 0
        names = {**vars(self.module), SPEND: self.spend, **{hide_name(n): vars(g)[n] for n in self.sizes}}
        names |= self.values.get(t, {})
        try:
            for code in codes:
                exec(code, names)
            results, changed = call(self.exercise, names[self.exercise.function.name], g)
            changed = {*changed} - self.changes
            return right_results(self.exercise, g, results, changed, CLOSE), [] if changed else results
        except BaseException:  # Stopped, too
            return set(), []
        finally:
            tracemalloc.stop()

    def find_mistakes(self, t, results):
        """The names of the known mistakes that give these results in trial t; none where all entries are one number,
        which says nothing: the mean of all p is 0.1, too."""
        numbers = flatten(results, self.expected_results(t))
        if numbers is None or np.ptp(numbers) == 0:
            return set()
        names, known = self.known_results(t)
        far = np.abs(known - numbers) > ROUNDING * np.abs(known).max(axis=1, keepdims=True)  # False beside NaN, too
        return {names[i] for i in np.flatnonzero(~far.any(axis=1)) if agree(numbers, known[i])}

    def known_results(self, t):
        """Of the known mistakes whose results have the right shapes in trial t: the names, and the results (K, N)."""
        if t not in self.known:
            rights, found = self.expected_results(t), []
            for mistake in self.exercise.known_mistakes:
                values = self.exercise.values(mistake, self.given[t])
                results = [values.get(*pair) for pair in zip(self.exercise.gives, rights, strict=True)]
                if (numbers := flatten(results, rights)) is not None:
                    found.append((mistake.name, numbers))
            names, numbers = zip(*found, strict=True)  # a factor changes no shape
            self.known[t] = names, np.array(numbers)
        return self.known[t]

    def expected_results(self, t):
        """The right results of trial t."""
        return [np.asarray(getattr(self.given[t], name), np.float64) for name in self.exercise.gives]

    def may_have(self, mistake):
        """Whether the learner's own function may have a known mistake: none of what that makes wrong is right in it."""
        t = self.order[0]
        wrong = dict(zip(*self.known_results(t), strict=True))[mistake]
        self.budget.limit = self.line_counts[t] + GRACE
        _, results = self.run_trial(t, self.codes.values())
        right, mine = (
            flatten(self.expected_results(t), self.expected_results(t)),
            flatten(results, self.expected_results(t)),
        )
        near = CLOSE * np.abs(right).max()
        return mine is None or not (np.abs(mine - right) <= near)[np.abs(wrong - right) > near].any()

    def spend(self, lines):
        """Lines are counted; and memory, but not before there is a loop, because to trace it takes time.

        In each turn a list may grow by a whole batch, so that the tenth would be too late.
        """
        self.turns += 1
        if self.turns == 3:
            tracemalloc.start()
        if tracemalloc.get_traced_memory()[0] > MEMORY:
            raise Stopped
        return self.budget.spend(lines)


def flatten(results, rights):
    """All numbers of some results in one array; None if they are not arrays of the right shapes."""
    if [getattr(result, "shape", None) for result in map(as_array, results)] != [right.shape for right in rights]:
        return None
    with suppress(TypeError, ValueError):  # of objects
        return np.concatenate([np.ravel(np.asarray(result, np.float64)) for result in results])


def join_entries(results, rights):
    """All numbers of some results in one array; nan for those that have another shape than the right ones."""
    if len(results) != len(rights):
        return np.full(sum(right.size for right in rights), np.nan)
    found = [flatten([one], [right]) for one, right in zip(results, rights, strict=True)]
    return np.concatenate([np.full(b.size, np.nan) if a is None else a for a, b in zip(found, rights, strict=True)])


def remaining_distance(right, before, after):
    """How far from right these numbers are, as a share of how far the learner's own are; 1 where some are none."""
    now, far = np.linalg.norm(after - right), np.linalg.norm(before - right)
    return now / far if far and np.isfinite(now / far) else 1.0


def compile_function(function):
    return compile(ast.Module([function], []), "an edit", "exec")


@contextmanager
def suppress_side_effects():
    """While it lasts, nothing is printed, and this thread writes no file and starts no process. Other threads, such as
    those of a server in the same process, do as before."""
    if not guard.installed:
        sys.addaudithook(guard)
        guard.installed = True
    dropped, before = io.StringIO(), guard.thread
    guard.thread = threading.get_ident()
    try:
        with redirect_stdout(dropped), redirect_stderr(dropped), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        guard.thread = before


def guard(event, arguments):
    """An audit hook, which Python asks before it does something to the machine."""
    if guard.thread != threading.get_ident():
        return
    if (event == "open" and not is_reading(*arguments[1:3])) or event.startswith(OUTSIDE):
        raise PermissionError(f"{event}: once is enough")


guard.thread, guard.installed = None, False
OUTSIDE = ("os.", "shutil.", "subprocess.", "socket.", "tempfile.", "signal.", "urllib.", "webbrowser.", "sqlite3.")


def is_reading(mode, flags):
    return mode in (None, "r", "rb") and not (flags or 0) & 0o3  # O_WRONLY, O_RDWR


# ---- what is said ----------------------------------------------------------------------------------------------------
def find_place(wrongs):
    """The place of a mistake: see `search`."""
    attempt, verdict = wrongs.attempt, wrongs.verdict
    may_be_two = verdict.name in FAR_OFF and not wrongs.unread
    changes = [] if verdict.name == "changes its input" else find_changed_inputs(wrongs)
    with suppress(Exception):  # then the others may find something
        return search(attempt.exercise, attempt.module, attempt.source, *make_trials(wrongs), may_be_two, changes)
    return None


def make_trials(wrongs):
    """What `search` takes: the trials that the learner's own function has seen, what it has right, and more trials."""
    exercise, attempt = wrongs.exercise, wrongs.attempt
    rights = [set(trial["right"]) for trial in wrongs.outcome.notes.trials]
    drawn, seen = exercise.draw(attempt.seed), max(2 * len(exercise.inputs), len(rights))
    fresh = [g for i in range(1, FRESH + 1) for g in exercise.iter_draws(attempt.seed + i)]
    return drawn[:seen], rights, [*drawn[seen:], *fresh]


def find_changed_inputs(wrongs):
    """The names of the inputs that the learner's own function changes in some trial."""
    return sorted({name for trial in wrongs.outcome.notes.trials for name in trial["changed"]})


def find(wrongs):
    """The `Verdict` that leads to that place; None if another finder says more."""
    place = wrongs.place
    if not place or ("nearer" in place and wrongs.departure):
        return None
    if "left" in place:
        _, mistake, is_always = sometimes.find_likeliest(wrongs)
        if mistake and mistake.name == place["left"] and not is_always:
            return None  # one mistake, and not two
    exercise, verdict = wrongs.exercise, wrongs.verdict
    kind, where, question = make_question(place, wrongs)
    first, *_ = verdict.text.split("\n")
    if "left" in place:
        left = next(mistake for mistake in exercise.known_mistakes if mistake.name == place["left"])
        ask = f"{in_words('the other one', name=left.name)} {left.beside}"
        text = f"{first}\n{in_words('one of two', where=capitalise(where))} {question}\n{ask}"
        asks = f"{capitalise(where)}. {question} {ask}"
        return Verdict(False, f"{kind}, and {left.name}", text, drawn=True, question=asks)
    if len(place["lines"]) > 1:
        what = "a part: of lines, each" if place.get("each") else "a part: of lines"
    else:
        what = "a part: of a line, each" if place.get("each") else "a part: of a line"
    what = in_words("a part" if place["part"] else what)
    names = place["results"]
    if "nearer" in place or "more" in place:
        then = in_words("nearer" if "nearer" in place else "right: more")
    elif verdict.name == "changes its input":
        changed = next(trial["changed"] for trial in wrongs.outcome.notes.trials if trial["changed"])
        kind, then, question = "a copy", in_words("unchanged", names=join_texts(changed)), PLACES["a copy"]
    elif set(names) == set(exercise.gives):
        then = in_words("right: all")
    else:
        then = in_words("right", names=join_texts(names))
    text = in_words("different", where=capitalise(where), what=what, then=then)
    if "alone" in place:
        text = in_words("look", where=where)
    asks = f"{capitalise(where)}. {question}"
    return Verdict(False, kind, f"{first}\n{text} {question}", drawn=True, question=asks)


def capitalise(text):
    return text[:1].upper() + text[1:]


def make_question(place, wrongs):
    """Of a place, see `describe_edits`: the kind of its edit, where it is, and what is asked there."""
    kind, part, lines = place["kind"], place["part"], list(map(str, place["lines"]))
    where = in_words("lines" if len(lines) > 1 else "line", lines=join_texts(lines))
    where = in_words("line: a part", where=where, part=part) if part else where
    if kind == "a sum" and has_length_1_error(wrongs):
        kind = "an axis"
    name = kind.partition(": ")[0]
    if kind == "a sum" and not has_sum(wrongs.exercise) and "sum" not in part:  # what is asked about should be there
        kind = "in one place"
    return name, where, PLACES[kind]


def has_length_1_error(wrongs):
    """Whether the first result that has a wrong shape lacks an axis of length 1, or has one too many."""
    for g, trial in zip(wrongs.exercise.draw(wrongs.seed), wrongs.outcome.notes.trials, strict=False):
        for name, result in zip(wrongs.exercise.gives, trial["results"], strict=False):
            shape, wanted = result.get("shape", ()), np.shape(getattr(g, name))
            if tuple(shape) != wanted:
                return [n for n in shape if n != 1] == [n for n in wanted if n != 1]
    return False
