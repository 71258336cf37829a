"""The curves: what they show is what was given, and every label is legible."""

import json

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

import plot
from conftest import schedule
from loading.options import parse_options
from support import drawing
from support.drawing import save
from support.errors import UserError
from support.history import History, load_history, save_history
from support.options import select_options_to_save


def history(steps, tests=True, steps_per_epoch=468):
    rng = np.random.default_rng(0)
    loss = np.exp(-np.arange(steps) / 200) * rng.uniform(0.5, 1.5, steps) + 0.01
    at = list(range(100, steps + 1, 100)) if tests else []
    found = History(loss, 1 - loss / 3, at, [0.1] * len(at), [0.97] * len(at))
    found.steps_per_epoch = steps_per_epoch
    return found


def assert_legible(figure):
    """Every text is inside the picture, large enough, and on no other."""
    canvas = FigureCanvasAgg(figure)
    with drawing.plot_style():  # as when it is saved
        figure.draw_without_rendering()
    hidden = set()  # the labels beyond the ends of an axis
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        hidden |= {tick.label1 for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high}
    written = {text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()}
    shown = [text for text in written - hidden if text.axes is None or text.axes.axison or text in text.axes.texts]
    boxes = [text.get_window_extent(canvas.get_renderer()).padded(-1) for text in shown]
    assert boxes and not any("\\math" in text.get_text() for text in shown)  # which drawing.style does not read
    for text, box in zip(shown, boxes, strict=True):
        assert text.get_fontsize() >= 9 and min(box.x0, box.y0) > 0, text
        assert box.x1 < figure.bbox.x1 and box.y1 < figure.bbox.y1, text
    low, high = np.array([box.min for box in boxes]), np.array([box.max for box in boxes])  # (N, 2) each
    overlap = (low[:, np.newaxis] <= high).all(axis=2) & (low <= high[:, np.newaxis]).all(axis=2)
    assert not np.triu(overlap, 1).any(), [(shown[i], shown[j]) for i, j in np.argwhere(np.triu(overlap, 1))]


PERFECT = History([0.0] * 10, [1.0] * 10, [10], [0.0], [1.0])
CURVES = [history(2000), history(1, False), history(2, False), history(150), PERFECT]
DRAWN = [(draw, curve) for curve in range(len(CURVES)) for draw in (plot.draw_loss_curve, plot.draw_accuracy_curve)]


@pytest.mark.parametrize(("draw", "curve"), schedule(DRAWN, every_day=3))
def test_labels_are_legible(draw, curve):
    assert_legible(draw(CURVES[curve], "784-512-10 in NumPy", "held-out"))


def test_the_lines_are_the_numbers():
    given = history(400)
    given.train_loss[7] = 1e-8  # it fills no picture
    axes = plot.draw_loss_curve(given, "t").axes[0]
    raw, smoothed, test = axes.get_lines()
    assert raw.get_ydata() == pytest.approx(given.train_loss)
    assert raw.get_xdata().tolist() == list(range(1, 401))
    assert smoothed.get_ydata() == pytest.approx(plot.smooth_values(given.train_loss))
    assert (list(test.get_xdata()), list(test.get_ydata())) == (list(given.test_step), list(given.test_loss))
    assert axes.texts[0].get_text() == "0.100" and axes.get_ylim()[0] > 1e-3


def test_a_picture_is_the_same_whatever_the_users_style(tmp_path):
    """And that style is what it was."""
    given = history(200)
    drawing.save(plot.draw_loss_curve(given, "t"), tmp_path / "one.png")
    mine = {"lines.linestyle": ":", "axes.facecolor": "black", "xtick.color": "red", "font.size": 30}
    with matplotlib.rc_context(mine | {"font.family": "No Such Font", "savefig.facecolor": "red"}):
        before = dict(matplotlib.rcParams)
        drawing.save(plot.draw_loss_curve(given, "t"), tmp_path / "two.png")
        assert dict(matplotlib.rcParams) == before
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    with Image.open(tmp_path / "one.png") as image:
        assert "Software" not in image.info  # with another version of matplotlib, the file would be another


