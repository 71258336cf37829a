"""The symptoms of the detective's cases: python -m exercises.symptoms [NAME FIXED.py]

It runs each case as it is and fixed, draws both into exercises/pictures/NAME.png, and keeps what they printed in
exercises/pictures/cases.json, beside the fix. For a new case, or a new fix, give its name and the fixed program: the
lines in which that differs from the stub are the fix, and are written nowhere else.
"""

import difflib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from support import drawing, program

import numpy as np

from exercises import ONE_THREAD, PICTURES, ROOT, STUBS, chapter3
from exercises.show import recorded
from support.errors import UserError
from support.files import replacing


def main():
    if len(sys.argv) not in (1, 3):
        raise UserError("give a case's name and a fixed program, or nothing")
    new, found = sys.argv[1:], {}
    for exercise in chapter3.EXERCISES:
        stub = (STUBS / f"{exercise.name}.py").read_text(encoding="utf-8")
        if exercise.name in new:
            wrong, right = difference(stub, Path(new[1]).read_text(encoding="utf-8"))
        else:
            wrong, right = (recorded(exercise)[kind] for kind in ("wrong", "right"))
        printed = {"as it is": lines_of(stub), "healthy": lines_of(stub.replace(wrong, right))}
        found[exercise.name] = printed | {"wrong": wrong, "right": right}
        drawing.save(draw(printed), PICTURES / f"{exercise.name}.png")
        print(exercise.name)
    with replacing(PICTURES / "cases.json") as file:
        file.write((json.dumps(found, indent=1) + "\n").encode())


def difference(old, new):
    """The lines from the first to the last that differ, in the old text and in the new."""
    old, new = old.splitlines(keepends=True), new.splitlines(keepends=True)
    codes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    changes = [code for code in codes if code[0] != "equal"]
    (_, first, _, new_first, _), (_, _, last, _, new_last) = changes[0], changes[-1]
    if first == last:  # lines were only added: keep the one that they come before, so that their place is known
        last, new_last = last + 1, new_last + 1
    return "".join(old[first:last]), "".join(new[new_first:new_last])


def lines_of(text):
    """What a program prints."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.py"
        path.write_text(text, encoding="utf-8")
        command = [sys.executable, "-W", "ignore", path]
        environment = os.environ | ONE_THREAD | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(command, env=environment, stdout=-1, text=True, check=True).stdout.splitlines()


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
        axes.legend(frameon=False)
    return figure


if __name__ == "__main__":
    sys.exit(program.run(main))
