"""The symptoms of the detective's cases: `python -m exercises.symptoms` -> exercises/pictures/.

It runs each case twice, with its mistake and without, draws both runs into exercises/pictures/NAME.png, and keeps what
they printed in exercises/pictures/cases.json.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from exercises import ONE_THREAD, PICTURES, ROOT
from exercises.catalogue import CASES
from support import drawing, program
from support.files import replacing
from support.options import Parser


def main(argv=None):
    Parser(prog="python -m exercises.symptoms", description=__doc__).parse_args(argv)
    found = {}
    for exercise in CASES:
        fixed = exercise.stub.replace(exercise.wrong, exercise.right)
        printed = {"as it is": lines_of(exercise.stub), "healthy": lines_of(fixed)}
        found[exercise.name] = printed
        drawing.save(draw(printed), PICTURES / f"{exercise.name}.png")
        print(exercise.name)
    with replacing(PICTURES / "cases.json") as file:
        file.write((json.dumps(found, indent=1) + "\n").encode())


def lines_of(text):
    """What a program prints."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.py"
        path.write_text(text, encoding="utf-8")
        command = [sys.executable, "-W", "ignore", path]
        environment = os.environ | ONE_THREAD | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(command, env=environment, stdout=-1, text=True, check=True).stdout.splitlines()


@drawing.style()
def draw(printed):
    """The training loss and the test accuracy of both runs, epoch by epoch."""
    figure = drawing.new_figure(8, 3.2)
    for axes, what, i in zip(figure.subplots(1, 2), ("training loss", "test accuracy"), (0, 1), strict=True):
        drawing.style_axes(axes, what, "")
        axes.set_xlabel("epochs", color=drawing.INK)
        for name, color, width in (("healthy", drawing.TRAIN, 5), ("as it is", drawing.TEST, 2)):
            values = np.array([re.findall(r"(?:loss|accuracy) (\S+?)(?:,|$)", line) for line in printed[name]], float)
            label = name if np.isfinite(values[:, i]).all() else f"{name} (nan)"
            axes.plot(range(1, len(values) + 1), values[:, i], "o-", color=color, linewidth=width, label=label)
        axes.set_ylim(0, 1) if i else axes.set_ylim(0, min(5, axes.get_ylim()[1]))
        for line in axes.get_lines():  # a point above the axes is named where it would be
            for epoch, value in zip(*line.get_data(), strict=True):
                if value > axes.get_ylim()[1]:
                    note = {"xytext": (3, -4), "textcoords": "offset points", "va": "top"}
                    axes.annotate(f"↑ {value:,.0f}", (epoch, axes.get_ylim()[1]), color=line.get_color(), **note)
        axes.legend()
    return figure


if __name__ == "__main__":
    sys.exit(program.run(main))
