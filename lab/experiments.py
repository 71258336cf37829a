"""Measure what docs/experiments.md and docs/debugging.md say about runs of main_np.py: python -m lab.experiments.

It trains three seeds of each command. You can stop it and start it again: finished runs are not repeated. It prints the
tables that the two pages show.
"""

import json
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    from lab.results import ROOT, format_spread, format_table, load_results, save_result
    from support.options import Parser

SEEDS = range(3)
DEFAULT_COMMAND = "main_np.py"
# The runs of docs/experiments.md, in its order.
EXPERIMENT_COMMANDS = [DEFAULT_COMMAND] + [
    f"main_np.py {options}"
    for options in """
--hidden 16
--lr 100
--lr 0.001
--pixels raw
--pixels raw --lr 0.0001
--momentum 0
--momentum 0 --lr 1
--batch-size 6000
--schedule constant
--augment elastic
--hold-out 10000
--recipe geohot
--recipe geohot --init pytorch
""".strip().splitlines()
]
# Remedies for overfitting (docs/debugging.md), compared on held-out images.
HELD_OUT_COMMAND = "main_np.py --hold-out 10000 --epochs 20"
OVERFITTING_COMMANDS = [
    HELD_OUT_COMMAND,
    *(f"{HELD_OUT_COMMAND} {more}" for more in ("--hidden 64", "--weight-decay 0.001", "--augment shift")),
]
OVERFITTING_COMMANDS += ["main_np.py --hold-out 30000 --epochs 20"]  # with fewer images
# Example runs, without a claim: only their first seed.
EXAMPLE_COMMANDS = ["main_np.py --lr 0.8"]


def measure_run(command, seed, project=ROOT):
    """Train with a command. Return its losses and accuracies as a dict: "train_loss", "test_accuracy" and so on.

    For training, the values are means over an epoch. Seed 0 keeps all values, other seeds the first and the last. If
    the run stopped because numbers were not finite, return {"stopped": its message}. project: the folder whose programs
    run.
    """
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, *command.split(), "--seed", str(seed), "--out", folder]
        process = subprocess.run(words, cwd=project, capture_output=True, text=True)
        if process.returncode:
            return {"stopped": process.stderr.splitlines()[-1].partition(": ")[2]}
        history = json.loads(next(Path(folder).glob("history_*.json")).read_text())
    steps = [0, *history["test_step"]]
    curves = {}
    for kind in ("train_loss", "train_accuracy"):
        curves[kind] = [float(np.mean(history[kind][a:b])) for a, b in pairwise(steps)]
    for kind in ("test_loss", "test_accuracy"):
        curves[kind] = history[kind]
    result = {"machine": history["machine"]}
    for kind, values in curves.items():
        saved_values = values[:: max(1, len(values) - 1)] if seed else values
        result[kind] = [round(value, 6) for value in saved_values]
    return result


def get_last_values(entry, kind="test_accuracy"):
    """Return the last value of this kind in each run of a command, without runs that stopped early."""
    return [run[kind][-1] for run in entry["runs"].values() if kind in run]


def make_experiments_table(entries):
    """Return a Markdown table of the accuracy of each run of docs/experiments.md."""
    rows = []
    for command in EXPERIMENT_COMMANDS:
        if command in entries:
            values = get_last_values(entries[command])
            accuracy = format_spread(values) if values else "the loss is not finite"
            rows.append([f"`python {command}`", accuracy, len(entries[command]["runs"])])
    return format_table(["run", "accuracy", "seeds"], rows)


def make_overfitting_table(entries):
    """Return a Markdown table of the runs about overfitting, with separate columns for training and held-out images."""
    rows = []
    for command in OVERFITTING_COMMANDS:
        entry = entries.get(command)
        if entry:
            losses = [format_spread(get_last_values(entry, f"{kind}_loss"), ".3f") for kind in ("train", "test")]
            rows.append(
                [
                    f"`python {command}`",
                    *losses,
                    format_spread(get_last_values(entry, "test_accuracy")),
                    len(entry["runs"]),
                ]
            )
    return format_table(["run", "training loss", "held-out loss", "held-out accuracy", "seeds"], rows)


def main():
    Parser(description=__doc__).parse_args()
    for command in EXPERIMENT_COMMANDS + OVERFITTING_COMMANDS + EXAMPLE_COMMANDS:
        for seed in map(str, SEEDS[:1] if command in EXAMPLE_COMMANDS else SEEDS):
            entries = load_results().get("experiments", {})
            runs = entries.setdefault(command, {"runs": {}})["runs"]
            if seed not in runs:
                runs[seed] = measure_run(command, int(seed))
                save_result("experiments", entries)
                print(time.strftime("%H:%M"), command, "seed", seed, get_last_values(entries[command])[-1:], flush=True)
    entries = load_results()["experiments"]
    print(make_experiments_table(entries), make_overfitting_table(entries), sep="\n\n")


if __name__ == "__main__":
    sys.exit(program.run(main))
