"""A training of a learner's own, watched at its calls of `gradients` and `read`: a `Trace`.

Any rule of steps is allowed. So of a step it is only said whether each array moves, and against its gradient or along
it; and images are spoken of only where they are found among those that `train` was given. Texts, which have no labels,
are watched in the same way.
"""

import time
from inspect import Parameter
from typing import NamedTuple

import numpy as np

from marker.derivatives import match_gradients
from marker.nests import floats, leaves, replace_leaves

FIRST = 60  # calls in which each step is looked at; after them, it is one now and then
POINTS = 24  # of a training that are kept
FEW = 100  # images to test with: a share of them is off by 0.03 by chance alone


class Enough(BaseException):
    """Ends a training from inside: `except Exception` lets it pass."""


def given(bound):
    """What a function was given, in order: a wrapper may take it as *arguments and **named."""
    found = []
    for name, value in bound.arguments.items():
        match bound.signature.parameters[name].kind:
            case Parameter.VAR_POSITIONAL:
                found += value
            case Parameter.VAR_KEYWORD:
                found += value.values()
            case _:
                found.append(value)
    return found


def turned_round(gradients):
    """The same gradients with the other sign, in the same arrays: a file may keep these under a name of its own."""
    negative = {k: -a for k, a in floats(gradients).items()}
    for k, a in leaves(gradients).items():
        if k in negative and isinstance(a, np.ndarray) and a.flags.writeable:
            a[...] = negative[k]
        elif k in negative:
            return replace_leaves(gradients, negative)
    return gradients


def arrays_in(gradients):
    """{path: array} of those that can be written into."""
    return {k: a for k, a in leaves(gradients).items() if isinstance(a, np.ndarray) and a.flags.writeable}


def again(gradients, arrays):
    """A copy of these gradients, which are in these arrays again, too: see `turned_round`."""
    numbers = leaves(gradients)
    for k, a in arrays.items():
        a[...] = numbers[k]
    return replace_leaves(gradients)


class Point:
    """A call of `gradients` on the way: params, a batch, and, once there was a next call, the arrays then."""

    def __init__(self, params, batch):
        self.params, self.batch, self.after = replace_leaves(params), tuple(a.copy() for a in batch), {}

    def moves(self):
        """{path: how far it has gone} of the arrays."""
        before = floats(self.params)
        return {k: b - before[k] for k, b in self.after.items() if k in before and b.shape == before[k].shape}


class Move(NamedTuple):
    """A step of one array."""

    length: float
    slope: float  # the length of the gradient
    downhill: float  # the share of the gradient, by the size of its entries, against which it goes
    replaced: bool  # whether the array is nothing but a multiple of the gradient after it


