"""The work of a step, shared among threads. One seed makes one run, on any number of them.

The work is cut into parts. Their number depends on the work and never on the machine, and their results are added up in
their order. So the bits are the same, however many threads there are and whichever thread takes a part.

Every matrix product gets a single thread. OpenBLAS's own threads wait for each other in a busy loop, at every product:
where another program takes the processor from one of them, all the others burn theirs. Our threads sleep while they
wait, and a thread that is free takes the next part.
"""

import copy
import sys
import threading
from functools import cache
from queue import SimpleQueue

import numpy as np
from threadpoolctl import ThreadpoolController

OF_UNITS = 256  # hidden units in a part, at most. A thread takes 50 microseconds to wake up; a part, several times that


def share_work(model, images=sys.maxsize, units=None):
    """A network with the weights, `forward` and `backward` of the model, whose work is shared among threads.

    images: its batches are cut into parts of at most so many; see `InImages`. units: {array: the axis along which its
    hidden units lie}; then the network is cut instead; see `InUnits`. A layer that goes through a few images at a time,
    by an `each` of its own, shares these.
    """
    threads()  # from here on, each product gets one
    for layer in layers(model):
        if hasattr(layer, "each"):
            layer.each = each
    return InUnits(model, units) if units else InImages(model, images)


def layers(network):
    """The network and all layers in it, however deep."""
    yield network
    for layer in getattr(network, "layers", {}).values():
        yield from layers(layer)


