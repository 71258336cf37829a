"""The way back.

Now the whole walk, from the loss to the leaves. A node knows

    node.value
    node.edges    for each value that it was made from, a pair (parent, share)
    node.grad     its gradient; None, as long as nothing has arrived

Begin with the gradient of the loss. Then visit the nodes in their order. Each of them calls its shares with its own
gradient, and what they return is added to the gradients of the parents, in new arrays, as in tape_accumulate.

    loss    the node where the way back begins; its value is a single number
    order   a list of all nodes, as in tape_order: the loss first, and each node after all that used it
    a, b    two of them, the leaves: they have no parents
"""

import numpy as np


def backward(loss, order, a, b):
    """Walk, and return the gradients of the leaves: da (B, H) and db (B, H)."""
    # da = ...  # this takes several lines
    # db = ...
    loss.grad = np.ones_like(loss.value)
    for node in order:
        for parent, share in node.edges:
            dparent = share(node.grad)
            parent.grad = dparent if parent.grad is None else parent.grad + dparent
    da, db = a.grad, b.grad
    return da, db


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter5

INPUTS = chapter5.GRAPHS
LOSS = {"a": chapter5.compute_graph_loss, "b": chapter5.compute_graph_loss}
ARGUMENTS = chapter5.make_walk_arguments

HINTS = """
1. If the loss grows by 1, by how much does the loss grow? That is where loss.grad begins. Then two loops, one inside
   the other: over what?
2. For each node in the order, and for each (parent, share) in its edges: share(node.grad) is what the parent gets. If
   the parent has no gradient yet, that is its gradient; otherwise it is added.
3. parent.grad = dparent if parent.grad is None else parent.grad + dparent. At the end, da and db are a.grad and b.grad.
"""

MISTAKES = """
overwritten in place of added | dparent if parent.grad is None else parent.grad + dparent -> dparent
    If two nodes used the same parent, two shares arrive. What does the second one do to the first in yours?
only the first share kept | parent.grad + dparent -> parent.grad
    If two nodes used the same parent, two shares arrive. What becomes of the second?
averaged in place of added | parent.grad + dparent -> (parent.grad + dparent) / 2
    If two nodes used the same parent, two shares arrive. Does the chain rule take their mean, or their sum?
added in place | parent.grad + dparent -> np.add(parent.grad, dparent, out=parent.grad)
    A sum hands the same array to both of its terms. If you add to it with +=, whose gradient changes, too?
the walk does not begin with 1 | np.ones_like(loss.value) -> loss.value
    What is the derivative of the loss with respect to itself? Is it the loss?
the walk does not begin with 1 | np.ones_like(loss.value) -> 2.0
    What is the derivative of the loss with respect to itself?
nothing arrives | np.ones_like -> np.zeros_like
    All that the leaves get is 0. What is the derivative of the loss with respect to itself, and to which node is what a
    share returns added?
visited twice | for node in order -> for node in calls(loss)
    Does each node have one turn, however many edges lead to it?
visited too early | for node in order -> for node in dict.fromkeys(calls(loss))
    A node hands on what it has when it is visited. What arrives after that goes no further. Do you follow `order`?
the shares not called | share(node.grad) -> 1 * node.grad
    This hands the node's own gradient on. What does its share say?
"""

DOCS = 'docs/autograd.md, "Why the order matters"'
LINE = "autograd_np.py: self.node.grad = dy"