def test_smoothing_keeps_constants_and_means():
    for steps in (1, 500, 10**6):  # of a million, in no time
        smooth = plot.smooth_values(np.full(steps, 3.0))
        assert len(smooth) == steps and np.allclose(smooth, 3)
    assert plot.smooth_values(np.random.default_rng(0).normal(size=5000)).std() < 0.2
    assert plot.smooth_values(np.arange(4.0), 100) == pytest.approx(
        1.5, abs=1e-3
    )  # a run much shorter than the one beside it
    line = np.arange(30_001.0)  # far from its ends, a straight line stays as it is
    assert np.allclose(plot.smooth_values(line)[1000:-1000], line[1000:-1000])
    step = plot.smooth_values(1.0 * (line >= 15_000), 3000)  # which reaches so far to either side
    assert np.flatnonzero((step > 1e-9) & (step < 1 - 1e-9))[[0, -1]] == pytest.approx([12_000, 18_000], abs=20)


# --- Several runs --------------------------------------------------------------------------------------------------


def write(path, given, *argv):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_history(path, select_options_to_save(parse_options("np", *argv)), given)
    return path


def test_a_name_with_brackets_is_a_folder_if_there_is_one(tmp_path):
    """And elsewhere a pattern."""
    paths = [write(tmp_path / name / "history_np.json", history(20)) for name in ("run1", "run[1]")]
    assert plot.find_histories(str(tmp_path / "run[1]")) == paths[1:]
    assert plot.find_histories(str(tmp_path / "[r]un1")) == paths[:1]


def test_runs_are_called_by_what_they_differ_in(tmp_path):
    write(tmp_path / "default" / "history_np.json", history(936), "--steps", 936)
    write(tmp_path / "default" / "history_torch.json", history(468), "--steps", 936)
    write(
        tmp_path / "small" / "history_np.json",
        history(20, steps_per_epoch=10),
        "--steps",
        936,
        "--hidden",
        16,
        "--batch-size",
        6000,
    )
    paths = plot.find_histories(str(tmp_path / "*"))
    runs = [load_history(path) for path in paths]
    names = plot.make_labels(paths, [options for options, _ in runs])
    same = "batch size 128, hidden 512"
    assert names == [f"{same}, NumPy", f"{same}, PyTorch", "batch size 6000, hidden 16, NumPy"]
    older = {name: value for name, value in runs[0][0].items() if name not in ("optimizer", "augment")}
    assert plot.make_labels(paths[:2], [older, runs[1][0]]) == ["NumPy", "PyTorch"]  # older than these options
    apart = [runs[0][0] | {"data": {"sha256": letter}} for letter in "ab"]  # which says nothing to anybody
    assert plot.make_labels(paths[:2], apart) == ["NumPy", "PyTorch"]
    assert plot.make_labels(paths[:1], [runs[0][0]]) == ["NumPy"]
    assert plot.make_labels(paths[:1] * 2, [runs[0][0]] * 2) == [f"NumPy ({paths[0]})"] * 2
    figure = plot.draw_comparison(dict(zip(names, runs, strict=True)))
    of_fewer = history(936, steps_per_epoch=390)
    held_out = plot.draw_comparison({"_$x^": (runs[0][0] | {"hold_out": 10_000}, of_fewer)})
    for drawn, images in ((figure, "test"), (held_out, "held-out")):
        assert_legible(drawn)
        kinds = [text.get_text() for text in drawn.axes[0].get_legend().get_texts()]
        assert kinds == ["training batches, smoothed", f"{images} images, after each epoch"]
    ends = [[*line.get_xdata()[-1:]] for line in figure.axes[0].get_lines()]
    assert ends == [[2], [900 / 468], [1], [400 / 468], [2], []]  # epochs, so that batches of any size can be compared
    assert held_out.axes[0].get_lines()[0].get_xdata()[-1] == 936 / 390
    assert list(figure.axes[1].get_lines()[1].get_ydata()) == list(runs[0][1].test_accuracy)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == [f" {names[0]}: 0.9700", f" {names[1]}: 0.9700", f" {names[2]}"]  # the last has no test yet


def test_a_name_that_cannot_be_drawn_is_no_warning(tmp_path):
    """The font lacks it, it is no text, or reads like mathematics."""
    save(
        plot.draw_comparison({"\u672c \udcff\n$x^": (select_options_to_save(parse_options("np")), history(20))}),
        tmp_path / "out.png",
    )


