"""What is measured of a network that writes."""

from dataclasses import replace

import numpy as np
import pytest
from test_plot import assert_legible

import data
from lab import counts, figures, results, writing
from loading.network import make_network
from loading.options import parse_options
from support.texts import encode_names


@pytest.mark.slow
def test_what_a_network_writes_in_small(small, monkeypatch, capsys, tmp_path):
    """Untrained networks, whose digits nobody can read, a short text, and pictures and weights that go elsewhere: nine
    of the default sizes, which write letter by letter."""
    saved, kept, play = {}, {}, data.SOURCES["shakespeare"]
    short = replace(play.content, arrays=[play.content.arrays[0][:30_000]])
    monkeypatch.setattr(counts, "COUNT_RANGE_STARTS", (0, 1, 10))
    monkeypatch.setitem(data.SOURCES, "shakespeare", play.with_facts(content=short))

    def trained(arguments):
        options = parse_options("np", *arguments.split())
        history = {"test_loss": [5, 4.5], "test_accuracy": [0, 0.125], "machine": {}}
        return writing.TrainedRun(make_network("np", options), options, history)

    load = data.load
    monkeypatch.setattr(writing, "load_or_train_run", trained)
    monkeypatch.setattr(results, "save_result", kept.__setitem__)
    monkeypatch.setattr(results, "load_results", lambda: kept)
    monkeypatch.setattr(data, "load", lambda source="mnist": load(source) if source != "mnist" else small)
    monkeypatch.setattr(writing, "REQUESTED_DIGITS", np.arange(10))
    monkeypatch.setattr(writing, "SEEDS", range(3))
    monkeypatch.setattr(writing, "TEXT_SEEDS", {"texts": range(2), "best": range(1)})
    monkeypatch.setattr(writing, "N_NAMES", 20)
    monkeypatch.setattr(figures, "save_figure", lambda figure, path: saved.__setitem__(path.name, figure))
    monkeypatch.setattr(results, "ROOT", tmp_path)
    (tmp_path / "page").mkdir()
    monkeypatch.setattr("sys.argv", ["lab/writing.py"])
    writing.main()
    assert saved.keys() == {f"{name}.png" for name in ["written", "nearest", "temperatures", "temperature", "patches"]}
    assert [*kept["writing"]["runs"]] == [*kept["names"]["runs"]] == ["0", "1", "2"]
    assert {recipe: [*runs] for recipe, runs in kept["texts"]["runs"].items()} == {"texts": ["0", "1"], "best": ["0"]}
    seen = kept["texts"]["runs"]["texts"]["1"]["seen"]
    assert [*seen] == ["0", "1", "10"] and all(loss > 3 for *_, loss in seen.values())
    said = capsys.readouterr().out
    assert "| test loss per patch | 4.500 ± 0.000 |  |" in said and "| test loss per letter | 4.500 ± 0.000 |" in said
    with np.load(tmp_path / "page" / "names.npz", allow_pickle=False) as file:
        assert file["embed.E"].shape == (28, 64) and file["positions.P"].shape == (12, 64)
    with np.load(tmp_path / "page" / "text.npz", allow_pickle=False) as file:
        assert len(file["embed.E"]) == len(play.letters)
    with np.load(tmp_path / "page" / "gpt.npz", allow_pickle=False) as file:
        assert {array.dtype for array in file.values()} == {np.dtype(np.float16)}
        assert file["embed.E"].shape == (138, 64)
    assert (tmp_path / "page" / "gpt.npz").stat().st_size < 400_000


def test_a_blank_image_is_not_read_as_asked(small, monkeypatch):
    """Whatever digit the reader sees in nothing."""
    images = np.zeros((10, 28, 28), np.uint8)
    images[5:, 14, 14] = 255
    monkeypatch.setattr(writing, "REQUESTED_DIGITS", np.arange(10))
    monkeypatch.setattr(writing, "generate_digits", lambda *_, **__: images)
    monkeypatch.setattr(writing, "classify_digits", lambda *_: np.arange(10))
    found = writing.measure_digits(writing.TrainedRun(None, None, {}), None, small.train_images[:20])
    assert {*found["read"].values()} == {*found["blank"].values()} == {0.5}


def test_the_curve_over_temperatures_is_legible():
    shares = np.array([0.93, 0.96, 0.97, 0.93, 0.91, 0.87, 0.9])
    runs = {"read": dict(zip(map(str, writing.TEMPERATURES), shares, strict=True))}
    runs["blank"] = {t: 0.98 - share for t, share in runs["read"].items()}
    assert_legible(writing.draw_temperature_curve({"real": {"read": 0.981}, "runs": {"0": runs, "1": runs}}))


def test_tables_that_count(small, monkeypatch):
    """Three texts in place of names: what each table says of the next word can be counted on fingers."""
    learned = encode_names(["ab", "ab", "ac"])
    names = data.Tokens(learned, encode_names(["ab"]))
    monkeypatch.setattr(data, "load", lambda name: names)
    found = counts.measure_count_tables("names")
    assert found["all tokens alike"] == pytest.approx({"loss": np.log(27), "accuracy": 1 / 27})
    # Of 9 words three are an a, two a b, one a c and three the end; one word more is drawn from all 27.
    a, b, end = (np.array([3, 2, 3]) + 1 / 27) / 10
    loss = -np.mean(np.log([a, b, end]))
    assert found["counts of the tokens"] == pytest.approx({"loss": loss, "accuracy": (0.5 + 0 + 0.5) / 3})
    after = {"start": (3 + a) / 4, "a": (2 + b) / 4, "b": (2 + end) / 3}
    loss = -np.mean(np.log([*after.values()]))
    assert found["counts after each token"] == pytest.approx({"loss": loss, "accuracy": 1})
    runs = {"0": {"loss": 0.5, "accuracy": 0.25}, "1": {"loss": 0.7, "accuracy": 0.75}}
    said = counts.make_table(found, {"the network": runs})
    assert "| all tokens alike | 3.30 | 27.0 | 0.037 |" in said
    assert said.endswith("| the network | 0.60 | 1.8 | 0.500 |")


def test_the_nearest_image(small):
    images = small.train_images[:30]
    found = writing.find_nearest_images(images[[7, 3]], images)
    assert (found == images[[7, 3]]).all() and writing.compute_pair_distances(images[[7, 3]], found).tolist() == [0, 0]
    changed = images[7:8].copy()
    changed[0, 0, 0] = 28 * 3  # the root of the mean square of one difference of 84 among 784 pixels is 3
    found = writing.find_nearest_images(changed, images)
    assert (found == images[7]).all() and writing.compute_pair_distances(changed, found) == pytest.approx(3)
    assert writing.summarise_nearest_distances(np.concatenate([images[:1], changed]), images) == {
        "median": 1.5,
        "equal": 0.5,
    }
