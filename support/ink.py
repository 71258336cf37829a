"""A picture of a digit, as people make them, turned into an image like MNIST's.

MNIST's images (LeCun, Bottou, Bengio & Haffner 1998, Gradient-Based Learning Applied to Document Recognition) show
light ink on a black background, fitted into 20 x 20 pixels, with its centre of mass in the middle of 28 x 28.
"""

import io
import itertools
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from support.errors import UserError
from support.files import read_file

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
MAX_PIXELS, MAX_SIDE, MAX_BYTES = 50_000_000, 2**16, 2**27  # no JPEG has a longer side
SIDE = 320  # pixels; more would add nothing about a digit
WIDEST = 0.4  # of the picture's longer side: what is wider both ways is no ink
DARKEST = 128  # shade of paper: ink stands out less in less light, but on darker paper than this it would be noise
FAINTEST = 16  # shades (of 255) between ink and paper; less is noise from a JPEG or a camera
FULL = 0.85  # of what its corners span is a sheet, or more
WIDE = 0.55  # of the height; a 1 in one stroke is narrower
PEN = 0.085  # the width of a stroke by the digit's size; thinner ones are widened to it
GAP = 0.02  # the least space between two digits, by their height
FILLED = 0.82  # of its box is no digit; an 8 of the widest pen fills 0.78, and a wiped board 0.87, in drawn scenes
# The most that a digit has: strokes that a row crosses, that a row and a column cross, both on average, and holes. Of
# MNIST's 60,000 training images 37 have more.
IN_A_ROW, IN_BOTH, HOLES = 2.1, 4.5, 2


def read_digit(path):
    """The picture in a file, and what a network is shown of it: (H, W) and (28, 28) uint8, 0 black to 255 white.

    path: a name, or an open file. The picture should show one digit, dark on light or light on dark. Shadows and a desk
    around the sheet do no harm. UserError if it cannot be read, or if it shows no digit or several.
    """
    picture = read_picture(path)
    ink = find_ink(picture)
    if ink is None or blot(image := as_mnist(ink)):
        raise UserError(f"no digit found in {path}: it should be darker or lighter than the paper")
    if several(ink) or tangled(image):
        raise UserError(f"there is more than one digit in {path}, or a digit in pieces: cut out one, in one piece")
    return picture, image


