"""Record the symptoms of the detective cases: `python -m exercises.symptoms [NAME ...]` -> exercises/pictures/.

Each case is run twice, with its mistake and without. Both runs are drawn into exercises/pictures/NAME.png, and their
output is saved in exercises/pictures/cases.json. Cases are saved one by one, so stopping the program loses only the
current one.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    from exercises import PICTURES
    from exercises.case import Case, parse_values_by_quantity
    from exercises.catalogue import CASES, CATALOGUE
    from marker import ONE_THREAD, ROOT
    from marker.exercise import Exercise
    from support import drawing
    from support.errors import UserError
    from support.files import atomic_write
    from support.options import Parser

CASES_FILE = PICTURES / "cases.json"


def main(argv=None):
    """Run the cases that `argv` names, or all, and save their output and their pictures."""
    parser = Parser(prog="python -m exercises.symptoms", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a case (default: all that are recorded)")
    for name in parser.parse_args(argv).names or [case.name for case in CASES]:
        exercise = load_detective_case(name)
        fixed = exercise.stub.replace(exercise.wrong, exercise.right)
        lines_by_run = {
            "as it is": list_printed_lines(exercise.stub),
            "healthy": list_printed_lines(fixed),
        }
        drawing.save(make_curves_figure(lines_by_run), PICTURES / f"{name}.png")
        lines_by_case = json.loads(CASES_FILE.read_text(encoding="utf-8")) | {name: lines_by_run}
        with atomic_write(CASES_FILE) as file:
            file.write((json.dumps(lines_by_case, indent=1) + "\n").encode())
        print(name, flush=True)


def load_detective_case(name):
    """Return the case `name`, even if it is not recorded yet. (The catalogue has only recorded cases.)

    Raises UserError if there is no such case, or its file cannot be used.
    """
    files = [*(ROOT / "exercises").glob(f"chapter*/{name}.py")] if name.isidentifier() else []
    try:
        exercise = Exercise(files[0], CATALOGUE.folder) if files else None
    except ValueError as error:
        raise UserError(f"{files[0].relative_to(ROOT)} cannot be used: {error}") from None
    if not (exercise and isinstance(exercise.kind, Case)):
        raise UserError(f"there is no case {name} in exercises/chapter*/")
    return exercise


def list_printed_lines(text):
    """Run a program, given as text, and return the lines that it prints."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.py"
        path.write_text(text, encoding="utf-8")
        command = [sys.executable, "-W", "ignore", path]
        environment = os.environ | ONE_THREAD | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(command, env=environment, stdout=-1, text=True, check=True).stdout.splitlines()


@drawing.plot_style()
def make_curves_figure(lines_by_run):
    """Return a figure of the two printed quantities, epoch by epoch, for both runs of a case."""
    figure = drawing.new_figure(8, 3.2)
    runs = {name: parse_values_by_quantity(lines) for name, lines in lines_by_run.items()}
    for axes, quantity in zip(figure.subplots(1, 2), runs["healthy"], strict=True):
        drawing.style_axes(axes, quantity, "")
        axes.set_xlabel("epochs", color=drawing.INK)
        for name, color, width in (("healthy", drawing.BLUE, 5), ("as it is", drawing.RED, 2)):
            values = runs[name][quantity]
            label = name if np.isfinite(values).all() else f"{name} (nan)"
            axes.plot(range(1, len(values) + 1), values, "o-", color=color, linewidth=width, label=label)
        axes.set_ylim(0, 1 if quantity.endswith("accuracy") else min(5, axes.get_ylim()[1]))
        for line in axes.get_lines():  # label a point above the axes at their upper edge
            for epoch, value in zip(*line.get_data(), strict=True):
                if value > axes.get_ylim()[1]:
                    note = {"xytext": (3, -4), "textcoords": "offset points", "va": "top"}
                    axes.annotate(f"↑ {value:,.0f}", (epoch, axes.get_ylim()[1]), color=line.get_color(), **note)
        axes.legend()
    return figure


if __name__ == "__main__":
    sys.exit(program.run(main))
