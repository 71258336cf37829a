"""The single edits that the marker tries on a learner's lines: each turns a slip back, and has a row that needs it."""

import ast
import copy
import os
import re
import socket
import subprocess
import sys
import textwrap
import threading
import tracemalloc
from contextlib import closing
from functools import cache
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from conftest import PATIENCE, rows
from exercises.catalogue import BY_NAME
from marker.budget import Stopped
from marker.equal import agree
from marker.finder import FinderInput
from marker.finders import edits, repair, sometimes, typed, unread, values
from marker.finders.edits import apply_edit_temporarily, iter_edits, iter_edits_of_repeated_slips
from marker.kind import Attempt
from marker.verdict import PLACES, TYPED_MISTAKES, Verdict
from practice_answers import RIGHT as ANSWERS
from practice_answers import filled, not_searched

# A slip, what belongs there, and the rank and kind of the edit. a, b and the index i are given; B is a size. Of several
# between ", ", each of those on the right belongs in the place of each on the left.
EDITS = r"""
-a | a | 0 a sign
not a | a | 0 a condition
a > b, a < b, a >= b, a <= b, a == b, a != b | a > b, a < b, a >= b, a <= b, a == b, a != b | 1 a condition
a in b, a not in b, a is b, a is not b | a > b, a < b, a >= b, a <= b, a == b, a != b | 1 a condition
a > b | a > 0 | 0 a condition
a > b | a > i | 2 a condition
a > 0 | b | 2 a name
a or b | a | 1 a condition
a or b | a and b | 1 a condition
a if b else i | a | 1 a condition
a if b else i | i | 1 a condition
a if b else i | i if b else a | 1 a condition
f(a, flag=True) | f(a, flag=False) | 1 a constant
True | False | 1 a constant
False | True | 1 a constant
a + 3 | a + 2 | 1 a constant
a * 3 | a * B | 1 a constant
a * 3 | a * -1 | 1 a constant
a[0] | a[b] | 2 an index
f(a, 'ij,jk->ik') | f(a, 'ij,kj->ik') | 1 an axis
f(a, 'ij,jk->ik') | f(a, 'ij,jj->ik') | 1 an axis
f(a, 'ij,jk->ik') | f(a, 'ij,jk->k') | 1 an axis
a | b | 2 a name
a.T | a | 0 a transpose
a / b.size | a / B | 1 a size
a.value, a.grad, a.number | a.grad, a.number, a.value | 1 a name
a.value, a.grad, a.number | b | 2 a name
a.size | B | 1 a size
a[i] | a | 0 an index
a[i:] | a[:] | 1 an index
a[::b], a[i::b] | a[1::b] | 1 an index
a[i:] | a[i:1] | 1 an index
a[i:b] | a[1:-1] | 1 an index
a[i:b] | a[i + 1:b] | 1 an index
a[i:i + b] | a[i * b:i * b + b] | 1 an index
np.sin(a) | np.cos(a) | 1 a function
max(a, b) | min(a, b) | 1 a function
a | a * np.pi | 3 a factor
(1 - a) ** b | 1 - a ** b | 1 parentheses
b - a / i + 1 | b - a / (i + 1) | 1 parentheses
a / np.sqrt(2) * b | a / np.sqrt(2 * b) | 1 parentheses
np.sqrt(a * b) | np.sqrt(a) * b | 1 parentheses
a.reshape(b, -1) | a.reshape(-1, b).swapaxes(0, 1) | 1 a transpose
a[i:b] | a[i:b + -1] | 1 an index
a[i:b] | a[i + 1:b + 1] | 1 an index
a[:, i:] | a[:, 0:] | 1 an index
a[i:i + b] | a[b:b + b] | 1 an index
a[i] | a[i + -1] | 1 an index
a[i] | a[0] | 1 an index
a[0, i] | a[:, i] | 1 an index
a[i, b] | a[b, b] | 1 an index
a[0] | a.sum(0) | 1 a sum
a[:, 0] | a.sum(1) | 1 a sum
a[0] | a[:, None] | 1 an index
np.maximum.at(a, b, i) | np.add.at(a, b, i) | 1 a function
a.cumprod() | a.cumsum() | 1 a function
f((a, b)) | f((b, a)) | 1 an order
f([a, b]) | f([b, a]) | 1 an order
f(a) | b | 2 a name
f(a) | f(a.swapaxes(-1, -2)) | 3 a transpose
a @ b | a.swapaxes(-1, -2) @ b | 1 a transpose
f(3) | f(3 / B) | 3 a factor: of a size
a + b | a - b | 1 a sign
a - b | a + b | 1 a sign
a + b, a - b | a * b, a / b | 1 an operation
a * b | a + b, a - b, a / b, a @ b | 1 an operation
a / b | a + b, a - b, a * b, a @ b | 1 an operation
a @ b | a + b, a - b, a * b, a / b | 1 an operation
a ** b, a // b, a % b | a + b, a - b, a * b, a / b, a @ b | 1 an operation
a * b | (a > 0) * b, a * (b > 0) | 1 a mask
a + b, a - b | a, b | 0 a term
a * b, a / b, a // b, a % b | a, b | 0 a factor
a ** b | a, b | 0 an exponent
a - b | b - a | 1 a sign
a / b | b / a | 1 an operation
a // b | b // a | 1 an operation
a @ b | b @ a | 1 a transpose
(a + b) * i | a + b * i | 1 parentheses
a * (b + i) | a * b + i | 1 parentheses
a * (b + i + 3) | a * b + i + 3 | 1 parentheses
(a + (b + i)) * 3 | a + (b + i * 3) | 1 parentheses
np.exp(a) - np.exp(b) | np.exp(a - b) | 1 parentheses
np.sqrt(a) / np.sqrt(b) | np.sqrt(a / b) | 1 parentheses
a.copy() | a | 0 a copy
a.copy() | np.zeros_like(a) | 1 a term
a.reshape(3) | a | 0 a transpose
a.reshape(3) | a.reshape(2) | 1 a constant
a.swapaxes(0, 1) | a.swapaxes(0, 2) | 1 a transpose
np.tanh(a) | a | 0 a function
np.log(a) | np.exp(a) | 1 a function
a.sum() | a.sum(axis=0) | 1 an axis
a.sum(axis=0) | a.sum(axis=0, keepdims=True) | 2 an axis
a.sum() | a.sum(axis=-1, keepdims=True) | 2 an axis
np.sum(a, axis=0) | np.sum(a, axis=1) | 1 an axis
a.prod(axis=0) | a.sum(axis=0, keepdims=True) | 2 a function
np.exp(-a) | -np.exp(a) | 1 a sign
a.reshape(3) | a.T | 1 a transpose
np.roll(a, 1) | np.roll(a, 1, axis=1) | 1 an axis
np.tri(3) | np.tri(3, k=-1) | 1 an index
np.exp(a) | np.exp(a - a.max(axis=-1, keepdims=True)) | 1 exp
len(a) | B | 1 a size
range(3), range(b, i), range(b, i, 2) | range(B) | 1 a loop
range(i) | range(i + 1), range(i + -1), range(1, i) | 1 a loop
range(b, i) | range(b, i + 1), range(b, i + -1), range(i), range(1, i) | 1 a loop
range(b, i, 2) | range(b, i + 1, 2), range(b, i + -1, 2), range(0, i, 2), range(1, i, 2) | 1 a loop
f(a, b) | f(b, a) | 1 an order
a.sum(dtype=int) | a.sum() | 0 a type
f(a) | f(-a) | 3 a sign
a | -a | 3 a sign
a | a / B | 3 a factor: of a size
a | a * B | 3 a factor: of a size
a | a * 2 | 3 a factor
a | a * 0.5 | 3 a factor
f[a] | f[b[a]] | 4 an index
a | a * (b > 0) | 3 a mask
a | a + b | 3 a term
a | a - b | 3 a term
a | a * b | 3 a factor
a | a / b | 3 a factor
a | 1 - a | 3 a sign
a | np.sqrt(a) | 3 a missing function
a | np.square(a) | 3 a missing function
a | np.exp(a) | 3 a missing function
a | np.log(a) | 3 a missing function
a | np.abs(a) | 3 a missing function
a | a.copy() | 3 a copy
a | a.sum(None) | 3 a sum
a | a.sum(0) | 3 a sum
a | a.sum(-1) | 3 a sum
a | a.mean(None) | 3 a sum
a | a.mean(0) | 3 a sum
a | a.mean(-1) | 3 a sum
a | a.cumsum(-1) | 3 a sum
a | a / a.sum(axis=-1, keepdims=True) | 3 a sum
a | a[:, None] | 3 an axis
a | a[..., None] | 3 an axis
a | a[::-1] | 3 an order
"""

STATEMENTS = r"""
a = b | a += b | 1 an assignment
a += b | a = b | 1 an assignment
a += b | a *= b | 1 an operation
a += b | a -= b | 1 a sign
a += b | a = a + b | 1 a copy
a.b += i | a.b = a.b + i | 1 a copy
a[i] += b | np.add.at(a, i, b) | 1 an index that occurs twice
a[i] = 0 | a[i] = 0; b[i] = 0 | 3 a mask
c = b; a[i] = 0 | c = b; a[i] = 0; c[i] = 0 | 3 a mask
a[i] == b | a[i] = b | 1 an assignment
a[i] = b | a[i] -= b | 1 an assignment
if a: b = i | if not a: b = i | 1 a condition
a = b; b = i | b = i; a = b | 1 the order of lines
a = b; b = i | b = i | 2 a line
c = b; return a | c = b; return c | 2 a name
for k in range(b): a += b[0] | for k in range(b): a += b[k] | 2 an index
a = 0\nfor i in b:\n    a += i | for i in b:\n    a = 0\n    a += i | 1 a line in the loop
a = b * b | a = i * i | 2 a name
for i in b:\n    a = 0\n    a += i | for i in b:\n    a = 0\na += i | 1 a line in the loop
for i in b:\n    a = 0\n    a += i | a = 0\nfor i in b:\n    a += i | 1 a line in the loop
b = i\nfor i in b:\n    a = 0\n    a += i\nreturn a | \
b = i\na = 0\nfor i in b:\n    a += i\nreturn a | 1 a line in the loop
b = i\nfor i in b:\n    a = 0\n    a += i\nreturn a | \
b = i\nfor i in b:\n    a = 0\na += i\nreturn a | 1 a line in the loop
for i in b:\n    a = 0\na += i | for i in b:\n    a = 0\n    a += i | 1 a line in the loop
"""


