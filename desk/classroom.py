"""For a teacher: the work of a class as a table, a summary of it, and what the marker says to each person.

FOLDER has a folder, an archive or a single Python file for each person, with that person's files somewhere in it. Each
file runs in a process of its own, with a limit of time and memory; whatever it contains, the others are marked. Where
bubblewrap works, it runs in a sandbox, without a network and with one hand-in in sight (marker/sandbox.py). Elsewhere
that guards against accidents, not against malice: such a process may do anything that the account running it may do.
"""

import csv
import hashlib
import io
import os
import re
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from threading import Event
from typing import NamedTuple

from desk.archives import (
    CLOSED,
    KEPT,
    LARGEST,
    explain_error,
    find_exercise_name,
    is_archive,
    is_foreign_folder,
    is_python,
    unpack_in_process,
)
from desk.work import Work
from marker import marking, sandbox
from marker.catalogue import can_run
from marker.runner import HOW
from support.budget import HANDED_IN, Budget
from support.errors import UserError
from support.files import atomic_write, check_output, read_file

MOST_ARCHIVES = 20  # that are opened for one person
ELSEWHERE = "it is a link to what was not handed in"
HEADING = "What the marker of practice.py says\n\n"  # the first line of feedback: no other file is replaced


class Cell(NamedTuple):
    """What the table says of one exercise of one person; with nothing in it, that person has no file for it."""

    words: str = ""
    text: str = ""  # what the marker says to that person
    tried: bool = False  # whether something was written
    passed: bool = False
    wrong: bool = False  # whether the words name a mistake


def mark_all(catalogue, class_folder, seed=0, only=None, feedback=None, out_path=None):
    """Mark the work of a class, and write a table: a row for each person, with a mark in a few words for each exercise.

    What could not be read of somebody's work stands in the row's `note`, by its own name; the rest is marked. only:
    exercises by name, or folders of them, `chapter2`, with commas between them. feedback: a folder that gets a file for
    each person, with all that the marker says. out_path: the file that gets the table when all are marked; without one,
    each row is printed as soon as it is known. A summary goes to stderr.
    """
    with open_table(out_path) as file:
        write_table(file, catalogue, class_folder, seed, only, feedback)


