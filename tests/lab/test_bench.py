"""The lab: its programs find what they say, in a setting small enough to run here."""

import json
import os
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
from test_plot import assert_inside

import data
import main_np
from conftest import ROOT
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


def a_batch(options):
    rng, size = np.random.default_rng(0), options.batch_size
    return rng.normal(size=(size, 28, 28)).astype(options.dtype), rng.integers(10, size=size)


@pytest.mark.parametrize("name", [bench.PYTORCH, bench.JAX])
def test_the_tools_train_the_same_network(name):
    """The same losses and accuracies over four steps, to float32."""
    if name == bench.JAX:
        pytest.importorskip("jax")
    options = parse_options("torch", "--batch-size", 64, "--device", "cpu")
    (ours, _), (theirs, _) = bench.TOOLS[bench.NUMPY](options), bench.TOOLS[name](options)
    x, y = a_batch(options)
    for lr in (0.1, 0.01, 0.05, 0.1):
        np.testing.assert_allclose([float(n) for n in theirs(x, y, lr)], ours(x, y, lr), rtol=1e-5)


def test_scikit_learn_trains_the_same_network(monkeypatch):
    """Its third step is ours, from the weights after its second, with the velocity between those and its first."""
    neural_network = pytest.importorskip("sklearn.neural_network")
    networks, classifier = [], neural_network.MLPClassifier
    monkeypatch.setattr(
        neural_network, "MLPClassifier", lambda *a, **more: networks.append(classifier(*a, **more)) or networks[0]
    )
    options = parse_options("torch", "--batch-size", 64, "--hidden", 32, "--dtype", "float64")
    x, y = a_batch(options)
    step, _ = bench.in_scikit_learn(options)
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


def test_a_step_is_the_programs(tmp_path):
    """The data loaded, the batches of its run, and so its losses."""
    argv = ["--hidden", "8", "--schedule", "constant"]
    main_np.main([*argv, "--steps", "3", "--out", str(tmp_path)])
    for name in (bench.NUMPY, bench.PYTORCH):
        take_step = bench.begin(name, " ".join(argv))
        losses = [take_step() for _ in range(3)]
        assert losses == pytest.approx(json.loads((tmp_path / "history_np.json").read_text())["train_loss"], rel=1e-5)
        assert 0.05 < bench.begin(name, " ".join(argv), "test")()[1] < 0.2  # 10,000 images, an untrained network


def pages_for_a_step():
    """The pages that the kernel gives to this process while PyTorch takes a step."""
    take_step = bench.begin(bench.PYTORCH, "--model vit")
    counts = []
    for _ in range(2):
        turns.take_steps(10, itself, take_step)
        counts.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
    return (counts[1] - counts[0]) / 10


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it is glibc that gives memory back")
def test_pytorch_keeps_its_memory_as_it_does_in_a_program():
    """In a process that had loaded no data, it got some 4,000 pages anew at every step, and steps took too long."""
    with turns.another_process() as worker:
        assert worker.submit(pages_for_a_step).result() < 500


def consistent(change=1.0):
    """Rounds whose whole programs take exactly the time of their parts; in one of them, other steps."""
    rounds = {}
    for name in (bench.NUMPY, bench.PYTORCH):
        for network, ms, test in (("", 2.0, 0.1), ("--model resnet", 20.0, 1.0), ("--model vit", 25.6, 0.5)):
            rounds[f"step | {network} | 2 | {name}"], rounds[f"test | {network} | 2 | {name}"] = [ms], [test]
        rounds |= {f"run |  | {name}": [2340 * 0.002 + 5 * 0.1], f"run | --model vit --steps 300 | {name}": [8.18]}
        rounds[f"run | --model resnet --steps 300 | {name}"] = [7.0]
    rounds[f"step | --model vit | 2 | {bench.PYTORCH}"] = [25.6 * change]
    return rounds


def test_the_benchmark_checks_itself(kept, monkeypatch):
    """Once it said 25.6 ms for a step of PyTorch's, and 6.4 s for 300 of them and a test."""
    assert bench.contradictions(consistent()) == bench.contradictions(consistent(0.9)) == []
    assert len(bench.contradictions(consistent(0.7))) == 1
    rounds = consistent() | {f"run | --model vit --steps 300 | {bench.PYTORCH}": [6.4]}
    monkeypatch.setattr(bench, "measure_round", lambda: [(key.split(" | "), value) for key, [value] in rounds.items()])
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1")
    monkeypatch.setattr("sys.argv", ["lab/bench.py"])
    with pytest.raises(UserError, match=r"300 steps of 25.60 ms .* are 8.2 s, but PyTorch took 6.4 s \(--model vit"):
        bench.main()
    assert not kept


