"""What is special to the MLP: its first weights, its loss, its intermediates; and the check by central differences."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import strategies as st

import mlp_torch
from conftest import fuzz
from mlp_np import INITS, MLP, compare, numerical_gradient, relative_difference, softmax_cross_entropy
from support.names import parameters


def test_every_intermediate_is_that_of_pytorch():
    """In a twin that is taken apart, for random shapes."""

    def check(drawn):
        batch, hidden, init, seed = drawn
        rng, ours, theirs = np.random.default_rng(seed), MLP(hidden, init, seed, np.float64), mlp_torch.MLP(hidden)
        for name, p, turn in parameters(theirs.double()):
            turn(p.data).copy_(torch.from_numpy(ours.params[name]))
        x, y = rng.normal(size=(batch, 28, 28)), rng.integers(10, size=batch)
        loss, dlogits = softmax_cross_entropy(ours.forward(x), y)
        ours.backward(dlogits)
        z1 = theirs.layer1(torch.from_numpy(x).flatten(1))
        a1 = F.relu(z1)
        logits = theirs.layer2(a1)
        for tensor in (z1, a1, logits):
            tensor.retain_grad()
        loss_torch = F.cross_entropy(logits, torch.from_numpy(y))
        loss_torch.backward()
        assert abs(loss - loss_torch.item()) < 1e-12 * max(1, loss)
        assert torch.equal(logits, theirs(torch.from_numpy(x)))  # what was taken apart is the model
        pairs = [(ours.z1, z1.detach()), (ours.a1, a1.detach()), (dlogits, logits.grad)]
        for by_hand, by_torch in [*pairs, (ours.da1, a1.grad), (ours.dz1, z1.grad)]:
            assert by_hand.shape == by_torch.shape
            apart, largest = np.abs(by_hand - by_torch.numpy()).max(), np.abs(by_hand).max()
            assert apart < 1e-12 * max(largest, 0.01)  # gradients may be near 0

    fuzz(
        40, st.tuples(st.integers(1, 128), st.integers(1, 12), st.sampled_from([*INITS]), st.integers(0, 2**32)), check
    )


def test_no_gradient_passes_a_unit_that_is_off_or_exactly_at_zero():
    """At zero, it is PyTorch's choice too: the twins must agree on it."""
    x, y = np.random.default_rng(0).normal(size=(4, 784)), np.array([1, 2, 3, 3])
    for bias in (-1e3, 0):
        model = MLP(6, dtype=np.float64)
        model.params["W1"] *= bias != 0
        model.params["b1"][:] = bias
        grads = model.backward(softmax_cross_entropy(model.forward(x), y)[1])
        assert not model.a1.any() and not grads["W1"].any() and not grads["b1"].any()
        assert grads["b2"].any()


@pytest.mark.parametrize("scale", [0, 1, 30, 1e4])
def test_softmax_cross_entropy_for_ties_and_extreme_logits(scale):
    rng = np.random.default_rng(3)
    logits = scale * rng.choice([-1.0, 1.0], (20, 10))  # many ties
    logits[0] -= scale  # a row that is lower than all others
    y = rng.integers(10, size=20)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        loss, dlogits = softmax_cross_entropy(logits, y)
    assert np.isfinite(loss)
    assert np.allclose(dlogits.sum(axis=1), 0, atol=1e-15)
    # At 1e4 a loss has its last digit at 1e-12: a smaller h would drown in it.
    h = 1e-4 if scale == 1e4 else 1e-5
    numerical = numerical_gradient(lambda: softmax_cross_entropy(logits, y)[0], logits, h)
    assert relative_difference(dlogits, numerical) < 1e-6


def test_losses_that_are_known_exactly():
    logits = np.array([[1e4, -1e4, 0, 0, 0, 0, 0, 0, 0, 0]])
    assert softmax_cross_entropy(logits, np.array([0]))[0] == 0
    loss, dlogits = softmax_cross_entropy(logits, np.array([1]))
    assert (loss, *dlogits[0, :2]) == (2e4, 1, -1)
    assert softmax_cross_entropy(np.zeros((4, 10)), np.arange(4))[0] == pytest.approx(np.log(10))


@pytest.mark.parametrize("init", INITS)
def test_inits_have_the_published_spread(init):
    """And "pytorch" is what PyTorch draws: the same bounds and spread as a fresh nn.Linear, weights and biases."""
    params = MLP(512, init, seed=5).params
    uniform = 1 / np.sqrt(3)
    spread = {"he": np.sqrt(2 / 784), "pytorch": uniform / np.sqrt(784), "geohot": uniform / np.sqrt(784 * 512)}[init]
    assert params["W1"].std() == pytest.approx(spread, rel=0.01)
    assert abs(params["W1"].mean()) < spread / 100
    assert params["b1"].any() == params["b2"].any() == (init == "pytorch")
    torch.manual_seed(0)
    for name, p, _ in parameters(mlp_torch.MLP(512)) if init == "pytorch" else ():
        theirs, few = p.detach().numpy(), p.numel() < 100
        assert np.abs(params[name]).max() == pytest.approx(np.abs(theirs).max(), rel=0.25 if few else 0.02)
        assert params[name].std() == pytest.approx(theirs.std(), rel=0.6 if few else 0.05)


def test_he_keeps_the_size_of_activations():
    """What the formula promises: the mean square of a1's inputs to the next layer is that of x."""
    x = np.random.default_rng(0).normal(size=(200, 784)).astype(np.float32)
    model = MLP(4096, "he", seed=1)
    model.forward(x)
    assert (model.a1**2).mean() == pytest.approx((x**2).mean(), rel=0.05)


def test_a_gradient_of_another_shape_is_noticed():
    """A (1, H) would broadcast against an (H,), and compare well."""
    b1 = np.ones(7)
    with pytest.raises(SystemExit, match=r"db1 has the shape \(1, 7\); it should be \(7,\)"):
        compare("db1", b1[np.newaxis], b1, b1.sum)


def test_numerical_gradient_knows_a_gradient():
    a = np.array([[1.0, -2.0], [0.5, 3.0]])
    assert numerical_gradient(lambda: (a**3).sum(), a) == pytest.approx(3 * a**2, rel=1e-8)
