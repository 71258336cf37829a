"""Load the network that the page shows: an MLP that reads digits."""

import loading.checkpoint
import networks
from mlp_np import MLP
from support.checkpoint import load_options_and_facts
from support.errors import UserError


def load_mlp_run(path):
    """Return (model, options, history) of the MLP in a checkpoint.

    Raises UserError if it is a network that the page cannot show.
    """
    options, _ = load_options_and_facts(path)
    network = networks.NETWORKS.get(options.get("model"))
    if network and network.writes:  # before it is built, because the site lacks the vocabulary
        raise UserError(
            f"{path} is a {network.name}, a network that writes: the page can only show an MLP that reads digits"
        )
    model, options, checkpoint = loading.checkpoint.load_network(path)
    if not isinstance(model, MLP) or options.run.dataset != "mnist":
        description = options.network.title(options.run) + (
            "" if options.run.dataset == "mnist" else f" for {options.run.dataset}"
        )
        raise UserError(f"{path} is a {description}: the page can only show an MLP that reads digits")
    return model, options, checkpoint.history
