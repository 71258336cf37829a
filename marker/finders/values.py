"""Which array of an answer, if it were different, would make all numbers right? The mistake is in the lines before.

An edit puts one slip right. This puts right what several lines have made, or a wrong idea: after each statement of an
answer, an array that it has written is replaced by one of the right answer's that has its shape. If what comes of that
is a known mistake, there are two.
"""

import ast

import numpy as np

from marker.budget import hide_name, put_in_place
from marker.equal import ROUNDING, agree, sizes
from marker.finders import depart, repair
from marker.finders.edits import Edit, make_method_call, make_name
from marker.verdict import Verdict, in_words


def find(wrongs):
    """The `Verdict` that also says after which line an array should be another one, and which known mistake is left."""
    found = None if wrongs.place else find_array(wrongs)
    return make_verdict(wrongs, *found) if found else None


def find_array(wrongs):
    """(an array's name, the line after which it should be another one, the lines that make it, the name of the known
    mistake that is left then, or ""); or None."""
    if not (way := wrongs.way):
        return None
    attempt = wrongs.attempt
    given, rights, more = repair.make_trials(wrongs)
    functions = [node for node in ast.parse(attempt.source).body if isinstance(node, ast.FunctionDef)]
    trial = repair.EditSearch(
        attempt.exercise, attempt.module, functions, given, more, [], rights, repair.find_changed_inputs(wrongs)
    )
    function = [f for f in functions if f.name == attempt.exercise.function.name][-1]
    found = []
    for i, name, edit, is_named in array_edits(function, way, trial, collect_values(trial, way)):
        tried = trial.try_edit(edit, is_left=True)
        if tried.right == set(attempt.exercise.gives) and trial.is_confirmed(edit, tried.right):
            return locate_array(way, i, name, "")
        for mistake in sorted(tried.left) if is_named and name not in attempt.exercise.gives else ():
            if not is_multiple(trial, mistake) and trial.leaves_mistake(edit, mistake):
                found.append((i, name, mistake))
    return locate_array(way, *found[0]) if found else None


def collect_values(trial, way):
    """[(a hidden name, its array in the first trial, the names that the right answer has for it)]: each array on the
    right answer's way that is neither a result nor given. trial.values has them for all trials."""
    exercise, first, found = trial.exercise, trial.order[0], []
    function, _ = depart.compile_right_answer(exercise)
    states = [depart.record_states(function, way.right, exercise, g) for g in trial.given]
    g = trial.given[first]
    seen = [
        np.asarray(one)
        for one in (*exercise.make_arguments(g).values(), *sizes(g).values())
        if depart.is_number(one, "fi")
    ]
    seen += trial.expected_results(first)
    for i, state in enumerate(states[first]):
        for name, a in state.items():
            if same := [names for _, other, names in found if np.array_equal(a, other)]:
                same[0].add(name)
            elif not any(a.size == one.size and agree(a.ravel(), one.ravel()) for one in seen):
                found.append((hide_name(f"right {len(found)}"), a, {name}))
                for t, of in enumerate(states):
                    trial.values.setdefault(t, {})[found[-1][0]] = of[i][name][()]
    return found


def array_edits(function, way, trial, values):
    """(step, name, `Edit`, whether the right answer has an array of that name) of each array that another one may
    replace after the step that writes it."""
    own, _, _ = way.states[0]
    for i, step in enumerate(way.mine[: -len(trial.exercise.gives)]):  # the last ones are of `return`
        for name in sorted(step.writes & own[i].keys()):
            mine = own[i][name]
            for key, a, names in sorted(values, key=lambda one: name not in one[2]):
                if a.shape == mine.shape and not np.array_equal(a, mine) and (i, name) not in way.is_right:
                    before, after = function.body[: i + 2], function.body[i + 2 :]  # the first counts lines
                    new = put_in_place(
                        before[-1], ast.Assign([ast.Name(name, ast.Store())], make_method_call(make_name(key), "copy"))
                    )
                    edit = Edit(0, "", (), vars(function), "body", [*before, new, *after], function)
                    yield i, name, edit, name in names


def is_multiple(trial, mistake):
    """Whether what a known mistake makes wrong is the right numbers times a factor: an array of another sign, which
    the lines after it turn, leaves that."""
    t = trial.order[0]
    wrong, right = (
        dict(zip(*trial.known_results(t), strict=True))[mistake],
        repair.flatten(trial.expected_results(t), trial.expected_results(t)),
    )
    is_off = np.abs(wrong - right) > ROUNDING * np.abs(right).max()
    wrong, right = wrong[is_off], right[is_off]
    return bool(right @ right) and agree(wrong, (wrong @ right) / (right @ right) * right)


def locate_array(way, i, name, left):
    _, lines = depart.trace_back(way, i + 1, name)
    return (name, way.mine[i].last, lines, left) if lines else None


def make_verdict(wrongs, name, line, lines, left):
    verdict, ask = wrongs.verdict, depart.ask_what_happens(lines)
    if not left:
        return verdict._replace(text=f"{verdict.text}\n{in_words('values', name=name, line=line)} {ask}")
    first, *_ = verdict.text.split("\n")
    left = next(mistake for mistake in wrongs.exercise.known_mistakes if mistake.name == left)
    where = in_words("values: not right", name=name, line=line)
    other = f"{in_words('the other one', name=left.name)} {left.beside}"
    text = f"{first}\n{in_words('one of two', where=where)} {ask}\n{other}"
    return Verdict(False, left.name, text, drawn=True, question=f"{where}. {ask} {other}")
