"""The marker: has a file run (marker/runner.py), and says what is right or wrong in it, whatever its kind."""

import re
import secrets

from marker import runner
from marker.asked import Failed, asking
from marker.verdict import MARKS, PASSED, PLACES, TYPED, Verdict, Wrong, is_error, wrong
from support.errors import UserError

WITH_TORCH = 60  # seconds that a file may compute that needs PyTorch
PRINTABLE = re.compile("[ -~]{1,200}")
# What a function may be called, beside what the tables say.
OTHERS = (
    "error", "cannot be marked", "not right", "close, and not equal", "a size written as a number",
    "an argument not used",
)  # fmt: skip


def mark(exercise, file, seed, seconds=None, hear=lambda text: None, within=()):
    """The `Verdict` on a file. Never raises for what is in it, or computes much longer than `seconds`.

    `hear` is told now and then what is being done, if that takes long. within: see `runner.run_in_subprocess`.
    """
    found = read_verdict(
        exercise, runner.run_in_subprocess(exercise, file, seed, seconds or find_time_limit(exercise), hear, within)
    )
    return confirm(exercise, file, found, hear, within) if found.passed else found


def find_time_limit(exercise):
    """The seconds that a file may compute."""
    return WITH_TORCH if exercise.needs_torch else exercise.kind.seconds


def confirm(exercise, file, verdict_before, hear=lambda text: None, within=()):
    """The `Verdict` on a file that is said to have passed, after its functions were asked in another process.

    Nobody can know before what they are asked: it is drawn now, and compared in this process.
    """
    kind, seed = exercise.kind, secrets.randbelow(2**32)
    if not kind.can_be_asked(exercise):
        return verdict_before
    hear("It is asked once more")
    try:
        with asking(file, find_time_limit(exercise), within, kind.gives, exercise.needs_torch) as functions:
            kind.ask(exercise, functions, seed)
    except UserError:
        raise
    except TimeoutError:
        return wrong("does not end", seconds=runner.CLOCK * find_time_limit(exercise))
    except Exception as error:  # it answers something else, or nothing
        if kind.is_quick:  # somebody may be wrong for these inputs alone
            again = read_verdict(
                exercise, runner.run_in_subprocess(exercise, file, seed, find_time_limit(exercise), hear, within)
            )
            if not again.passed:
                return again
        if isinstance(error, (Wrong, Failed)):
            return wrong("not as reported", what=str(error))
        return wrong("not as reported: no answer")
    return verdict_before


def read_verdict(exercise, report):
    """The `Verdict` in a `Report`, whatever it is: a file may have written it by itself."""
    if found := judge_not_run(report):
        return found
    try:
        said = Verdict(**report.verdict)
        texts = {name: str(getattr(said, name)) for name in ("text", "printed", "typed", "question", "error")}
        said = said._replace(**texts, passed=said.passed is True, drawn=said.drawn is True, whole=said.whole is True)
        if not is_known_mark(exercise, said.name) or said.passed != (said.name in PASSED):
            said = said._replace(passed=False, name="error")
        if said.name == "error" and not is_error(said.error):
            said = said._replace(error="Exception")
        return said
    except Exception:
        return wrong("no result: senseless")


def is_known_mark(exercise, name):
    """Whether a file may have this mark: so no other word reaches a teacher's table."""
    known = {*MARKS, *PASSED, *OTHERS, *TYPED, *exercise.folder.words.marks}
    if name in known:
        return True
    if exercise.kind.marks is None or exercise.folder.finders:  # the folder's own code names it
        return bool(PRINTABLE.fullmatch(name)) and name.strip().lower() not in PASSED
    known |= {kind.partition(":")[0] for kind in PLACES} | {*exercise.kind.marks} | list_mistake_names(exercise)
    halves = (name.split(", and ", n) for n in range(1, name.count(", and ") + 1))
    pairs = [(", and ".join(parts[:-1]), parts[-1]) for parts in halves]
    known -= {*PASSED}
    return name in known or any(one in known and other in known for one, other in pairs)


def list_mistake_names(exercise):
    """The names of the mistakes that are known of an exercise."""
    names = {name for name, *_ in (*exercise.mistakes, *exercise.factors)}
    names |= {f"{one} in the place of {other}" for one in exercise.gives for other in exercise.gives}
    names |= {f"{name} returned" for name in exercise.takes}
    return names | {exercise.tool.mark} if exercise.tool else names


def judge_not_run(report):
    """The `Verdict` on a file that has not come to its end; None if it has."""
    if report.seconds is not None:
        mark = "does not end: in a line" if report.line else "does not end"
        return wrong(mark, seconds=report.seconds, line=report.line)
    if report.died is not None:
        return wrong("no result: ended" if report.died == 0 else "no result", died=report.died)
    if report.unmarked:
        return Verdict(False, "cannot be marked", str(report.unmarked))
    return None
