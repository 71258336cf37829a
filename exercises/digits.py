"""A small data set for short programs: the first 4,000 training images and 2,000 test images of MNIST."""

from functools import cache

import numpy as np

import data
from marker import ROOT

TRAINING = 4000  # number of training images
TEST = 2000
FILE = ROOT / "images.npz"  # exists only on the site, which has no other images


@cache
def few_images():
    """Return (training images, labels, test images, labels). Images are (N, 28, 28) uint8, labels (N,) int64."""
    if FILE.exists():
        with np.load(FILE) as arrays:
            return tuple(arrays.values())
    digits = data.load("mnist")
    train = digits.train_images[:TRAINING], digits.train_labels[:TRAINING].astype(np.int64)
    return *train, digits.test_images[:TEST], digits.test_labels[:TEST].astype(np.int64)


def few_digits():
    """Return (training inputs, labels, test inputs, labels).

    Inputs are (N, 784) float32, standardised with the mean and standard deviation of the training images. Labels are
    (N,).
    """
    images, y, test_images, y_test = few_images()
    mean = images.mean()
    std = images.std()
    x, x_test = (((array - mean) / std).astype(np.float32).reshape(-1, 784) for array in (images, test_images))
    return x, y, x_test, y_test
