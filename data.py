"""Datasets and batches: images with labels, or sequences of tokens.

`load` returns `Images` or `Tokens`, and `batches` yields batches (x, y) of either:

    a network that reads images         x (B, 28, 28) pixels, as numbers    y (B,) the labels
    a network that generates tokens     x (B, T) token ids                  y (B, T) the next tokens, or -1 for none

A network that generates can learn from images, too: support/texts.py turns their patches into tokens. Images stay uint8
in memory (47 MB instead of 188). A batch becomes floating point when it is drawn. support/source.py reads the files.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from support.augment import AUGMENT
from support.errors import UserError
from support.pictures import DIGIT_CLASSES
from support.source import Sources, open_source

CLOTHES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
# The datasets that are bundled or downloaded once, each into a folder of its name, with the SHA-256 sum of each file.
# What can be computed from the examples is not listed here (see support/source.py). Users name their own data by path.
BUNDLED = {
    "mnist": {  # LeCun, Cortes & Burges 1998
        "of": "images",
        "classes": DIGIT_CLASSES,
        "sums": {
            "train-images-idx3-ubyte.gz": "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
            "train-labels-idx1-ubyte.gz": "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203",
            "t10k-images-idx3-ubyte.gz": "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be",
            "t10k-labels-idx1-ubyte.gz": "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
        },
    },
    "fashion_mnist": {  # Xiao, Rasul & Vollgraf 2017: ten kinds of clothing
        "of": "images",
        "classes": CLOTHES,
        "url": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "sums": {
            "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
    },
    "names": {  # the 40,000 most frequent surnames of the 1990 census of the United States
        "of": "names",
        "sums": {
            "surnames.txt.gz": "505687024f80ca2d1def2966d5453bd5b4142fbd5f8d3fc71686b067526b9162",
        },
    },
    "shakespeare": {  # 40,000 lines of his plays, as the repository karpathy/char-rnn has them
        "of": "texts",
        "sums": {
            "input.txt.gz": "bed00f18e91cda6838950656f0a95e07e0f4dbe8649a4b959f7602a7e53fbc6e",
        },
    },
}
SOURCES = Sources({name: open_source(name, **given) for name, given in BUNDLED.items()})


class Images(NamedTuple):
    """Images and their labels. The shapes in the comments are those of MNIST."""

    train_images: np.ndarray  # (60000, 28, 28) uint8, 0 is background
    train_labels: np.ndarray  # (60000,) uint8, 0 to 9
    test_images: np.ndarray  # (10000, 28, 28) uint8
    test_labels: np.ndarray  # (10000,) uint8

    @property
    def n_train(self):
        """The number of training examples."""
        return len(self.train_images)

    @property
    def n_test(self):
        return len(self.test_images)

    def get_train_examples_and_labels(self, indices):
        """Return (images, labels) of training examples: (B, 28, 28) uint8, (B,) int64. indices: an array or slice."""
        return self.train_images[indices], self.train_labels[indices].astype(np.int64)

    def get_test_examples_and_labels(self, indices):
        return self.test_images[indices], self.test_labels[indices].astype(np.int64)

    def mark_drawn(self, was_drawn, options, start, stop):
        """Set `was_drawn` (n_train,) bool to True for the examples in the batches of steps start, ..., stop - 1."""
        mark_drawn(was_drawn, options, start, stop)

    def compute_test_overlap_fraction(self):
        """Return the fraction of the test images that are also training images, from 0 to 1."""
        train_images = {image.tobytes() for image in self.train_images}
        return np.mean([image.tobytes() in train_images for image in self.test_images])


class Tokens(NamedTuple):
    """Sequences of token ids: names (N, 12), padded after their ends, or windows of a text (N, T + 1).

    It has the same methods as `Images`, with None in place of labels.
    """

    train_tokens: np.ndarray
    test_tokens: np.ndarray

    @property
    def n_train(self):
        return len(self.train_tokens)

    @property
    def n_test(self):
        return len(self.test_tokens)

    def get_train_examples_and_labels(self, indices):
        return self.train_tokens[indices], None

    def get_test_examples_and_labels(self, indices):
        return self.test_tokens[indices], None

    def mark_drawn(self, was_drawn, options, start, stop):
        mark_drawn(was_drawn, options, start, stop)

    def compute_test_overlap_fraction(self):
        return 0.0  # not searched for: the same name or line may well occur twice


def load(source="mnist", hold_out=0):
    """Load a dataset and return it as `Images` or `Tokens`. source: a `Source`, or a name or path as for --dataset.

    If `hold_out` is not 0, the last `hold_out` training examples replace the test set. Anything chosen by comparing
    results (a learning rate, a width) is chosen on these: a test set that helped to choose no longer tests anything.

    Raises UserError if the dataset cannot be loaded, or if `hold_out` leaves no training examples.
    """
    source = SOURCES[source] if isinstance(source, str) else source
    arrays = source.get_example_arrays()
    if hold_out >= len(arrays[0]):
        n_train = f"the {len(arrays[0])} training {source.noun}"
        raise UserError(f"--hold-out {hold_out} leaves none of {n_train} for training")
    if hold_out:
        train = arrays[: len(arrays) // 2]  # images and labels, or tokens; the other half is for testing
        arrays = [array[:-hold_out] for array in train] + [array[-hold_out:] for array in train]
    return source.pick_by_kind(images=Images, names=Tokens, texts=Tokens)(*arrays)


def batches(dataset, options, start, stop):
    """Yield (x, y) for the training batches of steps start, ..., stop - 1, as `encode` returns them.

    Each epoch visits the examples in an order of its own, which depends only on the options' seed and the epoch. The
    augmentation of a batch depends only on the seed, the epoch and the batch. So a run can stop after any step and
    continue as if it had never stopped. If the last few examples of an epoch do not fill a batch, they are skipped.
    """
    for examples, labels in iter_examples(dataset, options, start, stop):
        yield encode(examples, labels, options)


def iter_examples(dataset, options, start, stop):
    """Yield (examples, labels) for the training batches of steps start, ..., stop - 1, before `encode`.

    Images come as (B, 28, 28) uint8, augmented if the options say so, with labels (B,). Token sequences come as a row
    of token ids for each sequence, with None for the labels.
    """
    pairs = augment_batches(dataset, options, start, stop)
    return pairs if options.run.augment == "none" else prefetch(pairs)


def augment_batches(dataset, options, start, stop):
    """Yield (examples, labels) for the batches of steps start, ..., stop - 1, augmented as options.run.augment says."""
    for epoch, i, rows in iter_epoch_batch_and_indices(dataset.n_train, options, start, stop):
        examples, labels = dataset.get_train_examples_and_labels(rows)
        yield AUGMENT[options.run.augment](examples, make_rng(options.run.seed, epoch, i)), labels


def mark_drawn(was_drawn, options, start, stop):
    """Set `was_drawn` (n_train,) bool to True for the examples in the batches of steps start, ..., stop - 1."""
    for _, _, rows in iter_epoch_batch_and_indices(len(was_drawn), options, start, stop):
        was_drawn[rows] = True


def iter_epoch_batch_and_indices(n_examples, options, start, stop):
    """Yield (epoch, index of the batch in the epoch, indices (B,) of its examples) for steps start, ..., stop - 1."""
    batch_size = options.run.batch_size
    order = None
    for step in range(start, stop):
        epoch, i = divmod(step, n_examples // batch_size)
        if order is None or i == 0:
            order = make_rng(options.run.seed, epoch).permutation(n_examples)
        yield epoch, i, order[i * batch_size : (i + 1) * batch_size]


def make_rng(seed, *key):
    """Return a random generator that depends only on `seed` and `key`.

    Generators of different keys are independent of each other, and of the generator that draws the first weights.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def prefetch(batches):
    """Yield the items of the iterator `batches`. A thread prepares the next item while the current one is in use."""
    with ThreadPoolExecutor(1) as pool:
        try:
            future = pool.submit(next, batches, None)
        except RuntimeError:  # the system gives no more threads
            yield from batches
            return
        batch = future.result()
        while batch is not None:
            future = pool.submit(next, batches, None)
            yield batch
            batch = future.result()


