"""The part of an exercise's file above the line: the stub made from a complete file, and its parsed text."""

import ast
import re
import textwrap
from typing import NamedTuple

# A name, maybe with a function's arguments or an array's shape.
NAME_PATTERN = r"[\w.]+(?:\([\w, ]*\))?(?: \([\w, +]*\))?"
NAMES_PATTERN = re.compile(rf"{NAME_PATTERN}(?:, {NAME_PATTERN})*")
NAME_AND_SHAPE_PATTERN = re.compile(r"([A-Za-z_]\w*)(?: \(([^()]*)\))?(?:, |$)")
DOTS_PATTERN = re.compile(r"    # (\w+) = \.\.\.")
FORMULA_PATTERN = re.compile(r"[]=@*/[]| [-+] |\w\(")
HANDED_OUT_LINE = "    # handed out:"  # in an answer: the stub also has the lines from here to `return`


def split_stub_and_answer(text):
    """Return (the stub, the answer) of a complete file.

    In place of the answer, the stub has `name = ...` for each result. If the answer has comments of the form `# dz =
    ...  # this may take several lines`, the stub has these lines instead, uncommented. Raises ValueError if the file
    has no function, or one that `check_stub_can_be_made` rejects.
    """
    function = next((node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)), None)
    if not function:
        raise ValueError("there is no function above the line")
    check_stub_can_be_made(function)
    docstring, *_, last_statement = function.body
    names = find_returned_names(function)
    lines = text.splitlines()
    before = lines[: docstring.end_lineno]
    after = lines[last_statement.lineno - 1 :]
    answer_lines = lines[docstring.end_lineno : last_statement.lineno - 1]
    handed_out = []
    if any(re.match(r"    \w+ = \.\.\.", line) for line in answer_lines):
        raise ValueError("above the line there are dots: put the answer in their place, and the stub is made of it")
    if HANDED_OUT_LINE in answer_lines:
        end = answer_lines.index(HANDED_OUT_LINE)
        handed_out = answer_lines[end + 1 :]
        answer_lines = answer_lines[:end]
    dots = [line for line in answer_lines if DOTS_PATTERN.match(line)]
    set_by_dots = [DOTS_PATTERN.match(line)[1] for line in dots]
    if dots and not handed_out and {*set_by_dots} != {*names}:
        raise ValueError(f"its dots set {', '.join(set_by_dots)}, and it returns {', '.join(names)}")
    answer = [line for line in answer_lines if line not in dots]
    dots = [line.replace("# ", "", 1) for line in dots] or [f"    {name} = ..." for name in names]
    stub = "\n".join([*before, *dots, *handed_out, *after])
    return f"{stub}\n", textwrap.dedent("\n".join(answer + handed_out)).strip("\n")


def check_stub_can_be_made(function):
    """Raise ValueError if no stub can be made from a complete function.

    It needs a docstring, lines after that, and a last line that returns names. No other line may return, and each of
    the names must be set.
    """
    if not ast.get_docstring(function):
        raise ValueError(f"`{function.name}` has no docstring, which says what it returns")
    names = find_returned_names(function)
    if not names:
        text = f"the last line of `{function.name}` should return its results by name"
        raise ValueError(f"{text}, each set in a line before it: `return dz`")
    if len(function.body) < 3:
        raise ValueError(f"`{function.name}` has no answer between its docstring and `return`")
    check_one_return(function)
    unset = [name for name in names if name not in find_defined_names(function)]
    if unset:
        raise ValueError(f"`{function.name}` returns {', '.join(unset)}, and no line before sets {unset[0]}")


def check_one_return(function):
    """Raise ValueError if a function has a `return` besides its last line. The marker only runs the lines before."""
    nodes = [*function.body]
    while nodes:
        node = nodes.pop(0)
        if isinstance(node, ast.Return) and node is not function.body[-1]:
            text = f"line {node.lineno}: `{ast.unparse(node)}` is a second `return`"
            raise ValueError(f"{text}: `{function.name}` should set its results, and return them in its last line")
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            nodes.extend(ast.iter_child_nodes(node))


