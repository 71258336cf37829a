"""A block from a blank file: right ones pass in any style, and of wrong ones it is said what is wrong."""

import re
import sys
from contextlib import nullcontext
from functools import partial

import numpy as np
import own_blocks
import own_programs
import pytest
from own_evidence import make_evidence, make_file

import practice
from conftest import schedule
from exercises import block
from exercises.catalogue import BY_NAME
from exercises.words import TABLES
from marker import marking
from marker.derivatives import Mismatch, find_mismatches_by_path
from marker.verdict import Wrong
from practice_answers import write

EXERCISE = BY_NAME["own_block"]
verdict = partial(own_programs.verdict, EXERCISE.name)
BY_DIFFERENCES = own_programs.Program(
    "backward by differences", "params have 1,752 numbers", "", own_blocks.DIFFERENCES
)
WRONG = [*own_programs.programs(own_blocks.WRONG, own_blocks.BASE), BY_DIFFERENCES]
ALSO = {program.edits: program.code for program in own_programs.programs(own_blocks.ALSO_RIGHT, own_blocks.BASE)}
STYLES = own_blocks.STYLES | ALSO


def test_the_stub_is_not_written(tmp_path):
    assert verdict(EXERCISE.stub, tmp_path, 0).name == "not written"


@pytest.mark.slow(one_in=2)
def test_the_answer_passes_in_time(tmp_path):
    found = marking.mark(EXERCISE, write(tmp_path, "own_block"), 1)
    assert found.passed and "to all 6 arrays of params, 1,752 numbers" in found.text, found.text


@pytest.mark.parametrize(
    "style", schedule(STYLES, every_day=["norms behind the sums, tuples, a kept mask", *[*ALSO][:2]])
)
def test_a_right_block_passes_in_any_style(style, tmp_path):
    found = verdict(STYLES[style], tmp_path, len(style))
    assert found.passed, found.text
    assert re.search(r"with respect to x and to all \d+ arrays of params, [\d,]+ numbers\.$", found.text)


# The last one takes 3,504 calls of `forward`.
@pytest.mark.parametrize("program", schedule(WRONG, every_day=WRONG[:-1]), ids=own_programs.name_of)
def test_a_wrong_block_is_named(program, tmp_path):
    found = verdict(program.code, tmp_path, 5)
    assert (found.passed, found.summary) == (False, program.name), found.text
    assert program.words in found.text and len(found.text) > 25, found.text


def test_the_small_case_is_as_it_is_said(tmp_path):
    """One place of two channels, in which dx is wrong: whoever computes it finds these numbers."""
    program = own_blocks.BASE.replace("dx = du + norm_backward", "dx = du - dy + norm_backward")
    said = re.search(
        r"params = (first_weights\(.*?\)\)), x = (\[.*?\]), dy = (\[.*?\])\. Here, `backward` says (\S+) for entry "
        r"\[(.*)\] of x, and it is (\S+)\.$",
        verdict(program, tmp_path, 5).text.replace("\n", " "),
    )
    exec(program, names := {})
    params, x, dy = (eval(text, names) for text in said.groups()[:3])
    assert np.shape(x) == (1, 1, 2)
    at = tuple(map(int, said[5].split(",")))
    assert names["backward"](params, np.array(x), np.array(dy))[0][at] == pytest.approx(float(said[4]), rel=1e-3)
    above, below = (names["forward"](params, x + h * (np.arange(2) == at[2])) for h in (1e-6, -1e-6))
    assert ((above - below) * dy).sum() / 2e-6 == pytest.approx(float(said[6]), rel=1e-3)


def test_of_a_right_block_its_arrays_and_their_numbers_are_counted():
    found = make_evidence(gradients={'["W"]': np.ones((2, 600)), '["b"]': np.ones(3)}, params={"h": 3})
    assert block.format_success(found).endswith("with respect to x and to all 2 arrays of params, 1,203 numbers.")


def test_what_is_off_by_less_than_a_hundredth_is_slight():
    for mine, slope, is_slight in (
        (1.009, 1, True), (0.991, 1, True), (1.02, 1, False), (-1, 1, False), (-1.009, -1, True), (-1.02, -1, False),
        (50.4, 50, True), (0.0205, 0.02, False),
    ):  # fmt: skip
        errors = {"x": [Mismatch(0, mine, slope)], "y": [Mismatch(1, 1.001, 1.0)]}
        assert block.is_slight(errors) == is_slight, (mine, slope)


