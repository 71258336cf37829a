"""What can happen to a run and its files: nothing is lost, nothing goes wrong silently, and what is said is one line.

Command lines are typed into this process, unless they need one of their own.
"""

import contextlib
import errno
import importlib
import io
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

import data
import plot
from conftest import ROOT, assert_one_line, damaged, fuzz, rows, schedule
from support import program as ending
from support.checkpoint import load_checkpoint
from support.errors import UserError
from support.files import atomic_write, file_lock

fcntl = pytest.importorskip("fcntl", reason="signals and locks are Unix's")
pytestmark = pytest.mark.usefixtures("quick_curves")
RUN = "--hidden 8 --batch-size 60 --epochs 2"  # 20 steps


@pytest.fixture(scope="module")
def do(small):
    """do("main_np --hidden 8", *more words) -> how the program ended."""

    def call(line, *more, out=None):
        words, out, err = [*line.split(), *map(str, more)], out or io.StringIO(), io.StringIO()
        main = importlib.import_module(words[0]).main
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            patch.setattr(sys, "argv", [f"{words[0]}.py", *words[1:]])
            patch.setattr(data, "load", lambda *_: small)
            signal.signal(signal.SIGALRM, signal.default_int_handler)  # the status is 130 then
            signal.alarm(30)
            try:
                status = ending.run(main)
            finally:
                signal.alarm(0)
                signal.signal(signal.SIGINT, signal.default_int_handler)
        return subprocess.CompletedProcess(line, status, stderr=err.getvalue())

    return call


def succeeds(result):
    replaced = re.fullmatch(r"(the checkpoint of the previous run is kept as .*\n)?", result.stderr)
    assert result.returncode == 0 and replaced, result.stderr


def one_line_or_none(result):
    assert (result.returncode, result.stderr.count("\n")) in ((0, 0), (2, 1)), result.stderr


def tree(folder="."):
    """{path: its bytes; where it leads; None if it is no file, or is huge} of all files below a folder."""

    def content(path):
        if path.is_symlink():
            return os.readlink(path)
        return path.read_bytes() if path.is_file() and path.stat().st_size < 2**24 else None

    return {str(path.relative_to(folder)): content(path) for path in Path(folder).rglob("*") if not path.is_dir()}


@pytest.fixture(scope="module")
def good(do, mnist, tmp_path_factory):
    """A folder with a checkpoint after the first of two epochs, its history, and a picture of a digit."""
    folder, out = tmp_path_factory.mktemp("good"), tmp_path_factory.mktemp("out")
    succeeds(do(f"main_np {RUN} --stop-after 1 --out", out))
    shutil.copy(out / "checkpoint_np.npz", folder / "w.npz")
    shutil.copy(out / "history_np.json", folder / "h.json")
    (folder / "h.png").symlink_to("h.json")
    (folder / "forward_w.png").symlink_to("digit.png")
    (folder / "weights_l.png").symlink_to("w.npz")
    (folder / "l.npz").symlink_to("w.npz")
    shutil.copy(folder / "w.npz", folder / "w.png")
    Image.fromarray(255 - mnist.test_images[0]).resize((280, 280)).save(folder / "digit.png")
    return folder


