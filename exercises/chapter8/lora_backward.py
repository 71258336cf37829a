"""Backpropagation through a LoRA layer: dx, dA and dB.

A large model is fine-tuned: it has to learn something new. Its weights W do not change. Instead, two thin matrices are
trained alongside them, A and B, whose common size r is small.

    y = x @ W + scale * (x @ A) @ B

You know dy. Find dx, dA and dB. (Nobody needs dW.)

    x  (N, I)   N rows
    W  (I, O)
    A  (I, r)
    B  (r, O)
    dy (N, O)   the derivative of the loss with respect to y
    scale       a number
"""

import numpy as np


def lora_backward(x, W, A, B, scale, dy):
    """Return dx (N, I), dA (I, r) and dB (r, O)."""
    # dx = ...  # this may take several lines
    # dA = ...
    # dB = ...
    dthin = scale * dy @ B.T
    dA = x.T @ dthin
    dB = scale * (x @ A).T @ dy
    dx = dy @ W.T + dthin @ A.T
    return dx, dA, dB


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from types import SimpleNamespace

from exercises import chapter8


def draw(rng):
    """Draw a linear layer with frozen weights W, the two matrices A and B of its LoRA adapter, x and dy."""
    N, I, O, r = chapter8.draw_sizes(rng, [3, 4, 5, 6, 7], [4, 5, 6, 7, 8], [4, 5, 6, 7, 8, 9], [2, 3])
    x = rng.normal(size=(N, I))
    dy = rng.normal(size=(N, O))
    W = rng.normal(size=(I, O))
    A = rng.normal(size=(I, r))
    B = rng.normal(size=(r, O))
    scale = float(rng.uniform(1.5, 4))
    return SimpleNamespace(N=N, I=I, O=O, r=r, x=x, W=W, A=A, B=B, scale=scale, dy=dy)


def loss(x, W, A, B, scale, dy):
    return ((x @ W + scale * (x @ A @ B)) * dy).sum()


INPUTS = [draw]
LOSS = {"x": loss, "A": loss, "B": loss}
COUNTS = {"N": "rows", "I": "inputs", "O": "outputs", "r": "columns of A"}

HINTS = """
1. x reaches y along two paths. One is an ordinary linear layer. The other is a chain of two linear layers: first A,
   then B. Which gradient does B pass back to A?
2. Let thin = x @ A, (N, r). By the rules for a linear layer, dB is thin.T @ dy and dthin is dy @ B.T, both multiplied
   by scale. Then A is a linear layer whose dy is dthin.
3. dthin = scale * dy @ B.T; dA = x.T @ dthin; dB = scale * (x @ A).T @ dy; dx = dy @ W.T + dthin @ A.T.
"""

MISTAKES = """
the way through W lost | dy @ W.T + ->
    W does not change. Does x still reach y through it?
the way through A and B lost | + dthin @ A.T ->
    x reaches y along two paths. Which gradient comes back along the other path?
the two ways subtracted | W.T + dthin -> W.T - dthin
    Two paths lead from x to y. Do you add their effects, or subtract them?
scale forgotten | scale * dy @ B.T -> dy @ B.T & scale * (x @ A).T -> (x @ A).T
scale forgotten in dA and dx | scale * dy @ B.T -> dy @ B.T
scale forgotten in dB | scale * (x @ A).T -> (x @ A).T
    A constant factor of y is a factor of all its derivatives. Do all of your derivatives contain it?
scale in the way through W, too | dy @ W.T -> scale * dy @ W.T
    Which of the two terms of y is multiplied by scale?
divided by scale | scale * dy @ B.T -> dy @ B.T / scale & scale * (x @ A).T -> (x @ A).T / scale
    y is multiplied by scale. Does the backward pass undo that, or multiply by scale again?
scale twice in dA | dA = x.T @ dthin -> dA = scale * x.T @ dthin
    How many times is scale a factor between A and y?
scale twice in dx | + dthin @ A.T -> + scale * dthin @ A.T
    How many times is scale a factor between x and y?
x where x A belongs | dB = scale * (x @ A).T @ dy -> dB = scale * A.T @ x.T @ dy / A.shape[0]
    What is B multiplied by in the forward pass?
"""

WHY = """
B starts with zeros. So at first, dthin and therefore dA are 0, and only B learns. W needs no gradient, which saves
nearly half of the backward pass, and the memory for AdamW's running means.
"""
DOCS = 'docs/llama.md, "Fine-tune it"'
LINE = "llama_np.py: dthin = self.scale * (dy_rows @ self.params"
