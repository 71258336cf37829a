"""Functions that return figures of the forward and the backward pass of one image through an MLP, a ResNet or a ViT.

The parameter `steps` is a dict of what look.py has computed for the image, and `y` is the image's true class.
"""

import math

import numpy as np
from matplotlib.patches import Rectangle

from support.drawing import MONO, RED, add_title, new_figure, plot_style
from views.parts import (
    GRADIENT_LEGEND,
    IMAGE_EXTENT,
    POSITIVE_COLORMAP,
    add_scale,
    draw_logits_and_probabilities,
    largest,
    make_axes,
    measure_extra_width,
    show_dlogits,
    show_pixels,
    show_signed_image,
    show_signed_images,
    show_units,
    style_picture_axes,
    write_text,
)

FORWARD_RESNET = """stem    a0 = relu(norm(conv(x)))

block   a1 = relu(norm(conv(x)))
        z2 = norm(conv(a1)) + x  (the shortcut)
        y  = relu(z2), the x of the next block"""
BACKWARD_RESNET = f"""mean   every position: dmean / (H W)

block  dz2 = dy * (y > 0)
       dx  = from norm and conv
             + dz2  (the shortcut)

{GRADIENT_LEGEND}"""
FORWARD_VIT = """in each block and head, with x = norm1(stream):

q = x Wq + bq   k = x Wk   v = x Wv + bv
scores  = q @ k.T / √d
weights = softmax(scores)
mixed   = weights @ v

Below, row {patch} of weights: what the framed
patch takes from each patch. It adds up to 1."""
BACKWARD_VIT = """mean   every patch: dmean / T

block  du = dy + from norm2 and mlp
       dx = du + from norm1 and attention

The terms dy and du come back as they are:
the sums of the forward pass."""


@plot_style()
def draw_forward_pass(intermediates, title, y):
    """Return a figure of an MLP's forward pass for one image, with the names and formulas of mlp_np.py.

    intermediates: {"image": (28, 28), "z1": (H,), "a1": (H,), "logits": (10,), "p": (10,), "loss"}. y: the true class.
    """
    figure = new_figure(8 + 2 * measure_extra_width(intermediates["classes"]), 7.2, title)
    top, bottom = figure.subfigures(2, 1, height_ratios=(5, 6))
    left, middle, right = top.subplots(1, 3)
    z1 = intermediates["z1"]
    a1 = intermediates["a1"]
    show_pixels(left, intermediates)
    limit = largest(a1) if a1.any() else largest(z1)  # a unit far below 0 would make all active units pale
    show_units(middle, z1, limit, f"{len(z1)} hidden units", "z1 = x W1 + b1")
    artist = show_units(right, a1, limit, "their activations", "a1 = max(z1, 0)\ngrey: the unit is off", is_off=z1 <= 0)
    draw_logits_and_probabilities(bottom.subplots(1, 2), intermediates, "logits = a1 W2 + b2", y)
    add_scale(top, artist, [middle, right], has_lower=z1.min() < -limit)
    return figure


@plot_style()
def draw_backward_pass(intermediates, title, y):
    """Return a figure of an MLP's backward pass for one image, from the loss back to W1.

    intermediates: {"dlogits": (10,), "da1": (H,), "dz1": (H,), "z1": (H,), "dW1": (784, H)}. y: the true class.
    """
    figure = new_figure(8 + measure_extra_width(intermediates["classes"]), 5.9, title)
    top, bottom = figure.subfigures(2, 1, height_ratios=(5, 3))
    left, middle, right = top.subplots(1, 3)
    show_dlogits(left, intermediates, y)
    dz1 = intermediates["dz1"]
    limit = largest(intermediates["da1"])
    show_units(middle, intermediates["da1"], limit, "to the activations", "da1 = dlogits @ W2.T")
    formula = "dz1 = da1 * (z1 > 0)\ngrey: the unit is off"
    artist = show_units(right, dz1, limit, "to the weighted sums", formula, is_off=intermediates["z1"] <= 0)
    add_scale(top, artist, [middle, right])

    shown_units = np.argsort(-np.abs(dz1), kind="stable")[: min(8, np.count_nonzero(dz1))]
    if not len(shown_units):
        add_title(bottom, "and to the weights: nothing, because no gradient reaches any weighted sum")
        return figure
    description = (
        "all units that it reaches"
        if len(shown_units) == np.count_nonzero(dz1)
        else f"the {len(shown_units)} most affected units"
    )
    add_title(bottom, f"and to the weights: {description}")
    show_signed_images(
        bottom, intermediates["dW1"].T[shown_units].reshape(-1, 28, 28), [f"unit {unit}" for unit in shown_units]
    )
    bottom.supxlabel("dW1 = x.T @ dz1\n" + GRADIENT_LEGEND.replace("\n", "; "), fontsize=10, family=MONO)
    return figure


