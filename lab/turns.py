"""Timing in turns: programs that are compared take a block of steps each, then the next block, and so on.

In this way, anything else that the machine does affects them all. Each runs in its own process, as when a learner runs
it: in one process, the threads of NumPy and of PyTorch get in each other's way. The first third of each block is a
warm-up and does not count.
"""

import contextlib
import functools
import multiprocessing
import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from unittest import mock

import numpy as np

from support.errors import UserError

THREADS_OF_LIBRARIES = [f"{library}_NUM_THREADS" for library in ("OMP", "OPENBLAS", "MKL")]
THREADS_OF_LIBRARIES += ["VECLIB_MAXIMUM_THREADS", "NPROC"]  # Apple's library; JAX


def take_turns(steps, turns=5, least=12):
    """{name: median of the milliseconds per step}, warm-up excluded.

    steps: {name: (function, arguments ...)}, where function(arguments ...) returns the step. A block has as many steps
    as fit into 0.15 seconds, but `least` at least.
    """
    seconds = {name: [] for name in steps}
    with contextlib.ExitStack() as stack:
        workers = {name: stack.enter_context(another_process()) for name in steps}
        for first in [workers[name].submit(take_steps, 1, *step) for name, step in steps.items()]:
            first.result()  # all start at the same time
        for name, step in list(steps.items()) * turns:
            time.sleep(0.05)  # until the previous worker's threads no longer wait for more work
            block = workers[name].submit(take_steps, least, *step, enough=0.15).result()
            seconds[name] += block[len(block) // 3 :]
    return {name: 1000 * np.median(values) for name, values in seconds.items()}


@contextlib.contextmanager
def another_process():
    """An executor with one process, which leaves Ctrl-C to the program that started it."""
    spawn = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(1, spawn, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as worker:
            yield worker
    except BrokenProcessPool:
        raise UserError("a measurement failed: its process was ended") from None


def take_steps(least, *step, enough=0.0):
    """The seconds that each of so many steps takes, or of as many as take `enough` seconds in all.

    The step is made at the first call, and then kept.
    """
    take_step, times = make_once(*step), [time.perf_counter()]
    while len(times) <= least or times[-1] < times[0] + enough:
        take_step()
        times.append(time.perf_counter())
    return np.diff(times).tolist()


@functools.cache
def make_once(make, *arguments):
    return make(*arguments)


def threads_of_workers(threads):
    """Processes started inside use this many threads; every library reads the number from the environment."""
    return mock.patch.dict(os.environ, dict.fromkeys(THREADS_OF_LIBRARIES, str(threads)))
