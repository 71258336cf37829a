"""Assemble the learner's code for the MLP into one training program.

`practice.py train` writes and runs the program, `prove` checks it step by step, and the site trains with it in the
page. Its function `train` has holes, written <logits> and so on, which the learner's code fills. docs/backprop.md shows
it filled with the project's code. What depends on the use is a parameter: the images, the number of hidden units, the
learning rates, and `on_progress`, which is called after each step.
"""

import ast
import itertools
import re
import symtable
import textwrap
from typing import NamedTuple

import numpy as np

from exercises.catalogue import CHAPTERS
from marker.nests import copy_floats_by_path
from support.errors import UserError

PROGRAM = '''\
"""A network that learns to read handwritten digits. Run it in the repository's folder; it needs NumPy alone."""

import gzip
import io
import json
import sys
from pathlib import Path

import numpy as np


def load(file, start):
    with gzip.open(f"datasets/mnist/{file}-ubyte.gz") as opened:
        return np.frombuffer(opened.read()[start:], np.uint8)


def first_weights(H, rng):
    W1, b1 = rng.normal(0, np.sqrt(2 / 784), (784, H)), np.zeros(H)
    W2, b2 = rng.normal(0, np.sqrt(2 / H), (H, 10)), np.zeros(10)
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}


def train(params, velocity, batches, lr, momentum, on_progress):
    for x, y in batches:
        W1, b1, W2, b2 = params.values()

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

        # update
        for name, dp in {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}.items():
            old_p, old_v = params[name], velocity[name]
            <update>
            params[name], velocity[name] = p, v
        on_progress(loss, (logits.argmax(axis=1) == y).mean())


def test(params, images, labels):
    W1, b1, W2, b2 = params.values()
    scores = np.maximum(images / 255 @ W1 + b1, 0) @ W2 + b2
    surprise = np.log(np.exp(scores).sum(axis=1)) - scores[range(len(labels)), labels]  # -log p[y]
    return surprise.mean(), scores.argmax(axis=1)


def learn(images, labels, test_images, test_labels, H, rates, on_progress):
    """An epoch with each of these learning rates. `on_progress` gets the loss and the accuracy of each step, and of
    each test, after an epoch, also the answers, the network, and its curves so far."""
    rng = np.random.default_rng(0)
    params = first_weights(H, rng)
    velocity = {name: 0 * p for name, p in params.items()}
    curves = {f"train_{what}": [] for what in ("loss", "accuracy")}
    curves |= {f"test_{what}": [] for what in ("step", "loss", "accuracy")}

    def step(loss, accuracy):
        curves["train_loss"].append(loss)
        curves["train_accuracy"].append(accuracy)
        on_progress(loss, accuracy)

    for lr in rates:
        order = rng.permutation(len(images)).reshape(-1, 100)
        batches = ((images[batch] / 255, labels[batch].astype(int)) for batch in order)
        train(params, velocity, batches, lr, 0.9, step)
        loss, answers = test(params, test_images, test_labels)
        accuracy = (answers == test_labels).mean()
        for what, number in {"step": len(curves["train_loss"]), "loss": loss, "accuracy": accuracy}.items():
            curves[f"test_{what}"].append(number)
        on_progress(loss, accuracy, answers, params, curves)


def make_checkpoint(params, curves, **run):
    """The network as the content of a file that predict.py, look.py and the page can read. run: how it was trained."""
    run |= {"model": "mlp", "hidden": len(params["b1"]), "pixels": "unit", "dtype": "float64", "batch_size": 100}
    run |= {"seed": 0, "lr": 0.1, "momentum": 0.9, "schedule": "linear"}  # which means here that the rate falls
    arrays = {"format": 1, "options": json.dumps(run), "step": len(curves["train_loss"])}
    arrays |= {f"params/{name}": p for name, p in params.items()}
    arrays |= {f"history/{name}": numbers for name, numbers in curves.items()}
    np.savez(content := io.BytesIO(), **arrays)
    return content.getvalue()


if __name__ == "__main__":
    images, labels = load("train-images-idx3", 16).reshape(60_000, 784), load("train-labels-idx1", 8)
    test_images, test_labels = load("t10k-images-idx3", 16).reshape(10_000, 784), load("t10k-labels-idx1", 8)
    rates = [0.1 / epoch for epoch in (1, 2, 3)]
    file, part = (Path(__file__).with_suffix(ending) for ending in (".npz", ".part"))

    def report(loss, accuracy, answers=None, params=None, curves=None):
        if answers is None:
            return  # a step
        print(f"epoch {len(curves['test_step'])}: it reads {accuracy:.1%} of the test digits", flush=True)
        if len(curves["test_step"]) == len(rates):
            part.write_bytes(make_checkpoint(params, curves, epochs=len(rates)))
            part.replace(file)  # in one step: until then, what an earlier training has kept stays

    try:
        learn(images, labels, test_images, test_labels, 128, rates, report)
    except OSError as error:  # a full disk, say
        part.unlink(missing_ok=True)
        sys.exit(f"{file}: {error.strerror}: what it has learned is not kept")
'''
HOLE_PATTERN = re.compile(r"^( *)<(\w+)>$", re.MULTILINE)
EXERCISES = {exercise.name: exercise for exercise in CHAPTERS["chapter1"]}
HOLE_NAMES = [name for _, name in HOLE_PATTERN.findall(PROGRAM)]  # other exercises have no hole in the program
# Names that the program uses. The learner's code may assign none of them, except its own results.
PROGRAM_TREE = ast.parse(HOLE_PATTERN.sub("", PROGRAM))
RESERVED_NAMES = {node.id for node in ast.walk(PROGRAM_TREE) if isinstance(node, ast.Name)}
RESERVED_NAMES |= {node.name for node in ast.walk(PROGRAM_TREE) if isinstance(node, ast.FunctionDef)}
RESERVED_NAMES |= set(itertools.chain.from_iterable(exercise.gives for exercise in EXERCISES.values()))


