"""A value that is used more than once.

K values were computed from a value u, for example u + b and u * c. You know the gradients of these K values. Each
operation has a VJP for u: a function that takes the gradient of the operation's result and returns the contribution to
the gradient of u. Find the gradient of u.

    dys      (K, B, H)         the gradients of the K values that were computed from u
    shares   K functions       the VJPs; shares[i](dys[i]) has the shape (B, H)

Do not change dys. A VJP may return the same array that it was given: for u + b, the VJP for u returns dy itself.
"""

import numpy as np


def accumulate(dys, shares):
    """Return du (B, H)."""
    # du = ...  # this may take several lines
    du = 0
    for dy, share in zip(dys, shares):
        du = du + share(dy)
    return du


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from functools import partial

from exercises import chapter5

INPUTS = [chapter5.draw_reused_value, partial(chapter5.draw_reused_value, unchanged_index=-1)]

HINTS = """
1. u reaches the loss along K paths. What does each path contribute, and how does the chain rule combine the paths?
2. Path i contributes `shares[i](dys[i])`. The contributions of all paths add up.
3. Start with 0 and add share(dy) in a loop over zip(dys, shares). Write du = du + ..., which makes a new array each
   time.
"""

MISTAKES = """
overwritten in place of added | du + share(dy) -> share(dy)
    This is the contribution of the last path. What happened to the earlier ones?
only the first path | 1 * shares[0](dys[0])
    This is only the contribution of the first path. Does the loop end after its first iteration?
averaged over the paths | du / K
    If u grows, all values computed from it change. Do you add their effects on the loss, or average them?
the shares not called | share(dy) -> dy
    These are the gradients of the values computed from u. How does u change each of those values?
the same share for every path | share(dy) -> shares[0](dy)
    Each path has its own VJP. Which VJPs have you called?
only the shares, without the gradients | share(dy) -> share(np.ones_like(dy))
    What does a VJP need to compute the contribution of its path?
every share called with all gradients | share(dy) -> share(dys.sum(axis=0))
    Which gradient belongs to which VJP?
multiplied in place of added | du = 0 -> du = 1 & du + share -> du * share
    Along a path, derivatives are multiplied. How do you combine several paths?
the first path counted twice | du = 0 -> du = shares[0](dys[0])
the last path counted twice | du + shares[-1](dys[-1])
    Which value does your sum start with, and where does your loop start?
the last path forgotten | du - shares[-1](dys[-1])
    How many paths are there, and where does your loop end?
the first path forgotten | du - shares[0](dys[0])
    How many paths are there, and where does your loop start?
"""

WHY = "Do not write du += share(dy): if du is an array that another VJP returned, += would change that array, too."
DOCS = 'docs/autograd.md, "The walk"'
LINE = "autograd_np.py: parent.grad = dparent"
