"""The first derivative, dlogits.

dlogits[n, k] says how the loss (see `loss`) changes if logits[n, k] grows a little. For one image, that loss is

    log(the sum over m of exp(logits[m])) - logits[y]

Find its derivative with respect to logits[k], on paper. Remember that the loss of a batch is a mean. You will find
that p is all you need to know about the logits.

    p (B, 10)   softmax(logits)
    y (B,)      the true digits
"""

import numpy as np


def dlogits(p, y):
    """Return dlogits (B, 10). Do not change p itself: p.copy() is an array of your own."""
    dlogits = ...
    return dlogits
