"""look.py: the numbers drawn are the network's, and the command makes every picture or says in one line why not."""

import functools
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from test_plot import assert_legible

import data
import loading.checkpoint
import look
import main_np
import plot
import write
from conftest import as_input, rows
from loading.network import make_network
from loading.options import parse_options
from mlp_np import MLP, softmax, softmax_cross_entropy
from networks import NETWORKS
from resnet_np import ResNet
from support import drawing, texts
from support.errors import UserError
from support.ink import DigitPicture
from views import answers, parts
from vit_np import ViT

KINDS = ("forward", "backward", "weights", "confusion", "mistakes")
TRAINED = {
    "np": "--hidden 9 --steps 60 --hold-out 60",
    "resnet_np": "--model resnet --widths 2,3 --blocks 2 --steps 20 --pixels unit",
    "vit_np": "--model vit --width 6 --blocks 2 --heads 2 --steps 20",
}


@pytest.fixture(autouse=True)
def asked(small, monkeypatch):
    """What data.load is asked for. It has few images."""
    found = []
    monkeypatch.setattr(data, "load", lambda *of: found.append(of) or small)
    return found


@pytest.fixture(scope="module")
def tiny(small, tmp_path_factory):
    """A folder with the weights of a tiny network of each kind."""
    out = tmp_path_factory.mktemp("tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "load", lambda *_: small)
        patch.setattr(plot, "save_learning_curves", lambda run: None)
        for words in TRAINED.values():
            main_np.main([*words.split(), "--out", str(out)])
    return out


def options_of(**more):
    run = SimpleNamespace(**{"pixels": "standardised", "dtype": "float64"} | more)
    return SimpleNamespace(run=run, source=data.SOURCES["mnist"], name="np", network=NETWORKS[run.model])


# --- The numbers ---------------------------------------------------------------------------------------------------


def images_of(figure):
    """Every array that is drawn as colours, by what stands under it, up to the =; those of one place together."""
    drawn = {axes.get_xlabel().split(" =")[0]: axes.images for axes in figure.axes if axes.images}
    return {name: [np.asarray(image.get_array()) for image in images] for name, images in drawn.items()}


def test_the_numbers_of_the_mlp_are_drawn(mnist):
    model, image = MLP(hidden=20, dtype=np.float64), mnist.test_images[3]
    figures = look.make_image_figures_by_kind(model, options_of(model="mlp", hidden=20), image, 5, "a 5")

    x = as_input(image[np.newaxis]).reshape(1, 784)
    W1, b1, W2, b2 = model.params.values()
    z1 = x @ W1 + b1
    logits = np.maximum(z1, 0) @ W2 + b2
    p = np.exp(logits) / np.exp(logits).sum()
    dlogits = p - np.eye(10)[5]
    da1 = dlogits @ W2.T
    dz1 = da1 * (z1 > 0)

    forward, backward = images_of(figures["forward"]), images_of(figures["backward"])
    assert (forward["x"][0] == image).all()
    for drawn, name, array in [
        (forward, "z1", z1), (forward, "a1", np.maximum(z1, 0)), (backward, "da1", da1), (backward, "dz1", dz1),
    ]:  # fmt: skip
        assert drawn[name][0] == pytest.approx(array.reshape(4, 5), rel=1e-9, abs=1e-12), name
    for _, off in (forward["a1"], backward["dz1"]):
        assert (np.isfinite(off) == (z1.reshape(4, 5) <= 0)).all()
    bars = [figures["forward"].axes[3], figures["forward"].axes[4], figures["backward"].axes[0]]
    for axes, array in zip(bars, (logits, p, dlogits), strict=True):
        assert [bar.get_width() for bar in axes.patches] == pytest.approx(array[0])
    assert f"loss = -log p[5] = {-np.log(p[0, 5]):.3g}" in bars[1].get_xlabel()
    most = np.argsort(-np.abs(dz1[0]))[:8]
    assert [name for name in backward if name.startswith("unit")] == [f"unit {unit}" for unit in most]
    for unit in most:
        assert backward[f"unit {unit}"][0].ravel() == pytest.approx((x.T @ dz1)[:, unit])


VIT = {"model": "vit", "width": 6, "blocks": 2, "heads": 3, "patch": 7}


@pytest.fixture
def vit():
    """A ViT whose numbers are not 0 or 1 as at first, and its options."""
    model = ViT(6, 2, 3, 7, dtype=np.float64)
    for array in model.params.values():
        array += np.random.default_rng(0).normal(0, 0.3, array.shape)
    model.training = False
    return model, options_of(**VIT)


def assert_gradients(model, x, steps, layers):
    """Along random directions, the loss of a 3 changes as they say: from the output of each of the layers on."""
    assert steps["gradients"].keys() == layers.keys()
    assert steps["logits"] == pytest.approx(model.forward(x)[0])
    returned = {layers[place]: gradient for place, gradient in steps["gradients"].items()} | {"x": steps.get("dx")}
    rest, rng = [*model.layers.values()], np.random.default_rng(0)

    def loss(x):
        return softmax_cross_entropy(functools.reduce(lambda a, layer: layer.forward(a), rest, x), np.array([3]))[0]

    for name in ["x", *model.layers][:-2]:
        for direction in rng.normal(size=(5, *x.shape)) if returned.get(name) is not None else ():
            along = (loss(x + 1e-6 * direction) - loss(x - 1e-6 * direction)) / 2e-6
            assert along == pytest.approx((returned[name] * direction).sum(), rel=1e-5), name
        x = rest.pop(0).forward(x).copy()


@pytest.mark.parametrize("blocks", [1, 2])
def test_the_gradients_that_return_to_the_feature_maps(blocks, mnist):
    model = ResNet(widths=(2, 3), blocks=blocks, dtype=np.float64)
    rng = np.random.default_rng(0)
    for name, array in model.statistics.items():  # as if trained
        array[...] = rng.uniform(0.5, 2, array.shape) if name.endswith("var") else rng.normal(size=array.shape)
    model.training = False
    image, options = mnist.test_images[0], options_of(model="resnet", widths=(2, 3), blocks=blocks)
    steps = look.compute_resnet_intermediates(model, options, image, 3)
    layers = {"stem": "stem", "stage 1": f"blocks.{blocks - 1}", "stage 2": f"blocks.{2 * blocks - 1}"}
    assert_gradients(model, data.scale_pixels(image[np.newaxis], options), steps, layers)
    for place, layer in layers.items():
        assert (steps["maps"][place] == model.layers[layer].y[0]).all()


@pytest.mark.slow(one_in=2)
def test_the_channels_that_are_drawn(mnist):
    """Those that are most active, and the gradients that return to these."""
    options = options_of(model="resnet", widths=(2, 10), blocks=1)
    model = ResNet(widths=(2, 10), dtype=np.float64)
    model.training = False
    steps = look.compute_resnet_intermediates(model, options, mnist.test_images[0], 3)
    figures = look.make_image_figures_by_kind(model, options, mnist.test_images[0], 3, "a 3")
    for kind, arrays, order in (("forward", "maps", 1), ("backward", "gradients", -1)):
        drawn = [axes for axes in figures[kind].axes if axes.images and axes.get_xlabel().isdigit()]
        active = {place: np.argsort(-array.sum(axis=(0, 1)))[:8] for place, array in steps["maps"].items()}
        for axes, (place, channel) in zip(drawn, ((p, c) for p in [*active][::order] for c in active[p]), strict=True):
            assert axes.get_xlabel() == str(channel)
            assert (axes.images[0].get_array() == steps[arrays][place][..., channel]).all()


def test_the_gradients_that_return_to_the_patches(vit, mnist):
    image, layers = mnist.test_images[0], {"embedded": "positions", "block 1": "blocks.0", "block 2": "blocks.1"}
    assert_gradients(
        vit[0], data.scale_pixels(image[np.newaxis], vit[1]), look.compute_vit_intermediates(*vit, image, 3), layers
    )


@pytest.mark.slow(one_in=2)
def test_the_attention_that_is_drawn(vit, mnist):
    """That of the patch which is framed, in every block and head; or of the one with the most ink."""
    (model, options), image = vit, mnist.test_images[0]
    ink = image.reshape(4, 7, 4, 7).sum(axis=(1, 3)).ravel()
    for chosen, patch in ((None, ink.argmax()), (0, 0)):
        figure = look.make_image_figures_by_kind(model, options, image, 3, "a 3", chosen)["attention"]
        drawn = [np.asarray(a.images[0].get_array()).ravel() for a in figure.axes if len(a.images) == 2]
        blocks = [model.layers[f"blocks.{i}"].layers["attention"].weights[0] for i in range(2)]
        np.testing.assert_array_equal(drawn[1:], [of_head[patch] for of_block in blocks for of_head in of_block])
        assert figure.axes[0].patches[0].get_xy() == (7 * (patch % 4), 7 * (patch // 4))


@drawing.plot_style()
def test_rows_beside_scales_of_other_numbers_stand_below_each_other():
    figure, places = drawing.new_figure(4, 4), []
    for part, most in zip(figure.subfigures(2, 1), (0.9, 0.66), strict=True):
        row = parts.make_axes(part, 1, 2, 2)
        parts.add_scale(part, row[0].imshow([[0]], vmin=0, vmax=most), row)
        places.append(row)
    figure.draw_without_rendering()
    one, other = ([axes.get_window_extent().x0 for axes in row] for row in places)
    assert one == pytest.approx(other, abs=0.5)


def test_the_weights_that_are_drawn(vit):
    """Of an MLP those of the loudest units; of a ViT those of its embedding."""
    drawn = look.get_vit_weight_images(vit[0].params, vit[1]).images
    assert (drawn.reshape(-1, 49) == vit[0].params["embed.W"].T).all()
    params = MLP(hidden=100).params
    loudest = np.argsort(-np.linalg.norm(params["W2"], axis=1))[:64]
    weights = look.get_mlp_weight_images(params, vit[1])
    assert (weights.images.reshape(-1, 784) == params["W1"].T[loudest]).all()
    assert weights.labels == [f"for {digit}" for digit in params["W2"][loudest].argmax(axis=1)]


@pytest.mark.slow(one_in=2)
def test_the_confusion_matrix_and_the_mistakes(tiny, small):
    model, options, checkpoint = loading.checkpoint.load_network(tiny / "checkpoint_resnet_np.npz")
    images, labels = small.test_images, small.test_labels
    p = softmax(model.forward(data.scale_pixels(images, options)))
    said, confidence = p.argmax(axis=1), p.max(axis=1)
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (labels, said), 1)
    assert np.trace(counts) / len(labels) == checkpoint.history.test_accuracy[-1]
    figures = look.make_test_figures_by_kind(model, options, small)
    table = {text.get_position()[::-1]: int(text.get_text()) for text in figures["confusion"].axes[0].texts}
    assert table == {at: counts[at] for at in np.ndindex(10, 10) if counts[at]}
    wrong = sorted(np.flatnonzero(said != labels), key=lambda i: -confidence[i])
    assert len(wrong) > look.MAX_MISTAKES
    for axes, i in zip(figures["mistakes"].axes, wrong[: look.MAX_MISTAKES], strict=True):
        assert (axes.images[0].get_array() == images[i]).all()
        assert axes.get_title() == f"{labels[i]} read as {said[i]}: {confidence[i]:.3f}"


# --- Whatever the network, every text is legible --------------------------------------------------------------------

EXTREMES = """
    --hidden 512                                            | 30   | quite wrong: its numbers have many digits
    --hidden 1                                              | 1    | one unit
    --model resnet --widths 4                               | 1    | one stage
    --model vit --width 16 --heads 16 --blocks 5 --patch 14 | 1    | many heads and blocks
    --model vit --heads 1 --blocks 1 --patch 2              | 0    | many patches, and no gradient
"""


@pytest.mark.slow(one_in=2)
@pytest.mark.parametrize(("words", "size", "why"), [*rows(EXTREMES)])
def test_every_text_is_legible(words, size, why, mnist):
    options = parse_options("np", *words.split(), "--dtype", "float64", "--hold-out", "1")
    model, image = make_network("np", options), mnist.test_images[0]
    for array in model.params.values():
        array *= float(size)
    model.training = False
    for figure in look.make_image_figures_by_kind(model, options, image, 3, "a 3, held-out image 9999").values():
        assert_legible(figure)


@pytest.mark.parametrize(
    ("said", "shown", "most"),
    [
        ([0, 1, 1, 1], 2, "its only mistake"), ([0, 7, 0, 1], 8, "no mistakes"),
        ([1, 0, 0, 1], 2, "its 2 mistakes, the most confident first"),
        ([1, 0, 1, 1], 2, "the 2 most confident of its 3 mistakes"),
    ],
)  # fmt: skip
def test_of_two_classes_there_are_two_unless_another_is_said(said, shown, most, small, monkeypatch):
    """A network always tells ten apart."""
    truth = [0, 1, 0, 1] if most != "no mistakes" else said
    logits = np.eye(10)[said] * [[1], [2], [3], [4]]  # the more confident, the later
    source = SimpleNamespace(classes=["cat", "dog", *[look.NO_CLASS] * 8], singular_noun="class")
    network = SimpleNamespace(title=lambda _: "784-8-10")
    monkeypatch.setattr(data, "test_batches", lambda *_: [(small.test_images[:4], None)])
    monkeypatch.setattr(look, "MAX_MISTAKES", 2)
    tests = SimpleNamespace(test_labels=np.array(truth), test_images=small.test_images[:4])
    options = SimpleNamespace(network=network, source=source, run=SimpleNamespace(hold_out=0))
    figures = look.make_test_figures_by_kind(SimpleNamespace(forward=lambda x: logits[: len(x)]), options, tests)
    assert [label.get_text() for label in figures["confusion"].axes[0].get_xticklabels()] == source.classes[:shown]
    assert most in " ".join(text.get_text() for text in figures["mistakes"].texts)
    worst = [i for i in (3, 2, 1, 0) if said[i] != truth[i]][:2]
    for axes, i in zip([axes for axes in figures["mistakes"].axes if axes.images], worst, strict=True):
        caption = f"{source.classes[truth[i]]} read as {source.classes[said[i]]}: {softmax(logits)[i].max():.3f}"
        assert " ".join(axes.get_title().split()) == caption
        assert (axes.images[0].get_array() == small.test_images[i]).all()


@pytest.mark.slow(one_in=2)
def test_answers_and_mistakes_of_any_number():
    for counts in (np.diag(np.full(10, 1000)), np.full((10, 10), 1234)):
        figure = answers.draw_confusion(counts, "784-512-10 reads 10,000 of 10,000 test images right")
        assert_legible(figure)
        assert len(figure.axes[0].texts) == np.count_nonzero(counts)
        blue, red = figure.axes[0].images[0].get_array() > 0, figure.axes[0].images[0].get_array() < 0
        assert (blue == np.eye(10)).all() and (red == (counts > 0) - np.eye(10)).all()
    for n in (0, 1, 24):
        mistakes = answers.Mistakes(np.zeros((n, 28, 28), np.uint8), [1] * n, [7] * n, [0.99999] * n)
        assert_legible(answers.draw_mistakes(mistakes, f"its {n} most confident mistakes of {n}"))
    none = "no digit found in a.png: it should be darker or lighter than the paper"
    for shape, problem in [((320, 200), none), ((1, 320), none), ((320, 1), "")]:
        seen = DigitPicture(
            np.full(shape, 99, np.uint8), np.zeros(shape, np.uint8), np.zeros((28, 28), np.uint8), problem
        )
        figure = answers.draw_prediction(seen, np.array([0.99997, *[0.000003] * 9]), "digit: 0")
        assert_legible(figure)
        said = "no answer: no digit found" if problem else "digit: 0"
        assert said in [text.get_text() for text in figure.texts]  # its title
        reason = "it should be darker or lighter\nthan the paper"
        assert [text.get_text() for text in figure.axes[3].texts][:1] == [reason if problem else "0.9999"]
    red, white, blue = parts.SIGNED_COLORMAP([0.0, 0.5, 1.0])
    assert white[:3] == pytest.approx(1, abs=0.01) and blue[2] > blue[0] and red[0] > red[2]


# --- The command ---------------------------------------------------------------------------------------------------


@pytest.fixture
def looked(monkeypatch, tmp_path, capsys):
    """looked("mlp --hold-out 60", words): (image, class, what it is, patch) of what is drawn, and what is printed, of a
    network as it is at first."""

    def look_at(network, words=""):
        options, drawn = parse_options("np", "--model", *network.split()), []
        loaded = make_network("np", options), options, SimpleNamespace(path="runs/checkpoint_new.npz")
        monkeypatch.setattr(look, "load_network", lambda path, writes: loaded)
        monkeypatch.setattr(look, "make_test_figures_by_kind", lambda *_: {})
        monkeypatch.setattr(look, "make_image_figures_by_kind", lambda _, __, *what: drawn.append(what) or {})
        look.main([*words.split(), "--out", str(tmp_path)])
        return *drawn, capsys.readouterr().out

    return look_at


def test_what_is_looked_at_is_what_was_asked_for_or_image_247(looked, small, monkeypatch):
    (image, y, what, patch), said = looked("mlp --hidden 2")
    assert (image == small.test_images[247]).all() and (y, what, patch) == (4, "a 4, test image 247", None)
    files = ", ".join(f"{kind}_new.png" for kind in KINDS)
    assert said.startswith("784-2-10 of runs/checkpoint_new.npz: test image 247, a 4\nsee ") and f": {files}\n" in said
    (image, y, what, patch), said = looked("vit --width 4 --blocks 1 --heads 1 --hold-out 9", "--test 299 --patch 15")
    assert (image == small.test_images[299]).all() and patch == 15 and what.endswith(", held-out image 299")
    assert ": attention_new.png, backward_new.png, weights_new.png, confusion_new.png, mistakes_new.png\n" in said
    few = small._replace(test_images=small.test_images[:200], test_labels=small.test_labels[:200])
    monkeypatch.setattr(data, "load", lambda *_: few)
    (image, *_), _ = looked("mlp --hidden 2")
    assert (image == small.test_images[199]).all()


REFUSED = """
mlp --hidden 2                     | --test 300               | --test 300: there are 300 test images, from 0
mlp --hidden 2                     | --digit 3                | --digit is for a network that writes digits
mlp --hidden 2                     | --patch 0                | --patch 0: only a ViT has any
vit --width 4 --blocks 1 --heads 1 | --patch 16               | --patch 16: there are 16, from 0
mlp --hidden 2                     | --label 3                | --label is for your own picture
mlp --hidden 2                     | a.png                    | your own picture needs --label
mlp --hidden 2                     | a.png --label 3 --test 3 | your own picture needs --label
"""


@pytest.mark.parametrize(("network", "words", "said"), [*rows(REFUSED)])
def test_what_cannot_be_looked_at_is_said(network, words, said, looked):
    with pytest.raises(UserError) as refused:
        looked(network, words)
    assert str(refused.value).startswith(said)


@pytest.mark.slow(one_in=2)
@pytest.mark.parametrize("name", TRAINED)
def test_the_command_draws_everything(name, tiny, tmp_path, capsys, mnist, monkeypatch, asked):
    """Of a picture of your own, or of a test image."""
    words, said, out, save = ["--test", "7"], "test image 7, a 9", tmp_path / "out", drawing.save
    if name == "np":
        Image.fromarray(255 - mnist.test_images[1]).resize((280, 280)).save(tmp_path / "2.png")
        words, said = [str(tmp_path / "2.png"), "--label", "2"], "your picture, a 2"
    else:  # once is enough of what takes a second
        monkeypatch.setattr(look, "make_test_figures_by_kind", lambda *_: dict.fromkeys(look.TEST_SET_KINDS))
    whole = out / "backward_np.png"
    monkeypatch.setattr(drawing, "save", lambda figure, path: save(figure, path) if path == whole else path.touch())
    assert look.main([*words, "--weights", str(tiny / f"checkpoint_{name}.npz"), "--out", str(out)]) is None
    printed = capsys.readouterr().out
    assert said in printed and [(source.name, held) for source, held in asked] == [("mnist", 60 if name == "np" else 0)]
    files = {f"{kind}_{name}.png" for kind in (KINDS if name != "vit_np" else ("attention", *KINDS[1:]))}
    assert {path.name for path in out.iterdir()} == files and all(file in printed for file in files)
    if name == "np":
        with Image.open(whole) as image:
            assert image.width == 1200


@pytest.mark.slow(one_in=2)
def test_a_digit_that_a_network_wrote(tmp_path, capsys, monkeypatch):
    """It is the one that write.py would write; of each patch, the probabilities and the attention add up to 1."""
    argv = "--model gpt --width 8 --blocks 2 --heads 2 --steps 3 --dtype float64"
    main_np.main([*argv.split(), "--out", str(tmp_path)])
    weights, drawn = ["--weights", str(tmp_path / "checkpoint_gpt_np.npz")], []
    monkeypatch.setattr(drawing, "save", lambda figure, path: drawn.append((figure, path)))
    look.main([*weights, "--digit", "7", "--out", str(tmp_path)])
    assert "has written a 7" in capsys.readouterr().out
    (figure, path), *_ = drawn
    assert_legible(figure)
    assert path.name == "written_gpt_np.png"
    model, options, _ = loading.checkpoint.load_network(weights[1], writes=True)
    steps = look.compute_gpt_intermediates(model, options, np.array([[128 + 7]]))
    image = write.generate_digits(model, options, [7], 0.8, np.random.default_rng(0))[0]
    assert (texts.decode_images(steps["token_ids"][np.newaxis])[0] == image).all()
    assert steps["p"].sum(axis=1) == pytest.approx(1)
    assert steps["position"] == steps["perplexity"].argmax() and (steps["perplexity"] >= 1).all()
    for weights_of in steps["attention"].values():
        assert weights_of.shape == (2, 49, 49) and not np.triu(weights_of[0], 1).any()
        assert weights_of.sum(axis=2) == pytest.approx(1)
    for words, said in (
        (["--test", "3"], "classifies none"),
        (["--patch", "49"], "there are 49, from 0"),
    ):
        with pytest.raises(UserError, match=said):
            look.main([*weights, *words])
