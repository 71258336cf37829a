"""What can be trained, with which options, by which recipes: an entry for each network.

To add a network, write its files (as mlp_np.py, mlp_autograd.py and mlp_torch.py) and add an entry to NETWORKS, after
those that it builds on. To add a recipe, add a line to an entry. The options that every run has are in
support/options.py; `python main_np.py -h` explains all. What look.py draws of a network's inside stands there.
"""

import importlib
import inspect
import math
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from data import SOURCES
from support import options as opt
from support.checkpoint import load_checkpoint
from support.errors import UserError
from support.options import integer, integers

FOLDER = Path("learning_curves")  # where a run leaves its network, unless --out says otherwise


class Entry(NamedTuple):
    name: str  # in tables
    # Where it is written: {"np": "FILE.CLASS", "autograd": "FILE.CLASS", "torch": "FILE.CLASS"}. A file is imported
    # when it is used: no program in NumPy should wait for PyTorch. A class gets its network's options, seed and dtype.
    classes: dict[str, str]
    options: dict[str, dict]  # its own, beside those that every run has, as the arguments of argparse's add_argument
    recipes: dict[str, dict]  # {recipe: {option: value}}; a value may be {"np": value, "torch": value}
    title: Callable  # its options -> what it is called in pictures and tables
    # Its options -> how many numbers its largest arrays hold, and (measured in NumPy, to a quarter) how many a step
    # keeps for each image. From these, one sees what memory it takes before anything is built.
    size: Callable
    kept: Callable
    prefix: str  # of the names of its files: "", "resnet_" ...
    small: str  # options of a small one, which the tests train
    proof: str = ""  # options of the run that lab.twins proves, if the default run would take an hour
    check: Callable = lambda options: None  # UserError if its options do not go together
    # How threads share a step (support/threads.py): by "images", by hidden units ({array: the axis of its units}), or
    # not at all.
    cut: str | dict | None = None
    bfloat16_on_cuda: bool = False  # whether --amp is the default there


# What George Hotz's notebook and the repository np_nn have in common. Each framework drew the first weights in its own
# way: https://github.com/geohot/ai-notebooks, https://github.com/willxxy/np_nn.
PUBLISHED = {"epochs": None, "lr": 0.001, "momentum": 0.0, "schedule": "constant", "pixels": "raw"}
PUBLISHED |= {"init": {"np": "geohot", "torch": "pytorch"}}

MLP = Entry(
    name="MLP",
    classes={"np": "mlp_np.MLP", "autograd": "mlp_autograd.MLP", "torch": "mlp_torch.MLP"},
    options={
        "hidden": {"type": integer(1, 16384), "metavar": "H", "help": "hidden units"},
        "init": {"choices": ["he", "pytorch", "geohot"], "help": "how the first weights are drawn"},
    },
    recipes={
        "default": {"epochs": 5, "batch_size": 128, "hidden": 512, "lr": 0.1, "init": "he"},
        "best": {"epochs": 80, "batch_size": 128, "hidden": 2048, "lr": 0.1, "init": "he", "augment": "elastic"},
        "np_nn": PUBLISHED | {"steps": 4000, "batch_size": 256, "hidden": 512},
        "geohot": PUBLISHED | {"steps": 1000, "batch_size": 128, "hidden": 128},
    },
    title=lambda options: f"784-{options.hidden}-10",
    size=lambda options: 784 * options.hidden,
    kept=lambda options: 784 + 4 * options.hidden,
    prefix="",
    small="--hidden 24",
    cut={"W1": 1, "b1": 0, "W2": 0},
)


def kept_by_resnet(options):
    sizes = [math.ceil(14 / 2**stage) ** 2 * width for stage, width in enumerate(options.widths)]  # of its feature maps
    return 4 * sizes[0] + 6 * options.blocks * sum(sizes)


def check_resnet(options):
    # From the fifth stage on, 28 x 28 pixels are a single one: one image alone then has no variance to normalise by.
    if len(options.widths) > 4 and options.batch_size == 1:
        raise UserError(f"{opt.title(options)} needs 2 images in a step: take a larger --batch-size")


RESNET_TRAINING = {"lr": 0.1, "weight_decay": 5e-4}
RESNET = Entry(
    name="ResNet",
    classes={"np": "resnet_np.ResNet", "autograd": "resnet_autograd.ResNet", "torch": "resnet_torch.ResNet"},
    options={
        "widths": {"type": integers(1, 1024), "metavar": "C,C,C", "help": "channels of each stage"},
        "blocks": {"type": integer(1, 50), "help": "blocks in each stage"},
    },
    recipes={
        "default": RESNET_TRAINING
        | {"epochs": 8, "batch_size": 64, "widths": (16, 32, 64), "blocks": 1, "augment": "shift"},
        "best": RESNET_TRAINING
        | {"epochs": 30, "batch_size": 128, "widths": (24, 48, 96), "blocks": 2, "augment": "gentle"},
    },
    title=lambda options: (
        f"ResNet {'-'.join(map(str, options.widths))}" + (f" × {options.blocks}" if options.blocks > 1 else "")
    ),  # so many blocks for each width
    size=lambda options: options.blocks * sum(9 * width**2 for width in options.widths),
    kept=kept_by_resnet,
    prefix="resnet_",
    small="--widths 2,3",
    proof="--steps 500",
    check=check_resnet,
    cut="images",
    bfloat16_on_cuda=True,
)


