"""Two threads that share a batch make the same run as one: a ViT learns in halves, a ResNet is tested in halves."""

import numpy as np
import pytest

import main_np
from conftest import as_input
from mlp_np import relative_difference, softmax_cross_entropy
from networks import NETWORKS, make, parse_options
from support.halves import Halves

SMALL = {"mlp": ("--hidden", 9), "resnet": ("--widths", "3,4"), "vit": ("--width", 8, "--blocks", 2, "--heads", 2)}


@pytest.fixture(params=[(model, alone) for model in NETWORKS for alone in (True, False)], ids=str)
def both(request):
    """A network whole and in halves, with the same weights: (options, whole, halves)."""
    model, alone = request.param
    options = parse_options("np", "--model", model, *SMALL[model], "--dtype", "float64")
    halves = Halves(make("np", options), options)
    halves.alone = alone
    return options, make("np", options), halves


def watch(halves):
    """The list to which the size of every batch is added that reaches the second of the two networks."""
    seen, forward = [], halves.models[1].forward
    halves.models[1].forward = lambda x: seen.append(len(x)) or forward(x)
    return seen


@pytest.mark.parametrize("images", [1, 2, 6, 7])
def test_the_logits_and_gradients_of_two_halves_are_those_of_the_batch(both, mnist, images):
    options, whole, halves = both
    seen = watch(halves)
    x, y = as_input(mnist.train_images[:images]), mnist.train_labels[:images].astype(int)
    logits = whole.forward(x)
    assert relative_difference(logits, halves.forward(x)) < 1e-13
    dlogits = softmax_cross_entropy(logits, y)[1]
    grads = halves.backward(dlogits)
    for name, gradient in whole.backward(dlogits).items():
        assert relative_difference(gradient, grads[name]) < 1e-11, name
    assert seen == ([images // 2] if options.model == "vit" and images % 2 == 0 and not halves.alone else [])


def test_in_testing_a_network_works_in_halves_with_what_it_has_learned(both, mnist):
    options, whole, halves = both
    optimizer, other = main_np.Optimizer(whole.params, options), main_np.Optimizer(halves.params, options)
    x, y = as_input(mnist.train_images[:16]), mnist.train_labels[:16].astype(int)
    for _ in range(3):
        loss, _ = main_np.train_step(whole, optimizer, x, y, 0.01)
        assert main_np.train_step(halves, other, x, y, 0.01)[0] == pytest.approx(loss, rel=1e-9)
    whole.training = halves.training = False
    seen = watch(halves)
    assert relative_difference(whole.forward(x), halves.forward(x)) < 1e-9
    assert seen == ([8] if options.network.in_halves and not halves.alone else [])


def test_the_other_thread_does_about_an_overflow_what_this_one_does():
    options = parse_options("np", "--model", "vit", *SMALL["vit"])
    halves = Halves(make("np", options), options)
    halves.alone = False
    halves.models[1].forward = lambda x: np.float32(1e38) * np.full((len(x), 10), 1e38, np.float32)
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        halves.forward(np.zeros((4, 28, 28), np.float32))
