"""look.py --training: what it draws is what the training does, and what is out of the ordinary is said."""

from types import SimpleNamespace

import numpy as np
import pytest
from test_plot import assert_legible

import data
import look
import main_np
import mlp_np
import plot
from conftest import SMALL, schedule
from layers_np import flatten_layers
from loading.options import parse_options
from mlp_np import softmax_cross_entropy
from support.errors import UserError
from support.history import History
from support.schedule import learning_rate
from views import training, training_picture

QUICK = ("--steps", "300", "--batch-size", "50")


@pytest.fixture(autouse=True)
def few(small, monkeypatch):
    monkeypatch.setattr(data, "load", lambda *of: small)
    monkeypatch.setattr(plot, "save_learning_curves", lambda run: None)


def options_of(*words):
    return parse_options("np", *words)


def test_the_numbers_of_the_first_steps_are_those_of_the_run(small):
    """What is said of step 3 is computed here once more, with the MLP's own formulas."""
    options = options_of("--hidden", 20, "--dtype", "float64", *QUICK)
    seen = training.diagnose_first_steps(options, 3)
    network, optimizer = main_np.build(options)
    for step, (x, y) in enumerate(data.batches(small, options, 0, 3)):
        before = {name: p.copy() for name, p in network.params.items()}
        loss, _ = main_np.train_step(network, optimizer, x, y, learning_rate(step, 300, options))
        assert seen["losses"][step] == pytest.approx(loss)
    W1, b1, W2, b2 = before.values()
    z1 = x.reshape(50, 784) @ W1 + b1
    a1 = np.maximum(z1, 0)
    dlogits = softmax_cross_entropy(a1 @ W2 + b2, y)[1]
    dW2 = a1.T @ dlogits
    assert [*seen["layers"]] == ["z1", "a1", "logits"]
    assert seen["layers"]["z1"]["spread"] == pytest.approx(z1.std())
    assert seen["layers"]["a1"]["zeros"] == (a1 == 0).mean()
    assert seen["arrays"]["W2"]["gradient"] == pytest.approx(np.sqrt((dW2**2).mean()))
    moved = network.params["W2"] - W2
    assert seen["arrays"]["W2"]["step"] == pytest.approx(np.linalg.norm(moved) / np.linalg.norm(W2))
    assert seen["arrays"]["b2"]["step"] is None and seen["classes"] == 10
    assert np.array_equal(seen["examples"], x[: training.N_DRAWN_EXAMPLES])
    assert seen["labels"] == [str(digit) for digit in y[: training.N_DRAWN_EXAMPLES]]
    assert seen["where"].startswith("step 3 of 300, rate ")


@pytest.mark.parametrize("model", schedule(SMALL, every_day=["mlp"]))
def test_each_network_as_it_is_has_nothing_out_of_the_ordinary(model):
    options = options_of("--model", model, *SMALL[model].split(), *QUICK)
    seen = training.diagnose_first_steps(options, 4)
    assert seen["marks"] == []
    assert seen["arrays"].keys() == main_np.build(options)[0].params.keys()
    layers = training.make_network("np", options).layers if model != "mlp" else seen["layers"]
    assert seen["layers"].keys() == layers.keys()
    assert_legible(training_picture.draw_training(seen, "a title", ["No number is out of the ordinary."]))


# What is wrong with a run, and what is then said of it.
WRONG = {
    "--pixels raw": "An unusual spread of what goes in: x ",
    "--lr 1e9": "The loss is nan in step ",
    "--lr 30 --schedule constant": "of the units",
    "--lr 1e-9": "An unusual step, in units of the weights (the rule of thumb is 0.001): W1 ",
}
WRONG["--lr 30 --schedule constant"] = "Units that are 0 for all images of the batch: a1 "


@pytest.mark.parametrize("words", WRONG)
def test_what_is_out_of_the_ordinary_is_said(words):
    with np.errstate(all="ignore"):
        seen = training.diagnose_first_steps(options_of("--hidden", 20, *QUICK, *words.split()), 20)
    said = training.describe_marks(seen["marks"])
    assert any(sentence.startswith(WRONG[words]) for sentence in said), said
    if words == "--lr 1e9":  # with numbers that cannot be drawn; the others look like those above
        assert_legible(training_picture.draw_training(seen, "a title", said))


