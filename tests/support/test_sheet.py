"""A sheet of digits, cut into images: they are the digits that were written on it, in their order."""

import numpy as np
import pytest
from PIL import Image

import data
import predict
from conftest import fuzz, st
from support import sheet
from support.errors import UserError


def written(mnist, rows, columns=10, sides=90, seed=0):
    """A photograph of a sheet with rows of MNIST's digits, in a light that falls off, and the digits (rows, 10).

    sides: of each digit, in pixels, or of all.
    """
    rng = np.random.default_rng(seed)
    chosen = np.array(
        [[rng.choice(np.flatnonzero(mnist.test_labels == k)) for k in range(columns)] for _ in range(rows)]
    )
    paper = np.ones((40 + rows * 150, 40 + columns * 140))
    for (row, column), side in np.ndenumerate(np.broadcast_to(sides, (rows, columns))):
        digit = Image.fromarray(mnist.test_images[chosen[row, column]]).resize((side, side), Image.Resampling.BICUBIC)
        y, x = 30 + 150 * row + rng.integers(25), 30 + 140 * column + rng.integers(30)
        paper[y : y + side, x : x + side] -= np.asarray(digit) / 255 * 0.75
    light = np.linspace(0.95, 0.6, paper.shape[1]) * np.linspace(1, 0.85, len(paper))[:, np.newaxis]
    return np.clip(255 * paper * light + rng.normal(0, 3, paper.shape), 0, 255).astype(np.uint8), chosen


def test_each_digit_is_cut_out_and_learned_from(mnist, tmp_path, capsys):
    """One that is smaller than the others, too; and no speck, in a row or below all."""
    sides = np.full((4, 10), 90)
    sides[1, 8] = 40
    picture, chosen = written(mnist, 4, sides=sides)
    for y, x in (80, 156), (620, 300):
        picture[y : y + 8, x : x + 8] = 60
    Image.fromarray(picture).save(tmp_path / "sheet.jpg", quality=90)
    predict.main([str(tmp_path / "sheet.jpg"), "--cut", str(tmp_path / "mine")])
    assert capsys.readouterr().out.startswith(
        f"40 digits are in {tmp_path / 'mine'}: train on them with `python main_np.py --dataset "
    )
    found = {path.relative_to(tmp_path / "mine" / "train").as_posix() for path in tmp_path.rglob("*.png")}
    assert found == {f"{digit}/sheet-{row}.png" for digit in range(10) for row in (1, 2, 3, 4)}
    cut = sheet.cut_digit_rows(tmp_path / "sheet.jpg").reshape(-1, 784).astype(float)
    right = mnist.test_images[chosen.ravel()].reshape(-1, 784)
    alike = np.corrcoef(cut, right)[:40, 40:]
    assert (alike.argmax(axis=1) == np.arange(40)).mean() > 0.95 and np.diag(alike).min() > 0.6
    train, labels, test, answers = data.load(str(tmp_path / "mine")).__iter__()
    assert len(train) == 30 and np.bincount(answers).tolist() == [1] * 10 and np.bincount(labels).tolist() == [3] * 10
    first = mnist.test_images[chosen[:, labels[0]]].reshape(4, 784)
    assert np.corrcoef(train[0].ravel(), first)[0, 1:].max() > 0.6 and len(test) == 10


@pytest.mark.parametrize(("rows", "columns", "said"), [(2, 9, "row 1 of .* has 9 digits"), (0, 1, "no digits")])
def test_a_sheet_that_is_none_is_one_line(mnist, tmp_path, rows, columns, said):
    picture = written(mnist, rows, columns)[0] if rows else np.full((300, 400), 200, np.uint8)
    Image.fromarray(picture).save(tmp_path / "sheet.png")
    with pytest.raises(UserError, match=said):
        predict.main([str(tmp_path / "sheet.png"), "--cut", str(tmp_path / "mine")])
    assert not (tmp_path / "mine").exists()


def test_runs_are_where_something_is():
    def check(there):
        found = sheet.find_run_slices(np.array(there, bool), 0)
        marked = np.zeros(len(there), bool)
        for run in found:
            assert all(there[run])
            marked[run] = True
        assert marked.tolist() == [bool(x) for x in there]

    fuzz(50, st.lists(st.booleans(), max_size=30), check)
    assert sheet.find_run_slices(np.array([1, 0, 1, 0, 0, 1], bool), 1) == [slice(0, 3), slice(5, 6)]
