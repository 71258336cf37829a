"""What there is to learn from, bundled or the reader's own: three kinds of source with one interface.

`SOURCES[name]` in data.py is an `ImageFolder`, `Names` or a `Text`. Only this file and data.py know which.
"""

import hashlib
from functools import cached_property
from pathlib import Path

import numpy as np

from support import pictures, texts
from support.budget import DATA
from support.download import find_or_fetch
from support.errors import UserError
from support.files import read_file
from support.pictures import DIGITS

ROOT = Path(__file__).resolve().parent.parent
# Of what nobody has said anything: the values that a checkpoint or the command line may say again.
USUAL = {"ink": "light", "context_length": texts.CONTEXT_LENGTHS["texts"], "ignored": texts.IGNORED}


class Source:
    """What there is to learn from, and what a network has to know of it.

    What is given, in BUNDLED or by a checkpoint, is not asked again. All else is computed from the examples, which are
    read when they are first needed: UserError if they cannot be had, or are not those that a checkpoint has seen.
    """

    noun = ""  # what its examples are called
    fact_names = ("sha256",)  # what a checkpoint keeps, so that its network can be used where the examples are not
    classes = ()  # what the labels 0, 1, ... are the numbers of, if there are labels
    letters = ""  # those of a text: token 0, token 1, ...
    separator = ", "  # between the names of classes in a line
    change_note = ""  # in words, what a run that continues does in another way than when it began

    def __init__(self, name, **given):
        """name: what --dataset takes, one of BUNDLED or a path. given: values of the other attributes."""
        self.name = name
        self.given = given
        self.sums = {}  # of what is bundled or fetched: {file: its SHA-256 sum}
        self.url = ""  # of the folder that serves them; "" if they are bundled
        self.ink = USUAL["ink"]  # or "dark": what pictures show, on paper that is the other
        # Of a text that is cut into the tokens of a GGUF file: its `BytePairs`, and its SHA-256 sum.
        self.byte_pairs = None
        self.cut_by = ""
        vars(self).update(given)

    def with_facts(self, **facts):
        """Return the same source, where this is given too; itself, with what it has read, if that is no news."""
        news = {name: value for name, value in facts.items() if value != self.given.get(name, USUAL.get(name))}
        return type(self)(self.name, **self.given | news) if news else self

    def get_facts_and_arrays(self):
        """Return what a checkpoint keeps: {name: value} for its options, and {name: array} of the letters, {} if
        none."""
        return {"of": self.noun} | {name: getattr(self, name) for name in self.fact_names}, {}

    @classmethod
    def select_facts(cls, metadata, arrays):
        """Return the facts from `checkpoint_facts`, for `with_facts`. ValueError or KeyError if they make no sense."""
        return {name: metadata[name] for name in ("of", *cls.fact_names)}

    def pick_by_kind(self, images, names, texts):
        """Return the one of these that is for this kind."""
        return {"images": images, "names": names, "texts": texts}[self.noun]

    def is_like(self, other_source):
        """Return True if the other source is of the same kind."""
        return self.noun == other_source.noun

    @property
    def path(self):
        """The path of the examples, if they are neither bundled nor fetched."""
        return find_path(self.name)

    def examples(self):
        """Return the arrays: training images, labels, test images, labels; or tokens to learn from and to test with."""
        return self.content["arrays"]

    @cached_property
    def content(self):
        """The content of the files: {"arrays": a list, "classes" or "letters": what comes with them, "sha256": the sum
        of it}. Raises UserError if the files are not those that a checkpoint has seen."""
        if self.sums:
            folder = dataset_folder(self.name)
            files = [
                find_or_fetch(folder / file, self.url and self.url + file, sha256) for file, sha256 in self.sums.items()
            ]
        else:
            files = self.read_own_files()
        content = self.read_content(files)
        content["sha256"] = compute_hash(content)
        if content["sha256"] != self.given.get("sha256", content["sha256"]):
            raise UserError(f"--dataset {self.name}: these are not the {self.noun} that the network has learned from")
        return content

    def read_own_files(self):
        """Return the contents of the reader's own file or files, a list of bytes."""
        return [read_file(self.path, DATA)]

    @cached_property
    def sha256(self):
        """Return the SHA-256 sum of all arrays, however they are kept: a resumed run knows its examples by it."""
        return self.content["sha256"]

    @cached_property
    def context_length(self):
        """The number of tokens of a text, for a language model."""
        return texts.CONTEXT_LENGTHS[self.noun]

    @property
    def kind(self):
        """The singular of the examples' noun: "digit", "class", "name" or "text"."""
        return self.noun.removesuffix("s")

    @property
    def max_test_batch_size(self):
        """Return the most examples in a test batch: with a large vocabulary, more logits would fill the memory."""
        if not self.byte_pairs:
            return 500
        return max(1, texts.LOGITS // (self.context_length * self.byte_pairs.size))

    @property
    def prefix(self):
        """The beginning of the names of a run's files."""
        return f"{self.noun}_"

    @cached_property
    def tokenizer(self):
        """The `support.texts.Tokenizer` of its examples, for a language model."""
        return texts.TOKENIZERS[self.noun](self)

    def name_labels(self, labels):
        """Return the names of examples with these labels; None if there are no labels."""
        return None

    def read_picture(self, path):
        """Return a picture file as the network was trained to see it: a `DigitPicture`, whose `problem` says why
        not.

        UserError if the examples are no images.
        """
        raise UserError(f"--dataset {self.name} has {self.noun}, not pictures")

    def describe_label(self, label):
        """Describe an image with that label: "a 4", "an ankle boot". Raises UserError if there are no labels."""
        raise UserError(f"--dataset {self.name} has {self.noun}, without labels")

    # --- Which options fit -----------------------------------------------------------------------------------------

    def check(self, options, networks):
        """Raise UserError if a network with these options cannot learn from such examples. networks: see NETWORKS."""
        self.check_start(options)
        if options.run.ink != "light":
            reason = f"it is of images, and --dataset {options.run.dataset} has {self.noun}"
            raise UserError(f"--ink {options.run.ink} does not apply: {reason}")
        if not networks[options.run.model].writes:
            alternatives = " or ".join(f"--model {name}" for name, network in networks.items() if network.writes)
            problem = (
                f"--dataset {options.run.dataset} has {self.noun}, and --model {options.run.model} learns from images"
            )
            raise UserError(f"{problem}: take {alternatives}")

    def check_start(self, options):
        """UserError if a run begins with the network of a GGUF file, and these examples are no text."""
        if options.base_model:
            raise UserError(
                f"--start {options.run.start} learns a text, and --dataset {options.run.dataset} has {self.noun}"
            )

    def check_writer(self, options):
        """Raise UserError if a network that writes cannot learn these examples with these options."""
        if options.run.augment != "none":
            reason = f"it moves images, and these are {self.noun}"
            raise UserError(f"--augment {options.run.augment} does not apply: {reason}")

    def check_context_length(self, options):
        """Raise UserError if --context-length is given: the examples are all equally long."""
        if options.run.context_length:
            reason = f"these are {self.noun}, all equally long"
            raise UserError(f"--context-length {options.run.context_length} does not apply: {reason}")


class ImageFolder(Source):
    """Images with labels: MNIST's files, or a folder of pictures."""

    noun = "images"
    prefix = ""
    fact_names = ("sha256", "classes", "mean_and_std", "reader")

    @classmethod
    def select_facts(cls, metadata, arrays):
        facts = super().select_facts(
            {"reader": "ink"} | metadata, arrays
        )  # an older checkpoint has none, and reads as it did
        mean, std = map(float, facts["mean_and_std"])
        facts |= {"classes": tuple(map(str, facts["classes"])), "mean_and_std": (mean, std)}
        if facts["reader"] not in ("ink", "picture"):
            raise ValueError
        if len(facts["classes"]) != len(DIGITS) or not (0 <= mean <= 1 and 0 <= std <= 1):
            raise ValueError
        return facts

    def read_own_files(self):
        return pictures.read_mnist_bytes(self.path, DATA)

    def read_content(self, files):
        return pictures.read_arrays_and_classes(self.name, files, self.ink)

    @cached_property
    def classes(self):
        return self.content["classes"]

    @cached_property
    def mean_and_std(self):
        """Mean and standard deviation of all training pixels, those of held-out images too, from 0 to 1. Raises
        UserError if all pixels are of the same grey."""
        mean, std = pictures.mean_and_std(self.content["arrays"][0])
        if not std:
            raise UserError(f"--dataset {self.name}: all training images have the same grey, and show nothing")
        return mean, std

    @cached_property
    def reader(self):
        """ink" or "picture": what of a picture becomes an input: its ink, as in MNIST, or all of it.

        What comes in MNIST's files is in its form, and so is what predict.py has cut from sheets.
        """
        in_its_form = self.sums or pictures.has_mnist_files(self.path) or (self.path / pictures.CUT).is_file()
        return "ink" if in_its_form else "picture"

    def read_picture(self, path):
        from support import ink  # it needs Pillow

        if self.reader == "ink":
            return ink.read_digit_picture(path)
        grey = ink.read_picture(path)
        image = pictures.to_image(grey, self.ink)
        return ink.DigitPicture(grey, grey if self.ink == "light" else 255 - grey, image, "")

    @property
    def kind(self):
        return "digit" if self.classes == DIGITS else "class"

    @property
    def separator(self):
        return "" if self.kind == "digit" else ", "

    def describe_label(self, label):
        name = self.classes[label]
        return f"{'an' if name[0] in '8aeio' else 'a'} {name}"

    def name_labels(self, labels):
        return [self.classes[label] for label in labels]

    def decode_inputs(self, x, max_length):
        """Return inputs x (n, ...) of a network in the form that people see: images (n, h, w)."""
        if x.ndim == 3:
            return x
        return texts.decode_images(np.pad(x[:, 1:], ((0, 0), (0, 1))))  # the last token is never in x

    def check(self, options, networks):
        self.check_start(options)

    def check_writer(self, options):
        self.check_context_length(options)
        self.tokenizer.check_digits()


class Names(Source):
    """A list of names."""

    noun = "names"
    fact_names = ("sha256", "ignored")
    ignored = USUAL["ignored"]  # the target that the loss ignores; None in older checkpoints

    def get_facts_and_arrays(self):
        facts, arrays = super().get_facts_and_arrays()
        return facts | {"ignored": texts.IGNORED}, arrays  # from now on

    @classmethod
    def select_facts(cls, metadata, arrays):
        return super().select_facts({"ignored": None} | metadata, arrays)

    @property
    def change_note(self):
        has_changed = self.ignored != texts.IGNORED
        return "the loss included the tokens after the end of a name; from now on it does not" if has_changed else ""

    def read_content(self, files):
        return texts.read_name_arrays(*files)

    def examples(self):
        return self.content["arrays"][::2]

    def decode_inputs(self, x, max_length):
        """Return inputs x (n, T) of a network in the form that people see: names."""
        return texts.decode_names(x[:, 1:])

    def check_writer(self, options):
        super().check_writer(options)
        self.check_context_length(options)


class Text(Source):
    """A long text, of which the examples are windows."""

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

    def read_content(self, files):
        return texts.read_text_arrays(*files, self.name, self.byte_pairs)

    def examples(self):
        noun = "tokens" if self.byte_pairs else "letters"
        return texts.cut_train_and_test_windows(*self.content["arrays"], self.context_length, self.name, noun)

    @cached_property
    def letters(self):
        return self.content["letters"]

    def as_letters(self, token_ids):
        """Return the text of token ids."""
        if self.byte_pairs:
            return b"".join(self.byte_pairs.bytes[i] for i in token_ids).decode("utf-8", "replace")
        return "".join(self.letters[i] for i in token_ids)

    def decode_inputs(self, x, max_length):
        """Return inputs x (n, T) of a network in the form that people see: texts of at most so many letters."""
        return [self.as_letters(row)[:max_length] for row in x]

    def check_start(self, options):
        pass


KINDS = {kind.noun: kind for kind in (ImageFolder, Names, Text)}


def open_source(name, of="", **given):
    """Return the source that --dataset NAME means. of: its kind, if that is known; if not, what is there decides.

    UserError if nothing is there.
    """
    if not of:
        path = find_path(name)
        if path.suffix.lower() in pictures.ENDINGS and not path.is_dir():
            raise UserError(f"--dataset {name} is a single picture: name a folder with train/CLASS/ for each class")
        of = "images" if path.is_dir() else "texts"
    return KINDS[of](name, **given)


def find_path(name):
    """The path of the reader's own data; UserError if nothing is there."""
    if not name or not Path(name).exists():
        raise UserError(f"--dataset {name}: there is no folder or file of that name (-h says what is bundled)")
    return Path(name)


def parse_facts(metadata, arrays):
    """The facts of the data in a checkpoint, for `Sources.find_source`; {} if that is older. ValueError, KeyError or
    TypeError
    if they make no sense."""
    return KINDS[metadata["of"]].select_facts(metadata, arrays) if metadata else {}


def dataset_folder(name):
    """The folder of a dataset that is bundled or fetched. One that was fetched into the root before is left there."""
    folder = ROOT / "datasets" / name
    earlier = ROOT / name
    return earlier if earlier.is_dir() and not folder.exists() else folder


class Sources(dict):
    """{name: its `Source`}. Every other name is a path."""

    def __missing__(self, path):
        return open_source(path)

    def find_source(self, name, of="", **facts):
        """Return the source of that name, with facts from a checkpoint or the command line.

        Where they say of which kind it is, its examples need not be there. UserError if it is unknown.
        """
        if name in self and of in ("", self[name].noun):
            return self[name].with_facts(**facts)
        return open_source(name, of, **facts)


def compute_hash(content):
    """The SHA-256 sum of what was read."""
    total = hashlib.sha256(content.get("letters", "").encode())
    for array in content["arrays"]:
        total.update(np.ascontiguousarray(array))
    return total.hexdigest()
