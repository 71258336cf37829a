"""The backward pass.

Now write the whole backward pass, from the loss to the leaves. Each node has

    node.value
    node.edges    a list of pairs (parent, share), one for each value that it was computed from; share is the VJP
    node.grad     its gradient; None until a contribution arrives

Start with the gradient of the loss. Then visit the nodes in the given order. For each node, call its VJPs with its
gradient, and add the results to the gradients of its parents. Make new arrays for this, as in tape_accumulate.

    loss    the node where the backward pass starts; its value is a single number
    order   a list of all nodes, as in tape_order: the loss first, and each node after all nodes that used it
    a, b    two of the nodes, the leaves; they have no parents
"""

import numpy as np


def backward(loss, order, a, b):
    """Run the backward pass, and return the gradients of the leaves: da (B, H) and db (B, H)."""
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
1. What is the derivative of the loss with respect to itself? That is loss.grad. Then you need two nested loops.
   What do they run over?
2. Go through the nodes in this order, and for each node through the pairs (parent, share) in its edges:
   share(node.grad) is the contribution to the parent's gradient. If the parent has no gradient yet, this contribution
   is its gradient; otherwise add it to the gradient.
3. parent.grad = dparent if parent.grad is None else parent.grad + dparent. At the end, da and db are a.grad and b.grad.
"""

MISTAKES = """
overwritten in place of added | dparent if parent.grad is None else parent.grad + dparent -> dparent
    If two nodes used the same parent, two contributions arrive. What does the second one do to the first in your code?
only the first share kept | parent.grad + dparent -> parent.grad
    If two nodes used the same parent, two contributions arrive. What happens to the second?
averaged in place of added | parent.grad + dparent -> (parent.grad + dparent) / 2
    If two nodes used the same parent, two contributions arrive. Does the chain rule take the mean of the two, or their
    sum?
added in place | parent.grad + dparent -> np.add(parent.grad, dparent, out=parent.grad)
    A sum passes the same array to both of its terms. If you add to this array with +=, which other gradient changes?
the walk does not begin with 1 | np.ones_like(loss.value) -> loss.value
    What is the derivative of the loss with respect to itself? Is it the loss?
the walk does not begin with 1 | np.ones_like(loss.value) -> 2.0
    What is the derivative of the loss with respect to itself?
nothing arrives | np.ones_like -> np.zeros_like
    The leaves get only zeros. What is the derivative of the loss with respect to itself? And which node's gradient do
    you add the result of a VJP to?
visited twice | for node in order -> for node in calls(loss)
    Do you visit each node only once, no matter how many edges lead to it?
visited too early | for node in order -> for node in dict.fromkeys(calls(loss))
    A node passes on the gradient that it has when it is visited. A contribution that arrives later is not passed on. Do
    you follow `order`?
the shares not called | share(node.grad) -> 1 * node.grad
    This passes the node's own gradient on unchanged. What does its VJP return?
"""

DOCS = 'docs/autograd.md, "Why the order matters"'
LINE = "autograd_np.py: self.node.grad = dy"
