"""Repair: find an edit of a learner's own lines that makes the results right.

No list of known mistakes is complete. So if no known mistake explains the learner's results, `search_edits_for_place`
changes one thing in the syntax tree (an operand, an axis, a sign, a name, the range of a loop) and checks whether all
results are then right. If no edit does it, there may be two mistakes: the same slip in several places, an edit that
leaves a known mistake, or two of the edits that come nearest to the right results. The learner never sees the edit,
only where to look and a question about that place.

Such a statement is a claim, so it is first tested on inputs that the search has not used: `EditSearch.is_confirmed`.
Claims that were not tested are not made.
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

from marker.budget import SPEND, Budget, Stopped, add_spend_calls_in_place, make_hidden_name
from marker.compare import has_sum
from marker.equal import ROUNDING, agree, sizes
from marker.finders import sometimes
from marker.finders.edits import (
    MODULES,
    apply_edit_temporarily,
    iter_edits,
    iter_edits_of_repeated_slips,
    list_names_in,
    span,
)
from marker.trial import call_for_results_and_changes, convert_number_to_array, find_right_result_names
from marker.verdict import FAR_OFF, PLACES, Verdict, in_words
from marker.words import join_texts

# The budget counts lines, not seconds, so that a verdict is the same on a slow machine and in a browser.
EDITS = 2500  # most single edits that are tried, and most merged ones if no single edit is enough
# Most lines that all single edits may run, all merged edits, and all tests of claims. Each turn of a loop counts anew.
LINES = 150_000
PATIENCE = 3  # an edit is stopped after this many times the lines of the learner's own run,
GRACE = 500  # plus this many
MEMORY = 2**25  # bytes that an edit may allocate from a loop's third turn on; right answers need a hundredth of it
FRESH = 2  # further draws on which a claim is tested
NEARER = 0.5  # largest remaining share of the distance to the right results, for an edit that leads "nearer"
NEAREST = 24  # edits whose pairs are tried
FEW = 4  # different numbers; fewer may become right by chance
CLOSE = 1e-11  # tolerance relative to the largest entry: numbers that were nearly right must become exactly right


def search_edits_for_place(
    exercise, module, source, draws, right_names_by_trial, further_draws, may_be_two=True, changed_inputs=()
):
    """Return the place where an edit makes results right, as a dict (see `make_place_dict`); None if there is none.

    If there seem to be two mistakes, the place is that of one of them. Then it has one of these keys:
    "left": the name of the other one, which is a known mistake.
    "nearer": the other one is not known, and the edit brings the results nearer to the right ones.
    "alone": the other one is not known, and the edit does not bring the results nearer.
    "more": the edit makes some numbers right, but no result in all trials.

    draws: the inputs and right results of each trial. right_names_by_trial: for each trial, the names of the results
    that the learner's function gets right. It is shorter if an error ended the run. further_draws: those of further
    trials, on which claims are tested. may_be_two: also search for two mistakes. changed_inputs: the names of inputs
    that the function changes, if that is a separate mistake.
    """
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    names_of_sizes = [s for s in set.intersection(*map(set, map(sizes, draws))) if s not in exercise.takes]
    edit_search = EditSearch(
        exercise, module, functions, draws, further_draws, names_of_sizes, right_names_by_trial, changed_inputs
    )
    edits = []
    results = []
    result_names = set(exercise.gives)
    for function in functions:
        edits += iter_edits(function, source, exercise.stub, exercise.takes, sorted(names_of_sizes))
    edits.sort(key=attrgetter("rank"))
    with suppress_side_effects():
        for _, group in groupby(edits, key=attrgetter("rank")):
            results += [(edit, edit_search.try_edit(edit, seeks_remaining_mistakes=may_be_two)) for edit in group]
            complete = [edit for edit, result in results if result.right == result_names]
            complete = [edit for edit in complete if edit_search.is_confirmed(edit, result_names)]
            if complete:
                return make_place_dict(
                    find_edits_at_uses(edit_search, edits, complete, result_names) or complete, source, result_names
                )
        place = search_place_of_two(edit_search, edits, results, source, result_names) if may_be_two else None
        if place:
            return place
        partial_edits = [
            (edit, result.right) for edit, result in results if result.right and result.right != result_names
        ]
        while partial_edits:
            most_right = max(
                (right for _, right in partial_edits), key=lambda right: [name in right for name in exercise.gives]
            )
            least_rank = min(edit.rank for edit, right in partial_edits if right == most_right)
            best = [edit for edit, right in partial_edits if right == most_right and edit.rank == least_rank]
            best = [edit for edit in best if edit_search.is_confirmed(edit, most_right)]
            if best:
                return make_place_dict(best, source, most_right - edit_search.right_before)
            partial_edits = [
                (edit, right) for edit, right in partial_edits if right != most_right or edit.rank != least_rank
            ]
        if not may_be_two:
            return None
        gaining = [edit for edit, result in results if result.is_gain and result.right != result_names]
        gaining = [edit for edit in gaining if edit.rank == gaining[0].rank and edit_search.is_gain_confirmed(edit)]
        if gaining:
            return make_place_dict(gaining, source, ()) | {"more": True}
        pair = find_combined_edit(edit_search, results, result_names)
        return make_place_dict([pair], source, result_names) if pair else None


def find_edits_at_uses(edit_search, edits, complete_edits, result_names):
    """Return edits that add a factor where an array is used, in place of edits that add it where it is computed.

    The array itself may be right: it may be the mean of a product, for example, with the factor needed only later.
    edits: all edits; complete_edits: those that make all results right. Return [] if no such edit works.
    """
    operations = set()
    for edit in complete_edits:
        match edit.holder, edit.new:
            case {"targets": [ast.Name(name)]}, ast.BinOp(_, op, ast.Name(factor)) if edit.kind == "a factor":
                operations.add((name, type(op), factor))
    uses = []
    for edit in edits:
        match edit.holder[edit.key], edit.new:
            case ast.Name(name), ast.BinOp(ast.Name(operand), op, ast.Name(factor)) if name == operand:
                if (name, type(op), factor) in operations and edit_search.try_edit(edit).right == result_names:
                    uses.append(edit)
    return [edit for edit in uses if edit_search.is_confirmed(edit, result_names)]


def search_place_of_two(edit_search, edits, results, source, result_names):
    """Return the place of one of two mistakes, as `search_edits_for_place` does; else None.

    results: [(edit, its `EditResult`)].
    Not considered: edits that insert a name or a missing part, or change the kind of an assignment, since such an edit
    may itself be a mistake.
    """
    edit_search.budget = Budget(LINES)
    edit_search.edits = EDITS
    for edit in iter_edits_of_repeated_slips(edits):
        if edit_search.try_edit(edit).right == result_names and edit_search.is_confirmed(edit, result_names):
            return make_place_dict([edit], source, result_names)
    # A mistake that remains after something was removed may be caused by that: now the mask is missing, for example.
    missing = set().union(*(result.mistakes for edit, result in results if removes_name(edit)))
    by_mistake = {}
    for edit, result in results:
        mistakes = result.mistakes - missing if is_unlikely_mistake(edit) else ()
        for mistake in mistakes:
            if mistake in by_mistake or edit_search.may_contain_mistake(mistake):
                by_mistake.setdefault(mistake, []).append((edit, result))
    for mistake, pairs in by_mistake.items():
        for candidates, extra in (
            ([edit for edit, result in pairs if result.has_gained], {"left": mistake}),
            ([edit for edit, result in pairs if result.distance < NEARER], {"nearer": True}),
            (
                [edit for edit, _ in pairs if edit.kind != "a condition" and not changes_number_operand(edit)],
                {"alone": True},
            ),
        ):
            # `results` has the likeliest edits first.
            candidates = [edit for edit in candidates if edit.rank == candidates[0].rank]
            candidates = [edit for edit in candidates if edit_search.leaves_mistake(edit, mistake)]
            if candidates:
                place = make_place_dict(candidates, source, result_names) | extra
                if place["part"] or "alone" not in extra:
                    return place
    return None


def find_combined_edit(edit_search, results, result_names):
    """Return a pair of edits that together make all results right, as one `Edit`; None if there is none.

    Only pairs of the edits that come nearest alone are tried.
    """
    by_distance = {}
    for edit, result in results:  # of edits with the same results, the likeliest
        if edit.rank < 3 and np.isfinite(result.first_distance) and abs(result.first_distance - 1) > ROUNDING:
            by_distance.setdefault(round(result.first_distance, 9), (result.first_distance, edit))
    nearest = [edit for _, edit in sorted(by_distance.values(), key=itemgetter(0))[:NEAREST]]
    edit_search.budget = Budget(LINES // 3)
    edit_search.edits = NEAREST**2
    for i, j in sorted(combinations(range(len(nearest)), 2), key=sum):
        first_edit = nearest[i]
        second_edit = nearest[j]
        pair = first_edit._replace(also=(second_edit,))
        is_same = first_edit.holder is second_edit.holder and first_edit.key == second_edit.key
        if (
            not is_same
            and edit_search.try_edit(pair).right == result_names
            and edit_search.is_confirmed(pair, result_names)
        ):
            return pair
    return None


def is_unlikely_mistake(edit):
    """Return True if an edit is unlikely to be a mistake itself: see `search_place_of_two`."""
    return edit.rank < 2 and edit.kind not in ("an assignment", "a line in the loop") and not edit.is_in_test


def changes_number_operand(edit):
    """Return True if an edit changes a number that is an operand. Replaced by 0, it could remove a whole term."""
    return edit.kind == "a constant" and "op" in edit.holder


def removes_name(edit):
    """Return True if an edit removes a name from the code."""
    parts = (part if isinstance(part, list) else [part] for part in (edit.holder[edit.key], edit.new))
    before, after = (set(list_names_in(ast.Module(part, []))) for part in parts)
    return after - MODULES < before - MODULES


def make_place_dict(edits, source, result_names):
    """Return a dict that describes the place of these edits, each of which makes the results right.

    {"kind": the kind of edit, "lines": their numbers, "part": the smallest part of a line that all edits touch, or ""
    if they are in several lines, "results": the names of the results that become right, "each": whether an edit is
    needed in each of these lines}

    edits: a list, or a single merged edit in a list.
    """
    several = edits[0].also
    if several:  # all of them are needed, the outer ones, too
        inner = [edits[0], *several]
    else:
        all_places = [edit.place for edit in edits]
        inner = []
        for edit in edits:
            if not any(is_within(place, edit.place) for place in all_places):
                inner.append(edit)
    kinds = {edit.kind for edit in inner}
    kinds = kinds - WEAK or kinds
    places = {edit.place for edit in inner}
    start = min(place[:2] for place in places)
    end = max(place[2:] for place in places)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.expr, ast.stmt))]
    enclosing = [span(node) for node in nodes if span(node)[:2] <= start and end <= span(node)[2:]]
    if len(places) == 1:
        (place,) = places
    else:  # the smallest node around all of them
        place = min(enclosing, key=lambda position: (-position[0], -position[1], position[2:]))
    is_in_one = not any(isinstance(node, BLOCKS) and span(node) == place for node in nodes)
    return {
        "kind": kinds.pop() if len(kinds) == 1 else "in one place",
        "lines": sorted({place[0], place[2]} if is_in_one else {edit.place[0] for edit in inner}),
        "part": source_segment(source, place) if is_in_one else "",
        "results": sorted(result_names),
        "each": bool(several),
    }


BLOCKS = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.With, ast.Try)
# Kinds that say little if an edit of another kind works, too: a term that is a number, for example.
WEAK = {"a constant", "a name", "a function", "a missing function", "a loop", "a factor: of a size"}


def is_within(inner, outer):
    return inner != outer and outer[:2] <= inner[:2] and inner[2:] <= outer[2:]


def source_segment(source, place):
    """Return the source text of a place on one line, without unmatched parentheses, shortened to 90 characters."""
    lines = [line.encode() for line in source.splitlines()[place[0] - 1 : place[2]]]
    lines[-1] = lines[-1][: place[3]]
    lines[0] = lines[0][place[1] :]
    text = " ".join(b" ".join(lines).decode(errors="replace").split())
    text = text.lstrip(") ,").rstrip("( ,")
    return textwrap.shorten(text + ")" * (text.count("(") - text.count(")")), 90, placeholder=" ...")


class EditResult(NamedTuple):
    """Outcome of trying an edit."""

    right: set = frozenset()  # the results that are right in all trials; empty if they are no more than before
    mistakes: set = frozenset()  # the names of known mistakes that give exactly these results in all trials
    has_gained: bool = False  # whether a result is right in a trial in which it was wrong
    first_distance: float = 1.0  # `remaining_distance` in the first trial
    distance: float = 1.0  # the largest `remaining_distance` of all trials
    is_gain: bool = False  # whether it makes more numbers right: see `Gain.is_beyond_chance`


class Gain:
    """Counts of the numbers that an edit changes and makes right, added up over trials."""

    def __init__(self):
        self.values = []
        self.changed = 0
        self.lost = False

    def add(self, right, before, after):
        """Add the numbers of one trial, each argument an array as from `flatten_with_nan`.

        right: the right numbers; before: the learner's; after: those with the edit.
        """
        tolerance = CLOSE * np.abs(right).max(initial=0)
        was_right, is_right, is_unchanged = (
            np.abs(a - b) <= tolerance for a, b in ((before, right), (after, right), (before, after))
        )
        self.lost |= bool((was_right & ~is_right).any())
        self.changed += int((~is_unchanged).sum())
        self.values.extend(right[is_right & ~was_right])

    @property
    def is_net_gain(self):
        """True if no right number has become wrong, and at least half of the changed numbers are now right."""
        return not self.lost and 0 < self.changed <= 2 * len(self.values)

    @property
    def is_beyond_chance(self):
        """True if it is a net gain and at least FEW different nonzero numbers became right."""
        return self.is_net_gain and len({*self.values} - {0.0}) >= FEW


class EditSearch:
    """Runs the learner's functions, with edits, on the inputs of each trial, within a budget of lines."""

    def __init__(
        self, exercise, module, functions, draws, further_draws, names_of_sizes, right_names_by_trial, changed_inputs=()
    ):
        self.exercise = exercise
        self.module = module
        self.draws = [*draws, *further_draws]
        self.sizes = names_of_sizes
        self.further = range(len(draws), len(self.draws))
        self.budget = Budget(LINES)
        self.claims = Budget(LINES)
        self.edits = EDITS
        for function in functions:
            add_spend_calls_in_place(function)
        self.codes = {function: compile_to_code_object(function) for function in functions}
        self.known_by_trial = {}  # see `get_known_names_and_result_matrix`
        self.entries_by_trial = {}  # see `collect_right_own_and_new`
        self.changes = {*changed_inputs}
        self.values = {}  # {trial: {hidden name: value}} that an edit may insert
        if changed_inputs:  # then only the results count
            right_names_by_trial = [
                self.run_for_right_names_and_results(t, self.codes.values())[0]
                for t in range(len(right_names_by_trial))
            ]
        all_names = set(exercise.gives)
        n_not_run = len(draws) - len(right_names_by_trial)  # trials that were not run because of an error
        self.right_before_in = [*right_names_by_trial, *[all_names] * n_not_run]
        right_names_by_trial = [*right_names_by_trial, *[set()] * n_not_run]
        first_wrong = next(t for t, right in enumerate(right_names_by_trial) if right < all_names)
        self.right_before = set.intersection(*right_names_by_trial)
        # The first trial eliminates most edits, the others confirm.
        self.order = [first_wrong, *(t for t in range(len(draws)) if t != first_wrong)]

    @cached_property
    def line_counts_by_trial(self):
        """{trial: the number of lines that the learner's unedited function runs}"""
        lines = {}
        budget = self.budget
        for t in self.order:
            self.budget = Budget(LINES)
            self.run_for_right_names_and_results(t, self.codes.values())
            lines[t] = LINES - self.budget.lines
        self.budget = budget
        return lines

    def collect_right_own_and_new(self, t, results):
        """Return (the right numbers, the learner's, those in `results`) of trial t, as one array each."""
        if t not in self.entries_by_trial:
            budget_before = self.budget
            self.budget = Budget(LINES)
            _, own_results = self.run_for_right_names_and_results(t, self.codes.values())
            self.budget = budget_before
            self.entries_by_trial[t] = [
                flatten_with_nan(values, self.list_expected_results(t))
                for values in (self.list_expected_results(t), own_results)
            ]
        return *self.entries_by_trial[t], flatten_with_nan(results, self.list_expected_results(t))

    def compile_codes_with_edit(self, edit):
        """Return the code objects of all functions, with an edit made; None if it cannot be compiled."""
        functions = [single.function for single in (edit, *edit.also)]
        with suppress(SyntaxError, ValueError, TypeError), apply_edit_temporarily(edit):
            return [compile_to_code_object(f) if f in functions else code for f, code in self.codes.items()]
        return None

    def try_edit(self, edit, seeks_remaining_mistakes=False):
        """Apply an edit, run the trials and return the `EditResult`.

        seeks_remaining_mistakes: also look for known mistakes that remain.
        """
        if self.edits <= 0 or self.budget.lines <= 0:
            return EditResult()
        self.edits -= 1
        first_distance = 1.0
        codes = self.compile_codes_with_edit(edit)
        if codes is None:
            return EditResult()
        right = set(self.exercise.gives)
        mistakes = None if seeks_remaining_mistakes else set()
        has_gained = False
        distance = 0.0
        gain = Gain()
        for t in self.order:
            self.budget.limit = min(PATIENCE * self.line_counts_by_trial[t] + GRACE, self.budget.lines)
            is_right, results = self.run_for_right_names_and_results(t, codes)
            right &= is_right
            has_gained |= bool(is_right - self.right_before_in[t])
            mistakes = (
                self.find_known_mistake_names(t, results)
                if mistakes is None
                else mistakes and mistakes & self.find_known_mistake_names(t, results)
            )
            if seeks_remaining_mistakes and not gain.lost:
                numbers = self.collect_right_own_and_new(t, results)
                first_distance = remaining_distance(*numbers) if t == self.order[0] else first_distance
                gain.add(*numbers)
            if not (right > self.right_before or mistakes or (seeks_remaining_mistakes and gain.is_net_gain)):
                return EditResult(first_distance=first_distance)
            if mistakes and not is_right > self.right_before_in[t]:
                distance = max(distance, remaining_distance(*self.collect_right_own_and_new(t, results)))
        right = right if right > self.right_before else set()
        return EditResult(right, mistakes, has_gained, first_distance, distance, gain.is_beyond_chance)

    def is_confirmed(self, edit, result_names):
        """Return True if an edit makes these results right in all further trials as well."""
        return self.is_so_in_further(edit, lambda t, is_right, _: result_names <= is_right)

    def is_gain_confirmed(self, edit):
        """Return True if an edit makes more numbers right in the further trials as well."""
        gain = Gain()
        self.is_so_in_further(
            edit, lambda t, _, results: gain.add(*self.collect_right_own_and_new(t, results)) or not gain.lost
        )
        return gain.is_beyond_chance

    def leaves_mistake(self, edit, mistake_name):
        """Return True if, with an edit, the results are those of a known mistake in all further trials as well."""
        return self.is_so_in_further(edit, lambda t, _, found: mistake_name in self.find_known_mistake_names(t, found))

    def is_so_in_further(self, edit, is_so):
        """Return True if is_so(t, names of right results, results) holds in each further trial t.

        Return False if the budget is used up.
        """
        codes = self.compile_codes_with_edit(edit)
        budget_before = self.budget
        self.budget = self.claims
        try:
            for t in self.further:
                self.budget.limit = self.budget.lines
                if codes is None or not is_so(t, *self.run_for_right_names_and_results(t, codes)):
                    return False
            return True
        finally:
            self.budget = budget_before

    def run_for_right_names_and_results(self, t, codes):
        """Run `codes` on trial t, and return (the set of names of right results, the list of results)."""
        g = self.draws[t]
        self.turns = 0
        names = {**vars(self.module), SPEND: self.spend, **{make_hidden_name(n): vars(g)[n] for n in self.sizes}}
        names |= self.values.get(t, {})
        try:
            for code in codes:
                exec(code, names)
            results, changed_inputs = call_for_results_and_changes(self.exercise, names[self.exercise.function.name], g)
            changed_inputs = {*changed_inputs} - self.changes
            return find_right_result_names(
                self.exercise, g, results, changed_inputs, CLOSE
            ), [] if changed_inputs else results
        except BaseException:  # Stopped, too
            return set(), []
        finally:
            tracemalloc.stop()

    def find_known_mistake_names(self, t, results):
        """Return the set of known mistakes, by name, that give these results in trial t.

        It is empty if all entries are equal, which proves nothing: the mean of all p is 0.1, too.
        """
        numbers = flatten(results, self.list_expected_results(t))
        if numbers is None or np.ptp(numbers) == 0:
            return set()
        names, known_rows = self.get_known_names_and_result_matrix(t)
        is_far = np.abs(known_rows - numbers) > ROUNDING * np.abs(known_rows).max(
            axis=1, keepdims=True
        )  # also False for NaN
        return {names[i] for i in np.flatnonzero(~is_far.any(axis=1)) if agree(numbers, known_rows[i])}

    def get_known_names_and_result_matrix(self, t):
        """Return (names, results (K, N)) of the K known mistakes whose results have the right shapes in trial t.

        N is the number of entries of all results together. Cached by trial.
        """
        if t not in self.known_by_trial:
            rights = self.list_expected_results(t)
            rows = []
            for mistake in self.exercise.known_mistakes:
                values = self.exercise.wrong_results_with_mistake(mistake, self.draws[t])
                results = [values.get(*pair) for pair in zip(self.exercise.gives, rights, strict=True)]
                numbers = flatten(results, rights)
                if numbers is not None:
                    rows.append((mistake.name, numbers))
            names, numbers = zip(*rows, strict=True)  # never empty: a wrong factor changes no shape
            self.known_by_trial[t] = names, np.array(numbers)
        return self.known_by_trial[t]

    def list_expected_results(self, t):
        """Return the right results of trial t, as float64 arrays."""
        return [np.asarray(getattr(self.draws[t], name), np.float64) for name in self.exercise.gives]

    def may_contain_mistake(self, mistake_name):
        """Return True if the learner's function may contain a known mistake.

        It may not if any entry that the mistake makes wrong is right.
        """
        t = self.order[0]
        wrong = dict(zip(*self.get_known_names_and_result_matrix(t), strict=True))[mistake_name]
        self.budget.limit = self.line_counts_by_trial[t] + GRACE
        _, results = self.run_for_right_names_and_results(t, self.codes.values())
        right = flatten(self.list_expected_results(t), self.list_expected_results(t))
        actual = flatten(results, self.list_expected_results(t))
        tolerance = CLOSE * np.abs(right).max()
        return actual is None or not (np.abs(actual - right) <= tolerance)[np.abs(wrong - right) > tolerance].any()

    def spend(self, lines):
        """Count lines, and also memory from the third call on, because tracing memory is slow. Raises `Stopped`.

        A list may grow by a whole batch in each turn of a loop, so a check in the tenth turn would be too late.
        """
        self.turns += 1
        if self.turns == 3:
            tracemalloc.start()
        if tracemalloc.get_traced_memory()[0] > MEMORY:
            raise Stopped
        return self.budget.spend(lines)


