"""One step of byte pair encoding.

Today's language models do not read single letters. Their tokens are pieces of text. At first, each byte of a text is a
token, an integer. Then two tokens that often occur side by side are joined into a new token, and this is repeated many
times. Write one step of this method.

Wherever the token `first` comes right before the token `second`, replace the two with the token `new`. Go from left to
right. A token that has become part of a new token cannot be used again.

    words     first = 1, second = 2, new = 9            first = second = 1, new = 9
    before    1 2 3 2 1 1 2                             1 1 1 3 1 1
    after     9 3 2 1 9                                 9 1 3 9

    words (N,)             integers
    first, second, new     integers; new does not occur in words
"""

import numpy as np


def merge_tokens(words, first, second, new):
    """Return joined, an array of the tokens after this step."""
    # joined = ...  # this takes several lines
    joined, i = [], 0
    while i < len(words):
        pair = i + 1 < len(words) and words[i] == first and words[i + 1] == second
        joined.append(new if pair else words[i])
        i += 2 if pair else 1
    joined = np.array(joined)
    return joined


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter8

INPUTS = chapter8.MERGED
COUNTS = {"B": "texts", "N": "tokens"}

HINTS = """
1. Each iteration of your loop looks at one position. How many tokens does it use up if there is a pair at this
   position, and how many if there is none?
2. A for loop always moves on by one. With `while i < len(words)`, you decide how far to move on: i += 2 after a pair, i
   += 1 otherwise.
3. The last token has no neighbour to its right, so check i + 1 < len(words) first.
"""

MISTAKES = """
nothing joined | joined = np.array(words)
    Print words and joined for the example. Where is the new token?
the second token of the pair kept | 2 if pair else 1 -> 1
    How many tokens does a new token replace?
the second token lost where there is no pair | 2 if pair else 1 -> 2
    If there is no pair at a position, where may the next pair start?
only the first pair | new if pair else -> new if (pair := pair and new not in joined) else
    The pair may occur many times. Does your loop go on after the first pair?
the order of the two ignored | words[i] == first and words[i + 1] == second -> {words[i], words[i + 1]} ==
        {first, second}
    Is "ab" the same as "ba"?
the pair turned round | words[i] == first and words[i + 1] == second -> words[i] == second and words[i + 1] == first
    Which of the two is on the left?
the first token alone | words[i] == first and words[i + 1] == second -> words[i] == first
    Both tokens must be there. What if a different token comes after `first`?
the second token alone | words[i] == first and words[i + 1] == second -> words[i + 1] == second
    Both tokens must be there. What if a different token comes before `second`?
one of the two is enough | words[i] == first and words[i + 1] == second -> (words[i] == first or words[i + 1] == second)
    Is it enough if only one of the two is there?
from right to left | joined, i = [], 0 -> w = words[::-1]; joined, i = [], 0 & while i < len(words) -> while i < len(w)
        & words[i] == first and words[i + 1] == second -> w[i] == second and w[i + 1] == first
        & else words[i]) -> else w[i]) & np.array(joined) -> np.array(joined[::-1])
    In 1 1 1, which two are joined: the two on the left, or the two on the right?
a token that belongs to two pairs | hit = (words[:-1] == first) & (words[1:] == second);
        joined = np.where(np.append(hit, False), new, words)[~np.append(False, hit)]
    In 1 1 1, with first = second = 1, how many pairs does your code find? Which tokens does the first pair use up?
the pair removed | joined.append(new if pair else words[i]) -> joined += [] if pair else [words[i]]
    What should be in the place of the pair?
the new token twice | joined.append(new if pair else words[i]) -> joined += [new, new] if pair else [words[i]]
    How many tokens does a new token replace, and how many tokens do you put there?
the last token lost | while i < len(words): -> while i < len(words) - 1:
    What happens at the last token, which has no neighbour to its right?
first in place of new | (new if pair -> (first if pair
second in place of new | (new if pair -> (second if pair
    What should be where the pair was?
"""

WHY = """
SmolLM2 has 48,900 such pairs, learned from a large text: again and again, the most frequent pair became a token. To
read your text, the model joins these pairs in the same order.
"""
DOCS = 'docs/llama.md, "Tokens made of bytes"'
LINE = "support/tokens.py: if tuple(tokens[i : i + 2]) == pair"
