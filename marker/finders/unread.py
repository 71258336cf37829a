"""An argument that the right answer needs, and that the learner's file never reads."""

import ast

from marker.finder import Finder
from marker.finders.edits import names_in
from marker.verdict import Verdict, in_words


def look(attempt, wrongs):
    """The names of the arguments that the right answer reads and the learner's file does not.

    None, if another right answer may do without them: a known form of it, or any, where more is given than is needed.
    """
    exercise, read = attempt.exercise, set(names_in(ast.parse(attempt.source)))
    needed = set(names_in(ast.parse(exercise.answer)))
    unread = [name for name in exercise.takes if name not in read]
    not_needed = [name for name in exercise.takes if name not in needed]
    arguments = set(exercise.takes)
    forms = [arguments.intersection(names_in(ast.parse(form))) for form in exercise.harmless_forms]
    if len(unread) <= len(not_needed) or any(form <= read for form in forms):
        return []
    return [name for name in unread if name in needed]


def say(found, wrongs):
    if wrongs.verdict.name != "not right" or wrongs.outcome.notes.found.get("place") or not found:
        return None
    text, verdict = in_words("unread", name=found[0]), wrongs.verdict
    return Verdict(False, "an argument not used", f"{verdict.text}\n{text}", drawn=verdict.drawn, question=text)


FINDER = Finder(look, say)
