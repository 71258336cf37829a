"""What a digit is written on: a sheet that lies on a table, the lines of ruled paper, what else is in the picture."""

import itertools

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

TABLE = 0.35  # of a sheet's outline may lie on the picture's border; more, and it is a part of the paper that is lit
FULL = 0.9  # of what its corners span, and of itself, is a sheet
LEAST = 0.08  # of the picture is a sheet
TILT = 0.2  # of its length is what a ruling falls or rises, 11 degrees, to both sides
RULED = 3  # shades (of 255) that a ruling is darker than the paper beside it, or more
BORDER = 0.6  # of its height and width together may a digit touch the picture's border


def find_sheet(picture):
    """The corners (4, 2) of a sheet on a table in a picture (H, W) uint8, as `quadrilateral` says; None without one.

    At some threshold it is the largest piece of what is lighter than the table, or darker. The table may be lighter in
    places, and a shadow may lie over a part of the sheet, so all thresholds are tried.
    """
    step = max(1, max(picture.shape) // 100)
    small = Image.fromarray(picture).reduce(step).filter(ImageFilter.MedianFilter(3))  # without lines
    best, found = 0, None
    for shades in (small, ImageOps.invert(small)):
        opened = np.asarray(shades.filter(ImageFilter.MinFilter(3)).filter(ImageFilter.MaxFilter(3)))  # no thin lines
        low, high = np.quantile(np.asarray(shades), (0.01, 0.99))
        for threshold in np.linspace(low, high, 14)[1:-1]:
            light = opened > threshold
            names, _ = pieces(light)
            if not light.any():
                continue
            shape = enclosed(names == np.bincount(names[light]).argmax())
            if shape.mean() < max(LEAST, best) or on_border(shape) > TABLE:
                continue
            if light[~shape].mean() > 0.5:  # it is inside of something drawn, a 0 perhaps
                continue
            corners, share = quadrilateral(shape)
            sides = lengths(corners)
            if share > FULL and sides.min() > 0.3 * sides.max() and shape.mean() * share**8 > best:
                best, found = shape.mean() * share**8, step * (corners + 0.5)
    return found


def on_border(shape):
    """The share of a shape's outline, (H, W) bool, that lies on the picture's border."""
    rows, columns = shape.any(axis=1).sum(), shape.any(axis=0).sum()
    return sum(side.sum() for side in (shape[0], shape[-1], shape[:, 0], shape[:, -1])) / (2 * (rows + columns))


def enclosed(shape):
    """Where a shape (H, W) bool is, or is to the left, to the right, above and below: (H, W) bool."""
    return np.all([np.rot90(np.logical_or.accumulate(np.rot90(shape, k)), -k) for k in range(4)], axis=0)


def quadrilateral(shape):
    """(corners, share) of a shape (H, W) bool: (4, 2) float, x and y, clockwise from the top left, and a number to 1.

    They are those of its points, farthest out in 24 directions, that span the largest area. A sheet fills what they
    span, and no more: the share of what both have in what either has is nearly 1. For a circle it is 0.64.
    """
    y, x = np.nonzero(shape)
    angles = np.radians(range(0, 360, 15))  # clockwise, as y points down
    if not len(x):
        return np.zeros((4, 2)), 0
    farthest = (np.outer(np.cos(angles), x) + np.outer(np.sin(angles), y)).argmax(axis=1)
    points = np.stack([x, y], axis=1)[farthest].astype(float)
    points = points[(points != np.roll(points, 1, axis=0)).any(axis=1)]  # a corner is the farthest in many directions
    if len(points) < 4:
        return np.zeros((4, 2)), 0
    fours = points[list(itertools.combinations(range(len(points)), 4))]  # (N, 4, 2)
    across, down = fours[:, 2] - fours[:, 0], fours[:, 3] - fours[:, 1]  # the diagonals
    areas = (across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]) / 2
    corners = fours[areas.argmax()]
    inside = Image.new("L", shape.shape[::-1])
    ImageDraw.Draw(inside).polygon([tuple(corner) for corner in corners], 1)
    both, either = shape & np.asarray(inside, bool), shape | np.asarray(inside, bool)
    upright = [[-1, -1], [1, -1], [1, 1], [-1, 1]]
    corners = max((np.roll(corners, k, axis=0) for k in range(4)), key=lambda turned: (turned * upright).sum())
    return corners, both.sum() / either.sum()


