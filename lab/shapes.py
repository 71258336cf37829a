"""What drawings are made of: a page, and the shapes that can be put on it. Later ones cover earlier ones."""

import copy
import io
from itertools import pairwise, product

import numpy as np
from matplotlib import patches
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.path import Path
from PIL import Image

from support.drawing import INK, MONO, TEST, TRAIN, new_figure
from support.files import replacing

WIDTH = 800  # of every picture, in points, which are the units of all positions and sizes here
GREY, BLUISH, REDDISH, GREYISH, FRAME = "#737373", "#e9f1f9", "#fcecee", "#f6f6f6", "#d0d0d0"
PAPER = LinearSegmentedColormap.from_list("paper", ["white", INK])
NOTE, HEAD, CODE = {"color": GREY}, {"size": 14, "weight": "bold"}, {"family": MONO}
BLUE, RED = {"fill": BLUISH, "edge": TRAIN}, {"fill": REDDISH, "edge": TEST}


class Page:
    """A white figure: x runs from 0 at the left to 800, y from 0 at the top to `height`."""

    def __init__(self, height, title):
        self.figure = new_figure(WIDTH / 72, height / 72, layout=None, dpi=150)
        self.axes = self.figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0), autoscale_on=False)
        self.axes.set_axis_off()
        self.origin = np.zeros(2)
        self.text((26, 32, title), size=18, ha="left")

    def at(self, x, y):
        """The same page with its origin moved to (x, y)."""
        moved = copy.copy(self)
        moved.origin = np.add(self.origin, (x, y))
        return moved

    def add(self, patch):
        patch.set_zorder(2)
        self.axes.add_patch(patch)

    def text(self, *rows, size=12, color=INK, ha="center", **more):
        """rows: (x, y, string), where y is the middle of the string's first line."""
        for x, y, string in rows:
            for i, line in enumerate(string.split("\n")):
                at = np.add(self.origin, (x, y + round(1.42 * i * size)))
                self.axes.text(*at, line, fontsize=size, color=color, ha=ha, va="center", parse_math=False, **more)

    def line(self, points, color=TRAIN, width=1.0, style="-", **more):
        more |= {"solid_capstyle": "round", "solid_joinstyle": "round", "zorder": 2}
        self.axes.plot(*(self.origin + points).T, color=color, linewidth=width, linestyle=style, **more)

    def grid(self, x, y, color, width):
        """Lines through the rows and the columns of points: x and y (rows, columns)."""
        points = np.stack([x, y], axis=-1)
        for line in (*points, *points.swapaxes(0, 1)):
            self.line(line, color, width)

    def wires(self, layers, width, alpha):
        """A line from every unit (x, y) of each layer to every unit of the next."""
        for ends in (ends for start, end in pairwise(layers) for ends in product(start, end)):
            self.line(ends, width=width, alpha=alpha)

    def arrow(self, paths, color=TRAIN, width=1.6, style="-", head="-|>"):
        """paths: "x,y x,y ...; x,y x,y ..." are two lines through these points, each with its head at the last one."""
        for path in paths.split(";"):
            points = Path(self.origin + [[float(number) for number in point.split(",")] for point in path.split()])
            self.add(patches.FancyArrowPatch(path=points, arrowstyle=head, mutation_scale=6 + 3 * width, color=color,
                                             linewidth=width, linestyle=style))  # fmt: skip

    def box(self, *rows, fill="white", edge=TRAIN, width=1.2, corner=6):
        """rows: (x, y, width, height), where (x, y) is the upper left corner."""
        for x, y, w, h in rows:
            style = f"round,pad=0,rounding_size={corner}" if corner else "square,pad=0"
            self.add(patches.FancyBboxPatch(np.add(self.origin, (x, y)), w, h, style, facecolor=fill, edgecolor=edge,
                                            linewidth=width))  # fmt: skip

    def node(self, *rows, fill, edge):
        """Boxes of a computation graph. rows: (name, [[formula,] shape,] x of the middle, y of the top, width)."""
        for name, *notes, x, y, width in rows:
            first = (18, 14, 17)[len(notes)]
            self.box((x - width / 2, y, width, (36, 44, 66)[len(notes)]), fill=fill, edge=edge)
            self.text((x, y + first, name), color=edge, **HEAD, **CODE)
            for i, note in enumerate(notes, 1):
                color = GREY if i == len(notes) else INK
                self.text((x, y + first + round(17.5 * i), note), size=11, color=color, **CODE)

    def polygon(self, points, fill="white", edge="none", width=1.2, **more):
        self.add(patches.Polygon(self.origin + points, facecolor=fill, edgecolor=edge, linewidth=width, **more))

    def circle(self, *centres, r, fill="white", edge=TRAIN, width=1.2, tall=1.0, **more):
        """Circles with radius r, or ellipses that are `tall` times as high as wide."""
        for centre in centres:
            self.add(patches.Ellipse(self.origin + centre, 2 * r, 2 * r * tall, facecolor=fill, edgecolor=edge,
                                     linewidth=width, **more))  # fmt: skip

    def pixels(self, image, x, y, size):
        """An image in ink on paper, (x, y) its upper left corner."""
        x, y = np.add(self.origin, (x, y))
        extent = (x, x + size, y + size, y)
        self.axes.imshow(image, PAPER, vmin=0, vmax=255, extent=extent, aspect="auto", zorder=2)
        self.add(patches.Rectangle((x, y), size, size, fill=False, edgecolor=FRAME, linewidth=0.8))

    def numbers(self, array, x, y, name="", color=TRAIN, marks=(), border=False):
        """An array as a table without what is NaN, (x, y) its upper left corner.

        marks: (row, column, side, colour) of square frames. A border is grey, and its cells do not count.
        """
        table, (rows, columns) = self.at(x, y), array.shape
        table.text((11 * columns, -14, name), color=color, **HEAD, **CODE)
        for (i, j), number in np.ndenumerate(array):
            outside = border and not (0 < i < rows - 1 and 0 < j < columns - 1)
            cell = (22 * j, 22 * i, 22, 22)
            table.box(cell, fill=GREYISH if outside else "white", edge=FRAME, width=0.8, corner=0)
            if not np.isnan(number):
                shade = GREY if outside or not number else INK
                table.text((22 * j + 11, 22 * i + 11, f"{number:.0f}".replace("-", "−")), color=shade, **CODE)
        for i, j, side, shade in marks:
            cells = (22 * (j + border), 22 * (i + border), 22 * side, 22 * side)
            table.box(cells, fill="none", edge=shade, width=2, corner=0)


def save(figure, path):
    """Write a picture as PNG, in one step: with 256 colours it is a third as long, and looks the same."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi="figure")
    with replacing(path) as file, Image.open(drawn) as image:
        image.convert("RGB").quantize(256).save(file, "PNG", optimize=True)
