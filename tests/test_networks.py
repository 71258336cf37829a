"""What holds for every network: by hand, on the tape and in PyTorch it is one network, and one run."""

import inspect
import itertools
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import nn

import data
import loading.network
import main_np
import main_torch
import mlp_np
import mlp_torch
import networks
from conftest import SMALL, fuzz, schedule
from data import SOURCES
from lab import results, twins
from loading.network import find_class
from loading.options import parse_options
from networks import NETWORKS, OPTIMIZERS
from support import options as opt
from support import texts
from support.checkpoint import load_checkpoint
from support.errors import UserError
from support.options import option, with_changes
from support.run import FILE_TEMPLATES
from support.torch_names import iter_parameters, to_numpy_by_group

pytestmark = pytest.mark.usefixtures("quick_curves")
FEW_UNITS = [f"{model} {SMALL.get(model, '')}" for model in NETWORKS]


def build(words):
    """(options, by hand, on the tape, in PyTorch), each of the three a network and its optimizer."""
    options = parse_options("torch", "--model", *words.split())
    tape = with_changes(options, autograd=True)
    return options, main_np.build(options), main_np.build(tape), main_torch.build(options)


def farthest(a, b):
    """The largest difference between two dicts of dicts of arrays."""
    assert a.keys() == b.keys()
    return max(twins.largest_difference(a[group], b[group]) for group in a if a[group] or b[group])


# --- One network ----------------------------------------------------------------------------------------------------


def by_numpy(model, x, y):
    """All that one batch comes to: logits, gradients, statistics, and the logits in testing."""
    logits = model.forward(x)
    grads = model.backward(main_np.compute_loss(logits, y)[1])
    assert list(grads) == list(model.params)
    model.training = False
    statistics = sorted(getattr(model, "statistics", {}).items())
    return {"logits": logits, **grads, **dict(statistics), "when testing": model.forward(x)}


def by_pytorch(model, optimizer, x, y):
    x = torch.from_numpy(x)
    logits = model(x)
    F.cross_entropy(logits.flatten(0, -2), torch.from_numpy(y).flatten(), ignore_index=-1).backward()
    grads = {name: turn(p.grad).numpy() for name, p, turn in iter_parameters(model)}
    statistics = sorted(to_numpy_by_group(model.eval(), optimizer)["statistics"].items())
    return {"logits": logits.detach().numpy(), **grads, **dict(statistics), "when testing": model(x).detach().numpy()}


def compare(words, images, labels, absolute=1e-12, relative=np.inf):
    """By hand and on the tape everything is what PyTorch says; with an MLP, the tape is the same to the bit."""
    options, (by_hand, _), (on_tape, _), (theirs, optimizer) = build(f"{words} --dtype float64")
    x, y = data.encode(images, labels, options)
    right = by_pytorch(theirs, optimizer, x, y)
    found = by_numpy(by_hand, x, y), by_numpy(on_tape, x, y)
    assert list(found[0]) == list(found[1]) == list(right)
    for name, array in right.items():
        for ours in found:
            assert ours[name].shape == array.shape, name
            assert np.abs(ours[name] - array).max() < absolute * max(1, np.abs(array).max()), name
            assert mlp_np.relative_difference(ours[name], array) < relative, name
        assert not words.startswith("mlp") or (found[0][name] == found[1][name]).all()


@pytest.mark.parametrize("words", [*schedule(NETWORKS, every_day=len(NETWORKS)), *FEW_UNITS])
def test_every_gradient_is_that_of_pytorch(mnist, words):
    """For digits, in which much is exactly 0. Random shapes are below."""
    n = 128 if words in FEW_UNITS else 40  # the large ones take their time
    images, labels = mnist.train_images[:n], mnist.train_labels[:n].astype(np.int64)
    compare(words, images, labels, relative=1e-12 if words.startswith("mlp") else 1e-11)


LETTERS = [f"{model} --dataset {of}" for model in ("gpt", "llama") for of in ("names", "shakespeare")]


@pytest.mark.parametrize("words", schedule(LETTERS, every_day=["gpt --dataset names", "llama --dataset names"]))
def test_every_gradient_is_that_of_pytorch_for_letters(words):
    compare(words, *data.load(words.split()[-1]).get_train_examples_and_labels(slice(32)), relative=1e-11)


