"""Measure what docs/debugging.md says that its commands show: python -m lab.debugging. It takes a minute.

The runs of main_np.py that the page mentions are those of lab/experiments.py. From them, and from a run with a fault,
it draws the page's histories (png/history_1.png ...).
"""

import sys
import tempfile
from pathlib import Path

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    from exercises.faults import FAULTS
    from lab import by_heart, experiments, faults, find_lr
    from lab.results import ROOT, format_table, load_results, save_result
    from loading.options import parse_options
    from networks import NETWORKS
    from support import drawing
    from support.drawing import BLUE, RED, new_figure, plot_style, style_axes
    from support.history import get_machine_facts
    from support.options import Parser
    from views import training, training_picture

TABLE_NETWORKS = ("mlp", "vit", "gpt")
REPORTED_STEPS = (1, 10, 20, by_heart.N_STEPS)  # of which the loss is reported
STEPS_BY_OPTIONS = {"": 20, "--pixels raw": 20, "--lr 0.8": 500}
PICTURED_OPTIONS = "--lr 0.8"  # the run in STEPS_BY_OPTIONS whose picture the page shows
HISTORY_FAULT = "shifted labels"  # the fault of the last history
HISTORY_COMMANDS = ("main_np.py --lr 0.8", "main_np.py --hold-out 30000 --epochs 20", "main_np.py --augment elastic")


def measure_network_numbers(model_name):
    """Return a network's numbers for the table, as a dict.

    "log K": the loss of K equal scores; "by heart": {step: loss} of a batch learned by heart; "lowest" and "suggested":
    learning rates of `find_lr`; "lr": that of the default run; "name": the network's.
    """
    options = parse_options("np", "--model", model_name)
    losses = by_heart.learn_batch(options)
    steps = find_lr.list_search_steps(options)
    return {
        "name": options.network.name, "lr": options.run.lr,
        "lowest": find_lr.find_lowest_loss_step(steps).rate, "suggested": find_lr.find_suggested_rate(steps),
        "by heart": {str(step): losses.by_step[step - 1] for step in REPORTED_STEPS},
        "log K": losses.uniform,
    }  # fmt: skip


def measure_first_steps(options_text, steps):
    """Return what look.py --training says about the first steps of a run, and its numbers.

    options_text: the run's options.
    """
    options = parse_options("np", *options_text.split())
    diagnosis = training.diagnose_first_steps(options, steps)
    if options_text == PICTURED_OPTIONS:
        figure = training_picture.draw_training(
            diagnosis, options.network.title(options.run), training.describe_marks(diagnosis["marks"])
        )
        drawing.save(figure, ROOT / "png" / "training.png")
    return {
        "first loss": diagnosis["losses"][0], "said": training.describe_marks(diagnosis["marks"]),
        "layers": diagnosis["layers"],
        "steps": {name: array["step"] for name, array in diagnosis["arrays"].items() if array["step"]},
    }  # fmt: skip


def measure_run_with_fault(name):
    """Return the losses and accuracies of the MLP's default run with a fault: see `experiments.measure_run`."""
    with tempfile.TemporaryDirectory() as folder:
        faults.copy_project(Path(folder), FAULTS[name])
        return experiments.measure_run("main_np.py", 0, folder)


def make_table(result, model):
    """Return a Markdown table of a network's first loss, of one batch learned by heart, and of the learning rates."""
    numbers = result["networks"][model]
    hearts = [f"{numbers['by heart'][str(step)]:.2g}" for step in REPORTED_STEPS[1:]]
    first_loss = f"{numbers['by heart']['1']:.2f} ({numbers['log K']:.2f})"
    row = [
        numbers["name"],
        first_loss,
        *hearts,
        f"{numbers['lowest']:.2g}",
        f"{numbers['suggested']:g}",
        f"{numbers['lr']:g}",
    ]
    head = ["network", "first loss (log K)", *(f"one batch: step {step}" for step in REPORTED_STEPS[1:])]
    return format_table([*head, "loss lowest at rate", "suggested", "default"], [row])


@plot_style()
def draw_history(run):
    """Draw a run's loss and accuracy by epoch. The picture does not say which run it is."""
    figure = new_figure(8, 3.2)
    for axes, metric in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        style_axes(axes, metric, "", "epochs")
        for kind, color, label in (("train", BLUE, "training"), ("test", RED, "test")):
            values = run[f"{kind}_{metric}"]
            axes.plot(
                range(1, len(values) + 1),
                values,
                "o-",
                color=color,
                linewidth=2,
                markersize=4,
                label=label,
                clip_on=False,
            )
        if metric == "loss":
            axes.set_ylim(0, None)
        axes.legend()
    return figure


def main():
    Parser(description=__doc__).parse_args()
    result = {
        "networks": {model: measure_network_numbers(model) for model in NETWORKS if model in TABLE_NETWORKS},
        "looked at": {words: measure_first_steps(words, steps) for words, steps in STEPS_BY_OPTIONS.items()},
        "wrong labels": measure_run_with_fault(HISTORY_FAULT),
        "machine": get_machine_facts(),
    }
    save_result("debugging", result)
    runs = load_results()["experiments"]
    histories = [runs[command]["runs"]["0"] for command in HISTORY_COMMANDS] + [result["wrong labels"]]
    for number, history in enumerate(histories, 1):
        drawing.save(draw_history(history), ROOT / "png" / f"history_{number}.png")
    print(*(make_table(result, model) for model in TABLE_NETWORKS), sep="\n\n")


if __name__ == "__main__":
    with np.errstate(over="ignore", invalid="ignore"):
        sys.exit(program.run(main))
