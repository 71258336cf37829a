"""Is what somebody's `gradients` returns the derivative of their own `loss`? Central differences of the loss decide.

    check(loss, gradients, params, batches, rng)

It knows nothing of what the loss is of: loss(params, *batch) is a number, gradients(params, *batch) a nest like
params, and a batch one or more arrays with a row for each example.
"""

from typing import NamedTuple

import numpy as np

from marker.factors import find_powers
from marker.nests import floats, format_paths, leaves, replace_leaves
from marker.trial import find_changed, same_bits
from marker.verdict import OF_DERIVATIVES, Sentences, Wrong
from marker.words import SAID

wrong, said = OF_DERIVATIVES.wrong, Sentences(SAID["Gradients"]).text
# In float64, and where something is rounded to float32 on the way: (how far to move, how close a slope has to be). Of
# several lengths one may be too short, beside rounding, and another too long, beside a kink.
EXACT = (1e-5, 1e-4), (1e-6, 1e-4), (1e-7, 1e-3)
ROUNDED = (1e-2, 0.06), (3e-2, 0.06), (3e-3, 0.06)


class Off(NamedTuple):
    """Where a gradient is not the slope of the loss: in one entry of an array, or, with None, in one direction."""

    index: int | None
    mine: float
    slope: float


@np.errstate(all="ignore")  # where a loss is inf, nothing is known
def check_loss(loss, params, batch, examples="examples"):
    """`loss` of a batch, if that is the mean loss of its examples, the same at each call; otherwise `Wrong`."""
    value = loss(replace_leaves(params), *batch)
    if value is None or value is ...:
        raise wrong("returns None", name="loss")
    if np.ndim(value) or not isinstance(value, (float, int, np.number, np.ndarray)):
        what = said("an array" if np.ndim(value) else "a type", shape=np.shape(value), type=type(value).__name__)
        raise wrong("loss is no number", what=what)
    total = float(value)
    if (again := float(loss(replace_leaves(params), *batch))) != total and np.isfinite(total):
        raise wrong("loss by chance", first=total, second=again)
    twice = float(loss(replace_leaves(params), *(np.concatenate([a, a]) for a in batch)))
    if abs(twice - 2 * total) < 1e-3 * abs(total):
        raise wrong("loss is a sum", once=total, twice=twice, examples=examples)
    return total


@np.errstate(all="ignore")
def check(loss, gradients, params, batches, rng, examples="examples", thorough=True, terms=None, asks=None):
    """The gradients of the first batch, {path: array}, if they are right in all batches; otherwise `Wrong`.

    loss(params, *batch) -> the mean loss of a batch, a number. It must not change what it is given.
    gradients(params, *batch) -> a nest of the form of params; None, or nothing, for what the loss does not depend on.
    params: a nest as in marker/nests.py. The slopes are taken a little beside it, where no ReLU is at 0.
    batches: tuples of arrays, a row for each example. With two of different sizes, a factor that is one of these sizes
    is told from a constant.
    examples: what an example is called, in the plural. thorough: also try single entries, not only directions.
    terms: {what the loss could be a mean over: a function of a batch that counts them}, those that it is a mean over
    first; without it, the examples. asks: {a factor of the gradients: what is asked about it}.
    """
    first = compute_gradients(gradients, params, batches[0])
    arrays = floats(params)
    near = {k: arrays[k] for k, g in first.items() if g is not None}
    near = {k: a + rng.normal(size=a.shape) * (1e-3 * root_mean_square(a) or 1e-2) for k, a in near.items()}
    params = replace_leaves(params, near)
    found = []
    for batch in batches:
        all_of = compute_gradients(gradients, params, batch)
        place = Place(loss, params, batch)
        try:
            found.append(compare(place, all_of, rng, thorough and not found))
        except Wrong as error:
            if error.mark != "no gradient" or leaves(gradients(replace_leaves(params), *batch)).keys() <= all_of.keys():
                raise
            raise make_form_error(
                gradients(replace_leaves(params), *batch), arrays
            ) from None  # it may be there, elsewhere
        if not place.known and np.isfinite(place.here):
            raise wrong("loss in jumps")
        if len(found) == 1:
            first = all_of  # at these params
    if any(found):
        raise make_error(loss, gradients, params, batches, found, first, rng, examples, terms or {}, asks or {})
    return {k: g for k, g in first.items() if g is not None}


