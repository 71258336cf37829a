"""What the marker says of a file: a `Verdict`. Its words are in said.md, by their marks."""

import builtins
from typing import NamedTuple

from marker.words import MISTAKES, SAID


class Verdict(NamedTuple):
    passed: bool
    name: str  # the mark, in a few words, as in the teacher's table
    text: str  # for the learner; paragraphs
    printed: str = ""  # what the learner's own code printed
    drawn: bool = False  # whether it speaks of the numbers that were drawn
    typed: str = ""  # the learner's own lines
    question: str = ""  # that leads to a mistake with a name
    whole: bool = False  # whether this is all: what cures it is said


class Wrong(ValueError):
    """A verdict that shows on the way: it ends the call in which it is raised."""

    def __init__(self, mark, text):
        super().__init__(text)
        self.mark = mark


class Sentences:
    """What is said, by marks: {mark: text}. What follows a colon in a mark is not shown: it tells two texts apart."""

    def __init__(self, *rows):
        self.texts = {mark: text for table in rows for mark, text in table}
        self.marks = {mark.partition(":")[0] for mark in self.texts}

    def verdict(self, mark, drawn=False, **values):
        """The `Verdict` on what has not passed, with these values in its text."""
        return Verdict(False, mark.partition(":")[0], self.texts[mark].format(**values), drawn=drawn)

    def wrong(self, mark, **values):
        """The same as an exception."""
        return Wrong(mark.partition(":")[0], self.texts[mark].format(**values))


OF_FUNCTIONS, OF_DERIVATIVES = Sentences(SAID["Marks"]), Sentences(SAID["Derivatives"])
PLACES, TYPED = dict(SAID["Places"]), dict(MISTAKES["Typed"])
MARKS = {"passed", "passed, with imports", "cannot be marked"} | OF_FUNCTIONS.marks | OF_DERIVATIVES.marks
UNFINISHED = ("not written", "partly written")  # the names of what is no mistake yet
# ... and those of what says too little about a mistake: then the finders look further.
FAR_OFF = ("not right", "not finite", "wrong shape", "transposed")
VAGUE = (*FAR_OFF, "close, and not equal", "wrong type", "changes its input")
wrong = OF_FUNCTIONS.verdict


def is_vague(verdict):
    return verdict.name in VAGUE and not verdict.whole


def known(mark, marks=()):
    """A mark that the learner's process has reported, if it is one of ours: no other word reaches a teacher's table.

    marks: those of the exercise's own folder.
    """
    head, _, kind = mark.partition("error: ")
    if mark in MARKS or mark in marks or (not head and is_error(kind)):
        return mark
    return "error: Exception"


def is_error(kind):
    """Whether this is the name of an error that Python has, or said.md."""
    return isinstance(getattr(builtins, kind, None), type) or kind in {name for name, *_ in SAID["Errors"]}