def flatten(results, expected_results):
    """Return the entries of all results as one float64 array; None if some are not arrays of the right shapes."""
    if [getattr(result, "shape", None) for result in map(convert_number_to_array, results)] != [
        right.shape for right in expected_results
    ]:
        return None
    with suppress(TypeError, ValueError):  # an array of objects
        return np.concatenate([np.ravel(np.asarray(result, np.float64)) for result in results])


def flatten_with_nan(results, expected_results):
    """Return the entries of all results as one array, with nan in place of a result that has a wrong shape."""
    if len(results) != len(expected_results):
        return np.full(sum(right.size for right in expected_results), np.nan)
    flat_results = [flatten([value], [right]) for value, right in zip(results, expected_results, strict=True)]
    return np.concatenate(
        [np.full(b.size, np.nan) if a is None else a for a, b in zip(flat_results, expected_results, strict=True)]
    )


def remaining_distance(right, before, after):
    """Return |after - right| / |before - right|, in Euclidean norms; 1 if that is not a finite number.

    before: the learner's own results; after: those with an edit.
    """
    distance_after = np.linalg.norm(after - right)
    distance_before = np.linalg.norm(before - right)
    return (
        distance_after / distance_before if distance_before and np.isfinite(distance_after / distance_before) else 1.0
    )


