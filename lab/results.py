"""Train the runs whose accuracies README and docs state: `python -m lab.results` does those missing from results.json.

You can stop it and start it again: finished runs are not repeated. The histories of seed 0 whose curves README and docs
show are copied to learning_curves/published/, from which `python -m lab.figures` draws them.
"""

import json
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import NamedTuple

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    from exercises.catalogue import EXERCISES
    from loading.network import make_network
    from loading.options import parse_options
    from networks import NETWORKS, format_model_option
    from support.errors import UserError
    from support.files import atomic_write
    from support.options import Parser
    from support.rounding import format_rounded_up

PROCESSOR = "AMD EPYC, 2 cores"  # the docs state the times of this processor


class PlannedRun(NamedTuple):
    """A run whose results the docs state: this program trains it with each seed."""

    command: str
    seeds: range


# The runs whose accuracies the docs state: {network: {name: `PlannedRun`}}. If they include the default run in both
# frameworks, as "MLP, NumPy" and "MLP, PyTorch", png/ has its curves.
STATED = {
    "mlp": {
        "MLP, NumPy": PlannedRun("main_np.py", range(5)),
        "MLP, PyTorch": PlannedRun("main_torch.py", range(5)),
        "MLP for longer, NumPy": PlannedRun("main_np.py --epochs 20", range(5)),
        "MLP best, NumPy": PlannedRun("main_np.py --recipe best --parts 2", range(3)),
    },
    "resnet": {
        "ResNet, PyTorch": PlannedRun("main_torch.py --model resnet", range(3)),
        "ResNet best, PyTorch": PlannedRun("main_torch.py --model resnet --recipe best --amp", range(3)),
        "ResNet in bfloat16, PyTorch": PlannedRun("main_torch.py --model resnet --amp", range(3)),
        "ResNet by two processes, PyTorch": PlannedRun(
            "torchrun --nproc-per-node=2 main_torch.py --model resnet", range(1)
        ),
        "ResNet, NumPy": PlannedRun("main_np.py --model resnet", range(2)),
    },
    "vit": {
        "ViT, NumPy": PlannedRun("main_np.py --model vit", range(3)),
        "ViT, PyTorch": PlannedRun("main_torch.py --model vit", range(3)),
        "ViT best, PyTorch": PlannedRun("main_torch.py --model vit --recipe best", range(3)),
    },
}
ROOT = Path(__file__).resolve().parent.parent
RESULTS_FILE = ROOT / "lab" / "results.json"
PUBLISHED_RUNS = ROOT / "learning_curves" / "published"
FRAMEWORKS = {"np": "NumPy", "torch": "PyTorch"}
# The published recipes, with either framework's first weights, in both frameworks; and the published accuracies.
INIT_RUNS = {
    f"MLP {recipe} {init}, {FRAMEWORKS[way]}": PlannedRun(f"main_{way}.py --recipe {recipe} --init {init}", range(5))
    for recipe, init, way in product(("np_nn", "geohot"), ("geohot", "pytorch"), FRAMEWORKS)
}
PUBLISHED_ACCURACIES = {"MLP np_nn geohot, NumPy": 0.9805, "MLP np_nn pytorch, PyTorch": 0.9633}
PUBLISHED_ACCURACIES |= {"MLP geohot geohot, NumPy": 0.9635, "MLP geohot pytorch, PyTorch": 0.9288}
# The runs by which options were chosen: tested on the last 10,000 training images, held out, never on the test set.
COMPARED_COMMANDS = """
main_np.py --hidden 1024 --epochs 20
main_np.py --hidden 1024 --epochs 20 --augment shift
main_np.py --hidden 1024 --epochs 20 --augment affine
main_np.py --hidden 1024 --epochs 20 --augment elastic
main_torch.py --model resnet
main_torch.py --model resnet --recipe best --augment affine --blocks 1 --widths 32,64,128
main_torch.py --model resnet --recipe best --augment elastic --blocks 1 --widths 32,64,128 --epochs 20 --batch-size 64
main_torch.py --model resnet --recipe best --amp --augment affine --epochs 20
main_torch.py --model resnet --recipe best --amp --blocks 1 --widths 32,64,128
main_torch.py --model resnet --recipe best --amp
main_torch.py --model resnet --recipe best --amp --widths 32,64,128
main_torch.py --model resnet --recipe best --amp --epochs 60
main_torch.py --model vit
main_torch.py --model vit --optimizer sgd --lr 0.03 --weight-decay 5e-4
main_torch.py --model vit --optimizer sgd --lr 0.1 --weight-decay 5e-4
main_torch.py --model vit --optimizer sgd --lr 0.3 --weight-decay 5e-4
main_torch.py --model vit --recipe best
""".strip().splitlines()
CHOICE_RUNS = {command: PlannedRun(f"{command} --hold-out 10000", range(1)) for command in COMPARED_COMMANDS}
OPTIMIZER_COMMANDS = {  # the runs whose curves docs/transformer.md shows
    "AdamW": "main_torch.py --model vit",
    "momentum, lr 0.1": "main_torch.py --model vit --optimizer sgd --lr 0.1 --weight-decay 5e-4",
    "momentum, lr 0.3": "main_torch.py --model vit --optimizer sgd --lr 0.3 --weight-decay 5e-4",
    "momentum, lr 0.03": "main_torch.py --model vit --optimizer sgd --lr 0.03 --weight-decay 5e-4",
}


