"""What can be trained, with which options, recipes and optimizers: an entry for each network.

To add a network, write its files (as mlp_np.py, mlp_autograd.py and mlp_torch.py) and add an entry to NETWORKS, after
those that it builds on. To add a recipe, add a line to an entry; to add an optimizer, an entry to OPTIMIZERS. The
options that every run has are in support/options.py; `python main_np.py -h` explains all. What look.py draws of a
network's inside is in look.py.
"""

import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data import SOURCES, as_input
from support import memory
from support import options as opt
from support.checkpoint import GROUPS, load_checkpoint, load_options
from support.errors import UserError
from support.options import integer, integers, option
from support.texts import as_text, refusal, sizes

FOLDER = Path("learning_curves")  # where a run leaves its network, unless --out says otherwise


def images_and_labels(images, labels, options):
    """What a network that reads learns from: images as its input x (B, 28, 28), and their labels y (B,)."""
    return as_input(images, options), labels


class Entry(NamedTuple):
    """What a network is. Its key in NETWORKS is what --model takes."""

    name: str  # in tables
    classes: str  # "mlp.MLP" is the class MLP in mlp_np.py, mlp_autograd.py and mlp_torch.py
    options: dict[str, dict]  # its own, beside those that every run has
    recipes: dict[str, dict]  # {recipe: {option: value}}; a value may be {"np": value, "torch": value}
    title: Callable  # its options -> what it is called in pictures and tables

    # What most networks leave as it is:
    check: Callable = lambda options, images: None  # UserError if its options, or this many images in a step, cannot be
    # Images (B, 28, 28) uint8, their labels (B,) int64 and its options -> what goes in, x (B, ...), and what should
    # come out, y (B, ...) int64. For each number in y it gives a row of logits: (B, ..., K).
    batch: Callable = images_and_labels
    learns: tuple[str, ...] = ("images",)  # from which kinds of examples
    writes: bool = False  # digits or names, instead of reading digits
    sizes: Callable = lambda options: {}  # its options -> what else its classes are given, {argument: value}
    bfloat16_on_cuda: bool = False  # whether --amp is the default there
    about_recipes: str = ""  # what -h adds


# --- The MLP ----------------------------------------------------------------------------------------------------------


# What George Hotz's notebook and the repository np_nn have in common. Each framework drew the first weights in its own
# way: https://github.com/geohot/ai-notebooks, https://github.com/willxxy/np_nn.
PUBLISHED = {"epochs": None, "lr": 0.001, "momentum": 0.0, "schedule": "constant", "pixels": "raw"}
PUBLISHED |= {"init": {"np": "geohot", "torch": "pytorch"}}

MLP = Entry(
    name="MLP",
    classes="mlp.MLP",
    options={
        "hidden": option("hidden units", type=integer(1, 16384), metavar="H"),
        "init": option(
            "how the first weights are drawn: by He's rule, as PyTorch does, as George Hotz did",
            choices=["he", "pytorch", "geohot"],
        ),
    },
    recipes={
        "default": {"epochs": 5, "batch_size": 128, "hidden": 512, "lr": 0.1, "init": "he"},
        "best": {"epochs": 80, "batch_size": 128, "hidden": 2048, "lr": 0.1, "init": "he", "augment": "elastic"},
        "np_nn": PUBLISHED | {"steps": 4000, "batch_size": 256, "hidden": 512},
        "geohot": PUBLISHED | {"steps": 1000, "batch_size": 128, "hidden": 128},
    },
    about_recipes=" (np_nn and geohot: what the repository np_nn and George Hotz's notebook published)",
    title=lambda options: f"784-{options.hidden}-10",
)


# --- The residual network ---------------------------------------------------------------------------------------------


def check_resnet(options, images):
    # From the fifth stage on, 28 x 28 pixels are a single one: one image alone then has no variance to normalise by.
    if len(options.widths) > 4 and images == 1:
        raise UserError(f"{opt.title(options)} needs 2 images in a step: take a larger --batch-size")


