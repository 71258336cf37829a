"""The sum of a broadcast.

In x @ W1 + b1, NumPy adds the biases (H,) to each row. It stretches them to (B, H), and the gradient that comes
back has the shape (B, H), too. But the biases have the shape (H,), and their gradient needs the same shape. Solve this
for any shapes: an array `a` was stretched to the shape of dy. What is its gradient?

    dy     any shape    the derivative of the loss with respect to the stretched array
    shape  a tuple      the shape of a, before it was stretched

NumPy aligns shapes from the right. An array is repeated along the axes that it lacks, and along the axes where it has
length 1:

    shape       (H,)    (B, 1)    (1, 1)    ()        (B, H)    (T, 1)       (B, 1, C)    (C,)
    dy.shape    (B, H)  (B, H)    (B, H)    (B, H)    (B, H)    (B, T, C)    (B, T, C)    (B, T, C)
"""

import numpy as np


def unbroadcast(dy, shape):
    """Return da, an array of that shape."""
    # da = ...  # this may take several lines
    front = tuple(range(dy.ndim - len(shape)))
    da = dy.sum(axis=front)
    ones = tuple(axis for axis, length in enumerate(shape) if length == 1)
    da = da.sum(axis=ones, keepdims=True)
    return da


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from functools import partial
from types import SimpleNamespace

shapes = (("C", "BC"), ("B1", "BC"), ("BC", "BC"), ("T1", "BTC"), ("B1C", "BTC"), ("11", "BC"), ("C", "BTC"))


def draw(rng, shape, whole):
    """Draw an array and the gradient dy of its broadcast copy.

    shape, whole: the axes of the array and of dy, as letters of B, T and C, or 1.
    """
    sizes = dict(zip("BTC", rng.permutation([2, 3, 4, 5, 7])[:3].tolist(), strict=True))
    a = rng.normal(size=[sizes.get(letter, 1) for letter in shape])
    dy = rng.normal(size=[sizes.get(letter, 1) for letter in whole])
    return SimpleNamespace(**sizes, a=a, dy=dy, shape=a.shape)


INPUTS = [partial(draw, shape=shape, whole=whole) for shape, whole in shapes]
LOSS = {"a": lambda a, dy: ((a + np.zeros(dy.shape)) * dy).sum()}
COUNTS = {"B": "rows"}

HINTS = """
1. b1[j] is added in each of the B rows, so it reaches the loss along B paths. How does the chain rule combine several
   paths?
2. A repetition in the forward pass becomes a sum in the backward pass. The array lacks the first dy.ndim - len(shape)
   axes of dy. And along which of its own axes was it repeated?
3. Sum over the missing axes first. Then sum over each axis where shape has a 1, with keepdims=True. `sum` accepts a
   tuple of axes; if the tuple is empty, it sums nothing.
"""

MISTAKES = """
not summed | dy.sum(axis=front) -> 1 * dy & da.sum(axis=ones, keepdims=True) -> da
    There is only one array, but dy has a gradient for each copy of it. How do you combine these gradients?
a mean in place of the sum | .sum( -> .mean(
    If a bias grows by 1, all B rows grow by 1. Do you add their effects, or average them?
summed over the wrong axis | front = tuple(range(dy.ndim - len(shape))) -> front = tuple(range(len(shape), dy.ndim))
    Shapes are aligned from the right. At which end are the axes that the array lacks?
keepdims forgotten | axis=ones, keepdims=True -> axis=ones
    The array has an axis of length 1 there. Is it still there after your sum?
axes of length 1 forgotten | da.sum(axis=ones, keepdims=True) -> da
    [This is right where the array lacks an axis.] But what if it has an axis of length 1 that was stretched?
missing axes forgotten | dy.sum(axis=front) -> 1 * dy & enumerate(shape) -> enumerate((0,) * len(front) + shape)
    [This is right where the array has as many axes as dy.] But what if it has fewer?
only the first copy | dy.sum(axis=front) -> dy[(0,) * len(front)] & da.sum(axis=ones, keepdims=True) -> da[tuple(slice(1
        if n == 1 else None) for n in shape)]
    This is the gradient of one copy of the array. Where are the gradients of the other copies?
everything summed | np.full(shape, dy.sum())
    Along which axes was the array repeated? Its own entries are not copies of each other.
"""

DOCS = 'docs/autograd.md, "Why a broadcast becomes a sum"'
LINE = "autograd_np.py: full_shape = (1,)"