def compile_to_code_object(function):
    return compile(ast.Module([function], []), "an edit", "exec")


@contextmanager
def suppress_side_effects():
    """Context manager: nothing is printed, and this thread cannot write files or start processes.

    Other threads are not affected, such as those of a server in the same process.
    """
    if not audit_hook.installed:
        sys.addaudithook(audit_hook)
        audit_hook.installed = True
    sink = io.StringIO()
    thread_before = audit_hook.thread
    audit_hook.thread = threading.get_ident()
    try:
        with redirect_stdout(sink), redirect_stderr(sink), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        audit_hook.thread = thread_before


def audit_hook(event, arguments):
    """A Python audit hook. It raises PermissionError if this thread tries to write a file or to start a process."""
    if audit_hook.thread != threading.get_ident():
        return
    if (event == "open" and not is_reading(*arguments[1:3])) or event.startswith(OUTSIDE):
        raise PermissionError(f"{event}: once is enough")


audit_hook.thread = None
audit_hook.installed = False
OUTSIDE = ("os.", "shutil.", "subprocess.", "socket.", "tempfile.", "signal.", "urllib.", "webbrowser.", "sqlite3.")


def is_reading(mode, flags):
    return mode in (None, "r", "rb") and not (flags or 0) & 0o3  # O_WRONLY, O_RDWR


