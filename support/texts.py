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

# --- What all texts have in common ------------------------------------------------------------------------------------

PATCH = 4  # pixels along a word's side
PLACES = {"images": (SIDE // PATCH) ** 2, "names": 12, "texts": 64}  # words of a text, at first


def as_text(images, labels, options):
    """Examples and labels (B,) as a text and what comes next in it: x and y (B, T) int64.

    Of images (B, 28, 28), x is the word of the digit, V + label, and the words of all patches but the last; y, the
    words of all patches. A name is a text already, y (B, 12): a word, V, starts it, and its letters follow. Of letters
    in a longer text, (B, T + 1), x is all but the last, and y all but the first.
    """
    source = options.source
    if source.of == "texts":
        words = images.astype(np.int64)
        return words[:, :-1], words[:, 1:]
    y = words_of(images, source)
    return np.concatenate([first_words(labels, source), y[:, :-1]], axis=1), y


def refusal(source, text):
    """Why a network that learned from this source cannot write or go on from a text, in words that follow its name; ""
    if it can. text: as somebody types it, or None, which is to say nothing."""
    if text is None:
        return ""
    if source.of == "texts":
        if source.cut_by:
            return ""
        unknown = sorted({*text} - {*source.letters})
        return f"has never seen {', '.join(map(repr, unknown))}" if unknown else ""
    can = re.fullmatch("[0-9]{1,100}" if source.of == "images" else "[A-Za-z]{1,11}", text)
    return "" if can else f"writes {source.kind}s, and {text!r} is none"


def beginning(source):
    """The letter of a text after which a network begins if it is asked for nothing: the end of a line, where there is
    one."""
    return max(source.letters.find("\n"), 0)


def first_words(labels, source):
    """The words with which texts of these labels (B,) begin: (B, 1) int64. They come after the V words of a text."""
    return sizes(source)["words"] + np.asarray(labels, np.int64)[:, np.newaxis]


def sizes(source):
    """What a network that writes has to know: V words to choose from, words that start a text, places in a text.

    UserError if there are no words for what the images show.
    """
    if source.of == "texts":
        number = source.words.size if source.words else len(source.letters)
        return {"words": number, "starts": 0, "places": source.places}
    if source.of == "names":
        return {"words": 1 + len(LETTERS), "starts": 1, "places": source.places}
    if source.kind != "digit":
        raise UserError(f"--dataset {source.name} has no words: a network that writes learns digits, names or a text")
    return {"words": len(vocabulary()), "starts": len(source.classes), "places": source.places}


def words_of(images, source):
    """uint8 images (B, 28, 28) -> (B, 49) int64: for each patch, row by row, the number of the word nearest to it.

    Names (B, 12) consist of words.
    """
    if source.of == "names":
        return images.astype(np.int64)
    batch, side = len(images), images.shape[1] // PATCH
    patches = images.reshape(batch, side, PATCH, side, PATCH).swapaxes(2, 3).reshape(-1, PATCH**2)  # (B 49, 16)
    words = np.zeros(len(patches), np.int64)  # word 0 is blank, and so are three in five patches
    inked = patches.any(axis=1)
    words[inked] = nearest(patches[inked], vocabulary())
    return words.reshape(batch, -1)


# --- Names ------------------------------------------------------------------------------------------------------------

LETTERS = "abcdefghijklmnopqrstuvwxyz"  # words 1 to 26
END = 0  # the word that ends a name, and fills the places after it
TESTS = 10  # one name in so many is for the test


def read_names(content):
    """{"arrays": training names and labels, test names and labels} of a list of names, gzipped, a tenth for the test.

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
    """The arrays of a text of words (N,), of which the last tenth is the test: windows (n, T + 1), and labels, all 0.

    A window begins at every T-th word, and its last word is the next one's first. They are views: nothing is copied.
    UserError if there is not one window in each part.
    """
    cut = len(words) * (TESTS - 1) // TESTS
    if min(cut, len(words) - cut) <= places:
        least = TESTS * places + 1
        raise UserError(f"{name} has {len(words):,} {what}: for texts of {places} {what} it takes {least:,} or more")
    parts = [np.lib.stride_tricks.sliding_window_view(part, places + 1)[::places] for part in np.split(words, [cut])]
    return [array for part in parts for array in (part, np.zeros(len(part), np.uint8))]


# --- Images as texts --------------------------------------------------------------------------------------------------

WORDS = Path(__file__).resolve().parent.parent / "mnist" / "words-idx3-ubyte"  # `python -m lab.words` makes it
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


def images_of(words):
    """The reverse: words (B, 49) -> images (B, 28, 28) uint8."""
    batch, side = len(words), SIDE // PATCH
    squares = vocabulary()[words].reshape(batch, side, side, PATCH, PATCH).swapaxes(2, 3)
    return squares.reshape(batch, SIDE, SIDE)
