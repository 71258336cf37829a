"""The MLP of mlp_np.py, a derivative at a time. mlp_np.py itself computes what is right."""

from types import SimpleNamespace

import numpy as np

import mlp_np
from marker.equal import BESIDE
from mlp_np import MLP, softmax_cross_entropy


def draw_network(rng):
    """Return a small network on random inputs, and every number of its two passes, in float64.

    Mistakes must not hide behind each other: B, H, 784 and 10 all differ, none is twice another, biases are not 0,
    between a quarter and three quarters of the units are off, and gradients of both signs reach those that are on.
    """
    B, H = rng.choice([3, 4, 7, 9, 11], 2, replace=False).tolist()
    while True:
        model = MLP(H, dtype=np.float64)
        model.params = {
            "W1": rng.normal(0, np.sqrt(2 / 784), (784, H)),
            "b1": rng.normal(0, 0.5, H),
            "W2": rng.normal(0, np.sqrt(2 / H), (H, 10)),
            "b2": rng.normal(0, 0.5, 10),
        }
        g = run_both_passes(model, rng.normal(size=(B, 784)), rng.integers(10, size=B))
        is_on = g.z1 > 0
        positive = g.da1 > 0
        is_mixed = positive[is_on].any() and positive[~is_on].any() and not positive[is_on].all()
        if is_mixed and 0.25 < is_on.mean() < 0.75 and len(set(g.y)) > 1:
            return g


def run_both_passes(model, x, y):
    """Return every number of the two passes of an MLP."""
    logits = model.forward(x)
    loss, dlogits = softmax_cross_entropy(logits, y)
    grads = model.backward(dlogits)
    B, H = model.z1.shape
    g = SimpleNamespace(B=B, H=H, x=x, y=y, **model.params, z1=model.z1, a1=model.a1, logits=logits, loss=loss)
    g.onehot = np.eye(10)[y]
    g.p = dlogits * B + g.onehot
    g.dlogits = dlogits
    g.da1 = model.da1
    g.dz1 = model.dz1
    vars(g).update({f"d{name}": gradient for name, gradient in grads.items()})
    return g


def cross_entropy(logits, y):
    """Return the mean cross-entropy."""
    return softmax_cross_entropy(logits, y)[0]


def draw_single_image(rng):
    """Return the logits of one image (10,), their p, and the true digit as a one-hot row."""
    g = draw_network(rng)
    return SimpleNamespace(logits=g.logits[0], p=g.p[0], onehot=g.onehot[0])


def cross_entropy_of_one(logits, onehot):
    """Return the cross-entropy of one image."""
    return cross_entropy(logits[np.newaxis], onehot[np.newaxis].argmax(axis=1))


def move_beside_zero(rng, z, b):
    """Return the biases b, moved so that an entry of each column of z = ... + b lies beside 0: above it, below it, and
    so on."""
    columns = np.arange(len(b))
    return b - z[rng.integers(len(z), size=len(b)), columns] + BESIDE * (-1.0) ** columns


def has_both_signs_at_zero(z, dz):
    """Return whether the entries just above 0 have gradients of both signs: then only the sign of z tells what is
    on."""
    gradients = dz[(z > 0) & (z < 2 * BESIDE)]
    return (gradients > 0).any() and (gradients < 0).any()


def draw_network_near_zero(rng):
    """Return a network some of whose z1 are so close to 0 that no other threshold than 0 will do."""
    while True:
        g = draw_network(rng)
        model = MLP(g.H, dtype=np.float64)
        model.params = {name: getattr(g, name) for name in ("W1", "b1", "W2", "b2")}
        model.params["b1"] = move_beside_zero(rng, g.z1, g.b1)
        g = run_both_passes(model, g.x, g.y)
        if has_both_signs_at_zero(g.z1, g.da1):
            g.kinks = ["z1", "a1"]
            return g


