"""MNIST in: what is loaded, the batches that are drawn from it, and the input that is made of them."""

import numpy as np
import pytest

import data
from conftest import as_input
from lab.words import IMAGES, WORDS, as_file, find_words
from networks import parse_options
from support.errors import UserError


@pytest.mark.parametrize(
    "name", [name for name, source in data.SOURCES.items() if source.of == "images" and not source.url]
)
def test_what_is_said_of_the_training_set_is_so(name):
    source, dataset = data.SOURCES[name], data.load(name)
    assert len(dataset.train_images) == source.examples and dataset.train_labels.max() + 1 == len(source.classes)
    pixels = dataset.train_images[::7] / 255  # every seventh image will do
    assert (pixels.mean(), pixels.std()) == pytest.approx((source.mean, source.std), abs=5e-4)


def test_a_dataset_of_two_classes_is_refused_before_anything_learns_from_it(monkeypatch):
    monkeypatch.setitem(data.SOURCES, "pairs", data.SOURCES["mnist"]._replace(classes=("ring", "stick")))
    with pytest.raises(UserError, match=r"^--dataset pairs names 2 classes: the networks tell 10 apart$"):
        data.load("pairs")


def test_hold_out_keeps_the_test_set_out_of_sight(mnist):
    held = data.load("mnist", 10000)
    assert (held.test_images == mnist.train_images[-10000:]).all()
    assert (held.test_labels == mnist.train_labels[-10000:]).all()
    assert len(held.train_images) == len(held.train_labels) == 50000


# --- Batches ---


def drawn(images, labels, first, *options):
    dataset = data.Dataset(images, labels, None, None)
    return list(data.batches(dataset, parse_options("np", "--batch-size", 10, *options), first, 35))


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

    reader = data.ahead(items())
    assert [next(reader), next(reader)] == [0, 1]
    reader.close()
    assert len(made) <= 4
    with pytest.raises(ValueError, match="seven"):
        list(data.ahead(items()))


@pytest.mark.parametrize(("batch_size", "parts"), [(128, [200, 200, 34]), (25, [200, 200, 34]), (3, [24] * 18 + [2])])
def test_all_images_are_tested_in_parts_that_follow_from_the_batch(mnist, batch_size, parts):
    few = mnist._replace(test_images=mnist.test_images[:434], test_labels=mnist.test_labels[:434])
    found = list(data.test_batches(few, parse_options("np", "--batch-size", batch_size)))
    assert [len(x) for x, _ in found] == parts
    assert (np.concatenate([y for _, y in found]) == few.test_labels).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pixels(mnist, dtype):
    images = mnist.train_images[:2000]
    raw, unit, standardised = (as_input(images, p, dtype) for p in ("raw", "unit", "standardised"))
    assert raw.dtype == unit.dtype == standardised.dtype == dtype
    assert (raw == images).all() and images.max() == 255  # untouched
    assert (unit.min(), unit.max()) == (0, 1)
    assert (standardised.mean(), standardised.std()) == pytest.approx((0, 1), abs=0.03)


def test_idx():
    assert data.parse_idx(b"\0\0\x08\x02\0\0\0\x02\0\0\0\x03abcdef").tolist() == [[97, 98, 99], [100, 101, 102]]


# --- Names ---


def test_a_tenth_of_the_names_is_the_test_and_no_name_is_in_both():
    names = data.load("names")
    train, test = (data.names_of(texts) for texts in (names.train_images, names.test_images))
    assert (len(train), len(test)) == (data.SOURCES["names"].examples, 4000)
    assert len({*train, *test}) == 40_000 and not {*train} & {*test}
    assert "smith" in train and all(2 <= len(name) <= 11 for name in train + test)
    common = [data.texts_of([name])[0] for name in ("smith", "johnson", "williams", "jones", "brown", "davis")]
    last = [np.flatnonzero((names.train_images == text).all(axis=1)) for text in common]
    assert max(map(max, filter(len, last))) > 9000  # they are shuffled: --hold-out takes the last
    held = data.load("names", 4000)
    assert (held.test_images == names.train_images[-4000:]).all() and len(held.train_images) == 32_000


def test_a_name_becomes_a_text_and_the_text_a_name():
    names = ["lee", "bartholomew", ""]
    texts = data.texts_of(names)
    assert texts.tolist()[0] == [12, 5, 5] + 9 * [0] and texts[1, -1] == 0 and texts.dtype == np.uint8
    assert data.names_of(texts) == names and data.names_of([[1] * 12]) == ["a" * 12]
    x, y = data.as_text(texts, np.zeros(3, np.int64), parse_options("np", "--model", "gpt", "--dataset", "names"))
    assert x.shape == y.shape == (3, 12) and x.dtype == y.dtype == np.int64
    assert (y == texts).all() and (x[:, 1:] == y[:, :-1]).all() and (x[:, 0] == 27).all()


# --- Words ---


def test_an_image_becomes_a_text_and_the_text_an_image(mnist):
    images, options = mnist.test_images[:50], parse_options("np")
    x, y = data.as_text(images, mnist.test_labels[:50].astype(np.int64), options)
    assert x.shape == y.shape == (50, 49) and x.dtype == y.dtype == np.int64
    assert (x[:, 1:] == y[:, :-1]).all() and (x[:, 0] == 128 + mnist.test_labels[:50]).all()
    back = data.images_of(y)
    assert back.dtype == np.uint8 and (data.words_of(back) == y).all()
    error = np.sqrt(((back - images.astype(float)) ** 2).mean())
    assert error < 25 < images.std() / 2  # of 255
    assert (data.images_of(np.zeros((1, 49), int)) == 0).all()  # word 0 is blank


def test_each_patch_gets_the_word_nearest_to_it(mnist):
    patch = mnist.test_images[3, 12:16, 8:12].ravel().astype(int)
    distances = ((data.vocabulary().astype(int) - patch) ** 2).sum(axis=1)
    assert data.words_of(mnist.test_images[3:4])[0, 3 * 7 + 2] == distances.argmin() != 0


def test_a_dataset_without_words_says_so():
    with pytest.raises(UserError, match="fashion_mnist has no words"):
        data.vocabulary("fashion_mnist")


def test_words_are_found_by_k_means():
    """Three kinds of patches, each with a little noise, in images that are otherwise blank."""
    rng = np.random.default_rng(0)
    kinds = np.array([[0] * 16, [200] * 8 + [0] * 8, [0] * 8 + [100] * 8])
    of_each = rng.integers(3, size=(40, 49))
    patches = kinds[of_each] + (of_each > 0)[:, :, np.newaxis] * rng.integers(0, 5, (40, 49, 16))
    images = patches.reshape(40, 7, 7, 4, 4).swapaxes(2, 3).reshape(40, 28, 28).astype(np.uint8)
    assert np.abs(find_words(images, 3) - kinds[[0, 2, 1]]).max() <= 4


@pytest.mark.slow  # half a minute
def test_the_words_are_what_their_command_finds(mnist):
    assert as_file(find_words(mnist.train_images[:IMAGES], WORDS)) == (data.ROOT / "mnist" / data.WORDS).read_bytes()
