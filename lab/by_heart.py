"""Can it learn a single batch by heart? python -m lab.by_heart [the options of a run, as for main_np.py].

The first batch of that run, again and again, at its highest learning rate, after a tenth of the steps in which the rate
rises. A network that is put together rightly has a loss near 0 in the end: there is nothing to understand in one batch,
only to remember. One that cannot has a wrong gradient, a wrong loss, or no room.
"""

import sys

from support import program

with program.needing("requirements-np.txt"):
    import numpy as np

    import data
    import main_np
    from networks import parse_options

STEPS = 200
LEARNED = 0.1  # of the first loss


def losses(options, steps=STEPS):
    """The loss of each step."""
    dataset, (network, optimizer) = data.load(options.source, options.hold_out), main_np.build(options)
    x, y = options.network.batch(*next(iter(data.batches(dataset, options, 0, 1))), options)
    rates = options.lr * np.minimum(1, np.arange(1, steps + 1) / (steps / 10))
    return [float(main_np.train_step(network, optimizer, x, y, lr)[0]) for lr in rates]


@np.errstate(over="ignore", invalid="ignore")
def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    options = parse_options("np", *argv)
    found = losses(options)
    for step in (1, 10, 20, 50, 100, STEPS):
        print(f"step {step:3}: loss {found[step - 1]:.4g}")
    learned = found[-1] < LEARNED * found[0]
    print("learned by heart" if learned else "not learned by heart: look at the gradients, the loss and the rate")


if __name__ == "__main__":
    sys.exit(program.run(main))
