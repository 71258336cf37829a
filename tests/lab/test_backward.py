"""The moving picture of both passes: what it shows is what mlp_np.py computes."""

import numpy as np
import pytest
from PIL import Image

from conftest import ROOT
from lab import backward, film

rng = np.random.default_rng(0)
SIZES = {"z1": 16, "a1": 16, "da1": 16, "dz1": 16, "p": 10, "dlogits": 10, "new_p": 10}
SIZES |= {"W1": (784, 16), "W2": (16, 10), "dW1": (784, 16), "dW2": (16, 10)}
FOUND = {name: rng.uniform(-1, 1, size) for name, size in SIZES.items()}
FOUND |= {"a1": np.maximum(FOUND["z1"], 0), "dz1": FOUND["da1"] * (FOUND["z1"] > 0)}
FOUND |= {"image": np.zeros((28, 28), np.uint8), "y": 5, "loss": 2.0, "new_loss": 1.0}


def test_bars_that_stay_keep_their_length():
    """The ReLU's mask takes bars away on the way back, and scales none."""
    bars = {stage.hidden_bars.name: stage.hidden_bars.array for stage in backward.list_stages(FOUND)}
    on = FOUND["z1"] > 0
    assert bars["a1"] == pytest.approx(bars["z1"] * on) and bars["dz1"] == pytest.approx(bars["da1"] * on)
    assert np.abs(bars["z1"]).max() == np.abs(bars["da1"]).max() == 1


def test_the_committed_picture_is_small_and_ends_with_the_step():
    with Image.open(ROOT / "png" / "backward.gif") as image:
        assert image.n_frames > 20 and image.width == film.WIDTH_PIXELS
        image.seek(image.n_frames - 1)
        assert image.info["duration"] == backward.FRAME_MILLISECONDS["last"]
    assert (ROOT / "png" / "backward.gif").stat().st_size < 500_000
