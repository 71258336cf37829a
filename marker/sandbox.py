"""bubblewrap (bwrap) around what somebody has handed in: it goes nowhere from there, sees itself, and keeps nothing.

A file that is marked in it sees the system, Python, this project, the exercises and itself; of what else is on the
disk, nothing. Only a folder of its own can be written to, and that is removed. https://github.com/containers/bubblewrap
"""

import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from marker import ROOT

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/localtime")
YOURS = ROOT / ".git", ROOT / "my_practice"  # no hand-in needs them
PYTHON = {Path(p) for prefix in (sys.prefix, sys.base_prefix) for p in (prefix, Path(prefix).resolve())}


def make_command_prefix(file, folder, hidden, *others):
    """What comes before a command: bubblewrap, within which there are this file, this folder, and the others.

    hidden: folders of which it must not see what is in them, where they are inside of one that it sees.
    """
    seen = dict.fromkeys(map(str, [*SYSTEM, *sorted(PYTHON), ROOT, *others]))
    shown = [word for path in seen if Path(path).exists() for word in ("--ro-bind", path, path)]
    inside = [path.resolve() for path in (*hidden, *YOURS) if path.is_dir() and not ROOT.is_relative_to(path.resolve())]
    inside = [path for path in inside if any(path.is_relative_to(Path(p).resolve()) for p in seen)]
    away = [word for path in inside for word in ("--tmpfs", str(path))]
    own = ["--bind", str(folder), str(folder), "--ro-bind", str(Path(file).resolve()), str(Path(file).resolve())]
    apart = ["--unshare-all", "--die-with-parent", "--new-session", "--proc", "/proc", "--dev", "/dev"]
    return [
        shutil.which("bwrap"), *apart, "--tmpfs", "/tmp", *shown, *away, *own, "--chdir", str(folder), "--",
    ]  # fmt: skip


@cache
def find_failure():
    """Why there can be no sandbox here; "" if it works."""
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed"
    with tempfile.TemporaryDirectory(prefix="sandbox") as folder:
        file = Path(folder, "empty.py")
        file.write_text("")
        command = [*make_command_prefix(file, folder, ()), sys.executable, "-c", "import numpy"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=60)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"bubblewrap does not work here ({type(error).__name__})"
    said = done.stderr.strip().splitlines()
    return f"bubblewrap does not work here ({said[-1][:200] if said else done.returncode})" if done.returncode else ""
