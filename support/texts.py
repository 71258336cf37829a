"""Tokenizers: how an image, a name or a piece of a longer text becomes a row of token ids.

The parameter `source` is a `support.source.Source`, the dataset that the examples come from.
"""

import gzip
import io
import re
import zlib
from functools import cache
from pathlib import Path

import numpy as np

from support.budget import CHUNK_BYTES, MAX_DATASET_BYTES, Budget, open_unpacked_bytes
from support.download import find_or_fetch_bytes
from support.errors import UserError
from support.pictures import IMAGE_SIDE, parse_idx

# --- Tokenizers -------------------------------------------------------------------------------------------------------

LETTERS = "abcdefghijklmnopqrstuvwxyz"  # tokens 1 to 26 of a name
END_TOKEN = 0  # the token that ends a name, and fills the positions after it
IGNORED_TARGET = -1  # a target that the loss ignores: nothing is predicted after the end of a name
TEST_SPLIT_DIVISOR = 10  # one in ten names, or a tenth of a text, is for testing
PATCH_SIDE = 4  # pixels
CONTEXT_LENGTHS = {"images": (IMAGE_SIDE // PATCH_SIDE) ** 2, "names": 12, "texts": 64}  # tokens of a text, by default


class Tokenizer:
    """Converts a source's examples to token ids, and has the sizes that a language model needs.

    vocab_size: V, the number of tokens that a text can consist of. n_start_tokens: the number of further tokens, with
    the ids V, V + 1, ..., that only start a text. context_length: T, the number of tokens in a text.
    """

    n_start_tokens = 1

    def __init__(self, source):
        self.source = source
        self.context_length = source.context_length

    @property
    def sizes(self):
        """{argument of the network's class: value} for the three sizes. Raises UserError if there is no vocabulary."""
        return {
            "vocab_size": self.vocab_size,
            "n_start_tokens": self.n_start_tokens,
            "context_length": self.context_length,
        }

    def encode_inputs_and_targets(self, examples, labels=None):
        """Return (x, y) for a batch of examples: the inputs and the next tokens, both (B, T) int64.

        x is the start token and all tokens of the example except the last one; y is the tokens of the example. labels:
        the labels (B,) of images, or None.
        """
        y = self.tokens(examples)
        labels = np.zeros(len(y), np.int64) if labels is None else labels
        return np.concatenate([self.start_tokens(labels), y[:, :-1]], axis=1), y

    def start_tokens(self, labels):
        """Return the start tokens (B, 1) int64 of texts with these labels (B,); 0 for texts without labels."""
        return self.vocab_size + np.asarray(labels, np.int64)[:, np.newaxis]

    def describe_problem(self, prompt):
        """Return why a network that learned this source cannot continue a prompt, or "" if it can.

        The text continues a sentence that begins with the network's name. prompt: as the user typed it, or None.
        """
        can = prompt is None or self.fits_kind(prompt)
        return "" if can else f"writes {self.source.singular_noun}s, and {prompt!r} is not one"

    def fits_kind(self, prompt):
        """Return True if a prompt is of this kind: a digit, the letters of a name, or a text, which may be anything."""
        return re.fullmatch(self.pattern, prompt) is not None


class Digits(Tokenizer):
    """Images of digits: the label starts the text, and the patches of the image are its tokens."""

    pattern = "[0-9]{1,100}"

    @property
    def vocab_size(self):
        self.check_digits()
        return len(load_vocabulary())

    def check_digits(self):
        """Raise UserError if the images are not digits, because the vocabulary consists of patches of digits."""
        if self.source.singular_noun != "digit":
            learns = "a network that writes learns digits, names or a text"
            raise UserError(f"--dataset {self.source.name} has no tokens: {learns}")

    @property
    def n_start_tokens(self):
        return len(self.source.classes)

    def tokens(self, images):
        return encode_images(images)


class Names(Tokenizer):
    """Names (B, 12): the tokens are an end token and the letters a to z. One more token starts a name."""

    pattern = "[A-Za-z]{1,11}"
    vocab_size = 1 + len(LETTERS)

    def tokens(self, names):
        return names.astype(np.int64)

    def encode_inputs_and_targets(self, names, labels=None):
        """Return (x, y) as `Tokenizer.encode` does, but with y = -1 after the end of a name: the loss ignores these."""
        x, y = super().encode_inputs_and_targets(names, labels)
        return x, np.where(x == END_TOKEN, IGNORED_TARGET, y)


class Letters(Tokenizer):
    """Windows (B, T + 1) of a longer text. There are no start tokens.

    A token is a letter or, for a model from a GGUF file, a token of the model's `BytePairs`.
    """

    n_start_tokens = 0

    @property
    def vocab_size(self):
        return self.source.byte_pairs.size if self.source.byte_pairs else len(self.source.letters)

    def encode_inputs_and_targets(self, windows, labels=None):
        """Return (x, y), both (B, T) int64: all but the last token of each window, and all but the first."""
        token_ids = windows.astype(np.int64)
        return token_ids[:, :-1], token_ids[:, 1:]

    def fits_kind(self, prompt):
        return True

    def describe_problem(self, prompt):
        if prompt is None or self.source.cut_by:
            return ""
        unknown = sorted({*prompt} - {*self.source.letters})
        return f"has never seen {', '.join(map(repr, unknown))}" if unknown else ""


TOKENIZERS = {"images": Digits, "names": Names, "texts": Letters}


def default_prompt_id(source):
    """Return the token id to begin with if there is no prompt: the line feed's id, or 0 if the text has none."""
    return max(source.letters.find("\n"), 0)


# --- Names ------------------------------------------------------------------------------------------------------------


def parse_names_file(content):
    """Return [training names, zeros, test names, zeros], four arrays, from a gzipped list of names.

    The names are encoded as by `encode_names`, and a tenth are for testing. The list has the most frequent names first,
    so it is shuffled, with the same seed for every run. The zeros stand for labels; they remain because checkpoints
    identify the names by a hash that includes them.
    """
    names = gzip.decompress(content).decode().split()
    texts = encode_names(names)[np.random.default_rng(0).permutation(len(names))]
    labels = np.zeros(len(names), np.uint8)
    n = len(names) - len(names) // TEST_SPLIT_DIVISOR
    return [texts[:n], labels[:n], texts[n:], labels[n:]]


def encode_names(names):
    """Return N names of at most 11 letters a to z as token ids (N, 12) uint8: 1 for a, 2 for b, ..., 0 for the end."""
    texts = np.zeros((len(names), CONTEXT_LENGTHS["names"]), np.uint8)
    for text, name in zip(texts, names, strict=True):
        text[: len(name)] = [LETTERS.index(letter) + 1 for letter in name]
    return texts


def decode_names(token_ids):
    """Return the list of N names that token ids (N, T) stand for, the reverse of `encode_names`."""
    letters = np.array([0, *map(ord, LETTERS)], np.uint32)[np.asarray(token_ids)]
    return [name.partition("\0")[0] for name in letters.view(f"U{letters.shape[1]}")[:, 0].tolist()]


# --- A text on the disk -----------------------------------------------------------------------------------------------

CHUNK_LETTERS = 2**20
MAX_BATCH_LOGITS = 2**25  # in testing
MAX_LETTERS = 2**16


def parse_text_file(content, name, byte_pairs=None):
    """Return (token ids (N,), the sorted letters that occur) of a text in UTF-8, gzipped or not.

    content: the bytes of the file. A token is a letter; the ids are uint8, or uint16 if there are more than 256
    letters. Every line ends with a line feed, whatever system wrote the text. If byte_pairs is given, the
    `support.tokens.BytePairs` of a GGUF file, the tokens are those, as uint32, and the letters are "". Raises
    UserError if the bytes are not a text in UTF-8.
    """
    try:
        if byte_pairs:
            text = "".join(codes.tobytes().decode("utf-32-le") for codes in iter_unicode_arrays(content, name))
            return np.array(encode_with_byte_pairs(text, byte_pairs, name), np.uint32), ""
        occurs = np.zeros(0x110000, bool)
        length = 0
        for codes in iter_unicode_arrays(content, name):
            occurs[codes] = True
            length += len(codes)
    except (UnicodeDecodeError, EOFError, OSError, zlib.error):
        raise UserError(f"{name} is not a text in UTF-8: save it as plain text in UTF-8") from None
    letters = np.flatnonzero(occurs)
    if not 2 <= len(letters) <= MAX_LETTERS:
        raise UserError(f"{name} has {len(letters):,} different letters: a text has 2 to {MAX_LETTERS:,}")
    id_of_code = np.zeros(len(occurs), np.uint8 if len(letters) <= 256 else np.uint16)
    id_of_code[letters] = np.arange(len(letters))
    token_ids = np.empty(length, id_of_code.dtype)
    start = 0
    for codes in iter_unicode_arrays(content, name):
        token_ids[start : start + len(codes)] = id_of_code[codes]
        start += len(codes)
    return token_ids, "".join(map(chr, letters))


def encode_with_byte_pairs(text, byte_pairs, name):
    """Return the list of token ids of a text. byte_pairs: a `BytePairs`. Raises UserError if a byte has no token."""
    try:
        return byte_pairs.encode(text)
    except UserError as error:
        raise UserError(f"{name}: the file to start from {error}") from None


def iter_unicode_arrays(content, name):
    """Yield arrays of the Unicode code points of a text in UTF-8, a piece at a time. content: bytes, gzipped or not."""
    stream = io.BufferedReader(open_unpacked_bytes(content, name, Budget(MAX_DATASET_BYTES)), CHUNK_BYTES)
    file = io.TextIOWrapper(stream, encoding="utf-8-sig")  # skips a byte order mark
    while piece := file.read(CHUNK_LETTERS):
        yield np.frombuffer(piece.encode("utf-32-le"), "<u4")


def cut_windows(token_ids, context_length, name, noun="letters"):
    """Return [training windows, test windows] of a text, (n, T + 1) each. The last tenth of the text is for testing.

    T is `context_length`. A window begins at every T-th token, and its last token is the first of the next window. The
    windows are views, not copies. Raises UserError if one part of the text is too short for a window. name, noun: what
    the message calls the text and its tokens.
    """
    n_train = len(token_ids) * (TEST_SPLIT_DIVISOR - 1) // TEST_SPLIT_DIVISOR
    if min(n_train, len(token_ids) - n_train) <= context_length:
        minimum = TEST_SPLIT_DIVISOR * context_length + 1
        needs = f"for texts of {context_length} {noun} it takes {minimum:,} or more"
        raise UserError(f"{name} has {len(token_ids):,} {noun}: {needs}")
    parts = np.split(token_ids, [n_train])
    return [np.lib.stride_tricks.sliding_window_view(part, context_length + 1)[::context_length] for part in parts]


# --- Images as texts --------------------------------------------------------------------------------------------------

# The vocabulary, which `python -m lab.words` creates.
WORDS_FILE = Path(__file__).resolve().parent.parent / "datasets" / "mnist" / "words-idx3-ubyte"
WORDS_SHA256 = "b90fbd67325f450062a4704d3607844209263d6720dd7e32b928f6e22c908f3e"


@cache
def load_vocabulary():
    """Return the vocabulary for images of digits, (V, 16) uint8: patches of 4 x 4 pixels. Token 0 is blank."""
    patches = parse_idx(find_or_fetch_bytes(WORDS_FILE, "", WORDS_SHA256))
    return patches.reshape(len(patches), -1)


def nearest_tokens(patches, vocabulary):
    """Return the ids (N,) int64 of the tokens in a vocabulary (V, 16) that are nearest to the patches (N, 16).

    |patch - token|^2 = |patch|^2 - patch . 2 token + |token|^2, and the first term is the same for all tokens. The
    others are whole numbers below 2^24, which float32 represents exactly, so every machine finds the same tokens.
    """
    vocabulary = vocabulary.astype(np.float32)
    products = patches.astype(np.float32) @ (2 * vocabulary.T)  # (N, V)
    return ((vocabulary**2).sum(axis=1) - products).argmin(axis=1)


def encode_images(images):
    """Return images (B, 28, 28) uint8 as token ids (B, 49) int64: for each patch, row by row, the nearest token."""
    batch = len(images)
    side = images.shape[1] // PATCH_SIDE
    patches = images.reshape(batch, side, PATCH_SIDE, side, PATCH_SIDE).swapaxes(2, 3)
    patches = patches.reshape(-1, PATCH_SIDE**2)  # (B 49, 16)
    token_ids = np.zeros(len(patches), np.int64)  # token 0 is blank, and so are three in five patches
    has_ink = patches.any(axis=1)
    token_ids[has_ink] = nearest_tokens(patches[has_ink], load_vocabulary())
    return token_ids.reshape(batch, -1)


def decode_images(token_ids):
    """Return the images (B, 28, 28) uint8 that token ids (B, 49) stand for."""
    batch = len(token_ids)
    side = IMAGE_SIDE // PATCH_SIDE
    patches = load_vocabulary()[token_ids].reshape(batch, side, side, PATCH_SIDE, PATCH_SIDE).swapaxes(2, 3)
    return patches.reshape(batch, IMAGE_SIDE, IMAGE_SIDE)
