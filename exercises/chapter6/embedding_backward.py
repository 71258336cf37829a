"""Back through an embedding, dE.

A word is a number, and the embedding gives each word a row of a table E:

    y = E[x]     y[b, t] is row x[b, t] of E

You know dy. Find dE. (There is no dx: a word cannot grow a little.) A word may occur many times, in one text and in
several, and some words do not occur at all.

    E  (V, C)      a row of C numbers for each of V words
    x  (B, T)      T words in each of B texts, whole numbers from 0 to V - 1
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
    """An embedding in the middle of a training. Some words occur several times, and one not at all.

    The first word occurs, and so does the last; without_last: not the last one, nor another.
    """
    B, T, V, C = chapter6.draw_sizes(rng, 4, smallest=4)
    E = Embedding(rng, V, C).params["E"]
    dy = rng.normal(size=(B, T, C))
    absent = int(rng.integers(1, V - 1))
    present = [word for word in range(V - without_last) if word != absent]
    x = rng.choice(present, (B, T))
    x[:, 1] = x[:, 0]  # a word twice in each text
    x[rng.integers(B), 2:4] = rng.permutation([present[0], present[-1]])
    return SimpleNamespace(B=B, T=T, V=V, C=C, E=E, x=x, dy=dy)


INPUTS = [draw, partial(draw, without_last=True)]
LOSS = {"E": lambda E, x, dy: (E[x] * dy).sum()}
COUNTS = {"B": "texts", "T": "words", "C": "numbers", "V": "words"}
ENTRYWISE = "E"

HINTS = """
1. Take one row of E. At which places does it reach the loss? What do you do with several ways to the loss?
2. Begin with zeros in E's shape. Then go through all texts and all places, and add dy[b, t] to the row of the word that
   stands there.
3. Two loops do it: dE[x[b, t]] += dy[b, t]. Without a loop, np.add.at(dE, x, dy): unlike dE[x] += dy, it adds as often
   as a word occurs.
"""

MISTAKES = """
a word that occurs twice counted once | np.add.at(dE, x, dy) -> dE[x] += dy
    The same word may come several times. How often do your lines add to its row? (If x stands in the brackets: print
    `a = np.zeros(3); a[[1, 1]] += 1; print(a)`.)
the mean over the places of a word | dE = dE / np.maximum(np.bincount(x.ravel(), minlength=V), 1)[:, None]
    A row reaches the loss in several places. Do the effects add up, or average?
a word that occurs twice in a text counted once | np.add.at(dE, x, dy) -> for b in range(B): dE[x[b]] += dy[b]
    The same word may come several times. How often do your lines add to its row? (If x stands in the brackets: print
    `a = np.zeros(3); a[[1, 1]] += 1; print(a)`.)
only the last text | np.add.at(dE, x, dy) -> np.add.at(dE, x[-1], dy[-1])
only the first text | np.add.at(dE, x, dy) -> np.add.at(dE, x[0], dy[0])
    All texts look up rows of the same table. Are all of them in your sum?
only the last place | np.add.at(dE, x, dy) -> np.add.at(dE, x[:, -1], dy[:, -1])
only the first place | np.add.at(dE, x, dy) -> np.add.at(dE, x[:, 0], dy[:, 0])
    How many words does a text have? Does each of them get its gradient?
added to the table | np.zeros_like(E) -> E.copy()
    Where does the sum begin? A word that does not occur has no effect on the loss.
"""

WHY = """
The embedding is a linear layer without the product: E[x] is onehot(x) @ E. So dE is onehot(x).T @ dy, as for every
matrix product, and that is just this sum.
"""
DOCS = 'docs/writing.md, "The embedding"'
LINE = "gpt_np.py: np.add.at(dE"
