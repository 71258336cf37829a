"""AdamW, with weight decay for matrices only: m, s and p.

Each parameter has two running means: one of its gradient, and one of the gradient's square. Both start at 0, so after t
steps the weights in each mean add up to 1 - beta^t, and each mean is divided by that. The step is the first mean,
divided by the square root of the second.

    m = beta1 m + (1 - beta1) dp               mean   = m / (1 - beta1^t)
    s = beta2 s + (1 - beta2) dp^2             square = s / (1 - beta2^t)
    p = p - lr mean / (sqrt(square) + eps)

In addition, each step makes the weights smaller by lr weight_decay old_p. Only arrays with two or more axes are
decayed, not biases or the gamma of a normalisation layer.

    old_p, dp       any shape    the parameter, and the derivative of the loss with respect to it
    old_m, old_s    the same     the two running means so far
    t                            the number of the step: 1, 2, 3, ...
    lr, beta1, beta2, eps, weight_decay    numbers
"""

import numpy as np


def adamw(old_p, old_m, old_s, dp, t, lr, beta1, beta2, eps, weight_decay):
    """Return m, s and the new p. (You may change old_p, old_m and old_s in place, but not dp.)"""
    # m = ...
    # s = ...
    # p = ...  # this may take several lines
    m = beta1 * old_m + (1 - beta1) * dp
    s = beta2 * old_s + (1 - beta2) * dp**2
    mean, square = m / (1 - beta1**t), s / (1 - beta2**t)
    decay = weight_decay * old_p * (old_p.ndim > 1)
    p = old_p - lr * decay - lr * mean / (np.sqrt(square) + eps)
    return m, s, p


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from functools import partial

from exercises import chapter7

INPUTS = [chapter7.draw_adamw_step, partial(chapter7.draw_adamw_step, axes=1)]
FURTHER = [partial(chapter7.draw_adamw_step, axes=4), partial(chapter7.draw_adamw_step, t=1)]
MAY_CHANGE = ["old_p", "old_m", "old_s"]

HINTS = """
1. The text gives formulas for the first two results. For the third result, subtract two things from old_p: the step,
   and a fraction of old_p itself. Which of the two is divided by sqrt(square)?
2. The divisions do not change m and s: mean and square are new arrays. Weight decay does not change m and s either.
3. p = old_p - lr * mean / (np.sqrt(square) + eps), and if old_p.ndim > 1, also - lr * weight_decay * old_p.
"""

MISTAKES = """
the decay in the gradient | m = beta1 -> dp = dp + weight_decay * old_p * (old_p.ndim > 1); m = beta1
        & - lr * decay ->
    Then the decay is divided by sqrt(square), like everything else, and is no longer a fraction of p. Which
    line does it belong in?
the bias decays, too | * (old_p.ndim > 1) ->
    [This is right for a matrix.] How many axes does a bias have? (See `old_p.ndim`.)
only arrays of one axis decay | (old_p.ndim > 1) -> (old_p.ndim == 1)
    Which arrays have two axes, and which have one? Which of them should decay?
no decay | - lr * decay ->
    Where do you use weight_decay?
the decay without the learning rate | - lr * decay -> - decay
    If the learning rate is 0, should anything change?
growth in place of decay | - lr * decay -> + lr * decay
    Which way should the weights move: towards 0, or away from it?
the new weights shrink | p = old_p - lr * decay - lr * mean / (np.sqrt(square) + eps) ->
        p = old_p - lr * mean / (np.sqrt(square) + eps); p = p - lr * weight_decay * p * (old_p.ndim > 1)
    Which weights shrink by a fraction: the weights before the step, or after it?
    > m = beta1 * old_m + (1 - beta1) * dp
    > s = beta2 * old_s + (1 - beta2) * dp**2
    > p = old_p - lr * m / (1 - beta1**t) / (np.sqrt(s / (1 - beta2**t)) + eps)
    > if p.ndim > 1:
    >     p *= 1 - lr * weight_decay
the decay divided by the root, too | - lr * decay - lr * mean / -> - lr * (mean + decay) /
    AdamW shrinks the weights outside the division. Is your decay outside it?
the mean not divided | m / (1 - beta1**t) -> m
    At the first step, m is (1 - beta1) dp. Is that the mean of the gradients so far?
the square not divided | s / (1 - beta2**t) -> s
    At the first step, s is (1 - beta2) dp^2. Is that the mean of the squares so far?
neither is divided | m / (1 - beta1**t), s / (1 - beta2**t) -> m, s
    Both running means start at 0. How large are they after the first step?
counted from 0 | **t -> **(t - 1)
    What should you divide by at the first step, where t is 1?
one step too far | **t -> **(t + 1)
    What should you divide by at the first step, where t is 1?
the divided means kept | mean, square = m -> m, s = m & lr * mean -> lr * m & sqrt(square) -> sqrt(s)
    mean and square are for this step alone. Which m should the next step get: the original one, or the divided one?
the root forgotten | np.sqrt(square) -> square
    If all gradients were ten times as large, should the step be larger?
eps under the root | np.sqrt(square) + eps -> np.sqrt(square + eps)
    Is eps added before the root is taken, or after?
eps forgotten | (np.sqrt(square) + eps) -> np.sqrt(square)
    What if the gradient of a weight has always been 0? What does eps prevent?
the gradient in place of its mean | lr * mean -> lr * dp
    Which of the two moves p: the last gradient, or the running mean?
beta1 and beta2 exchanged | beta1 -> beta0 & beta2 -> beta1 & beta0 -> beta2
    Which of the two belongs to the gradient, and which to its square?
the square of the gradient forgotten | dp**2 -> dp
    What is s a running mean of?
a running sum of the gradients | (1 - beta1) * dp -> dp
    The factors of a running mean add up to 1. Do yours?
a running sum of the squares | (1 - beta2) * dp**2 -> dp**2
    The factors of a running mean add up to 1. Do yours?
uphill | - lr * mean -> + lr * mean
    Should a step make the loss larger, or smaller?
the step without the learning rate | - lr * mean -> - mean
    How far does p move?
"""

WHY = """
nanoGPT sorts its parameters into two groups by their number of axes, and only one group has weight decay. The reason: a
large weight amplifies small differences, but a bias or a gamma only shifts or scales a channel.
"""
DOCS = 'docs/nanogpt.md, "AdamW, and what decays"'
LINE = "main_np.py: p -= lr / m_total * m"
