"""A broadcast's sum.

In x @ W1 + b1, NumPy adds the biases (H,) to each of B rows. It stretches them to (B, H), and that is the shape of the
gradient that comes back. But the bias has the shape (H,), and so should its gradient. Write this for every operation at
once: an array `a` was stretched to the shape of dy. What is its gradient?

    dy     any shape    the derivative of the loss with respect to the stretched array
    shape  a tuple      the shape of a, before it was stretched

NumPy lines shapes up from the right. An array is repeated along the axes that it does not have, and along those where
it has length 1:

    shape       (H,)    (B, 1)    (1, 1)    (B, H)    (T, 1)       (B, 1, C)    (C,)
    dy.shape    (B, H)  (B, H)    (B, H)    (B, H)    (B, T, C)    (B, T, C)    (B, T, C)
"""

import numpy as np


def unbroadcast(dy, shape):
    """Return da, an array of that shape."""
    da = ...  # this may take several lines
    return da
