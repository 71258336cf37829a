"""The comparison: is what a learner's function has returned right, and if not, which mistake gives just these numbers?

A known mistake is named when what was returned is, to rounding, what a function with that mistake returns for the same
inputs: never by a ratio or a threshold.
"""

import math
import re
from functools import partial
from itertools import permutations
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from marker.complaints import find_in_place_method
from marker.equal import ROUNDING, agree, sizes
from marker.factors import find_powers, format_powers
from marker.verdict import UNFINISHED, Sentences, Verdict, wrong
from marker.words import SAID, join_texts

said = Sentences(SAID["Numbers"]).text


class Answer(NamedTuple):
    """What a learner's file has answered."""

    exercise: Any
    given: list  # the inputs and right results of each trial, and of the further ones
    trials: list  # the results of each, as marker.trial.describe gives them, and as "numbers"
    further: list  # the same for the trials after these, which confirm what is said
    typed: str  # the learner's own lines


def judge_trials(exercise, seed, outcome):
    """The `Verdict` on the results of all trials, and on what has gone wrong in between."""
    answer = make_answer(exercise, seed, outcome)
    given, trials = answer.given, answer.trials
    for t, trial in enumerate(trials):
        verdict = judge_trial(answer, t)
        if verdict and trial["changed"] and verdict.name not in (*UNFINISHED, "changes its input"):
            also = said("also changes", names=", ".join(trial["changed"]))
            verdict = verdict._replace(text=f"{verdict.text}\n{also}")
        if verdict:
            return name_written_size(answer, verdict, t)
    if outcome.error:
        return name_written_size(answer, outcome.error, len(trials))
    if len(trials) < len(exercise.draw(seed)):
        raise ValueError("a trial is missing: the file wrote its result by itself")
    if exercise.tool and not outcome.notes.follows:
        return Verdict(False, exercise.tool.mark, exercise.tool.text)
    if outcome.notes.remembers:
        return wrong("remembers an earlier call")
    if outcome.notes.at_zero:
        kinks = join_texts(next(g.kinks for g in given if hasattr(g, "kinks")), "or")
        return wrong("not finite: at a kink", name=str(outcome.notes.at_zero[0]), kinks=kinks)
    return Verdict(True, "passed", "")


def find_assigned_names(lines):
    """The names that get a value in some lines, in their order."""
    return re.findall(r"^\s*(\w+) *[-+*/@]?=(?!=)", lines, re.MULTILINE)


def make_answer(exercise, seed, outcome):
    """The `Answer` in what was reported of a file."""
    trials, further = (
        [trial | {"numbers": collect_numbers(exercise, trial["results"])} for trial in trials]
        for trials in (outcome.notes.trials, outcome.notes.further)
    )
    given = [*exercise.draw(seed), *(exercise.fresh(seed) if further else ())]
    return Answer(exercise, given, trials, further, str(outcome.typed))


def collect_numbers(exercise, results):
    """{output: array} of those that have numbers."""
    named = zip(exercise.gives, results, strict=False)
    return {name: np.array(r["data"], np.float64).reshape(r["shape"]) for name, r in named if "data" in r}


def name_written_size(answer, verdict, t):
    """The `Verdict` on trial t, if that may be the first whose sizes are not those that are written in the file."""
    is_general = verdict.name in ("not right", "wrong shape", "transposed") or verdict.name == "error"
    written = find_numbers(answer.typed) - find_numbers(answer.exercise.answer)
    if t % 2 and is_general and written & set(sizes(answer.given[t - 1]).values()):
        text = said("a size written as a number")
        return verdict._replace(name="a size written as a number", text=f"{verdict.text}\n{text}")
    return verdict


def find_numbers(lines):
    """The whole numbers in these lines, but for those in comments, those of a single item, [3], and exponents, 1e-3."""
    lines = re.sub(r"#.*|\[\d+\]|\d[\d.]*e-\d+", "", lines)
    return {int(number) for number in re.findall(r"(?<![\w.])\d{1,9}(?![\w.])", lines)}


