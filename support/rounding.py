"""Formats numbers with a few digits, rounded so that the sentences that contain them are true."""

import numpy as np


def format_rounded_up(value):
    """Return a number >= 0 as a text with one significant digit, rounded up: "2e-15" for 1.2e-15, "0.3" for 0.21."""
    if not value or np.isinf(value):
        return f"{value:g}"
    size = 10.0 ** np.floor(np.log10(value))
    return f"{np.ceil(value / size) * size:.1g}"


def format_probability(p):
    """Return a number from 0 to 1 as a text with four decimals. Only 1 becomes "1.0000": 0.99997 becomes "0.9999"."""
    return f"{p:.4f}" if p == 1 else f"{min(p, 0.9999):.4f}"
