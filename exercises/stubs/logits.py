"""The logits of a layer.

The last layer turns H activations into ten scores for each image, the logits: weighted sums of the activations,
with a bias.

    a1 (B, H)    the activations of H hidden units, a row for each of B images
    W2 (H, 10)   the weights: W2[j, k] leads from unit j to digit k
    b2 (10,)     the biases, one for each digit
"""

import numpy as np


def logits(a1, W2, b2):
    """Return the logits (B, 10)."""
    logits = ...  # your expression in place of the three dots
    return logits
