"""A picture of a digit, as people make them, turned into an image like MNIST's.

MNIST's images (LeCun, Bottou, Bengio & Haffner 1998, Gradient-Based Learning Applied to Document Recognition) show
light ink on a black background, fitted into 20 x 20 pixels, with its centre of mass in the middle of 28 x 28.
"""

import os
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from support.budget import PICTURE, PIXELS, SECONDS, CapacityLimit, TimedBytes
from support.budget import SIDE as LONGEST
from support.errors import UserError
from support.files import read_file
from support.paper import (
    fill_enclosed,
    find_sheet_corners,
    fit_quadrilateral,
    is_broad,
    label_pieces,
    max_filter,
    rectify,
    remove_rulings,
    remove_surroundings,
    side_lengths,
)

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
# The most bytes of files, and the most pixels, of pictures that are read at the same time.
OPEN = CapacityLimit(PICTURE)
DECODED = CapacityLimit(PIXELS)
SIDE = 320  # pixels; more would add nothing about a digit
WIDEST = 0.4  # of the picture's longer side: what is wider both ways is no ink
DARKEST = 128  # shade of paper: ink stands out less in less light, but on darker paper than this it would be noise
FAINTEST = 16  # shades (of 255) between ink and paper; less is noise from a JPEG or a camera
PALEST = 8  # shades of a pale pencil
NOISE = 6  # times the mean of noise
LEAST = 0.002  # of the pixels are covered by a pale pencil, or more
REACH = 0.12  # of the picture's longer side: a dark area at the border that is narrower is ink, a wider one a shadow
COLOURFUL = 48  # shades between two channels of a pixel
SHARP = 1.4  # pixels: how far ink fades into paper; a shadow, a coffee stain and a crease fade more slowly
FADED = 0.45  # of the ink's area
CIRCLE = 0.05  # of its radius is how far a circle's ink spreads
SHEET = 0.85  # of what its corners span is a sheet, or more
WIDE = 0.55  # of the height; a 1 in one stroke is narrower
PEN = 0.085  # the width of a stroke by the digit's size; thinner ones are widened to it
TALL = 0.6  # of the height is the width of two digits, one above the other; so it is of 4 training images
SMALL = 40  # pixels high; in less, some rows of a stroke may be lost
GAP = 0.02  # the least space between two digits, by their height
APART = 0.2  # of the height; no training image that is narrower than TALL has such a gap in it, but for specks
FILLED = 0.82  # of its box is no digit; an 8 of the widest pen fills 0.78, and a wiped board 0.87, in drawn scenes
# The most that a digit has: strokes that a row crosses, that a row and a column cross, both on average, and holes. Of
# MNIST's 60,000 training images 38 have more.
IN_A_ROW = 2.09
IN_BOTH = 4.5
HOLES = 2


class DigitPicture(NamedTuple):
    """What is made of a picture file."""

    picture: np.ndarray  # (H, W) uint8, 0 black to 255 white
    ink: np.ndarray  # (h, w) uint8, 0 paper to 255 ink, of the picture or of the sheet in it
    image: np.ndarray  # (28, 28) uint8, what a network is shown of it; black without ink
    problem: str  # why it is not to be read; "" if it is


def read_picture_and_digit(path):
    """Return the picture in a file, and what a network is shown of it: (H, W) and (28, 28) uint8, 0 black to 255 white.

    path: a name, or an open file. The picture should show one digit, dark on light or light on dark. Shadows, a table
    around the sheet and lines on it do no harm. UserError if it cannot be read, or if it shows no digit or several.
    """
    digit_picture = read_digit_picture(path)
    if digit_picture.problem:
        raise UserError(digit_picture.problem)
    return digit_picture.picture, digit_picture.image


