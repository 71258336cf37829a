"""Options, learning rate, history and checkpoints."""

import json
import math
import zipfile
from itertools import pairwise

import numpy as np
import pytest

import data
import training
from training import UserError, parse_options


def options_of(*argv, framework="np"):
    return parse_options(framework, "", list(argv))[0]


# --- Options ---


def test_recipes():
    default = options_of()
    assert (default.hidden, default.batch_size, default.epochs, default.steps) == (512, 128, 5, None)
    assert (default.init, default.pixels, default.seed, default.dtype) == ("he", "standardised", 0, "float32")
    np_nn = options_of("--recipe", "np_nn")
    assert (np_nn.hidden, np_nn.batch_size, np_nn.steps, np_nn.lr, np_nn.momentum) == (512, 256, 4000, 0.001, 0)
    assert (np_nn.init, np_nn.pixels, np_nn.schedule) == ("geohot", "raw", "constant")
    geohot = options_of("--recipe", "geohot", framework="torch")
    assert (geohot.hidden, geohot.batch_size, geohot.steps, geohot.init) == (128, 128, 1000, "pytorch")


def test_recipes_of_the_resnet():
    options = options_of("--model", "resnet")
    assert (options.widths, options.blocks, options.augment, options.name) == ((16, 32, 64), 1, "shift", "resnet_np")
    assert not hasattr(options, "hidden")
    assert options_of("--model", "resnet", "--widths", "4,8", framework="torch").widths == (4, 8)
    assert options_of("--model", "resnet", "--recipe", "best", framework="torch").name == "resnet_torch"


def test_a_title_tells_networks_apart():
    assert training.title(options_of("--hidden", "16")) == "784-16-10 in NumPy"
    resnet = ("--model", "resnet", "--widths", "4,8")
    assert training.title(options_of(*resnet, framework="torch")) == "ResNet 4-8 in PyTorch"
    assert training.title(options_of(*resnet, "--blocks", "3")) == "ResNet 4-8 × 3 in NumPy"


def test_what_is_typed_overrides_the_recipe():
    options = options_of("--recipe", "np_nn", "--epochs", "2", "--lr", "0.01", "--init", "he")
    assert (options.epochs, options.steps, options.lr, options.init, options.hidden) == (2, None, 0.01, "he", 512)
    assert options_of("--steps", "7").epochs is None


@pytest.mark.parametrize("model", training.RECIPES)
def test_every_option_is_explained_with_its_default(capsys, model):
    with pytest.raises(SystemExit) as exit_:
        options_of("--model", model, "-h")
    assert exit_.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for name, value in (training.COMMON | training.RECIPES[model]["default"] | {"model": model}).items():
        assert f"--{name.replace('_', '-')} " in text
        value = ",".join(map(str, value)) if isinstance(value, tuple) else value
        assert value is None or f"(default: {value})" in text


NUMBERS = {
    "--hidden": (1, 16384),
    "--epochs": (1, 100_000),
    "--steps": (1, 10_000_000),
    "--batch-size": (1, 60_000),
    "--seed": (0, 2**64 - 1),
    "--hold-out": (0, 30_000),
    "--stop-after": (1, 100_000),
}


@pytest.mark.parametrize("flag", NUMBERS)
def test_whole_numbers_have_their_ranges(flag):
    low, high = NUMBERS[flag]
    name = flag[2:].replace("-", "_")
    for value in (low, high):
        assert getattr(options_of(flag, str(value)), name) == value
    for wrong in (str(low - 1), str(high + 1), "", "x", "1.5", "nan", "inf", "1e3", "−1", "٣x"):
        with pytest.raises(UserError, match=flag) as caught:
            options_of(f"{flag}={wrong}")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("flag", "wrong"),
    [
        ("--lr", "0"),
        ("--lr", "-1"),
        ("--momentum", "1"),
        ("--momentum", "-0.1"),
        ("--weight-decay", "-1"),
        ("--weight-decay", "2"),
    ],
)
def test_numbers_have_their_ranges(flag, wrong):
    for value in (wrong, "nan", "inf", "-inf", "", "fast", "1e999"):
        with pytest.raises(UserError, match=flag):
            options_of(f"{flag}={value}")