def edits_in(lines):
    source = f"def f(a, b, i):\n{textwrap.indent(lines, '    ')}"
    function = ast.parse(source).body[0]
    return function, [*iter_edits(function, source, "", ("a", "b", "i"), ["B"])]


def with_each(edits, function):
    """(an edit, the lines with it) for each of these edits of a function."""
    for edit in edits:
        with apply_edit_temporarily(edit):
            yield edit, written(function.body)


@cache
def edited(lines):
    """{(rank and kind, the lines with one edit)}; said.md asks something of each kind, at a place in the lines."""
    function, edits = edits_in(lines)
    for edit in edits:
        first, column, last, end = edit.place
        assert edit.kind in PLACES and (first, column) < (last, end)
    return {(f"{edit.rank} {edit.kind}", text) for edit, text in with_each(edits, function)}


def written(statements):
    text = "\n".join(map(ast.unparse, statements)).replace("size B", "B")
    return "\n".join(line for line in text.splitlines() if line.strip() != "pass")


def test_each_slip_of_an_expression_is_turned_back():
    assert not not_turned_back(slips_of_expressions())


def slips_of_expressions():
    """[(a slip, what belongs there, rank and kind)] of EDITS."""
    slips = []
    for row in rows(EDITS):
        *sides, kind = row.values
        pairs = product(*map(expressions, sides))
        slips += [(slip, belongs, kind) for slip, belongs in pairs if slip != belongs]
    return slips


def expressions(code):
    """The expressions between the commas, as Python writes them."""
    tree = ast.parse(code, mode="eval").body
    return [ast.unparse(item) for item in (tree.elts if isinstance(tree, ast.Tuple) else [tree])]


def not_turned_back(slips):
    """Those of these slips that no edit turns back."""
    return [slip for slip in slips if (slip[2], f"return {slip[1]}") not in edited(f"return {slip[0]}")]


@pytest.mark.parametrize("name", ["SLIPS", "LOOPS", "MISSING"])
def test_no_row_of_the_tables_can_be_left_out(name, monkeypatch):
    table, slips = getattr(edits, name), slips_of_expressions()
    for row in table:
        monkeypatch.setattr(edits, name, [other for other in table if other is not row])
        edited.cache_clear()
        concerned = [slip for slip in slips if may_turn_back(row, *slip)]
        assert not_turned_back(concerned), (ast.unparse(row.slip), ast.unparse(row.belongs))
    edited.cache_clear()


def may_turn_back(row, slip, belongs, edit):
    """Whether a row may turn a slip back; those of what is missing fit every slip, and are tried on two."""
    if not edit.endswith(f" {row.kind}"):
        return False
    if isinstance(row.slip, ast.Name):
        return slip in ("a", "f[a]")
    return edits.match_pattern(row.slip, ast.parse(slip, mode="eval").body, {})


def test_each_slip_of_a_statement_is_turned_back():
    for row in rows(STATEMENTS):
        slip, belongs, kind = (text.replace("\\n", "\n") for text in row.values)
        assert (kind, written(ast.parse(belongs).body)) in edited(slip), (slip, belongs)


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_each_edit_of_a_statement_is_code_that_runs_and_leaves_the_lines_as_they_were():
    for row in rows(STATEMENTS):
        function, edits = edits_in(row.values[0].replace("\\n", "\n"))
        before = ast.dump(function, include_attributes=True)
        for edit in [*edits, *iter_edits_of_repeated_slips(edits)]:
            if edit.rank < 3:
                with apply_edit_temporarily(edit):
                    in_a_loop = ast.While(ast.Constant(True), copy.deepcopy(function.body), [])  # for `break`
                    whole = ast.FunctionDef("f", function.args, [in_a_loop], [])
                    compile(ast.fix_missing_locations(ast.Module([whole], [])), "edited", "exec")
        assert ast.dump(function, include_attributes=True) == before, row.values[0]


def test_a_number_is_no_mask_and_a_sum_no_matrix():
    assert not [text for _, text in edited("return 3 * a") if "3 > 0" in text]
    assert not [text for _, text in edited("return a + b") if "a @ b" in text]


def test_no_row_puts_an_expression_in_its_own_place():
    for slip in ("a > b", "True", "range(a)", "a * b", "a.grad"):
        texts = [text for _, text in edited(f"return {slip}")]
        assert f"return {slip}" not in texts and len(texts) > 1, slip


def test_a_step_of_a_loop_is_no_end():
    assert not [text for _, text in edited("return range(i, b, 2)") if re.search(r"range\((i, |1, )?[23]\b", text)]


def test_no_line_is_said_to_come_before_one_that_makes_it_idle():
    for lines in ("a = b\na = i", "a = b\nreturn i"):
        assert "1 the order of lines" not in {kind for kind, _ in edited(lines)}


def test_a_counter_is_put_in_as_an_index_alone_and_a_list_that_grows_nowhere():
    """A sum of what is counted is hardly meant; a list that is appended to itself has no end."""
    for line in ("c.append(a)", "c += [a]"):
        found = {text.splitlines()[-1] for _, text in edited(f"c, d = [], a\nfor k in range(3):\n    {line}\nreturn b")}
        names = {name for text in found for name in re.findall(r"\b[a-zB]\b", text)}
        assert names == {"a", "b", "d", "i", "B"}, names


def test_what_a_condition_asks_is_known_however_deep_it_is():
    _, edits = edits_in("return [1 for i in a if not b[i + 7] > 8] if a * 9 else 2")
    old = [(edit.holder[edit.key], edit.is_in_test) for edit in edits]
    numbers = {(node.value, is_in_test) for node, is_in_test in old if isinstance(node, ast.Constant)}
    assert numbers == {(1, False), (7, True), (8, True), (9, True), (2, False)}


def test_one_slip_in_several_places_is_turned_back_in_all_of_them():
    def turned_back(lines):
        function, edits = edits_in(lines)
        return [(edit.kind, text) for edit, text in with_each(iter_edits_of_repeated_slips(edits), function)]

    assert ("an index", "return a[i] * b[i]") in turned_back("return a[i + 1] * b[i + 1]")
    powers = "return (1 - a) ** b + (1 - i) ** b"
    assert ("parentheses", "return 1 - a ** b + (1 - i ** b)") in turned_back(powers)
    assert ("a function", "return a.sum() + b.sum()") in turned_back("return a.mean() + b.mean()")
    for lines, several in (
        ("return a[i + 1] * b[i - 1]", "return a[i] * b[i]"),  # another slip in each
        ("return a[i + 1] * (i + 1)", "return a[i] * i"),  # of another kind
        ("return f(a) + f(a)", "return f(-a) + f(-a)"),  # what is missing
    ):
        assert several not in {text for _, text in turned_back(lines)}
    assert not [
        *iter_edits_of_repeated_slips([*edits_in("return i + 1")[1], *edits_in("return i + 1")[1]])
    ]  # of two functions


def test_what_is_tried_touches_nothing_outside_and_other_threads_go_on(tmp_path):
    """The browser's tests have a server in the marker's own process: it must answer while edits are tried."""
    begun, over, served = threading.Event(), threading.Event(), []

    def serve():
        begun.wait()
        with socket.socket() as opened:
            served.append(opened)
        over.set()

    (other := threading.Thread(target=serve)).start()
    with repair.suppress_side_effects():
        with repair.suppress_side_effects():
            pass  # it ends, and the outer one goes on
        begun.set()
        assert over.wait(PATIENCE)
        assert Path(__file__).read_text(encoding="utf-8") and eval("1 + 1") == 2  # to read and to compute is allowed
        for outside in (
            socket.socket,
            lambda: (tmp_path / "file").write_text("x"),
            lambda: (tmp_path / "folder").mkdir(),
            lambda: subprocess.run([sys.executable, "-V"], check=True),
        ):
            with pytest.raises(PermissionError):
                outside()
    other.join()
    assert served and not any(tmp_path.iterdir())
    with socket.socket():
        pass  # allowed again


# A slip, what each of several edits makes of it, and what is then said: a kind, the lines, and the part of a line.
DESCRIBED = r"""
return a * (b + 1) | return a * (b + 0) & return a * b | a term | 2 | b + 1
return a * b | return b * b & return a / b | a name | 2 | a
return f(a, b) + i | return f(i, b) + i & return f(a, i) + i | a name | 2 | f(a, b)
return f('ü', -a) + b | return f('ü', a) + b | a sign | 2 | -a
return f(\na, -b) | return f(a, b) & return f(-b, a) | a sign | 3 | -b
return (a +\n-b) * i | return (a + b) * i & return (b + -b) * i | a sign | 2, 3 | a + -b
c = a\nreturn c * b | c = b\nreturn c * b & c = a\nreturn c + b | an operation | 2, 3 | -
return b * a[i + 1] + b[i + 1] | return b * a[i] + b[i] | an index | 2 | b * a[i + 1] + b[i + 1]
return a.one_of_the_long_names + b.another_of_the_long_names | return a.one_of_the_long_names | a term | 2 | \
+ b.another_of_the_long_names
return a.one_of_the_long_names + b.another_of_the_long_names | return b.another_of_the_long_names | a term | 2 | \
a.one_of_the_long_names +
return (b + a[i + 1])[i + 1] | return (b + a[i])[i] | an index | 2 | (b + a[i + 1])[i + 1]
c = a[i + 1]\nreturn b[i + 1] * c | c = a[i]\nreturn b[i] * c | an index | 2, 3 | -
return f('a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h i j k l m n o p', a, b) | \
return f('a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h i j k l m n o p', b, a) | an order | 2 | \
f('a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e f g h i j k l m n o ...
"""


