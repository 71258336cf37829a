"""The work of a step, shared among threads. One seed makes one run, on any number of them.

Every batch is cut by images into parts ("data parallel"). How many is an option of the run and never a property of the
machine, and their gradients are added up in their order. So the bits are the same, however many threads there are and
whichever thread takes a part.

Every matrix product gets a single thread. OpenBLAS's own threads wait for each other in a busy loop, at every product:
where another program takes the processor from one of them, all the others burn theirs. Our threads sleep while they
wait, and a thread that is free takes the next part.
"""

import copy
import sys
import threading
from collections import deque
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from queue import SimpleQueue

import numpy as np
from threadpoolctl import ThreadpoolController
from tqdm import tqdm

from support.checkpoint import describe_misfit
from support.errors import UserError
from support.lockstep import find_largest_and_departure
from support.unnoticed import side_effects_undone

AT_ONCE = 64  # images in testing, at most: what is kept of more does not fit into a processor's cache


def share_work(model, n_parts, batch_size):
    """Return the model itself; or, for several parts, a network with its weights, `forward` and `backward`.

    batch_size: in training. In testing, no more images than in a part of it are computed at once.
    """
    limit_blas_threads()  # from here on, each product gets one
    if n_parts == 1:
        return model
    return InParts(model, n_parts, max(1, min(batch_size // n_parts, AT_ONCE)))


class InParts:
    """A network whose batches are cut into parts by images. Its gradients are the sums of those of the parts.

    Each part has a copy of the model, for what that keeps for its backward pass. What a layer has to know of the whole
    batch, as batch normalisation does, it asks for by its `add_up`: see `Meeting`.

    In parts, some models are others: if a layer mixes the images in a way of its own, say, or draws random numbers. So
    `choose` measures that, once, before the first step, and nobody notices it. Such a model gets its batches whole.
    """

    training = True

    def __init__(self, model, n_parts, at_once=AT_ONCE):
        """n_parts: fewer where there are fewer images. at_once: images that are computed at once in testing."""
        self.model = model
        self.number = n_parts
        self.at_once = at_once
        self.params = model.params
        self.statistics = getattr(model, "statistics", {})
        self.frozen = getattr(model, "frozen", {})  # what stays as it is: one copy for all parts
        self.meeting = Meeting() if any(hasattr(layer, "add_up") for layer in iter_layers(model)) else None
        # Of the model, or [the model] if it gets its batches whole. Empty before the first step.
        self.copies = []
        self.parts = []  # the copies that took the last batch

    def __deepcopy__(self, memo):
        return InParts(copy.deepcopy(self.model, memo), self.number, self.at_once)

    def forward(self, x):
        """From x (B, ...), something for each of B images, to logits (B, ..., K)."""
        if self.training and not self.copies:
            self.choose_copies(x)
        self.parts = (self.copies or self.make_copies())[: len(x)]
        for part in self.parts:
            part.training = self.training
        for part in self.parts[1:]:  # all begin with what the first has remembered
            for name, array in self.statistics.items():
                part.statistics[name][...] = array
        if self.training and len(self.parts) == 1:
            return self.parts[0].forward(x)  # whole, and by this thread

        def forward(part, x):
            pieces = 1 if self.training else -(-len(x) // self.at_once)
            return concatenate([part.forward(piece) for piece in np.array_split(x, pieces)])

        return concatenate(self.call_on_parts(forward, x))

    def backward(self, dlogits):
        """From d loss / d logits (B, ..., K) to {name: gradient}."""
        if len(self.parts) == 1:
            return self.parts[0].backward(dlogits)
        grads, *other_grads = self.call_on_parts(lambda part, dlogits: part.backward(dlogits), dlogits)
        for part_grads in other_grads:
            for name, gradient in grads.items():
                gradient += part_grads[name]
        return grads

    def call_on_parts(self, function, batch):
        """Return [function(network, its part of the batch), ...]."""
        meets = self.meeting and self.training and len(self.parts) > 1
        with self.meeting.session(len(self.parts)) if meets else nullcontext() as meeting:
            return map_in_threads(function, self.parts, np.array_split(batch, len(self.parts)), meeting=meeting)

    def make_copies(self):
        """Copy the model for each part, with the same weights. The first copy has the same statistics, too."""
        copies = []
        for k in range(self.number):
            shared_arrays = [*self.params.values(), *self.frozen.values(), *([] if k else self.statistics.values())]
            copies.append(copy.deepcopy(self.model, {id(array): array for array in shared_arrays}))
            for layer in iter_layers(copies[-1]):
                if hasattr(layer, "add_up"):
                    layer.add_up = partial(self.meeting.add_up, k)
        return copies

    def choose_copies(self, x):
        """Copy the model for the parts; or take it itself if it gives something else in parts for images x (B, ...)."""
        number = min(self.number, len(x))
        # A few, whose parts are as even or uneven as those of all; of a model that is large, a few less.
        x = x[: (1 if self.frozen else 8) * number + len(x) % number]
        difference = ""
        if number > 1:
            with side_effects_undone({type(layer) for layer in iter_layers(self.model)}):
                difference = describe_difference_in_parts(self.model, number, x)
        self.copies = [self.model] if difference is None or difference else self.make_copies()
        if difference:
            self.at_once = sys.maxsize
            # It names no file: in a copy with a fault, that would give it away.
            tqdm.write(
                f"note: the network gets its batches whole, on one thread: in parts, {difference}", file=sys.stderr
            )

    @property
    def is_whole(self):
        """True if the model gets its batches whole, because in parts it would be another."""
        return self.copies == [self.model]


def get_model(network):
    """The network's own object, whether it is shared in parts or not."""
    return network.model if isinstance(network, InParts) else network


def get_kept_array(network, name):
    """The array (images, ...) of that name which a network kept in its last step; of its parts, one below the other."""
    parts = network.parts if isinstance(network, InParts) else [network]
    return concatenate([getattr(part, name) for part in parts])


def describe_difference_in_parts(model, n_parts, x):
    """Describe what a model gives for images x (B, ...) that it does not give in so many parts; "" if it gives all.

    None if the model fails, or its gradients are not those of its parameters. That shows when it gets a batch.

    Measured in float64, where no other difference is as small as rounding. The weights are moved a little: what one of
    them is multiplied with would not show if it were 0. So a resumed run finds what the run found when it began.

    What a model has in `frozen` is not copied. It is large, and so such a model is measured in its own precision.
    """
    rng = np.random.default_rng(0)
    frozen = {id(array): array for array in getattr(model, "frozen", {}).values()}
    precise = all(array.dtype == float for array in frozen.values())
    new_params = {id(p): p + rng.normal(0, 1e-3, p.shape) for p in model.params.values()}
    statistics = {id(array): to_float64(array) for array in getattr(model, "statistics", {}).values()}
    if not precise:
        new_params = {name: p.astype(np.float32) for name, p in new_params.items()}
    try:
        whole = copy.deepcopy(model, new_params | statistics | frozen)
        in_parts = InParts(copy.deepcopy(whole, {**frozen}), n_parts)
        in_parts.copies = in_parts.make_copies()
    except Exception as error:
        return f"it cannot be copied ({error})"
    with np.errstate(all="ignore"):
        try:
            outputs = compute_logits_and_gradients(whole, to_float64(x) if precise else x)
        except MemoryError:
            raise
        except (Exception, SystemExit):
            return None
        if describe_misfit(model.params, outputs["gradients"]):
            return None
        try:
            outputs_in_parts = compute_logits_and_gradients(in_parts, to_float64(x) if precise else x)
        except (MemoryError, UserError):
            raise
        except (Exception, SystemExit) as error:
            return f"it would fail ({error})"
    try:
        _, departure = find_largest_and_departure(outputs, outputs_in_parts, 1e-9 if precise else 1e-3)
    except UserError as error:
        return f"its arrays would have different shapes ({error})"
    return f"its {departure.group} would differ" if departure else ""


def to_float64(array):
    """Return an array of numbers in float64, and one of whole numbers as it is."""
    return array.astype(float) if array.dtype.kind == "f" else array.copy()


def compute_logits_and_gradients(network, x):
    """Compute all that a network gives for images x (B, ...): {what: {name: array}}."""
    logits = network.forward(x)
    grads = network.backward(np.random.default_rng(0).normal(size=logits.shape))
    statistics = getattr(network, "statistics", {})
    network.training = False
    return {
        "logits": {"": logits},
        "gradients": grads,
        "statistics": statistics,
        "logits in testing": {"": network.forward(x)},
    }


def iter_layers(network):
    """The network and all layers in it, however deep."""
    yield network
    for layer in getattr(network, "layers", {}).values():
        yield from iter_layers(layer)


def concatenate(arrays):
    """Concatenate arrays along the first axis."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


# --- Threads ----------------------------------------------------------------------------------------------------------


@cache
def limit_blas_threads():
    """Give each of NumPy's products one thread from now on. Return how many they would have used.

    1 where threadpoolctl knows no library, as with Apple's Accelerate, whose threads it cannot limit.
    """
    blas = ThreadpoolController().select(user_api="blas")
    number = max((library["num_threads"] for library in blas.info()), default=1)
    blas.limit(limits=1)
    return number


def map_in_threads(function, *arguments, meeting=None):
    """Return list(map(function, *arguments)), computed by this thread and others.

    meeting: the `Meeting` of the parts, if they wait for each other there. Then each of them has a thread; UserError
    where the system starts too few.

    An error in a part is raised here, when no thread works any more. Parts that no thread has taken are then left.
    """
    parts = list(zip(*arguments, strict=False))
    results = [None] * len(parts)
    waiting = deque(enumerate(parts))
    errors = np.geterr()

    def run_parts():
        with np.errstate(**errors):  # NumPy keeps for each thread what it does about an overflow
            while True:
                try:
                    i, part = waiting.popleft()  # the next part that no thread has taken
                except IndexError:
                    return
                with meeting.attendance() if meeting else nullcontext():
                    results[i] = function(*part)

    n_wanted = (len(parts) if meeting else min(len(parts), limit_blas_threads())) - 1
    queue, n_started = start_threads(n_wanted) if n_wanted > 0 else (None, 0)
    if meeting and n_started < n_wanted:
        needs = f"--parts {len(parts)} needs as many threads, but the system starts {n_started + 1}"
        raise UserError(f"{needs}: take --parts {n_started + 1}")
    jobs = [Job(run_parts) for _ in range(n_wanted)] if n_started else []
    for job in jobs:
        queue.put(job)
    errors_found = []
    try:
        run_parts()
    except BaseException as error:
        errors_found.append(error)
    waiting.clear()  # nothing is left, unless there was an error or Ctrl-C
    errors_found += [job.error.get() for job in jobs if not job.taken.acquire(blocking=False)]
    for error in sorted(filter(None, errors_found), key=lambda error: isinstance(error, PartEnded)):
        raise error  # the first that does not follow from another
    return results


class Job:
    """Work for another thread. Where none has taken it when it is no longer needed, none does.

    Why: the other thread may not have the processor, and nobody may wait for it in vain.
    """

    def __init__(self, work):
        self.work = work
        self.taken = threading.Lock()
        self.error = SimpleQueue()


@cache
def start_threads(n_threads):
    """Return (the queue of jobs for this many other threads, which sleep while it is empty, how many there are).

    Why not a ThreadPoolExecutor: its threads wake up later, and a step of the MLP or the ResNet takes a tenth longer.

    They are fewer where the system gives no more threads.
    """
    jobs = SimpleQueue()
    for n_started in range(n_threads):
        try:
            threading.Thread(target=run_jobs, args=[jobs], daemon=True).start()
        except RuntimeError:
            return jobs, n_started
    return jobs, n_threads


def run_jobs(job_queue):
    """Run the jobs of a queue, without an end: the loop of each of these threads."""
    while True:
        job = job_queue.get()
        error = None
        if job.taken.acquire(blocking=False):
            try:
                job.work()
            except BaseException as raised:
                error = raised
            job.error.put(error)
        del job, error  # with them, the arrays of the step


class PartEnded(Exception):
    """A part waits for one that has ended."""


class Meeting:
    """Where the parts of a batch add up what a layer has to know of all of it (in PyTorch, SyncBatchNorm).

    A part that waits for the others makes room: no more than `limit_blas_threads()` of them compute at a time.
    """

    def __init__(self):
        self.number = 0
        self.changed = threading.Condition()

    @contextmanager
    def session(self, n_parts):
        """Context manager: so many parts meet within it."""
        self.number = n_parts
        self.ended = False
        self.brought = {}
        self.room = threading.Semaphore(limit_blas_threads())
        try:
            yield self
        finally:
            self.number = 0

    @contextmanager
    def attendance(self):
        """Context manager: a part computes. When it ends, even by an error or Ctrl-C, nobody waits for it any more."""
        with self.room:
            try:
                yield
            finally:
                with self.changed:
                    self.ended = True
                    self.changed.notify_all()

    def add_up(self, part, *mine):
        """Return the sums over all parts, in order, of what each brings: numbers or arrays, the same ones from each.

        Outside a meeting the part is all there is. Raises `PartEnded` if another has ended and does not come.
        """
        if not self.number:
            return mine
        with self.changed:
            contributions = self.brought
            contributions[part] = mine
            is_last = len(contributions) == self.number
            if is_last:
                self.brought = {}  # for the next sums
                self.changed.notify_all()
        if not is_last:
            self.room.release()
            try:
                with self.changed:
                    self.changed.wait_for(lambda: self.brought is not contributions or self.ended)
            finally:
                self.room.acquire()
            if self.brought is contributions:
                raise PartEnded("a part of the batch waits for another, which has ended")
        in_order = [contributions[part] for part in range(self.number)]
        return [sum(column) for column in zip(*in_order, strict=True)]
