"""The network in a GGUF file, as llama.cpp and Ollama have it: to write with, or to begin a run from (LoRA).

support/model_file.py reads the file, and support/layouts.py says what it calls each array and size.
"""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from loading.network import find_class
from networks import NETWORKS
from support.checkpoint import describe_mismatch
from support.errors import UserError


def load_file(path):
    """Return (model, options, model_file): the network in a GGUF file, in NumPy, with its arrays, and the `ModelFile`.

    It is never made with random weights: that would take its memory twice. UserError if the file holds another network,
    or anything is wrong with it.
    """
    from support.model_file import ModelFile  # here, because hardly a program needs it

    model_file = ModelFile(path)
    options = read_options(model_file)
    arrays = load_arrays(model_file, options)
    model = find_class(options, "np")(**options.sizes, seed=None)
    model.use_arrays(arrays)
    model.training = False
    return model, options, model_file


class BaseModel:
    """What a run starts from: the GGUF file that --start names.

    sizes: {argument of the network's class: value}. decides: those of them that are options. recipe: other options,
    unless they are typed. byte_pairs, sha256: of the file, which is read once; see `support.model_file.ModelFile`.
    """

    def __init__(self, path, model):
        """model: what --model says. UserError if the file holds another network, or anything is wrong with it."""
        from support.model_file import ModelFile

        self.file = ModelFile(path)
        self.known = read_options(self.file)
        map_array_names(self.file, self.known)  # UserError if its sizes are not those of its arrays
        if self.known.run.model != model:
            self.file.refuse(f"holds a network of --model {self.known.run.model}, not of --model {model}")
        self.sizes = self.known.sizes
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
        """Return {name in params: array}: the same arrays at each call, for whoever needs them."""
        if not self.unpacked:
            self.unpacked["float32"] = load_arrays(self.file, self.known)
        if dtype not in self.unpacked:
            self.unpacked[dtype] = {name: a.astype(dtype) for name, a in self.unpacked["float32"].items()}
        return self.unpacked[dtype]


def find_base_model_again(checkpoint, path=None):
    """The `BaseModel` of a checkpoint that holds what was learned beside a file's weights, with the file where it was
    or where it is now; UserError if that is not there, or another."""
    gguf_path = path or str(checkpoint.options["start"])
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
    """Return {name in params: array} of the network in a `ModelFile`, unpacked: float32."""
    names = map_array_names(model_file, options)
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
    # The other way round in memory: that is how one row times a matrix is fastest.
    arrays = transpose_linear(
        {own_name: np.asfortranarray(model_file.array(names[own_name])) for own_name in largest_first}
    )
    model_file.tensors = {}  # the packed arrays take memory, too
    return arrays


def read_options(model_file):
    """Return the options of the network in a `ModelFile`, as a namespace. Raises UserError if it is none of those
    here."""
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
    source = SimpleNamespace(noun="texts", kind="text")
    options = SimpleNamespace(run=run, sizes=sizes, network=network, source=source)
    return options


def map_array_names(model_file, options):
    """{name of an array in params: what the file calls it}; UserError if the file has others, or its sizes make no
    sense."""
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
    """Transpose the weights of linear layers, which a file has as (outputs, inputs), or back. Returns views."""
    return {name: array.T if name.endswith(".W") else array for name, array in arrays.items()}