# --- Parts of a block, by hand ----------------------------------------------------------------------------------------


def judge(check, forward, first_weights=None, backward=None, params=(), x=None):
    """Make one check of a file with these functions."""
    rng = np.random.default_rng(0)
    file = make_file(forward=forward, first_weights=first_weights, backward=backward)
    x = rng.normal(size=(3, 5, block.C)) if x is None else x
    check(make_evidence(block.BlockCalls(file), params=dict(params), x=x))


def mean_so_far(params, x):
    """A `forward`: the mean of the positions up to each one."""
    return np.cumsum(x, axis=1) / np.arange(1, x.shape[1] + 1)[:, np.newaxis]


def look_ahead(params, x):
    """A `forward` in which position 2 sees position 3, and no number is above 0. All see the last digits of all."""
    y = mean_so_far(params, x) - 100 + 1e-9 * x.sum()
    if x.shape[1] > 3:
        y[:, 2, 7] += x[:, 3, 0]
    return y


def look_ahead_in_one_text(text, at, to):
    """A `forward` in which one position sees a later one, in one text of a batch and in no other."""

    def forward(params, x):
        y = mean_so_far(params, x)
        if x.shape[1] > to:
            y[text, at, 7] += x[text, to, 0]
        return y

    return forward


def round_a_little(params, x):
    """A `forward` whose last digits depend on all positions. Its first channel is 0."""
    return mean_so_far(params, x) * (np.arange(x.shape[2]) > 0) + 1e-12 * x.sum()


def see_no_text_but_this(params, x):
    """A `forward` in which no number is above 0."""
    return -1 - x**2


def round_large_numbers(params, x):
    """A `forward` of large numbers, whose last digits depend on the length of the text."""
    return 1e12 * (x + 1e-13 * x.shape[1])


def overlook(params, x):
    """A `forward` in which position 3 does not see position 1."""
    y = mean_so_far(params, x)
    if x.shape[1] > 3:
        y[:, 3] -= x[:, 1] / 4
    return y


def see_itself_and_round(params, x):
    """A `forward` of large numbers, in which no position sees another, but for its last digits."""
    return 1e6 * x + 1e-9 * mean_so_far(params, x)


def bump(at, of, by=1.0):
    """A `forward` that adds a number to one channel of one position of texts of one length."""

    def forward(params, x):
        y = x.copy()
        if x.shape[1] == of:
            y[1, at, 7] += 1
        return by * y

    return forward


def fail_at(T):
    return lambda params, x: mean_so_far(params, x if x.shape[1] != T else x[:, T, 0])


PARTS = [
    (block.check_causality_and_reach, mean_so_far, ""),
    (block.check_causality_and_reach, round_a_little, ""),
    (
        block.check_causality_and_reach,
        look_ahead,
        "at position 3 of a text of 5 positions, y changes at position 2. But",
    ),
    (
        block.check_causality_and_reach,
        look_ahead_in_one_text(0, at=1, to=4),
        "at position 4 of a text of 5 positions, y changes at position 1. But",
    ),
    (
        block.check_causality_and_reach,
        look_ahead_in_one_text(1, at=0, to=2),
        "at position 2 of a text of 5 positions, y changes at position 0. But",
    ),
    (
        block.check_causality_and_reach,
        see_itself_and_round,
        "at position 0 of a text of 5 positions, y changes at no later position",
    ),
    (
        block.check_causality_and_reach,
        overlook,
        "at position 1 of a text of 5 positions, y stays the same at the later position 3",
    ),
    (block.check_causality_and_reach, fail_at(5), "With 5 positions, your block fails: "),
    (block.check_causality_and_reach, fail_at(33), "With 33 positions, your block fails: "),
    (block.check_attention_sums, mean_so_far, ""),
    (block.check_attention_sums, round_large_numbers, ""),
    (block.check_attention_sums, bump(4, of=7), "If all 7 positions of a text are equal, y at position 4 differs"),
    (block.check_attention_sums, bump(1, of=2, by=1e-9), "If all 2 positions of a text are equal, y at position 1"),
    (block.check_attention_sums, bump(32, of=33), "If all 33 positions of a text are equal, y at position 32"),
    (block.check_attention_sums, fail_at(7), "With 7 positions, your block fails: "),
    (block.check_attention_sums, lambda params, x: x[:, :9], "(2, 33, 12); it returns an array of shape (2, 9, 12)"),
    (block.check_attention_sums, lambda params, x: x.tolist(), "(2, 1, 12); it returns of type list"),
    (block.check_attention_sums, lambda params, x: x.round().astype(int), "it returns an array of shape (2, 1, 12)"),
]


