"""Pictures of digits as people make them: written with pens of any width, photographed, in any kind of file."""

import io
from functools import partial

import numpy as np
from PIL import Image, ImageDraw

# A digit's strokes, from corner to corner, in a square from (0, 0) at the top left to (1, 1); ~ rounds the corners.
STROKES = {
    "0": ["~.5 0 .1 .1 0 .5 .1 .9 .5 1 .9 .9 1 .5 .9 .1 .5 0"],
    "1": [".5 0 .5 1"],
    "2": ["~0 .25 .1 0 .6 -.05 1 .1 .9 .45 .3 .8 0 1", "0 1 1 1"],
    "3": ["~0 .1 .3 0 .9 0 1 .25 .8 .5 .35 .48", "~.35 .48 .9 .5 1 .75 .9 1 .3 1.02 0 .88"],
    "4": [".7 1 .7 0 0 .65 1 .65"],
    "5": [".9 0 .2 0 .1 .45", "~.1 .45 .5 .33 1 .45 1 .95 .5 1.03 0 .92"],
    "6": ["~.8 0 .3 .15 0 .6 .05 .95 .5 1.02 .95 .95 .95 .55 .5 .48 .1 .6 .05 .75"],
    "7": ["0 0 1 0 .4 1"],
    "8": ["~.5 .47 .1 .4 .1 .05 .5 -.02 .9 .05 .9 .4 .5 .47 0 .58 0 .95 .5 1.02 1 .95 1 .58 .5 .47"],
    "9": ["~.95 .25 .85 .02 .4 -.04 .02 .1 .05 .5 .5 .55 .9 .45 .95 .2", "~.95 .2 .95 .6 .85 1"],
    # Other ways: a 1 with a flag, a 2 with a loop, an open 4, a 5 whose bar came off, a 7 with a bar, a 9 with a hook.
    "1b": [".27 .3 .55 0 .55 1"],
    "2b": ["~0 .2 .2 0 .8 0 .95 .25 .6 .65 .15 .95 0 .95 .1 .8 .4 .9 .7 1 1 .92"],
    "4b": ["~.1 0 .05 .3 0 .55", "0 .55 .95 .55", ".75 .1 .7 1"],
    "5b": [".4 0 1 0", ".12 .05 .1 .45", "~.1 .45 .5 .33 1 .45 1 .95 .5 1.03 0 .92"],
    "7b": ["0 .05 1 0 .45 1", ".3 .5 .85 .5"],
    "9b": ["~.9 .25 .8 .02 .4 -.04 .02 .1 .05 .5 .5 .55 .9 .45 .95 .2", "~.95 .2 .97 .7 .85 .98 .4 1.03 .1 .92"],
}
STYLES = [(0.62, 0, ""), (0.6, 0.25, ""), (0.45, 0.1, "b"), (0.8, 0, "b"), (0.6, 0.25, "b")]  # width, lean, which way
PENS = (2, 3, 5, 8, 12, 16, 20, 24, 30, 36, 40)  # widths in pixels of 300


def strokes(digit, style, rng):
    """That digit's strokes as somebody draws them: arrays of points (n, 2), all within about 0.5 of (0, 0)."""
    wide, lean, way = STYLES[style]
    for stroke in STROKES.get(f"{digit}{way}", STROKES[str(digit)]):
        points = np.array(stroke.strip("~").split(), float).reshape(-1, 2)
        for _ in range(3 * stroke.startswith("~")):  # cut the corners, three times (Chaikin 1974)
            near, far = 0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]
            points = np.concatenate([points[:1], np.stack([near, far], axis=1).reshape(-1, 2), points[-1:]])
        yield (points - 0.5 + rng.normal(0, 0.004, points.shape)) @ [[wide, 0], [-lean, 1]]


def written(digit, style, pen, rng):
    """That digit's ink, 0 to 1, as somebody writes it: (300, 300), 165 to 225 pixels high."""
    image, height = Image.new("L", (1200, 1200)), rng.uniform(165, 225) - pen
    move = rng.uniform(-25, 25, 2)
    for points in strokes(digit, style, rng):
        points = 4 * (150 + move + height * points)
        ImageDraw.Draw(image).line([tuple(point) for point in points], 255, 4 * pen, joint="curve")
        for end in points[[0, -1]]:
            ImageDraw.Draw(image).ellipse([*(end - 2 * pen), *(end + 2 * pen)], 255)
    return np.asarray(image.resize((300, 300), Image.Resampling.BOX)) / 255


