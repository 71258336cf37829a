"""A matrix product on the tape.

The product of two matrices has two parents, and so two pairs:

    Tensor(value, (a, share of a), (b, share of b))

But in x @ W1 the images x are a constant: a plain array and no Tensor. Nobody asks for the gradient of a constant, and
it gets no pair. That saves the largest matrix product of the way back. Here b is a Tensor, and a may be either.

    a      a Tensor or a plain array; value_of(a) is its array (B, H) in both cases
    b      a Tensor; value_of(b) is (H, K)
    play   a function: play(y) draws a gradient dy and goes back over your edges. It returns the value of y, and the
           gradients that arrive at a and b: zeros, if no pair leads there.
"""

import numpy as np

from exercises.tape import Tensor, value_of


def matmul(a, b, play):
    """Record y = a @ b. Return its value (B, K), da (B, H) and db (H, K)."""
    y = ...  # this may take several lines; isinstance(a, Tensor) says whether a is one
    value, da, db = play(y)
    return value, da, db
