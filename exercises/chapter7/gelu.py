"""GELU instead of the ReLU: a and dz.

A ReLU multiplies z by 0 or 1, depending on its sign. GELU multiplies z by Phi(z), which rises smoothly from 0 to 1.
Phi(z) is the probability that a number drawn from the normal distribution (mean 0, variance 1) is below z.

    a = z Phi(z)        and the slope of Phi is the bell curve, exp(-z^2 / 2) / sqrt(2 pi)

You know da. Find a and dz.

    z, da (B, H)   da is the derivative of the loss with respect to a
    Phi   (B, H)   Phi(z), for each entry; NumPy has no function for it
"""

import numpy as np


def gelu(z, da, Phi):
    """Return a and dz, (B, H) each."""
    # a = ...
    # dz = ...  # this may take several lines
    bell = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    a = z * Phi
    dz = da * (Phi + z * bell)
    return a, dz


# ---- what follows is not handed out ----------------------------------------------------------------------------------
import math
from types import SimpleNamespace

from exercises import chapter7


def normal_below(z):
    """Return the probability that a standard normal number is below z, for each entry of z."""
    return np.vectorize(math.erf)(z / math.sqrt(2)) / 2 + 0.5


def forward(z):
    return z * normal_below(z)


def draw(rng):
    """Draw z, da and the result of GELU. Some z are where GELU falls."""
    B, H = chapter7.draw_sizes(rng, *[[3, 4, 5, 6, 7, 8, 9]] * 2)
    z = rng.normal(0, 1.5, (B, H))
    da = rng.normal(size=(B, H))
    z.flat[rng.permutation(z.size)[:3]] = np.array([-3.1, -1.3, 2.7]) + rng.uniform(-0.2, 0.2, 3)
    return SimpleNamespace(B=B, H=H, z=z, da=da, Phi=normal_below(z), a=forward(z))


INPUTS = [draw]
LOSS = {"z": lambda z, da: (forward(z) * da).sum()}
COUNTS = {"B": "rows"}
ENTRYWISE = "z"

HINTS = """
1. a is a product of two functions of z. What is the derivative of a product?
2. By the product rule, the slope of z Phi(z) is Phi(z) plus z times the slope of Phi.
3. bell = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi), and dz = da * (Phi + z * bell).
"""

MISTAKES = """
the second term forgotten | + z * bell ->
    If z grows, does Phi(z) stay the same?
the first term forgotten | Phi + z * bell -> z * bell
    What is the slope of GELU at z = 5, where Phi is nearly 1 and flat?
z forgotten in the second term | + z * bell -> + bell
    The product rule: what is the slope of Phi multiplied by?
a where z belongs | + z * bell -> + a * bell
    The product rule: what is the slope of Phi multiplied by, z or z Phi?
the mask of a ReLU | dz = da * (z > 0)
    Is GELU flat below 0? And is its slope 1 just above 0?
the ReLU | a = np.maximum(z, 0)
    What does GELU do to z = -1? Is the result 0?
only the slope | da * ->
    This is d a / d z. What does the chain rule multiply it by?
the slope forgotten | dz = 1 * da
    What is the slope of GELU at 0? And at -5?
the bell without sqrt(2 pi) | / np.sqrt(2 * np.pi) ->
    How high is the bell curve at 0? The area below it should be 1.
divided by 2 pi | np.sqrt(2 * np.pi) -> (2 * np.pi)
    Do you divide by 2 pi, or by its square root?
divided by sqrt(pi) | np.sqrt(2 * np.pi) -> np.sqrt(np.pi)
    What is under the root: pi, or 2 pi?
the 2 in the exponent forgotten | -(z**2) / 2 -> -(z**2)
    Is the bell curve exp(-z^2 / 2), or exp(-z^2)?
the minus in the exponent forgotten | -(z**2) / 2 -> z**2 / 2
    Is the bell curve highest at 0, or lowest?
the square in the exponent forgotten | -(z**2) / 2 -> -np.abs(z) / 2
    Is the top of the bell curve round, or is it a sharp peak?
the signs of the two terms | Phi + z * bell -> Phi - z * bell
    Where z is positive, z grows and Phi grows. Do the two effects add up?
Phi itself | a = 1 * Phi
    Phi is a number from 0 to 1. What does GELU multiply by it?
the sigmoid in place of Phi | a = z / (1 + np.exp(-z))
the sigmoid of 1.702 z in place of Phi | a = z / (1 + np.exp(-1.702 * z))
    That is a different smooth step. You are given Phi.
the tanh form | a = 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)))
    That is the approximation that GPT-2 uses. You are given Phi: what is the exact value?
the slope of the tanh form | dz = da * -> t = np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)); dz = da *
        & (Phi + z * bell) -> (0.5 * (1 + t) + 0.5 * z * (1 - t**2) * np.sqrt(2 / np.pi) * (1 + 0.134145 * z**2))
    That is the slope of an approximation. What is the slope of z Phi(z)?
the slope of Phi as of a sigmoid | + z * bell -> + z * Phi * (1 - Phi)
    Phi (1 - Phi) would be right if Phi were a sigmoid. What is the slope of Phi?
multiplied by z once more | a = z * z * Phi
    How many times is z a factor?
"""

WHY = """
The product rule: (z Phi)' = Phi + z Phi'. nanoGPT uses this exact form (nn.GELU). GPT-2 was trained with an
approximation that uses tanh; its values differ by less than 0.001.
"""
DOCS = 'docs/nanogpt.md, "GELU"'
