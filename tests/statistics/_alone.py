"""A finder that only the tests know: right for a single sample."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from marker.trial import find_right_result_names, run_trial
from marker.verdict import Sentences, Verdict
from marker.words import read_tables_by_heading

MARK = "right for one alone"
said = Sentences(read_tables_by_heading(Path(__file__).with_name("said.md"))["Finders"]).text


def is_so(attempt):
    """Whether the function is right for the first sample alone: of each trial, and of fresh ones."""
    exercise = attempt.exercise
    function = getattr(attempt.module, exercise.function.name)
    drawn = (*exercise.draw_trials(attempt.seed), *exercise.draw_trials_of_next_seed(attempt.seed))
    return all(is_right(exercise, function, first_alone(exercise, g)) for g in drawn)


def is_right(exercise, function, g):
    """Whether all results are right, and no input is changed."""
    return find_right_result_names(exercise, g, run_trial(exercise, function, g)) == set(exercise.gives)


def first_alone(exercise, g):
    """A trial with the first sample and no other, and the results that are right for it."""
    names = {name: a[:1] if np.shape(a)[:1] == (g.n,) else a for name, a in vars(g).items()} | {"n": 1, "np": np}
    exec(exercise.formula, names)
    return SimpleNamespace(**names)


def alone(finder_input):
    if finder_input.verdict.name != "not right" or not is_so(finder_input.attempt):
        return None
    text = said(MARK)
    return Verdict(False, MARK, f"{finder_input.verdict.text}\n{text}", drawn=True, question=text)
