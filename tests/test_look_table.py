"""The table of look.py --training: healthy seeds are silent, and what is out of its range is marked."""

import json
import re
from types import ModuleType

import numpy as np
import pytest

import data
import look
import main_np
from conftest import ROOT, schedule
from exercises.faults import FAULTS, insert_fault
from gpt_np import Embedding
from lab import healthy
from views import training, training_picture, training_table


def find_marks(name, step, *words, seed=50):
    """Return the marks of a step of a run "MODEL DATASET" that are out of the range of healthy runs."""
    options = healthy.make_options(name, seed, *words)
    dataset = data.load(options.source, options.run.hold_out)
    table = training.make_table_rows_by_name(training.take_first_steps(options, step, dataset))
    ranges = training_table.find_healthy_ranges(options, step, table)
    assert ranges
    return training_table.list_outlier_marks(table, ranges)


SLOW_STEPS = [(name, step) for name, step in healthy.list_runs_and_steps() if step in (1, 20)]


@pytest.mark.parametrize(("name", "step"), [("mlp mnist", 1), *schedule(SLOW_STEPS, in_turn=3)])
def test_a_healthy_seed_is_silent(name, step):
    assert find_marks(name, step) == []


def test_inputs_whose_mean_is_not_taken_off_are_marked(monkeypatch):
    """Their mean is 0.42, which a look at the pictures does not show."""
    code = insert_fault((ROOT / "data.py").read_text(encoding="utf-8"), FAULTS["mean"])
    wrong = ModuleType("data")
    exec(compile(code, "data.py", "exec"), vars(wrong))
    monkeypatch.setattr(data, "scale_pixels", wrong.scale_pixels)
    marks = find_marks("mlp mnist", 1)
    assert ("x", "mean 0.4") in [(mark.place, mark.value_text[:8]) for mark in marks]


def test_an_embedding_that_is_ten_times_too_large_is_marked(monkeypatch):
    """The loss of its first step is in order."""

    def draw_larger(model, rng, words, width):
        model.params = {"E": rng.normal(0, 5, (words, width))}

    monkeypatch.setattr(Embedding, "__init__", draw_larger)
    marks = find_marks("gpt names", 1)
    assert {"embed"} <= {mark.place for mark in marks}


@pytest.fixture
def few_images(mnist, monkeypatch):
    """So few images that their words are made in no time."""
    monkeypatch.setattr(data, "load", lambda *_: mnist._make(array[:3000] for array in mnist))


def see(*words, step=1):
    options = training.parse_options("np", *words)
    return training.diagnose_first_steps(options, step)


@pytest.mark.parametrize(
    ("words", "step", "reason"),
    [
        (["--lr", "0.2"], 1, "this run has --lr 0.2"),
        (["--hidden", "8", "--batch-size", "50"], 1, "this run has --hidden 8 --batch-size 50"),
        ([], 2, "recorded only at steps 1, 20, 200"),
    ],
)
def test_without_ranges_there_is_no_mark_and_a_line_says_why(words, step, reason, few_images):
    seen = see("--seed", "3", *words, step=step)
    assert seen["ranges"] == {} and seen["marks"] == []
    line = seen["no_ranges"]
    assert line.startswith("The numbers have no ranges beside them: ") and reason in line


def test_a_network_with_other_layers_has_no_ranges():
    options = healthy.make_options("mlp mnist", 0)
    rows = {"loss": [1.0, None, None]}
    assert training_table.find_healthy_ranges(options, 1, rows) == {}
    assert "this network has different layers or arrays" in training_table.explain_no_ranges(options, 1, rows)
    options.run.dataset = "a/folder"
    assert training_table.find_healthy_ranges(options, 1, {}) == {}
    line = training_table.explain_no_ranges(options, 1, {})
    assert "no healthy run of --model mlp --dataset a/folder is recorded" in line


def test_the_rows_are_the_numbers_of_a_step(small, monkeypatch):
    """They are computed here once more, with the loss of main_np.py."""
    monkeypatch.setattr(data, "load", lambda *_: small)
    options = healthy.make_options("mlp mnist", 3, "--hidden", "20", "--steps", "30")
    step = training.take_first_steps(options, 2, small)
    rows = training.make_table_rows_by_name(step)
    x, y = data.encode(*step.batch, options)
    W1 = step.model.params["W1"]
    logits = step.model.forward(x)
    loss, dlogits = main_np.compute_loss(logits, y)
    grads = step.model.backward(dlogits)
    update = step.changes["W1"] / np.sqrt((W1**2).mean())
    for name, array in {"x": x, "logits": logits, "W2 gradient": grads["W2"], "W1 update": update}.items():
        assert rows[name] == pytest.approx([array.mean(), array.std(), (array == 0).mean()], rel=1e-3, abs=1e-7), name
    assert rows["loss"] == [pytest.approx(loss), None, None]
    assert len(rows) == 3 + 2 + 8 and rows["b1 update"][1] == pytest.approx(step.changes["b1"].std(), rel=1e-3)


