"""The marker: right answers pass, wrong ones never do, and every known mistake gets its own name."""

import ast
import io
import json
import re
import signal
import subprocess
import sys
import threading
import time
import zlib
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict
from functools import lru_cache, partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mutants import planted

from conftest import PATIENCE, ROOT, UNIX, first_of_each, rows, schedule
from desk.work import Work
from exercises.catalogue import BY_NAME, CATALOGUE, EXERCISES
from marker import check, compare, function, marking, runner
from marker.budget import SPEND_NAME, Budget, Stopped, compile_with_budget
from marker.calls import intercept_calls, reroute
from marker.equal import agree
from marker.exercise import Exercise, MistakePair, apply_change
from marker.factors import SizeProduct, find_size_product
from marker.finder import FinderInput
from marker.finders import pairs, repair, sometimes
from marker.function import Notes, is_computed_with_required_tool
from marker.kind import Attempt, Outcome, Report
from marker.trial import (
    TrialResult,
    find_right_result_names,
    is_exactly_equal,
    list_changed_names,
    list_results,
    make_result_record,
    run_trial,
)
from marker.verdict import Verdict
from practice_answers import ALSO_RIGHT, BY_OTHER_MEANS, MARKS, RIGHT, WHOLE, blocks_of, filled, write
from support.errors import UserError

WRITTEN = [exercise for exercise in EXERCISES if exercise.inputs]
OF_ANOTHER_KIND = ("not whole numbers", "wrong type")  # what a mistake makes of a result
each_exercise = pytest.mark.parametrize(
    "exercise", schedule(WRITTEN, every_day=3), ids=[exercise.name for exercise in WRITTEN]
)


@pytest.fixture(autouse=True)
def drawn_once(monkeypatch):
    """The inputs of a seed are drawn once, and not for each of a hundred mistakes."""
    monkeypatch.setattr(Exercise, "draw_trials", lambda exercise, seed: drawn(exercise.name, seed))


@lru_cache(64)
def drawn(name, seed, draw=Exercise.draw_trials):
    return list(draw(BY_NAME[name], seed))


def right(exercise, g):
    return {name: getattr(g, name) for name in exercise.gives}


def judged(exercise, seed, answer, **notes):
    """The verdict on what answer(g) returns for the inputs g: {output: value}. notes: what else was noted."""
    trials = [
        {"results": list(map(make_result_record, answer(g).values())), "changed": []}
        for g in exercise.draw_trials(seed)
    ]
    return exercise.kind.judge(exercise, seed, outcome_of(trials, **notes))


def outcome_of(trials, **notes):
    return Outcome(Notes(**{"trials": trials, "follows": True} | notes))


def sent(report):
    """A report as it comes out of the process of a learner's file."""
    return Report(**json.loads(json.dumps(asdict(report))))


def test_beside_another_mistake_nothing_is_said_to_be_right():
    exercise = BY_NAME["weight_decay"]
    both = [
        next(m for m in exercise.known_mistakes if m.name == name)
        for name in ("growth in place of decay", "no momentum")
    ]
    decays = next(m for m in exercise.known_mistakes if m.name == "the bias decays, too")
    assert decays.question.startswith("This is right for weights.") and decays.beside.startswith("Is a bias a weight?")
    assert [m.beside for m in both] == [m.question for m in both]
    for mistake in (m for each in WRITTEN for m in each.known_mistakes):
        assert not re.search("ours is right|^Right", mistake.beside) and mistake.beside, mistake.name
        assert "[" not in mistake.question[:1] + mistake.beside[:1], mistake.name


@pytest.mark.parametrize("seeds", schedule([range(2), range(2, 4)], in_turn=2, instead=[range(1)]))
@each_exercise
def test_each_mistake_is_named_by_its_own_name(exercise, seeds):
    """And so no two of one exercise look alike, and what is right passes."""
    own = [name for name, *_ in exercise.mistakes if not name.startswith("and ")]
    for seed in seeds:
        assert judged(exercise, seed, lambda g: right(exercise, g)).passed
        for i, mistake in enumerate(exercise.known_mistakes if len(seeds) > 1 else exercise.known_mistakes[: len(own)]):
            found = judged(
                exercise,
                seed,
                lambda g, mistake=mistake: right(exercise, g) | exercise.wrong_results_with_mistake(mistake, g),
            )
            if i < len(own):
                assert (found.passed, found.name) == (False, mistake.name), found.text
                assert mistake.question in found.text
            elif any(
                exercise.wrong_results_with_mistake(mistake, g) for g in exercise.draw_trials(seed)
            ):  # here it may have another name
                assert found.name in {*(known.name for known in exercise.known_mistakes), *OF_ANOTHER_KIND}, found.text


@pytest.mark.parametrize(
    "seeds", schedule([range(i, i + 25) for i in range(0, 100, 25)], in_turn=4, instead=[range(3)])
)
@each_exercise
def test_no_slip_passes_whatever_is_drawn(exercise, seeds):
    """Any mistake that fails in one draw and passes in another would pass for some learner, sooner or later.

    What passes in all has a reason in the exercise's file, or is the same function, whatever it is given.
    """
    draws = [list(exercise.iter_uncached_trials(seed)) for seed in seeds]
    passing = {}
    for body in {exercise.answer, *planted(exercise)}:
        is_right = judge_of(exercise, body)
        if n := sum(all(map(is_right, draw)) for draw in draws):
            passing[body] = n
    assert {*passing.values()} == {len(seeds)} and exercise.answer in passing
    answer, *others = (
        check.parse_counting_lines(exercise.fill_stub(body)) for body in {exercise.answer: None} | passing
    )
    for tree in others:
        is_equal = check.ArbitraryInputs(exercise, answer, draws).find_equality_reason
        assert ast.unparse(tree) in check.collect_reasons_by_code(exercise) or is_equal(check.compile_tree(tree)), (
            ast.unparse(tree)
        )


def judge_of(exercise, body):
    """is_right(g): whether a function with this body, called here, has all results right for the inputs g."""
    names = {SPEND_NAME: Budget(20_000).spend}
    exec(compile_with_budget(filled(exercise.name, body)), names)

    def is_right(g):
        names[SPEND_NAME] = Budget(20_000).spend
        with suppress(Exception, Stopped), np.errstate(all="ignore"):
            result = run_trial(exercise, names[exercise.function.name], g)
            return find_right_result_names(exercise, g, result) == set(exercise.gives)
        return False

    return is_right


def test_beside_infinity_the_other_entries_are_compared_to_rounding():
    b = np.array([np.inf, -np.inf, np.nan, 1000.0])
    off = np.array([0, 0, 0, 1e-7])
    assert agree(b + off, b) and not agree(b + 100 * off, b) and not agree(-b, b)
    assert not agree([np.inf, 2e-12], [np.inf, 1e-12])


def test_how_near_two_arrays_are_is_a_share_of_the_largest_entry():
    b = np.array([1.0, 1000.0])
    for scale in (1e-12, 1, 1e12):
        assert agree(scale * (b + 1e-7), scale * b) and not agree(scale * (b + 1e-5), scale * b)


@pytest.mark.parametrize("exercise", WRITTEN, ids=[exercise.name for exercise in WRITTEN])
def test_what_there_are_so_many_of_is_what_the_text_says(exercise):
    text, counts = ast.get_docstring(exercise.tree), exercise.units_by_size
    for letter, what in counts.items():
        others = {other for one in WRITTEN for other in one.units_by_size.values()} - {what}
        for other in others if letter not in exercise.takes else ():
            assert not re.search(rf"\b{letter} {other}\b", text)
    assert counts["B"][:-1] in text or not re.search("images?|texts?", text)


def test_the_input_of_a_wrong_entry_is_said_if_it_is_near_the_edge():
    found = judged(BY_NAME["dz1"], 5, lambda g: {"dz1": g.da1 * (g.z1 > 1e-5)})
    assert not found.passed and "(z1 is 1e-09 there.)" in found.text


def test_across_a_kink_no_slope_is_said():
    found = judged(BY_NAME["dz1"], 5, lambda g: {"dz1": g.dz1 + 3 * g.da1 * (abs(g.z1 + 1e-9) < 1e-10)})
    assert "(z1 is -1e-09 there.)" in found.text and "Try it" not in found.text


def test_the_two_numbers_of_the_entry_that_is_furthest_off_are_the_learners_and_the_right_one():
    """And the loss grows by the right one times the step."""
    exercise = BY_NAME["dz1"]
    g = exercise.draw(5)[0]
    off = 0.3 * g.dz1 + np.arange(g.dz1.size).reshape(g.dz1.shape) ** 2 * 1e-3
    found = judged(exercise, 5, lambda one: {"dz1": off if one is g else 0.3 * one.dz1 - 0.1})
    at, mine, right_one = re.search(r"is dz1\[(.*?)\]: yours is (\S+), but it should be (\S+)\.", found.text).groups()
    at = tuple(map(int, at.split(",")))
    assert float(mine) == pytest.approx(off[at], rel=1e-4) and float(right_one) == pytest.approx(g.dz1[at], abs=1e-4)
    assert abs(off - g.dz1).max() == abs(off - g.dz1)[at]
    n_right = (abs(off - g.dz1) < 1e-9).sum()
    assert found.text.startswith(f"dz1 has the right shape, and {n_right} of its {off.size} entries are right.\nThe")
    pattern = r"if z1\[(.*?)\] grows by 0.001, the loss goes from (\S+) to (\S+)\. .* slope of (\S+); yours is (\S+)\."
    nudged, before, after, slope, mine = re.search(pattern, found.text).groups()
    assert tuple(map(int, nudged.split(","))) == at and found.drawn
    assert float(before) == pytest.approx(g.losses["z1"](g.z1), abs=1e-7)
    assert (float(after) - float(before)) / 1e-3 == pytest.approx(float(slope), abs=1e-4)
    assert float(slope) == pytest.approx(g.dz1[at], abs=1e-3) and float(mine) == pytest.approx(off[at], rel=1e-3)


def test_how_many_entries_are_not_finite_is_said_with_the_first():
    exercise = BY_NAME["dz1"]
    trials = []
    for g in exercise.draw_trials(5):
        off = g.dz1.copy()
        off[1, 2], off[2, 3] = np.nan, np.inf
        trials.append({"results": [make_result_record(off)], "changed": []})
    n = trials[0]["results"][0]["data"].size
    for typed, words in (("a / b", "Where do you divide by 0,"), ("a * np.inf", "Where do you multiply infinity by 0")):
        outcome = outcome_of(trials)
        outcome.typed = typed
        found = exercise.kind.judge(exercise, 5, outcome)
        assert found.text.startswith(f"dz1[1, 2] is nan; of {n} entries, 2 are not finite. {words}") and found.drawn


