"""The moving picture of a mistake that is named: it says what practice.py says."""

import pytest
from PIL import Image

from conftest import ROOT
from lab import verdict


@pytest.mark.slow
def test_it_says_what_the_program_says_and_so_does_the_readme():
    printed = [*verdict.marked((verdict.SLIP, verdict.RIGHT))]
    (mistake, question), (passed, learned) = map(verdict.verdict, printed)
    assert f"{passed} {learned} On the way" in " ".join(printed[1].split())
    assert mistake.startswith("dz1: ") and question.endswith("?") and passed.startswith("Passed.")
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    for words in (verdict.SLIP, mistake.removeprefix("dz1: "), question, verdict.RIGHT):
        assert words in readme.partition("](png/verdict.gif)")[0], words
    scene = verdict.scene(verdict.SLIP, (mistake, question))
    assert scene.size == (verdict.film.PIXELS, verdict.HEIGHT)


def test_the_committed_picture_is_small():
    path = ROOT / "png" / "verdict.gif"
    assert path.stat().st_size < 1_000_000
    with Image.open(path) as image:
        assert image.n_frames > 10 and image.width == verdict.film.PIXELS
