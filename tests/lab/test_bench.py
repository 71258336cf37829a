"""The lab: its programs find what they say, in a setting small enough to run here."""

import contextlib
import inspect
import io
import json
import os
import re
import subprocess
import sys
from itertools import product

import numpy as np
import pytest

import data
import main_np
from conftest import ROOT, SMALL, as_input, schedule
from lab import bench, depth, first_weights, results, timing, twins
from loading.options import parse_options
from networks import NETWORKS
from support import drawing
from support.errors import UserError
from support.history import describe_processor, get_machine_facts


@pytest.fixture
def drawn(monkeypatch):
    """The pictures that are drawn, by name, and not saved."""
    found = {}
    monkeypatch.setattr(drawing, "save", lambda figure, path: found.__setitem__(path.name, figure))
    return found


@pytest.mark.parametrize("name", schedule([*bench.PROGRAMS, bench.JAX], every_day=["NumPy"]))
def test_a_step_is_the_programs(name, tmp_path, quick_curves):
    """The data loaded, the batches of its run, and so its losses."""
    if name == bench.JAX:
        pytest.importorskip("jax")
    argv = ["--hidden", "8", "--schedule", "constant"]
    main_np.main([*argv, "--steps", "3", "--out", str(tmp_path)])
    take_step = bench.prepare_step(name, " ".join(argv))
    losses = [take_step() for _ in range(3)]
    assert losses == pytest.approx(
        json.loads((tmp_path / "history_np.json").read_text(encoding="utf-8"))["train_loss"], rel=1e-5
    )
    if name in bench.PROGRAMS:
        assert 0.05 < bench.prepare_test(name, " ".join(argv))()[1] < 0.2  # 10,000 images, an untrained network


def test_scikit_learn_trains_the_same_network():
    """From its weights and velocity after a first step, two more steps are ours."""
    pytest.importorskip("sklearn")
    options = parse_options("torch", "--batch-size", 64, "--hidden", 32, "--dtype", "float64")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 28, 28)), rng.integers(10, size=64)
    step = bench.prepare_scikit_learn_training(options).step
    step(x, y, None)
    network, (model, optimizer) = inspect.getclosurevars(step).nonlocals["network"], main_np.build(options)
    lr, theirs = network.learning_rate_init, [*network.coefs_, *network.intercepts_]
    for name, p, velocity in zip(("W1", "W2", "b1", "b2"), theirs, network._optimizer.velocities, strict=True):
        model.params[name][...] = p
        optimizer.state["momentum"][name][...] = -velocity / lr
    for _ in range(2):
        assert step(x, y, None) == pytest.approx(main_np.train_step(model, optimizer, x, y, lr)[0], rel=1e-9)


# On two threads: the milliseconds of a step and the seconds of a test and of a whole program that go together.
CONSISTENT = dict.fromkeys(bench.RUN_OPTIONS, (20, 1, 7)) | {"": (2, 0.5, 7.2), "--model vit": (25.6, 0.5, 8.2)}


