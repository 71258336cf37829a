"""The tests themselves, on another machine than ours: on Windows, from a ZIP file, where npm has no network."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from conftest import ROOT, UNIX, once, project_files
from support.errors import UserError


def apart(*words, cwd=ROOT, begin="import runpy", **variables):
    """(exit status, what was printed) of pytest in a process of its own, which begins with this line."""
    outer = ("PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT")
    env = {name: value for name, value in os.environ.items() if name not in outer}
    env |= {"PYTHONPATH": str(cwd / "tests" / "helpers")} | variables
    begin += "; runpy.run_module('pytest', run_name='__main__', alter_sys=True)"
    command = [sys.executable, "-c", begin, "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *words]
    ended = subprocess.run(command, cwd=cwd, env=env, stdout=-1, stderr=-2, encoding="utf-8", errors="replace")
    return ended.returncode, ended.stdout


def test_on_windows_every_test_is_collected():
    """Where there is no `resource`, no os.fork, no signal.SIGKILL. It imports every test file, which takes seconds."""
    status, said = apart("-p", "as_on_windows", "--collect-only")
    assert status == 0, said[-2000:]
    assert int(re.search(r"(\d+) tests collected", said)[1]) > 1000


@pytest.mark.slow("first")
def test_what_needs_no_unix_passes_without_it():
    status, said = apart("-p", "as_on_windows", "-m", "not slow", *ON_WINDOWS)
    assert status == 0, said[-3000:]


ON_WINDOWS = [
    *(f"tests/support/test_{name}.py" for name in ("checkpoint", "download", "memory", "run", "source", "texts")),
    *(f"tests/test_{name}.py" for name in ("data", "plot", "practice_commands", "predict", "walls", "write")),
]  # fmt: skip


@UNIX
@pytest.mark.slow("first")
def test_a_copy_without_git_in_any_folder_with_one_core_no_home_and_no_network_passes_or_says_why_not(tmp_path):
    """As from the ZIP file. Nothing can be written to the home folder, and behind the proxy there is nothing."""
    copied = tmp_path / "Zoë's copy (1)"
    for path in project_files():
        (copied / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, copied / path)
    (tmp_path / "home").write_text("no folder")
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "npm_config_registry"), "http://127.0.0.1:9")
    nowhere |= {"HOME": str(tmp_path / "home"), "NEED_BROWSER": ""}
    core = "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])"
    one = f"import os, runpy; hasattr(os, 'sched_setaffinity') and {core}"
    status, said = apart("-m", "not slow", "-rs", *ELSEWHERE, cwd=copied, begin=one, **nowhere)
    assert status == 0, said[-3000:]
    assert re.search(r"SKIPPED .* needs what npm gets: npm failed", said) or not shutil.which("npm")
    assert not re.search("SKIPPED .*(test_walls|test_additions|test_main)", said)


ELSEWHERE = [
    "tests/page/test_build.py", *(f"tests/support/test_{name}.py" for name in ("checkpoint", "download", "source")),
    *(f"tests/test_{name}.py" for name in ("additions", "docs", "main", "practice_commands", "predict", "walls")),
]  # fmt: skip


def test_what_one_process_cannot_make_no_other_waits_for(tmp_path_factory):
    """It hears why."""

    def make(path):
        raise UserError("npm failed: no network")

    for _ in range(2):
        with pytest.raises(UserError, match="npm failed: no network"):
            once(tmp_path_factory, f"never made {os.getpid()}", make)
