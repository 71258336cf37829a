"""Judges a file that somebody has written from a blank one: by what its functions do, whatever their style.

An exercise (own.py, writer.py, block.py) is a `Blank`: it says which functions there are, how each is called with care
(a kind of `Calls`), and which *consequences* it has that they are what they promise. A consequence is an experiment: it
adds to what is `Found`, and ends in `Wrong`, with a sentence of exercises/said.md, where it is not as it has to be.

Here are those that several exercises share. Central differences of `loss` judge `gradients` (marker/derivatives.py),
and a training is watched at its calls of `gradients` (exercises/watched.py). What was not seen there is not spoken of.
"""

import ast
import io
import random
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from exercises.watched import Enough, Trace
from exercises.words import OF_NETWORKS
from marker.calls import watch
from marker.complaints import explain_exception, read_source
from marker.derivatives import check, match_gradients, root_mean_square
from marker.exercise import CUT
from marker.nests import NotKept, floats, format_paths, leaves, pack, replace_leaves, unpack
from marker.program import Program
from marker.trial import find_changed, load, same_bits
from marker.verdict import Wrong
from support.checkpoint import unpack_arrays

COUNTS = {3: "three", 4: "four", 5: "five"}
MANY, FEWER = 257, 67  # examples: more than a batch has, and no round number; fewer where these take long
wrong = OF_NETWORKS.wrong


@dataclass
class Blank:
    """An exercise with a blank file."""

    functions: tuple  # the names of those that are asked for
    stub: Path  # the exercise's file
    calls: type  # a kind of `Calls`
    consequences: tuple  # functions of what is `Found`, tried in this order
    says: Callable  # of what is `Found` in a file that passes, as text
    module: str = ""  # the program that runs such a file,
    looks: str = ""  # and the one that shows what it does
    asked: tuple = ()  # consequences that are tried once more, by the process that judges (marker/asked.py)
    gives: dict = field(default_factory=dict)  # {a function: what it returns}, of those that return params or gradients

    def program(self):
        """The exercise's kind."""
        return Program(self.mark, self.module, self.looks, self.calls.sentences, self.ask, self.gives)

    @np.errstate(all="ignore")
    def ask(self, functions, seed):
        """`Wrong`, if what functions in another process do is not what it has to be."""
        here = SimpleNamespace(**{name: getattr(functions, name) for name in self.functions})
        found = Found(self.calls(here), seed, lambda text: None)
        for consequence in self.asked:
            consequence(found)

    @np.errstate(all="ignore")
    def mark(self, module, seed, tell):
        """Whether a file has passed, a mark, and what is said: of one that has, or as `Wrong` has it."""
        try:
            text = self.examine(module, seed, tell)
        except Wrong as error:
            return False, error.mark, str(error)
        if others := imports(read_source(module.__file__)):
            ask = "Which of its lines do you owe to them, and could you write these yourself?"
            return True, "with imports", f"{text}\nYour file imports {' and '.join(others)}. {ask}"
        return True, "passed", text

    def examine(self, module, seed, tell):
        """What is said of a file that passes; otherwise `Wrong`."""
        complete(module, self.functions, self.stub)
        found = Found(self.calls(module), seed, tell)
        for consequence in self.consequences:
            consequence(found)
        return "\n".join([self.says(found), *found.remarks])


class Found:
    """What is known of a learner's file so far: the consequences add to it.

    calls, seed, tell; remarks: what deserves a sentence, but is no reason to fail. Of a training: examples, what is
    learned from, and others, held out, each a tuple of arrays with a row for each example; few, a small batch; trace,
    and what it has returned: params, and these as the content of a file; moving, the paths that have gradients.
    """

    def __init__(self, calls, seed, tell):
        self.calls, self.seed, self.tell = calls, seed, tell
        self.rng, self.remarks = np.random.default_rng([seed, 48]), []


# --- Is it written? ---------------------------------------------------------------------------------------------------


def imports(source):
    """The names of the packages and files that a file imports, but for NumPy and what belongs to Python."""
    names = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                names += [alias.name for alias in node.names]
            case ast.ImportFrom():
                names.append(node.module or "")
            case ast.Call(func=ast.Name(id=way) | ast.Attribute(attr=way), args=[ast.Constant(value=str(name)), *_]):
                names += [name] * (way in ("__import__", "import_module"))
    return sorted({name.partition(".")[0] for name in names} - {"", "numpy", *sys.stdlib_module_names})


