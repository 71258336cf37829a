"""The lab: its programs find what they say, in a setting small enough to run here."""

import functools
import inspect
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from support import drawing

import numpy as np
import pytest
from test_plot import assert_legible

import data
import main_np
from conftest import ROOT
from lab import bench, depth, results, twins
from networks import NETWORKS, parse_options
from support.errors import UserError
from support.history import processor

BOTH = (bench.NUMPY, bench.PYTORCH)


@pytest.fixture
def kept(monkeypatch):
    """What is put into results.json, which stays as it is."""
    found = {}
    monkeypatch.setattr(results, "save_result", found.__setitem__)
    monkeypatch.setattr(results, "load_results", lambda: found)
    return found


@pytest.fixture
def drawn(monkeypatch):
    """The pictures that are drawn, by name, and not saved."""
    found = {}
    monkeypatch.setattr(drawing, "save", lambda figure, path: found.__setitem__(path.name, figure))
    return found


@pytest.mark.parametrize("name", [*BOTH, bench.JAX])
def test_a_step_is_the_programs(name, tmp_path):
    """The data loaded, the batches of its run, and so its losses."""
    if name == bench.JAX:
        pytest.importorskip("jax")
    argv = ["--hidden", "8", "--schedule", "constant"]
    main_np.main([*argv, "--steps", "3", "--out", str(tmp_path)])
    take_step = bench.begin(name, " ".join(argv))
    losses = [take_step() for _ in range(3)]
    assert losses == pytest.approx(json.loads((tmp_path / "history_np.json").read_text())["train_loss"], rel=1e-5)
    if name in BOTH:
        assert 0.05 < bench.begin(name, " ".join(argv), "test")()[1] < 0.2  # 10,000 images, an untrained network


def test_scikit_learn_trains_the_same_network():
    """From its weights and velocity after a first step, two more steps are ours."""
    pytest.importorskip("sklearn")
    options = parse_options("torch", "--batch-size", 64, "--hidden", 32, "--dtype", "float64")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 28, 28)), rng.integers(10, size=64)
    step, _ = bench.in_scikit_learn(options)
    step(x, y, None)
    network, (model, optimizer) = inspect.getclosurevars(step).nonlocals["network"], main_np.build(options)
    lr, theirs = network.learning_rate_init, [*network.coefs_, *network.intercepts_]
    for name, p, velocity in zip(("W1", "W2", "b1", "b2"), theirs, network._optimizer.velocities, strict=True):
        model.params[name][...] = p
        optimizer.state["momentum"][name][...] = -velocity / lr
    for _ in range(2):
        assert step(x, y, None)[0] == pytest.approx(main_np.train_step(model, optimizer, x, y, lr)[0], rel=1e-9)


def consistent(change=1.0, whole=8.18):
    """Rounds whose whole programs take exactly the time of their parts; or other steps, or another whole program."""
    rounds = {}
    for name in BOTH:
        for network, ms, test in (("", 2.0, 0.5), ("--model resnet", 20.0, 1.0), ("--model vit", 25.6, 0.5)):
            rounds[f"step | {network} | 2 | {name}"], rounds[f"test | {network} | 2 | {name}"] = [ms], [test]
        rounds |= {f"run |  | {name}": [2340 * 0.002 + 5 * 0.5], f"run | --model resnet --steps 300 | {name}": [7.0]}
        rounds[f"run | --model vit --steps 300 | {name}"] = [whole if name == bench.PYTORCH else 8.18]
    rounds[f"step | --model vit | 2 | {bench.PYTORCH}"] = [25.6 * change]
    return rounds


def test_the_whole_benchmark_in_small(kept, monkeypatch, capsys):
    """Every step is taken, with as many threads as it says; what contradicts itself is not kept."""
    assert 0 <= bench.run_program("main_np.py", "--steps 2 --hidden 4") < 60
    seen, times = [], consistent()
    first_loss = functools.cache(lambda make, name, argv: make(name, argv)())

    def take_turns(steps, least=12):
        kind, scale = ("test", 1000) if least == 3 else ("step", 1)
        for make, *arguments in steps.values():
            assert 1 < first_loss(make, *arguments[:2]) < 5
            seen.append((kind, arguments[1], os.environ["OPENBLAS_NUM_THREADS"], arguments[0], arguments[2:]))
        return {name: scale * times[f"{kind} | {argv} | 2 | {name}"][0] for name, (_, _, argv, *_) in steps.items()}

    def take_steps(least, make, name, argv):
        seen.extend([("busy", argv, os.environ["OPENBLAS_NUM_THREADS"], name, [])] * (least == bench.BUSY_STEPS))
        return [0.5] * 20

    def run_program(script, argv):
        name = bench.NUMPY if script == "main_np.py" else bench.PYTORCH
        return times[f"run | {argv.removeprefix('--device cpu').strip()} | {name}"][0]

    def main(*argv):
        monkeypatch.setattr("sys.argv", ["lab/bench.py", *argv])
        bench.main()
        return capsys.readouterr().out

    for name, value in {
        "TOOLS": {name: bench.TOOLS[name] for name in BOTH}, "take_turns": take_turns, "run_program": run_program,
        "another_process": lambda: ThreadPoolExecutor(1), "take_steps": take_steps,
    }.items():  # fmt: skip
        monkeypatch.setattr(bench, name, value)
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1")
    printed, rounds = main(), kept["bench"][processor()]["rounds"]
    assert all(table(rounds) in printed for table in bench.TABLES)
    once = [(kind, argv, threads, name, [kind] * (kind == "test"))
            for kind, argv, threads, name in product(("step", "test", "busy"), bench.NETWORKS, "12", BOTH)]  # fmt: skip
    assert sorted(seen) == sorted(3 * once)
    assert {len(values) for values in rounds.values()} == {3}
    assert printed == main("--print")
    kept["bench"].clear()
    with pytest.raises(UserError, match="was not measured: leave --print out"):
        main("--print")
    times |= consistent(whole=6.4)  # once it said 25.6 ms for a step of PyTorch's, and 6.4 s for 300 of them and a test
    with pytest.raises(UserError, match=r"300 steps of 25.60 ms .* are 8.2 s, but PyTorch took 6.4 s \(--model vit"):
        main()
    assert not kept["bench"]
    assert [len(bench.contradictions(consistent(change))) for change in (1, 0.9, 0.7)] == [0, 0, 1]


