"""A ReLU on the tape.

An operation on the tape makes a new Tensor:

    Tensor(value, (parent, share))

`value` is an array. It is followed by one pair for each input Tensor: the Tensor and its VJP, called share. The VJP is
a function, lambda dy: ..., because dy is not known yet. It says how to compute the derivative later.

    a      a Tensor; a.value (B, H) is its array
    play   a function: play(y) draws a random gradient dy and runs the backward pass. It returns the value of y, and the
           gradient that arrives at a.
"""

import numpy as np

from exercises.tape import Tensor


def relu(a, play):
    """Record y = max(a, 0). Return its value (B, H) and da (B, H)."""
    # y = ...
    y = Tensor(np.maximum(a.value, 0), (a, lambda dy: dy * (a.value > 0)))
    # handed out:
    value, da = play(y)
    return value, da


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from functools import partial
from types import SimpleNamespace

from exercises import chapter5, tape
from marker.equal import KINK_PROBE_DISTANCE


def draw(rng, edge=False):
    """Draw an array with entries of both signs, dy, and the result of a ReLU.

    edge: four entries are so close to 0 that a ReLU with any threshold but 0 gives wrong results.
    """
    B, H = chapter5.draw_two_sizes(rng)
    a, dy = rng.normal(size=(2, B, H))
    if edge:
        four = np.unravel_index(rng.choice(a.size, 4, replace=False), a.shape)
        a[four], dy[four] = KINK_PROBE_DISTANCE * np.array([1, 1, -1, -1]), np.abs(dy[four]) * [1, -1, 1, -1]
    g = SimpleNamespace(B=B, H=H, a=a, dy=dy, constant=False, Tensor=tape.Tensor, value=np.where(a > 0, a, 0))
    if edge:
        g.kinks = ["a"]
    return g


INPUTS = [draw, partial(draw, edge=True)]
LOSS = {"a": lambda a, dy: (np.maximum(a, 0) * dy).sum()}
HARMLESS = "a.value > 0 -> a.value >= 0 | exactly at 0 the ReLU has a kink: any slope from 0 to 1 will do"
EXCHANGED = "Which VJP belongs to which parent?"
ARGUMENTS = chapter5.make_operation_arguments
ENTRYWISE = "a"

HINTS = """
1. The tape stores two things: the array of y, and for its only parent, a, a function that turns dy into a contribution
   to the gradient of a. You have written this formula before, in `dz1`.
2. The array is np.maximum(a.value, 0). The pair is (a, share), where share is the VJP, a function of dy. It returns dy
   times 1 where a.value is positive, and dy times 0 elsewhere.
3. y = Tensor(the array, (a, lambda dy: dy * the mask)). The line for a product is in the docs.
"""

MISTAKES = """
the mask forgotten | dy * (a.value > 0) -> dy
    Where a is negative, y is 0, and it stays 0 if a grows a little. What is the derivative there? (If your code
    contains a condition: for which entries is it false?)
the mask taken from dy | a.value > 0 -> dy > 0
    What decides whether an entry is on: its input in the forward pass, or the gradient? (A gradient may be negative.)
the mask turned round | a.value > 0 -> a.value <= 0
    Which entries let the gradient through: those that are on, or those that are off?
only the mask | dy * (a.value > 0) -> (a.value > 0) * 1.0
    This is the slope of y. What does the chain rule multiply it by?
the sign of a | (a.value > 0) -> np.sign(a.value)
    Where a is negative, does max(a, 0) fall as a grows?
multiplied by the activation | dy * (a.value > 0) -> dy * np.maximum(a.value, 0)
multiplied by a | dy * (a.value > 0) -> dy * a.value
    What is the slope of max(a, 0) at a = 3? Is it 3?
the parent forgotten | , (a, lambda dy: dy * (a.value > 0)) ->
    y does not say how it was computed. How should the backward pass find a?
not cut off | np.maximum(a.value, 0) -> a.value
    Should y have negative entries?
the slope of a leaky ReLU | (a.value > 0) -> np.where(a.value > 0, 1, 0.01)
the slope of a leaky ReLU, 0.1 | (a.value > 0) -> np.where(a.value > 0, 1, 0.1)
    Where a is negative, does max(a, 0) still rise a little as a grows?
the slope of the sigmoid | lambda dy: dy * (a.value > 0) -> lambda dy: dy * np.exp(-a.value) / (1 + np.exp(-a.value)) **
        2
    Which function has this slope? And which function does the exercise ask for?
the slope of softplus, the sigmoid | dy * (a.value > 0) -> dy / (1 + np.exp(-a.value))
    That is the slope of log(1 + e^a), a ReLU without the kink. What is the slope of max(a, 0)?
softplus in place of the ReLU | np.maximum(a.value, 0) -> np.log1p(np.exp(a.value))
        & dy * (a.value > 0) -> dy / (1 + np.exp(-a.value))
    That is a ReLU without the kink. What is max(a, 0) where a is negative?
the slope of tanh | dy * (a.value > 0) -> dy * (1 - np.tanh(a.value) ** 2)
    1 - tanh(a)^2 is the slope of tanh. Which function does the exercise ask for?
"""

DOCS = 'docs/autograd.md, "The network on the tape"'
LINE = "autograd_np.py: def relu"
