"""How much memory there is, and how much of it an image takes in a network: measured, before a run begins."""

import math
import os
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np


def there_is(own="/proc/self/cgroup", groups="/sys/fs/cgroup"):
    """The bytes of memory that this process may use; infinite where Python does not know, as on Windows.

    They are the machine's, or fewer: in a container, the limit of its control group counts, or of a group around it.
    own: the file that names this process's groups; groups: the folder of them all.
    """
    limits = [math.inf]
    with suppress(AttributeError, ValueError):
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        limits += [size] * (size > 0)  # a browser answers -1
    # A line is "0::/group" in version 2, and in version 1 "4:memory:/group", one for each controller or for several.
    files = {"": (Path(groups), "memory.max"), "memory": (Path(groups, "memory"), "memory.limit_in_bytes")}
    with suppress(OSError, ValueError):
        for line in Path(own).read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            for folder, file in (files[name] for name in controllers.split(",") if name in files):
                inner = folder / group.strip("/")
                for place in (inner, *inner.parents):
                    with suppress(OSError, ValueError):  # there is none, or it is "max"
                        limits.append(int((place / file).read_text()))
    return min(limits)


def of_an_image(model, batch):
    """The bytes that each image of a batch takes while a network learns: what a step with two takes more than with one.

    model: in NumPy, new; nobody uses it afterwards. batch: a function from n to the network's input x for n images.

    The larger of two differences counts. At the end of the forward pass there is all that was kept; on a tape nothing
    takes more. In the backward pass of a network by hand the gradients come on top.
    """
    from support.threads import another, threads  # here: a browser has no threadpoolctl

    threads()  # so that no product waits for others in a busy loop
    tracing = tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        with np.errstate(all="ignore"):  # one image alone may have no variance
            one, two = (passes(another(model), batch, n) for n in (1, 2))
    finally:
        if not tracing:
            tracemalloc.stop()
    return max(b - a for a, b in zip(one, two, strict=True))


def passes(model, batch, n):
    """The most bytes that there are at once in the forward and in the backward pass of n images."""
    from support.threads import layers

    peak = Peak()
    for layer in layers(model):
        if hasattr(layer, "each"):
            layer.each = peak.each
    logits = model.forward(batch(n))
    forward = peak.take()
    model.backward(logits.copy())  # as large as dlogits
    return forward, peak.take()


class Peak:
    """The most bytes that there were at once, more than at its beginning.

    A layer that goes through a few images at a time needs much in between, but no more for a larger batch. This does
    not count: such a layer gets `each`.
    """

    def __init__(self):
        self.before, self.most = tracemalloc.get_traced_memory()[0], 0
        tracemalloc.reset_peak()

    def each(self, function, *arguments):
        """list(map(function, *arguments)), of which the results alone count."""
        results = []
        for few in zip(*arguments, strict=True):
            self.count()
            results.append(function(*few))
            tracemalloc.reset_peak()
        return results

    def count(self):
        self.most = max(self.most, tracemalloc.get_traced_memory()[1] - self.before)

    def take(self):
        """What it has found, and begin anew."""
        self.count()
        most, self.most = self.most, 0
        tracemalloc.reset_peak()
        return most
