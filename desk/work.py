"""A learner's folder: the files that they write, and their progress."""

import difflib
import errno
import hashlib
import json
from contextlib import contextmanager, suppress

from desk import review, show
from marker.runner import HOW_TO_MARK_PREFIX
from support.errors import UserError
from support.files import atomic_write, read_file

# What progress.json stores about an exercise. passed: the digest of the file that passed; hints: the number of hints
# shown; seen: True if the solution was shown; first, mistakes, asked: the learner's lines with the first known mistake,
# its name, and the marker's question about it; due: the day of the next review; marked: the digest of the file when it
# was last marked.
PROGRESS_TYPES = {
    "passed": str, "hints": int, "seen": bool, "first": str, "mistakes": str, "asked": str, "due": str, "marked": str,
}  # fmt: skip


class Work:
    """A learner's folder: the files that they write, and their progress in `progress`, the dict in progress.json."""

    def __init__(self, folder, catalogue):
        self.folder = folder
        self.file = folder / "progress.json"
        self.catalogue = catalogue
        self.new = not self.file.exists()
        self.progress = self.read_progress()

    def read_progress(self):
        """Return the content of progress.json, without keys and exercises that only another version knows.

        `store` keeps those in the file. Raises UserError if the file is damaged.
        """
        progress = {"current": self.catalogue.exercises[0].name, "reviewed": ""}
        exercises_by_name = self.catalogue.by_name
        try:
            saved_progress = json.loads(read_file(self.file, 2**20)) if self.file.exists() else {}
            self.saved_progress = saved_progress
            progress |= {key: saved_progress[key] for key in progress if saved_progress.get(key) in exercises_by_name}
            for key, kind in PROGRESS_TYPES.items():
                values = saved_progress.get(key, {}).items()
                progress[key] = {name: kind(value) for name, value in values if name in exercises_by_name}
        except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
            raise UserError(f"{self.file} is damaged: delete it; your exercise files are kept") from None
        return progress

    def store(self, key, value, exercise=None):
        """Store one value in progress.json. exercise: the exercise that it is about, or None.

        The file is read again first, because the program may be running in another terminal, too.
        """
        self.progress = self.read_progress()
        if exercise:
            self.progress[key][exercise.name] = value
        else:
            self.progress[key] = value
        whole = {**self.saved_progress, **self.progress}
        whole |= {kind: {**self.saved_progress.get(kind, {}), **self.progress[kind]} for kind in PROGRESS_TYPES}
        with writable_folder_guard(self.folder), atomic_write(self.file) as file:
            file.write((json.dumps(whole, indent=1) + "\n").encode())

    @property
    def current(self):
        return self.catalogue.by_name[self.progress["current"]]

    def get_or_make_path(self, exercise, folder=""):
        """Return the path of the learner's file for an exercise. If there is none, write the stub there.

        folder: a subfolder of the learner's folder, or "".
        """
        path = self.folder / folder / f"{exercise.name}.py"
        if not path.exists():
            with (
                writable_folder_guard(path.parent),
                atomic_write(path) as file,
            ):  # atomic, so that a full disk does not leave half a file
                file.write(make_handout(exercise).encode())
        return path

    def has_passed(self, exercise):
        """Return True if the learner's file for an exercise has passed and not been changed since."""
        with suppress(UserError):
            return self.progress["passed"].get(exercise.name) == digest(self.folder / f"{exercise.name}.py")
        return False

    def record_verdict(self, exercise, verdict, file_digest):
        """Store that an exercise has passed, or its first known mistake.

        file_digest: the `digest` of the file before it was marked. The learner may have saved the file since.
        """
        if verdict.passed:
            self.store("passed", file_digest, exercise)
            if exercise.name not in self.progress["due"]:
                self.store("due", review.choose_review_day(self.progress, has_passed=True), exercise)
        elif verdict.question and not self.progress["mistakes"].get(exercise.name):
            self.store("first", verdict.typed, exercise)
            self.store("mistakes", verdict.summary, exercise)
            self.store("asked", verdict.question, exercise)

    def describe_verdict(self, exercise, verdict):
        """Return the texts to print about a verdict, a list.

        They say what is new compared with `progress`, so this is called before `record_verdict`.
        """
        if not verdict.passed:
            return [verdict.text]
        first_lines = self.progress["first"].get(exercise.name)
        mistake = self.progress["mistakes"].get(exercise.name)
        question = self.progress["asked"].get(exercise.name)
        if exercise.name in self.progress["seen"]:
            message = "Passed, after you looked at the solution."
        else:
            message = f"Passed. That makes {self.describe_score(exercise)}."
        part = self.catalogue.find_part(exercise)
        is_first_time = exercise.name not in self.progress["passed"]
        if is_first_time and all(e.name == exercise.name or self.has_passed(e) for e in part.exercises):
            message += f' "{part.name}" is done.'
        texts = [message, *filter(None, [verdict.text, getattr(exercise, "on_digits", "")])]
        if mistake:
            old_lines, new_lines = extract_old_and_new_text(first_lines, verdict.typed)
            sentence = f"You wrote\n\n{old_lines}\n\nand now" if old_lines else "The new part is"
            sentence = (
                f"{sentence}\n\n{new_lines}" if new_lines else f"You wrote\n\n{old_lines}\n\nand then removed it."
            )
            texts.append(f"\nYour first lines had a mistake: {mistake}. {sentence}")
        if mistake and question:
            texts.append(f"\nWhy was it wrong? The marker said: {question}")
            texts.append("(Answer in a word or two, for yourself. This is not marked.)")
        return texts

    def record_review(self, exercise, verdict):
        """Store when an exercise that was reviewed comes back."""
        self.store("due", review.choose_review_day(self.progress, verdict.passed), exercise)
        if verdict.passed:
            self.store("reviewed", "")

    def describe_review(self, exercise, verdict):
        """Return a text that says when an exercise comes back, after `record_review` has stored it."""
        if not verdict.passed:
            return "It comes back until you get it right."
        n_left = len(review.list_due(self.progress))
        days = review.days_until(self.progress["due"][exercise.name])
        return f"Passed again. It comes back in {days} days. {n_left or 'No'} more to review today."

    def describe_score(self, new_exercise=None):
        """Return a text such as "7 of 60": how many exercises have passed without the solution having been shown.

        new_exercise: an exercise that has just passed and is not recorded yet, or None.
        """
        names = {e.name for e in self.catalogue.exercises if self.has_passed(e)}
        if new_exercise:
            names.add(new_exercise.name)
        return f"{len(names - self.progress['seen'].keys())} of {len(self.catalogue.exercises)}"