@pytest.mark.parametrize(
    "argv",
    [
        ["--recipe", "none"],
        ["--dataset", "cifar"],
        ["--init", "zeros"],
        ["--pixels", "blue"],
        ["--dtype", "int8"],
        ["--schedule", "cosine"],
        ["--epochs", "1", "--steps", "1"],
        ["--hiden", "5"],
        ["--hid", "5"],
        ["stray"],
        ["--hidden"],
        ["--resume", ""],
        ["--model", "cnn"],
        ["--model", "resnet", "--hidden", "5"],
        ["--model", "resnet", "--init", "he"],
        ["--widths", "8,8"],
        ["--blocks", "2"],
        ["--model", "resnet", "--recipe", "np_nn"],
        ["--recipe", "geohot", "--model", "resnet"],
        ["--model", "resnet", "--widths", "8,,8"],
        ["--model", "resnet", "--widths", "0"],
        ["--augment", "mirror"],
    ],
)
def test_unknown_names_and_contradictions(argv):
    with pytest.raises(UserError):
        options_of(*argv)


def test_a_batch_larger_than_the_data():
    with pytest.raises(UserError, match="--batch-size 200 is more than the 100"):
        training.make_plan(options_of("--batch-size", "200"), 100)


def test_plan():
    plan = training.make_plan(options_of("--stop-after", "2"), 60000)
    assert plan == (468, 2340, 936)
    assert training.make_plan(options_of("--stop-after", "9"), 60000).stop == 2340
    assert training.make_plan(options_of("--steps", "10"), 60000) == (468, 10, 10)


# --- The learning rate ---


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 11, 2340])
def test_the_learning_rate_rises_then_falls_to_zero(steps):
    options = options_of("--lr", "0.5")
    rates = [training.learning_rate(s, steps, options) for s in range(steps)]
    assert max(rates) <= 0.5
    assert min(rates) > 0
    top = math.ceil(steps / 10) - 1
    assert rates[top] == pytest.approx(0.5)
    assert all(b > a for a, b in pairwise(rates[: top + 1]))
    assert all(b < a for a, b in pairwise(rates[top:]))
    # the next one would be 0
    assert steps == 1 or training.learning_rate(steps, steps, options) == 0
    constant = options_of("--lr", "0.5", "--schedule", "constant")
    assert {training.learning_rate(s, steps, constant) for s in range(steps)} == {0.5}


# --- History ---


@pytest.mark.parametrize("loss", [math.nan, math.inf, np.float32("nan"), -math.inf])
def test_a_loss_that_is_not_finite_is_one_line(loss):
    history = training.History([1.0, 2.0], [0.1, 0.2])
    history.add_step(loss, 0.1)
    history.add_step(1.0, 0.1)
    with pytest.raises(UserError, match="at step 3: lower --lr"):
        history.read()
    with pytest.raises(UserError, match="at step 2: lower --lr"):
        history.add_test(loss, 0.1)


def test_the_history_file(tmp_path):
    history = training.History([1.23456789, 0.5], [0.5, 0.75], [2], [0.4], [0.9876])
    training.save_history(tmp_path / "h.json", options_of("--out", "x"), history)
    content = json.loads((tmp_path / "h.json").read_text())
    assert content["train_loss"] == [1.23457, 0.5]
    assert (content["test_step"], content["test_accuracy"]) == ([2], [0.9876])
    assert content["options"]["hidden"] == 512
    assert "out" not in content["options"]
    assert content["machine"]["numpy"] == np.__version__


# --- Checkpoints ---