@plot_style()
def draw_feature_maps(intermediates, title, y):
    """Return a figure of a ResNet's forward pass for one image: channels of the stem and of each stage, and the logits.

    intermediates: {"image": (28, 28), "maps": {"stem": (14, 14, 16), ...}, "logits": (10,), "p": (10,), "loss"}. y: the
    true class.
    """
    maps = intermediates["maps"]
    figure = new_figure(8 + 2 * measure_extra_width(intermediates["classes"]), 1.9 + 1.4 * len(maps) + 3.2, title)
    top, middle, bottom = figure.subfigures(3, 1, height_ratios=(1.9, 1.4 * len(maps), 3))
    pixels, text_axes = top.subplots(1, 2, width_ratios=(1, 4))
    show_pixels(pixels, intermediates)
    write_text(text_axes, FORWARD_RESNET)
    show_channels(middle, maps, maps, "{}: {} x {}, {} of its {} channels")
    draw_logits_and_probabilities(bottom.subplots(1, 2), intermediates, "logits = mean(y) W + b", y)
    return figure


@plot_style()
def draw_feature_gradients(intermediates, title, y):
    """Return a figure of a ResNet's backward pass for one image: the gradients of the channels in `draw_feature_maps`.

    intermediates: {"maps", "gradients": {"stem": (14, 14, 16), ...} with the same names and shapes, "dlogits": (10,)}.
    y: the true class.
    """
    maps = intermediates["maps"]
    backward = dict(reversed(intermediates["gradients"].items()))
    figure = new_figure(8 + measure_extra_width(intermediates["classes"]), 3.2 + 1.4 * len(maps), title)
    top, middle = figure.subfigures(2, 1, height_ratios=(3, 1.4 * len(maps)))
    left, text_axes = top.subplots(1, 2)
    show_dlogits(left, intermediates, y)
    write_text(text_axes, BACKWARD_RESNET)
    show_channels(middle, backward, maps, "d loss / d {}: {} x {}, the same {} of {} channels")
    return figure


def show_channels(figure, arrays, maps_to_rank_by, title_format):
    """Draw a row of 8 channels for every name in arrays, {name: (H, W, C)}: those that are most active in
    maps_to_rank_by[name].

    title_format: a format for each row's title, with the name, H, W, the number of channels drawn, and C.
    """
    for row_figure, (name, array) in zip(
        figure.subfigures(len(arrays), 1, squeeze=False).flat, arrays.items(), strict=True
    ):
        height, width, channels = array.shape
        shown_channels = np.argsort(-maps_to_rank_by[name].sum(axis=(0, 1)), kind="stable")[:8]
        add_title(row_figure, title_format.format(name, height, width, len(shown_channels), channels))
        show_signed_images(row_figure, np.moveaxis(array[..., shown_channels], 2, 0), shown_channels)


