"""What can be trained, with which options, recipes and optimizers: an entry for each network.

To add a network, write its files (as mlp_np.py, mlp_autograd.py and mlp_torch.py) and add an entry to NETWORKS, after
those that it builds on. To add a recipe, add a line to an entry; to add an optimizer, an entry to OPTIMIZERS. The
options that every run has are in support/options.py; `python main_np.py -h` explains all. What look.py draws of a
network's inside is in look.py.
"""

import inspect
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from data import SOURCES, as_input
from support import memory
from support import options as opt
from support.checkpoint import GROUPS, difference, load_checkpoint, load_options
from support.errors import UserError
from support.options import integer, integers, option
from support.texts import as_text, refusal, sizes

FOLDER = Path("learning_curves")  # where a run leaves its network, unless --out says otherwise


def images_and_labels(images, labels, options):
    """What a network that reads learns from: images as its input x (B, 28, 28), and their labels y (B,)."""
    return as_input(images, options), labels


class InFile(NamedTuple):
    """How a GGUF file has a network: what it calls it, its sizes and its arrays.

    The network by hand then has `take(arrays)` and, as in PyTorch, `adapt(rank)`: see llama_np.py.
    """

    architecture: str
    sizes: dict[str, str]  # {argument of its class: what the file calls it}
    arrays: dict[str, str]  # {its name in params: its name in the file}; {} stands for a block's number
    fit: Callable  # the sizes -> whether there can be such a network
    implied: dict[str, Callable]  # {what else the file may say: the sizes -> the value that alone is meant here}
    recipe: dict  # {option: value} of a run that starts from a file


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
    in_file: "InFile | None" = None  # how GGUF files have such a network, if they do
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

# --- The network of today's language models ---------------------------------------------------------------------------


def check_llama(options, images):
    check_gpt(options, images)
    if options.heads % options.keys:
        raise UserError(f"--heads {options.heads} cannot share --keys {options.keys} evenly")
    if options.lora and not options.begun:
        raise UserError(f"--lora {options.lora} needs --start FILE.gguf, beside whose weights it stands")
    if options.begun and options.source.places > options.begun.sizes["places"]:
        least = f"{options.start} sees {options.begun.sizes['places']:,} words at once"
        raise UserError(f"--places {options.source.places} is too many: {least}")
    if options.width // options.heads % 2:
        channels = f"--width {options.width} gives each of {options.heads} --heads {options.width // options.heads}"
        raise UserError(f"{channels} channels, and they are turned two by two: take an even number")


def fits_llama(width, blocks, heads, keys, hidden, places, base, eps, **_):
    whole = all(isinstance(size, int) and size > 0 for size in (width, blocks, heads, keys, hidden, places))
    real = all(isinstance(number, float) and 0 < number < np.inf for number in (base, eps))
    return whole and real and heads % keys == width % (2 * heads) == 0


