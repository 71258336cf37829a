"""Find the line up to which the arrays of the learner's function are those of the right answer.

The learner's function and the right answer run on the same inputs, and their arrays are compared after each statement.
A value that the right answer does not have is not necessarily a mistake, since there may be another right way. So the
verdict only mentions lines between arrays that are right and a result that is wrong, along the names that the
statements read.
"""

import ast
import sys
from contextlib import suppress
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from marker.equal import agree
from marker.finders.edits import list_names_in
from marker.verdict import FAR_OFF_MARKS, in_words

N_DRAWS = 2  # an array counts as right if it is right in all trials of this many draws
MIN_ENTRIES = 4  # fewer could be right by chance


class Step(NamedTuple):
    """A statement of a function."""

    first: int  # its first and last line
    last: int
    reads: set  # names
    writes: set


class TrialStates(NamedTuple):
    """The arrays of a trial after each step, [{name: array}]."""

    mine: list  # those of the learner's function
    right: list  # those of the right answer
    draw: Any


class Origin(NamedTuple):
    """Where a value comes from, along the names that the steps read."""

    anchors: set  # {(line, name)} of the arrays that are right
    lines: set  # between them and the value


class AnswerTrace(NamedTuple):
    """The arrays of the learner's function and of the right answer, after each statement."""

    mine: list  # the `Step`s of the learner's function
    right: list  # the `Step`s of the right answer
    states: list  # the `TrialStates` of several trials
    is_right: set  # {(step, name)} of the arrays that equal one of the right answer in all trials
    is_given: set  # {(step, name)} of the arrays that are only arguments


def judge_departure(finder_input):
    """Return the verdict with a sentence added: after which line arrays are right, and in which lines the mistake is.

    Return None if that cannot be determined.
    """
    if not finder_input.answer_trace:
        return None
    right = finder_input.outcome.notes.trials[find_first_wrong_trial_index(finder_input)]["right"]
    wrong_name = next(name for name in finder_input.exercise.gives if name not in right)
    origin = find_origin(finder_input.answer_trace, len(finder_input.answer_trace.mine), wrong_name)
    if not origin.anchors or not origin.lines:
        return None
    rights = sorted({name for _, name in origin.anchors})
    line = max(line for line, _ in origin.anchors)
    *names, last_name = [f"`{name}`" for name in rights][:4]
    kind = "departs: several" if names else "departs"
    if rights == [wrong_name]:
        kind = "departs: changed again"
    text = in_words(kind, names=", ".join(names), last=last_name, wrong=wrong_name)
    text = in_words("after line", line=line, text=text) if line < min(origin.lines) else text
    return finder_input.verdict._replace(text=f"{finder_input.verdict.text}\n{text} {ask_what_happens(origin.lines)}")


def ask_what_happens(lines):
    start = min(lines)
    end = max(lines)
    return in_words("what happens" if start == end else "what happens: lines", start=start, end=end)


def find_first_wrong_trial_index(finder_input):
    """Return the index of the first trial with a wrong result."""
    trials = finder_input.outcome.notes.trials
    return next(t for t, trial in enumerate(trials) if set(trial["right"]) < set(finder_input.exercise.gives))


