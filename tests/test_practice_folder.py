"""Exercises of anybody's: a subject that only the tests know goes through all commands, as this project's own do."""

import shutil
import sys
from types import SimpleNamespace

import pytest

import practice
from conftest import ROOT, rows, schedule
from desk.classroom import is_stub
from desk.work import Work
from exercises.catalogue import CATALOGUE
from marker import check, marking, runner
from marker.catalogue import Catalogue, can_run, importing
from marker.exercise import Exercise
from marker.kind import Kind
from marker.runner import HOW_TO_MARK_PREFIX
from marker.verdict import PLACES
from practice_answers import in_the_older_form, marked_here
from practice_answers import write as write_ours
from support.errors import UserError

STATISTICS = ROOT / "tests" / "statistics"
SUBJECT = Catalogue(STATISTICS)
RIGHT = {exercise.name: exercise.answer for exercise in SUBJECT.exercises}

# What somebody writes, its mark, and what is said of it.
WRITTEN = """
weighted_mean | mean = (x * w[:, None]).mean(axis=0) / w.mean() | passed
weighted_mean | mean = x.mean(axis=0) | the weights forgotten | with a large weight
weighted_mean | mean = (x * w[:, None]).sum(axis=0) * 2 / w.sum() | a factor 2
weighted_mean | mean = (x * w[:, None]).sum(axis=0) | a sum | Line 14, `w`
weighted_mean | mean = x[0] * w[0] / w[0] | right for one alone | With a single sample
weighted_mean | mean = x[0] * (1 + (w[0] > 1.6)) | not right
weighted_mean | mean = (x * w).sum(axis=0) / w.sum() | error: ValueError | the shapes are
weighted_mean | mean = (x * w[:, None]).sum(axis=0) / n | error: NameError | n is the number of samples: len(x).
weighted_mean | ... | not written
correlation | r = np.corrcoef(x, rowvar=False) | passed
correlation | r = np.cov(x.T) | the covariance | in other units
correlation | z = (x - x.mean()) / x.std(axis=0); r = z.T @ z / len(x) | an axis | Line 14, `x.mean()`
ridge_weights | w = np.linalg.inv(x.T @ x + penalty * np.eye(x.shape[1])) @ x.T @ y | passed
ridge_weights | w = np.linalg.solve(x.T @ x + penalty, x.T @ y) | the penalty on all entries | ones of I
ridge_weights | w = np.linalg.solve(x.T @ x - penalty * np.eye(x.shape[1]), x.T @ y) | a sign | should the result rise
two_dice | larger = rng.integers(1, 7, 2).max() | passed | Its mean is
two_dice | larger = rng.integers(1, 7) | another mean
"""


def written(name, body, folder):
    (path := folder / f"{name}.py").write_text(SUBJECT.by_name[name].fill_stub(body), encoding="utf-8")
    return path


@pytest.fixture
def learner(tmp_path, capfd, monkeypatch):
    """learner("hint"): what `python practice.py --exercises statistics hint` prints, with a copy of the folder. For
    speed, files are marked here."""
    marked_here(monkeypatch)
    shutil.copytree(STATISTICS, tmp_path / "statistics")

    def call(*arguments):
        capfd.readouterr()
        assert not practice.main(["--exercises", str(tmp_path / "statistics"), *map(str, arguments)])
        return capfd.readouterr().out

    call.folder = tmp_path / "my_statistics"
    return call


def test_its_files_have_nothing_to_look_at(monkeypatch):
    marked_here(monkeypatch)
    assert len(SUBJECT.exercises) == 4 and not SUBJECT.broken
    for exercise in SUBJECT.exercises:
        assert [*check.iter_problems(exercise, n_draws=5)] == [], exercise.name


@pytest.mark.parametrize(("name", "body", "mark", "words"), [(*row.values, "")[:4] for row in rows(WRITTEN)])
def test_what_somebody_writes_gets_its_mark(name, body, mark, words, tmp_path):
    exercise = SUBJECT.by_name[name]
    found = marking.read_verdict(exercise, runner.make_report(exercise, written(name, body, tmp_path), 3))
    assert found.summary == mark and words in found.text, found.text
    assert "images" not in found.text.replace(PLACES["a factor: of a size"], "")


@pytest.fixture
def older(tmp_path):
    """The same subject, in files of the older form: the stub above the line, and the answer in a function below it."""
    shutil.copytree(STATISTICS, folder := tmp_path / "older")
    for name in ("weighted_mean", "correlation", "ridge_weights"):
        path = folder / f"{name}.py"
        path.write_text(in_the_older_form(path.read_text(encoding="utf-8")))
        assert "def answer(" in path.read_text(encoding="utf-8")
    return Catalogue(folder)


