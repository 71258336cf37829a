"""Check by central differences whether a learner's `gradients` returns the derivative of the learner's own `loss`.

    compute_checked_gradients(loss, gradients, params, batches, rng)

The check does not depend on the model: loss(params, *batch) is a number, gradients(params, *batch) a nest like params,
and a batch one or more arrays with a row for each example.
"""

from collections.abc import Callable
from itertools import chain
from typing import NamedTuple

import numpy as np

from marker.factors import find_size_product
from marker.nests import copy_floats_by_path, format_paths, leaves_by_path, replace_leaves
from marker.trial import is_exactly_equal, list_changed_names
from marker.verdict import DERIVATIVE_SENTENCES, Sentences, Wrong
from marker.words import SENTENCE_TABLES

wrong = DERIVATIVE_SENTENCES.make_exception
said = Sentences(SENTENCE_TABLES["Gradients"]).text
# (step, relative tolerance of a slope), in float64, and where something is rounded to float32. There are several steps
# because one may be so short that rounding errors dominate, and another so long that it crosses a kink.
EXACT_STEPS = (1e-5, 1e-4), (1e-6, 1e-4), (1e-7, 1e-3)
ROUNDED_STEPS = (1e-2, 0.06), (3e-2, 0.06), (3e-3, 0.06)


class Mismatch(NamedTuple):
    """A difference between a gradient and the slope of the loss, at one entry or, if index is None, along a
    direction."""

    index: int | None
    mine: float
    slope: float


class LearnerFunctions(NamedTuple):
    """A learner's functions, the params at which they are called, and what to call the examples."""

    loss: Callable  # loss(params, *batch) -> number
    gradients: Callable  # gradients(params, *batch) -> nest like params
    params: object
    examples_name: str


@np.errstate(all="ignore")  # a loss may be inf
def compute_checked_loss(loss, params, batch, examples_name="examples"):
    """Return `loss` of a batch.

    Raises `Wrong` if it is not a number, is random, or is the sum over the examples, not the mean.
    """
    value = loss(replace_leaves(params), *batch)
    if value is None or value is ...:
        raise wrong("returns None", name="loss")
    if np.ndim(value) or not isinstance(value, (float, int, np.number, np.ndarray)):
        description = said("an array" if np.ndim(value) else "a type", shape=np.shape(value), type=type(value).__name__)
        raise wrong("loss is no number", what=description)
    loss_value = float(value)
    repeated_loss = float(loss(replace_leaves(params), *batch))
    if repeated_loss != loss_value and np.isfinite(loss_value):
        raise wrong("loss by chance", first=loss_value, second=repeated_loss)
    doubled_loss = float(loss(replace_leaves(params), *(np.concatenate([a, a]) for a in batch)))
    if abs(doubled_loss - 2 * loss_value) < 1e-3 * abs(loss_value):
        raise wrong("loss is a sum", once=loss_value, twice=doubled_loss, examples=examples_name)
    return loss_value


@np.errstate(all="ignore")
def compute_checked_gradients(
    loss,
    gradients,
    params,
    batches,
    rng,
    examples_name="examples",
    thorough=True,
    term_counters=None,
    factor_questions=None,
):
    """Return the gradients of the first batch, {path: array}. Raises `Wrong` if they are not right in all batches.

    loss(params, *batch) -> the mean loss of a batch, a number. It must not change its arguments. gradients(params,
    *batch) -> a nest of the same structure as params; what the loss does not depend on may be None or left out. params:
    a nest as in marker/nests.py. The slopes are computed at slightly different params, so that no ReLU is at 0.
    batches: tuples of arrays, with a row for each example. Two batches of different sizes make it possible to
    distinguish a factor that is the batch size from a constant. examples_name: what to call the examples, in the
    plural. thorough: also check single entries, not only directions. term_counters: {what the loss might be a mean
    over: a function of a batch that counts them}. The first one is right. Without it, the loss is a mean over the
    examples. factor_questions: {a wrong factor: the question to ask about it}.
    """
    first_gradients = compute_gradients_by_path(gradients, params, batches[0])
    arrays = copy_floats_by_path(params)
    nearby = {k: arrays[k] for k, g in first_gradients.items() if g is not None}
    nearby = {k: a + rng.normal(size=a.shape) * (1e-3 * root_mean_square(a) or 1e-2) for k, a in nearby.items()}
    params = replace_leaves(params, nearby)
    mismatches_by_batch = []
    for batch in batches:
        batch_gradients = compute_gradients_by_path(gradients, params, batch)
        local_loss = LocalLoss(loss, params, batch)
        try:
            mismatches_by_batch.append(
                find_mismatches_by_path(local_loss, batch_gradients, rng, thorough and not mismatches_by_batch)
            )
        except Wrong as error:
            if (
                error.mark != "no gradient"
                or leaves_by_path(gradients(replace_leaves(params), *batch)).keys() <= batch_gradients.keys()
            ):
                raise
            raise make_form_error(
                gradients(replace_leaves(params), *batch), arrays
            ) from None  # the gradient may exist under another path
        if not local_loss.n_known and np.isfinite(local_loss.value):
            raise wrong("loss in jumps")
        if len(mismatches_by_batch) == 1:
            first_gradients = batch_gradients  # at the params where the slopes are taken
    if any(mismatches_by_batch):
        functions = LearnerFunctions(loss, gradients, params, examples_name)
        raise make_error(
            functions, batches, mismatches_by_batch, first_gradients, rng, term_counters or {}, factor_questions or {}
        )
    return {k: g for k, g in first_gradients.items() if g is not None}


