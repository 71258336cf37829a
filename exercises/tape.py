"""What the stubs of chapter 5 are given: a Tensor, as small as it can be, and what goes back over the learner's tape.

Results are compared as arrays. So a Tensor, or an order, that the learner makes goes to `play` or `walk`, which returns
the gradients that it brings.
"""

from functools import partial
from itertools import count

import numpy as np

MARKS = (
    "a share called with another gradient", "the loss has no gradient", "visited before a gradient has arrived",
    "no Tensor made", "no pair of a parent and a share", "the gradient of a constant kept", "another parent",
    "changes dy", "no list of nodes", "visited twice",
)  # fmt: skip


class Misuse(ValueError):
    """A mistake that shows before there are numbers: its name, and what to say."""

    def __init__(self, name, text):
        super().__init__(text)
        self.mark = name


class Tensor:
    """A value that remembers how it was made: autograd_np's Tensor and its Node in one, and without operations."""

    numbers = count()

    def __init__(self, value, *edges):
        """edges: (parent, share) for each parent."""
        self.value, self.edges, self.grad = value, edges, None
        self.number = next(Tensor.numbers)


class Recorded(Tensor):
    """A Tensor with operations, for graphs to walk over. Its shares take the gradient of its own value alone."""

    def __init__(self, value, *edges):
        edges = [(parent, share) for parent, share in edges if isinstance(parent, Tensor)]  # none for constants
        super().__init__(value, *((parent, partial(strict, share, self)) for parent, share in edges))

    def __add__(self, other):
        return Recorded(self.value + value_of(other), (self, lambda dy: dy), (other, lambda dy: dy))

    def __mul__(self, other):
        a, b = self.value, value_of(other)
        return Recorded(a * b, (self, lambda dy: dy * b), (other, lambda dy: dy * a))

    def __matmul__(self, other):
        a, b = self.value, value_of(other)
        return Recorded(a @ b, (self, lambda dy: dy @ b.T), (other, lambda dy: a.T @ dy))

    def sum(self):
        return Recorded(self.value.sum(), (self, lambda dy: dy * np.ones(self.value.shape)))


def strict(share, node, dy):
    """share(dy), if dy can be the gradient of this node."""
    shape = node.value.shape
    if dy is None and node.grad is not None:
        text = "a share got None, though its own node has a gradient. Whose gradient have you given to it?"
        raise Misuse("a share called with another gradient", text)
    if dy is None and not shape:
        text = "a share of the loss got None: loss.grad is not set. What is d loss / d loss?"
        raise Misuse("the loss has no gradient", text)
    if dy is None:
        text = (
            "a share got None: this node has no gradient yet. Has every node that used it been visited before, and has "
        )
        text += "each of them added to the gradients of all its parents?"
        raise Misuse("visited before a gradient has arrived", text)
    if np.size(dy) != np.prod(shape):
        text = f"a share got an array of shape {np.shape(dy)}. It takes the gradient of its own node's value, {shape}."
        raise Misuse("a share called with another gradient", text)
    return share(dy)


def value_of(operand):
    """The array of a Tensor; a constant as it is."""
    return operand.value if isinstance(operand, Tensor) else operand


def play(operands, dy, y):
    """The value of y, and what its gradient dy brings to each of the operands: 0 if no edge leads there.

    While the learner has not written y, dots. `Misuse` of what is no Tensor, or has other edges than it should.
    """
    if y is ...:
        return (...,) * (1 + len(operands))
    if not hasattr(y, "edges"):
        kind = "an array" if isinstance(y, np.ndarray) else f"of type {type(y).__name__}"
        text = f"play() needs a Tensor, made by Tensor(value, (parent, share), ...); it got {kind}."
        raise Misuse("no Tensor made", text)
    arrived = {}
    for edge in y.edges:
        if not (isinstance(edge, (tuple, list)) and len(edge) == 2 and callable(edge[1])):
            text = "after the value come pairs (parent, share), not in a list; a share is a function: lambda dy: ..."
            raise Misuse("no pair of a parent and a share", text)
        parent, share = edge
        if any(value_of(parent) is operand for operand in operands if not isinstance(operand, Tensor)):
            text = "here a is a plain array, such as the images. Nobody needs its gradient, so it gets no pair."
            raise Misuse("the gradient of a constant kept", text)
        if not any(parent is operand for operand in operands):
            raise Misuse("another parent", "the parent in a pair should be the Tensor itself that was handed in.")
        given = dy.copy()
        dparent = share(given)
        if not np.array_equal(given, dy):
            text = "your share has changed dy, which may be the gradient of other nodes, too. `*` makes a new array."
            raise Misuse("changes dy", text)
        arrived[id(parent)] = arrived[id(parent)] + dparent if id(parent) in arrived else dparent
    return (y.value, *(arrived.get(id(operand), np.zeros_like(value_of(operand))) for operand in operands))


def walk(loss, leaves, order):
    """Visit the nodes in this order; the gradients that arrive at the leaves. Dots, while the order is dots."""
    if order is ...:
        return (...,) * len(leaves)
    if order is None:
        text = "the order is None. `order.sort()` and `order.reverse()` change a list and return None: call them first."
        raise Misuse("no list of nodes", text)
    order = list(order) if np.iterable(order) else [None]
    if not all(isinstance(node, Tensor) for node in order):
        text = "the order should be a list of nodes and of nothing else: the loss, and those that edges lead to."
        raise Misuse("no list of nodes", text)
    gradients = visited(loss, leaves, order)
    if len(set(order)) < len(order) and np.array_equal(gradients, visited(loss, leaves, youngest_first(loss))):
        text = "a node is in your order twice. It did no harm, but each should be visited once. Which of them is it?"
        raise Misuse("visited twice", text)
    return gradients


def visited(loss, leaves, order):
    """The gradients of the leaves after one visit for each node of the list; 0 where none has arrived."""
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
