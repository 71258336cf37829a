"""The proof that the two programs are one run, and what the published numbers compared.

    python twins.py          both programs in lockstep, in float64 and in float32 -> png/twins.png
    python twins.py inits    the published recipes with each first weights in each framework -> a table

Both put what they find into results.json.
"""

import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

import data
import main_np
import main_torch
import mlp_np
import mlp_torch
import plot
import training

SEEDS = range(5)


class Step(NamedTuple):
    """Where both networks are after a step."""

    loss_np: float
    loss_torch: float
    params_np: dict
    params_torch: dict
    disagreeing: int  # ReLUs of this batch that are on in one network and off in the other


def lockstep(options):
    """Train both networks side by side on the same batches and yield a `Step` for each."""
    dataset = data.load(options.dataset)
    plan = training.make_plan(options, len(dataset.train_images))

    ours = mlp_np.MLP(options.hidden, options.init, options.seed, options.dtype)
    velocity = {name: np.zeros_like(p) for name, p in ours.params.items()}
    theirs = mlp_torch.MLP(options.hidden).to(getattr(torch, options.dtype))
    optimizer = torch.optim.SGD(theirs.parameters(), lr=options.lr, momentum=options.momentum)
    main_torch.set_arrays(theirs, optimizer, ours.params, velocity)
    kept = {}
    theirs.layer1.register_forward_hook(lambda layer, inputs, z1: kept.update(z1=z1.detach().numpy()))

    batches = data.batches(dataset.train_images, dataset.train_labels, options.batch_size, options.seed, 0, plan.steps)
    for step, (images, y) in enumerate(batches):
        x = data.as_input(images, options.pixels, dataset, options.dtype)
        lr = training.learning_rate(step, plan.steps, options)
        loss_np, _ = main_np.train_step(ours, velocity, x, y, lr, options.momentum)
        loss_torch, _ = main_torch.train_step(theirs, optimizer, torch.from_numpy(x), torch.from_numpy(y), lr)
        params_torch, _ = main_torch.get_arrays(theirs, optimizer)
        disagreeing = int(((ours.z1 > 0) != (kept["z1"] > 0)).sum())
        yield Step(float(loss_np), loss_torch, ours.params, params_torch, disagreeing)


def largest_difference(a, b):
    """The largest |a - b| over all entries of two dicts of arrays."""
    assert a.keys() == b.keys()
    return max(float(np.abs(a[name] - b[name]).max()) for name in a)


def prove(argv):
    """Draw png/twins.png from the default run (or one with other options) in both precisions."""
    runs = {}
    for dtype in ("float64", "float32"):
        options, _ = training.parse_options("torch", __doc__, [*argv, "--dtype", dtype])
        run = runs[dtype] = {"loss_np": [], "loss_torch": [], "difference": [], "disagreeing": []}
        for step in lockstep(options):
            run["loss_np"].append(step.loss_np)
            run["loss_torch"].append(step.loss_torch)
            run["difference"].append(largest_difference(step.params_np, step.params_torch))
            run["disagreeing"].append(step.disagreeing)
        steps, difference = len(run["difference"]), run["difference"]
        print(f"{dtype}: after {steps} steps no two weights differ by more than {difference[-1]:.1e}")
    picture = Path(__file__).resolve().parent / "png" / "twins.png"
    plot.save(plot.twins(runs), picture)
    found = {dtype: {"final": run["difference"][-1], "largest": max(run["difference"])} for dtype, run in runs.items()}
    made = training.machine()
    training.save_result("twins", {"command": "python twins.py", "steps": steps, "difference": found, "machine": made})


def compare_inits():
    """Train both published recipes with both inits in both frameworks, and print the table."""
    rows = []
    for recipe in ("np_nn", "geohot"):
        for init in ("geohot", "pytorch"):
            row = {"recipe": recipe, "init": init}
            for framework, program in (("np", main_np), ("torch", main_torch)):
                row[framework] = [accuracy(program, framework, recipe, init, seed) for seed in SEEDS]
            rows.append(row)
            print(table([row]).splitlines()[-1], flush=True)
    made = training.machine()
    training.save_result("inits", {"command": "python twins.py inits", "rows": rows, "machine": made})


def accuracy(program, framework, recipe, init, seed):
    """The test accuracy of a run of main_np or main_torch."""
    with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(io.StringIO()):
        program.main(["--recipe", recipe, "--init", init, "--seed", str(seed), "--out", out])
        return json.loads((Path(out) / f"history_{framework}.json").read_text())["test_accuracy"][-1]


PUBLISHED = {("np_nn", "geohot", "np"): 0.9805, ("np_nn", "pytorch", "torch"): 0.9633}
PUBLISHED |= {("geohot", "geohot", "np"): 0.9635, ("geohot", "pytorch", "torch"): 0.9288}


def table(rows):
    """The rows of `compare_inits` in Markdown: mean ± standard deviation, and what was published."""
    lines = ["| recipe | first weights | NumPy | PyTorch |", "|---|---|---|---|"]
    for row in rows:
        cells = [row["recipe"], row["init"]]
        for framework in ("np", "torch"):
            values = row[framework]
            cell = f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"
            published = PUBLISHED.get((row["recipe"], row["init"], framework))
            cells.append(cell + (f" (published: {published})" if published else ""))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main():
    if sys.argv[1:] == ["inits"]:
        compare_inits()
    else:
        prove(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(training.run(main))
