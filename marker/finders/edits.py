"""Single edits of a function, which marker/finders/repair.py tries on a learner's lines.

Each edit undoes a possible slip: a wrong operator, name, axis or number, an operand too many or too few, or a statement
on the wrong side of a loop's end.
"""

import ast
import copy
import re
from contextlib import contextmanager
from itertools import combinations, groupby, product
from operator import attrgetter
from typing import Any, NamedTuple

from marker.budget import copy_location_from, is_spend_call, make_hidden_name


class Edit(NamedTuple):
    """One change of a syntax tree: holder[key] becomes `new`."""

    rank: int  # the likeliest first. The slip is: 0, something superfluous; 1 and 2, wrong; 3 and 4, missing
    kind: str  # a row of the table "Places" in said.md
    place: tuple  # the span of text that it concerns: first line, column, last line, column; columns in bytes
    holder: Any  # a list of nodes, or the `vars` of a node
    key: Any
    new: Any
    function: Any  # the function that it edits
    also: tuple = ()  # the edits that are made together with this one
    is_in_test: bool = False  # whether it changes the condition of an `if` or a `while`, or of a comprehension


class Change(NamedTuple):
    """What an `Edit` makes of an expression, a statement or a block. rank, kind, place: see `Edit`."""

    rank: int
    kind: str
    new: Any
    place: tuple | None = None  # None: that of the expression or the statement


class Spot(NamedTuple):
    """A node of a syntax tree and its position in the tree."""

    node: Any
    holder: Any
    key: Any
    parent: Any
    context: str  # the role of the part that it belongs to: "an axis", "an index", "a loop", "a condition", ..., or ""
    whole: Any  # the node of that part, or None
    is_in_test: bool = False


