"""Files in and out: what is read has a largest size, and what is written replaces the old file in one step."""

import os
import shutil
import stat
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

from support.errors import UserError


def read_file(path, max_bytes):
    """The bytes of a regular file that has at most `max_bytes` of them.

    UserError for anything else, before it is opened. A learner's program may leave a pipe, which waits forever, or a
    link to a device that has no end, where the marker looks for a file.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"cannot read {path}: it is not a regular file")
        if status.st_size > max_bytes:
            raise UserError(f"cannot read {path}: it has more than {max_bytes:,} bytes")
        return Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None


def check_writable(path):
    """UserError if a file cannot take the place `path`, because what is there, or where a link leads, is no file."""
    place = os.path.realpath(path)
    if os.path.lexists(place) and not os.path.isfile(place):
        raise UserError(f"cannot write {path}: it exists and is not a regular file")


@contextmanager
def atomic_write(path, obsolete=()):
    """Context manager: yield a binary file that replaces `path` in one step, at the end, if nothing went wrong.

    obsolete: paths of files that the new one makes untrue. They are removed just before, when nothing can be wrong any
    more with what was written: none outlives the old file.

    Whatever interrupts the writing, `path` holds either all of its old content or all of the new. If two write at once,
    the last to finish wins. A symbolic link is followed. A killed process leaves its partial file behind, a hidden one
    that ends in .part. UserError if what is there is no regular file: a folder, a pipe or a device stays.
    """
    check_writable(path)
    original_path = path
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        for obsolete_path in obsolete:
            Path(obsolete_path).unlink(missing_ok=True)
        os.replace(temporary, path)
    except OSError as error:
        error.filename = str(original_path)  # the name that the user knows
        raise
    finally:
        with suppress(FileNotFoundError, NotADirectoryError):
            temporary.unlink()


def copy_file(path, target):
    """Copy a file, in one step."""
    with open(path, "rb") as file, atomic_write(target) as target_file:
        shutil.copyfileobj(file, target_file)


def create_output_folder(name):
    """Return the folder of that name as a Path, created and tested: better now than after an hour of training.

    Raises UserError if it cannot be written.
    """
    folder = Path(name)
    if not name:
        raise UserError("--out is empty: name a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / ".trial.part"
        trial.touch()
        trial.unlink(missing_ok=True)  # another run may have removed it
    except OSError as error:
        raise UserError(f"cannot write in --out {name}: {error.strerror}") from None
    return folder


def check_output(option, path, ending, *read):
    """UserError if `path`, which an option names, has another ending, or leads to one of the files that are read.

    Nothing but a picture or a page is replaced: no checkpoint, whatever its name, and no photograph that was just read.
    """
    if not str(path).endswith(ending):
        raise UserError(f"{option} {path}: the name must end in {ending}")
    if any(is_same_file(path, source) for source in read):
        raise UserError(f"{option} {path} would replace an input file: choose a different name")
    real = os.path.realpath(path)
    if not real.endswith(ending):
        raise UserError(
            f"{option} {path} is a link to {real}, whose name does not end in {ending}: choose a different name"
        )


def is_same_file(path, other_path):
    """Return True if both paths lead to one file, by links perhaps. None leads nowhere."""
    return (
        other_path is not None
        and os.path.exists(path)
        and os.path.exists(other_path)
        and os.path.samefile(path, other_path)
    )


@contextmanager
def file_lock(path, enabled=True):
    """Context manager: lock others with the same path out (they get a UserError). Yields whether the lock is held.

    The lock is the system's, which takes it back when a process ends, however it ends. On a drive that has none (as
    some network drives), this says so and does nothing else. enabled: whether to do it at all.
    """
    from filelock import FileLock, Timeout  # here, because only a run needs it, and a browser has none

    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise UserError(f"{path} should be a lock file, but is not a file: remove it")
    # A soft lock, the file itself, would stay after a kill. A moment's patience is for a run that is just ending.
    lock = FileLock(path, timeout=0.1, fallback_to_soft=False)
    try:
        if enabled:
            lock.acquire()
    except Timeout:
        words = f"another run is writing into {path.parent}: choose a different folder for this one (--out)"
        raise UserError(words) from None
    except OSError:
        words = "has no locks, so this run cannot notice another one that writes there: do not start one"
        print(f"note: the drive of {path.parent} {words}", file=sys.stderr)
    try:
        yield lock.is_locked
    finally:
        if lock.is_locked:
            with suppress(OSError):  # Windows removes no file that is open
                path.unlink()
        lock.release()
