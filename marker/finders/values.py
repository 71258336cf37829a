"""Find the array in an answer whose replacement makes all results right. The mistake is in the lines that compute it.

A single edit can only undo one slip. This finder also covers mistakes in several lines and wrong ideas. After each
statement of the learner's function, it replaces an array that the statement wrote by one of the same shape from the
right answer. If the results are then those of a known mistake, there are two mistakes.
"""

import ast

import numpy as np

from marker.budget import copy_location_from, make_hidden_name
from marker.equal import ROUNDING, agree, sizes
from marker.finders import depart, repair
from marker.finders.edits import Edit, make_method_call, make_name
from marker.verdict import Verdict, in_words


def judge_array(finder_input):
    """Return the verdict with a sentence added: after which line an array should be different. None if there is none.

    If a known mistake remains with the right array, it is named, too.
    """
    result = None if finder_input.place else find_array_lines_and_mistake(finder_input)
    return make_verdict(finder_input, *result) if result else None


def find_array_lines_and_mistake(finder_input):
    """Find the array whose replacement makes the results right, or leaves one known mistake.

    Return (its name, the line after which it should differ, the lines that compute it, the name of the known mistake
    that remains or ""); None if there is no such array.
    """
    answer_trace = finder_input.answer_trace
    if not answer_trace:
        return None
    attempt = finder_input.attempt
    draws, right_names_by_trial, further_draws = repair.collect_search_inputs(finder_input)
    functions = [node for node in ast.parse(attempt.source).body if isinstance(node, ast.FunctionDef)]
    edit_search = repair.EditSearch(
        attempt.exercise,
        attempt.module,
        functions,
        draws,
        further_draws,
        [],
        right_names_by_trial,
        repair.list_changed_input_names(finder_input),
    )
    function = [f for f in functions if f.name == attempt.exercise.function.name][-1]
    candidates = []
    for i, name, edit, is_named in iter_steps_names_and_edits(
        function, answer_trace, edit_search, list_right_arrays_with_names(edit_search, answer_trace)
    ):
        result = edit_search.try_edit(edit, seeks_remaining_mistakes=True)
        if result.right == set(attempt.exercise.gives) and edit_search.is_confirmed(edit, result.right):
            return make_array_lines_and_mistake(answer_trace, i, name, "")
        mistakes = sorted(result.mistakes) if is_named and name not in attempt.exercise.gives else ()
        for mistake in mistakes:
            if not is_mistake_only_a_factor(edit_search, mistake) and edit_search.leaves_mistake(edit, mistake):
                candidates.append((i, name, mistake))
    return make_array_lines_and_mistake(answer_trace, *candidates[0]) if candidates else None


def list_right_arrays_with_names(edit_search, answer_trace):
    """Return [(a hidden name, its array in the first trial, the names of that array in the right answer)].

    They are the arrays that the right answer computes on the way: neither arguments nor results. `edit_search.values`
    gets them for all trials.
    """
    exercise = edit_search.exercise
    first_trial = edit_search.order[0]
    values = []
    function, _ = depart.make_right_function_and_source(exercise)
    states = [depart.trace_states(function, answer_trace.right, exercise, g) for g in edit_search.draws]
    g = edit_search.draws[first_trial]
    known_arrays = [
        np.asarray(array)
        for array in (*exercise.copy_arguments_by_name(g).values(), *sizes(g).values())
        if depart.is_number(array, "fi")
    ]
    known_arrays += edit_search.list_expected_results(first_trial)
    for i, state in enumerate(states[first_trial]):
        for name, a in state.items():
            same = [names for _, value, names in values if np.array_equal(a, value)]
            if same:
                same[0].add(name)
            elif not any(a.size == array.size and agree(a.ravel(), array.ravel()) for array in known_arrays):
                values.append((make_hidden_name(f"right {len(values)}"), a, {name}))
                for t, trial_states in enumerate(states):
                    edit_search.values.setdefault(t, {})[values[-1][0]] = trial_states[i][name][()]
    return values


def iter_steps_names_and_edits(function, answer_trace, edit_search, right_arrays):
    """Yield (step, name, `Edit`, whether the right answer has an array of that name) for each possible replacement.

    Each edit replaces the array `name` directly after the step that writes it. right_arrays: what
    `list_right_arrays_with_names` returns.
    """
    own_states, _, _ = answer_trace.states[0]
    for i, step in enumerate(answer_trace.mine[: -len(edit_search.exercise.gives)]):  # without those of `return`
        for name in sorted(step.writes & own_states[i].keys()):
            actual = own_states[i][name]
            for key, a, names in sorted(right_arrays, key=lambda row: name not in row[2]):
                if a.shape == actual.shape and not np.array_equal(a, actual) and (i, name) not in answer_trace.is_right:
                    before = function.body[: i + 2]  # the function's first statement counts lines
                    after = function.body[i + 2 :]
                    new = copy_location_from(
                        before[-1], ast.Assign([ast.Name(name, ast.Store())], make_method_call(make_name(key), "copy"))
                    )
                    edit = Edit(0, "", (), vars(function), "body", [*before, new, *after], function)
                    yield i, name, edit, name in names


def is_mistake_only_a_factor(edit_search, mistake_name):
    """Return True if a known mistake only multiplies right results by a factor.

    Replacing an array by its negative can have the same effect, so such a mistake proves nothing here.
    """
    t = edit_search.order[0]
    wrong = dict(zip(*edit_search.get_known_names_and_result_matrix(t), strict=True))[mistake_name]
    right = repair.flatten(edit_search.list_expected_results(t), edit_search.list_expected_results(t))
    is_off = np.abs(wrong - right) > ROUNDING * np.abs(right).max()
    wrong = wrong[is_off]
    right = right[is_off]
    return bool(right @ right) and agree(wrong, (wrong @ right) / (right @ right) * right)


def make_array_lines_and_mistake(answer_trace, i, name, remaining_mistake):
    """Return the result of `find_array_lines_and_mistake` for the array that step i writes.

    Return None if no lines compute it.
    """
    _, lines = depart.find_anchors_and_lines(answer_trace, i + 1, name)
    return (name, answer_trace.mine[i].last, lines, remaining_mistake) if lines else None


def make_verdict(finder_input, name, line, lines, remaining):
    """Return the `Verdict` on the result of `find_array_lines_and_mistake`.

    remaining: the name of the mistake that remains, or "".
    """
    verdict = finder_input.verdict
    ask = depart.ask_what_happens(lines)
    if not remaining:
        return verdict._replace(text=f"{verdict.text}\n{in_words('values', name=name, line=line)} {ask}")
    first_line, *_ = verdict.text.split("\n")
    remaining = next(mistake for mistake in finder_input.exercise.known_mistakes if mistake.name == remaining)
    location = in_words("values: not right", name=name, line=line)
    other_text = f"{in_words('the other one', name=remaining.name)} {remaining.beside}"
    text = f"{first_line}\n{in_words('one of two', where=location)} {ask}\n{other_text}"
    return Verdict(False, remaining.name, text, drawn=True, question=f"{location}. {ask} {other_text}")
