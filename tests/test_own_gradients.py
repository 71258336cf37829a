"""Gradients of one's own beside central differences of the loss: what is said of each mistake, and whether it is so.

The network is a line, y = x W + b, so that everything can be found on paper.
"""

import re
from functools import partial

import numpy as np
import pytest

from marker import derivatives
from marker.verdict import Wrong

RNG = np.random.default_rng(3)
PARAMS = {"W": RNG.normal(size=(3, 2)), "b": RNG.normal(size=2), "c": RNG.normal(size=2)}
BATCHES = [(RNG.normal(size=(n, 3)), RNG.normal(size=(n, 2))) for n in (4, 7)]
W_AND_B = r'params\["W"\], params\["b"\]'
ALL = rf'{W_AND_B}, params\["c"\]'


def errors(params, x, y):
    return x @ params["W"] + params["b"] + 2 * params["c"] - y


def loss(params, x, y):
    return (errors(params, x, y) ** 2).sum() / 2 / len(x)


def gradients(params, x, y):
    mean_error = errors(params, x, y) / len(x)
    b = mean_error.sum(axis=0)
    return {"W": x.T @ mean_error, "b": b, "c": 2 * b}


def times(factor):
    """Return gradients that are factor(the number of examples) times too large."""
    return lambda params, x, y: {k: factor(len(x)) * g for k, g in gradients(params, x, y).items()}


def but(**changes):
    """Return gradients in which these are replaced: {name: function(the right one, params, x, y)}."""

    def changed(params, x, y):
        right = gradients(params, x, y)
        return right | {k: change(right[k], params, x, y) for k, change in changes.items()}

    return changed


def keep_first():
    """Return gradients that are those of the first call, for ever."""
    first = {}
    return lambda params, x, y: first.setdefault(len(x), gradients(params, x, y))


def write_into_params(params, x, y):
    result = gradients(params, x, y)
    params["W"] -= 0.1 * result["W"]
    return result


def first_example(params, x, y):
    return gradients(params, x[:1], y[:1])


