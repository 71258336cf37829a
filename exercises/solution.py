"""The project's own lines, cut out of its files: what a solution shows cannot drift from what runs."""

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
        text = textwrap.dedent("    " + "\n".join(lines[start:]).split('"""')[1]).strip()
        if source.until:
            text = text[: re.search(source.until, text).start()].strip()
        about = [line for paragraph in text.split("\n\n") for line in (*fill(paragraph), "")]
    while lines[first - 1].lstrip().startswith("#"):
        first -= 1
    code = textwrap.dedent("\n".join(lines[first : last + 1])).splitlines()
    return first + 1, "\n".join(narrow([*about, *code]))


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
