"""The project's own lines, cut out of its files: what a solution shows cannot drift from what runs."""

import inspect
import itertools
import re
import textwrap

from exercises.house import ROOT
from exercises.terminal import COLUMNS


def excerpt(source):
    """(line number, text) of a `Source`, at 80 columns."""
    lines = (ROOT / source.file).read_text(encoding="utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if re.search(source.first, line))
    last = next(i for i, line in enumerate(lines[first:], first) if re.search(source.last, line))
    about = []
    if source.doc:
        start = next(i for i in range(first, -1, -1) if lines[i].lstrip().startswith("def "))
        text = inspect.cleandoc("\n".join(lines[start:]).split('"""')[1])
        if source.until:
            text = text[: re.search(source.until, text).start()].strip()
        about = [line for paragraph in text.split("\n\n") for line in (*prose_or_formula(paragraph), "")]
    while lines[first - 1].lstrip().startswith("#"):
        first -= 1
    code = textwrap.dedent("\n".join(lines[first : last + 1])).splitlines()
    return first + 1, "\n".join(narrow([*about, *code]))


def prose_or_formula(paragraph):
    """A paragraph of a docstring at 80 columns. An indented one is a formula: its lines and its spaces are meant."""
    if not paragraph.startswith(" "):
        return fill(paragraph)
    found = []
    for line in paragraph.splitlines():
        indent, text = re.match("( *)(.*)", line).groups()
        parts = [text] if len(line) <= COLUMNS else re.split(" {3,}", text)  # several formulas side by side
        found += [short for part in parts for short in fill(part, indent)]
    return found


def narrow(lines):
    """Prose, comments and code at 80 columns. A comment that is too long for its line goes above it."""
    for kind, group in itertools.groupby(lines, lambda line: line.startswith("# ")):
        group = list(group)
        if kind and max(map(len, group)) > COLUMNS:
            yield from fill(" ".join(line[2:] for line in group), "# ")
            continue
        for line in group:
            code, mark, comment = line.partition("  # ")
            if len(line) > COLUMNS and mark:
                yield from fill(comment, re.match(" *", code)[0] + "# ")
                line = code
            yield from fill(line) if len(line) > COLUMNS else [line]


def fill(text, indent=""):
    options = {"break_on_hyphens": False, "break_long_words": False}
    return textwrap.wrap(text, COLUMNS, initial_indent=indent, subsequent_indent=indent, **options)
