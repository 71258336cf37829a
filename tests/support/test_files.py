"""Files out: all or nothing."""

import os
import stat
import time

import pytest

from support.errors import UserError
from support.files import replacing


def test_replacing_is_all_or_nothing(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt), replacing(path) as file:
        file.write(b"half of the n")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    with replacing(path) as file:
        file.write(b"the new")
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"the new"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_what_a_killed_process_left_goes_an_hour_later(tmp_path):
    old, young, other = (tmp_path / name for name in (".file.1-1.part", ".file.2-2.part", ".else.1-1.part"))
    for path in (old, young, other):
        path.write_bytes(b"half")
    for path in (old, other):
        os.utime(path, (time.time() - 3700,) * 2)
    with replacing(tmp_path / "file") as file:
        file.write(b"whole")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {
        "file": b"whole",
        ".file.2-2.part": b"half",
        ".else.1-1.part": b"half",
    }


@pytest.fixture
def pipe(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("needs a named pipe, which Windows lacks")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def test_only_a_regular_file_is_replaced(pipe):
    with pytest.raises(UserError, match="pipe: it is not a regular file"), replacing(pipe):
        pass
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert [path.name for path in pipe.parent.iterdir()] == ["pipe"]


def test_of_a_link_the_target_is_written_and_the_link_stays(tmp_path):
    (tmp_path / "folder").mkdir()
    for name in ("there", "new"):  # a target that exists, and one that does not yet
        link, target = tmp_path / f"link to {name}", tmp_path / "folder" / name
        if name == "there":
            target.write_bytes(b"before")
        link.symlink_to(target)
        with replacing(link) as file:
            file.write(b"after")
        assert link.is_symlink()
        assert target.read_bytes() == b"after"
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(OSError, match="loop"), replacing(loop):
        pass
    assert loop.is_symlink()
