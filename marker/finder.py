"""A way to find a mistake: a function that takes a `FinderInput`, and returns a `Verdict` or None. There is one in each
file of marker/finders, and its name in FINDERS below. A folder of exercises may have its own.

Finders are asked where the known mistakes say too little about numbers that are wrong. What one says is a claim: it has
been tried, on all trials and if it can be on fresh draws, or it is not said.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import NamedTuple

from marker.finders import depart, pairs, repair, sometimes, typed, unread, values


class FinderInput:
    """Input of a finder: an `Attempt`, its `Outcome`, and the `Verdict` that says too little.

    It keeps what several of them ask for.
    """

    def __init__(self, attempt, outcome, verdict):
        self.attempt = attempt
        self.outcome = outcome
        self.verdict = verdict
        self.exercise = attempt.exercise
        self.seed = attempt.seed

    @cached_property
    def place(self):
        """The place where an edit makes the numbers right: see `repair.search_edits`."""
        return repair.find_mistake_place(self)

    @cached_property
    def way(self):
        """The `AnswerTrace` of the answer: see `depart.trace_answer`."""
        return depart.trace_answer(self)

    @cached_property
    def departure(self):
        """The `Verdict` that says where the answer leaves the right way; None if that cannot be said."""
        with suppress(Exception):
            return depart.judge_departure(self)
        return None

    @cached_property
    def unread(self):
        """The arguments that the learner's lines do not read: see `unread.unread_names`."""
        return unread.unread_names(self.attempt)


# In their order: the first that has something to say says it.
FINDERS = {
    "typed": typed.judge_typed_slip,
    "pairs": pairs.judge_pair,
    "unread": unread.judge_unread_argument,
    "place": repair.judge_place,
    "sometimes": sometimes.judge_sometimes,
    "values": values.judge_array,
    "depart": lambda finder_input: finder_input.departure,
}


class Finder(NamedTuple):
    """A finder in two parts, as folders of exercises from before 2026.12 have it; it is called as one function."""

    look: Callable  # look(attempt, finder_input): what there is to see, or None
    say: Callable  # say(what that is, finder_input): the `Verdict` on it, or None
    is_long: bool = False

    def __call__(self, finder_input):
        return self.say(self.look(finder_input.attempt, finder_input), finder_input)
