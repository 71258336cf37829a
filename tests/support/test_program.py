"""How a program ends."""

import subprocess
import sys

import pytest

from conftest import ROOT
from support import program as ending
from support.errors import UserError

ERRORS = [
    (UserError("lower\n it"), 2, "lower it"),
    (UserError("x" * 5000), 2, "x" * 100 + "..."),
    (FloatingPointError("overflow"), 2, "the numbers overflow"),
    (MemoryError(), 2, "not enough memory: lower --batch-size"),
    (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 2, "not enough memory"),
    (RuntimeError("CUDA out of memory."), 2, "not enough memory"),
    (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate"), 2, "lower --batch-size"),
    (OSError(28, "No space left on device", "x.png"), 2, "x.png: No space left"),
    (KeyboardInterrupt(), 130, "interrupted"),
]


@pytest.mark.parametrize(("error", "status", "words"), ERRORS)
def test_an_error_is_one_line(error, status, words, capsys):
    def main():
        raise error

    assert ending.run(main) == status
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1 and len(said) < 3000


@pytest.mark.parametrize("error", [ZeroDivisionError, RuntimeError])
def test_our_own_mistakes_are_not_hidden(error):
    def main():
        raise error

    with pytest.raises(error):
        ending.run(main)


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