def make_program(paths):
    """Return the program's text, with the learner's code from `paths`, and the project's code in the other holes.

    Raises UserError if a file defines a name that the program already uses.
    """
    part_by_path = {path: extract_program_part(path) for path in paths}
    code_by_exercise = {name: EXERCISES[name].formula for name in HOLE_NAMES}
    code_by_exercise |= {path.stem: part.code for path, part in part_by_path.items()}
    taken_names = set(RESERVED_NAMES)
    for code in code_by_exercise.values():
        taken_names |= find_assigned_names(ast.parse(code))
    definitions_by_name = {}
    for path, part in part_by_path.items():
        for name, text in part.definitions:
            if name in taken_names or definitions_by_name.setdefault(name, text) != text:
                raise UserError(f"{path.name} defines `{name}`, but the program already has this name: rename it")
    imports, rest = fill_holes(code_by_exercise).split("\n\n\n", 1)
    return "\n\n\n".join([imports, *dict.fromkeys(definitions_by_name.values()), rest])


def fill_holes(code_by_exercise):
    """Return the program's text with its holes filled. code_by_exercise: {exercise: text}."""
    return HOLE_PATTERN.sub(lambda hole: textwrap.indent(code_by_exercise[hole[2]], hole[1]), PROGRAM)


def make_train_function(run_exercise):
    """Return the program's function `train`, with each hole filled by a call of `run_exercise`.

    run_exercise(exercise, {name: value}) returns {output: value}.
    """
    calls = {name: f"{', '.join(EXERCISES[name].gives)}, = lines({name!r}, locals()).values()" for name in HOLE_NAMES}
    names = {"__name__": "training", "lines": run_exercise}
    exec(compile(fill_holes(calls), "training", "exec"), names)
    return names["train"]


class ProgramPart(NamedTuple):
    """The part of the program that comes from a learner's file."""

    code: str  # the lines that fill the exercise's hole
    definitions: list  # (name, text) of each definition that they need


def extract_program_part(learner_path):
    """Return the `ProgramPart` of a learner's file.

    Its code is the function's body if that works inside the program. If the function returns early, or assigns a name
    of the program, it is added to the definitions instead, and the code is a call of it. Raises UserError if the file
    is not in UTF-8, or if it has no such function.
    """
    exercise = EXERCISES[learner_path.stem]
    try:
        source = learner_path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{learner_path.name} is not saved as UTF-8: choose that encoding in your editor") from None
    for comment in re.findall("  # .*", exercise.stub):
        source = re.sub(f"{re.escape(comment)}$", "", source, flags=re.MULTILINE)  # kept if the learner has added to it
    tree = ast.parse(source)
    lines = source.splitlines()

    def get_source(first_node, last_node):
        decorators = getattr(first_node, "decorator_list", ())
        start = min([first_node.lineno, *(decorator.lineno for decorator in decorators)])
        indent = f"^[ \\t]{{0,{first_node.col_offset}}}"  # comments between the lines may be indented less
        return "\n".join(re.sub(indent, "", line) for line in lines[start - 1 : last_node.end_lineno])

    name = exercise.function.name
    results = ", ".join(exercise.gives)
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name]
    if not functions:  # a lambda also passes the exercise
        raise UserError(f"{learner_path.name} has no `def {name}`: write it as the stub does")
    function = functions[-1]
    all_definitions = []
    for node in tree.body:
        all_definitions += list_names_and_definitions(node, get_source(node, node))
    definitions = select_needed_pairs(get_source(function, function), all_definitions)
    *body, return_node = function.body[ast.get_docstring(function) is not None :]
    can_be_inlined = (
        [n for n in ast.walk(function) if isinstance(n, ast.Return)] == [return_node]
        and (not body or body[-1].end_lineno < return_node.lineno)
        and [n.arg for n in ast.walk(function.args) if isinstance(n, ast.arg)] == list(exercise.takes)
        and not function.decorator_list
        and not find_assigned_names(function) & RESERVED_NAMES - {*exercise.gives, *exercise.may_change}
    )
    if not can_be_inlined:
        whole = re.sub(rf"^def +{name}\b", f"def my_{name}", get_source(function, function), flags=re.MULTILINE)
        definitions.append((f"my_{name}", whole))
        return ProgramPart(f"{results} = my_{name}({', '.join(exercise.takes)})", definitions)
    code = [get_source(body[0], body[-1])] if body else []
    returned_text = ast.unparse(return_node.value)
    if returned_text not in (results, f"({results})"):
        code.append(f"{results} = {returned_text}")
    return ProgramPart("\n".join(code), definitions)


