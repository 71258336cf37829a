"""The norm of all gradients, clipped: clipped_dW and clipped_db.

A single unusual batch may have such a large gradient that its step ruins what the network has learned. So the gradients
of all parameters are treated as one long vector. If the length of this vector (its norm) is more than `most`, the
vector is scaled down to the length `most`; its direction stays the same. Otherwise nothing changes.

    dW (I, O), db (O,)   the gradients of all parameters, here of one linear layer
    most                 a number above 0
"""

import numpy as np


def clip_norm(dW, db, most):
    """Return clipped_dW (I, O) and clipped_db (O,). (You may change dW and db in place.)"""
    # clipped_dW = ...  # this takes several lines
    # clipped_db = ...
    norm = np.sqrt((dW**2).sum() + (db**2).sum())
    factor = min(1, most / norm)
    clipped_dW = factor * dW
    clipped_db = factor * db
    return clipped_dW, clipped_db


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter7

INPUTS = chapter7.CLIPPED
MAY_CHANGE = ["dW", "db"]

HINTS = """
1. How long is a vector that contains all entries of dW and of db? What do you multiply it by so that its length is
   `most`?
2. The length is the square root of the sum of all squares, for both arrays together. Multiply both arrays by the same
   number; otherwise the direction would change.
3. norm = np.sqrt((dW**2).sum() + (db**2).sum()). The factor is most / norm, but never more than 1: min(1, most / norm).
"""

MISTAKES = """
each array by its own norm | clipped_dW = min(1, most / np.linalg.norm(dW)) * dW;
        clipped_db = min(1, most / np.linalg.norm(db)) * db
    The step goes along all gradients together. Does your code keep its direction?
each entry clipped | clipped_dW, clipped_db = np.clip(dW, -most, most), np.clip(db, -most, most)
    The step goes along all gradients together. Is its direction the same if only the largest entries change?
short ones made longer | min(1, most / norm) -> most / norm
    If the norm is less than `most`, what should happen?
nothing clipped | min(1, most / norm) -> 1
    Print the norm of what you return. Is it more than `most`?
larger in place of smaller | min(1, -> max(1,
    If the norm is twice `most`, what should the factor be?
the square of the norm | np.sqrt((dW**2).sum() + (db**2).sum()) -> (dW**2).sum() + (db**2).sum()
    A vector (3, 4) has length 5. What does your code give?
the two norms added | np.sqrt((dW**2).sum() + (db**2).sum()) -> np.sqrt((dW**2).sum()) + np.sqrt((db**2).sum())
    Together, the vectors (3) and (4) have length 5, not 7. What is added up first?
the absolute values added | np.sqrt((dW**2).sum() + (db**2).sum()) -> np.abs(dW).sum() + np.abs(db).sum()
    A vector (3, 4) has length 5. What does your code give?
the largest entry in place of the norm | np.sqrt((dW**2).sum() + (db**2).sum()) ->
        max(np.abs(dW).max(), np.abs(db).max())
    A vector (3, 4) has length 5. What does your code give?
the root mean square in place of the norm | np.sqrt((dW**2).sum() + (db**2).sum()) ->
        np.sqrt(((dW**2).sum() + (db**2).sum()) / (dW.size + db.size))
    Does a length use the sum of the squares, or their mean?
only the norm of dW | (dW**2).sum() + (db**2).sum() -> (dW**2).sum()
    Which gradients are part of the vector?
always of length 1 | most / norm -> 1 / norm
    How long should the vector be after clipping?
upside down | most / norm -> norm / most
    If the norm is twice `most`, what should the factor be?
PyTorch's 1e-6 | most / norm -> most / (norm + 1e-6)
    PyTorch adds 1e-6 to the norm to avoid a division by 0. Which length do you get, and which length should it be?
only dW clipped | clipped_db = 1 * db
only db clipped | clipped_dW = 1 * dW
    There is one factor for all arrays. Do you multiply each array by it?
"""

WHY = """
A clipped step has the same direction, but it is shorter. PyTorch's clip_grad_norm_ works in place, adds 1e-6 to the
norm, and returns the norm before clipping, which is worth plotting.
"""
DOCS = 'docs/nanogpt.md, "The norm of all gradients"'