RESNET_TRAINING = {"lr": 0.1, "weight_decay": 5e-4}
RESNET = Entry(
    name="ResNet",
    classes="resnet.ResNet",
    options={
        "widths": option("channels of each stage", type=integers(1, 1024), metavar="C,C,C"),
        "blocks": option("residual blocks in each stage, two convolutions each", type=integer(1, 50)),
    },
    recipes={
        "default": RESNET_TRAINING
        | {"epochs": 8, "batch_size": 64, "widths": (16, 32, 64), "blocks": 1, "augment": "shift"},
        "best": RESNET_TRAINING
        | {"epochs": 30, "batch_size": 128, "widths": (24, 48, 96), "blocks": 2, "augment": "gentle"},
    },
    title=lambda options: (
        f"ResNet {'-'.join(map(str, options.widths))}" + (f" × {options.blocks}" if options.blocks > 1 else "")
    ),  # as many blocks for each width
    check=check_resnet,
    bfloat16_on_cuda=True,
)


# --- The transformer --------------------------------------------------------------------------------------------------


def check_vit(options, images):
    if options.width % options.heads:
        raise UserError(f"--width {options.width} cannot be split evenly by {options.heads} --heads")


VIT_TRAINING = {"batch_size": 128, "optimizer": "adamw", "lr": 0.003, "weight_decay": 0.05}
VIT = Entry(
    name="ViT",
    classes="vit.ViT",
    options={
        "width": option("channels of each patch", type=integer(1, 1024), metavar="C"),
        "blocks": option("transformer blocks, each an attention and an MLP", type=integer(1, 50)),
        "heads": option("heads of each attention, which share the channels", type=integer(1, 1024)),
        "patch": option("pixels along a patch's side", type=int, choices=[2, 4, 7, 14, 28]),  # divide 28
    },
    recipes={
        "default": VIT_TRAINING | {"epochs": 8, "width": 64, "blocks": 3, "heads": 4, "patch": 7, "augment": "shift"},
        "best": VIT_TRAINING | {"epochs": 40, "width": 64, "blocks": 6, "heads": 4, "patch": 7, "augment": "gentle"},
    },
    title=lambda options: f"ViT {options.width} × {options.blocks}, {options.heads} heads, patch {options.patch}",
    check=check_vit,
)


# --- The network that writes ------------------------------------------------------------------------------------------


def check_gpt(options, images):
    check_vit(options, images)
    if options.pixels != "standardised":
        raise UserError(f"--pixels {options.pixels} does not apply: {options.network.name} learns from words")
    if options.augment != "none" and options.source.of != "images":
        raise UserError(
            f"--augment {options.augment} does not apply: it moves images, and these are {options.source.of}"
        )
    if options.places and options.source.of != "texts":
        raise UserError(f"--places {options.places} does not apply: these are {options.source.of}, all equally long")
    if options.source.of == "images":
        sizes(options.source)  # UserError if it has no words


TEXTS = VIT_TRAINING | {"dataset": "shakespeare", "batch_size": 32, "heads": 4, "places": 64}
GPT = Entry(
    name="GPT",
    classes="gpt.GPT",
    options={
        "width": option("channels of each word", type=integer(1, 1024), metavar="C"),
        "blocks": VIT.options["blocks"],
        "heads": VIT.options["heads"],
        "places": option("of a text, the letters that it sees at once", type=integer(2, 4096), metavar="T"),
    },
    recipes={
        "default": VIT_TRAINING | {"epochs": 4, "batch_size": 32, "width": 64, "blocks": 2, "heads": 4},
        "names": VIT_TRAINING
        | {"dataset": "names", "epochs": 8, "batch_size": 128, "width": 64, "blocks": 2, "heads": 4},
        "texts": TEXTS | {"epochs": 6, "width": 64, "blocks": 2, "lr": 0.006},
        "best": TEXTS | {"epochs": 8, "width": 128, "blocks": 3, "lr": 0.004},
    },
    about_recipes=" (names and texts: the default where these are learned; best: for texts)",
    title=lambda options: f"GPT {options.width} × {options.blocks}, {options.heads} heads",
    check=check_gpt,
    batch=as_text,
    learns=("images", "names", "texts"),
    writes=True,
    sizes=lambda options: sizes(options.source),
)

