"""A whole network out of chapter 1's lines: the program that `practice.py train` writes, and what each line brings.

The program has holes, <logits> and so on, which the learner's lines fill. docs/backprop.md shows it filled with the
project's. python -m exercises.network NAME FOLDER says what the lines of one exercise have brought.
"""

import ast
import gzip
import io
import re
import sys
import textwrap
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from exercises import ROOT, STUBS, chapter1
from support.errors import UserError

BEGIN = '''\
"""A network that learns to read handwritten digits. Run it in the repository's folder; it needs NumPy alone."""

import gzip

import numpy as np


def load(file, start):
    with gzip.open(f"mnist/{file}-ubyte.gz") as opened:
        return np.frombuffer(opened.read()[start:], np.uint8)


images, labels = load("train-images-idx3", 16).reshape(60_000, 784), load("train-labels-idx1", 8)
test_images, test_labels = load("t10k-images-idx3", 16).reshape(10_000, 784), load("t10k-labels-idx1", 8)

'''
WEIGHTS = """\
H, momentum = 128, 0.9
rng = np.random.default_rng(0)
W1, b1 = rng.normal(0, np.sqrt(2 / 784), (784, H)), np.zeros(H)
W2, b2 = rng.normal(0, np.sqrt(2 / H), (H, 10)), np.zeros(10)
params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
velocity = {name: 0 * p for name, p in params.items()}
"""
LOOP = """
for epoch in (1, 2, 3):
    lr = 0.1 / epoch
    for batch in rng.permutation(60_000).reshape(600, 100):
        x, y = images[batch] / 255, labels[batch].astype(int)
        W1, b1, W2, b2 = params.values()
"""
GRADIENTS = """
        # forward
        z1 = x @ W1 + b1
        a1 = np.maximum(z1, 0)
        <logits>
        <softmax>
        <loss>

        # backward
        <dlogits>
        <dW2_db2>
        <da1>
        <dz1>
        <dW1_db1>
"""
UPDATE = """
        # update
        for name, dp in {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}.items():
            old_p, old_v = params[name], velocity[name]
            <update>
            params[name], velocity[name] = p, v
"""
END = """
    W1, b1, W2, b2 = params.values()
    answers = (np.maximum(test_images / 255 @ W1 + b1, 0) @ W2 + b2).argmax(axis=1)
    print(f"epoch {epoch}: of 100 test digits it reads {100 * (answers == test_labels).mean():.1f}")
"""
PROGRAM = BEGIN + WEIGHTS + LOOP + GRADIENTS + UPDATE + END
HOLE = re.compile(r"^( *)<(\w+)>$", re.MULTILINE)
EXERCISES = {exercise.name: exercise for exercise in chapter1.EXERCISES}
USED = [name for _, name in HOLE.findall(PROGRAM)]  # all but numerical_gradient, which judges and does not train
# The names that mean something to the program: a learner's lines may set none of them but their own results.
NAMES = {node.id for node in ast.walk(ast.parse(HOLE.sub("", PROGRAM))) if isinstance(node, ast.Name)}
NAMES |= {name for exercise in EXERCISES.values() for name in exercise.gives}


class Lines(NamedTuple):
    """What an exercise gives to the program."""

    inside: str  # in place of its hole
    above: tuple = ()  # definitions and imports that it needs


def program(lines):
    """The whole program, with the `Lines` of each exercise: {name: lines}; without one, with the project's."""
    imports, rest = filled(PROGRAM, lines).split("\n\n\n", 1)
    return "\n\n\n".join([imports, *above(lines), rest])


def filled(part, lines):
    def body(hole):
        name = hole[2]
        return textwrap.indent(lines[name].inside if name in lines else EXERCISES[name].text.formula, hole[1])

    return HOLE.sub(body, part)


def above(lines):
    return dict.fromkeys(part for one in lines.values() for part in one.above)  # each once, in their order


def lines_of(name, source):
    """The `Lines` of a learner's file: the function's body, if it reads like a part of the program.

    If it returns early, or gives a new value to a name of the program, the whole function goes above.
    """
    exercise, tree = EXERCISES[name], ast.parse(source)
    for comment in re.findall("  # .*", (STUBS / f"{name}.py").read_text(encoding="utf-8")):
        source = source.replace(comment, "")
    lines = source.splitlines()

    def text(first, last):
        return textwrap.dedent("\n".join(lines[first - 1 : last])).strip("\n")

    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == exercise.function.name]
    if not functions:  # a lambda has passed, too
        raise UserError(f"{name}.py has no `def {exercise.function.name}`: write it as the stub does")
    function = functions[-1]
    others = [n for n in tree.body[ast.get_docstring(tree) is not None :] if n is not function]
    above = tuple(a for n in others if (a := text(n.lineno, n.end_lineno)) != "import numpy as np")
    *body, end = function.body[ast.get_docstring(function) is not None :]
    stored = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    plain = (
        [n for n in ast.walk(function) if isinstance(n, ast.Return)] == [end]
        and (not body or body[-1].end_lineno < end.lineno)
        and [argument.arg for argument in function.args.args] == list(exercise.takes)
        and not stored & NAMES - {*exercise.gives, *exercise.may_change}
    )
    results = ", ".join(exercise.gives)
    if not plain:
        whole = text(function.lineno, function.end_lineno).replace(f"def {function.name}(", f"def my_{name}(", 1)
        return Lines(f"{results} = my_{name}({', '.join(exercise.takes)})", (*above, whole))
    inside = text(body[0].lineno, body[-1].end_lineno) if body else ""
    returned = ast.unparse(end.value)
    renamed = "" if returned in (results, f"({results})") else f"\n{results} = {returned}"
    return Lines((inside + renamed).strip("\n"), above)