def judge_trial(answer, t):
    """The `Verdict` on the results of one trial, or None if they are right."""
    exercise, trials = answer.exercise, answer.trials
    results, expected, changed = trials[t]["results"], len(exercise.gives), trials[t]["changed"]
    if all(result["type"] == "ellipsis" for result in results):
        others = [name for name in find_assigned_names(answer.typed) if name not in exercise.gives]
        if len(others) > len(exercise.gives) - 1 and not set(exercise.gives) & set(find_assigned_names(answer.typed)):
            return wrong("not written: another name", names=join_texts(exercise.gives), other=others[-1])
        return wrong("not written")
    if len(results) != expected:
        about = f" {said('returns: None')}" if results[0]["type"] == "NoneType" else ""
        values = {"names": join_texts(exercise.gives), "expected": expected, "count": len(results), "about": about}
        return wrong("wrong number of results", function=exercise.function.name, **values)
    missing = [name for name, result in zip(exercise.gives, results, strict=True) if result["type"] == "ellipsis"]
    for name, result in zip(exercise.gives, results, strict=True):
        if name not in missing and (verdict := judge_result(answer, t, name, result)):
            return verdict
    if changed:
        return wrong("changes its input", names=", ".join(changed), them="them" if len(changed) > 1 else "it")
    return wrong("partly written", name=missing[0]) if missing else None


def judge_result(answer, t, name, result):
    """The `Verdict` on one result, or None if it is right. Shape first, then type and finiteness, then values."""
    exercise, g, kind = answer.exercise, answer.given[t], result["type"]
    reference = np.asarray(getattr(g, name))
    if kind == "NoneType" and exercise.needs_torch:
        return wrong("no gradient kept", name=name)
    if kind == "NoneType":
        mark = "returns None: of several" if len(exercise.gives) > 1 else "returns None"
        mark = "returns None: of a node" if ".grad" in answer.typed else mark
        method = find_in_place_method(name, answer.typed)
        mark = "returns None: changed in place" if method else mark
        return wrong(mark, name=name, function=exercise.function.name, method=method)
    if kind != "array":
        wanted = said("wanted: an array" if reference.ndim else "wanted: a number", dtype=reference.dtype)
        about = f" {said('type: a list', name=name)}" if kind == "list" and reference.ndim else ""
        if kind == "tuple":
            has_comma = re.search(r",\s*(#.*)?$", answer.typed, re.MULTILINE)
            about = f" {said('type: a comma' if has_comma else 'type: a tuple', name=name)}"
        mark = "not whole numbers: no array" if reference.dtype.kind == "i" else "wrong type"
        return wrong(mark, name=name, wanted=wanted, type=kind, about=about)._replace(whole=bool(about))
    shape, dtype = tuple(result["shape"]), result["dtype"]
    mine = answer.trials[t]["numbers"].get(name)
    known = None if mine is None or agree(mine, reference) else recognise(answer, t, name)
    if known and (shape != reference.shape or dtype in ("bool", "int64")):
        return known
    if shape != reference.shape:
        return judge_shape(exercise, name, shape, reference.shape)
    if reference.dtype.kind == "i" and not dtype.startswith("int"):
        return wrong("not whole numbers", name=name, type=dtype)
    if reference.dtype.kind != "i" and dtype != "float64":
        about = said("numbers: rounded" if "float" in dtype else "numbers: whole or compared")
        dtype = "int" if dtype.startswith("int") else dtype  # of 32 bits on some machines, of 64 on others
        return wrong("wrong type: of numbers", name=name, type=dtype, about=about)
    if agree(mine, reference):
        return None
    if known:
        return known
    bad = np.argwhere(~np.isfinite(mine))
    if len(bad):
        values = {"at": format_index(bad[0]), "value": mine[tuple(bad[0])], "size": mine.size, "count": len(bad)}
        return wrong("not finite: infinity" if "inf" in answer.typed else "not finite", drawn=True, name=name, **values)
    return judge_unknown(answer, t, name)


