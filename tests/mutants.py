"""Mistakes that nobody chose: every operation of some code spoilt, one at a time, as a slip would spoil it.

A sign turned, a term or a factor left out, another axis, bound, comparison or norm, an array in the place of another of
its shape, a size that is taken from the data; in a program also a condition, or a part of one, forgotten.

    python tests/mutants.py support/rounding.py tests/support/test_run.py

spoils a file of the project, in a copy of it, in 20 places drawn at random, and says which of them the tests do not
notice. Further words are pytest's: -m "not slow", say.

    python tests/mutants.py support/sheet.py,support/ink.py tests/support --matrix found.json --number 100 -m "not slow"

runs all of these tests on each of the spoilt files, and says which tests notice nothing that no other notices, and for
each file which test notices something soonest. It takes a fork for each, after NumPy, PyTorch and pytest are imported.
Called again, it goes on with what found.json does not have yet.
"""

import argparse
import ast
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest

PROJECT = Path(__file__).resolve().parent.parent


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


def learners_slips(node, alike, sizes):
    """Those, and what else learners do.

    alike: {an array's name: the names of others of its shape}; sizes: {the name of a size: what could be taken for it}.
    """
    match node:
        case ast.BinOp(ast.SetComp()) | ast.AugAssign(op=ast.BitOr()):
            return  # sets of nodes: without these, a loop never ends
        case ast.Name(name, ast.Load()):
            yield from (ast.Name(other, ast.Load()) for other in alike.get(name, ()))
            yield from (ast.parse(code, mode="eval").body for code in sizes.get(name, ()))
        case ast.Call(ast.Attribute(_, "norm"), arguments, keywords):
            for order in ("1", "np.inf"):
                yield ast.Call(node.func, [*arguments, ast.parse(order, mode="eval").body], keywords)
        case ast.Call(ast.Name("range"), [*first, last], []):
            for end in (ast.BinOp(last, ast.Sub(), ast.Constant(1)), ast.BinOp(last, ast.Add(), ast.Constant(1))):
                yield ast.Call(node.func, [*first, end], [])
            if not first:
                yield ast.Call(node.func, [ast.Constant(1), last], [])
        case ast.Call(function, arguments, [ast.keyword("axis"), *others]):
            for axis in (0, 1):
                yield ast.Call(function, arguments, [ast.keyword("axis", ast.Constant(axis)), *others])
            if others:
                yield ast.Call(function, arguments, node.keywords[:1])
        case ast.Compare(left, [ast.Gt() | ast.GtE() | ast.Lt() | ast.LtE() as op], [right]):
            for other in (ast.Gt, ast.GtE, ast.Lt, ast.LtE):
                if not isinstance(op, other):
                    yield ast.Compare(left, [other()], [right])
        case ast.Slice(lower, upper, step):
            for by in (ast.Add(), ast.Sub()):
                yield ast.Slice(lower and ast.BinOp(lower, by, ast.Constant(1)), upper, step)
                yield ast.Slice(lower, upper and ast.BinOp(upper, by, ast.Constant(1)), step)
        case ast.Constant(int() as value) if not isinstance(value, bool):
            yield from (ast.Constant(value + 1), ast.Constant(value - 1))
        case ast.AugAssign(target, _, value):
            yield ast.Assign([target], value, lineno=0)
    yield from slips(node)


def contributors_slips(node):
    """Those, and what else is forgotten in a program: a part of a condition, a branch, a bound, what is left out of a
    list. Of a number that is a threshold, 127, say, one more or less would be no mistake."""
    match node:
        case ast.Constant(int() as value) if value > 2:
            return
        case ast.BoolOp(op, values):
            for i in range(len(values)):
                rest = [*values[:i], *values[i + 1 :]]
                yield ast.BoolOp(op, rest) if len(rest) > 1 else rest[0]
        case ast.UnaryOp(ast.Not(), inside):
            yield inside
        case ast.Compare(left, [ast.Eq() | ast.NotEq() as op], [right]):
            yield ast.Compare(left, [ast.NotEq() if isinstance(op, ast.Eq) else ast.Eq()], [right])
        case ast.Call(ast.Name("all" | "any" as name), arguments, []):
            yield ast.Call(ast.Name("any" if name == "all" else "all", ast.Load()), arguments, [])
        case ast.Call(ast.Name("abs" | "max" | "min" | "round" | "sorted"), arguments):
            yield from (argument for argument in arguments if not isinstance(argument, ast.Starred))
        case ast.comprehension(target, found, [_, *_], is_async):
            yield ast.comprehension(target, found, [], is_async)
        case ast.IfExp(_, body, orelse):
            yield from (body, orelse)
        case ast.If(_, body, orelse):
            yield ast.If(ast.Constant(False), body, orelse)
    yield from learners_slips(node, alike={}, sizes={})


