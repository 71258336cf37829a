"""One step of k-means.

There are many patches and few tokens. Each token is a small picture that represents the patches nearest to it. One step
of k-means moves each token to the mean of its patches. A patch belongs to the token for which the sum of the squared
pixel differences is smallest. A token without patches stays where it is.

    patches (N, D)   N patches of D pixels each
    words   (V, D)   the tokens' pictures before the step
"""

import numpy as np


def k_means(patches, words):
    """Return moved (V, D), the tokens after the step. Do not change words."""
    # moved = ...  # this takes several lines
    nearest = np.linalg.norm(patches[:, None] - words, axis=2).argmin(axis=1)
    moved = words.copy()
    for k in np.unique(nearest):
        moved[k] = patches[nearest == k].mean(axis=0)
    return moved


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter6

INPUTS = [chapter6.draw_clusters]
COUNTS = {"N": "patches", "V": "tokens", "D": "pixels"}

HINTS = """
1. A step has two parts. Which part needs the distances? And for which part is it enough to know which patch belongs to
   which token?
2. The squared distances between all patches and all tokens form an array (N, V). argmin finds the nearest token of each
   patch, which gives an array (N,).
3. patches[nearest == k] are the patches of token k. Their mean over the first axis is the new token. If token k has no
   patches, do not change it.
"""

MISTAKES = """
the farthest token | argmin -> argmax
    Which token should a patch belong to: the one with the smallest distance, or the largest?
the sum of the patches | patches[nearest == k].mean(axis=0) -> patches[nearest == k].sum(axis=0)
    Where does your line move a token with a hundred patches?
one mean for all pixels | patches[nearest == k].mean(axis=0) -> patches[nearest == k].mean()
    A token has D pixels. Which axis of its patches should the mean run over?
only the first of its patches | patches[nearest == k].mean(axis=0) -> patches[nearest == k][0]
    The new token should represent all of its patches. Which single patch did you take?
only the last of its patches | patches[nearest == k].mean(axis=0) -> patches[nearest == k][-1]
    The new token should represent all of its patches. Which single patch did you take?
the median of the patches | patches[nearest == k].mean(axis=0) -> np.median(patches[nearest == k], axis=0)
    Does every patch affect its token, or only those in the middle?
divided by the number of all patches | .mean(axis=0) -> .sum(axis=0) / N
divided by the number of tokens | .mean(axis=0) -> .sum(axis=0) / V
    Which patches should you average: all of them, or only those of this token?
the token itself counted as a patch | moved[k] = patches[nearest == k].mean(axis=0) ->
        moved[k] = np.vstack([patches[nearest == k], words[k]]).mean(axis=0)
    Is the old token part of the mean of its patches?
only half the way | = patches[nearest == k].mean(axis=0) -> = (words[k] + patches[nearest == k].mean(axis=0)) / 2
    Should a token move all the way to the mean of its patches, or only part of the way?
tokens that have no patches move to 0 | words.copy() -> np.zeros_like(words)
tokens that have no patches move to the mean of all | words.copy() -> np.tile(patches.mean(axis=0), (V, 1))
tokens that have no patches become nan | words.copy() -> np.full_like(words, np.nan)
    One of the tokens has no patches. What is it after your step?
the absolute differences in place of the distance | axis=2) -> axis=2, ord=1)
the largest difference in place of the distance | axis=2) -> axis=2, ord=np.inf)
    How far is a patch from a token? Which differences count, and how do you combine them?
the sum of the differences in place of the distance | np.linalg.norm(patches[:, None] - words, axis=2) ->
        (patches[:, None] - words).sum(axis=2)
the size of the summed differences | np.linalg.norm(patches[:, None] - words, axis=2) ->
        abs((patches[:, None] - words).sum(axis=2))
    One pixel is 5 too bright, and another is 5 too dark. What do the two add up to in your code, and how large is the
    distance?
the product in place of the distance | np.linalg.norm(patches[:, None] - words, axis=2) -> (patches @ words.T)
the product in place of the distance | np.linalg.norm(patches[:, None] - words, axis=2) -> (-patches @ words.T)
    A token far from 0 has a large product with many patches. Is it close to them?
the distances from 0 | np.linalg.norm(patches[:, None] - words, axis=2) ->
        abs(np.linalg.norm(patches, axis=1)[:, None] - np.linalg.norm(words, axis=1))
    Two points can be equally far from 0, but far from each other. Which difference should you take the length of?
"""

WHY = """
Neither part of a step can make the squared error larger: the nearest token is the best choice for a patch, and the mean
is the best choice for the patches of a token. So the error falls until no token moves any more. lab/words.py repeats
the step until then, and the GPT uses the resulting 128 tokens.
"""
DOCS = 'docs/writing.md, "An image as a text"'
LINE = "lab/words.py: means = np.rint("
