"""What practice.py shows: text at 80 columns, nothing but ASCII of our own; the project's own lines; a case's symptom.

The project's lines are cut out of its files: what a solution shows cannot drift from what runs.
"""

import inspect
import itertools
import json
import os
import re
import sys
import textwrap

from exercises import PICTURES, ROOT
from exercises.chapter3 import SUSPECTS

COLUMNS = 80
COLOURS = {"good": "32", "bad": "31", "strong": "1", "quiet": "2"}
WRAP = {"width": COLUMNS, "break_on_hyphens": False, "break_long_words": False}


def near(path):
    """A path as you would type it from here, if it is below the current folder."""
    try:
        return os.path.relpath(path) if not os.path.relpath(path).startswith("..") else path
    except ValueError:  # another drive of Windows
        return path


def say(text, style=None):
    """Print paragraphs at 80 columns, with colour where a terminal shows it."""
    wrapped = "\n".join(textwrap.fill(line, **WRAP) for line in str(text).split("\n"))
    print(f"\033[{COLOURS[style]}m{wrapped}\033[0m" if style and has_colour() else wrapped, flush=True)


def has_colour():
    shows = os.name != "nt" or {"WT_SESSION", "ANSICON", "TERM_PROGRAM"} & set(os.environ)
    return bool(sys.stdout.isatty() and shows and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")


def recorded(exercise):
    """What exercises/symptoms.py has recorded about a case."""
    return json.loads((PICTURES / "cases.json").read_text(encoding="utf-8"))[exercise.name]


def symptom(exercise, path):
    """Say how a case shows itself; and, until the file at `path` names one, the suspects."""
    printed = recorded(exercise)
    say(f"{'It printed at first:':38}A healthy run prints:", "quiet")
    for lines in zip(printed["as it is"], printed["healthy"], strict=True):
        sick, healthy = (re.sub("epoch |training |(?<=test) accuracy", "", line) for line in lines)
        print(f"{sick:38}{healthy}")
    say(f"\nThe curves: {near(PICTURES / exercise.name)}.png")
    say("Run it with `python practice.py run`.")
    if re.search(r"^DIAGNOSIS *= *\.\.\.", path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE):
        say("The suspects, for DIAGNOSIS:\n")
        for word, (meaning, _) in SUSPECTS.items():
            quoted = f'"{word}"'
            say(f"  {quoted:13} {meaning}")
    print()


def excerpt(source):
    """(line number, text) of a row of sources.md, at 80 columns."""
    doc, begin, end, file = source
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if re.search(begin, line))
    last = next(i for i, line in enumerate(lines[first:], first) if re.search(end or begin, line))
    about = []
    if doc:
        start = next(i for i in range(first, -1, -1) if lines[i].lstrip().startswith("def "))
        text = inspect.cleandoc("\n".join(lines[start:]).split('"""')[1])
        text = text[: re.search(doc, text).start()].strip()
        about = [line for paragraph in text.split("\n\n") for line in (*prose_or_formula(paragraph), "")]
    while lines[first - 1].lstrip().startswith("#"):
        first -= 1
    code = textwrap.dedent("\n".join(lines[first : last + 1])).splitlines()
    return first + 1, "\n".join(narrow([*about, *code]))


def prose_or_formula(paragraph):
    """A paragraph of a docstring at 80 columns. An indented one is a formula: its lines and its spaces are meant."""
    if not paragraph.startswith(" "):
        return textwrap.wrap(paragraph, **WRAP)
    found = []
    for line in paragraph.splitlines():
        indent, text = re.match("( *)(.*)", line).groups()
        parts = [text] if len(line) <= COLUMNS else re.split(" {3,}", text)  # several formulas side by side
        found += [short for part in parts for short in fill(part, indent)]
    return found


def narrow(lines):
    """Prose, comments and code at 80 columns. A comment that is too long for its line goes above it."""
    for kind, group in itertools.groupby(lines, lambda line: bool(re.match(r"# \S", line))):  # a formula is indented
        group = list(group)
        if kind and max(map(len, group)) > COLUMNS:
            yield from fill(" ".join(line[2:] for line in group), "# ")
            continue
        for line in group:
            code, mark, comment = line.partition("  # ")
            indent = re.match(" *", line)[0]
            if len(line) > COLUMNS and mark:
                yield from fill(comment, f"{indent}# ")
                line = code
            if line.strip() or not mark:
                yield from textwrap.wrap(line, subsequent_indent=f"{indent}    ", **WRAP) or [line]


def fill(text, indent=""):
    return textwrap.wrap(text, initial_indent=indent, subsequent_indent=indent, **WRAP)
