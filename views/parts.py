"""Building blocks of the pictures: axes for an image, numbers as colours, bars, labels."""

import math
import textwrap

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, ListedColormap

from support.drawing import BLUE, GRID, INK, MONO, RED, annotate_beside
from support.rounding import format_probability

SIGNED_COLORMAP = LinearSegmentedColormap.from_list("signed", [RED, "white", BLUE])  # below 0, 0, above 0
POSITIVE_COLORMAP = LinearSegmentedColormap.from_list("positive", ["white", BLUE])  # from 0 up
OUTLIER_FRACTION = 0.002  # the fraction of the numbers that may be beyond the ends of a scale
OFF_COLORMAP = ListedColormap(["#cfcfcf"])
IMAGE_EXTENT = (0, 28, 28, 0)  # the extent of an image for imshow; images of larger cells with the same extent match it
GRADIENT_LEGEND = "blue: increasing it raises the loss\nred: lowers it"


def measure_extra_width(class_names):
    """Return the extra width, in inches, that a bar chart needs for the longest of these names, compared to digits."""
    return 0.085 * max(0, max(len(str(name)) for name in class_names) - 6)


def fold_labels(labels, width=11):
    """Return the labels with line breaks, at most `width` characters a line, for pictures side by side."""
    return [textwrap.fill(str(label), width) for label in labels]


def measure_extra_height(labels):
    """Return the extra height, in inches, of the longest of these labels, compared with a label of one line."""
    return 0.15 * max((label.count("\n") for label in labels), default=0)


def show_pixels(axes, intermediates):
    style_picture_axes(axes, "pixels", "x").imshow(intermediates["image"], cmap="gray_r", vmin=0, vmax=255)


def draw_logits_and_probabilities(axes_pair, intermediates, formula, y):
    """Draw logits and probabilities as bars, on two axes.

    intermediates: as `look.compute_intermediates` returns them. formula: the formula of the logits. y: the
    true class.
    """
    draw_bars(
        axes_pair[0], intermediates["logits"], "logits", formula, make_formatter(".1f"), y, intermediates["classes"]
    )
    true_name = str(intermediates["classes"][y])
    true = true_name if len(true_name) < 10 else "y"
    loss = f"p = softmax(logits)\nloss = -log p[{true}] = {intermediates['loss']:.3g}"
    name = str(intermediates["classes"][intermediates["p"].argmax()])
    line_break = "\n" if len(name) > 9 else ""
    title = f"probabilities: read as {line_break}{name}"
    draw_bars(axes_pair[1], intermediates["p"], title, loss, format_probability, y, intermediates["classes"])


def show_dlogits(axes, intermediates, y):
    formula = "dlogits = (p - onehot(y)) / B\n(one image: B = 1)"
    draw_bars(
        axes,
        intermediates["dlogits"],
        "from the loss to the logits",
        formula,
        make_formatter(".2g"),
        y,
        intermediates["classes"],
    )


def write_text(axes, text):
    """Write a text on axes, instead of a picture."""
    axes.set_axis_off()
    axes.text(0, 0.5, text, transform=axes.transAxes, va="center", fontsize=10, family=MONO)


def make_formatter(number_format):
    """Return a function that formats a number by a format such as ".2g", but without the sign of -0."""

    def format_number(value):
        text = format(value, number_format)
        return text if float(text) else text.removeprefix("-")

    return format_number


def make_axes(figure, rows, columns, n_used):
    """Return a list of rows x columns new axes of a figure, row by row. All but the first `n_used` are hidden."""
    all_axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in all_axes[n_used:]:
        axes.set_axis_off()
    return all_axes


def style_picture_axes(axes, title="", formula=""):
    """Style axes for a picture, with a title above, a formula below, a thin frame and no ticks. Return the axes."""
    axes.set_title(title, fontsize=11 if formula else 9)
    axes.set_xlabel(formula, fontsize=10, family=MONO)
    axes.set(xticks=[], yticks=[])
    return axes


def show_signed_image(axes, array, limit):
    """Draw an array (h, w) as colours: blue above 0, white at 0, red below, full colour from ±limit on.

    Return matplotlib's image.
    """
    return axes.imshow(array, cmap=SIGNED_COLORMAP, vmin=-limit, vmax=limit, interpolation="nearest")


