"""Data augmentation: training images are shifted, rotated, scaled, slanted and bent at random.

All functions take and return images (B, 28, 28) uint8, and draw random numbers from `rng`.
"""

import numpy as np


def shift(images, rng, max_shift=2):
    """Return the images, each moved by up to `max_shift` pixels along each axis. Background fills the gap."""
    padded = np.pad(images, ((0, 0), (max_shift, max_shift), (max_shift, max_shift)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, images.shape[1:], axis=(1, 2))  # (B, 5, 5, 28, 28)
    down, right = rng.integers(0, 2 * max_shift + 1, (2, len(images)))
    return windows[np.arange(len(images)), down, right]


def affine(images, rng, turn=15, scale=0.1, slant=0.1, move=2):
    """Return the images, each rotated, scaled, slanted and moved at random.

    The limits: turn, in degrees; scale, the largest relative change; slant, the largest horizontal shear; move, in
    pixels.
    """
    return resample(images, affine_points(len(images), rng, turn, scale, slant, move))


def elastic(images, rng, **limits):
    """Return the images, each bent as if drawn on rubber, by 1 pixel (root mean square), and moved as by `affine`.

    After Simard, Steinkraus & Platt 2003. They displace each pixel by noise that a Gaussian of 4 pixels has smoothed,
    1.4 pixels strong. Here noise is drawn only for bumps on a coarse grid, which looks the same at a tenth of the cost.
    limits: parameters of `elastic_points`.
    """
    return resample(images, elastic_points(len(images), rng, **limits))


def gentle(images, rng):
    """Return the images, distorted as by `elastic`, but bent less and moved more: for convolutional networks."""
    return elastic(images, rng, bend=0.6, turn=12, move=2)


def affine_points(n, rng, turn, scale, slant, move):
    """Return, for each pixel of n new images, the point of the old image that it shows: (n, 2, 784), in pixels.

    A point is (distance from the top, distance from the left). The new image at p shows the old one at
    M (p - centre) + centre + t. M, a matrix, and t are drawn for each image, within the limits described in `affine`.
    """
    angle = np.deg2rad(rng.uniform(-turn, turn, n))
    high, wide = 1 + rng.uniform(-scale, scale, (2, n))
    cos = np.cos(angle)
    sin = np.sin(angle)
    centre = 13.5
    matrix = np.array([[cos * high, rng.uniform(-slant, slant, n) - sin * wide], [sin * high, cos * wide]])  # (2, 2, n)
    grid = np.indices((28, 28), np.float32).reshape(2, -1) - centre  # (2, 784)
    points = matrix.transpose(2, 0, 1).astype(np.float32) @ grid  # (n, 2, 784)
    points += (rng.uniform(-move, move, (n, 2, 1)) + centre).astype(np.float32)
    return points


def elastic_points(n, rng, bend=1, turn=10, scale=0.1, slant=0.1, move=1):
    """Return points (n, 2, 784) like those of `affine_points`, displaced by smooth noise.

    bend: the root mean square of the noise, in pixels.
    """
    noise = rng.standard_normal((n, 2, len(BUMP_IMAGES)), dtype=np.float32)
    noise *= bend
    # One product for each image. A single large product would wake OpenBLAS's threads, which then wait for more work in
    # a busy loop and take the cores away from PyTorch's threads.
    return affine_points(n, rng, turn, scale, slant, move) + noise @ BUMP_IMAGES


def make_bump_images(points_per_side=7, width=4):
    """Return Gaussians of the given width (in pixels) on a grid of points x points, as images (points^2, 784) float32.

    They are scaled: if each is multiplied by standard normal noise, their sum has variance 1 at every pixel.
    """
    distance = np.arange(28) - np.linspace(0, 27, points_per_side)[:, np.newaxis]  # (points, 28)
    bells = np.exp(-((distance / width) ** 2) / 2)
    hills = np.einsum("pi,qj->pqij", bells, bells).reshape(points_per_side * points_per_side, -1)
    return (hills / np.sqrt((hills**2).sum(axis=0))).astype(np.float32)


BUMP_IMAGES = make_bump_images()


def resample(images, points):
    """Return new images (B, 28, 28) uint8, which show images (B, 28, 28) at `points` (B, 2, 784), see `affine_points`.

    Between pixels, the shade is interpolated linearly in both directions.
    """
    border = 2  # pixels of background, for points outside the image
    padded = np.pad(images, ((0, 0), (border, border), (border, border)))
    size = padded.shape[1]
    points = np.clip(points + border, 0, size - 1.001)
    corner = points.astype(np.intp)  # the pixel above and to the left of each point
    down, right = (points - corner).swapaxes(0, 1)  # (B, 784) each: the distance of the point from that pixel, 0 to 1
    flat = padded.ravel().astype(np.float32)
    corner_index = np.arange(len(images))[:, np.newaxis] * size**2 + corner[:, 0] * size + corner[:, 1]
    # From left to right, a + (b - a) right, in both rows; then the same from the upper row to the lower.
    upper = flat.take(corner_index)
    lower = flat[size:].take(corner_index)
    upper += (flat[1:].take(corner_index) - upper) * right
    lower += (flat[size + 1 :].take(corner_index) - lower) * right
    upper += (lower - upper) * down
    return np.rint(upper).astype(np.uint8).reshape(images.shape)


AUGMENT = {"none": lambda images, rng: images, "shift": shift, "affine": affine, "elastic": elastic, "gentle": gentle}