def brought(name, lines, images, labels):
    """What the lines of this exercise have brought, in a sentence or a small picture, from a run with the lines so far.

    images: (11_000, 784) uint8, labels: (11_000,). The last 1,000 are not trained on.
    """
    g = {"np": np, "lr": 0.1}
    exec("\n\n".join([*above(lines), WEIGHTS]), g)
    gradients, update = (compile(textwrap.dedent(filled(part, lines)), name, "exec") for part in (GRADIENTS, UPDATE))

    def run(first, last):
        """Forward and backward on some of the images. All numbers on the way are then in g."""
        g.update(g["params"], x=images[first:last] / 255, y=labels[first:last].astype(int))
        exec(gradients, g)
        return SimpleNamespace(**g)

    def learn(frozen=()):
        """100 steps. The loss on the last 1,000 images before the first step, and after each twenty."""
        for step in range(100):
            if step % 20 == 0:
                yield f"{run(-1000, None).loss:.2f}"
            run(100 * step, 100 * step + 100)
            g.update({gradient: 0 * g[gradient] for gradient in frozen})
            exec(update, g)
        yield f"{run(-1000, None).loss:.2f}"

    now = run(-1000, None)
    digit, p = now.y[0], now.p[0]
    match name:
        case "logits":
            scores = " ".join(f"{score:.1f}" for score in now.logits[0].round(1) + 0)  # and not -0.0
            return f"A new network looks at a {digit}, and gives the digits 0 to 9 these scores: {scores}."
        case "softmax":
            return (
                f"A new network looks at a {digit}, and gives it {p[digit]:.0%}; the {p.argmax()} gets {p.max():.0%}."
            )
        case "loss":
            return f"Before any step, the loss on 1,000 digits is {now.loss:.2f}. A blind guess has log 10 = 2.30."
        case "dlogits":
            signs = " ".join(f"{1000 * number:+.2f}" for number in now.dlogits[0])
            return f"For a {digit}, your dlogits, times 1,000: {signs}. Only the {digit} should rise."
        case "dW2_db2":
            return f"100 steps of the last layer alone take the loss down: {', '.join(learn(('dW1', 'db1')))}."
        case "da1":
            unit = np.abs(now.da1[0]).argmax()
            way = "lower" if now.da1[0, unit] > 0 else "higher"
            return f"For a {digit}, the loss would fall fastest if hidden unit {unit} were {way}."
        case "dz1":
            return f"The ReLU let {np.mean(now.dz1 != 0):.0%} of the gradients through. The other units are off."
        case "dW1_db1":
            one = run(-1000, -999)
            unit = np.abs(one.dz1[0]).argmax()
            return f"The gradient of hidden unit {unit}'s weights, from one image:\n{picture(one.dW1[:, unit])}"
        case "update":
            losses = ", ".join(learn())
            right = np.mean(run(-1000, None).logits.argmax(axis=1) == now.y)
            return f"100 steps, and the loss falls: {losses}. Of 100 new digits it reads {100 * right:.0f}."
        case "numerical_gradient":
            g.update(array=g["b2"], h=1e-5, f=lambda: run(-20, None).loss)
            exec(filled("<numerical_gradient>", lines), g)
            apart = np.abs(g["gradient"] - run(-20, None).db2).max()
            return f"On real digits, your judge and your db2 agree to {apart:.0e}."


def picture(weights):
    """784 numbers as 14 lines of 28 characters: darker where the number is farther from 0."""
    darkness = np.abs(weights.reshape(14, 2, 28).mean(axis=1))
    return "\n".join("    " + "".join(" .:*#"[int(4.99 * d)] for d in row) for row in darkness / darkness.max())


def main(name, *paths):
    """Print what an exercise has brought; `paths` are the learner's files that have passed."""
    lines = {Path(path).stem: lines_of(Path(path).stem, Path(path).read_text(encoding="utf-8-sig")) for path in paths}
    arrays = []
    for file, start, size in (("images-idx3", 16, 784), ("labels-idx1", 8, 1)):
        with gzip.open(ROOT / "mnist" / f"train-{file}-ubyte.gz") as opened:
            arrays.append(np.frombuffer(opened.read(start + 11_000 * size)[start:], np.uint8))
    with redirect_stdout(io.StringIO()):  # a print that the learner has forgotten
        text = brought(name, lines, arrays[0].reshape(11_000, 784), arrays[1])
    print(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
