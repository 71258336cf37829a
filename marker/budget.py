"""Lines are counted, and not timed: so what may never end is stopped, and at the same place on every machine."""

import ast
import warnings
from functools import lru_cache

LINES = 20_000  # that a mistake may run; every right answer runs far fewer


def hide_name(name):
    """Return a name for code that we run, which no learner could type."""
    return f"size {name}"


SPEND = hide_name("lines")


class Stopped(BaseException):
    """The lines or the memory are used up."""


class Budget:
    """So many lines may run, and until they are topped up, no more than `limit` of them."""

    def __init__(self, lines):
        self.lines = self.limit = lines

    def spend(self, lines):
        """Count lines that run, and return True, so that a call of it can stand in a condition. Raises `Stopped`."""
        self.lines -= lines
        self.limit -= lines
        if self.limit < 0:
            raise Stopped
        return True


@lru_cache(4096)
def compile_with_budget(source):
    """Return the code object of a source that stops when it has run too many lines."""
    tree = ast.parse(source)
    insert_spend_calls(tree)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # 1(...), say, of two mistakes at once
        return compile(tree, "a mistake", "exec")


def insert_spend_calls(tree):
    """Put a call of SPEND into a tree, at the beginning of each loop's and function's body, and into comprehensions."""
    for node in list(ast.walk(tree)):
        if isinstance(node, (ast.For, ast.While, ast.FunctionDef)):
            node.body.insert(0, copy_location_from(node.body[0], ast.Expr(make_spend_call(len(node.body)))))
        elif isinstance(node, ast.comprehension):
            node.ifs.append(copy_location_from(node.iter, make_spend_call(1)))
        elif isinstance(node, ast.Lambda):
            node.body = copy_location_from(node.body, ast.BoolOp(ast.And(), [make_spend_call(1), node.body]))


def make_spend_call(lines):
    return ast.Call(ast.Name(SPEND, ast.Load()), [ast.Constant(lines)], [])


def is_spend_call(node):
    node = getattr(node, "value", node)
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == SPEND


def copy_location_from(old, new):
    """Return a new node with the lines and columns of an old one, unless it has its own."""
    return ast.fix_missing_locations(ast.copy_location(new, old)) if not hasattr(new, "lineno") else new
