"""Finders: functions that take a `FinderInput` and return a `Verdict` or None.

Each file of marker/finders has one, which is listed in FINDERS below. A folder of exercises may have its own. Finders
are called if results are wrong and the known mistakes say too little. A finder's verdict is a claim about the learner's
lines. It is tested on all trials, and on fresh draws if possible, before it is returned.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import NamedTuple

from marker.finders import depart, pairs, repair, sometimes, typed, unread, values


class FinderInput:
    """Input of a finder: an `Attempt`, its `Outcome`, and the `Verdict` that says too little.

    Results that several finders need are cached.
    """

    def __init__(self, attempt, outcome, verdict):
        self.attempt = attempt
        self.outcome = outcome
        self.verdict = verdict
        self.exercise = attempt.exercise
        self.seed = attempt.seed

    @cached_property
    def place(self):
        """The `MistakePlace` where an edit makes the results right, or None: see `repair.search_edits_for_place`."""
        return repair.find_mistake_place(self)

    @cached_property
    def answer_trace(self):
        """The `AnswerTrace` of the learner's function, or None: see `depart.trace_answer`."""
        return depart.trace_answer(self)

    @cached_property
    def departure_verdict(self):
        """The `Verdict` that says where the learner's arrays stop being right; None if that cannot be determined."""
        with suppress(Exception):
            return depart.judge_departure(self)
        return None

    @cached_property
    def unread_argument_names(self):
        """The names of the arguments that the learner's lines do not read: see `unread.list_unread_argument_names`."""
        return unread.list_unread_argument_names(self.attempt)


# In this order: the first one that returns a `Verdict` counts.
FINDERS = {
    "typed": typed.judge_typed_slip,
    "pairs": pairs.judge_pair,
    "unread": unread.judge_unread_argument,
    "place": repair.judge_mistake_place,
    "sometimes": sometimes.judge_likeliest_mistake,
    "values": values.judge_array,
    "depart": lambda finder_input: finder_input.departure_verdict,
}


class Finder(NamedTuple):
    """A finder in two parts, as in folders of exercises from before 2026.12. It can be called like a function."""

    look: Callable  # look(attempt, finder_input): the evidence, or None
    say: Callable  # say(evidence, finder_input): a `Verdict` or None
    is_long: bool = False

    def __call__(self, finder_input):
        return self.say(self.look(finder_input.attempt, finder_input), finder_input)
