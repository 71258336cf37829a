"""Draw the README's and docs' pictures of images and numbers: `python -m lab.figures` writes them to png/.

Each function draws shapes on a page; its docstring is the picture's title. Nothing is trained, and the digits are real
ones. The curves are those of the runs in learning_curves/published/. The other drawings are SVG files in png/, to be
changed in an editor.
"""

import io
import sys
from functools import partial
from types import SimpleNamespace

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np
    from matplotlib import patches
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure
    from PIL import Image

    import data
    from lab.results import FRAMEWORKS, OPTIMIZER_COMMANDS, PUBLISHED_RUNS, ROOT, list_drawn_commands
    from mlp_np import softmax
    from networks import NETWORKS, file_prefix
    from page import data_file
    from plot import COLOURS, draw_comparison, make_labels
    from resnet_np import Conv
    from support import augment
    from support.drawing import BLUE, INK, MONO, RED, new_figure, plot_style, style_axes
    from support.errors import UserError
    from support.files import atomic_write
    from support.history import load_history
    from support.options import Parser
    from views.parts import SIGNED_COLORMAP

WIDTH = 800  # of every picture, in points, which are the units of all positions and sizes here
GREY = "#737373"
LIGHT_GREY = "#f6f6f6"
FRAME_GREY = "#d0d0d0"
PAPER_COLORMAP = LinearSegmentedColormap.from_list("paper", ["white", INK])
NOTE_STYLE = {"color": GREY}
HEADING_STYLE = {"size": 18, "weight": "bold"}
CODE_STYLE = {"family": MONO}


class FigurePage:
    """A white figure: x runs from 0 at the left to 800, y from 0 at the top to `height`.

    Later shapes cover earlier ones.
    """

    def __init__(self, height, title):
        self.figure = Figure(figsize=(WIDTH / 72, height / 72), layout="none")
        self.axes = self.figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0), autoscale_on=False)
        self.axes.set_axis_off()
        self.draw_text((26, 32, title), size=18, ha="left")

    def draw_text(self, *x_y_texts, size=16, color=INK, ha="center", **text_options):
        """Draw texts. x_y_texts: (x, y, string), where y is the middle of the string's first line."""
        text_options |= {"ha": ha, "va": "center"}
        for x, y, string in x_y_texts:
            for i, line in enumerate(string.split("\n")):
                self.axes.text(x, y + round(1.42 * i * size), line, fontsize=size, color=color, **text_options)

    def draw_box(self, x, y, width, height, fill="white", edge=BLUE, line=1.2, corner=6):
        """Draw a rectangle with (x, y) as its upper left corner. corner: the radius of its corners."""
        style = f"round,pad=0,rounding_size={corner}" if corner else "square,pad=0"
        colors = {"facecolor": fill, "edgecolor": edge, "linewidth": line, "zorder": 2}
        self.axes.add_patch(patches.FancyBboxPatch((x, y), width, height, style, **colors))

    def draw_pixels(self, image, x, y, size):
        """Draw an image in ink on paper, with (x, y) as its upper left corner."""
        extent = (x, x + size, y + size, y)
        self.axes.imshow(image, PAPER_COLORMAP, vmin=0, vmax=255, extent=extent, aspect="auto", zorder=2)
        self.draw_box(x, y, size, size, fill="none", edge=FRAME_GREY, line=0.8, corner=0)

    def draw_numbers(self, array, x, y, name="", color=BLUE, marks=(), border=False):
        """Draw an array as a table, with (x, y) as its upper left corner. Cells with NaN stay empty.

        marks: (row, column, side, colour) of square frames; border: whether the outermost cells are grey.
        """
        rows, columns = array.shape
        self.draw_text((x + 11 * columns, y - 14, name), color=color, **HEADING_STYLE, **CODE_STYLE)
        for (i, j), number in np.ndenumerate(array):
            is_border = border and not (0 < i < rows - 1 and 0 < j < columns - 1)
            left = x + 22 * j
            top = y + 22 * i
            self.draw_box(
                left, top, 22, 22, fill=LIGHT_GREY if is_border else "white", edge=FRAME_GREY, line=0.8, corner=0
            )
            if not np.isnan(number):
                shade = GREY if is_border or not number else INK
                self.draw_text(
                    (left + 11, top + 11, f"{number:.0f}".replace("-", "−")), color=shade, size=15, **CODE_STYLE
                )
        for i, j, side, shade in marks:
            left = x + 22 * j
            top = y + 22 * i
            self.draw_box(left, top, 22 * side, 22 * side, fill="none", edge=shade, line=2, corner=0)


