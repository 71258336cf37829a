"""A sandbox for submissions, with bubblewrap (bwrap): no internet, few visible files, and nothing that it writes
remains.

A file that is marked in the sandbox can read the system's libraries, Python, this project, the exercises and itself,
and nothing else on the disk. It can write only to a temporary folder, which is removed afterwards.
https://github.com/containers/bubblewrap
"""

import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from marker import ROOT

SYSTEM_PATHS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/localtime")
HIDDEN_PATHS = ROOT / ".git", ROOT / "my_practice"  # no hand-in needs them
PYTHON_PREFIXES = Path(sys.prefix), Path(sys.base_prefix)
PYTHON_PATHS = {*PYTHON_PREFIXES, *(prefix.resolve() for prefix in PYTHON_PREFIXES)}


def make_command_prefix(learner_path, folder, hidden_folders, *other_folders):
    """Return the words to put before a command so that bubblewrap runs it.

    Inside, `folder` is writable and the current directory; `learner_path` and `other_folders` are read-only.
    hidden_folders: folders that appear empty if they are inside a visible one.
    """
    visible = dict.fromkeys(map(str, [*SYSTEM_PATHS, *sorted(PYTHON_PATHS), ROOT, *other_folders]))
    visible_arguments = []
    for path in visible:
        if Path(path).exists():
            visible_arguments += ["--ro-bind", path, path]
    roots = [Path(path).resolve() for path in visible]
    hiding_arguments = []
    for path in (*hidden_folders, *HIDDEN_PATHS):
        path = path.resolve()
        if path.is_dir() and not ROOT.is_relative_to(path) and any(map(path.is_relative_to, roots)):
            hiding_arguments += ["--tmpfs", str(path)]
    path = str(Path(learner_path).resolve())
    own_arguments = ["--bind", str(folder), str(folder), "--ro-bind", path, path]
    isolation_arguments = ["--unshare-all", "--die-with-parent", "--new-session", "--proc", "/proc", "--dev", "/dev"]
    binding_arguments = [*visible_arguments, *hiding_arguments, *own_arguments]
    isolation_arguments += ["--tmpfs", "/tmp"]
    return [shutil.which("bwrap"), *isolation_arguments, *binding_arguments, "--chdir", str(folder), "--"]


@cache
def find_failure():
    """Return why the sandbox does not work on this machine; "" if it does."""
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed"
    with tempfile.TemporaryDirectory(prefix="sandbox") as folder:
        file = Path(folder, "empty.py")
        file.write_text("")
        command = [*make_command_prefix(file, folder, ()), sys.executable, "-c", "import numpy"]
        try:
            process = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=60)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"bubblewrap does not work here ({type(error).__name__})"
    if not process.returncode:
        return ""
    error_lines = process.stderr.strip().splitlines()
    reason = error_lines[-1][:200] if error_lines else process.returncode
    return f"bubblewrap does not work here ({reason})"