def trace_answer(finder_input):
    """Return the `AnswerTrace` of the learner's function; None if it cannot be traced."""
    exercise = finder_input.exercise
    attempt = finder_input.attempt
    if finder_input.verdict.name not in FAR_OFF_MARKS or exercise.arguments or exercise.needs_torch:
        return None
    t = find_first_wrong_trial_index(finder_input)
    all_draws = [
        exercise.draw_trials(attempt.seed),
        *(list(exercise.iter_uncached_trials(attempt.seed + i)) for i in range(1, N_DRAWS)),
    ]
    first_draw = all_draws[0][t]
    draws = [first_draw, *(draw for draw in chain.from_iterable(all_draws) if draw is not first_draw)]
    name = exercise.function.name
    answer = make_right_function(exercise)
    if not isinstance(last_function(attempt.source, name).body[-1], ast.Return):
        return None
    own_steps = list_statement_steps(last_function(attempt.source, name), exercise.gives)
    right_steps = list_statement_steps(last_function(exercise.fill_stub(exercise.formula), name), exercise.gives)
    states = []
    for draw in draws:
        with suppress(Exception):  # some trials may raise an error
            own_states = trace_states(getattr(attempt.module, name), own_steps, exercise, draw)
            states.append(TrialStates(own_states, trace_states(answer, right_steps, exercise, draw), draw))
    if len(states) < N_DRAWS or states[0].draw is not draws[0]:
        return None
    written_names = []
    for i, step in enumerate(own_steps):
        written_names += [(i, name_written) for name_written in step.writes]
    is_right = {(i, n) for i, n in written_names if is_right_in_all(states, i, n, exercise)}
    is_given = {(i, n) for i, n in written_names if is_given_in_all(states, i, n, exercise)}
    return AnswerTrace(own_steps, right_steps, states, is_right, is_given)


def make_right_function(exercise):
    """Return the right answer in NumPy as a function."""
    names = {}
    exec(compile(exercise.fill_stub(exercise.formula), "the answer", "exec"), names)
    return names[exercise.function.name]


def last_function(source, name):
    """Return the last function of this name in some source code, as an `ast.FunctionDef`."""
    return [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == name][-1]


def list_statement_steps(function, gives):
    """Return the `Step`s of a function, one for each top-level statement, but for `return` one for each result."""
    result = []
    for node in function.body:
        if isinstance(node, ast.Return) and node.value:
            values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            values = values if len(values) == len(gives) else [node.value] * len(gives)
            for name, part in zip(gives, values, strict=True):
                lines = (0, 0) if isinstance(part, ast.Name) else (node.lineno, node.end_lineno)
                result.append(Step(*lines, set(list_names_in(part)), {name}))
            continue
        if isinstance(node, ast.FunctionDef):
            result.append(Step(node.lineno, node.end_lineno, set(list_names_in(node)), {node.name}))
            continue
        names_written = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        parts = [n for n in ast.walk(node) if isinstance(n, (ast.Subscript, ast.Attribute))]
        names_written |= {n.value.id for n in parts if isinstance(n.ctx, ast.Store) and isinstance(n.value, ast.Name)}
        reads = set(list_names_in(node)) - {n.target.id for n in ast.walk(node) if isinstance(n, ast.comprehension)
                                       and isinstance(n.target, ast.Name)}  # fmt: skip
        if isinstance(node, ast.Assign) and all(isinstance(target, (ast.Name, ast.Tuple)) for target in node.targets):
            reads = set(list_names_in(node.value))
        result.append(Step(node.lineno, node.end_lineno, reads, names_written))
    return result


def trace_states(function, steps, exercise, draw):
    """Run the function on the draw, and return [{name: array}], its variables after each step.

    steps: the `Step`s of the function.
    """
    states = [{} for _ in steps]
    firsts = {step.first: i for i, step in enumerate(steps) if step.first}
    current = None  # the step that runs

    def note(frame):
        if current is not None:
            states[current] = {name: np.array(a) for name, a in frame.f_locals.items() if is_number(a, "fi")}

    def trace(frame, event, argument):
        nonlocal current
        if frame.f_code is not function.__code__:
            return None
        if event == "line" and firsts.get(frame.f_lineno, current) != current:
            note(frame)
            current = firsts[frame.f_lineno]
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        results = function(*exercise.copy_arguments_by_name(draw).values())
    finally:
        sys.settrace(before)
    values = results if isinstance(results, (tuple, list)) else [results]
    for i, (name, a) in enumerate(zip(exercise.gives, values, strict=False), len(steps) - len(exercise.gives)):
        states[i] = {name: np.array(a)} if is_number(a) else {}
    return states


def is_number(value, kinds="f"):
    """Return True for a number or an array of numbers.

    kinds: the allowed NumPy kinds, "f" for floating point, "i" for integer.
    """
    return isinstance(value, (float, int, np.number, np.ndarray)) and np.asarray(value).dtype.kind in kinds