def compute_gradients(gradients, params, batch):
    """{path: gradient as float64, or None for a constant}; `Wrong` if they do not fit params."""
    given, arrays = replace_leaves(params), floats(params)
    if not arrays:
        of = {k: np.asarray(a).dtype for k, a in leaves(params).items() if a is not None}
        what = next((said("numbers of a type", type=kind) for kind in of.values()), "")
        what = what or said("a type", type=type(params).__name__)
        raise wrong("params of another kind", where=format_paths([*of][:1]) or "params", what=what)
    returned = gradients(given, *batch)
    if returned is None or returned is ...:
        raise wrong("returns None", name="gradients")
    found, after = match_gradients(params, returned), floats(given)
    given_any = [k for k, g in found.items() if g is not None]
    if not given_any:
        raise make_form_error(returned, arrays)
    if other := find_changed(after, {k: arrays[k] for k in given_any if k in after}, same_bits):
        raise wrong("gradients changes params", names=format_paths(other))
    for k in given_any:
        if (g := found[k]).shape != arrays[k].shape:
            raise wrong("gradients of another shape", name=format_paths([k]), shape=arrays[k].shape, other=g.shape)
    return {k: g for k, g in found.items() if g is None or g.ndim or g}  # a number whose gradient is 0 is a constant


def make_form_error(returned, arrays):
    what = said("a nest", type=type(returned).__name__, n=len(leaves(returned)))
    return wrong("gradients of another form", what=what, names=format_paths(arrays))


def match_gradients(params, gradients):
    """{path: gradient as float64, or None} of params: by the paths or, if those are others, by order and shape."""
    arrays, found = floats(params), leaves(gradients)
    if not found.keys() <= leaves(params).keys():
        shapes = {k: a for k, a in arrays.items() if a.ndim}
        if [a.shape for a in shapes.values()] == [np.shape(a) for a in found.values()]:
            found = dict(zip(shapes, found.values(), strict=True))
    return {k: a if a is None else np.asarray(a, np.float64) for k, a in found.items() if k in arrays}


class Place:
    """The loss of a batch near some params."""

    def __init__(self, loss, params, batch):
        self.loss, self.params, self.batch, self.arrays = loss, params, batch, floats(params)
        self.here, self.known = float(loss(params, *batch)), 0  # known: how many slopes could be known so far
        line = self.loss_along({k: np.ones(a.shape) for k, a in self.arrays.items()})
        line = [line(1e-9 * t) for t in range(6)]
        bend = np.abs(np.diff(line, 2)).max()  # rounding alone, so close together
        self.lengths = ROUNDED if bend > 1e-12 * max(1, abs(self.here)) or len({*line}) < 3 else EXACT

    def loss_along(self, moves):
        """The loss as a function of t, for params + t * moves; moves: {path: array}."""
        return lambda t: float(
            self.loss(replace_leaves(self.params, {k: self.arrays[k] + t * v for k, v in moves.items()}), *self.batch)
        )

    def slope(self, k, v, mine, size):
        """`mine` if that is the slope of the loss along v, the direction of an array; the slope if it is another one;
        None if that cannot be known, beside a kink or below rounding."""
        found = self.measure_slope(k, v, mine, size)
        self.known += found is not None
        return found

    def measure_slope(self, k, v, mine, size):
        f = self.loss_along({k: v})
        for h, near in self.lengths:
            above, below = f(h), f(-h)
            one = (above - below) / (2 * h)
            rounding = (4e-7 if self.lengths is ROUNDED else 1e-13) * max(1, abs(self.here)) / h  # of many terms
            near = max(near * max(abs(one), abs(mine), size), rounding)
            if abs(one - mine) <= near:
                return mine
            half = (f(h / 2) - f(-h / 2)) / h
            if abs(one - half) <= near / 3 and abs(above - 2 * self.here + below) / h <= near:
                return one if abs(one) > rounding else 0.0  # what is said of it is 0, and not 1e-11
        return None

    def has_gradient(self, k, g, rng):
        """Whether g is the gradient of an array, along two directions."""
        ways = [unit(rng.normal(size=g.shape)) for _ in range(2)]
        return g.any() and all(self.slope(k, v, m := float((g * v).sum()), 1e-7) == m for v in ways)