def placed(image, rng):
    """A test image's ink, 0 to 1, somewhere in a picture of 200 to 600 pixels, of any size."""
    height, width = rng.integers(200, 601, 2)
    side = int(min(height, width) * rng.uniform(0.4, 1))
    top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
    whole = np.zeros((height, width))
    digit = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    whole[top : top + side, left : left + side] = np.asarray(digit) / 255
    return whole


def photograph(ink, rng, hard=False, sheet=None):
    """Ink (H, W), 0 to 1, as a photo of it might be: (H, W) uint8.

    Pen on paper, light that falls off to one side or a shadow with a soft edge, noise; in half of them, light ink on a
    dark ground. hard: a deep shadow with a sharp edge. sheet (H, W): 1 where the paper is, 0 on the darker desk.
    """
    height, width = ink.shape
    y, x = np.mgrid[0:height, 0:width]
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * (x / width - 0.5) + np.sin(angle) * (y / height - 0.5)  # within -0.71 and 0.71
    if not hard and rng.random() < 0.5:
        light = 1 - rng.uniform(0, 0.5) * (along / 1.42 + 0.5)
    else:
        depth, place = rng.uniform(*((0.25, 0.7) if hard else (0.1, 0.4))), rng.uniform(-0.3, 0.3)
        edge = rng.uniform(*((0.001, 0.01) if hard else (0.02, 0.1)))
        light = 1 - depth * (0.5 + 0.5 * np.tanh((along - place) / edge / 2))
    paper, pen = rng.uniform(190, 255), rng.uniform(10, 90)
    picture = paper + (pen - paper) * ink
    if sheet is not None:
        desk = rng.uniform(5, 130) + rng.uniform(0, 12) * np.sin((x + y) / rng.uniform(2, 20))  # with a grain
        picture = sheet * picture + (1 - sheet) * desk
    picture = light * picture + rng.normal(0, rng.uniform(0, 4), ink.shape)
    if rng.random() < 0.5:
        picture = 255 - picture
    return np.clip(picture, 0, 255).astype(np.uint8)


def on_sheet(ink, rng):
    """Ink (H, W), 0 to 1, in a wider picture, and where a sheet lies under it, 0 to 1: turned, perhaps cut off."""
    ink = np.pad(ink, rng.integers(20, 160, (2, 2)))
    angle = rng.normal(0, 0.12)
    turned = np.moveaxis(np.indices(ink.shape), 0, 2) @ [
        [np.cos(angle), -np.sin(angle)],
        [np.sin(angle), np.cos(angle)],
    ]
    low = turned[ink > 0].min(axis=0) - rng.uniform(20, 100, 2)
    high = turned[ink > 0].max(axis=0) + rng.uniform(20, 100, 2)
    return ink, np.clip(np.minimum(turned - low, high - turned).min(axis=2) + 0.5, 0, 1)


def encoded(picture, kind="JPEG", **options):
    """A file in memory, as Pillow's Image.open takes it too."""
    file = io.BytesIO()
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    picture.save(file, kind, **options)
    file.seek(0)
    return file


def drawn():
    """A clean drawing of a 4, 300 x 400: dark on light, of straight strokes."""
    picture = np.full((400, 300), 235, np.uint8)
    picture[60:220, 60:85] = picture[200:225, 60:230] = picture[60:340, 180:205] = 25
    return picture


# --- Scenes: (digit, rng) -> (H, W) uint8; and of 20, how many must be read right, or 0 if there is no digit ----------


def blank_sheet(_, rng):
    ink = np.zeros((300, 300))
    ink[100:200, 100:200] = 1
    ink, sheet = on_sheet(ink, rng)
    return photograph(0 * ink, rng, False, sheet)


def scribble(_, rng):
    image, points = Image.new("L", (300, 300)), rng.uniform(80, 220, (rng.integers(12, 40), 2))
    ImageDraw.Draw(image).line([tuple(point) for point in points], 255, int(rng.integers(4, 14)), joint="curve")
    return photograph(np.asarray(image) / 255, rng)


def wiped_board(_, rng):
    smears = Image.fromarray(rng.normal(60, 40, (12, 16)).clip(0, 255).astype(np.uint8))
    smears = np.asarray(smears.resize((400, 300), Image.Resampling.BICUBIC))
    return (60 + 0.35 * smears + rng.normal(0, 3, smears.shape)).clip(0, 255).astype(np.uint8)


