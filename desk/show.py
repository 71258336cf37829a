"""Prints the texts of practice.py, wrapped at 80 columns, and describes the solution of an exercise."""

import os
import re
import sys
import textwrap
from pathlib import Path

from marker import ROOT
from support.errors import hide_control_characters

COLOURS = {"good": "32", "bad": "31", "strong": "1", "quiet": "2"}
WRAP_OPTIONS = {"width": 80, "break_on_hyphens": False, "break_long_words": False}


DEFAULT_COMMAND_PREFIX = "python practice.py"  # the command as it is written in our messages
command_prefix = DEFAULT_COMMAND_PREFIX  # what the learner has to type, with --exercises FOLDER if it was given


def replace_command_prefix(text):
    """Return a text in which "python practice.py" is replaced by the command that the learner has to type."""
    return str(text).replace(DEFAULT_COMMAND_PREFIX, command_prefix)


def relative_path(path):
    """Return a path relative to the current folder if the path is in it, and otherwise unchanged."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def print_text(text, style=None):
    """Print text wrapped at 80 columns. Lines that are indented by four spaces, such as code, are left alone.

    A line that begins with two spaces has two columns, and is wrapped within the second one. Control characters, which
    a learner's own messages may contain, become question marks. style: one of COLOURS, used if the terminal shows
    colours, or None.
    """
    lines = hide_control_characters(replace_command_prefix(text)).split("\n")
    columns = [re.match(r"  \S+ +|", line).end() for line in lines]
    wrapped_text = "\n".join(
        line if line.startswith("    ") else textwrap.fill(line, **WRAP_OPTIONS, subsequent_indent=" " * column)
        for line, column in zip(lines, columns, strict=True)
    )
    print(f"\033[{COLOURS[style]}m{wrapped_text}\033[0m" if style and has_colour() else wrapped_text, flush=True)


def has_colour():
    shows = os.name != "nt" or {"WT_SESSION", "ANSICON", "TERM_PROGRAM"} & set(os.environ)
    return bool(sys.stdout.isatty() and shows and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")


def describe_solution(exercise):
    """Return a text with the solution of an exercise: the lines of code, an explanation, and where to read more.

    Lines of code are indented. If the project contains the line, it is named as FILE:LINE.
    """
    parts = exercise.kind.list_solution_paragraphs(exercise)
    if exercise.docs:
        parts.append(f"The derivation: {exercise.docs}")
    if exercise.line:
        file, code = exercise.line.split(": ", 1)
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
        parts.append(f"In the project: {file}:{next(i for i, line in enumerate(lines, 1) if code in line)}")
    return "\n\n".join(part.strip("\n") for part in parts if part)
