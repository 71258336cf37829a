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
from exercises.exercise import ROUNDING, agree

SECONDS = 8  # that a function may take; programs that train, or need PyTorch, get longer


class Verdict(NamedTuple):
    passed: bool
    name: str  # in a few words, as in the teacher's table
    text: str  # for the learner; paragraphs
    printed: str = ""  # what the learner's own code printed
    drawn: bool = False  # whether it speaks of the numbers that were drawn


def mark(exercise, file, seed, seconds=None):
    """The `Verdict` on a file. Never raises for what is in it, and never takes much longer than `seconds`."""
    limit = 60 if exercise.needs_torch else 20 if exercise.case else SECONDS
    outcome = run(exercise, file, seed, seconds or limit)
    try:
        verdict = judge(exercise, seed, outcome)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):  # the file wrote its result by itself
        verdict = Verdict(False, "no result", "The program left a result that makes no sense.")
    return verdict._replace(printed=str(outcome.get("printed", ""))[:2000])


def run(exercise, file, seed, seconds):
    """What the file's own process reported: a dict as exercises.runner.run makes it."""
    with tempfile.TemporaryDirectory(prefix="practice", ignore_cleanup_errors=True) as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "exercises.runner", exercise.name, str(Path(file).resolve()), str(seed)]
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        process = subprocess.Popen(
            [*command, str(result), str(seconds)],
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
        try:
            if result.stat().st_size < 2**25:
                outcome = json.loads(result.read_bytes())
                return outcome if isinstance(outcome, dict) else {"died": process.returncode}
        except (OSError, ValueError, RecursionError):
            pass
        with suppress(OSError):
            # faulthandler reads the frames while they run: sometimes it prints its heading, but no line.
            said = stuck.read_text(errors="replace")[:20000]
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
    given = list(exercise.inputs(seed))
    for t, trial in enumerate(outcome["trials"]):
        verdict = judge_trial(exercise, given, outcome["trials"], t)
        if verdict and trial["changed"] and verdict.name not in ("not written", "changes its input"):
            text = f"Your function also changes {', '.join(trial['changed'])}, which it should leave as it was."
            verdict = verdict._replace(text=f"{verdict.text}\n{text}")
        if verdict and verdict.drawn and t % 2:
            text = "(A batch of other sizes was right before. Is one of its sizes written in your file as a number?)"
            verdict = verdict._replace(text=f"{verdict.text}\n{text}")
        if verdict:
            return verdict
    if "error" in outcome:
        return judge_error(outcome["error"])
    return Verdict(True, "passed", "")


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
    case, notes = exercise.case, exercise.text.notes
    said, fixed, accuracy = str(outcome["said"]), outcome["fixed"], float(outcome["accuracy"])
    if said and said not in SUSPECTS:
        words = ", ".join(f'"{word}"' for word in SUSPECTS)
        text = f"DIAGNOSIS is {said!r}. It should be one of these, in quotes: {words}."
        return Verdict(False, "no diagnosis", text)
    if said and said != case.diagnosis:
        meaning, sign = SUSPECTS[said]
        text = f"You say: {meaning}. Then {sign} {notes.get(f'Against {said}', 'Is that so here?')}"
        return Verdict(False, f"diagnosis: {said}", text)
    if not fixed:
        if said:
            text = f"Right, that is what is wrong: {SUSPECTS[said][0]}. But it is still there. {notes['Still']}"
            return Verdict(False, "not fixed", text)
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
    if result["type"] == "None":
        text = f"{name} is None. " + (
            "Has it got a value before the `return`?"
            if len(exercise.gives) > 1
            else f"Does `{exercise.function.name}` end with a `return`?"
        )
        return Verdict(False, "returns None", text)
    if result["type"] != "array":
        wanted = "an array of float64" if reference.ndim else "a number"
        return Verdict(False, "wrong type", f"{name} should be {wanted}; yours is of type {result['type']}.")
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
    if not mine.ndim:
        return Verdict(False, "not right", f"{name} is {mine:.6g}; it should be {reference:.6g}.", drawn=True)
    off, scale = np.abs(mine - reference), np.abs(reference).max()
    right = off <= ROUNDING * scale
    text = f"{name} has the right shape, and {right.sum()} of its {mine.size} entries are right."
    factor = (mine * reference).sum() / (reference * reference).sum()
    if off.max() < 1e-5 * scale:
        text += (
            f" It is close: no entry is off by more than {off.max() / scale:.0e} of the largest. Has something been "
            "added that is not in the formula (a small number, perhaps), or rounded?"
        )
    elif agree(mine, factor * reference) and factor:
        sizes = ", ".join(f"{letter} is {getattr(g, letter):g}" for letter in "BHhTCd" if hasattr(g, letter))
        text += f" Every entry is {factor:.6g} times the true one." + (f" (Here {sizes}.)" if sizes else "")
    first = tuple(np.argwhere(~right)[0])
    text += (
        f"\nThe first wrong entry is {name}{place(first)}: yours is {mine[first]:.6g}, "
        f"it should be {reference[first]:.6g}."
    )
    if exercise.nudges and name in exercise.nudges:
        text += "\n" + nudge(g, *exercise.nudges[name], first, mine[first])
    return Verdict(False, "not right", text, drawn=True)


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
