"""What both training programs share: options, recipes, learning rate, history, checkpoint, and how a run ends.

Nothing here knows a network or a framework; arrays come in and go out as NumPy's.
"""

import argparse
import json
import math
import os
import platform
import signal
import sys
import zipfile
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

import data

# --- Options ---------------------------------------------------------------------------------------------------

COMMON = {
    "recipe": "default",
    "schedule": "linear",
    "seed": 0,
    "dtype": "float32",
    "dataset": "mnist",
    "hold_out": 0,
    "out": "learning_curves",
    "stop_after": None,
}
# What George Hotz's notebook and the repository np_nn have in common; `init` follows below.
PUBLISHED = {"epochs": None, "lr": 0.001, "momentum": 0.0, "schedule": "constant", "pixels": "raw"}
RECIPES = {
    "default": {
        "epochs": 5,
        "steps": None,
        "batch_size": 128,
        "hidden": 512,
        "lr": 0.1,
        "momentum": 0.9,
        "init": "he",
        "pixels": "standardised",
    },
    "np_nn": PUBLISHED | {"steps": 4000, "batch_size": 256, "hidden": 512},
    "geohot": PUBLISHED | {"steps": 1000, "batch_size": 128, "hidden": 128},
}
# In the two published programs each framework drew the first weights in its own way.
PUBLISHED_INIT = {"np": "geohot", "torch": "pytorch"}

# Options of this call, not of the run: a checkpoint does not keep them.
ONLY_HERE = ("name", "out", "stop_after", "resume", "device")


class UserError(Exception):
    """Something the user can mend; the message is one line that says what is wrong and what to do."""


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
        if not low <= value <= high:  # NaN is not
            raise argparse.ArgumentTypeError(f"{text} is not in the range {low:g} to {high:g}")
        return value

    return parse


def make_parser(framework, description):
    defaults = COMMON | RECIPES["default"] | {"device": "auto"}
    parser = Parser(description=description, argument_default=argparse.SUPPRESS, allow_abbrev=False)

    def option(group, flag, help, **more):
        default = defaults.get(flag[2:].replace("-", "_"))
        if default is not None:
            help += f" (default: {default})"
        group.add_argument(flag, help=help, **more)

    run = parser.add_argument_group("what to train")
    option(run, "--recipe", f"a named set of options, {', '.join(RECIPES)}; others given override it", choices=RECIPES)
    option(run, "--dataset", f"{', '.join(data.SOURCES)}", choices=data.SOURCES)
    option(run, "--hidden", "hidden units", type=integer(1, 16384), metavar="H")
    option(run, "--init", "how the first weights are drawn: he, pytorch or geohot", choices=["he", "pytorch", "geohot"])
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
    option(how, "--momentum", "how much of the last step goes into the next", type=number(0, 0.9999))
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

    if framework == "torch":
        torch = parser.add_argument_group("what only PyTorch can do")
        option(
            torch,
            "--device",
            "where to compute: auto takes cuda, then mps, then cpu",
            choices=["auto", "cpu", "cuda", "mps"],
        )
    return parser


def parse_options(framework, description, argv=None):
    """The options as a namespace, and the `Checkpoint` that --resume names or None.

    framework: "np" or "torch". What the user typed overrides the recipe; a resumed run keeps its own options.
    """
    parser = make_parser(framework, description)
    typed = vars(parser.parse_args(argv))
    checkpoint = None
    if "resume" in typed:
        checkpoint = load_checkpoint(typed["resume"])
        try:
            options = vars(parser.parse_args(as_arguments(checkpoint.options)))
        except UserError as error:
            raise UserError(f"{typed['resume']}: its options make no sense here: {error}") from None
        for name in typed.keys() - set(ONLY_HERE):
            if typed[name] != options.get(name):
                flag = "--" + name.replace("_", "-")
                raise UserError(f"{flag} {typed[name]} contradicts {typed['resume']}, a run with {options.get(name)}")
        options = dict.fromkeys(("epochs", "steps")) | COMMON | options
    else:
        options = COMMON | {"init": PUBLISHED_INIT[framework]} | RECIPES[typed.get("recipe", "default")]
        if "epochs" in typed or "steps" in typed:
            options["epochs"] = options["steps"] = None
    return SimpleNamespace(name=framework, **{"device": "auto"} | options | typed), checkpoint


def as_arguments(options):
    """A checkpoint's options as if they had been typed, so that they pass the same checks."""
    return [f"--{name.replace('_', '-')}={value}" for name, value in options.items() if value is not None]


def title(options):
    """What a run is called in its pictures."""
    return f"784-{options.hidden}-10 in {'NumPy' if options.name == 'np' else 'PyTorch'}"


