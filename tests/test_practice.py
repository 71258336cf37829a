"""The marker: right answers pass, wrong ones never do, and every known mistake gets its own name."""

import itertools
import json

import numpy as np
import pytest

from exercises import marker, runner
from exercises.catalogue import BY_NAME, EXERCISES
from exercises.house import STUBS
from practice_answers import ALSO_RIGHT, write

WRITTEN = [exercise for exercise in EXERCISES if not exercise.diagnosis]


# Every seed draws other inputs.
SEEDS = [pytest.param(range(4), id="4 seeds"), pytest.param(range(4, 40), id="36 more", marks=pytest.mark.slow)]


def names(exercises):
    return {"argvalues": exercises, "ids": [exercise.name for exercise in exercises]}


def judged(exercise, seed, answer):
    """The verdict on what answer(g) returns for the inputs g: a tuple of results."""
    with np.errstate(all="ignore"):
        trials = [
            {"results": [runner.describe(result) for result in answer(g)], "changed": []} for g in exercise.inputs(seed)
        ]
    return marker.judge(exercise, seed, {"trials": trials, "diagnosis": exercise.diagnosis})


def right(exercise, g):
    return tuple(getattr(g, name) for name in exercise.gives)


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("exercise", **names(WRITTEN))
def test_right_answers_pass(exercise, seeds):
    for seed in seeds:
        verdict = judged(exercise, seed, lambda g: right(exercise, g))
        assert verdict.passed, verdict.text


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("exercise", **names(WRITTEN))
def test_each_mistake_is_named_by_its_own_name(exercise, seeds):
    """And so no two of one exercise look alike."""
    assert len({(m.output, m.name) for m in exercise.mistakes}) == len(exercise.mistakes)
    for seed in seeds:
        for mistake in exercise.mistakes:

            def answer(g, mistake=mistake):
                return tuple(
                    mistake.value(g) if name == mistake.output else getattr(g, name) for name in exercise.gives
                )

            verdict = judged(exercise, seed, answer)
            assert (verdict.passed, verdict.name) == (False, mistake.name), verdict.text
            assert mistake.question in verdict.text


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("exercise", **names(WRITTEN))
def test_no_two_mistakes_look_alike(exercise, seeds):
    for seed in seeds:
        candidates = exercise.mistakes
        for g in exercise.inputs(seed):
            with np.errstate(all="ignore"):
                values = [(m, np.asarray(m.value(g), float)) for m in candidates]
            here = [(m, value) for m, value in values if not marker.agree(value, getattr(g, m.output))]
            for (a, first), (b, second) in itertools.combinations(here, 2):
                if a.output == b.output and first.shape == second.shape and not np.isnan(first).any():
                    apart = np.abs(first - second).max()
                    assert apart > 1e-5 * np.abs(first).max(), f"seed {seed}: {a.name}, {b.name}"
            candidates = [m for m in candidates if m not in [m for m, _ in here]]
        assert not candidates, f"{candidates[0].name} never shows"


WRONG = {
    "zeros": lambda g, a: np.zeros_like(a),
    "ones": lambda g, a: np.ones_like(a),
    "NaN": lambda g, a: np.full_like(a, np.nan),
    "one NaN": lambda g, a: np.where(np.arange(a.size).reshape(a.shape) == a.size - 1, np.nan, a),
    "one infinity": lambda g, a: np.where(np.arange(a.size).reshape(a.shape) == 0, np.inf, a),
    "None": lambda g, a: None,
    "the dots": lambda g, a: ...,
    "random": lambda g, a: np.random.default_rng(1).normal(size=a.shape),
    "nearly right": lambda g, a: a * (1 + 1e-7),
    "one entry off": lambda g, a: a + 1e-6 * (np.arange(a.size).reshape(a.shape) == 0) * np.abs(a).max(),
    "float32": lambda g, a: a.astype(np.float32),
    "complex": lambda g, a: a + 0j,
    "objects": lambda g, a: a.astype(object),
    "text": lambda g, a: str(a),
    "a list": lambda g, a: a.tolist() if a.ndim else [float(a)],
    "a masked array": lambda g, a: np.ma.masked_array(a),
    "one axis more": lambda g, a: a[np.newaxis],
    "one axis more at the end": lambda g, a: a[..., np.newaxis],
    "twice as long": lambda g, a: np.concatenate([a, a]) if a.ndim else np.array([a, a]),
    "empty": lambda g, a: np.zeros((0,)),
}


@pytest.mark.parametrize("exercise", **names(WRITTEN))
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_nonsense_never_passes(exercise, wrong):
    for output in exercise.gives:
        for seed in range(2):

            def answer(g, output=output):
                results = zip(exercise.gives, right(exercise, g), strict=True)
                return tuple(wrong(g, np.asarray(a)) if name == output else a for name, a in results)

            verdict = judged(exercise, seed, answer)
            assert not verdict.passed
            assert len(verdict.text) > 20


@pytest.mark.parametrize("exercise", **names(WRITTEN))
def test_an_input_returned_never_passes(exercise):
    for g in exercise.inputs(0):
        for value in vars(g).values():
            for output in exercise.gives:
                if isinstance(value, np.ndarray) and not marker.agree(value, getattr(g, output)):
                    answer = tuple(value if name == output else getattr(g, name) for name in exercise.gives)
                    assert not judged(exercise, 0, lambda g, answer=answer: answer).passed
        break


@pytest.mark.parametrize("exercise", **names(WRITTEN))
def test_a_right_answer_among_too_few_or_too_many_does_not_pass(exercise):
    assert not judged(exercise, 0, lambda g: (*right(exercise, g), 1.0)).passed
    assert not judged(exercise, 0, lambda g: right(exercise, g)[:-1] or (None, None)).passed


@pytest.mark.parametrize("exercise", **names(WRITTEN))
def test_stubs_are_not_written_yet_and_answers_pass(exercise, tmp_path):
    """From the file that a learner has. (test_practice_commands.py does it in a process of its own.)"""
    for path, name in ((STUBS / f"{exercise.name}.py", "not written"), (write(tmp_path, exercise.name), "passed")):
        outcome = json.loads(json.dumps(runner.run(exercise, path, 1)))
        verdict = marker.judge(exercise, 1, outcome)
        assert verdict.name == name, verdict.text


@pytest.mark.parametrize(("name", "answers"), ALSO_RIGHT)
def test_other_ways_to_write_it_pass(name, answers, tmp_path):
    for seed in range(5):
        verdict = marker.judge(BY_NAME[name], seed, runner.run(BY_NAME[name], write(tmp_path, name, answers), seed))
        assert verdict.passed, verdict.text
