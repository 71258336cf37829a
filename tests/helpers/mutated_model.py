"""GGUF files that are damaged, each in another way: `mutated_model(number)`. They are written by lines of their own, so
that they may claim anything."""

import io
import struct
import subprocess
import sys
import zipfile

import numpy as np

from conftest import ROOT
from tiny_model import WORDS, arrays_of, facts_of

LARGEST, N_MUTATED = 10**6, 500  # bytes of a file; how many files
TEXT, ARRAY = 8, 9
# {type of a value in the file: how it is written}
PACKED = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
EXTREMES = [0, 1, 2, 7, 31, 255, 2**16, 2**20, 2**31 - 1, 2**31, 2**32 - 1]
EXTREMES += [2**40, 2**63 - 1, 2**63, 2**64 - 32, 2**64 - 1]
NAMES = [*facts_of(), "tokenizer.ggml.add_bos_token", "general.alignment", "general.architecture"]


def pack_text(text):
    content = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(content)) + content


def pack_value(value):
    """The type of a value, and the value. ("raw", bytes) stands for these bytes."""
    if isinstance(value, tuple):
        return value[1]
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<Iq", 11, value) if -(2**63) <= value < 2**63 else struct.pack("<IQ", 10, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, (str, bytes)):
        return struct.pack("<I", TEXT) + pack_text(value)
    if value and isinstance(value[0], int):
        return struct.pack(f"<IIQ{len(value)}i", ARRAY, 5, len(value), *value)
    return struct.pack("<IIQ", ARRAY, TEXT, len(value)) + b"".join(map(pack_text, value))


class File:
    """What goes into a file: `bytes` writes it."""

    def __init__(self):
        self.version, self.n_keys, self.n_tensors = 3, None, None  # None: as many as there are
        self.keys = [("general.architecture", "llama"), *facts_of().items()]
        self.tensors, self.data = [], b""  # [name, shape, type, offset]
        for name, array in arrays_of().items():
            self.data += bytes(-len(self.data) % 32)
            self.tensors.append([name, array.shape, 0, len(self.data)])
            self.data += array.tobytes()

    def set(self, key, value):
        self.keys = [(name, value if name == key else old) for name, old in self.keys]
        if key not in dict(self.keys):
            self.keys.append((key, value))

    def __bytes__(self):
        counts = [
            len(there) if claim is None else claim
            for claim, there in ((self.n_tensors, self.tensors), (self.n_keys, self.keys))
        ]
        header = b"GGUF" + struct.pack("<IQQ", self.version, *counts)
        header += b"".join(pack_text(key) + pack_value(value) for key, value in self.keys)
        for name, shape, kind, offset in self.tensors:
            axes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape[::-1])
            header += pack_text(name) + axes + struct.pack("<IQ", kind, offset)
        return header + bytes(-len(header) % 32) + self.data


def choose(rng, values):
    return values[rng.integers(len(values))]


# --- What may be wrong: each changes a File, or returns bytes instead -------------------------------------------------


def flip_bytes(rng, file):
    content = bytearray(bytes(file))
    for _ in range(rng.integers(1, 9)):
        content[rng.integers(4, 9000)] = rng.integers(256)
    return bytes(content)


def write_an_extreme(rng, file):
    content = bytearray(bytes(file))
    place = rng.integers(4, 9000)
    number = struct.pack("<Q", choose(rng, EXTREMES))
    content[place : place + 8] = number
    return bytes(content)


def cut(rng, file):
    content = bytes(file)
    return content[: choose(rng, [rng.integers(4, 9000), rng.integers(len(content))])]


def lose_or_insert_a_piece(rng, file):
    content, place = bytes(file), rng.integers(4, 9000)
    piece = choose(rng, [b"", rng.bytes(rng.integers(1, 20)), content[place : place + 200] * 2, b"\0" * 64])
    return content[:place] + piece + content[place + choose(rng, [0, 1, 8, 100]) :]


