"""Count names and idioms that a Python engineer would not expect: `python tests/dialect.py [--show KIND] [FOLDER ...]`.

It reads every tracked Python file of a folder except tests. A count raises a question and is no verdict: `sorted` is a
good name for a function, and `told` is not. tests/test_dialect.py has a limit for each kind.
"""

import argparse
import ast
import re
import subprocess
from collections import defaultdict
from pathlib import Path

IRREGULAR = """told kept said begun drawn known shown seen found given made put taken written read moved held lost meant
    spent spoilt split left worn sent brought thrown felt built bent bound torn hidden chosen broken frozen spoken grown
    fallen shut shaken unread"""
FINE = "read run cut split set put hit feed need seed embed bed indeed fixed red thread load_seed speed"
PLACEMENT = """of at in_ by to within without apart near above below beside behind along ahead aside around over under
    between among inside outside now then here there back away together alone again up down off on out about across past
    upon everywhere further more most few least first last next both each"""
PRONOUNS = "one other some this that it them mine theirs ours others"
QUESTIONS = "what how why which where when whose who"
IRREGULAR, FINE, PLACEMENT = ({*words.split()} for words in (IRREGULAR, FINE, PLACEMENT))
VAGUE = {*PLACEMENT, *PRONOUNS.split(), *QUESTIONS.split()}
QUESTION_DOCSTRING = re.compile(r"(What|How|Where|Whether|Which|When|Who|Why|Those|The one)\b")
CLAIM = re.compile(r"(has|is|are|can|[a-z]+s)_")
COMPREHENSIONS = ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp
FUNCTIONS = ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda


def is_participle(name):
    name = name.lstrip("_")
    if "_" in name or name in FINE:
        return False
    return name in IRREGULAR or (name.endswith("ed") and len(name) > 4)


def is_vague(name):
    return is_participle(name) or name in VAGUE


def is_boolean(node):
    is_not = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    return isinstance(node, ast.Compare) or is_not


def iter_own_nodes(function):
    """Yield the nodes of a function's body, without those of functions inside it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, FUNCTIONS):
            yield child
            yield from iter_own_nodes(child)


def names_in_file(tree):
    """Return the names of the functions, classes and imports of a file."""
    names = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
    return names


def iter_function_kinds(function, file_names):
    """Yield (kind, node) for what is counted of a function's name, parameters, variables and docstring."""
    nodes = list(iter_own_nodes(function))
    raised = [node for node in nodes if isinstance(node, ast.Raise)]
    returns = any(isinstance(node, ast.Return) and node.value is not None for node in nodes)
    yields = any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in nodes)
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    docstring = ast.get_docstring(function) or ""
    if is_participle(function.name):
        yield "function: participle", function
    if function.name in PLACEMENT:
        yield "function: preposition, adverb, quantifier", function
    is_claim = CLAIM.match(function.name) and not function.name.startswith("process")
    if is_claim and raised and not returns and not yields:
        yield "function: a claim that raises", function
    for argument in function.args.args + function.args.kwonlyargs:
        if is_vague(argument.arg):
            yield "parameter: participle, preposition, pronoun", argument
    for name in stored:
        if is_vague(name):
            yield "local variable: participle, preposition, pronoun", function
    for _ in (stored & file_names) - {function.name}:  # an exercise is called after what it computes
        yield "local name hides one of its file", function
    if QUESTION_DOCSTRING.match(docstring):
        yield "docstring begins with a question word", function
    is_main = function.name == "main"  # whose UserError becomes the program's one line
    if any(raises_user_error(node) for node in raised) and "UserError" not in docstring and not is_main:
        yield "UserError that the docstring does not name", function


def raises_user_error(node):
    return isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name) and node.exc.func.id == "UserError"


def iter_kinds(tree):
    """Yield (kind, node) for everything in a file that is counted."""
    file_names = names_in_file(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("__"):
            yield from iter_function_kinds(node, file_names)
        elif isinstance(node, ast.NamedExpr):
            yield "walrus", node
        elif isinstance(node, COMPREHENSIONS):
            inner = [child for child in ast.walk(node) if isinstance(child, COMPREHENSIONS)]
            if len(inner) > 1 or len(node.generators) > 1:
                yield "comprehension: nested, or two `for`", node
        elif isinstance(node, ast.Assign):
            is_pair = isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple)
            if is_pair and len(node.targets[0].elts) == len(node.value.elts):
                yield "parallel assignment", node
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            for value, factor in ((node.left, node.right), (node.right, node.left)):
                is_text = isinstance(value, ast.Constant) and isinstance(value.value, str)
                if (is_text or isinstance(value, (ast.JoinedStr, ast.List, ast.Tuple))) and is_boolean(factor):
                    yield "text or list times a boolean", node
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            bounds = (node.slice.lower, node.slice.upper, node.slice.step)
            if any(isinstance(bound, ast.IfExp) for bound in bounds):
                yield "slice by a condition", node
        elif isinstance(node, ast.For) and isinstance(node.iter, ast.IfExp):
            yield "for ... in (A if c else B)", node
        elif isinstance(node, ast.IfExp):
            if sum(isinstance(child, ast.IfExp) for child in ast.walk(node)) > 1:
                yield "conditional in a conditional", node
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.BoolOp):
            yield "`and` as a statement", node


def count_kinds(folder):
    """Return {kind: its places, as "file:line"} of a folder."""
    places = defaultdict(list)
    tracked = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=folder, capture_output=True, text=True, check=False
    ).stdout
    names = tracked.split() or [str(path.relative_to(folder)) for path in Path(folder).rglob("*.py")]
    for name in names:
        if not re.search(r"(^|/)(tests?|node_modules)/|(^|/)(test_|conftest)", name):
            text = (Path(folder) / name).read_text(encoding="utf-8")
            for kind, node in iter_kinds(ast.parse(text)):
                places[kind].append(f"{name}:{node.lineno}")
    return places


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="*", default=["."])
    parser.add_argument("--show", metavar="KIND", help="list the places of a kind")
    arguments = parser.parse_args()
    for folder in arguments.folder:
        places = count_kinds(folder)
        print(folder)
        for kind in sorted(places):
            print(f"  {len(places[kind]):5}  {kind}")
        for place in places.get(arguments.show, []):
            print("  ", place)


if __name__ == "__main__":
    main()
