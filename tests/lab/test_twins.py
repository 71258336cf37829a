"""The NumPy and the PyTorch network are the same run: in one batch, over a whole training, and across a switch."""

import inspect
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from test_plot import assert_inside

import data
import main_np
import main_torch
import mlp_np
import mlp_torch
from conftest import accuracy_of, as_input
from lab import bench, depth, figures, results, twins
from networks import parse_options
from support.errors import UserError
from support.names import get_arrays, parameters, set_arrays
from support.run import FILES


def pair(init="he", hidden=512, dtype="float64"):
    """Both networks with the same weights: (NumPy, PyTorch, PyTorch's optimizer)."""
    options = options_of("--hidden", hidden, "--init", init, "--dtype", dtype)
    return main_np.build(options)[0], *main_torch.build(options)


def options_of(*argv):
    return parse_options("torch", *argv)


@pytest.mark.parametrize("init", mlp_np.INITS)
@pytest.mark.parametrize("batch_size", [1, 128])
def test_every_intermediate_and_gradient_of_one_batch(mnist, init, batch_size):
    ours, theirs, _ = pair(init)
    x = mlp_input(mnist, batch_size)
    y = mnist.train_labels[:batch_size].astype(np.int64)
    logits = ours.forward(x)
    loss, dlogits = mlp_np.softmax_cross_entropy(logits, y)
    grads = ours.backward(dlogits)

    z1 = theirs.layer1(torch.from_numpy(x).flatten(1))
    a1 = F.relu(z1)
    logits_torch = theirs.layer2(a1)
    for tensor in (z1, a1, logits_torch):
        tensor.retain_grad()
    loss_torch = F.cross_entropy(logits_torch, torch.from_numpy(y))
    loss_torch.backward()
    assert torch.equal(logits_torch, theirs(torch.from_numpy(x)))  # what was taken apart is the model

    pairs = {
        "z1": (ours.z1, z1),
        "a1": (ours.a1, a1),
        "logits": (logits, logits_torch),
        "loss": (np.array(loss), loss_torch),
        "dlogits": (dlogits, logits_torch.grad),
        "da1": (ours.da1, a1.grad),
        "dz1": (ours.dz1, z1.grad),
    }
    pairs |= {f"d{name}": (grads[name], turn(p.grad)) for name, p, turn in parameters(theirs)}
    for name, (by_hand, by_torch) in pairs.items():
        by_torch = by_torch.detach().numpy()
        assert by_hand.shape == by_torch.shape, name
        assert mlp_np.relative_difference(by_hand, by_torch) < 1e-12, name


def mlp_input(mnist, n):
    return as_input(mnist.train_images[:n])


def test_weights_go_to_pytorch_and_come_back_bit_for_bit():
    ours, theirs, optimizer = pair("pytorch", hidden=7, dtype="float32")
    rng = np.random.default_rng(0)
    velocity = {name: rng.normal(size=p.shape).astype(np.float32) for name, p in ours.params.items()}
    groups = {"params": ours.params, "momentum": velocity, "statistics": {}}
    set_arrays(theirs, optimizer, groups)
    returned = get_arrays(theirs, optimizer)
    assert list(returned) == list(groups)
    for there, back in zip(groups.values(), returned.values(), strict=True):
        assert list(there) == list(back)
        assert all((there[name] == back[name]).all() and there[name].shape == back[name].shape for name in there)


def test_pytorch_init_is_what_pytorch_draws():
    """The same bounds and spread as a fresh nn.Linear, weights and biases."""
    torch.manual_seed(0)
    fresh = {name: turn(p.data) for name, p, turn in parameters(mlp_torch.MLP(512))}
    for name, array in mlp_np.MLP(512, "pytorch").params.items():
        theirs = fresh[name].numpy()
        assert np.abs(array).max() == pytest.approx(np.abs(theirs).max(), rel=0.25 if array.size < 100 else 0.02)
        assert array.std() == pytest.approx(theirs.std(), rel=0.6 if array.size < 100 else 0.05)


