"""Separates a digit from its surroundings: a table around the sheet, the lines of ruled paper, and other objects."""

import itertools

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

MAX_OUTLINE_ON_BORDER = 0.35  # fraction of a sheet's outline; more is a lit part of the paper
MIN_SHEET_OVERLAP = 0.9  # overlap (intersection / union) of a sheet with the quadrilateral of its corners
MIN_SHEET_FRACTION = 0.08  # fraction of the picture
MAX_RULING_SLOPE = 0.2  # rise or fall / length: 11 degrees
MIN_RULING_CONTRAST = 3  # between a ruling and the paper beside it, in shades of 255
MAX_BORDER_CONTACT = 0.6  # fraction of a digit's height plus width that touches the picture's border
MIN_BROAD_WIDTH = 0.45  # fraction of a digit's length: no pen's stroke is as wide
MIN_GAP = 0.05  # fraction of a digit's length: narrower gaps do not count
BORDER_MARGIN = 0.013  # fraction of the picture; ink within it touches the border: a ruling may have been removed
MIN_CIRCLE_DISTANCE = 0.07  # of a circle from the digit that it is drawn around, as a fraction of its size


def find_sheet_corners(picture):
    """Return the corners (4, 2) of a sheet on a table in a picture (H, W) uint8, or None if there is no such sheet.

    The corners are as `fit_quadrilateral` returns them. At some threshold, the sheet is the largest
    connected area that is lighter, or darker, than the table. Parts of the table may be lighter, and a shadow may lie
    over the sheet, so several thresholds are tried.
    """
    step = max(1, max(picture.shape) // 100)
    small = Image.fromarray(picture).reduce(step).filter(ImageFilter.MedianFilter(3))  # without lines
    best = 0
    best_corners = None
    for shades in (small, ImageOps.invert(small)):
        opening = np.asarray(shades.filter(ImageFilter.MinFilter(3)).filter(ImageFilter.MaxFilter(3)))  # no thin lines
        low, high = np.quantile(np.asarray(shades), (0.01, 0.99))
        for threshold in np.linspace(low, high, 14)[1:-1]:
            light = opening > threshold
            names, _ = find_pieces(light)
            if not light.any():
                continue
            shape = fill_enclosed(names == np.bincount(names[light]).argmax())
            if shape.mean() < max(MIN_SHEET_FRACTION, best) or measure_border_share(shape) > MAX_OUTLINE_ON_BORDER:
                continue
            if light[~shape].mean() > 0.5:  # it is the inside of something drawn, perhaps of a 0
                continue
            corners, share = fit_quadrilateral(shape)
            sides = side_lengths(corners)
            if share > MIN_SHEET_OVERLAP and sides.min() > 0.3 * sides.max() and shape.mean() * share**8 > best:
                best = shape.mean() * share**8
                best_corners = step * (corners + 0.5)
    return best_corners


def measure_border_share(mask):
    """Return the fraction of the outline of a mask (H, W) bool that lies on the picture's border."""
    rows = mask.any(axis=1).sum()
    columns = mask.any(axis=0).sum()
    return sum(side.sum() for side in (mask[0], mask[-1], mask[:, 0], mask[:, -1])) / (2 * (rows + columns))


def fill_enclosed(mask):
    """Return a mask (H, W) bool with its holes filled: a pixel is True if the mask is True on all four sides of it."""
    return np.all([np.rot90(np.logical_or.accumulate(np.rot90(mask, k)), -k) for k in range(4)], axis=0)


def fit_quadrilateral(mask):
    """Fit a quadrilateral to a mask (H, W) bool. Return (corners, overlap).

    corners (4, 2) float: x and y, clockwise from the top left. Of the mask's farthest points in 24 directions, they are
    the four that span the largest area. overlap: intersection / union of the mask and the quadrilateral. It is nearly 1
    for a sheet, and 0.64 for a circle.
    """
    y, x = np.nonzero(mask)
    angles = np.radians(range(0, 360, 15))  # clockwise, as y points down
    if not len(x):
        return np.zeros((4, 2)), 0
    farthest = (np.outer(np.cos(angles), x) + np.outer(np.sin(angles), y)).argmax(axis=1)
    points = np.stack([x, y], axis=1)[farthest].astype(float)
    points = points[(points != np.roll(points, 1, axis=0)).any(axis=1)]  # a corner is the farthest in many directions
    if len(points) < 4:
        return np.zeros((4, 2)), 0
    fours = points[list(itertools.combinations(range(len(points)), 4))]  # (N, 4, 2)
    diagonal = fours[:, 2] - fours[:, 0]
    other_diagonal = fours[:, 3] - fours[:, 1]
    areas = (diagonal[:, 0] * other_diagonal[:, 1] - diagonal[:, 1] * other_diagonal[:, 0]) / 2
    corners = fours[areas.argmax()]
    quadrilateral = Image.new("L", mask.shape[::-1])
    ImageDraw.Draw(quadrilateral).polygon([tuple(corner) for corner in corners], 1)
    intersection = mask & np.asarray(quadrilateral, bool)
    union = mask | np.asarray(quadrilateral, bool)
    upright = [[-1, -1], [1, -1], [1, 1], [-1, 1]]
    corners = max((np.roll(corners, k, axis=0) for k in range(4)), key=lambda turned: (turned * upright).sum())
    return corners, intersection.sum() / union.sum()


def side_lengths(corners):
    """Return the lengths (4,) of the sides of a quadrilateral with these corners (4, 2)."""
    return np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1)


