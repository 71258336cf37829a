"""What main_torch.py does that main_np.py does not; what they share is tested there and in test_twins.py."""

import json

import pytest
import torch

import main_np
import main_torch
from conftest import accuracy_of, assert_one_line
from networks import NETWORKS
from support.errors import UserError
from support.options import make_parser


def test_it_writes_under_its_own_names(program, tmp_path):
    result = program("main_torch.py", "--hidden", 16, "--steps", 30)
    assert accuracy_of(result) > 0.1
    names = ["accuracy_plot_torch.png", "checkpoint_torch.npz", "history_torch.json", "loss_plot_torch.png"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == names
    assert all(name in result.stdout for name in names)
    history = json.loads((tmp_path / "out" / "history_torch.json").read_text())
    assert history["machine"]["torch"] == torch.__version__
    assert "device" not in history["options"]


def test_a_device_that_is_not_there(tmp_path):
    missing = [] if torch.cuda.is_available() else ["cuda"]
    for main, device in [*((main_torch, device) for device in [*missing, "tpu"]), (main_np, "cpu")]:
        with pytest.raises(UserError, match=f"--device.*{device}"):
            main.main(["--device", device, "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_a_loss_that_is_no_longer_finite(program):
    result = program("main_torch.py", "--lr", "1e4", "--steps", 400, "--schedule", "constant")
    assert_one_line(result, "at step", "lower --lr")


def test_help_names_what_only_pytorch_can_do():
    assert "--device" in make_parser(NETWORKS, "torch", "", []).format_help()
    assert "--device" not in make_parser(NETWORKS, "np", "", []).format_help()
