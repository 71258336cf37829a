"""lab/llama.py: what docs/llama.md says is what it has measured."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

import loading.gguf_file
from conftest import ROOT
from lab import llama, results
from support import drawing
from support.errors import UserError
from support.files import read_file
from support.model_file import ModelFile
from support.rounding import format_rounded_up
from tiny_model import write_model

DOC = (ROOT / "docs" / "llama.md").read_text(encoding="utf-8")
WORDS = " ".join(DOC.replace("\n> ", " ").split())


def test_the_page_says_what_was_measured():
    found = results.load_results()
    assert llama.make_text_networks_table(found["llama"]) in DOC
    gpt, ours = ([run["loss"] for run in found["llama"]["runs"][f"{name}_np.py"].values()] for name in ("gpt", "llama"))
    assert np.mean(gpt) - np.mean(ours) > np.std(gpt) + np.std(ours)  # "by more than its seeds differ"
    sizes = [next(iter(runs.values()))["parameters"] for runs in found["llama"]["runs"].values()]
    assert 1 / 8 < 1 - sizes[1] / sizes[0] < 1 / 6  # "a seventh fewer"
    twins = found["twins_llama"]
    apart = format_rounded_up(twins["difference"]["float64"]["largest"])
    how = f"After {twins['steps']} steps in float64 with `--lr 0.003`"
    assert f"{how}, no weight differs by more than {apart}" in WORDS


def test_what_it_was_taught_stands_on_the_page():
    for sentence in llama.iter_fine_tuning_sentences(results.load_results()["llama teach"]):
        assert " ".join(sentence.split()) in WORDS, sentence


def test_how_far_it_is_from_llama_cpp_stands_on_the_page():
    found = results.load_results()["llama beside"]["questions"]
    assert llama.describe_largest_difference(found) in WORDS and [*found] == [*llama.QUESTIONS]
    assert llama.make_answers_table(found) in DOC


def test_how_fast_it_is_stands_on_the_page():
    assert llama.make_speed_table(results.load_results()["llama speed"]["runs"]) in DOC


class Another:
    """A reader of the unpacked file, called as llama.cpp is."""

    def __init__(self, path, n_ctx, **how):
        self.model, self.file = loading.gguf_file.load_gguf_network(path)
        assert {tensor.type for tensor in ModelFile(path).tensors.values()} == {0}  # F32
        self.scores = np.zeros((n_ctx, self.file.byte_pairs.size), np.float32)
        self.reset()

    def reset(self):
        self.place = 0

    def eval(self, words):
        self.scores[self.place + len(words) - 1] = self.model.decode_step(np.array([words]), self.place)[0] + 0.25
        self.place += len(words)


def test_another_reader_is_asked_the_same(tmp_path, monkeypatch, kept):
    """It gets the arrays and words of the same model, each array in float32."""
    gguf = pytest.importorskip("gguf")
    monkeypatch.setitem(sys.modules, "llama_cpp", SimpleNamespace(Llama=Another, __version__="0"))
    monkeypatch.setattr(llama, "N_COMPARED_TOKENS", 5)
    monkeypatch.setattr(llama, "QUESTIONS", ["the", "other"])
    packed = {"blk.0.attn_q.weight": gguf.GGMLQuantizationType.Q8_0}
    llama.compare_and_save_answers(write_model(tmp_path / "tiny.gguf", packed=packed))
    found = kept["llama beside"]["questions"]
    assert [both["same"] for both in found.values()] == [True, True]
    assert [both["apart"] for both in found.values()] == pytest.approx([0.25, 0.25], abs=1e-5)
    assert llama.describe_largest_difference(found).startswith("the logits differ by at most 0.3 (")


def test_llama_cpp_is_asked_for_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    with pytest.raises(UserError, match="llama_cpp is not installed: python -m pip install llama-cpp-python"):
        llama.compare_and_save_answers(tmp_path / "tiny.gguf")


def test_a_tiny_model_is_taught(tmp_path, monkeypatch, kept):
    pytest.importorskip("gguf")
    (tmp_path / "my.txt").write_text("the other one and the others " * 100)
    for name, value in {"OUT_FOLDER": tmp_path, "N_ANSWER_TOKENS": 3}.items():
        monkeypatch.setattr(llama, name, value)
    more = f"--dataset {tmp_path / 'my.txt'} --context-length 12 --steps 12 --lr 0.02"
    llama.fine_tune_and_save(write_model(tmp_path / "tiny.gguf"), more)
    found = kept["llama teach"]
    assert found["after"] < found["before"] - 0.1 and len(found["answers"]) == 2 and found["steps"] == 12
    assert found["parameters"] == 2 * 8 * (2 * (32 + 32) + 2 * (32 + 16) + 3 * (32 + 64))


def test_the_pictures(tmp_path, monkeypatch):
    pytest.importorskip("gguf")
    axes = llama.draw_rotation().axes[0]
    thick = [line for line in axes.lines if line.get_linewidth() > 2]
    assert [line.get_ydata()[0] for line in thick] == [1, 1]
    assert thick[1].get_ydata()[1:].mean() > thick[0].get_ydata()[1:].mean()  # a larger base forgets more slowly
    monkeypatch.setattr(llama, "SENTENCE", "the other the")
    monkeypatch.setattr(llama, "QUERY_TOKEN", " the")
    monkeypatch.setattr(llama, "KEY_TOKEN", "the")
    figure = llama.draw_head(write_model(tmp_path / "tiny.gguf"))
    shown = np.asarray(figure.axes[0].images[0].get_array())
    rows = np.nansum(np.ma.filled(shown, np.nan), axis=1)
    assert rows == pytest.approx(np.ones(len(rows)), abs=1e-5)
    drawing.save(figure, tmp_path / "heads.png")
    assert read_file(tmp_path / "heads.png", 10**6)[1:4] == b"PNG"


@pytest.mark.slow
def test_all_ways_are_timed(tmp_path, monkeypatch, kept, capsys):
    pytest.importorskip("gguf")
    monkeypatch.setattr(llama, "N_GENERATED_TOKENS", 3)
    monkeypatch.setitem(sys.modules, "llama_cpp", SimpleNamespace(Llama=Another))
    monkeypatch.setattr(llama.timing, "run_in_subprocess", lambda function, *what: function(*what))
    llama.measure_and_save_speed(write_model(tmp_path / "tiny.gguf"))
    assert [*kept["llama speed"]["runs"]] == [*llama.IMPLEMENTATIONS]
    assert capsys.readouterr().out.count("| by hand |") == 1
