"""What an exercise is: its file, exercises/chapterN/NAME.py, read and put to use.

Above the line CUT is the stub, as it is handed out. Below it are the functions that draw the inputs, a right answer,
three hints, and the mistakes that have a name. A mistake is a change of the right answer, as a learner would type it.
So the marker knows what a function with this mistake returns, for any inputs, without a function for each of them.
"""

import ast
import copy
import json
import re
import textwrap
import warnings
from collections.abc import Callable
from contextlib import contextmanager, suppress
from functools import cache, cached_property, lru_cache, partial, reduce
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np

from autograd_np import Tensor
from exercises import PICTURES, ROOT
from exercises.edits import SPEND, Budget, Stopped, count_lines

CUT = "# ---- what follows is not handed out "
COUNTS = {"B": "images", "H": "hidden units", "T": "patches", "C": "channels"}  # what there are so many of
LINES = 20_000  # that a mistake may run; every right answer runs far fewer
ROUNDING = 1e-9  # of the largest entry: float64 keeps 16 digits, and sums of a few thousand terms lose three or four


def agree(a, b, rounding=ROUNDING):
    """Whether two arrays are equal to rounding, relative to the largest entry; inf and NaN in the same places."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape:
        return False
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.abs(a - b)
        if np.isfinite(most := off.max(initial=0)):
            return bool(most <= rounding * np.abs(b).max(initial=0))
        scale = np.abs(b[np.isfinite(b)]).max(initial=0)
        return bool(((a == b) | np.isnan(a) & np.isnan(b) | (off <= rounding * scale)).all())


class Mistake(NamedTuple):
    """One way to go wrong: the name, a question that leads to it, and the formula with this mistake in it."""

    name: str
    question: str
    change: str  # as an exercise's file says it
    code: Any


class Tool(NamedTuple):
    """What should compute an exercise's results, and how to see that it has done so: twice its gradients are tried."""

    mark: str  # if it has not
    doubled: Callable  # doubled(module, g): a context in which it finds twice the gradients
    then: Callable  # then(g): the results that are right in it, {name: array}


