"""The transformer's layers. The tape computes what is right, from the forward passes of vit_autograd.py."""

from types import SimpleNamespace

import numpy as np

from autograd_np import Tensor
from exercises.autograd import differentiated
from vit_autograd import layer_norm, softmax
from vit_np import LayerNorm


def weighted(rng):
    """A softmax in the middle of attention, for one head."""
    B, T = rng.choice([3, 4, 5, 7], 2, replace=False).tolist()
    scores, dweights = rng.normal(0, 1.5, (B, T, T)), rng.normal(0.5, 1, (B, T, T))
    right = differentiated(softmax, dweights, scores=scores)
    return SimpleNamespace(B=B, T=T, scores=scores, weights=right["value"], dweights=dweights, **right)


def layer_normalised(rng):
    """A layer normalisation in the middle of a network."""
    (B, T), C = rng.choice([2, 3, 5], 2, replace=False).tolist(), int(rng.choice([7, 9]))
    gamma, beta = rng.uniform(0.5, 2, C) * rng.choice([-1, 1], C), rng.normal(size=C)
    x = rng.normal(rng.normal(0, 2, (B, T, 1)), rng.uniform(0.5, 3, (B, T, 1)), (B, T, C))
    dy, inverse = rng.normal(0.5, 1, (B, T, C)), 1 / np.sqrt(x.var(axis=-1, keepdims=True) + LayerNorm.eps)
    right = differentiated(lambda x: layer_norm(x, gamma, beta), dy, x=x)
    return SimpleNamespace(B=B, T=T, C=C, x=x, dy=dy, xhat=(x - x.mean(axis=-1, keepdims=True)) * inverse,
                           inverse=inverse, gamma=gamma, beta=beta, **right)  # fmt: skip


def weights_of(q, k):
    """(B, h, T, d), twice -> the weights of attention, (B, h, T, T)."""
    return softmax(q @ k.swapaxes(2, 3) * q.shape[-1] ** -0.5)


def attended(rng):
    """Attention in the middle of a network. All numbers differ."""
    (B, h), (T, d) = rng.permutation([2, 3]).tolist(), rng.permutation([5, 7]).tolist()
    q, k, v, dmixed = rng.normal(size=(4, B, h, T, d))
    right = differentiated(lambda q, k, v: weights_of(q, k) @ v, dmixed, q=q, k=k, v=v)
    return SimpleNamespace(B=B, h=h, T=T, d=d, q=q, k=k, v=v, weights=weights_of(Tensor(q), Tensor(k)).value,
                           mixed=right["value"], dmixed=dmixed, **right)  # fmt: skip
