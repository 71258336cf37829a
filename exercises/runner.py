"""Runs what a learner wrote, in a process of its own: python -m exercises.runner NAME FILE SEED RESULT SECONDS MEMORY.

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
import traceback
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import cache
from types import ModuleType

import numpy as np

from exercises import STUBS
from exercises.chapter3 import watched
from exercises.exercise import tables
from exercises.tape import Misuse, Tensor, value_of
from exercises.work import BY_NAME

MOST_PRINTED = 2000  # characters of the learner's own prints
MOST_TYPED = 2**20  # characters of a learner's file
MOST_BYTES = 2**20  # of one result; every right one is far smaller
_, ERRORS, NAMES = tables("said.md")


def load(file):
    """The names that a file defines. It is compiled here rather than imported, so that no stale .pyc is ever used."""
    with open(file, "rb") as opened:
        text = opened.read()
    if b"\0" in text:
        raise SyntaxError("it is not saved as UTF-8: choose that encoding in your editor, under `Save as`")
    code = compile(text, str(file), "exec")
    module = ModuleType("practice")
    module.__file__ = str(file)
    exec(code, vars(module))
    return module


def run(exercise, file, seed):
    """What became of one file, as plain data that JSON can hold."""
    printed, outcome = Printed(), {"trials": []}
    try:
        with redirect_stdout(printed), redirect_stderr(printed), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # PyTorch's, of a gradient that it has not kept
            outcome["typed"] = typed(exercise, file)
            module = load(file)
            function = getattr(module, exercise.function.name, None)
            if exercise.case:
                outcome |= investigate(exercise, module, seed)
            elif not callable(function):
                outcome["missing"] = True
            else:
                with autograd_watched(exercise.needs_torch) as outcome["autograd"]:
                    for g in exercise.inputs(seed):
                        outcome["trials"].append(call(exercise, function, g))
    except BaseException as error:
        outcome["error"] = explain(error, str(file))
    return outcome | {"printed": printed.getvalue()}


def typed(exercise, file):
    """The lines of a file that its stub does not have."""
    stub = lines_of(STUBS / f"{exercise.name}.py")
    return "\n".join(line for line in lines_of(file) if line not in stub)


def lines_of(file):
    """A file's lines, but for the text at the top and empty ones."""
    with open(file, encoding="utf-8", errors="replace") as opened:
        text = re.sub(r'\A""".*?"""', "", opened.read(MOST_TYPED), flags=re.DOTALL)
    return [line.rstrip() for line in text.splitlines() if line.strip()]


@contextmanager
def autograd_watched(needs_torch):
    """A list that gets an entry for each call of autograd."""
    calls, torch = [], sys.modules.get("torch")  # as the learner's file has imported it: nothing of ours does
    if not needs_torch or not torch:
        yield calls
        return

    def note(original, *arguments, **options):
        calls.append(1)
        return original(*arguments, **options)

    with watched(torch.Tensor, "backward", note), watched(torch.autograd, "grad", note):
        yield calls


def investigate(exercise, module, seed):
    """What became of a case: what the learner says, whether the cause is gone, and how well the program learns."""
    train = cache(module.train)
    said = getattr(module, "DIAGNOSIS", ...)
    said = "" if said is ... else said[:40] if isinstance(said, str) else f"of type {type(said).__name__}"
    try:
        fixed = bool(exercise.case.probe(module, np.random.default_rng(seed), train))
        mine, stub = (
            [line for line in lines_of(path) if not line.startswith("DIAGNOSIS")]
            for path in (module.__file__, STUBS / f"{exercise.name}.py")
        )
        changed = mine != stub
        accuracy = train() if fixed or changed else 0
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        if own_frame(error, module.__file__):
            raise  # the learner's own line is to blame
        return {"said": said, "unfit": plain(error, {})}
    if not isinstance(accuracy, (int, float, np.number)) and not hasattr(accuracy, "item"):
        return {"said": said, "unfit": "train() should return the test accuracy, as it did in the beginning."}
    return {"said": said, "fixed": fixed, "changed": changed, "accuracy": float(accuracy)}


class Printed(io.StringIO):
    def write(self, text):
        return super().write(text[: max(0, MOST_PRINTED - self.tell())]) if self.tell() < MOST_PRINTED else 0


