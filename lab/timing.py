"""How lab/ times something: in a process of its own, which has run nothing else; all take turns, in several rounds."""

import multiprocessing
import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from unittest import mock

import numpy as np

from support.errors import UserError

ROUNDS = 3
# What the libraries read the number of threads from. The last two are Apple's and JAX's.
VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NPROC")


def time_steps_here(min_steps, min_seconds, begin, *arguments):
    """Return the seconds that each of `min_steps` steps takes, or of as many as take `min_seconds` in all.

    begin(*arguments) gets everything ready and returns a function that takes one step.
    """
    take_step = begin(*arguments)
    times = [time.perf_counter()]
    while len(times) <= min_steps or times[-1] < times[0] + min_seconds:
        take_step()
        times.append(time.perf_counter())
    return np.diff(times)


def time_steps(begin, *arguments, min_steps=12, min_seconds=1.0):
    """Call `take_steps` in a process of its own, and return its result."""
    return run_in_subprocess(time_steps_here, min_steps, min_seconds, begin, *arguments)


def run_in_subprocess(function, *arguments):
    """Return function(*arguments), called in a process of its own, as when a learner runs the program.

    In one process, the threads of NumPy and of PyTorch get in each other's way. Raises UserError if the process is
    ended.
    """
    spawn = multiprocessing.get_context("spawn")
    leave_ctrl_c = (signal.signal, (signal.SIGINT, signal.SIG_IGN))
    with ProcessPoolExecutor(1, spawn, *leave_ctrl_c) as worker:
        try:
            return worker.submit(function, *arguments).result()
        except BrokenProcessPool:
            raise UserError("a measurement failed: its process was ended") from None


def drop_warm_up(times):
    """Return all but the first third, which is a warm-up."""
    return times[len(times) // 3 :]


def worker_threads(threads):
    """Let processes started inside use this many threads; every library reads the number from the environment."""
    return mock.patch.dict(os.environ, dict.fromkeys(VARIABLES, str(threads)))
