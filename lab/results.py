"""The runs whose accuracies README and docs state: `python -m lab.results` trains those missing from results.json.

It can be stopped and started again: finished runs are not repeated. `python -m lab.results NAME ...` trains only the
runs with those names (see RUNS and CHOICES). Those of seed 0 that the README shows leave their curves in
learning_curves/published/.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from support import program

import numpy as np

from networks import NETWORKS, parse_options
from support.download import SOURCES
from support.errors import UserError
from support.files import replacing

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "lab" / "results.json"
RUNS = {  # name: (command, seeds); a recipe that is not among them is added below
    "MLP, NumPy": ("main_np.py", range(5)),
    "MLP, PyTorch": ("main_torch.py", range(5)),
    "MLP for longer, NumPy": ("main_np.py --epochs 20", range(5)),
    "MLP best, NumPy": ("main_np.py --recipe best", range(3)),
    "ResNet, PyTorch": ("main_torch.py --model resnet", range(3)),
    "ResNet best, PyTorch": ("main_torch.py --model resnet --recipe best --amp", range(3)),
    "ResNet in bfloat16, PyTorch": ("main_torch.py --model resnet --amp", range(3)),
    "ResNet by two processes, PyTorch": ("torchrun --nproc-per-node=2 main_torch.py --model resnet", range(1)),
    "ResNet, NumPy": ("main_np.py --model resnet", range(2)),
    "ViT, NumPy": ("main_np.py --model vit", range(3)),
    "ViT, PyTorch": ("main_torch.py --model vit", range(3)),
    "ViT best, PyTorch": ("main_torch.py --model vit --recipe best", range(3)),
}
PUBLISHED_RECIPES = ("np_nn", "geohot")  # run by lab.twins, with each framework's first weights in both


def run_name(network, recipe, framework):
    """What a recipe's run is called in RUNS: "MLP best, NumPy"."""
    name = f"{network.name} {recipe}".removesuffix(" default")
    return f"{name}, {'NumPy' if framework == 'np' else 'PyTorch'}"


def add_recipes(runs, networks):
    """Add the recipes that are in no run yet, in the order of the table of networks."""
    for model, network in networks.items():
        for recipe in network.recipes:
            by_hand, by_torch = (run_name(network, recipe, framework) for framework in ("np", "torch"))
            if recipe not in PUBLISHED_RECIPES and by_hand not in runs and by_torch not in runs:
                runs[by_torch] = f"main_torch.py --model {model} --recipe {recipe}", range(3)


add_recipes(RUNS, NETWORKS)
# The runs by which options were chosen, on the last 10,000 training images, held out. The test set plays no part.
CHOICES = {
    "MLP": ["main_np.py --hidden 1024 --epochs 20" + more
            for more in ("", " --augment shift", " --augment affine", " --augment elastic")],
    "ResNet": ["main_torch.py --model resnet" + more for more in (
        "",
        " --recipe best --augment affine --blocks 1 --widths 32,64,128",
        " --recipe best --augment elastic --blocks 1 --widths 32,64,128 --epochs 20 --batch-size 64",
        " --recipe best --amp --augment affine --epochs 20",
        " --recipe best --amp --blocks 1 --widths 32,64,128",
        " --recipe best --amp",
        " --recipe best --amp --widths 32,64,128",
        " --recipe best --amp --epochs 60",
    )],
    "ViT": ["main_torch.py --model vit" + more for more in (
        "", *(f" --optimizer sgd --lr {lr} --weight-decay 5e-4" for lr in ("0.03", "0.1", "0.3")), " --recipe best")],
}  # fmt: skip
# For these, the curves of seed 0 are kept where the README shows them.
FOR_THE_README = {f"main_{f}.py{model}" for f in ("np", "torch") for model in ("", " --model resnet", " --model vit")}


def load_results(path=RESULTS):
    """The sections of results.json by name; UserError if it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError:
        raise UserError(f"{path} is damaged: restore it from git") from None


def save_result(section, content, path=RESULTS):
    """Replace one section of results.json, where the docs' measurements are, and keep the others."""
    results = load_results(path)
    results[section] = content
    with replacing(path) as file:
        file.write((json.dumps(results, indent=1, sort_keys=True) + "\n").encode())


def run_program(command, out):
    """What a program prints, run as a user would; UserError if it fails."""
    words = command.replace("torchrun", "-m torch.distributed.run").split()
    argv = [sys.executable, *words, "--out", str(out)]
    ended = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if ended.returncode:
        raise UserError(f"{command} failed (its message is above); the runs that finished are kept")
    return ended.stdout


def seconds_in(printed):
    """The seconds that a main program prints for its training loop."""
    return float(re.search(r"steps, (\d+\.\d) s$", printed, re.M)[1])


def train(command, seed):
    """Its accuracy, the seconds of its training loop, its parameters, its machine."""
    out = ROOT / "learning_curves" / ("published" if seed == 0 and command in FOR_THE_README else "others")
    printed = run_program(f"{command} --seed {seed}", out)
    framework = "np" if "main_np" in command else "torch"
    name = parse_options(framework, *command.partition(".py")[2].split()).name
    return {
        "machine": json.loads((out / f"history_{name}.json").read_text())["machine"],
        "accuracy": float(re.search(r"^(?:test|held-out) accuracy: (0\.\d{4})$", printed, re.M)[1]),
        "seconds": seconds_in(printed),
        "parameters": int(re.search(r"([\d,]+) parameters", printed)[1].replace(",", "")),
    }


