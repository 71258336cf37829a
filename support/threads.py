"""The work of a step, shared among threads. One seed makes one run, on any number of them.

The work is cut into parts. Their number depends on the work and never on the machine, and their results are added up in
their order. So the bits are the same, however many threads there are and whichever thread takes a part.

Every matrix product gets a single thread. OpenBLAS's own threads wait for each other in a busy loop, at every product:
where another program takes the processor from one of them, all the others burn theirs. Our threads sleep while they
wait, and a thread that is free takes the next part.
"""

import copy
import threading
from functools import cache
from queue import SimpleQueue

import numpy as np
from threadpoolctl import ThreadpoolController


def by_images(size):
    """What shares a network's work by images, in parts of at most `size`; see `InImages`.

    A thread takes about 50 microseconds to wake up, and a part should take several times as long.
    """
    return lambda model: InImages(model, size)


def by_units(axes, size):
    """What shares a network's work by hidden units, in parts of at most `size`; see `InUnits`.

    axes: {array: the axis along which the hidden units lie}.
    """
    return lambda model: InUnits(model, axes, size)


def share_work(model, share=None):
    """A network with the weights, `forward` and `backward` of the model, whose work is shared among threads.

    share: what `by_images` or `by_units` returns, or None. A layer that goes through a few images at a time, by an
    `each` of its own, shares these.
    """
    for layer in layers(model):
        if hasattr(layer, "each"):
            layer.each = each
    return share(model) if share else Whole(model)


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


class Shared:
    """A model, and copies of it that share its work. An attribute that is set here, as `training`, is set in all of
    them; one that is read here is the model's."""

    def __init__(self, model, copies, **own):
        vars(self).update(model=model, copies=copies, **own)

    def __setattr__(self, name, value):
        for network in (self.model, *self.copies):
            setattr(network, name, value)

    def __getattr__(self, name):  # Python calls it for what it has not found
        return getattr(vars(self)["model"], name)


class Whole(Shared):
    """A network whose work is not shared. Its products get one thread, as those of all others."""

    def __init__(self, model):
        super().__init__(model, [])

    def forward(self, x):
        """From x (B, ...) to logits (B, ..., K)."""
        threads()
        return self.model.forward(x)

    def backward(self, dlogits):
        """From d loss / d logits (B, ..., K) to {name: gradient}."""
        return self.model.backward(dlogits)

    def kept(self, name):
        """What the network has kept under that name in its last forward pass; so in the classes below."""
        return getattr(self.model, name)


class InUnits(Shared):
    """A network of H hidden units as the sum of networks with a share of the units each ("tensor parallel")."""

    def __init__(self, model, axes, size):
        """axes: {array: the axis along which the hidden units lie}. All other arrays belong to the first part.

        ValueError if the model has `statistics`: which of them belong to which units?
        """
        if getattr(model, "statistics", {}):
            raise ValueError("a network with statistics cannot be cut by hidden units: see `share` in networks.py")
        parts, places = [], []
        name, axis = next(iter(axes.items()))
        units = model.params[name].shape[axis]
        number = number_of_parts(units, size)
        for k in range(number):
            share = slice(units * k // number, units * (k + 1) // number)
            place = {name: (slice(None),) * axis + (share,) for name, axis in axes.items()}
            if k == 0:
                place |= {name: ... for name in model.params if name not in axes}
            part = copy.copy(model)
            part.params = {
                name: p[place[name]] if name in place else np.zeros_like(p) for name, p in model.params.items()
            }
            parts.append(part)
            places.append(place)
        grads = {name: np.empty_like(p) for name, p in model.params.items()}
        super().__init__(model, parts, places=places, grads=grads)

    def forward(self, x):
        """From B images x (B, 28, 28) to logits (B, 10)."""
        return sum(each(lambda part: part.forward(x), self.copies))

    def backward(self, dlogits):
        """From d loss / d logits (B, 10) to {name: gradient}, in arrays that the next call fills anew."""

        def backward(part, place):
            for name, gradient in part.backward(dlogits).items():
                if name in place:
                    self.grads[name][place[name]] = gradient

        each(backward, self.copies, self.places)
        return self.grads

    def kept(self, name):
        """The arrays (..., units) of that name that the parts have kept, side by side."""
        return np.concatenate([getattr(part, name) for part in self.copies], axis=-1)


class InImages(Shared):
    """A network that gets a batch in parts; its gradients are the sums of those of the parts ("data parallel").

    Batch normalisation has to see the whole batch to learn. So a network that remembers its `statistics` gets its
    batches in parts only when testing.
    """

    def __init__(self, model, size):
        # The first copy takes no part: the others are made of it when needed. parts: those that shared the last batch.
        super().__init__(model, [another(model)], size=size, parts=[])

    def forward(self, x):
        """From x (B, ...), something for each of B images, to logits (B, ..., K)."""
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
        if getattr(self.model, "statistics", {}) and self.training:
            self.parts[:] = [self.model]
        else:
            number = number_of_parts(len(batch), self.size)
            while len(self.copies) <= number:
                self.copies.append(another(self.copies[0]))
            self.parts[:] = self.copies[1 : number + 1]
        return each(function, self.parts, np.array_split(batch, len(self.parts)))

    def kept(self, name):
        """The arrays (images, ...) of that name that the parts have kept, one below the other."""
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
    """Work for another thread. Where none has taken it when it is no longer needed, the thread that gave it does."""

    def __init__(self, work):
        self.work, self.taken, self.error = work, threading.Lock(), SimpleQueue()


@cache
def crew(number):
    """The queue of jobs for this many other threads, which sleep while it is empty. (An executor's wake up later.)

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
