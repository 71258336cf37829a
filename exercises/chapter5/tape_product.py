"""The two VJPs of a product.

A tape can differentiate any formula, because it has the derivative of each operation. The first operation is y = a * b,
entry by entry. You know dy, the derivative of the loss with respect to y. What does this add to the derivatives with
respect to a and b? A function that returns such a contribution is a vector-Jacobian product (VJP).

    a, b  (B, H)
    dy    (B, H)
"""

import numpy as np


def product(a, b, dy):
    """Return da (B, H) and db (B, H)."""
    da = dy * b
    db = dy * a
    return da, db


# ---- what follows is not handed out ----------------------------------------------------------------------------------
def loss(a, b, dy):
    return (a * b * dy).sum()


LOSS = {"a": loss, "b": loss}
ENTRYWISE = "a"

HINTS = """
1. If one entry of a grows by 1 and b does not change, by how much does that entry of y = a * b grow? And how does the
   loss then change, according to dy?
2. y grows b times as much as a. So the path from the loss to a has two factors, dy and b.
3. da is dy times the other factor, entry by entry; db is the same with a and b exchanged.
"""

MISTAKES = """
the parents swapped | da, db = dy * a, dy * b
    Let a = 2 and b = 5. If a grows by 1, a * b grows from 10 to 15. Is that growth equal to a, or to b?
dy forgotten | da, db = 1 * b, 1 * a
dy forgotten, and the parents swapped | da, db = 1 * a, 1 * b
    This is how y changes. How does the loss change with y?
the shares of a sum | da, db = 1 * dy, 1 * dy
    If a grows by 1, does a * b grow by 1?
y itself | da, db = a * b, a * b
    This is the product. How much does it change if a grows by 1, and how much does the loss then change?
multiplied by both | da, db = dy * a * b, dy * a * b
    You want the derivative of a * b, not a * b itself. By how much does a * b grow if a grows by 1?
the shares of a quotient | da, db = dy / b, dy / a
divided by itself | da, db = dy / a, dy / b
    If b is twice as large, does y grow twice as much with a, or half as much?
the two shares added up | da, db = dy * (a + b), dy * (a + b)
    The product rule has a sum when the same variable is in both factors. Here a and b are two different variables.
    Which of the two terms belongs to a?
"""

DOCS = 'docs/autograd.md, "A value that remembers"'
LINE = "autograd_np.py: def __mul__"
