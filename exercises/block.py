"""Exercise own_block: a transformer block with its backward pass, written from a blank file.

This module holds the checks of the exercise, which build on exercises/blank.py, and a program that prints the errors of
the gradients. The learner's file defines three functions: first_weights, forward and backward. `backward` is compared
with central differences of `forward` (marker/derivatives.py). Whether `forward` is a block is judged by its output
alone, not by its code. The messages are in exercises/said.md.
"""

import itertools
import sys
from collections import Counter
from zlib import crc32

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    from exercises import blank
    from exercises.blank import Blank, Calls, describe_type
    from exercises.words import BLOCK_SENTENCES, open_learner_module
    from marker import ROOT
    from marker.complaints import explain_exception
    from marker.derivatives import (
        LocalLoss,
        collect_sentence_values,
        describe_exchange,
        explain_factor,
        find_mismatches_by_path,
        get_gradients_by_path,
        is_right_for_single_example,
        list_factors,
        root_mean_square,
    )
    from marker.nests import copy_floats_by_path, format_paths, replace_leaves
    from marker.verdict import Wrong
    from mlp_np import numerical_gradient, relative_difference

C = 12
N_HEADS = 3
BATCH_SHAPES = (3, 5), (2, 4)  # (texts, positions) of two batches; all differ, so that a wrong factor can be identified
MAX_POSITIONS = 33  # of the longest text
SMALL_SCALE = 0.003  # of x in the third batch, where the eps under the root of a norm matters
STUB = ROOT / "exercises" / "chapter7" / "own_block.py"
wrong = BLOCK_SENTENCES.make_exception


def format_success(evidence):
    """Return the text that the learner sees when the block passes."""
    n_numbers = sum(np.size(g) for g in evidence.gradients.values())
    arrays = f"all {len(evidence.gradients)} arrays of params, {n_numbers:,} numbers"
    return f"`backward` is the derivative of your `forward`, with respect to x and to {arrays}."


def add_batches_and_params(evidence):
    """Draw batches of x and dy, and params, and add them to `evidence`."""
    evidence.batches = [tuple(evidence.rng.normal(size=(2, B, T, C))) for B, T in BATCH_SHAPES]
    x, dy = evidence.rng.normal(size=(2, 1, MAX_POSITIONS, C))
    evidence.params, evidence.gradients = draw_params_and_gradients(
        evidence.calls, evidence.batches[0], [evidence.seed, 1]
    )
    evidence.x = evidence.batches[0][0]
    evidence.batches.append((SMALL_SCALE * x, dy))


class BlockCalls(Calls):
    """The functions of a learner's file for own_block, with checks of their results."""

    input_names = ("x", "dy")
    sentences = BLOCK_SENTENCES

    def first_weights(self, seed, size=None):
        """Return the params that the learner's `first_weights` draws. Raises `Wrong` if they are not a nest of arrays.

        size: (channels, heads); by default, (C, N_HEADS).
        """
        params = self.functions["first_weights"](*(size or (C, N_HEADS)), np.random.default_rng(seed))
        blank.require_result("first_weights", params)
        if not copy_floats_by_path(params):
            raise wrong("no weights", what=describe_type(params))
        return params

    def forward(self, params, x):
        """Return y (B, T, C). Raises `Wrong` if it has another shape or is not finite."""
        y = self.call("forward", params, (x,))
        if not isinstance(y, np.ndarray) or y.shape != x.shape or y.dtype.kind != "f":
            raise wrong("forward of another shape", wanted=x.shape, what=describe_type(y))
        if not np.isfinite(y).all():
            raise wrong("not finite: of a block")
        return y

    def backward(self, params, x, dy):
        """Return (dx (B, T, C), {path: gradient as float64, or None}). Raises `Wrong` if their shapes do not fit."""
        results = self.call("backward", params, (x, dy))
        if not isinstance(results, (tuple, list)) or len(results) != 2:
            description = f"{len(results)}" if isinstance(results, (tuple, list)) else f"one, {describe_type(results)}"
            raise wrong("wrong number of results: of a block", what=description)
        dx, gradients = results
        if np.shape(dx) != x.shape:
            raise wrong("dx of another shape", wanted=x.shape, what=f"of shape {np.shape(dx)}")
        arrays = copy_floats_by_path(params)
        gradients = get_gradients_by_path(params, gradients)
        if not gradients:
            raise wrong("gradients of another form: of a block", names=format_paths(arrays))
        for k, g in gradients.items():
            if g is not None and g.shape != arrays[k].shape:
                raise wrong("gradients of another shape", name=format_paths([k]), shape=arrays[k].shape, other=g.shape)
        return np.asarray(dx, np.float64), gradients


