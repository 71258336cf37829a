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


def take_steps(least, enough, begin, *what):
    """The seconds that each of so many steps takes, or of as many as take `enough` seconds in all.

    begin(*what) gets everything ready and returns what takes one step.
    """
    take_step, times = begin(*what), [time.perf_counter()]
    while len(times) <= least or times[-1] < times[0] + enough:
        take_step()
        times.append(time.perf_counter())
    return np.diff(times)


def time_steps(begin, *what, least=12, enough=1.0):
    """What take_steps finds in a process of its own."""
    return run_in_subprocess(take_steps, least, enough, begin, *what)


def run_in_subprocess(function, *what):
    """What function(*what) returns in a process of its own, as when a learner runs the program.

    In one process, the threads of NumPy and of PyTorch get in each other's way.
    """
    spawn, leave_ctrl_c = multiprocessing.get_context("spawn"), (signal.signal, (signal.SIGINT, signal.SIG_IGN))
    with ProcessPoolExecutor(1, spawn, *leave_ctrl_c) as worker:
        try:
            return worker.submit(function, *what).result()
        except BrokenProcessPool:
            raise UserError("a measurement failed: its process was ended") from None


def drop_warm_up(steps):
    """All but the first third, which is a warm-up."""
    return steps[len(steps) // 3 :]


def worker_threads(threads):
    """Processes started inside use this many threads; every library reads the number from the environment."""
    return mock.patch.dict(os.environ, dict.fromkeys(VARIABLES, str(threads)))
