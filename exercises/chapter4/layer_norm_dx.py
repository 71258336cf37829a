"""Backpropagation through layer normalisation: dx.

The forward pass computes the mean and the variance of the C channels of each patch. Then

    inverse = 1 / sqrt(variance + eps)
    xhat = (x - mean) * inverse
    y = gamma * xhat + beta

You know dy. Find dx. In `batch_norm_dx`, every mean ran over values of a single channel, which has a single gamma. Here
the means run over the C channels of a patch, and each channel has its own gamma.

    dy      (B, T, C)   the derivative of the loss with respect to y, for B images of T patches
    xhat    (B, T, C)
    gamma   (C,)
    inverse (B, T, 1)
"""

import numpy as np


def layer_norm_dx(dy, xhat, gamma, inverse):
    """Return dx (B, T, C)."""
    # dx = ...  # this may take several lines
    dxhat = dy * gamma
    mean = dxhat.mean(axis=-1, keepdims=True)
    along = (dxhat * xhat).mean(axis=-1, keepdims=True)
    dx = inverse * (dxhat - mean - xhat * along)
    return dx


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from types import SimpleNamespace

from vit_np import LayerNorm


def normalise(x):
    return (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + LayerNorm.eps)


def draw(rng):
    """Draw the input, the intermediate results and dy of a layer normalisation."""
    B, T = rng.choice([2, 3, 5], 2, replace=False).tolist()
    C = int(rng.choice([7, 9]))
    gamma = rng.uniform(0.5, 2, C) * rng.choice([-1, 1], C)
    beta = rng.normal(size=C)
    x = rng.normal(rng.normal(0, 2, (B, T, 1)), rng.uniform(0.5, 3, (B, T, 1)), (B, T, C))
    dy = rng.normal(0.5, 1, (B, T, C))
    inverse = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + LayerNorm.eps)
    return SimpleNamespace(B=B, T=T, C=C, x=x, dy=dy, xhat=normalise(x), inverse=inverse, gamma=gamma, beta=beta)


INPUTS = [draw]
LOSS = {"x": lambda x, gamma, beta, dy: ((gamma * normalise(x) + beta) * dy).sum()}
ENTRYWISE = "x"

HINTS = """
1. Start at the end: y = gamma xhat + beta, so what is dxhat? After that, each patch is independent, and x reaches xhat
   along three paths, as in `batch_norm_dx`: directly, through the mean, and through the variance.
2. dxhat = dy gamma. The path through the mean subtracts the mean of dxhat over the channels of a patch. The path
   through the variance subtracts xhat times the mean of dxhat xhat.
3. inverse * (dxhat - mean of dxhat - xhat * mean of (dxhat * xhat)). Use axis=-1 and keepdims=True for the means.
"""

MISTAKES = """
gamma outside the means | dy * gamma -> dy & inverse * -> gamma * inverse *
    In `batch_norm_dx`, all values of a mean had the same gamma. Do the values of a patch share one gamma?
gamma forgotten | dy * gamma -> dy
    y = gamma xhat + beta: what is d y / d xhat?
gamma forgotten in both means | = dxhat.mean -> = dy.mean & (dxhat * -> (dy *
gamma forgotten in the first mean | = dxhat.mean -> = dy.mean
gamma forgotten in the second mean | (dxhat * -> (dy *
    Which gradient should you average: dy, or dxhat? Do you use the same one in both means?
divided by gamma | dy * gamma -> dy / gamma
    y = gamma xhat + beta: what is d y / d xhat?
gamma multiplied twice | gamma * dx
    How many times is gamma a factor between xhat and y?
inverse forgotten | inverse * ->
divided by inverse | inverse * -> 1 / inverse *
    If the inputs were all ten times as large, how would dx change?
inverse on the first term alone | inverse * dxhat - mean - xhat * along
inverse on all but the last term | inverse * (dxhat - mean) - xhat * along
    Is there a path from x to xhat without inverse? Which of your terms have inverse as a factor?
sums where means belong | .mean( -> .sum(
    By how much does the mean grow if one of C values grows by 1?
divided by C - 1 | mean = dxhat -> k = C / (C - 1); mean = k * dxhat & along = ( -> along = k * (
    Is the variance of the forward pass divided by C, or by C - 1?
the sums divided by the number of patches | mean(axis=-1, keepdims=True) -> sum(axis=-1, keepdims=True) / (B * T)
    How many numbers do you add up in each sum?
the means over the images | axis=-1 -> axis=0
the means over the patches | axis=-1 -> axis=1
    Which mean does the forward pass subtract: the mean of a patch, or of a channel?
the means over images and patches | axis=-1 -> axis=(0, 1)
    These are the means of batch normalisation. Which axis do the mean and the variance run over here?
the means of a whole image | axis=-1 -> axis=(1, 2)
    Do two patches of an image share their mean and variance?
the means of the whole batch | axis=-1, keepdims=True ->
    How many means does the forward pass take? How many do you take?
divided by C - 1 in the path through the variance | along = ( -> along = C / (C - 1) * (
    Is the variance of the forward pass divided by C, or by C - 1?
divided by C - 1 in the path through the mean | mean = dxhat -> mean = C / (C - 1) * dxhat
    Is the mean of the forward pass divided by C, or by C - 1?
inverse cubed | inverse * -> inverse**3 *
    d (variance^(-1/2)) / d variance contains the cube of inverse. How many of these factors are already in the two
    xhat?
the root of inverse | inverse * -> np.sqrt(inverse) *
    inverse is already 1 / sqrt(variance + eps). Why take another root?
the path through the mean lost | - mean ->
    If one x grows, so does its mean. What does that do to all the xhat that share this mean?
the path through the variance lost | - xhat * along ->
    If one x grows, the variance changes. What does that do to all the xhat that share this variance?
both indirect paths lost | - mean - xhat * along ->
    Do the mean and the variance depend on x?
the signs of both indirect paths | - mean - xhat * along -> + mean + xhat * along
    If one x grows, the mean also grows, and the mean is subtracted. Do the xhat rise or fall?
"""

DOCS = 'docs/transformer.md, "Layer normalisation"'
LINE = "vit_np.py: dxhat = dy * gamma"
