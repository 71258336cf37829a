"""Which token is predicted at which position: x and y.

An image consists of T patches. Each patch is one of V tokens, 0 to V - 1. Ten more tokens stand for the digits: digit d
is token V + d. A network that generates text reads a row of tokens from left to right, and predicts at each position
which token comes next. The row starts with the digit that should be written.

Find the input x and the target y: at each position, y contains the token that comes after the token in x.

    patches (B, T)   the tokens of B images, integers
    digits  (B,)     which digit each image is, 0 to 9
    V                how many different tokens there are for patches

Every patch should be predicted exactly once, and nothing else should be predicted.
"""

import numpy as np


def next_targets(patches, digits, V):
    """Return x and y, (B, T) each, as integers."""
    # x = ...  # this may take several lines
    # y = ...
    x = np.concatenate([V + digits[:, None], patches[:, :-1]], axis=1)
    y = patches.copy()
    return x, y


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter6

INPUTS = [chapter6.draw_texts]
COUNTS = {"V": "tokens"}

HINTS = """
1. Write one text on paper: the digit, then its patches. Now mark which tokens are known when the first patch is
   predicted, and which are known when the last patch is predicted. Which token is never predicted? Which token has
   nothing after it?
2. y contains the patches, unchanged. x is the same row, shifted to the right by one position: it starts with the
   digit's token, and the last patch is dropped.
3. digits[:, None] is (B, 1), and patches[:, :-1] is (B, T - 1). np.concatenate([..., ...], axis=1) puts them side by
   side.
"""

MISTAKES = """
the patches where x belongs | x = patches.copy()
    At the first position, what is known about the image? Does your x reveal more than that?
the digits' own numbers | V + digits -> digits
    With your code, digit 3 and patch 3 would be the same token. Which number is the token of digit d?
the digits begin at V + 1 | V + digits -> V + 1 + digits
    The tokens of the patches are 0 to V - 1. Which number comes next?
the first patch dropped | patches[:, :-1] -> patches[:, 1:]
    Which patch is not needed in x, because nothing comes after it?
the digit left out | x = patches[:, :-1]
    What is known when the first patch has to be predicted? Where is that in your x?
the last patch in x, too | x = np.concatenate([V + digits[:, None], patches], axis=1)
    Which token comes after the last patch? If there is none, what should that position predict?
the first patch not predicted | y = patches[:, 1:]
    Which patch should the network predict when it has only seen the digit? Is this patch in your y?
moved the wrong way | y = np.roll(patches, -1, axis=1)
    x starts with the digit. Which token comes directly after it?
moved in both | y = x.copy()
    At each position, should the network predict the token that it has just read, or the next one?
"""

WHY = """
One image gives T training examples at once. At each position, the network sees what is known at that point of the
writing, and has to predict what comes next. The text itself contains the right answers: nobody has to label anything.
"""
DOCS = 'docs/writing.md, "Which token is predicted where"'
LINE = "support/texts.py: return np.concatenate([self.start_tokens"
