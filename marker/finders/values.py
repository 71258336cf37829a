"""Find the array in an answer whose replacement makes all results right. The mistake is in the lines that compute it.

A single edit can only undo one slip. This finder also covers mistakes in several lines and wrong ideas. After each
statement of the learner's function, it replaces an array that the statement wrote by one of the same shape from the
right answer. If the results are then those of a known mistake, there are two mistakes.
"""

import ast
from typing import NamedTuple

import numpy as np

from marker.budget import copy_location_from, make_hidden_name
from marker.equal import RELATIVE_TOLERANCE, agree, sizes
from marker.finders import depart, repair
from marker.finders.edits import Edit, make_method_call, make_name
from marker.verdict import Verdict, in_words


class WrongArray(NamedTuple):
    """An array of the learner's function whose replacement makes the results right, or leaves one known mistake."""

    name: str
    line: int  # after which it should differ
    lines: set  # that compute it
    remaining_mistake: str  # the name of the known mistake that remains, or ""


class RightArray(NamedTuple):
    """An array that the right answer computes on the way: neither an argument nor a result."""

    hidden_name: str  # under which an edit inserts it
    names: set  # its names in the right answer
    by_trial: list  # its value in each trial


class Replacement(NamedTuple):
    """An edit that replaces an array of the learner's function, directly after the step that writes it."""

    step: int  # its index
    name: str
    edit: Edit
    is_named: bool  # whether the right answer gives the new array the same name


def judge_array(finder_input):
    """Return the verdict with a sentence added: after which line an array should be different. None if there is none.

    If a known mistake remains with the right array, it is named, too.
    """
    wrong_array = None if finder_input.place else find_wrong_array(finder_input)
    return make_array_verdict(finder_input, wrong_array) if wrong_array else None


def find_wrong_array(finder_input):
    """Return the `WrongArray`; None if there is none."""
    answer_trace = finder_input.answer_trace
    if not answer_trace:
        return None
    attempt = finder_input.attempt
    exercise = attempt.exercise
    functions = [node for node in ast.parse(attempt.source).body if isinstance(node, ast.FunctionDef)]
    search_inputs = repair.collect_search_inputs(finder_input)
    edit_search = repair.EditSearch(exercise, attempt.module, functions, search_inputs)
    right_arrays = list_right_arrays(edit_search, answer_trace)
    for t in range(len(edit_search.draws)):
        edit_search.values_by_trial[t] = {array.hidden_name: array.by_trial[t] for array in right_arrays}
    function = [f for f in functions if f.name == exercise.function.name][-1]
    candidates = []
    for replacement in iter_replacements(function, answer_trace, edit_search, right_arrays):
        edit = replacement.edit
        result = edit_search.try_edit(edit, seeks_remaining_mistakes=True)
        if result.right == set(exercise.gives) and edit_search.is_confirmed(edit, result.right):
            return make_wrong_array(answer_trace, replacement, "")
        can_be_two = replacement.is_named and replacement.name not in exercise.gives
        for mistake in sorted(result.mistakes) if can_be_two else ():
            if not is_mistake_only_a_factor(edit_search, mistake) and edit_search.leaves_mistake(edit, mistake):
                candidates.append((replacement, mistake))
    return make_wrong_array(answer_trace, *candidates[0]) if candidates else None


def list_right_arrays(edit_search, answer_trace):
    """Return the `RightArray`s. Those that are equal in the first trial count as one."""
    exercise = edit_search.exercise
    first_trial = edit_search.order[0]
    right_arrays = []
    function = depart.make_right_function(exercise)
    states = [depart.trace_states(function, answer_trace.right, exercise, draw) for draw in edit_search.draws]
    draw = edit_search.draws[first_trial]
    known_arrays = [
        np.asarray(array)
        for array in (*exercise.copy_arguments_by_name(draw).values(), *sizes(draw).values())
        if depart.is_number(array, "fi")
    ]
    known_arrays += edit_search.list_expected_results(first_trial)
    for i, state in enumerate(states[first_trial]):
        for name, a in state.items():
            same = [array for array in right_arrays if np.array_equal(a, array.by_trial[first_trial])]
            if same:
                same[0].names.add(name)
            elif not any(a.size == array.size and agree(a.ravel(), array.ravel()) for array in known_arrays):
                hidden_name = make_hidden_name(f"right {len(right_arrays)}")
                by_trial = [trial_states[i][name][()] for trial_states in states]
                right_arrays.append(RightArray(hidden_name, {name}, by_trial))
    return right_arrays


def iter_replacements(function, answer_trace, edit_search, right_arrays):
    """Yield each possible `Replacement` of an array by a `RightArray` of the same shape.

    function: the learner's, as a tree.
    """
    first_trial = edit_search.order[0]
    own_states = answer_trace.states[0].mine
    for i, step in enumerate(answer_trace.mine[: -len(edit_search.exercise.gives)]):  # without those of `return`
        for name in sorted(step.writes & own_states[i].keys()):
            actual = own_states[i][name]
            for right_array in sorted(right_arrays, key=lambda array: name not in array.names):
                a = right_array.by_trial[first_trial]
                if a.shape == actual.shape and not np.array_equal(a, actual) and (i, name) not in answer_trace.is_right:
                    before = function.body[: i + 2]  # the function's first statement counts lines
                    after = function.body[i + 2 :]
                    value = make_method_call(make_name(right_array.hidden_name), "copy")
                    new = copy_location_from(before[-1], ast.Assign([ast.Name(name, ast.Store())], value))
                    edit = Edit(0, "", (), vars(function), "body", [*before, new, *after], function)
                    yield Replacement(i, name, edit, name in right_array.names)


def is_mistake_only_a_factor(edit_search, mistake_name):
    """Return True if a known mistake only multiplies right results by a factor.

    Replacing an array by its negative can have the same effect, so such a mistake proves nothing here.
    """
    t = edit_search.order[0]
    wrong = edit_search.find_results_with_mistake(t, mistake_name)
    right = repair.flatten(edit_search.list_expected_results(t), edit_search.list_expected_results(t))
    is_off = np.abs(wrong - right) > RELATIVE_TOLERANCE * np.abs(right).max()
    wrong = wrong[is_off]
    right = right[is_off]
    return bool(right @ right) and agree(wrong, (wrong @ right) / (right @ right) * right)


def make_wrong_array(answer_trace, replacement, remaining_mistake):
    """Return the `WrongArray` that a `Replacement` replaces; None if no lines compute it."""
    lines = depart.find_origin(answer_trace, replacement.step + 1, replacement.name).lines
    line = answer_trace.mine[replacement.step].last
    return WrongArray(replacement.name, line, lines, remaining_mistake) if lines else None


def make_array_verdict(finder_input, wrong_array):
    """Return the `Verdict` on a `WrongArray`."""
    verdict = finder_input.verdict
    position = {"name": wrong_array.name, "line": wrong_array.line}
    ask = depart.ask_what_happens(wrong_array.lines)
    if not wrong_array.remaining_mistake:
        return verdict._replace(text=f"{verdict.text}\n{in_words('values', **position)} {ask}")
    first_line, *_ = verdict.text.split("\n")
    mistakes = finder_input.exercise.known_mistakes
    remaining = next(mistake for mistake in mistakes if mistake.name == wrong_array.remaining_mistake)
    location = in_words("values: not right", **position)
    other_text = f"{in_words('the other one', name=remaining.name)} {remaining.beside}"
    text = f"{first_line}\n{in_words('one of two', where=location)} {ask}\n{other_text}"
    return Verdict(False, remaining.name, text, drawn=True, question=f"{location}. {ask} {other_text}")
