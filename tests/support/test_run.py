"""The learning rate, the history, numbers in sentences, how a program ends. Whole programs: tests/test_faults.py."""

import json
import math
import os
import re
import signal
import sys
from itertools import pairwise
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest

from loading.options import parse_options
from support import program as ending
from support.errors import UserError
from support.history import History, save_history
from support.options import select_options_to_save
from support.rounding import format_probability, format_rounded_up
from support.run import FILE_TEMPLATES, Files, Interrupts, Run
from support.schedule import Plan, learning_rate, make_repeated_examples_warning


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 11, 2340])
def test_the_learning_rate_rises_then_falls_to_zero(steps):
    options = parse_options("np", "--lr", "0.5")
    *rates, after = (learning_rate(s, steps, options) for s in range(steps + 1))
    top = math.ceil(steps / 10) - 1
    assert max(rates) == rates[top] == pytest.approx(0.5)
    assert all(b > a for a, b in pairwise(rates[: top + 1])) and all(b < a for a, b in pairwise(rates[top:]))
    assert min(rates) > after == 0
    constant = parse_options("np", "--lr", "0.5", "--schedule", "constant")
    assert {learning_rate(s, steps, constant) for s in range(steps)} == {0.5}
    run = SimpleNamespace(step=steps - 1, plan=Plan(2, steps, steps), options=options)  # in its last epoch
    assert Run.learning_rate.fget(run) == rates[-1]


def test_the_history_file(tmp_path):
    history = History([1.23456789, 0.5], [0.5, 0.75], [2], [0.4], [0.9876])
    save_history(tmp_path / "h.json", select_options_to_save(parse_options("np", "--out", "x")), history)
    content = json.loads((tmp_path / "h.json").read_text(encoding="utf-8"))
    assert (content["train_loss"], content["test_step"], content["test_accuracy"]) == ([1.23457, 0.5], [2], [0.9876])
    assert content["options"]["hidden"] == 512 and "out" not in content["options"]
    assert content["machine"]["numpy"] == np.__version__


def test_how_far_a_run_has_come_is_said_until_it_has_ended():
    history = History([1.0] * 5, [0.5] * 5, [2, 4], [1.0] * 2, [0.5] * 2)
    lengths = [(3, None), (2, None), (None, 6), (None, 5)]
    said = [
        history.describe_unfinished_progress(SimpleNamespace(epochs=epochs, steps=steps)) for epochs, steps in lengths
    ]
    assert said == ["after 2 of 3 epochs", "", "after 5 of 6 steps", ""]


def test_what_a_killed_run_has_left_is_removed_but_for_curves_that_another_may_be_drawing(tmp_path):
    names = [file.format("np") for file in FILE_TEMPLATES]
    for number, name in enumerate([*names, *names[:2]]):
        (tmp_path / f".{name}.{number}.part").touch()
    for path in tmp_path.glob("*plot*.[01].part"):
        os.utime(path, (0, 0))  # of long ago
    (tmp_path / ".mine.part").touch()
    Files(SimpleNamespace(call=SimpleNamespace(out=str(tmp_path)), name="np")).remove_partial_files()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {".mine.part", ".loss_plot_np.png.4.part", ".accuracy_plot_np.png.5.part"}


def test_a_number_in_a_few_digits_stays_true():
    for number, said in {1.2e-15: "2e-15", 0.21: "0.3", 0.96: "1", 7.0: "7", 0: "0", np.inf: "inf"}.items():
        assert format_rounded_up(number) == said
    assert [*map(format_probability, (1, 0.99997, 0.99984, 0.5, 0))] == [
        "1.0000",
        "0.9999",
        "0.9998",
        "0.5000",
        "0.0000",
    ]


def test_too_little_memory_is_one_line_and_our_own_mistakes_are_not_hidden(capsys):
    for words in ("DefaultCPUAllocator: can't allocate memory", "CUDA out of memory.", "A: not enough memory: you", ""):
        fail = Mock(side_effect=RuntimeError(words) if words else MemoryError)
        assert ending.run(fail, has_batch_size=True) == 2
        assert re.fullmatch(".*: not enough memory: lower --batch-size.*\n", capsys.readouterr().err)
        assert ending.run(fail) == 2
        assert re.fullmatch(".*: not enough memory: close other programs.*\n", capsys.readouterr().err)
    broken = type("InductorError", (RuntimeError,), {"__module__": "torch._inductor.exc"})
    assert ending.run(Mock(side_effect=broken("No working C++ compiler found\n\nSet ..."))) == 2
    assert re.fullmatch(".*: --compile: .*No working C.*: leave --compile out\n", capsys.readouterr().err)
    assert ending.run(Mock(side_effect=UserError("one\ntwo"))) == 2
    assert capsys.readouterr().err.endswith(": one two\n")
    with pytest.raises(RuntimeError, match="ours"):
        ending.run(Mock(side_effect=RuntimeError("ours")))


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (ModuleNotFoundError(name="matplotlib"), 2, ".*: matplotlib is not installed: .* -r requirements-np.txt\n"),
        (ValueError("Key backend: 'nope' is not a valid value"), 2, ".*: matplotlib has no backend nope: .*\n"),
    ],
)
def test_what_happens_while_a_program_imports_is_one_line(error, status, words, capsys, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "nope")
    with pytest.raises(SystemExit) as ended, ending.import_guard("requirements-np.txt"):
        raise error
    assert ended.value.code == status and re.fullmatch(words, capsys.readouterr().err)
    with pytest.raises(ValueError, match="ours"), ending.import_guard("requirements-np.txt"):
        raise ValueError("ours")


def test_a_program_whose_output_is_closed_runs(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert ending.run(lambda: sys.stdout.write("nobody reads this") and sys.stderr.write("nor this") and 0) == 0
    sys.stdout.close()
    sys.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_does_what_it_does_elsewhere(number):
    before = signal.getsignal(number)
    with Interrupts() as interrupts:
        assert signal.getsignal(number) != before
        signal.raise_signal(number)
        assert (interrupts.asked, signal.getsignal(number)) == (number, before)


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([2.3, -0.5], "the loss is -0.5 at step 2, but -log p is never below 0: check how the loss is computed"),
        ([2.3, -np.inf], "the loss is -inf at step 2, but -log p is never below 0"),
        ([np.nan], "the loss is nan at step 1, before any update: check the inputs, the first weights and the loss"),
        ([2.3, np.nan], "the loss is nan at step 2: lower --lr"),
    ],
)
def test_a_loss_that_cannot_be_says_where_to_look(losses, said):
    history = History()
    for loss in losses:
        history.add_step(loss, 0.1)
    with pytest.raises(UserError, match=re.escape(said)):
        history.append_unread_as_numbers()
    History([2.3]).check(-1e-9, 2)  # rounding


def test_batches_that_repeat_examples_within_an_epoch_are_told():
    options, plan = parse_options("np", "--batch-size", 100), Plan(600, 3000, 3000)
    assert (
        make_repeated_examples_warning(60_000, 3000, plan, options)
        == make_repeated_examples_warning(500, 5, plan, options)
        == ""
    )
    said = "only 1,000 different images were drawn: 60,000 draws should all be different"
    assert make_repeated_examples_warning(1000, 3000, plan, options) == said
    assert make_repeated_examples_warning(499, 5, plan, options).startswith(
        "only 499 different images were drawn: 500 draws"
    )
