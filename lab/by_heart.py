"""Can it learn a single batch by heart? python -m lab.by_heart [the options of a run, as for main_np.py].

The first batch of that run, again and again, at its highest learning rate, after a tenth of the steps in which the rate
rises. A network that is put together rightly has a loss near 0 in the end: there is nothing to understand in one batch,
only to remember. One that cannot has a wrong gradient, a wrong loss, or no room. "Near 0" is a tenth of log K, the loss
of a network that holds all K answers for equally likely: a first loss may be far above that. Of texts that begin alike
and go on differently, nobody can know which one it is. There it is a tenth of log K above the loss of one who knows how
often each word follows.
"""

import sys

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    import main_np
    from loading.network import make_network
    from loading.options import parse_options
    from support.schedule import make_plan

STEPS = 200
LEARNED = 0.1  # of log K


def compute_least_loss(x, y):
    """Return the loss of one who knows a batch by heart: 0 for images, whose answers y (B,) are single.

    Of texts x (B, T), the answer y[b, t] is one of those that follow the same x[b, :t + 1]; -1 is none.
    """
    if y.ndim == 1:
        return 0.0
    total = 0.0
    for t in range(y.shape[1]):
        prefixes = np.unique(x[:, : t + 1], axis=0, return_inverse=True)[1].ravel()
        pairs, counts = np.unique(np.stack([prefixes, y[:, t]]), axis=1, return_counts=True)
        total -= (counts * np.log(counts / np.bincount(prefixes)[pairs[0]])).sum()
    return total / (y != -1).sum()


def learn_batch(options, steps=STEPS):
    """Train on one batch. Return (the loss of each step, the loss log K of K equal scores, the least there can be)."""
    dataset = data.load(options.source, options.run.hold_out)
    network, optimizer = main_np.build(options)
    make_plan(options, dataset.n_train)  # is there one batch of them?
    x, y = next(data.batches(dataset, options, 0, 1))
    rates = options.run.lr * np.minimum(1, np.arange(1, steps + 1) / (steps / 10))
    uniform_loss = float(np.log(make_network("np", options).forward(x).shape[-1]))
    return (
        [float(main_np.train_step(network, optimizer, x, y, lr)[0]) for lr in rates],
        uniform_loss,
        compute_least_loss(x, y),
    )


@np.errstate(over="ignore", invalid="ignore")
def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    options = parse_options("np", *argv)
    losses, uniform_loss, least_loss = learn_batch(options)
    for step in (1, 10, 20, 50, 100, STEPS):
        print(f"step {step:3}: loss {losses[step - 1]:.4g}")
    if losses[-1] < least_loss + LEARNED * uniform_loss:
        print("learned by heart")
    else:
        print(
            f"not learned by heart (equal scores have the loss {uniform_loss:.3f}): "
            "check the gradients, the loss, the rate"
        )


if __name__ == "__main__":
    sys.exit(program.run(main))
