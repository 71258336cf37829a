"""Limits this process's memory, so that an array for which there is none is a MemoryError.

Without a limit, Linux promises a program any memory that it asks for, and kills it without a word when it uses more
than there is. With one, NumPy hears at once that an array does not fit, and the program can say so. On other systems
nothing is limited, and NumPy's MemoryError comes by itself or not at all.
"""

import math
import os
import re
from contextlib import contextmanager, suppress
from pathlib import Path

# Mapped for each core and hardly used: the stack of a thread (8 MB), and the matrices that OpenBLAS copies (32 MB);
# rounded up.
OF_A_CORE = 2**26


def available_memory(groups_file="/proc/self/cgroup", groups_folder="/sys/fs/cgroup"):
    """The bytes of memory that this process may use; infinite where Python does not know, as on Windows.

    They are the machine's, or fewer: in a container, the limit of its control group counts, or of a group around it.
    groups_file: the file that names this process's groups; groups_folder: the folder of them all.
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
    """Return True if an exception says that there is no memory left: Python's, NumPy's, or one of PyTorch's."""
    words = "out of memory|not enough memory|allocate memory"
    return isinstance(error, MemoryError) or re.search(words, str(error)) is not None


@contextmanager
def memory_limit(n_bytes):
    """Context manager: this process gets so many more bytes, and then a MemoryError: on Linux; elsewhere it may get
    any number. For programs without PyTorch, which reserves more than it uses."""
    try:
        import resource  # not on Windows, nor in a browser

        match = re.search(r"^VmData:\s*(\d+) kB$", Path("/proc/self/status").read_text(), re.M)
        before = resource.getrlimit(resource.RLIMIT_DATA)
        limits = [1024 * int(match[1]) + n_bytes, *(limit for limit in before if limit != resource.RLIM_INFINITY)]
        resource.setrlimit(resource.RLIMIT_DATA, (int(min(limits)), before[1]))
    except (ImportError, OSError, TypeError, ValueError, OverflowError):  # the last: any number
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)  # programs that this one starts would inherit it


def limit_to_machine_memory():
    """Return a `memory_limit` of all the memory that there is: a run that fits never meets it."""
    return memory_limit(available_memory() + OF_A_CORE * (os.cpu_count() or 1))
