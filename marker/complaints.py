"""Explain Python's exceptions in a learner's file in plain language. The sentences are in said.md."""

import ast
import builtins
import difflib
import re
import traceback
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import numpy as np

from marker.verdict import PYTHON_SENTENCES, Verdict, Wrong, is_error_name, make_failing_verdict
from marker.words import Words
from support.errors import UserError

WORDS = Words.from_folder()
said = PYTHON_SENTENCES.text


def read_source(path):
    return Path(path).read_text(encoding="utf-8-sig", errors="replace")


# Methods that change an array or a list in place and return None.
IN_PLACE = "sort", "partition", "fill", "put", "reverse", "append", "extend", "insert", "remove", "clear", "shuffle"


def find_in_place_method(name, code_text):
    """Return the method in a line `name = ...` that works in place and returns None; "" if there is none."""
    method = rf"^\s*{name} *=(?!=).*(?<!np)\.({'|'.join(IN_PLACE)})\([^()]*\) *(?:#.*)?$"
    changing = re.search(method, code_text, re.MULTILINE)
    return changing[1] if changing else ""


def explain_none(name, code_text):
    """Return a sentence about a result that is None. code_text: the source lines of the function that returned it."""
    method = find_in_place_method(name, code_text)
    if method:
        return f"{name} is None: `.{method}()` changes its array in place, and returns None"
    return f"{name} is None"


def make_error_verdict(error, learner_path, words=WORDS, name_hints=None):
    """Return the `Verdict` on a learner's file that ended with an exception. Arguments: see `explain_error_in_file`."""
    text = explain_error_in_file(error, learner_path, words, name_hints)
    if isinstance(error, Wrong):
        return make_failing_verdict(error.mark, text, words.marks)
    return Verdict(False, "error", text, error=find_error_class_name(error))


def explain_error_in_file(error, learner_path, words=WORDS, name_hints=None):
    """Return a text on an exception that a learner's file raised: the line, if it is known, and the explanation.

    words: the `Words` of the exercise's folder. name_hints: {name: what it is}, for names that the exercise's text uses
    but the file does not define.
    """
    line = None
    source_line = ""
    own_frame = find_own_frame_and_lineno(error, learner_path)
    if isinstance(error, SyntaxError) and error.filename == learner_path:
        line = error.lineno
        source_line = (error.text or "").strip()
        kinds = [f"unreadable {kind.__name__}" for kind in type(error).__mro__]
        reason = error.msg if error.msg.endswith("?") else f"{error.msg}."
        message = f"{said('unreadable', why=reason)} {find_advice(words, kinds, error.msg, source_line)}"
    elif own_frame:
        frame, line = own_frame
        source_line = read_source(learner_path).splitlines()[line - 1].strip()
        variables = {**vars(builtins), **frame.f_globals, **frame.f_locals}
        message = explain_misfit_in_line(
            read_source(learner_path), line, variables, words.operands
        ) or explain_exception(error, variables, source_line, words, name_hints)
    else:
        message = explain_exception(error, words=words)
    if re.match("[a-z]+ ", message):  # not if it begins with a name, such as f()
        message = message[:1].upper() + message[1:]
    location = said("line", line=line, wrote=source_line) + "\n" if line else ""
    return location + message


def find_error_class_name(error):
    """Return the name of an exception's class or, if the learner defined it, of its nearest known base class."""
    return next(kind.__name__ for kind in type(error).__mro__ if is_error_name(kind.__name__))


def find_own_frame_and_lineno(error, learner_path):
    """Return (the innermost frame in the learner's file, its line number); None if there is none."""
    frames = [pair for pair in traceback.walk_tb(error.__traceback__) if pair[0].f_code.co_filename == learner_path]
    return frames[-1] if frames else None


def find_advice(words, kinds, message, source_line):
    """Return the advice for an error, from the first row of `words.errors` that matches; None if no row does.

    kinds: the names of the error's classes; message: its message; source_line: the line that raised it.
    """
    for kind, in_message, in_wrote, text in words.errors:
        match = re.search(in_message, message) if kind in kinds else None
        if match and re.search(in_wrote, source_line):
            return match.expand(text)
    return None


def get_error_message(error):
    """Return the message of an exception; "" if its own `__str__` fails."""
    try:
        return str(error)
    except Exception:
        return ""


