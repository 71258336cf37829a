"""Loads a trained network from a given checkpoint, or from the newest one."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from data import SOURCES, encode
from loading.network import get_arrays_by_group, make_network
from loading.options import read_options_and_checkpoint
from networks import NETWORKS, format_model_option
from support.checkpoint import load_options_and_facts
from support.errors import UserError

DEFAULT_FOLDER = Path("learning_curves")  # the default of --out, where runs save their networks


class TrainedNetwork(NamedTuple):
    """A trained network from a checkpoint."""

    model: object  # in NumPy, in testing mode
    options: object  # the `Options` of its run
    checkpoint: object  # the `Checkpoint`


def load_network(path=None, writes=False, prompt=None, start=None):
    """Return the `TrainedNetwork` in a checkpoint.

    path: the checkpoint; None for the newest one in learning_curves whose network fits the other arguments. writes:
    True for a network that generates, False for one that classifies images, None for either. prompt: the prompt that
    the network must be able to continue, or None. start: see `read_options_and_checkpoint`. Raises UserError if there
    is no such network, or if the file is damaged.
    """
    options, checkpoint = read_options_and_checkpoint("np", path or find_newest(writes, prompt), start)
    if writes not in (None, options.network.writes):
        raise UserError(
            f"{checkpoint.path} holds a network that {describe_kind(not writes)}; name one that {describe_kind(writes)}"
        )
    reason = options.source.tokenizer.describe_problem(prompt)
    if reason:
        raise UserError(f"{options.network.title(options.run)} of {checkpoint.path} {reason}")
    model = make_network("np", options, checkpoint)
    checkpoint.copy_to(get_arrays_by_group(model))
    model.training = False
    return TrainedNetwork(model, options, checkpoint)


def find_newest(writes, prompt=None):
    """Return the path of the newest checkpoint in learning_curves whose network fits `writes` and `prompt`.

    For both, see `load_network`. Only the options of the checkpoints are read. Checkpoints that need the GGUF file that
    they were fine-tuned from are skipped. Raises UserError if none fits.
    """
    wanted_dataset = next(iter(SOURCES))
    kind = None
    if prompt is not None:
        wanted_dataset = next(name for name, source in SOURCES.items() if source.tokenizer.fits_kind(prompt))
        kind = SOURCES[wanted_dataset].singular_noun
    unknown = []
    for path in sorted(DEFAULT_FOLDER.glob("checkpoint_*.npz"), key=lambda path: path.stat().st_mtime, reverse=True):
        options, facts = load_options_and_facts(path)
        if options.get("start"):
            continue
        model = options.get("model", next(iter(NETWORKS)))
        dataset = options.get("dataset", next(iter(SOURCES)))
        # `load_network` will refuse an unknown network.
        if model not in NETWORKS or not (facts or dataset in SOURCES):
            return path
        if writes in (None, NETWORKS[model].writes):
            source = SOURCES.get_source_with_facts(dataset, **facts)
            reason = source.tokenizer.describe_problem(prompt)
            if not reason:
                return path
            if source.has_same_kind(SOURCES[wanted_dataset]):
                unknown.append(f"{path} {reason}")
    if unknown:
        raise UserError(unknown[0])
    model = next(name for name, network in NETWORKS.items() if writes in (None, network.writes))
    command = f"python main_np.py {format_model_option(model)}".rstrip()
    if wanted_dataset != next(iter(SOURCES)):
        command += f" --dataset {wanted_dataset}"
    problem = f"no trained network that {describe_kind(writes, kind)} in {DEFAULT_FOLDER}"
    raise UserError(f"{problem}: run `{command}` first, or give --weights FILE")


def compute_logits(model, options, images):
    """Return the logits (B, 10) of images (B, 28, 28) uint8. model: a network that classifies images."""
    x, _ = encode(images, np.zeros(len(images), np.int64), options)
    return model.forward(x)


def add_weights_option(parser, writes=False):
    """Add the option --weights, the `path` of `load_network`, to a parser. writes: as in `load_network`."""
    help_text = f"the checkpoint of a network that {describe_kind(writes)} (default: the newest in {DEFAULT_FOLDER})"
    help_text += ", or the GGUF file of a published model" if writes else ""
    parser.add_argument("--weights", metavar="FILE", help=help_text)


def describe_kind(writes, kind=None):
    return ("writes" if writes else "reads") + (f" {kind}s" if kind else "")
