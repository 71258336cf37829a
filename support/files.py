"""Files out: each takes its place in one step, so that nobody ever finds half of one."""

import os
import stat
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from support.errors import UserError


@contextmanager
def replacing(path):
    """A binary file that takes the place of `path` in one step, at the end, if nothing went wrong.

    Only a regular file is ever replaced, or nothing; of a symbolic link, what it points to. UserError for a device, a
    pipe and the like. Whatever interrupts the writing, `path` holds either all that it held before or all of the new.
    Of two that write at once, the last to end wins. A process that is killed leaves its part of a file behind, under a
    name that starts with a dot; the next to write the same file an hour later (no file takes that long) removes it.
    """
    given, path = path, Path(os.path.realpath(path))
    try:
        if not stat.S_ISREG(mode := os.stat(given).st_mode) and not stat.S_ISDIR(mode):
            raise UserError(f"cannot write {given}: it is not a regular file")
    except FileNotFoundError:
        pass
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        for part in path.parent.glob(f".{path.name}.*.part"):
            with suppress(OSError):
                if part.stat().st_mtime < time.time() - 3600:
                    part.unlink()
        with open(temporary, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        error.filename = str(given)  # the name that the user knows
        raise
    finally:
        temporary.unlink(missing_ok=True)


def open_folder(name):
    """The folder of that name as a Path, made if need be and tried: better now than after an hour of training.

    Two runs may write into one folder at once. Files of different programs or models have different names. Of two runs
    of the same program each file is whole, and is the one that was written last. To keep both, use two folders.
    """
    folder = Path(name)
    if not name:
        raise UserError("--out is empty: name a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / ".trial.part"
        trial.touch()
        trial.unlink(missing_ok=True)  # another run may have been faster
    except OSError as error:
        raise UserError(f"cannot write in --out {name}: {error.strerror}") from None
    return folder
