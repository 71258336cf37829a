"""How wrong was the network? The dlogits of one image.

For one image, the network returned p, ten probabilities. The right answer is onehot: 1 at the true digit, else 0.

dlogits[k] says how the loss changes if the score logits[k] grows a little. It is positive where the probability was too
high, and negative where it was too low. Subtract the right answer from the network's probabilities.

    p (10,)        the network's probabilities
    onehot (10,)   the right answer
"""

import numpy as np


def one_image(p, onehot):
    """Return dlogits (10,)."""
    dlogits = p - onehot
    return dlogits


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter1

INPUTS = [chapter1.draw_single_image]
LOSS = {"logits": chapter1.cross_entropy_of_one}
ENTRYWISE = "logits"

HINTS = """
1. Suppose the image is a 4, and the network returned p[4] = 0.1. The right answer is 1. By how much is 0.1 too low?
2. That was 0.1 - 1 = -0.9. For a wrong digit, the right answer is 0, so the network's probability was too high by p[k].
3. NumPy subtracts all ten numbers at once: write the name of one array, a minus sign, and the name of the other.
"""

MISTAKES = """
the sign | -dlogits
    If the true digit's score grows, does the loss rise or fall? What sign does your entry have there?
the truth not subtracted | p
    For the true digit, the network should have returned 1. Which of your entries takes this into account?
the truth added | p - onehot -> p + onehot
    How much too high is a probability: do you add the right answer, or subtract it?
what the network said is missing | -onehot
    If a wrong digit got p = 0.3, its score was too high. Which of your entries shows that?
only the true digit's entry filled | onehot * (p - 1)
    If a wrong digit got p = 0.3, it should have got 0. What is your entry there?
divided by 10 | dlogits / 10
    A mean is taken over images, and this is one image. What should you divide by?
a factor 2 | 2 * dlogits
    A 2 comes from the derivative of a square. Is there a square in this loss?
the derivative with respect to p | -onehot / p
    -1/p is the derivative of the loss with respect to p. But how does p change with each logit?
the derivative of a sigmoid | p * (1 - p)
    p (1 - p) is the derivative of one p with respect to its own logit. Where do the loss and the true digit come in?
squared errors | (p - onehot) ** 2
    dlogits says in which direction a score was wrong. Where is the sign in your result?
the size alone | np.abs(p - onehot)
    dlogits says in which direction a score was wrong. Where is the sign in your result?
"""

DOCS = 'docs/backprop.md, "1. From the loss to the logits"'
LINE = "mlp_np.py: dlogits[rows, y] -= 1"
ON_DIGITS = """
For an image of a 1, the dlogits of an untrained network are +0.14 -0.94 +0.16 +0.10 +0.05 +0.13 +0.06 +0.10 +0.11
+0.09. Only the score of 1 should grow.
"""
