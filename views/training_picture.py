"""The picture of a training step: examples, the loss so far, the outputs of each layer and the gradients."""

import math
import textwrap

import numpy as np
from matplotlib.ticker import LogLocator, NullLocator

from support.drawing import (
    BLUE,
    INK,
    RED,
    add_title,
    annotate_beside,
    new_figure,
    plot_style,
    style_axes,
    use_log_scale,
)
from views.parts import (
    fold_labels,
    make_axes,
    measure_extra_height,
    style_picture_axes,
    write_text,
)

ROW_HEIGHT = 0.24  # of a layer, in inches
AXIS_MARGIN = 0.1  # in powers of ten, so that the end of an axis does not cut off a dot
MAX_LINEAR_LOSS = 10  # in units of log K; the axis of a larger loss is logarithmic


@plot_style()
def draw_training(diagnosis, title, sentences):
    """Return a figure of a training step: examples, the loss so far, each layer's outputs, each array's gradient.

    diagnosis: as `training.diagnose_step` returns it. sentences: what is out of the ordinary. Layers and arrays that
    have a mark in the diagnosis are red.
    """
    layers = diagnosis["layers"]
    rows = group_by_layer(diagnosis["arrays"])
    marked_names = {mark.place for mark in diagnosis["marks"]}
    lines = []
    for sentence in sentences:
        lines += textwrap.wrap(sentence, 90)
    heights = [
        0.2 * len(lines) + 0.75,
        1.8 if diagnosis["labels"] is None else 1.5 + measure_extra_height(fold_labels(diagnosis["labels"])),
        2.0,
        ROW_HEIGHT * len(layers) + 1.0,
        ROW_HEIGHT * len(rows) + 1.0,
    ]
    figure = new_figure(8, sum(heights))
    top, examples, middle, outputs, arrays = figure.subfigures(5, 1, height_ratios=heights)
    add_title(top, f"{title}\n{diagnosis['where']}", 13)
    axes = top.subplots()
    axes.set_axis_off()
    color = RED if marked_names else INK
    axes.text(0, 1, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=11, color=color)
    show_examples(examples, diagnosis["examples"], diagnosis["labels"])
    show_loss_curve(middle.subplots(), np.array(diagnosis["losses"]), diagnosis["classes"])

    add_title(outputs, "what each layer puts out")
    left, right = outputs.subplots(1, 2, sharey=True)
    colors = [RED if name in marked_names else BLUE for name in layers]
    label_rows(left, layers, "its spread (standard deviation)")
    draw_sizes(left, [[(layer["spread"], False)] for layer in layers.values()], colors)
    label_rows(right, layers, "the share of it that is 0")
    right.barh(range(len(layers)), [layer["zeros"] for layer in layers.values()], color=colors, height=0.5)
    right.set_xlim(0, 1)

    add_title(arrays, "what each array gets (rings: biases and other vectors)")
    left, right = arrays.subplots(1, 2, sharey=True)
    colors = [RED if marked_names & {*names} else BLUE for names in rows.values()]
    gradient_dots = []
    step_dots = []
    for names in rows.values():
        arrays_of_row = [diagnosis["arrays"][name] for name in names]
        gradient_dots.append([(array["gradient"], array["is_vector"]) for array in arrays_of_row])
        step_dots.append([(array["step"], array["is_vector"]) for array in arrays_of_row])
    label_rows(left, rows, "the size of its gradient")
    draw_sizes(left, gradient_dots, colors)
    label_rows(right, rows, "its step / its weights; dashed: 0.001")
    draw_sizes(right, step_dots, colors, 1e-3)
    return figure


def group_by_layer(array_names):
    """Return {layer: list of its arrays' names}. "blocks.0.first.W" belongs to "blocks.0.first", and "W1" to "W1"."""
    names_by_layer = {}
    for name in array_names:
        names_by_layer.setdefault(name.rpartition(".")[0] or name, []).append(name)
    return names_by_layer


def label_rows(axes, row_names, label):
    """Label the rows of axes with names, the first at the top, and the x axis with `label`."""
    axes.set_yticks(range(len(row_names)), row_names, fontsize=9)
    axes.set(ylim=(len(row_names) - 0.5, -0.5), xlabel=label)
    axes.grid(axis="x")
    axes.spines[:].set_visible(False)


def draw_sizes(axes, rows, colors, reference_value=None):
    """Draw rows of dots on a logarithmic x axis. rows: for each row, a list of (number, is_ring).

    A number that is None, 0 or not finite has no dot. colors: a colour for each row. reference_value: the position of a
    dashed line, or None.
    """
    dots = []
    for y, row in enumerate(rows):
        dots += [(y, value, is_ring) for value, is_ring in row if value and np.isfinite(value)]
    values = [value for _, value, _ in dots]
    if reference_value:
        values.append(reference_value)
    use_log_scale(axes.xaxis)
    axes.xaxis.set_major_locator(LogLocator(10, numticks=6))
    axes.xaxis.set_minor_locator(NullLocator())
    if values:
        low = math.log10(min(values)) - AXIS_MARGIN
        high = math.log10(max(values)) + AXIS_MARGIN
        axes.set_xlim(10.0 ** math.floor(low), 10.0 ** math.ceil(high))
    for y, value, is_ring in dots:
        axes.plot(value, y, "o", color=colors[y], markerfacecolor="white" if is_ring else colors[y], markersize=6)
    if reference_value:
        axes.axvline(reference_value, color=INK, linewidth=0.8, linestyle="--")


def show_loss_curve(axes, losses, n_classes):
    """Draw the loss of each step, and a line at log K, the loss of equal scores for K `n_classes`.

    A loss that is not finite is a cross at the top.
    """
    style_axes(axes, "", "loss", f"steps; dashed: log {n_classes}, the loss of equal scores")
    steps = np.arange(1, len(losses) + 1)
    finite = np.isfinite(losses)
    axes.plot(steps[finite], losses[finite], ".-" if len(losses) < 60 else "-", color=BLUE, linewidth=1.5)
    axes.axhline(np.log(n_classes), color=INK, linewidth=0.8, linestyle="--")
    if losses[finite].max(initial=0) > MAX_LINEAR_LOSS * np.log(n_classes):
        use_log_scale(axes.yaxis)
    else:
        low = 1.1 * losses[finite].min(initial=0)  # below 0 only if the loss is not a cross-entropy
        axes.set_ylim(low, 1.1 * max(np.log(n_classes), losses[finite].max(initial=0)))
    for step in steps[~finite]:
        axes.plot(step, axes.get_ylim()[1], "x", color=RED, clip_on=False)
        annotate_beside(axes, f"{losses[step - 1]:.3g}", (step, axes.get_ylim()[1]), -8, color=RED)


def show_examples(figure, examples, labels):
    """Draw the first examples of a batch as the network gets them: images with labels or, if labels is None, texts."""
    add_title(figure, "the first examples of the batch, as the network gets them")
    if labels is None:
        write_text(figure.subplots(), "\n".join(text.replace("\n", " ") for text in examples))
        return
    grid = make_axes(figure, 1, len(examples), len(examples))
    for axes, picture, label in zip(grid, examples, fold_labels(labels), strict=True):
        style_picture_axes(axes).imshow(picture, cmap="gray_r")
        axes.set_xlabel(label, fontsize=9)
