"""A maximum on the tape.

The largest number of each row:

    y[n] = max over j of a[n, j]

If it grows, y grows with it. If another entry of the row grows a little, y stays. In some rows two or three entries are
equal, and the largest. There max has a kink, as the ReLU has at 0, and a rule must say who gets the gradient. The rule
here: equal entries get equal parts, and the parts add up to what arrived.

    a      a Tensor; a.value (B, H) is its array
    play   a function: play(y) draws a gradient dy (B,) and goes back over your edge. It returns the value of y, and the
           gradient that arrives at a.
"""

import numpy as np

from exercises.tape import Tensor


def largest(a, play):
    """Record y, the largest entry of each row. Return its value (B,) and da (B, H)."""
    y = ...  # this may take several lines
    value, da = play(y)
    return value, da
