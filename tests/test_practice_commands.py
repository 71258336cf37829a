"""practice.py as a learner calls it, and the process of its own in which their files run."""

import csv
import functools
import io
import os
import re
import signal
import subprocess
import sys
import time
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

import main_np
import practice
from conftest import ROOT, assert_one_line
from exercises import chapter4, classroom, marker, runner, solution, train
from exercises.catalogue import BY_NAME, EXERCISES
from exercises.exercise import agree
from exercises.house import STUBS, UserError
from practice_answers import RIGHT, filled, write


@pytest.fixture
def learner(tmp_path, program):
    """learner("hint") calls practice.py with a folder of its own."""

    def call(*arguments, **options):
        return program("practice.py", "--folder", tmp_path / "mine", *arguments, **options)

    call.folder = tmp_path / "mine"
    return call


def verdict(tmp_path, name, text, **options):
    path = tmp_path / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return marker.mark(BY_NAME[name], path, 5, **options)


# A mistake as people type it, and what the marker should say.
TYPED = [
    (
        "08_dW1_db1",
        {"dW1": "x @ dz1"},
        "error: ValueError",
        ["Line 18: dW1 = x @ dz1", "(3, 784) @ (3, 9)", "inner numbers must be equal: 784 is not 3"],
    ),
    (
        "08_dW1_db1",
        {"dW1": "dz1.T @ x", "db1": "0"},
        "transposed",
        ["W1's shape (784, 9); yours is (9, 784). Transposed?"],
    ),
    ("08_dW1_db1", {"dW1": "x.T @ dz1"}, "not written", ["`db1` is not written yet"]),
    (
        "08_dW1_db1",
        {"dW1": "x.T @ dz1", "db1": "dz1.sum(axis=0, keepdims=True)"},
        "wrong shape",
        ["(1, 9)", "keepdims"],
    ),
    ("07_dz1", {"dz1": "da1 * z1 > 0"}, "wrong type", ["bool"]),
    ("07_dz1", {"dz1": "da1 * (Z1 > 0)"}, "error: NameError", ["Do you mean `z1`?"]),
    ("07_dz1", {"dz1": "da1 @ z1"}, "error: ValueError", ["(11, 4) @ (11, 4)", "4 is not 11"]),
    ("07_dz1", {"dz1": "da1 * (z1 > 0) + W1"}, "error: NameError", ["no `W1` here"]),
    ("07_dz1", {"dz1": "1 / 0"}, "error: ZeroDivisionError", ["Division by zero"]),
    ("07_dz1", {"dz1": "(da1 * (z1 > 0)"}, "error: SyntaxError", ["Line 19", "cannot read"]),
    (
        "07_dz1",
        {"dz1": "da1 * (z1 > 0) * 1.5"},
        "not right",
        ["Every entry is 1.5 times", "the loss goes from", "dz1["],
    ),
    (
        "07_dz1",
        {"dz1": "da1 * np.heaviside(z1, 0) + (np.arange(4) == 3)"},
        "not right",
        ["33 of its 44 entries are right"],
    ),
    ("07_dz1", {"dz1": "z1"}, "z1 returned", ["what you return is z1 itself"]),
    ("07_dz1", {"dz1": "exit()"}, "error: SystemExit", ["neither ask for input nor end"]),
    ("07_dz1", {"dz1": "input()"}, "error: EOFError", ["neither ask for input nor end"]),
    ("07_dz1", {"dz1": "dz1(da1, z1, a1)"}, "error: UnboundLocalError", ["before it has a value"]),
    (
        "04_dlogits",
        {"dlogits": "\np[range(len(y)), y] -= 1\ndlogits = p / len(y)\n"},
        "changes its input",
        ["changed p", ".copy()"],
    ),
    ("07_dz1", {"dz1": "da1 @ (z1 > 0)"}, "error: ValueError", ["In da1 @ (z1 > 0), the shapes are (11, 4) @ (11, 4)"]),
    (
        "07_dz1",
        {"dz1": "(da1 *\n        (z1.sum(axis=1)))"},
        "error: ValueError",
        ["keepdims=True keeps (11, 1), which"],
    ),
    ("07_dz1", {"dz1": "da1.sum(axis=1)"}, "wrong shape", ["one number for each entry of `z1`"]),
    ("04_dlogits", {"dlogits": "p.sum(axis=1)"}, "wrong shape", ["one number for each entry of `logits`"]),
    ("05_dW2_db2", {"dW2": "a1.sum(axis=0)"}, "wrong shape", ["over which do you sum?"]),
    ("03_loss", {"loss": "-np.log(p[y]).mean()"}, "whole rows where pairs belong", ["its row n and its column y[n]"]),
    ("02_softmax", {"p": "np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)"}, "exp overflows", ["exp(1000)"]),
    ("05_dW2_db2", {"dW2": "np.zeros((7, 10)); return dW2"}, "wrong number of results", ["dW2 and db2: 2 in all"]),
    ("06_da1", {"da1": "\nda1 = dlogits @ W2.T\nprint('shape', da1.shape)\n"}, "passed", []),
    (
        "10_numerical_gradient",
        {"gradient": RIGHT["10_numerical_gradient"]["gradient"] + "    gradient *= 3 * h"},
        "not right",
        ["times the true one. (Here h is 0."],
    ),
    ("05_dW2_db2", {"db2": "dlogits.sum(axis=0)"}, "not written", ["Right so far. `dW2` is not written yet"]),
    ("05_dW2_db2", {"db2": "-dlogits.sum(axis=0)"}, "the sign", ["db2: the sign"]),
    (
        "29_softmax_backward",
        {"dscores": "weights * (dweights - (dweights * weights).sum(axis=-1))"},
        "error: ValueError",
        ["(4, 7, 7) - (4, 7)", "keepdims=True keeps (4, 7, 1), which agrees"],
    ),
    ("29_softmax_backward", {"dscores": "weights.sum(axis=-1)"}, "wrong shape", ["scores' shape (4, 7, 7)"]),
    ("29_softmax_backward", {"dscores": "weights"}, "weights returned", ["what you return is weights itself"]),
    (
        "30_layer_norm_dx",
        {"dx": "gamma * inverse * (dy - dy.mean(axis=(0, 1)) - xhat * (dy * xhat).mean(axis=(0, 1)))"},
        "the means over images and patches",
        ["batch normalisation's means"],
    ),
    (
        "30_layer_norm_dx",
        {"dx": RIGHT["30_layer_norm_dx"]["dx"].replace("dxhat = dy * gamma", "dxhat = dy; dxhat *= gamma")},
        "changes its input",
        ["changed dy", ".copy()"],
    ),
    (
        "30_layer_norm_dx",
        {"dx": RIGHT["30_layer_norm_dx"]["dx"] + "    dx = dx.swapaxes(1, 2)"},
        "transposed",
        ["Transposed?"],
    ),
    (
        "31_attention",
        {"dv": "weights.T @ dmixed"},
        "error: ValueError",
        ["inner numbers must be equal", ".swapaxes(-1, -2) exchanges the last two"],
    ),
    (
        "31_attention",
        {"dv": "weights @ dmixed.swapaxes(0, 1)"},
        "error: ValueError",
        ["The axes before the last two must agree"],
    ),
    ("31_attention", {"dv": "weights @ dmixed"}, "the weights not transposed", ["over which letter is the sum"]),
    ("31_attention", {"dv": RIGHT["31_attention"]["dv"]}, "not written", ["Right so far. `dq` is not written"]),
    (
        "31_attention",
        RIGHT["31_attention"] | {"dq": RIGHT["31_attention"]["dq"].replace("np.sqrt(q.shape[-1])", "q.shape[1]")},
        "not right",
        ["times the true one", "h is ", "T is ", "d is ", "if q[0, 0, 0, 0] grows"],
    ),
    (
        "31_attention",
        RIGHT["31_attention"] | {"dk": "q.swapaxes(2, 3) @ dscores"},
        "transposed",
        ["k's shape (2, 3, 5, 7); yours is (2, 3, 7, 5). Transposed?"],
    ),
]


