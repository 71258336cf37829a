"""The second layer's gradients: dW2 and db2.

The forward pass was

    a1 = max(z1, 0)
    logits = a1 @ W2 + b2

You know dlogits, the derivative of the loss with respect to logits. Find the derivatives with respect to W2 and b2. A
gradient has the shape of its array: dW2 is (H, 10), db2 is (10,).

    z1      (B, H)    the weighted sums of the first layer
    a1      (B, H)    its activations
    dlogits (B, 10)   already includes the 1/B of the mean

You may be given more than you need.
"""

import numpy as np


def dW2_db2(z1, a1, dlogits):
    """Return dW2 (H, 10) and db2 (10,)."""
    dW2 = a1.T @ dlogits
    db2 = dlogits.sum(axis=0)
    return dW2, db2


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter1


def loss(a1, W2, b2, y):
    return chapter1.cross_entropy(a1 @ W2 + b2, y)


INPUTS = [chapter1.draw_network]
LOSS = {"W2": loss, "b2": loss}

HINTS = """
1. logits[n, k] = sum over j of a1[n, j] W2[j, k], plus b2[k]. If one weight W2[j, k] grows by 1, which logits change,
   and by how much does each change? And if b2[k] grows by 1?
2. If W2[j, k] grows by 1, logits[n, k] grows by a1[n, j], for every image n. So dW2[j, k] = sum over n of a1[n, j]
   dlogits[n, k]. Which matrix product is that? Look at the shapes: (H, 10) from (B, H) and (B, 10).
3. The sum runs over the first index of both, so one of them must be transposed (.T) to make B the inner dimension. If
   b2[k] grows by 1, logits[n, k] grows by 1 for every n, so db2 is a sum over the first axis.
"""

MISTAKES = """
z1 where a1 belongs | a1 -> z1
    What does W2 multiply in the forward pass?
the mask where a1 belongs | a1 -> (z1 > 0)
    If W2[j, k] grows by 1, by how much does logits[n, k] grow: by 1, or by the activation?
only the last image counted | dW2, db2 = np.outer(a1[-1], dlogits[-1]), dlogits[-1]
    Does the loop add up what each image contributes?
only the first image counted | dW2, db2 = np.outer(a1[0], dlogits[0]), dlogits[0]
    Does the sum run over all images?
sums multiplied where products belong summed | np.outer(a1.sum(axis=0), dlogits.sum(axis=0))
    Which one do you need: the sum of (a b), or (the sum of a)(the sum of b)?
summed over the digits | axis=0 -> axis=1
    Which index must remain: n, the image, or k, the digit?
"""

DOCS = 'docs/backprop.md, "2. From the logits to W2 and b2"'
LINE = "mlp_np.py: dW2 = self.a1.T @ dlogits"
ON_DIGITS = "After a small step of the last layer alone, the loss on 100 digits falls from 2.39 to 2.37."