def markdown(head, rows):
    """A table in Markdown from lists of cells."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in lines)


def spread(values):
    """Mean ± standard deviation; of two values, the mean alone."""
    return f"{np.mean(values):.4f}" + (f" ± {np.std(values, ddof=1):.4f}" if len(values) > 2 else "")


def table(accuracies):
    """The runs in Markdown, with the spread over their seeds."""
    rows = []
    for name, (command, _) in RUNS.items():
        if name in accuracies:
            runs = accuracies[name]["runs"].values()
            values, seconds = [run["accuracy"] for run in runs], np.median([run["seconds"] for run in runs])
            time_ = f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
            command = command if command.startswith("torchrun") else f"python {command}"
            size = f"{next(iter(runs))['parameters']:,}"
            rows.append([name, spread(values), len(values), size, time_, f"`{command}`"])
    return markdown(["run", "test accuracy", "seeds", "parameters", "time", "command"], rows)


# What was published, by recipe, first weights and framework.
PUBLISHED = {("np_nn", "geohot", "np"): 0.9805, ("np_nn", "pytorch", "torch"): 0.9633}
PUBLISHED |= {("geohot", "geohot", "np"): 0.9635, ("geohot", "pytorch", "torch"): 0.9288}


def recipes_table(found):
    """Test accuracy and sizes of every recipe, in the form of the tables published by np_nn and the notebook."""
    again = {(row["recipe"], row["init"], f): row[f] for row in found["inits"]["rows"] for f in ("np", "torch")}

    def accuracy(network, recipe, framework):
        """The mean over the runs in NumPy or PyTorch, as text; empty if there were none."""
        if recipe in PUBLISHED_RECIPES:  # with the published run's first weights
            values = again[recipe, network.recipes[recipe]["init"][framework], framework]
        else:
            runs = found["accuracy"].get(run_name(network, recipe, framework), {"runs": {}})["runs"]
            values = [run["accuracy"] for run in runs.values()]
        return f"{np.mean(values):.4f}" if values else ""

    rows = []
    for model, network in NETWORKS.items():
        for recipe in network.recipes:
            options = parse_options("np", "--model", model, "--recipe", recipe)
            per_epoch = SOURCES[options.dataset].examples // options.batch_size
            steps = options.steps or options.epochs * per_epoch
            epochs = f"{options.epochs or steps / per_epoch:.3g}"
            sizes = [network.title(options), options.batch_size, epochs, f"{steps:,}", options.lr]
            accuracies = [accuracy(network, recipe, framework) for framework in ("np", "torch")]
            if any(accuracies):
                amp = RUNS.get(run_name(network, recipe, "torch"), ("",))[0].endswith("--amp")
                command = f"--model {model} --recipe {recipe}".removeprefix("--model mlp ") + " --amp" * amp
                rows.append([f"`{command}`", *accuracies, *sizes])
            published = [value for (name, _, _), value in PUBLISHED.items() if name == recipe]
            if published:
                rows.append([f"as {recipe} published it", *published, *sizes])
    head = ["recipe", "NumPy", "PyTorch", "network", "batch size", "epochs", "steps", "highest learning rate"]
    return markdown(head, rows)


def choices_table(choices):
    """What was compared on held-out images, in Markdown."""
    commands = [command for commands in CHOICES.values() for command in commands if command in choices]
    rows = [[f"`python {command}`", f"{choices[command]['accuracy']:.4f}"] for command in commands]
    return markdown(["options", "held-out accuracy"], rows)


def main():
    names = sys.argv[1:] or [*RUNS, *CHOICES]
    for name in names:
        if name not in RUNS | CHOICES:
            raise UserError(f"no run is called {name!r}: there are {', '.join(RUNS | CHOICES)}")
    for name in names:
        command, seeds = RUNS.get(name, ("", ()))
        for seed in seeds:
            if str(seed) not in load_results().get("accuracy", {}).get(name, {"runs": {}})["runs"]:
                run = train(command, seed)
                found = load_results().get("accuracy", {})  # now: another process may have added to it
                found.setdefault(name, {"command": command, "runs": {}})["runs"][str(seed)] = run
                save_result("accuracy", found)
                print(time.strftime("%H:%M"), name, "seed", seed, run, flush=True)
        for command in CHOICES.get(name, []):
            if command not in load_results().get("choices", {}):
                run = train(f"{command} --hold-out 10000", 0)
                save_result("choices", load_results().get("choices", {}) | {command: run})
                print(time.strftime("%H:%M"), command, run, flush=True)
    found = load_results()
    if "inits" in found:  # by lab.twins
        print(recipes_table(found), end="\n\n")
    print(table(found.get("accuracy", {})), choices_table(found.get("choices", {})), sep="\n\n")


if __name__ == "__main__":
    sys.exit(program.run(main))