@pytest.mark.parametrize(("name", "typed", "mark", "words"), TYPED)
def test_mistakes_as_people_type_them(name, typed, mark, words, tmp_path):
    """Seed 5 makes B = 3 and H = 9 for exercise 8, 11 and 4 for exercise 7, (B, h, T, d) = (2, 3, 5, 7) for 31."""
    found = verdict(tmp_path, name, filled(name, typed))
    assert found.name == mark, found.text
    for word in words:
        assert word in found.text
    assert "Traceback" not in found.text


def test_what_the_code_printed_is_shown(tmp_path):
    typed = {"da1": "\nprint('shape', dlogits.shape)\nda1 = dlogits @ W2.T\n"}
    assert verdict(tmp_path, "06_da1", filled("06_da1", typed)).printed == "shape (7, 10)\n"


HOSTILE = {
    "a loop without end": ("while True:\n    pass\n", "does not end"),
    "one that catches all": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass\n",
        "does not end",
    ),
    "a sleep": ("import time\ntime.sleep(100)\n", "does not end"),
    "an exit that cannot be caught": ("import os\nos._exit(0)\n", "no result"),
    "a kill": ("import os, signal\nos.killpg(0, signal.SIGKILL)\n", "no result"),
    "a flood": ("while True:\n    print('x' * 1000)\n", "does not end"),
    "a child that stays": ("import subprocess\nsubprocess.Popen(['sleep', '100'])\n", "no function"),
    "nonsense": ("\x01\x02 this is no Python", "error: SyntaxError"),
    "nothing": ("", "no function"),
    "a result of its own": ("import sys, os\nopen(sys.argv[4], 'w').write('[' * 100000)\nos._exit(0)\n", "no result"),
    "a result of another form": (
        "import sys, os\nopen(sys.argv[4], 'w').write('{\"trials\": [{\"results\": [3]}]}')\nos._exit(0)\n",
        "no result",
    ),
}


