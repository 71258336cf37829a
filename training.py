"""What both training programs share: options, recipes, learning rate, history, checkpoint, and how a run ends.

Nothing here knows a network or a framework; arrays come in and go out as NumPy's.
"""

import argparse
import io
import json
import math
import os
import platform
import re
import signal
import sys
import warnings
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
    "augment": "none",
    "weight_decay": 0.0,
    "pixels": "standardised",
    "momentum": 0.9,
    "steps": None,
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
}
NETWORK_OPTIONS = {"mlp": ("hidden", "init"), "resnet": ("widths", "blocks")}
# In the two published programs each framework drew the first weights in its own way.
PUBLISHED_INIT = {"np": "geohot", "torch": "pytorch"}

# Options of this call, not of the run: a checkpoint does not keep them.
ONLY_HERE = ("name", "out", "stop_after", "resume", "device", "amp", "compile")


class UserError(Exception):
    """Something the user can mend; the message is one line that says what is wrong and what to do."""


class Parser(argparse.ArgumentParser):
    def parse_known_args(self, args=None, namespace=None):
        args = sys.argv[1:] if args is None else args
        for arg in args:
            if arg.endswith("=--"):  # of which argparse makes an empty list before Python 3.13
                self.error(f"{arg} has no value")
        return super().parse_known_args(args, namespace)

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


def widths(text):
    """An argparse type: whole numbers with commas between them."""
    return tuple(integer(1, 1024)(part) for part in text.split(","))