def test_the_whole_benchmark_in_small(kept, monkeypatch, capsys):
    """python -m lab.bench, with times that add up: every step is taken once, with as many threads as it says."""
    seen, times = [], consistent()

    def take_turns(steps, least=12):
        kind, scale = ("test", 1000) if least == 3 else ("step", 1)
        for begin, *arguments in steps.values():
            take_step = begin(*arguments)
            assert kind == "test" or 1 < take_step() < 5
            seen.append((kind, arguments[1], os.environ["OPENBLAS_NUM_THREADS"], arguments[0]))
        return {name: scale * times[f"{kind} | {argv} | 2 | {name}"][0] for name, (_, _, argv, *_) in steps.items()}

    def run_program(script, argv):
        name = bench.NUMPY if script == "main_np.py" else bench.PYTORCH
        return times[f"run | {argv.removeprefix('--device cpu').strip()} | {name}"][0]

    both = (bench.NUMPY, bench.PYTORCH)
    for name, value in {
        "TOOLS": {name: bench.TOOLS[name] for name in both}, "take_turns": take_turns, "run_program": run_program,
        "another_process": lambda: ThreadPoolExecutor(1), "take_steps": lambda *arguments: [0.5, 0.25],
    }.items():  # fmt: skip
        monkeypatch.setattr(bench, name, value)
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1")
    monkeypatch.setattr("sys.argv", ["lab/bench.py"])
    bench.main()
    printed, rounds = capsys.readouterr().out, kept["bench"][processor()]["rounds"]
    assert all(table(rounds) in printed for table in bench.TABLES)
    assert sorted(seen) == sorted(3 * list(product(("step", "test"), bench.NETWORKS, "12", both)))
    assert {len(values) for values in rounds.values()} == {3}
    monkeypatch.setattr("sys.argv", ["lab/bench.py", "--print"])
    bench.main()
    assert printed == capsys.readouterr().out
    kept["bench"].clear()
    with pytest.raises(UserError, match="was not measured: leave --print out"):
        bench.main()


def test_the_columns_are_what_their_heads_say(monkeypatch):
    """Medians, the extremes of the ratio, and nothing for what was not measured."""
    for name, value in (("NETWORKS", [""]), ("THREADS", (1,)), ("RUNS", ("",))):
        monkeypatch.setattr(bench, name, value)
    rounds = {}
    for name, values in ((bench.NUMPY, [2, 9, 3]), (bench.PYTORCH, [4, 6, 5])):
        for n, key in enumerate(["step |  | 1", "test |  | 1", "epoch", "run | "]):
            rounds[f"{key} | {name}"] = [10 * n + value for value in values]
    steps, tools, runs = (table(rounds).splitlines()[2:] for table in bench.TABLES)
    assert steps == ["| 784-512-10 | 128 | 1 | 3.00 | 5.00 | 0.50 to 1.50 | 13.00 | 15.00 | 0.86 to 1.19 |"]
    assert tools[1:3] == ["| PyTorch | 5.00 | 25.0 |", "| PyTorch, compiled |  |  |"]
    assert runs == ["| default | 33.0 | 35.0 | 0.94 to 1.08 |"]


def test_a_program_is_measured():
    assert 0 <= bench.run_program("main_np.py", "--steps 2 --hidden 4") < 60


# Between this program and the one that is measured: on Linux, a new process's peak memory starts at its parent's.
BETWEEN = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems count in other units")
def test_the_residual_network_by_hand_needs_little_memory(tmp_path):
    program = [sys.executable, "main_np.py", "--model", "resnet", "--steps", "20", "--out", str(tmp_path)]
    assert int(subprocess.check_output([sys.executable, "-c", BETWEEN, *program], cwd=ROOT)) <= 450 * 1024


def overhead():
    """How many times longer a step takes than the five matrix products in it and the update of the parameters."""
    options = parse_options("torch")
    model, optimizer = main_np.build(options)
    x, y = a_batch(options)
    _, dlogits = main_np.softmax_cross_entropy(model.forward(x), y)
    grads, velocity = model.backward(dlogits), optimizer.state["momentum"]
    flat, a1, dz1, W1, W2 = model.x, model.a1, model.dz1, model.params["W1"], model.params["W2"]
    parts = [
        lambda: main_np.train_step(model, optimizer, x, y, 1e-9),
        lambda: [flat @ W1, a1 @ W2, a1.T @ dlogits, dlogits @ W2.T, flat.T @ dz1],
        lambda: main_np.update(model.params, velocity, grads, 1e-9, options.momentum),
    ]
    rounds = [[turns.take_steps(20, itself, part)[-1] for part in parts] for _ in range(9)]
    step, products, update = np.median(rounds, axis=0)
    return step / (products + update)


def itself(step):
    return step


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "darwin", reason="Apple's products are so fast that all else weighs more")
def test_a_step_costs_little_more_than_its_products_and_the_update():
    """Both are needed whoever computes: the products are limited by arithmetic, the update by memory, and how these two
    compare is the processor's affair. On one BLAS thread, because idle ones of OpenBLAS spin for a while after each
    product. Noise only adds, so the best of three tries counts."""
    with turns.threads_of_workers(1), turns.another_process() as worker:
        assert min(worker.submit(overhead).result() for _ in range(3)) <= 1.2


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
    name, argv, kinds = twins.PROOFS[model]
    monkeypatch.setattr(twins, "PROOFS", {model: (name, [*argv, "--steps", "3"], kinds)})
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