@pytest.mark.parametrize(("text", "mark"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_neither_hangs_nor_kills_the_marker(text, mark, tmp_path):
    started = time.perf_counter()
    assert verdict(tmp_path, "07_dz1", text, seconds=0.5).name == mark
    assert time.perf_counter() - started < 15


def test_where_a_loop_without_end_is(tmp_path):
    text = filled("07_dz1", {"dz1": "\nwhile True:\n    dz1 = da1\n"})
    assert re.search(
        r"Stopped after 0.5 seconds, in line (19|20|21)\.", verdict(tmp_path, "07_dz1", text, seconds=0.5).text
    )


def test_a_first_day(learner):
    first = learner()
    assert first.returncode == 0, first.stderr
    for words in ("meant to fail at first", "Exercise 1 of", "01_logits.py", "Nothing is written yet", "hint"):
        assert words in first.stdout
    assert max(map(len, first.stdout.splitlines())) <= max(80, len(str(learner.folder)) + 20)
    assert "\x1b" not in first.stdout
    assert [p.name for p in learner.folder.glob("*.py")] == ["01_logits.py"]
    assert "Hint 1 of 3" in learner("hint").stdout
    assert "Hint 2 of 3" in learner("hint").stdout
    assert "That was the last one." not in learner("hint").stdout
    assert "That was the last one." in learner("hint").stdout
    assert_one_line(learner("solution", 1), "has not passed yet")
    write(learner.folder, "01_logits")
    passed = learner().stdout
    assert "Passed." in passed
    assert "practice.py next" in passed
    assert "Exercise 1 of 10 in chapter 1: " in learner().stdout  # it does not move on by itself
    assert "return self.a1 @ W2 + b2" in learner("solution").stdout
    assert "Exercise 2 of" in learner("next").stdout
    listed = learner("list").stdout
    assert re.search(r"  1  The logits of a layer +passed", listed)
    assert ">  2 " in listed
    write(learner.folder, "01_logits", {"logits": "a1 @ W2"})
    assert "changed since it passed" in learner("list").stdout
    assert "01_logits.1.py" in learner("reset", 1).stdout
    assert (learner.folder / "01_logits.1.py").read_text() == filled("01_logits", {"logits": "a1 @ W2"})
    assert (learner.folder / "01_logits.py").read_bytes() == (STUBS / "01_logits.py").read_bytes()
    learner("reset", 1)
    assert (learner.folder / "01_logits.2.py").exists()


def test_a_seed_repeats_a_run(learner):
    write(learner.folder, "01_logits", {"logits": "a1 @ W2 + 1.5 * b2"})
    first = learner("1").stdout
    seed = re.search(r"--seed (\d+)", first)[1]
    again = learner("1", "--seed", seed).stdout
    assert first[first.index("Exercise") :] == again[again.index("Exercise") :]
    assert learner("1", "--seed", int(seed) + 1).stdout != again


def test_a_seed_is_offered_only_where_numbers_were_drawn(learner):
    for typed, offered in ({"logits": "a1 @ W2"}, True), ({"logits": "a1 @ w2"}, False), ({}, False):
        write(learner.folder, "01_logits", typed)
        assert ("For these again: python practice.py --seed" in learner("1").stdout) == offered, typed


def test_later_chapters_count_from_one_too():
    assert practice.numbered(EXERCISES[10]) == "Exercise 11 (1 of 8 in chapter 2)"
    assert practice.numbered(EXERCISES[28]) == "Exercise 29 (1 of 3 in chapter 4)"


def test_run_has_one_thread_and_says_that_a_function_prints_nothing(learner):
    path = write(learner.folder, "11_tanh")
    path.write_text(path.read_text() + "\nimport os\nprint(os.environ['OMP_NUM_THREADS'])\n")
    learner("11")
    out = learner("run", env={"OMP_NUM_THREADS": "2"}).stdout
    assert out.startswith("1\n")
    assert "Exercise 11 is a function and prints nothing by itself" in out


def test_practice_has_one_thread_before_numpy():
    code = (
        "import os, sys, runpy\nsys.argv = ['practice.py', '-h']\n"
        "class Watch:\n    def find_spec(self, name, *rest):\n"
        "        if name == 'numpy': print('threads', os.environ.get('OPENBLAS_NUM_THREADS'))\n"
        "sys.meta_path.insert(0, Watch())\nrunpy.run_path('practice.py', run_name='__main__')"
    )
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, text=True, stdout=-1, check=False)
    assert "threads 1" in done.stdout


def test_a_suspect_without_quotes_is_told_so(tmp_path):
    stub = (STUBS / "26_case_sudden.py").read_text(encoding="utf-8")
    found = verdict(tmp_path, "26_case_sudden", stub.replace("DIAGNOSIS = ...", "DIAGNOSIS = rate"))
    assert (found.name, 'Put it in quotes: "rate".' in found.text) == ("error: NameError", True), found.text
    found = verdict(tmp_path, "26_case_sudden", stub.replace("DIAGNOSIS = ...", "DIAGNOSIS = sum"))  # Python's own
    assert (found.name, "in quotes" in found.text) == ("no diagnosis", True), found.text


def test_suspects_are_listed_until_one_is_named(learner):
    case = BY_NAME["21_case_flat"]
    first = learner("21").stdout
    assert "It printed at first:" in first
    assert '"zeros"' in first
    path = learner.folder / f"{case.name}.py"
    path.write_text(path.read_text().replace("DIAGNOSIS = ...", 'DIAGNOSIS = "epochs"'))
    assert "The suspects" not in learner("21").stdout


@pytest.mark.parametrize("name", ["02_softmax", "03_loss"])
def test_a_solution_keeps_the_next_derivative_to_itself(name):
    shown = "\n".join(solution.excerpt(source)[1] for source in BY_NAME[name].sources)
    assert "log(sum(exp(logits))) - logits[y]" in shown
    assert "onehot" not in shown


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(["nonsense"], "no command"), (["99"], "no exercise 99"), (["reset", "x"], "no exercise x"),
     (["mark"], "a folder"),
     (["mark", "nowhere"], "a folder"), (["hint", "3"], "no further word"), (["train"], "still to do: 1, 2, 3"),
     (["--seed", "-1"], "0 or more")],
)  # fmt: skip
def test_wrong_calls_end_in_one_line(learner, arguments, word):
    assert_one_line(learner(*arguments), word)


