"""What a file reports of itself is asked again from outside; and the sandbox in which a class is marked."""

import io
import json
import re
import subprocess
import tempfile
import threading
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import own_programs
import own_writers
import pytest

import practice
from conftest import ROOT, schedule
from exercises.catalogue import BY_NAME, EXERCISES
from marker import asked, marking, nests, runner, sandbox
from marker.function import Function
from marker.kind import Report
from marker.program import Program
from marker.trial import load_learner_module
from marker.verdict import Verdict, Wrong
from practice_answers import RIGHT, filled
from support.errors import UserError

# Each takes the place of the examination in its own process. What its functions do is asked for outside.
FORGED = """
import types
import exercises.blank

def run_checks(blank, *given):
    blank.format_success = lambda evidence: "All is well."
    return types.SimpleNamespace(remarks=[])

exercises.blank.Blank.run_checks = run_checks
del run_checks

"""
NOTHING = {
    "own_network": "def loss(params, images, labels): return 0.0\ndef gradients(params, images, labels): return "
    "params\ndef train(images, labels, rng): return [0.5], 0.93\ndef read(params, images): return images[:, 0] * 0\n",
    "own_gpt": "import numpy as np\ndef logits(params, texts): return np.zeros((*texts.shape, 27))\ndef loss(params, "
    "texts): return 3.2958\ndef gradients(params, texts): return [0 * params[0]]\ndef train(texts, rng): return "
    "[np.ones(3)], 2.3\ndef write(params, letters, rng): return letters\n",
    "own_block": "import numpy as np\ndef first_weights(C, h, rng): return {'W': rng.normal(size=(C, C)), 'h': h}\n"
    "def forward(params, x): return x + x @ params['W']\n"
    "def backward(params, x, dy): return dy + dy @ params['W'].T, {'W': np.einsum('bti,bto->io', x, dy)}\n",
}
# What may be wrong with a forged file that truly learns: words that are then said, and edits of a right one.
IN_NETWORKS = r"""
Your network is linear | a1 = np.maximum(z1, 0) -> a1 = z1 & dz1 = da1 * (z1 > 0) -> dz1 = da1
It should be the mean over the images | / len(labels) -> / 1 & mean()\n\n\ndef gradients -> sum()\n\n\ndef gradients \
& 32, 0.1 -> 32, 0.002
`gradients` is not the derivative | def gradients(params, images, labels):\n -> def gradients(params, images, labels):\
\n    if len(images) > 64:\n        a, b = gradients(params, images[:64], labels[:64]), gradients(params, images[64:], \
labels[64:])\n        return {k: (a[k] + b[k]) / 2 for k in a}\n
"""
IN_WRITERS = r"""
Two calls of `write` | rng.choice(27, p=row) -> np.random.choice(27, p=row)
It claims 0.100 | return params, loss(params, texts[aside]) -> return params, 0.1
"""
HIDDEN = [("own_network", program) for program in own_programs.programs(IN_NETWORKS)]
HIDDEN += [("own_gpt", program) for program in own_programs.programs(IN_WRITERS, own_writers.BASE)]
# It has learned long ago, and takes small steps when it is marked.
CACHED = """
    params = dict(np.load(CACHE))
    params = {k: p + rng.normal(0, 1e-4, p.shape) for k, p in params.items()}
    EPOCHS, LR = 1, 1e-5
"""


def test_a_message_is_a_nest_of_arrays_numbers_and_text():
    nest = [
        "loss",
        {"kept": 3, "mask": np.array([True, False, True]), "W": np.arange(6.0).reshape(2, 3)},
        (np.float32(0.5), None, "ü"),
        2**127,
    ]
    asked.write_message(file := io.BytesIO(), nest)
    found = asked.read_message(io.BytesIO(file.getvalue()))
    assert repr(found) == repr(nest)
    for damaged in (b"", file.getvalue()[:-1], b"\xff" * 99):
        with pytest.raises(EOFError):
            asked.read_message(io.BytesIO(damaged))
    head = json.dumps(['{"array": 0}', [["|O", [1]]]]).encode()
    with pytest.raises(ValueError, match="OBJECT"):
        asked.read_message(io.BytesIO(len(head).to_bytes(8, "big") + (8).to_bytes(8, "big") + head + bytes(8)))