def read_picture(path):
    """A picture file in shades of grey: (H, W) uint8, 0 black to 255 white, no side longer than SIDE.

    UserError if it is not a picture, is damaged, has more than MAX_PIXELS pixels or a side longer than MAX_SIDE: a few
    bytes may unpack to fill the memory.
    """
    file = io.BytesIO(read_file(path, MAX_BYTES)) if isinstance(path, (str, Path)) else path
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where Pillow only warns, it can still read the picture
            with Image.open(file, formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
                    raise Image.DecompressionBombError
                return shades(image)
    except Image.DecompressionBombError:  # ours, or Pillow's
        reason = f"it has more than {MAX_PIXELS // 10**6} million pixels, or {MAX_SIDE:,} along a side; make it smaller"
    except Exception:  # Pillow raises many kinds for a damaged file
        reason = f"not a picture that can be read ({', '.join(FORMATS)}), or damaged"
    raise UserError(f"cannot read {path}: {reason}")


def shades(image):
    """An open image in shades of grey: (H, W) uint8, upright, no side longer than SIDE."""
    if image.mode.startswith("I"):  # 16 bits per pixel
        image = Image.fromarray((np.asarray(image.convert("I")) // 256).astype(np.uint8))
    elif image.format != "JPEG":  # a JPEG has no transparency, and shrinks best as it is
        image = image.convert("RGBA")
    image.thumbnail((SIDE, SIDE), reducing_gap=3)
    image = ImageOps.exif_transpose(image)  # as the photographer held the camera
    if image.mode != "RGBA":
        return np.asarray(image.convert("L"))
    # Behind transparent pixels lies paper: in the median shade of the opaque ones, if they are most of the picture;
    # otherwise black or white, whichever is farther from what is there.
    grey, opacity = image.convert("LA").split()
    shade, weight = np.asarray(grey, float), np.asarray(opacity, float)
    if (weight > 127).mean() > 0.5:
        paper = np.median(shade[weight > 127])
    else:
        paper = 0 if (shade * weight).sum() > 127 * weight.sum() else 255
    return np.asarray(Image.composite(grey, Image.new("L", grey.size, int(paper)), opacity))


def find_ink(picture):
    """The ink in a picture (H, W) uint8: (h, w) uint8, 0 paper to 255 ink, cropped to the ink; None if there is none.

    It may be dark on light or light on dark. What looks like ink may be a sheet on a desk; then it is the ink on that.
    """
    (_, ink), (_, other) = sorted((reading(picture), reading(255 - picture)), key=lambda pair: pair[0])
    if grain(ink):
        return None
    sheet = enclosed(ink)
    corners = quadrilateral(sheet)
    if corners is not None:
        sides = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1)
        if (other[sheet & (ink <= 127)] > 127).any():
            ink = from_above(other * sheet, corners)
        elif sides.min() > WIDE * sides.max():
            return None  # a blank one; narrow, it would be a 1
    return crop(ink, 127) if (ink > 127).any() else None


def grain(ink):
    """Whether ink (H, W) uint8 comes from beyond each side of the picture in three places or more, as the grain of a
    desk does."""
    sides = (ink[0], ink[-1], ink[:, 0], ink[:, -1])
    return all(np.count_nonzero(np.diff(np.pad(side > 127, 1).astype(int)) > 0) >= 3 for side in sides)


def enclosed(ink):
    """Where ink (H, W) uint8 is, or is to the left, to the right, above and below: (H, W) bool."""
    return np.all([np.rot90(np.logical_or.accumulate(np.rot90(ink > 127, k)), -k) for k in range(4)], axis=0)


def reading(picture):
    """(how unlikely, ink (H, W) uint8) if a picture (H, W) uint8 shows dark ink on light paper; ink is 0 if none does.

    The paper is the closing of the picture (Serra 1982, Image Analysis and Mathematical Morphology): dark areas remain
    if a square fits into them, as the shadowed part of the paper and the desk do; narrower ones, as strokes, vanish.
    """
    size = max(picture.shape)
    square = 1 + int(WIDEST * size)
    calm = np.asarray(Image.fromarray(picture).filter(ImageFilter.MedianFilter(3)))  # less noise, the same edges
    paper = 255 - lightest(255 - lightest(np.pad(calm, square - 1, mode="edge"), square), square)
    # Paper is even. And an edge in the picture belongs to the paper or to the ink: what both have and the picture has
    # not, a seam, comes from a wrong reading.
    unlikely = variation(paper) + 3 * (variation(paper) + variation(paper - calm) - variation(calm))

    ink = 255 * np.maximum(paper - picture.astype(np.float32), 0) / np.maximum(paper, DARKEST)
    strength = np.median(ink[ink >= otsu(ink)]) if ink.any() else 0
    ink = (255 * np.clip((ink / max(strength, FAINTEST) - 0.2) / 0.5, 0, 1)).astype(np.uint8)
    around = np.asarray(Image.fromarray(ink).filter(ImageFilter.GaussianBlur(size / 40)))
    ink[around <= 13] = 0  # specks have too little ink around them
    return unlikely, ink * (strength >= FAINTEST and ink.max() >= 128)


def lightest(picture, square):
    """The lightest shade in each square of that side: (H, W) -> (H - square + 1, W - square + 1)."""
    if square == 1:
        return picture
    half, step = lightest(picture, (square + 1) // 2), square // 2  # four smaller squares cover each
    half = np.maximum(half[:-step], half[step:])
    return np.maximum(half[:, :-step], half[:, step:])


def variation(picture):
    """The sum of the changes from each pixel to the next: the length of the edges by their contrast."""
    return sum(np.abs(np.diff(picture.astype(np.float32), axis=axis)).sum() for axis in (0, 1))


def quadrilateral(shape):
    """The corners of a shape (H, W) bool, clockwise from the top left: (4, 2) float, x and y; None if it is no sheet.

    They are those of its points, farthest out in 24 directions, that span the largest area. A sheet fills what they
    span, and no more. Of a circle they span 0.64.
    """
    y, x = np.nonzero(shape)
    if not len(x):
        return None
    angles = np.radians(range(0, 360, 15))  # clockwise, as y points down
    farthest = (np.outer(np.cos(angles), x) + np.outer(np.sin(angles), y)).argmax(axis=1)
    points = np.stack([x, y], axis=1)[farthest].astype(float)
    fours = points[list(itertools.combinations(range(len(points)), 4))]  # (N, 4, 2)
    across, down = fours[:, 2] - fours[:, 0], fours[:, 3] - fours[:, 1]  # the diagonals
    areas = (across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]) / 2
    corners = fours[areas.argmax()]
    inside = Image.new("L", shape.shape[::-1])
    ImageDraw.Draw(inside).polygon([tuple(corner) for corner in corners], 1)
    both, either = shape & np.asarray(inside, bool), shape | np.asarray(inside, bool)
    if both.sum() < FULL * either.sum():
        return None
    upright = [[-1, -1], [1, -1], [1, 1], [-1, 1]]
    return max((np.roll(corners, k, axis=0) for k in range(4)), key=lambda turned: (turned * upright).sum())


def from_above(ink, corners):
    """The ink (H, W) uint8 on a sheet with these corners (4, 2), as a camera straight above it sees it.

    In coordinates from the picture's middle, with the focal length as the third, the columns of the matrix that takes
    the unit square to the sheet point along the sheet's sides in space, and are as long as they are in proportion.
    """
    corners = corners + 0.02 * (corners.mean(axis=0) - corners)  # without the edge
    corner, middle = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]), np.array(ink.shape[::-1]) / 2
    matrix = perspective(corner, (corners - middle) / max(ink.shape))  # phones' focal length: 0.7 to 1.1 of the side
    sides = np.linalg.norm(matrix[:, :2], axis=0)
    size = tuple(int(side) for side in (SIDE * sides / sides.max()).round() + 1)
    terms = perspective(corner * size, corners).ravel()[:8]
    return np.asarray(
        Image.fromarray(ink).transform(size, Image.Transform.PERSPECTIVE, tuple(terms), Image.Resampling.BILINEAR)
    )