def draw_params_and_gradients(calls, batch, seed, size=None):
    """Return (params as they may be in mid-training, the gradients {path: array} at the first params).

    Arrays without a gradient keep their first values. The others are scaled and perturbed: no weights are so large that
    all attention weights are 0 or 1, nor so small that they have no effect.
    """
    params = calls.first_weights(seed, size)
    calls.forward(params, batch[0])  # if `backward` relies on what this call stores, another check reports it
    _, gradients = calls.backward(params, *batch)
    gradients = {k: g for k, g in gradients.items() if g is not None and (g.ndim or g)}
    arrays = {k: a / max(1, 2 * root_mean_square(a)) for k, a in copy_floats_by_path(params).items() if k in gradients}
    return replace_leaves(params, {k: a + 0.15 * draw_seeded_by_path(k, a.shape) for k, a in arrays.items()}), gradients


def draw_seeded_by_path(param_path, shape):
    """Return random numbers of this shape. The same path and shape always give the same numbers."""
    return np.random.default_rng(crc32(param_path.encode())).normal(size=shape)


# --- Is it a block? ---------------------------------------------------------------------------------------------------


def check_calls_are_independent(evidence):
    """Raise `Wrong` if results depend on earlier calls or on other texts of the batch."""
    calls = evidence.calls
    params = evidence.params
    x = evidence.x
    y = calls.forward(params, x)
    if not np.array_equal(y, calls.forward(params, x)):
        raise wrong("forward by chance")
    if np.abs(calls.forward(params, x[:1]) - y[:1]).max() > 1e-9 * np.abs(y).max():
        raise wrong("sees other texts", n=len(x))
    first_position = x[:1, :1]
    second_position = x[:1, 1:2]
    calls.forward(params, first_position)
    dx, _ = calls.backward(params, first_position, first_position)
    calls.forward(params, second_position)
    if not np.array_equal(dx, calls.backward(params, first_position, first_position)[0]):
        raise wrong("backward of another x")


def check_causality_and_reach(evidence):
    """Raise `Wrong` if a position depends on a later one, or if a later position does not depend on it.

    The positions of a text are nearly alike, so their attention scores are nearly equal: each has a visible weight,
    however large the params are.
    """
    calls = evidence.calls
    params = evidence.params
    x = evidence.x
    rng = evidence.rng
    for T in (x.shape[1], MAX_POSITIONS):
        texts = np.repeat(rng.normal(size=(2, 1, C)), T, axis=1) + 0.01 * rng.normal(size=(2, T, C))
        y = call_with_sizes_in_errors(calls.forward, params, texts, T=T)
        for position in range(T):
            changed_texts = texts.copy()
            changed_texts[:, position] += 0.3 * rng.normal(size=(2, C))
            change = np.abs(calls.forward(params, changed_texts) - y).max(axis=(0, 2))
            if (change[:position] > 1e-9 * np.abs(y).max()).any():
                raise wrong(
                    "sees what comes later", at=position, place=int((change > 1e-9 * np.abs(y).max()).argmax()), T=T
                )
            unseen = np.flatnonzero(change[position + 1 :] <= 1e-13 * np.abs(y).max()) + position + 1
            if position < T - 1 and len(unseen) == T - 1 - position:
                raise wrong("sees no other place", at=position, T=T)
            if len(unseen):
                raise wrong("sees not all", at=position, place=unseen[0], T=T)


def check_attention_sums(evidence):
    """Raise `Wrong` if attention weights do not add up to 1.

    If they do, the weighted mean of equal values is that value.
    """
    calls = evidence.calls
    params = evidence.params
    rng = evidence.rng
    one_position = rng.normal(size=(2, 1, C))
    y = calls.forward(params, one_position)
    for T in (2, 7, MAX_POSITIONS):
        differences = np.abs(
            call_with_sizes_in_errors(calls.forward, params, np.repeat(one_position, T, axis=1), T=T) - y
        ).max(axis=(0, 2))
        if differences.max() > 1e-6 * np.abs(y).max():
            raise wrong("no shares", at=int(differences.argmax()), T=T)