@pytest.fixture
def saved(tmp_path):
    """A small checkpoint: (path, options, plan, params, momentum, history)."""
    options = options_of("--hidden", "3", "--epochs", "4", "--seed", str(2**63 + 1))
    plan = training.make_plan(options, 60000)
    rng = np.random.default_rng(0)
    params = {"W1": rng.normal(size=(4, 3)).astype(np.float32), "b1": rng.normal(size=3).astype(np.float32)}
    momentum = {name: 2 * p for name, p in params.items()}
    history = training.History([0.1] * 500, [0.5] * 500, [468], [0.3], [0.9])
    path = tmp_path / "checkpoint.npz"
    training.save_checkpoint(path, options, plan, params, momentum, {}, history)
    return path, options, plan, params, momentum, history


def test_a_checkpoint_comes_back_bit_for_bit(saved):
    path, options, plan, params, momentum, history = saved
    resumed, checkpoint = parse_options("np", "", ["--resume", str(path)])
    assert training.run_options(resumed) == training.run_options(options)
    new = {name: np.zeros_like(p) for name, p in params.items()}, {name: np.zeros_like(p) for name, p in params.items()}
    restored = training.restore(checkpoint, plan, *new, {})
    assert restored.numbers() == history.numbers()
    for old, back in zip((params, momentum), new, strict=True):
        assert all((old[name] == back[name]).all() for name in old)
    with np.load(path, allow_pickle=False) as npz:  # what the file says of itself
        assert (npz["step"], npz["epoch"], npz["seed"], npz["format"]) == (500, 1, 2**63 + 1, 1)


def test_a_resumed_run_keeps_its_options(saved):
    path = str(saved[0])
    assert parse_options("np", "", ["--resume", path, "--out", "there", "--hidden", "3"])[0].out == "there"
    for argv in (["--hidden", "4"], ["--lr", "0.2"], ["--epochs", "5"], ["--steps", "9"], ["--recipe", "geohot"]):
        with pytest.raises(UserError, match=f"{argv[0]} {argv[1]} contradicts"):
            parse_options("np", "", ["--resume", path, *argv])


def rewrite(path, **changes):
    """The same checkpoint with some of its arrays replaced, or dropped where None."""
    with np.load(path, allow_pickle=False) as npz:
        arrays = dict(npz) | {name.replace("__", "/"): value for name, value in changes.items()}
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})


DAMAGES = {
    "NaN": ({"params__W1": np.full((4, 3), np.nan, np.float32)}, "not finite"),
    "infinite momentum": ({"momentum__b1": np.full(3, np.inf, np.float32)}, "not finite"),
    "NaN in the history": ({"history__train_loss": np.full(500, np.nan)}, "not finite"),
    "text for numbers": ({"params__W1": np.array("W1")}, "not finite"),
    "newer": ({"format": 99}, "format 99"),
    "no format": ({"format": None}, "not a checkpoint"),
    "no step": ({"step": None}, "do not fit"),
    "another step": ({"step": 499}, "do not fit"),
    "no options": ({"options": None}, "do not fit"),
    "options that are no JSON": ({"options": "{"}, "do not fit"),
    "options that are no dict": ({"options": "[]"}, "do not fit"),
    "an option out of range": ({"options": '{"hidden": -3}'}, "--hidden"),
    "an unknown option": ({"options": '{"hiden": 3}'}, "hiden"),
    "an option of this call": ({"options": '{"resume": "x"}'}, "do not fit"),
    "a history cut short": ({"history__train_accuracy": np.zeros(3)}, "do not fit"),
    "an unknown history": ({"history__weather": np.zeros(3)}, "do not fit"),
    "a history in two dimensions": ({"history__train_loss": np.zeros((500, 1))}, "do not fit"),
    "no options at all": ({"options": "{}"}, "missing"),
    "an unknown group": ({"paramz__W1": np.zeros(3)}, "do not fit"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_one_line(saved, damage):
    path = saved[0]
    changes, word = DAMAGES[damage]
    rewrite(path, **changes)
    with pytest.raises(UserError, match=word) as caught:
        parse_options("np", "", ["--resume", str(path)])
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"params__W1": np.zeros((4, 2), np.float32)},
        {"params__W1": np.zeros((4, 3))},
        {"params__W2": np.zeros((4, 3), np.float32)},
        {"momentum__b1": None},
        {"statistics__mean": np.zeros(3, np.float32)},
    ],
)
def test_a_checkpoint_of_another_network(saved, changes):
    path, _, plan, params, momentum, _ = saved
    rewrite(path, **changes)
    _, checkpoint = parse_options("np", "", ["--resume", str(path)])
    with pytest.raises(UserError, match="another network"):
        training.restore(checkpoint, plan, params, momentum, {})


