"""Byte pairs: joined in n log n steps as by their definition. tests/test_llama_file.py has the words of a model."""

import random
from itertools import pairwise

import pytest

from conftest import schedule
from support.tokens import BytePairs, list_byte_letters, merge, merge_by, merge_pair


def merge_plainly(words, order):
    """The definition, in lines of its own: the first pair of the order that is there is joined from left to right."""
    while True:
        there = [order[pair] for pair in pairwise(words) if pair in order]
        if not there:
            return words
        (first,) = [pair for pair in order if order[pair] == min(there)]
        result = []
        for word in words:
            if result and (result[-1], word) == first and not isinstance(result[-1], Joined):
                result[-1] = Joined(result[-1] + word)
            else:
                result.append(word)
        words = [str(word) for word in result]


class Joined(str):
    """A word that this step has made: it is not joined again in the same step."""

    __slots__ = ()


def draw_case():
    """A list of letters, and pairs of them and of what they make, in any order: a pair may come before those that make
    its words."""
    alphabet = "abc"[: random.randint(1, 3)]
    words, pairs = [*alphabet], []
    for _ in range(random.randint(0, 12)):
        pair = random.choice(words), random.choice(words)
        if pair not in pairs:
            pairs.append(pair)
            words.append("".join(pair))
    random.shuffle(pairs)
    order = {pair: rank for rank, pair in enumerate(pairs)}
    return random.choices(alphabet, k=random.randint(0, 40)), order


@pytest.mark.parametrize("n_cases", schedule([10_000], instead=[1000]))
def test_the_words_are_those_of_the_definition(n_cases):
    n_changed = 0
    for _ in range(n_cases):
        text, order = draw_case()
        before = [*text]
        right = merge_plainly(text, order)
        assert merge(text, order) == merge_by(merge_pair, text, order) == right, (text, order)
        assert text == before
        n_changed += len(right) < len(text)
    assert n_changed > n_cases / 2


@pytest.mark.parametrize(
    ("text", "pairs", "right"),
    [
        ("aaa", ["a a"], "aa/a"),  # from left to right
        ("aaaaa", ["aa aa", "a a"], "aaaa/a"),
        ("abcab", ["ab c", "a b", "abc ab"], "abcab"),
        ("abxab", ["ab x", "a b", "x a"], "abx/ab"),  # all of a pair are joined before a new one that ranks lower
        ("xabab", ["x ab", "ab ab", "a b"], "xab/ab"),
        ("", ["a b"], ""),
        ("a", [], "a"),
    ],
)
def test_the_order_decides(text, pairs, right):
    order = {tuple(pair.split(" ")): rank for rank, pair in enumerate(pairs)}
    assert "/".join(merge(text, order)) == "/".join(merge_plainly([*text], order)) == right


class Counting(dict):
    """A dict that counts how often it is asked."""

    asked = 0

    def get(self, key, default=None):
        self.asked += 1
        return super().get(key, default)


@pytest.mark.parametrize("text", ["a" * 20_000, "ab" * 10_000, "random"])
def test_a_long_text_takes_few_steps(text):
    """Once for each pair of the text, and twice for each join, of which there are fewer than letters."""
    if text == "random":
        text = random.choices("abcd", k=20_000)
    words, pairs = [*"abcd"], []
    for _ in range(60):
        pairs.append((random.choice(words), random.choice(words)))
        words.append("".join(pairs[-1]))
    order = Counting({pair: rank for rank, pair in enumerate([("a", "a"), ("a", "b"), *pairs])})
    n_words = len(merge(text, order))
    assert n_words < 0.9 * len(text) and order.asked <= len(text) + 2 * (len(text) - n_words)


def test_somebody_elses_join_is_asked():
    """As practice.py prove does, with the learner's `merge_tokens`."""
    pytest.importorskip("regex")
    words = [*list_byte_letters(), "th", "the"]
    pairs, asked = BytePairs(words, [1] * len(words), ["t h", "th e"], "smollm"), []
    right = pairs.encode("the other")

    def join(words, pair):
        asked.append(pair)
        return merge_pair(words, pair)

    pairs.cache, pairs.merge_pair = {}, join
    assert pairs.encode("the other") == right and asked == [("t", "h"), ("th", "e")] * 2
    assert pairs.longest == 3
