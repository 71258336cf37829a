"""The marker: runs a file in a process of its own, compares, and names the mistake.

judge() is the comparison alone. A known mistake is named when what was returned is, to rounding, what a function with
that mistake returns for the same inputs: never by a ratio or a threshold.
"""

import base64
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
from exercises.exercise import ROUNDING, agree, every_formula
from support.errors import UserError
from support.files import read_file

SECONDS = 8  # that a function may take; programs that train, or need PyTorch, get longer


class Verdict(NamedTuple):
    passed: bool
    name: str  # in a few words, as in the teacher's table
    text: str  # for the learner; paragraphs
    printed: str = ""  # what the learner's own code printed
    drawn: bool = False  # whether it speaks of the numbers that were drawn
    typed: str = ""  # the learner's own lines


def mark(exercise, file, seed, seconds=None, memory=8):
    """The `Verdict` on a file. Never raises for what is in it, or takes much more than `seconds` or `memory` (GB)."""
    limit = 60 if exercise.needs_torch else 20 if exercise.case else SECONDS
    outcome = run(exercise, file, seed, seconds or limit, memory)
    try:
        verdict = judge(exercise, seed, outcome)
    except Exception:  # the file wrote its result by itself
        verdict, outcome = Verdict(False, "no result", "The program left a result that makes no sense."), {}
    return verdict._replace(printed=str(outcome.get("printed", ""))[:2000], typed=str(outcome.get("typed", ""))[:2000])