def iter_edits(function, source, stub, takes, sizes):
    """Yield the `Edit`s of a function's own lines, which are those that the stub does not have.

    source: the text of the file; takes: the names of the exercise's arguments; sizes: the names of sizes that an edit
    may insert.
    """
    own_numbers = find_own_lines(source, stub)
    nodes = list(ast.walk(function))
    local = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    local |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    local -= set(iter_growing_list_names(nodes))
    names = [*takes, *sorted(local - set(takes))]
    loops = [node for node in nodes if isinstance(node, (ast.For, ast.comprehension))]
    counters = {loop.target.id for loop in loops if "range(" in ast.unparse(loop.iter) and hasattr(loop.target, "id")}
    for spot in iter_spots(function):
        if getattr(spot.node, "lineno", 0) in own_numbers:
            usable_names = names if spot.context else [name for name in names if name not in counters]  # no counters
            for change in iter_expression_changes(spot, usable_names, sizes):
                kind = spot.context or change.kind
                place = span(spot.whole) if spot.context else change.place or span(spot.node)
                new = copy_location_from(spot.node, change.new)
                yield Edit(change.rank, kind, place, spot.holder, spot.key, new, function, is_in_test=spot.is_in_test)
    for node in nodes:
        for field in ("body", "orelse"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                for change in iter_block_changes(block, own_numbers, names):
                    yield Edit(change.rank, change.kind, change.place, vars(node), field, change.new, function)


def iter_growing_list_names(nodes):
    """Yield the names of lists that the code appends to.

    Appended to itself, such a list would be infinitely deep for NumPy.
    """
    for node in nodes:
        match node:
            case ast.Attribute(ast.Name(name), "append"):
                yield name
            case ast.AugAssign(ast.Name(name), _, value) if any(isinstance(part, ast.List) for part in ast.walk(value)):
                yield name


@contextmanager
def apply_edit_temporarily(edit):
    """Context manager: make the edit in its tree, and undo it at the end."""
    edits = [edit, *edit.also]
    before = [single.holder[single.key] for single in edits]
    for single in edits:
        single.holder[single.key] = single.new
    try:
        yield
    finally:
        for single, old in zip(edits, before, strict=True):
            single.holder[single.key] = old


def iter_edits_of_repeated_slips(edits):
    """Yield an `Edit` for each slip that occurs several times in a function: it undoes all of them at once.

    Insertions are not merged. Calls of the same wrong method count as the same slip, whatever the array. So do the same
    wrong operations in one line, whatever the operands.
    """
    by_slip = {}
    for edit in edits:
        old = edit.holder[edit.key]
        new = edit.new
        if edit.rank < 3 and isinstance(old, ast.expr):
            slip = ast.dump(old), ast.dump(new)
            if isinstance(old, ast.BinOp) and isinstance(new, ast.BinOp) and new.left is old.left:
                slip = edit.place[0], type(old.op), type(new.op)
            if (
                isinstance(old, ast.Call)
                and isinstance(new, ast.Call)
                and is_array_method_call(old)
                and is_array_method_call(new)
            ):
                arguments = [*old.args, *old.keywords, *new.args, *new.keywords]
                slip = old.func.attr, new.func.attr, *map(ast.dump, arguments)
            if edit.kind == "parentheses" and isinstance(old, ast.BinOp) and isinstance(old.left, ast.BinOp):
                slip = type(old.op), type(old.left.op), isinstance(new.right, ast.BinOp), type(new.op)
            by_slip.setdefault((edit.kind, id(edit.function), slip), {})[id(edit.holder), edit.key] = edit
    for first_edit, *other_edits in map(dict.values, by_slip.values()):
        if other_edits:
            yield first_edit._replace(also=tuple(other_edits))


def is_array_method_call(call):
    """Return True if an `ast.Call` calls a method of an array, not a function such as np.sum."""
    function = call.func
    return isinstance(function, ast.Attribute) and getattr(function.value, "id", "") not in ("np", "torch", "F", "math")


class TypedSlip(NamedTuple):
    """A mistake that a line shows, whatever the results are."""

    line: int
    name: str
    has_no_effect: bool  # whether the statement does nothing, so that it could as well be left out


def iter_typed_slips(tree):
    """Yield a `TypedSlip` for each mistake of mistakes.md, table "Typed", in a tree."""
    nodes = list(ast.walk(tree))
    loops = [node.target for node in nodes if isinstance(node, (ast.For, ast.comprehension))]
    counters = set().union(*map(list_names_in, loops))
    for node in nodes:
        match node:
            case ast.Expr(ast.Compare(ops=[ast.Eq()])):
                yield TypedSlip(node.lineno, "== where = belongs", True)
            case ast.AugAssign(ast.Subscript(ast.Subscript(_, rows)), ast.Sub(), ast.Constant(1)):
                is_a_row = isinstance(rows, ast.Constant) or getattr(rows, "id", "") in counters
                if not is_a_row:  # a row is a view, not a copy
                    yield TypedSlip(node.lineno, "a subtraction from a copy", True)
            case ast.List([ast.Compare(ops=[ast.Gt()])]):
                yield TypedSlip(node.lineno, "a list in place of the mask", False)
            case ast.Subscript(_, ast.Compare(ops=[ast.Gt()]), ast.Load()):
                yield TypedSlip(node.lineno, "only the entries that are on", False)


def find_own_lines(source, stub):
    """Return the set of line numbers in `source` whose lines do not occur in the stub."""
    stub_lines = {line.strip() for line in stub.splitlines()}
    return {i for i, line in enumerate(source.splitlines(), 1) if line.strip() not in stub_lines}


def iter_spots(node, context="", whole=None, is_in_test=False):
    """Yield a `Spot` for each expression in a node, except targets of assignments.

    context, whole, is_in_test: see `Spot`.
    """
    for field, child in ast.iter_fields(node):
        tests = is_in_test or field in ("test", "ifs")
        context_inside, part = find_context_and_whole(node, field) or (context, whole)
        children = enumerate(child) if isinstance(child, list) else [(field, child)]
        for key, item in children:
            if isinstance(item, ast.AST) and not is_spend_call(item):
                if isinstance(item, ast.expr) and not isinstance(getattr(item, "ctx", None), (ast.Store, ast.Del)):
                    yield Spot(
                        item, child if isinstance(child, list) else vars(node), key, node, context_inside, part, tests
                    )
                if isinstance(item, (ast.Lambda, ast.ListComp, ast.GeneratorExp)):
                    context_inside = ""
                    part = None
                yield from iter_spots(item, context_inside, part, tests)


def find_context_and_whole(node, field):
    """Return (the context of the expressions in a field of a node, the node to mention for them).

    The context is one of those of `Spot`. Return None if there is none.
    """
    match node, field:
        case ast.Subscript(value), "slice":
            return None if getattr(value, "attr", "") in ("c_", "r_") else ("an index", node)
        case ((ast.For() | ast.comprehension()), "iter"):
            return "a loop", node.iter
        case ((ast.If() | ast.IfExp() | ast.While()), "test"):
            return "a condition", node.test
        case ast.comprehension(ifs=[first, *_]), "ifs":
            return "a condition", first
        case ast.Compare(), _:
            return "a condition", node
        case ast.Call(), "keywords":
            return ("an axis", node) if {"axis", "keepdims", "axes"} & {k.arg for k in node.keywords} else None
        case ast.BinOp(op=ast.Pow()), "right":
            return "an exponent", node
    return None


# ---- expressions -----------------------------------------------------------------------------------------------------
# Columns: slips, their replacements, and the rank and kind of the edit. a, b and i stand for any expressions; x for one
# that is neither a constant nor a comparison; ^ for any operation but + - * / @ and **. Several expressions are
# separated by commas: each on the right replaces each on the left, except itself. ** is never a replacement, because
# with a product of sizes it would fill the memory. A placeholder that is only on the right is inserted: b is one of the
# learner's names, B one of the sizes.
SLIP_ROWS = """
-a | a | 0 a sign
not a | a | 0 a condition
a if b else i | a | 1 a condition
a if b else i | i | 1 a condition
a if b else i | i if b else a | 1 a condition
a > b, a < b, a >= b, a <= b, a == b, a != b | a > b, a < b, a >= b, a <= b, a == b, a != b | 1 a condition
a in b, a not in b, a is b, a is not b | a > b, a < b, a >= b, a <= b, a == b, a != b | 1 a condition
True, False | True, False | 1 a constant
a.T | a | 0 a transpose
a.size | B | 1 a size
a.value, a.grad, a.number | a.grad, a.number, a.value | 1 a name
a.value, a.grad, a.number | b | 2 a name
a[b] | a | 0 an index
a + b | a - b | 1 a sign
a - b | a + b | 1 a sign
a + b, a - b | a * b, a / b | 1 an operation
a * b, a / b, a @ b, a ** b, a ^ b | a + b, a - b, a * b, a / b, a @ b | 1 an operation
x * b | (x > 0) * b | 1 a mask
a * x | a * (x > 0) | 1 a mask
a + b, a - b | a, b | 0 a term
a * b, a / b, a ^ b | a, b | 0 a factor
a ** b | a, b | 0 an exponent
a - b | b - a | 1 a sign
a / b | b / a | 1 an operation
a // b | b // a | 1 an operation
a @ b | b @ a | 1 a transpose
"""
# The same for sizes and loops. They are tried after the other edits of a call.
LOOP_ROWS = """
len(a) | B | 1 a size
range(a), range(a, b), range(a, b, i) | range(B) | 1 a loop
range(a) | range(a + 1), range(a + -1), range(1, a) | 1 a loop
range(a, b) | range(a, b + 1), range(a, b + -1), range(b), range(1, b) | 1 a loop
range(a, b, i) | range(a, b + 1, i), range(a, b + -1, i), range(0, b, i), range(1, b, i) | 1 a loop
"""
# Parts that may be missing from an expression a, in the same notation. Edits of the kind "an index" apply only inside
# an index. The rank is 4 if a is only a part of what a line computes.
MISSING_ROWS = """
a | -a | 3 a sign
a | a / B | 3 a factor: of a size
a | a * B | 3 a factor: of a size
a | a * 2 | 3 a factor
a | a * 0.5 | 3 a factor
a | a * np.pi | 3 a factor
a | b[a] | 3 an index
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
a | a.sum(0) | 3 a sum
a | a.mean(0) | 3 a sum
a | a.sum(-1) | 3 a sum
a | a.mean(-1) | 3 a sum
a | a.sum(None) | 3 a sum
a | a.mean(None) | 3 a sum
a | a.cumsum(-1) | 3 a sum
a | a / a.sum(axis=-1, keepdims=True) | 3 a sum
a | a[:, None] | 3 an axis
a | a[..., None] | 3 an axis
a | a[::-1] | 3 an order
"""


class Row(NamedTuple):
    """A row of a table of edits, with one slip and one replacement."""

    slip: Any  # a tree
    belongs: Any
    rank: int
    kind: str
    put_in: str  # the placeholder that is inserted: "b", "B", or ""


def parse_edit_rows(text):
    """Return the `Row`s of a table."""
    rows = []
    for line in text.strip().splitlines():
        slips, belong, edit = line.split(" | ")
        rank, kind = edit.split(" ", 1)
        for slip, belongs in product(parse_expressions(slips), parse_expressions(belong)):
            put_in = {*list_names_in(belongs)} - {*list_names_in(slip), *MODULE_NAMES}
            if ast.dump(slip) != ast.dump(belongs):
                rows.append(Row(slip, belongs, int(rank), kind, "".join(put_in)))
    return rows


def parse_expressions(code):
    """Return the syntax trees of expressions separated by commas."""
    tree = ast.parse(code, mode="eval").body
    return tree.elts if isinstance(tree, ast.Tuple) else [tree]


def match_pattern(pattern, node, bindings):
    """Return True if a tree matches a pattern, and store in `bindings` what each placeholder stands for."""
    if isinstance(pattern, ast.Name) and pattern.id in PLACEHOLDERS:
        bindings[pattern.id] = node
        return not isinstance(node, PLACEHOLDERS[pattern.id])
    if isinstance(pattern, ast.BitXor):
        return isinstance(node, ast.operator) and not isinstance(node, BINARY_OPERATORS)
    if type(pattern) is not type(node):
        return False
    if isinstance(pattern, list):
        return len(pattern) == len(node) and all(
            match_pattern(*pair, bindings) for pair in zip(pattern, node, strict=True)
        )
    if not isinstance(pattern, ast.AST):
        return pattern == node
    return all(match_pattern(getattr(pattern, field), getattr(node, field), bindings) for field in pattern._fields)


def fill_in(pattern, bindings):
    """Return a copy of a pattern in which the trees in `bindings` replace the placeholders."""
    if isinstance(pattern, ast.Name) and pattern.id in bindings:
        return bindings[pattern.id]
    if isinstance(pattern, list):
        return [fill_in(item, bindings) for item in pattern]
    if not isinstance(pattern, ast.AST):
        return pattern
    return type(pattern)(**{field: fill_in(getattr(pattern, field), bindings) for field in pattern._fields})


PLACEHOLDERS = {"a": (), "b": (), "i": (), "x": (ast.Constant, ast.Compare)}  # each with what it does not match
BINARY_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.MatMult, ast.Pow)
MODULE_NAMES = {"np", "torch", "F"}
AXES = (0, 1, -1, 2, -2, (0, 1), (1, 2), (0, 1, 2))
REDUCTIONS = {"sum", "mean", "max", "min", "prod", "median", "cumsum", "argmax", "argmin", "std", "var", "amax", "amin"}
SIMILAR_FUNCTIONS = (  # functions that are easily confused: (replacements, what they may replace)
    (("sum", "mean", "max", "min", "argmax"), REDUCTIONS | {"norm"}),
    (("exp", "log", "sqrt", "square", "tanh", "relu"),
     {"exp", "log", "sqrt", "square", "abs", "tanh", "relu", "log2", "log10", "log1p", "exp2", "expm1", "sigmoid",
      "softmax", "cosh", "sinh"}),
    (("sin", "cos"), {"sin", "cos"}),
    (("maximum", "minimum", "add"), {"maximum", "minimum", "add", "multiply", "fmax", "fmin"}),
    (("cumsum",), {"cumprod"}),
    (("zeros", "ones"), {"zeros", "ones", "empty"}),
    (("zeros_like", "ones_like"), {"zeros_like", "ones_like", "empty_like"}),
)  # fmt: skip
TRANSPOSE_KINDS = dict.fromkeys(("swapaxes", "transpose", "moveaxis", "reshape"), "a transpose")
FUNCTIONS_WITH_AXIS = {"roll", "insert", "append", "delete", "concatenate", "stack", "flip"}
FUNCTIONS_OF_SIZE = {"zeros", "ones", "empty", "zeros_like", "ones_like", "empty_like", "arange", "range", "len", "eye"}


