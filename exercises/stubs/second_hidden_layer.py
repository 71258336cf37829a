"""A second hidden layer.

    z1 = x @ W1 + b1           (B, H)
    a1 = max(z1, 0)
    z2 = a1 @ W2 + b2          (B, G)
    a2 = max(z2, 0)
    logits = a2 @ W3 + b3      (B, 10)

You know dlogits, the derivative of the loss with respect to logits. Walk back to dW1. (The biases are left out here:
they are as in chapter 1.)
"""

import numpy as np


def backward(x, z1, a1, W2, z2, a2, W3, dlogits):
    """Return dz2 (B, G), dW2 (H, G), dz1 (B, H) and dW1 (784, H)."""
    dz2 = ...
    dW2 = ...
    dz1 = ...
    dW1 = ...
    return dz2, dW2, dz1, dW1
