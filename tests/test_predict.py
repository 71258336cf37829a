"""predict.py reads pictures as people make them, and says in one line what it cannot read."""

import io
import os
import re
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps, features

import main_np
import predict
from conftest import ROOT, as_input, assert_one_line
from support.errors import UserError

# --- Pictures to read ----------------------------------------------------------------------------------------------


def photograph(image, rng):
    """A test image (28, 28) as a photo of it might be: (H, W) uint8.

    200 to 600 pixels high and wide, the digit somewhere in it and of any size, pen on paper, light that falls off to
    one side or a shadow with a soft edge, noise; in half of them, light ink on a dark ground.
    """
    height, width = rng.integers(200, 601, 2)
    side = int(min(height, width) * rng.uniform(0.4, 1))
    digit = np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)) / 255
    top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
    ink = np.zeros((height, width))
    ink[top : top + side, left : left + side] = digit
    y, x = np.mgrid[0:height, 0:width]
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * (x / width - 0.5) + np.sin(angle) * (y / height - 0.5)  # within -0.71 and 0.71
    if rng.random() < 0.5:
        light = 1 - rng.uniform(0, 0.5) * (along / 1.42 + 0.5)
    else:
        light = 1 - rng.uniform(0.1, 0.4) / (1 + np.exp(-(along - rng.uniform(-0.3, 0.3)) / rng.uniform(0.02, 0.1)))
    paper, pen = rng.uniform(190, 255), rng.uniform(10, 90)
    picture = light * (paper + (pen - paper) * ink) + rng.normal(0, rng.uniform(0, 4), ink.shape)
    if rng.random() < 0.5:
        picture = 255 - picture
    return np.clip(picture, 0, 255).astype(np.uint8)


def encoded(picture, kind="JPEG", **options):
    """A file in memory, as Pillow's Image.open takes it too."""
    file = io.BytesIO()
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    picture.save(file, kind, **options)
    file.seek(0)
    return file


def seen(file):
    """What the network is shown of a picture file: (28, 28) uint8."""
    return predict.as_mnist(predict.find_ink(predict.read_picture(file)))


def apart(a, b):
    """The mean difference of two images, one moved by a pixel if need be: the centre of mass is a rounded number."""
    moves = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return min(np.abs(a.astype(int) - np.roll(b, move, axis=(0, 1))).mean() for move in moves)


