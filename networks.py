"""The table of networks, with an entry of options and recipes for each, and the table of optimizers.

To add a network, write its files (as mlp_np.py, mlp_autograd.py and mlp_torch.py) and add an entry to NETWORKS, after
those that it builds on. To add an optimizer, add an entry to OPTIMIZERS. To add a recipe, add a line to `recipes` in an
entry: `--recipe NAME` then trains by it. A recipe gives a value to each option of its entry that has no default.
Options of training that it leaves out have the defaults in support/options.py. `python main_np.py -h` explains all
options. loading/ makes a network from its entry and the options, or from a file.
"""

from collections.abc import Callable
from typing import NamedTuple

from support import layouts
from support import options as opt
from support.errors import UserError
from support.options import integer, integers, option


class Entry(NamedTuple):
    """A network that can be trained. Its key in NETWORKS is the value of --model."""

    name: str  # in tables
    classes: str  # "mlp.MLP" is the class MLP in mlp_np.py, mlp_autograd.py and mlp_torch.py
    options: dict[str, dict]  # the network's own options, besides those that every run has
    recipes: dict[str, dict]  # {recipe: {option: value}}; a value may be {"np": value, "torch": value}
    title: Callable  # options.run -> what the network is called in pictures and tables

    # Most networks keep these defaults:
    check: Callable = lambda options, n_images: None  # raises UserError if the options or n_images in a step do not fit
    # Whether it takes token ids and returns logits (B, T, V) of the next tokens, instead of logits (B, 10) of images.
    # Its classes then get `vocab_size`, `n_start_tokens`, and `context_length`, too: see support/texts.py, `Tokenizer`.
    writes: bool = False
    bfloat16_on_cuda: bool = False  # whether --amp is the default on CUDA
    gguf: layouts.Layout | None = None  # how GGUF files store such a network; None: they do not
    about_recipes: str = ""  # what -h adds to the list of recipes


# --- The MLP ----------------------------------------------------------------------------------------------------------


# What George Hotz's notebook and the repository np_nn have in common. Each framework drew the first weights in its own
# way: https://github.com/geohot/ai-notebooks, https://github.com/willxxy/np_nn.
PUBLISHED_TRAINING = {"epochs": None, "parts": 1, "lr": 0.001, "momentum": 0.0, "schedule": "constant", "pixels": "raw"}
PUBLISHED_TRAINING |= {"init": {"np": "geohot", "torch": "pytorch"}}

# parts=1: people read this network first, and a print in their `forward` should show the whole batch.
MLP_TRAINING = {"batch_size": 128, "parts": 1, "lr": 0.1, "init": "he"}
MLP = Entry(
    name="MLP",
    classes="mlp.MLP",
    options={
        "hidden": option("hidden units", type=integer(1, 16384), metavar="H"),
        "init": option(
            "how to draw the first weights: by He's rule, like PyTorch, or like George Hotz",
            choices=["he", "pytorch", "geohot"],
        ),
    },
    recipes={
        "default": MLP_TRAINING | {"epochs": 5, "hidden": 512},
        "best": MLP_TRAINING | {"epochs": 80, "hidden": 2048, "augment": "elastic"},
        "np_nn": PUBLISHED_TRAINING | {"steps": 4000, "batch_size": 256, "hidden": 512},
        "geohot": PUBLISHED_TRAINING | {"steps": 1000, "batch_size": 128, "hidden": 128},
    },
    about_recipes=" (np_nn and geohot: what the repository np_nn and George Hotz's notebook published)",
    title=lambda run: f"784-{run.hidden}-10",
)


# --- The residual network ---------------------------------------------------------------------------------------------


def check_resnet_options(options, n_images):
    """Raise UserError if `n_images`, the images in a step, are too few for batch normalisation."""
    # From the fifth stage on, 28 x 28 pixels have become a single one, so one image alone has no variance.
    if len(options.run.widths) > 4 and n_images == 1:
        raise UserError(f"{opt.make_run_title(options)} needs 2 images in a step: take a larger --batch-size")


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
    title=lambda run: f"ResNet {'-'.join(map(str, run.widths))}" + (f" × {run.blocks}" if run.blocks > 1 else ""),
    check=check_resnet_options,
    bfloat16_on_cuda=True,
)


# --- The transformer --------------------------------------------------------------------------------------------------


def check_vit_options(options, n_images):
    """Raise UserError if the number of heads does not divide the number of channels."""
    width = options.run.width
    heads = options.run.heads
    if width % heads:
        raise UserError(f"--width {width} cannot be split evenly by {heads} --heads")


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
    title=lambda run: f"ViT {run.width} × {run.blocks}, {run.heads} heads, patch {run.patch}",
    check=check_vit_options,
)


# --- The network that writes ------------------------------------------------------------------------------------------


def check_gpt_options(options, n_images):
    """Raise UserError if the options do not fit each other or do not apply to a network that generates."""
    check_vit_options(options, n_images)
    if options.run.pixels != "standardised":
        raise UserError(f"--pixels {options.run.pixels} does not apply: {options.network.name} learns from tokens")
    options.source.check_writer_options(options)