def test_equal_steps_look_equal_however_long_the_run():
    """The smoothing is as wide for a run that stopped early, so that its curve is the start of the other's. Where they
    are on top of each other, both are seen."""
    options, whole = select_options_to_save(parse_options("np")), history(2000, False)
    start = History(whole.train_loss[:600], whole.train_accuracy[:600])
    start.steps_per_epoch = whole.steps_per_epoch
    for axes in plot.draw_comparison({"start": (options, start), "whole": (options, whole)}).axes:
        (one, _, two, _), same = axes.get_lines(), 600 - 2000 // 50  # at its end it has fewer neighbours
        assert one.get_ydata()[:same] == pytest.approx(two.get_ydata()[:same])
        assert one.get_linewidth() > two.get_linewidth()


def test_a_run_of_an_epoch_or_less_has_ticks_that_differ_and_a_curve_that_is_seen():
    for steps in (150, 468):
        given = history(steps)
        given.test_step, given.test_accuracy, given.test_loss = [steps], [0.97], [0.1]
        figure = plot.draw_comparison({"one": ({"hold_out": 0, "dataset": "mnist"}, given)})
        FigureCanvasAgg(figure).draw()
        below = figure.axes[1]
        ticks = [label.get_text() for label in below.get_xticklabels()]
        assert len({*ticks}) == len(ticks) >= 2
        assert (below.lines[0].get_ydata() > below.get_ylim()[0]).mean() > 0.8


def test_the_command(tmp_path):
    path = write(tmp_path / "run" / "history_np.json", history(150))
    plot.main([str(path), str(tmp_path / "run"), "--out", str(tmp_path / "new" / "c.png")])
    with Image.open(tmp_path / "new" / "c.png") as image:
        assert image.width == 1200
    for argv, words in [([tmp_path], r"there is no history_\*.json in"), ([path, "--out", path], ".png")]:
        with pytest.raises(UserError, match=words):
            plot.main([str(word) for word in argv])


def test_a_loss_that_has_grown_has_numbers_on_its_axis_and_its_last_one_is_short():
    for most in (10, 1e6, 1e12):
        given = History(np.geomspace(2, most, 60), np.full(60, 0.1), [60], [3 * most], [0.1])
        given.steps_per_epoch = 468
        figure = plot.draw_loss_curve(given, "784-512-10 in NumPy")
        assert_legible(figure)
        (axes,), (low, high) = figure.axes, figure.axes[0].get_ylim()
        ticks = [
            t.get_text() for t, at in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True) if low < at < high
        ]
        assert len({*filter(None, ticks)}) >= 2 and low < 3 * most < high
        assert [text.get_text() for text in axes.texts] == [{10: "30.000", 1e6: "3e+06", 1e12: "3e+12"}[most]]


def test_of_many_kinds_of_runs_the_legend_lies_on_no_curve():
    options, runs = select_options_to_save(parse_options("np")), {}
    for name, loss in (("falls", np.geomspace(3, 0.1, 300)), ("stays", np.full(300, 2.5))):
        runs[name] = (options, History(loss, np.full(300, 0.5)))
        runs[name][1].steps_per_epoch = 468
    figure = plot.draw_comparison(runs)
    axes, canvas = figure.axes[0], FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    box = axes.get_legend().get_window_extent(canvas.get_renderer())
    for line in axes.get_lines():
        assert not any(box.contains(x, y) for x, y in axes.transData.transform(line.get_xydata()))


def test_a_damaged_history_is_one_line(tmp_path):
    path = write(tmp_path / "history_np.json", history(150))
    whole = json.loads(path.read_text(encoding="utf-8"))
    for change in [
        {"train_loss": [float("nan")] * 150}, {"train_loss": ["low"] * 150}, {"train_loss": []},
        {name: [] for name in whole if name.startswith(("train_", "test_"))},
        *({f"{of}_accuracy": [share] * n} for of, n in (("train", 150), ("test", 1)) for share in (-0.1, 1.1)),
        {"test_step": [1e9]}, {"test_loss": {}}, {"options": []},
        {"options": {"hold_out": 0}}, {"options": {"dataset": "mnist", "hold_out": -1}},
        *({"steps_per_epoch": steps} for steps in (-1, "128")),
    ]:  # fmt: skip
        path.write_text(json.dumps(whole | change))
        with pytest.raises(UserError, match="not the history of a run, or is damaged"):
            load_history(path)