class Exercise:
    """One exercise. Each attribute in lower case below is what its file says in capitals, or else this."""

    # Functions of a random generator that return the inputs and the right results as attributes; some of them also
    # `losses`, {an array's name: the loss as a function of that array}: what its gradient is the derivative of; or
    # `kinks`, the names of arrays some of whose entries are beside 0, where the function has a kink.
    inputs = ()
    # The same, for unusual inputs, such as rows far from 0. These trials come once all numbers are right in those
    # before, and so they cost no other mistake its name.
    further = ()
    arguments = None  # arguments(g), a dict that has them, if they are not simply attributes of g
    entrywise = ""  # the array whose entries the result has one number for each of, where nothing is summed
    counts = {}  # noqa: RUF012  {the letter of a size: what there are so many of}, where COUNTS is not so
    may_change = ()  # the arguments that the function may change in place
    tool = None  # a `Tool`, if the numbers alone are not enough
    hints = ""  # numbered, from a question to nearly the line; read as a tuple
    mistakes = ""  # see `mistakes_in`; read as [(name, change, question)]
    why = docs = line = on_digits = ""  # what `solution` says, and what is said of real digits when it has passed
    experiments = None  # experiments(module, seed, tell), where not a result is compared, but a whole program tried
    runs = "now let it learn to read"  # what `practice.py run` is for, if it is a program
    reads = False  # whether `practice.py read` has it read a picture
    needs = ""  # what it needs that the site does not have
    # A case: what chapter3 knows about it, the lines that are wrong, those that fix them, and what is then said.
    case = None
    wrong = right = still = or_else = evidence = ""
    against = {}  # noqa: RUF012  {a wrong suspect that seems to be right: what is said against it}

    def __init__(self, file):
        self.file, self.name = file, file.stem
        stub, cut, below = file.read_text(encoding="utf-8").partition(CUT)
        if not cut:
            raise ValueError(f"the line {CUT.strip()!r} is missing")
        self.stub = stub.rstrip() + "\n"
        below = stub.count("\n") * "\n" + f"# {below}"  # so that errors say which line of the file it is
        said = {}
        exec(compile(below, file, "exec"), said)
        for name in filter(str.isupper, said):
            if not hasattr(Exercise, name.lower()):
                raise ValueError(f"it says {name}, which the class Exercise in exercises/exercise.py does not know")
            text = isinstance(said[name], str) and name not in ("HINTS", "MISTAKES", "WRONG", "RIGHT")
            setattr(self, name.lower(), unwrapped(said[name]) if text else said[name])
        if not isinstance(self.inputs, (list, tuple)) or not all(map(callable, self.inputs)):
            raise ValueError("INPUTS is no list of functions")
        self.drawn = None, []  # a seed, and what `draw` made of it
        self.hints = tuple(" ".join(hint.split()) for hint in re.split(r"^\d\. ", self.hints, flags=re.M)[1:])
        self.mistakes = mistakes_in(self.mistakes)
        bodies = {node.name: body(below, node) for node in ast.parse(below).body if isinstance(node, ast.FunctionDef)}
        self.answer = bodies.get("answer", "")  # what the learner should write
        self.formula = bodies.get("in_numpy", self.answer)  # the same in NumPy: the mistakes are changes of this
        self.check()

    def check(self):
        """ValueError, with what is wrong, if a part of the file is missing, or does not fit another one."""
        if not (ast.get_docstring(self.tree) and any(isinstance(node, ast.FunctionDef) for node in self.tree.body)):
            raise ValueError("its stub has no title, or no function")
        if len(self.hints) != 3:
            raise ValueError(f"HINTS has {len(self.hints)} hints that begin with a number, as `1. `, and not three")
        if self.case:
            if self.stub.count(self.wrong) != 1:
                raise ValueError("the lines of WRONG should be once in the stub")
            if self.case.diagnosis not in (suspects := [row[0] for row in tables("said.md")["Suspects"]]):
                raise ValueError(f"{self.case.diagnosis!r} is not under Suspects in said.md: {', '.join(suspects)}")
        elif not (self.answer or self.experiments):
            raise ValueError("it has no function `answer`")
        for name, to, question in self.mistakes:
            if not (to and question):
                raise ValueError(f"the mistake {name!r} has no {'question' if to else 'change, which follows ` | `'}")
            try:
                self.changed(to)
            except ValueError as error:
                raise ValueError(f"the mistake {name!r}: {error}") from None

    @cached_property
    def tree(self):
        return ast.parse(self.stub)

    @cached_property
    def needs_torch(self):
        return any(isinstance(node, ast.Import) and node.names[0].name == "torch" for node in self.tree.body)

    @cached_property
    def title(self):
        title = ast.get_docstring(self.tree).split("\n")[0].rstrip(".")
        torch = " (PyTorch)" if self.needs_torch else ""
        return f"Case: {title[0].lower()}{title[1:]}{torch}" if self.case else title

    @cached_property
    def recorded(self):
        """What a case printed, {"as it is": lines, "healthy": lines}; ValueError if that was never recorded."""
        found = json.loads((PICTURES / "cases.json").read_text(encoding="utf-8"))
        if self.name not in found:
            raise ValueError(f"its symptoms are not recorded: `python -m exercises.symptoms {self.name}`")
        return found[self.name]

    @cached_property
    def function(self):
        """What the learner writes, in the stub: an `ast.FunctionDef`."""
        return next(node for node in self.tree.body if isinstance(node, ast.FunctionDef))

    @cached_property
    def is_program(self):
        """Whether it does something when it is run: a whole network, or a stub that does, as every case."""
        runs = (isinstance(node, ast.If) and "__main__" in ast.unparse(node.test) for node in self.tree.body)
        return bool(self.experiments) or any(runs)

    @cached_property
    def plays(self):
        """Whether the stub itself unpacks the results, from what is played on the learner's tape."""
        return any(isinstance(node, ast.Assign) and "play(" in ast.unparse(node) for node in self.function.body)

    @cached_property
    def takes(self):
        """The names of its arguments: attributes of what `inputs` make."""
        return tuple(argument.arg for argument in self.function.args.args)

    @cached_property
    def gives(self):
        """The names of its results: attributes of what `inputs` make."""
        return tuple(node.id for node in ast.walk(self.function.body[-1]) if isinstance(node, ast.Name))

    def draw(self, seed):
        """For each trial, the inputs and the right results: two trials of different sizes from each of `inputs`, and of
        `further`.

        The same seed gives the same ones, which are drawn once.
        """
        if self.drawn[0] != seed:
            self.drawn = seed, list(self.drawing(seed))
        return self.drawn[1]

    def drawing(self, seed):
        for trial, given in enumerate((*self.inputs, *self.further)):
            rng = np.random.default_rng([seed, trial, *self.name.encode()])
            first, second = given(rng), given(rng)
            while sizes(first).items() & sizes(second).items():
                second = given(rng)
            yield from (first, second)

    def given(self, g):
        """The arguments of one call: arrays and lists of its own, which it may modify freely."""
        if self.arguments:
            made = self.arguments(g)
            return {name: made[name] for name in self.takes}
        return {name: copy.copy(getattr(g, name)) for name in self.takes}

    @cached_property
    def known(self):
        """All mistakes that have a name, this exercise's own first."""
        counts = COUNTS | self.counts
        rows = [(name, question, to) for name, to, question in self.mistakes]
        for output in self.gives:
            factors = tables("mistakes.md")["Factors"]
            rows += [(name, question.format(**counts), f"{output} = {output} * ({k})") for name, k, question in factors]
        return tuple(Mistake(name, question, to, counted(self.changed(to))) for name, question, to in rows)

    @cached_property
    def pairs(self):
        """Each two of these mistakes at once, one after the other: [(first, second, code)]."""
        found = {}
        for first, second in permutations(self.known, 2):
            with suppress(ValueError):  # the first has taken away what the second would change
                found.setdefault(self.changed(first.change, second.change), (first, second))
        return [(*both, code) for code, both in found.items()]

    def changed(self, *changes):
        """The formula with these changes, one after the other."""
        return reduce(lambda formula, to: change(formula, to, self.gives[0]), changes, self.formula)

    def values(self, mistake, g):
        """{output: what a function with this mistake returns for it}, where that differs from what is right."""
        computed = vars(g).setdefault("computed", {})
        if mistake not in computed:
            computed[mistake] = self.wrong_values(mistake.code, g, Budget(LINES))
        return computed[mistake]

    def wrong_values(self, code, g, budget):
        """The same for the code of any change; none, where it cannot be run, or never ends."""
        names = {"np": np, **vars(g), **self.given(g), SPEND: budget.spend}
        with suppress(Exception, Stopped), np.errstate(all="ignore"):
            exec(code, names)
            return {o: names[o] for o in self.gives if not agree(names[o], getattr(g, o))}
        return {}

    @cached_property
    def letters(self):
        """{the letter of a size: what it is}, for a learner who takes it for a name."""
        text, found = ast.get_docstring(self.tree), {}
        shapes = re.findall(r"^ {4}(\w+)(?:, \w+)* +\(([^()]*)\)", text, re.M)
        for letter, what in (COUNTS | self.counts).items():
            found[letter] = f"{letter} is the number of {what}: a number of an array's shape."
            for array, shape in reversed(shapes):
                if array in self.takes and letter in (axes := shape.replace(",", " ").split()):
                    axis = axes.index(letter)
                    where = f"{array}.shape[{axis}]" if axis else f"len({array})"
                    found[letter] = f"{letter} is the number of {what}: {where}."
        return found


