"""write.py has a network write digits into a picture, and says how another reads them."""

import itertools
import os
import re
import shutil
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image
from test_plot import assert_legible

import data
import gpt_np
import look
import main_np
import plot
import predict
import write
from support import texts
from support.errors import UserError
from support.program import run
from views import writing

SMALLEST = "--model gpt --width 8 --blocks 1 --heads 2 --steps 3"
SAYING = "To be, or not to be: that is the question.\n"


@pytest.fixture(scope="module")
def hardly_trained(small, tmp_path_factory):
    """A folder with networks that write: digits, names, and a text that is no more there."""
    folder, load = tmp_path_factory.mktemp("hardly-trained"), data.load
    play = folder / "play.txt"
    play.write_text(SAYING * 100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "load", lambda source, held: small if source.noun == "images" else load(source, held))
        patch.setattr(plot, "save_learning_curves", lambda run: None)
        names, text = "--dataset names --hold-out 4000", f"--dataset {play} --batch-size 5 --context-length 10"
        for kind, words in {"digits": "", "names": names, "text": text}.items():
            main_np.main([*f"{SMALLEST} {words}".split(), "--out", str(folder / kind)])
    play.unlink()
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch, small, quick_curves, hardly_trained):
    """A folder with a network that writes, hardly trained."""
    monkeypatch.chdir(tmp_path)
    load = data.load
    monkeypatch.setattr(
        data, "load", lambda source, held: small if getattr(source, "noun", 0) == "images" else load(source, held)
    )
    monkeypatch.setattr("sys.argv", ["write.py"])
    shutil.copytree(hardly_trained / "digits", "learning_curves")


def pixels(*argv):
    """The images that it draws with these arguments: (rows, digits, 28, 28), ink is 255."""
    with patch.object(write, "arrange_on_paper", wraps=write.arrange_on_paper) as drawn:
        write.main([*argv])
    (images,) = drawn.call_args.args
    with Image.open("written.png") as picture:
        rows, columns = (28 * write.PIXEL_SCALE * n + 2 * write.MARGIN_PIXELS for n in images.shape[:2])
        assert picture.size == (columns, rows) and picture.getextrema() == (0, 255)
    return images


def test_no_picture_takes_the_place_of_the_network(here, capsys):
    os.rename("learning_curves/checkpoint_gpt_np.npz", "mine.png")
    before = Path("mine.png").read_bytes()
    assert run(lambda: write.main(["7", "--weights", "mine.png", "--out", "./mine.png"])) == 2
    assert "would replace an input file" in capsys.readouterr().err
    assert Path("mine.png").read_bytes() == before


def test_what_is_written_and_what_is_read(here, capsys, monkeypatch):
    images = pixels("2026", "--count", "3")
    *_, said = capsys.readouterr().out.splitlines()
    assert said.startswith("it was not read: ") and said.endswith(": run `python main_np.py` first")
    assert images.shape == (3, 4, 28, 28) and (images[0] != images[1]).any()
    words = texts.encode_images(images.reshape(-1, 28, 28))
    assert (texts.decode_images(words) == images.reshape(-1, 28, 28)).all()  # it consists of words
    main_np.main(["--hidden", "8", "--steps", "3"])
    capsys.readouterr()
    assert (pixels("2026", "--count", "3") == images).all()
    first, second, third, *rows = capsys.readouterr().out.splitlines()
    assert first == "GPT 8 × 1, 2 heads of learning_curves/checkpoint_gpt_np.npz"
    assert second == "see written.png" and third == "784-8-10 of learning_curves/checkpoint_np.npz reads:"
    assert [len(row) for row in rows] == [4, 4, 4] and "".join(rows).isdigit()
    source = data.SOURCES["fashion_mnist"].with_facts(mean_and_std=(0.2860, 0.3530), sha256="")  # not fetched for this
    monkeypatch.setitem(data.SOURCES, "fashion_mnist", source)
    main_np.main(["--hidden", "8", "--steps", "3", "--dataset", "fashion_mnist"])  # it sees clothes in them
    capsys.readouterr()
    pixels("20")
    clothes = data.SOURCES["fashion_mnist"].classes
    assert {*capsys.readouterr().out.splitlines()[-1].split(", ")} <= {*clothes}


def test_a_seed_writes_the_same_and_at_0_there_is_nothing_to_draw(here):
    first, again, other = (pixels("07", "--seed", seed) for seed in "112")
    assert (first == again).all() and (first != other).any()
    assert (pixels("07", "--seed", "1", "--count", "2")[0] == first[0]).all()
    cold = [pixels("77", "--seed", seed, "--temperature", "0") for seed in "12"]
    assert (cold[0] == cold[1]).all() and (cold[0][0, 0] == cold[0][0, 1]).all()


@pytest.fixture
def names(here, hardly_trained):
    """A network of names beside it, as newly trained."""
    shutil.copytree(hardly_trained / "names", "learning_curves", dirs_exist_ok=True)


