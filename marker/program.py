"""A whole program, with functions to watch: what examines it is written for its exercise."""

from dataclasses import dataclass

from marker.kind import Kind
from marker.verdict import OF_DERIVATIVES, PASSED, Verdict, ended


@dataclass
class Notes:
    passed: bool = False
    mark: str = ""
    text: str = ""


class Program(Kind):
    """How a whole program is marked.

    examine(module, seed, tell) -> whether it has passed, a mark, and what is said of the program.
    """

    seconds, Notes = 40, Notes

    def __init__(self, examine, module="", looks="", sentences=OF_DERIVATIVES):
        self.examine, self.module, self.looks, self.marks = examine, module, looks, sentences.marks

    def run(self, attempt, notes):
        notes.passed, notes.mark, notes.text = self.examine(attempt.module, attempt.seed, attempt.tell)

    def judge(self, exercise, seed, outcome):
        if outcome.error:
            return outcome.error
        notes = outcome.notes
        if notes.passed and notes.mark in PASSED:
            return Verdict(True, notes.mark, str(notes.text))
        return ended({"name": notes.mark, "text": notes.text}, self.marks)
