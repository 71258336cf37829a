"""For a teacher: the work of a class as a table.

FOLDER has a folder for each person, with that person's files (or with their my_practice in it). Each file runs in a
process of its own, with a time limit; whatever it contains, the others are marked. That guards against accidents, not
against malice: such a process may do anything that the account running it may do.
"""

import csv
import filecmp
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from exercises import STUBS, marker
from exercises.work import EXERCISES, file_in
from support.errors import UserError

LARGEST = 2**20  # bytes; a larger file is not marked
SEED = 0


def mark_all(name, seed=None, out=None):
    """Print a row for each person: passed, the name of the mistake, or "not written", for each exercise."""
    if not name or not Path(name).is_dir():
        raise UserError("mark needs a folder with a folder for each person in it: practice.py mark FOLDER")
    people = sorted(p for p in Path(name).iterdir() if p.is_dir() and not p.name.startswith("."))
    if not people:
        raise UserError(f"{name} holds no folders: each person's files belong in a folder of their own")
    table = csv.writer(out or sys.stdout, lineterminator="\n")
    table.writerow(["name", *(exercise.name for exercise in EXERCISES), "passed"])
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for person in people:
            marks = list(pool.map(lambda exercise, person=person: mark(person, exercise, seed or SEED), EXERCISES))
            table.writerow([harmless(person.name), *marks, marks.count("passed")])
            print(f"{harmless(person.name)}: {marks.count('passed')} of {len(EXERCISES)}", file=sys.stderr, flush=True)
    return 0


def mark(person, exercise, seed):
    """A verdict in a few words."""
    for folder in (person, person / "my_practice"):
        path = file_in(folder, exercise)
        try:
            if not path.is_file():  # a named pipe, say, would never end
                continue
            if path.stat().st_size > LARGEST:
                return "file too large"
            if filecmp.cmp(path, STUBS / f"{exercise.name}.py", shallow=False):
                return "not written"
            return marker.mark(exercise, path, seed).name
        except OSError:
            return "cannot be read"
    return ""


def harmless(name):
    """A name that a spreadsheet does not take for a formula, on one line."""
    name = "".join(c if c.isprintable() else "?" for c in name)
    return f"'{name}" if name[:1] in "=+-@" else name
