"""Back through the ReLU, dz1.

The activations are a1 = max(z1, 0), entry by entry. You know da1. Find dz1.

    da1 (B, H)   the derivative of the loss with respect to a1
    z1  (B, H)   what went into the ReLU
    a1  (B, H)   what came out

A unit is on where its z1 is positive. The array that is 1 where a unit is on and 0 elsewhere is called the ReLU's mask.

You may be given more than you need.
"""

import numpy as np


def dz1(da1, z1, a1):
    """Return dz1 (B, H)."""
    dz1 = ...
    return dz1