# ---- the verdict -----------------------------------------------------------------------------------------------------
def find_mistake_place(finder_input):
    """Return the place of a mistake as a dict, or None: see `search_edits_for_place`."""
    attempt = finder_input.attempt
    verdict = finder_input.verdict
    may_be_two = verdict.name in FAR_OFF and not finder_input.unread_argument_names
    changed_inputs = [] if verdict.name == "changes its input" else list_changed_input_names(finder_input)
    with suppress(Exception):  # then the other finders may find something
        return search_edits_for_place(
            attempt.exercise,
            attempt.module,
            attempt.source,
            *collect_search_inputs(finder_input),
            may_be_two,
            changed_inputs,
        )
    return None


def collect_search_inputs(finder_input):
    """Return (draws, rights_by_trial, further_draws), as `search_edits_for_place` takes them."""
    exercise = finder_input.exercise
    attempt = finder_input.attempt
    right_names_by_trial = [set(trial["right"]) for trial in finder_input.outcome.notes.trials]
    draws = exercise.draw_trials(attempt.seed)
    n_seen = max(2 * len(exercise.inputs), len(right_names_by_trial))
    further_draws = [*draws[n_seen:]]
    for i in range(1, FRESH + 1):
        further_draws += exercise.iter_uncached_trials(attempt.seed + i)
    return draws[:n_seen], right_names_by_trial, further_draws