def compute_gradients_by_path(gradients, params, batch):
    """Return {path: gradient as float64, or None for a constant}. Raises `Wrong` if they do not match params."""
    params_copy = replace_leaves(params)
    arrays = copy_floats_by_path(params)
    if not arrays:
        dtypes = {k: np.asarray(a).dtype for k, a in leaves_by_path(params).items() if a is not None}
        reason = next((said("numbers of a type", type=kind) for kind in dtypes.values()), "")
        reason = reason or said("a type", type=type(params).__name__)
        raise wrong("params of another kind", where=format_paths([*dtypes][:1]) or "params", what=reason)
    nest = gradients(params_copy, *batch)
    if nest is None or nest is ...:
        raise wrong("returns None", name="gradients")
    by_path = get_gradients_by_path(params, nest)
    after = copy_floats_by_path(params_copy)
    with_gradient = [k for k, g in by_path.items() if g is not None]
    if not with_gradient:
        raise make_form_error(nest, arrays)
    changed_names = list_changed_names(after, {k: arrays[k] for k in with_gradient if k in after}, is_exactly_equal)
    if changed_names:
        raise wrong("gradients changes params", names=format_paths(changed_names))
    for k in with_gradient:
        g = by_path[k]
        if g.shape != arrays[k].shape:
            raise wrong("gradients of another shape", name=format_paths([k]), shape=arrays[k].shape, other=g.shape)
    return {k: g for k, g in by_path.items() if g is None or g.ndim or g}  # a number with gradient 0 is a constant


def make_form_error(gradients, arrays):
    description = said("a nest", type=type(gradients).__name__, n=len(leaves_by_path(gradients)))
    return wrong("gradients of another form", what=description, names=format_paths(arrays))


def get_gradients_by_path(params, gradients):
    """Return {path of params: gradient as float64, or None}.

    If the paths differ, arrays are matched by order and shape.
    """
    arrays = copy_floats_by_path(params)
    by_path = leaves_by_path(gradients)
    if not by_path.keys() <= leaves_by_path(params).keys():
        shapes = {k: a for k, a in arrays.items() if a.ndim}
        if [a.shape for a in shapes.values()] == [np.shape(a) for a in by_path.values()]:
            by_path = dict(zip(shapes, by_path.values(), strict=True))
    return {k: a if a is None else np.asarray(a, np.float64) for k, a in by_path.items() if k in arrays}