def test_a_first_loss_that_is_not_finite_is_said(monkeypatch):
    step = main_np.train_step
    monkeypatch.setattr(main_np, "train_step", lambda *of: step(*of) and (np.inf, 0.0))
    said = training.describe_marks(training.diagnose_first_steps(options_of("--hidden", 8, *QUICK), 3)["marks"])
    assert said[0].startswith("The first loss is inf, where equal scores give log 10 = 2.303")


def test_each_mark_has_its_cause():
    def outputs(a):
        return [mark.message for mark in training.iter_output_marks("z1", np.array(a, float))]

    fine = [[1.0, 0.0], [0.0, 2.0]]
    assert outputs(fine) == []
    assert outputs([[1.0, 0.0], [2.0, 0.0]]) == ["Units that are 0 for all images of the batch"]
    assert outputs([[1.0, 2.0], [1.0, 2.0]]) == ["The same for all images of the batch"]
    assert outputs([[1.0, np.inf], [1.0, 2.0]]) == ["Not finite"]
    assert outputs(1e3 * np.array(fine)) == ["An unusual spread"]

    def arrays(gradient, step):
        return [mark.message.split(",")[0] for mark in training.iter_array_marks("W1", gradient, step)]

    assert arrays(1.0, 1e-3) == arrays(1.0, None) == []
    assert arrays(0.0, 1e-3) == ["No gradient arrives"]
    assert arrays(np.nan, None) == ["A gradient that is not finite"]
    assert arrays(1.0, 0.5) == arrays(1.0, 1e-7) == ["An unusual step"]
    assert [*training.iter_array_marks("W1", 1.0, 1e-7, rate_fraction=1e-3)] == []  # while the rate rises
    marks = [training.Mark(f"W{i}", "No gradient arrives") for i in range(6)]
    assert training.describe_marks(marks) == ["No gradient arrives: W0, W1, W2, W3 and 2 more."]


def trained(out, *words):
    main_np.main([*words, *QUICK[2:], "--steps", "30", "--out", str(out)])
    return next(out.glob("checkpoint_*.npz"))


@pytest.mark.slow(one_in=2)
def test_a_checkpoint_shows_its_last_batch_and_a_step_at_the_highest_rate(small, tmp_path, capsys):
    """Of a network with batch normalisation, which computes otherwise in testing."""
    path = trained(tmp_path, "--model", "resnet", *SMALL["resnet"].split())
    options, checkpoint = training.read_options_and_checkpoint("np", path)
    seen = training.diagnose_last_step(options, checkpoint)
    ((x, y),) = data.batches(small, options, 29, 30)
    network, optimizer = main_np.build(options, checkpoint)
    before = {name: p.copy() for name, p in network.params.items()}
    main_np.train_step(network, optimizer, x, y, options.run.lr)
    for name, array in seen["arrays"].items():
        if array["step"]:
            moved = np.linalg.norm(network.params[name] - before[name]) / np.linalg.norm(before[name])
            assert array["step"] == pytest.approx(moved, rel=1e-3), name
    assert len(seen["losses"]) == 30 and f"{options.run.lr:g} (the highest)" in seen["where"]
    look.main(["--training", "--weights", str(path), "--out", str(tmp_path)])
    assert capsys.readouterr().out.rstrip().endswith(f"see {tmp_path / 'training_resnet_np.png'}")
    assert (tmp_path / "training_resnet_np.png").exists()


@pytest.fixture
def with_wrong_labels(monkeypatch):
    """A tenth of the labels are wrong, and only in the run's batches."""
    right = data.augment_batches

    def draw(dataset, options, first, last):
        for images, labels in right(dataset, options, first, last):
            yield images, (labels + is_mislabelled(images)) % 10

    monkeypatch.setattr(data, "augment_batches", draw)


def is_mislabelled(images):
    """Whether the label of each image is to be wrong: a tenth of them, which depends on its pixels alone."""
    return images.reshape(len(images), -1).sum(axis=1, dtype=np.int64) % 10 == 0


def test_wrong_labels_of_a_runs_batches_are_among_the_most_confident_mistakes(
    with_wrong_labels, tmp_path, capsys, monkeypatch
):
    path = trained(tmp_path, "--hidden", "24")
    options, checkpoint = training.read_options_and_checkpoint("np", path)
    images, labels, answered, p = training.find_confident_mistakes(options, checkpoint)
    model = main_np.build(options, checkpoint)[0]
    logits = model.forward(data.scale_pixels(images, options))
    assert [*answered] == [str(k) for k in logits.argmax(axis=1)]
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = exps / exps.sum(axis=1, keepdims=True)
    assert p == pytest.approx(probabilities.max(axis=1), rel=1e-4)
    confidence = np.where(np.array(labels) == answered, -1, 1) * p
    assert len(p) == 24 and (np.diff(confidence) <= 0).all()
    assert is_mislabelled(images).sum() > 18
    look.main(["--training", "--weights", str(path), "--out", str(tmp_path)])
    assert (
        f"see {tmp_path / 'worst_np.png'}: the 24 training examples that it misreads most confidently"
        in capsys.readouterr().out
    )
    assert (tmp_path / "worst_np.png").exists()


