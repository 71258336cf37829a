"""The options of a run: their kinds, the command line, recipes, and what a resumed run may change.

What a network adds of its own stands in the table of networks (networks.py), which the functions here are given:
{name: Network}.
"""

import argparse
from collections.abc import Callable
from types import SimpleNamespace
from typing import NamedTuple

from support.augment import AUGMENT
from support.download import SOURCES
from support.errors import UserError

# --- Kinds of values: each is a function that takes a typed word, or a value from a file, and returns the value ---


Wrong = argparse.ArgumentTypeError  # this is no value for the option; argparse says which option


def integer(low, high):
    """Whole numbers from low to high."""
    return lambda value: within(low, high, value, int, "a whole number", (str, int))


def number(low, high):
    """Finite numbers from low to high."""
    return lambda value: within(low, high, value, float, "a number", (str, int, float))


def within(low, high, value, convert, what, types):
    try:
        if not isinstance(value, types) or isinstance(value, bool):
            raise ValueError
        found = convert(value)
    except (ValueError, OverflowError):
        raise Wrong(f"{value!r} is not {what}") from None
    if not low <= found <= high:  # NaN fails this too
        raise Wrong(f"{value} is not in the range {low:g} to {high:g}")
    return found


def integers(low, high):
    """Whole numbers with commas between them, as a tuple."""
    one = integer(low, high)

    def several(value):
        found = tuple(one(part) for part in (value.split(",") if isinstance(value, str) else value))
        return found or one(None)

    return several


def one_of(*names):
    """One of these words, or of these whole numbers."""

    def choose(value):
        found = [name for name in names if type(value) in (str, type(name)) and str(name) == str(value)]
        if not found:
            raise Wrong(f"{value!r} is not one of {', '.join(map(str, names))}")
        return found[0]

    choose.metavar = f"{{{','.join(map(str, names))}}}"
    return choose


def text(value):
    if not isinstance(value, str):
        raise Wrong(f"{value!r} is not a text")
    return value


class Option(NamedTuple):
    kind: Callable | None  # None: --NAME and --no-NAME
    help: str
    default: object = None
    metavar: str | None = None


# --- The options that every run has, in the groups of -h ---

OF_A_RUN = {
    "what to train": {
        "recipe": Option(text, "a named set of options; others that are given override it", "default"),
        "dataset": Option(one_of(*SOURCES), "what to learn", "mnist"),
        "pixels": Option(
            one_of("standardised", "unit", "raw"),
            "what the network sees: standardised (mean 0, deviation 1), unit (0 to 1) or raw (0 to 255)",
            "standardised",
        ),
        "dtype": Option(one_of("float32", "float64"), "the numbers to compute with", "float32"),
        "seed": Option(integer(0, 2**64 - 1), "decides the first weights and the order of the examples", 0),
    },
    "how to train": {
        "epochs": Option(integer(1, 100_000), "how often to see every training image"),
        "steps": Option(integer(1, 10_000_000), "or: how many batches to learn from"),
        "batch_size": Option(integer(1, 60_000), "images in a batch", metavar="B"),
        "lr": Option(number(1e-30, 1e30), "learning rate, at its highest"),
        "optimizer": Option(
            one_of("sgd", "adamw"),
            "sgd: gradient descent with momentum; adamw: a step length for each parameter",
            "sgd",
        ),
        "momentum": Option(number(0, 0.9999), "how much of the last step goes into the next (adamw: beta1)", 0.9),
        "weight_decay": Option(number(0, 1), "how much every weight shrinks, in units of the step", 0.0),
        "augment": Option(
            one_of(*AUGMENT),
            "what happens to the training images: none, shift (by up to 2 pixels), affine (turned, scaled, slanted "
            "too), elastic (bent too), gentle (bent less, moved more)",
            "none",
        ),
        "schedule": Option(
            one_of("linear", "constant"),
            "linear: the learning rate rises for a tenth of the steps, then falls to 0; or constant",
            "linear",
        ),
        "hold_out": Option(
            integer(0, 30_000),
            "keep the last N training images for testing, to choose options without looking at the test set",
            0,
            "N",
        ),
    },
}
# Options of this call, not of the run: a checkpoint does not keep them.
OF_A_CALL = {
    "where it goes": {
        "out": Option(text, "the folder for curves, history and checkpoint", "learning_curves", "DIR"),
        "resume": Option(text, "go on with the run of a checkpoint, in its options", metavar="FILE"),
        "stop_after": Option(integer(1, 100_000), "stop after N epochs of the run; --resume goes on", metavar="N"),
    },
}
OF_A_NUMPY_CALL = {
    "who finds the derivatives": {
        "autograd": Option(None, "the tape of autograd_np.py (default: no, they are written by hand)", False),
    },
}
OF_A_PYTORCH_CALL = {
    "what only PyTorch can do": {
        "device": Option(
            one_of("auto", "cpu", "cuda", "mps"), "where to compute: auto takes cuda, then mps, then cpu", "auto"
        ),
        "amp": Option(None, "multiply in bfloat16 (default: on cuda, where the network gains by it)"),
        "compile": Option(None, "let torch.compile fuse the operations (default: no; it pays in long runs)", False),
    },
}


