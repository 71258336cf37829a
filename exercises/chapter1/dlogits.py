"""The first derivative: dlogits.

dlogits[n, k] says how the loss (see `loss`) changes if logits[n, k] grows a little. For one image, that loss is

    log(the sum over m of exp(logits[m])) - logits[y]

Find its derivative with respect to logits[k] on paper. Remember that the loss of a batch is a mean. You will find that
p is all you need to know about the logits.

    p (B, 10)   softmax(logits)
    y (B,)      the true digits
"""

import numpy as np


def dlogits(p, y):
    """Return dlogits (B, 10). Do not change p itself: p.copy() makes a new array."""
    dlogits = p.copy()
    dlogits[np.arange(len(y)), y] -= 1
    dlogits /= len(y)
    return dlogits


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter1

INPUTS = [chapter1.draw_network_with_few_labels, chapter1.draw_network_with_large_loss]
LOSS = {"logits": chapter1.cross_entropy}
ENTRYWISE = "logits"

HINTS = """
1. For one image the loss is log(sum(exp(logits))) - logits[y]. What is the derivative of each of the two terms with
   respect to logits[k]? (The derivative of log u is 1/u, times the derivative of u.) The second one depends on whether
   k is y.
2. The first term's derivative is exp(logits[k]) / sum = p[k]; the second's is -1 for k = y and 0 otherwise. What does
   the mean over the batch add to this?
3. Take a copy of p, subtract 1 at [np.arange(len(y)), y], and divide by the number of images.
"""

MISTAKES = """
the sign | -dlogits
    If the true digit's logit grows, does the loss rise or fall? What sign does your entry have there?
not divided by B | dlogits * B
    The loss is a mean over B images. By how much does it change if the loss of one of them changes by 1?
divided by B twice | dlogits / B
    How many times does the mean divide by B?
a factor 2 | 2 * dlogits
    A 2 comes from the derivative of a square. Is there a square in this loss?
onehot not subtracted | p / B
    log(sum(exp(logits))) has the derivative p. Which other term does the loss of an image have?
onehot added | -= -> +=
    If the true digit's logit grows, does the loss rise or fall? What sign does your entry have there?
p forgotten, or rounded away | -onehot / B
    Every logit occurs in the sum in the denominator. Can the derivative be 0 for a wrong digit? (If you use p: does one
    of your lines round it to whole numbers?)
only the one-hot divided by B | p - onehot / B
only p divided by B | p / B - onehot
    Which term does the mean divide by B: p, the one-hot row, or both?
only the true digit's entry filled | onehot * (p - 1) / B
    What is the derivative with respect to a wrong digit's logit? Is it 0?
the digit itself subtracted, not its one-hot row | (p - y[:, None]) / B
    y[n] is a digit from 0 to 9. What should you subtract from the ten probabilities of image n, and from which of them?
the mean over all entries | dlogits / 10
    How many losses do you average: one for each image, or one for each entry of logits?
divided by 10 instead of B | /= len(y) -> /= 10
    What is the loss a mean over: images, or digits?
1 subtracted in whole columns | [np.arange(len(y)), y] -> [:, y]
    From how many entries of p should you subtract 1? How many does p[:, y] -= 1 change?
whole rows where pairs belong | [np.arange(len(y)), y] -> [y]
    `dlogits[y]` uses the digits as row numbers. From which entry of row n should you subtract 1?
1 subtracted from every entry | [np.arange(len(y)), y] ->
    In each row, one of the ten entries belongs to the true digit. From how many should you subtract 1?
the derivative with respect to p | -onehot / p / B
    -1/p is the derivative of the loss with respect to p. But how does p change with each logit?
the derivative of a sigmoid | p * (1 - p) / B
    p (1 - p) is the derivative of one p with respect to its own logit. Where do the loss and the true digit come in?
the derivative of a sigmoid, too | dlogits * p * (1 - p)
    p - onehot already accounts for both softmax and the loss. What is p (1 - p) needed for?
softmax again, on p | p.copy() -> np.exp(p) / np.exp(p).sum(axis=1, keepdims=True)
    What does p already add up to in each row?
-1 in the place of the true digit's p | -= 1 -> = -1
    `=` replaces an entry, `-=` subtracts from it. Where does the true digit's p occur in your result?
the derivative of squared errors | 2 * p * (p - onehot - ((p - onehot) * p).sum(axis=1, keepdims=True)) / B
    Which loss has this derivative?
the digit before the true one | [np.arange(len(y)), y] -> [np.arange(len(y)), y - 1]
    y[n] is the digit itself, and the columns are numbered from 0. Which column belongs to the digit 3?
the digit after the true one | [np.arange(len(y)), y] -> [np.arange(len(y)), (y + 1) % 10]
row and column exchanged | [np.arange(len(y)), y] -> [y, np.arange(len(y)) % 10]
    dlogits is (B, 10): which number comes first in the brackets, the image or the digit?
the one-hot rows averaged over the batch | (p - onehot.mean(axis=0)) / B
    Each image has its own true digit. Which digits do you subtract from row n?
"""

DOCS = 'docs/backprop.md, "1. From the loss to the logits"'
LINE = "mlp_np.py: dlogits[rows, y] -= 1"
ON_DIGITS = """
For an image of a 1, the dlogits of an untrained network, times the batch size of 100, are +0.14 -0.94 +0.16 +0.10 +0.05
+0.13 +0.06 +0.10 +0.11 +0.09. Only the score of 1 should grow.
"""
