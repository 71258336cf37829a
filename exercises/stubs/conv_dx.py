"""A convolution's dx.

The convolution of `conv_dW`, written with x itself (where x has no value, it counts as 0):

    y[b, i, j, o] = the sum over u, v, c of x[b, i + u - 1, j + v - 1, c] * W[u, v, c, o]      u, v = 0, 1, 2

You know dy. Find dx.

    dy (B, H, W, O)    the derivative of the loss with respect to y
    W  (3, 3, C, O)
"""

import numpy as np


def conv_dx(dy, W):
    """Return dx (B, H, W, C)."""
    dx = ...  # this takes several lines; loops are welcome
    return dx
