"""What main_torch.py does that main_np.py does not; what they share is tested there and in test_twins.py."""

import json

import pytest
import torch

from conftest import accuracy_of, assert_one_line

SHORT = ("--hidden", 16, "--steps", 30)


def test_it_writes_under_its_own_names(program, tmp_path):
    result = program("main_torch.py", *SHORT)
    assert accuracy_of(result) > 0.1
    names = ["accuracy_plot_torch.png", "checkpoint_torch.npz", "history_torch.json", "loss_plot_torch.png"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == names
    assert all(name in result.stdout for name in names)
    history = json.loads((tmp_path / "out" / "history_torch.json").read_text())
    assert history["machine"]["torch"] == torch.__version__
    assert "device" not in history["options"]


def test_a_device_that_is_not_there(program, tmp_path):
    missing = [] if torch.cuda.is_available() else ["cuda"]
    for device in [*missing, "tpu"]:
        assert_one_line(program("main_torch.py", "--device", device), "--device", device)
    assert_one_line(program("main_np.py", "--device", "cpu"), "--device")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("lr", [pytest.param("1e4", marks=pytest.mark.slow), "1e30"])
def test_a_loss_that_is_no_longer_finite(program, lr):
    result = program("main_torch.py", "--lr", lr, "--steps", 400, "--schedule", "constant")
    assert_one_line(result, "at step", "lower --lr")


def test_help_names_what_only_pytorch_can_do(program):
    assert "--device" in program("main_torch.py", "-h").stdout
    assert "--device" not in program("main_np.py", "-h").stdout
