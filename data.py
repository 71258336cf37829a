"""Load MNIST or names, draw batches, and turn them into a network's input: numbers for each pixel, or words.

Images stay uint8 in memory (47 MB instead of 188); a batch becomes floating point when it is drawn.
"""

import gzip
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from support.augment import AUGMENT
from support.download import find
from support.errors import UserError

ROOT = Path(__file__).resolve().parent
# MNIST's four files are in mnist/; Fashion-MNIST's are fetched once, into fashion_mnist/.
FILES = tuple(f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))
WORDS = "words-idx3-ubyte"  # beside them
PATCH = 4  # pixels along a word's side
DIGITS = tuple("0123456789")


class Source(NamedTuple):
    url: str  # of the folder that serves the files; "" if they are bundled
    sha256: tuple[str, ...]  # of each of FILES
    mean: float  # of all training pixels, 0 to 1
    std: float
    examples: int = 60_000  # training images
    words: str = ""  # the SHA-256 sum of WORDS, which `python -m lab.words` makes; "" if there are none
    classes: tuple[str, ...] = DIGITS  # what the labels 0, 1, ... are the numbers of

    of = "images"  # what it has for examples
    shape = (28, 28)  # of each
    prefix = ""  # of the names of a run's files
    end = None  # the word that ends a text: an image always has all its words

    @property
    def kind(self):
        """What its classes are called."""
        return "digit" if self.classes == DIGITS else "class"

    def called(self, label):
        """An image with that label in words: "a 4", "an 8", "an ankle boot"."""
        name = self.classes[label]
        return f"{'an' if name[0] in '8aeio' else 'a'} {name}"


class Names(NamedTuple):
    """A list of names, most frequent first: texts for a network that writes. Word 0 is the end, 1 to 26 the letters."""

    file: str  # in the folder of the dataset
    sha256: str
    examples: int  # training names

    of = "names"
    kind = "name"
    places = 12  # words of a text: at most 11 letters and an end. What follows the end is the end again
    shape = (places,)
    letters = "abcdefghijklmnopqrstuvwxyz"
    prefix = "names_"
    end = 0