@pytest.fixture
def here(good, tmp_path, monkeypatch):
    """The same in the current folder."""
    shutil.copytree(good, tmp_path, dirs_exist_ok=True, symlinks=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- What is wrong with a file, and who reads or writes it ----------------------------------------------------------

UNREADABLE = {
    "a folder": os.mkdir,
    "nothing": lambda path: None,
    "an empty file": lambda path: Path(path).touch(),
    "brackets": lambda path: Path(path).write_text("[" * 100_000),
    "terabytes": lambda path: (Path(path).touch(), os.truncate(path, 2**40)),
}
READERS = (
    "main_np --resume fault", "predict digit.png --weights fault", "look --weights fault",
    "page.build --out page.html --weights fault", "predict --weights w.npz fault", "plot fault",
)  # fmt: skip


@pytest.mark.parametrize("line", READERS)
@pytest.mark.parametrize("fault", UNREADABLE)
def test_what_cannot_be_read_is_one_line(do, here, fault, line):
    UNREADABLE[fault]("fault")
    before = tree()
    assert_one_line(do(line), "fault")
    assert tree() == before


WRITERS = {  # a file, and what writes it
    "seen.png": "predict digit.png --weights w.npz --show seen.png",
    "out/checkpoint_np.npz": "main_np --resume w.npz --out out",
    "out/history_np.json": "main_np --resume w.npz --out out",
    "page.html": "page.build --weights w.npz --out page.html",
    "runs.png": "plot h.json --out runs.png",
}


@pytest.mark.parametrize("path", WRITERS)
def test_a_folder_in_the_place_of_a_file_stays(do, here, path):
    os.makedirs(path)
    before = tree()
    assert_one_line(do(WRITERS[path]), path)
    assert os.path.isdir(path) and tree() == before


@pytest.mark.parametrize("path", schedule(["runs.png", "out/checkpoint_np.npz"], every_day=["out/checkpoint_np.npz"]))
def test_a_full_disk_costs_no_file_that_was_there(do, here, path):
    """It may be found to be full when the file is closed. A link leads to the file."""
    succeeds(do(WRITERS[path]))
    os.rename(path, elsewhere := here / f"elsewhere{Path(path).suffix}")
    os.symlink(elsewhere, path)
    before = tree()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", Mock(side_effect=OSError(28, "No space left on device")))
        assert_one_line(do(WRITERS[path]), "No space left", path.split("/")[0])
    assert tree() == before
    succeeds(do(WRITERS[path]))
    assert before.items() <= tree().items()


def test_only_a_regular_file_is_replaced(tmp_path):
    (tmp_path / "to a device").symlink_to("/dev/null")
    (tmp_path / "to itself").symlink_to("to itself")
    (tmp_path / "to nothing").symlink_to("new")
    os.mkfifo(tmp_path / "pipe")
    for name in ("to a device", "to itself", "pipe"):
        with (
            pytest.raises(UserError, match=f"{name}: it exists and is not a regular file"),
            atomic_write(tmp_path / name),
        ):
            pass
    with atomic_write(tmp_path / "to nothing") as file:
        file.write(b"new")
    assert tree(tmp_path) == {
        "to a device": "/dev/null", "to itself": "to itself", "to nothing": "new", "pipe": None, "new": b"new",
    }  # fmt: skip


def test_two_programs_that_write_one_file_at_once(tmp_path, monkeypatch):
    with atomic_write(tmp_path / "file") as last:
        last.write(b"last")
        monkeypatch.setattr(os, "getpid", lambda: 1)
        with atomic_write(tmp_path / "file") as first:
            first.write(b"first")
        assert tree(tmp_path)["file"] == b"first"
    assert tree(tmp_path) == {"file": b"last"}


# --- What is wrong with a command line, or around it ----------------------------------------------------------------

LINES = """
    main_np --batch-size 601                                 | --batch-size 601 is more than the 600 training images |
    main_np --batch-size=--                                  | --batch-size=--: -- is not a value |
    main_np --resume w.npz --hidden 9                        | --hidden 9 contradicts w.npz |
    main_np --resume w.npz --recipe best                     | --recipe best contradicts w.npz |
    main_np --resume w.npz --model vit                       | --model vit contradicts w.npz, a run with mlp |
    main_np --resume w.npz --steps 3                         | --steps 3 contradicts w.npz, which did not use it |
    main_np --model resnet --widths 2,2,2,2,2 --batch-size 1 | --batch-size |
    main_np --model vit --hidden 5                           | unrecognized arguments: --hidden 5 (-h explains |
    main_np --out w.npz/in                                   | cannot write in --out w.npz/in: Not a directory |
    main_np --out /proc                                      | cannot write in --out /proc: |
    main_np --out=                                           | --out is empty: name a folder |
    main_np --device cpu                                     | unrecognized arguments: --device cpu |
    main_torch --device tpu                                  | --device: invalid choice: 'tpu' |
    main_np --hidden 32 --batch-size 60 --schedule constant --lr 1e30 --steps 1 | at step 1: lower --lr |
    main_torch --hidden 32 --batch-size 60 --schedule constant --lr 1e30 --steps 4 --dtype float64 | at step 2: |
    predict digit.png --weight x                             | unrecognized arguments: --weight |
    predict digit.png --weights w.npz --show no/s.png        | no/s.png: No such file |
    predict digit.png --weights w.npz --show w.npz/s.png     | w.npz/s.png: Not a directory |
    predict digit.png --weights w.npz --show digit.png       | would replace an input file |
    predict digit.png --weights w.npz --show w.npz           | w.npz: the name must end in .png |
    look forward_w.png --label 1 --weights w.npz --out .     | would replace an input file |
    look --weights w.npz --out h.json                        | cannot write in --out h.json: File exists |
    page.build --weights w.npz --out w.npz                   | w.npz: the name must end in .html |
    plot h.json --out h.json/a.png                           | cannot write in --out h.json: File exists |
    plot h.png --out h.png                                   | would replace an input file |
    plot h.json --out weights_l.png                          | w.npz, whose name does not end in .png |
    predict digit.png --weights w.png --show w.png           | would replace an input file |
    predict digit.png --weights w.npz --show weights_l.png   | would replace an input file |
    look --weights l.npz --out .                             | would replace an input file |
    write 2026 --out weights_l.png                           | w.npz, whose name does not end in .png |
    main_np --model gpt --pixels raw                         | --pixels raw does not apply: GPT learns from tokens |
    main_torch --model gpt --dataset fashion_mnist           | --dataset fashion_mnist has no tokens |
    write                                                    | no trained network that writes in |
    write 2026 --temperature -1                              | -1 is not in the range 0 to 100 |
    write 2026                                               | run `python main_np.py --model gpt` first |
    write 2026 --weights w.npz                               | w.npz holds a network that reads; name one that |
    write 2026 --out h.json                                  | h.json: the name must end in .png |
    look --test 10000                                        | 10000 is not in the range 0 to 9,999 |
    look digit.png                                           | needs --label |
    look digit.png --label 1 --test 3                        | no --test |
    look --label 1                                           | --label is for your own picture |
    look --weights w.npz --patch 3                           | --patch 3: only a ViT has any |
    look --weights w.npz --test 300 --out .                  | --test 300: there are 300 test images, from 0 |
"""


@pytest.mark.parametrize(("line", "words"), [*rows(LINES)])
def test_a_command_line_that_makes_no_sense(do, here, line, words):
    before = tree()
    assert_one_line(do(line), words)
    assert tree() == before


def test_a_reader_that_has_gone_costs_no_run(do, here):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as pipe:
        result = do(f"main_np {RUN} --out out", out=pipe)
    assert (result.returncode, result.stderr) == (1, "")
    assert len(os.listdir("out")) == 4


# --- What is in a file ----------------------------------------------------------------------------------------------


def test_a_damaged_history_is_one_line_or_drawn(do, here, monkeypatch):
    def check(content):
        Path("h.json").write_bytes(content)
        one_line_or_none(do("plot h.json --out a.png"))

    whole = Path("h.json").read_bytes()
    for content in (b"[]", b"\xff\xfe", b"1" * 5000):
        check(content)
    monkeypatch.setattr(plot, "save", lambda *_: None)
    fuzz(50, damaged(whole), check)


@pytest.mark.parametrize(
    "line",
    [
        "main_np --model resnet --batch-size 1 --widths 2,2,2,2",  # there is something to normalise in one image ...
        "main_torch --model resnet --batch-size 2 --widths 2,2,2,2,2",  # ... until one position is left
        "main_np --hidden 32 --batch-size 60 --schedule constant --lr 1e5",  # a loss that grows can be drawn
    ],
)
def test_numbers_at_the_edge(do, here, line):
    succeeds(do(f"{line} --steps 3 --out out"))


def test_weights_too_large_to_compute_with(do, here):
    with np.load("w.npz") as file:
        arrays = dict(file)
    np.savez("fault.npz", **arrays | {"params/W1": np.full_like(arrays["params/W1"], 3e38)})
    os.rename("fault.npz", "fault")
    for line in READERS[1:4]:
        assert_one_line(do(line), "overflow")


# --- What happens while a run is on its way -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "signals", "status"),
    [
        ("main_np", [signal.SIGINT], 130),
        ("main_np", [signal.SIGTERM], 143),
        ("main_np", [signal.SIGINT, signal.SIGINT], 130),
        ("main_torch", [signal.SIGINT], 130),
    ],
)
def test_a_signal_saves_what_was_learned(do, here, program, signals, status):
    """One signal ends the run after its step; a second Ctrl-C ends it there and then."""
    batches = data.batches

    def interrupted(*arguments):
        for n, batch in enumerate(batches(*arguments)):
            for number in signals if n == 14 else ():
                os.kill(os.getpid(), number)
            yield batch

    succeeds(do(f"{program} {RUN} --out whole"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "batches", interrupted)
        result = do(f"{program} {RUN} --out out")
    assert_one_line(result, "interrupted" if len(signals) > 1 else "--resume out/checkpoint", status=status)
    checkpoint = next(here.glob("out/*.npz"))
    assert load_checkpoint(checkpoint).history.step == (10 if len(signals) > 1 else 15)
    succeeds(do(f"{program} --resume {checkpoint} --out out"))
    assert tree("out") == tree("whole")


def test_a_run_keeps_the_checkpoint_that_it_replaces(do, here):
    """Another run's, but not its own, and whatever is there already; and two runs at once do not write over each other.

    What a killed run was just writing is removed, if no other run may be writing it."""
    os.mkdir("out")
    parts = [Path(f"out/.{name}.1.part") for name in ("history_np.json", "checkpoint_np.npz", "checkpoint_np.npz.bak")]
    parts.append(Path("out/.loss_plot_np.png.1.part"))
    for part in (*parts, Path("out/.checkpoint_vit_np.npz.1.part")):
        part.touch()
        os.utime(part, (0, 0))
    succeeds(do(f"main_np {RUN} --out out"))
    assert not any(part.exists() for part in parts) and Path("out/.checkpoint_vit_np.npz.1.part").exists()
    before = Path("out/checkpoint_np.npz").read_bytes()
    found = do(f"main_np {RUN} --seed 1 --stop-after 1 --out out")
    assert_one_line(found, "kept as out/checkpoint_np.npz.bak", status=0)
    assert Path("out/checkpoint_np.npz.bak").read_bytes() == before
    succeeds(do("main_np --resume out/checkpoint_np.npz"))  # --out is where it is
    assert Path("out/checkpoint_np.npz.bak").read_bytes() == before
    shutil.copytree("out", "copy")
    succeeds(do("main_np --resume out/checkpoint_np.npz --out copy"))
    assert tree("copy") == tree("out")  # a copy of what goes on needs none
    os.symlink("checkpoint_np.npz", "out/checkpoint_np.npz.bak2")
    os.mkdir("out/checkpoint_np.npz.bak3")
    second = Path("out/checkpoint_np.npz").read_bytes()
    found = do(f"main_np {RUN} --seed 2 --stop-after 1 --out out")
    assert_one_line(found, "kept as out/checkpoint_np.npz.bak4", status=0)
    assert Path("out/checkpoint_np.npz.bak").read_bytes() == before
    assert Path("out/checkpoint_np.npz.bak4").read_bytes() == second
    parts[0].touch()
    was = tree("out")
    with file_lock(Path("out/.np.lock")):
        assert_one_line(do(f"main_np {RUN} --out out"), "another run is writing into out")
        succeeds(do("main_torch --hidden 8 --batch-size 60 --steps 1 --out out"))
    assert was.items() <= tree("out").items()


def test_a_lock_that_another_run_is_just_removing_is_none(tmp_path, monkeypatch):
    path, flock = tmp_path / ".np.lock", fcntl.flock

    def late(*arguments):
        monkeypatch.undo()
        path.unlink()
        flock(*arguments)

    monkeypatch.setattr(fcntl, "flock", late)
    with file_lock(path), pytest.raises(UserError), file_lock(path):
        pass
    assert not path.exists()


def test_a_lock_of_a_killed_run_is_none(tmp_path):
    path = tmp_path / ".np.lock"
    lock = f"f.file_lock(pathlib.Path({str(path)!r}))"
    code = f"import os, pathlib, support.files as f\nwith {lock}: os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == -signal.SIGKILL
    assert path.exists()
    with file_lock(path):
        pass


@pytest.mark.parametrize("make", [os.mkdir, lambda path: os.symlink("elsewhere", path)])
def test_a_lock_that_is_no_file(make, tmp_path):
    make(path := tmp_path / ".np.lock")
    with pytest.raises(UserError, match=f"{path} should be a lock file"), file_lock(path):
        pass
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_drive_without_locks(number, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fcntl, "flock", Mock(side_effect=OSError(number, os.strerror(number))))
    with (
        file_lock(tmp_path / ".np.lock"),
        file_lock(tmp_path / ".np.lock"),
        file_lock(tmp_path / ".np.lock", enabled=False),
    ):
        pass
    assert capsys.readouterr().err.count(f"note: the drive of {tmp_path} has no locks") == 2


class Death(BaseException):
    """Nothing handles it, as nothing handles kill -9."""


def dying(moment):
    """An os.replace at which a program dies: before the first file takes its place (0), after it (1), and so on."""
    replace, moments = os.replace, itertools.count()

    def call(*arguments):
        for step in (lambda: None, lambda: replace(*arguments)):
            step()
            if next(moments) == moment:
                raise Death

    return call


def test_killed_before_or_after_a_file_takes_its_place(do, here, monkeypatch):
    """Each file is whole. Resumed, it is the same run."""
    for out, words in (("half", "--stop-after 1"), ("new", "")):
        succeeds(do(f"main_np {RUN} {words} --out {out}"))
    half, new = tree("half"), tree("new")
    for moment in range(8):  # of two checkpoints, each with its history
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Death):
            patch.setattr(os, "replace", dying(moment))
            do(f"main_np {RUN} --out out")
        assert all(content in (half.get(name), new[name]) for name, content in tree("out").items())
        succeeds(do(f"main_np {'--resume out/checkpoint_np.npz' if moment else RUN} --out out"))
        assert tree("out") == new
        shutil.rmtree("out")