def flat(groups):
    """The options of all groups, by name."""
    return {name: option for group in groups.values() for name, option in group.items()}


COMMON = flat(OF_A_RUN)
NOT_KEPT = flat(OF_A_CALL | OF_A_NUMPY_CALL | OF_A_PYTORCH_CALL)


def flag(name):
    return "--" + name.replace("_", "-")


# --- From words to options ---


class Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong."""

    def error(self, message):
        raise UserError(f"{message} (-h explains the options)")


def make_parser(networks, framework, description="", argv=None):
    """The parser of a main program. framework: "np" or "torch"."""
    # -h explains the run that it is typed with: with --model or --recipe, it shows their defaults.
    first, own = Parser(add_help=False, allow_abbrev=False), options_of_networks(networks)
    for name, default in (("model", own["model"].default), ("recipe", "default")):
        first.add_argument(flag(name), default=default)
    named = {name: str(value) for name, value in vars(first.parse_known_args(argv)[0]).items()}
    recipes = networks[named["model"]].recipes if named["model"] in networks else {}
    defaults = {name: option.default for name, option in (COMMON | NOT_KEPT).items()}
    defaults |= for_framework(recipes.get(named["recipe"], {}), framework) | named

    groups = {title: dict(options) for title, options in (OF_A_RUN | OF_A_CALL).items()}
    groups |= OF_A_PYTORCH_CALL if framework == "torch" else OF_A_NUMPY_CALL
    names = sorted({name for network in networks.values() for name in network.recipes})
    what, *_ = groups
    groups[what] = {"model": own["model"]} | groups[what] | own
    groups[what]["recipe"] = groups[what]["recipe"]._replace(kind=one_of(*names))

    parser = Parser(description=description, argument_default=argparse.SUPPRESS, allow_abbrev=False)
    for title, options in groups.items():
        group = parser.add_argument_group(title)
        for name, option in options.items():
            default = defaults.get(name)
            if isinstance(default, tuple):
                default = ",".join(map(str, default))
            if option.kind is None:
                group.add_argument(flag(name), help=option.help, action=argparse.BooleanOptionalAction)
            else:
                help = option.help + (f" (default: {default})" if default is not None else "")
                metavar = option.metavar or getattr(option.kind, "metavar", None)
                group.add_argument(flag(name), help=help, type=option.kind, metavar=metavar)
    return parser


def options_of_networks(networks):
    """Which network, and their own options. Where several have one of a name, the first says what may be typed."""
    found = {"model": Option(one_of(*networks), "the network", next(iter(networks)))}
    for model, network in networks.items():
        for name, option in network.options.items():
            others = f"{found[name].help}; " if name in found else ""
            found[name] = found.get(name, option)._replace(help=f"{others}{model}: {option.help}")
    return found


def for_framework(recipe, framework):
    """A recipe's options. Where NumPy and PyTorch differ, the recipe says {"np": ..., "torch": ...}."""
    return {name: value[framework] if isinstance(value, dict) else value for name, value in recipe.items()}


