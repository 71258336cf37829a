"""predict.py reads digits of any pen and photograph."""

import os
import re
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

import data
import loading.checkpoint
import main_np
import plot
import predict
from conftest import ROOT, SMALL, once, schedule
from mlp_np import softmax
from pictures import PENS, SCENES, drawn, encoded, on_sheet, photograph, placed, written
from support import pictures
from support.errors import UserError
from support.ink import read_digit_image
from support.source import open_source

pytestmark = pytest.mark.usefixtures("quick_curves")


def probabilities(weights, images):
    """(N, 10) that the network gives the digits in images (N, 28, 28)."""
    model, options, _ = loading.checkpoint.load_network(weights)
    x = np.concatenate([data.scale_pixels(image[np.newaxis], options) for image in images])
    return softmax(model.forward(x))


def answers(weights, images):
    return probabilities(weights, images).argmax(axis=1)


def share(run, files, digits):
    """The share of these picture files that the default run reads right; one that is refused is not."""
    found = judged(run[1] / "checkpoint_np.npz", files, digits)
    return found.count("right") / len(found)


def judged(weights, files, digits):
    """What becomes of each picture file: right, refused, not sure, or wrong. Its digit is None if it shows none."""
    found = []
    for file, digit in zip(files, digits, strict=True):
        try:
            (p,) = probabilities(weights, [read_digit_image(file)])
        except UserError:
            found.append("refused")
        else:
            found.append(
                "right" if p.argmax() == digit else "not sure" if p.max() < predict.MIN_CONFIDENCE else "wrong"
            )
    return found