def test_a_folder_in_the_older_form_hands_out_the_same(older):
    assert [one.stub for one in older.exercises] == [one.stub for one in SUBJECT.exercises] and not older.broken


@pytest.mark.slow
def test_a_folder_in_the_older_form_marks_as_the_newer_one(older, tmp_path):
    """With the folder's own finder, too."""
    for name, body, mark, *_ in (row.values for row in rows(WRITTEN)):
        path = written(name, body, tmp_path)
        exercise, newer = older.by_name[name], SUBJECT.by_name[name]
        found = marking.read_verdict(exercise, runner.make_report(exercise, path, 3))
        assert found.summary == mark and found == marking.read_verdict(newer, runner.make_report(newer, path, 3))


OLD_FINDER = """

from marker.finder import Finder

def look(attempt, wrongs):
    return is_so(attempt)

def say(found, wrongs):
    if not found or wrongs.verdict.name != "not right":
        return None
    text = said(MARK)
    return Verdict(False, MARK, f"{wrongs.verdict.text}\\n{text}", drawn=True, question=text)

ALONE = Finder(look, say)
"""


class OlderKind(Kind):
    """A kind of exercise with the names of its methods from before 2026.12."""

    def solved(self, exercise):
        return "a right file"

    def titled(self, title, needs_torch):
        return f"The {title}"


def test_earlier_names_of_methods_go_on_working():
    """A folder that somebody has may use or define them."""
    exercise = SUBJECT.by_name["weighted_mean"]
    assert exercise.draw(3) is exercise.draw_trials(3)
    assert exercise.fresh(3) is exercise.draw_trials_of_next_seed(3)
    assert exercise.values(exercise.known_mistakes[0], exercise.draw(3)[0])
    assert exercise.filled("mean = x") == exercise.fill_stub("mean = x")
    assert OlderKind().make_right_file(exercise) == "a right file"
    assert OlderKind().format_title("mean", False) == "The mean"


def test_a_finder_in_two_parts_is_asked_as_before(tmp_path):
    """So it was in folders that somebody may have."""
    shutil.copytree(STATISTICS, folder := tmp_path / "statistics")
    (folder / "_alone.py").write_text(
        (STATISTICS / "_alone.py").read_text(encoding="utf-8").partition("def alone(")[0] + OLD_FINDER
    )
    order = (folder / "order.py").read_text(encoding="utf-8")
    (folder / "order.py").write_text(order.replace("import alone", "import ALONE").replace(": alone", ": ALONE"))
    catalogue = Catalogue(folder)
    exercise = catalogue.read_exercise("weighted_mean")
    assert not catalogue.broken and exercise.folder.finders["alone"].is_long is False
    for body, mark in (("mean = x[0] * w[0] / w[0]", "right for one alone"), (RIGHT["weighted_mean"], "passed")):
        found = marking.read_verdict(
            exercise, runner.make_report(exercise, written("weighted_mean", body, tmp_path), 3)
        )
        assert found.summary == mark, found.text


def test_a_stub_of_an_earlier_wording_counts_as_not_written(tmp_path):
    exercise = SUBJECT.by_name["weighted_mean"]
    path, reworded = tmp_path / "weighted_mean.py", exercise.stub.replace('"""', '"""Earlier words. ', 1)
    reworded = f"# An earlier comment\n{reworded}"
    path.write_text(reworded, encoding="utf-8")
    assert reworded != exercise.stub and is_stub(exercise, path)
    path.write_text(reworded.replace("= ...", "= x.mean()  # ..."), encoding="utf-8")
    assert not is_stub(exercise, path)


def test_it_is_practised_as_this_projects_own(learner, tmp_path):
    """In a folder of its own: a name may be one of ours."""
    assert "Exercise 1 (Averages, 1 of 2): The weighted mean" in learner()
    exercise, path = SUBJECT.by_name["weighted_mean"], learner.folder / "weighted_mean.py"
    how = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith(HOW_TO_MARK_PREFIX)]
    assert len(how) == 1 and how[0].endswith(f"practice.py --exercises {tmp_path / 'statistics'}")
    assert is_stub(exercise, path)
    said = learner("hint")
    assert "Hint 1 of 3" in said
    written("weighted_mean", "mean = x.mean(axis=0)", learner.folder)
    assert "the weights forgotten, it seems" in learner("--seed", 3)
    written("weighted_mean", RIGHT["weighted_mean"], learner.folder)
    said = learner()
    assert "Passed. That makes 1 of 4." in said
    assert f"`python practice.py --exercises {learner.folder.with_name('statistics')} next`" in said.replace("\n", " ")
    assert "Exercise 2 (Averages, 2 of 2)" in learner("next")
    assert "weighted_mean" in learner("list") and "passed" in learner("list")
    assert "Review of exercise 1" in learner("review", "weighted_mean")
    assert Work(learner.folder, SUBJECT).has_passed(SUBJECT.by_name["weighted_mean"])
    assert "0 of 4 passed" in learner("list", "--folder", tmp_path / "another")