def complete(module, functions, stub):
    """Are all these functions there, and written? stub: the exercise's file."""
    missing = [name for name in functions if not callable(getattr(module, name, None))]
    if missing:
        names = " and no ".join(f"`{name}`" for name in missing)
        raise wrong("no function", names=names, stub=stub_of(missing, stub), of=COUNTS[len(functions)])
    empty = [name for name in functions if is_empty(getattr(module, name))]
    if empty:
        raise wrong("partly written" if len(empty) < len(functions) else "not written", name=empty[0])


def stub_of(names, stub):
    """These functions of a stub, as text."""
    text = stub.read_text(encoding="utf-8").partition(CUT)[0]
    functions = text.split("\n\n\n")[1:]
    return "\n\n" + "\n\n\n".join(f.strip() for f in functions if f.startswith(tuple(f"def {name}(" for name in names)))


def is_empty(function):
    """Whether a function does nothing, like those of the stub."""

    def with_words():
        """Words."""

    codes = [(lambda: None).__code__.co_code, with_words.__code__.co_code]
    code = getattr(function, "__code__", None)
    return bool(code) and code.co_code in codes and {*code.co_consts} <= {function.__doc__, None}


# --- The functions, called with care ----------------------------------------------------------------------------------


def kind(value):
    return f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else f"of type {type(value).__name__}"


def ended(text):
    return text if text[-1] in ".?!" else f"{text}."


class Calls:
    """The functions of a learner's file, each called with copies of what they must not change.

    others: functions in the place of the file's.
    """

    what = ()  # what they are given beside params
    examples = "examples"  # in the plural
    claims = ""  # what the number should be that `train` claims
    sentences = OF_NETWORKS
    terms, asks = {}, {}

    def __init__(self, module, **others):
        self.module, self.functions = module, vars(module) | others

    def loss(self, params, *batch):
        return self.call("loss", params, batch)

    def gradients(self, params, *batch):
        return self.call("gradients", params, batch)

    def call(self, name, params, batch):
        (found,) = self.each(name, params, [batch])
        return returned(name, found)

    def each(self, name, params, batches):
        """What it returns for one batch after the other. To look whether it has changed params takes longer than many a
        call: that is done once, at the end."""
        its = params if name == "gradients" else replace_leaves(params)
        for batch in batches:
            given = [a.copy() for a in batch]
            found = self.functions[name](its, *given)
            self.unchanged(name, given, batch)
            yield found
        if others := find_changed(
            floats(its), floats(params), same_bits
        ):  # of `gradients`, marker/derivatives.py says it
            raise wrong("changes its input", name=name, what=format_paths(others))

    def unchanged(self, name, arrays, before):
        now, then = (dict(zip(self.what, some, strict=False)) for some in (arrays, before))
        for one in find_changed(now, then, same_bits):
            raise wrong("changes its input", name=name, what=one)

    def train(self, examples, seed, tell=lambda text: None, doing="", first=None, most=np.inf, names=("gradients",),
              turned=False, state=0, seconds=np.inf):  # fmt: skip
        """The `Trace` of one call of train(*examples, rng), watched at its calls of these functions.

        first, most: see `Trace`; without first, prints are not shown. turned: whether all gradients but the first are
        turned round. state: the seed of all random numbers that do not come from rng. seconds: after which it is ended.
        """
        random.seed(state)
        np.random.seed(state)  # noqa: NPY002
        given, began, told = [a.copy() for a in examples], time.process_time(), time.monotonic()

        def count(n):
            nonlocal told
            if time.monotonic() > told + 0.3:
                told = time.monotonic()
                tell(f"{doing}: step {n:,}")

        trace = Trace(examples, first, most, count)
        trace.turned, trace.end = turned, began + seconds
        tell(doing)
        with ExitStack() as around:
            for name in names:
                around.enter_context(watch(self.module, name, getattr(trace, name)))
            around.enter_context(nullcontext() if first or not names else redirect_stdout(io.StringIO()))
            try:
                results = self.functions["train"](*given, np.random.default_rng(seed))
            except Enough:
                return trace
            except Exception:
                if not trace.error:
                    raise
        if trace.error:
            raise trace.error
        trace.seconds = time.process_time() - began
        self.unchanged("train", given, examples)
        if not isinstance(returned("train", results), (tuple, list)) or len(results) != 2:
            what = f"{len(results)}" if isinstance(results, (tuple, list)) else f"one, {kind(results)}"
            raise wrong("wrong number of results", what=what)
        params, claim = results
        is_number = isinstance(claim, (int, float, np.number, np.ndarray)) and not isinstance(claim, bool)
        if np.ndim(claim) or not is_number:
            raise wrong("claim is no number", what=kind(claim), wanted=self.claims)
        trace.claim = float(claim)
        trace.ended(params)
        return trace


