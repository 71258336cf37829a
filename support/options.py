"""The options of a run: the command line, recipes, and what a resumed run may change.

What a network adds of its own stands in the table of networks (networks.py), which the functions here are given:
{name: Network}.
"""

import argparse
import sys
from types import SimpleNamespace

from support.augment import AUGMENT
from support.download import SOURCES
from support.errors import UserError

# The default of every option that all runs have; None: the recipe says.
OF_A_RUN = {
    "recipe": "default", "dataset": "mnist", "pixels": "standardised", "dtype": "float32", "seed": 0, "epochs": None,
    "steps": None, "batch_size": None, "lr": None, "optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.0,
    "augment": "none", "schedule": "linear", "hold_out": 0,
}  # fmt: skip
# The same of this call's options, which are not the run's: a checkpoint does not keep them.
OF_A_CALL = {
    "out": "learning_curves", "resume": None, "stop_after": None, "autograd": False, "device": "auto", "amp": None,
    "compile": False,
}  # fmt: skip


class Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong, and takes no abbreviations."""

    def __init__(self, **more):
        super().__init__(**more, allow_abbrev=False)

    def error(self, message):
        raise UserError(f"{message} (-h explains the options)")

    def parse_known_args(self, args=None, namespace=None):
        for word in sys.argv[1:] if args is None else args:
            if word.startswith("-") and word.endswith("=--"):  # before Python 3.13, argparse loses the --
                self.error(f"{word}: -- is not a value")
        return super().parse_known_args(args, namespace)


def number(low, high, kind=float, what="a number"):
    """The type, for argparse, of numbers from low to high."""

    def parse(word):
        try:
            value = kind(word)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{word!r} is not {what}") from None
        if not low <= value <= high:  # NaN fails this too
            raise argparse.ArgumentTypeError(f"{word} is not in the range {low:,} to {high:,}")
        return value

    return parse


def integer(low, high):
    return number(low, high, int, "a whole number")


def integers(low, high, most):
    """The type of at most so many whole numbers with commas between them, as a tuple."""

    def parse(words):
        if words.count(",") >= most:
            raise argparse.ArgumentTypeError(f"there are more than {most}")
        return tuple(map(integer(low, high), words.split(",")))

    return parse


def flag(name):
    return "--" + name.replace("_", "-")


def as_typed(value):
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


# --- The command line -------------------------------------------------------------------------------------------------


def run_parser(networks, model, description=""):
    """The parser of the options that belong to a run of this model. What is not typed is not in its result."""
    style = argparse.ArgumentDefaultsHelpFormatter
    parser = Parser(description=description, argument_default=argparse.SUPPRESS, formatter_class=style)
    add = parser.add_argument_group("what to train").add_argument
    add("--model", choices=[*networks], help="the network")
    recipes = sorted({name for network in networks.values() for name in network.recipes})
    add("--recipe", choices=recipes, help="a named set of options; others that are given override it")
    add("--dataset", choices=[*SOURCES], help="what to learn")
    pixels = "what the network sees: standardised (mean 0, deviation 1), unit (0 to 1) or raw (0 to 255)"
    add("--pixels", choices=["standardised", "unit", "raw"], help=pixels)
    add("--dtype", choices=["float32", "float64"], help="the numbers to compute with")
    add("--seed", type=integer(0, 2**64 - 1), help="decides the first weights and the order of the examples")
    for name in dict.fromkeys(name for network in networks.values() for name in network.options):
        owners = {owner: network.options[name] for owner, network in networks.items() if name in network.options}
        how = owners.get(model) or next(iter(owners.values()))
        help = "; ".join(f"{owner}: {option['help']}" for owner, option in owners.items())
        add(flag(name), **how | {"help": help, "default": argparse.SUPPRESS})

    add = parser.add_argument_group("how to train").add_argument
    add("--epochs", type=integer(1, 100_000), help="how many times to go through the training images")
    add("--steps", type=integer(1, 10_000_000), help="or: how many batches to learn from")
    most = max(source.examples for source in SOURCES.values())
    add("--batch-size", type=integer(1, most), metavar="B", help="images in a batch")
    add("--lr", type=number(1e-30, 1e30), help="learning rate, at its highest")
    optimizer = "sgd: gradient descent with momentum; adamw: a step length for each parameter"
    add("--optimizer", choices=["sgd", "adamw"], help=optimizer)
    momentum = "how much of the last step goes into the next (adamw: beta1)"
    add("--momentum", type=number(0, 0.9999), help=momentum)
    add("--weight-decay", type=number(0, 1), help="how much every weight shrinks, in units of the step")
    augment = (
        "what happens to the training images: none, shift (by up to 2 pixels), affine (turned, scaled, slanted too), "
        "elastic (bent too), gentle (bent less, moved more)"
    )
    add("--augment", choices=[*AUGMENT], help=augment)
    schedule = "linear: the learning rate rises for a tenth of the steps, then falls to 0; or constant"
    add("--schedule", choices=["linear", "constant"], help=schedule)
    hold_out = "keep the last N training images for testing, to choose options without looking at the test set"
    add("--hold-out", type=integer(0, 30_000), metavar="N", help=hold_out)
    return parser


def make_parser(networks, model, framework, description=""):
    """The parser of a main program. framework: "np" or "torch"."""
    parser, switch = run_parser(networks, model, description), argparse.BooleanOptionalAction
    add = parser.add_argument_group("where it goes").add_argument
    add("--out", metavar="DIR", help="the folder for curves, history and checkpoint")
    add("--resume", metavar="FILE", help="continue the run in a checkpoint, with its options")
    stop_after = "stop after N epochs of the run; --resume continues it"
    add("--stop-after", type=integer(1, 100_000), metavar="N", help=stop_after)
    if framework == "np":
        add = parser.add_argument_group("who finds the derivatives").add_argument
        add("--autograd", action=switch, help="the tape of autograd_np.py (default: no, they are written by hand)")
    else:
        add = parser.add_argument_group("what only PyTorch can do").add_argument
        device = "where to compute: auto takes cuda, then mps, then cpu"
        add("--device", choices=["auto", "cpu", "cuda", "mps"], help=device)
        add("--amp", action=switch, help="multiply in bfloat16 (default: on cuda, where the network gains by it)")
        compile = "let torch.compile fuse the operations (default: no; it pays in long runs)"
        add("--compile", action=switch, help=compile)
    return parser


def parse_arguments(networks, framework, description="", argv=None):
    """What the user typed, as a dict; UserError if it makes no sense."""
    first = Parser(add_help=False)
    first.add_argument("-h", "--help", action="store_true")
    first.add_argument("--model", default=next(iter(networks)))
    first.add_argument("--recipe", default="default")
    typed, _ = first.parse_known_args(argv)
    parser = make_parser(networks, typed.model, framework, description)
    if typed.help and typed.model in networks:  # it explains the run that it is typed with
        shown = defaults(networks[typed.model], typed.recipe, framework)
        shown |= {"model": typed.model, "recipe": typed.recipe}
        parser.set_defaults(**{name: as_typed(v) for name, v in shown.items() if not isinstance(v, (bool, type(None)))})
    return vars(parser.parse_args(argv))


# --- From words to options --------------------------------------------------------------------------------------------


def defaults(network, recipe, framework):
    """The options of a network's run with that recipe in which nothing is typed, as a dict."""
    own = {name: option.get("default") for name, option in network.options.items()}
    # Where NumPy and PyTorch differ, the recipe says {"np": ..., "torch": ...}.
    values = network.recipes.get(recipe, {}).items()
    of_recipe = {name: value[framework] if isinstance(value, dict) else value for name, value in values}
    return OF_A_CALL | OF_A_RUN | own | of_recipe


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
    options = defaults(network, recipe, framework)
    if "epochs" in given and "steps" in given:
        raise UserError("--epochs and --steps say the same thing: give one of them")
    if "epochs" in given or "steps" in given:
        options["epochs"] = options["steps"] = None
    chosen = SimpleNamespace(**options | {"model": model} | given, network=network, name=network.prefix + framework)
    network.check(chosen)
    return chosen


