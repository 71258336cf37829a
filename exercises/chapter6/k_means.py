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
    moved = ...  # this takes several lines
    return moved


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter6

INPUTS = [chapter6.clustered]
COUNTS = {"N": "patches", "V": "words", "D": "pixels"}


def answer(patches, words):
    nearest = np.linalg.norm(patches[:, None] - words, axis=2).argmin(axis=1)
    moved = words.copy()
    for k in np.unique(nearest):
        moved[k] = patches[nearest == k].mean(axis=0)
    return moved


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
words that have no patches move to 0 | words.copy() -> np.zeros_like(words)
    To one of the words no patch belongs. Where is it after your step?
"""

WHY = """
Neither half of a step can make the squared error larger: the nearest word is the best for a patch, and the mean is the
best for the patches of a word. So the error falls until nothing moves. lab/words.py takes this step until then; its
128 words are what the GPT writes with.
"""
DOCS = 'docs/writing.md, "An image as a text"'
LINE = "lab/words.py: means = np.rint("