class LocalLoss:
    """The loss of a batch as a function near some params."""

    def __init__(self, loss, params, batch):
        self.loss = loss
        self.params = params
        self.batch = batch
        self.arrays = copy_floats_by_path(params)
        self.value = float(loss(params, *batch))
        self.n_known = 0  # how many slopes could be determined so far
        line = self.make_loss_along({k: np.ones(a.shape) for k, a in self.arrays.items()})
        line = [line(1e-9 * t) for t in range(6)]
        bend = np.abs(np.diff(line, 2)).max()  # nothing but rounding, for steps this small
        self.lengths = ROUNDED_STEPS if bend > 1e-12 * max(1, abs(self.value)) or len({*line}) < 3 else EXACT_STEPS

    def make_loss_along(self, moves):
        """Return the loss as a function of a number t, at params + t * moves. moves: {path: array}."""
        return lambda t: float(
            self.loss(replace_leaves(self.params, {k: self.arrays[k] + t * v for k, v in moves.items()}), *self.batch)
        )

    def find_slope(self, path, direction, claimed_slope, scale):
        """Return `claimed_slope` if it is the loss's slope along `direction`, else the slope; None if neither is known.

        path: an array's path; direction: a direction for that array. scale: errors are relative to at least this size.
        The slope cannot be determined near a kink or below rounding error.
        """
        slope = self.measure_slope(path, direction, claimed_slope, scale)
        self.n_known += slope is not None
        return slope

    def measure_slope(self, path, direction, claimed_slope, scale):
        """Return what `find_slope` returns, without counting it in `n_known`."""
        f = self.make_loss_along({path: direction})
        for h, tolerance in self.lengths:
            loss_above = f(h)
            loss_below = f(-h)
            slope = (loss_above - loss_below) / (2 * h)
            rounding = (4e-7 if self.lengths is ROUNDED_STEPS else 1e-13) * max(1, abs(self.value)) / h  # of long sums
            tolerance = max(tolerance * max(abs(slope), abs(claimed_slope), scale), rounding)
            if abs(slope - claimed_slope) <= tolerance:
                return claimed_slope
            half_step_slope = (f(h / 2) - f(-h / 2)) / h
            if (
                abs(slope - half_step_slope) <= tolerance / 3
                and abs(loss_above - 2 * self.value + loss_below) / h <= tolerance
            ):
                return slope if abs(slope) > rounding else 0.0  # to report 0, not 1e-11
        return None

    def is_gradient(self, path, g, rng):
        """Return True if g is the gradient of the array with this path, along two random directions."""
        directions = [normalise(rng.normal(size=g.shape)) for _ in range(2)]
        for v in directions:
            claim = float((g * v).sum())
            if not g.any() or self.find_slope(path, v, claim, 1e-7) != claim:
                return False
        return True


def root_mean_square(a):
    return np.sqrt(np.mean(np.square(a))) if a.size else 0.0


def find_mismatches_by_path(local_loss, gradients, rng, thorough, entries=()):
    """Return {path: [`Mismatch`]} of the gradients that differ from the slope of the loss, for one batch.

    local_loss: the loss of that batch. entries: {path: [index]} to check in addition. thorough: check the largest and
    some random entries, too. Raises `Wrong` if the loss depends on an array that has no gradient.
    """
    mismatches_by_path = {}
    for k, a in local_loss.arrays.items():
        g = gradients.get(k)
        if g is None:
            if k not in gradients and a.ndim and local_loss.find_slope(k, rng.normal(size=a.shape), 0.0, 1e-4):
                raise wrong("no gradient", name=format_paths([k]))
            continue
        if not np.isfinite(g).all():
            if np.isfinite(local_loss.value):
                raise wrong("not finite: a gradient", name=format_paths([k]), loss=local_loss.value)
            continue
        size = max(1e-2 * root_mean_square(g), 1e-7)

        def list_mismatches_along(v, k=k, g=g, size=size, index=None):
            claim = float((g * v).sum())
            slope = local_loss.find_slope(k, v, claim, size)
            return [] if slope is None or slope == claim else [Mismatch(index, claim, slope)]

        random = rng.normal(size=a.shape)
        # With few digits, only large slopes are visible: along the gradient, part of it, and the weights (for a decay).
        directions = (g, g * (random > 0), a, random) if local_loss.lengths is ROUNDED_STEPS else (g, random)
        directions = [normalise(v) for v in directions if np.any(v)]
        bad = []
        for v in directions:
            bad += list_mismatches_along(v)
        indices = [*np.argsort(-np.abs(g), axis=None)[:3], *rng.integers(g.size, size=4)] if thorough else []
        if local_loss.lengths is EXACT_STEPS:
            for i in {*map(int, indices), *dict(entries).get(k, ())}:
                bad += list_mismatches_along(unit_vector(i, a), index=i)
        if bad and local_loss.lengths is EXACT_STEPS and all(off_entry.index is None for off_entry in bad):
            i = find_wrong_entry_index(local_loss, k, g, normalise(random))
            bad = list_mismatches_along(unit_vector(i, a), index=i) + bad
        if bad:
            mismatches_by_path[k] = bad
    return mismatches_by_path


def is_right_for_single_example(local_loss, gradients, rng, nonzero_paths=(), entries=()):
    """Return True if the gradients for a single example are right, and not 0 in the arrays of `nonzero_paths`.

    local_loss: the loss of that example. entries: {path: [index]} to check in addition.
    """
    return all(np.any(gradients[k]) for k in nonzero_paths) and not find_mismatches_by_path(
        local_loss, gradients, rng, True, entries
    )


