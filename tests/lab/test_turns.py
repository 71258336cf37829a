"""Programs take turns, each in a process of its own, and are timed. (This file imports little, and so do they.)"""

import os
import time

import pytest

from lab import turns
from support.errors import UserError


def sleeper(seconds):
    return lambda: time.sleep(seconds)


def failure(error):
    raise error


def test_a_failure_is_the_workers(capfd):
    with pytest.raises(UserError, match="no step"):
        turns.take_turns({"a": (failure, UserError("no step"))})
    with pytest.raises(UserError, match="a measurement failed: its process was ended"):
        turns.take_turns({"a": (os._exit, 1)})
    assert capfd.readouterr().err == ""


def test_another_process_has_its_own_threads():
    before = dict(os.environ)
    with turns.threads_of_workers(3), turns.another_process() as worker:
        assert worker.submit(os.getenv, "OMP_NUM_THREADS").result() == "3"
        assert worker.submit(os.getpid).result() != os.getpid()
    assert os.environ == before