def test_what_is_said_of_several_edits_is_the_smallest_part_with_all_of_them():
    for row in rows(DESCRIBED):
        slip, belong, kind, lines, part = (text.replace("\\n", "\n") for text in row.values)
        function, edits = edits_in(slip)
        made_of = {
            text: edit for edit, text in with_each([*iter_edits_of_repeated_slips(edits), *edits][::-1], function)
        }
        several = [made_of[written(ast.parse(one).body)] for one in belong.split(" & ")]
        source = f"def f(a, b, i):\n{textwrap.indent(slip, '    ')}"
        found = repair.make_place(several, source, ["y", "x"])
        assert (found.kind, found.part or "-") == (kind, part), slip
        assert ", ".join(map(str, found.lines)) == lines and found.result_names == ["x", "y"]
        assert found.needs_all_lines == bool(several[0].also)


def test_the_first_trial_in_which_an_answer_is_wrong_comes_first():
    trials = repair.SearchInputs([None] * 3, [{"dz1"}, set(), {"dz1"}], [])
    trial = repair.EditSearch(BY_NAME["dz1"], None, [], trials)
    assert trial.order == [1, 0, 2]
    short = repair.SearchInputs([None] * 4, [{"dz1"}, {"dz1"}], [])  # an error ended the third
    trial = repair.EditSearch(BY_NAME["dz1"], None, [], short)
    assert trial.order == [2, 0, 1, 3] and trial.right_before == set() and trial.right_before_in == [{"dz1"}] * 4