def tested(options):
    """What the images are called that the network is tested on."""
    return "held-out" if options.hold_out else "test"


# --- The plan of a run -------------------------------------------------------------------------------------------


class Plan(NamedTuple):
    steps_per_epoch: int
    steps: int  # of the whole run
    stop: int  # where this call ends: at `steps`, or before with --stop-after


def make_plan(options, examples):
    if options.batch_size > examples:
        raise UserError(f"--batch-size {options.batch_size} is more than the {examples} training images")
    steps_per_epoch = examples // options.batch_size
    steps = options.steps or options.epochs * steps_per_epoch
    return Plan(steps_per_epoch, steps, min(steps, (options.stop_after or steps) * steps_per_epoch))


def learning_rate(step, steps, options):
    """The learning rate of step 0, ..., steps - 1.

    The first gradients are large and point every which way, so the rate rises for a tenth of the run; then it
    falls in a straight line to 0, so that the noise of single batches averages out in the weights that remain.
    """
    if options.schedule == "constant":
        return options.lr
    warmup = math.ceil(steps / 10)
    return options.lr * min((step + 1) / warmup, (steps - step) / (steps - warmup + 1))


# --- History and checkpoint --------------------------------------------------------------------------------------


class History:
    """All that the curves show: loss and accuracy of every training batch, and on the test set now and then."""

    def __init__(self, train_loss=(), train_accuracy=(), test_step=(), test_loss=(), test_accuracy=()):
        self.train_loss = list(train_loss)  # one a step
        self.train_accuracy = list(train_accuracy)
        self.test_step = list(test_step)  # after so many steps ...
        self.test_loss = list(test_loss)  # ... this was the loss on all test images
        self.test_accuracy = list(test_accuracy)

    @property
    def step(self):
        """Steps taken so far."""
        return len(self.train_loss)

    def add_step(self, loss, accuracy):
        self.check(loss, self.step + 1)
        self.train_loss.append(float(loss))
        self.train_accuracy.append(float(accuracy))

    def add_test(self, loss, accuracy):
        self.check(loss, self.step)
        self.test_step.append(self.step)
        self.test_loss.append(float(loss))
        self.test_accuracy.append(float(accuracy))

    @staticmethod
    def check(loss, step):
        if not math.isfinite(loss):
            raise UserError(f"the loss is no longer a finite number at step {step}: lower --lr (or --momentum)")

    def step_line(self):
        return f"loss {self.train_loss[-1]:.3f}, accuracy {self.train_accuracy[-1]:.3f}"

    def epoch_line(self, plan, tested):
        """What an epoch came to, in one line; the training figures are means over its batches."""
        epoch = math.ceil(self.step / plan.steps_per_epoch)
        first = (epoch - 1) * plan.steps_per_epoch
        loss, accuracy = np.mean(self.train_loss[first:]), np.mean(self.train_accuracy[first:])
        return (
            f"epoch {epoch} of {math.ceil(plan.steps / plan.steps_per_epoch)}: "
            f"training loss {loss:.4f} accuracy {accuracy:.4f}, "
            f"{tested} loss {self.test_loss[-1]:.4f} accuracy {self.test_accuracy[-1]:.4f}"
        )


class Checkpoint(NamedTuple):
    path: str
    options: dict  # of the run, without ONLY_HERE
    params: dict  # name -> array
    momentum: dict  # the same names and shapes
    history: History


# What a run leaves in its folder; {} is "np" or "torch".
FILES = ("loss_plot_{}.png", "accuracy_plot_{}.png", "history_{}.json", "checkpoint_{}.npz")
RESULTS = Path(__file__).resolve().parent / "results.json"
FORMAT = 1
MAX_CHECKPOINT = 2**29  # bytes; the largest network that the options allow needs half of it


def save_checkpoint(path, options, plan, params, momentum, history):
    """Write all that a run needs to go on, as a NumPy .npz of plain arrays, in one step."""
    arrays = {
        "format": FORMAT,
        "options": json.dumps(run_options(options)),
        "seed": np.uint64(options.seed),
        "epoch": history.step // plan.steps_per_epoch,  # whole ones
        "step": history.step,
    }
    for group, values in [("params", params), ("momentum", momentum), ("history", vars(history))]:
        arrays |= {f"{group}/{name}": np.asarray(value) for name, value in values.items()}
    with data.replacing(path) as file:
        np.savez(file, **arrays)


