"""Half a batch to each of two threads: what torchrun does with several processes, by hand and in one.

NumPy lets other threads run while it computes. By itself it uses a second core only in matrix products; with half a
batch for each thread, everything else that a layer does uses it too. The gradients of the two halves are added, as
those of the images in a batch are. Only batch normalisation sees the whole batch: where it sums over it, the threads
wait for each other and add up their sums.
"""

import copy
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from threading import Barrier, BrokenBarrierError

import numpy as np
from threadpoolctl import ThreadpoolController


class Halves:
    """A network that works on batches in two halves, where networks.py says that it pays.

    Its weights are those of the network that it is given. On the tape, batch normalisation sees the whole batch.
    """

    def __init__(self, model, options):
        self.params, self.training = model.params, True
        self.in_testing = options.network.in_halves
        self.in_training = self.in_testing and not options.autograd
        # What a layer keeps for its backward pass must not be overwritten by the other thread. So each thread has a
        # network of its own, and both have the same weights.
        self.models = model, copy.deepcopy(model, {id(array): array for array in model.params.values()})
        self.blas = ThreadpoolController().select(user_api="blas")
        self.alone = any(library["num_threads"] == 1 for library in self.blas.info())  # as the user wished
        self.threads = ThreadPoolExecutor(2)
        self.norms = [[layer for layer in layers_of(model) if hasattr(layer, "add_up")] for model in self.models]
        for i, norms in enumerate(self.norms):
            for norm in norms:
                norm.add_up = partial(self.add_up, i)

    def forward(self, x):
        """From B images x (B, 28, 28) to logits (B, 10)."""
        # Halves of equal size, so that every sum over the batch is of as many numbers in both.
        pays = self.in_training if self.training else self.in_testing
        split = pays and not self.alone and len(x) % 2 == 0
        self.parts = 2 if split else 1
        for model, norms in zip(self.models, self.norms, strict=True):
            model.training = self.training
            for norm in norms:
                norm.parts = self.parts
        # What the two threads tell each other, in two places in turn: one may still read the last sums.
        self.barrier, self.sums, self.turn = Barrier(2), ([None, None], [None, None]), [0, 0]
        return np.concatenate(self.call("forward", x))

    def backward(self, dlogits):
        """From d loss / d logits (B, 10) to {name: gradient}, the sum over the halves."""
        grads, *others = self.call("backward", dlogits)
        for other in others:
            for name, gradient in grads.items():
                gradient += other[name]
        return grads

    def call(self, method, batch):
        """What the method of a network makes of each half, or of the whole batch, as a list."""
        calls = [getattr(model, method) for model in self.models]
        if self.parts == 1:
            return [calls[0](batch)]
        errors = np.geterr()  # NumPy keeps for each thread what it does about an overflow
        with self.blas.limit(limits=1):  # two threads for each product would wait for each other in a busy loop
            halves = zip(calls, np.split(batch, 2), strict=True)
            results = [self.threads.submit(self.guarded, call, half, errors) for call, half in halves]
            wait(results)
        failed = [error for result in results if (error := result.exception())]
        for error in sorted(failed, key=lambda error: isinstance(error, BrokenBarrierError)):
            raise error  # the one that broke the barrier comes first
        return [result.result() for result in results]

    def guarded(self, call, half, errors):
        """Call it; whatever goes wrong, the other thread does not wait for this one."""
        try:
            with np.errstate(**errors):
                return call(half)
        except BaseException:
            self.barrier.abort()
            raise

    def add_up(self, i, *sums):
        """The sums of network number i, with those of the other network added once it has come as far."""
        if self.parts == 1:
            return sums
        both = self.sums[self.turn[i]]
        self.turn[i] = 1 - self.turn[i]
        both[i] = sums
        self.barrier.wait()
        return tuple(one + other for one, other in zip(*both, strict=True))


def layers_of(network):
    """The layers of a network, theirs, and so on."""
    for layer in getattr(network, "layers", {}).values():
        yield layer
        yield from layers_of(layer)
