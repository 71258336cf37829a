"""The curves: what they show is what was given, and every label is inside the picture."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

import plot
from support.history import History


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
    plot.save(figure, tmp_path / "curve.png")
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
