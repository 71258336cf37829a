"""The options of a run: the command line, recipes, and what a resumed run may change.

Three tables are elsewhere, and are passed to the functions here: the networks (networks.py), each with its own options,
the optimizers (there too) and the datasets (data.py).
"""

import argparse
import re
import sys
from pathlib import Path

from support.augment import AUGMENT
from support.checkpoint import check_names
from support.errors import UserError


class Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong, and takes no abbreviations."""

    def __init__(self, **more):
        super().__init__(**more, allow_abbrev=False)

    def parse_known_args(self, args=None, namespace=None):
        """As in argparse, which before Python 3.13 makes an empty list of the -- in `--option=--`."""
        args = sys.argv[1:] if args is None else [*args]
        if empty := [word for word in args if re.fullmatch("--[a-z-]+=--", word)]:
            self.error(f"{empty[0]}: -- is no value")
        return super().parse_known_args(args, namespace)

    def error(self, message):
        raise UserError(f"{message} (-h explains the options)")


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


def option(help, default=None, **how):
    """The arguments of argparse's add_argument."""
    return how | {"help": help, "default": default}


# --- The tables: {option: option(...)}. A recipe's values come before the defaults here. ------------------------------


def what_to_train(datasets=()):
    return {
        "dataset": option(
            f"what to learn: {', '.join(datasets)}; or yours: a folder with MNIST's four files, or with "
            "train/CLASS/*.png (and test/CLASS/*.png), or a text in UTF-8", "mnist", metavar="NAME|PATH",
        ),
        "ink": option("what images show is light, as in MNIST, or dark", "light", choices=["light", "dark"]),
        "pixels": option(
            "what the network sees: standardised (mean 0, deviation 1), unit (0 to 1) or raw (0 to 255)",
            "standardised", choices=["standardised", "unit", "raw"],
        ),
        "dtype": option("the numbers to compute with", "float32", choices=["float32", "float64"]),
        "seed": option("decides the first weights and the order of the examples", 0, type=integer(0, 2**64 - 1)),
        "parts": option(
            "into how many parts a batch is cut, which as many threads can share; the last bits depend on it (PyTorch "
            "shares the work in its own way)", 2, type=integer(1, 64), metavar="N"
        ),
    }  # fmt: skip


def how_to_train(optimizers):
    return {
        "epochs": option("how many times to go through the training images", type=integer(1, 100_000)),
        "steps": option("in place of --epochs: how many batches to learn from", type=integer(1, 10_000_000)),
        "batch_size": option("images in a batch", type=integer(1, 1_000_000), metavar="B"),
        "lr": option("learning rate, at its highest", type=number(1e-30, 1e30)),
        "optimizer": option(
            "; ".join(f"{name}: {rule.what}" for name, rule in optimizers.items()),
            "sgd", choices=[*optimizers],
        ),
        "momentum": option(
            "how much of the last step goes into the next (adamw: beta1)", 0.9, type=number(0, 0.9999)
        ),
        "weight_decay": option(
            "every step shrinks the weights by this share of them, times the learning rate (sgd: it is a part of the "
            "gradient, so momentum adds to it)", 0.0, type=number(0, 1)
        ),
        "augment": option(
            "what happens to the training images: none, shift (by up to 2 pixels), affine (turned, scaled, slanted "
            "too), elastic (bent too), gentle (bent less, moved more)", "none", choices=[*AUGMENT],
        ),
        "schedule": option(
            "linear: the learning rate rises for a tenth of the steps, then falls to 0; or constant",
            "linear", choices=["linear", "constant"],
        ),
        "hold_out": option(
            "keep the last N training images for testing, to choose options without looking at the test set",
            0, type=integer(0, 10_000_000), metavar="N",
        ),
    }  # fmt: skip


# Of a network that may begin with what a file holds (see networks.py).
WHAT_IT_KNOWS = {
    "start": option(
        "the GGUF file of a model that people use: its weights stay as they are, and thin matrices beside them learn a "
        "text; the file decides all sizes", metavar="FILE"
    ),
    "lora": option("with --start: of each thin matrix, how many columns or rows", type=integer(1, 1024), metavar="R"),
}  # fmt: skip


def defaults():
    """{option: its default} of all that are not a network's own; a recipe's values come before them."""
    return {name: how["default"] for name, how in (what_to_train() | how_to_train({})).items()}


