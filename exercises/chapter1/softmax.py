"""A softmax that does not overflow.

Softmax turns the logits of each image into probabilities:

    p[n, k] = exp(logits[n, k]) / (the sum over m of exp(logits[n, m]))

Like k, m runs over the ten digits, so each row of p adds up to 1. If you compute this formula literally, it fails for
large logits: exp(1000) is too large for a floating-point number. Your softmax should also work for such logits.

    logits (B, 10)
"""

import numpy as np


def softmax(logits):
    """Return p (B, 10). Do not change logits itself."""
    # p = ...  # this may take several lines
    shifted = logits - logits.max(axis=1, keepdims=True)
    e = np.exp(shifted)
    p = e / e.sum(axis=1, keepdims=True)
    return p


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter1

INPUTS = [chapter1.draw_network, chapter1.draw_extreme_logits]

HINTS = """
1. p[n, k] = exp(logits[n, k]) / (the sum of exp(logits[n, :])). Why is exp(1000) a problem? And what happens to p if
   you subtract the same number from all logits of an image?
2. Subtract the largest logit of each row from that row. Then the largest exponent is 0. To get one number per row,
   NumPy's max and sum need axis=1; keepdims=True keeps the shape (B, 1).
3. You need three lines: shifted = logits - (the largest of each row), e = np.exp(shifted), and e divided by (the sum of
   each row).
"""

MISTAKES = """
the wrong axis | p = np.exp(logits) / np.exp(logits).sum(axis=0)
the wrong axis, after the shift | e.sum(axis=1, keepdims=True) -> e.sum(axis=0)
    Which numbers should add up to 1: those of one image, or those of one digit?
one sum for the whole batch | p = np.exp(logits) / np.exp(logits).sum()
one sum for the whole batch, after the shift | e.sum(axis=1, keepdims=True) -> e.sum()
not divided by the sum | np.exp(logits)
not divided by the sum, after the shift | e
    What should each row of p add up to? And what does your row add up to?
exp forgotten | logits / logits.sum(axis=1, keepdims=True)
    Can a probability be negative? Which step makes every score positive before you divide?
exp forgotten, after the shift | e = np.exp(shifted) -> e = shifted
    You have shifted and divided. Which step in between makes every score positive?
the largest of each column subtracted | max(axis=1, keepdims=True) -> max(axis=0)
    A shift changes nothing if it is the same for all logits of an image. Is it?
the logarithm of the softmax | np.log(p)
    Should p be between 0 and 1, or below 0?
a sigmoid | 1 / (1 + np.exp(-logits))
    Does each entry depend on the other nine? What should a row add up to?
the sign in the exponent | np.exp(-logits) / np.exp(-logits).sum(axis=1, keepdims=True)
    Which digit has the largest p: the digit with the largest logit, or with the smallest?
powers of 2 | np.exp(shifted) -> 2**shifted
    Which number is raised to the power of the logit?
the hard maximum | np.eye(10)[logits.argmax(axis=1)]
    Should the second-best digit get no probability at all?
divided by the mean | .sum( -> .mean(
    Each of your rows adds up to 10. What should it add up to?
exp overflows | e = np.exp(shifted) -> e = np.exp(logits) / np.exp(logits.max(axis=1, keepdims=True))
exp overflows | p = np.exp(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))
exp overflows | logits - logits.max(axis=1, keepdims=True) -> logits
    [For ordinary logits, your result is right.] Now one image has logits near 1000. What is exp(1000) on a computer?
    And which number can you subtract from all logits of an image without changing its p?
one maximum for the whole batch | max(axis=1, keepdims=True) -> max()
    [For ordinary logits, your result is right.] Now one image has logits near 1000, and another has logits near -1000.
    Which maximum have you subtracted, and what is left of the second image?
the smallest subtracted | .max( -> .min(
the median subtracted | logits.max(axis=1, keepdims=True) -> np.median(logits, axis=1, keepdims=True)
the first logit subtracted | logits.max(axis=1, keepdims=True) -> logits[:, :1]
    [For ordinary logits, your result is right.] Now one logit of an image is 2000 away from the rest. After your shift,
    how large can the largest logit still be?
the mean subtracted | .max( -> .mean(
    [For ordinary logits, your result is right.] Now the logits of one image are 1000 apart. After your shift, how large
    can the largest logit still be?
divided by the length of the row | p = e / np.sqrt((e * e).sum(axis=1, keepdims=True))
    What should add up to 1: the entries of a row, or their squares?
the squares in the sum | / e.sum( -> / (e * e).sum(
    Which numbers does the denominator add up: the exponentials, or their squares?
1 added to the sum | / e.sum(axis=1, keepdims=True) -> / (1 + e.sum(axis=1, keepdims=True))
    1 / (1 + e) belongs to the sigmoid. What should each row add up to here?
a softmax of the softmax | p = np.exp(p) / np.exp(p).sum(axis=1, keepdims=True)
    p is already a softmax: each row adds up to 1. How many times do you take exp?
divided by the sum of the logits | / e.sum( -> / logits.sum(
    Which numbers does the denominator add up: the logits, or their exponentials?
the largest absolute value subtracted | logits.max(axis=1, keepdims=True) -> np.abs(logits).max(axis=1, keepdims=True)
    [For ordinary logits, your result is right.] Now one image has logits near -1000. What is its largest logit, and
    what have you subtracted?
exp overflows, and 0 put in its place | logits - logits.max(axis=1, keepdims=True) -> logits
        & p = e / e.sum(axis=1, keepdims=True) -> p = np.nan_to_num(e / e.sum(axis=1, keepdims=True))
    [For ordinary logits, your result is right.] Now one image has logits near 1000. nan_to_num only hides that exp was
    too large. Which number can you subtract from all logits of an image without changing its p?
logits cut off | logits - logits.max(axis=1, keepdims=True) -> np.clip(logits, -500, 500)
logits cut off | logits - logits.max(axis=1, keepdims=True) -> np.clip(logits, -700, 700)
logits cut off | logits - logits.max(axis=1, keepdims=True) -> np.minimum(logits, 700)
logits cut off | logits - logits.max(axis=1, keepdims=True) -> np.minimum(logits, 500)
    [For ordinary logits, your result is right.] Now the logits of one image are all near 1000, and your code makes them
    equal. Which number can you subtract from all of them without changing p?
a root in the exponent | np.exp(shifted) -> np.exp(shifted / np.sqrt(logits.shape[1]))
    The square root belongs to attention. What is the exponent here?
"""

WHY = "exp(l - m) = exp(l) / exp(m), and the factor 1 / exp(m) cancels between the numerator and the denominator."
DOCS = 'docs/backprop.md, "The forward pass"'
LINE = "mlp_np.py: exp = np.exp(scores"
ON_DIGITS = "For an image of a 1, an untrained network gives the 1 a probability of 6%, and the 2 a probability of 16%."
