"""Back through attention, dq, dk and dv.

For each image and each head, with q, k and v as matrices (T, d) of T patches:

    scores = q @ k.T / sqrt(d)     (T, T)
    weights = softmax(scores)      (T, T)   row i: how much patch i takes from each patch
    mixed = weights @ v            (T, d)

You know dmixed, the derivative of the loss with respect to mixed. Find dq, dk and dv. The way back through softmax is
that of `softmax_backward`: copy your lines.

    q, k, v, dmixed (B, h, T, d)   for B images and h heads
    weights         (B, h, T, T)

NumPy's @ multiplies the matrices in the last two axes, for each image and head. To transpose each of them, write
k.swapaxes(2, 3): k.T would turn all four axes round.
"""

import numpy as np


def attention_backward(q, k, v, weights, dmixed):
    """Return dq, dk and dv, (B, h, T, d) each."""
    dq = ...  # this takes several lines
    dk = ...
    dv = ...
    return dq, dk, dv
