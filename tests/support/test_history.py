"""What a run keeps of itself."""

import json
import math

import numpy as np
import pytest

from networks import parse_options
from support.errors import UserError
from support.history import History, save_history
from support.options import run_options


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