@pytest.mark.parametrize("model", [model for model, network in NETWORKS.items() if not network.writes])
def test_exactly_at_zero_no_gradient_passes_a_relu(model):
    """There is no derivative; all three have to make the same choice. Where all pixels are 0, so are the sums."""
    compare(f"{model} --pixels raw", np.zeros((3, 28, 28), np.uint8), np.array([1, 2, 3]))


FEW = st.integers(1, 3)
# With two channels, those of some patch or word are nearly the same, and their variance is mostly rounding.
HEADS = st.builds(lambda heads, d: f"--heads {heads} --width {heads * (d + 3)}", FEW, FEW)
RANDOM = {model: st.just(words) for model, words in zip(NETWORKS, FEW_UNITS, strict=True)} | {
    "mlp": st.builds("mlp --hidden {} --init {}".format, st.integers(1, 12), st.sampled_from([*mlp_np.INITS])),
    "resnet": st.builds("resnet --widths {},{} --blocks {}".format, FEW, FEW, FEW),
    "vit": st.builds("vit {} --blocks {} --patch {}".format, HEADS, FEW, st.sampled_from([7, 14, 28])),
    "gpt": st.builds("gpt {} --blocks {}".format, HEADS, FEW),
    "llama": st.builds(
        lambda keys, g, d, hidden, blocks: (
            f"llama --kv-heads {keys} --heads {keys * g} --width {keys * g * 2 * d} --hidden {hidden} --blocks {blocks}"
        ),
        FEW,
        FEW,
        FEW,
        FEW,
        FEW,
    ),  # of a single number, the root mean square would leave nothing but its sign
}


@pytest.mark.parametrize("examples", schedule([20], instead=[3], in_turn=2))
@pytest.mark.parametrize("model", RANDOM)
def test_random_shapes(model, examples):
    def check(drawn):
        words, batch, seed = drawn
        rng = np.random.default_rng(seed)
        images, labels = rng.integers(256, size=(batch, 28, 28), dtype=np.uint8), rng.integers(10, size=batch)
        compare(f"{words} --seed {seed}", images, labels, absolute=1e-11)

    fuzz(examples, st.tuples(RANDOM[model], st.integers(1, 9), st.integers(0, 2**32)), check)


@pytest.mark.parametrize("model", NETWORKS)
def test_sizes_precision_defaults_and_seeds(model):
    options, *networks, (theirs, _) = build(model)
    size = sum(p.numel() for p in theirs.parameters())
    x, y = data.encode(np.full((3, 28, 28), 99, np.uint8), np.array([1, 2, 3]), options)
    runs = results.load_results()["accuracy"].get(f"{options.network.name}, NumPy", {"runs": {}})["runs"]
    assert {run["parameters"] for run in runs.values()} <= {size}
    for ours, optimizer in networks:
        assert sum(p.size for p in ours.params.values()) == size
        logits = ours.forward(x)
        _, dlogits = main_np.compute_loss(logits, y)
        groups = main_np.get_all_arrays_by_group(ours, optimizer) | {"": {"logits": logits, "dlogits": dlogits}}
        groups["grads"] = ours.backward(dlogits)
        kinds = {a.dtype for group in groups.values() for a in group.values()}
        assert kinds - {np.dtype(np.int64)} == {np.dtype(np.float32)}  # a network may count its steps
    for way in ("np", "autograd", "torch"):
        for taken in inspect.signature(find_class(options, way)).parameters.values():
            if taken.name in options.network.options:  # None: the data say it
                assert getattr(options.run, taken.name) in (None, taken.default)
    first, again, other = (main_np.build(build(f"{model} --seed {n}")[0])[0].params for n in (1, 1, 2))
    assert all((first[name] == again[name]).all() for name in first)
    drawn = [name for name, p in first.items() if p.ndim > 1 and len(np.unique(p)) > 2]  # an identity is not
    assert drawn and all((first[name] != other[name]).any() for name in drawn)


WRITERS = "", "--dataset names --blocks 1", "--dataset shakespeare --context-length 20 --blocks 1"


SIZES = ("gpt --width 12 --heads 3", "llama --width 12 --heads 6 --kv-heads 3 --hidden 5")


WRITING = [f"{size} {more}" for more in WRITERS for size in reversed(SIZES)]


