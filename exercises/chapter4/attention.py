"""Backpropagation through attention: dq, dk and dv.

For each image and each head, q, k and v are matrices (T, d), with one row for each of T patches:

    scores = q @ k.T / sqrt(d)     (T, T)
    weights = softmax(scores)      (T, T)   row i: how much patch i takes from each patch
    mixed = weights @ v            (T, d)

You know dmixed, the derivative of the loss with respect to mixed. Find dq, dk and dv. For the backward pass of softmax,
copy your code from `softmax_backward`.

    q, k, v, dmixed (B, h, T, d)   for B images and h heads
    weights         (B, h, T, T)

NumPy's @ multiplies the matrices in the last two axes, for each image and head. To transpose these matrices, write
k.swapaxes(2, 3): k.T would reverse all four axes.
"""

import numpy as np


def attention_backward(q, k, v, weights, dmixed):
    """Return dq, dk and dv, (B, h, T, d) each."""
    # dq = ...  # this takes several lines
    # dk = ...
    # dv = ...
    dweights = dmixed @ v.swapaxes(2, 3)
    mean = (dweights * weights).sum(axis=-1, keepdims=True)
    dscores = weights * (dweights - mean) / np.sqrt(q.shape[-1])
    dq = dscores @ k
    dk = dscores.swapaxes(2, 3) @ q
    dv = weights.swapaxes(2, 3) @ dmixed
    return dq, dk, dv


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from types import SimpleNamespace

from mlp_np import softmax


def weights_of(q, k):
    return softmax(q @ k.swapaxes(2, 3) / np.sqrt(q.shape[-1]))


def draw(rng):
    """Draw q, k, v and dmixed of attention, and the results of its forward pass. All sizes differ."""
    B, h = rng.permutation([2, 3]).tolist()
    T, d = rng.permutation([5, 7]).tolist()
    q, k, v, dmixed = rng.normal(size=(4, B, h, T, d))
    weights = weights_of(q, k)
    return SimpleNamespace(B=B, h=h, T=T, d=d, q=q, k=k, v=v, weights=weights, mixed=weights @ v, dmixed=dmixed)


def loss(q, k, v, dmixed):
    return (weights_of(q, k) @ v * dmixed).sum()


INPUTS = [draw]
LOSS = {"q": loss, "k": loss, "v": loss}

HINTS = """
1. For each image and each head, mixed = weights v is a matrix product. In `dW2_db2` and `da1`, you found the gradients
   of both factors of such a product. Which two gradients do you get from dmixed? And which product comes next?
2. dv = weights.T dmixed, and dweights = dmixed v.T. `softmax_backward` turns dweights into dscores. Then scores = q k.T
   / sqrt(d) is another product, and dscores is its gradient.
3. Divide dscores by np.sqrt(q.shape[-1]). Then dq is dscores times k, and dk is dscores, with its last two axes
   swapped, times q.
"""

MISTAKES = """
1 / sqrt(d) forgotten | / np.sqrt(q.shape[-1]) ->
    Which operation of the forward pass is missing from your backward pass?
divided by sqrt(d) twice, or by d | np.sqrt(q.shape[-1]) -> d
    What does the forward pass divide by, and how many times?
multiplied by sqrt(d) | / np.sqrt -> * np.sqrt
    If the scores are scaled down, do they react more strongly to a change in q or k, or less strongly?
sqrt(T) in place of sqrt(d) | np.sqrt(q.shape[-1]) -> np.sqrt(T)
    How many products are added up in one score?
the root of all channels | np.sqrt(q.shape[-1]) -> np.sqrt(h * d)
    How many numbers does a query of one head have?
softmax's way back left out | weights * (dweights - mean) -> dweights
    What lies between scores and weights?
softmax's way back and 1 / sqrt(d) left out | weights * (dweights - mean) / np.sqrt(q.shape[-1]) -> dweights
    Three operations lead from q and k to the weights. Which of them does your backward pass contain?
softmax's way back: as in a sigmoid | weights * (dweights - mean) -> weights * (1 - weights) * dweights
softmax's way back: the sum forgotten | - mean ->
    If one score of a row grows, what happens to the other weights of that row?
softmax's way back: the last factor forgotten | = weights * -> =
    If a weight is nearly 0, how much can it still change with its score?
softmax's way back: the sum over the wrong axis | axis=-1 -> axis=2
    Which weights add up to 1: those of one row, of one column, of one image?
weights where dscores belong | weights * (dweights - mean) -> weights
    Which factor of your product should be a derivative?
dweights made of mixed | @ v -> @ mixed
dweights made of k | @ v -> @ k
    In mixed = weights v, what is a weight multiplied by?
dweights transposed | dmixed @ v.swapaxes(2, 3) -> v @ dmixed.swapaxes(2, 3)
    weights[i, j] contributes to the weighted mean of one patch. Is it patch i or patch j? So which row of dmixed do you
    need?
q where k belongs | @ k -> @ q
v where k belongs | @ k -> @ v
    What is q multiplied by in the forward pass?
dscores transposed | dq = dscores.swapaxes(2, 3) @ k
    Which scores does query i affect: the scores in row i, or in column i?
dscores not transposed | dk = dscores @ q
    Which scores does key j affect: the scores in row j, or in column j?
k where q belongs | @ q -> @ k
v where q belongs | @ q -> @ v
    What is k multiplied by in the forward pass?
the weights not transposed | dv = weights @ dmixed
    v[j] goes to every patch i, multiplied by weights[i, j]. So which index does the sum in dv[j] run over?
divided by sqrt(d) | dv = dv / np.sqrt(d)
    Which of the two products of the forward pass has the 1 / sqrt(d)?
the weights forgotten | dv = dmixed
    How much of v[j] does patch i take? Where does your code use that?
dweights where weights belong | dv = dweights.swapaxes(2, 3) @ dmixed
dscores where weights belong | dv = np.sqrt(d) * dscores.swapaxes(2, 3) @ dmixed
dscores where weights belong | dv = dscores.swapaxes(2, 3) @ dmixed
    In mixed = weights v, what is v multiplied by?
mixed where dmixed belongs | dv = weights.swapaxes(2, 3) @ mixed
v where dmixed belongs | dv = weights.swapaxes(2, 3) @ v
    Which factor of your product is a derivative?
averaged over the patches | dv = dv / T
    One v reaches all T patches. Do you add its effects, or average them?
the heads summed up | dq, dk, dv = dq.sum(axis=1), dk.sum(axis=1), dv.sum(axis=1)
    Each head has its own q, k and v. Does the dmixed of a different head affect them?
the images summed up | dq, dk, dv = dq.sum(axis=0), dk.sum(axis=0), dv.sum(axis=0)
    q, k and v are not parameters; each image has its own. Why do you sum over the images?
averaged over the images | dq = dq / B
averaged over the images | dk = dk / B
averaged over the images | dv = dv / B
    Is there a mean over the images in the formulas?
the sign | dq, dk, dv = -dq, -dk, -dv
    Is there a minus anywhere between q, k, v and mixed?
"""

WHY = """
Both products follow the pattern of `dW2_db2` and `da1`: the gradient of each factor is the other factor times the
gradient of the product. Only softmax lies between the two products.
"""
DOCS = 'docs/transformer.md, "Attention"'
LINE = "vit_np.py: dweights = dmixed @"
