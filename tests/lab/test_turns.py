"""Programs take turns, each in a process of its own, and are timed. (This file imports little, and so do they.)"""

import os
import time

import pytest

from lab import turns
from support.errors import UserError


def sleeper(seconds):
    return lambda: time.sleep(seconds)


def failure():
    raise SystemExit("no step")


def test_turns_are_taken_and_timed():
    ms = turns.take_turns({"a": (sleeper, 0.01), "b": (sleeper, 0.03)}, turns=2, least=3)
    assert ms["a"] >= 10
    assert ms["b"] >= 30


def test_a_failure_is_one_line(capfd):
    with pytest.raises(UserError, match="a measurement failed"):
        turns.take_turns({"a": (failure,)})
    assert "no step" in capfd.readouterr().err


def test_another_process_has_its_own_threads():
    before = dict(os.environ)
    with turns.threads_of_workers(3):
        assert turns.call_elsewhere(os.getenv, "OMP_NUM_THREADS") == "3"
        assert turns.call_elsewhere(os.getpid) != os.getpid()
    assert os.environ == before