def make_parser(framework, description, argv):
    # -h explains the run that it is typed with: `--model resnet -h` shows the defaults of a ResNet.
    first = Parser(add_help=False, allow_abbrev=False)
    for flag, default in (("--model", "mlp"), ("--recipe", "default")):
        first.add_argument(flag, default=default)
    named, _ = first.parse_known_args(argv)
    defaults = COMMON | RECIPES.get(named.model, {}).get(named.recipe, {}) | vars(named) | {"device": "auto"}
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
    option(run, "--model", "the multi-layer perceptron or the residual network", choices=RECIPES)
    option(run, "--recipe", "a named set of options; others that are given override it", choices=recipes)
    option(run, "--dataset", f"{', '.join(data.SOURCES)}", choices=data.SOURCES)
    option(run, "--hidden", "mlp: hidden units", type=integer(1, 16384), metavar="H")
    option(run, "--init", "mlp: how the first weights are drawn", choices=["he", "pytorch", "geohot"])
    option(run, "--widths", "resnet: channels of each stage", type=widths, metavar="C,C,C")
    option(run, "--blocks", "resnet: blocks in each stage", type=integer(1, 50))
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
    option(how, "--weight-decay", "how much every weight shrinks, in units of the step", type=number(0, 1))
    option(
        how,
        "--augment",
        "what happens to the training images: none, shift (by up to 2 pixels), affine (turned, scaled, slanted too), "
        "elastic (bent too), gentle (bent less, moved more)",
        choices=data.AUGMENT,
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


def parse_options(framework, description, argv=None):
    """The options as a namespace, and the `Checkpoint` that --resume names or None.

    framework: "np" or "torch". What the user typed overrides the recipe; a resumed run keeps its own options.
    """
    parser = make_parser(framework, description, argv)
    typed = vars(parser.parse_args(argv))
    checkpoint = None
    if "resume" in typed:
        checkpoint = load_checkpoint(typed["resume"])
        try:
            options = choose(framework, vars(parser.parse_args(as_arguments(checkpoint.options))))
            missing = {name for name in options if options[name] is not None and checkpoint.options.get(name) is None}
            if missing := missing - set(ONLY_HERE):
                raise UserError(f"some are missing: {', '.join(sorted(missing))}")
        except UserError as error:
            raise UserError(f"{typed['resume']}: its options make no sense here: {error}") from None
        for name in typed.keys() - set(ONLY_HERE):
            if typed[name] != options.get(name):
                flag = "--" + name.replace("_", "-")
                has = f"a run with {options[name]}" if options.get(name) is not None else "which was run without it"
                raise UserError(f"{flag} {typed[name]} contradicts {typed['resume']}, {has}")
        options |= typed
    else:
        options = choose(framework, typed)
    name = framework if options["model"] == "mlp" else f"{options['model']}_{framework}"
    only_torch = {"device": "auto", "amp": None, "compile": False}
    return SimpleNamespace(**only_torch | options, name=name), checkpoint


def choose(framework, typed):
    """All options of a run: those typed, and for the rest what the recipe says or is common to all."""
    model, recipe = typed.get("model", "mlp"), typed.get("recipe", "default")
    if recipe not in RECIPES[model]:
        raise UserError(f"--recipe {recipe}: --model {model} has {', '.join(RECIPES[model])}")
    for other, names in NETWORK_OPTIONS.items():
        for name in typed.keys() & set(names):
            if other != model:
                raise UserError(f"--{name} is for --model {other}")
    options = {"model": model} | COMMON | RECIPES[model][recipe]
    if model == "mlp" and "init" not in options:
        options["init"] = PUBLISHED_INIT[framework]
    if "epochs" in typed or "steps" in typed:
        options["epochs"] = options["steps"] = None
    return options | typed


def as_arguments(options):
    """A checkpoint's options as if they had been typed, so that they pass the same checks."""
    values = {name: ",".join(map(str, v)) if isinstance(v, list) else v for name, v in options.items()}
    return [f"--{name.replace('_', '-')}={value}" for name, value in values.items() if value is not None]


def title(options):
    """What a run is called in its pictures."""
    sizes = (784, options.hidden, 10) if options.model == "mlp" else options.widths
    network = ("" if options.model == "mlp" else "ResNet ") + "-".join(map(str, sizes))
    if options.model == "resnet" and options.blocks > 1:
        network += f" × {options.blocks}"  # so many blocks for each width
    return f"{network} in {'NumPy' if options.name.endswith('np') else 'PyTorch'}"


def tested(options):
    """What the images are called that the network is tested on."""
    return "held-out" if options.hold_out else "test"


# --- The plan of a run -------------------------------------------------------------------------------------------


class Plan(NamedTuple):
    steps_per_epoch: int
    steps: int  # of the whole run
    stop: int  # where this call ends: at `steps`, or before with --stop-after


def make_plan(options, examples):
    """The `Plan` for so many training images; UserError where a batch cannot be drawn, or not be normalised."""
    if options.batch_size > examples:
        raise UserError(f"--batch-size {options.batch_size} is more than the {examples} training images")
    check_batch(options, options.batch_size)
    steps_per_epoch = examples // options.batch_size
    steps = options.steps or options.epochs * steps_per_epoch
    return Plan(steps_per_epoch, steps, min(steps, (options.stop_after or steps) * steps_per_epoch))


def check_batch(options, images):
    """UserError if batch normalisation would see a single number of a channel: that has no variance.

    So it is with one image from the fifth stage on, where 28 x 28 pixels are 14, 7, 4, 2 and at last 1 high and wide.
    """
    if options.model == "resnet" and len(options.widths) > 4 and images == 1:
        raise UserError("one image at a time cannot be normalised after 5 --widths: take a larger --batch-size")


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


LARGEST_LOSS = 1e30  # beyond that float32 ends, and so does every picture's scale


class History:
    """All that the curves show: loss and accuracy of every training batch, and on the test set now and then."""

    def __init__(self, train_loss=(), train_accuracy=(), test_step=(), test_loss=(), test_accuracy=()):
        self.train_loss = list(train_loss)  # one a step
        self.train_accuracy = list(train_accuracy)
        self.test_step = list(test_step)  # after so many steps ...
        self.test_loss = list(test_loss)  # ... this was the loss on all test images
        self.test_accuracy = list(test_accuracy)
        self.unread = []  # (loss, accuracy) of the last steps

    @property
    def step(self):
        """Steps taken so far."""
        return len(self.train_loss) + len(self.unread)

    def add_step(self, loss, accuracy):
        """Both may still be being computed (by a GPU): whoever needs them waits in `read`."""
        self.unread.append((loss, accuracy))

    def add_test(self, loss, accuracy):
        self.read()
        self.check(loss, self.step)
        self.test_step.append(self.step)
        self.test_loss.append(float(loss))
        self.test_accuracy.append(float(accuracy))

    def read(self):
        """Make numbers of the last steps; UserError at the first loss that is not finite."""
        unread, self.unread = self.unread, []
        for loss, accuracy in unread:
            loss, accuracy = float(loss), float(accuracy)  # here a GPU is waited for
            self.check(loss, self.step + 1)
            self.train_loss.append(loss)
            self.train_accuracy.append(accuracy)

    def numbers(self):
        """All that is kept, by name."""
        self.read()
        return {name: values for name, values in vars(self).items() if name != "unread"}

    @staticmethod
    def check(loss, step):
        if not abs(loss) < LARGEST_LOSS:  # NaN is not
            raise UserError(f"the loss is {loss:.3g} at step {step}: lower --lr (or --momentum)")

    def step_line(self):
        self.read()
        return f"loss {self.train_loss[-1]:.3f}, accuracy {self.train_accuracy[-1]:.3f}"

    def epoch_line(self, plan, tested):
        """What an epoch came to, in one line; the training figures are means over its batches."""
        epoch = math.ceil(self.step / plan.steps_per_epoch)
        first = (epoch - 1) * plan.steps_per_epoch
        loss, accuracy = np.mean(self.train_loss[first:]), np.mean(self.train_accuracy[first:])
        return (
            f"epoch {epoch} of {math.ceil(plan.steps / plan.steps_per_epoch)}: "
            f"training loss {short(loss)} accuracy {accuracy:.4f}, "
            f"{tested} loss {short(self.test_loss[-1])} accuracy {self.test_accuracy[-1]:.4f}"
        )


def short(loss):
    return f"{loss:.4f}" if loss < 1000 else f"{loss:.3g}"


class Checkpoint(NamedTuple):
    path: str
    options: dict  # of the run, without ONLY_HERE
    params: dict  # name -> array
    momentum: dict  # the same names and shapes
    statistics: dict  # what batch normalisation remembers; an MLP has none
    history: History


RESULTS = Path(__file__).resolve().parent / "results.json"
FORMAT = 1
# What a run leaves in its folder; {} is "np", "torch", "resnet_np" or "resnet_torch".
FILES = ("loss_plot_{}.png", "accuracy_plot_{}.png", "history_{}.json", "checkpoint_{}.npz")


def files_of(options, out):
    """The names of a run's files in that folder (a run that had ended, resumed into another, saves no checkpoint)."""
    return ", ".join(name for name in (file.format(options.name) for file in FILES) if (out / name).exists())


def save_checkpoint(path, options, plan, params, momentum, statistics, history):
    """Write all that a run needs to go on, as a NumPy .npz of plain arrays, in one step."""
    arrays = {
        "format": FORMAT,
        "options": json.dumps(run_options(options)),
        "seed": np.uint64(options.seed),
        "epoch": history.step // plan.steps_per_epoch,  # whole ones
        "step": history.step,
    }
    groups = {"params": params, "momentum": momentum, "statistics": statistics, "history": history.numbers()}
    for group, values in groups.items():
        arrays |= {f"{group}/{name}": np.asarray(value) for name, value in values.items()}
    content = io.BytesIO()  # in memory first: not every version of NumPy comes away cleanly from a full disk
    np.savez(content, **arrays)
    with data.replacing(path) as file:
        file.write(content.getbuffer())


def load_checkpoint(path):
    """The `Checkpoint` in a file that `save_checkpoint` wrote; UserError if there is anything wrong with it."""
    try:
        with zipfile.ZipFile(path) as archive:
            # We store and do not compress: what claims to unpack to more than the file holds is not ours.
            if sum(entry.file_size for entry in archive.infolist()) > os.path.getsize(path) or archive.testzip():
                raise ValueError
        with warnings.catch_warnings(), np.load(path, allow_pickle=False) as npz:
            warnings.simplefilter("error")  # NumPy warns of what it reads but would not write
            arrays = {name: npz[name] for name in npz.files}
        version = int(arrays["format"].item())
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or 'not a checkpoint'}") from None
    except Exception:  # whatever zipfile and NumPy make of a damaged file
        raise UserError(f"{path} is not a checkpoint of this project, or is damaged") from None
    if version != FORMAT:
        raise UserError(f"{path} has checkpoint format {version}; this program reads format {FORMAT}")
    groups = {"params": {}, "momentum": {}, "statistics": {}, "history": {}}
    try:
        for name, array in arrays.items():
            group, _, rest = name.partition("/")
            if rest:
                if (
                    array.dtype.kind not in "fi"
                    or array.dtype.itemsize > 8
                    or not np.isfinite(array).all()
                    or (group == "history" and array.ndim != 1)
                ):
                    raise ValueError
                groups[group][rest] = array
        history = History(**{name: array.tolist() for name, array in groups["history"].items()})
        options = json.loads(arrays["options"].item())
        consistent = (
            isinstance(options, dict)
            and not options.keys() & set(ONLY_HERE)
            and history.step == len(history.train_accuracy) == arrays["step"].item()
            and len(history.test_step) == len(history.test_loss) == len(history.test_accuracy)
            and all(abs(loss) < LARGEST_LOSS for loss in history.train_loss + history.test_loss)
            and all(0 <= accuracy <= 1 for accuracy in history.train_accuracy + history.test_accuracy)
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        consistent = False
    if not consistent:
        raise UserError(f"{path} is damaged: its numbers are not finite or do not fit together")
    return Checkpoint(path, options, groups["params"], groups["momentum"], groups["statistics"], history)


def restore(checkpoint, plan, params, momentum, statistics):
    """Copy a checkpoint's arrays into those of a new network, which they must fit, and return its history."""
    groups = (params, checkpoint.params), (momentum, checkpoint.momentum), (statistics, checkpoint.statistics)
    for mine, theirs in groups:
        if {k: (a.shape, a.dtype) for k, a in mine.items()} != {k: (a.shape, a.dtype) for k, a in theirs.items()}:
            raise UserError(f"{checkpoint.path} holds another network than its options say")
        for name, array in mine.items():
            array[...] = theirs[name]
    history = checkpoint.history
    if history.step > plan.steps:
        raise UserError(f"{checkpoint.path} is at step {history.step} of {plan.steps}")
    epoch_ends = [*range(plan.steps_per_epoch, history.step + 1, plan.steps_per_epoch)]
    if history.step == plan.steps and history.step % plan.steps_per_epoch:
        epoch_ends.append(history.step)
    if history.test_step != epoch_ends:
        raise UserError(f"{checkpoint.path} is damaged: it has no test result for every epoch")
    return history


def run_options(options):
    """The options that belong to the run and not to this call, in a fixed order."""
    return {name: value for name, value in sorted(vars(options).items()) if name not in ONLY_HERE}


def save_history(path, options, history):
    """Write the options, the versions and every number that the curves show as JSON, a key a line."""
    content = {
        "options": run_options(options),
        "machine": machine(),
    }
    for name, values in history.numbers().items():
        content[name] = [float(f"{value:.6g}") if isinstance(value, float) else value for value in values]
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value, allow_nan=False)}" for name, value in content.items())
    with data.replacing(path) as file:
        file.write(f"{{\n{lines}\n}}\n".encode())


