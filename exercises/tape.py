"""What the stubs of chapter 5 are given: a Tensor, as small as it can be, and what goes back over the learner's tape.

Results are compared as arrays. So a Tensor, or an order, that the learner makes goes to `play` or `walk`, which returns
the gradients that it brings.
"""

from itertools import count

import numpy as np


class Tensor:
    """A value that remembers how it was made: autograd_np's Tensor and its Node in one, and without operations."""

    numbers = count()

    def __init__(self, value, *edges):
        """edges: (parent, share) for each parent."""
        self.value, self.edges, self.grad = value, edges, None
        self.number = next(Tensor.numbers)


def value_of(operand):
    """The array of a Tensor; a constant as it is."""
    return operand.value if isinstance(operand, Tensor) else operand


def play(operands, dy, y):
    """The value of y, and what its gradient dy brings to each of the operands: 0 if no edge leads there.

    While the learner has not written y, dots. ValueError for what is no Tensor, or has other edges than a Tensor has.
    """
    if y is ...:
        return (...,) * (1 + len(operands))
    if not hasattr(y, "edges"):
        kind = "an array" if isinstance(y, np.ndarray) else f"of type {type(y).__name__}"
        raise ValueError(f"play wants a Tensor, made by Tensor(value, (parent, share), ...). What it got is {kind}")
    arrived = [np.zeros_like(value_of(operand)) for operand in operands]
    for edge in y.edges:
        if not (isinstance(edge, (tuple, list)) and len(edge) == 2 and callable(edge[1])):
            raise ValueError(
                "after the value come pairs (parent, share), each for itself and not in a list; and a share is a "
                "function of dy: lambda dy: ..."
            )
        if any(isinstance(operand, Tensor) and operand.value is edge[0] for operand in operands):
            raise ValueError("the parent in a pair should be the Tensor itself, and not its array")
        for i, operand in enumerate(operands):
            if operand is edge[0]:
                arrived[i] = edge[1](dy)
    return (y.value, *arrived)


def walk(loss, leaves, order):
    """Visit the nodes in this order; the gradients that arrive at the leaves. Dots, while the order is dots."""
    if order is ...:
        return (...,) * len(leaves)
    order = list(order) if np.iterable(order) else [None]
    if not all(isinstance(node, Tensor) for node in order):
        raise ValueError(
            "the order should be a list of nodes and of nothing else: the loss, and those that edges lead to"
        )
    for node in youngest_first(loss):
        node.grad = None
    loss.grad = np.ones(())
    for node in order:
        for parent, share in node.edges if node.grad is not None else ():
            dparent = share(node.grad)
            parent.grad = dparent if parent.grad is None else parent.grad + dparent
    return tuple(np.zeros_like(leaf.value) if leaf.grad is None else leaf.grad for leaf in leaves)


def youngest_first(loss):
    """The loss and all that it was made from."""
    found = {loss}
    while more := {parent for node in found for parent, _ in node.edges} - found:
        found |= more
    return sorted(found, key=lambda node: -node.number)


def times(slope):
    """The share of a factor; ValueError for the gradient of a node that has none yet."""

    def share(dy):
        if dy is None:
            raise ValueError("a share got None: this node has no gradient yet. Which nodes should come before it?")
        return dy * slope

    return share
