"""`python practice.py check FILE`: whoever writes an exercise is told what is wrong with its file."""

import re
import shutil

import pytest

import practice
from conftest import ROOT, in_turn, rows
from exercises.catalogue import BY_NAME, EXERCISES
from marker import check
from marker.catalogue import Catalogue
from marker.exercise import change
from practice_answers import marked_here

WRITTEN = [exercise for exercise in EXERCISES if exercise.inputs]

# An exercise: the mean of each row, without the largest. What follows are edits of its file, and what is then said.
FILE = '''"""The mean of each row, but for its last entry."""

import numpy as np


def mean_of_row(a):
    """Return a mean for each row, (N,)."""
    m = ...
    return m


# ---- what follows is not handed out ----
from types import SimpleNamespace


def rows(rng):
    N, K = rng.choice([3, 4, 5, 6, 7], 2, replace=False).tolist()
    a = rng.normal(size=(N, K))
    return SimpleNamespace(N=N, K=K, a=a, m=a[:, :-1].mean(axis=1))


INPUTS = [rows]


def answer(a):
    m = a[:, :-1].sum(axis=1) / (a.shape[1] - 1)
    return m


HINTS = """
1. One.
2. Two.
3. Three.
"""

MISTAKES = """
the last entry, too | a.mean(axis=1)
    Which entry is left out?
"""
'''
EDITS = [
    ("a=a, m=", "a=a, degree=2, m=", "nothing to look at"),  # a constant is no size
    ("    N, K = rng", "    N, K = 3\n    N, K = rng", "mean_of_row.py, line 17, `N, K = 3`: TypeError"),
    ("a = rng.normal(size=(N, K))", "a = np.ones((N, K))", "line 18, `a = np.ones((N, K))`: NameError"),
    ("rng.normal(size=(N, K))", "rng.normal(size=(N, 1)).repeat(K, 1)", "gives the right numbers (seed"),
    (
        "the last entry, too |",
        "the last entry, too | a.mean(axis=1)\n    Ask.\nthe same again |",
        "is called 'the last",
    ),
    (".sum(axis=1) /", ".sum(axis=-1) /", "nothing to look at"),
    ("def mean_of_row", "class mean_of_row", "its stub has no title, or no function"),
    ("[rows]", "[]", "it has no INPUTS"),
    ("a[:, :-1].mean(axis=1))", "a[:, :-1].max(axis=1))", "the answer is not right"),
    ("    m = a[:, :-1].sum", "    m = a[:, 0 : -1].sum", "nothing to look at"),
    ("    m = a[:, :-1].sum", "    m = np.where(a.max() > 50, 0, 1) * a[:, :-1].sum", "`a.max() > 50` -> `"),
]


def write(folder, old, new):
    assert old in FILE
    (path := folder / "mean_of_row.py").write_text(FILE.replace(old, new, 1))
    return path


@pytest.mark.parametrize(("old", "new", "said"), EDITS)
def test_what_is_wrong_is_said_with_its_line(old, new, said, tmp_path, capsys):
    path = write(tmp_path, old, new)
    status = practice.main(["--exercises", str(tmp_path), "check", str(path)])
    out = capsys.readouterr().out
    assert said in out and bool(status) == ("nothing" not in out), out


@pytest.mark.slow
def test_inputs_that_are_never_drawn_are_said_with_their_line(program, tmp_path):
    """In a process of its own, in which the loop goes on until the end."""
    path = write(tmp_path, "    a = rng.normal", "    while True:\n        pass\n    a = rng.normal")
    ended = program("practice.py", "--exercises", tmp_path, "check", path)
    assert ended.returncode == 1 and re.search(r"line 1[89], `.*`: the inputs are not drawn within 1 s", ended.stdout)


def test_an_edit_with_a_reason_is_harmless(tmp_path):
    old = "    m = a[:, :-1].sum"
    path = write(tmp_path, old, "    m = (1 + (a.max() > 50)) * a[:, :-1].sum")
    found = [s for s in check.survivors(Catalogue(tmp_path).exercise("mean_of_row")) if not s.reason]
    assert found
    rows = "\n".join(f"{s.before} -> {s.after} | no entry is that large" for s in found)
    path.write_text(path.read_text() + f'\nHARMLESS = """\n{rows}\n"""\n')
    assert [*check.problems(Catalogue(tmp_path).exercise("mean_of_row"))] == []


def test_this_projects_own_are_checked_by_their_path(capsys):
    assert not practice.main(["check", str(ROOT / "exercises" / "chapter1" / "da1.py")])
    said, last = capsys.readouterr().out.splitlines()
    assert last == "da1.py: nothing to look at" and said.startswith("An edit finds the place of these, too")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", "nothing to look at"),
        ("161 / 36", "170 / 36", "the answer should get the mark 'passed', and gets 'another mean': Its mean is"),
        ("larger = ...", "larger = max(rng.integers(1, 7, 2))", "the stub should get the mark 'not written', and gets"),
    ],
)
def test_of_another_kind_the_stub_and_the_answer_are_marked(old, new, said, tmp_path, capsys, monkeypatch):
    """And what is not tried is said."""
    marked_here(monkeypatch)
    shutil.copytree(ROOT / "tests" / "statistics", folder := tmp_path / "statistics")
    text = (path := folder / "two_dice.py").read_text()
    path.write_text(text.replace(old, new, 1))
    status = practice.main(["--exercises", str(folder), "check", str(path)])
    out = capsys.readouterr().out
    assert said in out and "Not tried: wrong answers" in out and bool(status) == bool(old), out


@pytest.mark.parametrize("exercise", in_turn(4, WRITTEN), ids=[exercise.name for exercise in WRITTEN])
def test_no_single_edit_of_an_answer_passes_in_all_draws(exercise):
    assert [*check.problems(exercise)] == []


# What people have written that passed: the inputs said nothing of it.
ONCE_PASSED = """
adamw | (old_p.ndim > 1) -> (old_p.ndim == 2)
adamw | mean, square = m / (1 - beta1**t), s / (1 - beta2**t) -> mean, square = m / (1 - beta1**t), \
s / (1 - beta2**t)\\nif t == 1: mean, square = m, s
learning_rate | return rate = 0.0 if t == 0 else rate
learning_rate | t < warm -> t < warm - 1
learning_rate | return rate = least if t >= steps - 1 else rate
learning_rate | return rate = least if t > 0.9 * steps else rate
dropout | dx = dy * mask -> dx = dy * (y / x)
kept_keys | scores.max(axis=1, keepdims=True) -> scores[:, :-1].max(axis=1, keepdims=True)
"""


@pytest.mark.parametrize(("name", "edit"), [*rows(ONCE_PASSED)])
def test_what_passed_once_passes_in_no_draw(name, edit):
    exercise = BY_NAME[name]
    answer = change(exercise.answer, edit.replace("\\n", "\n").removeprefix("return "), exercise.gives[0])
    code = check.compiled(check.counting(exercise.filled(answer)))
    assert not any(check.right_in_all(exercise, code, [[*exercise.drawing(seed)]]) for seed in range(5))