def test_the_whole_benchmark_in_small(kept, monkeypatch, capsys):
    """All is measured, with as many threads as it says; what failed or contradicts itself is missing, and says so."""
    whole, lengths = {argv: seconds for argv, (_, _, seconds) in CONSISTENT.items()}, set()

    def seconds(prepare, name, argv, min_steps=12, min_seconds=1.0):
        """A third takes long, to warm up; one thread takes twice as long as two."""
        lengths.add(min_steps)
        step, test, _ = CONSISTENT[argv]
        each = step / 1000 * bench.BATCHES_PER_CALL[name] if prepare is bench.prepare_step else test
        return np.repeat(
            [9, each * (3 - int(os.environ["OPENBLAS_NUM_THREADS"]))], [min_steps // 3, min_steps - min_steps // 3]
        )

    def run_program(command, out):
        if (network := " ".join(re.findall("--model [a-z]+", command))) not in whole:
            raise UserError(f"{command} failed")
        return f"1 of 1 steps, {whole[network]:.1f} s"

    def main(*argv):
        monkeypatch.setattr("sys.argv", ["lab/bench.py", *argv])
        bench.main()
        return capsys.readouterr()

    monkeypatch.setattr(timing, "measure_step_seconds_in_subprocess", seconds)
    monkeypatch.setattr(results, "run_program", run_program)
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1")
    printed, rounds = main().out, kept["bench"][describe_processor()]["rounds"]
    assert all(table(rounds) in printed for table in bench.TABLE_MAKERS) and printed == main("--print").out
    expected = {"epoch | scikit-learn": 7 * 9 + 16 * 20 * 0.002, "run | --model vit --steps 300 | NumPy": 8.2}
    for (argv, (step, test, _)), threads, name in product(CONSISTENT.items(), (1, 2), bench.TOOLS):
        once = {"step": step, "test": test, "busy": step} if name in bench.PROGRAMS else {"step": step}
        for kind in once if name in bench.PROGRAMS or not argv else ():
            expected[f"{kind} | {argv} | {threads} | {name}"] = once[kind] * (3 - threads)
    for key, value in expected.items():
        assert rounds[key] == pytest.approx([value] * 3), key
    assert len(rounds) == len(expected) + 4 + 2 * len(bench.RUN_OPTIONS) - 1  # epochs of the other tools, and runs
    assert lengths == {12, 150, 468, 468 // 20}  # for medians, beside a busy process, for epochs
    whole["--model vit"] = 6.4  # once it said 25.6 ms for a step of PyTorch's, and 6.4 s for 300 of them and a test
    del whole["--model resnet"]  # a program that fails
    said, found = main(), kept["bench"][describe_processor()]["rounds"]
    assert "300 steps of 25.60 ms and 1 x 0.50 s of testing are 8.2 s, but PyTorch took 6.4 s (--model vit" in said.err
    assert "not kept: run | --model resnet --steps 300 | NumPy: main_np.py --model resnet" in said.err
    of_vit = {f"{kind} | --model vit | 2 | {name}" for kind in ("step", "test") for name in bench.PROGRAMS}
    of_runs = {f"run | --model {model} --steps 300 | {name}" for model in ("vit", "resnet") for name in bench.PROGRAMS}
    assert rounds.keys() - found.keys() == of_vit | of_runs and found.items() <= rounds.items()
    assert all(table(found) in said.out for table in bench.TABLE_MAKERS)
    assert "| `--model resnet --steps 300` | – | – | – |" in said.out
    for change, wrong in ((0.9, 0), (0.7, 1), (1.1, 0), (1.3, 1)):  # of a step of one program
        changed = rounds | {"step | --model vit | 2 | PyTorch": [25.6 * change]}
        assert len(bench.find_contradictions(changed)) == wrong


def die(*_):
    os._exit(1)


def worker(*_):
    return os.getpid(), os.environ["OMP_NUM_THREADS"]


@pytest.mark.slow(one_in=2)
def test_steps_are_taken_in_processes_of_their_own(capfd, monkeypatch):
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # for which conftest.py sets the number, in any process
    before = dict(os.environ)
    monkeypatch.setattr(timing, "measure_step_seconds", worker)
    with timing.subprocess_threads(3):
        process, threads = timing.measure_step_seconds_in_subprocess(bench.prepare_step, "NumPy", "")
    assert process != os.getpid() and threads == "3" and os.environ == before
    monkeypatch.setattr(timing, "measure_step_seconds", die)
    with pytest.raises(UserError, match="a measurement failed: its process was ended"):
        timing.measure_step_seconds_in_subprocess(bench.prepare_step, "NumPy", "")
    assert capfd.readouterr().err == ""


@pytest.mark.slow(one_in=2)
@pytest.mark.skipif(sys.platform != "linux", reason="other systems count in other units")
def test_the_residual_network_by_hand_needs_little_memory(tmp_path):
    argv = ["--model", "resnet", "--steps", "3", "--hold-out", "1000", "--out", str(tmp_path)]
    code = f"import main_np; main_np.main({argv}); print(open('/proc/self/status').read())"
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert int(re.search(r"VmHWM:\s+(\d+) kB", printed)[1]) <= 450 * 1024


def test_results_train_what_is_missing(kept, small, monkeypatch, tmp_path, quick_curves):
    """And keep the history of a seed 0 whose curves are drawn."""

    def run_program(command, out):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            main_np.main([*command.split()[1:], "--out", str(out)])
        return printed.getvalue()

    command, old = "main_np.py --steps 2 --hidden 32 --hold-out 1000", {"accuracy": 0.5}
    sections = {"accuracy": {"one": results.PlannedRun(command, (0, 1, 3))}, "choices": {}}
    kept["accuracy"] = {"one": {"command": "", "runs": {"1": old}}}
    for name, value in {
        "TABLE_MAKERS": (), "SECTIONS": sections, "HISTORY_PREFIXES": {command: "kept_"}, "ROOT": tmp_path,
        "PUBLISHED_RUNS": tmp_path, "run_program": run_program,
    }.items():  # fmt: skip
        monkeypatch.setattr(results, name, value)
    monkeypatch.setattr(data, "load", lambda *_: small)
    monkeypatch.setattr("sys.argv", ["lab/results.py"])
    results.main()
    runs = kept["accuracy"]["one"]["runs"]
    assert runs.keys() == {"0", "1", "3"} and runs["1"] is old
    for new in (runs["0"], runs["3"]):
        assert new.keys() == {"machine", "accuracy", "seconds", "parameters"} and new["machine"] == get_machine_facts()
        assert 0 < new["accuracy"] < 1 and new["seconds"] < 60 and new["parameters"] == 25450
    assert json.loads((tmp_path / "kept_history_np.json").read_text(encoding="utf-8"))["options"]["seed"] == 0
    monkeypatch.setattr(results, "train_by_command", None)  # nothing is missing
    results.main()


def test_a_program_that_fails_is_no_result():
    assert results.run_program("-c print(3)", "out") == "3\n"
    with pytest.raises(UserError, match=r"-c exit\(2\) failed"):
        results.run_program("-c exit(2)", "out")


def test_the_runs_that_make_results_trains():
    commands = {name: run.command for runs in results.SECTIONS.values() for name, run in runs.items()}
    assert commands["main_torch.py --model vit"] == "main_torch.py --model vit --hold-out 10000"
    assert commands["MLP np_nn pytorch, NumPy"] == "main_np.py --recipe np_nn --init pytorch"
    assert "MLP best, PyTorch" not in commands  # in NumPy there is one
    network = NETWORKS["vit"]
    added = results.get_planned_runs("vit", network._replace(recipes=network.recipes | {"new": {}}))
    assert added.keys() - results.STATED["vit"].keys() == {"ViT new, PyTorch"}
    assert added["ViT new, PyTorch"] == ("main_torch.py --model vit --recipe new", range(3))


@pytest.mark.slow(one_in=2)
def test_the_proofs_in_small(kept, drawn, mnist, monkeypatch, capsys):
    """python -m lab.twins all, for three steps each."""
    monkeypatch.setattr(data, "load", lambda *_: mnist)
    for model in NETWORKS:
        monkeypatch.setitem(twins.PROVEN, model, f"{SMALL.get(model, '')} --steps 3")
    monkeypatch.setattr("sys.argv", ["lab/twins.py", "all"])
    twins.main()
    assert capsys.readouterr().out.count("float64: after 3 steps") == len(NETWORKS)
    names = [f"twins_{model}".removesuffix("_mlp") for model in NETWORKS]
    assert {*drawn} == {"proof.png", *(f"{name}.png" for name in names)}
    for name in names:
        found = kept[name]["difference"]
        assert kept[name]["steps"] == 3 and 0 < found["float64"]["largest"] < 1e-12 < found["float32"]["largest"] < 1
        assert found["float32"]["tape"]["largest"] <= (0 if name == "twins" else 1e-3)


def test_first_weights_of_another_size_in_small(small, monkeypatch):
    """The sums have the deviation that follows from theirs, and the network learns from them or not."""
    monkeypatch.setattr(data, "load", lambda: small)
    found = first_weights.measure_run(lambda inputs: 0.01)
    x = as_input(small.train_images).reshape(-1, 784)
    assert found["sum"] == pytest.approx(0.01 * np.sqrt((x**2).sum(axis=1).mean()), rel=0.1)
    assert found["loss"][0] == pytest.approx(np.log(10), abs=0.02) and len(found["loss"]) == 4 * 4
    assert found["accuracy"][-1] > 0.3


@pytest.mark.slow(one_in=2)
def test_what_the_shortcut_is_for_in_small(kept, drawn, small, monkeypatch):
    """python -m lab.depth, with 8 layers and 600 images."""
    monkeypatch.setattr(data, "load", lambda: small)
    monkeypatch.setattr(depth, "BLOCKS_PER_STAGE", (1,))
    monkeypatch.setattr("sys.argv", ["lab/depth.py"])
    depth.main()
    assert kept["shortcut"]["layers"] == [8]
    for name in ("with", "without"):
        assert len(kept["shortcut"][name]["gradient"]) == 7  # the stem and two in each of three blocks
        assert 0 <= kept["shortcut"][name]["accuracy"][0] < 0.9
    assert list(drawn) == ["shortcut.png"]


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"bench": 3}', '{"bench": {"x": {}}}', '{"accuracy": [1]}', "[" * 10**5]
)
def test_results_that_are_damaged_say_so(content, tmp_path, monkeypatch):
    """Before anything is measured, or trained."""
    monkeypatch.setattr(results, "RESULTS_FILE", tmp_path / "results.json")
    results.RESULTS_FILE.write_text(content)
    main, argv = (results.main, []) if "accuracy" in content else (bench.main, ["--print"])
    monkeypatch.setattr("sys.argv", ["lab", *argv])
    with pytest.raises(UserError, match="is damaged"):
        main()
