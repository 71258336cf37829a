"""`python practice.py check FILE`: whoever writes an exercise is told what is wrong with its file."""

import ast
import copy
import re
import shutil
import sys
import textwrap
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import practice
from conftest import ROOT, rows, schedule
from exercises.catalogue import BY_NAME, EXERCISES
from marker import check, complaints
from marker.budget import Budget, compile_with_budget
from marker.catalogue import Catalogue
from marker.exercise import Exercise, Tool, apply_change, draw_distinct_pair, format_entries_with_8_digits
from marker.statement import parse_blocks, parse_shapes, parse_term_rows, split_stub_and_answer
from practice_answers import in_the_older_form, marked_here
from support.errors import UserError

WRITTEN = [exercise for exercise in EXERCISES if exercise.inputs]
NAMES = [exercise.name for exercise in WRITTEN]
# Every day a fourth of the exercises: the salt says which.
A_FOURTH = schedule(WRITTEN, every_day=4)

# An exercise: the mean of each row, without the largest. What follows are edits of its file, and what is then said.
FILE = '''"""The mean of each row, but for its last entry."""

import numpy as np


def mean_of_row(a):
    """Return a mean for each row, (N,)."""
    m = a[:, :-1].sum(axis=1) / (a.shape[1] - 1)
    return m


# ---- what follows is not handed out ----
from types import SimpleNamespace


def rows(rng):
    N, K = rng.choice([3, 4, 5, 6, 7], 2, replace=False).tolist()
    a = rng.normal(size=(N, K))
    return SimpleNamespace(N=N, K=K, a=a, m=a[:, :-1].mean(axis=1))


INPUTS = [rows]

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
    ("a = rng.normal(size=(N, K))", "a = nq.ones((N, K))", "line 18, `a = nq.ones((N, K))`: NameError"),
    ("rng.normal(size=(N, K))", "rng.normal(size=(N, 1)).repeat(K, 1)", "gives the right numbers (seed"),
    (
        "the last entry, too |",
        "the last entry, too | a.mean(axis=1)\n    Ask.\nthe same again |",
        "the mistake 'the same again' is called 'the last entry, too' (seed 0)\nmean_of_row.py: 1 to look at",
    ),
    (".sum(axis=1) /", ".sum(axis=-1) /", "nothing to look at"),
    ("def mean_of_row", "class mean_of_row", "there is no function above the line"),
    ("    a = rng", "    exit('no data')\n    a = rng", "line 18, `exit('no data')`: SystemExit: no data\n"),
    ("(a.shape[1] - 1)", "(a.shape[1] - 1)\n    a += 1", "your function has changed a, and the caller"),
    ("    Which entry is left out?\n", "", "the mistake 'the last entry, too' has no question"),
    ("| a.mean(axis=1)", "|", "has no change, which follows"),
    ("2. Two.\n", "", "HINTS has 2 hints that begin with a number"),
    ('"""The mean of each row, but for its last entry."""\n', "", "it has no title"),
    ("[rows]", "[]", "it has no INPUTS"),
    (
        "    N, K = rng.choice([3, 4, 5, 6, 7], 2, replace=False).tolist()",
        "    N = K = L = 11",
        "N, the length of axis 0",
    ),
    (
        "| a.mean(axis=1)\n",
        "| sum(0 * i for i in range(10**6)) + a.mean(axis=1)\n",
        "raises an error: it runs more than 20,000 lines (seed 0)",
    ),
    ("INPUTS = [rows]", "SHAPES = 3\nINPUTS = [rows]", "it says SHAPES, which the class Exercise"),
    ("INPUTS = [rows]", "TAKES = 3\nINPUTS = [rows]", "it says TAKES, which the class Exercise"),
    ("INPUTS = [rows]", "HAS_ALL_SHAPES = 3\nINPUTS = [rows]", "it says HAS_ALL_SHAPES, which the class Exercise"),
    ("INPUTS = [rows]", "FILL_STUB = 3\nINPUTS = [rows]", "it says FILL_STUB, which the class Exercise"),
    ("from types", "from marker.equal import KINK_PROBE_DISTANCE\nfrom types", "nothing to look at"),
    ("a[:, :-1].mean(axis=1))", "a[:, :-1].max(axis=1))", "(seed 0): m["),
    ("a[:, :-1].mean(axis=1))", "a[:, :-1].max(axis=1))", ", and the function that draws the inputs has "),
    (
        "    m = a[:, :-1].sum(axis=1) / (a.shape[1] - 1)",
        "    m = 'text'",
        "m should be an array of numbers; yours is of",
    ),
    ("    m = a[:, :-1].sum(axis=1) / (a.shape[1] - 1)", "    m = [1.0]", "yours is of type list"),
    ("    m = a[:, :-1].sum(axis=1) / (a.shape[1] - 1)", "    m = True", "yours is of type bool"),
    ("m=a[:, :-1].mean(axis=1)", "m='text'", "m should be a number or an array of numbers; the function that draws"),
    ("m=a[:, :-1].mean(axis=1)", "m=a[:, :-1].mean(axis=1) * np.nan", "has nan"),
    (  # the first mean is nan in both, so it is the second that is wrong
        "a=a, m=a[:, :-1].mean(axis=1)",
        "a=np.where(a == a[0], np.nan, a), m=np.r_[np.nan, 7, a[2:, :-1].mean(axis=1)]",
        "(seed 0): m[1] is ",
    ),
    ("m=a[:, :-1].mean(axis=1)", "m=a.argmax(axis=1)", "m should be whole numbers"),
    ("m=a[:, :-1].mean(axis=1)", "m=a[:, :-1].mean(axis=1) + 1e-8", "(seed 0): m["),
    (
        "    m = a[:, :-1].sum(axis=1) / (a.shape[1] - 1)",
        "    m = a.sort()",
        "m is None: `.sort()` changes its array in",
    ),
    ("    m = a[:, :-1].sum(axis=1) / (a.shape[1] - 1)", "    m = None", "(seed 0): m is None\n"),
    ("    m = a", "    if not len(a):\n        return 0.0\n    m = a", "line 9: `return 0.0` is a second `return`"),
    ("    m = a", "    k = a", "`mean_of_row` returns m, and no line before sets m"),
    ("    m = a[:, :-1].sum(axis=1) / (a.shape[1] - 1)\n", "", "has no answer between its docstring and `return`"),
    ("    m = a", "    def middle(row):\n        return row\n\n    m = a", "nothing to look at"),
    ("    a = rng", "    N = 11\n    a = rng", "N, the length of axis 0 of a, is 11 in every draw: a learner"),
    ("    a = rng", "    K = 11\n    a = rng", "K, the length of axis 1 of a, is 11 in every draw: a learner"),
    ("N=N, K=K", "N=np.int64(N), K=K", "N is a NumPy integer, and no size: write int(N)"),
    ("N=N, ", "", "the length of axis 0 of a is not returned by the function that draws the inputs"),
    ("K=K, ", "", "the length of axis 1 of a is not returned by the function that draws the inputs"),
    ("| a.mean(axis=1)", "| dy.mean(axis=1)", "'the last entry, too' raises NameError: name 'dy' is not defined"),
    (", m=a[:, :-1].mean(axis=1)", "", "nothing proves m: the function that draws the"),
    ("    m = a[:, :-1]", "    # k = ...\n    m = a[:, :-1]", "its dots set k, and it returns m"),
    ("    return m", "    return a.min()", "the last line of `mean_of_row` should return its results by name"),
    ("    m = a[:, :-1].sum", "    m = a[:, 0 : -1].sum", "nothing to look at"),
    (
        "    m = a[:, :-1].sum",
        "    k = len(a)\n    m = np.where(a.max() > 50, 0, 1) * a[:, :-1].sum",
        "line 2 of the answer, `a.max() > 50` -> `",
    ),
    ("# ---- what follows is not handed out ----", "", "the line '# ---- what follows is not handed out' is missing"),
    ("[rows]", "[3]", "INPUTS is no list of functions"),
    ("[rows]", "rows", "INPUTS is no list of functions"),
    ("| a.mean(axis=1)", "| max -> min", "the mistake 'the last entry, too': there is no 'max' in the formula"),
    (
        "    a = rng.normal(size=(N, K))",
        "    def size(k):\n        return k / 0\n    a = size(K)",
        "py, line 19, `return k / 0`: Zero",
    ),
    ("    m = a[:, :-1].sum", "    m = nq[:, :-1].sum", "drawn (seed 0): NameError: name 'nq' is not defined\nmean"),
    (
        "    m = a[:, :-1].sum",
        "    while True: m = 1\n    m = a.sum",
        "(seed 0): it runs more than 20,000 lines\nmean_",
    ),
    ("    m = a[:, :-1].sum", "    m = nq[:, :-1].sum", "mean_of_row.py: 1 to look at"),
    (  # the second mean is the furthest off
        "a=a, m=a[:, :-1].mean(axis=1)",
        "a=0 * a, m=np.r_[0.25, 7, np.zeros(N - 2)]",
        "(seed 0): m[1] is 0, and the function that draws the inputs has 7\n",
    ),
    ("axis=1))\n\n\nINPUTS", "axis=1).max())\n\n\nINPUTS", "m should have a single number; yours is (5,)."),
]


# An exercise with a loss: arrays are drawn in the shapes of the stub, and the right result is that of the answer.
WITH_LOSS = '''"""Backpropagation through a softplus: dz.

    z, da (B, H)   da is the derivative of the loss with respect to a = log(1 + exp(z))
"""

