"""All exercises in their order; and a learner's folder: the files that they write, and how far they have got."""

import hashlib
import json
import shutil
from contextlib import suppress

from exercises import STUBS, chapter1, chapter2, chapter3, chapter4, chapter5
from exercises.exercise import chapters
from support.errors import UserError
from support.files import read_file, replacing

BY_NAME = {e.name: e for chapter in (chapter1, chapter2, chapter3, chapter4, chapter5) for e in chapter.EXERCISES}
CHAPTERS = {
    f"{i}. {title}": tuple(BY_NAME[name] for name in texts) for i, (title, texts) in enumerate(chapters().items(), 1)
}
EXERCISES = tuple(exercise for chapter in CHAPTERS.values() for exercise in chapter)


# What is kept about an exercise: the digest of the file that passed, how many hints were shown, whether the solution
# was, the lines with the first mistake that had a name, this name, and the day of its review.
KINDS = {"passed": str, "hints": int, "seen": bool, "first": str, "mistakes": str, "due": str}


def number(exercise):
    return EXERCISES.index(exercise) + 1


def chapter_of(exercise):
    """The number of an exercise's chapter, and all its exercises."""
    return next((c, chapter) for c, chapter in enumerate(CHAPTERS.values(), 1) if exercise in chapter)


def find(text):
    """The exercise of that number or name. `DZ1` and `dz1.py` are dz1, too."""
    if text.isdecimal() and len(text) < 5 and 1 <= int(text) <= len(EXERCISES):
        return EXERCISES[int(text) - 1]
    for exercise in EXERCISES:
        if exercise.name.lower() == text.lower().removesuffix(".py"):
            return exercise
    raise UserError(f"there is no exercise {text}: `python practice.py list` shows all of them, -h the commands")


class Work:
    """A learner's folder: the files that they write, and how far they have got."""

    def __init__(self, folder):
        self.folder, self.file = folder, folder / "progress.json"
        self.new = not self.file.exists()
        self.progress = self.read()

    def read(self):
        """The progress as it is on disk, without exercises that only another version has."""
        progress = {"current": EXERCISES[0].name, "reviewed": ""}
        try:
            found = json.loads(read_file(self.file, 2**20)) if self.file.exists() else {}
            progress |= {what: found[what] for what in progress if found.get(what) in BY_NAME}
            for what, kind in KINDS.items():
                about = found.get(what, {}).items()
                progress[what] = {name: kind(value) for name, value in about if name in BY_NAME}
        except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
            raise UserError(f"{self.file} is damaged: delete it; your exercises are not affected") from None
        return progress

    def note(self, what, value, exercise=None):
        """Write one thing down, about an exercise or about all. Read again first: another terminal may have written."""
        self.progress = self.read()
        if exercise:
            self.progress[what][exercise.name] = value
        else:
            self.progress[what] = value
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.file) as file:
            file.write((json.dumps(self.progress, indent=1) + "\n").encode())

    @property
    def current(self):
        return BY_NAME[self.progress["current"]]

    def path(self, exercise, folder=""):
        """The learner's file. On first use it is a copy of the stub."""
        path = self.folder / folder / f"{exercise.name}.py"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(STUBS / f"{exercise.name}.py", path)
        return path

    def passed(self, exercise):
        """Whether the file as it is now has passed."""
        with suppress(UserError):
            return self.progress["passed"].get(exercise.name) == digest(self.folder / f"{exercise.name}.py")
        return False

    def score(self):
        """How many have passed without a look at the solution."""
        passed = [e for e in EXERCISES if self.passed(e) and e.name not in self.progress["seen"]]
        return f"{len(passed)} of {len(EXERCISES)}"


def digest(path):
    return hashlib.sha256(read_file(path, 2**20)).hexdigest()
