"""Reads datasets of images: files in MNIST's format, or a folder of pictures for each class."""

import math
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np

from support.budget import MAX_DATASET_BYTES, Budget, is_gzipped, open_unpacked_bytes
from support.errors import UserError
from support.files import read_file

MNIST_FILES = tuple(f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))
DIGIT_CLASSES = tuple("0123456789")
NO_CLASS = "(none)"  # fills up the class names to ten, the number of classes that every network has
IMAGE_SIDE = 28
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
CUT_MARKER_FILE = "cut_from_sheets.txt"  # a file that marks a folder that support/sheet.py has made
MAX_CLASS_NAME_LENGTH = 24  # the most letters of a class's name that fit into the pictures
TEST_SPLIT_DIVISOR = 10  # one in ten pictures is for testing if a folder has no test/


def read_dataset(folder, file_contents, ink):
    """Read MNIST's four files, or a folder of pictures. Return ([four arrays], ten class names).

    file_contents: the bytes of the four MNIST_FILES; empty for a folder of pictures. The arrays are the training images
    (N, 28, 28) uint8, in which 0 is background, their labels (N,) uint8, and the same for testing. ink: "light" if the
    images show light ink on dark, as in MNIST, or "dark". Raises UserError if this is not a valid dataset.
    """
    if file_contents:
        budget = Budget(MAX_DATASET_BYTES)
        classes = DIGIT_CLASSES
        arrays = [parse_idx(content, file, budget) for content, file in zip(file_contents, MNIST_FILES, strict=True)]
        if ink == "dark":
            arrays[::2] = [255 - images for images in arrays[::2]]
    else:
        arrays, classes = read_class_folders(Path(folder), ink)
    check_images(arrays, folder)
    return arrays, classes


def check_images(arrays, name):
    """Raise UserError unless `arrays` are training images and labels, and test images and labels, of a valid dataset.

    Images must have 28 x 28 pixels, and each image a label from 0 to 9. name: the dataset's name, for the message.
    """
    for part, images, labels in zip(("training", "test"), arrays[::2], arrays[1::2], strict=True):
        shape = " x ".join(map(str, images.shape[1:]))
        if images.ndim != 3 or images.shape[1:] != (IMAGE_SIDE, IMAGE_SIDE):
            raise UserError(f"the {part} images of {name} have {shape or 'no'} pixels: 28 x 28 are needed")
        if labels.shape != (len(images),):
            raise UserError(f"{name} has {len(images)} {part} images, but {labels.size} labels")
        if not len(images):
            raise UserError(f"{name} has no {part} images")
        if labels.max() >= len(DIGIT_CLASSES):
            raise UserError(f"{name} has the label {labels.max()}: labels are from 0 to 9")


def mean_and_std(images):
    """Return (mean, standard deviation) of all pixels, scaled to 0 to 1 and rounded to four decimals.

    The sums are whole numbers, so they are the same on every machine. They are computed in pieces that fit into a
    processor's cache.
    """
    total = squares = 0
    for start in range(0, len(images), 100):
        x = images[start : start + 100].astype(np.uint32)
        total = total + int(x.sum())
        squares = squares + int((x * x).sum())
    mean = total / images.size
    return round(float(mean / 255), 4), round(float(np.sqrt(max(0, squares / images.size - mean**2)) / 255), 4)


# --- MNIST's format ---------------------------------------------------------------------------------------------------


def has_mnist_files(folder):
    """Return True if a folder has at least one of MNIST's four files, gzipped or not."""
    names = [*MNIST_FILES, *(f"{file}.gz" for file in MNIST_FILES)]
    return any(Path(folder, name).exists() for name in names)


def list_mnist_file_contents(folder, max_bytes):
    """Return the bytes of each of MNIST's four files in a folder, gzipped or not, or [] if the folder has none.

    Raises UserError if it has only some of them, or if one is larger than `max_bytes`.
    """
    paths = []
    missing = []
    for file in MNIST_FILES:
        candidates = [path for path in (Path(folder, file), Path(folder, f"{file}.gz")) if path.exists()]
        if candidates:
            paths.append(candidates[0])
        else:
            missing.append(file)
    if paths and missing:
        raise UserError(f"{folder} has no {missing[0]}, gzipped or not, beside its other files")
    return [read_file(path, max_bytes) for path in paths]


def parse_idx(content, name="it", budget=None):
    """Return the array in an IDX file, MNIST's format. content: the bytes of the file, which may be gzipped.

    The format: 0, 0, type 8 (unsigned byte), number of axes, then the length of each axis, then the values. name: the
    file's name, for messages. budget: a `Budget` that this file shares with others, or None. Raises UserError if the
    file has another format, is damaged, or is too large.
    """
    stream = open_unpacked_bytes(content, name, budget or Budget(MAX_DATASET_BYTES))
    with suppress(ValueError, IndexError, EOFError, OSError, zlib.error):
        *kind, axes = stream.read(4)
        shape = np.frombuffer(stream.read(4 * axes), ">u4", axes).tolist()
        size = math.prod(shape)
        could_be = kind == [0, 0, 8] and (is_gzipped(content) or stream.tell() + size == len(content))
        values = stream.read_rest_or_none(size) if could_be else None
        if values is not None:
            return np.frombuffer(values, np.uint8).reshape(shape)
    raise UserError(f"{name} is not in MNIST's format, or is damaged")


# --- A folder for each class ------------------------------------------------------------------------------------------