def run(exercise, file, seed, seconds, memory=8):
    """What the file's own process reported: a dict as exercises.runner.run makes it."""
    with tempfile.TemporaryDirectory(prefix="practice", ignore_cleanup_errors=True) as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "exercises.runner", exercise.name, str(Path(file).resolve()), str(seed)]
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        process = subprocess.Popen(
            [*command, str(result), str(seconds), str(memory)],
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
            end(process)
        stuck = result.with_name("result.json.stuck")
        with suppress(UserError, ValueError, RecursionError):  # a pipe or a device in its place, or too much of it
            outcome = json.loads(read_file(result, 2**25))
            return outcome if isinstance(outcome, dict) else {"died": process.returncode}
        with suppress(UserError):
            # faulthandler reads the frames while they run: sometimes it prints its heading, but no line.
            said = read_file(stuck, 2**20).decode(errors="replace")[:20000]
            own = re.findall(rf'{re.escape(Path(file).name)}", line (\d+)', said)
            if said.startswith("Timeout"):
                return {"stuck": int(own[0]) if own else None, "seconds": seconds}
        return {"died": process.returncode}


def end(process):
    """End a process and whatever it has started."""
    with suppress(OSError, AttributeError):
        os.killpg(process.pid, signal.SIGKILL)  # not on Windows
    with suppress(OSError):
        process.kill()
    process.wait()


@np.errstate(all="ignore")  # some mistakes overflow
def judge(exercise, seed, outcome):
    """The `Verdict` on what a file's functions returned for the inputs of that seed."""
    if "missing" in outcome:
        name = exercise.function.name
        text = f"The file no longer has a function `{name}`. `python practice.py reset` brings the stub back."
        return Verdict(False, "no function", text)
    if "stuck" in outcome:
        where = f"in line {outcome['stuck']}" if outcome["stuck"] else "in an unknown line"
        text = f"Stopped after {outcome['seconds']:g} seconds, {where}. Is there a loop that never ends?"
        return Verdict(False, "does not end", text)
    if "died" in outcome:
        text = f"Python itself ended with status {outcome['died']} before there was a result. Was an array too large?"
        return Verdict(False, "no result", text)
    if exercise.case and "error" not in outcome:
        return judge_case(exercise, outcome)
    return renamed(judge_trials(exercise, seed, outcome), str(outcome.get("typed", "")))


def judge_trials(exercise, seed, outcome):
    """The `Verdict` on the results of all trials, and on what has gone wrong in between."""
    given, passed = list(exercise.inputs(seed)), Verdict(True, "passed", "")
    for t, trial in enumerate(outcome["trials"]):
        verdict = judge_trial(exercise, given, outcome["trials"], t)
        if verdict and trial["changed"] and verdict.name not in ("not written", "changes its input"):
            text = f"Your function also changes {', '.join(trial['changed'])}, which it should leave as it was."
            verdict = verdict._replace(text=f"{verdict.text}\n{text}")
        if verdict:
            return of_sizes(verdict, t)
    if "error" in outcome:
        return of_sizes(judge_error(outcome["error"]), len(outcome["trials"]))
    if len(outcome["trials"]) < len(given):
        raise ValueError("a trial is missing: the file wrote its result by itself")
    if exercise.needs_torch and not outcome.get("autograd"):
        text = "The numbers are right. But PyTorch's backward() was not called: here it should find the gradients."
        return Verdict(False, "without autograd", text)
    return passed


def of_sizes(verdict, t):
    """The `Verdict` on trial t, if that may be the first whose sizes are not those that are written in the file."""
    if t % 2 and (verdict.name in ("not right", "wrong shape", "transposed") or verdict.name.startswith("error")):
        text = "A batch of other sizes was right. Is one of its sizes written in your file as a number?"
        return verdict._replace(name="a size written as a number", text=f"{verdict.text}\n{text}")
    return verdict


def renamed(verdict, typed):
    """The `Verdict` in the light of the learner's own lines, where those say what the numbers alone cannot."""
    for name, pattern, instead, question in every_formula()[2] if not verdict.passed else ():
        if re.search(instead, verdict.name) and re.search(pattern, typed, re.MULTILINE):
            return Verdict(False, name, f"It is {name}, it seems.\n{question}", drawn=verdict.drawn)
    return verdict


def judge_trial(exercise, given, trials, t):
    """The `Verdict` on the results of one trial, or None if they are right."""
    results, expected = trials[t]["results"], len(exercise.gives)
    if all(result["type"] == "ellipsis" for result in results):
        return not_written()
    if len(results) != expected:
        names = " and ".join(exercise.gives)
        text = f"`{exercise.function.name}` should return {names}: {expected} in all. Yours returns {len(results)}."
        if results[0]["type"] == "None":
            text += " It is None: is the last line still `return ...`?"
        return Verdict(False, "wrong number of results", text)
    missing = [name for name, result in zip(exercise.gives, results, strict=True) if result["type"] == "ellipsis"]
    for name, result in zip(exercise.gives, results, strict=True):
        verdict = None if name in missing else judge_result(exercise, given, trials, t, name, result)
        if verdict:
            return verdict
    if trials[t]["changed"]:
        return changed(exercise, trials[t]["changed"])
    return not_written(missing[0]) if missing else None


def not_written(name=None):
    if name:
        text = f"Right so far. `{name}` is not written yet: put your own expression in place of the three dots."
    else:
        text = (
            "Nothing is written yet: that is how every exercise starts. Put your own expression in place of the three "
            "dots."
        )
    return Verdict(False, "not written", text)


def judge_error(error):
    line = f"Line {error['line']}: {error['text']}\n" if error["line"] else ""
    message = error["message"]
    if re.match("[a-z]+ ", message):  # and not a name, such as f()
        message = message[:1].upper() + message[1:]
    return Verdict(False, f"error: {error['name'][:40]}", line + message)


def changed(exercise, names):
    names = ", ".join(names)
    text = (
        f"The result is right. But your function has changed {names}, which it was only given to read: the "
        f"caller still needs {'it' if ',' not in names else 'them'} as before. Which of your lines writes into an "
        "array that your function did not make? (`.copy()` makes a new one.)"
    )
    return Verdict(False, "changes its input", text)


def judge_case(exercise, outcome):
    """The `Verdict` on a case: what was said to be wrong, whether the cause is gone, whether it then learns."""
    case, notes, said = exercise.case, exercise.text.notes, str(outcome["said"])
    if "unfit" in outcome:
        text = f"The marker cannot use the program: {outcome['unfit']} Its first lines say what has to stay as it was."
        return Verdict(False, "does not fit", text)
    fixed, accuracy = outcome["fixed"], float(outcome["accuracy"])
    if said and said not in SUSPECTS:
        words = ", ".join(f'"{word}"' for word in SUSPECTS)
        text = f"DIAGNOSIS is {said!r}. It should be one of these, in quotes: {words}."
        return Verdict(False, "no diagnosis", text)
    numbers = f"\n(It now reads {accuracy:.3f} of the test digits right; a healthy one, over {case.healthy:.2f}.)"
    if said and (said != case.diagnosis or not fixed):
        what, sign = SUSPECTS[said]
        text = f"The cause is gone, but it was another. You say: {what}. " if fixed else f"You say: {what}. "
        ask = "Was that so?" if fixed else "Is that so here? If it is, it is still to be fixed."
        text += f"Then {sign} {notes.get(f'Against {said}', ask)}"
        if outcome["changed"] and not fixed:  # nobody learns from guesses alone which suspect is the right one
            text += f" {notes['Still']}{numbers}" if said == case.diagnosis else numbers
        return Verdict(False, "not fixed" if said == case.diagnosis else f"diagnosis: {said}", text)
    if not fixed and outcome["changed"]:
        text = "You have changed the program, but what is wrong is still there. Say in DIAGNOSIS what you think it is."
        return Verdict(False, "not fixed", text + numbers)
    if not fixed:
        text = (
            "Nothing is fixed yet: that is how every case starts. Run it, print what you want to know, say in "
            "DIAGNOSIS what is wrong, and fix it. (More epochs or a smaller step may improve the numbers, but it is "
            "the cause that you are looking for.)"
        )
        return Verdict(False, "not written", text)
    if not accuracy >= case.healthy:
        text = (
            f"The cause is gone, but the program reads only {accuracy:.3f} of the test digits right; without any "
            f"other change it reads over {case.healthy:.2f}. What else have you changed?"
        )
        text += f" {notes['Or else']}" if "Or else" in notes else ""
        return Verdict(False, "fixed, but does not learn", text)
    if not said:
        return Verdict(False, "no diagnosis", f"Fixed: {accuracy:.3f}. Now say in DIAGNOSIS what it was.")
    return Verdict(True, "passed", f"{accuracy:.3f} of the test digits are read right.\n{notes['Evidence']}")


def judge_result(exercise, given, trials, t, name, result):
    """The `Verdict` on one result, or None if it is right. Shape first, then type and finiteness, then values."""
    g = given[t]
    reference = np.asarray(getattr(g, name), np.float64)
    if result["type"] == "None" and exercise.needs_torch:
        text = f"{name} is None, as .grad is of a tensor whose gradient PyTorch does not keep. "
        text += "Of one that was computed, such as z1, it keeps it after z1.retain_grad(); W1 needs requires_grad_()."
        return Verdict(False, "no gradient kept", text)
    if result["type"] == "None":
        text = f"{name} is None. " + (
            "Has it got a value before the `return`?"
            if len(exercise.gives) > 1
            else f"Does `{exercise.function.name}` end with a `return`?"
        )
        return Verdict(False, "returns None", text)
    if result["type"] != "array":
        wanted = "an array of float64" if reference.ndim else "a number"
        text = f"{name} should be {wanted}; yours is of type {result['type']}."
        text += " Does a line end with a comma? That makes a tuple." if result["type"] == "tuple" else ""
        return Verdict(False, "wrong type", text)
    shape, dtype = tuple(result["shape"]), result["dtype"]
    mine = decode(result) if "data" in result else None
    known = None if mine is None or agree(mine, reference) else recognise(exercise, given, trials, t, name)
    if shape != reference.shape:
        return wrong_shape(exercise, name, shape, reference.shape, known)
    if dtype != "float64":
        text = f"{name} should be of type float64; yours is {dtype}."
        text += (
            " Is something rounded on the way?" if "float" in dtype else " Is the last step a comparison or a rounding?"
        )
        return known if known and dtype in ("bool", "int64") else Verdict(False, "wrong type", text)
    if agree(mine, reference):
        return None
    if known:
        return known
    bad = np.argwhere(~np.isfinite(mine))
    if len(bad):
        at, value = place(bad[0]), mine[tuple(bad[0])]
        text = f"{name}{at} is {value}; of {mine.size} entries, {len(bad)} are not finite."
        text += " Where do you divide by 0, or give exp too large a number?"
        return Verdict(False, "not finite", text, drawn=True)
    return unknown(exercise, g, name, mine, reference)


def decode(result):
    return np.frombuffer(base64.b64decode(result["data"]), np.float64).reshape(result["shape"])


def recognise(exercise, given, trials, t, name):
    """The `Verdict` that names the known mistake which gives just these numbers, or None.

    Of several, it is the one that explains the most results, in all trials; and none that had shown in an earlier one.
    """
    found, most = None, 0
    for mistake in exercise.known:
        values = exercise.values(mistake, given[t])
        if name not in values or not agree(returned(exercise, trials[t])[name], values[name]):
            continue
        if any(name in exercise.values(mistake, g) for g in given[:t]):
            continue
        explained = sum(
            agree(result, exercise.values(mistake, g).get(output, getattr(g, output)))
            for g, trial in zip(given, trials, strict=False)
            for output, result in returned(exercise, trial).items()
        )
        if explained > most:
            found, most = mistake, explained
    mine, wanted = returned(exercise, trials[t])[name], np.shape(getattr(given[t], name))
    if found:
        about = f" {shape_sentence(name, wanted, mine.shape)}" if wanted != mine.shape else ""
        return Verdict(False, found.name, f"{name}: {found.name}, it seems.{about}\n{found.question}", drawn=True)
    for other in exercise.gives:
        if agree(mine, getattr(given[t], other)):
            text = f"{name}: these numbers are {other}. In which order does the function return its results?"
            return Verdict(False, f"{other} in the place of {name}", text, drawn=True)
    return None


def returned(exercise, trial):
    """{output: its numbers}, of those results that are any."""
    results = zip(exercise.gives, trial["results"], strict=False)
    return {name: decode(result) for name, result in results if "data" in result}


def shape_sentence(name, wanted, shape):
    whose = "the shape"
    if name.startswith("d"):
        whose = f"{name[1:]}'{'' if name.endswith('s') else 's'} shape"
    wanted = f"{whose} {wanted}" if wanted else "a single number"
    return f"{name} should have {wanted}; yours is {shape if shape else 'a single number'}."


def wrong_shape(exercise, name, shape, wanted, known):
    if known:
        return known
    text = shape_sentence(name, wanted, shape)
    if len(wanted) > 1 and shape in (wanted[::-1], (*wanted[:-2], wanted[-1], wanted[-2])):
        return Verdict(False, "transposed", f"{text} Transposed?")
    if [n for n in shape if n != 1] == [n for n in wanted if n != 1]:
        return Verdict(False, "wrong shape", f"{text} An axis of length 1 is missing, or one too many: is it keepdims?")
    if exercise.entrywise:
        return Verdict(
            False, "wrong shape", f"{text} There should be one number for each entry of `{exercise.entrywise}`."
        )
    return Verdict(False, "wrong shape", f"{text} Which letters should remain, and over which do you sum?")


def unknown(exercise, g, name, mine, reference):
    """The mistake is not a known one: show as much as helps to find it."""
    for other, value in vars(g).items():
        if isinstance(value, np.ndarray) and agree(mine, value):
            text = f"{name}: what you return is {other} itself, unchanged. How do you get {name} from it?"
            return Verdict(False, f"{other} returned", text, drawn=True)
    off, scale = np.abs(mine - reference), np.abs(reference).max()
    if not mine.ndim:
        text = f"{name} is {different(mine, reference)}; it should be {different(reference, mine)}."
        return Verdict(False, *close(off, scale, text), drawn=True)
    right = off <= ROUNDING * scale
    text = f"{name} has the right shape, and {right.sum()} of its {mine.size} entries are right."
    factor = (mine * reference).sum() / (reference * reference).sum()
    mark, text = close(off, scale, text)
    if mark == "not right" and agree(mine, factor * reference) and factor:
        numbers = [(letter, vars(g)[letter]) for letter in "BHhTCd" if np.ndim(vars(g).get(letter, ())) == 0]
        sizes = ", ".join(f"{letter} is {number:g}" for letter, number in numbers)
        text += f" Every entry is {factor:.6g} times the true one." + (f" (Here {sizes}.)" if sizes else "")
    first = tuple(np.argwhere(~right)[0])
    text += (
        f"\nThe first wrong entry is {name}{place(first)}: yours is {different(mine[first], reference[first])}, "
        f"it should be {different(reference[first], mine[first])}."
    )
    if exercise.nudges and name in exercise.nudges:
        text += "\n" + nudge(g, *exercise.nudges[name], first, mine[first])
    return Verdict(False, mark, text, drawn=True)


def different(a, b):
    """The number a, with as many digits as set it off from b."""
    return next(text for digits in range(6, 18) if (text := f"{a:.{digits}g}") != f"{b:.{digits}g}")


def close(off, scale, text):
    """The mark and the text of a result that is not right, with a remark if it is so by very little."""
    if off.max() < 1e-5 * scale:
        text += (
            f" It is close: nothing is off by more than {off.max() / scale:.0e} of the largest. Has something been "
            "added that is not in the formula (a small number, perhaps), or rounded?"
        )
        return "close, and not equal", text
    return "not right", text


def nudge(g, array_name, loss, at, yours, h=1e-3):
    """What the loss does if one entry of an array grows by h."""
    array = getattr(g, array_name).copy()
    before = loss(g, array)
    array[at] += h
    after = loss(g, array)
    return (
        f"Try it: if {array_name}{place(at)} grows by {h:g}, the loss goes from {before:.8f} to {after:.8f}. That is "
        f"a slope of {(after - before) / h:.4g}; yours is {yours:.4g}."
    )


def place(index):
    return f"[{', '.join(str(int(i)) for i in index)}]" if len(index) else ""
