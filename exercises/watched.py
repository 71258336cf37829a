"""Record a training of the learner's network at its calls of `gradients`, `loss` and `read`: the class `Trace`.

`train` may use any update rule. So only two things are judged about a step: whether each array moves, and whether it
moves against its gradient. Messages mention images only if they are among those that `train` was given. Texts, which
have no labels, are recorded in the same way.
"""

import time
from inspect import Parameter
from typing import NamedTuple

import numpy as np

from marker.derivatives import get_gradients_by_path
from marker.nests import copy_floats_by_path, leaves_by_path, replace_leaves

N_FULLY_RECORDED_CALLS = 60  # whose steps are all recorded; later, only some are
MAX_SNAPSHOTS = 24  # then every other one is dropped
MIN_TEST_IMAGES = 100  # on which the standard deviation of an accuracy is about 0.03


class TrainingStopped(BaseException):
    """Raised inside `train` to stop it. It is a BaseException, so that `except Exception` does not catch it."""


def list_arguments(bound_arguments):
    """Return the arguments of a call as a list, in order, including those of *arguments and **named parameters."""
    arguments = []
    for name, value in bound_arguments.arguments.items():
        match bound_arguments.signature.parameters[name].kind:
            case Parameter.VAR_POSITIONAL:
                arguments += value
            case Parameter.VAR_KEYWORD:
                arguments += value.values()
            case _:
                arguments.append(value)
    return arguments


def negate_in_place(gradients):
    """Return the gradients with the opposite sign.

    Writable arrays are negated in place, because the learner's file may hold other references to them.
    """
    negative = {k: -a for k, a in copy_floats_by_path(gradients).items()}
    for k, a in leaves_by_path(gradients).items():
        if k in negative and isinstance(a, np.ndarray) and a.flags.writeable:
            a[...] = negative[k]
        elif k in negative:
            return replace_leaves(gradients, negative)
    return gradients


def get_writable_arrays(gradients):
    """Return {path: array} of the gradients that are writable arrays."""
    return {k: a for k, a in leaves_by_path(gradients).items() if isinstance(a, np.ndarray) and a.flags.writeable}


def restore_and_copy_gradients(saved_gradients, learner_arrays_by_path):
    """Write the values of `saved_gradients` into `learner_arrays_by_path` and return a copy of `saved_gradients`.

    learner_arrays_by_path: {path: array}, the learner's own gradient arrays, from `get_writable_arrays`.
    """
    values = leaves_by_path(saved_gradients)
    for k, a in learner_arrays_by_path.items():
        a[...] = values[k]
    return replace_leaves(saved_gradients)


class Snapshot:
    """A recorded call of `gradients`: copies of params and of the batch.

    arrays_after: {path: array} of params at the next call; empty until then.
    """

    def __init__(self, params, batch):
        self.params = replace_leaves(params)
        self.batch = tuple(a.copy() for a in batch)
        self.arrays_after = {}

    def compute_moves_by_path(self):
        """Return {path: change of the array between this call and the next}."""
        arrays = copy_floats_by_path(self.params)
        return {k: b - arrays[k] for k, b in self.arrays_after.items() if k in arrays and b.shape == arrays[k].shape}


class Move(NamedTuple):
    """How one array moved in one step."""

    length: float
    slope: float  # the norm of the gradient
    downhill: float  # the share of the gradient, in absolute values, whose entries moved against it
    is_multiple: bool  # whether the array became a mere multiple of its gradient


