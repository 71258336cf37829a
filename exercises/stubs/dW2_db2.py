"""The second layer's gradients, dW2 and db2.

The forward pass was

    a1 = max(z1, 0)
    logits = a1 @ W2 + b2

and you know dlogits, the derivative of the loss with respect to logits. Find the derivatives with respect to W2 and b2.
A gradient has the shape of what it differentiates: dW2 is (H, 10), db2 is (10,).

    z1      (B, H)    the weighted sums of the first layer
    a1      (B, H)    its activations
    dlogits (B, 10)   the mean's 1/B is already in it

You may be given more than you need.
"""

import numpy as np


def dW2_db2(z1, a1, dlogits):
    """Return dW2 (H, 10) and db2 (10,)."""
    dW2 = ...
    db2 = ...
    return dW2, db2
