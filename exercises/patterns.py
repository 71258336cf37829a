"""Patterns of Python code, in which X, Y and Z stand for any expression: `X.T @ Y`, `X[Y > 0]`."""

import ast
import copy

ANY = {"X", "Y", "Z"}


def found(pattern, tree):
    """(holder, key, what X, Y and Z are) of each part of a tree that a pattern fits: the part is holder[key]."""
    wanted = node_of(pattern)
    for parent in ast.walk(tree):
        for field, child in ast.iter_fields(parent):
            holder = child if isinstance(child, list) else vars(parent)
            for key in range(len(child)) if isinstance(child, list) else (field,):
                letters = {}
                if fits(wanted, holder[key], letters):
                    yield holder, key, letters


def node_of(pattern):
    """A pattern's node: an expression, or a statement if nothing uses its value."""
    statement = ast.parse(pattern).body[0]
    is_value = isinstance(statement, ast.Expr) and not pattern.startswith("(") and "==" not in pattern
    return statement.value if is_value else statement


def fits(wanted, node, letters):
    if isinstance(wanted, ast.Name) and wanted.id in ANY and isinstance(node, ast.expr):
        same = letters.setdefault(wanted.id, node)
        return same is node or ast.dump(same) == ast.dump(node)
    if isinstance(wanted, list):
        return (
            isinstance(node, list)
            and len(wanted) == len(node)
            and all(fits(one, other, letters) for one, other in zip(wanted, node, strict=True))
        )
    if not isinstance(wanted, ast.AST):
        return wanted == node
    return type(wanted) is type(node) and all(
        fits(value, getattr(node, field, None), letters)
        for field, value in ast.iter_fields(wanted)
        if field not in ("type_comment", "kind")
    )


def changed(code, pattern, becomes):
    """The code with another expression in the place of a pattern, once for each place that the pattern fits."""
    tree = ast.parse(code)
    for holder, key, letters in list(found(pattern, tree)):
        before = holder[key]
        holder[key] = filled(becomes, letters)
        yield ast.unparse(ast.fix_missing_locations(tree))
        holder[key] = before


def filled(pattern, letters):
    """The node of a pattern, with X, Y and Z filled in."""

    class Fill(ast.NodeTransformer):
        def visit_Name(self, node):
            return copy.deepcopy(letters.get(node.id, node))

    return Fill().visit(ast.parse(pattern, mode="eval").body)
