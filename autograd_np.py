"""Autograd by hand: arrays that record how they were computed, and one backward pass that finds every derivative.

In mlp_np.py each line of `forward` has its derivative in `backward`. But there are only a few operations, such as +, @
and relu, and each can know its own derivative, whatever it is used for. The rest is the chain rule: multiply along each
path, add over all paths. So each operation records which values went in, its parents, and for each of them a
vector-Jacobian product (VJP): what a gradient dy of the result adds to the gradient of the parent. Then one backward
pass, from the loss to the parameters, finds all gradients.

    W1, b1, W2, b2 = (Tensor(p) for p in params.values())
    loss = softmax_cross_entropy((x @ W1 + b1).relu() @ W2 + b2, y)
    loss.backward()    # W1.grad is now d loss / d W1, which mlp_np.py calls dW1

A plain array or number in a formula, such as x here, is a constant, and gets no gradient. mlp_autograd.py and the other
*_autograd.py files are this project's networks without any derivatives in them. docs/autograd.md explains the backward
pass with a numerical example. `python autograd_np.py` checks each derivative against its definition.
"""

from itertools import count

import numpy as np

import mlp_np


class Node:
    """A value as the backward pass sees it: its shape, its parents with their VJPs and, finally, its gradient.

    A node does not hold the value itself. So arrays that no VJP needs are freed during the forward pass.
    """

    numbers = count()

    def __init__(self, shape, edges):
        """edges: a pair (parent node, vjp) for each parent. vjp(dy) is what dy adds to the gradient of that parent."""
        self.shape = shape
        self.edges = edges
        self.grad = None
        self.number = next(Node.numbers)  # younger nodes have larger numbers; parents are older

    def ancestors(self):
        """Return this node and all nodes that it was computed from, as a list with the oldest first.

        Raises RuntimeError if a backward pass has already used them. Recursion is avoided, because a graph may be deep.
        """
        nodes = {self}
        waiting = [self]
        while waiting:
            edges = waiting.pop().edges
            if edges is None:
                raise RuntimeError("backward was here before and kept nothing: compute the loss again")
            new = {parent for parent, _ in edges} - nodes
            nodes |= new
            waiting += new
        return sorted(nodes, key=lambda node: node.number)


def unbroadcast(dy, shape):
    """Return the gradient of an array of this shape that was broadcast to the shape of dy: dy summed over the copies.

    In x @ W1 + b1, b1 (H,) is added to each of B rows, and so reaches the loss along B paths. Over all paths we add:
    db1 = dy.sum(axis=0). What is repeated in the forward pass is summed in the backward pass.
    """
    if dy.shape == shape:
        return dy
    full_shape = (1,) * (dy.ndim - len(shape)) + shape  # broadcasting lines up the last axes
    copy_axes = tuple(axis for axis, length in enumerate(full_shape) if length == 1)
    return dy.sum(axis=copy_axes, keepdims=True).reshape(shape)


def get_value(operand):
    """Return the array of a Tensor. A constant (a plain array or number) is returned as it is."""
    return operand.value if isinstance(operand, Tensor) else operand


