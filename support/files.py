"""Reading and writing files: reading has a size limit, and writing replaces the old file atomically."""

import os
import shutil
import stat
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

from support.errors import UserError


def read_file(path, max_bytes):
    """Return the bytes of a regular file that has at most `max_bytes` bytes.

    Anything else raises UserError before it is opened. Where the marker looks for a file, a learner's program may have
    left a pipe, which waits forever, or a link to a device that never ends.
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
    """Raise UserError if `path`, or the target of a link at `path`, exists and is not a regular file."""
    place = os.path.realpath(path)
    if os.path.lexists(place) and not os.path.isfile(place):
        raise UserError(f"cannot write {path}: it exists and is not a regular file")


@contextmanager
def atomic_write(path, obsolete=()):
    """Context manager: yield a binary file that replaces `path` atomically at the end, if there was no error.

    obsolete: paths of files that the new file invalidates. They are removed just before the old file is replaced, when
    the new one has been written completely.

    Whatever interrupts the writing, `path` holds either all of its old content or all of the new. If two processes
    write at once, the last to finish wins. A symbolic link is followed. A killed process leaves its partial file
    behind, a hidden one whose name ends in .part. Raises UserError if `path` exists and is not a regular file.
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
    """Copy the file `path` to `target`, which is replaced atomically."""
    with open(path, "rb") as file, atomic_write(target) as target_file:
        shutil.copyfileobj(file, target_file)


def create_output_folder(name):
    """Create the folder `name` if there is none, test that it is writable, and return it as a Path.

    Raises UserError if it is not, so that a run does not fail after an hour of training.
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


def check_output(option, path, ending, *input_paths):
    """Raise UserError if `path`, the value of `option`, lacks the right ending or is one of the input files
    `input_paths`.

    So an output can replace only a picture or a page, and never a checkpoint or a photograph that was just read. A link
    is followed. An entry of `input_paths` may be None.
    """
    if not str(path).endswith(ending):
        raise UserError(f"{option} {path}: the name must end in {ending}")
    if any(is_same_file(path, source) for source in input_paths):
        raise UserError(f"{option} {path} would replace an input file: choose a different name")
    real = os.path.realpath(path)
    if not real.endswith(ending):
        raise UserError(
            f"{option} {path} is a link to {real}, whose name does not end in {ending}: choose a different name"
        )


def is_same_file(path, other_path):
    """Return True if both paths lead to the same existing file, perhaps through links. other_path may be None."""
    return (
        other_path is not None
        and os.path.exists(path)
        and os.path.exists(other_path)
        and os.path.samefile(path, other_path)
    )


@contextmanager
def file_lock(path, enabled=True):
    """Context manager: hold a lock on `path`, and yield True if it is held. Raises UserError if another run holds it.

    The operating system releases the lock when the process ends, however it ends. On a drive without locks, such as
    some network drives, a note is printed and nothing is locked. enabled: if False, do not lock.
    """
    from filelock import FileLock, Timeout  # here, because only a run needs it, and a browser has none

    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise UserError(f"{path} should be a lock file, but is not a file: remove it")
    # A soft lock, which is the file itself, would remain after a kill. The timeout is for a run that is just ending.
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
            with suppress(OSError):  # Windows does not remove an open file
                path.unlink()
        lock.release()