def root_mean_square(a):
    return np.sqrt(np.mean(np.square(a))) if a.size else 0.0


def compare(place, gradients, rng, thorough, entries=()):
    """{path: [Off]} of what is not the slope, at one place, for one batch. `Wrong` if the loss depends on an array
    that has no gradient. entries: {path: [index]} that are tried, too."""
    found = {}
    for k, a in place.arrays.items():
        g = gradients.get(k)
        if g is None:
            if k not in gradients and a.ndim and place.slope(k, rng.normal(size=a.shape), 0.0, 1e-4):
                raise wrong("no gradient", name=format_paths([k]))
            continue
        if not np.isfinite(g).all():
            if np.isfinite(place.here):
                raise wrong("not finite: a gradient", name=format_paths([k]), loss=place.here)
            continue
        size = max(1e-2 * root_mean_square(g), 1e-7)

        def off(v, k=k, g=g, size=size, index=None):
            mine = float((g * v).sum())
            slope = place.slope(k, v, mine, size)
            return [] if slope is None or slope == mine else [Off(index, mine, slope)]

        random = rng.normal(size=a.shape)
        # With few digits, only what is large can be seen: the gradient, a part of it, and a decay of the weights.
        ways = (g, g * (random > 0), a, random) if place.lengths is ROUNDED else (g, random)
        ways = [unit(v) for v in ways if np.any(v)]
        bad = [one for v in ways for one in off(v)]
        some = [*np.argsort(-np.abs(g), axis=None)[:3], *rng.integers(g.size, size=4)] if thorough else []
        for i in {*map(int, some), *dict(entries).get(k, ())} if place.lengths is EXACT else ():
            bad += off(unit_vector(i, a), index=i)
        if bad and place.lengths is EXACT and all(one.index is None for one in bad):
            i = narrow_down(place, k, g, unit(random))
            bad = off(unit_vector(i, a), index=i) + bad
        if bad:
            found[k] = bad
    return found


def is_right_alone(place, gradients, rng, needed=(), entries=()):
    """Whether gradients that are wrong of several examples are the slope of the loss of one, and not 0 there."""
    return all(np.any(gradients[k]) for k in needed) and not compare(place, gradients, rng, True, entries)


def unit(v):
    return v / np.linalg.norm(v)


def unit_vector(i, a):
    """The direction of entry i of an array."""
    return (np.arange(a.size) == i).reshape(a.shape).astype(float)


def narrow_down(place, k, g, v):
    """An entry in which g is not the slope: of every half, again and again, the one that is further off."""
    left, h = np.arange(g.size), place.lengths[0][0]

    def error(part):
        w = np.where(np.isin(np.arange(g.size), part), v.ravel(), 0).reshape(g.shape)
        f = place.loss_along({k: w})
        return abs((f(h) - f(-h)) / (2 * h) - (g * w).sum())

    while len(left) > 1:
        left = max(np.array_split(left, 2), key=error)
    return int(left[0])


def describe_bad(bad, gradients, names):
    """What is said of bad gradients: which they are, which are right, and one entry, or one direction, both ways.

    bad: what `compare` says; gradients: {path: array, or None}; names(paths): how these are written.
    """
    *_, k = bad
    one = max(bad[k], key=lambda one: one.index is not None)
    at = said("along", names=names([k])) if one.index is None else names([k])
    if one.index is not None and np.ndim(gradients[k]):
        at = describe_entry(one.index, np.shape(gradients[k]), at)
    right = [key for key, g in gradients.items() if g is not None and key not in bad]
    right = f" {said('right', names=names(right))}" if right else ""
    mine, slope = format_distinct(one.mine, one.slope)
    return {"names": names(bad), "right": right, "at": at, "mine": mine, "slope": slope}


def describe_entry(index, shape, name):
    """Entry `index` of an array with this shape and name, counted through all of its axes, in words."""
    return said("entry", index=", ".join(map(str, np.unravel_index(index, shape))), name=name)


def format_distinct(one, two):
    """Two numbers as text, with four digits, or with as many as it takes to tell them apart."""
    texts = [[f"{number:.{digits}g}" for number in (one, two)] for digits in range(4, 17)]
    return next((pair for pair in texts if len({*pair}) == 2), texts[0])