def normalise(v):
    return v / np.linalg.norm(v)


def unit_vector(i, a):
    """Return an array of a's shape that is 1 at entry i, counted through all axes, and 0 elsewhere."""
    return (np.arange(a.size) == i).reshape(a.shape).astype(float)


def find_wrong_entry_index(local_loss, k, g, v):
    """Return the index of an entry of g that is not the slope, by bisection: it keeps the half with the larger error.

    g, v: a gradient, and a direction along which it is wrong; k: the array's path.
    """
    remaining = np.arange(g.size)
    h = local_loss.lengths[0][0]

    def slope_error(part):
        w = np.where(np.isin(np.arange(g.size), part), v.ravel(), 0).reshape(g.shape)
        f = local_loss.make_loss_along({k: w})
        return abs((f(h) - f(-h)) / (2 * h) - (g * w).sum())

    while len(remaining) > 1:
        remaining = max(np.array_split(remaining, 2), key=slope_error)
    return int(remaining[0])


def collect_sentence_values(bad, gradients, format_names):
    """Return the values for a sentence about wrong gradients: their names, those that are right, and one example.

    bad: what `find_mismatches_by_path` returns; gradients: {path: array or None}; format_names(paths) returns them as
    text. The example is one entry, or one direction, with the claimed and the right slope.
    """
    *_, k = bad
    off_entry = max(bad[k], key=lambda off_entry: off_entry.index is not None)
    location = said("along", names=format_names([k])) if off_entry.index is None else format_names([k])
    if off_entry.index is not None and np.ndim(gradients[k]):
        location = describe_entry(off_entry.index, np.shape(gradients[k]), location)
    right = [key for key, g in gradients.items() if g is not None and key not in bad]
    right = f" {said('right', names=format_names(right))}" if right else ""
    claim, slope = format_distinct_pair(off_entry.mine, off_entry.slope)
    return {"names": format_names(bad), "right": right, "at": location, "mine": claim, "slope": slope}


def describe_entry(index, array_shape, array_name):
    """Return the name of an entry, such as "W1[0, 2]". index: counted through all axes of the array."""
    return said("entry", index=", ".join(map(str, np.unravel_index(index, array_shape))), name=array_name)


def format_distinct_pair(a, b):
    """Return two numbers as texts, with four digits or as many as it takes to distinguish them."""
    texts = [[f"{a:.{digits}g}", f"{b:.{digits}g}"] for digits in range(4, 17)]
    return next((pair for pair in texts if pair[0] != pair[1]), texts[0])


def list_factors(mismatches_by_batch, paths):
    """Return, for each batch, the factor by which the arrays with these paths are off.

    mismatches_by_batch: for each batch, {an array's path: its wrong entries}. A factor is None if it is not the same
    for all entries.
    """
    factors = []
    for bad in mismatches_by_batch:
        entries = [bad.get(path, ()) for path in paths]
        factors.append(find_factor([*chain.from_iterable(entries)]))
    return factors


def make_error(functions, batches, mismatches_by_batch, first_gradients, rng, term_counters, factor_questions):
    """Return the exception that says which gradients are wrong, with one entry as an example, and by which factor.

    functions: the `LearnerFunctions`. mismatches_by_batch: for each batch, what `find_mismatches_by_path` returns.
    Other arguments: see `compute_checked_gradients`.
    """
    examples_name = functions.examples_name
    sizes = [len(batch[0]) for batch in batches]
    batch_index = next(i for i, bad in enumerate(mismatches_by_batch) if bad)
    batch = batches[batch_index]
    n_examples = sizes[batch_index]
    bad = mismatches_by_batch[batch_index]
    factors = list_factors(mismatches_by_batch, bad)
    factor = factors[batch_index]
    values = collect_sentence_values(bad, first_gradients, format_paths) | {"n": n_examples, "examples": examples_name}
    if is_same_for_other_params(functions, batch):
        return wrong("other gradients", more=f" {said('the same for others')}", **values)
    if not all(factors) or abs(factor - 1) < 0.05:  # nearly right: a term may also be missing
        remark = explain_exchange_or_decay(functions, batches[0], bad, first_gradients, rng)
        if remark or not all(factors) or factor == 1:
            remark += describe_smallest_wrong_case(functions, batch)
            remark = remark or explain_right_alone(functions, batch, bad, rng)
            return wrong("other gradients", more=remark, **values)
    also = ""
    for n, times in zip(sizes, factors, strict=True):
        if n != n_examples and abs(times / factor - 1) > 0.03:
            also = f" {said('also' if times != 1 else 'also: right', n=n, examples=examples_name, times=times)}"
    questions = {power: f" {said(text, examples=examples_name)}" for power, text in QUESTION_KEYS_BY_POWER.items()}
    remark = (
        explain_factor(factors, sizes, questions)
        or explain_constant(factors, sizes, examples_name, factor_questions)
        or explain_mean(factors, batches, term_counters)
    )
    times = f"{factor:.{5 if abs(factor - 1) < 0.01 else 3}g}"  # 1.0005 is not 1
    return wrong("gradients times a number", times=times, also=also, more=remark, **values)