def test_batches(dataset, options, max_size=200, part=0, n_parts=1):
    """Yield (x, y) for all test examples, at most `max_size` at a time, as `encode` returns them.

    Layers keep what they compute. For all test examples at once, that could fill the memory. If `n_parts` processes
    share the work, process number `part` (from 0) gets every `n_parts`-th batch, starting with batch `part`.
    """
    size = test_batch_size(dataset, options, max_size, n_parts)
    for i in range(part * size, dataset.n_test, n_parts * size):
        yield encode(*dataset.get_test_examples_and_labels(slice(i, i + size)), options)


def test_batch_size(dataset, options, max_size, n_parts):
    """Return the number of examples in a test batch, at most `max_size`.

    It is at most eight times --batch-size, because a user with little memory chooses small batches. It is also small
    enough that each of the `n_parts` processes gets a batch.
    """
    return min(max_size, options.source.max_test_batch_size, 8 * options.run.batch_size, dataset.n_test // n_parts)


def encode(examples, labels, options):
    """Return (x, y), the network's input (B, ...) and targets (B, ...) int64, for a batch from `iter_examples`."""
    if options.network.writes:
        return options.source.tokenizer.encode_inputs_and_targets(examples, labels)
    return scale_pixels(examples, options), labels


def scale_pixels(images, options):
    """Convert uint8 images (B, 28, 28) to a network's input, of the same shape and of type options.run.dtype.

    options.run.pixels is the range of the result: "raw" 0 to 255; "unit" 0 to 1; "standardised" with mean 0 and
    standard deviation 1 over the training set, so that the first layer sees numbers around zero (LeCun et al. 1998,
    Efficient BackProp).
    """
    x = images.astype(options.run.dtype)
    if options.run.pixels == "standardised":
        mean, std = options.source.mean_and_std
        x -= 255 * mean
        x /= 255 * std
    elif options.run.pixels == "unit":
        x /= 255
    return x