def find_factors(wrong_entries):
    """The number of the first batch with wrong entries; and by which factor those of its arrays are off in each batch.

    wrong_entries: of each batch {an array's path: its wrong entries}.
    """
    first = next(i for i, bad in enumerate(wrong_entries) if bad)
    off = [[one for key in wrong_entries[first] for one in bad.get(key, ())] for bad in wrong_entries]
    return first, [find_factor(some) for some in off]


def make_error(loss, gradients, params, batches, found, first, rng, examples, terms, asks):
    """The exception that says which gradients are wrong, one entry of them both ways, and by which factor."""
    where, factors = find_factors(found)
    bad, sizes = found[where], [len(batch[0]) for batch in batches]
    values = describe_bad(bad, first, format_paths) | {"n": sizes[where], "examples": examples}
    if is_stale(gradients, params, batches[where]):
        return wrong("other gradients", more=f" {said('the same for others')}", **values)
    if not all(factors) or abs(factors[where] - 1) < 0.05:  # nearly right: a term may be missing, too
        more = explain_wrong(loss, params, batches, bad, first, rng)
        if more or not all(factors) or factors[where] == 1:
            small = smallest(loss, gradients, params, batches[where], examples)
            more = more + small or explain_right_alone(loss, gradients, params, batches[where], bad, rng, examples)
            return wrong("other gradients", more=more, **values)
    also = ""
    for n, r in zip(sizes, factors, strict=True):
        if n != sizes[where] and abs(r / factors[where] - 1) > 0.03:
            also = f" {said('also' if r != 1 else 'also: right', n=n, examples=examples, times=r)}"
    asked = {power: f" {said(text, examples=examples)}" for power, text in OF_EXAMPLES.items()}
    more = explain_factor(factors, sizes, asked) or explain_constant(factors, sizes, examples, asks)
    more = more or explain_mean(factors, batches, terms)
    times = f"{factors[where]:.{5 if abs(factors[where] - 1) < 0.01 else 3}g}"  # 1.0005 is not 1
    return wrong("gradients times a number", times=times, also=also, more=more, **values)


def smallest(loss, gradients, params, batch, examples, most=150):
    """A sentence on one example, with as few entries that are not 0 as it takes for a gradient to be wrong; "" if there
    is none. most: how many batches are tried."""

    def off(batch):
        """[(path, Off)] of a wrong entry, or nothing."""
        place, found = Place(loss, params, batch), compute_gradients(gradients, params, batch)
        bad = compare(place, found, np.random.default_rng(0), True) if place.lengths is EXACT else {}
        return [(k, one, found[k]) for k, offs in bad.items() for one in offs if one.index is not None][:1]

    alone = [tuple(a[i : i + 1].copy() for a in batch) for i in range(min(len(batch[0]), 20))]
    one = next((one for one in alone if off(one)), None)
    if one is None:
        return ""
    entries = one[0].reshape(-1)  # a view of it
    size = len(left := np.flatnonzero(entries))
    while size := size // 2:
        for part in [left[i : i + size] for i in range(0, len(left), size)]:
            kept, entries[part] = entries[part], 0
            most -= 1
            if most > 0 and off(one):
                left = left[~np.isin(left, part)]
            else:
                entries[part] = kept
    ((k, found, g),) = off(one)
    mine, slope = format_distinct(found.mine, found.slope)
    few = ", ".join(said("alone: a number", value=entries[i], i=i) for i in left[:5])
    kind = "alone: of several" if len(left) > 4 else "alone: of few" if few else "alone: of zeros"
    that = said(kind, n=len(left), few=few)
    values = {"at": describe_entry(found.index, g.shape, format_paths([k])), "mine": mine, "slope": slope}
    return "\n" + said("alone", examples=examples, that=that, **values)


def find_factor(offs):
    """What all of them are multiplied by: 1 if there are none, None if it is not one number for all."""
    if not offs:
        return 1.0
    ratios = [one.mine / one.slope if one.slope else np.inf for one in offs]
    r = float(np.median(ratios))
    near = min(0.03 * abs(r), 0.1 * abs(r - 1))  # 0.966 and 0.972 are not one factor
    return r if len(ratios) > 1 and np.isfinite(r) and np.ptp(ratios) < near else None


