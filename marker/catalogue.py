"""A folder of exercises in their order, and the search for the next one.

A file that is not an exercise, or is broken, is left out and named in `broken`; the others can be used.

A folder has a file `order.py`, whose settings in capitals apply to all its exercises:

    ORDER    parts in the order of learning: (a title, a subfolder or "", the names of exercises)
    COUNTS   {the name of a size: what it counts}, {"n": "samples"}; means are taken over the first
    SAYS     {a further setting that the files may have, in capitals: its default}
    FINDERS  {name: a function}, further ways to find a mistake: see marker/finder.py

It may also have a said.md with sentences of its own: see marker/words.py. A file whose name begins with _ is not an
exercise; the others may import it. All these files are executed, so use only a folder that you trust.
"""

import difflib
import importlib.util
import sys
from contextlib import contextmanager
from functools import cached_property
from itertools import chain
from pathlib import Path, PurePath
from typing import NamedTuple

from marker.exercise import CUT_LINE, Exercise, Folder
from marker.words import Words
from support.errors import UserError


class Part(NamedTuple):
    """A part of a folder's order."""

    name: str  # short: its title up to the colon
    exercises: list


class Catalogue:
    """The exercises of a folder."""

    def __init__(self, folder):
        """folder: a path. Raises UserError if its order.py cannot be used."""
        self.path = Path(folder).resolve()
        try:
            with importing(self.path):
                settings = load_python_variables(self.path / "order.py")
        except (Exception, SystemExit) as error:
            raise UserError(f"{self.path / 'order.py'}: {type(error).__name__}: {error}") from None
        counts, says, finders = ({**settings.get(name, {})} for name in ("COUNTS", "SAYS", "FINDERS"))
        self.folder = Folder(counts, Words.from_folder(self.path), says, finders, self.path)
        self.order = settings.get("ORDER") or ((self.path.name, "", ""),)
        self.broken = []  # a line for each file that is left out, with the reason

    def read_exercise(self, name):
        """Return one exercise without reading the others. Raises ValueError if its file cannot be used."""
        places = (self.path / subfolder / f"{name}.py" for _, subfolder, _ in self.order)
        with importing(self.path):
            return Exercise(next(filter(Path.exists, places), self.path / f"{name}.py"), self.folder)

    @cached_property
    def by_part(self):
        """{title: exercises}, in order. Files that no part names come last in the last part of their subfolder."""
        last_titles = {subfolder: title for title, subfolder, _ in self.order}
        for subfolder in self.iter_unnamed_folders():
            self.broken.append(f"{self.path.name}/{subfolder} is left out: order.py does not name it")
        return {
            title: self.read_part_exercises(subfolder, names.split(), last_titles[subfolder] == title)
            for title, subfolder, names in self.order
        }

    def iter_unnamed_folders(self):
        """Yield the names of subfolders with exercises that `order` does not name."""
        named_folders = {subfolder for _, subfolder, _ in self.order}
        if "" in named_folders:
            return
        for path in sorted(filter(Path.is_dir, self.path.iterdir())):
            if path.name not in named_folders and any(CUT_LINE in read_text(file) for file in path.glob("[!_.]*.py")):
                yield path.name

    def read_part_exercises(self, subfolder, exercise_names, includes_unlisted):
        """Return the exercises of a subfolder with these names. includes_unlisted: also those that no part names."""
        folder = self.path / subfolder
        if includes_unlisted:
            listed_names = set()
            for _, other_subfolder, part_names in self.order:
                if other_subfolder == subfolder:
                    listed_names.update(part_names.split())
            file_names = {path.stem for path in folder.glob("[!_.]*.py") if subfolder or CUT_LINE in read_text(path)}
            exercise_names = [*exercise_names, *sorted(file_names - listed_names)]
        return tuple(filter(None, (self.read_or_leave_out(folder / f"{name}.py") for name in exercise_names)))

    def read_or_leave_out(self, exercise_path):
        """Return the exercise in a file. If it cannot be used, append a line to `broken` and return None."""
        try:
            with importing(self.path):
                exercise = Exercise(exercise_path, self.folder)
            exercise.kind.check_needed_files(exercise)
        except (Exception, SystemExit) as error:  # a file that is still being written may raise anything
            relative_path = exercise_path.relative_to(self.path.parent)
            kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
            text = " ".join(str(error).replace(str(exercise_path), relative_path.name).split())
            self.broken.append(f"{relative_path} is left out: {kind}{text}")
        else:
            return exercise

    @cached_property
    def exercises(self):
        return tuple(chain.from_iterable(self.by_part.values()))

    @cached_property
    def by_name(self):
        return {exercise.name: exercise for exercise in self.exercises}

    @cached_property
    def exercises_by_folder(self):
        """{subfolder: its exercises}"""
        subfolders = sorted({subfolder for _, subfolder, _ in self.order})
        exercises_by_folder = {}
        for name in subfolders:
            exercises_by_folder[name] = tuple(e for e in self.exercises if e.file.parent == self.path / name)
        return exercises_by_folder

    def number(self, exercise):
        return self.exercises.index(exercise) + 1

    def find_part(self, exercise):
        """Return the `Part` that an exercise is in."""
        parts = (Part(title.partition(":")[0], exercises) for title, exercises in self.by_part.items())
        return next(part for part in parts if exercise in part.exercises)

    def describe_number(self, exercise):
        """Return a text with an exercise's number among all exercises and within its part."""
        part = self.find_part(exercise)
        number_in_part = part.exercises.index(exercise) + 1
        return f"Exercise {self.number(exercise)} ({part.name}, {number_in_part} of {len(part.exercises)})"

    def find_index_to_search_from(self, exercise, is_passed):
        """Return the index in `exercises` from which `next` searches for one that is not passed yet and can run.

        If this exercise has passed, the search starts at the beginning of its part, where one may have been skipped. If
        not, this one is skipped, and the search starts after it.
        """
        if is_passed:
            return self.exercises.index(self.find_part(exercise).exercises[0])
        return self.exercises.index(exercise) + 1

    def get_exercise(self, name_or_number):
        """Return the exercise with this number or name.

        `DZ1` and `my_practice/dz1.py` mean dz1, too. Raises UserError if there is none.
        """
        if name_or_number.isdecimal() and len(name_or_number) < 5 and 1 <= int(name_or_number) <= len(self.exercises):
            return self.exercises[int(name_or_number) - 1]
        for exercise in self.exercises:
            if exercise.name.lower() == PurePath(name_or_number).name.lower().removesuffix(".py"):
                return exercise
        if not self.exercises:
            raise UserError(f"there is no exercise in {self.path}")
        similar_names = difflib.get_close_matches(name_or_number.lower(), self.by_name, 1)
        question = f" (is it {similar_names[0]}?)" if similar_names else ""
        raise UserError(
            f"there is no exercise {name_or_number}{question}: `python practice.py list` shows all exercises, -h the "
            "commands"
        )


@contextmanager
def importing(folder):
    """Context manager: inside, the files of a folder can import each other. (A package's files can do so anyway.)"""
    is_package = (folder / "__init__.py").exists()
    before = set(sys.modules)
    sys.path += [] if is_package else [str(folder)]
    try:
        yield
    finally:
        if not is_package:
            sys.path.remove(str(folder))
            for name in set(sys.modules) - before:  # another folder may have a file of the same name
                if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                    del sys.modules[name]


def load_python_variables(path):
    """Execute a file and return {name: value} of its variables; {} if there is no such file."""
    names = {}
    if path.exists():
        exec(compile(path.read_text(encoding="utf-8"), path, "exec"), names)
    return names


def read_text(path):
    return path.read_text(encoding="utf-8", errors="replace")


def can_run(exercise):
    """Return True if an exercise can be marked on this machine. Some need PyTorch."""
    return not exercise.needs_torch or importlib.util.find_spec("torch") is not None
