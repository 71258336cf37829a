"""MNIST in: what is loaded, the batches that are drawn from it, and the input that is made of them."""

from types import SimpleNamespace

import numpy as np
import pytest

import data
from conftest import as_input
from loading.options import parse_options
from support.errors import UserError


def test_hold_out_keeps_the_test_set_out_of_sight(mnist):
    held = data.load("mnist", 10000)
    assert (held.test_images == mnist.train_images[-10000:]).all()
    assert (held.test_labels == mnist.train_labels[-10000:]).all()
    assert len(held.train_images) == len(held.train_labels) == 50000
    with pytest.raises(UserError, match=r"^--hold-out 60000 leaves none of the 60000 training images for training$"):
        data.load("mnist", 60000)


def test_images_and_tokens_have_one_interface(mnist):
    """What a program asks of one, it may ask of the other."""
    names, play = data.load("names"), data.load("shakespeare")
    images, tokens = ({*dir(kind)} - {*kind._fields} for kind in (data.Images, data.Tokens))
    assert images == tokens
    for dataset in (mnist, names, play):
        examples, labels = dataset.get_train_examples_and_labels(np.arange(3))
        assert len(examples) == 3 and (labels is None) == (dataset is not mnist)


# --- Batches ---


def drawn(images, labels, first, *options):
    dataset = data.Images(images, labels, None, None)
    return list(data.iter_examples(dataset, parse_options("np", "--batch-size", 10, *options), first, 35))


def test_an_epoch_has_every_example_but_for_the_last_few():
    images, labels = np.arange(103, dtype=np.uint8).reshape(-1, 1, 1), np.arange(103, dtype=np.uint8)
    whole = drawn(images, labels, 0)
    assert all((x.ravel() == y).all() and y.dtype == np.int64 for x, y in whole)
    epochs = [np.concatenate([y for _, y in whole[first : first + 10]]).tolist() for first in (0, 10, 20)]
    assert [len(set(epoch)) for epoch in epochs] == [100] * 3
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


@pytest.mark.parametrize("augment", ["none", "shift", "affine", "elastic", "gentle"])
def test_batches_go_on_anywhere_as_if_never_stopped(mnist, augment):
    images, labels = mnist.train_images[:103], mnist.train_labels[:103]
    whole = drawn(images, labels, 0, "--augment", augment)
    for first in (0, 3, 10, 19, 34):
        np.testing.assert_equal(whole[first:], drawn(images, labels, first, "--augment", augment))
    plain, other = drawn(images, labels, 0), drawn(images, labels, 0, "--augment", augment, "--seed", 4)
    for (x, y), (x_plain, y_plain), (x_other, _) in zip(whole, plain, other, strict=True):
        assert x.dtype == np.uint8 and x.shape == x_plain.shape
        assert (y == y_plain).all() and (x != x_other).any()
        assert (x != x_plain).any() == (augment != "none")


def test_what_augments_a_batch_is_drawn_for_it_alone(mnist):
    same = np.repeat(mnist.train_images[:1], 100, axis=0)
    batches = [x.tobytes() for x, _ in drawn(same, mnist.train_labels[:100], 0, "--augment", "shift")]
    assert len(set(batches)) == len(batches)


def test_what_is_drawn_ahead_stops_with_its_reader_and_raises_there():
    made = []

    def items():
        for i in range(100):
            made.append(i)
            if i == 7:
                raise ValueError("seven")
            yield i

    reader = data.prefetch(items())
    assert [next(reader), next(reader)] == [0, 1]
    reader.close()
    assert len(made) <= 4
    with pytest.raises(ValueError, match="seven"):
        list(data.prefetch(items()))


@pytest.mark.parametrize(("batch_size", "parts"), [(128, [200, 200, 34]), (25, [200, 200, 34]), (3, [24] * 18 + [2])])
def test_all_images_are_tested_in_parts_that_follow_from_the_batch(mnist, batch_size, parts):
    few = mnist._replace(test_images=mnist.test_images[:434], test_labels=mnist.test_labels[:434])
    found = list(data.test_batches(few, parse_options("np", "--batch-size", batch_size)))
    assert [len(x) for x, _ in found] == parts
    assert (np.concatenate([y for _, y in found]) == few.test_labels).all()


def test_of_several_processes_each_has_a_batch_to_test():
    few, options = data.Images(None, None, np.arange(10), np.arange(10)), parse_options("np")
    for parts in range(1, 11):
        each = [[y for _, y in data.test_batches(few, options, part=part, n_parts=parts)] for part in range(parts)]
        assert all(each) and sorted(np.concatenate([y for batches in each for y in batches])) == [*range(10)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pixels(mnist, dtype):
    images = mnist.train_images[:2000]
    raw, unit, standardised = (as_input(images, p, dtype) for p in ("raw", "unit", "standardised"))
    assert raw.dtype == unit.dtype == standardised.dtype == dtype
    assert (raw == images).all() and images.max() == 255  # untouched
    assert (unit.min(), unit.max()) == (0, 1)
    assert (standardised.mean(), standardised.std()) == pytest.approx((0, 1), abs=0.03)
    assert (standardised.min(), standardised.max()) == pytest.approx((-0.1307 / 0.3081, 0.8693 / 0.3081), rel=1e-3)


def test_the_examples_of_the_batches_are_counted_by_their_index(small, monkeypatch):
    """An epoch draws each once. A fault in the drawing shows, however many steps there are."""
    options = parse_options("np", "--batch-size", 60)

    def different(steps):
        small.mark_drawn(drawn := np.zeros(600, bool), options, 0, steps)
        return drawn.sum()

    assert [different(steps) for steps in (0, 1, 9, 10, 25)] == [0, 60, 540, 600, 600]
    right = data.make_rng
    monkeypatch.setattr(
        data, "make_rng", lambda *key: SimpleNamespace(permutation=lambda n: right(*key).permutation(90))
    )
    assert different(25) <= 90


def test_a_batch_of_the_test_is_small_where_training_batches_are_and_each_process_gets_one(mnist):
    few = mnist._replace(test_images=mnist.test_images[:1000], test_labels=mnist.test_labels[:1000])
    for batch_size, most, parts, expected in ((128, 200, 1, 200), (10, 200, 1, 80), (128, 600, 2, 500), (4, 9, 3, 9)):
        options = parse_options("np", "--batch-size", str(batch_size))
        batches = [len(y) for _, y in data.test_batches(few, options, most, part=0, n_parts=parts)]
        assert batches[0] == expected, (batch_size, most, parts)
        every = [len(y) for part in range(parts) for _, y in data.test_batches(few, options, most, part, parts)]
        assert sum(every) == 1000
