"""MNIST in: find the four files, verify them, fetch what is missing, draw batches.

The files lie in `mnist/`, so the first run needs no network. Nothing is used before its SHA-256 sum is
right: neither a bundled file, nor a cached one, nor a download. Images stay uint8 in memory (47 MB instead
of 188); a batch becomes floating point when it is drawn.
"""

import gzip
import hashlib
import math
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

BUNDLED = Path(__file__).resolve().parent / "mnist"
FILES = (  # in the order of the fields of `Dataset`
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
TIMEOUT = (10, 30)  # seconds to connect, and between two reads
MAX_BYTES = 32 * 2**20  # the largest of these files has 26 MB; whoever sends more sends something else


class Source(NamedTuple):
    """Where a dataset comes from, and how to know it."""

    mirrors: tuple[str, ...]  # folders, tried one after the other
    sha256: tuple[tuple[str, ...], ...]  # for each of FILES, the sums that are right (of the .gz)
    mean: float  # of all training pixels, 0 to 1
    std: float


SOURCES = {
    # LeCun, Cortes & Burges 1998. Two sums a file: the bundled .gz (packed tighter), then the published one.
    "mnist": Source(
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        sha256=(
            (
                "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            ),
            (
                "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            ),
            (
                "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            ),
            (
                "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ),
        mean=0.1307,
        std=0.3081,
    ),
    # Xiao, Rasul & Vollgraf 2017: ten kinds of clothes.
    "fashion_mnist": Source(
        mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        sha256=(
            ("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",),
            ("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",),
            ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",),
            ("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",),
        ),
        mean=0.2860,
        std=0.3530,
    ),
    # Clanuwat et al. 2018: ten characters of old Japanese handwriting.
    "kmnist": Source(
        mirrors=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
        sha256=(
            ("51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",),
            ("e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",),
            ("edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",),
            ("20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",),
        ),
        mean=0.1918,
        std=0.3483,
    ),
}


class DataError(Exception):
    """No data to be had; the message is one line that says what was tried and what to do."""


class Dataset(NamedTuple):
    train_images: np.ndarray  # (60000, 28, 28) uint8, 0 is background
    train_labels: np.ndarray  # (60000,) uint8, 0 to 9
    test_images: np.ndarray  # (10000, 28, 28) uint8
    test_labels: np.ndarray  # (10000,) uint8
    mean: float  # of all training pixels, 0 to 1
    std: float


def load(name="mnist", hold_out=0):
    """The `Dataset` of that name (a key of SOURCES); DataError if it cannot be had.

    With hold_out, the last so many training images stand in for the test set. Whatever is chosen by comparing
    results (a learning rate, a width) is chosen on these: a test set that has helped to choose tests nothing.
    """
    source = SOURCES[name]
    arrays = [
        parse_idx(gzip.decompress(find(name, file, sums))) for file, sums in zip(FILES, source.sha256, strict=True)
    ]
    if hold_out:
        images, labels = arrays[:2]
        arrays = [images[:-hold_out], labels[:-hold_out], images[-hold_out:], labels[-hold_out:]]
    return Dataset(*arrays, source.mean, source.std)


def find(name, file, sums):
    """The verified bytes of a file: bundled, or cached, or fetched into the cache."""
    cached = cache_directory() / name / file
    places = [BUNDLED / file, cached] if name == "mnist" else [cached]
    damaged = ""
    for path in places:
        try:
            content = path.read_bytes()
        except OSError:
            continue
        if sha256(content) in sums:
            return content
        damaged += f"{path} is damaged (wrong SHA-256 sum) and not used; "
    try:
        content = download([mirror + file for mirror in SOURCES[name].mirrors], cached, sums)
    except DataError as error:
        raise DataError(damaged + str(error)) from None
    if damaged:
        print(f"{damaged}fetched it again", file=sys.stderr)
    return content


def cache_directory():
    """Where this user's programs keep what can be fetched again (XDG_CACHE_HOME, on Windows LOCALAPPDATA)."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return Path(base) / "written-twice"


def download(urls, target, sums):
    """Fetch `target` from the first of `urls` that sends the right bytes, and return them.

    The bytes are verified in memory and only then written, so the cache never holds a part of a file.
    DataError names every address with what was wrong with it.
    """
    tried = []
    for url in urls:
        try:
            content = fetch(url)
            if sha256(content) not in sums:
                raise DataError("wrong SHA-256 sum")
        except DataError as error:
            tried.append(f"{url} ({error})")
            continue
        with suppress(OSError):  # a cache that cannot be written is no reason not to go on
            target.parent.mkdir(parents=True, exist_ok=True)
            with replacing(target) as file:
                file.write(content)
        return content
    raise DataError(f"cannot fetch {target.name}: tried {', '.join(tried)}; put the file at {target} and run again")


def fetch(url):
    """The bytes that `url` serves, at most MAX_BYTES; DataError with the reason otherwise."""
    import requests  # here, because most runs need no network
    import urllib3
    from tqdm import tqdm

    content = bytearray()
    try:
        # The raw stream, undecoded: what is counted and verified is what was sent.
        headers = {"Accept-Encoding": "identity"}
        with requests.get(url, stream=True, timeout=TIMEOUT, headers=headers) as response:
            response.raise_for_status()
            total = int(response.headers.get("Content-Length", 0)) or None
            bar = tqdm(total=total, desc=url.rsplit("/", 1)[-1], unit="B", unit_scale=True, disable=None, leave=False)
            with bar:
                for chunk in response.raw.stream(2**16, decode_content=False):
                    content += chunk
                    bar.update(len(chunk))
                    if len(content) > MAX_BYTES:
                        raise DataError(f"more than {MAX_BYTES:,} bytes")
    except requests.HTTPError as error:
        raise DataError(f"HTTP {error.response.status_code}") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise DataError(type(error).__name__) from None
    return bytes(content)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def parse_idx(content):
    """The array in an IDX file: 0, 0, type 8 (unsigned byte), number of axes, then each length, then the values."""
    if len(content) < 4 or content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
        raise DataError("not an IDX file of unsigned bytes")
    start = 4 + 4 * content[3]
    shape = np.frombuffer(content[4:start], ">u4").tolist()
    values = np.frombuffer(memoryview(content)[start:], np.uint8)
    if len(shape) > 32 or not 0 < math.prod(shape) == values.size:
        raise DataError(f"an IDX file of {values.size} values where its head says {shape}")
    return values.reshape(shape)  # a view: nothing was copied


@contextmanager
def replacing(path):
    """A binary file that takes the place of `path` in one step, at the end, if nothing went wrong.

    Whatever interrupts the writing, `path` holds either all that it held before or all of the new. Of two that write
    at once, the last to end wins. A process that is killed leaves its part of a file behind, under a name that starts
    with a dot; whoever writes the same file an hour later (nobody writes for so long) takes that away.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        for part in path.parent.glob(f".{path.name}.*.part"):
            with suppress(OSError):
                if part.stat().st_mtime < time.time() - 3600:
                    part.unlink()
        with open(temporary, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        error.filename = str(path)  # the name that the user knows
        raise
    finally:
        temporary.unlink(missing_ok=True)


def batches(dataset, batch_size, seed, first, last, augment="none"):
    """The training batches of steps first, ..., last - 1: images (B, 28, 28) uint8 and labels (B,) int64.

    Each epoch visits all examples in an order of its own, a function of (seed, epoch) alone, and what augment does
    to a batch is a function of (seed, epoch, batch), so that a run can stop after any step and go on as if it had
    not. The few examples that fill no batch are left for the next order.
    """
    drawn = draw(dataset.train_images, dataset.train_labels, batch_size, seed, first, last, augment)
    return drawn if augment == "none" else ahead(drawn)


def draw(images, labels, batch_size, seed, first, last, augment):
    steps_per_epoch = len(images) // batch_size
    order = None
    for step in range(first, last):
        epoch, i = divmod(step, steps_per_epoch)
        if order is None or i == 0:
            order = stream(seed, epoch).permutation(len(images))
        chosen = order[i * batch_size : (i + 1) * batch_size]
        yield AUGMENT[augment](images[chosen], stream(seed, epoch, i)), labels[chosen].astype(np.int64)


def stream(seed, *key):
    """A random number generator for each key, independent of the others and of the one that draws first weights."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def ahead(items):
    """The same items, each made by another thread while the one before it is being used."""
    with ThreadPoolExecutor(1) as other:
        coming = other.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = other.submit(next, items, None)
            yield item


def shift(images, rng, most=2):
    """Every image moved by up to `most` pixels each way, with background moving in."""
    padded = np.pad(images, ((0, 0), (most, most), (most, most)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, images.shape[1:], axis=(1, 2))  # (B, 5, 5, 28, 28)
    down, right = rng.integers(0, 2 * most + 1, (2, len(images)))
    return windows[np.arange(len(images)), down, right]


def affine(images, rng, turn=15, scale=0.1, slant=0.1, move=2):
    """Every image turned by up to 15 degrees, scaled by up to a tenth, slanted, and moved by up to 2 pixels."""
    return resample(images, affine_points(len(images), rng, turn, scale, slant, move))


def elastic(images, rng, **most):
    """Every image bent as if it were drawn on rubber, by 1 pixel (root mean square), and a little affine as well.

    After Simard, Steinkraus & Platt 2003, whose displacements are noise smoothed by a Gaussian of 4 pixels, and 1.4
    pixels strong. We draw noise for the bumps of a coarse grid only, which looks the same and costs a tenth.
    """
    return resample(images, elastic_points(len(images), rng, **most))


def gentle(images, rng):
    """`elastic` for a network of convolutions: bent less and moved more."""
    return elastic(images, rng, bend=0.6, turn=12, move=2)


def affine_points(n, rng, turn, scale, slant, move):
    """Where n new images look in the old ones: (n, 2, 784), down and right, in pixels.

    The new image at position p shows the old one at M (p - centre) + centre + t: M and t are drawn for each image.
    """
    angle = np.deg2rad(rng.uniform(-turn, turn, n))
    high, wide = 1 + rng.uniform(-scale, scale, (2, n))
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array(
        [[cos * high, -sin * wide + rng.uniform(-slant, slant, n)], [sin * high, cos * wide]]
    )  # (2, 2, n)
    centre = 13.5
    grid = np.indices((28, 28), np.float32).reshape(2, -1) - centre  # (2, 784)
    where = matrix.transpose(2, 0, 1).astype(np.float32) @ grid  # (n, 2, 784)
    where += (rng.uniform(-move, move, (n, 2, 1)) + centre).astype(np.float32)
    return where


def elastic_points(n, rng, bend=1, turn=10, scale=0.1, slant=0.1, move=1):
    """The same for `elastic`."""
    noise = rng.standard_normal((2 * n, len(BUMPS)), dtype=np.float32)
    noise *= bend
    return affine_points(n, rng, turn, scale, slant, move) + (noise @ BUMPS).reshape(n, 2, -1)


def bumps(points=7, width=4):
    """Gaussians of that width (in pixels) on a grid of 7 x 7 points, as images: (49, 784) float32.

    They are scaled so that the sum of all of them, each times standard normal noise, has variance 1 at every pixel.
    """
    distance = np.arange(28) - np.linspace(0, 27, points)[:, np.newaxis]  # (points, 28)
    near = np.exp(-((distance / width) ** 2) / 2)
    hills = np.einsum("pi,qj->pqij", near, near).reshape(points * points, -1)
    return (hills / np.sqrt((hills**2).sum(axis=0))).astype(np.float32)


BUMPS = bumps()


def resample(images, where):
    """Images (B, 28, 28) as seen at the points where (B, 2, 784): between pixels by bilinear interpolation."""
    border = 2  # of background, for the points outside
    padded = np.pad(images, ((0, 0), (border, border), (border, border)))
    size = padded.shape[1]
    where = np.clip(where + border, 0, size - 1.001)
    corner = where.astype(np.intp)  # the pixel above and to the left of each point
    down, right = (where - corner).swapaxes(0, 1)  # (B, 784) each, how far the point is from it, 0 to 1
    flat = padded.ravel().astype(np.float32)
    at = np.arange(len(images))[:, np.newaxis] * size**2 + corner[:, 0] * size + corner[:, 1]
    # From left to right, a + (b - a) right, in both rows; then the same from the upper row to the lower.
    upper, lower = flat.take(at), flat[size:].take(at)
    upper += (flat[1:].take(at) - upper) * right
    lower += (flat[size + 1 :].take(at) - lower) * right
    upper += (lower - upper) * down
    return np.rint(upper).astype(np.uint8).reshape(images.shape)


AUGMENT = {"none": lambda images, rng: images, "shift": shift, "affine": affine, "elastic": elastic, "gentle": gentle}


def as_input(images, pixels, dataset, dtype):
    """uint8 images (B, 28, 28) as a network's input, of the same shape.

    pixels: "raw" 0 to 255; "unit" 0 to 1; "standardised" with mean 0 and standard deviation 1 over the
    training set, so that the first layer sees numbers around zero (LeCun et al. 1998, Efficient BackProp).
    """
    x = images.astype(dtype)
    if pixels == "standardised":
        x -= 255 * dataset.mean
        x /= 255 * dataset.std
    elif pixels == "unit":
        x /= 255
    return x
