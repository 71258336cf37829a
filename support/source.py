"""What there is to learn from, bundled or the reader's own, and what a network has to know of it."""

import hashlib
from functools import cached_property
from pathlib import Path

import numpy as np

from support import pictures, texts
from support.budget import DATA
from support.download import find
from support.errors import UserError
from support.files import read_file
from support.pictures import DIGITS

ROOT = Path(__file__).resolve().parent.parent
# What a checkpoint keeps, so that its network can be used where the examples are not; the letters are an array of it.
FACTS = {
    "images": ("of", "sha256", "classes", "mean_and_std", "reader"),
    "names": ("of", "sha256", "ignored"),
    "texts": ("of", "sha256"),
}
USUAL = {"ink": "light", "places": texts.PLACES["texts"], "ignored": texts.IGNORED}


class Source:
    """What there is to learn from, and what a network has to know of it.

    What is given, in BUNDLED or by a checkpoint, is not asked again. All else is computed from the examples, which are
    read when they are first needed: UserError if they cannot be had, or are not those that a checkpoint has seen.
    """

    def __init__(self, name, **given):
        """name: what --dataset takes, one of BUNDLED or a path. given: values of the other attributes."""
        self.name, self.given = name, given
        self.sums = {}  # of what is bundled or fetched: {file: its SHA-256 sum}
        self.url = ""  # of the folder that serves them; "" if they are bundled
        self.ink = USUAL["ink"]  # or "dark": what pictures show, on paper that is the other
        self.ignored = USUAL["ignored"]  # the target that the loss of names ignores; None in older checkpoints
        # Of a text that is cut into the words of a model's file: its `BytePairs`, and its SHA-256 sum.
        self.words, self.cut_by = None, ""
        vars(self).update(given)

    def told(self, **more):
        """The same, where this is given too; itself, with what it has read, if that is no news."""
        news = {name: value for name, value in more.items() if value != self.given.get(name, USUAL.get(name))}
        return Source(self.name, **self.given | news) if news else self

    def kept(self):
        """What a checkpoint keeps: {name: value} of FACTS for its options, and {name: array} of the letters, if any."""
        facts = {name: getattr(self, name) for name in FACTS[self.of]}
        if "ignored" in facts:
            facts["ignored"] = texts.IGNORED  # from now on
        if self.cut_by:
            return facts | {"cut_by": self.cut_by}, {}
        return facts, {"letters": np.array([*map(ord, self.letters)], np.uint32)} if self.of == "texts" else {}

    @cached_property
    def of(self):
        """What it has for examples: "images", "names", or "texts", which are pieces of a long one."""
        if self.path.suffix.lower() in pictures.ENDINGS and not self.path.is_dir():
            raise UserError(f"--dataset {self.name} is one picture: name a folder with train/CLASS/ for each class")
        return "images" if self.path.is_dir() else "texts"

    @property
    def path(self):
        """Where it is, if it is neither bundled nor fetched."""
        if not self.name or not Path(self.name).exists():
            raise UserError(f"--dataset {self.name}: there is no folder or file of that name (-h says what is bundled)")
        return Path(self.name)

    def examples(self):
        """Arrays: training images and labels, test images and labels; or tokens to learn from, and to test with."""
        arrays = self.content["arrays"]
        if self.of == "texts":
            return texts.windows(*arrays, self.places, self.name, "words" if self.words else "letters")
        return arrays if self.of == "images" else arrays[::2]

    @cached_property
    def content(self):
        """What is read: {"arrays": a list, "classes" or "letters": what comes with them, "sha256": the sum of it}."""
        if self.sums:
            folder = dataset_folder(self.name)
            found = [find(folder / file, self.url and self.url + file, sha256) for file, sha256 in self.sums.items()]
        else:
            found = pictures.files_in(self.path, DATA) if self.of == "images" else [read_file(self.path, DATA)]
        if self.of == "images":
            content = pictures.read(self.name, found, self.ink)
        else:
            content = texts.read_names(*found) if self.of == "names" else texts.read_text(*found, self.name, self.words)
        content["sha256"] = hash_of(content)
        if content["sha256"] != self.given.get("sha256", content["sha256"]):
            raise UserError(f"--dataset {self.name}: these are not the {self.of} that the network has learned from")
        return content

    @cached_property
    def sha256(self):
        """Of all arrays, however they are kept: a run that continues knows its examples by it."""
        return self.content["sha256"]

    @cached_property
    def classes(self):
        """What the labels 0, 1, ... of images are the numbers of."""
        return self.content["classes"]

    @cached_property
    def letters(self):
        """Those of a text: word 0, word 1, ..."""
        return self.content["letters"]

    @cached_property
    def mean_and_std(self):
        """Mean and standard deviation of all training pixels, those of held-out images too, from 0 to 1."""
        mean, std = pictures.mean_and_std(self.content["arrays"][0])
        if not std:
            raise UserError(f"--dataset {self.name}: all training images are of the same grey, and show nothing")
        return mean, std

    @cached_property
    def places(self):
        """Words of a text, where a network writes."""
        return texts.PLACES[self.of]

    @cached_property
    def reader(self):
        """How a picture becomes an input: by its "ink", as an image in MNIST's form, or as the whole "picture".

        What comes in MNIST's files is in its form, and so is what predict.py has cut from sheets.
        """
        in_its_form = self.sums or pictures.has_files(self.path) or (self.path / pictures.CUT).is_file()
        return "ink" if in_its_form else "picture"

    def read(self, path):
        """A picture file as the network was trained to see it: `support.ink.Seen`, whose `problem` says why not."""
        from support import ink  # it needs Pillow

        if self.reader == "ink":
            return ink.see(path)
        grey = ink.read_picture(path)
        image = pictures.as_image(grey, self.ink)
        return ink.Seen(grey, grey if self.ink == "light" else 255 - grey, image, "")

    @property
    def news(self):
        """What a run that continues does in another way than when it began, in words; "" if nothing."""
        if self.of == "names" and self.ignored != texts.IGNORED:
            return "the loss counted what follows the end of a name; from here on it does not"
        return ""

    @property
    def kind(self):
        """What its classes are called, one of them; or its texts."""
        return self.of.removesuffix("s") if self.of != "images" else "digit" if self.classes == DIGITS else "class"

    def as_letters(self, words):
        """Words of a text as somebody reads them."""
        if self.words:
            return b"".join(self.words.bytes[word] for word in words).decode("utf-8", "replace")
        return "".join(self.letters[word] for word in words)

    @property
    def most_at_once(self):
        """Examples in a batch of a test, at most. Of many words, the logits of more would fill the memory."""
        return max(1, texts.LOGITS // (self.places * self.words.size)) if self.words else 500

    @property
    def prefix(self):
        """What the names of a run's files begin with."""
        return "" if self.of == "images" else f"{self.of}_"

    @cached_property
    def tokenizer(self):
        """How a network that writes sees it: a `support.texts.Tokenizer`."""
        return texts.TOKENIZERS[self.of](self)

    def called(self, label):
        """An image with that label in words: "a 4", "an 8", "an ankle boot"."""
        name = self.classes[label]
        return f"{'an' if name[0] in '8aeio' else 'a'} {name}"


def facts_in(kept, arrays):
    """What `Source.kept` gave a checkpoint, for `Source.told`; {} if that is older. ValueError if it makes no sense."""
    if not kept:
        return {}
    kept = {"reader": "ink", "ignored": None} | kept  # an older checkpoint has none, and does as it did
    facts = {name: kept[name] for name in FACTS[kept["of"]]}
    if cut_by := str(kept.get("cut_by", "")):
        return facts | {"cut_by": cut_by}
    if facts["of"] == "images":
        facts["classes"], (mean, std) = tuple(map(str, facts["classes"])), map(float, facts["mean_and_std"])
        facts["mean_and_std"] = mean, std
        if facts["reader"] not in ("ink", "picture"):
            raise ValueError
        if len(facts["classes"]) != len(DIGITS) or not (0 <= mean <= 1 and 0 <= std <= 1):
            raise ValueError
    if facts["of"] == "texts":
        facts["letters"] = "".join(map(chr, arrays["letters"].ravel()))
    return facts


def dataset_folder(name):
    """The folder of a dataset that is bundled or fetched. One that was fetched into the root before is left there."""
    folder, earlier = ROOT / "datasets" / name, ROOT / name
    return earlier if earlier.is_dir() and not folder.exists() else folder


class Sources(dict):
    """{name: its `Source`}. Every other name is a path."""

    def __missing__(self, path):
        return Source(path)


def hash_of(content):
    """The SHA-256 sum of what was read."""
    total = hashlib.sha256(content.get("letters", "").encode())
    for array in content["arrays"]:
        total.update(np.ascontiguousarray(array))
    return total.hexdigest()
