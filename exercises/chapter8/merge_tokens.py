"""One step of byte pair encoding: the words, joined.

A language model of today reads no letters. Its words are pieces of text, and they are made by joining: at first each
byte of a text is a word, a whole number. Then two words that often stand side by side become one word more, and this is
done again and again. Here is one step of it.

Wherever the word `first` stands right before the word `second`, both together become the one word `new`. You go from
left to right, and a word that has become part of a new one is used up.

    words     first = 1, second = 2, new = 9            first = second = 1, new = 9
    before    1 2 3 2 1 1 2                             1 1 1 3 1 1
    after     9 3 2 1 9                                 9 1 3 9

    words (N,)             whole numbers
    first, second, new     whole numbers; new is not in words
"""

import numpy as np


def merge_tokens(words, first, second, new):
    """Return joined: the words after this step, an array."""
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
COUNTS = {"B": "texts", "N": "words"}

HINTS = """
1. Each step of your loop looks at one place. How many words does it use up if there is a pair, and how many if not?
2. A for loop goes on by one each time. With `while i < len(words)`, you choose by how much: i += 2 after a pair, i += 1
   otherwise.
3. At the last word there is no neighbour to look at: i + 1 < len(words) has to be asked first.
"""

MISTAKES = """
nothing joined | joined = np.array(words)
    Print words and joined for the example. Where is the new word?
the second word of the pair kept | 2 if pair else 1 -> 1
    How many words does a new one take the place of?
the second word lost where there is no pair | 2 if pair else 1 -> 2
    If there is no pair at a place, where does the next one begin?
only the first pair | new if pair else -> new if (pair := pair and new not in joined) else
    The pair may stand in many places. Does your loop go on after it?
the order of the two ignored | words[i] == first and words[i + 1] == second -> {words[i], words[i + 1]} ==
        {first, second}
    Is "ab" the same as "ba"?
the pair turned round | words[i] == first and words[i + 1] == second -> words[i] == second and words[i + 1] == first
    Which of the two stands on the left?
the first word alone | words[i] == first and words[i + 1] == second -> words[i] == first
    Both have to be there. What if `first` stands before another word?
the second word alone | words[i] == first and words[i + 1] == second -> words[i + 1] == second
    Both have to be there. What if `second` stands behind another word?
one of the two is enough | words[i] == first and words[i + 1] == second -> (words[i] == first or words[i + 1] == second)
    Is it enough that one of the two is there?
from right to left | joined, i = [], 0 -> w = words[::-1]; joined, i = [], 0 & while i < len(words) -> while i < len(w)
        & words[i] == first and words[i + 1] == second -> w[i] == second and w[i + 1] == first
        & else words[i]) -> else w[i]) & np.array(joined) -> np.array(joined[::-1])
    In 1 1 1, which two become one: the two on the left, or those on the right?
a word that belongs to two pairs | hit = (words[:-1] == first) & (words[1:] == second);
        joined = np.where(np.append(hit, False), new, words)[~np.append(False, hit)]
    In 1 1 1, with first = second = 1, how many pairs do your lines find? Which words are used up by the first of them?
the pair removed | joined.append(new if pair else words[i]) -> joined += [] if pair else [words[i]]
    Something should stand where the pair was.
the new word twice | joined.append(new if pair else words[i]) -> joined += [new, new] if pair else [words[i]]
    How many words does a new one take the place of, and how many does it take itself?
the last word lost | while i < len(words): -> while i < len(words) - 1:
    What happens at the last word, which has no neighbour?
first in place of new | (new if pair -> (first if pair
second in place of new | (new if pair -> (second if pair
    What should stand where the pair was?
"""

WHY = """
SmolLM2 has 48,900 such pairs, learned from a large text in this way: the pair that occurs most often becomes a word,
then the next. To read your text, it joins them in the same order.
"""
DOCS = 'docs/llama.md, "Tokens made of bytes"'
LINE = "support/tokens.py: if tuple(tokens[i : i + 2]) == pair"
