"""The two main programs: what a run prints, writes, learns and costs; their update rules; and several processes."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

import data
import main_np
import main_torch
import mlp_np
import write
from conftest import ROOT, SMALL, accuracy_of, assert_one_line, schedule
from lab import results, twins
from loading.options import parse_options
from mlp_np import softmax_cross_entropy
from networks import OPTIMIZERS
from support import texts
from support.checkpoint import load_checkpoint, save_checkpoint
from support.errors import UserError
from support.place import Place

NO_TORCH = {"PYTHONPATH": str(ROOT / "tests" / "no_torch")}  # whose torch fails when it is imported
RESNET = "--model resnet --widths 2,3 --batch-size 100 --steps 60"
MLP = "--hidden 16 --steps 20"


@pytest.mark.parametrize("hidden", schedule([512], instead=[64]))
def test_a_run_learns_writes_what_it_says_and_needs_little_memory(tmp_path, hidden):
    """An epoch of the default run and somewhat more, without PyTorch; every day with fewer units."""
    code = (
        "import subprocess, sys\n"
        "status, most = subprocess.call(sys.argv[1:]), 0\n"
        "if sys.platform != 'win32':\n"  # which does not count it
        "    import resource\n"
        "    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss\n"
        "megabyte = 1024 if sys.platform == 'linux' else 1024**2\n"  # Linux counts in kB, macOS in bytes
        "print(most // megabyte, file=sys.stderr)\n"
        "sys.exit(status)"
    )
    argv = [sys.executable, "-c", code, sys.executable, "main_np.py", "--steps", "500"]
    argv += ["--hidden", str(hidden), "--out", str(tmp_path)]
    result = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, env=os.environ | NO_TORCH)
    assert accuracy_of(result) >= (0.97 if hidden == 512 else 0.95)
    assert int(result.stderr) <= 350
    names = ["accuracy_plot_np.png", "checkpoint_np.npz", "history_np.json", "loss_plot_np.png"]
    assert sorted(p.name for p in tmp_path.iterdir()) == names
    assert all(name in result.stdout for name in names)
    assert len(re.findall(r"^epoch \d of 2: training loss", result.stdout, re.M)) == 2
    history = json.loads((tmp_path / "history_np.json").read_text(encoding="utf-8"))
    assert len(history["train_loss"]) == len(history["train_accuracy"]) == 500
    assert history["test_step"] == [468, 500]
    assert history["test_accuracy"][-1] == accuracy_of(result)
    assert history["options"]["batch_size"] == 128
    assert "torch" not in history["machine"]
    # the loss that is reported is the loss that is differentiated: log 10 for a guess, or somewhat more
    assert 2 < history["train_loss"][0] < 5


NEEDS = [
    *((script, "torch", "requirements.txt") for script in ("main_torch.py", "lab.twins", "lab.depth")),
    ("page.site", "markdown_it", "requirements/site.txt"),
]


@pytest.mark.parametrize(("script", "package", "requirements"), schedule(NEEDS, every_day=NEEDS[:1]))
def test_without_what_it_needs_a_program_says_what_to_install(program, tmp_path, script, package, requirements):
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError(name='{package}')")
    ended = program(script, env={"PYTHONPATH": str(tmp_path)})
    assert_one_line(ended, f"{package} is not installed: python -m pip install -r {requirements}\n")


def test_hold_out_never_shows_the_test_set(quick_curves, capsys, tmp_path):
    for main in (main_np, main_torch):
        main.main(["--hidden", "16", "--steps", "30", "--hold-out", "10000", "--out", str(tmp_path)])
        first, *_, last = capsys.readouterr().out.splitlines()
        assert first == "mnist: 50000 training and 10000 held-out images"
        assert 0.1 < float(last.removeprefix("held-out accuracy: ")) < 1
    machine = json.loads((tmp_path / "history_torch.json").read_text(encoding="utf-8"))["machine"]
    assert machine["torch"] == torch.__version__ and machine["precision"] == "float32" and machine["device"]


@pytest.mark.parametrize(("argv", "n"), [("--hidden 4", 1234), (f"--model gpt {SMALL['gpt']} --batch-size 4", 70)])
def test_evaluation_counts_every_image_and_every_word_of_one_that_is_written(argv, n, mnist):
    options = parse_options("torch", *argv.split(), "--device", "cpu")
    (ours, _), (theirs, _) = main_np.build(options), main_torch.build(options)
    few = mnist._replace(test_images=mnist.test_images[:n], test_labels=mnist.test_labels[:n])
    x, y = data.encode(*few.get_test_examples_and_labels(slice(None)), options)
    logits = ours.forward(x).reshape(y.size, -1)
    right = softmax_cross_entropy(logits, y.ravel())[0], (logits.argmax(axis=1) == y.ravel()).mean()
    assert main_np.evaluate(ours, few, options) == pytest.approx(right, rel=1e-5)
    assert [*map(float, main_torch.evaluate(theirs, few, options, Place(options)))] == pytest.approx(right, rel=1e-5)


def test_of_a_name_its_letters_and_one_end_count():
    """In the loss, its derivative and the accuracy, of a step and of the test: one by one below."""
    names = data.load("names")
    few = names._replace(test_tokens=names.test_tokens[:70])
    argv = "--model gpt --dataset names --width 8 --heads 2 --blocks 1 --dtype float64 --device cpu --batch-size 4"
    options = parse_options("torch", *argv.split())
    ours, theirs = main_np.build(options), main_torch.build(options)
    x, y = data.encode(*few.get_test_examples_and_labels(slice(None)), options)
    losses, hits = [], []
    all_logits = ours[0].forward(x)
    _, dlogits = main_np.compute_loss(all_logits, y)
    for name, logits, d in zip(texts.decode_names(few.test_tokens), all_logits, dlogits, strict=True):
        for place, letter in enumerate([*name, "end"]):
            word = 0 if letter == "end" else ord(letter) - ord("a") + 1
            p = np.exp(logits[place]) / np.exp(logits[place]).sum()
            losses.append(-np.log(p[word]))
            hits.append(logits[place].argmax() == word)
            assert np.abs(d[place] * (y != -1).sum() - (p - np.eye(27)[word])).max() < 1e-13
        assert not d[len(name) + 1 :].any()
    right = pytest.approx((np.mean(losses), np.mean(hits)), rel=1e-12)
    assert main_np.evaluate(ours[0], few, options) == right
    assert [*map(float, main_torch.evaluate(theirs[0], few, options, Place(options)))] == right
    assert main_np.train_step(*ours, x, y, 0.0) == right
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    assert [*map(float, main_torch.train_step(*theirs, x, y, 0.0))] == right


def test_a_run_from_before_that_continues_says_that_its_loss_has_changed(tmp_path, quick_curves, capsys, monkeypatch):
    """And its network can still write."""
    names = data.load("names", 35_000)
    few = data.Tokens(names.train_tokens, names.test_tokens[:500])  # to test all of them takes a second
    monkeypatch.setattr(data, "load", lambda *_: few)
    argv = "--model gpt --dataset names --width 8 --heads 2 --blocks 1 --batch-size 400 --epochs 2 --hold-out 35000"
    assert main_np.main([*argv.split(), "--stop-after", "1", "--out", str(tmp_path)]) == 0
    path = tmp_path / "checkpoint_gpt_names_np.npz"
    checkpoint = load_checkpoint(path)
    assert checkpoint.options["data"].pop("ignored") == -1
    save_checkpoint(path, checkpoint.options, checkpoint.groups, checkpoint.history)
    capsys.readouterr()
    write.main(["Mac", "--weights", str(path), "--count", "2"])
    assert capsys.readouterr().err == ""
    note = (
        f"note: in the run of {path}, the loss included the tokens after the end of a name; from now on it does not\n"
    )
    for said in (note, ""):
        assert main_np.main(["--resume", str(path)]) == 0
        assert capsys.readouterr().err == said
    assert load_checkpoint(path).history.step == 2 * (1000 // 400)


@pytest.mark.slow
def test_names_are_learned_in_both_programs(quick_curves, capsys, tmp_path):
    argv = "--model gpt --dataset names --width 8 --heads 2 --blocks 1 --steps 20 --dtype float64 --hold-out 30000"
    said = []
    for main in (main_np, main_torch):
        main.main([*argv.split(), "--out", str(tmp_path)])
        first, *_, last = capsys.readouterr().out.splitlines()
        assert first == "names: 6000 training and 30000 held-out names"
        said.append(last)
    assert said[0] == said[1] and 0.05 < float(said[0].removeprefix("held-out accuracy: ")) < 0.4
    written = {path.name for path in tmp_path.iterdir()}
    assert {f"checkpoint_gpt_names_{way}.npz" for way in ("np", "torch")} < written


@pytest.mark.parametrize("momentum", [0.9, 0.5, 0.0])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_update_is_pytorchs(optimizer, momentum):
    """Random gradients of all sizes, also 0; a matrix decays, a vector does not."""
    options = parse_options("torch", "--optimizer", optimizer, "--weight-decay", 0.1, "--momentum", momentum)
    rng = np.random.default_rng(11)
    params = {"W": rng.normal(size=(5, 3)), "b": rng.normal(size=3)}
    theirs = nn.ParameterDict({name: nn.Parameter(torch.from_numpy(p.copy())) for name, p in params.items()})
    ours, torchs = main_np.Optimizer(params, options), main_torch.make_optimizer(theirs, options)
    for step in range(1, 51):
        grads = {n: rng.normal(size=p.shape) * 10.0 ** rng.integers(-12, 5, p.shape) for n, p in params.items()}
        grads["b"][0] = 0
        for name, p in theirs.items():
            p.grad = torch.from_numpy(grads[name].copy())
        for group in torchs.param_groups:
            group["lr"] = 0.01 / step
        torchs.step()
        ours.step(params, grads, 0.01 / step)
        for name, p in theirs.items():
            right = p.detach().numpy()
            assert np.abs(params[name] - right).max() < 1e-14 * max(1, np.abs(right).max())
    assert ours.steps == 50


# --- What only PyTorch can do ---------------------------------------------------------------------------------------


class Shared:
    """One of two processes, which knows what both have counted."""

    size, precision = 2, contextlib.nullcontext()

    def __init__(self, totals):
        self.totals = totals

    def sum(self, *numbers):
        return self.totals


def test_the_gradient_of_processes_is_the_mean_over_all_their_answers():
    """Of names, one process has more answers than the other."""
    argv = "--model gpt --dataset names --width 8 --heads 2 --blocks 1 --dtype float64 --optimizer sgd --device cpu"
    options = parse_options("torch", *argv.split())
    names = data.load("names")
    lengths = (names.train_tokens > 0).sum(axis=1)
    chosen = np.concatenate([np.flatnonzero(lengths < 5)[:3], np.flatnonzero(lengths > 8)[:3]])
    x, y = map(torch.from_numpy, data.encode(*names.get_train_examples_and_labels(chosen), options))
    model, optimizer = main_torch.build(options)
    logits = model(x).detach()
    totals = main_torch.ALONE.sum(main_torch.compute_total_loss(logits, y), *main_torch.count_answers(logits, y))
    assert (y[:3] != -1).sum() < (y[3:] != -1).sum() == totals[2] - (y[:3] != -1).sum()
    losses, gradients = [], []
    for part, place in ((slice(None), main_torch.ALONE), (slice(3), Shared(totals)), (slice(3, 6), Shared(totals))):
        losses.append([*map(float, main_torch.train_step(model, optimizer, x[part], y[part], 0.0, place))])
        gradients.append([p.grad.clone() for p in model.parameters()])
    assert losses[0] == pytest.approx(losses[1], rel=1e-12) and losses[1] == losses[2]
    for whole, first, second in zip(*gradients, strict=True):  # torchrun averages those of the processes
        assert (whole - (first + second) / 2).abs().max() < 1e-14


IN_TWO_PROCESSES = [
    "--hidden 32 --batch-size 2000 --epochs 2 --hold-out 30",  # 15 each
    "--model gpt --dataset names --width 8 --heads 2 --blocks 1 --steps 20 --hold-out 30000",
]


@pytest.mark.parametrize("words", schedule(IN_TWO_PROCESSES, in_turn=2))
def test_two_processes_are_one_run(words, tmp_path, capsys):
    """The same weights in float64, the same result, and all that is printed is printed once. Three programs import
    PyTorch for it."""
    argv = *words.split(), "--dtype", "float64"
    name = parse_options("torch", *argv).name
    main_torch.main([*argv, "--out", str(tmp_path / "one")])
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*torchrun, ROOT / "main_torch.py", *argv, "--out", tmp_path / "two"]
    two = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert two.stdout.splitlines()[-1] == capsys.readouterr().out.splitlines()[-1]  # the accuracy
    assert two.stdout.count(" training and ") == two.stdout.count("parameters, seed") == 1
    a, b = (load_checkpoint(tmp_path / out / f"checkpoint_{name}.npz").groups for out in ("one", "two"))
    assert all(twins.largest_difference(a[group], b[group]) < 1e-10 for group in a if a[group])
    histories = [
        (tmp_path / out / f"history_{name}.json").read_text(encoding="utf-8").splitlines()[3:] for out in ("one", "two")
    ]
    assert histories[0] == histories[1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # which torch.compile meets in PyTorch itself
def test_the_commands(program, tmp_path, capsys):
    """As a user types them: without PyTorch by hand, with it, in bfloat16 and, which takes its time, compiled."""
    argv = RESNET.split()
    right = accuracy_of(program("main_np.py", *argv, env=NO_TORCH))
    assert accuracy_of(program("main_torch.py", *argv)) == pytest.approx(right, abs=0.01)
    accuracies = []
    for words in (f"{RESNET} --amp", MLP, f"{MLP} --compile")[: 3 if shutil.which("g++") else 1]:
        main_torch.main([*words.split(), "--out", str(tmp_path / "out")])
        accuracies.append(float(capsys.readouterr().out.splitlines()[-1].removeprefix("test accuracy: ")))
    assert accuracies[0] == pytest.approx(right, abs=0.1)
    assert len({*accuracies[1:]}) <= 1 or accuracies[1] == pytest.approx(accuracies[2], abs=0.01)


# --- Slow: the numbers that the README states -----------------------------------------------------------------------


@pytest.mark.slow("first")
def test_the_default_accuracy_in_both_programs(default_run, program):
    """Of one seed: results.json has five."""
    assert default_run[0] >= 0.9830
    assert accuracy_of(program("main_torch.py")) == pytest.approx(default_run[0], abs=0.002)


@pytest.mark.parametrize(
    ("main", "init"), schedule([("main_torch.py", "geohot"), ("main_np.py", "pytorch")], in_turn=2)
)
def test_the_first_weights_make_the_published_difference(main, init, program):
    """After whole runs. np_nn's are the same weights, in a network four times as large."""
    (published,) = (
        results.PUBLISHED_ACCURACIES[key]
        for key in results.PUBLISHED_ACCURACIES
        if key.startswith(f"MLP geohot {init}, ")
    )
    assert accuracy_of(program(main, "--recipe", "geohot", "--init", init)) == pytest.approx(published, abs=0.01)


