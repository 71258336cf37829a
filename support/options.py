"""The options that every run has, as tables, and a parser whose error messages are a single line.

The options of each network are in networks.py. loading/options.py combines all of them into one command line.
"""

import argparse
import re
import sys
from dataclasses import dataclass, replace

from support.augment import AUGMENT
from support.errors import UserError

# {old name: new name} of renamed options. The old names still work on the command line and in old checkpoints.
OLD_NAMES = {"places": "context_length", "keys": "kv_heads", "top": "top_k"}


def update_names(options):
    """Return a dict of options {name: value} with old names replaced by the new ones in OLD_NAMES."""
    return {OLD_NAMES.get(name, name): value for name, value in options.items()}


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UserError, with one line, for a wrong option, and accepts no abbreviations."""

    def __init__(self, **more):
        super().__init__(**more, allow_abbrev=False)

    def parse_known_args(self, args=None, namespace=None):
        """Parse as argparse does, but accept old names of options, and raise UserError for `--option=--`.

        Before Python 3.13, argparse turns that -- into an empty list.
        """
        args = sys.argv[1:] if args is None else [*args]
        empty = [word for word in args if re.fullmatch("--[a-z-]+=--", word)]
        if empty:
            self.error(f"{empty[0]}: -- is not a value")
        return super().parse_known_args([self.replace_old_flag(word) for word in args], namespace)

    def replace_old_flag(self, word):
        """Return a command-line word with an option's old name replaced: "--context-length=9" for "--places=9"."""
        name, equals, value = word.partition("=")
        for old, new in OLD_NAMES.items():
            if name == flag(old) and flag(new) in self._option_string_actions:
                return f"{flag(new)}{equals}{value}"
        return word

    def error(self, message):
        """Raise UserError with the message, where argparse would exit."""
        raise UserError(f"{message} (-h explains the options)")


def number(low, high, kind=float):
    """Return a `type` function for argparse that accepts numbers from low to high. kind: float or int."""

    def parse(word):
        try:
            value = kind(word)
        except ValueError:
            type_name = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{word!r} is not {type_name}") from None
        if not low <= value <= high:  # NaN fails this too
            raise argparse.ArgumentTypeError(f"{word} is not in the range {low:,} to {high:,}")
        return value

    return parse


def integer(low, high):
    return number(low, high, int)


def integers(low, high):
    """Return a `type` function for argparse that reads "1,2,3" as a tuple of whole numbers from low to high."""
    return lambda words: tuple(map(integer(low, high), words.split(",")))


def option(help, default=None, **how):
    """Return a dict of keyword arguments for argparse's add_argument. how: all but `help` and `default`."""
    return how | {"help": help, "default": default}


# --- The tables: {option: option(...)}. A recipe's values come before the defaults here. ------------------------------


def define_run_options(datasets=()):
    return {
        "dataset": option(
            f"the data: {', '.join(datasets)}; or your own: a folder with MNIST's four files, or with "
            "train/CLASS/*.png (and test/CLASS/*.png), or a text in UTF-8", "mnist", metavar="NAME|PATH",
        ),
        "ink": option("light digits on dark, as in MNIST, or dark digits on light", "light", choices=["light", "dark"]),
        "pixels": option(
            "how to scale the pixels: standardised (mean 0, deviation 1), unit (0 to 1) or raw (0 to 255)",
            "standardised", choices=["standardised", "unit", "raw"],
        ),
        "dtype": option("the type of the numbers", "float32", choices=["float32", "float64"]),
        "seed": option("the seed of the first weights and of the order of the examples", 0, type=integer(0, 2**64 - 1)),
        "parts": option(
            "the number of parts of a batch, which as many threads can share; the last bits depend on it (PyTorch "
            "divides the work in its own way)", 2, type=integer(1, 64), metavar="N"
        ),
    }  # fmt: skip


def define_training_options(optimizers):
    return {
        "epochs": option("how many times to go through the training images", type=integer(1, 100_000)),
        "steps": option("in place of --epochs: the number of batches to learn from", type=integer(1, 10_000_000)),
        "batch_size": option("images in a batch", type=integer(1, 1_000_000), metavar="B"),
        "lr": option("learning rate, at its highest", type=number(1e-30, 1e30)),
        "optimizer": option(
            "; ".join(f"{name}: {optimizer.description}" for name, optimizer in optimizers.items()),
            "sgd", choices=[*optimizers],
        ),
        "momentum": option(
            "the fraction of the last step that goes into the next (adamw: beta1)", 0.9, type=number(0, 0.9999)
        ),
        "weight_decay": option(
            "every step shrinks the weights by this fraction, times the learning rate (sgd: it is a part of the "
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
            "test on the last N training images, to choose options without looking at the test set",
            0, type=integer(0, 10_000_000), metavar="N",
        ),
    }  # fmt: skip


