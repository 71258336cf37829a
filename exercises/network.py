"""A whole network out of chapter 1's lines: the program that `practice.py train` writes.

The program has holes, <logits> and so on, which the learner's lines fill. docs/backprop.md shows it filled with the
project's.
"""

import ast
import re
import symtable
import textwrap

from exercises.catalogue import CHAPTERS
from support.errors import UserError

PROGRAM = '''\
"""A network that learns to read handwritten digits. Run it in the repository's folder; it needs NumPy alone."""

import gzip
import json

import numpy as np


def load(file, start):
    with gzip.open(f"mnist/{file}-ubyte.gz") as opened:
        return np.frombuffer(opened.read()[start:], np.uint8)


images, labels = load("train-images-idx3", 16).reshape(60_000, 784), load("train-labels-idx1", 8)
test_images, test_labels = load("t10k-images-idx3", 16).reshape(10_000, 784), load("t10k-labels-idx1", 8)

H, momentum = 128, 0.9
rng = np.random.default_rng(0)
W1, b1 = rng.normal(0, np.sqrt(2 / 784), (784, H)), np.zeros(H)
W2, b2 = rng.normal(0, np.sqrt(2 / H), (H, 10)), np.zeros(10)
params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
velocity = {name: 0 * p for name, p in params.items()}
steps, tests = [], []

for epoch in (1, 2, 3):
    lr = 0.1 / epoch
    for batch in rng.permutation(60_000).reshape(600, 100):
        x, y = images[batch] / 255, labels[batch].astype(int)
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
        steps.append((loss, (logits.argmax(axis=1) == y).mean()))

    W1, b1, W2, b2 = params.values()
    scores = np.maximum(test_images / 255 @ W1 + b1, 0) @ W2 + b2
    answers = scores.argmax(axis=1)
    surprise = np.log(np.exp(scores).sum(axis=1)) - scores[range(len(test_labels)), test_labels]  # -log p[y]
    tests.append((len(steps), surprise.mean(), (answers == test_labels).mean()))
    print(f"epoch {epoch}: it reads {100 * (answers == test_labels).mean():.1f} % of the test digits")

# What it has learned, in a file beside this one that predict.py, look.py and the page can read.
run = {"model": "mlp", "hidden": H, "pixels": "unit", "dtype": "float64", "batch_size": 100, "epochs": 3, "seed": 0}
run |= {"lr": 0.1, "momentum": momentum, "schedule": "linear"}  # which here means that the learning rate falls
kept = {"format": 1, "options": json.dumps(run), "step": len(steps)}
kept |= {f"params/{name}": p for name, p in params.items()}
kept |= {f"history/train_{what}": a for what, a in zip(("loss", "accuracy"), zip(*steps))}
kept |= {f"history/test_{what}": a for what, a in zip(("step", "loss", "accuracy"), zip(*tests))}
np.savez(__file__[:-3] + ".npz", **kept)
'''
HOLE = re.compile(r"^( *)<(\w+)>$", re.MULTILINE)
EXERCISES = {exercise.name: exercise for exercise in next(iter(CHAPTERS.values()))}
USED = [name for _, name in HOLE.findall(PROGRAM)]  # the others of the chapter have no place in a training
# The names that mean something to the program: a learner's lines may set none of them but their own results.
NAMES = {node.id for node in ast.walk(ast.parse(HOLE.sub("", PROGRAM))) if isinstance(node, ast.Name)}
NAMES |= {name for exercise in EXERCISES.values() for name in exercise.gives}


def program(paths):
    """The whole program, with the lines of these files of a learner, and where there is none, with the project's."""
    found = {path: lines_of(path) for path in paths}
    inside = {name: EXERCISES[name].formula for name in USED}
    inside |= {path.stem: lines for path, (lines, _) in found.items()}
    taken, above = NAMES | {name for lines in inside.values() for name in stored(ast.parse(lines))}, {}
    for path, (_, definitions) in found.items():
        for name, text in definitions:
            if name in taken or above.setdefault(name, text) != text:
                raise UserError(f"{path.name} defines `{name}`, a name that the program has already: rename it")
    whole = HOLE.sub(lambda hole: textwrap.indent(inside[hole[2]], hole[1]), PROGRAM)
    imports, rest = whole.split("\n\n\n", 1)
    return "\n\n\n".join([imports, *dict.fromkeys(above.values()), rest])