def name_run(network, recipe, framework):
    """Return the name of a recipe's run, such as "MLP best, NumPy". framework: "np" or "torch"."""
    options = network.recipes[recipe]
    name = f"{network.name} {recipe}".removesuffix(" default")
    if recipe in ("np_nn", "geohot"):  # these name the first weights, which differ by framework
        name += f" {options['init'][framework]}"
    return f"{name}, {FRAMEWORKS[framework]}"


def get_stated_runs(model, network):
    """Return {name: `PlannedRun`} of a network's runs in STATED, or else of its default runs.

    Return {} for networks that write: lab/writing.py evaluates those.
    """
    if network.writes:
        return {}
    default_runs = {}
    for framework in FRAMEWORKS:
        command = f"main_{framework}.py {format_model_option(model)}".rstrip()
        default_runs[name_run(network, "default", framework)] = PlannedRun(command, range(3))
    return STATED.get(model, default_runs)


def get_planned_runs(model, network):
    """Return {name: `PlannedRun`} of a network's stated runs, and of each recipe that occurs in none of them.

    The network does not write.
    """
    runs = {**get_stated_runs(model, network)}
    for recipe in network.recipes:
        if not (runs | INIT_RUNS).keys() & {name_run(network, recipe, framework) for framework in FRAMEWORKS}:
            command = f"main_torch.py --model {model} --recipe {recipe}"
            runs[name_run(network, recipe, "torch")] = PlannedRun(command, range(3))
    return runs


# lab/writing.py has the other networks.
CLASSIFIERS = {model: network for model, network in NETWORKS.items() if not network.writes}
RUNS = {name: run for model, network in CLASSIFIERS.items() for name, run in get_planned_runs(model, network).items()}


def list_drawn_commands(model, network):
    """Return the commands of a network's default run in both frameworks; their curves are drawn.

    Return [] if one of them is not among the stated runs.
    """
    names = [name_run(network, "default", framework) for framework in FRAMEWORKS]
    runs = get_stated_runs(model, network)
    return [runs[name].command for name in names if runs.keys() >= {*names}]


# The runs whose history of seed 0 is kept in PUBLISHED_RUNS: {command: prefix of the file's name}.
HISTORY_PREFIXES = {
    command: "" for model, network in NETWORKS.items() for command in list_drawn_commands(model, network)
}
HISTORY_PREFIXES |= {
    CHOICE_RUNS[command].command: f"optimizer_{i}_" for i, command in enumerate(OPTIMIZER_COMMANDS.values())
}


@contextmanager
def damage_guard():
    """Context manager: raise UserError if the code inside fails because results.json has an unexpected structure."""
    try:
        yield
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        raise UserError(f"{RESULTS_FILE} is damaged: `git checkout -- lab/results.json` brings it back") from None


def load_results():
    """Return the sections of results.json by name.

    A section with runs is {name: {"command", "runs": {seed: result of `train_by_command`}}}. Raises UserError if the
    file is damaged.
    """
    with damage_guard():
        return {**json.loads(RESULTS_FILE.read_text(encoding="utf-8"))}


def save_result(section, content):
    """Replace one section of results.json, which has the docs' measurements, and keep the others."""
    with atomic_write(RESULTS_FILE) as file:
        file.write((json.dumps(load_results() | {section: content}, indent=1, sort_keys=True) + "\n").encode())


def run_program(command, out_folder):
    """Run a program as a user would, and return its output. Raises UserError if it fails. out_folder: for --out."""
    arguments = command.replace("torchrun", "-m torch.distributed.run").split()
    argv = [sys.executable, *arguments, "--out", str(out_folder)]
    process = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if process.returncode:
        raise UserError(f"{command} failed (its message is above); the runs that finished are kept")
    return process.stdout


def parse_seconds(output):
    """Return the seconds of the training loop from the output of a main program."""
    return float(re.search(r"steps, (\d+\.\d) s$", output, re.M)[1])


