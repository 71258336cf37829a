"""Work that threads share: the run is the same on any number of them, to the last bit."""

import contextlib
import copy
import os
import random
import re
import subprocess
import sys
import threading
import time
import warnings
from functools import partial
from types import ModuleType, SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest

import data
import main_np
import mlp_np
from conftest import ROOT, schedule
from loading.network import make_network
from loading.options import parse_options
from mlp_np import relative_difference, softmax_cross_entropy
from networks import NETWORKS
from resnet_np import ResNet
from support import threads
from support.checkpoint import load_checkpoint
from support.errors import UserError
from support.threads import Meeting, get_kept_array, map_in_threads, share_work

# Widths and batches that cannot be cut evenly, and more images than a convolution takes at a time.
SMALL = {
    "mlp": ("--hidden", 515),
    "resnet": ("--widths", "3,4"),
    "vit": ("--width", 9, "--blocks", 2, "--heads", 3),
    "gpt": ("--width", 9, "--blocks", 1, "--heads", 3),
}
IMAGES = 67


def train(monkeypatch, small, number, options, whole=False):
    """(losses, arrays) after a few steps and a test on so many threads; whole: the model itself, not in parts."""
    monkeypatch.setattr(threads, "count_blas_threads", lambda: number)
    network, optimizer = main_np.build(options)
    if whole:
        network = network.model
    x, y = data.encode(*small.get_train_examples_and_labels(slice(IMAGES)), options)
    losses = [main_np.train_step(network, optimizer, x, y, 0.01)[0] for _ in range(3)]
    losses.append(main_np.evaluate(network, small, options)[0])
    arrays = network.params | getattr(network, "statistics", {})
    return losses, {name: array.tobytes() for name, array in arrays.items()}


PARTED = [(model, images) for images in (1, 67) for model in NETWORKS]
PARTED_ALIKE = [(model, images) for images in (2, 64) for model in NETWORKS]


@pytest.mark.parametrize(
    "words", schedule(["--dtype float32", "--autograd --dtype float64"], every_day=["--dtype float32"])
)
@pytest.mark.parametrize("model", schedule(NETWORKS, every_day=["mlp", "resnet", "gpt"], in_turn=2))
def test_the_run_is_the_same_on_any_number_of_threads(model, words, monkeypatch, small):
    small = small._replace(test_images=small.test_images[:45], test_labels=small.test_labels[:45])
    options = parse_options("np", "--model", model, *SMALL.get(model, []), *words.split(), "--parts", 4)
    losses, arrays = train(monkeypatch, small, 1, options)
    for number in (2, 4):
        assert train(monkeypatch, small, number, options) == (losses, arrays)
    whole, _ = train(monkeypatch, small, 1, options, whole=True)
    assert losses == pytest.approx(
        whole, rel=1e-9 if options.run.dtype == "float64" else 1e-4
    )  # in parts, it is the same network
    if model == "mlp":
        options.call.autograd = not options.call.autograd
        assert train(monkeypatch, small, 2, options) == (losses, arrays)


@pytest.mark.parametrize(("model", "images"), [*schedule(PARTED, every_day=2), *schedule(PARTED_ALIKE)])
def test_the_gradients_of_the_parts_are_those_of_the_batch(model, images, small):
    options = parse_options("np", "--model", model, *SMALL.get(model, []), "--dtype", "float64", "--parts", 3)
    whole, network = make_network("np", options), main_np.build(options)[0]
    x, y = data.encode(*small.get_train_examples_and_labels(slice(images)), options)
    for _ in range(2):  # the second time, with what the first has remembered
        logits = whole.forward(x)
        assert relative_difference(logits, network.forward(x)) < 1e-13
        dlogits = main_np.compute_loss(logits, y)[1]
        grads = network.backward(dlogits)
        assert list(grads) == list(whole.params)
        for name, gradient in whole.backward(dlogits).items():
            assert relative_difference(gradient, grads[name]) < 1e-11, name
    for name, array in getattr(whole, "statistics", {}).items():
        # Sums over all images, in another order; older versions of NumPy add up one by one, and are off by 2e-13.
        assert relative_difference(array, network.statistics[name]) < 1e-12
    assert len(network.parts) == min(images, 3)
    whole.training = network.training = False
    x, _ = data.encode(*small.get_test_examples_and_labels(slice(5)), options)
    assert relative_difference(whole.forward(x), network.forward(x)) < 1e-13