def test_programs_take_turns_in_processes_of_their_own(capfd):
    with pytest.raises(UserError, match="--nonsense"):
        bench.take_turns({"a": (parse_options, "np", "--nonsense")})
    with pytest.raises(UserError, match="a measurement failed: its process was ended"):
        bench.take_turns({"a": (os._exit, 1)})
    assert capfd.readouterr().err == ""
    before = dict(os.environ)
    with bench.threads_of_workers(3), bench.another_process() as worker:
        assert worker.submit(os.getenv, "OMP_NUM_THREADS").result() == "3"
        assert worker.submit(os.getpid).result() != os.getpid()
    assert os.environ == before


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems count in other units")
def test_the_residual_network_by_hand_needs_little_memory(tmp_path):
    argv = ["--model", "resnet", "--steps", "20", "--out", str(tmp_path)]
    code = f"import main_np; main_np.main({argv}); print(open('/proc/self/status').read())"
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert int(re.search(r"VmHWM:\s+(\d+) kB", printed)[1]) <= 450 * 1024


def test_results_train_what_is_missing(kept, monkeypatch):
    tiny, choice = "main_np.py --steps 2 --hidden 8", "main_np.py --steps 2 --hidden 4"
    first, trained, train = {"accuracy": 0.5, "seconds": 1.0, "parameters": 1}, [], results.train
    kept["accuracy"] = {"tiny": {"command": tiny, "runs": {"0": first}}}
    for name, value in {
        "RUNS": {"tiny": (tiny, range(2))}, "CHOICES": {"choice": [choice]},
        "train": lambda *run: (trained.append(run), train(*run))[1],
    }.items():  # fmt: skip
        monkeypatch.setattr(results, name, value)
    monkeypatch.setattr("sys.argv", ["lab/results.py"])
    results.main()
    results.main()
    assert trained == [(tiny, 1), (f"{choice} --hold-out 10000", 0)]
    assert kept["accuracy"]["tiny"]["runs"]["0"] == first
    for run, parameters in ((kept["accuracy"]["tiny"]["runs"]["1"], 6370), (kept["choices"][choice], 3190)):
        assert 0 < run["accuracy"] < 1 and run["seconds"] < 60 and run["parameters"] == parameters


def test_new_recipes_are_run_in_the_order_of_the_table():
    network, runs = NETWORKS["vit"], {}
    results.add_recipes(runs, {"vit": network._replace(recipes=network.recipes | {f"new{n}": {} for n in range(9)})})
    names = ["ViT", "ViT best", *(f"ViT new{n}" for n in range(9))]
    assert list(runs) == [f"{name}, PyTorch" for name in names]


def test_the_proofs_in_small(kept, drawn, monkeypatch, capsys):
    """python -m lab.twins all, for three steps each."""
    for model, network in NETWORKS.items():
        monkeypatch.setitem(NETWORKS, model, network._replace(proof=f"{network.small} --steps 3"))
    monkeypatch.setattr("sys.argv", ["lab/twins.py", "all"])
    twins.main()
    assert capsys.readouterr().out.count("float64: after 3 steps") == len(NETWORKS)
    names = [f"twins_{model}".removesuffix("_mlp") for model in NETWORKS]
    assert list(drawn) == [f"{name}.png" for name in names]
    for name in names:
        assert kept[name]["steps"] == 3 and kept[name]["difference"]["float64"]["largest"] < 1e-12
    assert twins.KEY_BIAS in kept["twins_vit"]["difference"] and len(kept["twins"]["difference"]) == 2


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
    assert_legible(depth.picture(json.loads(results.RESULTS.read_text())["shortcut"]))