def find_assigned_names(tree):
    """Return the names that are assigned in a syntax tree."""
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def list_names_and_definitions(node, source):
    """Return [(name, definition)] of a module-level statement. source: its text."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [(node.name, source)]
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = []
        for target in targets:
            names += sorted(find_assigned_names(target))
        return [(name, source) for name in names]
    if isinstance(node, (ast.Import, ast.ImportFrom)):  # split it into one statement for each name
        definitions = []
        for alias in node.names:
            import_text = ast.unparse(type(node)(**vars(node) | {"names": [alias]}))
            definitions.append((alias.asname or alias.name.partition(".")[0], import_text))
        return definitions
    return []


def select_needed_pairs(function_text, names_and_definitions):
    """Return the (name, text) pairs that a function needs, directly or through other definitions."""
    text_by_name = dict(names_and_definitions)  # of two definitions of a name, the last counts
    names = ["*", *find_free_names(function_text)]
    for name in names:
        names += find_free_names(text_by_name.get(name, "")) - {*names}
    program_lines = PROGRAM.splitlines()
    return [(name, text) for name, text in text_by_name.items() if name in names and text not in program_lines]


def find_free_names(text):
    """Return the names that the statements in `text` use but do not define."""
    tables = [symtable.symtable(text, "", "exec")]
    for table in tables:
        tables += table.get_children()
    names = set()
    for table in tables:
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (symbol.is_global() or table is tables[0]):
                names.add(symbol.get_name())
    return names


N_PIXELS = 784
N_CLASSES = 10


def find_two_layer_params(params):
    """Return params as {"W1": (784, H), "b1": (H,), "W2": (H, 10), "b2": (10,)}, or None if that is not possible.

    params: a nest of arrays, whose roles follow from their shapes. Matrices may be of shape (out, in). A missing bias
    becomes 0. It may also be a single vector of all the numbers, in the order above.
    """
    arrays = [a for a in copy_floats_by_path(params).values() if a.ndim and min(a.shape)]
    H, remainder = divmod(sum(a.size for a in arrays) - N_CLASSES, N_PIXELS + 1 + N_CLASSES)
    if len(arrays) == 1 and not remainder:  # all numbers in one vector
        ends = np.cumsum([N_PIXELS * H, H, H * N_CLASSES])
        shapes = {"W1": (N_PIXELS, H), "b1": (H,), "W2": (H, N_CLASSES), "b2": (N_CLASSES,)}
        parts = np.split(arrays[0].ravel(), ends)
        return {name: a.reshape(shape) for (name, shape), a in zip(shapes.items(), parts, strict=True)}
    matrices = [a for a in arrays if a.ndim == 2 and min(a.shape) > 1]
    if len(matrices) != 2:
        return None
    for first_matrix, second_matrix in (matrices, matrices[::-1]):
        for W1, W2 in ((first_matrix, second_matrix), (first_matrix.T, second_matrix.T)):
            if W1.shape[0] == N_PIXELS and W2.shape == (W1.shape[1], N_CLASSES):
                vectors = [a.ravel() for a in arrays if a.size == max(a.shape)]
                b1 = [a for a in vectors if len(a) == W2.shape[0]]
                b2 = [a for a in vectors if len(a) == W2.shape[1]]
                b1, b2 = (b1[:1], b1[1:]) if len(b1) == 2 and b1 is not b2 and W2.shape[0] == N_CLASSES else (b1, b2)
                if len(b1) < 2 and len(b2) < 2:
                    biases = [
                        vectors_of_size[0] if vectors_of_size else np.zeros(n)
                        for vectors_of_size, n in zip((b1, b2), W2.shape, strict=True)
                    ]
                    return {"W1": W1, "b1": biases[0], "W2": W2, "b2": biases[1]}
    return None
