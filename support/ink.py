"""Turns a photograph or drawing of a digit into an image like MNIST's.

MNIST's images (LeCun, Bottou, Bengio & Haffner 1998, Gradient-Based Learning Applied to Document Recognition) show
light ink on a black background, fitted into 20 x 20 pixels, with its centre of mass in the middle of 28 x 28.
"""

import os
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from support.budget import (
    MAX_PICTURE_BYTES,
    MAX_PICTURE_PIXELS,
    MAX_PICTURE_SECONDS,
    MAX_PICTURE_SIDE,
    CapacityLimit,
    TimedBytes,
)
from support.errors import UserError
from support.files import read_file
from support.paper import (
    fill_enclosed,
    find_pieces,
    find_sheet_corners,
    fit_quadrilateral,
    is_broad,
    isolate_digit,
    max_filter,
    rectify,
    remove_rulings,
    side_lengths,
)

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
# The total bytes of files, and the total pixels, of pictures that may be read at the same time.
OPEN_BYTES_LIMIT = CapacityLimit(MAX_PICTURE_BYTES)
DECODED_PIXELS_LIMIT = CapacityLimit(MAX_PICTURE_PIXELS)
REDUCED_SIDE = 320  # pixels along the longer side of a picture; more would not help to read a digit
MAX_INK_WIDTH = 0.4  # fraction of the picture's longer side: an area that is wider in both directions is not ink
MIN_PAPER_SHADE = 128  # ink stands out less in less light, but on darker paper it would be noise
MIN_CONTRAST = 16  # between ink and paper, in shades of 255; less is noise from a JPEG or a camera
MIN_PENCIL_CONTRAST = 8  # of a pale pencil, in shades of 255
MIN_PENCIL_NOISE_RATIO = 6  # contrast of a pale pencil / the mean, which is noise
MIN_PIXEL_FRACTION = 0.002  # that a pale pencil covers, or that are in colour
MAX_BORDER_INK_WIDTH = 0.12  # fraction of the longer side: a wider dark area at the border is a shadow
MIN_CHANNEL_DIFFERENCE = 48  # a pixel is in colour if two of its channels differ by more shades than this
MAX_FADE_PIXELS = 1.4  # pixels over which ink fades into paper; a shadow, a coffee stain and a crease fade more slowly
MAX_HALF_DARK_RATIO = 0.45  # half-dark pixels / dark pixels: more is blurred, even where an enlarged digit fades
MAX_CIRCLE_DEVIATION = 0.05  # of the ink from a circle, as a fraction of the radius
MIN_SHEET_FILL = 0.85  # a sheet fills at least this fraction of the area that its corners span
MIN_WIDE_RATIO = 0.55  # width / height; a 1 in one stroke is narrower
MIN_PEN_WIDTH = 0.085  # width of a stroke / size of the digit; thinner strokes are widened to this
MAX_STACKED_RATIO = 0.6  # width / height of two digits, one above the other; 4 training images look like that, too
MIN_STACKED_PIXELS = 40  # if a picture is lower than this, some rows of a stroke may be lost
MIN_DIGIT_GAP = 0.02  # fraction of the digits' height
LARGE_DIGIT_GAP = 0.2  # fraction of the height; no training image narrower than MAX_STACKED_RATIO has it
MAX_BOX_FILL = 0.82  # of a digit's box; in drawn scenes, an 8 of the widest pen fills 0.78, a wiped board 0.87
# The limits for a digit: the strokes that a row crosses on average, the strokes that a row and a column together cross
# on average, and the holes. Of MNIST's 60,000 training images, 38 exceed them.
MAX_STROKES_PER_ROW = 2.09
MAX_STROKES_PER_ROW_AND_COLUMN = 4.5
MAX_HOLES = 2


class Ink(NamedTuple):
    """The ink in a picture."""

    array: np.ndarray  # (h, w) uint8, 0 paper to 255 ink
    is_found: bool  # True if it may be a digit's ink
    is_cut: bool  # True if the digit is cut off at the border

    @property
    def is_whole(self):
        """True if it may be a digit's ink, all of it."""
        return self.is_found and not self.is_cut


