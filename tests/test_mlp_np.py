"""What is special to the MLP: its first weights, its loss; and the comparison with central differences."""

import contextlib

import numpy as np
import pytest

from conftest import ROOT, schedule
from mlp_np import INITS, MLP, compute_gradient_difference, softmax_cross_entropy


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_loss_of_extreme_logits_is_exact(dtype):
    """Sure and right; sure and wrong; undecided between two digits; and undecided far below all others' logits."""
    sure, torn, low = [1e4, -1e4] + [0] * 8, [1e4, 1e4] + [-1e4] * 8, [-1e4] * 10
    logits, y = np.array([sure, sure, torn, low], dtype), np.array([0, 1, 0, 3])
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        losses = [float(softmax_cross_entropy(logits[[n]], y[[n]])[0]) for n in range(4)]
        loss, dlogits = softmax_cross_entropy(logits, y)
    assert losses == pytest.approx([0, 2e4, np.log(2), np.log(10)])
    assert loss == pytest.approx(np.mean(losses))
    p = np.array([[1, 0] + [0] * 8, [1, 0] + [0] * 8, [0.5, 0.5] + [0] * 8, [0.1] * 10])
    assert dlogits.dtype == dtype and dlogits == pytest.approx((p - np.eye(10)[y]) / 4, abs=1e-7)


@pytest.mark.parametrize("init", INITS)
def test_inits_have_the_published_spread(init):
    params, uniform = MLP(512, init, seed=5).params, 1 / np.sqrt(3)  # of numbers between -1 and 1
    spread = {"he": np.sqrt(2 / 784), "pytorch": uniform / np.sqrt(784), "geohot": uniform / np.sqrt(784 * 512)}[init]
    assert params["W1"].std() == pytest.approx(spread, rel=0.01) and abs(params["W1"].mean()) < spread / 100
    assert params["b1"].std() == pytest.approx(spread if init == "pytorch" else 0, rel=0.1)
    assert params["b2"].any() == (init == "pytorch")


def test_a_gradient_of_another_shape_is_noticed():
    """A (1, H) would broadcast against an (H,), and compare well."""
    b1 = np.ones(7)
    with pytest.raises(SystemExit, match=r"db1 has the shape \(1, 7\); it should be \(7,\)"):
        compute_gradient_difference("db1", b1[np.newaxis], b1, b1.sum)


def test_a_gradient_that_is_no_number_is_noticed():
    """Every comparison with NaN is false."""
    with pytest.raises(SystemExit, match=r"db1 is wrong: it differs .* by nan"):
        compute_gradient_difference("db1", np.full(7, np.nan), b1 := np.ones(7), b1.sum)


# --- What `python mlp_np.py` says of a class that a reader has changed ------------------------------------------------

A1, DZ1 = "np.maximum(self.z1, 0)  #", "self.da1 * (self.z1 > 0)"
LEAKY = {A1: "np.where(self.z1 > 0, 1, 0.1) * self.z1  #"}, {DZ1: "self.da1 * np.where(self.z1 > 0, 1, 0.1)"}
HE = "rng.normal(0, np.sqrt(2 / fan_in), (fan_in, fan_out))"
EDITS = {  # {what is there: what stands there then}, and what is said
    "nothing": ({}, "db1      = dz1.sum"),
    "leaky both ways": (LEAKY[0] | LEAKY[1], "db1      = dz1.sum"),
    "leaky forward alone": (LEAKY[0], "dz1 is wrong: it differs from"),
    "leaky backward alone": (LEAKY[1], "dz1 is wrong: it differs from"),
    "centred in place": (
        {"(self.z1, 0)  # (B, H)\n": "(self.z1, 0)\n        self.a1 -= self.a1.mean(axis=0)\n",
         DZ1: "(self.da1 - self.da1.mean(axis=0)) * (self.z1 > 0)"}, "db1      = dz1.sum",
    ),
    "db1 is zero": ({"db1 = self.dz1": "db1 = 0 * self.dz1"}, "db1 is wrong: it differs from"),
    "b1 forgotten": ({'"b1": db1, ': ""}, "b1 is in params, but not in the result of backward"),
    "one too many": ({'"b2": db2}': '"b2": db2, "b3": db2}'}, "b3 is in the result of backward, but not in params"),
    "equal columns": ({HE: f"np.repeat({HE.replace('fan_out)', '1)')}, fan_out, axis=1)"},
                      "da1 is 0 by hand and by differences: are all units equal?"),
    "a loss twice its size": (
        {"shifted[rows, y]).mean()": "shifted[rows, y]).mean() * 2", "/= len(y)": "/= len(y) / 2"},
        "the loss is wrong: it is",
    ),
    "a new array": (
        {'("b2", b2)]}': '("b2", b2), ("s", np.ones(1))]}', "W1, b1, W2, b2 = self": "W1, b1, W2, b2, s = self",
         "return self.a1 @ W2 + b2": "self.u = self.a1 @ W2 + b2\n        return s * self.u",
         'W2 = self.params["W2"]\n': 'W2 = self.params["W2"]\n        ds = (self.u * dlogits).sum().reshape(1)\n'
         '        dlogits = dlogits * self.params["s"]\n', '"b2": db2}': '"b2": db2, "s": ds}'}, "ds       = ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("edit", schedule(EDITS, every_day=3))
def test_the_check_judges_a_changed_class_by_itself(edit, capsys):
    changes, said = EDITS[edit]
    code = (ROOT / "mlp_np.py").read_text(encoding="utf-8")
    for old, new in changes.items():
        assert code.count(old) == 1, old
        code = code.replace(old, new)
    exec(compile(code, "mlp_np.py", "exec"), changed := {"__name__": "changed"})
    ends = SystemExit if " is wrong" in said or " not in " in said else None
    with pytest.raises(ends) if ends else contextlib.nullcontext() as ended:
        changed["check"]()
    told = capsys.readouterr().out + (str(ended.value) if ends else "")
    assert said in told, told
