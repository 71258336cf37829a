"""What practice.py shows: text at 80 columns, nothing but ASCII of our own; a solution."""

import os
import re
import sys
import textwrap
from pathlib import Path

from marker import ROOT
from support.errors import hide_control_characters

COLOURS = {"good": "32", "bad": "31", "strong": "1", "quiet": "2"}
WRAP = {"width": 80, "break_on_hyphens": False, "break_long_words": False}


PROGRAM = "python practice.py"  # as it is called in what is said,
command_prefix = (
    PROGRAM  # and as the learner has to type it: with the folder of exercises, if they are not this project's
)


def with_command_prefix(text):
    """Return a text in which the program is called as the learner has to type it."""
    return str(text).replace(PROGRAM, command_prefix)


def relative_path(path):
    """Return a path relative to the current folder, if it is below that; otherwise the path itself."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def print_text(text, style=None):
    """Print paragraphs at 80 columns, and code (indented) as it is, with colour where a terminal shows it.

    A line of two columns, which begins with two spaces, goes on in its second column. What would move the terminal's
    cursor, in a learner's own message perhaps, is a question mark.
    """
    lines = hide_control_characters(with_command_prefix(text)).split("\n")
    columns = [re.match(r"  \S+ +|", line).end() for line in lines]
    wrapped_text = "\n".join(
        line if line.startswith("    ") else textwrap.fill(line, **WRAP, subsequent_indent=" " * column)
        for line, column in zip(lines, columns, strict=True)
    )
    print(f"\033[{COLOURS[style]}m{wrapped_text}\033[0m" if style and has_colour() else wrapped_text, flush=True)


def has_colour():
    shows = os.name != "nt" or {"WT_SESSION", "ANSICON", "TERM_PROGRAM"} & set(os.environ)
    return bool(sys.stdout.isatty() and shows and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")


def describe_solution(exercise):
    """Describe the solution of an exercise, as text: the lines as they stand in the learner's file, why, and where to
    read on.

    Lines of code are indented. The project's own line is named as FILE:LINE.
    """
    parts = exercise.kind.solution(exercise)
    if exercise.docs:
        parts.append(f"The derivation: {exercise.docs}")
    if exercise.line:
        file, code = exercise.line.split(": ", 1)
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
        parts.append(f"In the project: {file}:{next(i for i, line in enumerate(lines, 1) if code in line)}")
    return "\n\n".join(part.strip("\n") for part in parts if part)
