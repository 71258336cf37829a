"""Options: recipes, ranges, and what contradicts what."""

import pytest

from networks import NETWORKS, parse_options
from support.errors import UserError
from support.options import COMMON, title


def options_of(*argv, framework="np"):
    return parse_options(framework, *argv)


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


def test_recipes_of_the_transformer():
    options = options_of("--model", "vit")
    assert (options.width, options.blocks, options.heads, options.patch) == (64, 3, 4, 7)
    assert (options.optimizer, options.lr, options.weight_decay, options.epochs) == ("adamw", 0.003, 0.05, 8)
    assert options.name == "vit_np"
    for other in ("mlp", "resnet"):
        assert options_of("--model", other).optimizer == "sgd"
        assert options_of("--model", other, "--optimizer", "adamw").optimizer == "adamw"
    assert options_of("--model", "vit", "--optimizer", "sgd").optimizer == "sgd"


def test_heads_share_the_channels_evenly():
    assert options_of("--model", "vit", "--width", "6", "--heads", "3").heads == 3
    with pytest.raises(UserError, match="--width 64 cannot be split evenly by 5 --heads"):
        options_of("--model", "vit", "--heads", "5")


def test_a_title_tells_networks_apart():
    assert title(options_of("--hidden", "16")) == "784-16-10 in NumPy"
    resnet = ("--model", "resnet", "--widths", "4,8")
    assert title(options_of(*resnet, framework="torch")) == "ResNet 4-8 in PyTorch"
    assert title(options_of(*resnet, "--blocks", "3")) == "ResNet 4-8 × 3 in NumPy"
    vit = ("--model", "vit", "--patch", "4")
    assert title(options_of(*vit, framework="torch")) == "ViT 64 × 3, 4 heads, patch 4 in PyTorch"


def test_what_is_typed_overrides_the_recipe():
    options = options_of("--recipe", "np_nn", "--epochs", "2", "--lr", "0.01", "--init", "he")
    assert (options.epochs, options.steps, options.lr, options.init, options.hidden) == (2, None, 0.01, "he", 512)
    assert options_of("--steps", "7").epochs is None


@pytest.mark.parametrize("model", NETWORKS)
def test_every_option_is_explained_with_its_default(capsys, model):
    with pytest.raises(SystemExit) as exit_:
        options_of("--model", model, "-h")
    assert exit_.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    defaults = {name: option.default for name, option in COMMON.items()}
    for name, value in (defaults | NETWORKS[model].recipes["default"] | {"model": model}).items():
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
        ["--optimizer", "adam"],
        ["--width", "64"],
        ["--heads", "2"],
        ["--model", "resnet", "--patch", "7"],
        ["--model", "vit", "--widths", "8,8"],
        ["--model", "vit", "--hidden", "8"],
        ["--model", "vit", "--patch", "5"],
        ["--model", "vit", "--patch", "1"],
        ["--model", "vit", "--recipe", "geohot"],
    ],
)
def test_unknown_names_and_contradictions(argv):
    with pytest.raises(UserError):
        options_of(*argv)