def test_what_is_not_finite_has_the_name_of_the_result_and_not_of_the_function():
    exercise = BY_NAME["softmax"]
    for typed in ("a / b", "a * np.inf"):
        trials = [
            {"results": [make_result_record(np.full_like(g.p, np.inf))], "changed": []} for g in exercise.draw_trials(5)
        ]
        outcome = outcome_of(trials)
        outcome.typed = typed
        assert exercise.kind.judge(exercise, 5, outcome).text.startswith("p[0, 0] is inf; ")


def test_how_close_a_result_is_is_a_share_of_the_largest_entry_whatever_its_sign():
    exercise = BY_NAME["dz1"]
    seed = 43
    assert exercise.draw(seed)[0].dz1.max() < -0.7 * exercise.draw(seed)[0].dz1.min()
    found = judged(exercise, seed, lambda g: {"dz1": g.dz1 + 2e-7 * abs(g.dz1).max()})
    assert found.name == "close, and not equal" and "by more than 2e-07 of the largest entry." in found.text


def test_of_a_single_number_both_are_said():
    found = judged(BY_NAME["loss"], 5, lambda g: {"loss": np.float64(g.loss + 1.25)})
    mine, right_one = re.match(r"loss is (\S+); it should be (\S+)\.$", found.text).groups()
    assert float(mine) == pytest.approx(float(right_one) + 1.25, abs=1e-4) and found.drawn
    assert compare.format_distinct_from(-0.0, 1.0) == "0"
    assert compare.format_distinct_from(0.1234567, 0.1234568) == "0.1234567"


def test_entries_that_are_all_0_are_said_to_be_so_beside_how_many_are_right():
    found = judged(BY_NAME["da1"], 5, lambda g: {"da1": 0 * g.da1})
    n = BY_NAME["da1"].draw(5)[0].da1.size
    assert found.text.startswith(
        f"da1 has the right shape, and 0 of its {n} entries are right. Your entries are all 0."
    )
    assert "times the true" not in found.text


def test_an_argument_that_is_returned_is_named():
    found = judged(BY_NAME["dz1"], 5, lambda g: {"dz1": g.z1})
    assert (found.passed, found.name, found.drawn) == (False, "z1 returned", True)
    assert found.text == "dz1: you return z1 itself, unchanged. How do you get dz1 from it?"


def test_a_factor_of_all_entries_is_said_and_what_it_is_made_of_with_the_sizes():
    g = BY_NAME["dz1"].draw(5)[0]
    found = judged(BY_NAME["dz1"], 5, lambda g: {"dz1": 1.7 * g.dz1})
    assert " Every entry is 1.7 times the true one. (Here " in found.text and "; that is" not in found.text
    found = judged(BY_NAME["dz1"], 5, lambda g: {"dz1": (g.B * g.H) ** 0.5 * g.dz1})
    factor = f"{(g.B * g.H) ** 0.5:.6g}"
    said = f" Every entry is {factor} times the true one; that is sqrt(B) * sqrt(H). (Here B is {g.B}, H is {g.H}.)"
    assert said in found.text, found.text
    found = judged(BY_NAME["dz1"], 5, lambda g: {"dz1": 1.7 * g.dz1 + 0.01})
    assert "times the true one" not in found.text


def test_a_number_that_is_close_is_said_to_be():
    found = judged(BY_NAME["loss"], 5, lambda g: {"loss": np.float64(g.loss * (1 + 2e-7))})
    assert found.name == "close, and not equal" and "It is close: no entry is off by more than 2e-07" in found.text
    assert not found.passed


# A result (without one, of an exercise with several: all), what comes in its place, and what is said, or not (~).
INSTEAD = """
dz1 | None | Does `dz1` end with a `return`?
dW2_db2 | None | Did you assign it before the `return`?
loss | [1.0] | loss should be a number; yours is of type list. | ~turns it into an array
softmax | p.tolist() | p should be an array of float64; yours is of type list. np.array(p) turns it into an array.
next_word | words.tolist() | words should be an array of int64; yours is of type list. np.array(words) turns
next_word | words * 1.0 | words should be whole numbers, of type int64; yours is of type float64.
softmax | p.astype(complex) | Has something been compared or rounded
"""


def test_what_is_said_of_what_comes_in_the_place_of_a_result():
    for name, code, *words in (row.values for row in rows(INSTEAD)):
        exercise = BY_NAME[name]
        first = exercise.gives[0]
        found = judged(exercise, 5, lambda g, e=exercise, o=first, c=code: right(e, g) | {o: eval(c, dict(vars(g)))})
        for word in words:
            assert (word.removeprefix("~") in found.text) != word.startswith("~"), found.text
        assert found.whole == ("turns it" in found.text)  # then nothing more is searched for
        assert (found.name == "not whole numbers") == (name == "next_word")


def test_of_too_few_results_none_is_said_to_be_none_unless_it_is():
    for value, is_none in ((None, True), (1.0, False)):
        found = judged(BY_NAME["dW2_db2"], 0, lambda g, value=value: {"one": value})
        assert "should return dW2 and db2: 2 in all. Yours returns 1." in found.text
        assert found.text.endswith("It is None. Is the last line still `return ...`?") == is_none


def test_numbers_that_are_those_of_another_array_in_some_trials_only_are_not_said_to_be_those():
    for name, output, other in (("adamw", "m", "s"), ("dz1", "dz1", "da1"), ("dz1", "dz1", "z1")):
        exercise = BY_NAME[name]
        some = exercise.draw_trials(5)[:2]

        def answer(g, exercise=exercise, output=output, other=other, some=some):
            mine = getattr(g, other) if any(g is one for one in some) else 1.7 * getattr(g, output) + 0.3
            return right(exercise, g) | {output: mine}

        assert judged(exercise, 5, answer).name == "not right"


def noted(exercise, changed=(), wrong=False, **notes):
    """The verdict where a function has changed these inputs. wrong: its results are not right, either."""
    trials = []
    for g in exercise.draw_trials(5):
        results = [make_result_record(1.7 * a + 0.3 if wrong else a) for a in right(exercise, g).values()]
        trials.append({"results": results, "changed": [*changed]})
    return exercise.kind.judge(exercise, 5, outcome_of(trials, **notes))


def test_what_was_noted_besides_the_results_is_said():
    exercise, with_tool = BY_NAME["dz1"], BY_NAME["torch_gradient"]
    for found, name, words in (
        (noted(exercise, ["da1"]), "changes its input", "has changed da1, and the caller still needs it unchanged"),
        (noted(exercise, ["da1", "z1"]), "changes its input", "changed da1, z1, and the caller still needs them unch"),
        (
            noted(exercise, ["da1", "z1"], True),
            "not right",
            "Your function also changes da1, z1, but it should leave da1",
        ),
        (noted(exercise, remembers=True), "remembers an earlier call", "called again with the same inputs"),
        (noted(exercise, at_zero=["dz1"]), "not finite", "dz1 is right except where z1 or a1 is exactly 0: there"),
        (noted(with_tool, follows=False), with_tool.tool.mark, with_tool.tool.text),
        (noted(exercise, follows=False), "passed", ""),
    ):
        assert found.name == name and words in found.text, found
    with pytest.raises(ValueError, match="a trial is missing"):
        exercise.kind.judge(exercise, 5, outcome_of([]))


# --- What the docstrings of marker/compare.py, factors.py, trial.py, budget.py and calls.py promise ---


def answer_of(results, draws, n_further=0, **exercise):
    """An `Answer` with these results in each trial, {name: value}; the last ones are further trials."""
    trials = [{"numbers": {name: np.asarray(a) for name, a in numbers.items()}} for numbers in results]
    n = len(trials) - n_further
    return compare.Answer(SimpleNamespace(**exercise), draws, trials[:n], trials[n:], "")


def test_an_input_that_is_changed_in_one_trial_alone_is_named():
    exercise = BY_NAME["dz1"]
    trials = []
    for t, g in enumerate(exercise.draw_trials(5)):
        results = [make_result_record(a) for a in right(exercise, g).values()]
        trials.append({"results": results, "changed": ["z1"] if t == 1 else []})
    found = exercise.kind.judge(exercise, 5, outcome_of(trials))
    assert found.name == "changes its input" and "has changed z1," in found.text


def test_trials_are_pairs_of_other_sizes_and_one_without_numbers_says_nothing():
    draws = [SimpleNamespace(v=float(i)) for i in range(5)]
    answer = answer_of([{"a": 0.0}, {"a": 9.0}, {"a": 2.0}, {}, {"a": 4.0}], draws)
    both = [compare.is_value_in_both_sizes(answer, t, "a", lambda draw: draw.v) for t in range(5)]
    assert both == [False, False, True, False, True]
    for last, is_so in ((4.0, True), (5.0, False)):  # also in a further trial
        answer = answer_of([{"a": 0.0}, {}, {"a": 2.0}, {"a": 3.0}, {"a": last}], draws, n_further=1)
        assert compare.is_value_in_all_trials(answer, "a", lambda draw: draw.v) == is_so


def known(results, mistakes, draws):
    """The name of the known mistake in the result a. mistakes: {name: wrong_results(draw)}."""
    mistakes = [SimpleNamespace(name=name, question="Why?", compute=compute) for name, compute in mistakes.items()]
    answer = answer_of(results, draws, gives=("a", "b"), known_mistakes=mistakes, exchanged="In which order?",
                       wrong_results_with_mistake=lambda mistake, draw: mistake.compute(draw))  # fmt: skip
    found = compare.judge_known_mistake(answer, 0, "a")
    assert found is None or found.drawn
    assert found is None or "You also return" not in found.text or results[0]["a"] == results[0]["b"]
    return found and found.name


def test_the_known_mistake_that_is_named_explains_the_most_and_nothing_against_it():
    draws = [SimpleNamespace(a=1.0 + i, b=10.0 + i, x=5.0 * (i == 3)) for i in range(4)]
    double = [{"a": 2 * g.a, "b": g.b} for g in draws]
    of_a, of_both = {"twice": lambda g: {"a": 2 * g.a}}, {"both twice": lambda g: {"a": 2 * g.a, "b": 2 * g.b}}
    assert known(double, of_both | of_a, draws) == known(double, of_a | of_both, draws) == "twice"
    assert known(double, {"a and b twice": of_both["both twice"]}, draws) is None  # b is right
    assert known([{"a": 2 * g.a, "b": 2 * g.b} for g in draws], of_a | of_both, draws) == "both twice"
    assert known([*double[:3], {"a": 7.0, "b": 13.0}], of_a, draws) is None
    # What is 0 in the two trials that were run might be anything elsewhere.
    zeros = [{"a": 0.0, "b": g.b} for g in draws[:2]]
    assert known(zeros, {"x": lambda g: {"a": g.x}}, draws) is None
    assert known(zeros, {"x": lambda g: {"a": g.x}, "zero": lambda g: {"a": 0.0}}, draws) == "zero"
    assert known(double[:1], of_a, draws[:1]) == "twice"
    swapped = [{"a": g.b, "b": g.a} for g in draws]
    assert known(swapped, {}, draws) == known(swapped, {"other": lambda g: {"a": g.b}}, draws) == "b in the place of a"
    assert known([{"a": g.b, "b": g.b} for g in draws], {}, draws) == "b in the place of a"


