"""The weights of a network of somebody's own, in whatever they are kept: found, changed, written to a file and read.

What `train` returns is a nest: tuples, lists and dicts of arrays and numbers. The shapes say which of its arrays are
the weights: a first matrix goes from 784 pixels to the units of a layer, the next from these to others, and the last to
ten scores. They may be of shape (in, out) or (out, in). Biases are vectors of a layer's size.
"""

import io
import json
import sys
from contextlib import contextmanager
from types import ModuleType
from typing import NamedTuple

import numpy as np

from exercises.tape import Misuse

PIXELS, SCORES = 784, 10
MOST_LINES = 3000  # of a learner's file, in which first weights are looked for
WORDS = (bool, int, float, str, type(None))


class Layer(NamedTuple):
    """Where the weights of a layer are: the places of two arrays among `leaves`."""

    W: int
    b: int | None  # None if there is none, or if it is not certain which vector it is
    turned: bool  # whether W is of shape (out, in)
    size: tuple  # (in, out)


def leaves(nest, seen=()):
    """The arrays of numbers in a nest, and in the objects in it, in their order; a change of them changes the nest.

    An array that holds all weights of a layer of H units and of the scores, one after the other, is taken apart.
    """
    if isinstance(nest, np.ndarray):
        H, rest = divmod(nest.size - SCORES, PIXELS + 1 + SCORES)
        if nest.ndim == 1 and H > 1 and not rest and nest.dtype.kind == "f":
            parts = np.split(nest, np.cumsum([PIXELS * H, H, H * SCORES]))
            return [
                a.reshape(shape) for a, shape in zip(parts, [(PIXELS, H), (H,), (H, SCORES), (SCORES,)], strict=True)
            ]
        return [nest] if nest.dtype.kind == "f" else []
    if id(nest) in seen or len(seen) > 8 or isinstance(nest, (*WORDS, type, ModuleType)):
        return []
    if isinstance(nest, dict):
        inside = list(nest.values())
    elif isinstance(nest, (list, tuple)):
        inside = nest if len(nest) < 100 else ()
    else:
        inside = list(vars(nest).values()) if hasattr(nest, "__dict__") and not callable(nest) else ()
    return [leaf for value in inside for leaf in leaves(value, (*seen, id(nest)))]


def layout(nest, sizes=()):
    """[Layer] of a network in a nest, the first layer first; [] if its arrays do not make one. sizes: those of its
    layers, if they are known: other matrices are passed over."""
    arrays = leaves(nest)
    matrices = [(i, a.shape) for i, a in enumerate(arrays) if a.ndim == 2 and min(a.shape) > 1]
    if sizes:
        matrices = [(i, shape) for i, shape in matrices if shape in sizes or shape[::-1] in sizes]
    chain = longest(PIXELS, matrices[:12])
    vectors = {i: a.size for i, a in enumerate(arrays) if a.ndim and a.size == max(a.shape)}
    layers, units = [], [after for *_, (_, after) in chain]
    for k, (W, turned, size) in enumerate(chain):
        fitting = [i for i, n in vectors.items() if n == size[1]]
        known = len(fitting) == units.count(size[1])
        layers.append(Layer(W, fitting[units[:k].count(size[1])] if known else None, turned, size))
    return layers


def longest(n, matrices, turned=None):
    """The longest chain of these (place, shape) from n units to the scores, as [(place, turned, (in, out))].

    All of them are turned, or none is.
    """
    found = []
    for k, (i, shape) in enumerate(matrices):
        others = matrices[:k] + matrices[k + 1 :]
        for way in (False, True) if turned is None else (turned,):
            size = shape[::-1] if way else shape
            if size[0] != n or (n == size[1] and turned is None):
                continue
            rest = longest(size[1], others, way)
            if (rest or size[1] == SCORES) and len(rest) + 1 > len(found):
                found = [(i, way, size), *rest]
    return found


