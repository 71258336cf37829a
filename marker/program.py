"""A kind of exercise: a whole program. Each exercise has its own function that examines it."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from marker.kind import Kind
from marker.verdict import DERIVATIVE_SENTENCES, PASSED_MARKS, Verdict, make_failing_verdict


class Grade(NamedTuple):
    """What an examination says of a learner's program."""

    passed: bool
    mark: str  # the key of the verdict
    text: str  # for the learner


@dataclass
class Notes:
    passed: bool = False
    mark: str = ""
    text: str = ""


class Program(Kind):
    """The kind of exercise in which the learner writes a whole program.

    examine(module, seed, on_progress) runs its functions and returns a `Grade`.
    ask(functions, seed) raises `Wrong` if its functions, called in another process, do not do what was reported. gives:
    {a function: what it returns}, as described in marker/asked.py.
    """

    seconds = 40
    Notes = Notes

    def __init__(self, examine, module="", looks="", sentences=DERIVATIVE_SENTENCES, ask=None, gives=()):
        self.examine = examine
        self.module = module
        self.looks = looks
        self.marks = sentences.marks
        self.ask_functions = ask
        self.gives = dict(gives)

    def make_right_file(self, exercise):
        return replace_stub_functions(exercise.stub, exercise.answer)

    def fill_notes(self, attempt, notes):
        notes.passed, notes.mark, notes.text = self.examine(attempt.module, attempt.seed, attempt.on_progress)

    def can_be_checked_by_calls(self, exercise):
        return self.ask_functions is not None

    def check_by_calls(self, exercise, functions, seed):
        self.ask_functions(functions, seed)

    def judge(self, exercise, seed, outcome):
        if outcome.error:
            return outcome.error
        notes = outcome.notes
        if notes.passed and notes.mark in PASSED_MARKS:
            return Verdict(True, notes.mark, str(notes.text))
        return make_failing_verdict(notes.mark, notes.text, self.marks)


def replace_stub_functions(stub, code):
    """Return a stub in which `code` replace everything from the first function on."""
    return re.sub(r"^def .*\Z", lambda _: f"{code}\n", stub, flags=re.DOTALL | re.MULTILINE)
