"""The interface of a kind of exercise: what to implement for a new one.

An exercise's file names its kind by a constant, in capitals, that is a `Kind`. Without one it is a `Function` exercise,
in which the results of a function are compared with the right ones (marker/function.py).

`fill_notes` and `judge` are called in the process that runs the learner's file. It leaves a `Report`, plain data that
the file could also have written itself. So a reported pass is only accepted after `check_by_calls`, which is called in
the marking process, with inputs that nobody can know in advance.
"""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from marker.verdict import PASSED_MARKS


class Attempt(NamedTuple):
    """A learner's file, in the process that runs it."""

    exercise: Any
    seed: int
    module: Any
    source: str
    on_progress: Callable  # on_progress(text): called with texts on the progress of long computations


@dataclass
class Outcome:
    """The outcome of running a learner's file, in the process that ran it."""

    notes: Any = None  # an instance of the kind's `Notes`
    typed: str = ""  # the learner's own lines
    error: Any = None  # the `Verdict` on the error that ended the file
    attempt: Any = None  # the `Attempt`
    keep: Callable = lambda verdict: None  # keep(verdict): save a preliminary verdict before a long search


@dataclass
class Report:
    """Report on a learner's file: plain data that JSON can hold."""

    verdict: dict | None = None  # the fields of a `Verdict`
    shown: Any = None  # data that a page shows beside the verdict
    unmarked: str = ""  # why it could not be marked, if that is not the learner's mistake
    died: int | None = None  # the exit status, if Python ended before there was a report
    seconds: float | None = None  # the time limit, if the file was stopped
    line: int | None = None  # the line that ran when the file was stopped


# Earlier names of methods, which a folder of exercises may still use.
OLD_NAMES = {
    "solved": "make_right_file", "titled": "format_title", "run": "fill_notes", "ask": "check_by_calls",
    "can_be_asked": "can_be_checked_by_calls", "complete": "check_needed_files", "problems": "iter_problems",
    "opening": "show_introduction", "solution": "list_solution_paragraphs",
}  # fmt: skip


class Kind:
    """Base class of the kinds of exercises."""

    def __init_subclass__(cls, **options):
        """Let a class define methods under their earlier names."""
        super().__init_subclass__(**options)
        for old_name, name in OLD_NAMES.items():
            if old_name in vars(cls):
                setattr(cls, name, vars(cls)[old_name])

    seconds = 8  # that a file may compute
    says = {}  # noqa: RUF012  {a setting of this kind that an exercise's file may have, in capitals: its default}
    Notes = dict  # a dataclass for what `fill_notes` records
    marks = None  # the marks that `judge` may give, besides those of said.md; None for any
    gives = {}  # noqa: RUF012  {a function: what it returns}, as described in marker/asked.py, if not a single nest
    is_quick = False  # whether a file that fails in `check_by_calls` is marked again with those inputs
    module = ""  # the module for `python -m` that runs the file; "" if the file is itself a program
    looks = ""  # the module that shows the file's computation step by step (`practice.py look`); "" if none
    solution_is = "shows the lines again, and why they are right"
    # What `iter_problems` covers, and what covers the rest.
    checked = "The stub and the answer were marked. Not tried: wrong answers, which `python practice.py NAME` marks."

    def check(self, exercise):
        """Raise ValueError with an explanation if the exercise's file lacks something that this kind needs."""

    def check_needed_files(self, exercise):
        """Raise ValueError with instructions if something besides the file is missing for the exercise to be used."""

    def iter_problems(self, exercise, mark_text):
        """Yield a text for each problem of an exercise that `practice.py check` finds; `checked` says what it covers.

        mark_text(text): returns the `Verdict` on a file with this text.
        """
        for subject, text, marks in (
            ("the stub", exercise.stub, ("not written",)), ("the answer", self.make_right_file(exercise), PASSED_MARKS),
        ):  # fmt: skip
            verdict = mark_text(text)
            if verdict.name not in marks:
                text = " ".join(verdict.text.split())
                yield f"{subject} should get the mark {marks[0]!r}, but gets {verdict.summary!r}: {text}"

    def make_right_file(self, exercise):
        """Return the text of a file that passes: the stub with the answer filled in."""
        return exercise.fill_stub(exercise.answer)

    def fill_notes(self, attempt, notes):
        """Call the functions of the learner's file, and record in `notes` what they return."""
        raise NotImplementedError

    def judge(self, exercise, seed, outcome):
        """Return the `Verdict` on an `Outcome`. Its `notes` are an instance of this kind's `Notes`."""
        raise NotImplementedError

    def can_be_checked_by_calls(self, exercise):
        """Return True if `check_by_calls` can check this exercise.

        If not, a reported pass is accepted: docs/teaching.md lists these exercises.
        """
        return False

    def check_by_calls(self, exercise, functions, seed):
        """Raise `Wrong` if the functions of a file that reported a pass do not do what they should.

        functions: they run in another process (marker/asked.py). seed: for the inputs, which are drawn in this process.
        """

    def format_title(self, title, needs_torch):
        """Return an exercise's title as it is displayed. title: the first line of its file."""
        return title

    def show_introduction(self, exercise, source, say):
        """Display an introduction before a file is marked, with say(text, style). source: the file's text."""

    def count_printed_lines(self, exercise):
        """Return how many lines the exercise's own code prints. They are not cut off in the output."""
        return 0

    def list_solution_paragraphs(self, exercise):
        """Return the solution as a list of texts. Lines of code are indented."""
        return [textwrap.indent(exercise.answer, "    "), exercise.why]
