"""What the pictures of lab/figures.py and lab/tape.py are made of: a page, and the shapes that can be put on it."""

import io

import numpy as np
from matplotlib import patches
from matplotlib.colors import LinearSegmentedColormap
from PIL import Image

from support.drawing import INK, MONO, TEST, TRAIN, new_figure
from support.files import replacing

WIDTH = 800  # of every picture, in points, which are the units of all positions and sizes here
GREY, BLUISH, REDDISH, GREYISH, FRAME = "#737373", "#e9f1f9", "#fcecee", "#f6f6f6", "#d0d0d0"
PAPER = LinearSegmentedColormap.from_list("paper", ["white", INK])
NOTE, HEAD, CODE = {"color": GREY}, {"size": 14, "weight": "bold"}, {"family": MONO}
BLUE, RED = {"fill": BLUISH, "edge": TRAIN}, {"fill": REDDISH, "edge": TEST}


class Page:
    """A white figure: x runs from 0 at the left to 800, y from 0 at the top to `height`. Later shapes cover others."""

    def __init__(self, height, title):
        self.figure = new_figure(WIDTH / 72, height / 72, layout=None, dpi=150)
        self.axes = self.figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0), autoscale_on=False)
        self.axes.set_axis_off()
        self.text((26, 32, title), size=18, ha="left")

    def text(self, *rows, size=12, color=INK, ha="center", **more):
        """rows: (x, y, string), where y is the middle of the string's first line."""
        more |= {"ha": ha, "va": "center", "parse_math": False}
        for x, y, string in rows:
            for i, line in enumerate(string.split("\n")):
                self.axes.text(x, y + round(1.42 * i * size), line, fontsize=size, color=color, **more)

    def box(self, x, y, width, height, fill="white", edge=TRAIN, line=1.2, corner=6):
        """A rectangle, (x, y) its upper left corner."""
        style = f"round,pad=0,rounding_size={corner}" if corner else "square,pad=0"
        colors = {"facecolor": fill, "edgecolor": edge, "linewidth": line, "zorder": 2}
        self.axes.add_patch(patches.FancyBboxPatch((x, y), width, height, style, **colors))

    def arrow(self, start, end, color=TRAIN, width=1.6):
        """A line from one point to another, (x, y) each."""
        look = {"arrowstyle": "-|>", "mutation_scale": 6 + 3 * width, "shrinkA": 0, "shrinkB": 0}
        self.axes.add_patch(patches.FancyArrowPatch(start, end, color=color, linewidth=width, zorder=2, **look))

    def node(self, name, *notes, x, y, width, fill, edge):
        """A box of a computation graph, under its name [a formula and] a shape; x of its middle, y of its top."""
        first, height = (14, 44) if len(notes) == 1 else (17, 66)
        self.box(x - width / 2, y, width, height, fill, edge)
        self.text((x, y + first, name), color=edge, **HEAD, **CODE)
        for i, note in enumerate(notes, 1):
            color = GREY if i == len(notes) else INK
            self.text((x, y + first + round(17.5 * i), note), size=11, color=color, **CODE)

    def pixels(self, image, x, y, size):
        """An image in ink on paper, (x, y) its upper left corner."""
        extent = (x, x + size, y + size, y)
        self.axes.imshow(image, PAPER, vmin=0, vmax=255, extent=extent, aspect="auto", zorder=2)
        self.box(x, y, size, size, fill="none", edge=FRAME, line=0.8, corner=0)

    def numbers(self, array, x, y, name="", color=TRAIN, marks=(), border=False):
        """An array as a table without what is NaN, (x, y) its upper left corner.

        marks: (row, column, side, colour) of square frames. A border is grey, and its cells do not count.
        """
        rows, columns = array.shape
        self.text((x + 11 * columns, y - 14, name), color=color, **HEAD, **CODE)
        for (i, j), number in np.ndenumerate(array):
            outside = border and not (0 < i < rows - 1 and 0 < j < columns - 1)
            left, top = x + 22 * j, y + 22 * i
            self.box(left, top, 22, 22, fill=GREYISH if outside else "white", edge=FRAME, line=0.8, corner=0)
            if not np.isnan(number):
                shade = GREY if outside or not number else INK
                self.text((left + 11, top + 11, f"{number:.0f}".replace("-", "−")), color=shade, **CODE)
        for i, j, side, shade in marks:
            left, top = x + 22 * (j + border), y + 22 * (i + border)
            self.box(left, top, 22 * side, 22 * side, fill="none", edge=shade, line=2, corner=0)


def save(figure, path):
    """Write a picture as PNG, in one step: with 256 colours it is a third as long, and looks the same."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi="figure")
    with replacing(path) as file, Image.open(drawn) as image:
        image.convert("RGB").quantize(256).save(file, "PNG", optimize=True)
