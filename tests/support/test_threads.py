"""Work that threads share: the run is the same on any number of them, to the last bit."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

import main_np
from conftest import as_input
from mlp_np import relative_difference, softmax_cross_entropy
from networks import NETWORKS, parse_options
from support import threads
from support.threads import each, share_work

# Widths and batches that cannot be cut evenly, and more images than a convolution takes at a time.
SMALL = {model: network.small.split() for model, network in NETWORKS.items()} | {
    "mlp": ("--hidden", 9),
    "resnet": ("--widths", "3,4"),
    "vit": ("--width", 9, "--blocks", 2, "--heads", 3),
}
IMAGES = 35


def train(monkeypatch, small, number, options, whole=False):
    """(losses, arrays) after a few steps and a test on so many threads; whole: the model itself, not cut."""
    monkeypatch.setattr(threads, "threads", lambda: number)
    net, optimizer = main_np.build(options)
    network = net if whole else share_work(net, options)
    x, y = as_input(small.train_images[:IMAGES], dtype=options.dtype), small.train_labels[:IMAGES].astype(int)
    losses = [main_np.train_step(network, optimizer, x, y, 0.01)[0] for _ in range(3)]
    losses.append(main_np.evaluate(network, small, options)[0])
    return losses, {name: array.tobytes() for name, array in (net.params | getattr(net, "statistics", {})).items()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("way", ["--no-autograd", "--autograd"])
@pytest.mark.parametrize("model", NETWORKS)
def test_the_run_is_the_same_on_any_number_of_threads(model, way, dtype, monkeypatch, small):
    small = small._replace(test_images=small.test_images[:45], test_labels=small.test_labels[:45])
    options = parse_options("np", "--model", model, *SMALL[model], "--dtype", dtype, way)
    losses, arrays = train(monkeypatch, small, 1, options)
    for number in (2, 3, 4):
        assert train(monkeypatch, small, number, options) == (losses, arrays)
    whole, _ = train(monkeypatch, small, 1, options, whole=True)
    assert losses == pytest.approx(whole, rel=1e-9 if dtype == "float64" else 1e-4)  # cut, it is the same network
    if model == "mlp":
        options.autograd = not options.autograd
        assert train(monkeypatch, small, 2, options) == (losses, arrays)


@pytest.mark.parametrize("images", [1, 2, 3])
@pytest.mark.parametrize("model", NETWORKS)
def test_the_gradients_of_the_parts_are_those_of_the_batch(model, images, small):
    options = parse_options("np", "--model", model, *SMALL[model], "--dtype", "float64")
    whole, network = main_np.build(options)[0], share_work(main_np.build(options)[0], options)
    x, y = as_input(small.train_images[:images]), small.train_labels[:images].astype(int)
    logits = whole.forward(x)
    assert relative_difference(logits, network.forward(x)) < 1e-13
    dlogits = softmax_cross_entropy(logits, y)[1]
    grads = network.backward(dlogits)
    assert list(grads) == list(whole.params)
    for name, gradient in whole.backward(dlogits).items():
        assert relative_difference(gradient, grads[name]) < 1e-11, name


def test_several_threads_share_the_parts(monkeypatch):
    monkeypatch.setattr(threads, "threads", lambda: 3)
    together = threading.Barrier(3, timeout=10)  # which one thread alone would never pass
    assert each(lambda a, b: together.wait() * 0 + a + b, range(3), range(10, 13)) == [10, 12, 14]
    assert each(abs, []) == []


@pytest.mark.parametrize("number", [1, 2])
def test_an_error_in_a_part_is_an_error(number, monkeypatch):
    """Also in the other thread, which does about an overflow what this one does."""
    monkeypatch.setattr(threads, "threads", lambda: number)
    together = threading.Barrier(number, timeout=10)

    def part(i):
        together.wait()
        if number == 1 or threading.current_thread() is not threading.main_thread():
            return np.float32(1e38) * np.float32(1e38)

    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        each(part, range(number))


def test_where_no_library_is_known_there_is_one_thread(monkeypatch):
    monkeypatch.setattr(threads.ThreadpoolController, "select", lambda *_, **__: SimpleNamespace(info=list, limit=dict))
    assert threads.threads.__wrapped__() == 1


def test_a_program_makes_the_same_run_with_any_setting(program, tmp_path):
    argv, found = ["--steps", 90, "--hidden", 33, "--batch-size", 1000], []
    for number in ("1", "2"):
        env = {"OMP_NUM_THREADS": number, "OPENBLAS_NUM_THREADS": number}
        assert program("main_np.py", *argv, "--out", tmp_path / number, env=env).returncode == 0
        found.append((tmp_path / number / "checkpoint_np.npz").read_bytes())
    assert found[0] == found[1]
