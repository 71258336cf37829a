"""Compare what a learner's function returned with the right results, and if they differ, name the mistake.

A known mistake is named only if a function with that mistake returns the same numbers, to rounding, for the same
inputs. No ratio or threshold decides.
"""

import math
import re
from functools import partial
from itertools import permutations
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from marker.complaints import find_in_place_method
from marker.equal import RELATIVE_TOLERANCE, agree, sizes
from marker.factors import find_size_product
from marker.verdict import UNFINISHED_MARKS, Sentences, Verdict, wrong_verdict
from marker.words import SENTENCE_TABLES, join_texts

said = Sentences(SENTENCE_TABLES["Numbers"]).text


class Answer(NamedTuple):
    """The results of a learner's file, with what they are compared with."""

    exercise: Any
    draws: list  # the inputs and right results of each trial, then of each further trial
    trials: list  # the results of each trial, as `make_result_record` gives them, and as "numbers"
    further: list  # the same for further trials, which confirm a diagnosis
    typed: str  # the learner's own lines


def judge_trials(exercise, seed, outcome):
    """Return the `Verdict` on a file: on the results of all trials, an error that ended it, and later checks."""
    answer = make_answer(exercise, seed, outcome)
    draws = answer.draws
    trials = answer.trials
    for t, trial in enumerate(trials):
        verdict = judge_trial(answer, t)
        if verdict and trial["changed"] and verdict.name not in (*UNFINISHED_MARKS, "changes its input"):
            also = said("also changes", names=", ".join(trial["changed"]))
            verdict = verdict._replace(text=f"{verdict.text}\n{also}")
        if verdict:
            return refine_for_hardcoded_size(answer, verdict, t)
    if outcome.error:
        return refine_for_hardcoded_size(answer, outcome.error, len(trials))
    if len(trials) < len(exercise.draw_trials(seed)):
        raise ValueError("a trial is missing: the file wrote its result by itself")
    if exercise.tool and not outcome.notes.follows:
        return Verdict(False, exercise.tool.mark, exercise.tool.text)
    if outcome.notes.remembers:
        return wrong_verdict("remembers an earlier call")
    if outcome.notes.at_zero:
        kinks = join_texts(next(draw.kinks for draw in draws if hasattr(draw, "kinks")), "or")
        return wrong_verdict("not finite: at a kink", name=str(outcome.notes.at_zero[0]), kinks=kinks)
    return Verdict(True, "passed", "")


def list_assigned_names(code_text):
    """Return the names that are assigned in some lines, in order."""
    return re.findall(r"^\s*(\w+) *[-+*/@]?=(?!=)", code_text, re.MULTILINE)


def make_answer(exercise, seed, outcome):
    """Return the `Answer` that an `Outcome` holds."""
    trials = outcome.notes.trials
    further_trials = outcome.notes.further
    trials = [trial | {"numbers": collect_result_arrays(exercise, trial["results"])} for trial in trials]
    further_trials = [
        trial | {"numbers": collect_result_arrays(exercise, trial["results"])} for trial in further_trials
    ]
    draws = [*exercise.draw_trials(seed), *(exercise.draw_trials_of_next_seed(seed) if further_trials else ())]
    return Answer(exercise, draws, trials, further_trials, str(outcome.typed))


def collect_result_arrays(exercise, results):
    """Return {output: float64 array} of the results that have numbers."""
    pairs = zip(exercise.gives, results, strict=False)
    return {name: np.array(r["data"], np.float64).reshape(r["shape"]) for name, r in pairs if "data" in r}


def refine_for_hardcoded_size(answer, verdict, t):
    """Return `verdict`, or "a size written as a number" if that is likelier.

    It is likelier if trial t has other sizes than trial t - 1, and the file contains a size of trial t - 1 as a number.
    """
    is_general = verdict.name in ("not right", "wrong shape", "transposed") or verdict.name == "error"
    typed_numbers = find_whole_numbers(answer.typed) - find_whole_numbers(answer.exercise.answer)
    if t % 2 and is_general and typed_numbers & set(sizes(answer.draws[t - 1]).values()):
        text = said("a size written as a number")
        return verdict._replace(name="a size written as a number", text=f"{verdict.text}\n{text}")
    return verdict