def returned(name, found):
    if found is None or found is ...:
        raise wrong("returns None", name=name)
    return found


def kept(params):
    """Params as the content of a file; `Wrong` if they are something else than arrays and numbers."""
    try:
        return pack(params)
    except NotKept as error:
        raise wrong("params of another kind", where=error.where, what=error.what) from None


def restored(module, content):
    """The params from which `packed` has made these bytes."""
    return unpack(unpack_arrays(content), module)


def alone(found, name, *given):
    """What a function of the file says in a new run of it, with params as they were kept; `Wrong` if it fails."""
    module = load(found.calls.module.__file__)
    try:
        with redirect_stdout(io.StringIO()):
            return getattr(type(found.calls)(module), name)(restored(module, found.content), *given)
    except Exception as error:
        raise wrong("read fails alone", name=name, error=ended(explain_exception(error))) from None


# --- A training -------------------------------------------------------------------------------------------------------


def trains(found, derivatives, names=("gradients",)):
    """`train` comes to its end, and takes gradients from `gradients`.

    derivatives(found, calls, params, batches): `Wrong`, if these are not right. It is called at the first call of
    `gradients`, with a few examples and a batch of the training's own. names: of the functions that are watched.
    """

    def first(gradients, params, *batch):
        calls = type(found.calls)(found.calls.module, gradients=gradients)
        batches = [found.few, *own_batch(calls, params, found.few, *map(np.asarray, batch))]
        derivatives(found, calls, params, batches)

    doing = "Your network is training"
    found.trace = trace = found.calls.train(found.examples, [found.seed, 1], found.tell, doing, first, names=names)
    found.tell("Your training has ended. What has it learned?")
    found.params, found.content = trace.params, kept(trace.params)
    if not trace.points:
        derivatives(found, found.calls, found.params, [found.few])
        raise wrong("gradients not called")


def learns_again(found, derivatives, is_good):
    """Another training, which nothing is watched in, and the derivatives at its end: see `trains` and `begins_anew`.

    A training of a right file may end badly by chance: then there is another, up to four.
    """
    for i in range(4):
        found.trace = found.calls.train(found.examples, [found.seed, 1, i], names=())
        found.params = found.trace.params
        if is_good(found, found.params):
            break
    derivatives(found, found.calls, found.params, [found.few])


def own_batch(calls, params, few, images, *labels):
    """A list with the batch that a training has used, for the check of derivatives beside a few, if it is one of
    another size; a part of it if that takes long."""
    if images.ndim != 2 or any(y.shape != images.shape[:1] for y in labels) or len(images) in (0, len(few[0])):
        return []
    began = time.process_time()
    calls.loss(params, images, *labels)
    slow = time.process_time() - began > 0.05
    return [tuple(a[:50] if slow else a for a in (images, *labels))]


def moved(params, rng):
    """Params a little beside these: at first, all scores may be equal."""
    arrays = floats(params).items()
    return replace_leaves(
        params, {k: a + rng.normal(size=a.shape) * (1e-3 * root_mean_square(a) or 1e-2) for k, a in arrays}
    )


def check_gradients(calls, params, batches, rng, thorough=True):
    """The gradients, if they are right, and the same at each call, whatever `loss` was asked between the two."""
    one = leaves(calls.gradients(replace_leaves(params), *batches[0]))
    calls.loss(moved(params, np.random.default_rng(0)), *batches[0])
    two = leaves(calls.gradients(replace_leaves(params), *batches[0]))
    if not all(a is None or np.array_equal(a, two.get(k), equal_nan=True) for k, a in one.items()):
        raise wrong("gradients by chance", examples=calls.examples)
    names = {"terms": calls.terms, "asks": calls.asks}
    return check(calls.loss, calls.gradients, params, batches, rng, calls.examples, thorough, **names)


def check_many(calls, params, examples, rng):
    """More examples than a batch has, and no round number of them: they are not cut off, nor taken in parts whose means
    do not count as they should."""
    many = [tuple(a[:n] for a in examples) for n in (MANY, FEWER)]
    began = time.process_time()
    calls.loss(params, *many[0])
    check_gradients(calls, params, [many[time.process_time() - began > 0.02]], rng, thorough=False)


