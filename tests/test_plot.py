"""The curves: what they show is what was given, and every label is inside the picture."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

import plot
from training import History


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


@pytest.mark.parametrize("difference", ["grows", "none"])
def test_the_twins(difference):
    steps = np.arange(1, 501)
    loss = (2 * np.exp(-steps / 100) + 0.01).tolist()
    runs = {}
    for dtype, unit in (("float64", 1e-16), ("float32", 1e-8)):
        grown = unit * np.where(steps < 200, 1, 1e5) if difference == "grows" else 0.0 * steps
        runs[dtype] = {"loss_np": loss, "loss_torch": loss, "difference": grown, "disagreeing": (steps == 200) * 1}
    figure = plot.twins(runs)
    assert_inside(figure)
    notes = [text.get_text() for text in figure.axes[1].texts]
    assert any("rounding unit of float64: 1e-16" in note for note in notes)
    assert any("step 200" in note for note in notes) == (difference == "grows")


def test_the_shortcut():
    one = {"accuracy": [0.98, 0.97, 0.9, 0.6], "gradient": [0.1, 0.01, 0.001]}
    assert_inside(plot.shortcut({"layers": [8, 20, 32, 56], "with": one, "without": one}))


# --- Inside a network ----------------------------------------------------------------------------------------------


def assert_legible(figure):
    """Every text, in whatever part of the figure, is inside the picture, large enough, and on no other text."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = {}
    for text in figure.findobj(Text):
        if text.get_text().strip() and text.get_visible() and (text.axes is None or text.axes.axison):
            box = text.get_window_extent(canvas.get_renderer())
            assert box.x0 >= 0, text
            assert box.y0 >= 0, text
            assert box.x1 <= figure.bbox.x1, text
            assert box.y1 <= figure.bbox.y1, text
            assert text.get_fontsize() >= 9, text
            for other, its in boxes.items():
                assert not box.padded(-1).overlaps(its.padded(-1)), (text, other)
            boxes[text] = box
    assert boxes


def random_steps(hidden=512, size=1.0, p=None):
    rng = np.random.default_rng(0)
    z1 = rng.normal(size=hidden)
    p = rng.dirichlet(np.ones(10)) if p is None else np.asarray(p, float)
    da1 = size * rng.normal(size=hidden)
    dz1 = da1 * (z1 > 0)
    image = rng.integers(256, size=(28, 28), dtype=np.uint8)
    return {
        "image": image, "z1": z1, "a1": np.maximum(z1, 0), "logits": 100 * size * rng.normal(size=10), "p": p,
        "loss": 1.2345e-7, "dlogits": min(size, 1) * (p - np.eye(10)[3]), "da1": da1, "dz1": dz1,
        "dW1": image.reshape(784, 1) * dz1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("hidden", "size", "p"),
    [
        (512, 1.0, None),
        (512, 1.0, np.eye(10)[3] * (1 - 3.6e-4)),  # nearly right: its numbers have many digits
        (512, 123.45, np.eye(10)[7]),  # quite wrong
        (512, 0.0, np.eye(10)[3]),  # quite right: no gradient at all
        (7, 1.2345e-12, None),
        (1, 1.0, None),
    ],
)
def test_both_passes_of_an_mlp(hidden, size, p):
    steps = random_steps(hidden, size, p)
    assert_legible(plot.forward_pass(steps, "784-512-10, forward: a 3, held-out image 9999", 3))
    assert_legible(plot.backward_pass(steps, "784-512-10, backward: a 3, held-out image 9999", 3))


@pytest.mark.parametrize("widths", [(4,), (16, 32, 64), (8, 8, 8, 8, 8)])
def test_both_passes_of_a_resnet(widths):
    rng = np.random.default_rng(0)
    shapes = {"stem": (14, 14, widths[0])}
    for i, width in enumerate(widths):
        side = -(-14 // 2**i)
        shapes[f"stage {i + 1}"] = (side, side, width)
    steps = random_steps() | {
        "maps": {name: np.maximum(rng.normal(size=shape), 0) for name, shape in shapes.items()},
        "gradients": {name: 1e-5 * rng.normal(size=shape) for name, shape in shapes.items()},
    }
    forward, backward = plot.feature_maps(steps, "ResNet, forward: a 3", 3), plot.feature_gradients(steps, "R", 3)
    assert_legible(forward)
    assert_legible(backward)

    def drawn(figure):  # the channels' numbers and arrays, without the scales and the image
        return [
            (int(axes.get_xlabel()), axes.images[0].get_array())
            for axes in figure.axes
            if axes.images and axes.get_xlabel().isdigit()
        ]

    there, back = drawn(forward), drawn(backward)
    assert sorted(channel for channel, _ in there) == sorted(channel for channel, _ in back)
    channel, array = there[0]
    assert channel == steps["maps"]["stem"].sum(axis=(0, 1)).argmax()
    assert (array == steps["maps"]["stem"][..., channel]).all()
    channel, array = back[0]
    last = f"stage {len(widths)}"
    assert channel == steps["maps"][last].sum(axis=(0, 1)).argmax()
    assert (array == steps["gradients"][last][..., channel]).all()


def test_zero_is_white_and_the_signs_are_blue_and_red():
    red, white, blue = plot.SIGNED([0.0, 0.5, 1.0])
    assert white[:3] == pytest.approx(1, abs=0.01)
    assert blue[2] > blue[0]
    assert red[0] > red[2]


@pytest.mark.parametrize("n", [1, 9, 64])
def test_weights(n):
    images = np.random.default_rng(0).normal(size=(n, 28, 28))
    figure = plot.weights(images, [f"for {i % 10}" for i in range(n)], "784-512-10: W1", "a note\nof two lines")
    assert_legible(figure)
    assert len([axes for axes in figure.axes if axes.images]) == n


@pytest.mark.parametrize("perfect", [True, False])
def test_confusion(perfect):
    counts = np.diag(np.full(10, 1000)) if perfect else np.full((10, 10), 1234)
    figure = plot.confusion(counts, "784-512-10 reads 10,000 of 10,000 test images right")
    assert_legible(figure)
    assert len(figure.axes[0].texts) == np.count_nonzero(counts)
    shade = figure.axes[0].images[0].get_array()
    assert (np.diag(shade) > 0).all()
    assert (shade[~np.eye(10, dtype=bool)] < 0).all() == (not perfect)


@pytest.mark.parametrize("n", [0, 1, 24])
def test_mistakes(n):
    images = np.zeros((n, 28, 28), np.uint8)
    assert_legible(plot.mistakes(images, [1] * n, [7] * n, [0.99999] * n, f"its {n} most confident mistakes of {n}"))


@pytest.mark.parametrize("shape", [(320, 200), (1, 320), (320, 1), (28, 28)])
def test_prediction(shape):
    figure = plot.prediction(np.full(shape, 99.0), np.zeros((28, 28), np.uint8), np.eye(10)[4])
    assert_legible(figure)
    assert [axes.images[0].get_array().shape for axes in figure.axes[:2]] == [shape, (28, 28)]