def test_a_damaged_progress_is_one_line(learner):
    learner.folder.mkdir()
    for damage in ("{", "[]", '{"current": 3}', '{"passed": 3}'):
        (learner.folder / "progress.json").write_text(damage)
        assert_one_line(learner(), "progress.json")


def test_without_torch_its_exercises_say_how_to_get_it(learner):
    env = {"PYTHONPATH": str(ROOT / "tests" / "no_torch")}
    assert "Nothing is written" in learner("1", env=env).stdout  # and nothing else imports it
    error = runner.explain(ModuleNotFoundError("No module named 'torch'", name="torch"), "x.py")
    assert "pip install -r requirements.txt" in error["message"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send")
def test_watch_marks_again_within_a_second_of_saving(learner):
    learner()
    command = [sys.executable, str(ROOT / "practice.py"), "--watch", "--folder", str(learner.folder)]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    attended = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a job in the background ignores Ctrl-C
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, preexec_fn=attended, **pipes) as process:
        try:
            read_until(process.stdout, "Waiting until you save")
            started = time.perf_counter()
            write(learner.folder, "01_logits")
            read_until(process.stdout, "Passed.")
            seconds = time.perf_counter() - started
            read_until(process.stdout, "Waiting until you save")
            learner("next")
            read_until(process.stdout, "Exercise 2 of")
            process.send_signal(2)
            assert process.wait(10) == 130
            assert "Traceback" not in process.stderr.read()
        finally:
            process.kill()
    assert seconds < 5  # on a busy machine; alone it takes a third of a second


