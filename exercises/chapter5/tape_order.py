"""An order for the backward pass.

A tape is a graph. Each value on it is a node, which has

    node.edges    a pair (parent, share) for each value from which it was computed; share is the VJP
    node.number   a node that was made later has a larger number

The backward pass visits one node after the other, and each passes its gradient on to its parents. It must wait until
its gradient is complete: until every node that used it has been visited. Then one visit to each node is enough. Find
such an order for `loss` and all nodes from which it was computed. An example:

    node    loss       w        p    q    a       b
    from    p, w, q    p, q     a    b    (leaves)

    loss   the node where the backward pass begins
    walk   a function: walk(order) visits the nodes of a list in this order, and returns the gradients of a and of b

Your lines should work for any graph.
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
1. A value can only be computed from values that exist already. So how does the number of a node compare with the
   numbers of the nodes that used it?
2. A node is older than all nodes that used it: visit the youngest first. But first collect all nodes. Begin with the
   loss, take its parents, their parents and so on, each only once, however many edges lead to it.
3. Keep a list of the nodes that you have found and a list of those whose edges you have yet to follow; then
   sorted(found, key=lambda node: node.number, reverse=True).
"""

MISTAKES = """
nothing arrives | , reverse=True ->
    Whose gradient is known at the beginning? Is that node the first in your order, and are all nodes there?
visited twice | if parent not in found -> if True
visited twice | da, db = walk(calls(loss))
visited twice | da, db = walk(calls(loss, -1))
    How many times is each node in your order? At each visit it passes on all that it has, so its parents get too much.
visited too early | da, db = walk(dict.fromkeys(calls(loss)))
visited too early | da, db = walk(dict.fromkeys(calls(loss, -1)))
    When your order visits a node, has it visited every node that used it? In the example, p and q should come after w.
"""

WHY = """
An order in which every node comes after all that used it is called topological. Other such orders pass as well. The
project collects the nodes in a set, where looking up a node takes no time.
"""
DOCS = 'docs/autograd.md, "Why the order matters"'
LINE = "autograd_np.py: nodes = {self}"
