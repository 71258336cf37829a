"""A kind of exercise: what there is to write for a new one.

An exercise's file says its kind: whatever stands in capitals there and is a `Kind`. Without one it is of the commonest,
a function beside its right answer (marker/function.py).

The same class stands on both sides of the wall. `run` and `look_further` are called in the process of a learner's file,
and put plain data into notes. `judge` makes the `Verdict` of these outside, and trusts nothing in them.
"""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from marker.verdict import PASSED


class Attempt(NamedTuple):
    """A learner's file, in the process that runs it."""

    exercise: Any
    seed: int
    module: Any
    source: str
    tell: Callable  # tell(text): what is being done, where that takes long


@dataclass
class Outcome:
    """What became of a learner's file: plain data, as JSON can hold it."""

    typed: str = ""  # the learner's own lines
    printed: str = ""
    error: dict | None = None  # of what ended the file: as marker.complaints.explain has it
    unmarked: str = ""  # why it could not be marked, which is no mistake of the learner's
    notes: Any = None  # the kind's own
    died: int | None = None  # the status with which Python ended before there was a report
    seconds: float | None = None  # after which it was stopped,
    line: int | None = None  # and where it was then


class Kind:
    """One kind of exercise."""

    seconds = 8  # that a file may compute
    says = {}  # noqa: RUF012  {what an exercise's file may say for it, in capitals: what that is where it does not}
    Notes = dict  # a dataclass: what `run` and `look_further` note
    module = ""  # which `python -m` runs a file that is no program by itself; "" if it is one
    looks = ""  # which shows what the file does, step by step: `practice.py look`; "" if none does
    solution_is = "the lines once more, and why"
    # What `problems` tries, and what tries the rest.
    checked = "The stub and the answer were marked. Not tried: wrong answers, which `python practice.py NAME` marks."

    def check(self, exercise):
        """ValueError, with what is wrong, if the exercise's file does not have what this kind needs."""

    def complete(self, exercise):
        """ValueError, with what is to be done, if something beside the file is missing before it is handed out."""

    def problems(self, exercise, marked):
        """What is wrong with an exercise, as texts: as far as `practice.py check` tries it, which `checked` says.

        marked(text): the `Verdict` on a file with this text.
        """
        for what, text, marks in (
            ("the stub", exercise.stub, ("not written",)), ("the answer", self.solved(exercise), PASSED),
        ):  # fmt: skip
            if (found := marked(text)).name not in marks:
                text = " ".join(found.text.split())
                yield f"{what} should get the mark {marks[0]!r}, and gets {found.words!r}: {text}"

    def solved(self, exercise):
        """The text of a file that passes."""
        return exercise.filled(exercise.answer)

    def run(self, attempt, notes):
        """Try what the file has, and note what came of it."""
        raise NotImplementedError

    def look_further(self, attempt, outcome, keep):
        """Note what else is known of a mistake. If that may take too long, call keep() before."""

    def judge(self, exercise, seed, outcome):
        """The `Verdict` on an `Outcome`, whose `notes` are this kind's `Notes`, and whose `error` is a `Verdict`."""
        raise NotImplementedError

    def confirm(self, exercise, file, verdict, hear, within=()):
        """The `Verdict` on a file that is said to have passed, after what can be asked of it from outside. Not called
        where there is one process. hear, within: see `runner.apart`."""
        return verdict

    def titled(self, title, needs_torch):
        return title

    def opening(self, exercise, written, say):
        """Say, by say(text, style), what is to be said of an exercise before a file with this text is marked."""

    def count_printed_lines(self, exercise):
        """The number of lines that the exercise's own code prints: they are shown whole."""
        return 0

    def solution(self, exercise):
        """What solves it, as a list of texts. Lines of code are indented."""
        return [textwrap.indent(exercise.answer, "    "), exercise.why]
