"""The marker's sentences, read from tables in Markdown: marker/said.md, and a said.md in a folder of exercises."""

import re
from functools import cache, reduce
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parent


@cache
def read_tables_by_heading(path):
    """Return {heading: rows} of the tables in a Markdown file; {} if there is no such file."""
    if not path.exists():
        return {}
    sections = path.read_text(encoding="utf-8").split("\n## ")[1:]
    return {text.split("\n")[0]: parse_table_rows(text[text.index("\n|") :]) for text in sections if "\n|" in text}


def parse_table_rows(text):
    """Return the rows of a Markdown table as lists of cells. An empty last cell repeats that of the row above."""
    rows = []
    for line in text.strip().splitlines()[2:]:
        cells = (cell.strip().replace(r"\|", "|") for cell in re.split(r" \|(?= |$)", line.removeprefix("|"))[:-1])
        *cells, last_cell = (re.sub("^`([^`]*)`$", r"\1", cell) for cell in cells)
        rows.append([*cells, last_cell or rows[-1][-1]])
    return rows


SENTENCE_TABLES = read_tables_by_heading(FOLDER / "said.md")
MISTAKE_TABLES = read_tables_by_heading(FOLDER / "mistakes.md")
TABLES_WITHOUT_MARKS = ("Errors", "Names", "Operands")  # their first cells are other words


def join_texts(texts, conjunction="and"):
    """Join texts into one, as in "a and b". conjunction: a row of the table "Lists"; "and" by default."""
    return reduce(dict(SENTENCE_TABLES["Lists"])[conjunction].format, texts) if texts else ""


class Words(NamedTuple):
    """The sentences that a folder of exercises uses: the rows of its own tables, followed by the marker's."""

    errors: list  # rows of "Errors": the class, patterns in its message and in the line, and the advice
    names: list  # rows of "Names": an undefined name, a second name that must be defined, and the advice
    operands: dict  # from "Operands": {a name: the question if its shape does not fit}
    marks: set  # the marks that this folder adds

    @classmethod
    def from_folder(cls, folder=None):
        own_tables = read_tables_by_heading(folder / "said.md") if folder else {}
        own_marks = set()
        for name, rows in own_tables.items():
            if name not in TABLES_WITHOUT_MARKS:
                own_marks.update(mark.partition(":")[0] for mark, *_ in rows)
        errors = [*own_tables.get("Errors", ()), *SENTENCE_TABLES.get("Errors", ())]
        names = [*own_tables.get("Names", ()), *SENTENCE_TABLES.get("Names", ())]
        return cls(errors, names, dict(own_tables.get("Operands", ())), own_marks)
