"""The moving picture of a mistake that is named: it says what practice.py says."""

import pytest
from PIL import Image

from conftest import ROOT
from lab import figures, verdict


@pytest.mark.slow
def test_it_says_what_the_program_says_and_so_does_the_readme(tmp_path):
    failed, passed = map(
        verdict.extract_verdict_text, verdict.iter_practice_outputs((verdict.WRONG_LINE, verdict.RIGHT_LINE))
    )
    mistake, question = failed
    assert mistake.startswith("dz1: ") and question.endswith("?") and passed.first_sentence.startswith("Passed.")
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    for words in (verdict.WRONG_LINE, mistake.removeprefix("dz1: "), question, verdict.RIGHT_LINE):
        assert words in readme.partition("](png/verdict.gif)")[0], words
    scenes = {
        "said": verdict.draw_scene_image(verdict.WRONG_LINE, failed),
        "passed": verdict.draw_scene_image(verdict.RIGHT_LINE, passed, is_passed=True),
    }
    with Image.open(ROOT / "png" / "verdict.gif") as committed:
        for frame in range(committed.n_frames):
            committed.seek(frame)
            committed.convert("RGB").save(tmp_path / f"{committed.info['duration']}.png")
    for kind, scene in scenes.items():
        assert figures.is_like_file(scene, tmp_path / f"{verdict.FRAME_MILLISECONDS[kind]}.png"), (
            f"{kind}: python -m lab.verdict"
        )


def test_a_verdict_is_its_first_sentence_and_the_others_in_one_line():
    printed = "Welcome.\n\ndz1: times z1, it seems.\nWhat is the slope? Is\nit 3?\n\nStuck? Call hint\n"
    assert verdict.extract_verdict_text(printed) == (
        "dz1: times z1, it seems.",
        "What is the slope? Is it 3?",
    )
    assert verdict.extract_verdict_text("Passed. That makes 1 of 9.\nA picture.\n") == (
        "Passed.",
        "A picture.",
    )


def test_the_committed_picture_is_small():
    path = ROOT / "png" / "verdict.gif"
    assert path.stat().st_size < 1_000_000
    with Image.open(path) as image:
        assert image.n_frames > 10 and image.width == verdict.film.WIDTH_PIXELS