def train_by_command(command, seed):
    """Train with a command and a seed. Return {"accuracy", "seconds" of the training loop, "parameters", "machine"}."""
    folder = ROOT / "learning_curves" / "others"
    output = run_program(f"{command} --seed {seed}", folder)
    history = folder / re.search(r"history_\w+\.json", output)[0]
    if seed == 0 and command in HISTORY_PREFIXES:
        with atomic_write(PUBLISHED_RUNS / f"{HISTORY_PREFIXES[command]}{history.name}") as file:
            file.write(history.read_bytes())
    return {
        "machine": json.loads(history.read_text())["machine"],
        "accuracy": float(re.search(r"^(?:test|held-out) accuracy: (0\.\d{4})$", output, re.M)[1]),
        "seconds": parse_seconds(output),
        "parameters": int(re.search(r"([\d,]+) parameters", output)[1].replace(",", "")),
    }


def format_table(head, rows):
    """Return a Markdown table from lists of cells."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in lines)


def get_values(entry, key="accuracy"):
    """Return the list of one number, such as the accuracy, from all runs of an entry of results.json."""
    return [run[key] for run in entry["runs"].values()]


def format_spread(values, number_format=".4f"):
    """Return mean ± standard deviation as text; for one or two values, only the mean."""
    return f"{np.mean(values):{number_format}}" + (
        f" ± {np.std(values, ddof=1):{number_format}}" if len(values) > 2 else ""
    )


def make_accuracy_table(result):
    """Return a Markdown table of the test accuracies, with their spread over the seeds."""
    rows = []
    for name, run in RUNS.items():
        entry = result["accuracy"].get(name)
        if entry:
            accuracies = get_values(entry)
            command = run.command if run.command.startswith("torchrun") else f"python {run.command}"
            size = f"{get_values(entry, 'parameters')[0]:,}"
            rows.append([name, format_spread(accuracies), len(accuracies), size, f"`{command}`"])
    return format_table(["run", "test accuracy", "seeds", "parameters", "command"], rows)


def make_inits_table(result):
    """Return a Markdown table of the published recipes with either framework's first weights.

    It also has the accuracies that were published.
    """
    cells = {name: format_spread(get_values(entry)) for name, entry in result["inits"].items()}
    for name, accuracy in PUBLISHED_ACCURACIES.items():
        cells[name] += f" (published: {accuracy})"
    pairs = product(("np_nn", "geohot"), ("geohot", "pytorch"))
    rows = []
    for recipe, init in pairs:
        rows.append([recipe, init, *(cells[f"MLP {recipe} {init}, {framework}"] for framework in FRAMEWORKS.values())])
    return format_table(["recipe", "initial weights", *FRAMEWORKS.values()], rows)


def make_recipes_table(result):
    """Return a Markdown table of the test accuracy and sizes of each trained recipe, beside the published numbers."""
    runs = result["accuracy"] | result["inits"]
    rows = []
    for model, network in CLASSIFIERS.items():
        for recipe in network.recipes:
            options = parse_options("np", "--model", model, "--recipe", recipe)
            per_epoch = data.load(options.source).n_train // options.run.batch_size
            steps = options.run.steps or options.run.epochs * per_epoch
            epochs = f"{options.run.epochs or steps / per_epoch:.3g}"
            sizes = [network.title(options.run), options.run.batch_size, epochs, f"{steps:,}", options.run.lr]
            names = [name_run(network, recipe, framework) for framework in FRAMEWORKS]
            if not runs.keys() & {*names}:
                continue
            accuracies = [f"{np.mean(get_values(runs[name])):.4f}" if name in runs else "" for name in names]
            command = f"{format_model_option(model)} --recipe {recipe}".strip()
            if names[1] in RUNS and RUNS[names[1]].command.endswith("--amp"):
                command += " --amp"
            rows.append([f"`{command}`", *accuracies, *sizes])
            published_accuracies = [PUBLISHED_ACCURACIES[name] for name in names if name in PUBLISHED_ACCURACIES]
            if published_accuracies:
                rows.append([f"as {recipe} published it", *published_accuracies, *sizes])
    head = ["recipe", "NumPy", "PyTorch", "network", "batch size", "epochs", "steps", "highest learning rate"]
    return format_table(head, rows)


def make_default_runs_table(result):
    """Return a Markdown table of what each network reaches with its default recipe, and in how many runs.

    For networks that read it is the test accuracy, for networks that write the fraction of digits read as requested
    (see lab/writing.py).
    """
    rows = []
    writer = next(network for network in NETWORKS.values() if network.writes)
    for model, network in NETWORKS.items():
        if network.writes:
            runs = result["writing"]["runs"].values() if network is writer else ()
            cells = [[run["read"]["0.8"] for run in runs], None]
        else:
            entries = [result["accuracy"].get(name_run(network, "default", framework)) for framework in FRAMEWORKS]
            cells = [get_values(entry) if entry else None for entry in entries]
        if any(cells):
            options = parse_options("np", "--model", model)
            number_format = ".3f" if network.writes else ".4f"
            size = sum(p.size for p in make_network("np", options).params.values())
            cells = [f"{format_spread(cell, number_format)}, n = {len(cell)}" if cell else "" for cell in cells]
            rows.append([network.title(options.run), f"{size:,}", *cells])
    return format_table(["network", "parameters", *FRAMEWORKS.values()], rows)


def make_published_comparison_table(result):
    """Return a Markdown table of our numbers beside published ones or PyTorch's. Times are those of two cores."""
    twins = result["twins"]
    rounds = result["bench"][PROCESSOR]["rounds"]
    difference = format_rounded_up(twins["difference"]["float64"]["largest"])
    numpy_time, pytorch_time = (f"{np.median(rounds[f'run |  | {tool}']):.1f} s" for tool in FRAMEWORKS.values())
    vit = result["accuracy"]["ViT, NumPy"]
    minutes = f"{np.median(get_values(vit, 'seconds')) / 60:.0f} minutes"
    counts = [len(exercise.distinct_mistakes) for exercise in EXERCISES if exercise.known_mistakes]
    rows = [
        ["by hand and in PyTorch: the same run", f"{twins['steps']:,} steps, weights within {difference}",
         "[llm.c](https://github.com/karpathy/llm.c/blob/master/test_gpt2.c): 10 steps, losses within 0.01",
         "`python -m lab.twins`"],
        ["default run", numpy_time, f"PyTorch: {pytorch_time}", "`python -m lab.bench`"],
        ["a transformer by hand reads MNIST", f"{np.mean(get_values(vit)):.4f} after {minutes}",
         "[ViT-NumPy](https://github.com/libaohang/ViT-NumPy): 0.982 after 1.5 hours",
         "`python main_np.py --model vit`"],
        ["mistakes that the marker names", f"{sum(counts):,} in {len(counts)} exercises", "",
         "`python practice.py`"],
    ]  # fmt: skip
    text = result.get("nanogpt")
    if text:
        cells = []
        for tool in FRAMEWORKS.values():
            losses = [run["losses"]["2000"] for run in text["runs"][tool].values()]
            cells.append(f"{np.mean(losses):.2f}, n = {len(losses)}")
        hand, recipe = cells
        rows.insert(3, ["Shakespeare, loss per letter after 2,000 steps", hand, f"nanoGPT's recipe: {recipe}",
                        "`python -m lab.nanogpt`"])  # fmt: skip
    runs_by_network = result.get("llama", {}).get("runs")
    if runs_by_network:
        losses = []
        all_steps = set()
        for runs in runs_by_network.values():
            losses.append([run["loss"] for run in runs.values()])
            all_steps |= {run["steps"] for run in runs.values()}
        (steps,) = all_steps  # the same in all runs
        gpt, llama = (f"{format_spread(values, '.3f')}, n = {len(values)}" for values in losses)
        rows.insert(-1, [f"today's language models, Shakespeare: loss per letter after {steps:,} steps", llama,
                         f"our GPT: {gpt}", "`python -m lab.llama texts`"])  # fmt: skip
    return format_table(["what", "here", "elsewhere", "command"], rows)