# What learners do to mlp_np.py: (what is there, what they put there), and words of what is then said.
PARAMS, RETURNED, A1 = '("b2", b2)]', '"b2": db2}', "self.a1 = np.maximum(self.z1, 0)  # (B, H)\n"
DZ1, NORM = "self.da1 * (self.z1 > 0)", "np.sqrt((relu**2).sum(axis=1, keepdims=True) + 1e-5)"
WHOLE = "note: the network gets its batches whole, on one thread: in parts, its logits would differ\n"
EDITS = {
    "nothing": ({}, ""),
    "a second layer": (
        {
            "rng, hidden, 10)": "rng, hidden, hidden)\n        W3, b3 = INITS[init](rng, hidden, 10)",
            PARAMS: f'{PARAMS[:-1]}, ("W3", W3), ("b3", b3)]',
            "W1, b1, W2, b2 = self.params.values()": "W1, b1, W2, b2, W3, b3 = self.params.values()",
            "return self.a1 @ W2 + b2": "self.z2 = self.a1 @ W2 + b2\n        self.a2 = np.maximum(self.z2, 0)\n"
            "        return self.a2 @ W3 + b3",
            'W2 = self.params["W2"]\n': "_, _, W2, _, W3, _ = self.params.values()\n        dW3 = self.a2.T @ dlogits\n"
            "        db3 = dlogits.sum(axis=0)\n        dlogits = dlogits @ W3.T * (self.z2 > 0)\n",
            RETURNED: '"b2": db2, "W3": dW3, "b3": db3}',
        },
        "",
    ),
    "activations of length 1": (
        {
            A1: f"self.relu = relu = np.maximum(self.z1, 0)\n        self.norm = {NORM}\n"
            "        self.a1 = relu / self.norm\n",
            DZ1: "(self.da1 - self.a1 * (self.a1 * self.da1).sum(axis=1, keepdims=True)) / self.norm * (self.z1 > 0)",
        },
        "",
    ),
    "tanh": ({A1: "self.a1 = np.tanh(self.z1)\n", DZ1: "self.da1 * (1 - self.a1**2)"}, ""),
    "a gradient doubled": ({"dW2 = ": "dW2 = 2 * "}, ""),
    "centred over the batch": (
        {
            A1: f"{A1}        self.a1 -= self.a1.mean(axis=0)\n",
            DZ1: "(self.da1 - self.da1.mean(axis=0)) * (self.z1 > 0)",
        },
        WHOLE,
    ),
    "dropout": (
        {
            PARAMS + "}\n": PARAMS + "}\n        self.rng = np.random.default_rng(seed)\n",
            A1: f"{A1}        self.mask = (self.rng.random(self.a1.shape) < 0.8) / 0.8\n        self.a1 *= self.mask\n",
            DZ1: f"{DZ1} * self.mask",
        },
        WHOLE,
    ),
    "centred by a weight that is 0 at first": (
        {
            PARAMS: f'{PARAMS[:-1]}, ("s", np.zeros(1))]',
            "W1, b1, W2, b2 = self.params.values()": "W1, b1, W2, b2, s = self.params.values()",
            A1: f"{A1}        self.a1 += s**2 * self.a1.mean(axis=0)\n",
            DZ1: '(self.da1 + self.params["s"] ** 2 * self.da1.mean(axis=0)) * (self.z1 > 0)',
            RETURNED: '"b2": db2, "s": np.zeros(1)}',
        },
        WHOLE,
    ),
    "a gradient forgotten": ({'"b1": db1, ': ""}, "b1 is in params, but not in the result of backward"),
    "one of another shape": (
        {"db1 = self.dz1.sum(axis=0)": "db1 = self.dz1.sum(axis=0, keepdims=True)"},
        "b1 has the shape (11,) in params, and (1, 11) in the result of backward",
    ),
    "one that is not summed": (
        {"db1 = self.dz1.sum(axis=0)": "db1 = self.dz1"},
        "b1 has the shape (11,) in params, and (20, 11) in the result of backward",
    ),
    "no return": ({"return {": "grads = {"}, "backward does not return a dict of gradients, but NoneType"),
}


