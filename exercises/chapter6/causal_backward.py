"""Backpropagation through the causal mask: dscores.

As in `causal_mask`, the scores of later positions are hidden, and softmax turns each row into weights: row i has
weights for positions 0 to i, and zeros after that. You know dweights. Find dscores.

    scores   (B, T, T)   scores[b, i, j]: how well the key at position j of text b fits the query at i; may be large
    dweights (B, T, T)   the derivative of the loss with respect to weights

First compute the weights: copy your code. dweights is not 0 at the hidden positions, although nothing depends on it.
"""

import numpy as np


def causal_backward(scores, dweights):
    """Return dscores (B, T, T)."""
    # dscores = ...  # this takes several lines
    seen = np.tri(scores.shape[1], dtype=bool)
    shown = np.where(seen, scores, -np.inf)
    exp = np.exp(shown - shown.max(axis=-1, keepdims=True))
    weights = exp / exp.sum(axis=-1, keepdims=True)
    mean = (weights * dweights).sum(axis=-1, keepdims=True)
    dscores = weights * (dweights - mean)
    return dscores


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from functools import partial

from exercises import chapter6
from gpt_np import CausalSoftmax


def draw(rng, has_far_rows=False):
    """Draw attention scores and weights as for `causal_mask`, and dweights. has_far_rows: rows are far from 0."""
    g = chapter6.draw_masked_scores(rng, has_far_rows)
    g.dweights = rng.normal(0.5, 1, g.scores.shape)
    return g


INPUTS = [draw]
FURTHER = [partial(draw, has_far_rows=True)]
LOSS = {"scores": lambda scores, dweights: (CausalSoftmax().forward(scores) * dweights).sum()}
COUNTS = {"B": "texts", "T": "positions"}
ENTRYWISE = "scores"

HINTS = """
1. If a hidden score grows, does any weight change? If a visible score grows, which weights of its row change?
2. With the weights of `causal_mask`, the backward pass is that of `softmax_backward`. What happens to the product and
   the sum in `softmax_backward` where a weight is 0?
3. weights * (dweights - the sum over each row of weights * dweights), with axis=-1 and keepdims=True. The mask needs no
   extra line.
"""

MISTAKES = """
nothing hidden | np.where(seen, scores, -np.inf) -> scores
    Print your weights for T = 3. Which of them belong to later positions?
weights hidden after softmax | np.where(seen, scores, -np.inf) -> scores & = exp / exp.sum(axis=-1, keepdims=True) ->
        = seen * exp / exp.sum(axis=-1, keepdims=True)
    Add up the weights of your first row. Is the sum 1?
hidden at the end alone | np.where(seen, scores, -np.inf) -> scores & = weights * ( -> = seen * weights * (
    You have hidden the derivatives. Do the hidden scores still affect your weights and your sums?
the mask turned round | np.tri(scores.shape[1], dtype=bool) -> np.tri(scores.shape[1], dtype=bool).T
    Row i contains the scores of position i. Which j come later than i: the entries below the diagonal, or above it?
the sum forgotten | - mean ->
each weight by itself, as in a sigmoid | dweights * weights * (1 - weights)
    If one score of a row grows, what happens to the other weights of that row?
the sum over the wrong axis | dweights).sum(axis=-1 -> dweights).sum(axis=1
    Which weights add up to 1: those of one row, or of one column?
the sum without the weights | (weights * dweights).sum -> dweights.sum
a plain mean in place of the weighted one | (weights * dweights).sum -> dweights.mean
    If a score grows, which weights fall most: the large ones, or all equally? And what happens to the hidden weights?
the last factor forgotten | = weights * ( -> = (
    If a weight is 0, how much can it still change with its score?
the maximum not subtracted | shown - shown.max(axis=-1, keepdims=True) -> shown
    exp(800) is too large for a floating-point number, and exp(-800) is 0. What can you subtract from each row of scores
    before exp without changing its weights?
"""

WHY = """
The mask needs no derivative of its own. Where a weight is 0, the product is 0, whatever dweights is, and adds nothing
to the sum.
"""
DOCS = 'docs/writing.md, "The causal mask"'
LINE = "gpt_np.py: backward = Softmax.backward"
