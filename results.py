"""Every test accuracy that the README states: `python results.py` trains what is missing in results.json.

It can be stopped and called again: a run that has ended is not repeated. `python results.py NAME ...` trains only
the runs of those names (see RUNS). The runs with seed 0 leave their curves in learning_curves/.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import training

HERE = Path(__file__).resolve().parent
RUNS = {  # name: (command, seeds)
    "MLP, NumPy": ("main_np.py", range(5)),
    "MLP, PyTorch": ("main_torch.py", range(5)),
    "ResNet, PyTorch": ("main_torch.py --model resnet", range(3)),
    "ResNet best, PyTorch": ("main_torch.py --model resnet --recipe best", range(3)),
    "ResNet by two processes, PyTorch": ("torchrun --nproc-per-node=2 main_torch.py --model resnet", range(1)),
    "ResNet, NumPy": ("main_np.py --model resnet", range(2)),
}
# Of these the curves of seed 0 are kept where the README shows them.
FOR_THE_README = {f"{main}{model}" for main in ("main_np.py", "main_torch.py") for model in ("", " --model resnet")}


def train(command, seed):
    """Run a program as a user would; its test accuracy, the seconds of its training loop, and its parameters."""
    out = HERE / "learning_curves"
    if seed or command not in FOR_THE_README:
        out = out / "others"
    words = command.replace("torchrun", "-m torch.distributed.run").split()
    argv = [sys.executable, *words, "--seed", str(seed), "--out", str(out)]
    ended = subprocess.run(argv, cwd=HERE, stdout=subprocess.PIPE, text=True)
    if ended.returncode:
        raise training.UserError(f"{command} --seed {seed} did not come to its end; what ended before is kept")
    printed = ended.stdout
    return {
        "accuracy": float(re.search(r"^test accuracy: (0\.\d{4})$", printed, re.M)[1]),
        "seconds": float(re.search(r"steps, (\d+\.\d) s$", printed, re.M)[1]),
        "parameters": int(re.search(r"([\d,]+) parameters", printed)[1].replace(",", "")),
    }


def table(accuracies):
    """The runs in Markdown: mean ± standard deviation over the seeds."""
    lines = ["| run | test accuracy | seeds | parameters | time | command |", "|---|---|---|---|---|---|"]
    for name, (command, _) in RUNS.items():
        if name in accuracies:
            runs = accuracies[name]["runs"].values()
            values, seconds = [run["accuracy"] for run in runs], np.median([run["seconds"] for run in runs])
            spread = f"{np.mean(values):.4f}" + (f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else "")
            time_ = f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
            command = command if command.startswith("torchrun") else f"python {command}"
            size = f"{next(iter(runs))['parameters']:,}"
            lines.append(f"| {name} | {spread} | {len(values)} | {size} | {time_} | `{command}` |")
    return "\n".join(lines)


def main():
    for name in sys.argv[1:] or RUNS:
        if name not in RUNS:
            raise training.UserError(f"no run is called {name!r}: there are {', '.join(RUNS)}")
        command, seeds = RUNS[name]
        for seed in seeds:
            found = json.loads(training.RESULTS.read_text()).get("accuracy", {}) if training.RESULTS.exists() else {}
            entry = found.setdefault(name, {"command": command, "machine": training.machine(), "runs": {}})
            if str(seed) not in entry["runs"]:
                entry["runs"][str(seed)] = train(command, seed)
                training.save_result("accuracy", found)
                print(time.strftime("%H:%M"), name, "seed", seed, entry["runs"][str(seed)], flush=True)
    print(table(found))


if __name__ == "__main__":
    sys.exit(training.run(main))
