"""What is measured of a network that writes."""

import numpy as np
import pytest

import data
from lab import figures, results, writing
from networks import make, parse_options


def test_what_a_network_writes_in_small(small, monkeypatch, capsys, tmp_path):
    """Untrained networks, whose digits nobody can read, and pictures and weights that go elsewhere."""
    saved, kept = {}, {}

    def trained(arguments):
        options = parse_options("np", *arguments.split())
        return make("np", options), options, {"test_loss": [5, 4.5], "test_accuracy": [0, 0.125], "machine": {}}

    monkeypatch.setattr(writing, "trained", trained)
    monkeypatch.setattr(results, "save_result", kept.__setitem__)
    monkeypatch.setattr(results, "load_results", lambda: kept)
    monkeypatch.setattr(data, "load", lambda: small)
    monkeypatch.setattr(writing, "ASKED", np.arange(10))
    monkeypatch.setattr(figures, "save", lambda figure, path: saved.__setitem__(path.name, figure))
    monkeypatch.setattr(results, "ROOT", tmp_path)
    (tmp_path / "page").mkdir()
    monkeypatch.setattr("sys.argv", ["lab/writing.py"])
    writing.main()
    assert saved.keys() == {"written.png", "nearest.png"}
    assert [*kept["writing"]["runs"]] == ["0", "1", "2"]
    assert "| test loss of a patch | 4.500 ± 0.000 |  |" in capsys.readouterr().out
    with np.load(tmp_path / "page" / "gpt.npz", allow_pickle=False) as file:
        assert {array.dtype for array in file.values()} == {np.dtype(np.float16)}
        assert file["embed.E"].shape == (138, 64)
    assert (tmp_path / "page" / "gpt.npz").stat().st_size < 400_000


def test_the_nearest_image(small):
    images = small.train_images[:30]
    found, far = writing.nearest(images[[7, 3]], images)
    assert found.tolist() == [7, 3] and far.tolist() == [0, 0]
    changed = images[7:8].copy()
    changed[0, 0, 0] = 28 * 3  # the root of the mean square of one difference of 84 among 784 pixels is 3
    assert writing.nearest(changed, images)[1] == pytest.approx(3)
    assert writing.distances(np.concatenate([images[:1], changed]), images) == {"median": 1.5, "equal": 0.5}
