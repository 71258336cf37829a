"""Runs what a learner wrote, in a process of its own: python -m exercises.runner NAME FILE SEED RESULT SECONDS.

It leaves a small JSON file, RESULT: what the functions returned, or what went wrong and in which line. Nothing that
the learner's file does can reach the process that marks it, except through that file.
"""

import ast
import builtins
import difflib
import faulthandler
import io
import json
import os
import re
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator, ValuesView
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import cache
from itertools import islice
from pathlib import Path
from types import ModuleType

import numpy as np

from exercises.catalogue import BY_NAME
from exercises.exercise import agree, tables
from exercises.tape import Misuse, Tensor, value_of

MEMORY = 8  # gigabytes; PyTorch alone takes more addresses than that
CLOCK = 4  # a loaded machine may take so many times as long as it computes
MOST_PRINTED = 2000  # characters of the learner's own prints
MOST_BYTES = 2**20  # of one result; every right one is far smaller
_, ERRORS, NAMES, _ = tables("said.md")


def load(file):
    """The names that a file defines. It is compiled here rather than imported, so that no stale .pyc is ever used."""
    text = Path(file).read_bytes()
    if b"\0" in text:
        raise SyntaxError("it is not saved as UTF-8: choose that encoding in your editor, under `Save as`")
    module = ModuleType("practice")
    module.__file__ = str(file)
    exec(compile(text, str(file), "exec"), vars(module))
    return module


def run(exercise, file, seed):
    """What became of one file, as plain data that JSON can hold."""
    printed, outcome = Printed(), {"trials": []}
    try:
        with redirect_stdout(printed), redirect_stderr(printed), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # PyTorch's, of a gradient that it has not kept
            stub = lines_of(exercise.stub)
            outcome["typed"] = "\n".join(line for line in lines_of(read(file)) if line not in stub)
            module = load(file)
            function = getattr(module, exercise.function.name, None)
            if exercise.case:
                outcome |= investigate(exercise, module, seed, changed=lines_of(read(file)) != stub)
            elif exercise.experiments:
                outcome["found"] = exercise.experiments(module, seed)
            elif not callable(function):
                outcome["missing"] = True
            else:
                for g in exercise.draw(seed):
                    outcome["trials"].append(call(exercise, function, g))
                if exercise.tool:
                    outcome["follows"] = follows(exercise, module, function, g)
    except BaseException as error:
        outcome["error"] = explain(error, str(file))
    return outcome | {"printed": printed.getvalue()}


def follows(exercise, module, function, g):
    """Whether the results come from the tool that they should come from: if its gradients double, do they follow?

    An error says yes: the function may compare its results with something.
    """
    with suppress(Exception), redirect_stdout(io.StringIO()), exercise.tool.doubled(module, g):
        results = call(exercise, function, g)["results"]
        wanted = exercise.tool.then(g)
        return all(
            agree(result.get("data"), wanted[name]) for name, result in zip(exercise.gives, results, strict=True)
        )
    return True


def read(file):
    return Path(file).read_text(encoding="utf-8-sig", errors="replace")


def lines_of(text):
    """A file's lines, but for the text at the top, a diagnosis and empty ones."""
    text = re.sub(r'\A""".*?"""', "", text, flags=re.DOTALL)
    return [line.rstrip() for line in text.splitlines() if line.strip() and not line.startswith("DIAGNOSIS")]


def investigate(exercise, module, seed, changed):
    """What became of a case: what the learner says, whether the cause is gone, and how well the program learns."""
    train = cache(module.train)
    said = getattr(module, "DIAGNOSIS", ...)
    said = "" if said is ... else said[:40] if isinstance(said, str) else f"of type {type(said).__name__}"
    try:
        fixed = bool(exercise.case.probe(module, np.random.default_rng(seed), train))
        accuracy = train() if fixed or changed else 0
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        if own_frame(error, module.__file__):
            raise  # the learner's own line is to blame
        return {"said": said, "unfit": plain(error)}
    if not hasattr(accuracy, "__float__"):
        return {"said": said, "unfit": "train() should return the test accuracy, as it did in the beginning."}
    return {"said": said, "fixed": fixed, "changed": changed, "accuracy": float(accuracy)}


class Printed(io.StringIO):
    def write(self, text):
        return super().write(text[: max(0, MOST_PRINTED - self.tell())]) if self.tell() < MOST_PRINTED else 0


