"""A way to find a mistake: what there is to write for a new one, which is a file in marker/finders, and its name in
marker/finders/__init__.py.

Finders are asked where the known mistakes say too little about numbers that are wrong. What one says is a claim: it has
been tried, on all trials and if it can be on fresh draws, or it is not said.
"""

from collections.abc import Callable
from typing import Any, NamedTuple


class Wrongs(NamedTuple):
    """What a finder is given."""

    exercise: Any
    seed: int
    outcome: Any  # an `Outcome`; outcome.notes.found has what the finders before this one have found, by their names
    verdict: Any  # the `Verdict` that says too little


class Finder(NamedTuple):
    """One way to find a mistake."""

    # look(attempt, wrongs), in the process of the learner's file: plain data, or None. attempt: see marker/kind.py
    look: Callable
    say: Callable  # say(found, wrongs), outside: a `Verdict` in place of the one that says too little, or None
    is_long: bool = False  # whether `look` may take long: what is known before it is kept
