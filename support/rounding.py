"""A number in a few digits, for a sentence that has to stay true."""

import numpy as np


def format_rounded_up(value):
    """Return a number as a text of one digit, rounded up: 1.2e-15 is at most 2e-15, and 0.21 at most 0.3."""
    if not value or np.isinf(value):
        return f"{value:g}"
    size = 10.0 ** np.floor(np.log10(value))
    return f"{np.ceil(value / size) * size:.1g}"


def format_probability(p):
    """Return a number from 0 to 1 as a text of four decimals. Only 1 is written as 1.0000: 0.99997 is not certain."""
    return f"{p:.4f}" if p == 1 else f"{min(p, 0.9999):.4f}"
