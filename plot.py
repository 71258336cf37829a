"""Curves out: how the loss and the accuracy of a run went. Nothing here trains."""

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from support.drawing import TEST, TRAIN, new_axes, save


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
