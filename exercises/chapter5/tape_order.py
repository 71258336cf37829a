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
1. A value can only be made of values that are there already. So what do the numbers of a node and of those that used it
   have to do with each other?
2. Whatever used a node is younger than the node: visit the youngest first. But first collect all nodes. Begin with the
   loss, take its parents, their parents and so on, and each only once, however many edges lead to it.
3. Keep a list of the nodes that you have found and a list of those whose edges you have yet to follow; then
   sorted(found, key=lambda node: node.number, reverse=True).
"""

MISTAKES = """
nothing arrives | , reverse=True ->
    Whose gradient is known at the beginning? Is that node the first in your order, and are all the others there?
visited twice | if parent not in found -> if True
visited twice | da, db = walk(calls(loss))
visited twice | da, db = walk(calls(loss, -1))
    How often is each node in your order? At each visit it hands on all that it has, so its parents get too much.
visited too early | da, db = walk(dict.fromkeys(calls(loss)))
visited too early | da, db = walk(dict.fromkeys(calls(loss, -1)))
    When a node has its turn in your order, has every node that used it had its own? In the example, p and q should come
    after w.
"""

WHY = """
An order in which every node comes after all that used it is called topological. There are others than this one, and
they pass as well. The project keeps what it has found in a set, where looking for a node takes no time.
"""
DOCS = 'docs/autograd.md, "Why the order matters"'
LINE = "autograd_np.py: nodes = {self}"
