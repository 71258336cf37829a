"""The programs of lab/ that compare the twins. (That they are one run is shown in tests/test_networks.py.)"""

import json
import re
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from test_plot import assert_legible

import main_np
from conftest import ROOT
from lab import twins
from loading.options import parse_options
from support.errors import UserError
from support.rounding import format_rounded_up


@pytest.mark.parametrize("difference", ["grows", "none"])
def test_the_picture_of_the_proof(difference):
    """What it says of the weights is so, it marks where a ReLU tips over, and every text is legible."""
    steps = np.arange(1, 501)
    loss = 2 * np.exp(-steps / 100) + 0.01
    runs = {}
    for dtype, unit in (("float64", 1e-16), ("float32", 1e-8)):
        grown = unit * np.where(steps < 200, 1, 1.2e5) if difference == "grows" else 0.0 * steps
        runs[dtype] = {"loss_np": loss, "loss_tape": loss, "loss_torch": loss, "tape": grown / 10}
        runs[dtype] |= {"difference": grown, "disagreeing": (steps == 200) * 1}
    figure = twins.draw_proof(runs)
    for drawn in (figure, twins.draw_banner(runs)) if difference == "grows" else ():
        assert_legible(drawn)
    upper, lower = figure.axes
    said = " ".join(upper.get_title("left").split())
    most, tape = (
        ("2e-11", "no weight differs by more than 2e-12") if difference == "grows" else ("0", "every weight is")
    )
    assert f"no weight differs from its twin in PyTorch by more than {most}. By our own autograd, {tape}" in said
    assert [*upper.get_lines()[0].get_xdata()] == [*range(441, 501)]
    notes = [text.get_text() for text in lower.texts]
    assert {f"float64: at most {most}", f"float32: at most {format_rounded_up(max(runs['float32']['difference']))}"} < {
        *notes
    }
    assert "rounding unit 1e-16" in notes
    assert any("step 200" in note for note in notes) == (difference == "grows")


def test_where_rounding_decides_the_difference_is_three_times_as_large():
    difference = np.cumprod([1e-8, 4, 2, 10, 9, 1, 8, 5.0])
    disagreeing = np.array([0, 1, 1, 0, 1, 0, 2, 1])
    assert [*twins.find_tipping_steps(difference, disagreeing)] == [4, 6, 7]  # of 1, 4, 6 and 7 the steepest
    assert [*twins.find_tipping_steps(difference[:6], disagreeing[:6])] == [
        1,
        4,
    ]  # and not 2, where it is twice as large


def test_a_relu_is_counted_that_is_on_in_one_of_the_two_only():
    twin, z = torch.nn.Sequential(torch.nn.Identity()), np.array([[1.0, -1, 2, 0], [-3, 4, 0, -1]])
    network = SimpleNamespace(z1=z)
    disagreeing = twins.make_relu_disagreement_counter(network, twin, {"z1": "0"})
    for theirs, number in ((z, 0), (np.abs(z), 3), (-np.abs(z), 3), (-z, 6)):
        twin(torch.from_numpy(theirs))
        assert disagreeing() == number


LAB = sorted((ROOT / "lab").glob("*.py"))
PROGRAMS = [path.stem for path in LAB if "\ndef main(" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_lab_says_in_a_line_what_it_does_not_know(name, monkeypatch):
    monkeypatch.setattr("sys.argv", ["", "nonsense"])
    with pytest.raises(UserError, match=r"^[^\n]*nonsense[^\n]*$"):
        import_module(f"lab.{name}").main()


@pytest.mark.slow
def test_of_names_the_losses_are_those_that_the_programs_tell(quick_curves, tmp_path):
    argv = ["--model", "gpt", "--dataset", "names", "--width", "8", "--heads", "2", "--blocks", "1"]
    argv += ["--steps", "2", "--batch-size", "30", "--hold-out", "30000"]
    main_np.main([*argv, "--out", str(tmp_path)])
    told = json.loads((tmp_path / "history_gpt_names_np.json").read_text(encoding="utf-8"))["train_loss"]
    for step, loss in zip(twins.iter_lockstep(parse_options("torch", *argv)), told, strict=True):
        assert [step.by_hand.loss, step.on_tape.loss, step.by_torch.loss] == pytest.approx([loss] * 3, rel=1e-4)


@pytest.mark.parametrize("which", ["difference", "tape"])
def test_what_does_not_hold_is_not_saved(which, monkeypatch, kept):
    names = ("loss_np", "loss_tape", "loss_torch", "disagreeing", "tape", "difference")
    found = {name: np.full(9, 1e-15) for name in names}
    found[which] = np.array([1e-15] * 8 + [2e-3])
    monkeypatch.setattr(twins, "measure_losses_and_differences", lambda options: found)
    monkeypatch.setattr(twins.drawing, "save", lambda *_: pytest.fail("it was drawn"))
    said = "vit: in float64 a weight is up to 0.002 from its twin, and nothing is saved"
    with pytest.raises(UserError, match=re.escape(said)):
        twins.train_and_save_proof("vit")
    assert not kept