def show_signed_images(figure, images, labels, shrink=0.7):
    """Draw arrays (n, h, w) as colours, eight in a row, on one scale, with a label under each.

    The largest OUTLIER_FRACTION of the numbers are beyond the end of the scale, because a single large number would
    make all others pale. If no number is negative, the scale begins at 0. shrink: the relative height of the colour
    bar.
    """
    grid = make_axes(figure, math.ceil(len(images) / 8), 8, len(images))
    sizes = np.abs(images)
    limit = float(np.quantile(sizes, 1 - OUTLIER_FRACTION)) or largest(images)
    style = {"cmap": SIGNED_COLORMAP, "vmin": -limit} if np.min(images) < 0 else {"cmap": POSITIVE_COLORMAP, "vmin": 0}
    for axes, image, label in zip(grid, images, labels, strict=False):
        artist = style_picture_axes(axes).imshow(image, vmax=limit, interpolation="nearest", **style)
        axes.set_xlabel(label, fontsize=9, labelpad=2)
    add_scale(figure, artist, grid, shrink, np.min(images) < -limit, np.max(images) > limit)


def show_units(axes, values, limit, title, formula, is_off=None):
    """Draw the values (H,) of hidden units as the cells of a square, row by row. Return matplotlib's image.

    limit: the value of full colour. is_off: (H,) bool, units to draw in grey, or None.
    """
    artist = show_signed_image(style_picture_axes(axes, title, formula), arrange_in_square(values), limit)
    axes.patch.set(hatch="/////", edgecolor=GRID)  # cells without a unit
    if is_off is not None:
        axes.imshow(arrange_in_square(np.where(is_off, 0.0, np.nan)), cmap=OFF_COLORMAP, interpolation="nearest")
    return artist


def arrange_in_square(values):
    """Return values (H,) as an array with ceil(sqrt(H)) columns. NaN, which is not drawn, fills up the last row."""
    side = math.ceil(math.sqrt(len(values)))
    return np.pad(values, (0, -len(values) % side), constant_values=np.nan).reshape(-1, side)


def add_scale(figure, artist, axes, shrink=0.7, has_lower=False, has_higher=False):
    """Draw a colour bar beside the axes, with labels at its ends and at 0. artist: the image that it explains.

    has_lower, has_higher: if True, mark the lower end with ≤ or the upper end with ≥.
    """
    ticks = np.unique([0, *artist.get_clim()])
    bar = figure.colorbar(artist, ax=axes, ticks=ticks, shrink=shrink, aspect=14, pad=0.02)
    labels = [f"{value:.2g}".ljust(5, "\u2007") for value in ticks]  # as wide in each row
    if has_lower:
        labels[0] = f"≤ {labels[0]}"
    if has_higher:
        labels[-1] = f"≥ {labels[-1]}"
    bar.ax.set_yticklabels(labels, fontsize=9)
    bar.outline.set_visible(False)


def draw_bars(axes, values, title, formula, format_value, y=None, class_names=range(10)):
    """Draw the values (10,) of the classes as bars. format_value: a function that returns the text at a bar.

    y: the true class, whose name is bold, or None.
    """
    style_picture_axes(axes, title, formula)
    axes.barh(range(10), values, color=np.where(np.asarray(values) < 0, RED, BLUE), height=0.7)
    low = min(0, *values)
    high = max(0, *values)
    margin = (high - low or 1) * 0.09 * max(len(format_value(value)) for value in values)  # for the numbers
    axes.set(xlim=(low - margin * (low < 0), high + margin), ylim=(9.6, -0.6))
    axes.set_yticks(range(10), class_names)
    for digit, value in enumerate(values):
        annotate_beside(axes, format_value(value), (value, digit), -3 if value < 0 else 3, fontsize=9)
    axes.axvline(0, color=INK, linewidth=0.8)
    if y is not None:
        axes.get_yticklabels()[y].set_fontweight("bold")
    axes.spines[:].set_visible(False)


def largest(array):
    """Return the largest absolute value of an array, or 1 if that is 0, as a scale to divide by."""
    return float(np.abs(array).max(initial=0)) or 1.0
