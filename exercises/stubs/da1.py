"""Back to the hidden layer, da1.

Still logits = a1 @ W2 + b2, and you know dlogits. Before you can continue to the first layer you need da1: how does the
loss change if an activation grows a little?

    dlogits (B, 10)
    W2      (H, 10)
    z1      (B, H)    the weighted sums that the activations were made of

You may be given more than you need.
"""

import numpy as np


def da1(dlogits, W2, z1):
    """Return da1 (B, H)."""
    da1 = ...
    return da1