@plot_style()
def save_figure(figure, path):
    """Write a page to a PNG with 256 colours, atomically: that is a third of the size and looks the same.

    An existing file that looks like the picture is kept, because other versions of matplotlib draw letters, and other
    processors lines, a little differently.
    """
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=150)
    with Image.open(png) as image:
        if not (path.exists() and is_like_file(image, path)):
            with atomic_write(path) as file:
                image.convert("RGB").quantize(256).save(file, "PNG", optimize=True)


def is_like_file(image, path):
    """Return True if an image and the one in a file differ by no more than a stroke of a letter."""
    with Image.open(path) as file_image:
        if file_image.size != image.size:
            return False
        new, old = (np.asarray(picture.convert("L").reduce(8)).astype(int) for picture in (image, file_image))
    return np.abs(new - old).max() < 64


def draw_mnist(page):
    """MNIST: handwritten digits, 28 × 28 pixels each"""
    images, labels, _, test_labels, *_ = data.load()
    page.draw_text(
        (774, 33, f"{len(labels):,} for training, {len(test_labels):,} for testing"), ha="right", **NOTE_STYLE
    )
    for digit in range(10):
        x = 26 + 75.6 * digit
        for row, image in enumerate(images[labels == digit][:5]):
            page.draw_pixels(image, x, 62 + 75.6 * row, 68)
        page.draw_text((x + 34, 454, str(digit)), size=17, color=BLUE, weight="bold")


def draw_augmentation(page):
    """Augmentation: the same digit, changed at random each time it is shown"""
    images, labels = data.load()[:2]
    images = np.array([images[labels == digit][0] for digit in (2, 3, 4, 5, 7)])
    for name, x, seeds in [("none", 26, 1), ("shift", 108, 2), ("affine", 257, 2), ("elastic", 406, 2)]:
        title = "original" if name == "none" else name
        page.draw_text((x + 33.5 * seeds - 2.5, 72, title), color=BLUE, weight="bold", **CODE_STYLE)
        for seed in range(seeds):
            for row, image in enumerate(augment.AUGMENT[name](images, data.make_rng(seed))):
                page.draw_pixels(image, x + 67 * seed, 90 + 67 * row, 62)

    seed = 0
    row = 1
    x = 608
    size = 132
    elastic_images = augment.elastic(images, data.make_rng(seed))
    points = augment.elastic_points(len(images), data.make_rng(seed))
    page.draw_text((x + size / 2, 72, "elastic, close up"), color=BLUE, weight="bold")
    page.draw_text((x + size / 2, 238, "each point of the new image"), **NOTE_STYLE)
    page.draw_text((x + size / 2, 426, "shows this point\nof the original"), **NOTE_STYLE)
    for y, image, sampled_points in [(90, elastic_images[row], np.indices((28, 28))), (270, images[row], points[row])]:
        page.draw_pixels(image, x, y, size)
        down, right = (sampled_points.reshape(2, 28, 28)[:, ::3, ::3] + 0.5) * size / 28  # (10, 10)
        for grid in ((x + right, y + down), (x + right.T, y + down.T)):
            page.axes.plot(*grid, color=RED, linewidth=0.9, zorder=2)