def find_whole_numbers(code_text):
    """Return the set of integers in some lines.

    Not counted: integers in comments, single items in brackets, [3], and exponents, 1e-3.
    """
    code_text = re.sub(r"#.*|\[\d+\]|\d[\d.]*e-\d+", "", code_text)
    return {int(number) for number in re.findall(r"(?<![\w.])\d{1,9}(?![\w.])", code_text)}


def judge_trial(answer, t):
    """Return the `Verdict` on the results of the trial with index t; None if they are right."""
    exercise = answer.exercise
    trials = answer.trials
    results = trials[t]["results"]
    n_expected = len(exercise.gives)
    changed_inputs = trials[t]["changed"]
    if all(result["type"] == "ellipsis" for result in results):
        assigned_names = list_assigned_names(answer.typed)
        if len(assigned_names) >= n_expected and not {*exercise.gives} & {*assigned_names}:
            names = join_texts(exercise.gives)
            return wrong_verdict("not written: another name", names=names, other=assigned_names[-1])
        return wrong_verdict("not written")
    if len(results) != n_expected:
        remark = f" {said('returns: None')}" if results[0]["type"] == "NoneType" else ""
        values = {"names": join_texts(exercise.gives), "expected": n_expected, "count": len(results), "about": remark}
        return wrong_verdict("wrong number of results", function=exercise.function.name, **values)
    missing = [name for name, result in zip(exercise.gives, results, strict=True) if result["type"] == "ellipsis"]
    for name, result in zip(exercise.gives, results, strict=True):
        verdict = None if name in missing else judge_result(answer, t, name, result)
        if verdict:
            return verdict
    if changed_inputs:
        return wrong_verdict(
            "changes its input", names=", ".join(changed_inputs), them="them" if len(changed_inputs) > 1 else "it"
        )
    return wrong_verdict("partly written", name=missing[0]) if missing else None


def judge_result(answer, t, name, result):
    """Return the `Verdict` on one result of the trial with index t; None if it is right.

    answer: an `Answer`; name: the result's name; result: what `make_result_record` returns for it. Checks the shape
    first, then type, then values.
    """
    exercise = answer.exercise
    draw = answer.draws[t]
    kind = result["type"]
    reference = np.asarray(getattr(draw, name))
    if kind == "NoneType" and exercise.needs_torch:
        return wrong_verdict("no gradient kept", name=name)
    if kind == "NoneType":
        mark = "returns None: of several" if len(exercise.gives) > 1 else "returns None"
        mark = "returns None: of a node" if ".grad" in answer.typed else mark
        method = find_in_place_method(name, answer.typed)
        mark = "returns None: changed in place" if method else mark
        return wrong_verdict(mark, name=name, function=exercise.function.name, method=method)
    if kind != "array":
        description = said("wanted: an array" if reference.ndim else "wanted: a number", dtype=reference.dtype)
        remark = f" {said('type: a list', name=name)}" if kind == "list" and reference.ndim else ""
        if kind == "tuple":
            has_comma = re.search(r",\s*(#.*)?$", answer.typed, re.MULTILINE)
            remark = f" {said('type: a comma' if has_comma else 'type: a tuple', name=name)}"
        mark = "not whole numbers: no array" if reference.dtype.kind == "i" else "wrong type"
        return wrong_verdict(mark, name=name, wanted=description, type=kind, about=remark)._replace(whole=bool(remark))
    shape = tuple(result["shape"])
    dtype = result["dtype"]
    actual = answer.trials[t]["numbers"].get(name)
    known_verdict = None if actual is None or agree(actual, reference) else judge_known_mistake(answer, t, name)
    if known_verdict and (shape != reference.shape or dtype in ("bool", "int64")):
        return known_verdict
    if shape != reference.shape:
        return make_wrong_shape_verdict(exercise, name, shape, reference.shape)
    if reference.dtype.kind == "i" and not dtype.startswith("int"):
        return wrong_verdict("not whole numbers", name=name, type=dtype)
    if reference.dtype.kind != "i" and dtype != "float64":
        remark = said("numbers: rounded" if "float" in dtype else "numbers: whole or compared")
        dtype = "int" if dtype.startswith("int") else dtype  # 32 bits on some machines, 64 on others
        return wrong_verdict("wrong type: of numbers", name=name, type=dtype, about=remark)
    if agree(actual, reference):
        return None
    if known_verdict:
        return known_verdict
    bad = np.argwhere(~np.isfinite(actual))
    if len(bad):
        values = {"at": format_index(bad[0]), "value": actual[tuple(bad[0])], "size": actual.size, "count": len(bad)}
        return wrong_verdict(
            "not finite: infinity" if "inf" in answer.typed else "not finite", drawn=True, name=name, **values
        )
    return judge_unknown_mistake(answer, t, name)


