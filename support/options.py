"""The options of a run: the command line, recipes, and what a resumed run may change.

What a network adds of its own stands in the table of networks (networks.py), which the functions here are given,
{name: Entry}, and with it that of the datasets (data.py), {name: Source}.
"""

import argparse
from types import SimpleNamespace

from support.augment import AUGMENT
from support.errors import UserError

# The options that are of this call and not of the run, and their defaults: a checkpoint does not keep them.
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
        known, rest = super().parse_known_args(args, namespace)
        if [] in vars(known).values():  # before Python 3.13, argparse makes this of --out=--
            self.error("-- is not a value")
        return known, rest


def number(low, high, kind=float):
    """The type, for argparse, of numbers from low to high."""

    def parse(word):
        try:
            value = kind(word)
        except ValueError:
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{word!r} is not {what}") from None
        if not low <= value <= high:  # NaN fails this too
            raise argparse.ArgumentTypeError(f"{word} is not in the range {low:,} to {high:,}")
        return value

    return parse


def integer(low, high):
    return number(low, high, int)


def integers(low, high):
    """The type of whole numbers with commas between them, as a tuple."""
    return lambda words: tuple(map(integer(low, high), words.split(",")))


def flag(name):
    return "--" + name.replace("_", "-")


def as_typed(value):
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


# --- The command line -------------------------------------------------------------------------------------------------


def parse(networks, datasets, framework, argv=None, description=""):
    """All options of a run, as a namespace, and those that were typed, as a dict; UserError if they make no sense.

    What is not typed is what the recipe says, or else what is common to all. framework: "np" or "torch".
    """
    first = Parser(add_help=False)
    first.add_argument("--model", default=next(iter(networks)))
    first.add_argument("--recipe", default="default")
    asked, _ = first.parse_known_args(argv)
    network = networks.get(asked.model) or next(iter(networks.values()))
    # Where NumPy and PyTorch differ, the recipe says {"np": ..., "torch": ...}.
    recipe = network.recipes.get(asked.recipe, {}).items()
    values = vars(asked) | {name: value[framework] if isinstance(value, dict) else value for name, value in recipe}
    parser, options = make_parser(networks, datasets, framework, network, values, description)
    typed = vars(parser.parse_args(argv))
    if "epochs" in typed or "steps" in typed:
        options |= {"epochs": None, "steps": None}
    chosen = SimpleNamespace(**options | typed, network=network, name=network.prefix + framework)
    if chosen.resume is None:  # otherwise, the run is another
        for name in typed.keys() - options.keys():
            owners = [owner for owner, other in networks.items() if name in other.options]
            raise UserError(f"{flag(name)} is for --model {' or '.join(owners)}")
        network.check(chosen)
    return chosen, typed


def make_parser(networks, datasets, framework, network, values, description):
    """The parser of a main program, whose result is what was typed, and the default of every option, as a dict.

    values: the defaults that a recipe says.
    """
    parser, switch = Parser(description=description, argument_default=argparse.SUPPRESS), argparse.BooleanOptionalAction
    defaults = dict(OF_A_CALL)

    def add(group, name, help, default=None, **how):
        defaults[name] = default = values.get(name, defaults.get(name, default))
        if not isinstance(default, (bool, type(None))):
            help += f" (default: {as_typed(default)})"
        group.add_argument(flag(name), help=help, **how)

    group = parser.add_argument_group("what to train")
    add(group, "model", "the network", choices=[*networks])
    add(group, "recipe", "a named set of options; others that are given override it", choices=[*network.recipes])
    add(group, "dataset", "what to learn", "mnist", choices=[*datasets])
    pixels = "what the network sees: standardised (mean 0, deviation 1), unit (0 to 1) or raw (0 to 255)"
    add(group, "pixels", pixels, "standardised", choices=["standardised", "unit", "raw"])
    add(group, "dtype", "the numbers to compute with", "float32", choices=["float32", "float64"])
    add(group, "seed", "decides the first weights and the order of the examples", 0, type=integer(0, 2**64 - 1))
    for name in dict.fromkeys(name for other in networks.values() for name in other.options):
        owners = {owner: other.options[name] for owner, other in networks.items() if name in other.options}
        how = network.options.get(name) or next(iter(owners.values()))
        add(group, name, **how | {"help": "; ".join(f"{owner}: {option['help']}" for owner, option in owners.items())})
        if name not in network.options:
            del defaults[name]

    group = parser.add_argument_group("how to train")
    either = group.add_mutually_exclusive_group()
    add(either, "epochs", "how many times to go through the training images", type=integer(1, 100_000))
    add(either, "steps", "or: how many batches to learn from", type=integer(1, 10_000_000))
    most = max(source.examples for source in datasets.values())
    add(group, "batch_size", "images in a batch", type=integer(1, most), metavar="B")
    add(group, "lr", "learning rate, at its highest", type=number(1e-30, 1e30))
    optimizer = "sgd: gradient descent with momentum; adamw: a step length for each parameter"
    add(group, "optimizer", optimizer, "sgd", choices=["sgd", "adamw"])
    momentum = "how much of the last step goes into the next (adamw: beta1)"
    add(group, "momentum", momentum, 0.9, type=number(0, 0.9999))
    add(group, "weight_decay", "how much every weight shrinks, in units of the step", 0.0, type=number(0, 1))
    augment = (
        "what happens to the training images: none, shift (by up to 2 pixels), affine (turned, scaled, slanted too), "
        "elastic (bent too), gentle (bent less, moved more)"
    )
    add(group, "augment", augment, "none", choices=[*AUGMENT])
    schedule = "linear: the learning rate rises for a tenth of the steps, then falls to 0; or constant"
    add(group, "schedule", schedule, "linear", choices=["linear", "constant"])
    hold_out = "keep the last N training images for testing, to choose options without looking at the test set"
    add(group, "hold_out", hold_out, 0, type=integer(0, 30_000), metavar="N")

    group = parser.add_argument_group("where it goes")
    add(group, "out", "the folder for curves, history and checkpoint", metavar="DIR")
    add(group, "resume", "continue the run in a checkpoint, with its options", metavar="FILE")
    stop_after = "stop after N epochs of the run; --resume continues it"
    add(group, "stop_after", stop_after, type=integer(1, 100_000), metavar="N")
    if framework == "np":
        group = parser.add_argument_group("who finds the derivatives")
        add(group, "autograd", "the tape of autograd_np.py (default: no, they are written by hand)", action=switch)
    else:
        group = parser.add_argument_group("what only PyTorch can do")
        device = "where to compute: auto takes cuda, then mps, then cpu"
        add(group, "device", device, choices=["auto", "cpu", "cuda", "mps"])
        amp = "multiply in bfloat16 (default: on cuda, where the network gains by it)"
        add(group, "amp", amp, action=switch)
        compile = "let torch.compile fuse the operations (default: no; it pays in long runs)"
        add(group, "compile", compile, action=switch)
    return parser, defaults


# --- A run that continues ---------------------------------------------------------------------------------------------


def restore(networks, datasets, framework, kept, path):
    """The options that a checkpoint kept (a dict), as a namespace; UserError if they make no sense here.

    They take the way of all options, through the parser. One that the file does not have, because it is older than the
    option, is its default.
    """
    given = {name: value for name, value in kept.items() if value is not None}
    try:
        typed = [f"{flag(name)}={as_typed(value)}" for name, value in given.items()]
        options, _ = parse(networks, datasets, framework, typed)
        if unknown := sorted(given.keys() - run_options(options).keys()):
            raise UserError(f"unknown option {unknown[0]!r}")
        return options
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
