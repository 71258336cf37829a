"""Can a network learn a single batch by heart? python -m lab.by_heart [the options of a run, as for main_np.py].

It trains on the first batch of that run again and again. The learning rate is the run's highest, after it has risen to
that in the first tenth of the steps. A correct network has a loss near 0 in the end, because one batch can simply be
memorised. A network that cannot do it has a wrong gradient, a wrong loss, or too few parameters. "Near 0" means less
than a tenth of log K, which is the loss if all K answers get equal probabilities; the first loss may be far above that.
Texts that begin alike and continue differently cannot be predicted. For them the limit is a tenth of log K above the
smallest possible loss: that of predicting each token with its frequency after the same beginning.
"""

import sys
from typing import NamedTuple

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    import main_np
    from loading.network import make_network
    from loading.options import parse_options
    from support.schedule import make_plan

N_STEPS = 200
LEARNED_MARGIN = 0.1  # of log K


def compute_least_loss(x, y):
    """Return the smallest possible loss on a batch: 0 for images, with y (B,).

    For texts x (B, T), y (B, T), several answers y[b, t] may follow the same x[b, :t + 1]. An answer of -1 does not
    count.
    """
    if y.ndim == 1:
        return 0.0
    total = 0.0
    for t in range(y.shape[1]):
        prefixes = np.unique(x[:, : t + 1], axis=0, return_inverse=True)[1].ravel()
        pairs, counts = np.unique(np.stack([prefixes, y[:, t]]), axis=1, return_counts=True)
        total -= (counts * np.log(counts / np.bincount(prefixes)[pairs[0]])).sum()
    return total / (y != -1).sum()


class BatchLosses(NamedTuple):
    """The losses of a training on one batch."""

    by_step: list
    uniform: float  # log K, the loss of K equal scores
    least: float  # the smallest possible loss


def learn_batch(options, steps=N_STEPS):
    """Train on the first batch of a run, again and again. Return its `BatchLosses`."""
    dataset = data.load(options.source, options.run.hold_out)
    network, optimizer = main_np.build(options)
    make_plan(options, dataset.n_train)  # raises UserError if there is no full batch
    x, y = next(data.batches(dataset, options, 0, 1))
    rates = options.run.lr * np.minimum(1, np.arange(1, steps + 1) / (steps / 10))
    n_scores = make_network("np", options).forward(x).shape[-1]
    losses = [float(main_np.train_step(network, optimizer, x, y, lr)[0]) for lr in rates]
    return BatchLosses(losses, float(np.log(n_scores)), compute_least_loss(x, y))


@np.errstate(over="ignore", invalid="ignore")
def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    options = parse_options("np", *argv)
    losses = learn_batch(options)
    for step in (1, 10, 20, 50, 100, N_STEPS):
        print(f"step {step:3}: loss {losses.by_step[step - 1]:.4g}")
    if losses.by_step[-1] < losses.least + LEARNED_MARGIN * losses.uniform:
        print("learned by heart")
    else:
        print(
            f"not learned by heart (equal scores have the loss {losses.uniform:.3f}): "
            "check the gradients, the loss, the rate"
        )


if __name__ == "__main__":
    sys.exit(program.run(main))
