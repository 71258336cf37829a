"""Pictures of a network's predictions, and of the weights of its first layer."""

import math
import textwrap
from typing import NamedTuple

import numpy as np

from support.drawing import new_figure, plot_style
from support.rounding import format_probability
from views.parts import (
    SIGNED_COLORMAP,
    draw_bars,
    fold_labels,
    largest,
    make_axes,
    measure_extra_height,
    measure_extra_width,
    show_signed_images,
    style_picture_axes,
    write_text,
)


@plot_style()
def draw_prediction(input_picture, p, answer, class_names=range(10)):
    """Return a figure of a prediction by predict.py: the picture, its ink, the network's input, and the probabilities.

    input_picture: a `support.ink.DigitPicture`; if it has a `problem`, that is shown instead of an answer. p: the
    probabilities (10,). answer: the answer in words. class_names: the names of the ten classes.
    """
    title = "no answer: " + input_picture.problem.partition(" in ")[0].rstrip(",") if input_picture.problem else answer
    figure = new_figure(10 + measure_extra_width(class_names), 3.8, title)
    given_axes, ink_axes, image_axes, answer_axes = figure.subplots(1, 4, width_ratios=(3, 3, 3, 4))
    style_picture_axes(given_axes, "what was given", " ").imshow(input_picture.picture, cmap="gray", vmin=0, vmax=255)
    style_picture_axes(ink_axes, "what was taken for ink", " ").imshow(
        255 - input_picture.ink, cmap="gray", vmin=0, vmax=255
    )
    size = "28 x 28 pixels"
    style_picture_axes(image_axes, "what it would be shown" if input_picture.problem else "what the network saw", size)
    image_axes.imshow(input_picture.image, cmap="gray", vmin=0, vmax=255)
    if input_picture.problem:
        # The first half of the problem's description is the title.
        write_text(answer_axes, textwrap.fill(input_picture.problem.rpartition(": ")[2], 30))
    else:
        draw_bars(answer_axes, p, "what it says", "probabilities", format_probability, class_names=class_names)
    return figure


class WeightImages(NamedTuple):
    """Weights as images."""

    name: str  # which weights they are
    images: np.ndarray  # (n, h, w)
    labels: list  # a label for each image
    note: str  # more about all images


@plot_style()
def draw_weights(weights, title):
    """Return a figure of `WeightImages`: each image with its label, and the note below them."""
    rows = math.ceil(len(weights.images) / 8)
    labels = fold_labels(weights.labels)
    figure = new_figure(8, (0.95 + measure_extra_height(labels)) * rows + 1.2, title)
    show_signed_images(figure, weights.images, labels, min(0.7, 2.4 / rows))
    figure.supxlabel(f"{weights.note}\nblue: above 0, red: below 0", fontsize=10)
    return figure


@plot_style()
def draw_confusion(counts, title, class_names=range(10), kind="digit"):
    """Return a figure of a confusion matrix. counts (K, K): true classes in rows, predictions in columns.

    kind: what a class is called, such as "digit".
    """
    figure = new_figure(8, 8, title)
    axes = figure.add_subplot()
    mistakes = counts * (1 - np.eye(len(counts), dtype=int))
    # Right answers are blue, and mistakes red on a scale of their own, because they would be too pale otherwise.
    shade = 0.35 * np.diag(np.diag(counts)) / largest(np.diag(counts)) - 0.8 * mistakes / largest(mistakes)
    axes.imshow(shade, cmap=SIGNED_COLORMAP, vmin=-1, vmax=1)
    for true, predicted in np.argwhere(counts):
        weight = "bold" if true == predicted else "normal"
        axes.text(
            predicted, true, f"{counts[true, predicted]:,}", ha="center", va="center", fontsize=11, fontweight=weight
        )
    for axis, name in ((axes.xaxis, "what the network says"), (axes.yaxis, f"the true {kind}")):
        axis.set_label_text(name, fontsize=11)
        axis.set_ticks(range(len(counts)), class_names)
        axis.set_ticks(np.arange(0.5, len(counts) - 1), minor=True)
    axes.grid(which="minor")
    axes.tick_params(labelsize=11)
    if max(len(str(name)) for name in class_names) > 1:
        axes.tick_params("x", rotation=90)
    figure.supxlabel(
        "blue: read right, red: misread; the more images, the darker, each on a scale of its own", fontsize=10
    )
    axes.spines[:].set_visible(False)
    return figure


class Mistakes(NamedTuple):
    """Images that a network misreads."""

    images: np.ndarray  # (n, 28, 28)
    labels: list  # the names of their classes
    predictions: list  # the names of the classes that the network predicts
    p: list  # the probabilities of the predictions


@plot_style()
def draw_mistakes(mistakes, title):
    """Return a figure of `Mistakes`: each image with its label, the prediction and its probability."""
    n = len(mistakes.images)
    rows = max(1, math.ceil(n / 6))
    captions = map("{} read as {}: {:.3f}".format, mistakes.labels, mistakes.predictions, mistakes.p)
    captions = fold_labels(captions, 18)
    figure = new_figure(8, (1.6 + measure_extra_height(captions)) * rows + 0.7, title)
    for axes, image, caption in zip(make_axes(figure, rows, 6, n), mistakes.images, captions, strict=False):
        style_picture_axes(axes, caption).imshow(image, cmap="gray_r", vmin=0, vmax=255)
    return figure
