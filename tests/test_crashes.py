"""A run that is killed at any moment goes on to the bit: not at some moments, but at each that its files can show.

Every operation on a file of a short run is recorded: opened, each write, synced, renamed, removed. Then the folder is
rebuilt as it stands after each of them, and the run goes on from there. When the power fails, the disk may also have
kept names, and not yet what was written since the last sync; or a later rename, and not yet an earlier one.
"""

import builtins
import contextlib
import importlib
import io
import os
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

import data
from conftest import schedule
from desk.work import Work
from exercises.catalogue import CATALOGUE
from support import program as ending

RUN = "--hidden 4 --batch-size 60 --epochs 2"


class Recorded(io.FileIO):
    """A file whose operations are noted; nothing waits in a buffer, so that each write is a moment of its own."""

    def __init__(self, path, mode, operations):
        super().__init__(path, mode.replace("b", ""))
        self.number, self.operations = len(operations), operations
        operations.append(("open", str(path), self.number))

    def write(self, content):
        self.operations.append(("write", self.number, self.tell(), bytes(content)))
        return super().write(content)

    def truncate(self, size=None):
        self.operations.append(("truncate", self.number, self.tell() if size is None else size))
        return super().truncate(size)


@contextlib.contextmanager
def recorded(folder):
    """Within it, the operations on files below a folder, in a list."""
    operations, opened, root = [], {}, str(folder)
    real = {"open": builtins.open, "fsync": os.fsync, "replace": os.replace, "unlink": os.unlink}

    def inside(path):
        return isinstance(path, (str, Path)) and os.path.abspath(path).startswith(root)

    def open_file(path, mode="r", *more, **options):
        if not (inside(path) and {*mode} & {*"wax+"}):
            return real["open"](path, mode, *more, **options)
        assert "b" in mode, "what writes a text here is not recorded"
        file = Recorded(os.path.abspath(path), mode, operations)
        opened[file.fileno()] = file.number
        return file

    def fsync(number):
        if number in opened:
            operations.append(("fsync", opened[number]))
        real["fsync"](number)

    def replace(path, other):
        if inside(other):
            operations.append(("replace", os.path.abspath(path), os.path.abspath(other)))
        real["replace"](path, other)

    def unlink(path, **more):
        real["unlink"](path, **more)  # of what is not there, an error, and no operation
        if inside(path):
            operations.append(("unlink", os.path.abspath(path)))

    with (
        patch.object(builtins, "open", open_file),
        patch.object(os, "fsync", fsync),
        patch.object(os, "replace", replace),
        patch.object(os, "unlink", unlink),
    ):
        yield operations


def standing(operations, synced=False, without=None):
    """{path: bytes} after these operations. synced: with no more of a file than was synced, but all names.

    without: the number of an operation that has not reached the disk.
    """
    names, files = {}, {}
    kept = {}  # what a file has on the disk
    for number, (what, *about) in enumerate(operations):
        if number == without:
            continue
        if what == "open":
            path, file = about
            names[path], files[file], kept[file] = file, bytearray(), b""
        elif what == "write":
            file, at, content = about
            files[file].extend(bytes(max(0, at + len(content) - len(files[file]))))
            files[file][at : at + len(content)] = content
        elif what == "truncate":
            file, size = about
            files[file] = (files[file] + bytes(size))[:size]
        elif what == "fsync":
            kept[about[0]] = bytes(files[about[0]])
        elif what == "replace" and about[0] in names:
            names[about[1]] = names.pop(about[0])
        elif what == "unlink":
            names.pop(about[0], None)
    return {path: kept[file] if synced else bytes(files[file]) for path, file in names.items()}


def crashes(operations):
    """The folders, {path: bytes}, that a crash can leave, each once."""
    found = {}
    for end in range(len(operations) + 1):
        so_far = operations[:end]
        late = [n for n, operation in enumerate(so_far) if operation[0] in ("replace", "unlink")]
        for state in (
            standing(so_far),
            standing(so_far, synced=True),
            *(standing(so_far, without=n) for n in late if end == len(operations) or operations[end][0] == "replace"),
        ):
            found[tuple(sorted(state.items()))] = state
    return [*found.values()]


def build(state, folder, root):
    """The folder as it stands, elsewhere."""
    for path in folder.iterdir() if folder.exists() else ():
        path.unlink()
    for path, content in state.items():
        place = folder / Path(path).relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".lock"}


def call(program, *words):
    """(status, what is said on stderr) of a program, in this process."""
    out, said = io.StringIO(), io.StringIO()
    main = importlib.import_module(program).main
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(said),
        patch.object(sys, "argv", [f"{program}.py", *words]),
    ):
        return ending.run(main), said.getvalue()


@pytest.mark.parametrize("program", schedule(["main_np", "main_torch"], in_turn=2))
def test_a_run_goes_on_from_every_moment(program, small, tmp_path, monkeypatch, quick_curves):
    """From its checkpoint, if there is one, and then all files are those of the run that nothing happened to."""
    if program == "main_torch":
        pytest.importorskip("torch")
    monkeypatch.setattr(data, "load", lambda *_: small)
    monkeypatch.chdir(tmp_path)
    torch = ["--device", "cpu"] if program == "main_torch" else []
    with recorded(tmp_path / "out") as operations:
        assert call(program, *RUN.split(), "--out", "out", *torch)[0] == 0
    whole, name = contents(tmp_path / "out"), f"checkpoint_{program[5:]}.npz"
    states, resumed = crashes(operations), 0
    assert len(states) > 100 and standing(operations) == {str(tmp_path / "out" / k): v for k, v in whole.items()}
    for state in states:
        build(state, tmp_path / "again", tmp_path / "out")
        if (tmp_path / "again" / name).exists():
            resumed += 1
            status, said = call(program, "--resume", f"again/{name}", *torch)
        else:
            status, said = call(program, *RUN.split(), "--out", "again", *torch)
        assert (status, said) == (0, "")
        now = contents(tmp_path / "again")
        assert {path: now[path] for path in now if not path.endswith(".part")} == whole
        assert not any(path.endswith(".part") and "plot" not in path for path in now)
    print(f"{len(states)} folders, {resumed} of them with a checkpoint")
    assert resumed > 50


@pytest.mark.slow(one_in=2)
def test_progress_is_whole_at_every_moment(tmp_path):
    """What practice.py has noted is there, up to some point; and noting it again gives what would have been there."""
    dz1 = CATALOGUE.by_name["dz1"]
    notes = [("current", "dz1", None), ("hints", 1, dz1), ("passed", "a digest", dz1), ("due", "2026-12-01", dz1)]

    def practise(folder):
        work = Work(folder, CATALOGUE)
        work.get_or_make_path(dz1)
        for note in notes:
            work.store(*note)

    with recorded(tmp_path / "mine") as operations:
        practise(tmp_path / "mine")
    whole, states = contents(tmp_path / "mine"), crashes(operations)
    for state in states:
        build(state, tmp_path / "again", tmp_path / "mine")
        progress = Work(tmp_path / "again", CATALOGUE).progress
        noted = [(progress[what].get(e.name) if e else progress[what]) == value for what, value, e in notes]
        assert noted == sorted(noted, reverse=True)
        practise(tmp_path / "again")
        now = contents(tmp_path / "again")
        assert {path: now[path] for path in now if not path.endswith(".part")} == whole
    print(f"{len(states)} folders")
    assert len(states) > 10
