"""The logits of a layer.

The last layer turns the H activations of each image into ten scores, the logits. Each logit is a weighted sum of the
activations, plus a bias.

    a1 (B, H)    the activations of H hidden units, one row for each of B images
    W2 (H, 10)   the weights: W2[j, k] connects unit j to digit k
    b2 (10,)     the biases, one per digit
"""

import numpy as np


def logits(a1, W2, b2):
    """Return the logits (B, 10)."""
    # logits = ...  # your expression in place of the three dots
    logits = a1 @ W2 + b2
    return logits


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter1

INPUTS = [chapter1.draw_network]

HINTS = """
1. Start with a single logit: for image n and digit k, which numbers do you multiply, and which index do you sum over?
2. logits[n, k] = sum over j of a1[n, j] W2[j, k], plus b2[k]. Which operation of NumPy computes such a sum for all n
   and k at once?
3. `@` is the matrix product: (B, H) @ (H, 10) has shape (B, 10). If you add an array of shape (10,), NumPy adds it to
   every row.
"""

MISTAKES = """
the bias forgotten | a1 @ W2
    Which of the three arrays is missing?
the bias subtracted | a1 @ W2 - b2
    If b2[k] grows by 1, does logits[n, k] rise or fall?
the bias inside the product | a1 @ (W2 + b2)
    How many times does b2[k] enter logits[n, k]: once, or once for each hidden unit?
the bias multiplied | a1 @ W2 * b2
    Is b2 a factor of each sum, or an additional term?
the mean over the hidden units | a1 @ W2 / H + b2
    Is a logit the sum of the weighted activations, or their mean?
a ReLU on top | np.maximum(logits, 0)
    Can a weighted sum be negative? Does the exercise ask for another step after it?
a softmax on top | p
    Do the scores have to add up to 1 yet?
a sigmoid on top | 1 / (1 + np.exp(-logits))
    Do the scores have to lie between 0 and 1 yet?
a tanh on top | np.tanh(logits)
    Can a weighted sum be larger than 1? Does the exercise ask for another step after it?
the sign | -logits
    If a1 and W2 are all positive, what is the sign of a sum of their products?
"""

WHY = """
Each logit is a weighted sum of row n of a1, with column k of W2 as the weights. A matrix product computes all these
sums at once. NumPy adds b2 to each of the B rows (broadcasting).
"""
DOCS = 'docs/backprop.md, "The forward pass"'
LINE = "mlp_np.py: return self.a1 @ W2 + b2"
ON_DIGITS = """
For an image of a 1, an untrained network gives the digits 0 to 9 these scores: 0.5 -0.3 0.6 0.1 -0.6 0.4 -0.3 0.1 0.2
0.0.
"""
