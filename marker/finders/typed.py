"""Recognise mistakes by the learner's source lines if the results alone say too little. mistakes.md has the
questions."""

import ast

from marker.finders.edits import find_own_lines, iter_typed_slips
from marker.verdict import TYPED_MISTAKES, Verdict, in_words


def list_typed_slips(attempt):
    """Return the `TypedSlip`s in the learner's own lines."""
    own_lines = find_own_lines(attempt.source, attempt.exercise.stub)
    return [slip for slip in iter_typed_slips(ast.parse(attempt.source)) if slip.line in own_lines]


def judge_typed_slip(finder_input):
    """Return the `Verdict` that names a mistake of the table "Typed"; None if there is none.

    If an edit makes the results right, only the lines of that edit count.
    """
    place = finder_input.place
    for slip in list_typed_slips(finder_input.attempt):
        if slip.name == "only the entries that are on" and finder_input.verdict.name != "wrong shape":
            continue  # it is right in `a[mask] = b[mask]`, for example
        if not place or slip.line in place.lines:
            question = TYPED_MISTAKES[slip.name]
            text = f"{in_words('typed', line=slip.line, name=slip.name)}\n{question}"
            return Verdict(False, slip.name, text, drawn=finder_input.verdict.drawn, question=question)
    return None
