"""Accumulated gradients, dW.

A batch may be too large to fit in memory. Then it is split into K small batches. They go through the forward and
backward passes one at a time, and the step is taken only after the last of them. For each small batch, you know the
gradient of its own mean loss. The small batches may have different sizes.

    parts  (K, I, O)   parts[k] is the derivative of the mean loss of small batch k with respect to W
    counts (K,)        how many examples small batch k has

Find dW, the derivative of the mean loss of all examples, as if the whole batch had been computed at once.
"""

import numpy as np


def accumulate(parts, counts):
    """Return dW (I, O)."""
    # dW = ...  # this may take several lines
    total = parts * counts[:, None, None]
    dW = total.sum(axis=0) / counts.sum()
    return dW


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter7

INPUTS = [chapter7.draw_small_batches]
COUNTS = {"K": "small batches"}

HINTS = """
1. The loss of all examples is a mean. What is the sum of the losses in small batch k, and what is the gradient of this
   sum?
2. counts[k] * parts[k] is the gradient of the sum over small batch k. Add up these gradients, and divide once by the
   total number of examples.
3. (parts * counts[:, None, None]).sum(axis=0) / counts.sum()
"""

MISTAKES = """
the mean of the means | dW = parts.mean(axis=0)
    That is right if all small batches have the same size. Here they do not: how much does an example in a smaller batch
    count?
the sum of the means | dW = parts.sum(axis=0)
    The loss is a mean over all examples. What is your sum divided by?
divided by the number of small batches | counts.sum() -> len(counts)
    The mean runs over all examples. How many are there?
not divided | / counts.sum() ->
    The loss is a mean over all examples. What is your sum divided by?
divided by each count | parts * counts -> parts / counts
    parts[k] is already divided by counts[k]. How do you turn it back into a sum?
only the last small batch | dW = parts[-1]
only the first small batch | dW = parts[0]
    Does your sum contain the gradients of all small batches, or has something cleared them?
the largest count in place of all | counts.sum() -> counts.max()
    The mean runs over all examples. How many are there?
averaged twice | / counts.sum() -> / counts.sum() / len(counts)
    The mean runs over all examples. What else do you divide by?
"""

WHY = """
In nanoGPT, all small batches have the same size, so each loss is divided by the number of small batches before the
backward pass. PyTorch keeps adding gradients to .grad until they are cleared.
"""
DOCS = 'docs/nanogpt.md, "Accumulated gradients"'
