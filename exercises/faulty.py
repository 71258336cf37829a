"""Make a copy of the project that has a fault of exercises/faults.py, and judge what a learner says about it."""

import hashlib
import json
import os
import re
import shutil
from itertools import chain, count
from pathlib import Path

from exercises.faults import FAULTS, SUSPECTS, find_fault_line, insert_fault
from support.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
FAULTS_FILE = ROOT / "exercises" / "faults.json"  # from lab/faults.py: what the steps of docs/debugging.md report
FILE_PATTERNS = (
    "*.py",
    "requirements*.txt",
    "requirements/*.txt",
    *(f"{room}/**/*.*" for room in ("loading", "support", "views", "lab", "exercises", "marker", "desk")),
)
DATASET_FOLDERS = ("datasets/mnist", "datasets/names")
N_STEPS = 1100  # more than an epoch of each run, so that a fault shows that begins in the second epoch
FAULT_DIGEST_FILE = ".fault"  # names the fault by a digest, so that nobody reads it by chance
FOUND_MARKER_FILE = ".found"  # an empty file, written once the fault is found
USAGE_EXAMPLE = "an example: fault mlp_np.py:61 gradient"


def hash_name(name):
    """Return the SHA-256 digest of the fault `name`, as hex."""
    return hashlib.sha256(f"fault {name}".encode()).hexdigest()


def copy_project_with_fault(folder, name):
    """Copy the project into `folder`, with the fault `name`. An earlier copy there is renamed to a numbered folder.

    Raises UserError if the folder is not such a copy.
    """
    if folder.exists():
        if not (folder / FAULT_DIGEST_FILE).exists():
            raise UserError(f"{folder} contains something else: rename it, and run this again")
        numbered_folders = (folder.with_name(f"{folder.name}.{i}") for i in count(1))
        folder.rename(next(path for path in numbered_folders if not path.exists()))
    fault = FAULTS[name]
    for path in sorted(set(chain.from_iterable(ROOT.glob(pattern) for pattern in FILE_PATTERNS))):
        if path.is_file() and "__pycache__" not in path.parts and path != FAULTS_FILE:
            copy = folder / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if path == ROOT / fault.file:
                copy.write_text(insert_fault(path.read_text(encoding="utf-8"), fault), encoding="utf-8")
            else:
                shutil.copyfile(path, copy)
    for path in chain.from_iterable((ROOT / room).iterdir() for room in DATASET_FOLDERS):
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, copy)  # a hard link, because the data take 11 MB
        except OSError:  # this drive has no hard links
            shutil.copyfile(path, copy)
    for path in (folder / "exercises" / "faults.py", folder / "exercises" / "faulty.py"):
        path.unlink()  # they would give the fault away
    (folder / FAULT_DIGEST_FILE).write_text(hash_name(name), encoding="utf-8")


def read_planted_fault(folder):
    """Return the name of the fault in the copy in `folder`, or None if the folder is no such copy."""
    try:
        secret = (folder / FAULT_DIGEST_FILE).read_text(encoding="utf-8")
    except OSError:
        return None
    return next((name for name in FAULTS if hash_name(name) == secret), None)


def is_found(folder):
    """Return whether the fault of the copy in `folder` has been found."""
    return (folder / FOUND_MARKER_FILE).exists()


def note_found(folder):
    """Record in `folder` that the fault of the copy has been found."""
    (folder / FOUND_MARKER_FILE).touch()


def make_training_command(fault_name):
    """Return the command of a training run that shows the fault, as it is typed in the copy."""
    return f"python main_np.py --steps {N_STEPS} {FAULTS[fault_name].options}".rstrip()


def parse_place(folder, place):
    """Return (file, line) for the text FILE:LINE, with the file relative to `folder`, such as ("lab/prove.py", 7).

    folder: the copy of the project. FILE may be relative to the copy, to the folder above it or to the working
    directory, or absolute. It may also name a file of this project in place of its copy, and ".py" may be missing.
    Raises UserError for anything else.
    """
    name, _, line = place.rpartition(":")
    if not name or not line.isdecimal():
        raise UserError(f"{place} does not name a file and a line: {USAGE_EXAMPLE}")
    path = Path(name) if Path(name).suffix else Path(f"{name}.py")
    folder = folder.resolve()
    for base in (folder, folder.parent, Path.cwd()):
        for project in (folder, ROOT):
            absolute = (base / path).resolve()
            if absolute.is_relative_to(project) and (folder / absolute.relative_to(project)).is_file():
                return absolute.relative_to(project).as_posix(), int(line)
    raise UserError(f"{name} is not a file of the copy in {folder}: {USAGE_EXAMPLE}")


def judge_guess(fault_name, file_name, line_number, suspect):
    """Return (whether file, line and suspect are those of the fault `fault_name`, the lines of text for the learner).

    Raises UserError if there is no such suspect.
    """
    fault = FAULTS[fault_name]
    if suspect not in SUSPECTS:
        raise UserError(f"{USAGE_EXAMPLE}; the suspects are {', '.join(SUSPECTS)}")
    right_line = find_fault_line((ROOT / fault.file).read_text(encoding="utf-8"), fault)
    is_there = file_name == fault.file and line_number == right_line
    if suspect == fault.suspect and is_there:
        return True, [f"Found. {fault.why}", *list_finding_sentences(fault_name)]
    about_suspect = "The suspect is right." if suspect == fault.suspect else "It is a different suspect."
    if is_there:
        about_place = "The line is right."
    elif file_name == fault.file:
        about_place = "The file is right, but it is a different line."
    else:
        about_place = "It is a different file."
    telling_steps = [step for step, finding in load_findings_by_step(fault_name).items() if finding]
    if not telling_steps:
        return False, [f"{about_suspect} {about_place}"]
    steps, verb = make_subject_and_verb(telling_steps[0])
    return False, [f"{about_suspect} {about_place}", f"Look again at what {steps} of docs/debugging.md {verb}."]


def load_findings_by_step(name):
    """Return {step of docs/debugging.md: what it reports about the fault, or ""}."""
    return json.loads(FAULTS_FILE.read_text(encoding="utf-8"))["faults"].get(name, {}) if FAULTS_FILE.exists() else {}


def list_finding_sentences(name):
    """Return sentences on the steps of docs/debugging.md that notice the fault `name`."""
    findings = load_findings_by_step(name)
    telling_steps = [step for step, finding in findings.items() if finding]
    if not findings:
        return []
    if not telling_steps:
        return ["No step of docs/debugging.md detects it: such a line can only be found by reading the code."]
    sentences = []
    for step in telling_steps:
        steps, verb = make_subject_and_verb(step)
        sentences.append(f"{steps[0].upper()}{steps[1:]} of docs/debugging.md {verb}: {findings[step]}")
    return sentences


def make_subject_and_verb(step_heading):
    """Return the step numbers in a heading and their verb: "1, 2, 5 look" gives ("steps 1, 2 and 5", "say")."""
    *other_numbers, last_number = re.findall(r"\d+", step_heading)
    if other_numbers:
        return f"steps {', '.join(other_numbers)} and {last_number}", "say"
    return f"step {last_number}", "says"