# A checkpoint does not keep these: they belong to a call of the program, and not to the run.
WHETHER_IT_IS_RIGHT = {
    "prove": option(
        "take a few steps of this run in float64 beside everything that knows better, compare all arrays, say what "
        "holds and who is wrong, and write nothing", False, action="store_true",
    ),
}  # fmt: skip
WHERE_IT_GOES = {
    "out": option(
        "the folder for curves, history and checkpoint; of a run that goes on, that of its checkpoint",
        "learning_curves", metavar="DIR"
    ),
    "resume": option(
        "continue the run in a checkpoint, with its options; Ctrl-C and SIGTERM leave one when the step under way is "
        "done, and a second signal ends the run at once", metavar="FILE"
    ),
    "stop_after": option(
        "stop after N epochs of the run; --resume continues it", type=integer(1, 100_000), metavar="N"
    ),
}  # fmt: skip
SWITCH = argparse.BooleanOptionalAction
OF_NUMPY = {"autograd": option("let the tape of autograd_np.py find the derivatives", False, action=SWITCH)}
OF_PYTORCH = {
    "device": option(
        "where to compute: auto takes cuda, then mps, then cpu", "auto", choices=["auto", "cpu", "cuda", "mps"]
    ),
    "amp": option("multiply in bfloat16 (default: on cuda, where the network gains by it)", action=SWITCH),
    "compile": option("let torch.compile fuse the operations; it pays in long runs", False, action=SWITCH),
}
OF_A_CALL = WHETHER_IT_IS_RIGHT | WHERE_IT_GOES | OF_NUMPY | OF_PYTORCH


# --- The command line -------------------------------------------------------------------------------------------------


def parse(networks, optimizers, datasets, framework, argv=None, description="", kept=None, facts=None, begun=None):
    """All options of a run, as a namespace; UserError if they make no sense.

    What is not typed is what `kept` says, the options of a run that continues; or else the recipe; or else the tables.
    framework: "np" or "torch". facts: what a checkpoint knows of its data. begun: the networks.Begun of --start, if it
    is given: it has a recipe, and decides some of the options. Beside the options, the namespace has `network` and
    `rule`, the entries in `networks` and `optimizers`; `source`, that of `datasets` with these facts; `begun`; and
    `name`, with which the names of the run's files end.
    """
    kept = kept or {}
    model = option("the network; `--model NAME -h` explains the options of each", choices=[*networks])
    first = Parser(add_help=False)  # those that decide about the others
    first.add_argument("--model", **model | {"default": kept.get("model", next(iter(networks)))})
    first.add_argument("--recipe", default=kept.get("recipe"))
    first.add_argument("--dataset")
    first.add_argument("--resume")
    asked, _ = first.parse_known_args(argv)
    network = networks[asked.model]
    if begun and asked.recipe:
        raise UserError(f"--recipe {asked.recipe} is for a network that begins anew, and --start has one of its own")
    if not begun:
        asked.recipe = asked.recipe or recipe_for(asked.dataset and datasets[asked.dataset].of, network)
    recipe = {
        name: value[framework] if isinstance(value, dict) else value  # where NumPy and PyTorch differ
        for name, value in (network.recipes.get(asked.recipe, {}) | (begun.recipe if begun else {})).items()
    }
    named = f"a named set of options; others that are given override it{network.about_recipes}"
    groups = {
        "what to train": {"model": model, "recipe": option(named, choices=[*network.recipes])}
        | network.options
        | (WHAT_IT_KNOWS if network.in_file else {})
        | what_to_train(datasets),
        "how to train": how_to_train(optimizers),
        "whether it is right": WHETHER_IT_IS_RIGHT,
        "where it goes": WHERE_IT_GOES,
    }
    groups |= {"who finds the derivatives": OF_NUMPY} if framework == "np" else {"what only PyTorch can do": OF_PYTORCH}

    first_of_all = {"model": asked.model, "recipe": asked.recipe}
    if asked.resume:  # a run goes on where it is
        first_of_all["out"] = str(Path(asked.resume).parent)
    decided = begun.decides if begun else {}
    parser, defaults = Parser(description=description), {name: how["default"] for name, how in OF_A_CALL.items()}
    for heading, table in groups.items():
        group = parser.add_argument_group(heading)
        for name, how in table.items():
            defaults[name] = default = (first_of_all | recipe | kept | decided).get(name, how.get("default"))
            shown = "" if isinstance(default, (bool, type(None))) else f" (default: {as_typed(default)})"
            group.add_argument(flag(name), **how | {"help": how["help"] + shown.replace("%", "%%")})
    length = {name: defaults[name] for name in ("epochs", "steps")}
    parser.set_defaults(**defaults | {"epochs": None, "steps": None})
    options = parser.parse_args(argv)
    if options.epochs and options.steps:
        parser.error("--epochs and --steps exclude each other")
    if not (options.epochs or options.steps):
        vars(options).update(length)
    for name in sorted(kept, key=lambda name: name != "model"):  # the model first: it decides which others there are
        typed, moved = getattr(options, name, None), {"dataset": facts, "start": begun}
        if typed not in (None, kept[name]) and not moved.get(name):  # a file may have been
            has = "which did not use it" if kept[name] is None else f"a run with {as_typed(kept[name])}"
            raise UserError(f"{flag(name)} {as_typed(typed)} contradicts {options.resume}, {has}")
    for name, value in decided.items():
        if getattr(options, name) != value:
            typed = f"{flag(name)} {as_typed(getattr(options, name))}"
            raise UserError(f"{typed} contradicts {options.start}, which has {value}: the file decides that")
    options.network, options.rule, options.begun = network, optimizers[options.optimizer], begun
    check_names(options.rule.remembers)
    read_as = {name: value for name, value in vars(options).items() if name in ("ink", "places") and value}
    if begun:
        read_as |= {"words": begun.words, "cut_by": begun.sha256}
    options.source = datasets[options.dataset].told(**(facts or {}) | read_as)
    first = options.model == next(iter(networks))  # whose files have no name in front
    prefix = "lora_" if begun else options.source.prefix
    options.name = ("" if first else f"{options.model}_") + prefix + framework
    check_source(options, networks)
    made_for = datasets[recipe["dataset"]].of if "dataset" in recipe else options.source.of
    if made_for != options.source.of:
        raise UserError(f"--recipe {asked.recipe} is for {made_for}, and --dataset {options.dataset} is none of them")
    network.check(options, options.batch_size)
    return options


