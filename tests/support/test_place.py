"""Where PyTorch computes."""

import pytest
import torch

import main_torch
from networks import parse_options
from support import place
from support.errors import UserError
from support.place import Place, choose_device, has_compiler


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
    options = parse_options("torch", *argv)
    assert choose_device(options.device, options.dtype).type == chosen


def test_mps_has_no_float64(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pytest.raises(UserError, match="float64"):
        choose_device("mps", "float64")


def team_of(monkeypatch, *argv, gpus=0, mps=False):
    """What the second of two processes makes of the options, as far as it comes before it looks for the first."""
    for name, value in {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    return Place(parse_options("torch", *argv))


@pytest.mark.parametrize(
    ("argv", "machine", "words"),
    [
        (["--hold-out", "1"], {}, "--hold-out 1 cannot be split among 2"),
        (["--batch-size", "3"], {}, "--batch-size 3 cannot be split"),
        ([], {"gpus": 1}, "--nproc-per-node: only 1 GPU here"),
        (["--device", "mps"], {"mps": True}, "--device mps: PyTorch finds none for several processes"),
    ],
)
def test_what_several_processes_cannot_share(monkeypatch, argv, machine, words):
    with pytest.raises(UserError, match=words):
        team_of(monkeypatch, *argv, **machine)


def test_several_processes_on_apple_silicon_take_the_processor(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto", alone=False).type == "cpu"


def test_without_amp_nothing_asks_for_autocast(monkeypatch):
    """Some devices of older PyTorch know none, not even one that is turned off."""

    def refuse(*arguments, **more):
        raise RuntimeError("unsupported autocast device_type")

    monkeypatch.setattr(torch, "autocast", refuse)
    options = parse_options("torch", "--hidden", "4")
    model, optimizer = main_torch.build(options)
    x, y = torch.zeros(8, 28, 28), torch.zeros(8, dtype=torch.long)
    loss, _ = main_torch.train_step(model, optimizer, x, y, 0.1)
    assert float(loss) == pytest.approx(2.3026, abs=1e-3)
    with pytest.raises(UserError, match="--amp: this PyTorch does not support it"):
        Place(parse_options("torch", "--amp", "--device", "cpu"))


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
    monkeypatch.setattr(place.sys, "platform", platform)
    monkeypatch.setattr(place.shutil, "which", lambda name: name if name == there else None)
    monkeypatch.delenv("CXX", raising=False)
    assert has_compiler() == found
    monkeypatch.setenv("CXX", there)
    assert has_compiler()


@pytest.mark.parametrize(
    ("name", "value"),
    [("RANK", "1"), ("RANK", "abc"), ("RANK", ""), ("RANK", "-1"), ("WORLD_SIZE", "0"), ("WORLD_SIZE", "٣")],
)
def test_what_another_program_left_in_the_environment(monkeypatch, name, value):
    for variable in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=f"the environment's {name}={value} is not what torchrun sets: unset {name}"):
        Place(parse_options("torch"))