def test_names_and_which_of_them_are_in_the_list(names, capsys):
    """And which network writes: the newest of those that write what is asked for."""

    def said(*argv):
        write.main([*argv])
        return capsys.readouterr().out.splitlines()

    first, *rows, last = said("Mac", "--count", "4", "--temperature", "1")
    assert first == "GPT 8 × 1, 2 heads of learning_curves/checkpoint_gpt_names_np.npz"
    assert len(rows) == 4 and all(row.startswith("Mac") for row in rows)
    assert said("Mac", "--count", "4", "--temperature", "1")[1:5] == rows != said("mac", "--seed", "1")[1:5]
    known = {*texts.decode_names(data.load("names", 4000).train_tokens)}
    held = texts.decode_names(data.load("names", 4000).test_tokens)
    assert len(known) == 32_000
    assert re.fullmatch(r"(1 of 4 is|[0234] of 4 are) in the list of 32,000 names it learned", last)
    names = []
    for row in said("--count", "20") + said("Smith", "--temperature", "0") + said(held[0], "--temperature", "0"):
        if row.endswith((" new", " in the list")):
            name, _, verdict = row.lower().partition(" ")
            names.append(name)
            assert (verdict.strip() == "in the list") == (name in known), name
    assert len(names) == 40
    assert said("20")[0].endswith("/checkpoint_gpt_np.npz") and said()[0].endswith("/checkpoint_gpt_names_np.npz")
    digits = ["--weights", "learning_curves/checkpoint_gpt_np.npz"]
    assert said(*digits)[1] == "see written.png"


def test_what_is_neither_digits_nor_a_name_is_the_beginning_of_a_text(names, capsys):
    for text in ("mcdonaldsons", "Ü", "o'hara", "ann2", "de la", "", " ", "-1", "٣", "1.5", "2" * 101):
        assert run(lambda text=text: write.main(["--seed", "1", "--", text])) == 2
        said = capsys.readouterr().err
        assert said.startswith(
            "write.py: no trained network that writes texts in learning_curves: run `python main_np.py "
        ), text
        assert said.count("\n") == 1 and "--model gpt --dataset shakespeare" in said


def test_a_network_writes_what_it_learned(names):
    for text, kind, file in (("7", "names", "gpt_names_np"), ("Lee", "digits", "gpt_np")):
        with pytest.raises(UserError, match=f"{file}.npz writes {kind}, and '{text}' is not one$"):
            write.main([text, "--weights", f"learning_curves/checkpoint_{file}.npz"])
    with pytest.raises(UserError, match="--out is for a picture of digits"):
        write.main(["Lee", "--out", "lee.png"])
    for words in (["--raw"], ["--start", "x.gguf"]):
        with pytest.raises(UserError, match=rf"^{words[0]} is for the GGUF file .*, and .*names_np.npz needs none$"):
            write.main(["Lee", "--weights", "learning_curves/checkpoint_gpt_names_np.npz", *words])
    Path("learning_curves/checkpoint_gpt_names_np.npz").unlink()
    with pytest.raises(UserError, match=r"no .* writes names .*: run `python main_np.py --model gpt --dataset names`"):
        write.main(["Lee"])


def test_predict_and_look_refuse_a_network_of_names(names):
    weights = ["--weights", "learning_curves/checkpoint_gpt_names_np.npz"]
    with pytest.raises(UserError, match=r"^[^\n]*names_np.npz holds a network that writes; name one that reads$"):
        predict.main(["photo.jpg", *weights])
    with pytest.raises(UserError, match=r"^look.py draws digits and texts, and [^\n]*names_np.npz writes names"):
        look.main(weights)


def test_a_blank_image_is_said_to_be_blank(here, capsys, monkeypatch):
    """No reader is asked what digit it is."""
    main_np.main(["--hidden", "8", "--steps", "3"])
    images = np.zeros((4, 28, 28), np.uint8)
    images[[1, 3], 14, 14] = 255
    monkeypatch.setattr(write, "generate_digits", lambda *_, **__: images)
    capsys.readouterr()
    write.main(["2026"])
    _, _, blank, _, said = capsys.readouterr().out.splitlines()
    assert blank == "2 of 4 images are blank, here _" and [letter == "_" for letter in said] == [True, False] * 2


def test_weights_too_large_to_compute_with(here):
    with np.load("learning_curves/checkpoint_gpt_np.npz") as file:
        arrays = dict(file)
    arrays["params/linear.W"] = np.full_like(arrays["params/linear.W"], 3e38)
    np.savez("large.npz", **arrays)
    with pytest.raises(FloatingPointError):  # which is one line
        pixels("1", "--weights", "large.npz")


