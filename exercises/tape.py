"""What the stubs of chapter 5 are given: a Tensor, as small as it can be, and what goes back over the learner's tape.

Results are compared as arrays. So a Tensor, or an order, that the learner makes goes to `run_backward` or `walk`, which
returns the gradients that it brings.
"""

from functools import partial
from itertools import count

import numpy as np

from exercises.words import TABLES
from marker.verdict import Sentences

misuse = Sentences(TABLES["Tape"]).wrong  # of a mistake that shows before there are numbers


class Tensor:
    """A value that remembers how it was made: autograd_np's Tensor and its Node in one, and without operations."""

    numbers = count()

    def __init__(self, value, *edges):
        """edges: (parent, share) for each parent."""
        self.value = value
        self.edges = edges
        self.grad = None
        self.number = next(Tensor.numbers)


class Recorded(Tensor):
    """A Tensor with operations, for graphs to walk over. Its shares take the gradient of its own value alone."""

    def __init__(self, value, *edges):
        edges = [(parent, share) for parent, share in edges if isinstance(parent, Tensor)]  # none for constants
        super().__init__(value, *((parent, partial(call_share, share, self)) for parent, share in edges))

    def __add__(self, other):
        return Recorded(self.value + value_of(other), (self, lambda dy: dy), (other, lambda dy: dy))

    def __mul__(self, other):
        a = self.value
        b = value_of(other)
        return Recorded(a * b, (self, lambda dy: dy * b), (other, lambda dy: dy * a))

    def __matmul__(self, other):
        a = self.value
        b = value_of(other)
        return Recorded(a @ b, (self, lambda dy: dy @ b.T), (other, lambda dy: a.T @ dy))

    def sum(self):
        return Recorded(self.value.sum(), (self, lambda dy: dy * np.ones(self.value.shape)))


def call_share(share, node, gradient):
    """Return share(gradient). Raises `Wrong` if that cannot be the gradient of this node."""
    shape = node.value.shape
    if gradient is None and node.grad is not None:
        raise misuse("a share called with another gradient: none")
    if gradient is None and not shape:
        raise misuse("the loss has no gradient")
    if gradient is None:
        raise misuse("visited before a gradient has arrived")
    if np.size(gradient) != np.prod(shape):
        raise misuse("a share called with another gradient", other=np.shape(gradient), shape=shape)
    return share(gradient)


def value_of(operand):
    """Return the array of a Tensor; a constant as it is."""
    return operand.value if isinstance(operand, Tensor) else operand


def run_backward(operands, dy, y):
    """Return the value of y, and what its gradient dy brings to each operand: 0 if no edge leads there.

    While the learner has not written y, all are dots. Raises `Wrong` of what is no Tensor, or has other edges than it
    should.
    """
    if y is ...:
        return (...,) * (1 + len(operands))
    if not hasattr(y, "edges"):
        kind = "an array" if isinstance(y, np.ndarray) else f"of type {type(y).__name__}"
        raise misuse("no Tensor made", kind=kind)
    gradients = {}
    for edge in y.edges:
        if not (isinstance(edge, (tuple, list)) and len(edge) == 2 and callable(edge[1])):
            raise misuse("no pair of a parent and a share")
        parent, share = edge
        if any(value_of(parent) is operand for operand in operands if not isinstance(operand, Tensor)):
            raise misuse("the gradient of a constant kept")
        if not any(parent is operand for operand in operands):
            raise misuse("another parent")
        dy_copy = dy.copy()
        dparent = share(dy_copy)
        if not np.array_equal(dy_copy, dy):
            raise misuse("changes dy")
        gradients[id(parent)] = gradients[id(parent)] + dparent if id(parent) in gradients else dparent
    return (y.value, *(gradients.get(id(operand), np.zeros_like(value_of(operand))) for operand in operands))


def walk(loss, leaves, order):
    """Return the gradients that arrive at the leaves by visits in this order; dots, while the order is dots.

    Raises `Wrong` if it is no list of nodes, or has a node twice.
    """
    if order is ...:
        return (...,) * len(leaves)
    if order is None:
        raise misuse("no list of nodes: none")
    order = list(order) if np.iterable(order) else [None]
    if not all(isinstance(node, Tensor) for node in order):
        raise misuse("no list of nodes")
    gradients = collect_gradients(loss, leaves, order)
    if len(set(order)) < len(order):
        expected = collect_gradients(loss, leaves, sort_youngest_first(loss))
        if np.array_equal(gradients, expected):
            raise misuse("visited twice")
    return gradients


def collect_gradients(loss, leaves, order):
    """Return the gradients of the leaves after one visit for each node of the list; 0 where none has arrived."""
    for node in sort_youngest_first(loss):
        node.grad = None
    loss.grad = np.ones(())
    for node in order:
        if node.grad is None:
            continue
        for parent, share in node.edges:
            dparent = share(node.grad)
            parent.grad = dparent if parent.grad is None else parent.grad + dparent
    return tuple(np.zeros_like(leaf.value) if leaf.grad is None else leaf.grad for leaf in leaves)


def sort_youngest_first(loss):
    """Return the loss and all that it was made from, the youngest first."""
    nodes = {loss}
    unvisited = [loss]
    while unvisited:
        for parent, _ in unvisited.pop().edges:
            if parent not in nodes:
                nodes.add(parent)
                unvisited.append(parent)
    return sorted(nodes, key=lambda node: -node.number)
