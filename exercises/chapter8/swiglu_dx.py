"""Backpropagation through SwiGLU: dx.

The MLP of today's language models has three matrices. One linear layer computes a from x, and another computes u.
silu(a) is a gate that u has to pass:

    a = x @ Wg        u = x @ Wu        silu(a) = a * sigmoid(a), with sigmoid(a) = 1 / (1 + exp(-a))
    y = (silu(a) * u) @ Wd

You know dy. Find dx.

    x, dy  (N, C)   N rows; dy is the derivative of the loss with respect to y
    Wg, Wu (C, H)
    Wd     (H, C)
"""

import numpy as np


def swiglu_dx(x, dy, Wg, Wu, Wd):
    """Return dx (N, C)."""
    # dx = ...  # this takes several lines
    a, u = x @ Wg, x @ Wu
    sigmoid = 1 / (1 + np.exp(-a))
    dproduct = dy @ Wd.T
    du = dproduct * a * sigmoid
    slope = sigmoid + a * sigmoid * (1 - sigmoid)
    da = dproduct * u * slope
    dx = da @ Wg.T + du @ Wu.T
    return dx


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from types import SimpleNamespace

from exercises import chapter8


def draw(rng):
    """Draw the input, the weights and dy of a SwiGLU."""
    N, C, H = chapter8.draw_sizes(rng, [2, 3, 4, 5], [3, 4, 5, 6], [6, 7, 8, 9])
    x = rng.normal(size=(N, C))
    dy = rng.normal(size=(N, C))
    Wg, Wu, Wd = (
        rng.normal(0, 1.2 / np.sqrt(len_in), (len_in, len_out)) for len_in, len_out in ((C, H), (C, H), (H, C))
    )
    return SimpleNamespace(N=N, C=C, H=H, x=x, dy=dy, Wg=Wg, Wu=Wu, Wd=Wd)


def loss(x, Wg, Wu, Wd, dy):
    a = x @ Wg
    return (a / (1 + np.exp(-a)) * (x @ Wu) @ Wd * dy).sum()


INPUTS = [draw]
LOSS = {"x": loss}
COUNTS = {"N": "rows", "C": "channels", "H": "hidden units"}

HINTS = """
1. Work backwards: first through Wd, then through a product of two factors, then through silu on one of the two paths.
   In the end, both paths arrive at x.
2. In a product, the gradient of each factor is the gradient of the product times the other factor. The slope of silu
   comes from the product rule; the slope of the sigmoid is sigmoid (1 - sigmoid).
3. dproduct = dy @ Wd.T; du = dproduct silu(a); da = dproduct u (sigmoid + a sigmoid (1 - sigmoid)); and dx is
   da @ Wg.T + du @ Wu.T.
"""

MISTAKES = """
the way through the gate lost | da @ Wg.T + ->
    x is used twice. Does a nudge of x also change a?
the way through u lost | + du @ Wu.T ->
    x is used twice. Does a nudge of x also change u?
the two ways subtracted | + du @ -> - du @
    Two paths lead from x to y. Do you add their effects, or subtract them?
the matrices exchanged | da @ Wg.T + du @ Wu.T -> da @ Wu.T + du @ Wg.T
    Which matrix computes a from x? So which matrix does da go back through?
each factor given its own value | dproduct * a * sigmoid -> dproduct * u & dproduct * u * slope -> dproduct * a
        * sigmoid * slope
    In y = s u, what is d y / d u: u, or s?
u forgotten in da | * u * slope -> * slope
    The gate is multiplied by u. How much does the product grow if the gate grows by 1?
the gate forgotten in du | dproduct * a * sigmoid -> dproduct
    u is multiplied by the gate. How much does the product grow if u grows by 1?
a where silu(a) belongs | dproduct * a * sigmoid -> dproduct * a
the sigmoid where silu(a) belongs | dproduct * a * sigmoid -> dproduct * sigmoid
    What exactly is u multiplied by in the forward pass?
the slope of the sigmoid alone | sigmoid + a * sigmoid * (1 - sigmoid) -> sigmoid * (1 - sigmoid)
    silu(a) = a sigmoid(a) is a product of two functions of a. What is the derivative of a product?
the sigmoid alone as the slope | + a * sigmoid * (1 - sigmoid) ->
    If a grows, does sigmoid(a) stay the same?
the first term of the slope lost | sigmoid + a * -> a *
    What is the slope of silu at a = 5, where the sigmoid is nearly 1 and flat?
a forgotten in the slope | + a * sigmoid * (1 -> + sigmoid * (1
    The product rule: what is the slope of the sigmoid multiplied by?
a sign in the slope | sigmoid + a * -> sigmoid - a *
    Where a is positive, both a and sigmoid(a) grow. Do the two effects add up?
the slope of tanh | * (1 - sigmoid) -> * (1 - sigmoid**2)
    1 - t^2 is the slope of tanh. What is the slope of the sigmoid?
the gate a ReLU | sigmoid + a * sigmoid * (1 - sigmoid) -> (a > 0) * 1.0
    Is silu flat below 0?
silu without its slope | * u * slope -> * u
    What is the slope of silu at 0? And far below 0?
the sign in the exponent | np.exp(-a) -> np.exp(a)
    Where a is large, is the gate open or closed? What does your sigmoid say?
the gate sigmoid(a) in place of silu(a) | slope = sigmoid * (1 - sigmoid); da = dproduct * u * slope;
        dx = da @ Wg.T + (dproduct * sigmoid) @ Wu.T
    That is the original gated linear unit. What is the gate here: sigmoid(a), or a sigmoid(a)?
"""

WHY = """
The gradient of each factor is the gradient of the product times the other factor. So where a gate is closed, no
gradient flows back to u, and where u is 0, the gate learns nothing.
"""
DOCS = 'docs/llama.md, "SwiGLU"'
LINE = "llama_np.py: da = dproduct * self.u * self.sigmoid * (1 + self.a * (1 - self.sigmoid))"
