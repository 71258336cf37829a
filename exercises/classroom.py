"""For a teacher: the work of a class as a table.

FOLDER has a folder or a zip file for each person, with that person's files somewhere in it. Each file runs in a process
of its own, with a time limit and a share of the memory; whatever it contains, the others are marked. That guards
against accidents, not against malice: such a process may do anything that the account running it may do.
"""

import csv
import importlib.util
import json
import os
import re
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from exercises import STUBS, marker
from exercises.work import BY_NAME, EXERCISES
from support.errors import UserError
from support.files import read_file

LARGEST = 2**20  # bytes; a larger file is not marked
MOST_FILES, DEEPEST = 10_000, 6  # that are looked at in one person's folder, and how deep
MOST_MEMBERS = 200  # that are taken out of a zip file
MEMORY = 8  # gigabytes, for all processes together


def mark_all(name, seed=0, out=None):
    """Print a row for each person, as soon as it is known: for each exercise a mark in a few words, or nothing."""
    if not name or not Path(name).is_dir():
        raise UserError("mark needs a folder with a folder for each person in it: practice.py mark FOLDER")
    people = [path for path in sorted(Path(name).iterdir()) if not path.name.startswith(".")]
    for path in [path for path in people if not path.is_dir() and path.suffix.lower() != ".zip"]:
        print(f"{harmless(path.name)} is left out: it is neither a folder nor a zip file", file=sys.stderr)
        people.remove(path)
    if not people:
        raise UserError(f"{name} holds no folders: each person's files belong in a folder of their own")
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is missing: what needs it is not marked", file=sys.stderr)
    out = out or sys.stdout
    if hasattr(out, "reconfigure"):
        out.reconfigure(encoding="utf-8", errors="replace")
    out.write("\ufeff")  # by which spreadsheets know UTF-8
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["name", *(exercise.name for exercise in EXERCISES), "passed"])
    for person in people:
        with tempfile.TemporaryDirectory(prefix="class", ignore_cleanup_errors=True) as folder:
            marks = mark_one(person, folder, seed)
        passed = marks.count("passed")
        table.writerow([harmless(person.name), *marks, passed])
        out.flush()
        print(f"{harmless(person.name)}: {passed} of {len(EXERCISES)}", file=sys.stderr, flush=True)
    return 0


def mark_one(person, folder, seed):
    """The marks of one person, for all exercises in their order. `folder` is an empty one, for a zip file's content."""
    try:
        files, seen = find_files(unpacked(person, folder) if person.is_file() else person)
    except Exception as error:  # a damaged zip file, a folder that may not be read
        return [f"cannot be read: {error}"[:80]] * len(EXERCISES)
    if not files:
        return ["no exercise found", *[""] * (len(EXERCISES) - 1)]
    workers = min(os.cpu_count() or 1, MEMORY)

    def mark_file(exercise):
        if exercise.name not in files:
            return ""
        word = mark(files[exercise.name], exercise, seed, MEMORY / workers)
        return "seen" if word == "passed" and exercise.name in seen else word

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(mark_file, EXERCISES))


def unpacked(path, folder):
    """What a zip file holds: its Python files and progress.json, each in a folder of its own name, and nothing else."""
    with zipfile.ZipFile(path) as archive:
        names = {info: Path(info.filename.replace("\\", "/")).name for info in archive.infolist()}
        wanted = {info: name for info, name in names.items() if name.endswith(".py") or name == "progress.json"}
        for i, (info, name) in enumerate(list(wanted.items())[:MOST_MEMBERS]):
            if not info.is_dir():
                (Path(folder) / str(i)).mkdir()
                with archive.open(info) as member:
                    (Path(folder) / str(i) / name).write_bytes(member.read(LARGEST + 1))
    return Path(folder)


def find_files(folder):
    """{exercise: its file}, wherever it is below the folder; and the exercises whose solutions were shown.

    Of several, it is the least deep, and of those the first. "dz1 (1).py" is dz1, too.
    """
    files, seen, looked = {}, set(), 0
    waiting = [Path(folder)]
    for _ in range(DEEPEST):
        found = [path for place in waiting for path in sorted(place.iterdir())][: MOST_FILES - looked]
        looked += len(found)
        waiting = [path for path in found if path.is_dir() and not path.is_symlink() and path.name[0] not in "._"]
        for path in found:
            name = re.sub(r"( ?\(\d+\)| ?- ?[Cc]op(y|ie))+$", "", path.stem)
            if path.suffix == ".py" and name in BY_NAME and not path.is_dir():
                exact = path.stem == name
                if name not in files or (exact and files[name].parent == path.parent):
                    files[name] = path
            if path.name == "progress.json":
                with suppress(UserError, ValueError, TypeError, AttributeError, RecursionError):
                    seen |= set(json.loads(read_file(path, LARGEST)).get("seen", {}))
    return files, seen


def mark(path, exercise, seed, memory=MEMORY):
    """A verdict in a few words; with the output that is wrong, where there are several."""
    try:
        text = read_file(path, LARGEST)
        if text == (STUBS / f"{exercise.name}.py").read_bytes():
            return "not written"
        if exercise.needs_torch and importlib.util.find_spec("torch") is None:
            return "no PyTorch"
        verdict = marker.mark(exercise, path, seed, memory=memory)
        output = verdict.text.partition(":")[0]
        return f"{output}: {verdict.name}" if output in exercise.gives and len(exercise.gives) > 1 else verdict.name
    except UserError as error:
        return re.sub(r"^cannot read .*?: ", "cannot be read: ", str(error))[:80]
    except Exception as error:
        return f"cannot be marked: {type(error).__name__}"


def harmless(name):
    """A name that a spreadsheet does not take for a formula, on one line."""
    name = "".join(c if c.isprintable() else "?" for c in name)
    return f"'{name}" if name[:1] in "=+-@" else name
