"""The options of a run: recipes, the command line, and what a resumed run may change."""

import argparse
from types import SimpleNamespace

from support.augment import AUGMENT
from support.download import SOURCES
from support.errors import UserError

COMMON = {
    "recipe": "default",
    "schedule": "linear",
    "augment": "none",
    "weight_decay": 0.0,
    "pixels": "standardised",
    "optimizer": "sgd",
    "momentum": 0.9,
    "steps": None,
    "seed": 0,
    "dtype": "float32",
    "dataset": "mnist",
    "hold_out": 0,
}
# What George Hotz's notebook and the repository np_nn have in common; `init` follows below.
PUBLISHED = {"epochs": None, "lr": 0.001, "momentum": 0.0, "schedule": "constant", "pixels": "raw"}
RECIPES = {
    "mlp": {
        "default": {"epochs": 5, "batch_size": 128, "hidden": 512, "lr": 0.1, "init": "he"},
        "best": {"epochs": 80, "batch_size": 128, "hidden": 2048, "lr": 0.1, "init": "he", "augment": "elastic"},
        "np_nn": PUBLISHED | {"steps": 4000, "batch_size": 256, "hidden": 512},
        "geohot": PUBLISHED | {"steps": 1000, "batch_size": 128, "hidden": 128},
    },
    "resnet": {
        "default": {
            "epochs": 8,
            "batch_size": 64,
            "widths": (16, 32, 64),
            "blocks": 1,
            "lr": 0.1,
            "weight_decay": 5e-4,
            "augment": "shift",
        },
        "best": {
            "epochs": 30,
            "batch_size": 128,
            "widths": (24, 48, 96),
            "blocks": 2,
            "lr": 0.1,
            "weight_decay": 5e-4,
            "augment": "gentle",
        },
    },
    "vit": {
        "default": {
            "epochs": 8,
            "batch_size": 128,
            "width": 64,
            "blocks": 3,
            "heads": 4,
            "patch": 7,
            "optimizer": "adamw",
            "lr": 0.003,
            "weight_decay": 0.05,
            "augment": "shift",
        },
        "best": {
            "epochs": 40,
            "batch_size": 128,
            "width": 64,
            "blocks": 6,
            "heads": 4,
            "patch": 7,
            "optimizer": "adamw",
            "lr": 0.003,
            "weight_decay": 0.05,
            "augment": "gentle",
        },
    },
}
NETWORK_OPTIONS = {
    "mlp": ("hidden", "init"),
    "resnet": ("widths", "blocks"),
    "vit": ("width", "blocks", "heads", "patch"),
}
# In the two published programs each framework drew the first weights in its own way.
PUBLISHED_INIT = {"np": "geohot", "torch": "pytorch"}

# Options of this call, not of the run: a checkpoint does not keep them.
ONLY_HERE = {
    "name": None,  # of the run's files: "np", "torch", "resnet_np" ...
    "out": "learning_curves",
    "resume": None,
    "stop_after": None,
    "autograd": False,
    "device": "auto",
    "amp": None,
    "compile": False,
}


PATCHES = (2, 4, 7, 14, 28)  # those that 28 pixels can be cut into


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UserError(f"{message} (-h explains the options)")


def integer(low, high):
    """An argparse type: whole numbers from low to high."""

    def parse(text):
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not in the range {low} to {high}")
        return value

    return parse


def number(low, high):
    """An argparse type: finite numbers from low to high."""

    def parse(text):
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        if not low <= value <= high:  # NaN fails this too
            raise argparse.ArgumentTypeError(f"{text} is not in the range {low:g} to {high:g}")
        return value

    return parse


def widths(text):
    """An argparse type: whole numbers with commas between them."""
    return tuple(integer(1, 1024)(part) for part in text.split(","))


