"""Cuts a photograph of a sheet with rows of the digits 0 to 9 into images like MNIST's, as a dataset to learn from."""

from pathlib import Path

import numpy as np
from PIL import Image

from support.errors import UserError
from support.files import atomic_write
from support.ink import MIN_CONTRAST, measure_contrast, otsu_threshold, read_picture, to_mnist
from support.paper import find_sheet_corners, rectify
from support.pictures import CUT_MARKER_FILE

REDUCED_SIDE = 1600  # pixels along the picture's longer side
DIGITS_PER_ROW = 10
MIN_INK_RATIO = 0.15  # fraction of the median ink of rows, or of digits: less is a speck
MIN_DIGIT_GAP = 0.012  # fraction of the picture's width


def cut_digit_rows(path):
    """Return the digits on a sheet in a picture file, dark on light, as images (rows, 10, 28, 28) uint8.

    Between rows, and between the digits of a row, there must be a straight strip of empty paper. Raises UserError if a
    row does not have ten digits, or if there is none.
    """
    picture = read_picture(path, REDUCED_SIDE)
    corners = find_sheet_corners(picture)
    if corners is not None:
        picture = rectify(picture, corners)
    darkness = measure_contrast(picture).darkness
    dark = darkness[darkness >= otsu_threshold(darkness)]
    strength = max(np.median(dark) if dark.size else 0, MIN_CONTRAST)
    ink = (255 * np.clip((darkness / strength - 0.3) / 0.4, 0, 1)).astype(np.uint8)
    gap = round(MIN_DIGIT_GAP * ink.shape[1])
    digit_rows = []
    rows = keep_large_strips(ink, find_run_slices((ink > 127).any(axis=1), gap // 4))
    for number, row in enumerate(rows, 1):
        digits = keep_large_strips(ink[row].T, find_run_slices((ink[row] > 127).any(axis=0), gap))
        if len(digits) != DIGITS_PER_ROW:
            raise UserError(f"row {number} of {path} has {len(digits)} digits, not ten: leave paper between them")
        digit_rows.append([to_mnist(ink[row, columns]) for columns in digits])
    if not digit_rows:
        raise UserError(f"no digits found in {path}: rows of 0 1 2 3 4 5 6 7 8 9, dark on light paper")
    return np.array(digit_rows)


def keep_large_strips(ink, strips):
    """Return the strips (slices of rows) of ink (H, W) with over MIN_INK_RATIO of the median. Others are specks."""
    of_each = np.array([(ink[strip] > 127).sum() for strip in strips])
    return [strip for strip, n in zip(strips, of_each, strict=True) if n > MIN_INK_RATIO * np.median(of_each)]


def find_run_slices(mask, gap):
    """Return the runs of True in a mask (n,) bool, as slices. Runs at most `gap` apart are merged."""
    indices = np.flatnonzero(mask)
    if not indices.size:
        return []
    ends = np.flatnonzero(np.diff(indices) > 1 + gap)
    return [slice(a, b + 1) for a, b in zip(indices[[0, *(ends + 1)]], indices[[*ends, -1]], strict=True)]


def save_digits_as_dataset(images, folder, name_stem):
    """Save images (rows, 10, 28, 28) as folder/train/0/NAME-1.png and so on, for `--dataset`.

    The folder also gets a file that says how the images were made, so that networks trained on them process pictures
    in the same way.
    """
    for digit in range(DIGITS_PER_ROW):
        place = Path(folder) / "train" / str(digit)
        place.mkdir(parents=True, exist_ok=True)
        for row, image in enumerate(images[:, digit], 1):
            with atomic_write(place / f"{name_stem}-{row}.png") as file:
                Image.fromarray(image).save(file, "PNG")
    with atomic_write(Path(folder) / CUT_MARKER_FILE) as file:
        file.write(b"Cut from sheets by predict.py --cut: the ink of each digit, in the form of MNIST's images.\n")
