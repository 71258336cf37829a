"""For a teacher: the work of a class as a table, a summary of it, and what the marker says to each person.

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
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from exercises import STUBS, marker
from exercises.work import BY_NAME, CHAPTERS, find
from support.errors import UserError
from support.files import read_file

LARGEST = 2**20  # bytes; a larger file is not marked
MOST_FILES, DEEPEST = 10_000, 6  # that are looked at in one person's folder, and how deep
MOST_MEMBERS = 200  # of the names of exercises, that are taken out of a zip file
MEMORY = 8  # gigabytes, for all processes together


def mark_all(name, seed=0, only=None, feedback=None):
    """Print a row for each person, as soon as it is known: for each exercise a mark in a few words, or nothing.

    only: exercises by name, or `chapter2`, with commas between them. feedback: a folder that gets a file for each
    person, with all that the marker says. A summary goes to stderr.
    """
    people, exercises = people_in(name), chosen(only)
    if feedback:
        Path(feedback).mkdir(parents=True, exist_ok=True)
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is missing: what needs it is not marked", file=sys.stderr)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    sys.stdout.write("\ufeff")  # by which spreadsheets know UTF-8
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(["name", *(exercise.name for exercise in exercises), "passed"])
    workers = min(os.cpu_count() or 1, MEMORY)
    with tempfile.TemporaryDirectory(prefix="class", ignore_cleanup_errors=True) as spare:
        found = {person: look(person, Path(spare) / str(i)) for i, person in enumerate(people)}
        with ThreadPoolExecutor(workers) as pool:
            coming = {
                person: [pool.submit(mark, files.get(e.name), e, seed, MEMORY / workers) for e in exercises]
                for person, (files, _, _) in found.items()
            }
            rows = {}
            for person, (_, seen, problem) in found.items():
                verdicts = [
                    (exercise, *mark.result()) for exercise, mark in zip(exercises, coming[person], strict=True)
                ]
                words = ["seen" if word == "passed" and e.name in seen else word for e, word, _ in verdicts]
                rows[person], passed = words, words.count("passed")
                table.writerow([harmless(person.name), problem or words[0], *words[1:], passed])
                sys.stdout.flush()
                print(f"{harmless(person.name)}: {passed} of {len(exercises)}", file=sys.stderr, flush=True)
                if feedback:
                    said = [f"{e.name}, {e.title}: {word}\n{text}" for e, word, text in verdicts if word]
                    file = Path(feedback) / f"{person.name}.txt"
                    file.write_text("\n\n".join(said or [problem]) + "\n", encoding="utf-8")
        print("\n".join([*summary(exercises, rows), *identical(exercises, found)]), file=sys.stderr)
    return 0


def people_in(name):
    """The folders and zip files of a folder."""
    if not name or not Path(name).is_dir():
        raise UserError("mark needs a folder with a folder for each person in it: practice.py mark FOLDER")
    people = [path for path in sorted(Path(name).iterdir()) if not path.name.startswith(".")]
    for path in [path for path in people if not path.is_dir() and path.suffix.lower() != ".zip"]:
        print(f"{harmless(path.name)} is left out: it is neither a folder nor a zip file", file=sys.stderr)
        people.remove(path)
    if not people:
        raise UserError(f"{name} holds no folders: each person's files belong in a folder of their own")
    return people


def chosen(only):
    """The exercises that --only names, or all."""
    chapters = {f"chapter{i}": chapter for i, chapter in enumerate(CHAPTERS.values(), 1)}
    words = only.split(",") if only else chapters
    return [e for word in words for e in (chapters.get(word) or (find(word),))]


def summary(exercises, rows):
    """For each exercise that somebody has tried, a line: how many did, how many passed, the commonest mistake."""
    yield f"\n{'exercise':20} tried passed  commonest mistake"
    for exercise, marks in zip(exercises, zip(*rows.values(), strict=True), strict=True):
        tried = [word for word in marks if word not in ("", "not written")]
        wrong = Counter(word for word in tried if word not in ("passed", "seen")).most_common(1)
        if tried:
            worst = f"{wrong[0][0]} ({wrong[0][1]})" if wrong else ""
            yield f"{exercise.name:20} {len(tried):5} {tried.count('passed'):6}  {worst}".rstrip()


def identical(exercises, found):
    """Who has handed in the same file, to the byte, and for which exercises."""
    groups = {}
    for exercise in exercises:
        same = {}
        for person, (files, _, _) in found.items():
            with suppress(UserError, KeyError):
                text = read_file(files[exercise.name], LARGEST)
                if not is_stub(exercise.name, text):
                    same.setdefault(text, []).append(harmless(person.name))
        for people in same.values():
            if len(people) > 1:
                groups.setdefault(tuple(people), []).append(exercise.name)
    if groups:
        yield "\nIdentical files (of one line, that may be chance):"
    for people, names in groups.items():
        yield f"{', '.join(people)}: {', '.join(names)}"


def look(person, spare):
    """What there is of a person: {exercise: file}, the exercises whose solution was shown, and what is the matter."""
    try:
        files, seen = find_files(unpacked(person, spare) if person.is_file() else person, spare)
        return files, seen, "" if files else "no exercise found"
    except Exception as error:  # a damaged zip file, a folder that may not be read
        return {}, set(), f"cannot be read: {error}"[:80]


def unpacked(path, folder):
    """What a zip file holds of exercises and progress.json, each in a folder of its own; in my_practice, if it was."""
    with zipfile.ZipFile(path) as archive:
        members = {info: Path(info.filename.replace("\\", "/")) for info in archive.infolist() if not info.is_dir()}
        wanted = [info for info, member in members.items() if wanted_name(member) or member.name == "progress.json"]
        wanted.sort(key=lambda info: (not is_mine(members[info]), len(members[info].parts)))
        Path(folder).mkdir(parents=True, exist_ok=True)
        for i, info in enumerate(wanted[:MOST_MEMBERS]):
            place = Path(folder) / f"{i:03}" / ("my_practice" if is_mine(members[info]) else "")
            place.mkdir(parents=True)
            with archive.open(info) as member:
                (place / members[info].name).write_bytes(member.read(LARGEST + 1))
    return Path(folder)


def wanted_name(path):
    """The exercise that a file's name says. "dz1 (1).py" is dz1, too."""
    name = re.sub(r"( ?\(\d+\)| ?- ?[Cc]op(y|ie))+$", "", path.stem)
    return name if path.suffix == ".py" and name in BY_NAME else None