def read_class_folders(folder, ink):
    """Read a folder with train/CLASS/*.png, and perhaps test/CLASS/*.png. Return ([four arrays], ten class names).

    The arrays are those of `read_dataset`. Without test/, a tenth of each class is for testing. The
    classes are sorted. The pictures are shuffled with a fixed seed, so that the last ones, which `--hold-out` takes,
    are of all classes. ink: "light" or "dark". Raises UserError if the folder is not such a dataset.
    """
    if not (folder / "train").is_dir():
        classes = "its pictures belong in train/ with a folder for each class"
        raise UserError(
            f"{folder} is not a dataset: {classes}, unless it has MNIST's four files, {MNIST_FILES[0]} and so on"
        )
    train = list_class_pictures(folder / "train")
    classes = [*train]
    rng = np.random.default_rng(0)
    if not 2 <= len(classes) <= len(DIGIT_CLASSES):
        has = f"{len(classes)} folder" if len(classes) == 1 else f"{len(classes)} folders"
        raise UserError(f"{folder}/train has {has}: it needs one for each class, 2 to {len(DIGIT_CLASSES)}")
    if (folder / "test").is_dir():
        test = list_class_pictures(folder / "test")
        unknown = [name for name in test if name not in train]
        if unknown:
            raise UserError(f"{folder}/test has the class {unknown[0]}, and {folder}/train does not")
    else:
        single_names = [name for name, paths in train.items() if len(paths) == 1]
        if single_names:
            raise UserError(
                f"{folder}/train/{single_names[0]} has one picture: it needs 2, one for training and one for the test"
            )
        test = {}
        for name, paths in train.items():
            shuffled_paths = [paths[i] for i in rng.permutation(len(paths))]
            n_test = max(1, len(paths) // TEST_SPLIT_DIVISOR)
            test[name] = shuffled_paths[:n_test]
            train[name] = shuffled_paths[n_test:]
    arrays = []
    number = 0
    n_coloured = 0
    for part in (train, test):
        pairs = []
        for name, paths in part.items():
            pairs += [(path, classes.index(name)) for path in paths]
        pairs = [pairs[i] for i in rng.permutation(len(pairs))]
        images, n_coloured_of_part = read_images([path for path, _ in pairs], ink)
        arrays += [images, np.array([k for _, k in pairs], np.uint8)]
        number = number + len(images)
        n_coloured = n_coloured + n_coloured_of_part
    if n_coloured:
        consequence = "they become grey, and differences in colour alone are lost"
        print(f"note: {n_coloured} of {number} pictures in {folder} are in colour: {consequence}", file=sys.stderr)
    return arrays, (*map(format_class_name, classes), *[NO_CLASS] * (len(DIGIT_CLASSES) - len(classes)))


def format_class_name(name):
    """Return the name of a class's folder in a form that can be printed and drawn.

    A long name is shortened, and characters that cannot be encoded, as in names from another system, become "?".
    """
    name = " ".join(name.encode(errors="replace").decode().split())
    return name if len(name) <= MAX_CLASS_NAME_LENGTH else f"{name[: MAX_CLASS_NAME_LENGTH - 10]}...{name[-7:]}"


def list_class_pictures(folder):
    """Return {class: sorted paths of its pictures} for a folder that has a folder for each class.

    Hidden files are ignored, and so is the folder that macOS adds to archives. Raises UserError if a class has no
    picture.
    """
    folders = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__MACOSX")))
    paths_by_class = {}
    for class_folder in folders:
        paths = sorted(path for path in class_folder.glob("[!.]*") if path.suffix.lower() in PICTURE_SUFFIXES)
        if not paths:
            raise UserError(f"{class_folder} has no picture ({', '.join(PICTURE_SUFFIXES)})")
        paths_by_class[class_folder.name] = paths
    return paths_by_class


def read_images(paths, ink):
    """Return (images (N, 28, 28) uint8 of the picture files `paths`, number of pictures in colour)."""
    from PIL import Image
    from tqdm import tqdm  # imported here, because MNIST does not need it

    # Pillow allocates memory in blocks. Blocks above 32 MB return to the system when a picture is closed. The C library
    # would keep smaller ones, for each thread.
    Image.core.set_block_size(2**26)

    images = np.empty((len(paths), IMAGE_SIDE, IMAGE_SIDE), np.uint8)
    n_coloured = 0
    with ThreadPoolExecutor() as pool:
        results = tqdm(
            pool.map(lambda path: read_image(path, ink), paths),
            total=len(paths),
            unit="picture",
            disable=None,
            leave=False,
        )
        for i, (image, is_coloured) in enumerate(results):
            images[i] = image
            n_coloured += is_coloured
    return images, n_coloured


def read_image(path, ink):
    """Return (the picture in a file as an image (28, 28) uint8, True if the picture is in colour).

    ink: "light" or "dark". Raises UserError as `support.ink.open_picture` does.
    """
    from support.ink import has_colour, open_picture, to_grey  # needs Pillow

    with open_picture(path) as picture:
        is_coloured = has_colour(picture)  # first, because `to_grey` makes the picture smaller
        grey = to_grey(picture)
    return to_image(grey, ink), is_coloured


def to_image(grey, ink):
    """Fit a picture (H, W) uint8 in shades of grey into an image (28, 28) uint8, with light ink on a background of 0.

    ink: "light" or "dark", as in the picture.
    """
    from PIL import Image, ImageOps

    if ink == "dark":
        grey = 255 - grey
    return np.asarray(ImageOps.pad(Image.fromarray(grey), (IMAGE_SIDE, IMAGE_SIDE)))  # 0, the background, around it
