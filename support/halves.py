"""Half a batch to each of two threads: what torchrun does with several processes, by hand and in one.

NumPy lets other threads run while it computes. By itself it uses a second core only in matrix products; with half a
batch for each thread, everything else that a layer does uses it too. The gradients of the two halves are added, as
those of the images in a batch are. That is right wherever no image's logits depend on another image. Batch
normalisation makes them depend on each other, but only in training.
"""

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import ThreadpoolController


class Halves:
    """A network that works on batches in two halves: in testing always, in training if told so.

    Its arrays are those of the network that it is given.
    """

    def __init__(self, model, in_training):
        self.params, self.in_training, self.training = model.params, in_training, True
        # What a layer keeps for its backward pass must not be overwritten by the other thread. So each thread has a
        # network of its own, and both have the same arrays.
        arrays = [*model.params.values(), *getattr(model, "statistics", {}).values()]
        self.models = model, copy.deepcopy(model, {id(array): array for array in arrays})
        self.blas = ThreadpoolController().select(user_api="blas")
        # Where NumPy has one thread, one half follows the other. The numbers are the same.
        self.alone = any(library["num_threads"] == 1 for library in self.blas.info())
        self.other = ThreadPoolExecutor(1)

    def forward(self, x):
        """From B images x (B, 28, 28) to logits (B, 10)."""
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
        whole = self.training and not self.in_training
        halves = [half for half in np.array_split(batch, 1 if whole else 2) if len(half)]
        calls = [getattr(model, method) for model in self.models]
        if self.alone or len(halves) == 1:
            return [call(half) for call, half in zip(calls, halves, strict=False)]
        errors = np.geterr()  # NumPy keeps for each thread what it does about an overflow

        def in_the_other_thread():
            with np.errstate(**errors):
                return calls[1](halves[1])

        with self.blas.limit(limits=1):  # two threads for each product would wait for each other in a busy loop
            coming = self.other.submit(in_the_other_thread)
            return [calls[0](halves[0]), coming.result()]
