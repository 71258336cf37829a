"""The way back.

Now the whole walk, from the loss to the leaves. A node knows

    node.value
    node.edges    for each value that it was made from, a pair (parent, share)
    node.grad     its gradient; None, as long as nothing has arrived

Begin with the gradient of the loss. Then visit the nodes in their order. Each of them calls its shares with its own
gradient, and what they return is added to the gradients of the parents.

    loss    the node where the way back begins; its value is a single number
    order   a list of all nodes, as in tape_order: the loss first, and each node after all that used it
    a, b    two of them, the leaves: they have no parents
"""

import numpy as np


def backward(loss, order, a, b):
    """Walk, and return the gradients of the leaves: da (B, H) and db (B, H)."""
    da = ...  # this takes several lines
    db = ...
    return da, db
