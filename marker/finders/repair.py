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

from marker.budget import SPEND_NAME, Budget, Stopped, add_spend_calls_in_place, make_hidden_name
from marker.compare import has_sum
from marker.equal import RELATIVE_TOLERANCE, agree, sizes
from marker.finders import sometimes
from marker.finders.edits import (
    MODULE_NAMES,
    apply_edit_temporarily,
    iter_edits,
    iter_edits_of_repeated_slips,
    list_names_in,
    span,
)
from marker.trial import convert_number_to_array, find_right_result_names, run_trial
from marker.verdict import FAR_OFF_MARKS, PLACES, Verdict, in_words
from marker.words import join_texts

# The budget counts lines, not seconds, so that a verdict is the same on a slow machine and in a browser.
MAX_EDITS = 2500  # single edits that are tried, and as many merged ones if no single edit is enough
# Most lines that all single edits may run, all merged edits, and all tests of claims. Each turn of a loop counts anew.
MAX_LINES = 150_000
MAX_LINES_RATIO = 3  # an edit is stopped after this many times the lines of the learner's own run,
N_EXTRA_LINES = 500  # plus this many
MAX_MEMORY_BYTES = 2**25  # allocated by an edit from a loop's third turn on; right answers need a hundredth of it
N_FRESH_DRAWS = 2  # further draws on which a claim is tested
MAX_REMAINING_DISTANCE = 0.5  # share of the distance to the right results that an edit leaves if it leads "nearer"
N_NEAREST_EDITS = 24  # edits whose pairs are tried
MIN_VALUES = 4  # different numbers; fewer may become right by chance
EXACT_TOLERANCE = 1e-11  # of the largest entry: numbers that were nearly right must become exactly right


class MistakePlace(NamedTuple):
    """The place of a mistake in the learner's lines, found by edits."""

    kind: str  # the kind of the edits: a row of the table "Places" in said.md
    lines: list  # their numbers
    part: str  # the smallest part of a line that all edits touch; "" if they are in several lines
    result_names: list  # the results that become right
    needs_all_lines: bool  # whether an edit is needed in each of these lines
    remaining_mistake: str = ""  # the name of the known mistake that remains, if there are two
    # What else an edit may do, if there are two mistakes and the other one is not known: "nearer", it brings the
    # results nearer to the right ones; "not nearer"; "more right", it makes some numbers right, but no result in all
    # trials.
    effect: str = "right"

    @property
    def is_only_mistake(self):
        return self.effect == "right" and not self.remaining_mistake


class SearchInputs(NamedTuple):
    """The trials on which edits are tried."""

    draws: list  # the inputs and right results of each trial
    # For each trial, the names of the results that the learner's function gets right. It is shorter if an error ended
    # the run.
    right_names_by_trial: list
    further_draws: list  # those of further trials, on which claims are tested
    changed_inputs: set = frozenset()  # the names of inputs that the function changes, if that is a separate mistake