def call(exercise, function, g):
    """The results of one trial, and the names of the inputs that were changed but should not have been."""
    given = exercise.given(g)
    before = {name: a.copy() for name, a in arrays_in(given).items() if name not in exercise.may_change}
    results = function(*given.values())
    after = arrays_in(given)
    # An entry that was moved by h and put back may have lost its last digit.
    changed = [
        name
        for name, a in before.items()
        if a.shape != np.shape(after.get(name)) or not np.allclose(a, after[name], rtol=0, atol=1e-12, equal_nan=True)
    ]
    if len(exercise.gives) == 1 or not isinstance(results, (tuple, list)):
        results = (results,)
    return {"results": [describe(result) for result in results], "changed": changed}


def arrays_in(given):
    """The arrays among the inputs of a call, and those of its Tensors, by name."""
    found = {f"{name}.value" if isinstance(v, Tensor) else name: value_of(v) for name, v in given.items()}
    return {name: a for name, a in found.items() if isinstance(a, np.ndarray)}


def describe(value):
    """A result as plain data: an array with its numbers, or the name of what it is."""
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
    line, text = None, ""
    if isinstance(error, SyntaxError) and error.filename == file:
        line, text = error.lineno, (error.text or "").strip()
        kinds = [f"unreadable {kind.__name__}" for kind in type(error).__mro__]
        message = f"Python cannot read this line: {error.msg}. {advice(kinds, error.msg, text)}"
    elif found := own_frame(error, file):
        frame, line = found
        with open(file, encoding="utf-8", errors="replace") as opened:
            lines = opened.read().splitlines()
        names, text = {**vars(builtins), **frame.f_globals, **frame.f_locals}, lines[line - 1].strip()
        message = plain(error, names, statement(lines, line), "\n".join(lines))
    else:
        message = plain(error, {})
    name = getattr(error, "mark", f"error: {type(error).__name__}")
    return {"name": name, "line": line, "text": text, "message": message}


def own_frame(error, file):
    """The innermost frame in the learner's file and its line, or None."""
    frames = [at for at in traceback.walk_tb(error.__traceback__) if at[0].f_code.co_filename == file]
    return frames[-1] if frames else None


def advice(kinds, message, wrote):
    """What said.md says about an error of one of these kinds, with that message, in what was written there; or None."""
    for kind, in_message, in_wrote, text in ERRORS:
        if kind in kinds and (found := re.search(in_message, message)) and re.search(in_wrote, wrote):
            return found.expand(text)
    return None


def statement(lines, line):
    """The smallest whole statement around a line, for one that goes over several."""
    with suppress(SyntaxError, ValueError):
        around = [
            node
            for node in ast.walk(ast.parse("\n".join(lines)))
            if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.Expr))
            and node.lineno <= line <= node.end_lineno
        ]
        return min(around, key=lambda node: node.end_lineno - node.lineno, default=None)


def plain(error, names, node=None, source=""):
    """An exception in words for people; `node` is the statement of `source` that raised it."""
    if node:
        for operation in operations(node):
            found = misfit(operation, names, source)
            if found:
                return found
    if isinstance(error, NameError) and not isinstance(error, UnboundLocalError):
        name = getattr(error, "name", None) or ""
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DIAGNOSIS":
            return f'Put it in quotes: "{name}".'
        for word, beside, text in NAMES:
            if name == word and (beside in names or not beside):
                return f"there is no `{name}` here. {text}"
        if hasattr(np, name) and name.islower():
            return f"there is no `{name}` here. Do you mean `np.{name}`?"
        known = {n.lower(): n for n in names if not hasattr(builtins, n) and n != name}
        near = difflib.get_close_matches(name.lower(), known, 1, 0.6)
        return f"there is no `{name}` here." + (f" Do you mean `{known[near[0]]}`?" if near else "")
    try:
        message = re.sub(r"\S*<locals>\.", "", str(error).strip().split("\n")[0])[:300] or "no message"
    except Exception:  # an error of the learner's own, whose __str__ fails
        message = "no message"
    if isinstance(error, Misuse):
        return message
    wrote = ast.unparse(node) if node else ""
    kinds = [kind.__name__ for kind in type(error).__mro__] + ["PyTorch"] * ("torch" in names)
    return advice(kinds, message, wrote) or f"{message} ({type(error).__name__})"


