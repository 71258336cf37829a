"""Where PyTorch computes. What several processes do together is tested in tests/test_main.py."""

import pytest
import torch

import main_torch
from conftest import rows
from loading.options import parse_options
from support import place
from support.errors import UserError

TORCHRUN = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "1"}
DEVICES = """
    cuda mps | auto float32 alone   | cuda
    mps      | auto float32 alone   | mps
    mps      | auto float64 alone   | cpu
    mps      | auto float32 several | cpu
    cuda mps | cpu float32 alone    | cpu
    mps      | mps float64 alone    | --device mps has no float64
    mps      | mps float32 several  | --device mps: PyTorch finds none for several processes on this machine; leave
             | cuda float64 alone   | --device cuda: PyTorch finds none on this machine; leave
    cuda     | cuda float32 several | --nproc-per-node: only 1 GPU here
"""


@pytest.mark.parametrize(("devices", "asked", "answer"), [*rows(DEVICES)])
def test_auto_takes_the_best_device(monkeypatch, devices, asked, answer):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in devices)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in devices)
    device, dtype, processes = asked.split()
    for name, value in TORCHRUN.items() if processes == "several" else ():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda _: None)
    monkeypatch.setattr(place.atexit, "register", lambda _: None)
    try:
        found = place.Place(parse_options("torch", "--device", device, "--dtype", dtype)).device.type
    except UserError as error:
        found = str(error)
    assert found.startswith(answer)


def test_bfloat16_is_none_in_float64():
    with pytest.raises(UserError, match="--amp multiplies in bfloat16"):
        place.Place(parse_options("torch", "--device", "cpu", "--amp", "--dtype", "float64"))
    for words, precision in (("--amp", "bfloat16"), ("", "float32"), ("--dtype float64", "float64")):
        there = place.Place(parse_options("torch", "--device", "cpu", *words.split()))
        assert there.record == {"device": "cpu", "processes": 1, "precision": precision}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--batch-size 3", "cannot be split evenly among 2"),
        ("--hold-out 1", "cannot be split among 2"),
        ("--model resnet --widths 2,2,2,2,2 --batch-size 2", "needs 2 images in a step"),
    ],
)
def test_what_processes_cannot_share(monkeypatch, words, said):
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=said):
        place.Place(parse_options("torch", *words.split()))


def test_processes_are_those_of_torchrun_alone(monkeypatch):
    """Others set variables of these names too, and PyTorch would wait for their processes without a word."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="WORLD_SIZE=2 is not from torchrun: unset WORLD_SIZE, or use torchrun"):
        place.Place(parse_options("torch", "--device", "cpu"))
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("RANK", "1")
    assert place.Place(parse_options("torch", "--device", "cpu")).first


def test_without_amp_nothing_asks_for_autocast(monkeypatch):
    """Some devices of older PyTorch know none, not even one that is turned off."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: pytest.fail("unsupported autocast device_type"))
    options = parse_options("torch", "--hidden", "4", "--device", "cpu")
    x, y = torch.zeros(8, 28, 28), torch.zeros(8, dtype=torch.long)
    loss, _ = main_torch.train_step(*main_torch.build(options), x, y, 0.1, place.Place(options))
    assert float(loss) == pytest.approx(2.3026, abs=1e-3)
