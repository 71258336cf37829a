"""Byte pair encoding: converts a text to the tokens of a published model, and tokens back to a text.

After Sennrich, Haddow & Birch 2016 (Neural Machine Translation of Rare Words with Subword Units), applied to bytes as
in Radford et al. 2019 (GPT-2). At first there are 256 tokens, one for each byte of UTF-8. Then, again and again, the
pair of neighbours that is most frequent in a large text becomes a new token. A GGUF file lists these pairs in order. A
text is split at its spaces, and in each piece the pairs are merged in that order.
"""

import codecs
import heapq
import re
from itertools import chain, pairwise

from support import program
from support.errors import UserError

# How a text is split into pieces before its bytes are paired: {name in a GGUF file: patterns, applied in order}.
# SmolLM2's first pattern separates each digit. By the second, a piece is a word or a run of other characters with the
# space before it, or a run of spaces.
SPLIT_PATTERNS = {
    "smollm": (r"\p{N}", r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"),
}
# Kinds of tokens in a GGUF file. A control token, such as the end of an answer, does not stand for any text.
NORMAL_TOKEN = 1
CONTROL_TOKEN = 3


class BytePairs:
    """The tokenizer of a published model: `encode` and `make_decode_function`.

    size: the size of the vocabulary. longest: the number of bytes of the longest token. control: {name: id} of the
    control tokens. merge_pair: None, or a replacement for the function `merge_pair`, with which `encode` then works.
    """

    merge_pair = None

    def __init__(self, tokens, kinds, pairs, split):
        """tokens: the bytes of each token, written as letters (see `list_byte_letters`). kinds: NORMAL_TOKEN or
        CONTROL_TOKEN for each. pairs: "a b" for each pair, in the order in which they are merged. split: a key of
        SPLIT_PATTERNS.

        Raises UserError if the split is unknown, and ValueError or KeyError if the tokens are invalid.
        """
        if split not in SPLIT_PATTERNS:
            raise UserError(f"cuts texts by the unknown rule {split!r}; this program knows {', '.join(SPLIT_PATTERNS)}")
        if {*kinds} - {NORMAL_TOKEN, CONTROL_TOKEN} or len(kinds) != len(tokens):
            raise ValueError
        with program.import_guard("requirements/llm.txt"):
            import regex
        self.patterns = [regex.compile(f"({pattern})") for pattern in SPLIT_PATTERNS[split]]
        self.letters = list_byte_letters()
        byte_of_letter = {letter: byte for byte, letter in enumerate(self.letters)}
        self.size = len(tokens)
        self.bytes = []  # the bytes of each token, by its id
        self.ids = {}  # {normal token: its id}
        self.control = {}
        for i, (token, kind) in enumerate(zip(tokens, kinds, strict=True)):
            if kind == CONTROL_TOKEN:
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
        """Return the list of token ids of a text. Control tokens are never among them.

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
        """Return the list of token ids of a piece of a text. Raises UserError if a byte has no token.

        Among all pairs of neighbours, the pair with the lowest rank is merged wherever it occurs. This is repeated
        until no pair has a rank.
        """
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

    def encode_template(self, template, text):
        """Return the list of token ids of the template `template` with `text` in place of its {}.

        <|name|> is a control token in the template, but not in the text. Raises KeyError if the model has no such
        token.
        """
        token_ids = []
        for part in re.split(r"(<\|\w+\|>)", template):
            token_ids += [self.control[part]] if part.startswith("<|") else self.encode(part.replace("{}", text))
        return token_ids

    def make_decode_function(self):
        """Return a function that takes one token id after the other and returns the letters that each one completes.

        UTF-8 writes é as two bytes, which may be in two tokens; then the second call returns it. If the function is
        called with None, at the end, it returns � for an incomplete letter.
        """
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        return lambda token_id: decode(b"", True) if token_id is None else decode(self.bytes[token_id])


def merge_by(merge_pair, tokens, ranks):
    """Encode by the definition: merge the pair with the lowest rank wherever it occurs, until no pair has a rank.

    Return the list of merged tokens. merge_pair: a function like `merge_pair` of this file. ranks: {pair: its rank}.
    This takes n steps of n comparisons for n tokens.
    """
    while len(tokens) > 1:
        pair = min(pairwise(tokens), key=lambda pair: ranks.get(pair, len(ranks)))
        if pair not in ranks:
            break
        tokens = merge_pair(tokens, pair)
    return tokens


def merge(tokens, ranks):
    """Return the same as `merge_by(merge_pair, tokens, ranks)`, in n log n steps.

    The tokens are a linked list. A heap has the rank and the position of each pair, so it yields the pair with the
    lowest rank wherever it occurs, from left to right. If a merge changes a pair, its old entry stays in the heap. That
    entry is skipped later, because `rank_at` has another rank at its position.
    """
    tokens = [*tokens]
    previous = [*range(-1, len(tokens) - 1)]
    following = [*range(1, len(tokens) + 1)]
    rank_at = [ranks.get(pair) for pair in pairwise(tokens)]  # of the pair that begins at each position
    rank_at.append(None)
    heap = [(rank, position) for position, rank in enumerate(rank_at) if rank is not None]
    heapq.heapify(heap)

    def push_pair(position):
        """Put the pair that begins at `position` into the heap if it has a rank."""
        end = following[position]
        rank_at[position] = ranks.get((tokens[position], tokens[end])) if end < len(tokens) else None
        if rank_at[position] is not None:
            heapq.heappush(heap, (rank_at[position], position))

    while heap:
        rank = heap[0][0]
        positions = []
        while heap and heap[0][0] == rank:  # all come before any pair that these merges create, even one of lower rank
            positions.append(heapq.heappop(heap)[1])
        for position in positions:
            if rank_at[position] != rank:  # another merge has already used one of the two tokens
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
    """Return the list of tokens with `pair` merged into one token wherever it occurs, from left to right."""
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
    """Return the list of letters that stand for the bytes 0 to 255 in a GGUF file's tokens.

    A visible character stands for itself. The letters from Ā on stand for all others.
    """
    visible = {*range(33, 127), *range(161, 173), *range(174, 256)}
    codes = iter(range(256, 512))
    return [chr(byte if byte in visible else next(codes)) for byte in range(256)]
