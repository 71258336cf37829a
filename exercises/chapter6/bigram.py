"""Counts of the word before, p.

The plainest thing that can write: of all words that followed word j in what was learned from, what share is word k? The
pairs lie side by side: word y[n] came after word x[n].

    x (N,)   the words before, whole numbers from 0 to W - 1
    y (N,)   the words after them, whole numbers from 0 to V - 1
    W, V     how many words can come before, and how many after

A word that never comes before another has no shares: its row is 0.
"""

import numpy as np


def bigram(x, y, W, V):
    """Return p (W, V): row j has the shares of the words that follow word j."""
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
1. How often does word k follow word j? Count first, in a table (W, V), and divide then. By what, so that a row adds up
   to 1?
2. A loop does it: for j, k in zip(x, y), one more in row j and column k. Without a loop, np.add.at(counts, (x, y), 1).
3. The sum of a row says how often word j came before another. Divide each row by its own sum, and where it is 0, by 1.
"""

MISTAKES = """
a pair that occurs twice counted once | np.add.at(counts, (x, y), 1) -> counts[x, y] += 1
    The same pair may come several times. How often do your lines add it? (If x and y stand in the brackets: print `a =
    np.zeros(3); a[[1, 1]] += 1; print(a)`.)
the columns made shares | axis=1, keepdims -> axis=0, keepdims
    A row says what may come after one word. Which of your sums are 1: those of the rows, or of the columns?
shares of all pairs | counts.sum(axis=1, keepdims=True) -> counts.sum()
    Of the words that follow word j, what shares do they have? What does one row of yours add up to?
counts, no shares | np.maximum(total, 1) -> 1
    What does one row of yours add up to?
one of each added | np.zeros((W, V)) -> np.ones((W, V))
a little of each added | np.zeros((W, V)) -> np.full((W, V), 0.01)
a little of each added | np.zeros((W, V)) -> np.full((W, V), 0.1)
a little of each added | np.zeros((W, V)) -> np.full((W, V), 1 / V)
a little of each added | np.zeros((W, V)) -> np.full((W, V), 0.5)
    A word that never comes before another: what is its row in yours?
one added to each sum | np.maximum(total, 1) -> (total + 1)
    The shares of the words that follow one word: what do they add up to in yours?
a row of zeros divided by 0 | np.maximum(total, 1) -> total
    0 / 0 is nan. By what can a row of zeros be divided so that it stays 0?
divided by the largest count | counts.sum(axis=1 -> counts.max(axis=1
divided by the number of different words | p = counts / np.maximum((counts > 0).sum(axis=1, keepdims=True), 1)
divided by V | p = counts / V
divided by W | p = counts / W
    How often does word j come before another at all? What does one row of yours add up to?
the largest sum for all rows | np.maximum(total, 1) -> total.max()
    Each word has a sum of its own. What does a row of a rare word add up to in yours?
a softmax of the counts | p = np.exp(counts) / np.exp(counts).sum(axis=1, keepdims=True)
a softmax of the counts | p = np.exp(counts) / np.exp(counts).sum(axis=1, keepdims=True) * (total > 0)
    One word followed twice as often as another. Is its share twice as large in yours?
the word after the next | (x, y), 1) -> (x[:-1], y[1:]), 1)
the word before the last | (x, y), 1) -> (x[1:], y[:-1]), 1)
    Which of the y came after x[n]: y[n], or another one?
the first pair left out | (x, y), 1) -> (x[1:], y[1:]), 1)
the last pair left out | (x, y), 1) -> (x[:-1], y[:-1]), 1)
    How many pairs are there, and how many do you count?
"""

WHY = """
With each row as probabilities of the next word, this writes: draw a word, then look up its row, and so on. It knows one
word of the past. A mean over all words before, and then attention, know more.
"""
DOCS = 'docs/writing.md, "From counting to attention"'
LINE = "lab/counts.py: np.add.at(counts"
