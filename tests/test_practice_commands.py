"""practice.py as a learner calls it, and the process of its own in which their files run."""

import csv
import errno
import functools
import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import zipfile
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest

import loading.checkpoint
import loading.options
import practice
import predict
from conftest import ROOT, TODAY, UNIX, assert_one_line, rows
from desk import archives, classroom, review, show
from desk.work import Work, digest
from exercises import network, prove
from exercises.catalogue import BY_NAME, CASES, CATALOGUE, EXERCISES
from marker import catalogue, complaints, kind, marking, runner, sandbox
from marker.kind import Outcome, Report
from marker.verdict import Verdict
from mlp_np import numerical_gradient, softmax_cross_entropy
from page import desk
from practice_answers import ALSO_RIGHT, RIGHT, blocks_of, filled, write
from support.errors import UserError


@pytest.fixture
def learner(tmp_path, capfd, monkeypatch):
    """learner("hint") is `python practice.py hint` with a folder of its own: here, for speed, and not in a process.

    The files are marked here, too.
    """

    def here(exercise, file, seed, *_):
        return Report(**json.loads(json.dumps(asdict(runner.make_report(exercise, file, seed)))))

    def call(*arguments):
        capfd.readouterr()
        try:
            status = practice.main(["--folder", str(call.folder), *map(str, arguments)]) or 0
        except UserError as error:
            status = 2
            print(f"practice.py: {error}", file=sys.stderr)
        out, err = capfd.readouterr()
        return SimpleNamespace(stdout=out, stderr=err, returncode=status)

    call.apart = runner.run_in_subprocess
    monkeypatch.setattr(runner, "run_in_subprocess", here)
    monkeypatch.setattr(marking, "confirm_pass", lambda exercise, file, verdict, *how: verdict)
    call.folder = tmp_path / "my.python"  # a dot and py in the name of a folder
    return call


def number(name):
    """The number that an exercise has in the list."""
    return CATALOGUE.number(BY_NAME[name])


# Whoever has solved logits and loss has these left, in this order: with an exercise of somebody's own, they are others.
OPEN = [exercise.name for exercise in EXERCISES if exercise.name not in ("logits", "loss")]
SECOND = EXERCISES[1].name
AFTER_TANH = CATALOGUE.find_part(BY_NAME["tanh"]).exercises[1].name

# What learners do, and what is then said (not what stands behind a ~): the words that they type; an exercise, and what
# they write into its file before it is marked; or how many days they wait before they type nothing.
DAYS = f"""
+0 | At first it fails, and that is all right | Exercise 1 (The MLP, 1 of | logits.py | Nothing is written yet | hint
hint 1 | Hint 1 of 3 | ~That was the last hint.
hint | Hint 2 of 3
solution | has not passed yet
hint | Hint 3 of 3 | ~That was the last hint.
hint | Hint 3 of 3 | That was the last hint. The derivation is in docs/backprop.md, "The forward pass".
solution 2 | has not passed yet | `python practice.py hint {SECOND}`; after the third
logits: logits = np.tanh(3 * (a1 @ W2)) - 2 * b2 | --seed
logits: logits = a1 @ W2 - b2 | the bias subtracted
logits: logits = a1 @ W2 * b2 | the bias multiplied
logits: print('begun' + 3000 * chr(10) + 'ended'); logits = a1 @ W2 | Your code printed: begun | ~ended
logits: logits = a1 @ W2 - b2 | the bias subtracted
logits: print('shape', a1.shape); logits = a1 @ W2 + b2 | Your code printed: shape ( \
    | Passed. That makes 1 of {len(EXERCISES)}. For an image of a \
    | Your first lines had a mistake: the bias subtracted. You wrote logits = a1 @ W2 - b2 and now print( \
    | Why was it wrong? The marker said: If b2[k] grows by 1 | next | ~practice.py train | ~"The MLP" is done
+0 | {CATALOGUE.describe_number(BY_NAME["logits"])}:
solution | logits = a1 @ W2 + b2 Each logit is | The derivation: docs/backprop.md, "The | In the project: mlp_np.py:
next | Exercise {number("softmax")} (
list | 1 logits The logits of a layer passed | > 2 | 1 of {len(EXERCISES)} passed
logits: logits = a1 @ w2 | Do you mean `W2`? | ~To get the same ones again
list | The logits of a layer changed
reset logits | logits.1.py
reset 1 | logits.2.py
logits | Nothing is written yet

hint
hint
hint
solution LOGITS.py | logits = a1 @ W2 + b2
logits: logits = a1 @ W2 + b2 | Passed, after you looked at the solution.
list | 1 logits The logits of a layer seen | 0 of {len(EXERCISES)} passed
softmax | Nothing is written yet
next | Exercise {number("softmax") + 1} (
loss: loss = -np.log(p[np.arange(len(y)), y]).mean() | Passed. | next` goes to exercise {number(OPEN[0])}:
next | Exercise {number(OPEN[0])} (
next | Exercise {number(OPEN[1])} (
tanh: dz1 = da1 * (1 - a1**2) | Passed. | next` goes to exercise {number(AFTER_TANH)}:
next | Exercise {number(AFTER_TANH)} (

tanh | {CATALOGUE.describe_number(BY_NAME["tanh"])}
case_flat | At first, it printed: | "zeros"
case_flat: DIAGNOSIS = "epochs" | You say | ~The suspects
run | epoch 1: training loss | ~prints nothing
case_flat: DIAGNOSIS = rate | Put it in quotes: "rate". | ~The suspects

logits: logits = a1 @ W2 + b2 | Passed. | ~due
review | Nothing is due
+7 | 1 passed exercise is due
list | The logits of a layer review
review | Nothing is written yet | run `python practice.py review` to
review/logits: logits = a1 @ W2 | the bias forgotten | comes back until you get it right
review | the bias forgotten
review/logits: logits = a1 @ W2 + b2 | It comes back in 7 days. No more to review
review | Nothing is due
list | The logits of a layer passed
+7
review | Nothing is written yet

logits: logits = a1 @ W2 + b2 | Passed.
loss: loss = -np.log(p[np.arange(len(y)), y]).mean() | Passed.
+7 | 2 passed exercises are due
review da1 | da1 has not passed yet
review loss | Review of exercise {number("loss")}
review | Review of exercise {number("loss")}
review/loss: loss = p | ~kept in
review logits | Review of exercise {number("logits")} | ~kept in
review loss | Nothing is written yet | Your file is kept in | review/loss.1.py
review logits | Review of exercise {number("logits")} | ~kept in

nonsense | no exercise nonsense: `python
softmx | no exercise softmx (is it softmax?): `python
DZ1 | Exercise {number("dz1")} (
hint dz1.py | Hint 1 of 3
{"9" * 5000} | no exercise
reset x | no exercise x
mark | a folder
mark . --watch | mark takes no --watch
--out x.csv | an exercise takes no --out, which belongs to `mark`: `python practice.py mark -h`
dz1 --out=x.csv | dz1 takes no --out, which belongs to `mark`
dz1 --nonsense | dz1 takes no --nonsense: `python practice.py dz1 -h`
list 3 | no further word
hint --watch | hint takes no --watch
list --seed 0 | list takes no --seed
list --folder= | --folder: it is empty: name a folder
dz1 --feedback x | dz1 takes no --feedback
mark . --out marks.txt | --out marks.txt: the name must end in .csv
train | still to do: logits, softmax
train dz1 | no further word
prove | you have written nothing yet that `prove mlp` can use: begin with `python practice.py logits`
prove tape | begin with `python practice.py tape_train`
prove cnn | mlp, resnet, vit, tape, gpt, llama, not cnn
--seed {"9" * 5000} | --seed
logits: logits = np.full((len(a1), 10), np.nan) | are not finite | To get the same ones again, add --seed
"""