def full(moment):
    """An os.fsync that finds the disk full from that call on."""
    calls = itertools.count()
    return Mock(side_effect=lambda _: next(calls) >= moment and os.write(os.open("/dev/full", os.O_WRONLY), b" "))


def test_a_backup_that_goes_on_loses_neither_run(do, here, monkeypatch):
    """Until its first save a resumed backup is the only copy of its run; the run that had replaced it is kept too."""
    succeeds(do(f"main_np {RUN} --out whole"))
    succeeds(do(f"main_np {RUN} --seed 1 --stop-after 1 --out newer"))
    shutil.copy("w.npz", "newer/checkpoint_np.npz.bak")
    older, newer, whole = Path("w.npz").read_bytes(), Path("newer/checkpoint_np.npz").read_bytes(), tree("whole")
    resume = "main_np --resume out/checkpoint_np.npz.bak --out out"
    faults = [("replace", dying, moment) for moment in range(6)] + [("fsync", full, moment) for moment in range(3)]
    for call, fault, moment in faults:  # of the newer run's backup, the checkpoint and the history
        shutil.copytree("newer", "out")
        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Death):
            patch.setattr(os, call, fault(moment))
            result = do(resume)
            assert result.returncode == 2 and "No space left" in result.stderr
        left = tree("out")
        assert left["checkpoint_np.npz.bak"] == older and newer in left.values()
        assert "loss_plot_np.png" not in left or left["checkpoint_np.npz"] == newer
        succeeds(do(resume))
        assert whole.items() <= tree("out").items() and tree("out")["checkpoint_np.npz.bak"] == older
        shutil.rmtree("out")