def describe_smallest_wrong_case(functions, batch, max_tries=150):
    """Return a sentence on one example with as few nonzero entries as possible for which a gradient is still wrong.

    Return "" if no single example shows the mistake. max_tries: how many examples to try.
    """

    def find_wrong_entry(batch):
        """Return (the path of an array, the `Mismatch` at one of its entries); None if there is none."""
        local_loss = LocalLoss(functions.loss, functions.params, batch)
        batch_gradients = compute_gradients_by_path(functions.gradients, functions.params, batch)
        bad = (
            find_mismatches_by_path(local_loss, batch_gradients, np.random.default_rng(0), True)
            if local_loss.lengths is EXACT_STEPS
            else {}
        )
        for k, offs in bad.items():
            for off_entry in offs:
                if off_entry.index is not None:
                    return k, off_entry
        return None

    example = None
    for i in range(min(len(batch[0]), 20)):
        single_example = tuple(a[i : i + 1].copy() for a in batch)
        if find_wrong_entry(single_example):
            example = single_example
            break
    if example is None:
        return ""
    entries = example[0].reshape(-1)  # a view, so that changes show in `example`
    nonzero = np.flatnonzero(entries)
    size = len(nonzero) // 2
    while size:
        for part in [nonzero[i : i + size] for i in range(0, len(nonzero), size)]:
            old_values = entries[part]
            entries[part] = 0
            max_tries -= 1
            if max_tries > 0 and find_wrong_entry(example):
                nonzero = nonzero[~np.isin(nonzero, part)]
            else:
                entries[part] = old_values
        size //= 2
    k, off_entry = find_wrong_entry(example)
    claim, slope = format_distinct_pair(off_entry.mine, off_entry.slope)
    value_texts = ", ".join(said("alone: a number", value=entries[i], i=i) for i in nonzero[:5])
    kind = "alone: of few" if value_texts else "alone: of zeros"
    if len(nonzero) > 4:
        kind = "alone: of several"
    description = said(kind, n=len(nonzero), few=value_texts)
    entry = describe_entry(off_entry.index, np.shape(leaves_by_path(functions.params)[k]), format_paths([k]))
    values = {"at": entry, "mine": claim, "slope": slope}
    return "\n" + said("alone", examples=functions.examples_name, that=description, **values)


def find_factor(mismatches):
    """Return the factor by which all these wrong entries are off; None if it varies, 1 if there are no entries."""
    if not mismatches:
        return 1.0
    ratios = [entry.mine / entry.slope if entry.slope else np.inf for entry in mismatches]
    r = float(np.median(ratios))
    tolerance = min(0.03 * abs(r), 0.1 * abs(r - 1))  # 0.966 and 0.972 are not one factor
    return r if len(ratios) > 1 and np.isfinite(r) and np.ptp(ratios) < tolerance else None


# {a power: the mark of the question about a factor that is this power of the number of examples}
QUESTION_KEYS_BY_POWER = {1: "times: their number", -1: "times: one by their number", 2: "times: their number squared"}


def is_alike(factors, values):
    return np.all(np.abs(np.array(factors) / values - 1) < 0.03)


def explain_factor(factors, sizes, questions_by_power):
    """Return a question if the factors, one for each batch, are -1 or a power of the number of examples; else "".

    questions_by_power: {a power: the question}.
    """
    if is_alike(factors, -1):
        return f" {said('times: the sign')}"
    product = find_size_product(factors, {"n": sizes}, questions_by_power, max_sizes=1, tolerance=0.03)
    return questions_by_power[product.powers["n"]] if product and product.sign > 0 else ""


