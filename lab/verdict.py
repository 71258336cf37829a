"""An animation of a mistake that the marker names: `python -m lab.verdict` -> png/verdict.gif.

It shows a learner's line with a slip, what practice.py says about it, the right line, and the effect of that line in a
network: which hidden units pass the gradient of a digit back. The sentences are those that the program prints. The
network is that of lab/film.py after its last step; the digit is the first of the test set that it misreads, and four of
its hidden units are shown.
"""

import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import NamedTuple

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    from exercises.catalogue import BY_NAME
    from lab import film
    from lab.figures import FRAME_GREY, GREY, LIGHT_GREY, FigurePage
    from lab.results import ROOT
    from loading.options import parse_options
    from mlp_np import MLP, softmax_cross_entropy
    from support.drawing import BLUE, INK, MONO, RED, plot_style
    from support.options import Parser

EXERCISE = BY_NAME["dz1"]
STUB_LINE = "dz1 = ..."
WRONG_LINE = "dz1 = da1 * z1"
RIGHT_LINE = "dz1 = da1 * (z1 > 0)"
HEIGHT = 450
N_UNITS = 4
LETTER_WIDTH = 0.602  # of code, relative to the font size
FRAME_MILLISECONDS = {"said": 4500, "passed": 3500, "digit": 5000, "asked": 2200, "key": 130}


def iter_practice_outputs(code_lines):
    """Yield the output of practice.py for each of these lines in the exercise's file."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "practice.py", EXERCISE.name, "--folder", folder, "--seed", "0"]
        for line in code_lines:
            Path(folder, f"{EXERCISE.name}.py").write_text(EXERCISE.stub.replace(STUB_LINE, line), encoding="utf-8")
            process = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, encoding="utf-8")
            yield process.stdout


class VerdictText(NamedTuple):
    """What practice.py says about an answer."""

    first_sentence: str
    rest: str  # in one line


def extract_verdict_text(output):
    """Return the `VerdictText` in an output of practice.py.

    The count of passed exercises is left out, so that the picture does not change with each new exercise.
    """
    (paragraph,) = (part for part in output.split("\n\n") if part.startswith((f"{EXERCISE.name}: ", "Passed.")))
    first_line, *rest = paragraph.splitlines()
    return VerdictText(first_line.partition(" That makes ")[0], " ".join(rest))


@plot_style()
def draw_scene_image(line, verdict=None, is_passed=False):
    """Return an RGB image of the exercise with this line in it.

    verdict: its `VerdictText`, or None while the line is being written.
    """
    page = FigurePage(HEIGHT, "")
    large = {"size": 25, "ha": "left"}
    page.draw_text((26, 38, "You know da1. Find dz1."), weight="bold", size=30, ha="left")
    page.draw_text((26, 88, "The ReLU: a1 = max(z1, 0)"), color=GREY, **large)
    page.draw_box(26, 122, 748, 88, fill=LIGHT_GREY, edge=FRAME_GREY)
    page.draw_text((50, 166, line), size=38, ha="left", family=MONO)
    if not verdict:
        cursor_x = 54 + LETTER_WIDTH * 38 * len(line)
        page.draw_box(cursor_x, 142, 3, 48, fill=INK, edge=INK, line=0, corner=0)
    else:
        page.draw_text((26, 250, "$ python practice.py"), color=GREY, family=MONO, **large)
        color = BLUE if is_passed else RED
        page.draw_text((26, 306, verdict.first_sentence), weight="bold", color=color, size=30, ha="left")
        page.draw_text((26, 358, textwrap.fill(verdict.rest, 50)), size=29, ha="left")
    return film.render_page_as_image(page)


class UnitValues(NamedTuple):
    """What some hidden units compute for a digit."""

    image: np.ndarray  # (28, 28), of the digit
    W1: np.ndarray  # (784, n), the weights of these n units
    z1: np.ndarray  # (n,)
    da1: np.ndarray  # (n,)
    dz1: np.ndarray  # (n,)


@plot_style()
def draw_network_image(values):
    """Return an RGB image of the `UnitValues` of a digit."""
    page = FigurePage(HEIGHT, "")
    page.draw_text((26, 38, "Your line, in a network"), weight="bold", size=30, ha="left")
    page.draw_text((26, 84, "a digit"), (262, 84, "four of the hidden units"), size=22, color=GREY, ha="left")
    page.draw_pixels(values.image, 26, 104, 150)
    for row, name in enumerate(("z1", "da1", "dz1")):
        page.draw_text((226, 282 + 48 * row, name), size=29, ha="right", family=MONO)
    for unit, array in enumerate(values.W1.T):
        x = 262 + 132 * unit
        is_on = values.z1[unit] > 0
        color = BLUE if is_on else GREY
        film.draw_weights(page, array, x, 104, 116, 0.5 * np.abs(values.W1).max())
        page.draw_box(x, 104, 116, 116, fill="none", edge=BLUE if is_on else FRAME_GREY, line=4, corner=0)
        page.draw_text((x + 58, 240, "on" if is_on else "off"), size=22, color=color)
        for row, value in enumerate((values.z1[unit], values.da1[unit], values.dz1[unit])):
            number = f"{value + 0:.2f}".replace("-", "−")  # + 0, because a mask makes −0 of a negative number
            style = {"color": color, "weight": "bold"} if row == 2 else {}
            page.draw_text((x + 58, 282 + 48 * row, number), size=27, family=MONO, **style)
    page.draw_text((26, 426, "A unit that is off passes nothing back."), size=29, ha="left")
    return film.render_page_as_image(page)


def compute_unit_values():
    """Return the `UnitValues` of the first N_UNITS hidden units."""
    options = parse_options("np", *film.RUN_OPTIONS)
    dataset = data.load()
    *_, last_state = film.iter_states(options, dataset)
    model = MLP(options.run.hidden, dtype=np.float64)
    model.params = {name: p.astype(np.float64) for name, p in last_state.params.items()}
    index = np.flatnonzero(last_state.predictions != dataset.test_labels)[0]
    image = dataset.test_images[index]
    logits = model.forward(data.scale_pixels(image[np.newaxis], options))
    _, dlogits = softmax_cross_entropy(logits, dataset.test_labels[index : index + 1])
    model.backward(dlogits)
    units = slice(N_UNITS)
    return UnitValues(image, model.params["W1"][:, units], model.z1[0, units], model.da1[0, units], model.dz1[0, units])


def main():
    Parser(description=__doc__).parse_args()
    failed_verdict, passed_verdict = map(extract_verdict_text, iter_practice_outputs((WRONG_LINE, RIGHT_LINE)))
    frames = [(draw_scene_image(WRONG_LINE, failed_verdict), FRAME_MILLISECONDS["said"])]
    for end in range(len("dz1 = da1 * "), len(RIGHT_LINE) + 1):
        frames.append((draw_scene_image(RIGHT_LINE[:end]), FRAME_MILLISECONDS["key"]))
    frames += [
        (draw_scene_image(RIGHT_LINE, passed_verdict, is_passed=True), FRAME_MILLISECONDS["passed"]),
        (draw_network_image(compute_unit_values()), FRAME_MILLISECONDS["digit"]),
    ]
    frames.append((draw_scene_image(STUB_LINE), FRAME_MILLISECONDS["asked"]))
    for end in range(len("dz1 = "), len(WRONG_LINE) + 1):
        frames.append((draw_scene_image(WRONG_LINE[:end]), FRAME_MILLISECONDS["key"]))
    film.save_film(*zip(*frames, strict=True), ROOT / "png" / "verdict.gif")


if __name__ == "__main__":
    sys.exit(program.run(main))