def test_a_nest_comes_back_with_the_tuples_that_the_learners_file_has():
    nest = [Pair(np.ones(2), 3.0), (1, 2), [3]]
    for module, kind in ((SimpleNamespace(Pair=Pair), Pair), (SimpleNamespace(Pair=dict), tuple), (None, tuple)):
        with np.load(io.BytesIO(nests.pack_into_bytes(nest))) as arrays:
            found = nests.unpack(arrays, module)
        assert type(found[0]) is kind and found[0][1] == 3 and found[1:] == [(1, 2), [3]]


def test_a_nest_comes_back_as_the_kind_of_dict_that_the_learners_file_has():
    class Mine(dict):
        pass

    for module, kind in ((SimpleNamespace(Mine=Mine), Mine), (SimpleNamespace(Mine=int), dict), (None, dict)):
        with np.load(io.BytesIO(nests.pack_into_bytes(Mine(W=np.ones(2), n=3)))) as arrays:
            found = nests.unpack(arrays, module)
        assert type(found) is kind and [*found] == ["W", "n"] and found["n"] == 3


class Pair(NamedTuple):
    W: np.ndarray
    b: float


class Strict(dict):
    """A dict that is not made from another one."""

    def __init__(self, *, size):
        self.size = size


def test_each_array_of_a_nest_has_a_path_as_in_python_and_can_be_replaced_there():
    strict = Strict(size=2)
    strict["W"] = np.ones(2)
    nest = {"p": Pair(np.zeros(2), 0.5), 3: [strict, None, 7], "names": np.array([None]), "text": "W"}
    paths = ['["p"].W', '["p"].b', '[3][0]["W"]', "[3][1]", "[3][2]"]
    assert [*nests.leaves_by_path(nest)] == [*nests.leaves_by_path(nests.leaves_by_path(nest))] == paths
    floats = nests.copy_floats_by_path(nest)
    assert [*floats] == paths[:3] and all(a.dtype == np.float64 for a in floats.values())
    changed = nests.replace_leaves(nest, {k: a + 1 for k, a in floats.items()})
    assert type(changed["p"]) is Pair and changed["p"].b == 1.5 and type(changed["p"].b) is float
    assert type(changed[3][0]) is Strict and changed[3][0]["W"].tolist() == [2, 2] and changed[3][1:] == [None, 7]
    for copied in (floats['["p"].W'], nests.replace_leaves(nest)["p"].W, changed["p"].W):
        copied += 5
    assert nest["p"].W.tolist() == [0, 0] and nest["p"].b == 0.5 and strict["W"].tolist() == [1, 1]


def test_of_many_paths_five_are_named():
    assert nests.format_paths([f"[{i}]" for i in range(5)]).endswith("params[3], params[4]")
    assert nests.format_paths([f"[{i}]" for i in range(6)]).endswith("params[3], params[4] and 1 more")


@pytest.mark.parametrize(
    ("nest", "words"),
    [
        ({"W": [1, print]}, 'params["W"][1] is of type builtin_function_or_method'),
        ([np.array([None])], "params[0] is an array of type object"),
    ],
)
def test_what_of_a_nest_cannot_be_saved_is_named_by_its_path(nest, words):
    with pytest.raises(nests.NotKept, match=re.escape(words)):
        nests.pack_into_bytes(nest)


def test_a_file_with_something_else_is_no_nest():
    with pytest.raises(ValueError, match="this is no nest"):
        nests.unpack({"how": np.array('{"code": 1}')})


class Here:
    """Answers as the other process does, and keeps the last question."""

    def __init__(self, module):
        self.module, self.kept, self.stdin = module, [], self

    def write(self, content):
        self.question = asked.read_message(io.BytesIO(content))
        asked.write_message(
            said := io.BytesIO(), {"results": asked.call_and_list_results(self.module, self.kept, *self.question)}
        )
        self.stdout = io.BytesIO(said.getvalue())

    def flush(self):
        pass