def iter_expression_changes(spot, usable_names, sizes):
    """Yield each `Change` of one expression.

    usable_names: variables that an edit may insert; sizes: the names of sizes that it may insert.
    """
    node = spot.node
    parent = spot.parent
    place = span(node)
    is_function = isinstance(parent, ast.Call) and spot.key == "func"
    is_module = isinstance(parent, ast.Attribute) and isinstance(node, ast.Name) and node.id not in usable_names
    if is_module or (is_function and not isinstance(node, ast.Name)):
        return
    nodes_by_placeholder = {
        "b": [make_name(name) for name in usable_names],
        "B": [make_name(make_hidden_name(size)) for size in sizes],
        "": [None],
    }
    yield from iter_table_changes(node, SLIPS, nodes_by_placeholder)
    match node:
        case ast.BinOp(left, op, right):
            yield from (Change(1, "parentheses", new) for new in iter_regroupings(left, op, right))
        case ast.Compare(left, [op], [_]):
            yield Change(0, "a condition", ast.Compare(left, [op], [ast.Constant(0)]))
            yield from (Change(2, "a name", make_name(alternative)) for alternative in usable_names)
        case ast.BoolOp(op, values):
            for value in values:
                yield Change(1, "a condition", value)
            yield Change(1, "a condition", ast.BoolOp(ast.And() if isinstance(op, ast.Or) else ast.Or(), values))
        case ast.Constant(int() | float() as value) if not isinstance(value, bool):
            place = span(parent) if isinstance(parent, (ast.BinOp, ast.Call)) else place
            kind = "a transpose" if is_transpose_call(parent) else "a constant"
            for alternative in dict.fromkeys((0, 1, -1, 2, value + 1, value - 1, 0.5, 10)):
                if alternative != value:
                    yield Change(1, kind, make_number(alternative), place)
            for size in sizes:
                yield Change(1, "a constant", make_name(make_hidden_name(size)), place)
            if spot.context == "an index":
                yield from (Change(2, "a constant", make_name(name), place) for name in usable_names)
        case ast.Constant(str(value)) if "->" in value:
            yield from (Change(1, "an axis", ast.Constant(alternative)) for alternative in iter_einsum_variants(value))
        case ast.Name(name):
            yield from (Change(2, "a name", make_name(other_name)) for other_name in usable_names if other_name != name)
        case ast.Subscript(array, part):
            for new in iter_slice_variants(part, list_names_in(part)):
                yield Change(1, "an index", ast.Subscript(array, new, ast.Load()))
            for axis, item in enumerate(part.elts if isinstance(part, ast.Tuple) else [part]):
                if not isinstance(item, ast.Slice):  # one entry in place of all of them
                    yield Change(1, "a sum", make_method_call(array, "sum", axis))
            if isinstance(part, ast.Constant) and part.value is not None:
                column = [ast.Slice(None, None, None), ast.Constant(None)]
                yield Change(1, "an index", ast.Subscript(array, ast.Tuple(column, ast.Load()), ast.Load()))
        case ast.Attribute(owner, "subtract" | "multiply" | "maximum" | "minimum") if (
            getattr(parent, "attr", "") == "at"
        ):
            yield Change(1, "a function", ast.Attribute(owner, "add", ast.Load()))
        case ast.Tuple(items) | ast.List(items):
            for i, j in combinations(range(len(items)), 2):
                yield Change(1, "an order", type(node)(swap_items(items, i, j), ast.Load()))
        case ast.Call():
            yield from iter_call_changes(node, nodes_by_placeholder)
            if not is_function:
                yield from (Change(2, "a name", make_name(name)) for name in usable_names)
    if isinstance(node, (ast.Tuple, ast.List, ast.Slice, ast.Starred, ast.Lambda)) or is_function:
        return
    if spot.context in ("an axis", "a type", "a loop"):
        return
    if getattr(node, "attr", "") == "shape" or getattr(getattr(parent, "func", None), "attr", "") in FUNCTIONS_OF_SIZE:
        return  # a shape times 3 would have three times as many axes
    # Insertions: likeliest around everything that a line computes, around an operand of @, or around an argument.
    is_value = isinstance(parent, (ast.Assign, ast.AugAssign, ast.Return, ast.Lambda, ast.Call, ast.BoolOp))
    is_factor = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.MatMult)
    if not isinstance(node, ast.Constant):
        rank = 3 if is_value or is_factor else 4
        yield Change(1 if is_factor else rank, "a transpose", make_method_call(node, "swapaxes", -1, -2))
        yield from iter_insertions(node, rank, nodes_by_placeholder, spot.context == "an index")
    elif not isinstance(node.value, str) and spot.context != "an index" and not isinstance(parent, ast.BoolOp):
        for size in sizes:
            new = ast.BinOp(node, ast.Div(), make_name(make_hidden_name(size)))
            yield Change(3, "a factor: of a size", new, place)


