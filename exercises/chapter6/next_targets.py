"""Which token is predicted where: x and y.

An image is T patches. Each patch is one of V tokens, 0 to V - 1. Ten more tokens are the digits: digit d is V + d. A
network that writes reads one row of tokens from left to right, and says at each position which token comes next.
The row begins with the digit that is to be written.

Find the input x and the target y: at each position, y has the token that comes after the one in x.

    patches (B, T)   the tokens of B images, whole numbers
    digits  (B,)     which digit each image is, 0 to 9
    V                how many different tokens there are for patches

Every patch should be predicted once, and nothing else.
"""

import numpy as np


def next_targets(patches, digits, V):
    """Return x and y, (B, T) each, whole numbers."""
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
1. Write one text on paper: the digit, then its patches. Now mark what is known when the first patch is written, and
   when the last patch is written. Which tokens are never predicted? Which token has nothing after it?
2. y is the patches as they are. x is the same row, shifted by one position to the right: it begins with the digit's
   token, and the last patch drops out.
3. digits[:, None] is (B, 1), and patches[:, :-1] is (B, T - 1). np.concatenate([..., ...], axis=1) puts them side by
   side.
"""

MISTAKES = """
the patches where x belongs | x = patches.copy()
    At the first position, what is known about the image? Does your x say more than that?
the digits' own numbers | V + digits -> digits
    Digit 3 and patch 3 would be the same token. Which number is the token of digit d?
the digits begin at V + 1 | V + digits -> V + 1 + digits
    The tokens of the patches are 0 to V - 1. Which number comes next?
the first patch dropped | patches[:, :-1] -> patches[:, 1:]
    Which patch does x never need, because nothing comes after it?
the digit left out | x = patches[:, :-1]
    What is known when the first patch has to be predicted? Where is that in your x?
the last patch in x, too | x = np.concatenate([V + digits[:, None], patches], axis=1)
    Which token comes after the last patch? If there is none, what should that position predict?
the first patch not predicted | y = patches[:, 1:]
    Which patch should the network predict when it only knows the digit? Is it in your y?
moved the wrong way | y = np.roll(patches, -1, axis=1)
    x begins with the digit. Which token comes directly after it?
moved in both | y = x.copy()
    At each position, should the network say the token that it has just read, or the one after it?
"""

WHY = """
One image is T lessons at once. At each position the network gets what a writer has at that moment, and is asked for
what the writer needs. The order of the tokens alone says what is right: nobody has to label anything.
"""
DOCS = 'docs/writing.md, "Which token is predicted where"'
LINE = "support/texts.py: return np.concatenate([self.start_tokens"
