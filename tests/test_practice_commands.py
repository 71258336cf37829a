"""practice.py as a learner calls it, and the process of its own in which their files run."""

import csv
import functools
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

import main_np
import practice
from conftest import ROOT, assert_one_line
from exercises import STUBS, classroom, marker, runner, show, train
from exercises.exercise import agree
from exercises.work import BY_NAME, CHAPTERS, EXERCISES, Work, digest, find, number
from practice_answers import RIGHT, filled, write
from support.errors import UserError


@pytest.fixture
def learner(tmp_path, program):
    """learner("hint") calls practice.py with a folder of its own."""

    def call(*arguments, **options):
        return program("practice.py", "--folder", tmp_path / "mine", *arguments, **options)

    call.folder = tmp_path / "mine"
    return call


# Files that would hang or kill the process that marks them, if it ran them itself; and what is said.
FORGED = "import sys, os\nopen(sys.argv[4], 'w').write({!r})\nos._exit(0)\n"
HOSTILE = {
    "a loop without end": ("while True:\n    pass\n", "does not end"),
    "one that catches all": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass\n", "does not end"),
    "a sleep": ("import time\ntime.sleep(100)\n", "does not end"),
    "an exit that cannot be caught": ("import os\nos._exit(0)\n", "no result"),
    "a kill": ("import os, signal\nos.killpg(0, signal.SIGKILL)\n", "no result"),
    "a flood": ("while True:\n    print('x' * 1000)\n", "does not end"),
    "a child that stays": ("import subprocess\nsubprocess.Popen(['sleep', '100'])\n", "no function"),
    "nonsense": ("\x01\x02 this is no Python", "error: SyntaxError"),
    "a result of its own": (FORGED.format("[" * 100000), "no result"),
    "a result of another form": (FORGED.format('{"trials": [{"results": [3]}]}'), "no result"),
    "a result without trials": (FORGED.format('{"trials": []}'), "no result"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "mark"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_neither_hangs_nor_kills_the_marker(text, mark, tmp_path):
    (tmp_path / "dz1.py").write_text(text, encoding="utf-8")
    started = time.perf_counter()
    assert marker.mark(BY_NAME["dz1"], tmp_path / "dz1.py", 5, seconds=0.5).name == mark
    assert time.perf_counter() - started < 15


def test_a_process_of_its_own_says_what_it_printed_and_where_it_is_stuck(tmp_path):
    path = write(tmp_path, "da1", "print('shape', dlogits.shape)\nda1 = dlogits @ W2.T")
    found = marker.mark(BY_NAME["da1"], path, 5)
    assert (found.name, found.printed.splitlines()[0][:7]) == ("passed", "shape (")
    found = marker.mark(BY_NAME["dz1"], write(tmp_path, "dz1", "while True:\n    dz1 = da1"), 5, seconds=0.5)
    assert re.search(r"Stopped after 0.5 seconds, in line (19|20|21)\.", found.text)


def test_a_first_day(learner):
    first = learner()
    assert first.returncode == 0, first.stderr
    for words in ("meant to fail at first", "Exercise 1 of", "logits.py", "Nothing is written yet", "hint"):
        assert words in first.stdout
    assert max(map(len, first.stdout.splitlines())) <= max(80, len(str(learner.folder)) + 20)
    assert "\x1b" not in first.stdout
    assert [p.name for p in learner.folder.glob("*.py")] == ["logits.py"]
    hints = [learner("hint").stdout for _ in range(4)]
    assert all(f"Hint {i} of 3" in hints[i - 1] for i in (1, 2, 3))
    assert ["That was the last one." in hint for hint in hints] == [False, False, False, True]
    assert 'The derivation is in docs/backprop.md, "The forward pass".' in " ".join(hints[3].split())
    assert_one_line(learner("solution", 2), "has not passed yet")
    write(learner.folder, "logits", "logits = a1 @ W2 - b2")
    assert "the bias subtracted" in learner().stdout
    write(learner.folder, "logits")
    passed = learner().stdout
    assert f"Passed. That makes 1 of {len(EXERCISES)}." in passed
    assert passed.index("    logits = a1 @ W2 - b2\n") < passed.index("    logits = a1 @ W2 + b2\n")  # first, and now
    assert "practice.py next" in passed
    assert "Exercise 1 of 10 in chapter 1: " in learner().stdout  # it does not move on by itself
    assert "return self.a1 @ W2 + b2" in learner("solution").stdout
    assert "Exercise 2 of" in learner("next").stdout
    listed = learner("list").stdout
    assert re.search(r"  1  The logits of a layer +passed", listed)
    assert f"1 of {len(EXERCISES)} passed" in listed
    assert ">  2 " in listed
    write(learner.folder, "logits", "logits = a1 @ W2")
    assert "changed since it passed" in learner("list").stdout
    assert "logits.1.py" in learner("reset", "logits").stdout
    assert (learner.folder / "logits.1.py").read_text() == filled("logits", "logits = a1 @ W2")
    assert (learner.folder / "logits.py").read_bytes() == (STUBS / "logits.py").read_bytes()
    learner("reset", 1)
    assert (learner.folder / "logits.2.py").exists()


def test_files_and_progress_with_the_names_of_before_are_found(tmp_path):
    """Exercises had a number in their files' names."""
    write(tmp_path, "dz1").rename(tmp_path / "07_dz1.py")
    done = {"current": "07_dz1", "passed": {"07_dz1": digest(tmp_path / "07_dz1.py")}, "hints": {"04_dlogits": 2}}
    (tmp_path / "progress.json").write_text(json.dumps(done))
    work = Work(tmp_path)
    assert (work.current.name, work.progress["hints"]) == ("dz1", {"dlogits": 2})
    assert work.passed(BY_NAME["dz1"])
    assert work.path(BY_NAME["dz1"]).name == "07_dz1.py"
    assert classroom.find_files(tmp_path)[0] == {"dz1": tmp_path / "07_dz1.py"}
    assert find("07_dz1") is find("dz1") is find(str(number(BY_NAME["dz1"])))


def test_a_seed_repeats_a_run_and_is_offered_only_where_numbers_were_drawn(learner):
    write(learner.folder, "logits", "logits = a1 @ W2 + 1.5 * b2")
    first = learner("1").stdout
    seed = re.search(r"--seed (\d+)", first)[1]
    again = learner("1", "--seed", seed).stdout
    assert first[first.index("Exercise") :] == again[again.index("Exercise") :]
    assert learner("1", "--seed", int(seed) + 1).stdout != again
    write(learner.folder, "logits", "logits = a1 @ w2")
    assert "For these again" not in learner("1").stdout


def test_run_has_one_thread_and_says_that_a_function_prints_nothing(learner):
    path = write(learner.folder, "tanh")
    path.write_text(path.read_text() + "\nimport os\nprint(os.environ['OMP_NUM_THREADS'])\n")
    n, more = number(BY_NAME["tanh"]), len(list(CHAPTERS.values())[1])
    assert f"Exercise {n} (1 of {more} in chapter 2)" in learner("tanh").stdout
    out = learner("run", env={"OMP_NUM_THREADS": "2"}).stdout
    assert out.startswith("1\n")
    assert f"Exercise {n} is a function and prints nothing by itself" in out


def test_practice_has_one_thread_before_numpy_and_starts_without_what_is_large():
    code = (
        "import os, sys, runpy\nsys.argv = ['practice.py', '-h']\n"
        "class Watch:\n    def find_spec(self, name, *rest):\n"
        "        if name == 'numpy': print('threads', os.environ.get('OPENBLAS_NUM_THREADS'))\n"
        "sys.meta_path.insert(0, Watch())\n"
        "try: runpy.run_path('practice.py', run_name='__main__')\n"
        "finally: print({'matplotlib', 'torch', 'requests', 'exercises.symptoms'} & set(sys.modules))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, text=True, stdout=-1, check=False)
    assert "threads 1" in done.stdout
    assert done.stdout.endswith("set()\n")


def test_suspects_are_listed_until_one_is_named_and_want_quotes(learner):
    first = learner("case_flat").stdout
    assert "It printed at first:" in first
    assert '"zeros"' in first
    path, stub = learner.folder / "case_flat.py", (STUBS / "case_flat.py").read_text(encoding="utf-8")
    for typed, words in (('"epochs"', "You say"), ("rate", 'Put it in quotes: "rate".'), ("sum", "in quotes")):
        path.write_text(stub.replace("DIAGNOSIS = ...", f"DIAGNOSIS = {typed}"))
        said = learner("case_flat").stdout
        assert "The suspects" not in said
        assert words in " ".join(said.split())


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(["nonsense"], "no command"), (["99"], "no exercise 99"), (["reset", "x"], "no exercise x"),
     (["mark"], "a folder"), (["mark", "nowhere"], "a folder"), (["hint", "3"], "no further word"),
     (["train"], "still to do: logits, softmax"), (["train", "dz1"], "train goes with"), (["9" * 5000], "no exercise"),
     (["--seed", "-1"], "-1 is not in the range"), (["--seed", "9" * 5000], "--seed"), (["--nonsense"], "--nonsense")],
)  # fmt: skip
def test_wrong_calls_end_in_one_line(learner, arguments, word):
    assert_one_line(learner(*arguments), word)


def test_who_gives_up_sees_the_solution_and_has_not_passed(tmp_path, capsys):
    folder = ["--folder", str(tmp_path)]
    for _ in range(3):
        practice.main([*folder, "hint"])
    practice.main([*folder, "solution"])
    assert "return self.a1 @ W2 + b2" in capsys.readouterr().out
    write(tmp_path, "logits")
    practice.main([*folder, "1"])
    practice.main([*folder, "list"])
    out = capsys.readouterr().out
    assert re.search(r"  1  The logits of a layer +seen", out)
    assert "Passed, after a look at the solution." in out
    assert f"0 of {len(EXERCISES)} passed" in out


DAMAGED = ["{", "[]", '{"current": 3}', '{"passed": 3}', "[" * 10**5, '{"current": "dz1", "passed": {"dz1": 3}}',
           '{"current": "dz1", "passed": {}, "hints": {"dz1": "x"}}', '{"current": "dz1", "first": []}']  # fmt: skip


@pytest.mark.parametrize("damage", [*DAMAGED, "a pipe"])
def test_a_damaged_progress_is_one_line(damage, tmp_path):
    if damage == "a pipe":
        os.mkfifo(tmp_path / "progress.json")
    else:
        (tmp_path / "progress.json").write_text(damage)
    with pytest.raises(UserError, match=r"progress\.json"):
        Work(tmp_path)


def test_without_torch_its_exercises_say_how_to_get_it(learner, monkeypatch):
    env = {"PYTHONPATH": str(ROOT / "tests" / "no_torch")}
    assert "Nothing is written" in learner("1", env=env).stdout  # and nothing else imports it
    error = runner.explain(ModuleNotFoundError("No module named 'torch'", name="torch"), "x.py")
    assert "pip install -r requirements.txt" in error["message"]
    monkeypatch.setattr(classroom.importlib.util, "find_spec", lambda name: None)
    assert classroom.mark(write(learner.folder, "torch_gradient"), BY_NAME["torch_gradient"], 0) == "no PyTorch"


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
            write(learner.folder, "logits")
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
    assert seconds < 15  # on a busy machine; alone it takes a third of a second


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


def with_passed(folder, names=tuple(RIGHT)[:10]):
    """A learner's work, with these exercises passed."""
    folder.mkdir(exist_ok=True)
    work = Work(folder)
    for name in names:
        work.progress["passed"][name] = digest(write(folder, name))
    return work


def test_train_with_ones_own_functions(tmp_path, capsys, brief):
    """A tenth of it; the whole is in test_train_reaches_97_percent."""
    work = with_passed(tmp_path)
    (tmp_path / "dW2_db2.py").write_text("changed")
    with pytest.raises(UserError, match="still to do: dW2_db2"):
        train.train(work)
    write(tmp_path, "dW2_db2")
    for name in ("logits", "numerical_gradient"):  # one that is called by another of them, and that one
        path = tmp_path / f"{name}.py"
        text = path.read_text().replace("    return ", "    print('forgotten')\n    return ")
        path.write_text("print('forgotten')\n" * (name == "logits") + text)
        work.progress["passed"][name] = digest(path)
    assert train.train(work) == 0
    out = capsys.readouterr().out
    assert "forgotten" not in out
    assert out.count("prints") == 2
    assert "logits.py prints something; train leaves it out." in " ".join(out.split())
    assert float(out.split()[-1]) > 0.85
    assert "the same as" in out  # as mlp_np.py
    assert {p.name for p in tmp_path.glob("*.png")} == {"loss_plot_mine.png", "accuracy_plot_mine.png"}
    assert max(map(len, out.splitlines())) <= 80 + len(str(tmp_path))


@pytest.mark.parametrize(
    "line",
    ["raise ValueError('x')", "raise SystemExit", "return None", "return 'x'", "1 / 0", "{}['x']", "assert False",
     "dz1(da1, z1, a1)", "class E(Exception): __str__ = None\n        raise E", "return (1, 2, 3)"],
)  # fmt: skip
def test_a_function_that_passed_and_then_fails_is_one_line(line, tmp_path, brief):
    """It has passed on small batches, and train has larger ones."""
    work = with_passed(tmp_path)
    path = write(tmp_path, "dz1", f"if len(z1) > 15:\n    {line}\ndz1 = da1 * (z1 > 0)".replace("\n    \n", "\n"))
    work.progress["passed"]["dz1"] = digest(path)
    with pytest.raises(UserError, match=r"has passed, but fails here"):
        train.train(work)


@pytest.mark.parametrize("further", train.FURTHER)
def test_train_with_the_functions_of_chapter_2(further, tmp_path, capsys, brief):
    with pytest.raises(UserError, match=f"still to do: {further}"):
        train.train(with_passed(tmp_path), further)
    assert train.train(with_passed(tmp_path, [*list(RIGHT)[:10], further]), further) == 0
    assert float(capsys.readouterr().out.split()[-1]) > 0.85


@pytest.mark.slow
def test_train_reaches_97_percent(learner):
    with_passed(learner.folder).save()
    assert float(learner("train").stdout.split()[-1]) > 0.97


def test_a_class_of_30_with_hostile_files_is_marked_to_the_end(tmp_path, capsys):
    everybody = tmp_path / "class"
    result = "import os, sys\npath = sys.argv[4]\n{}\nos._exit(0)\n"
    to_device = "os.remove(path + '.stuck'); os.symlink('/dev/zero', path + '.stuck')"
    programs = {  # in the place of dz1; and its mark
        "a fifo": (result.format("os.mkfifo(path)"), "no result"),
        "a device": (result.format("os.symlink('/dev/zero', path)"), "no result"),
        "a device twice": (result.format(to_device), "no result"),
        "a huge number": (FORGED.format("9" * 10**5), "no result"),
        "a huge float": (filled("dz1", "dz1 = 10.0**308 * 10 * da1"), "not finite"),
        "a str": ("class E(Exception):\n    __str__ = None\nraise E\n", "error: E"),
        "much memory": ("x = bytearray(10 * 2**30)\n", "error: MemoryError"),
        "utf16": (filled("dz1", "dz1 = da1").encode("utf-16"), "error: SyntaxError"),
        "=bob": (filled("dz1", "dz1 = 1 * da1"), "the mask forgotten"),
        "\u00e9va": (filled("dz1", RIGHT["dz1"]), "passed"),
    }
    for name, (text, _) in programs.items():
        (everybody / name / "practice-main" / "my_practice").mkdir(parents=True)
        path = everybody / name / "practice-main" / "my_practice" / "07_dz1 (1).py"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    unread = {"link": lambda path: path.symlink_to("/dev/zero"), "pipe": os.mkfifo, "folder": lambda path: path.mkdir()}
    unread |= {"large": lambda path: path.write_text("#" * 2**21), "gone": lambda path: path.symlink_to("nowhere")}
    for name, make in unread.items():
        (everybody / name).mkdir()
        make(everybody / name / "dz1.py")
    (everybody / "damaged.zip").write_bytes(b"PK")
    with zipfile.ZipFile(everybody / "zipped.zip", "w") as archive:
        archive.writestr("../../my_practice/dz1.py", filled("dz1", RIGHT["dz1"]))
        archive.writestr("../../my_practice/dW2_db2.py", filled("dW2_db2", "dW2 = -a1.T @ dlogits; db2 = 0"))
        archive.writestr("my_practice/progress.json", '{"seen": {"dz1": true}}')
    for i in range(13):
        write(everybody / f"stub {i}", "dz1", "")
    assert classroom.mark_all(str(everybody)) == 0
    out = capsys.readouterr().out
    assert out.startswith("\ufeff")
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(out[1:]))}
    assert len(rows) == 30
    for name, (_, mark) in programs.items():
        assert rows["'=bob" if name == "=bob" else name]["dz1"] == mark, name
    assert all(row["dz1"] == "not written" for name, row in rows.items() if name.startswith("stub"))
    assert [rows[name]["dz1"][:14] for name in ("link", "pipe", "large", "gone")] == ["cannot be read"] * 4
    assert rows["folder"]["logits"] == "no exercise found"
    assert rows["damaged.zip"]["dz1"].startswith("cannot be read")
    assert (rows["zipped.zip"]["dz1"], rows["zipped.zip"]["dW2_db2"]) == ("seen", "dW2: the sign")
    assert (rows["\u00e9va"]["passed"], rows["zipped.zip"]["passed"]) == ("1", "0")