@pytest.mark.usefixtures("quick_curves")
@pytest.mark.parametrize("edit", EDITS)
def test_what_is_trained_is_the_class_in_the_lesson(edit, small, monkeypatch, tmp_path, capsys):
    """By main_np.py, on one thread and on two, beside a plain loop; or one line says what is wrong with it."""
    changes, said = EDITS[edit]
    code = (ROOT / "mlp_np.py").read_text(encoding="utf-8")
    for old, new in changes.items():
        assert code.count(old) == 1, old
        code = code.replace(old, new)
    exec(compile(code, "mlp_np.py", "exec"), vars(edited := ModuleType("mlp_np")))
    monkeypatch.setattr(mlp_np, "MLP", edited.MLP)
    monkeypatch.setattr(data, "load", lambda *_: small)
    argv = ["--hidden", "11", "--batch-size", "20", "--steps", "6", "--dtype", "float64", "--schedule", "constant"]
    argv += ["--parts", "2"]
    fails, found = "backward" in said, []
    for number in (1, 2):
        monkeypatch.setattr(threads, "count_blas_threads", lambda number=number: number)
        with pytest.raises(UserError, match=f"{re.escape(said)}$") if fails else contextlib.nullcontext():
            main_np.main([*argv, "--out", str(tmp_path / str(number))])
        assert capsys.readouterr().err == ("" if fails else said)
        found.append((tmp_path / str(number) / "checkpoint_np.npz").read_bytes() if not fails else b"")
    assert found[0] == found[1]
    if fails:
        return
    options, model = parse_options("np", *argv), edited.MLP(hidden=11, dtype=np.float64)
    velocity = {name: 0 for name in model.params}
    for x, y in data.batches(small, options, 0, 6):
        grads = model.backward(softmax_cross_entropy(model.forward(x), y)[1])
        velocity = {name: 0.9 * velocity[name] + dp for name, dp in grads.items()}
        for name, p in model.params.items():
            p -= 0.1 * velocity[name]
    trained = load_checkpoint(tmp_path / "1" / "checkpoint_np.npz").groups["params"]
    assert trained.keys() == model.params.keys()
    assert all(np.abs(trained[name] - p).max() < 1e-14 for name, p in model.params.items())


@pytest.mark.parametrize("model", schedule(NETWORKS, every_day=["mlp", "gpt"]))
def test_libraries_keep_their_threads_where_pytorch_computes(model, monkeypatch):
    """It builds a network in NumPy for its first weights, and may use the same library."""
    pytest.importorskip("torch")
    import main_torch

    monkeypatch.setattr(threads, "limit_blas_threads", None)
    main_torch.build(parse_options("torch", "--model", model))
    with pytest.raises(TypeError):
        main_np.build(parse_options("np", "--model", model))


@pytest.mark.parametrize("model", NETWORKS)
def test_a_copy_of_a_network_learns_by_itself(model, small):
    """With what it shares among threads: the arrays of the parts are still views of its own, and not of the other's."""
    options = parse_options("np", "--model", model, *SMALL.get(model, []))
    network, optimizer = main_np.build(options)
    before = {name: p.copy() for name, p in network.params.items()}
    x, y = data.encode(*small.get_train_examples_and_labels(slice(9)), options)
    first, _ = main_np.train_step(copy.copy(copy.deepcopy(network)), optimizer, x, y, 0.01)
    twin = copy.deepcopy(network)
    losses = [main_np.train_step(twin, main_np.Optimizer(twin.params, options), x, y, 0.01)[0] for _ in range(2)]
    assert first == losses[0] > losses[1]
    assert all((network.params[name] == p).all() for name, p in before.items())


DRAWN, LOG = np.random.default_rng(3), []


class Talkative(ResNet):
    """A ResNet that prints, stops, warns, counts and draws."""

    calls = 0

    def forward(self, x):
        type(self).calls += 1
        LOG.append(len(x))
        print("forward", x.shape)
        warnings.warn("look here", stacklevel=1)
        breakpoint()
        self.notice(x, self.calls, [*LOG], random.random(), np.random.random(), DRAWN.random())  # noqa: NPY002
        return super().forward(x)