# Options of networks that can start from a published model's file (`gguf` in networks.py).
BASE_MODEL_OPTIONS = {
    "start": option(
        "fine-tune the published model in this GGUF file with a text: its weights stay as they are, and thin matrices "
        "beside them learn (LoRA); the file decides all sizes", metavar="FILE"
    ),
    "lora": option("with --start: the rank of the thin matrices", type=integer(1, 1024), metavar="R"),
}  # fmt: skip


def defaults():
    """Return {option: default} of all options that do not belong to one network. A recipe's values override them."""
    return {
        name: settings["default"] for name, settings in (define_run_options() | define_training_options({})).items()
    }


# A checkpoint does not store these options: they belong to one call of the program, not to the run.
CHECK_OPTIONS = {
    "prove": option(
        "check this run: take a few steps in float64, compare all arrays with independent sources, say which agree "
        "and which is wrong, and write nothing", False, action="store_true",
    ),
}  # fmt: skip
OUTPUT_OPTIONS = {
    "out": option(
        "the folder for curves, history and checkpoint (default for --resume: that of the checkpoint)",
        "learning_curves", metavar="DIR"
    ),
    "resume": option(
        "continue the run in a checkpoint, with its options; Ctrl-C and SIGTERM finish the current step and save a "
        "checkpoint, and a second signal ends the run at once", metavar="FILE"
    ),
    "stop_after": option(
        "stop after N epochs of the run; --resume continues it", type=integer(1, 100_000), metavar="N"
    ),
}  # fmt: skip
SWITCH = argparse.BooleanOptionalAction
NUMPY_OPTIONS = {"autograd": option("let the tape of autograd_np.py find the derivatives", False, action=SWITCH)}
PYTORCH_OPTIONS = {
    "device": option(
        "where to compute: auto takes cuda, then mps, then cpu", "auto", choices=["auto", "cpu", "cuda", "mps"]
    ),
    "amp": option("multiply in bfloat16 (default: on cuda, if it makes the network faster)", action=SWITCH),
    "compile": option("let torch.compile fuse the operations; worthwhile for long runs", False, action=SWITCH),
}
CALL_OPTIONS = CHECK_OPTIONS | OUTPUT_OPTIONS | NUMPY_OPTIONS | PYTORCH_OPTIONS


# --- What is asked of them --------------------------------------------------------------------------------------------


def flag(name):
    return "--" + name.replace("_", "-")


def format_value(value):
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


@dataclass
class Options:
    """All options of a run, and the objects that they name: the network, the optimizer, the data, the base model."""

    run: argparse.Namespace  # the options that belong to the run, which a checkpoint stores: plain data
    call: argparse.Namespace  # the options of this call of the program, those in CALL_OPTIONS
    network: object  # the entry in NETWORKS
    optimizer: object  # the entry in OPTIMIZERS
    source: object  # a `support.source.Source`
    base_model: object  # the `BaseModel` that --start names, or None
    framework: str  # "np" or "torch"
    name: str  # the end of the names of the run's files


def select_options_to_save(options):
    """Return the options that a checkpoint stores, as a dict in sorted order."""
    fixed_options = options.base_model.decides if options.base_model else {}  # the base model's file has them
    return {name: value for name, value in sorted(vars(options.run).items()) if name not in fixed_options}


def with_changes(options, **values):
    """Return a copy of `options` in which the options named by `values`, of the run or of the call, have new values."""
    call = {name: value for name, value in values.items() if name in CALL_OPTIONS}
    run = {name: value for name, value in values.items() if name not in CALL_OPTIONS}
    return replace(
        options,
        run=argparse.Namespace(**vars(options.run) | run),
        call=argparse.Namespace(**vars(options.call) | call),
    )


def make_run_title(options):
    """Return a run's title for its header and pictures: its network and implementation, such as "... in NumPy"."""
    implementation = "in PyTorch"
    if options.framework == "np":
        implementation = "on the tape" if options.call.autograd else "in NumPy"
    return f"{options.network.title(options.run)} {implementation}"


def test_set_name(options):
    """Return what the examples that the network is tested on are called: "test" or "held-out"."""
    return "held-out" if options.run.hold_out else "test"
