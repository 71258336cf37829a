"""From a picture as people make them to an image like MNIST's; or one line that says what is wrong with it."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image, features

from conftest import ROOT, damaged, fuzz, schedule
from pictures import drawn, encoded, photograph, written
from support import ink
from support.errors import UserError

DRAWN = drawn()


def seen(file):
    """What the network is shown of a picture file: (28, 28) uint8."""
    return ink.read_digit_image(file)


@pytest.mark.slow(one_in=2)
def test_images_of_mnist_come_out_as_they_went_in(mnist):
    """Exactly; three of the 10,000 are 19 pixels high and would grow. Hardly any is taken for two digits."""
    for image in mnist.test_images[2000:3000]:
        assert (ink.to_mnist(image) == image).all()
    assert np.flatnonzero(ink.to_mnist(mnist.test_images[4530]).any(axis=1)).size == 20
    assert sum(map(ink.has_several_digits, mnist.test_images)) <= 6


def test_large_ink_shrinks_to_means_and_only_a_thin_stroke_is_widened():
    y, x = np.mgrid[-99.5:100, -99.5:100]
    disc = 255 * np.uint8(x * x + y * y < 100 * 100)
    means = disc.reshape(20, 10, 20, 10).mean(axis=(1, 3))
    assert ink.to_mnist(disc)[4:24, 4:24] == pytest.approx(means, abs=1.5)  # rounded down the columns, then along rows
    sizes = [ink.widen_strokes(Image.new("L", (pen, 200), 255)).size for pen in (2, 9, 17, 40)]
    assert sizes == [(16, 214), (17, 208), (17, 200), (40, 200)]
    assert ink.to_mnist(np.full((1, 33), 255, np.uint8)).any(axis=1).sum() == 1  # it stays, however thin
    corner = np.pad(np.full((60, 60), 255, np.uint8), (0, 140))  # its mass cannot come to the middle
    corner[-10:, -10:] = 255
    for turned in (corner, corner[::-1, ::-1]):
        assert [np.ptp(at) for at in ink.to_mnist(turned).nonzero()] == [19, 19]


def test_what_tells_ink_from_what_is_none_by_itself():
    """Shapes on either side of each."""
    y, x = np.mgrid[:100, :100]
    edges = {"a pen": (1, 9), "an enlarged digit": (9, 30), "a shadow": (30, 9)}  # how wide, and how broad inside
    ramps = [255 * np.clip((broad + wide - abs(x - 50)) / wide, 0, 1) for wide, broad in edges.values()]
    assert [ink.is_blurred(ramp.astype(np.uint8)) for ramp in ramps] == [False, False, True]
    full, half = np.full((20, 20), 255, np.uint8), np.full((20, 20), 255, np.uint8)
    half[4:16, 4:16] = 0
    assert [ink.is_blot(shape) for shape in (full, half, full[:, :10])] == [True, False, False]  # the last is a thick 1
    stacked = {(10, 40): False, (12, 40): True, (33, 37): False, (36, 40): True, (40, 42): False, (40, 43): True}
    for (end, begin), two in stacked.items():  # rows: where the upper part ends, and the lower one begins
        parts = 255 * np.uint8((y < end) | (y >= begin))
        assert ink.has_several_digits(parts * (abs(x - 50) < 29)) == two, (end, begin)
        assert not ink.has_several_digits(parts * (abs(x - 50) < 31))  # too wide for two digits


def test_the_threshold_of_otsu_is_the_one_that_splits_best():
    rng = np.random.default_rng(0)
    for sizes in ((300, 200), (20, 400, 100), (500, 3)):
        values = np.concatenate([rng.normal(60 * (k + 1), 8, n) for k, n in enumerate(sizes)] + [np.full(150, 255.0)])

        def between(threshold, values=values):
            low, high = values[values < threshold], values[values >= threshold]
            return low.size * high.size * (low.mean() - high.mean()) ** 2

        found = ink.otsu_threshold(np.maximum(values, 0))
        assert between(found) > 0.99 * max(map(between, range(60, 250)))


def same_pictures():
    """Files that show what DRAWN shows, by name; each after its own fashion."""
    image, opacity, nothing = Image.fromarray(DRAWN), 255 - DRAWN, np.zeros_like(DRAWN)
    card = np.full_like(DRAWN, 255)
    card[:30, :30] = card[-30:, -30:] = 0  # corners that are not there
    specks = DRAWN.copy()
    specks[10:14, 280:284] = specks[380:384, 10:13] = 30
    y, x = np.mgrid[0:400, 0:300]
    png = {
        "negative": 255 - DRAWN,
        "frame of paper": np.pad(DRAWN, ((300, 10), (20, 250)), constant_values=235),
        "specks": specks,
        "shadow": (DRAWN * (1 - 0.6 / (1 + np.exp((200 - x) / 9)))).astype(np.uint8),
        "shade": (DRAWN * (1 - 0.5 * (x / 300) * (y / 400))).astype(np.uint8),
        "palette": image.convert("P"),
        "1 bit": image.convert("1", dither=Image.Dither.NONE),
        "16 bits": DRAWN.astype(np.uint16) * 256 + 7,
        "black on nothing": np.stack([nothing, nothing, nothing, opacity], axis=2),
        "white on nothing": np.stack([nothing + 255] * 3 + [opacity], axis=2),
        "card": np.stack([DRAWN] * 3 + [card], axis=2),
    }
    files = {name: encoded(picture, "PNG") for name, picture in png.items()} | {
        "transparent grey": encoded(image, "PNG", transparency=235),
        "jpeg": encoded(image, quality=60),
        "cmyk jpeg": encoded(image.convert("CMYK")),
        "gif": encoded(image, "GIF"),
        "bmp": encoded(image.convert("RGB"), "BMP"),
    }
    if features.check("webp"):
        files["webp"] = encoded(image.convert("RGB"), "WEBP")
    turns = ["FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE", "ROTATE_90", "TRANSVERSE", "ROTATE_270"]
    for orientation, back in enumerate(turns, start=2):
        held, exif = image.transpose(Image.Transpose[back]), Image.Exif()
        exif[0x0112] = orientation
        files |= {f"{kind} held the way {orientation}": encoded(held, kind, exif=exif) for kind in ("PNG", "JPEG")}
    return files


@pytest.mark.slow(one_in=2)
def test_pictures_of_the_same_show_the_same():
    """In a picture that is read as the drawing itself, to a JPEG's noise, no digit need be looked for again."""
    picture = ink.read_picture(encoded(DRAWN, "PNG")).astype(int)
    expected = seen(encoded(DRAWN, "PNG"))
    assert (expected > 128).sum() > 60
    for name, file in same_pictures().items():
        apart = np.abs(read - picture) if (read := ink.read_picture(file)).shape == picture.shape else np.array(255)
        if apart.max() < 30 and apart.mean() < 1:
            continue
        file.seek(0)
        image = seen(file)
        # It may lie a pixel off: the centre of mass is a rounded number.
        moved = [np.roll(image, (down, right), axis=(0, 1)) for down in (0, 1, -1) for right in (0, 1, -1)]
        assert min(np.abs(expected.astype(int) - image).mean() for image in moved) < 1, name


