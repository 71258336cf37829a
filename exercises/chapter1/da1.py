"""Back to the hidden layer: da1.

The last layer is logits = a1 @ W2 + b2, and you know dlogits. Before you can continue to the first layer, you need da1:
how does the loss change if an activation grows a little?

    dlogits (B, 10)
    W2      (H, 10)
    z1      (B, H)    the weighted sums from which the activations were computed

You may be given more than you need.
"""

import numpy as np


def da1(dlogits, W2, z1):
    """Return da1 (B, H)."""
    da1 = dlogits @ W2.T
    return da1


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter1

INPUTS = [chapter1.draw_network]
LOSS = {"a1": lambda a1, W2, b2, y: chapter1.cross_entropy(a1 @ W2 + b2, y)}

HINTS = """
1. Look again at logits[n, k] = sum over j of a1[n, j] W2[j, k]. If a1[n, j] grows by 1, which logits change, and by how
   much does each change?
2. If a1[n, j] grows by 1, each of the ten logits of image n changes: logits[n, k] by W2[j, k]. The chain rule adds up
   all paths: da1[n, j] = sum over k of dlogits[n, k] W2[j, k].
3. The sum runs over the last index of both: (B, 10) and (H, 10). For a matrix product, one of them must be transposed.
"""

MISTAKES = """
the sign | -da1
    If W2[j, k] is positive and a1[n, j] grows, does logits[n, k] rise or fall?
the mask came too early | da1 * (z1 > 0)
    a1 is the output of the ReLU. Which derivative contains the mask: da1, or the next one, dz1? (The mask is 1 where a
    unit is on, and 0 elsewhere.)
averaged over the digits | da1 / 10
    An activation affects ten logits. Do you add these effects, or average them?
only one digit followed | np.outer(dlogits[:, 0], W2[:, 0])
    An activation affects ten logits. How many of them does your code use?
"""

DOCS = 'docs/backprop.md, "3. From the logits to the activations"'
LINE = "mlp_np.py: self.da1 = dlogits @ W2.T"
ON_DIGITS = "For an image of a 1, the loss of an untrained network would fall fastest if hidden unit 117 were higher."
