"""Counting pairs: p.

This is the simplest model that can write. It only counts: of all tokens that followed token j in the training data,
what fraction were token k? The arrays contain pairs: token y[n] came right after token x[n].

    x (N,)   the first tokens, integers from 0 to W - 1
    y (N,)   the tokens after them, integers from 0 to V - 1
    W, V     how many different tokens can come first, and how many can come second

If a token never comes first, its row is 0.
"""

import numpy as np


def bigram(x, y, W, V):
    """Return p (W, V): row j contains the fractions of the tokens that follow token j."""
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
1. How often does token k follow token j? First count this in a table (W, V), and then divide. What do you divide by so
   that each row adds up to 1?
2. You can use a loop: for j, k in zip(x, y), add 1 in row j and column k. Without a loop, use np.add.at(counts, (x, y),
   1).
3. The sum of row j says how often token j came first. Divide each row by its own sum, or by 1 where the sum is 0.
"""

MISTAKES = """
a pair that occurs twice counted once | np.add.at(counts, (x, y), 1) -> counts[x, y] += 1
    The same pair may occur several times. How many times does your code count it? (If you index with x and y, try `a =
    np.zeros(3); a[[1, 1]] += 1; print(a)`.)
the columns made shares | axis=1, keepdims -> axis=0, keepdims
    A row says what may come after one token. What adds up to 1 in your result: the rows, or the columns?
shares of all pairs | counts.sum(axis=1, keepdims=True) -> counts.sum()
    Row j should contain the fractions of the tokens that follow token j. What does a row of your result add up to?
counts, no shares | np.maximum(total, 1) -> 1
    What does a row of your result add up to?
one of each added | np.zeros((W, V)) -> np.ones((W, V))
a little of each added | np.zeros((W, V)) -> np.full((W, V), 0.01)
a little of each added | np.zeros((W, V)) -> np.full((W, V), 0.1)
a little of each added | np.zeros((W, V)) -> np.full((W, V), 1 / V)
a little of each added | np.zeros((W, V)) -> np.full((W, V), 0.5)
    In your result, what is the row of a token that never comes first?
one added to each sum | np.maximum(total, 1) -> (total + 1)
    What do the fractions of the tokens that follow one token add up to in your result?
a row of zeros divided by 0 | np.maximum(total, 1) -> total
    0 / 0 is nan. What can you divide a row of zeros by so that it stays 0?
divided by the largest count | counts.sum(axis=1 -> counts.max(axis=1
divided by the number of different tokens | p = counts / np.maximum((counts > 0).sum(axis=1, keepdims=True), 1)
divided by V | p = counts / V
divided by W | p = counts / W
    How often does token j come first? What does a row of yours add up to?
the largest sum for all rows | np.maximum(total, 1) -> total.max()
    Each token has its own sum. In your result, what does the row of a rare token add up to?
a softmax of the counts | p = np.exp(counts) / np.exp(counts).sum(axis=1, keepdims=True)
a softmax of the counts | p = np.exp(counts) / np.exp(counts).sum(axis=1, keepdims=True) * (total > 0)
    If one token follows twice as often as another, is its fraction twice as large in your result?
the token after the next | (x, y), 1) -> (x[:-1], y[1:]), 1)
the token before the last | (x, y), 1) -> (x[1:], y[:-1]), 1)
    Which entry of y came after x[n]: y[n], or a different one?
the first pair left out | (x, y), 1) -> (x[1:], y[1:]), 1)
the last pair left out | (x, y), 1) -> (x[:-1], y[:-1]), 1)
    How many pairs are there, and how many of them do you count?
"""

WHY = """
This table can write: use a row as the probabilities of the next token, draw a token, look up the row of that token, and
so on. But it uses only the last token. A mean over all earlier tokens uses more of the past, and attention still more.
"""
DOCS = 'docs/writing.md, "From counting to attention"'
LINE = "lab/counts.py: np.add.at(counts"
