"""`python practice.py check FILE`: whoever writes an exercise is told what is wrong with its file."""

import copy
import re
import shutil
import textwrap

import numpy as np
import pytest

import practice
from conftest import ROOT, rows, schedule
from exercises.catalogue import BY_NAME, EXERCISES
from marker import check, complaints
from marker.catalogue import Catalogue
from marker.exercise import Exercise, apply_change
from marker.statement import parse_blocks
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
        "is called 'the last",
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
    ("from types", "from marker.equal import BESIDE\nfrom types", "nothing to look at"),
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
    ("    m = a[:, :-1].sum", "    m = np.where(a.max() > 50, 0, 1) * a[:, :-1].sum", "`a.max() > 50` -> `"),
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
    assert last == "da1.py: nothing to look at" and said.startswith("The marker also finds these with an edit")


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