def compute_last_position_jacobian(calls, params, x, position):
    """Return the derivative of the last position of y with respect to x[position], (C, C), by central differences.

    x (T, C) is one text.
    """
    h = 1e-5
    moves = np.zeros((len(x[0]), *x.shape))
    moves[:, position] = np.eye(len(x[0]))
    y_above, y_below = (calls.forward(params, x + t * moves)[:, -1] for t in (h, -h))
    return ((y_above - y_below) / (2 * h)).T


def check_weights_depend_on_query(evidence):
    """Raise `Wrong` if the attention weights of other positions do not depend on the position that attends.

    Write y = G(u), where u is x plus the output of attention, and G is the rest of the block. In a text of three
    positions, suppose that the weights of positions 0 and 1, as seen from position 2, do not depend on x[2]. Then the
    derivatives of y[2] with respect to x[0] and x[1], side by side, are G' times a matrix (C, 2 C) that does not depend
    on x[2]. So for several x[2], the rows of all these derivatives span at most C dimensions. In a text of two
    positions, the same holds for the derivatives with respect to x[0] and x[1] if position 1 does not attend to itself.
    """
    calls = evidence.calls
    params = evidence.params
    rng = evidence.rng
    for mark, T in (("no attention", 3), ("sees not itself", 2)):
        ranks = []
        for text in rng.normal(size=(3, T, C)):
            texts = [np.concatenate([text[:-1], last_row]) for last_row in rng.normal(size=(4, 1, C))]
            rows = []
            for variant in texts:
                jacobians = [compute_last_position_jacobian(calls, params, variant, position) for position in (0, 1)]
                rows.append(np.concatenate(jacobians, axis=1))
            sizes = np.linalg.svd(np.concatenate(rows), compute_uv=False)
            ranks.append((sizes > 1e-7 * sizes[0]).sum())
        if max(ranks) <= C:
            raise wrong(mark)


def check_activation(evidence):
    """Raise `Wrong` if a text of one position goes through no activation.

    Without an activation, a block is linear in such a text, apart from the norms, which subtract one number and divide
    by another. So if x lies in a space of k dimensions, y lies in one of at most 4 k + 6 dimensions: u = x + A(gamma x,
    gamma, beta) lies in 2 k + 2 dimensions, and y = u + W(gamma u, gamma, beta) in twice as many plus 2. (If the norms
    come after the residual connections, there are fewer.)
    """
    calls = evidence.calls
    rng = evidence.rng
    size = (60, 4)
    k = 4
    seed = rng.integers(2**31)
    params, _ = call_with_sizes_in_errors(
        draw_params_and_gradients, calls, rng.normal(size=(2, 2, 3, size[0])), seed, size, C=size[0], h=size[1], T=3
    )
    texts = rng.normal(size=(400, 1, k)) @ rng.normal(size=(k, size[0]))
    sizes = np.linalg.svd(calls.forward(params, texts)[:, 0], compute_uv=False)
    if sizes[4 * k + 6] < 1e-9 * sizes[0]:
        raise wrong("no activation")


def check_residuals(evidence):
    """Raise `Wrong` if the block has no residual connections.

    With all randomly drawn weights set to 0, a block adds only constants to x: y is then x, or a norm of x.
    """
    calls = evidence.calls
    x = evidence.x
    rng = evidence.rng
    params = calls.first_weights(0)
    other_arrays = copy_floats_by_path(calls.first_weights(1))
    zeros = {
        k: 0 * a for k, a in copy_floats_by_path(params).items() if a.size and not np.array_equal(a, other_arrays[k])
    }
    if len(other_arrays) > 1:  # a single array may contain the gammas, too
        y = calls.call("forward", replace_leaves(params, zeros), (x,))
        other_y = calls.call("forward", replace_leaves(params, zeros), (rng.normal(size=x.shape),))
        if np.isfinite(y).all() and np.abs(y - other_y).max() < 1e-9:
            raise wrong("no sum", names=format_paths(zeros))


def check_arrays_used(evidence):
    """Raise `Wrong` if an array that has a gradient does not change y at all."""
    calls = evidence.calls
    params = evidence.params
    x = evidence.x
    y = calls.forward(params, x)
    _, gradients = calls.backward(params, x, x)
    for k, a in copy_floats_by_path(params).items():
        changed_params = replace_leaves(params, {k: a + 0.1 * draw_seeded_by_path(k, a.shape)})
        if gradients.get(k) is not None and gradients[k].ndim and np.array_equal(calls.forward(changed_params, x), y):
            raise wrong("never used", name=format_paths([k]))


