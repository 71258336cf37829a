"""For teachers: marks the work of a class, and writes a table, a summary and feedback for each person.

FOLDER has a folder, an archive or a single Python file for each person, with that person's files somewhere in it. Each
file runs in a separate process, with limits of time and memory. Whatever it contains, the other files are marked, too.
Where bubblewrap works, the process runs in a sandbox without a network, and sees only its own submission
(marker/sandbox.py). Elsewhere there is protection against accidents, but not against malice: the process may do
anything that the teacher's account may do.
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
    MAX_FILE_BYTES,
    OLD_VERSION_PATTERN,
    UNSUPPORTED_SUFFIXES,
    explain_error,
    find_exercise_name,
    has_archive_suffix,
    is_foreign_folder,
    is_python,
    unpack_in_subprocess,
)
from desk.work import Work
from marker import marking, sandbox
from marker.catalogue import can_run
from support.budget import MAX_SUBMISSION_BYTES, Budget
from support.errors import UserError
from support.files import atomic_write, check_output, read_file

MAX_ARCHIVES = 20  # archives and folders that are opened for one person
OUTSIDE_LINK_MESSAGE = "it is a link to what was not handed in"
FEEDBACK_HEADING = "What the marker of practice.py says\n\n"  # only files that begin with it are replaced


class ExerciseResult(NamedTuple):
    """The result of one exercise of one person. It is empty if the person has no file for the exercise."""

    words: str = ""  # the result in a few words, for the table
    text: str = ""  # the marker's feedback to the person
    tried: bool = False  # True if the person has written something
    passed: bool = False
    wrong: bool = False  # True if `words` names a mistake


class Submission(NamedTuple):
    """What a person has handed in."""

    files: dict  # {name of an exercise: path of its file}
    shown_solutions: set  # the names of the exercises whose solutions were shown
    ignored_names: list  # the names of Python files that belong to no exercise
    reasons: dict  # {name of a file that cannot be read: reason}
    choices: dict  # {name of an exercise with several different files: note that says which one is marked}


class MarkedSubmission(NamedTuple):
    """The results of a person's submission."""

    note: str  # which files could not be read or marked, or ""
    results: list  # an `ExerciseResult` for each exercise
    ignored_names: list  # the names of Python files that belong to no exercise


def mark_all(catalogue, class_folder, seed=0, only=None, feedback_folder=None, out_path=None):
    """Mark the work of a class, and write a table with a row for each person and a column for each exercise.

    Files that cannot be read are named in the column `note` of their row, and all others are marked. A summary goes to
    stderr. class_folder: has the work of each person. only: the exercises, as names or folders such as `chapter2`,
    separated by commas; None for all. feedback_folder: a folder that gets a file for each person with the marker's
    texts, or None. out_path: the table's file, written when all work is marked; None to print each row as soon as it is
    known.
    """
    with open_table(out_path) as file:
        mark_all_into_table(file, catalogue, class_folder, seed, only, feedback_folder)


