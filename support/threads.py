"""The work of a step, shared among threads. One seed makes one run, on any number of them.

The work is cut into parts. Their number depends on the network and never on the machine, and their results are added
up in their order. So the bits are the same, however many threads there are and whichever thread takes a part.

Every matrix product gets a single thread. OpenBLAS's own threads wait for each other in a busy loop, at every product:
where another program takes the processor from one of them, all the others burn theirs. Our threads sleep while they
wait, and a thread that is free takes the next part.
"""

import copy
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

# A batch, or the hidden units, in so many parts. A thread takes about 60 microseconds to wake up, so a part should take
# several times as long. Four parts would keep four cores busy; on two, a step would take 1.1 to 1.2 times as long.
PARTS = 2


def share_work(model, options):
    """A network with the weights, `forward` and `backward` of the model, whose work is shared among threads.

    How it is cut stands in networks.py: "images", {array: its axis of hidden units}, or None. Where the model is given
    a whole batch, a layer that goes through a few images at a time shares these, because it calls the model's `each`.
    """
    threads()
    cut = options.network.cut
    network = InImages(model) if cut == "images" else InUnits(model, cut) if cut else model
    model.each = each
    return network


class InUnits:
    """A network of H hidden units as the sum of networks with a share of the units each ("tensor parallel")."""

    def __init__(self, model, axes):
        """axes: {array: the axis along which the hidden units lie}. All other arrays belong to the first part."""
        self.params, self.parts, self.places = model.params, [], []
        for k in range(PARTS):
            part, place = copy.copy(model), {}
            for name, axis in axes.items():
                units = model.params[name].shape[axis]
                place[name] = (slice(None),) * axis + (slice(units * k // PARTS, units * (k + 1) // PARTS),)
            if k == 0:
                place |= {name: ... for name in model.params if name not in axes}
            part.params = {
                name: p[place[name]] if name in place else np.zeros_like(p) for name, p in model.params.items()
            }
            self.parts.append(part)
            self.places.append(place)

    def forward(self, x):
        """From B images x (B, 28, 28) to logits (B, 10)."""
        return sum(each(lambda part: part.forward(x), self.parts))

    def backward(self, dlogits):
        """From d loss / d logits (B, 10) to {name: gradient}."""
        grads = {name: np.empty_like(p) for name, p in self.params.items()}

        def backward(part, place):
            for name, gradient in part.backward(dlogits).items():
                if name in place:
                    grads[name][place[name]] = gradient

        each(backward, self.parts, self.places)
        return grads


class InImages:
    """A network that gets a batch in parts; its gradients are the sums of those of the parts ("data parallel").

    Batch normalisation has to see the whole batch to learn. So a network that remembers its `statistics` gets its
    batches in parts only when testing.
    """

    def __init__(self, model):
        self.model, self.params, self.training = model, model.params, True
        self.statistics = getattr(model, "statistics", {})
        # What a layer keeps for its backward pass must not be overwritten by another thread. So there is a copy of the
        # network for each part, and all have the same weights.
        shared = {id(array): array for array in (*model.params.values(), *self.statistics.values())}
        self.copies = [copy.deepcopy(model, dict(shared)) for _ in range(PARTS)]

    def forward(self, x):
        """From B images x (B, 28, 28) to logits (B, 10)."""
        whole = self.training and self.statistics
        self.models = [self.model] if whole else self.copies
        for model in self.models:
            model.training = self.training
        return np.concatenate(each(lambda model, x: model.forward(x), self.models, self.split(x)))

    def backward(self, dlogits):
        """From d loss / d logits (B, 10) to {name: gradient}."""
        grads, *others = each(lambda model, dlogits: model.backward(dlogits), self.models, self.split(dlogits))
        for other in others:
            for name, gradient in grads.items():
                gradient += other[name]
        return grads

    def split(self, batch):
        """A part for each model; fewer where there are fewer images."""
        return [part for part in np.array_split(batch, len(self.models)) if len(part)]


@cache
def threads():
    """How many threads NumPy's products would have used. From the first call on, each product gets one thread.

    1 where threadpoolctl knows no library, as with Apple's Accelerate, whose threads it cannot limit.
    """
    blas = ThreadpoolController().select(user_api="blas")
    number = max((library["num_threads"] for library in blas.info()), default=1)
    blas.limit(limits=1)
    return number


@cache
def pool(number):
    return ThreadPoolExecutor(number)


def each(function, *arguments):
    """list(map(function, *arguments)), computed by this thread and others."""
    parts = list(zip(*arguments, strict=False))
    results, waiting, errors = [None] * len(parts), iter([*enumerate(parts)]), np.geterr()

    def work():
        with np.errstate(**errors):  # NumPy keeps for each thread what it does about an overflow
            for i, part in waiting:  # the next part that no thread has taken
                results[i] = function(*part)

    number = min(threads(), len(parts)) - 1
    others = [pool(threads() - 1).submit(work) for _ in range(number)]
    try:
        work()
    finally:
        list(waiting)  # at its end already, unless there was an error or Ctrl-C
        wait(other for other in others if not other.cancel())  # a thread that has not started by now is not needed
    for other in others:
        if not other.cancelled():
            other.result()  # raises its error
    return results
