"""Record the numbers of healthy runs, views/healthy.json: `python -m lab.healthy`. You can stop it and start it again.

They are the numbers in the table of look.py --training, for the default run of each network on each bundled dataset: at
steps 1 and 20 with ten seeds, and at step 200 with five; for the MLP, at step 200 with ten and at the last with five.
For each number, the file has the mean and the standard deviation over the seeds, and the number of seeds. `--check`
runs twenty other seeds, and prints which of their numbers are outside the ranges that views/training_table.py derives
from the file.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    import main_np
    from loading.options import parse_options, read_options_and_checkpoint
    from networks import NETWORKS
    from support.files import atomic_write
    from support.options import Parser, flag, integer
    from views import training, training_table
    from views.training_table import COLUMNS, HEALTHY_FILE, LAST_STEP, RECORDED_STEPS

SEEDS = range(10)
FEWER_SEEDS = range(5)
OTHER_SEEDS = range(100, 120)
LAST_STEP_RUN = "mlp mnist"  # the run whose last step is recorded, too; those of the others would take hours
DATASETS = {False: ("mnist",), True: ("mnist", "names", "shakespeare")}  # {whether a network writes: its datasets}
N_SIGNIFICANT_DIGITS = 4  # significant digits of the recorded numbers


def list_run_names():
    """Return ["MODEL DATASET"] for each network and dataset."""
    names = []
    for model, entry in NETWORKS.items():
        names += [f"{model} {dataset}" for dataset in DATASETS[entry.writes]]
    return names


def make_options(name, seed, *extra_options):
    """Return the options of the run "MODEL DATASET" with this seed."""
    model, dataset = name.split()
    return parse_options("np", "--model", model, "--dataset", dataset, "--seed", seed, *extra_options)


def measure_table_rows(name, step, seed):
    """Return the rows of the table at a step of one run. step: a number, from 1, or LAST."""
    options = make_options(name, seed)
    if step != LAST_STEP:
        dataset = data.load(options.source, options.run.hold_out)
        return training.make_table_rows_by_name(training.take_first_steps(options, step, dataset))
    with tempfile.TemporaryDirectory() as folder:
        words = [f"{flag(word)}={getattr(options.run, word)}" for word in ("model", "dataset", "seed")]
        main_np.main([*words, "--out", folder])
        options, checkpoint = read_options_and_checkpoint("np", next(Path(folder).glob("checkpoint_*.npz")))
        dataset = data.load(options.source, options.run.hold_out)
        return training.make_table_rows_by_name(training.take_last_step(options, checkpoint, dataset))


def compute_means_and_deviations(tables):
    """Return {row: for each column [mean, standard deviation] over the tables, or None}.

    For columns of spreads, they are computed on logarithms. See `training_table.make_ranges_by_row`.
    """
    rows = {}
    for name, numbers in tables[0].items():
        rows[name] = []
        for column, number in enumerate(numbers):
            if number is None:
                rows[name].append(None)
                continue
            values = np.array([table[name][column] for table in tables])
            if COLUMNS[column] == "spread":
                pair = np.exp([np.log(values).mean(), np.log(values).std(ddof=1)])
            else:
                pair = values.mean(), values.std(ddof=1)
            rows[name].append([float(f"{value:.{N_SIGNIFICANT_DIGITS}g}") for value in pair])
    return rows


def load_recorded():
    """Return {run: {step: {"n": number of seeds, "rows": the table}}} of the numbers recorded so far."""
    return json.loads(HEALTHY_FILE.read_text(encoding="utf-8")) if HEALTHY_FILE.exists() else {}


def to_json(value, indent=""):
    """Return a value as JSON text with a line for each row of a table."""
    if not isinstance(value, dict):
        return json.dumps(value)
    lines = [f"{indent} {json.dumps(key)}: {to_json(item, indent + ' ')}" for key, item in value.items()]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def save_recorded(content):
    """Write the recorded numbers to views/healthy.json, atomically."""
    with atomic_write(HEALTHY_FILE) as file:
        file.write((to_json(content) + "\n").encode())


def list_runs_and_steps():
    """Return a list of pairs (run, step): all that is to be recorded."""
    steps = []
    for step in RECORDED_STEPS:
        steps += [(name, step) for name in list_run_names()]
    return [*steps, (LAST_STEP_RUN, LAST_STEP)]


def measure_and_save_rows(name, step):
    """Measure a step of a run with several seeds, and save the result."""
    takes_long = step == LAST_STEP or (name != LAST_STEP_RUN and step == RECORDED_STEPS[-1])
    seeds = FEWER_SEEDS if takes_long else SEEDS
    rows = compute_means_and_deviations([measure_table_rows(name, step, seed) for seed in seeds])
    runs = load_recorded()
    runs.setdefault(name, {})[str(step)] = {"n": len(seeds), "rows": rows}
    save_recorded(runs)


def check(name, step, n_seeds):
    """Print which numbers of `n_seeds` other seeds are outside their recorded ranges, and return how many there are."""
    n_outside = 0
    for seed in OTHER_SEEDS[:n_seeds]:
        rows = measure_table_rows(name, step, seed)
        options = make_options(name, seed)
        marks = training_table.list_outlier_marks(rows, training_table.find_healthy_ranges(options, step, rows))
        n_outside += len(marks)
        lines = training.describe_marks(marks)
        reason = training_table.explain_no_ranges(options, step, rows)
        if reason:
            n_outside += 1
            lines.append(reason)
        for line in lines:
            print(f"{name}, step {step}, seed {seed}: {line}", flush=True)
    print(f"{name}, step {step}: {n_outside} numbers of {n_seeds} other seeds are outside their ranges", flush=True)
    return n_outside


def main():
    parser = Parser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="run other seeds, and compare them with what is recorded")
    parser.add_argument("--seeds", type=integer(2, 20), help="with --check: how many (20)")
    arguments = parser.parse_args()
    if arguments.check:
        n_seeds = arguments.seeds or len(OTHER_SEEDS)
        return int(any([check(name, step, n_seeds) for name, step in list_runs_and_steps()]))
    for name, step in list_runs_and_steps():
        if str(step) not in load_recorded().get(name, {}):
            measure_and_save_rows(name, step)
            print(time.strftime("%H:%M"), "recorded", name, "step", step, flush=True)
    return 0


if __name__ == "__main__":
    with np.errstate(over="ignore", invalid="ignore"):
        sys.exit(program.run(main))