@lru_cache(4096)
def counted(code):
    """Compiled code that stops when it has run too many lines."""
    tree = ast.parse(code)
    count_lines(tree)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # 1(...), say, of two mistakes at once
        return compile(tree, "a mistake", "exec")


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


@contextmanager
def rerouted(owner, name, around):
    """While it lasts, each call of owner.name goes to `around`, which gets the original as its first argument."""
    original = getattr(owner, name)
    setattr(owner, name, lambda *arguments, **options: around(original, *arguments, **options))
    try:
        yield
    finally:
        setattr(owner, name, original)


def sizes(g):
    """B, H and so on."""
    return {name: value for name, value in vars(g).items() if type(value) is int}


def change(formula, to, output):
    """A formula with one change.

    "old -> new" edits it (" & " between two edits), "name = ..." comes after it, an expression is the output's value.
    ValueError if there is nothing to edit.
    """
    if " ->" not in to:
        return f"{formula}\n{to}" if re.match(r"[\w, ]+ = ", to) else f"{formula}\n{output} = {to}"
    for edit in to.split(" & "):
        old, new = re.split(r" -> ?", edit)
        if old not in formula:
            raise ValueError(f"there is no {old!r} in the formula")
        formula = formula.replace(old, new)
    return formula


def body(text, function):
    """The lines of a function in a text, without its last statement, `return`."""
    first, *_, last = function.body
    return textwrap.dedent("\n".join(text.splitlines()[first.lineno - 1 : last.lineno - 1])).strip("\n")


def unwrapped(text):
    """A paragraph in one line. What is indented stays: a picture."""
    return re.sub(r"\n(?! {4})", " ", text.strip("\n"))


def mistakes_in(text):
    """The mistakes of an exercise, as (name, change, question).

        a mistake's name | its change
                which goes on here if it is long
            The question, which may take several lines.

    Several mistakes above one question share it.
    """
    found, question = [], ""
    for row in reversed(re.split(r"\n(?=\S)", text.strip())):
        head, *lines = row.split("\n")
        head = " ".join([head, *(line.strip() for line in lines if line.startswith(" " * 8))])
        question = " ".join(line.strip() for line in lines if not line.startswith(" " * 8)) or question
        if head:
            name, _, to = head.partition(" | ")
            found.append((name, to, question))
    return found[::-1]


@cache
def tables(file):
    """{heading: rows} of the tables of a Markdown file of this folder."""
    sections = (ROOT / "exercises" / file).read_text(encoding="utf-8").split("\n## ")[1:]
    return {text.split("\n")[0]: table(text[text.index("\n|") + 1 :]) for text in sections}


def table(text):
    """The rows of a Markdown table, as lists of cells. An empty last cell stands for that of the row above."""
    rows = []
    for line in text.strip().splitlines()[2:]:
        cells = (cell.strip().replace(r"\|", "|") for cell in re.split(r" \|(?= |$)", line.removeprefix("|"))[:-1])
        *cells, last = (re.sub("^`([^`]*)`$", r"\1", cell) for cell in cells)
        rows.append([*cells, last or rows[-1][-1]])
    return rows