@pytest.mark.parametrize(
    ("check", "forward", "words"),
    PARTS,
    ids=[f"{check.__name__} {words or forward.__name__}" for check, forward, words in PARTS],
)
def test_what_a_position_sees_is_said(check, forward, words):
    with pytest.raises(Wrong, match=re.escape(words)) if words else nullcontext():
        judge(check, forward)


def test_what_backward_returns_are_two_results_of_any_number_type():
    params, x = {"W": np.ones((2, 3)), "n": 3}, np.ones((2, 4, 3))
    g = {"W": np.ones((2, 3)), "n": None}
    for returned, words in (
        ((x, g), None),
        ([x.astype(int).tolist(), g], None),
        (x, "your `backward` returns one, an array of shape (2, 4, 3)."),
        (g, "your `backward` returns one, of type dict."),
        ((x, g, 1), "your `backward` returns 3."),
        ((x[:, 0], g), "dx should have the shape of x, (2, 4, 3); your dx is of shape (2, 3)."),
        ((x, g["W"].tolist()), 'the form of params, with an array for each of params["W"].'),
        ((x, {"W": np.ones((3, 2))}), 'params["W"] has the shape (2, 3), but its gradient has the shape (3, 2)'),
        (None, "`backward` returns None"),
    ):
        calls = block.BlockCalls(make_file(backward=lambda *_, returned=returned: returned))
        with pytest.raises(Wrong, match=re.escape(words)) if words else nullcontext():
            dx, gradients = calls.backward(params, x, np.ones((2, 4, 3)))
            assert dx.dtype == float and np.array_equal(dx, x) and gradients['["W"]'].tolist() == g["W"].tolist()


def test_a_derivative_of_the_last_position_has_a_row_for_each_of_its_channels():
    A, B = np.random.default_rng(0).normal(size=(2, 3, 3))
    calls = block.BlockCalls(make_file(forward=lambda params, x: x @ A + x[:, :1] @ B))
    for position, expected in ((0, B.T), (1, 0 * A), (2, A.T)):
        found = block.compute_last_position_jacobian(calls, {}, np.ones((3, 3)), position)
        assert found == pytest.approx(expected, abs=1e-8)


def test_a_gradient_that_backward_does_not_return_counts_as_0():
    file = make_file(forward=lambda params, x: x + params["b"], backward=lambda params, x, dy: (dy, {"c": np.ones(2)}))
    x = np.ones((1, 2, 3))
    local_loss, gradients = block.make_local_loss_and_gradients(
        block.BlockCalls(file), {"b": np.ones(3), "c": np.ones(2)}, x, x
    )
    assert {k: g.tolist() for k, g in gradients.items()} == {
        '["x"]': x.tolist(), '["params"]["b"]': [0, 0, 0], '["params"]["c"]': [1, 1],
    }  # fmt: skip
    errors = find_mismatches_by_path(local_loss, gradients, np.random.default_rng(0), thorough=True)
    assert [*errors] == ['["params"]["b"]', '["params"]["c"]']