# Gradients, and what is said of them; nothing, if they pass.
GRADIENTS = {
    "right": (gradients, ""),
    "in a list": (lambda *given: [*gradients(*given).values()], ""),
    "None for a constant": (but(b=lambda *_: None), ""),
    "None": (lambda *_: None, "`gradients` returns None"),
    "dots": (lambda *_: ..., "`gradients` returns None"),
    "nothing": (lambda *_: [], rf"for each of {ALL}. It returns something of type list, with 0 arrays"),
    "other names": (
        lambda *given: {f"d{k}": g for k, g in gradients(*given).items() if k != "c"},
        rf"for each of {ALL}. It returns something of type dict, with 2 arrays",
    ),
    "its own name, in another order": (
        lambda *given: {"dc": gradients(*given)["c"], "W": gradients(*given)["W"], "b": gradients(*given)["b"]},
        rf"for each of {ALL}. It returns something of type dict, with 3 arrays",
    ),
    "None, and a sign": (but(b=lambda *_: None, c=lambda c, *_: -c), r'is -1 times .* to params\["c"\]'),
    "one is missing": (
        lambda *given: {"W": gradients(*given)["W"], "b": gradients(*given)["b"]},
        r'The loss depends on params\["c"\], but `gradients` returns nothing for it',
    ),
    "another shape": (
        but(W=lambda W, *_: W.T),
        r'params\["W"\] has the shape \(3, 2\), but its gradient has the shape \(2, 3\)',
    ),
    "one axis more": (
        but(b=lambda b, *_: b[np.newaxis]),
        r'params\["b"\] has the shape \(2,\), but its gradient has the shape \(1, 2\)',
    ),
    "not finite": (but(c=lambda c, *_: c / 0.0), r'The gradient of params\["c"\] contains inf or nan, although'),
    "not finite, and one more": (
        lambda *given: {**gradients(*given), "W": gradients(*given)["W"] / 0.0, "more": np.ones(1)},
        r'The gradient of params\["W"\] contains inf or nan',
    ),
    "one not finite": (but(c=lambda c, *_: c * [1, np.nan]), r'The gradient of params\["c"\] contains inf or nan'),
    "params changed": (write_into_params, r'`gradients` changes params\["W"\]\.'),
    "the sign": (times(lambda n: -1), rf"4 examples, `gradients` is -1 times .* to {ALL}. .* Is the sign right"),
    "a sum": (times(lambda n: n), rf"is 4 times .* {ALL} \(with 7 examples: 7 times\). .*\. Is one of the two a mean"),
    "a mean twice": (times(lambda n: 1 / n), "is 0.25 times .*with 7 examples: 0.143 times.*Do you divide by their nu"),
    "multiplied": (times(lambda n: n**2), "is 16 times .*with 7 examples: 49 times.*instead of dividing by it"),
    "a constant": (times(lambda n: n / 10), "is 0.4 times .* as if you divide by 10, however many examples"),
    "a constant 2": (times(lambda n: n / 2), "is 2 times .* as if you divide by 2, however many examples"),
    "by 1.0005": (times(lambda n: 1.0005), "is 1.0005 times the derivative"),
    "zeros": (times(lambda n: 0), rf"is not the derivative of your `loss` with respect to {ALL}\."),
    "of seven": (times(lambda n: 3 if n == 7 else 1), r"With 7 examples, .* is 3 times .*\(with 4 examples: right\)"),
    "of four": (times(lambda n: 3 if n == 4 else 1), r"With 4 examples, .* is 3 times .*\(with 7 examples: right\)"),
    "of four, and an entry": (
        lambda params, x, y: times(lambda n: 3 if n == 4 else 1)(params, x, y)
        | ({} if len(x) == 4 else but(W=lambda W, *_: W + (np.arange(6).reshape(3, 2) == 3))(params, x, y)),
        rf"is not the derivative of your `loss` with respect to {ALL}\. With 4 examples",
    ),
    "asked": (times(lambda n: 0.1), "is 0.1 times .*Is there also a mean over the ten scores"),
    "of pixels": (times(lambda n: 1 / 3), "is 0.333 times .*There are 0.333 examples for each of the pixels"),
    "exchanged": (
        but(b=lambda b, *_: 2 * b, c=lambda c, *_: c / 2),
        r'respect to params\["b"\], params\["c"\]. .*Right: params\["W"\]. The gradients of params\["b"\] would be '
        r'right as the gradients of params\["c"\]',
    ),
    "those of before": (keep_first(), "returns the same numbers, to the last bit"),
    "a decay": (
        but(W=lambda W, params, *_: W + 0.1 * params["W"]),
        r'your `loss` with .* params\["W"\]\..*Right: params\["b"\], params\["c"\]\. The difference is 0.1 times '
        "the weights: does `gradients` have weight decay, and `loss` none",
    ),
    "a decay less": (
        but(W=lambda W, params, *_: W - 0.2 * params["W"]),
        "The difference is 0.2 times the weights: does `loss` have weight decay, and `gradients` none",
    ),
    "one entry": (
        but(W=lambda W, *_: W + (np.arange(6).reshape(3, 2) == 3)),
        r'params\["W"\]. With 4 examples, entry \[1, 1\] of params\["W"\].*Right: params\["b"\], params\["c"\]\.',
    ),
    "of the first example": (first_example, "With only one of the examples, they are right"),
    "of zeros, too": (
        but(b=lambda b, *_: b + 0.7),
        r'respect to params\["b"\].*A single example already shows it, of zeros: for entry \[\d\] of params\["b"\]',
    ),
    "where x is large": (
        but(W=lambda W, params, x, y: W + (abs(x[:, 2]) > 0.01).any() * (np.arange(6).reshape(3, 2) == 4)),
        r'A single example already shows it, that is 0 except for \S+ at 2: for entry \[2, 0\] of params\["W"\]',
    ),
}  # fmt: skip