def judge_known_mistake(answer, t, name):
    """Return the `Verdict` that names a known mistake which gives exactly this result's numbers in all trials, or None.

    name: the result, which is wrong in trial t. If there are several such mistakes, the one that explains the most
    results is named.
    """
    exercise = answer.exercise
    draws = answer.draws
    trials = answer.trials
    shape = trials[t]["numbers"][name].shape
    expected_shape = np.shape(getattr(draws[t], name))
    is_always_0 = not any(np.any(trial["numbers"].get(name, 0)) for trial in trials)
    best = None
    max_explained = 0
    for mistake in exercise.known_mistakes:
        value = partial(value_with_mistake, exercise, mistake, name)
        if name not in exercise.wrong_results_with_mistake(mistake, draws[t]) or not is_value_in_both_sizes(
            answer, t, name, value
        ):
            continue
        if not is_value_in_all_trials(answer, name, value) or not is_mistake_in_other_results(answer, mistake, name):
            continue
        if is_always_0 and any(np.any(value(draw)) for draw in draws):
            continue  # its result is 0 here by chance: its last row may have no entry, for example
        n_explained = 0
        for draw, trial in zip(draws, (*trials, *answer.further), strict=False):
            for output, numbers in trial["numbers"].items():
                n_explained += agree(numbers, value_with_mistake(exercise, mistake, output, draw))
        if n_explained > max_explained:
            best = mistake
            max_explained = n_explained
    if max_explained < sum(len(trial["numbers"]) for trial in (*trials, *answer.further)):
        for order in permutations(exercise.gives):  # does another order explain all results?
            other_by_name = dict(zip(exercise.gives, order, strict=True))
            if all(
                is_value_in_all_trials(answer, result_name, attrgetter(other_name))
                for result_name, other_name in other_by_name.items()
            ):
                return make_exchange_verdict(exercise, other_by_name[name], name)
    if best:
        remark = f" {describe_shapes(name, expected_shape, shape)}" if expected_shape != shape else ""
        text = f"{said('known', name=name, mistake=best.name)}{remark}\n{best.question}"
        return Verdict(False, best.name, text, drawn=True, question=best.question)
    for other_name in exercise.gives:
        if is_value_in_both_sizes(answer, t, name, attrgetter(other_name)) and is_value_in_all_trials(
            answer, name, attrgetter(other_name)
        ):
            return make_exchange_verdict(
                exercise, other_name, name, is_value_in_both_sizes(answer, t, other_name, attrgetter(other_name))
            )
    return None


def make_exchange_verdict(exercise, other_name, name, is_other_right=False):
    """Return the `Verdict` on the result `name`, which has the right values of the result `other_name`.

    is_other_right: the result `other_name` has them, too.
    """
    ask = exercise.exchanged
    if is_other_right:
        ask = said("in the place of: twice", name=name, other=other_name)
    text = f"{said('in the place of', name=name, other=other_name)} {ask}"
    return Verdict(False, f"{other_name} in the place of {name}", text, drawn=True)


def is_mistake_in_other_results(answer, mistake, name):
    """Return True if the other results that the mistake's name mentions have the values that the mistake gives them."""
    other_names = [other_name for other_name in answer.exercise.gives if re.search(rf"\b{other_name}\b", mistake.name)]
    return all(
        is_value_in_all_trials(answer, other_name, partial(value_with_mistake, answer.exercise, mistake, other_name))
        for other_name in other_names
    )