# --- What a reader's own rule and gradients may be --------------------------------------------------------------------


def one_step(grads, rule="main_np.update"):
    params = {"W": np.ones((2, 3)), "b": np.ones(3)}
    options = parse_options("np")
    options.optimizer = options.optimizer._replace(by_hand=rule)
    main_np.Optimizer(params, options).step(params, grads, 0.1)


def rebinding(params, velocity, grads, lr, *_):
    for name in params:
        params[name] = params[name] - lr * grads[name]


def test_a_rule_that_puts_new_arrays_in_the_place_of_the_old_is_an_error(monkeypatch):
    """The parts of a batch share the arrays, not the dict: they would never learn of it."""
    monkeypatch.setattr(main_np, "rebinding", rebinding, raising=False)
    fine = {"W": np.ones((2, 3)), "b": np.ones(3)}
    one_step(fine)
    with pytest.raises(UserError, match=r"main_np.rebinding replaces W by a new array: change .* in place"):
        one_step(fine, "main_np.rebinding")


NO_GRADIENTS = {
    "ragged": [[1.0], [1.0, 2.0]], "a list": [[1.0] * 3] * 2, "complex": np.ones((2, 3), complex), "none": None,
    "objects": np.ones((2, 3), object), "bools": np.ones((2, 3), bool), "whole numbers": np.ones((2, 3), int),
}  # fmt: skip


