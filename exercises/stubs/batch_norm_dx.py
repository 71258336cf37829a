"""Back through batch normalisation, dx.

For each channel, with the mean and the variance over all n = B H W values that x has there:

    inverse = 1 / sqrt(variance + eps)
    xhat = (x - mean) * inverse
    y = gamma * xhat + beta

You know dy. Find dx. Mind that each x has a part in the mean and in the variance, and those are in every xhat.

    dy      (B, H, W, C)   the derivative of the loss with respect to y
    xhat    (B, H, W, C)
    gamma   (C,)
    inverse (C,)
"""

import numpy as np


def batch_norm_dx(dy, xhat, gamma, inverse):
    """Return dx (B, H, W, C)."""
    dx = ...  # this may take several lines
    return dx