class DigitPicture(NamedTuple):
    """A picture file's content, and the image for a network that was made from it."""

    picture: np.ndarray  # (H, W) uint8, 0 black to 255 white
    ink: np.ndarray  # (h, w) uint8, 0 paper to 255 ink, of the picture or of the sheet in it
    image: np.ndarray  # (28, 28) uint8, the input for a network; black if there is no ink
    problem: str  # why this is not a single digit, for a message; "" if it is


def read_digit_image(path):
    """Return an image like MNIST's, (28, 28) uint8, from a picture file.

    path: a name, or an open file. The picture should show one digit, dark on light or light on dark. Shadows, a table
    around the sheet and lines on the paper do no harm. Raises UserError if the picture cannot be read, or if it shows
    no digit or several.
    """
    digit_picture = read_digit_picture(path)
    if digit_picture.problem:
        raise UserError(digit_picture.problem)
    return digit_picture.image


def read_digit_picture(path):
    """Return the `DigitPicture` of a picture file. If it does not show a single digit, its `problem` says so.

    Raises UserError if the file cannot be read as a picture.
    """
    picture = read_picture(path)
    ink = find_ink(picture)
    image = to_mnist(ink.array) if (ink.array > 127).any() else np.zeros((28, 28), np.uint8)
    if not ink.is_found or not image.any() or is_blot(image):
        problem = f"no digit found in {path}: it should be darker or lighter than the paper"
    elif ink.is_cut:
        problem = f"no whole digit found in {path}: leave some empty paper around it"
    elif has_several_digits(crop(ink.array, 127)) or is_scribble(image):
        problem = (
            f"there is more than one digit, or a broken one, in {path}: cut out a single digit, drawn in one piece"
        )
    else:
        problem = ""
    return DigitPicture(picture, ink.array, image, problem)


def read_picture(path, max_side=REDUCED_SIDE):
    """Return a picture file in shades of grey: (H, W) uint8, 0 black to 255 white, no side longer than `max_side`.

    Raises UserError as `open_picture` does.
    """
    with open_picture(path) as image:
        return to_grey(image, max_side)


@contextmanager
def open_picture(path):
    """Context manager: open a picture file and yield a Pillow image, which is read from the file inside the block.

    Raises UserError if the file is not a picture, is damaged, has more than MAX_PICTURE_PIXELS or a side longer
    than MAX_PICTURE_SIDE, or takes more than MAX_PICTURE_SECONDS to read: a small file may unpack to more than the
    memory holds.
    """
    try:
        with warnings.catch_warnings(), OPEN_BYTES_LIMIT(count_bytes(path)):
            warnings.simplefilter("ignore")  # where Pillow only warns, it can still read the picture
            file = TimedBytes(read_file(path, MAX_PICTURE_BYTES)) if isinstance(path, (str, Path)) else path
            with Image.open(file, formats=FORMATS) as image:
                if image.width * image.height > MAX_PICTURE_PIXELS or max(image.size) > MAX_PICTURE_SIDE:
                    raise Image.DecompressionBombError
                with DECODED_PIXELS_LIMIT(image.width * image.height):
                    yield image
        return
    except UserError:  # from `read_file`, with a message already
        raise
    except TimeoutError:
        reason = f"it takes more than {MAX_PICTURE_SECONDS} seconds of work"
    except Image.DecompressionBombError:  # ours, or Pillow's
        n_millions = MAX_PICTURE_PIXELS // 10**6
        reason = f"it has more than {n_millions} million pixels, or {MAX_PICTURE_SIDE:,} along a side; make it smaller"
    except Exception:  # Pillow raises many kinds for a damaged file
        reason = f"not a picture in a known format ({', '.join(FORMATS)}), or damaged"
    raise UserError(f"cannot read {path}: {reason}")