def recipe_for(kind, network):
    """The recipe that a network takes if none is asked for: the one that is called after this kind of data ("names",
    "texts"), or the default."""
    return kind if kind in network.recipes else "default"


def check_source(options, networks):
    """UserError if the network does not learn from such examples."""
    of, network = options.source.of, options.network
    if options.begun and of != "texts":
        raise UserError(f"--start {options.start} learns a text, and --dataset {options.dataset} has {of}")
    if options.ink != "light" and of != "images":
        raise UserError(
            f"--ink {options.ink} does not apply: it is of images, and --dataset {options.dataset} has {of}"
        )
    if of not in network.learns:
        others = " or ".join(f"--model {name}" for name, other in networks.items() if of in other.learns)
        what = f"--dataset {options.dataset} has {of}, and --model {options.model} learns from"
        raise UserError(f"{what} {' or '.join(network.learns)}: take {others}")


def flag(name):
    return "--" + name.replace("_", "-")


def as_typed(value):
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


# --- A run that continues ---------------------------------------------------------------------------------------------


def asked(name, argv=None, default=None):
    """What is typed for that option alone, a word; the default if it is not."""
    parser = Parser(add_help=False)
    parser.add_argument(flag(name), default=default)
    return getattr(parser.parse_known_args(argv)[0], name)


def restore(networks, optimizers, datasets, framework, kept, path, facts=None, begun=None):
    """The options that a checkpoint kept (a dict), as a namespace; UserError if they make no sense here.

    They go through the parser, as all options do. One that the file does not have, because it is older than the
    option, is its default.
    """
    given = {name: value for name, value in kept.items() if value is not None and name != "data"}
    try:
        typed = [f"{flag(name)}={as_typed(value)}" for name, value in given.items()]
        options = parse(networks, optimizers, datasets, framework, typed, facts=facts, begun=begun)
        if unknown := sorted(given.keys() - run_options(options).keys()):
            raise UserError(f"unknown option {unknown[0]!r}")
        return options
    except UserError as error:
        raise UserError(f"{path}: its options make no sense here: {error}") from None


def run_options(options):
    """The options that belong to the run and not to a call of the program, as a dict in a fixed order."""
    others = {*OF_A_CALL, "network", "rule", "source", "name", "begun"}
    others |= options.begun.decides.keys() if options.begun else {*()}  # which its file says again
    return {name: value for name, value in sorted(vars(options).items()) if name not in others}


def changed(options, **values):
    """The same options, but for these."""
    return argparse.Namespace(**vars(options) | values)


def title(options):
    """What a run is called in its header and pictures."""
    written = "on the tape" if options.autograd else "in NumPy"
    return f"{options.network.title(options)} {written if options.name.endswith('np') else 'in PyTorch'}"


def test_set_name(options):
    """What the images are called that the network is tested on."""
    return "held-out" if options.hold_out else "test"
