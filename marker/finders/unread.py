"""An argument that the right answer needs, and that the learner's file never reads."""

import ast

from marker.finder import Finder
from marker.finders.edits import names_in
from marker.verdict import Verdict, in_words


def look(attempt, wrongs):
    read, needed = names_in(ast.parse(attempt.source)), names_in(ast.parse(attempt.exercise.answer))
    return [name for name in attempt.exercise.takes if name in needed and name not in read]


def say(found, wrongs):
    if wrongs.verdict.name != "not right" or wrongs.outcome.notes.found.get("place") or not found:
        return None
    text, verdict = in_words("unread", name=found[0]), wrongs.verdict
    return Verdict(False, "an argument not used", f"{verdict.text}\n{text}", drawn=verdict.drawn, question=text)


FINDER = Finder(look, say)
