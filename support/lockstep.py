"""Two forms of one training, step by step: are their arrays the same, to rounding? If not, where do they part?"""

from typing import NamedTuple

import numpy as np

from support.checkpoint import difference
from support.errors import UserError
from support.rounding import above


class Departure(NamedTuple):
    """An entry of an array in which two forms differ by more than rounding."""

    group: str
    name: str
    entry: tuple  # its index
    one: float
    other: float


def departure(one, other, bound, least=1.0):
    """(the largest difference, the `Departure` in the first array that differs by more than the bound, or None).

    one, other: {group: {name: array}}, in the order in which they are computed. A group that only one of them has does
    not count; UserError if the arrays of another do not have the same names and shapes. A difference is told in units
    of the largest number of its array or, if that is more, of `least` times the largest of its group: what should be
    exactly 0 is rounding.
    """
    both = [group for group in one if group in other]
    if found := difference({g: one[g] for g in both}, {g: other[g] for g in both}, "in one", "in the other"):
        raise UserError(found)
    largest, first = 0.0, None
    for group in both:
        common = least * max((size(a) for a in one[group].values()), default=0.0)
        for name, array in one[group].items():
            twin = other[group][name]
            apart = np.abs(np.subtract(array, twin, dtype=float))
            apart = np.where((array == twin) | (np.isnan(array) & np.isnan(twin)), 0.0, apart)
            apart[np.isnan(apart)] = np.inf
            told = float(apart.max(initial=0)) / (max(common, size(array)) or 1.0)
            largest = max(largest, told)
            if first is None and not told <= bound:
                at = tuple(map(int, np.unravel_index(apart.argmax(), apart.shape)))
                first = Departure(group, name, at, float(array[at]), float(twin[at]))
    return largest, first


def differs(largest):
    """What "no array" does, in words, if that is the largest difference."""
    return f"differs by more than {above(largest)}" if largest else "differs in a bit"


def size(array):
    """The largest absolute value; of what is not finite, inf."""
    largest = float(np.abs(array).max(initial=0))
    return largest if np.isfinite(largest) else np.inf


def largest_difference(a, b):
    """The largest |a - b| over all entries of two dicts of arrays, inf if one is not finite; UserError if names or
    shapes differ."""
    if found := difference({"params": a}, {"params": b}, "in one network", "in its twin"):
        raise UserError(found)
    apart = [float(np.abs(a[name] - b[name]).max(initial=0)) for name in a]
    return max(apart) if np.isfinite(apart).all() else np.inf
