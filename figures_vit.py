"""The drawing in docs/transformer.md: for figures.py, whose functions it uses. `python figures_vit.py` draws it."""

from pathlib import Path

from figures import BLUISH, GREY, MONO, arrow, box, line, node, page, save, text
from matplotlib.patches import Circle

from plot import INK, TEST, TRAIN


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


if __name__ == "__main__":
    save(transformer(), Path(__file__).resolve().parent / "png" / "transformer.png")
