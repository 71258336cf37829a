"""Backpropagation through grouped-query attention: dq and dk.

There are fewer key heads (s) than query heads (h). Each group of g = h / s neighbouring query heads shares one key
head: query head j uses key head j // g. For each text,

    scores[j] = q[j] @ k[j // g].T / sqrt(d)

You know dscores. Find dq and dk.

    q       (B, h, T, d)   for B texts of T positions
    k       (B, s, T, d)
    dscores (B, h, T, T)   the derivative of the loss with respect to scores
"""

import numpy as np


def shared_keys_backward(q, k, dscores):
    """Return dq (B, h, T, d) and dk (B, s, T, d)."""
    # dq = ...  # this takes several lines
    # dk = ...
    B, h, T, d = q.shape
    s = k.shape[1]
    g = h // s
    dproducts = dscores / np.sqrt(d)
    dq = dproducts @ np.repeat(k, g, axis=1)
    of_each = dproducts.swapaxes(2, 3) @ q
    dk = of_each.reshape(B, s, g, T, d).sum(axis=2)
    return dq, dk


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from types import SimpleNamespace

from exercises import chapter8


def draw(rng):
    """Draw queries, shared keys and dscores of grouped-query attention."""
    B, s, g = (int(n) for n in rng.permutation([2, 3, 4]))
    T, d = chapter8.draw_sizes(rng, [5, 6, 7], [5, 6, 7])
    h = s * g
    q = rng.normal(size=(B, h, T, d))
    k = rng.normal(size=(B, s, T, d))
    dscores = rng.normal(size=(B, h, T, T))
    return SimpleNamespace(B=B, h=h, s=s, g=g, T=T, d=d, q=q, k=k, dscores=dscores)


def loss(q, k, dscores, B, h, s, g, T, d):
    q = q.reshape(B, s, g, T, d)
    k = k.reshape(B, s, 1, T, d)
    scores = (q @ k.swapaxes(3, 4) / np.sqrt(d)).reshape(B, h, T, T)
    return (scores * dscores).sum()


INPUTS = [draw]
LOSS = {"q": loss, "k": loss}
COUNTS = {"B": "texts", "h": "query heads", "s": "key heads", "T": "positions", "d": "channels of a head"}

HINTS = """
1. If s = h, each head has its own key, as in `attention`, and dk = dscores.T q / sqrt(d). Along how many paths does a
   key reach the loss now?
2. For dq, each head needs the key that it has used: np.repeat(k, g, axis=1) makes a copy for each head. In the backward
   pass, a key that was used g times gets the sum of g gradients.
3. dproducts = dscores / sqrt(d), and dq = dproducts @ np.repeat(k, g, axis=1). For dk, compute dproducts.swapaxes(2, 3)
   @ q, (B, h, T, d), and add up each group of g neighbouring heads: .reshape(B, s, g, T, d).sum(axis=2).
"""

MISTAKES = """
the mean over the heads that share | .sum(axis=2) -> .mean(axis=2)
    Several paths lead from a key to the loss. Do you add their effects, or average them?
only the first head that shares | .sum(axis=2) -> [:, :, 0]
only the last head that shares | .sum(axis=2) -> [:, :, -1]
    How many query heads have used each key?
the heads take turns at the keys | np.repeat(k, g, axis=1) -> np.tile(k, (1, g, 1, 1))
    Which key does head 1 use: number 1, or number 1 // g?
the heads that share are not neighbours | reshape(B, s, g, T, d).sum(axis=2) -> reshape(B, g, s, T, d).sum(axis=1)
    Which heads share key 0: the first g heads, or every s-th head?
the heads take turns at the keys, both ways | np.repeat(k, g, axis=1) -> np.tile(k, (1, g, 1, 1))
        & reshape(B, s, g, T, d).sum(axis=2) -> reshape(B, g, s, T, d).sum(axis=1)
    Which key does head 1 use: number 1, or number 1 // g?
1 / sqrt(d) forgotten | dscores / np.sqrt(d) -> dscores
1 / sqrt(d) forgotten in dq | = dproducts @ -> = dscores @
1 / sqrt(d) forgotten in dk | = dproducts.swap -> = dscores.swap
    The scores are divided by sqrt(d). What does the chain rule do with a constant factor?
divided by d | / np.sqrt(d) -> / d
    Are the scores divided by d, or by its square root?
multiplied by sqrt(d) | / np.sqrt(d) -> * np.sqrt(d)
    The scores are divided by sqrt(d). Does the backward pass undo that, or divide again?
dscores not transposed in dk | dproducts.swapaxes(2, 3) @ q -> dproducts @ q
    Row j of dk is a sum over all queries that looked at key j. Are these a row of dscores, or a column?
dscores transposed in dq | dproducts @ np.repeat -> dproducts.swapaxes(2, 3) @ np.repeat
    Row i of dq is a sum over all keys that query i looked at. Are these a row of dscores, or a column?
the keys where the queries belong | @ q -> @ np.repeat(k, g, axis=1)
    In a product of two matrices, what is the gradient of one factor multiplied by?
the queries where the keys belong | @ np.repeat(k, g, axis=1) -> @ q
    In a product of two matrices, what is the gradient of one factor multiplied by?
the sum over all heads | .sum(axis=2) -> .sum(axis=(1, 2))[:, None] * np.ones((1, s, 1, 1))
    Do all heads share one key? Which heads belong to key 0?
added up over the positions | dk = dk.sum(axis=2, keepdims=True) * np.ones((1, 1, T, 1))
    Each position has its own key. Which axis should you sum over?
"""

WHY = """
A value that is used several times in the forward pass gets a sum of gradients in the backward pass. In the network, the
queries of the g heads that share a key are stacked into one matrix with g T rows, so the matrix product itself computes
this sum.
"""
DOCS = 'docs/llama.md, "Grouped-query attention"'
LINE = "llama_np.py: dk = self.rotary_k.backward(dproducts.swapaxes(2, 3) @ self.q)"
