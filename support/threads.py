"""Shares the work of a training step among threads. The result depends on the seed, and not on the number of threads.

Every batch is split by images into parts ("data parallel"). The number of parts is an option of the run, independent of
the machine, and the gradients of the parts are added up in order. So the results are the same bit for bit, however many
threads there are and whichever thread computes a part.

Every matrix product gets a single thread. OpenBLAS's own threads wait for each other in a busy loop at every product:
if another program takes the processor from one of them, all the others waste theirs. Our threads sleep while they wait,
and a thread that is free takes the next part.
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

MAX_IMAGES_AT_ONCE = 64  # in a forward pass in testing: the results of more do not fit into a processor's cache


def share_work(model, n_parts, batch_size):
    """Return a network with the model's weights whose `forward` and `backward` use threads; if n_parts is 1, the model.

    n_parts: the number of parts of a batch. batch_size: the images in a training batch. In testing, a forward pass has
    no more images than a part of a training batch.
    """
    limit_blas_threads()  # from here on, each product gets one thread
    if n_parts == 1:
        return model
    return InParts(model, n_parts, max(1, min(batch_size // n_parts, MAX_IMAGES_AT_ONCE)))


class InParts:
    """A network whose batches are split into parts by images. Its gradients are the sums of the parts' gradients.

    Each part has its own copy of the model, which stores what its backward pass needs. The copies share the weights. A
    layer that needs sums over the whole batch, as batch normalisation does, gets them with its `add_up`: see `Meeting`.

    Some models give different results in parts, for example if a layer mixes the images of a batch or draws random
    numbers. `set_copies` tests this once, before the first step and without side effects. Such a model gets whole
    batches.
    """

    training = True

    def __init__(self, model, n_parts, at_once=MAX_IMAGES_AT_ONCE):
        """n_parts: the parts of a batch; a batch with fewer images has fewer. at_once: images per pass in testing."""
        self.model = model
        self.number = n_parts
        self.at_once = at_once
        self.params = model.params
        self.statistics = getattr(model, "statistics", {})
        self.frozen = getattr(model, "frozen", {})  # arrays that do not learn: shared by all parts
        self.meeting = Meeting() if any(hasattr(layer, "add_up") for layer in iter_layers(model)) else None
        # Copies of the model, or [the model] if it gets whole batches. Empty before the first step.
        self.copies = []
        self.parts = []  # the copies that took the last batch

    def __deepcopy__(self, memo):
        return InParts(copy.deepcopy(self.model, memo), self.number, self.at_once)

    def forward(self, x):
        """Return the logits (B, ..., K) of inputs x (B, ...)."""
        if self.training and not self.copies:
            self.set_copies(x)
        self.parts = (self.copies or self.make_copies())[: len(x)]
        for part in self.parts:
            part.training = self.training
        for part in self.parts[1:]:  # all parts begin with the first part's statistics
            for name, array in self.statistics.items():
                part.statistics[name][...] = array
        if self.training and len(self.parts) == 1:
            return self.parts[0].forward(x)  # the whole batch, on this thread

        def forward(part, x):
            pieces = 1 if self.training else -(-len(x) // self.at_once)
            return concatenate([part.forward(piece) for piece in np.array_split(x, pieces)])

        return concatenate(self.call_on_parts(forward, x))

    def backward(self, dlogits):
        """Return the gradients {name: array}. dlogits: d loss / d logits (B, ..., K)."""
        if len(self.parts) == 1:
            return self.parts[0].backward(dlogits)
        grads, *other_grads = self.call_on_parts(lambda part, dlogits: part.backward(dlogits), dlogits)
        for part_grads in other_grads:
            for name, gradient in grads.items():
                gradient += part_grads[name]
        return grads

    def call_on_parts(self, function, batch):
        """Return the list of function(copy of the model, its part of the batch), computed in threads."""
        meets = self.meeting and self.training and len(self.parts) > 1
        with self.meeting.session(len(self.parts)) if meets else nullcontext() as meeting:
            return map_in_threads(function, self.parts, np.array_split(batch, len(self.parts)), meeting=meeting)

    def make_copies(self):
        """Return a copy of the model for each part. All share the model's weights, the first also its statistics."""
        copies = []
        for k in range(self.number):
            shared_arrays = [*self.params.values(), *self.frozen.values(), *([] if k else self.statistics.values())]
            copies.append(copy.deepcopy(self.model, {id(array): array for array in shared_arrays}))
            for layer in iter_layers(copies[-1]):
                if hasattr(layer, "add_up"):
                    layer.add_up = partial(self.meeting.add_up, k)
        return copies

    def set_copies(self, x):
        """Set `copies` to copies of the model or, if its results would differ in parts, to [the model].

        x (B, ...): a batch for the test. If the results would differ, a note with the reason is printed.
        """
        number = min(self.number, len(x))
        # A few images are enough, with parts as even or uneven as those of the whole batch. A large model gets fewer.
        x = x[: (1 if self.frozen else 8) * number + len(x) % number]
        difference = ""
        if number > 1:
            with side_effects_undone({type(layer) for layer in iter_layers(self.model)}):
                difference = describe_difference_in_parts(self.model, number, x)
        self.copies = [self.model] if difference is None or difference else self.make_copies()
        if difference:
            self.at_once = sys.maxsize
            # The note names no file, because in an exercise in finding a fault it would give the fault away.
            tqdm.write(
                f"note: the network gets its batches whole, on one thread: in parts, {difference}", file=sys.stderr
            )

    @property
    def gets_whole_batches(self):
        """True if the model gets whole batches, because its results would differ if a batch were split."""
        return self.copies == [self.model]


