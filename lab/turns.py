"""Timing in turns: programs that are compared take a block of steps each, then the next block, and so on.

In this way, anything else that the machine does affects them all. Each runs in its own process, as when a learner runs
it: in one process, the threads of NumPy and of PyTorch get in each other's way. The first third of each block is a
warm-up and does not count.
"""

import contextlib
import multiprocessing
import os
import signal
import time

import numpy as np

from support.errors import UserError

THREADS_OF_LIBRARIES = [f"{library}_NUM_THREADS" for library in ("OMP", "OPENBLAS", "MKL")]
THREADS_OF_LIBRARIES += ["VECLIB_MAXIMUM_THREADS", "NPROC"]  # Apple's library; JAX


def take_turns(steps, turns=5, least=12):
    """{name: median of the milliseconds per step}, warm-up excluded.

    steps: {name: (function, arguments ...)}, where function(arguments ...) returns the step.
    """
    context = multiprocessing.get_context("spawn")
    workers = {name: Worker(context, *step) for name, step in steps.items()}
    try:
        blocks = {name: max(least, int(0.15 / worker.seconds(3)[-1])) for name, worker in workers.items()}
        seconds = {name: [] for name in workers}
        for _ in range(turns):
            for name, worker in workers.items():
                time.sleep(0.05)  # until the previous worker's threads no longer wait for more work
                seconds[name] += worker.seconds(blocks[name])[blocks[name] // 3 :]
    finally:
        for worker in workers.values():
            worker.end()
    return {name: 1000 * np.median(values) for name, values in seconds.items()}


class Worker:
    """A process that takes steps when told to, and reports how long each took."""

    def __init__(self, context, make, *arguments):
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=work, args=(other, make, arguments), daemon=True)
        self.process.start()
        other.close()

    def seconds(self, steps):
        """The seconds that each of this many steps took."""
        try:
            self.pipe.send(steps)
            return self.pipe.recv()
        except (EOFError, OSError):
            raise UserError("a measurement failed (its message is above)") from None

    def end(self):
        with contextlib.suppress(OSError):  # it may have ended already
            self.pipe.send(0)
        self.process.join(10)
        self.process.terminate()
        self.pipe.close()


def work(pipe, make, arguments):
    """What a `Worker` does. It leaves Ctrl-C to the program that started it, which then ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    step = make(*arguments)
    while steps := pipe.recv():
        seconds = []
        for _ in range(steps):
            started = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - started)
        pipe.send(seconds)


@contextlib.contextmanager
def threads_of_workers(threads):
    """Processes started inside use this many threads; every library reads the number from the environment."""
    before = dict(os.environ)
    os.environ.update({name: str(threads) for name in THREADS_OF_LIBRARIES})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def call_elsewhere(function, *arguments):
    """function(*arguments), in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as other:
        return other.apply(function, arguments)