def is_transpose_call(node):
    """Return True if a node is a call that permutes axes, so that its arguments are axis numbers."""
    name = getattr(getattr(node, "func", None), "attr", "")
    return isinstance(node, ast.Call) and name in TRANSPOSE_KINDS and name != "reshape"


def iter_table_changes(node, table, nodes_by_placeholder):
    """Yield a `Change` for each row whose slip matches an expression, and each node to insert.

    table: a list of `Row`. nodes_by_placeholder: {"b", "B" or "": the nodes that may be inserted}.
    """
    for row in table:
        bindings = {}
        if match_pattern(row.slip, node, bindings):
            for value in nodes_by_placeholder[row.put_in]:
                new = fill_in(row.belongs, {**bindings, row.put_in: value})
                yield Change(row.rank, row.kind, new, find_edited_span(node, new))


def find_edited_span(node, new):
    """Return the span of source text to mention for an edit.

    Of a long operation, it leaves out an operand that stays the same.
    """
    first_line, column, last_line, end = span(node)
    if not isinstance(node, ast.BinOp) or (first_line == last_line and end - column < 40):
        return span(node)
    left_span = span(node.left)
    right_span = span(node.right)
    if node.left in (new, getattr(new, "left", None)):
        return left_span[2:] + right_span[2:]
    if node.right in (new, getattr(new, "right", None)):
        return left_span[:2] + right_span[:2]
    return span(node)


