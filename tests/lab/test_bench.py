"""The lab: its programs find what they say, in a setting small enough to run here."""

import os
import sys
import time

import numpy as np
import pytest
from test_plot import assert_inside

import data
from lab import bench, depth, results, twins
from support import drawing
from support.errors import UserError
from support.history import processor
from support.options import parse_options


@pytest.fixture
def kept(monkeypatch):
    """What is put into results.json, which stays as it is."""
    found = {}
    monkeypatch.setattr(results, "save_result", found.__setitem__)
    monkeypatch.setattr(results, "load_results", lambda: found)
    return found


def test_products_are_those_of_the_step():
    """Their shapes are those of every parameter, of every layer's output and of what goes back."""
    options = parse_options("torch", "--batch-size", 8, "--hidden", 16)
    products = bench.step_of_products(options)()
    assert [p.shape for p in products] == [(8, 16), (8, 10), (16, 10), (8, 16), (784, 16)]

    options = parse_options("torch", "--model", "resnet", "--batch-size", 2, "--widths", "4,8")
    pairs = bench.products_of(options)
    assert len(pairs) == 3 * 6 - 1  # forward, dW and dx of six convolutions; nobody asks for the image's dx
    stem, wide, down, narrow, shortcut = 14 * 14 * 9 * 4, 14 * 14 * 36 * 4, 49 * 36 * 8, 49 * 72 * 8, 49 * 4 * 8
    assert sum(len(a) * b.size for a, b in pairs) == 2 * (2 * stem + 3 * (2 * wide + down + narrow + shortcut))


