"""The drawings in the README and docs: `python -m lab.figures [NAME ...]` draws all of them, or those named, into png/.

Each is one function that returns a figure. Nothing here is trained; the digits are real ones.
"""

import io
import sys
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse, FancyArrowPatch, FancyBboxPatch, Polygon, Rectangle
from PIL import Image

import data
from lab.results import ROOT
from mlp_np import MLP
from support import augment, program
from support.drawing import INK, TEST, TRAIN
from support.errors import UserError
from support.files import replacing
from support.options import Parser

WIDTH = 800  # of every picture, in points, which are the units of all positions and sizes here
GREY, BLUISH, REDDISH, GREYISH = "#737373", "#e9f1f9", "#fcecee", "#f6f6f6"
PAPER = LinearSegmentedColormap.from_list("paper", ["white", INK])
MONO = "DejaVu Sans Mono"  # comes with matplotlib, like the font of all other text


def machine_learning():
    """Input, model, output, and the loss that comes back to the parameters."""
    figure, axes = page(352, "Machine learning: a model adjusted by examples")
    images, labels = data.load()[:2]
    y = int(labels[0])
    p = np.array([0.01, 0.01, 0.02, 0.3, 0.01, 0.55, 0.02, 0.02, 0.04, 0.02])  # how it may look early in training

    heading(axes, 90, 70, "input", "an example")
    for i in (2, 1, 0):
        pixels(axes, images[i], 32 + 8 * i, 132 - 8 * i, 100, order=3 - i / 2)
    arrow(axes, (160, 174), (206, 174), color=TRAIN)

    heading(axes, 304, 70, "model", "a formula with knobs: its parameters")
    box(axes, 216, 108, 176, 132, BLUISH, TRAIN)
    turns = np.random.default_rng(3).uniform(-130, 130, 15)
    for i, turn in enumerate(turns):
        knob(axes, 244 + 30 * (i % 5), 142 + 32 * (i // 5), 11, turn)
    arrow(axes, (402, 174), (446, 174), color=TRAIN)

    heading(axes, 518, 70, "output", "how likely each digit is")
    for digit, share in enumerate(p):
        at = 116 + 13 * digit
        text(axes, 466, at, str(digit), 11, INK, "center", weight="bold" if digit == y else "normal")
        axes.add_patch(Rectangle((476, at - 4.5), 104, 9, color=GREYISH, linewidth=0))
        axes.add_patch(Rectangle((476, at - 4.5), 104 * share, 9, color=TRAIN, linewidth=0))

    heading(axes, 708, 70, "right answer", "given with the example")
    box(axes, 672, 138, 72, 72, "white", GREY)
    text(axes, 708, 175, str(y), 40)

    box(axes, 540, 284, 150, 44, REDDISH, TEST)
    text(axes, 615, 299, "loss", 14, TEST, weight="bold")
    text(axes, 615, 316, f"-log {p[y]} = {-np.log(p[y]):.2f}", 11, TEST, family=MONO)
    arrow(axes, (556, 248), (588, 276), color=GREY)
    arrow(axes, (700, 218), (646, 276), color=GREY)
    arrow(axes, (532, 306), (304, 306), (304, 250), color=TEST, width=2.2)
    text(axes, 418, 287, "turn every knob a little", 12, TEST)
    text(axes, 418, 325, "so that the loss shrinks", 12, TEST)
    text(axes, 90, 266, "then the next example,", 12, GREY)
    text(axes, 90, 283, "many thousand times", 12, GREY)
    return figure


def analogy():
    """Learning to throw into baskets. The throws are computed: real gradient descent on two parameters."""
    figure, axes = page(640, "Learning is like practising a throw")
    scale, left, new, rounds = 92, 110, 4.75, 20
    for ground, rule, distances, color, head, note in [
        (262, practice(0), BASKETS, TEST, "The first throws", "the child's rule starts as a guess:"),
        (500, practice(rounds), (*BASKETS, new), TRAIN, f"After {rounds} rounds",
         "the same rule, adjusted after every throw"),
    ]:  # fmt: skip
        text(axes, 26, ground - 188, head, 14, color, "left", weight="bold")
        text(axes, 166, ground - 188, note, 12, GREY, "left")
        line(axes, [26, 774], [ground, ground], "#bdbdbd", 1.5)
        thrower(axes, left - 12, ground)
        for distance in distances:
            basket(axes, left + scale * distance, ground, "--" if distance == new else "-")
            away, up = flight(throw(distance, *rule))
            faint = 0.3 if color == TEST and distance != BASKETS[-1] else 1
            ball = (left + scale * away[-1], ground - scale * up[-1])
            line(axes, left + scale * away, ground - scale * up, color, 1.8, ":" if distance == new else "-",
                 alpha=faint)  # fmt: skip
            axes.add_patch(Circle(ball, 6, facecolor=color, edgecolor="white", alpha=faint, linewidth=0.8, zorder=4))
        if color == TEST:
            far, lands = left + scale * distance, ball[0]
            text(axes, 166, ground - 171, "how hard to throw, and how much harder for each metre", 12, GREY, "left")
            measure(axes, left, far, ground + 15, INK)
            text(axes, (left + far) / 2, ground + 15, "input: how far away the basket is", 12,
                 bbox={"facecolor": "white", "edgecolor": "none", "pad": 4})  # fmt: skip
            text(axes, lands + 14, ground - 42, "output: where the ball lands", 12, TEST, "left")
            for x in (lands, far):
                line(axes, [x, x], [ground - 34, ground - 76], TEST, 0.8, (0, (2, 2)))
            measure(axes, lands, far, ground - 70, TEST)
            text(axes, (lands + far) / 2, ground - 84, "loss: how far it missed", 12, TEST)
        else:
            text(axes, left + scale * new, ground + 15, "test: a basket never practised", 12, GREY)

    for i, (name, *note) in enumerate([
        ("gradient", "how the loss grows with", "each number of the rule"),
        ("step", "change them the other", "way, but only a little"),
        ("learning rate", "how far a step goes; too far,", "and the next throw is worse"),
        ("epoch", "one round: a throw", "at every basket"),
    ]):  # fmt: skip
        text(axes, 26 + 196 * i, 562, name, 14, ha="left", weight="bold")
        for j in range(2):
            text(axes, 26 + 196 * i, 584 + 17 * j, note[j], 12, GREY, "left")
    return figure


BASKETS = (4.0, 5.5, 7.0)  # how many metres away


def practice(rounds, rate=0.05):
    """The rule (b, w) after so many rounds: after each throw a step against the gradient of half the squared miss."""
    b, w, h = 5.2, 0.15, 1e-4
    for _ in range(rounds):
        for distance in BASKETS:
            speed = throw(distance, b, w)
            miss = landing(speed) - distance
            slope = (landing(speed + h) - landing(speed - h)) / (2 * h)
            b, w = b - rate * miss * slope, w - rate * miss * slope * (distance - 5.5)
    return b, w


def throw(distance, b, w):
    """How hard to throw, in m/s, at a basket so many metres away: the rule that is learned."""
    return b + w * (distance - 5.5)


def landing(speed):
    """How many metres away a ball comes down to the height of a basket's rim."""
    return flight(speed)[0, -1]


def flight(speed, angle=28, hand=1.0, rim=0.28, g=9.81):
    """Points (2, 60) of a ball's path, away and up in metres, from the hand to the height of the rim."""
    across, up = speed * np.cos(np.deg2rad(angle)), speed * np.sin(np.deg2rad(angle))
    t = np.linspace(0, (up + np.sqrt(up**2 + 2 * g * (hand - rim))) / g, 60)
    return np.array([across * t, hand + up * t - g * t**2 / 2])


def mnist():
    """The first images of each digit in the training set."""
    figure, axes = page(480, "MNIST: handwritten digits, 28 × 28 pixels each")
    dataset = data.load()
    counts = f"{len(dataset.train_labels):,} for training, {len(dataset.test_labels):,} for testing"
    text(axes, 774, 33, counts, 12, GREY, "right")
    size, step = 68, 75.6
    for digit in range(10):
        x = 26 + step * digit
        for row, image in enumerate(dataset.train_images[dataset.train_labels == digit][:5]):
            pixels(axes, image, x, 62 + step * row, size)
        text(axes, x + size / 2, 454, str(digit), 17, TRAIN, weight="bold")
    return figure


def network():
    """784-512-10, with one of its neurons blown up."""
    params = MLP().params
    images, labels = data.load()[:2]
    figure, axes = page(548, f"Our network: 784-512-10, {sum(p.size for p in params.values()):,} parameters")
    middle = 244
    inputs, hidden = ([(x, middle + side * (36 + 22 * i)) for side in (-1, 1) for i in range(4)] for x in (200, 412))
    outputs = [(622, middle + 21 * (i - 4.5)) for i in range(10)]
    chosen = max(hidden, key=lambda unit: unit[1])

    pixels(axes, images[0], 26, middle - 56, 112)
    arrow(axes, (146, middle), (184, middle), color=TRAIN)
    for start, end in [(inputs, hidden), (hidden, outputs)]:
        for a in start:
            for b in end:
                mine = chosen in (a, b)
                line(axes, *zip(a, b, strict=True), TRAIN, 1.1 if mine else 0.6, alpha=0.9 if mine else 0.16, zorder=1)
    for units in (inputs, hidden, outputs):
        for unit in units:
            on = unit == chosen or unit == outputs[labels[0]]
            axes.add_patch(Circle(unit, 7, facecolor=TRAIN if on else "white", edgecolor=TRAIN, linewidth=1.3))
    for x in (200, 412):
        for dy in (-12, 0, 12):
            axes.add_patch(Circle((x, middle + dy), 1.8, color=TRAIN, linewidth=0))
    for digit, (x, y) in enumerate(outputs):
        text(axes, x + 18, y, str(digit), 12, weight="bold" if digit == labels[0] else "normal")
    x, y = outputs[labels[0]]
    text(axes, x + 34, y - 8, "the largest", 12, TRAIN, "left")
    text(axes, x + 34, y + 8, "is the answer", 12, TRAIN, "left")

    for x, name, note in [(82, "image", "28 × 28 pixels"), (200, "x", "784 inputs"), (412, "a1", "512 hidden units"),
                          (622, "logits", "10 outputs")]:  # fmt: skip
        text(axes, x, 76, name, 14, weight="bold", family="DejaVu Sans" if name == "image" else MONO)
        text(axes, x, 95, note, 12, GREY)
    for x, layer in [(306, "1"), (517, "2")]:
        for i, name in enumerate((f"W{layer}", f"b{layer}")):
            text(axes, x, 76 + 17 * i, f"{name} {params[name].shape}", 11, TRAIN, family=MONO)
        count = sum(params[f"{kind}{layer}"].size for kind in "Wb")
        text(axes, x, 112, f"{count:,} parameters", 11, TRAIN)

    box(axes, 26, 398, 748, 132, BLUISH, TRAIN)
    for end in (26 + 6, 774 - 6):
        line(axes, [chosen[0], end], [chosen[1] + 7, 398], TRAIN, 1, (0, (2, 2)))
    text(axes, 42, 418, "one hidden unit, j", 12, TRAIN, "left", weight="bold")
    for y, term in [(440, "x[0] W1[0, j]"), (462, "x[1] W1[1, j]"), (506, "x[783] W1[783, j]")]:
        text(axes, 188, y, term, 12, ha="right", family=MONO)
        arrow(axes, (196, y), (252, 470 + (y - 470) / 3.2), color=TRAIN, width=1.2)
    text(axes, 140, 484, "⋮", 14)
    axes.add_patch(Circle((276, 470), 26, facecolor="white", edgecolor=TRAIN, linewidth=1.5))
    text(axes, 276, 471, "Σ", 22, TRAIN)
    arrow(axes, (276, 426), (276, 442), color=TRAIN, width=1.2)
    text(axes, 276, 416, "b1[j]", 12, family=MONO)
    text(axes, 276, 514, "weighted sum", 12, GREY)
    arrow(axes, (304, 470), (462, 470), color=TRAIN, width=1.6)
    text(axes, 380, 456, "z1[j]", 12, family=MONO)
    axes.add_patch(Rectangle((466, 432), 96, 66, facecolor="white", edgecolor=TRAIN, linewidth=1.3))
    line(axes, [474, 554], [484, 484], "#bdbdbd", 0.8)
    line(axes, [514, 514], [438, 492], "#bdbdbd", 0.8)
    line(axes, [474, 514, 552], [484, 484, 444], TEST, 2.4)
    text(axes, 514, 418, "max(z1[j], 0)", 12, family=MONO)
    text(axes, 514, 514, "activation: ReLU", 12, GREY)
    arrow(axes, (564, 470), (650, 470), color=TRAIN)
    text(axes, 606, 456, "a1[j]", 12, family=MONO)
    text(axes, 658, 462, "to each of the", 12, GREY, "left")
    text(axes, 658, 479, "ten outputs", 12, GREY, "left")
    return figure


def applications():
    """Six tasks, each as input, network, output."""
    figure, axes = page(416, "The same idea with other inputs and outputs")
    panels = [
        ("see", photo, "photo", words("cat"), "what it shows"),
        ("listen", sound, "sound", words("good", "morning"), "the words"),
        ("translate", words("guten", "Tag"), "a sentence", words("good", "day"), "in English"),
        ("diagnose", heartbeat, "heartbeat", words("irregular"), "a finding"),
        ("play", board, "position", lambda axes, x, y: board(axes, x, y, move=True), "next move"),
        ("fold", sequence, "a protein", fold, "its shape"),
    ]
    for i, (name, icon, given, answer, found) in enumerate(panels):
        x, y = 26 + 254 * (i % 3), 60 + 172 * (i // 3)
        box(axes, x, y, 240, 158, "white", "#d0d0d0")
        text(axes, x + 14, y + 20, name, 13, ha="left", weight="bold")
        icon(axes, x + 52, y + 82)
        small_network(axes, x + 124, y + 82)
        answer(axes, x + 194, y + 82)
        text(axes, x + 52, y + 140, given, 11, GREY)
        text(axes, x + 194, y + 140, found, 11, GREY)
    return figure


def words(*lines):
    """An icon of its own: a speech bubble with words in it."""

    def icon(axes, x, y):
        tail = [(x - 16, y + 17), (x - 20, y + 29), (x - 4, y + 17)]
        box(axes, x - 38, y - 22, 76, 40, BLUISH, TRAIN)
        axes.add_patch(Polygon(tail, closed=False, facecolor=BLUISH, edgecolor=TRAIN, linewidth=1.2))
        for i, string in enumerate(lines):
            text(axes, x, y - 2 + 15 * (i - (len(lines) - 1) / 2), string, 12)

    return icon


def photo(axes, x, y):
    """A cat in a frame."""
    axes.add_patch(Rectangle((x - 36, y - 36), 72, 72, facecolor=BLUISH, edgecolor=INK, linewidth=1.4))
    for side in (-1, 1):
        ear = [(x + side * 21, y - 24), (x + side * 22, y + 2), (x + side * 4, y - 10)]
        axes.add_patch(Polygon(ear, color=INK, linewidth=0))
    axes.add_patch(Ellipse((x, y + 8), 48, 40, color=INK, linewidth=0))
    for side in (-1, 1):
        axes.add_patch(Ellipse((x + side * 10, y + 3), 8, 10, color="white", linewidth=0))
        axes.add_patch(Ellipse((x + side * 10, y + 3), 3, 8, color=INK, linewidth=0))
        for tilt in (-3, 1, 5):
            line(axes, [x + side * 8, x + side * 31], [y + 15, y + 14 + tilt], "#bdbdbd", 0.9)
    axes.add_patch(Polygon([(x - 3.5, y + 11), (x + 3.5, y + 11), (x, y + 15)], color=TEST, linewidth=0))


def sound(axes, x, y):
    """Loud and soft as bars."""
    at = np.linspace(-36, 36, 19)
    loud = 4 + 30 * np.abs(np.sin(at / 9) * np.exp(-((at / 28) ** 2)))
    for a, b in zip(at, loud, strict=True):
        line(axes, [x + a, x + a], [y - b, y + b], TRAIN, 2.2)


def heartbeat(axes, x, y):
    """An electrocardiogram whose third beat comes early."""
    axes.add_patch(Rectangle((x - 38, y - 30), 76, 60, facecolor="white", edgecolor=INK, linewidth=1.4))
    for i in range(1, 8):
        line(axes, [x - 38 + 9.5 * i] * 2, [y - 30, y + 30], "#f3d3d7", 0.7)
    for i in range(1, 6):
        line(axes, [x - 38, x + 38], [y - 30 + 10 * i] * 2, "#f3d3d7", 0.7)
    t = np.linspace(-38, 38, 400)
    up = np.zeros(400)
    for beat in (-26, -2, 11, 31):
        for after, height, width in [(-4, 3, 1.2), (-1, -5, 0.5), (0, 26, 0.6), (1.2, -7, 0.5), (5, 5, 1.6)]:
            up += height * np.exp(-(((t - beat - after) / width) ** 2) / 2)
    line(axes, x + t, y + 6 - up, TEST, 1.4)


def board(axes, x, y, move=False):
    """A position of go, with the next move in red or without."""
    axes.add_patch(Rectangle((x - 36, y - 36), 72, 72, facecolor="#f7ecd9", edgecolor=INK, linewidth=1.4))
    for i in range(-2, 3):
        line(axes, [x - 26, x + 26], [y + 13 * i] * 2, "#8c7a5b", 0.8)
        line(axes, [x + 13 * i] * 2, [y - 26, y + 26], "#8c7a5b", 0.8)
    stones = [(-1, -1, INK), (0, -2, INK), (-1, 1, INK), (1, 1, INK), (0, -1, "white"), (0, 0, "white"),
              (1, 0, "white"), (-1, 0, "white"), (1, -1, INK), (-2, 0, INK), (2, 0, INK)]  # fmt: skip
    for column, row, color in stones + [(0, 1, TEST)] * move:
        axes.add_patch(Circle((x + 13 * column, y + 13 * row), 5.6, facecolor=color, edgecolor=INK, linewidth=0.8,
                              zorder=3))  # fmt: skip


def sequence(axes, x, y):
    """A chain of amino acids by their letters."""
    places = []
    for i, letter in enumerate("MKTAYIAKQ"):
        row, column = divmod(i, 3)
        column = column if row % 2 == 0 else 2 - column
        at = (x + 25 * (column - 1), y + 25 * (row - 1))
        places.append(at)
        axes.add_patch(Circle(at, 9.5, facecolor=BLUISH, edgecolor=TRAIN, linewidth=1.2, zorder=2))
        text(axes, *at, letter, 11)
    line(axes, *zip(*places, strict=True), TRAIN, 2, zorder=1)


def fold(axes, x, y):
    """A helix: a ribbon seen from the side, dark in front and light behind."""
    t = np.linspace(0, 2 * np.pi * 3.5, 500)
    across, down = 20 * np.sin(t), -34 + 68 * t / t[-1]
    across, down = across + 0.16 * down, down + 6 * np.cos(t)
    front = np.cos(t) > 0
    for shown, color, width, order in [(~front, "#a9c6e3", 5, 1), (front, TRAIN, 6.5, 2)]:
        line(axes, np.where(shown, x + across, np.nan), np.where(shown, y + down, np.nan), color, width, zorder=order)


def small_network(axes, x, y):
    """Three, four and two units between two arrows."""
    layers = [[(x + dx, y + 15 * (i - (n - 1) / 2)) for i in range(n)] for dx, n in ((-18, 3), (0, 4), (18, 2))]
    for start, end in pairwise(layers):
        for a in start:
            for b in end:
                line(axes, *zip(a, b, strict=True), TRAIN, 0.6, alpha=0.5, zorder=1)
    for unit in chain(*layers):
        axes.add_patch(Circle(unit, 4, facecolor="white", edgecolor=TRAIN, linewidth=1.2, zorder=2))
    arrow(axes, (x - 32, y), (x - 23, y), color=TRAIN, width=1)
    arrow(axes, (x + 23, y), (x + 32, y), color=TRAIN, width=1)


# The forward pass as mlp_np.py's docstring has it, the backward pass as its `check` has it: name, formula, shape.
FORWARD = [
    ("x", "B images", "(B, 784)"),
    ("z1", "x W1 + b1", "(B, H)"),
    ("a1", "max(z1, 0)", "(B, H)"),
    ("logits", "a1 W2 + b2", "(B, 10)"),
    ("p", "softmax(logits)", "(B, 10)"),
    ("loss", "-log p[y]", "mean over B"),
]
BACKWARD = [
    ("dlogits", "(p - onehot(y)) / B", "(B, 10)"),
    ("da1", "dlogits @ W2.T", "(B, H)"),
    ("dz1", "da1 * (z1 > 0)", "(B, H)"),
    ("dW2", "a1.T @ dlogits", "(H, 10)"),
    ("db2", "dlogits.sum(axis=0)", "(10,)"),
    ("dW1", "x.T @ dz1", "(784, H)"),
    ("db1", "dz1.sum(axis=0)", "(H,)"),
]


def backprop():
    """The five lines of the forward pass, and below them the chain rule from the last to the first."""
    figure, axes = page(556, "Backpropagation: forward for the loss, backward for every derivative")
    given = [("W1", "(784, H)", 156), ("b1", "(H,)", 225), ("W2", "(H, 10)", 420), ("b2", "(10,)", 489)]
    for name, shape, x in given:
        box(axes, x - 31, 66, 62, 44, "white", TRAIN)
        text(axes, x, 80, name, 14, TRAIN, family=MONO, weight="bold")
        text(axes, x, 98, shape, 11, GREY, family=MONO)
        arrow(axes, (x, 110), (x, 156), color=TRAIN, width=1.3)
    box(axes, 722, 306, 52, 44, "white", TRAIN)
    text(axes, 748, 320, "y", 14, TRAIN, family=MONO, weight="bold")
    text(axes, 748, 338, "(B,)", 11, GREY, family=MONO)
    arrow(axes, (748, 306), (748, 226), color=TRAIN, width=1.3)

    kept = {"color": "#8a8a8a", "width": 1.1, "style": (0, (4, 2))}
    arrow(axes, (40, 224), (40, 464), (84, 464), **kept)  # x for dW1
    arrow(axes, (188, 224), (188, 296), **kept)  # z1 for dz1
    arrow(axes, (350, 224), (350, 250), (396, 250), (396, 430), **kept)  # a1 for dW2
    arrow(axes, (389, 88), (384, 88), (384, 270), (336, 270), (336, 296), **kept)  # W2 for da1
    arrow(axes, (544, 224), (544, 296), **kept)  # p for dlogits
    arrow(axes, (722, 342), (561, 342), **kept)  # y for dlogits

    for (name, formula, shape), x, width in zip(
        FORWARD, (60, 190, 318, 454, 596, 728), (76, 104, 100, 108, 124, 92), strict=True
    ):
        node(axes, x, 158, width, name, formula, shape, TRAIN, BLUISH)
    for start, end in [(98, 136), (242, 266), (368, 398), (508, 532), (658, 680)]:
        arrow(axes, (start, 191), (end, 191), color=TRAIN, width=2)
    places = [(484, 298, 148), (318, 298, 112), (188, 298, 112), (412, 432, 112), (548, 432, 148), (136, 432, 100),
              (250, 432, 116)]  # fmt: skip
    for (name, formula, shape), (x, y, width) in zip(BACKWARD, places, strict=True):
        node(axes, x, y, width, name, formula, shape, TEST, REDDISH)
    for points in [((700, 224), (700, 318), (561, 318)), ((410, 331), (377, 331)), ((262, 331), (247, 331)),
                   ((440, 364), (440, 429)), ((520, 364), (520, 429)), ((160, 364), (160, 429)),
                   ((220, 364), (220, 429))]:  # fmt: skip
        arrow(axes, *points, color=TEST, width=2)

    text(axes, 60, 138, "forward", 13, TRAIN, weight="bold")
    text(axes, 88, 331, "backward", 13, TEST, weight="bold")
    text(axes, 628, 284, "softmax and log", 11, TEST)
    text(axes, 628, 300, "in one derivative", 11, TEST)
    text(axes, 676, 372, "what the network said, minus", 11, GREY)
    text(axes, 676, 388, "what it should have said", 11, GREY)
    text(axes, 700, 447, "Then a step:", 12)
    text(axes, 700, 465, "every parameter moves", 12)
    text(axes, 700, 483, "against its gradient.", 12)
    line(axes, [26, 62], [530, 530], kept["color"], kept["width"], kept["style"])
    text(axes, 70, 530, "kept for the backward pass", 12, GREY, "left")
    text(axes, 774, 530, "B images, H hidden units; dz1 means d loss / d z1, and likewise for every name", 12, GREY,
         "right")  # fmt: skip
    return figure


def augmentation():
    """Images as training sees them with --augment, and what elastic does to one of them."""
    figure, axes = page(446, "Augmentation: the same digit, never the same image twice")
    images, labels = data.load()[:2]
    images = np.array([images[labels == digit][0] for digit in (2, 3, 4, 5, 7)])
    size, step = 62, 67
    for name, x, seeds in [("none", 26, 1), ("shift", 108, 2), ("affine", 257, 2), ("elastic", 406, 2)]:
        middle = x + (step * (seeds - 1) + size) / 2
        text(axes, middle, 72, "original" if name == "none" else name, 13, TRAIN, family=MONO, weight="bold")
        for seed in range(seeds):
            for row, image in enumerate(augment.AUGMENT[name](images, data.stream(seed))):
                pixels(axes, image, x + step * seed, 90 + step * row, size)

    seed, row, x, size = 0, 1, 608, 132
    bent, points = augment.elastic(images, data.stream(seed)), augment.elastic_points(len(images), data.stream(seed))
    text(axes, x + size / 2, 72, "elastic, close up", 13, TRAIN, weight="bold")
    text(axes, x + size / 2, 238, "each point of the new image", 12, GREY)
    text(axes, x + size / 2, 426, "shows this point of the original", 12, GREY)
    for y, image, where in [(90, bent[row], np.indices((28, 28))), (270, images[row], points[row])]:
        pixels(axes, image, x, y, size)
        down, right = (where.reshape(2, 28, 28)[:, ::3, ::3] + 0.5) * size / 28
        for i in range(len(down)):
            line(axes, x + right[i], y + down[i], TEST, 0.9, zorder=4)
            line(axes, x + right[:, i], y + down[:, i], TEST, 0.9, zorder=4)
    return figure


def transformer():
    """A block: two layers beside a line of sums. Below, what attention computes."""
    figure, axes = page(560, "A transformer's block: look around, then think")
    stream = 176
    text(axes, 60, stream, "x", 14, TRAIN, family=MONO, weight="bold")
    text(axes, 60, stream + 19, "(B, T, C)", 11, GREY, family=MONO)
    text(axes, 740, stream, "y", 14, TRAIN, family=MONO, weight="bold")
    text(axes, 740, stream + 19, "(B, T, C)", 11, GREY, family=MONO)
    places = [(110, ("norm1", "attention"), 375, "u"), (430, ("norm2", "mlp"), 686, "")]
    arrow(axes, (76, stream), (364, stream), color=TRAIN, width=2.2)
    arrow(axes, (386, stream), (675, stream), color=TRAIN, width=2.2)
    arrow(axes, (697, stream), (730, stream), color=TRAIN, width=2.2)
    for start, names, plus, name in places:
        arrow(axes, (start, stream), (start, 94), (start + 24, 94), color=TRAIN, width=1.6)
        for i, layer in enumerate(names):
            box(axes, start + 26 + 118 * i, 76, 90, 36, BLUISH, TRAIN)
            text(axes, start + 71 + 118 * i, 94, layer, 13, TRAIN, family=MONO, weight="bold")
        arrow(axes, (start + 116, 94), (start + 142, 94), color=TRAIN, width=1.6)
        arrow(axes, (start + 234, 94), (plus, 94), (plus, stream - 12), color=TRAIN, width=1.6)
        axes.add_patch(Circle((plus, stream), 11, facecolor="white", edgecolor=TRAIN, linewidth=1.6, zorder=4))
        text(axes, plus, stream, "+", 15, TRAIN)
        text(axes, plus + 20, stream - 14, name, 14, TRAIN, family=MONO, weight="bold")
    text(axes, 240, 134, "patches see each other", 12, GREY)
    text(axes, 560, 134, "each patch alone", 12, GREY)
    arrow(axes, (740, 222), (60, 222), color=TEST, width=2.2)
    text(axes, 400, 240, "backward: a sum hands its gradient to both terms, so dy also reaches x as it is", 12, TEST)

    box(axes, 26, 268, 748, 262, "white", "#d0d0d0")
    text(axes, 42, 288, "attention, in one of its heads", 13, TRAIN, "left", weight="bold")
    text(axes, 758, 288, "x is what norm1 hands on; B images, T patches, d channels", 12, GREY, "right")
    for top, name, formula in [
        (304, "q", "x Wq + bq"),
        (378, "k", "x Wk"),
        (452, "v", "x Wv + bv"),
    ]:
        node(axes, 122, top, 132, name, formula, "(B, T, d)", TRAIN, BLUISH)
    for y, note in [(313, "looks for"), (435, "is found by"), (461, "hands over")]:
        text(axes, 194, y, note, 11, GREY, "left")
    node(axes, 352, 341, 140, "scores", "q @ k.T / √d", "(B, T, T)", TRAIN, BLUISH)
    node(axes, 526, 341, 140, "weights", "softmax(scores)", "(B, T, T)", TRAIN, BLUISH)
    node(axes, 526, 452, 140, "mixed", "weights @ v", "(B, T, d)", TRAIN, BLUISH)
    arrow(axes, (188, 337), (230, 337), (280, 364), color=TRAIN, width=1.6)
    arrow(axes, (188, 411), (230, 411), (280, 384), color=TRAIN, width=1.6)
    arrow(axes, (422, 374), (454, 374), color=TRAIN, width=1.6)
    arrow(axes, (526, 407), (526, 450), color=TRAIN, width=1.6)
    arrow(axes, (188, 485), (454, 485), color=TRAIN, width=1.6)
    arrow(axes, (596, 485), (640, 485), color=TRAIN, width=1.6)
    text(axes, 648, 477, "to out, beside", 12, GREY, "left")
    text(axes, 648, 494, "the other heads", 12, GREY, "left")
    text(axes, 612, 366, "each row: positive", 12, GREY, "left")
    text(axes, 612, 383, "numbers with sum 1", 12, GREY, "left")
    line(axes, [606, 606], [356, 392], "#bdbdbd", 0.8)
    text(axes, 320, 505, "a weighted mean of the v", 12, INK)
    return figure


def save(figure, path):
    """Write a picture as PNG, in one step: with 256 colours it is a third as long, and looks the same."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi="figure")
    with replacing(path) as file, Image.open(drawn) as image:
        image.convert("RGB").quantize(256).save(file, "PNG", optimize=True)


FIGURES = {draw.__name__: draw for draw in
           (machine_learning, analogy, mnist, network, applications, backprop, augmentation, transformer)}  # fmt: skip


def page(height, title):
    """A white figure and its axes, all of it: x from 0 to 800, y from 0 at the top to height."""
    figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=150, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0), autoscale_on=False)
    axes.set_axis_off()
    text(axes, 26, 32, title, 18, ha="left")
    return figure, axes


def text(axes, x, y, string, size=12, color=INK, ha="center", va="center", **more):
    axes.text(x, y, string, fontsize=size, color=color, ha=ha, va=va, parse_math=False, zorder=5, **more)


def heading(axes, x, y, name, note):
    text(axes, x, y, name, 15, weight="bold")
    text(axes, x, y + 20, note, 12, GREY)


def box(axes, x, y, width, height, fill, edge, linewidth=1.2):
    style = "round,pad=0,rounding_size=6"
    axes.add_patch(FancyBboxPatch((x, y), width, height, style, facecolor=fill, edgecolor=edge, linewidth=linewidth))


def node(axes, x, y, width, name, formula, shape, color, fill):
    """A box of the computation graph, x its middle and y its top."""
    box(axes, x - width / 2, y, width, 66, fill, color)
    text(axes, x, y + 17, name, 14, color, family=MONO, weight="bold")
    text(axes, x, y + 35, formula, 11, family=MONO)
    text(axes, x, y + 52, shape, 11, GREY, family=MONO)


def line(axes, x, y, color, width=1.0, style="-", **more):
    axes.plot(x, y, color=color, linewidth=width, linestyle=style, solid_capstyle="round", **more)


def arrow(axes, *points, color, width=1.6, style="-"):
    """A line through all the points, with its head at the last."""
    *before, last, tip = points
    axes.add_patch(FancyArrowPatch(last, tip, arrowstyle="-|>", mutation_scale=6 + 3 * width, color=color,
                                   linewidth=width, linestyle=style, shrinkA=0, shrinkB=0))  # fmt: skip
    if before:
        line(axes, *zip(*before, last, strict=True), color, width, style)


def measure(axes, start, end, y, color):
    """A length as a drawing shows it, from x to x."""
    axes.add_patch(FancyArrowPatch((start, y), (end, y), arrowstyle="<->", mutation_scale=10, color=color,
                                   linewidth=1.2, shrinkA=0, shrinkB=0))  # fmt: skip


def pixels(axes, image, x, y, size, order=2.0):
    """An image in ink on paper, (x, y) its upper left corner."""
    axes.imshow(image, PAPER, vmin=0, vmax=255, extent=(x, x + size, y + size, y), aspect="auto", zorder=order)
    axes.add_patch(Rectangle((x, y), size, size, fill=False, edgecolor="#d0d0d0", linewidth=0.8, zorder=order + 0.1))


def knob(axes, x, y, radius, turn):
    axes.add_patch(Circle((x, y), radius, facecolor="white", edgecolor=TRAIN, linewidth=1.4))
    sin, cos = np.sin(np.deg2rad(turn)), np.cos(np.deg2rad(turn))
    line(axes, [x + 3 * sin, x + 8.5 * sin], [y - 3 * cos, y - 8.5 * cos], TRAIN, 2)


def basket(axes, x, y, style):
    """A basket that stands at (x, y)."""
    corners = [(x - 21, y - 28), (x + 21, y - 28), (x + 15, y), (x - 15, y)]
    axes.add_patch(Polygon(corners, facecolor="white", edgecolor=INK, linewidth=1.5, linestyle=style, zorder=3))


def thrower(axes, x, y):
    """A stick figure whose raised hand is at (x + 12, y - 92)."""
    axes.add_patch(Circle((x - 16, y - 92), 11, color=INK, linewidth=0))
    for xs, ys in [
        ([-16, -16], [-81, -36]),  # body
        ([-16, -26], [-36, 0]),
        ([-16, -4], [-36, 0]),
        ([-16, 2, 10], [-74, -70, -90]),  # the arm that throws
        ([-16, -28, -24], [-74, -60, -46]),
    ]:
        line(axes, x + np.array(xs), y + np.array(ys), INK, 3, solid_joinstyle="round")


def main():
    parser = Parser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(FIGURES)}; all unless told otherwise")
    parser.add_argument("--out", type=Path, default=ROOT / "png", help="folder to write to")
    options = parser.parse_args()
    for name in options.names:
        if name not in FIGURES:
            raise UserError(f"no picture is called {name!r}: there are {', '.join(FIGURES)}")
    options.out.mkdir(parents=True, exist_ok=True)
    for name in dict.fromkeys(options.names or FIGURES):
        save(FIGURES[name](), options.out / f"{name}.png")


if __name__ == "__main__":
    sys.exit(program.run(main))