import numpy as np


def softplus(z, da):
    """Return dz (B, H)."""
    dz = da / (1 + np.exp(-z))
    return dz


# ---- what follows is not handed out ----
LOSS = {"z": lambda z, da: (np.log(1 + np.exp(z)) * da).sum()}

HINTS = """
1. One.
2. Two.
3. Three.
"""

MISTAKES = """
the mask of a ReLU | da * (z > 0)
    Is the slope 0 for z = -1?
    > dz = da.copy()
    > dz[z <= 0] = 0
"""
'''
OF_LOSSES = [
    ("z, da (B, H)", "z, da (B, H)", "nothing to look at"),
    ("da / (1 + np.exp(-z))", "da * np.exp(z)", ", and the slope of the loss there is "),
    ("da / (1 + np.exp(-z))", "da / (1.001 + np.exp(-z))", ", and the slope of the loss there is "),
    ("da / (1 + np.exp(-z))", "da / (1 + np.exp(-z)) + 0.5", ", and the slope of the loss there is "),
    ("da / (1 + np.exp(-z))", "da / (1 + np.exp(-z)) - 0.5", ", and the slope of the loss there is "),
    ("da / (1 + np.exp(-z))", "da.sum(axis=0)", "dz has the shape "),
    ("da / (1 + np.exp(-z))", "da / (1 + np.exp(-q))", "softplus.py: NameError: name 'q' is not defined"),
    ("dz = da", "while True: z.sum()\n    dz = da", "softplus.py: ValueError: the answer runs more than 20,000 lines"),
    ("np.log(1 + np.exp(z))", "np.maximum(z, 0)", "dz["),
    ("lambda z, da: (", "lambda z, da, q: (", "the loss of z: AttributeError: "),
    ("lambda z, da: (", "lambda z, da: np.nan * (", "nothing proves dz: its loss has a kink at each entry"),
    ('{"z": lambda', '{"y": lambda', "LOSS has 'y', and no result is called dy"),
    ('{"z": lambda', '{"y": lambda', "nothing proves dz: LOSS has no 'z', and the function that draws"),
    (
        "    return dz",
        "    return da / (1 + np.exp(-z))",
        "should return its results by name, each set in a line before",
    ),
    ("    dz = da / (1", "    dx = da / (1", "`softplus` returns dz, and no line before sets dz"),
    ("z, da (B, H)", "z, da (B, H + 1)", "it has no INPUTS, and its stub does not say the shape of each"),
    ("z, da (B, H)", "z, da (C, D, E, F, G, H, I, J)", "ValueError: its arguments have more than 7 sizes"),
    ("dz[z <= 0] = 0", "dz[da <= 0] = 0", "'the mask of a ReLU', as a learner writes it, is called"),
]

# The same, with a kink: of entries beside it, nothing is said.
RELU = (WITH_LOSS.replace("softplus", "relu").replace("da / (1 + np.exp(-z))", "da * (z > 0)")
        .replace("np.log(1 + np.exp(z))", "np.maximum(z, 0)").replace("da * (z > 0)\n    Is", "1 * da\n    Is")
        .replace("dz[z <= 0] = 0", "pass"))  # fmt: skip


def write(folder, old, new):
    assert old in FILE
    (path := folder / "mean_of_row.py").write_text(FILE.replace(old, new, 1))
    return path


# Every day all but those in whose files everything is tried, of which there is one.
IS_WRONG = [row for row in EDITS if row[2] != "nothing to look at"]


@pytest.mark.parametrize(("old", "new", "said"), schedule(EDITS, every_day=[EDITS[0], *IS_WRONG]))
def test_what_is_wrong_is_said_with_its_line(old, new, said, tmp_path, capsys):
    path = write(tmp_path, old, new)
    status = practice.main(["--exercises", str(tmp_path), "check", str(path)])
    out = capsys.readouterr().out
    assert said in out and bool(status) == ("nothing to look at" not in out), out


@pytest.mark.parametrize(("old", "new", "said"), OF_LOSSES)
def test_what_the_loss_says_of_the_author_is_said(old, new, said, tmp_path, capsys, monkeypatch):
    marked_here(monkeypatch)
    assert old in WITH_LOSS
    (path := tmp_path / "softplus.py").write_text(WITH_LOSS.replace(old, new, 1))
    status = practice.main(["--exercises", str(tmp_path), "check", str(path)])
    out = capsys.readouterr().out
    assert said in out and bool(status) == ("nothing to look at" not in out), out


def test_the_examples_of_contributing_are_exercises(tmp_path):
    """With hints, and with a function around the inputs that are drawn."""
    text = (ROOT / "docs" / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("**an exercise**")[2]
    whole, draw = (textwrap.dedent(block) for block in re.findall(r"^   ```\n(.*?)^   ```$", text, re.M | re.S)[:2])
    hints = WITH_LOSS[WITH_LOSS.index("HINTS") : WITH_LOSS.index("MISTAKES")]
    (tmp_path / "softplus.py").write_text(f"{whole}\n{hints}")
    top = (
        whole.partition("LOSS")[0]
        .replace("def softplus(z, da)", "def accuracy(p, y)")
        .replace("return dz", "return accuracy")
    )
    top = top.replace("dz = da / (1 + np.exp(-z))", "accuracy = (p.argmax(axis=1) == y).mean()")
    draw = f"{draw}\nINPUTS = [draw]\n"
    mistake = 'MISTAKES = """\nthe smallest read | argmax -> argmin\n    Which is read?\n"""\n'
    (tmp_path / "accuracy.py").write_text(f"{top}\n{draw}\n{hints}\n{mistake}")
    catalogue = Catalogue(tmp_path)
    assert [one.name for one in catalogue.exercises] == ["accuracy", "softplus"] and not catalogue.broken
    for exercise in catalogue.exercises:
        assert [*check.iter_problems(exercise)] == [], exercise.name


@pytest.mark.parametrize("name", ["answer", "in_numpy"])
def test_an_early_return_of_an_older_answer_is_said(name, tmp_path, capsys):
    head, _, tail = in_the_older_form(FILE).rpartition("def answer(a):\n")
    early = f"def {name}(a):\n    if not len(a):\n        return 0.0\n"
    (path := tmp_path / "mean_of_row.py").write_text(f"{head}{early}{tail}")
    assert practice.main(["--exercises", str(tmp_path), "check", str(path)]) == 1
    assert "`return 0.0` is a second `return`" in capsys.readouterr().out


def test_an_answer_that_sets_a_result_in_no_case_is_said(tmp_path, capsys, monkeypatch):
    marked_here(monkeypatch)
    (path := tmp_path / "softplus.py").write_text(WITH_LOSS.replace("    dz = da", "    if False:\n        dz = da"))
    assert practice.main(["--exercises", str(tmp_path), "check", str(path)]) == 1
    assert "the answer does not set dz, which `softplus` returns" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "method"),
    [
        ("order = p.sort()", "sort"),
        ("order = p[:, 0].sort()  # in place", "sort"),
        ("order = list(p).reverse()", "reverse"),
        ("order = np.sort(p)", ""),
        ("order = p.argsort()", ""),
        ("other = p.sort()", ""),
        ("order == p.sort()", ""),
    ],
)
def test_a_method_that_changes_in_place_is_found(line, method):
    assert complaints.find_in_place_method("order", f"p = 1 * p\n    {line}\nq = p") == method


def test_an_error_is_explained_alike_with_pytorch_and_without_it():
    error = IndexError("index 5000 is out of bounds for axis 0 with size 7")
    for variables in ({}, {"torch": "the module"}):
        assert "Is this the index that you want" in complaints.explain_exception(error, variables)


def test_check_takes_the_name_of_an_exercise(tmp_path, capsys, monkeypatch):
    marked_here(monkeypatch)
    (tmp_path / "softplus.py").write_text(WITH_LOSS)
    assert not practice.main(["--exercises", str(tmp_path), "check", "softplus"])
    assert capsys.readouterr().out.endswith("softplus.py: nothing to look at\n")
    with pytest.raises(UserError, match="softmin: there is no such file"):
        practice.main(["--exercises", str(tmp_path), "check", "softmin"])


def test_an_entry_beside_a_kink_is_left_out(tmp_path):
    """There the slope of a step is that of neither side; the rest is still compared."""
    draw = """
from types import SimpleNamespace

def draw(rng):
    B, H = rng.choice([3, 4, 5, 7], 2, replace=False).tolist()
    z, da = rng.normal(size=(2, B, H))
    z[0, :2] = 1e-9, -1e-9
    return SimpleNamespace(B=B, H=H, z=z, da=da)

INPUTS = [draw]
"""
    for old, new in (("", ""), ("da * (z > 0)", "da * (z > 0.1)"), ("da * (z > 0)", "da * 1.001 * (z > 0)")):
        (tmp_path / "relu.py").write_text(RELU.replace(old, new, 1) + draw)
        exercise = Catalogue(tmp_path).read_exercise("relu")
        wrong = [*check.iter_wrong_slopes(exercise, 0)]
        assert bool(wrong) == bool(old) and not any("[0, 0]" in text or "[0, 1]" in text for text in wrong), wrong


def test_a_size_that_never_changes_is_said_once_however_many_arguments_have_it(tmp_path):
    draw = """
from types import SimpleNamespace

def draw(rng):
    B, H = 11, int(rng.choice([3, 4, 5, 7]))
    z, da = rng.normal(size=(2, B, H))
    return SimpleNamespace(B=B, H=H, z=z, da=da)

INPUTS = [draw]
"""
    (tmp_path / "softplus.py").write_text(WITH_LOSS + draw)
    (problem,) = check.iter_size_problems(Catalogue(tmp_path).read_exercise("softplus"), 0)
    assert problem.startswith("B, the length of axis 0 of z, is 11 in every draw: ")


@pytest.mark.parametrize("exercise", A_FOURTH, ids=NAMES)
def test_each_result_is_proven_by_a_loss_or_in_a_second_way(exercise):
    assert [*check.iter_signature_mismatches(exercise)] == []
    assert [*check.iter_unproven_results(exercise, 0)] == []
    assert [*check.iter_wrong_slopes(exercise, 0)] == []


def without_its_mistakes(exercise, answer):
    """A copy of an exercise with another answer, and with nothing that depends on the answer."""
    other = copy.copy(exercise)
    vars(other).update(answer=answer, formula=answer, mistakes=[], written=[], harmless="", cached_trials=(None, []))
    return other


def first_array(exercise):
    """Code for the first of an exercise's arguments that has numbers."""
    given = exercise.copy_arguments_by_name(exercise.draw_trials(0)[0])
    arrays = {name: "" for name, value in given.items() if isinstance(value, np.ndarray)}
    tensors = {name: ".value" for name, value in given.items() if hasattr(value, "value")}
    return "".join(next(iter((arrays | tensors).items())))


# Of these, the last line is handed out.
WITH_PLAY = "tape_relu", "tape_max", "tape_matmul", "tape_order"


def problems_of(exercise, answer):
    """What `check` says of the author of another answer."""
    other = without_its_mistakes(exercise, answer)
    said = check.describe_draw_error(other, 0)
    problems = [said] if said else [*check.iter_wrong_results(other, 0)]
    assert not any("kink" in text for text in problems)
    return problems


@pytest.mark.parametrize("exercise", A_FOURTH, ids=NAMES)
def test_an_exponential_in_place_of_the_answer_is_reported(exercise):
    z = first_array(exercise) if exercise.name != "learning_rate" else "t"
    answer = "\n".join(f"{name} = np.exp({z})" for name in exercise.gives)
    if exercise.name in WITH_PLAY:
        answer = f"y = order = np.exp({z})\n{exercise.answer.splitlines()[-1]}"
    assert problems_of(exercise, answer)


@pytest.mark.slow
@pytest.mark.parametrize("exercise", WRITTEN, ids=NAMES)
def test_each_result_that_is_off_by_a_thousandth_is_reported(exercise):
    if exercise.name in WITH_PLAY:
        return
    for name in exercise.gives:
        problems = problems_of(exercise, f"{exercise.answer}\n{name} = {name} + np.abs({name}).max() / 1000")
        assert any(f"{name}[" in text or f"{name} " in text or "not right" in text for text in problems), name


def test_an_answer_with_other_arguments_or_another_return_is_said(tmp_path, capsys):
    """In the older form both are typed twice."""
    (path := tmp_path / "mean_of_row.py").write_text(in_the_older_form(FILE))
    assert not practice.main(["--exercises", str(tmp_path), "check", str(path)])
    for old, new, words in (
        ("def answer(a)", "def answer(b)", "`answer` takes b, and `mean_of_row` takes a"),
        (
            "    return m",
            "    return nonsense",
            "`answer` ends with `return nonsense`, and `mean_of_row` with `return m`",
        ),
    ):
        head, _, tail = in_the_older_form(FILE).rpartition(old)
        path.write_text(f"{head}{new}{tail}")
        assert practice.main(["--exercises", str(tmp_path), "check", str(path)])
        assert words in capsys.readouterr().out


@pytest.mark.parametrize("exercise", A_FOURTH, ids=NAMES)
def test_a_file_in_the_older_form_is_the_same_exercise(exercise, tmp_path):
    (path := tmp_path / exercise.file.name).write_text(in_the_older_form(exercise.file.read_text(encoding="utf-8")))
    older = Exercise(path, exercise.folder)
    for field in ("stub", "answer", "formula", "takes", "gives", "hints", "mistakes", "title", "size_names"):
        assert getattr(older, field) == getattr(exercise, field), field


@pytest.mark.slow
def test_inputs_that_are_never_drawn_are_said_with_their_line(program, tmp_path):
    """In a process of its own, in which the loop goes on until the end."""
    path = write(tmp_path, "    a = rng.normal", "    while True:\n        pass\n    a = rng.normal")
    ended = program("practice.py", "--exercises", tmp_path, "check", path)
    assert ended.returncode == 1 and re.search(r"line 1[89], `.*`: the inputs are not drawn within 1 s", ended.stdout)


def test_an_edit_with_a_reason_is_harmless(tmp_path):
    old = "    m = a[:, :-1].sum"
    path = write(tmp_path, old, "    m = (1 + (a.max() > 50)) * a[:, :-1].sum")
    found = [s for s in check.iter_survivors(Catalogue(tmp_path).read_exercise("mean_of_row")) if not s.reason]
    assert found
    rows = "\n".join(f"{s.before} -> {s.after} | no entry is that large" for s in found)
    path.write_text(path.read_text(encoding="utf-8") + f'\nHARMLESS = """\n{rows}\n"""\n')
    assert [*check.iter_problems(Catalogue(tmp_path).read_exercise("mean_of_row"))] == []


def test_this_projects_own_are_checked_by_their_path(capsys):
    assert not practice.main(["check", str(ROOT / "exercises" / "chapter1" / "da1.py")])
    said, last = capsys.readouterr().out.splitlines()
    start, _, names = said.partition(": ")
    assert last == "da1.py: nothing to look at" and start.startswith("The marker also finds these with an edit")
    assert set(names.split(", ")) <= {name for name, *_ in BY_NAME["da1"].mistakes}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", "nothing to look at"),
        ("161 / 36", "170 / 36", "the answer should get the mark 'passed', but gets 'another mean': Its mean is"),
        ("larger = ...", "larger = max(rng.integers(1, 7, 2))", "the stub should get the mark 'not written', but gets"),
        ("answer(rng)", "answer(rng, n)", "`answer` takes rng, n, and `two_dice` takes rng"),
    ],
)
def test_of_another_kind_the_stub_and_the_answer_are_marked(old, new, said, tmp_path, capsys, monkeypatch):
    """And what is not tried is said."""
    marked_here(monkeypatch)
    shutil.copytree(ROOT / "tests" / "statistics", folder := tmp_path / "statistics")
    text = (path := folder / "two_dice.py").read_text(encoding="utf-8")
    path.write_text(text.replace(old, new, 1))
    status = practice.main(["--exercises", str(folder), "check", str(path)])
    out = capsys.readouterr().out
    assert said in out and "Not tried: wrong answers" in out and bool(status) == bool(old), out


@pytest.mark.parametrize("exercise", schedule(WRITTEN, in_turn=8), ids=NAMES)
def test_no_single_edit_of_an_answer_passes_in_all_draws(exercise):
    assert [*check.iter_problems(exercise)] == []


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
    answer = apply_change(exercise.answer, edit.replace("\\n", "\n").removeprefix("return "), exercise.gives[0])
    code = check.compile_tree(check.parse_counting_lines(exercise.fill_stub(answer)))
    assert not any(check.is_always_right(exercise, code, [[*exercise.iter_uncached_trials(seed)]]) for seed in range(5))


def test_a_statement_says_of_each_part_what_it_is():
    text = """
Find dz, of `z`.

    z (B, H)    what went in
    da (B, H)   the derivative with respect to a
    H           units

    dz = da * (z > 0)

    a unit is on
    or off

    a | b

    1  2  3  4  5
    6  7  8  9  0
"""
    blocks = parse_blocks(text, ["z", "da"])
    assert [block.kind for block in blocks] == ["prose", "terms", "formulas", "sentences", "drawing", "table"]
    assert blocks[0].content == "Find dz, of `z`."
    (two_in_a_line,) = parse_blocks("    z   in   da   out\n    H   units   w   others", ["z", "da"])
    assert two_in_a_line.content == [["z", "in"], ["da", "out"], ["H", "units, w, others"]]
    assert blocks[1].content[0] == ["z (B, H)", "what went in"] and blocks[1].describes == ("z", "da")
    assert blocks[3].content == ["a unit is on", "or off"] and blocks[5].content[1] == ["6", "7", "8", "9", "0"]
    assert not any(block.describes for block in blocks if block.kind != "terms")


def test_a_folder_with_no_order_of_its_own_has_one_part_and_its_seed_is_used(tmp_path, capsys):
    (tmp_path / "mean_of_row.py").write_text(FILE.replace("a[:, :-1].mean(axis=1))", "a[:, :-1].max(axis=1))"))
    assert Catalogue(tmp_path).order == ((tmp_path.name, "", ""),)
    for seed in (5, 6):
        assert practice.main(
            ["--exercises", str(tmp_path), "--seed", str(seed), "check", str(tmp_path / "mean_of_row.py")]
        )
        output = capsys.readouterr().out
        assert f"(seed {seed}): m[" in output and output.count("the answer is not right") == 1


def read_exercise(folder, text, name="softplus"):
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return Catalogue(folder).read_exercise(name)


def test_check_without_a_file_or_with_one_of_another_folder_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"^check needs the file of an exercise"):
        practice.main(["--exercises", str(tmp_path), "check"])
    with pytest.raises(UserError, match=r"none.py: there is no such file$"):
        practice.main(["check", str(tmp_path / "none.py")])
    (path := tmp_path / "mean_of_row.py").write_text(FILE)
    with pytest.raises(UserError, match=f"mean_of_row.py: it is not in {ROOT / 'exercises'}: name its folder"):
        practice.main(["check", str(path)])


def test_what_check_does_not_try_with_pytorch_is_said(tmp_path, capsys, monkeypatch):
    """The edits of an answer that needs it, and so no mistake is said to be found by an edit."""
    marked_here(monkeypatch)
    monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))
    monkeypatch.setattr(check, "iter_survivors", lambda *_: pytest.fail("edits were tried"))
    top, mistake, rest = WITH_LOSS.partition("the mask of a ReLU")
    one_edit = "added instead | da * -> da +\n    Is it a sum?\n"
    text = (top + one_edit + mistake + rest).replace("import numpy as np", "import numpy as np\nimport torch", 1)
    (path := tmp_path / "softplus.py").write_text(text.replace("da / (1 + np.exp(-z))", "da * (1 / (1 + np.exp(-z)))"))
    assert not practice.main(["--exercises", str(tmp_path), "check", str(path)])
    assert capsys.readouterr().out == f"{check.EDITS_NOT_TRIED_MESSAGE}\nsoftplus.py: nothing to look at\n"


def test_the_line_of_inputs_that_are_not_drawn_in_time_is_said(tmp_path):
    """Here the loop ends once that is said."""
    loop = "    while not ended: rng.normal()\n    a = rng"
    text = FILE.replace("    a = rng", loop).replace("\n\ndef rows", "\nended = []\n\n\ndef rows")
    exercise = read_exercise(tmp_path, text, "mean_of_row")
    try:
        said = check.describe_draw_error(exercise, 0, seconds=0.02)
    finally:
        exercise.inputs[0].__globals__["ended"].append("now")
    line = "mean_of_row.py, line 20, `while not ended: rng.normal()`"
    assert said == f"{line}: the inputs are not drawn within 0.02 s. Does a loop never end?"


def test_an_error_in_a_file_that_others_import_is_said_with_its_line(tmp_path):
    shutil.copytree(ROOT / "tests" / "statistics", folder := tmp_path / "statistics")
    inputs = (folder / "_inputs.py").read_text(encoding="utf-8")
    (folder / "_inputs.py").write_text(inputs.replace("    return n + 6, p", "    return n / 0, p"))
    said = check.describe_draw_error(Catalogue(folder).read_exercise("correlation"), 0)
    line = 1 + inputs.splitlines().index("    return n + 6, p  # more samples than columns")
    error = f"_inputs.py, line {line}, `return n / 0, p  # more samples than columns`: ZeroDivisionError: "
    assert said.startswith(error)
    # So it is if the exercise is in a subfolder, or is read without its folder.
    (folder / "sub").mkdir()
    shutil.move(folder / "correlation.py", folder / "sub" / "correlation.py")
    (folder / "order.py").write_text('ORDER = (("One", "sub", "correlation"),)\n')
    assert check.describe_draw_error(Catalogue(folder).read_exercise("correlation"), 0).startswith(error)
    (tmp_path / "_shape.py").write_text("\n\ndef shape(n):\n    return n / 0\n")
    text = FILE.replace("from types", "from _shape import shape\nfrom types").replace("    a = rng", "    a = shape(N)")
    said = check.describe_draw_error(read_exercise(tmp_path, text, "mean_of_row"), 0)
    assert said == "_shape.py, line 4, `return n / 0`: ZeroDivisionError: division by zero"
    path = write(tmp_path, "    a = rng", "    a = 1 / 0\n    a = rng")
    assert check.describe_draw_error(Exercise(path), 0).startswith("mean_of_row.py, line 18, `a = 1 / 0`: Zero")


# How arrays are drawn for the stub `z, da (B, H)`, or another shape, and what is said of their sizes.
SIZES_THAT_ARE_DRAWN = [
    ("z, da (B, H)", "B, H = two", "(B, H)", "B=B, H=H", ""),
    ("z, da (B, 10)", "B, H = two[0], 10", "(B, H)", "B=B", ""),  # a number in the stub is no size
    ("z, da (B, H)", "B, H = two[0], 10", "(B, H)", "B=B", "H, the length of axis 1 of z, is 10 in every draw: a"),
    (
        "z, da (B, H)",
        "B, H = two",
        "(B, H)",
        "B=B",
        "H, the length of axis 1 of z, is not returned by the function that",
    ),
    ("z, da (B, H)", "B, H = two", "(B, H)", "B=B, H=H + 1", "H, the length of axis 1 of z, is not returned"),
    ("z, da (B, H)", "B, H = two", "(B, H)", "B=B, K=7", "H, the length of axis 1 of z, is not returned"),
    ("z, da", "B, H = two", "(B, H, 6)", "B=B", ""),
    ("z, da (B, Y, X)", "B = two[0]", "(B, 5, 6)", "B=B", ""),  # the height and the width of an image
    ("z, da (B, Y, X)", "B, Y = two", "(B, Y, 6)", "B=B", ""),
    ("z, da (B, Y, X)", "B = two[0]", "(B, 5, 6)", "", "B, the length of axis 0 of z, is not returned"),
    ("z, da", "B = two[0]", "(B, 6)", "B=B", ""),  # nothing says that these are sizes
    ("z, da", "B, H = two", "(B, H)", "B=B", "the length of axis 1 of z is not returned by the function that draws"),
    ("z, da", "B = 6", "(B, 6)", "", "the length of axis 0 of z is 6 in every draw: a learner who writes 6 passes"),
    ("z, da", "B, H = two[0], 6", "(B, H)", "B=B, H=H", "H, the length of axis 1 of z, is 6 in every draw: a"),
]


@pytest.mark.parametrize(("shapes", "sizes", "shape", "kept", "said"), SIZES_THAT_ARE_DRAWN)
def test_what_is_said_of_the_sizes_of_arrays(shapes, sizes, shape, kept, said, tmp_path):
    draw = f"""
from types import SimpleNamespace

def draw(rng):
    two = rng.choice([3, 4, 7, 8], 2, replace=False).tolist()
    {sizes}
    z, da = rng.normal(size=(2, *{shape}))
    return SimpleNamespace(z=z, da=da, {kept})

INPUTS = [draw]
"""
    exercise = read_exercise(tmp_path, WITH_LOSS.replace("z, da (B, H)", shapes) + draw)
    problems = [*check.iter_size_problems(exercise, 0)]
    assert "".join(problems).startswith(said), problems
    # A size that has a name is said once, and an axis without a name for each argument.
    assert len(problems) == bool(said) + ("axis 1 of z is not" in said and shapes == "z, da"), problems


def test_a_size_that_differs_in_the_draws_of_one_function_is_no_constant(tmp_path):
    draw = DRAWN + "\ndef draw_narrow(rng):\n    z, da = rng.normal(size=(2, int(rng.integers(3, 9)), 4))\n"
    draw += "    return SimpleNamespace(B=len(z), H=4, z=z, da=da)\n\nINPUTS = [draw, draw_narrow]\n"
    assert [*check.iter_size_problems(read_exercise(tmp_path, WITH_LOSS + draw), 0)] == []


def test_a_height_and_a_width_are_not_checked_in_a_table_either(tmp_path):
    draw = """
from types import SimpleNamespace

def draw(rng):
    B = int(rng.integers(3, 9))
    return SimpleNamespace(B=B, z=rng.normal(size=(B, 5, 6)), da=rng.normal(size=(5, 6)))

INPUTS = [draw]
"""
    text = WITH_LOSS.replace("z, da (B, H) ", "z (B, Y, X)   images\n    da (Y, X) ")
    exercise = read_exercise(tmp_path, text + draw)
    assert exercise.shapes == {"z": ("B", "Y", "X"), "da": ("Y", "X")}
    assert [*check.iter_size_problems(exercise, 0)] == []


def test_each_size_that_is_wrong_is_said_and_a_result_is_no_size(tmp_path):
    """The result is a NumPy integer, as it should be."""
    draw = """
from types import SimpleNamespace

def draw(rng):
    B, H = 11, rng.choice([3, 4, 5, 7])
    z, da = rng.normal(size=(2, B, H))
    return SimpleNamespace(B=B, H=H, z=z, da=da, dz=np.int64(7))

INPUTS = [draw]
"""
    problems = [*check.iter_size_problems(read_exercise(tmp_path, WITH_LOSS + draw), 0)]
    assert [text.partition(" is ")[0] for text in problems] == ["H", "B, the length of axis 0 of z,"], problems


def test_a_result_is_compared_at_the_entry_that_is_furthest_off():
    """Of a single number, there is no entry."""
    exercise = SimpleNamespace(answer="m = 1")

    def explain(result, right):
        return check.explain_wrong_result(exercise, SimpleNamespace(m=right), "m", result)

    right = np.array([[0, -1, 4], [3, 1, 2.0]])
    wrong = np.array([[0, -2, 4.5], [4, -2, 2]])
    assert explain(wrong, right) == "m[1, 1] is -2, and the function that draws the inputs has 1"
    assert explain(0.5, 0.25) == "m is 0.5, and the function that draws the inputs has 0.25"
    assert explain(np.array([np.inf, 1.0]), np.array([np.inf, 2.0])).startswith("m[1] is 1, and")
    assert explain(np.array([1, np.nan]), np.array([1, 2.0])).startswith("m[1] is nan, and")
    assert explain(np.array([1e300, np.inf]), np.array([0, 1.0])).startswith("m[1] is inf, and")
    assert explain("text", 0.25) == "m should be a number; yours is of type str"
    assert explain([0.25], 0.25) == "m should be an array of numbers; yours is of type list"
    # The marker itself says what is wrong with a shape or a type.
    assert explain(right, right) == explain(right[0], right) == explain(right > 0, right) == ""


def test_each_result_without_a_proof_is_said_once_with_each_loss_without_a_result():
    def first(rng):
        return SimpleNamespace(m=1, z=np.ones(2), constants=("y",))

    def second(rng):
        return SimpleNamespace(z=np.ones(2), constants=("y",))

    exercise = SimpleNamespace(
        loss={"z": None, "y": None, "w": None}, gives=("dz", "dy", "m", "k"), inputs=[first, second], further=[]
    )
    assert [*check.iter_unproven_results(exercise, 0)] == [
        "LOSS has 'w', and no result is called dw",
        "nothing proves dy: LOSS has no 'y', and the function that draws the inputs does not compute dy",
        "nothing proves m: the function that draws the inputs does not compute m",
        "nothing proves k: the function that draws the inputs does not compute k",
    ]
    exercise.inputs, exercise.further = [first], [second]
    assert sum("nothing proves m" in text for text in check.iter_unproven_results(exercise, 0)) == 1


def of_cubes(z, dz, **more):
    """A draw whose loss is the sum of the cubes of z."""
    return SimpleNamespace(z=z, dz=dz, losses={"z": lambda z: (z**3).sum()}, **more)


def test_a_slope_is_compared_in_some_entries_of_a_gradient_and_the_rest_is_counted():
    rng = np.random.default_rng
    z = np.arange(30.0).reshape(5, 6) + 1
    before = z.copy()
    assert check.find_slope_error_and_count(of_cubes(z, 3 * z**2), "dz", rng(0)) == ("", check.MAX_ENTRIES)
    assert check.find_slope_error_and_count(of_cubes(z[0], 3 * z[0] ** 2), "dz", rng(0)) == ("", 6)
    falling = SimpleNamespace(z=z, dz=-3 * z**2, losses={"z": lambda z: -(z**3).sum()})
    assert check.find_slope_error_and_count(falling, "dz", rng(0)) == ("", check.MAX_ENTRIES)
    assert (z == before).all()
    wrong = 3 * z**2
    wrong[4, 5] += 10
    text, count = check.find_slope_error_and_count(of_cubes(z, wrong), "dz", rng(0), max_entries=30)
    assert text == "dz[4, 5] is 2710, and the slope of the loss there is 2700" and count == 30
    texts = {check.find_slope_error_and_count(of_cubes(z, wrong), "dz", rng(i), max_entries=10)[0] for i in range(20)}
    assert texts == {"", text}  # the entries are drawn
    wrong = 3 * z**2 * np.where(np.arange(6) == 2, 1.001, 1)
    text, _ = check.find_slope_error_and_count(of_cubes(z, wrong), "dz", rng(0), max_entries=30)
    assert re.fullmatch(r"dz\[\d, 2\] is .*", text)
    transposed = check.find_slope_error_and_count(of_cubes(z, z.T), "dz", rng(0))
    assert transposed == ("dz has the shape (6, 5), and z has (5, 6)", 0)


def test_entries_beside_a_kink_are_not_counted():
    z = np.array([1.0, -1.0, 1e-9, -1e-9, 2.0])
    draw = SimpleNamespace(z=z, dz=3.0 * (z > 0), losses={"z": lambda z: 3 * np.maximum(z, 0).sum()})
    assert check.find_slope_error_and_count(draw, "dz", np.random.default_rng(0)) == ("", 3)


def test_of_a_gradient_that_is_wrong_the_first_entry_is_said_and_nothing_else(tmp_path):
    exercise = read_exercise(tmp_path, WITH_LOSS.replace("da / (1 + np.exp(-z))", "2 * da / (1 + np.exp(-z))"))
    (text,) = check.iter_wrong_slopes(exercise, 4)
    assert re.fullmatch(r"dz\[\d+, \d+\] is \S+, and the slope of the loss there is \S+ \(seed 4\)", text)
    (text,) = check.iter_wrong_slopes(read_exercise(tmp_path, WITH_LOSS.replace("z, da: (", "z, q: (")), 4)
    assert text.startswith("the loss of z: AttributeError: ") and text.endswith(" (seed 4)")


def test_results_that_are_right_count_as_those_of_the_tool(tmp_path):
    """What a tool computed is not known where only the numbers are."""
    exercise = read_exercise(tmp_path, FILE, "mean_of_row")
    exercise.tool = Tool("another way", "Not computed by the tool.", None, None)
    assert check.judge_values(exercise, 0, lambda draw: {}).passed
    assert not check.judge_values(exercise, 0, lambda draw: {"m": draw.m + 1}).passed
    code = check.compile_tree(check.parse_counting_lines(exercise.fill_stub(exercise.answer)))
    assert check.explain_wrong_answer(exercise, code, 0) == "one call gives other results than another"


def test_a_mistake_that_goes_with_another_need_not_be_wrong_alone(tmp_path):
    text = FILE.replace("the last entry, too | a.mean(axis=1)", "and once | m * 1")
    exercise = read_exercise(tmp_path, text, "mean_of_row")
    assert [*check.iter_misnamed_mistakes(exercise, 0)] == []
    (problem,) = check.iter_misnamed_mistakes(
        read_exercise(tmp_path, text.replace("and once", "once"), "mean_of_row"), 7
    )
    assert problem == "the mistake 'once' gives the right numbers (seed 7)"
    of_seed_7 = f"| m * (1 + (a[0, 0] == {exercise.draw_trials(7)[0].a[0, 0]}))"
    text = text.replace("and once", "once").replace("| m * 1", of_seed_7)
    (problem,) = check.iter_misnamed_mistakes(read_exercise(tmp_path, text, "mean_of_row"), 7)
    assert problem == "the mistake 'once' gives the right numbers (seed 8)"


def test_a_mistake_that_an_edit_locates_is_listed(tmp_path):
    """One that is no single edit is not."""
    mistakes = "a sum | .mean(axis=1) -> .sum(axis=1)\n    Ask.\nanother | a[:, :-1].mean -> np.exp(3 * a.T[::2]).sum"
    text = FILE.replace("a[:, :-1].sum(axis=1) / (a.shape[1] - 1)", "a[:, :-1].mean(axis=1)")
    text = text.replace("the last entry, too | a.mean(axis=1)", mistakes)
    exercise = read_exercise(tmp_path, text, "mean_of_row")
    assert [*check.iter_mistakes_found_by_edits(exercise, 0)] == ["a sum"]


def test_a_mistake_that_one_edit_repairs_in_one_result_alone_is_not_listed():
    exercise = without_its_mistakes(BY_NAME["dW2_db2"], BY_NAME["dW2_db2"].answer)
    exercise.mistakes = [
        ("in one", "a1.T @ dlogits -> a1.T @ dlogits * 2", "Ask."),
        ("in both", "dlogits -> -dlogits", "Ask."),
    ]
    vars(exercise).pop("known_mistakes", None)
    assert [*check.iter_mistakes_found_by_edits(exercise, 0)] == ["in one"]


def test_code_is_shortened_to_one_line():
    assert check.shorten_code(ast.parse("a = 1\nb = 2").body) == "a = 1; b = 2"
    assert check.shorten_code([]) == "" and len(check.shorten_code(ast.parse("a" * 200))) == 100
    loop = check.parse_counting_lines("f = lambda x: x + 1").body[0].value
    assert check.shorten_code(loop) == "f = lambda x: x + 1"[4:]


COUNTING = """
def softplus(z, da):
    for i in range(z):
        pass
    return i
"""


def test_each_call_may_run_so_many_lines(tmp_path):
    exercise = read_exercise(tmp_path, WITH_LOSS)
    code = check.compile_tree(check.parse_counting_lines(COUNTING))
    with check.limited_function(exercise, code) as function:
        for _ in range(3):
            assert function(9_000, 0) == 8_999
        with pytest.raises(check.Stopped):
            function(21_000, 0)


def test_results_are_equal_if_each_of_them_is():
    a, b = np.array([1.0, 2.0]), np.array([3.0])
    assert check.is_equal_to_rounding([a, b], [a + 1e-12, b])
    for other in ([a, b + 1], [a + 1, b], [a], [a, b, b], None, [a, "text"], [a, np.array([None])]):
        assert not check.is_equal_to_rounding(other, [a, b]), other


def test_arbitrary_inputs_are_like_those_that_are_drawn(tmp_path):
    """What is drawn stays as it is."""
    exercise = SimpleNamespace(takes=("a", "count"), gives=("m",))
    values = {
        "a": np.array([-1.0, 2.0]), "positive": np.array([1.0, 0.5]), "whole": np.array([3, 6]), "share": 0.5,
        "number": 3.0, "count": 5, "size": 5, "m": np.array([7.0]), "is_on": True, "none": np.zeros(0, int),
    }  # fmt: skip
    drawn = SimpleNamespace(**copy.deepcopy(values))
    rng = np.random.default_rng(0)
    others = [vars(check.draw_arbitrary(drawn, exercise, rng)) for _ in range(300)]
    assert all(np.array_equal(value, getattr(drawn, name)) for name, value in values.items())
    seen = {name: np.stack([np.asarray(other[name]) for other in others]) for name in values}
    assert all(array.dtype == np.asarray(values[name]).dtype for name, array in seen.items())
    for name in ("size", "m", "is_on", "none"):
        assert (seen[name] == values[name]).all(), name
    assert (seen["a"] < 0).any() and (seen["a"] == 0).any() and np.abs(seen["a"]).max() > 1000
    assert (np.abs(seen["a"][seen["a"] != 0]) < 0.05).mean() > 0.06  # in a sixth of the draws all are small
    assert (seen["positive"] > 0).all() and seen["positive"].max() > 1000
    assert set(seen["whole"].ravel().tolist()) == {3, 4, 5, 6}
    assert 0 < seen["share"].min() < 0.2 and 0.8 < seen["share"].max() < 1
    assert seen["number"].min() < 0 < seen["number"].max() < 12
    assert set(seen["count"].tolist()) == set(range(12))
    assert np.mean(seen["count"] == 5) > 0.2  # often it stays, as other arguments have its size


def test_a_seed_fixes_the_arbitrary_inputs():
    """Not the order in which Python happens to keep their names: they are drawn in alphabetical order."""
    values = {name: np.array([-1.0, 2.0]) for name in "gcafbed"}
    inputs = check.draw_arbitrary(SimpleNamespace(**values), SimpleNamespace(gives=()), np.random.default_rng(0))
    rng = np.random.default_rng(0)
    for name in sorted(values):
        expected = rng.normal(0, rng.choice(check.STANDARD_DEVIATIONS), 2) * (rng.random(2) > 0.1)
        assert np.array_equal(getattr(inputs, name), expected), name


def test_an_edit_is_harmless_if_it_changes_nothing_whatever_is_given(tmp_path):
    exercise = read_exercise(tmp_path, WITH_LOSS)
    draws = [list(exercise.iter_uncached_trials(seed)) for seed in range(2)]

    def code_of(body):
        return check.compile_tree(check.parse_counting_lines(exercise.fill_stub(body)))

    inputs = check.ArbitraryInputs(exercise, check.parse_counting_lines(exercise.fill_stub(exercise.answer)), draws)
    assert (
        inputs.find_equality_reason(code_of("dz = da * (1 / (1 + np.exp(-z)))")) == "it is the same whatever is given"
    )
    for body in ("dz = da / (1 + np.exp(-z)) + (z > 99)", "dz = da / (1 + np.exp(z))", "dz = nq", "dz = da, z"):
        assert inputs.find_equality_reason(code_of(body)) == "", body
    # An answer that fails for these inputs says nothing of an edit.
    failing = "dz = da / (1 + np.exp(-z)) if len(z) > 99 else nq"
    inputs = check.ArbitraryInputs(exercise, check.parse_counting_lines(exercise.fill_stub(failing)), draws)
    assert inputs.find_equality_reason(code_of(failing)) == ""


def test_an_edit_that_nobody_makes_by_accident_is_not_tried(tmp_path):
    """A function that is left out is another mistake. The number of a line is the one in the answer."""
    body = "k = len(a)\n    m = np.where(a.max() > 50, 0, 1) * np.array(a).mean(axis=1)"
    text = FILE.replace("m = a[:, :-1].sum(axis=1) / (a.shape[1] - 1)", body)
    text = text.replace("m=a[:, :-1].mean(axis=1)", "m=a.mean(axis=1)")
    exercise = read_exercise(tmp_path, text, "mean_of_row")
    survivors = [*check.iter_survivors(exercise, 0, n_draws=1)]
    assert {(survivor.line, survivor.draws) for survivor in survivors} == {(2, 1)}
    reasons = {(survivor.before, survivor.after): survivor.reason for survivor in survivors}
    assert len(reasons) == len(survivors)
    assert reasons["a.max() > 50", "a.max() == 50"] == "" == reasons["0", "2"] == reasons["50", "2"]
    in_three_draws = [(survivor.before, survivor.after) for survivor in check.iter_survivors(exercise, 0, n_draws=3)]
    assert ("50", "49") in in_three_draws and ("50", "2") not in in_three_draws
    assert reasons["np.array(a).mean(axis=1)", "np.array(a).mean(axis=-1)"] == "it is the same whatever is given"
    assert all("array" in after for before, after in reasons if "array" in before)


def test_survivors_are_counted_by_their_reason():
    survivors = [check.Survivor(1, "a", "b", reason, 50) for reason in ("so", "", "so")]
    assert check.count_reasons(survivors) == {"so": 2, "none": 1}


def test_the_statement_and_the_title_of_a_stub_are_read(tmp_path):
    text = WITH_LOSS.replace('to a = log(1 + exp(z))\n"', 'to a\n\nFind it.\n"')
    exercise = read_exercise(tmp_path, text)
    assert exercise.title == "Backpropagation through a softplus: dz" and not exercise.is_program
    assert [block.kind for block in exercise.statement_blocks] == ["terms", "prose"]
    assert exercise.statement_blocks[0].describes == exercise.takes == ("z", "da")
    assert exercise.hints == ("One.", "Two.", "Three.") and exercise.gives == ("dz",)
    assert exercise.import_hints == {"np": "The line `import numpy as np` is missing below the text at the top."}
    run = text.replace("\n\n# ---- what", '\n\nif __name__ == "__main__":\n    print(softplus(0, 1))\n\n\n# ---- what')
    assert read_exercise(tmp_path, run).is_program


def test_a_text_of_several_lines_is_one_paragraph_but_for_drawings(tmp_path):
    text = 'WHY = """\nOne line\nand another.\n\n    a   b\n      c\n"""\n'
    exercise = read_exercise(tmp_path, WITH_LOSS.replace("1. One.", "1. One\n   and more.") + text)
    assert exercise.why == "One line and another. \n    a   b\n      c"
    assert exercise.hints[0] == "One and more."


def test_lines_that_are_not_written_yet_stay():
    stub = BY_NAME["dW2_db2"].fill_stub("dW2 = 1\ndb2 == 3")
    assert stub.endswith("\n    dW2 = 1\n    db2 == 3\n    db2 = ...\n    return dW2, db2\n")


MORE_MISTAKES = '''
MISTAKES = """
doubled | m = m * 2
one more | m = m + 1
    [This is right for weights.] Is a bias
    a weight?
right by chance | m * 1
twice | 2 * m
    Once or twice?
    > m = 2 * a
the first entry left out | :-1 -> 1:
        & a.shape -> 3 & 3[1] -> 3 + 1
    > k = a[:, 1:]
    >     m = 3
    And which?
"""
'''


def test_mistakes_are_read_with_their_changes_questions_and_lines(tmp_path):
    exercise = read_exercise(tmp_path, FILE + MORE_MISTAKES, "mean_of_row")
    question = "[This is right for weights.] Is a bias a weight?"
    assert exercise.mistakes == [
        ("doubled", "m = m * 2", question),
        ("one more", "m = m + 1", question),
        ("right by chance", "m * 1", "Once or twice?"),
        ("twice", "2 * m", "Once or twice?"),
        ("the first entry left out", ":-1 -> 1: & a.shape -> 3 & 3[1] -> 3 + 1", "And which?"),
    ]
    assert exercise.written == [("twice", "m = 2 * a"), ("the first entry left out", "k = a[:, 1:]\n    m = 3")]
    first = exercise.known_mistakes[0]
    assert first.question == "This is right for weights. Is a bias a weight?" and first.beside == "Is a bias a weight?"
    assert exercise.change_formula(exercise.mistakes[-1][1]) == "m = a[:, 1:].sum(axis=1) / (3 + 1 - 1)"
    assert [*check.iter_misnamed_mistakes(exercise, 3)] == [
        "the mistake 'right by chance' gives the right numbers (seed 3)",
        "the mistake 'twice' is called 'doubled' (seed 3)",
    ]
    (pair,) = (p for p in exercise.mistake_pairs if (p.first.name, p.second.name) == ("doubled", "one more"))
    assert pair.code == f"{exercise.answer}\nm = m * 2\nm = m + 1"


def test_mistakes_with_the_same_numbers_are_one_and_right_numbers_none(tmp_path):
    """Then come wrong factors. Without sizes of the folder, none of them has a size."""
    first, second = read_exercise(tmp_path, FILE, "mean_of_row").draw_trials(0)
    in_one_trial = "".join(f"for {g.N} rows | m * (1 + (len(a) == {g.N}))\n    Ask.\n" for g in (first, second))
    text = FILE + MORE_MISTAKES.replace("doubled |", f"{in_one_trial}doubled |")
    exercise = read_exercise(tmp_path, text, "mean_of_row")
    names = [mistake.name for mistake in exercise.distinct_mistakes]
    assert names[:2] == [f"for {first.N} rows", f"for {second.N} rows"] and len(names) == len(set(names))
    assert names[2:5] == ["doubled", "one more", "the first entry left out"]
    factors = [name for name, *_ in exercise.factor_mistake_rows]
    assert factors == ["the sign", "a factor 2", "a factor 1/2"]
    assert names[5:] == ["the sign", "a factor 1/2"]
    assert not any("None" in text for row in exercise.factor_mistake_rows for text in row)


def test_entries_are_written_with_eight_digits():
    assert format_entries_with_8_digits([[1, 2 / 3], [np.inf, 0]]) == "1.0000000e+00 6.6666667e-01 inf 0.0000000e+00"


def test_a_change_replaces_text_or_is_appended():
    formula = "z = x + 1\ny = z * z"
    assert apply_change(formula, "z * z -> z", "y") == "z = x + 1\ny = z"
    assert apply_change(formula, "z -> w & 1 ->", "y") == "w = x + \ny = w * w"
    assert apply_change(formula, "a, z = 1, 2", "y") == f"{formula}\na, z = 1, 2"
    assert apply_change(formula, "z == x", "y") == f"{formula}\ny = z == x"
    with pytest.raises(ValueError, match="there is no 'w' in the formula"):
        apply_change(formula, "z -> x & w -> v", "y")


DRAWN = """
from types import SimpleNamespace

def draw(rng):
    B, H = rng.choice([3, 4, 5, 7], 2, replace=False).tolist()
    z, da = rng.normal(size=(2, B, H))
    return SimpleNamespace(B=B, H=H, six=6, z=z, da=da)

def draw_with_its_result(rng):
    draw_of_constants = draw(rng)
    vars(draw_of_constants).update(dz="given", constants=("z",))
    return draw_of_constants

INPUTS = [draw, draw]
FURTHER = [draw_with_its_result]
ARGUMENTS = lambda draw: {"more": 1, "da": draw.da.copy(), "z": draw.z.copy()}
"""


def test_each_function_makes_two_trials_of_different_sizes(tmp_path):
    """Those in FURTHER come last, and a result that is drawn stays as it is."""
    exercise = read_exercise(tmp_path, WITH_LOSS + DRAWN)
    for seed in range(3):
        trials = exercise.draw_trials(seed)
        assert [isinstance(trial.dz, str) for trial in trials] == [False, False, False, False, True, True]
        for first, second in (trials[:2], trials[2:4], trials[4:]):
            assert first.B != second.B and first.H != second.H and first.six == second.six == 6
    for draw in trials[:4]:
        assert np.allclose(draw.dz, draw.da / (1 + np.exp(-draw.z))) and [*draw.losses] == ["z"]
        assert draw.losses["z"](0 * draw.z) == pytest.approx(np.log(2) * draw.da.sum())
        assert [*exercise.copy_arguments_by_name(draw)] == ["z", "da"]
    assert [draw.losses for draw in trials[4:]] == [{}, {}]
    assert trials[0].z.shape != trials[2].z.shape or (trials[0].z != trials[2].z).any()


def test_the_trials_of_a_seed_are_kept_until_another_is_drawn(tmp_path):
    exercise = read_exercise(tmp_path, WITH_LOSS)
    trials, of_next_seed = exercise.draw_trials(3), exercise.draw_trials_of_next_seed(3)
    assert exercise.draw_trials(3) is trials and exercise.draw_trials_of_next_seed(3) is of_next_seed
    assert [draw.z.tolist() for draw in of_next_seed] == [draw.z.tolist() for draw in exercise.draw_trials(4)]
    again = exercise.draw_trials(3)
    assert again is not trials and [draw.z.tolist() for draw in again] == [draw.z.tolist() for draw in trials]
    for draw in trials:
        arguments = exercise.copy_arguments_by_name(draw)
        assert all(value is not getattr(draw, name) for name, value in arguments.items())


def test_arguments_are_drawn_in_the_shapes_of_the_stub(tmp_path):
    """A number is a length, and no two sizes are the same."""
    exercise = read_exercise(tmp_path, WITH_LOSS.replace("z, da (B, H)", "z, da (B, H, 10)"))
    seen = set()
    for seed in range(5):
        for draw in exercise.draw_trials(seed):
            assert draw.z.shape == draw.da.shape == (draw.B, draw.H, 10) and draw.B != draw.H
            assert type(draw.B) is type(draw.H) is int
            seen |= {draw.B, draw.H}
            assert [*check.iter_size_problems(exercise, seed)] == []

    assert seen == {3, 4, 5, 7}


def test_inputs_whose_sizes_are_never_all_different_are_said():
    sizes = [(1, 1, 2), (1, 2, 1), (2, 1, 1)]

    def draw_three(rng):
        return SimpleNamespace(**dict(zip("BCH", sizes[rng.integers(len(sizes))], strict=True)), six=6)

    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"^100 draws of draw_three have a size in common$"):
        draw_distinct_pair(draw_three, rng, draw_three(rng))
    sizes.append((3, 3, 3))
    first = SimpleNamespace(B=1, C=1, H=2, six=6)
    assert draw_distinct_pair(draw_three, rng, first) == (first, SimpleNamespace(B=3, C=3, H=3, six=6))


def test_a_mistake_that_fails_or_never_ends_gets_nothing_wrong(tmp_path):
    exercise = read_exercise(tmp_path, FILE, "mean_of_row")
    draw = exercise.draw_trials(0)[0]
    wrong = exercise.wrong_results_with_mistake(exercise.known_mistakes[0], draw)
    assert [*wrong] == ["m"] and np.allclose(wrong["m"], draw.a.mean(axis=1))
    assert exercise.wrong_results_with_mistake(exercise.known_mistakes[0], draw) is wrong
    for code in ("m = nq", "while True: m = 1", exercise.answer):
        assert exercise.wrong_results_of_code(compile_with_budget(code), draw, Budget(100)) == {}


def split(body, head='def f(x, y):\n    """Return z."""\n'):
    """Return (the stub's lines, the answer) of a complete function with this body."""
    stub, answer = split_stub_and_answer(f"import numpy as np\n\n\n{head}{body}")
    assert stub.startswith(f"import numpy as np\n\n\n{head}")
    return stub.split('"""\n', 1)[1], answer


def test_a_stub_has_dots_for_each_result_in_place_of_the_answer():
    assert split("    z = x\n    return z\n") == ("    z = ...\n    return z\n", "z = x")
    assert split("    w = 2\n\n    z = x  # so\n    return z, w") == (
        "    z = ...\n    w = ...\n    return z, w\n",
        "w = 2\n\nz = x  # so",
    )
    # What comes after the function stays.
    assert split("    z = x\n    return z\n\n\nprint(1)\n")[0] == "    z = ...\n    return z\n\n\nprint(1)\n"


def test_a_stub_has_the_lines_that_a_comment_or_handed_out_says():
    dots = "    # w = ...\n    # z = ...  # this takes several lines\n"
    dots += "    w = 2\n    # a remark\n    z = x\n    return z, w\n"
    assert split(dots) == (
        "    w = ...\n    z = ...  # this takes several lines\n    return z, w\n",
        "w = 2\n# a remark\nz = x",
    )
    handed_out = "    # w = ...\n    w = 2\n    # handed out:\n    z = x\n    z = -z\n    return z, w\n"
    assert split(handed_out) == ("    w = ...\n    z = x\n    z = -z\n    return z, w\n", "w = 2\nz = x\nz = -z")


# What makes no stub, and what is said of it.
NO_STUBS = [
    ("    w = x\n    z = ...\n    return z\n", "above the line there are dots: put the answer in their place"),
    ("    # w = ...\n    w = z = x\n    return z, w\n", "its dots set w, and it returns z, w"),
    ("    w = x\n    return z, k\n", "`f` returns z, k, and no line before sets z"),
    (
        "    if x:\n        z = x\n        return z\n    return z\n",
        "line 8: `return z` is a second `return`: `f` should",
    ),
    ("    for z in x:\n        if z:\n            return 1\n    return z\n", "line 8: `return 1` is a second `return`"),
    ("    z = x\n    return z, f\n", "`f` returns f, and no line before sets f"),
    ("    z = lambda q: q\n    return z, q\n", "`f` returns q, and no line before sets q"),
    ("    z = x\n    return z, 1\n", "the last line of `f` should return its results by name, each set in a line"),
    ("    z = x\n", "the last line of `f` should return its results by name, each set in a line"),
    ("    return x\n", "`f` has no answer between its docstring and `return`"),
]


@pytest.mark.parametrize(("body", "said"), NO_STUBS)
def test_what_makes_no_stub_is_said(body, said):
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        split(body)


def test_a_stub_needs_a_function_with_a_docstring_and_names_that_are_set_anywhere_in_it():
    with pytest.raises(ValueError, match="there is no function above the line"):
        split("", "x = 1\n")
    with pytest.raises(ValueError, match="`f` has no docstring, which says what it returns"):
        split("    z = x\n    return z\n", "def f(x):\n")
    inner = "    def z(a):\n        return a\n\n    for w in x:\n        k = (v := w)\n    return z, w, k, v, y, x\n"
    stub, answer = split(inner)
    assert stub.startswith("    z = ...\n    w = ...\n    k = ...\n    v = ...\n") and answer.endswith("k = (v := w)")


# Lines of a statement that describe the arguments x, y and w, and their names and descriptions.
TERMS = [
    ("    x (B, H)   a row", [["x (B, H)", "a row"]]),
    ("    x    (B, H)   a row", [["x (B, H)", "a row"]]),
    ("    x, y (B, H)", [["x, y (B, H)", ""]]),
    ("    y   first\n    x   one line\n         and another", [["y", "first"], ["x", "one line and another"]]),
    ("    x   a row   from 0", [["x", "a row, from 0"]]),
    ("    x for lack of room", [["x", "for lack of room"]]),
    ("    x for lack   of room", [["x", "for lack, of room"]]),
    ("    x for lack   room", [["x", "for lack, room"]]),
    ("    x   left   y (B)   right", [["x", "left"], ["y (B)", "right"]]),
    ("    x   left   k   right", [["x", "left, k, right"]]),
    ("    x   left   y   and   right", [["x", "left, y, and, right"]]),
    ("    f(x, y)   its result", [["f(x, y)", "its result"]]),
    ("    x   a row\n    z = 2 x   a column", []),
    ("    x   , a row", []),
    ("     x   a row", []),
    ("    k for lack of room", []),
]


@pytest.mark.parametrize(("block", "terms"), TERMS)
def test_what_a_line_of_a_statement_describes(block, terms):
    assert parse_term_rows(block, ("x", "y", "w")) == terms


def test_the_shapes_of_arguments_are_those_that_a_docstring_says_first():
    text = """A title (B, C).

    x, y (B, H)   two, with
                  w (9, 9) beside
    w (10,)       a column
    k (B)         no argument

    w (H, H), v ()   said once more

    z = x @ u + 1
    v (B, 3)

x (Q)
"""
    assert parse_shapes(text, ("x", "y", "w", "v", "u")) == {
        "x": ("B", "H"), "y": ("B", "H"), "w": ("10",), "v": ("B", "3"),
    }  # fmt: skip


OF_A_KIND = f'''"""A kind of one's own."""


