"""Mistakes that nobody chose: every operation of some code spoilt, one at a time, as a slip would spoil it.

A sign turned, a term or a factor left out, another axis, an array in the place of another of its shape.
"""

import ast
from functools import partial

import numpy as np

HARMLESS = {("z1", "a1"), ("z2", "a2")}  # a ReLU's output is positive exactly where its input is
HARMLESS_IN = {("next_word", "ends[:, :-1]", "ends")}  # the last part ends at 1, and u is below 1


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


def planted(exercise):
    """The answers that come of spoiling the right one of an exercise, in one place each."""
    g, tree = next(iter(exercise.draw(0))), ast.parse(exercise.answer)
    shapes = {name: np.shape(getattr(g, name)) for name in exercise.takes if isinstance(vars(g).get(name), np.ndarray)}
    alike = {a: [b for b in shapes if b != a and shapes[a] == shapes[b]] for a in shapes}
    for was, becomes, body in spoilt(tree, tree, partial(learners_slips, alike=alike)):
        if (was, becomes) not in HARMLESS and (exercise.name, was, becomes) not in HARMLESS_IN:
            yield body
