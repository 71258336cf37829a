"""Text on a terminal: 80 columns, nothing but ASCII of our own, and colour only where the terminal shows it."""

import os
import sys
import textwrap

COLUMNS = 80
COLOURS = {"good": "32", "bad": "31", "strong": "1", "quiet": "2"}


def near(path):
    """A path as you would type it from here, if it is below the current folder."""
    try:
        return os.path.relpath(path) if not os.path.relpath(path).startswith("..") else path
    except ValueError:  # another drive of Windows
        return path


def say(text, style=None):
    """Print paragraphs at 80 columns, with colour where a terminal shows it."""
    wrapped = "\n".join(
        textwrap.fill(line, 80, break_long_words=False, break_on_hyphens=False, subsequent_indent="")
        if line.strip()
        else ""
        for line in str(text).split("\n")
    )
    print(f"\033[{COLOURS[style]}m{wrapped}\033[0m" if style and has_colour() else wrapped, flush=True)


def has_colour():
    shows = os.name != "nt" or {"WT_SESSION", "ANSICON", "TERM_PROGRAM"} & set(os.environ)
    return bool(sys.stdout.isatty() and shows and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")