@contextmanager
def open_table(out_path):
    """Context: yield a text file for the table, in UTF-8 on any system."""
    if out_path is None:
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
        yield sys.stdout
        return
    check_output("--out", out_path, ".csv")
    with atomic_write(out_path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
        yield text
        text.detach()  # flushed, and `atomic_write` closes the file


def write_table(table_file, catalogue, class_folder, seed, only, feedback):
    """Write the rows of `mark_all` into a text file.

    Raises UserError if the feedback's folder is within the submissions.
    """
    people = list_people(class_folder)
    exercises = choose_exercises(catalogue, only)
    rows = []
    if feedback is not None:
        feedback_folder = Path(feedback).resolve()
        if not str(feedback) or feedback_folder.is_relative_to(Path(class_folder).resolve()):
            raise UserError("--feedback needs a folder outside the hand-ins, because it uses the same names")
        feedback_folder.mkdir(parents=True, exist_ok=True)
    failure = sandbox.find_failure()
    if failure:
        hidden_folders = ()
        sandbox_text = f"No sandbox: {failure}. The files run with your rights."
    else:
        hidden_folders = (Path(class_folder),)
        sandbox_text = "Each file runs in a sandbox (bubblewrap), without a network, and sees only its own hand-in."
    print(sandbox_text, file=sys.stderr, flush=True)
    table_file.write("\ufeff")
    table = csv.writer(table_file, lineterminator="\n")
    table.writerow(["name", "passed", "note", *(exercise.name for exercise in exercises)])
    stop_event = Event()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    pool = ThreadPoolExecutor(cores)  # each thread waits for the process that runs a file
    try:
        results = pool.map(
            lambda person: mark_person(catalogue, person, exercises, seed, stop_event, hidden_folders), people
        )
        for person, (note, cells, passed_over) in zip(people, results, strict=True):
            cells = [cell._replace(words=escape_formula(cell.words)) for cell in cells]
            person_name = escape_formula(person.name)
            n_passed = sum(cell.passed for cell in cells)
            rows.append(cells)
            table.writerow([person_name, n_passed, escape_formula(note), *(cell.words for cell in cells)])
            table_file.flush()
            remark = f" ({escape_formula(join_names(passed_over))}: not the name of an exercise)" if passed_over else ""
            print(f"{person_name}: {n_passed} of {len(exercises)}{remark}", file=sys.stderr, flush=True)
            if feedback:
                texts = []
                for exercise, cell in zip(exercises, cells, strict=True):
                    if cell.words:
                        texts.append(f"{exercise.name}, {exercise.title}: {cell.words}\n{cell.text}")
                if note:
                    texts.append(note)
                give_feedback(feedback, person.name, "\n\n".join(texts))
    finally:
        stop_event.set()
        pool.shutdown(cancel_futures=True)
    print(*iter_summary_lines(exercises, rows), sep="\n", file=sys.stderr)


def mark_person(catalogue, person, exercises, seed, stop_event, hidden_folders=()):
    """Mark the files of a person. Return (a note on what could not be read or marked, or ""; a `Cell` for each
    exercise; the names of files that belong to no exercise)."""
    with tempfile.TemporaryDirectory(prefix="class", ignore_cleanup_errors=True) as unpack_folder:
        files, shown_solutions, passed_over, reasons, choices = collect_hand_in(catalogue, person, unpack_folder)
        reason_by_exercise = {
            find_exercise_name(catalogue.by_name, PurePosixPath(name)): reason for name, reason in reasons.items()
        }
        notes = []
        cells = []
        if reasons:
            notes.append(f"cannot be read: {join_names([f'{name} ({reason})' for name, reason in reasons.items()])}")
        elif not files:
            notes.append("no exercise found")
        for exercise in exercises:
            cell = (
                Cell()
                if stop_event.is_set()
                else mark_file_as_cell(files.get(exercise.name), exercise, seed, hidden_folders)
            )
            if exercise.name in reason_by_exercise and exercise.name not in files:
                cell = Cell("cannot be read", reason_by_exercise[exercise.name], tried=True)
            if cell.passed and exercise.name in shown_solutions:
                cell = cell._replace(words="seen", passed=False)
            if exercise.name in choices and not stop_event.is_set():
                notes.append(choices[exercise.name])
            cells.append(cell)
    return "; ".join(notes), cells, passed_over


def give_feedback(feedback_folder, person_name, text):
    """Write a file with this text for a person. If it cannot be written, a line on stderr says so."""
    whole = os.fsencode(person_name)
    short = person_name
    if len(whole) > 200:  # a file's name may have 255 bytes; the digest keeps apart two names that begin alike
        short = f"{whole[:180].decode(errors='ignore')} {hashlib.sha256(whole).hexdigest()[:8]}"
    path = Path(feedback_folder) / f"{short}.txt"
    try:
        if path.is_symlink() or (path.is_file() and not read_file(path, LARGEST).startswith(HEADING.encode())):
            raise UserError(f"{path.name} exists already, and is not feedback from the marker")
        with atomic_write(path) as file:
            file.write(f"{HEADING}{text}\n".encode(errors="replace"))
    except (OSError, UserError) as error:
        print(
            f"{escape_formula(person_name)}: no feedback: {getattr(error, 'strerror', None) or error}", file=sys.stderr
        )


def join_names(names):
    """Return some of these names, joined on one line."""
    shown_names = sorted(names)[:3]
    if len(names) > 3:
        shown_names.append(f"{len(names) - 3} more")
    return ", ".join(shown_names)


def list_people(class_folder):
    """Return the submissions in a folder: its subfolders, archives and Python files.

    Raises UserError if there is none.
    """
    people = []
    for path in sorted(Path(class_folder).glob("[!.]*")) if class_folder else ():
        if path.is_dir() or is_archive(path) or is_python(path) or path.name.lower().endswith(CLOSED):
            people.append(path)
        else:
            print(
                f"{escape_formula(path.name)} is left out: it is not a folder, an archive or a Python file",
                file=sys.stderr,
            )
    if not people:
        raise UserError("mark needs a folder with a folder or an archive for each person: practice.py mark FOLDER")
    return people


def choose_exercises(catalogue, only):
    """Return the exercises that --only names, or all."""
    exercises = []
    words = only.split(",") if only else ()
    for word in words:
        exercises += catalogue.by_folder.get(word) or (catalogue.find_exercise(word),)
    return exercises or catalogue.exercises


def iter_summary_lines(exercises, rows):
    """Yield a line for each exercise that somebody has tried: how many did, how many passed, the commonest mistake."""
    yield f"\n{'exercise':20} tried passed  commonest mistake"
    for exercise, cells in zip(exercises, zip(*rows, strict=True), strict=True):
        n_tried = sum(cell.tried for cell in cells)
        n_passed = sum(cell.passed for cell in cells)
        mistakes = Counter(cell.words for cell in cells if cell.wrong)
        if n_tried:
            commonest = "".join(f"{words} ({count})" for words, count in mistakes.most_common(1))
            yield f"{exercise.name:20} {n_tried:5} {n_passed:6}  {commonest}".rstrip()


def collect_hand_in(catalogue, person, unpack_folder=None):
    """Find a person's files in a folder or archive. Return ({exercise: its file}; the exercises whose solutions were
    shown; the names of Python files that belong to no exercise; {what cannot be read, by its name in the hand-in: why};
    {exercise with several files that differ: a note that says which of them is marked}).

    Archives, those in the folder or in an archive too, are unpacked into `unpack_folder`. A link that leads out of the
    folder is not followed: nothing there was handed in. Of several files for an exercise one with something written
    beats a stub; then one in my_practice, one with the very name of the exercise, and the least deep.
    """
    if person.is_symlink():
        return {}, set(), [], {person.name: ELSEWHERE}, {}
    candidates = {}
    shown_solutions = set()
    passed_over = []
    reasons = {}
    places = []
    labels = {}
    budget = Budget(HANDED_IN)

    def look_into(archive):
        places.append(Path(unpack_folder, str(len(places))))  # the loop below comes to it
        reasons.update(unpack_in_process(catalogue.by_name, archive, places[-1], budget))

    if person.is_dir() or is_python(person):
        places.append(person)
    else:
        look_into(person)
    for place in places:
        tree = os.walk(place, onerror=lambda error: reasons.update({Path(error.filename).name: explain_error(error)}))
        if not place.is_dir():
            tree = [(place.parent, [], [place.name])]
        for root, folders, names in tree:
            folders[:] = [name for name in folders if not is_foreign_folder(name, siblings=names)]
            for path in (Path(root, name) for name in names if not name.startswith("._")):
                try:
                    if not path.resolve().is_relative_to((place if place.is_dir() else place.parent).resolve()):
                        raise UserError(ELSEWHERE)
                    name = find_exercise_name(catalogue.by_name, path)
                    if is_archive(path) and path.is_file() and unpack_folder:
                        if len(places) >= MOST_ARCHIVES:
                            raise UserError(f"it is one of more than {MOST_ARCHIVES} archives")
                        look_into(path)
                    elif path.name == "progress.json":
                        shown_solutions |= {*Work(path.parent, catalogue).progress["seen"]}
                    elif name:
                        parts = path.parts[len(place.parts) :]
                        rank = "my_practice" not in parts, path.name != f"{name}.py", len(parts)
                        candidates.setdefault(name, []).append(
                            ((not is_written(catalogue.by_name[name], path), *rank), path)
                        )
                        if unpack_folder and place.is_relative_to(unpack_folder):
                            parts = parts[1:]  # the first is the folder that `unpack_in_process` has made
                        labels[path] = "/".join(parts) or path.name
                    elif is_python(path) and "practice.py" not in names and not KEPT.search(path.stem):
                        passed_over.append(path.name)
                except Exception as error:
                    reasons[path.name] = explain_error(error, path)
    files = {name: min(ranked_paths)[1] for name, ranked_paths in candidates.items()}
    choices = {}
    for name, ranked_paths in candidates.items():
        count = count_versions([path for (is_empty, *_), path in ranked_paths if not is_empty])
        if count > 1:
            choices[name] = f"{name}: there are {count} different files, and {labels[files[name]]} was marked"
    return files, shown_solutions, passed_over, reasons, choices


def count_versions(paths):
    """Return how many of these files differ, however their lines end."""
    return len({tuple(read_file(path, LARGEST).splitlines()) for path in paths})


def is_stub(exercise, learner_path):
    """Return True if nothing was written.

    Line ends do not count, nor the line that says how the file is marked, nor the wording of docstrings, which may be
    that of an earlier version.
    """
    lines = read_file(learner_path, LARGEST).splitlines()
    learner_lines = b"\n".join(line for line in lines if not line.startswith(HOW.encode()))
    return remove_docstrings(learner_lines).split() == remove_docstrings(exercise.stub.encode()).split()


def remove_docstrings(code):
    """Return code without what is in triple quotes. (It is not parsed: a hand-in may be anything.)"""
    return re.sub(rb'""".*?"""', b"", code, flags=re.DOTALL)


def is_written(exercise, learner_path):
    """Return True if the file can be read, and something was written in it."""
    with suppress(UserError):
        return not is_stub(exercise, learner_path)
    return False


def mark_file_as_cell(learner_path, exercise, seed, hidden_folders=()):
    """Mark a file, and return its `Cell`: the verdict in a few words, with the output that is wrong of several."""
    if learner_path is None:
        return Cell()
    try:
        if is_stub(exercise, learner_path):
            return Cell("not written")
        if not can_run(exercise):
            return Cell("no PyTorch", tried=True)
        verdict = marking.mark(exercise, learner_path, seed, hidden_folders=hidden_folders)
    except UserError as error:  # an earlier file has removed this one, say
        return Cell(f"cannot be read: {explain_error(error, learner_path)}"[:80], tried=True)
    except Exception as error:
        return Cell(f"cannot be marked: {type(error).__name__}", tried=True)
    output = verdict.text.partition(":")[0]
    several = output in exercise.gives and len(exercise.gives) > 1
    words = f"{output}: {verdict.summary}" if several else verdict.summary
    return Cell(words, verdict.text, verdict.name != "not written", verdict.passed, not verdict.passed)


def escape_formula(text):
    """Return a text that a spreadsheet does not take for a formula, without what moves a terminal's cursor."""
    printable_name = "".join(letter if letter.isprintable() else "?" for letter in text)
    return f"'{printable_name}" if printable_name.startswith(("=", "+", "-", "@")) else printable_name