@pytest.mark.parametrize("exercise", EXERCISES, ids=[e.name for e in EXERCISES])
def test_every_exercise_has_a_stub_three_hints_and_a_solution_in_80_columns(exercise):
    text = (STUBS / f"{exercise.name}.py").read_text(encoding="utf-8")
    assert "..." in text
    assert text.isascii()
    assert len(exercise.text.hints) == 3
    assert all(text.isascii() for text in (*exercise.text.hints, *exercise.text.notes.values()))
    assert exercise.sources or exercise.text.notes
    if not exercise.case:
        path, heading = re.fullmatch(r'(docs/\w+\.md), "(.*)"', exercise.text.notes["Docs"]).groups()
        assert re.search(rf"^##+ {re.escape(heading)}$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    for source in exercise.sources:
        line, code = show.excerpt(source)
        assert line > 0
        assert max(map(len, code.splitlines())) <= 80
        prose = [line for line in code.splitlines() if not line.startswith((" ", "#"))]
        assert not [line for line in prose if re.search(r"\w   ", line.partition("  #")[0])]  # no formula was filled
    for line in RIGHT.get(exercise.name, "").strip().splitlines():
        said = line.split("=", 1)[-1].strip()
        assert len(said) < 10 or said.endswith(":") or said not in text, "the stub has its answer in it"


def test_every_stub_is_an_exercise_and_a_solution_keeps_the_next_to_itself():
    assert sorted(BY_NAME) == sorted(path.stem for path in STUBS.glob("*.py"))
    assert {exercise.name for exercise in EXERCISES} == set(BY_NAME)
    for name in ("softmax", "loss"):
        shown = "\n".join(show.excerpt(source)[1] for source in BY_NAME[name].sources)
        assert "log(sum(exp(logits))) - logits[y]" in shown
        assert "onehot" not in shown
    _, text = show.excerpt(BY_NAME["attention"].sources[0])
    assert "\n    dweights = dmixed v.T\n    dv = weights.T dmixed\n" in text  # side by side in the file


@pytest.mark.parametrize("name", ["update", "weight_decay"])
def test_the_update_is_that_of_main_np(name):
    for g in BY_NAME[name].inputs(1):
        params, velocity = {"p": g.old_p.copy()}, {"p": g.old_v.copy()}
        main_np.update(params, velocity, {"p": g.dp.copy()}, g.lr, g.momentum, g.weight_decay)
        assert agree(params["p"], g.p)
        assert agree(velocity["p"], g.v)


@pytest.mark.parametrize("exercise", EXERCISES, ids=[e.name for e in EXERCISES])
def test_a_nudge_of_the_array_changes_the_loss_as_the_reference_says(exercise):
    """What the marker shows for a mistake that it does not know: the reference and its loss must fit together."""
    nudges = {output: nudge for output, nudge in (exercise.nudges or {}).items() if output in exercise.gives}
    if exercise.name == "tanh":
        nudges = {"dz1": ("z1", lambda g, z1: (np.tanh(z1) * g.da1).sum())}
    for output, (name, loss) in nudges.items():
        for seed in range(3):
            g = next(iter(exercise.inputs(seed)))
            array, reference, h = getattr(g, name), getattr(g, output), 1e-6
            for at in [tuple(i) for i in np.random.default_rng(seed).integers(array.shape, size=(5, array.ndim))]:
                step = np.zeros_like(array)
                step[at] = h
                slope = (loss(g, array + step) - loss(g, array - step)) / (2 * h)
                assert slope == pytest.approx(reference[at], abs=1e-6 * np.abs(reference).max()), (output, at)


def test_colour_only_on_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert show.has_colour()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not show.has_colour()
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setattr(show.os, "name", "nt")
    for name in ("WT_SESSION", "ANSICON", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    assert not show.has_colour()