def parse_arguments(networks, framework, description="", argv=None):
    """What the user typed, as a dict; UserError if it makes no sense."""
    typed = vars(make_parser(networks, framework, description, argv).parse_args(argv))
    return checked(typed, options_of_networks(networks))


def checked(values, more):
    """These values by name, each checked by its option's kind. more: options beside those that every run has."""
    options, found = COMMON | NOT_KEPT | more, {}
    for name, value in values.items():
        if name not in options:
            raise UserError(f"{name!r} is no option")
        kind = options[name].kind
        try:
            found[name] = kind(value) if kind else value
        except (Wrong, TypeError) as error:
            raise UserError(f"{flag(name)}: {error}") from None
    return found


def choose(networks, framework, given):
    """All options of a run, as a namespace: those given, and for the rest what the recipe says or is common to all."""
    model, recipe = given.get("model", next(iter(networks))), given.get("recipe", "default")
    network = networks[model]
    if recipe not in network.recipes:
        raise UserError(f"--recipe {recipe}: --model {model} has {', '.join(network.recipes)}")
    for name in given:
        owners = [owner for owner, other in networks.items() if name in other.options]
        if owners and model not in owners:
            raise UserError(f"{flag(name)} is for --model {' or '.join(owners)}")
    options = {name: option.default for name, option in (COMMON | NOT_KEPT).items()}
    options |= {"model": model} | for_framework(network.recipes[recipe], framework)
    if "epochs" in given and "steps" in given:
        raise UserError("--epochs and --steps say the same thing: give one of them")
    if "epochs" in given or "steps" in given:
        options["epochs"] = options["steps"] = None
    options |= given | checked({name: given[name] for name in given if name in network.options}, network.options)
    chosen = SimpleNamespace(**options, network=network, name=network.prefix + framework)
    network.check(chosen)
    return chosen


def restore(networks, framework, kept, path):
    """The options that a checkpoint kept (a dict), as a namespace; UserError if they make no sense here."""
    kept = {"optimizer": "sgd"} | kept  # the files of earlier versions, which had no other
    given = {name: value for name, value in kept.items() if value is not None}
    try:
        if foreign := given.keys() & NOT_KEPT.keys():
            raise UserError(f"{', '.join(sorted(foreign))} is not of a run")
        options = choose(networks, framework, checked(given, options_of_networks(networks)))
        missing = [name for name, value in run_options(options).items() if value is not None and name not in given]
        if missing:
            raise UserError(f"some are missing: {', '.join(missing)}")
    except UserError as error:
        raise UserError(f"{path}: its options make no sense here: {error}") from None
    return options


def resumed(options, typed, path):
    """The options of the run that `path` holds, with those typed that are of this call and not of the run.

    UserError if what was typed contradicts the run.
    """
    for name in typed.keys() - NOT_KEPT.keys():
        if typed[name] != getattr(options, name, None):
            value = getattr(options, name, None)
            has = f"a run with {value}" if value is not None else "which was run without it"
            raise UserError(f"{flag(name)} {typed[name]} contradicts {path}, {has}")
    return SimpleNamespace(**vars(options) | typed)


def run_options(options):
    """The options that belong to the run and not to this call, in a fixed order."""
    return {name: value for name, value in sorted(vars(options).items()) if name not in {*NOT_KEPT, "network", "name"}}


def title(options):
    """What a run is called in its header and pictures."""
    written = "on the tape" if getattr(options, "autograd", False) else "in NumPy"
    return f"{options.network.title(options)} {written if options.name.endswith('np') else 'in PyTorch'}"


def test_set_name(options):
    """What the images are called that the network is tested on."""
    return "held-out" if options.hold_out else "test"