def number_of_parts(size, of_a_part):
    """Into how many parts to cut `size` units or images, none of them larger than of_a_part.

    A power of two: two, four or eight threads then have the same to do.
    """
    return 1 << ((size - 1) // of_a_part).bit_length()


class InUnits:
    """A network of H hidden units as the sum of networks with a share of the units each ("tensor parallel").

    Why: an MLP's images are cheap and its matrices large. Cut by images, every thread would read them all, and a step
    takes a fifth longer.
    """

    training = True

    def __init__(self, model, axes):
        """axes: {array: the axis along which the hidden units lie}. All other arrays belong to the first part.

        ValueError if the model has `statistics`: which of them belong to which units?
        """
        if getattr(model, "statistics", {}):
            raise ValueError("a network with statistics cannot be cut by hidden units: see `share` in networks.py")
        self.model, self.axes, self.params, self.parts, self.places = model, axes, model.params, [], []
        name, axis = next(iter(axes.items()))
        units = model.params[name].shape[axis]
        number = number_of_parts(units, OF_UNITS)
        for k in range(number):
            share = slice(units * k // number, units * (k + 1) // number)
            place = {name: (slice(None),) * axis + (share,) for name, axis in axes.items()}
            if k == 0:
                place |= {name: ... for name in model.params if name not in axes}
            part = copy.copy(model)
            part.params = {
                name: p[place[name]] if name in place else np.zeros_like(p) for name, p in model.params.items()
            }
            self.parts.append(part)
            self.places.append(place)
        self.grads = {name: np.empty_like(p) for name, p in model.params.items()}

    def __deepcopy__(self, memo):  # the parts' arrays are views of the model's, which deepcopy does not know
        return InUnits(copy.deepcopy(self.model, memo), self.axes)

    def forward(self, x):
        """From B images x (B, 28, 28) to logits (B, 10)."""
        for part in self.parts:
            part.training = self.training
        return sum(each(lambda part: part.forward(x), self.parts))

    def backward(self, dlogits):
        """From d loss / d logits (B, 10) to {name: gradient}, in arrays that the next call fills anew."""

        def backward(part, place):
            for name, gradient in part.backward(dlogits).items():
                if name in place:
                    self.grads[name][place[name]] = gradient

        each(backward, self.parts, self.places)
        return self.grads

    def kept(self, name):
        """The arrays (..., units) of that name that the parts kept in the last forward pass, side by side."""
        return np.concatenate([getattr(part, name) for part in self.parts], axis=-1)


class InImages:
    """A network that gets a batch in parts; its gradients are the sums of those of the parts ("data parallel").

    Why: in a transformer, or in a test, no image depends on another, and a thread with images of its own waits for
    nobody. Batch normalisation has to see the whole batch to learn. So a network that remembers `statistics` gets its
    batches in parts only when testing.
    """

    training = True

    def __init__(self, model, size):
        self.model, self.size = model, size
        self.params, self.statistics = model.params, getattr(model, "statistics", {})
        # Each part has a network for what it keeps. The first takes no part: the others are made of it when needed.
        self.copies, self.parts = [another(model)], []  # parts: those that shared the last batch

    def __deepcopy__(self, memo):
        return InImages(copy.deepcopy(self.model, memo), self.size)

    def forward(self, x):
        """From x (B, ...), something for each of B images, to logits (B, ..., K)."""
        if self.statistics and self.training:
            self.parts = [self.model]
        else:
            number = number_of_parts(len(x), self.size)
            self.copies += [another(self.copies[0]) for _ in range(number + 1 - len(self.copies))]
            self.parts = self.copies[1 : number + 1]
        for part in self.parts:
            part.training = self.training
        return np.concatenate(self.each_part(lambda part, x: part.forward(x), x))

    def backward(self, dlogits):
        """From d loss / d logits (B, ..., K) to {name: gradient}."""
        grads, *others = self.each_part(lambda part, dlogits: part.backward(dlogits), dlogits)
        for other in others:
            for name, gradient in grads.items():
                gradient += other[name]
        return grads

    def each_part(self, function, batch):
        """[function(network, its part of the batch), ...]"""
        return each(function, self.parts, np.array_split(batch, len(self.parts)))

    def kept(self, name):
        """The arrays (images, ...) of that name that the parts kept in the last forward pass, one below the other."""
        return np.concatenate([getattr(part, name) for part in self.parts])


def another(model):
    """A copy with the same weights. What its layers keep for their backward pass, no other thread overwrites."""
    arrays = (*model.params.values(), *getattr(model, "statistics", {}).values())
    return copy.deepcopy(model, {id(array): array for array in arrays})


@cache
def threads():
    """How many threads NumPy's products would have used. From the first call on, each product gets one thread.

    1 where threadpoolctl knows no library, as with Apple's Accelerate, whose threads it cannot limit.
    """
    blas = ThreadpoolController().select(user_api="blas")
    number = max((library["num_threads"] for library in blas.info()), default=1)
    blas.limit(limits=1)
    return number


def each(function, *arguments):
    """list(map(function, *arguments)), computed by this thread and others.

    An error in a part is raised here, when no thread works any more. Parts that no thread has taken are then left.
    """
    parts = list(zip(*arguments, strict=False))
    results, waiting, errors = [None] * len(parts), iter([*enumerate(parts)]), np.geterr()

    def work():
        with np.errstate(**errors):  # NumPy keeps for each thread what it does about an overflow
            for i, part in waiting:  # the next part that no thread has taken
                results[i] = function(*part)

    others = crew(threads() - 1) if threads() > 1 and len(parts) > 1 else None
    jobs = [Job(work) for _ in range(min(threads(), len(parts)) - 1)] if others else []
    for job in jobs:
        others.put(job)
    try:
        work()
    finally:
        list(waiting)  # at its end already, unless there was an error or Ctrl-C
        found = [job.error.get() for job in jobs if not job.taken.acquire(blocking=False)]
    for error in found:
        if error:
            raise error
    return results


class Job:
    """Work for another thread. Where none has taken it when it is no longer needed, the thread that gave it does.

    Why: the other thread may be busy with parts that have parts in them, and nobody may wait for it in vain.
    """

    def __init__(self, work):
        self.work, self.taken, self.error = work, threading.Lock(), SimpleQueue()


@cache
def crew(number):
    """The queue of jobs for this many other threads, which sleep while it is empty.

    Why not a ThreadPoolExecutor: its threads wake up later, and a step of the MLP or the ResNet takes a tenth longer.

    They are fewer where the system gives no more threads; None where it gives none.
    """
    jobs = SimpleQueue()
    for started in range(number):
        try:
            threading.Thread(target=take, args=[jobs], daemon=True).start()
        except RuntimeError:
            return jobs if started else None
    return jobs


def take(jobs):
    """What each of these threads does."""
    while True:
        job, error = jobs.get(), None
        if job.taken.acquire(blocking=False):
            try:
                job.work()
            except BaseException as raised:
                error = raised
            job.error.put(error)
        del job, error  # with them, the arrays of the step