@pytest.mark.slow(one_in=2)
def test_after_300_steps_most_of_what_is_shown_has_a_wrong_label(mnist, with_wrong_labels, tmp_path, monkeypatch):
    """Of all images, among which many are hard to read: the 24 highest losses are half of these."""
    monkeypatch.setattr(data, "load", lambda *of: mnist)
    main_np.main(["--steps", "300", "--out", str(tmp_path)])
    options, checkpoint = training.read_options_and_checkpoint("np", tmp_path / "checkpoint_np.npz")
    assert is_mislabelled(training.find_confident_mistakes(options, checkpoint).images).sum() > 18


@pytest.mark.slow(one_in=2)
def test_a_network_that_kept_no_momentum_shows_no_step_and_a_run_without_a_step_its_first_batch(small, tmp_path):
    path = trained(tmp_path, "--hidden", "8")
    options, checkpoint = training.read_options_and_checkpoint("np", path)
    seen = training.diagnose_last_step(options, checkpoint._replace(groups=checkpoint.groups | {"momentum": {}}))
    assert {array["step"] for array in seen["arrays"].values()} == {None}
    assert "128 training images" in seen["where"]
    assert_legible(training_picture.draw_training(seen, "a title", ["No number is out of the ordinary."]))
    seen = training.diagnose_last_step(options, checkpoint._replace(history=History()))
    first, _ = next(data.batches(small, options, 0, 1))
    assert np.array_equal(seen["examples"], first[: training.N_DRAWN_EXAMPLES])


def see_nothing(options, n_steps):
    seen = {"where": n_steps, "marks": [], "labels": None, "table": {"loss": [0.5, None, None]}, "ranges": {}}
    return seen | {"no_ranges": "No ranges."}


@pytest.mark.parametrize(
    ("argv", "steps"), [(["--training", "3"], 3), (["--training", "--seed", "0"], training.DEFAULT_N_STEPS)]
)
def test_a_number_of_steps_is_that_of_a_new_run(argv, steps, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, "diagnose_first_steps", see_nothing)
    monkeypatch.setattr(training_picture, "draw_training", lambda *_: None)
    monkeypatch.setattr(training.drawing, "save", lambda *_: None)
    look.main([*argv, "--out", str(tmp_path)])
    title, table, conclusion = capsys.readouterr().out.split("\n\n")
    assert title.endswith(f", {steps}") and table.splitlines()[1].split() == ["loss", "0.5"]
    assert conclusion.splitlines()[0].endswith("Only you can see whether the texts are right.")
    assert conclusion.splitlines()[1] == "No ranges."


def test_two_runs_at_once_are_refused(tmp_path):
    with pytest.raises(UserError, match="--weights names a run, and --lr describes another"):
        look.main(["--training", "--weights", "some.npz", "--lr", "1"])
    with pytest.raises(UserError, match="--weights names a run, and --training 3 describes another"):
        look.main(["--training", "3", "--weights", "some.npz"])
    with pytest.raises(UserError, match="unrecognized arguments: --lr"):
        look.main(["--lr", "1"])
    with pytest.raises(UserError, match="this program cannot --resume a run"):
        look.main(["--training", "3", "--resume", "some.npz"])


def test_to_look_changes_nothing(small):
    """The layers of the network that is looked at compute as before."""
    model = training.make_network("np", options := options_of("--model", "vit", *SMALL["vit"].split()))
    batch = small.train_images[:5], small.train_labels[:5].astype(np.int64)
    training.compute_passes(model, options, batch)
    assert not any("forward" in vars(layer) for layer in flatten_layers(model.layers).values())


