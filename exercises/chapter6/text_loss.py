"""The loss over positions: loss and dlogits.

At each position of each text, the network returns V logits to predict the token that comes next. The loss is the mean
cross-entropy over all positions of all texts. Find the loss, and its derivative with respect to the logits.

    logits (B, T, V)   a score for each token, at each of T positions in each of B texts; may be large
    y      (B, T)      the tokens that come next, integers from 0 to V - 1
"""

import numpy as np


def text_loss(logits, y):
    """Return loss, a number, and dlogits (B, T, V)."""
    # loss = ...  # this takes several lines
    # dlogits = ...
    B, T, V = logits.shape
    rows, words = logits.reshape(B * T, V), y.ravel()
    exp = np.exp(rows - rows.max(axis=1, keepdims=True))
    p = exp / exp.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(B * T), words]).mean()
    p[np.arange(B * T), words] -= 1
    dlogits = (p / (B * T)).reshape(B, T, V)
    return loss, dlogits


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from functools import partial
from types import SimpleNamespace

from exercises import chapter6
from mlp_np import softmax_cross_entropy


def cross_entropy(logits, y):
    return softmax_cross_entropy(logits.reshape(-1, logits.shape[-1]), y.ravel())[0]


def draw(rng, has_far_rows=False):
    """Draw the logits at each position of some texts and the next tokens. Returns them with the loss.

    has_far_rows: rows of logits are far from 0 and from each other, and p of one right token is 2e-9 or less. A guard
    against log(0) must not change a p that large.
    """
    B, T, V = chapter6.draw_sizes(rng, 3)
    logits = rng.normal(0, 1.5, (B, T, V))
    y = rng.integers(0, V, (B, T))
    if has_far_rows:
        logits[0, 0, y[0, 0]] = logits[0, 0].min() - 20
        logits += chapter6.make_row_offsets(T)[:, np.newaxis]
    return SimpleNamespace(B=B, T=T, V=V, logits=logits, y=y, loss=cross_entropy(logits, y))


INPUTS = [draw]
FURTHER = [partial(draw, has_far_rows=True)]
LOSS = {"logits": cross_entropy}
COUNTS = {"B": "texts", "T": "positions", "V": "tokens"}

HINTS = """
1. How does a position in a text differ from an image to be classified? If you stack all positions of all texts, how
   many rows do you get, and which earlier exercise handles such rows?
2. logits.reshape(B * T, V) and y.ravel() are the rows. Take softmax, then the logarithm of the right token's
   probability, and then the mean over the B T rows.
3. dlogits = (p - onehot) / (B T), in the shape of logits.
"""

MISTAKES = """
the maximum not subtracted | rows - rows.max(axis=1, keepdims=True) -> rows
    What is exp(800)? And what does softmax say if the same number is subtracted from all logits of a row?
one maximum for all rows | rows.max(axis=1, keepdims=True) -> rows.max()
    One row is far below the others. What is exp of its numbers after your subtraction?
the mean over the texts only | / (B * T) -> / B
    The loss is a mean of how many cross-entropies? Each derivative is divided by that number.
the mean over the positions only | / (B * T) -> / T
    The loss is a mean of how many cross-entropies? Each derivative is divided by that number.
no mean in the derivative | / (B * T) -> / 1
    The loss is a mean of how many cross-entropies? Each derivative is divided by that number.
the mean of the loss over the texts only | words]).mean() -> words]).sum() / B
    The loss is the mean of how many cross-entropies: one for each text, or one for each position?
a sum in place of the mean | words]).mean() -> words]).sum()
    A text that is twice as long should not have twice the loss. Do you need a sum, or a mean?
the mean over the tokens, too | / (B * T) -> / (B * T * V)
    How many positions do you average the loss over? Does each of the V logits of a position have its own loss?
all tokens counted | loss = -np.log(p[np.arange(B * T), words]).mean() -> loss = -np.log(p).mean()
all tokens added up | loss = -np.log(p[np.arange(B * T), words]).mean() -> loss = -np.log(p).sum(axis=1).mean()
the entropy | loss = -np.log(p[np.arange(B * T), words]).mean() -> loss = -(p * np.log(p)).sum(axis=1).mean()
    Which of the V probabilities of a position should its loss use?
the logarithm forgotten | loss = -np.log(p[np.arange(B * T), words]).mean() -> loss = -p[np.arange(B * T), words].mean()
the logarithm forgotten | -np.log(p[np.arange(B * T), words]).mean() -> 1 - p[np.arange(B * T), words].mean()
    How surprised should the network be if it gave the right token p = 0: a little, or without limit?
the logarithm of the mean | -np.log(p[np.arange(B * T), words]).mean() -> -np.log(p[np.arange(B * T), words].mean())
    Which comes first: the logarithm of each p, or the mean?
the logarithm to base 2 | -np.log( -> -np.log2(
the logarithm to base 10 | -np.log( -> -np.log10(
    A network that only guesses should have a loss of log V. Which logarithm is that?
the logarithm in the derivative | p[np.arange(B * T), words] -= 1 -> p = np.log(p); p[np.arange(B * T), words] -= 1
    Does the derivative of -log p with respect to a logit still contain a logarithm?
only the right token's entry filled | p[np.arange(B * T), words] -= 1 -> p = (p - 1) * np.eye(V)[words]
    If the logit of a different token grows, does the loss stay the same?
-1 in the place of the right token's p | p[np.arange(B * T), words] -= 1 -> p[np.arange(B * T), words] = -1
    `=` replaces an entry, `-=` subtracts from it. Where does the right token's p occur in your result?
nothing but the one-hot rows | p[np.arange(B * T), words] -= 1 -> p = -np.eye(V)[words]
the derivative with respect to p | p[np.arange(B * T), words] -= 1 -> p = -np.eye(V)[words] / p
    -1/p is the derivative of the loss with respect to p. But how does p change with each logit?
the derivative of a sigmoid, too | p[np.arange(B * T), words] -= 1 -> p = (p - np.eye(V)[words]) * p * (1 - p)
the derivative of a sigmoid | p[np.arange(B * T), words] -= 1 -> p = p * (1 - p)
    p - onehot already accounts for both softmax and the loss. What is p (1 - p) needed for?
1 added to the right token | p[np.arange(B * T), words] -= 1 -> p[np.arange(B * T), words] += 1
    If the right token's logit grows, should the loss rise or fall?
1 subtracted in whole columns | p[np.arange(B * T), words] -= 1 -> p[:, words] -= 1
    From how many entries should you subtract 1? How many does p[:, words] -= 1 change?
the right token not subtracted | p[np.arange(B * T), words] -= 1 -> pass
    What is the derivative of the loss with respect to the right token's logit: p, or p - 1?
"""

WHY = """
One text gives T training examples. For the loss, it makes no difference that these rows belong together. Only the
layers that look back use this.
"""
DOCS = 'docs/writing.md, "Which token is predicted where"'
LINE = "main_np.py: loss, dlogits = softmax_cross_entropy(logits.reshape"