def draw_extreme_logits(rng):
    """Return logits as an untrained network never has them, but a bad step may make: too large and too small for exp.

    Whatever is subtracted from a row, if it is not its largest logit, fails for some rows and not for others: so what
    it was can be told. Nothing is special about the first and the last column.
    """
    logits = rng.normal(size=(int(rng.choice([6, 7, 8, 9, 11])), 10))
    logits[0] += 1000
    logits[1] -= 1000
    logits[2, rng.integers(1, 9)] += 2000  # the mean, the median and so on are all more than 1000 below the largest
    logits[3, rng.integers(1, 9)] -= 2000  # the smallest is
    logits[4, 0] -= 2000  # the smallest and the first are
    logits[5, 1:7] += 3000  # all are, but for the median
    _, dlogits = softmax_cross_entropy(logits, np.zeros(len(logits), int))
    return SimpleNamespace(B=len(logits), logits=logits, p=dlogits * len(logits) + np.eye(10)[[0] * len(logits)])


def draw_network_with_few_labels(rng):
    """Return a network whose labels number rows, too: p[y] is whole rows, neither an error nor every row once."""
    while True:
        g = draw_network(rng)
        if g.y.max() < g.B and 1 < len(np.unique(g.y)) < g.B:
            return g


def draw_network_with_large_loss(rng):
    """Return the same, but the p of one image's digit is 2e-9: no guard against log(0) may take effect above it."""
    g = draw_network_with_few_labels(rng)
    other_logits = np.delete(g.logits[-1], g.y[-1])
    g.logits[-1, g.y[-1]] = np.log(np.exp(other_logits).sum()) - 20
    e = np.exp(g.logits - g.logits.max(axis=1, keepdims=True))
    g.p = e / e.sum(axis=1, keepdims=True)
    g.loss, g.dlogits = softmax_cross_entropy(g.logits, g.y)
    return g


def draw_momentum_step(rng, axes=2, decays=False):
    """Return a parameter in the middle of training, which already has a velocity. A test compares it with
    main_np.update."""
    shape = rng.choice(range(3, 9), axes, replace=False).tolist()
    lr = rng.uniform(0.05, 0.3)
    momentum = rng.uniform(0.6, 0.95)
    weight_decay = rng.uniform(0.1, 0.4) * decays
    old_p, old_v, dp = rng.normal(size=(3, *shape))
    v = momentum * old_v + dp + weight_decay * old_p * (axes > 1)
    return SimpleNamespace(old_p=old_p, old_v=old_v, dp=dp, lr=lr, momentum=momentum, weight_decay=weight_decay,
                           v=v, p=old_p - lr * v, _rows=shape[0])  # fmt: skip


def draw_first_weights(rng):
    """Return random numbers for the weights of a layer."""
    inputs, outputs = rng.choice([30, 40, 50, 70, 90], 2, replace=False).tolist()
    standard = rng.normal(size=(inputs, outputs))
    W = standard * np.sqrt(2 / inputs)
    return SimpleNamespace(inputs=inputs, outputs=outputs, standard=standard, W=W)


def draw_curved_function(rng, axes=2):
    """Return a function whose central differences for a large h are not derivatives, but well defined."""
    array = rng.normal(size=rng.choice(range(2, 6), axes, replace=False))
    a, b, c = rng.normal(size=(3, *array.shape))

    def value(array):
        return float((a * array + b * array**2 + c * np.sin(2 * array)).sum() + (array[0] * array[1] ** 2).sum())

    g = SimpleNamespace(array=array, h=rng.uniform(0.1, 0.3), value=value, _rows=len(array))
    g.gradient = mlp_np.numerical_gradient(lambda: value(array), array, g.h)
    return g


def make_numerical_gradient_arguments(g):
    """Return the arguments of numerical_gradient: an array, and a function that reads it."""
    array = g.array.copy()
    return {"f": lambda: g.value(array), "array": array, "h": g.h}