def make_held_out_table(result):
    """Return a Markdown table of the runs that were compared on held-out images."""
    rows = [[f"`python {name}`", f"{get_values(result['choices'][name])[0]:.4f}"] for name in CHOICE_RUNS]
    return format_table(["options", "held-out accuracy"], rows)


# The sections of results.json: {section: {name: `PlannedRun`}}.
SECTIONS = {"accuracy": RUNS, "inits": INIT_RUNS, "choices": CHOICE_RUNS}
TABLE_MAKERS = (
    make_default_runs_table,
    make_accuracy_table,
    make_recipes_table,
    make_inits_table,
    make_held_out_table,
)


def main():
    Parser(description=__doc__).parse_args()
    for section, runs in SECTIONS.items():
        for name, run in runs.items():
            for seed in map(str, run.seeds):
                with damage_guard():
                    content = load_results().get(section, {})
                    entry = content.setdefault(name, {"command": run.command, "runs": {}})
                    is_done = seed in {**entry["runs"]}
                if not is_done:
                    entry["runs"][seed] = train_by_command(run.command, int(seed))
                    save_result(section, content)
                    print(time.strftime("%H:%M"), name, "seed", seed, entry["runs"][seed], flush=True)
    content = load_results()
    with damage_guard():
        tables = [table(content) for table in TABLE_MAKERS]
    print(*tables, sep="\n\n")


if __name__ == "__main__":
    sys.exit(program.run(main))