def explain_constant(factors, sizes, examples_name, factor_questions):
    """Return a question if the loss seems to be divided by a constant, not by the number of examples; else "".

    factor_questions: {a wrong factor: the question}, as in `compute_checked_gradients`.
    """
    sizes = np.array(sizes, float)
    c = sizes[0] / factors[0]
    if len({*sizes}) > 1 and is_alike(factors, sizes / c) and abs(c - round(c)) < 0.01 * c and round(c) > 1:
        return f" {said('times: a constant', n=round(c), examples=examples_name)}"
    return next((f" {ask}" for times, ask in factor_questions.items() if is_alike(factors, times)), "")


def explain_mean(factors, batches, term_counters):
    """Return a question if the mean seems to be taken over the wrong things; else "".

    term_counters: {what a mean may be over: a function that counts them}, as in `compute_checked_gradients`.
    """
    counts = {}
    for name, count in term_counters.items():
        counts[name] = np.array([count(*batch) for batch in batches], float)
    right, *other_units = counts or [None]
    for other_unit in other_units:
        times = counts[right] / counts[other_unit]
        if np.allclose(factors, times, rtol=0.03):
            return f" {said('times: a mean', times=times[0], right=right, other=other_unit)}"
    return ""


def describe_exchange(gradients, bad, local_loss, rng, format_names):
    """Return a sentence if one of the wrong gradients is right for another array, or is transposed; else ""."""
    for k in bad:
        same_shape_gradients = {
            path: g for path, g in gradients.items() if path != k and np.shape(g) == np.shape(gradients[k])
        }
        candidates = [
            (g, said("swapped", names=format_names([k]), other=format_names([path])))
            for path, g in same_shape_gradients.items()
        ]
        if np.ndim(gradients[k]) == 2 and len({*gradients[k].shape}) == 1:
            candidates.append((gradients[k].T, said("swapped: axes", names=format_names([k]))))
        for g, text in candidates:
            if local_loss.is_gradient(k, g, rng):
                return f" {text}"
    return ""


def is_same_for_other_params(functions, batch):
    """Return True if the gradients are equal bit for bit at other params: then they do not depend on params."""
    params = functions.params
    moved_params = {k: 1.01 * a + 0.01 for k, a in copy_floats_by_path(params).items()}
    gradients_here = compute_gradients_by_path(functions.gradients, params, batch)
    gradients_there = compute_gradients_by_path(functions.gradients, replace_leaves(params, moved_params), batch)
    gradients_here = {k: g for k, g in gradients_here.items() if g is not None and g.any()}
    gradients_there = {k: g for k, g in gradients_there.items() if g is not None and g.any()}
    return gradients_here.keys() == gradients_there.keys() != set() and all(
        np.array_equal(g, gradients_there[k]) for k, g in gradients_here.items()
    )


def explain_exchange_or_decay(functions, batch, bad, first_gradients, rng):
    """Return a sentence if wrong gradients belong to another array, or contain a weight decay; else ""."""
    local_loss = LocalLoss(functions.loss, functions.params, batch)
    if local_loss.lengths is EXACT_STEPS:
        remark = describe_exchange({k: first_gradients[k] for k in bad}, bad, local_loss, rng, format_paths)
        if remark:
            return remark
        decays = []
        for k, offs in bad.items():
            for entry in offs:
                w = 0.0 if entry.index is None else local_loss.arrays[k].ravel()[entry.index]
                if w:
                    decays.append((entry.mine - entry.slope) / w)
        if len(decays) > 2 and np.ptp(decays) < 0.03 * abs(np.mean(decays)):
            larger, smaller = ("gradients", "loss") if np.mean(decays) > 0 else ("loss", "gradients")
            return f" {said('a decay', times=abs(np.mean(decays)), of=larger, other=smaller)}"
    return ""


def explain_right_alone(functions, batch, bad, rng):
    """Return a sentence if gradients that are wrong for a batch are right for one example alone; else ""."""
    single_example = tuple(a[:1] for a in batch)
    if len(batch[0]) > 1:
        first_gradients = compute_gradients_by_path(functions.gradients, functions.params, single_example)
        local_loss = LocalLoss(functions.loss, functions.params, single_example)
        entries = {}
        for k, offs in bad.items():
            entries[k] = [entry.index for entry in offs if entry.index is not None]
        if is_right_for_single_example(local_loss, first_gradients, rng, bad, entries):
            return f" {said('right alone', examples=functions.examples_name)}"
    return ""
