"""Check that training by hand, on the tape and in PyTorch is the same run: all three in lockstep, in float64 and
float32.

This is the long form of `python main_np.py --prove` (lab/prove.py), for the default runs. It saves its results only if
the runs agree.

python -m lab.twins           -> png/twins.png, png/proof.png, and numbers in results.json
python -m lab.twins resnet    the same for the residual network -> png/twins_resnet.png
python -m lab.twins vit       for the transformer -> png/twins_vit.png
python -m lab.twins gpt       for the network that writes -> png/twins_gpt.png
python -m lab.twins llama     and for that of today's language models -> png/twins_llama.png
python -m lab.twins all       one after the other
"""

import argparse
import sys
import textwrap
from typing import NamedTuple

from support import program

with program.import_guard("requirements.txt"):
    import numpy as np

    import data
    from lab import results
    from lab.forms import InNumPy, InPyTorch
    from loading.options import parse_options
    from networks import NETWORKS, file_prefix, format_model_option
    from support import drawing
    from support.drawing import (
        BLUE,
        INK,
        RED,
        make_logarithmic,
        new_figure,
        plot_style,
        style_axes,
        use_log_scale,
    )
    from support.errors import UserError
    from support.history import get_machine_facts
    from support.lockstep import largest_difference
    from support.options import Parser, with_changes
    from support.rounding import format_rounded_up
    from support.schedule import learning_rate, make_plan
    from support.threads import get_kept_array

ROUNDING_TOLERANCE = 1e-9  # the largest difference in float64 that counts as rounding
# Options of the run, for networks whose default run would take an hour.
PROVEN = {"resnet": "--steps 500", "llama": "--dataset shakespeare --lr 0.003 --steps 500"}
# The sums before a network's ReLUs: {the array by hand: the layer in PyTorch whose output they are}. The proof counts
# how many ReLUs are on in one and off in the other.
LAYERS_BY_SUM = {"mlp": {"z1": "layer1"}}


class State(NamedTuple):
    """The loss and the arrays of a network at one step."""

    loss: float  # of the batch, before the step
    arrays: dict  # the groups that main_np.get_all_arrays_by_group gives


class Step(NamedTuple):
    by_hand: State
    on_tape: State
    by_torch: State
    disagreeing: int  # ReLUs that are on by hand and off in PyTorch, or vice versa


def iter_lockstep(options):
    """Train the networks side by side on the same batches and yield a `Step` for each batch."""
    dataset = data.load(options.source, options.run.hold_out)
    plan = make_plan(options, dataset.n_train)

    by_hand = InNumPy(options)
    on_tape = InNumPy(with_changes(options, autograd=True))
    in_pytorch = InPyTorch(options)
    disagreeing = make_relu_disagreement_counter(
        by_hand.network, in_pytorch.model, LAYERS_BY_SUM.get(options.run.model, {})
    )
    for step, (x, y) in enumerate(data.batches(dataset, options, 0, plan.steps)):
        batch = x, y, learning_rate(step, plan.steps, options)
        losses = [float(form.record_step(*batch)["loss"][""]) for form in (by_hand, on_tape, in_pytorch)]
        states = (
            State(loss, form.get_state_arrays())
            for loss, form in zip(losses, (by_hand, on_tape, in_pytorch), strict=True)
        )
        yield Step(*states, disagreeing())


def make_relu_disagreement_counter(network, twin, layers_by_sum):
    """Return a function that counts the ReLUs that are on in only one of the two networks, for the last batch.

    layers_by_sum: {the array by hand before a ReLU: the layer in PyTorch that computes it}, as in LAYERS_BY_SUM.
    """
    torch_sums = {}

    def make_recording_hook(name):
        return lambda layer, inputs, output: torch_sums.update({name: output.detach().numpy()})

    for name, layer in layers_by_sum.items():
        twin.get_submodule(layer).register_forward_hook(make_recording_hook(name))
    return lambda: sum(int(((get_kept_array(network, name) > 0) != (z > 0)).sum()) for name, z in torch_sums.items())