def accuracy(weights, mnist, n):
    """The share of n photographed test images that the network reads right."""
    rng = np.random.default_rng(1)
    chosen = rng.choice(len(mnist.test_images), n, replace=False)
    images = np.array(
        [seen(encoded(photograph(mnist.test_images[i], rng), quality=int(rng.integers(40, 91)))) for i in chosen]
    )
    model, options, _ = predict.load_network(weights)
    logits = model.forward(as_input(images, options.pixels, options.dtype))
    return (logits.argmax(axis=1) == mnist.test_labels[chosen]).mean()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The weights of a short run of main_np.py."""
    out = tmp_path_factory.mktemp("trained")
    assert main_np.main(["--hidden", "128", "--epochs", "3", "--out", str(out)]) == 0
    return out / "checkpoint_np.npz"


@pytest.fixture
def drawn():
    """A clean drawing of a 4, 300 x 400: dark on light, of straight strokes."""
    picture = np.full((400, 300), 235, np.uint8)
    picture[60:220, 60:85] = picture[200:225, 60:230] = picture[60:340, 180:205] = 25
    return picture


# --- It reads them -------------------------------------------------------------------------------------------------


def test_photographs(trained, mnist):
    # 0.98 of 1,000 are read right. Of 100 then, 98 with a standard deviation of 1.4: 94 is three of those lower.
    assert accuracy(trained, mnist, 100) >= 0.94


@pytest.mark.slow
def test_a_thousand_photographs(trained, mnist):
    assert accuracy(trained, mnist, 1000) >= 0.97


def test_images_of_mnist_come_out_as_they_went_in(mnist):
    """Exactly; three of the 10,000 are 19 pixels high and would grow."""
    images = mnist.test_images[:1000]
    for image in images:
        assert (predict.as_mnist(np.float32(image) / 255) == image).all()
    small = mnist.test_images[4530]
    assert np.flatnonzero(predict.as_mnist(np.float32(small) / 255).any(axis=1)).size == 20


def test_dark_on_light_is_light_on_dark(mnist):
    rng = np.random.default_rng(2)
    for image in mnist.test_images[:20]:
        picture = photograph(image, rng)
        a, b = seen(encoded(picture, "PNG")), seen(encoded(255 - picture, "PNG"))
        assert np.abs(a.astype(int) - b).max() <= 2


def test_size_and_place_do_not_matter(drawn):
    """A frame of paper around it, on one side only, or twice the size: nearly the same image."""
    expected = seen(encoded(drawn, "PNG"))
    framed = np.pad(drawn, ((300, 10), (20, 250)), constant_values=235)
    large = Image.fromarray(drawn).resize((1200, 1600))
    for picture in (framed, large):
        assert apart(seen(encoded(picture, "PNG")), expected) < 1


def kinds_of_file(drawn):
    image = Image.fromarray(drawn)
    ink = 255 - drawn  # as opacity
    nothing = np.zeros_like(drawn)
    yield "palette", encoded(image.convert("P"), "PNG")
    yield "1 bit", encoded(image.convert("1", dither=Image.Dither.NONE), "PNG")
    yield "16 bits", encoded(drawn.astype(np.uint16) * 257, "PNG")
    yield "rgb", encoded(image.convert("RGB"), "PNG")
    yield "black on nothing", encoded(np.stack([nothing, nothing, nothing, ink], axis=2), "PNG")
    yield "white on nothing", encoded(np.stack([nothing + 255] * 3 + [ink], axis=2), "PNG")
    rounded = np.full_like(drawn, 255)
    rounded[:30, :30] = rounded[-30:, -30:] = 0  # corners that are not there
    yield "card", encoded(np.stack([drawn] * 3 + [rounded], axis=2), "PNG")
    yield "transparent grey", encoded(image, "PNG", transparency=235)
    yield "jpeg", encoded(image, "JPEG", quality=60)
    yield "progressive jpeg", encoded(image.convert("RGB"), "JPEG", progressive=True)
    yield "cmyk jpeg", encoded(image.convert("CMYK"), "JPEG")
    yield "gif", encoded(image, "GIF")
    yield "bmp", encoded(image.convert("RGB"), "BMP")
    if features.check("webp"):
        yield "webp", encoded(image.convert("RGB"), "WEBP")
    for orientation, back in enumerate(
        [
            None,
            "FLIP_LEFT_RIGHT",
            "ROTATE_180",
            "FLIP_TOP_BOTTOM",
            "TRANSPOSE",
            "ROTATE_90",
            "TRANSVERSE",
            "ROTATE_270",
        ],
        start=1,
    ):
        held = image.transpose(Image.Transpose[back]) if back else image
        exif = Image.Exif()
        exif[0x0112] = orientation
        assert ImageOps.exif_transpose(Image.open(encoded(held, "PNG", exif=exif))).size == image.size
        for kind in ("PNG", "JPEG"):
            yield f"{kind} held the way {orientation}", encoded(held, kind, exif=exif)


def test_every_kind_of_file_shows_the_same(drawn):
    expected = seen(encoded(drawn, "PNG"))
    assert (expected > 128).sum() > 60
    for name, file in kinds_of_file(drawn):
        assert apart(seen(file), expected) < 1, name


def test_specks_and_shade_are_not_ink(drawn):
    expected = seen(encoded(drawn, "PNG"))
    specks = drawn.copy()
    specks[10:14, 280:284] = specks[380:384, 10:13] = 30
    assert apart(seen(encoded(specks, "PNG")), expected) < 1
    y, x = np.mgrid[0:400, 0:300]
    shaded = (drawn * (1 - 0.5 * (x / 300) * (y / 400))).astype(np.uint8)
    assert apart(seen(encoded(shaded, "PNG")), expected) < 1


# --- The command ---------------------------------------------------------------------------------------------------


def test_the_command(trained, drawn, program, tmp_path):
    (tmp_path / "a 4.png").write_bytes(encoded(drawn, "PNG").read())
    result = program(
        "predict.py", tmp_path / "a 4.png", "--weights", trained, "--show", tmp_path / "shown.png",
        env={"PYTHONPATH": str(ROOT / "tests" / "no_torch"), "PYTHONWARNINGS": "error,ignore::DeprecationWarning"},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    first, *rows, last = result.stdout.splitlines()
    assert first == f"784-128-10 of {trained}"
    assert last == "digit: 4"
    p = [float(re.fullmatch(rf"{digit}  ([01]\.\d{{4}})( #+)?", row)[1]) for digit, row in enumerate(rows)]
    assert len(p) == 10
    assert sum(p) == pytest.approx(1, abs=1e-3)
    assert np.argmax(p) == 4
    assert rows[4].count("#") == round(40 * p[4])
    with Image.open(tmp_path / "shown.png") as shown:
        assert shown.size == (1200, 510)


def test_the_default_weights_are_those_of_the_best_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"run `python main_np\.py` first"):
        predict.load_network()
    (tmp_path / "learning_curves").mkdir()
    for name, time, best in [
        ("np", 200, "np"),
        ("torch", 100, "np"),  # older
        ("vit_np", 55, "vit_np"),  # a better network
        ("resnet_torch", 50, "resnet_torch"),  # a better one still
        ("resnet_np", 60, "resnet_np"),  # newer
    ]:
        path = tmp_path / "learning_curves" / f"checkpoint_{name}.npz"
        path.touch()
        os.utime(path, (time, time))
        assert predict.best_weights().name == f"checkpoint_{best}.npz"


def test_the_network_is_the_one_that_was_trained(trained, mnist):
    model, options, _ = predict.load_network(trained)
    for i in (0, 1, 2):
        x = as_input(mnist.test_images[i : i + 1], dtype="float32")
        assert (predict.as_input(mnist.test_images[i], options) == x).all()
    with np.load(trained) as npz:
        assert all((npz[f"params/{name}"] == p).all() for name, p in model.params.items())


def test_a_resnet_predicts_as_in_testing(tmp_path, mnist):
    small = ["--model", "resnet", "--widths", "2,3", "--steps", "5", "--pixels", "unit", "--out", str(tmp_path)]
    main_np.main(small)
    model, options, _ = predict.load_network(tmp_path / "checkpoint_resnet_np.npz")
    x = [predict.as_input(image, options) for image in mnist.test_images[:2]]
    alone, together = model.forward(x[0])[0], model.forward(np.concatenate(x))[0]
    assert alone == pytest.approx(together, rel=1e-5)  # no statistics of the batch
    assert x[0].max() == 1


# --- What cannot be read -------------------------------------------------------------------------------------------


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def bomb(side):
    """A PNG of side x side black pixels, a thousandth of them in bytes."""
    lines = zlib.compressobj(9)
    body = b"".join(lines.compress(bytes(1 + side // 8)) for _ in range(side)) + lines.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def bad_files(drawn):
    png, jpeg = encoded(drawn, "PNG").read(), encoded(drawn).read()
    slope = np.tile(np.linspace(50, 220, 300), (300, 1)).astype(np.uint8)
    yield "empty.png", b"", "not a picture that can be read"
    yield "text.png", b"not an image\n" * 9, "not a picture that can be read"
    yield "vector.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture that can be read"
    yield "tiff.png", encoded(drawn, "TIFF").read(), "not a picture that can be read"
    yield "truncated.png", png[: len(png) // 2], "damaged"
    yield "truncated.jpg", jpeg[: len(jpeg) // 2], "damaged"
    yield "headless.jpg", jpeg[:20], "damaged"
    yield "white.png", encoded(np.full((200, 300), 255, np.uint8), "PNG").read(), "no digit found"
    yield "black.jpg", encoded(np.zeros((200, 300), np.uint8)).read(), "no digit found"
    yield "nothing.png", encoded(np.zeros((20, 30, 4), np.uint8), "PNG").read(), "no digit found"
    yield "slope.png", encoded(slope, "PNG").read(), "no digit found"
    yield "noise.png", encoded(np.random.default_rng(0).normal(200, 6, (300, 300)).astype(np.uint8), "PNG").read(), "no"
    yield "point.png", encoded(np.zeros((1, 1), np.uint8), "PNG").read(), "no digit found"
    yield "thread.png", encoded(np.zeros((1, 9000), np.uint8), "PNG").read(), "no digit found"
    yield "large.png", bomb(8000), "more than 50 million pixels"
    yield "huge.png", bomb(16000), "more than 50 million pixels"


def test_what_cannot_be_read_is_one_line(trained, drawn, tmp_path):
    for name, content, words in bad_files(drawn):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UserError, match=re.escape(words)) as caught:
            predict.main([str(path), "--weights", str(trained)])
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["."], ["cannot read .: ", "directory"]),
        (["missing.png"], ["cannot read missing.png: No such file"]),
        ([], ["required: picture", "-h explains"]),
        (["README.md"], ["cannot read README.md: not a picture"]),
        (["png/twins.png", "--weights", "README.md"], ["README.md is not a checkpoint"]),
        (["png/twins.png", "--weights", "missing.npz"], ["cannot read missing.npz: No such file"]),
        (["png/twins.png", "--weight", "x"], ["unrecognized arguments: --weight"]),
    ],
)
def test_errors(trained, arguments, words, program):
    if "--weights" not in arguments:
        arguments = [*arguments, "--weights", trained]
    result = program("predict.py", *arguments)
    assert_one_line(result, "predict.py: ", *words)
    assert result.stdout == ""


def test_a_picture_that_cannot_be_shown(trained, drawn, tmp_path):
    (tmp_path / "4.png").write_bytes(encoded(drawn, "PNG").read())
    with pytest.raises(UserError, match=r"cannot write --show .*No such"):
        predict.main([str(tmp_path / "4.png"), "--weights", str(trained), "--show", str(tmp_path / "no" / "s.png")])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("side", "most"), [(7000, 700), (20000, 250)])
def test_memory_is_bounded(side, most, trained, tmp_path, program):
    """In MB, of which Python with NumPy and matplotlib takes some 100; 49 million pixels have 200 as RGBA."""
    (tmp_path / "bomb.png").write_bytes(bomb(side))
    code = (
        "import pathlib, re, predict\n"
        "from support import program\n"
        "status = program.run(lambda: predict.main(sys.argv[1:]))\n"
        "status_of_process = pathlib.Path('/proc/self/status').read_text()\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+) kB', status_of_process)[1]) // 1024)\n"
        "sys.exit(status)"
    )
    script = tmp_path / "measure.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{code}")
    result = program(str(script), tmp_path / "bomb.png", "--weights", trained)
    assert_one_line(result, "bomb.png")
    assert int(result.stdout) < most


def mutated(content, rng):
    """The bytes of a file with some of them wrong: other values, some missing, some twice, or an end too early."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        i, n = int(rng.integers(len(content))), int(rng.integers(1, 30))
        how = rng.integers(5)
        if how == 0:
            content[i] = rng.integers(256)
        elif how == 1:
            content[i : i + n] = rng.bytes(len(content[i : i + n]))
        elif how == 2:
            del content[i : i + n]
        elif how == 3:
            content[i:i] = content[i : i + n]
        else:
            del content[max(i, 8) :]
        if not content:
            break
    return bytes(content)


