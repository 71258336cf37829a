"""The weighted mean.

Some samples count for more than others: each has a weight. The weights need not add up to 1.

    x (n, p)   a row for each sample
    w (n,)     their weights
"""

import numpy as np


def weighted_mean(x, w):
    """Return the mean of each column, (p,)."""
    mean = (x * w[:, None]).sum(axis=0) / w.sum()
    return mean


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from _inputs import weighted

INPUTS = [weighted]

HINTS = """
1. What would you do if each sample with a weight of 2 was there twice?
2. Multiply each row by its weight, and add the rows. By which number do you divide?
3. w[:, None] has the shape (n, 1): it stretches over the columns. Divide by the sum of the weights.
"""

MISTAKES = """
the weights forgotten | x.mean(axis=0)
    Does a sample with a large weight count for more in yours?
divided by the number of samples | w.sum() -> len(w)
    If all weights were twice as large, should the mean change?
the mean of all columns together | (x * w[:, None]).sum() / w.sum() * np.ones(x.shape[1])
    Does each column have a mean of its own?
"""