def explain_exception(error, variables=(), source_line="", words=WORDS, name_hints=None):
    """Return an explanation of an exception.

    variables: {name: value} where it was raised; source_line: the text of that line; words, name_hints: see
    `explain_error_in_file`.
    """
    if isinstance(error, (Wrong, UserError)):
        return str(error)
    if isinstance(error, NameError) and error.name and not isinstance(error, UnboundLocalError):
        return explain_name(error.name, variables, source_line, words, name_hints or {})
    message = re.sub(r"\S*<locals>\.", "", get_error_message(error).strip().split("\n")[0])[:300] or said("no message")
    match = re.search("'(.*?)'", message)
    if isinstance(error, UnboundLocalError) and match:
        name = match[1]
        is_changed = re.search(rf"(?:^|; *){name} *[-+*/@]?=", source_line)  # so its old value is missing
        for word, companion, text in words.names:
            if is_changed and name == word and companion in variables:
                return f"{said('no value', name=name)} {text}"
    kinds = [kind.__name__ for kind in type(error).__mro__]
    if "torch" in variables:
        kinds.append("PyTorch")
    plainly = said("an error" if is_error_name(kinds[0]) else "an error: of one's own", message=message, kind=kinds[0])
    return find_advice(words, kinds, message, source_line) or plainly


def explain_name(name, variables, source_line, words, name_hints):
    """Return a sentence about a name that is not defined. variables: {name: value} of the names that are."""
    if source_line.startswith("DIAGNOSIS"):
        return said("quotes", name=name)
    no_name = said("no name", name=name)
    for word, companion, text in words.names:
        if name == word and (companion in variables or not companion):
            return f"{no_name} {text}"
    if name in name_hints:
        return f"{no_name} {name_hints[name]}"
    if re.match(rf"{name}\[.*\] *[-+*/@]?=(?!=)", source_line):
        return said("no name: of an array", name=name)
    if hasattr(np, name) and name.islower():
        return f"{no_name} {said('do you mean', name=f'np.{name}')}"
    own_variables = [
        n for n in variables if not hasattr(builtins, n) and not isinstance(variables[n], ModuleType) and n != name
    ]
    names_by_lowercase = {n.lower(): n for n in own_variables}
    matches = difflib.get_close_matches(name.lower(), names_by_lowercase, 1, 0.6)
    return f"{no_name} {said('do you mean', name=names_by_lowercase[matches[0]])}" if matches else no_name


OPERATORS = {ast.MatMult: "@", ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**",
             ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.Eq: "=="}  # fmt: skip


def explain_misfit_in_line(source, line, variables, operand_questions):
    """Return a text on the innermost operation in a line whose operands have incompatible shapes; else None.

    variables: {name: value}, with which the operands are evaluated. operand_questions: {a name: what to ask if its
    shape does not fit}.
    """
    for node in reversed(list(ast.walk(ast.parse(source)))):
        match node:
            case ast.BinOp(left, op, right) | ast.AugAssign(left, op, right) | ast.Compare(left, [op], [right]):
                if type(op) not in OPERATORS or not node.lineno <= line <= node.end_lineno:
                    continue
                try:
                    a, b = (np.shape(eval(ast.unparse(side), dict(variables))) for side in (left, right))
                except BaseException:
                    continue
                sign = OPERATORS[type(op)]
                if not a or not b:  # a single number has no shape
                    continue
                reason = explain_misfit_of_shapes(left, a, sign, right, b, operand_questions)
                if reason:
                    segment = " ".join(ast.get_source_segment(source, node).split())  # as typed, with its parentheses
                    kind = "shapes: in a part" if len(segment) < 60 else "shapes"
                    return f"{said(kind, wrote=segment, a=a, sign=sign, b=b)} {reason}"
    return None


def explain_misfit_of_shapes(left_node, left_shape, sign, right_node, right_shape, operand_questions):
    """Return a text that says why arrays of these shapes cannot be operands of `sign`; None if they can."""
    if sign == "@":
        m = left_shape[-1]
        n = right_shape[-2:][0]
        if m != n:
            text = said("inner numbers", m=m, n=n)
            if left_shape == right_shape:
                text += f" {said('inner numbers: alike')}"
        elif not can_broadcast(left_shape[:-2], right_shape[:-2]):
            text = said("axes before")
        else:
            return None
        sides = (left_node, left_shape), (right_node, right_shape)
        is_transposed = any(getattr(side, "attr", "") == "T" and len(shape) > 2 for side, shape in sides)
        return f"{text} {said('turned')}" if is_transposed else text
    if can_broadcast(left_shape, right_shape):
        return None
    text = said("entry by entry")
    for side in (left_node, right_node):
        question = operand_questions.get(ast.unparse(side))
        if question:
            return f"{text} {question}"
    short, long = sorted((left_shape, right_shape), key=len)
    if short == long[:-1]:
        text += f" {said('entry by entry: an axis', shape=(*short, 1))}"
    if (
        sign == "*"
        and len(left_shape) == len(right_shape) == 2
        and (left_shape[0] == right_shape[0] or left_shape[1] in right_shape)
    ):
        text += f" {said('entry by entry: a product')}"
    return text


def can_broadcast(left_shape, right_shape):
    with suppress(ValueError):
        np.broadcast_shapes(left_shape, right_shape)
        return True
    return False