def rectify(picture, corners):
    """Return a sheet in a picture (H, W) uint8 as a camera straight above the sheet would see it. corners: (4, 2).

    A matrix maps the unit square to the sheet. With the picture's middle as the origin, and the focal length as the
    third coordinate, its first two columns point along the sheet's sides in space, and their lengths are in proportion.
    """
    corners = corners + 0.02 * (corners.mean(axis=0) - corners)  # without the edge
    corner = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    middle = np.array(picture.shape[::-1]) / 2
    # The focal length is 1: phones have 0.7 to 1.1 of the longer side.
    matrix = perspective_matrix(corner, (corners - middle) / max(picture.shape))
    sides = np.linalg.norm(matrix[:, :2], axis=0)
    longest = side_lengths(corners).max()
    size = tuple(int(side) for side in (longest * sides / sides.max()).round() + 1)
    terms = perspective_matrix(corner * size, corners).ravel()[:8]
    return np.asarray(
        Image.fromarray(picture).transform(size, Image.Transform.PERSPECTIVE, tuple(terms), Image.Resampling.BILINEAR)
    )


def perspective_matrix(points, image_points):
    """Return the matrix (3, 3) that maps four points (4, 2) to their images (4, 2).

    It maps (x, y, 1), for a point (x, y), to a multiple of (u, v, 1), for its image (u, v).
    """
    rows = [[x, y, 1, 0, 0, 0, -u * x, -u * y] for (x, y), (u, _) in zip(points, image_points, strict=True)]
    rows += [[0, 0, 0, x, y, 1, -v * x, -v * y] for (x, y), (_, v) in zip(points, image_points, strict=True)]
    return np.append(np.linalg.solve(rows, image_points.T.ravel()), 1).reshape(3, 3)


def remove_rulings(ink):
    """Return ink (H, W) float without the lines of ruled or squared paper. A thin pen would not stand out from them.

    At each distance from a line, the typical value along the line is subtracted. Where the pen crosses, ink remains.
    """
    slope = None
    whole = ink  # lines are found in the original ink: removing one leaves gaps in the lines that cross it
    for _ in range(2):  # lines from left to right; then, transposed, those from top to bottom
        ruling_ink = np.zeros_like(ink)
        heights = np.arange(len(ink))[:, np.newaxis]
        lines = find_rulings(whole, slope)
        slope = -np.median([fall for _, fall in lines]) / ink.shape[1] if lines else None
        for line in lines:
            distances = np.rint(2 * (heights - line_heights(*line, ink.shape[1])))  # in half pixels
            for distance in range(-5, 6):
                is_at_distance = distances == distance
                if is_at_distance.any():
                    low, half = np.quantile(ink[is_at_distance], (0.2, 0.5))
                    most = half + (half - low)  # as far above the median as 0.2 is below
                    ruling_ink[is_at_distance] = np.maximum(ruling_ink[is_at_distance], most)
        ink = np.maximum(ink - ruling_ink, 0).T
        whole = whole.T
    return ink


