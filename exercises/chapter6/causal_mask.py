"""The causal mask: weights.

In attention, each position gives every position a score, and softmax turns each row of scores into weights. A network
that generates text must not look ahead: the token that position i should predict is at position i + 1. So row i has
positive weights for positions 0 to i, which add up to 1, and 0 for all later positions.

    scores (B, T, T)   scores[b, i, j]: how well the key at position j of text b fits the query at i; may be large

Find the weights. They are the softmax that you would get if the positions after i did not exist.
"""

import numpy as np


def causal_mask(scores):
    """Return weights (B, T, T)."""
    # weights = ...  # this takes several lines
    seen = np.tri(scores.shape[1], dtype=bool)
    scores = np.where(seen, scores, -np.inf)
    exp = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = exp / exp.sum(axis=-1, keepdims=True)
    return weights


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from functools import partial

from exercises import chapter6

INPUTS = [chapter6.draw_masked_scores]
FURTHER = [partial(chapter6.draw_masked_scores, has_offsets=True)]
COUNTS = {"B": "texts", "T": "positions"}

HINTS = """
1. Softmax is exp(scores) divided by the sum of exp(scores) over the row. For which score is exp 0, so that the score
   counts neither in the numerator nor in the denominator?
2. np.tri(T) is 1 where j <= i, and 0 elsewhere. Where it is 0, replace the score with -np.inf; then apply softmax along
   the last axis as usual.
3. Use np.where(np.tri(T, dtype=bool), scores, -np.inf). Then subtract the largest score of each row, take np.exp, and
   divide by the sum, with axis=-1 and keepdims=True.
"""

MISTAKES = """
nothing hidden | seen, scores, -np.inf -> seen | True, scores, -np.inf
    Print your weights for T = 3. Which of them belong to later positions?
the mask turned round | np.tri(scores.shape[1], dtype=bool) -> np.tri(scores.shape[1], dtype=bool).T
    Row i contains the scores of position i. Which j come later than i: the entries below the diagonal, or above it?
its own position hidden | weights = exp / exp.sum(axis=-1, keepdims=True) ->
        exp = np.tril(exp, -1); weights = exp / np.maximum(exp.sum(axis=-1, keepdims=True), 1e-300)
its own position hidden | scores.shape[1], dtype -> scores.shape[1], k=-1, dtype
    May position i look at the token at position i? If not, what is left for position 0?
one position ahead seen | scores.shape[1], dtype -> scores.shape[1], k=1, dtype
    The token that position i should predict is at position i + 1. Does your row i see it?
hidden scores set to 0 | -np.inf -> 0
    exp(0) is 1, so a score of 0 gets a weight like any other score. Which score gets no weight?
weights hidden after softmax | scores = np.where(seen, scores, -np.inf) -> & weights = exp / -> weights = seen * exp /
    Add up the weights of your first row. Is the sum 1?
a number where -inf belongs | -np.inf -> -100
    If all scores of a row are near -800, is your number for the hidden scores below them?
the maximum not subtracted | scores - scores.max(axis=-1, keepdims=True) -> scores
    exp(800) is too large for a floating-point number, and exp(-800) is 0. What can you subtract from each row of scores
    before exp without changing its weights?
one maximum for all rows | scores.max(axis=-1, keepdims=True) -> scores.max()
    If one row is 1600 below another, what is its exp after your subtraction? Which row's largest score should you
    subtract from it?
not divided by their sum | exp / exp.sum(axis=-1, keepdims=True) -> exp
    Print the sum of each row of your weights. What should it be?
softmax along the wrong axis | axis=-1 -> axis=1
    Which weights add up to 1: those of one row, or of one column?
"""

WHY = """
The mask needs no derivative of its own. A hidden weight is 0, whatever its score was, and in softmax_backward a weight
of 0 makes the derivative of its score 0.
"""
DOCS = 'docs/writing.md, "The causal mask"'
LINE = "gpt_np.py: self.weights = softmax(np.where(causal_mask"
