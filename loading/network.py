"""Makes the network that options describe: `make_network` finds its class by networks.py, and passes its arguments."""

import inspect
from contextlib import nullcontext
from importlib import import_module

from support import memory
from support.errors import UserError


def make_network(framework, options, checkpoint=None):
    """Return the network that the options describe, with its first weights. framework: "np", "autograd" or "torch".

    checkpoint: the checkpoint that the options are from, or None. Raises UserError if the network would need much more
    memory than the checkpoint's arrays.
    """
    network = find_class(options, framework)
    arguments = {name: getattr(options.run, name) for name in select_argument_names(network, options, framework)}
    arguments |= options.source.tokenizer.sizes if options.network.writes else {}
    if options.base_model:
        arguments |= options.base_model.sizes
        # Loaded here, because the memory limit below, that of the checkpoint's arrays, does not include these arrays.
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
    """Return the network's class in a framework: "np", "autograd" or "torch"."""
    file, name = options.network.classes.split(".")
    return import_name(f"{file}_{framework}.{name}")


def import_name(path):
    """Import and return the object with a name such as "mlp_np.MLP".

    Importing only on demand spares each program the imports that only other programs need.
    """
    file, name = path.rsplit(".", 1)
    return getattr(import_module(file), name)


def select_argument_names(network_class, options, framework):
    """Return the set of the names of the options that a network's class takes as arguments.

    Raises UserError if the class does not take one of the network's options. Only the class's own __init__ counts,
    because a subclass might not support all that an inherited one takes.
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


def get_arrays_by_group(model):
    """Return {"params": {name: array}, "statistics": {name: array}} of a network in NumPy. Statistics may be {}."""
    return {"params": model.params, "statistics": getattr(model, "statistics", {})}


def get_frozen_arrays_by_group(options):
    """Return {"frozen": {name: array}} of the weights that do not learn in a run with --start; {} for other runs."""
    return {"frozen": options.base_model.arrays(options.run.dtype)} if options.base_model else {}
