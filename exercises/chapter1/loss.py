"""The loss.

The cross-entropy loss of one image is -log(the p of its true digit), with the natural logarithm. The loss of a batch
is the mean over its B images.

    p (B, 10)   the probabilities, one row for each image
    y (B,)      the true digits, integers from 0 to 9
"""

import numpy as np


def loss(p, y):
    """Return the loss, a single number."""
    rows = np.arange(len(y))
    loss = -np.log(p[rows, y]).mean()
    return loss


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter1

INPUTS = [chapter1.draw_network_with_few_labels, chapter1.draw_network_with_large_loss]

HINTS = """
1. Take one image with p = [0.1, 0.7, 0.2, ...] whose true digit is 1. What is its loss? And what is the loss of all B
   images?
2. You need one entry of each row: row 0 at column y[0], row 1 at column y[1], ... You can index an array with two
   arrays at once: p[rows, columns].
3. With rows = np.arange(len(y)), p[rows, y] has shape (B,). Then take np.log, the right sign, and .mean().
"""

MISTAKES = """
a sum where a mean belongs | .mean() -> .sum()
    If every image occurred twice, would your loss double? Should it?
the sign | -loss
    Is the log of a number below 1 positive? Should a loss be positive?
not averaged | .mean() ->
    You have a loss for each image. How do you turn these into one number?
all ten digits counted | [rows, y] ->
all ten digits added up | [rows, y] -> & .mean -> .sum(axis=1).mean
    Which of an image's ten probabilities should the loss use?
columns where pairs belong | p[rows, y] -> p[:, y]
    What is the shape of p[:, y]? How many numbers do you need?
whole rows where pairs belong | p[rows, y] -> p[y]
whole rows where pairs belong, each added up | p[rows, y] -> p[y] & .mean -> .sum(axis=1).mean
whole rows where pairs belong, all added up | p[rows, y] -> p[y] & .mean -> .sum
whole rows where pairs belong, not averaged | p[rows, y] -> p[y] & .mean() ->
    What is the shape of p[y]? You need one number for each image, from row n and column y[n].
the logarithm of the mean | -np.log(p[rows, y].mean())
    Which comes first: the logarithm of each image's p, or the mean?
the logarithm forgotten | 1 - p[rows, y].mean()
the logarithm forgotten | np.log ->
the logarithm and the minus forgotten | p[rows, y].mean()
    How surprised should the network be if it gave the true digit p = 0: a little, or without limit?
the logarithm to base 10 | np.log -> np.log10
the logarithm to base 2 | np.log -> np.log2
    A network that only guesses should have a loss of 2.303. Which logarithm of 10 is that?
divided by B twice | loss / B
    How many times do you divide by the number of images? A mean already does it once.
divided by 10 | loss / 10
divided by 10 instead of B | loss * B / 10
    How many numbers is the mean taken over: one for each image, or ten?
the largest p in place of the true digit's | p[rows, y] -> p.max(axis=1)
    Does your loss depend on which digit is the true one?
the entropy | -(p * np.log(p)).sum(axis=1).mean()
    Where does your formula use the true digits y?
the loss of the wrong digits | p[rows, y] -> (1 - p)[rows, y]
    Is your loss small if the true digit has p = 1?
a small number added to p | p[rows, y] -> (p[rows, y] + 1e-8)
a small number added to p | p[rows, y] -> (p[rows, y] + 1e-7)
a small number added to p | p[rows, y] -> (p[rows, y] + 1e-6)
    Does the formula contain such a number? (mlp_np.py avoids p = 0 in a different way.)
only the last image counted | -np.log(p[-1, y[-1]])
only the last image counted | -np.log(p[-1, y[-1]]) / B
    Does your loop add up what each image contributes?
only the first image counted | -np.log(p[0, y[0]])
only the first image counted | -np.log(p[0, y[0]]) / B
    Is the return inside the loop?
softmax again, on p | p[rows, y] -> (np.exp(p) / np.exp(p).sum(axis=1, keepdims=True))[rows, y]
    What does p already add up to in each row?
squared errors | ((p - onehot) ** 2).sum(axis=1).mean()
    Which loss does the text of the exercise describe?
binary cross-entropy | -(onehot * np.log(p) + (1 - onehot) * np.log(1 - p)).sum(axis=1).mean()
    That is a loss for ten yes-or-no questions. Here exactly one of the ten digits is right. Which loss does the text of
    the exercise describe?
the digit before the true one | p[rows, y] -> p[rows, y - 1]
    y[n] is the digit itself, and the columns are numbered from 0. Which column belongs to the digit 3?
the digit after the true one | p[rows, y] -> p[rows, (y + 1) % 10]
row and column exchanged | p[rows, y] -> p[y, rows % 10]
    p is (B, 10): which number comes first in the brackets, the image or the digit?
the perplexity, exp of the loss | np.exp(loss)
    What is the loss of an image whose true digit has p = 1: 0, or 1?
the logarithm of 1 + p | np.log( -> np.log1p(
    What is the loss of an image whose true digit has p = 1?
the median over the images | .mean() -> & -np.log(p[rows, y]) -> np.median(-np.log(p[rows, y]))
    Does every image affect a median?
the root of the mean square | .mean() -> & -np.log(p[rows, y]) -> np.sqrt((np.log(p[rows, y]) ** 2).mean())
    Is there a square in the loss?
"""

WHY = """
The project computes the logarithm of p without computing p first: -log(exp(s) / total) = log(total) - s. The result is
the same, and it stays right even if p is too small for the computer to represent.
"""
DOCS = 'docs/backprop.md, "The forward pass"'
LINE = "mlp_np.py: loss = (np.log(total"
ON_DIGITS = "Before the first step, the loss on 100 digits is 2.39. A blind guess has a loss of log 10 = 2.30."