def test_a_shape_that_comes_with_a_known_mistake_is_said_beside_it():
    draws = [SimpleNamespace(a=np.array([1.0, i]), b=2.0) for i in range(2)]
    for compute, said in (
        (lambda g: g.a.sum(), "a: wrong, it seems. a should have the shape (2,); yours is a single number.\nWhy?"),
        (lambda g: 2 * g.a, "a: wrong, it seems.\nWhy?"),
    ):
        answer = answer_of([{"a": compute(g), "b": 2.0} for g in draws], draws, gives=("a", "b"),
                           known_mistakes=[SimpleNamespace(name="wrong", question="Why?")],
                           wrong_results_with_mistake=lambda _, g, compute=compute: {"a": compute(g)})  # fmt: skip
        assert compare.judge_known_mistake(answer, 0, "a").text == said


def test_the_shape_of_a_derivative_is_that_of_its_array():
    for given, said in (
        (("dW1", (3, 4), ()), "dW1 should have W1's shape (3, 4); yours is a single number."),
        (("dlogits", (3,), (4,)), "dlogits should have logits' shape (3,); yours is (4,)."),
        (("p", (3,), (4,)), "p should have the shape (3,); yours is (4,)."),
        (("dx", (), (4,)), "dx should have a single number; yours is (4,)."),
    ):
        assert compare.describe_shapes(*given) == said


def said_of_numbers(result, right, units):
    """What is said of one wrong result, of which no mistake is known. units: {a size: what it counts}."""
    draw = SimpleNamespace(a=np.array(right), N=3)
    answer = answer_of([{"a": np.array(result)}], [draw], takes=(), units_by_size=units)
    return compare.judge_unknown_mistake(answer, 0, "a").text


def test_how_near_an_entry_is_depends_on_the_largest():
    text = said_of_numbers([1e6, 2e6 + 1e-4, 3e6 + 5], [1e6, 2e6, 3e6], {})
    assert text.startswith("a has the right shape, and 2 of its 3 entries are right. It is close: ")
    assert "by more than 2e-06 of the largest entry" in text and "is a[2]: yours is 3000005, but" in text
    text = said_of_numbers([1e-6, 2e-6, 3.5e-6], [1e-6, 2e-6, 3e-6], {})
    assert text.startswith("a has the right shape, and 2 of its 3 entries are right.\nThe entry")


def test_a_factor_is_said_after_how_many_entries_are_right_with_the_sizes_if_they_are_known():
    begin = "a has the right shape, and 0 of its 3 entries are right. Every entry is 1.5 times the true one."
    for units, here in (({"N": "rows"}, " (Here N is 3.)"), ({}, "")):
        assert said_of_numbers([1.5, 3, 6], [1.0, 2, 4], units).startswith(f"{begin}{here}\nThe entry")


def size_factor(factors, references=(1.0, 2.0, 3.0), takes=(), n_further=0):
    sizes = [{"B": 3, "width": 5, "_n": 7, "T": 3}, {"B": 4, "width": 9, "_n": 8}, {"B": 7, "width": 11, "_n": 2}]
    draws = [SimpleNamespace(**size, a=np.array([a, -a])) for size, a in zip(sizes, references, strict=True)]
    results = [
        {} if k is None else {"a": k * g.a if np.ndim(k) < 2 else k} for k, g in zip(factors, draws, strict=True)
    ]
    found = compare.find_size_factor(answer_of(results, draws, n_further, takes=takes), "a")
    return found and str(found)


def test_a_factor_is_one_of_sizes_only_if_it_is_so_in_all_trials():
    assert size_factor([3, 4, 7]) == "B" and size_factor([1 / 5, 1 / 9, 1 / 11]) == "1 / width"
    assert size_factor([3, 4, 8]) is size_factor([3, 4, 8], n_further=1) is None
    assert size_factor([3, 9, 7], references=(1.0, 0.0, 2.0)) == "B"  # what is 0 stays 0
    assert size_factor([3, None, 7]) is size_factor([3, np.ones((2, 2)), 7]) is None
    assert size_factor([3, np.array([4, 5]), 7]) is None
    assert size_factor([7, 8, 2]) is None  # a learner does not know _n
    assert size_factor([5, 9, 11], takes=("width",)) is None and size_factor([3, 4, 7], takes=("B",)) == "B"


def test_a_product_of_sizes_is_written_as_in_python():
    for sign, powers, text in (
        (1, {"B": 1, "T": -0.5}, "B / sqrt(T)"), (-1, {"B": -1, "T": -1}, "-1 / (B * T)"), (1, {"B": 1, "T": 0.5},
        "B * sqrt(T)"), (1, {"T": -1}, "1 / T"),
    ):  # fmt: skip
        assert str(SizeProduct(sign, powers)) == text
    sizes = {"B": [3, 4], "T": [5, 7], "C": [11, 13]}
    assert str(find_size_product([-(15**0.5), -(28**0.5)], sizes)) == "-sqrt(B) * sqrt(T)"
    assert find_size_product([165, 364], sizes) is find_size_product([15, 28], sizes, max_sizes=1) is None
    assert find_size_product([3.0001, 4], sizes) is None and find_size_product([3.0001, 4], sizes, tolerance=1e-3)


def test_whole_numbers_in_a_file_are_those_that_may_be_sizes():
    text = "a = b / 11 + c[3] # 12\nd = 1e-30 * 4.5 * x7 + 21 + z[:, 8:9]"
    assert compare.find_whole_numbers(text) == {11, 21, 8, 9}
    text = "a = 1\n  b += 2\nif c == 3: pass\nd[0] = 4\ne@=f\n"
    assert compare.list_assigned_names(text) == ["a", "b", "e"]


def test_a_number_is_a_size_of_the_trial_before_if_the_right_answer_does_not_have_it():
    answer = answer_of([], [SimpleNamespace(B=4, T=7), SimpleNamespace(B=5, T=9)], answer="a = b / 7")
    for typed, t, name, is_it in (
        ("a = b / 4", 1, "not right", True), ("a = b / 4", 1, "error", True), ("a = b / 4", 1, "wrong shape", True),
        ("a = b / 4", 1, "the sign", False), ("a = b / 4", 0, "not right", False), ("a = b / 5", 1, "error", False),
        ("a = b / 7", 1, "not right", False),
    ):  # fmt: skip
        before = Verdict(False, name, "Wrong.")
        found = compare.refine_for_hardcoded_size(answer._replace(typed=typed), before, t)
        assert (found.name == "a size written as a number" and found.text.startswith("Wrong.\nThe result for")) == is_it
        assert is_it or found == before


def test_an_error_in_the_second_trial_may_come_from_a_size_of_the_first():
    exercise = BY_NAME["dz1"]
    first, _, *_ = exercise.draw_trials(5)
    right = {"results": [make_result_record(first.dz1)], "changed": []}
    for size, name in ((first.B, "a size written as a number"), (1000, "error")):
        outcome = outcome_of([right])
        outcome.error = Verdict(False, "error", "Wrong.")
        outcome.typed = f"dz1 = np.zeros(({size}, 2))"
        assert exercise.kind.judge(exercise, 5, outcome).name == name


def test_a_budget_counts_each_line_of_loops_and_functions_that_runs():
    for code, lines in (
        ("for i in range(3):\n    a = i\n    b = i", 6), ("def f():\n    return 1\nf(), f()", 2), ("a = 1", 0),
        ("sum(i for i in range(5) if i % 2)", 2), ("f = lambda: 1\nf(), f(), f()", 3),
        ("i = 0\nwhile i < 4:\n    i += 1", 4), ("[i for i in range(5)]", 5),
    ):  # fmt: skip
        budget = Budget(100)
        exec(compile_with_budget(code), {SPEND_NAME: budget.spend})
        assert budget.lines == budget.limit == 100 - lines, code
    budget = Budget(3)
    assert budget.spend(3)
    with pytest.raises(Stopped):
        budget.spend(1)


def test_several_results_may_come_in_whatever_can_be_unpacked_and_one_array_is_one_result():
    a = np.ones((2, 3))
    (objects := np.empty(2, object))[:] = a, 3
    for several in ((a, a), [a, a], iter([a, a]), {"x": a, "y": a}.values(), np.stack([a, a]), objects):
        assert len(list_results(several, [(2, 3), (2, 3)])) == 2
    assert len(list_results(a, [(3, 2), (3, 2)])) == len(list_results((a, a), [(2, 3)])) == 1
    assert make_result_record(np.zeros(2**17 + 1)).keys() == {"type", "dtype", "shape"}
    for other in (np.array([1j]), np.array(["a"])):
        assert make_result_record(other).keys() == {"type", "dtype", "shape"}
    assert make_result_record(3) | {"data": 3} == {"type": "array", "dtype": "float64", "shape": (), "data": 3}
    assert list_changed_names({"a": a}, {"a": a + 1e-12, "b": a}) == ["b"]
    with_nan, whole = np.array([np.nan]), np.array([3])
    assert is_exactly_equal(with_nan, with_nan.copy()) and is_exactly_equal(whole, whole.copy())
    assert not is_exactly_equal(a, a + 1e-12)


def test_a_result_is_right_by_its_numbers_and_its_type_if_no_input_was_changed():
    one = SimpleNamespace(gives=("a", "n"))
    draw = SimpleNamespace(a=np.array([1.0, 2.0]), n=np.array([3, 4]))
    a, n = draw.a, draw.n
    for results, names in (
        ([a, n], {"a", "n"}), ([a.astype(">f8"), n.astype(np.int32)], {"a", "n"}), ([a.astype(np.float32), n], {"n"}),
        ([a, n.astype(float)], {"a"}), ([a + 1e-3, n], {"n"}), ([a.tolist(), n], {"n"}), ([a], set()),
    ):  # fmt: skip
        assert find_right_result_names(one, draw, TrialResult(results)) == names
    assert find_right_result_names(one, draw, TrialResult([a, n], ["x"])) == set()
    assert find_right_result_names(one, draw, TrialResult([a + 1e-3, n]), rounding=0.1) == {"a", "n"}


