"""The result of marking: a `Verdict`. Its sentences are in said.md, by their marks."""

import builtins
from itertools import chain
from typing import NamedTuple

from marker.words import MISTAKE_TABLES, SENTENCE_TABLES


class Verdict(NamedTuple):
    passed: bool
    name: str  # the mark: a key for code to compare. People see `summary`
    text: str  # for the learner; paragraphs
    printed: str = ""  # what the learner's own code printed
    drawn: bool = False  # whether the text mentions the drawn numbers
    typed: str = ""  # the learner's own lines
    question: str = ""  # that leads to a named mistake
    whole: bool = False  # whether the text is complete, since it names the remedy
    error: str = ""  # the exception's class, if an exception ended the file

    @property
    def summary(self):
        """The verdict in a few words, for a teacher's table."""
        return TABLE_TEXTS[self.name].format(error=self.error) if self.name in TABLE_TEXTS else self.name


TABLE_TEXTS = dict(SENTENCE_TABLES["In a table"])  # {a mark: its text in a table}, where that differs from the mark


class Wrong(ValueError):
    """An exception that carries a verdict: it ends the check in which it is raised."""

    def __init__(self, mark, text):
        super().__init__(text)
        self.mark = mark


class Sentences:
    """Sentences by mark, {mark: text}. In "mark: variant", the part after the colon only distinguishes texts."""

    def __init__(self, *rows):
        self.texts = dict(chain.from_iterable(rows))
        self.marks = {mark.partition(":")[0] for mark in self.texts}

    def text(self, mark, **values):
        return self.texts[mark].format(**values)

    def verdict(self, mark, drawn=False, **values):
        """Return the failing `Verdict` of this mark, with `values` filled into its text.

        drawn: it mentions drawn numbers.
        """
        return Verdict(False, mark.partition(":")[0], self.text(mark, **values), drawn=drawn)

    def make_exception(self, mark, **values):
        """Return the exception `Wrong` of this mark, with `values` filled into its text."""
        return Wrong(mark.partition(":")[0], self.text(mark, **values))

    wrong = make_exception  # its earlier name, which a folder of exercises may use


FUNCTION_SENTENCES = Sentences(SENTENCE_TABLES["Marks"])
DERIVATIVE_SENTENCES = Sentences(SENTENCE_TABLES["Derivatives"])
PYTHON_SENTENCES = Sentences(SENTENCE_TABLES["Complaints"])
in_words = Sentences(SENTENCE_TABLES["Finders"]).text
PLACES = dict(SENTENCE_TABLES["Places"])
TYPED_MISTAKES = dict(MISTAKE_TABLES["Typed"])
MARKS = FUNCTION_SENTENCES.marks | DERIVATIVE_SENTENCES.marks
PASSED_MARKS = ("passed", "with imports")  # the marks of files that pass
UNFINISHED_MARKS = ("not written", "partly written")  # the marks of unfinished files, which are not mistakes yet
# The marks that say too little about a mistake, so that the finders search further.
FAR_OFF_MARKS = ("not right", "not finite", "wrong shape", "transposed")
VAGUE_MARKS = (*FAR_OFF_MARKS, "close, and not equal", "wrong type", "changes its input")
wrong_verdict = FUNCTION_SENTENCES.verdict


def is_vague(verdict):
    return verdict.name in VAGUE_MARKS and not verdict.whole


def make_failing_verdict(mark, text, known_marks=()):
    """Return the failing `Verdict` of a mark.

    known_marks: further marks, from the exercise's folder. Any other mark becomes "error", so that no other text
    reaches a teacher's table.
    """
    if mark in MARKS or mark in known_marks:
        return Verdict(False, mark, str(text))
    return Verdict(False, "error", str(text), error="Exception")


def is_error_name(error_name):
    """Return True if this is the name of a built-in class, or of an error in said.md."""
    names = {name for name, *_ in SENTENCE_TABLES["Errors"]}
    return isinstance(getattr(builtins, error_name, None), type) or error_name in names
