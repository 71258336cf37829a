"""MNIST in: what is loaded, the batches that are drawn from it, and the input that is made of them."""

import numpy as np
import pytest

import data
from conftest import as_input, assert_one_line
from networks import parse_options
from support.download import SOURCES
from support.errors import UserError


def test_mnist_is_the_published_one(mnist):
    assert mnist.train_images.shape == (60000, 28, 28)
    assert mnist.test_images.shape == (10000, 28, 28)
    assert {a.dtype for a in mnist[:4]} == {np.dtype(np.uint8)}
    assert np.bincount(mnist.train_labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert mnist.test_labels[:6].tolist() == [7, 2, 1, 0, 4, 1]


def test_mean_and_deviation_are_those_of_the_training_set(mnist):
    counts = np.bincount(mnist.train_images[::7].ravel(), minlength=256)  # every seventh image will do
    values = np.arange(256) / 255
    mean = (counts * values).sum() / counts.sum()
    std = np.sqrt((counts * (values - mean) ** 2).sum() / counts.sum())
    assert mean == pytest.approx(SOURCES["mnist"].mean, abs=5e-4)
    assert std == pytest.approx(SOURCES["mnist"].std, abs=5e-4)


def test_hold_out_keeps_the_test_set_out_of_sight(mnist):
    held = data.load("mnist", 10000)
    assert (held.test_images == mnist.train_images[-10000:]).all()
    assert (held.test_labels == mnist.train_labels[-10000:]).all()
    assert len(held.train_images) == len(held.train_labels) == 50000


# --- Batches ---


def test_an_epoch_is_a_permutation_that_seed_and_epoch_decide():
    orders = {(s, e): tuple(data.stream(s, e).permutation(1000)) for s in (0, 1, 2**63) for e in (0, 1, 2)}
    assert len(set(orders.values())) == 9
    assert all(sorted(order) == list(range(1000)) for order in orders.values())
    assert orders[1, 2] == tuple(data.stream(1, 2).permutation(1000))


def options_of(batch_size, seed, augment="none"):
    return parse_options("np", "--batch-size", batch_size, "--seed", seed, "--augment", augment)


def training_set(images, labels):
    return data.Dataset(images, labels, None, None)


def test_batches_go_on_anywhere_as_if_never_stopped():
    images, labels = np.arange(103, dtype=np.uint8).reshape(-1, 1, 1), np.arange(103, dtype=np.uint8)
    whole = list(data.batches(training_set(images, labels), options_of(10, 4), 0, 35))
    assert len(whole) == 35
    for first in (0, 3, 10, 19, 34):
        assert_same(whole[first:], data.batches(training_set(images, labels), options_of(10, 4), first, 35))
    epochs = [np.concatenate([y for _, y in whole[first : first + 10]]).tolist() for first in (0, 10, 20)]
    assert [len(set(epoch)) for epoch in epochs] == [100] * 3
    assert epochs[0] != epochs[1] != epochs[2]
    assert all((x.ravel() == y).all() and y.dtype == np.int64 for x, y in whole)


def assert_same(batches, others):
    for (x, y), (x2, y2) in zip(batches, others, strict=True):
        assert (x == x2).all()
        assert (y == y2).all()


@pytest.mark.parametrize("augment", ["shift", "affine", "elastic", "gentle"])
def test_augmentation_is_a_function_of_seed_epoch_and_batch(mnist, augment):
    images, labels = mnist.train_images[:100], mnist.train_labels[:100]
    whole = list(data.batches(training_set(images, labels), options_of(20, 3, augment), 0, 12))
    for first in (0, 4, 5, 11):
        assert_same(whole[first:], data.batches(training_set(images, labels), options_of(20, 3, augment), first, 12))
    plain = list(data.batches(training_set(images, labels), options_of(20, 3), 0, 12))
    other = list(data.batches(training_set(images, labels), options_of(20, 4, augment), 0, 12))
    for (x, y), (x_plain, y_plain), (x_other, _) in zip(whole, plain, other, strict=True):
        assert x.dtype == np.uint8
        assert x.shape == x_plain.shape
        assert (y == y_plain).all()
        assert (x != x_plain).any()
        assert (x != x_other).any()


def test_what_is_drawn_ahead_stops_with_its_reader_and_raises_there():
    made = []

    def items():
        for i in range(100):
            made.append(i)
            if i == 7:
                raise ValueError("seven")
            yield i

    reader = data.ahead(items())
    assert [next(reader), next(reader)] == [0, 1]
    reader.close()
    assert len(made) <= 4
    with pytest.raises(ValueError, match="seven"):
        list(data.ahead(items()))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pixels(mnist, dtype):
    images = mnist.train_images[:2000]
    raw, unit, standardised = (as_input(images, p, dtype) for p in ("raw", "unit", "standardised"))
    assert raw.dtype == unit.dtype == standardised.dtype == dtype
    assert (raw == images).all()
    assert unit.min() == 0
    assert unit.max() == 1
    assert abs(standardised.mean()) < 0.03
    assert abs(standardised.std() - 1) < 0.03
    assert images.max() == 255  # untouched


def test_an_unknown_dataset_is_one_line(program):
    assert_one_line(program("main_np.py", "--dataset", "letters"), "--dataset", "letters")


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\x08", b"\0\0\x08\x03\0\0", b"\0\0\x08\x01\0\0\0\x05abcd", b"\0\0\x09\x01\0\0\0\x01a", b"\x1f\x8b"],
)
def test_idx_files_that_are_none(content):
    with pytest.raises(UserError):
        data.parse_idx(content)


def test_idx():
    assert data.parse_idx(b"\0\0\x08\x02\0\0\0\x02\0\0\0\x03abcdef").tolist() == [[97, 98, 99], [100, 101, 102]]
