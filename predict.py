"""Read a digit from a picture of your own: `python predict.py photo.jpg`.

A network knows only what it was shown, so the picture is first turned into one like MNIST's (LeCun, Bottou, Bengio &
Haffner 1998, Gradient-Based Learning Applied to Document Recognition): light ink on a black background, fitted into
20 x 20 pixels, with its centre of mass in the middle of 28 x 28. The picture should show one digit, dark on light or
light on dark; soft shadows do no harm.

NumPy runs the network, whichever framework trained it.
"""

import os
import sys
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

import data
import networks
from support import drawing, program
from support.errors import UserError
from support.options import Parser

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
MAX_PIXELS = 50_000_000
SIDE = 320  # pixels; more would add nothing about a digit
FAINTEST = 16  # shades (of 255) between ink and paper; less is noise from a JPEG or a camera
FOLDER = Path("learning_curves")
WEIGHTS = (
    ("resnet_np", "resnet_torch"),
    ("vit_np", "vit_torch"),
    ("np", "torch"),
)  # the better network first; the newer of each pair


@np.errstate(over="raise", invalid="raise")  # one line if the weights are too large to compute with
def main(argv=None):
    parser = Parser(description=(__doc__ or "").split("\n")[0], allow_abbrev=False)
    parser.add_argument("picture", help=f"a picture of one digit: {', '.join(FORMATS)}")
    add_weights(parser)
    parser.add_argument("--show", metavar="FILE.png", help="draw the picture, what the network saw, and its answer")
    arguments = parser.parse_args(argv)
    if arguments.show and os.path.exists(arguments.show) and os.path.samefile(arguments.show, arguments.picture):
        parser.error("--show would overwrite the picture itself")

    model, options, checkpoint = load_network(arguments.weights)
    picture = read_picture(arguments.picture)
    image = as_mnist(find_ink(picture, arguments.picture))
    p = softmax(model.forward(as_input(image, options)))[0]

    print(f"{describe(options)} of {checkpoint.path}")
    for digit in range(10):
        print(f"{digit} {p[digit]:7.4f} {'#' * round(40 * p[digit])}".rstrip())
    print(f"{'digit' if options.dataset == 'mnist' else 'class'}: {p.argmax()}")
    if arguments.show:
        try:
            drawing.save(drawing.prediction(picture, image, p), arguments.show)
        except OSError as error:
            raise UserError(f"cannot write --show {arguments.show}: {error.strerror}") from None


# --- The network ---------------------------------------------------------------------------------------------------


def add_weights(parser):
    """The option --weights, shared with look.py."""
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help="the checkpoint of a network (default: the one in learning_curves; a ResNet's if there is one, else a "
        "ViT's, else an MLP's; NumPy's or PyTorch's, whichever is newer)",
    )


def load_network(path=None):
    """(model, options, checkpoint) from a file, or from the best in learning_curves; UserError if there is none.

    model: an MLP, ResNet or ViT in NumPy, set to predict, not to train.
    """
    return networks.load(path or best_weights())


def best_weights():
    for names in WEIGHTS:
        there = [path for name in names if (path := FOLDER / f"checkpoint_{name}.npz").exists()]
        if there:
            return max(there, key=lambda path: path.stat().st_mtime)
    raise UserError(f"no trained network in {FOLDER}: run `python main_np.py` first, or give --weights FILE")


def describe(options):
    """The network in a few words: "784-512-10"; which framework trained it makes no difference here."""
    return options.network.title(options)


def as_input(image, options):
    """One uint8 image (28, 28) as the network's input (1, 28, 28)."""
    return data.as_input(image[np.newaxis], options)


def softmax(logits):
    """(B, 10) -> probabilities (B, 10), each row with sum 1."""
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)


# --- The picture ---------------------------------------------------------------------------------------------------


