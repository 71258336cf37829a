"""The table of `look.py --training`: statistics of a training step, with their ranges in healthy runs.

Healthy runs are the default runs of this repository's networks on each dataset, with ten seeds. `python -m lab.healthy`
records their statistics in views/healthy.json.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from loading.options import parse_options
from support.options import flag, format_value

HEALTHY_FILE = Path(__file__).with_name("healthy.json")
RECORDED_STEPS = (1, 20, 200)  # besides the last one
LAST_STEP = "last"  # stands for the number of a run's last step
COLUMNS = "mean", "spread", "zeros"
DEVIATIONS_TIMES_SEEDS = 80  # see `make_ranges_by_row`
RANGE_MARGIN = 0.1


class Range(NamedTuple):
    """The range of a statistic in healthy runs, and its mean over these runs."""

    low: float
    mean: float
    high: float

    def __str__(self):
        return f"{self.low:.2g} to {self.high:.2g}"


class Mark(NamedTuple):
    """Something in a training step that is out of the ordinary."""

    place: str  # the layer or array, "x" for the examples, or "loss"
    message: str
    value_text: str = ""  # the number


def standard_deviation(array):
    """Return the standard deviation of an array, computed in float64, because squares may overflow float32."""
    return float(np.std(array, dtype=float))


def root_mean_square(array):
    """Return the root mean square of an array."""
    return float(np.sqrt(np.mean(np.square(array, dtype=float))))


def make_rows_by_name(passes, params, changes):
    """Return the rows of the table, {name of the row: [a number for each of COLUMNS, or None]}.

    passes: as `training.compute_passes` returns them. params: {name: array} before the step. changes: {name: change of
    the array}, or {} if no step is taken. The updates of a matrix are divided by the root mean square of its weights.
    Those of a vector are not, because a bias starts at 0. For token ids, the fraction of zeros is that of positions
    without a target.
    """
    rows = {"loss": [passes.loss, None, None]}
    if passes.x.dtype.kind == "f":
        rows["x"] = compute_mean_spread_and_zeros(passes.x)
    else:
        rows["x"] = [*compute_mean_spread_and_zeros(passes.x)[:2], float((passes.y == -1).mean())]
    for name, output in passes.outputs.items():
        rows[name] = compute_mean_spread_and_zeros(output)
    for name, p in params.items():
        rows[f"{name} gradient"] = compute_mean_spread_and_zeros(passes.gradients[name])
        if changes:
            unit = root_mean_square(p) if p.ndim > 1 and p.any() else 1
            rows[f"{name} update"] = compute_mean_spread_and_zeros(changes[name] / unit)
    return rows


def compute_mean_spread_and_zeros(array):
    """Return [mean, standard deviation, fraction of zeros] of an array."""
    return [float(np.mean(array, dtype=float)), standard_deviation(array), float((array == 0).mean())]


def find_healthy_ranges(options, step, rows):
    """Return the ranges in healthy runs for the rows of the table, as `make_ranges_by_row` does.

    Return {} if no healthy runs like this one were recorded; `explain_no_ranges` says why. options: the run's. step:
    the number of the step, LAST_STEP or None. rows: as from `make_rows_by_name`.
    """
    if explain_no_ranges(options, step, rows):
        return {}
    record = load_records(options.run)[str(step)]
    return make_ranges_by_row(record["rows"], record["n"])


def load_records(run):
    """Return {number of a step: its recorded statistics} of the healthy runs of a network on a dataset.

    run: the options of a run with this network and dataset. The result is {} if there are no such healthy runs.
    """
    networks = json.loads(HEALTHY_FILE.read_text(encoding="utf-8")) if HEALTHY_FILE.exists() else {}
    return networks.get(f"{run.model} {run.dataset}", {})


def explain_no_ranges(options, step, rows):
    """Return a sentence that says why `find_healthy_ranges` finds no ranges for the same arguments, or ""."""
    no_ranges = "The numbers have no ranges beside them"
    run = options.run
    records = load_records(run)
    if not records:
        return f"{no_ranges}: no healthy run of --model {run.model} --dataset {run.dataset} is recorded."
    default = vars(parse_options("np", "--model", run.model, "--dataset", run.dataset).run)
    changed_names = [name for name, value in vars(run).items() if name != "seed" and value != default[name]]
    if changed_names:
        words = " ".join(f"{flag(name)} {format_value(getattr(run, name))}" for name in changed_names)
        return f"{no_ranges}: healthy runs are recorded with the default options, but this run has {words}."
    if str(step) not in records:
        return f"{no_ranges}: healthy runs are recorded only at steps {', '.join(records)}."
    if records[str(step)]["rows"].keys() != rows.keys():
        return f"{no_ranges}: this network has different layers or arrays from the recorded one."
    return ""


def make_ranges_by_row(healthy_rows, n_seeds):
    """Return {row: [a `Range` or None for each of COLUMNS]} from the statistics of healthy runs at one step.

    healthy_rows: {row: [(mean, standard deviation) over `n_seeds` seeds, or None, for each column]}. For the column
    "spread" they are the geometric mean, and the factor that corresponds to one standard deviation of the logarithm.

    A range extends DEVIATIONS_TIMES_SEEDS / n_seeds standard deviations below and above the mean: eight for ten seeds,
    and more for fewer seeds, whose standard deviation is less certain. By chance, ten seeds may have almost the same
    spread. So each factor is at least the median factor of all outputs, gradients or updates. Finally, a range is
    extended by RANGE_MARGIN, because where all seeds agree, as in the first step of AdamW, the differences are only
    rounding. RANGE_MARGIN is a fraction of the row's spread for the mean, of the spread itself for the spread, and of
    all entries for the zeros.
    """
    deviations = DEVIATIONS_TIMES_SEEDS / n_seeds
    arrays = {name: numbers for name, numbers in healthy_rows.items() if name != "loss"}
    factors_of_kind = {}
    for name, (_, (_, factor), _) in arrays.items():
        factors_of_kind.setdefault(name.partition(" ")[2], []).append(factor)
    (loss, loss_deviation), *_ = healthy_rows["loss"]
    half = deviations * loss_deviation
    ranges = {"loss": [Range(max(0, loss - half), loss, loss + half), None, None]}
    for name, ((mean, mean_deviation), (typical, factor), (zeros, zeros_deviation)) in arrays.items():
        median_factor = np.median(factors_of_kind[name.partition(" ")[2]])
        half = deviations * mean_deviation + RANGE_MARGIN * typical
        whole_factor = max(factor, median_factor) ** deviations * (1 + RANGE_MARGIN)
        half_of_zeros = deviations * zeros_deviation + RANGE_MARGIN
        ranges[name] = [
            Range(mean - half, mean, mean + half),
            Range(typical / whole_factor, typical, typical * whole_factor),
            Range(max(0, zeros - half_of_zeros), zeros, min(1, zeros + half_of_zeros)),
        ]
    return ranges


def list_outlier_marks(rows, ranges):
    """Return a list of `Mark`s, one for each number outside its range."""
    marks = []
    for name, numbers in rows.items():
        for column, number, bounds in zip(COLUMNS, numbers, ranges.get(name, [None] * 3), strict=True):
            if is_outside(number, bounds):
                place, *kind = name.split()
                description = " ".join([*kind, column, f"{number:.3g}", f"({bounds})"])
                marks.append(Mark(place, "Outside the range of healthy runs", description))
    return marks


def is_outside(number, bounds):
    return bounds is not None and not bounds.low <= number <= bounds.high


def print_table(rows, ranges):
    """Print the rows of the table: each number and, in the next column, its mean and range in healthy runs.

    A number outside its range is followed by "!". ranges: as from `make_ranges_by_row`, or {}.
    """
    header = [""]
    for column in COLUMNS:
        header += [column, "healthy (range)" if ranges else ""]
    lines = [header]
    for name, numbers in rows.items():
        cells = [name]
        for number, bounds in zip(numbers, ranges.get(name, [None] * 3), strict=True):
            mark = " !" if is_outside(number, bounds) else ""
            cells.append("" if number is None else f"{number:.3g}{mark}")
            cells.append("" if bounds is None else f"{bounds.mean:.2g} ({bounds})")
        lines.append(cells)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for cells in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
