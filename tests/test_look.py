"""look.py: the numbers drawn are the network's, and the command makes every picture or says in one line why not."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import data
import look
import main_np
import predict
from conftest import ROOT, as_input, assert_one_line
from mlp_np import MLP, numerical_gradient, relative_difference, softmax_cross_entropy
from networks import NETWORKS
from resnet_np import ResNet
from support.errors import UserError
from vit_np import ViT

KINDS = ("forward", "backward", "weights", "confusion", "mistakes")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder with the weights of a tiny network of each kind."""
    out = tmp_path_factory.mktemp("tiny")
    main_np.main(["--hidden", "30", "--steps", "60", "--out", str(out)])
    main_np.main(["--model", "resnet", "--widths", "3,9", "--blocks", "2", "--steps", "20", "--out", str(out)])
    vit = ["--model", "vit", "--width", "6", "--blocks", "2", "--heads", "2", "--steps", "20"]
    main_np.main([*vit, "--out", str(out)])
    return out


def options_of(**more):
    kept = {"pixels": "standardised", "dataset": "mnist", "dtype": "float64", "name": "np"} | more
    return SimpleNamespace(**kept, network=NETWORKS[kept["model"]])


# --- The numbers ---------------------------------------------------------------------------------------------------


def test_the_passes_of_the_mlp_are_those_of_mlp_np(mnist):
    model, image = MLP(hidden=20, dtype=np.float64), mnist.test_images[3]
    steps = look.mlp_passes(model, options_of(model="mlp"), image, 5)

    x = as_input(image[np.newaxis]).reshape(1, 784)
    W1, b1, W2, b2 = model.params.values()
    z1 = x @ W1 + b1
    logits = np.maximum(z1, 0) @ W2 + b2
    p = np.exp(logits) / np.exp(logits).sum()
    dlogits = p - np.eye(10)[5]
    dz1 = dlogits @ W2.T * (z1 > 0)
    by_hand = {"z1": z1, "a1": np.maximum(z1, 0), "logits": logits, "p": p, "dlogits": dlogits, "dz1": dz1}
    for name, array in by_hand.items():
        assert steps[name] == pytest.approx(array[0], rel=1e-9, abs=1e-12), name
    assert steps["da1"] == pytest.approx((dlogits @ W2.T)[0])
    assert steps["dW1"] == pytest.approx(x.T @ dz1)
    assert steps["loss"] == pytest.approx(-np.log(p[0, 5]))


def images_of(figure):
    """Every array that is drawn as colours, by the formula, title or note at its axes."""
    return [
        (axes.get_title(), axes.get_xlabel(), [np.asarray(image.get_array()) for image in axes.images])
        for axes in figure.axes
        if axes.images
    ]


def test_the_numbers_of_the_mlp_are_drawn(mnist):
    model, image = MLP(hidden=20, dtype=np.float64), mnist.test_images[3]
    options = options_of(model="mlp", hidden=20)
    figures = look.draw_mlp(model, options, image, 5, "a 5", None)
    steps = look.mlp_passes(model, options, image, 5)

    (_, _, [x]), (_, z_formula, [z1]), (_, a_formula, [a1, off]) = images_of(figures["forward"])
    assert (x == image).all()
    assert z_formula == "z1 = x W1 + b1"
    assert a_formula.startswith("a1 = max(z1, 0)")
    assert z1.shape == (4, 5)
    assert (z1.ravel() == steps["z1"]).all()
    assert (a1.ravel() == steps["a1"]).all()
    assert (np.isfinite(off).ravel() == (steps["z1"] <= 0)).all()
    logits, p = figures["forward"].axes[3:5]
    assert [bar.get_width() for bar in logits.patches] == pytest.approx(steps["logits"])
    assert [bar.get_width() for bar in p.patches] == pytest.approx(steps["p"])

    (_, da_formula, [da1]), (_, dz_formula, [dz1, off]), *dW1 = images_of(figures["backward"])
    assert da_formula == "da1 = dlogits @ W2.T"
    assert dz_formula.startswith("dz1 = da1 * (z1 > 0)")
    assert (da1.ravel() == steps["da1"]).all()
    assert (dz1.ravel() == steps["dz1"]).all()
    assert (np.isfinite(off).ravel() == (steps["z1"] <= 0)).all()
    assert [bar.get_width() for bar in figures["backward"].axes[0].patches] == pytest.approx(steps["dlogits"])
    assert len(dW1) == 8
    affected = np.sort(np.abs(steps["dz1"]))[::-1]
    for rank, (title, _, [drawn]) in enumerate(dW1):
        unit = int(title.removeprefix("unit "))
        assert abs(steps["dz1"][unit]) == affected[rank]
        assert (drawn.ravel() == steps["dW1"][:, unit]).all()