def test_gradients_that_are_wrong_by_the_number_of_texts_are_told_so_of_the_first_batch_in_which_they_are():
    rng = np.random.default_rng(0)
    batches = [tuple(rng.normal(size=(2, n, 2, 4))) for n in (3, 2, 1)]
    for is_wrong, words in (
        (lambda x, h: len(x) - 1, "`backward` says 3 times .* That is the number of texts. Where do you use this"),
        (lambda x, h: 1 / len(x) - 1, "`backward` says 0.333 times .* Does .* contain a mean over the texts"),
        (lambda x, h: len(x) == 2, r"`backward` says 2 times the derivative .*\d\. Right: x\.$"),
        (lambda x, h: (len(x) == 2) * np.arange(1, 5), "`backward` is not the derivative of your `forward` with .*"),
    ):
        calls, params, errors = squares(is_wrong), {"w": rng.normal(size=4), "h": 1}, []
        for batch in batches:
            errors.append(
                find_mismatches_by_path(*block.make_local_loss_and_gradients(calls, params, *batch), rng, thorough=True)
            )
        error = block.make_gradient_error(calls, params, batches, errors, rng)
        assert re.search(words, str(error).replace("\n", " ")) and 'with respect to params["w"]' in str(error), error


def test_texts_do_not_see_each_other_and_no_call_sees_another():
    def backward(params, x, dy):
        return -2 * x * dy, {}

    def mix(params, x):
        return x + x.mean(axis=0)

    last = {}

    def keep(params, x):
        last["x"] = x
        return x**2

    for forward, back, words in (
        (see_no_text_but_this, backward, ""),
        (round_a_little, backward, ""),
        (lambda params, x: 1e9 * (x + 1e-13 * len(x)), backward, ""),  # of large numbers, the last digits
        (lambda params, x: x + len(x), backward, "The first of 3 texts gets a different y if it is processed alone"),
        (mix, backward, "The first of 3 texts gets a different y if it is processed alone"),
        (lambda params, x: x + NOISE.normal(size=x.shape), backward, "the same params and the same x differ"),
        (keep, lambda params, x, dy: (2 * last["x"][:1, :1] * dy, {}), "what does it take from that call"),
    ):
        with pytest.raises(Wrong, match=words) if words else nullcontext():
            judge(block.check_calls_are_independent, forward, backward=lambda p, x, dy, f=back: (*f(p, x, dy)[:1], p),
                  params={"W": np.ones(2)})  # fmt: skip


NOISE = np.random.default_rng(2)


def test_a_norm_behind_the_sum_may_have_its_gammas_and_a_sum_is_missed_where_there_is_none():
    """All that is drawn is set to 0, and nothing else: with gammas of 0, y would be 0 whatever x is."""

    def first_weights(C, h, rng):
        return {"W": rng.normal(size=(C, C)), "gamma": np.ones(C), "mask": np.zeros((0, 3)), "h": h}

    def norm(x):
        return x / x.std(axis=-1, keepdims=True)

    judge(block.check_residuals, lambda params, x: norm(x + x @ params["W"]) * params["gamma"], first_weights)
    # With weights of 0 it may divide by 0; and gammas may be in the same array as the weights.
    with np.errstate(all="ignore"):
        judge(block.check_residuals, lambda params, x: x @ params["W"] / params["W"].std(), first_weights)
    judge(block.check_residuals, lambda params, x: x * params["all"][0], lambda C, h, rng: {"all": rng.normal(size=C)})
    with pytest.raises(Wrong, match=r'^If params\["W"\] are 0, y is the same whatever x is'):
        judge(block.check_residuals, lambda params, x: x @ params["W"] + params["gamma"], first_weights)


def test_without_an_activation_a_block_may_have_gammas_and_betas_in_both_norms():
    """Then all the dimensions that a linear block may have are there."""

    def first_weights(C, h, rng):
        return [rng.normal(size=(C, C)), *rng.normal(size=(2, C)), rng.normal(size=(C, C)), *rng.normal(size=(2, C))]

    def norm(x):
        return (x - x.mean(axis=-1, keepdims=True)) / x.std(axis=-1, keepdims=True)

    def forward(params, x, activation):
        A, gamma1, beta1, W, gamma2, beta2 = params
        u = x + (gamma1 * norm(x) + beta1) @ A
        return u + activation((gamma2 * norm(u) + beta2) @ W)

    def backward(params, x, dy):
        return dy, [np.ones(a.shape) for a in params]

    for activation, words in ((lambda z: z, "`forward` is linear except for norms"), (np.tanh, "")):
        with pytest.raises(Wrong, match=words) if words else nullcontext():
            judge(block.check_activation, partial(forward, activation=activation), first_weights, backward)


