"""Weight decay.

To keep the weights small, the loss gets one more term: weight_decay / 2 times the sum of the squares of all weights.
The biases are left alone. The update is that of `update`, for this new loss.

    old_p         any shape    the parameter: weights have two axes, biases one
    old_v         the same     its velocity so far
    dp            the same     the derivative of the loss without the new term
    lr, momentum, weight_decay    numbers
"""

import numpy as np


def update(old_p, old_v, dp, lr, momentum, weight_decay):
    """Return the new velocity and the new parameter. (You may change old_v and old_p in place, but not dp.)"""
    v = ...
    p = ...
    return v, p
