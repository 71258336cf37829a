"""What an exercise is made of: inputs, the function to write, its reference, known mistakes, and hints."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

ROUNDING = 1e-9  # of the largest entry: float64 keeps 16 digits, and sums of a few thousand terms lose three or four


def agree(a, b):
    """Whether two arrays are equal to rounding, relative to the largest entry; inf and NaN in the same places."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape:
        return False
    finite = np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return False
    a, b = a[finite], b[finite]
    return bool(np.isfinite(a).all()) and (not b.size or np.abs(a - b).max() <= ROUNDING * np.abs(b).max())


class Mistake(NamedTuple):
    """One way to go wrong. value(g) is what a function with this mistake returns for the inputs g."""

    output: str
    name: str
    question: str
    value: Callable


class Source(NamedTuple):
    """Lines of the project: from the first that matches `first` to the next that matches `last` (regular expressions).

    Comments directly above belong to them; with `doc`, so does the docstring of the function around them, with `until`
    only to the line before the one that matches it: what follows would give a later exercise away.
    """

    file: str
    first: str
    last: str
    doc: bool = False
    until: str = ""


@dataclass(frozen=True)
class Exercise:
    """One exercise. Its stub is the file `name`.py in exercises/stubs."""

    name: str
    title: str
    function: str  # what the learner writes
    takes: tuple  # the names of its arguments ...
    gives: tuple  # ... and of its results: attributes of what `givens` make
    givens: tuple  # functions of a random generator, each for one trial, that return the inputs and the references
    mistakes: tuple
    hints: tuple  # from a question to nearly the line
    sources: tuple = ()  # where the project does it
    why: str = ""  # what to say with the solution; the derivation is in the sources
    may_change: tuple = ()  # the arguments that the function may change in place
    nudges: Any = None  # {output: (the array's name, loss(g, array))}: what a gradient is the derivative of
    call: Callable | None = None  # how to call what was written, if not as function(*takes)
    needs_torch: bool = False
    entrywise: str = ""  # the array whose entries the result has one number for each of, where nothing is summed
    # For a detective's case only:
    diagnosis: str = ""  # what is wrong, a key of chapter3.SUSPECTS
    still: str = ""  # what to measure, for a learner who knows the cause and has not mended it
    against: dict = field(default_factory=dict)  # {a wrong suspect: what to say, rather than ask whether it is so}
    or_else: str = ""  # what else may be wrong if it is mended and still does not learn
    evidence: str = ""  # how to see it next time
    healthy: float = 0.0  # the test accuracy that a mended program reaches

    def inputs(self, seed):
        """For each trial, the inputs and the right results. The same seed gives the same ones."""
        for trial, given in enumerate(self.givens):
            key = [seed, trial, *self.name.encode()]
            yield given(np.random.default_rng(key))


def mistakes(output, *rows):
    """Mistakes of one output, from (name, question, value)."""
    return tuple(Mistake(output, *row) for row in rows)


def scaled(output, *, sign=None, times_B=None, over_B=None, twice=None, half=None):
    """Mistakes that multiply every entry of a gradient by one factor, each given as a question or (name, question)."""
    factors = [
        ("the sign", sign, lambda g: -1),
        ("times B", times_B, lambda g: g.B),
        ("divided by B once too often", over_B, lambda g: 1 / g.B),
        ("a factor 2", twice, lambda g: 2),
        ("a factor 1/2", half, lambda g: 0.5),
    ]
    found = []
    for name, question, factor in factors:
        if question is not None:
            name, question = question if isinstance(question, tuple) else (name, question)
            found.append(Mistake(output, name, question, lambda g, factor=factor: factor(g) * getattr(g, output)))
    return tuple(found)
