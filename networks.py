"""What can be trained, with which options, by which recipes: an entry for each network.

To add a network, write its files (as mlp_np.py, mlp_autograd.py and mlp_torch.py) and add an entry to NETWORKS, after
those that it builds on. To add a recipe, add a line to an entry. The options that every run has are in
support/options.py; `python main_np.py -h` explains all. What look.py draws of a network's inside is in look.py.
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data import SOURCES, as_input, as_text, sizes, test_batch_size
from support import memory
from support import options as opt
from support.augment import MEMORY
from support.checkpoint import load_checkpoint, load_options
from support.errors import UserError
from support.options import integer, integers, option

FOLDER = Path("learning_curves")  # where a run leaves its network, unless --out says otherwise


def images_and_labels(images, labels, options):
    """What a network that reads learns from: images as its input x (B, 28, 28), and their labels y (B,)."""
    return as_input(images, options), labels


def share_images(size):
    """The `share` of a network whose batches are cut into parts of at most `size` images."""

    def share(options):
        from support.threads import by_images

        return by_images(size)

    return share


class Entry(NamedTuple):
    name: str  # in tables
    load: Callable  # "np", "autograd" or "torch" -> its class, imported then: no program waits for what another needs
    options: dict[str, dict]  # its own, beside those that every run has
    recipes: dict[str, dict]  # {recipe: {option: value}}; a value may be {"np": value, "torch": value}
    title: Callable  # its options -> what it is called in pictures and tables
    weights: Callable  # its options -> how many numbers its params hold: too many are refused before anything is built
    prefix: str  # of the names of its files: "", "resnet_" ...
    check: Callable = lambda options, images: None  # UserError if its options, or this many images in a step, cannot be
    # Its options -> what shares its work among threads, one of the two in support/threads.py, or None. It is imported
    # when it is called: page/desk.py imports this file where there is no threadpoolctl.
    share: Callable = lambda options: None
    # Images (B, 28, 28) uint8, their labels (B,) int64 and its options -> what goes in, x (B, ...), and what should
    # come out, y (B, ...) int64. For each number in y it gives a row of logits: (B, ..., K).
    batch: Callable = images_and_labels
    learns: tuple[str, ...] = ("images",)  # from which kinds of examples
    writes: bool = False  # digits or names, instead of reading digits
    sizes: Callable = lambda options: {}  # its options -> what else its classes are given, {argument: value}
    bfloat16_on_cuda: bool = False  # whether --amp is the default there
    about_recipes: str = ""  # what -h adds
    # The runs whose accuracies the docs state: {what it is called: (its command, how many seeds)}. If the default run
    # is among them in both frameworks, as "MLP, NumPy" and "MLP, PyTorch", png/ has its curves.
    runs: dict[str, tuple[str, int]] = {}  # noqa: RUF012
    proven: str = ""  # options of the run that is proven, where the default run would take an hour
    timed: str = "--steps 300"  # options of the run whose seconds are measured
    # The sums before its ReLUs: {what keeps them by hand: the layer in PyTorch that they are the output of}. The proof
    # counts how many are on in one and off in the other.
    sums: dict[str, str] = {}  # noqa: RUF012


# --- The MLP ----------------------------------------------------------------------------------------------------------


def load_mlp(way):
    if way == "np":
        from mlp_np import MLP
    elif way == "autograd":
        from mlp_autograd import MLP
    else:
        from mlp_torch import MLP
    return MLP


def share_mlp(options):
    from support.threads import by_units

    return by_units({"W1": 1, "b1": 0, "W2": 0}, 256)


# What George Hotz's notebook and the repository np_nn have in common. Each framework drew the first weights in its own
# way: https://github.com/geohot/ai-notebooks, https://github.com/willxxy/np_nn.
PUBLISHED = {"epochs": None, "lr": 0.001, "momentum": 0.0, "schedule": "constant", "pixels": "raw"}
PUBLISHED |= {"init": {"np": "geohot", "torch": "pytorch"}}

MLP = Entry(
    name="MLP",
    load=load_mlp,
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
    weights=lambda options: (784 + 1) * options.hidden + (options.hidden + 1) * 10,
    prefix="",
    share=share_mlp,
    runs={
        "MLP, NumPy": ("main_np.py", 5),
        "MLP, PyTorch": ("main_torch.py", 5),
        "MLP for longer, NumPy": ("main_np.py --epochs 20", 5),
        "MLP best, NumPy": ("main_np.py --recipe best", 3),
    },
    timed="",
    sums={"z1": "layer1"},
)


# --- The residual network ---------------------------------------------------------------------------------------------


def load_resnet(way):
    if way == "np":
        from resnet_np import ResNet
    elif way == "autograd":
        from resnet_autograd import ResNet
    else:
        from resnet_torch import ResNet
    return ResNet


def weights_of_resnet(options):
    def conv_norm(inputs, outputs, size):
        return size * size * inputs * outputs + 2 * outputs

    number, inputs = conv_norm(1, options.widths[0], 3), options.widths[0]  # the stem
    for stage, width in enumerate(options.widths):
        number += conv_norm(inputs, width, 3) + (2 * options.blocks - 1) * conv_norm(width, width, 3)
        if stage > 0:
            number += conv_norm(inputs, width, 1)  # the shortcut of its first block
        inputs = width
    return number + 10 * inputs + 10


def check_resnet(options, images):
    # From the fifth stage on, 28 x 28 pixels are a single one: one image alone then has no variance to normalise by.
    if len(options.widths) > 4 and images == 1:
        raise UserError(f"{opt.title(options)} needs 2 images in a step: take a larger --batch-size")


RESNET_TRAINING = {"lr": 0.1, "weight_decay": 5e-4}
RESNET = Entry(
    name="ResNet",
    load=load_resnet,
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
    weights=weights_of_resnet,
    prefix="resnet_",
    check=check_resnet,
    share=share_images(64),
    bfloat16_on_cuda=True,
    runs={
        "ResNet, PyTorch": ("main_torch.py --model resnet", 3),
        "ResNet best, PyTorch": ("main_torch.py --model resnet --recipe best --amp", 3),
        "ResNet in bfloat16, PyTorch": ("main_torch.py --model resnet --amp", 3),
        "ResNet by two processes, PyTorch": ("torchrun --nproc-per-node=2 main_torch.py --model resnet", 1),
        "ResNet, NumPy": ("main_np.py --model resnet", 2),
    },
    proven="--steps 500",
)


# --- The transformer --------------------------------------------------------------------------------------------------


def load_vit(way):
    if way == "np":
        from vit_np import ViT
    elif way == "autograd":
        from vit_autograd import ViT
    else:
        from vit_torch import ViT
    return ViT


def weights_of_vit(options):
    C, patches = options.width, (28 // options.patch) ** 2
    return options.patch**2 * C + C + patches * C + weights_of_blocks(options) + 2 * C + 10 * C + 10


def weights_of_blocks(options):
    """Each has two norms, an attention whose key has no bias, and an MLP."""
    C = options.width
    return options.blocks * (4 * C + 4 * C * C + 3 * C + 8 * C * C + 5 * C)


def check_vit(options, images):
    if options.width % options.heads:
        raise UserError(f"--width {options.width} cannot be split evenly by {options.heads} --heads")


VIT_TRAINING = {"batch_size": 128, "optimizer": "adamw", "lr": 0.003, "weight_decay": 0.05}
VIT = Entry(
    name="ViT",
    load=load_vit,
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
    weights=weights_of_vit,
    prefix="vit_",
    check=check_vit,
    share=share_images(64),
    runs={
        "ViT, NumPy": ("main_np.py --model vit", 3),
        "ViT, PyTorch": ("main_torch.py --model vit", 3),
        "ViT best, PyTorch": ("main_torch.py --model vit --recipe best", 3),
    },
)


# --- The network that writes ------------------------------------------------------------------------------------------


def load_gpt(way):
    if way == "np":
        from gpt_np import GPT
    elif way == "autograd":
        from gpt_autograd import GPT
    else:
        from gpt_torch import GPT
    return GPT


def weights_of_gpt(options):
    C, (words, starts, places) = options.width, sizes(options.dataset).values()
    return (words + starts) * C + places * C + weights_of_blocks(options) + 2 * C + words * C + words


def check_gpt(options, images):
    check_vit(options, images)
    if options.pixels != "standardised":
        raise UserError(f"--pixels {options.pixels} does not apply: {options.network.name} learns from words")
    if options.augment != "none" and options.source.of != "images":
        raise UserError(
            f"--augment {options.augment} does not apply: it moves images, and these are {options.source.of}"
        )
    sizes(options.dataset)  # UserError if it has no words


def share_gpt(options):
    """In parts of 16 images, or of as many names as have about as many words."""
    return share_images(16 * 49 // sizes(options.dataset)["places"])(options)


GPT = Entry(
    name="GPT",
    load=load_gpt,
    options={
        "width": option("channels of each word", type=integer(1, 1024), metavar="C"),
        "blocks": VIT.options["blocks"],
        "heads": VIT.options["heads"],
    },
    recipes={
        "default": VIT_TRAINING | {"epochs": 4, "batch_size": 32, "width": 64, "blocks": 2, "heads": 4},
        "names": VIT_TRAINING
        | {"dataset": "names", "epochs": 8, "batch_size": 128, "width": 64, "blocks": 2, "heads": 4},
    },
    title=lambda options: f"GPT {options.width} × {options.blocks}, {options.heads} heads",
    weights=weights_of_gpt,
    prefix="gpt_",
    check=check_gpt,
    share=share_gpt,
    batch=as_text,
    learns=("images", "names"),
    writes=True,
    sizes=lambda options: sizes(options.dataset),
)

NETWORKS = {"mlp": MLP, "resnet": RESNET, "vit": VIT, "gpt": GPT}


BYTES = {"float32": 4, "float64": 8}  # of a number


# --- What the programs ask --------------------------------------------------------------------------------------------


def typed(model):
    """What a user types to get that network: nothing for the first, which is the default, or "--model resnet"."""
    return "" if model == next(iter(NETWORKS)) else f"--model {model}"


def make(framework, options):
    """The network that the options describe, with its first weights. framework: "np", "autograd" or "torch"."""
    names = {*options.network.options, "seed", "dtype"}
    network = options.network.load(framework)
    given = {name: getattr(options, name) for name in taken(network, names, framework)}
    return network(**given, **options.network.sizes(options))


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
    path, kept, checkpoint = opt.resumed_from(argv), None, None
    if path is not None:
        options, checkpoint = read(framework, path)
        if not checkpoint.groups["momentum"]:  # my_network.py keeps none, and draws its batches in another order
            raise UserError(f"{path} is not of a run of main_np.py or main_torch.py: it can be used, but not continued")
        kept = opt.run_options(options)
    options = opt.parse(NETWORKS, SOURCES, framework, argv, description, kept)
    what, cure = opt.title(options), "take a smaller network"
    check_memory(memory_of_weights(options), what, cure)
    what, cure = f"{what} with --batch-size {options.batch_size}", f"lower --batch-size, or {cure}"
    check_memory(memory_of(options), what, cure)
    return options, checkpoint


def add_weights(parser, writes=False):
    """The option --weights, for `load`."""
    what = f"the checkpoint of a network that {does(writes)} (default: the newest in {FOLDER})"
    parser.add_argument("--weights", metavar="FILE", help=what)


def load(path=None, writes=False, kind=None):
    """(model, options, checkpoint): the trained network in a checkpoint, in NumPy, set to predict and not to train.

    path: if None, the newest in learning_curves of a network that reads digits or, with `writes`, writes. kind: what
    that one has learned, "digit" or "name"; None for either. writes: None if a network of a path may do either.
    UserError if there is none, if the network is of the other kind, or if anything is wrong with the file.
    """
    options, checkpoint = read("np", path or newest(writes, kind))
    if writes not in (None, options.network.writes):
        raise UserError(f"{checkpoint.path} holds a network that {does(not writes)}; give one that {does(writes)}")
    model = make("np", options)
    checkpoint.copy_to({"params": model.params, "statistics": getattr(model, "statistics", {})})
    model.training = False
    return model, options, checkpoint


def logits_of(model, options, images):
    """What a network that reads says to uint8 images (B, 28, 28) whose labels nobody knows: logits (B, 10)."""
    x, _ = options.network.batch(images, np.zeros(len(images), np.int64), options)
    return model.forward(x)


def does(writes, kind=None):
    return ("writes" if writes else "reads") + (f" {kind}s" if kind else "")


def newest(writes, kind=None):
    """The newest checkpoint in learning_curves of such a network: see `load`. Of others, only the options are read."""
    for path in sorted(FOLDER.glob("checkpoint_*.npz"), key=lambda path: path.stat().st_mtime, reverse=True):
        options = load_options(path)
        model, dataset = options.get("model", next(iter(NETWORKS))), options.get("dataset", next(iter(SOURCES)))
        if model not in NETWORKS or dataset not in SOURCES:  # `read` says it of one that nobody knows
            return path
        if NETWORKS[model].writes == writes and kind in (None, SOURCES[dataset].kind):
            return path
    model = next(name for name, network in NETWORKS.items() if network.writes == writes)
    dataset = next(name for name, source in SOURCES.items() if kind in (None, source.kind))
    command = f"python main_np.py {typed(model)}".rstrip() + f" --dataset {dataset}" * (dataset != next(iter(SOURCES)))
    what = f"no trained network that {does(writes, kind)} in {FOLDER}"
    raise UserError(f"{what}: run `{command}` first, or give --weights FILE")


def read(framework, path):
    """The options of the run in a checkpoint, and the `Checkpoint`. No file can ask for more than a few times its own
    size in memory: its options are compared with its arrays before any network is built."""
    checkpoint = load_checkpoint(path)
    options = opt.restore(NETWORKS, SOURCES, framework, checkpoint.options, path)
    if options.network.weights(options) != sum(array.size for array in checkpoint.groups["params"].values()):
        checkpoint.refuse()
    return options, checkpoint


def memory_of_weights(options):
    """The bytes that a run takes whatever its batches are."""
    # Each weight has a gradient for each of two threads, and the optimizer's; a checkpoint is put together in memory.
    copies = {"sgd": 6, "adamw": 8}[options.optimizer]
    return copies * options.network.weights(options) * BYTES[options.dtype]


def memory_of(options):
    """The bytes that a run takes, to a third: its weights, its steps and tests, what augments a batch, a checkpoint.

    What an image takes is measured, in NumPy, with a network that is made for this alone.
    """

    def batch(n):
        blank = np.zeros((n, *options.source.shape), np.uint8)
        return options.network.batch(blank, np.zeros(n, np.int64), options)[0]

    of_an_image = memory.of_an_image(make("autograd" if options.autograd else "np", options), batch)
    trained, tested = options.batch_size, test_batch_size(options)
    # By hand, the layers that test are other ones, and keep what they computed for the last images, but no gradients.
    # On a tape, a step leaves nothing; of the images tested, each part is there until its thread has the next.
    images = max(trained, 1.25 * tested) if options.autograd else trained + 0.75 * tested
    return memory_of_weights(options) + images * of_an_image + trained * MEMORY[options.augment]


def check_memory(needed, what, cure):
    """UserError if `needed` is more than the bytes of memory that there are. what needs them; cure: what to do then."""
    if needed > memory.there_is():
        has = memory.there_is() / 1e9
        raise UserError(f"{what} needs {needed / 1e9:.1f} GB of memory, and there are {has:.1f}: {cure}")


def parse_options(framework, *argv):
    """The options of a new run with these arguments."""
    return opt.parse(NETWORKS, SOURCES, framework, [str(word) for word in argv])
