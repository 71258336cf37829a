"""Call the functions of a learner's file from another process: python -m marker.asked FILE GIGABYTES.

A file can make up what it reports about itself. So the marker calls some of its functions again, from the process that
judges: `open_in_subprocess` starts a process with the file, sends it the arguments of a call, and receives the results.
Only arrays, numbers and text are sent in either direction (marker/nests.py), and the inputs are drawn on this side.

Params stay in the other process. On this side they are {"kept": their number, path: array}, which is a nest like any
other. The exercise says what a function returns, as a sequence of `params`, `gradients` (of params) or "" for anything
else.
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
from marker.derivatives import get_gradients_by_path
from marker.nests import copy_floats_by_path, make_plan_and_arrays, replace_leaves, unpack
from marker.trial import load_learner_module

MAX_MESSAGE_BYTES = 2**28
MAX_RESULTS = 100  # taken from a generator


class Failed(Exception):
    """A call that failed in the other process, with that process's message."""


@contextmanager
def open_in_subprocess(learner_path, seconds, hidden_folders=(), result_kinds=None, needs_torch=False):
    """Context manager: start a process with a learner's file, and yield a `Functions` that calls its functions there.

    seconds: the process is killed after `runner.CLOCK_RATIO` times this. result_kinds: {a function: what it returns},
    for functions that return params, gradients or several nests. Raises TimeoutError if the process was killed.
    """
    with tempfile.TemporaryDirectory(prefix="asked", ignore_cleanup_errors=True) as folder:
        memory = 0 if needs_torch else runner.MAX_MEMORY_GIB  # 0 for no limit
        arguments = ["-m", "marker.asked", str(Path(learner_path).resolve()), str(memory)]
        with runner.learner_process(arguments, folder, learner_path, hidden_folders, pipes=True) as process:
            clock = threading.Timer(runner.CLOCK_RATIO * seconds, process.kill)
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
    """The functions of a file in another process, as attributes: see `open_in_subprocess`."""

    def __init__(self, process, result_kinds):
        self._process = process
        self._result_kinds = result_kinds
        self._sent = {}  # {number of params: {path: array}}, as they are in the other process

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
        """Return the form in which an argument is sent. Of params, it has only the arrays that changed on this side."""
        if isinstance(value, np.random.Generator):
            return {"generator": value.bit_generator.state}
        if isinstance(value, dict) and "kept" in value:
            remote_arrays = self._sent[value["kept"]]
            return {k: a for k, a in value.items() if k == "kept" or not np.array_equal(a, remote_arrays[k])}
        return value


def write_message(stream, nest):
    """Write a nest to a stream: the lengths of two parts, then the parts, JSON with the structure and the raw arrays.

    An .npz file would do the same, but writing one takes as long as a hundred such calls.
    """
    plan_text, arrays = make_plan_and_arrays(nest)
    head = json.dumps([plan_text, [(a.dtype.str, a.shape) for a in arrays]]).encode()
    body = b"".join(a.tobytes() for a in arrays)
    stream.write(b"".join([len(head).to_bytes(8, "big"), len(body).to_bytes(8, "big"), head, body]))
    stream.flush()


def read_message(stream):
    """Return the nest of the next message in a stream.

    Raises EOFError at the end, and ValueError if it is not a message.
    """
    sizes = [int.from_bytes(stream.read(8), "big") for _ in range(2)]
    head, body = (stream.read(size) if size < MAX_MESSAGE_BYTES else b"" for size in sizes)
    if not head or [len(head), len(body)] != sizes:
        raise EOFError
    plan, headers = json.loads(head)
    arrays = {}
    start = 0
    for i, (kind, shape) in enumerate(headers):
        kind = np.dtype(kind)
        count = math.prod(map(int, shape))
        arrays[f"array{i}"] = np.frombuffer(body, kind, count, start).reshape(shape).copy()  # no dtype of objects
        start += count * kind.itemsize
    return unpack({"how": np.array(plan)} | arrays)


# --- The other process ------------------------------------------------------------------------------------------------


def call_and_list_results(module, stored_params, name, result_kinds, arguments):
    """Return the list of results of one call.

    stored_params: the params returned so far, to which new ones are appended.
    """
    arguments = [decode_argument(stored_params, value) for value in arguments]
    output = getattr(module, name)(*arguments)
    if isinstance(output, (Iterator, ValuesView)):
        output = list(islice(output, MAX_RESULTS))
    results = []
    for result_kind, value in zip(result_kinds, output if len(result_kinds) > 1 else (output,), strict=True):
        if result_kind == "params":
            stored_params.append(value)
            value = {"kept": len(stored_params) - 1, **copy_floats_by_path(value)}
        results.append(get_gradients_by_path(arguments[0], value) if result_kind == "gradients" else value)
    return results


def decode_argument(stored_params, value):
    """Return the argument for a call, made from the form in which it was sent."""
    match value:
        case {"generator": state}:
            rng = np.random.default_rng(0)
            rng.bit_generator.state = state
            return rng
        case {"kept": number, **arrays}:
            return replace_leaves(stored_params[number], arrays)
    return value


def main(learner_path, gigabytes):
    """Serve calls: read them from standard input, write replies to standard output.

    The file's own code sees neither.
    """
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
                module = module or load_learner_module(learner_path)
                reply = {"results": call_and_list_results(module, stored_params, name, result_kinds, arguments)}
                make_plan_and_arrays(reply)
        except BaseException as error:
            reply = {"failed": f"`{name}`: {type(error).__name__}: {error}"}
        write_message(answers, reply)


if __name__ == "__main__":
    main(*sys.argv[1:])
    os._exit(0)  # do not wait for threads that the file has started
