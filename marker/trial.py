"""A learner's file is loaded, and in each trial its function called with the inputs of one draw."""

from collections.abc import Iterator, ValuesView
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import ModuleType

import numpy as np

from marker.equal import ROUNDING, agree
from marker.verdict import OF_PYTHON

MOST_BYTES = 2**20  # of one result; every right one is far smaller


def load(path):
    """Run a file, and return it as a module. It is compiled here rather than imported, so that no stale .pyc is ever
    used."""
    text = Path(path).read_bytes()
    try:
        text.decode()  # `compile` lets other characters pass in comments; Python does not when it runs the file
    except UnicodeDecodeError:
        text = b"\0"
    if b"\0" in text:
        raise SyntaxError(OF_PYTHON.text("not UTF-8"))
    module = ModuleType("practice")
    module.__file__ = str(path)
    exec(compile(text, str(path), "exec"), vars(module))
    return module


def call(exercise, function, g):
    """Return (the results of one trial, the names of the inputs that were changed but should not have been)."""
    arguments = exercise.make_arguments(g)
    old_arrays = {name: a for name, a in copy_arrays(arguments).items() if name not in exercise.may_change}
    results = list_results(function(*arguments.values()), [np.shape(getattr(g, name)) for name in exercise.gives])
    # To rounding: an entry that was moved by h and put back may have lost its last digit.
    return results, find_changed(arguments, old_arrays)


def list_results(results, shapes):
    """Return a list of the results in what a function has returned: of several, whatever a caller could unpack."""
    is_several = isinstance(results, (tuple, list, Iterator, ValuesView))
    if isinstance(results, np.ndarray):  # one array is one result, unless it is made of all of them
        is_several = results.dtype == object or results.shape == (len(shapes), *shapes[0])
    return list(islice(results, 100)) if is_several and len(shapes) > 1 else [results]


def find_arrays(arguments):
    """Return the arrays among the inputs of a call, and the `value` of those that have one, by name."""
    by_name = {
        f"{name}.value" if hasattr(v, "value") else name: getattr(v, "value", v) for name, v in arguments.items()
    }
    return {name: a for name, a in by_name.items() if isinstance(a, np.ndarray)}


def copy_arrays(arguments):
    """Return {name: copy} of the arrays among some inputs: what `find_changed` compares them with."""
    return {name: a.copy() for name, a in find_arrays(arguments).items()}


def has_same_bits(a, b):
    return np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f")


def find_changed(arguments, old_arrays, same=agree):
    """Return the names of the arrays that are not what they were: somebody has written into them."""
    current = find_arrays(arguments)
    return [name for name, a in old_arrays.items() if name not in current or not same(current[name], a)]


def as_array(value):
    """Return a result as an array, if it is one, or a number: a whole one that Python counts in is a number as well."""
    if type(value) is int:
        with suppress(OverflowError):
            value = float(value)
    return np.asarray(value) if isinstance(value, (float, np.generic)) else value


def describe_result(value):
    """Return a result as plain data: an array with its numbers, or the name of what it is."""
    value = as_array(value)
    if type(value) is not np.ndarray:
        return {"type": type(value).__name__}
    dtype = str(value.dtype.newbyteorder("="))
    description = {"type": "array", "dtype": dtype, "shape": value.shape}
    if value.dtype.kind in "biuf" and value.nbytes <= MOST_BYTES:
        description["data"] = value.astype(np.float64)
    return description


def right_results(exercise, g, results, changed_inputs, rounding=ROUNDING):
    """Return the names of the results that are right; none, if there are too few or too many, or an input was
    changed."""
    results = [as_array(result) for result in results]
    if len(results) != len(exercise.gives) or changed_inputs:
        return set()
    pairs = [(name, result, np.asarray(getattr(g, name))) for name, result in zip(exercise.gives, results, strict=True)]
    return {name for name, result, right in pairs if has_right_type(result, right) and agree(result, right, rounding)}


def has_right_type(result, right):
    """Return True if a result is an array of the right kind of numbers: float64, or whole ones of any size."""
    return type(result) is np.ndarray and (
        result.dtype.kind == right.dtype.kind == "i" or result.dtype.newbyteorder("=") == right.dtype
    )
