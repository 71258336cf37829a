"""An order for the way back.

A tape is a graph. Each value on it is a node, which knows

    node.edges    for each value that it was made from, a pair (parent, share)
    node.number   when it was made: a node that was made later has a larger number

On the way back, one node after the other is visited, and hands its gradient on to its parents. It can do so when its
gradient is complete: when every node that used it has been visited, and not before. Then each is visited once. Find
such an order for `loss` and all that it was made from. An example:

    node    loss       w        p    q    a       b
    from    p, w, q    p, q     a    b    (leaves)

    loss   the node where the way back begins
    walk   a function: walk(order) visits the nodes of a list in this order, and returns the gradients of a and of b

Your lines should work for any graph.
"""

import numpy as np


def gradients(loss, walk):
    """Return da (B, H) and db (B, H)."""
    order = ...  # this takes several lines
    da, db = walk(order)
    return da, db
