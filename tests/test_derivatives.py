"""Each lesson checks itself, and notices whatever goes wrong in a backward pass.

Every operation in every `backward` of the lessons is spoilt, one at a time: a sign changed, a term or a factor left
out, a product a little too large, a mean in place of a sum, a matrix not turned on its side. On the tape, every share.
"""

import ast
import re
import subprocess
import sys

import numpy as np
import pytest

from conftest import ROOT
from lab import planted

LESSONS = [  # what each needs, how many gradients it prints, and how far they may be from central differences
    ("mlp_np", "", 7, 1e-8),
    ("autograd_np", "mlp_np", 14, 1e-8),
    ("resnet_np", "mlp_np", 47, 1e-7),
    ("vit_np", "mlp_np resnet_np", 67, 1e-7),
]
# What changes no derivative: {file: {(as it is, as it then is)}}.
HARMLESS = {
    "mlp_np": {
        # a row's probabilities do not change if all its logits grow by the same number
        ("logits - logits.max(axis=1, keepdims=True)", "logits"),
        ("logits - logits.max(axis=1, keepdims=True)", "logits + logits.max(axis=1, keepdims=True)"),
        ("total[:, 0]", "total"),  # (B, 1) - (B,) is every pair of images, with the same mean
    },
    "resnet_np": {
        ("2 * pad", "2"),  # a border where none is needed, which is cut off again
    },
}


def spoil(node):
    """The nodes that could stand in this one's place by mistake."""
    yield from planted.slips(node)
    match node:
        case ast.BinOp(_, ast.MatMult(), _) | ast.Call(ast.Name("channel_sum" | "row_sum"), _):
            yield ast.BinOp(node, ast.Mult(), ast.Constant(1.001))


def spoilt(source):
    """(as it is, as it then is, the code of the whole file) for each way to spoil one operation of a backward pass."""
    tree = ast.parse(source)
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and re.match("backward|softmax_cross_entropy", function.name):
            yield from planted.spoilt(tree, function, spoil)


WALK = [
    ("dparent if parent.grad is None else parent.grad + dparent", "dparent"),  # = for +=
    ("dy.sum(axis=repeated, keepdims=True)", "dy.mean(axis=repeated, keepdims=True)"),
    ("np.add.at(da, index, dy)", "da[index] += dy"),
    ("key=lambda node: node.number", "key=lambda node: -node.number"),  # the oldest first
]


def spoilt_tape(source):
    """The code of autograd_np.py with one of its shares missing or a little too large, or a mistake in the walk."""
    tree = ast.parse(source)
    nodes = [*ast.walk(tree)]
    shares = [(node, "body") for node in nodes if isinstance(node, ast.Lambda) and ast.unparse(node.args) == "dy"]
    shares += [(node.body[-1], "value") for node in nodes if getattr(node, "name", "") == "share"]
    assert len(shares) == 18  # two for each of five operators, and eight operations on one array
    for node, field in shares:
        right = getattr(node, field)
        for factor in (0, 1.001):
            setattr(node, field, ast.BinOp(right, ast.Mult(), ast.Constant(factor)))
            yield ast.unparse(tree)
        setattr(node, field, right)
    for right, wrong in WALK:
        assert source.count(right) == 1
        yield source.replace(right, wrong)


def passes_its_check(code):
    file = {"__name__": "spoilt"}
    try:
        with np.errstate(all="ignore"):
            exec(code, file)
            file["check"]()
    except (SystemExit, Exception):
        return False
    return True


@pytest.mark.parametrize(("name", "needs", "rows", "most"), LESSONS)
def test_a_lesson_checks_itself_and_needs_only_earlier_ones(name, needs, rows, most, tmp_path):
    """It can be copied anywhere."""
    for file in (name, *needs.split()):
        (tmp_path / f"{file}.py").write_bytes((ROOT / f"{file}.py").read_bytes())
    result = subprocess.run([sys.executable, f"{name}.py"], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    _, *lines = result.stdout.splitlines()
    assert len(lines) == rows
    assert all(float(line.split()[-1]) < most for line in lines)


@pytest.mark.parametrize("name", ["mlp_np", "resnet_np", "vit_np"])
def test_a_file_notices_whatever_is_wrong_in_a_derivative(name):
    source = (ROOT / f"{name}.py").read_text(encoding="utf-8")
    assert passes_its_check(source)
    ways = list(spoilt(source))
    assert len(ways) > 10
    unnoticed = {(right, wrong) for right, wrong, code in ways if passes_its_check(code)}
    assert unnoticed == HARMLESS.get(name, set())


def test_the_tape_notices_a_share_or_a_walk_that_is_wrong():
    source = (ROOT / "autograd_np.py").read_text(encoding="utf-8")
    assert passes_its_check(source)
    for number, code in enumerate(spoilt_tape(source)):
        assert not passes_its_check(code), number
