"""What main_torch.py does that main_np.py does not; what they share is tested there and in test_twins.py."""

import json

import pytest
import torch

import main_torch
import training
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
    missing = [
        d for d, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())) if not there
    ]
    for device in missing:
        assert_one_line(program("main_torch.py", "--device", device), "--device", device)
    assert_one_line(program("main_torch.py", "--device", "tpu"), "--device", "tpu")
    assert_one_line(program("main_np.py", "--device", "cpu"), "--device")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("cuda", "mps", "argv", "chosen"),
    [
        (True, True, [], "cuda"),
        (False, True, [], "mps"),
        (False, True, ["--dtype", "float64"], "cpu"),
        (False, False, [], "cpu"),
        (True, True, ["--device", "cpu"], "cpu"),
        (True, True, ["--device", "mps"], "mps"),
    ],
)
def test_auto_takes_the_best_device(monkeypatch, cuda, mps, argv, chosen):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    options = training.parse_options("torch", "", argv)[0]
    assert main_torch.choose_device(options).type == chosen


def test_mps_has_no_float64(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    options = training.parse_options("torch", "", ["--device", "mps", "--dtype", "float64"])[0]
    with pytest.raises(training.UserError, match="float64"):
        main_torch.choose_device(options)


def team_of(monkeypatch, *argv, gpus=0, mps=False):
    """What the second of two processes makes of the options, as far as it comes before it looks for the first."""
    for name, value in {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    return main_torch.Team(training.parse_options("torch", "", [*argv])[0])


@pytest.mark.parametrize(
    ("argv", "machine", "words"),
    [
        (["--hold-out", "1"], {}, "--hold-out 1 cannot be split by 2"),
        (["--batch-size", "3"], {}, "--batch-size 3 cannot be split"),
        ([], {"gpus": 1}, "--nproc-per-node: 1 GPU here"),
        (["--device", "mps"], {"mps": True}, "--device mps: PyTorch finds none for several processes"),
    ],
)
def test_what_several_processes_cannot_share(monkeypatch, argv, machine, words):
    with pytest.raises(training.UserError, match=words):
        team_of(monkeypatch, *argv, **machine)


def test_several_processes_on_apple_silicon_take_the_processor(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    options = training.parse_options("torch", "", [])[0]
    assert main_torch.choose_device(options, alone=False).type == "cpu"


def test_without_amp_nothing_asks_for_autocast(monkeypatch):
    """Some devices of older PyTorch know none, not even one that is turned off."""

    def refuse(*arguments, **more):
        raise RuntimeError("unsupported autocast device_type")

    monkeypatch.setattr(torch, "autocast", refuse)
    options = training.parse_options("torch", "", ["--hidden", "4"])[0]
    model, optimizer = main_torch.build(options)
    x, y = torch.zeros(8, 28, 28), torch.zeros(8, dtype=torch.long)
    loss, _ = main_torch.train_step(model, optimizer, x, y, 0.1, options).tolist()
    assert loss == pytest.approx(2.3026, abs=1e-3)
    with pytest.raises(training.UserError, match="--amp: this PyTorch has none"):
        main_torch.Team(training.parse_options("torch", "", ["--amp", "--device", "cpu"])[0])


@pytest.mark.parametrize(
    ("platform", "there", "found"),
    [
        ("linux", "g++", True),
        ("linux", "clang++", False),
        ("darwin", "clang++", True),
        ("win32", "cl", True),
        ("win32", "g++", False),
    ],
)
def test_the_compiler_is_the_one_that_pytorch_takes(monkeypatch, platform, there, found):
    monkeypatch.setattr(main_torch.sys, "platform", platform)
    monkeypatch.setattr(main_torch.shutil, "which", lambda name: name if name == there else None)
    monkeypatch.delenv("CXX", raising=False)
    assert main_torch.has_compiler() == found
    monkeypatch.setenv("CXX", there)
    assert main_torch.has_compiler()


@pytest.mark.parametrize("lr", ["1e4", "1e30"])
def test_a_loss_that_is_no_longer_finite(program, lr):
    result = program("main_torch.py", "--lr", lr, "--steps", 400, "--schedule", "constant")
    assert_one_line(result, "at step", "lower --lr")


def test_help_names_what_only_pytorch_can_do(program):
    assert "--device" in program("main_torch.py", "-h").stdout
    assert "--device" not in program("main_np.py", "-h").stdout
