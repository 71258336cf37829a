"""The correlation matrix.

    x (n, p)   a row for each sample

The correlation of two columns is the mean of the products of their standard scores: how many standard deviations each
entry lies above the mean of its column.
"""

import numpy as np


def correlation(x):
    """Return the correlations of all pairs of columns, (p, p). (Not by np.corrcoef.)"""
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    r = z.T @ z / len(x)
    return r


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from _inputs import correlated

INPUTS = [correlated]

HINTS = """
1. What is the mean of a column of standard scores, and what is its standard deviation?
2. z = (x - x.mean(axis=0)) / x.std(axis=0). Then each entry of r is the mean of n products.
3. All sums of products of two columns at once are a matrix product: z.T @ z.
"""

MISTAKES = """
the covariance | np.cov(x.T)
    What should the correlation of a column with itself be? Does it change if a column is measured in other units?
the samples correlated | np.corrcoef(x)[: x.shape[1], : x.shape[1]]
    Are the columns correlated here, or the rows?
not divided by the deviations | z = (x - x.mean(axis=0)); r = z.T @ z / len(x)
    Does it change if a column is measured in other units?
n - 1 in one place alone | / len(x) -> / (len(x) - 1)
    By which number does x.std() divide? Which number belongs in the mean of the products, then?
"""