def iter_regroupings(left_node, op, right_node):
    """Yield `left_node op right_node` with its parentheses in other positions."""
    if isinstance(left_node, ast.BinOp):  # (a + b) * c, where a + (b * c) belongs
        yield ast.BinOp(left_node.left, left_node.op, ast.BinOp(left_node.right, op, right_node))
        yield attach_to_last_operand(left_node, op, right_node)
    new_call = move_into_call(left_node, op, right_node)
    if new_call is not None:  # sqrt(a) * b, where sqrt(a * b) belongs
        yield new_call
    match left_node, right_node:
        case ast.Call(function, [a], []), ast.Call(other_function, [b], []):
            if ast.dump(function) == ast.dump(other_function):
                yield ast.Call(function, [ast.BinOp(a, op, b)], [])  # exp(a) - exp(b)
    if isinstance(right_node, ast.BinOp):
        yield ast.BinOp(ast.BinOp(left_node, op, right_node.left), right_node.op, right_node.right)
        yield attach_to_first_operand(left_node, op, right_node)


def attach_to_first_operand(left_node, op, right_node):
    """Return `right_node` with `left_node op` before its first operand."""
    if isinstance(right_node, ast.BinOp):
        return ast.BinOp(attach_to_first_operand(left_node, op, right_node.left), right_node.op, right_node.right)
    return ast.BinOp(left_node, op, right_node)


def attach_to_last_operand(left_node, op, right_node):
    """Return `left_node` with `op right_node` after its last operand."""
    if isinstance(left_node, ast.BinOp):
        return ast.BinOp(left_node.left, left_node.op, attach_to_last_operand(left_node.right, op, right_node))
    return ast.BinOp(left_node, op, right_node)


def move_into_call(left_node, op, right_node):
    """Return `left_node` with `op right_node` moved into the call at its end; None if it does not end with a call."""
    if isinstance(left_node, ast.BinOp):
        new_call = move_into_call(left_node.right, op, right_node)
        return new_call and ast.BinOp(left_node.left, left_node.op, new_call)
    unsuitable_kinds = (ast.Tuple, ast.List, ast.Starred, ast.Lambda)
    if (
        isinstance(left_node, ast.Call)
        and len(left_node.args) == 1
        and not (left_node.keywords or isinstance(left_node.args[0], unsuitable_kinds))
    ):
        return ast.Call(left_node.func, [ast.BinOp(left_node.args[0], op, right_node)], [])
    return None


