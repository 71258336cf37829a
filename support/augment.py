"""Training images that are never quite the same twice: shifted, turned, scaled, slanted, bent.

Images are (B, 28, 28) uint8, in and out.
"""

import numpy as np


def shift(images, rng, max_shift=2):
    """Move every image by up to `max_shift` pixels along each axis, with background moving in."""
    padded = np.pad(images, ((0, 0), (max_shift, max_shift), (max_shift, max_shift)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, images.shape[1:], axis=(1, 2))  # (B, 5, 5, 28, 28)
    down, right = rng.integers(0, 2 * max_shift + 1, (2, len(images)))
    return windows[np.arange(len(images)), down, right]


def affine(images, rng, turn=15, scale=0.1, slant=0.1, move=2):
    """Every image turned by up to 15 degrees, scaled by up to a tenth, slanted, and moved by up to 2 pixels."""
    return resample(images, affine_points(len(images), rng, turn, scale, slant, move))


def elastic(images, rng, **limits):
    """Every image bent as if drawn on rubber, by 1 pixel (root mean square), with a small affine map on top.

    After Simard, Steinkraus & Platt 2003, whose displacements are noise smoothed by a Gaussian of 4 pixels, 1.4 pixels
    strong. We draw noise only for bumps on a coarse grid, which looks the same at a tenth of the cost.
    """
    return resample(images, elastic_points(len(images), rng, **limits))


def gentle(images, rng):
    """`elastic` for a convolutional network: bent less and moved more."""
    return elastic(images, rng, bend=0.6, turn=12, move=2)


def affine_points(n, rng, turn, scale, slant, move):
    """Return the points of the old images that the pixels of n new ones show: (n, 2, 784), down and right, in pixels.

    The new image at position p shows the old one at M (p - centre) + centre + t, with M and t drawn for each image.
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
    """The same for `elastic`."""
    noise = rng.standard_normal((n, 2, len(BUMPS)), dtype=np.float32)
    noise *= bend
    # A product for each image. One for all would wake OpenBLAS's threads, which then wait for more in a busy loop and
    # take the cores away from PyTorch's.
    return affine_points(n, rng, turn, scale, slant, move) + noise @ BUMPS


def make_bumps(points=7, width=4):
    """Return Gaussians of the given width (in pixels) on a grid of 7 x 7 points, as images: (49, 784) float32.

    They are scaled so that the sum of all of them, each times standard normal noise, has variance 1 at every pixel.
    """
    distance = np.arange(28) - np.linspace(0, 27, points)[:, np.newaxis]  # (points, 28)
    bells = np.exp(-((distance / width) ** 2) / 2)
    hills = np.einsum("pi,qj->pqij", bells, bells).reshape(points * points, -1)
    return (hills / np.sqrt((hills**2).sum(axis=0))).astype(np.float32)


BUMPS = make_bumps()


def resample(images, points):
    """Sample images (B, 28, 28) at `points` (B, 2, 784), with bilinear interpolation between pixels."""
    border = 2  # of background, for the points outside
    padded = np.pad(images, ((0, 0), (border, border), (border, border)))
    size = padded.shape[1]
    points = np.clip(points + border, 0, size - 1.001)
    corner = points.astype(np.intp)  # the pixel above and to the left of each point
    down, right = (points - corner).swapaxes(0, 1)  # (B, 784) each, how far the point is from it, 0 to 1
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