def test_a_class_is_marked_with_it(learner, tmp_path):
    (ada := tmp_path / "class" / "ada").mkdir(parents=True)
    written("correlation", "r = np.cov(x.T)", ada)
    write_ours(ada, "dz1")
    table = learner("mark", tmp_path / "class").splitlines()
    assert table == [
        "\ufeffname,passed,note,weighted_mean,correlation,ridge_weights,two_dice",
        "ada,0,,,the covariance,,",
    ]


@pytest.mark.parametrize("command", ["train", "prove", "read"])
def test_what_is_this_projects_own_is_not_for_others(command, learner):
    with pytest.raises(UserError, match=f"{command} is for this project's own exercises"):
        learner(command)


def test_a_folder_that_is_none_is_one_line(tmp_path):
    (tmp_path / "order.py").write_text("1 / 0\n")
    for folder, words in ((tmp_path, "order.py: ZeroDivisionError"), (tmp_path / "gone", "there is no exercise in")):
        with pytest.raises(UserError, match=f"^.*{words}.*$"):  # where . is no end of a line
            practice.main(["--exercises", str(folder), "list"])


def test_a_folder_with_exercises_that_order_does_not_name_is_said(tmp_path):
    (tmp_path / "more").mkdir()
    shutil.copy(STATISTICS / "two_dice.py", tmp_path / "more" / "two_dice.py")
    (tmp_path / "more" / "notes.py").write_text("1\n")
    (tmp_path / "order.py").write_text('ORDER = (("One", "one", ""),)\n')
    (tmp_path / "one").mkdir()
    catalogue = Catalogue(tmp_path)
    assert catalogue.exercises == ()
    assert catalogue.broken == [f"{tmp_path.name}/more is left out: order.py does not name it"]


BLAMELESS = [
    ("    n = 1 / 0\n", "Its inputs: ZeroDivisionError: division by zero"),
    ("    while True:\n        pass\n", "does a loop in its file never end?"),
]


@pytest.mark.parametrize(("line", "said"), schedule(BLAMELESS, every_day=BLAMELESS[:1]))
def test_a_learner_is_not_blamed_for_the_exercise(line, said, tmp_path):
    """In a process of its own."""
    shutil.copytree(STATISTICS, tmp_path / "statistics")
    inputs = tmp_path / "statistics" / "_inputs.py"
    first = "    n, p = two_sizes(rng)\n    x, w = "
    assert first in inputs.read_text(encoding="utf-8")
    inputs.write_text(inputs.read_text(encoding="utf-8").replace(first, line + first))
    exercise = Catalogue(tmp_path / "statistics").read_exercise("weighted_mean")
    found = marking.mark(exercise, written("weighted_mean", "mean = x[0]", tmp_path), 3, seconds=1)
    assert found.name == "cannot be marked" and said in found.text and "not your mistake" in found.text


def test_each_of_two_folders_imports_its_own_file(tmp_path):
    """Both have a file `_inputs.py`, and that of the second has a name that the first one lacks."""
    for name in ("one", "two"):
        shutil.copytree(STATISTICS, tmp_path / name)
    inputs, exercise = tmp_path / "two" / "_inputs.py", tmp_path / "two" / "weighted_mean.py"
    inputs.write_text(inputs.read_text(encoding="utf-8") + "\nONLY_IN_TWO = 2\n", encoding="utf-8")
    text = exercise.read_text(encoding="utf-8")
    assert text.count("from _inputs import") == 1
    exercise.write_text(text.replace("from _inputs import", "from _inputs import ONLY_IN_TWO,"), encoding="utf-8")
    for name in ("one", "two"):
        catalogue = Catalogue(tmp_path / name)
        assert len(catalogue.exercises) == len(SUBJECT.exercises) and catalogue.broken == [], name