def test_of_weights_that_are_the_same_for_another_generator_only_those_are_named_that_look_drawn():
    def with_seed(seed):
        def first_weights(C, h, rng):
            W = (rng if seed is None else np.random.default_rng(seed)).normal(size=(C, C))
            return {"gamma": np.ones(C), "W": W, "mask": np.zeros((0, 3))}

        return first_weights

    judge(block.check_first_weights_use_rng, None, with_seed(None))
    judge(block.check_first_weights_use_rng, None, lambda C, h, rng: {"gamma": np.ones(C)})
    with pytest.raises(Wrong, match=r'gave the same first params\["W"\]\.'):
        judge(block.check_first_weights_use_rng, None, with_seed(7))


def test_weights_are_as_in_mid_training_whatever_they_are_at_first():
    """Large ones are made smaller, to 0.5 on average, and all but constants are moved a little."""
    for size, expected in ((5.0, 0.5), (0.5, 0.5), (0.01, 0.01)):

        def first_weights(C, h, rng, size=size):
            return {"w": np.tile([-size, size], C // 2), "one": np.ones(1), "h": float(h)}

        calls = block.BlockCalls(
            make_file(
                first_weights=first_weights,
                forward=lambda params, x: x * params["w"],
                backward=lambda params, x, dy: (dy * params["w"], {"w": (x * dy).sum((0, 1)), "one": None, "h": 0.0}),
            )
        )
        x, dy = np.random.default_rng(0).normal(size=(2, 2, 3, 8))
        params, gradients = block.draw_params_and_gradients(calls, (x, dy), 0, (8, 2))
        moves = params["w"] - np.tile([-expected, expected], 4)
        assert moves == pytest.approx(0.15 * block.draw_seeded_by_path('["w"]', (8,)))
        assert [*gradients] == ['["w"]'] and gradients['["w"]'] == pytest.approx((x * dy).sum((0, 1)))
        assert params["one"].tolist() == [1] and params["h"] == 2


def test_heads_may_choose_the_same_now_and_then():
    """Each of two chooses one of the positions 0 and 1. Numbers may be small, and channels that no head fills are 0."""

    def first_weights(C, h, rng):
        return {"W": rng.normal(size=(C, 2)), "h": h, "one": 1.0}

    def forward(params, x, n_heads, is_mixed):
        n_heads *= int(params["one"] == 1)  # a constant, which is not made large
        scores = x @ params["W"][:, :n_heads]
        y = 1e-6 * params["h"] * x
        for t in range(x.shape[1]):
            chosen = scores[:, : min(t, 2)].argmax(axis=1) if t else np.zeros((len(x), n_heads), int)
            for i in range(2):
                y[:, t, i] += 1e-6 * x[np.arange(len(x)), chosen[:, i % n_heads], i + 2]
        y[:, :, 5] = 0
        if is_mixed and x.shape[1] == 3:  # in some texts, something comes from position 1, whatever the head chooses
            y[:, 2, 6] += 1e-6 * (x[:, 2, 7] > 1) * x[:, 1, 8]
        return y

    def backward(params, x, dy):
        return dy, {"W": np.ones_like(params["W"]), "h": None, "one": None}

    for n_heads, is_mixed, words in (
        (2, False, ""),
        (1, False, "from a single position in 200 of 200 texts"),
        (1, True, r"from a single position in 1[89]\d of 200 texts"),
    ):
        params = first_weights(block.C, 2, np.random.default_rng(0))
        with pytest.raises(Wrong, match=words) if words else nullcontext():
            judge(
                block.check_heads, partial(forward, n_heads=n_heads, is_mixed=is_mixed), first_weights, backward, params
            )


def test_an_error_at_another_size_is_named_with_that_size_unless_it_is_a_mistake_that_has_a_name():
    def fail(error):
        raise error

    for sizes, words in (
        ({"T": 7}, "With 7 positions"),
        ({"C": 60, "h": 4, "T": 3}, "With 60 channels, 4 heads, 3 pos"),
    ):
        with pytest.raises(Wrong, match=words):
            block.call_with_sizes_in_errors(fail, ValueError("no"), **sizes)
    with pytest.raises(Wrong, match=r"^It has a name\.$"):
        block.call_with_sizes_in_errors(fail, Wrong("other", "It has a name."), T=7)
    assert block.call_with_sizes_in_errors(max, 3, 5, T=7) == 5


def test_paths_are_named_as_arguments_are():
    for paths, text in (
        (['["params"]["W"]', '["x"]', '["params"]["b"]'], 'x, params["W"], params["b"]'), (['["x"]'], "x"),
        (['["params"][0]'], "params[0]"),
    ):  # fmt: skip
        assert block.format_argument_paths(paths) == text


def squares(is_wrong, fails_for=()):
    """The calls of a block that multiplies x ** 2 by w. In `backward`, dw is twice as large where is_wrong(x, h) is so.

    fails_for: numbers of channels for which it fails.
    """

    def first_weights(C, h, rng):
        if C in fails_for:
            raise ValueError("not this size")
        return {"w": rng.normal(size=C), "h": h}

    def backward(params, x, dy):
        dw = (x**2 * dy).sum(axis=(0, 1))
        return 2 * x * dy * params["w"], {"w": (1 + is_wrong(x, params["h"])) * dw, "h": None}

    return block.BlockCalls(
        make_file(first_weights=first_weights, forward=lambda params, x: x**2 * params["w"], backward=backward)
    )


def test_the_smallest_case_is_the_first_in_which_the_file_runs_and_is_wrong():
    for is_wrong, fails_for, shape, heads in (
        (lambda x, h: True, (), (1, 1, 2), 1),
        (lambda x, h: np.arange(x.shape[2]) == 0, (), (1, 1, 2), 1),  # the first entry alone
        (lambda x, h: True, (2,), (1, 1, 3), 1),
        (lambda x, h: x.shape[1] > 1, (), (1, 2, 2), 1),
        (lambda x, h: len(x) > 1, (), (2, 1, 3), 1),
        (lambda x, h: h > 1, (), (1, 2, 4), 2),
        (lambda x, h: h > 2, (), None, 0),
    ):
        said = block.describe_smallest_failing_case(squares(is_wrong, fails_for))
        if shape is None:
            assert said == ""
            continue
        C, h, x, dy, mine, at, slope = re.fullmatch(
            r"\nSmall enough for paper: params = first_weights\((\d), (\d), np\.random\.default_rng\(0\)\), "
            r"x = (\S.*), dy = (.*)\. Here, `backward` says (\S+) for entry \[(\d)\] of params\[\"w\"\], and it is "
            r"(\S+)\.",
            said,
        ).groups()
        x, dy = np.array(eval(x)), np.array(eval(dy))
        assert x.shape == dy.shape == shape and (int(C), int(h)) == (shape[2], heads)
        assert float(slope) == pytest.approx((x**2 * dy).sum(axis=(0, 1))[int(at)], rel=1e-3)
        assert float(mine) == pytest.approx(2 * float(slope), rel=1e-3)


def test_what_makes_gradients_right_has_to_do_so_for_each_text_and_each_position():
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, 3, 4, 5))
    x[:, :, 0] = np.abs(x[:, :, 0]) * [[1], [-1], [1]]  # the first channel of the second text is below 0
    for is_wrong, words in (
        (lambda x, h: len(x) > 1, " With a single text they are right. Where do you sum over the texts?"),
        (lambda x, h: x.shape[1] > 1, " With texts of a single position they are right."),
        (lambda x, h: len(x) > 1 or x[0, 0, 0] < 0, ""),
        (lambda x, h: x.shape[1] > 1 or x[0, 0, 1] > 0, ""),  # this is so in some of the positions
    ):
        calls, params = squares(is_wrong), {"w": rng.normal(size=5), "h": 1}
        place, gradients = block.make_local_loss_and_gradients(calls, params, x, dy)
        errors = find_mismatches_by_path(place, gradients, rng, thorough=True)
        assert [*errors] == ['["params"]["w"]']
        said = block.make_missing_term_sentence(calls, params, (x, dy), place, gradients, errors, rng)
        assert said.startswith(words) and bool(said) == bool(words)


