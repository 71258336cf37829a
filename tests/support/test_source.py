"""Data of one's own: a folder in MNIST's format, a folder for each class, a text; and networks whose data are gone."""

import gzip
import io
import os
import random
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import data
import look
import main_np
import predict
from conftest import ROOT, UNIX
from lab import twins
from loading.options import parse_options
from support import ink, pictures, program, sheet, texts
from support.checkpoint import load_checkpoint
from support.errors import UserError
from support.pictures import MNIST_FILES
from support.source import open_source, parse_data_facts

pytestmark = pytest.mark.usefixtures("quick_curves")
CLASSES = ("apple", "pear")
TEXT = "".join(random.Random(0).choices("etaoin shrdlu.\n", k=3000))


def idx(array):
    """An array of bytes as a file in MNIST's format."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def as_idx(folder, arrays):
    folder.mkdir(parents=True)
    for file, array in zip(MNIST_FILES, arrays, strict=True):
        (folder / file).write_bytes(idx(array))
    return folder


def as_pictures(folder, images, labels, names):
    """folder/NAME/0001.png and so on."""
    for n, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / names[label] / f"{n:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


@pytest.fixture(scope="module")
def fruit(small, tmp_path_factory):
    """Pictures of two classes, 40 to learn from and 20 to test: MNIST's 0 and 1 under other names."""
    folder = tmp_path_factory.mktemp("own") / "fruit"
    for part, images, labels in (("train", *small[:2]), ("test", *small[2:])):
        chosen = np.flatnonzero(labels < 2)[: 40 if part == "train" else 20]
        as_pictures(folder / part, images[chosen], labels[chosen], CLASSES)
    return folder


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """call(program, *words) in a folder of its own: (status, what was printed, the line on stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(module, *words):
        monkeypatch.setattr("sys.argv", [module.__name__, *map(str, words)])
        status = program.run(module.main)
        return status, *capsys.readouterr()

    return run


# --- A folder for each class ---


@pytest.mark.slow(one_in=2)
def test_a_folder_of_pictures_learns_what_the_same_images_in_mnists_format_do(mnist, tmp_path, call):
    """To the bit, if they are in the same order. Also in three frameworks, the same run."""
    small = mnist._make(array[:n] for array, n in zip(mnist, (300, 300, 100, 100), strict=True))
    for part, *arrays in (("train", *small[:2]), ("test", *small[2:])):
        as_pictures(tmp_path / "own" / part, *arrays, data.DIGIT_CLASSES)
    read = data.load("own")
    assert len(read.train_images) == 300 and len(read.test_images) == 100
    for array, of_mnist in zip(read[::2], small[::2], strict=True):  # the same images, drawn in another order
        assert sorted(map(bytes, array)) == sorted(map(bytes, of_mnist)) and (array != of_mnist).any()
    first = [small.train_images.tolist().index(image) for image in read.train_images[:9].tolist()]
    assert (small.train_labels[first] == read.train_labels[:9]).all()
    as_idx(tmp_path / "idx", read)
    found = {}
    for name in ("own", "idx"):
        words = ["--hidden", "9", "--epochs", "2", "--batch-size", "30", "--hold-out", "20", "--dataset"]
        status, printed, said = call(main_np, *words, name, "--out", f"run {name}")
        assert (status, said) == (0, "") and printed.startswith(f"{name}: 280 training and 20 held-out images\n")
        found[name] = load_checkpoint(f"run {name}/checkpoint_np.npz")
    assert found["own"].facts == found["idx"].facts | {"reader": "picture"} and found["idx"].facts["reader"] == "ink"
    assert all((a == found["idx"].groups["params"][k]).all() for k, a in found["own"].groups["params"].items())
    words = "--dataset own --hidden 9 --steps 20 --batch-size 30 --dtype float64"
    *_, last = twins.iter_lockstep(parse_options("torch", *words.split()))
    for other in (last.on_tape, last.by_torch):
        assert twins.largest_difference(last.by_hand.arrays["params"], other.arrays["params"]) < 1e-12


def test_pictures_of_any_kind_fit_into_28_by_28(tmp_path):
    """Wide or high, in colour, seen through, with light or dark ink: the proportions stay, and 0 is paper."""
    wide = np.zeros((30, 60), np.uint8)
    wide[10:20, 20:40] = 255
    Image.fromarray(wide).save(tmp_path / "light.png")
    Image.fromarray(255 - wide).convert("RGB").save(tmp_path / "dark.jpg", quality=95)
    seen_through = Image.new("RGBA", (60, 30), (0, 0, 0, 0))
    seen_through.paste((0, 0, 0, 255), (20, 10, 40, 20))
    seen_through.save(tmp_path / "dark.png")
    Image.fromarray(np.full((2, 2), 200, np.uint8)).save(tmp_path / "two.png")
    read = {
        path.name: pictures.read_image(path, "dark" if path.stem == "dark" else "light")[0]
        for path in tmp_path.iterdir()
    }
    assert all(image.shape == (28, 28) and image.dtype == np.uint8 for image in read.values())
    assert (read["two.png"] == 200).all()
    for name in ("light.png", "dark.jpg", "dark.png"):
        rows, columns = (np.flatnonzero((read[name] > 127).any(axis=axis)) for axis in (1, 0))
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == pytest.approx((11.5, 16, 9.5, 18), abs=1), name
        assert (read[name][[0, 6, 21, 27]] < 10).all()


def test_ink_that_is_dark_is_turned_round(fruit, tmp_path):
    source = open_source(str(fruit))
    light = source.get_example_arrays()
    assert source.with_facts(ink="light") is source  # that is no news: nothing is read again
    dark = open_source(str(fruit)).with_facts(ink="dark").get_example_arrays()
    assert (dark[0] == 255 - light[0]).all()
    folder = as_idx(tmp_path / "idx", light)
    assert (open_source(str(folder)).with_facts(ink="dark").get_example_arrays()[2] == 255 - light[2]).all()


def test_without_a_test_a_tenth_of_each_class_is_the_test(fruit, tmp_path):
    shutil.copytree(fruit / "train", tmp_path / "train")
    source = open_source(str(tmp_path))
    train, labels, test, answers = source.get_example_arrays()
    of_each = np.bincount(source.get_example_arrays()[1]) + np.bincount(source.get_example_arrays()[3])
    assert np.bincount(answers).tolist() == (of_each // 10).tolist() and len(train) + len(test) == 40
    assert not {*map(bytes, train)} & {*map(bytes, test)} and len(labels) == len(train)
    assert all(
        (a == b).all()
        for a, b in zip(source.get_example_arrays(), open_source(str(tmp_path)).get_example_arrays(), strict=True)
    )


def test_files_in_mnists_format_may_be_gzipped_and_anywhere(small, tmp_path):
    folder = as_idx(tmp_path / "own", small)
    (folder / MNIST_FILES[0]).rename(folder / "unzipped")
    (folder / f"{MNIST_FILES[0]}.gz").write_bytes(gzip.compress((folder / "unzipped").read_bytes()))
    assert all((a == b).all() for a, b in zip(data.load(str(folder)), small, strict=True))
    source = open_source(str(folder))
    assert (
        source.classes == data.DIGIT_CLASSES
        and source.singular_noun == "digit"
        and source.mean_and_std != (0.1307, 0.3081)
    )


def test_mean_and_deviation_are_those_of_all_pixels(mnist):
    assert data.SOURCES["mnist"].mean_and_std == (0.1307, 0.3081)
    few = mnist.train_images[:250]
    assert pictures.mean_and_std(few) == pytest.approx((few.mean() / 255, few.std() / 255), abs=5.1e-5)


# --- A text ---


def test_a_text_becomes_windows_and_the_windows_a_text(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())  # as Windows writes it
    source = open_source(str(path))
    train, test = source.get_example_arrays()
    assert source.noun == "texts" and source.letters == "".join(sorted({*TEXT})) and train.dtype == np.uint8
    assert train.shape == ((2700 - 1) // 64, 65) and test.shape == ((300 - 1) // 64, 65)
    said = "".join(source.letters[word] for word in np.concatenate([train[:, :-1].ravel(), train[-1, -1:]]))
    assert said == TEXT[: len(said)] and "".join(source.letters[word] for word in test[0]) == TEXT[2700:2765]
    x, y = source.tokenizer.encode_inputs_and_targets(train[:3])
    assert x.shape == y.shape == (3, 64) and x.dtype == np.int64 and (x[:, 1:] == y[:, :-1]).all()
    assert y[0, -1] == x[1, 0]


def test_the_same_words_of_other_letters_are_another_text(tmp_path):
    for letters in ("ab", "cd"):
        (tmp_path / letters).write_text(400 * letters)
    sources = [open_source(str(tmp_path / letters)) for letters in ("ab", "cd")]
    assert len({source.sha256 for source in sources}) == 2


def test_a_text_of_many_letters_takes_two_bytes_for_each_and_no_copy():
    letters = "".join(map(chr, range(0x4E00, 0x4E00 + 300)))
    words, found = texts.parse_text_file((letters * 20).encode(), "x")
    assert words.dtype == np.uint16 and len(words) == 6000 and found == letters
    windows = texts.cut_windows(words, 64, "x")
    assert all(np.shares_memory(part, words) for part in windows[::2])


# --- What is wrong with it is one line ---


def change(path, **arrays):
    """The same files, with other arrays in some: images, labels, tests, answers."""
    for name, array in arrays.items():
        file = MNIST_FILES[["images", "labels", "tests", "answers"].index(name)]
        (path / file).write_bytes(array if isinstance(array, bytes) else idx(np.array(array, np.uint8)))


def classes(path, number):
    for n in range(number):
        (path / "train" / f"class {n}").mkdir(parents=True, exist_ok=True)
        for part in "ab":
            Image.new("L", (9, 9)).save(path / "train" / f"class {n}" / f"{part}.png")


def picture(path, content):
    """One of the pictures of a folder has this content."""
    classes(path, 2)
    (path / "train" / "class 1" / "a.png").write_bytes(content)


def png(width, height):
    file = io.BytesIO()
    Image.new("L", (width, height)).save(file, "PNG")
    return file.getvalue()


BLANK = np.zeros((50, 28, 28))
IDX = {  # what is wrong with files in MNIST's format: what is changed, and what is said
    "pixels of another size": (dict(images=np.zeros((50, 32, 32))), "training images of own have 32 x 32 pixels"),
    "rows in place of images": (dict(images=np.zeros((50, 784))), "training images of own have 784 pixels"),
    "colour": (dict(tests=np.zeros((50, 28, 28, 3))), "test images of own have 28 x 28 x 3 pixels"),
    "a label of 10": (dict(labels=[10] * 50), "own has the label 10: labels are from 0 to 9"),
    "letters as labels": (dict(answers=[26] * 50), "own has the label 26"),
    "fewer labels": (dict(labels=[1] * 49), "own has 50 training images, but 49 labels"),
    "more labels": (dict(answers=[1] * 51), "own has 50 test images, but 51 labels"),
    "labels as rows": (dict(labels=np.zeros((50, 10))), "own has 50 training images, but 500 labels"),
    "no training images": (dict(images=BLANK[:0], labels=[]), "own has no training images"),
    "no test images": (dict(tests=BLANK[:0], answers=[]), "own has no test images"),
    "labels in place of images": (dict(images=[1] * 50), "training images of own have no pixels"),
    "an empty file": (dict(images=b""), f"{MNIST_FILES[0]} is not in MNIST's format"),
    "a text": (dict(labels=b"0 1 2 3 4 5 6 7 8 9"), f"{MNIST_FILES[1]} is not in MNIST's format"),
    "half a file": (dict(images=idx(BLANK.astype(np.uint8))[:5000]), f"{MNIST_FILES[0]} is not in MNIST's format"),
    "more than a file": (dict(images=idx(BLANK.astype(np.uint8)) + b"0"), f"{MNIST_FILES[0]} is not in MNIST's format"),
    "half a gzipped file": (dict(images=gzip.compress(idx(BLANK))[:99]), f"{MNIST_FILES[0]} is not in MNIST's format"),
    "floats": (dict(images=b"\0\0\x0d" + idx(BLANK)[3:]), f"{MNIST_FILES[0]} is not in MNIST's format"),
    "a header of terabytes": (
        dict(images=b"\0\0\x08\x03" + b"\x7f" * 12),
        f"{MNIST_FILES[0]} is not in MNIST's format",
    ),
    "255 axes": (dict(images=b"\0\0\x08\xff" + b"\0" * 2000), f"{MNIST_FILES[0]} is not in MNIST's format"),
}
FOLDERS = {
    "an empty folder": (
        lambda own: None,
        "own is not a dataset: its pictures belong in train/ with a folder for each class",
    ),
    "pictures without classes": (lambda own: Image.new("L", (9, 9)).save(own / "a.png"), "own is not a dataset"),
    "one of four files": (lambda own: change(own, images=BLANK), f"own has no {MNIST_FILES[1]}"),
    "no class": (lambda own: (own / "train").mkdir(), "own/train has 0 folders: it needs one for each class"),
    "one class": (lambda own: classes(own, 1), "own/train has 1 folder: it needs"),
    "one class, from a Mac": (
        lambda own: (classes(own, 1), (own / "train" / "__MACOSX").mkdir()),
        "own/train has 1 folder: it needs",
    ),
    "eleven classes": (lambda own: classes(own, 11), "own/train has 11 folders: it needs one for each class, 2 to 10"),
    "a class without pictures": (
        lambda own: (own / "train" / "cat").mkdir(parents=True),
        "own/train/cat has no picture",
    ),
    "a class with other files": (
        lambda own: ((own / "train" / "cat").mkdir(parents=True), (own / "train" / "cat" / "a.doc").touch()),
        "own/train/cat has no picture",
    ),
    "hidden files": (
        lambda own: ((own / "train" / "cat").mkdir(parents=True), (own / "train" / "cat" / ".a.png").touch()),
        "own/train/cat has no picture",
    ),
    "one picture of a class": (
        lambda own: (classes(own, 2), (own / "train" / "class 1" / "a.png").unlink()),
        "own/train/class 1 has one picture",
    ),
    "a class that is only tested": (
        lambda own: (classes(own, 2), shutil.copytree(own / "train" / "class 0", own / "test" / "class 7")),
        "own/test has the class class 7",
    ),
    "an empty test": (lambda own: (classes(own, 2), (own / "test").mkdir()), "own has no test images"),
    "a picture that is none": (lambda own: picture(own, b"no picture"), "own/train/class 1/a.png: not a picture"),
    "an empty picture": (lambda own: picture(own, b""), "own/train/class 1/a.png: not a picture"),
    "half a picture": (lambda own: picture(own, png(90, 90)[:50]), "own/train/class 1/a.png: not a picture"),
    "a picture of a billion pixels": (
        lambda own: picture(own, png(9, 9).replace(struct.pack(">II", 9, 9), struct.pack(">II", 40000, 40000))),
        "own/train/class 1/a.png: ",
    ),
    "a picture that is a folder": (
        lambda own: (classes(own, 2), (own / "train" / "class 1" / "c.png").mkdir()),
        "own/train/class 1/c.png: ",
    ),
    "a link to nothing": (
        lambda own: (classes(own, 2), (own / "train" / "class 1" / "c.png").symlink_to("gone")),
        "own/train/class 1/c.png: ",
    ),
}
LETTERS = {
    "an empty text": (b"", "own has 0 different letters"),
    "one letter": (b"a" * 5000, "own has 1 different letters"),
    "a short text": (b"ab" * 300, "own has 600 letters: for texts of 64 letters it takes 641 or more"),
    "fewer windows than a batch": (b"ab" * 400, "--batch-size 128 is more than the 11 training texts"),
    "Latin-1": ("Grüße\n".encode("latin-1") * 500, "own is not a text in UTF-8"),
    "a picture": (png(99, 99), "own is not a text in UTF-8"),
    "half of a letter": (b"ab" * 999 + "ü".encode()[:1], "own is not a text in UTF-8"),
    "a damaged gzipped text": (
        gzip.compress(TEXT.encode())[:99] + b"?" * 99 + gzip.compress(TEXT.encode())[198:],
        "own is not a text in UTF-8",
    ),
    "half of a gzipped text": (gzip.compress(TEXT.encode())[:200], "own is not a text in UTF-8"),
}
OTHERS = {
    "nothing": ("--dataset own", "--dataset own: there is no folder or file of that name"),
    "one picture": ("--dataset PHOTO", "png/photo.jpg is a single picture: name a folder"),
    "no name": ("--dataset=", "there is no folder or file"),
    "an MLP of a text": (
        "--dataset THIS_FILE",
        "has texts, and --model mlp learns from images: take --model gpt",
    ),
    "clothes for a GPT": ("--model gpt --dataset fashion_mnist", "--dataset fashion_mnist has no tokens"),
    "all held out": ("--dataset mnist --hold-out 60000", "--hold-out 60000 leaves none of the 60000 training images"),
    "more than all": ("--dataset mnist --hold-out 70000", "--hold-out 70000 leaves none"),
    "too few for a batch": (
        "--dataset mnist --hold-out 59900",
        "--batch-size 128 is more than the 100 training images",
    ),
    "dark words": ("--model gpt --dataset names --ink dark", "--ink dark does not apply"),
    "more places": (
        "--model gpt --dataset names --context-length 9",
        "--context-length 9 does not apply: these are names, all equally",
    ),
    "moved words": ("--model gpt --dataset names --augment shift", "--augment shift does not apply: it moves images"),
}


@pytest.mark.parametrize(
    ("name", "words"), [("a cat", "a cat"), ("k\udcfcche", "k?che"), ("a" * 90 + "the end", "aaaaaaaaaaaaaa...the end")]
)
def test_a_class_has_a_name_that_can_be_drawn(name, words):
    assert pictures.format_class_name(name) == words and len(words) <= pictures.MAX_CLASS_NAME_LENGTH


def test_pictures_of_one_grey_are_a_line(tmp_path):
    classes(tmp_path, 2)
    for path in tmp_path.rglob("*.png"):
        Image.new("L", (9, 9), 77).save(path)
    with pytest.raises(UserError, match="all training images have the same grey, and show nothing"):
        _ = open_source(str(tmp_path)).mean_and_std


def refused(call, words, said):
    status, printed, line = call(main_np, *words, "--steps", 1)
    assert (status, printed, line.count("\n")) == (2, "", 1) and line.startswith("main_np: ") and said in line, line


@pytest.mark.parametrize("name", IDX)
def test_files_that_are_not_as_mnists_are_one_line(name, call, tmp_path):
    arrays, said = IDX[name]
    as_idx(tmp_path / "own", [BLANK.astype(np.uint8), np.zeros(50, np.uint8)] * 2)
    change(tmp_path / "own", **arrays)
    refused(call, ["--dataset", "own"], said)


@pytest.mark.parametrize("name", [pytest.param(name, marks=UNIX) if "link" in name else name for name in FOLDERS])
def test_a_folder_that_cannot_be_learned_from_is_one_line(name, call, tmp_path):
    make, said = FOLDERS[name]
    (tmp_path / "own").mkdir()
    make(tmp_path / "own")
    refused(call, ["--dataset", "own"], said)


@pytest.mark.parametrize("name", LETTERS)
def test_a_text_that_cannot_be_learned_from_is_one_line(name, call, tmp_path):
    content, said = LETTERS[name]
    (tmp_path / "own").write_bytes(content)
    refused(call, ["--model", "gpt", "--dataset", "own", "--batch-size", 128], said)


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_dataset_of_this_network_is_one_line(name, call):
    words, said = OTHERS[name]
    refused(
        call,
        [word.replace("THIS_FILE", __file__).replace("PHOTO", f"{ROOT}/png/photo.jpg") for word in words.split()],
        said,
    )


@pytest.mark.skipif(getattr(os, "geteuid", int)() == 0, reason="root may read everything, and Windows has no such mode")
def test_a_folder_that_nobody_may_read_is_one_line(call, tmp_path):
    (tmp_path / "own").mkdir(mode=0)
    refused(call, ["--dataset", "own"], "Permission denied")


def test_a_label_in_words():
    source = open_source("own", of="images", classes=["eight", "8", "4", "ankle boot", "bag"])
    assert [source.name_label_with_article(n) for n in range(5)] == [
        "an eight",
        "an 8",
        "a 4",
        "an ankle boot",
        "a bag",
    ]


# --- A network whose data have gone, or moved ---


@pytest.mark.slow(one_in=2)
def test_a_network_can_be_used_and_a_run_goes_on_wherever_its_images_are(fruit, call, tmp_path):
    words = ["--hidden", "9", "--epochs", "2", "--batch-size", "10", "--dtype", "float64"]
    shutil.copytree(fruit, "here")
    assert call(main_np, *words, "--dataset", "here", "--out", "whole")[0] == 0
    assert call(main_np, *words, "--dataset", "here", "--out", "part", "--stop-after", 1)[0] == 0
    weights = "part/checkpoint_np.npz"
    shutil.move("here", "there")
    Image.fromarray(255 - data.load("there").test_images[0]).resize((280, 280)).save("picture.png")
    status, printed, said = call(predict, "picture.png", "--weights", weights)
    assert (status, said) == (0, "") and [line.split()[0] for line in printed.splitlines()[1:3]] == [*CLASSES]
    assert printed.splitlines()[-1].startswith("class: ") and "none" not in printed
    gone = "--dataset here: there is no folder or file of that name"
    for module, *more in ((look, "--weights", weights), (main_np, "--resume", weights)):
        status, _, line = call(module, *more)
        assert status == 2 and gone in line and line.count("\n") == 1
    status, printed, _ = call(main_np, "--resume", weights, "--dataset", "there", "--out", "part")
    assert status == 0
    whole, resumed = (load_checkpoint(f"{name}/checkpoint_np.npz") for name in ("whole", "part"))
    assert all((a == resumed.groups["params"][k]).all() for k, a in whole.groups["params"].items())
    assert resumed.options["dataset"] == "there"
    status, printed, _ = call(look, "--weights", weights, "--out", "looked", "--test", 3)
    assert status == 0 and ("an apple" in printed or "a pear" in printed)
    next(Path("there/train/pear").iterdir()).unlink()
    for other, said in (("there", "these are not the images that"), ("mnist", "these are not the images that")):
        status, _, line = call(main_np, "--resume", weights, "--dataset", other)
        assert status == 2 and said in line and line.count("\n") == 1
    for other in ("names", __file__):
        status, _, line = call(main_np, "--resume", weights, "--dataset", other)
        assert status == 2 and "and part/checkpoint_np.npz has learned from images" in line


def test_a_checkpoint_without_facts_is_of_before_and_still_read(small, call, tmp_path, monkeypatch):
    monkeypatch.setattr(data, "load", lambda *_: small)
    assert (
        call(main_np, *["--hidden", "9", "--batch-size", "60", "--epochs", "2", "--stop-after", "1", "--out", "old"])[0]
        == 0
    )
    path = Path("old/checkpoint_np.npz")
    arrays = dict(np.load(path))
    kept = str(arrays["options"])
    arrays["options"] = np.array(kept[: kept.index(', "data"')] + "}")
    np.savez(path, **arrays)
    assert load_checkpoint(path).facts == {}
    assert call(main_np, "--resume", path, "--out", "old")[0] == 0
    assert load_checkpoint(path).facts["mean_and_std"] == (0.1307, 0.3081)


# --- How a picture becomes an input -----------------------------------------------------------------------------------


def shapes_in(folder, rng, each=12, colour=None):
    """Pictures of squares, filled from edge to edge, and of frames: light, and no stroke of a pen."""
    for name in ("square", "frame"):
        for part, count in (("train", each), ("test", 4)):
            (folder / part / name).mkdir(parents=True)
            for i in range(count):
                picture = np.full((56, 56), rng.integers(20, 60), np.uint8)
                a, b = rng.integers(2, 8), rng.integers(46, 54)
                picture[a:b, a:b] = rng.integers(180, 250)
                if name == "frame":
                    picture[a + 8 : b - 8, a + 8 : b - 8] = 30
                image = Image.fromarray(picture).convert("RGB" if colour else "L")
                if colour:
                    image.putpixel((3, 3), colour)
                    image.paste(colour, (10, 10, 20, 20))
                image.save(folder / part / name / f"{i}.png")


def test_a_folder_of_pictures_is_read_as_it_was_trained(tmp_path, monkeypatch):
    """predict.py and look.py see what the training saw. There may be no ink in it. A checkpoint keeps how."""
    monkeypatch.chdir(tmp_path)
    shapes_in(tmp_path / "shapes", np.random.default_rng(0))
    source = data.SOURCES["shapes"]
    paths = sorted((tmp_path / "shapes" / "test").glob("*/*.png"))
    seen = {source.read_digit_picture(path).image.tobytes() for path in paths}
    assert seen == {image.tobytes() for image in data.load("shapes").test_images} and len(seen) == 8
    assert source.get_facts_and_arrays()[0]["reader"] == "picture" and not any(
        source.read_digit_picture(path).problem for path in paths
    )
    again = data.SOURCES.get_source_with_facts(
        "moved", **parse_data_facts(source.get_facts_and_arrays()[0], {})
    )  # where the examples are not
    assert np.array_equal(again.read_digit_picture(paths[0]).image, source.read_digit_picture(paths[0]).image)


@pytest.mark.slow(one_in=2)
def test_what_comes_in_the_form_of_mnist_is_read_by_its_ink(tmp_path, small, monkeypatch):
    as_idx(tmp_path / "idx", small)
    sheet.save_digits_as_dataset(small.train_images[:20].reshape(2, 10, 28, 28), tmp_path / "cut", "sheet")
    picture = ROOT / "png" / "photo.jpg"
    right = ink.read_digit_picture(picture).image
    for source in (data.SOURCES["mnist"], data.SOURCES[str(tmp_path / "idx")], data.SOURCES[str(tmp_path / "cut")]):
        assert source.reader == "ink" and np.array_equal(source.read_digit_picture(picture).image, right)
    old = {"of": "images", "sha256": "", "classes": data.DIGIT_CLASSES, "mean_and_std": (0.1, 0.3)}
    assert parse_data_facts(old, {})["reader"] == "ink"
    with pytest.raises(ValueError):
        parse_data_facts(old | {"reader": "os.system"}, {})


def test_colour_that_is_lost_is_said_once(tmp_path, capsys):
    shapes_in(tmp_path / "grey", np.random.default_rng(0), each=2)
    data.load(str(tmp_path / "grey"))
    assert capsys.readouterr().err == ""
    shapes_in(tmp_path / "red", np.random.default_rng(0), each=2, colour=(200, 30, 30))
    source = data.SOURCES[str(tmp_path / "red")]
    for _ in range(2):
        data.load(source)
    lost = "they become grey, and differences in colour alone are lost"
    assert capsys.readouterr().err == f"note: 12 of 12 pictures in {tmp_path / 'red'} are in colour: {lost}\n"


# --- Three kinds, one interface ---


def test_what_a_program_asks_of_one_kind_of_source_it_may_ask_of_another():
    """It asks of none which kind it is: `pick` gives a program what it does with each."""
    kinds = [data.SOURCES[name] for name in ("mnist", "names", "shakespeare")]
    for source, word in zip(kinds, ("digit", "name", "text"), strict=True):
        assert source.singular_noun == word and source.pick_by_kind(images="digit", names="name", texts="text") == word
        assert [source.has_same_kind(other) for other in kinds] == [other is source for other in kinds]
        assert len(source.name_labels([3]) or []) == len(source.classes[:1])
    assert [source.tokenizer.fits_kind(text) for text in ("20", "Mac") for source in kinds] == [1, 0, 1, 0, 1, 1]
    for source in kinds[1:]:
        with pytest.raises(UserError, match=f"has {source.noun}, not pictures"):
            source.read_digit_picture("x.png")