def perspective(points, images):
    """The matrix (3, 3) that takes four points (4, 2) to their images (4, 2): (x, y, 1) to (u, v, 1) times a number."""
    rows = [[x, y, 1, 0, 0, 0, -u * x, -u * y] for (x, y), (u, _) in zip(points, images, strict=True)]
    rows += [[0, 0, 0, x, y, 1, -v * x, -v * y] for (x, y), (_, v) in zip(points, images, strict=True)]
    return np.append(np.linalg.solve(rows, images.T.ravel()), 1).reshape(3, 3)


def otsu(values):
    """The threshold that best splits values >= 0 in two: it maximises the variance between the two (Otsu 1979)."""
    counts, edges = np.histogram(values, 256, range=(0, values.max() or 1))
    middles = (edges[:-1] + edges[1:]) / 2
    n, total = counts.cumsum()[:-1], (counts * middles).cumsum()  # below each possible threshold
    between = (total[-1] * n / values.size - total[:-1]) ** 2 / np.maximum(n * (values.size - n), 1)
    return edges[1 + between.argmax()]


def crop(ink, above):
    """The rows and columns from the first to the last that has more ink than `above`."""
    left, top, right, bottom = Image.fromarray(ink > above).getbbox()
    return ink[top:bottom, left:right]


def several(ink):
    """Whether a strip of paper parts the ink into two digits, or into a digit and a line under it.

    Between digits it is upright, or leans as handwriting does. Each has 0.6 of the height or more, unlike the bar of a
    5, and 0.15 of the ink. The strip is GAP of the height wide.
    """
    y, x = np.nonzero(ink > 127)  # y in order
    height = np.ptp(y) + 1
    for i in 1 + np.flatnonzero(np.diff(y) > 1 + 3 * GAP * height):  # the foot of a 1 is nearer
        if np.ptp(y[i:]) < 0.2 * height and np.ptp(x[i:]) > 0.9 * np.ptp(x):
            return True
    for lean in (0, 0.2, 0.4):
        along = x + lean * y
        order = along.argsort()
        for i in 1 + np.flatnonzero(np.diff(along[order]) > 1 + GAP * height):
            parts = y[order[:i]], y[order[i:]]
            if all(np.ptp(part) >= 0.6 * height and part.size >= 0.15 * y.size for part in parts):
                return True
    return False