def read_picture(path):
    """A picture file in shades of grey: (H, W) float32, 0 black to 255 white, no side longer than SIDE.

    UserError if it is not a picture, is damaged, or has more than MAX_PIXELS pixels: a few bytes may unpack to fill the
    memory.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where Pillow only warns, it can still read the picture
            with Image.open(path, formats=FORMATS) as image:
                return shades(image) if image.width * image.height <= MAX_PIXELS else too_large(path)
    except UserError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        too_large(path)
    except OSError as error:
        reason = error.strerror or "not a picture that can be read (" + ", ".join(FORMATS) + "), or damaged"
    except Exception:  # anything else that Pillow raises for a damaged file
        reason = "damaged"
    raise UserError(f"cannot read {path}: {reason}")


def too_large(path):
    raise UserError(f"{path} has more than {MAX_PIXELS // 10**6} million pixels: make it smaller")


def shades(image):
    if image.mode.startswith("I"):  # 16 bits per pixel
        image = Image.fromarray((np.asarray(image.convert("I")) // 256).astype(np.uint8))
    elif image.format != "JPEG":  # a JPEG has no transparency, and shrinks best as it is
        image = image.convert("RGBA")
    image.thumbnail((SIDE, SIDE), reducing_gap=3)
    image = ImageOps.exif_transpose(image)  # as the photographer held the camera
    if image.mode != "RGBA":
        return np.asarray(image.convert("L"), np.float32)
    # Behind transparent pixels lies paper: in the median shade of the opaque ones, if they are most of the picture;
    # otherwise black or white, whichever is farther from what is there.
    grey, opacity = np.moveaxis(np.asarray(image.convert("LA"), np.float32), 2, 0)
    opaque = opacity > 127
    if opaque.mean() > 0.5:
        paper = np.median(grey[opaque])
    else:
        paper = 0 if (grey * opacity).sum() > 127 * opacity.sum() else 255
    return paper + (grey - paper) * opacity / 255


def find_ink(picture, name="the picture"):
    """The ink in a picture (H, W): float32, 0 paper to 1 ink, cropped to the ink; UserError if there is none.

    Paper is what the border shows and what continues smoothly from there; ink stands out, darker or lighter.
    """
    height, width = picture.shape
    border = np.ones((height, width), bool)
    margin = 1 + min(height, width) // 12
    border[margin:-margin, margin:-margin] = False
    paper = quadratic(picture, border)
    # That follows an even gradient of light, but not a shadow. So where nothing stands out from it, take the picture
    # itself as paper, and spread that smoothly over the rest.
    difference = np.abs(picture - paper)
    blank = soften((difference > otsu(difference)).astype(np.float32), max(height, width) / 100) < 0.05
    radius = max(height, width) / 10
    weight = soften(blank.astype(np.float32), radius)
    paper = (soften(picture * blank, radius) + 1e-3 * paper) / (weight + 1e-3)

    ink = picture - paper
    if (ink**3).sum() < 0:  # what stands out most is darker than the paper
        ink = -ink
    ink = np.maximum(ink, 0)
    strength = np.median(ink[ink >= otsu(ink)]) if ink.any() else 0
    ink = np.clip((ink / max(strength, FAINTEST) - 0.2) / 0.5, 0, 1)  # in shadow, ink stands out less
    ink *= soften(ink, max(height, width) / 40) > 0.05  # specks have too little ink around them
    if strength < FAINTEST or ink.max() <= 0.5:
        raise UserError(f"no digit found in {name}: it should be darker or lighter than the paper")
    return crop(ink, 0.5)


def quadratic(picture, where):
    """The surface a + b x + c y + d x^2 + e x y + f y^2 that fits the picture best where `where` is true."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in picture.shape), indexing="ij")
    terms = np.stack([x**0, x, y, x * x, x * y, y * y], axis=-1)
    return (terms @ np.linalg.lstsq(terms[where], picture[where], rcond=None)[0]).astype(np.float32)


def soften(array, radius):
    """Each value becomes the Gaussian-weighted mean of the values around it (within the picture)."""
    down, across = (
        np.exp(-((np.subtract.outer(np.arange(n), np.arange(n)) / radius) ** 2) / 2).astype(np.float32)
        for n in array.shape
    )
    return (down / down.sum(axis=1, keepdims=True)) @ array @ (across / across.sum(axis=1, keepdims=True)).T


def otsu(values):
    """The threshold that best splits values >= 0 in two: it maximises the variance between the two (Otsu 1979)."""
    counts, edges = np.histogram(values, 256, range=(0, values.max() or 1))
    middles = (edges[:-1] + edges[1:]) / 2
    n, total = counts.cumsum()[:-1], (counts * middles).cumsum()  # below each possible threshold
    between = (total[-1] * n / values.size - total[:-1]) ** 2 / np.maximum(n * (values.size - n), 1)
    return edges[1 + between.argmax()]


def crop(ink, above):
    """The rows and columns from the first to the last that has more ink than `above`."""
    high, wide = (np.flatnonzero(ink.max(axis=axis) > above) for axis in (1, 0))
    return ink[high[0] : high[-1] + 1, wide[0] : wide[-1] + 1]


def as_mnist(ink):
    """Ink (H, W), 0 to 1 -> (28, 28) uint8, 0 to 255: fitted into 20 x 20, centre of mass in the middle.

    The middle is the pixel (14, 14), counted from 0, as in MNIST: its images come out as they went in.
    """
    ink = crop(ink, 0)
    scale = 20 / max(ink.shape)
    height, width = (max(1, round(n * scale)) for n in ink.shape)
    # BOX gives each pixel the mean of what it covers. MNIST's grey levels are such means of black and white.
    ink = np.asarray(Image.fromarray(ink).resize((width, height), Image.Resampling.BOX))
    down = ink.sum(axis=1) @ np.arange(height) / ink.sum()
    right = ink.sum(axis=0) @ np.arange(width) / ink.sum()
    # If the mass is all at one end, it comes as close to the middle as the border allows.
    top, left = min(max(round(14 - down), 0), 28 - height), min(max(round(14 - right), 0), 28 - width)
    image = np.zeros((28, 28), np.uint8)
    image[top : top + height, left : left + width] = np.rint(255 * ink)
    return image


if __name__ == "__main__":
    sys.exit(program.run(main))