@pytest.mark.parametrize("momentum", ["0", "0.9"])
def test_lockstep_on_a_few_steps(momentum):
    options = parse_options("torch", "--hidden", 32, "--steps", 60, "--dtype", "float64", "--momentum", momentum)
    steps = list(twins.lockstep(options))
    assert len(steps) == 60
    assert all(abs(s.loss_np - s.loss_torch) < 1e-12 for s in steps)
    assert twins.largest_difference(steps[-1].params_np, steps[-1].params_torch) < 1e-13
    assert all(s.loss_np == s.loss_tape for s in steps)
    assert twins.largest_difference(steps[-1].params_np, steps[-1].params_tape) == 0
    assert steps[-1].loss_np < steps[0].loss_np


GROUPS = ("params", "momentum", "squares", "statistics")
MODELS = {
    "mlp": ("--hidden", "24"),
    "resnet": ("--model", "resnet", "--widths", "2,3"),
    "vit": ("--model", "vit", "--width", "12", "--blocks", "2", "--heads", "3"),
}


def weights(path):
    """Everything in a checkpoint that training changes."""
    with np.load(path, allow_pickle=False) as npz:
        return {name: npz[name] for name in npz.files if name.startswith(GROUPS)}


@pytest.fixture
def few(mnist, monkeypatch):
    """600 images to learn from and 100 to be tested on: a run of ten steps an epoch."""
    short = mnist._replace(train_images=mnist.train_images[:600], train_labels=mnist.train_labels[:600])
    short = short._replace(test_images=mnist.test_images[:100], test_labels=mnist.test_labels[:100])
    monkeypatch.setattr(data, "load", lambda *arguments: short)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("first", "second"), [(main_np, main_torch), (main_torch, main_np)])
def test_a_run_goes_on_bit_for_bit_and_can_change_hands(model, first, second, few, tmp_path):
    """One epoch in one program and two in either: the run that was never stopped, augmentation and all."""

    def run(program, name, *argv):
        """The files of that run: (weights, history, curve)."""
        assert program.main([*argv, "--out", str(tmp_path / name)]) == 0
        framework = program.__name__.replace("main", "" if model == "mlp" else model).strip("_")
        files = [tmp_path / name / pattern.format(framework) for pattern in FILES]
        return weights(files[3]), files[2].read_bytes(), files[0].read_bytes(), str(files[3])

    argv = (*MODELS[model], "--batch-size", "60", "--epochs", "3", "--augment", "shift", "--dtype", "float64")
    whole, *drawn, _ = run(first, "whole", *argv)
    *_, stopped = run(first, "part", *argv, "--stop-after", "1")
    same, *drawn_again, _ = run(first, "same", "--resume", stopped)
    other, *_ = run(second, "other", "--resume", stopped)
    groups = {"mlp": {"params", "momentum"}, "resnet": {"params", "momentum", "statistics"}}
    assert {name.split("/")[0] for name in whole} == groups.get(model, {"params", "momentum", "squares"})
    assert whole.keys() == same.keys() == other.keys()
    assert all(whole[name].tobytes() == same[name].tobytes() for name in whole)
    assert drawn == drawn_again
    assert twins.largest_difference(whole, other) < 1e-12


def test_a_resumed_checkpoint_must_be_whole(tmp_path):
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(b"PK\x03\x04 no")
    for program in (main_np, main_torch):
        with pytest.raises(UserError, match=r"checkpoint\.npz.*not a checkpoint"):
            program.main(["--resume", str(path), "--out", str(tmp_path / "out")])