@pytest.mark.parametrize("n", [300, pytest.param(1000, marks=pytest.mark.slow)])
def test_damaged_files_are_an_error_or_a_picture(n, drawn):
    """Never a traceback, and no warning: the settings of pytest make those errors."""
    rng = np.random.default_rng(n)
    small = Image.fromarray(drawn).resize((60, 80))
    files = [encoded(small, kind).read() for kind in ("PNG", "JPEG", "JPEG", "GIF", "BMP")]
    files.append(encoded(small.convert("P"), "PNG", transparency=3).read())
    files.append(encoded(small.convert("RGBA"), "PNG", exif=small.getexif()).read())
    read = 0
    for i in range(n):
        try:
            image = seen(io.BytesIO(mutated(files[i % len(files)], rng)))
        except UserError as error:
            assert "\n" not in str(error)
        else:
            assert image.shape == (28, 28)
            assert image.max() > 100
            read += 1
    assert n / 20 < read < n  # so that both are tried


# --- Its parts -----------------------------------------------------------------------------------------------------


def test_otsu_splits_where_the_gap_is():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.uniform(0, 10, 500), rng.uniform(60, 80, 100)])
    assert ((values >= predict.otsu(values)) == (values > 30)).mean() > 0.99  # to the width of its bins
    assert predict.otsu(np.zeros((3, 3))) > 0


