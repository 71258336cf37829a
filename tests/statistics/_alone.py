"""A finder that only the tests know: right for a single sample."""

from contextlib import suppress
from types import SimpleNamespace

import numpy as np

from marker.equal import agree
from marker.finder import Finder
from marker.trial import call
from marker.verdict import Verdict


def look(attempt, wrongs):
    """Whether the function is right for the first sample alone."""
    exercise, g = attempt.exercise, attempt.exercise.draw(attempt.seed)[0]
    one = {name: a[:1] if np.shape(a)[:1] == (g.n,) else a for name, a in vars(g).items()} | {"n": 1}
    names = {"np": np, **one}
    with suppress(Exception):
        exec(exercise.formula, names)
        right = SimpleNamespace(**one | {name: names[name] for name in exercise.gives})
        results, _ = call(exercise, getattr(attempt.module, exercise.function.name), right)
        return all(agree(result, getattr(right, name)) for name, result in zip(exercise.gives, results, strict=True))
    return False


def say(found, wrongs):
    if not found or wrongs.verdict.name != "not right":
        return None
    text = "With a single sample it is right. What becomes of the others?"
    return Verdict(False, "right for one alone", f"{wrongs.verdict.text}\n{text}", drawn=True, question=text)


ALONE = Finder(look, say)
