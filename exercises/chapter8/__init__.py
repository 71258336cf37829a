"""Inputs and expected results for RMSNorm, rotary positions, SwiGLU, shared keys, byte pairs and top-p sampling."""

from functools import partial
from types import SimpleNamespace

import numpy as np


def draw_sizes(rng, *choices):
    """Return a number from each list in `choices`, all of them different."""
    while True:
        sizes = [int(rng.choice(numbers)) for numbers in choices]
        if len(set(sizes)) == len(sizes):
            return sizes


def draw_token_pairs(rng, has_runs=False):
    """Draw the tokens of a text, a pair of neighbours that is merged into the token `new`, and the expected result.

    has_runs: both tokens of the pair are the same, and occur several times in a row.
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
    """Draw the probabilities p (B, V) of tokens and the sum `enough` for top-p sampling, and the expected result."""
    B, V = draw_sizes(rng, [3, 4, 5], [7, 8, 9, 10])
    return make_top_p_case(rng.dirichlet(np.full(V, 0.7), B), float(rng.uniform(0.5, 0.8)))


def draw_halved_probabilities(rng):
    """Draw inputs as `draw_probabilities` does, but with the likeliest tokens adding up to exactly `enough`."""
    B, V = draw_sizes(rng, [3, 4, 5], [7, 8, 9, 10])
    p = 0.5 ** np.minimum(np.arange(1, V + 1), V - 1)
    return make_top_p_case(np.array([rng.permutation(p) for _ in range(B)]), float(rng.choice([0.5, 0.75])))


def make_top_p_case(p, enough):
    """Return a namespace with p (B, V), `enough`, and `kept`, the expected result of top-p sampling."""
    B, V = p.shape
    order = np.argsort(-p, axis=1)
    sorted_p = np.take_along_axis(p, order, axis=1)
    sum_before = sorted_p.cumsum(axis=1) - sorted_p
    kept_p = np.zeros_like(p)
    np.put_along_axis(kept_p, order, np.where(sum_before < enough, sorted_p, 0), axis=1)
    return SimpleNamespace(B=B, V=V, p=p, enough=enough, kept=kept_p / kept_p.sum(axis=1, keepdims=True))


MERGED = [draw_token_pairs, partial(draw_token_pairs, has_runs=True)]
