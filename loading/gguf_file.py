"""Loads a network from a GGUF file, the format of llama.cpp and Ollama, to generate text or to be fine-tuned (LoRA).

support/model_file.py reads the file, and support/layouts.py has the names of the arrays and sizes in the file.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from loading.network import find_class
from networks import NETWORKS
from support.checkpoint import describe_mismatch
from support.errors import UserError


def load_gguf_network(path):
    """Return (model, model_file): the network in a GGUF file, in NumPy, and the `ModelFile`. See also `read_options`.

    The network never has random weights, which would take the memory of its arrays a second time. Raises UserError if
    the file holds a network of an unknown kind or is damaged.
    """
    from support.model_file import ModelFile  # imported here, because few programs need it

    model_file = ModelFile(path)
    options = read_options(model_file)
    arrays = load_arrays(model_file, options)
    model = find_class(options, "np")(**options.sizes, seed=None)
    model.use_arrays(arrays)
    model.training = False
    return model, model_file


class BaseModel:
    """The published model that a run fine-tunes: the GGUF file of --start.

    sizes: {argument of the network's class: value}. decides: {option: value} of the options that the file fixes.
    recipe: {option: default} of other options. byte_pairs, sha256: see `support.model_file.ModelFile`.
    """

    def __init__(self, path, model):
        """model: the value of --model. Raises UserError if the file holds a different network or is damaged."""
        from support.model_file import ModelFile

        self.file = ModelFile(path)
        self.options = read_options(self.file)
        map_own_to_gguf_names(self.file, self.options)  # UserError if its sizes are not those of its arrays
        if self.options.run.model != model:
            self.file.refuse(f"holds a network of --model {self.options.run.model}, not of --model {model}")
        self.sizes = self.options.sizes
        network = NETWORKS[model]
        decided = [name for name in network.options if name in self.sizes and name != "context_length"]
        self.decides = {name: self.sizes[name] for name in decided}
        recipe = network.gguf.recipe
        context_length = min(recipe["context_length"], self.sizes["context_length"])
        self.recipe = recipe | {"context_length": context_length}
        self.byte_pairs = self.file.byte_pairs
        self.sha256 = self.file.sha256
        self.unpacked = {}

    def arrays(self, dtype):
        """Return {name in params: array}, in this dtype. Every call returns the same arrays, not copies."""
        if not self.unpacked:
            self.unpacked["float32"] = load_arrays(self.file, self.options)
        if dtype not in self.unpacked:
            self.unpacked[dtype] = {name: a.astype(dtype) for name, a in self.unpacked["float32"].items()}
        return self.unpacked[dtype]


def reopen_base_model(checkpoint, moved_path=None):
    """Return the `BaseModel` that a checkpoint with LoRA weights was fine-tuned from.

    moved_path: the GGUF file, if it has moved since. Raises UserError if the file is missing or is a different one.
    """
    gguf_path = moved_path or str(checkpoint.options["start"])
    model = str(checkpoint.options.get("model"))
    description = f"{checkpoint.path} was fine-tuned from a GGUF file"
    if not Path(gguf_path).is_file():
        raise UserError(f"{description}, and {gguf_path} does not exist: name the file with --start")
    is_known = model in NETWORKS and NETWORKS[model].gguf
    base_model = BaseModel(gguf_path, model) if is_known else None
    sha256 = checkpoint.facts.get("cut_by")
    if base_model is None or base_model.sha256 != sha256:
        raise UserError(f"{description}, and {gguf_path} is a different file: its SHA-256 sum is not {sha256}")
    return base_model


def load_arrays(model_file, options):
    """Return {name in params: array} of the network in a `ModelFile`, unpacked to float32. Frees the packed arrays.

    Raises UserError if the arrays do not fit the sizes in the file, or if there is not enough memory.
    """
    names = map_own_to_gguf_names(model_file, options)
    network = find_class(options, "np")(**options.sizes, seed=None)
    shapes = {
        own_name: np.broadcast_to(np.float32(0), model_file.shapes[gguf_name]) for own_name, gguf_name in names.items()
    }
    in_file = {"params": transpose_linear(shapes)}
    contradiction = describe_mismatch(in_file, {"params": network.params}, "in the file", "by its sizes")
    if contradiction:
        model_file.refuse(f"contradicts itself: {contradiction}")
    model_file.check_memory(sum(array.size for array in shapes.values()))
    largest_first = sorted(names, key=lambda name: -shapes[name].size)  # unpacking takes more memory than the result
    # Column by column in memory (Fortran order), because a single row times a matrix is fastest so.
    arrays = transpose_linear(
        {own_name: np.asfortranarray(model_file.array(names[own_name])) for own_name in largest_first}
    )
    model_file.tensors = {}  # the packed arrays take memory, too
    return arrays


class GGUFOptions(NamedTuple):
    """The options of a network in a GGUF file. `support.options.Options` has the same names for them."""

    run: SimpleNamespace
    sizes: dict  # {argument of the network's class: value}
    network: object  # the entry in NETWORKS
    source: SimpleNamespace  # with the nouns for what the network writes


def read_options(model_file):
    """Return the `GGUFOptions` of the network in a `ModelFile`.

    Raises UserError if this project does not have such a network.
    """
    kind = model_file.fact("general.architecture")
    models = {network.gguf.architecture: model for model, network in NETWORKS.items() if network.gguf}
    if kind not in models:
        model_file.refuse(f"holds a network of the kind {kind!r}; this program knows {' or '.join(models)}")
    network = NETWORKS[models[kind]]
    facts = model_file.facts(f"{kind}.")
    sizes = {own_name: model_file.fact(f"{kind}.{gguf_name}") for own_name, gguf_name in network.gguf.sizes.items()}
    sizes |= {"vocab_size": model_file.byte_pairs.size, "n_start_tokens": 0}
    if not network.gguf.fit(**sizes):
        model_file.refuse("is damaged: its sizes are impossible")
    expected = {gguf_name: sizes[own_name] for own_name, gguf_name in network.gguf.sizes.items()}
    expected |= {name: value(sizes) for name, value in network.gguf.implied.items()}
    for name, value in facts.items():
        if expected.get(name.removeprefix(f"{kind}.")) != value:
            model_file.refuse(f"has something that this network does not have: {name} is {str(value)[:40]}")
    run = SimpleNamespace(**sizes, model=models[kind], dtype="float32", lora=None)
    source = SimpleNamespace(noun="texts", singular_noun="text")
    return GGUFOptions(run, sizes, network, source)


def map_own_to_gguf_names(model_file, options):
    """Return {name in params: name in the file} for all arrays of the network in a `ModelFile`.

    Raises UserError if the file has other arrays or lacks one, or if its sizes do not fit its arrays.
    """
    shapes = model_file.shapes
    run = options.run
    embedding = shapes.get(options.network.gguf.arrays["embed.E"])
    if embedding != (run.vocab_size, run.width) or not 0 < run.blocks <= len(shapes):
        model_file.refuse("is damaged: its sizes do not fit its arrays")
    names = {}
    for own_name, gguf_name in options.network.gguf.arrays.items():
        copies = run.blocks if "{}" in own_name else 1
        for i in range(copies):
            names[own_name.format(i)] = gguf_name.format(i)
    for name in sorted(shapes.keys() ^ {*names.values()}):
        has = "has" if name in shapes else "lacks"
        model_file.refuse(f"holds a different network than {options.network.title(options.run)}: it {has} {name}")
    return names


def transpose_linear(arrays):
    """Return {name: array} with the weights of linear layers transposed, as views.

    A GGUF file has them as (outputs, inputs), and this project as (inputs, outputs).
    """
    return {name: array.T if name.endswith(".W") else array for name, array in arrays.items()}