NETWORKS = {"mlp": MLP, "resnet": RESNET, "vit": VIT, "gpt": GPT}


# --- The optimizers ---------------------------------------------------------------------------------------------------


class Rule(NamedTuple):
    """How a step moves the parameters. Its key in OPTIMIZERS is what --optimizer takes."""

    what: str  # for -h
    by_hand: str  # "main_np.update" is the function update in main_np.py, which is called as Optimizer.step does there
    in_pytorch: str  # "torch.optim.SGD" is the class
    remembers: dict[str, str]  # of each parameter, an array of its shape: {what we call it: what PyTorch calls it}
    given: Callable  # options -> what the class in PyTorch is given beside lr and weight_decay, {argument: value}


OPTIMIZERS = {
    "sgd": Rule(
        "gradient descent with momentum",
        "main_np.update",
        "torch.optim.SGD",
        {"momentum": "momentum_buffer"},
        lambda options: {"momentum": options.momentum},
    ),
    "adamw": Rule(
        "a step length for each parameter",
        "main_np.update_adamw",
        "torch.optim.AdamW",
        {"momentum": "exp_avg", "squares": "exp_avg_sq"},
        lambda options: {"betas": (options.momentum, 0.999)},
    ),
}


# --- What the programs ask --------------------------------------------------------------------------------------------


def typed(model):
    """What a user types to get that network: nothing for the first, which is the default, or "--model resnet"."""
    return "" if model == next(iter(NETWORKS)) else f"--model {model}"


def prefix(model):
    """What the names of a run's files begin with: nothing for the first network, or "resnet_"."""
    return f"{model}_" if typed(model) else ""


def make(framework, options, checkpoint=None):
    """The network that the options describe, with its first weights. framework: "np", "autograd" or "torch".

    checkpoint: the one that the options are from. It is refused if the network takes much more memory than its arrays.
    """
    network = class_of(options, framework)
    given = {name: getattr(options, name) for name in taken(network, options, framework)}
    given |= options.network.sizes(options)
    if checkpoint is None:
        return network(**given)
    try:
        with memory.limited(2**26 + 8 * checkpoint.size):
            return network(**given)
    except MemoryError:
        checkpoint.refuse()


def class_of(options, framework):
    """The network's class in that framework."""
    file, name = options.network.classes.split(".")
    return named(f"{file}_{framework}.{name}")


def named(path):
    """What a name like "mlp_np.MLP" means. It is imported only now: no program waits for what another needs."""
    file, name = path.rsplit(".", 1)
    return getattr(import_module(file), name)


def arrays_of(model):
    """The arrays of a network in NumPy: {"params": {name: array}, "statistics": the same}; only a ResNet has any."""
    return {"params": model.params, "statistics": getattr(model, "statistics", {})}


def taken(network, options, framework):
    """Those of the options that a class takes. UserError if it leaves one out: nobody should train without noticing.

    What it takes stands in its own __init__: it might know nothing of what an inherited one takes.
    """
    names = {*options.network.options, "seed", "dtype"}
    takes = inspect.signature(vars(network).get("__init__", object.__init__)).parameters
    not_needed = {"seed", "dtype", "init"} if framework == "torch" else set()  # its first weights are NumPy's
    if unknown := names - not_needed - {*takes}:
        raise UserError(f"{network.__module__}.{network.__name__} does not know {', '.join(sorted(unknown))}")
    return names & {*takes}


def begin(framework, description, argv=None):
    """The options that the user typed, and the `Checkpoint` that --resume names or None; UserError if they are wrong.

    framework: "np" or "torch". A resumed run keeps its own options.
    """
    path, kept, checkpoint = opt.resumed_from(argv), None, None
    if path is not None:
        options, checkpoint = read(framework, path)
        # my_network.py keeps none of that, and draws its batches in another order.
        if not all(checkpoint.groups.get(what) for what in options.rule.remembers):
            raise UserError(f"{path} is not of a run of main_np.py or main_torch.py: it can be used, but not continued")
        kept = opt.run_options(options)
    facts = checkpoint and checkpoint.facts
    options = opt.parse(NETWORKS, OPTIMIZERS, SOURCES, framework, argv, description, kept, facts)
    if checkpoint and (of := SOURCES[options.dataset].of) != options.source.of:
        raise UserError(f"--dataset {options.dataset} has {of}, and {path} has learned from {options.source.of}")
    return options, checkpoint