def right_on_the_way(found):
    """The gradients are right further on, too, and at the end."""
    calls, (first, *_) = found.calls, found.trace.points
    began, rng = float(calls.loss(first.params, *found.few)), np.random.default_rng(found.seed)
    gradients = match_gradients(first.params, calls.gradients(replace_leaves(first.params), *found.few))
    found.moving = [k for k, g in gradients.items() if g is not None]
    third = found.trace.points[len(found.trace.points) // 3].params
    for params, at in ((third, "after a third of the training"), (found.params, "at the end of the training")):
        if float(calls.loss(params, *found.few)) < max(began, 3):  # otherwise the numbers are too large to tell
            try:
                check_gradients(calls, params, [found.few], rng, thorough=False)
            except Wrong as error:
                raise Wrong(error.mark, f"{error} (This is {at}. At its first step, the same was right.)") from None


def goes_downhill(found):
    """All arrays that have a gradient move, and against it."""
    trace, moving = found.trace, found.moving
    first, last = floats(trace.points[0].params), floats(trace.params)
    empty = sum(not point.batch[0].size for point in trace.points)
    if empty > len(trace.points) / 2:
        raise wrong("no images", n=empty, of=len(trace.points), examples=found.calls.examples)
    on_the_way = [floats(point.params) for point in trace.points] + [point.after for point in trace.points]
    moving = [k for k in moving if k in first and k in last]
    ended = [k for k in moving if not np.array_equal(first[k], last[k])]
    still = [k for k in moving if all(np.array_equal(first[k], at[k]) for at in (*on_the_way, last) if k in at)]
    if moving and not ended:
        raise wrong("no array moves" if len(still) == len(moving) else "no array moves: the first are returned")
    if never := [k for k in still if not np.all(trace.zero.get(k, True))]:
        raise wrong("never moves", names=format_paths(never))
    if gone := [k for k in moving if trace.moves.get(k) and trace.moves[k][0].replaced]:
        raise wrong("weights replaced", names=format_paths(gone))
    ways = {k: [m.downhill for m in trace.moves.get(k, ())[:5] if m.length and m.slope] for k in moving}
    ways = {k: shares for k, shares in ways.items() if shares}
    up = [k for k, shares in ways.items() if np.mean(shares) < 0.2]
    if up:
        raise wrong("uphill" if len(up) == len(ways) else "uphill: some", names=format_paths(up))


def begins_anew(found, is_good):
    """A training begins anew, and as the first one did where its rng is the same. And its steps come from `gradients`:
    it goes another way if all of these, from the second call on, are turned round, and to no good end.

    is_good(found, params): whether they would do. (A training that is ended proves nothing: it may be a search along a
    line.)
    """
    trace = found.trace
    last, (beginning, *_) = floats(trace.params), trace.points

    def again(most, **how):
        names = ("gradients", "loss")
        return found.calls.train(
            found.examples, [found.seed, 1], found.tell, "It begins once more", None, most, names, **how
        )

    try:
        other = again(0, state=1)
        turned = again(2 * trace.calls, turned=True, seconds=min(2 * trace.seconds + 1, 12))
    except Exception:  # nothing is known of it
        return
    for another in (turned, other):
        if another.points:
            judge_beginning(beginning, another.points[0], last)
    if turned.points and not all(map(np.array_equal, beginning.batch, turned.points[0].batch)):
        raise wrong("rng ignored: chance of its own", what="batch")
    if turned.points and not alike(beginning.after, turned.points[0].after):
        raise wrong("kept between calls: of steps")
    if len({*trace.marks[1:]}) > 1 and turned.marks == trace.marks:
        raise wrong("gradients not used")
    if turned.params is not None and is_good(found, turned.params):
        raise wrong("gradients not used: in the end", examples=found.calls.examples)


def judge_beginning(one, two, last):
    """Are the first arrays of two trainings with the same rng the same, and not those that one of them has left?"""
    first, second = floats(one.params), floats(two.params)
    drawn = [k for k in first if k in second and np.ptp(first[k])]
    learned = [k for k in drawn if not np.array_equal(first[k], last.get(k))]
    if learned and all(np.array_equal(second[k], last.get(k)) for k in learned):
        raise wrong("kept between calls")
    if other := [k for k in drawn if not np.array_equal(first[k], second[k])]:
        raise wrong("rng ignored: chance of its own", what=format_paths(other))


def alike(one, two):
    """Whether two dicts of arrays have the same numbers, but for the last digits."""
    return all(np.allclose(a, two[k], rtol=1e-6, atol=1e-9, equal_nan=True) for k, a in one.items() if k in two)


def judge_chance(trace, other):
    """Does another training, with another rng, begin with other weights?"""
    one, two = floats(trace.points[0].params), floats(other.points[0].params) if other.points else {}
    # Only of many numbers, most of them different, it is known that they were drawn.
    drawn = [k for k in trace.zero if k in one and k in two and len(np.unique(one[k])) > max(9, one[k].size / 2)]
    if drawn and all(np.array_equal(one[k], two[k]) for k in drawn):
        raise wrong("rng ignored", names=format_paths(drawn))


# --- Why it has not learned enough ------------------------------------------------------------------------------------


class Curve:
    """The losses of a training on its way, and what a cause needs to know of it. values: for the sentences.

    falls: the share of the first loss below which the last has fallen. flat: that of the loss after three quarters of
    the way, below which it is still falling at the end.
    """

    def __init__(self, found, batch, values, falls, flat):
        params = [*(point.params for point in found.trace.points), found.params]
        self.found, self.calls, self.trace, self.flat = found, found.calls, found.trace, flat
        self.batch, self.losses = batch, [float(found.calls.loss(one, *batch)) for one in params]
        self.begin, self.before, self.end = self.losses[0], self.losses[-2], self.losses[-1]
        self.falls = self.end < falls * self.begin
        self.first, self.last = floats(params[0]), floats(params[-1])
        self.values = {"curve": on_the_way(self.losses), "begin": self.begin, "end": self.end, **values}

    def wrong(self, mark, **values):
        return self.calls.sentences.wrong(mark, **self.values | values)

    def best(self):
        """`best_length` of the first steps."""
        points = self.trace.points[:8]
        return [best_length(self.calls, point) for point in points if any(d.any() for d in point.moves().values())]


def on_the_way(curve):
    """A few losses of a training, as text."""
    steps = np.linspace(0, len(curve) - 1, min(6, len(curve))).astype(int)
    return ", ".join(f"{curve[i]:.3g}" for i in steps)


def has_diverged(curve):
    """Whether a loss has risen again by more than three tenths of its way down; if it never fell, whether it rose."""
    return curve[-1] - min(curve) > 0.3 * (curve[0] - min(curve))


def best_length(calls, point):
    """By which of these factors a step has to be multiplied to lower the loss of its own batch most: 0.01 ... 10."""
    before, moves = floats(point.params), point.moves()

    def at(t):
        params = replace_leaves(point.params, {k: before[k] + t * d for k, d in moves.items()})
        return np.nan_to_num(float(calls.loss(params, *point.batch)), nan=np.inf)

    return min((1, 0.1, 0.01, 10), key=at)


def not_finite(curve):
    if bad := [k for k, a in curve.last.items() if not np.isfinite(a).all()]:
        return curve.wrong("not finite", names=format_paths(bad))


def steps_grow(curve):
    """The last step is many times as long as the first."""
    lengths = [np.sqrt(sum((d**2).sum() for d in point.moves().values())) for point in curve.trace.points]
    lengths = [one for one in lengths if one]
    if len(lengths) > 3 and lengths[-1] / lengths[0] > 30:
        return curve.wrong("steps grow", times=lengths[-1] / lengths[0])


def steps_too_large(curve):
    best = curve.best()
    shorter = sum(times < 1 for times in best)
    first_one = shorter and best[0] < 1 and curve.end > 0.8 * curve.begin
    if not curve.falls and (shorter > len(best) / 2 or first_one):
        return curve.wrong("steps too large", n=shorter, steps=len(best))


def steps_too_small(curve):
    if not curve.falls and min(best := curve.best(), default=0) > 1:
        return curve.wrong("steps too small", steps=len(best))


def steps_too_few(curve):
    if curve.end > 0.3 and curve.end < curve.flat * curve.losses[3 * len(curve.losses) // 4]:
        return curve.wrong("steps too few")


def the_same_ones(curve):
    """Few of the examples were used."""
    used, of = int(curve.trace.used.sum()), len(curve.trace.used)
    if 0 < used < of / 3:
        return curve.wrong("the same images", used=used, of=of, examples=curve.calls.examples)


def diverged(curve):
    if has_diverged(curve.losses):
        return curve.wrong("diverged", least=min(curve.losses))
