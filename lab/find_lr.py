"""Which learning rate? python -m lab.find_lr [the options of a run, as for main_np.py] -> find_lr_*.png in --out.

It takes the first steps of that run and multiplies the rate by the same factor in each step, until the loss is far
above its lowest value (Smith 2017, "Cyclical learning rates for training neural networks"). Test images are not used.
"""

import sys
from typing import NamedTuple

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    import main_np
    from loading.options import parse_options
    from support import drawing
    from support.drawing import (
        BLUE,
        INK,
        RED,
        new_figure,
        plot_style,
        style_axes,
        use_log_scale,
    )
    from support.errors import UserError
    from support.files import check_output, create_output_folder
    from support.schedule import make_plan

# The rates, in N_STEPS: 40 for each factor of ten.
MIN_LR = 1e-6
MAX_LR = 1e2
N_STEPS = 320
LOSS_SMOOTHING = 0.9  # the weight of the old value in the running mean of the loss
MAX_LOSS_RATIO = 2  # times the first loss: above that, the search ends
FALL_FRACTION = 0.9  # the fraction of its way down that the loss has fallen at the suggested rate


class SearchStep(NamedTuple):
    """A training step of the search."""

    rate: float
    loss: float
    mean_loss: float  # the running mean of the loss


def list_search_steps(options):
    """Train with a growing learning rate. Return the `SearchStep`s, until the loss is too large."""
    dataset = data.load(options.source, options.run.hold_out)
    network, optimizer = main_np.build(options)
    make_plan(options, dataset.n_train)  # raises UserError if there is no full batch
    steps = []
    mean = 0.0
    rates = np.geomspace(MIN_LR, MAX_LR, N_STEPS)
    for i, (lr, (x, y)) in enumerate(zip(rates, data.batches(dataset, options, 0, N_STEPS), strict=True), 1):
        loss = float(main_np.train_step(network, optimizer, x, y, lr)[0])
        mean = LOSS_SMOOTHING * mean + (1 - LOSS_SMOOTHING) * loss
        corrected_mean = mean / (1 - LOSS_SMOOTHING**i)  # corrects the start at 0: see update_adamw in main_np.py
        if not corrected_mean < MAX_LOSS_RATIO * (steps[0].loss if steps else np.inf):
            break
        steps.append(SearchStep(float(lr), loss, corrected_mean))
    return steps


def find_lowest_loss_step(steps):
    """Return the `SearchStep` with the lowest mean loss."""
    return min(steps, key=lambda step: step.mean_loss)


def find_suggested_rate(steps):
    """Return the rate to try, rounded to one digit. steps: what `list_search_steps` returns.

    It is the first rate at which the mean loss has fallen nine tenths of the way to its lowest value. Larger steps
    would gain little, and a longer training needs a margin below the rate at which the loss rises.
    """
    first_mean = steps[0].mean_loss
    limit = first_mean - FALL_FRACTION * (first_mean - find_lowest_loss_step(steps).mean_loss)
    rate = next(step.rate for step in steps if step.mean_loss <= limit)
    return float(f"{rate:.0e}")


@plot_style()
def draw_search(steps, title):
    """Draw the loss over the rates, its running mean, the rate to try and the rate with the lowest mean loss."""
    figure = new_figure(8, 4, title)
    axes = style_axes(figure.add_subplot(), "", "loss", "learning rate")
    rates, losses, means = zip(*steps, strict=True)
    use_log_scale(axes.xaxis)
    axes.plot(rates, losses, color=BLUE, alpha=0.3, linewidth=1)
    axes.plot(rates, means, color=BLUE, linewidth=2, label="running mean")
    suggested_rate = find_suggested_rate(steps)
    lowest_rate = find_lowest_loss_step(steps).rate
    axes.axvline(suggested_rate, color=INK, linestyle="--", linewidth=1, label=f"try {suggested_rate:g}")
    axes.axvline(lowest_rate, color=RED, linestyle="--", linewidth=1, label=f"lowest loss, at {lowest_rate:.2g}")
    axes.set_ylim(0, 1.1 * max(losses[:20]))
    axes.legend()
    return figure


@np.errstate(over="ignore", invalid="ignore")
def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    options = parse_options("np", *argv)
    file = create_output_folder(options.call.out) / f"find_lr_{options.name}.png"
    check_output("--out", file, ".png")
    steps = list_search_steps(options)
    if len(steps) < 2:
        raise UserError("the loss grows from the first step on: python -m lab.by_heart and look.py --training say more")
    drawing.save(draw_search(steps, f"{options.network.title(options.run)}: the loss while the rate grows"), file)
    print(f"Try --lr {find_suggested_rate(steps):g}: there, the loss has fallen nine tenths of the way.")
    lowest_rate = find_lowest_loss_step(steps).rate
    print(f"It is lowest at a rate of {lowest_rate:.2g}. (This run has --lr {options.run.lr:g}.)")
    print(f"see {file}")


if __name__ == "__main__":
    sys.exit(program.run(main))
