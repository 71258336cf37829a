"""A second hidden layer.

    z1 = x @ W1 + b1           (B, H)
    a1 = max(z1, 0)
    z2 = a1 @ W2 + b2          (B, G)
    a2 = max(z2, 0)
    logits = a2 @ W3 + b3      (B, 10)

You know dlogits, the derivative of the loss with respect to logits. Work back to dW1. (The biases are left out: their
gradients are the same as with one hidden layer.)
"""

import numpy as np


def backward(x, z1, a1, W2, z2, a2, W3, dlogits):
    """Return dz2 (B, G), dW2 (H, G), dz1 (B, H) and dW1 (784, H)."""
    da2 = dlogits @ W3.T
    dz2 = da2 * (z2 > 0)
    dW2 = a1.T @ dz2
    da1 = dz2 @ W2.T
    dz1 = da1 * (z1 > 0)
    dW1 = x.T @ dz1
    return dz2, dW2, dz1, dW1


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from functools import partial

from exercises import chapter2
from exercises.chapter1 import cross_entropy


def of_z2(z2, W3, b3, y):
    return cross_entropy(np.maximum(z2, 0) @ W3 + b3, y)


def of_z1(z1, W2, b2, W3, b3, y):
    return of_z2(np.maximum(z1, 0) @ W2 + b2, W3, b3, y)


INPUTS = [chapter2.draw_two_hidden_layers, partial(chapter2.draw_two_hidden_layers, near_zero=True)]
LOSS = {
    "z2": of_z2,
    "W2": lambda a1, W2, b2, W3, b3, y: of_z2(a1 @ W2 + b2, W3, b3, y),
    "z1": of_z1,
    "W1": lambda x, W1, b1, W2, b2, W3, b3, y: of_z1(x @ W1 + b1, W2, b2, W3, b3, y),
}
HARMLESS = """
z1 > 0 -> z1 >= 0 | exactly at 0 the ReLU has a kink: any slope from 0 to 1 will do
z2 > 0 -> z2 >= 0 | the same
z1 > 0 -> a1 > 0 | a ReLU's output is positive exactly where its input is
z2 > 0 -> a2 > 0 | the same
"""

HINTS = """
1. Work backwards: logits, a2, z2, a1, z1. Which earlier exercise is each of these steps?
2. You get dz2 from dlogits the way you got dz1 in `da1` and `dz1`, but with W3 and z2. Then do the same again, starting
   from dz2, with W2 and z1.
3. da2 = dlogits @ W3.T, then the mask of z2. dW2 = a1.T @ dz2. da1 = dz2 @ W2.T, then the mask of z1.
"""

MISTAKES = """
the second mask forgotten | * (z2 > 0) ->
    Which activation lies between z2 and a2?
the second mask forgotten | dW2 = a1.T @ da2
    Which derivative belongs to z2?
the mask taken from the gradient | z2 > 0 -> da2 > 0
the mask taken from the gradient | z1 > 0 -> da1 > 0
    What decides whether a unit is on?
the second mask turned round | z2 > 0 -> z2 <= 0
    Which units let the gradient through?
a2 where a1 belongs | a1.T -> a2.T
z1 where a1 belongs | a1.T -> z1.T
    What does W2 multiply in the forward pass?
the first mask forgotten | * (z1 > 0) ->
the first mask forgotten | dW1 = x.T @ da1
    Which activation lies between z1 and a1?
the second mask forgotten on the way | dz2 @ -> da2 @
    Which one should you start from: da2, or dz2?
both masks forgotten | dz2 @ -> da2 @ & * (z1 > 0) ->
    How many ReLUs lie between z1 and the logits?
z1 where dz1 belongs | dW1 = x.T @ z1
    Which factor of your product should be a derivative?
the slope of a leaky ReLU | z2 > 0) -> np.where(z2 > 0, 1, 0.01)) & z1 > 0) -> np.where(z1 > 0, 1, 0.01))
    Where z is negative, does this network's max(z, 0) still rise a little?
the slope of the sigmoid | da2 * (z2 > 0) -> da2 * a2 * (1 - a2) & da1 * (z1 > 0) -> da1 * a1 * (1 - a1)
    a (1 - a) is the slope of which function? And which one does this network have?
the slope of tanh | da2 * (z2 > 0) -> da2 * (1 - a2**2) & da1 * (z1 > 0) -> da1 * (1 - a1**2)
    1 - a^2 is the slope of which function? And which one does this network have?
the first mask turned round | z1 > 0 -> z1 <= 0
    Which units let the gradient through?
"""

WHY = """
These are the same lines again: dz2 has the same role for the layer below it that dlogits has for the last layer. This
works for any number of layers.
"""
DOCS = 'docs/further.md, "A second hidden layer"'
LINE = "mlp_np.py: self.da1 = dlogits @ W2.T"
