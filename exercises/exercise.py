"""What an exercise is made of: a stub, inputs and their right results, and what is said about it.

What is said stands in chapter1.md to chapter5.md: a right answer, three hints, and the mistakes that have a name. A
mistake is a change of the right answer, as a learner would type it. So the marker knows what a function with this
mistake returns, for any inputs, without a function for each of them.
"""

import ast
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property, partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from autograd_np import Tensor
from exercises import ROOT, STUBS

ROUNDING = 1e-9  # of the largest entry: float64 keeps 16 digits, and sums of a few thousand terms lose three or four


def agree(a, b):
    """Whether two arrays are equal to rounding, relative to the largest entry; inf and NaN in the same places."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape:
        return False
    scale = np.abs(b[np.isfinite(b)]).max(initial=0)
    same = (a == b) | np.isnan(a) & np.isnan(b) | (np.abs(a - b) <= ROUNDING * scale)
    return bool(same.all())


class Mistake(NamedTuple):
    """One way to go wrong: the name, a question that leads to it, and the formula with this mistake in it."""

    name: str
    question: str
    code: Any


class Text(NamedTuple):
    """What a chapter says about an exercise."""

    formula: str = ""  # a right answer, of which the mistakes are changes
    answer: str = ""  # what the learner should write: the formula, or a second one that says the same in PyTorch
    hints: tuple = ()  # from a question to nearly the line
    mistakes: tuple = ()  # (name, change, question)
    notes: Any = MappingProxyType({})  # paragraphs that begin with a word and a colon, by that word


@dataclass(frozen=True)
class Exercise:
    """One exercise. Its stub is the file `name`.py in exercises/stubs."""

    name: str
    # Functions of a random generator that return the inputs and the right results as attributes; some of them also
    # `losses`, {an array's name: the loss as a function of that array}: what its gradient is the derivative of.
    givens: tuple = ()
    entrywise: str = ""  # the array whose entries the result has one number for each of, where nothing is summed
    may_change: tuple = ()  # the arguments that the function may change in place
    arguments: Callable | None = None  # arguments(g), a dict that has them, if they are not simply attributes of g
    needs_torch: bool = False
    case: Any = None  # a chapter3.Case, if this is one

    @cached_property
    def stub(self):
        return ast.parse((STUBS / f"{self.name}.py").read_text(encoding="utf-8"))

    @cached_property
    def title(self):
        title = ast.get_docstring(self.stub).split("\n")[0].rstrip(".")
        torch = " (PyTorch)" if self.needs_torch else ""
        return f"Case: {title[0].lower()}{title[1:]}{torch}" if self.case else title

    @cached_property
    def function(self):
        """What the learner writes, in the stub: an `ast.FunctionDef`."""
        return next(node for node in self.stub.body if isinstance(node, ast.FunctionDef))

    @cached_property
    def is_program(self):
        """Whether the stub does something when it is run, as every case does."""
        return any(isinstance(node, ast.If) and "__main__" in ast.unparse(node.test) for node in self.stub.body)

    @cached_property
    def takes(self):
        """The names of its arguments: attributes of what `givens` make."""
        return tuple(argument.arg for argument in self.function.args.args)

    @cached_property
    def gives(self):
        """The names of its results: attributes of what `givens` make."""
        return tuple(node.id for node in ast.walk(self.function.body[-1]) if isinstance(node, ast.Name))

    @cached_property
    def text(self):
        return next(texts[self.name] for texts in chapters().values() if self.name in texts)

    def inputs(self, seed):
        """For each trial, the inputs and the right results: two trials of different sizes from each of `givens`.

        The same seed gives the same ones.
        """
        for trial, given in enumerate(self.givens):
            rng = np.random.default_rng([seed, trial, *self.name.encode()])
            first, second = given(rng), given(rng)
            while sizes(first).items() & sizes(second).items():
                second = given(rng)
            yield from (first, second)

    def given(self, g):
        """The arguments of one call: arrays of its own, which it may modify freely."""
        if self.arguments:
            made = self.arguments(g)
            return {name: made[name] for name in self.takes}
        values = {name: getattr(g, name) for name in self.takes}
        return {name: v.copy() if isinstance(v, np.ndarray) else v for name, v in values.items()}

    @cached_property
    def known(self):
        """All mistakes that have a name, this exercise's own first."""
        formula, (factors, parts, _) = self.text.formula, tables("mistakes.md")
        rows = [(name, question, change(formula, to, self.gives[0])) for name, to, question in self.text.mistakes]
        own = [row for row in rows if not row[0].startswith("and ")]
        found = list(own)
        for name, part, becomes, question in parts:
            for match in re.finditer(part, formula):
                changed = formula[: match.start()] + match.expand(becomes) + formula[match.end() :]
                found.append((name, question, changed))
        for output in self.gives:
            found += [(name, question, f"{formula}\n{output} = {output} * ({k})") for name, k, question in factors]
        for further, ask, last in rows[len(own) :]:  # two mistakes at once
            last = last.removeprefix(formula)
            found += [(f"{name}, {further}", f"{question} {ask}", code + last) for name, question, code in own]
        return tuple(Mistake(name, question, compile(code, name, "exec")) for name, question, code in found)

    def values(self, mistake, g):
        """{output: what a function with this mistake returns for it}, where that differs from what is right."""
        computed = vars(g).setdefault("computed", {})
        if mistake not in computed:
            names = {"np": np, **vars(g), **self.given(g)}
            computed[mistake] = {}
            with suppress(Exception), np.errstate(all="ignore"):  # some cannot be made here
                exec(mistake.code, names)
                computed[mistake] = {o: names[o] for o in self.gives if not agree(names[o], getattr(g, o))}
        return computed[mistake]


