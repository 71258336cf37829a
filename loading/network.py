"""The network that options describe: `make_network` looks up its class in networks.py, and passes its arguments."""

import inspect
from contextlib import nullcontext
from importlib import import_module

from support import memory
from support.errors import UserError


def make_network(framework, options, checkpoint=None):
    """The network that the options describe, with its first weights. framework: "np", "autograd" or "torch".

    checkpoint: the one that the options are from. It is refused if the network takes much more memory than its arrays.
    """
    network = find_class(options, framework)
    arguments = {name: getattr(options.run, name) for name in select_argument_names(network, options, framework)}
    arguments |= options.source.tokenizer.sizes if options.network.writes else {}
    if options.base_model:
        arguments |= options.base_model.sizes
        # The memory of these arrays is no part of the checkpoint's.
        arrays = {} if framework == "torch" else options.base_model.arrays(options.run.dtype)
    try:
        with nullcontext() if checkpoint is None else memory.memory_limit(2**26 + 8 * checkpoint.n_bytes):
            if not options.base_model:
                return network(**arguments)
            if framework == "torch":
                model = network(**arguments)
                model.add_lora(options.run.lora)
            else:
                model = network(**arguments | {"seed": None})
                model.use_arrays(arrays)
                model.add_lora(options.run.lora, options.run.seed)
            return model
    except MemoryError:
        if checkpoint is None:
            raise
        checkpoint.refuse()


def find_class(options, framework):
    """The network's class in that framework."""
    file, name = options.network.classes.split(".")
    return import_name(f"{file}_{framework}.{name}")


def import_name(path):
    """Import and return the object of a name such as "mlp_np.MLP". Only now: no program waits for what another
    needs."""
    file, name = path.rsplit(".", 1)
    return getattr(import_module(file), name)


def select_argument_names(network_class, options, framework):
    """Return the names, a set, of the options that a class takes. Raises UserError if it leaves one out.

    What it takes stands in its own __init__: it might know nothing of what an inherited one takes.
    """
    names = {*options.network.options, "seed", "dtype"}
    takes = inspect.signature(vars(network_class).get("__init__", object.__init__)).parameters
    not_needed = {"seed", "dtype", "init"} if framework == "torch" else set()  # its first weights are NumPy's
    unknown = names - not_needed - {*takes}
    if unknown:
        raise UserError(
            f"{network_class.__module__}.{network_class.__name__} does not know {', '.join(sorted(unknown))}"
        )
    return names & {*takes}


def group_arrays(model):
    """The arrays of a network in NumPy: {"params": {name: array}, "statistics": the same, or {} if it has none}."""
    return {"params": model.params, "statistics": getattr(model, "statistics", {})}


def get_frozen_arrays(options):
    """Return {"frozen": {name: array}} of what stays as it is in a run that starts from a file; {} of all others."""
    return {"frozen": options.base_model.arrays(options.run.dtype)} if options.base_model else {}