def read_until(stream, words):
    for line in stream:
        if words in line:
            return
    raise AssertionError(f"the output ended without {words!r}")


@pytest.fixture
def brief(monkeypatch, mnist):
    """Training on little data."""
    few = mnist._replace(train_images=mnist.train_images[:16000], train_labels=mnist.train_labels[:16000],
                         test_images=mnist.test_images[:1000], test_labels=mnist.test_labels[:1000])  # fmt: skip
    monkeypatch.setattr(train.data, "load", lambda name: few)
    monkeypatch.setattr(train, "EPOCHS", 1)


def test_train_with_ones_own_functions(tmp_path, capsys, brief):
    """A tenth of it; the whole is in test_train_reaches_97_percent."""
    work = practice.Work(tmp_path)
    for name in list(RIGHT)[:10]:
        work.progress["passed"][name] = practice.digest(write(tmp_path, name))
    (tmp_path / "05_dW2_db2.py").write_text("changed")
    with pytest.raises(UserError, match="still to do: 5"):
        train.train(work)
    write(tmp_path, "05_dW2_db2")
    for name in ("01_logits", "10_numerical_gradient"):  # one that is called by another of them, and that one
        path = tmp_path / f"{name}.py"
        text = path.read_text().replace("    return ", "    print('forgotten')\n    return ")
        path.write_text("print('forgotten')\n" * (name == "01_logits") + text)
        work.progress["passed"][name] = practice.digest(path)
    assert train.train(work) == 0
    out = capsys.readouterr().out
    assert "forgotten" not in out
    assert out.count("prints") == 2
    assert "01_logits.py prints something; train leaves it out." in " ".join(out.split())
    assert float(out.split()[-1]) > 0.85
    assert "the same as" in out  # as mlp_np.py
    assert {p.name for p in tmp_path.glob("*.png")} == {"loss_plot_mine.png", "accuracy_plot_mine.png"}
    assert max(map(len, out.splitlines())) <= 80 + len(str(tmp_path))


@pytest.mark.slow
def test_train_reaches_97_percent(learner):
    learner.folder.mkdir()
    work = practice.Work(learner.folder)
    for name in list(RIGHT)[:10]:
        work.progress["passed"][name] = practice.digest(write(learner.folder, name))
    work.save()
    assert float(learner("train").stdout.split()[-1]) > 0.97


def test_mark_a_class(tmp_path, capsys):
    ada, bob = tmp_path / "class" / "ada", tmp_path / "class" / "=bob"
    write(ada, "07_dz1")
    write(ada, "06_da1", {"da1": "-dlogits @ W2.T"})
    write(bob / "my_practice", "07_dz1", {"dz1": "da1"})
    write(bob / "my_practice", "01_logits", {})
    write(bob / "my_practice", "08_dW1_db1").write_text("import os\nos._exit(3)\n")
    if hasattr(os, "mkfifo"):
        os.mkfifo(bob / "06_da1.py")
    (bob / "04_dlogits.py").write_text("#" * 2**21)
    assert classroom.mark_all(str(tmp_path / "class")) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["name"] for row in rows] == ["'=bob", "ada"]
    bob, ada = rows
    assert (ada["07_dz1"], ada["06_da1"], ada["01_logits"], ada["passed"]) == ("passed", "the sign", "", "1")
    assert (bob["07_dz1"], bob["01_logits"], bob["08_dW1_db1"]) == ("the mask forgotten", "not written", "no result")
    assert (bob["06_da1"], bob["04_dlogits"], bob["passed"]) == ("", "file too large", "0")


