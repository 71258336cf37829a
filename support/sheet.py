"""A sheet with rows of the digits 0 to 9, as images like MNIST's: a reader's own handwriting to learn from."""

from pathlib import Path

import numpy as np
from PIL import Image

from support.errors import UserError
from support.files import replacing
from support.ink import FAINTEST, as_mnist, otsu, read_picture, reading
from support.paper import find_sheet, from_above
from support.pictures import CUT

SIDE = 1600  # pixels of the picture's longer side
DIGITS = 10  # in a row
LEAST = 0.15  # of the ink of most: less is no row, or no digit, but a speck
APART = 0.012  # of the picture's width: the least space between two digits


def cut(path):
    """The digits on a sheet in a picture file, dark on light: (rows, 10, 28, 28) uint8. UserError if a row has not ten.

    Between rows, and between the digits of a row, paper must be seen from one side to the other.
    """
    picture = read_picture(path, SIDE)
    corners = find_sheet(picture)
    if corners is not None:
        picture = from_above(picture, corners)
    darkness = reading(picture)[1]
    dark = darkness[darkness >= otsu(darkness)]
    strength = max(np.median(dark) if dark.size else 0, FAINTEST)
    ink = (255 * np.clip((darkness / strength - 0.3) / 0.4, 0, 1)).astype(np.uint8)
    gap, found = round(APART * ink.shape[1]), []
    rows = large(ink, runs((ink > 127).any(axis=1), gap // 4))
    for number, row in enumerate(rows, 1):
        digits = large(ink[row].T, runs((ink[row] > 127).any(axis=0), gap))
        if len(digits) != DIGITS:
            raise UserError(f"row {number} of {path} has {len(digits)} digits, not ten: leave paper between them")
        found.append([as_mnist(ink[row, columns]) for columns in digits])
    if not found:
        raise UserError(f"no digits found in {path}: rows of 0 1 2 3 4 5 6 7 8 9, dark on light paper")
    return np.array(found)


def large(ink, strips):
    """Those strips of rows of the ink (H, W) that are no specks: with LEAST of the ink of most, or more."""
    of_each = np.array([(ink[strip] > 127).sum() for strip in strips])
    return [strip for strip, n in zip(strips, of_each, strict=True) if n > LEAST * np.median(of_each)]


def runs(there, gap):
    """Where a row of bools is True, as slices; what is not more than `gap` apart is one."""
    at = np.flatnonzero(there)
    if not at.size:
        return []
    ends = np.flatnonzero(np.diff(at) > 1 + gap)
    return [slice(a, b + 1) for a, b in zip(at[[0, *(ends + 1)]], at[[*ends, -1]], strict=True)]


def save(images, folder, name):
    """Images (rows, 10, 28, 28) into folder/train/0/NAME-1.png and so on, for `--dataset`; how many these are.

    The folder also gets a file that says how they were made: what they train reads pictures in the same way.
    """
    for digit in range(DIGITS):
        place = Path(folder) / "train" / str(digit)
        place.mkdir(parents=True, exist_ok=True)
        for row, image in enumerate(images[:, digit], 1):
            with replacing(place / f"{name}-{row}.png") as file:
                Image.fromarray(image).save(file, "PNG")
    with replacing(Path(folder) / CUT) as file:
        file.write(b"Cut from sheets by predict.py --cut: the ink of each digit, in the form of MNIST's images.\n")
    return images.shape[0] * DIGITS
