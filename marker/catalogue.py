"""A folder of exercises, in their order, and which one `next` leads to.

A file that is no exercise, or a broken one, is left out and named in `broken`: all others go on.

A folder has a file `order.py`, in which capitals say what its exercises have in common:

    ORDER    parts, in the order in which they are learned: (a title, a folder in it or "", the names of exercises)
    COUNTS   {the name of a size: what there are so many of}, {"n": "samples"}; the first is what a mean goes over
    SAYS     {what the files may say besides, in capitals: what that is where one does not}
    FINDERS  {name: a function}, ways to find a mistake that this folder has besides: see marker/finder.py

and, if it likes, a said.md with words of its own: see marker/words.py. A file whose name begins with _ is no exercise:
the others may import it. All of these are run as they are: whoever uses a folder trusts it as they trust this program.
"""

import importlib.util
import sys
from contextlib import contextmanager
from functools import cached_property
from itertools import chain
from pathlib import Path, PurePath

from marker.exercise import CUT, Exercise, Folder
from marker.words import Words
from support.errors import UserError


class Catalogue:
    """The exercises of a folder."""

    def __init__(self, folder):
        """folder: a path. Raises UserError if its order.py cannot be used."""
        self.path = Path(folder).resolve()
        try:
            with importing(self.path):
                settings = load_settings(self.path / "order.py")
        except (Exception, SystemExit) as error:
            raise UserError(f"{self.path / 'order.py'}: {type(error).__name__}: {error}") from None
        counts, says, finders = ({**settings.get(name, {})} for name in ("COUNTS", "SAYS", "FINDERS"))
        self.folder = Folder(counts, Words.from_folder(self.path), says, finders, self.path)
        self.order = settings.get("ORDER") or ((self.path.name, "", ""),)
        self.broken = []  # a line for each file that is left out: which, and why

    def read_exercise(self, name):
        """Return one exercise, without a look at the others. Raises ValueError if its file cannot be used."""
        places = (self.path / subfolder / f"{name}.py" for _, subfolder, _ in self.order)
        with importing(self.path):
            return Exercise(next(filter(Path.exists, places), self.path / f"{name}.py"), self.folder)

    @cached_property
    def by_part(self):
        """{title: exercises} in their order. A file that no part names comes last in the last part of its folder."""
        last_titles = {subfolder: title for title, subfolder, _ in self.order}
        for subfolder in self.iter_unnamed_folders():
            self.broken.append(f"{self.path.name}/{subfolder} is left out: order.py does not name it")
        return {
            title: self.read_part_exercises(subfolder, names.split(), last_titles[subfolder] == title)
            for title, subfolder, names in self.order
        }

    def iter_unnamed_folders(self):
        """Yield the folders with exercises that `order` does not name."""
        named_folders = {subfolder for _, subfolder, _ in self.order}
        if "" in named_folders:
            return
        for path in sorted(filter(Path.is_dir, self.path.iterdir())):
            if path.name not in named_folders and any(CUT in read_text(file) for file in path.glob("[!_.]*.py")):
                yield path.name

    def read_part_exercises(self, subfolder, exercise_names, includes_unnamed):
        """Return the exercises of a folder with these names; of the last part, also those that no part names."""
        folder = self.path / subfolder
        if includes_unnamed:
            listed_names = set()
            for _, other_subfolder, part_names in self.order:
                if other_subfolder == subfolder:
                    listed_names.update(part_names.split())
            file_names = {path.stem for path in folder.glob("[!_.]*.py") if subfolder or CUT in read_text(path)}
            exercise_names = [*exercise_names, *sorted(file_names - listed_names)]
        return tuple(filter(None, (self.read_or_leave_out(folder / f"{name}.py") for name in exercise_names)))

    def read_or_leave_out(self, exercise_path):
        """Return the exercise in a file; None, after a line in `broken`, if it cannot be used."""
        try:
            with importing(self.path):
                exercise = Exercise(exercise_path, self.folder)
            exercise.kind.complete(exercise)
        except (Exception, SystemExit) as error:  # whatever becomes of a file that somebody is still writing
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
    def by_folder(self):
        """{folder: its exercises}"""
        subfolders = sorted({subfolder for _, subfolder, _ in self.order})
        exercises_by_folder = {}
        for name in subfolders:
            exercises_by_folder[name] = tuple(e for e in self.exercises if e.file.parent == self.path / name)
        return exercises_by_folder

    def number(self, exercise):
        return self.exercises.index(exercise) + 1

    def find_part_name_and_exercises(self, exercise):
        """Return a short name of an exercise's part, and all exercises of the part."""
        return next((title.partition(":")[0], part) for title, part in self.by_part.items() if exercise in part)

    def describe_number(self, exercise):
        """Return the number of an exercise as text: among all, and in its part."""
        name, part = self.find_part_name_and_exercises(exercise)
        return f"Exercise {self.number(exercise)} ({name}, {part.index(exercise) + 1} of {len(part)})"

    def find_next_search_index(self, exercise, has_passed):
        """Return the index in `exercises` at which `next` begins to look for the first that has not passed and can run.

        Once this one has passed, at the beginning of its part, where one may have been left out. Until then, behind it:
        it is left out.
        """
        _, part = self.find_part_name_and_exercises(exercise)
        return self.exercises.index(part[0] if has_passed else exercise) + (not has_passed)

    def find_exercise(self, name_or_number):
        """Return the exercise of that number or name. `DZ1` and `my_practice/dz1.py` are dz1, too. Raises UserError if
        there is none."""
        if name_or_number.isdecimal() and len(name_or_number) < 5 and 1 <= int(name_or_number) <= len(self.exercises):
            return self.exercises[int(name_or_number) - 1]
        for exercise in self.exercises:
            if exercise.name.lower() == PurePath(name_or_number).name.lower().removesuffix(".py"):
                return exercise
        if not self.exercises:
            raise UserError(f"there is no exercise in {self.path}")
        raise UserError(
            f"there is no exercise {name_or_number}: `python practice.py list` shows all exercises, -h the commands"
        )


@contextmanager
def importing(folder):
    """Context in which the files of a folder can import each other, if it is no package that has a name of its own."""
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


def load_settings(path):
    """Return {name: value} of what a file of a folder of exercises sets when it is run; {} if there is no such file."""
    names = {}
    if path.exists():
        exec(compile(path.read_text(encoding="utf-8"), path, "exec"), names)
    return names


def read_text(path):
    return path.read_text(encoding="utf-8", errors="replace")


def can_run(exercise):
    """Return True if an exercise can be marked here: some need PyTorch."""
    return not exercise.needs_torch or importlib.util.find_spec("torch") is not None
