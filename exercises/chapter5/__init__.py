"""Inputs and expected results for the exercises on the tape. autograd_np.py itself computes the results."""

from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace

import numpy as np

import autograd_np
from exercises.chapter1 import move_beside_zero
from exercises.tape import Recorded, Tensor, get_value_and_gradients, sort_youngest_first, value_of, walk
from exercises.words import TABLES
from marker.equal import KINK_PROBE_DISTANCE
from marker.exercise import Tool
from mlp_np import softmax_cross_entropy

TOOLS = dict(TABLES["Tools"])


def draw_two_sizes(rng, choices=(3, 4, 5, 7, 9)):
    """Return two different sizes from `choices`."""
    return rng.choice(choices, 2, replace=False).tolist()


def draw_reused_value(rng, unchanged_index=0):
    """Draw the gradients dys (K, B, H) of K values that were computed from u, and the gradient du.

    shares: a list of functions; shares[k](dys[k]) is what value k contributes to du. One of the values is u +
    something, so its share returns dy itself, not a copy. unchanged_index: the index of this value.
    """
    K = int(rng.choice([3, 4, 5, 6]))
    B, H = draw_two_sizes(rng)
    slopes = rng.normal(size=(K - 1, B, H))
    dys = rng.normal(size=(K, B, H))
    slopes = np.insert(slopes, unchanged_index % K, 1, axis=0)
    shares = [lambda dy, slope=slope: dy * slope for slope in slopes]
    shares[unchanged_index] = lambda dy: dy
    return SimpleNamespace(K=K, B=B, H=H, dys=dys, shares=shares, du=(dys * slopes).sum(axis=0))


def build_diamond(g, a, b):
    """Return the loss of a graph in which p, q and their product w are all used again. g: constants."""
    p = a * g.c
    q = b * g.d
    w = p * q
    return (p * w * q).sum()


def build_fork(g, a, b):
    """Return the loss of a graph in which a sum passes the same gradient to p and q, and p gets another one, too.

    It also has a matrix product and a second sum. g: constants.
    """
    p = a * g.c
    q = b * g.d
    v = p * g.c
    return ((p + q) * v @ g.W).sum() + (a * b).sum()


def build_tangle(g, a, b):
    """Return the loss of a randomly drawn graph, in which values depend on earlier ones and are all used in the end.

    g: constants and `pairs`, the indices of the two operands of each value.
    """
    values = [a, b]
    for i, j in g.pairs:
        values.append(values[i] * g.c + values[j] * g.d)
    total = values[2]
    for value in values[3:]:
        total = total + value * values[-1]
    return (total @ g.W).sum()


def draw_graph(rng, formula):
    """Draw inputs for a graph with the leaves a and b. formula(g, a, b): builds it and returns the loss."""
    B, H = draw_two_sizes(rng)
    a, b, c, d = rng.uniform(0.5, 1.5, (4, B, H)) * rng.choice([-1, 1], (4, B, H))
    pairs = [(0, 1), *((int(rng.integers(n)), int(rng.integers(n))) for n in range(3, 7))]
    g = SimpleNamespace(
        B=B, H=H, a=a, b=b, c=c, d=d, W=rng.normal(size=(H, 6)), pairs=pairs, calls=list_recursive_visits
    )
    g.function = partial(formula, g)
    return g


def compute_graph_loss(a, b, function):
    """Return the loss of function(a, b) as a number, on the tape of autograd_np.py."""
    return function(autograd_np.Tensor(a), autograd_np.Tensor(b)).value


def list_recursive_visits(loss, step=1):
    """Return the nodes in the order in which a recursive function visits them: the loss, then each parent's nodes.

    A node with several children occurs several times. step: 1 to visit the first parent first, -1 the last.
    """
    nodes = [loss]
    for parent, _ in loss.edges[::step]:
        nodes += list_recursive_visits(parent, step)
    return nodes


def make_walk_arguments(g):
    """Return the arguments of an exercise that visits the nodes of a graph: its Tensors, their order, and `walk`."""
    a = Recorded(g.a.copy())
    b = Recorded(g.b.copy())
    loss = g.function(a, b)
    return {"loss": loss, "a": a, "b": b, "order": sort_youngest_first(loss), "walk": partial(walk, loss, (a, b))}


