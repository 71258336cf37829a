"""Backpropagation through RMSNorm: dx.

At each position, layer normalisation subtracts the mean of the C channels and divides by their standard deviation.
RMSNorm only divides, by the square root of their mean square:

    inverse = 1 / sqrt(mean(x^2) + eps)
    xhat = x * inverse
    y = gamma * xhat

You know dy. Find dx. Along how many paths does x reach y?

    dy      (B, T, C)   the derivative of the loss with respect to y, for B texts of T positions
    xhat    (B, T, C)
    gamma   (C,)
    inverse (B, T, 1)
"""

import numpy as np


def rms_norm_dx(dy, xhat, gamma, inverse):
    """Return dx (B, T, C)."""
    # dx = ...  # this may take several lines
    dxhat = dy * gamma
    along = (dxhat * xhat).mean(axis=-1, keepdims=True)
    dx = inverse * (dxhat - xhat * along)
    return dx


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from types import SimpleNamespace

from exercises import chapter8


def inverse_of(x, eps=0.3):
    """Return 1 / sqrt(mean of x squared + eps) along the last axis. eps is large, so that leaving it out shows."""
    return 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps)


def draw(rng):
    """Draw the input, the intermediate results and dy of an RMSNorm. The means of x are not 0."""
    B, T, C = chapter8.draw_sizes(rng, [2, 3, 5], [2, 3, 4, 5], [7, 8, 9])
    gamma = rng.uniform(0.5, 2, C) * rng.choice([-1, 1], C)
    x = rng.normal(rng.normal(0, 2, (B, T, 1)), rng.uniform(0.5, 3, (B, T, 1)), (B, T, C))
    dy = rng.normal(0.5, 1, (B, T, C))
    inverse = inverse_of(x)
    return SimpleNamespace(B=B, T=T, C=C, x=x, dy=dy, xhat=x * inverse, gamma=gamma, inverse=inverse)


INPUTS = [draw]
LOSS = {"x": lambda x, gamma, dy: (x * inverse_of(x) * gamma * dy).sum()}
COUNTS = {"B": "texts", "T": "positions"}
ENTRYWISE = "x"

HINTS = """
1. Start at the end: y = gamma xhat, so what is dxhat? Then x reaches xhat = x inverse along two paths: directly, and
   through inverse.
2. In `layer_norm_dx`, three terms came from three paths. Which of them is missing here, because no mean is subtracted?
3. dxhat = dy gamma, and dx = inverse (dxhat - xhat times the mean of dxhat xhat). For the mean, use axis=-1 and
   keepdims=True.
"""

MISTAKES = """
the mean subtracted, as in layer normalisation | (dxhat - -> (dxhat - dxhat.mean(axis=-1, keepdims=True) -
    Does the forward pass subtract a mean? Which of the three paths of `layer_norm_dx` is missing here?
gamma forgotten | dy * gamma -> dy
    y = gamma xhat: what is d y / d xhat?
gamma forgotten in the mean | (dxhat * xhat) -> (dy * xhat)
    Which gradient should you average: dy, or dxhat?
gamma outside the mean | dy * gamma -> dy & inverse * -> gamma * inverse *
    Do the channels of a position share one gamma? If not, where do you have to multiply by gamma?
divided by gamma | dy * gamma -> dy / gamma
    y = gamma xhat: what is d y / d xhat?
gamma multiplied twice | gamma * dx
    How many times is gamma a factor between xhat and y?
inverse forgotten | inverse * ->
divided by inverse | inverse * -> 1 / inverse *
    If the inputs were all ten times as large, how would dx change?
inverse on the first term alone | inverse * dxhat - xhat * along
    Is there a path from x to xhat without inverse? Which of your terms have inverse as a factor?
inverse cubed | inverse * -> inverse**3 *
    d inverse / d x contains the cube of inverse. How many of these factors are already in the two xhat?
inverse squared in the second term | xhat * along -> inverse * xhat * along
    d inverse / d x contains the cube of inverse. How many of these factors are already in the two xhat?
the root of inverse | inverse * -> np.sqrt(inverse) *
    inverse is already 1 / sqrt(mean(x^2) + eps). Why take another root?
a sum in place of the mean | .mean( -> .sum(
    By how much does the mean square grow if one of C squares grows by 1?
divided by C - 1 | along = ( -> along = C / (C - 1) * (
    Does the mean square divide by C, or by C - 1?
a factor of 2 left from the square | along = ( -> along = 2 * (
    The square contributes a factor 2, and the root a factor 1/2. What is left of the two?
half of it left from the root | along = ( -> along = 0.5 * (
    The square contributes a factor 2, and the root a factor 1/2. What is left of the two?
the mean over the texts | axis=-1 -> axis=0
the mean over the positions | axis=-1 -> axis=1
    Which mean square does the forward pass use: the mean square of a position, or of a channel?
the mean over texts and positions | axis=-1 -> axis=(0, 1)
    These are the means of batch normalisation. Which axis does the mean square run over here?
the mean of a whole text | axis=-1 -> axis=(1, 2)
    Do two positions of a text share their mean square?
the mean of the whole batch | axis=-1, keepdims=True ->
    How many means does the forward pass take? How many do you take?
the way through inverse lost | - xhat * along ->
    If one x grows, the mean square grows. What does that do to all the xhat of this position?
the sign of the second way | - xhat * along -> + xhat * along
    If one x grows, does inverse grow or shrink?
xhat forgotten in the second way | - xhat * along -> - along
    How much does the mean square grow with x[j]? Is it the same for each j?
xhat forgotten in the mean | (dxhat * xhat) -> dxhat
    If inverse shrinks, how much does each xhat shrink? Is it the same for all of them?
"""

WHY = """
The result is dxhat without its component along xhat, because making x longer does not change xhat. Layer normalisation
removes one more component, along the vector (1, 1, ..., 1).
"""
DOCS = 'docs/llama.md, "RMSNorm"'
LINE = "llama_np.py: return self.inverse * (dxhat - self.xhat * along_xhat)"