def recognise(answer, t, name):
    """The `Verdict` that names the known mistake which gives just these numbers in all trials, or None.

    Of several, it is the one that explains the most results.
    """
    exercise, given, trials = answer.exercise, answer.given, answer.trials
    shape, wanted = trials[t]["numbers"][name].shape, np.shape(getattr(given[t], name))
    always_0 = not any(np.any(trial["numbers"].get(name, 0)) for trial in trials)
    found, most = None, 0
    for mistake in exercise.known_mistakes:
        value = partial(value_with_mistake, exercise, mistake, name)
        if name not in exercise.values(mistake, given[t]) or not is_in_both(answer, t, name, value):
            continue
        if not is_in_all(answer, name, value) or not is_so_of_others(answer, mistake, name):
            continue
        if always_0 and any(np.any(value(g)) for g in given):
            continue  # its result is 0 here by chance: where its last row has no entry, say
        explained = sum(
            agree(numbers, value_with_mistake(exercise, mistake, output, g))
            for g, trial in zip(given, (*trials, *answer.further), strict=False)
            for output, numbers in trial["numbers"].items()
        )
        if explained > most:
            found, most = mistake, explained
    if most < sum(len(trial["numbers"]) for trial in (*trials, *answer.further)):
        for order in permutations(exercise.gives):  # that explains all of them
            named = dict(zip(exercise.gives, order, strict=True))
            if all(is_in_all(answer, mine, attrgetter(other)) for mine, other in named.items()):
                return judge_exchange(exercise, named[name], name)
    if found:
        about = f" {describe_shapes(name, wanted, shape)}" if wanted != shape else ""
        text = f"{said('known', name=name, mistake=found.name)}{about}\n{found.question}"
        return Verdict(False, found.name, text, drawn=True, question=found.question)
    for other in exercise.gives:
        if is_in_both(answer, t, name, attrgetter(other)) and is_in_all(answer, name, attrgetter(other)):
            return judge_exchange(exercise, other, name, is_in_both(answer, t, other, attrgetter(other)))
    return None


def judge_exchange(exercise, other, name, is_twice=False):
    """The `Verdict` on a result that is another one's right numbers. is_twice: the other one is right, too."""
    ask = exercise.exchanged
    if is_twice:
        ask = said("in the place of: twice", name=name, other=other)
    text = f"{said('in the place of', name=name, other=other)} {ask}"
    return Verdict(False, f"{other} in the place of {name}", text, drawn=True)


def is_so_of_others(answer, mistake, name):
    """Whether a mistake whose own name speaks of other results, too, gives the numbers of these."""
    others = [other for other in answer.exercise.gives if other != name and re.search(rf"\b{other}\b", mistake.name)]
    return all(
        is_in_all(answer, other, partial(value_with_mistake, answer.exercise, mistake, other)) for other in others
    )


def is_in_all(answer, name, value):
    """Whether the numbers of a result are value(g) in all trials that have any."""
    pairs = zip(answer.given, (*answer.trials, *answer.further), strict=False)
    return all(agree(trial["numbers"][name], value(g)) for g, trial in pairs if name in trial["numbers"])


def is_in_both(answer, t, name, value):
    """Whether the numbers of a result are value(g), in trial t and in the one of the other sizes, if it has any."""
    pair = [i for i in (t, t ^ 1) if i < len(answer.trials) and name in answer.trials[i]["numbers"]]
    return t in pair and all(agree(answer.trials[i]["numbers"][name], value(answer.given[i])) for i in pair)


def value_with_mistake(exercise, mistake, output, g):
    """What a function with this mistake returns for an output."""
    return exercise.values(mistake, g).get(output, getattr(g, output))


def describe_shapes(name, wanted, shape):
    number = said("shape: a number")
    if wanted and name.startswith("d"):
        wanted = said("shape: of s" if name.endswith("s") else "shape: of", name=name[1:], shape=wanted)
    elif wanted:
        wanted = said("shape", shape=wanted)
    return said("should have", name=name, wanted=wanted or number, shape=shape or number)


def judge_shape(exercise, name, shape, wanted):
    text = describe_shapes(name, wanted, shape)
    if len(wanted) > 1 and shape in (wanted[::-1], (*wanted[:-2], wanted[-1], wanted[-2])):
        return wrong("transposed", text=text)
    if [n for n in shape if n != 1] == [n for n in wanted if n != 1]:
        return wrong("wrong shape: axes", text=text)
    if math.prod(shape) == math.prod(wanted):
        return wrong("wrong shape: as many", text=text)
    is_long = len(shape) == len(wanted) and 1 not in shape  # nothing is summed
    kind = "lengths" if is_long or not has_sum(exercise) else "sums"
    kind = "entries" if exercise.entrywise and not is_long else kind
    return wrong(f"wrong shape: {kind}", text=text, entrywise=exercise.entrywise)


def has_sum(exercise):
    """Whether the right answer sums over anything."""
    return re.search(r"@|\bsum\(|\bmean\(|einsum", exercise.answer)