def judge(of_gradients, of_loss=loss, params=PARAMS, batches=BATCHES, **options):
    return derivatives.compute_checked_gradients(
        of_loss, of_gradients, params, batches, np.random.default_rng(0), **options
    )


def test_gradients_that_change_params_change_only_a_copy():
    """An array without a gradient may be a running mean, which `gradients` moves."""
    params = PARAMS | {"calls": np.zeros(1)}

    def count_calls(params, x, y):
        params["calls"] += 1
        return gradients(params, x, y) | {"calls": None}

    derivatives.compute_checked_gradients(loss, count_calls, params, BATCHES, np.random.default_rng(0))
    assert params["calls"] == 0


@np.errstate(all="ignore")
@pytest.mark.parametrize("name", GRADIENTS)
def test_what_is_wrong_with_gradients_is_said(name):
    of_gradients, words = GRADIENTS[name]
    asks, terms = (
        {0.1: "Is there also a mean over the ten scores?"},
        {"examples": lambda x, y: len(x), "pixels": lambda x, y: x.size},
    )
    check = partial(judge, of_gradients, factor_questions=asks, term_counters=terms)
    if not words:
        result, right = check(), gradients(PARAMS, *BATCHES[0])
        assert [*result] == [f'["{k}"]' for k in right if name != "None for a constant" or k != "b"]
        assert all(np.allclose(g, right[k[2]], atol=0.05) for k, g in result.items())
        return
    with pytest.raises(Wrong, match=f"(?s){words}") as error:
        check()
    text = str(error.value)
    assert "{" not in text and "  " not in text and not text.endswith("None") and "Right: ." not in text
    assert ("the same numbers" in text) == (name == "those of before")
    check_numbers(text, of_gradients)


def said_of(*given, **options):
    """Return what is said of gradients that are wrong."""
    with pytest.raises(Wrong) as error:
        judge(*given, **options)
    return str(error.value)


def test_of_a_factor_that_is_no_count_nothing_is_asked():
    text = said_of(times(lambda n: -n))
    assert "is -4 times" in text and "(with 7 examples: -7 times)" in text and "number of" not in text
    text = said_of(times(lambda n: 1.7))
    assert "is 1.7 times" in text and not re.search(r"with 7|None|Is |Do |As if", text)


def test_a_number_among_params_needs_no_gradient_and_is_left_out_of_the_order():
    params = {"rate": 0.5} | PARAMS
    assert judge(lambda *given: [*gradients(*given).values()], params=params).keys() == judge(gradients).keys()


def test_an_example_that_shows_a_mistake_has_as_few_numbers_as_it_takes():
    params = {"w": np.random.default_rng(1).normal(size=6)}
    batches = [(np.random.default_rng(n).normal(size=(n, 6)),) for n in (4, 7)]

    def of_loss(params, x):
        return ((x @ params["w"]) ** 2).mean() / 2

    for least, words in ((5, "of 5 numbers that are not 0"), (4, "0 except for"), (1, "0 except for")):

        def of_gradients(params, x, least=least):
            extra = (np.arange(6) == 2) * ((x != 0).sum(axis=1) >= least).all()
            return {"w": ((x @ params["w"])[:, np.newaxis] * x).mean(axis=0) + extra}

        text = said_of(of_gradients, of_loss, params, batches)
        assert "A single example already shows it, " in text and words in text, text
        mine, slope = re.search(
            r'for entry \[2\] of params\["w"\], .* says (\S+), but the slope is (\S+)\.$', text
        ).groups()
        assert float(mine) - float(slope) == pytest.approx(1, abs=1e-3)
        if least < 5:
            shown = re.search(r"0 except for (.*?): for", text)[1].split(", ")
            assert len(shown) == least
            for number, _, i in (one.partition(" at ") for one in shown):
                assert any(f"{x[int(i)]:.4g}" == number for x in batches[0][0])


