"""The header of a GGUF file: it is read as the package reads it, and nothing that it claims is believed."""

import struct
import tracemalloc

import numpy as np
import pytest
from mutated_model import File, pack_value

from support.gguf_header import read_gguf_header
from tiny_model import arrays_of, write_model

gguf = pytest.importorskip("gguf")
SIZES = gguf.GGML_QUANT_SIZES


def test_it_is_what_the_package_reads(tmp_path):
    """Of a file with values of every type, and with packed arrays, by the package's own writer."""
    kinds = {"token_embd.weight": "Q8_0", "blk.0.attn_q.weight": "Q4_1", "blk.1.ffn_down.weight": "F16"}
    packed = {name: gguf.GGMLQuantizationType[kind] for name, kind in kinds.items()}
    path = tmp_path / "every.gguf"

    def add_values(writer):
        for name in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"):
            getattr(writer, f"add_{name}")(f"x.{name}", 100)
        writer.add_float32("x.float32", 0.1)
        writer.add_float64("x.float64", 0.1)
        writer.add_bool("x.bool", True)
        writer.add_string("x.string", "é\n")
        for name, values in {"texts": ["", "é", "x" * 300], "ints": [1, -2], "floats": [0.5, 2.0]}.items():
            writer.add_array(f"x.{name}", values)
        writer.add_array("x.bools", [True, False])

    original = gguf.GGUFWriter.write_header_to_file
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gguf.GGUFWriter, "write_header_to_file", lambda w: (add_values(w), original(w)))
        write_model(path, packed=packed)
    metadata, tensors = read_gguf_header(path.read_bytes(), SIZES)
    reader = gguf.GGUFReader(path)
    expected = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    assert {"x.texts", "x.bools", "x.float64"} <= expected.keys()
    plain = {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in metadata.items()}
    assert plain == expected and [*map(type, plain.values())] == [*map(type, expected.values())]
    assert tensors.keys() == {tensor.name for tensor in reader.tensors}
    for tensor in reader.tensors:
        mine = tensors[tensor.name]
        assert (mine.type, mine.shape) == (tensor.tensor_type, tuple(map(int, tensor.shape[::-1])))
        assert mine.data.tobytes() == tensor.data.tobytes()


def test_it_may_end_anywhere():
    content = bytes(File())
    header = content.index(b"output_norm.weight")
    for length in [*range(0, header, 997), *range(header, header + 90), len(content) - 1]:
        with pytest.raises(ValueError, match=r"it ends too early|extends beyond its end|begin with GGUF"):
            read_gguf_header(content[:length], SIZES)
    assert read_gguf_header(content, SIZES)[1].keys() == arrays_of().keys()


def change(edit):
    """Return a file's bytes after edit(file)."""
    file = File()
    edit(file)
    return bytes(file)


def set_tensor(index, place, value):
    def edit(file):
        file.tensors[index][place] = value

    return edit


def overlap(file):
    file.tensors[3][3] = file.tensors[2][3] + 32


def repeat(name):
    def edit(file):
        getattr(file, name).append(getattr(file, name)[0])

    return edit


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (set_tensor(0, 3, 2**64 - 32), "token_embd.weight extends beyond its end"),
        (set_tensor(0, 3, 2**63), "token_embd.weight extends beyond its end"),
        (overlap, "blk.0.attn_norm.weight and blk.0.attn_q.weight overlap"),
        (set_tensor(0, 1, (2**32, 2**32)), "token_embd.weight extends beyond its end"),
        (set_tensor(0, 1, (0, 32)), "impossible shape"),
        (set_tensor(0, 1, ()), "token_embd.weight has 0 axes"),
        (set_tensor(0, 1, (1,) * 5), "token_embd.weight has 5 axes"),
        (set_tensor(1, 2, 12), r"output_norm.weight has the impossible shape \(32,\)"),  # Q4_K packs 256 at a time
        (set_tensor(0, 2, 4), "token_embd.weight is packed in the unknown format 4"),
        (repeat("tensors"), "it has token_embd.weight twice"),
        (repeat("keys"), "it has general.architecture twice"),
        (lambda file: file.set("general.alignment", 24), "general.alignment is not a power of two"),
        (lambda file: file.set("general.alignment", "32"), "general.alignment is not a power of two"),
        (lambda file: file.set("general.alignment", 2**40), "extends beyond its end"),
        (lambda file: file.set("x", ("raw", struct.pack("<I", 13))), "a value has the unknown type 13"),
        (lambda file: file.set("x", ("raw", struct.pack("<IIQ", 9, 9, 1))), "an array has items of the type 9"),
        (lambda file: file.set("x", b"\xff"), "utf-8"),
        (lambda file: setattr(file, "version", 1), "its version is 1; this program knows 2 and 3"),
        (lambda file: setattr(file, "version", 3 << 24), "its version is 50331648; this"),  # big-endian
        (lambda file: setattr(file, "n_keys", 2**64 - 1), "it ends too early"),
        (lambda file: setattr(file, "n_tensors", 2**64 - 1), "it ends too early"),
    ],
)
def test_what_contradicts_the_format_is_said(edit, why):
    with pytest.raises(ValueError, match=why):
        read_gguf_header(change(edit), SIZES)


@pytest.mark.parametrize("item_type", range(14))
def test_a_long_array_is_a_claim_and_takes_no_memory(item_type):
    contents = []
    for size in (2**20, 2**31, 2**63, 2**64 - 1):
        claim = "raw", struct.pack("<IIQ", 9, item_type, size)
        contents.append(change(lambda file, claim=claim: file.set("tokenizer.ggml.tokens", claim)))
    tracemalloc.start()
    try:
        for content in contents:
            with pytest.raises(ValueError, match=r"it ends too early|items of the type"):
                read_gguf_header(content, SIZES)
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()


def test_arrays_take_a_few_times_their_bytes_and_keep_the_file_from_nobody():
    """Numbers as many as there are bytes, and texts of two letters."""
    for value, times in ((("raw", struct.pack("<IIQ", 9, 0, 10**5) + bytes(range(200)) * 500), 3),
                         ([f"{i % 100:02}" for i in range(10**4)], 8)):  # fmt: skip
        content = change(lambda file, value=value: file.set("x", value))
        tracemalloc.start()
        metadata, _ = read_gguf_header(content, SIZES)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most < times * len(pack_value(value)) + 10**5
        assert len(metadata["x"]) in (10**5, 10**4) and getattr(metadata["x"], "base", None) is None
