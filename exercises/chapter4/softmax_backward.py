"""Backpropagation through softmax: dscores.

In attention, each patch gives every patch a score. Softmax turns each row of scores into weights:

    weights = exp(scores) / (the sum of exp(scores) over the row)

You know dweights. Find dscores. Each score affects the sum of its row, and the sum affects every weight of the row. (In
`dlogits`, the softmax was followed by the cross-entropy. Here, anything may follow it.)

    dweights (B, T, T)   the derivative of the loss with respect to weights
    weights  (B, T, T)   weights[b, i] is a row of T positive numbers whose sum is 1
"""

import numpy as np


def softmax_backward(dweights, weights):
    """Return dscores (B, T, T)."""
    # dscores = ...  # this may take several lines
    mean = (dweights * weights).sum(axis=-1, keepdims=True)
    dscores = weights * (dweights - mean)
    return dscores


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from types import SimpleNamespace

from mlp_np import softmax


def draw(rng):
    """Draw the scores, weights and dweights of an attention softmax with one head."""
    B, T = rng.choice([3, 4, 5, 7], 2, replace=False).tolist()
    scores = rng.normal(0, 1.5, (B, T, T))
    dweights = rng.normal(0.5, 1, (B, T, T))
    return SimpleNamespace(B=B, T=T, scores=scores, weights=softmax(scores), dweights=dweights)


INPUTS = [draw]
LOSS = {"scores": lambda scores, dweights: (softmax(scores) * dweights).sum()}
ENTRYWISE = "scores"

HINTS = """
1. Take a single row. If scores[j] grows a little, what happens to weights[j]? And what happens to each other
   weights[i]? (Use the quotient rule, once with exp(scores[j]) in the numerator and once without.)
2. d weights[i] / d scores[j] = weights[i] (1 if i == j else 0) - weights[i] weights[j]. By the chain rule, dscores[j]
   is the sum over i of dweights[i] times this derivative. What can you move out of the sum?
3. dscores is weights times (dweights - the sum over each row of dweights * weights), entry by entry. To get one number
   per row, use axis=-1 and keepdims=True.
"""

MISTAKES = """
the sum forgotten | - mean ->
each weight by itself, as in a sigmoid | dweights * weights * (1 - weights)
    If one score of a row grows, what happens to the other weights of that row?
only the slope of each weight | weights * (1 - weights)
    Where does the loss come in? What does the chain rule multiply this by?
the sum over the wrong axis | axis=-1 -> axis=1
one sum for each image | axis=-1 -> axis=(1, 2)
    Which weights add up to 1: those of one row, of one column, of one image?
the sum over the images | axis=-1 -> axis=0
    Do two images share a softmax?
a matrix product in place of the sums | - mean -> - dweights @ weights.swapaxes(1, 2)
    Your product pairs every row of dweights with every row of weights. Which of these pairs do you need?
one sum for the whole batch | axis=-1, keepdims=True ->
    How many softmaxes are there in a batch? How many sums do you have?
a plain mean in place of the weighted one | (dweights * weights).sum -> dweights.mean
the sum without the weights | (dweights * weights) -> dweights
    If a score grows, which weights fall most: the large ones, or all equally?
the weighted sum divided by T | - mean -> - mean / T
    What do the weights of a row add up to? Why do you divide again?
the last factor forgotten | = weights * -> =
the last factor on the sum alone | dweights - weights * mean
    If a weight is nearly 0, how much can it still change with its score?
the last factor on the first term alone | weights * dweights - mean
    If all scores of a row grow by the same number, its weights do not change. What should a row of dscores add up to?
    And what does your row add up to?
the weight on the first term squared | (dweights - mean) -> (weights * dweights - mean)
    How many times do you multiply dweights[j] by weights[j]?
the weight's own part in the sum counted twice | weights * ((1 - weights) * dweights - mean)
    The sum over the row also includes j itself. Where else do you subtract that part?
only the sum | (dweights - mean) -> -mean
    A score affects the weights in two ways. One is through the sum. What is the other?
a plus | - mean -> + mean
    If one score grows, do the other weights of that row rise or fall?
a difference, as with the cross-entropy | weights - dweights
    p - onehot is the derivative of a softmax followed by a cross-entropy. What follows the softmax here?
the sign | -dscores
    If a score grows, does its own weight rise or fall?
averaged over the images | dscores / B
    Is there a mean over the images between scores and weights?
"""

WHY = """
Compare this with `dlogits`: if dweights is the derivative of the cross-entropy, -onehot / p / B, this formula gives (p
- onehot) / B.
"""
DOCS = 'docs/transformer.md, "Softmax"'
LINE = "vit_np.py: mean = row_sum(dweights"