def test_nobody_notices_that_the_parts_are_measured(small, monkeypatch, capsys):
    """The first step finds the same random numbers and counters, in several parts and in one."""
    monkeypatch.setattr(threads, "count_blas_threads", lambda: 1)
    monkeypatch.setattr(sys, "breakpointhook", lambda: stops.append(1))
    x, found = small.train_images[:10] / np.float32(255), []
    for parts in (1, 2):
        noticed, stops = [], []
        model = Talkative(widths=(2,))
        model.notice = lambda x, *what, noticed=noticed: noticed.append((*x.shape, *what))
        monkeypatch.setattr(Talkative, "calls", 0)
        LOG.clear()
        random.seed(4)
        np.random.seed(4)  # noqa: NPY002
        DRAWN.bit_generator.state = np.random.default_rng(5).bit_generator.state
        network = share_work(model, parts, batch_size=10)
        with pytest.warns(UserWarning, match="look here") as warned:
            network.forward(x)
        shape = (10 // parts, 28, 28)
        assert capsys.readouterr().out == f"forward {shape}\n" * parts
        assert len(stops) == len(warned) == parts == Talkative.calls and [10 // parts] * parts == LOG
        found.append(noticed[-parts:])
    assert len(network.copies) == 2 and found[0][0][3:4] + found[0][0][5:] == found[1][0][3:4] + found[1][0][5:]


@pytest.mark.parametrize("ending", [SystemExit, RuntimeError("ours"), EOFError])
def test_what_ends_a_network_ends_its_first_step_and_not_the_measurement(ending, small, capsys):
    class Ends(ResNet):
        def forward(self, x):
            print("forward", x.shape)
            raise ending

    network = share_work(Ends(widths=(2,)), 2, batch_size=10)
    with pytest.raises(type(ending) if isinstance(ending, Exception) else ending):
        network.forward(small.train_images[:10] / np.float32(255))
    assert capsys.readouterr().out == "forward (10, 28, 28)\n"


class Louder(mlp_np.MLP):
    """An MLP with a mode."""

    training = True

    def forward(self, x):
        return super().forward(2 * x if self.training else x)


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_no_part_misses_whether_the_network_is_training(parts):
    x, (alone, model) = np.random.default_rng(0).normal(size=(130, 28, 28)), (Louder(515, dtype=float) for _ in "12")
    shared = share_work(model, parts, batch_size=130)
    for training in (True, False, True):
        alone.training = shared.training = training
        assert relative_difference(alone.forward(x), shared.forward(x)) < 1e-13
        assert not training or relative_difference(alone.z1, get_kept_array(shared, "z1")) < 1e-13


def test_several_threads_share_the_parts(monkeypatch):
    monkeypatch.setattr(threads, "count_blas_threads", lambda: 3)
    together = threading.Barrier(3, timeout=10)  # which one thread alone would never pass
    assert map_in_threads(lambda a, b: together.wait() * 0 + a + b, range(3), range(10, 13)) == [10, 12, 14]
    assert map_in_threads(abs, []) == []


@pytest.mark.parametrize("number", [1, 2])
def test_an_error_in_a_part_is_an_error(number, monkeypatch):
    """Also in the other thread, which does about an overflow what this one does."""
    monkeypatch.setattr(threads, "count_blas_threads", lambda: number)
    together = threading.Barrier(number, timeout=10)

    def part(i):
        together.wait()
        if number == 1 or threading.current_thread() is not threading.main_thread():
            return np.float32(1e38) * np.float32(1e38)

    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        map_in_threads(part, range(number))
    assert map_in_threads(abs, range(-9, 0)) == [*range(9, 0, -1)]  # and all threads still work


def test_ctrl_c_waits_for_the_other_thread_and_no_part_begins_after_it(monkeypatch):
    monkeypatch.setattr(threads, "count_blas_threads", lambda: 2)
    together, done = threading.Barrier(2, timeout=10), []

    def part(i):
        if i < 2:
            together.wait()
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        time.sleep(0.2)
        done.append(i)

    with pytest.raises(KeyboardInterrupt):
        map_in_threads(part, range(9))
    assert done in ([0], [1])
    time.sleep(0.1)
    assert len(done) == 1


def test_nobody_waits_for_a_thread_that_does_not_begin(monkeypatch):
    """The others are busy elsewhere: this one computes all parts, and none is computed again when they are free."""
    monkeypatch.setattr(threads, "count_blas_threads", lambda: 3)
    monkeypatch.setattr(threads, "start_threads", lambda number: (Mock(), number))
    assert map_in_threads(abs, range(-4, 0)) == [4, 3, 2, 1]


def meet(meeting, number, function):
    """What each part k of so many makes of function(k, add_up)."""
    with meeting.session(number):
        return map_in_threads(lambda k: function(k, partial(meeting.add_up, k)), range(number), meeting=meeting)


@pytest.mark.parametrize("number", [1, 2, 4])
def test_parts_that_meet_get_the_same_sums(number, monkeypatch):
    """In their order: 1e16 + 1 - 1e16 + 1 is 1. No more than `number` compute at a time; and outside there is one."""
    monkeypatch.setattr(threads, "count_blas_threads", lambda: number)
    meeting, computing, most = Meeting(), [], []

    def part(k, add_up):
        found = []
        for i in range(20):
            computing.append(k)
            most.append(len(computing))
            time.sleep(0.0002 * (k == i % 4))
            computing.remove(k)
            found.append(add_up([1e16, 1, -1e16, 1][k], np.full(2, k * i)))
        assert all((total, sums.tolist()) == (1, [6 * i, 6 * i]) for i, (total, sums) in enumerate(found))
        return k

    for _ in range(3):
        assert meet(meeting, 4, part) == [0, 1, 2, 3]
    assert max(most) <= number and meeting.add_up(0, 5) == (5,)


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, None])
@pytest.mark.parametrize("failing", [0, 2])
def test_nobody_waits_for_a_part_that_has_ended(number, error, failing, monkeypatch):
    """By an error, by Ctrl-C, or because it adds up nothing more; and all can meet again."""
    monkeypatch.setattr(threads, "count_blas_threads", lambda: number)
    meeting = Meeting()

    def part(k, add_up):
        add_up(k)
        if k == failing:
            if error:
                raise error
            return
        add_up(k)

    for _ in range(3):
        with pytest.raises(error or threads.PartEnded):
            meet(meeting, 3, part)
        assert meet(meeting, 3, lambda k, add_up: add_up(k)) == [[3], [3], [3]]


