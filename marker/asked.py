"""The functions of a learner's file, asked from another process: python -m marker.asked FILE GIGABYTES.

What a file reports of itself, it may have made up. So the marker asks some of it again, from the process that judges:
`asking` starts one with the file, sends it what a function is given, and gets what that returns. Nothing but arrays,
numbers and text goes either way (marker/nests.py), and the questions are drawn on this side.

Params stay on the other side. Here they are {"kept": their number, path: array}, which is a nest like any other. What a
function returns, its exercise says: `params`, `gradients` of them, or "" for anything else, in their order.
"""

import json
import math
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, ValuesView
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from marker import runner
from marker.derivatives import match_gradients
from marker.nests import floats_by_path, make_plan_and_arrays, replace_leaves, unpack
from marker.trial import load

LARGEST = 2**28  # bytes of one message
MOST_RESULTS = 100  # of a function that gives one after the other


class Failed(Exception):
    """A call that failed in the other process: its text is what that process says."""


@contextmanager
def load_in_subprocess(learner_path, seconds, hidden_folders=(), result_kinds=None, needs_torch=False):
    """Yield the functions of a file, by name, as attributes: each call is made in another process, which gets
    `seconds`. result_kinds: {a function: what it returns}, of those that return more than one nest. Raises TimeoutError
    if it takes longer."""
    with tempfile.TemporaryDirectory(prefix="asked", ignore_cleanup_errors=True) as folder:
        memory = 0 if needs_torch else runner.MEMORY  # gigabytes; 0 for any number
        arguments = ["-m", "marker.asked", str(Path(learner_path).resolve()), str(memory)]
        with runner.learner_process(arguments, folder, learner_path, hidden_folders, pipes=True) as process:
            clock = threading.Timer(runner.CLOCK * seconds, process.kill)
            clock.start()
            try:
                yield Functions(process, result_kinds or {})
            except (EOFError, OSError):
                if clock.finished.is_set():
                    raise TimeoutError from None
                raise
            finally:
                clock.cancel()


class Functions:
    """The functions of a file in another process, as attributes: see `asking`."""

    def __init__(self, process, result_kinds):
        self._process = process
        self._result_kinds = result_kinds
        self._sent = {}  # {number of params: {path: array}}, as they are over there

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return partial(self._ask, name)

    def _ask(self, name, *arguments):
        result_kinds = list(self._result_kinds.get(name, ("",)))
        write_message(self._process.stdin, [name, result_kinds, [self._encode_argument(value) for value in arguments]])
        reply = read_message(self._process.stdout)
        if "failed" in reply:
            raise Failed(str(reply["failed"]))
        results = reply["results"]
        for value in results:
            if isinstance(value, dict) and "kept" in value:
                self._sent[value["kept"]] = {k: np.array(a) for k, a in value.items()}
        return results[0] if len(results) == 1 else tuple(results)

    def _encode_argument(self, value):
        """Return what is sent for a value: of params, only the arrays that differ from those in the other process."""
        if isinstance(value, np.random.Generator):
            return {"generator": value.bit_generator.state}
        if isinstance(value, dict) and "kept" in value:
            remote_arrays = self._sent[value["kept"]]
            return {k: a for k, a in value.items() if k == "kept" or not np.array_equal(a, remote_arrays[k])}
        return value


def write_message(stream, nest):
    """Write a message: how long its two parts are, how the nest is made of arrays, and these, one after the other. (An
    .npz file has the same, and takes as long as a hundred such calls.)"""
    plan, arrays = make_plan_and_arrays(nest)
    head = json.dumps([plan, [(a.dtype.str, a.shape) for a in arrays]]).encode()
    body = b"".join(a.tobytes() for a in arrays)
    stream.write(b"".join([len(head).to_bytes(8, "big"), len(body).to_bytes(8, "big"), head, body]))
    stream.flush()


def read_message(stream):
    """Return the nest of a message. Raises EOFError at the end, and ValueError if it is no message."""
    sizes = [int.from_bytes(stream.read(8), "big") for _ in range(2)]
    head, body = (stream.read(size) if size < LARGEST else b"" for size in sizes)
    if not head or [len(head), len(body)] != sizes:
        raise EOFError
    plan, headers = json.loads(head)
    arrays = {}
    start = 0
    for i, (kind, shape) in enumerate(headers):
        kind = np.dtype(kind)
        count = math.prod(map(int, shape))
        arrays[f"array{i}"] = np.frombuffer(body, kind, count, start).reshape(shape).copy()  # none has objects
        start += count * kind.itemsize
    return unpack({"how": np.array(plan)} | arrays)


# --- The other process ------------------------------------------------------------------------------------------------


def call_function(module, stored_params, name, result_kinds, arguments):
    """Return the results of one call. stored_params: the params of all calls so far, which grow."""
    arguments = [decode_argument(stored_params, value) for value in arguments]
    output = getattr(module, name)(*arguments)
    if isinstance(output, (Iterator, ValuesView)):
        output = list(islice(output, MOST_RESULTS))
    results = []
    for result_kind, value in zip(result_kinds, output if len(result_kinds) > 1 else (output,), strict=True):
        if result_kind == "params":
            stored_params.append(value)
            value = {"kept": len(stored_params) - 1, **floats_by_path(value)}
        results.append(match_gradients(arguments[0], value) if result_kind == "gradients" else value)
    return results


def decode_argument(stored_params, value):
    """Return the argument that the function gets for what was sent."""
    match value:
        case {"generator": state}:
            rng = np.random.default_rng(0)
            rng.bit_generator.state = state
            return rng
        case {"kept": number, **arrays}:
            return replace_leaves(stored_params[number], arrays)
    return value


def main(learner_path, gigabytes):
    """Answer on standard output what is asked on standard input, which the file itself does not get to see."""
    questions, answers = (os.fdopen(os.dup(number), mode) for number, mode in ((0, "rb"), (1, "wb")))
    with open(os.devnull, "r+b") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(nothing.fileno(), 1)
    runner.continue_in_supervised_child()
    if int(gigabytes):
        runner.limit_memory(int(gigabytes))
    module = None
    stored_params = []
    while True:
        try:
            name, result_kinds, arguments = read_message(questions)
        except EOFError:
            return
        try:
            with np.errstate(all="ignore"):
                module = module or load(learner_path)
                reply = {"results": call_function(module, stored_params, name, result_kinds, arguments)}
                make_plan_and_arrays(reply)
        except BaseException as error:
            reply = {"failed": f"`{name}`: {type(error).__name__}: {error}"}
        write_message(answers, reply)


if __name__ == "__main__":
    main(*sys.argv[1:])
    os._exit(0)  # whatever threads the file has left