# An image, a kernel that responds to the left edge of a stroke, and a gradient. docs/resnet.md asks about others.
IMAGE = np.array([[0, 0, 2, 0], [0, 1, 2, 0], [0, 0, 2, 0], [0, 0, 2, 0]])
KERNEL = np.array([[0, 1, 0], [-1, 2, 0], [0, 1, 0]])
GRADIENT = np.array([[0, 0, 0, 0], [0, 0, 1, 0], [0, 2, 0, 0], [0, 0, 0, 0]])


def draw_convolution(page):
    """A convolution in numbers: forward, then both derivatives"""
    conv = Conv(np.random.default_rng(0), 1, 1)
    padded = np.pad(IMAGE, 1)
    conv.params["W"] = KERNEL[..., np.newaxis, np.newaxis]
    y = conv.forward(IMAGE[np.newaxis, ..., np.newaxis])[0, ..., 0]
    dx = conv.backward(GRADIENT[np.newaxis, ..., np.newaxis])[0, ..., 0]
    (i, j), (k, l) = np.argwhere(GRADIENT)  # noqa: E741
    page.draw_text((26, 66, "forward"), size=17, color=BLUE, ha="left", weight="bold")
    page.draw_numbers(padded, 26, 106, "x", marks=[(k, l, 3, RED), (i, j, 3, BLUE)], border=True)
    page.draw_numbers(KERNEL, 252, 139, "W")
    page.draw_numbers(y, 412, 128, "y", marks=[(k, l, 1, RED), (i, j, 1, BLUE)])
    page.draw_text((205, 172, "∗"), (365, 172, "="), size=18)
    window = padded[i : i + 3, j : j + 3]
    terms = " + ".join(f"{w} · {x}" for w, x in zip(KERNEL.flat, window.flat, strict=True) if w)
    terms = f"{terms} = {y[i, j]}".replace("+ -", "− ")
    note = f"Lay W over the blue frame,\nmultiply entry by entry,\nand add up:\n{terms}"
    page.draw_text((524, 138, note), ha="left", **NOTE_STYLE)
    page.draw_text((26, 254, "grey: the border, all 0"), ha="left", **NOTE_STYLE)

    page.draw_text((26, 290, "backward"), size=17, color=RED, ha="left", weight="bold")
    page.draw_numbers(GRADIENT, 26, 364, "dy", RED, [(i, j, 1, BLUE), (k, l, 1, RED)])
    first = f"{GRADIENT[i, j]} ×"
    second = f"+ {GRADIENT[k, l]} ×"
    terms = (180, 345, f"dW = {first}"), (321, 345, second), (180, 458, f"dx = {first}"), (343, 458, second)
    page.draw_text(*terms, size=15, **CODE_STYLE)
    page.draw_text((440, 345, "="), (484, 458, "="), size=18)
    page.draw_numbers(window, 226, 312, marks=[(0, 0, 3, BLUE)])
    page.draw_numbers(padded[k : k + 3, l : l + 3], 352, 312, marks=[(0, 0, 3, RED)])
    page.draw_numbers(conv.grads["W"][..., 0, 0], 462, 312)
    for x, row, column, color in [(226, i, j, BLUE), (374, k, l, RED)]:
        shares = np.full((6, 6), np.nan)
        shares[row : row + 3, column : column + 3] = KERNEL
        page.draw_numbers(shares[1:5, 1:5], x, 414, marks=[(row - 1, column - 1, 3, color)])
    page.draw_numbers(dx, 506, 414)
    page.draw_text((546, 322, "each dy times the\nneighbourhood that\nwas read there"), ha="left", **NOTE_STYLE)
    page.draw_text((610, 434, "each dy times W,\nwhere W had read;\noverlaps add up"), ha="left", **NOTE_STYLE)


