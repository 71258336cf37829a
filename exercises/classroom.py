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
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event

from exercises import marker
from exercises.catalogue import BY_NAME, CHAPTERS, find
from exercises.work import Work
from support.errors import UserError
from support.files import read_file, replacing

LARGEST = 2**20  # bytes; a larger file is not read
MOST_MEMBERS = 1000  # that are taken out of a zip file
MOST_ZIPS = 20  # that are opened for one person
LARGEST_ZIP = 2**24  # bytes of a zip file within another
# Folders of this repository, which may be handed in whole, and of installed libraries: nobody's work is there.
NOBODYS = {"exercises", "lab", "page", "support", "tests"}, {"site-packages", "node_modules"}


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
    table.writerow(["name", "passed", *(exercise.name for exercise in exercises)])
    ended, cores = Event(), len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    pool = ThreadPoolExecutor(cores)  # each thread waits for the process that runs a file
    try:
        marked = pool.map(lambda person: mark_person(person, exercises, seed, ended), people)
        for person, (problem, verdicts, passed_over) in zip(people, marked, strict=True):
            who, words = harmless(person.name), [word for word, _ in verdicts]
            rows.append(words)
            table.writerow([who, words.count("passed"), problem or words[0], *words[1:]])
            sys.stdout.flush()
            note = f" ({listed(passed_over)}: no exercise's name)" if passed_over else ""
            print(f"{who}: {words.count('passed')} of {len(exercises)}{note}", file=sys.stderr, flush=True)
            if feedback:
                said = zip(exercises, verdicts, strict=True)
                said = [f"{e.name}, {e.title}: {word}\n{text}" for e, (word, text) in said if word]
                give_feedback(feedback, person.name, "\n\n".join(said or [problem]))
    finally:
        ended.set()
        pool.shutdown(cancel_futures=True)
    print(*summary(exercises, rows), sep="\n", file=sys.stderr)


def mark_person(person, exercises, seed, ended):
    """What is wrong with all of a person's work, or ""; a mark and a text for each exercise; the files passed over."""
    with tempfile.TemporaryDirectory(prefix="class", ignore_cleanup_errors=True) as spare:
        problem, files, seen, passed_over = "", {}, set(), []
        try:
            files, seen, passed_over = find_files(person, spare)
            if not files:
                problem = "no exercise found"
        except Exception as error:  # zipfile has many kinds
            why = re.sub("^cannot read .*?: ", "", str(error))  # without the long name of the file
            problem = f"cannot be read: {why}"[:80]
        verdicts = []
        for exercise in exercises:
            word, text = ("", "") if ended.is_set() else in_words(files.get(exercise.name), exercise, seed)
            verdicts.append(("seen" if word == "passed" and exercise.name in seen else word, text))
    return problem, verdicts, passed_over


def give_feedback(folder, name, text):
    """A file with this text for that person. If it cannot be written, a line on stderr says so."""
    short = name.encode(errors="replace")[:200].decode(errors="ignore")  # a file's name may have 255 bytes
    try:
        with replacing(Path(folder) / f"{short}.txt") as file:
            file.write(f"{text}\n".encode(errors="replace"))
    except (OSError, UserError) as error:
        print(f"{harmless(name)}: no feedback: {getattr(error, 'strerror', None) or error}", file=sys.stderr)


def listed(names):
    """Some of these names, on one line."""
    return ", ".join([*sorted(names)[:3], *[f"{len(names) - 3} more"] * (len(names) > 3)])


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
    """{exercise: its file}, wherever it is in a folder or zip file; the exercises whose solutions were shown; and the
    names of Python files that belong to no exercise.

    Zip files, those in the folder or in a zip file too, are unpacked into the folder `spare`. What is damaged matters
    only if nothing else is found. Of several files for an exercise one with something written beats a stub; then one in
    my_practice, one with the very name of the exercise, and the least deep.
    """
    found, seen, passed_over, problems = {}, set(), [], []
    places = [unpacked(person, Path(spare, "0")) if person.is_file() else person]
    for place in places:
        for where, folders, names in os.walk(place, onerror=problems.append):
            ours, libraries = NOBODYS
            skipped = libraries | (ours if "practice.py" in names else set())
            folders[:] = [name for name in folders if name[0] not in "._" and name not in skipped]
            for path in (Path(where, name) for name in names):
                try:
                    if path.suffix.lower() == ".zip" and path.is_file() and spare and len(places) < MOST_ZIPS:
                        places.append(unpacked(path, Path(spare, str(len(places)))))  # the outer loop comes to it
                    elif path.name == "progress.json":
                        seen |= {*Work(path.parent).progress["seen"]}
                    elif name := wanted_name(path):
                        inside = path.relative_to(place).parts
                        rank = "my_practice" not in inside, path.name != f"{name}.py", len(inside)
                        found.setdefault(name, []).append(((not is_written(name, path), *rank), path))
                    elif is_python(path) and "practice.py" not in names and not KEPT.search(path.stem):
                        passed_over.append(path.name)
                except Exception as error:
                    problems.append(error)
    if problems and not found:
        raise problems[0]
    return {name: min(ranked)[1] for name, ranked in found.items()}, seen, passed_over


def unpacked(path, folder):
    """The folder, with what a zip file holds of Python files, zip files and progress.json."""
    Path(folder).mkdir(parents=True, exist_ok=True)  # there may be none
    with zipfile.ZipFile(path) as archive:
        wanted = []
        for info in archive.infolist():
            info.filename = info.filename.replace("\\", "/")  # as some programs of Windows write it
            member = Path(info.filename)
            is_zip = member.suffix.lower() == ".zip"
            small = info.file_size <= (LARGEST_ZIP if is_zip else LARGEST)
            if small and (is_python(member) or is_zip or member.name == "progress.json"):
                wanted.append((wanted_name(member) is None, len(wanted), info))
        archive.extractall(folder, [info for *_, info in sorted(wanted)[:MOST_MEMBERS]])
    return folder


KEPT = re.compile(r"\.\d+$")  # dz1.1.py is what practice.py kept of an earlier dz1.py


def is_python(path):
    """Whether a file's name says that it is Python, though a mail program may have added .txt."""
    return path.name.lower().removesuffix(".txt").endswith(".py")


def wanted_name(path):
    """The exercise that a file's name says, or None.

    What people and platforms add is passed over: "dz1 (1).py", "dz1 - Kopie.py", "dz1-1.py", "dz1_ada.py",
    "ada_123_456_dz1.py" and "dz1.py.txt" are dz1, too. A name that says two exercises says none.
    """
    if not is_python(path):
        return None
    stem = path.name.lower().removesuffix(".txt").removesuffix(".py")
    if KEPT.search(stem):
        return None
    named = [name for name in BY_NAME if re.search(rf"(?<![a-z0-9]){name.lower()}(?![a-z0-9])", stem)]
    named = [name for name in named if not any(name.lower() in other.lower() for other in named if other != name)]
    return named[0] if len(named) == 1 else None


def is_stub(name, path):
    """Whether nothing was written, however the lines end."""
    return read_file(path, LARGEST).split() == BY_NAME[name].stub.encode().split()


def is_written(name, path):
    """Whether the file can be read, and something was written in it."""
    with suppress(UserError):
        return not is_stub(name, path)
    return False


def in_words(path, exercise, seed):
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