@pytest.mark.parametrize("kind", NO_GRADIENTS)
@pytest.mark.parametrize("parts", [1, 2])
def test_a_gradient_that_is_no_array_of_floats_is_one_line(kind, parts, monkeypatch, small, tmp_path):
    right = mlp_np.MLP.backward

    def backward(model, dlogits):
        grads = right(model, dlogits)
        wrong = NO_GRADIENTS[kind]
        return grads | {"W2": np.resize(wrong, (4, 10)) if isinstance(wrong, np.ndarray) else wrong}

    monkeypatch.setattr(mlp_np.MLP, "backward", backward)
    monkeypatch.setattr(data, "load", lambda *_: small)
    with pytest.raises(UserError, match="the gradient of W2 is not an array of floats, but"):
        main_np.main(["--hidden", "4", "--steps", "2", "--parts", str(parts), "--out", str(tmp_path)])


@pytest.mark.parametrize("name", ["a/b", "history", "data", "params", "statistics"])
def test_a_rule_cannot_remember_what_a_checkpoint_keeps_by_that_name(name, monkeypatch):
    rule = OPTIMIZERS["sgd"]._replace(state_names={name: "momentum_buffer"})
    monkeypatch.setitem(OPTIMIZERS, "mine", rule)
    with pytest.raises(UserError, match=f"an optimizer cannot keep an array named '{name}'"):
        parse_options("np", "--optimizer", "mine")


