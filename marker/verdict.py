"""What the marker says of a file: a `Verdict`. Its words are in said.md, by their marks."""

import builtins
from itertools import chain
from typing import NamedTuple

from marker.words import MISTAKES, SAID


class Verdict(NamedTuple):
    passed: bool
    name: str  # the mark: a key, that code compares. `words` is what people see
    text: str  # for the learner; paragraphs
    printed: str = ""  # what the learner's own code printed
    drawn: bool = False  # whether it speaks of the numbers that were drawn
    typed: str = ""  # the learner's own lines
    question: str = ""  # that leads to a mistake with a name
    whole: bool = False  # whether this is all: what cures it is said
    error: str = ""  # what Python calls it, if an error has ended the file

    @property
    def summary(self):
        """The verdict in a few words, as in a teacher's table."""
        return IN_A_TABLE[self.name].format(error=self.error) if self.name in IN_A_TABLE else self.name


IN_A_TABLE = dict(SAID["In a table"])  # {a mark: its words}, where these are others


class Wrong(ValueError):
    """A verdict that shows on the way: it ends the call in which it is raised."""

    def __init__(self, mark, text):
        super().__init__(text)
        self.mark = mark


class Sentences:
    """Sentences by marks: {mark: text}. What follows a colon is not part of a mark: it tells two texts apart."""

    def __init__(self, *rows):
        self.texts = dict(chain.from_iterable(rows))
        self.marks = {mark.partition(":")[0] for mark in self.texts}

    def text(self, mark, **values):
        return self.texts[mark].format(**values)

    def verdict(self, mark, drawn=False, **values):
        """Return the `Verdict` on what has not passed, with these values in its text."""
        return Verdict(False, mark.partition(":")[0], self.text(mark, **values), drawn=drawn)

    def wrong(self, mark, **values):
        """Return that verdict as an exception, `Wrong`."""
        return Wrong(mark.partition(":")[0], self.text(mark, **values))


OF_FUNCTIONS = Sentences(SAID["Marks"])
OF_DERIVATIVES = Sentences(SAID["Derivatives"])
OF_PYTHON = Sentences(SAID["Complaints"])
in_words = Sentences(SAID["Finders"]).text
PLACES = dict(SAID["Places"])
TYPED = dict(MISTAKES["Typed"])
MARKS = OF_FUNCTIONS.marks | OF_DERIVATIVES.marks
PASSED = ("passed", "with imports")  # the marks of what has passed
UNFINISHED = ("not written", "partly written")  # the names of what is no mistake yet
# ... and those of what says too little about a mistake: then the finders look further.
FAR_OFF = ("not right", "not finite", "wrong shape", "transposed")
VAGUE = (*FAR_OFF, "close, and not equal", "wrong type", "changes its input")
wrong_verdict = OF_FUNCTIONS.verdict


def is_vague(verdict):
    return verdict.name in VAGUE and not verdict.whole


def make_verdict(error_report, known_marks=()):
    """Return the `Verdict` that the learner's process reports, {"name": a mark, "error", "text"}; None for no report.

    A mark that is none of ours, or of `known_marks`, those of the exercise's folder, becomes that of an error: so no
    other word reaches a teacher's table.
    """
    if not error_report:
        return None
    name = error_report["name"]
    kind = str(error_report.get("error", ""))
    text = str(error_report["text"])
    if name in MARKS or name in known_marks:
        return Verdict(False, name, text)
    return Verdict(False, "error", text, error=kind if is_error_name(kind) else "Exception")


def is_error_name(error_name):
    """Return True if this is the name of an error that Python has, or said.md."""
    return isinstance(getattr(builtins, error_name, None), type) or error_name in {name for name, *_ in SAID["Errors"]}