REDUCTIONS = {"sum", "mean", "max", "min", "amax", "amin", "median", "prod", "std", "var", "norm"}
OPERATORS = {ast.MatMult: "@", ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**",
             ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.Eq: "=="}  # fmt: skip


def operations(node):
    """The operations of a statement as (the whole, left, sign, right), innermost first."""
    found = []
    for inner in ast.walk(node):
        match inner:
            case ast.BinOp(left, op, right) | ast.AugAssign(left, op, right) | ast.Compare(left, [op], [right]):
                if type(op) in OPERATORS:
                    found.append((inner, left, OPERATORS[type(op)], right))
    return reversed(found)


def misfit(operation, names, source):
    """What is wrong with the shapes of an operation's two sides, or None if they fit."""
    whole, left, sign, right = operation
    try:
        values = [eval(ast.unparse(side), dict(names)) for side in (left, right)]
        a, b = map(np.shape, values)
    except BaseException:
        return None
    if any(value is None or hasattr(value, "edges") for value in values):
        return None
    wrote = " ".join(ast.get_source_segment(source, whole).split())  # as it was typed, with its parentheses
    wrote = f"in {wrote}, the shapes are {a} {sign} {b}" if len(wrote) < 60 else f"the shapes are {a} {sign} {b}"
    if sign == "@":
        if not a or not b:
            return f"{wrote}: @ needs arrays, and one side is a single number."
        m, n = a[-1], b[-2:][0]
        if m != n:
            text = f"{wrote}. In a matrix product the inner numbers must be equal: {m} is not {n}."
            text += " (`@` is the matrix product; `*` multiplies entry by entry.)" * (a == b)
        elif fit(a[:-2], b[:-2]):
            return None
        else:
            text = f"{wrote}. The axes before the last two must agree: @ multiplies a matrix with a matrix in each."
        turned = any(getattr(side, "attr", "") == "T" and len(shape) > 2 for side, shape in ((left, a), (right, b)))
        return text + " (.T turns all axes round; .swapaxes(-1, -2) exchanges the last two.)" * turned
    if fit(a, b):
        return None
    text = f"{wrote}. Entry by entry, shapes must agree from the right: equal numbers, or a 1, or nothing."
    if "y" in (ast.unparse(left), ast.unparse(right)):
        return f"{text} y holds the digits themselves. Their one-hot rows, (B, 10), are np.eye(10)[y]."
    (short, side), (long, _) = sorted(((a, left), (b, right)), key=lambda pair: len(pair[0]))
    if short and short == long[:-1] and reduces(side, source):
        text += f" A sum or max with keepdims=True keeps {(*short, 1)}, which agrees."
    elif len(short) == 1 and short == long[:-1] and isinstance(side, ast.Name):
        text += f" `{side.id}[:, None]` has shape {(*short, 1)}, which agrees."
    if sign == "*" and len(a) == len(b) == 2 and (a[0] == b[0] or a[1] in b):
        text += " (`*` multiplies entry by entry; the matrix product is `@`.)"
    return text


def reduces(side, source):
    """Whether an expression, or what a name was last set to, sums or takes a maximum over an axis."""
    if isinstance(side, ast.Name):
        values = [
            node.value
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == side.id for t in node.targets)
        ]
        return bool(values) and reduces(values[-1], "")
    return any(
        isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in REDUCTIONS
        for node in ast.walk(side)
    )


def fit(a, b):
    try:
        np.broadcast_shapes(a, b)
    except ValueError:
        return False
    return True


def limit_memory(gigabytes):
    with suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        resource.setrlimit(resource.RLIMIT_AS, (int(gigabytes * 2**30),) * 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**28,) * 2)


def main():
    name, file, seed, result, seconds, memory = sys.argv[1:]
    exercise = BY_NAME[name]
    if not exercise.needs_torch:
        limit_memory(float(memory))
    # In an endless loop: report the line, and exit. (If that fails, the process that started this one ends it.)
    with open(result + ".stuck", "w") as stuck:
        faulthandler.dump_traceback_later(float(seconds), exit=True, file=stuck)
        outcome = run(exercise, file, int(seed))
        faulthandler.cancel_dump_traceback_later()
    with open(result, "w", encoding="utf-8") as opened:
        json.dump(outcome, opened)


if __name__ == "__main__":
    main()
