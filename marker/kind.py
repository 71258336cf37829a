"""A kind of exercise: what there is to write for a new one.

An exercise's file says its kind: whatever stands in capitals there and is a `Kind`. Without one it is of the commonest,
a function beside its right answer (marker/function.py).

`run` and `judge` are called in the process of a learner's file, which leaves a `Report`: plain data, that a file can
also write by itself. So a pass is only believed after `ask`, which is called outside, with inputs that nobody can know
before.
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
    """Outcome of a learner's file, in the process that ran it."""

    notes: Any = None  # the kind's own
    typed: str = ""  # the learner's own lines
    error: Any = None  # the `Verdict` on what ended the file
    attempt: Any = None  # the `Attempt`
    keep: Callable = lambda verdict: None  # keep(verdict): what is known, before something that may take too long


@dataclass
class Report:
    """Report on a learner's file: plain data, as JSON can hold it."""

    verdict: dict | None = None  # the fields of a `Verdict`
    shown: Any = None  # what a page shows beside it
    unmarked: str = ""  # why it could not be marked, which is no mistake of the learner's
    died: int | None = None  # the status with which Python ended before there was a report
    seconds: float | None = None  # after which it was stopped,
    line: int | None = None  # and where it was then


# Earlier names of methods, which a folder of exercises may use.
OLD_NAMES = {"solved": "make_right_file", "titled": "format_title"}


class Kind:
    """One kind of exercise."""

    def __init_subclass__(cls, **options):
        """Let a class define methods under their earlier names."""
        super().__init_subclass__(**options)
        for old_name, name in OLD_NAMES.items():
            if old_name in vars(cls):
                setattr(cls, name, vars(cls)[old_name])

    seconds = 8  # that a file may compute
    says = {}  # noqa: RUF012  {what an exercise's file may say for it, in capitals: what that is where it does not}
    Notes = dict  # a dataclass: what `run` notes
    marks = None  # the marks that `judge` may give, beside those of said.md; None if any
    gives = {}  # noqa: RUF012  {a function: what it returns}, as marker/asked.py has it, where that is more than one result
    is_quick = False  # whether a file that fails when it is asked is marked once more, with what it was asked
    module = ""  # which `python -m` runs a file that is no program by itself; "" if it is one
    looks = ""  # which shows what the file does, step by step: `practice.py look`; "" if none does
    solution_is = "shows the lines again, and why they are right"
    # What `problems` tries, and what tries the rest.
    checked = "The stub and the answer were marked. Not tried: wrong answers, which `python practice.py NAME` marks."

    def check(self, exercise):
        """Raise ValueError, with what is wrong, if the exercise's file does not have what this kind needs."""

    def complete(self, exercise):
        """Raise ValueError, with what is to be done, if something beside the file is missing before it is handed
        out."""

    def problems(self, exercise, mark_text):
        """Yield what is wrong with an exercise, as texts: as far as `practice.py check` tries it, which `checked` says.

        mark_text(text): the `Verdict` on a file with this text.
        """
        for subject, text, marks in (
            ("the stub", exercise.stub, ("not written",)), ("the answer", self.make_right_file(exercise), PASSED),
        ):  # fmt: skip
            verdict = mark_text(text)
            if verdict.name not in marks:
                text = " ".join(verdict.text.split())
                yield f"{subject} should get the mark {marks[0]!r}, but gets {verdict.summary!r}: {text}"

    def make_right_file(self, exercise):
        """Return the text of a file that passes: the stub with the answer."""
        return exercise.fill_stub(exercise.answer)

    def run(self, attempt, notes):
        """Try what the file has, and note what came of it."""
        raise NotImplementedError

    def judge(self, exercise, seed, outcome):
        """Return the `Verdict` on an `Outcome`, whose `notes` are this kind's `Notes`."""
        raise NotImplementedError

    def can_be_asked(self, exercise):
        """Return True if `ask` can be called. If not, a file is believed that reports a pass: docs/teaching.md lists
        these."""
        return False

    def ask(self, exercise, functions, seed):
        """Raise `Wrong` if the functions of a file that is said to have passed do not do what they should. They are in
        another process (marker/asked.py), and what they are asked is drawn here, from this seed."""

    def format_title(self, title, needs_torch):
        """Return an exercise's title as it is shown. title: the first line of its file."""
        return title

    def opening(self, exercise, source, say):
        """Show, by say(text, style), what is to be said of an exercise before a file is marked; return nothing."""

    def count_printed_lines(self, exercise):
        """Return the number of lines that the exercise's own code prints: they are shown whole."""
        return 0

    def solution(self, exercise):
        """Return the solution as a list of texts. Lines of code are indented."""
        return [textwrap.indent(exercise.answer, "    "), exercise.why]