def test_a_loss_that_is_not_a_number_by_accident_is_not_said_to_be_random():
    assert np.isnan(derivatives.compute_checked_loss(lambda *_: np.nan, PARAMS, BATCHES[0]))


def test_a_factor_is_one_of_several_entries_and_the_same_for_all():
    for pairs, factor in (
        ([], 1.0), ([(2.0, 1.0)], None), ([(2.0, 1.0), (6.0, 3.0)], 2.0), ([(2.0, 1.0), (7.0, 3.0)], None),
        ([(-2.0, 1.0), (2.0, -1.0)], -2.0), ([(2.0, 0.0), (2.0, 0.0)], None), ([(0.966, 1.0), (0.972, 1.0)], None),
    ):  # fmt: skip
        assert derivatives.find_factor([derivatives.Mismatch(0, *pair) for pair in pairs]) == factor


def test_where_the_loss_is_infinite_nothing_is_known_of_its_gradients():
    assert len(judge(but(W=lambda W, *_: W * np.nan), lambda *_: np.inf)) == 3


def test_two_numbers_have_as_many_digits_as_it_takes():
    assert derivatives.format_distinct_pair(1.0, 2 / 3) == ["1", "0.6667"]
    assert derivatives.format_distinct_pair(1.000001, 1.000002) == ["1.000001", "1.000002"]
    assert derivatives.format_distinct_pair(1 / 3, 1 / 3) == ["0.3333", "0.3333"]


def check_numbers(text, of_gradients):
    """Check the two numbers of a sentence: what the gradients say, and the slope of the loss, near PARAMS."""
    shown = re.search(
        r'With (\d) examples, .*entry \[(.*?)\] of params\["(.)"\]: `gradients` says (\S+), .* say (\S+\d)\.', text
    )
    if not shown or "same numbers" in text:
        return
    n, at, name, mine, slope = shown.groups()
    at, batch = tuple(map(int, at.split(","))), BATCHES[n == "7"]
    assert float(mine) == pytest.approx(of_gradients(PARAMS, *batch)[name][at], rel=0.05, abs=0.02)
    assert float(slope) == pytest.approx(gradients(PARAMS, *batch)[name][at], rel=0.05, abs=0.02)


@pytest.mark.parametrize("difference", [0.3, -0.3])
def test_a_wrong_entry_among_many_is_found_whether_it_is_too_large_or_too_small(difference):
    rng = np.random.default_rng(4)
    params = {"W": rng.normal(size=(40, 5)), "b": np.zeros(5), "c": np.zeros(5)}
    batches = [(rng.normal(size=(n, 40)), rng.normal(size=(n, 5))) for n in (4, 7)]
    wrong_at_15_2 = but(W=lambda W, *_: W + difference * (np.arange(200).reshape(40, 5) == 77))
    with pytest.raises(Wrong, match=r'entry \[15, 2\] of params\["W"\]: `gradients` says') as error:
        judge(wrong_at_15_2, params=params, batches=batches)
    mine, slope = re.search(r"With 4 examples, .* says (\S+), .* say (\S+\d)\.", str(error.value)).groups()
    assert float(mine) - float(slope) == pytest.approx(difference, abs=1e-3)


def chance(params, x, y):
    return loss(params, x, y) + RNG.random()


