"""A trained network: the one in a checkpoint, or the newest that there is."""

from pathlib import Path

import numpy as np

from data import SOURCES, encode
from loading.network import group_arrays, make_network
from loading.options import read_options_and_checkpoint
from networks import NETWORKS, format_model_option
from support.checkpoint import load_options_and_facts
from support.errors import UserError

FOLDER = Path("learning_curves")  # where a run leaves its network, unless --out says otherwise


def load_network(path=None, writes=False, text=None, start=None):
    """Return (model, options, checkpoint): the trained network in a checkpoint, in NumPy, set to predict, not to train.

    path: if None, the newest in learning_curves of a network that reads digits or, with `writes`, writes. text: what it
    is to write, or to go on from. writes: None if a network of a path may do either. start: see `read_options`.
    UserError if there is none, if the network is of the other kind or cannot write that text, or if anything is wrong
    with the file.
    """
    options, checkpoint = read_options_and_checkpoint("np", path or find_newest(writes, text), start)
    if writes not in (None, options.network.writes):
        raise UserError(
            f"{checkpoint.path} holds a network that {describe_kind(not writes)}; name one that {describe_kind(writes)}"
        )
    reason = options.source.tokenizer.find_problem(text)
    if reason:
        raise UserError(f"{options.network.title(options.run)} of {checkpoint.path} {reason}")
    model = make_network("np", options, checkpoint)
    checkpoint.copy_to(group_arrays(model))
    model.training = False
    return model, options, checkpoint


def find_newest(writes, text=None):
    """The newest checkpoint in learning_curves of such a network: see `load_network`. Of others, only the options are
    read.

    One that needs the file that it starts from is never meant. Raises UserError if there is none.
    """
    wanted_dataset = next(iter(SOURCES))
    kind = None
    if text is not None:
        wanted_dataset = next(name for name, source in SOURCES.items() if source.tokenizer.accepts(text))
        kind = SOURCES[wanted_dataset].kind
    unknown = []
    for path in sorted(FOLDER.glob("checkpoint_*.npz"), key=lambda path: path.stat().st_mtime, reverse=True):
        options, facts = load_options_and_facts(path)
        if options.get("start"):
            continue
        model = options.get("model", next(iter(NETWORKS)))
        dataset = options.get("dataset", next(iter(SOURCES)))
        # `read_options` refuses a network that is not known.
        if model not in NETWORKS or not (facts or dataset in SOURCES):
            return path
        if writes in (None, NETWORKS[model].writes):
            source = SOURCES.find_source(dataset, **facts)
            reason = source.tokenizer.find_problem(text)
            if not reason:
                return path
            if source.is_like(SOURCES[wanted_dataset]):
                unknown.append(f"{path} {reason}")
    if unknown:
        raise UserError(unknown[0])
    model = next(name for name, network in NETWORKS.items() if writes in (None, network.writes))
    command = f"python main_np.py {format_model_option(model)}".rstrip()
    if wanted_dataset != next(iter(SOURCES)):
        command += f" --dataset {wanted_dataset}"
    problem = f"no trained network that {describe_kind(writes, kind)} in {FOLDER}"
    raise UserError(f"{problem}: run `{command}` first, or give --weights FILE")


def compute_logits(model, options, images):
    """Return the logits (B, 10) of uint8 images (B, 28, 28) without labels, from a network that reads."""
    x, _ = encode(images, np.zeros(len(images), np.int64), options)
    return model.forward(x)


def add_weights(parser, writes=False):
    """Add the option --weights, for `load_network`."""
    help_text = f"the checkpoint of a network that {describe_kind(writes)} (default: the newest in {FOLDER})"
    help_text += ", or the GGUF file of a published model" if writes else ""
    parser.add_argument("--weights", metavar="FILE", help=help_text)


def describe_kind(writes, kind=None):
    return ("writes" if writes else "reads") + (f" {kind}s" if kind else "")
