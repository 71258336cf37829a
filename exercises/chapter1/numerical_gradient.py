"""A gradient check with central differences.

Is a gradient right? You can check it without a formula. Move one entry of an array up by h and down by h, and see how
much the loss changes. The slope between these two points is very close to the derivative with respect to that entry.
This takes two forward passes per number, so nobody trains with it. But it can check the derivatives that you found.

    f       a function without arguments; f() is the loss for the current entries of array
    array   any shape, float64
    h       a number: how far to move each entry

Change the entries of `array` in place, one at a time, and leave the array as you found it. np.ndindex(array.shape)
gives the index of every entry, for any shape. `array.flatten()` makes a copy, which f() does not see.
"""

import numpy as np


def numerical_gradient(f, array, h):
    """Return the slopes, an array of the shape of `array`."""
    # gradient = ...  # this takes several lines: a loop over all entries
    gradient = np.zeros_like(array)
    for i in np.ndindex(array.shape):
        kept = array[i]
        array[i] = kept + h
        above = f()
        array[i] = kept - h
        below = f()
        gradient[i] = (above - below) / (2 * h)
        array[i] = kept
    return gradient


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from functools import partial

from exercises import chapter1

INPUTS = [chapter1.draw_curved_function, partial(chapter1.draw_curved_function, axes=1)]
ARGUMENTS = chapter1.make_numerical_gradient_arguments
ENTRYWISE = "array"

HINTS = """
1. f() reads `array` whenever it is called. How do you find the value that f() would have if one entry were a little
   larger, or a little smaller? What must you do before you go on to the next entry?
2. For each index i (np.ndindex(array.shape) gives them all): save array[i], set it to h more, call f(), set it to h
   less, call f() again, and restore the old value. A slope is rise over run.
3. The two points are 2h apart: (above - below) / (2 * h). Collect the slopes in np.zeros_like(array).
"""

MISTAKES = """
forward differences | kept - h -> kept & (2 * h) -> h
backward differences | kept + h -> kept & (2 * h) -> h
    At which two points do you compute the loss: at h more and h less, or at the entry itself and on one side?
forward differences over 2h | kept - h -> kept
    How far apart are your two points?
divided by h | (2 * h) -> h
    How far apart are the two points: h, or 2h?
only one of the two divided | (above - below) / -> above - below /
    In a - b / c, what is divided by c?
divided by 2 and multiplied by h | (2 * h) -> 2 * h
    What does a / 2 * h mean in Python? Where do the parentheses belong?
only one of the two divided, and multiplied by h | (above - below) / (2 * h) -> above - below / 2 * h
    Which two pairs of parentheses are missing?
not divided | / (2 * h) ->
    A slope is rise over run. Where is the run?
the sign | above - below -> below - above
    Which of the two values should be subtracted from the other?
nothing but zeros | gradient = -> array = array.copy(); gradient =
    Do you write each slope into `gradient`? And which entry of `array` has changed when you call f()?
    (`array.flatten()` and `array.copy()` make copies, which f() does not see.)
a fixed h | gradient = -> h = 1e-5; gradient =
    What is `h` for? Do you use it?
entries not put back: each stays h too low | below = f() -> below, kept = f(), kept - h
entries not put back: each stays h too high | below = f() -> below, kept = f(), kept + h
    After you have finished with an entry, what value does `array` contain there?
a whole row moved at once | array[i] -> array[i[:1]] & = array[i[:1]] -> = array[i[:1]].copy()
    What is array[i] if i is a single number and the array has two axes? How many entries do you change at once?
only the first entry | gradient * (np.arange(array.size) == 0).reshape(array.shape)
    Is the return inside the loop?
all slopes added into every entry | gradient[i] = -> gradient +=
    Which entry does a slope belong to? Which entries does `gradient += ...` change?
all entries moved at once | array[i] -> array[:] & = array[:] -> = array.copy()
    Which derivative do you get if all entries of the array move by h at the same time?
one number, of all entries moved at once | array[i] -> array[:] & = array[:] -> = array.copy() & gradient[i] -> gradient
    How many derivatives does an array of this shape have?
"""

WHY = """
In the expansions of f(a + h) and f(a - h), the terms with even powers of h are equal: f(a), h^2 f''(a) / 2, and so on.
In the difference they cancel, so the error is proportional to h^2. A one-sided difference keeps the error h f''(a) / 2.
"""
DOCS = 'docs/training.md, "Check it"'
LINE = "mlp_np.py: gradient = np.zeros_like(array)"
ON_DIGITS = "On real digits, your check and db2 agree to ten decimal places."