@contextmanager
def open_table(out_path):
    """Context manager: yield a text file for the table, in UTF-8 on any system. out_path: None for stdout."""
    if out_path is None:
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
        yield sys.stdout
        return
    check_output("--out", out_path, ".csv")
    with atomic_write(out_path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
        yield text
        text.detach()  # flushes; `atomic_write` closes the file


def mark_all_into_table(table_file, catalogue, class_folder, seed, only, feedback_folder):
    """Do the work of `mark_all`, and write the table to the open text file `table_file`.

    For the other arguments, see `mark_all`. Raises UserError if the folder for feedback is within `class_folder`.
    """
    people = list_people(class_folder)
    exercises = choose_exercises(catalogue, only)
    rows = []
    if feedback_folder is not None:
        resolved_folder = Path(feedback_folder).resolve()
        if not str(feedback_folder) or resolved_folder.is_relative_to(Path(class_folder).resolve()):
            raise UserError("--feedback needs a folder outside the hand-ins, because it uses the same names")
        resolved_folder.mkdir(parents=True, exist_ok=True)
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
        marked_submissions = pool.map(
            lambda person: mark_submission(catalogue, person, exercises, seed, stop_event, hidden_folders),
            people,
        )
        for person, marked in zip(people, marked_submissions, strict=True):
            results = [result._replace(words=escape_spreadsheet_cell(result.words)) for result in marked.results]
            person_name = escape_spreadsheet_cell(person.name)
            n_passed = sum(result.passed for result in results)
            rows.append(results)
            note = escape_spreadsheet_cell(marked.note)
            table.writerow([person_name, n_passed, note, *(result.words for result in results)])
            table_file.flush()
            remark = ""
            if marked.ignored_names:
                names = escape_spreadsheet_cell(join_first_three(marked.ignored_names))
                remark = f" ({names}: not the name of an exercise)"
            print(f"{person_name}: {n_passed} of {len(exercises)}{remark}", file=sys.stderr, flush=True)
            if feedback_folder:
                texts = []
                for exercise, result in zip(exercises, results, strict=True):
                    if result.words:
                        texts.append(f"{exercise.name}, {exercise.title}: {result.words}\n{result.text}")
                if marked.note:
                    texts.append(marked.note)
                give_feedback(feedback_folder, person.name, "\n\n".join(texts))
    finally:
        stop_event.set()
        pool.shutdown(cancel_futures=True)
    print(*iter_summary_lines(exercises, rows), sep="\n", file=sys.stderr)


def mark_submission(catalogue, submission_path, exercises, seed, stop_event, hidden_folders=()):
    """Mark the files of a person, and return the `MarkedSubmission`.

    stop_event: once it is set, no more files are marked. hidden_folders: folders that the files must not see in the
    sandbox.
    """
    with tempfile.TemporaryDirectory(prefix="class", ignore_cleanup_errors=True) as unpack_folder:
        submission = read_submission(catalogue, submission_path, unpack_folder)
        reason_by_exercise = {}
        for name, reason in submission.reasons.items():
            reason_by_exercise[find_exercise_name(catalogue.by_name, PurePosixPath(name))] = reason
        notes = []
        results = []
        if submission.reasons:
            unread = [f"{name} ({reason})" for name, reason in submission.reasons.items()]
            notes.append(f"cannot be read: {join_first_three(unread)}")
        elif not submission.files:
            notes.append("no exercise found")
        for exercise in exercises:
            path = submission.files.get(exercise.name)
            result = ExerciseResult()
            if path and not stop_event.is_set():
                result = mark_exercise_file(path, exercise, seed, hidden_folders)
            if exercise.name in reason_by_exercise and not path:
                result = ExerciseResult("cannot be read", reason_by_exercise[exercise.name], tried=True)
            if result.passed and exercise.name in submission.shown_solutions:
                result = result._replace(words="seen", passed=False)
            if exercise.name in submission.choices and not stop_event.is_set():
                notes.append(submission.choices[exercise.name])
            results.append(result)
    return MarkedSubmission("; ".join(notes), results, submission.ignored_names)


def give_feedback(feedback_folder, person_name, text):
    """Write a feedback file with this text for a person. If that fails, print a line instead of raising UserError."""
    whole = os.fsencode(person_name)
    short = person_name
    if len(whole) > 200:  # a file's name may have 255 bytes; the digest distinguishes names with the same beginning
        short = f"{whole[:180].decode(errors='ignore')} {hashlib.sha256(whole).hexdigest()[:8]}"
    path = Path(feedback_folder) / f"{short}.txt"
    try:
        if path.is_symlink() or (
            path.is_file() and not read_file(path, MAX_FILE_BYTES).startswith(FEEDBACK_HEADING.encode())
        ):
            raise UserError(f"{path.name} exists already, and is not feedback from the marker")
        with atomic_write(path) as file:
            file.write(f"{FEEDBACK_HEADING}{text}\n".encode(errors="replace"))
    except (OSError, UserError) as error:
        print(
            f"{escape_spreadsheet_cell(person_name)}: no feedback: {getattr(error, 'strerror', None) or error}",
            file=sys.stderr,
        )


def join_first_three(names):
    """Return the first three of these names in one line, and how many more there are."""
    shown_names = sorted(names)[:3]
    if len(names) > 3:
        shown_names.append(f"{len(names) - 3} more")
    return ", ".join(shown_names)


def list_people(class_folder):
    """Return the paths of the submissions in a folder: its subfolders, archives and Python files.

    Files of other kinds are reported on stderr. Raises UserError if there is no submission.
    """
    people = []
    for path in sorted(Path(class_folder).glob("[!.]*")) if class_folder else ():
        if (
            path.is_dir()
            or has_archive_suffix(path)
            or is_python(path)
            or path.name.lower().endswith(UNSUPPORTED_SUFFIXES)
        ):
            people.append(path)
        else:
            print(
                f"{escape_spreadsheet_cell(path.name)} is left out: it is not a folder, an archive or a Python file",
                file=sys.stderr,
            )
    if not people:
        raise UserError("mark needs a folder with a folder or an archive for each person: practice.py mark FOLDER")
    return people


def choose_exercises(catalogue, only):
    """Return the exercises that `only`, the value of --only, names, or all if it is None or empty."""
    exercises = []
    words = only.split(",") if only else ()
    for word in words:
        exercises += catalogue.exercises_by_folder.get(word) or (catalogue.get_exercise(word),)
    return exercises or catalogue.exercises


def iter_summary_lines(exercises, rows):
    """Yield the lines of the summary: for each exercise that was tried, how often, passes, and the commonest mistake.

    rows: for each person, the list of `ExerciseResult`s.
    """
    yield f"\n{'exercise':20} tried passed  commonest mistake"
    for exercise, results in zip(exercises, zip(*rows, strict=True), strict=True):
        n_tried = sum(result.tried for result in results)
        n_passed = sum(result.passed for result in results)
        mistakes = Counter(result.words for result in results if result.wrong)
        if n_tried:
            commonest = "".join(f"{words} ({count})" for words, count in mistakes.most_common(1))
            yield f"{exercise.name:20} {n_tried:5} {n_passed:6}  {commonest}".rstrip()


def read_submission(catalogue, submission_path, unpack_folder=None):
    """Find a person's files in a folder or archive, and return the `Submission`.

    A file that cannot be read raises nothing.

    Archives, also those within folders and archives, are unpacked into `unpack_folder`. A link that leads out of the
    folder is not followed, because its target was not handed in. If there are several files for an exercise, the order
    of preference is: files other than the stub, files in my_practice, files with exactly the exercise's name, and files
    in the fewest folders.
    """
    if submission_path.is_symlink():
        return Submission({}, set(), [], {submission_path.name: OUTSIDE_LINK_MESSAGE}, {})
    candidates = {}
    shown_solutions = set()
    ignored_names = []
    reasons = {}
    places = []
    labels = {}
    budget = Budget(MAX_SUBMISSION_BYTES)

    def unpack_and_queue_folder(archive_path):
        places.append(Path(unpack_folder, str(len(places))))  # the loop below will look into it
        reasons.update(unpack_in_subprocess(catalogue.by_name, archive_path, places[-1], budget))

    if submission_path.is_dir() or is_python(submission_path):
        places.append(submission_path)
    else:
        unpack_and_queue_folder(submission_path)
    for place in places:
        tree = os.walk(place, onerror=lambda error: reasons.update({Path(error.filename).name: explain_error(error)}))
        if not place.is_dir():
            tree = [(place.parent, [], [place.name])]
        for root, folders, names in tree:
            folders[:] = [name for name in folders if not is_foreign_folder(name, sibling_names=names)]
            for path in (Path(root, name) for name in names if not name.startswith("._")):
                try:
                    if not path.resolve().is_relative_to((place if place.is_dir() else place.parent).resolve()):
                        raise UserError(OUTSIDE_LINK_MESSAGE)
                    name = find_exercise_name(catalogue.by_name, path)
                    if has_archive_suffix(path) and path.is_file() and unpack_folder:
                        if len(places) >= MAX_ARCHIVES:
                            raise UserError(f"it is one of more than {MAX_ARCHIVES} archives")
                        unpack_and_queue_folder(path)
                    elif path.name == "progress.json":
                        shown_solutions |= {*Work(path.parent, catalogue).progress["seen"]}
                    elif name:
                        parts = path.parts[len(place.parts) :]
                        rank = "my_practice" not in parts, path.name != f"{name}.py", len(parts)
                        candidates.setdefault(name, []).append(
                            ((not is_written(catalogue.by_name[name], path), *rank), path)
                        )
                        if unpack_folder and place.is_relative_to(unpack_folder):
                            parts = parts[1:]  # without the folder that `unpack_in_subprocess` made
                        labels[path] = "/".join(parts) or path.name
                    elif is_python(path) and "practice.py" not in names and not OLD_VERSION_PATTERN.search(path.stem):
                        ignored_names.append(path.name)
                except Exception as error:
                    reasons[path.name] = explain_error(error, path)
    files = {name: min(ranked_paths)[1] for name, ranked_paths in candidates.items()}
    choices = {}
    for name, ranked_paths in candidates.items():
        count = count_versions([path for (is_empty, *_), path in ranked_paths if not is_empty])
        if count > 1:
            choices[name] = f"{name}: there are {count} different files, and {labels[files[name]]} was marked"
    return Submission(files, shown_solutions, ignored_names, reasons, choices)


def count_versions(paths):
    """Return the number of different contents among these files. Line endings do not count."""
    return len({tuple(read_file(path, MAX_FILE_BYTES).splitlines()) for path in paths})


def is_stub(exercise, learner_path):
    """Return True if a learner's file is still the exercise's stub.

    Docstrings, comments and spaces are ignored. They may be those of an earlier version of the stub.
    """
    return remove_prose(read_file(learner_path, MAX_FILE_BYTES)).split() == remove_prose(exercise.stub.encode()).split()


def remove_prose(code_bytes):
    """Return Python code without text in triple quotes, and without comments.

    It is not parsed, because a submission may be invalid code.
    """
    code_bytes = re.sub(rb'""".*?"""', b"", code_bytes, flags=re.DOTALL)
    return re.sub(rb"#.*", b"", code_bytes)


def is_written(exercise, learner_path):
    """Return True if a learner's file can be read and is not the stub any more."""
    with suppress(UserError):
        return not is_stub(exercise, learner_path)
    return False


def mark_exercise_file(learner_path, exercise, seed, hidden_folders=()):
    """Mark a learner's file, and return the `ExerciseResult`.

    If the exercise has several outputs, `words` names the one that is wrong. hidden_folders: see `mark_submission`.
    """
    try:
        if is_stub(exercise, learner_path):
            return ExerciseResult("not written")
        if not can_run(exercise):
            return ExerciseResult("no PyTorch", tried=True)
        verdict = marking.mark(exercise, learner_path, seed, hidden_folders=hidden_folders)
    except UserError as error:  # for example, a file that ran earlier has removed this one
        return ExerciseResult(f"cannot be read: {explain_error(error, learner_path)}"[:80], tried=True)
    except Exception as error:
        return ExerciseResult(f"cannot be marked: {type(error).__name__}", tried=True)
    output = verdict.text.partition(":")[0]
    several = output in exercise.gives and len(exercise.gives) > 1
    words = f"{output}: {verdict.summary}" if several else verdict.summary
    return ExerciseResult(words, verdict.text, verdict.name != "not written", verdict.passed, not verdict.passed)


def escape_spreadsheet_cell(text):
    """Return a text that is safe in a spreadsheet and on a terminal.

    A text that a spreadsheet would take for a formula gets a ' in front. Unprintable characters become "?".
    """
    printable_name = "".join(letter if letter.isprintable() else "?" for letter in text)
    return f"'{printable_name}" if printable_name.startswith(("=", "+", "-", "@")) else printable_name
