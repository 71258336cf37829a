"""Rotary positions: y and dx.

RoPE encodes the position of a token by rotating its query and its key. Channels 2 i and 2 i + 1 are the coordinates of
a point in a plane. At position t (0, 1, 2 ...), this point is rotated about the origin by the angle

    angle = t * base^(-2 i / d)        for the pairs i = 0, 1, ..., d / 2 - 1

Rotated by an angle, the point (1, 0) becomes (cos, sin), and the point (0, 1) becomes (-sin, cos).

Find y. Then find dx from dy, the derivative of the loss with respect to y.

    x, dy (B, T, d)   B texts of T positions, d channels; d is even
    base              a number
"""

import numpy as np


def rotate(x, dy, base):
    """Return y and dx, (B, T, d) each."""
    # y = ...  # this takes several lines
    # dx = ...
    B, T, d = x.shape
    angles = np.arange(T)[:, None] * base ** (-np.arange(0, d, 2) / d)
    cos, sin = np.cos(angles), np.sin(angles)
    y, dx = np.empty((2, B, T, d))
    y[..., ::2] = x[..., ::2] * cos - x[..., 1::2] * sin
    y[..., 1::2] = x[..., ::2] * sin + x[..., 1::2] * cos
    dx[..., ::2] = dy[..., ::2] * cos + dy[..., 1::2] * sin
    dx[..., 1::2] = dy[..., 1::2] * cos - dy[..., ::2] * sin
    return y, dx


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from types import SimpleNamespace

from exercises import chapter8


def forward(x, base):
    """Return x (B, T, d) rotated by its positions. Each pair of channels is multiplied as a complex number."""
    T, d = x.shape[1:]
    turn = np.exp(1j * np.arange(T)[:, np.newaxis] * base ** (-np.arange(0, d, 2) / d))  # (T, d / 2)
    z = (x[..., ::2] + 1j * x[..., 1::2]) * turn
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def draw(rng):
    """Draw queries x, the right rotated queries y, and their gradient dy."""
    B, T, d = chapter8.draw_sizes(rng, [2, 3, 4, 5], [3, 4, 5, 7], [6, 8, 10])
    x = rng.normal(size=(B, T, d))
    dy = rng.normal(size=(B, T, d))
    base = float(rng.uniform(50, 200))
    return SimpleNamespace(B=B, T=T, d=d, x=x, dy=dy, base=base, y=forward(x, base))


INPUTS = [draw]
LOSS = {"x": lambda x, base, dy: (forward(x, base) * dy).sum()}
COUNTS = {"B": "texts", "T": "positions", "d": "channels"}

HINTS = """
1. A rotation takes the point (a, b) to a times the image of (1, 0) plus b times the image of (0, 1). Which rotation
   undoes it?
2. The angles form an array (T, d / 2): np.arange(T)[:, None] times base ** (-np.arange(0, d, 2) / d). x[..., ::2]
   contains the first channel of each pair, and x[..., 1::2] the second.
3. y[..., ::2] = first cos - second sin, and y[..., 1::2] = first sin + second cos. The backward pass is the same, with
   -sin instead of sin.
"""

MISTAKES = """
turned the other way | cos, sin = np.cos(angles), np.sin(angles) -> cos, sin = np.cos(angles), -np.sin(angles)
    Where does your rotation take the point (1, 0): to (cos, sin), or to (cos, -sin)?
dx turned on instead of back | + dy[..., 1::2] * sin -> - dy[..., 1::2] * sin & - dy[..., ::2] * sin -> +
        dy[..., ::2] * sin
    y is x, rotated. Which rotation takes y back to x?
dx not turned | dx = dy.copy()
    If the first channel of x grows a little, which channels of y change, and by how much each?
y not turned | y = x.copy()
    Print y for a text with two positions. What happened at the second position?
the halves paired in place of the neighbours | y = np.concatenate([x[..., : d // 2] * cos - x[..., d // 2 :] * sin,
        x[..., : d // 2] * sin + x[..., d // 2 :] * cos], axis=-1)
    Which channels form a point: 0 and 1, or 0 and d / 2?
counted from 1 | np.arange(T)[:, None] -> np.arange(1, T + 1)[:, None]
    By which angle should the first position be rotated?
the exponent without its 2 | np.arange(0, d, 2) / d -> np.arange(d // 2) / d
    Print -2 i / d for the last pair. Should it be near -1, or near -1/2?
the minus in the exponent forgotten | (-np.arange -> (np.arange
    Should the second pair rotate more slowly than the first, or faster?
all pairs turned alike | * base ** (-np.arange(0, d, 2) / d) -> * np.ones(d // 2)
all pairs turned alike | * base ** (-np.arange(0, d, 2) / d) -> * base * np.ones(d // 2)
    Each pair has its own angle. Where is i in your formula?
all positions turned alike | np.arange(T)[:, None] * -> np.ones((T, 1)) *
    Where is t in your angle?
cosine and sine exchanged | np.cos(angles), np.sin(angles) -> np.sin(angles), np.cos(angles)
    At position 0, nothing is rotated. What are cos and sin there?
the angle in degrees | cos, sin = np.cos(angles), np.sin(angles) -> cos, sin = np.cos(np.pi / 180 * angles),
        np.sin(np.pi / 180 * angles)
    NumPy takes angles in radians, and so does the formula.
the second channel's sign in y | - x[..., 1::2] * sin -> + x[..., 1::2] * sin
    (0, 1) becomes (-sin, cos). What does b times this vector add to the first channel?
the sign in the second channel of y | = x[..., ::2] * sin + -> = -x[..., ::2] * sin +
    (1, 0) becomes (cos, sin). What does a times this vector add to the second channel?
the sign in the first channel of dx | + dy[..., 1::2] * sin -> - dy[..., 1::2] * sin
    x[..., ::2] is multiplied by cos in y[..., ::2], and by sin in y[..., 1::2]. What is the sign of each?
the sign in the second channel of dx | - dy[..., ::2] * sin -> + dy[..., ::2] * sin
    x[..., 1::2] is multiplied by -sin in y[..., ::2], and by cos in y[..., 1::2]. What does the chain rule add up?
one way back alone | + dy[..., 1::2] * sin -> & - dy[..., ::2] * sin ->
    Each channel of x affects two channels of y. Does your dx contain both contributions?
"""

WHY = """
A rotation preserves lengths, and so does its backward pass: no gradient grows or vanishes here. And as far as positions
go, q . k depends only on how far apart two tokens are: if they are rotated by t and by u, the angle between them
changes by t - u.
"""
DOCS = 'docs/llama.md, "Rotary positions"'
LINE = "llama_np.py: return apply_rotary(dy, self.cos, -self.sin)"
