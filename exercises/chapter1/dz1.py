"""Backpropagation through the ReLU: dz1.

The activations are a1 = max(z1, 0), entry by entry. You know da1. Find dz1.

    da1 (B, H)   the derivative of the loss with respect to a1
    z1  (B, H)   the input of the ReLU
    a1  (B, H)   its output

A unit is on if its z1 is positive, and off otherwise. In the hints, the mask is the array of the ReLU's slopes.

You may be given more than you need.
"""

import numpy as np


def dz1(da1, z1, a1):
    """Return dz1 (B, H)."""
    dz1 = da1 * (z1 > 0)
    return dz1


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter1

INPUTS = [chapter1.draw_network, chapter1.draw_network_near_zero]
LOSS = {"z1": lambda z1, W2, b2, y: chapter1.cross_entropy(np.maximum(z1, 0) @ W2 + b2, y)}
ENTRYWISE = "z1"
HARMLESS = """
z1 > 0 -> z1 >= 0 | exactly at 0 the ReLU has a kink: any slope from 0 to 1 will do
z1 > 0 -> a1 > 0 | a ReLU's output is positive exactly where its input is
"""

HINTS = """
1. Sketch max(z, 0). What is its slope at z = 2? And at z = -2? The chain rule multiplies da1 by that slope, entry by
   entry.
2. The slope is 1 where z1 is positive and 0 elsewhere. In NumPy, z1 > 0 is an array of True and False, which count as 1
   and 0. This is the ReLU's mask.
3. Multiply da1 by the array that says where z1 is positive. Multiply entry by entry, with `*`, not `@`.
"""

MISTAKES = """
the mask forgotten | 1 * da1
    A unit that is off returns 0, and it still returns 0 if its z1 grows a little. What is its derivative? (If your code
    contains a condition: for which units is it false?)
the mask taken from da1 | z1 > 0 -> da1 > 0
    What decides whether a unit is on: its input in the forward pass, or the gradient?
the mask turned round | > 0 -> <= 0
    Which units let the gradient through: those that are on, or those that are off?
multiplied by z1 | (z1 > 0) -> z1
multiplied by a1 | (z1 > 0) -> a1
    What is the slope of max(z, 0) at z = 3? Is it 3?
only the mask | (z1 > 0) * 1.0
    This is d a1 / d z1. What does the chain rule multiply it by?
the ReLU of z1 again | np.maximum(z1, 0)
    This is the forward pass. You need a derivative: where is da1?
the gradient only where both are positive | dz1 * (da1 > 0)
    Can a derivative be negative? Which of the two conditions belongs to the ReLU?
the sign of z1 | (z1 > 0) -> np.sign(z1)
    Where z is negative, does max(z, 0) fall as z grows?
the sign | -dz1
    Where z is positive, is the slope of max(z, 0) 1 or -1?
the slope of a leaky ReLU | (z1 > 0) -> np.where(z1 > 0, 1, 0.01)
the slope of a leaky ReLU, 0.1 | (z1 > 0) -> np.where(z1 > 0, 1, 0.1)
the slope of a leaky ReLU, 0.2 | (z1 > 0) -> np.where(z1 > 0, 1, 0.2)
    Where z is negative, does this network's max(z, 0) still rise a little?
the slope of the sigmoid | s = 1 / (1 + np.exp(-z1)); dz1 = da1 * s * (1 - s)
    Which activation has this slope? And which one does this network have?
the slope of the sigmoid, of a1 | da1 * a1 * (1 - a1)
    a (1 - a) is the slope of which function? And which one does this network have?
the slope of softplus, the sigmoid | da1 / (1 + np.exp(-z1))
    That is the slope of log(1 + e^z), a ReLU without the kink. What is the slope of max(z, 0)?
the slope of tanh | da1 * (1 - np.tanh(z1) ** 2)
the slope of tanh, of a1 | da1 * (1 - a1**2)
    1 - tanh(z)^2 is the slope of tanh. Which activation does this network have?
the slope of an ELU | (z1 > 0) -> np.where(z1 > 0, 1, np.exp(z1))
    Where z is negative, does this network's max(z, 0) still rise a little?
1 added to the mask | (z1 > 0) -> (1 + (z1 > 0))
    What is the slope of max(z, 0) at z = 2? And at z = -2?
"""

DOCS = 'docs/backprop.md, "4. Through the ReLU"'
LINE = "mlp_np.py: self.dz1 = self.da1 * (self.z1 > 0)"
ON_DIGITS = "The ReLU of an untrained network lets 48% of the gradients through. The remaining units are off."