def differentiated(function, dy, **operands):
    """What autograd_np finds from dy for arrays: {"value": function(...), "da": ..., "losses": see `Exercise`}."""

    def loss(name, array):
        changed = operands | {name: array}
        return (function(**{name: Tensor(array) for name, array in changed.items()}).value * dy).sum()

    tensors = {name: Tensor(array) for name, array in operands.items()}
    y = function(**tensors)
    y.backward(dy)
    gradients = {f"d{name}": tensor.grad for name, tensor in tensors.items()}
    return {"value": y.value, "losses": {name: partial(loss, name) for name in operands}, **gradients}


def sizes(g):
    """B, H and so on."""
    return {name: value for name, value in vars(g).items() if type(value) is int}


def change(formula, to, output):
    """A formula with one change.

    "old -> new" edits it (" & " between two edits), "name = ..." comes after it, an expression is the output's value.
    """
    if " ->" not in to:
        return f"{formula}\n{to}" if re.match(r"[\w, ]+ = ", to) else f"{formula}\n{output} = {to}"
    for edit in to.split(" & "):
        old, new = re.split(r" -> ?", edit)
        assert old in formula, f"there is no {old!r} in the formula"
        formula = formula.replace(old, new)
    return formula


@cache
def chapters():
    """What chapter1.md to chapter5.md say, in their order: {a chapter's title: {an exercise's name: its `Text`}}."""
    found = {}
    for path in sorted((ROOT / "exercises").glob("chapter?.md")):
        title, *sections = path.read_text(encoding="utf-8").split("\n## ")
        found[title.split("\n")[0].strip("# ")] = dict(map(section, sections))
    return found


def section(text):
    """An exercise's name, and its `Text`."""
    code = re.compile(r"\n\n```py\n(.*?)\n```", re.S)
    name, *blocks = code.sub("", text.strip()).split("\n\n")
    formulas = code.findall(text) or [""]
    known = {"formula": formulas[0], "answer": formulas[-1], "notes": {}}
    for block in blocks:
        if block.startswith("|"):
            known["mistakes"] = table(block)
        elif block.startswith("1. "):
            known["hints"] = tuple(" ".join(hint.split()) for hint in re.split(r"^\d\. ", block, flags=re.M)[1:])
        else:
            word, paragraph = block.split(": ", 1)
            known["notes"][word] = re.sub(r"\n(?! {4})", " ", paragraph)  # what is indented stays: a picture
    return name, Text(**known)


@cache
def tables(file):
    """The tables of a Markdown file of this folder, in their order."""
    blocks = (ROOT / "exercises" / file).read_text(encoding="utf-8").split("\n\n")
    return [table(block) for block in blocks if block.startswith("|")]


def table(text):
    """The rows of a Markdown table, as lists of cells. An empty last cell stands for that of the row above."""
    rows = []
    for line in text.strip().splitlines()[2:]:
        cells = (cell.strip().replace(r"\|", "|") for cell in re.split(r" \|(?= |$)", line.removeprefix("|"))[:-1])
        *cells, last = (re.sub("^`([^`]*)`$", r"\1", cell) for cell in cells)
        rows.append([*cells, last or rows[-1][-1]])
    return rows
