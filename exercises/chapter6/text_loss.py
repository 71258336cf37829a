"""The loss over places, loss and dlogits.

At each place of each text the network gives V logits, and should have given the word that comes next there. The loss is
the mean of the cross-entropies of all places of all texts. Find it, and its derivative with respect to the logits.

    logits (B, T, V)   a score for each word, at each of T places in each of B texts
    y      (B, T)      the words that come next, whole numbers from 0 to V - 1
"""

import numpy as np


def text_loss(logits, y):
    """Return loss, a number, and dlogits (B, T, V)."""
    loss = ...  # this takes several lines
    dlogits = ...
    return loss, dlogits


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from functools import partial

from exercises import chapter6

INPUTS = [chapter6.predicted]
FURTHER = [partial(chapter6.predicted, apart=True)]
COUNTS = {"B": "texts", "T": "places", "V": "words"}


def answer(logits, y):
    B, T, V = logits.shape
    rows, words = logits.reshape(B * T, V), y.ravel()
    exp = np.exp(rows - rows.max(axis=1, keepdims=True))
    p = exp / exp.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(B * T), words]).mean()
    p[np.arange(B * T), words] -= 1
    dlogits = (p / (B * T)).reshape(B, T, V)
    return loss, dlogits


HINTS = """
1. How is a place of a text different from an image that is read? If you lay all places of all texts below one another,
   how many rows do you have, and which exercise have you solved for them?
2. logits.reshape(B * T, V) and y.ravel() are the rows. Softmax, the logarithm of the right word's probability, and the
   mean over the B T rows.
3. dlogits = (p - onehot) / (B T), in the shape of logits.
"""

MISTAKES = """
the maximum not subtracted | rows - rows.max(axis=1, keepdims=True) -> rows
    What is exp(800)? And what does softmax say if the same number is subtracted from all logits of a row?
one maximum for all rows | rows.max(axis=1, keepdims=True) -> rows.max()
    A row that lies far below the others: what is exp of its numbers after your subtraction?
the mean over the texts only | / (B * T) -> / B
    The loss is a mean. Of how many cross-entropies? By that number each derivative is smaller.
the mean over the places only | / (B * T) -> / T
    The loss is a mean. Of how many cross-entropies? By that number each derivative is smaller.
no mean in the derivative | / (B * T) -> / 1
    The loss is a mean. Of how many cross-entropies? By that number each derivative is smaller.
a sum in place of the mean | words]).mean() -> words]).sum()
    A text twice as long should not have twice the loss. Sum, or mean?
the right word not subtracted | p[np.arange(B * T), words] -= 1 -> pass
    What is the derivative of the loss with respect to the right word's logit: p, or p - 1?
"""

WHY = """
One text is T lessons: the loss does not know that its rows belong together. Only the layers below, which look back, do.
"""
DOCS = 'docs/writing.md, "Which word is predicted where"'
LINE = "main_np.py: loss, dlogits = softmax_cross_entropy(logits.reshape"
