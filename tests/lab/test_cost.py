"""What docs/autograd.md says of the tape's cost. (The code in the page itself is run by tests/test_docs.py.)"""

import numpy as np

import data
from lab import cost, timing


def test_both_ways_compute_the_same():
    """Otherwise their times would not be comparable."""
    for what, both in cost.make_variants_by_name().items():
        (y, grads), (y_tape, grads_tape) = (list(make()) for make in both)
        if isinstance(grads, dict):
            grads, grads_tape = grads.values(), grads_tape.values()
        assert np.allclose(y, getattr(y_tape, "value", y_tape), atol=1e-4), what
        for gradient, other in zip(grads, grads_tape, strict=True):
            assert np.allclose(gradient, other, atol=1e-3), what


def test_the_cost_is_measured_and_tabled(monkeypatch):
    """Here, and not in a process for each."""
    both = cost.make_variants_by_name()["softmax"]
    monkeypatch.setattr(cost, "make_variants_by_name", lambda: {"softmax": both})
    monkeypatch.setattr(
        timing, "measure_step_seconds_in_subprocess", lambda *what: timing.measure_step_seconds(2, 0, *what)
    )
    monkeypatch.setattr(data, "load", dict)
    found = cost.measure_cost(rounds=1)
    assert cost.make_table(found).count("\n") == 2
    assert all(numbers["ms"] > 0 and numbers["MB"] > 0.5 for numbers in found["softmax"].values())  # (128, 4, 16, 16)
