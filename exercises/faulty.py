"""A copy of the project with one of the faults of exercises/faults.py, and the mark on what a learner says of it."""

import hashlib
import json
import os
import shutil
from itertools import count
from pathlib import Path

from exercises.faults import FAULTS, SUSPECTS, line_of, spoilt
from support.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
FOUND = ROOT / "exercises" / "faults.json"  # what each step of docs/debugging.md says of each; lab/faults.py writes it
PROGRAMS = (
    "*.py",
    "requirements*.txt",
    "requirements/*.txt",
    *(f"{room}/**/*.*" for room in ("loading", "support", "views", "lab", "exercises", "marker", "desk")),
)
DATA = ("datasets/mnist", "datasets/names")
SECRET = ".fault"  # which fault it is: a digest, so that nobody reads it by chance


def digest(name):
    return hashlib.sha256(f"fault {name}".encode()).hexdigest()


def hand_out(folder, name):
    """The project into `folder` with that fault. What is there of an earlier one gets a number."""
    if folder.exists():
        if not (folder / SECRET).exists():
            raise UserError(f"{folder} holds something else: rename it, and call this again")
        folder.rename(next(kept for i in count(1) if not (kept := folder.with_name(f"{folder.name}.{i}")).exists()))
    fault = FAULTS[name]
    for path in sorted({path for pattern in PROGRAMS for path in ROOT.glob(pattern)}):
        if path.is_file() and "__pycache__" not in path.parts and path != FOUND:
            copy = folder / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if path == ROOT / fault.file:
                copy.write_text(spoilt(path.read_text(encoding="utf-8"), fault), encoding="utf-8")
            else:
                shutil.copyfile(path, copy)
    for path in (path for room in DATA for path in (ROOT / room).iterdir()):
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, copy)  # 11 MB
        except OSError:  # this drive has no links
            shutil.copyfile(path, copy)
    for path in (folder / "exercises" / "faults.py", folder / "exercises" / "faulty.py"):
        path.unlink()  # which would tell
    (folder / SECRET).write_text(digest(name), encoding="utf-8")


def handed_out(folder):
    """The name of the fault that is in that folder, or None."""
    try:
        secret = (folder / SECRET).read_text(encoding="utf-8")
    except OSError:
        return None
    return next((name for name in FAULTS if digest(name) == secret), None)


def judge(name, place, suspect):
    """Whether FILE:LINE is the place of that fault and this its suspect; and what is said of both, line by line."""
    fault = FAULTS[name]
    file, _, line = place.partition(":")
    if suspect not in SUSPECTS or not line.isdecimal():
        raise UserError(f"say it like this: fault mlp_np.py:61 gradient; the suspects are {', '.join(SUSPECTS)}")
    right = line_of((ROOT / fault.file).read_text(encoding="utf-8"), fault)
    is_there = Path(file).as_posix() == fault.file and int(line) == right
    if suspect == fault.suspect and is_there:
        return True, [f"Found. {fault.why}", *shown_by(name)]
    said = "The suspect is right." if suspect == fault.suspect else "It is another suspect."
    if is_there:
        where = "The line is right."
    elif Path(file).as_posix() == fault.file:
        where = "The file is right, and the line is another."
    else:
        where = "It is another file."
    loud = [look for look, words in answers_to(name).items() if words]
    again = f"Look again at what step {loud[0].partition(' ')[0]} of docs/debugging.md says." if loud else ""
    return False, [f"{said} {where}", *filter(None, [again])]


def answers_to(name):
    """{a step of docs/debugging.md: what it says of that fault, or ""}."""
    return json.loads(FOUND.read_text(encoding="utf-8"))["faults"].get(name, {}) if FOUND.exists() else {}


def shown_by(name):
    """Which steps of docs/debugging.md say something of a fault, and which of all is the best to begin with."""
    answers = answers_to(name)
    loud = [look for look, words in answers.items() if words]
    if not answers:
        return []
    if not loud:
        return ["No step of docs/debugging.md says anything of it: only reading finds such a line."]
    return [f"Step {look.partition(' ')[0]} of docs/debugging.md says: {answers[look]}" for look in loud]
