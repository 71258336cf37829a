"""The marker: runs a file in a process of its own, compares, and names the mistake.

judge() is the comparison alone. A known mistake is named when what was returned is, to rounding, what a function with
that mistake returns for the same inputs: never by a ratio or a threshold.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exercises import ONE_THREAD, ROOT
from exercises.chapter3 import SUSPECTS
from exercises.exercise import ROUNDING, agree, tables
from support.errors import UserError
from support.files import read_file

SAID = dict(tables("said.md")[0])
SECONDS = 8  # that a function may take; programs that train, or need PyTorch, get longer
MEMORY = 8  # gigabytes


class Verdict(NamedTuple):
    passed: bool
    name: str  # in a few words, as in the teacher's table
    text: str  # for the learner; paragraphs
    printed: str = ""  # what the learner's own code printed
    drawn: bool = False  # whether it speaks of the numbers that were drawn
    typed: str = ""  # the learner's own lines


def wrong(mark, drawn=False, **values):
    """The `Verdict` on what has not passed: said.md has its text, with these values in it."""
    return Verdict(False, mark.partition(": ")[0], SAID[mark].format(**values), drawn=drawn)


def mark(exercise, file, seed, seconds=None):
    """The `Verdict` on a file. Never raises for what is in it, or takes much more than `seconds` or MEMORY."""
    return verdict(exercise, seed, run(exercise, file, seed, seconds or limit(exercise)))


def limit(exercise):
    """The seconds that a file may take."""
    return 60 if exercise.needs_torch else 20 if exercise.case else SECONDS


def verdict(exercise, seed, outcome):
    """The `Verdict` on what `run` reported, whatever it is."""
    try:
        own = {"printed": outcome.get("printed", ""), "typed": outcome.get("typed", "")[:2000]}
        return judge(exercise, seed, outcome)._replace(**own)
    except Exception:  # the file wrote its result by itself
        return wrong("no result: senseless")


def run(exercise, file, seed, seconds):
    """What the file's own process reported: a dict as exercises.runner.run makes it."""
    with tempfile.TemporaryDirectory(prefix="practice", ignore_cleanup_errors=True) as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "exercises.runner", exercise.name, str(Path(file).resolve()), str(seed)]
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        process = subprocess.Popen(
            [*command, str(result), str(seconds), str(MEMORY)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=os.environ | ONE_THREAD | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            start_new_session=True,  # so that it can be ended with everything that it started
        )
        try:
            process.wait(seconds + 5)
        except subprocess.TimeoutExpired:
            return {"stuck": None, "seconds": seconds}
        finally:
            with suppress(OSError, AttributeError):
                os.killpg(process.pid, signal.SIGKILL)  # not on Windows
            process.kill()
            process.wait()
        return left(result, file, seconds, process.returncode)


def left(result, file, seconds, status):
    """What the runner left in the file `result`: its report, where it was stuck, or nothing."""
    with suppress(UserError, ValueError, RecursionError):  # a pipe or a device in its place, or too much of it
        said = read_file(result, 2**25).decode(errors="replace")
        if said.startswith("Timeout"):
            # faulthandler reads the frames while they run: sometimes it prints its heading, but no line.
            own = re.search(rf'{re.escape(Path(file).name)}", line (\d+)', said)
            return {"stuck": own and int(own[1]), "seconds": seconds}
        return json.loads(said)
    return {"died": status}


@np.errstate(all="ignore")  # some mistakes overflow
def judge(exercise, seed, outcome):
    """The `Verdict` on what a file's functions returned for the inputs of that seed."""
    if "missing" in outcome:
        return wrong("no function", function=exercise.function.name)
    if "stuck" in outcome:
        where = f"line {outcome['stuck']}" if outcome["stuck"] else "an unknown line"
        return wrong("does not end", seconds=outcome["seconds"], where=where)
    if "died" in outcome:
        return wrong("no result", died=outcome["died"])
    if exercise.case and "error" not in outcome:
        return judge_case(exercise, outcome)
    verdict = judge_trials(exercise, seed, outcome)
    # The learner's own lines may say what the numbers alone cannot.
    for name, pattern, instead, question in tables("mistakes.md")[2] if not verdict.passed else ():
        if re.search(instead, verdict.name) and re.search(pattern, str(outcome.get("typed", "")), re.MULTILINE):
            return Verdict(False, name, f"It is {name}, it seems.\n{question}", drawn=verdict.drawn)
    return verdict


def judge_trials(exercise, seed, outcome):
    """The `Verdict` on the results of all trials, and on what has gone wrong in between."""
    given, trials = list(exercise.draw(seed)), outcome["trials"]
    for trial in trials:
        results = zip(exercise.gives, trial["results"], strict=False)
        trial["numbers"] = {name: decode(result) for name, result in results if "data" in result}
    for t, trial in enumerate(trials):
        verdict = judge_trial(exercise, given, trials, t)
        if verdict and trial["changed"] and verdict.name not in ("not written", "changes its input"):
            text = f"Your function also changes {', '.join(trial['changed'])}, which it should leave as it was."
            verdict = verdict._replace(text=f"{verdict.text}\n{text}")
        if verdict:
            return of_sizes(verdict, t)
    if "error" in outcome:
        error = outcome["error"]
        return of_sizes(Verdict(False, error["name"][:50], error["text"]), len(trials))
    if len(trials) < len(given):
        raise ValueError("a trial is missing: the file wrote its result by itself")
    if exercise.needs_torch and not outcome.get("autograd"):
        return wrong("without autograd")
    return Verdict(True, "passed", "")


def decode(result):
    return np.array(result["data"], np.float64).reshape(result["shape"])


def of_sizes(verdict, t):
    """The `Verdict` on trial t, if that may be the first whose sizes are not those that are written in the file."""
    if t % 2 and (verdict.name in ("not right", "wrong shape", "transposed") or verdict.name.startswith("error")):
        text = "A batch of other sizes was right. Is one of its sizes written in your file as a number?"
        return verdict._replace(name="a size written as a number", text=f"{verdict.text}\n{text}")
    return verdict


def judge_trial(exercise, given, trials, t):
    """The `Verdict` on the results of one trial, or None if they are right."""
    results, expected, changed = trials[t]["results"], len(exercise.gives), trials[t]["changed"]
    if all(result["type"] == "ellipsis" for result in results):
        return wrong("not written")
    if len(results) != expected:
        about = " It is None: is the last line still `return ...`?" if results[0]["type"] == "NoneType" else ""
        values = {"names": " and ".join(exercise.gives), "expected": expected, "count": len(results), "about": about}
        return wrong("wrong number of results", function=exercise.function.name, **values)
    missing = [name for name, result in zip(exercise.gives, results, strict=True) if result["type"] == "ellipsis"]
    for name, result in zip(exercise.gives, results, strict=True):
        if name not in missing and (verdict := judge_result(exercise, given, trials, t, name, result)):
            return verdict
    if changed:
        return wrong("changes its input", names=", ".join(changed), them="them" if len(changed) > 1 else "it")
    return wrong("not written: the rest", name=missing[0]) if missing else None


def judge_case(exercise, outcome):
    """The `Verdict` on a case: what was said to be wrong, whether the cause is gone, whether it then learns."""
    case, said = exercise.case, str(outcome["said"])
    if "unfit" in outcome:
        return wrong("does not fit", unfit=outcome["unfit"])
    fixed, accuracy = outcome["fixed"], float(outcome["accuracy"])
    if said and said not in SUSPECTS:
        return wrong("no diagnosis: no suspect", said=said, words=", ".join(f'"{word}"' for word in SUSPECTS))
    numbers = f"\n(It now reads {accuracy:.3f} of the test digits right; a healthy one, over {case.healthy:.2f}.)"
    if said and (said != case.diagnosis or not fixed):
        what, sign = SUSPECTS[said]
        text = f"The cause is gone, but it was another. You say: {what}. " if fixed else f"You say: {what}. "
        ask = "Was that so?" if fixed else "Is that so here? If it is, it is still to be fixed."
        text += f"Then {sign} {exercise.against.get(said, ask)}"
        if outcome["changed"] and not fixed:  # nobody learns from guesses alone which suspect is the right one
            text += f" {exercise.still}{numbers}" if said == case.diagnosis else numbers
        return Verdict(False, "not fixed" if said == case.diagnosis else f"diagnosis: {said}", text)
    if not fixed:
        return wrong("not fixed: no diagnosis", numbers=numbers) if outcome["changed"] else wrong("not written: a case")
    if not accuracy >= case.healthy:
        about = f" {exercise.or_else}" if exercise.or_else else ""
        return wrong("fixed, but does not learn", accuracy=accuracy, healthy=case.healthy, about=about)
    if not said:
        return wrong("no diagnosis", accuracy=accuracy)
    return Verdict(True, "passed", f"{accuracy:.3f} of the test digits are read right.\n{exercise.evidence}")


def judge_result(exercise, given, trials, t, name, result):
    """The `Verdict` on one result, or None if it is right. Shape first, then type and finiteness, then values."""
    g, kind = given[t], result["type"]
    reference = np.asarray(getattr(g, name), np.float64)
    if kind == "NoneType" and exercise.needs_torch:
        return wrong("no gradient kept", name=name)
    if kind == "NoneType":
        mark = "returns None: of several" if len(exercise.gives) > 1 else "returns None"
        return wrong(mark, name=name, function=exercise.function.name)
    if kind != "array":
        wanted = "an array of float64" if reference.ndim else "a number"
        about = " Does a line end with a comma? That makes a tuple." if kind == "tuple" else ""
        return wrong("wrong type", name=name, wanted=wanted, type=kind, about=about)
    shape, dtype = tuple(result["shape"]), result["dtype"]
    mine = trials[t]["numbers"].get(name)
    known = None if mine is None or agree(mine, reference) else recognise(exercise, given, trials, t, name)
    if known and (shape != reference.shape or dtype in ("bool", "int64")):
        return known
    if shape != reference.shape:
        return wrong_shape(exercise, name, shape, reference.shape)
    if dtype != "float64":
        about = "something rounded on the way" if "float" in dtype else "the last step a comparison or a rounding"
        return wrong("wrong type: of numbers", name=name, type=dtype, about=about)
    if agree(mine, reference):
        return None
    if known:
        return known
    bad = np.argwhere(~np.isfinite(mine))
    if len(bad):
        values = {"at": place(bad[0]), "value": mine[tuple(bad[0])], "size": mine.size, "count": len(bad)}
        return wrong("not finite", drawn=True, name=name, **values)
    return unknown(exercise, g, name, mine, reference)


def recognise(exercise, given, trials, t, name):
    """The `Verdict` that names the known mistake which gives just these numbers, or None.

    Of several, it is the one that explains the most results, in all trials; and none that had shown in an earlier one.
    """
    mine, wanted = trials[t]["numbers"][name], np.shape(getattr(given[t], name))
    found, most = None, 0
    for mistake in exercise.known:
        values = exercise.values(mistake, given[t])
        if name not in values or not agree(mine, values[name]):
            continue
        if any(name in exercise.values(mistake, g) for g in given[:t]):
            continue
        explained = sum(
            agree(numbers, exercise.values(mistake, g).get(output, getattr(g, output)))
            for g, trial in zip(given, trials, strict=False)
            for output, numbers in trial["numbers"].items()
        )
        if explained > most:
            found, most = mistake, explained
    if found:
        about = f" {shape_sentence(name, wanted, mine.shape)}" if wanted != mine.shape else ""
        return Verdict(False, found.name, f"{name}: {found.name}, it seems.{about}\n{found.question}", drawn=True)
    for other in exercise.gives:
        if agree(mine, getattr(given[t], other)):
            text = f"{name}: these numbers are {other}. In which order does the function return its results?"
            return Verdict(False, f"{other} in the place of {name}", text, drawn=True)
    return None


def shape_sentence(name, wanted, shape):
    whose = "the shape"
    if name.startswith("d"):
        whose = f"{name[1:]}'{'' if name.endswith('s') else 's'} shape"
    wanted = f"{whose} {wanted}" if wanted else "a single number"
    return f"{name} should have {wanted}; yours is {shape if shape else 'a single number'}."


def wrong_shape(exercise, name, shape, wanted):
    text = shape_sentence(name, wanted, shape)
    if len(wanted) > 1 and shape in (wanted[::-1], (*wanted[:-2], wanted[-1], wanted[-2])):
        return wrong("transposed", text=text)
    if [n for n in shape if n != 1] == [n for n in wanted if n != 1]:
        return wrong("wrong shape: axes", text=text)
    return wrong(f"wrong shape: {'entries' if exercise.entrywise else 'sums'}", text=text, entrywise=exercise.entrywise)


def unknown(exercise, g, name, mine, reference):
    """The mistake is not a known one: show as much as helps to find it."""
    for other, value in vars(g).items():
        if isinstance(value, np.ndarray) and agree(mine, value):
            text = f"{name}: what you return is {other} itself, unchanged. How do you get {name} from it?"
            return Verdict(False, f"{other} returned", text, drawn=True)
    off, scale = np.abs(mine - reference), np.abs(reference).max()
    mark, remark = "not right", ""
    if off.max() < 1e-5 * scale:
        mark, remark = "close, and not equal", " " + SAID["close, and not equal"].format(off=off.max() / scale)
    if not mine.ndim:
        text = f"{name} is {different(mine, reference)}; it should be {different(reference, mine)}.{remark}"
        return Verdict(False, mark, text, drawn=True)
    right = off <= ROUNDING * scale
    text = f"{name} has the right shape, and {right.sum()} of its {mine.size} entries are right.{remark}"
    factor = (mine * reference).sum() / (reference * reference).sum()
    if mark == "not right" and agree(mine, factor * reference) and factor:
        numbers = [(letter, vars(g)[letter]) for letter in "BHhTCd" if np.ndim(vars(g).get(letter, ())) == 0]
        sizes = ", ".join(f"{letter} is {number:g}" for letter, number in numbers)
        text += f" Every entry is {factor:.6g} times the true one." + (f" (Here {sizes}.)" if sizes else "")
    first = tuple(np.argwhere(~right)[0])
    is_, should = different(mine[first], reference[first]), different(reference[first], mine[first])
    text += f"\nThe first wrong entry is {name}{place(first)}: yours is {is_}, it should be {should}."
    if name[1:] in vars(g).get("losses", {}):
        text += "\n" + nudge(g, name[1:], first, mine[first])
    return Verdict(False, mark, text, drawn=True)


def different(a, b):
    """The number a, with as many digits as set it off from b."""
    return next(text for digits in range(6, 18) if (text := f"{a:.{digits}g}") != f"{b:.{digits}g}")


def nudge(g, name, at, yours, h=1e-3):
    """What the loss does if one entry of an array grows by h."""
    array, loss = getattr(g, name).copy(), g.losses[name]
    before = loss(array)
    array[at] += h
    after = loss(array)
    values = {"at": place(at), "h": h, "before": before, "after": after, "slope": (after - before) / h, "yours": yours}
    return SAID["not right: the slope"].format(name=name, **values)


def place(index):
    return f"[{', '.join(str(int(i)) for i in index)}]" if len(index) else ""
