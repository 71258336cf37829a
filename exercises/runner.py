"""Runs what a learner wrote, in a process of its own: python -m exercises.runner NAME FILE SEED RESULT SECONDS.

It leaves a small JSON file, RESULT: what the functions returned, or what went wrong and in which line. Nothing that
the learner's file does can reach the process that marks it, except through that file.
"""

import ast
import base64
import builtins
import difflib
import faulthandler
import io
import json
import re
import sys
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import cache
from types import ModuleType

import numpy as np

from exercises.work import BY_NAME

MOST_PRINTED = 2000  # characters of the learner's own prints
MOST_BYTES = 2**20  # of one result; every right one is far smaller


def load(file):
    """The names that a file defines. It is compiled here rather than imported, so that no stale .pyc is ever used."""
    with open(file, "rb") as opened:
        code = compile(opened.read(), str(file), "exec")
    module = ModuleType("practice")
    module.__file__ = str(file)
    exec(code, vars(module))
    return module


def run(exercise, file, seed):
    """What became of one file, as plain data that JSON can hold."""
    printed, outcome = Printed(), {"trials": []}
    try:
        with redirect_stdout(printed), redirect_stderr(printed), np.errstate(all="ignore"):
            module = load(file)
            if not callable(function := getattr(module, exercise.function.name, None)):
                outcome["missing"] = True
            elif exercise.case:
                outcome |= investigate(exercise, module, seed)
            else:
                for g in exercise.inputs(seed):
                    outcome["trials"].append(call(exercise, function, g))
    except BaseException as error:
        outcome["error"] = explain(error, str(file))
    return outcome | {"printed": printed.getvalue()}


def investigate(exercise, module, seed):
    """What became of a case: what the learner says, whether the cause is gone, and how well the program learns."""
    train = cache(module.train)
    fixed = bool(exercise.case.probe(module, np.random.default_rng(seed), train))
    said = getattr(module, "DIAGNOSIS", ...)
    return {"fixed": fixed, "accuracy": float(train()) if fixed else 0, "said": "" if said is ... else str(said)[:40]}


class Printed(io.StringIO):
    def write(self, text):
        return super().write(text[: max(0, MOST_PRINTED - self.tell())]) if self.tell() < MOST_PRINTED else 0


def call(exercise, function, g):
    """The results of one trial, and the names of the inputs that were changed but should not have been."""
    given = exercise.given(g)
    before = {name: value.copy() for name, value in given.items() if isinstance(value, np.ndarray)}
    results = function(*given.values())
    changed = [name for name in before if name not in exercise.may_change and not same(before[name], given[name])]
    if len(exercise.gives) == 1 and not (isinstance(results, tuple) and len(results) == 1):
        results = (results,)
    many = isinstance(results, (tuple, list))
    return {"results": [describe(result) for result in results] if many else [describe(results)], "changed": changed}


def same(a, b):
    """Whether an array is as it was: an entry that was moved by h and put back may have lost its last digit."""
    return a.shape == b.shape and np.allclose(a, b, rtol=0, atol=1e-12, equal_nan=True)


def describe(value):
    """A result as plain data: an array with its numbers, or the name of what it is."""
    if value is ...:
        return {"type": "ellipsis"}
    if value is None:
        return {"type": "None"}
    if isinstance(value, (float, np.generic)):
        value = np.asarray(value)
    if type(value) is not np.ndarray:
        return {"type": type(value).__name__}
    about = {"type": "array", "dtype": str(value.dtype), "shape": value.shape}
    if value.dtype.kind in "biuf" and value.nbytes <= MOST_BYTES:
        about["data"] = base64.b64encode(np.ascontiguousarray(value).astype(np.float64).tobytes()).decode()
    return about


def explain(error, file):
    """The learner's own line, and the complaint in plain words."""
    if isinstance(error, SyntaxError) and error.filename == file:
        text = (error.text or "").strip()
        message = f"Python cannot read this line: {error.msg}. Look at its end, and at the line before it."
        return {"name": type(error).__name__, "line": error.lineno, "text": text, "message": message}
    frame, traceback = None, error.__traceback__
    while traceback:
        if traceback.tb_frame.f_code.co_filename == file:
            frame, line = traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next
    if frame is None:
        return {"name": type(error).__name__, "line": None, "text": "", "message": plain(error, {})}
    with open(file, encoding="utf-8", errors="replace") as opened:
        lines = opened.read().splitlines()
    names = {**vars(builtins), **frame.f_globals, **frame.f_locals}
    message = plain(error, names, statement(lines, line), "\n".join(lines))
    return {"name": type(error).__name__, "line": line, "text": lines[line - 1].strip(), "message": message}


def statement(lines, line):
    """The smallest whole statement around a line, for one that goes over several."""
    with suppress(SyntaxError, ValueError):
        around = [
            node
            for node in ast.walk(ast.parse("\n".join(lines)))
            if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.Expr))
            and node.lineno <= line <= node.end_lineno
        ]
        if around:
            return min(around, key=lambda node: node.end_lineno - node.lineno)
    return None


