"""What the exercises of chapter 5 provide: a minimal Tensor, and functions that run the learner's tape backwards.

The marker compares arrays. So a Tensor that the learner makes goes to `get_value_and_gradients`, and an order of nodes
goes to `walk`; both return the gradients that result.
"""

from functools import partial
from itertools import count

import numpy as np

from exercises.words import TABLES
from marker.verdict import Sentences

misuse = Sentences(TABLES["Tape"]).make_exception  # for mistakes that show before there are numbers to compare


class Tensor:
    """A value and how it was computed: autograd_np's Tensor and Node in one, without operations."""

    numbers = count()

    def __init__(self, value, *edges):
        """edges: a pair (parent, share) for each parent. share(dy) returns the parent's part of the gradient."""
        self.value = value
        self.edges = edges
        self.grad = None
        self.number = next(Tensor.numbers)


class Recorded(Tensor):
    """A Tensor with operations, for building graphs. Each share accepts only a gradient of its own value's shape."""

    def __init__(self, value, *edges):
        edges = [(parent, share) for parent, share in edges if isinstance(parent, Tensor)]  # none for constants
        super().__init__(value, *((parent, partial(check_and_call_share, share, self)) for parent, share in edges))

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


def check_and_call_share(share, node, gradient):
    """Return share(gradient). Raises `Wrong` if the gradient is None or has not as many entries as the node's value."""
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
    """Return the array of a Tensor. Anything else is a constant and is returned as it is."""
    return operand.value if isinstance(operand, Tensor) else operand


def get_value_and_gradients(operands, dy, y_tensor):
    """Return (the value of `y_tensor`, a gradient for each operand), where dy is the gradient of `y_tensor`.

    The gradient of an operand is 0 if no edge leads to it. While `y_tensor` is `...`, not written yet, so are all
    results. Raises `Wrong` if `y_tensor` is not a Tensor, or if its edges are wrong.
    """
    if y_tensor is ...:
        return (...,) * (1 + len(operands))
    if not hasattr(y_tensor, "edges"):
        kind = "an array" if isinstance(y_tensor, np.ndarray) else f"of type {type(y_tensor).__name__}"
        raise misuse("no Tensor made", kind=kind)
    gradients = {}
    for edge in y_tensor.edges:
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
    return (y_tensor.value, *(gradients.get(id(operand), np.zeros_like(value_of(operand))) for operand in operands))


def walk(loss, leaves, order):
    """Return the gradients of the leaves after visiting the nodes in this order.

    While `order` is `...`, so are all results. Raises `Wrong` if it is not a list of nodes, or if it contains a node
    twice without changing the result.
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
    """Return a gradient for each leaf after one visit to each node in `order`; 0 where none has arrived."""
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
    """Return the loss and all nodes that it was computed from, the youngest first."""
    nodes = {loss}
    unvisited = [loss]
    while unvisited:
        for parent, _ in unvisited.pop().edges:
            if parent not in nodes:
                nodes.add(parent)
                unvisited.append(parent)
    return sorted(nodes, key=lambda node: -node.number)
