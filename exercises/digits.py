"""A small data set for short programs: the first 4,000 training images and 2,000 test images of MNIST."""

from functools import cache

import numpy as np

import data
from marker import ROOT

N_TRAIN = 4000
N_TEST = 2000
IMAGES_FILE = ROOT / "images.npz"  # exists only on the site, which has no other images


@cache
def few_images():
    """Return (training images, labels, test images, labels). Images are (N, 28, 28) uint8, labels (N,) int64."""
    if IMAGES_FILE.exists():
        with np.load(IMAGES_FILE) as arrays:
            return tuple(arrays.values())
    digits = data.load("mnist")
    train = digits.train_images[:N_TRAIN], digits.train_labels[:N_TRAIN].astype(np.int64)
    return *train, digits.test_images[:N_TEST], digits.test_labels[:N_TEST].astype(np.int64)


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