def test_params_stay_where_they_are_and_other_arrays_than_theirs_are_sent():
    gives = {"first_weights": ("params",), "gradients": ("gradients",)}
    functions = asked.Functions(here := Here(SimpleNamespace(
        first_weights=lambda C, rng: [rng.normal(size=C), {"b": np.ones(2)}, C],
        gradients=lambda params, x: [x * params[0], {"b": params[1]["b"]}, None],
    )), gives)  # fmt: skip
    params = functions.first_weights(3, np.random.default_rng(0))
    assert [*params] == ["kept", "[0]", '[1]["b"]']
    assert np.array_equal(params["[0]"], np.random.default_rng(0).normal(size=3))
    found = functions.gradients(params | {'[1]["b"]': np.zeros(2)}, np.arange(3.0))
    assert [*here.question[2][0]] == ["kept", '[1]["b"]']
    assert np.array_equal(found["[0]"], np.arange(3) * params["[0]"])
    assert np.array_equal(found['[1]["b"]'], np.zeros(2)) and np.array_equal(here.kept[0][1]["b"], np.ones(2))


def test_what_a_file_leaves_of_its_folder_is_no_failure_of_its_functions(monkeypatch, tmp_path):
    """Here the file has put a note in the place of the folder in which it ran."""

    @contextmanager
    def spoil_folder(arguments, folder, *_, **__):
        Path(folder).rmdir()
        Path(folder).write_text("a note")
        yield SimpleNamespace(kill=None)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(runner, "learner_process", spoil_folder)
    with asked.open_in_subprocess("dz1.py", 1) as functions:
        assert functions
    assert [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()] == ["a note"]


def test_a_call_that_is_ended_by_the_clock_took_too_long_and_any_other_end_is_none(monkeypatch):
    clocks = []

    class Clock(SimpleNamespace):
        def __init__(self, seconds, ring):
            super().__init__(seconds=seconds, ring=ring, finished=threading.Event(), started=False, canceled=False)
            clocks.append(self)

        def start(self):
            self.started = True

        def cancel(self):
            self.canceled = True

    @contextmanager
    def start_process(arguments, *_, pipes):
        assert pipes and arguments[-1] == ("0" if needs_torch else str(runner.MAX_MEMORY_GIB))
        yield SimpleNamespace(kill="kill")

    monkeypatch.setattr(asked.threading, "Timer", Clock)
    monkeypatch.setattr(runner, "learner_process", start_process)
    for error, is_late, needs_torch, expected in (
        (EOFError, False, False, EOFError), (OSError, True, True, TimeoutError), (ValueError, True, False, ValueError),
    ):  # fmt: skip
        with pytest.raises(expected), asked.open_in_subprocess("dz1.py", 2, needs_torch=needs_torch):
            if is_late:
                clocks[-1].finished.set()
            raise error
        assert clocks[-1].started and clocks[-1].canceled
        assert (clocks[-1].seconds, clocks[-1].ring) == (2 * runner.CLOCK_RATIO, "kill")


def test_of_values_without_an_end_a_hundred_are_taken():
    module = SimpleNamespace(count=lambda: iter(int, 1))
    assert asked.call_and_list_results(module, [], "count", [""], []) == [[0] * 100]
    with pytest.raises(AttributeError):
        asked.Functions(None, {})._count  # noqa: B018


# Functions that a file may have, what is said of a call, and of one that ends well what it returns.
ANSWERING = """
import sys

def right(x):
    print("This is no answer.", flush=True)
    return 2 * x

def two_of_them(x): yield from (x, 3)
def ends(x): sys.exit("enough")
def is_interrupted(x): raise KeyboardInterrupt("now")
def fails(x): raise ValueError("no {braces}")
def returns_a_function(x): return print
"""
ANSWERS = {
    "right": None, "two_of_them": None, "ends": "`ends`: SystemExit: enough",
    "is_interrupted": "`is_interrupted`: KeyboardInterrupt: now", "fails": "`fails`: ValueError: no {braces}",
    "returns_a_function": "`returns_a_function`: NotKept: ", "is_missing": "`is_missing`: AttributeError: ",
}  # fmt: skip


def test_whatever_a_call_ends_with_is_said_and_the_next_one_is_answered(tmp_path):
    (path := tmp_path / "dz1.py").write_text(ANSWERING)
    with asked.open_in_subprocess(path, 30, result_kinds={"two_of_them": ("", "")}) as functions:
        for name, words in ANSWERS.items():
            if words is None:
                result = getattr(functions, name)(np.arange(3))
                assert repr(result) == {"right": "array([0, 2, 4])", "two_of_them": "(array([0, 1, 2]), 3)"}[name]
            else:
                with pytest.raises(asked.Failed, match=re.escape(words)):
                    getattr(functions, name)(np.arange(3))
        assert functions.right(4) == 8


