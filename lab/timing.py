"""Timing for lab/: each measurement in its own, fresh process. All take turns, in several rounds."""

import multiprocessing
import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from unittest import mock

import numpy as np

from support.errors import UserError

N_ROUNDS = 3
# The variables from which libraries read the number of threads. The last two are Apple's and JAX's.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NPROC")


def measure_step_seconds(min_steps, min_seconds, prepare_step, *arguments):
    """Return the seconds that each step takes, as an array, in this process.

    prepare_step(*arguments) prepares everything and returns a function that takes one step. There are at least
    `min_steps` steps, and they take at least `min_seconds` in all.
    """
    take_step = prepare_step(*arguments)
    times = [time.perf_counter()]
    while len(times) <= min_steps or times[-1] < times[0] + min_seconds:
        take_step()
        times.append(time.perf_counter())
    return np.diff(times)


def measure_step_seconds_in_subprocess(prepare_step, *arguments, min_steps=12, min_seconds=1.0):
    """Call `measure_step_seconds` in its own process, and return its result."""
    return run_in_subprocess(measure_step_seconds, min_steps, min_seconds, prepare_step, *arguments)


def run_in_subprocess(function, *arguments):
    """Return function(*arguments), called in its own process, as when a learner runs the program.

    In a shared process, the threads of NumPy and PyTorch would disturb each other. Raises UserError if the process
    dies.
    """
    spawn = multiprocessing.get_context("spawn")
    leave_ctrl_c = (signal.signal, (signal.SIGINT, signal.SIG_IGN))
    with ProcessPoolExecutor(1, spawn, *leave_ctrl_c) as worker:
        try:
            return worker.submit(function, *arguments).result()
        except BrokenProcessPool:
            raise UserError("a measurement failed: its process was ended") from None


def drop_warm_up(times):
    """Return the times without their first third, which is a warm-up."""
    return times[len(times) // 3 :]


def subprocess_threads(n_threads):
    """Context manager: processes started inside use this many threads.

    The libraries read the number from the environment.
    """
    return mock.patch.dict(os.environ, dict.fromkeys(THREAD_VARIABLES, str(n_threads)))