def get_inner_model(network):
    """Return the model inside an `InParts`. Any other network is returned as it is."""
    return network.model if isinstance(network, InParts) else network


def get_kept_array(network, name):
    """Return an array (images, ...) that a network stored as the attribute `name` in its last step.

    The arrays of the parts of an `InParts` are concatenated.
    """
    parts = network.parts if isinstance(network, InParts) else [network]
    return concatenate([getattr(part, name) for part in parts])


def describe_difference_in_parts(model, n_parts, x):
    """Return how a model's results for inputs x (B, ...) differ if they are computed in parts; "" if they do not.

    Return None if the model fails on x or its gradients do not fit its parameters. The next batch will show that.

    The results are compared in float64, in which rounding is smaller than any real difference. The weights of the copy
    are changed slightly, because a factor with the weight 0 would not show. So a resumed run gets the same answer as at
    its beginning. Arrays in `frozen` are not copied, because they are large, and a model that has any in lower
    precision is tested in that precision.
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
            outputs = compute_results_by_kind(whole, to_float64(x) if precise else x)
        except MemoryError:
            raise
        except (Exception, SystemExit):
            return None
        if describe_misfit(model.params, outputs["gradients"]):
            return None
        try:
            outputs_in_parts = compute_results_by_kind(in_parts, to_float64(x) if precise else x)
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
    """Return a copy of an array, in float64 unless it holds whole numbers."""
    return array.astype(float) if array.dtype.kind == "f" else array.copy()


def compute_results_by_kind(network, x):
    """Return all results of a network for inputs x (B, ...): {kind of result: {name: array}}.

    The kinds are logits, gradients for random dlogits, statistics, and the logits in testing.
    """
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
    """Yield the network and all layers in it, at any depth."""
    yield network
    for layer in getattr(network, "layers", {}).values():
        yield from iter_layers(layer)


def concatenate(arrays):
    """Concatenate arrays along the first axis."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


# --- Threads ----------------------------------------------------------------------------------------------------------


@cache
def limit_blas_threads():
    """Limit each of NumPy's matrix products to one thread from now on."""
    count_blas_threads()  # while they have their usual number
    ThreadpoolController().select(user_api="blas").limit(limits=1)


@cache
def count_blas_threads():
    """Return how many threads NumPy's matrix products used before `limit_blas_threads`.

    Returns 1 if threadpoolctl cannot limit the threads of NumPy's BLAS library, for example Apple's Accelerate.
    """
    libraries = ThreadpoolController().select(user_api="blas").info()
    return max((library["num_threads"] for library in libraries), default=1)


