"""Weight decay.

To keep the weights small, the loss gets an additional term: weight_decay / 2 times the sum of the squares of all
weights. Biases are not decayed. The update is the same as in `update`, but for this new loss.

    old_p         two axes or one    the parameter; weights have two axes, biases one
    old_v         the same           its velocity so far
    dp            the same           the derivative of the loss without the new term
    lr, momentum, weight_decay    numbers
"""

import numpy as np


def update(old_p, old_v, dp, lr, momentum, weight_decay):
    """Return the new velocity and the new parameter. (You may change old_v and old_p in place, but not dp.)"""
    decay = weight_decay * old_p * (old_p.ndim > 1)
    v = momentum * old_v + dp + decay
    p = old_p - lr * v
    return v, p


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from functools import partial

from exercises import chapter1

INPUTS = [partial(chapter1.draw_momentum_step, decays=True), partial(chapter1.draw_momentum_step, axes=1, decays=True)]
MAY_CHANGE = ["old_p", "old_v"]

HINTS = """
1. The loss gets an additional term, weight_decay / 2 times the sum of the squares of all weights. What does this add to
   the derivative with respect to one weight?
2. It adds weight_decay times the weight to dp; the rest is the same as in `update`. A bias has one axis, and is not
   decayed.
3. If old_p.ndim > 1, use dp + weight_decay * old_p instead of dp.
"""

MISTAKES = """
the decay in p, not in v | + decay -> & - lr * v -> - lr * (v + decay)
the decay in p, not in v | + decay -> & - lr * v -> - lr * v - decay
    The penalty is a term of the loss, so its derivative is part of the gradient. Where does the gradient go?
only the biases decay | (old_p.ndim > 1) -> (old_p.ndim == 1)
    Which parameters have two axes, and which have one? Which of them should decay?
Nesterov's step | - lr * v -> - lr * (dp + decay + momentum * v)
Nesterov's step | - lr * v -> - lr * (dp + momentum * v)
    That is a different method: it looks ahead by one more `momentum`. What does `update` say?
the learning rate on the whole velocity | v = momentum * old_v + dp + decay -> v = lr * (momentum * old_v + dp + decay)
        & - lr * v -> - v
    Where does lr come in: when the velocity changes, or when p moves?
0.9 in place of `momentum` | momentum -> 0.9
    `momentum` is different in each call. Have you used it?
no decay | + decay ->
    Where do you use weight_decay?
a factor 2 | decay = -> decay = 2 *
a factor 1/2 | decay = -> decay = 0.5 *
    The penalty is weight_decay / 2 times the square. What is its derivative?
growth in place of decay | + decay -> - decay
    Which way should the weights move: towards 0, or away from it?
the learning rate in the decay | decay = -> decay = lr *
    Does the derivative of the penalty contain the learning rate?
the velocity decays | * old_p * -> * old_v *
    What should be penalised: large weights, or large velocities?
momentum on the decay | decay = -> decay = momentum *
    Which term does momentum multiply?
the penalty in place of its derivative | * old_p * -> / 2 * old_p**2 *
    What is the derivative of weight_decay / 2 times p^2?
the sign of p in place of p | * old_p * -> * np.sign(old_p) *
    Which penalty has the derivative sign(p)?
the bias decays, too | * (old_p.ndim > 1) ->
    [This is right for weights.] Is a bias a weight? (`old_p.ndim` tells them apart.)
no momentum | momentum * old_v + ->
    What is left of the old velocity in your code?
decayed twice | lr * v -> lr * (v + decay)
    The decay is already in v. Where do you subtract it again?
uphill | - lr * v -> + lr * v
    Should a step make the loss larger, or smaller?
the learning rate forgotten | - lr * v -> - v
    How far does p move?
the gradient in place of the velocity | lr * v -> lr * dp
    Do you use v to move p?
squared gradients, as in RMSprop | + dp + decay -> + (1 - momentum) * (dp + decay) ** 2
    RMSprop divides by the root of such a running mean of squares. What does `update` add up?
the gradient weighted with 1 - momentum | + dp + decay -> + (1 - momentum) * (dp + decay)
the gradient weighted with 1 - momentum, and not the decay | + dp + decay -> + (1 - momentum) * dp + decay
    That would be a running average. In `update`, the gradients are added up. What multiplies dp there?
the learning rate inside the velocity | + dp + decay -> + lr * (dp + decay) & - lr * v -> - v
    Where does lr come in: when the velocity changes, or when p moves?
the old velocity kept whole | momentum * old_v -> old_v
    What does `momentum` multiply?
the penalty's square root, the length of p | * old_p * -> * old_p / np.linalg.norm(old_p) *
    What is the derivative of weight_decay / 2 times the sum of the squares?
only the sign of the gradient | + dp -> + np.sign(dp)
    Do a steep slope and a gentle slope add the same amount to the velocity?
the decay multiplied into the gradient | + dp + decay -> + dp * decay
    The loss gets an additional term. Do you add the derivatives of two terms, or multiply them?
"""

WHY = "The derivative of weight_decay / 2 p^2 is weight_decay p. A bias only shifts its unit, so it is not decayed."
DOCS = 'docs/further.md, "Weight decay"'
LINE = "main_np.py: if weight_decay and p.ndim > 1"