@pytest.mark.parametrize("exercise", EXERCISES, ids=[e.name for e in EXERCISES])
def test_every_exercise_has_a_stub_three_hints_and_a_solution_in_80_columns(exercise):
    assert len(exercise.hints) == 3
    text = (STUBS / f"{exercise.name}.py").read_text(encoding="utf-8")
    assert "..." in text
    assert text.isascii()
    assert exercise.sources or exercise.why or exercise.diagnosis
    for source in exercise.sources:
        line, code = solution.excerpt(source)
        assert line > 0
        assert max(map(len, code.splitlines())) <= 80
    for answer in RIGHT.get(exercise.name, {}).values():
        for line in answer.strip().splitlines():
            said = line.split("=", 1)[-1].strip()
            assert len(said) < 10 or said not in text, "the stub has its answer in it"


def test_exercises_are_in_order():
    numbers = [int(exercise.name[:2]) for exercise in EXERCISES]
    assert numbers == list(range(1, len(EXERCISES) + 1))
    assert {p.stem for p in STUBS.glob("*.py")} == set(BY_NAME)
    for first, second in pairwise(EXERCISES):
        assert first.name < second.name


@pytest.mark.parametrize("name", ["09_update", "13_weight_decay"])
def test_the_update_is_that_of_main_np(name):
    for g in BY_NAME[name].inputs(1):
        params, velocity = {"p": g.old_p.copy()}, {"p": g.old_v.copy()}
        main_np.update(params, velocity, {"p": g.dp.copy()}, g.lr, g.momentum, getattr(g, "weight_decay", 0))
        assert agree(params["p"], g.p)
        assert agree(velocity["p"], g.v)


@pytest.mark.parametrize("exercise", EXERCISES, ids=[e.name for e in EXERCISES])
def test_a_nudge_of_the_array_changes_the_loss_as_the_reference_says(exercise):
    """What the marker shows for a mistake that it does not know: the reference and its loss must fit together."""
    for output, (name, loss) in (exercise.nudges or {}).items():
        if output not in exercise.gives:
            continue
        for seed in range(3):
            g = next(iter(exercise.inputs(seed)))
            array, reference, h = getattr(g, name), getattr(g, output), 1e-6
            for at in [tuple(i) for i in np.random.default_rng(seed).integers(array.shape, size=(5, array.ndim))]:
                step = np.zeros_like(array)
                step[at] = h
                slope = (loss(g, array + step) - loss(g, array - step)) / (2 * h)
                assert slope == pytest.approx(reference[at], abs=1e-6 * np.abs(reference).max()), (output, at)


def test_softmax_s_way_back_gives_exercise_4_s_derivative():
    """As its solution says."""
    g = next(iter(BY_NAME["04_dlogits"].inputs(0)))
    assert agree(chapter4.softmax_back(g.p, -g.onehot / g.p / g.B), g.dlogits)


def test_a_solution_keeps_a_formula_s_lines_and_fills_its_prose():
    _, text = solution.excerpt(BY_NAME["29_softmax_backward"].sources[0])
    assert "\n    dscores[j] = sum over i of dweights[i] d weights[i] / d scores[j]\n               = weights" in text
    _, text = solution.excerpt(BY_NAME["31_attention"].sources[0])
    assert "\n    dweights = dmixed v.T\n    dv = weights.T dmixed\n" in text  # side by side in the file
    for exercise in EXERCISES:
        for source in exercise.sources:
            prose = [line for line in solution.excerpt(source)[1].splitlines() if not line.startswith((" ", "#"))]
            assert not [line for line in prose if re.search(r"\w   ", line.partition("  #")[0])]


def test_tanh_s_reference_is_its_derivative():
    (g,) = BY_NAME["11_tanh"].inputs(0)
    h = 1e-6
    numerical = g.da1 * (np.tanh(g.z1 + h) - np.tanh(g.z1 - h)) / (2 * h)
    assert np.abs(numerical - g.dz1).max() < 1e-8


def test_colour_only_on_a_terminal(monkeypatch):
    from exercises import terminal

    monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert terminal.has_colour()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not terminal.has_colour()
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setattr(terminal.os, "name", "nt")
    for name in ("WT_SESSION", "ANSICON", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    assert not terminal.has_colour()


def test_the_root_s_lesson_imports_no_exercise():
    for path in ROOT.glob("*.py"):
        if path.name != "practice.py":
            assert "exercises" not in path.read_text(encoding="utf-8"), path.name


def test_practice_starts_without_matplotlib_torch_and_mends():
    code = "import sys, practice; assert not {'matplotlib', 'torch', 'requests', 'exercises.mends'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
