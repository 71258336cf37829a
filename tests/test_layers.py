"""Each layer of the residual network and of the transformer by hand, against central differences and PyTorch."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

import mlp_np
import resnet_np
import resnet_torch
import vit_np
import vit_torch
from resnet_np import differences, walk
from support.names import parameters

IMAGES = [(2, 5, 6, 3), (1, 4, 4, 2), (3, 7, 3, 1), (2, 2, 5, 1), (1, 1, 1, 2)]  # B, height, width, C
TOKENS = [(2, 5, 6), (1, 4, 4), (3, 7, 3), (1, 1, 4), (2, 2, 9)]  # B, T, C
HEADS = [((2, 5, 6), 1), ((2, 5, 6), 2), ((2, 5, 6), 3), ((1, 4, 4), 1), ((1, 4, 4), 4), ((3, 7, 3), 1), ((2, 2, 9), 3)]


def last(module):
    """The module, but with the channels last in what goes in and comes out."""
    module.register_forward_pre_hook(lambda module, inputs: inputs[0].permute(0, 3, 1, 2))
    module.register_forward_hook(lambda module, inputs, y: y.permute(0, 2, 3, 1))
    return module


def of_layer(layer, kind):
    """{name: array} of the params or grads of a layer and of those in it."""
    return {
        f"{path}.{name}".strip("."): array
        for path, inner in walk({"": layer}).items()
        for name, array in getattr(inner, kind, {}).items()
    }


def pair(layer, module, rng):
    """Both with the same weights in float64, stirred: a gamma of 1 would hide that it was forgotten."""
    params = of_layer(layer, "params")
    for name, p, turn in parameters(module.double()):
        params[name.strip(".")] += rng.normal(0, 0.3, turn(p).shape)
        turn(p.data).copy_(torch.from_numpy(params[name.strip(".")]))
    return layer, module


def agree(ours, theirs, absolute=False):
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape
    assert (np.abs(ours - theirs).max() if absolute else mlp_np.relative_difference(ours, theirs)) < 1e-11


def same_as_pytorch(layer, module, x, noise=()):
    """What comes out, dx, and every gradient. Those named in noise may be 0: of these, the difference itself."""
    y = layer.forward(x)
    dy = np.random.default_rng(9).normal(size=y.shape)
    dx = layer.backward(dy)
    x_torch = torch.from_numpy(x).requires_grad_()
    y_torch = module(x_torch)
    module.zero_grad()
    y_torch.backward(torch.from_numpy(dy))
    agree(y, y_torch)
    agree(dx, x_torch.grad)
    grads = of_layer(layer, "grads")
    theirs = {name.strip("."): turn(p.grad) for name, p, turn in parameters(module)}
    assert list(grads) == list(of_layer(layer, "params")) == list(theirs)
    for name, gradient in grads.items():
        agree(gradient, theirs[name], absolute=name in noise)


def looked_at_closely(layer, x):
    """dx where the curve bends within the usual h."""
    r = np.random.default_rng(0).normal(size=x.shape)
    layer.forward(x)
    dx = layer.backward(r)
    numerical = mlp_np.numerical_gradient(lambda: (layer.forward(x) * r).sum(), x, h=1e-7)
    assert mlp_np.relative_difference(dx, numerical) < 1e-6


def layers():
    """Each layer, its twin, and the shape of an x."""
    rng = np.random.default_rng(0)
    for s, size, stride in product(IMAGES, (1, 3), (1, 2)):
        twin = nn.Conv2d(s[-1], 4, size, stride, padding=size // 2, bias=False)
        yield resnet_np.Conv(rng, s[-1], 4, size, stride), last(twin), s
    for inputs, stride, batch in [*product((2, 3), (1,), (1, 4)), (3, 2, 1), (3, 2, 4)]:
        twin = last(resnet_torch.Block(inputs, 3, stride))
        yield resnet_np.Block(rng, inputs, 3, stride), twin, (batch, 5, 4, inputs)
    for s, bias in product([*TOKENS, (3, 4)], (True, False)):
        yield vit_np.Linear(rng, s[-1], 5, bias), nn.Linear(s[-1], 5, bias), s
    for s in TOKENS:
        yield vit_np.Positions(rng, *s[1:]), vit_torch.Positions(*s[1:]), s
        yield vit_np.LayerNorm(s[-1]), nn.LayerNorm(s[-1]), s
        yield vit_np.MLP(rng, s[-1]), vit_torch.MLP(s[-1]), s
    for s in [(4,), (1, 1), (2, 3, 5), (2, 3, 4, 4)]:
        yield vit_np.Softmax(), nn.Softmax(dim=-1), s
    for s, heads in HEADS:
        yield vit_np.Attention(rng, s[-1], heads), vit_torch.Attention(s[-1], heads), s
        yield vit_np.Block(rng, s[-1], heads), vit_torch.Block(s[-1], heads), s


@pytest.mark.parametrize(
    ("layer", "module", "shape"), [*layers()], ids=lambda p: str(p if type(p) is tuple else type(p).__name__)
)
def test_a_layer(layer, module, shape):
    rng = np.random.default_rng(8)
    pair(layer, module, rng)
    x = rng.normal(2, 3, size=shape) if isinstance(layer, vit_np.LayerNorm) else rng.normal(size=shape)
    differences(layer, x)
    same_as_pytorch(layer, module, x)


@pytest.mark.parametrize("shape", IMAGES[:-1])  # a single value has no variance
@pytest.mark.parametrize("constant", [False, True])
def test_batch_normalisation(shape, constant):
    """In constant input the variance is 0: eps alone keeps the division from failing, and dgamma is rounding errors."""
    rng = np.random.default_rng(1)
    layer, twin = pair(resnet_np.BatchNorm(shape[-1]), last(nn.BatchNorm2d(shape[-1])), rng)
    x = np.full(shape, 0.7) if constant else rng.normal(2, 3, size=shape)
    for _ in range(3):  # the running statistics move each time
        same_as_pytorch(layer, twin, x, noise={"gamma"} if constant else ())
        agree(layer.statistics["mean"], twin.running_mean)
        agree(layer.statistics["var"], twin.running_var)
    (looked_at_closely if constant else differences)(layer, x)
    layer.statistics = {"mean": twin.running_mean.numpy(), "var": twin.running_var.numpy()}
    layer.training = twin.eval().training
    same_as_pytorch(layer, twin, x)
    differences(layer, x)


def test_constant_input_to_layer_normalisation():
    layer, x = vit_np.LayerNorm(4), np.full((2, 3, 4), 0.5)
    assert np.abs(layer.forward(x)).max() == 0
    looked_at_closely(layer, x)


# --- Softmax and attention ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_of_huge_scores(dtype):
    layer = vit_np.Softmax()
    scores = np.array([[1e4, -1e4, 0], [1e4, 1e4, -1e4], [-1e4, -1e4, -1e4 + 1]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        weights = layer.forward(scores)
        dscores = layer.backward(np.array([[1, 2, 3]] * 3, dtype))
    assert (weights[:2] == [[1, 0, 0], [0.5, 0.5, 0]]).all()
    assert np.allclose(weights.sum(axis=-1), 1, rtol=0, atol=1e-15 if dtype == np.float64 else 1e-7)
    assert weights.dtype == dscores.dtype == dtype
    same_as_pytorch(layer, nn.Softmax(dim=-1), scores.astype(np.float64))


def attention(seed, width=6):
    rng = np.random.default_rng(seed)
    return rng, vit_np.Attention(rng, width, heads=2), vit_torch.Attention(width, heads=2)


def test_attention_with_huge_scores():
    """About +-1e4: all of the weight is on one patch, nothing overflows, and query and key learn nothing more."""
    rng, layer, twin = attention(6)
    layer.layers["query"].params["W"] *= 1e4
    pair(layer, twin, rng)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        same_as_pytorch(layer, twin, rng.normal(size=(2, 5, 6)), noise=of_layer(layer, "params"))
    assert 1e4 < np.abs(layer.q @ layer.k.swapaxes(2, 3)).max() < 1e6
    grads = of_layer(layer, "grads")
    assert np.abs(grads["query.W"]).max() < 1e-11 < 0.1 < np.abs(grads["value.W"]).max()


def test_a_bias_of_the_key_would_change_nothing():
    """The theorem in Attention: neither the output nor, therefore, the loss; its gradient is 0 in both frameworks."""
    rng, layer, twin = attention(7, width=8)
    x = rng.normal(size=(3, 5, 8))
    without = layer.forward(x)
    layer.layers["key"].params["b"] = rng.normal(size=8)
    assert np.abs(layer.forward(x) - without).max() < 1e-14
    twin.key = nn.Linear(8, 8)
    same_as_pytorch(*pair(layer, twin, rng), x, noise={"key.b"})
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


def test_patches():
    """Patch 1 is to the right of patch 0, patch 4 below it; within a patch, row by row."""
    x, layer = np.arange(2 * 28 * 28).reshape(2, 28, 28), vit_np.Patches(7)
    cut = layer.forward(x)
    assert cut.shape == (2, 16, 49)
    assert (cut[1, 1] == x[1, :7, 7:14].ravel()).all()
    assert (cut[0, 4] == x[0, 7:14, :7].ravel()).all()
    assert (layer.backward(cut) == x).all()
    assert (vit_np.Patches(28).forward(x) == x.reshape(2, 1, 784)).all()
