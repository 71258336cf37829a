"""Compares two implementations of the same training: are all arrays equal up to rounding? If not, which one differs?"""

from typing import NamedTuple

import numpy as np

from support.checkpoint import describe_mismatch
from support.errors import UserError
from support.rounding import format_rounded_up


class Departure(NamedTuple):
    """An entry of an array in which two implementations differ by more than rounding."""

    group: str
    name: str
    entry: tuple  # the entry's index
    one: float
    other: float


def find_largest_and_departure(groups, other_groups, tolerance, min_scale=1.0):
    """Return (largest difference, `Departure` in the first array that differs by more than `tolerance`, or None).

    groups, other_groups: {group: {name: array}}, in the order in which they are computed. A group that only one of them
    has is ignored. Raises UserError if the arrays of a shared group differ in names or shapes. A difference is relative
    to the largest absolute value in its array or, if that is more, to `min_scale` times the largest in its group:
    values that should be exactly 0 may be rounding errors.
    """
    shared_groups = [group for group in groups if group in other_groups]
    arrays = {group: groups[group] for group in shared_groups}
    other_arrays = {group: other_groups[group] for group in shared_groups}
    mismatch = describe_mismatch(arrays, other_arrays, "in one", "in the other")
    if mismatch:
        raise UserError(mismatch)
    largest = 0.0
    departure = None
    for group in shared_groups:
        common = min_scale * max((largest_magnitude(array) for array in groups[group].values()), default=0.0)
        for name, array in groups[group].items():
            twin = other_groups[group][name]
            gap = np.abs(np.subtract(array, twin, dtype=float))
            gap = np.where((array == twin) | (np.isnan(array) & np.isnan(twin)), 0.0, gap)
            gap[np.isnan(gap)] = np.inf
            relative = float(gap.max(initial=0)) / (max(common, largest_magnitude(array)) or 1.0)
            largest = max(largest, relative)
            if departure is None and not relative <= tolerance:
                entry = tuple(map(int, np.unravel_index(gap.argmax(), gap.shape)))
                departure = Departure(group, name, entry, float(array[entry]), float(twin[entry]))
    return largest, departure


def describe_difference(largest):
    """Return the end of a sentence that begins with "no array". largest: the largest difference."""
    return f"differs by more than {format_rounded_up(largest)}" if largest else "differs in a bit"


def largest_magnitude(array):
    """Return the largest absolute value of an array, or inf if a value is not finite."""
    largest = float(np.abs(array).max(initial=0))
    return largest if np.isfinite(largest) else np.inf


def largest_difference(arrays, other_arrays):
    """Return the largest absolute difference between two dicts of arrays, or inf if a value is not finite.

    Raises UserError if names or shapes differ.
    """
    mismatch = describe_mismatch({"params": arrays}, {"params": other_arrays}, "in one network", "in its twin")
    if mismatch:
        raise UserError(mismatch)
    gaps = [float(np.abs(arrays[name] - other_arrays[name]).max(initial=0)) for name in arrays]
    return max(gaps) if np.isfinite(gaps).all() else np.inf
