"""The style of all pictures, and functions for drawing curves.

Within `plot_style`, pictures are drawn with matplotlib's defaults and our settings, whatever the user's matplotlibrc
says.
"""

import re
import warnings
from contextlib import contextmanager

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, MaxNLocator, NullFormatter

from support.files import atomic_write

BLUE = "#2f6fb3"  # training; a positive number
RED = "#d1495b"  # testing; a negative number
INK = "#2b2b2b"
GRID = "#e3e3e3"
MONO = "DejaVu Sans Mono"
RC_PARAMS = (
    dict.fromkeys(["text.color", "axes.labelcolor", "xtick.color", "ytick.color"], INK)
    | dict.fromkeys(["axes.edgecolor", "grid.color"], GRID)
    | dict.fromkeys([f"{axis}tick.{kind}.size" for axis in "xy" for kind in ("major", "minor")], 0)
    | dict.fromkeys([f"figure.constrained_layout.{side}_pad" for side in "wh"], 0.08)
    | {"figure.constrained_layout.use": True, "axes.axisbelow": True}
    | {"text.parse_math": False}  # a text or the name of a folder may have a $ in it, which would begin mathematics
    | {"legend.edgecolor": "none", "legend.framealpha": 0.85, "legend.labelcolor": "black"}  # so no line crosses words
)


@contextmanager
def plot_style():
    """Context manager and decorator: within it, matplotlib draws in this project's style."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC_PARAMS)
        yield


@plot_style()
def save(figure, path):
    """Write a figure to a PNG file, atomically and reproducibly (without matplotlib's version tag)."""
    with atomic_write(path) as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a folder's name, say, has letters that the font lacks
        figure.savefig(file, format="png", dpi=150, metadata={"Software": None})


def new_figure(width, height, title=""):
    """Return an empty white figure, with a title at the upper left unless it is "". width, height: in inches."""
    figure = Figure(figsize=(width, height))
    if title:
        add_title(figure, title, 14)
    return figure


def add_title(figure, title, size=11):
    """Write a title at the upper left of a figure or subfigure."""
    figure.suptitle(title, x=0.015, ha="left", fontsize=size)


def style_axes(axes, title, ylabel, xlabel=""):
    """Style axes for curves, with a grid and without a frame, and return them."""
    axes.set_title(title, loc="left", fontsize=14, pad=12)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.xaxis.set_major_formatter("{x:,.9g}")  # "0.2" in less than an epoch
    axes.grid()
    axes.spines[:].set_visible(False)
    return axes


class PowerLabels(LogFormatterSciNotation):
    """Tick labels such as 10⁻³ and 2 × 10⁻³ as plain text, because `plot_style` turns matplotlib's mathtext off."""

    def __call__(self, x, pos=None):
        text = super().__call__(x, pos)
        match = re.fullmatch(r"\$\\mathdefault\{(?:(.*)\\times)?10\^\{(.*)\}\}\$", text)
        if not match:
            return text
        power = match[2].translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        return f"{match[1]} × 10{power}" if match[1] else f"10{power}"


def use_log_scale(axis):
    """Make an axis (axes.xaxis or axes.yaxis) logarithmic, with powers of ten as labels."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_formatter(PowerLabels())
    axis.set_minor_formatter(PowerLabels())


class PlainTicks(LogLocator):
    """Ticks at 0.1, 0.2, 0.5, 1, 2, ...; on an axis that spans more than five powers of ten, only at powers of ten."""

    def tick_values(self, vmin, vmax):
        self.set_params(subs=(1, 2, 5) if vmax < 1e5 * vmin else (1,))
        return super().tick_values(vmin, vmax)


def make_logarithmic(axes):
    """Make the y axis of the axes logarithmic, with plain numbers such as 0.1 as labels."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(PlainTicks(10))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def annotate_beside(axes, text, point, offset_in_points, **style):
    """Write a text beside the position `point` in the plot.

    offset_in_points: the distance in points (1/72 inch), to the right, or to the left if it is negative.
    """
    style |= {"textcoords": "offset points", "ha": "left" if offset_in_points > 0 else "right", "va": "center"}
    axes.annotate(text, point, (offset_in_points, 0), **style)