# What is asked of a factor that is this power of the number of examples.
OF_EXAMPLES = {1: "times: their number", -1: "times: one by their number", 2: "times: their number squared"}


def is_alike(factors, values):
    return np.all(np.abs(np.array(factors) / values - 1) < 0.03)


def explain_factor(factors, sizes, of_examples):
    """A question about such a factor, one for each batch, if it is -1, or a power of the number of examples in all of
    them. of_examples: {a power: what is asked of it}."""
    if is_alike(factors, -1):
        return f" {said('times: the sign')}"
    sign, powers = find_powers(factors, {"n": sizes}, of_examples, most=1, near=0.03) or (0, {})
    return of_examples[powers["n"]] if sign > 0 else ""


def explain_constant(factors, sizes, examples, asks):
    """The same, if one has divided by a constant in place of the number of examples. asks: see `check`."""
    sizes = np.array(sizes, float)
    c = sizes[0] / factors[0]
    if len({*sizes}) > 1 and is_alike(factors, sizes / c) and abs(c - round(c)) < 0.01 * c and round(c) > 1:
        return f" {said('times: a constant', n=round(c), examples=examples)}"
    return next((f" {ask}" for times, ask in asks.items() if is_alike(factors, times)), "")


def explain_mean(factors, batches, terms):
    """The same, if it is a mean over something else. terms: see `check`."""
    counts = {what: np.array([count(*batch) for batch in batches], float) for what, count in terms.items()}
    right, *others = counts or [None]
    for other in others:
        times = counts[right] / counts[other]
        if np.allclose(factors, times, rtol=0.03):
            return f" {said('times: a mean', times=times[0], right=right, other=other)}"
    return ""


def find_exchange(gradients, bad, place, rng, names):
    """What is said if one of the bad gradients is right as that of another array, or transposed; or ""."""
    for k in bad:
        same = [(g, said("swapped", names=names([k]), other=names([other]))) for other, g in gradients.items()
                if other != k and np.shape(g) == np.shape(gradients[k])]  # fmt: skip
        if np.ndim(gradients[k]) == 2 and len({*gradients[k].shape}) == 1:
            same.append((gradients[k].T, said("swapped: axes", names=names([k]))))
        for g, text in same:
            if place.has_gradient(k, g, rng):
                return f" {text}"
    return ""


def is_stale(gradients, params, batch):
    """Whether gradients are the same, to the last bit, for other params: then they are not those of these."""
    there = {k: 1.01 * a + 0.01 for k, a in floats(params).items()}
    one, two = (compute_gradients(gradients, nest, batch) for nest in (params, replace_leaves(params, there)))
    one, two = ({k: g for k, g in found.items() if g is not None and g.any()} for found in (one, two))
    return one.keys() == two.keys() != set() and all(np.array_equal(g, two[k]) for k, g in one.items())


def explain_wrong(loss, params, batches, bad, first, rng):
    """What more is so of wrong gradients: they are another array's, or have a decay that the loss has not."""
    place = Place(loss, params, batches[0])
    if place.lengths is EXACT:
        if more := find_exchange({k: first[k] for k in bad}, bad, place, rng, format_paths):
            return more
        decays = [(one.mine - one.slope) / w for k in bad for one in bad[k]
                  if one.index is not None and (w := place.arrays[k].ravel()[one.index])]  # fmt: skip
        if len(decays) > 2 and np.ptp(decays) < 0.03 * abs(np.mean(decays)):
            of, other = ("gradients", "loss") if np.mean(decays) > 0 else ("loss", "gradients")
            return f" {said('a decay', times=abs(np.mean(decays)), of=of, other=other)}"
    return ""


def explain_right_alone(loss, gradients, params, batch, bad, rng, examples):
    """What is said if they are right for one example alone; or ""."""
    alone = tuple(a[:1] for a in batch)
    if len(batch[0]) > 1:
        one, place = compute_gradients(gradients, params, alone), Place(loss, params, alone)
        entries = {k: [o.index for o in bad[k] if o.index is not None] for k in bad}
        if is_right_alone(place, one, rng, bad, entries):
            return f" {said('right alone', examples=examples)}"
    return ""
