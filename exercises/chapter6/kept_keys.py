"""The KV cache: mixed.

A network that generates text adds one token to each text at a time, and it has kept the keys and values of all earlier
tokens. For the new token, an attention head computes the scores of its query with the kept keys and with its own key.
It turns the scores into weights, and takes the weighted mean of the kept values and its own value.

    q, k, v          (B, d)      the new token's query, key and value, in each of B texts
    kept_k, kept_v   (B, t, d)   the keys and values of the tokens before it

    scores = q . key / sqrt(d), which may be large      weights = softmax(scores)
"""

import numpy as np


def kept_keys(q, k, v, kept_k, kept_v):
    """Return mixed (B, d)."""
    # mixed = ...  # this takes several lines
    keys = np.concatenate([kept_k, k[:, None]], axis=1)
    values = np.concatenate([kept_v, v[:, None]], axis=1)
    scores = (keys * q[:, None]).sum(axis=2) / np.sqrt(q.shape[1])
    exp = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = exp / exp.sum(axis=1, keepdims=True)
    mixed = (weights[:, :, None] * values).sum(axis=1)
    return mixed


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from functools import partial

from exercises import chapter6

INPUTS = [chapter6.draw_cached_attention]
FURTHER = [partial(chapter6.draw_cached_attention, has_offsets=True)]
COUNTS = {"B": "texts", "t": "tokens so far", "d": "channels of a head"}

HINTS = """
1. How many keys does the new token look at, t or t + 1? May it look at itself?
2. np.concatenate([kept_k, k[:, None]], axis=1) contains all keys, (B, t + 1, d). Do the same for the values. The scores
   are (B, t + 1), from one query and all keys of its text.
3. You need no mask, because nothing comes after the new token. Take softmax over the t + 1 scores, and then the sum of
   the weights times the values.
"""

MISTAKES = """
the maximum not subtracted | scores - scores.max(axis=1, keepdims=True) -> scores
    What is exp(800)? And what does softmax say if the same number is subtracted from all scores of a row?
one maximum for all texts | scores.max(axis=1, keepdims=True) -> scores.max()
    The scores of one text are far below the scores of the others. What is exp of them after your subtraction?
its own key and value forgotten | [kept_k, k[:, None]] -> [kept_k] & [kept_v, v[:, None]] -> [kept_v]
    With the mask, row i has i + 1 weights. May the new token look at itself?
its own value forgotten | mixed = mixed - weights[:, -1:] * v
    The new token also has a weight for itself. Which value belongs to this weight?
its own value with the weight 1 | mixed = mixed + (1 - weights[:, -1:]) * v
its own value added | mixed = mixed + v
    What is the weight of the new token's own value?
its own value alone | mixed = v
    What does the new token take from the tokens before it?
its own weight for another token | mixed = mixed + weights[:, -1:] * (values[:, 0] - v)
the new key in front of the others, its value behind them | [kept_k, k[:, None]] -> [k[:, None], kept_k]
the new value in front of the others, its key behind them | [kept_v, v[:, None]] -> [v[:, None], kept_v]
    Each weight belongs to one key. Do you multiply it by the value of the same token?
its own key left out of the sum | exp / exp.sum(axis=1, keepdims=True) -> exp / exp[:, :-1].sum(axis=1, keepdims=True)
    What do the t + 1 weights of a text add up to in your code?
not divided by their sum | exp / exp.sum(axis=1, keepdims=True) -> exp
divided by the number of tokens | exp / exp.sum(axis=1, keepdims=True) -> exp / (t + 1)
    What do the weights of a text add up to in your code?
a plain mean of the values | mixed = values.mean(axis=1)
    Do all tokens count equally? What are the scores for?
only the likeliest | exp / exp.sum(axis=1, keepdims=True) -> 1.0 * (scores == scores.max(axis=1, keepdims=True))
    Does only the largest score count, or do all scores count, as in softmax?
the sign of the scores | / np.sqrt(q.shape[1]) -> / -np.sqrt(q.shape[1])
    Should a key that fits the query get a large weight, or a small one?
the query compared with the values | (keys * q[:, None]) -> (values * q[:, None])
the new key compared with the keys | (keys * q[:, None]) -> (keys * k[:, None])
    Which two vectors does a score compare?
multiplied by the square root | / np.sqrt(q.shape[1]) -> * np.sqrt(q.shape[1])
divided by the square root of the number of tokens | np.sqrt(q.shape[1]) -> np.sqrt(t)
divided by the square root of the number of tokens | np.sqrt(q.shape[1]) -> np.sqrt(t + 1)
its own score alone divided by the square root | / np.sqrt(q.shape[1]) -> / np.append(np.ones(t), np.sqrt(d))
the new score not divided by the square root | / np.sqrt(q.shape[1]) -> / np.append(np.full(t, np.sqrt(d)), 1)
    Each of the t + 1 scores is divided by the square root of a size. Which size?
not divided by the square root | / np.sqrt(q.shape[1]) -> / 1
    With more channels, scores become larger. What are they divided by?
divided by d | np.sqrt(q.shape[1]) -> q.shape[1]
    Are the scores divided by d, or by its square root?
the keys mixed | * values).sum -> * keys).sum
    What is averaged with these weights: the keys, or the values?
no softmax | exp / exp.sum(axis=1, keepdims=True) -> scores
    What do your weights add up to?
softmax over the texts | exp.sum(axis=1, keepdims=True) -> exp.sum(axis=0, keepdims=True)
    Each text has its own weights, which add up to 1. Along which axis?
"""

WHY = """
Earlier positions need no new computation, because the mask hides the new token from them. So one row of scores is
enough, and each token adds one key and one value to what is kept. This is called a KV cache.
"""
DOCS = 'docs/sampling.md, "The KV cache"'
LINE = "gpt_np.py: k = np.concatenate([self.k["
