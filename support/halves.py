"""Half a batch to each of two threads: what torchrun does with several processes, by hand and in one.

NumPy lets other threads run while it computes. By itself it uses a second core only in matrix products; with half a
batch for each thread, everything else that a layer does uses it too. The gradients of the two halves are added, as
those of the images in a batch are.
"""

import copy
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
from threadpoolctl import ThreadpoolController


class Halves:
    """A network that works on batches in two halves, where networks.py says that it pays.

    Its weights are those of the network that it is given. Batch normalisation has to see the whole batch to learn, so a
    network that remembers its `statistics` works in halves in testing alone.
    """

    def __init__(self, model, options):
        self.params, self.training = model.params, True
        statistics = getattr(model, "statistics", {})
        self.in_testing = options.network.in_halves
        self.in_training = self.in_testing and not statistics
        # What a layer keeps for its backward pass must not be overwritten by the other thread. So each thread has a
        # network of its own, and both have the same weights.
        shared = {id(array): array for array in (*model.params.values(), *statistics.values())}
        self.models = model, copy.deepcopy(model, shared)
        self.blas = ThreadpoolController().select(user_api="blas")
        self.alone = any(library["num_threads"] == 1 for library in self.blas.info())  # as the user wished
        self.threads = ThreadPoolExecutor(2)

    def forward(self, x):
        """From B images x (B, 28, 28) to logits (B, 10)."""
        # Halves of equal size, so that every sum over the batch is of as many numbers in both.
        pays = self.in_training if self.training else self.in_testing
        self.split = pays and not self.alone and len(x) % 2 == 0
        for model in self.models:
            model.training = self.training
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
        if not self.split:
            return [calls[0](batch)]
        errors = np.geterr()  # NumPy keeps for each thread what it does about an overflow
        with self.blas.limit(limits=1):  # two threads for each product would wait for each other in a busy loop
            halves = zip(calls, np.split(batch, 2), strict=True)
            results = [self.threads.submit(with_errors, errors, *half) for half in halves]
            wait(results)
        return [result.result() for result in results]


def with_errors(errors, call, half):
    """Call it with what NumPy does about an overflow."""
    with np.errstate(**errors):
        return call(half)