@pytest.mark.parametrize("words", schedule(WRITING, every_day=2))
def test_what_is_written_is_the_same_in_pytorch(words):
    """From the same numbers u: digits from the word that asks for them, names from their first letters, too; a text."""
    options, *_, (theirs, _) = build(f"{words} --dtype float64")
    ours = loading.network.make_network("np", options)
    begun = np.array([[3, 9, 60], [0, 0, 8]])
    if options.source.noun != "texts":
        begun = options.source.tokenizer.start_tokens([3, 9] if options.source.noun == "images" else [0, 0])
    if options.source.noun == "names":
        begun = np.hstack([begun, texts.encode_names(["ma", "le"])[:, :2]])
    for temperature, *limits in ((1, None), (0.8, None), (1, 3), (0, None), (1, None, 0.3), (1.5, 5, 0.9)):
        by_hand, by_torch = (
            np.stack([np.asarray(new) for new in model.generate(begun, temperature, np.random.default_rng(1), *limits)])
            for model in (ours, theirs.eval())
        )
        assert by_hand.shape == (ours.context_length - begun.shape[1] + 1, 2)
        assert np.array_equal(by_hand, by_torch), (temperature, limits)


# --- One run --------------------------------------------------------------------------------------------------------

ADAMW = "--optimizer adamw --lr 0.003 --weight-decay 0.05 --batch-size 64 --steps 20"
LOCKSTEP = [  # what is trained, and how far apart PyTorch and the tape may be: in weights, and all else that is kept
    ("mlp --hidden 32 --steps 60", 1e-13, 0),
    ("mlp --hidden 16 --steps 20 --momentum 0", 1e-13, 0),
    (f"mlp --hidden 16 {ADAMW}", 1e-12, 0),
    ("gpt --width 12 --blocks 1 --heads 3 --steps 6", 1e-12, 1e-12),
    ("llama --dataset names --width 12 --blocks 1 --heads 6 --kv-heads 3 --hidden 5 --steps 6", 1e-12, 1e-12),
]
LONG = [
    ("mlp --hidden 32 --steps 60 --momentum 0", 1e-13, 0),
    ("gpt --width 12 --blocks 1 --heads 3 --steps 20", 1e-12, 1e-12),
    ("llama --dataset names --width 12 --blocks 1 --heads 6 --kv-heads 3 --hidden 5 --steps 20", 1e-12, 1e-12),
    # letters, float32, more than an epoch, and networks of the default sizes
    ("mlp --steps 60 --dtype float32", 1e-4, 0),
    (f"resnet --widths 2,3 {ADAMW}", 1e-12, 1e-12),
    ("vit --width 12 --blocks 2 --heads 3 --steps 20 --optimizer sgd --lr 0.1 --weight-decay 5e-4", 1e-12, 1e-12),
    ("gpt --dataset names --width 12 --blocks 1 --heads 3 --steps 20", 1e-12, 1e-12),
    ("gpt --dataset shakespeare --width 12 --blocks 1 --heads 3 --context-length 20 --steps 20", 1e-12, 1e-12),
    ("mlp --hidden 64 --steps 500", 1e-12, 0),
    ("resnet --steps 12", 1e-9, 1e-12),
    ("vit --patch 14 --blocks 2 --steps 70", 1e-12, 1e-12),
    ("gpt --steps 20", 1e-12, 1e-12),
    ("gpt --dataset names --steps 60", 1e-12, 1e-12),
    ("gpt --dataset shakespeare --steps 20", 1e-12, 1e-12),
    ("llama --dataset shakespeare --context-length 16 --width 32 --blocks 1 --lr 0.01 --steps 120", 1e-12, 1e-12),
    ("llama --dataset shakespeare --steps 20", 1e-12, 1e-12),
    ("llama --steps 20", 1e-12, 1e-12),
]


