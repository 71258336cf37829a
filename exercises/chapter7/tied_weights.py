"""One table for two layers, dE and da.

The embedding looks up a row of E for each token. At the other end, the last layer gives each token a score. This is a
linear layer without a bias, and its weights are also E: a score is the dot product of a row of E and the network's last
activations.

    e = E[x]           (B, T, C)   at the beginning
    ...                            the layers between turn e into a
    logits = a @ E.T   (B, T, V)   at the end

You know de, the derivative of the loss with respect to e, and dlogits. Find dE and da.

    E       (V, C)      a row of C numbers for each of V tokens
    x       (B, T)      T tokens in each of B texts, integers from 0 to V - 1
    de, a   (B, T, C)
    dlogits (B, T, V)
"""

import numpy as np


def tied_weights(E, x, de, a, dlogits):
    """Return dE (V, C) and da (B, T, C)."""
    # dE = ...  # this takes several lines
    # da = ...
    V, C = E.shape
    dE = dlogits.reshape(x.size, V).T @ a.reshape(x.size, C)
    np.add.at(dE, x, de)
    da = dlogits @ E
    return dE, da


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from types import SimpleNamespace

from exercises import chapter7
from gpt_np import Embedding


def draw(rng):
    """Draw the inputs and gradients of a table that is both the embedding and the output layer of a network.

    Some tokens occur several times in the texts, and one does not occur.
    """
    B, T, V, C = chapter7.draw_sizes(rng, *[[4, 5, 6, 7, 8, 9]] * 4)
    layer = Embedding(rng, V, C)
    de = rng.normal(size=(B, T, C))
    a = rng.normal(size=(B, T, C))
    dlogits = rng.normal(0, 0.5, (B, T, V))
    absent = int(rng.integers(1, V - 1))
    x = rng.choice([word for word in range(V) if word != absent], (B, T))
    x[:, 1] = x[:, 0]  # a token twice in each text
    return SimpleNamespace(B=B, T=T, V=V, C=C, E=layer.params["E"], x=x, de=de, a=a, dlogits=dlogits)


def loss(E, x, de, a, dlogits):
    return (E[x] * de).sum() + (a @ E.T * dlogits).sum()


INPUTS = [draw]
LOSS = {"E": loss, "a": loss}
COUNTS = {"B": "texts", "T": "tokens", "C": "numbers", "V": "tokens"}

HINTS = """
1. E is a single array, but along how many paths does it reach the loss? How do you combine several paths?
2. At the end, logits = a @ E.T: for one position, dE is the outer product of dlogits and a. Add this up over all
   positions of all texts. At the beginning, dE is the same as in `embedding_backward`.
3. dE = dlogits.reshape(x.size, V).T @ a.reshape(x.size, C), then np.add.at(dE, x, de), which adds the second part. da =
   dlogits @ E.
"""

MISTAKES = """
only the last layer's part | np.add.at(dE, x, de) -> pass
only the embedding's part | dlogits.reshape(x.size, V).T @ a.reshape(x.size, C) -> np.zeros_like(E)
    The table is used twice. If you nudge one of its entries, in which two places of the network does something change?
a token that occurs twice counted once | np.add.at(dE, x, de) -> dE[x] += de
    `dE[x] += de` adds to each row only once. A token may occur many times: which function adds every occurrence?
the last layer's part overwritten | np.add.at(dE, x, de) -> dE[x] = de
    A row may already have a gradient from the last layer. What does `=` do to it?
the mean of both parts | dE = dE / 2
    Two paths lead from the table to the loss. Do you add their effects, or average them?
the two parts subtracted | np.add.at(dE, x, de) -> np.subtract.at(dE, x, de)
    Two paths lead from the table to the loss. Do you add their effects, or subtract them?
the lookups of the tokens that follow | np.add.at(dE, x, de) -> np.add.at(dE, np.roll(x, -1, axis=1), de)
    Row x[b, t] was looked up at position t. Whose gradient is de[b, t]?
only the last text looked up | np.add.at(dE, x, de) -> np.add.at(dE, x[-1], de[-1])
only the first text looked up | np.add.at(dE, x, de) -> np.add.at(dE, x[0], de[0])
    All texts look up rows of the same table. Does your sum include all texts?
only the last position scored | dlogits.reshape(x.size, V).T @ a.reshape(x.size, C) -> dlogits[:, -1].T @ a[:, -1]
    Which positions have logits in the loss?
de where a belongs | @ a.reshape(x.size, C) -> @ de.reshape(x.size, C)
    In logits = a E.T, what is an entry of E multiplied by?
de added to da | da = da + de
    a is the input of the last layer, and e is the output of the embedding. Does a reach the loss through e?
averaged over all positions | dE = dE / (B * T)
    Is there a mean in the formulas, or is it already in what you are given?
averaged over the last layer's positions | @ a.reshape(x.size, C) -> @ a.reshape(x.size, C) / x.size
    Is there a mean in logits = a E.T, or is it already in dlogits?
"""

WHY = """
A gradient is the sum over all paths. It does not matter that the two paths start at opposite ends of the network. The
tape finds this sum by itself: the table is a single node that is used twice.
"""
DOCS = 'docs/nanogpt.md, "Weight tying"'
