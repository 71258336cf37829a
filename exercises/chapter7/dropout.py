"""Dropout, forward and backward: y and dx.

In training, each entry of x is set to 0 with probability p, so that no channel can rely on another. The remaining
entries are divided by 1 - p. Then y equals x on average, and at test time, when nothing is dropped, x needs no
correction.

The array u has a random number from 0 to 1 for each entry. An entry is dropped if this number is below p.

    x, dy, u (B, T, C)   dy is the derivative of the loss with respect to y, for B texts of T positions
    p                    a number, at least 0 and below 1
"""

import numpy as np


def dropout(x, dy, u, p):
    """Return y and dx, (B, T, C) each."""
    mask = (u >= p) / (1 - p)
    y = x * mask
    dx = dy * mask
    return y, dx


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from functools import partial
from types import SimpleNamespace

from exercises import chapter7
from marker.equal import KINK_PROBE_DISTANCE


def forward(x, u, p):
    return np.where(u < p, 0, x / (1 - p))


def draw(rng, p=None, behind_relu=False):
    """Draw the input, dy and random numbers u of a dropout layer, and the expected result.

    Some entries of u are p, or just above or below it. p: None for a random one. behind_relu: some entries of x are
    exactly 0.
    """
    B, T, C = chapter7.draw_sizes(rng, *[[3, 4, 5, 6, 7, 8]] * 3)
    p = rng.uniform(0.1, 0.4) if p is None else p
    x = rng.normal(size=(B, T, C))
    dy = rng.normal(size=(B, T, C))
    u = rng.random((B, T, C))
    x = np.maximum(x, 0) if behind_relu else x
    positions = rng.permutation(u.size)[:9].reshape(3, 3)
    for places, value in zip(positions, (p, p - KINK_PROBE_DISTANCE, p + KINK_PROBE_DISTANCE), strict=True):
        u.flat[places] = max(value, 0)
    return SimpleNamespace(B=B, T=T, C=C, p=p, x=x, dy=dy, u=u, y=forward(x, u, p))


INPUTS = [draw]
FURTHER = [partial(draw, p=0.0), partial(draw, behind_relu=True)]
LOSS = {"x": lambda x, u, p, dy: (forward(x, u, p) * dy).sum()}
COUNTS = {"B": "texts", "T": "positions", "C": "channels"}
ENTRYWISE = "x"

HINTS = """
1. What is an entry multiplied by if it is dropped, and if it is kept? Does that number depend on x?
2. Put these numbers into an array, the mask: 0 where u is below p, and 1 / (1 - p) elsewhere. Then y is the mask times
   x, entry by entry. How much does y grow if x grows by 1?
3. mask = (u >= p) / (1 - p), y = x * mask, and dx = dy * mask, with the same mask.
"""

MISTAKES = """
nothing divided | / (1 - p) -> / 1
    If a tenth of all entries is dropped, is a sum of many entries still as large, on average? At test time, none is
    dropped.
divided by p | / (1 - p) -> / p
    If p is nearly 0, almost nothing is dropped. What should the kept entries be multiplied by then?
multiplied by 1 - p | / (1 - p) -> * (1 - p)
    Should the kept entries become larger, to make up for the dropped ones, or smaller?
divided by the root of 1 - p | / (1 - p) -> / np.sqrt(1 - p)
    What should stay the same on average: the entries, or their squares?
the others dropped | u >= p -> u < p
    The entries whose u is below p are dropped. Which entries does your code drop?
kept below 1 - p | u >= p -> u < 1 - p
    You keep the right number of entries. But are these the entries whose u is at least p?
dropped at p itself | u >= p -> u > p
    If u is exactly p, is it below p?
dx without the mask | dx = 1 * dy
    Does y change if x grows at a dropped entry?
dx without the division | dx = dy * (u >= p)
    If x grows by 1 and is kept, by how much does y grow?
divided once more on the way back | dx = dy * mask / (1 - p)
    The mask already contains the division. How many times did the forward pass divide?
x where dy belongs | dx = x * mask
    Where do you use dy, the derivative of the loss with respect to y?
multiplied by x | dx = dy * x * mask
    y = mask x: what is its derivative with respect to x?
the mask of a ReLU | dx = dy * (y > 0)
    A kept entry may be negative. Does its gradient pass through?
"""

WHY = """
The mask is a random constant: y = mask * x, so dx = mask * dy. The backward pass needs the same mask as the forward
pass. A new mask would block entries that were not dropped, and dx would not be the derivative of this loss.
"""
DOCS = 'docs/nanogpt.md, "Dropout"'
