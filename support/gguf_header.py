"""Reads the header of a GGUF file: its metadata and the position of each of its arrays. Needs only NumPy.

    magic, version, number of arrays, number of keys
    for each key      its name, the type of its value, and the value
    for each array    its name, its shape, how it is packed, and where it begins in the data
    padding
    the data

All numbers are little-endian. Lengths and positions in the file may be wrong: each is compared with the size of the
file before anything is read. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md describes the format.
"""

import math
import struct
from itertools import pairwise
from typing import NamedTuple

import numpy as np

MAGIC = b"GGUF"
SUPPORTED_VERSIONS = (2, 3)
# types of values
TEXT_TYPE = 8
ARRAY_TYPE = 9
NUMBER_TYPES = {  # {type of a value: (its format for struct, its dtype for NumPy)}
    0: ("<B", "<u1"),
    1: ("<b", "<i1"),
    2: ("<H", "<u2"),
    3: ("<h", "<i2"),
    4: ("<I", "<u4"),
    5: ("<i", "<i4"),
    6: ("<f", "<f4"),
    7: ("<?", "?"),
    10: ("<Q", "<u8"),
    11: ("<q", "<i8"),
    12: ("<d", "<f8"),
}
NUMBER_STRUCTS = {value_type: struct.Struct(packed) for value_type, (packed, _) in NUMBER_TYPES.items()}
NUMBER_DTYPES = {value_type: np.dtype(name) for value_type, (_, name) in NUMBER_TYPES.items()}
UINT32 = NUMBER_STRUCTS[4]
UINT64 = NUMBER_STRUCTS[10]
MAX_AXES = 4
ALIGNMENT = 32  # bytes, unless the file says otherwise


class Tensor(NamedTuple):
    """An array in the file, still packed."""

    type: int  # ggml's number of the packing format
    shape: tuple[int, ...]  # in NumPy's order of the axes
    data: np.ndarray  # (rows, bytes of a row) uint8, a view of the file's bytes


class Reader:
    """Reads values one after another from bytes. Raises ValueError if a value extends beyond their end."""

    def __init__(self, content):
        self.content = content
        self.position = 0

    def skip(self, size):
        """Skip `size` bytes and return the position where they begin."""
        start = self.position
        if size > len(self.content) - start:
            raise ValueError("it ends too early")
        self.position = start + size
        return start

    def read_number(self, number_format):
        return number_format.unpack_from(self.content, self.skip(number_format.size))[0]

    def read_text(self):
        size = self.read_number(UINT64)
        start = self.skip(size)
        return str(self.content[start : start + size], "utf-8")

    def read_value(self):
        """Read a type and then a value of it, and return the value.

        It is a number, a bool, a str, a list of str or an array of numbers.
        """
        value_type = self.read_number(UINT32)
        if value_type == ARRAY_TYPE:
            return self.read_array()
        if value_type == TEXT_TYPE:
            return self.read_text()
        if value_type not in NUMBER_STRUCTS:
            raise ValueError(f"a value has the unknown type {value_type}")
        return self.read_number(NUMBER_STRUCTS[value_type])

    def read_array(self):
        item_type = self.read_number(UINT32)
        size = self.read_number(UINT64)
        if item_type == TEXT_TYPE:
            if UINT64.size * size > len(self.content) - self.position:
                raise ValueError("it ends too early")
            return [self.read_text() for _ in range(size)]
        if item_type not in NUMBER_DTYPES:
            raise ValueError(f"an array has items of the type {item_type}")
        dtype = NUMBER_DTYPES[item_type]
        start = self.skip(size * dtype.itemsize)
        return np.frombuffer(self.content, dtype, size, start).copy()  # a view would keep the whole file in memory


def read_gguf_header(content, block_sizes):
    """Return (metadata, tensors) from `content`, the bytes of a GGUF file: ({key: value}, {name: `Tensor`}).

    block_sizes: {type of a tensor: (numbers in a block, bytes of a block)}. Raises ValueError, with the reason, if the
    file contradicts the format.
    """
    reader = Reader(content)
    if content[: len(MAGIC)] != MAGIC:
        raise ValueError("it does not begin with GGUF")
    reader.skip(len(MAGIC))
    version = reader.read_number(UINT32)
    if version not in SUPPORTED_VERSIONS:
        raise ValueError(f"its version is {version}; this program knows 2 and 3")
    n_tensors = reader.read_number(UINT64)
    n_keys = reader.read_number(UINT64)
    metadata = read_metadata(reader, n_keys)
    infos = read_tensor_infos(reader, n_tensors)
    alignment = metadata.get("general.alignment", ALIGNMENT)
    if type(alignment) is not int or alignment < 1 or alignment & (alignment - 1):
        raise ValueError("its general.alignment is not a power of two")
    start = -(-reader.position // alignment) * alignment
    return metadata, make_tensors(content, start, infos, block_sizes)


def read_metadata(reader, n_keys):
    metadata = {}
    for _ in range(n_keys):
        key = reader.read_text()
        if key in metadata:
            raise ValueError(f"it has {key} twice")
        metadata[key] = reader.read_value()
    return metadata


def read_tensor_infos(reader, n_tensors):
    """Read the descriptions of `n_tensors` arrays, and return {name: (type, shape, offset in the data)}."""
    infos = {}
    for _ in range(n_tensors):
        name = reader.read_text()
        n_axes = reader.read_number(UINT32)
        if name in infos:
            raise ValueError(f"it has {name} twice")
        if not 1 <= n_axes <= MAX_AXES:
            raise ValueError(f"{name} has {n_axes} axes")
        shape = tuple(reader.read_number(UINT64) for _ in range(n_axes))[::-1]  # the file begins with the last axis
        infos[name] = reader.read_number(UINT32), shape, reader.read_number(UINT64)
    return infos


def make_tensors(content, start, infos, block_sizes):
    """Return {name: `Tensor`} for the arrays that `read_tensor_infos` has described.

    start: the position in `content` where the data begin. block_sizes: see `read_gguf_header`. Raises ValueError if an
    array is not within the data, or if two arrays overlap.
    """
    tensors = {}
    spans = []
    for name, (tensor_type, shape, offset) in infos.items():
        if tensor_type not in block_sizes:
            raise ValueError(f"{name} is packed in the unknown format {tensor_type}")
        numbers, size = block_sizes[tensor_type]
        if not all(shape) or shape[-1] % numbers:
            raise ValueError(f"{name} has the impossible shape {shape}")
        rows = math.prod(shape[:-1])
        row_bytes = shape[-1] // numbers * size
        begin = start + offset
        end = start + offset + rows * row_bytes
        if end > len(content):
            raise ValueError(f"{name} extends beyond its end")
        data = np.frombuffer(content, np.uint8, rows * row_bytes, begin)
        tensors[name] = Tensor(tensor_type, shape, data.reshape(rows, row_bytes))
        spans.append((begin, end, name))
    for (_, end, name), (begin, _, next_name) in pairwise(sorted(spans)):
        if begin < end:
            raise ValueError(f"{name} and {next_name} overlap")
    return tensors