def test_where_no_library_is_known_there_is_one_thread(monkeypatch):
    monkeypatch.setattr(threads.ThreadpoolController, "select", lambda *_, **__: SimpleNamespace(info=list, limit=dict))
    assert threads.count_blas_threads.__wrapped__() == 1


@pytest.mark.slow
def test_a_program_makes_the_same_run_with_any_setting(tmp_path, quick_curves, monkeypatch):
    """In a process with two threads, and here with one."""
    argv = ["--steps", "9", "--hidden", "33", "--batch-size", "1000", "--parts", "2", "--out"]
    code = "import plot, main_np; plot.learning_curves = id; main_np.main()"
    env = os.environ | {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    subprocess.run(
        [sys.executable, "-c", code, *argv, tmp_path / "2"], cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL
    )
    monkeypatch.setattr(threads, "count_blas_threads", lambda: 1)
    main_np.main([*argv, str(tmp_path / "1")])
    one, two = ((tmp_path / number / "checkpoint_np.npz").read_bytes() for number in "12")
    assert one == two


def refuse(thread):
    raise RuntimeError("can't start new thread")


def test_where_the_system_gives_no_more_threads_one_will_do(monkeypatch, small):
    options = parse_options("np", "--augment", "shift", "--batch-size", 4)
    expected = list(data.batches(small, options, 0, 3))
    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr(threads, "count_blas_threads", lambda: 3)
    threads.start_threads.cache_clear()
    assert map_in_threads(lambda a: 2 * a, [1, 2, 3]) == [2, 4, 6]
    assert [images.tobytes() for images, _ in data.batches(small, options, 0, 3)] == [a.tobytes() for a, _ in expected]
    with pytest.raises(UserError, match=r"threads, but the system starts 1: take --parts 1$"):  # they wait
        train(monkeypatch, small, 1, parse_options("np", "--model", "resnet", "--widths", "2"))
    train(monkeypatch, small, 1, parse_options("np", "--model", "resnet", "--widths", "2", "--parts", 1))
    threads.start_threads.cache_clear()


def test_as_many_threads_work_as_numpy_would_have_used(monkeypatch):
    found = SimpleNamespace(info=lambda: [{"num_threads": 1}, {"num_threads": 3}], limit=lambda limits: None)
    monkeypatch.setattr(threads, "ThreadpoolController", lambda: SimpleNamespace(select=lambda user_api: found))
    assert threads.count_blas_threads.__wrapped__() == 3