def load_results(path=RESULTS):
    """The sections of results.json by name; UserError if it is damaged."""
    try:
        results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if not isinstance(results, dict):
            raise ValueError
    except (ValueError, RecursionError):
        raise UserError(f"{path} is damaged: put back the one that git has") from None
    return results


def save_result(section, content, path=RESULTS):
    """Put a section into results.json, which holds every number that the README states, and leave the others."""
    results = load_results(path)
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
    """The folder of that name as a Path, made if need be and tried: better now than after an hour of training.

    Two runs may write into one folder at once. Those of different programs or models have files of different names;
    those of the same both end whole, and each file is that of the run which wrote it last, as if one had followed the
    other. Who wants to keep both names two folders.
    """
    folder = Path(name)
    if not name:
        raise UserError("--out is empty: name a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / ".trial.part"
        trial.touch()
        trial.unlink(missing_ok=True)  # another run may have been faster
    except OSError as error:
        raise UserError(f"cannot write in --out {name}: {error.strerror}") from None
    return folder


@contextmanager
def stop_on_signal(alone=True):
    """Within it, Ctrl-C and SIGTERM set `.signal` for the loop to see between two steps; a second Ctrl-C interrupts.

    A process that is not alone sets only `.asked`: when to stop is for all of them to agree.
    """
    stop = SimpleNamespace(asked=None, signal=None)

    def ask(number, frame):
        stop.asked = number
        if alone:
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
    if sys.stdout is None:  # closed, as by the shell's >&-
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - until the end
    with suppress(AttributeError):  # IDLE's own can do without
        sys.stdout.reconfigure(errors="backslashreplace")  # a folder's name may have letters that a terminal has not
    try:
        status = main() or 0
        sys.stdout.flush()
        return status
    except (UserError, data.DataError) as error:
        message = str(error)
    except MemoryError:
        message = "not enough memory: lower --hidden, --widths or --batch-size"
    except RuntimeError as error:  # PyTorch's way of saying the same
        if not re.search("out of memory|not enough memory|allocate memory", str(error)):
            raise
        message = "not enough memory: lower --hidden, --widths or --batch-size"
    except BrokenPipeError:  # whoever read our output has gone
        give_up_stdout()
        return 1
    except OSError as error:
        give_up_stdout()
        message = f"{error.filename or 'error'}: {error.strerror or error}"
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    print(f"{Path(sys.argv[0]).name}: {' '.join(message.split())}", file=sys.stderr)
    return 2


def give_up_stdout():
    """If nothing more can be printed, drop what waits to be: at its end Python would try again, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