def load_page_network_and_facts():
    """Return (model, facts) of the network in page/index.html, the MLP of the default run, in float64.

    facts: what `data_file.make_facts` returns.
    """
    arrays = data_file.load_arrays(ROOT / "page" / "data.npz")
    model = data_file.build_mlp(arrays)
    model.params = {name: p.astype(np.float64) for name, p in model.params.items()}
    return model, data_file.make_facts(arrays)


def draw_mistake(page):
    """It takes this 4 for a 2: here is why"""
    model, facts = load_page_network_and_facts()
    number = facts["numbers"][facts["opens"]]
    true = facts["labels"][facts["opens"]]
    image = data.load().test_images[number]
    run = SimpleNamespace(pixels=facts["pixels"], dtype="float64")
    options = SimpleNamespace(run=run, source=data.SOURCES["mnist"])
    x, paper = data.scale_pixels(np.array([image, np.zeros_like(image)]), options).reshape(2, 784)
    p = softmax(model.forward(x[np.newaxis]))[0]
    prediction = int(p.argmax())
    W1, _, W2, _ = model.params.values()
    # Multiplied by a unit's activation, this is how much more the unit adds to the one score than to the other.
    weight_difference = W2[:, prediction] - W2[:, true]
    votes = model.a1[0] * weight_difference
    order = np.argsort(-votes, kind="stable")

    rows, columns = np.nonzero(image)
    top = (rows.min() + rows.max()) // 2 - 11
    left = (columns.min() + columns.max()) // 2 - 11
    crop = np.s_[top : top + 24, left : left + 24]  # the digit with a small margin

    def draw_ink_contributions(contributions, x_, y_, size):
        """Draw what each pixel's ink adds to the difference of the two scores.

        contributions (784,): per unit of input.
        """
        contributions = (contributions * (x - paper)).reshape(28, 28)[crop]
        extent = (x_, x_ + size, y_ + size, y_)
        limit = 0.6 * np.abs(contributions).max()  # values beyond the limit have the full colour
        page.axes.imshow(
            contributions, SIGNED_COLORMAP, vmin=-limit, vmax=limit, extent=extent, aspect="auto", zorder=2
        )
        page.draw_box(x_, y_, size, size, fill="none", edge=FRAME_GREY, corner=0)

    page.axes.texts[0].set(fontsize=26, fontweight="bold")
    large = {"size": 19}
    bold = {"size": 19, "weight": "bold"}
    colors = {prediction: BLUE, true: RED}
    page.draw_text((131, 92, f"the digit: a {true}"), (400, 92, f"its answer: {prediction}"), **large)
    page.draw_pixels(image[crop], 26, 112, 210)
    for y, n in zip((160, 215, 270), [*np.argsort(-p)[:2].tolist(), true], strict=True):
        page.draw_box(322, y - 15, 120 * p[n], 30, fill=colors.get(n, GREY), edge="none", corner=0)
        page.draw_text((300, y, str(n)), color=colors.get(n, INK), **bold)
        page.draw_text((330 + 120 * p[n], y, f"{p[n]:.1%}" if p[n] > 0.001 else f"{p[n]:.2%}"), ha="left", **large)
    page.draw_text((564, 92, f"ink for {prediction},"), color=colors[prediction], ha="left", **bold)
    page.draw_text((670, 92, f"for {true}"), color=colors[true], ha="left", **bold)
    draw_ink_contributions((W1 * (model.z1[0] > 0)) @ weight_difference, 564, 112, 210)
    for start, digit, units in ((26, prediction, order[:3]), (412, true, order[:-4:-1])):
        agreeing = votes[votes > 0] if digit == prediction else -votes[votes < 0]
        page.draw_text((start, 372, f"hidden units for {digit}"), color=colors[digit], ha="left", **bold)
        for x_, unit in zip((start, start + 125, start + 250), units, strict=True):
            draw_ink_contributions(W1[:, unit] * weight_difference[unit], x_, 394, 112)
            page.draw_text((x_ + 56, 528, f"+{abs(votes[unit]):.1f}"), color=colors[digit], **bold)
        page.draw_text(
            (start, 572, f"{len(agreeing)} in all: +{agreeing.sum():.1f}"), color=colors[digit], ha="left", **large
        )