def spoilt(tree, part, ways):
    """(line, as it is, as it then is, the code of the tree) for each way(node) to spoil a node of this part of it."""
    whole = ast.unparse(tree)
    for parent in list(ast.walk(part)):
        for field, child in ast.iter_fields(parent):
            for i, node in enumerate(children := child if isinstance(child, list) else [child]):
                if getattr(parent, "attr", "") in ("ndim", "shape"):  # of which arrays, does not matter
                    continue
                for wrong in ways(node):
                    setattr(parent, field, [*children[:i], wrong, *children[i + 1 :]] if child is children else wrong)
                    if (code := ast.unparse(tree)) != whole:
                        line = next((inner.lineno for inner in ast.walk(node) if hasattr(inner, "lineno")), 0)
                        yield line, ast.unparse(node), ast.unparse(wrong), code
                    setattr(parent, field, child)


def planted(exercise):
    """The answers that come of one slip in the right answer of an exercise."""
    g, tree = next(iter(exercise.draw_trials(0))), ast.parse(exercise.answer)
    arrays = {name: vars(g)[name] for name in exercise.takes if isinstance(vars(g).get(name), np.ndarray)}
    alike = {a: [b for b in arrays if b != a and np.shape(arrays[a]) == np.shape(arrays[b])] for a in arrays}
    whole = [f"{name}.max() + 1" for name, array in arrays.items() if array.dtype.kind == "i"]
    sizes = {name: whole for name in exercise.takes if type(vars(g).get(name)) is int}
    return {body for *_, body in spoilt(tree, tree, partial(learners_slips, alike=alike, sizes=sizes))}


def drawn(files, number, seed):
    """So many slips in these files, drawn at random: (file, line, as it is, as it then is, the code of the file)."""
    found = []
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for line, before, after, code in spoilt(tree, tree, contributors_slips):
            short = (part.partition("\n")[0] for part in (before, after))
            found.append((file.resolve().relative_to(PROJECT), line, *short, code))
    return random.Random(seed).sample(found, min(number, len(found)))


