"""What is in each picture, in the colours that its words promise: ink is dark on paper, blue is above 0, red below, and
a frame or a red bar is where it is said to be."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from test_plot import assert_legible

import plot
import write
from conftest import schedule
from exercises import prove
from lab import figures
from loading.options import parse_options
from support import drawing
from support.drawing import BLUE, RED
from support.history import History
from views import answers, passes, training_picture, training_table, writing

INKED = np.zeros((28, 28), np.uint8)
INKED[:14] = 255  # as MNIST keeps it: ink is 255
X, T, V = np.arange(4), 4, 12  # hidden units; patches; words


def colour(image, value):
    """The colour (3,) from 0 to 1 in which an image on axes shows a number."""
    return np.array(image.cmap(image.norm(value))[:3])


def dark_ink(image):
    """Whether what was ink, the upper half of INKED, is black there, and the lower half is white."""
    above, below = (colour(image, image.get_array()[row, 0]).tolist() for row in (0, -1))
    return above == [0, 0, 0] and below == [1, 1, 1]


def signed(image):
    """Whether what is above 0 is blue there, 0 white, and what is below red."""
    (r1, _, b1), white, (r2, _, b2) = (colour(image, value) for value in (image.norm.vmin, 0, image.norm.vmax))
    return r1 > b1 and b2 > r2 and white == pytest.approx(1, abs=0.02)


def under(figure, words):
    """The axes of a figure under or over which these words are."""
    (found,) = (axes for axes in figure.axes if words in (axes.get_xlabel(), axes.get_title()))
    return found


def frame(axes):
    """(left, top, its colour) of the only frame on axes."""
    (framed,) = axes.patches
    return *framed.get_xy(), to_rgb(framed.get_edgecolor())


PASS = {
    "image": INKED, "classes": [*"0123456789"], "loss": 0.5, "z1": X - 2.0, "a1": np.maximum(X - 2.0, 0),
    "da1": X - 1.5, "dz1": X - 1.5, "dW1": np.arange(784.0 * 4).reshape(784, 4) - 1000,
    "logits": np.arange(10) - 4.0, "p": np.eye(10)[9], "dlogits": np.arange(10) - 4.0,
    "maps": {"stem": np.ones((2, 2, 3))}, "gradients": {"stem": np.arange(12.0).reshape(2, 2, 3) - 5},
}  # fmt: skip
ATTENTION = {"block 1": np.linspace(0, 1, 2 * T * T).reshape(2, T, T)}


def test_of_a_picture_that_is_read_ink_is_black_and_what_the_network_sees_is_as_in_mnist():
    seen = SimpleNamespace(picture=255 - INKED, ink=INKED, image=INKED, problem="")
    answered = answers.draw_prediction(seen, PASS["p"], "digit: 9")
    given, ink, image, said = answered.axes
    assert dark_ink(given.images[0]) and dark_ink(ink.images[0]) and not dark_ink(image.images[0])
    assert [bar.get_width() for bar in said.patches] == [*PASS["p"]]
    seen.problem = "no digit found in a.png: it is blank"
    refused = answers.draw_prediction(seen, PASS["p"], "digit: 9")
    *_, why = refused.axes
    assert not why.patches and [text.get_text() for text in why.texts] == ["it is blank"]
    assert [figure.get_suptitle() for figure in (answered, refused)] == ["digit: 9", "no answer: no digit found"]
    assert [figure.axes[2].get_title()[:14] for figure in (answered, refused)] == ["what the netwo", "what it would "]


def test_of_both_passes_blue_is_above_0_and_red_below():
    for figure, bars in (
        (passes.draw_forward_pass(PASS, "", 9), "logits = a1 W2 + b2"),
        (passes.draw_backward_pass(PASS, "", 9), ""),
    ):
        for axes in figure.axes:
            words = axes.get_xlabel()
            if words == "x":
                assert dark_ink(axes.images[0])
            elif words.startswith(("z1", "a1", "da1", "dz1", "unit")):
                assert signed(axes.images[0]), words
        (drawn,) = (axes for axes in figure.axes if axes.get_xlabel().startswith(bars or "dlogits"))
        assert [bar.get_facecolor()[:3] for bar in drawn.patches] == [to_rgb(RED)] * 4 + [to_rgb(BLUE)] * 6
        low, high = drawn.get_xlim()
        assert low < -4.5 and high > 5.5  # room for the numbers beside the bars


@pytest.mark.parametrize(
    ("dz1", "said", "drawn"),
    [
        ([0, -2, 0, 3], "and to the weights: all units that it reaches", ["unit 3", "unit 1"]),
        ([0.0] * 4, "and to the weights: nothing, because no gradient reaches any weighted sum", []),
        (range(10), "and to the weights: the 8 most affected units", [f"unit {unit}" for unit in range(9, 1, -1)]),
    ],
)
def test_of_the_units_those_are_drawn_that_a_gradient_reaches(dz1, said, drawn):
    many = len(dz1)
    steps = PASS | dict.fromkeys(("z1", "a1", "da1"), np.ones(many)) | {"dz1": np.array(dz1) * 1.0}
    figure = passes.draw_backward_pass(steps | {"dW1": np.outer(np.ones(784), dz1)}, "", 9)
    assert [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel().startswith("unit")] == drawn
    assert said in [text.get_text() for part in figure.subfigs for text in part.texts]


LONG = [f"the name number {n} of ten" for n in range(10)]  # as long as a class's name may be


def with_long_names():
    """Each picture that has the names of classes in it, by its function."""
    steps = PASS | {"classes": LONG, "attention": ATTENTION, "patch": 1, "dx": np.ones((28, 28))}
    of_patches = steps | {"gradients": {"embedded": np.ones((T, 3)), "block 1": np.ones((T, 3))}}
    images, layer = np.array([INKED] * 8), {"spread": 1.0, "zeros": 0.5}
    weights = answers.WeightImages("", images, [f"for {name}" for name in LONG[:8]], "a note")
    mistakes = answers.Mistakes(images, LONG[:8], LONG[2:], [0.99999] * 8)
    seen = {
        "where": "step 2", "examples": images, "labels": LONG[:8], "losses": [2.3, 1.2], "classes": 10, "marks": [],
        "layers": {"z1": layer}, "arrays": {"W1": {"gradient": 0.1, "step": 1e-3, "is_vector": False}},
    }  # fmt: skip
    read = SimpleNamespace(picture=255 - INKED, ink=INKED, image=INKED, problem="")
    return {
        "weights": lambda: answers.draw_weights(weights, ""),
        "training": lambda: training_picture.draw_training(seen, "a title", ["No number is out of the ordinary."]),
        "mistakes": lambda: answers.draw_mistakes(mistakes, "its 8 mistakes"),
        "confusion": lambda: answers.draw_confusion(np.full((10, 10), 1234), "a title", LONG, "class"),
        "prediction": lambda: answers.draw_prediction(read, PASS["p"], f"class: {LONG[9]}", LONG),
    } | {
        draw.__name__: lambda draw=draw, steps=steps: draw(steps, "a title", 9)
        for draw, steps in (
            (passes.draw_forward_pass, steps), (passes.draw_backward_pass, steps), (passes.draw_feature_maps, steps),
            (passes.draw_feature_gradients, steps), (passes.draw_attention, steps),
            (passes.draw_patch_gradients, of_patches),
        )
    }  # fmt: skip


@pytest.mark.parametrize("name", schedule([*with_long_names()], every_day=["forward_pass", "weights"]))
def test_long_names_of_classes_are_legible(name):
    assert_legible(with_long_names()[name]())


def test_of_a_resnet_the_gradients_are_signed_and_the_maps_are_blue():
    maps, back = passes.draw_feature_maps(PASS, "", 9), passes.draw_feature_gradients(PASS, "", 9)
    assert dark_ink(under(maps, "x").images[0]) and signed(under(back, "0").images[0])
    assert colour(under(maps, "0").images[0], 1).argmax() == 2


def test_of_a_vit_a_gradient_is_drawn_by_its_size_at_each_patch_and_by_its_sign_at_each_pixel():
    back, dx = {"embedded": np.eye(T, 3), "block 1": 2 * np.eye(T, 3)}, np.arange(784.0).reshape(28, 28) - 400
    figure = passes.draw_patch_gradients(PASS | {"gradients": back, "dx": dx}, "", 9)
    for words, most in (("after block 1\nup to 2", 2), ("before block 1\nup to 1", 1)):  # on one scale
        sizes, ink = under(figure, words).images
        assert sizes.get_array().ravel().tolist() == [most, most, most, 0] and sizes.norm.vmax == 2
        assert colour(sizes, 2).argmax() == 2 and colour(ink, 0).tolist() == [0, 0, 0]
    assert signed(under(figure, "and to the pixels").images[0]) and dark_ink(under(figure, "x").images[0])


def test_the_ends_of_a_scale_say_whether_there_is_more():
    """Each bar of colours says its ends and its 0."""
    images = np.array([np.linspace(-1, 1, 784).reshape(28, 28)])
    figure = answers.draw_weights(answers.WeightImages("", images, [0], ""), "")
    bar = next(axes for axes in figure.axes if axes.get_label() == "<colorbar>")
    ends = [label.get_text().strip(" \u2007") for label in bar.get_yticklabels()]
    assert ends == ["≤ -1", "0", "≥ 1"]


def test_attention_is_blue_on_dark_ink_and_the_patch_that_looks_is_framed_in_red():
    figure = passes.draw_attention(PASS | {"attention": ATTENTION, "patch": 1}, "", 9)
    for axes in (figure.axes[0], under(figure, "head 1")):
        assert frame(axes) == (14, 0, to_rgb(RED))
        shown, ink = axes.images
        assert colour(shown, shown.norm.vmin) == pytest.approx(1) and colour(shown, shown.norm.vmax).argmax() == 2
        assert (
            colour(ink, 0).tolist() == [0, 0, 0] and (np.asarray(ink.get_alpha()) > 0).tolist() == (INKED > 0).tolist()
        )


# Of what a GPT wrote at place 1: word 3 was drawn, which is the second likeliest.
P = np.tile(np.linspace(0.01, 0.02, V), (T, 1))
P[1, [7, 3]] = 0.5, 0.3
WRITTEN = {"token_ids": np.array([0, 3, 0, 0]), "p": P, "perplexity": np.arange(1.0, 5), "attention": ATTENTION}
WRITTEN |= {"position": 1}
LIKELIEST = [7, 3, 11, 10, 9, 8, 6]


def test_of_a_digit_that_was_written_the_likeliest_patches_are_drawn_and_the_one_that_was_taken_is_framed():
    words = np.full((V, 16), 255, np.uint8)
    words[:, 0] = np.arange(V)  # by which they are told apart
    figure = writing.draw_generated_digit(WRITTEN | {"image": INKED, "vocabulary": words}, "")
    drawn = [axes for axes in figure.axes if axes.images and axes.images[0].get_array().shape == (4, 4)]
    assert [255 - axes.images[0].get_array()[0, 0] for axes in drawn] == LIKELIEST
    assert colour(drawn[0].images[0], drawn[0].images[0].get_array()[3, 3]).tolist() == [0, 0, 0]  # ink
    assert [to_rgb(axes.spines["left"].get_edgecolor()) == to_rgb(RED) for axes in drawn] == [n == 3 for n in LIKELIEST]
    assert frame(figure.axes[0]) == (14, 0, to_rgb(RED))
    looked = under(figure, f"head 2\nthe digit's token: {ATTENTION['block 1'][1, 1, 0]:.2f}").images[0]
    assert looked.get_array().ravel().tolist() == [*ATTENTION["block 1"][1, 1, 1:], 0]  # the last patch is never seen


def test_of_a_text_that_was_written_the_likeliest_letters_are_drawn_and_the_one_that_was_taken_is_red():
    figure = writing.draw_generated_text(WRITTEN | {"letters": "abcdefghijkl"}, "")
    (axes,) = (axes for axes in figure.axes if axes.get_title().startswith("letter 1: the likeliest"))
    assert [label.get_text() for label in axes.get_xticklabels()] == [*"hdlkjigf"]
    assert [to_rgb(bar.get_facecolor()) for bar in axes.patches] == [to_rgb(RED if n == 1 else BLUE) for n in range(8)]
    assert frame(figure.axes[0]) == (0.5, -0.5, to_rgb(RED))


def test_of_weights_blue_is_above_0_and_of_mistakes_ink_is_black():
    images = np.array([INKED, INKED])
    weights = answers.WeightImages("", images - 100.0, [0, 1], "")
    mistakes = answers.Mistakes(images, [1, 2], [3, 4], [0.9, 0.8])
    assert signed(answers.draw_weights(weights, "").axes[0].images[0])
    assert dark_ink(answers.draw_mistakes(mistakes, "").axes[0].images[0])
    counts = np.diag(np.full(10, 9))
    counts[2, 7] = 3
    (shown,) = answers.draw_confusion(counts, "").axes[0].images
    (r, _, b), (wrong, _, right), none = (colour(shown, shown.get_array()[at]) for at in ((2, 2), (2, 7), (7, 2)))
    assert b > r and wrong > right and none == pytest.approx(1, abs=0.02)


def test_what_is_out_of_the_ordinary_in_a_training_is_red():
    layer, array = {"spread": 1.0, "zeros": 0.5}, {"gradient": 0.1, "step": 1e-3, "is_vector": False}
    seen = {
        "where": "step 2", "examples": np.array([INKED]), "labels": ["5"], "losses": [2.3, 1.2], "classes": 10,
        "layers": {"z1": layer, "a1": layer}, "arrays": {"W1": array},
        "marks": [training_table.Mark("a1", "Not finite")],
    }  # fmt: skip
    figure = training_picture.draw_training(seen, "", ["Not finite: a1."])
    assert dark_ink(under(figure, "5").images[0])
    assert [to_rgb(bar.get_facecolor()) for bar in under(figure, "the share of it that is 0").patches] == [
        to_rgb(BLUE), to_rgb(RED)
    ]  # fmt: skip
    assert to_rgb(figure.axes[0].texts[0].get_color()) == to_rgb(RED)


def test_of_a_training_no_dot_lies_on_the_end_of_an_axis_and_texts_lie_between_their_neighbours():
    ends = [{"gradient": g, "step": s, "is_vector": False} for g, s in ((1.01e-3, 9.9e-3), (9.9, 1e-3), (0.1, None))]
    layers = {"a": {"spread": 0.999, "zeros": 0.0}, "b": {"spread": 10.0, "zeros": 0.0}}
    seen = {
        "where": "step 2", "examples": ["a text of sixty letters"] * 8, "labels": None, "losses": [3.3, 3.29, -0.4],
        "classes": 27, "layers": layers, "arrays": dict(zip("WVU", ends, strict=True)), "marks": [],
    }  # fmt: skip
    figure = training_picture.draw_training(seen, "a title", ["No number is out of the ordinary."])
    assert_legible(figure)
    for words in (
        "its spread (standard deviation)",
        "the size of its gradient",
        "its step / its weights; dashed: 0.001",
    ):
        axes = under(figure, words)
        low, high = axes.get_xlim()
        dots = [line.get_xdata()[0] for line in axes.get_lines() if line.get_marker() == "o"]
        assert dots and min(dots) / low > 1.2 < high / max(dots), words
    axes = under(figure, "steps; dashed: log 27, the loss of equal scores")
    low, high = axes.get_ylim()
    assert low < -0.4 and 0.95 * high > 3.3


@pytest.mark.parametrize("far", [1e-15, 0.0, 3.0])
def test_of_a_proof_both_losses_are_drawn_and_how_far_the_weights_are_apart(far):
    steps = [(2.3 - 0.01 * n, 2.3 - 0.01 * n + far, far * n) for n in range(200)]
    with drawing.plot_style():
        figure = prove.make_figure(drawing, steps, "MLP (hidden 128)", "mlp_torch.py", far > 1)
    assert_legible(figure)
    upper, lower = figure.axes
    assert [line.get_ydata()[7] for line in upper.get_lines()] == [*steps[7][:2]]
    assert lower.get_lines()[0].get_ydata()[7] == (far * 7 or pytest.approx(np.nan, nan_ok=True))
    assert "10⁻¹⁵" in [label.get_text() for label in lower.get_yticklabels()]
    texts = [text.get_text() for text in lower.texts]
    assert ("all weights are equal, to the last bit, after every step" in texts) == (far == 0)
    assert any(text.startswith("≤ ") for text in texts) == (far > 0)


def run_of(steps=1000):
    history = History(np.linspace(2, 0.1, steps), np.linspace(0.1, 0.9, steps), [steps], [0.2], [0.95])
    history.steps_per_epoch = 100
    return history


def test_of_curves_nearly_every_point_is_in_view_training_is_blue_and_the_test_red():
    for draw in (plot.draw_loss_curve, plot.draw_accuracy_curve):
        axes = draw(run_of(), "").axes[0]
        each, smoothed, test = axes.get_lines()
        assert [to_rgb(line.get_color()) for line in (each, smoothed, test)] == [to_rgb(BLUE)] * 2 + [to_rgb(RED)]
        low, high = axes.get_ylim()
        assert (
            np.mean((each.get_ydata() > low) & (each.get_ydata() < high)) >= 0.97 and low < test.get_ydata()[0] < high
        )


def test_of_several_runs_each_has_its_colour_and_its_name_as_it_is():
    options = vars(parse_options("np").run)
    figure = plot.draw_comparison({name: (options, run_of()) for name in (r"a $\frac$", "b")})
    FigureCanvasAgg(figure).draw()  # no $ begins mathematics, which a folder's name need not be
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [r" a $\frac$: 0.9500", " b: 0.9500"]
    for axes in figure.axes:
        assert [line.get_color() for line in axes.get_lines()] == [plot.COLOURS[n] for n in (0, 0, 1, 1)]


def test_what_is_written_is_black_on_white_and_so_are_the_docs_pictures():
    rows = np.zeros((2, 3, 28, 28), np.uint8)
    rows[1, 0] = INKED  # in the second row, the first digit
    paper = write.arrange_on_paper(rows)
    middles = write.MARGIN_PIXELS + write.PIXEL_SCALE * np.arange(7, 28 * 3, 14)  # of the halves of each image
    dark = [(row, column) for row, y in enumerate(middles[:4]) for column, x in enumerate(middles) if paper[y, x] < 128]
    assert dark == [(2, 0), (2, 1)] and paper[0, 0] == 255
    assert np.mean(figures.PAPER_COLORMAP(1.0)[:3]) < 0.3 and np.mean(figures.PAPER_COLORMAP(0.0)[:3]) > 0.9