# The right answer has a number in it, which may be a size, too.
OF_THREE = '''"""The mean of the first three entries of each row."""

import numpy as np


def mean_of_three(a):
    """Return a mean for each row, (N,)."""
    m = a[:, :3].mean(axis=1)
    return m


# ---- what follows is not handed out ----
from types import SimpleNamespace


def draw(rng):
    N, K = rng.choice([3, 4, 5, 6, 7], 2, replace=False).tolist()
    a = rng.normal(size=(N, K))
    return SimpleNamespace(N=N, K=K, a=a, m=a[:, :3].sum(axis=1) / 3)


INPUTS = [draw]

HINTS = """
1. One.
2. Two.
3. Three.
"""
'''


@pytest.mark.parametrize(
    ("first_rows", "written", "is_said"), [(3, "max(3, len(a) - 1)", False), (4, "max(4, len(a) - 1)", True)]
)
def test_a_number_of_the_right_answer_is_no_size_that_was_typed(first_rows, written, is_said, tmp_path):
    """The answers are right for the first inputs, and have a row too few for the second ones."""
    (tmp_path / "mean_of_three.py").write_text(OF_THREE, encoding="utf-8")
    exercise = Catalogue(tmp_path).read_exercise("mean_of_three")
    seed = next(seed for seed in range(99) if has_rows(exercise, seed, first_rows))
    body = f"m = a[:, :3].mean(axis=1)[: {written}]"
    (path := tmp_path / "answer.py").write_text(exercise.fill_stub(body), encoding="utf-8")
    verdict = marking.read_verdict(exercise, runner.make_report(exercise, path, seed))
    assert not verdict.passed and (verdict.name == "a size written as a number") == is_said, verdict.text


def has_rows(exercise, seed, first_rows):
    """Whether the first inputs of a seed have so many rows, and the second ones more."""
    first, second, *_ = exercise.draw_trials(seed)
    return first.N == first_rows < second.N - 1


PARTS = """
from _shared import NOTHING

ORDER = (
    ("First: of two", "one", "b a"),
    ("Second", "one", "c"),
    ("Third: another folder", "two", "gone f"),
)
"""


@pytest.fixture
def parts(tmp_path):
    """A folder in which parts share a subfolder, and some files are no exercises."""
    folder = tmp_path / "subject"
    for name in ("one/a", "one/b", "one/c", "one/e", "one/d", "two/f"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.py").write_text(OF_THREE, encoding="utf-8")
    (folder / "one" / "_helper.py").write_text("1 / 0\n")
    (folder / "one" / "readme.txt").write_text("nothing\n")
    (folder / "_shared.py").write_text("NOTHING = 0\n")
    (folder / "order.py").write_text(PARTS)
    return Catalogue(folder)


def names_of(exercises):
    return " ".join(exercise.name for exercise in exercises)


def test_exercises_come_in_the_order_of_their_parts_and_unnamed_ones_at_the_end_of_a_subfolder(parts):
    assert {title: names_of(exercises) for title, exercises in parts.by_part.items()} == {
        "First: of two": "b a", "Second": "c d e", "Third: another folder": "f",
    }  # fmt: skip
    assert names_of(parts.exercises) == "b a c d e f" and [*parts.by_name] == [*"bacdef"]
    by_folder = {name: names_of(exercises) for name, exercises in parts.exercises_by_folder.items()}
    assert by_folder == {"one": "b a c d e", "two": "f"}
    (line,) = parts.broken
    assert line.startswith("subject/two/gone.py is left out: FileNotFoundError: ") and str(parts.path) not in line
    assert parts.describe_number(parts.by_name["d"]) == "Exercise 4 (Second, 2 of 3)"
    assert parts.find_part(parts.by_name["a"]) == ("First", parts.exercises[:2])
    # A name that is listed for one subfolder says nothing of another.
    shutil.copy(parts.path / "one" / "b.py", parts.path / "two" / "b.py")
    assert names_of(Catalogue(parts.path).by_part["Third: another folder"]) == "f b"
    assert parts.number(parts.by_name["b"]) == 1 and names_of([parts.read_exercise("f")]) == "f"


def test_next_searches_from_the_part_of_what_has_passed_or_after_what_is_skipped(parts):
    for name, passed, skipped in (("b", 0, 1), ("a", 0, 2), ("c", 2, 3), ("e", 2, 5), ("f", 5, 6)):
        exercise = parts.by_name[name]
        assert parts.find_index_to_search_from(exercise, is_passed=True) == passed
        assert parts.find_index_to_search_from(exercise, is_passed=False) == skipped


def test_an_exercise_is_found_by_its_number_or_its_name(parts, tmp_path):
    for text, name in {"1": "b", "6": "f", "03": "c", "A": "a", "my_subject/E.py": "e", "d.PY": "d"}.items():
        assert parts.get_exercise(text).name == name
    assert CATALOGUE.get_exercise("my_practice/dw1_DB1.py").name == "dW1_db1"
    for text in ("0", "7", "-1", "00001", "nothing"):
        with pytest.raises(UserError, match=f"^there is no exercise {text}: `python practice.py list` shows"):
            parts.get_exercise(text)
    with pytest.raises(UserError, match=r"^there is no exercise WEIGHTED_MAEN \(is it weighted_mean\?\): `python"):
        SUBJECT.get_exercise("WEIGHTED_MAEN")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=f"^there is no exercise in {tmp_path / 'empty'}$"):
        Catalogue(tmp_path / "empty").get_exercise("dz1")