def judge_unknown(answer, t, name):
    """The mistake is not a known one: show as much as helps to find it."""
    exercise, g, mine = answer.exercise, answer.given[t], answer.trials[t]["numbers"][name]
    reference = np.asarray(getattr(g, name), np.float64)
    for other in exercise.takes:
        is_array, value = isinstance(vars(g).get(other), np.ndarray), attrgetter(other)
        if is_array and is_in_both(answer, t, name, value) and is_in_all(answer, name, value):
            return Verdict(False, f"{other} returned", said("returned", name=name, other=other), drawn=True)
    off, scale = np.abs(mine - reference), np.abs(reference).max()
    mark, remark = "not right", ""
    if off.max() < 1e-5 * scale:
        mark, remark = "close, and not equal", f" {said('close', off=off.max() / scale)}"
    if not mine.ndim:
        both = {"mine": format_distinct(mine, reference), "right": format_distinct(reference, mine)}
        return Verdict(False, mark, said("a number", name=name, **both) + remark, drawn=True)
    right = off <= ROUNDING * scale
    text = said("entries", name=name, right=right.sum(), size=mine.size) + remark
    if not mine.any():
        text += f" {said('all 0')}"
    factor = (mine * reference).sum() / (reference * reference).sum()
    if mark == "not right" and agree(mine, factor * reference) and factor:
        made, of = find_factor(answer, t, name)
        scalars = {size: value for size in of or exercise.all_counts if np.isscalar(value := vars(g).get(size))}
        here = ", ".join(said("here: a size", size=size, value=value) for size, value in scalars.items())
        text += f" {said('times: a size' if made else 'times', factor=factor, made=made)}"
        text += f" {said('here', sizes=here)}" if here else ""
    counts = np.asarray(getattr(g, name)).dtype.kind == "i"  # of words, none is further off than another
    worst = np.unravel_index((~right if counts else off).argmax(), off.shape)
    both = {
        "mine": format_distinct(mine[worst], reference[worst]),
        "right": format_distinct(reference[worst], mine[worst]),
    }
    text += "\n" + said("first off" if counts else "furthest off", entry=f"{name}{format_index(worst)}", **both)
    entries = vars(g).get(name[1:])
    if np.shape(entries) == mine.shape and 0 < abs(entries[worst]) < 1e-6:
        text += f" {said('there', name=name[1:], value=entries[worst])}"
    if name[1:] in vars(g).get("losses", {}):
        text += describe_nudge(g, name, worst, mine[worst])
    return Verdict(False, mark, text, drawn=True)


def find_factor(answer, t, name):
    """Of which sizes the factor of all entries is made, in words, and their names: if it is so for all other sizes."""
    factors, all_sizes = [], []
    for g, trial in zip(answer.given, (*answer.trials, *answer.further), strict=False):
        mine, reference = trial["numbers"].get(name), np.asarray(getattr(g, name))
        if mine is None or mine.shape != reference.shape:
            return "", ()
        if not reference.any():
            continue
        factors.append((mine * reference).sum() / (reference * reference).sum())
        all_sizes.append(sizes(g))
        if not agree(mine, factors[-1] * reference):
            return "", ()
    told = [size for size in all_sizes[0] if size[0] != "_" and (len(size) == 1 or size not in answer.exercise.takes)]
    told = [size for size in told if all(size in one for one in all_sizes)]  # some inputs may lack one
    found = find_powers(factors, {size: [one[size] for one in all_sizes] for size in told})
    return ("-" * (found[0] < 0) + format_powers(found[1]), found[1]) if found else ("", ())


def format_distinct(a, b):
    """The number a, with as many digits as set it off from b."""
    a, b = a + 0.0, b + 0.0  # there is no -0
    return next(text for digits in range(6, 18) if (text := f"{a:.{digits}g}") != f"{b:.{digits}g}")


def describe_nudge(g, name, at, yours, h=1e-3):
    """A line on what the loss does if one entry of the array grows by h, of which `name` is the gradient.

    Nothing, if the loss has a kink on the way: then the slope of so long a step is not the derivative.
    """
    array, loss, gradient = getattr(g, name[1:]).copy(), g.losses[name[1:]], getattr(g, name)
    before = loss(array)
    array[at] += h
    after = loss(array)
    slope = (after - before) / h
    if abs(slope - gradient[at]) > 0.05 * np.abs(gradient).max():
        return ""
    values = {"at": format_index(at), "h": h, "before": before, "after": after, "slope": slope, "yours": yours}
    return "\n" + said("the slope", name=name[1:], **values)


def format_index(index):
    return f"[{', '.join(str(int(i)) for i in index)}]" if len(index) else ""