def test_the_two_loops_differ_only_where_the_frameworks_do():
    """A loop of at most 18 lines; all that PyTorch adds is the line that says where it computes."""
    loops = []
    for main in (main_np.main, main_torch.main):
        lines = inspect.getsource(main).splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("    with run.watch()"))
        loops.append(lines[start:])
        assert len(loops[-1]) <= 18
    by_hand, by_torch = ("\n".join(loop).replace("network", "model") for loop in loops)
    by_torch = by_torch.replace(", place)", ")").replace(", place.precision)", ")")
    added = "            x, y = place.share(x, y)  # as tensors where they are computed with\n"
    assert by_torch.count(added) == 1
    assert by_torch.replace(added, "") == by_hand


@pytest.mark.parametrize("difference", ["grows", "none"])
def test_the_picture_of_the_proof(difference):
    steps = np.arange(1, 501)
    loss = (2 * np.exp(-steps / 100) + 0.01).tolist()
    runs = {}
    for dtype, unit in (("float64", 1e-16), ("float32", 1e-8)):
        grown = unit * np.where(steps < 200, 1, 1e5) if difference == "grows" else 0.0 * steps
        runs[dtype] = {"loss_np": loss, "loss_tape": loss, "loss_torch": loss, "tape": grown / 10}
        runs[dtype] |= {"difference": grown, "disagreeing": (steps == 200) * 1}
    figure = twins.picture(runs)
    assert_inside(figure)
    notes = [text.get_text() for text in figure.axes[1].texts]
    assert any("rounding unit of float64: 1e-16" in note for note in notes)
    assert any("step 200" in note for note in notes) == (difference == "grows")
    tape = "0 at every step in float32 and float64" if difference == "none" else "1e-12 in float64 (dotted)"
    assert f"on the tape and by hand: {tape}" in notes


# --- Slow: the whole default run, and the published numbers ---


@pytest.mark.slow
def test_float64_the_whole_default_run():
    """After every epoch of the default run no two weights differ by more than 1e-12."""
    options = parse_options("torch", "--dtype", "float64")
    for n, step in enumerate(twins.lockstep(options), 1):
        if n % 468 == 0:
            assert twins.largest_difference(step.params_np, step.params_torch) < 1e-12
    assert n == 2340


def test_a_run_that_was_stopped_is_no_result():
    program = SimpleNamespace(main=lambda argv: 130)
    with pytest.raises(KeyboardInterrupt):
        twins.accuracy(program, "np", "np_nn", "geohot", 0)


@pytest.mark.slow
def test_the_programs_themselves_agree(program, tmp_path):
    """As typed by a user: float64 to 1e-12 in every weight, float32 to 0.002 in test accuracy."""
    for dtype in ("float64", "float32"):
        options = ("--dtype", dtype, "--out", tmp_path / dtype)
        by_hand, by_torch = (accuracy_of(program(script, *options)) for script in ("main_np.py", "main_torch.py"))
        assert abs(by_hand - by_torch) <= 0.002
        if dtype == "float64":
            ours, theirs = (weights(tmp_path / dtype / f"checkpoint_{name}.npz") for name in ("np", "torch"))
            assert twins.largest_difference(ours, theirs) < 1e-12
            assert by_hand == by_torch


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "recipe", "init", "published"),
    [
        ("main_torch.py", "np_nn", None, 0.9633),
        ("main_torch.py", "geohot", None, 0.9288),
        ("main_torch.py", "geohot", "geohot", 0.9635),
        ("main_np.py", "geohot", "pytorch", 0.9288),
    ],
)
def test_the_first_weights_make_the_published_difference(program, script, recipe, init, published):
    accuracy = accuracy_of(program(script, "--recipe", recipe, *(("--init", init) if init else ())))
    assert accuracy == pytest.approx(published, abs=0.01)


@pytest.mark.parametrize("program", [bench, depth, figures, results, twins])
def test_the_lab_says_in_a_line_what_it_does_not_know(program, monkeypatch):
    monkeypatch.setattr("sys.argv", ["", "nonsense"])
    with pytest.raises(UserError, match=r"^[^\n]*nonsense[^\n]*$"):
        program.main()
