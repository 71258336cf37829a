"""Backpropagation through the position embedding: dP.

Attention is a sum over the positions, and a sum ignores order. So a learned vector is added at each position. These
vectors are the same for all texts:

    y = x + P     y[b, t] is x[b, t] plus row t of P

You know dy. dx is equal to dy. Find dP.

    P  (T, C)      a row of C numbers for each of T positions
    dy (B, T, C)   the derivative of the loss with respect to y, for B texts
"""

import numpy as np


def positions_backward(P, dy):
    """Return dP (T, C)."""
    dP = dy.sum(axis=0)
    return dP


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from types import SimpleNamespace

from exercises import chapter6
from vit_np import Positions


def draw(rng):
    """Draw position embeddings, their input x (B, T, C) and dy."""
    B, T, C = chapter6.draw_sizes(rng, 3)
    P = Positions(rng, T, C).params["P"]
    x = rng.normal(size=(B, T, C))
    dy = rng.normal(size=(B, T, C))
    return SimpleNamespace(B=B, T=T, C=C, P=P, x=x, dy=dy)


INPUTS = [draw]
LOSS = {"P": lambda P, x, dy: ((x + P) * dy).sum()}
COUNTS = {"B": "texts", "T": "positions", "C": "numbers"}
ENTRYWISE = "P"

HINTS = """
1. Take one entry of P. Which entries of y does it affect, and how much does each change?
2. P[t, c] is added in all B texts: it affects y[b, t, c] for every b, and nothing else. How do you combine several
   paths to the loss?
3. The sum runs over the texts, the first axis of dy.
"""

MISTAKES = """
the mean over the texts | dP / B
    All texts add the same row. Do you add its effects, or average them?
only the last text | dy[-1]
only the first text | dy[0]
    Every text adds the same P. Does your sum include all texts?
not summed | dy
summed over the positions | dy.sum(axis=1)
summed over texts and positions | dy.sum(axis=(0, 1))
    P is (T, C) and dy is (B, T, C). Which axis should disappear, and which two should remain?
P itself as a factor | dP * P
    In y = x + P, by how much does y grow if P grows by 1? Does that depend on P?
added to P | P + dP
    If a position has no effect on the loss, what should its row of dP be?
"""

WHY = """
This works like the bias of a linear layer: an array that is added to many rows gets the sum of their gradients.
"""
DOCS = 'docs/writing.md, "Position embedding"'
LINE = 'vit_np.py: self.grads = {"P": dy.sum(axis=0)}'
