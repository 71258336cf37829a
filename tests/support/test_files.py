"""Files in and out: what is read has an end, and what is written is all there or not at all.

What is no regular file, and a disk that is full, are in tests/test_faults.py.
"""

import os
import time

import pytest

from support.errors import UserError
from support.files import read_file, replacing


@pytest.mark.parametrize("before", [b"before", None])
@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("name", ["file", "**", "[a]*?%s{}", "数字 👍"])
def test_replacing_is_all_or_nothing(tmp_path, name, linked, before):
    """Also where a link leads to the file. What a killed process left goes an hour later, and nothing else does."""
    (tmp_path / "there").mkdir()
    path = target = tmp_path / "there" / name
    if linked:
        path = tmp_path / "link"
        path.symlink_to(target)
    if before:
        target.write_bytes(before)
    old, *others = (target.with_name(part) for part in (f".{name}.1-1.part", f".{name}.2-2.part", ".else.1-1.part"))
    for part in (old, *others):
        part.write_bytes(b"half")
        os.utime(part, (time.time() - (0 if part is others[0] else 3700),) * 2)

    with pytest.raises(KeyboardInterrupt), replacing(path) as file:
        file.write(b"half of the n")
        file.flush()
        assert (target.read_bytes() if target.exists() else None) == before
        raise KeyboardInterrupt
    assert {*target.parent.iterdir()} == {*others, *([target] if before else [])}
    with replacing(path) as file:
        file.write(b"the new")
    assert path.is_symlink() == linked and target.read_bytes() == b"the new"
    assert {*target.parent.iterdir()} == {*others, target}


def test_a_file_has_its_bytes_and_no_more(tmp_path):
    (tmp_path / "x").write_bytes(b"12345")
    assert read_file(tmp_path / "x", 5) == b"12345"
    with pytest.raises(UserError, match=r"cannot read .*x: it has more than 4 bytes"):
        read_file(tmp_path / "x", 4)