def touching_pair(left, rng):
    pen, style = int(rng.integers(6, 24)), int(rng.integers(0, 5))
    a, b = (written(digit, style, pen, rng) for digit in (left, int(rng.integers(0, 10))))
    a, b, over = a[:, a.max(axis=0) > 0.5], b[:, b.max(axis=0) > 0.5], int(rng.integers(1, 14))
    both = np.maximum(np.pad(a, ((0, 0), (0, b.shape[1] - over))), np.pad(b, ((0, 0), (a.shape[1] - over, 0))))
    return photograph(np.pad(both, 60), rng)


def stacked_pair(above, rng):
    """Two digits, one above the other."""
    pen, pair = int(rng.integers(5, 20)), []
    for digit in (above, int(rng.integers(0, 10))):
        ink = written(digit, int(rng.integers(0, 5)), pen, rng)
        left = int(rng.integers(0, 40))
        pair.append(np.pad(ink[ink.max(axis=1) > 0.3], ((0, int(rng.integers(10, 60))), (left, 40 - left))))
    return photograph(np.pad(np.vstack(pair), 40), rng)


def beside_a_note(digit, rng):
    """A sheet with a digit and, beside it, a darker note that somebody has stuck on it."""
    ink = np.pad(written(digit, int(rng.integers(0, 5)), int(rng.integers(5, 20)), rng), ((60, 60), (60, 220)))
    side, (height, width) = int(rng.integers(130, 190)), ink.shape
    top, left = int(rng.integers(10, height - side - 10)), width - side - int(rng.integers(10, 30))
    picture = photograph(ink, rng)
    picture[top : top + side, left : left + side] = picture[top : top + side, left : left + side] * rng.uniform(
        0.7, 0.9
    )
    return picture


def underlined(digit, rng):
    ink = written(digit, int(rng.integers(0, 5)), int(rng.integers(8, 20)), rng)
    below = min(np.flatnonzero(ink.max(axis=1) > 0.5)[-1] + int(rng.integers(12, 25)), 290)
    ink[below : below + 8, 60:240] = 1
    return photograph(ink, rng)


def tilted(digit, rng, degrees):
    """A sheet on a desk, seen by a camera that is tilted by so much from straight above."""
    ink = np.pad(written(digit, int(rng.integers(0, 5)), int(rng.integers(6, 20)), rng), ((60, 60), (20, 20)))
    turn, tilt = rng.normal(0, 0.15), np.radians(degrees)
    v, u = np.mgrid[-300:300, -400:400] / 900  # a ray through each pixel; the focal length is 900 pixels
    away = 900 / (1 + v * np.tan(tilt))  # where it meets the desk, which is 900 away in the middle
    x, y = u * away, v * away / np.cos(tilt)
    x, y = np.cos(turn) * x - np.sin(turn) * y + 170, np.sin(turn) * x + np.cos(turn) * y + 210
    sheet = (x >= 0) & (x < 340) & (y >= 0) & (y < 420)
    seen = ink[np.where(sheet, y, 0).astype(int), np.where(sheet, x, 0).astype(int)] * sheet
    return photograph(seen, rng, sheet=sheet.astype(float))


def on_lines(digit, rng, ways, margin=False):
    """A thin pen on ruled or squared paper, turned by up to 10 degrees. ways: 1 or 2; margin: a stronger line."""
    ink, lines = written(digit, int(rng.integers(0, 5)), 3, rng), np.zeros((300, 300))
    angle, gap = np.radians(rng.uniform(-10, 10)), rng.uniform(10, 24)
    y, x = np.indices(lines.shape)
    for along in (np.cos(angle) * y + np.sin(angle) * x, np.cos(angle) * x - np.sin(angle) * y)[:ways]:
        lines = np.maximum(lines, np.clip(1.2 - np.abs(along % gap - gap / 2), 0, 1))
    lines *= rng.uniform(0.2, 0.5)
    if margin:
        strong = np.clip(1.5 - np.abs(np.cos(angle) * x - np.sin(angle) * y - rng.uniform(25, 45)), 0, 1)
        lines = np.maximum(lines, rng.uniform(0.6, 0.9) * strong)
    return photograph(np.maximum(ink, lines), rng)


def enlarged(digit, rng):
    """A small picture, made larger: its edges fade."""
    ink = Image.fromarray((255 * written(digit, int(rng.integers(0, 5)), 24, rng)).astype(np.uint8))
    return photograph(placed(np.asarray(ink.resize((28, 28), Image.Resampling.BOX)), rng), rng)