def is_mine(path):
    return "my_practice" in path.parts[:-1]


def is_stub(name, text):
    """Whether nothing was written, however the lines end."""
    return text.split() == (STUBS / f"{name}.py").read_bytes().split()


def find_files(folder, spare=None):
    """{exercise: its file}, wherever it is below the folder; and the exercises whose solutions were shown.

    Zip files on the way are unpacked into `spare`; a damaged one matters only if nothing else is found. Of several
    files for an exercise one with something written beats a stub; then one in my_practice, the least deep, and one with
    the very name of the exercise.
    """
    files, seen, looked, damage = {}, set(), 0, None
    waiting = [Path(folder)]
    for depth in range(DEEPEST):
        found = [path for place in waiting for path in sorted(place.iterdir())][: MOST_FILES - looked]
        looked += len(found)
        waiting = [path for path in found if path.is_dir() and not path.is_symlink() and path.name[0] not in "._"]
        for i, path in enumerate(found):
            if path.suffix.lower() == ".zip" and spare and path.is_file():
                try:
                    waiting.append(unpacked(path, spare / f"zip{depth}-{i}"))
                except Exception as error:  # zipfile has many kinds
                    damage = error
            if (name := wanted_name(path)) and not path.is_dir():
                files.setdefault(name, []).append((depth, path))
            if path.name == "progress.json":
                with suppress(UserError, ValueError, TypeError, AttributeError, RecursionError):
                    seen |= set(json.loads(read_file(path, LARGEST)).get("seen", {}))
    if damage and not files:
        raise damage

    def rank(name, depth, path):
        nothing = True
        with suppress(UserError):
            nothing = is_stub(name, read_file(path, LARGEST))
        return nothing, not is_mine(path), depth, path.stem != name

    return {name: min(paths, key=lambda p, name=name: rank(name, *p))[1] for name, paths in files.items()}, seen


def mark(path, exercise, seed, memory=MEMORY):
    """A verdict in a few words, with the output that is wrong where there are several; and all that is said of it."""
    try:
        if path is None:
            return "", ""
        if is_stub(exercise.name, read_file(path, LARGEST)):
            return "not written", ""
        if exercise.needs_torch and importlib.util.find_spec("torch") is None:
            return "no PyTorch", ""
        verdict = marker.mark(exercise, path, seed, memory=memory)
        output = verdict.text.partition(":")[0]
        several = output in exercise.gives and len(exercise.gives) > 1
        return f"{output}: {verdict.name}" if several else verdict.name, verdict.text
    except UserError as error:
        return re.sub(r"^cannot read .*?: ", "cannot be read: ", str(error))[:80], ""
    except Exception as error:
        return f"cannot be marked: {type(error).__name__}", ""


def harmless(name):
    """A name that a spreadsheet does not take for a formula, on one line."""
    name = "".join(c if c.isprintable() else "?" for c in name)
    return f"'{name}" if name[:1] in "=+-@" else name