@plot_style()
def draw_attention(intermediates, title, y):
    """Return a figure of one patch's attention in every block of a ViT, in at most 8 heads, and of the logits.

    intermediates: {"image": (28, 28), "attention": {"block 1": (h, T, T), ...}, "patch", "logits": (10,), "p": (10,),
    "loss"}. "patch" is the patch's index, 0 to T - 1. y: the true class.
    """
    patch = intermediates["patch"]
    image = intermediates["image"]
    blocks = {name: weights[:8, patch] for name, weights in intermediates["attention"].items()}  # (h, T)
    heads, patches = blocks["block 1"].shape
    columns = max(heads, 4)
    cell = 7.2 / columns
    figure = new_figure(
        8 + 2 * measure_extra_width(intermediates["classes"]), 2 + (cell + 0.5) * len(blocks) + 3.2, title
    )
    top, middle, bottom = figure.subfigures(3, 1, height_ratios=(2, (cell + 0.5) * len(blocks), 3))
    pixels, text_axes = top.subplots(1, 2, width_ratios=(1, 3))
    show_patches(style_picture_axes(pixels, f"patch {patch}", "x"), np.zeros(patches), 1, image, patch, ink=0.9)
    write_text(text_axes, FORWARD_VIT.format(patch=patch))
    for row_figure, (name, rows) in zip(
        middle.subfigures(len(blocks), 1, squeeze=False).flat, blocks.items(), strict=True
    ):
        add_title(row_figure, f"{name}: what patch {patch} looks at")
        row = make_axes(row_figure, 1, columns, heads)
        for number, (axes, weights) in enumerate(zip(row, rows, strict=False), 1):
            artist = show_patches(style_picture_axes(axes), weights, largest(rows), image, patch)
            axes.set_xlabel(f"head {number}", fontsize=9)
        add_scale(row_figure, artist, row)
    draw_logits_and_probabilities(bottom.subplots(1, 2), intermediates, "logits = mean(norm(stream)) W + b", y)
    return figure


@plot_style()
def draw_patch_gradients(intermediates, title, y):
    """Return a figure of a ViT's backward pass for one image: the size of each patch's gradient, and the gradient dx.

    intermediates: {"image", "gradients": {"embedded": (T, C), "block 1": (T, C), ...}, "dx": (28, 28), "dlogits":
    (10,)}. y: the true class.
    """
    backward = reversed(intermediates["gradients"].items())
    sizes = {name: np.linalg.norm(gradient, axis=1) for name, gradient in backward}
    rows = math.ceil(len(sizes) / 6)
    columns = max(math.ceil(len(sizes) / rows), 4)
    height = (7.0 / columns + 0.45) * rows
    figure = new_figure(8 + measure_extra_width(intermediates["classes"]), 3.2 + height + 3.6, title)
    top, middle, bottom = figure.subfigures(3, 1, height_ratios=(3, height + 0.4, 3.2))
    left, text_axes = top.subplots(1, 2)
    show_dlogits(left, intermediates, y)
    write_text(text_axes, BACKWARD_VIT)
    add_title(middle, "to what each block hands on, patch by patch: |d loss / d y|, over the channels")
    grid = make_axes(middle, rows, columns, len(sizes))
    limit = largest([*sizes.values()])
    for axes, (name, size) in zip(grid, sizes.items(), strict=False):
        artist = show_patches(style_picture_axes(axes), size, limit, intermediates["image"])
        label = f"after {name}" if name != "embedded" else "before block 1"
        axes.set_xlabel(f"{label}\nup to {size.max():.2g}", fontsize=9)
    add_scale(middle, artist, grid)
    pixels, gradient = bottom.subplots(1, 2)
    show_pixels(pixels, intermediates)
    style_picture_axes(gradient, "and to the pixels", "dx, where x is the image\n" + GRADIENT_LEGEND)
    add_scale(
        bottom, show_signed_image(gradient, intermediates["dx"], largest(intermediates["dx"])), [pixels, gradient]
    )
    return figure


def show_patches(axes, values, limit, image, framed_patch=None, ink=0.45):
    """Draw the values (T,) of an image's patches as colours, and the image's ink over them. Return matplotlib's image.

    limit: the value of full colour. framed_patch: the index of a patch that gets a frame, or None. ink: the opacity of
    the ink.
    """
    side = math.isqrt(len(values))
    artist = axes.imshow(values.reshape(side, side), cmap=POSITIVE_COLORMAP, vmin=0, vmax=limit, extent=IMAGE_EXTENT)
    axes.imshow(np.zeros((28, 28)), cmap="gray", alpha=image / 255 * ink, extent=IMAGE_EXTENT)
    if framed_patch is not None:
        row, column = divmod(framed_patch, side)
        size = 28 / side
        axes.add_patch(Rectangle((column * size, row * size), size, size, fill=False, edgecolor=RED, linewidth=1.8))
    return artist
