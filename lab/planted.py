"""What the marker says to mistakes that nobody chose: `python -m lab.planted` -> results.json.

Every operation of every right answer is spoilt, one at a time, as a slip would spoil it: a sign turned, a term or a
factor left out, another axis, an array in the place of another of its shape. Each of these answers is marked for three
draws of inputs. (Chapter 3 has programs to repair and no formulas: tests/test_practice_cases.py spoils those.)
"""

import ast
import re
import sys
import tempfile
import textwrap
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np

from exercises import STUBS, marker, runner
from exercises.work import BY_NAME, CHAPTERS
from lab.results import markdown, save_result
from support.history import machine
from support.program import run

SEEDS = 3
GENERAL = {"not right", "close, and not equal", "not finite", "wrong shape", "wrong type", "returns None"}
KINDS = {
    "named": "named",
    "error": "Python's complaint, in plain words",
    "general": "a general text",
    "passed": "passed",
}
HARMLESS = {("z1", "a1"), ("z2", "a2")}  # a ReLU's output is positive exactly where its input is


def slips(node):
    """The nodes that could stand in this one's place by mistake, in any formula."""
    match node:
        case ast.BinOp(left, ast.Add() | ast.Sub() as op, right):
            yield from (left, right, ast.BinOp(left, ast.Sub() if isinstance(op, ast.Add) else ast.Add(), right))
        case ast.BinOp(left, ast.Mult(), right):
            yield from (left, right)
        case ast.BinOp(left, ast.Div() | ast.FloorDiv(), _) | ast.UnaryOp(ast.USub(), left):
            yield left
        case ast.Call(ast.Attribute(array, "sum" | "mean" as name), arguments, keywords):
            yield ast.Call(ast.Attribute(array, "mean" if name == "sum" else "sum", ast.Load()), arguments, keywords)
        case ast.Call(ast.Attribute(array, "swapaxes")) | ast.Attribute(array, "T"):
            yield array
        case ast.Subscript(array, ctx=ast.Load()):
            yield array
        case ast.AugAssign():
            yield ast.Pass()


def learners_slips(node, alike):
    """Those, and what else learners do. alike: {an array's name: the names of others of its shape}."""
    match node:
        case ast.BinOp(ast.SetComp()) | ast.AugAssign(op=ast.BitOr()):
            return  # sets of nodes: without these, a loop never ends
        case ast.Name(name, ast.Load()):
            yield from (ast.Name(other, ast.Load()) for other in alike.get(name, ()))
        case ast.Call(function, arguments, [ast.keyword("axis"), *others]):
            for axis in (0, 1):
                yield ast.Call(function, arguments, [ast.keyword("axis", ast.Constant(axis)), *others])
            if others:
                yield ast.Call(function, arguments, node.keywords[:1])
        case ast.Compare(left, [ast.Gt()], right):
            yield ast.Compare(left, [ast.LtE()], right)
        case ast.AugAssign(target, _, value):
            yield ast.Assign([target], value, lineno=0)
    yield from slips(node)


def spoilt(tree, part, ways):
    """(as it is, as it then is, the code of the tree) for each way(node) to spoil a node of this part of the tree."""
    whole = ast.unparse(tree)
    for parent in list(ast.walk(part)):
        for field, child in ast.iter_fields(parent):
            for i, node in enumerate(children := child if isinstance(child, list) else [child]):
                if getattr(parent, "attr", "") in ("ndim", "shape"):  # of which arrays, does not matter
                    continue
                for wrong in ways(node):
                    setattr(parent, field, [*children[:i], wrong, *children[i + 1 :]] if child is children else wrong)
                    if (code := ast.unparse(tree)) != whole:
                        yield ast.unparse(node), ast.unparse(wrong), code
                    setattr(parent, field, child)


def filled(name, body):
    """The stub with these lines in place of its dots. What they do not set keeps its own."""
    body = textwrap.dedent(body).strip("\n")
    dots = [name for name in BY_NAME[name].gives if not re.search(rf"\b{name}\b[^=\n]*=[^=]", body)]
    lines = textwrap.indent("\n".join([body, *(f"{name} = ..." for name in dots)]), "    ") + "\n"
    stub = (STUBS / f"{name}.py").read_text(encoding="utf-8")
    return re.sub(r"(^    \w+ = \.\.\..*\n)+", lambda _: lines, stub, flags=re.MULTILINE)


def planted(exercise):
    """The answers that come of spoiling the right one of an exercise, in one place each."""
    g, tree = next(iter(exercise.inputs(0))), ast.parse(exercise.text.answer)
    shapes = {name: np.shape(getattr(g, name)) for name in exercise.takes if isinstance(vars(g).get(name), np.ndarray)}
    alike = {a: [b for b in shapes if b != a and shapes[a] == shapes[b]] for a in shapes}
    for was, becomes, body in spoilt(tree, tree, partial(learners_slips, alike=alike)):
        if (was, becomes) not in HARMLESS:
            yield body


def kind(exercise, body, folder):
    """What the marker says to an answer, whatever is drawn: a key of KINDS."""
    path = Path(folder) / f"{exercise.name}.py"
    path.write_text(filled(exercise.name, body), encoding="utf-8")
    marks = {marker.judge(exercise, seed, runner.run(exercise, path, seed)).name for seed in range(SEEDS)}
    if marks == {"passed"}:
        return "passed"
    if any(mark.startswith("error: ") for mark in marks):
        return "error"
    return "general" if marks & {*GENERAL, "passed"} else "named"


def count():
    """{a chapter: {a key of KINDS: how many}}."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for chapter, exercises in CHAPTERS.items():
            answers = [(exercise, body) for exercise in exercises if not exercise.case for body in planted(exercise)]
            if answers:
                found[chapter] = dict(Counter(kind(exercise, body, folder) for exercise, body in answers))
    return found


def table(found):
    """The same in Markdown."""
    whole = sum(map(Counter, found.values()), Counter())
    rows = [
        [chapter.split(".")[0], sum(counted.values()), *(counted.get(kind, 0) for kind in KINDS)]
        for chapter, counted in (found | {"all": whole}).items()
    ]
    return markdown(["chapter", "planted", *KINDS.values()], rows)


def main():
    found = count()
    save_result("planted", {"command": "python -m lab.planted", "found": found, "machine": machine()})
    print(table(found))


if __name__ == "__main__":
    sys.exit(run(main))
