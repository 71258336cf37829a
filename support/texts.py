"""Texts for a network that writes: how an image, a name or a piece of a longer text becomes a row of words.

source: a `support.source.Source`, which says what kind of text it is.
"""

import gzip
import io
import re
import zlib
from functools import cache
from pathlib import Path

import numpy as np

from support.budget import DATA, PIECE, Budget, unpacked
from support.download import find
from support.errors import UserError
from support.pictures import SIDE, parse_idx

# --- Tokenizers -------------------------------------------------------------------------------------------------------

PATCH = 4  # pixels along a word's side
PLACES = {"images": (SIDE // PATCH) ** 2, "names": 12, "texts": 64}  # words of a text, at first


class Tokenizer:
    """How examples of a source become texts of words, and what a network that writes has to know of these.

    words: V, how many there are to choose from. starts: how many more there are that start a text; they come after the
    V words. places: T, the words of a text.
    """

    starts = 1

    def __init__(self, source):
        self.source, self.places = source, source.places

    @property
    def sizes(self):
        """{argument of the network's class: value}. UserError if there are no words for what is learned."""
        return {"words": self.words, "starts": self.starts, "places": self.places}

    def encode(self, examples, labels=None):
        """Examples, and labels (B,) of images, as words and the next of each: x and y (B, T) int64.

        x is the word that starts a text, and the words of the example but for the last; y, the words of the example.
        """
        y = self.tokens(examples)
        labels = np.zeros(len(y), np.int64) if labels is None else labels
        return np.concatenate([self.first(labels), y[:, :-1]], axis=1), y

    def first(self, labels):
        """The words with which texts of these labels (B,) begin: (B, 1) int64."""
        return self.words + np.asarray(labels, np.int64)[:, np.newaxis]

    def refusal(self, text):
        """Why a network that learned this cannot write or go on from a text, in words that follow its name; "" if it
        can. text: as somebody types it, or None, which is to say nothing."""
        can = text is None or self.suits(text)
        return "" if can else f"writes {self.source.kind}s, and {text!r} is none"

    def suits(self, text):
        """Whether somebody who types that text means a network that learned such examples."""
        return re.fullmatch(self.typed, text) is not None


class Digits(Tokenizer):
    """Images of digits: the digit that is asked for starts the text, and the patches of the image are its words."""

    typed = "[0-9]{1,100}"

    @property
    def words(self):
        self.check_words()
        return len(vocabulary())

    def check_words(self):
        """UserError if there are no words for what the images show."""
        if self.source.kind != "digit":
            learns = "a network that writes learns digits, names or a text"
            raise UserError(f"--dataset {self.source.name} has no words: {learns}")

    @property
    def starts(self):
        return len(self.source.classes)

    def tokens(self, images):
        return words_of(images)


class Names(Tokenizer):
    """Names (B, 12): the end and the letters a to z are its words, and one word more starts a name."""

    typed = "[A-Za-z]{1,11}"
    words = property(lambda self: 1 + len(LETTERS))

    def tokens(self, names):
        return names.astype(np.int64)

    def encode(self, names, labels=None):
        """As for all, but after an end there is nothing to say: y is -1 there."""
        x, y = super().encode(names, labels)
        return x, np.where(x == END, IGNORED, y)


class Letters(Tokenizer):
    """Windows (B, T + 1) of a longer text: no word starts it, and each letter, or word of a model's file, is one."""

    starts = 0

    @property
    def words(self):
        return self.source.words.size if self.source.words else len(self.source.letters)

    def encode(self, windows, labels=None):
        """x is all but the last word of a window, and y all but the first."""
        words = windows.astype(np.int64)
        return words[:, :-1], words[:, 1:]

    def suits(self, text):
        return True  # a text goes on from anything

    def refusal(self, text):
        if text is None or self.source.cut_by:
            return ""
        unknown = sorted({*text} - {*self.source.letters})
        return f"has never seen {', '.join(map(repr, unknown))}" if unknown else ""


TOKENIZERS = {"images": Digits, "names": Names, "texts": Letters}


def beginning(source):
    """The letter of a text after which a network begins if it is asked for nothing: the end of a line, where there is
    one."""
    return max(source.letters.find("\n"), 0)


# --- Names ------------------------------------------------------------------------------------------------------------

LETTERS = "abcdefghijklmnopqrstuvwxyz"  # words 1 to 26
END = 0  # the word that ends a name, and fills the places after it
IGNORED = -1  # a target that no loss counts: nothing is asked after the end of a name
TESTS = 10  # one name in so many is for the test


def read_names(content):
    """{"arrays": [names to learn from, zeros, names to test with, zeros]} of a list of names, gzipped, a tenth for the
    test. The zeros are for the sum by which checkpoints know the names.

    The order of such a list, most frequent first, says something about the names: so a fixed seed shuffles it, the same
    way in every run.
    """
    names = gzip.decompress(content).decode().split()
    texts = texts_of(names)[np.random.default_rng(0).permutation(len(names))]
    labels, n = np.zeros(len(names), np.uint8), len(names) - len(names) // TESTS
    return {"arrays": [texts[:n], labels[:n], texts[n:], labels[n:]]}


def texts_of(names):
    """Names of letters a to z, at most 11 of them -> (N, 12) uint8: 1 for a, 2 for b ..., and 0 for the end."""
    texts = np.zeros((len(names), PLACES["names"]), np.uint8)
    for text, name in zip(texts, names, strict=True):
        text[: len(name)] = [LETTERS.index(letter) + 1 for letter in name]
    return texts


def names_of(texts):
    """The reverse, for texts (N, T) of words: each name ends before its first 0."""
    letters = np.array([0, *map(ord, LETTERS)], np.uint32)[np.asarray(texts)]
    return [name.partition("\0")[0] for name in letters.view(f"U{letters.shape[1]}")[:, 0].tolist()]


# --- A text on the disk -----------------------------------------------------------------------------------------------

LETTERS_AT_A_TIME = 2**20
LOGITS = 2**25  # numbers, at most, that a network says at once in a test
MOST_LETTERS = 2**16


def read_text(content, name, words=None):
    """{"arrays": [words (N,)], "letters": those that occur, sorted} of a text in UTF-8, gzipped or not.

    A word is the number of a letter: uint8, or uint16 if there are more than 256. A line ends with a line feed,
    whatever the system that wrote it. UserError if the bytes are no such text.

    words: the `support.tokens.BytePairs` of a model's file, whose words take the place of letters: uint32.
    """
    try:
        if words:
            text = "".join(codes.tobytes().decode("utf-32-le") for codes in decoded(content, name))
            return {"arrays": [np.array(words_in(text, words, name), np.uint32)]}
        seen, length = np.zeros(0x110000, bool), 0
        for codes in decoded(content, name):
            seen[codes] = True
            length += len(codes)
    except (UnicodeDecodeError, EOFError, OSError, zlib.error):
        raise UserError(f"{name} is no text: its bytes are not UTF-8. Save it as plain text in UTF-8") from None
    letters = np.flatnonzero(seen)
    if not 2 <= len(letters) <= MOST_LETTERS:
        raise UserError(f"{name} has {len(letters):,} different letters: a text has 2 to {MOST_LETTERS:,}")
    number = np.zeros(len(seen), np.uint8 if len(letters) <= 256 else np.uint16)
    number[letters] = np.arange(len(letters))
    words, start = np.empty(length, number.dtype), 0
    for codes in decoded(content, name):
        words[start : start + len(codes)] = number[codes]
        start += len(codes)
    return {"arrays": [words], "letters": "".join(map(chr, letters))}


def words_in(text, words, name):
    """The words of a model's file that a text is made of. UserError if it has none for one of its bytes."""
    try:
        return words.encode(text)
    except UserError as error:
        raise UserError(f"{name}: the file to start from {error}") from None


def decoded(content, name):
    """The letters of a text in UTF-8, gzipped or not, as arrays of their numbers in Unicode, a piece at a time."""
    opened = io.BufferedReader(unpacked(content, name, Budget(DATA)), PIECE)
    file = io.TextIOWrapper(opened, encoding="utf-8-sig")  # a mark at the beginning is no letter
    while piece := file.read(LETTERS_AT_A_TIME):
        yield np.frombuffer(piece.encode("utf-32-le"), "<u4")


def windows(words, places, name, what="letters"):
    """The two arrays of a text of words (N,), of which the last tenth is the test: windows (n, T + 1).

    A window begins at every T-th word, and its last word is the next one's first. They are views: nothing is copied.
    UserError if there is not one window in each part.
    """
    cut = len(words) * (TESTS - 1) // TESTS
    if min(cut, len(words) - cut) <= places:
        least = TESTS * places + 1
        raise UserError(f"{name} has {len(words):,} {what}: for texts of {places} {what} it takes {least:,} or more")
    return [np.lib.stride_tricks.sliding_window_view(part, places + 1)[::places] for part in np.split(words, [cut])]


# --- Images as texts --------------------------------------------------------------------------------------------------

# `python -m lab.words` makes it.
WORDS = Path(__file__).resolve().parent.parent / "datasets" / "mnist" / "words-idx3-ubyte"
WORDS_SHA256 = "b90fbd67325f450062a4704d3607844209263d6720dd7e32b928f6e22c908f3e"


@cache
def vocabulary():
    """The words of which images of digits are made: (V, 16) uint8, a small picture of 4 x 4 pixels each. Word 0 is
    blank."""
    words = parse_idx(find(WORDS, "", WORDS_SHA256))
    return words.reshape(len(words), -1)


def nearest(patches, words):
    """For each of the patches (N, 16) the number of the word, of (V, 16), that is nearest to it: (N,) int64.

    |patch - word|^2 = |patch|^2 - patch . 2 word + |word|^2, of which the first term is the same for all words. The
    others are whole numbers below 2^24, which float32 holds exactly: the same words on every machine.
    """
    words = words.astype(np.float32)
    return ((words**2).sum(axis=1) - patches.astype(np.float32) @ (2 * words.T)).argmin(axis=1)


def words_of(images):
    """uint8 images (B, 28, 28) -> (B, 49) int64: for each patch, row by row, the number of the word nearest to it."""
    batch, side = len(images), images.shape[1] // PATCH
    patches = images.reshape(batch, side, PATCH, side, PATCH).swapaxes(2, 3).reshape(-1, PATCH**2)  # (B 49, 16)
    words = np.zeros(len(patches), np.int64)  # word 0 is blank, and so are three in five patches
    inked = patches.any(axis=1)
    words[inked] = nearest(patches[inked], vocabulary())
    return words.reshape(batch, -1)


def images_of(words):
    """The reverse: words (B, 49) -> images (B, 28, 28) uint8."""
    batch, side = len(words), SIDE // PATCH
    squares = vocabulary()[words].reshape(batch, side, side, PATCH, PATCH).swapaxes(2, 3)
    return squares.reshape(batch, SIDE, SIDE)
