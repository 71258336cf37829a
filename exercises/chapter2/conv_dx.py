"""The dx of a convolution.

This is the convolution of `conv_dW`, written with x itself (beyond its edges, x counts as 0):

    y[b, i, j, o] = the sum over u, v, c of x[b, i + u - 1, j + v - 1, c] * W[u, v, c, o]      u, v = 0, 1, 2

You know dy. Find dx.

    dy (B, H, W, O)    the derivative of the loss with respect to y
    W  (3, 3, C, O)
"""

import numpy as np


def conv_dx(dy, W):
    """Return dx (B, H, W, C)."""
    # dx = ...  # this takes several lines; loops are welcome
    B, height, width, O = dy.shape
    padded = np.pad(dy, ((0, 0), (1, 1), (1, 1), (0, 0)))
    dx = np.zeros((B, height, width, W.shape[2]))
    for u in range(3):
        for v in range(3):
            dx += padded[:, 2 - u : 2 - u + height, 2 - v : 2 - v + width] @ W[u, v].T
    return dx


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter2

INPUTS = [chapter2.draw_convolution]
LOSS = {"x": lambda x, W, dy: (chapter2.convolve(x, W) * dy).sum()}
COUNTS = {"H": "rows of pixels"}

HINTS = """
1. y[i, j] = sum over u, v of x[i + u - 1, j + v - 1] W[u, v]. Now look at it from x: which entries of y does x[i, j]
   contribute to, and through which weight?
2. dx[i, j] = sum over u, v of dy[i + 1 - u, j + 1 - v] @ W[u, v].T. Give dy a border of zeros (np.pad), so that the
   slices do not go beyond the edge.
3. Start with np.zeros of the right shape. For each u and v, add padded_dy[:, 2 - u : 2 - u + height, 2 - v : 2 - v +
   width] @ W[u, v].T.
"""

MISTAKES = """
the kernel not turned | 2 - u -> u & 2 - v -> v
    Through which W[u, v] did x[i, j] reach y[i + 1, j + 1]?
the kernel turned upside down only | 2 - v -> v
the kernel turned left to right only | 2 - u -> u
    Both axes of the kernel have to be reversed. Which of them have you reversed?
u in both slices | 2 - v -> 2 - u
v in both slices | 2 - u -> 2 - v
    Which of u and v moves down, and which across? Does each have a slice of its own?
the kernel transposed | 2 - u -> v & 2 - v -> u
    Does the kernel need a half turn, or a reflection in the diagonal?
only the centre | dx += -> dx += (u == v == 1) *
    How many entries of y does one x contribute to?
the border left out | padded = -> dy[:, [0, -1]] = dy[:, :, [0, -1]] = 0; padded =
    The entries of y at the edge have a dy, too. Which x does it go back to?
y's channels not kept apart | @ W[u, v].T -> .sum(axis=3, keepdims=True) * W[u, v].sum(axis=1)
    Each channel of y has its own weights. Does your code use all of them?
each gradient left at its own place | dx += padded[:, 2 - u : 2 - u + height, 2 - v : 2 - v + width] @ W[u, v].T ->
        rows, columns = slice(u == 0, height - (u == 2)), slice(v == 0, width - (v == 2));
        dx[:, rows, columns] += dy[:, rows, columns] @ W[u, v].T
    y[i, j] was computed from nine entries of x. Which of them does its gradient go back to, and through which W[u, v]?
= where += belongs | dx += -> dx =
= where += belongs | dx += -> i, j = u // 2, v // 2; dx[:, i:, j:] = ( & @ W[u, v].T -> @ W[u, v].T)[:, i:, j:]
= where += belongs | range(3) -> (1, 0) & dx += -> dx[:, : height - 1 + u, : width - 1 + v] = ( & @ W[u, v].T -> @ W[u,
        v].T)[:, : height - 1 + u, : width - 1 + v]
= where += belongs | dx += -> dx = & @ W[u, v].T -> [..., -1:] * W[u, v, :, -1]
= where += belongs | dx += -> i, j = u // 2, v // 2; dx[:, i:, j:] = ( & @ W[u, v].T -> [..., -1:] * W[u, v, :, -1])[:,
        i:, j:]
= where += belongs | range(3) -> (1, 0) & dx += -> dx[:, : height - 1 + u, : width - 1 + v] = ( & @ W[u, v].T -> [...,
        -1:] * W[u, v, :, -1])[:, : height - 1 + u, : width - 1 + v]
    Nine paths lead from an x to y. How many of them are left after your loop?
only the first neighbours | dx += -> dx += (u == 0) *
only the first neighbours | dx += -> dx += (u == v == 0) *
    Is the return inside a loop?
padded or cut on one side | (1, 1), (1, 1) -> (2, 0), (2, 0)
padded or cut on one side | (1, 1), (1, 1) -> (0, 2), (0, 2)
    The kernel reaches one pixel in each direction. On which sides do you add rows and columns, or cut them off?
averaged over the neighbours | dx / 9
    Do you add the nine paths from x to y, or average them?
shifted | np.roll(dx, 1, axis=1)
    Is the padding the same on both sides?
the edge of dy repeated around it | (0, 0))) -> (0, 0)), mode="edge")
    Beyond the edge there is no y. What should dy be there?
dy wrapped round at its edges | (0, 0))) -> (0, 0)), mode="wrap")
dy mirrored at its edges | (0, 0))) -> (0, 0)), mode="reflect")
only the four direct neighbours | dx += -> dx += (u == 1 or v == 1) *
only the four corners | dx += -> dx += (u != 1 and v != 1) *
    How many entries of y does one x get a gradient from?
averaged over the channels | dx / O
    Do you add the channels of y, or average them?
a negative index | dx += padded[:, 2 - u : 2 - u + height, 2 - v : 2 - v + width] @ W[u, v].T ->
        t = np.roll(dy @ W[u, v].T, (u - 1, v - 1), (1, 2)); t[:, : u // 2] = 0; t[:, :, : v // 2] = 0; dx += t
    dx[:, -1] is the last row. For which i and u is i + u - 1 below 0, and which row does NumPy use then?
"""

DOCS = 'docs/resnet.md, "Convolution"'
LINE = "resnet_np.py: if stride == 1:"
