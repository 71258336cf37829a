"""The next word, words.

For each text, the network gives V logits: a score for every word that may come next. Draw one of them, with the
probabilities

    p = softmax(logits / temperature)

To draw, lay the V probabilities side by side, word 0 first: they fill the line from 0 to 1. A number u, drawn between 0
and 1, falls on the part of one word. That word is the next one.

    word            0         1    2
    p            0.50      0.25 0.25
    the line  |---------|----|----|        u = 0.6 falls on the part of word 1
              0        0.5  0.75  1

At a temperature of 0 nothing is drawn: it is the likeliest word.

    logits (B, V)   for B texts
    u      (B,)     a number for each text, at least 0 and below 1
"""

import numpy as np


def next_word(logits, temperature, u):
    """Return words (B,), whole numbers from 0 to V - 1."""
    # words = ...  # this takes several lines
    if temperature == 0:
        words = logits.argmax(axis=1)
    else:
        scores = logits - logits.max(axis=1, keepdims=True)
        exp = np.exp(scores / temperature)
        p = exp / exp.sum(axis=1, keepdims=True)
        ends = p.cumsum(axis=1)
        words = (u[:, None] >= ends[:, :-1]).sum(axis=1)
    return words


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from functools import partial

from exercises import chapter6

INPUTS = chapter6.SAMPLINGS
HARMLESS = """
temperature == 0 -> temperature <= 0 | no temperature is below 0
ends[:, :-1] -> ends | the last part ends at 1, and u is below 1
ends[:, :-1] -> ends[:, :] | the same
"""
FURTHER = [partial(chapter6.draw_sampling, temperature=0.5, has_offsets=True)]
COUNTS = {"B": "texts", "V": "words"}

HINTS = """
1. Where does the part of word k end on the line? How many parts end before u?
2. First the temperature: at 0, the argmax of each row. Otherwise softmax of logits / temperature, as in `softmax`. Then
   p.cumsum(axis=1) says where each word's part ends, and the next word is the first whose part ends beyond u.
3. (u[:, None] >= ends).sum(axis=1) counts the parts that end at or before u, and that is the number of the word.
"""

MISTAKES = """
the likeliest word, always | words = logits.argmax(axis=1)
    With other numbers u, would your words be others?
a temperature of 0 forgotten | = logits.argmax(axis=1) -> = np.zeros(len(logits), dtype=int)
a temperature of 0 forgotten | words = logits.argmax(axis=1) -> exp = np.exp(logits / temperature);
        words = (u[:, None] >= (exp / exp.sum(axis=1, keepdims=True)).cumsum(axis=1)).sum(axis=1)
a temperature of 0 forgotten | words = logits.argmax(axis=1) -> exp = np.exp(logits);
        words = (u[:, None] >= (exp / exp.sum(axis=1, keepdims=True)).cumsum(axis=1)).sum(axis=1)
    Nothing can be divided by a temperature of 0. Which word should it be then, and which is it in yours?
the temperature forgotten | scores / temperature -> scores
    Where is the temperature in your softmax?
multiplied by the temperature | scores / temperature -> scores * temperature
    At a low temperature the likely words become likelier. Do the differences between your scores grow then?
the probabilities divided by the temperature | scores / temperature -> scores & = p.cumsum -> = (p / temperature).cumsum
    After your division, do the probabilities still fill the line from 0 to 1?
not divided by their sum | exp / exp.sum(axis=1, keepdims=True) -> exp & ends[:, :-1] -> ends
        & logits - logits.max(axis=1, keepdims=True) -> logits
not divided by their sum | exp / exp.sum(axis=1, keepdims=True) -> exp
    Print the sum of one row of your p. How long is the line that they fill?
the maximum not subtracted | logits - logits.max(axis=1, keepdims=True) -> logits
    exp(800) is more than a number can hold, and exp(-800) is 0. What can you subtract from each row of logits before
    exp, so that its probabilities stay as they are?
one maximum for all texts | logits.max(axis=1, keepdims=True) -> logits.max()
    If one row lies 1600 below another, what does exp make of it? Which largest logit should be subtracted from it?
the running sum over the texts | cumsum(axis=1) -> cumsum(axis=0) & ends[:, :-1] -> ends
    Each text has a line of its own. Along which axis do its words lie side by side?
the parts in the reverse order | u[:, None] >= -> 1 - u[:, None] >=
    Whose part begins at 0 on the line: that of word 0, or of the last word?
one word too far | ends[:, :-1]).sum(axis=1) -> ends[:, :-1]).sum(axis=1) + 1
    If u is 0, no part ends before it. Which word should that be?
    > if temperature == 0:
    >     words = logits.argmax(axis=1)
    > else:
    >     exp = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    >     p = exp / exp.sum(axis=1, keepdims=True)
    >     begins = np.cumsum(p, axis=1) - p
    >     words = (u[:, None] >= begins).sum(axis=1)
one word too early | ends[:, :-1]).sum(axis=1) -> ends[:, 1:]).sum(axis=1)
    If u falls just beyond the end of the first part, which word should that be?
    > if temperature == 0:
    >     words = logits.argmax(axis=1)
    > else:
    >     exp = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    >     p = exp / exp.sum(axis=1, keepdims=True)
    >     words = np.array([np.searchsorted(row[1:], one, "right") for row, one in zip(np.cumsum(p, axis=1), u)])
p where its running sum belongs | p.cumsum(axis=1) -> p
p where its running sum belongs | words = (p > u[:, None]).argmax(axis=1)
    Where on the line does the part of word 3 end? Which probabilities lie before it?
"""

WHY = """
At a temperature of 1 a network writes as it has learned to; below 1, what is likely becomes likelier, and what it
writes becomes cleaner and more alike. The machines that write text draw each of their words in this way.
"""
DOCS = 'docs/sampling.md, "Sampling a token"'
LINE = "gpt_np.py: return (u[:, np.newaxis]"