HEIGHTS = {draw_mnist: 480, draw_augmentation: 472, draw_convolution: 528, draw_mistake: 604}


@plot_style()
def draw_page_figure(function):
    """Return the figure of a page that `function` draws."""
    page = FigurePage(HEIGHTS[function], function.__doc__)
    function(page)
    return page.figure


def load_published_run(path):
    """Return (options, `History`) from a file in PUBLISHED_RUNS. Raises UserError if it is missing."""
    if not path.exists():
        raise UserError(f"{path.name} is not in {PUBLISHED_RUNS}: `python -m lab.results` trains what is missing")
    return load_history(path)


@plot_style()
def draw_optimizers():
    """Draw the transformer's accuracy on held-out images after each epoch, with four optimizers."""
    figure = new_figure(7, 4.6)
    axes = figure.add_subplot()
    style_axes(axes, "AdamW and momentum: accuracy on held-out images", "accuracy", "epochs")
    histories = []
    for i in range(len(OPTIMIZER_COMMANDS)):
        _, history = load_published_run(PUBLISHED_RUNS / f"optimizer_{i}_history_vit_torch.json")
        histories.append(history)
    best_first = sorted(
        zip(OPTIMIZER_COMMANDS, COLOURS, histories, strict=False), key=lambda run: -run[2].test_accuracy[-1]
    )
    for number, (name, colour, history) in enumerate(best_first):
        epochs = np.array(history.test_step) / history.steps_per_epoch
        accuracy = history.test_accuracy
        axes.plot(epochs, accuracy, "o-", color=colour, linewidth=2.5, markersize=5)
        axes.annotate(
            f"{name}: {accuracy[-1]:.4f}",
            (epochs[-1], accuracy[-1]),
            (epochs[-1] + 0.8, 0.96 - 0.07 * number),
            textcoords=("data", "axes fraction"),
            va="center",
            color=colour,
            fontsize=12,
            arrowprops={"arrowstyle": "-", "color": colour, "shrinkA": 0, "relpos": (0, 0.5)},
        )
    axes.set_yscale("logit")  # equal factors in the number of mistakes have equal heights
    axes.set(xlim=(0.8, 13.2), ylim=(0.75, 0.99), xticks=range(1, 9))
    ticks = (0.75, 0.8, 0.85, 0.9, 0.95, 0.97, 0.98, 0.99)
    axes.set_yticks(ticks, [f"{accuracy:g}" for accuracy in ticks])
    axes.set_yticks([], minor=True)
    return figure


def draw_curves(name):
    """Draw the published runs of a network, by hand and in PyTorch. name: the prefix of their files."""
    paths = [PUBLISHED_RUNS / f"history_{name}{framework}.json" for framework in FRAMEWORKS]
    runs = [load_published_run(path) for path in paths]
    options = [options for options, _ in runs]
    title = NETWORKS[options[0]["model"]].title(SimpleNamespace(**options[0]))
    return draw_comparison(dict(zip(make_labels(paths, options), runs, strict=True)), title)


def make_drawers():
    """Return {name in png/: a function that draws that picture}."""
    drawers = {function.__name__.removeprefix("draw_"): partial(draw_page_figure, function) for function in HEIGHTS}
    return (
        drawers
        | {"optimizers": draw_optimizers}
        | {
            f"curves_{file_prefix(model)}".strip("_"): partial(draw_curves, file_prefix(model))
            for model, network in NETWORKS.items()
            if list_drawn_commands(model, network)
        }
    )


def main():
    Parser(description=__doc__).parse_args()
    for name, figure in make_drawers().items():
        save_figure(figure(), ROOT / "png" / f"{name}.png")


if __name__ == "__main__":
    sys.exit(program.run(main))
