"""The heads, merged: y.

In attention, each of the h heads returns a row of length d for each position. Side by side, these rows are the C
channels of the position again (C = h d), with the first head's row first.

    mixed (B, h, T, d)   for B texts of T positions

Find y. (This is also the backward pass of `split_heads`: each gradient returns to the position that its number came
from.)
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
COUNTS = {"B": "texts", "T": "positions", "C": "channels", "d": "channels of a head"}

HINTS = """
1. Take one position of one text. Where are its numbers in mixed? Are they side by side in memory?
2. First swap the axes of heads and positions, so that the numbers of a position come one after the other. Then join
   them into one row.
3. mixed.swapaxes(1, 2) is (B, T, h, d), and reshape(B, T, h * d) makes one row per position.
"""

MISTAKES = """
heads and positions not exchanged | mixed.swapaxes(1, 2).reshape -> mixed.reshape
    `reshape` does not move any numbers. Look at a row of your y: which positions do its numbers come from?
the heads take turns at the channels | swapaxes(1, 2) -> transpose(0, 2, 3, 1)
    Which channels did the first head get in `split_heads`: the first d, or every h-th?
the heads in the reverse order | mixed.swapaxes -> mixed[:, ::-1].swapaxes
    Which head do the first d numbers belong to: the first, or the last?
the heads one below the other | y = mixed.reshape(B, h * T, d)
    How many rows does a text have: one per position, or one per position and head?
the heads added up | y = mixed.sum(axis=1)
the mean of the heads | y = mixed.mean(axis=1)
    How many numbers should a position have: d, or C? Which layer has the weights that mix the heads?
only the first head | y = mixed[:, 0]
    How many heads are there, and where are the rest?
the positions in the reverse order | mixed.swapaxes -> mixed[:, :, ::-1].swapaxes
    Which position should come first: the first of the text, or the last?
"""

WHY = """
This undoes `split_heads`, so each is the backward pass of the other. PyTorch needs `contiguous` between the two steps,
because its `view` never moves numbers in memory; NumPy's `reshape` makes a copy when it has to.
"""
DOCS = 'docs/nanogpt.md, "Heads"'
LINE = "vit_np.py: return x.swapaxes(1, 2).reshape"
