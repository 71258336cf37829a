"""What today's language models have where the GPT has other parts: RMSNorm, rotary positions, SwiGLU and shared keys.
And how their words are made, and drawn."""

from functools import partial
from types import SimpleNamespace

import numpy as np

from autograd_np import Tensor
from exercises.autograd import differentiated


def sizes_of(rng, *choices):
    """A number from each of these lists, no two of them alike."""
    while len({*(found := [int(rng.choice(some)) for some in choices])}) < len(choices):
        pass
    return found


def rms_normalised(rng):
    """An RMSNorm in the middle of a network. Its means are not 0, and eps is large enough to be seen."""
    B, T, C = sizes_of(rng, [2, 3, 5], [2, 3, 4, 5], [7, 8, 9])
    gamma = rng.uniform(0.5, 2, C) * rng.choice([-1, 1], C)
    x = rng.normal(rng.normal(0, 2, (B, T, 1)), rng.uniform(0.5, 3, (B, T, 1)), (B, T, C))
    dy, eps = rng.normal(0.5, 1, (B, T, C)), 0.3

    def norm(x):
        return x / ((x * x).mean(axis=-1, keepdims=True) + eps).sqrt() * gamma

    right = differentiated(norm, dy, x=x)
    inverse = 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps)
    return SimpleNamespace(B=B, T=T, C=C, x=x, dy=dy, xhat=x * inverse, gamma=gamma, inverse=inverse, **right)


def rotated(rng):
    """Queries and their turn, in the middle of attention."""
    B, T, d = sizes_of(rng, [2, 3, 4, 5], [3, 4, 5, 7], [6, 8, 10])
    x, dy, base = rng.normal(size=(B, T, d)), rng.normal(size=(B, T, d)), float(rng.uniform(50, 200))
    turn = np.exp(1j * np.arange(T)[:, np.newaxis] * base ** (-np.arange(0, d, 2) / d))  # (T, d / 2): complex numbers

    def turned(x, turn):
        z = (x[..., ::2] + 1j * x[..., 1::2]) * turn
        return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)

    loss = {"x": lambda x: (turned(x, turn) * dy).sum()}
    return SimpleNamespace(
        B=B, T=T, d=d, x=x, dy=dy, base=base, y=turned(x, turn), dx=turned(dy, turn.conj()), losses=loss
    )


def gated(rng):
    """A SwiGLU in the middle of a network."""
    N, C, H = sizes_of(rng, [2, 3, 4, 5], [3, 4, 5, 6], [6, 7, 8, 9])
    x, dy = rng.normal(size=(N, C)), rng.normal(size=(N, C))
    Wg, Wu, Wd = (rng.normal(0, 1.2 / np.sqrt(len_in), (len_in, out)) for len_in, out in ((C, H), (C, H), (H, C)))

    def network(x):
        a = x @ Wg
        return (a * a.sigmoid() * (x @ Wu)) @ Wd

    right = differentiated(network, dy, x=x)
    return SimpleNamespace(N=N, C=C, H=H, x=x, dy=dy, Wg=Wg, Wu=Wu, Wd=Wd, **right)


def shared(rng):
    """The scores of attention whose heads share keys."""
    B, s, g = (int(n) for n in rng.permutation([2, 3, 4]))
    T, d = sizes_of(rng, [5, 6, 7], [5, 6, 7])
    h = s * g
    q, k, dscores = rng.normal(size=(B, h, T, d)), rng.normal(size=(B, s, T, d)), rng.normal(size=(B, h, T, T))

    def scores(q, k):
        q, k = q.reshape(B, s, g, T, d), k.reshape(B, s, 1, T, d)
        return (q @ k.swapaxes(3, 4) * d**-0.5).reshape(B, h, T, T)

    return SimpleNamespace(
        B=B, h=h, s=s, g=g, T=T, d=d, q=q, k=k, dscores=dscores, **differentiated(scores, dscores, q=q, k=k)
    )


def adapted(rng):
    """A linear layer that stays as it is, with two thin matrices beside it."""
    N, I, O, r = sizes_of(rng, [3, 4, 5, 6, 7], [4, 5, 6, 7, 8], [4, 5, 6, 7, 8, 9], [2, 3])
    x, dy, W = rng.normal(size=(N, I)), rng.normal(size=(N, O)), rng.normal(size=(I, O))
    A, B, scale = rng.normal(size=(I, r)), rng.normal(size=(r, O)), float(rng.uniform(1.5, 4))
    right = differentiated(lambda x, A, B: x @ W + scale * (x @ A @ B), dy, x=x, A=A, B=B)
    return SimpleNamespace(N=N, I=I, O=O, r=r, x=x, W=W, A=A, scale=scale, dy=dy, **right | {"B": B})


def in_pairs(rng, runs=False):
    """Words of a text, and a pair of neighbours that becomes one. runs: both are the same word, several in a row."""
    N, V = int(rng.integers(12, 18)), int(rng.integers(5, 9))
    first, second = (int(word) for word in rng.permutation(V)[:2])
    if runs:
        second = first
    others = [word for word in range(V) if word not in (first, second)]
    parts = [[first, second]] * 3 + [[first]] + [[second, first]] + [[word] for word in rng.choice(others, N)]
    if runs:
        parts = [[first] * 3, [first] * 2, [first] * 4, [first]] + [[word] for word in rng.choice(others, N)]
    order = rng.permutation(len(parts))
    words = []
    for i in order:  # another word between the runs
        words += [*parts[i], int(rng.choice(others))] if runs else parts[i]
    words += [int(rng.choice(others)), first, *[second] * runs]  # the last word has no neighbour, or is a pair's second
    new = 10 * V + int(rng.integers(V))
    found, i = [], 0
    while i < len(words):
        both = words[i : i + 2] == [first, second]
        found.append(new if both else words[i])
        i += 2 if both else 1
    words, joined = np.array(words), np.array(found)
    return SimpleNamespace(N=len(words), words=words, first=first, second=second, new=new, joined=joined)


def likely(rng):
    """Probabilities of words, and how much the ones that are kept have together."""
    B, V = sizes_of(rng, [3, 4, 5], [7, 8, 9, 10])
    return most_likely(rng.dirichlet(np.full(V, 0.7), B), float(rng.uniform(0.5, 0.8)))


def likely_in_halves(rng):
    """The same, where the likeliest words have exactly as much together as is enough."""
    B, V = sizes_of(rng, [3, 4, 5], [7, 8, 9, 10])
    p = 0.5 ** np.minimum(np.arange(1, V + 1), V - 1)
    return most_likely(np.array([rng.permutation(p) for _ in range(B)]), float(rng.choice([0.5, 0.75])))


def most_likely(p, enough):
    """p (B, V): what is given, and what is right."""
    B, V = p.shape
    order = np.argsort(-p, axis=1)
    ranked = np.take_along_axis(p, order, axis=1)
    before = ranked.cumsum(axis=1) - ranked
    kept = np.zeros_like(p)
    np.put_along_axis(kept, order, np.where(before < enough, ranked, 0), axis=1)
    return SimpleNamespace(B=B, V=V, p=p, enough=enough, kept=kept / kept.sum(axis=1, keepdims=True))


MERGED = [in_pairs, partial(in_pairs, runs=True)]