def test_a_file_without_an_exercise_is_left_out_and_said_in_a_subfolder_alone(tmp_path):
    """At the top there may be other programs. A line names the file, and the error if its author did not mean it."""
    folder = tmp_path / "subject"
    folder.mkdir()
    (folder / "program.py").write_text("1 / 0\n")
    (folder / "right.py").write_text(OF_THREE, encoding="utf-8")
    (folder / "wrong.py").write_text(OF_THREE + "\n1 / 0\n", encoding="utf-8")
    (folder / "ended.py").write_text(OF_THREE + "\nexit('now')\n", encoding="utf-8")
    (folder / "hints.py").write_text(OF_THREE.replace("2. Two.\n", ""), encoding="utf-8")
    catalogue = Catalogue(folder)
    assert catalogue.order == (("subject", "", ""),) and names_of(catalogue.exercises) == "right"
    assert catalogue.broken == [
        "subject/ended.py is left out: SystemExit: now",
        "subject/hints.py is left out: HINTS has 2 hints that begin with a number, as `1. `, and not three",
        "subject/wrong.py is left out: ZeroDivisionError: division by zero",
    ]
    catalogue = Catalogue(folder)
    assert catalogue.read_or_leave_out(folder / "program.py") is None
    assert catalogue.broken[0].startswith("subject/program.py is left out: the line '# ----")


def test_what_a_folder_imports_is_gone_afterwards(parts):
    """Another folder may have a file of the same name, and a package is imported by its own name."""
    before = [*sys.path]
    with importing(parts.path):
        assert sys.path == [*before, str(parts.path)]
        __import__("_shared")
        __import__("colorsys")
        with importing(parts.path):
            pass
        assert "_shared" in sys.modules
    assert sys.path == before and "_shared" not in sys.modules and "colorsys" in sys.modules
    (parts.path / "__init__.py").write_text("")
    with importing(parts.path):
        assert sys.path == before
    with pytest.raises(ValueError, match="so it is"), importing(STATISTICS):
        raise ValueError("so it is")
    assert sys.path == before


def test_an_exercise_can_run_where_what_it_needs_is_installed(monkeypatch):
    for installed in (["torch"], []):
        monkeypatch.setattr("importlib.util.find_spec", dict.fromkeys(installed, "found").get)
        assert can_run(SimpleNamespace(needs_torch=False))
        assert can_run(SimpleNamespace(needs_torch=True)) == bool(installed)


def test_nothing_is_said_of_sizes_that_are_drawn_as_they_should_be():
    """A number is no array, and `degree`, which is the same in all draws, is the length of no axis."""
    for exercise in SUBJECT.exercises:
        assert [*check.iter_size_problems(exercise, 0)] == [], exercise.name


def test_wrong_factors_have_the_first_size_of_a_folder():
    rows_of_factors = SUBJECT.by_name["weighted_mean"].factor_mistake_rows
    factors = {name: factor for name, factor, _ in rows_of_factors}
    assert factors == {
        "the sign": "-1", "times n": "n", "averaged once more": "1 / n", "a factor 2": "2", "a factor 1/2": "1 / 2",
    }  # fmt: skip
    assert "equal to the number of samples." in rows_of_factors[1][2]


def test_a_size_is_explained_by_the_argument_that_has_it():
    hints = SUBJECT.by_name["weighted_mean"].size_hints
    assert hints["n"] == "n is the number of samples: len(x)."
    assert hints["p"] == "p is the number of columns: x.shape[1]."
    counts = {"q": "quarters", "n": "days"}
    exercise = SimpleNamespace(units_by_size=counts, shapes={"y": ("p",), "x": ("p", "n"), "w": ("n",)})
    assert Exercise.size_hints.func(exercise) == {
        "q": "q is the number of quarters: one of the numbers in an array's shape.",
        "n": "n is the number of days: x.shape[1].",
    }