def map_in_threads(function, *arguments, meeting=None):
    """Return list(map(function, *arguments)), computed by this thread and others. Each call is a part of the work.

    meeting: a `Meeting` if the parts wait for each other in it, else None. With a meeting, each part needs a thread of
    its own; raises UserError if the system starts too few.

    An error in a part is raised here after all threads have finished. Parts that no thread has begun are then dropped.
    """
    parts = list(zip(*arguments, strict=False))
    results = [None] * len(parts)
    waiting = deque(enumerate(parts))
    errors = np.geterr()

    def compute_waiting_parts():
        with np.errstate(**errors):  # how NumPy treats an overflow is a setting of each thread
            while True:
                try:
                    i, part = waiting.popleft()  # the next part that no thread has taken
                except IndexError:
                    return
                with meeting.part_session() if meeting else nullcontext():
                    results[i] = function(*part)

    n_wanted = (len(parts) if meeting else min(len(parts), count_blas_threads())) - 1
    queue, n_started = start_threads(n_wanted) if n_wanted > 0 else (None, 0)
    if meeting and n_started < n_wanted:
        needs = f"--parts {len(parts)} needs as many threads, but the system starts {n_started + 1}"
        raise UserError(f"{needs}: take --parts {n_started + 1}")
    jobs = [Job(compute_waiting_parts) for _ in range(n_wanted)] if n_started else []
    for job in jobs:
        queue.put(job)
    errors_found = []
    try:
        compute_waiting_parts()
    except BaseException as error:
        errors_found.append(error)
    waiting.clear()  # nothing is left, unless there was an error or Ctrl-C
    errors_found += [job.error.get() for job in jobs if not job.taken.acquire(blocking=False)]
    for error in sorted(filter(None, errors_found), key=lambda error: isinstance(error, PartEnded)):
        raise error  # the first error that is not the consequence of another
    return results


class Job:
    """Work for another thread, which can be withdrawn as long as no thread has taken it.

    A thread may not get the processor for some time, and the main thread should not wait for it then.
    """

    def __init__(self, work):
        self.work = work
        self.taken = threading.Lock()
        self.error = SimpleQueue()


@cache
def start_threads(n_threads):
    """Start threads that run jobs. Return (the queue of their jobs, the number of threads).

    The threads sleep while the queue is empty. There are fewer than `n_threads` if the system starts no more. A
    ThreadPoolExecutor would wake its threads later: a step of the MLP or the ResNet would take a tenth longer.
    """
    jobs = SimpleQueue()
    for n_started in range(n_threads):
        try:
            threading.Thread(target=run_jobs, args=[jobs], daemon=True).start()
        except RuntimeError:
            return jobs, n_started
    return jobs, n_threads


def run_jobs(job_queue):
    """Run the jobs of a queue forever. This is the loop of each thread."""
    while True:
        job = job_queue.get()
        error = None
        if job.taken.acquire(blocking=False):
            try:
                job.work()
            except BaseException as raised:
                error = raised
            job.error.put(error)
        del job, error  # they refer to the arrays of the step


class PartEnded(Exception):
    """Raised in a part that waits for another part which has already ended."""


class Meeting:
    """Adds up numbers over the parts of a batch, for layers that need sums over it, as PyTorch's SyncBatchNorm does.

    At most `count_blas_threads()` parts compute at a time. A part that waits for the others lets another one compute.
    """

    def __init__(self):
        self.number = 0
        self.changed = threading.Condition()

    @contextmanager
    def session(self, n_parts):
        """Context manager for a pass of `n_parts` parts, which add up numbers within it. Yields this meeting."""
        self.number = n_parts
        self.ended = False
        self.brought = {}
        self.room = threading.Semaphore(count_blas_threads())
        try:
            yield self
        finally:
            self.number = 0

    @contextmanager
    def part_session(self):
        """Context manager for the computation of one part. After its end, also by an error, no part waits for it."""
        with self.room:
            try:
                yield
            finally:
                with self.changed:
                    self.ended = True
                    self.changed.notify_all()

    def add_up(self, part_number, *values):
        """Return a list: for each number or array in `values`, the sum over all parts.

        Waits until all parts have called this. part_number: the number of this part; parts are added in the order of
        their numbers. Outside a session, `values` is returned. Raises `PartEnded` if another part has ended without
        this call.
        """
        if not self.number:
            return values
        with self.changed:
            contributions = self.brought
            contributions[part_number] = values
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
        in_order = [contributions[part_number] for part_number in range(self.number)]
        return [sum(column) for column in zip(*in_order, strict=True)]
