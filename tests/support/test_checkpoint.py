"""Checkpoints: all that was learned comes back to the bit, and what does not fit together is refused in one line.

tests/test_faults.py has files that are no checkpoints at all.
"""

import json
import os
import tracemalloc
import zipfile
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest

import main_np
from conftest import damaged, fuzz
from loading.options import parse_options, parse_options_and_checkpoint
from support.checkpoint import Checkpoint, load_checkpoint, load_options_and_facts, save_checkpoint
from support.errors import UserError
from support.history import History, load_history, save_history
from support.options import select_options_to_save
from support.pictures import DIGIT_CLASSES
from support.run import get_checked_history
from support.schedule import Plan, make_plan


def save(path, *argv):
    """A checkpoint after one of four epochs of 10 steps, of a run with these options."""
    options = parse_options("np", *argv, "--epochs", 4, "--batch-size", 6000, "--seed", 2**63 + 1)
    groups = main_np.get_all_arrays_by_group(*main_np.build(options))
    rng = np.random.default_rng(0)
    for array in (array for group in groups.values() for array in group.values()):
        array[...] = rng.uniform(1, 2, array.shape)
    history = History([0.1] * 10, [0.5] * 10, [10], [0.3], [0.9])
    save_checkpoint(path, select_options_to_save(options), groups, history)
    return path, options, groups, history


def resume(path, *argv):
    options, checkpoint = parse_options_and_checkpoint("np", "", ["--resume", str(path), *argv])
    history = get_checked_history(checkpoint, make_plan(options, 60000))
    return options, main_np.get_all_arrays_by_group(*main_np.build(options, checkpoint)), history


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


def test_a_checkpoint_and_a_history_with_old_names_of_options_are_read(tmp_path):
    model = ["--model", "llama", "--dataset", "names", "--width", "8", "--hidden", "8", "--blocks", "1"]
    path, options, _, history = save(tmp_path / "c.npz", *model)
    rewrite(path, {"options": {"kv_heads": None, "keys": 2, "context_length": None, "places": None}})
    assert "kv_heads" not in json.loads(str(np.load(path)["options"]))
    assert resume(path)[0].run == options.run and load_options_and_facts(path)[0]["kv_heads"] == 2
    save_history(tmp_path / "h.json", {"keys": 2, "hold_out": 0, "dataset": "names"}, history)
    assert load_history(tmp_path / "h.json")[0] == {"kv_heads": 2, "hold_out": 0, "dataset": "names"}


def test_a_checkpoint_comes_back_bit_for_bit(saved, tmp_path):
    before = save(tmp_path / "c.npz")
    rewrite(before[0], {"options": {"optimizer": None}})  # as in older files
    for path, options, groups, history in (saved, before):
        resumed, arrays, recorded = resume(path, "--out", "there", "--seed", str(2**63 + 1))
        assert (select_options_to_save(resumed), resumed.call.out) == (select_options_to_save(options), "there")
        np.testing.assert_equal(arrays, groups)
        assert recorded.numbers_by_name() == history.numbers_by_name()
        assert resume(path)[0].call.out == str(tmp_path)  # where it is, if nobody says another place


class Evil:
    def __reduce__(self):
        return pytest.fail, ("it was unpickled, which may execute anything",)


