"""When two arrays count as equal, and which numbers of a draw are its sizes."""

import numpy as np

ROUNDING = 1e-9  # of the largest entry: float64 keeps 16 digits, and sums of a few thousand terms lose three or four
BESIDE = 1e-9  # so far from a kink lie the values beside it: rounding does not reach them, and no threshold is smaller


def agree(a, b, rounding=ROUNDING):
    """Return True if two arrays are equal to rounding, relative to the largest entry; inf and NaN in the same
    places."""
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


def sizes(g):
    """Return the whole numbers of a draw: {name: value}."""
    return {name: value for name, value in vars(g).items() if type(value) is int}
