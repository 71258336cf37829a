"""The lab: its programs find what they say, in a setting small enough to run here."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from test_plot import assert_inside

import data
import main_np
from lab import bench, depth, results, turns, twins
from networks import parse_options
from support import drawing
from support.errors import UserError
from support.history import processor


@pytest.fixture
def kept(monkeypatch):
    """What is put into results.json, which stays as it is."""
    found = {}
    monkeypatch.setattr(results, "save_result", found.__setitem__)
    monkeypatch.setattr(results, "load_results", lambda: found)
    return found


def test_products_are_those_of_the_step():
    """Their shapes are those of every parameter, of every layer's output and of what goes back."""
    products = bench.step_of_products(parse_options("torch", "--batch-size", 8, "--hidden", 16))()
    assert [p.shape for p in products] == [(8, 16), (8, 10), (16, 10), (8, 16), (784, 16)]


@pytest.mark.parametrize("name", [bench.PYTORCH, bench.JAX])
def test_the_tools_train_the_same_network(name):
    """The same losses, accuracies and, after three steps, logits, to float32."""
    if name == bench.JAX:
        pytest.importorskip("jax")
    options = parse_options("torch", "--batch-size", 64)
    (ours, our_logits), (theirs, their_logits) = bench.TOOLS[bench.NUMPY](options), bench.TOOLS[name](options)
    x, y = bench.random_batch(options)
    for lr in (0.1, 0.01, 0.05):
        np.testing.assert_allclose([float(n) for n in theirs(x, y, lr)], ours(x, y, lr), rtol=1e-5)
    np.testing.assert_allclose(their_logits(x), our_logits(x), rtol=1e-5, atol=1e-5)