def read_digit_picture(path):
    """Return the `DigitPicture` of a picture file; its `problem` says if it shows no digit. UserError: it is none."""
    picture = read_picture(path)
    ink, is_found, cut = find_ink(picture)
    image = to_mnist(ink) if (ink > 127).any() else np.zeros((28, 28), np.uint8)
    if not is_found or not image.any() or is_blot(image):
        problem = f"no digit found in {path}: it should be darker or lighter than the paper"
    elif cut:
        problem = f"no whole digit found in {path}: leave some empty paper around it"
    elif has_several_digits(crop(ink, 127)) or is_scribble(image):
        problem = (
            f"there is more than one digit, or a broken one, in {path}: cut out a single digit, drawn in one piece"
        )
    else:
        problem = ""
    return DigitPicture(picture, ink, image, problem)


def read_picture(path, max_side=SIDE, colour_flags=None):
    """Read a picture file in shades of grey: (H, W) uint8, 0 black to 255 white, no side longer than `max_side`.

    colour_flags: a list, to which it adds whether the picture is in colour.

    UserError if it is not a picture, is damaged, has more than PIXELS pixels or a side longer than LONGEST, or takes
    more than SECONDS of work: a few bytes may unpack to fill the memory.
    """
    try:
        with warnings.catch_warnings(), OPEN(count_bytes(path)):
            warnings.simplefilter("ignore")  # where Pillow only warns, it can still read the picture
            file = TimedBytes(read_file(path, PICTURE)) if isinstance(path, (str, Path)) else path
            with Image.open(file, formats=FORMATS) as image:
                if image.width * image.height > PIXELS or max(image.size) > LONGEST:
                    raise Image.DecompressionBombError
                with DECODED(image.width * image.height):
                    if colour_flags is not None:
                        colour_flags.append(has_colour(image, max_side))
                    return to_grey(image, max_side)
    except UserError:  # `read_file` has said what is wrong
        raise
    except TimeoutError:
        reason = f"it takes more than {SECONDS} seconds of work"
    except Image.DecompressionBombError:  # ours, or Pillow's
        reason = f"it has more than {PIXELS // 10**6} million pixels, or {LONGEST:,} along a side; make it smaller"
    except Exception:  # Pillow raises many kinds for a damaged file
        reason = f"not a picture in a known format ({', '.join(FORMATS)}), or damaged"
    raise UserError(f"cannot read {path}: {reason}")


def count_bytes(path):
    """The bytes of a picture file, at most PICTURE: `read_file` refuses more, and what is no file."""
    return min(os.path.getsize(path), PICTURE) if isinstance(path, (str, Path)) and os.path.isfile(path) else 0


def has_colour(image, side):
    """Return True if an open image has colours, and not only shades of grey, beyond what a JPEG makes of them."""
    if image.mode in ("1", "L", "LA") or image.mode.startswith("I"):
        return False
    thumbnail = image.copy()
    thumbnail.thumbnail((side, side), reducing_gap=3)
    channels = np.asarray(thumbnail.convert("RGBA")).astype(int)
    opaque_pixels = channels[..., :3][channels[..., 3] > 127]  # what is not transparent
    return bool(len(opaque_pixels)) and float((np.ptp(opaque_pixels, axis=1) > COLOURFUL).mean()) > LEAST