@pytest.mark.parametrize("scene", schedule(SCENES, in_turn=8))
def test_a_scene_is_read_right_or_refused(trained, scene):
    """Most of ten. Missed are pairs with few strokes, as 17."""
    draw, least = SCENES[scene]
    digits = [k if least else None for k in range(10)]
    found = judged(trained, [encoded(draw(k, np.random.default_rng(k))) for k in range(10)], digits)
    assert found.count("right") >= least / 2, found
    assert found.count("right") + found.count("refused") >= 7.5, found
    assert found.count("wrong") <= 2, found


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The weights of a short run of main_np.py, whose curves nobody looks at."""

    def make(out):
        with patch.object(plot, "save_learning_curves"):
            main_np.main(["--hidden", "128", "--epochs", "2", "--out", str(out)])

    return once(tmp_path_factory, "a-short-run", make) / "checkpoint_np.npz"


@pytest.mark.slow(one_in=2)
@pytest.mark.parametrize("hard", [False, True], ids=["a sheet on a desk", "a hard shadow"])
def test_what_lies_around_or_over_the_digit_is_not_read(trained, hard):
    images = []
    for case in range(30):
        rng = np.random.default_rng(case)
        ink = written(case % 10, case // 6, PENS[case % len(PENS)], rng)
        ink, sheet = (ink, None) if hard else on_sheet(ink, rng)
        images.append(encoded(photograph(ink, rng, hard, sheet)))
    found = judged(trained, images, np.arange(30) % 10)
    assert found.count("right") >= 27 and "wrong" not in found, found


@pytest.mark.slow("first", one_in=2)
def test_photographs(default_run, mnist):
    rng = np.random.default_rng(1)
    chosen = rng.choice(len(mnist.test_images), 100, replace=False)
    photographs = (photograph(placed(mnist.test_images[i], rng), rng) for i in chosen)
    files = [encoded(one, quality=int(rng.integers(40, 91))) for one in photographs]
    # 0.98 of 1,000 are read right: of 100 then 98, with a standard deviation of 1.4.
    assert share(default_run, files, mnist.test_labels[chosen]) >= 0.95


@pytest.mark.parametrize("pen", schedule(PENS[::5], in_turn=3))
def test_a_pen(default_run, pen):
    """The thinnest, a middle one and the widest."""
    rng, digits = np.random.default_rng(1), [*range(10)]
    files = [encoded(photograph(written(d, style, pen, rng), rng), "PNG") for style in (0, 2, 4) for d in digits]
    assert share(default_run, files, 3 * digits) >= 0.96


@pytest.mark.slow
def test_a_thick_1_is_not_taken_for_a_sheet(default_run):
    thick = [photograph(written(1, 1, 40, rng), rng) for rng in map(np.random.default_rng, range(12))]
    assert share(default_run, [encoded(one) for one in thick], 12 * [1]) == 1


def test_the_command(trained, program, tmp_path):
    """A network is trained for it, and a program imports what it needs and draws: that takes seconds."""
    (tmp_path / "a 4.png").write_bytes(encoded(drawn(), "PNG").read())
    assert answers(trained, [read_digit_image(ROOT / "png" / "photo.jpg")]) == [5]  # the README's
    result = program(
        "predict.py", tmp_path / "a 4.png", "--weights", trained, "--show", tmp_path / "shown.png",
        env={"PYTHONPATH": str(ROOT / "tests" / "no_torch"), "PYTHONWARNINGS": "error,ignore::DeprecationWarning"},
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    first, *rows, last = result.stdout.splitlines()
    assert first == f"784-128-10 of {trained}"
    assert last == "digit: 4"
    p = [float(re.fullmatch(rf"{digit}  ([01]\.\d{{4}})( #+)?", row)[1]) for digit, row in enumerate(rows)]
    assert (len(p), sum(p), np.argmax(p)) == (10, pytest.approx(1, abs=1e-3), 4)
    assert rows[4].count("#") == round(40 * p[4])
    with Image.open(tmp_path / "shown.png") as shown:
        assert shown.size == (1500, 570)


@pytest.mark.slow
def test_a_refused_picture_is_drawn_and_several_pictures_have_a_line_each(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, picture in (("4.png", drawn()), ("44.png", np.hstack([drawn(), drawn()]))):
        Image.fromarray(picture).save(name)
    weights = ["--weights", str(trained)]
    with pytest.raises(UserError, match=r"more than one digit, or a broken one, in 44\.png"):
        predict.main(["44.png", "--show", "shown.png", *weights])
    with Image.open("shown.png") as shown:
        assert shown.size == (1500, 570)
    assert predict.main(["4.png", "44.png", "4.png", *weights]) == 2
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == third == "4.png: digit: 4" and second.startswith(
        "there is more than one digit, or a broken one, in 44.png"
    )
    assert predict.main(["4.png", "4.png", *weights]) == 0
    with pytest.raises(UserError, match="--show draws one picture"):
        predict.main(["4.png", "4.png", "--show", "shown.png", *weights])


@pytest.mark.slow
def test_the_default_weights_are_those_of_the_newest_run(tmp_path, monkeypatch, small, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(data, "load", lambda *_: small)
    with pytest.raises(UserError, match=r"no trained network that reads .*: run `python main_np\.py` first"):
        loading.checkpoint.load_network()
    main_np.main(["--hidden", "8", "--steps", "1"])
    os.rename("learning_curves/checkpoint_np.npz", other := "learning_curves/checkpoint_torch.npz")
    main_np.main(["--hidden", "9", "--steps", "1"])
    assert loading.checkpoint.load_network().options.run.hidden == 9
    os.utime(other, (2**31, 2**31))
    assert loading.checkpoint.load_network().options.run.hidden == 8
    short = ["--model", "resnet", "--widths", "2", "--batch-size", "300"]
    for more, words in ((["--epochs", "3", "--stop-after", "1"], ", after 1 of 3 epochs"), (["--steps", "2"], "")):
        main_np.main([*short, *more, "--out", "half"])
        capsys.readouterr()
        predict.main([str(ROOT / "png" / "photo.jpg"), "--weights", "half/checkpoint_resnet_np.npz"])
        first, *_, last = capsys.readouterr().out.splitlines()
        assert first == f"ResNet 2 of half/checkpoint_resnet_np.npz{words}"
        assert re.fullmatch(r"digit: (\d) or (?!\1)\d \(not sure\)", last)  # after a step or two


def test_the_newest_of_its_kind(tmp_path, monkeypatch, small):
    """A reader and a writer: each program takes its own, and refuses the other in a line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(data, "load", lambda *_: small)
    main_np.main(["--hidden", "8", "--steps", "1"])
    with pytest.raises(UserError, match=r"that writes .* --model \w+` first"):
        loading.checkpoint.load_network(writes=True)
    main_np.main(["--model", "gpt", *SMALL["gpt"].split(), "--steps", "1"])
    reader, writer = (f"learning_curves/checkpoint_{name}.npz" for name in ("np", "gpt_np"))
    os.utime(writer, (2**31, 2**31))
    assert (
        loading.checkpoint.load_network().options.run.hidden == 8
        and loading.checkpoint.load_network(writes=True).options.run.model == "gpt"
    )
    for path, writes, words in ((reader, True, "reads; name one that writes"), (writer, False, "writes; name one")):
        with pytest.raises(UserError, match=f"^{path} holds a network that {words}"):
            loading.checkpoint.load_network(path, writes)


def test_the_probabilities():
    p = softmax(np.array([[1e4, 0.0, -1e4], [0.0, 0.0, np.log(2)]]))
    assert p == pytest.approx(np.array([[1, 0, 0], [0.25, 0.25, 0.5]]))


def test_what_is_no_class_has_no_row(monkeypatch, capsys):
    """A network has ten outputs, and a reader's own folder perhaps two classes."""
    names = ["cat", "dog", *[pictures.NO_CLASS] * 8]
    source = open_source("own", of="images", classes=names, reader="ink")
    options = SimpleNamespace(source=source, run=None, network=SimpleNamespace(title=lambda _: "784-8-10"))
    history = SimpleNamespace(describe_unfinished_progress=lambda _: "after 1 of 3 epochs")
    checkpoint = SimpleNamespace(path="w.npz", history=history)
    monkeypatch.setattr(loading.checkpoint, "load_network", lambda _: (None, options, checkpoint))
    monkeypatch.setattr(
        loading.checkpoint, "compute_logits", lambda *_: np.log([[0.87, 0.01, 0.07, 0.05, *[1e-9] * 6]])
    )
    predict.main([str(ROOT / "png" / "photo.jpg")])
    first, *rows, answer = capsys.readouterr().out.splitlines()
    assert first == "784-8-10 of w.npz, after 1 of 3 epochs"
    assert [row.split()[:2] for row in rows] == [["cat", "0.8700"], ["dog", "0.0100"]]
    assert answer == "class: cat or dog (not sure)"