def lines_of(path):
    """What a learner's file gives to the program: the text in place of its hole, and the definitions that this needs.

    It is the function's body, if that reads like a part of the program. If it returns early, or gives a new value to a
    name of the program, the whole function is one more definition, and is called. The definitions are pairs of a name
    and a text.
    """
    exercise = EXERCISES[path.stem]
    try:
        source = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path.name} is not saved as UTF-8: choose that encoding in your editor") from None
    for comment in re.findall("  # .*", exercise.stub):
        source = re.sub(f"{re.escape(comment)}$", "", source, flags=re.MULTILINE)  # unless the learner has gone on
    tree, lines = ast.parse(source), source.splitlines()

    def text(first, last):
        start = min([first.lineno, *(one.lineno for one in getattr(first, "decorator_list", ()))])
        indent = f"^[ \\t]{{0,{first.col_offset}}}"  # a comment between the lines may have less
        return "\n".join(re.sub(indent, "", line) for line in lines[start - 1 : last.end_lineno])

    name, results = exercise.function.name, ", ".join(exercise.gives)
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name]
    if not functions:  # a lambda has passed, too
        raise UserError(f"{path.name} has no `def {name}`: write it as the stub does")
    function = functions[-1]
    definitions = needed(text(function, function), [pair for n in tree.body for pair in defined(n, text(n, n))])
    *body, end = function.body[ast.get_docstring(function) is not None :]
    plain = (
        [n for n in ast.walk(function) if isinstance(n, ast.Return)] == [end]
        and (not body or body[-1].end_lineno < end.lineno)
        and [n.arg for n in ast.walk(function.args) if isinstance(n, ast.arg)] == list(exercise.takes)
        and not function.decorator_list
        and not stored(function) & NAMES - {*exercise.gives, *exercise.may_change}
    )
    if not plain:
        whole = re.sub(rf"^def +{name}\b", f"def my_{name}", text(function, function), flags=re.MULTILINE)
        definitions.append((f"my_{name}", whole))
        return f"{results} = my_{name}({', '.join(exercise.takes)})", definitions
    inside, returned = [text(body[0], body[-1])] if body else [], ast.unparse(end.value)
    if returned not in (results, f"({results})"):
        inside.append(f"{results} = {returned}")
    return "\n".join(inside), definitions


def stored(tree):
    """The names that get a value in it."""
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def defined(node, text):
    """[(name, definition)] of a statement that stands by itself, outside of functions; text: the statement."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [(node.name, text)]
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [(name, text) for target in targets for name in sorted(stored(target))]
    if isinstance(node, (ast.Import, ast.ImportFrom)):  # each name has a statement of its own
        each = {alias: ast.unparse(type(node)(**vars(node) | {"names": [alias]})) for alias in node.names}
        return [(alias.asname or alias.name.partition(".")[0], import_) for alias, import_ in each.items()]
    return []


def needed(text, definitions):
    """Those of a file's definitions that a function needs, directly or through others; text: the function."""
    found, names = dict(definitions), ["*", *free(text)]  # of two with one name, the last counts
    for name in names:
        names += free(found.get(name, "")) - {*names}
    return [(name, text) for name, text in found.items() if name in names and text not in PROGRAM.splitlines()]


def free(text):
    """The names that some statements take from around them."""
    tables = [symtable.symtable(text, "", "exec")]
    for table in tables:
        tables += table.get_children()
    return {
        symbol.get_name()
        for table in tables
        for symbol in table.get_symbols()
        if symbol.is_referenced() and (symbol.is_global() or table is tables[0])
    }
