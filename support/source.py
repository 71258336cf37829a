"""Datasets, bundled or the user's own: three classes with one interface.

`SOURCES[name]` in data.py is an `ImageFolder`, `Names` or a `Text`. Only this file and data.py depend on which one.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from support import pictures, texts
from support.budget import MAX_DATASET_BYTES
from support.download import find_or_fetch_bytes
from support.errors import UserError
from support.files import read_file
from support.pictures import DIGIT_CLASSES

ROOT = Path(__file__).resolve().parent.parent
# The default values. A checkpoint or the command line may also give them explicitly.
DEFAULT_FACTS = {"ink": "light", "context_length": texts.CONTEXT_LENGTHS["texts"], "ignored": texts.IGNORED_TARGET}


@dataclass
class Content:
    """What the files of a dataset hold."""

    arrays: list  # [training images, labels, test images, labels], or [the token ids of a text]
    classes: tuple = ()  # the names of the labels 0, 1, ..., if there are labels
    letters: str = ""  # the letters of a text: token 0, token 1, ...

    @cached_property
    def sha256(self):
        """The SHA-256 sum of the letters and arrays, as hex."""
        total = hashlib.sha256(self.letters.encode())
        for array in self.arrays:
            total.update(np.ascontiguousarray(array))
        return total.hexdigest()


class Source:
    """A dataset, and the facts about it that a network needs, such as its class names.

    Facts that are given, in BUNDLED or by a checkpoint, are used. All others are computed from the examples, which are
    read when they are first needed. That raises UserError if they cannot be read, or if they are not the examples of
    the checkpoint.
    """

    noun = ""  # what the examples are called: "images", "names" or "texts"
    fact_names = ("sha256",)  # the facts that a checkpoint stores, so that its network can be used without the examples
    classes = ()  # the names of the labels 0, 1, ..., if there are labels
    letters = ""  # the letters of a text: token 0, token 1, ...
    separator = ", "  # between the names of classes in a line
    loss_change_note = ""  # what a resumed run does differently from its beginning, in words

    def __init__(self, name, **given):
        """name: the value of --dataset, one of BUNDLED or a path. given: values of the other attributes."""
        self.name = name
        self.given = given
        self.sums = {}  # {file: its SHA-256 sum}, if the dataset is bundled or downloaded
        self.url = ""  # of the folder from which the files are downloaded; "" if they are bundled
        self.ink = DEFAULT_FACTS["ink"]  # "light" if pictures show light ink on dark, or "dark"
        # If a text is split into the tokens of a GGUF file: the file's `BytePairs`, and its SHA-256 sum.
        self.byte_pairs = None
        self.cut_by = ""
        vars(self).update(given)

    def with_facts(self, **facts):
        """Return a copy of this source with more given facts, or this source itself if they change nothing."""
        news = {name: value for name, value in facts.items() if value != self.given.get(name, DEFAULT_FACTS.get(name))}
        return type(self)(self.name, **self.given | news) if news else self

    def get_facts_and_arrays(self):
        """Return (facts, arrays), what a checkpoint stores: {name: value} for its options, and {name: array}.

        The arrays are the letters of a text; other sources have none, so it is {}.
        """
        return {"of": self.noun} | {name: getattr(self, name) for name in self.fact_names}, {}

    @classmethod
    def select_facts(cls, metadata, arrays):
        """Return the facts in a checkpoint as a dict, for `with_facts`.

        metadata, arrays: as `get_facts_and_arrays` returned them. Raises ValueError or KeyError if they are invalid.
        """
        return {name: metadata[name] for name in ("of", *cls.fact_names)}

    def pick_by_kind(self, images, names, texts):
        """Return the argument that is named like this source's noun."""
        return {"images": images, "names": names, "texts": texts}[self.noun]

    def has_same_kind(self, other_source):
        """Return True if the other source has the same kind of examples: images, names or texts."""
        return self.noun == other_source.noun

    @property
    def path(self):
        """The path of the user's own data. Raises UserError if it does not exist."""
        return find_path(self.name)

    def get_example_arrays(self):
        """Return a list of arrays: [training images, labels, test images, labels] or [training tokens, test tokens]."""
        return self.content.arrays

    @cached_property
    def content(self):
        """The `Content` of the files.

        Raises UserError if the files cannot be read, or are not those of the checkpoint.
        """
        if self.sums:
            folder = dataset_folder(self.name)
            files = [
                find_or_fetch_bytes(folder / file, self.url and self.url + file, sha256)
                for file, sha256 in self.sums.items()
            ]
        else:
            files = self.list_own_file_contents()
        content = self.parse_files(files)
        if content.sha256 != self.given.get("sha256", content.sha256):
            raise UserError(f"--dataset {self.name}: these are not the {self.noun} that the network has learned from")
        return content

    def list_own_file_contents(self):
        """Return the contents of the user's own file or files, a list of bytes."""
        return [read_file(self.path, MAX_DATASET_BYTES)]

    @cached_property
    def sha256(self):
        """The SHA-256 sum of all arrays, whatever the format of the files. A resumed run notices changes by it."""
        return self.content.sha256

    @cached_property
    def context_length(self):
        """The number of tokens in an example, for a language model."""
        return texts.CONTEXT_LENGTHS[self.noun]

    @property
    def singular_noun(self):
        """The singular of the examples' noun: "digit", "class", "name" or "text"."""
        return self.noun.removesuffix("s")

    @property
    def max_test_batch_size(self):
        """The most examples in a test batch. With a large vocabulary, the logits of more would fill the memory."""
        if not self.byte_pairs:
            return 500
        return max(1, texts.MAX_BATCH_LOGITS // (self.context_length * self.byte_pairs.size))

    @property
    def prefix(self):
        """The prefix of the names of a run's files, such as "names_"; "" for images."""
        return f"{self.noun}_"

    @cached_property
    def tokenizer(self):
        """The `support.texts.Tokenizer` of the examples, for a language model."""
        return texts.TOKENIZERS[self.noun](self)

    def name_labels(self, labels):
        """Return the list of class names of these labels, or None if the examples have no labels."""
        return None

    def read_digit_picture(self, path):
        """Read a picture file in the same way as the training images, and return a `DigitPicture`.

        Its `problem` says if it does not show a single digit. Raises UserError if the examples are not images.
        """
        raise UserError(f"--dataset {self.name} has {self.noun}, not pictures")

    def name_label_with_article(self, label):
        """Return the name of a label with its article: "a 4", "an ankle boot". Raises UserError without labels."""
        raise UserError(f"--dataset {self.name} has {self.noun}, without labels")

    # --- Which options fit -----------------------------------------------------------------------------------------

    def check(self, options, networks):
        """Raise UserError if a network with these options cannot learn these examples. networks: see networks.py."""
        self.check_can_start_from_gguf(options)
        if options.run.ink != "light":
            reason = f"it is of images, and --dataset {options.run.dataset} has {self.noun}"
            raise UserError(f"--ink {options.run.ink} does not apply: {reason}")
        if not networks[options.run.model].writes:
            alternatives = " or ".join(f"--model {name}" for name, network in networks.items() if network.writes)
            problem = (
                f"--dataset {options.run.dataset} has {self.noun}, and --model {options.run.model} learns from images"
            )
            raise UserError(f"{problem}: take {alternatives}")

    def check_can_start_from_gguf(self, options):
        """Raise UserError if the run starts from a GGUF file (--start) but the examples are not a text."""
        if options.base_model:
            raise UserError(
                f"--start {options.run.start} learns a text, and --dataset {options.run.dataset} has {self.noun}"
            )

    def check_writer_options(self, options):
        """Raise UserError if a network that generates cannot learn these examples with these options."""
        if options.run.augment != "none":
            reason = f"it moves images, and these are {self.noun}"
            raise UserError(f"--augment {options.run.augment} does not apply: {reason}")

    def check_no_context_length(self, options):
        """Raise UserError if --context-length is given, because these examples are all equally long."""
        if options.run.context_length:
            reason = f"these are {self.noun}, all equally long"
            raise UserError(f"--context-length {options.run.context_length} does not apply: {reason}")


class ImageFolder(Source):
    """A dataset of images with labels: files in MNIST's format, or a folder of pictures."""

    noun = "images"
    prefix = ""
    fact_names = ("sha256", "classes", "mean_and_std", "reader")

    @classmethod
    def select_facts(cls, metadata, arrays):
        facts = super().select_facts(
            {"reader": "ink"} | metadata, arrays
        )  # an older checkpoint has no "reader"; it used "ink"
        mean, std = map(float, facts["mean_and_std"])
        facts |= {"classes": tuple(map(str, facts["classes"])), "mean_and_std": (mean, std)}
        if facts["reader"] not in ("ink", "picture"):
            raise ValueError
        if len(facts["classes"]) != len(DIGIT_CLASSES) or not (0 <= mean <= 1 and 0 <= std <= 1):
            raise ValueError
        return facts

    def list_own_file_contents(self):
        return pictures.list_mnist_file_contents(self.path, MAX_DATASET_BYTES)

    def parse_files(self, file_contents):
        arrays, classes = pictures.read_dataset(self.name, file_contents, self.ink)
        return Content(arrays, classes=classes)

    @cached_property
    def classes(self):
        return self.content.classes

    @cached_property
    def mean_and_std(self):
        """(mean, standard deviation) of all training pixels, from 0 to 1, including those of held-out images.

        Raises UserError if all pixels are of the same grey.
        """
        mean, std = pictures.mean_and_std(self.content.arrays[0])
        if not std:
            raise UserError(f"--dataset {self.name}: all training images have the same grey, and show nothing")
        return mean, std

    @cached_property
    def reader(self):
        """The way pictures become inputs: "ink" if only their ink is used, as in MNIST, or "picture" if all of it is.

        It is "ink" for datasets in MNIST's format, and for digits that predict.py has cut from sheets.
        """
        in_its_form = (
            self.sums or pictures.has_mnist_files(self.path) or (self.path / pictures.CUT_MARKER_FILE).is_file()
        )
        return "ink" if in_its_form else "picture"

    def read_digit_picture(self, path):
        from support import ink  # needs Pillow

        if self.reader == "ink":
            return ink.read_digit_picture(path)
        grey = ink.read_picture(path)
        image = pictures.to_image(grey, self.ink)
        return ink.DigitPicture(grey, grey if self.ink == "light" else 255 - grey, image, "")

    @property
    def singular_noun(self):
        return "digit" if self.classes == DIGIT_CLASSES else "class"

    @property
    def separator(self):
        return "" if self.singular_noun == "digit" else ", "

    def name_label_with_article(self, label):
        name = self.classes[label]
        return f"{'an' if name[0] in '8aeio' else 'a'} {name}"

    def name_labels(self, labels):
        return [self.classes[label] for label in labels]

    def decode_inputs(self, x, max_length):
        """Return inputs x of a network, images (n, h, w) or token ids (n, T), as images (n, h, w) for display.

        max_length: not used.
        """
        if x.ndim == 3:
            return x
        return texts.decode_images(np.pad(x[:, 1:], ((0, 0), (0, 1))))  # the last token is never in x

    def check(self, options, networks):
        self.check_can_start_from_gguf(options)

    def check_writer_options(self, options):
        self.check_no_context_length(options)
        self.tokenizer.check_digits()


class Names(Source):
    """A dataset of names."""

    noun = "names"
    fact_names = ("sha256", "ignored")
    ignored = DEFAULT_FACTS["ignored"]  # the target that the loss ignores; None, if there is none, in older checkpoints

    def get_facts_and_arrays(self):
        facts, arrays = super().get_facts_and_arrays()
        return facts | {"ignored": texts.IGNORED_TARGET}, arrays  # from now on, also in a resumed older run

    @classmethod
    def select_facts(cls, metadata, arrays):
        return super().select_facts({"ignored": None} | metadata, arrays)

    @property
    def loss_change_note(self):
        has_changed = self.ignored != texts.IGNORED_TARGET
        return "the loss included the tokens after the end of a name; from now on it does not" if has_changed else ""

    def parse_files(self, file_contents):
        return Content(texts.parse_names_file(*file_contents))

    def get_example_arrays(self):
        return self.content.arrays[::2]

    def decode_inputs(self, x, max_length):
        """Return inputs x (n, T) of a network as a list of n names, for display. max_length: not used."""
        return texts.decode_names(x[:, 1:])

    def check_writer_options(self, options):
        super().check_writer_options(options)
        self.check_no_context_length(options)


class Text(Source):
    """A long text. The examples are windows of it."""

    noun = "texts"

    def get_facts_and_arrays(self):
        facts, arrays = super().get_facts_and_arrays()
        if self.cut_by:
            return facts | {"cut_by": self.cut_by}, arrays
        return facts, {"letters": np.array([*map(ord, self.letters)], np.uint32)}

    @classmethod
    def select_facts(cls, metadata, arrays):
        facts = super().select_facts(metadata, arrays)
        cut_by = str(metadata.get("cut_by", ""))
        if cut_by:
            return facts | {"cut_by": cut_by}
        return facts | {"letters": "".join(map(chr, arrays["letters"].ravel()))}

    def parse_files(self, file_contents):
        token_ids, letters = texts.parse_text_file(*file_contents, self.name, self.byte_pairs)
        return Content([token_ids], letters=letters)

    def get_example_arrays(self):
        noun = "tokens" if self.byte_pairs else "letters"
        return texts.cut_windows(*self.content.arrays, self.context_length, self.name, noun)

    @cached_property
    def letters(self):
        return self.content.letters

    def decode_to_str(self, token_ids):
        """Return the text, a str, that a sequence of token ids stands for."""
        if self.byte_pairs:
            return b"".join(self.byte_pairs.bytes[i] for i in token_ids).decode("utf-8", "replace")
        return "".join(self.letters[i] for i in token_ids)

    def decode_inputs(self, x, max_length):
        """Return inputs x (n, T) of a network as a list of n texts of at most `max_length` letters, for display."""
        return [self.decode_to_str(row)[:max_length] for row in x]

    def check_can_start_from_gguf(self, options):
        pass


SOURCE_CLASSES = {kind.noun: kind for kind in (ImageFolder, Names, Text)}


def open_source(name, of="", **given):
    """Return the `Source` that --dataset NAME means. given: attributes of the source.

    of: "images", "names" or "texts"; if "", a folder has images and a file is a text. Raises UserError if there is no
    such file or folder.
    """
    if not of:
        path = find_path(name)
        if path.suffix.lower() in pictures.PICTURE_SUFFIXES and not path.is_dir():
            raise UserError(f"--dataset {name} is a single picture: name a folder with train/CLASS/ for each class")
        of = "images" if path.is_dir() else "texts"
    return SOURCE_CLASSES[of](name, **given)


def find_path(name):
    """Return the path of the user's own data, a file or a folder. Raises UserError if it does not exist."""
    if not name or not Path(name).exists():
        raise UserError(f"--dataset {name}: there is no folder or file of that name (-h says what is bundled)")
    return Path(name)


def parse_data_facts(metadata, arrays):
    """Return the facts about a checkpoint's data, for `Sources.get_source_with_facts`.

    metadata, arrays: as `Source.get_facts_and_arrays` returned them. In an older checkpoint, metadata is None, and the
    result is {}. Raises ValueError, KeyError or TypeError if they are invalid.
    """
    return SOURCE_CLASSES[metadata["of"]].select_facts(metadata, arrays) if metadata else {}


def dataset_folder(name):
    """Return the folder of a dataset that is bundled or downloaded.

    It is in datasets/, unless an older version has downloaded it into the root of the project.
    """
    folder = ROOT / "datasets" / name
    earlier = ROOT / name
    return earlier if earlier.is_dir() and not folder.exists() else folder


class Sources(dict):
    """{name: `Source`} of the bundled datasets. Any other key is taken as the path of the user's own data."""

    def __missing__(self, path):
        return open_source(path)

    def get_source_with_facts(self, name, of="", **facts):
        """Return the `Source` of that name, with facts from a checkpoint or the command line.

        of: "images", "names" or "texts", or "" if that is unknown. If it is known, the data need not exist. Otherwise,
        raises UserError if they do not.
        """
        if name in self and of in ("", self[name].noun):
            return self[name].with_facts(**facts)
        return open_source(name, of, **facts)