def find_defined_names(function):
    """Return the set of names that a function defines: its arguments and what its lines assign."""
    names = {argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        if isinstance(node, ast.FunctionDef) and node is not function:
            names.add(node.name)
    return names


def find_returned_names(function):
    """Return the names in the last line of a function, `return x, y`; () if that line does not return names."""
    last_statement = function.body[-1]
    value = last_statement.value if isinstance(last_statement, ast.Return) else None
    values = value.elts if isinstance(value, ast.Tuple) else [value]
    return tuple(node.id for node in values) if all(isinstance(node, ast.Name) for node in values) else ()


def extract_lines_before_return(text, function):
    """Return the lines of a function in a text, dedented, without its last statement, `return`.

    Return "" if there are none.
    """
    if not function or len(function.body) < 2:
        return ""
    first_statement, *_, last_statement = function.body
    return textwrap.dedent("\n".join(text.splitlines()[first_statement.lineno - 1 : last_statement.lineno - 1])).strip(
        "\n"
    )


def parse_term_rows(block, takes):
    """Return [[names with their shapes, description]] of an indented block of a statement.

    Return [] if the block does not describe names. takes: the names of the function's arguments.
    """
    terms = []
    for line in (line[4:] for line in block.splitlines()):
        if line.startswith(" ") and terms:  # continues the line before
            terms[-1][1] += f" {line.strip()}"
            continue
        cells = re.split("  +", line)
        name, _, rest = cells[0].partition(" ")
        if name in takes and rest and not rest.startswith("(") and not NAMES_PATTERN.fullmatch(cells[0]):
            cells[:1] = name, rest  # separated by one space, for lack of room
        if len(cells) == 4 and {*re.sub(r" \(.*?\)", "", cells[2]).split(", ")} <= {*takes}:  # two in one line
            terms.append([cells[0], cells[1]])
            cells = cells[2:]
        if not NAMES_PATTERN.fullmatch(cells[0]) or (cells[1:2] and cells[1].startswith(",")):
            return []
        if len(cells) > 1 and re.fullmatch(r"\([^()]*\)", cells[1]):
            cells[:2] = [" ".join(cells[:2])]
        terms.append([cells[0], ", ".join(cells[1:])])
    return terms


class Block(NamedTuple):
    """A paragraph or indented block of a statement.

    kind: "prose", with Markdown as content; "terms", with a list of (names with their shapes, description); "table",
    with a list of rows, each a list of cells; "drawing", "formulas" or "sentences", with a list of lines. describes:
    for terms, the arguments of the function that they describe.
    """

    kind: str
    content: str | list
    describes: tuple = ()


def parse_blocks(text, takes):
    """Return the text of a statement as a list of `Block`. takes: the names of the function's arguments."""
    return [make_block(part, takes) for part in text.strip("\n").split("\n\n")]


def make_block(part, takes):
    """Return a paragraph or an indented block of a statement as a `Block`.

    takes: the names of the function's arguments.
    """
    if not part.startswith("    "):
        return Block("prose", part)
    lines = [line[4:] for line in part.splitlines()]
    if "|" in part:
        return Block("drawing", lines)
    rows = [re.split("  +", line) for line in lines]
    if len(rows) > 1 and min(map(len, rows)) > 4:
        return Block("table", rows)
    terms = parse_term_rows(part, takes)
    if terms:
        names = []
        for names_with_shapes, _ in terms:
            names += [name for name, _ in NAME_AND_SHAPE_PATTERN.findall(names_with_shapes)]
        return Block("terms", terms, tuple(name for name in names if name in takes))
    return Block("formulas" if FORMULA_PATTERN.search(part) else "sentences", lines)


def parse_shapes(docstring, takes):
    """Return {an argument: the sizes of its axes, as text}, for the shapes in a docstring, as in `z, da (B, H)`."""
    shapes = {}
    for block in docstring.split("\n\n"):
        if not block.startswith("    "):
            continue
        for names, _ in parse_term_rows(block, takes) or [[line, ""] for line in block.splitlines()]:
            rows = NAME_AND_SHAPE_PATTERN.findall(names)
            for i, (name, _) in enumerate(rows):
                shape = next((shape for _, shape in rows[i:] if shape), "")  # its own, or that of the next name
                if shape and name in takes:
                    shapes.setdefault(name, tuple(size.strip() for size in shape.split(",") if size.strip()))
    return shapes