def to_grey(image, side):
    """Return an open image in shades of grey: (H, W) uint8, upright, no side longer than `side`."""
    if image.mode.startswith("I"):  # 16 bits per pixel
        image = Image.fromarray((np.asarray(image.convert("I")) // 256).astype(np.uint8))
    elif image.format != "JPEG" and (image.mode != "L" or "transparency" in image.info):
        image = image.convert("RGBA")  # a JPEG has no transparency, and shrinks best as it is
    image.thumbnail((side, side), reducing_gap=3)
    image = ImageOps.exif_transpose(image)  # as the photographer held the camera
    if image.mode != "RGBA":
        return np.asarray(image.convert("L"))
    # Behind transparent pixels lies paper: in the median shade of the opaque ones, if they are most of the picture;
    # otherwise black or white, whichever is farther from what is there.
    grey, opacity = image.convert("LA").split()
    shade = np.asarray(grey, float)
    weight = np.asarray(opacity, float)
    if (weight > 127).mean() > 0.5:
        paper = np.median(shade[weight > 127])
    else:
        paper = 0 if (shade * weight).sum() > 127 * weight.sum() else 255
    return np.asarray(Image.composite(grey, Image.new("L", grey.size, int(paper)), opacity))


def find_ink(picture):
    """(ink, whether it can be a digit's, whether it is cut off) in a picture (H, W) uint8: (h, w) uint8, 0 paper to 255
    ink, and two bools.

    It may be dark on light or light on dark. If a sheet lies on a table, it is the ink on that, seen from above; if
    that has none, the whole picture's, because it may be a note beside the digit, or half of a folded sheet. What is
    broader than any pen's stroke is none: a lamp's patch of light, perhaps. Then the dark may be the ink.
    """
    corners = find_sheet_corners(picture)
    if corners is not None:
        on_it = find_ink_on_paper(rectify(picture, corners))
        if on_it[1] and not on_it[2]:
            return on_it
        whole = find_ink_on_paper(picture)
        return whole if whole[1] and not whole[2] else on_it
    return find_ink_on_paper(picture)


def find_ink_on_paper(picture):
    """Return what `find_ink` does, for a picture without a table."""
    (_, darkness), (_, inverse_darkness) = sorted(
        (measure_darkness(picture), measure_darkness(255 - picture)), key=lambda pair: pair[0]
    )
    ink, is_found, cut = find_digit_ink(darkness, inverse_darkness)
    if is_found and is_broad(ink > 127):
        second, is_found, cut = find_digit_ink(inverse_darkness, darkness)
        is_found = is_found and not cut and is_one_piece(second > 127) and not is_broad(second > 127)
        return (second if is_found else ink), is_found, False
    return ink, is_found, cut


def find_digit_ink(darkness, lightness):
    """Return what `find_ink` does, for a darkness (H, W). lightness: the darkness of what is lighter than the paper."""
    ink = extract_ink(darkness)
    if is_grain(ink):
        return ink, False, False
    sheet = fill_enclosed(ink > 127)  # what looks like ink may be a sheet too
    corners, share = fit_quadrilateral(sheet)
    if share > SHEET and (ink[sheet] > 127).mean() > 0.5:  # and no frame that somebody drew around the digit
        sides = side_lengths(corners)
        on_it = extract_ink(lightness) * sheet
        if (on_it[ink <= 127] > 127).any():
            ink = rectify(on_it, corners)
        elif sides.min() > WIDE * sides.max():
            return ink, False, False  # a blank one; narrow, it would be a 1
    ink, cut = remove_surroundings(ink)
    return ink, bool((ink > 127).any()) and not is_blurred(ink) and not is_circle(ink), cut


def is_one_piece(mask):
    """Return True if most of a mask (H, W) bool is one piece: between the strokes of a scribble there are many."""
    names, _ = label_pieces(mask)
    return bool(np.bincount(names[mask]).max() > 0.6 * mask.sum())


def is_blurred(ink):
    """Return True if ink (H, W) uint8 has no sharp edge: it is half dark in more than SHARP pixels for each of its
    outline."""
    shape = Image.fromarray(255 * (ink > 127).astype(np.uint8))
    outline = np.asarray(shape) > np.asarray(shape.filter(ImageFilter.MinFilter(3)))
    half_dark = ((ink > 40) & (ink < 215)).sum()
    dark = (ink > 127).sum()
    return half_dark > SHARP * outline.sum() and half_dark > FADED * dark  # an enlarged digit fades, but is thick


def is_circle(ink):
    """Return True if ink (H, W) uint8 is a thin circle, as a cup leaves and no hand draws: all is at one distance."""
    points = np.argwhere(ink > 127)
    distances = np.linalg.norm(points - (points.min(axis=0) + points.max(axis=0)) / 2, axis=1)
    return distances.std() < CIRCLE * distances.mean()


def is_grain(ink):
    """Return True if ink (H, W) uint8 comes from beyond each side of the picture in three places or more, as the grain
    of a
    desk does."""
    sides = (ink[0], ink[-1], ink[:, 0], ink[:, -1])
    return all(np.count_nonzero(np.diff(np.pad(side > 127, 1).astype(int)) > 0) >= 3 for side in sides)


def measure_darkness(picture):
    """Return (how unlikely it is, darkness (H, W) float) if a picture (H, W) uint8 shows dark ink on light paper.

    darkness: how much less light there is than on the paper, 0 to 255.

    The paper is the closing of the picture (Serra 1982, Image Analysis and Mathematical Morphology): dark areas remain
    if a square fits into them, as the shadowed part of the paper and the desk do; narrower ones, as strokes, vanish.
    """
    size = max(picture.shape)
    square = 1 + int(WIDEST * size)
    calm = np.asarray(Image.fromarray(picture).filter(ImageFilter.MedianFilter(3)))  # less noise, the same edges
    reach = min(int(REACH * size), square - 1)
    wide_picture = np.pad(np.pad(calm, reach, mode="symmetric"), square - 1 - reach, mode="edge")
    paper = 255 - max_filter(255 - max_filter(wide_picture, square), square)
    # Paper is even. And an edge in the picture belongs to the paper or to the ink: what both have and the picture has
    # not, a seam, comes from a wrong reading.
    unlikely = total_variation(paper) + 3 * (
        total_variation(paper) + total_variation(paper - calm) - total_variation(calm)
    )

    return unlikely, 255 * np.maximum(paper - picture.astype(np.float32), 0) / np.maximum(paper, DARKEST)


def extract_ink(darkness):
    """Return the ink (H, W) uint8, 0 paper to 255 ink, in the darkness (H, W) of a picture; 0 if nothing stands out."""
    ink = remove_rulings(darkness)
    strength = np.median(ink[ink >= otsu_threshold(ink)]) if ink.any() else 0
    if strength < FAINTEST:  # a pale pencil is fainter than the light falls off, but sharper
        blur = Image.fromarray(ink.astype(np.uint8)).filter(ImageFilter.GaussianBlur(max(ink.shape) / 40))
        ink = np.maximum(ink - np.asarray(blur), 0)
        sharp = ink[ink > max(PALEST, NOISE * ink.mean())]
        strength = FAINTEST * (np.median(sharp) > 1.5 * PALEST) if sharp.size > LEAST * ink.size else 0
    ink = (255 * np.clip((ink / max(strength, FAINTEST) - 0.2) / 0.5, 0, 1)).astype(np.uint8)
    blur = np.asarray(Image.fromarray(ink).filter(ImageFilter.GaussianBlur(max(ink.shape) / 40)))
    ink[blur <= 13] = 0  # specks have too little ink around them
    return ink * (strength >= FAINTEST and ink.max() >= 128)


def total_variation(picture):
    """The sum of the changes from each pixel to the next: the length of the edges by their contrast."""
    return sum(np.abs(np.diff(picture.astype(np.float32), axis=axis)).sum() for axis in (0, 1))


def otsu_threshold(values):
    """Return the threshold that best splits values >= 0 in two: with most variance between the two (Otsu 1979)."""
    counts, edges = np.histogram(values, 256, range=(0, values.max() or 1))
    middles = (edges[:-1] + edges[1:]) / 2
    # below each possible threshold
    n = counts.cumsum()[:-1]
    total = (counts * middles).cumsum()
    variances = (total[-1] * n / values.size - total[:-1]) ** 2 / np.maximum(n * (values.size - n), 1)
    return edges[1 + variances.argmax()]


def crop(ink, threshold):
    """Return the rows and columns from the first to the last that has more ink than `threshold`."""
    left, top, right, bottom = Image.fromarray(ink > threshold).getbbox()
    return ink[top:bottom, left:right]


def has_several_digits(ink):
    """Return True if a strip of paper parts the ink into two digits, or into a digit and a line under it.

    Between digits it is upright, or leans as handwriting does. Each has 0.6 of the height or more, unlike the bar of a
    5, and 0.15 of the ink. The strip is GAP of the height wide. If one digit is above the other, each has 0.35 of the
    height, or 0.1 if they are APART, and both together are narrower than TALL; not in a picture as small as MNIST's.
    """
    y, x = np.nonzero(ink > 127)  # y in order
    height = np.ptp(y) + 1
    for i in 1 + np.flatnonzero(np.diff(y) > 1 + 3 * GAP * height):  # the foot of a 1 is nearer
        if np.ptp(y[i:]) < 0.2 * height and np.ptp(x[i:]) > 0.9 * np.ptp(x):
            return True
    if height > SMALL and np.ptp(x) + 1 < TALL * height:
        for i in 1 + np.flatnonzero(np.diff(y) > 1 + GAP * height):
            min_share = 0.1 if y[i] - y[i - 1] > APART * height else 0.35
            if min(np.ptp(y[:i]), np.ptp(y[i:])) >= min_share * height:
                return True
    for lean in (0, 0.2, 0.4):
        slanted_x = x + lean * y
        order = slanted_x.argsort()
        for i in 1 + np.flatnonzero(np.diff(slanted_x[order]) > 1 + GAP * height):
            parts = y[order[:i]], y[order[i:]]
            if all(np.ptp(part) >= 0.6 * height and part.size >= 0.15 * y.size for part in parts):
                return True
    return False


def measure_strokes_crossed(image):
    """Count the strokes that a row and a column cross, on average, of the rows and columns of an image (28, 28) with
    ink."""
    box = np.pad(crop(image, 0), 1).astype(float)
    return [np.abs(np.diff(box, axis=axis)).sum() / 255 / 2 / (box.shape[1 - axis] - 2) for axis in (1, 0)]


def is_blot(image):
    """Return True if a texture fills an image (28, 28) uint8, as no digit does. No MNIST training image is filled."""
    box = crop(image, 0)
    return box.shape[1] > WIDE * box.shape[0] and (box > 127).mean() > FILLED


def is_scribble(image):
    """Return True if there are more strokes or holes in an image (28, 28) uint8 than in a digit.

    Pixels less pairs of neighbours plus squares of four is the number of pieces less that of holes (Euler).
    """
    rows, columns = measure_strokes_crossed(image)
    is_ink = image > 127
    pairs = (is_ink[1:] & is_ink[:-1]).sum() + (is_ink[:, 1:] & is_ink[:, :-1]).sum()
    squares = (is_ink[1:, 1:] & is_ink[1:, :-1] & is_ink[:-1, 1:] & is_ink[:-1, :-1]).sum()
    return rows > IN_A_ROW or rows + columns > IN_BOTH or is_ink.sum() - pairs + squares < -HOLES


def to_mnist(ink):
    """Fit ink (h, w) uint8 into 20 x 20 pixels of an image (28, 28) uint8, with its centre of mass in the middle.

    The middle is the pixel (14, 14), counted from 0, as in MNIST: its images come out as they went in.
    """
    # BOX gives each pixel the mean of what it covers. MNIST's grey levels are such means of black and white.
    ink = widen_strokes(Image.fromarray(crop(ink, 0)))
    ink = ink.resize([max(1, round(20 * side / max(ink.size))) for side in ink.size], Image.Resampling.BOX)
    mass = np.asarray(ink, float)
    down = mass.sum(axis=1) @ np.arange(ink.height) / mass.sum()
    right = mass.sum(axis=0) @ np.arange(ink.width) / mass.sum()
    # If the mass is all at one end, it comes as close to the middle as the border allows.
    place = (min(max(round(14 - right), 0), 28 - ink.width), min(max(round(14 - down), 0), 28 - ink.height))
    image = Image.new("L", (28, 28))
    image.paste(ink, place)
    return np.asarray(image)


def widen_strokes(ink):
    """Widen strokes that are thinner than PEN of the digit's size, to a pixel: shrinking would make them faint.

    A stroke's width is twice its area by the length of its outline; the outline is what a step outwards adds.
    """
    pen_width = PEN * max(ink.size)
    ink = ImageOps.expand(ink, 1)
    area = np.asarray(ink, float).sum()
    outline = np.asarray(ink.filter(ImageFilter.MaxFilter(3)), float).sum() - area
    steps = max(0, int((pen_width - 2 * area / outline) / 2))
    ink = ImageOps.expand(ink, steps)
    for _ in range(steps):
        ink = ink.filter(ImageFilter.MaxFilter(3))
    return ink.crop(ink.getbbox())