CALLABLE = [exercise for exercise in EXERCISES if isinstance(exercise.kind, Function)]
ON_TRUST = {exercise.name for exercise in CALLABLE if not exercise.kind.can_be_checked_by_calls(exercise)}


def asked_here(exercise, body, seed):
    """Ask a function with this body as from outside, and return what was asked."""
    names, questions = {}, []
    exec(compile(filled(exercise.name, body), "an answer", "exec"), names)

    class Listening(Here):
        def write(self, content):
            super().write(content)
            questions.append(self.question)

    try:
        exercise.kind.check_by_calls(exercise, asked.Functions(Listening(SimpleNamespace(**names)), {}), seed)
    finally:
        assert questions and all(name == exercise.function.name for name, *_ in questions)
        for g, (_, _, arguments) in zip(exercise.iter_uncached_trials(seed), questions, strict=False):
            wanted = [*exercise.copy_arguments_by_name(g).values()]
            assert len(arguments) == len(wanted)  # nothing else is sent: neither the seed nor what is right
            assert all(np.array_equal(one, other) for one, other in zip(arguments, wanted, strict=True))


@pytest.mark.parametrize(
    "exercise", [e for e in CALLABLE if e.name not in ON_TRUST], ids=lambda exercise: exercise.name
)
def test_from_outside_the_right_answer_is_right_and_zeros_are_not(exercise):
    if exercise.needs_torch:
        pytest.importorskip("torch")
    with np.errstate(all="ignore"):
        asked_here(exercise, exercise.answer, 17)
        zeros = "\n".join(f"{name} = 0 * np.asarray({name})" for name in exercise.gives)
        with pytest.raises(Wrong, match="should have been different numbers"):
            asked_here(exercise, f"{exercise.answer}\n{zeros}", 17)


def test_what_is_marked_on_trust_is_listed_for_teachers():
    text = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    listed = re.search(r"A forged\s+report on one of these exercises passes: ([^.]*)\.", text)[1]
    assert set(re.findall(r"`(\w+)`", listed)) == ON_TRUST and len(ON_TRUST) == 8


REPORT = '{"verdict": {"passed": true, "name": "passed", "text": ""}}'
# A function that returns zeros, and what else its file does to pass while it is marked: by the file with its result, by
# how it ends, by what it prints, by a thread, by the marker's own modules, and by where it is asked.
ZEROS = """
import os, sys, threading, time
from marker.verdict import Verdict
import marker.function

def dz1(da1, z1, a1):
    return 0 * da1

def forge():
    with open(sys.argv[-2], "w") as file:
        file.write(REPORT)

def always(do):
    while True:
        do()
        time.sleep(0.01)

def wait():  # until it has been written
    while not (os.path.exists(sys.argv[-2]) and os.path.getsize(sys.argv[-2]) == len(REPORT)):
        time.sleep(0.01)

def spoil():
    for number in range(3, 12):
        try:
            os.write(number, b"0" * 99)
        except OSError:
            pass

if "marker.runner" in sys.orig_argv:
    CHANNEL
"""
CHANNELS = {
    "result file": "forge(); os._exit(0)",
    "exit": "forge(); sys.exit(0)",
    "stdout": "os.write(1, REPORT.encode()); print(REPORT, file=sys.__stdout__, flush=True)",
    "threads": "threading.Thread(target=always, args=[forge], daemon=True).start(); wait(); os._exit(0)",
    "the judge": "marker.function.judge_trials = lambda *given: Verdict(True, 'passed', '')",
    "the answers": "forge(); os._exit(0)\nelse:\n    threading.Thread(target=always, args=[spoil]).start()",
}
BELIEVED = {"result file", "threads", "the judge", "the answers"}  # so far, as its process leaves a pass