def search_edits_for_place(exercise, module, source, search_inputs, may_be_two=True):
    """Return the `MistakePlace` where an edit makes results right; None if there is none.

    may_be_two: also search for two mistakes. If there seem to be two, the place is that of one of them.
    """
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    common_sizes = set.intersection(*map(set, map(sizes, search_inputs.draws)))
    names_of_sizes = [name for name in common_sizes if name not in exercise.takes]
    edit_search = EditSearch(exercise, module, functions, search_inputs, names_of_sizes)
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
                at_uses = find_edits_at_uses(edit_search, edits, complete, result_names)
                return make_place(at_uses or complete, source, result_names)
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
                return make_place(best, source, most_right - edit_search.right_before)
            partial_edits = [
                (edit, right) for edit, right in partial_edits if right != most_right or edit.rank != least_rank
            ]
        if not may_be_two:
            return None
        gaining = [edit for edit, result in results if result.is_gain and result.right != result_names]
        gaining = [edit for edit in gaining if edit.rank == gaining[0].rank and edit_search.is_gain_confirmed(edit)]
        if gaining:
            return make_place(gaining, source, ())._replace(effect="more right")
        pair = find_combined_edit(edit_search, results, result_names)
        return make_place([pair], source, result_names) if pair else None


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
    edit_search.budget = Budget(MAX_LINES)
    edit_search.n_edits_left = MAX_EDITS
    for edit in iter_edits_of_repeated_slips(edits):
        if edit_search.try_edit(edit).right == result_names and edit_search.is_confirmed(edit, result_names):
            return make_place([edit], source, result_names)
    # A mistake that remains after something was removed may be caused by that: now the mask is missing, for example.
    missing = set().union(*(result.mistakes for edit, result in results if removes_name(edit)))
    by_mistake = {}
    for edit, result in results:
        mistakes = result.mistakes - missing if is_unlikely_mistake(edit) else ()
        for mistake in mistakes:
            if mistake in by_mistake or edit_search.may_contain_mistake(mistake):
                by_mistake.setdefault(mistake, []).append((edit, result))
    for mistake, pairs in by_mistake.items():
        for candidates, remark in (
            ([edit for edit, result in pairs if result.has_gained], {"remaining_mistake": mistake}),
            ([edit for edit, result in pairs if result.distance < MAX_REMAINING_DISTANCE], {"effect": "nearer"}),
            (
                [edit for edit, _ in pairs if edit.kind != "a condition" and not changes_number_operand(edit)],
                {"effect": "not nearer"},
            ),
        ):
            # `results` has the likeliest edits first.
            candidates = [edit for edit in candidates if edit.rank == candidates[0].rank]
            candidates = [edit for edit in candidates if edit_search.leaves_mistake(edit, mistake)]
            if candidates:
                place = make_place(candidates, source, result_names)._replace(**remark)
                if place.part or place.effect != "not nearer":
                    return place
    return None


