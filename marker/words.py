"""What is said stands in tables of Markdown: marker/said.md has the marker's own, and a folder of exercises may have a
said.md beside them."""

import re
from functools import cache, reduce
from pathlib import Path
from typing import NamedTuple

OWN = Path(__file__).resolve().parent


@cache
def tables(path):
    """Return {heading: rows} of the tables of a Markdown file; {} if there is no such file."""
    if not path.exists():
        return {}
    sections = path.read_text(encoding="utf-8").split("\n## ")[1:]
    return {text.split("\n")[0]: parse_table(text[text.index("\n|") :]) for text in sections if "\n|" in text}


def parse_table(text):
    """Return the rows of a Markdown table, as lists of cells. An empty last cell stands for that of the row above."""
    rows = []
    for line in text.strip().splitlines()[2:]:
        cells = (cell.strip().replace(r"\|", "|") for cell in re.split(r" \|(?= |$)", line.removeprefix("|"))[:-1])
        *cells, last_cell = (re.sub("^`([^`]*)`$", r"\1", cell) for cell in cells)
        rows.append([*cells, last_cell or rows[-1][-1]])
    return rows


SAID = tables(OWN / "said.md")
MISTAKES = tables(OWN / "mistakes.md")
COMMON = ("Errors", "Names", "Operands")  # tables whose first cells are no marks


def join_texts(texts, conjunction="and"):
    """Return names, say, joined into one text: "a and b". conjunction: a row of the table "Lists"."""
    return reduce(dict(SAID["Lists"])[conjunction].format, texts) if texts else ""


class Words(NamedTuple):
    """The words of a folder of exercises, before the marker's own."""

    errors: list  # rows of the table "Errors": the kind, what is in its message and in the line, and what is said
    names: list  # of "Names": a name, a second one beside which it means that, and what is said
    operands: dict  # of "Operands": {a name: what is said if its shape does not fit}
    marks: set  # all that a file in the folder may be called

    @classmethod
    def from_folder(cls, folder=None):
        own_tables = tables(folder / "said.md") if folder else {}
        own_marks = set()
        for name, rows in own_tables.items():
            if name not in COMMON:
                own_marks.update(mark.partition(":")[0] for mark, *_ in rows)
        errors = [*own_tables.get("Errors", ()), *SAID.get("Errors", ())]
        names = [*own_tables.get("Names", ()), *SAID.get("Names", ())]
        return cls(errors, names, dict(own_tables.get("Operands", ())), own_marks)