def change_a_type(rng, file):
    values = [True, False, 1.5, float("nan"), float("inf"), "x", "", b"\xff\xfe", "\x1b[2J", -1, 10**6, [], [1, 2]]
    values += [["a", "b"], ("raw", struct.pack("<I", choose(rng, [13, 99, 2**32 - 1])))]
    file.set(choose(rng, NAMES), choose(rng, values))


def change_a_number(rng, file):
    file.set(choose(rng, NAMES), choose(rng, EXTREMES))


def claim_a_long_array(rng, file):
    item, size = choose(rng, [*PACKED, TEXT, ARRAY]), choose(rng, [2**20, 2**31, 2**32, 2**60, 2**63, 2**64 - 1])
    file.set(choose(rng, [*NAMES, "x"]), ("raw", struct.pack("<IIQ", ARRAY, item, size)))
    if rng.integers(2):
        file.data += bytes(100_000)


def nest_arrays(rng, file):
    depth = choose(rng, [2, 100, 40_000])
    file.set("x", ("raw", struct.pack("<I", ARRAY) + struct.pack("<IQ", ARRAY, 1) * depth))


def fill_an_array(rng, file):
    item = choose(rng, [0, 3, 4, 6, 7, 12])
    size = 500_000 // struct.calcsize(PACKED[item])
    header = struct.pack("<IIQ", ARRAY, item, size)
    file.set(choose(rng, ["x", "tokenizer.ggml.token_type", "llama.x"]), ("raw", header + rng.bytes(500_000)))


def add_many_texts(rng, file):
    texts = choose(rng, [[""] * 50_000, [f"{i:04}" for i in range(40_000)], ["x" * 500_000], ["a b"] * 40_000])
    file.set(choose(rng, ["x", "tokenizer.ggml.tokens", "tokenizer.ggml.merges"]), texts)


def add_many_keys(rng, file):
    file.keys += [(f"k{i}", choose(rng, [1, "", True])) for i in range(20_000)]


def miscount(rng, file):
    setattr(file, choose(rng, ["n_keys", "n_tensors", "version"]), choose(rng, EXTREMES[:12]))


def lose_or_repeat_a_key(rng, file):
    place = rng.integers(len(file.keys))
    file.keys[place : place + 1] = [file.keys[place]] * choose(rng, [0, 2])


def change_a_shape(rng, file):
    tensor = choose(rng, file.tensors)
    shape = [*tensor[1]]
    shape[rng.integers(len(shape))] = choose(rng, EXTREMES)
    tensor[1] = choose(rng, [shape, shape[::-1], shape * 3, shape[:1], [], [2**32] * 4])


def change_an_offset(rng, file):
    choose(rng, file.tensors)[3] = choose(rng, [*EXTREMES, 2**64 - 64, rng.integers(len(file.data))])


def change_how_a_tensor_is_packed(rng, file):
    choose(rng, file.tensors)[2] = rng.integers(45)


def claim_packed_tensors(rng, file):
    kind = choose(rng, [1, 2, 3, 6, 7, 8, 20, 30, 39])  # smaller than float32, so that all are within the file
    for tensor in file.tensors:
        tensor[2] = kind
    file.data = random_numbers(rng, len(file.data))


def random_numbers(rng, size):
    """Any bytes, or those whose halves, read as float16, are finite and below 2."""
    content = np.frombuffer(rng.bytes(size), np.uint8)
    return (content & choose(rng, [0xFF, 0x3B])).tobytes()


def rename_a_tensor(rng, file):
    choose(rng, file.tensors)[0] = choose(
        rng, ["", "\x1b]0;x\x07", "a\nb", b"\xff", "blk.9.ffn_up.weight", "n" * 200_000]
    )


def lose_or_repeat_a_tensor(rng, file):
    place = rng.integers(len(file.tensors))
    file.tensors[place : place + 1] = [file.tensors[place]] * choose(rng, [0, 2])