def add_weights(parser, writes=False):
    """The option --weights, for `load`."""
    what = f"the checkpoint of a network that {does(writes)} (default: the newest in {FOLDER})"
    parser.add_argument("--weights", metavar="FILE", help=what)


def load(path=None, writes=False, text=None):
    """(model, options, checkpoint): the trained network in a checkpoint, in NumPy, set to predict and not to train.

    path: if None, the newest in learning_curves of a network that reads digits or, with `writes`, writes. text: what
    it is to write, or to go on from. writes: None if a network of a path may do either. UserError if there is none, if
    the network is of the other kind or cannot write that text, or if anything is wrong with the file.
    """
    options, checkpoint = read("np", path or newest(writes, text))
    if writes not in (None, options.network.writes):
        raise UserError(f"{checkpoint.path} holds a network that {does(not writes)}; give one that {does(writes)}")
    if why := refusal(options.source, text):
        raise UserError(f"{options.network.title(options)} of {checkpoint.path} {why}")
    model = make("np", options, checkpoint)
    checkpoint.copy_to(arrays_of(model))
    model.training = False
    return model, options, checkpoint


def logits_of(model, options, images):
    """What a network that reads says to uint8 images (B, 28, 28) whose labels nobody knows: logits (B, 10)."""
    x, _ = options.network.batch(images, np.zeros(len(images), np.int64), options)
    return model.forward(x)


def does(writes, kind=None):
    return ("writes" if writes else "reads") + (f" {kind}s" if kind else "")


def newest(writes, text=None):
    """The newest checkpoint in learning_curves of such a network: see `load`. Of others, only the options are read."""
    unknown = []
    for path in sorted(FOLDER.glob("checkpoint_*.npz"), key=lambda path: path.stat().st_mtime, reverse=True):
        options, facts = load_options(path)
        model, dataset = options.get("model", next(iter(NETWORKS))), options.get("dataset", next(iter(SOURCES)))
        if model not in NETWORKS or not (facts or dataset in SOURCES):  # `read` says it of one that nobody knows
            return path
        if writes in (None, NETWORKS[model].writes):
            source = SOURCES[dataset].told(**facts)
            if not (why := refusal(source, text)):
                return path
            unknown += [f"{path} {why}"] * (source.of == "texts")
    kinds = [source.kind for source in SOURCES.values() if not (source.of == "texts" or refusal(source, text))]
    kind = None if text is None else [*kinds, "text"][0]
    if unknown and kind == "text":
        raise UserError(unknown[0])
    model = next(name for name, network in NETWORKS.items() if writes in (None, network.writes))
    dataset = next(name for name, source in SOURCES.items() if kind in (None, source.kind))
    command = f"python main_np.py {typed(model)}".rstrip() + f" --dataset {dataset}" * (dataset != next(iter(SOURCES)))
    what = f"no trained network that {does(writes, kind)} in {FOLDER}"
    raise UserError(f"{what}: run `{command}` first, or give --weights FILE")


def read(framework, path):
    """The options of the run in a checkpoint, and the `Checkpoint`."""
    checkpoint = load_checkpoint(path)
    options = opt.restore(NETWORKS, OPTIMIZERS, SOURCES, framework, checkpoint.options, path, checkpoint.facts)
    if any(array.dtype != options.dtype for array in checkpoint.groups["params"].values()):
        checkpoint.refuse(f"not all numbers are {options.dtype}")
    if unknown := checkpoint.groups.keys() - {*GROUPS, *options.rule.remembers}:
        checkpoint.refuse(f"--optimizer {options.optimizer} remembers no {min(unknown)}")
    return options, checkpoint


def parse_options(framework, *argv):
    """The options of a new run with these arguments."""
    return opt.parse(NETWORKS, OPTIMIZERS, SOURCES, framework, [str(word) for word in argv])