class Trace:
    """A record of one training.

    examples: the arguments of `train` except rng: images (N, 784) and labels (N,), or only texts (N, T). on_first_call:
    called with (gradients, params, *batch) at the first call of `gradients`. max_calls: stop the training after this
    many calls of `gradients`. on_progress: called with the number of each call.

    Attributes that may be set: negates_gradients: if True, `train` gets all gradients but the first with the opposite
    sign; after N_FULLY_RECORDED_CALLS, it gets the last ones again and again, which saves their computation. deadline:
    the process time, in seconds, at which the training is stopped.
    """

    def __init__(self, examples, on_first_call, max_calls, on_progress):
        self.examples = examples
        self.on_first_call = on_first_call
        self.max_calls = max_calls
        self.on_progress = on_progress
        images, *self.labels = examples  # [labels], or [] for texts
        self.index_by_bytes = {a.tobytes(): i for i, a in enumerate(images)}
        self.was_used = np.zeros(len(images), bool)
        self.n_calls = self.n_known_examples = self.n_mislabelled = self.n_scaled_batches = 0
        self.is_in_order = True  # whether the first batches came in the order of the examples
        self.snapshots = []
        self.stride = 1  # calls from one snapshot to the next
        self.open_snapshot = None  # the last snapshot, until its arrays_after are recorded
        self.moves = {}  # by path
        self.gradient_sums = {}  # by path
        self.last_arrays = {}  # by path
        self.always_zero = {}  # by path: where all recorded gradients were 0
        self.read_results = []  # (accuracy, images, how many of them had been used for training) of each call of `read`
        self.was_tested = np.zeros(len(images), bool)  # the images that were given to `read`
        self.error = self.params = None
        self.claim = 0.0
        self.seconds = 0.0
        self.array_hashes = []  # of all arrays, at each of the first N_FULLY_RECORDED_CALLS
        self.negates_gradients = False
        self.repeated_gradients = None  # after N_FULLY_RECORDED_CALLS, negated: (gradients to return, their arrays)
        self.deadline = np.inf
        self.n_loss_calls = 0
        self.is_in_gradients = False

    def gradients(self, function, bound_arguments):
        """Call the learner's `gradients` and return its result. The call is recorded unless it is recursive."""
        if self.is_in_gradients:
            return function(*bound_arguments.args, **bound_arguments.kwargs)
        self.is_in_gradients = True
        try:
            return self.call_and_record_gradients(function, bound_arguments)
        finally:
            self.is_in_gradients = False

    def call_and_record_gradients(self, function, bound_arguments):
        """Record a call of `gradients` and return its result; see `negates_gradients` for changed results."""
        params, *batch = list_arguments(bound_arguments)[: 1 + len(self.examples)]
        if self.n_calls == 0 and self.on_first_call:
            try:
                self.on_first_call(function, params, *batch)
            except Exception as error:
                self.error = error
                raise
        self.record_call(params, [np.asarray(a) for a in batch])
        if self.n_calls > self.max_calls or time.process_time() > self.deadline:
            raise TrainingStopped
        if self.repeated_gradients:
            return restore_and_copy_gradients(*self.repeated_gradients)
        gradients = function(*bound_arguments.args, **bound_arguments.kwargs)
        if self.negates_gradients and self.n_calls > 1:
            gradients = negate_in_place(gradients)
            if self.n_calls == N_FULLY_RECORDED_CALLS:
                self.repeated_gradients = replace_leaves(gradients), get_writable_arrays(gradients)
        if self.n_calls <= N_FULLY_RECORDED_CALLS or self.open_snapshot:
            for k, g in get_gradients_by_path(params, gradients).items():
                if g is not None and np.shape(self.gradient_sums.get(k, g)) == g.shape:
                    self.gradient_sums[k] = self.gradient_sums.get(k, 0) + g
                    self.always_zero[k] = self.always_zero.get(k, True) & (g == 0)
        return gradients

    def loss(self, function, bound_arguments):
        """Call the learner's `loss` and return its result.

        Stops the training after too many calls: a line search may not end.
        """
        self.n_loss_calls += not self.is_in_gradients
        if self.n_loss_calls > 50 * (self.max_calls + 1) or time.process_time() > self.deadline:
            raise TrainingStopped
        return function(*bound_arguments.args, **bound_arguments.kwargs)

    def record_call(self, params, batch):
        """Record the params and the batch of a call of `gradients`, before it runs."""
        self.on_progress(self.n_calls)
        is_snapshot = self.n_calls % self.stride == 0
        self.n_calls += 1
        if self.n_calls <= N_FULLY_RECORDED_CALLS or self.open_snapshot or is_snapshot:
            self.record_step(copy_floats_by_path(params))
        if self.n_calls <= N_FULLY_RECORDED_CALLS:
            self.array_hashes.append(hash(tuple(a.tobytes() for a in copy_floats_by_path(params).values())))
        if is_snapshot:
            self.open_snapshot = Snapshot(params, batch)
            self.snapshots.append(self.open_snapshot)
            if len(self.snapshots) == MAX_SNAPSHOTS:
                self.snapshots = self.snapshots[::2]
                self.stride = 2 * self.stride
        images, *labels = batch
        indices = self.find_example_indices(images)
        known_indices = [i for i in indices if i is not None]
        self.n_known_examples += len(known_indices)
        for y, true_labels in zip(labels, self.labels, strict=True):
            if y.shape == (len(indices),):
                self.n_mislabelled += sum(
                    i is not None and k != true_labels[i] for i, k in zip(indices, y, strict=True)
                )
        if self.n_calls <= N_FULLY_RECORDED_CALLS and (len(known_indices) < 2 or np.diff(known_indices).min() <= 0):
            self.is_in_order = False
        self.was_used[known_indices] = True
        if not known_indices and images.dtype.kind == "f" and images.size and np.abs(images).max() < 20:
            self.n_scaled_batches += 1

    def find_example_indices(self, images):
        """Return, for each row, its index among the images of `examples`, or None. The rows may have another dtype."""
        if images.ndim != 2 or images.dtype.kind not in "iuf":
            return []
        rows = images.astype(np.uint8)
        if images.dtype != np.uint8 and not np.array_equal(rows, images):
            return [None] * len(images)
        return [self.index_by_bytes.get(row.tobytes()) for row in rows]

    def record_step(self, arrays):
        """Record how each array has moved since the last recorded call.

        arrays: {path: array} now. Gradients are summed over calls without a move, since several calls may belong to one
        step.
        """
        moves = {k: arrays[k] - self.last_arrays[k] for k in self.gradient_sums if k in arrays and k in self.last_arrays
                 and arrays[k].shape == self.last_arrays[k].shape}  # fmt: skip
        if self.open_snapshot:
            self.open_snapshot.arrays_after = arrays
            self.open_snapshot = None
        has_moved = any(d.any() for d in moves.values())
        if has_moved and self.n_calls <= N_FULLY_RECORDED_CALLS + 1:
            for k, d in moves.items():
                g = self.gradient_sums[k]
                size = np.abs(self.gradient_sums[k]).sum()
                slope = np.linalg.norm(g)
                length = np.linalg.norm(d)
                factor = (arrays[k] * g).sum() / (slope**2 or 1)
                is_multiple = (
                    g.size > 9 and slope > 0 and np.abs(arrays[k] - factor * g).max() < 1e-6 * np.abs(arrays[k]).max()
                )
                downhill = np.abs(g[d * g < 0]).sum() / size if size else 0.0
                self.moves.setdefault(k, []).append(
                    Move(length, slope, downhill, is_multiple and self.last_arrays[k].any())
                )
        if has_moved or self.n_calls > N_FULLY_RECORDED_CALLS:
            self.gradient_sums = {}
        self.last_arrays = arrays

    def read(self, function, bound_arguments):
        """Call the learner's `read` and return its result. The accuracy is recorded."""
        _, images, *_ = list_arguments(bound_arguments)
        predictions = function(*bound_arguments.args, **bound_arguments.kwargs)
        indices = self.find_example_indices(np.asarray(images))
        self.was_tested[[i for i in indices if i is not None]] = True
        if len(indices) > 20 and None not in indices and np.shape(predictions) == (len(indices),):
            share = (np.asarray(predictions) == self.labels[0][indices]).mean()
            self.read_results.append((share, len(indices), int(self.was_used[indices].sum())))
        return predictions

    def finish(self, params):
        """Record the params that `train` returned."""
        self.params = replace_leaves(params)  # copied, because the next training may change the learner's own arrays
        self.record_step(copy_floats_by_path(params))

    def iter_remarks(self):
        """Yield remarks on the training, sentences that are no reason to fail."""
        if self.seconds > 4 * measure_slowness():
            yield (
                f"The training took {self.seconds:.0f} s. If it loops over the images, one matrix product does "
                "the same work for a whole batch at once."
            )
        if self.n_scaled_batches:
            yield (
                "`train` does not pass pixels from 0 to 255 to `gradients`, but the other functions get such pixels. "
                "All four should take the images unscaled: do you scale them in a single place?"
            )
        n = int(self.was_tested.sum())
        if 0 < n < MIN_TEST_IMAGES:
            images = "image" if n == 1 else "images"
            yield (
                f"`train` called `read` with {n} {images}. If your figure comes from them, one more image that is "
                f"classified correctly would make it {1 / n:.2g} larger. How many images could you set aside?"
            )
        if self.is_in_order and self.n_calls > 1 and self.n_known_examples:
            yield (
                "Your batches follow the order of the images. Here this order was random. If the images were sorted by "
                "digit, each batch would contain a single digit, so shuffle them in each epoch."
            )


REFERENCE_PRODUCT_SECONDS = 0.003  # ten matrix products, on a computer of 2025


def measure_slowness():
    """Return how many times slower matrix products are here than on a computer of 2025, at least 1.

    In a browser they are several times slower, and so is even the most efficient training.
    """
    x = np.ones((100, 784))
    W = np.ones((784, 64))

    def time_products():
        start_time = time.process_time()
        for _ in range(10):
            x @ W
        return time.process_time() - start_time

    return max(1, min(time_products() for _ in range(3)) / REFERENCE_PRODUCT_SECONDS)