@pytest.mark.slow(one_in=2)
@pytest.mark.parametrize("pen", [3, 20])
def test_two_digits_are_not_one(pen):
    rng = np.random.default_rng(pen)
    for left in range(pen % 2, 10, 2):
        style, right = left % 5, (3 * left + 1) % 10
        pair = [written(digit, style, pen, rng) for digit in (left, right)]
        a, b = (part[:, part.any(axis=0)] for part in pair)
        picture = np.pad(np.hstack([a, np.zeros((300, (8, 12, 30)[left % 3])), b]), 40)
        with pytest.raises(UserError, match="more than one digit"):
            seen(encoded(photograph(picture, rng), "PNG"))
    y, x = np.mgrid[:200, :200]
    combs = [np.pad(255 * np.uint8((np.mgrid[:20, :20][1] < 3) | (np.arange(20)[:, None] % n < 2)), 4) for n in (9, 6)]
    assert [ink.is_scribble(comb) for comb in combs] == [False, True]  # of three teeth, an E, and of four
    assert ink.has_several_digits(
        255 * np.uint8(np.abs(np.abs(x + 0.3 * y - 120) - 30) < 5)
    )  # //, one above the other's foot


PAIRS = [(n, n + 40) for n in range(100)]


@pytest.mark.parametrize("pairs", schedule([PAIRS[i::4] for i in range(4)], in_turn=4, instead=[[(3, 43), (11, 51)]]))
def test_two_digits_one_above_the_other_are_not_one(pairs, mnist):
    """Test images on one sheet, each enlarged six times; all are refused."""
    for pair in pairs:
        sheet = np.full((400, 300), 255, np.uint8)
        for top, n in zip((30, 210), pair, strict=True):
            digit = Image.fromarray(255 - mnist.test_images[n]).resize((168, 168))
            sheet[top : top + 168, 70 : 70 + 168] = digit
        with pytest.raises(UserError):
            seen(encoded(sheet, "PNG"))


# --- What cannot be read -------------------------------------------------------------------------------------------


