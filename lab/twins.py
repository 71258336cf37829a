"""The proof that by hand, on the tape and in PyTorch it is one run, and what the published numbers compared.

    python -m lab.twins           all three in lockstep, in float64 and in float32 -> png/twins.png
    python -m lab.twins resnet    the same for the residual network -> png/twins_resnet.png
    python -m lab.twins vit       and for the transformer, also with a bias in its keys -> png/twins_vit.png
    python -m lab.twins all       one after the other
    python -m lab.twins inits     the published recipes with each first weights in each framework -> a table

All put what they find into results.json.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's threads wait in a busy loop and slow PyTorch's down

# isort: split
import argparse
import contextlib
import functools
import io
import json
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple
from support import drawing, program

import numpy as np
import torch

import data
import main_np
import main_torch
from lab import results
from networks import NETWORKS, parse_options
from resnet_np import walk
from support.drawing import INK, TEST, TRAIN, logarithmic, new_figure, style_axes
from support.history import machine
from support.names import get_arrays, set_arrays
from support.options import Parser
from support.run import learning_rate, make_plan

SEEDS = range(5)


class Network(NamedTuple):
    """Where a network is after a step."""

    loss: float  # of the batch, before the step
    arrays: dict  # the groups that main_np.get_arrays gives


class Step(NamedTuple):
    by_hand: Network
    on_tape: Network | None  # None with key biases
    by_torch: Network
    disagreeing: int  # units of the MLP's hidden layer that are on in one network and off in the other


def lockstep(options, key_bias=False):
    """Train the networks side by side on the same batches and yield a `Step` for each.

    key_bias: give a transformer's keys a bias, which vit_np.py proves to be of no use.
    """
    dataset = data.load(options.dataset)
    plan = make_plan(options, len(dataset.train_images))

    ours, theirs = main_np.build(options), main_torch.build(options)  # each a network and its optimizer
    tape = None if key_bias else main_np.build(SimpleNamespace(**vars(options) | {"autograd": True}))
    if key_bias:
        ours, theirs = add_key_biases(ours[0], theirs[0], options)
    kept = {}
    if hasattr(theirs[0], "layer1"):
        theirs[0].layer1.register_forward_hook(lambda layer, inputs, z1: kept.update(z1=z1.detach().numpy()))

    def after_a_step(network, *batch):
        return Network(float(main_np.train_step(*network, *batch)[0]), main_np.get_arrays(*network))

    for step, (images, y) in enumerate(data.batches(dataset, options, 0, plan.steps)):
        x, lr = data.as_input(images, options), learning_rate(step, plan.steps, options)
        by_hand, on_tape = after_a_step(ours, x, y, lr), tape and after_a_step(tape, x, y, lr)
        loss, _ = main_torch.train_step(*theirs, torch.from_numpy(x), torch.from_numpy(y), lr)
        disagreeing = int(((ours[0].z1 > 0) != (kept["z1"] > 0)).sum()) if kept else 0
        yield Step(by_hand, on_tape, Network(float(loss), get_arrays(*theirs)), disagreeing)


def add_key_biases(ours, theirs, options):
    """Give every key of both transformers a bias of 0, before the first step. Returns both with new optimizers."""
    for path, layer in theirs.named_modules():
        if path.endswith("attention"):
            layer.key.bias = torch.nn.Parameter(torch.zeros_like(layer.query.bias))
            inner = walk(ours.layers)[f"{path}.key"]
            inner.params["b"] = np.zeros_like(inner.params["W"][0])
    ours.params = ours.collect("params")
    our_optimizer, their_optimizer = main_np.Optimizer(ours.params, options), main_torch.make_optimizer(theirs, options)
    set_arrays(theirs, their_optimizer, main_np.get_arrays(ours, our_optimizer))
    return (ours, our_optimizer), (theirs, their_optimizer)


def largest_difference(a, b):
    """The largest |a - b| over all entries of two dicts of arrays."""
    assert a.keys() == b.keys()
    return max(float(np.abs(a[name] - b[name]).max()) for name in a)


KEY_BIAS = "float64, with a key bias"


def record(options, key_bias=False):
    """What `picture` draws of a run, a number for every step."""
    run = {"loss_np": [], "loss_tape": [], "loss_torch": [], "tape": [], "difference": [], "disagreeing": []}
    for hand, tape, theirs, disagreeing in lockstep(options, key_bias):
        run["loss_np"].append(hand.loss)
        if tape:
            run["loss_tape"].append(tape.loss)
            run["tape"].append(largest_difference(hand.arrays["params"], tape.arrays["params"]))
        run["loss_torch"].append(theirs.loss)
        run["difference"].append(largest_difference(hand.arrays["params"], theirs.arrays["params"]))
        run["disagreeing"].append(disagreeing)
    return run


def prove(model):
    """Draw png/twins.png (or twins_resnet.png, twins_vit.png) from a run in both precisions."""
    network, runs, found = NETWORKS[model], {}, {}
    name, argv = f"twins_{network.prefix}".removesuffix("_"), ["--model", model, *network.proof.split()]
    layers = main_torch.build(parse_options("torch", *argv))[0].named_modules()
    with_keys = any(path.endswith("attention") for path, _ in layers)
    for kind in ("float64", "float32", *[KEY_BIAS] * with_keys):
        options = parse_options("torch", *argv, "--dtype", kind[:7])
        runs[kind] = record(options, key_bias=kind == KEY_BIAS)
        difference = runs[kind]["difference"]
        print(f"{kind}: after {len(difference)} steps no two weights differ by more than {difference[-1]:.1e}")
        found[kind] = {"final": difference[-1], "largest": max(difference), "every 500 steps": difference[499::500]}
        if tape := runs[kind]["tape"]:
            print(f"{kind}: by hand and on the tape, they differ by {tape[-1]:.1e}")
            found[kind]["tape"] = {"final": tape[-1], "largest": max(tape), "every 500 steps": tape[499::500]}
    drawing.save(picture(runs), results.ROOT / "png" / f"{name}.png")
    command = f"python -m lab.twins {model}".removesuffix(" mlp")
    made = {"command": command, "steps": len(difference), "difference": found, "machine": machine()}
    results.save_result(name, made)


def picture(runs):
    """The proof in one picture: both losses on top of each other, and how far apart the weights are.

    runs: {"float64": run, "float32": run}, for a transformer also {KEY_BIAS: run}, where a run holds for every step
    "loss_np", "loss_tape", "loss_torch", "difference", the largest between any two weights by hand and in PyTorch,
    "tape", the same between by hand and on the tape, and "disagreeing", how many ReLUs were on in one only.
    """
    figure = new_figure(8, 8)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 5))

    run = runs["float64"]
    steps = np.arange(1, len(run["difference"]) + 1)
    style_axes(above, "Three ways to the derivatives, one run: the loss at every step", "cross-entropy loss")
    logarithmic(above)
    above.plot(steps, run["loss_np"], color=TRAIN, alpha=0.4, linewidth=2.5, label="NumPy, derivatives by hand")
    above.plot(steps, run["loss_torch"], color=INK, linewidth=0.4, label="PyTorch, autograd (the thin line inside)")
    some = slice(len(steps) // 40, None, max(1, len(steps) // 20))
    above.plot(steps[some], run["loss_tape"][some], ".", color=TEST, markersize=5, label="NumPy, a tape (the dots)")
    above.set_ylim(np.percentile(run["loss_np"], 0.5) / 2, max(run["loss_np"]) * 2)
    legend = above.legend(loc="upper right", frameon=False)
    legend.get_lines()[1].set_linewidth(1.2)

    style_axes(below, "How far apart they are: the largest difference between any two weights", "difference")
    below.set_yscale("log")
    below.set_xlabel("steps", color=INK)
    note = functools.partial(below.annotate, textcoords="offset points", ha="right")  # left of its point
    colors = {"float32": TEST, "float64": TRAIN, KEY_BIAS: INK}
    for kind in [kind for kind in colors if kind in runs]:
        difference = np.array(runs[kind]["difference"])
        below.plot(steps, np.where(difference > 0, difference, np.nan), color=colors[kind], linewidth=2)
        under = KEY_BIAS in runs and kind == "float64"  # above its line runs the other
        place = {"xytext": (0, -10), "va": "top"} if under else {"xytext": (0, 10), "va": "baseline"}
        end = (steps[-1], max(difference[-1], 1e-18))
        note(f"in {kind}: {difference[-1]:.1g}", end, color=colors[kind], fontweight="bold", **place)
    tape = np.array(run["tape"])
    below.plot(steps, np.where(tape > 0, tape, np.nan), color=TRAIN, linewidth=1, linestyle=(0, (1, 1)))
    equal = [kind for kind in ("float32", "float64") if not any(runs[kind]["tape"])]
    apart = f"0 at every step in {' and '.join(equal)}" if equal else f"{tape[-1]:.1g} in float64 (dotted)"
    below.annotate(f"on the tape and by hand: {apart}", (0.01, 0.94), xycoords="axes fraction", color=TRAIN,
                   fontweight="bold")  # fmt: skip
    below.annotate("in PyTorch and by hand: the lines", (0.01, 0.88), xycoords="axes fraction", color=INK)
    for dtype in ("float32", "float64"):
        unit, color = np.finfo(dtype).eps / 2, colors[dtype]
        below.axhline(unit, color=color, linewidth=1.2, linestyle=(0, (4, 3)))
        note(f"rounding unit of {dtype}: {unit:.1g}", (steps[-1], unit), (0, -4), va="top", color=color)
    difference = np.maximum(runs["float32"]["difference"], 1e-30)
    disagreeing = np.array(runs["float32"]["disagreeing"])
    # From rounding to drifting apart: the step with the steepest rise, if a ReLU tipped over there.
    rise = np.log(difference[1:] / difference[:-1]) * (disagreeing[1:] > 0)
    if len(rise) and rise.max() > 1:
        tipped = 1 + int(rise.argmax())
        words = "a ReLU so close to 0 that rounding\nturns it on in one program and off in the other"
        arrow = {"arrowstyle": "->", "color": INK, "relpos": (0, 0.5)}
        below.annotate(f"step {tipped + 1}: {words}", (steps[tipped], difference[tipped]), (0.4, 0.7), va="center",
                       textcoords="axes fraction", color=INK, arrowprops=arrow)  # fmt: skip
    below.set_ylim(1e-18, 1e4)
    return figure


def compare_inits():
    """Train both published recipes with both inits in both frameworks, and print the table."""
    rows = []
    for recipe in ("np_nn", "geohot"):
        for init in ("geohot", "pytorch"):
            row = {"recipe": recipe, "init": init}
            for framework, main in (("np", main_np), ("torch", main_torch)):
                row[framework] = [accuracy(main, framework, recipe, init, seed) for seed in SEEDS]
            rows.append(row)
            print(table([row]).splitlines()[-1], flush=True)
    results.save_result("inits", {"command": "python -m lab.twins inits", "rows": rows, "machine": machine()})


def accuracy(main, framework, recipe, init, seed):
    """The test accuracy of a run of main_np or main_torch."""
    with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(io.StringIO()):
        if main.main(["--recipe", recipe, "--init", init, "--seed", str(seed), "--out", out]):
            raise KeyboardInterrupt  # a run that was stopped says nothing
        return json.loads((Path(out) / f"history_{framework}.json").read_text())["test_accuracy"][-1]


def table(found):
    """The rows of `compare_inits` in Markdown: mean ± standard deviation, and what was published."""
    rows = []
    for row in found:
        cells = [row["recipe"], row["init"]]
        for framework in ("np", "torch"):
            cell = results.spread(row[framework])
            published = results.PUBLISHED.get((row["recipe"], row["init"], framework))
            cells.append(cell + (f" (published: {published})" if published else ""))
        rows.append(cells)
    return results.markdown(["recipe", "first weights", "NumPy", "PyTorch"], rows)


def main():
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=[*NETWORKS, "all", "inits"], default="mlp")
    what = parser.parse_args().what
    if what == "inits":
        compare_inits()
    else:
        for model in NETWORKS if what == "all" else [what]:
            prove(model)


if __name__ == "__main__":
    sys.exit(program.run(main))
