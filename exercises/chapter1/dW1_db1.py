"""The first layer's gradients: dW1 and db1.

The first layer is z1 = x @ W1 + b1, with a1 = max(z1, 0). Find the derivatives of the loss with respect to W1 and b1.

    x   (B, 784)   the images, one row of 784 pixels each
    z1  (B, H)
    da1 (B, H)     the derivative of the loss with respect to a1
    dz1 (B, H)     the same with respect to z1; both already include the 1/B of the mean

You may be given more than you need.
"""

import numpy as np


def dW1_db1(x, z1, da1, dz1):
    """Return dW1 (784, H) and db1 (H,)."""
    dW1 = x.T @ dz1
    db1 = dz1.sum(axis=0)
    return dW1, db1


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter1


def loss(x, W1, b1, W2, b2, y):
    return chapter1.cross_entropy(np.maximum(x @ W1 + b1, 0) @ W2 + b2, y)


INPUTS = [chapter1.draw_network]
LOSS = {"W1": loss, "b1": loss}

HINTS = """
1. z1 = x W1 + b1 and logits = a1 W2 + b2 have the same form. Which array plays the role of a1 here, and which plays the
   role of dlogits?
2. dW1[i, j] = sum over n of x[n, i] dz1[n, j], and db1[j] = sum over n of dz1[n, j].
3. Take your code from `dW2_db2`, with x instead of a1 and dz1 instead of dlogits.
"""

MISTAKES = """
the mask forgotten: da1 where dz1 belongs | dz1 -> da1
    z1 is computed from W1 and b1. Which derivative belongs to z1: da1, or dz1?
z1 where dz1 belongs | dz1 -> z1
    Which of your factors is a derivative?
only the last image counted | dW1, db1 = np.outer(x[-1], dz1[-1]), dz1[-1]
    Does the loop add up what each image contributes?
only the first image counted | dW1, db1 = np.outer(x[0], dz1[0]), dz1[0]
    Does the sum run over all images?
sums multiplied where products belong summed | np.outer(x.sum(axis=0), dz1.sum(axis=0))
    Which one do you need: the sum of (a b), or (the sum of a)(the sum of b)?
summed over the hidden units | axis=0 -> axis=1
    Which index must remain: n, the image, or j, the hidden unit?
"""

DOCS = 'docs/backprop.md, "5. From the weighted sums to W1 and b1"'
LINE = "mlp_np.py: dW1 = self.x.T @ self.dz1"
ON_DIGITS = """
For an image of a 1, the gradient of a hidden unit's weights, drawn as pixels, is that image times a number:
                  *#.
                  ##.
                  ##.
                 .##
                 :##.
                 ##*
                :##.
                ##:
               :##
               *#:
"""
