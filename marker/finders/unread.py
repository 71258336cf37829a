"""Find an argument that the right answer uses and the learner's file never reads."""

import ast

from marker.finders.edits import list_names_in
from marker.verdict import Verdict, in_words


def list_unread_argument_names(attempt):
    """Return the names of the arguments that the right answer reads and the learner's file does not.

    Return [] if another right answer may not need them: a known variant of it, or any, if the right answer itself
    ignores as many arguments.
    """
    exercise = attempt.exercise
    names_read = set(list_names_in(ast.parse(attempt.source)))
    needed_names = set(list_names_in(ast.parse(exercise.answer)))
    unread_arguments = [name for name in exercise.takes if name not in names_read]
    not_needed = [name for name in exercise.takes if name not in needed_names]
    arguments = set(exercise.takes)
    forms = [arguments.intersection(list_names_in(ast.parse(form))) for form in exercise.reasons_by_harmless_form]
    if len(unread_arguments) <= len(not_needed) or any(form <= names_read for form in forms):
        return []
    return [name for name in unread_arguments if name in needed_names]


def judge_unread_argument(finder_input):
    """Return the verdict with a sentence added on an argument that the file never reads; None if there is none."""
    verdict = finder_input.verdict
    if verdict.name != "not right" or finder_input.place or not finder_input.unread_argument_names:
        return None
    text = in_words("unread", name=finder_input.unread_argument_names[0])
    return Verdict(False, "an argument not used", f"{verdict.text}\n{text}", drawn=verdict.drawn, question=text)