# A loss, and what is said of it.
LOSSES = {
    "right": (loss, ""),
    "a whole number": (lambda *given: int(100 * loss(*given)), ""),
    "NumPy's": (lambda *given: np.float32(loss(*given)), ""),
    "None": (lambda *_: None, "`loss` returns None"),
    "dots": (lambda *_: ..., "`loss` returns None"),
    "an array": (lambda params, x, y: errors(params, x, y), r"your `loss` returns an array of shape \(4, 2\)"),
    "a list": (lambda *_: [1.0], r"your `loss` returns an array of shape \(1,\)"),
    "text": (lambda *_: "1.0", "your `loss` returns of type str"),
    "by chance": (chance, r"Two calls of `loss` with the same params and the same batch give (\S+) and (?!\1)\S+\."),
    "a sum": (
        lambda *given: len(given[1]) * loss(*given),
        "`loss` is 131.2; with the same texts twice, it is 262.4",
    ),
    "a sum, as an array without axes": (
        lambda *given: np.array(len(given[1]) * loss(*given)),
        "`loss` is 131.2; with the same texts twice, it is 262.4",
    ),
    "by chance, as an array without axes": (
        lambda *given: np.array(chance(*given)),
        r"Two calls of `loss` with the same params and the same batch give (\S+) and (?!\1)\S+\.",
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_wrong_with_a_loss_is_said(name):
    of_loss, words = LOSSES[name]
    if not words:
        assert derivatives.compute_checked_loss(of_loss, PARAMS, BATCHES[0], "texts") == of_loss(PARAMS, *BATCHES[0])
        return
    with pytest.raises(Wrong, match=words):
        derivatives.compute_checked_loss(of_loss, PARAMS, BATCHES[0], "texts")


# Params, and what is said of them.
KINDS = {
    "whole numbers": (
        {"W": np.ones((3, 2), int)},
        r"`\[\"W\"\]` is of numbers of type int64|W.* is of numbers of type int64",
    ),
    "several of whole numbers": (
        {"W": np.ones((3, 2), int), "b": np.ones(2, int)},
        r'`params\["W"\]` is of numbers of type int64',
    ),
    "none": ({"W": None}, "`params` is of type dict"),
    "text": ("Wb", "is of type str|of numbers of type <U2"),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_is_wrong_with_params_is_said(name):
    params, words = KINDS[name]
    with pytest.raises(Wrong, match=words):
        judge(lambda *_: params, lambda *_: 1.0, params)


def rounded(function):
    """Return a function of the same params and batch that computes with seven digits."""
    return lambda params, x, y: function(
        {k: a.astype(np.float32) for k, a in params.items()}, *(a.astype(np.float32) for a in (x, y))
    )


def test_with_seven_digits_less_is_known_and_what_is_wrong_is_seen_along_a_direction():
    of_loss = rounded(loss)
    assert judge(rounded(gradients), of_loss).keys() == judge(gradients).keys()
    for of_gradients, words in (
        (times(lambda n: -1), "is -1 times"),
        (but(W=lambda W, *_: 1.3 * W), r'respect to params\["W"\].*along one direction of params\["W"\]'),
        (but(W=lambda W, *_: 0.9 * W), r'respect to params\["W"\].*along one direction of params\["W"\]'),
    ):
        with pytest.raises(Wrong, match=f"(?s){words}"):
            judge(of_gradients, of_loss)


def test_with_seven_digits_nothing_is_said_of_a_single_example():
    wrong = but(W=lambda W, *_: W + 3 * (np.arange(6).reshape(3, 2) == 3))
    text = said_of(wrong, rounded(loss))
    assert text.endswith('Right: params["b"], params["c"].') and "along one direction" in text, text


def test_beside_a_kink_nothing_is_said():
    """A slope is known only where it is the same on both sides."""
    params, batch = {"w": np.array([1e-9, 0.5])}, (np.ones((4, 2)),)

    def kinked(params, x):
        return (x @ np.maximum(params["w"], 0)).mean()

    for slope in ([0.0, 1.0], [1.0, 1.0]):
        derivatives.compute_checked_gradients(
            kinked, lambda *_, w=slope: {"w": np.array(w)}, params, [batch], AtPlace()
        )
    with pytest.raises(Wrong, match=r"entry \[1\]"):
        derivatives.compute_checked_gradients(
            kinked, lambda params, x: {"w": np.array([1.0, 2.0])}, params, [batch], AtPlace()
        )


class AtPlace:
    """Draws zeros, so that the slopes are taken at the params themselves; and the first entries."""

    def normal(self, size):
        return np.zeros(size)

    def integers(self, end, size):
        return np.arange(size) % end