@pytest.mark.parametrize(("words", "torch_apart", "tape_apart"), LOCKSTEP + schedule(LONG, in_turn=6))
def test_lockstep(words, torch_apart, tape_apart, mnist, monkeypatch):
    load = data.load  # MNIST is read once for all
    monkeypatch.setattr(data, "load", lambda source, n: mnist if source.name == "mnist" else load(source))
    options = build(words if "--dtype" in words else f"{words} --dtype float64")[0]
    losses = []
    for n, (by_hand, on_tape, by_torch, _) in enumerate(twins.iter_lockstep(options), 1):
        losses.append(by_hand.loss)
        assert abs(by_hand.loss - by_torch.loss) < max(torch_apart, 1e-12)
        assert abs(by_hand.loss - on_tape.loss) <= tape_apart
        if n % 468 == 0 or n == options.run.steps:
            assert farthest(by_hand.arrays, on_tape.arrays) <= tape_apart
            if options.run.momentum == 0:  # PyTorch then keeps no velocities
                by_torch.arrays["momentum"] = by_hand.arrays["momentum"]
            assert farthest(by_hand.arrays, by_torch.arrays) < torch_apart
    assert n == options.run.steps
    # A network that knows nothing has a loss of log(10), or log(128). That of a letter cannot halve: names keep 2.1.
    assert n < 50 or np.mean(losses[-20:]) < losses[0] * (2 / 3 if "--dataset" in words else 1 / 2)


PROGRAMS = {"by hand": (main_np, []), "on the tape": (main_np, ["--autograd"]), "in PyTorch": (main_torch, [])}
NEXT = {"by hand": "in PyTorch", "in PyTorch": "on the tape", "on the tape": "by hand"}


EVERY_DAY = {("mlp", first) for first in PROGRAMS} | {("resnet", "in PyTorch")}


@pytest.mark.parametrize(("model", "first"), schedule(itertools.product(NETWORKS, PROGRAMS), every_day=EVERY_DAY))
def test_a_run_goes_on_bit_for_bit_and_can_change_hands(model, first, small, monkeypatch, tmp_path, capsys):
    """One epoch in one program and one in the same or the next: the run that never stopped, augmentation and all."""
    few = small._make(array[:n] for array, n in zip(small, (180, 180, 100, 100), strict=True))
    monkeypatch.setattr(data, "load", lambda *_: few)

    def run(which, name, *argv):
        """(what its checkpoint holds, the other files, what was printed last, the checkpoint's path)"""
        program, more = PROGRAMS[which]
        assert program.main([*argv, *more, "--out", str(tmp_path / name)]) == 0
        framework = "torch" if program is main_torch else "np"
        *others, checkpoint = (
            tmp_path / name / file.format(networks.file_prefix(model) + framework) for file in FILE_TEMPLATES
        )
        assert {*(tmp_path / name).iterdir()} == {*others, checkpoint}
        last = capsys.readouterr().out.splitlines()[-1]
        return load_checkpoint(checkpoint), [file.read_bytes() for file in others], last, str(checkpoint)

    argv = f"--model {model} {SMALL.get(model, '')} --batch-size 60 --epochs 2 --augment shift --dtype float64".split()
    whole, files, accuracy, end = run(first, "whole", *argv)
    *_, stopped = run(first, "part", *argv, "--stop-after", "1")
    built = main_np.get_all_arrays_by_group(*main_np.build(parse_options("np", *argv)))
    names = [{group: a.keys() for group, a in groups.items() if a} for groups in (whole.groups, built)]
    assert names[0] == names[1] and {"params", "momentum"} <= names[0].keys()
    assert not {"autograd", "device", "out"} & whole.options.keys()  # of a call, and not of the run
    for second in (first, NEXT[first]):
        found, its_files, its_accuracy, _ = run(second, second, "--resume", stopped)
        assert (found.options, its_accuracy) == (whole.options, accuracy)
        same = first == second or (model == "mlp" and "in PyTorch" not in (first, second))
        assert farthest(whole.groups, found.groups) == 0 if same else farthest(whole.groups, found.groups) < 1e-12
        whose = 0 if first == second else 2  # the pictures, the first two, say who found the derivatives
        assert its_files[whose:] == files[whose:] or not same
    assert run(first, "whole", "--resume", end)[1:3] == (files, accuracy)  # nothing is left to do


# --- An option that changes training changes it alike in all three ----------------------------------------------------

TRAINING = "mlp --hidden 5 --batch-size 30 --dtype float64 --lr 0.002 --weight-decay 0.01 --augment shift --steps 3"
WORDS = ("0.001", "0.3", "2", "7", "40")  # for numbers: some are of the right kind, and in their range


