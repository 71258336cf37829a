"""Equality of arrays to rounding, and the sizes in a draw."""

import numpy as np

RELATIVE_TOLERANCE = 1e-9  # of the largest entry: of float64's 16 digits, sums of a few thousand terms lose 3 or 4
KINK_PROBE_DISTANCE = 1e-9  # distance from a kink of the values next to it: above rounding errors, below any threshold


def agree(a, b, rounding=RELATIVE_TOLERANCE):
    """Return True if two arrays are equal to rounding, relative to the largest entry. inf and NaN must match."""
    a = np.asarray(a, np.float64)
    b = np.asarray(b, np.float64)
    if a.shape != b.shape:
        return False
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(a - b)
        largest = error.max(initial=0)
        if np.isfinite(largest):
            return bool(largest <= rounding * np.abs(b).max(initial=0))
        scale = np.abs(b[np.isfinite(b)]).max(initial=0)
        return bool(((a == b) | np.isnan(a) & np.isnan(b) | (error <= rounding * scale)).all())


def sizes(draw):
    """Return {name: value} of the integers among the attributes of a draw: the sizes of its arrays."""
    return {name: value for name, value in vars(draw).items() if type(value) is int}
