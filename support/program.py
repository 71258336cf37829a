"""How a program ends: with an exit status, and at most one line on stderr."""

import os
import re
import signal
import sys
from contextlib import suppress
from pathlib import Path

from support.errors import UserError

NO_MEMORY = "not enough memory: lower --batch-size, or take a smaller network"


def run(main):
    """Call main() and return the program's exit status: 0, or 2 or 130 with one line on stderr."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed, as by the shell's >&- and 2>&-
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - until the end
    with suppress(AttributeError):  # IDLE's own needs no such thing
        sys.stdout.reconfigure(errors="backslashreplace")  # for folder names that the terminal cannot show
    try:
        return end_of(main)
    except UserError as error:
        message = str(error)
    except FloatingPointError:
        message = "the numbers overflow: the network's weights are damaged, or its training diverged"
    except MemoryError:
        message = NO_MEMORY
    except RuntimeError as error:
        if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            reason = str(error).partition("\n")[0][:300]
            message = f"--compile: PyTorch's compiler fails here ({reason}): leave --compile out"
        elif re.search("out of memory|not enough memory|allocate memory", str(error)):  # PyTorch's way to say it
            message = NO_MEMORY
        else:
            raise
    except BrokenPipeError:  # the reader of our output has gone
        give_up_stdout()
        return 1
    except OSError as error:
        give_up_stdout()
        message = f"{error.filename or 'error'}: {error.strerror or error}"
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    finally:
        with suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # too late to stop anything
    message = re.sub(r"(\S{100})\S{300,}", r"\1...", " ".join(message.split()))  # no argument is echoed at length
    print(f"{Path(sys.argv[0]).name}: {message[:2000]}", file=sys.stderr)
    return 2


def end_of(main):
    """The status that main() returns, or that argparse exits with after -h, once all that it printed has arrived."""
    try:
        status = main() or 0
    except SystemExit as end:
        status = end.code or 0
    sys.stdout.flush()
    return status


def give_up_stdout():
    """Drop what can no longer be printed; otherwise Python tries again when it exits, and complains."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