def iter_call_changes(node, nodes_by_placeholder):
    """Yield each `Change` of a call.

    They change the function, an axis or the order of the arguments, or remove the call. nodes_by_placeholder: see
    `iter_table_changes`.
    """
    function = node.func
    arguments = node.args
    keywords = node.keywords
    name = getattr(function, "attr", getattr(function, "id", ""))
    owner = getattr(function, "value", None)
    is_method = owner is not None and not (isinstance(owner, ast.Name) and owner.id in ("np", "torch", "F", "math"))
    kind = ({"copy": "a copy", "astype": "a type"} | TRANSPOSE_KINDS).get(name)
    if name not in FUNCTIONS_OF_SIZE:
        if is_method:
            yield Change(0, kind or "a function", owner)
        yield from (Change(0, kind or "a function", array) for array in arguments if is_array(array))
    array = owner if is_method else next(iter(arguments), None)
    if name in ("copy", "array") and array is not None:
        yield Change(1, "a term", ast.Call(ast.Attribute(make_name("np"), "zeros_like", ast.Load()), [array], []))
    if owner is None and name in ("min", "max"):
        yield Change(1, "a function", ast.Call(make_name("max" if name == "min" else "min"), arguments, keywords))
    if len(arguments) == 1 and not keywords and isinstance(arguments[0], ast.BinOp):  # sqrt(a * b) for sqrt(a) * b
        argument = arguments[0]
        yield Change(1, "parentheses", ast.BinOp(ast.Call(function, [argument.left], []), argument.op, argument.right))
    for replacements, similar_names in SIMILAR_FUNCTIONS:
        if name not in similar_names or owner is None:
            continue
        for replacement in replacements:
            if replacement != name:
                new = ast.Call(ast.Attribute(owner, replacement, ast.Load()), arguments, keywords)
                yield Change(1, "a function", new)
    if name in REDUCTIONS:
        array = [] if is_method else arguments[:1]
        keyword_names = {keyword.arg for keyword in keywords}
        for axis in (None, *AXES):
            has_keepdims = "keepdims" in keyword_names
            axis_keywords = [] if axis is None else [ast.keyword("axis", make_number(axis))]
            yield Change(2 if has_keepdims else 1, "an axis", ast.Call(function, array, axis_keywords))
            if axis is not None:
                new = ast.Call(function, array, [*axis_keywords, ast.keyword("keepdims", ast.Constant(True))])
                yield Change(1 if has_keepdims else 2, "an axis", new)
        if name not in ("sum", "mean") and owner is not None:
            axis_keywords = [k for k in keywords if k.arg == "axis"] + [ast.keyword("keepdims", ast.Constant(True))]
            for replacement in ("sum", "mean"):
                new = ast.Call(ast.Attribute(owner, replacement, ast.Load()), array, axis_keywords)
                yield Change(2, "a function", new)
    if len(arguments) == 1 and isinstance(arguments[0], ast.UnaryOp) and isinstance(arguments[0].op, ast.USub):
        yield Change(1, "a sign", ast.UnaryOp(ast.USub(), ast.Call(function, [arguments[0].operand], keywords)))
    if name in FUNCTIONS_WITH_AXIS:
        rest = [keyword for keyword in keywords if keyword.arg != "axis"]
        for axis in (0, 1):
            yield Change(1, "an axis", ast.Call(function, arguments, [*rest, ast.keyword("axis", make_number(axis))]))
    if name in ("tri", "tril", "triu"):
        for k in (1, -1):
            yield Change(1, "an index", ast.Call(function, arguments, [*keywords, ast.keyword("k", make_number(k))]))
    if name == "exp" and len(arguments) == 1:
        difference = ast.BinOp(arguments[0], ast.Sub(), make_row_reduction(arguments[0], "max"))
        yield Change(1, "exp", ast.Call(function, [difference], []))
    if name == "reshape" and is_method:
        yield Change(1, "a transpose", ast.Attribute(owner, "T", ast.Load()))
        for i, j in combinations(range(len(arguments)), 2):  # reshape(V, -1), where reshape(-1, V).T belongs
            new = ast.Call(function, swap_items(arguments, i, j), [])
            yield Change(1, "a transpose", make_method_call(new, "swapaxes", i, j))
    yield from iter_table_changes(node, LOOPS, nodes_by_placeholder)
    for i, j in combinations(range(min(3, len(arguments))), 2):
        if name not in ("range", "reshape", "swapaxes") and not isinstance(arguments[i], ast.Starred):
            yield Change(1, "an order", ast.Call(function, swap_items(arguments, i, j), keywords))
    for keyword in keywords:
        if keyword.arg not in ("axis", "keepdims"):
            rest = [replacement for replacement in keywords if replacement is not keyword]
            kind = {"dtype": "a type", "out": "a copy"}.get(keyword.arg, "a function")
            yield Change(0, kind, ast.Call(function, arguments, rest))


def iter_insertions(node, rank, nodes_by_placeholder, is_index):
    """Yield a `Change` for each row of MISSING: something is added to an expression."""
    for placeholder, rows in groupby(MISSING, key=attrgetter("put_in")):
        rows = [row for row in rows if placeholder != "b" or is_index == (row.kind == "an index")]
        for value, row in product(nodes_by_placeholder[placeholder], rows):
            yield Change(rank, row.kind, fill_in(row.belongs, {"a": node, placeholder: value}))


