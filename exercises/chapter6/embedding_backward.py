"""Backpropagation through an embedding: dE.

A token is an integer. The embedding looks up a row of a table E for each token:

    y = E[x]     y[b, t] is row x[b, t] of E

You know dy. Find dE. (There is no dx, because a token cannot grow a little.) A token may occur many times, within one
text and in several texts, and some tokens do not occur at all.

    E  (V, C)      a row of C numbers for each of V tokens
    x  (B, T)      T tokens in each of B texts, integers from 0 to V - 1
    dy (B, T, C)   the derivative of the loss with respect to y
"""

import numpy as np


def embedding_backward(E, x, dy):
    """Return dE (V, C)."""
    # dE = ...  # this takes several lines
    dE = np.zeros_like(E)
    np.add.at(dE, x, dy)
    return dE


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from functools import partial
from types import SimpleNamespace

from exercises import chapter6
from gpt_np import Embedding


def draw(rng, without_last=False):
    """Draw an embedding table, token ids x and dy. Some tokens occur several times, and at least one does not occur.

    The first and the last token occur. without_last: the last one does not.
    """
    B, T, V, C = chapter6.draw_sizes(rng, 4, smallest=4)
    E = Embedding(rng, V, C).params["E"]
    dy = rng.normal(size=(B, T, C))
    absent = int(rng.integers(1, V - 1))
    present = [word for word in range(V - without_last) if word != absent]
    x = rng.choice(present, (B, T))
    x[:, 1] = x[:, 0]  # a token twice in each text
    x[rng.integers(B), 2:4] = rng.permutation([present[0], present[-1]])
    return SimpleNamespace(B=B, T=T, V=V, C=C, E=E, x=x, dy=dy)


INPUTS = [draw, partial(draw, without_last=True)]
LOSS = {"E": lambda E, x, dy: (E[x] * dy).sum()}
COUNTS = {"B": "texts", "T": "tokens", "C": "numbers", "V": "tokens"}
ENTRYWISE = "E"

HINTS = """
1. Take one row of E. Through which positions does it affect the loss? How do you combine several paths to the loss?
2. Start with zeros in the shape of E. Then go through all texts and all positions, and add dy[b, t] to the row of the
   token at that position.
3. You can use two loops with dE[x[b, t]] += dy[b, t]. Without a loop, use np.add.at(dE, x, dy). Unlike dE[x] += dy, it
   adds every occurrence of a token.
"""

MISTAKES = """
a token that occurs twice counted once | np.add.at(dE, x, dy) -> dE[x] += dy
    The same token may occur several times. How many times does your code add to its row? (If you index with x, try
    `a = np.zeros(3); a[[1, 1]] += 1; print(a)`.)
the mean over the positions of a token | dE = dE / np.maximum(np.bincount(x.ravel(), minlength=V), 1)[:, None]
    A row affects the loss through several positions. Do you add these effects, or average them?
a token that occurs twice in a text counted once | np.add.at(dE, x, dy) -> for b in range(B): dE[x[b]] += dy[b]
    The same token may occur several times. How many times does your code add to its row? (If you index with x, try
    `a = np.zeros(3); a[[1, 1]] += 1; print(a)`.)
only the last text | np.add.at(dE, x, dy) -> np.add.at(dE, x[-1], dy[-1])
only the first text | np.add.at(dE, x, dy) -> np.add.at(dE, x[0], dy[0])
    All texts look up rows of the same table. Does your sum include all texts?
only the last position | np.add.at(dE, x, dy) -> np.add.at(dE, x[:, -1], dy[:, -1])
only the first position | np.add.at(dE, x, dy) -> np.add.at(dE, x[:, 0], dy[:, 0])
    How many tokens does a text have? Does each of them get its gradient?
added to the table | np.zeros_like(E) -> E.copy()
    What does your sum start from? A token that does not occur has no effect on the loss.
"""

WHY = """
The embedding is a linear layer without the actual multiplication: E[x] is onehot(x) @ E. So dE is onehot(x).T @ dy, as
for every matrix product, and this product is exactly your sum.
"""
DOCS = 'docs/writing.md, "The embedding"'
LINE = "gpt_np.py: np.add.at(dE"