def test_pytorch_multiplies_the_same():
    options = parse_options("torch", "--batch-size", 4, "--hidden", 8)
    pairs = zip(bench.step_of_products(options)(), bench.step_of_products_in_pytorch(options)(), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_allclose(theirs.numpy(), ours, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("step", [bench.step_of_the_ancestor, bench.step_by_single_examples, bench.step_of_update])
def test_what_is_timed_beside_it_runs(step):
    step(parse_options("torch", "--batch-size", 4, "--hidden", 8))()


def test_the_update_that_is_timed_keeps_its_velocities(monkeypatch):
    """If they fell, they would become subnormal, with which some processors are ten times as slow."""
    seen = []
    update = bench.main_np.update

    def watched(params, velocity, grads, *more):
        update(params, velocity, grads, *more)
        seen.append((velocity, grads))

    monkeypatch.setattr(bench.main_np, "update", watched)
    step = bench.step_of_update(parse_options("torch", "--hidden", 8))
    for _ in range(2000):
        step()
    velocity, grads = seen[-1]
    for name in velocity:
        np.testing.assert_allclose(velocity[name], 1, rtol=1e-3)
        np.testing.assert_allclose(grads[name], 0.1, rtol=1e-3)


def sleeper(seconds):
    return lambda: time.sleep(seconds)


def failure():
    raise SystemExit("no step")


def test_turns_are_taken_and_timed(capfd):
    ms = bench.take_turns({"a": (sleeper, 0.01), "b": (sleeper, 0.02)}, rounds=2, least=3)
    assert 10 <= ms["a"][1] <= ms["a"][0] <= ms["a"][2]
    assert ms["b"][0] >= 20
    with pytest.raises(UserError, match="a measurement failed"):
        bench.take_turns({"a": (failure,)})
    assert "no step" in capfd.readouterr().err


def test_the_whole_benchmark_in_small(kept, monkeypatch, capsys):
    """python -m lab.bench, with every step taken once."""

    def take_turns(steps, **more):
        return {name: [(make(*arguments)(), 2.0)[1], 1.0, 3.0] for name, (make, *arguments) in steps.items()}

    monkeypatch.setattr(bench, "take_turns", take_turns)
    monkeypatch.setattr(bench, "has_compiler", lambda: False)
    monkeypatch.setattr(bench, "measure_epochs", lambda pixels: {"seconds": [1.0, 2.0], "subnormal": 0.25})
    process = {"command": "main_np.py", "loop": 2.0, "process": 3.0, "memory": 400}
    monkeypatch.setattr(bench, "measure_process", lambda *argv: process)
    rows = [
        {"threads": n, "batch_size": b, "hidden": 512, "ms": {bench.NUMPY: [b, b, b], bench.PYTORCH: [b + n, b, b]}}
        for n in (1, 2)
        for b in bench.BATCHES
    ]
    monkeypatch.setattr(bench, "measure_scaling", lambda: rows)
    drawn = []
    monkeypatch.setattr(drawing, "save", lambda figure, path: drawn.append((figure, path.name)))
    monkeypatch.setattr("sys.argv", ["lab/bench.py"])
    bench.main()
    printed = capsys.readouterr().out
    for part in bench.TABLES:
        assert part(kept["bench"][processor()]) in printed
    assert "| 128 | 512 | 128.00 | 129.00 | 128.00 | 130.00 |" in printed
    assert "| `main_np.py` |" in printed
    assert "| `--pixels raw` | 1.00 | 2.00 | 25% |" in printed
    assert [name for _, name in drawn] == ["speed.png"]
    assert_inside(drawn[0][0])


def test_scaling_is_measured_with_so_many_threads(monkeypatch):
    for name, values in (("THREADS", (1, 2)), ("BATCHES", (4,)), ("HIDDEN", (8,))):
        monkeypatch.setattr(bench, name, values)
    seen = []

    def take_turns(steps, **more):
        seen.append(os.environ["OPENBLAS_NUM_THREADS"])
        return {name: [1, 1, 1] for name in steps}

    monkeypatch.setattr(bench, "take_turns", take_turns)
    rows = bench.measure_scaling()
    sizes = [(row["threads"], row["batch_size"], row["hidden"]) for row in rows]
    assert sizes == [(1, 4, 512), (1, 128, 8), (2, 4, 512), (2, 128, 8)]
    assert seen == ["1", "1", "2", "2"]


def test_a_process_is_measured():
    found = bench.measure_process("main_np.py", "--steps", "2", "--hidden", "4")
    assert 0 <= found["loop"] < found["process"]
    assert 30 < found["memory"] < 2000


@pytest.mark.slow
def test_the_residual_network_by_hand_needs_little_memory():
    assert bench.measure_process("main_np.py", "--model", "resnet", "--steps", "20")["memory"] <= 450


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "darwin", reason="Apple's products are so fast that all else weighs more")
def test_a_step_costs_little_more_than_its_products_and_the_update():
    """Both are needed whoever computes: the products are limited by arithmetic, the update by memory, and how these two
    compare is the processor's affair.

    On one BLAS thread: idle ones of OpenBLAS spin for a while after each product, and on a busy machine that slows down
    whatever comes next by chance. Noise only adds, so the best of three tries counts.
    """
    options = parse_options("torch")
    steps = {"step": bench.step_in_numpy, "products": bench.step_of_products, "update": bench.step_of_update}
    tries = []
    with bench.threads_of_workers(1):
        for _ in range(3):
            ms = bench.take_turns({name: (step, options) for name, step in steps.items()}, rounds=5)
            tries.append(ms["step"][0] / (ms["products"][0] + ms["update"][0]))
    print(tries)
    assert min(tries) <= 1.2


@pytest.mark.slow
def test_later_epochs_are_not_slower():
    """Velocities that fall for ever become subnormal, with which some processors are slow. By default none does."""
    assert bench.measure_epochs("standardised")["subnormal"] == 0


@pytest.mark.slow
def test_subnormal_velocities_are_found():
    """Pixels from 0 to 1 are 0 in most images, some of them for so long that a velocity falls below 1e-38."""
    assert 0.005 < bench.measure_epochs("unit")["subnormal"] < 0.1


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