def other_words(name, how):
    """What else a user could type for an option."""
    if name == "dataset":
        return SOURCES
    if "choices" in how:
        return how["choices"]
    if how.get("action"):
        return [""]
    return WORDS


def trained(words):
    """The losses and weights after a few steps by hand, on the tape and in PyTorch; None where that cannot be typed."""
    try:
        steps = [*twins.iter_lockstep(build(words)[0])]
    except UserError:
        return None
    ways = zip(*(step[:3] for step in steps), strict=True)
    return [
        np.hstack([[state.loss for state in states], *(p.ravel() for p in states[-1].arrays["params"].values())])
        for states in ways
    ]


@pytest.mark.parametrize(
    "name", schedule([*opt.define_run_options(), *opt.define_training_options(OPTIMIZERS)], every_day=2)
)
def test_an_option_that_changes_training_changes_it_in_all_three(name, small, monkeypatch):
    """A new one that only main_np.py heeds would train another network in PyTorch, without a word."""
    monkeypatch.setattr(data, "load", lambda name, n: small._replace(train_images=small.train_images[: 600 - n]))
    clothes = SOURCES["fashion_mnist"].with_facts(mean_and_std=(0.2860, 0.3530))  # not fetched for this
    monkeypatch.setitem(SOURCES, "fashion_mnist", clothes)
    how = (opt.define_run_options() | opt.define_training_options(OPTIMIZERS))[name]
    before, changed = trained(TRAINING), 0
    base = TRAINING.replace(" --steps 3", "") if name == "epochs" else TRAINING
    for word in other_words(name, how):
        if (found := trained(f"{base} {opt.flag(name)} {word}".replace("--epochs 40", "--epochs 1"))) is None:
            continue
        by_hand, on_tape, by_torch = found
        assert by_hand.shape == by_torch.shape and (by_hand == on_tape).all(), (name, word)
        assert mlp_np.relative_difference(by_hand, by_torch) < (1e-12 if word != "float32" else 1e-4), (name, word)
        changed += by_hand.shape != before[0].shape or bool((by_hand != before[0]).any())
    assert changed, f"{name}: none of these words changes training: {other_words(name, how)}"


# --- A twin that is another network -----------------------------------------------------------------------------------

BIAS = ("b2 is in NumPy, but not in PyTorch", lambda model: setattr(model.layer2, "bias", None))
SHAPE = (
    "W1 has the shape .784, 9. in NumPy, and .784, 8. in PyTorch",
    lambda model: setattr(model, "layer1", nn.Linear(784, 8)),
)


@pytest.mark.parametrize(("words", "change"), [BIAS, SHAPE])
def test_a_twin_that_is_another_network_trains_not_a_step(words, change, monkeypatch, tmp_path):
    """Its checkpoint would hold another network than its options say. One line names the difference."""
    mlp = find_class(parse_options("torch"), "torch")

    class Other(mlp):
        def __init__(self, hidden):
            super().__init__(hidden)
            change(self)

    monkeypatch.setattr(mlp_torch, "MLP", Other)
    for resume in ([], ["--resume", str(tmp_path / "checkpoint_np.npz")]):
        if resume:
            main_np.main(["--hidden", "9", "--steps", "2", "--out", str(tmp_path)])
        with pytest.raises(UserError, match=f"Other is not the same network as .*: {words}$"):
            main_torch.main([*(resume or ["--hidden", "9"]), "--out", str(tmp_path)])


# --- An option that a form of it does not know ------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["autograd", "np", "torch"])
def test_an_option_that_a_form_does_not_know_is_an_error(form, monkeypatch):
    """Nobody should train without the dropout that they asked for. An inherited __init__ might ignore it."""
    options = parse_options(form if form == "torch" else "np")
    mlp = find_class(options, form)
    more = networks.MLP.options | {"lost": option("of the pixels in training", 0.5, type=float)}
    monkeypatch.setitem(NETWORKS, "losing", networks.MLP._replace(classes="losing.MLP", options=more))
    for network in (mlp, type("Inheriting", (mlp,), {})):
        monkeypatch.setitem(sys.modules, f"losing_{form}", SimpleNamespace(MLP=network))
        with pytest.raises(UserError, match=f"{network.__module__}[.]{network.__name__} does not know .*lost"):
            loading.network.make_network(form, parse_options(form if form == "torch" else "np", "--model", "losing"))