def test_a_digit_that_is_looked_into_is_the_one_that_is_written(here, monkeypatch, capsys):
    drawn = []
    monkeypatch.setattr(writing, "draw_generated_digit", lambda steps, title: drawn.append((steps, title)))
    monkeypatch.setattr(look.drawing, "save", lambda figure, path: None)
    for words, digit in (["--digit", "7"], "7"), ([], str(look.DEFAULT_DIGIT)):
        look.main(["--weights", "learning_curves/checkpoint_gpt_np.npz", *words])
        steps, title = drawn.pop()
        assert (steps["image"] == pixels(digit)[0, 0]).all() and title.endswith(f"it has written a {digit}")
        assert steps["position"] == steps["perplexity"].argmax() and steps["p"].sum(axis=1) == pytest.approx(1)


# --- A text ---


@pytest.fixture
def play(names, hardly_trained):
    """A network of a text beside them, the newest."""
    shutil.copytree(hardly_trained / "text", "learning_curves", dirs_exist_ok=True)


def test_a_text_goes_on_as_long_as_somebody_wants(play, capsys):
    def said(*argv):
        write.main([*argv])
        first, _, rest = capsys.readouterr().out.partition("\n")
        assert first == "GPT 8 × 1, 2 heads of learning_curves/checkpoint_gpt_texts_np.npz"
        return rest

    for begun in ("be", "question:", SAYING * 2):  # shorter than T, or much longer
        written = said(begun, "--letters", "57")
        assert written.startswith(begun) and len(written) == len(begun) + 57 + 1 and {*written} <= {*SAYING}
        assert written == said(begun, "--letters", "57") != said(begun, "--letters", "57", "--seed", "1")
        assert said(begun, "--letters", "20")[:-1] == written[: len(begun) + 20]
    assert len(said()) == write.DEFAULT_N_LETTERS + 1  # begun with a new line, which is not printed
    three = said("be", "--count", "3", "--letters", "9").split("\n---\n")
    assert [len(each.rstrip("\n")) for each in three] != [0] * 3 and len(three) == 3 and len({*three}) == 3
    cold = said("be", "--top-k", "1", "--letters", "40")
    assert cold == said("be", "--temperature", "0", "--letters", "40", "--seed", "7")


def test_behind_its_last_place_the_window_moves_by_half():
    """What is written there is what the network says after the last half of what it has seen."""
    model, judge = (
        gpt_np.GPT(8, 1, 2, vocab_size=5, n_start_tokens=0, context_length=6) for _ in range(2)
    )  # one keeps what it has seen
    for begun in ([1], [0, 3, 2, 1], [4] * 6, [2, 3] * 9):
        words, seen = [*begun], begun[-6:]
        for word in itertools.islice(write.generate_endlessly(model, begun, 0, np.random.default_rng(0)), 20):
            assert judge.forward(np.array([[*seen, *[0] * 6][:6]]))[0, len(seen) - 1].argmax() == word
            words.append(word)
            seen = [*seen, word] if len(seen) < 6 else words[-3:]


@pytest.mark.slow
def test_the_newest_that_can_goes_on_and_what_none_has_seen_is_named(play, capsys):
    for text, file in (("Lee", "gpt_names_np"), ("2026", "gpt_np"), ("to be", "gpt_texts_np"), ("be", "gpt_texts_np")):
        write.main([text, "--count", "1"])
        assert f"/checkpoint_{file}.npz\n" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"^learning_curves/checkpoint_gpt_texts_np.npz has never seen 'x', 'é'$"):
        write.main(["to exé"])
    with pytest.raises(UserError, match=r"^GPT 8 [^\n]*checkpoint_gpt_texts_np.npz has never seen 'L'$"):
        write.main(["Lee", "--weights", "learning_curves/checkpoint_gpt_texts_np.npz"])
    for words, said in (
        (["2026", "--letters", "9"], "--letters is for a text"),
        (["be", "--out", "a.png"], "--out is for"),
    ):
        with pytest.raises(UserError, match=said):
            write.main(words)


def test_a_text_is_looked_into(play, capsys):
    """How sure the network was at each letter, and what it looked at."""
    weights = ["--weights", "learning_curves/checkpoint_gpt_texts_np.npz"]
    with patch.object(look.drawing, "save") as saved:
        look.main([*weights, "--patch", "4"])
    (figure, path), said = saved.call_args.args, capsys.readouterr().out.splitlines()
    assert said[0].endswith("has written 10 letters") and path.name == "written_gpt_texts_np.png"
    assert_legible(figure)
    written = capsys.readouterr(), write.main(["--letters", "10"]), capsys.readouterr().out.splitlines()[1:]
    grid, bars, *heads = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    shown = [text.get_text() for text in grid.texts]
    assert len(shown) == 10 and writing.make_visible(written[2][0][0]) in shown[:2]
    assert sum(bar.get_height() for bar in bars.patches) < 1 and len(heads) == 2
    for axes in heads:  # letter 4 is chosen by what it saw of the four before it
        seen = np.asarray(axes.images[0].get_array()).ravel()
        assert 0 < seen[:4].sum() < 1 and not seen[4:].any()
    for words, refused in ((["--patch", "10"], "there are 10, from 0"), (["--digit", "1"], "--digit is for a network")):
        with pytest.raises(UserError, match=refused):
            look.main([*weights, *words])