def kept_by_vit(options):
    patches = (28 // options.patch) ** 2
    channels, attention = patches * options.width, options.heads * patches**2
    return options.blocks * (12 * channels + attention) + 9 * channels + 3 * attention


def check_vit(options):
    if options.width % options.heads:
        raise UserError(f"--width {options.width} cannot be split evenly by {options.heads} --heads")


VIT_TRAINING = {"batch_size": 128, "optimizer": "adamw", "lr": 0.003, "weight_decay": 0.05}
VIT = Entry(
    name="ViT",
    classes={"np": "vit_np.ViT", "autograd": "vit_autograd.ViT", "torch": "vit_torch.ViT"},
    options={
        "width": {"type": integer(1, 1024), "metavar": "C", "help": "channels of each patch"},
        "blocks": {"type": integer(1, 50), "help": "blocks"},
        "heads": {"type": integer(1, 1024), "help": "heads of each attention, which share the channels"},
        "patch": {"type": int, "choices": [2, 4, 7, 14, 28], "help": "pixels along a patch's side"},  # divide 28
    },
    recipes={
        "default": VIT_TRAINING | {"epochs": 8, "width": 64, "blocks": 3, "heads": 4, "patch": 7, "augment": "shift"},
        "best": VIT_TRAINING | {"epochs": 40, "width": 64, "blocks": 6, "heads": 4, "patch": 7, "augment": "gentle"},
    },
    title=lambda options: f"ViT {options.width} × {options.blocks}, {options.heads} heads, patch {options.patch}",
    size=lambda options: options.blocks * 8 * options.width**2,
    kept=kept_by_vit,
    prefix="vit_",
    small="--width 12 --blocks 2 --heads 3",
    check=check_vit,
    cut="images",
)

NETWORKS = {"mlp": MLP, "resnet": RESNET, "vit": VIT}


def make(framework, options):
    """The network that the options describe, with its first weights. framework: a key of its classes."""
    file, name = options.network.classes[framework].split(".")
    network = getattr(importlib.import_module(file), name)
    names = {*options.network.options, "seed", "dtype"}
    return network(**{name: getattr(options, name) for name in taken(network, names, framework)})


def taken(network, names, framework):
    """Those of the options that a class takes. UserError if it leaves one out: nobody should train without noticing.

    What it takes stands in its own __init__: it might know nothing of what an inherited one takes.
    """
    takes = inspect.signature(vars(network).get("__init__", object.__init__)).parameters
    not_needed = {"seed", "dtype", "init"} if framework == "torch" else set()  # its first weights are NumPy's
    if unknown := names - not_needed - {*takes}:
        raise UserError(f"{network.__module__}.{network.__name__} does not know {', '.join(sorted(unknown))}")
    return names & {*takes}


def begin(framework, description, argv=None):
    """The options that the user typed, and the `Checkpoint` that --resume names or None; UserError if they are wrong.

    framework: "np" or "torch". A resumed run keeps its own options.
    """
    options, typed = opt.parse(NETWORKS, SOURCES, framework, argv, description)
    path, checkpoint = options.resume, None
    if path is not None:
        options, checkpoint = read(framework, path)
        if not checkpoint.groups["momentum"]:  # my_network.py keeps none, and draws its batches in another order
            raise UserError(f"{path} is not of a run of main_np.py or main_torch.py: it can be used, but not continued")
        options = opt.resumed(options, typed, path)
    check_memory(options, options.batch_size)
    return options, checkpoint


def add_weights(parser):
    """The option --weights, for `load`."""
    what = f"the checkpoint of a network (default: the newest in {FOLDER})"
    parser.add_argument("--weights", metavar="FILE", help=what)


def load(path=None):
    """(model, options, checkpoint): the trained network in a checkpoint, in NumPy, set to predict and not to train.

    path: if None, the newest in learning_curves. UserError if there is none, or anything wrong with the file.
    """
    there = [path] if path else sorted(FOLDER.glob("checkpoint_*.npz"), key=lambda path: path.stat().st_mtime)
    if not there:
        raise UserError(f"no trained network in {FOLDER}: run `python main_np.py` first, or give --weights FILE")
    options, checkpoint = read("np", there[-1])
    check_memory(options, 1)
    model = make("np", options)
    checkpoint.copy_to({"params": model.params, "statistics": getattr(model, "statistics", {})})
    model.training = False
    return model, options, checkpoint


def read(framework, path):
    """The options of the run in a checkpoint, and the `Checkpoint`. No file can ask for more than a few times its own
    size in memory: its options are compared with its arrays before any network is built."""
    checkpoint = load_checkpoint(path)
    options = opt.restore(NETWORKS, SOURCES, framework, checkpoint.options, path)
    if options.network.size(options) > sum(array.size for array in checkpoint.groups["params"].values()):
        checkpoint.refuse()
    return options, checkpoint


def check_memory(options, images):
    """UserError if the network and a step with so many images do not fit into the machine's memory."""
    # Each parameter has a gradient, and two more numbers that an optimizer remembers.
    numbers = 4 * options.network.size(options) + images * options.network.kept(options)
    needed, there = numbers * {"float32": 4, "float64": 8}[options.dtype] / 1e9, memory() / 1e9
    if needed > there:
        words = f"{opt.title(options)} and a batch of {images} need some {needed:.0f} GB of memory"
        raise UserError(f"{words}, and there are {there:.0f}: lower --batch-size, or take a smaller network")


def memory():
    """The machine's memory in bytes; infinite where Python does not know, as on Windows."""
    with suppress(AttributeError, ValueError):
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return size if size > 0 else math.inf  # a browser answers -1
    return math.inf


def parse_options(framework, *argv):
    """The options of a new run with these arguments."""
    return opt.parse(NETWORKS, SOURCES, framework, [str(word) for word in argv])[0]
