"""The plan of a run, its learning rate, and its record."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest

from networks import parse_options
from support.errors import UserError
from support.history import History, save_history
from support.options import run_options
from support.run import learning_rate, make_plan


def test_plan():
    for argv, plan in [
        (["--stop-after", "2"], (468, 2340, 936)),
        (["--stop-after", "9"], (468, 2340, 2340)),
        (["--steps", "10"], (468, 10, 10)),
    ]:
        assert make_plan(parse_options("np", *argv), 60000) == plan
    with pytest.raises(UserError, match="--batch-size 200 is more than the 100"):
        make_plan(parse_options("np", "--batch-size", "200"), 100)


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 11, 2340])
def test_the_learning_rate_rises_then_falls_to_zero(steps):
    options = parse_options("np", "--lr", "0.5")
    rates = [learning_rate(s, steps, options) for s in range(steps)]
    top = math.ceil(steps / 10) - 1
    assert max(rates) == rates[top] == pytest.approx(0.5)
    assert all(b > a for a, b in pairwise(rates[: top + 1]))
    assert all(b < a for a, b in pairwise(rates[top:]))
    assert min(rates) > 0 and (steps == 1 or learning_rate(steps, steps, options) == 0)  # the next one would be 0
    constant = parse_options("np", "--lr", "0.5", "--schedule", "constant")
    assert {learning_rate(s, steps, constant) for s in range(steps)} == {0.5}


@pytest.mark.parametrize("loss", [math.nan, math.inf, np.float32("nan"), -math.inf])
def test_a_loss_that_is_not_finite_is_one_line(loss):
    history = History([1.0, 2.0], [0.1, 0.2])
    history.add_step(loss, 0.1)
    history.add_step(1.0, 0.1)
    with pytest.raises(UserError, match="at step 3: lower --lr"):
        history.read()
    with pytest.raises(UserError, match="at step 2: lower --lr"):
        history.add_test(loss, 0.1)


def test_the_history_file(tmp_path):
    history = History([1.23456789, 0.5], [0.5, 0.75], [2], [0.4], [0.9876])
    save_history(tmp_path / "h.json", run_options(parse_options("np", "--out", "x")), history)
    content = json.loads((tmp_path / "h.json").read_text())
    assert content["train_loss"] == [1.23457, 0.5]
    assert (content["test_step"], content["test_accuracy"]) == ([2], [0.9876])
    assert content["options"]["hidden"] == 512
    assert "out" not in content["options"]
    assert content["machine"]["numpy"] == np.__version__
