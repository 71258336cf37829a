"""The first layer's gradients, dW1 and db1.

The first layer was z1 = x @ W1 + b1, then a1 = max(z1, 0). Find the derivatives of the loss with respect to W1 and b1.

    x   (B, 784)   the images, a row of 784 pixels each
    z1  (B, H)
    da1 (B, H)     the derivative of the loss with respect to a1
    dz1 (B, H)     ... and with respect to z1

You may be given more than you need.
"""

import numpy as np


def dW1_db1(x, z1, da1, dz1):
    """Return dW1 (784, H) and db1 (H,)."""
    dW1 = ...
    db1 = ...
    return dW1, db1
