"""Inputs and expected results for the exercises on the MLP. mlp_np.py itself computes the results."""

from types import SimpleNamespace

import numpy as np

import mlp_np
from marker.equal import KINK_PROBE_DISTANCE
from mlp_np import MLP, softmax_cross_entropy


def draw_network(rng):
    """Draw a small network and inputs. Returns a namespace of all arrays in both passes, in float64.

    The draw makes different mistakes give different results: B, H, 784 and 10 all differ, none is twice another, biases
    are not 0, between a quarter and three quarters of the units are on, and gradients of both signs reach them.
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
    """Return a namespace of all arrays in the forward and backward pass of an MLP. x (B, 784), y (B,)."""
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
    """Return the mean cross-entropy of logits (B, 10) for labels y (B,)."""
    return softmax_cross_entropy(logits, y)[0]


def draw_single_image(rng):
    """Draw one image's logits (10,). Returns them with their softmax p and the true digit as a one-hot row."""
    g = draw_network(rng)
    return SimpleNamespace(logits=g.logits[0], p=g.p[0], onehot=g.onehot[0])


def cross_entropy_of_one(logits, onehot):
    """Return the cross-entropy of one image. logits and onehot (10,)."""
    return cross_entropy(logits[np.newaxis], onehot[np.newaxis].argmax(axis=1))


def move_beside_zero(rng, z, b):
    """Return biases b (H,), changed so that each column of z = ... + b has an entry very close to 0.

    This entry is just above 0 in the even columns, and just below 0 in the odd ones.
    """
    columns = np.arange(len(b))
    return b - z[rng.integers(len(z), size=len(b)), columns] + KINK_PROBE_DISTANCE * (-1.0) ** columns


def has_both_signs_at_zero(z, dz):
    """Return whether gradients dz of both signs reach entries of z just above 0.

    If so, a mask that does not depend on z gives wrong results.
    """
    gradients = dz[(z > 0) & (z < 2 * KINK_PROBE_DISTANCE)]
    return (gradients > 0).any() and (gradients < 0).any()


def draw_network_near_zero(rng):
    """Draw a network with z1 so close to 0 that a ReLU with any threshold but 0 gives wrong results."""
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
    """Draw logits that are too large or too small for exp, as a bad training step may make them.

    If anything but its largest logit is subtracted from each row, exp fails for some rows and not for others, which
    shows what was subtracted. Except in row 4, the logits that stand out are never in the first or the last column.
    """
    logits = rng.normal(size=(int(rng.choice([6, 7, 8, 9, 11])), 10))
    logits[0] += 1000
    logits[1] -= 1000
    logits[2, rng.integers(1, 9)] += 2000  # the mean, the median and so on are all more than 1000 below the largest
    logits[3, rng.integers(1, 9)] -= 2000  # here the smallest is
    logits[4, 0] -= 2000  # here the smallest and the first are
    logits[5, 1:7] += 3000  # here all of them are, except the median
    _, dlogits = softmax_cross_entropy(logits, np.zeros(len(logits), int))
    return SimpleNamespace(B=len(logits), logits=logits, p=dlogits * len(logits) + np.eye(10)[[0] * len(logits)])


def draw_network_with_few_labels(rng):
    """Draw a network whose labels y are valid row numbers, too, but not each of them once.

    So the mistake p[y] raises no error, returns whole rows, and does not happen to be a permutation of p.
    """
    while True:
        g = draw_network(rng)
        if g.y.max() < g.B and 1 < len(np.unique(g.y)) < g.B:
            return g


def draw_network_with_large_loss(rng):
    """Draw a network as `draw_network_with_few_labels` does, with p = 2e-9 for one image's label.

    A guard against log(0) must not change a p that large.
    """
    g = draw_network_with_few_labels(rng)
    other_logits = np.delete(g.logits[-1], g.y[-1])
    g.logits[-1, g.y[-1]] = np.log(np.exp(other_logits).sum()) - 20
    e = np.exp(g.logits - g.logits.max(axis=1, keepdims=True))
    g.p = e / e.sum(axis=1, keepdims=True)
    g.loss, g.dlogits = softmax_cross_entropy(g.logits, g.y)
    return g


def draw_momentum_step(rng, axes=2, decays=False):
    """Draw a parameter, its velocity and gradient in mid-training, and the expected results of a step with momentum.

    axes: the number of axes of the parameter. decays: with weight decay, which changes matrices only. A test compares
    the results with main_np.update.
    """
    shape = rng.choice(range(3, 9), axes, replace=False).tolist()
    lr = rng.uniform(0.05, 0.3)
    momentum = rng.uniform(0.6, 0.95)
    weight_decay = rng.uniform(0.1, 0.4) * decays
    old_p, old_v, dp = rng.normal(size=(3, *shape))
    v = momentum * old_v + dp + weight_decay * old_p * (axes > 1)
    return SimpleNamespace(old_p=old_p, old_v=old_v, dp=dp, lr=lr, momentum=momentum, weight_decay=weight_decay,
                           v=v, p=old_p - lr * v, _rows=shape[0])  # fmt: skip


def draw_first_weights(rng):
    """Draw standard normal numbers for a layer of random size, and the He-initialised weights that they give."""
    inputs, outputs = rng.choice([30, 40, 50, 70, 90], 2, replace=False).tolist()
    standard = rng.normal(size=(inputs, outputs))
    W = standard * np.sqrt(2 / inputs)
    return SimpleNamespace(inputs=inputs, outputs=outputs, standard=standard, W=W)


def draw_curved_function(rng, axes=2):
    """Draw an array, a function of it, and its central differences for a large h.

    The differences are clearly not the derivatives, so another h gives wrong results. axes: the number of axes of the
    array.
    """
    array = rng.normal(size=rng.choice(range(2, 6), axes, replace=False))
    a, b, c = rng.normal(size=(3, *array.shape))

    def value(array):
        return float((a * array + b * array**2 + c * np.sin(2 * array)).sum() + (array[0] * array[1] ** 2).sum())

    g = SimpleNamespace(array=array, h=rng.uniform(0.1, 0.3), value=value, _rows=len(array))
    g.gradient = mlp_np.numerical_gradient(lambda: value(array), array, g.h)
    return g


def make_numerical_gradient_arguments(g):
    """Return the arguments of numerical_gradient: f() depends on the argument `array`, whose entries may be changed."""
    array = g.array.copy()
    return {"f": lambda: g.value(array), "array": array, "h": g.h}