def strokes_crossed(image):
    """How many strokes a row and a column cross, on average, of the rows and columns of an image (28, 28) with ink."""
    box = np.pad(crop(image, 0), 1).astype(float)
    return [np.abs(np.diff(box, axis=axis)).sum() / 255 / 2 / (box.shape[1 - axis] - 2) for axis in (1, 0)]


def blot(image):
    """Whether an image (28, 28) uint8 is filled as no digit is, by a texture; none of MNIST's training images is."""
    box = crop(image, 0)
    return box.shape[1] > WIDE * box.shape[0] and (box > 127).mean() > FILLED


def tangled(image):
    """Whether there are more strokes or holes in an image (28, 28) uint8 than in a digit.

    Pixels less pairs of neighbours plus squares of four is the number of pieces less that of holes (Euler).
    """
    rows, columns = strokes_crossed(image)
    on = image > 127
    pairs = (on[1:] & on[:-1]).sum() + (on[:, 1:] & on[:, :-1]).sum()
    squares = (on[1:, 1:] & on[1:, :-1] & on[:-1, 1:] & on[:-1, :-1]).sum()
    return rows > IN_A_ROW or rows + columns > IN_BOTH or on.sum() - pairs + squares < -HOLES


def as_mnist(ink):
    """Ink (h, w) uint8 -> (28, 28) uint8: fitted into 20 x 20, centre of mass in the middle.

    The middle is the pixel (14, 14), counted from 0, as in MNIST: its images come out as they went in.
    """
    # BOX gives each pixel the mean of what it covers. MNIST's grey levels are such means of black and white.
    ink = widen(Image.fromarray(crop(ink, 0)))
    ink = ink.resize([max(1, round(20 * side / max(ink.size))) for side in ink.size], Image.Resampling.BOX)
    mass = np.asarray(ink, float)
    down = mass.sum(axis=1) @ np.arange(ink.height) / mass.sum()
    right = mass.sum(axis=0) @ np.arange(ink.width) / mass.sum()
    # If the mass is all at one end, it comes as close to the middle as the border allows.
    place = (min(max(round(14 - right), 0), 28 - ink.width), min(max(round(14 - down), 0), 28 - ink.height))
    image = Image.new("L", (28, 28))
    image.paste(ink, place)
    return np.asarray(image)


def widen(ink):
    """Strokes thinner than PEN of the digit's size get that width, to a pixel: shrinking would make them faint.

    A stroke's width is twice its area by the length of its outline; the outline is what a step outwards adds.
    """
    wanted = PEN * max(ink.size)
    ink = ImageOps.expand(ink, 1)
    area = np.asarray(ink, float).sum()
    outline = np.asarray(ink.filter(ImageFilter.MaxFilter(3)), float).sum() - area
    steps = max(0, int((wanted - 2 * area / outline) / 2))
    ink = ImageOps.expand(ink, steps)
    for _ in range(steps):
        ink = ink.filter(ImageFilter.MaxFilter(3))
    return ink.crop(ink.getbbox())
