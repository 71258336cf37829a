"""docs/teaching.md: the pencil exercise's numbers, and what it says of commands and tables."""

import re

import numpy as np
import pytest

from conftest import ROOT
from exercises.work import BY_NAME, CHAPTERS
from mlp_np import MLP, softmax_cross_entropy

TEXT = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")


def test_the_pencil_exercise_is_right():
    names = {}
    for block in re.findall(r"```py\n(.*?)```", TEXT, re.S):
        exec(block, names)
    d = {name: np.array(value, float) for name, value in names.items() if not name.startswith("__")}
    model, y = MLP(2, dtype=np.float64), d["y"].astype(int)
    model.params = {name: d[name].copy() for name in ("W1", "b1", "W2", "b2")}
    logits = model.forward(d["x"])
    loss, dlogits = softmax_cross_entropy(logits, y)
    grads = model.backward(dlogits)
    right = {"z1": model.z1, "a1": model.a1, "logits": logits, "p": dlogits + np.eye(2)[y], "loss": loss}
    right |= {"dlogits": dlogits, "da1": model.da1, "dz1": model.dz1} | {f"d{name}": dp for name, dp in grads.items()}
    for name, p in model.params.items():
        p -= 0.1 * grads[name]
    new_logits = model.forward(d["x"])
    new_loss, new_dlogits = softmax_cross_entropy(new_logits, y)
    right |= {"new_logits": new_logits, "new_p": new_dlogits + np.eye(2)[y], "new_loss": new_loss}
    assert set(right) | {"x", "y", "W1", "b1", "W2", "b2"} == set(d)
    for name, value in right.items():
        assert d[name].shape == np.shape(value), name
        assert d[name] == pytest.approx(value, abs=5e-4), name


def test_it_is_short_and_knows_the_marks():
    assert len(TEXT.replace("|", " ").split()) <= 1200
    names, _, _, ben = (line.split("|")[2:-2] for line in TEXT[TEXT.index("| name |") :].splitlines()[:4])
    for column, mark in zip(names, ben, strict=True):
        assert mark.strip() in {"", "not written", *(mistake.name for mistake in BY_NAME[column.strip()].known)}


def test_the_week_names_exercises_that_exist_and_numbers_none():
    (week,) = (part for part in TEXT.split("\n\n") if "| day |" in part)
    assert set(re.findall(r"`(\w+)`", week)) <= {*BY_NAME, "train"}
    assert not re.search(r"(exercises?|cases?) \d", TEXT)
    assert len(next(iter(CHAPTERS.values()))) == 10 and "Ten exercises" in TEXT