def make_parser(framework, description, argv):
    # -h explains the run that it is typed with: `--model resnet -h` shows the defaults of a ResNet.
    first = Parser(add_help=False, allow_abbrev=False)
    for flag, default in (("--model", "mlp"), ("--recipe", "default")):
        first.add_argument(flag, default=default)
    named, _ = first.parse_known_args(argv)
    defaults = (
        COMMON
        | RECIPES.get(named.model, {}).get(named.recipe, {})
        | vars(named)
        | {"out": ONLY_HERE["out"], "device": ONLY_HERE["device"]}
    )
    parser = Parser(description=description, argument_default=argparse.SUPPRESS, allow_abbrev=False)

    def option(group, flag, help, **more):
        default = defaults.get(flag[2:].replace("-", "_"))
        if isinstance(default, tuple):
            default = ",".join(map(str, default))
        if default is not None:
            help += f" (default: {default})"
        group.add_argument(flag, help=help, **more)

    recipes = sorted({name for recipes in RECIPES.values() for name in recipes})
    run = parser.add_argument_group("what to train")
    option(run, "--model", "the multi-layer perceptron, the residual network or the transformer", choices=RECIPES)
    option(run, "--recipe", "a named set of options; others that are given override it", choices=recipes)
    option(run, "--dataset", f"{', '.join(SOURCES)}", choices=SOURCES)
    option(run, "--hidden", "mlp: hidden units", type=integer(1, 16384), metavar="H")
    option(run, "--init", "mlp: how the first weights are drawn", choices=["he", "pytorch", "geohot"])
    option(run, "--widths", "resnet: channels of each stage", type=widths, metavar="C,C,C")
    option(run, "--width", "vit: channels of each patch", type=integer(1, 1024), metavar="C")
    option(run, "--heads", "vit: heads of each attention, which share the channels", type=integer(1, 1024))
    option(run, "--patch", "vit: pixels along a patch's side", type=int, choices=PATCHES)
    option(run, "--blocks", "resnet: blocks in each stage; vit: blocks", type=integer(1, 50))
    option(
        run,
        "--pixels",
        "what the network sees: standardised (mean 0, deviation 1), unit (0 to 1) or raw (0 to 255)",
        choices=["standardised", "unit", "raw"],
    )
    option(run, "--dtype", "float32 or float64", choices=["float32", "float64"])
    option(run, "--seed", "decides the first weights and the order of the examples", type=integer(0, 2**64 - 1))

    how = parser.add_argument_group("how to train")
    length = how.add_mutually_exclusive_group()
    option(length, "--epochs", "how often to see every training image", type=integer(1, 100_000))
    option(length, "--steps", "or: how many batches to learn from", type=integer(1, 10_000_000))
    option(how, "--batch-size", "images in a batch", type=integer(1, 60_000), metavar="B")
    option(how, "--lr", "learning rate, at its highest", type=number(1e-30, 1e30))
    option(
        how,
        "--optimizer",
        "sgd: gradient descent with momentum; adamw: a step length for each parameter",
        choices=["sgd", "adamw"],
    )
    option(how, "--momentum", "how much of the last step goes into the next (adamw: beta1)", type=number(0, 0.9999))
    option(how, "--weight-decay", "how much every weight shrinks, in units of the step", type=number(0, 1))
    option(
        how,
        "--augment",
        "what happens to the training images: none, shift (by up to 2 pixels), affine (turned, scaled, slanted too), "
        "elastic (bent too), gentle (bent less, moved more)",
        choices=AUGMENT,
    )
    option(
        how,
        "--schedule",
        "linear: the learning rate rises for a tenth of the steps, then falls to 0; or constant",
        choices=["linear", "constant"],
    )
    option(
        how,
        "--hold-out",
        "keep the last N training images for testing, to choose options without looking at the test set",
        type=integer(0, 30_000),
        metavar="N",
    )

    files = parser.add_argument_group("where it goes")
    option(files, "--out", "the folder for curves, history and checkpoint", metavar="DIR")
    option(files, "--resume", "go on with the run of a checkpoint, in its options", metavar="FILE")
    option(
        files, "--stop-after", "stop after N epochs of the run; --resume goes on", type=integer(1, 100_000), metavar="N"
    )

    if framework == "np":
        help = "let the tape of autograd_np.py find the derivatives, in place of those by hand (default: no)"
        how.add_argument("--autograd", help=help, action="store_true")
    if framework == "torch":
        torch = parser.add_argument_group("what only PyTorch can do")
        option(
            torch,
            "--device",
            "where to compute: auto takes cuda, then mps, then cpu",
            choices=["auto", "cpu", "cuda", "mps"],
        )
        for flag, help in [
            ("--amp", "multiply in bfloat16 (default: for a resnet on cuda)"),
            ("--compile", "let torch.compile fuse the operations (default: no; it pays in long runs)"),
        ]:
            torch.add_argument(flag, help=help, action=argparse.BooleanOptionalAction)
    return parser