def make_handout(exercise):
    """Return an exercise's stub with a note on how to mark it, for editors whose Run button would print nothing."""
    text = exercise.stub
    line = f"{HOW_TO_MARK_PREFIX}: save it, and type in a terminal, in the repository: {show.command_prefix}"
    end = exercise.tree.body[0].end_lineno
    lines = text.splitlines(keepends=True)
    return "".join([*lines[:end], "\n", f"{line}\n", *lines[end:]])


@contextmanager
def writable_folder_guard(folder):
    """Context manager for code that writes in a folder: create the folder first. Raises UserError if that is not
    permitted."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if not isinstance(error, PermissionError) and error.errno != errno.EROFS:
            raise
        problem = f"{folder}: {error.strerror}"
        raise UserError(
            f"{problem}: keep your files in a different folder, `python practice.py --folder DIR`"
        ) from None


def extract_old_and_new_text(before, after):
    """Return (old lines, new lines) that differ between two texts, or all lines if both texts have at most five."""
    lines = before.splitlines(), after.splitlines()
    if max(map(len, lines)) <= 5:
        return before, after
    opcodes = [op for op in difflib.SequenceMatcher(None, *lines, autojunk=False).get_opcodes() if op[0] != "equal"]
    old_parts = ["\n".join(lines[0][i:j]) for _, i, j, _, _ in opcodes]
    new_parts = ["\n".join(lines[1][i:j]) for _, _, _, i, j in opcodes]
    return "\n...\n".join(filter(None, old_parts)), "\n...\n".join(filter(None, new_parts))


def digest(learner_path):
    return hashlib.sha256(read_file(learner_path, 2**20)).hexdigest()
