"""What today's language models have where the GPT has other parts: RMSNorm, rotary positions, SwiGLU and shared keys.
And how their tokens are made, and drawn."""

from functools import partial
from types import SimpleNamespace

import numpy as np


def draw_sizes(rng, *choices):
    """Return a number from each of these lists, no two of them alike."""
    while True:
        sizes = [int(rng.choice(numbers)) for numbers in choices]
        if len(set(sizes)) == len(sizes):
            return sizes


def draw_token_pairs(rng, has_runs=False):
    """Return tokens of a text, and a pair of neighbours that becomes one.

    has_runs: both are the same token, several in a row.
    """
    N = int(rng.integers(12, 18))
    V = int(rng.integers(5, 9))
    first, second = (int(word) for word in rng.permutation(V)[:2])
    if has_runs:
        second = first
    other_words = [word for word in range(V) if word not in (first, second)]
    parts = [[first, second]] * 3 + [[first]] + [[second, first]] + [[word] for word in rng.choice(other_words, N)]
    if has_runs:
        parts = [[first] * 3, [first] * 2, [first] * 4, [first]] + [[word] for word in rng.choice(other_words, N)]
    order = rng.permutation(len(parts))
    words = []
    for i in order:  # another token between the runs
        words += [*parts[i], int(rng.choice(other_words))] if has_runs else parts[i]
    words += [
        int(rng.choice(other_words)),
        first,
        *[second] * has_runs,
    ]  # the last token has no neighbour, or is a pair's second
    new = 10 * V + int(rng.integers(V))
    merged_words = []
    i = 0
    while i < len(words):
        is_pair = words[i : i + 2] == [first, second]
        merged_words.append(new if is_pair else words[i])
        i += 2 if is_pair else 1
    words = np.array(words)
    joined = np.array(merged_words)
    return SimpleNamespace(N=len(words), words=words, first=first, second=second, new=new, joined=joined)


def draw_probabilities(rng):
    """Return probabilities of tokens, and how much the ones that are kept have together."""
    B, V = draw_sizes(rng, [3, 4, 5], [7, 8, 9, 10])
    return make_top_p_case(rng.dirichlet(np.full(V, 0.7), B), float(rng.uniform(0.5, 0.8)))


def draw_halved_probabilities(rng):
    """Return the same, where the likeliest tokens have exactly as much together as is enough."""
    B, V = draw_sizes(rng, [3, 4, 5], [7, 8, 9, 10])
    p = 0.5 ** np.minimum(np.arange(1, V + 1), V - 1)
    return make_top_p_case(np.array([rng.permutation(p) for _ in range(B)]), float(rng.choice([0.5, 0.75])))


def make_top_p_case(p, enough):
    """Return the inputs p (B, V) and enough, and the right results."""
    B, V = p.shape
    order = np.argsort(-p, axis=1)
    sorted_p = np.take_along_axis(p, order, axis=1)
    sum_before = sorted_p.cumsum(axis=1) - sorted_p
    kept_p = np.zeros_like(p)
    np.put_along_axis(kept_p, order, np.where(sum_before < enough, sorted_p, 0), axis=1)
    return SimpleNamespace(B=B, V=V, p=p, enough=enough, kept=kept_p / kept_p.sum(axis=1, keepdims=True))


MERGED = [draw_token_pairs, partial(draw_token_pairs, has_runs=True)]
