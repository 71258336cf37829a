"""The film of a network that learns: what it shows is what happened."""

import numpy as np
import pytest
from PIL import Image

import data
import main_np
from conftest import ROOT
from lab import film
from loading.options import parse_options


def test_the_frames_are_those_of_the_run(small, tmp_path, quick_curves):
    options = parse_options("np", *film.RUN_OPTIONS, "--batch-size", 50, "--out", tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "load", lambda *_: small)
        main_np.main([*map(str, film.RUN_OPTIONS), "--batch-size", "50", "--out", str(tmp_path)])
    states = list(film.iter_states(options, small))
    assert [state.step for state in states] == [*range(13)]  # 600 images
    for step, losses, params, predictions in states:
        assert len(losses) == step and params["W1"].shape == (784, 16) and predictions.shape == (300,)
    with np.load(tmp_path / "checkpoint_np.npz") as kept:
        assert (kept["params/W1"] == states[-1].params["W1"]).all()
    frames = [film.render_frame(state, small, 0.1, 12) for state in states[::6]]
    film.save_film(frames, [100, 200, 300], tmp_path / "small.gif")
    with Image.open(tmp_path / "small.gif") as image:
        assert (image.n_frames, image.width, image.info["loop"]) == (3, film.WIDTH_PIXELS, 0)
        image.seek(1)
        assert image.info["duration"] == 200


def test_fewer_and_fewer_steps_are_shown():
    shown = film.choose_frame_steps(468)
    assert shown[:4] == [0, 1, 2, 3] and shown[-1] == 468 and len(shown) <= film.MAX_FRAMES
    assert (np.diff(shown) >= 1).all() and np.diff(shown)[-1] > 20


def test_the_committed_film_is_small():
    path = ROOT / "png" / "learning.gif"
    assert path.stat().st_size < 1_000_000
    with Image.open(path) as image:
        assert image.n_frames == 1 + len(film.choose_frame_steps(468)) and image.width == film.WIDTH_PIXELS
