"""Work that threads share: the run is the same on any number of them, to the last bit."""

import copy
import os
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

import data
import main_np
import main_torch
import mlp_np
from conftest import ROOT
from mlp_np import relative_difference
from networks import NETWORKS, make, parse_options
from support import threads
from support.threads import each, share_work

# Widths and batches that cannot be cut evenly, and more images than a convolution takes at a time.
SMALL = {
    "mlp": ("--hidden", 515),
    "resnet": ("--widths", "3,4"),
    "vit": ("--width", 9, "--blocks", 2, "--heads", 3),
    "gpt": ("--width", 9, "--blocks", 1, "--heads", 3),
}
IMAGES = 67


def train(monkeypatch, small, number, options, whole=False):
    """(losses, arrays) after a few steps and a test on so many threads; whole: the model itself, not cut."""
    monkeypatch.setattr(threads, "threads", lambda: number)
    network, optimizer = main_np.build(options)
    if whole:
        network = network.model
    x, y = options.network.batch(small.train_images[:IMAGES], small.train_labels[:IMAGES].astype(int), options)
    losses = [main_np.train_step(network, optimizer, x, y, 0.01)[0] for _ in range(3)]
    losses.append(main_np.evaluate(network, small, options)[0])
    arrays = network.params | getattr(network, "statistics", {})
    return losses, {name: array.tobytes() for name, array in arrays.items()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("way", ["--no-autograd", "--autograd"])
@pytest.mark.parametrize("model", NETWORKS)
def test_the_run_is_the_same_on_any_number_of_threads(model, way, dtype, monkeypatch, small):
    small = small._replace(test_images=small.test_images[:45], test_labels=small.test_labels[:45])
    options = parse_options("np", "--model", model, *SMALL.get(model, []), "--dtype", dtype, way)
    losses, arrays = train(monkeypatch, small, 1, options)
    for number in (2, 3, 4):
        assert train(monkeypatch, small, number, options) == (losses, arrays)
    whole, _ = train(monkeypatch, small, 1, options, whole=True)
    assert losses == pytest.approx(whole, rel=1e-9 if dtype == "float64" else 1e-4)  # cut, it is the same network
    if model == "mlp":
        options.autograd = not options.autograd
        assert train(monkeypatch, small, 2, options) == (losses, arrays)


@pytest.mark.parametrize("images", [1, 64, 65, 130])
@pytest.mark.parametrize("model", NETWORKS)
def test_the_gradients_of_the_parts_are_those_of_the_batch(model, images, small):
    options = parse_options("np", "--model", model, *SMALL.get(model, []), "--dtype", "float64")
    whole, network = make("np", options), main_np.build(options)[0]
    x, y = options.network.batch(small.train_images[:images], small.train_labels[:images].astype(int), options)
    logits = whole.forward(x)
    assert relative_difference(logits, network.forward(x)) < 1e-13
    dlogits = main_np.loss_of(logits, y)[1]
    grads = network.backward(dlogits)
    assert list(grads) == list(whole.params)
    for name, gradient in whole.backward(dlogits).items():
        assert relative_difference(gradient, grads[name]) < 1e-11, name


@pytest.mark.parametrize(
    ("size", "parts"), [(1, 1), (256, 1), (257, 2), (512, 2), (513, 4), (1024, 4), (2048, 8), (16384, 64)]
)
def test_the_parts_depend_on_the_work(size, parts, monkeypatch):
    for number in (1, 8):
        monkeypatch.setattr(threads, "threads", lambda number=number: number)
        network = main_np.build(parse_options("np", "--hidden", size))[0]
        assert len(network.parts) == parts
        assert [part.params["W1"].shape[1] for part in network.parts] == [size // parts] * parts or size in (257, 513)


@pytest.mark.parametrize("model", NETWORKS)
def test_libraries_keep_their_threads_where_pytorch_computes(model, monkeypatch):
    """It builds a network in NumPy for its first weights, and may use the same library."""
    monkeypatch.setattr(threads, "threads", None)
    main_torch.build(parse_options("torch", "--model", model))
    with pytest.raises(TypeError):
        main_np.build(parse_options("np", "--model", model))


@pytest.mark.parametrize("model", NETWORKS)
def test_a_copy_of_a_network_learns_by_itself(model, small):
    """With what it shares among threads: the arrays of the parts are still views of its own, and not of the other's."""
    options = parse_options("np", "--model", model, *SMALL.get(model, []))
    network, optimizer = main_np.build(options)
    before = {name: p.copy() for name, p in network.params.items()}
    x, y = options.network.batch(small.train_images[:9], small.train_labels[:9].astype(int), options)
    first, _ = main_np.train_step(copy.copy(copy.deepcopy(network)), optimizer, x, y, 0.01)
    twin = copy.deepcopy(network)
    losses = [main_np.train_step(twin, main_np.Optimizer(twin.params, options), x, y, 0.01)[0] for _ in range(2)]
    assert first == losses[0] > losses[1]
    assert all((network.params[name] == p).all() for name, p in before.items())


class Louder(mlp_np.MLP):
    """An MLP with a mode."""

    training = True

    def forward(self, x):
        return super().forward(2 * x if self.training else x)


UNITS = {"W1": 1, "b1": 0, "W2": 0}


@pytest.mark.parametrize("share", [{"units": UNITS}, {"images": 64}, {"images": 9}, {}])
def test_no_part_misses_whether_the_network_is_training(share):
    x, (alone, model) = np.random.default_rng(0).normal(size=(130, 28, 28)), (Louder(515, dtype=float) for _ in "12")
    shared = share_work(model, **share)
    for training in (True, False, True):
        alone.training = shared.training = training
        assert relative_difference(alone.forward(x), shared.forward(x)) < 1e-13
        assert relative_difference(alone.z1, shared.kept("z1")) < 1e-13


def test_statistics_cannot_be_cut_by_units():
    network = mlp_np.MLP(hidden=9)
    network.statistics = {"mean": np.zeros(9)}
    with pytest.raises(ValueError, match="statistics"):
        share_work(network, units=UNITS)


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
    assert each(abs, range(-9, 0)) == [*range(9, 0, -1)]  # and all threads still work


def test_ctrl_c_waits_for_the_other_thread_and_no_part_begins_after_it(monkeypatch):
    monkeypatch.setattr(threads, "threads", lambda: 2)
    together, done = threading.Barrier(2, timeout=10), []

    def part(i):
        if i < 2:
            together.wait()
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        time.sleep(0.2)
        done.append(i)

    with pytest.raises(KeyboardInterrupt):
        each(part, range(9))
    assert done in ([0], [1])
    time.sleep(0.1)
    assert len(done) == 1


def test_nobody_waits_for_a_thread_that_has_not_begun(monkeypatch):
    """The only other thread is busy, and inside a part there are parts again."""
    monkeypatch.setattr(threads, "threads", lambda: 2)
    assert each(lambda i: each(lambda j: 10 * i + j, range(3)), range(4)) == [
        [10 * i + j for j in range(3)] for i in range(4)
    ]


def test_where_no_library_is_known_there_is_one_thread(monkeypatch):
    monkeypatch.setattr(threads.ThreadpoolController, "select", lambda *_, **__: SimpleNamespace(info=list, limit=dict))
    assert threads.threads.__wrapped__() == 1


def test_a_program_makes_the_same_run_with_any_setting(tmp_path):
    code, found = "import plot, main_np; plot.learning_curves = id; main_np.main()", []
    for number in ("1", "2"):
        env = os.environ | {"OMP_NUM_THREADS": number, "OPENBLAS_NUM_THREADS": number}
        argv = ["-c", code, "--steps", "9", "--hidden", "33", "--batch-size", "1000", "--out", tmp_path / number]
        subprocess.run([sys.executable, *argv], cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)
        found.append((tmp_path / number / "checkpoint_np.npz").read_bytes())
    assert found[0] == found[1]


def test_where_the_system_gives_no_more_threads_one_will_do(monkeypatch, small):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    options = parse_options("np", "--augment", "shift", "--batch-size", 4)
    expected = list(data.batches(small, options, 0, 3))
    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr(threads, "threads", lambda: 3)
    threads.crew.cache_clear()
    assert each(lambda a: 2 * a, [1, 2, 3]) == [2, 4, 6]
    assert [images.tobytes() for images, _ in data.batches(small, options, 0, 3)] == [a.tobytes() for a, _ in expected]
    threads.crew.cache_clear()
