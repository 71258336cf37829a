"""The drawings in the README and docs: `python -m lab.figures [NAME ...]` draws all of them, or those named, into png/.

Each is a function that puts shapes on a page; its docstring is the title. Nothing is trained; the digits are real ones.
"""

import functools
import sys
from itertools import chain, product
from pathlib import Path

import numpy as np

import data
from lab import icons
from lab.results import ROOT
from lab.shapes import BLUE, BLUISH, CODE, FRAME, GREY, GREYISH, HEAD, NOTE, RED, Page, save
from mlp_np import MLP
from resnet_np import Conv
from support import augment, program
from support.drawing import INK, TEST, TRAIN
from support.errors import UserError
from support.options import Parser


def machine_learning(page):
    """Machine learning: a model adjusted by examples"""
    images, labels = data.load()[:2]
    y = int(labels[0])
    p = np.array([0.01, 0.01, 0.02, 0.3, 0.01, 0.55, 0.02, 0.02, 0.04, 0.02])  # how it may look early in training
    heads = (90, 70, "input"), (304, 70, "model"), (518, 70, "output"), (708, 70, "right answer")
    page.text(*heads, size=15, weight="bold")
    page.text((90, 90, "an example"), (304, 90, "a formula with knobs: its parameters"), **NOTE)
    page.text((518, 90, "how likely each digit is"), (708, 90, "given with the example"), **NOTE)
    page.text((90, 266, "then the next example,\nmany thousand times"), **NOTE)
    for i in (2, 1, 0):
        page.pixels(images[i], 32 + 8 * i, 132 - 8 * i, 100)
    page.box((216, 108, 176, 132), fill=BLUISH)
    for i, turn in enumerate(np.deg2rad(np.random.default_rng(3).uniform(-130, 130, 15))):
        knob = page.at(244 + 30 * (i % 5), 142 + 32 * (i // 5))
        knob.circle((0, 0), r=11, width=1.4)
        knob.line([(r * np.sin(turn), -r * np.cos(turn)) for r in (3, 8.5)], width=2)
    for digit, share in enumerate(p):
        middle = 116 + 13 * digit
        page.text((466, middle, str(digit)), size=11, weight="bold" if digit == y else "normal")
        for length, color in ((1, GREYISH), (share, TRAIN)):
            page.box((476, middle - 4.5, 104 * length, 9), fill=color, edge="none", corner=0)
    page.box((672, 138, 72, 72), edge=GREY)
    page.text((708, 175, str(y)), size=40)
    page.box((540, 284, 150, 44), **RED)
    page.text((615, 299, "loss"), color=TEST, **HEAD)
    page.text((615, 316, f"-log {p[y]} = {-np.log(p[y]):.2f}"), size=11, color=TEST, **CODE)
    page.text((418, 287, "turn every knob a little"), (418, 325, "so that the loss shrinks"), color=TEST)
    page.arrow("160,174 206,174; 402,174 446,174")
    page.arrow("556,248 588,276; 700,218 646,276", GREY)
    page.arrow("532,306 304,306 304,250", TEST, 2.2)


def analogy(page):
    """Learning is like practising a throw"""
    metre, new, rounds = 92, 4.75, 20
    first, later = page.at(110, 262), page.at(110, 500)  # above these points the ball leaves the hand
    for scene, rule, baskets, color in [(first, practice(0), BASKETS, TEST),
                                        (later, practice(rounds), (*BASKETS, new), TRAIN)]:  # fmt: skip
        scene.line([(-84, 0), (664, 0)], "#bdbdbd", 1.5)
        scene.circle((-28, -92), r=11, fill=INK, edge="none")
        for limb in THROWER:
            scene.line(limb, INK, 3)
        for distance in baskets:
            corners = [(-21, -28), (21, -28), (15, 0), (-15, 0)]
            scene.at(metre * distance, 0).polygon(
                corners, edge=INK, width=1.5, linestyle="--" if distance == new else "-"
            )
        for distance in baskets:
            path = flight(throw(distance, *rule)).T * (metre, -metre)
            faint = 0.3 if color == TEST and distance != BASKETS[-1] else 1
            scene.line(path, color, 1.8, ":" if distance == new else "-", alpha=faint)
            scene.circle(path[-1], r=6, fill=color, edge="white", width=0.8, alpha=faint)
    lands, far = metre * landing(throw(BASKETS[-1], *practice(0))), metre * BASKETS[-1]
    first.text((-84, -188, "The first throws"), color=TEST, ha="left", **HEAD)
    rule = "the child's rule starts as a guess:\nhow hard to throw, and how much harder for each metre"
    first.text((56, -188, rule), ha="left", **NOTE)
    first.text((far / 2, 15, "input: how far away the basket is"))
    first.arrow(f"0,15 {far / 2 - 106},15; {far},15 {far / 2 + 106},15", INK, 1.2, head="<-")
    first.text((lands + 14, -42, "output: where the ball lands"), color=TEST, ha="left")
    first.text(((lands + far) / 2, -84, "loss: how far it missed"), color=TEST)
    first.arrow(f"{lands},-70 {far},-70", TEST, 1.2, head="<->")
    for x in (lands, far):
        first.line([(x, -34), (x, -76)], TEST, 0.8, (0, (2, 2)))
    later.text((-84, -188, f"After {rounds} rounds"), color=TRAIN, ha="left", **HEAD)
    later.text((56, -188, "the same rule, adjusted after every throw"), ha="left", **NOTE)
    later.text((metre * new, 15, "test: a basket never practised"), **NOTE)
    page.text((26, 562, "gradient"), (222, 562, "step"), (418, 562, "learning rate"), (614, 562, "epoch"),
              ha="left", **HEAD)  # fmt: skip
    page.text((26, 584, "how the loss grows with\neach number of the rule"),
              (222, 584, "change them the other\nway, but only a little"),
              (418, 584, "how far a step goes; too far,\nand the next throw is worse"),
              (614, 584, "one round: a throw\nat every basket"), ha="left", **NOTE)  # fmt: skip


BASKETS = (4.0, 5.5, 7.0)  # how many metres away
THROWER = [[(-28, -81), (-28, -36)], [(-28, -36), (-38, 0)], [(-28, -36), (-16, 0)],  # body and legs
           [(-28, -74), (-10, -70), (-2, -90)], [(-28, -74), (-40, -60), (-36, -46)]]  # fmt: skip


def practice(rounds, rate=0.05):
    """The rule (b, w) after so many rounds: after each throw a step against the gradient of half the squared miss."""
    b, w, h = 5.2, 0.15, 1e-4
    for distance in BASKETS * rounds:
        speed = throw(distance, b, w)
        slope = (landing(speed + h) - landing(speed - h)) / (2 * h)
        step = rate * (landing(speed) - distance) * slope
        b, w = b - step, w - step * (distance - 5.5)
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


def mnist(page):
    """MNIST: handwritten digits, 28 × 28 pixels each"""
    images, labels, _, test_labels, *_ = data.load()
    page.text((774, 33, f"{len(labels):,} for training, {len(test_labels):,} for testing"), ha="right", **NOTE)
    for digit in range(10):
        x = 26 + 75.6 * digit
        for row, image in enumerate(images[labels == digit][:5]):
            page.pixels(image, x, 62 + 75.6 * row, 68)
        page.text((x + 34, 454, str(digit)), size=17, color=TRAIN, weight="bold")


def network(page):
    """Our network: 784-512-10, 407,050 parameters"""
    params = MLP().params
    images, labels = data.load()[:2]
    middle, y = 244, int(labels[0])
    inputs, hidden = ([(x, middle + side * (36 + 22 * i)) for side in (-1, 1) for i in range(4)] for x in (200, 412))
    outputs = [(622, middle + 21 * (i - 4.5)) for i in range(10)]
    *others, chosen = hidden
    page.wires([inputs, others, outputs], 0.6, 0.16)
    page.wires([inputs, [chosen], outputs], 1.1, 0.9)
    page.circle(*inputs, *others, *outputs, r=7, width=1.3)
    page.circle(chosen, outputs[y], r=7, fill=TRAIN, width=1.3)
    page.circle(*product((200, 412), (middle - 12, middle, middle + 12)), r=1.8, fill=TRAIN, edge="none")
    for digit, (x, height) in enumerate(outputs):
        page.text((x + 18, height, str(digit)), weight="bold" if digit == y else "normal")
    page.text((656, outputs[y][1] - 8, "the largest\nis the answer"), color=TRAIN, ha="left")
    page.pixels(images[0], 26, middle - 56, 112)
    page.arrow(f"146,{middle} 184,{middle}")

    page.text((82, 76, "image"), **HEAD)
    page.text((200, 76, "x"), (412, 76, "a1"), (622, 76, "logits"), **HEAD, **CODE)
    page.text((82, 95, "28 × 28 pixels"), (200, 95, "784 inputs"), (412, 95, "512 hidden units"), **NOTE)
    page.text((622, 95, "10 outputs"), **NOTE)
    for x, W, b in [(306, "W1", "b1"), (517, "W2", "b2")]:
        page.text((x, 76, f"{W} {params[W].shape}"), (x, 93, f"{b} {params[b].shape}"), size=11, color=TRAIN, **CODE)
        page.text((x, 112, f"{params[W].size + params[b].size:,} parameters"), size=11, color=TRAIN)

    page.box((26, 398, 748, 132), fill=BLUISH)
    for end in (32, 768):
        page.line([(chosen[0], chosen[1] + 7), (end, 398)], style=(0, (2, 2)))
    page.text((42, 418, "one hidden unit, j"), color=TRAIN, ha="left", weight="bold")
    terms = (188, 440, "x[0] W1[0, j]"), (188, 462, "x[1] W1[1, j]"), (188, 506, "x[783] W1[783, j]")
    page.text(*terms, ha="right", **CODE)
    page.text((140, 484, "⋮"), size=14)
    page.text((276, 416, "b1[j]"), (380, 456, "z1[j]"), (514, 418, "max(z1[j], 0)"), (606, 456, "a1[j]"), **CODE)
    page.text((276, 514, "weighted sum"), (514, 514, "activation: ReLU"), **NOTE)
    page.text((658, 462, "to each of the\nten outputs"), ha="left", **NOTE)
    page.arrow("196,440 252,460.6; 196,462 252,467.5; 196,506 252,481.3; 276,426 276,442", width=1.2)
    page.arrow("304,470 462,470; 564,470 650,470")
    page.circle((276, 470), r=26, width=1.5)
    page.text((276, 471, "Σ"), size=22, color=TRAIN)
    page.box((466, 432, 96, 66), corner=0)
    page.line([(474, 484), (554, 484), (514, 484), (514, 438), (514, 492)], "#bdbdbd", 0.8)
    page.line([(474, 484), (514, 484), (552, 444)], TEST, 2.4)


def applications(page):
    """The same idea with other inputs and outputs"""
    layers = [[(x, 15 * (i - (n - 1) / 2)) for i in range(n)] for x, n in ((-18, 3), (0, 4), (18, 2))]
    for i, (name, given, icon, found, answer) in enumerate([
        ("see", "photo", icons.photo, "what it shows", "cat"),
        ("listen", "sound", icons.sound, "the words", "good\nmorning"),
        ("translate", "a sentence", "guten\nTag", "in English", "good\nday"),
        ("diagnose", "heartbeat", icons.heartbeat, "a finding", "irregular"),
        ("play", "position", icons.board, "next move", functools.partial(icons.board, move=[(0, 1)])),
        ("fold", "a protein", icons.sequence, "its shape", icons.fold),
    ]):  # fmt: skip
        panel = page.at(26 + 254 * (i % 3), 60 + 172 * (i // 3))
        panel.box((0, 0, 240, 158), edge=FRAME)
        panel.text((14, 20, name), size=13, ha="left", weight="bold")
        panel.text((52, 140, given), (194, 140, found), size=11, **NOTE)
        middle = panel.at(124, 82)
        middle.wires(layers, 0.6, 0.5)
        middle.circle(*chain(*layers), r=4)
        middle.arrow("-32,0 -23,0; 23,0 32,0", width=1)
        for x, what in ((52, icon), (194, answer)):
            draw = functools.partial(icons.words, string=what) if isinstance(what, str) else what
            draw(panel.at(x, 82))


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
        page.at(x, y).grid(right, down, TEST, 0.9)


def transformer(page):
    """A transformer's block: look around, then think"""
    stream = 176
    page.arrow(f"76,{stream} 364,{stream}; 386,{stream} 675,{stream}; 697,{stream} 730,{stream}", width=2.2)
    for start, first, second, plus, name in [(110, "norm1", "attention", 375, "u"), (430, "norm2", "mlp", 686, "")]:
        page.arrow(f"{start},{stream} {start},94 {start + 24},94; {start + 116},94 {start + 142},94")
        page.arrow(f"{start + 234},94 {plus},94 {plus},{stream - 12}")
        page.node((first, start + 71, 76, 90), (second, start + 189, 76, 90), **BLUE)
        page.circle((plus, stream), r=11, width=1.6)
        page.text((plus, stream, "+"), size=15, color=TRAIN)
        page.text((plus + 20, stream - 14, name), color=TRAIN, **HEAD, **CODE)
    page.text((60, stream, "x"), (740, stream, "y"), color=TRAIN, **HEAD, **CODE)
    page.text((60, stream + 19, "(B, T, C)"), (740, stream + 19, "(B, T, C)"), size=11, **NOTE, **CODE)
    page.text((240, 134, "patches see each other"), (560, 134, "each patch alone"), **NOTE)
    page.arrow("740,222 60,222", TEST, 2.2)
    backward = "backward: a sum hands its gradient to both terms, so dy also reaches x as it is"
    page.text((400, 240, backward), color=TEST)

    page.box((26, 268, 748, 262), edge=FRAME)
    page.text((42, 288, "attention, in one of its heads"), size=13, color=TRAIN, ha="left", weight="bold")
    page.text((758, 288, "x is what norm1 hands on; B images, T patches, d channels"), ha="right", **NOTE)
    page.node(
        ("q", "x Wq + bq", "(B, T, d)", 122, 304, 132),
        ("k", "x Wk", "(B, T, d)", 122, 378, 132),
        ("v", "x Wv + bv", "(B, T, d)", 122, 452, 132),
        ("scores", "q @ k.T / √d", "(B, T, T)", 352, 341, 140),
        ("weights", "softmax(scores)", "(B, T, T)", 526, 341, 140),
        ("mixed", "weights @ v", "(B, T, d)", 526, 452, 140),
        **BLUE,
    )
    page.arrow("188,337 230,337 280,364; 188,411 230,411 280,384; 422,374 454,374; 526,407 526,450")
    page.arrow("188,485 454,485; 596,485 640,485")
    page.text((194, 313, "looks for"), (194, 435, "is found by"), (194, 461, "hands over"), size=11, ha="left", **NOTE)
    page.text((648, 477, "to out, beside\nthe other heads"), ha="left", **NOTE)
    page.text((612, 366, "each row: positive\nnumbers with sum 1"), ha="left", **NOTE)
    page.line([(606, 356), (606, 392)], "#bdbdbd", 0.8)
    page.text((320, 505, "a weighted mean of the v"))


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


def on_page(draw, height):
    """The figure that is drawn on a page of this height."""
    page = Page(height, draw.__doc__)
    draw(page)
    return page.figure


HEIGHTS = {machine_learning: 352, analogy: 640, mnist: 480, network: 548, applications: 416,
           augmentation: 446, transformer: 560, convolution: 528}  # fmt: skip
FIGURES = {draw.__name__: functools.partial(on_page, draw, height) for draw, height in HEIGHTS.items()}


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