LLAMA_SIZES = {"width": 64, "blocks": 2, "heads": 4, "keys": 2, "hidden": 176}
LLAMA = Entry(
    name="Llama",
    classes="llama.Llama",
    options={
        "width": GPT.options["width"],
        "blocks": GPT.options["blocks"],
        "heads": option("heads of queries of each attention, which share the channels", type=integer(1, 1024)),
        "keys": option("heads of keys and values of each attention: several heads share one", type=integer(1, 1024)),
        "hidden": option("units inside each MLP", type=integer(1, 16384), metavar="H"),
        "places": GPT.options["places"],
    },
    recipes={
        "default": GPT.recipes["default"] | LLAMA_SIZES,
        "names": GPT.recipes["names"] | LLAMA_SIZES,
        "texts": GPT.recipes["texts"] | LLAMA_SIZES | {"lr": 0.01},
    },
    about_recipes=" (names and texts: the default where these are learned)",
    title=lambda options: (
        f"Llama {options.width} × {options.blocks}, {options.heads} heads, {options.keys} of keys"
        + (f", LoRA {options.lora}" if options.lora else "")
    ),
    check=check_llama,
    batch=as_text,
    learns=GPT.learns,
    writes=True,
    sizes=GPT.sizes,
    in_file=InFile(
        architecture="llama",
        sizes={
            "width": "embedding_length",
            "blocks": "block_count",
            "heads": "attention.head_count",
            "keys": "attention.head_count_kv",
            "hidden": "feed_forward_length",
            "places": "context_length",
            "base": "rope.freq_base",
            "eps": "attention.layer_norm_rms_epsilon",
        },
        arrays={
            "embed.E": "token_embd.weight",
            "blocks.{}.norm1.gamma": "blk.{}.attn_norm.weight",
            "blocks.{}.attention.query.W": "blk.{}.attn_q.weight",
            "blocks.{}.attention.key.W": "blk.{}.attn_k.weight",
            "blocks.{}.attention.value.W": "blk.{}.attn_v.weight",
            "blocks.{}.attention.out.W": "blk.{}.attn_output.weight",
            "blocks.{}.norm2.gamma": "blk.{}.ffn_norm.weight",
            "blocks.{}.mlp.gate.W": "blk.{}.ffn_gate.weight",
            "blocks.{}.mlp.up.W": "blk.{}.ffn_up.weight",
            "blocks.{}.mlp.down.W": "blk.{}.ffn_down.weight",
            "norm.gamma": "output_norm.weight",
        },
        fit=fits_llama,
        implied={
            "vocab_size": lambda sizes: sizes["words"],
            "rope.dimension_count": lambda sizes: sizes["width"] // sizes["heads"],
            "attention.key_length": lambda sizes: sizes["width"] // sizes["heads"],
            "attention.value_length": lambda sizes: sizes["width"] // sizes["heads"],
            "expert_count": lambda sizes: 0,
        },
        # Tried with SmolLM2 alone.
        recipe={"dataset": "shakespeare", "steps": 100, "batch_size": 4, "places": 128, "lora": 8}
        | {"optimizer": "adamw", "lr": 0.002, "weight_decay": 0.0},
    ),
)

NETWORKS = {"mlp": MLP, "resnet": RESNET, "vit": VIT, "gpt": GPT, "llama": LLAMA}


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
    if options.begun:
        given |= options.begun.sizes
        arrays = {} if framework == "torch" else options.begun.arrays(options.dtype)  # not a part of the checkpoint
    try:
        with nullcontext() if checkpoint is None else memory.limited(2**26 + 8 * checkpoint.size):
            if not options.begun:
                return network(**given)
            if framework == "torch":
                model = network(**given)
                model.adapt(options.lora)
            else:
                model = network(**given | {"seed": None})
                model.take(arrays)
                model.adapt(options.lora, options.seed)
            return model
    except MemoryError:
        if checkpoint is None:
            raise
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
    """The arrays of a network in NumPy: {"params": {name: array}, "statistics": the same, or {} if it has none}."""
    return {"params": model.params, "statistics": getattr(model, "statistics", {})}


def frozen_arrays(options):
    """{"frozen": {name: array}} of what stays as it is in a run that starts from a file; {} of all others."""
    return {"frozen": options.begun.arrays(options.dtype)} if options.begun else {}


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
    path, kept, checkpoint = opt.asked("resume", argv), None, None
    begun = opt.asked("start", argv)
    if path is None:
        begun = begun_from(opt.asked("model", argv, next(iter(NETWORKS))), begun)
    else:
        options, checkpoint = read(framework, path, begun)
        # my_network.py keeps none of that, and draws its batches in another order.
        if not all(checkpoint.groups.get(what) for what in options.rule.remembers):
            raise UserError(f"{path} is not of a run of main_np.py or main_torch.py: it can be used, but not continued")
        kept, begun = opt.run_options(options), options.begun
    facts = checkpoint and checkpoint.facts
    options = opt.parse(NETWORKS, OPTIMIZERS, SOURCES, framework, argv, description, kept, facts, begun)
    if checkpoint and (of := SOURCES[options.dataset].of) != options.source.of:
        raise UserError(f"--dataset {options.dataset} has {of}, and {path} has learned from {options.source.of}")
    return options, checkpoint


def add_weights(parser, writes=False):
    """The option --weights, for `load`."""
    what = f"the checkpoint of a network that {does(writes)} (default: the newest in {FOLDER})"
    what += ", or the GGUF file of a model that people use" if writes else ""
    parser.add_argument("--weights", metavar="FILE", help=what)


