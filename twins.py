"""The proof that the two programs are one run, and what the published numbers compared.

    python twins.py           both programs in lockstep, in float64 and in float32 -> png/twins.png
    python twins.py resnet    the same for the residual network -> png/twins_resnet.png
    python twins.py inits     the published recipes with each first weights in each framework -> a table

Both put what they find into results.json.
"""

import argparse
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
import plot
import results
import training

SEEDS = range(5)


class Step(NamedTuple):
    """Where both networks are after a step."""

    loss_np: float
    loss_torch: float
    params_np: dict
    params_torch: dict
    statistics_np: dict
    statistics_torch: dict
    disagreeing: int  # units of the MLP's hidden layer that are on in one network and off in the other


def lockstep(options):
    """Train both networks side by side on the same batches and yield a `Step` for each."""
    dataset = data.load(options.dataset)
    plan = training.make_plan(options, len(dataset.train_images))

    ours, velocity = main_np.build(options)
    theirs, optimizer = main_torch.build(options)
    kept = {}
    if options.model == "mlp":
        theirs.layer1.register_forward_hook(lambda layer, inputs, z1: kept.update(z1=z1.detach().numpy()))

    batches = data.batches(dataset, options.batch_size, options.seed, 0, plan.steps, options.augment)
    for step, (images, y) in enumerate(batches):
        x = data.as_input(images, options.pixels, dataset, options.dtype)
        lr = training.learning_rate(step, plan.steps, options)
        loss_np, _ = main_np.train_step(ours, velocity, x, y, lr, options)
        x, y = torch.from_numpy(x), torch.from_numpy(y)
        loss_torch, _ = main_torch.train_step(theirs, optimizer, x, y, lr, options).tolist()
        params_np, _, statistics_np = main_np.get_arrays(ours, velocity)
        params_torch, _, statistics_torch = main_torch.get_arrays(theirs, optimizer)
        disagreeing = int(((ours.z1 > 0) != (kept["z1"] > 0)).sum()) if kept else 0
        yield Step(float(loss_np), loss_torch, params_np, params_torch, statistics_np, statistics_torch, disagreeing)


def largest_difference(a, b):
    """The largest |a - b| over all entries of two dicts of arrays."""
    assert a.keys() == b.keys()
    return max(float(np.abs(a[name] - b[name]).max()) for name in a)


# What each proof trains: the MLP's whole default run, and the ResNet's default recipe for 500 steps.
PROOFS = {"mlp": ("twins", []), "resnet": ("twins_resnet", ["--model", "resnet", "--steps", "500"])}


def prove(model):
    """Draw png/twins.png (or twins_resnet.png) from a run in both precisions."""
    name, argv = PROOFS[model]
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
    plot.save(plot.twins(runs), Path(__file__).resolve().parent / "png" / f"{name}.png")
    found = {dtype: {"final": run["difference"][-1], "largest": max(run["difference"])} for dtype, run in runs.items()}
    command = "python twins.py" if model == "mlp" else f"python twins.py {model}"
    made = {"command": command, "steps": steps, "difference": found, "machine": training.machine()}
    training.save_result(name, made)


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
        if program.main(["--recipe", recipe, "--init", init, "--seed", str(seed), "--out", out]):
            raise KeyboardInterrupt  # a run that was stopped says nothing
        return json.loads((Path(out) / f"history_{framework}.json").read_text())["test_accuracy"][-1]


def table(found):
    """The rows of `compare_inits` in Markdown: mean ± standard deviation, and what was published."""
    rows = []
    for row in found:
        cells = [row["recipe"], row["init"]]
        for framework in ("np", "torch"):
            values = row[framework]
            cell = f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"
            published = results.PUBLISHED.get((row["recipe"], row["init"], framework))
            cells.append(cell + (f" (published: {published})" if published else ""))
        rows.append(cells)
    return results.markdown(["recipe", "first weights", "NumPy", "PyTorch"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=[*PROOFS, "inits"], default="mlp")
    what = parser.parse_args().what
    if what == "inits":
        compare_inits()
    else:
        prove(what)


if __name__ == "__main__":
    sys.exit(training.run(main))