def is_value_in_all_trials(answer, name, get_value):
    """Return True if the result `name` equals get_value(draw) in all trials in which it has numbers."""
    pairs = zip(answer.draws, (*answer.trials, *answer.further), strict=False)
    return all(agree(trial["numbers"][name], get_value(draw)) for draw, trial in pairs if name in trial["numbers"])


def is_value_in_both_sizes(answer, t, name, get_value):
    """Return True if the result `name` equals get_value(draw) in trial t and in its partner, which has other sizes.

    The trials come in pairs, (0, 1), (2, 3), ... If the partner has no numbers for this result, only trial t counts.
    """
    pair = [i for i in (t, t ^ 1) if i < len(answer.trials) and name in answer.trials[i]["numbers"]]
    return t in pair and all(agree(answer.trials[i]["numbers"][name], get_value(answer.draws[i])) for i in pair)


def value_with_mistake(exercise, mistake, output, draw):
    """Return the value of the result `output`, for a draw, of a function with this mistake."""
    return exercise.wrong_results_with_mistake(mistake, draw).get(output, getattr(draw, output))


def describe_shapes(name, expected_shape, actual_shape):
    """Return a sentence that names the shape a result should have, and the shape it has."""
    number = said("shape: a number")
    if expected_shape and name.startswith("d"):
        expected_shape = said("shape: of s" if name.endswith("s") else "shape: of", name=name[1:], shape=expected_shape)
    elif expected_shape:
        expected_shape = said("shape", shape=expected_shape)
    return said("should have", name=name, wanted=expected_shape or number, shape=actual_shape or number)


def make_wrong_shape_verdict(exercise, name, actual_shape, expected_shape):
    """Return the `Verdict` on a result with the wrong shape."""
    text = describe_shapes(name, expected_shape, actual_shape)
    if len(expected_shape) > 1 and actual_shape in (
        expected_shape[::-1],
        (*expected_shape[:-2], expected_shape[-1], expected_shape[-2]),
    ):
        return wrong_verdict("transposed", text=text)
    if [n for n in actual_shape if n != 1] == [n for n in expected_shape if n != 1]:
        return wrong_verdict("wrong shape: axes", text=text)
    if math.prod(actual_shape) == math.prod(expected_shape):
        return wrong_verdict("wrong shape: as many", text=text)
    is_long = len(actual_shape) == len(expected_shape) and 1 not in actual_shape  # nothing is summed
    kind = "lengths" if is_long or not has_sum(exercise) else "sums"
    kind = "entries" if exercise.entrywise and not is_long else kind
    return wrong_verdict(f"wrong shape: {kind}", text=text, entrywise=exercise.entrywise)


def has_sum(exercise):
    """Return a true value if the right answer contains a sum, a mean or a matrix product."""
    return re.search(r"@|\bsum\(|\bmean\(|einsum", exercise.answer)


