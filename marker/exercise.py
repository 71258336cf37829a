"""An exercise's file: reading it and using its contents.

Above the line CUT_LINE is a complete file with the right answer; the stub that learners receive is made from it
(marker/statement.py). Below the line are the loss, three hints, the known mistakes and the other settings that
`Exercise` documents. A mistake is written as a change of the answer, as a learner would type it. So the marker can
compute what a function with this mistake returns for any inputs, without a function for each mistake.

Two other layouts are accepted. In the older one, the stub itself is above the line and a function `answer` below it. If
the exercise is not about a function, the stub itself is above the line, too.
"""

import ast
import copy
import inspect
import re
import textwrap
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, partial, reduce
from itertools import chain, permutations
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from marker.budget import MAX_LINES, SPEND_NAME, Budget, Stopped, compile_with_budget
from marker.equal import agree, sizes
from marker.function import Function
from marker.kind import Kind
from marker.statement import (
    check_one_return,
    extract_lines_before_return,
    parse_blocks,
    parse_shapes,
    split_stub_and_answer,
)
from marker.verdict import PYTHON_SENTENCES
from marker.words import MISTAKE_TABLES, Words

CUT_LINE = "# ---- what follows is not handed out "
AXIS_LENGTHS = 3, 4, 5, 7, 9, 11, 13  # in `draw_by_shapes`: none is twice another
MAX_DRAWS = 100  # a size that is the same in this many draws counts as a constant


class Folder(NamedTuple):
    """Settings that the exercises of a folder have in common."""

    counts: dict = MappingProxyType({})  # {a size: what it counts}; means are taken over the first one
    words: Words = Words.from_folder()
    # {a further setting that the files may have, in capitals: its default}
    says: dict = MappingProxyType({})
    finders: dict = MappingProxyType({})  # {name: a finder}, called before the marker's own finders
    path: Any = None  # the folder's path


WRITTEN_LINE_PREFIX = "    > "  # the beginning of a line that shows a mistake as a learner writes it
BRACKETS_PATTERN = re.compile(r"^\[(.*?)\] ")


class Mistake(NamedTuple):
    """A known mistake: its name, a question that leads to it, and the answer with this mistake in it."""

    name: str
    question: str
    beside: str  # the question if there is another mistake, too
    change: str  # as the exercise's file states it
    code: Any

    @classmethod
    def from_row(cls, name, question, change, code):
        """Make a `Mistake` from a row of a file.

        question: may begin with a sentence in brackets, for this mistake alone.
        """
        return cls(name, BRACKETS_PATTERN.sub(r"\1 ", question), BRACKETS_PATTERN.sub("", question), change, code)


class MistakePair(NamedTuple):
    """Two known mistakes, and the code of the answer with both."""

    first: Mistake
    second: Mistake
    code: str


class Tool(NamedTuple):
    """A tool that must compute the results, such as an autograd library.

    The marker detects whether it did: with the tool's gradients doubled, the results must change accordingly.
    """

    mark: str  # the mark of a file that did not use the tool
    text: str  # the verdict's text then
    doubled: Callable  # doubled(module, draw): a context manager in which the tool computes doubled gradients
    then: Callable  # then(draw): {name: array}, the right results in that context


# Earlier names of methods and properties, which a folder of exercises may use.
OLD_NAMES = {
    "filled": "fill_stub", "given": "copy_arguments_by_name", "known": "known_mistakes", "draw": "draw_trials",
    "fresh": "draw_trials_of_next_seed", "values": "wrong_results_with_mistake",
    "wrong_values": "wrong_results_of_code", "import_names": "import_hints", "size_names": "size_hints",
    "first_line": "dots_line_number", "statement": "statement_blocks", "harmless_forms": "reasons_by_harmless_form",
    "pairs": "mistake_pairs", "all_counts": "units_by_size", "factors": "factor_mistake_rows",
}  # fmt: skip