def find_combined_edit(edit_search, results, result_names):
    """Return a pair of edits that together make all results right, as one `Edit`; None if there is none.

    Only pairs of the edits that come nearest alone are tried.
    """
    by_distance = {}
    for edit, result in results:  # of edits with the same results, the likeliest
        if edit.rank < 3 and np.isfinite(result.first_distance) and abs(result.first_distance - 1) > RELATIVE_TOLERANCE:
            by_distance.setdefault(round(result.first_distance, 9), (result.first_distance, edit))
    nearest = [edit for _, edit in sorted(by_distance.values(), key=itemgetter(0))[:N_NEAREST_EDITS]]
    edit_search.budget = Budget(MAX_LINES // 3)
    edit_search.n_edits_left = N_NEAREST_EDITS**2
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
    return after - MODULE_NAMES < before - MODULE_NAMES


def make_place(edits, source, result_names):
    """Return the `MistakePlace` of these edits, each of which makes the results right.

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
    kinds = kinds - WEAK_EDIT_KINDS or kinds
    places = {edit.place for edit in inner}
    start = min(place[:2] for place in places)
    end = max(place[2:] for place in places)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.expr, ast.stmt))]
    enclosing = [span(node) for node in nodes if span(node)[:2] <= start and end <= span(node)[2:]]
    if len(places) == 1:
        (place,) = places
    elif enclosing:  # the smallest node around all of them
        place = min(enclosing, key=lambda position: (-position[0], -position[1], position[2:]))
    else:  # they are in two functions
        place = None
    is_in_one = place is not None and not any(isinstance(node, BLOCK_NODES) and span(node) == place for node in nodes)
    return MistakePlace(
        kinds.pop() if len(kinds) == 1 else "in one place",
        sorted({place[0], place[2]} if is_in_one else {edit.place[0] for edit in inner}),
        source_segment(source, place) if is_in_one else "",
        sorted(result_names),
        needs_all_lines=bool(several),
    )


BLOCK_NODES = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.With, ast.Try)
# Kinds that say little if an edit of another kind works, too: a term that is a number, for example.
WEAK_EDIT_KINDS = {"a constant", "a name", "a function", "a missing function", "a loop", "a factor: of a size"}


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
    first_distance: float = 1.0  # `Numbers.remaining_distance` in the first trial
    distance: float = 1.0  # the largest `Numbers.remaining_distance` of all trials
    is_gain: bool = False  # whether it makes more numbers right: see `Gain.is_beyond_chance`


class Numbers(NamedTuple):
    """The entries of all results of a trial, each as an array from `flatten_with_nan`."""

    right: np.ndarray
    before: np.ndarray  # those of the learner's function
    after: np.ndarray  # those with an edit

    @property
    def remaining_distance(self):
        """|after - right| / |before - right|, in Euclidean norms; 1 if that is not a finite number."""
        distance_after = np.linalg.norm(self.after - self.right)
        distance_before = np.linalg.norm(self.before - self.right)
        return (
            distance_after / distance_before
            if distance_before and np.isfinite(distance_after / distance_before)
            else 1.0
        )


class Gain:
    """Counts of the numbers that an edit changes and makes right, added up over trials."""

    def __init__(self):
        self.values = []
        self.changed = 0
        self.lost = False

    def add(self, numbers):
        """Add the `Numbers` of one trial."""
        right, before, after = numbers
        tolerance = EXACT_TOLERANCE * np.abs(right).max(initial=0)
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
        """True if it is a net gain and at least MIN_VALUES different nonzero numbers became right."""
        return self.is_net_gain and len({*self.values} - {0.0}) >= MIN_VALUES


class CodeRun(NamedTuple):
    """What the learner's functions, with or without an edit, return in one trial."""

    right_names: set  # the names of the right results
    results: list  # empty after an error, or if an input was changed


class KnownResults(NamedTuple):
    """The results of the K known mistakes whose results have the right shapes in a trial, of N entries together."""

    mistake_names: list
    matrix: np.ndarray  # (K, N)


class EditSearch:
    """Runs the learner's functions, with edits, on the inputs of each trial, within a budget of lines."""

    def __init__(self, exercise, module, functions, search_inputs, names_of_sizes=()):
        draws, right_names_by_trial, further_draws, changed_inputs = search_inputs
        self.exercise = exercise
        self.module = module
        self.draws = [*draws, *further_draws]
        self.sizes = names_of_sizes
        self.further = range(len(draws), len(self.draws))
        self.budget = Budget(MAX_LINES)
        self.claims_budget = Budget(MAX_LINES)
        self.n_edits_left = MAX_EDITS
        for function in functions:
            add_spend_calls_in_place(function)
        self.codes = {function: compile_to_code_object(function) for function in functions}
        self.known_by_trial = {}  # see `get_known_results`
        self.entries_by_trial = {}  # see `collect_numbers`
        self.changed_inputs = changed_inputs
        self.values_by_trial = {}  # {trial: {hidden name: value}} that an edit may insert
        if changed_inputs:  # then only the results count
            right_names_by_trial = [
                self.run_codes(t, self.codes.values()).right_names for t in range(len(right_names_by_trial))
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
            self.budget = Budget(MAX_LINES)
            self.run_codes(t, self.codes.values())
            lines[t] = MAX_LINES - self.budget.lines
        self.budget = budget
        return lines

    def collect_numbers(self, t, results):
        """Return the `Numbers` of trial t, with those in `results` after the edit."""
        if t not in self.entries_by_trial:
            budget_before = self.budget
            self.budget = Budget(MAX_LINES)
            own_results = self.run_codes(t, self.codes.values()).results
            self.budget = budget_before
            self.entries_by_trial[t] = [
                flatten_with_nan(values, self.list_expected_results(t))
                for values in (self.list_expected_results(t), own_results)
            ]
        return Numbers(*self.entries_by_trial[t], flatten_with_nan(results, self.list_expected_results(t)))

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
        if self.n_edits_left <= 0 or self.budget.lines <= 0:
            return EditResult()
        self.n_edits_left -= 1
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
            self.budget.limit = min(MAX_LINES_RATIO * self.line_counts_by_trial[t] + N_EXTRA_LINES, self.budget.lines)
            run = self.run_codes(t, codes)
            right &= run.right_names
            has_gained |= bool(run.right_names - self.right_before_in[t])
            if mistakes is None:
                mistakes = self.find_known_mistake_names(t, run.results)
            elif mistakes:
                mistakes &= self.find_known_mistake_names(t, run.results)
            if seeks_remaining_mistakes and not gain.lost:
                numbers = self.collect_numbers(t, run.results)
                first_distance = numbers.remaining_distance if t == self.order[0] else first_distance
                gain.add(numbers)
            if not (right > self.right_before or mistakes or (seeks_remaining_mistakes and gain.is_net_gain)):
                return EditResult(first_distance=first_distance)
            if mistakes and not run.right_names > self.right_before_in[t]:
                distance = max(distance, self.collect_numbers(t, run.results).remaining_distance)
        right = right if right > self.right_before else set()
        return EditResult(right, mistakes, has_gained, first_distance, distance, gain.is_beyond_chance)

    def is_confirmed(self, edit, result_names):
        """Return True if an edit makes these results right in all further trials as well."""
        return self.is_so_in_further(edit, lambda t, run: result_names <= run.right_names)

    def is_gain_confirmed(self, edit):
        """Return True if an edit makes more numbers right in the further trials as well."""
        gain = Gain()

        def add_to_gain(t, run):
            gain.add(self.collect_numbers(t, run.results))
            return not gain.lost

        self.is_so_in_further(edit, add_to_gain)
        return gain.is_beyond_chance

    def leaves_mistake(self, edit, mistake_name):
        """Return True if, with an edit, the results are those of a known mistake in all further trials as well."""
        return self.is_so_in_further(edit, lambda t, run: mistake_name in self.find_known_mistake_names(t, run.results))

    def is_so_in_further(self, edit, is_so):
        """Return True if is_so(t, its `CodeRun`) holds in each further trial t.

        Return False if the budget is used up.
        """
        codes = self.compile_codes_with_edit(edit)
        budget_before = self.budget
        self.budget = self.claims_budget
        try:
            for t in self.further:
                self.budget.limit = self.budget.lines
                if codes is None or not is_so(t, self.run_codes(t, codes)):
                    return False
            return True
        finally:
            self.budget = budget_before

    def run_codes(self, t, codes):
        """Run `codes` on trial t and return the `CodeRun`."""
        draw = self.draws[t]
        self.turns = 0
        names = vars(self.module) | {SPEND_NAME: self.spend}
        names |= {make_hidden_name(n): vars(draw)[n] for n in self.sizes}
        names |= self.values_by_trial.get(t, {})
        try:
            for code in codes:
                exec(code, names)
            result = run_trial(self.exercise, names[self.exercise.function.name], draw)
            result = result._replace(changed_inputs={*result.changed_inputs} - self.changed_inputs)
            right_names = find_right_result_names(self.exercise, draw, result, EXACT_TOLERANCE)
            return CodeRun(right_names, [] if result.changed_inputs else result.results)
        except BaseException:  # Stopped, too
            return CodeRun(set(), [])
        finally:
            tracemalloc.stop()

    def find_known_mistake_names(self, t, results):
        """Return the set of known mistakes, by name, that give these results in trial t.

        It is empty if all entries are equal, which proves nothing: the mean of all p is 0.1, too.
        """
        numbers = flatten(results, self.list_expected_results(t))
        if numbers is None or np.ptp(numbers) == 0:
            return set()
        names, rows = self.get_known_results(t)
        tolerances = RELATIVE_TOLERANCE * np.abs(rows).max(axis=1, keepdims=True)
        is_far = np.abs(rows - numbers) > tolerances  # also False for NaN
        return {names[i] for i in np.flatnonzero(~is_far.any(axis=1)) if agree(numbers, rows[i])}

    def find_results_with_mistake(self, t, mistake_name):
        """Return the entries of all results in trial t with a known mistake, as one array."""
        return dict(zip(*self.get_known_results(t), strict=True))[mistake_name]

    def get_known_results(self, t):
        """Return the `KnownResults` of trial t, which are cached."""
        if t not in self.known_by_trial:
            rights = self.list_expected_results(t)
            names = []
            rows = []  # never empty: a wrong factor changes no shape
            for mistake in self.exercise.known_mistakes:
                values = self.exercise.wrong_results_with_mistake(mistake, self.draws[t])
                results = [values.get(*pair) for pair in zip(self.exercise.gives, rights, strict=True)]
                numbers = flatten(results, rights)
                if numbers is not None:
                    names.append(mistake.name)
                    rows.append(numbers)
            self.known_by_trial[t] = KnownResults(names, np.array(rows))
        return self.known_by_trial[t]

    def list_expected_results(self, t):
        """Return the right results of trial t, as float64 arrays."""
        return [np.asarray(getattr(self.draws[t], name), np.float64) for name in self.exercise.gives]

    def may_contain_mistake(self, mistake_name):
        """Return True if the learner's function may contain a known mistake.

        It may not if any entry that the mistake makes wrong is right.
        """
        t = self.order[0]
        wrong = self.find_results_with_mistake(t, mistake_name)
        self.budget.limit = self.line_counts_by_trial[t] + N_EXTRA_LINES
        results = self.run_codes(t, self.codes.values()).results
        right = flatten(self.list_expected_results(t), self.list_expected_results(t))
        actual = flatten(results, self.list_expected_results(t))
        tolerance = EXACT_TOLERANCE * np.abs(right).max()
        return actual is None or not (np.abs(actual - right) <= tolerance)[np.abs(wrong - right) > tolerance].any()

    def spend(self, lines):
        """Count lines, and also memory from the third call on, because tracing memory is slow. Raises `Stopped`.

        A list may grow by a whole batch in each turn of a loop, so a check in the tenth turn would be too late.
        """
        self.turns += 1
        if self.turns == 3:
            tracemalloc.start()
        if tracemalloc.get_traced_memory()[0] > MAX_MEMORY_BYTES:
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
    if (event == "open" and not is_reading(*arguments[1:3])) or event.startswith(BLOCKED_EVENT_PREFIXES):
        raise PermissionError(f"{event}: once is enough")


audit_hook.thread = None
audit_hook.installed = False
BLOCKED_EVENT_PREFIXES = (
    "os.",
    "shutil.",
    "subprocess.",
    "socket.",
    "tempfile.",
    "signal.",
    "urllib.",
    "webbrowser.",
    "sqlite3.",
)


def is_reading(mode, flags):
    return mode in (None, "r", "rb") and not (flags or 0) & 0o3  # O_WRONLY, O_RDWR


# ---- the verdict -----------------------------------------------------------------------------------------------------
def find_mistake_place(finder_input):
    """Return the `MistakePlace`, or None: see `search_edits_for_place`."""
    attempt = finder_input.attempt
    may_be_two = finder_input.verdict.name in FAR_OFF_MARKS and not finder_input.unread_argument_names
    with suppress(Exception):  # then the other finders may find something
        search_inputs = collect_search_inputs(finder_input)
        return search_edits_for_place(attempt.exercise, attempt.module, attempt.source, search_inputs, may_be_two)
    return None


def collect_search_inputs(finder_input):
    """Return the `SearchInputs` for a learner's file."""
    exercise = finder_input.exercise
    attempt = finder_input.attempt
    trials = finder_input.outcome.notes.trials
    right_names_by_trial = [set(trial["right"]) for trial in trials]
    changed_inputs = set()
    if finder_input.verdict.name != "changes its input":
        changed_inputs = changed_inputs.union(*(trial["changed"] for trial in trials))
    draws = exercise.draw_trials(attempt.seed)
    n_seen = max(2 * len(exercise.inputs), len(right_names_by_trial))
    further_draws = [*draws[n_seen:]]
    for i in range(1, N_FRESH_DRAWS + 1):
        further_draws += exercise.iter_uncached_trials(attempt.seed + i)
    return SearchInputs(draws[:n_seen], right_names_by_trial, further_draws, changed_inputs)


def judge_mistake_place(finder_input):
    """Return the `Verdict` that points to the place where an edit makes results right.

    Return None if there is no such place, or if another finder says more.
    """
    place = finder_input.place
    if not place or (place.effect == "nearer" and finder_input.departure_verdict):
        return None
    if place.remaining_mistake:
        explanation = sometimes.find_likeliest_explanation(finder_input)
        if explanation and explanation.mistake.name == place.remaining_mistake and not explanation.is_always:
            return None  # one mistake, not two
    exercise = finder_input.exercise
    verdict = finder_input.verdict
    kind = "an axis" if place.kind == "a sum" and is_shape_right_if_squeezed(finder_input) else place.kind
    question = choose_question(kind, place.part, exercise)
    kind = kind.partition(": ")[0]
    location = describe_location(place)
    first_line, *_ = verdict.text.split("\n")
    if place.remaining_mistake:
        remaining = next(mistake for mistake in exercise.known_mistakes if mistake.name == place.remaining_mistake)
        other_question = f"{in_words('the other one', name=remaining.name)} {remaining.beside}"
        text = f"{first_line}\n{in_words('one of two', where=capitalise(location))} {question}\n{other_question}"
        whole_question = f"{capitalise(location)}. {question} {other_question}"
        return Verdict(False, f"{kind}, and {remaining.name}", text, drawn=True, question=whole_question)
    if len(place.lines) > 1:
        description = "a part: of lines, each" if place.needs_all_lines else "a part: of lines"
    else:
        description = "a part: of a line, each" if place.needs_all_lines else "a part: of a line"
    description = in_words("a part" if place.part else description)
    if place.effect == "nearer":
        consequence = in_words("nearer")
    elif place.effect == "more right":
        consequence = in_words("right: more")
    elif verdict.name == "changes its input":
        changed_inputs = next(trial["changed"] for trial in finder_input.outcome.notes.trials if trial["changed"])
        kind = "a copy"
        consequence = in_words("unchanged", names=join_texts(changed_inputs))
        question = PLACES["a copy"]
    elif set(place.result_names) == set(exercise.gives):
        consequence = in_words("right: all")
    else:
        consequence = in_words("right", names=join_texts(place.result_names))
    text = in_words("different", where=capitalise(location), what=description, then=consequence)
    if place.effect == "not nearer":
        text = in_words("look", where=location)
    whole_question = f"{capitalise(location)}. {question}"
    return Verdict(False, kind, f"{first_line}\n{text} {question}", drawn=True, question=whole_question)


def capitalise(text):
    return text[:1].upper() + text[1:]


def describe_location(place):
    """Return the lines of a `MistakePlace` as text, with the part of the line that it concerns."""
    lines = list(map(str, place.lines))
    location = in_words("lines" if len(lines) > 1 else "line", lines=join_texts(lines))
    return in_words("line: a part", where=location, part=place.part) if place.part else location


def choose_question(kind, part, exercise):
    """Return the question about a place. kind: the kind of the edits there; part: the part of the line."""
    if kind == "a sum" and not has_sum(exercise) and "sum" not in part:
        return PLACES["in one place"]  # do not ask about a sum that is not there
    return PLACES[kind]


def is_shape_right_if_squeezed(finder_input):
    """Return True if the first result with a wrong shape differs from the right shape only by axes of length 1."""
    for draw, trial in zip(
        finder_input.exercise.draw_trials(finder_input.seed), finder_input.outcome.notes.trials, strict=False
    ):
        for name, result in zip(finder_input.exercise.gives, trial["results"], strict=False):
            shape = result.get("shape", ())
            expected_shape = np.shape(getattr(draw, name))
            if tuple(shape) != expected_shape:
                return [n for n in shape if n != 1] == [n for n in expected_shape if n != 1]
    return False