def test_the_surface_is_the_quadratic_that_was_there():
    y, x = np.meshgrid(np.linspace(-1, 1, 40), np.linspace(-1, 1, 30), indexing="ij")
    picture = 100 + 20 * x - 30 * y + 5 * x * x - 4 * x * y + 3 * y * y
    border = np.ones(picture.shape, bool)
    border[3:-3, 3:-3] = False
    damaged = picture + 50 * ~border
    assert predict.quadratic(damaged, border) == pytest.approx(picture, abs=1e-3)


def test_softening_keeps_constants_and_smooths():
    assert predict.soften(np.full((30, 20), 7, np.float32), 5) == pytest.approx(7, rel=1e-5)
    point = np.zeros((61, 61), np.float32)
    point[30, 30] = 1
    spread = predict.soften(point, 5)
    assert spread.sum() == pytest.approx(1, rel=1e-4)
    assert spread[30, 30] == pytest.approx(1 / (2 * np.pi * 25), rel=1e-3)


def test_the_probabilities():
    p = predict.softmax(np.array([[1e4, 0.0, -1e4], [0.0, 0.0, np.log(2)]]))
    assert p == pytest.approx(np.array([[1, 0, 0], [0.25, 0.25, 0.5]]))


def test_show_never_overwrites_its_own_picture(trained, tmp_path, program):
    path = tmp_path / "digit.png"
    photo = Image.new("L", (40, 40), 255)
    photo.paste(0, (18, 5, 22, 35))
    photo.save(path)
    before = path.read_bytes()
    (tmp_path / "link.png").symlink_to(path)
    for show in (path, tmp_path / "link.png"):
        assert_one_line(program("predict.py", path, "--weights", trained, "--show", show), "overwrite the picture")
    assert path.read_bytes() == before


def test_a_broken_exif_block_is_no_warning(tmp_path):
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\xff\xff\xff\x06\0\0\0"
    Image.new("L", (40, 40), 255).save(tmp_path / "p.jpg", exif=exif)
    assert predict.read_picture(tmp_path / "p.jpg").shape == (40, 40)  # a warning would be an error here