def line_heights(middle, fall, width):
    """Return the heights (width,) of a line that has the height `middle` in its middle and falls by `fall` in all."""
    return middle + fall * (np.arange(width) / width - 0.5)


def find_rulings(ink, slope=None):
    """Find the rulings from left to right in ink (H, W) float. Return a list of (height in the middle, fall).

    slope: the expected slope, perpendicular to rulings that have been found before, or None. If it is given, a single
    line, such as a margin, also counts.

    This is a Hough transform (Duda & Hart 1972) with a low quantile along each line instead of a sum: a ruling has ink
    along at least two thirds of its length in the picture, and a digit's stroke has not. Without `slope`, there must be
    at least three rulings, nearly parallel, of similar strength, and spread over the paper.
    """
    height, width = ink.shape
    reach = int(MAX_RULING_SLOPE * width)
    x = np.arange(width)[:: max(1, width // 80)]
    thick = np.maximum.reduce([ink, np.vstack([ink[1:], ink[-1:]]), np.vstack([ink[:1], ink[:-1]])])
    thick = np.pad(thick, ((reach, reach), (0, 0)), constant_values=np.inf)  # beyond the picture
    falls = np.arange(-reach, reach + 1, 2)
    middles = np.arange(-(reach // 2), height + reach // 2)
    line_ink = np.zeros((len(falls), len(middles)))
    for row, fall in zip(line_ink, falls, strict=True):
        rows = reach + middles[:, np.newaxis] + np.rint(line_heights(0, fall, width)[x]).astype(int)
        values = np.sort(thick[rows, x], axis=1)
        n_inside = np.isfinite(values).sum(axis=1)
        row[:] = np.where(n_inside > len(x) / 5, values[np.arange(len(middles)), n_inside // 3], 0)
    neighbour_ink = np.pad(line_ink, ((0, 0), (4, 4)), mode="edge")
    contrast = line_ink - np.maximum(neighbour_ink[:, :-8], neighbour_ink[:, 8:])
    lines = []
    contrast[contrast < line_ink / 2] = 0  # nearly as dark beside it: not a line
    while contrast.max(initial=0) > MIN_RULING_CONTRAST:
        k, n = np.unravel_index(contrast.argmax(), contrast.shape)
        lines.append((middles[n], falls[k], contrast[k, n]))
        contrast[np.abs(middles - middles[n]) < 4 + np.abs(falls - falls[k])[:, np.newaxis] / 2] = (
            0  # the same, or across
        )
    margins = [] if slope is None else [line for line in lines if abs(line[1] / width - slope) < 0.03]
    margins = [refine_ruling(ink, *line[:2]) for line in margins if has_ink_throughout(thick, reach, x, line)]
    if len(lines) < 3:
        return margins
    middle, fall, strength = np.transpose(lines)
    parallel = np.abs(fall - np.median(fall)) < 0.1 * width
    alike = (strength < 2.5 * np.median(strength)) & parallel
    if alike.sum() < 3 or np.ptp(middle[alike]) < 0.4 * height:
        return margins
    return [
        refine_ruling(ink, *line) for line in zip(middle[parallel], fall[parallel], strict=True)
    ]  # a margin's line too


def has_ink_throughout(thick_ink, reach, columns, line):
    """Return True if there is ink along nearly all of a line (middle, fall, strength), from border to border.

    thick_ink: the ink, with `reach` more rows above and below, as in `find_rulings`. columns: the columns to examine.
    """
    middle, fall, strength = line
    rows = reach + np.rint(line_heights(middle, fall, columns[-1] + 1)[columns]).astype(int)
    values = thick_ink[rows.clip(0, len(thick_ink) - 1), columns]
    values = values[np.isfinite(values)]
    return len(values) > 0.6 * len(columns) and np.quantile(values, 0.1) > max(MIN_RULING_CONTRAST, strength / 2)


def refine_ruling(ink, middle, fall):
    """Return (middle, fall) of the line with most ink among lines up to three pixels from the given one."""

    def compute_mean_ink(line):
        y = np.rint(line_heights(*line, ink.shape[1])).astype(int)
        is_inside = (y >= 0) & (y < len(ink))
        values = ink[y[is_inside], np.flatnonzero(is_inside)]
        if not is_inside.any():
            return 0
        return np.minimum(values, 2 * np.median(values)).mean()  # the pen's ink does not count

    candidates = itertools.product((0, -0.5, 0.5, -1, 1, -1.5, 1.5), range(-3, 4))
    return max(((middle + a, fall + b) for a, b in candidates), key=compute_mean_ink)


def find_pieces(mask):
    """Find the connected pieces of a mask (H, W) bool. Return (number of each pixel's piece, boxes of the pieces).

    The numbers are (H, W) int, -1 outside the mask. The boxes are (N, 4) int: first row, first column, last row, last
    column. Pixels that touch at a corner are connected. The algorithm numbers the runs of pixels in each row. Every run
    takes the smallest number among its neighbours, and then the number of that run, until all neighbours agree.
    """
    sides = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    # (R, 2) pixels: where each run begins, ends
    run_starts = np.argwhere(sides > 0)
    run_ends = np.argwhere(sides < 0) - (0, 1)
    run = np.cumsum(sides[:, :-1] > 0).reshape(mask.shape) - 1
    a = []
    b = []
    for upper, lower in ((np.s_[:-1], np.s_[1:]), (np.s_[:-1, 1:], np.s_[1:, :-1]), (np.s_[:-1, :-1], np.s_[1:, 1:])):
        is_in_both = mask[upper] & mask[lower]
        a.append(run[upper][is_in_both])
        b.append(run[lower][is_in_both])
    a = np.concatenate(a)
    b = np.concatenate(b)
    names = np.arange(len(run_starts))
    while (names[a] != names[b]).any():
        np.minimum.at(names, names[a], names[b])
        np.minimum.at(names, names[b], names[a])
        names = names[names]
    piece_names, numbers = np.unique(names, return_inverse=True)
    boxes = np.tile([*mask.shape, -1, -1], (len(piece_names), 1))
    np.minimum.at(boxes[:, :2], numbers, run_starts)
    np.maximum.at(boxes[:, 2:], numbers, run_ends)
    return np.where(mask, np.append(numbers, -1)[run], -1), boxes


def is_band(mask):
    """Return True if a mask (H, W) bool is a straight band across the picture, such as a shadow.

    In a picture that is a narrow strip, it may be a 1 instead, and the result is False.
    """
    if min(mask.shape) <= max(10, 0.5 * max(mask.shape)):
        return False
    width, length = np.sqrt(np.abs(np.linalg.eigvalsh(np.cov(np.argwhere(mask).T))))
    return bool(width < 0.15 * length)


def is_around(outer_boxes, inner_boxes):
    """Return a bool (...): True where the box `outer_boxes` surrounds the box `inner_boxes`, with some space on all
    sides.

    outer_boxes, inner_boxes: (..., 4), as `find_pieces` returns them.
    """
    space = MIN_CIRCLE_DISTANCE * (outer_boxes[..., 2:] - outer_boxes[..., :2]).max(axis=-1, keepdims=True)
    return ((inner_boxes - outer_boxes)[..., :2] >= space).all(axis=-1) & (
        (outer_boxes - inner_boxes)[..., 2:] >= space
    ).all(axis=-1)


def max_filter(picture, square):
    """Return the maximum over each square of `square` x `square` pixels: (H, W) -> (H - square + 1, W - square + 1)."""
    if square == 1:
        return picture
    half = max_filter(picture, (square + 1) // 2)  # four of these smaller squares cover each square
    step = square // 2
    half = np.maximum(half[:-step], half[step:])
    return np.maximum(half[:, :-step], half[:, step:])


def is_broad(mask):
    """Return True if a square fits into a mask (H, W) bool, with a side of at least MIN_BROAD_WIDTH of its length.

    Narrow gaps in the mask do not count: rulings may have been removed there, or a digit may be written in a lamp's
    patch of light.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint8)
    gap = 1 + int(MIN_GAP * max(box.shape))
    side = int(MIN_BROAD_WIDTH * max(box.shape))
    closing = 1 - max_filter(1 - max_filter(np.pad(box, gap - 1), gap), gap)
    return 8 <= side <= min(box.shape) and not max_filter(1 - closing, side).all()


def isolate_digit(ink):
    """Return (ink (H, W) uint8 with only the digit, is_cut): True if the digit is cut off at the picture's border.

    What is removed: along the border, the edge of a table or the bars of a program's window; a finger, which reaches in
    from the border; a circle that somebody drew around the digit; and specks and remnants, which are small and not near
    the largest piece. A digit that touches the border is cut off, unless it fills the picture because somebody cropped
    it closely.
    """
    names, boxes = find_pieces(ink > 127)
    if not len(boxes):
        return 0 * ink, False
    sides = boxes[:, 2:] - boxes[:, :2] + 1  # (N, 2): heights and widths
    reach = 1 + int(BORDER_MARGIN * max(names.shape))
    border = np.concatenate([view[:reach].max(axis=0) for view in (names, names[::-1], names.T, names.T[::-1])])
    touching = np.bincount(border[border >= 0], minlength=len(boxes))
    is_inside = touching < MAX_BORDER_CONTACT * sides.sum(axis=1)
    size = sides.max(axis=1) / max(names.shape)
    whole = (sides > 0.9 * np.array(names.shape)).all(axis=1) & (touching < 2 * MAX_BORDER_CONTACT * sides.sum(axis=1))
    whole &= [not fills or not is_band(names == i) for i, fills in enumerate(whole)]
    slim = ~np.array([size[i] > 0.1 and is_broad(names == i) for i in range(len(boxes))])
    for keep in (slim & (touching == 0), slim & is_inside, is_inside, is_inside | whole):
        if (keep & (size > 0.2)).any():
            break
    if not keep.any():
        return 0 * ink, False
    largest = (size * keep).argmax()
    in_circle = keep & is_around(boxes[largest], boxes) & (size > 0.3 * size[largest])
    slender = sides.min(axis=1) / sides.max(axis=1)
    in_circle &= slender[largest] > np.where(slender < 0.4, 0.9, 0.7)  # a narrow one is a 0, perhaps with a slash in it
    if in_circle.any():  # the largest piece is a circle around the digit
        keep = in_circle
        largest = (size * in_circle).argmax()
    intruders = is_inside & (touching > 0) & ~is_around(boxes, boxes[largest])
    is_cut = bool((touching[largest] and not whole[largest]) or (size * intruders).max() > size[largest])
    gaps = np.maximum(boxes[largest, :2] - boxes[:, 2:], boxes[:, :2] - boxes[largest, 2:]).max(axis=1)
    far = gaps / sides[largest].max()
    is_beside = (boxes[:, 0] >= boxes[largest, 0]) & (boxes[:, 2] <= boxes[largest, 2])  # half a loop, cut by a ruling
    keep &= (far < 0.15) | ((far < 0.4) | is_beside) & (size > 0.3 * size[largest]) | (size > 0.6 * size[largest])
    shape = Image.fromarray(255 * (keep[names] & (names >= 0)).astype(np.uint8))
    return ink * (np.asarray(shape.filter(ImageFilter.MaxFilter(5))) > 0), is_cut  # with the grey pixels around it
