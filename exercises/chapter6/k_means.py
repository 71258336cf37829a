"""One step of k-means.

There are many patches and few tokens. Each token is a picture that represents the patches nearest to it. One step of
k-means moves each token to the mean of its patches. A patch belongs to the token with the smallest sum of squared
differences from it. A token without patches stays where it is.

    patches (N, D)   N patches of D pixels each
    words   (V, D)   the tokens' pictures before the step
"""

import numpy as np


def k_means(patches, words):
    """Return moved (V, D), the tokens after the step. Leave words as it is."""
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
1. A step does two things. Which of them needs the distances? And which only needs to know which patch belongs to which
   token?
2. The squared distances of all patches from all tokens are an array (N, V). argmin says for each patch which token is
   nearest: (N,).
3. patches[nearest == k] are those of token k. Their mean over the first axis is its new place. If it has none, leave
   it.
"""

MISTAKES = """
the farthest token | argmin -> argmax
    Which token should a patch belong to: the one with the smallest distance, or the largest?
the sum of the patches | patches[nearest == k].mean(axis=0) -> patches[nearest == k].sum(axis=0)
    Where does your line move a token with a hundred patches?
one mean for all pixels | patches[nearest == k].mean(axis=0) -> patches[nearest == k].mean()
    A token has D pixels. Which axis of its patches does the mean run over?
only the first of its patches | patches[nearest == k].mean(axis=0) -> patches[nearest == k][0]
    The new place should be fair to all patches of the token. Which single one did you take?
only the last of its patches | patches[nearest == k].mean(axis=0) -> patches[nearest == k][-1]
    The new place should be fair to all patches of the token. Which single one did you take?
the median of the patches | patches[nearest == k].mean(axis=0) -> np.median(patches[nearest == k], axis=0)
    Does every patch affect its token, or only those in the middle?
divided by the number of all patches | .mean(axis=0) -> .sum(axis=0) / N
divided by the number of tokens | .mean(axis=0) -> .sum(axis=0) / V
    How many patches are averaged: all, or those that belong to this token?
the token itself counted as a patch | moved[k] = patches[nearest == k].mean(axis=0) ->
        moved[k] = np.vstack([patches[nearest == k], words[k]]).mean(axis=0)
    Does the old place of a token count in the mean of its patches?
only half the way | = patches[nearest == k].mean(axis=0) -> = (words[k] + patches[nearest == k].mean(axis=0)) / 2
    Does a token move towards the mean of its patches, or to it?
tokens that have no patches move to 0 | words.copy() -> np.zeros_like(words)
tokens that have no patches move to the mean of all | words.copy() -> np.tile(patches.mean(axis=0), (V, 1))
tokens that have no patches become nan | words.copy() -> np.full_like(words, np.nan)
    One of the tokens has no patches. Where is it after your step?
the absolute differences in place of the distance | axis=2) -> axis=2, ord=1)
the largest difference in place of the distance | axis=2) -> axis=2, ord=np.inf)
    How far is a patch from a token? Which differences count, and how are they combined?
the sum of the differences in place of the distance | np.linalg.norm(patches[:, None] - words, axis=2) ->
        (patches[:, None] - words).sum(axis=2)
the size of the summed differences | np.linalg.norm(patches[:, None] - words, axis=2) ->
        abs((patches[:, None] - words).sum(axis=2))
    One pixel is 5 too bright, another 5 too dark. What do the two add up to in your lines, and how large is the
    distance?
the product in place of the distance | np.linalg.norm(patches[:, None] - words, axis=2) -> (patches @ words.T)
the product in place of the distance | np.linalg.norm(patches[:, None] - words, axis=2) -> (-patches @ words.T)
    A token far from 0 has a large product with many patches. Is it near them?
the distances from 0 | np.linalg.norm(patches[:, None] - words, axis=2) ->
        abs(np.linalg.norm(patches, axis=1)[:, None] - np.linalg.norm(words, axis=1))
    Two points can be equally far from 0, and far from each other. Which difference do you take the length of?
"""

WHY = """
Neither half of a step can make the squared error larger: the nearest token is the best for a patch, and the mean is the
best for the patches of a token. So the error falls until nothing moves. lab/words.py repeats this step until then; the
GPT writes with its 128 tokens.
"""
DOCS = 'docs/writing.md, "An image as a text"'
LINE = "lab/words.py: means = np.rint("
