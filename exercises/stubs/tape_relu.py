"""A ReLU on the tape.

An operation on the tape makes a new Tensor:

    Tensor(value, (parent, share))

`value` is an array. After it comes a pair for each Tensor that went in: that Tensor, and its share. A share is a
function of dy, which is not known yet: lambda dy: ... So nothing is differentiated now, it is only noted how to do it.

    a      a Tensor; a.value (B, H) is its array
    play   a function: play(y) draws a gradient dy and goes back over your edge. It returns the value of y, and the
           gradient that arrives at a.
"""

import numpy as np

from exercises.tape import Tensor


def relu(a, play):
    """Record y = max(a, 0). Return its value (B, H) and da (B, H)."""
    y = ...
    value, da = play(y)
    return value, da