def test_what_does_not_belong_together_is_said(do, here, monkeypatch):
    """A run that has ended and is resumed leaves all that a run leaves, and so puts an end to it."""
    for name in (
        "plot.save_learning_curves",
        "plot.draw_comparison",
        "plot.save",
        "look.make_test_figures_by_kind",
        "look.make_image_figures_by_kind",
    ):
        monkeypatch.setattr(name, lambda *_: {})
    succeeds(do(f"main_np {RUN} --seed 1 --out out"))
    whole = Path("out/history_np.json").read_text(encoding="utf-8")
    for other, steps in (
        (Path("h.json").read_text(encoding="utf-8"), 10),
        (whole.replace('"seed": 1', '"seed": 2'), 20),
    ):
        Path("out/history_np.json").write_text(other)
        for line in ("plot out --out c.png", "look --weights out/checkpoint_np.npz --out pictures"):
            apart = f"out/history_np.json ({steps} steps) and checkpoint_np.npz (20 steps) do not belong together"
            assert_one_line(do(line), apart, status=0)
    succeeds(do("main_np --resume out/checkpoint_np.npz --out elsewhere"))
    succeeds(do("main_np --resume out/checkpoint_np.npz --out out"))
    assert tree("elsewhere") == tree("out")
    succeeds(do("plot out --out c.png"))