def test_unusual_inputs_are_tried_only_after_the_others_were_right():
    exercise = next(one for one in WRITTEN if one.further and not one.needs_torch and len(one.gives) == 1)
    draws = exercise.draw_trials(5)
    rights = [exercise.copy_arguments_by_name(g) for g in draws]

    def count_trials(*wrong):
        def function(*given):
            asked.append(1)
            i = len(asked) - 1
            result = getattr(draws[min(i, len(draws) - 1)], exercise.gives[0])
            return 0 * np.asarray(result) + 77.7 if i in wrong else result

        asked, notes = [], Notes()
        module = SimpleNamespace(**{exercise.function.name: function})
        with suppress(Exception):  # the checks after right results call it again
            exercise.kind.fill_notes(Attempt(exercise, 5, module, "", None), notes)
        return len(notes.trials)

    n_first = 2 * len(exercise.inputs)
    assert len(rights) > n_first
    assert count_trials() == count_trials(n_first) == len(draws) and count_trials(0) == count_trials(1) == n_first


@pytest.mark.parametrize(
    ("code", "name", "n_kept"), [("1.7 * g.dz1 + 0.3", "not right", 2), ("g.da1", "the mask forgotten", 1)]
)
def test_further_trials_are_run_before_a_mistake_is_named_and_what_is_known_is_kept(code, name, n_kept, monkeypatch):
    monkeypatch.setattr(function, "FINDERS", {})
    exercise = BY_NAME["dz1"]
    draws = [*exercise.draw_trials(5), *exercise.draw_trials_of_next_seed(5)]
    left, kept = iter(draws), []
    module = SimpleNamespace(dz1=lambda *given: eval(code, {"g": next(left)}))
    outcome = Outcome(Notes(), keep=kept.append, attempt=Attempt(exercise, 5, module, "", None))
    exercise.kind.fill_notes(outcome.attempt, outcome.notes)
    monkeypatch.setattr(function.typed, "list_typed_slips", lambda attempt: [])
    assert exercise.kind.judge(exercise, 5, outcome).name == name
    assert len(kept) == n_kept and {verdict.name for verdict in kept} == {name}
    assert (
        len(outcome.notes.trials) + len(outcome.notes.further) == len(draws) and not outcome.notes.further[0]["right"]
    )


def test_at_a_kink_only_what_is_beside_it_is_0():
    draw = SimpleNamespace(kinks=("z",), z=np.array([1e-9, -1e-9, 1e-3, 1.0]), x=np.array([1e-9]))
    at_kink = function.make_draw_at_kinks(draw)
    assert at_kink.z.tolist() == [0, 0, 1e-3, 1] and at_kink.x is draw.x and draw.z[0] == 1e-9


def test_a_call_is_rerouted_until_the_end():
    owner = SimpleNamespace(add=lambda a, b: a + b)
    add = owner.add
    with pytest.raises(ZeroDivisionError), reroute(owner, "add", lambda *given, **named: (given, named)):
        assert owner.add(1, b=2) == ((add, 1), {"b": 2})
        raise ZeroDivisionError
    assert owner.add is add


def test_calls_of_a_class_are_intercepted_under_all_its_names_in_the_module():
    class Layer:
        def __init__(self, size, bias=True):
            self.size = size

    module, seen = SimpleNamespace(Layer=Layer, Dense=Layer, other=int), []

    def handle(original, bound):
        seen.append(bound.arguments)
        return original(*bound.args, **bound.kwargs)

    with pytest.raises(ZeroDivisionError), intercept_calls(module, "Layer", handle):
        assert module.Dense(3, bias=False).size == 3 and module.Layer(4).size == 4 and module.other is int
        raise ZeroDivisionError
    assert seen == [{"size": 3, "bias": False}, {"size": 4}] and module.Layer is module.Dense is Layer


def test_results_come_from_the_tool_if_they_double_with_its_gradients_or_there_is_an_error():
    tool = SimpleNamespace(doubled=lambda module, draw: nullcontext(), then=lambda draw: {"a": 2.0, "b": 4.0})
    one = SimpleNamespace(tool=tool, gives=("a", "b"), may_change=(), copy_arguments_by_name=lambda draw: {})
    for results, is_so in (((2.0, 4.0), True), ((2.0, 2.0), False), ((1.0, 4.0), False), (None, True)):
        draw = SimpleNamespace(a=1.0, b=2.0)
        assert is_computed_with_required_tool(one, None, lambda results=results: results or 1 / 0, draw) == is_so


# A result, what comes in its place, and what is asked about its shape.
SHAPES = """
da1 | a.T | Transposed?
layer_norm_dx | a.T | Transposed?
layer_norm_dx | a.swapaxes(1, 2) | Transposed?
dlogits | a.ravel() | dlogits should have logits' shape (11, 10); yours is (110,).
da1 | a[:, :, None] | There is one axis of length 1 too many or too few
da1 | a[:, :-1] | after each of your lines
da1 | a.sum(axis=1) | which axes do you sum over?
da1 | a.sum(axis=1, keepdims=True) | which axes do you sum over?
da1 | a.ravel() | Is a reshape missing
dz1 | a.sum(axis=1) | one number for each entry of `z1`
dz1 | a[:, :-1] | after each of your lines
next_targets | np.eye(V)[patches] | after each of your lines
softmax | a.ravel()[0] | p should have the shape (9, 10); yours is a single number.
loss | p | loss should have a single number; yours is (11, 10).
"""


def test_what_is_asked_about_a_shape():
    for name, code, words in (row.values for row in rows(SHAPES)):
        exercise = BY_NAME[name]
        *_, output = exercise.gives

        def answer(g, code=code, output=output, exercise=exercise):
            return right(exercise, g) | {output: eval(code, {"np": np, "a": getattr(g, output)} | vars(g))}

        found = judged(exercise, 0, answer)
        assert words in found.text, found.text


# What a result of numbers becomes, and what is said of its type.
TYPES = {
    "p.astype(np.float32)": "p should be of type float64; yours is float32. Has",
    "p.astype(np.float16)": "yours is float16",
    "p.astype(np.uint8)": "yours is uint8. Has something been compared or rounded",
    "p.astype(np.int64)": "yours is int. Has something been compared or rounded",
    "p.astype(np.int32)": "yours is int. Has something been compared or rounded",
    "p > 0.5": "yours is bool. Has something been compared or rounded",
    "p + 0j": "yours is complex128",
    "p.tolist()": "of type list",
    "tuple(p)": "of type tuple",
    "str(p)": "of type str",
}


@pytest.mark.parametrize("code", TYPES)
def test_what_is_said_of_a_type(code):
    found = judged(BY_NAME["softmax"], 0, lambda g: {"p": eval(code, {"np": np, "p": g.p})})
    assert not found.passed and TYPES[code] in found.text, found.text


def test_two_results_that_hold_one_anothers_numbers_are_told_so_in_either_order():
    """And a file may say so of itself: both names are known."""
    exercise = BY_NAME["adamw"]
    names = exercise.gives
    for name, other in ((names[0], names[1]), (names[1], names[0])):
        found = judged(exercise, 0, lambda g, n=name, o=other: right(exercise, g) | {n: getattr(g, o)})
        assert found.name == f"{other} in the place of {name}" and f"{name}: these numbers are {other}" in found.text
        assert f"You also return them as {other}, and there they are right. What is {name} computed from" in found.text
        assert marking.is_known_mark(exercise, found.name)


def test_a_known_mistake_gives_the_numbers_of_its_own_lines():
    """Also where another mistake has the same name, or a name that begins so."""
    for exercise in WRITTEN:
        names = [mistake.name for mistake in exercise.known_mistakes]
        alike = [mistake for mistake in exercise.known_mistakes if names.count(mistake.name) > 1]
        for g in exercise.draw(0)[:1] if alike and not exercise.needs_torch else ():
            for mistake in alike:
                own_values = exercise.wrong_results_of_code(mistake.code, g, Budget(10**6))
                values = exercise.wrong_results_with_mistake(mistake, g)
                assert values.keys() == own_values.keys()
                assert all(agree(values[name], own_values[name]) for name in values), mistake.name


def test_a_known_mistake_that_is_one_of_some_inputs_is_named_so_where_nothing_explains_all():
    exercise = BY_NAME["clip_norm"]
    (nothing,) = (mistake for mistake in exercise.known_mistakes if mistake.name == "nothing clipped")

    def answer(g):
        is_some = any(g is one for one in exercise.draw_trials(0)[:2])
        return {k: 1.7 * v for k, v in right(exercise, g).items()} | (
            exercise.wrong_results_with_mistake(nothing, g) if is_some else {}
        )

    vague = judged(exercise, 0, answer)
    assert vague.name == "not right"
    trials = [
        {"results": list(map(make_result_record, answer(g).values())), "changed": []} for g in exercise.draw_trials(0)
    ]
    found = sometimes.judge_likeliest_mistake(
        FinderInput(Attempt(exercise, 0, None, "", None), outcome_of(trials), vague)
    )
    assert found.text.startswith("clipped_dW: nothing clipped, it seems, for some of the inputs, but not"), found.text


def found_of(finder, exercise, answers, place=None, mark="not right", further=()):
    """What a finder says of these results, {output: value} for each trial, after a verdict of this mark."""
    trials, others = (
        [{"results": list(map(make_result_record, answer.values())), "changed": []} for answer in some]
        for some in (answers, further)
    )
    finder_input = FinderInput(
        Attempt(exercise, 0, None, "", None), outcome_of(trials, further=others), Verdict(False, mark, "It is wrong.")
    )
    finder_input.place = place
    return finder(finder_input)


def test_of_the_mistakes_that_explain_some_trials_that_of_the_most_is_named():
    exercise = BY_NAME["clip_norm"]
    draws = exercise.draw_trials(0)

    def found(n_dW, n_db, mark="not right"):
        """If clipped_dW is twice as large in so many trials, and clipped_db half as large."""
        answers = [
            {
                "clipped_dW": (2 if t < n_dW else 1.7) * g.clipped_dW,
                "clipped_db": (0.5 if t < n_db else 1.7) * g.clipped_db,
            }
            for t, g in enumerate(draws)
        ]
        return found_of(sometimes.judge_likeliest_mistake, exercise, answers, mark=mark)

    half, twice = (
        next(mistake for mistake in exercise.known_mistakes if mistake.name == name)
        for name in ("a factor 1/2", "a factor 2")
    )
    some = "it seems, for some of the inputs, but not for others."
    for n_dW, n_db, text in (
        (2, 4, f"clipped_db: a factor 1/2, {some}\n{half.question}"),
        (4, 2, f"clipped_dW: a factor 2, {some}\n{twice.question}"),
        (2, 99, f"clipped_db: a factor 1/2, it seems.\n{half.question}"),
        (0, 2, f"clipped_db: a factor 1/2, {some}\n{half.question}"),
    ):
        verdict = found(n_dW, n_db)
        assert (verdict.text, verdict.passed, verdict.drawn) == (text, False, True)
        assert verdict.name in text and verdict.question == text.split("\n")[1]
    later = [right(exercise, g) for g in draws[:2]] + [
        {name: (2 if t < 2 else 1.7) * value for name, value in right(exercise, g).items()}
        for t, g in enumerate(draws[2:])
    ]
    assert found_of(sometimes.judge_likeliest_mistake, exercise, later).name == "a factor 2"
    assert found(1, 1) is None and found(2, 4, mark="a sign") is None
    assert found_of(sometimes.judge_likeliest_mistake, exercise, [right(exercise, g) for g in draws]) is None


