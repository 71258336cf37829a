"""practice.py as a learner calls it, and the process of its own in which their files run."""

import csv
import functools
import io
import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import zipfile
from datetime import date, timedelta
from types import SimpleNamespace

import numpy as np
import pytest

import practice
from conftest import ROOT, assert_one_line, rows
from exercises import STUBS, classroom, marker, network, review, runner, show
from exercises.work import BY_NAME, EXERCISES, Work, digest, number
from practice_answers import RIGHT, also_right, filled, write
from support.errors import UserError


@pytest.fixture
def learner(tmp_path, capfd):
    """learner("hint") is `python practice.py hint` with a folder of its own: here, for speed, and not in a process."""

    def call(*arguments):
        capfd.readouterr()
        try:
            status = practice.main(["--folder", str(tmp_path / "mine"), *map(str, arguments)]) or 0
        except UserError as error:
            status = 2
            print(f"practice.py: {error}", file=sys.stderr)
        out, err = capfd.readouterr()
        return SimpleNamespace(stdout=out, stderr=err, returncode=status)

    call.folder = tmp_path / "mine"
    return call


def test_a_process_of_its_own_says_where_it_is_stuck_and_which_file_is_no_utf8(tmp_path):
    path = write(tmp_path, "dz1", "while True:\n    dz1 = da1")
    assert re.search(r"after 0.5 seconds, in line (19|20|21)\.", marker.mark(BY_NAME["dz1"], path, 5, seconds=0.5).text)
    path.write_text(path.read_text(), encoding="utf-16")
    assert "not saved as UTF-8" in marker.mark(BY_NAME["dz1"], path, 5).text


# Days of a learner: what is typed (or an exercise, and what is written into its file) and what is then said; not what
# stands behind a ~.
DAYS = f"""
- | meant to fail at first | Exercise 1 of | logits.py | Nothing is written yet | hint
hint 1 | Hint 1 of 3 | ~That was the last one.
hint | Hint 2 of 3
hint | Hint 3 of 3 | ~That was the last one.
hint | Hint 3 of 3 | That was the last one. The derivation is in docs/backprop.md, "The forward pass".
solution 2 | has not passed yet | `python practice.py hint softmax`; after the third
logits: logits = a1 @ W2 - 2 * b2 | --seed
logits: logits = a1 @ W2 - b2 | the bias subtracted
logits: logits = a1 @ W2 - 3 * b2 | --seed
logits: print('shape', a1.shape); logits = a1 @ W2 + b2 | Your code printed: shape ( \
    | Passed. That makes 1 of {len(EXERCISES)}. | You wrote first logits = a1 @ W2 - b2 and now print( \
    | Your mistake was: the bias subtracted. Why was it wrong? \
    | If b2[k] grows by 1 | next | A new network looks at a
- | Exercise 1 of 10 in chapter 1:
solution | logits = a1 @ W2 + b2 Each logit is | In the project: mlp_np.py:
next | Exercise 2 of
list | 1 logits The logits of a layer passed | > 2 | 1 of {len(EXERCISES)} passed
logits: logits = a1 @ w2 | Do you mean `W2`? | ~For these again
list | The logits of a layer changed
reset logits | logits.1.py
reset 1 | logits.2.py

hint
hint
hint
solution LOGITS.py | logits = a1 @ W2 + b2
logits: logits = a1 @ W2 + b2 | Passed, after a look at the solution.
list | 1 logits The logits of a layer seen | 0 of {len(EXERCISES)} passed
tanh: dz1 = da1 * (1 - a1**2) | Passed. | next` to exercise 2:
next | Exercise 2 of
tanh
softmax | Nothing is written yet
next | Exercise 3 of

tanh | Exercise {number(BY_NAME["tanh"])} (1 of 8 in chapter 2)
run | is a function and prints nothing by itself
case_flat | It printed at first: | "zeros"
case_flat: DIAGNOSIS = "epochs" | You say | ~The suspects
case_flat: DIAGNOSIS = rate | Put it in quotes: "rate". | ~The suspects
case_flat: DIAGNOSIS = print(__import__("os").environ["OMP_NUM_THREADS"]) | Your code printed: 1
run | 1 epoch 1: training loss

nonsense | no exercise nonsense
DZ1 | Exercise 7 of
hint dz1.py | Hint 1 of 3
{"9" * 5000} | no exercise
reset x | no exercise x
mark | a folder
mark . --watch | mark takes no --watch
list 3 | no further word
hint --watch | hint takes no --watch
list --seed 0 | list takes no --seed
dz1 --feedback x | dz1 takes no --feedback
train | still to do: logits, softmax
train dz1 | no further word
--seed {"9" * 5000} | --seed
"""


