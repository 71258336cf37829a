"""`python main_np.py` as a user runs it: what it prints, writes and learns, and how it ends."""

import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import main_np
from conftest import ROOT, accuracy_of, as_input, assert_one_line
from mlp_np import MLP, softmax_cross_entropy
from networks import parse_options
from support.errors import UserError

SHORT = ("--hidden", "16", "--steps", "30")


@pytest.fixture(scope="module")
def default_run(tmp_path_factory):
    """One run with nothing but defaults, measured: (result, folder, peak memory in MB)."""
    out = tmp_path_factory.mktemp("default")
    code = (
        "import resource, subprocess, sys\n"
        "status = subprocess.call(sys.argv[1:])\n"
        "megabyte = 1024 if sys.platform == 'linux' else 1024**2\n"  # Linux counts in kB, macOS in bytes
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // megabyte, file=sys.stderr)\n"
        "sys.exit(status)"
    )
    argv = [sys.executable, "-c", code, sys.executable, str(ROOT / "main_np.py"), "--out", str(out)]
    result = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT)
    return result, out, int(result.stderr)


def test_the_default_run_learns(default_run):
    result, out, _ = default_run
    assert accuracy_of(result) >= 0.98
    history = json.loads((out / "history_np.json").read_text())
    assert len(history["train_loss"]) == len(history["train_accuracy"]) == 2340 <= 2500
    assert history["test_step"] == [468, 936, 1404, 1872, 2340]
    assert history["test_accuracy"][-1] == accuracy_of(result)
    assert history["options"]["batch_size"] == 128
    # the loss that is reported is the loss that is differentiated: log 10 for a guess, or somewhat more
    assert 2 < history["train_loss"][0] < 5


def test_the_default_run_writes_what_it_says(default_run):
    result, out, _ = default_run
    names = ["accuracy_plot_np.png", "checkpoint_np.npz", "history_np.json", "loss_plot_np.png"]
    assert sorted(p.name for p in out.iterdir()) == names
    assert all(name in result.stdout for name in names)
    assert len(re.findall(r"^epoch \d of 5: training loss", result.stdout, re.M)) == 5


def test_the_default_run_needs_little_memory(default_run):
    assert default_run[2] <= 350


def test_torch_is_never_imported(program):
    """The first torch on the path is tests/no_torch/torch.py, which fails when imported."""
    result = program("main_np.py", *SHORT, env={"PYTHONPATH": str(ROOT / "tests" / "no_torch")})
    assert accuracy_of(result) > 0.1


def weights(folder):
    with np.load(folder / "checkpoint_np.npz", allow_pickle=False) as npz:
        return {name: npz[name].tobytes() for name in npz.files if name.startswith(("params", "momentum"))}


def test_a_seed_makes_a_run(program, tmp_path):
    for name in ("a", "b"):
        assert program("main_np.py", *SHORT, "--seed", 3, "--out", tmp_path / name).returncode == 0
    main_np.main([*SHORT, "--seed", "4", "--out", str(tmp_path / "c")])
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert weights(tmp_path / "a").keys() == weights(tmp_path / "c").keys()
    assert all(weights(tmp_path / "a")[k] != weights(tmp_path / "c")[k] for k in weights(tmp_path / "c"))
    assert (tmp_path / "a" / "history_np.json").read_bytes() == (tmp_path / "b" / "history_np.json").read_bytes()