# What a command line means: its command, and its options but for those that are not given.
COMMAND_LINES = """
                                  | exercise
7                                 | exercise, which 7
dz1 --seed 3                      | exercise, which dz1, seed 3
--seed 3 dz1                      | exercise, which dz1, seed 3
--watch                           | exercise, watch True
--watch next                      | next, watch True
next --printed                    | next, printed True
hint                              | hint
hint 7 --folder mine              | hint, which 7, folder mine
--exercises theirs hint           | hint, exercises theirs
list                              | list
run tape_train                    | run, which tape_train
look own_gpt                      | look, which own_gpt
reset dz1                         | reset, which dz1
solution 7                        | solution, which 7
train                             | train
prove                             | prove
prove tape                        | prove, network tape
read png/photo.jpg                | read, picture png/photo.jpg
review --seed 1                   | review, seed 1
fault                             | fault
fault mlp_np.py:61 gradient       | fault, place mlp_np.py:61, suspect gradient
fault --seed 2                    | fault, seed 2
mark class --out a.csv            | mark, submissions class, out a.csv
--exercises theirs mark class --only dz1,da1 --feedback f | mark, exercises theirs, submissions class, only dz1,da1, \
                                                            feedback f
check a.py --seed 3               | check, file a.py, seed 3
"""


@pytest.mark.parametrize(("line", "meaning"), [*rows(COMMAND_LINES)])
def test_what_a_command_line_means(line, meaning):
    options = vars(practice.parse_options(line.split()))
    command, *others = (part.strip() for part in re.split(r", +(?=[a-z]+ )", meaning))
    wanted = dict(other.split(" ", 1) for other in others)
    assert options["command"] == command
    assert {name: str(value) for name, value in options.items() if value and name != "command"} == wanted


def test_the_help_of_check_says_what_it_tests_and_with_which_status_it_ends(capsys):
    with pytest.raises(SystemExit):
        practice.main(["check", "-h"])
    text = " ".join(capsys.readouterr().out.split())
    for words in (
        "central differences of LOSS",
        "is in exercises/",
        "--exercises names",
        "and 1 if something is wrong",
    ):
        assert words in text


def test_every_command_line_of_the_docs_is_one():
    texts = [path.read_text(encoding="utf-8") for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))]
    lines = {line for text in texts for line in re.findall(r"python practice\.py([^`\n#]*)", text)}
    assert len(lines) > 60
    for line in lines:
        options = practice.parse_options(line.removesuffix("-h").split())
        names = {"FOLDER", "FILE", "NAME", "CLASS"}
        if options.command == "exercise" and options.which and options.which not in names:
            assert CATALOGUE.get_exercise(options.which)


@pytest.mark.parametrize("command", practice.COMMANDS)
def test_each_command_explains_itself_and_no_other(command, capsys):
    with pytest.raises(SystemExit) as ended:
        practice.main([command, "-h"])
    said = capsys.readouterr().out
    assert ended.value.code == 0 and said.startswith(f"usage: practice.py {command} ")
    assert len(said.splitlines()) < 25
    others = {"--feedback": "mark", "--watch": "next", "SUSPECT": "fault", "NETWORK": "prove", "PICTURE": "read"}
    assert all((word in said) == (name == command) for word, name in others.items())


def test_the_list_of_commands_has_each_on_a_line_and_none_of_their_options(capsys):
    with pytest.raises(SystemExit):
        practice.main(["-h"])
    said = capsys.readouterr().out
    assert re.findall(r"^    (\w+) {2,}\w", said, re.MULTILINE) == [*practice.COMMANDS]
    assert {*re.findall(r"--\w+", said)} == {"--help", "--folder", "--exercises", "--watch"}


@pytest.mark.parametrize("days", DAYS.split("\n\n"), ids=range(6))
def test_some_days_of_a_learner(days, learner, monkeypatch):
    today = TODAY
    for row in rows(days):
        typed, *words = row.values
        name, colon, body = typed.partition(": ")
        if colon:
            path = write(learner.folder / Path(name).parent, Path(name).name, body)
            path.write_text(path.read_text(encoding="utf-8").replace("DIAGNOSIS = ...", body))
            typed = name.replace("/", " ")
        elif typed.startswith("+"):
            today += timedelta(int(typed))
            clock = SimpleNamespace(today=lambda today=today: today, fromisoformat=date.fromisoformat)
            monkeypatch.setattr(review, "date", clock)
            typed = ""
        found = learner(*typed.split())
        said = " ".join((found.stdout + found.stderr).split())
        assert "\x1b" not in said
        assert [line for line in found.stdout.splitlines() if len(line) > 80 and str(learner.folder) not in line] == []
        assert found.returncode == 0 or assert_one_line(found) is None
        for word in words:
            assert (word.removeprefix("~") in said) != word.startswith("~"), (typed, said)


def test_a_file_finds_the_users_modules_and_has_one_thread(learner, monkeypatch, tmp_path):
    """Run or marked."""
    (tmp_path / "mine.py").write_text("import os; print('mine', os.environ['OMP_NUM_THREADS'])")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    path = write(learner.folder, "logits")
    path.write_text(f"import mine, mlp_np\n{path.read_text(encoding='utf-8')}")
    assert learner("run", "logits").stdout.startswith(
        "mine 1\nExercise 1 is a function, which prints nothing by itself"
    )
    assert learner.apart(BY_NAME["logits"], path, 0, 8).verdict["printed"] == "mine 1\n"


def test_what_a_beginner_meets_first_is_said(learner):
    def said(*words):
        return " ".join(learner(*words).stdout.split())

    def write_lines(lines):
        path.write_text(path.read_text(encoding="utf-8").replace("    dz1 = ...\n", lines))

    path = learner.folder / "dz1.py"
    assert "Did you save it?" not in said("dz1")
    assert f"\n\n{runner.HOW_TO_MARK_PREFIX}: save it, and type in a terminal" in path.read_text(
        encoding="utf-8"
    )  # Run in an editor shows nothing
    # The path is a name, too.
    assert "The file has not changed since it was last marked. Did you save it?" in said(path)
    write_lines("    dz1 = ...\n    dz = da1 * (z1 > 0)\n")
    assert "dz1 is still three dots, but your code assigns to `dz`." in said()
    write_lines("    dz1 = 1 * da1\n    print(np.arange(40.0)[:, None])\n")
    found = said("--seed", 1)
    assert found.index("the mask forgotten") < found.index("Your code printed: [[ 0.] [ 1.]")
    assert "[ 7.] ... and 152 more lines: add" in found and "add --printed" in found and "[39.]]" not in found
    assert "[39.]]" in said("--seed", 1, "--printed")
    path.write_text(path.read_text(encoding="utf-8").replace("import numpy as np\n", ""))
    assert "There is no `np` here. The line `import numpy as np` is missing" in said()


def test_all_that_a_case_prints_is_shown_and_the_beginning_of_what_is_printed_beside_it(learner):
    learner("case_writer")
    path = learner.folder / "case_writer.py"
    changed = path.read_text(encoding="utf-8").replace("EPOCHS = 14, 0.2, 100, 6", "EPOCHS = 14, 0.2, 100, 1")
    path.write_text(changed)
    printed = learner("case_writer").stdout.partition("Your code printed:\n")[2]
    assert len(re.findall("^[#.]{28}$", printed, re.MULTILINE)) == 14 and "more lines: add" not in printed
    path.write_text(
        changed.replace("    return loss\n\n\nif", "    print(*range(50), sep='\\n')\n    return loss\n\n\nif")
    )
    printed = learner("case_writer").stdout.partition("Your code printed:\n")[2]
    assert len(re.findall("^[#.]{28}$", printed, re.MULTILINE)) == 14 and "... and 45 more lines: add" in printed


def test_a_seed_repeats_a_run(learner):
    write(learner.folder, "logits", "logits = a1 @ W2 + 1.5 * b2")
    first = learner("1").stdout
    seed = int(re.search(r"--seed (\d+)", first)[1])
    assert first.endswith(learner("1", "--seed", seed).stdout)  # without the welcome
    assert not first.endswith(learner("1", "--seed", seed + 1).stdout)


def test_practice_starts_without_what_is_large_or_may_be_missing():
    code = "import practice, sys; print({'matplotlib', 'torch', 'exercises.symptoms'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True) == "set()\n"
    text = complaints.explain_error_in_file(ModuleNotFoundError("No module named 'torch'", name="torch"), "x.py")
    assert "pip install -r requirements.txt" in text


def test_first_comes_back_what_needed_help():
    progress = {"passed": {"logits": "", "loss": "", "da1": "", "dz1": ""}, "hints": {"da1": 1}, "seen": {}}
    progress |= {
        "mistakes": {"loss": "the sign"},
        "due": {"dz1": review.choose_review_day({"due": {}}, has_passed=True)},
    }
    assert review.list_due(progress) == ["loss", "da1", "logits"]