def test_two_known_mistakes_are_named_if_they_explain_all_and_may_be_there(monkeypatch):
    exercise = BY_NAME["dz1"]
    draws = exercise.draw_trials(0)
    known = {mistake.name: mistake for mistake in exercise.known_mistakes}
    turned, twice, sign, forgotten = (
        known[name] for name in ("the mask turned round", "a factor 2", "the sign", "the mask forgotten")
    )
    code = "dz1 = 2 * da1 * (z1 <= 0)"
    both, loop = MistakePair(turned, twice, code), MistakePair(turned, sign, "for i in range(9): dz1 = da1")

    def found(*tried, answer=lambda g: 2 * g.da1 * (g.z1 <= 0), **how):
        monkeypatch.setattr(exercise, "mistake_pairs", [*tried])
        return found_of(pairs.judge_pair, exercise, [{"dz1": answer(g)} for g in draws], **how)

    verdict = found(loop, both)
    questions = f"{turned.beside} {twice.beside}"
    assert verdict.text == f"Two mistakes, it seems: the mask turned round, and a factor 2.\n{questions}"
    assert (verdict.passed, verdict.drawn, verdict.question) == (False, True, questions)
    assert verdict.name == "the mask turned round, and a factor 2"
    shared = found(both, MistakePair(sign, turned, code))
    assert (shared.name, shared.question) == ("the mask turned round", turned.beside)
    assert shared.text == f"Two mistakes, it seems. One of them: the mask turned round.\n{turned.beside}"
    assert found(both, MistakePair(sign, known["only the mask"], code)) is None  # they share none
    assert found(MistakePair(turned, twice, "dz1 = ("), both) == verdict
    assert found() is None and found(both, answer=lambda g: g.dz1) is None
    assert found(both, answer=lambda g: 2 * g.da1 * (g.z1 <= 0) + (g is draws[-1])) is None
    place = repair.MistakePlace("a sign", [3], "", ["dz1"], needs_all_lines=False)
    assert found(both, place=place) is None
    for other in (
        place._replace(effect="nearer"),
        place._replace(remaining_mistake="x"),
        place._replace(result_names=[]),
    ):
        assert found(both, place=other) == verdict
    fresh = exercise.draw_trials_of_next_seed(0)
    assert found(both, further=[{"dz1": 2 * g.da1 * (g.z1 <= 0)} for g in fresh]) == verdict
    assert found(both, further=[{"dz1": 3 * g.da1} for g in fresh]) is None
    alike = MistakePair(turned, twice, "dz1 = 0 * da1 + len(da1)")  # in each trial another number
    assert found(alike, answer=lambda g: 0 * g.da1 + len(g.da1)) == verdict
    ones = MistakePair(turned, twice, "dz1 = 0 * da1 + 1")
    assert found(ones, answer=lambda g: 0 * g.da1 + 1) is None  # all are equal
    assert found(ones, answer=lambda g: 0 * g.da1 + 1 + (g is draws[0])) is None
    not_there = MistakePair(forgotten, twice, "dz1 = 2 * da1 * (z1 > 0)")
    assert found(not_there, answer=lambda g: 2 * g.dz1) is None  # where there is a mask
    monkeypatch.setattr(pairs, "MAX_PAIR_LINES", 1)
    assert found(loop, both) is None
    monkeypatch.undo()
    monkeypatch.setattr(pairs, "MAX_PAIRS", 1)
    assert found(loop, both) is None and found(both, loop) == verdict


def test_a_mistake_may_be_there_unless_most_of_what_it_makes_wrong_is_right_in_a_trial():
    off = np.array([0, 0, 0, 1, 2, 3, 4.0])
    few, half, none = (np.where(np.arange(7) < n, 0, 9) for n in (6, 5, 3))  # right in 3, 2 and none of the last four
    tiny = 5e-7 * (np.arange(7) < 9)

    def may_be(*offs, right=1000 - off, wrong=off, **other):
        """Whether it may, if the results of the trials are off by so much."""
        exercise = SimpleNamespace(wrong_results_with_mistake=lambda _, g: {"x": g.x + wrong})
        trials = [{"numbers": {"x": right + one} | other} for one in offs]
        draws = [SimpleNamespace(x=right)] * (len(offs) + 1)  # an error ended the last
        return pairs.may_be_present(exercise, None, trials, draws)

    assert may_be(few) is False and may_be(half) and may_be(none)
    assert may_be(none, few) is False and may_be(none, half)
    assert may_be(few + tiny) is False and may_be(few + 10 * tiny)  # what is right is so to rounding
    assert may_be(few + tiny, right=off - 1000) is False
    assert may_be(few, right=1e-12 * (1000 - off), wrong=1e-12 * off) is False
    assert may_be(0 * off, wrong=tiny) and may_be(0 * off, wrong=0 * off)  # what it makes wrong, too
    assert may_be(few, wrong=-off) is False and may_be(few, wrong=off * np.nan) is False
    assert may_be(few, x=few[:3]) and may_be(few, wrong=off[:, None]) and may_be(few, x=None)


def test_a_mistake_in_each_of_two_results_is_looked_for_in_both(monkeypatch):
    exercise = BY_NAME["tape_product"]
    sign, *_ = (m for m in exercise.known_mistakes if m.change == "da = da * (-1)")
    twice, *_ = (m for m in exercise.known_mistakes if m.change == "db = db * (2)")
    monkeypatch.setattr(exercise, "mistake_pairs", [MistakePair(sign, twice, "da = -dy * b; db = 2 * dy * a")])
    for factor, is_found in ((2, True), (1, False), (3, False)):
        answers = [{"da": -g.da, "db": factor * g.db} for g in exercise.draw_trials(0)]
        assert bool(found_of(pairs.judge_pair, exercise, answers)) == is_found


def test_a_mistake_in_one_of_two_trials_of_other_sizes_is_not_named():
    """Trials 0 and 1 come from one function that draws inputs, and so do 2 and 3."""
    exercise = BY_NAME["clip_norm"]
    (nothing,) = (mistake for mistake in exercise.known_mistakes if mistake.name == "nothing clipped")
    draws = exercise.draw_trials(0)
    answers = [right(exercise, g) for g in draws]
    assert exercise.wrong_results_with_mistake(nothing, draws[1])
    for t in (1, 2):
        answers[t] |= exercise.wrong_results_with_mistake(nothing, draws[t])
    for t in range(3, len(draws)):
        answers[t] = {name: 1.7 * value for name, value in answers[t].items()}
    trials = [{"results": list(map(make_result_record, answer.values())), "changed": []} for answer in answers]
    vague = exercise.kind.judge(exercise, 0, outcome_of(trials))
    assert vague.name == "not right", vague
    assert (
        sometimes.judge_likeliest_mistake(FinderInput(Attempt(exercise, 0, None, "", None), outcome_of(trials), vague))
        is None
    )


def test_what_has_not_come_to_its_end_has_a_mark_that_says_where():
    for outcome, mark, words in (
        (Report(seconds=8, line=3), "does not end", "line 3"),
        (Report(seconds=8), "does not end", "8 s"),
        (Report(died=0), "no result", ""),
        (Report(died=-9), "no result", "-9"),
        (Report(unmarked="no data"), "cannot be marked", "no data"),
    ):
        found = marking.read_verdict(BY_NAME["dz1"], outcome)
        assert not found.passed and found.name == mark and words in found.text, found.text
        assert ("line" in found.text) == (outcome.line is not None)


# What may come in the place of an array a.
NONSENSE = """
0 * a;  0 * a + 1;  a * np.nan;  np.where(at == a.size - 1, np.nan, a);  np.where(at == 0, np.inf, a);  None;  ...
np.random.default_rng(1).normal(size=a.shape);  1.5 * a;  a * (1 + 1e-7);  a + 1e-6 * (at == 0) * np.abs(a).max()
a.astype(np.float32);  a + 0j;  a.astype(object);  str(a);  a.tolist() if a.ndim else [float(a)];  a > 0
np.ma.masked_array(a);  a[np.newaxis];  a[..., np.newaxis];  np.array([a, a]).reshape(-1, *a.shape[1:]);  np.zeros(0)
""".strip().replace("\n", ";  ")


@each_exercise
def test_nonsense_an_input_and_too_few_or_too_many_results_never_pass(exercise):
    def replaced(output, code, g):
        a = np.asarray(getattr(g, output))
        names = vars(g) | {"np": np, "a": a, "at": np.arange(a.size).reshape(a.shape)}
        return right(exercise, g) | {output: eval(code, names)}

    g = exercise.draw_trials(0)[0]
    answers = [
        lambda g: right(exercise, g) | {"more": 1.0},
        lambda g: dict([*right(exercise, g).items()][:-1] or [("none", None)]),
    ]
    for output in exercise.gives:
        arrays = [name for name in exercise.takes if isinstance(getattr(g, name, 0), np.ndarray) and name != "a"]
        inputs = [name for name in arrays if not agree(getattr(g, name), getattr(g, output))]
        answers += [partial(replaced, output, code) for code in [*NONSENSE.split(";  "), *inputs]]
    for answer in answers:
        found = judged(exercise, 0, answer)
        assert not found.passed and len(found.text) > 20


def everything_written():
    """(exercise, what stands in the place of its dots, mark, words that are said)."""
    yield from ((exercise.name, None, "not written", []) for exercise in WRITTEN)
    right = [*RIGHT.items(), *blocks_of(ALSO_RIGHT)]
    yield from ((name, body, "passed", []) for name, body in right if name not in WHOLE)
    yield from ((name, body, BY_NAME[name].tool.mark, ["did not change"]) for name, body in blocks_of(BY_OTHER_MEANS))
    for row in rows(MARKS):
        name, body, mark, *words = row.values
        body = re.sub(r"\\u(\w{4})", lambda m: chr(int(m[1], 16)), body.replace("\\n", "\n"))
        yield name, apply_change(RIGHT[name], body, "") if " ->" in body else body, mark, words


