"""Backpropagation through batch normalisation: dx.

The forward pass computes the mean and the variance of the n = B H W values of each channel. Then

    inverse = 1 / sqrt(variance + eps)
    xhat = (x - mean) * inverse
    y = gamma * xhat + beta

You know dy. Find dx. Each x affects the mean and the variance, and these affect every xhat of the channel.

    dy      (B, H, W, C)   the derivative of the loss with respect to y
    xhat    (B, H, W, C)
    gamma   (C,)
    inverse (C,)
"""

import numpy as np


def batch_norm_dx(dy, xhat, gamma, inverse):
    """Return dx (B, H, W, C)."""
    # dx = ...  # this may take several lines
    mean = dy.mean(axis=(0, 1, 2))
    along = (dy * xhat).mean(axis=(0, 1, 2))
    dx = gamma * inverse * (dy - mean - xhat * along)
    return dx


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from types import SimpleNamespace

from resnet_np import BatchNorm


def normalise(x):
    return (x - x.mean(axis=(0, 1, 2))) / np.sqrt(x.var(axis=(0, 1, 2)) + BatchNorm.eps)


def draw(rng):
    """Draw the input, the intermediate results and dy of a batch normalisation."""
    *other_sizes, C = shape = rng.choice([2, 3, 4, 5, 7], 4, replace=False).tolist()
    gamma = rng.uniform(0.5, 2, C) * rng.choice([-1, 1], C)
    dy = rng.normal(0.5, 1, shape)
    x = rng.normal(rng.normal(0, 2, C), rng.uniform(0.5, 3, C), shape)
    inverse = 1 / np.sqrt(x.var(axis=(0, 1, 2)) + BatchNorm.eps)
    return SimpleNamespace(
        B=shape[0], n=int(np.prod(other_sizes)), x=x, dy=dy, xhat=normalise(x), gamma=gamma, inverse=inverse
    )


INPUTS = [draw]
LOSS = {"x": lambda x, gamma, dy: (gamma * normalise(x) * dy).sum()}
COUNTS = {"H": "rows of pixels"}

HINTS = """
1. x reaches y along three paths: directly, through the mean, and through the variance. The direct path contributes dy
   gamma inverse. What does each of the other two paths subtract from dy?
2. The path through the mean subtracts the mean of dy over the n values of a channel. The path through the variance
   subtracts xhat times the mean of dy xhat. These means run over the first three axes.
3. gamma * inverse * (dy - mean of dy - xhat * mean of (dy * xhat)). Use axis=(0, 1, 2) for the means.
"""

MISTAKES = """
gamma forgotten | gamma * inverse -> inverse
    y = gamma xhat + beta: what is d y / d xhat?
inverse forgotten | inverse * ->
    If the inputs were all ten times as large, how would dx change?
sums where means belong | .mean( -> .sum(
    By how much does the mean grow if one of n values grows by 1?
averaged over the images only | mean(axis=(0, 1, 2)) -> sum(axis=(0, 1, 2)) / B
    How many values of a channel do the mean and the variance run over?
divided by n - 1 | mean = dy -> k = n / (n - 1); mean = k * dy & along = ( -> along = k * (
    Is the variance of the forward pass divided by n, or by n - 1?
the means of each image alone | axis=(0, 1, 2) -> axis=(1, 2), keepdims=True
the means over the images alone | (0, 1, 2) -> 0
layer normalisation's means | axis=(0, 1, 2) -> axis=-1, keepdims=True
layer normalisation's means | axis=(0, 1, 2) -> axis=(1, 2, 3), keepdims=True
    Which axes does a channel's mean run over?
the sign | -dx
    What is the sign of the direct path?
divided by n - 1 in the path through the variance | along = ( -> along = n / (n - 1) * (
    Is the variance of the forward pass divided by n, or by n - 1?
divided by n - 1 in the path through the mean | mean = dy -> mean = n / (n - 1) * dy
    Is the mean of the forward pass divided by n, or by n - 1?
inverse cubed | inverse * -> inverse**3 *
    d (variance^(-1/2)) / d variance contains the cube of inverse. How many of these factors are already in the two
    xhat?
the root of inverse | inverse * -> np.sqrt(inverse) *
    inverse is already 1 / sqrt(variance + eps). Why take another root?
divided by inverse | inverse * -> 1 / inverse *
    If the inputs were all ten times as large, how would dx change?
gamma and inverse on the first term alone | gamma * inverse * dy - mean - xhat * along
inverse on the first term alone | gamma * (inverse * dy - mean - xhat * along)
inverse on all but the last term | gamma * (inverse * (dy - mean) - xhat * along)
    Is there a path from x to xhat without inverse? Which of your terms have inverse as a factor?
gamma on the first term alone | inverse * (gamma * dy - mean - xhat * along)
gamma on all but the last term | inverse * (gamma * (dy - mean) - xhat * along)
gamma on both means alone | inverse * (dy - gamma * (mean + xhat * along))
    Is there a path from xhat to y without gamma? Which of your terms have gamma as a factor?
gamma multiplied twice | gamma * inverse -> gamma**2 * inverse
    How many times is gamma a factor between xhat and y?
divided by gamma | gamma * inverse -> inverse / gamma
    y = gamma xhat + beta: what is d y / d xhat?
the path through the mean lost | - mean ->
    If one x grows, so does its mean. What does that do to all the xhat that share this mean?
the path through the variance lost | - xhat * along ->
    If one x grows, the variance changes. What does that do to all the xhat that share this variance?
both indirect paths lost | - mean - xhat * along ->
    Do the mean and the variance depend on x?
the signs of both indirect paths | - mean - xhat * along -> + mean + xhat * along
    If one x grows, the mean also grows, and the mean is subtracted. Do the xhat rise or fall?
"""

DOCS = 'docs/resnet.md, "Batch normalisation"'
LINE = "resnet_np.py: return gamma * self.inverse * (dy"
