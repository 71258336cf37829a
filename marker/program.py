"""A whole program, with functions to watch: what examines it is written for its exercise."""

import re
import secrets
from dataclasses import dataclass

from marker.asked import Failed, asking
from marker.kind import Kind
from marker.runner import CLOCK
from marker.verdict import OF_DERIVATIVES, OF_FUNCTIONS, PASSED, Verdict, Wrong, ended
from support.errors import UserError


@dataclass
class Notes:
    passed: bool = False
    mark: str = ""
    text: str = ""


class Program(Kind):
    """How a whole program is marked.

    examine(module, seed, tell) -> whether it has passed, a mark, and what is said of the program. ask(functions, seed):
    `Wrong`, if its functions, which are in another process, do not do what was reported of them.
    """

    seconds, Notes = 40, Notes

    def __init__(self, examine, module="", looks="", sentences=OF_DERIVATIVES, ask=None):
        self.examine, self.module, self.looks, self.marks, self.ask = examine, module, looks, sentences.marks, ask

    def solved(self, exercise):
        return with_functions(exercise.stub, exercise.answer)

    def run(self, attempt, notes):
        notes.passed, notes.mark, notes.text = self.examine(attempt.module, attempt.seed, attempt.tell)

    def confirm(self, exercise, file, verdict, hear, within=()):
        """Nobody can know before what is asked here: it is drawn now, and compared in this process."""
        if self.ask is None:
            return verdict
        hear("It is asked once more")
        try:
            with asking(file, self.seconds, within) as functions:
                self.ask(functions, secrets.randbelow(2**32))
        except UserError:
            raise
        except TimeoutError:
            return OF_FUNCTIONS.verdict("does not end", seconds=CLOCK * self.seconds)
        except (Wrong, Failed) as error:
            return OF_FUNCTIONS.verdict("not as reported", what=str(error))
        except Exception:  # it answers something else, or nothing
            return OF_FUNCTIONS.verdict("not as reported: no answer")
        return verdict

    def judge(self, exercise, seed, outcome):
        if outcome.error:
            return outcome.error
        notes = outcome.notes
        if notes.passed and notes.mark in PASSED:
            return Verdict(True, notes.mark, str(notes.text))
        return ended({"name": notes.mark, "text": notes.text}, self.marks)


def with_functions(stub, lines):
    """A stub with these lines in place of its functions."""
    return re.sub(r"^def .*\Z", lambda _: f"{lines}\n", stub, flags=re.DOTALL | re.MULTILINE)
