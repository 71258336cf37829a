"""A convolution's dW.

A 3 x 3 convolution. x has a border of zeros around it (`padded`), so that y is as high and wide as x:

    y[b, i, j, o] = the sum over u, v, c of padded[b, i + u, j + v, c] * W[u, v, c, o]      u, v = 0, 1, 2

You know dy. Find dW.

    padded (B, H + 2, W + 2, C)
    dy     (B, H, W, O)           the derivative of the loss with respect to y
"""

import numpy as np


def conv_dW(padded, dy):
    """Return dW (3, 3, C, O)."""
    dW = ...  # this takes several lines; loops are welcome
    return dW