@pytest.mark.parametrize("day", DAYS.split("\n\n"), ids=range(4))
def test_a_day_of_a_learner(day, learner, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    for row in rows(day):
        typed, *words = row.values
        name, colon, body = typed.partition(": ")
        if colon:
            path = write(learner.folder, name, body)
            path.write_text(path.read_text().replace("DIAGNOSIS = ...", body))
        found = learner(*([] if typed == "-" else [name] if colon else typed.split()))
        said = " ".join((found.stdout + found.stderr).split())
        assert "\x1b" not in said
        assert max(map(len, found.stdout.splitlines()), default=0) <= max(80, len(str(learner.folder)) + 22), typed
        assert found.returncode == 0 or assert_one_line(found) is None
        for word in words:
            assert (word.removeprefix("~") in said) != word.startswith("~"), (typed, said)


def test_reset_keeps_what_you_had(learner):
    files = [write(learner.folder, "logits", "logits = a1 @ W2"), STUBS / "logits.py", STUBS / "logits.py"]
    expected = [path.read_text() for path in files]
    learner("reset", "logits")
    learner("reset", 1)
    assert [(learner.folder / f"logits{n}.py").read_text() for n in (".1", ".2", "")] == expected


def test_a_seed_repeats_a_run(learner):
    write(learner.folder, "logits", "logits = a1 @ W2 + 1.5 * b2")
    first = learner("1").stdout
    seed = re.search(r"--seed (\d+)", first)[1]
    again = learner("1", "--seed", seed).stdout
    assert first.endswith(again)  # without the welcome
    assert learner("1", "--seed", int(seed) + 1).stdout != again


def test_practice_has_one_thread_and_starts_without_what_is_large():
    code = (
        "import runpy, sys, threadpoolctl\nsys.argv = ['practice.py', '-h']\n"
        "try: runpy.run_path('practice.py', run_name='__main__')\n"
        "finally: print({pool['num_threads'] for pool in threadpoolctl.threadpool_info()} - {1},"
        " {'matplotlib', 'torch', 'requests', 'exercises.symptoms'} & set(sys.modules))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, text=True, stdout=-1, check=False)
    assert done.stdout.endswith("set() set()\n")


def test_what_has_passed_comes_back_after_days(learner, monkeypatch):
    def days(n):
        monkeypatch.setattr(review, "date", SimpleNamespace(today=lambda: date(2030, 1, 1) + timedelta(n)))

    days(0)
    path = write(learner.folder, "logits")
    assert "due" not in learner().stdout
    assert "Nothing is due" in learner("review").stdout
    days(review.DAYS)
    assert "1 of what you have passed is due" in learner("next").stdout
    assert re.search("1 logits .* review\n", learner("list").stdout)
    assert "call `python practice.py review`" in " ".join(learner("review").stdout.split())
    assert (learner.folder / "review" / "logits.py").read_text() == (STUBS / "logits.py").read_text()
    write(learner.folder / "review", "logits", "logits = a1 @ W2")
    assert "comes back tomorrow" in learner("review").stdout
    assert Work(learner.folder).progress["due"]["logits"] == "2030-01-09"
    write(learner.folder / "review", "logits")
    assert "It rests for 7 days. No more to review" in " ".join(learner("review").stdout.split())
    assert "Nothing is due" in learner("review").stdout
    assert path.read_text() == filled("logits", RIGHT["logits"])
    days(2 * review.DAYS)
    learner("review")  # a new stub
    assert (learner.folder / "review" / "logits.py").read_text() == (STUBS / "logits.py").read_text()


def test_first_comes_back_what_needed_help():
    progress = {"passed": {"logits": "", "loss": "", "da1": "", "dz1": ""}, "hints": {"da1": 1}, "seen": {}}
    progress |= {"mistakes": {"loss": "the sign"}, "due": {"dz1": "2030-01-02"}}
    assert review.due(progress, date(2030, 1, 1)) == ["loss", "da1", "logits"]


def test_nothing_that_has_passed_is_lost(learner):
    """With two terminals, with an exercise of another version, with an answer that cannot be read."""
    first, second = Work(learner.folder), Work(learner.folder)
    first.note("passed", digest(write(learner.folder, "logits")), BY_NAME["logits"])
    second.note("passed", digest(write(learner.folder, "loss")), BY_NAME["loss"])
    second.note("current", "of another version")
    second.note("passed", "", SimpleNamespace(name="of another version"))
    assert learner("review").returncode == 0
    (learner.folder / "dz1.py").mkdir()
    second.note("passed", "", BY_NAME["dz1"])
    assert f"2 of {len(EXERCISES)} passed" in learner("list").stdout


@pytest.mark.parametrize(
    "damage",
    [None, "{", "[]", '{"passed": 3}', "[" * 10**5, '{"current": "dz1", "passed": {"dz1": 3}}',
     '{"current": "dz1", "passed": {}, "hints": {"dz1": "x"}}', '{"current": "dz1", "first": []}'],
)  # fmt: skip
def test_a_damaged_progress_or_a_pipe_is_one_line(damage, tmp_path):
    (tmp_path / "progress.json").write_text(damage) if damage else os.mkfifo(tmp_path / "progress.json")
    with pytest.raises(UserError, match=r"progress\.json"):
        Work(tmp_path)


def test_without_torch_its_exercises_say_how_to_get_it(tmp_path, program):
    found = program("practice.py", "--folder", tmp_path, env={"PYTHONPATH": str(ROOT / "tests" / "no_torch")})
    assert "Nothing is written" in found.stdout  # and nothing else imports it
    error = runner.explain(ModuleNotFoundError("No module named 'torch'", name="torch"), "x.py")
    assert "pip install -r requirements.txt" in error["message"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send")
def test_watch_marks_again_what_is_saved_until_ctrl_c(learner):
    command = [sys.executable, str(ROOT / "practice.py"), "--watch", "--folder", str(learner.folder)]
    attended = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a job in the background ignores Ctrl-C
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True, preexec_fn=attended) as process:
        limit = threading.Timer(60, process.kill)
        limit.start()
        for words, deed in {
            "Waiting until you save": lambda: write(learner.folder, "logits"),
            "Passed.": lambda: learner("next"),
            "Exercise 2 of": lambda: process.send_signal(signal.SIGINT),
        }.items():
            assert any(words in line for line in process.stdout), f"it ended without {words}"
            deed()
        assert "Traceback" not in process.stderr.read()
    limit.cancel()
    assert process.returncode == 130


# What each line of chapter 1 brings, when it has passed.
BRINGS = """
logits | gives the digits 0 to 9 these scores:      | softmax | and gives it 9%; the 2 gets 21%
loss | the loss on 1,000 digits is 2.45             | dlogits | -0.91 +0.05 +0.08 +0.13 +0.04 +0.07 +0.11. Only the 3
dW2_db2 | the last layer alone take the loss down:  | da1 | would fall fastest if hidden unit 117 were lower
dz1 | let 49% of the gradients through              | dW1_db1 | ######::.
update | the loss falls: 2.45, 0.                   | numerical_gradient | your judge and your db2 agree to
"""


def some(mnist):
    return mnist.train_images[:11_000].reshape(-1, 784), mnist.train_labels[:11_000]


def test_each_line_says_what_it_has_brought(mnist):
    cells = [cell.strip() for cell in BRINGS.replace("\n", "|").strip("|").split("|")]
    assert cells[::2] == list(network.EXERCISES)
    for name, words in zip(cells[::2], cells[1::2], strict=True):
        assert words in network.brought(name, {}, *some(mnist))


def test_train_writes_a_program_of_ones_own_lines_that_reads_97_of_100_digits(learner):
    work = Work(learner.folder)
    for name in network.USED:
        assert_one_line(learner("train"), f"still to do: {name}")
        work.note("passed", digest(write(learner.folder, name)), BY_NAME[name])
    found = learner("update").stdout
    assert "the loss falls: 2.45, 0." in found and "python practice.py train" in found
    path = learner.folder / "my_network.py"
    path.write_text("mine")
    out = learner("train").stdout
    assert path.read_text() == network.program({})  # the learner wrote the same as the project
    assert (learner.folder / "my_network.1.py").read_text() == "mine"
    assert float(re.findall(r"it reads (\S+)", out)[-1]) > 97
    write(learner.folder, "da1", "da1 = 0")
    assert_one_line(learner("train"), "still to do: da1")
    (learner.folder / "da1.py").write_text("\ufeffda1 = lambda dlogits, W2, z1: dlogits @ W2.T", encoding="utf-8")
    work.note("passed", digest(learner.folder / "da1.py"), BY_NAME["da1"])
    assert_one_line(learner("train"), "no `def da1`")


# Ways to write a right function that are no plain lines of a program.
AWKWARD = {
    "logits": "def logits(a, W, b):\n    return a @ W + b",
    "softmax": "def f(z):\n    return np.exp(z)\ndef softmax(logits): p = f(logits); return p / p.sum(1)[:, None]",
    "loss": "import math\ndef loss(p, y):\n    y = np.eye(10)[y]\n    return -(y * np.log(p)).sum() / len(y)",
    "dlogits": "def dlogits(p, y):\n    p = p.copy()\n    p[range(len(y)), y] -= 1\n    return (p) / (len(y))",
    "dW2_db2": "def dW2_db2(z1, a1, dlogits):\n    print('here')\n    return (a1.T @ dlogits, dlogits.sum(0))",
    "dz1": "def dz1(da1, z1, a1):\n    if len(z1) > 3:\n        return da1 * (z1 > 0)\n    return (z1 > 0) * da1",
}


def test_however_it_was_written_it_makes_the_same_network(mnist, capsys):
    def run(sources):
        lines = {name: network.lines_of(name, source) for name, source in sources.items()}
        compile(network.program(lines), "my_network.py", "exec")
        return network.brought("update", lines, *some(mnist))

    also = {}
    for name, body in also_right():
        also.setdefault(name, []).append(filled(name, body))
    sources = [
        {name: bodies[k % len(bodies)] for name, bodies in also.items() if name in network.USED} for k in range(3)
    ]
    expected = run({})
    for files in [*sources, {name: f"import numpy as np\n\n\n{text}\n" for name, text in AWKWARD.items()}]:
        assert run(files) == expected


# Files in the place of dz1, that would hang or kill the process that marks them if it ran them itself; and their marks.
FORGED = "import os, sys\npath = sys.argv[4]\n{}\nos._exit(0)\n"
CHILD = "import subprocess\nopen(__file__ + '.pid', 'w').write(str(subprocess.Popen(['sleep', '100']).pid))\n"
HOSTILE = {
    "a loop": ("while True:\n    pass\n", "does not end"),
    "catches all": ("while True:\n    try:\n        while 1: pass\n    except BaseException: pass\n", "does not end"),
    "a flood": ("while True:\n    print('x' * 1000)\n", "does not end"),
    "an exit": ("import os\nos._exit(0)\n", "no result"),
    "a kill": ("import os, signal\nos.killpg(0, signal.SIGKILL)\n", "no result"),
    "a child": (CHILD, "no function"),
    "a device": (FORGED.format("os.symlink('/dev/zero', path)"), "no result"),
    "twice": (FORGED.format("os.remove(path + '.stuck'); os.symlink('/dev/zero', path + '.stuck')"), "no result"),
    "deep": (FORGED.format("open(path, 'w').write('[' * 100000)"), "no result"),
    "no trials": (FORGED.format("""open(path, 'w').write('{"trials": []}')"""), "no result"),
    "a huge float": (filled("dz1", "dz1 = 10.0**308 * 10 * da1"), "not finite"),
    "a str": ("class E(Exception):\n    __str__ = None\nraise E\n", "error: E"),
    "much memory": ("x = bytearray(10 * 2**30)\n", "error: MemoryError"),
    "utf16": (filled("dz1", "dz1 = da1").encode("utf-16"), "error: SyntaxError"),
    "=bob": (filled("dz1", "dz1 = 1 * da1"), "the mask forgotten"),
    "stub": (filled("dz1", ""), "not written"),
    "\u00e9va": (filled("dz1", RIGHT["dz1"]), "passed"),
}


def marks_of(folder, capsys, **options):
    """{person: {exercise: mark}}, and what stderr said."""
    assert classroom.mark_all(str(folder), **options) == 0
    out, err = capsys.readouterr()
    assert out.startswith("\ufeff")
    return {row["name"]: row for row in csv.DictReader(io.StringIO(out[1:]))}, err


def test_a_class_with_hostile_files_is_marked_to_the_end(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(marker, "SECONDS", 1)
    for name, (text, _) in HOSTILE.items():
        path = tmp_path / name / "practice-main" / "my_practice" / "dz1 (1).py"
        path.parent.mkdir(parents=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    unread = {"link": lambda path: path.symlink_to("/dev/zero"), "pipe": os.mkfifo, "folder": lambda path: path.mkdir()}
    unread |= {"large": lambda path: path.write_text("#" * 2**21), "gone": lambda path: path.symlink_to("nowhere")}
    unread["within"] = lambda path: path.with_suffix(".zip").write_bytes(b"PK")
    for name, make in unread.items():
        (tmp_path / name).mkdir()
        make(tmp_path / name / "dz1.py")
    write(tmp_path / "folder" / ".trash", "logits")
    (tmp_path / "\u00e9va" / "progress.json").write_text("[")
    (tmp_path / "damaged.zip").write_bytes(b"PK")
    with zipfile.ZipFile(tmp_path / "zipped.zip", "w") as archive:
        archive.writestr("../../my_practice/dz1.py", filled("dz1", RIGHT["dz1"]))
        archive.writestr("../../my_practice/dW2_db2.py", filled("dW2_db2", "dW2 = -a1.T @ dlogits; db2 = 0"))
        archive.writestr("my_practice/progress.json", '{"seen": {"dz1": true}}')
    feedback = tmp_path / ".feedback"
    marks, said = marks_of(tmp_path, capsys, feedback=feedback, only="dz1,dW2_db2,loss")
    child = ["ps", "-o", "state=", "-p", next(tmp_path.glob("*/*/*/*.pid")).read_text()]
    assert subprocess.run(child, stdout=-1, check=False).stdout.strip() in (b"", b"Z")  # it has ended, too
    assert marks.keys() == {*HOSTILE, *unread, "damaged.zip", "zipped.zip", "'=bob"} - {"=bob"}
    assert {name: marks[name.replace("=", "'=")]["dz1"] for name in HOSTILE} == {
        n: mark for n, (_, mark) in HOSTILE.items()
    }
    damaged = {"damaged.zip", *unread} - {"folder"}
    assert all(marks[name]["dz1"].startswith("cannot be read") for name in damaged)
    assert marks["folder"]["dz1"] == "no exercise found"
    assert list(marks["zipped.zip"].values()) == ["zipped.zip", "seen", "dW2: the sign", "", "0"]
    assert marks["\u00e9va"]["passed"] == "1"
    assert re.search(r"^dz1 +21 +1  (no result|does not end) \(\d\)$", said, re.M) and "\nloss" not in said
    assert "zipped.zip, \u00e9va: dz1\n" in said
    assert "A unit that is off gives 0" in (feedback / "=bob.txt").read_text(encoding="utf-8")
    assert "dz1, Back through the ReLU, dz1: passed" in (feedback / "\u00e9va.txt").read_text(encoding="utf-8")


# How people hand their work in, {path: what is written in place of the dots}: dz1 is right in each.
STUB, DONE = None, RIGHT["dz1"]
HANDED_IN = {
    "the repository.zip": {"nn/exercises/stubs/dz1.py": STUB, "nn/my_practice/dz1.py": DONE},
    "with a stub on top": {"dz1.py": STUB, "a/b/dz1.py": DONE},
    "with a copy": {"dz1.py": DONE, "dz1 (1).py": STUB},
    "with a draft": {"dz1.py": "dz1 = 0 * da1", "home/my_practice/dz1.py": DONE},
    "by Moodle": {"work.zip": {"my_practice/dz1.py": DONE, "__MACOSX/dz1.py": STUB}},
    "with an environment.zip": {f".venv/lib/{i}.py": DONE for i in range(300)} | {"my_practice/dz1.py": DONE},
    "beside a damaged one": {"dz1.py": DONE, "notes.zip": b"PK\5\6"},
    "reviewed": {"my_practice/dz1.py": DONE, "my_practice/review/dz1.py": "dz1 = 0 * da1"},
}


def test_however_work_is_handed_in_it_is_found(tmp_path, capsys):
    def hand_in(path, content):
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                for member, body in content.items():
                    archive.writestr(member, filled("dz1", body or ""))
        elif isinstance(content, dict):
            for name, part in content.items():
                hand_in(path / name, part)
        else:
            path.write_text(filled("dz1", content or ""), encoding="utf-8")

    for person, content in HANDED_IN.items():
        hand_in(tmp_path / person, content)
    marks, _ = marks_of(tmp_path, capsys, only="chapter1")
    assert {person: row["dz1"] for person, row in marks.items()} == dict.fromkeys(HANDED_IN, "passed")


@pytest.mark.parametrize("exercise", EXERCISES, ids=[e.name for e in EXERCISES])
def test_every_exercise_has_a_stub_three_hints_and_a_solution_in_80_columns(exercise):
    text = (STUBS / f"{exercise.name}.py").read_text(encoding="utf-8")
    assert "..." in text and len(exercise.text.hints) == 3
    assert all(text.isascii() for text in (text, *exercise.text.hints, *exercise.text.notes.values()))
    if not exercise.case:
        path, heading = re.fullmatch(r'(docs/\w+\.md), "(.*)"', exercise.text.notes["Docs"]).groups()
        assert re.search(rf"^##+ {re.escape(heading)}$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    assert exercise.case or exercise.text.answer.splitlines()[-1] in show.solved(exercise)
    # (Its project's line is found, or this raises.)


def test_every_stub_is_an_exercise():
    assert sorted(BY_NAME) == sorted(path.stem for path in STUBS.glob("*.py")) == sorted(e.name for e in EXERCISES)


@pytest.mark.parametrize("exercise", EXERCISES, ids=[e.name for e in EXERCISES])
def test_a_nudge_of_the_array_changes_the_loss_as_the_reference_says(exercise):
    """What the marker shows for a mistake that it does not know: the reference and its loss must fit together."""
    for seed, output in itertools.product(range(3), exercise.gives):
        g = next(iter(exercise.inputs(seed)), None)
        if g and (loss := vars(g).get("losses", {}).get(output[1:])):
            array, reference, h = getattr(g, output[1:]), getattr(g, output), 1e-6
            for at in [tuple(i) for i in np.random.default_rng(seed).integers(array.shape, size=(5, array.ndim))]:
                step = np.zeros_like(array)
                step[at] = h
                slope = (loss(array + step) - loss(array - step)) / (2 * h)
                assert slope == pytest.approx(reference[at], abs=1e-6 * np.abs(reference).max()), (output, at)