def list_changed_input_names(finder_input):
    """Return the sorted names of the inputs that the learner's function changes in any trial."""
    return sorted(set().union(*(trial["changed"] for trial in finder_input.outcome.notes.trials)))


def judge_place(finder_input):
    """Return the `Verdict` that points to the place where an edit makes results right.

    Return None if there is no such place, or if another finder says more.
    """
    place = finder_input.place
    if not place or ("nearer" in place and finder_input.departure_verdict):
        return None
    if "left" in place:
        explanation = sometimes.find_likeliest_explanation(finder_input)
        if explanation and explanation.mistake.name == place["left"] and not explanation.is_always:
            return None  # one mistake, not two
    exercise = finder_input.exercise
    verdict = finder_input.verdict
    kind, location, question = make_kind_where_and_question(place, finder_input)
    first_line, *_ = verdict.text.split("\n")
    if "left" in place:
        remaining = next(mistake for mistake in exercise.known_mistakes if mistake.name == place["left"])
        other_question = f"{in_words('the other one', name=remaining.name)} {remaining.beside}"
        text = f"{first_line}\n{in_words('one of two', where=capitalise(location))} {question}\n{other_question}"
        whole_question = f"{capitalise(location)}. {question} {other_question}"
        return Verdict(False, f"{kind}, and {remaining.name}", text, drawn=True, question=whole_question)
    if len(place["lines"]) > 1:
        description = "a part: of lines, each" if place.get("each") else "a part: of lines"
    else:
        description = "a part: of a line, each" if place.get("each") else "a part: of a line"
    description = in_words("a part" if place["part"] else description)
    names = place["results"]
    if "nearer" in place or "more" in place:
        consequence = in_words("nearer" if "nearer" in place else "right: more")
    elif verdict.name == "changes its input":
        changed_inputs = next(trial["changed"] for trial in finder_input.outcome.notes.trials if trial["changed"])
        kind = "a copy"
        consequence = in_words("unchanged", names=join_texts(changed_inputs))
        question = PLACES["a copy"]
    elif set(names) == set(exercise.gives):
        consequence = in_words("right: all")
    else:
        consequence = in_words("right", names=join_texts(names))
    text = in_words("different", where=capitalise(location), what=description, then=consequence)
    if "alone" in place:
        text = in_words("look", where=location)
    whole_question = f"{capitalise(location)}. {question}"
    return Verdict(False, kind, f"{first_line}\n{text} {question}", drawn=True, question=whole_question)


