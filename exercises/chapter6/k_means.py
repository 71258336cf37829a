"""One step of k-means, words.

So few words, so many patches: each word shall stand for the patches that are nearest to it. One step of k-means moves
each word to the mean of its patches. A patch belongs to the word to which the sum of the squared differences is
smallest. A word to which no patch belongs stays where it is.

    patches (N, D)   N patches of D pixels each
    words   (V, D)   the words before the step
"""

import numpy as np


def k_means(patches, words):
    """Return moved (V, D), the words after the step. Leave words as it is."""
    # moved = ...  # this takes several lines
    nearest = np.linalg.norm(patches[:, None] - words, axis=2).argmin(axis=1)
    moved = words.copy()
    for k in np.unique(nearest):
        moved[k] = patches[nearest == k].mean(axis=0)
    return moved


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter6

INPUTS = [chapter6.draw_clusters]
COUNTS = {"N": "patches", "V": "words", "D": "pixels"}

HINTS = """
1. Which two things happen in a step? Which of them needs the distances, and which only needs to know whose patch is
   whose?
2. The squared distances of all patches from all words are an array (N, V). argmin says for each patch which word is
   nearest: (N,).
3. patches[nearest == k] are those of word k. Their mean over the first axis is its new place. Without any, leave it.
"""

MISTAKES = """
the farthest word | argmin -> argmax
    Which word shall a patch belong to: the one with the smallest distance, or the largest?
the sum of the patches | patches[nearest == k].mean(axis=0) -> patches[nearest == k].sum(axis=0)
    A word with a hundred patches: where does your line move it?
one mean for all pixels | patches[nearest == k].mean(axis=0) -> patches[nearest == k].mean()
    A word has D pixels. Over which axis of its patches does the mean run?
only the first of its patches | patches[nearest == k].mean(axis=0) -> patches[nearest == k][0]
    The new place should be fair to all patches of the word. Which single one did you take?
only the last of its patches | patches[nearest == k].mean(axis=0) -> patches[nearest == k][-1]
    The new place should be fair to all patches of the word. Which single one did you take?
the median of the patches | patches[nearest == k].mean(axis=0) -> np.median(patches[nearest == k], axis=0)
    Does every patch pull at its word in yours, or only those in the middle?
divided by the number of all patches | .mean(axis=0) -> .sum(axis=0) / N
divided by the number of words | .mean(axis=0) -> .sum(axis=0) / V
    A mean of how many patches is it: of all, or of those that belong to this word?
the word itself counted as a patch | moved[k] = patches[nearest == k].mean(axis=0) ->
        moved[k] = np.vstack([patches[nearest == k], words[k]]).mean(axis=0)
    Where a word has been so far: does that count in the mean of its patches?
only half the way | = patches[nearest == k].mean(axis=0) -> = (words[k] + patches[nearest == k].mean(axis=0)) / 2
    Does a word move towards the mean of its patches, or to it?
words that have no patches move to 0 | words.copy() -> np.zeros_like(words)
words that have no patches move to the mean of all | words.copy() -> np.tile(patches.mean(axis=0), (V, 1))
words that have no patches become nan | words.copy() -> np.full_like(words, np.nan)
    To one of the words no patch belongs. Where is it after your step?
the absolute differences in place of the distance | axis=2) -> axis=2, ord=1)
the largest difference in place of the distance | axis=2) -> axis=2, ord=np.inf)
    How far is a patch from a word? Which differences count in that, and how do they?
the sum of the differences in place of the distance | np.linalg.norm(patches[:, None] - words, axis=2) ->
        (patches[:, None] - words).sum(axis=2)
the size of the summed differences | np.linalg.norm(patches[:, None] - words, axis=2) ->
        abs((patches[:, None] - words).sum(axis=2))
    One pixel is 5 too bright, another 5 too dark: what do the two add up to in yours, and how far are they apart?
the product in place of the distance | np.linalg.norm(patches[:, None] - words, axis=2) -> (patches @ words.T)
the product in place of the distance | np.linalg.norm(patches[:, None] - words, axis=2) -> (-patches @ words.T)
    A word far out has a large product with many patches. Is it near them?
the distances from 0 | np.linalg.norm(patches[:, None] - words, axis=2) ->
        abs(np.linalg.norm(patches, axis=1)[:, None] - np.linalg.norm(words, axis=1))
    Two points can be equally far from 0, and far from each other. Of which difference do you take the length?
"""

WHY = """
Neither half of a step can make the squared error larger: the nearest word is the best for a patch, and the mean is the
best for the patches of a word. So the error falls until nothing moves. lab/words.py takes this step until then; its
128 words are what the GPT writes with.
"""
DOCS = 'docs/writing.md, "An image as a text"'
LINE = "lab/words.py: means = np.rint("
