"""Nests: the forms that `params` of a learner's program may have, arrays and numbers in dicts, lists and tuples.

The arrays in a nest can be listed and replaced by their paths, which are written as in Python: `["W1"]`, `[0].b`. A
nest can also be saved to a file and loaded.
"""

import io
import json

import numpy as np

from marker.words import join_texts

SCALAR_TYPES = (bool, int, float, str, type(None))


def list_direct_paths_and_values(nest):
    """Return [(path, value)] of the direct items of a dict, list or tuple; [] for anything else.

    A key that is itself a path stays as it is: arrays from another process have such keys.
    """
    if isinstance(nest, dict):
        return [(format_key(key), value) for key, value in nest.items()]
    if isinstance(nest, tuple) and hasattr(nest, "_fields"):
        return [(f".{field}", value) for field, value in zip(nest._fields, nest, strict=True)]
    return [(f"[{i}]", value) for i, value in enumerate(nest)] if isinstance(nest, (list, tuple)) else []


def format_key(key):
    """Return the path of a dict's key."""
    if isinstance(key, str):
        return key if key.startswith(("[", ".")) else f'["{key}"]'
    return f"[{key!r}]"


def leaves_by_path(nest, prefix=""):
    """Return {path: array, number or None} of all values in a nest. prefix: put before each path."""
    if nest is None or isinstance(nest, (int, float, np.generic)):
        return {prefix: nest}
    if isinstance(nest, np.ndarray):
        return {} if nest.dtype.hasobject else {prefix: nest}
    by_path = {}
    for part, value in list_direct_paths_and_values(nest):
        by_path |= leaves_by_path(value, prefix + part)
    return by_path


def copy_floats_by_path(nest):
    """Return {path: float64 copy} of the floating-point arrays and numbers in a nest.

    Those are what training can change. A number becomes an array without axes.
    """
    by_path = leaves_by_path(nest)
    return {k: np.array(a, np.float64) for k, a in by_path.items() if a is not None and np.asarray(a).dtype.kind == "f"}


def replace_leaves(nest, values=(), prefix=""):
    """Return a copy of a nest. values: {path: array}, of which copies replace the arrays at those paths."""
    if isinstance(nest, (dict, list, tuple)):
        return make_container(
            type(nest),
            nest,
            [replace_leaves(value, values, prefix + part) for part, value in list_direct_paths_and_values(nest)],
        )
    if prefix in values:
        return float(values[prefix]) if isinstance(nest, float) else np.array(values[prefix])
    return nest.copy() if isinstance(nest, np.ndarray) else nest


def make_container(kind, keys, values):
    """Return a dict, list or tuple of the class `kind`, which may be the learner's own. keys: of a dict, in order."""
    if issubclass(kind, dict):
        pairs = dict(zip(keys, values, strict=True))
        try:
            return kind(pairs)
        except Exception:  # the class has another constructor
            new = kind.__new__(kind)
            new.update(pairs)
            return new
    return kind(*values) if hasattr(kind, "_fields") else kind(values)


def format_paths(paths):
    """Return at most five paths as text, `params["W1"], params["b1"]`, with the number of the others."""
    paths = [f"params{path}" for path in paths]
    first_paths = ", ".join(paths[:5])
    return join_texts([first_paths, len(paths) - 5], "more") if len(paths) > 5 else first_paths


# --- A nest as a file -------------------------------------------------------------------------------------------------


class NotKept(ValueError):
    """Something in a nest cannot be saved: `where` is its path, `what` says why."""

    def __init__(self, nest_path, reason):
        super().__init__(f"{nest_path} is {reason}")
        self.where = nest_path
        self.what = reason


def pack_into_bytes(params):
    """Return a nest as the content of an .npz file, without pickle.

    Raises `NotKept` if something in it cannot be saved.
    """
    plan_text, arrays = make_plan_and_arrays(params)
    content = io.BytesIO()
    np.savez(content, how=plan_text, **{f"array{i}": a for i, a in enumerate(arrays)})
    return content.getvalue()


def make_plan_and_arrays(params):
    """Return (the structure of a nest as JSON text, the list of its arrays).

    Raises `NotKept` if something cannot be saved.
    """
    arrays = []

    def make_plan(value, nest_path):
        if isinstance(value, (np.ndarray, np.generic)) and not value.dtype.hasobject:
            arrays.append(np.asarray(value))
            return {"array" if isinstance(value, np.ndarray) else "number": len(arrays) - 1}
        if isinstance(value, SCALAR_TYPES):
            return {"word": value}
        parts = [make_plan(inner, nest_path + part) for part, inner in list_direct_paths_and_values(value)]
        kind = type(value).__name__
        if isinstance(value, dict):
            return {
                "dict": [(make_plan(key, nest_path), part) for key, part in zip(value, parts, strict=True)],
                "kind": kind,
            }
        if isinstance(value, (list, tuple)):
            return {"list": parts, "kind": kind}
        raise NotKept(
            nest_path, f"an array of type {value.dtype}" if isinstance(value, np.ndarray) else f"of type {kind}"
        )

    return json.dumps(make_plan(params, "params")), arrays


def unpack(arrays, module=None):
    """Return the nest in the arrays of a file that `pack_into_bytes` made.

    module: the learner's module, which may define classes of dicts, lists and tuples. Raises ValueError if it is not a
    nest.
    """

    def rebuild(plan):
        match plan:
            case {"array": i}:
                return arrays[f"array{i}"]
            case {"number": i}:
                return arrays[f"array{i}"][()]
            case {"word": value}:
                return value
            case {"dict": pairs, **kind}:
                kind = find_learner_class(kind.get("kind"), dict, dict)
                return make_container(kind, [rebuild(key) for key, _ in pairs], [rebuild(value) for _, value in pairs])
            case {"list": parts, "kind": name}:
                kind = find_learner_class(name, (list, tuple), list if name == "list" else tuple)
                return make_container(kind, None, [rebuild(part) for part in parts])
        raise ValueError("this is no nest")

    def find_learner_class(name, kinds, default):
        learners_kind = getattr(module, str(name), None)
        return learners_kind if isinstance(learners_kind, type) and issubclass(learners_kind, kinds) else default

    return rebuild(json.loads(arrays["how"].item()))
