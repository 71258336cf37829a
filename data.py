"""Load MNIST, draw batches from it, and turn them into a network's input.

Images stay uint8 in memory (47 MB instead of 188); a batch becomes floating point when it is drawn.
"""

import gzip
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from support.augment import AUGMENT
from support.download import FILES, SOURCES, find


class Dataset(NamedTuple):
    train_images: np.ndarray  # (60000, 28, 28) uint8, 0 is background
    train_labels: np.ndarray  # (60000,) uint8, 0 to 9
    test_images: np.ndarray  # (10000, 28, 28) uint8
    test_labels: np.ndarray  # (10000,) uint8


def load(name="mnist", hold_out=0):
    """The `Dataset` of that name (a key of SOURCES); UserError if it cannot be obtained.

    With hold_out, the last `hold_out` training images stand in for the test set. Anything chosen by comparing
    results (a learning rate, a width) is chosen on these: a test set that helped to choose no longer tests anything.
    """
    source = SOURCES[name]
    arrays = [
        parse_idx(gzip.decompress(find(name, file, sums))) for file, sums in zip(FILES, source.sha256, strict=True)
    ]
    if hold_out:
        images, labels = arrays[:2]
        arrays = [images[:-hold_out], labels[:-hold_out], images[-hold_out:], labels[-hold_out:]]
    return Dataset(*arrays)


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
        coming = other.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = other.submit(next, items, None)
            yield item


def test_batches(dataset, size=200, share=0, shares=1):
    """All test images in parts: images (B, 28, 28) uint8 and labels (B,) int64, where B is at most `size`.

    In parts, because layers keep what they compute: for all images at once, that may fill the memory.
    With several processes, number `share` of them takes every `shares`-th part, starting with part `share`.
    """
    size = min(size, len(dataset.test_images) // shares)  # so that every process gets a part
    for i in range(share * size, len(dataset.test_images), shares * size):
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
