"""Limits this process's memory, so that an array that does not fit raises MemoryError.

Without a limit, Linux promises a program any memory that it asks for, and kills it without a message when it uses more
than there is. With a limit, an array that does not fit raises MemoryError at once, and the program can say so. On other
systems nothing is limited, and NumPy may or may not raise MemoryError.
"""

import math
import os
import re
from contextlib import contextmanager, suppress
from pathlib import Path

# Bytes that are mapped for each core and hardly used: a thread's stack (8 MB) and OpenBLAS's buffers (32 MB), rounded
# up.
MAPPED_BYTES_PER_CORE = 2**26


def get_total_usable_memory(groups_file="/proc/self/cgroup", groups_folder="/sys/fs/cgroup"):
    """Return the bytes of memory that this process may use, or inf if Python does not know, as on Windows.

    It is the machine's memory or, in a container, the limit of its control group or of a parent group, if that is less.
    groups_file: the file that names this process's control groups. groups_folder: the folder of all control groups.
    """
    limits = [math.inf]
    with suppress(AttributeError, ValueError):
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if size > 0:  # a browser answers -1
            limits.append(size)
    # A line is "0::/group" in version 2, and in version 1 "4:memory:/group", one for each controller or for several.
    files = {
        "": (Path(groups_folder), "memory.max"),
        "memory": (Path(groups_folder, "memory"), "memory.limit_in_bytes"),
    }
    with suppress(OSError, ValueError):
        for line in Path(groups_file).read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            for folder, file in (files[name] for name in controllers.split(",") if name in files):
                inner = folder / group.strip("/")
                for place in (inner, *inner.parents):
                    with suppress(OSError, ValueError):  # there is none, or it is "max"
                        limits.append(int((place / file).read_text()))
    return min(limits)


def is_out_of_memory(error):
    """Return True if an exception, from Python, NumPy or PyTorch, means that the memory is full."""
    words = "out of memory|not enough memory|allocate memory"
    return isinstance(error, MemoryError) or re.search(words, str(error)) is not None


@contextmanager
def memory_limit(n_bytes):
    """Context manager: let this process allocate at most `n_bytes` more; then it gets a MemoryError.

    Works on Linux only; elsewhere it does nothing. It is for programs without PyTorch, which reserves more memory than
    it uses.
    """
    try:
        import resource  # not on Windows, nor in a browser

        match = re.search(r"^VmData:\s*(\d+) kB$", Path("/proc/self/status").read_text(), re.M)
        before = resource.getrlimit(resource.RLIMIT_DATA)
        limits = [1024 * int(match[1]) + n_bytes, *(limit for limit in before if limit != resource.RLIM_INFINITY)]
        resource.setrlimit(resource.RLIMIT_DATA, (int(min(limits)), before[1]))
    except (ImportError, OSError, TypeError, ValueError, OverflowError):  # OverflowError: n_bytes is infinite
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)  # otherwise, programs started later would inherit the limit


def machine_memory_limit():
    """Return a `memory_limit` of all the memory that is available. A run that fits into memory never reaches it."""
    return memory_limit(get_total_usable_memory() + MAPPED_BYTES_PER_CORE * (os.cpu_count() or 1))
