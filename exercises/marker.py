"""The marker: has a file run (exercises/runner.py), and says what is right or wrong in it (exercises/judge.py)."""

from exercises import runner
from exercises.judge import UNFINISHED, Verdict, judge, wrong

__all__ = ["UNFINISHED", "Verdict", "judge", "limit", "mark", "verdict"]

SECONDS = 8  # that a function may compute; programs that train, or need PyTorch, get longer


def mark(exercise, file, seed, seconds=None, hear=lambda text: None):
    """The `Verdict` on a file. Never raises for what is in it, or computes much longer than `seconds`.

    `hear` is told now and then what is being done, if that takes long.
    """
    return verdict(exercise, seed, runner.apart(exercise, file, seed, seconds or limit(exercise), hear))


def limit(exercise):
    """The seconds that a file may compute."""
    return 60 if exercise.needs_torch else 40 if exercise.experiments else 20 if exercise.case else SECONDS


def verdict(exercise, seed, outcome):
    """The `Verdict` on what `exercises.runner` reported, whatever it is."""
    try:
        own = {"printed": outcome.get("printed", ""), "typed": outcome.get("typed", "")[:2000]}
        return judge(exercise, seed, outcome)._replace(**own)
    except Exception:  # the file wrote its result by itself
        return wrong("no result: senseless")