def test_what_a_step_does_besides_is_in_what_is_shown(monkeypatch):
    """A clipped norm, say: it is main_np.train_step whose gradients are shown."""
    options, compute_loss = options_of("--hidden", 8, *QUICK), main_np.compute_loss
    before = training.diagnose_first_steps(options, 2)

    def small(logits, y):
        loss, dlogits = compute_loss(logits, y)
        return loss, 1e-9 * dlogits

    monkeypatch.setattr(main_np, "compute_loss", small)
    after = training.diagnose_first_steps(options, 2)
    for name in before["arrays"]:
        assert after["arrays"][name]["gradient"] < 1e-6 * before["arrays"][name]["gradient"]
    assert after["marks"][0].message.startswith("An unusual step")


def test_what_a_layer_puts_out_is_what_forward_leaves_of_the_last_batch(tmp_path, small):
    """No gradient is taken for it. A run that has learned has nothing unusual to say."""
    path = trained(tmp_path, "--hidden", "64")
    options, checkpoint = training.read_options_and_checkpoint("np", path)
    seen = training.diagnose_last_step(options, checkpoint)
    assert [*seen["layers"]] == ["z1", "a1", "logits"] and seen["marks"] == []
    ((x, _),) = data.batches(small, options, 29, 30)
    assert np.array_equal(seen["examples"], x[: training.N_DRAWN_EXAMPLES])
    assert seen["where"] == "after 30 steps: the last batch again, rate 0.1 (the highest)"


def equal_columns(rng, fan_in, fan_out):
    return np.repeat(rng.normal(0, np.sqrt(2 / fan_in), (fan_in, 1)), fan_out, axis=1), np.zeros(fan_out)


def test_units_that_are_all_alike_are_said(monkeypatch):
    monkeypatch.setitem(mlp_np.INITS, "he", equal_columns)
    said = training.describe_marks(training.diagnose_first_steps(options_of("--hidden", 20, *QUICK), 3)["marks"])
    assert any(words.startswith("The same in all units (are their first weights alike?): z1") for words in said), said


def test_a_loss_below_zero_and_examples_that_come_again_are_said(monkeypatch, small):
    step = main_np.train_step
    monkeypatch.setattr(main_np, "train_step", lambda *of: step(*of) and (-0.5, 0.0))
    said = training.describe_marks(training.diagnose_first_steps(options_of("--hidden", 8, *QUICK), 2)["marks"])
    assert "The loss is -0.5 in step 1, and -log p is never below 0." in said
    right = data.make_rng
    monkeypatch.setattr(
        data, "make_rng", lambda *key: SimpleNamespace(permutation=lambda n: right(*key).permutation(60))
    )
    said = training.describe_marks(training.diagnose_first_steps(options_of("--hidden", 8, *QUICK), 2)["marks"])
    assert any(words.startswith("Only 60 different images were drawn: 100 draws should") for words in said)


def half_a_gradient(model, dlogits):
    return {name: dp / 2 if name == "b1" else dp for name, dp in right_backward(model, dlogits).items()}


right_backward = mlp_np.MLP.backward


def test_test_images_that_are_to_be_learned_are_said(monkeypatch, small):
    def said(dataset):
        monkeypatch.setattr(data, "load", lambda *of: dataset)
        return training.describe_marks(training.diagnose_first_steps(options_of("--hidden", 20, *QUICK), 2)["marks"])

    both = (np.concatenate(pair) for pair in zip(small[:2], small[2:], strict=True))
    assert "Of the test images 100% are among the training images: x." in said(small._make([*both, *small[2:]]))
    assert said(small) == []
    inverted = small._replace(train_images=255 - small.train_images)
    assert any(line.startswith("An unusual mean of what goes in: x 2.") for line in said(inverted))


def test_gradients_that_are_not_those_of_the_loss_and_a_loss_that_is_none_are_said(monkeypatch):
    said, options = "`python main_np.py --prove` says where it begins", options_of("--hidden", 8, *QUICK)
    monkeypatch.setattr(mlp_np.MLP, "backward", half_a_gradient)
    assert training.describe_marks(training.diagnose_first_steps(options, 2)["marks"]) == [
        f"The gradients are not those of the loss ({said})."
    ]
    monkeypatch.setattr(mlp_np.MLP, "backward", right_backward)
    compute_loss = main_np.compute_loss

    def larger(logits, y):
        loss, dlogits = compute_loss(logits, y)
        return 1.1 * loss, 1.1 * dlogits

    monkeypatch.setattr(main_np, "compute_loss", larger)
    assert training.describe_marks(training.diagnose_first_steps(options, 2)["marks"]) == [
        f"The loss is not the mean of -log p[y] ({said})."
    ]
