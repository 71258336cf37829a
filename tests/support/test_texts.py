"""Texts in: how images, names and pieces of a longer text become words, and the reverse."""

from types import SimpleNamespace

import numpy as np
import pytest

import data
from lab.words import N_IMAGES, N_WORDS, cut_patches_with_ink, encode_idx, find_words, k_means
from loading.options import parse_options
from support import texts
from support.errors import UserError

# --- Names ---


def test_a_tenth_of_the_names_is_the_test_and_no_name_is_in_both():
    names = data.load("names")
    train, test = (texts.decode_names(words) for words in (names.train_tokens, names.test_tokens))
    assert (len(train), len(test)) == (36_000, 4000)
    assert len({*train, *test}) == 40_000 and not {*train} & {*test}
    assert "smith" in train and all(2 <= len(name) <= 11 for name in train + test)
    common = [texts.encode_names([name])[0] for name in ("smith", "johnson", "williams", "jones", "brown", "davis")]
    last = [np.flatnonzero((names.train_tokens == text).all(axis=1)) for text in common]
    assert max(map(max, filter(len, last))) > 9000  # they are shuffled: --hold-out takes the last
    held = data.load("names", 4000)
    assert (held.test_tokens == names.train_tokens[-4000:]).all() and (held.n_train, held.n_test) == (32_000, 4000)


def test_a_name_becomes_a_text_and_the_text_a_name():
    names = ["lee", "bartholomew", ""]
    words = texts.encode_names(names)
    assert words.tolist()[0] == [12, 5, 5] + 9 * [0] and words[1, -1] == 0 and words.dtype == np.uint8
    assert texts.decode_names(words) == names and texts.decode_names([[1] * 12]) == ["a" * 12]
    x, y = data.SOURCES["names"].tokenizer.encode_inputs_and_targets(words)
    assert x.shape == y.shape == (3, 12) and x.dtype == y.dtype == np.int64
    assert (x[:, 1:] == words[:, :-1]).all() and (x[:, 0] == 27).all()
    for row, name in zip(y, names, strict=True):  # its letters and one end; nothing is asked behind it
        assert row.tolist() == ([*words[names.index(name)][: len(name)], 0] + 12 * [-1])[:12]


# --- Words ---


def test_an_image_becomes_a_text_and_the_text_an_image(mnist):
    images = mnist.test_images[:50]
    x, y = data.SOURCES["mnist"].tokenizer.encode_inputs_and_targets(images, mnist.test_labels[:50].astype(np.int64))
    assert x.shape == y.shape == (50, 49) and x.dtype == y.dtype == np.int64
    assert (x[:, 1:] == y[:, :-1]).all() and (x[:, 0] == 128 + mnist.test_labels[:50]).all()
    back = texts.decode_images(y)
    assert back.dtype == np.uint8 and (texts.encode_images(back) == y).all()
    error = np.sqrt(((back - images.astype(float)) ** 2).mean())
    assert error < 25 < images.std() / 2  # of 255
    assert (texts.decode_images(np.zeros((1, 49), int)) == 0).all()  # word 0 is blank


def test_each_patch_gets_the_word_nearest_to_it(mnist):
    patch = mnist.test_images[3, 12:16, 8:12].ravel().astype(int)
    distances = ((texts.load_vocabulary().astype(int) - patch) ** 2).sum(axis=1)
    assert texts.encode_images(mnist.test_images[3:4])[0, 3 * 7 + 2] == distances.argmin() != 0


def test_a_dataset_without_words_says_so():
    with pytest.raises(UserError, match="--dataset fashion_mnist has no tokens"):
        parse_options("np", "--model", "gpt", "--dataset", "fashion_mnist")


def test_words_are_found_by_k_means():
    """Three kinds of patches, each with a little noise, in images that are otherwise blank."""
    rng = np.random.default_rng(0)
    kinds = np.array([[0] * 16, [200] * 8 + [0] * 8, [0] * 8 + [100] * 8])
    of_each = rng.integers(3, size=(40, 49))
    patches = kinds[of_each] + (of_each > 0)[:, :, np.newaxis] * rng.integers(0, 5, (40, 49, 16))
    images = patches.reshape(40, 7, 7, 4, 4).swapaxes(2, 3).reshape(40, 28, 28).astype(np.uint8)
    assert np.abs(find_words(images, 3) - kinds[[0, 2, 1]]).max() <= 4


def test_the_words_are_those_at_which_k_means_ends(mnist):
    """After 300 rounds one of their 2,048 numbers still moves, by 1. (`python -m lab.words` takes a minute.)"""
    words = texts.load_vocabulary()
    moved = k_means(cut_patches_with_ink(mnist.train_images[:N_IMAGES]), words, max_rounds=1).astype(int) - words
    assert np.abs(moved).max() <= 1 and np.count_nonzero(moved) <= 1
    assert words.shape == (N_WORDS, 16) and not words[0].any() and (np.diff(words.sum(axis=1, dtype=int)) >= 0).all()
    assert encode_idx(words) == texts.WORDS_FILE.read_bytes()


def test_a_text_has_at_least_one_window_in_each_part():
    """And is refused if it has one letter less."""
    for places, least in ((64, 641), (2, 21)):
        words = np.arange(least)
        train, test = texts.cut_windows(words, places, "a.txt")
        assert train[0].tolist() == [*range(places + 1)] and test[0].tolist() == [*range(least - places - 1, least)]
        with pytest.raises(UserError, match=f"a.txt has {least - 1} letters: .* it takes {least} or more"):
            texts.cut_windows(words[:-1], places, "a.txt")


def test_a_network_that_is_asked_for_nothing_begins_after_a_line():
    """If a text has no line ends, it begins with the first of its letters."""
    assert texts.default_prompt_id(SimpleNamespace(letters="abc\nd")) == 3
    assert texts.default_prompt_id(SimpleNamespace(letters="abc")) == 0
