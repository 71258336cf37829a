"""Which learning rate? python -m lab.find_lr [the options of a run, as for main_np.py] -> find_lr_*.png in --out.

It takes the first steps of that run and multiplies the rate by the same factor in each step, until the loss is far
above its lowest value (Smith 2017, "Cyclical learning rates for training neural networks"). Test images are not used.
"""

import sys

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    import main_np
    from loading.options import parse_options
    from support import drawing
    from support.drawing import (
        INK,
        TEST,
        TRAIN,
        new_figure,
        plot_style,
        style_axes,
        use_log_scale,
    )
    from support.errors import UserError
    from support.files import check_output, create_output_folder
    from support.schedule import make_plan

# The rates, in STEPS steps: 40 for each factor of ten.
LOWEST = 1e-6
HIGHEST = 1e2
STEPS = 320
KEPT = 0.9  # the weight of the old value in the running mean of the loss
LOST = 2  # times the first loss: above that, the search ends
FALL = 0.9  # the fraction of its way down that the loss has fallen at the suggested rate


def list_search_rows(options):
    """Train with a growing learning rate. Return [(rate, loss, running mean of the loss)] of the steps."""
    dataset = data.load(options.source, options.run.hold_out)
    network, optimizer = main_np.build(options)
    make_plan(options, dataset.n_train)  # raises UserError if there is no full batch
    rows = []
    mean = 0.0
    rates = np.geomspace(LOWEST, HIGHEST, STEPS)
    for i, (lr, (x, y)) in enumerate(zip(rates, data.batches(dataset, options, 0, STEPS), strict=True), 1):
        loss = float(main_np.train_step(network, optimizer, x, y, lr)[0])
        mean = KEPT * mean + (1 - KEPT) * loss
        smooth = mean / (1 - KEPT**i)  # corrects the start at 0: see update_adamw in main_np.py
        if not smooth < LOST * (rows[0][1] if rows else np.inf):
            break
        rows.append((float(lr), loss, smooth))
    return rows


def find_suggested_and_lowest_rate(rows):
    """Return (the rate to try, the rate with the lowest mean loss). rows: what `list_search_rows` returns.

    The rate to try is the first one, rounded to one digit, at which the mean loss has fallen nine tenths of the way to
    its lowest value. Larger steps would gain little, and a longer training needs a margin below the rate at which the
    loss rises.
    """
    first_mean = rows[0][2]
    lowest, _, least_mean = min(rows, key=lambda row: row[2])
    rate = next(rate for rate, _, mean in rows if mean <= first_mean - FALL * (first_mean - least_mean))
    return float(f"{rate:.0e}"), lowest


@plot_style()
def draw_search(rows, title):
    """Draw the loss over the rates, its running mean, and both rates of `find_suggested_and_lowest_rate`."""
    figure = new_figure(8, 4, title)
    axes = style_axes(figure.add_subplot(), "", "loss", "learning rate")
    rates, losses, means = zip(*rows, strict=True)
    use_log_scale(axes.xaxis)
    axes.plot(rates, losses, color=TRAIN, alpha=0.3, linewidth=1)
    axes.plot(rates, means, color=TRAIN, linewidth=2, label="running mean")
    rate, lowest = find_suggested_and_lowest_rate(rows)
    axes.axvline(rate, color=INK, linestyle="--", linewidth=1, label=f"try {rate:g}")
    axes.axvline(lowest, color=TEST, linestyle="--", linewidth=1, label=f"lowest loss, at {lowest:.2g}")
    axes.set_ylim(0, 1.1 * max(losses[:20]))
    axes.legend()
    return figure


@np.errstate(over="ignore", invalid="ignore")
def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    options = parse_options("np", *argv)
    file = create_output_folder(options.call.out) / f"find_lr_{options.name}.png"
    check_output("--out", file, ".png")
    rows = list_search_rows(options)
    if len(rows) < 2:
        raise UserError("the loss grows from the first step on: python -m lab.by_heart and look.py --training say more")
    suggested_rate, lowest_rate = find_suggested_and_lowest_rate(rows)
    drawing.save(draw_search(rows, f"{options.network.title(options.run)}: the loss while the rate grows"), file)
    print(f"Try --lr {suggested_rate:g}: there, the loss has fallen nine tenths of the way.")
    print(f"It is lowest at a rate of {lowest_rate:.2g}. (This run has --lr {options.run.lr:g}.)")
    print(f"see {file}")


if __name__ == "__main__":
    sys.exit(program.run(main))
