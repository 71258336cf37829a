"""Each layer of the residual network and of the transformers by hand, against PyTorch. (They check themselves, too.)"""

from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

import gpt_np
import gpt_torch
import resnet_np
import resnet_torch
import vit_autograd
import vit_np
import vit_torch
from autograd_np import Tensor
from layers_np import Linear, Network, channel_sum, flatten_layers, row_max, row_sum
from mlp_np import relative_difference, softmax
from support.torch_names import iter_parameters

IMAGES = [(2, 5, 6, 3), (1, 4, 4, 2), (3, 7, 3, 1), (2, 2, 5, 1), (1, 1, 1, 2)]  # B, height, width, C
TOKENS = [(2, 5, 6), (1, 4, 4), (3, 7, 3), (1, 1, 4), (2, 2, 9)]  # B, T, C
HEADS = [((2, 5, 6), 1), ((2, 5, 6), 2), ((2, 5, 6), 3), ((1, 4, 4), 1), ((1, 4, 4), 4), ((3, 7, 3), 1), ((2, 2, 9), 3)]


@pytest.mark.parametrize("shape", [*IMAGES, *TOKENS])
def test_the_faster_ways_give_what_the_formulas_give(shape):
    """Sums to rounding, all else to the last bit, also where scores are hidden."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=shape)
    assert channel_sum(x) == pytest.approx(x.reshape(-1, shape[-1]).sum(axis=0), abs=1e-12)
    assert row_sum(x) == pytest.approx(x.sum(axis=-1, keepdims=True), abs=1e-12)
    x[..., shape[-1] // 2 + 1 :] = -np.inf
    assert np.array_equal(row_max(x), x.max(axis=-1, keepdims=True))
    assert np.array_equal(vit_np.softmax(x), softmax(x))


def last(module):
    """The module, but with the channels last in what goes in and comes out."""
    module.register_forward_pre_hook(lambda module, inputs: inputs[0].permute(0, 3, 1, 2))
    module.register_forward_hook(lambda module, inputs, y: y.permute(0, 2, 3, 1))
    return module


def of_layer(layer, kind):
    """{name: array} of the params or grads of a layer and of those in it."""
    return {
        f"{path}.{name}".strip("."): array
        for path, inner in flatten_layers({"": layer}).items()
        for name, array in getattr(inner, kind, {}).items()
    }


def pair(layer, module, rng):
    """Both with the same weights in float64, stirred: a gamma of 1 would hide that it was forgotten."""
    params = of_layer(layer, "params")
    for name, p, turn in iter_parameters(module.double()):
        params[name.strip(".")] += rng.normal(0, 0.3, turn(p).shape)
        turn(p.data).copy_(torch.from_numpy(params[name.strip(".")]))
    return layer, module


def agree(ours, theirs, absolute=False):
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape
    assert (np.abs(ours - theirs).max() if absolute else relative_difference(ours, theirs)) < 1e-11


def same_as_pytorch(layer, module, x, zero=()):
    """What comes out, dx, and every gradient. Those named in zero are 0: of these, the difference itself."""
    y = layer.forward(x)
    dy = np.random.default_rng(9).normal(size=y.shape)
    dx = layer.backward(dy)
    x_torch = torch.from_numpy(x).requires_grad_(x.dtype.kind == "f")  # words have no derivative
    y_torch = module(x_torch)
    module.zero_grad()
    y_torch.backward(torch.from_numpy(dy))
    agree(y, y_torch)
    assert (dx is None) == (x_torch.grad is None)
    if dx is not None:
        agree(dx, x_torch.grad)
    grads = of_layer(layer, "grads")
    theirs = {name.strip("."): turn(p.grad) for name, p, turn in iter_parameters(module)}
    assert list(grads) == list(of_layer(layer, "params")) == list(theirs)
    for name, gradient in grads.items():
        agree(gradient, theirs[name], absolute=name in zero)


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
        yield Linear(rng, s[-1], 5, bias), nn.Linear(s[-1], 5, bias), s
    for s in TOKENS:
        yield vit_np.Positions(rng, *s[1:]), vit_torch.Positions(*s[1:]), s
        yield vit_np.LayerNorm(s[-1]), nn.LayerNorm(s[-1]), s
        yield vit_np.MLP(rng, s[-1]), vit_torch.MLP(s[-1]), s
    for s in [(4,), (1, 1), (2, 3, 5), (2, 3, 4, 4)]:
        yield vit_np.Softmax(), nn.Softmax(dim=-1), s
    for s, heads in HEADS:
        yield vit_np.Attention(rng, s[-1], heads), vit_torch.Attention(s[-1], heads), s
        yield vit_np.Block(rng, s[-1], heads), vit_torch.Block(s[-1], heads), s
        yield gpt_np.CausalAttention(rng, s[-1], heads), gpt_torch.CausalAttention(s[-1], heads), s
        yield gpt_np.CausalBlock(rng, s[-1], heads), gpt_torch.CausalBlock(s[-1], heads), s


@pytest.mark.parametrize(
    ("layer", "module", "shape"), [*layers()], ids=lambda p: str(p if type(p) is tuple else type(p).__name__)
)
def test_a_layer(layer, module, shape):
    rng = np.random.default_rng(8)
    pair(layer, module, rng)
    x = rng.normal(2, 3, size=shape) if isinstance(layer, vit_np.LayerNorm) else rng.normal(size=shape)
    same_as_pytorch(layer, module, x)


@pytest.mark.parametrize("size", [1, 3])
def test_a_convolution_of_a_view(size):
    """What goes in may be a part of another array, or one that is turned."""
    layer, x = resnet_np.Conv(np.random.default_rng(0), 3, 4, size), np.random.default_rng(1).normal(size=(2, 3, 5, 6))
    for view in (x.swapaxes(1, 3), x[:, ::2, ::-1, :3]):
        layer.params["W"] = np.random.default_rng(2).normal(size=(size, size, view.shape[3], 4))
        y = layer.forward(view)
        assert (y == layer.forward(view.copy())).all()
        assert (layer.backward(y) == layer.backward(y.copy())).all()


@pytest.mark.parametrize("shape", IMAGES[:-1])  # a single value has no variance
def test_batch_normalisation(shape):
    rng = np.random.default_rng(1)
    layer, twin = pair(resnet_np.BatchNorm(shape[-1]), last(nn.BatchNorm2d(shape[-1])), rng)
    x = rng.normal(2, 3, size=shape)
    for training in (True, True, False):  # the running statistics move each time, and not in testing
        layer.training = twin.train(training).training
        same_as_pytorch(layer, twin, x)
        agree(layer.statistics["mean"], twin.running_mean)
        agree(layer.statistics["var"], twin.running_var)


@pytest.mark.parametrize("shape", [(2, 2, 2, 1), (1, 1, 1, 1), (2, 2, 4)])
def test_constant_input_to_a_normalisation(shape):
    """Its variance is 0: eps alone keeps the division from failing."""
    layer = (resnet_np.BatchNorm if len(shape) == 4 else vit_np.LayerNorm)(shape[-1])
    assert not layer.forward(np.full(shape, 0.5)).any()
    assert np.isfinite(layer.backward(np.ones(shape))).all()


@pytest.mark.parametrize("way", [vit_np.Softmax().forward, lambda scores: vit_autograd.softmax(Tensor(scores)).value])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_of_huge_scores(way, dtype):
    scores = np.array([[1e4, -1e4, 0], [1e4, 1e4, -1e4], [-1e4, -1e4, -1e4]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        weights = way(scores)
    assert weights.dtype == dtype
    assert weights == pytest.approx(np.array([[1, 0, 0], [1 / 2, 1 / 2, 0], [1 / 3, 1 / 3, 1 / 3]]))


def test_first_weights_keep_the_size_of_what_passes():
    """Variance 2 / inputs after a ReLU, else 1 / inputs, where a kernel has inputs at each of its positions. What is
    added to x may be smaller."""
    resnet, vit = resnet_np.ResNet((64, 64)).params, vit_np.ViT().params
    for params, name, inputs, gain in [
        (resnet, "blocks.1.first.conv.W", 9 * 64, 2),
        (resnet, "linear.W", 64, 2),
        (vit, "embed.W", 49, 1),
        (vit, "linear.W", 64, 1),
        (vit, "blocks.0.mlp.first.W", 64, 1),
        (vit, "blocks.0.mlp.second.W", 256, 1),
        (vit, "blocks.0.attention.key.W", 64, 1),
    ]:
        assert params[name].std() == pytest.approx(np.sqrt(gain / inputs), rel=0.1), name
    assert vit["positions.P"].std() == pytest.approx(0.02, rel=0.1)
    assert gpt_np.GPT().params["embed.E"].std() == pytest.approx(0.5, rel=0.1)


# --- The key's bias ---------------------------------------------------------------------------------------------------


def test_what_reaches_each_layer_is_kept_in_testing_alone():
    """In training its memory is used again."""
    network = Network({"linear": Linear(np.random.default_rng(1), 3, 4)}, np.float64)
    for network.training, kept in ((True, ["x"]), (False, ["linear", "x"])):
        network.backward(network.forward(np.ones((2, 3))))
        assert [*network.gradients] == kept


def test_a_bias_of_the_key_would_change_nothing():
    """The theorem in Attention: neither the output nor, therefore, the loss; its gradient is 0 in both frameworks."""
    rng = np.random.default_rng(7)
    layer, twin, x = vit_np.Attention(rng, 8, heads=2), vit_torch.Attention(8, heads=2), rng.normal(size=(3, 5, 8))
    without = layer.forward(x)
    layer.layers["key"].params["b"] = rng.normal(size=8)
    assert np.abs(layer.forward(x) - without).max() < 1e-14
    twin.key = nn.Linear(8, 8)
    same_as_pytorch(*pair(layer, twin, rng), x, zero={"key.b"})
    for other, key in [
        (layer.layers["query"].grads["b"], layer.layers["key"].grads["b"]),
        (twin.query.bias.grad.numpy(), twin.key.bias.grad.numpy()),
    ]:
        assert np.abs(key).max() < 1e-14 < 0.1 < np.abs(other).max()


# --- Words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [[[3, 0, 3], [3, 4, 1]], [[2]], [[0, 0, 0, 0]]])
def test_an_embedding(words):
    rng = np.random.default_rng(5)
    same_as_pytorch(*pair(gpt_np.Embedding(rng, 5, 4), nn.Embedding(5, 4), rng), np.array(words))


def test_a_place_sees_nothing_of_what_comes_after_it():
    """Neither the words, however they change, nor their gradients."""
    rng = np.random.default_rng(6)
    model, x = gpt_np.GPT(width=8, vocab_size=6, context_length=7, dtype=np.float64), rng.integers(16, size=(3, 7))
    other = np.hstack([x[:, :4], rng.integers(16, size=(3, 3))])
    assert np.array_equal(model.forward(x)[:, :4], model.forward(other)[:, :4])
    assert not np.array_equal(model.forward(x)[:, 4:], model.forward(other)[:, 4:])


def test_kept_keys_and_values_give_the_logits_of_the_whole_text():
    """Also when a text goes back to an earlier place, and on from there."""
    rng = np.random.default_rng(6)
    model, x = gpt_np.GPT(width=8, vocab_size=6, context_length=7, dtype=np.float64), rng.integers(16, size=(2, 3, 7))
    whole = model.forward(x[0])
    one_by_one = np.stack([model.decode_step(x[0, :, place], place) for place in range(7)], axis=1)
    assert relative_difference(one_by_one, whole) < 1e-14
    changed = np.hstack([x[0, :, :4], x[1, :, 4:]])
    rest = np.stack([model.decode_step(changed[:, place], place) for place in range(4, 7)], axis=1)
    assert relative_difference(rest, model.forward(changed)[:, 4:]) < 1e-14


def test_the_next_word():
    """At a temperature T, word k with the probability softmax(logits / T)[k]; at 0, the likeliest."""
    logits = np.log([[0.5, 0.25, 0.25]] * 5)
    u = np.array([0, 0.49, 0.51, 0.76, 1 - 2**-53])
    assert gpt_np.sample(logits, 1, u).tolist() == [0, 0, 1, 2, 2]
    assert gpt_np.sample(logits, 0.5, u).tolist() == [0, 0, 0, 1, 2]  # 2/3, 1/6, 1/6
    for temperature in (0, 1e-320, 1e-300, 1e-29):
        assert gpt_np.sample(logits[:, ::-1], temperature, u).tolist() == [2] * 5, temperature
    few = gpt_np.sample(np.array([[1, 0, 3, 2]] * 100), 1, np.linspace(0, 0.99, 100), top_k=2)
    assert {*few.tolist()} == {2, 3} and (few == 2).mean() == pytest.approx(np.e / (1 + np.e), abs=0.01)
    words = gpt_np.sample(np.zeros((10_000, 128), np.float32), 1, np.random.default_rng(0).random(10_000))
    assert np.bincount(words, minlength=128).min() > 40


def test_a_seed_writes_the_same_text_again():
    model = gpt_np.GPT(width=8, vocab_size=6, context_length=7)
    texts = [np.stack([*model.generate(np.array([[9], [15]]), 1, np.random.default_rng(seed))]) for seed in (1, 1, 2)]
    assert texts[0].shape == (7, 2) and texts[0].max() < 6
    assert np.array_equal(texts[0], texts[1]) and not np.array_equal(texts[0], texts[2])


class Counting:
    """A layer that counts its steps, as CONTRIBUTING asks a network with randomness of its own to do."""

    def __init__(self):
        self.params = {"w": np.ones(2)}
        self.statistics = {"steps": np.array(2**24 + 1), "mean": np.zeros(2)}


def test_a_counter_of_steps_stays_a_whole_number():
    """In float32 it would stop at 2**24."""
    network = Network({"drop": Counting()}, np.float32)
    steps = network.statistics["drop.steps"]
    assert steps.dtype == np.int64 and steps == 2**24 + 1
    assert network.statistics["drop.mean"].dtype == network.params["drop.w"].dtype == np.float32
