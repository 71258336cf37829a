"""Counting pairs: p.

This is the simplest model that can write: of all tokens that followed token j in the training data, what fraction were
token k? The arrays hold pairs: token y[n] came after token x[n].

    x (N,)   the first tokens, whole numbers from 0 to W - 1
    y (N,)   the tokens after them, whole numbers from 0 to V - 1
    W, V     how many different tokens can come first, and how many after them

A token that never comes first has no fractions: its row is 0.
"""

import numpy as np


def bigram(x, y, W, V):
    """Return p (W, V): row j has the fractions of the tokens that follow token j."""
    # p = ...  # this takes several lines
    counts = np.zeros((W, V))
    np.add.at(counts, (x, y), 1)
    total = counts.sum(axis=1, keepdims=True)
    p = counts / np.maximum(total, 1)
    return p


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from functools import partial

from exercises import chapter6

INPUTS = [chapter6.draw_word_pairs, partial(chapter6.draw_word_pairs, without_last=True)]
COUNTS = {"N": "pairs"}

HINTS = """
1. How often does token k follow token j? First count, in a table (W, V), and then divide. What do you divide by, so
   that a row adds up to 1?
2. A loop does it: for j, k in zip(x, y), add 1 in row j and column k. Without a loop, np.add.at(counts, (x, y), 1).
3. The sum of row j says how often token j came first. Divide each row by its own sum, or by 1 where the sum is 0.
"""

MISTAKES = """
a pair that occurs twice counted once | np.add.at(counts, (x, y), 1) -> counts[x, y] += 1
    The same pair may occur several times. How many times do your lines count it? (If x and y are in the brackets: print
    `a = np.zeros(3); a[[1, 1]] += 1; print(a)`.)
the columns made shares | axis=1, keepdims -> axis=0, keepdims
    A row says what may come after one token. Which of your sums are 1: those of the rows, or those of the columns?
shares of all pairs | counts.sum(axis=1, keepdims=True) -> counts.sum()
    Row j should have the fractions of the tokens that follow token j. What does a row of yours add up to?
counts, no shares | np.maximum(total, 1) -> 1
    What does a row of yours add up to?
one of each added | np.zeros((W, V)) -> np.ones((W, V))
a little of each added | np.zeros((W, V)) -> np.full((W, V), 0.01)
a little of each added | np.zeros((W, V)) -> np.full((W, V), 0.1)
a little of each added | np.zeros((W, V)) -> np.full((W, V), 1 / V)
a little of each added | np.zeros((W, V)) -> np.full((W, V), 0.5)
    What is your row of a token that never comes first?
one added to each sum | np.maximum(total, 1) -> (total + 1)
    What do the fractions of the tokens that follow one token add up to in your result?
a row of zeros divided by 0 | np.maximum(total, 1) -> total
    0 / 0 is nan. What can you divide a row of zeros by, so that it stays 0?
divided by the largest count | counts.sum(axis=1 -> counts.max(axis=1
divided by the number of different tokens | p = counts / np.maximum((counts > 0).sum(axis=1, keepdims=True), 1)
divided by V | p = counts / V
divided by W | p = counts / W
    How often does token j come first? What does a row of yours add up to?
the largest sum for all rows | np.maximum(total, 1) -> total.max()
    Each token has a sum of its own. What does your row of a rare token add up to?
a softmax of the counts | p = np.exp(counts) / np.exp(counts).sum(axis=1, keepdims=True)
a softmax of the counts | p = np.exp(counts) / np.exp(counts).sum(axis=1, keepdims=True) * (total > 0)
    One token followed twice as often as another. Is its fraction twice as large in your result?
the token after the next | (x, y), 1) -> (x[:-1], y[1:]), 1)
the token before the last | (x, y), 1) -> (x[1:], y[:-1]), 1)
    Which entry of y came after x[n]: y[n], or a different one?
the first pair left out | (x, y), 1) -> (x[1:], y[1:]), 1)
the last pair left out | (x, y), 1) -> (x[:-1], y[:-1]), 1)
    How many pairs are there, and how many do you count?
"""

WHY = """
Take each row as the probabilities of the next token, and this can write: draw a token, look up its row, and so on. It
knows only one token of the past. A mean over all earlier tokens knows more, and attention still more.
"""
DOCS = 'docs/writing.md, "From counting to attention"'
LINE = "lab/counts.py: np.add.at(counts"