def test_of_a_name_the_share_of_padding_is_told():
    options = healthy.make_options("gpt names", 0, "--width", "8", "--blocks", "1")
    step = training.take_first_steps(options, 1, data.load("names"))
    _, y = data.encode(*step.batch, step.options)
    _, _, padding = training.make_table_rows_by_name(step)["x"]
    assert padding == (y == -1).mean() and 0.2 < padding < 0.7


def test_a_range_is_wider_with_fewer_seeds_and_none_is_narrower_than_is_usual():
    rows = {
        "loss": [[2.0, 0.1], None, None],
        "z1": [[0.5, 0.1], [1.0, 1.1], [0.25, 0.01]],
        "a1": [[0.5, 0.1], [1.0, 1.1], [0.25, 0.01]],
        "logits": [[0.5, 0.0], [1.0, 1.0], [0.0, 0.0]],
    }
    ranges = training_table.make_ranges_by_row(rows, 10)
    assert ranges["loss"] == [pytest.approx((1.2, 2.0, 2.8)), None, None]
    assert ranges["z1"][0] == pytest.approx((0.5 - 0.8 - 0.1, 0.5, 0.5 + 0.8 + 0.1))
    assert ranges["z1"][1] == pytest.approx((1 / (1.1**8 * 1.1), 1, 1.1**8 * 1.1))
    assert ranges["z1"][2] == pytest.approx((0.25 - 0.08 - 0.1, 0.25, 0.25 + 0.08 + 0.1))
    assert ranges["logits"][0] == pytest.approx((0.4, 0.5, 0.6))
    assert ranges["logits"][1] == ranges["a1"][1]  # its seeds have the same spread by chance
    assert ranges["logits"][2] == pytest.approx((0, 0, 0.1))
    assert training_table.make_ranges_by_row(rows, 5)["z1"][0] == pytest.approx((0.5 - 1.6 - 0.1, 0.5, 0.5 + 1.6 + 0.1))


def test_what_is_outside_is_marked_in_the_table_and_said_in_a_sentence(capsys):
    rows = {"loss": [2.3, None, None], "x": [0.421, 1.0, 0.0], "W1 gradient": [np.nan, 1.0, 0.0]}
    usual = [training_table.Range(-0.1, 0.02, 0.1), training_table.Range(0.9, 1, 1.1), training_table.Range(0, 0, 0.1)]
    ranges = {"loss": [training_table.Range(1, 2, 3), None, None], "x": usual, "W1 gradient": usual}
    training_table.print_table(rows, ranges)
    _, loss, x, gradient = capsys.readouterr().out.splitlines()
    assert loss.split() == ["loss", "2.3", "2", "(1", "to", "3)"]
    assert x.split()[:6] == ["x", "0.421", "!", "0.02", "(-0.1", "to"] and x.count("!") == 1
    assert gradient.split()[2:6] == ["nan", "!", "0.02", "(-0.1"] and gradient.count("!") == 1
    assert training.describe_marks(training_table.list_outlier_marks(rows, ranges)) == [
        "Outside the range of healthy runs: x mean 0.421 (-0.1 to 0.1), W1 gradient mean nan (-0.1 to 0.1)."
    ]


def test_the_command_prints_one_table_and_concludes(mnist, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(data, "load", lambda *_: mnist)
    monkeypatch.setattr(mnist.__class__, "compute_test_overlap_fraction", lambda *_: 0.0)
    monkeypatch.setattr(training_picture, "draw_training", lambda *_: None)
    monkeypatch.setattr(training.drawing, "save", lambda *_: None)
    look.main(["--training", "1", "--seed", "50", "--out", str(tmp_path)])
    title, table, conclusion = capsys.readouterr().out.split("\n\n")
    assert title.startswith("784-512-10, step 1 of ") and "!" not in table
    assert [line.split()[0] for line in table.splitlines()[1:5]] == ["loss", "x", "z1", "a1"]
    assert conclusion.startswith("No number is out of the ordinary.")


def test_the_table_of_the_lesson_has_the_ranges_that_are_recorded():
    """Its numbers are those of one machine; they are inside."""
    _, _, text = (
        (ROOT / "docs" / "debugging.md").read_text(encoding="utf-8").partition("--training 20 --seed 0\n```\n\n```\n")
    )
    _, *lines = text.partition("\n```")[0].splitlines()
    recorded = json.loads(training_table.HEALTHY_FILE.read_text(encoding="utf-8"))["mlp mnist"]["20"]
    ranges = training_table.make_ranges_by_row(recorded["rows"], recorded["n"])
    for line, (name, bounds) in zip(lines, ranges.items(), strict=True):
        cells = re.findall(r"(\S+) +(\S+ \(.+?\))", line)
        assert line.startswith(f"{name} ")
        assert [shown for _, shown in cells] == [f"{pair.mean:.2g} ({pair})" for pair in bounds if pair], name
        assert not any(training_table.is_outside(float(cells[i][0]), bounds[i]) for i in range(len(cells))), name
