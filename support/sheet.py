"""A sheet with rows of the digits 0 to 9, as images like MNIST's: a reader's own handwriting to learn from."""

from pathlib import Path

import numpy as np
from PIL import Image

from support.errors import UserError
from support.files import atomic_write
from support.ink import FAINTEST, measure_darkness, otsu_threshold, read_picture, to_mnist
from support.paper import find_sheet_corners, rectify
from support.pictures import CUT

SIDE = 1600  # pixels of the picture's longer side
DIGITS = 10  # in a row
LEAST = 0.15  # of the ink of most: less is no row, or no digit, but a speck
APART = 0.012  # of the picture's width: the least space between two digits


def cut_digits(path):
    """The digits on a sheet in a picture file, dark on light: (rows, 10, 28, 28) uint8. UserError if a row has not ten.

    Between rows, and between the digits of a row, paper must be seen from one side to the other.
    """
    picture = read_picture(path, SIDE)
    corners = find_sheet_corners(picture)
    if corners is not None:
        picture = rectify(picture, corners)
    darkness = measure_darkness(picture)[1]
    dark = darkness[darkness >= otsu_threshold(darkness)]
    strength = max(np.median(dark) if dark.size else 0, FAINTEST)
    ink = (255 * np.clip((darkness / strength - 0.3) / 0.4, 0, 1)).astype(np.uint8)
    gap = round(APART * ink.shape[1])
    digit_rows = []
    rows = keep_large_strips(ink, find_run_slices((ink > 127).any(axis=1), gap // 4))
    for number, row in enumerate(rows, 1):
        digits = keep_large_strips(ink[row].T, find_run_slices((ink[row] > 127).any(axis=0), gap))
        if len(digits) != DIGITS:
            raise UserError(f"row {number} of {path} has {len(digits)} digits, not ten: leave paper between them")
        digit_rows.append([to_mnist(ink[row, columns]) for columns in digits])
    if not digit_rows:
        raise UserError(f"no digits found in {path}: rows of 0 1 2 3 4 5 6 7 8 9, dark on light paper")
    return np.array(digit_rows)


def keep_large_strips(ink, strips):
    """Return the strips of rows of the ink (H, W) that are no specks: with LEAST of the typical ink, or more."""
    of_each = np.array([(ink[strip] > 127).sum() for strip in strips])
    return [strip for strip, n in zip(strips, of_each, strict=True) if n > LEAST * np.median(of_each)]


def find_run_slices(mask, gap):
    """Return the runs of True in a row of bools, as slices. Runs that are not more than `gap` apart are one."""
    indices = np.flatnonzero(mask)
    if not indices.size:
        return []
    ends = np.flatnonzero(np.diff(indices) > 1 + gap)
    return [slice(a, b + 1) for a, b in zip(indices[[0, *(ends + 1)]], indices[[*ends, -1]], strict=True)]


def save_digits(images, folder, name):
    """Save images (rows, 10, 28, 28) as folder/train/0/NAME-1.png and so on, for `--dataset`. Return how many.

    The folder also gets a file that says how they were made: what they train reads pictures in the same way.
    """
    for digit in range(DIGITS):
        place = Path(folder) / "train" / str(digit)
        place.mkdir(parents=True, exist_ok=True)
        for row, image in enumerate(images[:, digit], 1):
            with atomic_write(place / f"{name}-{row}.png") as file:
                Image.fromarray(image).save(file, "PNG")
    with atomic_write(Path(folder) / CUT) as file:
        file.write(b"Cut from sheets by predict.py --cut: the ink of each digit, in the form of MNIST's images.\n")
    return images.shape[0] * DIGITS
