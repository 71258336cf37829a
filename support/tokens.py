"""Byte pair encoding: how a text becomes the tokens of a published model, and how these become a text again.

Sennrich, Haddow & Birch 2016 (Neural Machine Translation of Rare Words with Subword Units), of bytes, as Radford et al.
2019 (GPT-2) do it. At first there are 256 tokens, one for each byte of UTF-8. Then, again and again, the pair of
neighbours that occurred most often in a large text became a new token. A GGUF file has these pairs in their order. A
text is split at its spaces, and in each piece the pairs are merged in that order.
"""

import codecs
import heapq
import re
from itertools import chain, pairwise

from support import program
from support.errors import UserError

# How a text is split into pieces before its bytes are paired: {name in a GGUF file: patterns, one after the other}.
# SmolLM2's takes each digit alone; then a piece is a word or a run of signs with the space before it, or spaces.
SPLITS = {
    "smollm": (r"\p{N}", r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"),
}
# Kinds of tokens in a GGUF file. A control token (the end of an answer, say) is never a text.
NORMAL = 1
CONTROL = 3


class BytePairs:
    """The tokenizer of a published model: `encode` and `decoder`.

    size: the size of the vocabulary. longest: the bytes of the longest token. control: {name: id} of the control
    tokens. merge_pair: None, or another function to use in place of the function `merge_pair`.
    """

    merge_pair = None

    def __init__(self, tokens, kinds, pairs, split):
        """tokens: the bytes of each token, written as letters (see `list_byte_letters`). kinds: NORMAL or CONTROL for
        each. pairs: "a b" for each pair, in the order in which they are merged. split: a key of SPLITS.

        Raises UserError if the split is unknown, and ValueError or KeyError if the tokens make no sense.
        """
        if split not in SPLITS:
            raise UserError(f"cuts texts by the unknown rule {split!r}; this program knows {', '.join(SPLITS)}")
        if {*kinds} - {NORMAL, CONTROL} or len(kinds) != len(tokens):
            raise ValueError
        with program.import_guard("requirements/llm.txt"):
            import regex
        self.patterns = [regex.compile(f"({pattern})") for pattern in SPLITS[split]]
        self.letters = list_byte_letters()
        byte_of_letter = {letter: byte for byte, letter in enumerate(self.letters)}
        self.size = len(tokens)
        self.bytes = []  # of each token
        self.ids = {}  # {normal token: its id}
        self.control = {}
        for i, (token, kind) in enumerate(zip(tokens, kinds, strict=True)):
            if kind == CONTROL:
                self.control[token] = i
                self.bytes.append(b"")
            else:
                self.ids[token] = i
                self.bytes.append(bytes(byte_of_letter[letter] for letter in token))
        self.longest = max(map(len, self.bytes), default=0)
        self.ranks = {tuple(pair.split(" ")): rank for rank, pair in enumerate(pairs)}
        if not {*map("".join, self.ranks)} <= self.ids.keys():
            raise ValueError
        self.cache = {}  # {piece of a text: its token ids}

    def encode(self, text):
        """Return the token ids of a text, a list. No text gives a control token.

        Raises UserError if a byte has no token.
        """
        pieces = [text]
        for pattern in self.patterns:
            splits = [pattern.split(piece) for piece in pieces]
            pieces = [part for part in chain(*splits) if part]
        token_ids = []
        for piece in pieces:
            token_ids += self.encode_piece(piece)
        return token_ids

    def encode_piece(self, piece):
        """Return the token ids of a piece: of its bytes, the pair that ranks first is merged wherever it occurs, and so
        on until no pair has a rank. Raises UserError if a byte has no token."""
        if piece not in self.cache:
            tokens = [self.letters[byte] for byte in piece.encode("utf-8", "replace")]
            if self.merge_pair is None:
                tokens = merge(tokens, self.ranks)
            else:
                tokens = merge_by(self.merge_pair, tokens, self.ranks)
            if not {*tokens} <= self.ids.keys():
                raise UserError(f"has no token for a byte in {piece!r}")
            self.cache[piece] = [self.ids[token] for token in tokens]
        return self.cache[piece]

    def fill(self, form, text):
        """Return the token ids of a form with the text in place of its {}. Only the form has control tokens, written as
        <|name|>. Raises KeyError if there is no such token."""
        token_ids = []
        for part in re.split(r"(<\|\w+\|>)", form):
            token_ids += [self.control[part]] if part.startswith("<|") else self.encode(part.replace("{}", text))
        return token_ids

    def decoder(self):
        """Return a function that gives the letters of each next token id.

        Half a letter waits for its other half: UTF-8 writes é as two bytes, which may be in two tokens. With None in
        place of a token id, the function gives what is left, with � for half a letter.
        """
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        return lambda token_id: decode(b"", True) if token_id is None else decode(self.bytes[token_id])


def merge_by(merge_pair, tokens, ranks):
    """Encode by the definition: merge the pair that ranks first wherever it occurs, until no pair has a rank.

    merge_pair: as `merge_pair`. It takes n steps of n comparisons.
    """
    while len(tokens) > 1:
        pair = min(pairwise(tokens), key=lambda pair: ranks.get(pair, len(ranks)))
        if pair not in ranks:
            break
        tokens = merge_pair(tokens, pair)
    return tokens


def merge(tokens, ranks):
    """Return the same as `merge_by(merge_pair, tokens, ranks)`, in n log n steps.

    The tokens are a linked list. A heap has the rank and the position of each pair, so it gives the pair that ranks
    first wherever it occurs, from left to right. A pair that a merge has changed stays in the heap; its rank is then
    another.
    """
    tokens = [*tokens]
    previous = [*range(-1, len(tokens) - 1)]
    following = [*range(1, len(tokens) + 1)]
    rank_at = [ranks.get(pair) for pair in pairwise(tokens)]  # of the pair that begins at each position
    rank_at.append(None)
    heap = [(rank, position) for position, rank in enumerate(rank_at) if rank is not None]
    heapq.heapify(heap)

    def push_pair(position):
        """Put the pair that begins at a position into the heap, if it has a rank."""
        end = following[position]
        rank_at[position] = ranks.get((tokens[position], tokens[end])) if end < len(tokens) else None
        if rank_at[position] is not None:
            heapq.heappush(heap, (rank_at[position], position))

    while heap:
        rank = heap[0][0]
        positions = []
        while heap and heap[0][0] == rank:  # all before any pair that these merges make, even one that ranks lower
            positions.append(heapq.heappop(heap)[1])
        for position in positions:
            if rank_at[position] != rank:  # another merge has taken one of the two
                continue
            second = following[position]
            tokens[position] += tokens[second]
            tokens[second] = None
            rank_at[second] = None
            following[position] = following[second]
            if following[position] < len(tokens):
                previous[following[position]] = position
            push_pair(position)
            if previous[position] >= 0:
                push_pair(previous[position])
    return [token for token in tokens if token is not None]


def merge_pair(tokens, pair):
    """Return the tokens with the pair merged into one wherever it occurs, from left to right."""
    result = []
    i = 0
    while i < len(tokens):
        if tuple(tokens[i : i + 2]) == pair:
            result.append(tokens[i] + tokens[i + 1])
            i += 2
        else:
            result.append(tokens[i])
            i += 1
    return result


def list_byte_letters():
    """Return the letter that stands for each byte in a file of tokens: itself if it is visible, else one from Ā on."""
    visible = {*range(33, 127), *range(161, 173), *range(174, 256)}
    codes = iter(range(256, 512))
    return [chr(byte if byte in visible else next(codes)) for byte in range(256)]