def judge_unknown_mistake(answer, t, name):
    """Return the `Verdict` on a wrong result that no known mistake explains.

    Its text gives numbers that help to find it.
    """
    exercise = answer.exercise
    draw = answer.draws[t]
    actual = answer.trials[t]["numbers"][name]
    reference = np.asarray(getattr(draw, name), np.float64)
    for argument in exercise.takes:
        is_array = isinstance(vars(draw).get(argument), np.ndarray)
        value = attrgetter(argument)
        if is_array and is_value_in_both_sizes(answer, t, name, value) and is_value_in_all_trials(answer, name, value):
            return Verdict(False, f"{argument} returned", said("returned", name=name, other=argument), drawn=True)
    error = np.abs(actual - reference)
    scale = np.abs(reference).max()
    mark = "not right"
    remark = ""
    if error.max() < 1e-5 * scale:
        mark = "close, and not equal"
        remark = f" {said('close', off=error.max() / scale)}"
    if not actual.ndim:
        number_texts = {
            "mine": format_distinct_from(actual, reference),
            "right": format_distinct_from(reference, actual),
        }
        return Verdict(False, mark, said("a number", name=name, **number_texts) + remark, drawn=True)
    is_right = error <= RELATIVE_TOLERANCE * scale
    text = said("entries", name=name, right=is_right.sum(), size=actual.size) + remark
    if not actual.any():
        text += f" {said('all 0')}"
    factor = (actual * reference).sum() / (reference * reference).sum()
    if mark == "not right" and agree(actual, factor * reference) and factor:
        size_factor = find_size_factor(answer, name)
        size_names = size_factor.powers if size_factor else exercise.units_by_size
        values = {size: vars(draw).get(size) for size in size_names}
        scalars = {size: value for size, value in values.items() if np.isscalar(value)}
        sizes_here = ", ".join(said("here: a size", size=size, value=value) for size, value in scalars.items())
        text += f" {said('times: a size' if size_factor else 'times', factor=factor, made=size_factor)}"
        text += f" {said('here', sizes=sizes_here)}" if sizes_here else ""
    counts = np.asarray(getattr(draw, name)).dtype.kind == "i"  # among token ids, none is further off than another
    worst = np.unravel_index((~is_right if counts else error).argmax(), error.shape)
    number_texts = {
        "mine": format_distinct_from(actual[worst], reference[worst]),
        "right": format_distinct_from(reference[worst], actual[worst]),
    }
    text += "\n" + said("first off" if counts else "furthest off", entry=f"{name}{format_index(worst)}", **number_texts)
    entries = vars(draw).get(name[1:])
    if np.shape(entries) == actual.shape and 0 < abs(entries[worst]) < 1e-6:
        text += f" {said('there', name=name[1:], value=entries[worst])}"
    if name[1:] in vars(draw).get("losses", {}):
        text += describe_nudge(draw, name, worst, actual[worst])
    return Verdict(False, mark, text, drawn=True)


def find_size_factor(answer, name):
    """Return the `SizeProduct` by which the result `name` is off in all trials; None if there is none."""
    factors = []
    all_sizes = []
    for draw, trial in zip(answer.draws, (*answer.trials, *answer.further), strict=False):
        actual = trial["numbers"].get(name)
        reference = np.asarray(getattr(draw, name))
        if actual is None or actual.shape != reference.shape:
            return None
        if not reference.any():
            continue
        factors.append((actual * reference).sum() / (reference * reference).sum())
        all_sizes.append(sizes(draw))
        if not agree(actual, factors[-1] * reference):
            return None
    named_sizes = [
        size for size in all_sizes[0] if size[0] != "_" and (len(size) == 1 or size not in answer.exercise.takes)
    ]
    values = {}
    for size in named_sizes:
        if all(size in draw_sizes for draw_sizes in all_sizes):  # some draws may lack a size
            values[size] = [draw_sizes[size] for draw_sizes in all_sizes]
    return find_size_product(factors, values)


def format_distinct_from(a, b):
    """Return the number a as text, with as many digits as it takes to distinguish it from b."""
    a = a + 0.0  # turns -0 into 0
    b = b + 0.0
    digits = next(digits for digits in range(6, 18) if f"{a:.{digits}g}" != f"{b:.{digits}g}")
    return f"{a:.{digits}g}"


def describe_nudge(draw, name, index, actual, h=1e-3):
    """Return a line that says how the loss changes if one entry of an array grows by h.

    name: the gradient with respect to that array; index: the entry; actual: the learner's gradient there.
    Return "" if the loss has a kink within this step, because the difference quotient is then not the derivative.
    """
    array = getattr(draw, name[1:]).copy()
    loss = draw.losses[name[1:]]
    gradient = getattr(draw, name)
    before = loss(array)
    array[index] += h
    after = loss(array)
    slope = (after - before) / h
    if abs(slope - gradient[index]) > 0.05 * np.abs(gradient).max():
        return ""
    values = {"at": format_index(index), "h": h, "before": before, "after": after, "slope": slope, "yours": actual}
    return "\n" + said("the slope", name=name[1:], **values)


def format_index(index):
    return f"[{', '.join(str(int(i)) for i in index)}]" if len(index) else ""
