"""The icons of png/applications.png, each around (0, 0) of a `shapes.Page`."""

import numpy as np

from lab.shapes import BLUE, BLUISH
from support.drawing import INK, TEST, TRAIN

SQUARE = {"edge": INK, "width": 1.4, "corner": 0}


def words(page, string):
    """A speech bubble."""
    page.box((-38, -22, 76, 40), **BLUE)
    page.polygon([(-16, 17), (-20, 29), (-4, 17)], **BLUE, closed=False)
    page.text((0, -2 - 8.5 * string.count("\n"), string))


def photo(page):
    """A cat in a frame."""
    page.box((-36, -36, 72, 72), fill=BLUISH, **SQUARE)
    page.circle((0, 8), r=24, fill=INK, edge="none", tall=5 / 6)
    for side in (-1, 1):
        page.polygon([(side * 21, -24), (side * 22, 2), (side * 4, -10)], INK)
        page.circle((side * 10, 3), r=4, edge="none", tall=1.25)
        page.circle((side * 10, 3), r=1.5, fill=INK, edge="none", tall=8 / 3)
        for tilt in (-3, 1, 5):
            page.line([(side * 8, 15), (side * 31, 14 + tilt)], "#bdbdbd", 0.9)
    page.polygon([(-3.5, 11), (3.5, 11), (0, 15)], TEST)


def sound(page):
    """Loud and soft as bars."""
    for x in np.linspace(-36, 36, 19):
        loud = 4 + 30 * np.abs(np.sin(x / 9) * np.exp(-((x / 28) ** 2)))
        page.line([(x, -loud), (x, loud)], width=2.2)


def heartbeat(page):
    """An electrocardiogram whose third beat comes early."""
    page.grid(*np.meshgrid(np.linspace(-38, 38, 9), np.linspace(-30, 30, 7)), "#f3d3d7", 0.7)
    page.box((-38, -30, 76, 60), fill="none", **SQUARE)
    t, up = np.linspace(-38, 38, 400), 0
    for beat in (-26, -2, 11, 31):
        for after, height, width in [(-4, 3, 1.2), (-1, -5, 0.5), (0, 26, 0.6), (1.2, -7, 0.5), (5, 5, 1.6)]:
            up += height * np.exp(-(((t - beat - after) / width) ** 2) / 2)
    page.line(np.column_stack([t, 6 - up]), TEST, 1.4)


def board(page, move=()):
    """A position of go, with the next move in red or without."""
    page.box((-36, -36, 72, 72), fill="#f7ecd9", **SQUARE)
    page.grid(*np.meshgrid(range(-26, 27, 13), range(-26, 27, 13)), "#8c7a5b", 0.8)
    black, white = [(-1, -1), (0, -2), (-1, 1), (1, 1), (1, -1), (-2, 0), (2, 0)], [(0, -1), (0, 0), (1, 0), (-1, 0)]
    for stones, color in ((black, INK), (white, "white"), (move, TEST)):
        page.circle(*(13 * np.array(stone) for stone in stones), r=5.6, fill=color, edge=INK, width=0.8)


def sequence(page):
    """A chain of amino acids by their letters."""
    places = [(x, y) for y, row in ((-25, (-25, 0, 25)), (0, (25, 0, -25)), (25, (-25, 0, 25))) for x in row]
    page.line(places, width=2)
    page.circle(*places, r=9.5, fill=BLUISH)
    page.text(*((x, y, letter) for (x, y), letter in zip(places, "MKTAYIAKQ", strict=True)), size=11)


def fold(page):
    """A helix: a ribbon seen from the side, dark in front and light behind."""
    t = np.linspace(0, 7 * np.pi, 500)
    down = -34 + 68 * t / t[-1]
    ribbon = np.column_stack([20 * np.sin(t) + 0.16 * down, down + 6 * np.cos(t)])
    for shown, color, width in [(np.cos(t) <= 0, "#a9c6e3", 5), (np.cos(t) > 0, TRAIN, 6.5)]:
        page.line(np.where(shown[:, np.newaxis], ribbon, np.nan), color, width)
