"""tanh instead of the ReLU.

This network's activation is a1 = tanh(z1), entry by entry. You know da1. Find dz1.

    da1 (B, H)   the derivative of the loss with respect to a1
    z1  (B, H)   the input of tanh
    a1  (B, H)   its output

You may be given more than you need.
"""

import numpy as np


def dz1(da1, z1, a1):
    """Return dz1 (B, H)."""
    dz1 = da1 * (1 - a1**2)
    return dz1


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter2

INPUTS = [chapter2.draw_tanh_layer]

HINTS = """
1. What is the derivative of tanh(z)? Write tanh as (e^z - e^-z) / (e^z + e^-z) and use the quotient rule.
2. It is 1 - tanh(z)^2. Which of your arrays already contains tanh(z1)?
3. dz1 is da1 times (1 - the square of a1), entry by entry.
"""

MISTAKES = """
the ReLU's mask | da1 * (z1 > 0)
    Is this network's activation still max(z, 0)?
the slope forgotten | 1 * da1
    What is the slope of tanh at 0? And at 3?
z1 where a1 belongs | a1**2 -> z1**2
    The slope is 1 - tanh(z)^2. What is tanh(z1) called here?
tanh taken twice | a1**2 -> np.tanh(a1) ** 2
    a1 is already tanh(z1). Why take tanh again?
the square forgotten | **2 ->
the square around it all | a1**2) -> a1) ** 2
    At z = -3, tanh is nearly flat. Is your slope there near 0?
the slope of the sigmoid | da1 * a1 * (1 - a1)
    a (1 - a) is the slope of which function?
tanh in place of its slope | da1 * a1
    Is this the slope of tanh, or tanh itself?
only the slope | da1 * ->
    This is d a1 / d z1. What does the chain rule multiply it by?
a plus | 1 - -> 1 +
    Is the slope of tanh at 3 more than 1, or near 0?
the sign | -dz1
    Does tanh rise or fall?
1 / cosh without its square | da1 / np.cosh(z1)
    1 - tanh(z)^2 is 1 / cosh(z)^2. Where is the square?
divided by the slope | da1 * -> da1 /
    Where tanh is nearly flat, does a gradient that goes through it become large, or small?
tanh squared in place of the slope | da1 * a1**2
    What is tanh(0)^2, and what is the slope of tanh at 0?
the slope of the sigmoid, of z1 | s = 1 / (1 + np.exp(-z1)); dz1 = da1 * s * (1 - s)
    Which function has this slope? And which one is a1?
the slope of a leaky ReLU | da1 * np.where(z1 > 0, 1, 0.01)
the slope of a leaky ReLU, 0.1 | da1 * np.where(z1 > 0, 1, 0.1)
    Is the activation of this network still a kind of max(z, 0)?
the slope of softplus, the sigmoid | da1 / (1 + np.exp(-z1))
    That is the slope of log(1 + e^z). What is the slope of tanh?
the absolute value in place of the square | a1**2 -> np.abs(a1)
    The slope of tanh is 1 - tanh(z)^2. Which power of a1 do you have?
"""

WHY = "tanh' = 1 - tanh^2, and tanh(z1) = a1 is known from the forward pass. So dz1 = da1 * (1 - a1 * a1)."
DOCS = 'docs/further.md, "Another activation"'