DAMAGED, OTHER = (
    "is not a checkpoint of this project, or is damaged",
    "does not hold the network that its options describe",
)
DATA = {"of": "images", "sha256": "", "classes": [*DIGIT_CLASSES]}
DAMAGES = {
    "NaN": (DAMAGED, {"params/linear.b": np.full(10, np.nan, np.float32)}),
    "NaN in the history": (DAMAGED, {"history/train_loss": np.full(10, np.nan)}),
    "newer": (DAMAGED, {"format": 99}),
    "no format": (DAMAGED, {"format": None}),
    "another step": (DAMAGED, {"step": 9}),
    "an unknown group": (f"{OTHER}: --optimizer adamw has no paramz", {"paramz/linear.b": np.zeros(3)}),
    "a loss that no picture has room for": (DAMAGED, {"history/test_loss": np.array([1e31])}),
    "a history cut short": (DAMAGED, {"history/train_accuracy": np.zeros(3)}),
    "a test result too few": (DAMAGED, {"history/test_accuracy": np.array([])}),
    "an accuracy of 2": (DAMAGED, {"history/test_accuracy": np.array([2.0])}),
    "a test before the first step": (DAMAGED, {"history/test_step": np.array([0])}),
    "a test after the last": (DAMAGED, {"history/test_step": np.array([11])}),
    "a test in the middle of an epoch": ("its test results", {"history/test_step": np.array([3])}),
    "fewer steps": ("its 10 steps and .* of 9 steps", {"options": {"epochs": None, "steps": 9}}),
    "an array of another shape": (OTHER, {"params/linear.b": np.zeros(9, np.float32)}),
    "an array of another type": (OTHER, {"params/linear.b": np.zeros(10)}),
    "an array too few": (OTHER, {"momentum/linear.b": None}),
    "a pickle": (DAMAGED, {"params/more": np.array([Evil()])}),
    "no options": (DAMAGED, {"options": None}),
    "options without a name": (DAMAGED, {"options": np.array("null")}),
    "options without an end": (DAMAGED, {"options": np.array("[" * 100_000)}),
    "an option that is no value": ("--batch-size=--: -- is not a value", {"options": {"batch_size": "--"}}),
    "options out of range": ("--blocks", {"options": {"blocks": -3}}),
    "an unknown option": ("unrecognized arguments: --hiden=3", {"options": {"hiden": 3}}),
    "pixels of deviation 30": (DAMAGED, {"options": {"data": DATA | {"mean_and_std": [0.1, 30]}}}),
    "pixels of mean -3": (DAMAGED, {"options": {"data": DATA | {"mean_and_std": [-3, 0.3]}}}),
    "an option of a call": ("unknown option 'out'", {"options": {"out": "x"}}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_does_not_fit_together_is_one_line(saved, damage):
    path, (words, changes) = saved[0], DAMAGES[damage]
    rewrite(path, changes)
    with pytest.raises(UserError, match=words) as caught:
        resume(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_damaged_file_is_one_line_or_the_same_network(saved):
    path, _, groups, _ = saved

    def check(content):
        path.write_bytes(content)
        try:
            np.testing.assert_equal(resume(path)[1], groups)
        except UserError as error:
            assert "\n" not in str(error)

    fuzz(100, damaged(path.read_bytes()), check)


def test_an_entry_that_is_no_array(saved):
    with zipfile.ZipFile(saved[0], "a") as archive:
        archive.writestr("params/more.npy", b"mine")
    with pytest.raises(UserError, match=DAMAGED):
        resume(saved[0])


def test_a_checkpoint_that_does_not_fit_into_memory_is_not_called_damaged(saved, monkeypatch):
    """Nobody knows whether it is: an array that claims to have terabytes ends like one for which there is no room."""
    monkeypatch.setattr(np, "load", lambda *_, **__: np.empty(2**50))
    with pytest.raises(UserError, match=r"not enough memory to read .*, or it is damaged"):
        resume(saved[0])


VIT = "--model vit --width 4 --blocks 1 --heads 2 --patch 14"
LARGER = [("", {"hidden": 16384}), (VIT, {"blocks": 50}), (VIT, {"width": 64})]
LARGER += [("--model resnet --widths 2", larger) for larger in ({"widths": [2, 1024]}, {"blocks": 50})]
LARGER += [("--model resnet --widths 2", {"widths": [1024, 1024], "blocks": 50})]  # 15 GB


@pytest.mark.slow(one_in=2)
def test_options_of_a_larger_network_than_its_arrays(tmp_path):
    """They are refused before such a network is there, which would fill the memory."""

    def opened(framework, program):
        with pytest.raises(UserError, match=f"{OTHER}|is not the same network as {path}"):
            program.build(*parse_options_and_checkpoint(framework, "", ["--resume", str(path)]))

    for words, larger in LARGER:
        path, *_ = save(tmp_path / "c.npz", *words.split())
        main_np.build(*parse_options_and_checkpoint("np", "", ["--resume", str(path)]))
        rewrite(path, {"options": larger})
        assert traced(opened, "np", main_np) < 2**28
        if find_spec("torch"):
            opened("torch", import_module("main_torch"))


def refused(path):
    with pytest.raises(UserError, match=DAMAGED):
        load_checkpoint(path)


def traced(function, *arguments):
    """The most memory that this takes, in bytes."""
    tracemalloc.start()
    function(*arguments)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


@pytest.mark.slow(one_in=2)
def test_what_is_read_takes_a_few_times_the_size_of_its_file(tmp_path):
    path, n = tmp_path / "h.json", 10**5
    save_history(path, {"batch_size": 1, "hold_out": 0, "dataset": "mnist"}, History([0] * n, [0] * n, [1], [0], [0]))
    path.write_text(path.read_text(encoding="utf-8").replace("0.0, ", "0,"))  # as small as numbers can be
    assert traced(load_history, path) < 12 * path.stat().st_size
    path, *_ = save(tmp_path / "c.npz")
    rewrite(path, {"step": n} | dict.fromkeys(["history/train_loss", "history/train_accuracy"], np.ones(n, "i1")))
    assert traced(load_checkpoint, path) < 12 * path.stat().st_size
    options = json.dumps([[[]] * 10**5])  # lists take some twenty times their two characters
    rewrite(path, {"options": np.array(options), "step": n})
    assert traced(refused, path) < 8 * path.stat().st_size
    with zipfile.ZipFile(path, "a", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("params/bomb.npy", bytes(3 * 10**7))
        archive.infolist()[-1].file_size = 9  # a lie
    assert traced(refused, path) < 12 * path.stat().st_size


def test_what_would_be_refused_is_not_saved(saved):
    path, options, groups, history = saved
    before = path.read_bytes()
    for name in groups:
        bad = {key: np.full_like(array, np.inf) for key, array in groups[name].items()}
        with pytest.raises(UserError, match="no longer finite at step 10: lower --lr"):
            save_checkpoint(path, select_options_to_save(options), groups | {name: bad}, history)
        assert path.read_bytes() == before


def test_a_save_that_ends_in_the_middle_is_one_error_and_leaves_what_was_there(saved, tmp_path, monkeypatch):
    """A disk that is full at some byte, which a limit on a file's size is like; and too little memory, of which a save
    needs little: no copy of what it saves."""
    resource = pytest.importorskip("resource")
    path, options, groups, history = saved
    before = path.read_bytes()

    def save_again(groups):
        save_checkpoint(path, select_options_to_save(options), groups, history)

    for size in (0, 50, len(before) // 2, len(before) - 1):
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            with pytest.raises(OSError, match=str(path)):
                save_again(groups)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with monkeypatch.context() as patch:
        patch.setattr(np.lib.format, "write_array", lambda entry, *_, **__: entry.write(bytes(100)) and np.empty(2**50))
        with pytest.raises(MemoryError):
            save_again(groups)
    assert (path.read_bytes(), os.listdir(tmp_path)) == (before, [path.name])
    large = {"params": {"W1": np.zeros(10**7, np.float32)}}
    assert traced(save_again, large) < large["params"]["W1"].nbytes / 2


def test_a_run_of_ten_million_steps_is_no_list_of_them():
    history = History([1.0] * 3, [0.5] * 3, [1, 2, 3], [1.0] * 3, [0.5] * 3)
    checkpoint, plan = Checkpoint("x.npz", {}, {}, history, {}), Plan(1, 10**7, 10**7)
    assert traced(get_checked_history, checkpoint, plan) < 10**5
    for plan in (Plan(2, 10, 10), Plan(1, 2, 2)):
        with pytest.raises(UserError, match="damaged"):
            get_checked_history(checkpoint, plan)
    assert get_checked_history(checkpoint, Plan(1, 3, 3)) is history
