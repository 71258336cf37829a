"""write.py has a network write digits into a picture, and says how another reads them."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import data
import main_np
import write
from support.program import run


@pytest.fixture
def here(tmp_path, monkeypatch, small, quick_curves):
    """A folder with a network that writes, hardly trained."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(data, "load", lambda *_: small)
    monkeypatch.setattr("sys.argv", ["write.py"])
    main_np.main(["--model", "gpt", "--width", "8", "--blocks", "1", "--heads", "2", "--steps", "3"])


def pixels(*argv):
    """The images in the picture that it writes with these arguments: (rows, digits, 28, 28), ink is 255."""
    write.main([*argv])
    with Image.open("written.png") as picture:
        sheet = 255 - np.asarray(picture)[write.MARGIN : -write.MARGIN, write.MARGIN : -write.MARGIN]
    small = sheet[:: write.SIZE, :: write.SIZE]
    return small.reshape(len(small) // 28, 28, -1, 28).swapaxes(1, 2)


def test_no_picture_takes_the_place_of_the_network(here, capsys):
    os.rename("learning_curves/checkpoint_gpt_np.npz", "mine.png")
    before = Path("mine.png").read_bytes()
    assert run(lambda: write.main(["7", "--weights", "mine.png", "--out", "./mine.png"])) == 2
    assert "would replace a file that is read here" in capsys.readouterr().err
    assert Path("mine.png").read_bytes() == before


def test_what_is_written_and_what_is_read(here, capsys):
    images = pixels("2026", "--count", "3")
    *_, said = capsys.readouterr().out.splitlines()
    assert said.startswith("it was not read: ") and said.endswith(": run `python main_np.py` first")
    assert images.shape == (3, 4, 28, 28) and (images[0] != images[1]).any()
    words = data.words_of(images.reshape(-1, 28, 28))
    assert (data.images_of(words) == images.reshape(-1, 28, 28)).all()  # it consists of words
    main_np.main(["--hidden", "8", "--steps", "3"])
    capsys.readouterr()
    assert (pixels("2026", "--count", "3") == images).all()
    first, second, third, *rows = capsys.readouterr().out.splitlines()
    assert first == "GPT 8 × 1, 2 heads of learning_curves/checkpoint_gpt_np.npz"
    assert second == "see written.png" and third == "784-8-10 of learning_curves/checkpoint_np.npz reads:"
    assert [len(row) for row in rows] == [4, 4, 4] and "".join(rows).isdigit()
    main_np.main(["--hidden", "8", "--steps", "3", "--dataset", "fashion_mnist"])  # it sees clothes in them
    capsys.readouterr()
    pixels("20")
    clothes = data.SOURCES["fashion_mnist"].classes
    assert {*capsys.readouterr().out.splitlines()[-1].split(", ")} <= {*clothes}


def test_a_seed_writes_the_same_and_at_0_there_is_nothing_to_draw(here):
    first, again, other = (pixels("07", "--seed", seed) for seed in "112")
    assert (first == again).all() and (first != other).any()
    assert (pixels("07", "--seed", "1", "--count", "2")[0] == first[0]).all()
    cold = [pixels("77", "--seed", seed, "--temperature", "0") for seed in "12"]
    assert (cold[0] == cold[1]).all() and (cold[0][0, 0] == cold[0][0, 1]).all()


@pytest.mark.parametrize("text", ["", " ", "-1", "٣", "1.5", "2" * 101])
def test_what_is_no_row_of_digits(text, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["write.py"])
    assert run(lambda: write.main(["--seed", "1", "--", text])) == 2
    said = f"argument digits: {text!r} is not a number of 1 to 100 digits, such as 2026 (-h explains the options)"
    assert capsys.readouterr().err == f"write.py: {said}\n"


def test_weights_too_large_to_compute_with(here):
    with np.load("learning_curves/checkpoint_gpt_np.npz") as file:
        arrays = dict(file)
    arrays["params/linear.W"] = np.full_like(arrays["params/linear.W"], 3e38)
    np.savez("large.npz", **arrays)
    with pytest.raises(FloatingPointError):  # which is one line
        pixels("1", "--weights", "large.npz")