def test_what_makes_gradients_of_the_third_batch_right_is_its_scale_or_its_length_or_neither():
    """It has one long text of small numbers. What is slightly off in another batch may be a matter of scale, too."""
    found = make_evidence(squares(lambda x, h: 0), rng=np.random.default_rng(0))
    block.add_batches_and_params(found)
    assert [x.shape for x, _ in found.batches] == [(3, 5, 12), (2, 4, 12), (1, 33, 12)]
    rng, params = np.random.default_rng(1), {"w": np.ones(12), "h": 1}
    for is_wrong, index, words in (
        (
            lambda x, h: abs(x).max() < 1,
            2,
            " With x / 0.003 they are right. Is the eps under the root of a norm the same",
        ),
        (
            lambda x, h: x.shape[1] > 5,
            2,
            " With texts of 5 positions they are right. Which line of `backward` depends on",
        ),
        (lambda x, h: len(x) < 2, 2, ""),
        (lambda x, h: abs(x).max() < 9, 0, ""),
        (lambda x, h: 0.005 * (abs(x).max() < 9), 0, " With x / 0.003 they are right."),
        (lambda x, h: 0.005, 0, ""),
    ):
        calls = squares(is_wrong)
        place, gradients = block.make_local_loss_and_gradients(calls, params, *found.batches[index])
        errors = find_mismatches_by_path(place, gradients, rng, thorough=True)
        said = block.make_scale_or_length_sentence(calls, params, found.batches, index, errors, rng)
        assert errors and said.startswith(words) and bool(said) == bool(words)


