"""The transformer: each layer by hand against central differences and autograd, and both twins as one run."""

import inspect
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import main_np
import main_torch
import mlp_np
import vit_np
import vit_torch
from conftest import ROOT, as_input
from lab import twins
from networks import parse_options
from resnet_np import differences, walk
from support.checkpoint import load_checkpoint
from support.place import has_compiler

SHAPES = [(2, 5, 6), (1, 4, 4), (3, 7, 3), (1, 1, 4), (2, 2, 9)]  # B, T, C
TINY = {"width": 12, "blocks": 2, "heads": 3}
VIT = ("--model", "vit", "--width", 12, "--blocks", 2, "--heads", 3)  # the same, to be typed
WITH_SGD = ("--optimizer", "sgd", "--lr", 0.1, "--weight-decay", 5e-4)


def options_of(*argv, model=("--model", "vit")):
    return parse_options("torch", *(() if "--model" in argv else model), *argv)


def in_numpy(module):
    """{NumPy's name: (parameter, whether it is NumPy's transposed)} of a PyTorch module."""
    found = {}
    for path, layer in module.named_modules():
        if isinstance(layer, nn.Linear):
            found[f"{path}.W"] = layer.weight, True
            if layer.bias is not None:
                found[f"{path}.b"] = layer.bias, False
        elif isinstance(layer, nn.LayerNorm):
            found |= {f"{path}.gamma": (layer.weight, False), f"{path}.beta": (layer.bias, False)}
        else:
            found |= {f"{path}.{name}": (p, False) for name, p in layer.named_parameters(recurse=False)}
    return {name.strip("."): entry for name, entry in found.items()}


def arrays_of(module, tensor_of=lambda p: p.detach()):
    return {n: (tensor_of(p).T if turned else tensor_of(p)).numpy() for n, (p, turned) in in_numpy(module).items()}


def of_layer(layer, kind):
    return {
        f"{path}.{name}".strip("."): array
        for path, inner in walk({"": layer}).items()
        for name, array in getattr(inner, kind, {}).items()
    }


def copy_weights(params, module):
    """The module in float64, with these weights."""
    module.double()
    with torch.no_grad():
        for name, (p, turned) in in_numpy(module).items():
            array = torch.from_numpy(params[name].copy())
            p.copy_(array.T if turned else array)
    return module


def agree(pairs, tolerance=1e-11):
    for name, (by_hand, by_torch) in pairs.items():
        assert by_hand.shape == by_torch.shape, name
        assert mlp_np.relative_difference(by_hand, by_torch) < tolerance, name


def stir(layer, rng):
    """A gamma of 1 would hide that it was forgotten."""
    for param in of_layer(layer, "params").values():
        param += rng.normal(0, 0.3, param.shape)


def agrees_with_autograd(layer, module, x):
    dy = np.random.default_rng(9).normal(size=layer.forward(x).shape)
    y, dx = layer.forward(x), layer.backward(dy)
    x_torch = torch.from_numpy(x).requires_grad_()
    y_torch = module(x_torch)
    y_torch.backward(torch.from_numpy(dy))
    agree({"y": (y, y_torch.detach().numpy()), "dx": (dx, x_torch.grad.numpy())})
    if isinstance(module, nn.Module):
        grads, grads_torch = of_layer(layer, "grads"), arrays_of(module, lambda p: p.grad)
        assert list(grads) == list(of_layer(layer, "params")) == list(grads_torch)
        agree({name: (grads[name], grads_torch[name]) for name in grads})


def right_twice(layer, module, x):
    """Against the definition of the derivative, and against autograd."""
    stir(layer, np.random.default_rng(7))
    differences(layer, x)
    agrees_with_autograd(layer, copy_weights(of_layer(layer, "params"), module), x)


