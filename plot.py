"""Draw the loss and the accuracy of runs. Nothing here trains.

`python plot.py A B ...` draws several runs into one picture. Each is named by its folder or its history_*.json.
"""

import sys
from glob import glob
from pathlib import Path

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np
    from matplotlib.lines import Line2D

    from support.checkpoint import warn_if_apart
    from support.drawing import (
        BLUE,
        INK,
        RED,
        annotate_beside,
        make_logarithmic,
        new_figure,
        plot_style,
        save,
        style_axes,
    )
    from support.errors import UserError
    from support.files import check_output, create_output_folder
    from support.history import load_history
    from support.options import Parser, defaults

# One colour and one marker for each run. Colour-blind readers can distinguish them, too (Okabe & Ito 2008).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#7f7f7f")
MARKERS = "os^Dv*XP"


def save_learning_curves(run):
    """Save loss_plot_NAME.png and accuracy_plot_NAME.png in the run's folder. run: a `support.run.Run`."""
    if run.first:  # if several processes train, only the first draws
        for path, curve in zip(run.files.curves, (draw_loss_curve, draw_accuracy_curve), strict=True):
            save(curve(run.history, run.title, run.tested), path)


@plot_style()
def draw_loss_curve(history, title, test_name="test"):
    """Return a figure of the loss against steps: every training batch (light), smoothed, and the test set.

    history: a `support.history.History`. test_name: what the legend calls the test set.
    """
    axes = style_axes(new_figure(8, 4.5).add_subplot(), f"{title}: loss", "cross-entropy loss", "steps")
    make_logarithmic(axes)
    loss = np.maximum(history.train_loss, 1e-9)  # a memorised batch may have a loss of 0, which has no logarithm
    number_format = "{:.3f}" if max(history.test_loss[-1:], default=0) < 1000 else "{:.3g}"
    draw_curves(axes, loss, history.test_step, history.test_loss, test_name, number_format)
    # A few batches with almost no loss would fill the picture, so the lowest hundredth may lie outside.
    axes.set_ylim(max(np.percentile(loss, 1), 1e-4) / 1.5, max(loss.max(), *history.test_loss, 1e-3) * 1.3)
    add_legend(axes)
    return axes.figure


@plot_style()
def draw_accuracy_curve(history, title, test_name="test"):
    """Return a figure of the accuracy against steps, like `draw_loss_curve`. The accuracy is from 0 to 1."""
    axes = style_axes(new_figure(8, 4.5).add_subplot(), f"{title}: accuracy", "accuracy", "steps")
    draw_curves(axes, history.train_accuracy, history.test_step, history.test_accuracy, test_name, "{:.4f}")
    low = min(np.percentile(history.train_accuracy, 2), *history.test_accuracy, 0.95)
    axes.set_ylim(low - 0.02 * (1 - low), 1 + 0.08 * (1 - low))
    add_legend(axes)
    return axes.figure


def draw_curves(axes, train, test_step, test, test_name, number_format):
    steps = np.arange(1, len(train) + 1)
    axes.plot(steps, train, color=BLUE, alpha=0.3, linewidth=0.7, label="training, each batch")
    axes.plot(steps, smooth_values(train), color=BLUE, linewidth=2, label="training, smoothed")
    axes.set_xlim(-0.02 * len(train), 1.12 * len(train) + 1)  # room for the last number
    if test:
        axes.plot(test_step, test, "o-", color=RED, linewidth=2, markersize=6, label=f"{test_name}, after each epoch")
        annotate_beside(
            axes, number_format.format(test[-1]), (test_step[-1], test[-1]), 8, color=RED, fontweight="bold"
        )


def add_legend(axes):
    """Add a legend below the axes. In it, the thin line of the single batches is as wide as their band in the plot."""
    legend = axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    legend.get_lines()[0].set(linewidth=6, alpha=0.45)


