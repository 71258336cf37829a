"""Inputs and expected results for the exercises on the GPT. gpt_np.py itself computes the results."""

from functools import partial
from types import SimpleNamespace

import numpy as np

from gpt_np import CausalSoftmax, Embedding, sample
from mlp_np import softmax, softmax_cross_entropy
from vit_np import Positions


def draw_sizes(rng, n_sizes, smallest=3):
    """Return `n_sizes` different sizes, none below `smallest`."""
    return (smallest + rng.permutation(n_sizes + 3)[:n_sizes]).tolist()


def make_row_offsets(n_rows):
    """Return an offset for each row of logits: -800, 0, 800, -800 and so on.

    With these, exp overflows or is 0 unless each row's own maximum is subtracted.
    """
    return np.resize([-800.0, 0, 800], n_rows)


def draw_masked_scores(rng, has_offsets=False):
    """Draw attention scores (B, T, T) and the expected weights. Scores of later positions are large.

    So a missing mask shows. has_offsets: rows are far from 0 and from each other. The hidden scores are far above the
    visible ones, so that subtracting the maximum of a whole row is wrong.
    """
    B, T = draw_sizes(rng, 2)
    scores = rng.normal(0, 1.5, (B, T, T)) + np.triu(rng.uniform(1, 3, (T, T)), 1)
    if has_offsets:
        scores += make_row_offsets(T)[:, np.newaxis] + 2000 * np.triu(np.ones((T, T)), 1)
    return SimpleNamespace(B=B, T=T, scores=scores, weights=CausalSoftmax().forward(scores))


def draw_texts(rng):
    """Draw images as tokens, with their digits, and the expected inputs x and targets y of a GPT.

    The last patch token does not occur, so V cannot be derived from `patches`.
    """
    B, T = draw_sizes(rng, 2, smallest=4)
    V = int(rng.integers(20, 40))
    patches = rng.integers(0, V - 1, (B, T))
    digits = rng.integers(0, 10, B)
    x = np.column_stack([V + digits, patches[:, :-1]])
    return SimpleNamespace(B=B, T=T, V=V, patches=patches, digits=digits, x=x, y=patches.copy())


def draw_sampling(rng, temperature=None, has_offsets=False):
    """Draw the logits for the next token of many texts, the random numbers u that select it, and the right tokens.

    temperature: None for a random one. has_offsets: rows of logits are far from 0 and from each other.
    """
    V = int(rng.integers(5, 9))
    B = int(rng.integers(40, 60))
    temperature = float(rng.choice([0.4, 0.6, 1.7])) if temperature is None else temperature
    logits = rng.normal(0, 1.5, (B, V))
    u = rng.random(B)
    if has_offsets:
        logits += make_row_offsets(B)[:, np.newaxis]
    return SimpleNamespace(B=B, V=V, logits=logits, temperature=temperature, u=u,
                           words=sample(logits, temperature, u))  # fmt: skip


SAMPLINGS = [draw_sampling, partial(draw_sampling, temperature=1.0), partial(draw_sampling, temperature=0.0)]


def find_nearest(patches, words, order=2):
    """Return, for each patch (N, D), the index of the nearest of the tokens `words` (V, D).

    order: of the norm, as in np.linalg.norm.
    """
    return np.linalg.norm(patches[:, np.newaxis] - words, order, axis=2).argmin(axis=1)


def move_to_means(patches, words, nearest_words):
    """Return the tokens `words`, each moved to the mean of its patches. A token without patches stays where it is.

    nearest_words (N,): the index of each patch's token.
    """
    return np.array(
        [patches[nearest_words == k].mean(axis=0) if k in nearest_words else word for k, word in enumerate(words)]
    )


def draw_clusters(rng):
    """Draw patches around some tokens, and the right tokens after a step of k-means.

    One token is far from all patches, and at least one has a single patch. The first and the last token have patches.
    The tokens overlap: with a distance other than the Euclidean one, or if each token moves before the next one gets
    its patches, the result is wrong.
    """
    while True:
        N, V, D = draw_sizes(rng, 3, smallest=4)
        N += 4 * V
        words = rng.normal(0, 3, (V, D))
        empty_word = rng.integers(1, V - 1)
        patches = words[rng.choice(np.delete(np.arange(V), empty_word), N)] + rng.normal(0, 4, (N, D))
        words[empty_word] = np.resize([50, -50], D) * rng.choice([-1, 1])
        words[empty_word, -1] -= words[empty_word].sum()  # so that a sum of differences does not show the distance
        nearest_words = find_nearest(patches, words)
        counts = np.bincount(nearest_words, minlength=V)
        if 1 in counts and counts[0] and counts[-1]:
            moved_words = move_to_means(patches, words, nearest_words)
            in_turn = words.copy()
            for k in range(V):
                in_turn[k] = move_to_means(patches, in_turn, find_nearest(patches, in_turn))[k]
            wrong_results = (
                in_turn,
                *(move_to_means(patches, words, find_nearest(patches, words, order)) for order in (1, np.inf)),
            )
            if not any(np.array_equal(moved_words, wrong_result) for wrong_result in wrong_results):
                return SimpleNamespace(N=N, V=V, D=D, patches=patches, words=words, moved=moved_words)


def draw_word_pairs(rng, without_last=False):
    """Draw pairs (x, y) of a token and the one after it, and their table p (W, V) of bigram probabilities.

    Some pairs occur several times. One token never occurs in x, and one occurs there once. without_last: the last
    token, W - 1 in x and V - 1 in y, does not occur.
    """
    V = int(rng.integers(4, 8))
    W = V + int(rng.integers(1, 4))
    N = int(rng.integers(60, 90))
    # The first token of the permutation never occurs in x.
    _, word_once, *frequent_words = rng.permutation(np.arange(1, W - 1))
    frequent_words += [0] if without_last else [0, W - 1]
    x = np.concatenate([[word_once], frequent_words, rng.choice(frequent_words, N - 1 - len(frequent_words))])
    y = rng.integers(0, V - without_last, N)
    p = np.array([np.bincount(y[x == j], minlength=V) / max((x == j).sum(), 1) for j in range(W)])
    return SimpleNamespace(N=N, W=W, V=V, x=x, y=y, p=p)


def draw_cached_attention(rng, has_offsets=False):
    """Draw the query, key and value of a new token in one head, the cached keys and values, and the expected result.

    The result is the last row of attention. has_offsets: the scores of a text are far from 0 and from those of other
    texts, and one is far above the others: a cached key's in one text, the new key's in another.
    """
    B, t, d = draw_sizes(rng, 3)
    keys, values = rng.normal(0, 1, (2, B, t + 1, d))
    q = rng.normal(0, 2, (B, d))
    if has_offsets:  # what all keys of a text have in common shifts all of its scores equally
        unit_change = np.sqrt(d) * q / (q**2).sum(axis=1, keepdims=True)
        keys += (make_row_offsets(B)[:, np.newaxis] * unit_change)[:, np.newaxis]
        keys[0, 0] += 1000 * unit_change[0]
        keys[1, -1] += 1000 * unit_change[1]
    weights = softmax((keys @ q[:, :, np.newaxis])[:, :, 0] / np.sqrt(d))
    mixed = (weights[:, np.newaxis] @ values)[:, 0]
    return SimpleNamespace(B=B, t=t, d=d, q=q, k=keys[:, -1].copy(), v=values[:, -1].copy(), kept_k=keys[:, :-1].copy(),
                           kept_v=values[:, :-1].copy(), mixed=mixed)  # fmt: skip