def draw_maximum(rng):
    """Draw an array with repeated maxima in its rows, and the expected results of a maximum.

    The first row has two equal maxima, the second three. The third row has no positive entry.
    """
    B, H = draw_two_sizes(rng, (4, 5, 7, 9))
    a = rng.normal(size=(B, H))
    dy = rng.normal(size=B)
    for row, equal in enumerate((2, 3)):
        a[row, rng.choice(H, equal, replace=False)] = a[row].max() + rng.uniform(0.5, 1)
    a[2] -= 9
    is_largest = a == a.max(axis=1, keepdims=True)
    parts = is_largest / is_largest.sum(axis=1, keepdims=True)
    tensor = autograd_np.Tensor(a)
    y = (tensor * parts).sum(axis=1)  # the mean of equal maxima is the maximum
    y.backward(dy)
    return SimpleNamespace(B=B, H=H, a=a, dy=dy, constant=False, Tensor=Tensor, value=y.value, da=tensor.grad)


def make_operation_arguments(g):
    """Return the arguments of an exercise on one operation: its operands, and `play`, which runs it backwards.

    If g.constant, the first operand is an array and not a Tensor.
    """
    operands = {name: Tensor(getattr(g, name).copy()) for name in ("a", "b") if hasattr(g, name)}
    if g.constant:
        operands["a"] = operands["a"].value
    return operands | {"play": partial(get_value_and_gradients, operands.values(), g.dy)}


def cross_entropy(logits, y):
    """Return the cross-entropy as a Tensor, as the stub of tape_train does. logits: a Tensor. y: labels."""
    loss, dlogits = softmax_cross_entropy(logits.value, y)
    return Tensor(loss, (logits, lambda dy: dy * dlogits))


def draw_training(rng, near_zero=False):
    """Draw a small network that uses z1 and b1 twice, and its weights after a few training steps.

    In the backward pass, z1 is nearer to the loss than r1 = relu(z1), which contributes to z1's gradient. So visiting
    the nodes by their distance from the loss is wrong. near_zero: in the first step, some z1 are so close to 0 that a
    ReLU with any threshold but 0 gives wrong results.
    """
    B, H = draw_two_sizes(rng)
    D, steps = rng.choice([6, 8, 11, 13], 2, replace=False).tolist()
    first_params = {"W1": rng.normal(size=(D, H)) / np.sqrt(D), "b1": rng.normal(0, 0.5, H),
             "W2": rng.normal(size=(H, 10)) / np.sqrt(H), "b2": rng.normal(0, 0.5, 10)}  # fmt: skip
    x = rng.normal(size=(B, D))
    y = rng.integers(10, size=B)
    lr = rng.uniform(0.1, 0.3)
    if near_zero:
        first_params["b1"] = move_beside_zero(rng, x @ first_params["W1"] + first_params["b1"], first_params["b1"])
    return SimpleNamespace(B=B, H=H, D=D, x=x, y=y, lr=lr, steps=steps, first=first_params, Tensor=Tensor,
                           cross_entropy=cross_entropy, **train_on_tape(x, y, first_params, lr, steps))  # fmt: skip


def train_on_tape(x, y, weights, lr, steps):
    """Return the weights {name: array} after `steps` training steps with the learning rate lr."""
    for _ in range(steps):
        W1, b1, W2, b2 = tensors = [autograd_np.Tensor(p) for p in weights.values()]
        z1 = x @ W1 + b1
        autograd_np.softmax_cross_entropy(((z1.relu() + b1).relu() + z1) @ W2 + b2, y).backward()
        weights = {name: p.value - lr * p.grad for name, p in zip(weights, tensors, strict=True)}
    return weights


@contextmanager
def doubled_tape(module, g):
    """Context manager: double the gradients that edges pass to the learner's Tensors of W1, b1, W2 and b2.

    It shows whether the learner's `train` takes its gradients from the tape. The Tensors are identified by their
    shapes.
    """
    shapes = {p.shape for p in g.first.values()}

    def double_edge(parent, share):
        is_weight = np.shape(getattr(parent, "value", None)) in shapes
        return parent, (lambda dy: 2 * share(dy)) if is_weight else share

    def set_edges(tensor, pairs):
        tensor.recorded = [double_edge(*edge) for edge in pairs]

    tensor_class = getattr(module, "Tensor", Tensor)
    tensor_class.edges = property(lambda tensor: tensor.recorded, set_edges)
    try:
        yield
    finally:
        del tensor_class.edges


def make_train_arguments(g):
    """Return the arguments of `train` in tape_train, with copies of the weights."""
    first_params = {name: p.copy() for name, p in g.first.items()}
    return {"x": g.x.copy(), "y": g.y.copy(), **first_params, "lr": g.lr, "steps": g.steps}


WITHOUT = "without the tape"
TAPE = Tool(WITHOUT, TOOLS[WITHOUT], doubled_tape, lambda g: train_on_tape(g.x, g.y, g.first, 2 * g.lr, g.steps))
GRAPHS = tuple(partial(draw_graph, formula=formula) for formula in (build_diamond, build_fork, build_tangle))