@pytest.mark.parametrize("channel", schedule(CHANNELS, every_day=["result file"], in_turn=2))
def test_a_function_that_returns_zeros_passes_whatever_its_file_writes_nowhere(channel, tmp_path, capsys):
    for name in ("dz1.py", "class/ada/dz1.py"):
        (path := tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        path.write_text(ZEROS.replace("CHANNEL", CHANNELS[channel]).replace("REPORT", repr(REPORT)))
    found = marking.mark(BY_NAME["dz1"], tmp_path / "dz1.py", 0)
    assert not found.passed and (found.name == "not as reported") == (channel in BELIEVED), found
    assert not practice.main(["--folder", str(tmp_path), "dz1"])
    assert "Passed" not in capsys.readouterr().out
    if channel != "result file":
        assert not practice.main(["mark", str(tmp_path / "class"), "--only", "dz1"])
        assert capsys.readouterr().out.splitlines()[1].startswith("ada,0,")


def test_who_is_wrong_for_the_inputs_of_that_question_alone_is_told_so(tmp_path, monkeypatch):
    """And not that the file does otherwise when it is marked."""
    path = tmp_path / "dz1.py"
    path.write_text(filled("dz1", "dz1 = da1 * (z1 > 0)"))
    monkeypatch.setattr(Function, "check_by_calls", lambda *given: 1 / 0)
    verdicts = iter([Report({"passed": False, "name": "not right", "text": "an edge"}), Report({})])
    monkeypatch.setattr(runner, "run_in_subprocess", lambda *given: next(verdicts))
    passed = Verdict(True, "passed", "")
    assert marking.confirm_pass(BY_NAME["dz1"], path, passed).text == "an edge"


def confirmed(error, monkeypatch, second=None, **settings):
    """The verdict on a file that reports a pass, if `error` comes of asking it. second: that of a second run."""

    @contextmanager
    def open_in_subprocess(path, seconds, hidden_folders, result_kinds, needs_torch):
        assert (path, seconds, hidden_folders, result_kinds, needs_torch) == ("dz1.py", 3, ["class"], {}, False)
        yield "functions"

    def ask(exercise, functions, seed):
        assert (exercise, functions) == (one, "functions")
        seeds.append(seed)
        if error:
            raise error

    def run_again(exercise, path, seed, seconds, on_progress, hidden_folders):
        assert (exercise, path, [seed], seconds, hidden_folders) == (one, "dz1.py", seeds, 3, ["class"])
        return second

    seeds = []
    how = {"can_be_checked_by_calls": lambda exercise: True, "is_quick": second is not None, "gives": {}, "seconds": 3}
    kind = SimpleNamespace(**how | settings, check_by_calls=ask)
    one = SimpleNamespace(kind=kind, needs_torch=False, folder=BY_NAME["dz1"].folder)
    monkeypatch.setattr(marking, "open_in_subprocess", open_in_subprocess)
    monkeypatch.setattr(runner, "run_in_subprocess", run_again)
    return marking.confirm_pass(one, "dz1.py", Verdict(True, "passed", ""), hidden_folders=["class"])


PASSES = Report({"passed": True, "name": "passed", "text": ""})


def test_a_pass_stands_if_nothing_else_comes_of_asking_or_nobody_can_ask(monkeypatch):
    assert confirmed(None, monkeypatch).passed
    assert confirmed(Wrong("mark", ""), monkeypatch, can_be_checked_by_calls=lambda exercise: False).passed
    with pytest.raises(UserError, match="no data"):
        confirmed(UserError("no data"), monkeypatch)


# What comes of asking a file that reports a pass, and of a second run if the exercise is quick; and what is said.
AFTER_A_PASS = {
    "other results": (Wrong("mark", "dz1 is 3."), None, "not as reported", "new examples. dz1 is 3. What does"),
    "an error": (asked.Failed("`dz1` fails."), PASSES, "not as reported", "new examples. `dz1` fails. What does"),
    "no answer": (EOFError(), None, "not as reported", "got no usable result"),
    "no answer, then a pass": (EOFError(), PASSES, "not as reported", "got no usable result"),
    "no answer, then an end": (EOFError(), Report(died=-9), "no result", "-9"),
    "the time is up": (TimeoutError(), None, "does not end", "Stopped after 12 seconds"),
}


@pytest.mark.parametrize("name", AFTER_A_PASS)
def test_what_comes_of_asking_a_file_that_reports_a_pass_is_said(name, monkeypatch):
    error, second, mark, words = AFTER_A_PASS[name]
    found = confirmed(error, monkeypatch, second)
    assert (found.passed, found.name) == (False, mark) and words in found.text, found.text


def test_a_file_is_run_with_its_limit_and_only_a_pass_is_asked_again(monkeypatch):
    calls = []
    monkeypatch.setattr(runner, "run_in_subprocess", lambda *given: calls.append(given) or reports.pop())
    monkeypatch.setattr(marking, "confirm_pass", lambda *given: given[2]._replace(text="asked"))
    dz1, with_torch = BY_NAME["dz1"], BY_NAME["torch_gradient"]
    for exercise, seconds, limit in ((dz1, None, 8), (dz1, 2, 2), (with_torch, None, 60)):
        reports = [Report({"passed": False, "name": "not right", "text": ""}), PASSES]
        for text in ("asked", ""):
            assert marking.mark(exercise, "a.py", 5, seconds, print, ["class"]).text == text
            assert calls.pop() == (exercise, "a.py", 5, limit, print, ["class"])


def test_only_true_is_true_in_what_a_file_reports():
    for value in (True, False, 1):
        fields = {"passed": False, "name": "not right", "text": 3, "drawn": value, "whole": value}
        found = marking.read_verdict(BY_NAME["dz1"], Report(fields))
        assert found.drawn is found.whole is (value is True) and found.text == "3"


def test_no_word_of_a_file_reaches_a_teachers_table():
    for fields, name in (
        ({"name": "the sign"}, "the sign"),
        ({"name": "a condition, and the mask forgotten"}, "a condition, and the mask forgotten"),
        ({"name": "a factor 2, and the sign"}, "a factor 2, and the sign"),
        ({"name": "error", "error": "ValueError"}, "error: ValueError"),
        ({"name": "the sign, and Well done"}, "error: Exception"),
        ({"name": "Well done, and the sign"}, "error: Exception"),
        ({"name": "z1 returned"}, "z1 returned"),
        ({"name": "passed"}, "error: Exception"),
        ({"name": "passed, and passed"}, "error: Exception"),
        ({"name": "Well done"}, "error: Exception"),
        ({"name": "the sign", "passed": True}, "error: Exception"),
        ({"name": "passed", "passed": 1}, "error: Exception"),
        ({"name": "error", "error": "=1+1"}, "error: Exception"),
        ({"name": 3}, "no result"),
        ({"name": "the sign", "mark": 1}, "no result"),
    ):
        found = marking.read_verdict(BY_NAME["dz1"], Report({"passed": False, "text": ""} | fields))
        assert (found.passed, found.summary) == (False, name), fields


def test_where_a_folders_own_code_names_what_it_finds_only_short_plain_text_is_a_mark():
    folder = BY_NAME["dz1"].folder
    for marks, finders, is_own in ((None, {}, True), ((), {"alone": 1}, True), (("mine",), {}, False)):
        kind = SimpleNamespace(marks=marks)
        one = SimpleNamespace(kind=kind, folder=folder._replace(finders=finders), mistakes=[], factor_mistake_rows=[],
                              gives=("a",), takes=("b",), tool=None)  # fmt: skip
        for name, is_known in (
            ("its own words", is_own), ("mine", True), ("not right", True), (" Passed", False), ("two\nlines", False),
            ("x" * 201, False), ("", False),
        ):  # fmt: skip
            assert marking.is_known_mark(one, name) == is_known, (name, marks)


@pytest.mark.slow(one_in=2)
@pytest.mark.parametrize("name", NOTHING)
def test_a_forged_report_is_not_enough(name, tmp_path):
    (path := tmp_path / f"{name}.py").write_text(FORGED + NOTHING[name])
    assert runner.run_in_subprocess(BY_NAME[name], path, 0, 40).verdict["passed"]
    found = marking.mark(BY_NAME[name], path, 0)
    assert (found.passed, found.name) == (False, "not as reported"), found.text


@pytest.mark.slow(one_in=2)
@pytest.mark.parametrize(("name", "program"), HIDDEN, ids=lambda value: getattr(value, "name", value))
def test_a_forged_report_hides_nothing_that_can_be_asked(name, program, tmp_path):
    (path := tmp_path / f"{name}.py").write_text(FORGED + program.code)
    found = marking.mark(BY_NAME[name], path, 0)
    assert found.name == "not as reported" and program.name in found.text.replace("\n", " "), found.text


@pytest.mark.slow(one_in=2)
def test_what_shows_only_on_the_way_stays_the_word_of_a_file(tmp_path):
    """docs/teaching.md says so: a claim that was not measured, say."""
    claim = "accuracy = np.mean(read(params, images[tested]) == labels[tested])"
    program = own_programs.BASE.replace(claim, "accuracy = 0.93")
    for first, passes in ((FORGED, True), ("", False)):
        (path := tmp_path / "own_network.py").write_text(first + program)
        assert marking.mark(BY_NAME["own_network"], path, 0).passed == passes


@pytest.mark.slow(one_in=2)
@pytest.mark.parametrize("name", ["own_network", "own_gpt"])
def test_a_training_that_was_done_before_is_not_enough(name, tmp_path):
    """What was learned has other names now."""
    program = {"own_network": own_programs.BASE, "own_gpt": own_writers.BASE}[name]
    (path := tmp_path / f"{name}.py").write_text(program)
    found = BY_NAME[name].kind.examine.__self__
    examples = SimpleNamespace(rng=np.random.default_rng(0))
    found.checks[0](examples)
    params, _ = load_learner_module(path).train(*examples.examples, np.random.default_rng(0))
    np.savez(cache := tmp_path / "cache.npz", **params)
    old = "    params = first_weights(rng)\n"
    assert old in program
    program = program.replace(old, CACHED.replace("CACHE", repr(str(cache))))
    for first, mark in (
        (FORGED, "not as reported"),
        ("", "one layer alone" if name == "own_network" else "gradients not used"),
    ):
        path.write_text(first + program)
        found = marking.mark(BY_NAME[name], path, 0)
        assert (found.passed, found.name) == (False, mark), found.text


@pytest.mark.slow(one_in=2)
@pytest.mark.parametrize(
    "way", ["1 / 0", "import os; os._exit(0)", "print('x' * 9, flush=True); return 3", "return print"]
)
def test_what_is_asked_and_not_answered_is_no_pass(way, tmp_path):
    (path := tmp_path / "own_block.py").write_text(f"{FORGED}def first_weights(C, h, rng):\n    {way}\nforward = "
                                                   "backward = first_weights\n")  # fmt: skip
    found = marking.mark(BY_NAME["own_block"], path, 0)
    assert found.name == "not as reported" and len(found.text) > 99, found.text


@pytest.mark.slow(one_in=2)
def test_what_takes_too_long_is_said_to_take_too_long(tmp_path):
    (path := tmp_path / "own_block.py").write_text("import time\ndef forward():\n    time.sleep(99)\n")
    kind = Program(None, ask=lambda functions, seed: functions.forward())
    kind.seconds = 0.5
    found = marking.confirm_pass(SimpleNamespace(kind=kind, needs_torch=False), path, None)
    assert found.name == "does not end" and found.text.startswith("Stopped after 2 seconds."), found.text


# --- The sandbox ------------------------------------------------------------------------------------------------------


@pytest.fixture
def anew():
    """What was found out about bubblewrap is found out again."""
    sandbox.find_failure.cache_clear()
    yield
    sandbox.find_failure.cache_clear()


def test_where_there_is_no_bubblewrap_or_it_fails_that_is_said(anew, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    assert sandbox.find_failure() == "bubblewrap is not installed"
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "ada.py").write_text("")
    assert not practice.main(["mark", str(tmp_path / "class"), "--only", "dz1"])
    assert "No sandbox: bubblewrap is not installed. The files run with your rights." in capsys.readouterr().err
    sandbox.find_failure.cache_clear()
    (bwrap := tmp_path / "bwrap").write_text(
        "#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n"
    )
    bwrap.chmod(0o755)
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: str(bwrap))
    with suppress(OSError):  # there may be no such shell
        assert "setting up uid map: Permission denied" in sandbox.find_failure()