def restore(networks, framework, kept, path):
    """The options that a checkpoint kept (a dict), as a namespace; UserError if they make no sense here.

    They take the way of all options, through the parser. One that the file does not have, because it is older than the
    option, is its default.
    """
    known = OF_A_RUN.keys() | {"model"}.union(*(network.options for network in networks.values()))
    given = {name: value for name, value in kept.items() if value is not None}
    try:
        if unknown := sorted(given.keys() - known):
            raise UserError(f"unknown option {unknown[0]!r}")
        parser = run_parser(networks, as_typed(given.get("model")))
        words = [f"{flag(name)}={as_typed(value)}" for name, value in given.items()]
        return choose(networks, framework, vars(parser.parse_args(words)))
    except UserError as error:
        raise UserError(f"{path}: its options make no sense here: {error}") from None


def resumed(options, typed, path):
    """The options of the run that `path` holds, with those typed that are of this call and not of the run.

    UserError if what was typed contradicts the run.
    """
    for name in typed.keys() - OF_A_CALL.keys():
        value = getattr(options, name, None)
        if typed[name] != value:
            has = f"a run with {value}" if value is not None else "which did not use it"
            raise UserError(f"{flag(name)} {typed[name]} contradicts {path}, {has}")
    return SimpleNamespace(**vars(options) | typed)


def run_options(options):
    """The options that belong to the run and not to this call, in a fixed order."""
    return {name: value for name, value in sorted(vars(options).items()) if name not in {*OF_A_CALL, "network", "name"}}


def title(options):
    """What a run is called in its header and pictures."""
    written = "on the tape" if options.autograd else "in NumPy"
    return f"{options.network.title(options)} {written if options.name.endswith('np') else 'in PyTorch'}"


def test_set_name(options):
    """What the images are called that the network is tested on."""
    return "held-out" if options.hold_out else "test"
