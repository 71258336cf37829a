"""A plugin of pytest, `-p as_on_windows`: what Python has on Unix alone is hidden, as on Windows.

It shows which tests cannot even be collected there, which fail though they say nothing of Unix, and which read or write
a file by its path without saying in which encoding: there it would be cp1252. It cannot show what a child process does,
or a link that may not be made.
"""

# These ask for such names when they are imported.
import io
import multiprocessing.util  # noqa: F401
import os
import signal
import subprocess
import sys
import uuid  # noqa: F401
from contextlib import suppress
from types import SimpleNamespace

with suppress(ImportError):
    import torch  # noqa: F401
with suppress(ImportError):
    import playwright.sync_api  # noqa: F401

MODULES = ("fcntl", "grp", "posix_ipc", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty")
NAMES = {  # but os.getuid, for which pytest asks
    os: (
        "WNOHANG", "chown", "fchmod", "fchown", "fork", "forkpty", "getegid", "geteuid", "getgid", "getloadavg",
        "getpgid", "getpgrp", "getsid", "killpg", "mkfifo", "mknod", "nice", "openpty", "sched_getaffinity",
        "sched_setaffinity", "setegid", "seteuid", "setgid", "setpgid", "setsid", "setuid", "statvfs", "sysconf",
        "uname", "wait", "wait3", "wait4",
    ),
    signal: (
        "ITIMER_REAL", "SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP", "SIGTSTP",
        "SIGUSR1", "SIGUSR2", "SIGXCPU", "alarm", "getitimer", "pause", "pthread_kill", "pthread_sigmask", "setitimer",
        "sigwait",
    ),
}  # fmt: skip


def pytest_configure(config):
    """By now pytest and what it needs are imported."""
    io.text_encoding = lambda encoding, stacklevel=2: encoding or "cp1252"  # pathlib asks it
    for module in (os, signal):  # for itself, `subprocess` keeps all names
        setattr(subprocess, module.__name__, SimpleNamespace(**vars(module)))
    for name in MODULES:
        sys.modules[name] = None
    for module, names in NAMES.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
