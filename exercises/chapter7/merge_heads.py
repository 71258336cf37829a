"""The heads, merged: y.

Attention gives each place a row of length d from each of h heads. Side by side these rows are its C channels (C = h d)
again, with those of the first head first.

    mixed (B, h, T, d)   for B texts of T places

Find y. (It is also the way back of `split_heads`: where a number went, its gradient comes from.)
"""

import numpy as np


def merge_heads(mixed):
    """Return y (B, T, C)."""
    B, h, T, d = mixed.shape
    y = mixed.swapaxes(1, 2).reshape(B, T, h * d)
    return y


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter7

INPUTS = [chapter7.draw_heads]
COUNTS = {"B": "texts", "T": "places", "C": "channels", "d": "channels of a head"}

HINTS = """
1. Take one place of one text. Where in mixed are its numbers? Are they side by side in memory?
2. First exchange heads and places, so that the numbers of a place come one after the other. Then say where its row
   ends.
3. mixed.swapaxes(1, 2) is (B, T, h, d), and reshape(B, T, h * d) makes one row of each place.
"""

MISTAKES = """
heads and places not exchanged | mixed.swapaxes(1, 2).reshape -> mixed.reshape
    `reshape` moves no number. Look at a row of your y: which places are its numbers from?
the heads take turns at the channels | swapaxes(1, 2) -> transpose(0, 2, 3, 1)
    Which channels did the first head get in `split_heads`: the first d, or every h-th?
the heads in the reverse order | mixed.swapaxes -> mixed[:, ::-1].swapaxes
    Whose are the first d numbers: the first head's, or the last head's?
the heads one below the other | y = mixed.reshape(B, h * T, d)
    How many rows has a text: one for each place, or one for each place and head?
the heads added up | y = mixed.sum(axis=1)
the mean of the heads | y = mixed.mean(axis=1)
    How many numbers should a place have: d, or C? Which layer mixes the heads, and has weights for it?
only the first head | y = mixed[:, 0]
    How many heads are there, and what becomes of the others?
the places in the reverse order | mixed.swapaxes -> mixed[:, :, ::-1].swapaxes
    Which place should come first: the first of the text, or the last?
"""

WHY = """
It undoes `split_heads`, and so each is the other's way back. PyTorch needs `contiguous` between the two steps, because
its `view` never moves a number in memory; NumPy's `reshape` copies when it has to.
"""
DOCS = 'docs/nanogpt.md, "Heads"'
LINE = "vit_np.py: return x.swapaxes(1, 2).reshape"