def is_right_in_all(states, i, name, exercise):
    """Return True if the array `name`, as step i wrote it, equals the same array of the right answer in all draws.

    If the right answer has an array of that name, it is compared with that one; otherwise with those whose names begin
    alike, if there are any; otherwise with all. In the first trial, the match must not be possible by chance. states:
    see `AnswerTrace`.
    """
    common_matches = None
    for own_states, right_states, draw in states:
        a = own_states[i].get(name)
        if a is None or a.dtype.kind != "f" or (common_matches is None and may_be_right_by_chance(a, exercise, draw)):
            return False
        names = set().union(*right_states)
        names = {name} & names or {n for n in names if n.startswith(name) or name.startswith(n)} or names
        matches = set()
        for j, state in enumerate(right_states):
            candidates = ((n, b) for n, b in state.items() if n in names and b.dtype.kind == "f")
            matches.update((j, n) for n, b in candidates if is_equal_if_squeezed(a, b))
        common_matches = matches if common_matches is None else common_matches & matches
    return bool(common_matches)


def may_be_right_by_chance(a, exercise, draw):
    """Return True if an array may equal another by chance, or is only an argument."""
    arguments = [np.asarray(v, np.float64) for v in exercise.copy_arguments_by_name(draw).values() if is_number(v)]
    finite = a[~np.isinf(a)]  # masked scores are -inf
    is_poor = finite.size < MIN_ENTRIES or np.ptp(finite) == 0 if a.ndim else not np.isfinite(a) or a == np.round(a)
    return is_poor or np.isnan(finite).any() or any(is_equal_if_squeezed(a, argument) for argument in arguments)


def is_given_in_all(states, i, name, exercise):
    """Return True if the variable `name`, as step i wrote it, is only an argument or a size, in all draws.

    The shape may differ from the argument's. states: see `AnswerTrace`.
    """
    for own_states, _, draw in states:
        a = own_states[i].get(name)
        if a is None:
            return False
        arguments = [np.asarray(v) for v in exercise.copy_arguments_by_name(draw).values() if is_number(v, "fi")]
        if not any(
            a.size == argument.size and np.array_equal(a.ravel(), argument.ravel()) for argument in arguments
        ) and (a.ndim or vars(draw).get(name) != a):
            return False
    return True


def is_equal_if_squeezed(a, b):
    """Return True if two arrays are equal apart from axes of length 1."""
    longer_of_a = [n for n in a.shape if n > 1]
    longer_of_b = [n for n in b.shape if n > 1]
    return longer_of_a == longer_of_b and agree(a.reshape(b.shape), b)


def find_origin(answer_trace, end, name_at_end):
    """Return the `Origin` of a name's value. It is empty if an array that is right changes before it is used.

    end: the index of the step before which the name has its value.
    """
    anchors = set()
    lines = set()
    visited = set()
    waiting = [(end, name_at_end)]
    while waiting:
        i, name = waiting.pop()
        writing_steps = [j for j in range(i) if name in answer_trace.mine[j].writes]
        if not writing_steps or (writing_steps[-1], name) in visited:
            continue  # an argument, or already visited
        j = writing_steps[-1]
        visited.add((j, name))
        if (j, name) in answer_trace.is_given:
            continue
        if (j, name) in answer_trace.is_right:
            if i < len(answer_trace.mine) and not is_unchanged(answer_trace, name, j, i):
                return Origin(set(), set())
            anchors.add((answer_trace.mine[j].last, name))
            continue
        lines |= {answer_trace.mine[j].first, answer_trace.mine[j].last} - {0}
        waiting += [(j, read_name) for read_name in answer_trace.mine[j].reads]
    return Origin(anchors, lines)


def is_unchanged(answer_trace, name, i, j):
    """Return True if the array `name` has the same value before step j as after step i, in all trials."""
    return all(
        name in states.mine[j - 1] and np.array_equal(states.mine[i][name], states.mine[j - 1][name])
        for states in answer_trace.states
    )