def test_a_checkpoint_without_its_test_results(saved):
    path, _, plan, params, momentum, _ = saved
    rewrite(path, **{f"history__test_{name}": np.array([]) for name in ("step", "loss", "accuracy")})
    _, checkpoint = parse_options("np", "", ["--resume", str(path)])
    with pytest.raises(UserError, match="no test result"):
        training.restore(checkpoint, plan, params, momentum, {})


def test_a_checkpoint_of_neither_epochs_nor_steps(saved):
    options = {name: value for name, value in training.run_options(saved[1]).items() if name not in ("epochs", "steps")}
    rewrite(saved[0], options=json.dumps(options))
    with pytest.raises(UserError, match="missing"):
        parse_options("np", "", ["--resume", str(saved[0])])


def test_a_checkpoint_beyond_its_run(saved):
    path, _, plan, params, momentum, _ = saved
    _, checkpoint = parse_options("np", "", ["--resume", str(path)])
    with pytest.raises(UserError, match="step 500 of 400"):
        training.restore(checkpoint, plan._replace(steps=400), params, momentum, {})


@pytest.mark.parametrize("size", [0, 1, 100, 0.5, 0.99])
def test_a_truncated_checkpoint(saved, size):
    path = saved[0]
    content = path.read_bytes()
    path.write_bytes(content[: size if isinstance(size, int) else int(size * len(content))])
    with pytest.raises(UserError, match="not a checkpoint"):
        training.load_checkpoint(path)


def test_one_wrong_bit_anywhere_is_noticed_or_harmless(saved):
    path = saved[0]
    content = path.read_bytes()
    want = training.load_checkpoint(path)
    rng = np.random.default_rng(0)
    for position in rng.integers(len(content), size=200):
        path.write_bytes(
            content[:position] + bytes([content[position] ^ 1 << rng.integers(8)]) + content[position + 1 :]
        )
        try:
            got = training.load_checkpoint(path)
        except UserError:
            continue
        assert all((got.params[name] == want.params[name]).all() for name in want.params)
        assert got.history.numbers() == want.history.numbers()


def test_nothing_that_executes_is_loaded(saved, tmp_path):
    class Evil:
        def __reduce__(self):
            return (tmp_path.joinpath("executed").touch, ())

    rewrite(saved[0], params__W1=np.array([Evil()], dtype=object))
    with pytest.raises(UserError, match="not a checkpoint"):
        training.load_checkpoint(saved[0])
    assert not (tmp_path / "executed").exists()


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("format.npy", "w") as file:
        for _ in range(512):
            file.write(bytes(2**20))
    assert path.stat().st_size < 2**20
    with pytest.raises(UserError, match="not a checkpoint"):
        training.load_checkpoint(path)


def test_a_checkpoint_that_is_not_there(tmp_path):
    for path in (tmp_path / "none.npz", tmp_path):
        with pytest.raises(UserError, match="cannot read"):
            training.load_checkpoint(path)


# --- How a run ends ---


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (UserError("lower\n it"), 2, "lower it"),
        (data.DataError("none"), 2, "none"),
        (MemoryError(), 2, "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 2, "not enough memory"),
        (RuntimeError("CUDA out of memory."), 2, "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate"), 2, "lower --hidden"),
        (OSError(28, "No space left on device", "x.png"), 2, "x.png: No space left"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_run_turns_errors_into_one_line(error, status, words, capsys):
    def main():
        raise error

    assert training.run(main) == status
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_run_does_not_hide_our_own_mistakes():
    with pytest.raises(ZeroDivisionError):
        training.run(lambda: 1 / 0)
