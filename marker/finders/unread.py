"""An argument that the right answer needs, and that the learner's file never reads."""

import ast

from marker.finder import Finder
from marker.finders.edits import names_in
from marker.verdict import Verdict, in_words


def look(attempt, wrongs):
    """The names of the arguments that the learner's lines do not read, though every right answer that is known does."""
    exercise = attempt.exercise
    read, needed = names_in(ast.parse(attempt.source)), needed_names(exercise)
    unread = [name for name in exercise.takes if name not in read]
    may_be_left = [name for name in exercise.takes if name not in names_in(ast.parse(exercise.answer))]
    if len(unread) <= len(may_be_left):
        return []  # more is given than is needed: another right answer may need others
    return [name for name in unread if name in needed]


def needed_names(exercise):
    """The names that the right answer reads in each of its forms."""
    forms = [exercise.answer, *exercise.harmless_forms]
    return set.intersection(*(set(names_in(ast.parse(form))) for form in forms))


def say(found, wrongs):
    if wrongs.verdict.name != "not right" or wrongs.outcome.notes.found.get("place") or not found:
        return None
    text, verdict = in_words("unread", name=found[0]), wrongs.verdict
    return Verdict(False, "an argument not used", f"{verdict.text}\n{text}", drawn=verdict.drawn, question=text)


FINDER = Finder(look, say)
