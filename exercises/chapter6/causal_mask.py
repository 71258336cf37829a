"""The causal mask, weights.

In attention each place scores every place, and softmax makes weights of each row of scores. A network that writes must
not look ahead: the word that place i should predict stands at place i + 1. So row i has weights for the places 0 to i,
positive and with sum 1, and 0 for all places after it.

    scores (B, T, T)   scores[b, i, j]: how much place i of text b would like to have of place j; may be large

Find the weights. They are what softmax would give if the places after i did not exist.
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
COUNTS = {"B": "texts", "T": "places"}

HINTS = """
1. Softmax is exp(scores) divided by the sum of exp(scores) over the row. Which score would make its own exp vanish, so
   that it counts neither above nor below?
2. np.tri(T) has 1 where j <= i, and 0 above. Where it has 0, replace the score by -np.inf; then take softmax along the
   last axis as always.
3. np.where(np.tri(T, dtype=bool), scores, -np.inf). Then subtract each row's largest score, take np.exp, and divide by
   the sum with axis=-1 and keepdims=True.
"""

MISTAKES = """
nothing hidden | seen, scores, -np.inf -> seen | True, scores, -np.inf
    Print your weights for T = 3. Which of them belong to places that come later?
the mask turned round | np.tri(scores.shape[1], dtype=bool) -> np.tri(scores.shape[1], dtype=bool).T
    Row i is what place i looks at. Which j come later than i: those below the diagonal, or above?
its own place hidden | weights = exp / exp.sum(axis=-1, keepdims=True) ->
        exp = np.tril(exp, -1); weights = exp / np.maximum(exp.sum(axis=-1, keepdims=True), 1e-300)
its own place hidden | scores.shape[1], dtype -> scores.shape[1], k=-1, dtype
    May place i look at the word that stands at place i? And what is left for place 0?
one place ahead seen | scores.shape[1], dtype -> scores.shape[1], k=1, dtype
    The word that place i should predict stands at place i + 1. Does your row i see it?
hidden scores set to 0 | -np.inf -> 0
    exp(0) is 1, so a score of 0 gets its share like any other. Which score gets none?
weights hidden after softmax | scores = np.where(seen, scores, -np.inf) -> & weights = exp / -> weights = seen * exp /
    Add up the weights of your first row. Should they not make 1?
a number where -inf belongs | -np.inf -> -100
    If all scores of a row lie near -800, is your number for the hidden ones below them?
the maximum not subtracted | scores - scores.max(axis=-1, keepdims=True) -> scores
    exp(800) is more than a number can hold, and exp(-800) is 0. What can you subtract from each row of scores before
    exp, so that its weights stay as they are?
one maximum for all rows | scores.max(axis=-1, keepdims=True) -> scores.max()
    If one row lies 1600 below another, what does exp make of it? Which largest score should be subtracted from it?
not divided by their sum | exp / exp.sum(axis=-1, keepdims=True) -> exp
    Print the sum of each row of your weights. What should it be?
softmax along the wrong axis | axis=-1 -> axis=1
    Which weights add up to 1: those of one row, or of one column?
"""

WHY = """
The mask needs no derivative of its own. A hidden weight is 0 whatever its score was, and in softmax_backward a weight
of 0 makes the derivative of its score 0.
"""
DOCS = 'docs/writing.md, "The causal mask"'
LINE = "gpt_np.py: self.weights = softmax(np.where(causal_mask"
