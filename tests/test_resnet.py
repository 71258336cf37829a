"""The residual network: each layer by hand against central differences and autograd, and both twins as one run."""

import inspect
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from test_predict import accuracy as read_right

import main_np
import main_torch
import mlp_np
import resnet_np
import resnet_torch
from conftest import ROOT, accuracy_of, as_input
from lab import twins
from networks import parse_options
from support.names import get_arrays, parameters
from support.place import has_compiler

RESNET = ("--model", "resnet")
TINY = (*RESNET, "--widths", "2,3", "--batch-size", 1000, "--steps", 90)
SHAPES = [(2, 5, 6, 3), (1, 4, 4, 2), (3, 7, 3, 1), (1, 1, 1, 2), (2, 2, 5, 1)]


def options_of(*argv):
    return parse_options("torch", *argv)


def agree(pairs, tolerance):
    for name, (by_hand, by_torch) in pairs.items():
        by_torch = by_torch.detach().numpy()
        assert by_hand.shape == by_torch.shape, name
        assert mlp_np.relative_difference(by_hand, by_torch) < tolerance, name


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [1, 3])
def test_convolution(shape, stride, size):
    rng = np.random.default_rng(0)
    layer = resnet_np.Conv(rng, shape[-1], 4, size, stride)
    x = rng.normal(size=shape)
    resnet_np.differences(layer, x)

    y = layer.forward(x)
    dy = rng.normal(size=y.shape)
    dx = layer.backward(dy)
    x_torch = torch.from_numpy(x).permute(0, 3, 1, 2).requires_grad_()
    W_torch = torch.from_numpy(layer.params["W"]).permute(3, 2, 0, 1).requires_grad_()
    y_torch = F.conv2d(x_torch, W_torch, stride=stride, padding=size // 2)
    y_torch.backward(torch.from_numpy(dy).permute(0, 3, 1, 2))
    back = (0, 2, 3, 1)
    agree({"y": (y, y_torch.permute(back)), "dx": (dx, x_torch.grad.permute(back))}, 1e-11)
    agree({"dW": (layer.grads["W"], W_torch.grad.permute(2, 3, 1, 0))}, 1e-11)


@pytest.mark.parametrize("shape", [s for s in SHAPES if s != (1, 1, 1, 2)])
@pytest.mark.parametrize("constant", [False, True])
def test_batch_normalisation(shape, constant):
    """For constant input the variance is 0, and eps alone keeps the division from failing."""
    rng = np.random.default_rng(1)
    layer = resnet_np.BatchNorm(shape[-1])
    for param in layer.params.values():
        param += rng.normal(size=param.shape)
    x = np.full(shape, 0.7) if constant else rng.normal(2, 3, size=shape)
    if not constant:  # there the curve bends within h: test_constant_input looks closer
        resnet_np.differences(layer, x)

    twin = torch.nn.BatchNorm2d(shape[-1]).double()
    twin.weight.data, twin.bias.data = (torch.from_numpy(p.copy()) for p in layer.params.values())
    for _ in range(3):  # the running statistics move each time
        layer.statistics["mean"][:] = twin.running_mean.numpy()
        layer.statistics["var"][:] = twin.running_var.numpy()
        y = layer.forward(x)
        x_torch = torch.from_numpy(x).permute(0, 3, 1, 2).requires_grad_()
        y_torch = twin(x_torch)
        agree({"mean": (layer.statistics["mean"], twin.running_mean)}, 1e-11)
        agree({"var": (layer.statistics["var"], twin.running_var)}, 1e-11)
    dy = rng.normal(size=shape)
    dx = layer.backward(dy)
    twin.zero_grad()
    y_torch.backward(torch.from_numpy(dy).permute(0, 3, 1, 2))
    back = (0, 2, 3, 1)
    agree({"y": (y, y_torch.permute(back)), "dx": (dx, x_torch.grad.permute(back))}, 1e-11)
    agree({"dbeta": (layer.grads["beta"], twin.bias.grad)}, 1e-11)
    # for constant input dgamma is a sum of dy times rounding errors
    assert np.abs(layer.grads["gamma"] - twin.weight.grad.numpy()).max() < 1e-11

    layer.training = False
    twin.eval()
    resnet_np.differences(layer, x)
    twin.zero_grad()
    x_torch.grad = None
    y, dx, y_torch = layer.forward(x), layer.backward(dy), twin(x_torch)
    y_torch.backward(torch.from_numpy(dy).permute(0, 3, 1, 2))
    agree({"y when testing": (y, y_torch.permute(back)), "dx": (dx, x_torch.grad.permute(back))}, 1e-11)
    agree({"dgamma": (layer.grads["gamma"], twin.weight.grad), "dbeta": (layer.grads["beta"], twin.bias.grad)}, 1e-11)


def test_constant_input_to_batch_normalisation():
    layer, x = resnet_np.BatchNorm(2), np.full((2, 3, 3, 2), 0.5)
    r = np.random.default_rng(0).normal(size=x.shape)
    layer.forward(x)
    by_hand = layer.backward(r)
    numerical = mlp_np.numerical_gradient(lambda: (layer.forward(x) * r).sum(), x, h=1e-7)
    assert mlp_np.relative_difference(by_hand, numerical) < 1e-6


@pytest.mark.parametrize(("inputs", "stride"), [(3, 1), (2, 1), (3, 2)])
@pytest.mark.parametrize("batch", [1, 4])
def test_block(inputs, stride, batch):
    rng = np.random.default_rng(2)
    layer = resnet_np.Block(rng, inputs, 3, stride)
    resnet_np.differences(layer, rng.normal(size=(batch, 5, 4, inputs)))


@pytest.mark.parametrize("argv", [(), ("--widths", "3,5", "--blocks", 2), ("--widths", "4")])
@pytest.mark.parametrize("batch", [2, 7])
def test_the_whole_network(mnist, argv, batch):
    """Logits, every gradient and every running statistic of one batch."""
    options = options_of(*RESNET, *argv, "--dtype", "float64")
    ours, _ = main_np.build(options)
    theirs, optimizer = main_torch.build(options)
    x = as_input(mnist.train_images[:batch])
    y = mnist.train_labels[:batch].astype(np.int64)
    logits = ours.forward(x)
    _, dlogits = mlp_np.softmax_cross_entropy(logits, y)
    grads = ours.backward(dlogits)
    logits_torch = theirs(torch.from_numpy(x))
    F.cross_entropy(logits_torch, torch.from_numpy(y)).backward()
    grads_torch = {name: turn(p.grad) for name, p, turn in parameters(theirs)}
    assert list(grads) == list(ours.params) == list(grads_torch)
    agree({"logits": (logits, logits_torch)}, 1e-11)
    agree({name: (grads[name], grads_torch[name]) for name in grads}, 1e-11)
    statistics = get_arrays(theirs, optimizer)["statistics"]
    agree({name: (ours.statistics[name], torch.from_numpy(s)) for name, s in statistics.items()}, 1e-11)
    ours.training = False
    theirs.eval()
    agree({"logits when testing": (ours.forward(x), theirs(torch.from_numpy(x)))}, 1e-11)


def test_sizes():
    options = options_of(*RESNET)
    (ours, _), (theirs, _) = main_np.build(options), main_torch.build(options)
    assert sum(p.size for p in ours.params.values()) == sum(p.numel() for p in theirs.parameters()) == 77754
    assert {a.dtype for a in (*ours.params.values(), *ours.statistics.values())} == {np.dtype(np.float32)}
    x = np.zeros((3, 28, 28), np.float32)
    assert ours.forward(x).dtype == np.float32
    assert {g.dtype for g in ours.backward(np.ones((3, 10), np.float32)).values()} == {np.dtype(np.float32)}


def test_the_twins_have_the_same_classes_in_the_same_order():
    ours = [name for name, _ in inspect.getmembers(resnet_np, inspect.isclass)]
    theirs = [n for n, c in inspect.getmembers(resnet_torch, inspect.isclass) if c.__module__ == "resnet_torch"]
    assert [name for name in ours if name in theirs] == theirs == ["Block", "ConvNorm", "ResNet"]


def test_the_file_checks_itself_and_needs_only_the_earlier_lesson(tmp_path):
    for name in ("mlp_np.py", "resnet_np.py"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    argv = [sys.executable, str(tmp_path / "resnet_np.py")]
    result = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert all(float(row.split()[-1]) < 1e-7 for row in result.stdout.splitlines()[1:])
    assert len(result.stdout.splitlines()) == 48


# --- The programs ---


def arrays(path):
    with np.load(path, allow_pickle=False) as npz:
        return {n: npz[n] for n in npz.files if n.startswith(("params", "momentum", "statistics"))}


@pytest.mark.parametrize("augment", ["none", "shift", "affine", "elastic", "gentle"])
def test_lockstep(augment):
    argv = ("--widths", "3,4", "--batch-size", 64, "--steps", 15, "--dtype", "float64", "--augment", augment)
    *_, last = twins.lockstep(options_of(*RESNET, *argv))
    assert twins.largest_difference(last.params_np, last.params_torch) < 1e-11
    assert twins.largest_difference(last.statistics_np, last.statistics_torch) < 1e-11


@pytest.mark.slow
def test_bfloat16_and_compile_run_on_the_cpu(program):
    plain = accuracy_of(program("main_torch.py", *TINY))
    assert accuracy_of(program("main_torch.py", *TINY, "--amp")) == pytest.approx(plain, abs=0.1)
    if has_compiler():
        assert accuracy_of(program("main_torch.py", *TINY, "--compile")) == pytest.approx(plain, abs=0.05)


def test_compile_without_a_compiler_is_one_line(program, tmp_path):
    result = program("main_torch.py", *TINY, "--compile", env={"PATH": str(tmp_path), "CXX": "none"})
    assert result.returncode == 2
    assert "C++ compiler" in result.stderr.splitlines()[-1]


def torchrun(*argv, processes=2, timeout=300):
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",  # at a port of its own: several tests may run at once
        f"--nproc-per-node={processes}",
        str(ROOT / "main_torch.py"),
    ]
    return subprocess.run([*map(str, (*command, *argv))], capture_output=True, text=True, timeout=timeout)


def test_two_processes_are_one_run(tmp_path, capsys):
    """The MLP in float64 after two epochs: the same weights, and all that is printed is printed once."""
    options = ("--dtype", "float64", "--hidden", "32", "--batch-size", "2000", "--epochs", "2")
    main_torch.main([*options, "--out", str(tmp_path / "one")])
    two = torchrun(*options, "--out", tmp_path / "two")
    assert two.stdout.splitlines()[-1] == capsys.readouterr().out.splitlines()[-1]  # the test accuracy
    assert two.stdout.count("mnist:") == two.stdout.count("parameters, seed") == 1
    a, b = (arrays(tmp_path / name / "checkpoint_torch.npz") for name in ("one", "two"))
    assert twins.largest_difference(a, b) < 1e-10
    histories = [(tmp_path / name / "history_torch.json").read_text().splitlines()[3:] for name in ("one", "two")]
    assert histories[0] == histories[1]


def test_a_batch_that_cannot_be_split(tmp_path):
    result = torchrun("--batch-size", 129, "--out", tmp_path / "out")
    assert result.returncode != 0
    assert "--batch-size 129 cannot be split evenly among 2" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_few_test_images_for_two_processes(tmp_path):
    """Each of them has some: who had none would wait for the other at another place."""
    result = torchrun(*TINY, "--steps", 2, "--hold-out", 30, "--out", tmp_path / "out", timeout=60)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1].startswith("held-out accuracy: 0.")