def test_scikit_learn_trains_the_same_network(monkeypatch):
    """Its third step is ours, from the weights after its second, with the velocity between those and its first."""
    neural_network = pytest.importorskip("sklearn.neural_network")
    networks, classifier = [], neural_network.MLPClassifier
    monkeypatch.setattr(
        neural_network, "MLPClassifier", lambda *a, **more: networks.append(classifier(*a, **more)) or networks[0]
    )
    options = parse_options("torch", "--batch-size", 64, "--hidden", 32, "--dtype", "float64")
    x, y = bench.random_batch(options)
    step, logits = bench.in_scikit_learn(options)
    lr, weights = networks[0].learning_rate_init, []
    for _ in range(3):
        loss = step(x, y, None)
        (W1, W2), (b1, b2) = networks[0].coefs_, networks[0].intercepts_
        weights.append({"W1": W1.copy(), "b1": b1.copy(), "W2": W2.copy(), "b2": b2.copy()})
    model, optimizer = main_np.build(options)
    for name, p in model.params.items():
        p[...] = weights[1][name]
        optimizer.state["momentum"][name][...] = (weights[0][name] - weights[1][name]) / lr
    assert main_np.train_step(model, optimizer, x, y, lr)[0] == pytest.approx(loss[0], rel=1e-9)
    for name, p in model.params.items():
        np.testing.assert_allclose(weights[2][name], p, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(logits(x).argmax(axis=1), model.forward(x).argmax(axis=1))


def test_what_is_missing_is_left_out(monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(bench, "has_compiler", lambda: False)
    assert bench.find_tools() == [bench.NUMPY, bench.PYTORCH]
    assert capsys.readouterr().out == (
        "PyTorch, compiled needs a C++ compiler: left out\n"
        "JAX is not installed: left out (pip install -r requirements-bench.txt)\n"
        "scikit-learn is not installed: left out (pip install -r requirements-bench.txt)\n"
    )


THREADS_OF_JAX = """
import jax, pathlib
(jax.numpy.ones((512, 512)) @ jax.numpy.ones((512, 512))).block_until_ready()
print(sum("Eigen" in path.read_text() for path in pathlib.Path("/proc/self/task").glob("*/comm")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what its threads are called")
@pytest.mark.parametrize("threads", [1, 2])
def test_jax_uses_so_many_threads(threads):
    pytest.importorskip("jax")
    with turns.threads_of_workers(threads):
        assert int(subprocess.check_output([sys.executable, "-c", THREADS_OF_JAX])) == threads


@pytest.fixture
def small(mnist, monkeypatch):
    """A dataset for the default recipe's five epochs in a second."""
    few = mnist._replace(train_images=mnist.train_images[:2000], train_labels=mnist.train_labels[:2000])
    few = few._replace(test_images=mnist.test_images[:1000], test_labels=mnist.test_labels[:1000])
    monkeypatch.setattr(data, "load", lambda *name: few)


@pytest.mark.parametrize("name", [bench.NUMPY, bench.PYTORCH, bench.JAX])
def test_the_goal_is_reached_when_the_default_run_reaches_it(name, small, tmp_path, monkeypatch):
    if name == bench.JAX:
        pytest.importorskip("jax")
    main_np.main(["--out", str(tmp_path)])
    accuracies = json.loads((tmp_path / "history_np.json").read_text())["test_accuracy"]
    assert accuracies[2] + 0.005 < accuracies[3], "rounding could decide"
    monkeypatch.setattr(bench, "GOAL", (accuracies[2] + accuracies[3]) / 2)
    seconds, epochs = bench.reach_goal(name)
    assert seconds > 0
    assert epochs == 4


def test_scikit_learn_reaches_it_too(small, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setattr(bench, "GOAL", 0.8)
    assert bench.reach_goal(bench.SCIKIT_LEARN)[1] < 10


def test_a_goal_that_is_not_reached(small, monkeypatch):
    monkeypatch.setattr(bench, "GOAL", 1.01)
    with pytest.raises(UserError, match="NumPy does not reach 101% in 5 epochs"):
        bench.reach_goal(bench.NUMPY)


def test_the_whole_benchmark_in_small(kept, monkeypatch, capsys):
    """python -m lab.bench, with every step taken once. Each round takes longer than the one before."""
    ms = iter(range(1, 10_000))

    def take_turns(steps):
        seen.add(os.environ["OPENBLAS_NUM_THREADS"])
        return {name: (make(*arguments)(), next(ms))[1] for name, (make, *arguments) in steps.items()}

    seen, drawn = set(), {}
    monkeypatch.setattr(bench, "STEPS", {argv: others for argv, others in bench.STEPS.items() if "4096" not in argv})
    monkeypatch.setattr(bench, "find_tools", lambda: [bench.NUMPY, bench.PYTORCH])
    monkeypatch.setattr(bench, "take_turns", take_turns)
    monkeypatch.setattr(bench, "call_elsewhere", lambda function, name: (next(ms), 3))
    monkeypatch.setattr(bench, "run_program", lambda *argv: (next(ms), 400))
    monkeypatch.setattr(drawing, "save", lambda figure, path: drawn.setdefault(path.name, figure))
    monkeypatch.setattr("sys.argv", ["lab/bench.py"])
    bench.main()
    printed = capsys.readouterr().out
    rounds = kept["bench"][processor()]["rounds"]
    assert all(table(rounds) in printed for table in bench.TABLES)
    assert seen == {"1", "2"}
    assert {len(values) for values in rounds.values()} == {3}
    ours, theirs = (rounds[f"step | --model vit | 2 | {name}"] for name in (bench.NUMPY, bench.PYTORCH))
    row = f"|  | {ours[1]:.2f} | {theirs[1]:.2f} | {ours[0] / theirs[0]:.2f} to {ours[2] / theirs[2]:.2f} |"
    assert f"| ViT 64 × 3, 4 heads, patch 7 | 128 | 2 {row}" in printed
    assert_inside(drawn["speed.png"])

    monkeypatch.setattr("sys.argv", ["lab/bench.py", "--print"])
    bench.main()
    assert printed.endswith(capsys.readouterr().out)
    kept["bench"].clear()
    with pytest.raises(UserError, match="was not measured: leave --print out"):
        bench.main()


def test_the_columns_are_what_their_heads_say(monkeypatch):
    """Medians, the extremes of the ratio, and nothing for what was not measured."""
    for name, value in (("IN_TABLE", [""]), ("THREADS", (1,)), ("RUNS", ("",))):
        monkeypatch.setattr(bench, name, value)
    numpy, pytorch = {}, {}
    for rounds, name, values in ((numpy, bench.NUMPY, [2, 9, 3]), (pytorch, bench.PYTORCH, [4, 6, 5])):
        for n, key in enumerate(["step |  | 1", "goal | 1", "epochs | 1", "run | ", "memory | "]):
            rounds[f"{key} | {name}"] = [10 * n + value for value in values]
    last = [table(numpy | pytorch).splitlines()[-1] for table in bench.TABLES]
    assert last[0] == "| 784-512-10 | 128 | 1 |  | 3.00 | 5.00 | 0.50 to 1.50 |"
    assert last[1] == "| PyTorch | 5.00 | 15.0 | 25 |"
    assert last[2] == "| default | 33.0 | 35.0 | 0.94 to 1.08 | 43 | 45 |"


def test_a_program_is_measured():
    seconds, memory = bench.run_program("main_np.py", "--steps", "2", "--hidden", "4")
    assert 0 <= seconds < 60
    assert 30 < memory < 2000


@pytest.mark.slow
def test_the_residual_network_by_hand_needs_little_memory():
    assert bench.run_program("main_np.py", "--model", "resnet", "--steps", "20")[1] <= 450


def step_of_update(options):
    """The passes over the parameters at the end of a step. These gradients keep the velocities as they are; without
    any, they would decay to numbers so small that some processors are slow with them."""
    params = main_np.build(options)[0].params
    velocity = {name: np.ones_like(p) for name, p in params.items()}
    grads = {name: np.full_like(p, 1 - options.momentum) for name, p in params.items()}
    return lambda: main_np.update(params, velocity, grads, 1e-9, options.momentum)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "darwin", reason="Apple's products are so fast that all else weighs more")
def test_a_step_costs_little_more_than_its_products_and_the_update():
    """Both are needed whoever computes: the products are limited by arithmetic, the update by memory, and how these two
    compare is the processor's affair.

    On one BLAS thread: idle ones of OpenBLAS spin for a while after each product, and on a busy machine that slows down
    whatever comes next by chance. Noise only adds, so the best of three tries counts.
    """
    options = parse_options("torch")
    steps = {"step": (bench.step_of, bench.NUMPY, options), "update": (step_of_update, options)}
    steps["products"] = bench.step_of_products, options
    with turns.threads_of_workers(1):
        tries = [turns.take_turns(steps) for _ in range(3)]
    found = [ms["step"] / (ms["products"] + ms["update"]) for ms in tries]
    print(found)
    assert min(found) <= 1.2


@pytest.mark.slow
@pytest.mark.parametrize(("pixels", "least", "most"), [("standardised", 0, 0), ("unit", 0.005, 0.1), ("raw", 0.5, 0.9)])
def test_later_epochs_are_slower_only_without_standardising(pixels, least, most, tmp_path):
    """Velocities that fall for ever become subnormal, below 1e-38, with which some processors are slow.

    By default none does. Pixels from 0 to 1 are 0 in most images, some of them for so long that a velocity gets there.
    """
    main_np.main(["--pixels", pixels, "--out", str(tmp_path)])
    v = np.abs(np.load(tmp_path / "checkpoint_np.npz")["momentum/W1"])
    assert least <= ((v > 0) & (v < np.finfo(v.dtype).tiny)).mean() <= most


def test_results_are_trained_once(kept, monkeypatch, capsys):
    monkeypatch.setattr(results, "RUNS", {"tiny": ("main_np.py --steps 2 --hidden 8", range(3))})
    monkeypatch.setattr(results, "CHOICES", {"choice": ["main_np.py --steps 2 --hidden 4"]})
    trained = []
    train = results.train
    monkeypatch.setattr(results, "train", lambda *run: (trained.append(run), train(*run))[1])
    monkeypatch.setattr("sys.argv", ["lab/results.py"])
    results.main()
    results.main()
    tiny = "main_np.py --steps 2 --hidden 8"
    assert trained == [(tiny, 0), (tiny, 1), (tiny, 2), ("main_np.py --steps 2 --hidden 4 --hold-out 10000", 0)]
    accuracies = [run["accuracy"] for run in kept["accuracy"]["tiny"]["runs"].values()]
    row = f"| tiny | {np.mean(accuracies):.4f} ± {np.std(accuracies, ddof=1):.4f} | 3 | 6,370 | 0 s | `python {tiny}` |"
    assert row in capsys.readouterr().out
    assert 0 < kept["choices"]["main_np.py --steps 2 --hidden 4"]["accuracy"] < 1


def test_an_unknown_run_is_named(monkeypatch):
    monkeypatch.setattr("sys.argv", ["lab/results.py", "MLP, FORTRAN"])
    with pytest.raises(UserError, match="FORTRAN"):
        results.main()


@pytest.fixture
def drawn(monkeypatch):
    """The pictures that are drawn, by name, and not saved."""
    found = {}
    monkeypatch.setattr(drawing, "save", lambda figure, path: found.__setitem__(path.name, figure))
    return found


@pytest.mark.parametrize("model", ["mlp", "resnet"])
def test_the_proof_in_small(kept, drawn, model, monkeypatch, capsys):
    """python -m lab.twins, for three steps."""
    name, argv = twins.PROOFS[model]
    monkeypatch.setattr(twins, "PROOFS", {model: (name, [*argv, "--steps", "3"])})
    monkeypatch.setattr("sys.argv", ["lab/twins.py", model])
    twins.main()
    assert "float64: after 3 steps" in capsys.readouterr().out
    assert kept[name]["steps"] == 3
    assert kept[name]["difference"]["float64"]["largest"] < 1e-12
    assert list(drawn) == [f"{name}.png"]


def test_the_shortcut():
    one = {"accuracy": [0.98, 0.97, 0.9, 0.6], "gradient": [0.1, 0.01, 0.001]}
    assert_inside(depth.picture({"layers": [8, 20, 32, 56], "with": one, "without": one}))


def test_what_the_shortcut_is_for_in_small(kept, drawn, mnist, monkeypatch):
    """python -m lab.depth, with 8 layers and 600 images."""
    small = mnist._replace(train_images=mnist.train_images[:600], train_labels=mnist.train_labels[:600])
    monkeypatch.setattr(data, "load", lambda: small)
    monkeypatch.setattr(depth, "BLOCKS", (1,))
    monkeypatch.setattr("sys.argv", ["lab/depth.py"])
    depth.main()
    assert kept["shortcut"]["layers"] == [8]
    for name in ("with", "without"):
        assert len(kept["shortcut"][name]["gradient"]) == 7  # the stem and two in each of three blocks
        assert 0 <= kept["shortcut"][name]["accuracy"][0] < 0.9
    assert list(drawn) == ["shortcut.png"]
