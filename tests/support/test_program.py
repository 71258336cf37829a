"""How a program ends."""

import os
import subprocess
import sys

import pytest

from conftest import ROOT
from networks import parse_options
from support import program as ending
from support.errors import UserError


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (UserError("lower\n it"), 2, "lower it"),
        (FloatingPointError("overflow"), 2, "the numbers overflow"),
        (MemoryError(), 2, "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 2, "not enough memory"),
        (RuntimeError("CUDA out of memory."), 2, "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate"), 2, "lower --batch-size"),
        (OSError(28, "No space left on device", "x.png"), 2, "x.png: No space left"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_run_turns_errors_into_one_line(error, status, words, capsys):
    def main():
        raise error

    assert ending.run(main) == status
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_run_does_not_hide_our_own_mistakes():
    with pytest.raises(ZeroDivisionError):
        ending.run(lambda: 1 / 0)


def shell(command):
    """That command line in bash, where PYTHON stands for this Python: (exit status, stdout, stderr)."""
    env = os.environ | {"PYTHON": sys.executable, "PYTHONUNBUFFERED": ""}
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, env=env)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs bash")
def test_without_a_stderr_it_trains(tmp_path):
    status, stdout, _ = shell(f'"$PYTHON" main_np.py --hidden 8 --steps 9 --out "{tmp_path}" 2>&-')
    assert status == 0
    assert "test accuracy: " in stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize(("end", "status", "said"), [("| true", 1, ""), ("> /dev/full", 2, "No space left on device")])
def test_help_that_nobody_can_read(end, status, said):
    found, _, stderr = shell(f'set -o pipefail; "$PYTHON" main_np.py -h {end}')
    assert found == status
    assert stderr.count("\n") == (said != "")
    assert said in stderr


def test_optimised_python_has_no_docstrings():
    for script in ("main_np.py", "predict.py", "look.py"):
        ended = subprocess.run([sys.executable, "-OO", script, "-h"], capture_output=True, text=True, cwd=ROOT)
        assert (ended.returncode, ended.stderr) == (0, "")


def test_any_backend_of_matplotlib_will_do(program, tmp_path):
    assert_zero(program("main_np.py", "--hidden", 8, "--steps", 3, env={"MPLBACKEND": "a window"}))


def test_a_user_without_a_home(tmp_path):
    code = (
        "import os, pathlib, runpy, sys; os.environ.pop('HOME', None)\n"
        "def none(): raise RuntimeError('Could not determine home directory.')\n"
        "pathlib.Path.home = none; os.path.expanduser = lambda path: path; sys.argv = sys.argv[1:]\n"
        "sys.path.insert(0, ''); runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    argv = ["main_np.py", "--hidden", "8", "--steps", "3", "--out", tmp_path / "out"]
    env = os.environ | {"MPLCONFIGDIR": str(tmp_path)}
    env.pop("XDG_CACHE_HOME", None)
    assert_zero(subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True, cwd=ROOT, env=env))


def assert_zero(result):
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send")
@pytest.mark.parametrize("script", ["resnet_np.py", "vit_np.py"])
def test_ctrl_c_while_a_network_checks_itself(script):
    code = (
        "import numpy as np, os, runpy, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # which a job in the background does not have
        "np.ndindex = lambda *shape: os.kill(os.getpid(), signal.SIGINT)\n"
        "runpy.run_path(sys.argv[1], run_name='__main__')"
    )
    ended = subprocess.run([sys.executable, "-c", code, script], capture_output=True, text=True, cwd=ROOT)
    assert (ended.returncode, ended.stderr) == (1, "interrupted\n")


def test_an_argument_is_not_echoed_at_length(capsys):
    for argv in (["--hidden", "9" * 5000], ["--recipe", "x " * 5000], ["--" + "long" * 5000]):
        assert ending.run(lambda argv=argv: parse_options("np", *argv)) == 2
        said = capsys.readouterr().err
        assert len(said) < 3000
        assert said.count("\n") == 1