@pytest.mark.slow
def test_a_process_that_dies_ends_the_run(tmp_path):
    """The other one neither hangs nor pretends: torchrun stops it and reports."""
    code = (
        "import os, sys, threading, runpy; sys.argv = sys.argv[1:]\n"
        "if os.environ['RANK'] == '1': threading.Timer(4, os._exit, (9,)).start()\n"
        "sys.path.insert(0, os.path.dirname(sys.argv[0])); runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    (tmp_path / "dies.py").write_text(code)
    argv = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    argv += [str(tmp_path / "dies.py"), str(ROOT / "main_torch.py"), "--epochs", "500", "--out", str(tmp_path / "out")]
    result = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert result.returncode != 0
    assert "exitcode  : 9" in result.stderr or "exitcode: 9" in result.stderr
    assert "test accuracy:" not in result.stdout


# --- Slow: the numbers that the README states ---


@pytest.mark.slow
def test_float64_fifty_steps_of_the_default_recipe():
    *_, last = twins.lockstep(options_of(*RESNET, "--dtype", "float64", "--steps", 50))
    assert twins.largest_difference(last.params_np, last.params_torch) < 1e-9
    assert twins.largest_difference(last.statistics_np, last.statistics_torch) < 1e-9


@pytest.mark.slow
def test_default_recipe_in_pytorch(program, mnist, tmp_path):
    """One seed, on whatever processor this is: results.json has three. It also reads photographs, better than the MLP's
    0.98 (test_predict.py)."""
    assert accuracy_of(program("main_torch.py", *RESNET, timeout=900)) >= 0.9940
    assert read_right(tmp_path / "out" / "checkpoint_resnet_torch.npz", mnist, 1000) >= 0.99
