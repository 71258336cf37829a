"""The loss.

The cross-entropy loss of one image is -log(the p of its true digit), with the natural logarithm. The loss of a batch
is the mean over its B images.

    p (B, 10)   the probabilities, a row for each image
    y (B,)      the true digits, whole numbers from 0 to 9
"""

import numpy as np


def loss(p, y):
    """Return the loss, a single number."""
    loss = ...
    return loss