def load(path=None, writes=False, text=None, start=None):
    """(model, options, checkpoint): the trained network in a checkpoint, in NumPy, set to predict and not to train.

    path: if None, the newest in learning_curves of a network that reads digits or, with `writes`, writes. text: what
    it is to write, or to go on from. writes: None if a network of a path may do either. start: see `read`. UserError if
    there is none, if the network is of the other kind or cannot write that text, or if anything is wrong with the file.
    """
    options, checkpoint = read("np", path or newest(writes, text), start)
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
    """The newest checkpoint in learning_curves of such a network: see `load`. Of others, only the options are read.

    One that needs the file that it starts from is never meant.
    """
    unknown = []
    for path in sorted(FOLDER.glob("checkpoint_*.npz"), key=lambda path: path.stat().st_mtime, reverse=True):
        options, facts = load_options(path)
        if options.get("start"):
            continue
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


def read(framework, path, start=None):
    """The options of the run in a checkpoint, and the `Checkpoint`.

    start: where the file now is from which that run started; None if it is where it was.
    """
    checkpoint = load_checkpoint(path)
    kept, facts = checkpoint.options, checkpoint.facts
    begun = begun_again(checkpoint, start) if kept.get("start") else None
    options = opt.restore(NETWORKS, OPTIMIZERS, SOURCES, framework, kept, path, facts, begun)
    if any(array.dtype != options.dtype for array in checkpoint.groups["params"].values()):
        checkpoint.refuse(f"not all numbers are {options.dtype}")
    if unknown := checkpoint.groups.keys() - {*GROUPS, *options.rule.remembers}:
        checkpoint.refuse(f"--optimizer {options.optimizer} remembers no {min(unknown)}")
    return options, checkpoint


# --- The file of a model that people use ------------------------------------------------------------------------------


def load_file(path):
    """(model, options, file): the network in a GGUF file, in NumPy, with the arrays of the file, and its `ModelFile`.

    It is never made with random weights: that would take its memory twice. UserError if the file holds another network,
    or anything is wrong with it.
    """
    from support.model_file import ModelFile  # here, because hardly a program needs it

    file = ModelFile(path)
    options = options_in(file)
    arrays = arrays_in(file, options)
    model = class_of(options, "np")(**options.sizes, seed=None)
    model.take(arrays)
    model.training = False
    return model, options, file


class Begun:
    """What a run starts from: the GGUF file that --start names.

    sizes: {argument of the network's class: value}. decides: those of them that are options. recipe: other options,
    unless they are typed. words, sha256: of the file, which is read once; see `support.model_file.ModelFile`.
    """

    def __init__(self, path, model):
        """model: what --model says. UserError if the file holds another network, or anything is wrong with it."""
        from support.model_file import ModelFile

        self.file = ModelFile(path)
        self.known = options_in(self.file)
        names_in(self.file, self.known)  # UserError if its sizes are not those of its arrays
        if self.known.model != model:
            self.file.refuse(f"holds a network of --model {self.known.model}, and not of --model {model}")
        self.sizes, network = self.known.sizes, NETWORKS[model]
        self.decides = {name: self.sizes[name] for name in network.options if name in self.sizes and name != "places"}
        recipe = network.in_file.recipe
        self.recipe = recipe | {"places": min(recipe["places"], self.sizes["places"])}
        self.words, self.sha256, self.unpacked = self.file.words, self.file.sha256, {}

    def arrays(self, dtype):
        """{name in params: array}: the same arrays at each call, for whoever needs them."""
        if not self.unpacked:
            self.unpacked["float32"] = arrays_in(self.file, self.known)
        if dtype not in self.unpacked:
            self.unpacked[dtype] = {name: a.astype(dtype) for name, a in self.unpacked["float32"].items()}
        return self.unpacked[dtype]


def begun_from(model, path):
    """The `Begun` of what is typed for --start and --model; None where there is no such option, or it is not typed."""
    return Begun(path, model) if path is not None and model in NETWORKS and NETWORKS[model].in_file else None


