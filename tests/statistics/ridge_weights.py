"""Ridge regression.

The weights w make |x w - y|^2 + penalty |w|^2 as small as possible. There its gradient is 0:

    (x^T x + penalty I) w = x^T y

    x (n, p)   a row for each sample
    y (n,)     what is to be predicted
    penalty    a number
"""

import numpy as np


def ridge_weights(x, y, penalty):
    """Return w (p,)."""
    w = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)
    return w


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from _inputs import penalised

INPUTS = [penalised]

HINTS = """
1. It is a system of linear equations. What is its matrix, and what stands on its right?
2. np.linalg.solve(A, b) solves A w = b. What is I, and how large is it?
3. A is x.T @ x + penalty * np.eye(x.shape[1]), and b is x.T @ y.
"""

MISTAKES = """
the penalty on all entries | penalty * np.eye(x.shape[1]) -> penalty
    What does NumPy add a number to: to the diagonal, or to every entry? Where are the ones of I?
no penalty | + penalty * np.eye(x.shape[1]) ->
    What becomes of w if the penalty is very large?
the penalty, squared | penalty * -> penalty**2 *
    How often does the penalty come in?
the penalty of a mean | penalty * -> len(x) * penalty *
    Is |x w - y|^2 a sum over the samples, or their mean?
"""