def check_heads(evidence):
    """Raise `Wrong` if the heads do not have attention weights of their own.

    First test: the same params with another number of heads should give another y. (It proves nothing if the arrays
    depend on the number of heads.) Second test: with weights so large that each attention weight is 0 or 1, one head
    may choose position 0 and another one position 1. If all heads choose the same position, y[2] for the text x[0],
    x[1], x[2] equals y[2] for x[0], x[0], x[2] or for x[1], x[1], x[2].
    """
    calls = evidence.calls
    params = evidence.params
    x = evidence.x
    rng = evidence.rng
    params_with_two_heads, _ = draw_params_and_gradients(calls, (x, x), 0, (C, 2))
    params_with_all_heads, _ = draw_params_and_gradients(calls, (x, x), 0, (C, N_HEADS))
    y_with_two_heads = calls.forward(params_with_two_heads, x)
    if np.allclose(y_with_two_heads, calls.forward(params_with_all_heads, x), rtol=0, atol=1e-9):
        raise wrong("heads ignored", one=N_HEADS, two=2)
    _, gradients = calls.backward(params, x, x)
    large_params = replace_leaves(
        params, {k: 30 * a for k, a in copy_floats_by_path(params).items() if gradients.get(k) is not None}
    )
    texts = rng.normal(size=(200, 3, C))
    y, *y_of_repeats = (
        calls.call("forward", large_params, (texts[:, positions],))[:, 2]
        for positions in ([0, 1, 2], [0, 0, 2], [1, 1, 2])
    )
    differences = np.min([np.abs(y - y_of_repeat).max(axis=1) for y_of_repeat in y_of_repeats], axis=0)
    n_same = (differences < 1e-9 * np.abs(y).max()).sum()
    if n_same > 0.9 * len(texts):  # with independent heads it is about half of them
        raise wrong("heads ignored: they choose the same", heads=N_HEADS, n=n_same, of=len(texts))


def check_first_weights_use_rng(evidence):
    """Raise `Wrong` unless equal generators give equal first weights, and different generators different ones."""
    calls = evidence.calls
    arrays, arrays_again, other_arrays = (copy_floats_by_path(calls.first_weights(seed)) for seed in (0, 0, 1))
    changed_paths = [k for k, a in arrays.items() if not np.array_equal(a, arrays_again[k])]
    if changed_paths:
        raise wrong("first weights by chance", names=format_paths(changed_paths))
    drawn_paths = [k for k, a in arrays.items() if a.size and np.ptp(a)]
    if drawn_paths and all(np.array_equal(arrays[k], other_arrays[k]) for k in drawn_paths):
        raise wrong("rng ignored: of a block", names=format_paths(drawn_paths))


def call_with_sizes_in_errors(function, *arguments, **sizes):
    """Return function(*arguments). If the learner's file fails, raises a `Wrong` that names `sizes`: C, h and T."""
    try:
        return function(*arguments)
    except Wrong:
        raise
    except Exception as error:
        templates = {"C": "{} channels", "h": "{} heads", "T": "{} positions"}
        text = ", ".join(templates[k].format(n) for k, n in sizes.items())
        raise wrong("fails at another size", of=text, error=blank.end_sentence(explain_exception(error))) from None


def check_no_numerical_gradient(evidence):
    """Raise `Wrong` if `backward` differentiates numerically, by perturbing one entry at a time."""
    file = evidence.calls.module.__file__
    counts = Counter()
    x, dy = np.random.default_rng(0).normal(size=(2, 1, 1, C))

    def count_call(frame, event, _):
        if event == "call" and frame.f_code.co_filename == str(file) and frame.f_code.co_name.isidentifier():
            counts[frame.f_code.co_name] += 1

    profiler = sys.getprofile()
    sys.setprofile(count_call)
    try:
        evidence.calls.backward(evidence.params, x, dy)
    finally:
        sys.setprofile(profiler)
    n_numbers = sum(a.size for a in copy_floats_by_path(evidence.params).values())
    for name, n in counts.most_common(1):
        if n >= n_numbers:
            raise wrong("backward by differences", name=name, n=n, numbers=n_numbers)


# --- Is backward the derivative of forward? ---------------------------------------------------------------------------