def parse_arguments(framework, description="", argv=None):
    """What the user typed, as a dict. framework: "np" or "torch"."""
    return vars(make_parser(framework, description, argv).parse_args(argv))


def choose(framework, typed):
    """All options of a run, as a namespace: those typed, and for the rest what the recipe says or is common to all."""
    model, recipe = typed.get("model", "mlp"), typed.get("recipe", "default")
    if recipe not in RECIPES[model]:
        raise UserError(f"--recipe {recipe}: --model {model} has {', '.join(RECIPES[model])}")
    for name in typed:
        owners = [owner for owner, names in NETWORK_OPTIONS.items() if name in names]
        if owners and model not in owners:
            raise UserError(f"--{name} is for --model {' or '.join(owners)}")
    options = {"model": model, "init": PUBLISHED_INIT[framework]} | COMMON | RECIPES[model][recipe]
    if model != "mlp":
        del options["init"]
    if "epochs" in typed or "steps" in typed:
        options["epochs"] = options["steps"] = None
    name = framework if model == "mlp" else f"{model}_{framework}"
    chosen = SimpleNamespace(**ONLY_HERE | options | typed | {"name": name})
    if model == "vit" and chosen.width % chosen.heads:
        raise UserError(f"--width {chosen.width} cannot be split evenly by {chosen.heads} --heads")
    return chosen


def resume(framework, kept, typed):
    """The options that a checkpoint kept, as a namespace, with those typed that are of this call and not of the run.

    UserError if what it kept makes no sense here, or what was typed contradicts it.
    """
    path = typed["resume"]
    kept = {"optimizer": "sgd"} | kept  # the files of earlier versions, which had no other
    try:
        if foreign := kept.keys() & ONLY_HERE.keys():
            raise UserError(f"{', '.join(sorted(foreign))} is not of a run")
        options = vars(choose(framework, parse_arguments(framework, "", as_arguments(kept))))
        missing = {name for name, value in options.items() if value is not None and kept.get(name) is None}
        if missing := missing - set(ONLY_HERE):
            raise UserError(f"some are missing: {', '.join(sorted(missing))}")
    except UserError as error:
        raise UserError(f"{path}: its options make no sense here: {error}") from None
    for name in typed.keys() - set(ONLY_HERE):
        if typed[name] != options.get(name):
            flag = "--" + name.replace("_", "-")
            has = f"a run with {options[name]}" if options.get(name) is not None else "which was run without it"
            raise UserError(f"{flag} {typed[name]} contradicts {path}, {has}")
    return SimpleNamespace(**options | typed)


def parse_options(framework, *argv):
    """The options of a new run with these arguments."""
    return choose(framework, parse_arguments(framework, "", [str(word) for word in argv]))


def run_options(options):
    """The options that belong to the run and not to this call, in a fixed order."""
    return {name: value for name, value in sorted(vars(options).items()) if name not in ONLY_HERE}


def as_arguments(options):
    """A checkpoint's options as if they had been typed, so that they pass the same checks."""
    values = {name: ",".join(map(str, v)) if isinstance(v, list) else v for name, v in options.items()}
    return [f"--{name.replace('_', '-')}={value}" for name, value in values.items() if value is not None]


def title(options):
    """What a run is called in its pictures."""
    if options.model == "mlp":
        network = f"784-{options.hidden}-10"
    elif options.model == "resnet":
        network = f"ResNet {'-'.join(map(str, options.widths))}"
        network += f" × {options.blocks}" if options.blocks > 1 else ""  # so many blocks for each width
    else:
        network = f"ViT {options.width} × {options.blocks}, {options.heads} heads, patch {options.patch}"
    return f"{network} in {'NumPy' if options.name.endswith('np') else 'PyTorch'}"


def test_set_name(options):
    """What the images are called that the network is tested on."""
    return "held-out" if options.hold_out else "test"