def call(exercise, function, g):
    """The results of one trial, and the names of the inputs that were changed but should not have been."""
    given = exercise.given(g)
    before = {name: a.copy() for name, a in arrays_in(given).items() if name not in exercise.may_change}
    results = unpacked(function(*given.values()), [np.shape(getattr(g, name)) for name in exercise.gives])
    after = arrays_in(given)
    # To rounding: an entry that was moved by h and put back may have lost its last digit.
    changed = [name for name, a in before.items() if not agree(after.get(name), a)]
    return {"results": [describe(result) for result in results], "changed": changed}


def unpacked(results, shapes):
    """What a function has returned as a list of results: of several, whatever a caller could unpack."""
    several = isinstance(results, (tuple, list, Iterator, ValuesView))
    if isinstance(results, np.ndarray):  # one array is one result, unless it is made of all of them
        several = results.dtype == object or results.shape == (len(shapes), *shapes[0])
    return list(islice(results, 100)) if several and len(shapes) > 1 else [results]


def arrays_in(given):
    """The arrays among the inputs of a call, and those of its Tensors, by name."""
    found = {f"{name}.value" if isinstance(v, Tensor) else name: value_of(v) for name, v in given.items()}
    return {name: a for name, a in found.items() if isinstance(a, np.ndarray)}


def describe(value):
    """A result as plain data: an array with its numbers, or the name of what it is."""
    if isinstance(value, (float, np.generic)):
        value = np.asarray(value)
    if type(value) is not np.ndarray:
        return {"type": type(value).__name__}
    dtype = str(value.dtype.newbyteorder("="))
    about = {"type": "array", "dtype": dtype, "shape": value.shape}
    if value.dtype.kind in "biuf" and value.nbytes <= MOST_BYTES:
        about["data"] = value.astype(np.float64).tolist()
    return about


def explain(error, file):
    """The mark of an exception, and its text: the learner's own line, and the complaint in plain words."""
    line, wrote = None, ""
    if isinstance(error, SyntaxError) and error.filename == file:
        line, wrote = error.lineno, (error.text or "").strip()
        kinds = [f"unreadable {kind.__name__}" for kind in type(error).__mro__]
        end = "" if error.msg.endswith("?") else "."
        message = f"Python cannot read this line: {error.msg}{end} {advice(kinds, error.msg, wrote)}"
    elif found := own_frame(error, file):
        frame, line = found
        wrote = read(file).splitlines()[line - 1].strip()
        names = {**vars(builtins), **frame.f_globals, **frame.f_locals}
        message = misfit(read(file), line, names) or plain(error, names, wrote)
    else:
        message = plain(error)
    if re.match("[a-z]+ ", message):  # and not a name, such as f()
        message = message[:1].upper() + message[1:]
    where = f"Line {line}: {wrote}\n" if line else ""
    return {"name": getattr(error, "mark", f"error: {type(error).__name__}"), "text": where + message}


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


def plain(error, names=(), wrote=""):
    """An exception in words for people: `names` are those that its line knows, `wrote` is that line."""
    if isinstance(error, NameError) and not isinstance(error, UnboundLocalError):
        return unknown_name(getattr(error, "name", None) or "", names, wrote)
    message = re.sub(r"\S*<locals>\.", "", str(error).strip().split("\n")[0])[:300] or "no message"
    if isinstance(error, UnboundLocalError) and (found := re.search("'(.*?)'", message)):
        name = found[1]
        changed = re.search(rf"(?:^|; *){name} *[-+*/@]?=", wrote)  # and so, its old value is what is missing
        for word, beside, text in NAMES if changed else ():
            if name == word and beside in names:
                return f"`{name}` has no value yet. {text}"
    if isinstance(error, Misuse):
        return message
    kinds = [kind.__name__ for kind in type(error).__mro__] + ["PyTorch"] * ("torch" in names)
    return advice(kinds, message, wrote) or f"{message} ({type(error).__name__})"