def blank(width, height):
    """A PNG of that many black pixels, a thousandth of them in bytes."""
    line = zlib.compressobj()
    row = bytes(1 + (width + 7) // 8)
    chunks = [line.compress(row * min(1000, height - done)) for done in range(0, height, 1000)]
    return png((width, height), b"".join(chunks) + line.flush())


def png(size, content):
    """A PNG of one bit per pixel, put together by hand: Pillow would need 32 bytes for each row."""
    parts = {b"IHDR": struct.pack(">IIBBBBB", *size, 1, 0, 0, 0, 0), b"IDAT": content, b"IEND": b""}
    number = struct.Struct(">I").pack
    chunks = [number(len(part)) + name + part + number(zlib.crc32(name + part)) for name, part in parts.items()]
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


Y, X = np.mgrid[-100:100, -150:150]
TURNED = np.maximum(np.abs(0.97 * X + 0.15 * Y) / 90, np.abs(0.97 * Y - 0.15 * X) / 60) < 1
UNREADABLE = {
    "not a picture in a known format": {"a TIFF": encoded(DRAWN, "TIFF")},
    "damaged": {"the start of a JPEG": io.BytesIO(encoded(DRAWN).read(20))},
    "no digit found": {
        "white": np.full((200, 300), 255),
        "black": np.zeros((200, 300)),
        "nothing": np.zeros((20, 30, 4)),
        "a slope": np.tile(np.linspace(50, 220, 300), (300, 1)),
        "noise": np.random.default_rng(0).normal(200, 6, (300, 300)),
        "a cup's ring": 230 - 60 * np.exp(-(((np.hypot(X, Y) - 70) / 3) ** 2)),
        "a crease": 200 + 30 * np.tanh((X + Y) / 12),
        "a blank sheet on a grain": np.where(TURNED, 40, 60 + 30 * np.sin((X + Y) / 5)),
        "a point": np.zeros((1, 1)),
        "a thread": np.zeros((1, 9000)),
    },
    "more than 50 million pixels": {
        "large": blank(8000, 8000),
        "huge": blank(14000, 14000),
        "thin": blank(1, 70_000),
    },  # the second is Pillow's to refuse
}


@pytest.mark.parametrize("words", UNREADABLE)
def test_what_cannot_be_read_is_one_line(words):
    for name, picture in UNREADABLE[words].items():
        file = encoded(picture.astype(np.uint8), "PNG") if isinstance(picture, np.ndarray) else picture
        with pytest.raises(UserError, match=f"^[^\n]*{words}[^\n]*$"):
            pytest.fail(f"{name} shows {seen(file)}")


@pytest.mark.slow(one_in=2)
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_bounded(tmp_path):
    """In MB, of which Python with NumPy and Pillow takes some 50; 49 million pixels have 200 as RGBA. What is refused
    comes first: the system says how much it was at most."""
    code = "import contextlib, sys; from support import errors, ink\nfor path in sys.argv[1:]:\n"
    code += "    with contextlib.suppress(errors.UserError): ink.read_picture(path)\n"
    code += "    print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])"
    files = []
    for size in ((14000, 14000), (1, 49_000_000), (7000, 7000)):
        files.append(tmp_path / f"{size}.png")
        files[-1].write_bytes(blank(*size).read())
    most = subprocess.check_output([sys.executable, "-c", code, *files], cwd=ROOT, text=True).split()
    assert all(int(found) // 1024 < limit for found, limit in zip(most, (150, 150, 650), strict=True)), most


@pytest.mark.parametrize("n", schedule([800], instead=[20]))
def test_damaged_files_are_an_error_or_a_picture(n):
    """Never a traceback, and no warning: the settings of pytest make those errors. A digit is looked for in a tenth of
    the pictures, which takes ten times as long as to read one."""
    small, read = Image.fromarray(DRAWN).resize((60, 80)), []
    files = [encoded(small, kind) for kind in ("PNG", "JPEG", "GIF", "BMP")]
    files += [encoded(small.convert("P"), "PNG", transparency=3), encoded(small.convert("RGBA"), "PNG")]
    # An EXIF block that says how the camera was held, six million times.
    files.append(encoded(small, exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\xff\xff\xff\x06\0\0\0"))

    def check(content):
        try:
            picture = ink.read_picture(io.BytesIO(content))
            assert picture.dtype == np.uint8 and picture.ndim == 2 and max(picture.shape) <= ink.REDUCED_SIDE
            read.append(True)
            if sum(read) % 10 == 1:
                image = seen(io.BytesIO(content))
                assert image.shape == (28, 28) and image.max() > 100
        except UserError as error:
            assert "\n" not in str(error)
            read.append(False)

    fuzz(n, st.sampled_from([file.read() for file in files]).flatmap(damaged), check)
    assert 0.05 < np.mean(read) < 1  # so that both are tried