def capitalise(text):
    return text[:1].upper() + text[1:]


def make_kind_where_and_question(place, finder_input):
    """Return (the edit's kind, its location as text, the question about it). place: from `make_place_dict`."""
    kind = place["kind"]
    part = place["part"]
    lines = list(map(str, place["lines"]))
    location = in_words("lines" if len(lines) > 1 else "line", lines=join_texts(lines))
    location = in_words("line: a part", where=location, part=part) if part else location
    if kind == "a sum" and is_shape_right_if_squeezed(finder_input):
        kind = "an axis"
    name = kind.partition(": ")[0]
    if (
        kind == "a sum" and not has_sum(finder_input.exercise) and "sum" not in part
    ):  # do not ask about a sum that is not there
        kind = "in one place"
    return name, location, PLACES[kind]


def is_shape_right_if_squeezed(finder_input):
    """Return True if the first result with a wrong shape differs from the right shape only by axes of length 1."""
    for g, trial in zip(
        finder_input.exercise.draw_trials(finder_input.seed), finder_input.outcome.notes.trials, strict=False
    ):
        for name, result in zip(finder_input.exercise.gives, trial["results"], strict=False):
            shape = result.get("shape", ())
            expected_shape = np.shape(getattr(g, name))
            if tuple(shape) != expected_shape:
                return [n for n in shape if n != 1] == [n for n in expected_shape if n != 1]
    return False
