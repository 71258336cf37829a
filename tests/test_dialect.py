"""Names and idioms that make a reader stop: none of their counts grows. See dialect.py."""

import ast
from collections import Counter

import dialect
import pytest

from conftest import ROOT, project_files

# {kind: how many there may be}. Where a counted name is the right word, the limit leaves room for it.
LIMITS = {
    "function: participle": 5,
    "function: preposition, adverb, quantifier": 5,
    "function: a claim that raises": 0,
    "parameter: participle, preposition, pronoun": 20,
    "local variable: participle, preposition, pronoun": 140,
    "local name hides one of its file": 3,
    "comprehension: nested, or two `for`": 20,
    "walrus": 5,
    "docstring begins with a question word": 5,
    "UserError that the docstring does not name": 5,
    "text or list times a boolean": 0,
    "for ... in (A if c else B)": 3,
    "slice by a condition": 0,
    "conditional in a conditional": 0,
    "parallel assignment": 60,
    "`and` as a statement": 0,
}


@pytest.mark.slow
def test_no_count_has_grown():
    """All files of the project are counted but the tests."""
    counts = Counter()
    for path in project_files():
        if path.endswith(".py") and not path.startswith("tests/"):
            counts.update(kind for kind, _ in dialect.iter_kinds(ast.parse((ROOT / path).read_text(encoding="utf-8"))))
    too_many = {kind: n for kind, n in counts.items() if n > LIMITS[kind]}
    assert not too_many, "`python tests/dialect.py --show KIND` lists them"


EXAMPLES = {
    "def told(x): pass": ["function: participle"],
    "def of(x): pass": ["function: preposition, adverb, quantifier"],
    "def has_heads(x):\n    raise ValueError": ["function: a claim that raises"],
    "def has_heads(x):\n    return True": [],
    "def draw(kept): pass": ["parameter: participle, preposition, pronoun"],
    "def draw(x):\n    found = x\n    return found": ["local variable: participle, preposition, pronoun"],
    "def scale(x): pass\ndef draw(x):\n    scale = x": ["local name hides one of its file"],
    "y = [[a for a in b] for b in c]": ["comprehension: nested, or two `for`"],
    "y = [a for b in c for a in b]": ["comprehension: nested, or two `for`"],
    "if (y := f()): pass": ["walrus"],
    'def draw(x):\n    """Whether x is red."""': ["docstring begins with a question word"],
    'def draw(x):\n    """Draw x."""\n    raise UserError("x")': ["UserError that the docstring does not name"],
    'def draw(x):\n    """Draw x. Raises UserError if it is red."""\n    raise UserError("x")': [],
    'y = "s" * (n > 1)': ["text or list times a boolean"],
    "for a in b if c else d: pass": ["for ... in (A if c else B)"],
    "y = a[:: 1 if b else -1]": ["slice by a condition"],
    "y = a if b else c if d else e": ["conditional in a conditional"],
    "a, b = 1, 2": ["parallel assignment"],
    "a, b = f()": [],
    "a and f()": ["`and` as a statement"],
}


@pytest.mark.parametrize(("code", "kinds"), EXAMPLES.items())
def test_what_is_counted(code, kinds):
    assert [kind for kind, _ in dialect.iter_kinds(ast.parse(code))] == kinds