def lengths(corners):
    """Those of the four sides."""
    return np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1)


def from_above(picture, corners):
    """A sheet with these corners (4, 2) in a picture (H, W) uint8, as a camera straight above it sees it.

    In coordinates from the picture's middle, with the focal length as the third, the columns of the matrix that takes
    the unit square to the sheet point along the sheet's sides in space, and are as long as they are in proportion.
    """
    corners = corners + 0.02 * (corners.mean(axis=0) - corners)  # without the edge
    corner, middle = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]), np.array(picture.shape[::-1]) / 2
    matrix = perspective(
        corner, (corners - middle) / max(picture.shape)
    )  # phones' focal length: 0.7 to 1.1 of the side
    sides = np.linalg.norm(matrix[:, :2], axis=0)
    longest = lengths(corners).max()
    size = tuple(int(side) for side in (longest * sides / sides.max()).round() + 1)
    terms = perspective(corner * size, corners).ravel()[:8]
    return np.asarray(
        Image.fromarray(picture).transform(size, Image.Transform.PERSPECTIVE, tuple(terms), Image.Resampling.BILINEAR)
    )


def perspective(points, images):
    """The matrix (3, 3) that takes four points (4, 2) to their images (4, 2): (x, y, 1) to (u, v, 1) times a number."""
    rows = [[x, y, 1, 0, 0, 0, -u * x, -u * y] for (x, y), (u, _) in zip(points, images, strict=True)]
    rows += [[0, 0, 0, x, y, 1, -v * x, -v * y] for (x, y), (_, v) in zip(points, images, strict=True)]
    return np.append(np.linalg.solve(rows, images.T.ravel()), 1).reshape(3, 3)


def unruled(ink):
    """Ink (H, W) float without the lines of ruled or squared paper, from which a thin pen does not stand out.

    At each distance from a line, what most of it has there is subtracted: where the pen crosses, the rest is the pen's.
    """
    for _ in range(2):  # lines from left to right; then, turned, those from top to bottom
        spent, heights = np.zeros_like(ink), np.arange(len(ink))[:, np.newaxis]
        for line in rulings(ink):
            away = np.rint(2 * (heights - path(*line, ink.shape[1])))  # in half pixels
            for distance in range(-5, 6):
                at = away == distance
                if at.any():
                    low, half = np.quantile(ink[at], (0.2, 0.5))
                    spent[at] = np.maximum(spent[at], half + (half - low))  # as far above the median as 0.2 is below
        ink = np.maximum(ink - spent, 0).T
    return ink


def path(middle, fall, width):
    """The heights (width,) of a line with this one in the middle, which falls so far from left to right."""
    return middle + fall * (np.arange(width) / width - 0.5)