def measure_losses_and_differences(options):
    """Return {name: array with a number for each step} of a run, for `draw_proof`.

    "difference" is the largest difference between a weight by hand and the same weight in PyTorch, "tape" that on the
    tape. "disagreeing" is the number of ReLUs that are on by hand and off in PyTorch or vice versa.
    """

    def compute_difference(state, other_state):
        return largest_difference(state.arrays["params"], other_state.arrays["params"])

    steps = [
        (
            by_hand.loss,
            tape.loss,
            in_pytorch.loss,
            disagreeing,
            compute_difference(by_hand, tape),
            compute_difference(by_hand, in_pytorch),
        )
        for by_hand, tape, in_pytorch, disagreeing in iter_lockstep(options)
    ]
    names = ("loss_np", "loss_tape", "loss_torch", "disagreeing", "tape", "difference")
    return dict(zip(names, np.transpose(steps), strict=True))


def train_and_save_proof(model_name):
    """Train a network in both precisions, draw png/twins.png (or twins_resnet.png and so on) and save the numbers.

    Raises UserError if the runs differ in float64.
    """
    runs = {}
    differences = {}
    for kind in ("float64", "float32"):
        run = runs[kind] = measure_losses_and_differences(
            parse_options("torch", "--model", model_name, *PROVEN.get(model_name, "").split(), "--dtype", kind)
        )
        of_torch, of_tape = (
            {"final": difference[-1], "largest": max(difference), "every 500 steps": difference[499::500].tolist()}
            for difference in (run["difference"], run["tape"])
        )
        differences[kind] = of_torch | {"tape": of_tape}
        if kind == "float64" and not max(of_torch["largest"], of_tape["largest"]) < ROUNDING_TOLERANCE:
            bound = format_rounded_up(max(of_torch["largest"], of_tape["largest"]))
            description = f"in {kind} a weight is up to {bound} from its twin"
            advice = f"`python main_np.py {format_model_option(model_name)}".rstrip() + " --prove` says where it begins"
            raise UserError(f"{model_name}: {description}, and nothing is saved: {advice}")
        steps = len(run["tape"])
        start = "no weight differs from its twin"
        print(f"{kind}: after {steps} steps {start} in PyTorch by more than {format_rounded_up(of_torch['final'])}")
        print(f"{kind}: on the tape, by no more than {format_rounded_up(of_tape['final'])}")
    name = f"twins_{file_prefix(model_name)}".removesuffix("_")
    drawing.save(draw_proof(runs), results.ROOT / "png" / f"{name}.png")
    if not format_model_option(model_name):
        drawing.save(draw_banner(runs), results.ROOT / "png" / "proof.png")
    command = f"python -m lab.twins {format_model_option(model_name)}".replace("--model ", "").rstrip()
    result = {"command": command, "steps": len(run["tape"]), "difference": differences, "machine": get_machine_facts()}
    results.save_result(name, result)


N_DRAWN_LAST_STEPS = 60  # the number of last steps whose losses are drawn
TITLE_STYLE = {"x": 0.015, "ha": "left", "fontsize": 15, "fontweight": "bold"}
TEXT_BACKGROUND = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # behind text, so that no grid line crosses it


@plot_style()
def draw_banner(runs):
    """Draw a short form of the proof for the top of the README: a summary and the last losses."""
    figure = new_figure(7, 3.7)
    figure.suptitle("By hand, by our own autograd, in PyTorch: the same run", **TITLE_STYLE)
    show_losses(figure.add_subplot(), runs["float64"])
    return figure


@plot_style()
def draw_proof(runs):
    """Draw the whole proof: the last losses on top of each other, and the differences between the weights.

    runs: {"float64": what `measure_losses_and_differences` returns, "float32": the same}.
    """
    figure = new_figure(7, 7.4)
    figure.suptitle("By hand, by our own autograd, in PyTorch: the same run", **TITLE_STYLE)
    upper, lower = figure.subplots(2, 1, height_ratios=(4, 5))
    show_losses(upper, runs["float64"])
    show_differences(lower, runs)
    return figure