SOURCES = {
    "mnist": Source(  # LeCun, Cortes & Burges 1998
        url="",
        sha256=(
            "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
            "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203",
            "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be",
            "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
        ),
        mean=0.1307,
        std=0.3081,
        words="b90fbd67325f450062a4704d3607844209263d6720dd7e32b928f6e22c908f3e",
    ),
    "fashion_mnist": Source(  # Xiao, Rasul & Vollgraf 2017: ten kinds of clothing
        url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        sha256=(
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
        mean=0.2860,
        std=0.3530,
        classes=("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
    ),
    "names": Names(  # the 40,000 most frequent surnames of the 1990 census of the United States
        file="surnames.txt.gz",
        sha256="505687024f80ca2d1def2966d5453bd5b4142fbd5f8d3fc71686b067526b9162",
        examples=36_000,
    ),
}


class Dataset(NamedTuple):
    """The comments are those of MNIST. Of names, an "image" is a text (12,) uint8 of words, and all labels are 0."""

    train_images: np.ndarray  # (60000, 28, 28) uint8, 0 is background
    train_labels: np.ndarray  # (60000,) uint8, 0 to 9
    test_images: np.ndarray  # (10000, 28, 28) uint8
    test_labels: np.ndarray  # (10000,) uint8

    def with_few_tests(self, number=200):
        """The same with the first test images alone, for a test that only has to be possible."""
        return self._replace(test_images=self.test_images[:number], test_labels=self.test_labels[:number])


def load(name="mnist", hold_out=0):
    """The `Dataset` of that name (a key of SOURCES); UserError if it cannot be obtained.

    With hold_out, the last `hold_out` training images stand in for the test set. Anything chosen by comparing
    results (a learning rate, a width) is chosen on these: a test set that helped to choose no longer tests anything.
    """
    read = {"images": read_images, "names": read_names}[SOURCES[name].of]
    arrays = read(name)
    if hold_out:
        images, labels = arrays[:2]
        arrays = [images[:-hold_out], labels[:-hold_out], images[-hold_out:], labels[-hold_out:]]
    return Dataset(*arrays)


def read_images(name):
    """The four arrays of a dataset of images."""
    source, arrays = SOURCES[name], []
    if len(source.classes) != len(DIGITS):
        raise UserError(f"--dataset {name} names {len(source.classes)} classes: the networks tell {len(DIGITS)} apart")
    for file, sha256 in zip(FILES, source.sha256, strict=True):
        content = find(ROOT / name / file, source.url and source.url + file, sha256)
        arrays.append(parse_idx(gzip.decompress(content)))
    return arrays


def read_names(name):
    """The four arrays of a dataset of names, of which a tenth is the test. The order of a list of names, most frequent
    first, says something about them: so a fixed seed shuffles it, the same way in every run."""
    source = SOURCES[name]
    names = gzip.decompress(find(ROOT / name / source.file, "", source.sha256)).decode().split()
    texts = texts_of(names)[np.random.default_rng(0).permutation(len(names))]
    labels = np.zeros(len(names), np.uint8)
    n = source.examples
    return [texts[:n], labels[:n], texts[n:], labels[n:]]


def parse_idx(content):
    """The array in an IDX file: 0, 0, type 8 (unsigned byte), number of axes, then each length, then the values."""
    axes = content[3]
    shape = np.frombuffer(content, ">u4", axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)  # a view: nothing was copied


def batches(dataset, options, first, last):
    """The training batches of steps first, ..., last - 1: images (B, 28, 28) uint8 and labels (B,) int64.

    options: of the run; batch_size, seed and augment count. Each epoch visits the examples in its own order, a function
    of (seed, epoch) alone; what augment does to a batch is a function of (seed, epoch, batch). So a run can stop after
    any step and continue as if it had never stopped. An epoch skips the last few examples of its order if they do not
    fill a batch.
    """
    drawn = draw(dataset.train_images, dataset.train_labels, options, first, last)
    return drawn if options.augment == "none" else ahead(drawn)


def draw(images, labels, options, first, last):
    batch_size, seed = options.batch_size, options.seed
    steps_per_epoch = len(images) // batch_size
    order = None
    for step in range(first, last):
        epoch, i = divmod(step, steps_per_epoch)
        if order is None or i == 0:
            order = stream(seed, epoch).permutation(len(images))
        chosen = order[i * batch_size : (i + 1) * batch_size]
        yield AUGMENT[options.augment](images[chosen], stream(seed, epoch, i)), labels[chosen].astype(np.int64)


def stream(seed, *key):
    """A random number generator for each key, independent of the others and of the one that draws the first weights."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def ahead(items):
    """The same items, each made by another thread while the one before it is in use."""
    with ThreadPoolExecutor(1) as other:
        try:
            coming = other.submit(next, items, None)
        except RuntimeError:  # the system gives no more threads
            yield from items
            return
        while (item := coming.result()) is not None:
            coming = other.submit(next, items, None)
            yield item


def test_batches(dataset, options, most=200, part=0, parts=1):
    """All test images in parts: images (B, 28, 28) uint8 and labels (B,) int64, where B is at most `most`.

    In parts, because layers keep what they compute: for all images at once, that may fill the memory.
    With several processes, number `part` of `parts` takes every `parts`-th batch, starting with batch `part`.
    """
    # Small training batches may be small because memory is short; and every process gets a batch.
    size = min(most, 8 * options.batch_size, len(dataset.test_images) // parts)
    for i in range(part * size, len(dataset.test_images), parts * size):
        yield dataset.test_images[i : i + size], dataset.test_labels[i : i + size].astype(np.int64)


def as_input(images, options):
    """uint8 images (B, 28, 28) as a network's input, of the same shape, as the options say (dataset, pixels, dtype).

    pixels: "raw" 0 to 255; "unit" 0 to 1; "standardised" with mean 0 and standard deviation 1 over the
    training set, so that the first layer sees numbers around zero (LeCun et al. 1998, Efficient BackProp).
    """
    x = images.astype(options.dtype)
    if options.pixels == "standardised":
        x -= 255 * SOURCES[options.dataset].mean
        x /= 255 * SOURCES[options.dataset].std
    elif options.pixels == "unit":
        x /= 255
    return x


# --- Texts ------------------------------------------------------------------------------------------------------------


def as_text(images, labels, options):
    """Images (B, 28, 28) and labels (B,) as a text and what comes next in it: x and y (B, 49) int64.

    x is the word of the digit, V + label, and the words of all patches but the last; y, the words of all patches. A
    name is a text already, y (B, 12): a word, V, starts it, and its letters follow.
    """
    y = words_of(images, options.dataset)
    return np.concatenate([first_words(labels, options.dataset), y[:, :-1]], axis=1), y


def first_words(labels, dataset="mnist"):
    """The words with which texts of these labels (B,) begin: (B, 1) int64. They come after the V words of a text."""
    return sizes(dataset)["words"] + np.asarray(labels, np.int64)[:, np.newaxis]


def sizes(dataset="mnist"):
    """What a network that writes has to know: V words to choose from, words that start a text, places in a text.

    UserError if the dataset has no words.
    """
    source = SOURCES[dataset]
    if source.of == "names":
        return {"words": 1 + len(source.letters), "starts": 1, "places": source.places}
    return {"words": len(vocabulary(dataset)), "starts": len(source.classes), "places": (28 // PATCH) ** 2}


def words_of(images, dataset="mnist"):
    """uint8 images (B, 28, 28) -> (B, 49) int64: for each patch, row by row, the number of the word nearest to it.

    Names (B, 12) consist of words.
    """
    if SOURCES[dataset].of == "names":
        return images.astype(np.int64)
    batch, side = len(images), images.shape[1] // PATCH
    patches = images.reshape(batch, side, PATCH, side, PATCH).swapaxes(2, 3).reshape(-1, PATCH**2)  # (B 49, 16)
    words = np.zeros(len(patches), np.int64)  # word 0 is blank, and so are three in five patches
    inked = patches.any(axis=1)
    words[inked] = nearest(patches[inked], vocabulary(dataset))
    return words.reshape(batch, -1)


# --- Names as texts


def texts_of(names):
    """Names of letters a to z, at most 11 of them -> (N, 12) uint8: 1 for a, 2 for b ..., and 0 for the end."""
    texts = np.zeros((len(names), Names.places), np.uint8)
    for text, name in zip(texts, names, strict=True):
        text[: len(name)] = [Names.letters.index(letter) + 1 for letter in name]
    return texts


def names_of(texts):
    """The reverse, for texts (N, T) of words: each name ends before its first 0."""
    ends = [[*text, Names.end].index(Names.end) for text in np.asarray(texts).tolist()]
    return ["".join(Names.letters[word - 1] for word in text[:n]) for text, n in zip(texts, ends, strict=True)]


# --- Images as texts


@cache
def vocabulary(dataset="mnist"):
    """The words of which texts are made: (V, 16) uint8, a small picture of 4 x 4 pixels each. Word 0 is blank.

    UserError if the dataset has none.
    """
    sha256 = SOURCES[dataset].words
    if not sha256:
        raise UserError(f"--dataset {dataset} has no words yet: a network that writes learns from mnist or names")
    words = parse_idx(find(ROOT / dataset / WORDS, "", sha256))
    return words.reshape(len(words), -1)


def nearest(patches, words):
    """For each of the patches (N, 16) the number of the word, of (V, 16), that is nearest to it: (N,) int64.

    |patch - word|^2 = |patch|^2 - patch . 2 word + |word|^2, of which the first term is the same for all words. The
    others are whole numbers below 2^24, which float32 holds exactly: the same words on every machine.
    """
    words = words.astype(np.float32)
    return ((words**2).sum(axis=1) - patches.astype(np.float32) @ (2 * words.T)).argmin(axis=1)


def images_of(words, dataset="mnist"):
    """The reverse: words (B, 49) -> images (B, 28, 28) uint8."""
    batch, side = len(words), 28 // PATCH
    squares = vocabulary(dataset)[words].reshape(batch, side, side, PATCH, PATCH).swapaxes(2, 3)
    return squares.reshape(batch, 28, 28)