TEXT_TRAINING = VIT_TRAINING | {"dataset": "shakespeare", "batch_size": 32, "heads": 4, "context_length": 64}
GPT = Entry(
    name="GPT",
    classes="gpt.GPT",
    options={
        "width": option("channels of each token", type=integer(1, 1024), metavar="C"),
        "blocks": VIT.options["blocks"],
        "heads": VIT.options["heads"],
        "context_length": option(
            "for a text: the number of letters that it sees at once", type=integer(2, 4096), metavar="T"
        ),
    },
    recipes={
        "default": VIT_TRAINING | {"epochs": 4, "batch_size": 32, "width": 64, "blocks": 2, "heads": 4},
        "names": VIT_TRAINING
        | {"dataset": "names", "epochs": 8, "batch_size": 128, "width": 64, "blocks": 2, "heads": 4},
        "texts": TEXT_TRAINING | {"epochs": 6, "width": 64, "blocks": 2, "lr": 0.006},
        "best": TEXT_TRAINING | {"epochs": 8, "width": 128, "blocks": 3, "lr": 0.004},
    },
    about_recipes=" (names and texts: the default where these are learned; best: for texts)",
    title=lambda run: f"GPT {run.width} × {run.blocks}, {run.heads} heads",
    check=check_gpt_options,
    writes=True,
)

# --- The network of today's language models ---------------------------------------------------------------------------


def check_llama_options(options, n_images):
    """Raise UserError if the sizes in the options do not fit each other, or do not fit the file of --start."""
    check_gpt_options(options, n_images)
    run = options.run
    base_model = options.base_model
    if run.heads % run.kv_heads:
        raise UserError(f"--heads {run.heads} cannot share --kv-heads {run.kv_heads} evenly")
    if run.lora and not base_model:
        raise UserError(f"--lora {run.lora} needs --start FILE.gguf, the model to fine-tune")
    if base_model and options.source.context_length > base_model.sizes["context_length"]:
        limit = f"{run.start} sees {base_model.sizes['context_length']:,} tokens at once"
        raise UserError(f"--context-length {options.source.context_length} is too many: {limit}")
    channels = run.width // run.heads
    if channels % 2:
        sizes = f"--width {run.width} gives each of {run.heads} --heads {channels}"
        raise UserError(f"{sizes} channels, and they are rotated in pairs: choose an even number")


LLAMA_SIZES = {"width": 64, "blocks": 2, "heads": 4, "kv_heads": 2, "hidden": 176}
LLAMA = Entry(
    name="Llama",
    classes="llama.Llama",
    options={
        "width": GPT.options["width"],
        "blocks": GPT.options["blocks"],
        "heads": option("heads of queries of each attention, which share the channels", type=integer(1, 1024)),
        "kv_heads": option("heads of keys and values of each attention: some heads share one", type=integer(1, 1024)),
        "hidden": option("hidden units of each MLP", type=integer(1, 16384), metavar="H"),
        "context_length": GPT.options["context_length"],
    },
    recipes={
        "default": GPT.recipes["default"] | LLAMA_SIZES,
        "names": GPT.recipes["names"] | LLAMA_SIZES,
        "texts": GPT.recipes["texts"] | LLAMA_SIZES | {"lr": 0.01},
    },
    about_recipes=" (names and texts: the default where these are learned)",
    title=lambda run: (
        f"Llama {run.width} × {run.blocks}, {run.heads} heads, {run.kv_heads} of keys"
        + (f", LoRA {run.lora}" if run.lora else "")
    ),
    check=check_llama_options,
    writes=True,
    gguf=layouts.LLAMA,
)

NETWORKS = {"mlp": MLP, "resnet": RESNET, "vit": VIT, "gpt": GPT, "llama": LLAMA}


# --- The optimizers ---------------------------------------------------------------------------------------------------


class OptimizerEntry(NamedTuple):
    """An optimizer. Its key in OPTIMIZERS is the value of --optimizer."""

    description: str  # the description in -h
    by_hand: str  # "main_np.update" is the function update in main_np.py, which is called as Optimizer.step does there
    in_pytorch: str  # "torch.optim.SGD" is the class
    # The arrays that the optimizer keeps for each parameter, in its shape: {our name: PyTorch's name}, in the order in
    # which the function takes them.
    state_names: dict[str, str]
    torch_arguments: Callable  # options.run -> {argument: value} of PyTorch's class, besides lr and weight_decay


OPTIMIZERS = {
    "sgd": OptimizerEntry(
        "gradient descent with momentum",
        "main_np.update",
        "torch.optim.SGD",
        {"momentum": "momentum_buffer"},
        lambda run: {"momentum": run.momentum},
    ),
    "adamw": OptimizerEntry(
        "a step length for each parameter",
        "main_np.update_adamw",
        "torch.optim.AdamW",
        {"momentum": "exp_avg", "squares": "exp_avg_sq"},
        lambda run: {"betas": (run.momentum, 0.999)},
    ),
}


# --- What the programs ask --------------------------------------------------------------------------------------------


def format_model_option(model):
    """Return the option that selects a network, such as "--model resnet", or "" for the first, which is the default."""
    return "" if model == next(iter(NETWORKS)) else f"--model {model}"


def file_prefix(model):
    """Return the prefix of the names of a run's files, such as "resnet_", or "" for the first network."""
    return f"{model}_" if format_model_option(model) else ""
