"""Nucleus sampling: keep the likeliest tokens that together are likely enough.

A network gives each of V tokens a probability. Each unlikely token is drawn rarely, but there are many of them, and a
single one is enough to spoil a sentence. So only the likeliest tokens are kept: the likeliest, the next, and so on,
until their probabilities add up to `enough` or more. All other tokens get 0, and the kept probabilities are divided by
their sum.

    p        0.1  0.4  0.2  0.3        enough = 0.6
    kept     0    4/7  0    3/7        0.4 alone is less than 0.6, but 0.4 + 0.3 is not

    p     (B, V)   for B texts; each row adds up to 1
    enough         above 0, at most 1
"""

import numpy as np


def top_p(p, enough):
    """Return kept (B, V); each row adds up to 1."""
    # kept = ...  # this takes several lines
    order = np.argsort(-p, axis=1)
    ranked = np.take_along_axis(p, order, axis=1)
    before = ranked.cumsum(axis=1) - ranked
    chosen = np.where(before < enough, ranked, 0)
    kept = np.zeros_like(p)
    np.put_along_axis(kept, order, chosen, axis=1)
    kept = kept / kept.sum(axis=1, keepdims=True)
    return kept


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter8

INPUTS = [chapter8.draw_probabilities]
FURTHER = [chapter8.draw_halved_probabilities]
COUNTS = {"B": "texts", "V": "tokens"}

HINTS = """
1. Sort a row, with the likeliest token first, and keep a running sum. Which token is the last to be kept: the one
   before the sum reaches `enough`, or the one with which it reaches `enough`?
2. np.argsort(-p, axis=1) gives the order. A token is kept if all likelier tokens together have less than `enough`.
   Their sum is the running sum up to this token, without the token itself.
3. order = np.argsort(-p, axis=1), ranked = np.take_along_axis(p, order, axis=1), before = ranked.cumsum(axis=1) -
   ranked. Keep the entries where before < enough, put them back with np.put_along_axis, and divide each row by its sum.
"""

MISTAKES = """
not divided by the sum | kept = kept / kept.sum(axis=1, keepdims=True) ->
    What does each of your rows add up to?
divided by `enough` | / kept.sum(axis=1, keepdims=True) -> / enough
    Together, the kept tokens have `enough` or a little more. What should each row add up to?
one sum for all texts | kept.sum(axis=1, keepdims=True) -> kept.sum()
    What does each of your rows add up to?
the token that reaches `enough` left out | ranked.cumsum(axis=1) - ranked -> ranked.cumsum(axis=1)
    Together, do the tokens that you keep have `enough`, or less?
one token too many | before = ranked.cumsum(axis=1) - ranked -> before = np.pad(ranked.cumsum(axis=1) - ranked,
        ((0, 0), (1, 0)))[:, :-1]
    Once the sum has reached `enough`, is another token needed?
the least likely kept | np.argsort(-p -> np.argsort(p
    Which number does argsort put first: the smallest, or the largest?
not put back in its place | kept = np.zeros_like(p) -> kept = chosen.copy() & np.put_along_axis(kept, order,
        chosen, axis=1) -> 0
    Does column 3 of your result still belong to token 3?
put back by the order of the order | np.put_along_axis(kept, order, chosen, axis=1) -> kept =
        np.take_along_axis(chosen, order, axis=1)
    order says which column each number came from. Do you take numbers from there, or put them back there?
only tokens likelier than `enough` | np.where(before < enough, ranked, 0) -> ranked * (ranked >= enough)
    A token with probability 0.4 may be kept although `enough` is 0.6. What should you compare with `enough`: each
    token, or the sum?
only tokens likelier than 1 - `enough` | chosen = np.where(before < enough, ranked, 0) -> chosen =
        np.where(ranked > 1 - enough, ranked, 0)
    What should you compare with `enough`: each token, or the sum of all likelier tokens?
all kept | before < enough -> before < 2
    How many tokens do you keep in each row?
the unlikely kept in place of the likely | before < enough -> before >= enough
    Which tokens should be kept: the tokens before the sum reaches `enough`, or after that?
compared with 1 - `enough` | before < enough -> before < 1 - enough
    How much should the kept tokens add up to: `enough`, or 1 - `enough`?
all that are kept equally likely | chosen = np.where(before < enough, ranked, 0) -> chosen = np.where(before <
        enough, 1.0, 0)
    Is the likeliest of the kept tokens still the likeliest in your result?
only the likeliest | before < enough -> before <= 0
    A single token may have less than `enough`. How many tokens do you need?
not sorted | np.argsort(-p, axis=1) -> np.arange(p.shape[1])[None] + np.zeros((len(p), 1), int)
    For each token, do you add up the likelier tokens, or the tokens with smaller numbers?
sorted over the texts | np.argsort(-p, axis=1) -> np.argsort(-p.sum(axis=0))[None] + np.zeros((len(p), 1), int)
    Each text has its own order. How many orders do you compute?
"""

WHY = """
Where the network is sure, only one or two tokens are kept; where it is unsure, many are kept. A fixed number of tokens,
as with --top-k, would be too large in one case and too small in the other (Holtzman et al. 2020).
"""
DOCS = 'docs/llama.md, "Nucleus sampling"'
LINE = "gpt_np.py: np.put_along_axis(p, order, np.where(likelier < top_p, ranked, 0), axis=1)"