class Tensor:
    """An array (`value`) and its node. Each operation computes its result y and passes on the VJPs of its operands."""

    __array_ufunc__ = None  # array @ Tensor: NumPy then leaves it to __rmatmul__

    def __init__(self, value, *edges):
        """edges: a pair (operand, vjp) for each operand. Operands that are constants are ignored."""
        edges = [(operand.node, vjp) for operand, vjp in edges if isinstance(operand, Tensor)]
        self.value = np.asarray(value)
        self.node = Node(self.value.shape, edges)

    shape = property(lambda self: self.value.shape)
    grad = property(lambda self: self.node.grad)

    def backward(self, dy=1.0):
        """Add d loss / d value to the `grad` of every parameter. dy: d loss / d this tensor, which is 1 for the loss.

        A node may pass its gradient on only when it is complete: when every node that used it has added its part. The
        nodes that used it are younger. So the loop visits each node once, the youngest first.
        """
        self.node.grad = dy * np.ones_like(self.value)
        waiting = self.node.ancestors()
        while waiting:
            node = waiting.pop()  # the youngest
            for parent, vjp in node.edges:
                dparent = unbroadcast(vjp(node.grad), parent.shape)
                # Not +=, which works in place: the array may be the gradient of another node too (see __add__).
                parent.grad = dparent if parent.grad is None else parent.grad + dparent
            if node.edges:  # not a parameter: its gradient, and what its VJPs kept, are no longer needed
                node.grad = node.edges = None

    def __add__(self, other):  # y = a + b: if a grows, y grows as much, and so it does with b
        a = get_value(self)
        b = get_value(other)
        return Tensor(a + b, (self, lambda dy: dy), (other, lambda dy: dy))

    def __sub__(self, other):  # y = a - b: if b grows, y shrinks as much
        a = get_value(self)
        b = get_value(other)
        return Tensor(a - b, (self, lambda dy: dy), (other, lambda dy: -dy))

    def __mul__(self, other):  # y = a b: if a grows, y grows b times as much
        a = get_value(self)
        b = get_value(other)
        return Tensor(a * b, (self, lambda dy: dy * b), (other, lambda dy: dy * a))

    def __truediv__(self, other):  # y = a / b: d y / d a = 1 / b, and d y / d b = -a / b^2 = -y / b
        a = get_value(self)
        b = get_value(other)
        y = a / b
        return Tensor(y, (self, lambda dy: dy / b), (other, lambda dy: -dy * y / b))

    def __matmul__(self, other):  # y = a b, matrices or stacks of them: as for da1 and dW2 in mlp_np.py
        a = get_value(self)
        b = get_value(other)
        return Tensor(a @ b, (self, lambda dy: dy @ b.swapaxes(-1, -2)), (other, lambda dy: a.swapaxes(-1, -2) @ dy))

    # Python calls these if the first operand is a constant.
    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, constant):
        return Tensor.__sub__(constant, self)

    def __rtruediv__(self, constant):
        return Tensor.__truediv__(constant, self)

    def __rmatmul__(self, constant):
        return Tensor.__matmul__(constant, self)

    def relu(self):  # y = max(a, 0): slope 1 where y is positive, 0 where it is not
        y = np.maximum(self.value, 0)
        return Tensor(y, (self, lambda dy: dy * (y > 0)))

    def exp(self):  # y = e^a: the derivative is y again
        y = np.exp(self.value)
        return Tensor(y, (self, lambda dy: dy * y))

    def sigmoid(self):  # y = 1 / (1 + e^-a), in a form that cannot overflow: the slope is y (1 - y)
        y = (1 + np.tanh(self.value / 2)) / 2
        return Tensor(y, (self, lambda dy: dy * y * (1 - y)))

    def sqrt(self):  # y = a^(1/2): d y / d a = a^(-1/2) / 2 = 1 / (2 y)
        y = np.sqrt(self.value)
        return Tensor(y, (self, lambda dy: dy / (2 * y)))

    def sum(self, axis=None, keepdims=False):  # every a is in one sum y, and gets the gradient of that y
        y = self.value.sum(axis=axis, keepdims=True)
        shape = self.shape
        edge = (self, lambda dy: np.broadcast_to(dy.reshape(y.shape), shape))
        return Tensor(y if keepdims else y.squeeze(axis), edge)

    def mean(self, axis=None, keepdims=False):  # made of operations, it needs no derivative of its own
        y = self.sum(axis, keepdims)
        return y / (self.value.size / y.value.size)

    def reshape(self, *shape):  # the numbers stay the same, and so does the gradient
        before = self.shape
        return Tensor(self.value.reshape(*shape), (self, lambda dy: dy.reshape(before)))

    def swapaxes(self, i, j):  # swapped again, the axes are as before
        return Tensor(self.value.swapaxes(i, j), (self, lambda dy: dy.swapaxes(i, j)))

    def __getitem__(self, index):  # what was read twice gets both gradients, what was not read gets none
        def scatter_gradient(dy, shape=self.shape):
            da = np.zeros(shape, dy.dtype)
            np.add.at(da, index, dy)  # da[index] += dy would keep one of two gradients for the same place
            return da

        return Tensor(self.value[index], (self, scatter_gradient))


def softmax_cross_entropy(logits, y):
    """Return the mean cross-entropy of logits (B, 10) and true digits y (B,). mlp_np.py derives its derivative."""
    loss, dlogits = mlp_np.softmax_cross_entropy(logits.value, y)
    return Tensor(loss, (logits, lambda dy: dy * dlogits))


def list_gradient_differences(function_name, function, *operands):
    """Return a list: for each operand, the relative difference of its gradient from central differences.

    Raises SystemExit if a gradient is wrong. function_name: the name of the function in that message.
    """
    y = function(*operands)
    r = np.random.default_rng(0).normal(size=y.shape)
    y.backward(r)  # the loss is sum(y * r), so that dy = r
    return [
        mlp_np.compute_gradient_difference(
            f"{function_name}: d{name}", a.grad, a.value, lambda: (function(*operands).value * r).sum()
        )
        for name, a in zip("ab"[: len(operands)], operands, strict=True)
    ]


def use_three_times(a):
    """Return u * u * u + a with u = 2 * a: a test case in which values are used more than once."""
    u = 2 * a
    return u * u * u + a


def check():
    """Print each operation's largest relative difference from central differences, in float64."""
    rng = np.random.default_rng(1)
    y = np.array([1, 0, 3])
    print("each operation's gradients, and their largest relative difference from (loss(+h) - loss(-h)) / 2h")
    for name, function, *shapes in [
        ("a + b", lambda a, b: a + b, (2, 3, 4), (3, 4)),
        ("a - b", lambda a, b: a - b, (3, 1), (2, 3, 4)),
        ("a * b", lambda a, b: a * b, (2, 3, 4), (2, 1, 4)),
        ("a / b", lambda a, b: a / b, (3, 4), (4,)),
        ("a @ b", lambda a, b: a @ b, (2, 5, 3, 4), (2, 1, 4, 3)),
        ("a.mean(axis=1)", lambda a: a.mean(axis=1), (2, 3, 4)),
        ("a.reshape(2, -1)", lambda a: a.reshape(2, -1), (2, 3, 2)),
        ("a.swapaxes(0, 2)", lambda a: a.swapaxes(0, 2), (2, 3, 4)),
        ("a[[0, 2, 2]]", lambda a: a[[0, 2, 2]], (3, 4)),
        ("(a - 1).relu()", lambda a: (a - 1).relu(), (3, 4)),
        ("a.exp()", Tensor.exp, (3, 4)),
        ("a.sigmoid()", Tensor.sigmoid, (3, 4)),
        ("a.sqrt()", Tensor.sqrt, (3, 4)),
        ("loss of logits a", lambda a: softmax_cross_entropy(a, y), (3, 4)),
        ("u = 2 a, u u u + a", use_three_times, (3, 4)),
    ]:
        operands = [Tensor(rng.uniform(0.5, 1.5, shape)) for shape in shapes]
        print(f"{name:18} {max(list_gradient_differences(name, function, *operands)):.1e}")


if __name__ == "__main__":
    check()
