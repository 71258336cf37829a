"""The dW of a convolution.

In a 3 x 3 convolution, x gets a border of zeros (`padded`), so that y has the same height and width as x:

    y[b, i, j, o] = the sum over u, v, c of padded[b, i + u, j + v, c] * W[u, v, c, o]      u, v = 0, 1, 2

You know dy. Find dW.

    padded (B, H + 2, W + 2, C)
    dy     (B, H, W, O)           the derivative of the loss with respect to y
"""

import numpy as np


def conv_dW(padded, dy):
    """Return dW (3, 3, C, O)."""
    # dW = ...  # this takes several lines; loops are welcome
    dW = np.zeros((3, 3, padded.shape[3], dy.shape[3]))
    for u in range(3):
        for v in range(3):
            seen = padded[:, u : u + dy.shape[1], v : v + dy.shape[2]]
            dW[u, v] = seen.reshape(-1, seen.shape[3]).T @ dy.reshape(-1, dy.shape[3])
    return dW


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter2

INPUTS = [chapter2.draw_convolution]
LOSS = {"W": lambda x, W, dy: (chapter2.convolve(x, W) * dy).sum()}
COUNTS = {"H": "rows of pixels"}

HINTS = """
1. y[b, i, j, o] = sum over u, v, c of padded[b, i + u, j + v, c] W[u, v, c, o]. Which entries of y does one weight W[u,
   v, c, o] affect, and how much does each change?
2. dW[u, v, c, o] = sum over b, i, j of padded[b, i + u, j + v, c] dy[b, i, j, o]. For each u and v, take a slice of
   padded with the height and width of dy, and compute dW as in `dW1_db1`.
3. Write two loops, over u and v. In the inner loop, reshape the slice padded[:, u : u + height, v : v + width] and dy
   to (-1, channels), transpose one of them, and multiply.
"""

MISTAKES = """
the kernel turned | dW[::-1, ::-1]
    Does W[0, 0] look at the upper left neighbour, or at the lower right one?
rows and columns exchanged | dW.swapaxes(0, 1)
    Which of u and v moves down, and which across?
u in both slices | v : v -> u : u
v in both slices | u : u -> v : v
    Which of u and v moves down, and which across? Does each have a slice of its own?
upside down | dW[::-1]
    Does W[0, 1] look at the neighbour above, or below?
left and right exchanged | dW[:, ::-1]
    Does W[1, 0] look at the left neighbour, or the right?
in and out exchanged | dW.swapaxes(2, 3)
    W is (3, 3, C, O): which comes first, x's channels or y's?
only the first image | dy.reshape -> dy[:1].reshape & padded[: -> padded[:1
    All images share W. Do all of them contribute to dW?
only the last image | dy.reshape -> dy[-1:].reshape & padded[: -> padded[-1:
    Does the loop add up what each image contributes?
averaged over the images | dW / B
    dy already includes the 1/B of the mean. How do you combine the images?
averaged over all positions | dW / (dy.size / dy.shape[3])
    A weight affects the output at every position. Do the effects add up?
the border left out | dW = np -> dy[:, [0, -1]] = dy[:, :, [0, -1]] = 0; dW = np
    Does W contribute to y only inside the image, or also at its edges?
only the centre | dW[u, v] = seen -> if u == v == 1: dW[u, v] = seen
    W[0, 0] sees a different part of x than W[1, 1] does. Which part?
the border counted twice | seen = padded -> seen = np.roll(padded, 1, axis=(1, 2))
    padded already has a border. Where in padded is the upper left neighbour of pixel (i, j): at [i, j], or at [i - 1, j
    - 1]?
only the last position | seen.reshape -> seen[:, -1, -1:].reshape & dy.reshape -> dy[:, -1, -1:].reshape
only the last position | seen.reshape -> seen[-1:, -1, -1:].reshape & dy.reshape -> dy[-1:, -1, -1:].reshape
    W affects the output at every position. Does your loop add up the contributions, or overwrite them?
only the first neighbours | dW * (np.arange(3) == 0)[:, None, None, None]
only the first neighbours | dW * (np.arange(9) == 0).reshape(3, 3, 1, 1)
    Is the return inside a loop?
the same for all neighbours | u : u -> 1 : 1 & v : v -> 1 : 1
the same for all neighbours | u : u -> 0 : 0 & v : v -> 0 : 0
    Does your slice of x depend on u and v?
averaged over the positions of an image | dW / (dy.shape[1] * dy.shape[2])
    A weight affects the output at every position. Do the effects add up?
averaged over the neighbours | dW / 9
    Each of the nine weights has its own gradient. Why take an average?
only the first position | seen.reshape -> seen[:, :1, :1].reshape & dy.reshape -> dy[:, :1, :1].reshape
    W affects the output at every position. Is the return inside a loop?
every second position, as with a stride of 2 | seen.reshape -> seen[:, ::2, ::2].reshape & dy.reshape -> dy[:, ::2,
        ::2].reshape
    How far does the kernel move from one y to the next: one pixel, or two?
the image wrapped round at its edges | dW = np -> padded[:, 0], padded[:, -1] = padded[:, -2], padded[:, 1]; padded[:,
        :, 0], padded[:, :, -1] = padded[:, :, -2], padded[:, :, 1]; dW = np
    What lies beyond the edge of the image: zeros, or the opposite edge?
the edge of the image repeated around it | dW = np -> padded[:, 0], padded[:, -1] = padded[:, 1], padded[:, -2];
        padded[:, :, 0], padded[:, :, -1] = padded[:, :, 1], padded[:, :, -2]; dW = np
    What lies beyond the edge of the image: zeros, or its last pixels again?
a product of sums | seen.reshape(-1, seen.shape[3]).T @ dy.reshape(-1, dy.shape[3]) -> np.outer(seen.sum((0, 1, 2)),
        dy.sum((0, 1, 2)))
a product of sums | seen.reshape(-1, seen.shape[3]).T @ dy.reshape(-1, dy.shape[3]) -> seen.sum((1, 2)).T @ dy.sum((1,
        2))
    Each weight multiplies one pixel for each entry of y. Which pixel is dy multiplied by, before anything is summed?
"""

WHY = "The project writes the neighbourhoods of a few images as rows; then their part of dW is a single matrix product."
DOCS = 'docs/resnet.md, "Convolution"'
LINE = "resnet_np.py: dW = (neighbourhoods"