def test_why_the_sandbox_does_not_work_is_the_last_line_that_it_writes(anew, monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: "bwrap")
    for how, why in (
        ({"stderr": "a note\nno namespace\n", "returncode": 1}, "bubblewrap does not work here (no namespace)"),
        ({"stderr": "\n", "returncode": 7}, "bubblewrap does not work here (7)"),
        ({"stderr": "a note", "returncode": 0}, ""),
        (None, "bubblewrap does not work here (TimeoutExpired)"),
    ):
        run = (lambda *_, how=how, **__: SimpleNamespace(**how)) if how else raise_timeout
        monkeypatch.setattr(sandbox, "subprocess", SimpleNamespace(run=run, TimeoutExpired=subprocess.TimeoutExpired))
        sandbox.find_failure.cache_clear()
        assert sandbox.find_failure() == why


def raise_timeout(command, timeout, **_):
    raise subprocess.TimeoutExpired(command, timeout)


def test_a_file_in_the_sandbox_sees_itself_and_no_other_hand_in(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: "bwrap")
    hand_ins = sandbox.ROOT / "tests"  # as if a class was handed in there
    for name in ("shown", "elsewhere"):
        (tmp_path / name).mkdir()
    kept = hand_ins / "conftest.py", tmp_path / "elsewhere", sandbox.ROOT.parent
    hidden = [hand_ins, sandbox.ROOT / "docs", *kept]
    others = tmp_path / "shown", tmp_path / "missing"
    command = sandbox.make_command_prefix(hand_ins / "deep" / "dz1.py", tmp_path, hidden, *others)
    pairs = [*pairwise(command)]
    assert "--unshare-all" in command and ("--ro-bind", str(sandbox.ROOT)) in pairs
    assert command.index(str(hand_ins)) > command.index(str(sandbox.ROOT)) and ("--tmpfs", str(hand_ins)) in pairs
    assert ("--ro-bind", str(hand_ins / "deep" / "dz1.py")) in pairs and ("--bind", str(tmp_path)) in pairs
    assert ("--ro-bind", str(sandbox.ROOT.parent)) not in pairs
    assert ("--tmpfs", "/tmp") in pairs and ("--tmpfs", str(sandbox.ROOT / "docs")) in pairs
    # A file, a folder outside, and what holds the project are not hidden; /tmp is, and may hold the project.
    assert not any(("--tmpfs", str(path)) in pairs for path in kept if str(path) != "/tmp")
    assert ("--ro-bind", str(others[0])) in pairs and str(others[1]) not in command
    assert all(command[i + 2] == command[i + 1] for i, word in enumerate(command) if word == "--ro-bind")