@pytest.mark.parametrize("blocks", [1, 2])
def test_the_gradients_that_return_to_the_feature_maps(blocks, mnist):
    """Against central differences of the loss, from each stage on, in the network as it is for testing."""
    model = ResNet(widths=(2, 3), blocks=blocks, dtype=np.float64)
    rng = np.random.default_rng(0)
    for name, array in model.statistics.items():  # as if trained
        array[...] = rng.uniform(0.5, 2, array.shape) if name.endswith("var") else rng.normal(size=array.shape)
    model.training = False
    image, y = mnist.test_images[0], 3
    options = options_of(model="resnet", widths=(2, 3), blocks=blocks)
    expected = model.forward(data.as_input(image[np.newaxis], options))[0]
    steps = look.resnet_passes(model, options, image, y)
    assert steps["logits"] == pytest.approx(expected)
    assert list(steps["maps"]) == list(steps["gradients"]) == ["stem", "stage 1", "stage 2"]
    assert [a.shape for a in steps["maps"].values()] == [(14, 14, 2), (14, 14, 2), (7, 7, 3)]

    _, *all_blocks, mean, linear = model.layers.values()
    for stage, (name, start) in enumerate(steps["maps"].items()):
        start = start[np.newaxis].copy()

        def loss(start=start, rest=all_blocks[stage * blocks :]):
            a = start
            for block in rest:
                a = block.forward(a)
            return softmax_cross_entropy(linear.forward(mean.forward(a)), np.array([y]))[0]

        assert loss() == pytest.approx(steps["loss"])
        by_hand = steps["gradients"][name]
        assert np.abs(by_hand).max() > 0
        numerical = numerical_gradient(loss, start, h=1e-6)[0]
        # Where a ReLU stands closer to 0 than h, the difference is of two slopes: there may be a few.
        close = np.abs(by_hand - numerical) < 1e-5 * np.abs(by_hand).max()
        assert close.mean() > 0.99
        assert relative_difference(by_hand[close], numerical[close]) < 1e-5


VIT = {"model": "vit", "width": 6, "blocks": 2, "heads": 3, "patch": 7}


@pytest.fixture
def vit(mnist):
    """A ViT whose numbers are not 0 or 1 as at first, and what look.py finds in it: (model, options, image, steps)."""
    model, image = ViT(6, 2, 3, 7, dtype=np.float64), mnist.test_images[0]
    for array in model.params.values():
        array += np.random.default_rng(0).normal(0, 0.3, array.shape)
    options = options_of(**VIT)
    model.training = False
    return model, options, image, look.vit_passes(model, options, image, 3)


def test_the_gradients_that_return_to_the_patches(vit):
    """Against central differences of the loss, from after each block on, and from the pixels on."""
    model, options, image, steps = vit
    x = data.as_input(image[np.newaxis], options)
    assert steps["logits"] == pytest.approx(model.forward(x)[0])
    assert list(steps["gradients"]) == ["embedded", "block 1", "block 2"]
    patches, embed, positions, *rest = model.layers.values()
    a = positions.forward(embed.forward(patches.forward(x)))
    for i, by_hand in enumerate(steps["gradients"].values()):

        def loss(start=a, rest=rest[i:]):
            for layer in rest:
                start = layer.forward(start)
            return softmax_cross_entropy(start, np.array([3]))[0]

        assert loss() == pytest.approx(steps["loss"])
        assert relative_difference(by_hand, numerical_gradient(loss, a)[0]) < 1e-5
        a = rest[i].forward(a)
    numerical = numerical_gradient(lambda: softmax_cross_entropy(model.forward(x), np.array([3]))[0], x)[0]
    assert relative_difference(steps["dx"], numerical) < 1e-5