def check_derivatives(evidence):
    """Raise `Wrong` if dx or a gradient differs from central differences of (forward(params, x) * dy).sum()."""
    errors = []
    for x, dy in evidence.batches:
        local_loss, gradients = make_local_loss_and_gradients(evidence.calls, evidence.params, x, dy)
        errors.append(find_mismatches_by_path(local_loss, gradients, evidence.rng, thorough=True))
    if any(errors):
        raise make_gradient_error(evidence.calls, evidence.params, evidence.batches, errors, evidence.rng)


def make_local_loss_and_gradients(calls, params, x, dy):
    """Return (the `LocalLoss` that differentiates (forward(params, x) * dy).sum(), the learner's gradients {path:
    array}).

    A gradient that `backward` does not return counts as 0.
    """

    def weighted_output_sum(nest, dy):
        return (calls.forward(nest["params"], nest["x"]) * dy).sum()

    local_loss = LocalLoss(weighted_output_sum, {"x": x, "params": params}, (dy,))
    dx, gradients = calls.backward(params, x, dy)
    gradients = {f'["params"]{k}': gradients.get(k, np.zeros(a.shape)) for k, a in copy_floats_by_path(params).items()}
    return local_loss, {'["x"]': dx} | gradients


def format_argument_paths(paths):
    """Return the paths of x and of arrays in params as text, such as `x, params["W1"]`."""
    param_paths = [k.removeprefix('["params"]') for k in paths if k != '["x"]']
    texts = ["x"] if '["x"]' in paths else []
    if param_paths:
        texts.append(format_paths(param_paths))
    return ", ".join(texts)


def make_gradient_error(calls, params, batches, errors, rng):
    """Return a `Wrong` that names the wrong gradients, with one entry compared and a diagnosis.

    errors: for each batch, the result of `find_mismatches_by_path`.
    """
    batch_index = next(i for i, bad in enumerate(errors) if bad)
    batch_errors = errors[batch_index]
    factors = list_factors(errors, batch_errors)
    local_loss, gradients = make_local_loss_and_gradients(calls, params, *batches[batch_index])
    if all(factors) and factors[batch_index] != 1:
        diagnosis = explain_factor(factors, [len(x) for x, _ in batches], QUESTIONS_BY_POWER)
        return wrong(
            "gradients times a number: of a block",
            times=factors[batch_index],
            more=diagnosis,
            **collect_sentence_values(batch_errors, gradients, format_argument_paths),
        )
    diagnosis = make_scale_or_length_sentence(calls, params, batches, batch_index, batch_errors, rng)
    if not diagnosis:
        diagnosis = make_missing_term_sentence(
            calls, params, batches[batch_index], local_loss, gradients, batch_errors, rng
        )
    diagnosis += describe_smallest_failing_case(calls)
    return wrong(
        "other gradients: of a block",
        more=diagnosis,
        **collect_sentence_values(batch_errors, gradients, format_argument_paths),
    )


# {power: question} for a gradient that is wrong by the factor (number of texts) ** power.
QUESTIONS_BY_POWER = {
    1: " That is the number of texts. Where do you use this number?",
    -1: " That is 1 / the number of texts. Does (y * dy).sum() contain a mean over the texts?",
}


# (B, T, C, h)
CASE_SIZES = (1, 1, 2, 1), (1, 2, 2, 1), (1, 1, 3, 1), (1, 2, 3, 1), (2, 1, 3, 1), (1, 2, 4, 2), (2, 2, 4, 2)


def describe_smallest_failing_case(calls):
    """Return a sentence with the smallest case in which every wrong gradient has a wrong entry, or "" if there is none.

    It gives all inputs, so that the learner can work the case out on paper.
    """
    for *size, channels, heads in CASE_SIZES:
        x, dy = np.random.default_rng(0).normal(size=(2, *size, channels)).round(1)
        try:
            local_loss, gradients = make_local_loss_and_gradients(
                calls, calls.first_weights(0, (channels, heads)), x, dy
            )
            errors = find_mismatches_by_path(local_loss, gradients, np.random.default_rng(0), thorough=True)
        except Exception:
            continue  # at this size the file has a different error
        entry_errors = {}
        for k, errors_of_path in errors.items():
            entry_errors[k] = [error for error in errors_of_path if error.index is not None]
        if entry_errors and all(entry_errors.values()):
            values = collect_sentence_values(entry_errors, gradients, format_argument_paths)
            return (
                f"\nSmall enough for paper: params = first_weights({channels}, {heads}, np.random.default_rng(0)), "
                f"x = {x.tolist()}, dy = {dy.tolist()}. Here, `backward` says {values['mine']} for {values['at']}, "
                f"and it is {values['slope']}."
            )
    return ""


