"""Chapter 5: the tape, an operation at a time. autograd_np.py itself computes what is right."""

from functools import partial
from types import SimpleNamespace

import numpy as np

import autograd_np
from exercises.exercise import Exercise
from exercises.tape import Tensor, play, times, value_of, walk, youngest_first
from mlp_np import MLP, softmax_cross_entropy


def right_gradients(function, dy, **operands):
    """{"value": the result of `function`, "da": ...} for arrays `operands`, as autograd_np finds them from `dy`."""
    tensors = {name: autograd_np.Tensor(array) for name, array in operands.items()}
    y = function(*tensors.values())
    y.backward(dy)
    return {"value": y.value} | {f"d{name}": tensor.grad for name, tensor in tensors.items()}


def two_sizes(rng, choices=(3, 4, 5, 7, 9)):
    return rng.choice(choices, 2, replace=False).tolist()


def product(rng):
    """Two factors, and the gradient of their product."""
    B, H = two_sizes(rng)
    a, b, dy = rng.normal(size=(3, B, H))
    return SimpleNamespace(B=B, H=H, a=a, b=b, dy=dy, **right_gradients(lambda a, b: a * b, dy, a=a, b=b))


def used_often(rng):
    """The gradients of K values that were made from one, u. The first of them is u + something, and hands on dy."""
    K, (B, H) = int(rng.choice([3, 4, 5, 6])), two_sizes(rng)
    slopes, dys = rng.normal(size=(K - 1, B, H)), rng.normal(size=(K, B, H))
    shares = [lambda dy: dy, *map(times, slopes)]
    return SimpleNamespace(K=K, B=B, H=H, dys=dys, shares=shares, du=dys[0] + (dys[1:] * slopes).sum(axis=0))


def diamond(g):
    """loss = sum(p w q), where p = c a, q = d b and w = p q: the loss uses p and q, and so does w."""
    a, b = Tensor(g.a.copy()), Tensor(g.b.copy())
    p, q = Tensor(g.c * a.value, (a, times(g.c))), Tensor(g.d * b.value, (b, times(g.d)))
    w = Tensor(p.value * q.value, (p, times(q.value)), (q, times(p.value)))
    edges = (p, times(w.value * q.value)), (w, times(p.value * q.value)), (q, times(p.value * w.value))
    return Tensor((p.value * w.value * q.value).sum(), *edges), a, b


def sums(g):
    """loss = sum(w v), where p = c a, q = d b, v = c p and w = p + q: the shares of a sum are dy itself."""
    a, b = Tensor(g.a.copy()), Tensor(g.b.copy())
    p, q = Tensor(g.c * a.value, (a, times(g.c))), Tensor(g.d * b.value, (b, times(g.d)))
    v = Tensor(g.c * p.value, (p, times(g.c)))
    w = Tensor(p.value + q.value, (p, lambda dy: dy), (q, lambda dy: dy))
    return Tensor((w.value * v.value).sum(), (w, times(v.value)), (v, times(w.value))), a, b


def diamond_loss(g, a, b):
    p, q = g.c * a, g.d * b
    return (p * (p * q) * q).sum()


def sums_loss(g, a, b):
    p, q = g.c * a, g.d * b
    return ((p + q) * (g.c * p)).sum()


def graph(rng, build, loss):
    """A graph with the leaves a and b."""
    B, H = two_sizes(rng)
    a, b, c, d = rng.uniform(0.5, 1.5, (4, B, H)) * rng.choice([-1, 1], (4, B, H))
    g = SimpleNamespace(B=B, H=H, a=a, b=b, c=c, d=d, build=build, calls=calls)
    g.function = partial(loss, g)
    right = right_gradients(g.function, 1.0, a=a, b=b)
    g.da, g.db = right["da"], right["db"]
    return g


def calls(loss, step=1):
    """In which order a function visits that calls itself for each parent, from the first on or from the last."""
    return [loss, *(node for parent, _ in loss.edges[::step] for node in calls(parent, step))]


def to_order(g):
    loss, a, b = g.build(g)
    return {"loss": loss, "walk": partial(walk, loss, (a, b))}


def to_walk(g):
    loss, a, b = g.build(g)
    return {"loss": loss, "order": youngest_first(loss), "a": a, "b": b}


def broadcast(rng, shape):
    """An array that was stretched to the shape of dy. `shape` is its own: letters of B, T and C, and 1."""
    sizes = dict(zip("BTC", rng.permutation([2, 3, 4, 5, 7])[:3].tolist(), strict=True))
    whole = "BC" if shape in ("C", "B1", "BC") else "BTC"
    a, dy = (rng.normal(size=[sizes.get(letter, 1) for letter in letters]) for letters in (shape, whole))
    right = right_gradients(lambda a, other: a + other, dy, a=a, other=np.zeros(dy.shape))
    return SimpleNamespace(**sizes, a=a, dy=dy, shape=a.shape, da=right["da"])