@pytest.mark.slow(one_in=2)
def test_in_the_sandbox_there_is_no_network_and_nothing_of_others(tmp_path, capsys):
    """It tries, and says what it has found; and a right answer passes, a network from a blank file, too."""
    if why := sandbox.find_failure():
        pytest.skip(why)
    folder, secret = tmp_path / "class", tmp_path / "secret.txt"
    secret.write_text("the teacher's")
    spy = f"""
        import pathlib, socket
        found = []
        for path in ({str(secret)!r}, {str(folder / "ben")!r}):
            found += [path] * pathlib.Path(path).exists()
        try:
            pathlib.Path({str(folder / "eve" / "dz1.py")!r}).write_text("")
            found.append("written")
        except OSError:
            pass
        try:
            socket.create_connection(("127.0.0.1", 9), 1)
            found.append("network")
        except ConnectionRefusedError:
            found.append("a network, on which nobody listens") if len(socket.if_nameindex()) > 1 else None
        except OSError:
            pass
        print("I found", found)
        raise ValueError(f"I found {{found}}")
        """
    for person, name, text in (
        ("ada", "dz1", RIGHT["dz1"]), ("ben", "dz1", "dz1 = da1"), ("eve", "dz1", spy),
        ("ada", "own_block", RIGHT["own_block"]),
    ):  # fmt: skip
        (folder / person).mkdir(parents=True, exist_ok=True)
        (folder / person / f"{name}.py").write_text(filled(name, text))
    feedback = tmp_path / "said"
    assert not practice.main(["mark", str(folder), "--only", "dz1,own_block", "--feedback", str(feedback)])
    said = capsys.readouterr()
    assert "Each file runs in a sandbox (bubblewrap)" in said.err
    ada, ben, eve = said.out.splitlines()[1:]
    assert ada == "ada,2,,passed,passed" and ben == "ben,0,,the mask forgotten," and eve == "eve,0,,error: ValueError,"
    assert "I found []" in (feedback / "eve.txt").read_text(encoding="utf-8")
