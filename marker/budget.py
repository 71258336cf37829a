"""Limit how much code may run by counting lines, not seconds: so it is stopped at the same point on every machine."""

import ast
import warnings
from functools import lru_cache

MAX_LINES = 20_000  # lines that a mistake may run; every right answer runs far fewer


def make_hidden_name(name):
    """Return a variable name for generated code that no learner can type, because it contains a space."""
    return f"size {name}"


SPEND_NAME = make_hidden_name("lines")


class Stopped(BaseException):
    """The budget of lines or memory is used up."""


class Budget:
    """A number of lines that may run in all, and a smaller `limit` for a single call, which can be renewed."""

    def __init__(self, lines):
        self.lines = self.limit = lines

    def spend(self, lines):
        """Subtract `lines` from the budget and return True, so that a call fits into a condition. Raises `Stopped`."""
        self.lines -= lines
        self.limit -= lines
        if self.limit < 0:
            raise Stopped
        return True


@lru_cache(4096)
def compile_with_budget(source):
    """Compile source code so that it counts the lines that it runs, and return the code object.

    The variable SPEND_NAME must be the method `spend` of a `Budget` when the code is run. The code raises `Stopped`
    when that budget is used up.
    """
    tree = ast.parse(source)
    add_spend_calls_in_place(tree)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # two mistakes together can make code such as 1(...)
        return compile(tree, "a mistake", "exec")


def add_spend_calls_in_place(tree):
    """Insert calls of SPEND_NAME, which count lines, into a syntax tree: in each loop, function and comprehension."""
    for node in list(ast.walk(tree)):
        if isinstance(node, (ast.For, ast.While, ast.FunctionDef)):
            node.body.insert(0, copy_location_from(node.body[0], ast.Expr(make_spend_call(len(node.body)))))
        elif isinstance(node, ast.comprehension):
            node.ifs.append(copy_location_from(node.iter, make_spend_call(1)))
        elif isinstance(node, ast.Lambda):
            node.body = copy_location_from(node.body, ast.BoolOp(ast.And(), [make_spend_call(1), node.body]))


def make_spend_call(lines):
    return ast.Call(ast.Name(SPEND_NAME, ast.Load()), [ast.Constant(lines)], [])


def is_spend_call(node):
    node = getattr(node, "value", node)
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == SPEND_NAME


def copy_location_from(old, new):
    """Give the node `new` the line and column of the node `old`, unless it has its own, and return it."""
    return ast.fix_missing_locations(ast.copy_location(new, old)) if not hasattr(new, "lineno") else new