@pytest.mark.parametrize(
    ("name", "edit", "said", "not_said"),
    [
        ("second_hidden_layer", "a1.T @ dz2 -> a1.T @ da2", "Which derivative belongs to z2?", "between z2"),
        ("dz1", "da1 * -> -da1 *", "is the slope of max(z, 0) 1 or -1?", "go against the gradient"),
        ("tape_train", "range(steps) -> range(steps - 1)", "for _ in range(steps - 1):\n\nand now", "def matmul"),
        ("tape_train", "w.grad = None -> pass", "   pass\n\nand now\n\n            w.grad = None\n", "def relu"),
    ],
)
def test_what_is_said_of_a_mistake_in_the_end_is_what_was_asked_and_written(name, edit, said, not_said, tmp_path):
    exercise, work = BY_NAME[name], Work(tmp_path, CATALOGUE)
    for body in (apply_change(RIGHT[name], edit, ""), RIGHT[name]):
        outcome = runner.make_report(exercise, write(tmp_path, name, body), 0)
        verdict = marking.read_verdict(exercise, outcome)
        texts = "\n".join(work.describe_verdict(exercise, verdict))
        work.record_verdict(exercise, verdict, "")
    assert said in texts and not_said not in texts


ONCE = """
    print("once")
    with open({file!r}, "a") as file: file.write("once ")
    n = 0
    while n < 3: n += 1
    loss = 7.0
"""


def test_edits_are_counted_and_do_nothing_but_compute(tmp_path, capfd):
    """Some of these never end (n -= 1); none prints, or writes the file once more."""
    written, exercise = tmp_path / "written", BY_NAME["loss"]
    path = write(tmp_path, "loss", ONCE.format(file=str(written)))
    found = marking.read_verdict(exercise, runner.make_report(exercise, path, 0))
    trials = len(exercise.draw_trials(0))
    assert found.name == "an argument not used"
    assert written.read_text(encoding="utf-8").split() == found.printed.split() == ["once"] * trials
    assert capfd.readouterr() == ("", "")


def test_what_a_file_prints_is_kept_whichever_stream_it_goes_to(tmp_path, capfd):
    path = write(tmp_path, "dz1", "import sys; print('out'); print('err', file=sys.stderr); dz1 = da1 * (z1 > 0)")
    verdict = runner.make_report(BY_NAME["dz1"], path, 0).verdict
    assert verdict["passed"] and {*verdict["printed"].split()} == {"out", "err"}
    assert capfd.readouterr() == ("", "")


def test_what_ends_a_search_leaves_the_last_whole_report(tmp_path):
    path = tmp_path / "result.json"
    for text, report in (
        ('{"verdict": {}}\n{"ver', Report({})),
        ('{"unmarked": "1"}\n{"unmarked": "2"}\n', Report(unmarked="2")),
        ("", Report(died=-9)),
    ):
        path.write_text(text)
        assert runner.read_report(path, "dz1.py", 8, -9) == report


def test_a_file_that_was_stopped_is_told_its_innermost_line_and_the_limit_that_it_reached(tmp_path):
    """The limit of the clock is four times that of the processor. Without inputs, it is not the file's fault."""
    path = tmp_path / "result.json"
    own = f'  File "{Path("dz1.py").resolve()}", line '
    theirs = f'  File "{ROOT / "marker" / "exercise.py"}", line 7 in iter_uncached_trials\n'
    for text, seconds, line in (
        (f"Timeout\n{own}21 in share\n{own}19 in dz1\n{theirs}", 8, 21),
        (f"Timeout (0:00:32)!\n{own}19 in dz1\n", 32, 19),
        ("Timeout\n", 8, None),
    ):
        path.write_text(text)
        assert runner.read_report(path, "dz1.py", 8, 1) == Report(seconds=seconds, line=line)
    path.write_text(f"Timeout\n{theirs}")
    found = marking.read_verdict(BY_NAME["dz1"], runner.read_report(path, "dz1.py", 8, 1))
    assert found.name == "cannot be marked" and "does a loop in its file never end?" in found.text


def run_in_fake_process(monkeypatch, result, status, polls=3, **options):
    """Return the `Report` on a process that leaves this result after so many polls, and the texts on its progress."""
    told = []

    @contextmanager
    def start(arguments, folder, learner_path, hidden_folders, *others):
        path = Path(arguments[-2])
        given = [
            "-m",
            "marker.runner",
            str(exercise.folder.path),
            "dz1",
            str(Path("dz1.py").resolve()),
            "5",
            str(path),
            "8",
        ]
        assert arguments == given and path.parent == Path(folder) and learner_path == "dz1.py"
        assert list(hidden_folders) == options.get("hidden_folders", []) and others == (exercise.folder.path,)
        path.write_text(result)
        path.with_suffix(runner.PROGRESS_SUFFIX).write_text("It searches. " * 20)
        process = SimpleNamespace(returncode=status, wait=wait, poll=lambda: next(left))
        left = iter([None] * polls + [status] * 3)
        yield process

    def wait(seconds):
        clock[0] += 1
        raise subprocess.TimeoutExpired("python", seconds)

    clock, exercise = [100.0], BY_NAME["dz1"]
    monkeypatch.setattr(runner, "learner_process", start)
    monkeypatch.setattr(runner.time, "monotonic", lambda: clock[0])
    return runner.run_in_subprocess(exercise, "dz1.py", 5, 8, told.append, **options), told


def test_the_process_of_a_file_is_waited_for_while_it_says_what_it_does(monkeypatch):
    """It has four times its seconds, and half a minute to start and to end."""
    report = '{"unmarked": "1"}\n'
    assert run_in_fake_process(monkeypatch, report, 0) == (Report(unmarked="1"), [("It searches. " * 20)[:70]] * 3)
    assert run_in_fake_process(monkeypatch, "", -9, polls=62)[0] == Report(died=-9)
    assert run_in_fake_process(monkeypatch, "", -9, polls=70)[0] == Report(seconds=32)
    assert run_in_fake_process(monkeypatch, report, -9, polls=70)[0] == Report(unmarked="1")


def test_a_signal_in_the_sandbox_has_its_number(monkeypatch):
    """There the status is that of a shell: 128, and the number."""
    for folders, status, died in (([], 137, 137), (["class"], 137, -9), (["class"], 3, 3), (["class"], 128, 128)):
        assert run_in_fake_process(monkeypatch, "", status, hidden_folders=folders)[0] == Report(died=died)


@pytest.mark.parametrize(("before", "status"), [("", 1), ("a report\n", 0)])
def test_a_thread_ends_the_process_once_its_time_is_up_and_keeps_the_report(before, status, tmp_path, monkeypatch):
    """Here each wait takes a second of computing, and the thread runs when it is told to."""
    now, watches, path = [50.0], [], tmp_path / "result.json"

    def wait(seconds):
        now[0] += 1
        assert now[0] < 99
        return stop.is_set()

    def end(status):
        raise Ended(status, now[0], path.read_text(encoding="utf-8"))

    stop = threading.Event()
    fake = SimpleNamespace(set=stop.set, wait=wait)
    thread = lambda target, daemon: SimpleNamespace(start=lambda: watches.append((target, daemon)))  # noqa: E731
    monkeypatch.setattr(runner, "threading", SimpleNamespace(Event=lambda: fake, Thread=thread))
    monkeypatch.setattr(runner, "time", SimpleNamespace(process_time=lambda: now[0]))
    monkeypatch.setattr(runner, "os", SimpleNamespace(_exit=end))
    monkeypatch.setattr(runner, "faulthandler", SimpleNamespace(dump_traceback=lambda file: None))
    with open(path, "w", encoding="utf-8") as file, runner.time_limit(5, file):
        file.write(before)
        file.flush()
        ((watch, is_daemon),) = watches
        with pytest.raises(Ended) as ended:
            watch()
    assert ended.value.args == (status, 56.0, before or "Timeout\n") and is_daemon
    watch()  # the file has ended before
    assert stop.is_set()


def test_of_what_a_file_prints_the_beginning_is_kept():
    output = runner.LimitedOutput()
    for text in ("a" * 1999, "bc", "d"):
        output.write(text)
    assert output.getvalue() == "a" * 1999 + "b"


def test_a_learners_own_lines_are_those_of_code():
    text = 'a = 1  \n\n"""A title.\n\nTwo lines."""\n    b = 2\n# To have this marked: now\nDIAGNOSIS = "c"\n# ours\n'
    assert runner.list_code_lines(text) == ["a = 1", "    b = 2", "# ours"]


def test_what_cannot_be_judged_is_no_result_and_inputs_that_fail_are_no_mistake(tmp_path, monkeypatch):
    exercise = BY_NAME["dz1"]
    path = write(tmp_path, "dz1")
    with monkeypatch.context() as patched:
        patched.setattr(type(exercise.kind), "judge", lambda *given: 1 / 0)
        assert marking.read_verdict(exercise, runner.make_report(exercise, path, 0)).name == "no result"
    monkeypatch.setattr(Exercise, "draw_trials", lambda *given: {}["a"])
    found = marking.read_verdict(exercise, runner.make_report(exercise, path, 0))
    assert found.name == "cannot be marked" and "Its inputs: KeyError: 'a'" in found.text


def test_a_file_without_its_function_is_told_so(tmp_path):
    (path := tmp_path / "dz1.py").write_text("dz1 = 3.0\n")
    found = marking.read_verdict(BY_NAME["dz1"], runner.make_report(BY_NAME["dz1"], path, 0))
    assert found.name == "no function" and "no longer has a function `dz1`" in found.text


def test_a_sum_that_is_kept_only_from_a_call_of_the_same_sizes_is_told(tmp_path):
    path = write(tmp_path, "dz1", "dz1 = da1 * (z1 > 0) + (last[-1] == da1.shape); last.append(da1.shape)")
    path.write_text(path.read_text(encoding="utf-8").replace("def dz1", "last = [()]\n\n\ndef dz1"), encoding="utf-8")
    found = marking.read_verdict(BY_NAME["dz1"], runner.make_report(BY_NAME["dz1"], path, 5))
    assert found.name == "remembers an earlier call", found.text


def test_a_file_that_is_not_utf8_is_told_so_also_in_a_comment(tmp_path):
    (path := tmp_path / "dz1.py").write_bytes(f"# d\xe9riv\xe9e\n{filled('dz1', RIGHT['dz1'])}".encode("latin-1"))
    found = marking.read_verdict(BY_NAME["dz1"], runner.make_report(BY_NAME["dz1"], path, 5))
    assert found.error == "SyntaxError" and "It is not saved as UTF-8" in found.text