def smooth_values(values, width=None, max_points=10_000):
    """Return the values (n,) smoothed: each is a weighted mean of its neighbours, in which nearer ones weigh more.

    width: the number of neighbours on either side, by default n / 50. Near the ends, only the neighbours that exist
    count. A curve of more than `max_points` values is smoothed at `max_points` points, each a mean of equally many
    values, with straight lines between them: a picture has fewer pixels, and the time would grow with n squared.
    """
    ends = np.linspace(0, len(values), min(len(values), max_points) + 1).astype(int)
    points = np.add.reduceat(values, ends[:-1]) / np.diff(ends)
    width = max(1, len(points) // 50 if width is None else round(width * len(points) / len(values)))
    reach = min(width, len(points))
    kernel = 0.5 + 0.5 * np.cos(np.pi * np.arange(1 - reach, reach) / width)  # a bell
    points, weights = (np.convolve(a, kernel)[reach - 1 :][: len(points)] for a in (points, np.ones(len(points))))
    points = points / weights
    return np.interp(np.arange(len(values)), (ends[:-1] + ends[1:] - 1) / 2, points)


# --- Several runs --------------------------------------------------------------------------------------------------


def main(argv=None):
    parser = Parser(description="Draw the curves of several runs into one picture.")
    parser.add_argument("runs", nargs="+", metavar="RUN", help="the folder of a run (its --out), or its history_*.json")
    parser.add_argument("--out", default="experiments/comparison.png", help="the picture (default: %(default)s)")
    arguments = parser.parse_args(argv)
    paths = []
    for name in arguments.runs:
        paths += find_histories(name)
    paths = list(dict.fromkeys(paths))
    if len(paths) > len(COLOURS):
        parser.error(f"{len(paths)} runs are too many for one picture: name at most {len(COLOURS)}")
    runs = [load_history(path) for path in paths]
    picture_path = Path(arguments.out)
    check_output("--out", picture_path, ".png", *paths)
    create_output_folder(str(picture_path.parent))
    for path in paths:
        warn_if_apart(path)
    labels = make_labels(paths, [options for options, _ in runs])
    save(draw_comparison(dict(zip(labels, runs, strict=True))), picture_path)
    print(f"see {picture_path}")


def find_histories(name):
    """Return the history files that `name` stands for, as a list of paths.

    name: a folder, a file, or a pattern that the shell did not expand. Raises UserError if a folder has no history.
    """
    paths = []
    for path in map(Path, [name] if Path(name).exists() else sorted(glob(name)) or [name]):
        files = sorted(path.glob("history_*.json")) if path.is_dir() else [path]
        if not files:
            raise UserError(
                f"there is no history_*.json in {path}: name the --out folder of a run that has finished an epoch"
            )
        paths += files
    return paths


def make_labels(paths, run_options):
    """Return a label for each run: its model, if the models differ, and the options that differ within its model.

    paths: the runs' history files. run_options: a dict of options for each run; an option that is missing, because the
    run is older than the option, has its default. If two labels are equal, each label gets its run's path, too.
    """
    frameworks = ["PyTorch" if path.stem.endswith("torch") else "NumPy" for path in paths]
    before = defaults()
    run_options = [before | run | {"": framework} for run, framework in zip(run_options, frameworks, strict=True)]
    models = {str(run.get("model")) for run in run_options}
    labels = []
    for run in run_options:
        words = [str(run.get("model"))] if len(models) > 1 else []
        alike = [peer for peer in run_options if peer.get("model") == run.get("model")]
        for name, value in run.items():
            if name != "data" and value is not None and len({str(peer.get(name)) for peer in alike}) > 1:
                words.append(f"{name.replace('_', ' ')} {value}".strip())
        labels.append(", ".join(words) or run[""])  # a single run differs in nothing
    if len({*labels}) < len(labels):
        labels = [f"{label} ({path})" for label, path in zip(labels, paths, strict=True)]
    return labels


@plot_style()
def draw_comparison(runs, title=""):
    """Return a figure of several runs: the loss above the accuracy, against epochs.

    runs: {label: (options, `History`)}, at most as many as there are COLOURS. title: the name of the network, if all
    runs train the same one. Thin lines are the training batches, smoothed equally in all runs. Thick lines with dots
    are the test images, or the held-out ones, after each epoch. Two runs may lie on top of each other, so the first of
    two has wider lines.
    """
    figure = new_figure(8, 8 + 0.25 * len(runs))
    loss_axes, accuracy_axes = figure.subplots(2, 1, sharex=True)
    style_axes(loss_axes, f"{title}: loss" if title else "Loss", "cross-entropy loss")
    style_axes(accuracy_axes, f"{title}: accuracy" if title else "Accuracy", "accuracy", "epochs")
    make_logarithmic(loss_axes)
    longest = max(history.step / history.steps_per_epoch for _, history in runs.values())
    bell = longest / 50  # width of the smoothing, in epochs on either side
    for number, (label, (_, history)) in enumerate(runs.items()):
        steps = history.steps_per_epoch
        colour = COLOURS[number]
        width = 4 if len(runs) == 2 and number == 0 else 2
        label = " ".join(label.encode(errors="replace").decode().split())  # a folder's name may hold anything
        label = " " + label[:99]  # matplotlib hides a label that begins with _
        label += f": {history.test_accuracy[-1]:.4f}" if history.test_accuracy else ""
        epochs = np.arange(1, history.step + 1) / steps
        test_epochs = np.array(history.test_step) / steps
        train_loss = np.maximum(smooth_values(history.train_loss, bell * steps), 1e-6)
        test_loss = np.maximum(history.test_loss, 1e-6)
        train_accuracy = smooth_values(history.train_accuracy, bell * steps)
        for axes, train, test in (
            (loss_axes, train_loss, test_loss),
            (accuracy_axes, train_accuracy, history.test_accuracy),
        ):
            axes.plot(epochs, train, color=colour, linewidth=width / 2.5, alpha=0.7)
            marks = {"marker": MARKERS[number], "markersize": 2 * width + 1}
            axes.plot(test_epochs, test, color=colour, linewidth=width, label=label, **marks)
    accuracies = []
    for _, history in runs.values():
        accuracies += history.test_accuracy
        # For a run with at most one test, the axis shows the training curve, except for its lowest tenth.
        if len(history.test_accuracy) < 2:
            accuracies.append(np.quantile(history.train_accuracy, 0.1))
    low = min(accuracies)
    accuracy_axes.set_ylim(max(0, low - 0.1 * (1 - low) - 0.01), 1.002)
    test_sets = {("held-out" if run["hold_out"] else "test", get_data_noun(run)) for run, _ in runs.values()}
    images = " or ".join(sorted(map(" ".join, test_sets)))
    grey = {"color": INK, "alpha": 0.7}
    kinds = [Line2D([], [], linewidth=0.8, **grey), Line2D([], [], marker="o", linewidth=2, markersize=4, **grey)]
    loss_axes.legend(kinds, ["training batches, smoothed", f"{images}, after each epoch"], loc="best")
    title = f"the runs, with their last accuracy on {images}"
    figure.legend(*accuracy_axes.get_legend_handles_labels(), loc="outside lower center", title=title)
    return figure


def get_data_noun(options):
    """Return what a run learned from: "images", "names" or "texts". options: the run's options, a dict."""
    return options.get("data", {}).get("of", "names" if options["dataset"] == "names" else "images")


if __name__ == "__main__":
    sys.exit(program.run(main))