def rulings(ink):
    """The lines of ruled paper from left to right in ink (H, W) float: [(height in the middle, fall)].

    This is a Hough transform (Duda & Hart 1972) that takes a low quantile along each line in place of a sum: a ruling
    has ink along two thirds of what is in the picture of it, a digit's stroke has not. Rulings are at least three,
    nearly parallel, as strong as each other, and all over the paper.
    """
    height, width = ink.shape
    reach, x = int(TILT * width), np.arange(width)[:: max(1, width // 80)]
    thick = np.maximum.reduce([ink, np.vstack([ink[1:], ink[-1:]]), np.vstack([ink[:1], ink[:-1]])])
    thick = np.pad(thick, ((reach, reach), (0, 0)), constant_values=np.inf)  # beyond the picture
    falls, middles = np.arange(-reach, reach + 1, 2), np.arange(-(reach // 2), height + reach // 2)
    along = np.zeros((len(falls), len(middles)))
    for found, fall in zip(along, falls, strict=True):
        rows = reach + middles[:, np.newaxis] + np.rint(path(0, fall, width)[x]).astype(int)
        values = np.sort(thick[rows, x], axis=1)
        within = np.isfinite(values).sum(axis=1)
        found[:] = np.where(within > len(x) / 5, values[np.arange(len(middles)), within // 3], 0)
    beside = np.pad(along, ((0, 0), (4, 4)), mode="edge")
    contrast, lines = along - np.maximum(beside[:, :-8], beside[:, 8:]), []
    contrast[contrast < along / 2] = 0  # it is as dark beside it: no line
    while contrast.max(initial=0) > RULED:
        k, n = np.unravel_index(contrast.argmax(), contrast.shape)
        lines.append((middles[n], falls[k], contrast[k, n]))
        contrast[np.abs(middles - middles[n]) < 4 + np.abs(falls - falls[k])[:, np.newaxis] / 2] = (
            0  # the same, or across
        )
    if len(lines) < 3:
        return []
    middle, fall, strength = np.transpose(lines)
    alike = (strength < 2.5 * np.median(strength)) & (np.abs(fall - np.median(fall)) < 0.1 * width)
    if alike.sum() < 3 or np.ptp(middle[alike]) < 0.4 * height:
        return []
    return [finest(ink, *line) for line in zip(middle[alike], fall[alike], strict=True)]


def finest(ink, middle, fall):
    """That line, moved by up to two pixels to where there is most ink along it."""

    def total(line):
        y = np.rint(path(*line, ink.shape[1])).astype(int)
        on = (y >= 0) & (y < len(ink))
        values = ink[y[on], np.flatnonzero(on)]
        return np.minimum(values, 2 * np.median(values)).mean() if on.any() else 0  # the pen's ink does not count

    return max(((middle + a, fall + b) for a in (0, -0.5, 0.5, -1, 1, -1.5, 1.5) for b in range(-3, 4)), key=total)


def pieces(shape):
    """The connected pieces of a shape (H, W) bool: each pixel's number (H, W) int, or -1, and boxes (N, 4) int.

    A box is the first row and column, and the last. Pixels that touch at a corner are connected. The runs of pixels in
    each row are named in order. Every run takes the smallest name among its neighbours', and then the name of that,
    until all neighbours agree.
    """
    sides = np.diff(np.pad(shape, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    first, last = np.argwhere(sides > 0), np.argwhere(sides < 0) - (0, 1)  # (R, 2) pixels: where each run begins, ends
    run = np.cumsum(sides[:, :-1] > 0).reshape(shape.shape) - 1
    a, b = [], []
    for here, below in ((np.s_[:-1], np.s_[1:]), (np.s_[:-1, 1:], np.s_[1:, :-1]), (np.s_[:-1, :-1], np.s_[1:, 1:])):
        both = shape[here] & shape[below]
        a.append(run[here][both])
        b.append(run[below][both])
    a, b, names = np.concatenate(a), np.concatenate(b), np.arange(len(first))
    while (names[a] != names[b]).any():
        np.minimum.at(names, names[a], names[b])
        np.minimum.at(names, names[b], names[a])
        names = names[names]
    found, numbers = np.unique(names, return_inverse=True)
    boxes = np.tile([*shape.shape, -1, -1], (len(found), 1))
    np.minimum.at(boxes[:, :2], numbers, first)
    np.maximum.at(boxes[:, 2:], numbers, last)
    return np.where(shape, np.append(numbers, -1)[run], -1), boxes


def without_surroundings(ink):
    """Ink (H, W) uint8 without the edge of a table or the bars of a program's window, and without specks.

    The one lies along the picture's border, where a digit that touches it comes from farther inside. The other are
    small and apart from the largest piece.
    """
    names, boxes = pieces(ink > 127)
    if not len(boxes):
        return 0 * ink
    sides = boxes[:, 2:] - boxes[:, :2] + 1  # (N, 2): heights and widths
    border = np.concatenate([names[0], names[-1], names[:, 0], names[:, -1]])
    inside = np.bincount(border[border >= 0], minlength=len(boxes)) < BORDER * sides.sum(axis=1)
    size = sides.max(axis=1) / max(names.shape)
    whole = (sides > 0.9 * np.array(names.shape)).all(axis=1)  # perhaps a digit that somebody cut out closely
    kept = inside if (inside & (size > 0.2)).any() else inside | whole
    if not kept.any():
        return 0 * ink
    largest = (size * kept).argmax()
    apart = np.maximum(boxes[largest, :2] - boxes[:, 2:], boxes[:, :2] - boxes[largest, 2:]).max(axis=1)
    kept &= (size > 0.3 * size[largest]) | (apart < 0.15 * sides[largest].max())
    shape = Image.fromarray(255 * (kept[names] & (names >= 0)).astype(np.uint8))
    return ink * (np.asarray(shape.filter(ImageFilter.MaxFilter(5))) > 0)  # with the grey around
