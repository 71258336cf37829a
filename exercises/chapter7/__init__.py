"""Inputs and expected results for what nanoGPT adds: heads, dropout, GELU, weight tying, and its training."""

import math
from functools import partial
from types import SimpleNamespace

import numpy as np

from gpt_np import Embedding
from marker.equal import KINK_PROBE_DISTANCE
from vit_np import merge, split


def draw_sizes(rng, *choices):
    """Return a number from each list in `choices`, all of them different."""
    while True:
        sizes = [int(rng.choice(numbers)) for numbers in choices]
        if len(set(sizes)) == len(sizes):
            return sizes


def draw_heads(rng):
    """Draw queries, keys and values as one linear layer computes them, and the results of all heads.

    Returns them with q, k and v split into heads, and with y, the merged results.
    """
    B, T, h, d = draw_sizes(rng, [2, 3, 5, 6, 7], [2, 4, 5, 6, 7], [2, 3, 4, 5], [2, 3, 4, 5, 6])
    C = h * d
    qkv = rng.normal(size=(B, T, 3 * C))
    mixed = rng.normal(size=(B, h, T, d))
    q, k, v = (split(third, h) for third in np.split(qkv, 3, axis=2))
    return SimpleNamespace(B=B, T=T, h=h, d=d, C=C, qkv=qkv, q=q, k=k, v=v, mixed=mixed, y=merge(mixed))


def draw_adamw_step(rng, axes=2, t=None):
    """Draw a parameter, its gradient and running means in mid-training, and the expected results of AdamW.

    axes: the number of axes of the parameter. t: the step, or None for a later one. eps is large, so that its place in
    the formula matters. A test compares the results with main_np.update_adamw.
    """
    shape = rng.choice(range(3, 9), axes, replace=False).tolist()
    late_step = int(rng.integers(2, 9))
    lr = rng.uniform(0.05, 0.3)
    weight_decay = rng.uniform(0.1, 0.4)
    beta1 = rng.uniform(0.6, 0.75)
    beta2 = rng.uniform(0.8, 0.95)
    eps = rng.uniform(0.05, 0.2)
    old_p, old_m, dp = rng.normal(size=(3, *shape))
    old_s = rng.uniform(0.1, 2, shape)
    t = t or late_step
    m = beta1 * old_m + (1 - beta1) * dp
    s = beta2 * old_s + (1 - beta2) * dp * dp
    move = m / (1 - beta1**t) / (np.sqrt(s / (1 - beta2**t)) + eps)
    p = old_p - lr * (move + weight_decay * (axes > 1) * old_p)
    return SimpleNamespace(old_p=old_p, old_m=old_m, old_s=old_s, dp=dp, t=t, lr=lr, beta1=beta1, beta2=beta2, eps=eps,
                           weight_decay=weight_decay, m=m, s=s, p=p, _rows=shape[0])  # fmt: skip


def draw_scheduled_rate(rng, part):
    """Draw a step t of a run and a learning-rate schedule, with the right rate.

    part: "warm" (the rate rises), "falls", "over" (after the last step), or the name of a step where two parts meet.
    """
    warm = int(rng.integers(6, 12))
    steps = int(rng.integers(30, 60))
    edges = {"first": 0, "warmed": warm - 1, "at warm": warm, "after warm": warm + 1, "late": steps - 1, "last": steps}
    if part in edges:
        t = edges[part]
    else:
        low, high = {"warm": (1, warm - 1), "falls": (warm + 1, steps - 1), "over": (steps + 1, steps + 9)}[part]
        t = int(rng.integers(low, high))
        while abs(t - warm - (steps - warm) / 2) < 1:  # the cosine is 0 there, so a wrong sign would not show
            t = int(rng.integers(low, high))
    lr = rng.uniform(0.2, 0.9)
    least = lr * rng.uniform(0.05, 0.2)
    share = min(1, (t - warm) / (steps - warm))
    rate = least + (lr - least) * (1 + math.cos(math.pi * share)) / 2
    if t < warm:
        rate = lr * (t + 1) / (warm + 1)
    return SimpleNamespace(t=t, warm=warm, steps=steps, lr=lr, least=least, rate=rate)


SCHEDULED = [partial(draw_scheduled_rate, part=part) for part in ("warm", "falls", "over")]
AT_EDGES = [
    partial(draw_scheduled_rate, part=part) for part in ("first", "warmed", "at warm", "after warm", "late", "last")
]


def draw_small_batches(rng):
    """Draw small batches of different sizes and the gradient of the mean loss of all their examples.

    Returns a namespace with `parts`, the gradients of the mean loss of each small batch, `counts`, their sizes,
    and dW, the gradient of all.
    """
    K, I, O = draw_sizes(rng, *[[2, 3, 4, 5, 6]] * 3)
    counts = rng.permutation(np.arange(2, 9))[:K]
    x = rng.normal(size=(counts.sum(), I))
    dy = rng.normal(size=(counts.sum(), O))
    ends = np.cumsum(counts)[:-1]
    small = zip(np.split(x, ends), np.split(dy, ends), strict=True)
    parts = np.array([x.T @ dy / len(x) for x, dy in small])
    return SimpleNamespace(K=K, I=I, O=O, parts=parts, counts=counts, dW=x.T @ dy / len(x))


def draw_clipped_gradients(rng, length="far too long"):
    """Draw the gradients of a layer, the largest norm allowed, and the clipped gradients.

    length: "far too long": each array alone exceeds the allowed norm. "together": only their common norm does. "short":
    their common norm does not, although the sum of their two norms does.
    """
    I, O = draw_sizes(rng, *[[2, 3, 4, 5, 6, 7]] * 2)
    dW = rng.normal(size=(I, O))
    db = rng.normal(size=O)
    dW, db = (g * rng.uniform(2, 3) / np.linalg.norm(g) for g in (dW, db))
    W = np.linalg.norm(dW)
    b = np.linalg.norm(db)
    norm = math.hypot(W, b)
    low, high = {"far too long": (0.2, 0.6), "together": (max(W, b), norm), "short": (norm, W + b)}[length]
    most = low + rng.uniform(0.2, 0.8) * (high - low)
    factor = min(1, most / norm)
    return SimpleNamespace(I=I, O=O, dW=dW, db=db, most=most, clipped_dW=factor * dW, clipped_db=factor * db)


CLIPPED = [partial(draw_clipped_gradients, length=how) for how in ("far too long", "together", "short")]