def begun_again(checkpoint, path=None):
    """The `Begun` of a checkpoint that holds what was learned beside a file's weights, with the file where it was or
    where it is now; UserError if that is not there, or another."""
    there, model = path or str(checkpoint.options["start"]), str(checkpoint.options.get("model"))
    whose = f"{checkpoint.path} holds what was learned beside the weights of a GGUF file"
    if not Path(there).is_file():
        raise UserError(f"{whose}, and {there} is not there: name that file with --start")
    if (begun := begun_from(model, there)) is None or begun.sha256 != checkpoint.facts.get("cut_by"):
        raise UserError(f"{whose}, and {there} is another one: its SHA-256 sum is not {checkpoint.facts.get('cut_by')}")
    return begun


def arrays_in(file, options):
    """{name in params: array} of the network in a `ModelFile`, unpacked: float32."""
    names, network = names_in(file, options), class_of(options, "np")(**options.sizes, seed=None)
    shapes = {ours: np.broadcast_to(np.float32(0), file.shapes[theirs]) for ours, theirs in names.items()}
    if found := difference({"params": turned(shapes)}, {"params": network.params}, "in the file", "by its sizes"):
        file.refuse(f"contradicts itself: {found}")
    file.check_memory(sum(array.size for array in shapes.values()))
    largest_first = sorted(names, key=lambda name: -shapes[name].size)  # unpacking takes more memory than the result
    # The other way round in memory: that is how one row times a matrix is fastest.
    arrays = turned({ours: np.asfortranarray(file.array(names[ours])) for ours in largest_first})
    file.tensors = {}  # the packed arrays take memory, too
    return arrays


def options_in(file):
    """What is known of the network in a `ModelFile`, as a namespace; UserError if it is none of those here."""
    kind = file.fact("general.architecture")
    known = {network.in_file.architecture: model for model, network in NETWORKS.items() if network.in_file}
    if kind not in known:
        file.refuse(f"holds a network of the kind {kind!r}; known here is {' or '.join(known)}")
    network, said = NETWORKS[known[kind]], file.facts(f"{kind}.")
    sizes = {ours: file.fact(f"{kind}.{theirs}") for ours, theirs in network.in_file.sizes.items()}
    sizes |= {"words": file.words.size, "starts": 0}
    if not network.in_file.fit(**sizes):
        file.refuse("is damaged: its sizes make no sense")
    expected = {theirs: sizes[ours] for ours, theirs in network.in_file.sizes.items()}
    expected |= {name: value(sizes) for name, value in network.in_file.implied.items()}
    for name, value in said.items():
        if expected.get(name.removeprefix(f"{kind}.")) != value:
            file.refuse(f"has what this network has not: {name} is {str(value)[:40]}")
    options = SimpleNamespace(**sizes, sizes=sizes, model=known[kind], network=network, dtype="float32", lora=None)
    options.source = SimpleNamespace(of="texts", kind="text")
    return options


def names_in(file, options):
    """{name of an array in params: what the file calls it}; UserError if the file has others, or its sizes make no
    sense."""
    shapes, (blocks, width, words) = file.shapes, (options.blocks, options.width, options.words)
    if shapes.get(options.network.in_file.arrays["embed.E"]) != (words, width) or not 0 < blocks <= len(shapes):
        file.refuse("is damaged: its sizes are not those of its arrays")
    names = {
        ours.format(i): theirs.format(i)
        for ours, theirs in options.network.in_file.arrays.items()
        for i in range(blocks if "{}" in ours else 1)
    }
    for name in sorted(shapes.keys() ^ {*names.values()}):
        has = "has" if name in shapes else "lacks"
        file.refuse(f"holds another network than {options.network.title(options)}: it {has} {name}")
    return names


def turned(arrays):
    """Matrices of linear layers, which a file has as (outputs, inputs), as (inputs, outputs), or back: views."""
    return {name: array.T if name.endswith(".W") else array for name, array in arrays.items()}


def parse_options(framework, *argv):
    """The options of a new run with these arguments; UserError for --resume: that run is not new."""
    argv = [str(word) for word in argv]
    begun = begun_from(opt.asked("model", argv, next(iter(NETWORKS))), opt.asked("start", argv))
    options = opt.parse(NETWORKS, OPTIMIZERS, SOURCES, framework, argv, begun=begun)
    if options.resume:
        raise UserError("--resume continues a run, which this program does not do: give the options of a new run")
    return options
