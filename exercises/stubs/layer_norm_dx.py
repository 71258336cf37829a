"""Back through layer normalisation, dx.

For each patch, with the mean and the variance over the C channels of that patch alone:

    inverse = 1 / sqrt(variance + eps)
    xhat = (x - mean) * inverse
    y = gamma * xhat + beta

You know dy. Find dx. In `batch_norm_dx` every mean stayed within one channel, which has one gamma. Here the means run
over the C channels of a patch, and each of them has a gamma of its own.

    dy      (B, T, C)   the derivative of the loss with respect to y, for B images of T patches
    xhat    (B, T, C)
    gamma   (C,)
    inverse (B, T, 1)
"""

import numpy as np


def layer_norm_dx(dy, xhat, gamma, inverse):
    """Return dx (B, T, C)."""
    dx = ...  # this may take several lines
    return dx