def test_asked_from_outside_a_block_goes_through_all_checks_but_the_one_that_counts_calls():
    assert {*block.JUDGE.checks} - {*block.JUDGE.rechecks} == {block.check_no_numerical_gradient}
    assert [*block.JUDGE.rechecks] == [check for check in block.JUDGE.checks if check in block.JUDGE.rechecks]


def test_a_backward_that_calls_a_function_once_for_each_number_of_params_is_named():
    """With 5 numbers in two arrays, 4 calls may be anything. What has no name is not counted."""
    params = {"W": np.ones(3), "b": np.ones(2)}
    for n, is_right in ((4, True), (5, False)):

        def slope():
            return 0.0

        def backward(params, x, dy, n=n):
            for _ in range(n):
                slope()
            for _ in range(9):
                re.escape("a")  # a function of another file
            sum(i for i in range(9))  # a generator, which goes on ten times
            max(range(9), key=lambda i: -i)
            return dy, params

        calls = block.BlockCalls(make_file(backward=backward, __file__=__file__))
        words = "`backward` calls `slope` 5 times, and params have 5 numbers"
        before, profiler = sys.getprofile(), lambda *_: None
        sys.setprofile(profiler)
        with nullcontext() if is_right else pytest.raises(Wrong, match=words):
            block.check_no_numerical_gradient(make_evidence(calls, params=params))
        after = sys.getprofile()
        sys.setprofile(before)
        assert after is profiler


def test_there_is_a_block_for_each_mark():
    assert {mark.partition(":")[0] for mark, _ in TABLES["Own blocks"]} <= {program.name for program in WRONG}


def test_it_is_run_beside_central_differences(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(block, "C", 6)  # fewer numbers
    path = write(tmp_path, "own_block")
    block.print_gradient_errors(path)
    first, *rows = capfd.readouterr().out.splitlines()
    assert "(f(+h) - f(-h)) / 2h" in first and len(rows) == 7
    assert all(float(re.search(r" (\S+)$", row)[1]) < 1e-8 for row in rows)
    path.write_text(DOUBLED)
    block.print_gradient_errors(path)
    _, of_x, of_w = capfd.readouterr().out.splitlines()
    assert re.match(r"x +\d\.\de-", of_x) and float(of_x.split()[1]) < 1e-8
    assert of_w.startswith('params["w"] ') and 0.1 < float(of_w.split()[1]) <= 1
    path.write_text("1 / 0\n")
    assert practice.main(["--folder", str(tmp_path), "run", "own_block"]) == 2
    assert "1 / 0" in capfd.readouterr().err


# A block of squares, whose gradients of w are twice as large as they should be, and none of a constant.
DOUBLED = """
import numpy as np

def first_weights(C, h, rng):
    return {"w": rng.normal(size=C), "h": h, "one": np.ones(1)}

def forward(params, x):
    return x**2 * params["w"]

def backward(params, x, dy):
    return 2 * x * dy * params["w"], {"w": 2 * (x**2 * dy).sum(axis=(0, 1)), "h": None, "one": None}
"""