class Exercise:
    """One exercise. Each lower-case attribute below holds what the file says in capitals, or this default."""

    # The loss whose derivatives the results are: {an array's name: a function of that array and of others in a draw, by
    # name}. {"z": loss} says that dz is the derivative of loss(z, ...) with respect to z. `practice.py check` compares
    # the two with central differences.
    loss = {}  # noqa: RUF012
    # Functions of a random generator that return a draw: the inputs as attributes. Without any, each argument is drawn
    # from the normal distribution, in the shape that the stub states. Integers among the attributes are sizes; those
    # whose names begin with _ are not mentioned to learners. The right results may be attributes, too: then they should
    # be computed in a second way, and the answer is compared with them. Without them, the answer computes them. `kinks`
    # names arrays with entries close to 0, where the function has a kink; `constants` names arrays without a loss.
    inputs = ()
    # The same, for unusual inputs, such as rows far from 0. These trials are run only if all results of the trials
    # before them are right, so that they do not hide a more specific mistake.
    further = ()
    arguments = None  # arguments(draw): {name: argument}, if the arguments are not simply attributes of the draw
    entrywise = ""  # the array whose shape the result has, if the function works entry by entry and sums nothing
    counts = {}  # noqa: RUF012  {a size: what it counts}, for sizes that the folder does not name
    may_change = ()  # the arguments that the function may change in place
    tool = None  # a `Tool`, if the numbers alone are not enough
    hints = ""  # three numbered hints, from a question to almost the answer; converted to a tuple
    mistakes = ""  # see `parse_mistakes_and_written_lines`; converted to [(name, change, question)], and `written`
    harmless = ""  # rows `old -> new | reason`: edits of the answer that are right in all draws, so not mistakes
    exchanged = "In which order does the function return them?"  # the question if two results are exchanged
    why = docs = line = ""  # shown by `solution`
    runs = ""  # what `practice.py run` is for, if there is something to run
    needs = ""  # what the exercise needs that the website does not have
    kind = Function()  # the `Kind` in the file, if there is one

    def __init__(self, path, folder=None):
        """Read an exercise's file.

        path: a Path. folder: its `Folder`; without one, sizes have no names. Raises ValueError if the file cannot be
        used.
        """
        self.file = path
        self.name = path.stem
        self.folder = folder or Folder()
        top, cut, below = path.read_text(encoding="utf-8").partition(CUT_LINE)
        if not cut:
            raise ValueError(f"the line {CUT_LINE.strip()!r} is missing")
        below = top.count("\n") * "\n" + f"# {below}"  # so that errors give the right line number
        settings = {"np": np}
        exec(compile(below, path, "exec"), settings)
        tree = ast.parse(below)
        settings = {name: value for name, value in settings.items() if name.isupper()}
        self.kind = next((value for value in settings.values() if isinstance(value, Kind)), self.kind)
        defaults = self.folder.says | self.kind.says
        for name, value in (defaults | settings).items():
            is_known = is_documented_setting(name) or name in defaults or value is self.kind
            if not is_known and name in imported_names(tree):  # a constant of another file
                continue
            if not is_known:
                text = f"it says {name}, which the class Exercise in marker/exercise.py does not know"
                raise ValueError(f"{text}; constants of your own are in lower case")
            text = isinstance(value, str) and name not in ("HINTS", "MISTAKES", "HARMLESS", "WRONG", "RIGHT")
            setattr(self, name.lower(), unwrap(value) if text else value)
        if not isinstance(self.inputs, (list, tuple)) or not all(map(callable, self.inputs)):
            raise ValueError("INPUTS is no list of functions")
        self.cached_trials = (None, [])  # (a seed, the result of `draw_trials` for it)
        self.cached_fresh_trials = (None, [])  # the same for `draw_trials_of_next_seed`
        self.hints = tuple(" ".join(hint.split()) for hint in re.split(r"^\d\. ", self.hints, flags=re.M)[1:])
        self.mistakes, self.written = parse_mistakes_and_written_lines(self.mistakes)
        # The functions below the line. The mistakes are changes of `in_numpy` if there is one, otherwise of the answer.
        self.functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        if isinstance(self.kind, Function):
            for name in self.functions.keys() & {"answer", "in_numpy"}:
                check_one_return(self.functions[name])
        if isinstance(self.kind, Function) and "answer" not in self.functions:
            self.stub, self.answer = split_stub_and_answer(top.rstrip() + "\n")
        else:
            self.stub = top.rstrip() + "\n"
            self.answer = extract_lines_before_return(below, self.functions.get("answer"))
        self.formula = extract_lines_before_return(below, self.functions.get("in_numpy")) or self.answer
        if isinstance(self.kind, Function) and not self.inputs and self.has_all_shapes:
            self.inputs = (self.draw_by_shapes,)
        self.check()

    def __getattr__(self, name):
        if name in OLD_NAMES:
            return getattr(self, OLD_NAMES[name])
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    def check(self):
        """Raise ValueError with an explanation if a part of the file is missing or does not fit another part."""
        if not ast.get_docstring(self.tree):
            raise ValueError("it has no title: its first line should be a text in triple quotes")
        if not any(isinstance(node, ast.FunctionDef) for node in self.tree.body):
            raise ValueError("there is no function above the line")
        if len(self.hints) != 3:
            raise ValueError(f"HINTS has {len(self.hints)} hints that begin with a number, as `1. `, and not three")
        self.kind.check(self)
        for name, change, question in self.mistakes:
            if not (change and question):
                raise ValueError(
                    f"the mistake {name!r} has no {'question' if change else 'change, which follows ` | `'}"
                )
            try:
                self.change_formula(change)
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
        return self.kind.format_title(ast.get_docstring(self.tree).split("\n")[0].rstrip("."), self.needs_torch)

    @cached_property
    def import_hints(self):
        """{a name that the stub imports: what to say if it is missing from the learner's file}"""
        lines = [node for node in self.tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        texts = {}
        for node in lines:
            text = PYTHON_SENTENCES.text("no import", line=ast.unparse(node))
            texts |= {alias.asname or alias.name: text for alias in node.names}
        return texts

    @cached_property
    def function(self):
        """The stub function that the learner completes, as an `ast.FunctionDef`."""
        return next(node for node in self.tree.body if isinstance(node, ast.FunctionDef))

    @cached_property
    def is_program(self):
        """True if running the exercise's file does something: a module runs it, or the stub has a main block."""
        runs = (isinstance(node, ast.If) and "__main__" in ast.unparse(node.test) for node in self.tree.body)
        return bool(self.kind.module) or any(runs)

    @cached_property
    def takes(self):
        """The names of the function's arguments, which are attributes of the inputs that `inputs` draw."""
        return tuple(argument.arg for argument in self.function.args.args)

    @cached_property
    def gives(self):
        """The names of the function's results."""
        return tuple(node.id for node in ast.walk(self.function.body[-1]) if isinstance(node, ast.Name))

    def fill_stub(self, body):
        """Return the stub with the lines in `body` in place of its lines `name = ...`.

        If `body` does not set one of these names, that line is kept.
        """
        dots = [name for name in self.gives if not re.search(rf"\b{name}\b[^=\n]*=[^=]", body)]
        lines = textwrap.indent("\n".join([body, *(f"{name} = ..." for name in dots)]), "    ") + "\n"
        return re.sub(r"(^    \w+ = \.\.\..*\n)+", lambda _: lines, self.stub, flags=re.MULTILINE)

    @cached_property
    def dots_line_number(self):
        """The number of the stub's first line `name = ...`, counted from 1."""
        return self.stub[: re.search(r"^    \w+ = \.\.\.", self.stub, re.MULTILINE).start()].count("\n") + 1

    def draw_trials(self, seed):
        """Return the trials of a seed: a list of draws, each with the inputs and the right results as attributes.

        Each function in `inputs`, then in `further`, makes two trials of different sizes. The list is cached for one
        seed.
        """
        if self.cached_trials[0] != seed:
            self.cached_trials = (seed, list(self.iter_uncached_trials(seed)))
        return self.cached_trials[1]

    def draw_trials_of_next_seed(self, seed):
        """Return further trials, those of seed + 1, with which a diagnosis of this seed's trials is tested.

        The list is cached for one seed.
        """
        if self.cached_fresh_trials[0] != seed:
            self.cached_fresh_trials = (seed, list(self.iter_uncached_trials(seed + 1)))
        return self.cached_fresh_trials[1]

    def iter_uncached_trials(self, seed):
        """Yield the draws that `draw_trials` returns, without caching them."""
        for trial, draw in enumerate((*self.inputs, *self.further)):
            rng = np.random.default_rng([seed, trial, *self.name.encode()])
            first_draw = draw(rng)
            second_draw = draw(rng)
            tries = 0
            while has_equal_size(first_draw, second_draw) and tries < MAX_DRAWS:
                second_draw = draw(rng)
                tries = tries + 1
            if has_equal_size(first_draw, second_draw):
                first_draw, second_draw = draw_distinct_pair(draw, rng, first_draw)
            yield from map(self.complete_draw, (first_draw, second_draw))

    def complete_draw(self, draw):
        """Add to a draw its missing results, computed by the answer, and `losses`. Return the draw.

        losses: {array's name: the loss as a function of that array}. Raises ValueError if the answer does not set a
        result or runs too many lines.
        """
        missing = [name for name in self.gives if not hasattr(draw, name)]
        if missing:
            names = {"np": np, **vars(draw), **self.copy_arguments_by_name(draw), SPEND_NAME: Budget(MAX_LINES).spend}
            try:
                with np.errstate(all="ignore"):
                    exec(compile_with_budget(self.formula), names)
            except Stopped:
                raise ValueError(f"the answer runs more than {MAX_LINES:,} lines") from None
            unset = [name for name in missing if name not in names]
            if unset:
                raise ValueError(f"the answer does not set {unset[0]}, which `{self.function.name}` returns")
            vars(draw).update({name: names[name] for name in missing})
        if self.loss:
            loss_names = self.loss.keys() - set(vars(draw).get("constants", ()))
            draw.losses = {name: partial(self.compute_loss, draw, name) for name in loss_names}
        return draw

    def compute_loss(self, draw, name, array):
        """Return the loss that belongs to the array `name` of the draw, computed with `array` in its place."""
        function = self.loss[name]
        return function(
            **{argument: getattr(draw, argument) for argument in get_parameter_names(function)} | {name: array}
        )

    def draw_by_shapes(self, rng):
        """Return a draw in which each argument is normally distributed, in the shape that the stub states.

        Raises ValueError if the shapes have more distinct sizes than AXIS_LENGTHS has numbers.
        """
        axes = dict.fromkeys(chain.from_iterable(self.shapes[name] for name in self.takes))
        names = [axis for axis in axes if not axis.isdecimal()]
        if len(names) > len(AXIS_LENGTHS):
            raise ValueError(f"its arguments have more than {len(AXIS_LENGTHS)} sizes: draw them by INPUTS")
        drawn_lengths = rng.choice(AXIS_LENGTHS[: len(names) + 2], len(names), replace=False).tolist()
        lengths = dict(zip(names, drawn_lengths, strict=True))
        arrays = {}
        for name in self.takes:
            arrays[name] = rng.normal(size=[lengths.get(axis) or int(axis) for axis in self.shapes[name]])
        return SimpleNamespace(**lengths, **arrays)

    @property
    def has_all_shapes(self):
        """True if the stub states the shape of each argument, with names of sizes or numbers."""
        shapes = [self.shapes.get(name, ("?",)) for name in self.takes]
        return all(re.fullmatch(r"\w+", size) for size in chain.from_iterable(shapes))

    @cached_property
    def shapes(self):
        """{an argument: the sizes of its axes, as text}, where the stub states the shape, as in `z, da (B, H)`."""
        return parse_shapes(ast.get_docstring(self.tree, clean=False) or "", self.takes)

    @cached_property
    def statement_blocks(self):
        """The stub's text without its title, as a list of `marker.statement.Block`."""
        text = inspect.cleandoc(self.stub.split('"""', 2)[1])
        return parse_blocks(text.partition("\n")[2], self.takes)

    def copy_arguments_by_name(self, draw):
        """Return {name: argument} for one call with the draw. Arrays and lists are copies, which may be modified."""
        if self.arguments:
            arguments = self.arguments(draw)
            return {name: arguments[name] for name in self.takes}
        return {name: copy.copy(getattr(draw, name)) for name in self.takes}

    @cached_property
    def known_mistakes(self):
        """All known mistakes, as a tuple of `Mistake`: the exercise's own first, then wrong factors of each result."""
        rows = [(name, question, change) for name, change, question in self.mistakes]
        outputs = self.gives if self.inputs else ()
        for output in outputs:
            rows += [(name, question, f"{output} = {output} * ({k})") for name, k, question in self.factor_mistake_rows]
        return tuple(
            Mistake.from_row(name, question, change, compile_with_budget(self.change_formula(change)))
            for name, question, change in rows
        )

    @cached_property
    def reasons_by_harmless_form(self):
        """{a right variant of the answer, as code: why it is right}, from the rows of HARMLESS."""
        rows = [row.partition(" | ")[::2] for row in map(str.strip, self.harmless.splitlines()) if row]
        return {apply_change(self.answer, change, self.gives[0]): reason for change, reason in rows}

    @cached_property
    def distinct_mistakes(self):
        """The mistakes whose results in one draw differ from the right ones and from those of every earlier mistake."""
        by_numbers = {}
        for mistake in self.known_mistakes:
            numbers = []
            for t, draw in enumerate(self.draw_trials(0)):
                numbers += [
                    (t, name, format_entries_with_8_digits(a))
                    for name, a in self.wrong_results_with_mistake(mistake, draw).items()
                ]
            by_numbers.setdefault(tuple(numbers), mistake)
        by_numbers.pop((), None)
        return tuple(by_numbers.values())

    @cached_property
    def mistake_pairs(self):
        """The `MistakePair`s of all known mistakes that can be combined."""
        by_code = {}
        for first_mistake, second_mistake in permutations(self.known_mistakes, 2):
            with suppress(ValueError):  # the first has removed what the second would change
                by_code.setdefault(
                    self.change_formula(first_mistake.change, second_mistake.change), (first_mistake, second_mistake)
                )
        return [MistakePair(*mistakes, code) for code, mistakes in by_code.items()]

    def change_formula(self, *changes):
        """Return the answer's code with these changes, applied one after the other."""
        return reduce(lambda formula, text: apply_change(formula, text, self.gives[0]), changes, self.formula)

    def wrong_results_with_mistake(self, mistake, draw):
        """Return {output: value} of the results that a function with this mistake gets wrong in the draw.

        The result is cached in the draw.
        """
        values_by_mistake = vars(draw).setdefault("computed", {})
        if mistake not in values_by_mistake:
            values_by_mistake[mistake] = self.wrong_results_of_code(mistake.code, draw, Budget(MAX_LINES))
        return values_by_mistake[mistake]

    def wrong_results_of_code(self, code, draw, budget):
        """Return {output: value} of the results that `code` gets wrong in the draw.

        Return {} if the code fails or exceeds its budget.
        """
        with suppress(Exception, Stopped):
            names = self.run_code_for_variables(code, draw, budget)
            with np.errstate(all="ignore"):
                return {o: names[o] for o in self.gives if not agree(names[o], getattr(draw, o))}
        return {}

    def run_code_for_variables(self, code, draw, budget):
        """Run the code of a change on the draw, and return {name: value} of its variables.

        Raises what the code raises.
        """
        names = {"np": np, **vars(draw), **self.copy_arguments_by_name(draw), SPEND_NAME: budget.spend}
        with np.errstate(all="ignore"):
            exec(code, names)
        return names

    @cached_property
    def units_by_size(self):
        """{a size: what it counts}, for example {"n": "samples"}, from the folder and the file."""
        return self.folder.counts | self.counts

    @cached_property
    def factor_mistake_rows(self):
        """[[mistake, factor, question]] for each wrong factor of a result that is tried.

        Some contain the folder's first size.
        """
        first_size = next(iter(self.folder.counts), None)
        rows = MISTAKE_TABLES["Factors"]
        values = {"size": first_size, "them": self.units_by_size.get(first_size)}
        rows = [row for row in rows if first_size or "{" not in row[1]]
        return [[name.format(**values), factor.format(**values), text.format(**values)] for name, factor, text in rows]

    @cached_property
    def size_hints(self):
        """{the name of a size: a sentence on what it is}, for a learner who uses it like a variable."""
        texts = {}
        for size, unit in self.units_by_size.items():
            texts[size] = PYTHON_SENTENCES.text("a size", size=size, what=unit)
            arrays = [array for array, axes in self.shapes.items() if size in axes]
            if arrays:
                axis = self.shapes[arrays[0]].index(size)
                expression = f"{arrays[0]}.shape[{axis}]" if axis else f"len({arrays[0]})"
                texts[size] = PYTHON_SENTENCES.text("a size: where", size=size, what=unit, where=expression)
        return texts


def is_documented_setting(name):
    """Return True if an exercise's file may have this setting, in capitals: an attribute of the class Exercise."""
    value = vars(Exercise).get(name.lower(), Exercise.check)
    return not isinstance(value, (cached_property, property, type(Exercise.check)))


def imported_names(tree):
    """Return the set of names that the `from ... import` lines of a file define."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in node.names)
    return names


def get_parameter_names(function):
    """Return the names of a function's arguments."""
    return tuple(inspect.signature(function).parameters)


def format_entries_with_8_digits(a):
    """Return the entries of an array as one text, with eight digits each."""
    with np.errstate(all="ignore"):
        return " ".join(f"{entry:.7e}" for entry in np.ravel(np.asarray(a, np.float64)))


def has_equal_size(first_draw, second_draw):
    """Return True if two draws have a size in common: the same name with the same value."""
    return bool(sizes(first_draw).items() & sizes(second_draw).items())


def draw_distinct_pair(draw, rng, first_draw):
    """Return (first_draw, another draw) that differ in every size, except in those that are equal in all draws.

    Raises ValueError if there is no such draw among MAX_DRAWS.
    """
    draws = [draw(rng) for _ in range(MAX_DRAWS)]
    constant = set.intersection(*({*sizes(draw).items()} for draw in (first_draw, *draws)))
    for second_draw in draws:
        if not (sizes(first_draw).items() & sizes(second_draw).items()) - constant:
            return first_draw, second_draw
    raise ValueError(f"{MAX_DRAWS} draws of {getattr(draw, '__name__', draw)} have a size in common")


def apply_change(formula, change, output):
    """Return code with one change applied.

    change: "old -> new" replaces text (" & " separates two replacements); "name = ..." is appended; any other
    expression becomes the value of `output`. Raises ValueError if `old` does not occur.
    """
    if " ->" not in change:
        return f"{formula}\n{change}" if re.match(r"[\w, ]+ = ", change) else f"{formula}\n{output} = {change}"
    for edit in change.split(" & "):
        old, new = re.split(r" -> ?", edit)
        if old not in formula:
            raise ValueError(f"there is no {old!r} in the formula")
        formula = formula.replace(old, new)
    return formula


def unwrap(text):
    """Join the lines of a paragraph into one line. Indented lines, such as drawings, stay as they are."""
    return re.sub(r"\n(?! {4})", " ", text.strip("\n"))


def parse_mistakes_and_written_lines(text):
    """Parse the mistakes of an exercise. Return two lists: [(name, change, question)], [(name, learner's lines)].

        a mistake's name | its change
                which goes on here if it is long
            The question, which may take several lines.
            > what a learner with this mistake writes, a line or several
            > that each begin so

    Several mistakes above one question share it. A question may begin with a sentence in [brackets], which is left out
    if there is a second mistake: "[This is right for weights.] Is a bias a weight?" `practice.py check` marks the
    learner's lines, and expects the name.
    """
    mistakes = []
    written_mistakes = []
    question = ""
    for row in reversed(re.split(r"\n(?=\S)", text.strip())):
        head, *lines = row.split("\n")
        learners = [line[6:] for line in lines if line.startswith(WRITTEN_LINE_PREFIX)]
        lines = [line for line in lines if not line.startswith(WRITTEN_LINE_PREFIX)]
        head = " ".join([head, *(line.strip() for line in lines if line.startswith(" " * 8))])
        question = " ".join(line.strip() for line in lines if not line.startswith(" " * 8)) or question
        if head:
            name, _, change = head.partition(" | ")
            mistakes.append((name, change, question))
            if learners:
                written_mistakes.append((name, "\n".join(learners)))
    return mistakes[::-1], written_mistakes[::-1]
