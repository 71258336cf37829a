"""The curves: what they show is what was given, and every label is inside the picture."""

import json
import time

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

import plot
from conftest import assert_one_line
from networks import parse_options
from support.drawing import save
from support.errors import UserError
from support.history import History, load_history, save_history
from support.options import run_options


def history(steps, tests=True):
    rng = np.random.default_rng(0)
    loss = np.exp(-np.arange(steps) / 200) * rng.uniform(0.5, 1.5, steps) + 0.01
    at = list(range(100, steps + 1, 100)) if tests else []
    return History(loss, 1 - loss / 3, at, [0.1] * len(at), [0.97] * len(at))


def assert_inside(figure):
    """No text is cut off by the border of the picture."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    for axes in figure.axes:
        legend = axes.get_legend()
        texts = [*axes.texts, axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]
        for text in filter(Text.get_text, texts + (legend.get_texts() if legend else [])):
            box = text.get_window_extent(canvas.get_renderer())
            assert box.x0 >= 0, text
            assert box.y0 >= 0, text
            assert box.x1 <= figure.bbox.x1, text
            assert box.y1 <= figure.bbox.y1, text


@pytest.mark.parametrize("draw", [plot.loss_curve, plot.accuracy_curve])
@pytest.mark.parametrize("given", [history(2000), history(1, False), history(2, False), history(150)])
def test_labels_are_inside_the_picture(draw, given, tmp_path):
    figure = draw(given, "784-512-10 in NumPy", "held-out")
    save(figure, tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as image:
        assert image.size == (1200, 675)
    assert_inside(figure)


def test_the_lines_are_the_numbers():
    given = history(400)
    axes = plot.loss_curve(given, "t").axes[0]
    raw, smoothed, test = axes.get_lines()
    assert raw.get_ydata() == pytest.approx(given.train_loss)
    assert raw.get_xdata()[[0, -1]].tolist() == [1, 400]
    assert len(smoothed.get_ydata()) == 400
    assert list(test.get_xdata()) == given.test_step
    assert list(test.get_ydata()) == given.test_loss
    assert axes.texts[0].get_text() == "0.100"


def test_a_perfect_network_can_be_drawn():
    given = History([0.0] * 10, [1.0] * 10, [10], [0.0], [1.0])
    plot.loss_curve(given, "t").canvas.draw()
    plot.accuracy_curve(given, "t").canvas.draw()


def test_smoothing_keeps_constants_and_means():
    assert plot.smooth([3.0] * 500) == pytest.approx([3.0] * 500)
    assert plot.smooth([1.0]) == pytest.approx([1.0])
    noise = np.random.default_rng(0).normal(size=5000)
    assert plot.smooth(noise).std() < 0.2
    line = np.arange(30_001.0)  # far from its ends, a straight line stays as it is
    assert plot.smooth(line)[1000:-1000] == pytest.approx(line[1000:-1000])


def test_the_curve_of_a_million_steps_takes_no_minute():
    """Its parts of equal length take equally long to smooth, whatever the whole is."""
    values = np.full(10**6, 0.5)
    started = time.process_time()
    assert plot.smooth(values) == pytest.approx(values)
    assert time.process_time() - started < 5  # 58 s where each point had a 25th of the curve to add up


# --- Several runs --------------------------------------------------------------------------------------------------


def write(path, given, *argv):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_history(path, run_options(parse_options("np", *argv)), given)
    return path


def test_runs_are_called_by_what_they_differ_in(tmp_path):
    default, small = tmp_path / "default", tmp_path / "small"
    write(default / "history_np.json", history(936), "--steps", 936)
    write(default / "history_torch.json", history(468), "--steps", 936)
    write(small / "history_np.json", history(20), "--steps", 936, "--hidden", 16, "--batch-size", 6000)
    paths = plot.histories(str(tmp_path / "*"))
    runs = [load_history(path) for path in paths]
    names = plot.labels(paths, [options for options, _ in runs])
    assert names == [
        "batch size 128, hidden 512, NumPy",
        "batch size 128, hidden 512, PyTorch",
        "batch size 6000, hidden 16, NumPy",
    ]
    assert plot.labels(paths[:1] * 2, [runs[0][0]] * 2) == [str(paths[0])] * 2
    figure = plot.comparison(dict(zip(names, runs, strict=True)))
    assert_inside(figure)
    ends = [line.get_xdata()[-1] for line in figure.axes[0].get_lines()[::2]]
    assert ends == [2, 1, 2]  # epochs, so that batches of any size can be compared
    assert list(figure.axes[1].get_lines()[1].get_ydata()) == runs[0][1].test_accuracy
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == [f" {names[0]}: 0.9700", f" {names[1]}: 0.9700", f" {names[2]}"]  # the last has no test yet
    assert "dots: test images" in figure.legends[0].get_title().get_text()
    held_out = plot.comparison({"_$x^": (runs[0][0] | {"hold_out": 10_000}, runs[0][1])})
    assert "dots: held-out images" in held_out.legends[0].get_title().get_text()
    assert_inside(held_out)


def test_the_command(tmp_path, program):
    path = write(tmp_path / "run" / "history_np.json", history(150))
    result = program("plot.py", path, tmp_path / "run", "--out", tmp_path / "new" / "c.png")
    assert (result.returncode, result.stderr) == (0, "")
    with Image.open(tmp_path / "new" / "c.png") as image:
        assert image.width == 1200
    assert_one_line(program("plot.py", tmp_path / "nowhere"), "cannot read", "nowhere")
    before = path.read_bytes()
    for argv, words in [([tmp_path], r"there is no history_\*.json in"), ([], "RUN"), ([path, "--out", path], ".png")]:
        with pytest.raises(UserError, match=words):
            plot.main([str(word) for word in argv])
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        {"train_loss": [float("nan")] * 150},
        {"train_loss": ["low"] * 150},
        {"train_loss": []},
        {"train_accuracy": [2] * 150},
        {"test_step": [1e9]},
        {"test_loss": {}},
        {"options": []},
        {"options": {"batch_size": 0, "hold_out": 0}},
        {"options": {"batch_size": 1e9, "hold_out": 0}},
        {"options": {"batch_size": "128", "hold_out": 0}},
    ],
)
def test_a_damaged_history_is_one_line(tmp_path, change):
    path = write(tmp_path / "history_np.json", history(150))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match="not the history of a run, or is damaged"):
        load_history(path)
    for content in (b"", b"[]", b"[" * 100_000, b"\xff"):
        path.write_bytes(content)
        with pytest.raises(UserError, match="not the history of a run, or is damaged"):
            load_history(path)
