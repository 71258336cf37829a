"""Files in and out: what is read has an end, and what is written is all there or not at all."""

import os
import time

import pytest

from support.errors import UserError
from support.files import read_file, replacing


@pytest.mark.parametrize("name", ["file", "**", "[a]*?%s{}", "数字 👍"])
def test_replacing_is_all_or_nothing(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt), replacing(path) as file:
        file.write(b"half of the n")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"before"
    assert [*tmp_path.iterdir()] == [path]
    with replacing(path) as file:
        file.write(b"the new")
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"the new"
    assert [*tmp_path.iterdir()] == [path]


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


@pytest.mark.parametrize("make", ["mkdir", "mkfifo", "none", "device", "larger"])
def test_only_a_regular_file_of_bounded_size_is_read_or_replaced(tmp_path, make):
    path = tmp_path / "x"
    if make == "larger":
        path.write_bytes(b"12345")
        assert read_file(path, 5) == b"12345"
    elif make == "device":
        path.symlink_to("/dev/zero")
    elif make != "none":
        getattr(os, make, lambda path: pytest.skip("Windows has no pipes of this kind"))(path)
    before = [*tmp_path.iterdir()], path.is_file()
    with pytest.raises(UserError, match=r"cannot read .*x: (it is not a regular file|it has more|No such file)"):
        read_file(path, 4)
    if make in ("mkfifo", "device"):
        with pytest.raises(UserError, match="x: it is not a regular file"), replacing(path):
            pass
    assert before == ([*tmp_path.iterdir()], path.is_file())


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
