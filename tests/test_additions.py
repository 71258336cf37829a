"""What CONTRIBUTING.md says of adding something, followed to the letter beside a copy of the project."""

import gzip
import hashlib
import re
import struct

import numpy as np
import pytest
from PIL import Image

from conftest import accuracy_of
from data import FILES

NAMES = ("boot", "ankle boot", "cap", "glove", "hat", "scarf", "sock", "tie", "vest", "umbrella")


def idx(array):
    """An array of bytes as a file in MNIST's format."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def test_a_dataset(another_project, program, small, tmp_path):
    """Four files and an entry: it trains, and look.py and predict.py say what its images show."""
    (another_project / "clothes").mkdir()
    sums = []
    for file, array in zip(FILES, (small.train_images, small.train_labels, *small[2:]), strict=True):
        (another_project / "clothes" / file).write_bytes(content := gzip.compress(idx(array)))
        sums.append(hashlib.sha256(content).hexdigest())
    entry = f"""
    "clothes": Source(
        url="",
        sha256={tuple(sums)},
        mean=0.13,
        std=0.31,
        examples=600,
        classes={NAMES},
    ),
"""
    code = (another_project / "data.py").read_text()
    (another_project / "data.py").write_text(re.sub(r"(?m)^SOURCES = {$", rf"\g<0>{entry}", code))

    def call(script, *words):
        return program(script, *words, project=another_project)

    out = another_project / "learning_curves"
    accuracy = accuracy_of(call("main_np.py", "--dataset", "clothes", "--epochs", 3, "--batch-size", 20, "--out", out))
    assert accuracy > 0.7
    shown = NAMES[int(small.test_labels[-53])]
    looked = call("look.py", "--test", 247)
    article = "an" if shown[0] in "aeiou" else "a"
    assert (looked.returncode, looked.stderr) == (0, "") and f": test image 247, {article} {shown}\n" in looked.stdout
    Image.fromarray(255 - small.test_images[0]).resize((280, 280)).save(tmp_path / "picture.png")
    *rows, last = call("predict.py", tmp_path / "picture.png").stdout.splitlines()[1:]
    assert [row[:10].rstrip() for row in rows] == [*NAMES]
    p = [float(row[10:].split()[0]) for row in rows]
    assert sum(p) == pytest.approx(1, abs=1e-3) and last.startswith(f"class: {NAMES[int(np.argmax(p))]}")
