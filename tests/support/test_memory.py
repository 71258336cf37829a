"""How much memory there is, and what happens where it ends."""

import math
import subprocess
import sys

import numpy as np
import pytest

from conftest import ROOT, UNIX, rows
from support import memory
from support.checkpoint import load_checkpoint

GROUPS = """
    0::/                                  |                                                | machine
    0::/a/b                               | a/memory.max=1000                              | 1000
    0::/a/b                               | a/b/memory.max=max memory.max=2000             | 2000
    0::/                                  | memory.max=9223372036854771712                 | machine
    4:cpu,memory:/a                       | memory/a/memory.limit_in_bytes=3000            | 3000
    4:memory:/docker/x                    | memory/memory.limit_in_bytes=4000              | 4000
    5:cpu:/a                              | memory/a/memory.limit_in_bytes=3000            | machine
    12:memory:/a 0::/a                    | memory/a/memory.limit_in_bytes=6000 a/memory.max=5000 | 5000
    nothing that one could read           | memory.max=1000                                | machine
"""


def test_where_python_does_not_know_there_is_no_limit(tmp_path, monkeypatch):
    known = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": -1}  # as in a browser
    monkeypatch.setattr(memory.os, "sysconf", known.get, raising=False)
    assert memory.get_total_usable_memory(tmp_path / "none") == math.inf


@UNIX
@pytest.mark.parametrize(("own", "files", "there_is"), [*rows(GROUPS)])
def test_the_limit_of_a_container_counts(own, files, there_is, tmp_path):
    (tmp_path / "own").write_text(own.replace(" ", "\n") + "\n")
    machine = memory.get_total_usable_memory(tmp_path / "none")
    assert 2**28 < machine < 2**50
    for path, content in (file.split("=") for file in files.split()):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content + "\n")
    assert memory.get_total_usable_memory(tmp_path / "own", tmp_path) == (
        machine if there_is == "machine" else int(there_is)
    )


@pytest.fixture
def soft():
    """What the limit is now. Only Linux has one that counts."""
    resource = pytest.importorskip("resource")
    if sys.platform != "linux":
        pytest.skip("no limit counts here")
    before = resource.getrlimit(resource.RLIMIT_DATA)
    yield lambda: resource.getrlimit(resource.RLIMIT_DATA)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_an_array_for_which_there_is_no_memory_is_an_error_at_once(soft):
    before = soft()
    with memory.memory_limit(10**8):
        assert np.ones(5 * 10**7, np.uint8).all() and soft() != before
        with pytest.raises(MemoryError):
            np.empty(2 * 10**8, np.uint8)
    assert soft() == before and len(np.empty(2 * 10**8, np.uint8))


def test_a_limit_that_cannot_be_set_is_none(soft, monkeypatch):
    with memory.memory_limit(math.inf):
        assert len(np.empty(2 * 10**8, np.uint8))
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    with memory.memory_limit(1):
        assert len(np.empty(2 * 10**8, np.uint8))


CALL = """
import os
import signal
import sys
import main_np
from support import memory, program
limit, *calls = sys.argv[1:]
memory.get_total_usable_memory, memory.MAPPED_BYTES_PER_CORE = lambda: int(limit), 0
for words in calls:  # each in a process that has imported all
    if not os.fork():
        signal.alarm(100)
        sys.argv = ["main_np.py", *words.split()]
        sys.exit(program.run(main_np.main, limit_memory=True, has_batch_size=True))
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""
TOO_LARGE = {  # what does not fit
    "--model resnet --batch-size 20000": "training",
    "--model vit --batch-size 25 --patch 2 --parts 1 --steps 2": "a test: of 200 images, where a batch has 25",
    "--model resnet --widths 1024 --blocks 50": "the network itself",
}


@pytest.mark.slow
def test_too_little_memory_is_one_line_and_nothing_is_lost(soft, tmp_path):
    """What was learned before a test that does not fit is saved; and there is no half file. To fill the memory of a
    small machine takes seconds."""
    calls = [f"--steps 40 {words} --out {tmp_path}" for words in TOO_LARGE]
    argv = [sys.executable, "-c", CALL, str(4 * 10**8), *calls]
    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=100)
    said = "main_np.py: not enough memory: lower --batch-size, or choose a smaller network"
    assert [line.startswith(said) for line in ended.stderr.splitlines()] == [True] * 3, ended.stderr
    assert [line for line in ended.stdout.splitlines() if line.isdigit()] == ["2"] * 3
    assert [path.name for path in tmp_path.glob("*.npz")] == ["checkpoint_vit_np.npz"]
    history = load_checkpoint(tmp_path / "checkpoint_vit_np.npz").history
    assert (history.step, len(history.test_step)) == (2, 0)
