"""Byte pairs: how a text becomes the words of a model that people use, and how these become a text again.

Sennrich, Haddow & Birch 2016 (Neural Machine Translation of Rare Words with Subword Units), of bytes, as Radford et al.
2019 (GPT-2) do it. First there are 256 words, one for each byte of UTF-8. Then, again and again, the two neighbours
that stood side by side most often in a large text have become one word more. A model's file has these pairs in their
order; a text is cut at its spaces, and in each piece the pairs are joined in that order.
"""

import codecs
import heapq
import re
from itertools import pairwise

from support import program
from support.errors import UserError

# How a text is cut into pieces before its bytes are paired: {what a GGUF file calls it: patterns, one after the other}.
# SmolLM2's takes each digit alone; then a piece is a word or a run of signs with the space before it, or spaces.
CUTS = {
    "smollm": (r"\p{N}", r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"),
}
NORMAL, CONTROL = 1, 3  # kinds of words in a GGUF file; a control word (where an answer ends, say) is never a text


class BytePairs:
    """The words of a model: `encode` and `decoder`.

    size: how many there are. longest: the bytes of the longest. control: {name: number} of the control words. join:
    None, or another function than `joined` that joins a pair.
    """

    join = None

    def __init__(self, words, kinds, pairs, cut):
        """words: of each its bytes, written as letters (see `letters_of_bytes`). kinds: NORMAL or CONTROL of each.
        pairs: "a b" of each pair, in the order in which they are joined. cut: a key of CUTS. UserError if that is
        unknown; ValueError or KeyError if the words make no sense."""
        if cut not in CUTS:
            raise UserError(f"cuts texts by the rule {cut!r}, which is not known here: known is {', '.join(CUTS)}")
        if {*kinds} - {NORMAL, CONTROL} or len(kinds) != len(words):
            raise ValueError
        with program.needing("requirements/llm.txt"):
            import regex
        self.cuts = [regex.compile(f"({pattern})") for pattern in CUTS[cut]]
        of_letter = {letter: byte for byte, letter in enumerate(letters_of_bytes())}
        self.size, self.letters = len(words), letters_of_bytes()
        self.control = {word: i for i, (word, kind) in enumerate(zip(words, kinds, strict=True)) if kind == CONTROL}
        self.bytes = [
            b"" if kind == CONTROL else bytes(of_letter[letter] for letter in word)
            for word, kind in zip(words, kinds, strict=True)
        ]
        self.longest = max(map(len, self.bytes), default=0)
        self.number = {word: i for i, (word, kind) in enumerate(zip(words, kinds, strict=True)) if kind == NORMAL}
        self.order = {tuple(pair.split(" ")): i for i, pair in enumerate(pairs)}
        if not {*map("".join, self.order)} <= self.number.keys():
            raise ValueError
        self.known = {}  # {piece of a text: its words}, of the pieces so far

    def encode(self, text):
        """The numbers of the words of a text, a list. Whatever stands in it, no control word comes out. UserError if
        there is no word for one of its bytes."""
        pieces = [text]
        for cut in self.cuts:
            pieces = [part for piece in pieces for part in cut.split(piece) if part]
        return [word for piece in pieces for word in self.words_of(piece)]

    def words_of(self, piece):
        """The words of a piece: of its bytes, the pair that comes first in the order is joined wherever it stands, and
        so on until no pair is in the list."""
        if piece not in self.known:
            words = [self.letters[byte] for byte in piece.encode("utf-8", "replace")]
            words = merge(words, self.order) if self.join is None else merge_by(self.join, words, self.order)
            if not {*words} <= self.number.keys():
                raise UserError(f"has no word for a byte in {piece!r}")
            self.known[piece] = [self.number[word] for word in words]
        return self.known[piece]

    def fill(self, form, text):
        """The words of a form with the text in the place of its {}. Control words are those of the form alone, written
        as <|name|>; KeyError if there is no such word."""
        return [
            word
            for part in re.split(r"(<\|\w+\|>)", form)
            for word in ([self.control[part]] if part.startswith("<|") else self.encode(part.replace("{}", text)))
        ]

    def decoder(self):
        """A function that gives the letters of each next word. Half a letter waits for its other half: UTF-8 writes é
        as two bytes, which may be in two words. None in place of a word: what is left, with � for half a letter."""
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        return lambda word: decode(b"", True) if word is None else decode(self.bytes[word])


def merge_by(join, words, order):
    """The definition of byte pair encoding: of the pairs in a list of words, join the one that comes first in the order
    wherever it stands, and so on until no pair is in the order. It takes n steps of n comparisons. join: as `joined`.
    """
    while len(words) > 1:
        pair = min(pairwise(words), key=lambda pair: order.get(pair, len(order)))
        if pair not in order:
            break
        words = join(words, pair)
    return words


def merge(words, order):
    """The same as `merge_by(joined, words, order)`, in n log n steps.

    The words are a linked list. A heap has the rank in the order and the position of each pair, so it gives the first
    pair wherever it stands, from left to right. A pair that a join has changed stays in the heap; its rank is then
    another.
    """
    words = [*words]
    previous, following = [*range(-1, len(words) - 1)], [*range(1, len(words) + 1)]
    ranks = [order.get(pair) for pair in pairwise(words)]  # of each position: that of the pair which begins there
    ranks.append(None)
    heap = [(rank, position) for position, rank in enumerate(ranks) if rank is not None]
    heapq.heapify(heap)

    def rank_pair(position):
        """Put the pair that begins at a position into the heap, if it is in the order."""
        end = following[position]
        ranks[position] = order.get((words[position], words[end])) if end < len(words) else None
        if ranks[position] is not None:
            heapq.heappush(heap, (ranks[position], position))

    while heap:
        rank, positions = heap[0][0], []
        while heap and heap[0][0] == rank:  # all before any pair that these joins make, even one that ranks lower
            positions.append(heapq.heappop(heap)[1])
        for position in positions:
            if ranks[position] != rank:  # another join has taken one of the two
                continue
            second = following[position]
            words[position] += words[second]
            words[second], ranks[second] = None, None
            following[position] = following[second]
            if following[position] < len(words):
                previous[following[position]] = position
            rank_pair(position)
            if previous[position] >= 0:
                rank_pair(previous[position])
    return [word for word in words if word is not None]


def joined(words, pair):
    """The list of words, in which the two of the pair are one wherever they stand side by side, from left to right."""
    found, i = [], 0
    while i < len(words):
        both = tuple(words[i : i + 2]) == pair
        found.append(words[i] + words[i + 1] if both else words[i])
        i += 2 if both else 1
    return found


def letters_of_bytes():
    """For each byte the letter by which a file of words writes it: itself if it can be seen, else one from Ā on."""
    seen = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in seen else next(others)) for byte in range(256)]