def load_checkpoint(path):
    """The `Checkpoint` in a file that `save_checkpoint` wrote; UserError if there is anything wrong with it."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_CHECKPOINT or archive.testzip():
                raise ValueError
        with np.load(path, allow_pickle=False) as npz:
            arrays = {name: npz[name] for name in npz.files}
        version = int(arrays["format"])
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or 'not a checkpoint'}") from None
    except Exception:  # whatever zipfile and NumPy make of a damaged file
        raise UserError(f"{path} is not a checkpoint of this project, or is damaged") from None
    if version != FORMAT:
        raise UserError(f"{path} has checkpoint format {version}; this program reads format {FORMAT}")
    groups = {"params": {}, "momentum": {}, "history": {}}
    try:
        for name, array in arrays.items():
            group, _, rest = name.partition("/")
            if rest:
                if array.dtype.kind not in "fi" or not np.isfinite(array).all():
                    raise ValueError
                groups[group][rest] = array
        history = History(**{name: array.tolist() for name, array in groups["history"].items()})
        options = json.loads(str(arrays["options"]))
        consistent = (
            isinstance(options, dict)
            and not options.keys() & set(ONLY_HERE)
            and history.step == len(history.train_accuracy) == int(arrays["step"])
            and len(history.test_step) == len(history.test_loss) == len(history.test_accuracy)
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        consistent = False
    if not consistent:
        raise UserError(f"{path} is damaged: its numbers are not finite or do not fit together")
    return Checkpoint(path, options, groups["params"], groups["momentum"], history)


def restore(checkpoint, plan, params, momentum):
    """Copy a checkpoint's arrays into those of a new network, which they must fit, and return its history."""
    for mine, theirs in [(params, checkpoint.params), (momentum, checkpoint.momentum)]:
        if {k: (a.shape, a.dtype) for k, a in mine.items()} != {k: (a.shape, a.dtype) for k, a in theirs.items()}:
            raise UserError(f"{checkpoint.path} holds another network than its options say")
        for name, array in mine.items():
            array[...] = theirs[name]
    if checkpoint.history.step > plan.steps:
        raise UserError(f"{checkpoint.path} is at step {checkpoint.history.step} of {plan.steps}")
    return checkpoint.history


def run_options(options):
    """The options that belong to the run and not to this call, in a fixed order."""
    return {name: value for name, value in sorted(vars(options).items()) if name not in ONLY_HERE}


def save_history(path, options, history):
    """Write the options, the versions and every number that the curves show as JSON, a key a line."""
    content = {
        "options": run_options(options),
        "machine": machine(),
    }
    for name, values in vars(history).items():
        content[name] = [float(f"{value:.6g}") if isinstance(value, float) else value for value in values]
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value, allow_nan=False)}" for name, value in content.items())
    with data.replacing(path) as file:
        file.write(f"{{\n{lines}\n}}\n".encode())


def save_result(section, content, path=RESULTS):
    """Put a section into results.json, which holds every number that the README states, and leave the others."""
    results = json.loads(path.read_text()) if path.exists() else {}
    results[section] = content
    with data.replacing(path) as file:
        file.write((json.dumps(results, indent=1, sort_keys=True) + "\n").encode())


def machine():
    """What a measurement was made with and on."""
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    if "torch" in sys.modules:  # asked, not imported: nothing that NumPy does alone may wait for it
        versions["torch"] = sys.modules["torch"].__version__
    return versions | {"processor": processor()}


def processor():
    """The processor's name and how many of it there are."""
    name = platform.processor() or platform.machine()
    with suppress(OSError):  # Linux says more than Python knows
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores"


# --- How a run begins and ends -----------------------------------------------------------------------------------


def open_folder(name):
    """The folder of that name as a Path, made if need be and tried: better now than after an hour of training."""
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f".{os.getpid()}.part"
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise UserError(f"cannot write in --out {name}: {error.strerror}") from None
    return folder


@contextmanager
def stop_on_signal():
    """Within it, Ctrl-C and SIGTERM set `.signal` for the loop to see between two steps; a second Ctrl-C interrupts."""
    stop = SimpleNamespace(signal=None)

    def ask(number, frame):
        stop.signal = number
        signal.signal(number, signal.default_int_handler)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(main):
    """Call main() and return the program's exit status: 0, or 2 or 130 with one line on stderr."""
    try:
        return main() or 0
    except (UserError, data.DataError) as error:
        message = str(error)
    except MemoryError:
        message = "not enough memory: lower --hidden or --batch-size"
    except BrokenPipeError:  # whoever read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        message = f"{error.filename or 'error'}: {error.strerror or error}"
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    print(f"{Path(sys.argv[0]).name}: {' '.join(message.split())}", file=sys.stderr)
    return 2