class Trace:
    """What is seen of one training.

    examples: what `train` was given but for its rng: images (N, 784) and labels (N,), or texts (N, T) alone.
    first: called with (gradients, params, *batch) at the first call of `gradients`.
    most: calls after which it is ended. tell: told of every call.
    turned, an attribute: whether all gradients but the first are turned round before `train` gets them; of many calls,
    it then gets those of the last that was looked at, again and again, which takes no time. end, another: when it is
    ended, in seconds of the process.
    """

    def __init__(self, examples, first, most, tell):
        self.examples, self.first, self.most, self.tell = examples, first, most, tell
        images, *self.labels = examples  # none or one
        self.rows = {a.tobytes(): i for i, a in enumerate(images)}
        self.used = np.zeros(len(images), bool)
        self.calls = self.shown = self.mislabelled = self.other_pixels = 0
        self.in_order = True  # whether the first images came in the order in which they were given
        self.points, self.stride, self.open = [], 1, None  # open: the last point, until its step is seen
        self.moves, self.sum, self.last = {}, {}, {}  # by path
        self.zero = {}  # where a gradient was always 0
        self.reads = []  # [(share that is right, images, of which it had learned from)] of each call of `read`
        self.tested = np.zeros(len(images), bool)  # those that any call of `read` was given
        self.error = self.params = None
        self.claim, self.seconds = 0.0, 0.0
        self.marks, self.turned = [], False  # marks: of the arrays, at each of the first calls
        self.again = None  # once gradients were turned round for FIRST calls: these, and their arrays
        self.end, self.asked, self.inside = np.inf, 0, False  # asked: calls of `loss`; inside: a call of `gradients`

    def gradients(self, original, bound):
        """One call of the learner's `gradients`. If that calls itself, it is one call."""
        if self.inside:
            return original(*bound.args, **bound.kwargs)
        self.inside = True
        try:
            return self.outermost(original, bound)
        finally:
            self.inside = False

    def outermost(self, original, bound):
        params, *batch = given(bound)[: 1 + len(self.examples)]
        if self.calls == 0 and self.first:
            try:
                self.first(original, params, *batch)
            except Exception as error:
                self.error = error
                raise
        self.see(params, [np.asarray(a) for a in batch])
        if self.calls > self.most or time.process_time() > self.end:
            raise Enough
        if self.again:
            return again(*self.again)
        found = original(*bound.args, **bound.kwargs)
        if self.turned and self.calls > 1:
            found = turned_round(found)
            self.again = (replace_leaves(found), arrays_in(found)) if self.calls == FIRST else None
        if self.calls <= FIRST or self.open:
            for k, g in match_gradients(params, found).items():
                if g is not None and np.shape(self.sum.get(k, g)) == g.shape:
                    self.sum[k] = self.sum.get(k, 0) + g
                    self.zero[k] = self.zero.get(k, True) & (g == 0)
        return found

    def loss(self, original, bound):
        """One call of the learner's `loss`: a search along a line may go on for ever."""
        self.asked += not self.inside
        if self.asked > 50 * (self.most + 1) or time.process_time() > self.end:
            raise Enough
        return original(*bound.args, **bound.kwargs)

    def see(self, params, batch):
        """Take note of a call, before it is made."""
        self.tell(self.calls)
        is_point, self.calls = self.calls % self.stride == 0, self.calls + 1
        if self.calls <= FIRST or self.open or is_point:
            self.step(floats(params))
        if self.calls <= FIRST:
            self.marks.append(hash(tuple(a.tobytes() for a in floats(params).values())))
        if is_point:
            self.open = Point(params, batch)
            self.points.append(self.open)
            if len(self.points) == POINTS:
                self.points, self.stride = self.points[::2], 2 * self.stride
        images, *labels = batch
        places = self.places(images)
        known = [i for i in places if i is not None]
        self.shown += len(known)
        for y, right in zip(labels, self.labels, strict=True):
            if y.shape == (len(places),):
                self.mislabelled += sum(i is not None and k != right[i] for i, k in zip(places, y, strict=True))
        if self.calls <= FIRST and (len(known) < 2 or np.diff(known).min() <= 0):
            self.in_order = False
        self.used[known] = True
        if not known and images.dtype.kind == "f" and images.size and np.abs(images).max() < 20:
            self.other_pixels += 1

    def places(self, images):
        """Which of the given images each row is, or None. They may have become numbers of another type."""
        if images.ndim != 2 or images.dtype.kind not in "iuf":
            return []
        rows = images.astype(np.uint8)
        if images.dtype != np.uint8 and not np.array_equal(rows, images):
            return [None] * len(images)
        return [self.rows.get(row.tobytes()) for row in rows]

    def step(self, now):
        """How has each array moved since the last call that was looked at? (Several calls may belong to one step.)"""
        moves = {k: now[k] - self.last[k] for k in self.sum if k in now and k in self.last
                 and now[k].shape == self.last[k].shape}  # fmt: skip
        if self.open:
            self.open.after, self.open = now, None
        moved = any(d.any() for d in moves.values())
        if moved and self.calls <= FIRST + 1:
            for k, d in moves.items():
                g, size = self.sum[k], np.abs(self.sum[k]).sum()
                slope, length = np.linalg.norm(g), np.linalg.norm(d)
                times = (now[k] * g).sum() / (slope**2 or 1)
                only = g.size > 9 and slope > 0 and np.abs(now[k] - times * g).max() < 1e-6 * np.abs(now[k]).max()
                downhill = np.abs(g[d * g < 0]).sum() / size if size else 0.0
                self.moves.setdefault(k, []).append(Move(length, slope, downhill, only and self.last[k].any()))
        if moved or self.calls > FIRST:
            self.sum = {}
        self.last = now

    def read(self, original, bound):
        """One call of the learner's `read`."""
        _, images, *_ = given(bound)
        said = original(*bound.args, **bound.kwargs)
        places = self.places(np.asarray(images))
        self.tested[[i for i in places if i is not None]] = True
        if len(places) > 20 and None not in places and np.shape(said) == (len(places),):
            share = (np.asarray(said) == self.labels[0][places]).mean()
            self.reads.append((share, len(places), int(self.used[places].sum())))
        return said

    def ended(self, params):
        """What the training has returned."""
        self.params = replace_leaves(params)  # the learner's own may be those of the next training, too
        self.step(floats(params))

    def remarks(self):
        """What deserves a sentence, but is no reason to fail."""
        if self.seconds > 4 * slowness():
            yield (
                f"The training took {self.seconds:.0f} s. If there is a loop over the images, one matrix product does "
                "the same for a whole batch at once."
            )
        if self.other_pixels:
            yield (
                "`train` gives `gradients` other numbers than pixels from 0 to 255, and the other functions get those. "
                "All four take the images as they are: is the scaling in one place?"
            )
        if 0 < (n := int(self.tested.sum())) < FEW:
            yield (
                f"`train` had `read` look at {n} image{'s' * (n > 1)}. If your figure rests on them, one more that is "
                f"read right would make it {1 / n:.2g} larger. How many images could you keep aside?"
            )
        if self.in_order and self.calls > 1 and self.shown:
            yield (
                "Your batches come in the order of the images. Here that order was random. If they were sorted by "
                "digit, each batch would hold one digit alone: shuffle them in each epoch."
            )


PRODUCTS = 0.003  # seconds of the ten below, on a computer of 2025


def slowness():
    """How many times as long products like those of a training take here, now, as on a computer of 2025; 1 or more.

    In a browser it is several times as long, and so is a training that is as fast as it can be.
    """
    x, W = np.ones((100, 784)), np.ones((784, 64))

    def seconds():
        began = time.process_time()
        for _ in range(10):
            x @ W
        return time.process_time() - began

    return max(1, min(seconds() for _ in range(3)) / PRODUCTS)