def test_what_has_passed_on_one_day_comes_back_on_several_a_few_on_each():
    progress = {"passed": {}, "due": {}, "hints": {}, "seen": {}, "mistakes": {}}
    for name in BY_NAME:
        progress["passed"][name] = ""
        progress["due"][name] = review.choose_review_day(progress, has_passed=True)
    first, many = TODAY + timedelta(review.MIN_DAYS_TO_REVIEW), -(-len(BY_NAME) // review.MAX_REVIEWS_PER_DAY)
    assert {*progress["due"].values()} == {(first + timedelta(n)).isoformat() for n in range(many)}
    assert review.list_due(progress) == []
    progress["due"]["loss"] = "2099-01-01"  # it passed while the clock was wrong
    assert review.list_due(progress) == ["loss"]


def test_what_is_saved_while_the_file_is_marked_has_not_passed(learner, monkeypatch):
    def mark(exercise, path, seed, **_):
        write(learner.folder, "logits", "logits = 0")
        return Verdict(True, "passed", "")

    write(learner.folder, "logits")
    monkeypatch.setattr(marking, "mark", mark)
    learner()
    assert "The logits of a layer changed" in " ".join(learner("list").stdout.split())


def test_the_list_has_columns(learner):
    """The longest name does not run into its title, and no line is longer than a terminal."""
    lines = learner("list").stdout.splitlines()
    rows = {line[2:].split()[1]: line for line in lines if re.match(r"[ >] [ \d]\d ", line)}
    assert rows.keys() == BY_NAME.keys() and max(map(len, lines)) <= 80
    (start,) = {re.match(r"[ >] [ \d]\d \w+ +", line).end() for line in rows.values()}
    for name, line in rows.items():
        assert line[start - 1] == " " and BY_NAME[name].title.startswith(line[start:].split("...")[0].rstrip())


def test_with_the_last_exercise_of_a_part_the_part_is_done(learner):
    work, (*others, last) = (
        Work(learner.folder, CATALOGUE),
        CATALOGUE.by_part["Detective work on a tape: ours, and PyTorch's"],
    )
    for exercise in (*others, last):
        verdict = Verdict(True, "passed", "")
        said = work.describe_verdict(exercise, verdict)
        work.record_verdict(exercise, verdict, digest(work.get_or_make_path(exercise)))
        assert ("is done." in said[0]) == (exercise is last)
    assert said[0].startswith(f'Passed. That makes 3 of {len(EXERCISES)}. "Detective work on a tape" is done')
    work.store("first", "a\nb\nc\nd\ne\nf", last)
    work.store("mistakes", "the sign", last)
    *_, said = work.describe_verdict(last, Verdict(True, "passed", "", typed="a\nb\nC\nd\ne\nf"))
    assert said.endswith("the sign. You wrote\n\nc\n\nand now\n\nC")  # of many lines, those that differ


def test_nothing_that_has_passed_is_lost(learner):
    """With two terminals, with an exercise of another version, with an answer that cannot be read."""
    first, second = Work(learner.folder, CATALOGUE), Work(learner.folder, CATALOGUE)
    first.store("passed", digest(write(learner.folder, "logits")), BY_NAME["logits"])
    second.store("passed", digest(write(learner.folder, "loss")), BY_NAME["loss"])
    second.store("current", "of another version")
    second.store("passed", "", SimpleNamespace(name="of another version"))
    newer = json.loads((learner.folder / "progress.json").read_text(encoding="utf-8")) | {"badges": ["gold"]}
    (learner.folder / "progress.json").write_text(json.dumps(newer))
    learner("hint", "dz1")
    assert json.loads((learner.folder / "progress.json").read_text(encoding="utf-8")) == newer | {"hints": {"dz1": 1}}
    assert [*Work(learner.folder, CATALOGUE).progress["passed"]] == ["logits", "loss"]
    (learner.folder / "dz1.py").mkdir()
    second.store("passed", "", BY_NAME["dz1"])
    assert f"2 of {len(EXERCISES)} passed" in learner("list").stdout


@pytest.mark.parametrize(
    "damage", ["{", "[]", '{"passed": 3}', "[" * 10**5, '{"hints": {"dz1": "x"}}', '{"current": []}']
)
def test_a_damaged_progress_is_one_line(damage, tmp_path):
    (tmp_path / "progress.json").write_text(damage)
    with pytest.raises(UserError, match=r"progress\.json"):
        Work(tmp_path, CATALOGUE)


@UNIX
@pytest.mark.slow(one_in=2)
def test_watch_marks_again_what_is_saved_until_ctrl_c(learner):
    command = [sys.executable, str(ROOT / "practice.py"), "--watch", "--folder", str(learner.folder)]
    attended = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a job in the background ignores Ctrl-C
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True, preexec_fn=attended) as process:
        limit = threading.Timer(60, process.kill)
        limit.start()
        for words, deed in {
            "Waiting until you save": lambda: write(learner.folder, "logits"),
            "Passed.": lambda: learner("next"),
            "Exercise 2 (": lambda: process.send_signal(signal.SIGINT),
        }.items():
            assert any(words in line for line in process.stdout), f"it ended without {words}"
            deed()
        assert "Traceback" not in process.stderr.read()
    limit.cancel()
    assert process.returncode == 130


def shortened(text, steps):
    """The program of `train`, or a part of it, with so many steps in one epoch."""
    return text.replace("(-1, 100)", f"(-1, 100)[:{steps}]").replace("(1, 2, 3)", "(1,)")


def after(dataset, steps, paths=(), rates=(0.1,)):
    """All that the program of `train` has computed in its last step, by name, and then found in its last test."""
    names, found = {"__name__": "after"}, {}
    exec(shortened(network.make_program(paths), steps), names)
    images, labels, test_images, test_labels = dataset

    def hear(loss, accuracy, answers=None, params=None, curves=None):
        if answers is None:  # it is called by `step`, and that by `train`
            found.update(sys._getframe(2).f_locals)
        found.update(params or {}, answers=answers, test_labels=test_labels, accuracy=accuracy)

    names["learn"](images.reshape(-1, 784), labels, test_images.reshape(-1, 784), test_labels, 128, rates, hear)
    return SimpleNamespace(**found)


def no_space():
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def drawn(weights):
    """784 numbers as lines of characters, darker where the number is farther from 0."""
    darkness = np.abs(weights.reshape(14, 2, 28).mean(axis=1))
    lines = ("    " + "".join(" .:*#"[int(4.99 * d)] for d in row) for row in darkness / darkness.max())
    return "\n".join(line.rstrip() for line in lines if line.strip())


def test_what_is_said_of_real_digits_is_so(mnist):
    now, trained, zeros = after(mnist, 1), after(mnist, 100), np.zeros(10)
    digit, unit = now.y[-1], np.abs(now.da1[-1]).argmax()
    times = f"times the batch size of {len(now.y)}"
    right = 100 * np.mean(trained.answers == trained.test_labels)
    one = drawn(now.x[-1] * np.abs(now.dz1[-1]).max())
    p = 100 * now.dlogits[-1] + np.eye(10)[digit]
    scores = " ".join(f"{score:.1f}" for score in now.logits[-1].round(1) + 0)  # and not -0.0
    signs = " ".join(f"{100 * number:+.2f}" for number in now.dlogits[-1])
    for name, words in {
        "logits": f"a {digit}, an untrained network gives the digits 0 to 9 these scores: {scores}.",
        "softmax": f"a {digit}, an untrained network gives the {digit} a probability of {p[digit]:.0%}, "
        f"and the {p.argmax()} a probability of {p.max():.0%}.",
        "loss": f"the loss on 100 digits is {now.loss:.2f}.",
        "dlogits": f"For an image of a {digit}, the dlogits of an untrained network, {times}, are {signs}. "
        f"Only the score of {digit} should",
        "dW2_db2": f"from {now.loss:.2f} to {softmax_cross_entropy(now.a1 @ now.W2 + now.b2, now.y)[0]:.2f}.",
        "da1": f"a {digit}, .* unit {unit} were {'lower' if now.da1[-1, unit] > 0 else 'higher'}.",
        "dz1": f"lets {np.mean(now.dz1 != 0):.0%} of",
        "dW1_db1": f"a {digit}, .* is that image times a number:\n{re.escape(one)}$",
        "update": f"from {now.loss:.2f} to {trained.loss:.2f}.* classifies {right:.0f} of 100 ",
    }.items():
        assert re.search(words.replace("+", "[+]"), BY_NAME[name].on_digits), name
    judge = numerical_gradient(lambda: softmax_cross_entropy(now.logits + zeros, now.y)[0], zeros, 1e-5)
    assert judge == pytest.approx(now.db2, abs=1e-10)