def on_stripes(digit, rng):
    """A sheet on a table with stripes."""
    ink, sheet = on_sheet(written(digit, int(rng.integers(0, 5)), int(rng.integers(6, 20)), rng), rng)
    y, x = np.indices(ink.shape)
    stripes = rng.uniform(10, 25) * np.sign(np.sin((x + rng.uniform(0, 2) * y) / rng.uniform(4, 9)))
    return np.clip(photograph(ink, rng, sheet=sheet) + (1 - sheet) * stripes, 0, 255).astype(np.uint8)


def in_a_window(digit, rng):
    """A drawing program's canvas, with its colours above."""
    canvas = 255 - 255 * written(digit, int(rng.integers(0, 5)), int(rng.integers(6, 20)), rng)
    bar = np.full((36, 300), rng.choice([60, 240]))
    for left in range(10, 280, 24):
        bar[10:26, left : left + 16] = rng.integers(0, 256)
    return np.vstack([bar, canvas]).astype(np.uint8)


def drawing_around(digit, rng):
    """A circle, or a box, around a digit."""
    ink, across, down = written(digit, int(rng.integers(0, 5)), 6, rng), rng.uniform(155, 170), rng.uniform(155, 170)
    ink, (y, x) = np.pad(ink, 50), np.indices((400, 400)) - 200
    away = np.hypot(x / across, y / down) if rng.random() < 0.5 else np.maximum(np.abs(x) / across, np.abs(y) / down)
    return photograph(np.maximum(ink, np.clip(3.5 - 160 * np.abs(away - 1), 0, 1)), rng)


def held(digit, rng):
    """A finger holds the paper at one of its sides."""
    y, x = np.indices((300, 300))
    wide, reach, at = rng.uniform(20, 30), rng.uniform(20, 50), rng.uniform(60, 240)
    away = np.hypot(y - at + rng.uniform(-0.4, 0.4) * x, np.maximum(x - reach, 0)) / wide
    ink = np.maximum(np.pad(written(digit, int(rng.integers(0, 5)), 6, rng), 40)[40:-40, :300], 0)
    finger = np.rot90(np.where(away < 1, rng.uniform(0.4, 0.8) * (0.6 + 0.4 * away**2), 0), int(rng.integers(0, 4)))
    return photograph(np.where(finger > 0, finger, ink), rng)


def cut_off(digit, rng):
    """A digit, a quarter of which is beyond the picture's lower edge."""
    ink = written(digit, int(rng.integers(0, 5)), int(rng.integers(6, 20)), rng)
    top, *_, bottom = np.flatnonzero(ink.max(axis=1) > 0.5)
    return photograph(np.pad(ink[: bottom - (bottom - top) // 4], ((60, 0), (0, 0))), rng)


def in_pencil(digit, rng):
    """A pale, thin pencil where light falls off to one side."""
    ink, x = written(digit, int(rng.integers(0, 5)), 3, rng), np.arange(300)
    picture = (rng.uniform(200, 240) - rng.uniform(14, 30) * ink) * (1 - rng.uniform(0.1, 0.4) * x / 300)
    return np.clip(picture + rng.normal(0, 1.2, ink.shape), 0, 255).astype(np.uint8)


SCENES = {
    "a small picture, enlarged": (enlarged, 19),
    "a pen on ruled paper": (partial(on_lines, ways=1), 19),
    "a pen on squared paper": (partial(on_lines, ways=2), 18),
    "a pen on ruled paper with a margin": (partial(on_lines, ways=1, margin=True), 17),
    "a pen on squared paper with a margin": (partial(on_lines, ways=2, margin=True), 17),
    "a circled digit": (drawing_around, 13),
    "a finger beside it": (held, 9),
    "a digit that is cut off": (cut_off, 0),
    "a pale pencil": (in_pencil, 16),
    "a sheet on stripes": (on_stripes, 17),
    "a program's window": (in_a_window, 18),
    "a blank sheet": (blank_sheet, 0),
    "a scribble": (scribble, 0),
    "a wiped board": (wiped_board, 0),
    "a pair that touches": (touching_pair, 0),
    "a pair one above the other": (stacked_pair, 0),
    "a note beside it": (beside_a_note, 17),
    "an underlined digit": (underlined, 0),
    "a sheet at 30 degrees": (partial(tilted, degrees=30), 19),
    "a sheet at 45 degrees": (partial(tilted, degrees=45), 19),
    "a sheet at 60 degrees": (partial(tilted, degrees=60), 19),
}
