"""The symptoms of the detective's cases: python -m exercises.symptoms runs each as it is and mended, and draws both.

Writes exercises/pictures/NAME.png, and what the programs printed into exercises/pictures/cases.json.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from exercises.cases import FOLDER
from exercises.house import ROOT, STUBS, replacing, run
from exercises.mends import MENDS
from support import drawing


def main():
    FOLDER.mkdir(exist_ok=True)
    found = {}
    for name, (wrong, right) in MENDS.items():
        text = (STUBS / f"{name}.py").read_text(encoding="utf-8")
        printed = {"as it is": lines_of(text), "healthy": lines_of(text.replace(wrong, right))}
        found[name] = printed | {"wrong": wrong, "right": right}
        drawing.save(draw(printed), FOLDER / f"{name}.png")
        print(name)
    with replacing(FOLDER / "cases.json") as file:
        file.write((json.dumps(found, indent=1) + "\n").encode())


def lines_of(text):
    """What a program prints."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.py"
        path.write_text(text, encoding="utf-8")
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-W", "ignore", str(path)]
        return subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, text=True, check=True
        ).stdout.splitlines()


def draw(printed):
    """The training loss and the test accuracy of both runs, epoch by epoch."""
    figure = Figure(figsize=(8, 3.2), layout="constrained", facecolor="white")
    for axes, what, i in zip(figure.subplots(1, 2), ("training loss", "test accuracy"), (0, 1), strict=True):
        drawing.style_axes(axes, what, "")
        axes.set_xlabel("epochs", color=drawing.INK)
        for name, color, width in (("healthy", drawing.TRAIN, 5), ("as it is", drawing.TEST, 2)):
            values = np.array([re.findall(r"(?:loss|accuracy) (\S+?)(?:,|$)", line) for line in printed[name]], float)
            label = name if np.isfinite(values[:, i]).all() else f"{name} (nan)"
            axes.plot(range(1, len(values) + 1), values[:, i], "o-", color=color, linewidth=width, label=label)
        axes.set_ylim(0, 1) if i else axes.set_ylim(0, min(5, axes.get_ylim()[1]))
        axes.legend(frameon=False)
    return figure


if __name__ == "__main__":
    sys.exit(run(main))
