"""The step: an update with momentum.

Now every parameter moves against its gradient. With momentum, it moves like a ball rolling downhill. Each parameter p
has a velocity v, an array of the same shape. In each step,

    the velocity is multiplied by the number momentum, and the gradient is added to it; then the new velocity, times the
    learning rate, is subtracted from the parameter.

    old_p    any shape       the parameter
    old_v    the same        its velocity so far
    dp       the same        the derivative of the loss with respect to p
    lr       a number        the learning rate
    momentum a number        a different one in each call

p is a parameter here, not a probability.
"""

import numpy as np


def update(old_p, old_v, dp, lr, momentum):
    """Return the new velocity and the new parameter. (Here you may change old_v and old_p in place, but not dp.)"""
    v = momentum * old_v + dp
    p = old_p - lr * v
    return v, p


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from functools import partial

from exercises import chapter1

INPUTS = [chapter1.draw_momentum_step, partial(chapter1.draw_momentum_step, axes=1)]
MAY_CHANGE = ["old_p", "old_v"]

HINTS = """
1. A ball rolls downhill. It keeps a fraction of its speed (which number is that?), and the slope adds to its speed. And
   the ball moves. Which happens first: does the speed change, or does the ball move?
2. First v = momentum v + dp. Then p moves against v. How far?
3. Subtract lr times the new v from p. Return both, v first.
"""

MISTAKES = """
no momentum | momentum * old_v + ->
    What is left of the old velocity in your code?
the old velocity kept whole | momentum * ->
    What does `momentum` multiply?
the learning rate inside the velocity | + dp -> + lr * dp & - lr * v -> - v
    In the two indented lines of the text, where does lr come in: when the velocity changes, or when p moves?
the learning rate inside the velocity, with a minus | + dp -> - lr * dp & - lr * v -> + v
    In the two indented lines of the text, where do lr and the minus come in?
the learning rate on the whole velocity | momentum * old_v + dp -> lr * (momentum * old_v + dp) & - lr * v -> - v
the learning rate on the whole velocity | momentum * old_v + dp -> lr * (momentum * old_v + dp)
    In the two indented lines of the text, where does lr come in: when the velocity changes, or when p moves?
0.9 in place of `momentum` | momentum -> 0.9
    `momentum` is different in each call. Have you used it?
the gradient weighted with 1 - momentum | + dp -> + (1 - momentum) * dp
    That would be a running average. Here the gradients are added up. What multiplies dp in the formula?
the gradient subtracted | + dp -> - dp & - lr -> + lr
    The text describes only one subtraction. Is it in the update of the velocity, or of the parameter?
momentum on the gradient | momentum * old_v + dp -> old_v + momentum * dp
    What does `momentum` multiply: the old velocity, or the new gradient?
momentum on both | old_v + dp -> (old_v + dp)
    Does `momentum` multiply the sum, or only one of its terms?
the velocity not changed | v = momentum * old_v + dp -> v = old_v
the gradient forgotten | + dp ->
    Where does dp come in?
uphill | - lr -> + lr
    Should a step make the loss larger, or smaller?
the learning rate forgotten | lr * ->
    How far does p move?
the gradient in place of the velocity | lr * v -> lr * dp
    You have computed a new velocity. Do you use it to move p?
the old velocity | lr * v -> lr * old_v
    Which comes first: does p move, or does the velocity change?
Nesterov's step | lr * v -> lr * (dp + momentum * v)
    That is a different method: it looks ahead by one more `momentum`. What does the formula here say?
momentum twice | lr * v -> lr * momentum * v
    v already includes the momentum. What multiplies v when p moves?
p not moved | p = old_p - lr * v -> p = old_p
    Where does p change?
p replaced by the step | = old_p - -> = -
    Where has the old p gone?
squared gradients, as in RMSprop | + dp -> + (1 - momentum) * dp**2
    RMSprop divides by the root of such a running mean of squares. What does the formula here add up?
squared gradients, as in AdaGrad | momentum * old_v + dp -> old_v + dp**2
    AdaGrad divides by the root of such a sum of squares. What does the formula here add up?
squared gradients | + dp -> + dp**2
    v is a velocity, so it has a direction. What happens to the sign of dp in your code?
only the sign of the gradient | + dp -> + np.sign(dp)
    Do a steep slope and a gentle slope add the same amount to the velocity?
only the sign of the velocity | - lr * v -> - lr * np.sign(v)
    Do a fast and a slow ball move equally far?
the velocity divided by 1 - momentum | - lr * v -> - lr * v / (1 - momentum)
    Adam divides like this because its v is a running mean. What is v here?
the gradient's length divided out | + dp -> + dp / np.linalg.norm(dp)
    The formula adds dp as it is. Should a steep slope count no more than a gentle one?
the learning rate twice | + dp -> + lr * dp
    In the two indented lines of the text, where does lr come in: when the velocity changes, or when p moves?
the learning rate on the old velocity | momentum * old_v -> lr * momentum * old_v
the learning rate squared | - lr * v -> - lr**2 * v
    How many times does lr come in?
1 - momentum in place of momentum | momentum * old_v -> (1 - momentum) * old_v
    If momentum is 0.9, how much of its speed does the ball keep?
momentum on the old velocity, the rest on the old p | old_p - lr * v -> (1 - momentum) * old_p - lr * v
    Which of the two does momentum slow down: the velocity, or the parameter itself?
"""

WHY = """
dp is d loss / d p. This is Polyak's method (1964) in the form that PyTorch uses: the learning rate is not part of the
velocity. The project changes v and p in place to avoid making new arrays.
"""
DOCS = 'docs/training.md, "The step"'
LINE = "main_np.py: p -= lr * v"
ON_DIGITS = """
Over 100 such steps, the loss of the batch falls from 2.39 to 0.27. The network then classifies 91 of 100 test digits
correctly.
"""
