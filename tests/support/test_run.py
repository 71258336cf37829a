"""The plan of a run, and its learning rate."""

import math
from itertools import pairwise

import pytest

from networks import parse_options
from support.errors import UserError
from support.run import learning_rate, make_plan


def options_of(*argv, framework="np"):
    return parse_options(framework, *argv)


def test_a_batch_larger_than_the_data():
    with pytest.raises(UserError, match="--batch-size 200 is more than the 100"):
        make_plan(options_of("--batch-size", "200"), 100)


def test_plan():
    plan = make_plan(options_of("--stop-after", "2"), 60000)
    assert plan == (468, 2340, 936)
    assert make_plan(options_of("--stop-after", "9"), 60000).stop == 2340
    assert make_plan(options_of("--steps", "10"), 60000) == (468, 10, 10)


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 11, 2340])
def test_the_learning_rate_rises_then_falls_to_zero(steps):
    options = options_of("--lr", "0.5")
    rates = [learning_rate(s, steps, options) for s in range(steps)]
    assert max(rates) <= 0.5
    assert min(rates) > 0
    top = math.ceil(steps / 10) - 1
    assert rates[top] == pytest.approx(0.5)
    assert all(b > a for a, b in pairwise(rates[: top + 1]))
    assert all(b < a for a, b in pairwise(rates[top:]))
    # the next one would be 0
    assert steps == 1 or learning_rate(steps, steps, options) == 0
    constant = options_of("--lr", "0.5", "--schedule", "constant")
    assert {learning_rate(s, steps, constant) for s in range(steps)} == {0.5}