def whatever(x):
    ...


# ---- what follows is not handed out ----
from marker.equal import KINK_PROBE_DISTANCE, RELATIVE_TOLERANCE as OF_ROUNDING
from marker.kind import Kind


class Own(Kind):
    says = {{"DEPTH": 3, "WIDTH": 2}}


KIND = Own()
DEPTH = 7

{FILE[FILE.index("HINTS") : FILE.index("MISTAKES")]}'''


def test_a_kind_and_a_folder_may_have_settings_of_their_own(tmp_path):
    """What a file imports is no setting, though it is in capitals."""
    (tmp_path / "order.py").write_text('SAYS = {"WIDTH": 5, "HEIGHT": 6}\nCOUNTS = {"B": "boxes", "K": "keys"}\n')
    exercise = read_exercise(tmp_path, OF_A_KIND + '\nCOUNTS = {"K": "kings"}\n', "whatever")
    assert (exercise.depth, exercise.width, exercise.height) == (7, 2, 6) and type(exercise.kind).__name__ == "Own"
    assert exercise.units_by_size == {"B": "boxes", "K": "kings"} and not hasattr(exercise, "beside")
    assert exercise.stub == OF_A_KIND[: OF_A_KIND.index("\n\n\n# ----")] + "\n" and not exercise.is_program
    assert read_exercise(tmp_path, OF_A_KIND + "\n\ndef answer(x): ...\n", "whatever").answer == exercise.answer == ""
    exercise.kind.module = "exercises.own"
    vars(exercise).pop("is_program")
    assert exercise.is_program
    other_name = OF_A_KIND.replace("KIND = Own()", "OWN = Own()")
    assert type(read_exercise(tmp_path, other_name, "whatever").kind).__name__ == "Own"
    with pytest.raises(AttributeError, match=r"^'Exercise' object has no attribute 'nothing'$"):
        _ = exercise.nothing
    with pytest.raises(ValueError, match=r"^there is no function above the line$"):
        read_exercise(tmp_path, OF_A_KIND.replace("def whatever(x)", "class Whatever"), "whatever")


@pytest.mark.parametrize(
    ("right_file", "said"), [("", ["`answer` takes y, and `whatever` takes x"]), ("make_right_file = str", [])]
)
def test_an_answer_has_the_arguments_of_the_stub_unless_it_is_a_whole_file(right_file, said, tmp_path):
    own = f"iter_problems = lambda *_: []\n    {right_file}\n    says ="
    answer = "\n\ndef answer(y):\n    if y:\n        return 1\n    ...\n"
    exercise = read_exercise(tmp_path, OF_A_KIND.replace("says =", own) + answer, "whatever")
    assert [*check.iter_problems(exercise)] == said


@pytest.mark.parametrize("method", ["check", "check_needed_files"])
def test_what_a_kind_misses_is_said(method, tmp_path):
    own = f"def {method}(self, exercise): raise ValueError(f'{{exercise.name}}.svg is missing')\n    says ="
    (tmp_path / "whatever.py").write_text(OF_A_KIND.replace("says =", own))
    catalogue = Catalogue(tmp_path)
    assert catalogue.exercises == ()
    assert catalogue.broken == [f"{tmp_path.name}/whatever.py is left out: whatever.svg is missing"]


def test_the_answer_may_have_a_second_form_that_the_mistakes_change(tmp_path):
    second = "\n\ndef in_numpy(a):\n    m = a[:, :-1].mean(axis=1)\n    return m\n"
    exercise = read_exercise(tmp_path, FILE + second, "mean_of_row")
    assert (exercise.answer, exercise.formula) == (
        "m = a[:, :-1].sum(axis=1) / (a.shape[1] - 1)", "m = a[:, :-1].mean(axis=1)",
    )  # fmt: skip
    assert exercise.change_formula("mean -> max") == "m = a[:, :-1].max(axis=1)"
    assert [*check.iter_signature_mismatches(exercise)] == []
    exercise = read_exercise(tmp_path, FILE + second.replace("return m", "return -m"), "mean_of_row")
    (text,) = check.iter_signature_mismatches(exercise)
    assert text == "`in_numpy` ends with `return -m`, and `mean_of_row` with `return m`"
    # Its arguments may be others.
    exercise = read_exercise(tmp_path, FILE + second.replace("(a)", "(a, b)"), "mean_of_row")
    assert [*check.iter_signature_mismatches(exercise)] == []
