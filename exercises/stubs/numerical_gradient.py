"""The judge, central differences.

Is a gradient right? There is a judge who knows no formula. Move one entry of an array up by h, and down by h, and see
how much the loss changes: the slope between these two points is very nearly the derivative with respect to that entry.
It takes two forward passes for each number, so nobody trains with it. But it is how you check what you have derived.

    f       a function without arguments; f() is the loss for what array holds at that moment
    array   any shape, float64
    h       a number: how far to move

Change the entries of `array` in place, one at a time, and leave the array as you found it. np.ndindex(array.shape)
gives the index of every entry, whatever the shape. `array.flatten()` is a copy, which f() does not see.
"""

import numpy as np


def numerical_gradient(f, array, h):
    """Return the slopes, an array of the shape of `array`."""
    gradient = ...  # this takes several lines: a loop over all entries
    return gradient