# What learners write, and what is said of it, every day.
SAID_OF_FILES = """
dz1 | dz1 = da1.sort() | dz1 is None: `.sort()` changes its array in place and returns None.
dz1 | dz = da1 * (z1 > 0) | dz1 is still three dots, but your code assigns to `dz`.
logits | logits = a1 @ W2 + b2, | Does a line end with a comma?
loss | loss = (-np.log(p[np.arange(len(y)), y]).mean(), p) | Which of its values is loss?
"""


@pytest.mark.parametrize(("name", "body", "words"), [*rows(SAID_OF_FILES)])
def test_what_is_said_of_a_file(name, body, words, tmp_path):
    report = runner.make_report(BY_NAME[name], write(tmp_path, name, body), 5)
    assert words in (found := marking.read_verdict(BY_NAME[name], report)).text, found


@UNIX
def test_a_file_gets_the_memory_that_is_said(monkeypatch):
    import resource  # not on Windows

    limits = []
    monkeypatch.setattr("resource.setrlimit", lambda *how: limits.append(how))
    runner.limit_memory(1.5)
    assert limits == [(resource.RLIMIT_AS, (3 * 2**29, 3 * 2**29))]


SELF = 5  # the number of this process


class Ended(BaseException):
    """This process has ended, and how."""


def continue_in_fake_child(monkeypatch, child, status=0):
    """Return what `continue_in_supervised_child` asks of the system, in order. child: what `fork` returns."""
    asked = []

    def set_handler(number, handler):
        asked.append((number, handler))
        if callable(handler):
            with pytest.raises(SystemExit) as ended:
                handler(number, None)
            asked[-1] = ended.value.code

    def end(*how):
        raise Ended(*how)

    fake = SimpleNamespace(
        fork=lambda: child, waitpid=lambda *how: (7, {(7, 0): status}[how]), waitstatus_to_exitcode=int,
        getpid=lambda: SELF, kill=end, _exit=end, setpgid=lambda *how: asked.append(("group", *how)),
    )  # fmt: skip
    monkeypatch.setattr(runner, "os", fake)
    monkeypatch.setattr(runner, "end_children", lambda: asked.append("the rest"))
    monkeypatch.setattr(signal, "signal", set_handler)
    monkeypatch.setattr("ctypes.CDLL", lambda name: SimpleNamespace(prctl=lambda *how: asked.append(how[:2])))
    try:
        runner.continue_in_supervised_child()
    except Ended as ended:
        asked.append(ended.args)
    return asked


@UNIX
@pytest.mark.parametrize(("status", "end"), [(0, [(0,)]), (3, [(3,)]), (-9, [(9, signal.SIG_DFL), (SELF, 9)])])
def test_the_process_that_waits_for_a_file_ends_the_rest_and_then_as_the_file_did(status, end, monkeypatch):
    """36, 1: orphans become its children."""
    begin = [(36, 1), 1, (signal.SIGTERM, signal.SIG_IGN), "the rest"]
    assert continue_in_fake_child(monkeypatch, 7, status) == begin + end


@UNIX
def test_the_process_of_a_file_ends_with_the_one_that_waits_and_has_a_group_of_its_own(monkeypatch):
    begin = [(36, 1), 1, (1, signal.SIGKILL), ("group", 0, 0)]
    assert continue_in_fake_child(monkeypatch, 0) == [*begin, (signal.SIGTERM, signal.SIG_DFL)]


@UNIX
def test_all_children_are_ended_and_what_they_leave_and_no_other_process(tmp_path, monkeypatch):
    """The name of a process may contain anything."""
    children, ended, waits = {11: SELF, 12: 11, 13: SELF, 14: 1}, [], iter(range(20))

    def write_stat(process):
        (tmp_path / str(process)).mkdir(exist_ok=True)
        (tmp_path / str(process) / "stat").write_text(f"{process} (a) S {SELF} (b) S {children[process]} 1 1")

    def kill(process, number):
        assert number == signal.SIGKILL and process not in ended
        ended.append(process)

    def wait(process, how):
        assert process == -1
        if SELF not in children.values():
            raise ChildProcessError
        dead = next((child for child in ended if child in children), None)
        if dead is None:
            assert how == 1 and next(waits, None) is not None, "it waits for ever"
            return 0, 0
        del children[dead]
        (tmp_path / str(dead) / "stat").unlink()
        for orphan in [child for child, parent in children.items() if parent == dead]:
            children[orphan] = SELF
            write_stat(orphan)
        return dead, 9

    for process in children:
        write_stat(process)
    monkeypatch.setattr(runner, "os", SimpleNamespace(getpid=lambda: SELF, kill=kill, waitpid=wait, WNOHANG=1))
    monkeypatch.setattr(runner, "Path", lambda folder: tmp_path if folder == "/proc" else pytest.fail(folder))
    runner.end_children()
    assert sorted(ended) == [11, 12, 13]


def test_code_that_computes_too_long_is_ended_and_its_lines_are_told(tmp_path, monkeypatch):
    """Whichever thread has computed: the one that ends it has not."""
    ended, path = threading.Event(), tmp_path / "result.json"
    monkeypatch.setattr(runner, "os", SimpleNamespace(_exit=lambda status: ended.set()))
    began = time.process_time()
    with open(path, "w", encoding="utf-8") as file, runner.time_limit(0.05, file):
        while not ended.is_set() and time.process_time() - began < 3:
            pass
    assert ended.is_set()
    assert re.match(rf'Timeout\n(?s:.*)File "{re.escape(__file__)}", line \d+ in test_code', path.read_text())


@pytest.mark.parametrize(("name", "limits"), [("dz1", [(8,)]), ("torch_gradient", [])])
def test_the_wall_clock_is_stopped_by_the_first_report(name, limits, tmp_path, monkeypatch):
    """What follows is a search for more to say, which has a limit of its own. PyTorch gets as much memory as it asks
    for, and nothing of the file runs before the process is watched."""
    clock, reports, begun, path = [], [], [], tmp_path / "result.json"

    def start_clock(seconds, exit, file):
        assert exit and file.name == str(path)
        clock.append(seconds)

    def make_report(exercise, learner_path, seed, write_report, write_progress):
        assert clock == [runner.CLOCK_RATIO * 8] and begun == [(), *limits, (8.0, str(path))]
        assert (exercise.name, learner_path, seed) == (name, "a.py", 3)
        write_progress("It searches")
        write_report(Report(unmarked="1"))
        reports.append([*clock])
        assert runner.read_report(path, "a.py", 8, 0) == Report(unmarked="1")
        return Report(unmarked="2")

    fake = SimpleNamespace(dump_traceback_later=start_clock, cancel_dump_traceback_later=clock.clear)
    for part, value in {"faulthandler": fake, "make_report": make_report}.items():
        monkeypatch.setattr(runner, part, value)
    for part in ("continue_in_supervised_child", "limit_memory"):
        monkeypatch.setattr(runner, part, lambda *given: begun.append(given))
    monkeypatch.setattr(runner, "time_limit", lambda seconds, file: nullcontext(begun.append((seconds, file.name))))
    monkeypatch.setattr(sys, "argv", ["", str(BY_NAME[name].folder.path), name, "a.py", "3", str(path), "8"])
    runner.main()
    assert path.with_suffix(runner.PROGRESS_SUFFIX).read_text(encoding="utf-8") == "It searches"
    assert reports == [[]] and runner.read_report(path, "a.py", 8, 0) == Report(unmarked="2")


@UNIX
def test_what_a_signal_has_ended_is_said_with_its_name(monkeypatch):
    for status, words in ((-9, "dz1.py was ended by the signal SIGKILL: was there too"), (-11, "the signal SIGSEGV$")):
        monkeypatch.setattr(
            runner.subprocess, "run", lambda *_, status=status, **__: SimpleNamespace(returncode=status)
        )
        with pytest.raises(UserError, match=words):
            runner.run_for_exit_status(["python"], "dz1.py")
    for status, said in ((-2, 130), (3, 3)):  # Ctrl-C, and a program that says itself how it has ended
        monkeypatch.setattr(
            runner.subprocess, "run", lambda *_, status=status, **__: SimpleNamespace(returncode=status)
        )
        assert runner.run_for_exit_status(["python"], "dz1.py") == said


@pytest.mark.slow
def test_an_edit_that_keeps_more_and_more_is_stopped(tmp_path):
    body = "some = [0.0]\nfor _ in range(60): some = some + some[:1]\nloss = sum(some[:3]) + y[0] / 7"
    before = peak()
    runner.make_report(BY_NAME["loss"], write(tmp_path, "loss", body), 0)
    assert peak() - before < 2**19


@pytest.mark.slow
def test_edits_of_lists_and_loops_without_an_end_take_neither_memory_nor_time(tmp_path):
    """A list that is appended to itself, in two places at once, would have 2**64 entries for NumPy."""
    exercise, before = BY_NAME["merge_tokens"], peak()
    for pair in exercise.mistake_pairs[::40]:
        began = time.process_time()
        runner.make_report(exercise, write(tmp_path, exercise.name, pair.code), 5)
        assert time.process_time() - began < exercise.kind.seconds / 2
    assert peak() - before < 2**17


def peak():
    """The most memory that this process has had, in kilobytes."""
    resource = pytest.importorskip("resource", reason="Unix's")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.slow
def test_a_search_that_computes_too_long_leaves_what_was_known_before(tmp_path):
    path = write(tmp_path, "dz1", "np.linalg.svd(np.ones((300, 300)))\ndz1 = 3.7 * da1 * (z1 > 0) - 2.3 * (a1 > 1)")
    assert marking.mark(BY_NAME["dz1"], path, 0, seconds=2).name == "not right"


def test_what_is_right_or_has_a_name_costs_no_search(tmp_path, monkeypatch):
    monkeypatch.setattr(repair, "search_edits_for_place", lambda *_: pytest.fail("searched"))
    for body, mark in ((RIGHT["dz1"], "passed"), ("dz1 = 1 * da1", "the mask forgotten"), (None, "not written")):
        path = tmp_path / "dz1.py"
        path.write_text(BY_NAME["dz1"].stub if body is None else filled("dz1", body), encoding="utf-8")
        assert marking.read_verdict(BY_NAME["dz1"], runner.make_report(BY_NAME["dz1"], path, 0)).summary == mark