def test_the_attention_that_is_drawn(vit):
    """That of the patch which is framed, in every block and head; or of the one with the most ink."""
    model, options, image, steps = vit
    weights = [block.layers["attention"].weights[0] for block in (model.layers["blocks.0"], model.layers["blocks.1"])]
    ink = image.reshape(4, 7, 4, 7).sum(axis=(1, 3)).ravel()
    for chosen, patch in ((None, ink.argmax()), (4, 4)):
        figure = look.draw_vit(model, options, image, 3, "a 3", chosen)["attention"]
        drawn = [np.asarray(a.images[0].get_array()) for a in figure.axes if len(a.images) == 2]
        expected = [of_head[patch].reshape(4, 4) for of_block in weights for of_head in of_block]
        assert len(drawn) == 2 * 3
        assert all((mine == theirs).all() for mine, theirs in zip(drawn, expected, strict=True))
        frame = figure.axes[0].patches[0]
        assert frame.get_xy() == (7 * (patch % 4), 7 * (patch // 4))
    for name, attention in steps["attention"].items():
        assert attention.sum(axis=-1) == pytest.approx(np.ones((3, 16))), name


def test_the_weights_of_a_vit_are_those_of_its_embedding(vit):
    model, options, *_ = vit
    drawn = [axes.images[0].get_array() for axes in look.vit_weights(model, options).axes if axes.images]
    assert len(drawn) == 6
    assert all((of.ravel() == model.params["embed.W"][:, i]).all() for i, of in enumerate(drawn))


def test_the_confusion_matrix_and_the_mistakes(tiny, mnist):
    for name in ("np", "resnet_np"):
        model, options, checkpoint = predict.load_network(tiny / f"checkpoint_{name}.npz")
        p = look.probabilities(model, options, mnist)
        counts = look.confusion_matrix(p, mnist.test_labels)
        assert counts.sum() == 10_000
        assert (counts.sum(axis=1) == np.bincount(mnist.test_labels)).all()
        with np.load(checkpoint.path) as npz:
            assert np.trace(counts) / 10_000 == npz["history/test_accuracy"][-1]

        wrong = look.worst(p, mnist.test_labels)
        assert len(wrong) == look.WRONG
        said, confidence = p[wrong].argmax(axis=1), p[wrong].max(axis=1)
        assert (said != mnist.test_labels[wrong]).all()
        assert (np.diff(confidence) <= 0).all()
        others = np.setdiff1d(np.flatnonzero(p.argmax(axis=1) != mnist.test_labels), wrong)
        assert p[others].max(axis=1).max() <= confidence[-1]

        figures = look.draw_test(model, options, mnist)
        numbers = [int(text.get_text().replace(",", "")) for text in figures["confusion"].axes[0].texts]
        assert sum(numbers) == 10_000
        first = figures["mistakes"].axes[0]
        assert (first.images[0].get_array() == mnist.test_images[wrong[0]]).all()
        assert first.get_title() == f"{mnist.test_labels[wrong[0]]} read as {said[0]}: {confidence[0]:.3f}"


def test_a_perfect_network_has_no_mistakes(mnist):
    p = np.eye(10)[mnist.test_labels]
    assert len(look.worst(p, mnist.test_labels)) == 0
    assert np.trace(look.confusion_matrix(p, mnist.test_labels)) == 10_000


def test_the_weights_drawn_are_those_of_the_loudest_units():
    model = MLP(hidden=100)
    figure = look.mlp_weights(model, options_of(model="mlp", hidden=100))
    drawn = [axes for axes in figure.axes if axes.images]
    assert len(drawn) == 64
    norms = np.linalg.norm(model.params["W2"], axis=1)
    for axes, unit in zip(drawn, np.argsort(-norms), strict=False):
        assert (axes.images[0].get_array().ravel() == model.params["W1"][:, unit]).all()
        assert axes.get_xlabel() == f"for {model.params['W2'][unit].argmax()}"


# --- The command ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["np", "resnet_np", "vit_np"])
def test_the_command_draws_everything(name, tiny, tmp_path, capsys):
    assert look.main(["--weights", str(tiny / f"checkpoint_{name}.npz"), "--out", str(tmp_path), "--test", "7"]) is None
    said = capsys.readouterr().out
    assert "test image 7, a 9" in said
    for kind in KINDS if name != "vit_np" else ("attention", *KINDS[1:]):
        assert f"{kind}_{name}.png" in said
        with Image.open(tmp_path / f"{kind}_{name}.png") as image:
            assert image.width == 1200
    assert len(list(tmp_path.iterdir())) == len(KINDS)


def test_a_network_that_nothing_is_said_about_has_its_answers_drawn(tiny, tmp_path, monkeypatch):
    monkeypatch.delitem(look.INSIDE, "vit")
    look.main(["--weights", str(tiny / "checkpoint_vit_np.npz"), "--out", str(tmp_path)])
    assert {path.name for path in tmp_path.iterdir()} == {"confusion_vit_np.png", "mistakes_vit_np.png"}


def test_a_picture_of_your_own(tiny, tmp_path, program, mnist):
    Image.fromarray(255 - mnist.test_images[1]).resize((280, 280)).save(tmp_path / "2.png")
    result = program(
        "look.py", tmp_path / "2.png", "--label", 2, "--weights", tiny / "checkpoint_np.npz", "--out", tmp_path,
        env={"PYTHONPATH": str(ROOT / "tests" / "no_torch"), "PYTHONWARNINGS": "error,ignore::DeprecationWarning"},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert "your picture, a 2" in result.stdout
    assert all((tmp_path / f"{kind}_np.png").exists() for kind in KINDS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--test", "10000"], "10000 is not in the range 0 to 9999"),
        (["--test", "-1"], "-1 is not in the range"),
        (["photo.png"], "needs --label"),
        (["photo.png", "--label", "10"], "10 is not in the range 0 to 9"),
        (["photo.png", "--label", "1", "--test", "3"], "no --test"),
        (["photo.png", "--label", "1"], "cannot read photo.png: No such file"),
        (["--label", "1"], "--label is for a picture of your own"),
        (["--patch", "3"], "--patch 3: only a ViT has any"),
        (["--patch", "16", "--weights", "vit"], "--patch 16: there are 16, from 0"),
    ],
)
def test_errors(arguments, words, tiny, tmp_path):
    with pytest.raises(UserError, match=words):
        name = "vit_np" if arguments[-1] == "vit" else "np"
        arguments = [word for word in arguments if word not in ("--weights", "vit")]
        look.main([*arguments, "--weights", str(tiny / f"checkpoint_{name}.npz"), "--out", str(tmp_path)])
    assert not list(tmp_path.iterdir())


def test_held_out_images_are_counted(tmp_path):
    main_np.main(["--hidden", "4", "--steps", "3", "--hold-out", "100", "--out", str(tmp_path)])
    weights = str(tmp_path / "checkpoint_np.npz")
    with pytest.raises(UserError, match="--test 100: there are 100 held-out images, from 0"):
        look.main(["--test", "100", "--weights", weights, "--out", str(tmp_path)])


def test_without_a_trained_network_it_says_what_to_run(program, tmp_path):
    result = program("look.py", cwd=tmp_path)
    assert_one_line(result, "look.py: no trained network in learning_curves: run `python main_np.py` first")


@pytest.mark.parametrize("name", ["np", pytest.param("resnet_np", marks=pytest.mark.slow)])
def test_weights_that_are_too_large_to_compute_with_are_one_line(tiny, tmp_path, program, name):
    """Finite, so that they are read, but not their products; predict.py says the same."""
    with np.load(tiny / f"checkpoint_{name}.npz", allow_pickle=False) as npz:
        arrays = {n: a * np.float32(1e38) if n.startswith("params/") and a.ndim > 1 else a for n, a in npz.items()}
    weights = tmp_path / f"checkpoint_{name}.npz"
    np.savez(weights, **{n: np.nan_to_num(a) if a.dtype.kind == "f" else a for n, a in arrays.items()})
    picture = Image.new("L", (40, 40), 255)
    picture.paste(0, (18, 5, 22, 35))
    picture.save(tmp_path / "digit.png")
    for argv in (("look.py", "--out", tmp_path / "out"), ("predict.py", tmp_path / "digit.png")):
        assert_one_line(program(*argv, "--weights", weights), "numbers overflow")
