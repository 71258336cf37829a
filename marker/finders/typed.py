"""Recognise mistakes by the learner's source lines if the results alone say too little. mistakes.md has the
questions."""

import ast

from marker.finders.edits import find_own_lines
from marker.finders.edits import iter_typed_slips as parts_typed
from marker.verdict import TYPED, Verdict, in_words


def list_typed_slips(attempt):
    """Return [(line, name, whether it has no effect)] of mistakes of the table "Typed" in the learner's own lines."""
    own = find_own_lines(attempt.source, attempt.exercise.stub)
    return [part for part in parts_typed(ast.parse(attempt.source)) if part[0] in own]


def judge_typed_slip(finder_input):
    """Return the `Verdict` that names a mistake of the table "Typed"; None if there is none.

    If an edit makes the results right, only the lines of that edit count.
    """
    place = finder_input.place
    for line, name, _ in list_typed_slips(finder_input.attempt):
        if name == "only the entries that are on" and finder_input.verdict.name != "wrong shape":
            continue  # it is right in `a[mask] = b[mask]`, for example
        if not place or line in place["lines"]:
            text = f"{in_words('typed', line=line, name=name)}\n{TYPED[name]}"
            return Verdict(False, name, text, drawn=finder_input.verdict.drawn, question=TYPED[name])
    return None
