"""A little data for short programs: the first 4,000 training and 2,000 test images of MNIST."""

from functools import cache

import numpy as np

import data
from marker import ROOT

TRAINING = 4000  # images to learn from
TEST = 2000
FILE = ROOT / "images.npz"  # where the site has them, which has no more images than these


@cache
def few_images():
    """Return images (N, 28, 28) uint8 and labels (N,): for training and for testing."""
    if FILE.exists():
        with np.load(FILE) as arrays:
            return tuple(arrays.values())
    digits = data.load("mnist")
    train = digits.train_images[:TRAINING], digits.train_labels[:TRAINING].astype(np.int64)
    return *train, digits.test_images[:TEST], digits.test_labels[:TEST].astype(np.int64)


def few_digits():
    """Return inputs x (N, 784), float32, with mean 0 and standard deviation 1, and labels y (N,): for training and
    testing."""
    images, y, test_images, y_test = few_images()
    mean = images.mean()
    std = images.std()
    x, x_test = (((array - mean) / std).astype(np.float32).reshape(-1, 784) for array in (images, test_images))
    return x, y, x_test, y_test
