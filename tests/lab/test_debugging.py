"""The tools of docs/debugging.md: one batch by heart, a learning rate, runs measured."""

import numpy as np
import pytest
from test_plot import assert_legible

import data
from lab import by_heart, debugging, experiments, find_lr
from loading.options import parse_options
from mlp_np import MLP
from support.errors import UserError

SMALL_RUN = ("--hidden", "20", "--batch-size", "50")


@pytest.fixture(autouse=True)
def few(mnist, monkeypatch):
    """So many images that 320 batches of 50 can be drawn."""
    monkeypatch.setattr(data, "load", lambda *_: mnist)


def test_a_batch_is_learned_by_heart_if_the_gradients_are_right(monkeypatch, capsys):
    by_heart.main(SMALL_RUN)
    assert capsys.readouterr().out.splitlines()[-1] == "learned by heart"
    right = MLP.backward
    monkeypatch.setattr(MLP, "backward", lambda model, dy: {k: -g for k, g in right(model, dy).items()})
    with np.errstate(all="ignore"):
        by_heart.main(SMALL_RUN)
    assert capsys.readouterr().out.splitlines()[-1].startswith("not learned by heart")


def test_the_rate_that_is_suggested_lies_where_the_loss_has_nearly_fallen():
    """Of a loss that is 3 up to a rate of 1e-3, falls to 1 at 1e-1 by the logarithm of the rate, and then rises."""
    rates = np.geomspace(1e-6, 1, 61)
    losses = np.interp(np.log10(rates), [-3, -1, 0], [3, 1, 4])
    steps = [find_lr.SearchStep(rate, loss, loss) for rate, loss in zip(rates, losses, strict=True)]
    assert find_lr.find_lowest_loss_step(steps).rate == pytest.approx(0.1)
    assert find_lr.find_suggested_rate(steps) == float(f"{10**-1.2:.0e}")


@pytest.mark.slow
def test_find_lr_says_a_rate_draws_it_and_learns_at_it(tmp_path, capsys):
    find_lr.main([*SMALL_RUN, "--out", str(tmp_path)])
    rate = float(capsys.readouterr().out.partition("Try --lr ")[2].partition(":")[0])
    options = parse_options("np", *SMALL_RUN)
    steps = find_lr.list_search_steps(options)
    assert rate == find_lr.find_suggested_rate(steps) and 1e-3 < rate < 0.1
    assert_legible(figure := find_lr.draw_search(steps, "a title"))
    _, _, *lines = figure.axes[0].get_lines()
    lowest = min(steps, key=lambda step: step.mean_loss).rate
    assert {line.get_label(): line.get_xdata()[0] for line in lines} == {
        f"try {rate:g}": rate, f"lowest loss, at {lowest:.2g}": lowest,
    }  # fmt: skip
    assert (tmp_path / "find_lr_np.png").exists()


def test_a_loss_that_only_grows_gives_no_rate(monkeypatch, tmp_path):
    monkeypatch.setattr(find_lr, "list_search_steps", lambda options: [find_lr.SearchStep(1e-6, 3.0, 3.0)])
    with pytest.raises(UserError, match="the loss grows from the first step on"):
        find_lr.main(["--out", str(tmp_path)])


@pytest.mark.parametrize("program", [by_heart, find_lr], ids=lambda program: program.__name__)
def test_too_few_examples_and_a_run_that_is_not_new_are_a_line(program, monkeypatch, tmp_path):
    few = data.Images(*(array[:40] for array in data.load()))
    monkeypatch.setattr(data, "load", lambda *_: few)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="--batch-size 128 is more than the 40 training images"):
        program.main([])
    with pytest.raises(UserError, match="this program cannot --resume a run"):
        program.main(["--resume", "checkpoint_np.npz"])


def test_a_run_that_stops_is_kept_as_such(monkeypatch):
    ended = type("Ended", (), {"returncode": 2, "stderr": "main_np.py: the loss is nan at step 3: lower --lr\n"})
    monkeypatch.setattr(experiments.subprocess, "run", lambda *_, **__: ended)
    run = experiments.measure_run("main_np.py --lr 100", 0)
    assert run == {"stopped": "the loss is nan at step 3: lower --lr"}
    entry = {"runs": {"0": run, "1": {"test_accuracy": [0.5, 0.9]}}}
    assert experiments.get_last_values(entry) == [0.9]


def test_a_history_is_drawn_without_saying_which():
    run = {f"{kind}_{what}": [0.5, 0.6, 0.7] for kind in ("train", "test") for what in ("loss", "accuracy")}
    assert_legible(debugging.draw_history(run))


def test_equal_scores_are_not_learned_by_heart(monkeypatch, capsys):
    """From a first loss of 134, a fall to log 10 is a long way down, and nothing learned."""
    monkeypatch.setattr(
        by_heart, "learn_batch", lambda options: by_heart.BatchLosses([134.0] * 199 + [2.267], np.log(10), 0.0)
    )
    by_heart.main(["--pixels", "raw"])
    said = "not learned by heart (equal scores have the loss 2.303)"
    assert capsys.readouterr().out.splitlines()[-1].startswith(said)


def test_nobody_knows_by_heart_which_of_two_texts_that_begin_alike_it_is():
    """Three of four texts begin with 0, 1, and go on with 5, 7 and 7; all begin with 0."""
    x, y = np.array([[0, 1], [0, 2], [0, 1], [0, 1]]), np.array([[1, 5], [2, 6], [1, 7], [1, 7]])
    first, second = 3 * np.log(4 / 3) + np.log(4), np.log(3) + 2 * np.log(3 / 2)
    assert np.isclose(by_heart.compute_least_loss(x, y), (first + second) / 8)
    assert by_heart.compute_least_loss(x, np.array([1, 2, 1, 1])) == 0  # of images each has its answer
