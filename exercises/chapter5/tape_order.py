"""An order for the backward pass.

A tape is a graph. Each value on the tape is a node, which has

    node.edges    a list of pairs (parent, share), one for each value that it was computed from; share is the VJP
    node.number   its number; a node that was made later has a larger number

The backward pass visits one node after the other, and each node passes its gradient on to its parents. Before a node
can do so, its gradient must be complete: every node that used it must have been visited. Then one visit per node is
enough. Find such an order for `loss` and all nodes that it was computed from. An example:

    node    loss       w        p    q    a       b
    from    p, w, q    p, q     a    b    (leaves)

    loss   the node where the backward pass starts
    walk   a function: walk(order) visits the nodes in the order of the list, and returns the gradients of a and b

Your code should work for any graph.
"""

import numpy as np


def gradients(loss, walk):
    """Return da (B, H) and db (B, H)."""
    # order = ...  # this takes several lines
    found, waiting = [loss], [loss]
    while waiting:
        for parent, share in waiting.pop().edges:
            if parent not in found:
                found.append(parent)
                waiting.append(parent)
    order = sorted(found, key=lambda node: node.number, reverse=True)
    # handed out:
    da, db = walk(order)
    return da, db


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter5

INPUTS = chapter5.GRAPHS
LOSS = {"a": chapter5.compute_graph_loss, "b": chapter5.compute_graph_loss}
ARGUMENTS = chapter5.make_walk_arguments

HINTS = """
1. A value can only be computed from values that already exist. So how does the number of a node compare with the
   numbers of the nodes that used it?
2. A node is older than all nodes that used it, so visit the youngest first. But before that, collect all nodes. Start
   with the loss, then take its parents, their parents, and so on. Take each node only once, no matter how many edges
   lead to it.
3. Keep two lists: the nodes that you have found, and the nodes whose edges you still have to follow. At the end, use
   sorted(found, key=lambda node: node.number, reverse=True).
"""

MISTAKES = """
nothing arrives | , reverse=True ->
    Which node's gradient is known at the start? Does this node come first in your order, and does the order contain all
    nodes?
visited twice | if parent not in found -> if True
visited twice | da, db = walk(calls(loss))
visited twice | da, db = walk(calls(loss, -1))
    How many times does each node occur in your order? At each visit, a node passes on its whole gradient, so its
    parents get too much.
visited too early | da, db = walk(dict.fromkeys(calls(loss)))
visited too early | da, db = walk(dict.fromkeys(calls(loss, -1)))
    When your order visits a node, has it visited every node that used it? In the example, p and q should come after w.
"""

WHY = """
An order in which every node comes after all the nodes that used it is called topological. The marker accepts any such
order. The project collects the nodes in a set, where looking up a node takes almost no time.
"""
DOCS = 'docs/autograd.md, "Why the order matters"'
LINE = "autograd_np.py: nodes = {self}"
