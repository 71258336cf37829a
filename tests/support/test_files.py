"""Files out: all or nothing."""

import os
import time

import pytest

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