def iter_slice_variants(part, index_names):
    """Yield variants of a slice or an index, some with other names from `index_names`.

    Of a tuple, one item is changed.
    """
    if isinstance(part, ast.Tuple):
        for i, item in enumerate(part.elts):
            for new in iter_slice_variants(item, index_names):
                yield ast.Tuple([*part.elts[:i], new, *part.elts[i + 1 :]], ast.Load())
    if isinstance(part, (ast.Name, ast.Constant)):
        for offset in (1, -1):
            yield ast.BinOp(part, ast.Add(), make_number(offset))
        yield ast.Slice(None, None, None)
    if isinstance(part, ast.Name):
        yield make_number(0)
    if isinstance(part, ast.Slice):
        lower = part.lower
        upper = part.upper
        step = part.step
        for new in (None, make_number(0), make_number(1), make_number(-1)):
            yield ast.Slice(new, upper, step)
            yield ast.Slice(lower, new, step)
        yield ast.Slice(make_number(1), make_number(-1), step)
        if isinstance(upper, ast.BinOp) and lower and ast.dump(upper.left) == ast.dump(lower):
            for name in list_names_in(upper.right):  # i:i + d, where i * d:(i + 1) * d belongs
                start = ast.BinOp(lower, ast.Mult(), make_name(name))
                yield ast.Slice(start, ast.BinOp(start, upper.op, upper.right), step)
        for offset in (1, -1):
            shifted_ends = [end and ast.BinOp(end, ast.Add(), make_number(offset)) for end in (lower, upper)]
            yield ast.Slice(shifted_ends[0], upper, step)
            yield ast.Slice(lower, shifted_ends[1], step)
            yield ast.Slice(*shifted_ends, step)
    if not isinstance(part, (ast.Name, ast.Constant)):
        for name in list_names_in(part):
            yield from (rename(part, name, other_name) for other_name in index_names if other_name != name)


def list_names_in(node):
    return sorted({child.id for child in ast.walk(node) if isinstance(child, ast.Name)})


SLIPS, LOOPS, MISSING = map(parse_edit_rows, (SLIP_ROWS, LOOP_ROWS, MISSING_ROWS))


def iter_einsum_variants(text):
    """Yield variants of an einsum's text: one index replaced or removed, or two indices of an operand exchanged."""
    indices = sorted(set(re.findall("[a-zA-Z]", text)))
    for i, index in enumerate(text):
        if index.isalpha():
            yield from (text[:i] + other_index + text[i + 1 :] for other_index in indices if other_index != index)
            yield text[:i] + text[i + 1 :]
    for operand in re.finditer("[a-zA-Z]+", text):
        for i, j in combinations(range(*operand.span()), 2):
            yield "".join(swap_items(list(text), i, j))


# ---- statements ------------------------------------------------------------------------------------------------------
SIMPLE_STATEMENTS = (ast.Assign, ast.AugAssign, ast.Expr, ast.Return)


def iter_block_changes(block, own_numbers, usable_names):
    """Yield each `Change` of a block: `new` is the whole block.

    block: a list of statements; own_numbers: the numbers of the learner's own lines; usable_names: variables that an
    edit may insert.
    """
    for i, statement in enumerate(block):
        if is_spend_call(statement) or statement.lineno not in own_numbers:
            continue
        for change in iter_statement_changes(statement, usable_names):
            new_block = [*block[:i], copy_location_from(statement, change.new), *block[i + 1 :]]
            yield Change(change.rank, change.kind, new_block, span(statement))
        next_statement = block[i + 1] if i + 1 < len(block) else None
        if (
            isinstance(statement, SIMPLE_STATEMENTS)
            and isinstance(next_statement, SIMPLE_STATEMENTS)
            and not is_next_lost_if_exchanged(statement, next_statement)
        ):
            place = span(statement)[:2] + span(next_statement)[2:]
            yield Change(1, "the order of lines", swap_items(block, i, i + 1), place)
        match statement:
            case ast.Assign([ast.Subscript(ast.Name(name))], ast.Constant(0)):  # add the same line for another array
                for other_name in usable_names:
                    new_block = [*block[: i + 1], rename(statement, name, other_name), *block[i + 1 :]]
                    yield Change(3, "a mask", new_block, span(statement))
        if isinstance(statement, SIMPLE_STATEMENTS) and isinstance(next_statement, (ast.For, ast.While)):
            new_loop = replace_body(next_statement, [statement, *next_statement.body])
            yield Change(1, "a line in the loop", [*block[:i], new_loop, *block[i + 2 :]], span(statement))
        if isinstance(statement, ast.If):
            ends = replace_body(statement, [*statement.body, copy_location_from(statement.body[-1], ast.Break())])
            yield Change(1, "a loop", [*block[:i], ends, *block[i + 1 :]], span(statement.body[-1]))
        if isinstance(statement, (ast.For, ast.While, ast.If)):
            statements = [statement for statement in statement.body if not is_spend_call(statement)]
            if len(statements) > 1:
                last_statement = statements[-1]
                first_statement = statements[0]
                remaining = [statement for statement in statement.body if statement is not last_statement]
                new_block = [*block[:i], replace_body(statement, remaining), last_statement, *block[i + 1 :]]
                yield Change(1, "a line in the loop", new_block, span(last_statement))
                remaining = [statement for statement in statement.body if statement is not first_statement]
                new_block = [*block[:i], first_statement, replace_body(statement, remaining), *block[i + 1 :]]
                yield Change(1, "a line in the loop", new_block, span(first_statement))
            if isinstance(next_statement, SIMPLE_STATEMENTS) and next_statement.lineno in own_numbers:
                new_loop = replace_body(statement, [*statement.body, next_statement])
                yield Change(1, "a line in the loop", [*block[:i], new_loop, *block[i + 2 :]], span(next_statement))


