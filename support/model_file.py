"""Reads the file of a model that people use: GGUF, as llama.cpp, Ollama and LM Studio use it, or a wheel that has one.

A GGUF file has facts (sizes, words, the form of a chat) by their names, and arrays, mostly packed: some 4 or 5 bits for
each number. The package `gguf` reads and unpacks them. Nothing in it is executed: the form of a chat is a program in
the file (a template in Jinja), which is compared with those that are known, and not run.
"""

import hashlib
import tempfile
import zipfile
from contextlib import contextmanager
from functools import cached_property

import numpy as np

from support import memory, program
from support.errors import UserError
from support.tokens import BytePairs

MAGIC = b"GGUF"
ROWS = 1024  # of an array, that are unpacked at a time
# {SHA-256 of a template: the form that it gives to one question, with the template's own system message}
FORMS = {
    # SmolLM2-Instruct's
    "872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788": (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
    ),
}


def is_model(path):
    """Whether that is a GGUF file, or a ZIP file that has one in it."""
    try:
        with open(path, "rb") as file:
            return file.read(len(MAGIC)) == MAGIC or bool(inside(path))
    except OSError:
        return False


def inside(path):
    """The names of the GGUF files in a ZIP file; none if it is no ZIP file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [name for name in archive.namelist() if name.endswith(".gguf")]
    except (zipfile.BadZipFile, OSError):
        return []


@contextmanager
def opened(path):
    """The GGUF file of that name, or the one in that ZIP file, to be read."""
    if names := inside(path):
        with zipfile.ZipFile(path) as archive, archive.open(names[0]) as file:
            yield file
    else:
        with open(path, "rb") as file:
            yield file


class ModelFile:
    """A model's file: `fact`, `shapes`, `array`, and its words. UserError, with the file's name, if it is none."""

    def __init__(self, path):
        with program.needing("requirements-llm.txt"):
            from gguf import GGUFReader
        self.path = path
        try:
            if names := inside(path):
                with (
                    tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
                    zipfile.ZipFile(path) as archive,
                ):
                    entry = archive.getinfo(names[0])
                    if entry.file_size > 8 * entry.compress_size:  # packed numbers hardly become smaller
                        raise ValueError
                    reader = GGUFReader(archive.extract(entry, folder))
            else:
                reader = GGUFReader(path)
            self.said = {name: field.contents() for name, field in reader.fields.items()}
            self.tensors = {tensor.name: tensor for tensor in reader.tensors}
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror or error}") from None
        except Exception:  # whatever gguf, NumPy and zipfile make of a damaged file
            raise UserError(f"{path} is no GGUF file, or is damaged or not whole") from None

    def refuse(self, why):
        raise UserError(f"{self.path} {why}")

    def fact(self, name, default=None):
        """What the file says under that name: a number, a text or a list. UserError if it does not say it, and there is
        no default."""
        if default is None and name not in self.said:
            self.refuse(f"does not say its {name}")
        return self.said.get(name, default)

    def facts(self, beginning):
        """{name: value} of all whose names begin so."""
        return {name: value for name, value in self.said.items() if name.startswith(beginning)}

    @property
    def shapes(self):
        """{name: the shape of that array}, in NumPy's order of the axes."""
        return {name: tuple(map(int, tensor.shape[::-1])) for name, tensor in self.tensors.items()}

    def array(self, name):
        """That array, unpacked: float32. Some rows at a time, because it takes several times their memory."""
        from gguf import dequantize

        tensor, array = self.tensors[name], np.empty(self.shapes[name], np.float32)
        try:
            for start in range(0, len(array), ROWS):
                array[start : start + ROWS] = dequantize(tensor.data[start : start + ROWS], tensor.tensor_type)
        except NotImplementedError:
            self.refuse(f"has {name} as {tensor.tensor_type.name}, which the package gguf cannot unpack")
        if not np.isfinite([array.min(), array.max()]).all():
            self.refuse(f"is damaged: not all numbers of {name} are finite")
        return array

    @cached_property
    def sha256(self):
        """The SHA-256 sum of the GGUF file, also of one in a wheel."""
        total = hashlib.sha256()
        with opened(self.path) as file:
            while piece := file.read(2**20):
                total.update(piece)
        return total.hexdigest()

    @cached_property
    def words(self):
        """Its `BytePairs`."""
        if (kind := self.fact("tokenizer.ggml.model")) != "gpt2":
            self.refuse(f"has words of the kind {kind!r}; known here are byte pairs ('gpt2')")
        try:
            names = ("tokens", "token_type", "merges", "pre")
            return BytePairs(*(self.fact(f"tokenizer.ggml.{name}") for name in names))
        except UserError as error:
            self.refuse(str(error).removeprefix(f"{self.path} "))
        except Exception:  # words that are none
            self.refuse("is damaged: its words make no sense")

    @property
    def form(self):
        """The form that it was taught to answer in, with {} for the question; "" if it was taught none. UserError if
        its form is not known."""
        template = self.fact("tokenizer.chat_template", "")
        if template and (found := hashlib.sha256(template.encode()).hexdigest()) not in FORMS:
            self.refuse("was taught to answer in a form that is not known here: --raw goes on with a text")
        return FORMS[found] if template else ""

    def goes_on(self, raw):
        """Whether it goes on with a text, because that is asked for or it was taught no form, instead of answering."""
        return raw or not self.form

    def prompt(self, text, raw=False):
        """The words, a list, after which it answers a text or goes on with it."""
        try:
            words = self.words.encode(text) if self.goes_on(raw) else self.words.fill(self.form, text)
        except KeyError as error:
            self.refuse(f"is damaged: {error} is no control word in it")
        except UserError as error:
            self.refuse(str(error).removeprefix(f"{self.path} "))
        if self.fact("tokenizer.ggml.add_bos_token", False):
            words = [self.fact("tokenizer.ggml.bos_token_id"), *words]
        return words

    def check_memory(self, arrays):
        """UserError if so many numbers of 4 bytes, and what it takes to unpack them, are more than there is."""
        takes, there_is = 4 * arrays * 1.2 + 2**27, memory.there_is()
        if takes > there_is:
            self.refuse(f"takes {takes / 1e9:.1f} GB of memory, and there are {there_is / 1e9:.1f}")