def test_a_run_that_stops_goes_on_bit_for_bit(program, tmp_path):
    options = ("--hidden", 8, "--batch-size", 6000, "--epochs", 4)
    whole = program("main_np.py", *options, "--out", tmp_path / "whole")
    part = program("main_np.py", *options, "--out", tmp_path / "part", "--stop-after", 2)
    assert "20 of 40 steps" in part.stdout
    resume = ("--resume", tmp_path / "part" / "checkpoint_np.npz", "--out", tmp_path / "part")
    rest = program("main_np.py", *resume)
    assert accuracy_of(rest) == accuracy_of(whole)
    assert weights(tmp_path / "part") == weights(tmp_path / "whole")
    for file in ("history_np.json", "loss_plot_np.png"):
        assert (tmp_path / "part" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    again = program("main_np.py", *resume)  # nothing left to do: the same answer once more
    assert accuracy_of(again) == accuracy_of(whole)
    elsewhere = program("main_np.py", *resume[:3], tmp_path / "elsewhere")
    assert accuracy_of(elsewhere) == accuracy_of(whole)
    assert sorted(path.name for path in (tmp_path / "elsewhere").iterdir()) == sorted(
        re.search(r"^see .*: (.+)$", elsewhere.stdout, re.M)[1].split(", ")
    )


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_signal_in_mid_training_saves_what_was_learned(program, tmp_path, number):
    out = tmp_path / "out"
    argv = [sys.executable, "-u", str(ROOT / "main_np.py"), "--hidden", "32", "--epochs", "50", "--out", str(out)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not process.stdout.readline().startswith("epoch 1"):
        assert process.poll() is None
    time.sleep(0.3)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + number, stderr
    assert stderr.count("\n") == 1
    assert "--resume" in stderr
    assert "test accuracy:" not in stdout
    steps = len(json.loads((out / "history_np.json").read_text())["train_loss"])
    assert f"{steps} of 23400 steps" in stdout
    assert (out / "loss_plot_np.png").stat().st_size > 10_000
    # and what goes on from there is the run that was never stopped
    stop_after = steps // 468 + 1
    for name, more in [("whole", argv[3:7]), ("rest", ["--resume", out / "checkpoint_np.npz"])]:
        program("main_np.py", *more, "--stop-after", stop_after, "--out", tmp_path / name)
    assert weights(tmp_path / "rest") == weights(tmp_path / "whole")


def test_a_loss_that_is_no_longer_finite(program, tmp_path):
    result = program("main_np.py", "--lr", "1e4", "--steps", "400", "--schedule", "constant")
    assert_one_line(result, "at step", "lower --lr")
    assert not list((tmp_path / "out").iterdir())


def test_an_out_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "sub", ""):
        with pytest.raises(UserError, match="--out"):
            main_np.main([*SHORT, "--out", str(out)])
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(("argv", "word"), [(["--lr", "-1"], "--lr"), (["--resume", "nowhere.npz"], "nowhere.npz")])
def test_bad_options_are_one_line(program, tmp_path, argv, word):
    assert_one_line(program("main_np.py", *argv), word)
    assert not (tmp_path / "out").exists()


def test_help(program):
    result = program("main_np.py", "-h")
    assert result.returncode == 0
    assert "--hidden" in result.stdout


def test_a_reader_that_leaves_early_is_no_traceback(tmp_path):
    command = f"'{sys.executable}' -u main_np.py --hidden 8 --steps 30 --out '{tmp_path}' | head -1"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.startswith("mnist")
    assert result.stderr == ""


def test_hold_out_never_shows_the_test_set(program):
    result = program("main_np.py", *SHORT, "--hold-out", 10000)
    assert result.stdout.splitlines()[0] == "mnist: 50000 training and 10000 held-out images"
    assert result.stdout.splitlines()[-1].startswith("held-out accuracy: 0.")


def test_evaluation_counts_every_image(mnist):
    options = parse_options("np", "--hidden", "4")
    model = MLP(4)
    few = mnist._replace(test_images=mnist.test_images[:1234], test_labels=mnist.test_labels[:1234])
    loss, accuracy = main_np.evaluate(model, few, options)
    x = as_input(few.test_images)
    logits = model.forward(x)
    assert accuracy == (logits.argmax(axis=1) == few.test_labels).mean()
    assert loss == pytest.approx(softmax_cross_entropy(logits, few.test_labels)[0], rel=1e-5)


def test_the_update_is_its_formula_whatever_the_parts():
    """v = momentum v + dp, p = p - lr v, to the last bit, for arrays of many parts, of one, and of less than a row."""
    rng = np.random.default_rng(0)
    shapes = {"W": (784, 200), "wide": (3, 60_000), "kernel": (3, 3, 8, 4), "b": (70_000,), "one": (1,)}
    params, velocity, grads = (
        {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()} for _ in range(3)
    )
    expected = {}
    for name, p in params.items():
        dp = grads[name] + (0.01 * p if p.ndim > 1 else 0)
        v = 0.9 * velocity[name] + dp
        expected[name] = p - 0.1 * v, v
    main_np.update(params, velocity, grads, lr=0.1, momentum=0.9, weight_decay=0.01)
    for name, (p, v) in expected.items():
        np.testing.assert_array_equal(params[name], p, err_msg=name)
        np.testing.assert_array_equal(velocity[name], v, err_msg=name)


def test_parts_are_views_of_every_row_once():
    a, b = {"a": np.zeros((10, 7, 3)), "b": np.zeros(2)}, {"a": np.ones((10, 7, 3)), "b": np.ones(2)}
    parts = list(main_np.in_parts(a, b, size=70))
    assert [len(mine) for mine, _ in parts] == [3, 3, 3, 1, 2]
    for mine, theirs in parts:
        mine += theirs
    assert all((array == 1).all() for array in a.values())
    assert [len(mine) for mine, _ in main_np.in_parts(a, b, size=1)] == [1] * 12


# --- Slow: the numbers that the README states ---


@pytest.mark.slow
def test_default_accuracy_over_three_seeds(program):  # results.json has five
    accuracies = [accuracy_of(program("main_np.py", "--seed", seed)) for seed in range(3)]
    assert np.mean(accuracies) >= 0.9830
    assert min(accuracies) >= 0.98


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "published"), [("np_nn", 0.9805), ("geohot", 0.9635)])
def test_published_recipes_land_where_published(program, recipe, published):
    assert accuracy_of(program("main_np.py", "--recipe", recipe)) == pytest.approx(published, abs=0.01)