def arrays_of(nest, layers):
    """{"W1": (784, H), "b1": (H,), ...}: copies, in float64. Biases that there are not are 0."""
    arrays, found = leaves(nest), {}
    for i, layer in enumerate(layers, 1):
        W = np.array(arrays[layer.W], np.float64)
        found[f"W{i}"] = W.T.copy() if layer.turned else W
        found[f"b{i}"] = np.zeros(layer.size[1]) if layer.b is None else np.array(arrays[layer.b], np.float64).ravel()
    return found


def put(nest, layers, values):
    """Write these of the arrays that `arrays_of` gives into a nest, in place."""
    arrays = leaves(nest)
    for i, layer in enumerate(layers, 1):
        if f"W{i}" in values:
            arrays[layer.W][...] = values[f"W{i}"].T if layer.turned else values[f"W{i}"]
        if f"b{i}" in values and layer.b is not None:
            arrays[layer.b][...] = np.reshape(values[f"b{i}"], arrays[layer.b].shape)


@contextmanager
def first_seen(file, layers, act):
    """Within it, act(nest, layers) is called once: as soon as a learner's own variables hold weights of these sizes.

    They have been drawn then, and nothing was done with them yet. What `act` writes into them is what is trained.
    """
    sizes, left = [layer.size for layer in layers], MOST_LINES

    def is_whole(found):
        same = [layer.size for layer in found] == sizes
        return same and all(mine.b is not None or one.b is None for mine, one in zip(found, layers, strict=True))

    def look(frame, event, argument):
        nonlocal left
        left -= 1
        values = dict(frame.f_locals)
        for nest in (argument, *values.values(), values):
            if isinstance(nest, np.ndarray) and nest.ndim == 2:
                continue  # a matrix alone is no network
            found = layout(nest, sizes)
            if is_whole(found):
                sys.settrace(before)
                act(nest, found)
                return None
        if not left:
            sys.settrace(before)
        return look

    def enter(frame, event, argument):
        return look if frame.f_code.co_filename == file else None

    before = sys.gettrace()
    if layers:
        sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)


# --- A nest as a file -------------------------------------------------------------------------------------------------


def packed(params):
    """A nest as the content of an .npz file, without pickle; `Misuse` that says what in it cannot be kept."""
    arrays = []

    def plan(value, where):
        if isinstance(value, (np.ndarray, np.generic)) and not value.dtype.hasobject:
            arrays.append(np.asarray(value))
            return {"array" if isinstance(value, np.ndarray) else "number": len(arrays) - 1}
        if isinstance(value, WORDS):
            return {"word": value}
        if isinstance(value, dict):
            return {"dict": [(plan(key, where), plan(inner, f"{where}[{key!r}]")) for key, inner in value.items()]}
        if type(value) is list or isinstance(value, tuple):
            kind = type(value).__name__  # list, tuple, or a named one of the learner's
            return {"list": [plan(inner, f"{where}[{i}]") for i, inner in enumerate(value)], "kind": kind}
        what = f"an array of type {value.dtype}" if isinstance(value, np.ndarray) else f"of type {type(value).__name__}"
        raise Misuse("params of another kind", f"{where} is {what}")

    how = json.dumps(plan(params, "params"))
    np.savez(content := io.BytesIO(), how=how, **{f"array{i}": a for i, a in enumerate(arrays)})
    return content.getvalue()


def unpacked(arrays, module=None):
    """The nest in the arrays of such a file. module: the learner's, where their named tuples are."""

    def made(plan):
        match plan:
            case {"array": i}:
                return arrays[f"array{i}"]
            case {"number": i}:
                return arrays[f"array{i}"][()]
            case {"word": value}:
                return value
            case {"dict": pairs}:
                return {made(key): made(value) for key, value in pairs}
            case {"list": parts, "kind": kind}:
                values = [made(part) for part in parts]
                named = getattr(module, kind, None)
                is_named = isinstance(named, type) and issubclass(named, tuple)
                return values if kind == "list" else named(*values) if is_named else tuple(values)
        raise ValueError("this is no nest")

    return made(json.loads(arrays["how"].item()))