def is_slight(errors):
    """Return whether all errors are below 1 %, as they are if eps is missing. errors: {path: errors of entries}."""
    all_errors = itertools.chain.from_iterable(errors.values())
    return all(abs(error.mine - error.slope) < 0.01 * abs(error.slope) for error in all_errors)


def make_scale_or_length_sentence(calls, params, batches, batch_index, errors, rng):
    """Return a sentence if the error comes from the small x or the long text of the last batch, otherwise "".

    A slight error in an earlier batch may have the first cause, too.
    """
    x, dy = batches[batch_index]
    if batch_index < len(BATCH_SHAPES) and not is_slight(errors):
        return ""
    if is_right_for_single_example(*make_local_loss_and_gradients(calls, params, x / SMALL_SCALE, dy), rng):
        return f" With x / {SMALL_SCALE} they are right. Is the eps under the root of a norm the same in both passes?"
    T = BATCH_SHAPES[0][1]
    if batch_index >= len(BATCH_SHAPES) and is_right_for_single_example(
        *make_local_loss_and_gradients(calls, params, x[:, :T], dy[:, :T]), rng
    ):
        return f" With texts of {T} positions they are right. Which line of `backward` depends on the length of a text?"
    return ""


def make_missing_term_sentence(calls, params, batch, local_loss, gradients, errors, rng):
    """Return a sentence on what would make a wrong gradient right, such as a missing term, or "" if unknown."""
    x, dy = batch

    if '["x"]' in errors and local_loss.is_gradient('["x"]', gradients['["x"]'] + dy, rng):
        return " dy itself is missing from dx. Along which path does x reach y unchanged?"
    if '["x"]' in errors and local_loss.is_gradient('["x"]', gradients['["x"]'] - dy, rng):
        return " dx contains dy itself once too often. Along how many paths does x reach y unchanged?"
    sentence = describe_exchange(gradients, errors, local_loss, rng, format_argument_paths)
    if sentence:
        return sentence
    if all(
        is_right_for_single_example(*make_local_loss_and_gradients(calls, params, x[i : i + 1], dy[i : i + 1]), rng)
        for i in range(len(x))
    ):
        return " With a single text they are right. Where do you sum over the texts?"
    positions = [slice(t, t + 1) for t in range(x.shape[1])]
    if all(
        is_right_for_single_example(*make_local_loss_and_gradients(calls, params, x[:, t], dy[:, t]), rng)
        for t in positions
    ):
        return " With texts of a single position they are right. What happens between the positions?"
    return ""


CHECKS = (
    add_batches_and_params,
    check_calls_are_independent,
    check_no_numerical_gradient,
    check_causality_and_reach,
    check_attention_sums,
    check_first_weights_use_rng,
    check_residuals,
    check_activation,
    check_weights_depend_on_query,
    check_heads,
    check_arrays_used,
    check_derivatives,
)
FUNCTIONS = "first_weights", "forward", "backward"
# The check that is left out counts calls inside `backward`, which cannot be seen from another process.
RECHECKS = tuple(check for check in CHECKS if check is not check_no_numerical_gradient)
GIVES = {"first_weights": ("params",), "backward": ("", "gradients")}
JUDGE = Blank(FUNCTIONS, STUB, BlockCalls, CHECKS, format_success, "exercises.block", rechecks=RECHECKS, gives=GIVES)


# --- The program ------------------------------------------------------------------------------------------------------


def print_gradient_errors(learner_path):
    """Print how far each gradient of a learner's block is from central differences."""
    x, dy = np.random.default_rng(0).normal(size=(2, *BATCH_SHAPES[0], C))
    with open_learner_module(learner_path) as module:
        calls = BlockCalls(module)
        params, _ = draw_params_and_gradients(calls, (x, dy), 0)
        local_loss, gradients = make_local_loss_and_gradients(calls, params, x, dy)
    print("the largest relative difference from (f(+h) - f(-h)) / 2h, where f is (forward(params, x) * dy).sum()")
    for k, g in gradients.items():
        if g is not None:
            array = local_loss.arrays[k].copy()
            slopes = numerical_gradient(
                lambda k=k, a=array: local_loss.make_loss_along({k: a - local_loss.arrays[k]})(1), array
            )
            print(f"{format_argument_paths([k]):30} {relative_difference(g, slopes):.1e}")


if __name__ == "__main__":
    sys.exit(program.run(lambda: print_gradient_errors(sys.argv[1])))