def plain(error, names, node=None, source=""):
    """An exception in words for people; `node` is the statement of `source` that raised it."""
    if node:
        for operation in operations(node):
            found = misfit(operation, names, source)
            if found:
                return found
    if isinstance(error, UnboundLocalError):
        name = str(error).split("'")[1]
        return f"`{name}` is used here before it has a value. Are the lines in the right order?"
    if isinstance(error, NameError):
        name = getattr(error, "name", None) or str(error).split("'")[1]
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DIAGNOSIS":
            return f'Put it in quotes: "{name}".'
        known = {n.lower(): n for n in names if not hasattr(builtins, n) and n != name}
        near = difflib.get_close_matches(name.lower(), known, 1, 0.6)
        return f"there is no `{name}` here." + (f" Do you mean `{known[near[0]]}`?" if near else "")
    if isinstance(error, (EOFError, SystemExit)):
        return "an exercise should neither ask for input nor end the program; it should return its result."
    if isinstance(error, RecursionError):
        return "the function calls itself without end."
    if isinstance(error, MemoryError):
        return "the array is too large for the memory. Look at the shapes."
    if isinstance(error, ImportError) and getattr(error, "name", "") == "torch":
        return "PyTorch is missing. To get it: python -m pip install -r requirements.txt (large), then try again."
    if isinstance(error, TypeError) and "ellipsis" in str(error):
        return "the three dots are still in this calculation: put your own expression there."
    message = re.sub(r"\S*<locals>\.", "", str(error).strip().split("\n")[0])[:300] or "no message"
    shapes = re.match(r"shapes (\(.*?\)) and (\(.*?\)) not aligned: (\d+) .* != (\d+)", message)
    if shapes:
        a, b, m, n = shapes.groups()
        return f"the shapes are {a} @ {b}. In a matrix product the inner numbers must be equal: {m} is not {n}."
    if "truth value of an array" in message:
        return (
            "`if`, `and`, `or` and `not` need a single True or False, and this is a whole array of them. But you can "
            "multiply by an array of True and False, entry by entry: they count as 1 and 0."
        )
    if isinstance(error, IndexError):
        return f"{message}. (Indices start at 0.) Is this the index that you want, on the axis that you want?"
    return f"{message} ({type(error).__name__})"


OPERATORS = {ast.MatMult: "@", ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.Gt: ">"}


def operations(node):
    """The operations of a statement as (the whole, left, sign, right), innermost first."""
    found = []
    for inner in ast.walk(node):
        if isinstance(inner, ast.BinOp) and type(inner.op) in OPERATORS:
            found.append((inner, inner.left, OPERATORS[type(inner.op)], inner.right))
        elif isinstance(inner, ast.AugAssign) and type(inner.op) in OPERATORS:
            found.append((inner, inner.target, OPERATORS[type(inner.op)], inner.value))
    return reversed(found)


def misfit(operation, names, source):
    """What is wrong with the shapes of an operation's two sides, or None if they fit."""
    whole, left, sign, right = operation
    try:
        a, b = (
            np.shape(eval(compile(ast.Expression(load_form(side)), "", "eval"), dict(names))) for side in (left, right)
        )
    except BaseException:
        return None
    wrote = " ".join(ast.get_source_segment(source, whole).split())  # as it was typed, with its parentheses
    wrote = f"in {wrote}, the shapes are {a} {sign} {b}" if len(wrote) < 60 else f"the shapes are {a} {sign} {b}"
    if sign == "@":
        if not a or not b:
            return f"{wrote}: @ needs arrays, and one side is a single number."
        inner = a[-1], b[-2] if len(b) > 1 else b[0]
        text = ""
        if inner[0] != inner[1]:
            text = f"{wrote}. In a matrix product the inner numbers must be equal: {inner[0]} is not {inner[1]}."
        elif not fit(a[:-2], b[:-2]):
            text = f"{wrote}. The axes before the last two must agree: @ multiplies a matrix with a matrix in each."
        sides = ((left, a), (right, b))
        if text and any(isinstance(side, ast.Attribute) and side.attr == "T" and len(s) > 2 for side, s in sides):
            text += " (.T turns all axes round; .swapaxes(-1, -2) exchanges the last two.)"
        return text or None
    if fit(a, b):
        return None
    text = f"{wrote}. Entry by entry, shapes must agree from the right: equal numbers, or a 1, or nothing."
    short, long = sorted((a, b), key=len)
    if short and short == long[:-1]:
        text += f" A sum or max with keepdims=True keeps {(*short, 1)}, which agrees."
    return text


def fit(a, b):
    try:
        np.broadcast_shapes(a, b)
    except ValueError:
        return False
    return True


def load_form(node):
    """The expression as one to read, where the statement writes to it (W1 in W1 += ...)."""
    copied = ast.parse(ast.unparse(node), mode="eval")
    return copied.body


def limit_memory(gigabytes=8):
    with suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        resource.setrlimit(resource.RLIMIT_AS, (gigabytes * 2**30,) * 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**28,) * 2)


def main():
    name, file, seed, result, seconds = sys.argv[1:]
    exercise = BY_NAME[name]
    if not exercise.needs_torch:
        limit_memory()
    # In an endless loop: report the line, and exit. (If that fails, the process that started this one ends it.)
    with open(result + ".stuck", "w") as stuck:
        faulthandler.dump_traceback_later(float(seconds), exit=True, file=stuck)
        outcome = run(exercise, file, int(seed))
        faulthandler.cancel_dump_traceback_later()
    with open(result, "w", encoding="utf-8") as opened:
        json.dump(outcome, opened)


if __name__ == "__main__":
    main()
