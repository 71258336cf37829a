"""The README's and docs' pictures of images and computed numbers: `python -m lab.figures` draws them into png/.

Each is a function that puts shapes on a page; its docstring is the title. Nothing is trained; the digits are real ones.
The other drawings are the SVG files in png/, to be changed in an editor.
"""

import sys
from support import augment, program

import numpy as np

import data
from lab.results import ROOT
from lab.shapes import CODE, NOTE, Page, save
from resnet_np import Conv
from support.drawing import TEST, TRAIN
from support.options import Parser


def mnist(page):
    """MNIST: handwritten digits, 28 × 28 pixels each"""
    images, labels, _, test_labels, *_ = data.load()
    page.text((774, 33, f"{len(labels):,} for training, {len(test_labels):,} for testing"), ha="right", **NOTE)
    for digit in range(10):
        x = 26 + 75.6 * digit
        for row, image in enumerate(images[labels == digit][:5]):
            page.pixels(image, x, 62 + 75.6 * row, 68)
        page.text((x + 34, 454, str(digit)), size=17, color=TRAIN, weight="bold")


def augmentation(page):
    """Augmentation: the same digit, never the same image twice"""
    images, labels = data.load()[:2]
    images = np.array([images[labels == digit][0] for digit in (2, 3, 4, 5, 7)])
    for name, x, seeds in [("none", 26, 1), ("shift", 108, 2), ("affine", 257, 2), ("elastic", 406, 2)]:
        title = "original" if name == "none" else name
        page.text((x + 33.5 * seeds - 2.5, 72, title), size=13, color=TRAIN, weight="bold", **CODE)
        for seed in range(seeds):
            for row, image in enumerate(augment.AUGMENT[name](images, data.stream(seed))):
                page.pixels(image, x + 67 * seed, 90 + 67 * row, 62)

    seed, row, x, size = 0, 1, 608, 132
    bent, points = augment.elastic(images, data.stream(seed)), augment.elastic_points(len(images), data.stream(seed))
    page.text((x + size / 2, 72, "elastic, close up"), size=13, color=TRAIN, weight="bold")
    page.text((x + size / 2, 238, "each point of the new image"), **NOTE)
    page.text((x + size / 2, 426, "shows this point of the original"), **NOTE)
    for y, image, where in [(90, bent[row], np.indices((28, 28))), (270, images[row], points[row])]:
        page.pixels(image, x, y, size)
        down, right = (where.reshape(2, 28, 28)[:, ::3, ::3] + 0.5) * size / 28  # (10, 10)
        for grid in ((x + right, y + down), (x + right.T, y + down.T)):
            page.axes.plot(*grid, color=TEST, linewidth=0.9, zorder=2)


# An image, a kernel that answers to the left edge of a stroke, and a gradient; none of a question in docs/resnet.md.
IMAGE = np.array([[0, 0, 2, 0], [0, 1, 2, 0], [0, 0, 2, 0], [0, 0, 2, 0]])
KERNEL = np.array([[0, 1, 0], [-1, 2, 0], [0, 1, 0]])
GRADIENT = np.array([[0, 0, 0, 0], [0, 0, 1, 0], [0, 2, 0, 0], [0, 0, 0, 0]])


def convolution(page):
    """A convolution in numbers: forward, then both derivatives"""
    conv, padded = Conv(np.random.default_rng(0), 1, 1), np.pad(IMAGE, 1)
    conv.params["W"] = KERNEL[..., np.newaxis, np.newaxis]
    y = conv.forward(IMAGE[np.newaxis, ..., np.newaxis])[0, ..., 0]
    dx = conv.backward(GRADIENT[np.newaxis, ..., np.newaxis])[0, ..., 0]
    (i, j), (k, l) = np.argwhere(GRADIENT)  # noqa: E741
    page.text((26, 66, "forward"), size=13, color=TRAIN, ha="left", weight="bold")
    page.numbers(padded, 26, 106, "x", marks=[(k - 1, l - 1, 3, TEST), (i - 1, j - 1, 3, TRAIN)], border=True)
    page.numbers(KERNEL, 252, 139, "W")
    page.numbers(y, 420, 128, "y", marks=[(k, l, 1, TEST), (i, j, 1, TRAIN)])
    page.text((205, 172, "∗"), (369, 172, "="), size=18)
    window = padded[i : i + 3, j : j + 3]
    terms = " + ".join(f"{w} · {x}" for w, x in zip(KERNEL.flat, window.flat, strict=True) if w)
    terms = f"{terms} = {y[i, j]}".replace("+ -", "− ")
    note = f"Lay W over the blue frame,\nmultiply entry by entry,\nand add up:\n{terms}"
    page.text((538, 146, note), ha="left", **NOTE)
    page.text((92, 252, "grey: the border, all 0"), size=11, **NOTE)

    page.text((26, 290, "backward"), size=13, color=TEST, ha="left", weight="bold")
    page.numbers(GRADIENT, 26, 364, "dy", TEST, [(i, j, 1, TRAIN), (k, l, 1, TEST)])
    first, second = f"{GRADIENT[i, j]} ×", f"+ {GRADIENT[k, l]} ×"
    page.text((184, 345, f"dW = {first}"), (318, 345, second), (184, 458, f"dx = {first}"), (340, 458, second), **CODE)
    page.text((444, 345, "="), (488, 458, "="), size=14)
    page.numbers(window, 226, 312, marks=[(0, 0, 3, TRAIN)])
    page.numbers(padded[k : k + 3, l : l + 3], 352, 312, marks=[(0, 0, 3, TEST)])
    page.numbers(conv.grads["W"][..., 0, 0], 462, 312)
    for x, row, column, color in [(226, i, j, TRAIN), (374, k, l, TEST)]:
        shares = np.full((6, 6), np.nan)
        shares[row : row + 3, column : column + 3] = KERNEL
        page.numbers(shares[1:5, 1:5], x, 414, marks=[(row - 1, column - 1, 3, color)])
    page.numbers(dx, 506, 414)
    page.text((552, 328, "each dy times the\nneighbourhood that\nwas read there"), ha="left", **NOTE)
    page.text((618, 432, "each dy times W, where\nW had read; what meets\nis added"), ha="left", **NOTE)


HEIGHTS = {mnist: 480, augmentation: 446, convolution: 528}


def draw(function):
    """The figure that a function draws on a page of its height."""
    page = Page(HEIGHTS[function], function.__doc__)
    function(page)
    return page.figure


def main():
    Parser(description=__doc__).parse_args()
    for function in HEIGHTS:
        save(draw(function), ROOT / "png" / f"{function.__name__}.png")


if __name__ == "__main__":
    sys.exit(program.run(main))