def test_the_mlp_gets_each_batch_whole_and_before_the_test_nothing_else(small, monkeypatch, tmp_path):
    """Nothing is rehearsed: a reader's first print or breakpoint() meets the first step."""
    calls, forward = [], mlp_np.MLP.forward
    monkeypatch.setattr(mlp_np.MLP, "forward", lambda model, x: calls.append((x.shape, x.dtype)) or forward(model, x))
    monkeypatch.setattr(data, "load", lambda *_: small)
    main_np.main(["--hidden", "4", "--batch-size", "50", "--steps", "3", "--out", str(tmp_path)])
    assert calls == [((50, 28, 28), np.float32)] * 3 + [((200, 28, 28), np.float32), ((100, 28, 28), np.float32)]


@pytest.mark.slow
def test_a_print_in_forward_shows_each_step(another_project, tmp_path):
    lesson = another_project / "mlp_np.py"
    code = lesson.read_text(encoding="utf-8")
    first = "        W1, b1, W2, b2 = self.params.values()\n"
    assert code.count(first) == 1
    lesson.write_text(code.replace(first, "        print('forward', x.shape, x.dtype)\n" + first), encoding="utf-8")
    command = [sys.executable, "main_np.py", "--steps", "2", "--out", str(tmp_path)]
    ended = subprocess.run(command, cwd=another_project, capture_output=True, text=True, check=True)
    shown = [line for line in ended.stdout.splitlines() if line.startswith("forward")]
    assert shown == ["forward (128, 28, 28) float32"] * 2 + ["forward (200, 28, 28) float32"] * 50


OUT_OF_MEMORY = {main_np: MemoryError(), main_torch: RuntimeError("DefaultCPUAllocator: can't allocate memory")}


@pytest.mark.parametrize("main", OUT_OF_MEMORY, ids=lambda main: main.__name__)
def test_a_test_that_needs_too_much_memory_loses_no_epoch(main, small, monkeypatch, tmp_path, quick_curves):
    """And a run that is continued goes on from there."""
    monkeypatch.setattr(data, "load", lambda *_: small)
    evaluate, words = main.evaluate, ["--hidden", "4", "--batch-size", "60", "--out", str(tmp_path)]

    def fail(*_):
        raise OUT_OF_MEMORY[main]

    monkeypatch.setattr(main, "evaluate", fail)
    with pytest.raises(type(OUT_OF_MEMORY[main])):
        main.main([*words, "--epochs", "2"])
    (path,) = tmp_path.glob("checkpoint_*.npz")
    assert (load_checkpoint(path).history.step, len(load_checkpoint(path).history.test_step)) == (10, 0)
    monkeypatch.setattr(main, "evaluate", evaluate)
    assert main.main(["--resume", str(path)]) == 0
    assert [*load_checkpoint(path).history.test_step] == [20]