def change_words(rng, file):
    words, kinds = [*WORDS], [3] * 3 + [1] * (len(WORDS) - 3)
    for _ in range(rng.integers(1, 9)):
        place = rng.integers(len(words))
        words[place] = choose(rng, ["", "\x1b", "→", "Ġ" * 5, words[0], "x" * 50_000])
        kinds[rng.integers(len(words))] = choose(rng, [0, 1, 2, 3, 4, 6, -1])
    file.set("tokenizer.ggml.tokens", words)
    if rng.integers(2):
        file.set("tokenizer.ggml.token_type", kinds)


def spoil_weights(rng, file):
    numbers = np.frombuffer(file.data, np.float32).copy()
    count = choose(rng, [1, 100, len(numbers)])
    numbers[rng.integers(len(numbers), size=count)] = choose(rng, [np.nan, np.inf, -np.inf, 1e38, 1e30, 0, 1e-45])
    file.data = numbers.tobytes()


def spoil_packed_weights(rng, file):
    """Packed as float16 and Q8_0, with scales that are anything."""
    for tensor in file.tensors[2:]:
        tensor[2] = choose(rng, [1, 8])
    start = file.tensors[2][3]
    file.data = file.data[:start] + random_numbers(rng, len(file.data) - start)


def spoil_a_wheel(rng, file):
    packed, method = io.BytesIO(), choose(rng, [zipfile.ZIP_STORED, zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED])
    bomb = method == zipfile.ZIP_DEFLATED and rng.integers(2)
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("model.gguf", bytes(10**8) if bomb else bytes(file))
    content = bytearray(packed.getvalue())
    for _ in range(rng.integers(4)):
        content[rng.integers(max(0, len(content) - 150), len(content))] = rng.integers(256)
    if not rng.integers(3):
        content[rng.integers(len(content))] ^= 1
    return bytes(content)


def stay_sound(rng, file):
    file.set("general.name", "\x1b[31m")


MUTATIONS = [
    flip_bytes, write_an_extreme, cut, lose_or_insert_a_piece, change_a_type, change_a_number, claim_a_long_array,
    nest_arrays, fill_an_array, add_many_texts, add_many_keys, miscount, lose_or_repeat_a_key, change_a_shape,
    change_an_offset, change_how_a_tensor_is_packed, claim_packed_tensors, rename_a_tensor, lose_or_repeat_a_tensor,
    change_words, spoil_weights, spoil_packed_weights, spoil_a_wheel, stay_sound, change_a_type,
]  # fmt: skip


def mutated_model(number):
    """The bytes of a damaged file, below LARGEST; each number has its own. Numbers that are apart by len(MUTATIONS) are
    damaged in the same way at other places, and each third of them in a second way, too."""
    rng, file = np.random.default_rng([98, number]), File()
    mutate = MUTATIONS[number % len(MUTATIONS)]
    if number // len(MUTATIONS) % 3 == 2:
        choose(rng, [change_a_type, change_a_number, change_words, lose_or_repeat_a_key])(rng, file)
    content = mutate(rng, file)
    content = bytes(file) if content is None else content
    assert len(content) < LARGEST
    return content


# The most memory is Linux's to say. (ru_maxrss begins with what the process has that starts this one.)
MEASURED = r"""
import re, sys, time, write
from pathlib import Path
from support.program import run
status = run(write.main, limit_memory=True)
file = Path("/proc/self/status")
kilobytes = re.search(r"VmHWM:\s+(\d+)", file.read_text(encoding="utf-8"))[1] if file.exists() else 0
print("", kilobytes, time.process_time(), sep="\n")
sys.exit(status)
"""


def measure_writing(path):
    """Let write.py answer with a file in a process of its own. Return its status, lines on stderr, megabytes of memory
    at most and seconds of a processor."""
    command = [sys.executable, "-c", MEASURED, "the", "--weights", str(path), "--letters", "5"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    kilobytes, seconds = [b"nan", b"nan", *ended.stdout.split()][-2:]  # nan after a traceback
    return ended.returncode, ended.stderr.count(b"\n"), float(kilobytes) / 2**10, float(seconds)
