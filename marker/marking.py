"""The marker: has a file run (marker/runner.py), and says what is right or wrong in it, whatever its kind."""

from dataclasses import replace

from marker import runner
from marker.verdict import Verdict, ended, wrong

WITH_TORCH = 60  # seconds that a file may compute that needs PyTorch


def mark(exercise, file, seed, seconds=None, hear=lambda text: None, within=()):
    """The `Verdict` on a file. Never raises for what is in it, or computes much longer than `seconds`.

    `hear` is told now and then what is being done, if that takes long. within: see `runner.apart`.
    """
    found = verdict(exercise, seed, runner.apart(exercise, file, seed, seconds or limit(exercise), hear, within))
    return exercise.kind.confirm(exercise, file, found, hear, within) if found.passed else found


def limit(exercise):
    """The seconds that a file may compute."""
    return WITH_TORCH if exercise.needs_torch else exercise.kind.seconds


def verdict(exercise, seed, outcome):
    """The `Verdict` on what `marker.runner` reported, whatever it is."""
    try:
        own = {"printed": outcome.printed, "typed": outcome.typed[:2000]}
        return judge(exercise, seed, outcome)._replace(**own)
    except Exception:  # the file wrote its result by itself
        return wrong("no result: senseless")


def judge(exercise, seed, outcome):
    """The `Verdict` on an `Outcome`, for the inputs of that seed."""
    if found := not_run(outcome):
        return found
    error = ended(outcome.error, exercise.folder.words.marks)
    return exercise.kind.judge(exercise, seed, replace(outcome, notes=notes_of(exercise, outcome), error=error))


def notes_of(exercise, outcome):
    """The notes in an `Outcome`, as its kind takes them: from a file, they come as a dict."""
    return exercise.kind.Notes(**outcome.notes) if isinstance(outcome.notes, dict) else outcome.notes


def not_run(outcome):
    """The `Verdict` on a file that has not come to its end; None if it has."""
    if outcome.seconds is not None:
        mark = "does not end: in a line" if outcome.line else "does not end"
        return wrong(mark, seconds=outcome.seconds, line=outcome.line)
    if outcome.died is not None:
        return wrong("no result: ended" if outcome.died == 0 else "no result", died=outcome.died)
    if outcome.unmarked:
        return Verdict(False, "cannot be marked", str(outcome.unmarked))
    return None