def count_bytes(path):
    """Return the size of a picture file in bytes, at most PICTURE, or 0 if `path` is not the name of a file.

    `read_file` refuses larger files, and what is not a file.
    """
    return (
        min(os.path.getsize(path), MAX_PICTURE_BYTES) if isinstance(path, (str, Path)) and os.path.isfile(path) else 0
    )


def has_colour(image, side=REDUCED_SIDE):
    """Return True if an open Pillow image has colours, beyond the slight ones that JPEG compression adds to greys.

    side: the longest side, in pixels, of the reduced copy that is examined.
    """
    if image.mode in ("1", "L", "LA") or image.mode.startswith("I"):
        return False
    thumbnail = image.copy()
    thumbnail.thumbnail((side, side), reducing_gap=3)
    channels = np.asarray(thumbnail.convert("RGBA")).astype(int)
    opaque_pixels = channels[..., :3][channels[..., 3] > 127]  # without transparent pixels
    return (
        bool(len(opaque_pixels))
        and float((np.ptp(opaque_pixels, axis=1) > MIN_CHANNEL_DIFFERENCE).mean()) > MIN_PIXEL_FRACTION
    )


def to_grey(image, side=REDUCED_SIDE):
    """Return an open Pillow image in shades of grey: (H, W) uint8, upright, no side longer than `side` pixels."""
    if image.mode.startswith("I"):  # 16 bits per pixel
        image = Image.fromarray((np.asarray(image.convert("I")) // 256).astype(np.uint8))
    elif image.format != "JPEG" and (image.mode != "L" or "transparency" in image.info):
        image = image.convert("RGBA")  # a JPEG has no transparency, and shrinks best unconverted
    image.thumbnail((side, side), reducing_gap=3)
    image = ImageOps.exif_transpose(image)  # as the photographer held the camera
    if image.mode != "RGBA":
        return np.asarray(image.convert("L"))
    # Transparent pixels become paper. If most pixels are opaque, it has their median shade. Otherwise it is black or
    # white, whichever is farther from the shade of the opaque pixels.
    grey, opacity = image.convert("LA").split()
    shade = np.asarray(grey, float)
    weight = np.asarray(opacity, float)
    if (weight > 127).mean() > 0.5:
        paper = np.median(shade[weight > 127])
    else:
        paper = 0 if (shade * weight).sum() > 127 * weight.sum() else 255
    return np.asarray(Image.composite(grey, Image.new("L", grey.size, int(paper)), opacity))


def find_ink(picture):
    """Return the `Ink` in a picture (H, W) uint8.

    The ink may be dark on light or light on dark. If a sheet lies on a table, it is the ink on the sheet, as seen from
    above. If the sheet has none, it is the ink in the whole picture, because the sheet may be a note beside the digit,
    or half of a folded sheet. An area broader than any pen's stroke is not ink, but perhaps a lamp's patch of light.
    Then the dark parts may be the ink.
    """
    corners = find_sheet_corners(picture)
    if corners is None:
        return find_ink_on_paper(picture)
    ink_on_sheet = find_ink_on_paper(rectify(picture, corners))
    if ink_on_sheet.is_whole:
        return ink_on_sheet
    ink = find_ink_on_paper(picture)
    return ink if ink.is_whole else ink_on_sheet


def find_ink_on_paper(picture):
    """Return the `Ink` in a picture (H, W) uint8 without a table."""
    contrasts = [measure_contrast(picture), measure_contrast(255 - picture)]
    likely, unlikely = sorted(contrasts, key=lambda contrast: contrast.unlikelihood)
    ink = find_dark_ink(likely.darkness, unlikely.darkness)
    if not (ink.is_found and is_broad(ink.array > 127)):
        return ink
    second = find_dark_ink(unlikely.darkness, likely.darkness)
    if second.is_whole and is_one_piece(second.array > 127) and not is_broad(second.array > 127):
        return second
    return Ink(ink.array, is_found=False, is_cut=False)


def find_dark_ink(darkness, lightness):
    """Return the `Ink` of a picture in which it is darker than the paper.

    darkness (H, W): how much darker each pixel is than the paper. lightness (H, W): how much lighter. See `Contrast`.
    """
    ink = extract_ink(darkness)
    if is_wood_grain(ink):
        return Ink(ink, is_found=False, is_cut=False)
    sheet = fill_enclosed(ink > 127)  # what looks like ink may also be a sheet
    corners, share = fit_quadrilateral(sheet)
    if share > MIN_SHEET_FILL and (ink[sheet] > 127).mean() > 0.5:  # and not a frame drawn around the digit
        sides = side_lengths(corners)
        on_it = extract_ink(lightness) * sheet
        if (on_it[ink <= 127] > 127).any():
            ink = rectify(on_it, corners)
        elif sides.min() > MIN_WIDE_RATIO * sides.max():
            return Ink(ink, is_found=False, is_cut=False)  # a blank sheet; if it were narrow, it would be a 1
    ink, is_cut = isolate_digit(ink)
    return Ink(ink, bool((ink > 127).any()) and not is_blurred(ink) and not is_circle(ink), is_cut)


def is_one_piece(mask):
    """Return True if most of a mask (H, W) bool is one connected piece. The strokes of a scribble are many pieces."""
    names, _ = find_pieces(mask)
    return bool(np.bincount(names[mask]).max() > 0.6 * mask.sum())


def is_blurred(ink):
    """Return True if ink (H, W) uint8 has no sharp edges.

    Then there are more than MAX_FADE_PIXELS half-dark pixels for each pixel of the ink's outline.
    """
    shape = Image.fromarray(255 * (ink > 127).astype(np.uint8))
    outline = np.asarray(shape) > np.asarray(shape.filter(ImageFilter.MinFilter(3)))
    half_dark = ((ink > 40) & (ink < 215)).sum()
    dark = (ink > 127).sum()
    # An enlarged digit fades, but is thick.
    return half_dark > MAX_FADE_PIXELS * outline.sum() and half_dark > MAX_HALF_DARK_RATIO * dark


def is_circle(ink):
    """Return True if ink (H, W) uint8 is a thin, accurate circle, left by a cup and not drawn by hand.

    All of its ink is at nearly the same distance from the middle.
    """
    points = np.argwhere(ink > 127)
    distances = np.linalg.norm(points - (points.min(axis=0) + points.max(axis=0)) / 2, axis=1)
    return distances.std() < MAX_CIRCLE_DEVIATION * distances.mean()


def is_wood_grain(ink):
    """Return True if ink (H, W) uint8 crosses each side of the picture in at least three places.

    The grain of a wooden desk does, but a digit does not.
    """
    sides = (ink[0], ink[-1], ink[:, 0], ink[:, -1])
    return all(np.count_nonzero(np.diff(np.pad(side > 127, 1).astype(int)) > 0) >= 3 for side in sides)


class Contrast(NamedTuple):
    """The contrast between ink and paper, assuming that a picture shows dark ink on light paper."""

    darkness: np.ndarray  # (H, W) float: how much darker each pixel is than the paper, 0 to 255
    unlikelihood: float  # a score, larger if the assumption is less likely


def measure_contrast(picture):
    """Return the `Contrast` of a picture (H, W) uint8.

    The paper is estimated by the closing of the picture (Serra 1982, Image Analysis and Mathematical Morphology). Dark
    areas into which a square fits remain, such as the desk or a shadow on the paper. Narrower ones, such as strokes,
    vanish.
    """
    size = max(picture.shape)
    square = 1 + int(MAX_INK_WIDTH * size)
    calm = np.asarray(Image.fromarray(picture).filter(ImageFilter.MedianFilter(3)))  # less noise, the same edges
    reach = min(int(MAX_BORDER_INK_WIDTH * size), square - 1)
    wide_picture = np.pad(np.pad(calm, reach, mode="symmetric"), square - 1 - reach, mode="edge")
    paper = 255 - max_filter(255 - max_filter(wide_picture, square), square)
    # Paper is even. And an edge in the picture belongs either to the paper or to the ink. An edge that both have, but
    # not the picture, is a sign that the assumption is wrong.
    shared_edges = total_variation(paper) + total_variation(paper - calm) - total_variation(calm)
    unlikelihood = total_variation(paper) + 3 * shared_edges
    darkness = 255 * np.maximum(paper - picture.astype(np.float32), 0) / np.maximum(paper, MIN_PAPER_SHADE)
    return Contrast(darkness, unlikelihood)


def extract_ink(darkness):
    """Return the ink (H, W) uint8, 0 paper to 255 ink, from a picture's darkness (H, W), see `Contrast`.

    The ink is 0 everywhere if nothing stands out from the paper.
    """
    ink = remove_rulings(darkness)
    strength = np.median(ink[ink >= otsu_threshold(ink)]) if ink.any() else 0
    if strength < MIN_CONTRAST:  # a pale pencil has less contrast than the fall-off of the light, but sharper edges
        blur = Image.fromarray(ink.astype(np.uint8)).filter(ImageFilter.GaussianBlur(max(ink.shape) / 40))
        ink = np.maximum(ink - np.asarray(blur), 0)
        sharp = ink[ink > max(MIN_PENCIL_CONTRAST, MIN_PENCIL_NOISE_RATIO * ink.mean())]
        strength = (
            MIN_CONTRAST * (np.median(sharp) > 1.5 * MIN_PENCIL_CONTRAST)
            if sharp.size > MIN_PIXEL_FRACTION * ink.size
            else 0
        )
    ink = (255 * np.clip((ink / max(strength, MIN_CONTRAST) - 0.2) / 0.5, 0, 1)).astype(np.uint8)
    blur = np.asarray(Image.fromarray(ink).filter(ImageFilter.GaussianBlur(max(ink.shape) / 40)))
    ink[blur <= 13] = 0  # specks have too little ink around them
    return ink * (strength >= MIN_CONTRAST and ink.max() >= 128)


def total_variation(picture):
    """Return the sum of the absolute differences between neighbouring pixels: the length of edges times contrast."""
    return sum(np.abs(np.diff(picture.astype(np.float32), axis=axis)).sum() for axis in (0, 1))


def otsu_threshold(values):
    """Return the threshold that splits values >= 0 into two groups with most variance between them (Otsu 1979)."""
    counts, edges = np.histogram(values, 256, range=(0, values.max() or 1))
    middles = (edges[:-1] + edges[1:]) / 2
    # below each possible threshold
    n = counts.cumsum()[:-1]
    total = (counts * middles).cumsum()
    variances = (total[-1] * n / values.size - total[:-1]) ** 2 / np.maximum(n * (values.size - n), 1)
    return edges[1 + variances.argmax()]


def crop(ink, threshold):
    """Return the smallest rectangle of `ink` that contains all of its values above `threshold`."""
    left, top, right, bottom = Image.fromarray(ink > threshold).getbbox()
    return ink[top:bottom, left:right]


def has_several_digits(ink):
    """Return True if a strip of paper separates the ink into two digits, or into a digit and a line under it.

    Between two digits, the strip is upright or leans as handwriting does, and its width is at least MIN_DIGIT_GAP of
    the height. Each digit then has at least 0.6 of the height, unlike the bar of a 5, and at least 0.15 of the ink. If
    one digit is above the other, each has at least 0.35 of the height, or 0.1 if the gap is larger than
    LARGE_DIGIT_GAP, and both together are narrower than MAX_STACKED_RATIO. That is not tested in pictures as small as
    MNIST's.
    """
    y, x = np.nonzero(ink > 127)  # y in order
    height = np.ptp(y) + 1
    for i in 1 + np.flatnonzero(np.diff(y) > 1 + 3 * MIN_DIGIT_GAP * height):  # the foot of a 1 is nearer
        if np.ptp(y[i:]) < 0.2 * height and np.ptp(x[i:]) > 0.9 * np.ptp(x):
            return True
    if height > MIN_STACKED_PIXELS and np.ptp(x) + 1 < MAX_STACKED_RATIO * height:
        for i in 1 + np.flatnonzero(np.diff(y) > 1 + MIN_DIGIT_GAP * height):
            min_share = 0.1 if y[i] - y[i - 1] > LARGE_DIGIT_GAP * height else 0.35
            if min(np.ptp(y[:i]), np.ptp(y[i:])) >= min_share * height:
                return True
    for lean in (0, 0.2, 0.4):
        slanted_x = x + lean * y
        order = slanted_x.argsort()
        for i in 1 + np.flatnonzero(np.diff(slanted_x[order]) > 1 + MIN_DIGIT_GAP * height):
            parts = y[order[:i]], y[order[i:]]
            if all(np.ptp(part) >= 0.6 * height and part.size >= 0.15 * y.size for part in parts):
                return True
    return False


def measure_strokes(image):
    """Return (strokes that a row crosses, strokes that a column crosses), averages over an image (28, 28) uint8.

    Only the rows and columns from the first to the last with ink count.
    """
    box = np.pad(crop(image, 0), 1).astype(float)
    height, width = box.shape
    strokes_in_rows = np.abs(np.diff(box, axis=1)).sum() / 255 / 2
    strokes_in_columns = np.abs(np.diff(box, axis=0)).sum() / 255 / 2
    return strokes_in_rows / (height - 2), strokes_in_columns / (width - 2)


def is_blot(image):
    """Return True if an image (28, 28) uint8 is filled with a texture, not strokes. No MNIST training image is."""
    box = crop(image, 0)
    return box.shape[1] > MIN_WIDE_RATIO * box.shape[0] and (box > 127).mean() > MAX_BOX_FILL


def is_scribble(image):
    """Return True if an image (28, 28) uint8 has more strokes or holes than a digit.

    By Euler's formula, (pixels) - (pairs of neighbours) + (squares of four) = (pieces) - (holes).
    """
    rows, columns = measure_strokes(image)
    is_ink = image > 127
    pairs = (is_ink[1:] & is_ink[:-1]).sum() + (is_ink[:, 1:] & is_ink[:, :-1]).sum()
    squares = (is_ink[1:, 1:] & is_ink[1:, :-1] & is_ink[:-1, 1:] & is_ink[:-1, :-1]).sum()
    return (
        rows > MAX_STROKES_PER_ROW
        or rows + columns > MAX_STROKES_PER_ROW_AND_COLUMN
        or is_ink.sum() - pairs + squares < -MAX_HOLES
    )


def to_mnist(ink):
    """Fit ink (h, w) uint8 into 20 x 20 pixels of an image (28, 28) uint8, with its centre of mass in the middle.

    The middle is the pixel (14, 14), counted from 0, as in MNIST. So MNIST's own images are returned unchanged.
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


def widen_strokes(ink_image):
    """Return a Pillow image of ink in which strokes are at least MIN_PEN_WIDTH of its size wide, to about a pixel.

    Thinner strokes would become faint when the image is shrunk. The width of the strokes is estimated as twice their
    area divided by the length of their outline. The outline is the area that widening by one pixel adds.
    """
    pen_width = MIN_PEN_WIDTH * max(ink_image.size)
    ink_image = ImageOps.expand(ink_image, 1)
    area = np.asarray(ink_image, float).sum()
    outline = np.asarray(ink_image.filter(ImageFilter.MaxFilter(3)), float).sum() - area
    steps = max(0, int((pen_width - 2 * area / outline) / 2))
    ink_image = ImageOps.expand(ink_image, steps)
    for _ in range(steps):
        ink_image = ink_image.filter(ImageFilter.MaxFilter(3))
    return ink_image.crop(ink_image.getbbox())