def relu(rng):
    """An array of both signs."""
    B, H = two_sizes(rng)
    a, dy = rng.normal(size=(2, B, H))
    right = right_gradients(autograd_np.Tensor.relu, dy, a=a)
    return SimpleNamespace(B=B, H=H, a=a, dy=dy, constant=False, Tensor=Tensor, **right)


def matmul(rng, constant):
    """Two matrices; the first of them is a constant, as the images are, or is not."""
    B, H, K = rng.choice([3, 4, 5, 7], 3, replace=False).tolist()
    a, b, dy = rng.normal(size=(B, H)), rng.normal(size=(H, K)), rng.normal(size=(B, K))
    right = right_gradients(lambda a, b: a @ b, dy, a=a, b=b)
    if constant:
        right["da"] = np.zeros_like(a)
    return SimpleNamespace(B=B, H=H, K=K, a=a, b=b, dy=dy, constant=constant, Tensor=Tensor, value_of=value_of, **right)


def to_record(g):
    """The operands of one operation, of which the first may be a constant; and `play`."""
    operands = {name: Tensor(getattr(g, name).copy()) for name in ("a", "b") if hasattr(g, name)}
    if g.constant:
        operands["a"] = operands["a"].value
    return operands | {"play": partial(play, operands.values(), g.dy)}


def cross_entropy(logits, y):
    """As in the stub of tape_train."""
    loss, dlogits = softmax_cross_entropy(logits.value, y)
    return Tensor(loss, (logits, lambda dy: dy * dlogits))


def few_steps(rng):
    """A small network, and its weights after some steps of mlp_np.MLP."""
    B, H = two_sizes(rng)
    D, steps = rng.choice([6, 8, 11, 13], 2, replace=False).tolist()
    weights = {"W1": rng.normal(size=(D, H)) / np.sqrt(D), "b1": rng.normal(0, 0.5, H),
               "W2": rng.normal(size=(H, 10)) / np.sqrt(H), "b2": rng.normal(0, 0.5, 10)}  # fmt: skip
    model, lr = MLP(H, dtype=np.float64), rng.uniform(0.1, 0.3)
    model.params = {name: p.copy() for name, p in weights.items()}
    x, y = rng.normal(size=(B, D)), rng.integers(10, size=B)
    for _ in range(steps):
        for name, gradient in model.backward(softmax_cross_entropy(model.forward(x), y)[1]).items():
            model.params[name] -= lr * gradient
    return SimpleNamespace(B=B, H=H, D=D, x=x, y=y, lr=lr, steps=steps, first=weights, Tensor=Tensor,
                           cross_entropy=cross_entropy, **model.params)  # fmt: skip


def to_train(g):
    first = {name: p.copy() for name, p in g.first.items()}
    return {"x": g.x.copy(), "y": g.y.copy(), **first, "lr": g.lr, "steps": g.steps}


GRAPH_NUDGES = {"da": ("a", lambda g, a: g.function(a, g.b)), "db": ("b", lambda g, b: g.function(g.a, b))}

EXERCISES = (
    Exercise(
        "tape_product",
        (product,),
        nudges={"da": ("a", lambda g, a: (a * g.b * g.dy).sum()), "db": ("b", lambda g, b: (g.a * b * g.dy).sum())},
        entrywise="a",
    ),
    Exercise("tape_accumulate", (used_often,)),
    Exercise(
        "tape_order", (partial(graph, build=diamond, loss=diamond_loss),), nudges=GRAPH_NUDGES, arguments=to_order
    ),
    Exercise(
        "tape_backward",
        (partial(graph, build=sums, loss=sums_loss), partial(graph, build=diamond, loss=diamond_loss)),
        nudges=GRAPH_NUDGES,
        arguments=to_walk,
    ),
    Exercise(
        "tape_broadcast",
        tuple(partial(broadcast, shape=shape) for shape in ("C", "B1", "BC", "T1", "B1C")),
        nudges={"da": ("a", lambda g, a: ((a + np.zeros(g.dy.shape)) * g.dy).sum())},
    ),
    Exercise(
        "tape_relu",
        (relu,),
        nudges={"da": ("a", lambda g, a: (np.maximum(a, 0) * g.dy).sum())},
        entrywise="a",
        arguments=to_record,
    ),
    Exercise(
        "tape_matmul",
        (partial(matmul, constant=True), partial(matmul, constant=False)),
        nudges={"db": ("b", lambda g, b: (g.a @ b * g.dy).sum())},
        arguments=to_record,
    ),
    Exercise("tape_train", (few_steps,), arguments=to_train),
)
