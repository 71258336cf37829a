"""A value that was used more than once.

From a value u, K others were made: u + b, perhaps, and u * c. The gradients of these K are known. Each of the
operations has a share for u: a function that takes the gradient of its result, and returns what this adds to the
gradient of u. Find the gradient of u.

    dys      (K, B, H)         the gradients of the K values that were made from u
    shares   K functions       shares[i](dys[i]) has the shape (B, H)

You are only given dys to read. Mind that a share may return the very array that it got: for u + b, dy is the share.
"""

import numpy as np


def accumulate(dys, shares):
    """Return du (B, H)."""
    du = ...  # this may take several lines
    return du
