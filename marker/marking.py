"""Marking: run a submission (marker/runner.py) and return its verdict, for every kind of exercise."""

import re
import secrets
from itertools import product

from marker import runner
from marker.asked import Failed, open_in_subprocess
from marker.verdict import MARKS, PASSED_MARKS, PLACES, TYPED_MISTAKES, Verdict, Wrong, is_error_name, wrong_verdict
from support.errors import UserError

TORCH_SECONDS = 60  # of computing, for a file that needs PyTorch
PRINTABLE_PATTERN = re.compile("[ -~]{1,200}")
# The marks that a function may get besides those in the tables.
OTHER_MARKS = (
    "error", "cannot be marked", "not right", "close, and not equal", "a size written as a number",
    "an argument not used",
)  # fmt: skip


def mark(exercise, learner_path, seed, seconds=None, on_progress=lambda text: None, hidden_folders=()):
    """Mark a file and return its `Verdict`. Never raises because of the file.

    seconds: the CPU time that the file may use; by default that of its exercise. on_progress(text): a progress
    callback. hidden_folders: folders that the file must not see (see `runner.run_in_subprocess`).
    """
    verdict = read_verdict(
        exercise,
        runner.run_in_subprocess(
            exercise, learner_path, seed, seconds or find_time_limit(exercise), on_progress, hidden_folders
        ),
    )
    return confirm_pass(exercise, learner_path, verdict, on_progress, hidden_folders) if verdict.passed else verdict


def find_time_limit(exercise):
    """Return how many seconds of CPU time a file may use."""
    return TORCH_SECONDS if exercise.needs_torch else exercise.kind.seconds


def confirm_pass(exercise, learner_path, verdict_before, on_progress=lambda text: None, hidden_folders=()):
    """Confirm a reported pass: call the file's functions from this process, and return the `Verdict` after that.

    A file could have made up its own report. So the inputs are drawn only now, the functions run in another process,
    and the results are compared here. Raises UserError if the data that the exercise needs are missing here.
    """
    kind = exercise.kind
    seed = secrets.randbelow(2**32)
    if not kind.can_be_checked_by_calls(exercise):
        return verdict_before
    on_progress("It is asked once more")
    try:
        with open_in_subprocess(
            learner_path, find_time_limit(exercise), hidden_folders, kind.gives, exercise.needs_torch
        ) as functions:
            kind.check_by_calls(exercise, functions, seed)
    except UserError:
        raise
    except TimeoutError:
        return wrong_verdict("does not end", seconds=runner.CLOCK_RATIO * find_time_limit(exercise))
    except Exception as error:  # its results differ, or there are none
        if kind.is_quick:  # the mistake may show for these inputs only
            second_verdict = read_verdict(
                exercise,
                runner.run_in_subprocess(
                    exercise, learner_path, seed, find_time_limit(exercise), on_progress, hidden_folders
                ),
            )
            if not second_verdict.passed:
                return second_verdict
        if isinstance(error, (Wrong, Failed)):
            return wrong_verdict("not as reported", what=str(error))
        return wrong_verdict("not as reported: no answer")
    return verdict_before


def read_verdict(exercise, report):
    """Return the `Verdict` in a `Report`.

    Its contents are not trusted, since a file may have written the report itself.
    """
    failure = find_run_failure(report)
    if failure:
        return failure
    try:
        verdict = Verdict(**report.verdict)
        texts = {name: str(getattr(verdict, name)) for name in ("text", "printed", "typed", "question", "error")}
        verdict = verdict._replace(
            **texts, passed=verdict.passed is True, drawn=verdict.drawn is True, whole=verdict.whole is True
        )
        if not is_known_mark(exercise, verdict.name) or verdict.passed != (verdict.name in PASSED_MARKS):
            verdict = verdict._replace(passed=False, name="error")
        if verdict.name == "error" and not is_error_name(verdict.error):
            verdict = verdict._replace(error="Exception")
        return verdict
    except Exception:
        return wrong_verdict("no result: senseless")


def is_known_mark(exercise, name):
    """Return True if a file may get this mark. No other text may reach a teacher's table."""
    marks = {*MARKS, *PASSED_MARKS, *OTHER_MARKS, *TYPED_MISTAKES, *exercise.folder.words.marks}
    if name in marks:
        return True
    if exercise.kind.marks is None or exercise.folder.finders:  # the folder's own code names it
        return bool(PRINTABLE_PATTERN.fullmatch(name)) and name.strip().lower() not in PASSED_MARKS
    marks |= {kind.partition(":")[0] for kind in PLACES} | {*exercise.kind.marks} | collect_mistake_names(exercise)
    halves = (name.split(", and ", n) for n in range(1, name.count(", and ") + 1))
    pairs = [(", and ".join(parts[:-1]), parts[-1]) for parts in halves]
    marks -= {*PASSED_MARKS}
    return name in marks or any(first in marks and second in marks for first, second in pairs)


def collect_mistake_names(exercise):
    """Return the set of names that an exercise's mistakes can have."""
    names = {name for name, *_ in (*exercise.mistakes, *exercise.factor_mistake_rows)}
    names |= {f"{first} in the place of {second}" for first, second in product(exercise.gives, repeat=2)}
    names |= {f"{name} returned" for name in exercise.takes}
    return names | {exercise.tool.mark} if exercise.tool else names


def find_run_failure(report):
    """Return the `Verdict` on a file that did not run to its end; None if it did."""
    if report.seconds is not None:
        mark_name = "does not end: in a line" if report.line else "does not end"
        return wrong_verdict(mark_name, seconds=report.seconds, line=report.line)
    if report.died is not None:
        return wrong_verdict("no result: ended" if report.died == 0 else "no result", died=report.died)
    if report.unmarked:
        return Verdict(False, "cannot be marked", str(report.unmarked))
    return None