@contextmanager
def copied():
    """The folder of a copy of the project, which is there for as long as the context lasts."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        found = subprocess.run(listed, cwd=PROJECT, check=True, stdout=-1, encoding="utf-8").stdout
        for path in (path for path in found.split("\0") if (PROJECT / path).is_file()):
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / path, copy / path)
        yield copy


@contextmanager
def written(path, code):
    """Within it, that is what the file has."""
    before = path.read_text(encoding="utf-8")
    path.write_text(code, encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")


def survivors(file, tests, number, seed):
    """Spoil that many places of a file, one at a time, and yield (line, as it is, as it then is, do the tests pass?).

    SystemExit if the tests fail as the file is.
    """
    with copied() as folder:

        def failed(path, code):
            """What pytest says of the first test that fails; nothing if they pass."""
            command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
            with written(folder / path, code):
                try:
                    ended = subprocess.run(command, cwd=folder, stdout=-1, stderr=-2, encoding="utf-8", timeout=600)
                except subprocess.TimeoutExpired:
                    return "no end after 10 minutes"
            said = (line for line in ended.stdout.splitlines() if line.startswith(("FAILED", "ERROR")))
            return next(said, "no test was selected") if ended.returncode else ""

        as_it_is = ast.unparse(ast.parse(file.read_text(encoding="utf-8")))  # which has no comments
        if said := failed(file.resolve().relative_to(PROJECT), as_it_is):
            sys.exit(f"the tests should pass before anything is spoilt: {said}")
        for path, line, before, after, code in drawn([file], number, seed):
            yield line, before, after, not failed(path, code)


# --- Each slip against each test --------------------------------------------------------------------------------------


class Outcomes:
    """A plugin of pytest: {test: (the seconds it took, whether it failed)}."""

    def __init__(self):
        self.found = {}

    def pytest_runtest_logreport(self, report):
        seconds, failed = self.found.get(report.nodeid, (0, False))
        self.found[report.nodeid] = seconds + report.duration, failed or report.failed


def outcomes(folder, tests, most):
    """What `Outcomes` finds in a copy of the project, in a fork, which imports the project's own files there.

    {} if it did not end after `most` seconds, or if pytest could not collect the tests: then all have noticed.
    """
    result = folder.parent / "outcomes.json"
    result.unlink(missing_ok=True)
    if not (child := os.fork()):
        try:
            signal.alarm(most)
            run_in(folder, tests, result)
        finally:
            os._exit(0)  # whatever happens, only the parent goes on
    os.waitpid(child, 0)
    return json.loads(result.read_text(encoding="utf-8")) if result.exists() else {}


def run_in(folder, tests, result):
    """Run the tests in that copy of the project, and write what was found into the file `result`."""
    os.chdir(folder)
    sys.dont_write_bytecode = True  # it tells two versions of a file apart by second and size
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.path[:] = [str(folder), *(path for path in sys.path if not path.startswith(str(PROJECT / "tests")))]
    plugin, nowhere = Outcomes(), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    status = pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests], [plugin])
    if status in (0, 1):
        result.write_text(json.dumps(plugin.found))


def matrix(files, tests, number, seed, kept):
    """Fill the file `kept` with {"seconds": {test: as the code is}, "slips": {slip: the tests that notice it}}."""
    for name in ("hypothesis", "matplotlib.figure", "PIL.Image", "requests", "torch", "tqdm"):
        with suppress(ImportError):
            importlib.import_module(name)
    found = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {"seconds": {}, "slips": {}}
    with copied() as folder:
        now = outcomes(folder, tests, 3600)
        if not now or (failed := [test for test, (_, has_failed) in now.items() if has_failed]):
            sys.exit(f"the tests should pass before anything is spoilt: {failed[:3] if now else 'none ran'}")
        found["seconds"] = {test: round(seconds, 3) for test, (seconds, _) in now.items()}
        most = 60 + 5 * int(sum(found["seconds"].values()))
        for path, line, before, after, code in drawn(files, number, seed):
            slip = f"{path}:{line}  {before}  ->  {after}"
            if slip not in found["slips"]:
                with written(folder / path, code):
                    after = outcomes(folder, tests, most)
                noticed = [test for test, (_, has_failed) in after.items() if has_failed] if after else [*now]
                found["slips"][slip] = noticed
                (spare := kept.with_suffix(".part")).write_text(json.dumps(found, indent=1))
                spare.replace(kept)
                print(f"{len(noticed):4} of {len(now)} tests notice  {slip}", flush=True)
    return found


def report(found):
    """What the matrix says, in lines."""
    seconds, slips = found["seconds"], found["slips"]
    alive = [slip for slip, noticed in slips.items() if not noticed]
    yield f"{len(slips)} slips, {len(seconds)} tests, {sum(seconds.values()):.0f} s; {len(alive)} slips survive:"
    yield from (f"  {slip}" for slip in alive)
    alone = {noticed[0] for noticed in slips.values() if len(noticed) == 1}
    some = {test for noticed in slips.values() for test in noticed}
    spare = sorted(seconds.keys() - alone, key=lambda test: -seconds[test])
    nothing = len(seconds.keys() - some)
    yield f"{len(spare)} tests notice nothing that no other notices, {nothing} of them nothing at all:"
    yield from (f"  {seconds[test]:6.2f} s  {test}" for test in spare)
    for file in dict.fromkeys(slip.partition(":")[0] for slip in slips):
        counts = Counter(test for slip, noticed in slips.items() if slip.startswith(f"{file}:") for test in noticed)
        if counts:
            test = min(counts, key=seconds.get)
            yield f"{file}: soonest by {test}, {seconds[test]:.2f} s, {counts[test]} slips"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", metavar="file", help="which file to spoil; with --matrix, several with commas between")
    parser.add_argument("tests", nargs="+", help="the tests that should notice, as pytest takes them")
    parser.add_argument("--number", type=int, default=20, help="how many places (20)")
    parser.add_argument("--seed", type=int, default=0, help="which ones (0)")
    parser.add_argument("--matrix", type=Path, metavar="FILE.json", help="run each test on each slip, and keep it here")
    options, more = parser.parse_known_args()
    files = [*map(Path, options.files.split(","))]
    for file in files:
        if not (file.suffix == ".py" and file.resolve().is_relative_to(PROJECT) and file.exists()):
            parser.error(f"{file} is no Python file of the project")
    if options.matrix:
        found = matrix(files, options.tests + more, options.number, options.seed, options.matrix.resolve())
        print(*report(found), sep="\n")
        return
    if len(files) > 1:
        parser.error("several files need --matrix")
    alive = tried = 0
    for line, before, after, passed in survivors(files[0], options.tests + more, options.number, options.seed):
        print(f"{'SURVIVED' if passed else 'noticed '}  {files[0]}:{line}  {before}  ->  {after}", flush=True)
        alive, tried = alive + passed, tried + 1
    print(f"{alive} of {tried} survived")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the copy is removed
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted")