@pytest.mark.slow(one_in=2)
def test_train_writes_a_program_of_ones_own_lines_and_runs_it(learner, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    threads = "import os\nprint(os.environ['OMP_NUM_THREADS'])\n"
    monkeypatch.setattr(network, "PROGRAM", shortened(network.PROGRAM, 100) + threads)
    work = Work(learner.folder, CATALOGUE)
    for name in network.HOLE_NAMES:
        assert_one_line(learner("train"), f"still to do: {name}")
        work.store("passed", digest(write(learner.folder, name)), BY_NAME[name])
    assert "is done" not in (found := learner("update").stdout) and "python practice.py train" in found
    assert "`python practice.py prove mlp` " in found
    # own_network takes long to mark.
    *others, last = sorted(network.EXERCISES.keys() - network.HOLE_NAMES, key="own_network".__ne__)
    for name in others:
        work.store("passed", digest(write(learner.folder, name)), BY_NAME[name])
    found = learner(write(learner.folder, last).stem).stdout
    assert f'Passed. That makes {len(network.EXERCISES)} of {len(EXERCISES)}. "The MLP" is done.' in found
    assert "practice.py prove" not in found  # it takes no part
    path = learner.folder / "my_network.py"
    path.write_text("mine")
    assert "it reads 91.2% of the test digits\n1\n" in learner("train").stdout
    assert path.read_text(encoding="utf-8") == network.make_program([])  # the learner wrote the same as the project
    assert (learner.folder / "my_network.1.py").read_text(encoding="utf-8") == "mine"
    with monkeypatch.context() as again:
        again.setattr(runner, "run_for_exit_status", lambda *_, **__: 1)
        assert "kept" not in learner("train").stdout  # nothing has changed
    checkpoint = loading.checkpoint.load_network(path.with_suffix(".npz")).checkpoint
    assert checkpoint.history.step == 100 and round(checkpoint.history.test_accuracy[-1], 3) == 0.912
    predict.main([str(ROOT / "png" / "photo.jpg"), "--weights", str(path.with_suffix(".npz"))])
    kept = path.with_suffix(".npz").read_bytes()
    with monkeypatch.context() as full, pytest.raises(SystemExit, match=r"No space left.* not kept"):
        full.setattr(Path, "write_bytes", lambda self, content: self.touch() or no_space())
        exec(shortened(network.make_program([]), 1), {"__name__": "__main__", "__file__": str(path)})
    assert path.with_suffix(".npz").read_bytes() == kept and not path.with_suffix(".part").exists()
    with pytest.raises(UserError, match="it can be used, but not continued"):
        loading.options.parse_options_and_checkpoint("np", "", ["--resume", str(path.with_suffix(".npz"))])
    write(learner.folder, "da1", "da1 = 0")
    assert_one_line(learner("train"), "still to do: da1")
    (learner.folder / "da1.py").write_text("\ufeffda1 = lambda dlogits, W2, z1: dlogits @ W2.T", encoding="utf-8")
    work.store("passed", digest(learner.folder / "da1.py"), BY_NAME["da1"])
    assert_one_line(learner("train"), "no `def da1`")


def test_a_network_of_ones_own_lines_that_was_changed_is_kept(learner, monkeypatch):
    monkeypatch.setattr(practice, "list_unpassed_for_train", lambda work: [])
    monkeypatch.setattr(runner, "run_for_exit_status", lambda *_, **__: 1)
    path = write(learner.folder, "dz1").with_name("my_network.py")
    path.write_text("mine")
    for kept in ("my_network.1.py", ""):  # and if nothing has changed, nothing
        found = learner("train")
        assert kept in found.stdout and ("is kept in" in found.stdout) == bool(kept)
    assert path.with_name("my_network.1.py").read_text(encoding="utf-8") == "mine" != path.read_text(encoding="utf-8")


def test_the_last_lines_that_a_proof_needs_lead_to_it(learner):
    *earlier, last = prove.PROOFS["gpt"][0].exercises
    for name in earlier:
        assert "practice.py prove" not in learner(write(learner.folder, name).stem).stdout
    assert "`python practice.py prove gpt`" in learner(write(learner.folder, last).stem).stdout


def test_read_needs_a_network_from_a_blank_file(tmp_path):
    """And names the other command where `train` has made one."""
    command = ["--folder", str(tmp_path), "read", str(ROOT / "png" / "photo.jpg")]
    with pytest.raises(UserError, match=r"own_network is not written yet: `python practice.py own_network` opens it$"):
        practice.main(command)
    (tmp_path / "my_network.npz").touch()
    with pytest.raises(UserError, match=r"python predict.py .+photo.jpg --weights .+my_network.npz"):
        practice.main(command)
    assert not (tmp_path / "own_network.py").exists()


@pytest.mark.slow(one_in=2)
def test_that_program_reads_97_of_100_digits(mnist):
    assert after(mnist, 600, rates=[0.1 / epoch for epoch in (1, 2, 3)]).accuracy > 0.97


# Ways to write a right function that are no plain lines of a program.
AWKWARD = {
    "logits": "def logits(a, W, b):\n    return a @ W + b  # your expression in place of the three dots (a sum)",
    "softmax": (
        "def f(z):\n    return np.exp(z)\ndef softmax(logits): p = f(logits); return p / p.sum(1)[:, None]\n"
        "logits = np.eye(3)\nprint(softmax(logits))\nif __name__ == '__main__':\n    print(softmax(logits))"
    ),
    "loss": (
        "import gzip, math\ndef loss(p, y):\n    y = np.eye(10)[y]\n"
        "    return -(y * np.log(p)).sum() / math.fsum(y.flat) if gzip else 0"
    ),
    "dlogits": (
        "def dlogits(p, y): return p  # the last one counts\n"
        "def dlogits(p, y):\n    p = p.copy()\n    p[range(len(y)), y] -= 1\n    return (p) / (len(y))"
    ),
    "dW2_db2": "def dW2_db2(z1, a1, dlogits):\n    print('here')\n    return (a1.T @ dlogits, dlogits.sum(0))",
    "da1": (
        "import math\n@np.vectorize\ndef double(z):\n    return 2 * z\nHALF: float = math.sqrt(double(0.125))\n"
        "def da1(dlogits, W2, z1):\n    da1 = dlogits @ W2.T\n#    da1 = da1 / 2\n    da1 = HALF * double(da1)\n"
        "    return da1"
    ),
    "dz1": "def dz1(da1, z1, a1):\n    if len(z1) > 3:\n        return da1 * (z1 > 0)\n    return (z1 > 0) * da1",
    "dW1_db1": "def dW1_db1(x, z1, da1, dz1, *, axis=0):\n    dW1 = x.T @ dz1\n    return dW1, dz1.sum(axis)",
    "update": (
        "@np.errstate(all='ignore')\ndef update(old_p, old_v, dp, lr, momentum):\n    v = momentum * old_v + dp\n"
        "    return v, old_p - lr * v"
    ),
}


def test_however_it_was_written_it_makes_the_same_network(tmp_path, small):
    also = {}
    for name, body in blocks_of(ALSO_RIGHT):
        also.setdefault(name, []).append(filled(name, body))
    ways = [
        {name: bodies[k % len(bodies)] for name, bodies in also.items() if name in network.HOLE_NAMES} for k in range(3)
    ]
    ways.append({name: f"import numpy as np\n\n\n{text}\n" for name, text in AWKWARD.items()})
    expected = after(small, 6).params  # an epoch
    for way in ways:
        paths = [tmp_path / f"{name}.py" for name in way]
        for path in paths:
            path.write_text(way[path.stem], encoding="utf-8")
        for name, array in after(small, 6, paths).params.items():
            np.testing.assert_allclose(array, expected[name], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"softmax": "f = np.exp", "dz1": "def f(z):\n    return z > 0"}, "dz1.py defines `f`"),
        ({"dz1": "def loss(z):\n    return z > 0\nf = loss"}, "dz1.py defines `loss`"),
        ({"dz1": "def load(z):\n    return z > 0\nf = load"}, "dz1.py defines `load`"),
        ({"dz1": "def e(z):\n    return z > 0\nf = e", "softmax": ""}, "dz1.py defines `e`"),
        ({"dz1": "from numpy import *\nf = sign", "softmax": "from math import *\nf = exp"}, "dz1.py defines"),
    ],
)
def test_a_name_that_means_two_things_in_the_network_is_one_line(files, said, tmp_path):
    lines = {"softmax": "e = {}(logits)\np = e / e.sum(axis=1, keepdims=True)", "dz1": "dz1 = da1 * f(z1)"}
    for name, above in files.items():
        path = write(tmp_path, name, lines[name].format("f" if above else "np.exp"))
        path.write_text(path.read_text(encoding="utf-8").replace("\ndef ", f"\n{above}\n\n\ndef ", 1))
    with pytest.raises(UserError, match=f"^{said}.*rename it$"):
        network.make_program([tmp_path / f"{name}.py" for name in network.HOLE_NAMES if name in files])


