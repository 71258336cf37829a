"""Back through softmax, dscores.

In attention each patch scores every patch, and softmax makes weights of each row of scores:

    weights = exp(scores) / (the sum of exp(scores) over the row)

You know dweights. Find dscores. Mind that each score has a part in its row's sum, and that is in every weight of the
row. (In `dlogits` the cross-entropy came after the softmax. Here anything may come after it.)

    dweights (B, T, T)   the derivative of the loss with respect to weights
    weights  (B, T, T)   weights[b, i] is a row: T positive numbers whose sum is 1
"""

import numpy as np


def softmax_backward(dweights, weights):
    """Return dscores (B, T, T)."""
    dscores = ...  # this may take several lines
    return dscores
