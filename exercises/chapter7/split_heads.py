"""The heads, split: q, k and v.

One linear layer computes the queries, keys and values of all heads at once. For each position of a text, it returns a
row that is three times as wide as its input: the first C channels are the query, the next C the key, and the last C the
value. Each of these is divided among the h heads: the first d = C / h channels belong to the first head, the next d to
the second, and so on.

    qkv (B, T, 3 C)   for B texts of T positions
    h                 the number of heads

Attention multiplies matrices in the last two axes, one matrix for each text and each head. So it needs (B, h, T, d).
"""

import numpy as np


def split_heads(qkv, h):
    """Return q, k and v, (B, h, T, d) each."""
    # q = ...  # this may take several lines
    # k = ...
    # v = ...
    B, T, width = qkv.shape
    d = width // (3 * h)
    thirds = np.split(qkv, 3, axis=2)
    q, k, v = [third.reshape(B, T, h, d).swapaxes(1, 2) for third in thirds]
    return q, k, v


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter7

INPUTS = [chapter7.draw_heads]
COUNTS = {"B": "texts", "T": "positions", "C": "channels", "d": "channels of a head"}

HINTS = """
1. Start with one position of one text, a row of 3 C numbers. Where in this row is the query of the second head? Which
   axis do you split, and into how many parts?
2. np.split(qkv, 3, axis=2) gives three arrays (B, T, C). In each of them, split the last axis into two, heads and
   channels of a head: reshape(B, T, h, d). That does not move any numbers.
3. Now the heads must come before the positions: .swapaxes(1, 2) turns (B, T, h, d) into (B, h, T, d). For each of the
   three arrays, write third.reshape(B, T, h, -1).swapaxes(1, 2).
"""

MISTAKES = """
the positions cut in place of the channels | reshape(B, T, h, d).swapaxes(1, 2) -> reshape(B, h, T, d)
    `reshape` does not move any numbers; it only changes where rows end. In memory, what comes first: positions, or
    heads?
heads and positions not exchanged | .swapaxes(1, 2) ->
    Which two axes of your result does `@` treat as a matrix?
the heads take turns at the channels | reshape(B, T, h, d).swapaxes(1, 2) -> reshape(B, T, d, h).transpose(0, 3, 1, 2)
    Which channels belong to the first head: the first d, or every h-th?
q, k and v take turns | np.split(qkv, 3, axis=2) -> [qkv[:, :, i::3] for i in range(3)]
    Which numbers of a row are its query: the first C, or every third?
q, k and v cut within each head | q, k, v = qkv.reshape(B, T, h, 3, d).transpose(3, 0, 2, 1, 4)
    What comes first: splitting the row into three, or into heads?
channels and positions exchanged | .swapaxes(1, 2) -> .transpose(0, 2, 3, 1)
    A row of q should be the query of one position. What does a row of your q contain?
the heads before the texts | .swapaxes(1, 2) -> .transpose(2, 0, 1, 3)
    Which axis should come first: texts, or heads?
divided by sqrt(d) already | q = q / np.sqrt(d)
    Which of these steps only moves numbers, and which one changes them?
the positions in the reverse order | .swapaxes(1, 2) -> [:, ::-1].swapaxes(1, 2)
    Which position should come first: the first of the text, or the last?
the heads in the reverse order | .swapaxes(1, 2) -> [:, :, ::-1].swapaxes(1, 2)
    Which head do the first d channels belong to: the first, or the last?
"""

WHY = """
Splitting an axis (reshape) and swapping two axes (swapaxes) only rearrange the numbers, so the backward pass only has
to put the gradients back. In PyTorch, the two operations are called view and transpose.
"""
DOCS = 'docs/nanogpt.md, "Heads"'
LINE = "vit_np.py: return x.reshape(*x.shape[:2], heads"
