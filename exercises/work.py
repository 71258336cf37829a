"""A learner's folder: the files that they write, and how far they have got."""

import hashlib
import json
import shutil

from exercises.catalogue import EXERCISES
from exercises.house import STUBS, UserError, replacing


class Work:
    """A learner's folder: the files that they write, and how far they have got."""

    def __init__(self, folder):
        self.folder, self.file = folder, folder / "progress.json"
        self.new = not self.file.exists()
        self.progress = {"current": EXERCISES[0].name, "passed": {}, "hints": {}}
        if not self.new:
            try:
                self.progress = {**self.progress, **json.loads(self.file.read_text(encoding="utf-8"))}
                self.current.name, self.progress["passed"].get, self.progress["hints"].get
            except (ValueError, TypeError, AttributeError, StopIteration):
                raise UserError(f"{self.file} is damaged: delete it; your exercises are not affected") from None

    @property
    def current(self):
        return next(exercise for exercise in EXERCISES if exercise.name == self.progress["current"])

    def path(self, exercise):
        """The learner's file. On first use it is a copy of the stub."""
        path = self.folder / f"{exercise.name}.py"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(STUBS / path.name, path)
        return path

    def passed(self, exercise):
        """Whether the file as it is now has passed."""
        path = self.folder / f"{exercise.name}.py"
        return path.is_file() and self.progress["passed"].get(exercise.name) == digest(path)

    def save(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.file) as file:
            file.write((json.dumps(self.progress, indent=1) + "\n").encode())


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