def is_next_lost_if_exchanged(statement, next_statement):
    """Return True if exchanging two statements would make the second one useless.

    It would if that one is a return, or if both set the same name.
    """
    alike = isinstance(statement, ast.Assign) and isinstance(next_statement, ast.Assign)
    return isinstance(next_statement, ast.Return) or (
        alike and ast.dump(statement.targets[0]) == ast.dump(next_statement.targets[0])
    )


def iter_statement_changes(statement, usable_names):
    """Yield each `Change` of a whole statement.

    usable_names: variables that an edit may insert.
    """
    match statement:
        case ast.Assign([ast.Subscript(array, part)], value) if not isinstance(part, ast.Name):
            for new in iter_slice_variants(part, list_names_in(part)):
                yield Change(1, "an index", ast.Assign([ast.Subscript(array, new, ast.Store())], value))
    match statement:
        case ast.Assign([ast.Name() | ast.Subscript() | ast.Attribute() as target], value):
            yield from (Change(1, "an assignment", ast.AugAssign(target, op(), value)) for op in (ast.Add, ast.Sub))
        case ast.AugAssign(target, op, value):
            yield Change(1, "an assignment", ast.Assign([target], value))
            for other_operation in (ast.Add, ast.Sub, ast.Mult, ast.Div):
                if not isinstance(op, other_operation):
                    is_sign = isinstance(op, (ast.Add, ast.Sub)) and other_operation in (ast.Add, ast.Sub)
                    yield Change(
                        1, "a sign" if is_sign else "an operation", ast.AugAssign(target, other_operation(), value)
                    )
            if isinstance(target, (ast.Name, ast.Attribute)):
                before = copy.copy(target)
                before.ctx = ast.Load()
                yield Change(1, "a copy", ast.Assign([target], ast.BinOp(before, op, value)))
            if isinstance(target, ast.Subscript) and isinstance(op, ast.Add):
                array = copy.copy(target.value)
                add = ast.Attribute(ast.Attribute(make_name("np"), "add", ast.Load()), "at", ast.Load())
                yield Change(1, "an index that occurs twice", ast.Expr(ast.Call(add, [array, target.slice, value], [])))
        case ast.Expr(ast.Compare(ast.Name() | ast.Subscript() as target, [ast.Eq()], [value])):
            target = copy.copy(target)
            target.ctx = ast.Store()
            yield Change(1, "an assignment", ast.Assign([target], value))
        case ast.If(test, body, orelse):
            yield Change(1, "a condition", ast.If(ast.UnaryOp(ast.Not(), test), body, orelse))
    if isinstance(statement, SIMPLE_STATEMENTS):
        if not isinstance(statement, ast.Return):
            yield Change(2, "a line", ast.Pass())
        used = [
            node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        ]
        for name in sorted({name for name in used if used.count(name) > 1 and name in usable_names}):
            for other_name in usable_names:
                if other_name != name:
                    yield Change(2, "a name", rename(statement, name, other_name))


# ---- nodes -----------------------------------------------------------------------------------------------------------
def span(node):
    """Return (first line, column, last line, end column) of a node in the source."""
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


def make_name(name):
    return ast.Name(name, ast.Load())


def make_number(value):
    """Return a node for a number or a tuple of numbers."""
    if isinstance(value, tuple):
        return ast.Tuple([make_number(item) for item in value], ast.Load())
    return ast.UnaryOp(ast.USub(), ast.Constant(-value)) if value is not None and value < 0 else ast.Constant(value)


def make_method_call(node, name, *arguments):
    return ast.Call(ast.Attribute(node, name, ast.Load()), [make_number(argument) for argument in arguments], [])


def make_row_reduction(node, name):
    """Return a node that computes the sum or the maximum of each row."""
    keywords = [ast.keyword("axis", make_number(-1)), ast.keyword("keepdims", ast.Constant(True))]
    return ast.Call(ast.Attribute(node, name, ast.Load()), [], keywords)


def swap_items(items, i, j):
    items = list(items)
    items[i], items[j] = items[j], items[i]
    return items


def replace_body(loop, body):
    loop = copy.copy(loop)
    loop.body = body
    return loop


def rename(node, name, new_name):
    """Return a copy of a node in which `name`, wherever it is read, is replaced by `new_name`."""
    node = copy.deepcopy(node)
    for child in ast.walk(node):
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Load) and child.id == name:
            child.id = new_name
    return node


def is_array(node):
    """Return True if an argument may be an array: it is not a number, a string, or a tuple or list."""
    return not isinstance(node, (ast.Constant, ast.Tuple, ast.List, ast.UnaryOp, ast.Starred, ast.Lambda))
