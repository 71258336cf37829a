"""Runs a program: errors that users can fix become one line on stderr and an exit status."""

import logging
import os
import subprocess
import sys
import traceback
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from support.errors import UserError, hide_control_characters
from support.memory import is_out_of_memory, machine_memory_limit

ROOT = Path(__file__).resolve().parent.parent


def run(main, limit_memory=False, has_batch_size=False):
    """Call main() and return the program's exit status.

    The status is what main() returns, or 0 for None. It is 1 if the pipe that the program writes to was closed. With
    one line on stderr, it is 2 after an error and 130 after Ctrl-C.

    limit_memory: raise MemoryError when the memory is full; see support/memory.py. has_batch_size: True if the program
    has the option --batch-size, which the message about too little memory then recommends.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it prints many warnings about fonts
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:  # the stream is closed
            setattr(sys, stream, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
    with suppress(AttributeError):  # IDLE's stdout has no such method, and does not need it
        sys.stdout.reconfigure(errors="backslashreplace")  # for folder names that the terminal cannot show
    try:
        with machine_memory_limit() if limit_memory else nullcontext():
            status = main() or 0
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the pipe was closed; Python would complain at exit about output that is not yet written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        message = explain_error(error, has_batch_size)
        if message is None:
            raise
        print(f"{Path(sys.argv[0]).name}: {hide_control_characters(' '.join(message.split())[:1000])}", file=sys.stderr)
        return 2


def run_module(module, *arguments):
    """Run `python -m module words`, one of this project's programs, in a new process. Return its exit status."""
    path = filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": os.pathsep.join(path)})
    while True:
        try:
            status = process.wait()
            return status if status >= 0 else 128 - status
        except KeyboardInterrupt:  # the other process has received it, too, and reports it
            pass


@contextmanager
def import_guard(requirements):
    """Context manager for a program's imports: it ends the program with one line on stderr if an import fails.

    That is the case if a package is not installed, if a file of this project has an error that shows on import, and
    after Ctrl-C. requirements: the name of the file that lists the packages.
    """
    try:
        yield
        return
    except KeyboardInterrupt:
        status = 130
        message = "interrupted"
    except Exception as error:
        status = 2
        message = explain_import_error(error, requirements)
        if message is None:
            raise
    print(f"{Path(sys.argv[0]).name}: {message}" if status == 2 else message, file=sys.stderr)
    sys.exit(status)


def explain_import_error(error, requirements):
    """Return a message for an error during an import, or None if the error is a bug in this project."""
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed: python -m pip install -r {requirements}"
    if isinstance(error, ValueError) and "MPLBACKEND" in os.environ and "backend" in str(error):
        return f"matplotlib has no backend {os.environ['MPLBACKEND']}: unset MPLBACKEND"
    if isinstance(error, (SyntaxError, ImportError, NameError, AttributeError)):  # may come from an edit of a file
        return locate_error(error)
    return None


def locate_error(error):
    """Return "FILE.py:NUMBER, LINE: MESSAGE" for an error, or None if no file of this project took part in it.

    It names the innermost line in the files at the root of the project, which readers edit. If there is none, it names
    the innermost line in any other file of the project.
    """
    if isinstance(error, SyntaxError) and error.filename and is_ours(error.filename):
        return f"{Path(error.filename).name}:{error.lineno}, {(error.text or '').strip()}: {error.msg}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_ours(frame.filename)]
    lessons = [frame for frame in frames if Path(frame.filename).parent == ROOT]
    if not frames:
        return None
    frame = (lessons or frames)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}, {frame.line}: {error or type(error).__name__}"


def is_ours(filename):
    """Return True if a file belongs to this project, and not to a package that is installed in the project's folder."""
    path = Path(filename)
    return path.is_relative_to(ROOT) and "site-packages" not in path.parts


def explain_error(error, has_batch_size=False):
    """Return a message for an error, or None if the error is a bug in this project. has_batch_size: see `run`."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'error'}: {error.strerror or error}"
    if isinstance(error, FloatingPointError):
        return "the numbers overflow: the network's weights are damaged, or its training diverged"
    if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
        reason = str(error).partition("\n")[0][:300]
        return f"--compile: PyTorch's compiler fails here ({reason}): leave --compile out"
    if is_out_of_memory(error):
        advice = "lower --batch-size" if has_batch_size else "close other programs"
        return f"not enough memory: {advice}, or choose a smaller network"
    return None
