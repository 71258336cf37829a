"""A product's two shares.

A tape can differentiate any formula, because it knows the derivative of each operation. The first one: y = a * b, entry
by entry. You know dy, the derivative of the loss with respect to y. What does it add to the derivatives with respect to
a and to b? These two are the shares of a and of b.

    a, b  (B, H)
    dy    (B, H)
"""

import numpy as np


def product(a, b, dy):
    """Return da (B, H) and db (B, H)."""
    da = ...
    db = ...
    return da, db
