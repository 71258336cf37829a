"""The larger of two dice."""


def two_dice(rng):
    """Return the larger number of two dice. rng.integers(1, 7) throws one."""
    larger = ...
    return larger


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from _simulated import Simulated

KIND = Simulated(161 / 36)


def answer(rng):
    larger = max(rng.integers(1, 7), rng.integers(1, 7))
    return larger


HINTS = """
1. How many dice are there?
2. Throw the second after the first: two calls of rng.integers.
3. max(rng.integers(1, 7), rng.integers(1, 7))
"""
