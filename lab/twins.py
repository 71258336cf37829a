"""The proof that by hand, on the tape and in PyTorch it is one run: all three in lockstep, in float64 and in float32.

python -m lab.twins           -> png/twins.png, and numbers in results.json
python -m lab.twins resnet    the same for the residual network -> png/twins_resnet.png
python -m lab.twins vit       and for the transformer -> png/twins_vit.png
python -m lab.twins all       one after the other
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's threads wait in a busy loop and slow PyTorch's down

# isort: split
import argparse
import sys
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import torch

import data
import main_np
import main_torch
from lab import results
from networks import NETWORKS, parse_options
from support import drawing, program
from support.drawing import INK, TEST, TRAIN, logarithmic, new_figure, style, style_axes
from support.history import machine
from support.names import to_numpy
from support.options import Parser
from support.run import learning_rate, make_plan


class State(NamedTuple):
    """Where a network is after a step."""

    loss: float  # of the batch, before the step
    arrays: dict  # the groups that main_np.get_arrays gives


class Step(NamedTuple):
    by_hand: State
    on_tape: State
    by_torch: State
    disagreeing: int  # units of the MLP's hidden layer that are on in one network and off in the other


def lockstep(options):
    """Train the networks side by side on the same batches and yield a `Step` for each."""
    dataset = data.load(options.dataset)
    plan = make_plan(options, len(dataset.train_images))

    ours, theirs = main_np.build(options), main_torch.build(options)  # each a network and its optimizer
    tape = main_np.build(SimpleNamespace(**vars(options) | {"autograd": True}))
    kept = {}
    if hasattr(theirs[0], "layer1"):
        theirs[0].layer1.register_forward_hook(lambda layer, inputs, z1: kept.update(z1=z1.detach().numpy()))

    def after_a_step(network, *batch):
        return State(float(main_np.train_step(*network, *batch)[0]), main_np.get_arrays(*network))

    for step, (images, y) in enumerate(data.batches(dataset, options, 0, plan.steps)):
        x, lr = data.as_input(images, options), learning_rate(step, plan.steps, options)
        by_hand, on_tape = (after_a_step(network, x, y, lr) for network in (ours, tape))
        loss, _ = main_torch.train_step(*theirs, torch.from_numpy(x), torch.from_numpy(y), lr)
        disagreeing = int(((ours[0].z1 > 0) != (kept["z1"] > 0)).sum()) if kept else 0
        yield Step(by_hand, on_tape, State(float(loss), to_numpy(*theirs)), disagreeing)


def largest_difference(a, b):
    """The largest |a - b| over all entries of two dicts of arrays."""
    assert a.keys() == b.keys()
    return max(float(np.abs(a[name] - b[name]).max()) for name in a)


def record(options):
    """What `picture` draws of a run: arrays with a number for every step, by name.

    "difference" is the largest between any two weights by hand and in PyTorch, "tape" the same between by hand and on
    the tape, and "disagreeing" says how many ReLUs were on in one only.
    """

    def apart(one, other):
        return largest_difference(one.arrays["params"], other.arrays["params"])

    steps = [
        (hand.loss, tape.loss, theirs.loss, disagreeing, apart(hand, tape), apart(hand, theirs))
        for hand, tape, theirs, disagreeing in lockstep(options)
    ]
    names = ("loss_np", "loss_tape", "loss_torch", "disagreeing", "tape", "difference")
    return dict(zip(names, np.transpose(steps), strict=True))


def prove(model):
    """Draw png/twins.png (or twins_resnet.png, twins_vit.png) from a run in both precisions."""
    network, runs, found = NETWORKS[model], {}, {}
    for kind in ("float64", "float32"):
        run = runs[kind] = record(parse_options("torch", "--model", model, *network.proof.split(), "--dtype", kind))
        of_torch, of_tape = (
            {"final": apart[-1], "largest": max(apart), "every 500 steps": apart[499::500].tolist()}
            for apart in (run["difference"], run["tape"])
        )
        found[kind] = of_torch | {"tape": of_tape}
        print(f"{kind}: after {len(run['tape'])} steps no two weights differ by more than {of_torch['final']:.1e}")
        print(f"{kind}: by hand and on the tape, they differ by {of_tape['final']:.1e}")
    name = f"twins_{network.prefix}".removesuffix("_")
    drawing.save(picture(runs), results.ROOT / "png" / f"{name}.png")
    command = f"python -m lab.twins {model}".removesuffix(" mlp")
    made = {"command": command, "steps": len(run["tape"]), "difference": found, "machine": machine()}
    results.save_result(name, made)


@style()
def picture(runs):
    """The proof in one picture: both losses on top of each other, and how far apart the weights are.

    runs: {"float64": what `record` found, "float32": the same}.
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
    above.legend(loc="upper right").get_lines()[1].set_linewidth(1.2)

    title = "How far apart they are: the largest difference between any two weights"
    style_axes(below, title, "difference", "steps")
    below.set_yscale("log")
    below.set_ylim(1e-18, 1e4)
    bold, end = {"fontweight": "bold"}, {"textcoords": "offset points", "ha": "right"}  # left of its point
    for dtype, color in (("float32", TEST), ("float64", TRAIN)):
        difference, unit = runs[dtype]["difference"], np.finfo(dtype).eps / 2
        below.plot(steps, np.where(difference > 0, difference, np.nan), color=color, linewidth=2)
        last = (steps[-1], max(difference[-1], 1e-18))
        below.annotate(f"in {dtype}: {difference[-1]:.1g}", last, (0, 10), color=color, **bold, **end)
        below.axhline(unit, color=color, linewidth=1.2, linestyle=(0, (4, 3)))
        words = f"rounding unit of {dtype}: {unit:.1g}"
        below.annotate(words, (steps[-1], unit), (0, -4), va="top", color=color, **end)
    tape, corner = run["tape"], {"xycoords": "axes fraction"}
    below.plot(steps, np.where(tape > 0, tape, np.nan), color=TRAIN, linewidth=1, linestyle=(0, (1, 1)))
    equal = [kind for kind in ("float32", "float64") if not any(runs[kind]["tape"])]
    apart = f"0 at every step in {' and '.join(equal)}" if equal else f"{tape[-1]:.1g} in float64 (dotted)"
    below.annotate(f"on the tape and by hand: {apart}", (0.01, 0.94), color=TRAIN, **bold, **corner)
    below.annotate("in PyTorch and by hand: the lines", (0.01, 0.88), **corner)
    # From rounding to drifting apart: the step with the steepest rise, if a ReLU tipped over there.
    difference = np.maximum(runs["float32"]["difference"], 1e-30)
    rise = np.log(difference[1:] / difference[:-1]) * (runs["float32"]["disagreeing"][1:] > 0)
    if len(rise) and rise.max() > 1:
        tipped = 1 + int(rise.argmax())
        words = "a ReLU so close to 0 that rounding\nturns it on in one program and off in the other"
        arrow = {"arrowstyle": "->", "color": INK, "relpos": (0, 0.5)}
        below.annotate(f"step {tipped + 1}: {words}", (steps[tipped], difference[tipped]), (0.4, 0.7), va="center",
                       textcoords="axes fraction", arrowprops=arrow)  # fmt: skip
    return figure


def main():
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=[*NETWORKS, "all"], default="mlp")
    what = parser.parse_args().what
    for model in NETWORKS if what == "all" else [what]:
        prove(model)


if __name__ == "__main__":
    sys.exit(program.run(main))