def unknown_name(name, names, wrote):
    """What to say of a name that is not among `names`."""
    if wrote.startswith("DIAGNOSIS"):
        return f'Put it in quotes: "{name}".'
    for word, beside, text in NAMES:
        if name == word and (beside in names or not beside):
            return f"there is no `{name}` here. {text}"
    if hasattr(np, name) and name.islower():
        return f"there is no `{name}` here. Do you mean `np.{name}`?"
    variables = [n for n in names if not hasattr(builtins, n) and not isinstance(names[n], ModuleType) and n != name]
    known = {n.lower(): n for n in variables}
    near = difflib.get_close_matches(name.lower(), known, 1, 0.6)
    return f"there is no `{name}` here." + (f" Do you mean `{known[near[0]]}`?" if near else "")


OPERATORS = {ast.MatMult: "@", ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**",
             ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.Eq: "=="}  # fmt: skip


def misfit(source, line, names):
    """What is wrong with the shapes of two sides of an operation in this line, the innermost one's; or None."""
    for node in reversed(list(ast.walk(ast.parse(source)))):
        match node:
            case ast.BinOp(left, op, right) | ast.AugAssign(left, op, right) | ast.Compare(left, [op], [right]):
                if type(op) not in OPERATORS or not node.lineno <= line <= node.end_lineno:
                    continue
                try:
                    a, b = (np.shape(eval(ast.unparse(side), dict(names))) for side in (left, right))
                except BaseException:
                    continue
                sign = OPERATORS[type(op)]
                if a and b and (wrong := shapes_wrong(left, a, sign, right, b)):  # a single number has no shape
                    wrote = " ".join(ast.get_source_segment(source, node).split())  # as typed, with its parentheses
                    where = f"in {wrote}, the shapes are" if len(wrote) < 60 else "the shapes are"
                    return f"{where} {a} {sign} {b}. {wrong}"
    return None


def shapes_wrong(left, a, sign, right, b):
    """Why two arrays of these shapes do not fit as the sides of an operation; or None."""
    if sign == "@":
        m, n = a[-1], b[-2:][0]
        if m != n:
            text = f"In a matrix product the inner numbers must be equal: {m} is not {n}."
            text += " (`@` is the matrix product; `*` multiplies entry by entry.)" * (a == b)
        elif not fit(a[:-2], b[:-2]):
            text = "The axes before the last two must agree: @ multiplies a matrix with a matrix in each."
        else:
            return None
        turned = any(getattr(side, "attr", "") == "T" and len(shape) > 2 for side, shape in ((left, a), (right, b)))
        return text + " (.T turns all axes round; .swapaxes(-1, -2) exchanges the last two.)" * turned
    if fit(a, b):
        return None
    text = "Entry by entry, shapes must agree from the right: equal numbers, or a 1, or nothing."
    if "y" in (ast.unparse(left), ast.unparse(right)):
        ask = "what would a row look like that is 1 at the right digit and 0 elsewhere?"
        return f"{text} y holds the digits themselves: {ask}"
    short, long = sorted((a, b), key=len)
    if short == long[:-1]:
        text += f" {(*short, 1)} agrees: keepdims=True in a sum or max keeps that axis, and [..., None] adds it."
    if sign == "*" and len(a) == len(b) == 2 and (a[0] == b[0] or a[1] in b):
        text += " (`*` multiplies entry by entry; the matrix product is `@`.)"
    return text


def fit(a, b):
    with suppress(ValueError):
        np.broadcast_shapes(a, b)
        return True
    return False


def limit_memory(gigabytes):
    with suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        resource.setrlimit(resource.RLIMIT_AS, (int(gigabytes * 2**30),) * 2)


def limit_time(seconds, file):
    """Once it has computed for so long, report in which line, and exit. The function that ends this watch."""
    ended, began = threading.Event(), time.process_time()

    def watch():
        while not ended.wait(0.1):
            if time.process_time() - began > seconds:
                file.write("Timeout\n")
                file.flush()
                faulthandler.dump_traceback(file)
                os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    return ended.set


def main():
    name, file, seed, result, seconds = sys.argv[1:]
    exercise = BY_NAME[name]
    if not exercise.needs_torch:
        limit_memory(MEMORY)
    with open(result, "w", encoding="utf-8") as opened:
        # By the clock: for what waits, and for what lets no other thread run. (If that fails, the process that started
        # this one ends it.)
        faulthandler.dump_traceback_later(CLOCK * float(seconds), exit=True, file=opened)
        stop_watching = limit_time(float(seconds), opened)
        outcome = run(exercise, file, int(seed))
        faulthandler.cancel_dump_traceback_later()
        stop_watching()
        json.dump(outcome, opened)


if __name__ == "__main__":
    main()
