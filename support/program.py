"""How a program ends: with an exit status, and at most one line on stderr."""

import os
import re
import sys
from contextlib import suppress
from pathlib import Path

from support.errors import UserError


def run(main):
    """Call main() and return the program's exit status: 0, or 2 or 130 with one line on stderr."""
    if sys.stdout is None:  # closed, as by the shell's >&-
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - until the end
    with suppress(AttributeError):  # IDLE's own can do without
        sys.stdout.reconfigure(errors="backslashreplace")  # a folder's name may have letters that a terminal has not
    try:
        status = main() or 0
        sys.stdout.flush()
        return status
    except UserError as error:
        message = str(error)
    except MemoryError:
        message = "not enough memory: lower --hidden, --widths or --batch-size"
    except RuntimeError as error:  # PyTorch's way of saying the same
        if not re.search("out of memory|not enough memory|allocate memory", str(error)):
            raise
        message = "not enough memory: lower --hidden, --widths or --batch-size"
    except BrokenPipeError:  # the reader of our output has gone
        give_up_stdout()
        return 1
    except OSError as error:
        give_up_stdout()
        message = f"{error.filename or 'error'}: {error.strerror or error}"
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    print(f"{Path(sys.argv[0]).name}: {' '.join(message.split())}", file=sys.stderr)
    return 2


def give_up_stdout():
    """Drop what cannot be printed any more: otherwise Python tries again at its end, and complains."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
