"""For a teacher: the work of a class as a table, a summary of it, and what the marker says to each person.

FOLDER has a folder or a zip file for each person, with that person's files somewhere in it. Each file runs in a process
of its own, with a limit of time and memory; whatever it contains, the others are marked. That guards against accidents,
not against malice: such a process may do anything that the account running it may do.
"""

import csv
import importlib.util
import os
import re
import sys
import tempfile
import zipfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

from exercises import marker
from exercises.catalogue import BY_NAME, CHAPTERS, find
from exercises.work import Work
from support.errors import UserError
from support.files import read_file

LARGEST = 2**20  # bytes; a larger file is not read
MOST_MEMBERS = 1000  # that are taken out of a zip file


def mark_all(name, seed=0, only=None, feedback=None):
    """Print a row for each person, as soon as it is known: for each exercise a mark in a few words, or nothing.

    only: exercises by name, or `chapter2`, with commas between them. feedback: a folder that gets a file for each
    person, with all that the marker says. A summary goes to stderr.
    """
    people, exercises, rows = people_in(name), chosen(only), []
    if feedback:
        Path(feedback).mkdir(parents=True, exist_ok=True)
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    sys.stdout.write("\ufeff")  # by which spreadsheets know UTF-8
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(["name", *(exercise.name for exercise in exercises), "passed"])
    for person in people:
        with tempfile.TemporaryDirectory(prefix="class", ignore_cleanup_errors=True) as spare:
            try:
                files, seen = find_files(person, spare)
                problem = "" if files else "no exercise found"
            except Exception as error:  # zipfile has many kinds
                why = re.sub("^cannot read .*?: ", "", str(error))  # without the long name of the file
                files, seen, problem = {}, set(), f"cannot be read: {why}"[:80]
            verdicts = [(e, *mark(files.get(e.name), e, seed)) for e in exercises]
        words = ["seen" if word == "passed" and e.name in seen else word for e, word, _ in verdicts]
        rows.append(words)
        table.writerow([harmless(person.name), problem or words[0], *words[1:], words.count("passed")])
        sys.stdout.flush()
        print(f"{harmless(person.name)}: {words.count('passed')} of {len(exercises)}", file=sys.stderr, flush=True)
        if feedback:
            said = [f"{e.name}, {e.title}: {word}\n{text}" for e, word, text in verdicts if word]
            file = Path(feedback) / f"{person.name}.txt"
            file.write_text("\n\n".join(said or [problem]) + "\n", encoding="utf-8")
    print(*summary(exercises, rows), sep="\n", file=sys.stderr)


def people_in(name):
    """The folders and zip files of a folder."""
    people = []
    for path in sorted(Path(name).glob("[!.]*")) if name else ():
        if path.is_dir() or path.suffix.lower() == ".zip":
            people.append(path)
        else:
            print(f"{harmless(path.name)} is left out: it is neither a folder nor a zip file", file=sys.stderr)
    if not people:
        raise UserError("mark needs a folder with a folder or zip file for each person in it: practice.py mark FOLDER")
    return people


def chosen(only):
    """The exercises that --only names, or all."""
    chapters = {f"chapter{i}": chapter for i, chapter in enumerate(CHAPTERS.values(), 1)}
    words = only.split(",") if only else chapters
    return [e for word in words for e in (chapters.get(word) or (find(word),))]


def summary(exercises, rows):
    """For each exercise that somebody has tried, a line: how many did, how many passed, the commonest mistake."""
    yield f"\n{'exercise':20} tried passed  commonest mistake"
    for exercise, marks in zip(exercises, zip(*rows, strict=True), strict=True):
        tried = [word for word in marks if word not in ("", "not written")]
        wrong = Counter(word for word in tried if word not in ("passed", "seen")).most_common(1)
        if tried:
            worst = f"{wrong[0][0]} ({wrong[0][1]})" if wrong else ""
            yield f"{exercise.name:20} {len(tried):5} {tried.count('passed'):6}  {worst}".rstrip()


def find_files(person, spare=None):
    """{exercise: its file}, wherever it is in a folder or zip file; and the exercises whose solutions were shown.

    Zip files, those in the folder too, are unpacked into the folder `spare`. What is damaged matters only if nothing
    else is found. Of several files for an exercise one with something written beats a stub; then one in my_practice,
    the least deep, and one with the very name of the exercise.
    """
    found, seen, problems = {}, set(), []
    places = [unpacked(person, Path(spare, "0")) if person.is_file() else person]
    for place in places:
        for where, folders, names in os.walk(place, onerror=problems.append):
            folders[:] = [name for name in folders if name[0] not in "._"]
            for path in (Path(where, name) for name in names):
                try:
                    if path.suffix.lower() == ".zip" and path.is_file() and spare:
                        places.append(unpacked(path, Path(spare, str(len(places)))))  # the outer loop comes to it
                    elif path.name == "progress.json":
                        seen |= {*Work(path.parent).progress["seen"]}
                    elif name := wanted_name(path):
                        inside = path.relative_to(place).parts
                        rank = "my_practice" not in inside, len(inside), path.stem != name
                        found.setdefault(name, []).append(((not is_written(name, path), *rank), path))
                except Exception as error:
                    problems.append(error)
    if problems and not found:
        raise problems[0]
    return {name: min(ranked)[1] for name, ranked in found.items()}, seen


def unpacked(path, folder):
    """The folder, with what a zip file holds of exercises and progress.json."""
    Path(folder).mkdir(parents=True, exist_ok=True)  # there may be none
    with zipfile.ZipFile(path) as archive:
        wanted = []
        for info in archive.infolist():
            info.filename = info.filename.replace("\\", "/")  # as some programs of Windows write it
            member = Path(info.filename)
            if (wanted_name(member) or member.name == "progress.json") and info.file_size <= LARGEST:
                wanted.append(info)
        archive.extractall(folder, wanted[:MOST_MEMBERS])
    return folder


def wanted_name(path):
    """The exercise that a file's name says. "dz1 (1).py" is dz1, too."""
    name = re.sub(r"( ?\(\d+\)| ?- ?[Cc]op(y|ie))+$", "", path.stem)
    return name if path.suffix == ".py" and name in BY_NAME else None


def is_stub(name, path):
    """Whether nothing was written, however the lines end."""
    return read_file(path, LARGEST).split() == BY_NAME[name].stub.encode().split()


def is_written(name, path):
    """Whether the file can be read, and something was written in it."""
    with suppress(UserError):
        return not is_stub(name, path)
    return False


def mark(path, exercise, seed):
    """A verdict in a few words, with the output that is wrong where there are several; and all that is said of it."""
    if path is None:
        return "", ""
    try:
        if is_stub(exercise.name, path):
            return "not written", ""
        if exercise.needs_torch and importlib.util.find_spec("torch") is None:
            return "no PyTorch", ""
        verdict = marker.mark(exercise, path, seed)
    except UserError as error:  # an earlier file has removed this one, say
        return re.sub("^cannot read .*?: ", "cannot be read: ", str(error))[:80], ""
    except Exception as error:
        return f"cannot be marked: {type(error).__name__}", ""
    output = verdict.text.partition(":")[0]
    several = output in exercise.gives and len(exercise.gives) > 1
    return f"{output}: {verdict.name}" if several else verdict.name, verdict.text


def harmless(name):
    """A name that a spreadsheet does not take for a formula."""
    return f"'{name}" if name[:1] in "=+-@" else name
