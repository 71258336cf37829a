"""The shortcut.

A residual block computes f(x), which is two convolutions, and adds x itself:

    z2 = f(x) + x
    y = max(z2, 0)

You know dy. Find dx. The way back through f is given as a function: for a gradient dz2 of f's output, branch(dz2) is
the gradient of its input.

    dy, x, y   (B, H, W, C)
    branch     a function from (B, H, W, C) to (B, H, W, C)
"""

import numpy as np


def block_dx(dy, x, y, branch):
    """Return dx (B, H, W, C)."""
    dx = ...
    return dx


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter2

INPUTS = [chapter2.residual]


def answer(dy, x, y, branch):
    dz2 = dy * (y > 0)
    dx = branch(dz2) + dz2
    return dx


HINTS = """
1. y = max(z2, 0) and z2 = f(x) + x. What is dz2? And to which of its terms does a sum pass its gradient?
2. dz2 is dy with a mask: y says where it is on. It goes back through the branch, branch(dz2), and along the shortcut as
   it is.
3. dz2 = dy times (y > 0), and then the sum of branch(dz2) and dz2.
"""

MISTAKES = """
the shortcut forgotten | + dz2 ->
only the shortcut | branch(dz2) + ->
    x reaches z2 along two paths. Which one is missing?
the last ReLU forgotten | * (y > 0) ->
    y = max(z2, 0): what is dz2?
the shortcut taken before the ReLU | + dz2 -> + dy
    What goes along the shortcut: dy, or dz2?
the branch taken before the ReLU | branch(dz2) -> branch(dy)
    What goes into the branch: dy, or dz2?
the two paths averaged | dx / 2
    Do two paths add up, or average?
the two paths multiplied | + dz2 -> * dz2
    Do two paths add up, or multiply?
the mask taken from x | y > 0 -> x > 0
    Which array went into the last ReLU?
the mask taken from dy | y > 0 -> dy > 0
    What decides whether a unit is on?
x added in place of its gradient | + dz2 -> + x
    What is d (f(x) + x) / d x: is it f' + x?
1 added in place of the gradient | + dz2 -> + 1
    d (f(x) + x) / d x = f' + 1. What does the chain rule multiply the 1 by?
"""

DOCS = 'docs/resnet.md, "Shortcut"'
LINE = "resnet_np.py: dz2 = dy * (self.y > 0)"
