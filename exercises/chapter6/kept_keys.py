"""With the kept keys and values, mixed.

A network that writes adds one word to texts of which it has kept all keys and values. One head of attention needs, for
the new word alone: the scores of its query with the kept keys and with its own key, weights, and with these the mean of
the kept values and its own.

    q, k, v          (B, d)      the new word's query, key and value, in each of B texts
    kept_k, kept_v   (B, t, d)   those of the words before it

    scores = q . key / sqrt(d)      weights = softmax(scores)
"""

import numpy as np


def kept_keys(q, k, v, kept_k, kept_v):
    """Return mixed (B, d)."""
    mixed = ...  # this takes several lines
    return mixed


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from functools import partial

from exercises import chapter6

INPUTS = [chapter6.kept]
FURTHER = [partial(chapter6.kept, apart=True)]
COUNTS = {"B": "texts", "t": "words so far", "d": "channels of a head"}


def answer(q, k, v, kept_k, kept_v):
    keys = np.concatenate([kept_k, k[:, None]], axis=1)
    values = np.concatenate([kept_v, v[:, None]], axis=1)
    scores = (keys * q[:, None]).sum(axis=2) / np.sqrt(q.shape[1])
    exp = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = exp / exp.sum(axis=1, keepdims=True)
    mixed = (weights[:, :, None] * values).sum(axis=1)
    return mixed


HINTS = """
1. How many keys does the new word look at: t, or t + 1? May it look at itself?
2. np.concatenate([kept_k, k[:, None]], axis=1) has all of them, (B, t + 1, d), and the same for the values. The scores
   are (B, t + 1): one query with every key of its text.
3. No mask: nothing comes after the new word. Take softmax over the t + 1 scores, and the sum of the weights times the
   values.
"""

MISTAKES = """
the maximum not subtracted | scores - scores.max(axis=1, keepdims=True) -> scores
    What is exp(800)? And what does softmax say if the same number is subtracted from all scores of a row?
one maximum for all texts | scores.max(axis=1, keepdims=True) -> scores.max()
    A text whose scores lie far below the others: what is exp of them after your subtraction?
its own key and value forgotten | [kept_k, k[:, None]] -> [kept_k] & [kept_v, v[:, None]] -> [kept_v]
    In the mask, row i has i + 1 weights. May the new word look at itself?
not divided by the square root | / np.sqrt(q.shape[1]) -> / 1
    Scores of more channels are larger. By what are they divided?
divided by d | np.sqrt(q.shape[1]) -> q.shape[1]
    By d, or by its square root?
the keys mixed | * values).sum -> * keys).sum
    What is weighted: what a word can be found by, or what it gives?
no softmax | exp / exp.sum(axis=1, keepdims=True) -> scores
    What do your weights add up to?
softmax over the texts | exp.sum(axis=1, keepdims=True) -> exp.sum(axis=0, keepdims=True)
    Each text has weights of its own, which add up to 1. Along which axis?
"""

WHY = """
Earlier places need no new look: the mask hides the new word from them. So one row of scores is all, and what is kept
grows by one key and one value for each word. Elsewhere that is called the KV cache.
"""
DOCS = 'docs/writing.md, "What is kept"'
LINE = "gpt_np.py: k = np.concatenate([self.k["
