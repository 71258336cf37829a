"""The programs of lab/ that compare the twins. (That they are one run is shown in tests/test_networks.py.)"""

import numpy as np
import pytest

from lab import bench, cost, depth, figures, results, twins
from support.errors import UserError


@pytest.mark.parametrize("difference", ["grows", "none"])
def test_the_picture_of_the_proof(difference):
    steps = np.arange(1, 501)
    loss = 2 * np.exp(-steps / 100) + 0.01
    runs = {}
    for dtype, unit in (("float64", 1e-16), ("float32", 1e-8)):
        grown = unit * np.where(steps < 200, 1, 1e5) if difference == "grows" else 0.0 * steps
        runs[dtype] = {"loss_np": loss, "loss_tape": loss, "loss_torch": loss, "tape": grown / 10}
        runs[dtype] |= {"difference": grown, "disagreeing": (steps == 200) * 1}
    figure = twins.picture(runs)
    notes = [text.get_text() for text in figure.axes[1].texts]
    assert any("rounding unit of float64: 1e-16" in note for note in notes)
    assert any("step 200" in note for note in notes) == (difference == "grows")
    tape = "0 at every step in float32 and float64" if difference == "none" else "1e-12 in float64 (dotted)"
    assert f"on the tape and by hand: {tape}" in notes


@pytest.mark.parametrize("program", [bench, cost, depth, figures, results, twins])
def test_the_lab_says_in_a_line_what_it_does_not_know(program, monkeypatch):
    monkeypatch.setattr("sys.argv", ["", "nonsense"])
    with pytest.raises(UserError, match=r"^[^\n]*nonsense[^\n]*$"):
        program.main()
