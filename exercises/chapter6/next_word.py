"""The next token: words.

For each text, the network returns V logits, one score for every token that may come next. Draw one token with the
probabilities

    p = softmax(logits / temperature)

To draw a token, lay the V probabilities side by side, starting with token 0. They fill the line from 0 to 1. A random
number u between 0 and 1 falls into the part of one token, and that token comes next.

    token           0         1    2
    p            0.50      0.25 0.25
    the line  |---------|----|----|        u = 0.6 falls into the part of token 1
              0        0.5  0.75  1

At a temperature of 0, nothing is drawn: the next token is the likeliest one.

    logits (B, V)   for B texts
    u      (B,)     a number for each text, at least 0 and below 1
"""

import numpy as np


def next_word(logits, temperature, u):
    """Return words (B,), integers from 0 to V - 1."""
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
COUNTS = {"B": "texts", "V": "tokens"}

HINTS = """
1. Where does the part of token k end on the line? How many parts end before u?
2. Start with the temperature: if it is 0, take the argmax of each row. Otherwise compute the softmax of logits /
   temperature, as in `softmax`. Then p.cumsum(axis=1) says where each token's part ends, and the next token is the
   first whose part ends beyond u.
3. (u[:, None] >= ends).sum(axis=1) counts the parts that end at or before u. This count is the token.
"""

MISTAKES = """
the likeliest token, always | words = logits.argmax(axis=1)
    With your code, can different numbers u give different tokens?
a temperature of 0 forgotten | = logits.argmax(axis=1) -> = np.zeros(len(logits), dtype=int)
a temperature of 0 forgotten | words = logits.argmax(axis=1) -> exp = np.exp(logits / temperature);
        words = (u[:, None] >= (exp / exp.sum(axis=1, keepdims=True)).cumsum(axis=1)).sum(axis=1)
a temperature of 0 forgotten | words = logits.argmax(axis=1) -> exp = np.exp(logits);
        words = (u[:, None] >= (exp / exp.sum(axis=1, keepdims=True)).cumsum(axis=1)).sum(axis=1)
    You cannot divide by a temperature of 0. Which token should come next in that case, and which token do you return?
the temperature forgotten | scores / temperature -> scores
    Where is the temperature in your softmax?
multiplied by the temperature | scores / temperature -> scores * temperature
    At a low temperature, likely tokens become likelier. In your code, do the differences between the scores grow at a
    low temperature?
the probabilities divided by the temperature | scores / temperature -> scores & = p.cumsum -> = (p / temperature).cumsum
    After your division, do the probabilities still fill the line from 0 to 1?
not divided by their sum | exp / exp.sum(axis=1, keepdims=True) -> exp & ends[:, :-1] -> ends
        & logits - logits.max(axis=1, keepdims=True) -> logits
not divided by their sum | exp / exp.sum(axis=1, keepdims=True) -> exp
    Print the sum of one row of your p. How long is the line that the row fills?
the maximum not subtracted | logits - logits.max(axis=1, keepdims=True) -> logits
    exp(800) is too large for a floating-point number, and exp(-800) is 0. What can you subtract from each row of logits
    before exp without changing its probabilities?
one maximum for all texts | logits.max(axis=1, keepdims=True) -> logits.max()
    If one row is 1600 below another, what is its exp after your subtraction? Which row's largest logit should you
    subtract from it?
the running sum over the texts | cumsum(axis=1) -> cumsum(axis=0) & ends[:, :-1] -> ends
    Each text has its own line. Along which axis do its tokens lie side by side?
the parts in the reverse order | u[:, None] >= -> 1 - u[:, None] >=
    Which token's part starts at 0 on the line: token 0, or the last token?
one token too far | ends[:, :-1]).sum(axis=1) -> ends[:, :-1]).sum(axis=1) + 1
    If u is 0, no part ends before it. Which token should that be?
    > if temperature == 0:
    >     words = logits.argmax(axis=1)
    > else:
    >     exp = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    >     p = exp / exp.sum(axis=1, keepdims=True)
    >     begins = np.cumsum(p, axis=1) - p
    >     words = (u[:, None] >= begins).sum(axis=1)
one token too early | ends[:, :-1]).sum(axis=1) -> ends[:, 1:]).sum(axis=1)
    If u is just beyond the end of the first part, which token should that be?
    > if temperature == 0:
    >     words = logits.argmax(axis=1)
    > else:
    >     exp = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    >     p = exp / exp.sum(axis=1, keepdims=True)
    >     words = np.array([np.searchsorted(row[1:], one, "right") for row, one in zip(np.cumsum(p, axis=1), u)])
p where its running sum belongs | p.cumsum(axis=1) -> p
p where its running sum belongs | words = (p > u[:, None]).argmax(axis=1)
    Where on the line does the part of token 3 end? Which probabilities lie before it?
"""

WHY = """
At a temperature of 1, a network uses the probabilities that it has learned. Below 1, likely tokens become likelier, and
its texts become cleaner and more similar. Large language models draw each token in this way.
"""
DOCS = 'docs/sampling.md, "Sampling a token"'
LINE = "gpt_np.py: return (u[:, np.newaxis]"
