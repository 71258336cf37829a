"""Training images shifted, turned, scaled, slanted and bent."""

import os
import subprocess
import sys

import numpy as np
import pytest

from conftest import ROOT
from data import make_rng
from support import augment


def test_shift_moves_by_whole_pixels_up_to_two():
    dots = np.zeros((500, 28, 28), np.uint8)
    dots[:, 10, 12] = 200
    moved = augment.shift(dots, make_rng(0))
    assert (moved.sum(axis=(1, 2)) == 200).all()
    _, rows, columns = np.nonzero(moved)
    assert set(rows) == {8, 9, 10, 11, 12} and set(columns) == {10, 11, 12, 13, 14}
    at_the_corner = np.roll(dots, (-10, -12), axis=(1, 2))
    assert augment.shift(at_the_corner, make_rng(0)).sum() < dots.sum()  # some leave, and none comes back elsewhere


def test_bending_is_smooth_as_strong_as_it_says_and_nothing_where_nothing_changes(mnist):
    """Displacements of deviation 1 at every pixel: sums of Gaussians of 4 pixels with random heights, so that those d
    pixels apart have the correlation exp(-(d / 8)^2)."""
    images, none = mnist.train_images[:50], {"turn": 0, "scale": 0, "slant": 0, "move": 0}
    assert (augment.elastic(images, make_rng(0), bend=0, **none) == images).all()
    noise = np.random.default_rng(0).standard_normal((20_000, len(augment.BUMP_IMAGES)), dtype=np.float32)
    field = (noise @ augment.BUMP_IMAGES).reshape(-1, 28, 28)
    assert field.std(axis=0) == pytest.approx(np.ones((28, 28)), abs=0.03)
    apart = np.array([0, 1, 6, 12])
    assert np.corrcoef(field[:, 14, 14 + apart].T)[0] == pytest.approx(np.exp(-((apart / 8) ** 2)), abs=0.04)
    straight, less, more = (augment.elastic_points(50, make_rng(2), bend=bend, turn=12, move=2) for bend in (0, 0.6, 1))
    np.testing.assert_allclose(less - straight, 0.6 * (more - straight), atol=1e-4)
    assert (augment.gentle(images, make_rng(2)) == augment.resample(images, less)).all()


def test_resampling_is_exact_at_pixels_and_the_mean_between_them():
    images = np.zeros((1, 28, 28), np.uint8)
    images[0, 5:9, 3:20] = 250
    grid = np.indices((28, 28), np.float32).reshape(2, -1) - 13.5
    quarter = np.array([[0, -1], [1, 0]], np.float32) @ grid + 13.5
    assert (augment.resample(images, quarter[np.newaxis])[0] == np.rot90(images[0], -1)).all()
    images[0, 3, 4:6] = (100, 200)
    where = np.zeros((1, 2, 784), np.float32)
    where[0, :, :4] = [[3, 3.5, -50, 3], [4.5, 4, 99, 4.007]]
    assert augment.resample(images, where).ravel()[:4].tolist() == [150, 50, 0, 101]


@pytest.mark.parametrize("change", [augment.affine, augment.elastic])
def test_digits_stay_where_they_are(mnist, change):
    """Neither lost over the border nor spread out: the ink stays within 5 %, its centre within 5 pixels."""
    images = mnist.train_images[:500]
    moved = change(images, make_rng(1))
    assert float(moved.sum()) == pytest.approx(float(images.sum()), rel=0.05)
    for axis in (1, 2):
        centres = [(a.sum(axis=axis) @ np.arange(28)) / a.sum(axis=(1, 2)) for a in (images, moved)]
        assert np.abs(centres[0] - centres[1]).max() < 5


BEND = """
import time, numpy as np
from support import augment
images, rng = np.zeros((128, 28, 28), np.uint8), np.random.default_rng(0)
time.sleep(0.3)  # they also spin when NumPy has just been imported
all_threads, this_one = time.process_time(), time.thread_time()
for _ in range(50):
    augment.elastic(images, rng)
this_one = time.thread_time() - this_one
print((time.process_time() - all_threads - this_one) / this_one)
"""


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core has no other thread")
def test_bending_leaves_the_other_cores_alone():
    """Once woken, OpenBLAS's threads spin on the cores that PyTorch needs, and training takes several times as long."""
    env = os.environ | {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    assert float(subprocess.check_output([sys.executable, "-c", BEND], cwd=ROOT, env=env)) < 0.1