def test_what_an_edit_keeps_is_counted_from_the_third_turn_of_a_loop_on():
    trial, kept = repair.EditSearch(BY_NAME["dz1"], None, [], repair.SearchInputs([None], [set()], [])), []
    trial.turns = 0
    try:
        with pytest.raises(Stopped):
            for _ in range(9):
                trial.spend(1)
                kept.append(np.empty(repair.MAX_MEMORY_BYTES // 16))  # half of it
    finally:
        tracemalloc.stop()
    assert len(kept) == 4


def test_an_edit_gains_if_it_spoils_nothing_and_half_of_what_it_changes_is_right():
    right, far = np.arange(1.0, 9), np.arange(1.0, 9) + 20

    def gain(before, after, right=right):
        found = repair.Gain()
        found.add(repair.Numbers(right, before, after))
        return found.is_net_gain, found.is_beyond_chance

    first = np.arange(8) < 4
    assert gain(far, np.where(first, right, far + 1)) == (True, True)  # 4 of 8 that it changes
    assert gain(-far, np.where(first, -right * (1 + 1e-13), -far - 1), -right) == (True, True)
    assert gain(far, np.where(np.arange(8) < 3, right, far + 1)) == (False, False)
    assert gain(np.where(first, right, far), np.where(first, far, right)) == (False, False)  # others are wrong now
    tiny = 1e-14 * right, 1e-14 * far
    assert gain(tiny[1], np.where(first, *tiny), tiny[0]) == (True, True)  # what is near is a share of the largest
    assert gain(far, far) == (False, False) and gain(far, 0 * right, 0 * right) == (True, False)  # zeros, by chance
    for trials, is_gain in (
        ([(far, right), (right, far)], False),
        ([(right, far), (far, right)], False),
        ([(far, far + 1), (far, right)], True),  # 8 of 16
        ([(far, far + 1), (far, np.where(first, right, far + 1))], False),
        ([(far, np.where(np.arange(8) == n, right, far)) for n in range(4)], True),
    ):
        found = repair.Gain()
        for before, after in trials:
            found.add(repair.Numbers(right, before, after))
        assert found.is_beyond_chance == is_gain


# A place, its verdict's mark, and what is said below the first line of the verdict's text.
SIGN = "If this grows, should the result rise or fall?"
PLACE = repair.MistakePlace("a sign", [3], "b + 1", ["m", "p", "s"], False)
RIGHT = "all your numbers would be right."
SUM = "Does a sum or a mean belong here, and what should it run over?"
PLACES_SAID = [
    (PLACE, "a sign", f"Line 3, `b + 1`: with this part different, {RIGHT} {SIGN}"),
    (PLACE._replace(part=""), "a sign", f"Line 3: with one part of it different, {RIGHT} {SIGN}"),
    (PLACE._replace(part="", needs_all_lines=True, result_names=["p"]), "a sign",
     f"Line 3: with several parts of it different, p would be right. {SIGN}"),
    (PLACE._replace(part="", lines=[3, 5], result_names=["m", "s"]), "a sign",
     f"Lines 3 and 5: with one of them different, m and s would be right. {SIGN}"),
    (PLACE._replace(part="", lines=[3, 6], needs_all_lines=True), "a sign",
     f"Lines 3 and 6: with each of them different, {RIGHT} {SIGN}"),
    (PLACE._replace(effect="nearer"), "a sign",
     f"Line 3, `b + 1`: with this part different, your numbers would be much nearer. {SIGN}"),
    (PLACE._replace(effect="more right", result_names=[]), "a sign",
     f"Line 3, `b + 1`: with this part different, more of your numbers would be right. {SIGN}"),
    (PLACE._replace(effect="not nearer"), "a sign", f"Look at line 3, `b + 1` first. {SIGN}"),
    (PLACE._replace(kind="a factor: of a size"), "a factor",
     f"Line 3, `b + 1`: with this part different, {RIGHT} "
     "How many times does this factor occur: once, or once for each image, unit or entry?"),
    (PLACE._replace(kind="a sum"), "a sum",
     f"Line 3, `b + 1`: with this part different, {RIGHT} "
     "Print it for a small case. What comes out, and what should come out?"),
    (PLACE._replace(kind="a sum", part="b.sum(0)"), "a sum",
     f"Line 3, `b.sum(0)`: with this part different, {RIGHT} {SUM}"),
]  # fmt: skip


def asked_about(place, mark="not right", exercise="adamw", **notes):
    """What the finders get once a place is found."""
    outcome = SimpleNamespace(notes=SimpleNamespace(**{"trials": []} | notes))
    finder_input = FinderInput(
        Attempt(BY_NAME[exercise], 0, None, "", None), outcome, Verdict(False, mark, "p is wrong.\nBy 3.")
    )
    finder_input.place, finder_input.departure_verdict = place, None
    return finder_input


def test_what_is_said_of_a_place():
    for place, mark, said in PLACES_SAID:
        found = repair.judge_mistake_place(asked_about(place))
        assert found.text == f"p is wrong.\n{said}" and (found.passed, found.name, found.drawn) == (False, mark, True)
        *_, question = re.split(r"(?<=[.:]) (?=[A-Z])", said, maxsplit=1)
        where = said.removeprefix("Look at ").partition(":")[0].removesuffix(f" first. {SIGN}")
        assert found.question == f"{where[0].upper()}{where[1:]}. {question}"
    product = repair.judge_mistake_place(asked_about(PLACE._replace(kind="a sum"), exercise="da1"))
    assert SUM in product.text


def test_an_edit_that_comes_nearer_says_less_than_the_line_up_to_which_all_is_right():
    finder_input = asked_about(PLACE._replace(effect="nearer"))
    finder_input.departure_verdict = finder_input.verdict
    assert repair.judge_mistake_place(finder_input) is None
    finder_input.place = PLACE
    assert repair.judge_mistake_place(finder_input)
    finder_input.place = None
    assert repair.judge_mistake_place(finder_input) is None


def test_an_input_that_is_changed_is_named_with_the_place():
    trials = [{"changed": []}, {"changed": ["dp", "old_p"]}]
    found = repair.judge_mistake_place(asked_about(PLACE, mark="changes its input", trials=trials))
    assert found.name == "a copy" and found.text == (
        "p is wrong.\nLine 3, `b + 1`: with this part different, dp and old_p would stay as before. "
        "Does this make a new array, or change an existing one?"
    )


def test_the_other_of_two_mistakes_is_named_unless_it_explains_some_trials_alone(monkeypatch):
    third, other = BY_NAME["adamw"].known_mistakes[:2]
    place = PLACE._replace(remaining_mistake=other.name)
    for explanation, is_said in (
        (sometimes.Explanation("p", other, False), False),
        (sometimes.Explanation("p", other, True), True),
        (sometimes.Explanation("p", third, False), True),
        (None, True),
    ):
        monkeypatch.setattr(sometimes, "find_likeliest_explanation", lambda _, found=explanation: found)
        found = repair.judge_mistake_place(asked_about(place))
        assert bool(found) == is_said, explanation
    also = f"The other: {other.name}. {other.beside}"
    assert found.text == f"p is wrong.\nTwo mistakes, it seems. Line 3, `b + 1`. {SIGN}\n{also}"
    assert found.question == f"Line 3, `b + 1`. {SIGN} {also}"
    assert (found.passed, found.name, found.drawn) == (False, f"a sign, and {other.name}", True)


def test_a_shape_with_an_axis_of_length_one_too_many_is_asked_about_its_axes():
    right = BY_NAME["da1"].draw_trials(0)[0].da1.shape

    def named(*shapes):
        trials = [{"results": [{"shape": shape} if shape else {}], "changed": []} for shape in shapes]
        return repair.judge_mistake_place(asked_about(PLACE._replace(kind="a sum"), exercise="da1", trials=trials)).name

    second = BY_NAME["da1"].draw_trials(0)[1].da1.shape
    assert named((*right, 1)) == named((1, *right)) == named(right, (second[0], 1, second[1])) == "an axis"
    assert named(right) == named((*right, 2)) == named(right[::-1]) == named(None) == named() == "a sum"
    assert named(right[:1], (*second, 1)) == "a sum"  # the first wrong one counts
    draw = SimpleNamespace(x=np.zeros((2, 1, 3)), y=np.zeros(4))
    exercise = SimpleNamespace(gives=("x", "y"), draw_trials=lambda seed: [draw] * 2)
    for shapes, is_right in (
        ([(2, 3)], True),
        ([(2, 3, 1), (5,)], True),
        ([(3, 2), (4,)], False),
        ([(2, 1, 3), (1, 4)], True),
        ([(2, 1, 3), (4, 4)], False),
        ([(2, 1, 3), (4,)], False),
    ):
        notes = SimpleNamespace(trials=[{"results": [{"shape": [*shape]} for shape in shapes]}])
        of_two = SimpleNamespace(exercise=exercise, seed=0, outcome=SimpleNamespace(notes=notes))
        assert repair.is_shape_right_if_squeezed(of_two) == is_right, shapes


def edit_to(lines, belong):
    """The edit of these lines that makes them those that belong there."""
    function, edits = edits_in(lines)
    with closing(with_each(edits, function)) as each:
        return next(edit for edit, text in each if text == written(ast.parse(belong).body))


def test_which_edits_are_hardly_mistakes_themselves():
    for lines, belong, is_unlikely in (
        ("return a + b", "return a", True),
        ("return a + b", "return a - b", True),
        ("return a + b", "return i + b", False),  # a name in the place of another
        ("return a", "return -a", False),  # what is missing
        ("a = b", "a += b", False),
        ("for k in i:\n    a = 0\n    b += k", "a = 0\nfor k in i:\n    b += k", False),
        ("if a > b: a = i", "if a < b: a = i", False),
    ):
        assert repair.is_unlikely_mistake(edit_to(lines, belong)) == is_unlikely, belong
    for lines, belong, changes_number in (
        ("return a + 3", "return a + 0", True),
        ("return a + b", "return a - b", False),
        ("return a + b", "return i + b", False),
        ("return f(3)", "return f(0)", False),
    ):
        assert repair.changes_number_operand(edit_to(lines, belong)) == changes_number, belong
    for lines, belong, removes in (
        ("return a + b", "return a", True),
        ("return a + b", "return a - b", False),
        ("return a + b", "return i + b", False),
        ("return np.exp(a)", "return a", False),
        ("return np.exp(a) + b", "return np.exp(a)", True),
        ("a = b\nb = i", "b = i", True),
        ("a = b\nb = i", "b = i\na = b", False),
    ):
        assert repair.removes_name(edit_to(lines, belong)) == removes, belong


def test_a_place_within_another_is_smaller():
    place = (2, 4, 3, 8)
    for inner, is_within in (
        ((2, 4, 3, 7), True), ((2, 5, 3, 8), True), ((3, 0, 3, 1), True), ((2, 4, 2, 90), True), (place, False),
        ((2, 3, 3, 8), False), ((2, 4, 3, 9), False), ((1, 9, 2, 9), False), ((3, 0, 4, 0), False),
    ):  # fmt: skip
        assert repair.is_within(inner, place) == is_within, inner


def test_a_part_of_a_line_is_written_as_it_stands_there():
    source = "\nc = (ü + b) * f(a,\n     b)  # last\n"
    for place, text in (
        ((2, 0, 2, 1), "c"),
        ((2, 5, 2, 7), "ü"),
        ((2, 4, 2, 20), "(ü + b) * f(a)"),
        ((2, 15, 3, 7), "f(a, b)"),
        ((2, 12, 2, 16), "* f"),
        ((2, 15, 2, 17), "f"),
    ):
        assert repair.source_segment(source, place) == text, place


def test_the_distance_that_remains_is_a_share_of_that_before():
    right, before = np.array([1.0, 2]), np.array([1.0, 6])
    for after, share in (
        ([1, 2], 0), ([1, 4], 0.5), ([4, 2], 0.75), ([1, 6], 1), ([1, 10], 2), ([1, np.nan], 1), ([1, np.inf], 1),
    ):  # fmt: skip
        assert repair.Numbers(right, before, np.array(after)).remaining_distance == share
    assert repair.Numbers(right, right, before).remaining_distance == 1
    assert repair.Numbers(right, before * np.nan, right).remaining_distance == 1


def test_the_entries_of_all_results_are_one_array():
    a, b = np.arange(6.0).reshape(2, 3), np.array(7.0)
    together = [0, 1, 2, 3, 4, 5, 7]
    for results in ([a, b], [a, 7], [a.astype(int), 7.0], [a, np.float64(7)]):
        assert repair.flatten(results, [a, b]).tolist() == repair.flatten_with_nan(results, [a, b]).tolist() == together
        assert repair.flatten(results, [a, b]).dtype == np.float64
    for results, one_by_one in (
        ([a.T, b], [None] * 6 + [7]),
        ([a, "7"], [0, 1, 2, 3, 4, 5, None]),
        ([a, a], [0, 1, 2, 3, 4, 5, None]),
        ([a], [None] * 7),
        ([], [None] * 7),
        ([a, b, b], [None] * 7),
        ([np.full((2, 3), None), b], [None] * 6 + [7]),
        ([np.full((2, 3), "a"), b], [None] * 6 + [7]),
    ):
        found = repair.flatten_with_nan(results, [a, b])
        assert [None if np.isnan(x) else x for x in found] == one_by_one, results
        if results and len(results) == 2 and results[0].dtype != object:
            assert repair.flatten(results, [a, b]) is None, results


# What a line shows by itself, at which line, and whether it does nothing.
TYPED_SLIPS = r"""
a == b | 1 == where = belongs True
c = a == b | -
a[i][b] -= 1 | 1 a subtraction from a copy True
a[f(i)][b] -= 1 | 1 a subtraction from a copy True
a[0][b] -= 1 | -
a[i][b] += 1 | -
a[i][b] -= 2 | -
for i in b:\n    a[i][b] -= 1 | -
for i, k in b:\n    a[k][b] -= 1 | -
for k in b:\n    a[i][b] -= 1 | 2 a subtraction from a copy True
c = [a[i].sum() for i in b]\na[b][i] -= 1 | 2 a subtraction from a copy True
a[i, b] -= 1 | -
c = [a > 0] | 1 a list in place of the mask False
c = [a > 0, b] | -
c = [a < 0] | -
c = a[b > 0] | 1 only the entries that are on False
c[a > 0] = b | -
c = a[b] | -
c = b\nd = a[b > 0] | 2 only the entries that are on False
"""


def test_what_a_line_shows_by_itself():
    for row in rows(TYPED_SLIPS):
        lines, slip = (text.replace("\\n", "\n") for text in row.values)
        found = [f"{s.line} {s.name} {s.has_no_effect}" for s in edits.iter_typed_slips(ast.parse(lines))]
        assert found == ([] if slip == "-" else [slip]), lines


def test_what_a_line_shows_is_said_of_a_learners_own_line_where_the_mistake_may_be():
    exercise, verdict = BY_NAME["dz1"], Verdict(False, "wrong shape", "dz1 has 3 entries.", drawn=True)
    source = filled("dz1", "c = da1[z1 > 0]\ndz1 = da1 * [z1 > 0]")
    first = source[: source.index("c = ")].count("\n") + 1
    finder_input = FinderInput(Attempt(exercise, 0, None, source, None), None, verdict)

    def found(lines=None, mark="wrong shape"):
        finder_input.place = lines and PLACE._replace(lines=lines)
        finder_input.verdict = verdict._replace(name=mark)
        return typed.judge_typed_slip(finder_input)

    assert (
        found().text
        == f"Line {first}: only the entries that are on, it seems.\n{TYPED_MISTAKES['only the entries that are on']}"
    )
    assert (found().name, found().passed, found().drawn) == ("only the entries that are on", False, True)
    assert found().question == TYPED_MISTAKES["only the entries that are on"]
    assert found([first, first + 1]).name == found().name
    mask = "a list in place of the mask"
    assert found([first + 1]).text.startswith(f"Line {first + 1}: {mask}")
    assert found(mark="not right").name == mask and found([first], mark="not right") is None
    assert found([first + 2]) is None
    finder_input.attempt = finder_input.attempt._replace(exercise=SimpleNamespace(stub=source))  # nothing is their own
    assert found() is None


def test_an_argument_that_is_not_read_is_named_unless_it_is_not_needed():
    def unread_in(name, body):
        return unread.list_unread_argument_names(Attempt(BY_NAME[name], 0, None, filled(name, body), None))

    assert unread_in("dlogits", "dlogits = p - 1") == ["y"] and unread_in("dlogits", "dlogits = y + p") == []
    assert unread_in("dlogits", "dlogits = 3") == ["p", "y"]
    assert unread_in("dz1", "dz1 = z1") == ["da1"] and unread_in("dz1", "dz1 = a1") == ["da1", "z1"]
    assert unread_in("dz1", "dz1 = da1") == ["z1"]
    assert unread_in("dz1", "dz1 = z1 * a1") == []  # the right answer ignores one, too
    assert unread_in("dz1", "dz1 = da1 * (a1 > 0)") == []  # and so does another right one
    exercise = BY_NAME["dlogits"]
    finder_input = FinderInput(
        Attempt(exercise, 0, None, filled("dlogits", "dlogits = 3"), None),
        None,
        Verdict(False, "not right", "p is wrong.", drawn=True),
    )
    finder_input.place = None
    found = unread.judge_unread_argument(finder_input)
    said = "`p` does not occur in your code. What is it for?"
    assert (found.name, found.question, found.drawn) == ("an argument not used", said, True)
    assert found.text == f"p is wrong.\n{said}" and not found.passed
    finder_input.place = PLACE
    assert unread.judge_unread_argument(finder_input) is None
    finder_input.place, finder_input.verdict = None, finder_input.verdict._replace(name="wrong shape")
    assert unread.judge_unread_argument(finder_input) is None


def edits_of(function, tried):
    """Yield these edits of a function, "rank kind: old -> new"."""
    for text in tried:
        kind, change = text.split(": ")
        old, new = change.split(" -> ")
        for spot in edits.iter_spots(function):
            if ast.unparse(spot.node) == old:
                new_node, place = ast.parse(new, mode="eval").body, edits.span(spot.node)
                change = int(kind[0]), kind[2:], place, spot.holder, spot.key, new_node, function
                yield edits.Edit(*change, is_in_test=spot.is_in_test)


def seen_and_fresh(finder_input):
    """The inputs of a search, of which few are fresh, for speed."""
    exercise, trials = finder_input.exercise, finder_input.outcome.notes.trials
    seen, fresh = exercise.draw_trials(finder_input.seed), exercise.draw_trials_of_next_seed(finder_input.seed)
    return repair.SearchInputs(seen[: len(trials)], [set(trial["right"]) for trial in trials], fresh[:4])


def searched(name, body, tried, folder, monkeypatch, *how, **inputs):
    """The place that is found if only these edits of a body are tried."""
    monkeypatch.setattr(repair, "iter_edits", lambda function, *_: edits_of(function, tried))
    finder_input = not_searched(name, body, folder)
    attempt = finder_input.attempt
    search_inputs = seen_and_fresh(finder_input)._replace(**inputs)
    return repair.search_edits_for_place(attempt.exercise, attempt.module, attempt.source, search_inputs, *how)


def test_the_likeliest_edits_that_make_all_right_are_the_place(tmp_path, monkeypatch):
    def found(body, *tried):
        place = searched("tape_product", f"da = {body}\ndb = dy * a", tried, tmp_path, monkeypatch)
        return place and (place.kind, place.lines, place.part, place.result_names, place.effect)

    outer, inner = "0 a sign: -(dy * b) -> dy * b", "3 a sign: dy * b -> -(dy * b)"
    both = "da", "db"
    assert found("-(dy * b)", inner, outer) == ("a sign", [16], "-(dy * b)", [*both], "right")
    assert found("-(dy * b)", inner) == ("a sign", [16], "dy * b", [*both], "right")
    assert found("-dy * b", "0 a sign: -dy -> dy", "0 a name: b -> -b") == ("a sign", [16], "-dy * b", [*both], "right")
    assert found("-(dy * b)", "0 a name: -(dy * b) -> b") is None
    assert found("-(dy * b)") is None


def test_an_edit_that_is_right_in_the_trials_alone_is_no_place(tmp_path, monkeypatch):
    """In these trials z1 is positive."""
    draws = [
        SimpleNamespace(**vars(g) | {"z1": abs(g.z1), "a1": abs(g.z1), "dz1": g.da1})
        for g in BY_NAME["dz1"].iter_uncached_trials(0)
    ]
    names = [set()] * len(draws)
    all_inputs = {"draws": draws, "right_names_by_trial": names, "further_draws": []}
    how = "dz1", "dz1 = -da1", ["0 a sign: -da1 -> da1"], tmp_path, monkeypatch, False
    assert searched(*how, **all_inputs).kind == "a sign"
    others = [*BY_NAME["dz1"].iter_uncached_trials(1)]
    assert searched(*how, **all_inputs | {"further_draws": others}) is None
    assert searched(*how, **all_inputs | {"draws": others[: len(draws)], "further_draws": draws}) is None


def test_of_edits_that_make_some_results_right_those_of_the_first_results_count(tmp_path, monkeypatch):
    body = """
    dthin = scale * dy @ B.T
    dA = -x.T @ dthin
    dB = scale * (x @ A).T @ dy
    dx = -(dy @ W.T + dthin @ A.T)
    """
    of_dx, of_dA = "0 a sign: -(dy @ W.T + dthin @ A.T) -> dy @ W.T + dthin @ A.T", "0 a sign: -x.T -> x.T"
    inner = "3 a sign: dy @ W.T + dthin @ A.T -> -(dy @ W.T + dthin @ A.T)"
    how = tmp_path, monkeypatch, False

    def found(*tried):
        place = searched("lora_backward", body, tried, *how)
        return place and (place.part, place.result_names)

    whole = "-(dy @ W.T + dthin @ A.T)"
    assert found(of_dA, inner, of_dx) == (whole, ["dx"]) and found(inner) == (whole[2:-1], ["dx"])
    assert found(of_dA) == ("-x.T", ["dA"]) and found() is None
    confirmed = repair.EditSearch.is_confirmed
    monkeypatch.setattr(
        repair.EditSearch, "is_confirmed", lambda self, edit, names: "dx" not in names and confirmed(self, edit, names)
    )
    assert found(of_dA, inner, of_dx) == ("-x.T", ["dA"]) and found(of_dx) is None


def test_a_factor_that_is_missing_belongs_where_its_array_is_used(tmp_path, monkeypatch):
    computed, used = "3 a factor: 1 - a1 ** 2 -> (1 - a1 ** 2) * da1", "4 a factor: q -> q * da1"

    def found(*tried, body="q = 1 - a1**2\ndz1 = q + 0"):
        place = searched("tanh", body, tried, tmp_path, monkeypatch, False)
        return place and (place.part, place.lines)

    assert found(computed) == ("1 - a1**2", [17]) and found(computed, used) == found(used) == ("q", [18])
    assert found(computed, "4 a factor: q -> q / da1") == ("1 - a1**2", [17])
    assert found(computed, used, body="q = 1 - a1**2\ndz1 = 0.5 * (q + q)") == ("1 - a1**2", [17])
    confirmed = repair.EditSearch.is_confirmed
    monkeypatch.setattr(
        repair.EditSearch,
        "is_confirmed",
        lambda self, edit, names: confirmed(self, edit, names) and not isinstance(edit.holder[edit.key], ast.Name),
    )
    assert found(computed, used) == ("1 - a1**2", [17])


def test_an_edit_that_makes_more_numbers_right_is_said_to_do_so(tmp_path, monkeypatch):
    body, tried = "dz1 = da1 * (z1 > 0.5) * (z1 < 1)", ["1 a constant: 0.5 -> 0"]
    how = tmp_path, monkeypatch
    place = searched("dz1", body, tried, *how)
    assert (place.effect, place.part, place.result_names) == ("more right", "0.5", [])
    assert searched("dz1", body, tried, *how, False) is None
    assert searched("dz1", body, ["1 a constant: 0.5 -> 2"], *how) is None  # others would be wrong
    monkeypatch.setattr(repair.EditSearch, "is_gain_confirmed", lambda *_: False)
    assert searched("dz1", body, tried, *how) is None


def test_two_edits_may_be_needed_together(tmp_path, monkeypatch):
    body = "dz1 = (da1 + 1) * (1 - np.sin(a1) ** 2)"
    tried = ["0 a term: da1 + 1 -> da1", "0 a function: np.sin(a1) -> a1", "2 a name: a1 -> z1"]
    how = tmp_path, monkeypatch
    place = searched("tanh", body, tried, *how)
    assert (place.effect, place.part, place.needs_all_lines) == ("right", body.removeprefix("dz1 = "), True)
    assert (place.kind, place.lines, place.result_names) == ("a term", [17], ["dz1"])
    assert searched("tanh", body, tried[:1], *how) is None and searched("tanh", body, tried, *how, False) is None
    monkeypatch.setattr(repair.EditSearch, "is_confirmed", lambda *_: False)
    assert searched("tanh", body, tried, *how) is None


def test_what_is_right_in_fresh_trials_alone_is_no_place_of_two(tmp_path, monkeypatch):
    draws = [SimpleNamespace(**vars(g) | {"dz1": g.dz1 + 1}) for g in BY_NAME["tanh"].draw_trials(11)]
    inputs = {"draws": draws, "right_names_by_trial": [set()] * len(draws)}
    two = ["0 a term: da1 + 1 -> da1", "0 a function: np.sin(a1) -> a1"]
    twice = "dz1 = 0.5 * np.sin(da1) + 0.5 * np.sin(da1) - np.sin(da1) * a1**2"
    for body, tried in (
        ("dz1 = (da1 + 1) * (1 - np.sin(a1) ** 2)", two),
        (twice, ["0 a function: np.sin(da1) -> da1"]),
    ):
        assert searched("tanh", body, tried, tmp_path, monkeypatch).effect == "right"
        assert searched("tanh", body, tried, tmp_path, monkeypatch, **inputs) is None


def test_a_slip_in_two_places_is_turned_back_in_both(tmp_path, monkeypatch):
    body = "dz1 = 0.5 * np.sin(da1) + 0.5 * np.sin(da1) - np.sin(da1) * a1**2"
    how = tmp_path, monkeypatch
    place = searched("tanh", body, ["0 a function: np.sin(da1) -> da1"], *how)
    assert (place.kind, place.part, place.needs_all_lines) == ("a function", body.removeprefix("dz1 = "), True)
    assert searched("tanh", body, ["0 a function: np.sin(da1) -> da1"], *how, False) is None
    monkeypatch.setattr(repair.EditSearch, "is_confirmed", lambda *_: False)
    assert searched("tanh", body, ["0 a function: np.sin(da1) -> da1"], *how) is None


# An exercise, a body, an edit that leaves a known mistake, and how that is said: the mistake, or an effect; - if not.
LEAVING = r"""
clip_norm | clipped_dW = dW + 1; clipped_db = db | 0 a term: dW + 1 -> dW | nothing clipped
dz1 | dz1 = 2 * da1 * (z1 > 0) + 9 | 0 a term: 2 * da1 * (z1 > 0) + 9 -> 2 * da1 * (z1 > 0) | nearer
dz1 | dz1 = 2 * da1 * (z1 > 0) + 0.1 | 0 a term: 2 * da1 * (z1 > 0) + 0.1 -> 2 * da1 * (z1 > 0) | not nearer
dz1 | dz1 = 2 * da1 * (z1 > 0) + 0.1 | 1 a constant: 0.1 -> 0 | -
dz1 | dz1 = da1 * (z1 > 0.5) | 0 a factor: da1 * (z1 > 0.5) -> da1 | -
dz1 | dz1 = z1 - 7 + 7 | 2 a name: z1 -> da1 | -
dz1 | dz1 = 3 * da1 * (z1 > -1) | 1 a condition: z1 > -1 -> z1 != -1 | -
dz1 | dz1 = da1 * (z1 > -1) | 1 a constant: -1 -> -99 | -
"""


def test_an_edit_that_leaves_a_known_mistake_is_the_place_of_another(tmp_path, monkeypatch):
    for row in rows(LEAVING):
        name, body, tried, said = row.values
        place = searched(name, body, [tried], tmp_path, monkeypatch)
        assert (place.remaining_mistake or place.effect if place else "-") == said, body
        assert not place or place.part == tried.partition(": ")[2].partition(" -> ")[0]

    how = "dz1", "dz1 = 2 * da1 * (z1 > 0) + 9", ["0 a term: 2 * da1 * (z1 > 0) + 9 -> 2 * da1 * (z1 > 0)"], tmp_path
    place = searched(*how, monkeypatch)
    how[2].append("1 a constant: 9 -> 0")  # leaves it, too
    assert searched(*how, monkeypatch) == place and searched(*how, monkeypatch, False) is None
    tried = ["0 a term: d -> d - d", "0 a constant: 9 -> 0", "0 a constant: 0.1 -> 0"]
    several = [
        searched("dz1", f"d = {d}\ndz1 = 2 * da1 * (z1 > 0) + d", tried, tmp_path, monkeypatch) for d in (9, 0.1)
    ]
    assert (several[0].effect, several[0].lines, several[0].part, several[1]) == ("nearer", [19, 20], "", None)
    monkeypatch.setattr(repair.EditSearch, "leaves_mistake", lambda *_: False)
    assert searched(*how, monkeypatch) is None


def search_of(name, body, folder):
    """The search in a body."""
    finder_input = not_searched(name, body, folder)
    functions = [node for node in ast.parse(finder_input.attempt.source).body if isinstance(node, ast.FunctionDef)]
    return repair.EditSearch(
        finder_input.exercise, finder_input.attempt.module, functions, seen_and_fresh(finder_input)
    )


def test_a_mistake_is_not_contained_if_a_number_that_it_makes_wrong_is_right(tmp_path):
    for body, may_be in (
        ("dz1 = da1 * (z1 > -1)", False),
        ("dz1 = 3 * da1", True),
        ("dz1 = 3 * da1 * (z1 > 0)", False),
        ("dz1 = da1 * (z1 > 0) + 1", True),
    ):
        assert search_of("dz1", body, tmp_path).may_contain_mistake("the mask forgotten") == may_be, body


def test_numbers_that_are_all_equal_are_those_of_no_mistake(tmp_path):
    search = search_of("dz1", "dz1 = 0 * da1", tmp_path)
    g = search.draws[0]
    for results, names in (
        ([g.da1], {"the mask forgotten"}),
        ([g.da1 * (1 + 1e-12)], {"the mask forgotten"}),
        ([-g.dz1], {"the sign"}),
        ([g.dz1], set()),
        ([g.da1 + (g.z1 > 1)], set()),
        ([0 * g.da1], set()),
        ([g.da1 * np.nan], set()),
        ([g.da1[:1]], set()),
        ([], set()),
    ):
        assert search.find_known_mistake_names(0, results) == names, results
    for numbers, names in ((np.ones(g.dz1.size), set()), (np.arange(g.dz1.size), {"mine"})):
        search.known_by_trial[0] = repair.KnownResults(["mine"], numbers[None] + 0.0)
        assert search.find_known_mistake_names(0, [numbers.reshape(g.dz1.shape)]) == names


def test_a_run_that_fails_or_changes_an_input_has_no_results(tmp_path):
    for body, names, n_results in (
        (ANSWERS["dW2_db2"], {"dW2", "db2"}, 2),
        ("dW2 = a1.T @ dlogits; db2 = dlogits.sum()", {"dW2"}, 2),
        ("dW2 = a1.T @ dlogits; db2 = dlogits.sum(axis=0); a1 *= 2", set(), 0),
        ("dW2 = a1.T @ a1; db2 = dlogits.sum(axis=3)", set(), 0),
        ("dW2 = exit()", set(), 0),
        ("while True: dW2 = 0", set(), 0),
    ):
        search = search_of("dW2_db2", "dW2 = dlogits; db2 = dlogits", tmp_path)
        functions = ast.parse(filled("dW2_db2", body)).body
        functions = [node for node in functions if isinstance(node, ast.FunctionDef)]
        repair.add_spend_calls_in_place(functions[0])
        search.budget.limit = 1000
        run = search.run_codes(0, [repair.compile_to_code_object(functions[0])])
        assert (run.right_names, len(run.results)) == (names, n_results), body
        assert not tracemalloc.is_tracing()


def test_what_becomes_of_an_edit_is_counted(tmp_path):
    def tried(name, body, edit_text, **how):
        search = search_of(name, body, tmp_path)
        (function,) = search.codes
        (edit,) = edits_of(function, [edit_text])
        search.n_edits_left = 1
        result = search.try_edit(edit, **how)
        assert search.n_edits_left == 0 and search.try_edit(edit) == repair.EditResult()
        search.n_edits_left, search.budget.lines = 1, 0
        assert search.try_edit(edit) == repair.EditResult()
        return result

    result = tried("dz1", "dz1 = -da1 * (z1 > 0)", "0 a sign: -da1 -> da1")
    assert (result.right, result.mistakes, result.has_gained) == ({"dz1"}, set(), True)
    result = tried("dz1", "dz1 = 2 * da1 * (z1 > 0) + 9", "0 a term: 2 * da1 * (z1 > 0) + 9 -> 2 * da1 * (z1 > 0)",
                   seeks_remaining_mistakes=True)  # fmt: skip
    assert (result.right, result.mistakes, result.has_gained) == (set(), {"a factor 2"}, False)
    assert 0 < result.first_distance <= result.distance < 0.5 and not result.is_gain
    result = tried("dz1", "dz1 = da1 * (z1 > 0.5) * (z1 < 1)", "1 a constant: 0.5 -> 0", seeks_remaining_mistakes=True)
    assert result.is_gain and not result.right and not result.has_gained and result.first_distance < 1
    result = tried("dz1", "dz1 = da1 + 1", "0 a term: da1 + 1 -> da1")
    assert result == repair.EditResult()


MEAN = "(weights * dweights).sum(axis=-1, keepdims=True)"
WRONG_MEAN = "mean = np.cosh(dweights[..., :1])\ndscores = weights * (dweights - mean)"


def test_an_array_in_whose_place_the_right_one_is_tried_has_its_name_and_shape(tmp_path, monkeypatch):
    exercise = BY_NAME["softmax_backward"]
    steps = [
        f"half = 0.5 * {MEAN}",
        "mean = 2 * half",
        "again = mean + 0",
        "flat = weights.ravel()",
        "n = len(weights)",
    ]
    steps += ["row = weights.sum(axis=-1)[0]", "dscores = weights * (dweights - mean)"]
    assert exercise.known_mistakes  # each is an edit of the formula that it has
    monkeypatch.setattr(exercise, "formula", "\n".join(steps))
    body = f"half = 0.5 * {MEAN}\n{WRONG_MEAN}"
    trace = not_searched("softmax_backward", body, tmp_path).answer_trace
    search = search_of("softmax_backward", body, tmp_path)
    right_arrays = values.list_right_arrays(search, trace)
    assert [array.names for array in right_arrays] == [{"half"}, {"mean", "again"}, {"row"}]
    for t, g in enumerate(search.draws):
        mean = (g.weights * g.dweights).sum(axis=-1, keepdims=True)
        assert agree(right_arrays[0].by_trial[t], mean / 2) and agree(right_arrays[1].by_trial[t], mean)
    (function,) = search.codes
    found = []
    for replacement in values.iter_replacements(function, trace, search, right_arrays):
        with apply_edit_temporarily(replacement.edit):
            lines = [line for line in map(ast.unparse, function.body) if "size lines" not in line]
        found.append((replacement.step, replacement.name, replacement.is_named, lines[2:4]))
    wrong_line = WRONG_MEAN.splitlines()[0]
    assert [f[:3] for f in found] == [(2, "mean", True), (2, "mean", False)]
    assert [f[3][0].split(" = ")[0] for f in found] == ["mean", "mean"]
    assert all(f[3] == [wrong_line, f"mean = size right {i}.copy()"] for f, i in zip(found, (1, 0), strict=True))


def test_an_array_is_named_only_if_the_right_one_helps_in_fresh_trials_too(tmp_path, monkeypatch):
    def found():
        return not_searched("softmax_backward", WRONG_MEAN, tmp_path)

    finder_input = found()
    finder_input.attempt = finder_input.attempt._replace(
        source=finder_input.attempt.source + "\n\ndef more(weights):\n    return weights\n"
    )
    assert "With a different `mean` after line 19" in values.judge_array(finder_input).text
    finder_input.place = PLACE
    assert values.judge_array(finder_input) is None
    finder_input = found()
    finder_input.verdict = finder_input.verdict._replace(name="a sign")
    assert values.find_wrong_array(finder_input) is None
    monkeypatch.setattr(repair.EditSearch, "is_confirmed", lambda *_: False)
    assert values.judge_array(found()) is None


def test_a_mistake_that_is_a_factor_proves_nothing_beside_a_wrong_array(tmp_path):
    a_factor = {"the sign": True, "a factor 2": True}
    for name, body, mistakes in (
        ("softmax_backward", "dscores = 3 * weights", {"the sum forgotten": False, "the sum over the images": False}),
        ("dz1", "dz1 = 3 * z1", {"the mask forgotten": False}),
        ("lora_backward", "dx, dA, dB = 3 * x, 3 * A, 3 * B", {"scale forgotten in dB": True}),  # dB alone is wrong
    ):
        search = search_of(name, body, tmp_path)
        for mistake, is_factor in (a_factor | mistakes).items():
            assert values.is_mistake_only_a_factor(search, mistake) == is_factor, (name, mistake)


def test_a_search_tries_what_was_seen_and_claims_are_tested_on_the_rest(tmp_path):
    exercise = BY_NAME["adamw"]
    n_first = 2 * len(exercise.inputs)
    wrong = not_searched("adamw", ANSWERS["adamw"] + "\ndp *= 2", tmp_path)
    for mark, changed in (("not right", {"dp"}), ("changes its input", set())):
        wrong.verdict = wrong.verdict._replace(name=mark)
        found = repair.collect_search_inputs(wrong)
        assert found.changed_inputs == changed and found.right_names_by_trial == [set()] * n_first
    all_draws = exercise.draw_trials(11)
    assert found.draws == all_draws[:n_first] and found.further_draws[: len(all_draws) - n_first] == all_draws[n_first:]
    fresh = found.further_draws[len(all_draws) - n_first :]
    assert len(fresh) == repair.N_FRESH_DRAWS * len(all_draws)
    assert len({g.dp.tobytes() for g in [*fresh, *all_draws]}) == len(fresh) + len(all_draws)
    del wrong.outcome.notes.trials[1:]  # an error ended the rest
    found = repair.collect_search_inputs(wrong)
    assert len(found.draws) == n_first and len(found.right_names_by_trial) == 1


def test_if_an_input_is_changed_besides_the_results_alone_count(tmp_path):
    body = "dW2 = a1.T @ dlogits; db2 = 3 * dlogits.sum(axis=0); a1 *= 2"
    finder_input = not_searched("dW2_db2", body, tmp_path)
    for changed, right_before, right in (({"a1"}, {"dW2"}, {"dW2", "db2"}), (set(), set(), set())):
        (function,) = [f for f in ast.parse(finder_input.attempt.source).body if isinstance(f, ast.FunctionDef)]
        search_inputs = seen_and_fresh(finder_input)._replace(changed_inputs=changed)
        search = repair.EditSearch(finder_input.exercise, finder_input.attempt.module, [function], search_inputs)
        (edit,) = edits_of(function, ["0 a factor: 3 * dlogits.sum(axis=0) -> dlogits.sum(axis=0)"])
        assert search.right_before == right_before and search.try_edit(edit).right == right
        assert search.is_confirmed(edit, {"dW2", "db2"}) == bool(changed)


def test_a_claim_holds_in_each_fresh_trial_and_has_lines_of_its_own(tmp_path):
    search = search_of("dz1", "dz1 = -da1 * (z1 > 0)", tmp_path)
    (function,) = search.codes
    of_all, to_mistake = edits_of(function, ["0 a sign: -da1 -> da1", "0 a function: -da1 * (z1 > 0) -> 1 * da1"])
    more, fewer = edits_of(function, ["0 a term: -da1 -> da1 + (z1 > 2)", "0 a term: -da1 -> da1 * (z1 > 9)"])
    before = search.budget

    def claims():
        return [
            search.is_confirmed(of_all, {"dz1"}),
            search.is_confirmed(to_mistake, {"dz1"}),
            search.leaves_mistake(to_mistake, "the mask forgotten"),
            search.leaves_mistake(of_all, "the mask forgotten"),
            search.is_gain_confirmed(of_all),
            search.is_gain_confirmed(more),
            search.is_gain_confirmed(fewer),
            search.is_gain_confirmed(to_mistake),
        ]

    assert claims() == [True, False, True, False, True, True, False, False]
    assert search.budget is before
    last = search.draws[-1]
    others = {mistake: {"dz1": last.dz1 + 7} for mistake in search.exercise.known_mistakes}
    search.draws[-1] = SimpleNamespace(**vars(last) | {"dz1": last.dz1 + 1, "computed": others})
    search.known_by_trial.clear()
    assert claims()[:4] == [False] * 4
    search.draws[-1] = last
    search.known_by_trial.clear()
    assert claims()[0]
    search.draws[-1] = SimpleNamespace(**vars(last) | {"dz1": -last.dz1})  # all were right there, and are no more
    search.entries_by_trial.clear()
    assert not search.is_gain_confirmed(of_all)
    search.draws[-1] = last
    search.claims_budget = repair.Budget(0)
    assert not any(claims()) and search.budget is before


def test_the_lines_of_the_learners_own_run_are_counted_in_each_trial(tmp_path):
    search = search_of("dz1", "dz1 = 0 * da1\nfor row in z1:\n    dz1 = dz1 + 1\n    dz1 = dz1 * 2", tmp_path)
    before = search.budget
    counts = search.line_counts_by_trial
    n_statements = 4  # the text at the top, `dz1 = `, the loop and `return`
    assert counts == {t: n_statements + 2 * len(search.draws[t].z1) for t in search.order}
    assert search.budget is before and before.lines == repair.MAX_LINES


def test_what_is_opened_to_be_read_may_be_opened():
    for mode, flags, is_reading in (
        (None, None, True), ("r", 0, True), ("rb", 0, True), (None, os.O_RDONLY, True), ("w", 0, False),
        ("a", 0, False), ("r+", 0, False), ("xb", 0, False), (None, os.O_WRONLY, False), (None, os.O_RDWR, False),
        ("r", os.O_RDWR, False),
    ):  # fmt: skip
        assert repair.is_reading(mode, flags) == is_reading, (mode, flags)


def test_an_edit_may_put_in_the_sizes_that_all_draws_have_and_no_function_has(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(repair, "iter_edits", lambda *arguments: asked.append(arguments) or ())
    for name, body, sizes in (("dz1", "dz1 = da1 * 3", ["B", "H"]), ("learning_rate", "rate = 3 * lr", [])):
        finder_input = not_searched(name, body, tmp_path)
        attempt, search_inputs = finder_input.attempt, seen_and_fresh(finder_input)
        search_inputs.draws[0] = SimpleNamespace(**vars(search_inputs.draws[0]) | {"Z": 3})  # it alone has this one
        assert repair.search_edits_for_place(attempt.exercise, attempt.module, attempt.source, search_inputs) is None
        (function, source, stub, takes, found), exercise = asked.pop(), attempt.exercise
        assert (function.name, source, stub, takes, found) == (
            name,
            attempt.source,
            exercise.stub,
            exercise.takes,
            sizes,
        )


def test_a_result_counts_as_right_if_it_is_so_in_all_trials(tmp_path):
    search = search_of("dW2_db2", "dW2 = -a1.T @ dlogits; db2 = dlogits.sum(axis=0)", tmp_path)
    (function,) = search.codes
    (edit,) = edits_of(function, ["0 a sign: -a1.T -> a1.T"])
    assert search.right_before == {"db2"} and search.try_edit(edit).right == {"dW2", "db2"}
    g = search.draws[0]
    search.draws[0] = SimpleNamespace(**vars(g) | {"db2": g.db2 + 1})
    search.right_before = set()
    assert search.try_edit(edit).right == {"dW2"}
    search.draws[0] = SimpleNamespace(**vars(g) | {"dW2": g.dW2 + 1})
    search.right_before = {"db2"}
    assert search.try_edit(edit).right == set()


def test_a_mistake_is_left_by_an_edit_if_it_is_so_in_all_trials(tmp_path):
    search = search_of("dW2_db2", "dW2 = -3 * a1.T @ dlogits; db2 = dlogits.sum(axis=0)", tmp_path)
    (function,) = search.codes
    (edit,) = edits_of(function, ["1 a constant: -3 -> 2"])
    found = search.try_edit(edit, seeks_remaining_mistakes=True)
    assert found.mistakes == {"a factor 2"} and not found.has_gained  # db2 was right before
    g = search.draws[search.order[1]]
    others = {mistake: {"dW2": g.dW2 + 7} for mistake in search.exercise.known_mistakes}
    search.draws[search.order[1]] = SimpleNamespace(**vars(g) | {"computed": others})
    search.known_by_trial.clear()
    assert not search.try_edit(edit, seeks_remaining_mistakes=True).mistakes
    no_code = edit._replace(new=ast.Pass())
    assert search.try_edit(no_code) == repair.EditResult() and not search.is_confirmed(no_code, set())


def test_known_mistakes_that_change_a_shape_are_left_out(tmp_path):
    search = search_of("positions_backward", "dP = 3 * dy.sum(axis=0)", tmp_path)
    names, rows_of_numbers = search.get_known_results(0)
    assert "not summed" not in names and "the mean over the texts" in names
    assert rows_of_numbers.shape == (len(names), search.draws[0].dP.size)


def test_the_pair_of_the_nearest_edits_comes_first():
    def found(distances, *complete, ranks=(1,) * 9, confirmed=True):
        some = [edits.Edit(ranks[i], "", (), None, i, None, None) for i in range(len(distances))]
        results = [(e, repair.EditResult(first_distance=d)) for e, d in zip(some, distances, strict=True)]

        def try_edit(pair):
            is_complete = (pair.key, pair.also[0].key) in complete
            return repair.EditResult({"x"} if is_complete else set())

        fake = SimpleNamespace(try_edit=try_edit, is_confirmed=lambda *_: confirmed)
        pair = repair.find_combined_edit(fake, results, {"x"})
        return pair and (pair.key, pair.also[0].key)

    rising = [0.1, 0.2, 0.3, 0.4, 0.5]
    assert found(rising, (0, 4), (1, 2)) == (1, 2) and found(rising, (0, 4)) == (0, 4)
    assert found(rising[::-1], (1, 0)) == (1, 0) and found(rising[::-1], (0, 1)) is None
    assert found(rising, (0, 4), confirmed=False) is None and found(rising) is None
    assert found([0.1, 1, 0.3], (0, 1)) is None and found([0.1, np.nan, 0.3], (0, 1)) is None
    assert found([0.1, 1.5, 0.3], (0, 1)) == (0, 1)  # a distance that grows may still be needed
    assert found([0.1, 0.2, 0.2], (0, 2)) is None and found([0.1, 0.2, 0.2], (0, 1)) == (0, 1)  # the same results
    assert found(rising, (0, 1), ranks=(0, 3, 1, 1, 1)) is None and found(rising, (0, 1), ranks=(0, 2, 1, 1, 1))


def test_an_edit_may_run_a_few_times_as_long_as_the_learners_own_lines(tmp_path):
    search = search_of("dz1", "dz1 = -da1 * (z1 > 0)\nfor i in range(600): dz1 = dz1 * 1", tmp_path)
    (function,) = search.codes
    edit, longer, far_longer = edits_of(
        function, ["0 a sign: -da1 -> da1", "1 a loop: 600 -> 1500", "1 a loop: 600 -> 9000"]
    )
    del search.order[1:]  # one trial, for speed
    assert search.try_edit(edit).right == search.try_edit(edit._replace(also=(longer,))).right == {"dz1"}
    assert not search.try_edit(edit._replace(also=(far_longer,))).right


# Calls, each of which may be meant by another: "name, name | what may be meant".
MEANT = """
sum, mean, max, min, prod, median, cumsum, argmax, argmin, std, var, amax, amin, norm | sum, mean, max, min, argmax
exp, log, sqrt, square, abs, tanh, relu, log2, log10, log1p, exp2, expm1, sigmoid, softmax, cosh, sinh | \
exp, log, sqrt, square, tanh, relu
sin, cos | sin, cos
maximum, minimum, add, multiply, fmax, fmin | maximum, minimum, add
cumprod | cumsum
zeros, ones, empty | zeros, ones
zeros_like, ones_like, empty_like | zeros_like, ones_like
"""


def changed(call):
    """{(rank and kind, a call as it is changed)}, but for names and sizes that may be put in."""
    changes = edits.iter_call_changes(ast.parse(call, mode="eval").body, {"b": [], "B": [], "": [None]})
    return {(f"{change.rank} {change.kind}", ast.unparse(change.new)) for change in changes}


def test_a_function_is_changed_into_those_that_are_easily_confused_with_it():
    several = [[side.strip().split(", ") for side in row.values] for row in rows(MEANT)]
    others = {name for _, meant in several for name in meant}
    for names, meant in several:
        for name in names:
            found = {text for kind, text in changed(f"np.{name}(a)") if kind == "1 a function"}
            assert {other for other in others if f"np.{other}(a)" in found} == {*meant} - {name}, name
            assert (("1 a function", f"a.{meant[0]}()") in changed(f"a.{name}()")) == (name != meant[0])
            alone = {kind for kind, _ in changed(f"{name}(a)")}
            assert ("1 a function" in alone) == (name in ("max", "min")), name


def test_a_reduction_goes_along_each_axis_and_keeps_it_or_not():
    axes = "0", "1", "-1", "2", "-2", "(0, 1)", "(1, 2)", "(0, 1, 2)"
    names = "sum, mean, max, min, prod, median, cumsum, argmax, argmin, std, var, amax, amin"
    for name in names.split(", "):
        all_axes, with_axis = changed(f"a.{name}()"), changed(f"a.{name}(axis=7)")
        kept = changed(f"np.{name}(a, axis=7, keepdims=True)")
        for axis in axes:
            assert ("1 an axis", f"a.{name}(axis={axis})") in all_axes, (name, axis)
            assert ("2 an axis", f"a.{name}(axis={axis}, keepdims=True)") in all_axes, (name, axis)
            assert ("2 an axis", f"np.{name}(a, axis={axis})") in kept, (name, axis)
            assert ("1 an axis", f"np.{name}(a, axis={axis}, keepdims=True)") in kept, (name, axis)
        assert ("1 an axis", f"a.{name}()") in with_axis
        for other in ("sum", "mean"):
            of_rows = ("2 a function", f"a.{other}(axis=7, keepdims=True)")
            assert (of_rows in with_axis) == (name not in ("sum", "mean")), (name, other)
    assert not [kind for kind, _ in changed("np.exp(a)") if kind.endswith("an axis")]


def test_calls_with_an_axis_of_their_own():
    for name in ("roll", "insert", "append", "delete", "concatenate", "stack", "flip"):
        for axis in (0, 1):
            for call in (f"np.{name}(a, 1)", f"np.{name}(a, 1, axis=7)"):
                assert ("1 an axis", f"np.{name}(a, 1, axis={axis})") in changed(call), call
    for name in ("tri", "tril", "triu"):
        assert {("1 an index", f"np.{name}(a, k={k})") for k in (1, -1)} <= changed(f"np.{name}(a)")
    kinds = dict.fromkeys(("swapaxes", "transpose", "moveaxis", "reshape"), "a transpose")
    for name, kind in (kinds | {"copy": "a copy", "astype": "a type", "round": "a function"}).items():
        assert (f"0 {kind}", "a") in changed(f"a.{name}(0, 1)") and (f"0 {kind}", "a") in changed(f"np.{name}(a, 0)")
    assert ("0 a copy", "np.exp(a)") in changed("np.exp(a, out=b)")
    assert ("0 a function", "np.exp(a)") in changed("np.exp(a, where=b)")
    assert ("1 an order", "f(i, b, a)") in changed("f(a, b, i)") and ("1 an order", "f(a, i, b)") in changed(
        "f(a, b, i)"
    )
    assert ("1 an order", "f(a, b, k, i)") not in changed("f(a, b, i, k)")  # of the first three
    assert not [kind for kind, _ in changed("a.reshape(b, i)") if kind == "1 an order"]
    assert ("1 a transpose", "a.reshape(i, k, b).swapaxes(1, 2)") not in changed("a.reshape(b, i, k)")
    assert ("1 a transpose", "a.reshape(b, k, i).swapaxes(1, 2)") in changed("a.reshape(b, i, k)")


def test_a_shape_gets_no_factor_and_no_call_that_makes_room_is_left_out():
    for call in (
        "np.zeros({})", "np.ones({})", "np.empty({})", "np.zeros_like({})", "np.ones_like({})", "np.empty_like({})",
        "np.arange({})", "np.eye({})",
    ):  # fmt: skip
        found = edited(f"return {call.format('a')}")
        assert ("3 a factor", f"return {call.format('a * 2')}") not in found, call
        assert not [kind for kind, text in found if text == "return a" and kind.startswith("0")], call
    assert ("3 a factor", "return np.exp(a * 2)") in edited("return np.exp(a)")
    for call in ("len(a)", "range(a)"):
        assert not [kind for kind, text in edited(f"return {call}") if text == "return a" and kind.startswith("0")]
    assert not [text for _, text in edited("return a.shape") if "shape *" in text or "shape +" in text]


def test_a_kind_that_says_little_gives_way_to_another():
    source = "def f(a):\n    return a\n"
    place = 2, 11, 2, 12

    def kind(*kinds):
        some = [edits.Edit(1, one, place, {}, "", None, None) for one in kinds]
        return repair.make_place(some, source, ["x"]).kind

    for weak in ("a constant", "a name", "a function", "a missing function", "a loop", "a factor: of a size"):
        assert kind(weak, "a term") == kind("a term", weak) == "a term" and kind(weak) == weak
    assert kind("a name", "a loop") == kind("a term", "a sign") == "in one place"


def test_lines_of_a_block_are_named_and_not_shown_whole():
    for head in ("for k in a:", "while a:", "if a:", "with a:", "def g():", "class G:"):
        source = f"def f(a):\n    {head}\n        b = 1\n        c = 2\n"
        some = [edits.Edit(1, "a term", (line, 12, line, 13), {}, "", None, None) for line in (3, 4)]
        found = repair.make_place(some, source, ["x"])
        assert (found.lines, found.part) == ([3, 4], ""), head
    source = "def f(a):\n    b = (1 +\n         2)\n"
    some = [edits.Edit(1, "a term", place, {}, "", None, None) for place in ((2, 9, 2, 10), (3, 9, 3, 10))]
    assert repair.make_place(some, source, ["x"])[1:3] == ([2, 3], "1 + 2")
    assert repair.make_place([some[0]._replace(place=(2, 9, 3, 10))], source, ["x"])[1:3] == ([2, 3], "1 + 2")


def test_two_mistakes_are_looked_for_if_the_results_are_far_off_and_each_argument_is_read(tmp_path, monkeypatch):
    finder_input = not_searched("dlogits", "dlogits = p - 3 * y[0]", tmp_path)
    monkeypatch.setattr(repair, "collect_search_inputs", lambda _: None)
    attempt = finder_input.attempt
    file = attempt.exercise, attempt.module, attempt.source
    monkeypatch.setattr(
        repair, "search_edits_for_place", lambda *arguments: arguments[-1] if arguments[:3] == file else None
    )
    for mark, unread_names, may_be_two in (
        ("not right", [], True),
        ("wrong shape", [], True),
        ("close, and not equal", [], False),
        ("changes its input", [], False),
        ("not right", ["y"], False),
    ):
        finder_input.verdict = finder_input.verdict._replace(name=mark)
        finder_input.unread_argument_names = unread_names
        assert repair.find_mistake_place(finder_input) is may_be_two, mark
    monkeypatch.setattr(repair, "collect_search_inputs", lambda _: 1 / 0)  # an error in a finder ends it alone
    assert repair.find_mistake_place(finder_input) is None
    assert (
        FinderInput(finder_input.attempt, None, finder_input.verdict._replace(name="not right")).departure_verdict
        is None
    )