# Lines that end in an error, and all that is said of it after the line itself.
ERRORS = {
    "dz1 = da1 + {}['a']": r"'a' \(KeyError\)",
    "out[z1 > 0] = 1": r"There is no `out` yet\. First make an array, then fill in its entries\.",
    "dz1 = nonsense": r"There is no `nonsense` here\.",
    "dz1 = maximum(da1, 0)": r"There is no `maximum` here\. Do you mean np\.maximum\?|.*np\.maximum.*",
    "dz1 = da11": r"There is no `da11` here\. .*da1.*",
    # The product in the parentheses is one of (9, 11) and (11, 9), and nothing is wrong with it.
    "dz1 = (da1 @ da1.T) * (z1 > 0)": r"In \(da1 @ da1\.T\) \* \(z1 > 0\), the shapes are \(9, 9\) \* \(9, 11\)\. "
    r"For an operation entry by entry, .*",
    "raise ValueError": r"[^{}]*\(ValueError\)",
    "raise ValueError('a {brace}')": r"A \{brace\} \(ValueError\)|a \{brace\} \(ValueError\)",
}


@pytest.mark.parametrize("line", ERRORS)
def test_what_is_said_of_an_error_is_its_line_and_one_sentence_or_two(line, tmp_path):
    path = write(tmp_path, "dz1", line)
    found = marking.read_verdict(BY_NAME["dz1"], runner.make_report(BY_NAME["dz1"], path, 5))
    number = 1 + [text.strip() for text in path.read_text(encoding="utf-8").splitlines()].index(line)
    assert re.fullmatch(rf"Line {number}: {re.escape(line)}\n(?:{ERRORS[line]})", found.text), found.text


def test_the_line_of_an_error_is_the_innermost_of_the_learners_own(tmp_path):
    lines = "def f(x):\n    return x['b']\ndz1 = f({})"
    found = marking.read_verdict(BY_NAME["dz1"], runner.make_report(BY_NAME["dz1"], write(tmp_path, "dz1", lines), 5))
    assert re.match(r"Line \d+: return x\['b'\]\n'b' \(KeyError\)$", found.text), found.text


def test_the_shapes_in_a_line_with_an_error_are_those_of_the_functions_own_arrays(tmp_path):
    """Also if a number at the top of the file has the name of an argument."""
    path = write(tmp_path, "dz1", "dz1 = da1 * z1[:, 1:]")
    path.write_text(path.read_text(encoding="utf-8").replace("as np\n", "as np\n\nda1 = 3.0\n", 1), encoding="utf-8")
    found = marking.read_verdict(BY_NAME["dz1"], runner.make_report(BY_NAME["dz1"], path, 5))
    assert "In da1 * z1[:, 1:], the shapes are (9, 11) * (9, 10)." in found.text, found.text


def test_of_a_line_that_python_cannot_read_sentences_end_once(tmp_path):
    for line, words in {
        "dz1 = (da1 * (z1 > 0)": "this line: '(' was never closed. Count the parentheses",
        "print 'x'": "Did you mean print(...)? ",
        "dz1 = da1 +": "this line: invalid syntax. ",
    }.items():
        found = marking.read_verdict(
            BY_NAME["dz1"], runner.make_report(BY_NAME["dz1"], write(tmp_path, "dz1", line), 5)
        )
        assert found.error == "SyntaxError" and words in found.text, found.text


def test_of_several_arguments_that_are_not_used_the_first_is_named(tmp_path):
    path = write(tmp_path, "dz1", "dz1 = np.cosh(a1) ** 3")
    found = marking.read_verdict(BY_NAME["dz1"], runner.make_report(BY_NAME["dz1"], path, 5))
    assert found.name == "an argument not used" and "`da1` does not occur in your code" in found.text, found.text


TWO_FUNCTIONS = """def product(a, b):
    return a @ b + 1


def da1("""


TWO_MISTAKES = [
    ("da1", "da1 = product(dlogits, W2.T) * 3", "in one place", "Lines 17 and 22: with each of them different, all"),
    ("tanh", "dz1 = 10 * da1 * ((1 + a1**2) / 1)", "a factor", "Line 17, `10 * da1`: with this part different, your"),
    # That p is changed, too, is a mistake of its own.
    ("dlogits", "p[range(len(y)), y] += 1; dlogits = (p + 0.3) / len(y)", "a term", "Look at line 19, `p + 0.3`"),
    # That a1 is changed does not make dW2 wrong.
    ("dW2_db2", "dW2 = a1.T @ dlogits; db2 = dlogits[0] + 3.1 * dlogits[1]; a1 += 1", "not right", "also changes a1"),
    ("loss", "rows = np.arange(len(y)); loss = -np.log(p).sum()", "not right", ""),  # one number says nothing
]


@pytest.mark.parametrize(("name", "body", "mark", "words"), schedule(TWO_MISTAKES, every_day=TWO_MISTAKES[:4]))
def test_two_mistakes_may_be_in_two_functions_and_none_is_said_that_is_not_known(name, body, mark, words, tmp_path):
    path = write(tmp_path, name, body)
    path.write_text(path.read_text(encoding="utf-8").replace("def da1(", TWO_FUNCTIONS), encoding="utf-8")
    found = marking.read_verdict(BY_NAME[name], runner.make_report(BY_NAME[name], path, 5))
    assert found.summary == mark and words in found.text, found.text


def test_a_mistake_in_a_function_of_ones_own_is_found_there(tmp_path):
    """Below it, the function that calls it has none."""
    path = write(tmp_path, "dz1", "dz1 = da1 * is_on(z1)")
    helper = "def is_on(z):\n    return z > 1\n\n\ndef dz1("
    path.write_text(path.read_text(encoding="utf-8").replace("def dz1(", helper), encoding="utf-8")
    found = marking.read_verdict(BY_NAME["dz1"], runner.make_report(BY_NAME["dz1"], path, 5))
    assert found.summary == "a condition" and "Line 18, `z > 1`: with this part different, all" in found.text, (
        found.text
    )


def test_two_known_mistakes_are_named_though_others_cannot_both_be_made(tmp_path):
    """What is "multiplied by z1" has no mask that could be taken from da1."""
    path = write(tmp_path, "dz1", "dz1 = 2 * da1 * (z1 < 0)")
    found = marking.read_verdict(BY_NAME["dz1"], runner.make_report(BY_NAME["dz1"], path, 5))
    assert found.text.startswith("Two mistakes, it seems: the mask turned round, and a factor 2.\n"), found.text


@pytest.mark.slow
def test_two_known_mistakes_are_named_whatever_place_was_found(tmp_path, monkeypatch):
    exercise, body = BY_NAME["dlogits"], "dlogits = 2 * (p + np.eye(10)[y]) / len(y)"
    place = repair.MistakePlace("a factor", [19], "", ["dlogits"], needs_all_lines=False)
    path = write(tmp_path, "dlogits", body)
    for found in (
        None,
        place._replace(remaining_mistake="onehot added"),
        place._replace(effect="nearer"),
        place._replace(effect="not nearer"),
    ):
        monkeypatch.setattr(repair, "find_mistake_place", lambda wrongs, found=found: found)
        assert (
            marking.read_verdict(exercise, runner.make_report(exercise, path, 5)).name == "a factor 2, and onehot added"
        )


def kind_of(mark):
    """A mark, but for those of two mistakes: these are one kind, and are found by a long search."""
    return "two mistakes" if ", and " in mark else mark


# In these a search takes a second.
SOUGHT_LONG = (
    "attention", "conv_dW", "logits", "next_targets", "next_word", "numerical_gradient", "second_hidden_layer",
    "tape_matmul", "tape_order",
)  # fmt: skip


LEARNERS = list(everything_written())
# Words of the finders' sentences, each of which is said every day.
FINDERS_WORDS = (
    "After line", "With a different", "with this part different", "different", "Look at", "Two mistakes", "It is close",
    "nearer", "for some of the inputs", "also changes", "Every entry", "grows by", "times the true", "Line ", "line ",
)  # fmt: skip


def sentence_of(row):
    """Return the mark of a wrong answer, and the first of these words that is said of it."""
    said = " ".join(row[3])
    return kind_of(row[2]), next((words for words in FINDERS_WORDS if words in said), "")


def first_of_each_kind():
    """Return a sixth of what is right or not written, and one wrong answer of each kind and sentence."""
    quick = [row for row in LEARNERS if row[0] not in SOUGHT_LONG or kind_of(row[2]) != row[2]]
    wrong = [row for row in quick if row[2] not in ("passed", "not written")]
    others = [row for row in LEARNERS[::6] if row in quick and row not in wrong]
    of_each_kind = first_of_each(wrong, lambda row: row[::2][:2] if row[2].startswith("error") else kind_of(row[2]))
    of_each_sentence = [row for row in first_of_each(wrong, sentence_of) if row not in of_each_kind]
    return [*others, *of_each_kind, *of_each_sentence]


def as_parameter(row):
    """Return a row as a parameter whose name stays if another row is put before it."""
    return pytest.param(*row, id=f"{row[0]} {row[2]} {zlib.crc32(repr(row[1]).encode()):08x}")


@pytest.mark.parametrize("seed", schedule([5, 0], in_turn=4, instead=[5]))
@pytest.mark.parametrize(
    ("name", "body", "mark", "words"),
    schedule(map(as_parameter, LEARNERS), every_day=[*map(as_parameter, first_of_each_kind())]),
)
def test_what_learners_write_gets_its_mark_whatever_is_drawn(name, body, mark, words, seed, tmp_path, monkeypatch):
    """Here, and not in a process of its own, where hundreds would take minutes."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(sys, "breakpointhook", sys.__breakpointhook__)  # pytest's would ask whoever started the tests
    path = tmp_path / f"{name}.py"
    text = BY_NAME[name].stub if body is None else filled(name, body)
    sizes = vars(drawn(name, seed)[0])  # of the first batch
    path.write_text(re.sub(r"\{(\w)\}", lambda m: str(sizes[m[1]]), text), encoding="utf-8")
    found = marking.read_verdict(BY_NAME[name], sent(runner.make_report(BY_NAME[name], path, seed)))
    assert found.summary == mark, found.text
    assert "Traceback" not in found.text
    for word in words if seed == 5 else ():
        assert (word.removeprefix("~") in found.text) != word.startswith("~"), found.text


def test_a_size_that_is_the_same_in_all_draws_is_named_in_no_factor():
    """It cannot be told from a constant."""
    sizes = {"B": [3, 4], "h": [2, 2]}
    assert find_size_product([3, 4], sizes) == (1, {"B": 1}) and find_size_product([-1 / 3, -1 / 4], sizes) == (
        -1,
        {"B": -1},
    )
    assert find_size_product([2, 2], sizes) is None and find_size_product([6, 8], sizes) is None


def test_a_file_that_is_asked_leaves_no_pipe_open(tmp_path):
    """A class has hundreds of files, and a process may have 256 open. It runs in the folder that it is given."""
    with runner.learner_process(["-c", "open('here', 'x')"], tmp_path, tmp_path / "dz1.py", pipes=True) as process:
        process.wait(PATIENCE)
    assert (tmp_path / "here").exists()
    assert process.stdin.closed and process.stdout.closed and process.returncode is not None
