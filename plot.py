"""Pictures out. Nothing here trains: it draws what it is given, and returns a figure to save."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from data import replacing

TRAIN, TEST, INK, GRID = "#2f6fb3", "#d1495b", "#2b2b2b", "#e3e3e3"


def save(figure, path):
    """Write a figure as PNG, in one step."""
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=150)


def learning_curves(history, title, tested, folder, name):
    """Draw loss_plot_NAME.png and accuracy_plot_NAME.png into a folder."""
    save(loss_curve(history, title, tested), folder / f"loss_plot_{name}.png")
    save(accuracy_curve(history, title, tested), folder / f"accuracy_plot_{name}.png")


def loss_curve(history, title, tested="test"):
    """The loss of every training batch (light), smoothed, and on the test set, against steps.

    history: a `training.History`; tested: what the test images are called.
    """
    figure, axes = new_axes(f"{title}: loss", "cross-entropy loss")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    loss = np.maximum(history.train_loss, 1e-9)  # a batch known by heart may have 0, which has no logarithm
    curves(axes, loss, history.test_step, history.test_loss, tested, "{:.3f}")
    # A few batches without a mistake would fill the picture, so the lowest hundredth may leave it.
    axes.set_ylim(max(np.percentile(loss, 1), 1e-4) / 1.5, max(loss.max(), 1e-3) * 1.3)
    axes.legend(loc="upper right", frameon=False)
    return figure


def accuracy_curve(history, title, tested="test"):
    """The same for the accuracy: the share of images read right."""
    figure, axes = new_axes(f"{title}: accuracy", "accuracy")
    curves(axes, history.train_accuracy, history.test_step, history.test_accuracy, tested, "{:.4f}")
    low = min(np.percentile(history.train_accuracy, 2), *history.test_accuracy, 0.95)
    axes.set_ylim(low - 0.02 * (1 - low), 1 + 0.08 * (1 - low))
    axes.legend(loc="lower right", frameon=False)
    return figure


def twins(runs):
    """The proof in one picture: both losses on top of each other, and how far apart the weights are.

    runs: {"float64": run, "float32": run} where a run holds for every step "loss_np", "loss_torch",
    "difference", the largest between any two weights, and "disagreeing", how many ReLUs were on in one only.
    """
    figure = Figure(figsize=(8, 8), layout="constrained", facecolor="white")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 5))

    run = runs["float64"]
    steps = np.arange(1, len(run["difference"]) + 1)
    style_axes(above, "Two programs, one run: the loss at every step", "cross-entropy loss")
    above.set_yscale("log")
    above.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    above.plot(steps, run["loss_np"], color=TRAIN, alpha=0.4, linewidth=2.5, label="NumPy, derivatives by hand")
    above.plot(steps, run["loss_torch"], color=INK, linewidth=0.4, label="PyTorch, autograd (the thin line inside)")
    above.set_ylim(np.percentile(run["loss_np"], 0.5) / 2, max(run["loss_np"]) * 2)
    legend = above.legend(loc="upper right", frameon=False)
    legend.get_lines()[1].set_linewidth(1.2)

    style_axes(below, "How far apart they are: the largest difference between any two weights", "difference")
    below.set_yscale("log")
    below.set_xlabel("steps", color=INK)
    for dtype, color in [("float32", TEST), ("float64", TRAIN)]:
        unit = np.finfo(dtype).eps / 2
        difference = np.array(runs[dtype]["difference"])
        below.plot(steps, np.where(difference > 0, difference, np.nan), color=color, linewidth=2)
        below.axhline(unit, color=color, linewidth=1.2, linestyle=(0, (4, 3)))
        end = (steps[-1], max(difference[-1], 1e-18))
        below.annotate(f"in {dtype}: {difference[-1]:.1g}", end, (0, 10), textcoords="offset points", ha="right",
                       color=color, fontweight="bold")  # fmt: skip
        below.annotate(f"rounding unit of {dtype}: {unit:.1g}", (steps[-1], unit), (0, -4), textcoords="offset points",
                       ha="right", va="top", color=color)  # fmt: skip
    difference = np.maximum(runs["float32"]["difference"], 1e-30)
    disagreeing = np.array(runs["float32"]["disagreeing"])
    # From rounding to drifting apart: the step with the steepest rise, if a ReLU tipped over there.
    rise = np.log(difference[1:] / difference[:-1]) * (disagreeing[1:] > 0)
    if len(rise) and rise.max() > 1:
        tipped = 1 + int(rise.argmax())
        below.annotate(
            f"step {tipped + 1}: a ReLU so close to 0 that rounding\nturns it on in one program and off in the other",
            (steps[tipped], difference[tipped]),
            (0.4, 0.7),
            textcoords="axes fraction",
            va="center",
            color=INK,
            arrowprops={"arrowstyle": "->", "color": INK, "relpos": (0, 0.5)},
        )
    below.set_ylim(1e-18, 30)
    return figure


def shortcut(result):
    """What the shortcut is for: a result of depth.py as test accuracy by depth, and gradients by layer."""
    figure = Figure(figsize=(8, 4), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2)
    style_axes(left, "After one epoch", "test accuracy")
    style_axes(right, f"Before training, {result['layers'][-1]} layers", "size of the gradient, |dW|")
    right.set_yscale("log")
    left.set_xlabel("layers", color=INK)
    right.set_xlabel("convolution, from the first to the last", color=INK)
    for name, color in [("with", TRAIN), ("without", TEST)]:
        gradient = result[name]["gradient"]
        left.plot(result["layers"], result[name]["accuracy"], "o-", color=color, linewidth=2, label=f"{name} shortcuts")
        right.plot(np.arange(1, len(gradient) + 1), gradient, color=color, linewidth=2)
    left.legend(loc="lower left", frameon=False)
    return figure


def new_axes(title, ylabel):
    figure = Figure(figsize=(8, 4.5), layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    style_axes(axes, title, ylabel)
    axes.set_xlabel("steps", color=INK)
    return figure, axes


def style_axes(axes, title, ylabel):
    axes.set_title(title, loc="left", color=INK, fontsize=14, pad=12)
    axes.set_ylabel(ylabel, color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.tick_params(which="both", colors=INK, length=0)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)


def curves(axes, train, test_step, test, tested, label):
    steps = np.arange(1, len(train) + 1)
    axes.plot(steps, train, color=TRAIN, alpha=0.25, linewidth=0.7, label="training, each batch")
    axes.plot(steps, smooth(train), color=TRAIN, linewidth=2, label="training, smoothed")
    axes.set_xlim(-0.02 * len(train), 1.12 * len(train) + 1)  # room for the last number
    if test:
        axes.plot(test_step, test, "o-", color=TEST, linewidth=2, markersize=6, label=f"{tested}, after each epoch")
        axes.annotate(
            label.format(test[-1]),
            (test_step[-1], test[-1]),
            (8, 0),
            textcoords="offset points",
            va="center",
            color=TEST,
            fontweight="bold",
        )


def smooth(values):
    """The mean of each value's neighbours, nearer ones weighing more; at the ends, of those that are there."""
    kernel = np.hanning(max(1, len(values) // 50) * 2 + 1)[1:-1]  # a 25th of the curve wide, as a bell
    return np.convolve(values, kernel, "same") / np.convolve(np.ones(len(values)), kernel, "same")