@pytest.mark.parametrize("shape", [*SHAPES, (3, 4)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(shape, bias):
    rng = np.random.default_rng(0)
    layer = vit_np.Linear(rng, shape[-1], 5, bias)
    right_twice(layer, nn.Linear(shape[-1], 5, bias), rng.normal(size=shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_positions(shape):
    rng = np.random.default_rng(1)
    layer = vit_np.Positions(rng, *shape[1:])
    right_twice(layer, vit_torch.Positions(*shape[1:]), rng.normal(size=shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_layer_normalisation(shape):
    rng = np.random.default_rng(2)
    layer = vit_np.LayerNorm(shape[-1])
    right_twice(layer, nn.LayerNorm(shape[-1]), rng.normal(2, 3, size=shape))


def test_constant_input_to_layer_normalisation():
    """The variance is 0, and eps alone keeps the division from failing."""
    layer, x = vit_np.LayerNorm(4), np.full((2, 3, 4), 0.5)
    assert np.abs(layer.forward(x)).max() == 0
    dx = layer.backward(dy := np.random.default_rng(0).normal(size=x.shape))
    numerical = mlp_np.numerical_gradient(lambda: (layer.forward(x) * dy).sum(), x, h=1e-7)
    assert mlp_np.relative_difference(dx, numerical) < 1e-6


@pytest.mark.parametrize("shape", [(4,), (1, 1), (2, 3, 5), (2, 3, 4, 4)])
def test_softmax(shape):
    layer, scores = vit_np.Softmax(), np.random.default_rng(3).normal(size=shape)
    assert np.allclose(layer.forward(scores).sum(axis=-1), 1, rtol=0, atol=1e-15)
    if shape[-1] > 1:  # a single weight is 1, whatever its score
        differences(layer, scores)
    else:
        assert layer.backward(np.ones(shape)) == 0
    agrees_with_autograd(layer, lambda x: x.softmax(dim=-1), scores)


@pytest.mark.parametrize("level", [0.0, 1e4, -1e4])
def test_softmax_of_equal_scores(level):
    layer, scores = vit_np.Softmax(), np.full((2, 5), level)
    assert (layer.forward(scores) == 1 / 5).all()
    if level == 0:  # h is lost beside 1e4
        differences(layer, scores)
    agrees_with_autograd(layer, lambda x: x.softmax(dim=-1), scores)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_of_huge_scores(dtype):
    layer = vit_np.Softmax()
    scores = np.array([[1e4, -1e4, 0], [1e4, 1e4, -1e4], [-1e4, -1e4, -1e4 + 1]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        weights = layer.forward(scores)
        dscores = layer.backward(np.array([[1, 2, 3]] * 3, dtype))
    assert (weights[:2] == [[1, 0, 0], [0.5, 0.5, 0]]).all()
    assert weights.dtype == dscores.dtype == dtype
    agrees_with_autograd(layer, lambda x: x.softmax(dim=-1), scores.astype(np.float64))


@pytest.mark.parametrize(
    ("shape", "heads"), [((2, 5, 6), 1), ((2, 5, 6), 3), ((1, 4, 4), 4), ((3, 7, 3), 1), ((2, 2, 9), 3)]
)
def test_attention(shape, heads):
    rng = np.random.default_rng(4)
    layer = vit_np.Attention(rng, shape[-1], heads)
    right_twice(layer, vit_torch.Attention(shape[-1], heads), rng.normal(size=shape))
    assert layer.weights.shape == (shape[0], heads, shape[1], shape[1])


def test_attention_to_a_single_patch_is_its_value():
    """Its weight is 1, whatever the query and the key: they learn nothing."""
    rng = np.random.default_rng(4)
    layer, x = vit_np.Attention(rng, 4, heads=2), rng.normal(size=(3, 1, 4))
    stir(layer, rng)
    value, out = layer.layers["value"], layer.layers["out"]
    assert np.abs(layer.forward(x) - out.forward(value.forward(x))).max() < 1e-14
    layer.backward(rng.normal(size=x.shape))
    for name, grad in of_layer(layer, "grads").items():
        assert np.abs(grad).max() < 1e-14 if name.startswith(("query", "key")) else np.abs(grad).max() > 0.1, name


def test_attention_with_equal_scores_is_the_mean():
    rng = np.random.default_rng(5)
    layer, x = vit_np.Attention(rng, 6, heads=2), rng.normal(size=(2, 5, 6))
    layer.layers["query"].params["W"][:] = 0
    layer.forward(x)
    assert (layer.weights == 1 / 5).all()
    agrees_with_autograd(layer, copy_weights(of_layer(layer, "params"), vit_torch.Attention(6, 2)), x)


def test_attention_with_huge_scores():
    """About +-1e4: all of the weight is on one patch, nothing overflows, and query and key learn nothing more."""
    rng = np.random.default_rng(6)
    layer, x = vit_np.Attention(rng, 6, heads=2), rng.normal(size=(2, 5, 6))
    layer.layers["query"].params["W"] *= 1e4
    dy = rng.normal(size=x.shape)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        layer.forward(x)
        dx = layer.backward(dy)
    assert 1e4 < np.abs(layer.q @ layer.k.swapaxes(2, 3)).max() < 1e6
    twin = copy_weights(of_layer(layer, "params"), vit_torch.Attention(6, 2))
    x_torch = torch.from_numpy(x).requires_grad_()
    twin(x_torch).backward(torch.from_numpy(dy))
    agree({"dx": (dx, x_torch.grad.numpy())})
    grads, grads_torch = of_layer(layer, "grads"), arrays_of(twin, lambda p: p.grad)
    for name, grad in grads.items():  # those of query and key are 0: there is no size to measure differences by
        assert np.abs(grad - grads_torch[name]).max() < 1e-11, name
    assert np.abs(grads["query.W"]).max() < 1e-11 < 0.1 < np.abs(grads["value.W"]).max()


def test_a_bias_of_the_key_would_change_nothing():
    """The theorem in Attention: neither the output nor, therefore, the loss; its gradient is 0 in both frameworks."""
    rng = np.random.default_rng(7)
    layer, x = vit_np.Attention(rng, 8, heads=2), rng.normal(size=(3, 5, 8))
    stir(layer, rng)
    without = layer.forward(x)
    layer.layers["key"].params["b"] = rng.normal(size=8)
    assert np.abs(layer.forward(x) - without).max() < 1e-14

    dy = rng.normal(size=x.shape)
    layer.backward(dy)
    twin = vit_torch.Attention(8, 2)
    twin.key = nn.Linear(8, 8)
    twin = copy_weights(of_layer(layer, "params"), twin)
    twin(torch.from_numpy(x)).backward(torch.from_numpy(dy))
    for other, key in [
        (layer.layers["query"].grads["b"], layer.layers["key"].grads["b"]),
        (twin.query.bias.grad.numpy(), twin.key.bias.grad.numpy()),
    ]:
        assert np.abs(key).max() < 1e-14 < 0.1 < np.abs(other).max()


def test_only_positions_tell_the_order():
    """A block of patches in another order is the block's output in that order."""
    rng = np.random.default_rng(8)
    block, x, order = vit_np.Block(rng, 6, heads=2), rng.normal(size=(2, 7, 6)), rng.permutation(7)
    assert np.abs(block.forward(x[:, order]) - block.forward(x)[:, order]).max() < 1e-13


@pytest.mark.parametrize("shape", SHAPES)
def test_mlp(shape):
    rng = np.random.default_rng(9)
    right_twice(vit_np.MLP(rng, shape[-1]), vit_torch.MLP(shape[-1]), rng.normal(size=shape))


@pytest.mark.parametrize(("shape", "heads"), [((2, 5, 6), 2), ((1, 4, 4), 1), ((3, 7, 3), 3)])
def test_block(shape, heads):
    rng = np.random.default_rng(10)
    right_twice(vit_np.Block(rng, shape[-1], heads), vit_torch.Block(shape[-1], heads), rng.normal(size=shape))


def test_patches():
    """Patch 1 is to the right of patch 0, patch 4 below it; within a patch, row by row."""
    x = np.arange(2 * 28 * 28).reshape(2, 28, 28)
    layer = vit_np.Patches(7)
    cut = layer.forward(x)
    assert cut.shape == (2, 16, 49)
    assert (cut[1, 1] == x[1, :7, 7:14].ravel()).all()
    assert (cut[0, 4] == x[0, 7:14, :7].ravel()).all()
    assert (layer.backward(cut) == x).all()
    assert (vit_np.Patches(28).forward(x) == x.reshape(2, 1, 784)).all()


@pytest.mark.parametrize("size", [{}, TINY, {**TINY, "heads": 1}, {**TINY, "patch": 4}, {**TINY, "patch": 14}])
@pytest.mark.parametrize("batch", [1, 7])
def test_the_whole_network(mnist, size, batch):
    """Logits and every gradient of one batch."""
    ours = vit_np.ViT(**size, dtype=np.float64)
    theirs = copy_weights(ours.params, vit_torch.ViT(**size))
    x = as_input(mnist.train_images[:batch])
    y = mnist.train_labels[:batch].astype(np.int64)
    logits = ours.forward(x)
    grads = ours.backward(mlp_np.softmax_cross_entropy(logits, y)[1])
    logits_torch = theirs(torch.from_numpy(x))
    F.cross_entropy(logits_torch, torch.from_numpy(y)).backward()
    grads_torch = arrays_of(theirs, lambda p: p.grad)
    assert list(grads) == list(ours.params) == list(grads_torch)
    agree({"logits": (logits, logits_torch.detach().numpy())})
    agree({name: (grads[name], grads_torch[name]) for name in grads})


def test_sizes():
    ours, theirs = vit_np.ViT(), vit_torch.ViT()
    assert sum(p.size for p in ours.params.values()) == sum(p.numel() for p in theirs.parameters()) == 154_762
    assert "154,762" in (ROOT / "docs" / "transformer.md").read_text(encoding="utf-8")
    assert {a.dtype for a in ours.params.values()} == {np.dtype(np.float32)}
    assert ours.forward(np.zeros((3, 28, 28), np.float32)).dtype == np.float32
    assert {g.dtype for g in ours.backward(np.ones((3, 10), np.float32)).values()} == {np.dtype(np.float32)}


def test_the_twins_have_the_same_classes_in_the_same_order():
    ours, theirs = (
        [name for name, c in vars(module).items() if inspect.isclass(c) and c.__module__ == module.__name__]
        for module in (vit_np, vit_torch)
    )
    assert [name for name in ours if name in theirs] == theirs == ["Positions", "Attention", "MLP", "Block", "ViT"]


def test_the_file_checks_itself_and_needs_only_earlier_lessons(tmp_path):
    for name in ("mlp_np.py", "resnet_np.py", "vit_np.py"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    argv = [sys.executable, str(tmp_path / "vit_np.py")]
    result = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    rows = result.stdout.splitlines()[1:]
    assert len(rows) == 67
    assert all(float(row.split()[-1]) < 1e-7 for row in rows)


# --- AdamW ---


@pytest.mark.parametrize("beta1", [0.9, 0.5, 0.0])
def test_adamw_is_pytorchs(beta1):
    """Random gradients of all sizes, also 0; a matrix decays, a vector does not."""
    options = options_of("--weight-decay", 0.1, "--momentum", beta1)
    rng = np.random.default_rng(11)
    params = {"W": rng.normal(size=(5, 3)), "b": rng.normal(size=3)}
    theirs = nn.ParameterDict({name: nn.Parameter(torch.from_numpy(p.copy())) for name, p in params.items()})
    ours, torchs = main_np.Optimizer(params, options), main_torch.make_optimizer(theirs, options)
    assert isinstance(torchs, torch.optim.AdamW)
    for step in range(1, 51):
        lr = 0.01 / step
        grads = {n: rng.normal(size=p.shape) * 10.0 ** rng.integers(-12, 5, p.shape) for n, p in params.items()}
        grads["b"][0] = 0
        for name, p in theirs.items():
            p.grad = torch.from_numpy(grads[name].copy())
        for group in torchs.param_groups:
            group["lr"] = lr
        torchs.step()
        ours.step(params, grads, lr)
        for name, p in theirs.items():
            assert np.abs(params[name] - p.detach().numpy()).max() < 1e-14
    assert ours.steps == 50


@pytest.mark.parametrize("argv", [("--hidden", 16), ("--model", "resnet", "--widths", "2,3"), (*VIT, *WITH_SGD)])
def test_the_other_optimizer_of_every_model(argv):
    """The recipe chooses one; with the other the twins are one run too."""
    other = () if "--optimizer" in argv else ("--optimizer", "adamw", "--lr", 0.003, "--weight-decay", 0.05)
    options = options_of(*argv, *other, "--batch-size", 64, "--steps", 20, "--dtype", "float64", model=())
    *_, last = twins.lockstep(options)
    assert twins.largest_difference(last.params_np, last.params_torch) < 1e-12


@pytest.mark.slow
def test_300_steps_in_lockstep():
    """A small network that learns meanwhile: its weights are PyTorch's to rounding."""
    argv = ("--width", 24, "--blocks", 2, "--heads", 3, "--lr", 0.01, "--batch-size", 64, "--steps", 300)
    steps = list(twins.lockstep(options_of(*argv, "--dtype", "float64")))
    assert twins.largest_difference(steps[-1].params_np, steps[-1].params_torch) < 1e-13
    # who knows nothing has a loss of log(10)
    assert np.mean([step.loss_np for step in steps[-20:]]) < np.log(10) / 2


def test_adamw_makes_steps_of_noise_where_a_gradient_is_zero():
    """Why the key goes without a bias. In exact arithmetic its gradient is 0 and it never moves; rounding makes that
    1e-17 or so, and AdamW divides by it. The twins' biases are then noise, each its own. Nothing else notices."""
    options = options_of(*VIT, "--batch-size", 32, "--steps", 100, "--dtype", "float64")
    *_, last = twins.lockstep(options, key_bias=True)
    differences = {name: np.abs(p - last.params_torch[name]).max() for name, p in last.params_np.items()}
    biases = [differences.pop(f"blocks.{i}.attention.key.b") for i in range(2)]
    assert min(biases) > 100 * max(differences.values())
    assert max(differences.values()) < 1e-13


@pytest.mark.slow
def test_200_steps_of_the_default_recipe():
    *_, last = twins.lockstep(options_of("--dtype", "float64", "--steps", 200))
    assert twins.largest_difference(last.params_np, last.params_torch) < 1e-13


# --- The programs ---


@pytest.mark.slow
def test_the_commands(program, tmp_path):
    """As a user types them: without PyTorch by hand, in bfloat16 and compiled with it."""
    argv = (*VIT, "--steps", 20, "--hold-out", 500)
    by_hand = program("main_np.py", *argv, env={"PYTHONPATH": str(ROOT / "tests" / "no_torch")})
    for result in [by_hand, program("main_torch.py", *argv), program("main_torch.py", *argv, "--amp")]:
        assert (result.returncode, result.stderr) == (0, "")
        assert "ViT 12 × 2, 3 heads, patch 7 in" in result.stdout
        assert result.stdout.splitlines()[-1].startswith("held-out accuracy: 0.")
    if has_compiler():
        assert program("main_torch.py", *argv, "--compile").returncode == 0
    plots = {f"{kind}_plot_vit_{name}.png" for kind in ("loss", "accuracy") for name in ("np", "torch")}
    assert plots <= {path.name for path in (tmp_path / "out").iterdir()}


@pytest.mark.slow
def test_two_processes_are_one_run(tmp_path):
    run = [str(word) for word in (*VIT, "--steps", 20, "--dtype", "float64")]
    main_torch.main([*run, "--out", str(tmp_path / "one")])
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += [str(ROOT / "main_torch.py"), *run, "--out", str(tmp_path / "two")]
    assert subprocess.run(command, capture_output=True, timeout=300).returncode == 0
    one, two = (load_checkpoint(tmp_path / name / "checkpoint_vit_torch.npz").groups for name in ("one", "two"))
    for group in ("params", "momentum", "squares"):
        assert twins.largest_difference(one[group], two[group]) < 1e-10