def show_losses(axes, run):
    """Draw the losses of the last steps, three on top of each other. The title states how much the weights differ."""
    steps = np.arange(1, len(run["difference"]) + 1)
    last_steps = slice(-N_DRAWN_LAST_STEPS, None)
    tape_bound = format_rounded_up(max(run["tape"]))
    on_tape = (
        f"no weight differs by more than {tape_bound}" if any(run["tape"]) else "every weight is equal to the last bit"
    )
    summary = (
        f"After {len(steps):,} steps in float64, no weight differs from its twin in PyTorch by more than "
        f"{format_rounded_up(max(run['difference']))}. By our own autograd, {on_tape}."
    )
    style_axes(axes, "", "loss of the batch", f"the last {min(N_DRAWN_LAST_STEPS, len(steps))} steps")
    make_logarithmic(axes)
    axes.plot(
        steps[last_steps], run["loss_np"][last_steps], color=BLUE, alpha=0.35, linewidth=8, label="NumPy, by hand"
    )
    axes.plot(steps[last_steps], run["loss_torch"][last_steps], color=INK, linewidth=1.2, label="PyTorch")
    axes.plot(steps[last_steps], run["loss_tape"][last_steps], ".", color=RED, markersize=8, label="our autograd")
    low = min(run["loss_np"][last_steps])
    high = max(run["loss_np"][last_steps])
    axes.set_ylim(low * (low / high) ** 0.1, high * (high / low) ** 0.4)  # leave room above for the legend
    axes.legend(loc="upper right", ncols=3, columnspacing=1.2, handlelength=1.4, fontsize=12)
    set_title_and_enlarge_text(axes, textwrap.fill(summary, 58), 13)


def show_differences(axes, runs):
    """Draw the largest difference between a weight by hand and in PyTorch after every step, in both precisions."""
    text_options = {"fontsize": 12, "textcoords": "offset points", "bbox": TEXT_BACKGROUND}
    steps = np.arange(1, len(runs["float64"]["difference"]) + 1)
    style_axes(axes, "", "difference", "steps")
    use_log_scale(axes.yaxis)
    axes.set_ylim(1e-18, 1e2)
    axes.set_xlim(-0.02 * len(steps), 1.02 * len(steps))
    for dtype, color in (("float32", RED), ("float64", BLUE)):
        difference = runs[dtype]["difference"]
        unit = np.finfo(dtype).eps / 2
        axes.plot(steps, np.where(difference > 0, difference, np.nan), color=color, linewidth=2.5)
        last_point = (steps[-1], max(difference[-1], 1e-17))
        note = f"{dtype}: at most {format_rounded_up(max(difference))}"
        axes.annotate(note, last_point, (0, 8), ha="right", color=color, fontweight="bold", **text_options)
        axes.axhline(unit, color=color, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.annotate(f"rounding unit {unit:.1g}", (steps[0], unit), (0, -5), va="top", color=color, **text_options)
    tipping_steps = find_tipping_steps(**runs["float32"])
    if len(tipping_steps):
        difference = runs["float32"]["difference"]
        axes.plot(steps[tipping_steps], difference[tipping_steps], "o", color=INK, markersize=7)
        numbers = " and ".join(f"{step:,}" for step in steps[tipping_steps])
        noun = "steps" if len(tipping_steps) > 1 else "step"
        note = f"{noun} {numbers}: rounding decides\nwhether a ReLU is on or off"
        arrow = {"arrowstyle": "-", "color": INK, "relpos": (0, 0.5)}
        text_options |= {"textcoords": "axes fraction", "ha": "left", "arrowprops": arrow}
        axes.annotate(
            note, (steps[tipping_steps[-1]], difference[tipping_steps[-1]]), (0.3, 0.63), va="center", **text_options
        )
    set_title_and_enlarge_text(axes, "The largest difference between a weight and its twin in PyTorch", 12)


def set_title_and_enlarge_text(axes, title, title_size):
    """Set a title for the axes, and make all their text large enough for a phone."""
    axes.set_title(title, loc="left", fontsize=title_size, linespacing=1.4)
    axes.tick_params(labelsize=11)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set_fontsize(12)


def find_tipping_steps(difference, disagreeing, **_):
    """Return the steps, from 0, at which the difference more than tripled while a ReLU was on in one network only.

    At most the three steepest are returned, in ascending order.
    """
    before = np.maximum(difference[:-1], 1e-30)
    after = difference[1:]
    rise = np.where(disagreeing[1:] > 0, after / before, 0)
    steepest = np.argsort(-rise, kind="stable")[:3]
    return np.sort(1 + steepest[rise[steepest] > 3])


def main():
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=[*NETWORKS, "all"], default=next(iter(NETWORKS)))
    choice = parser.parse_args().what
    models = NETWORKS if choice == "all" else [choice]
    for model in models:
        train_and_save_proof(model)


if __name__ == "__main__":
    sys.exit(program.run(main))
