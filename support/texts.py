"""Tokenizers: how an image, a name or a piece of a longer text becomes a row of token ids.

source: a `support.source.Source`, which says what kind of text it is.
"""

import gzip
import io
import re
import zlib
from functools import cache
from pathlib import Path

import numpy as np

from support.budget import DATA, PIECE, Budget, open_unpacked_bytes
from support.download import find_or_fetch
from support.errors import UserError
from support.pictures import SIDE, parse_idx

# --- Tokenizers -------------------------------------------------------------------------------------------------------

LETTERS = "abcdefghijklmnopqrstuvwxyz"  # tokens 1 to 26 of a name
END = 0  # the token that ends a name, and fills the positions after it
IGNORED = -1  # a target that the loss ignores: nothing is predicted after the end of a name
TESTS = 10  # a tenth of the names, or of a text, is for the test
PATCH = 4  # pixels along the side of a patch
CONTEXT_LENGTHS = {"images": (SIDE // PATCH) ** 2, "names": 12, "texts": 64}  # tokens of a text, by default


class Tokenizer:
    """Makes token ids of a source's examples, and gives the sizes that a language model needs.

    vocab_size: V, the tokens that a text is made of. n_start_tokens: further tokens, which start a text; their ids are
    V, V + 1, ... context_length: T, the tokens of a text.
    """

    n_start_tokens = 1

    def __init__(self, source):
        self.source = source
        self.context_length = source.context_length

    @property
    def sizes(self):
        """Return {argument of the network's class: value}. Raises UserError if the examples have no tokens."""
        return {
            "vocab_size": self.vocab_size,
            "n_start_tokens": self.n_start_tokens,
            "context_length": self.context_length,
        }

    def encode(self, examples, labels=None):
        """Return the token ids of examples, and the next token of each: x and y, (B, T) int64.

        x is the start token and all tokens of the example but the last; y is the tokens of the example. labels: (B,) of
        images.
        """
        y = self.tokens(examples)
        labels = np.zeros(len(y), np.int64) if labels is None else labels
        return np.concatenate([self.start_tokens(labels), y[:, :-1]], axis=1), y

    def start_tokens(self, labels):
        """Return the token that starts a text with each of these labels (B,): (B, 1) int64."""
        return self.vocab_size + np.asarray(labels, np.int64)[:, np.newaxis]

    def find_problem(self, prompt):
        """Say why a network that learned this source cannot continue a prompt, in words that follow its name; "" if it
        can. prompt: as the user typed it, or None for no prompt."""
        can = prompt is None or self.accepts(prompt)
        return "" if can else f"writes {self.source.kind}s, and {prompt!r} is not one"

    def accepts(self, prompt):
        """Return True if this prompt is meant for a network that learned such examples."""
        return re.fullmatch(self.pattern, prompt) is not None


class Digits(Tokenizer):
    """Images of digits: the label starts the text, and the patches of the image are its tokens."""

    pattern = "[0-9]{1,100}"

    @property
    def vocab_size(self):
        self.check_digits()
        return len(load_vocabulary())

    def check_digits(self):
        """Raise UserError if the images are not digits: the vocabulary has no patches for them."""
        if self.source.kind != "digit":
            learns = "a network that writes learns digits, names or a text"
            raise UserError(f"--dataset {self.source.name} has no tokens: {learns}")

    @property
    def n_start_tokens(self):
        return len(self.source.classes)

    def tokens(self, images):
        return encode_images(images)


class Names(Tokenizer):
    """Names (B, 12): the tokens are the end and the letters a to z, and one more token starts a name."""

    pattern = "[A-Za-z]{1,11}"
    vocab_size = 1 + len(LETTERS)

    def tokens(self, names):
        return names.astype(np.int64)

    def encode(self, names, labels=None):
        """As in Tokenizer, but after the end of a name there is nothing to predict: y is -1 there."""
        x, y = super().encode(names, labels)
        return x, np.where(x == END, IGNORED, y)


class Letters(Tokenizer):
    """Windows (B, T + 1) of a longer text. A token is a letter, or a byte pair of a GGUF file. No token starts a
    text."""

    n_start_tokens = 0

    @property
    def vocab_size(self):
        return self.source.byte_pairs.size if self.source.byte_pairs else len(self.source.letters)

    def encode(self, windows, labels=None):
        """Return x, all but the last token of each window, and y, all but the first."""
        token_ids = windows.astype(np.int64)
        return token_ids[:, :-1], token_ids[:, 1:]

    def accepts(self, prompt):
        return True  # a text can continue anything

    def find_problem(self, prompt):
        if prompt is None or self.source.cut_by:
            return ""
        unknown = sorted({*prompt} - {*self.source.letters})
        return f"has never seen {', '.join(map(repr, unknown))}" if unknown else ""


TOKENIZERS = {"images": Digits, "names": Names, "texts": Letters}


def default_prompt_id(source):
    """Return the id of the letter to begin with if there is no prompt: the end of a line, if the text has one."""
    return max(source.letters.find("\n"), 0)


# --- Names ------------------------------------------------------------------------------------------------------------


def read_name_arrays(content):
    """Return {"arrays": [training names, zeros, test names, zeros]} of a gzipped list of names, a tenth for the test.

    The zeros are part of the hash by which checkpoints know the names.

    Such a list has the most frequent names first, so a fixed seed shuffles it, in the same way for every run.
    """
    names = gzip.decompress(content).decode().split()
    texts = encode_names(names)[np.random.default_rng(0).permutation(len(names))]
    labels = np.zeros(len(names), np.uint8)
    n = len(names) - len(names) // TESTS
    return {"arrays": [texts[:n], labels[:n], texts[n:], labels[n:]]}


def encode_names(names):
    """Encode names of at most 11 letters a to z as token ids (N, 12) uint8: 1 for a, 2 for b ..., and 0 for the end."""
    texts = np.zeros((len(names), CONTEXT_LENGTHS["names"]), np.uint8)
    for text, name in zip(texts, names, strict=True):
        text[: len(name)] = [LETTERS.index(letter) + 1 for letter in name]
    return texts


def decode_names(texts):
    """The reverse, for token ids (N, T): each name ends before its first 0."""
    letters = np.array([0, *map(ord, LETTERS)], np.uint32)[np.asarray(texts)]
    return [name.partition("\0")[0] for name in letters.view(f"U{letters.shape[1]}")[:, 0].tolist()]


# --- A text on the disk -----------------------------------------------------------------------------------------------

LETTERS_AT_A_TIME = 2**20
LOGITS = 2**25  # the most logits that a network computes at once in a test
MOST_LETTERS = 2**16


def read_text_arrays(content, name, byte_pairs=None):
    """Return {"arrays": [token ids (N,)], "letters": those that occur, sorted} of a text in UTF-8, gzipped or not.

    A token is a letter: uint8, or uint16 if there are more than 256. A line ends with a line feed, whatever the system
    that wrote it. With byte_pairs, the `support.tokens.BytePairs` of a GGUF file, the tokens are those: uint32. Raises
    UserError if the bytes are not such a text.
    """
    try:
        if byte_pairs:
            text = "".join(codes.tobytes().decode("utf-32-le") for codes in iter_unicode_arrays(content, name))
            return {"arrays": [np.array(encode_text(text, byte_pairs, name), np.uint32)]}
        occurs = np.zeros(0x110000, bool)
        length = 0
        for codes in iter_unicode_arrays(content, name):
            occurs[codes] = True
            length += len(codes)
    except (UnicodeDecodeError, EOFError, OSError, zlib.error):
        raise UserError(f"{name} is not a text in UTF-8: save it as plain text in UTF-8") from None
    letters = np.flatnonzero(occurs)
    if not 2 <= len(letters) <= MOST_LETTERS:
        raise UserError(f"{name} has {len(letters):,} different letters: a text has 2 to {MOST_LETTERS:,}")
    id_of_code = np.zeros(len(occurs), np.uint8 if len(letters) <= 256 else np.uint16)
    id_of_code[letters] = np.arange(len(letters))
    token_ids = np.empty(length, id_of_code.dtype)
    start = 0
    for codes in iter_unicode_arrays(content, name):
        token_ids[start : start + len(codes)] = id_of_code[codes]
        start += len(codes)
    return {"arrays": [token_ids], "letters": "".join(map(chr, letters))}


def encode_text(text, byte_pairs, name):
    """Return the token ids of a text, by the byte pairs of a GGUF file. Raises UserError if a byte has no token."""
    try:
        return byte_pairs.encode(text)
    except UserError as error:
        raise UserError(f"{name}: the file to start from {error}") from None


def iter_unicode_arrays(content, name):
    """Yield the letters of a text in UTF-8, gzipped or not, as arrays of their Unicode numbers, a piece at a time."""
    stream = io.BufferedReader(open_unpacked_bytes(content, name, Budget(DATA)), PIECE)
    file = io.TextIOWrapper(stream, encoding="utf-8-sig")  # a byte order mark is no letter
    while piece := file.read(LETTERS_AT_A_TIME):
        yield np.frombuffer(piece.encode("utf-32-le"), "<u4")


def cut_train_and_test_windows(token_ids, context_length, name, noun="letters"):
    """Return (training windows, test windows) of a text, (n, T + 1) each. The last tenth of the text is the test.

    A window begins at every T-th token, and its last token is the first of the next window. Windows are views: nothing
    is copied. Raises UserError if the text is too short for one window in each part.
    """
    n_train = len(token_ids) * (TESTS - 1) // TESTS
    if min(n_train, len(token_ids) - n_train) <= context_length:
        minimum = TESTS * context_length + 1
        needs = f"for texts of {context_length} {noun} it takes {minimum:,} or more"
        raise UserError(f"{name} has {len(token_ids):,} {noun}: {needs}")
    parts = np.split(token_ids, [n_train])
    return [np.lib.stride_tricks.sliding_window_view(part, context_length + 1)[::context_length] for part in parts]


# --- Images as texts --------------------------------------------------------------------------------------------------

# `python -m lab.words` makes it.
WORDS = Path(__file__).resolve().parent.parent / "datasets" / "mnist" / "words-idx3-ubyte"
WORDS_SHA256 = "b90fbd67325f450062a4704d3607844209263d6720dd7e32b928f6e22c908f3e"


@cache
def load_vocabulary():
    """Return the tokens that images of digits are made of: (V, 16) uint8, a patch of 4 x 4 pixels each. Token 0 is
    blank."""
    patches = parse_idx(find_or_fetch(WORDS, "", WORDS_SHA256))
    return patches.reshape(len(patches), -1)


def nearest_tokens(patches, vocabulary):
    """Return, for each of the patches (N, 16), the id of the nearest token in a vocabulary (V, 16): (N,) int64.

    |patch - token|^2 = |patch|^2 - patch . 2 token + |token|^2, and the first term is the same for all tokens. The
    others are whole numbers below 2^24, which float32 holds exactly: every machine finds the same tokens.
    """
    vocabulary = vocabulary.astype(np.float32)
    products = patches.astype(np.float32) @ (2 * vocabulary.T)  # (N, V)
    return ((vocabulary**2).sum(axis=1) - products).argmin(axis=1)


def encode_images(images):
    """Encode uint8 images (B, 28, 28) as token ids (B, 49) int64: for each patch, row by row, the nearest token."""
    batch = len(images)
    side = images.shape[1] // PATCH
    patches = images.reshape(batch, side, PATCH, side, PATCH).swapaxes(2, 3).reshape(-1, PATCH**2)  # (B 49, 16)
    token_ids = np.zeros(len(patches), np.int64)  # token 0 is blank, and so are three in five patches
    has_ink = patches.any(axis=1)
    token_ids[has_ink] = nearest_tokens(patches[has_ink], load_vocabulary())
    return token_ids.reshape(batch, -1)


def decode_images(token_ids):
    """The reverse: token ids (B, 49) -> images (B, 28, 28) uint8."""
    batch = len(token_ids)
    side = SIDE // PATCH
    patches = load_vocabulary()[token_ids].reshape(batch, side, side, PATCH, PATCH).swapaxes(2, 3)
    return patches.reshape(batch, SIDE, SIDE)
