"""Samples, drawn so that no mistake hides behind another."""

from types import SimpleNamespace

import numpy as np


def two_sizes(rng):
    n, p = rng.choice([5, 6, 7, 8, 9], 2, replace=False).tolist()
    return n + 6, p  # more samples than columns


def weighted(rng):
    n, p = two_sizes(rng)
    x, w = rng.normal(1, 2, (n, p)), rng.uniform(0.2, 3, n)
    return SimpleNamespace(n=n, p=p, x=x, w=w, mean=np.average(x, axis=0, weights=w))


def correlated(rng):
    n, p = two_sizes(rng)
    x = rng.normal(size=(n, p)) @ rng.normal(size=(p, p)) + rng.normal(0, 3, p)
    return SimpleNamespace(n=n, p=p, x=x, r=np.corrcoef(x.T))


def penalised(rng, degree=2):
    """degree: the same in all draws, which is no size that could be told from a constant."""
    n, p = two_sizes(rng)
    x, y, penalty = rng.normal(size=(n, p)), rng.normal(size=n), rng.uniform(0.5, 2)
    w = np.linalg.lstsq(np.vstack([x, np.sqrt(penalty) * np.eye(p)]), np.concatenate([y, np.zeros(p)]), rcond=None)[0]
    return SimpleNamespace(n=n, p=p, degree=degree, x=x, y=y, penalty=penalty, w=w)