def zipped(members):
    """A zip file with these members, as bytes."""
    with zipfile.ZipFile(content := io.BytesIO(), "w") as archive:
        for member, text in members.items():
            archive.writestr(member, text)
    return content.getvalue()


def changed(content, member, offsets):
    """That zip file with other bytes in both headers of a member: {where in the one, where in the other: byte}.

    6, 8: flags, of which 1 says encrypted; 8, 10: how it is compressed; 14, 16: its checksum.
    """
    content, name = bytearray(content), member.encode()
    for (local, central), byte in offsets.items():
        first, second = content.index(name) - 30 + local, content.rindex(name) - 46 + central
        content[first] = content[second] = byte
    return bytes(content)


def squeezed(size=2**26):
    """A zip file of 200 bytes, packed by bzip2, that claims to unpack to 100 bytes, and would to 64 MiB."""
    with (
        zipfile.ZipFile(content := io.BytesIO(), "w", zipfile.ZIP_BZIP2) as archive,
        archive.open("dz1.py", "w") as work,
    ):
        for _ in range(size // 2**20):
            work.write(bytes(2**20))
    content = bytearray(content.getvalue())
    for sign, at in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        at += content.rindex(sign)
        content[at : at + 4] = (100).to_bytes(4, "little")
    return bytes(content)


ENCRYPTED, UNKNOWN, TORN = {(6, 8): 1}, {(8, 10): 77}, {(14, 16): 0}


# What people hand in, and the mark of dz1. Some hang or kill the process that runs them, or forge its result; some just
# raise an error, and are marked here.
STUB, DONE, DRAFT = (filled("dz1", body) for body in ("", RIGHT["dz1"], "dz1 = 0 * da1"))
FORGED = """import os, sys
open(sys.argv[5], "w").write('{"verdict": {"passed": false, "name": "=1", "text": ""}}')
os._exit(0)
"""
CHILD = "import subprocess\nopen(__file__ + '.pid', 'w').write(str(subprocess.Popen(['sleep', '100']{}).pid))\n"
HOSTILE = {
    "catches all": ("while True:\n    try:\n        while 1: pass\n    except BaseException: pass\n", "does not end"),
    "waits": (f"import time\ntime.sleep(0.7)\n{DONE}", "passed"),
    "a flood": ("while True:\n    print('x' * 1000)\n", "does not end"),
    "a kill": ("import os, signal\nos.killpg(0, signal.SIGKILL)\n", "no result"),
    "a thread": (f"import threading, time\nthreading.Thread(target=time.sleep, args=[99]).start()\n{DONE}", "passed"),
    "a child": (CHILD.format(""), "no function"),
    "a child on its own": (CHILD.format(", start_new_session=True, env={}"), "no function"),
    "a child that goes on": (CHILD.format(", start_new_session=True") + "while True: pass\n", "does not end"),
    "a formula": (FORGED, "error: Exception"),
    "a str": ("class E(Exception):\n    __str__ = None\nraise E\n", "error: Exception"),
    "much memory": ("x = bytearray(10 * 2**30)\n", "error: MemoryError"),
    "stub": (STUB, "not written"),
    "large": ("#" * 2**21, "cannot be read"),
    "a link": (lambda path: path.symlink_to("/dev/zero"), "cannot be read"),
    "a pipe": (lambda path: os.mkfifo(path), "cannot be read"),
    "a link outside": (lambda path: path.symlink_to(ROOT / "desk" / "show.py"), "cannot be read"),
    "itself": ("import os\nos.remove(__file__)\n", "no function"),
    "a folder": (Path.mkdir, "no exercise found"),
}
QUIET = {
    "done": (DONE, "passed"),
    "drafted": (DRAFT, "an argument not used"),
    "a name": ("class passed(Exception): pass\nraise passed('passed')\n", "error: Exception"),
    "a mark": ("class E(Exception):\n    mark = 'passed'\nraise E\n", "error: Exception"),
    "a misuse": ("from marker.verdict import Wrong\nraise Wrong('=HYPERLINK(1)', '')\n", "error: Exception"),
    "a class": ("raise type('=HYPERLINK(1)', (KeyError,), {})\n", "error: KeyError"),
    "utf16": (DONE.encode("utf-16"), "error: SyntaxError"),
    "latin1": (f"# d\xe9riv\xe9e\n{DONE}".encode("latin-1"), "error: SyntaxError"),
    "=bob": (filled("dz1", "dz1 = 1 * da1"), "the mask forgotten"),
    "half a letter": ("raise ValueError('\\udc80')", "error: ValueError"),
}
CLASS = {name: ({"main/dz1 (1).py": content}, mark) for name, (content, mark) in (HOSTILE | QUIET).items()} | {
    "\u00e9va": ({"dz1.py": DONE, "progress.json": "[", "notes.zip": "PK\5\6"}, "passed"),
    "hidden": ({".trash/dz1.py": DONE}, "no exercise found"),
    "damaged.zip": ("PK", "cannot be read"),
    "of another course.zip": ({"notes.txt": "", "dz1.py": "#" * 2**21}, "cannot be read"),
    "damaged within": ({"work.zip": "PK"}, "cannot be read"),
    "large beside others": ({"dz1.py": "#" * 2**21, "da1.py": DONE}, "cannot be read"),
    "with a stub on top": ({"dz1.py": STUB, "a/b/dz1.py": DONE}, "passed"),
    "with a draft": ({"dz1.py": DRAFT, "home/my_practice/dz1.py": DONE}, "passed"),
    "by Moodle": ({"work.zip": {"my_practice/dz1.py": DONE, "__MACOSX/dz1.py": STUB}}, "passed"),
    "with a backup": ({"my_practice/dz1.py": DONE, "my_practice/backup/dz1.py": DRAFT}, "passed"),
    "renamed": ({"dz1_renamed.py": DONE, "dz1.1.py": DRAFT, "notes.py": ""}, "passed"),
    "a copy": ({"dz1 - Kopie.py": DONE}, "passed"),
    "by Canvas": ({"canvas_12_34_dz1-1.py": DONE, "da1_dz1.py": DRAFT}, "passed"),
    "by mail.zip": ({"a.zip": zipped({"b.zip": zipped({"dz1.py.txt": DONE})})}, "passed"),
    "the repository": ({"practice.py": "", "exercises/dz1.py": DONE, "lab/x.py": ""}, "no exercise found"),
    "y" * 253 + "1": ({"dz1.py": DONE}, "passed"),
    "y" * 253 + "2": ({"dz1.py": STUB}, "not written"),
    "\x1b[2J": ({"dz1.py": DONE}, "passed"),
    "dz1_zoe.py": (DONE, "passed"),
    "packed.tar.gz": ({"my_practice/dz1.py": DONE, "../../dz1.py": DRAFT, "progress.json": "{}"}, "passed"),
    "packed.7z": ("7z", "cannot be read"),
    "squeezed.zip": (lambda path: path.write_bytes(squeezed()), "cannot be read"),
    "a link to work": (lambda path: path.symlink_to("done"), "cannot be read"),
    "a long name.zip": ({f"{'z' * 250}_dz1.py": DONE}, "passed"),
    "deep.tar.gz": ({f"{'n/' * 3000}da1.py": DONE, "dz1.py": DONE}, "passed"),
    "two cases.zip": ({"DZ1.PY": DRAFT, "dz1.py": DONE}, "passed"),
    "a file and a folder.zip": ({"a": "", "a.py": "", "a.py/da1.py": DONE, "dz1.py": DONE}, "passed"),
    "Mac.zip": ({"dz1.py": STUB, "._dz1.py": "\0"}, "not written"),
    "torn.zip": (changed(zipped({"da1.py": DONE, "dz1.py": DONE}), "da1.py", TORN), "passed"),
    "strange.zip": (changed(zipped({"notes.py": DONE, "dz1.py": DONE}), "notes.py", UNKNOWN), "passed"),
    "encrypted.zip": (changed(zipped({"x/dz1.py": DONE}), "x/dz1.py", ENCRYPTED), "cannot be read"),
    "one encrypted.zip": ({
        "w.zip": changed(zipped({"x/da1.py": DONE}), "x/da1.py", ENCRYPTED), "dz1.py": DONE, "progress.json": "[",
    }, "passed"),
    "from Windows.zip": ({
        "..\\..\\my_practice\\dz1.py": DONE,
        "my_practice/dW2_db2.py": filled("dW2_db2", "dW2 = -a1.T @ dlogits; db2 = 0"),
        "my_practice/progress.json": '{"seen": {"dz1": true}}',
    }, "seen"),
}  # fmt: skip


def test_a_files_name_says_which_exercise_it_is_for():
    """Whatever people and platforms add to it; the name of one may be a part of another's."""
    for names, exercise in {
        "dz1.py DZ1.PY dz1_(1).py dz1_-_Kopie.py dz1-1.py dz1_ada.py ada_123_456_dz1.py dz1.py.txt": "dz1",
        "softmax.py my-softmax.py": "softmax", "softmax_backward.py softmax_backward_ada.py": "softmax_backward",
        "da1_dz1.py dz12.py xdz1.py dz1.1.py dz1.txt dz1.pyc dz1 notes.py": None,
    }.items():  # fmt: skip
        for name in names.split():
            assert archives.find_exercise_name(BY_NAME, Path("a", name.replace("_-_", " - "))) == exercise, name


def test_a_stub_that_the_page_opens_replaces_nothing(tmp_path, monkeypatch):
    (tmp_path / "my_practice.zip").write_bytes(zipped({"my_practice/dz1.py": STUB, "my_practice/da1.py": DONE}))
    monkeypatch.setattr(desk, "WORK_FOLDER", tmp_path)
    monkeypatch.setattr(desk, "UNPACKED_FOLDER", tmp_path / "unpacked")
    assert desk.unpack_work("my_practice.zip")["work"]["files"] == {"da1": DONE}


def test_a_tar_file_is_looked_through_up_to_a_limit(tmp_path, monkeypatch):
    """256 MiB, and here 1; the first member is a hole that costs no disk."""
    assert archives.MAX_SUBMISSION_BYTES == 2**28
    monkeypatch.setattr(archives, "MAX_SUBMISSION_BYTES", 2**20)
    for size, said in (
        (2**19, None),
        (2**20 + 1, "it unpacks to too many bytes: at most 1,048,576, with the files that belong to it"),
    ):
        hole, work = tarfile.TarInfo("hole"), tarfile.TarInfo("dz1.py")
        hole.size, work.size = size, len(DONE)
        with open(path := tmp_path / f"{size}.tar", "wb") as file:
            file.write(hole.tobuf())
            file.seek(-(-size // 512) * 512, os.SEEK_CUR)
            file.write(work.tobuf() + DONE.encode() + bytes(2048))
        assert archives.unpack_archive(CATALOGUE.by_name, path, tmp_path / str(size)).get(path.name) == said
        assert (tmp_path / str(size) / "0" / "dz1.py").exists() == (said is None)


def test_of_a_tar_file_with_many_members_it_is_said_that_it_has_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBERS", 1)
    for n, said in ((10, {}), (11, {"n.tar.gz": "it has too many files to look through"})):
        hand_in(path := tmp_path / str(n) / "n.tar.gz", {f"{i}.txt": "" for i in range(n)})
        assert archives.unpack_archive(CATALOGUE.by_name, path, tmp_path) == said


def hand_in(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    if callable(content):
        content(path)
    elif not isinstance(content, dict):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    elif path.suffix == ".zip":
        path.write_bytes(zipped(content))
    elif path.suffix == ".gz":
        with tarfile.open(path, "w:gz") as archive:
            for name, part in content.items():
                member = tarfile.TarInfo(name)
                member.size = len(part)
                archive.addfile(member, io.BytesIO(part.encode()))
    else:
        for name, part in content.items():
            hand_in(path / name, part)


def test_marks_go_into_a_file_in_utf8_and_none_is_left_half(tmp_path, capsys, monkeypatch):
    person = os.fsdecode("\u00e9va".encode())  # as Python reads that name where the locale is ASCII
    shown = person.encode(errors="replace").decode()
    hand_in(tmp_path / "class" / person / "dz1.py", BY_NAME["dz1"].stub)
    marks = tmp_path / "marks.csv"
    classroom.mark_all(CATALOGUE, str(tmp_path / "class"), only="dz1", out_path=marks)
    assert marks.read_bytes() == f"\ufeffname,passed,note,dz1\n{shown},0,,not written\n".encode()
    out, said = capsys.readouterr()
    assert not out and f"{shown}: 0 of 1" in said
    monkeypatch.setattr(classroom, "iter_summary_lines", lambda *_: 1 / 0)
    marks.unlink()
    with pytest.raises(ZeroDivisionError):
        classroom.mark_all(CATALOGUE, str(tmp_path / "class"), only="dz1", out_path=marks)
    assert [path.name for path in tmp_path.iterdir()] == ["class"]


def test_a_read_only_copy_names_the_way_out(learner, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", denied)
    assert_one_line(learner(), "Permission denied", "`python practice.py --folder DIR`")


@UNIX
@pytest.mark.slow(one_in=2)
def test_a_class_is_marked_to_the_end(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sandbox, "find_failure", lambda: "this is about what guards where there is none")
    apart, found, exercise = runner.run_in_subprocess, {}, BY_NAME["dz1"]
    for content, _ in QUIET.values():
        hand_in(path := tmp_path / "dz1.py", content)
        found[path.read_bytes()] = Report(**json.loads(json.dumps(asdict(runner.make_report(exercise, path, 0)))))
    monkeypatch.setattr(
        runner, "run_in_subprocess", lambda e, file, *how: found.get(file.read_bytes()) or apart(e, file, *how)
    )
    monkeypatch.setattr(kind.Kind, "seconds", 0.5)
    monkeypatch.setattr(tempfile, "tempdir", str(spare := tmp_path / "spare"))
    spare.mkdir()
    folder, feedback = tmp_path / "class", tmp_path / "feedback"
    for person, (content, _) in CLASS.items():
        hand_in(folder / person, content)
    (feedback / "with a stub on top.txt").mkdir(parents=True)
    (feedback / "renamed.txt").write_text("the teacher's own")
    (feedback / "drafted.txt").symlink_to(folder / "drafted" / "said.txt")
    classroom.mark_all(CATALOGUE, str(folder), feedback_folder=feedback, only="dz1,dW2_db2,chapter4")
    out, said = capsys.readouterr()
    assert not [*spare.iterdir()]
    assert out.startswith("\ufeffname,passed,note,dz1,dW2_db2,layer_norm_dx,softmax_backward,attention\n")
    marks = {row["name"]: row for row in csv.DictReader(io.StringIO(out[1:]))}
    found = {name: re.sub("(cannot be read).*", r"\1", row["dz1"] or row["note"]) for name, row in marks.items()}
    assert found == {name.replace("=", "'=").replace("\x1b", "?"): mark for name, (_, mark) in CLASS.items()}
    for parent in ("a child", "a child on its own", "a child that goes on"):
        child = ["ps", "-o", "state=", "-p", (folder / parent / "main" / "dz1 (1).py.pid").read_text(encoding="utf-8")]
        assert subprocess.run(child, stdout=-1, check=False).stdout.strip() in (b"", b"Z")  # it has ended, too
    assert "\x1b" not in out + said and not re.search("^[=+@-]|,[=+@-]", out, re.M)
    assert marks["from Windows.zip"]["dW2_db2"] == "dW2: the sign"
    assert (marks["from Windows.zip"]["passed"], marks["\u00e9va"]["passed"]) == ("0", "1")
    assert str(tmp_path) not in out
    for person, note in {
        "torn.zip": r"cannot be read: da1.py \(it is damaged\)",
        "strange.zip": r"cannot be read: notes.py \(its kind of compression is not known here: ask for .*",
        "squeezed.zip": r"cannot be read: dz1.py \(its kind of compression is not known here: ask for .*",
        "encrypted.zip": r"cannot be read: dz1.py \(it is encrypted: ask for one without a password\)",
    }.items():
        assert re.fullmatch(note, marks[person]["note"])
    tried = [row["dz1"] for row in marks.values() if row["dz1"] not in ("", "not written")]
    commonest = f"error: Exception ({tried.count('error: Exception')})"
    expected = ["dz1", str(len(tried)), str(tried.count("passed")), commonest]
    assert expected in [line.split(maxsplit=3) for line in said.splitlines()] and "\nattention" not in said
    assert "renamed: 1 of 5 (notes.py: not the name of an exercise)\n" in said
    assert "by Canvas: 1 of 5 (da1_dz1.py: not the name of an exercise)\n" in said
    assert "with a stub on top: no feedback: " in said and "renamed: no feedback: renamed.txt exists already" in said
    assert "drafted: no feedback" in said and not (folder / "drafted" / "said.txt").exists()
    assert (feedback / "renamed.txt").read_text(encoding="utf-8") == "the teacher's own"
    assert len({path.read_text(encoding="utf-8") for path in feedback.glob("yyy*.txt")}) == 2
    for person, words in {
        "half a letter": r"\? \(ValueError\)",
        "catches all": "after (0.5|2) seconds, in line [2-5]",
        "utf16": "not saved as UTF-8",
        "=bob": "A unit that is off returns 0",
        "\u00e9va": "dz1, Backpropagation through the ReLU: dz1: passed",
        "damaged.zip": "cannot be read: damaged.zip .it is not a ZIP file, or damaged",
        "a name": "It raises passed: passed",
    }.items():
        assert re.search(words, (feedback / f"{person}.txt").read_text(encoding="utf-8"))


@UNIX
def test_what_is_no_result_is_none(tmp_path):
    """A file may leave anything where its own is expected."""
    left = {
        "deep": "[" * 100_000,
        "no trials": '{"trials": []}',
        "a device": HOSTILE["a link"][0],
        "a pipe": HOSTILE["a pipe"][0],
    }
    for name in [*left, "nothing"]:
        if name in left:
            hand_in(tmp_path / name, left[name])
        outcome = runner.read_report(tmp_path / name, "dz1.py", 8, 0)
        assert marking.read_verdict(BY_NAME["dz1"], outcome).name == "no result", name


def test_every_exercise_has_a_stub_three_hints_and_a_place_in_the_docs_in_ascii():
    assert len(BY_NAME) == len(EXERCISES)
    for exercise in EXERCISES:
        assert "..." in exercise.stub and len(exercise.hints) == 3
        assert exercise.file.read_text(encoding="utf-8").isascii()
        questions = [question for *_, question in exercise.mistakes]
        prose = re.sub(
            "`.*?`",
            "",
            "\n".join([*exercise.hints, *questions, *exercise.kind.list_solution_paragraphs(exercise)[-1:]]),
        )
        assert "](" not in prose, "the site would make a link of it: code belongs between backticks"
        solution = show.describe_solution(exercise)  # its project's line is found, or this raises
        if exercise not in CASES:
            assert exercise.answer.splitlines()[-1] in solution
            path, heading = re.fullmatch(r'(docs/\w+\.md), "(.*)"', exercise.docs).groups()
            assert re.search(rf"^##+ {re.escape(heading)}$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)


def test_a_broken_exercise_stops_no_other(another_project, program):
    """Each file that cannot be used is named in a line, which says why; all others are there."""
    chapter = another_project / "exercises" / "chapter1"
    whole = (chapter / "da1.py").read_text(encoding="utf-8")
    broken = {
        "an_exit": (whole + "raise SystemExit\n", "SystemExit"),
        "no_answer": (
            whole.replace("    da1 = dlogits @ W2.T\n", ""),
            "`da1` has no answer between its docstring and `return`",
        ),
        "no_stub_of_dots": (whole.replace("= dlogits @ W2.T", "= ..."), "above the line there are dots"),
        "no_change": (whole.replace(" | -da1", ""), "the mistake 'the sign' has no change"),
        "no_cut": (whole.partition("# ---- what follows")[0], "the line '# ---- what follows is not handed out' is"),
        "no_edit": (whole.replace("| -da1", "| V -> W"), "the mistake 'the sign': there is no 'V' in the formula"),
        "no_hint": (whole.replace("\n3. ", "\n"), "HINTS has 2 hints"),
        "no_inputs": (whole + "INPUTS = 5\n", "INPUTS is no list of functions"),
        "no_key": (whole + "INPUTS = [{'small': 1}['large']]\n", "KeyError: 'large'"),
        "no_name": (whole + "MISTAKE = ''\n", "it says MISTAKE, which the class Exercise"),
        "no_python": (whole + "def f(:\n", "SyntaxError: "),
        "no_question": (whole + "MISTAKES = 'the sign | -da1'\n", "the mistake 'the sign' has no question"),
        "no_stub": (whole.replace("def da1", "def da1(:"), "SyntaxError: "),
        "no_title": (whole.replace('"""', "", 2), "SyntaxError: "),
        "no_words": (whole.partition('"""\n')[2], "it has no title: its first line should be"),
    }
    for name, (text, _) in broken.items():
        (chapter / f"{name}.py").write_text(text)
    (chapter / "dz1.py").unlink()
    ended = program("practice.py", "list", "--folder", another_project / "mine", project=another_project)
    said = dict(line.split(" is left out: ") for line in ended.stderr.splitlines())
    assert said.keys() == {f"exercises/chapter1/{name}.py" for name in [*broken, "dz1"]}
    for name, (_, why) in broken.items():
        assert said[f"exercises/chapter1/{name}.py"].startswith(why), name
    assert ended.returncode == 0 and f"of {len(EXERCISES) - 1}" in ended.stdout and " da1 " in ended.stdout
    assert not CATALOGUE.broken  # of the project's own


def test_ctrl_c_while_the_exercises_are_read_is_no_broken_exercise(monkeypatch):
    monkeypatch.setattr(catalogue, "Exercise", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        CATALOGUE.read_or_leave_out(ROOT / "exercises" / "chapter1" / "dz1.py")


def test_what_a_learners_exception_says_or_cannot_say(tmp_path, capsys):
    """Its text may raise itself, and may hold what moves a terminal's cursor."""
    code = "dlogits-onehot-largest-weights-scores-words"  # where a line ends, it is not cut
    for message, words in (
        ("1 / 0", "no message"),
        ("'\\x1b[2J'", r"\?\[2J"),
        (f"66 * '.' + ' {code}'", re.escape(code)),
    ):
        silent = f"class Mine(Exception):\n    def __str__(self):\n        return {message}\n\n\nraise Mine\n"
        hand_in(path := tmp_path / "dz1.py", silent)
        practice.print_text(marking.read_verdict(BY_NAME["dz1"], runner.make_report(BY_NAME["dz1"], path, 0)).text)
        out = capsys.readouterr().out
        assert re.search(words, out) and "\x1b" not in out


def test_a_file_that_is_kept_replaces_none(tmp_path, monkeypatch, capsys):
    for name in ("dz1.py", "dz1.1.py"):
        (tmp_path / name).write_text(name)
    practice.rename_and_print_path(tmp_path / "dz1.py")
    (tmp_path / "dz1.py").write_text("again")
    monkeypatch.setattr(os, "link", Mock(side_effect=OSError(95, "Operation not supported")))
    practice.rename_and_print_path(tmp_path / "dz1.py")
    left = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert left == {"dz1.1.py": "dz1.1.py", "dz1.2.py": "dz1.py", "dz1.3.py": "again"}


def test_lines_in_a_learners_helper_may_read_like_the_programs(tmp_path, monkeypatch):
    """The page trains the same program, whatever text there is in it."""
    helper = "def third(n):\n    lr = 0.1 / n\n    for epoch in (1, 2, 3):\n        lr += 0.3\n    return lr / lr"
    path = write(tmp_path, "dz1", "dz1 = da1 * (z1 > 0) * third(3)")
    path.write_text(path.read_text(encoding="utf-8").replace("\ndef ", f"\n{helper}\n\n\ndef ", 1))
    rows, said = [array[:200] for array in desk.load_rows()], []
    changed = {"WORK_FOLDER": tmp_path, "NETWORK_FILE": tmp_path / "my_network.py", "load_rows": lambda: rows}
    for name, value in (changed | {"send_to_page": lambda **one: said.append(one)}).items():
        monkeypatch.setattr(desk, name, value)
    desk.train_with_progress(["dz1"])
    assert [*map(len, said)] == [1, 1, 4] * desk.N_EPOCHS and said[-1]["accuracy"] > said[2]["accuracy"]


@pytest.mark.slow(one_in=2)
def test_marking_needs_numpy_alone(tmp_path, program):
    """As on the README's first screen, where nothing else is installed. What needs more says what to install."""
    for package in ("PIL", "filelock", "matplotlib", "requests", "threadpoolctl", "torch", "tqdm"):
        (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError('it is not here', name={package!r})\n")

    def practice(*words):
        return program("practice.py", *words, "--folder", tmp_path / "mine", env={"PYTHONPATH": str(tmp_path)})

    write(tmp_path / "mine", "dz1", "dz1 = da1 * z1")
    marked = practice("dz1")
    assert (marked.returncode, marked.stderr) == (0, "") and "multiplied by z1" in marked.stdout
    for words, package in ((("read", "png/photo.jpg"), "PIL"), (("prove",), "threadpoolctl")):
        assert_one_line(practice(*words), f"{package} is not installed", "requirements-np.txt")


def test_each_chapter_can_be_marked_alone(learner, tmp_path):
    """The table has a column for each exercise of that chapter, in order."""
    (tmp_path / "class" / "ada").mkdir(parents=True)
    for folder in sorted(path.name for path in (ROOT / "exercises").glob("chapter*")):
        head = learner("mark", tmp_path / "class", "--only", folder).stdout.partition("\n")[0]
        names = [exercise.name for exercise in EXERCISES if exercise.file.parent.name == folder]
        assert names and head == "\ufeff" + ",".join(["name", "passed", "note", *names]), folder


def test_of_a_class_only_what_was_handed_in_counts_and_nothing_is_a_formula(learner, tmp_path, monkeypatch):
    """In small, with marks that cost no time: no stub is tried, nor are dots, and a name that says two exercises says
    none."""
    found = {
        DONE: (True, "passed"),
        DRAFT: (False, "-1 times"),
        f"# mine\n{BY_NAME['da1'].stub}": (False, "not written"),
    }
    seeds = set()

    def mark(exercise, path, seed, **_):
        seeds.add(seed)
        return Verdict(*found[path.read_text(encoding="utf-8")], "Well.")

    monkeypatch.setattr(marking, "mark", mark)
    monkeypatch.setattr(
        classroom, "unpack_in_subprocess", archives.unpack_archive
    )  # without a process, which takes a moment
    done, drafted, dots = found
    for name, files in {
        "dora.zip": {f"{'z' * 250}_dz1.py": done, "__MACOSX/loss.py": done},
        "cleo": {"dz1.py": drafted, "da1.py": dots, "\x1b[2J.zip": "PK"},
        "bob": {"da1_dz1.py": done, ".trash/dz1.py": done},
        "=ada": {"dz1.py": done, "da1.py": BY_NAME["da1"].stub},
    }.items():
        hand_in(tmp_path / "class" / name, files)
    folder, feedback = tmp_path / "class", tmp_path / "feedback"
    command = "mark", folder, "--only", "dz1,da1,loss", "--seed", 7, "--feedback"
    for inside in (folder, folder / "feedback"):
        assert_one_line(learner(*command, inside), "outside the hand-ins")
    hand_in(feedback / "bob.txt", "the teacher's own")
    said = learner(*command, feedback)
    assert seeds == {7} and "bob: no feedback: bob.txt exists already" in said.stderr
    assert [line.removeprefix("\ufeff") for line in said.stdout.splitlines()] == [
        "name,passed,note,dz1,da1,loss",
        "'=ada,1,,passed,not written,",
        "bob,0,no exercise found,,,",
        """cleo,0,"cannot be read: ?[2J.zip (it is not a ZIP file, or damaged)",'-1 times,not written,""",
        "dora.zip,1,,passed,,",
    ]
    assert "bob: 0 of 3 (da1_dz1.py: not the name of an exercise)" in said.stderr
    tried = said.stderr.partition("commonest mistake\n")[2].splitlines()
    assert [line.split() for line in tried] == [["dz1", "3", "2", "'-1", "times", "(1)"]]
    feedback = (feedback / "=ada.txt").read_text(encoding="utf-8")
    assert feedback.count("Well.") == 1 and "loss" not in feedback.partition("\n\n")[0] + feedback[-60:]


@pytest.mark.parametrize("is_zip", [False, True])
@pytest.mark.parametrize(
    ("files", "note"),
    [
        ({"dz1.py": DONE, "old/dz1.py": DRAFT}, "dz1: there are 2 different files, and dz1.py was marked"),
        ({"a/dz1.py": DRAFT, "b/my_practice/dz1 (1).py": DONE, "b/dz1.py": "x = 1\n"},
         "dz1: there are 3 different files, and b/my_practice/dz1 (1).py was marked"),
        ({"dz1.py": DONE, "old/dz1.py": DONE.replace("\n", "\r\n"), "stub/dz1.py": STUB}, ""),
        ({"dz1.py": DONE, "dz1.1.py": DRAFT, "old/da1.py": DRAFT}, ""),
    ],
)  # fmt: skip
def test_of_several_versions_the_note_says_which_was_marked(files, note, is_zip, tmp_path, monkeypatch, capsys):
    """A right file among wrong ones is not passed without a word."""
    monkeypatch.setattr(marking, "mark", lambda *_, **__: Verdict(True, "passed", ""))
    monkeypatch.setattr(
        classroom, "unpack_in_subprocess", archives.unpack_archive
    )  # without a process, which takes a moment
    person = "ada.zip" if is_zip else "ada"
    hand_in(tmp_path / person, files)
    classroom.mark_all(CATALOGUE, str(tmp_path), only="dz1")
    *_, row = csv.DictReader(io.StringIO(capsys.readouterr().out.lstrip("\ufeff")))
    assert row == {"name": person, "passed": "1", "note": note, "dz1": "passed"}


def test_a_table_gets_words_and_counts_by_fields():
    """Whatever words said.md has for a mark: none of them is read to decide."""
    program, marks = BY_NAME["own_network"].kind, ("with imports", "passed", "no function", "passed away")
    notes = [program.Notes(mark != "passed", mark) for mark in marks]
    found = [program.judge(None, 0, Outcome(notes=one)) for one in notes]
    wrong = False, "error: Exception"
    assert [(one.passed, one.summary) for one in found] == [
        (True, "passed, with imports"), wrong, (False, "no function"), wrong
    ]  # fmt: skip
    results = [
        classroom.ExerciseResult("passed over", tried=True, wrong=True),
        classroom.ExerciseResult("bestanden", tried=True, passed=True),
        classroom.ExerciseResult("not written"),
    ]
    *_, line = classroom.iter_summary_lines([BY_NAME["dz1"]], [[result] for result in results])
    assert line.split() == ["dz1", "2", "1", "passed", "over", "(1)"]


def test_a_network_that_was_trained_after_its_file_was_saved_reads_and_is_not_trained_again(learner, monkeypatch):
    path, ran = write(learner.folder, "own_network"), []
    monkeypatch.setattr(practice, "run_file", lambda work, exercise, *words: ran.append(words) or 0)
    monkeypatch.setattr("support.ink.read_digit_image", lambda picture: None)
    photo = str(ROOT / "png" / "photo.jpg")
    learner("read", photo)
    assert ran == [(), (photo,)]
    (kept := path.with_suffix(".npz")).touch()
    for saved, wanted in ((kept.stat().st_mtime - 9, [(photo,)]), (kept.stat().st_mtime + 9, [(), (photo,)])):
        os.utime(path, (saved, saved))
        ran.clear()
        learner("read", photo)
        assert ran == wanted


def test_a_line_of_two_columns_goes_on_in_its_second_one(capsys):
    show.print_text("a word " * 13 + "\n" + '  "word"   ' + "a meaning " * 10 + "\n    code " + "x" * 90)
    first, second, third, fourth, code = capsys.readouterr().out.splitlines()
    assert first[0] + second[0] in ("aa", "aw") and third.startswith('  "word"   a') and code[-90:] == "x" * 90
    assert fourth.startswith(" " * 11 + "a meaning") and max(map(len, (first, second, third, fourth))) <= 80
