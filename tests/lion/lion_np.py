"""Lion by hand: the optimizer that only the tests know."""

import numpy as np


def update(params, averages, grads, lr, momentum, weight_decay=0.0, step=None):
    """Move each parameter by lr, against the sign of a running mean of its gradients (Chen et al. 2023), in place."""
    for name, p in params.items():
        m, dp = averages[name], grads[name]
        if weight_decay and p.ndim > 1:
            p *= 1 - lr * weight_decay
        p -= lr * np.sign(momentum * m + (1 - momentum) * dp)
        m *= 0.99
        m += 0.01 * dp
