"""The shortcut.

A residual block computes f(x), which consists of two convolutions here, and adds x itself:

    z2 = f(x) + x
    y = max(z2, 0)

You know dy. Find dx. The backward pass of f is given as a function: if dz2 is the gradient of f's output, branch(dz2)
is the gradient of its input.

    dy, x, y   (B, H, W, C)
    branch     a function from (B, H, W, C) to (B, H, W, C)
"""

import numpy as np


def block_dx(dy, x, y, branch):
    """Return dx (B, H, W, C)."""
    dz2 = dy * (y > 0)
    dx = branch(dz2) + dz2
    return dx


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from copy import deepcopy
from functools import partial
from types import SimpleNamespace

from marker.equal import KINK_PROBE_DISTANCE
from resnet_np import Block


def draw(rng, edge=False):
    """Draw a residual block (resnet_np.Block), its input and its results.

    `branch` is the backward pass through its two convolutions. edge: one entry of y is so close to 0 that a ReLU with
    any threshold but 0 gives wrong results.
    """
    B, C = rng.choice([2, 3, 4, 5], 2, replace=False).tolist()
    block = Block(rng, C, C, stride=1)
    x, dy = rng.normal(size=(2, B, 4, 5, C))
    y = block.forward(x)
    first_layer = block.layers["first"]
    second_layer = block.layers["second"]
    if edge:
        channel = y[..., 0]
        beta = second_layer.layers["norm"].params["beta"]
        beta[0] -= rng.choice(channel[channel > 0]) - KINK_PROBE_DISTANCE
        y = block.forward(x)

    def branch(dz2):
        return first_layer.backward(second_layer.backward(dz2) * (block.a1 > 0))

    return SimpleNamespace(B=B, C=C, x=x, y=y, dy=dy, block=block, branch=branch)


INPUTS = [draw, partial(draw, edge=True)]
LOSS = {"x": lambda x, dy, block: (deepcopy(block).forward(x) * dy).sum()}  # `branch` needs what block.forward stored
HARMLESS = "y > 0 -> y != 0 | a ReLU gives nothing below 0"
COUNTS = {"H": "rows of pixels"}

HINTS = """
1. y = max(z2, 0) and z2 = f(x) + x. What is dz2? And which of its terms does a sum pass its gradient to?
2. dz2 is dy times a mask: y shows where the ReLU is on. dz2 goes back through the branch, as branch(dz2), and unchanged
   along the shortcut.
3. dz2 is dy times (y > 0), and dx is the sum of branch(dz2) and dz2.
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
    Do you add two paths, or average them?
the two paths multiplied | + dz2 -> * dz2
    Do you add two paths, or multiply them?
the mask taken from x | y > 0 -> x > 0
    Which array is the input of the last ReLU?
the mask taken from dy | y > 0 -> dy > 0
    What decides whether a unit is on?
x added in place of its gradient | + dz2 -> + x
    What is d (f(x) + x) / d x: is it f' + x?
1 added in place of the gradient | + dz2 -> + 1
    d (f(x) + x) / d x = f' + 1. What does the chain rule multiply the 1 by?
the mask only at the end | dx = (branch(dy) + dy) * (y > 0)
    The backward pass meets the ReLU first, and then the branch. Where do you apply the mask?
the mask behind the branch | dx = branch(dy) * (y > 0) + dy
the mask on both ways, and behind them again | dx * (y > 0)
    The gradient passes through the ReLU once. How many times do you use its mask?
a second mask, of x, behind the branch | dx = branch(dz2) * (x > 0) + dz2
a second mask, of x, on the shortcut | dx = branch(dz2) + dz2 * (x > 0)
a second mask, of x, behind the sum | dx * (x > 0)
    Is there a ReLU between x and the block? `branch` has its own masks.
the mask turned round | y > 0 -> y <= 0
    Which entries let the gradient through: those that are on, or those that are off?
multiplied by y | (y > 0) -> y
    What is the slope of max(z, 0) at z = 3? Is it 3?
the mask taken from the branch's gradient | y > 0 -> branch(dy) > 0
    What decides whether a unit is on: its input in the forward pass, or a gradient?
the sign of the shortcut | + dz2 -> - dz2
    z2 = f(x) + x. Does this contain a minus?
the shortcut multiplied by x | + dz2 -> + x * dz2
    d (f(x) + x) / d x = f' + 1. Where does the factor x come from?
the branch called with x | branch(dz2) -> branch(x)
the branch called with y | branch(dz2) -> branch(y)
    branch is the backward pass. Which gradient does it need?
the shortcut added twice | + dz2 -> + 2 * dz2
    Along how many paths does x reach z2 without passing through the branch?
the branch walked twice | branch(dz2) -> branch(branch(dz2))
    How many times does x go through f?
"""

DOCS = 'docs/resnet.md, "Shortcut"'
LINE = "resnet_np.py: dz2 = dy * (self.y > 0)"
