"""Load a learner's file, call its function with the inputs of a draw, and compare the results."""

from collections.abc import Collection, Iterator, ValuesView
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from marker.equal import RELATIVE_TOLERANCE, agree
from marker.verdict import PYTHON_SENTENCES

MAX_RESULT_BYTES = 2**20  # every right one is far smaller


def load_learner_module(path):
    """Run a file and return it as a module. It is compiled here, not imported, so that no stale .pyc file is used."""
    text = Path(path).read_bytes()
    try:
        text.decode()  # `compile` lets other characters pass in comments; Python does not when it runs the file
    except UnicodeDecodeError:
        text = b"\0"
    if b"\0" in text:
        raise SyntaxError(PYTHON_SENTENCES.text("not UTF-8"))
    module = ModuleType("practice")
    module.__file__ = str(path)
    exec(compile(text, str(path), "exec"), vars(module))
    return module


class TrialResult(NamedTuple):
    """What a function did with the inputs of a draw."""

    results: list
    changed_inputs: Collection = ()  # the names of inputs that it changed although it must not


def run_trial(exercise, function, draw):
    """Call a function with the inputs of the draw, and return the `TrialResult`."""
    arguments = exercise.copy_arguments_by_name(draw)
    old_arrays = {name: a for name, a in copy_arrays_by_name(arguments).items() if name not in exercise.may_change}
    results = list_results(function(*arguments.values()), [np.shape(getattr(draw, name)) for name in exercise.gives])
    # Compared to rounding: an entry that was increased by h and reset may have lost its last digit.
    return TrialResult(results, list_changed_names(arguments, old_arrays))


def list_results(results, shapes):
    """Return a function's results as a list.

    shapes: the shapes of the right results. If there are several, anything that a caller could unpack is accepted.
    """
    is_several = isinstance(results, (tuple, list, Iterator, ValuesView))
    if isinstance(results, np.ndarray):  # one array is one result, unless it holds them all
        is_several = results.dtype == object or results.shape == (len(shapes), *shapes[0])
    return list(islice(results, 100)) if is_several and len(shapes) > 1 else [results]


def collect_arrays_by_name(arguments):
    """Return {name: array} of the arguments that are arrays, or whose attribute `value` is one."""
    by_name = {
        f"{name}.value" if hasattr(v, "value") else name: getattr(v, "value", v) for name, v in arguments.items()
    }
    return {name: a for name, a in by_name.items() if isinstance(a, np.ndarray)}


def copy_arrays_by_name(arguments):
    """Return {name: copy} of the arrays among the arguments, for `list_changed_names`."""
    return {name: a.copy() for name, a in collect_arrays_by_name(arguments).items()}


def is_exactly_equal(a, b):
    return np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f")


def list_changed_names(arguments, old_arrays, is_same=agree):
    """Return the names of the arrays in `arguments` that differ from their copies in `old_arrays`.

    is_same(a, b): how to compare two arrays.
    """
    current = collect_arrays_by_name(arguments)
    return [name for name, a in old_arrays.items() if name not in current or not is_same(current[name], a)]


def convert_number_to_array(value):
    """Return a number or an array as an array, an int as float64; anything else unchanged."""
    if type(value) is int:
        with suppress(OverflowError):
            value = float(value)
    return np.asarray(value) if isinstance(value, (float, np.generic)) else value


def make_result_record(value):
    """Return a result as plain data, a dict: an array's type, shape and numbers, or the name of another type."""
    value = convert_number_to_array(value)
    if type(value) is not np.ndarray:
        return {"type": type(value).__name__}
    dtype = str(value.dtype.newbyteorder("="))
    description = {"type": "array", "dtype": dtype, "shape": value.shape}
    if value.dtype.kind in "biuf" and value.nbytes <= MAX_RESULT_BYTES:
        description["data"] = value.astype(np.float64)
    return description


def make_trial_notes(trial_result):
    """Return a `TrialResult` as plain data, {"results": from `make_result_record`, "changed": names of inputs}."""
    return {
        "results": [make_result_record(result) for result in trial_result.results],
        "changed": trial_result.changed_inputs,
    }


def find_right_result_names(exercise, draw, trial_result, rounding=RELATIVE_TOLERANCE):
    """Return the set of names of the right results; empty if their number is wrong or an input was changed.

    draw: the draw, whose attributes are the right results. rounding: the relative tolerance.
    """
    results = [convert_number_to_array(result) for result in trial_result.results]
    if len(results) != len(exercise.gives) or trial_result.changed_inputs:
        return set()
    pairs = [
        (name, result, np.asarray(getattr(draw, name))) for name, result in zip(exercise.gives, results, strict=True)
    ]
    return {name for name, result, right in pairs if has_right_dtype(result, right) and agree(result, right, rounding)}


def has_right_dtype(result, right):
    """Return True if a result is an array of the right type: float64, or integers of any size."""
    return type(result) is np.ndarray and (
        result.dtype.kind == right.dtype.kind == "i" or result.dtype.newbyteorder("=") == right.dtype
    )
