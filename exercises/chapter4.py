"""Chapter 4: the transformer's layers. vit_np.py itself computes what is right."""

from types import SimpleNamespace

import numpy as np

from exercises.exercise import Exercise
from vit_np import Attention, LayerNorm, Softmax, merge, split


def weighted(rng):
    """A softmax in the middle of attention, for one head: vit_np.Softmax itself."""
    B, T = rng.choice([3, 4, 5, 7], 2, replace=False).tolist()
    layer = Softmax()
    scores, dweights = rng.normal(0, 1.5, (B, T, T)), rng.normal(0.5, 1, (B, T, T))
    weights = layer.forward(scores)
    return SimpleNamespace(B=B, T=T, scores=scores, weights=weights, dweights=dweights,
                           dscores=layer.backward(dweights))  # fmt: skip


def layer_normalised(rng):
    """A layer normalisation in the middle of a network: vit_np.LayerNorm itself."""
    (B, T), C = rng.choice([2, 3, 5], 2, replace=False).tolist(), int(rng.choice([7, 9]))
    layer = LayerNorm(C)
    layer.params = {"gamma": rng.uniform(0.5, 2, C) * rng.choice([-1, 1], C), "beta": rng.normal(size=C)}
    x = rng.normal(rng.normal(0, 2, (B, T, 1)), rng.uniform(0.5, 3, (B, T, 1)), (B, T, C))
    layer.forward(x)
    dy = rng.normal(0.5, 1, (B, T, C))
    return SimpleNamespace(B=B, T=T, C=C, x=x, dy=dy, xhat=layer.xhat, inverse=layer.inverse, dx=layer.backward(dy),
                           layer=layer, **layer.params)  # fmt: skip


class Given:
    """Stands in the place of a linear layer: hands over an array, and keeps the gradient that comes back."""

    def __init__(self, y):
        self.y = y

    def forward(self, x):
        return self.y

    def backward(self, dy):
        self.dy = dy
        return np.zeros_like(dy)


def attention(q, k, v):
    """vit_np.Attention with q, k and v given, and with an `out` that hands `mixed` on as it is."""
    heads, width = q.shape[1], q.shape[1] * q.shape[3]
    layer = Attention(np.random.default_rng(0), width, heads)
    layer.layers |= {"query": Given(merge(q)), "key": Given(merge(k)), "value": Given(merge(v))}
    layer.layers["out"].params = {"W": np.eye(width)}
    return layer


def attended(rng):
    """Attention in the middle of a network: vit_np.Attention itself. All numbers differ."""
    (B, h), (T, d) = rng.permutation([2, 3]).tolist(), rng.permutation([5, 7]).tolist()
    q, k, v, dmixed = rng.normal(size=(4, B, h, T, d))
    layer = attention(q, k, v)
    mixed = split(layer.forward(None), h)
    layer.backward(merge(dmixed))
    dq, dk, dv = (split(layer.layers[name].dy, h) for name in ("query", "key", "value"))
    return SimpleNamespace(B=B, h=h, T=T, d=d, q=q, k=k, v=v, weights=layer.weights, mixed=mixed, dmixed=dmixed,
                           dq=dq, dk=dk, dv=dv)  # fmt: skip


def attention_loss(g, **changed):
    """The loss whose gradient with respect to `mixed` is dmixed, with another q, k or v."""
    layer = attention(*({"q": g.q, "k": g.k, "v": g.v} | changed).values())
    return (layer.forward(None) * merge(g.dmixed)).sum()


EXERCISES = (
    Exercise(
        "softmax_backward",
        (weighted,),
        nudges={"dscores": ("scores", lambda g, scores: (Softmax().forward(scores) * g.dweights).sum())},
        entrywise="scores",
    ),
    Exercise(
        "layer_norm_dx",
        (layer_normalised,),
        nudges={"dx": ("x", lambda g, x: (g.layer.forward(x) * g.dy).sum())},
        entrywise="x",
    ),
    Exercise(
        "attention",
        (attended,),
        nudges={f"d{name}": (name, lambda g, array, name=name: attention_loss(g, **{name: array})) for name in "qkv"},
    ),
)
