"""Checkpoints: all that was learned comes back to the bit, and what does not fit together is refused in one line.

tests/test_faults.py has files that are no checkpoints at all, or that were made to do harm.
"""

import json

import numpy as np
import pytest

import main_np
from networks import begin, parse_options
from support.checkpoint import save_checkpoint
from support.errors import UserError
from support.history import History
from support.options import run_options
from support.run import check_history, make_plan


def save(path, *argv):
    """A checkpoint after one of four epochs of 10 steps, of a run with these options."""
    options = parse_options("np", *argv, "--epochs", 4, "--batch-size", 6000, "--seed", 2**63 + 1)
    groups = main_np.get_arrays(*main_np.build(options))
    rng = np.random.default_rng(0)
    for array in (array for group in groups.values() for array in group.values()):
        array[...] = rng.uniform(1, 2, array.shape)
    history = History([0.1] * 10, [0.5] * 10, [10], [0.3], [0.9])
    save_checkpoint(path, run_options(options), groups, history)
    return path, options, groups, history


def resume(path, *argv):
    options, checkpoint = begin("np", "", ["--resume", str(path), *argv])
    history = check_history(checkpoint, make_plan(options, 60000))
    return options, main_np.get_arrays(*main_np.build(options, checkpoint)), history


def rewrite(path, changes):
    """The same checkpoint with some of its arrays replaced, or dropped where None; of its options, a dict, likewise."""
    with np.load(path, allow_pickle=False) as npz:
        arrays = dict(npz)
    if isinstance(changes.get("options"), dict):
        options = json.loads(str(arrays["options"])) | changes["options"]
        changes = {"options": json.dumps({name: value for name, value in options.items() if value is not None})}
    np.savez(path, **{name: value for name, value in (arrays | changes).items() if value is not None})


@pytest.fixture
def saved(tmp_path):
    """A checkpoint with arrays of every group, and what it holds."""
    return save(tmp_path / "checkpoint.npz", "--model", "resnet", "--widths", "2,3", "--optimizer", "adamw")


def test_a_checkpoint_comes_back_bit_for_bit(saved, tmp_path):
    before = save(tmp_path / "c.npz")
    rewrite(before[0], {"options": {"optimizer": None}})  # as in older files
    for path, options, groups, history in (saved, before):
        resumed, arrays, recorded = resume(path, "--out", "there", "--seed", str(2**63 + 1))
        assert (run_options(resumed), resumed.out) == (run_options(options), "there")
        np.testing.assert_equal(arrays, groups)
        assert recorded.numbers() == history.numbers()


NOT_FINITE, NO_FIT, OTHER = "not finite", "do not fit", "another network than its options say"
DAMAGES = {
    "NaN": (NOT_FINITE, {"params/linear.b": np.full(10, np.nan, np.float32)}),
    "NaN in the history": (NOT_FINITE, {"history/train_loss": np.full(10, np.nan)}),
    "text for numbers": (NOT_FINITE, {"params/linear.b": np.array("W1")}),
    "a variance below 0": (NOT_FINITE, {"statistics/stem.norm.var": np.full(2, -1, np.float32)}),
    "a mean square below 0": (NOT_FINITE, {"squares/linear.b": np.full(10, -1, np.float32)}),
    "newer": ("format 99", {"format": 99}),
    "no format": ("not a checkpoint", {"format": None}),
    "another step": (NO_FIT, {"step": 9}),
    "an unknown group": (NO_FIT, {"paramz/linear.b": np.zeros(3)}),
    "a history cut short": (NO_FIT, {"history/train_accuracy": np.zeros(3)}),
    "a history in two dimensions": (NO_FIT, {"history/train_loss": np.zeros((10, 1))}),
    "an accuracy of 2": (NO_FIT, {"history/test_accuracy": np.array([2.0])}),
    "no tests": ("no test result", {f"history/test_{name}": np.array([]) for name in ("step", "loss", "accuracy")}),
    "an array of another shape": (OTHER, {"params/linear.b": np.zeros(9, np.float32)}),
    "an array of another type": (OTHER, {"params/linear.b": np.zeros(10)}),
    "an array too few": (OTHER, {"momentum/linear.b": None}),
    "no options": (NO_FIT, {"options": None}),
    "options out of range": ("--blocks", {"options": {"blocks": -3}}),
    "an unknown option": ("unknown option 'hiden'", {"options": {"hiden": 3}}),
    "an option of a call": ("unknown option 'out'", {"options": {"out": "x"}}),
    "fewer steps": ("step 10 of 9", {"options": {"epochs": None, "steps": 9}}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_does_not_fit_together_is_one_line(saved, damage):
    path, (words, changes) = saved[0], DAMAGES[damage]
    rewrite(path, changes)
    with pytest.raises(UserError, match=words) as caught:
        resume(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


VIT = "--model vit --width 4 --blocks 1 --heads 2 --patch 14"
LARGER = [("", {"hidden": 16384}), (VIT, {"blocks": 50}), (VIT, {"width": 8}), (VIT, {"patch": 2})]
LARGER += [("--model resnet --widths 2", larger) for larger in ({"widths": [2, *[1024] * 400]}, {"blocks": 50})]


def test_options_of_a_larger_network_than_its_arrays(tmp_path):
    """They are refused before anybody builds such a network, which would fill the memory."""
    for words, larger in LARGER:
        path, *_ = save(tmp_path / "c.npz", *words.split())
        begin("np", "", ["--resume", str(path)])
        rewrite(path, {"options": larger})
        with pytest.raises(UserError, match=OTHER):
            begin("np", "", ["--resume", str(path)])


def test_what_would_be_refused_is_not_saved(saved):
    path, options, groups, history = saved
    before = path.read_bytes()
    for name in groups:
        bad = {key: np.full_like(array, np.inf) for key, array in groups[name].items()}
        with pytest.raises(UserError, match="no longer finite at step 10: lower --lr"):
            save_checkpoint(path, run_options(options), groups | {name: bad}, history)
        assert path.read_bytes() == before
