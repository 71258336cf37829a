"""The norm of all gradients, clipped: clipped_dW and clipped_db.

One odd batch may have a gradient so long that its step ruins what was learned. So the gradients of all parameters are
treated as one long vector. If its length, the norm, is more than `most`, the vector is scaled down to the length
`most`, and keeps its direction. Otherwise nothing changes.

    dW (I, O), db (O,)   the gradients of all parameters: here, of one linear layer
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
1. How long is a vector whose entries are all entries of dW and of db? What do you multiply it by to make it as long as
   `most`?
2. The length is the square root of the sum of all squares, of both arrays together. Both are multiplied by the same
   number; otherwise the direction would change.
3. norm = np.sqrt((dW**2).sum() + (db**2).sum()). The factor is most / norm, but never more than 1: min(1, most / norm).
"""

MISTAKES = """
each array by its own norm | clipped_dW = min(1, most / np.linalg.norm(dW)) * dW;
        clipped_db = min(1, most / np.linalg.norm(db)) * db
    The step goes along all gradients together. Do your lines keep its direction?
each entry clipped | clipped_dW, clipped_db = np.clip(dW, -most, most), np.clip(db, -most, most)
    The step goes along all gradients together. Is its direction the same if only the largest entries change?
short ones made longer | min(1, most / norm) -> most / norm
    If the norm is less than `most`, what should happen?
nothing clipped | min(1, most / norm) -> 1
    Print the norm of what you return. Is it more than `most`?
larger in place of smaller | min(1, -> max(1,
    If the norm is twice `most`, what should the factor be?
the square of the norm | np.sqrt((dW**2).sum() + (db**2).sum()) -> (dW**2).sum() + (db**2).sum()
    A vector (3, 4) has length 5. What do your lines give?
the two norms added | np.sqrt((dW**2).sum() + (db**2).sum()) -> np.sqrt((dW**2).sum()) + np.sqrt((db**2).sum())
    The vectors (3) and (4) together have length 5, not 7. What is added up first?
the absolute values added | np.sqrt((dW**2).sum() + (db**2).sum()) -> np.abs(dW).sum() + np.abs(db).sum()
    A vector (3, 4) has length 5. What do your lines give?
the largest entry in place of the norm | np.sqrt((dW**2).sum() + (db**2).sum()) ->
        max(np.abs(dW).max(), np.abs(db).max())
    A vector (3, 4) has length 5. What do your lines give?
the root mean square in place of the norm | np.sqrt((dW**2).sum() + (db**2).sum()) ->
        np.sqrt(((dW**2).sum() + (db**2).sum()) / (dW.size + db.size))
    Is a length a sum of squares, or their mean?
only the norm of dW | (dW**2).sum() + (db**2).sum() -> (dW**2).sum()
    Which gradients belong to the vector?
always of length 1 | most / norm -> 1 / norm
    How long should the vector become?
upside down | most / norm -> norm / most
    If the norm is twice `most`, what should the factor be?
PyTorch's 1e-6 | most / norm -> most / (norm + 1e-6)
    PyTorch adds this to the norm, so that nothing is divided by 0. Which length do you get, and which should it be?
only dW clipped | clipped_db = 1 * db
only db clipped | clipped_dW = 1 * dW
    There is one factor for all arrays. Is each array multiplied by it?
"""

WHY = """
A clipped step has the same direction, but is shorter. PyTorch's clip_grad_norm_ works in place, adds 1e-6 to the norm,
and returns the norm before the clipping, which is worth plotting.
"""
DOCS = 'docs/nanogpt.md, "The norm of all gradients"'
