"""Judge a file that a learner has written from a blank one, by what its functions do, whatever their style.

Each such exercise (own.py, writer.py, block.py) is a `Blank`. It names the functions that the file must define, a
subclass of `Calls` that calls them and checks their results, and the checks that they must pass. A check is an
experiment: it adds to the `Evidence`, or raises `Wrong` with a message of exercises/said.md.

This module holds the checks that several exercises share. `gradients` is compared with central differences of `loss`
(marker/derivatives.py), and a training is recorded at its calls of `gradients` (exercises/watched.py). Messages never
speculate about what was not recorded.
"""

import ast
import io
import random
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from exercises.watched import Trace, TrainingStopped
from exercises.words import NETWORK_SENTENCES
from marker.calls import intercept_calls
from marker.complaints import explain_exception, read_source
from marker.derivatives import compute_checked_gradients, get_gradients_by_path, root_mean_square
from marker.exercise import CUT_LINE
from marker.nests import (
    NotKept,
    copy_floats_by_path,
    format_paths,
    leaves_by_path,
    pack_into_bytes,
    replace_leaves,
    unpack,
)
from marker.program import Grade, Program
from marker.trial import is_exactly_equal, list_changed_names, load_learner_module
from marker.verdict import Wrong
from support.checkpoint import unpack_arrays

COUNT_WORDS = {3: "three", 4: "four", 5: "five"}
N_EXAMPLES = 257  # more than a batch has, and no round number
N_FEWER_EXAMPLES = 67  # if the loss of N_EXAMPLES is slow
wrong = NETWORK_SENTENCES.make_exception


@dataclass
class Blank:
    """An exercise in which the learner writes a whole file."""

    functions: tuple  # names of the functions that the file must define
    stub: Path  # the exercise's file
    calls: type  # a subclass of `Calls`
    checks: tuple  # functions that take the `Evidence`, in the order in which they run
    format_success: Callable  # format_success(evidence): the text for a file that passes
    module: str = ""  # the module that runs a learner's file as a program
    viewer_module: str = ""  # the module that shows what the network does
    rechecks: tuple = ()  # checks that the grading process repeats (marker/asked.py)
    gives: dict = field(default_factory=dict)  # {function: what it returns}, where that is params or gradients

    def make_exercise_kind(self):
        """Return the `Program` that marks and runs this exercise."""
        return Program(
            self.grade,
            self.module,
            self.viewer_module,
            self.calls.sentences,
            self.run_rechecks,
            self.gives,
        )

    @np.errstate(all="ignore")
    def run_rechecks(self, functions, seed):
        """Run `rechecks` on functions that live in another process. Raises `Wrong` if a check fails.

        functions: an object with the learner's functions as attributes.
        """
        own_functions = SimpleNamespace(**{name: getattr(functions, name) for name in self.functions})
        evidence = Evidence(self.calls(own_functions), seed, lambda text: None)
        for run_check in self.rechecks:
            run_check(evidence)

    @np.errstate(all="ignore")
    def grade(self, module, seed, on_progress):
        """Run all checks on a learner's file and return its `Grade`."""
        try:
            evidence = self.run_checks(module, seed, on_progress)
        except Wrong as error:
            return Grade(False, error.mark, str(error))
        text = "\n".join([self.format_success(evidence), *evidence.remarks])
        packages = list_imports_beyond_numpy(read_source(module.__file__))
        if packages:
            question = "Which of its lines need them, and could you write these lines yourself?"
            text = f"{text}\nYour file imports {' and '.join(packages)}. {question}"
            return Grade(True, "with imports", text)
        return Grade(True, "passed", text)

    def run_checks(self, module, seed, on_progress):
        """Run all checks and return the `Evidence`. Raises `Wrong` if a check fails."""
        check_complete(module, self.functions, self.stub)
        evidence = Evidence(self.calls(module), seed, on_progress)
        for run_check in self.checks:
            run_check(evidence)
        return evidence


class Evidence:
    """What the checks have established about a learner's file. A check may add attributes.

    calls: a `Calls`. on_progress(text): reports progress. remarks: sentences for the learner that are no reason to
    fail. If the file trains a network, there are also: examples, what `train` learns from, and held_out, each a tuple
    of arrays with a row for each example; mini_batch, a small batch; trace, the `Trace` of the training; params, its
    result, and content, the same as the bytes of a file; trained_paths, the paths of the arrays that have gradients.
    """

    def __init__(self, calls, seed, on_progress):
        self.calls = calls
        self.seed = seed
        self.on_progress = on_progress
        self.rng = np.random.default_rng([seed, 48])
        self.remarks = []


# --- Is the file complete? --------------------------------------------------------------------------------------------


def list_imports_beyond_numpy(source):
    """Return the sorted names of the modules that `source` imports, except NumPy and the standard library."""
    names = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                names += [alias.name for alias in node.names]
            case ast.ImportFrom():
                names.append(node.module or "")
            case ast.Call(func=ast.Name(id=way) | ast.Attribute(attr=way), args=[ast.Constant(value=str(name)), *_]):
                if way in ("__import__", "import_module"):
                    names.append(name)
    return sorted({name.partition(".")[0] for name in names} - {"", "numpy", *sys.stdlib_module_names})


def check_complete(module, functions, stub_path):
    """Raise `Wrong` if a function is missing or still empty.

    functions: their names. stub_path: the exercise's file, from which a missing function is quoted.
    """
    missing = [name for name in functions if not callable(getattr(module, name, None))]
    if missing:
        names = " and no ".join(f"`{name}`" for name in missing)
        stub_text = extract_stub_text(missing, stub_path)
        raise wrong("no function", names=names, stub=stub_text, of=COUNT_WORDS[len(functions)])
    empty_names = [name for name in functions if is_empty(getattr(module, name))]
    if empty_names:
        raise wrong("partly written" if len(empty_names) < len(functions) else "not written", name=empty_names[0])


def extract_stub_text(function_names, stub_path):
    """Return the stub's definitions of these functions, as text."""
    text = stub_path.read_text(encoding="utf-8").partition(CUT_LINE)[0]
    functions = text.split("\n\n\n")[1:]
    starts = tuple(f"def {name}(" for name in function_names)
    return "\n\n" + "\n\n\n".join(function.strip() for function in functions if function.startswith(starts))


def is_empty(function):
    """Return whether a function's body is empty or only a docstring, as in the stub."""

    def function_with_docstring():
        """Words."""

    codes = [(lambda: None).__code__.co_code, function_with_docstring.__code__.co_code]
    code = getattr(function, "__code__", None)
    return bool(code) and code.co_code in codes and {*code.co_consts} <= {function.__doc__, None}


# --- Calling the learner's functions ----------------------------------------------------------------------------------


def describe_type(value):
    """Return a description of a value for messages: the shape of an array, or the type of anything else."""
    return f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else f"of type {type(value).__name__}"


def end_sentence(sentence):
    """Return the sentence with a full stop, unless it already ends in a punctuation mark."""
    return sentence if sentence[-1] in ".?!" else f"{sentence}."


class Calls:
    """Calls the functions of a learner's file with copies, and checks that they do not change their arguments.

    replacements: functions to call in place of the file's functions of the same names.
    """

    input_names = ()  # the functions' arguments after params
    examples_name = "examples"  # the plural noun for them in messages
    claim_range = ""  # text for messages: what number `train` should claim
    sentences = NETWORK_SENTENCES
    term_counters = {}  # noqa: RUF012
    factor_questions = {}  # noqa: RUF012

    def __init__(self, module, **replacements):
        self.module = module
        self.functions = vars(module) | replacements

    def loss(self, params, *batch):
        return self.call("loss", params, batch)

    def gradients(self, params, *batch):
        return self.call("gradients", params, batch)

    def call(self, name, params, batch):
        """Return the result of one call. Raises `Wrong` if it is None."""
        (result,) = self.iter_results(name, params, [batch])
        return require_result(name, result)

    def iter_results(self, name, params, batches):
        """Yield the result of the function `name` for each batch. Raises `Wrong` if it changes its arguments.

        Comparing params is slow, so it is done once, after the last batch.
        """
        own_params = params if name == "gradients" else replace_leaves(params)
        for batch in batches:
            copies = [a.copy() for a in batch]
            result = self.functions[name](own_params, *copies)
            self.check_unchanged(name, copies, batch)
            yield result
        changed_paths = list_changed_names(
            copy_floats_by_path(own_params), copy_floats_by_path(params), is_exactly_equal
        )
        if changed_paths:  # if `gradients` changes params, marker/derivatives.py reports it
            raise wrong("changes its input", name=name, what=format_paths(changed_paths))

    def check_unchanged(self, name, arrays, originals):
        """Raise `Wrong` if an array, an argument in a call of the function `name`, differs from its original."""
        arrays_by_name = dict(zip(self.input_names, arrays, strict=False))
        originals_by_name = dict(zip(self.input_names, originals, strict=False))
        for changed_name in list_changed_names(arrays_by_name, originals_by_name, is_exactly_equal):
            raise wrong("changes its input", name=name, what=changed_name)

    def train(
        self,
        examples,
        seed,
        *,
        on_progress=lambda text: None,
        activity="",
        on_first_call=None,
        max_calls=np.inf,
        watched_names=("gradients",),
        negates_gradients=False,
        global_seed=0,
        max_seconds=np.inf,
    ):
        """Call train(*examples, rng) once and return its `Trace`. Raises `Wrong` if its results are of the wrong kind.

        seed: of rng. activity: what on_progress shows. on_first_call: called at the first call of `gradients`, see
        `Trace`; without it, the learner's prints are suppressed. max_calls: stop the training after this many calls of
        `gradients`. watched_names: the functions whose calls are recorded. negates_gradients: negate all gradients but
        the first. global_seed: seed of the random numbers that do not come from rng. max_seconds: process time after
        which the training is stopped. The `params` of a stopped training are None.
        """
        random.seed(global_seed)
        np.random.seed(global_seed)  # noqa: NPY002
        copies = [a.copy() for a in examples]
        start_time = time.process_time()
        last_report_time = time.monotonic()

        def report_step(n):
            nonlocal last_report_time
            if time.monotonic() > last_report_time + 0.3:
                last_report_time = time.monotonic()
                on_progress(f"{activity}: step {n:,}")

        trace = Trace(examples, on_first_call, max_calls, report_step)
        trace.negates_gradients = negates_gradients
        trace.deadline = start_time + max_seconds
        on_progress(activity)
        with ExitStack() as stack:
            for name in watched_names:
                stack.enter_context(intercept_calls(self.module, name, getattr(trace, name)))
            if watched_names and not on_first_call:
                stack.enter_context(redirect_stdout(io.StringIO()))
            try:
                results = self.functions["train"](*copies, np.random.default_rng(seed))
            except TrainingStopped:
                return trace
            except Exception:
                if not trace.error:
                    raise
        if trace.error:
            raise trace.error
        trace.seconds = time.process_time() - start_time
        self.check_unchanged("train", copies, examples)
        if not isinstance(require_result("train", results), (tuple, list)) or len(results) != 2:
            description = f"{len(results)}" if isinstance(results, (tuple, list)) else f"one, {describe_type(results)}"
            raise wrong("wrong number of results", what=description)
        params, claim = results
        is_number = isinstance(claim, (int, float, np.number, np.ndarray)) and not isinstance(claim, bool)
        if np.ndim(claim) or not is_number:
            raise wrong("claim is no number", what=describe_type(claim), wanted=self.claim_range)
        trace.claim = float(claim)
        trace.finish(params)
        return trace


def require_result(function_name, result):
    """Return the result of the learner's function `function_name`. Raises `Wrong` if it is None or `...`."""
    if result is None or result is ...:
        raise wrong("returns None", name=function_name)
    return result


def pack_params(params):
    """Return params as the bytes of a file. Raises `Wrong` if they hold anything but arrays and numbers."""
    try:
        return pack_into_bytes(params)
    except NotKept as error:
        raise wrong("params of another kind", where=error.where, what=error.what) from None


def unpack_params(module, content):
    """Return the params from bytes that `pack_params` made."""
    return unpack(unpack_arrays(content), module)


def call_with_restored_params(evidence, function_name, *arguments_after_params):
    """Return the result of a function in a fresh copy of the file, with params restored from their bytes.

    Raises `Wrong` if the call fails.
    """
    module = load_learner_module(evidence.calls.module.__file__)
    try:
        with redirect_stdout(io.StringIO()):
            return getattr(type(evidence.calls)(module), function_name)(
                unpack_params(module, evidence.content), *arguments_after_params
            )
    except Exception as error:
        raise wrong("read fails alone", name=function_name, error=end_sentence(explain_exception(error))) from None


# --- Checks of a training ---------------------------------------------------------------------------------------------


def check_training(evidence, check_derivatives, watched_names=("gradients",)):
    """Run `train` and raise `Wrong` if it does not use `gradients`, or if the first gradients are wrong.

    check_derivatives(evidence, calls, params, batches) raises `Wrong` if the gradients are wrong. It runs at the first
    call of `gradients`, on the mini-batch and, if it can be used, the training's own batch. watched_names: the
    functions whose calls are recorded.
    """

    def check_first_call(gradients, params, *batch):
        calls = type(evidence.calls)(evidence.calls.module, gradients=gradients)
        batches = [evidence.mini_batch]
        training_batch = find_usable_batch(calls, params, evidence.mini_batch, *map(np.asarray, batch))
        if training_batch is not None:
            batches.append(training_batch)
        check_derivatives(evidence, calls, params, batches)

    evidence.trace = trace = evidence.calls.train(
        evidence.examples,
        [evidence.seed, 1],
        on_progress=evidence.on_progress,
        activity="Your network is training",
        on_first_call=check_first_call,
        watched_names=watched_names,
    )
    evidence.on_progress("Your training has ended. What has it learned?")
    evidence.params = trace.params
    evidence.content = pack_params(trace.params)
    if not trace.snapshots:
        check_derivatives(evidence, evidence.calls, evidence.params, [evidence.mini_batch])
        raise wrong("gradients not called")


def retrain_and_check_derivatives(evidence, check_derivatives, has_learned):
    """Train again without recording calls, then check the derivatives with the trained params.

    check_derivatives: see `check_training`. has_learned: see `check_rng_and_gradients_used`. Even a correct training
    may end badly by chance, so there are up to four attempts.
    """
    for i in range(4):
        evidence.trace = evidence.calls.train(evidence.examples, [evidence.seed, 1, i], watched_names=())
        evidence.params = evidence.trace.params
        if has_learned(evidence, evidence.params):
            break
    check_derivatives(evidence, evidence.calls, evidence.params, [evidence.mini_batch])


def find_usable_batch(calls, params, mini_batch, images, *labels):
    """Return the training's own batch (images, *labels), to check derivatives on it beside the mini-batch, or None.

    It is None if the batch has as many examples as the mini-batch, or if it is not a batch of rows. If `loss` is slow,
    the batch is cut to 50 examples.
    """
    if images.ndim != 2 or any(y.shape != images.shape[:1] for y in labels) or len(images) in (0, len(mini_batch[0])):
        return None
    start_time = time.process_time()
    calls.loss(params, images, *labels)
    is_slow = time.process_time() - start_time > 0.05
    return tuple(a[:50] if is_slow else a for a in (images, *labels))


def perturb_params(params, rng):
    """Return params with a little noise added, because the first params may make all scores equal."""
    arrays = copy_floats_by_path(params).items()
    return replace_leaves(
        params, {k: a + rng.normal(size=a.shape) * (1e-3 * root_mean_square(a) or 1e-2) for k, a in arrays}
    )


def check_gradients(calls, params, batches, rng, thorough=True):
    """Raise `Wrong` if the gradients are wrong, or if calling `loss` in between changes them."""
    first_gradients = leaves_by_path(calls.gradients(replace_leaves(params), *batches[0]))
    calls.loss(perturb_params(params, np.random.default_rng(0)), *batches[0])
    second_gradients = leaves_by_path(calls.gradients(replace_leaves(params), *batches[0]))
    if not all(
        a is None or np.array_equal(a, second_gradients.get(k), equal_nan=True) for k, a in first_gradients.items()
    ):
        raise wrong("gradients by chance", examples=calls.examples_name)
    terms = calls.term_counters
    questions = calls.factor_questions
    compute_checked_gradients(
        calls.loss, calls.gradients, params, batches, rng, calls.examples_name, thorough, terms, questions
    )


def check_large_batch_gradients(calls, params, examples, rng):
    """Raise `Wrong` if the gradients of a large batch, whose size is no round number, are wrong.

    A file may drop the last examples, or average over parts of different sizes without weighting them.
    """
    batch = [a[:N_EXAMPLES] for a in examples]
    start_time = time.process_time()
    calls.loss(params, *batch)
    if time.process_time() - start_time > 0.02:
        batch = [a[:N_FEWER_EXAMPLES] for a in examples]
    check_gradients(calls, params, [tuple(batch)], rng, thorough=False)


def check_gradients_during_training(evidence):
    """Raise `Wrong` if the gradients are wrong after a third of the training or at its end."""
    calls = evidence.calls
    first_snapshot, *_ = evidence.trace.snapshots
    first_loss = float(calls.loss(first_snapshot.params, *evidence.mini_batch))
    rng = np.random.default_rng(evidence.seed)
    gradients = get_gradients_by_path(
        first_snapshot.params, calls.gradients(replace_leaves(first_snapshot.params), *evidence.mini_batch)
    )
    evidence.trained_paths = [k for k, g in gradients.items() if g is not None]
    params_after_a_third = evidence.trace.snapshots[len(evidence.trace.snapshots) // 3].params
    for params, moment in (
        (params_after_a_third, "after a third of the training"),
        (evidence.params, "at the end of the training"),
    ):
        loss = float(calls.loss(params, *evidence.mini_batch))
        if loss < max(first_loss, 3):  # otherwise the numbers are too large for a comparison
            try:
                check_gradients(calls, params, [evidence.mini_batch], rng, thorough=False)
            except Wrong as error:
                raise Wrong(error.mark, f"{error} (This is {moment}. In its first step, they were right.)") from None


def check_arrays_move_downhill(evidence):
    """Raise `Wrong` if an array that has a gradient does not move, or does not move against its gradient."""
    trace = evidence.trace
    paths = evidence.trained_paths
    first_arrays = copy_floats_by_path(trace.snapshots[0].params)
    last_arrays = copy_floats_by_path(trace.params)
    n_empty = sum(not snapshot.batch[0].size for snapshot in trace.snapshots)
    if n_empty > len(trace.snapshots) / 2:
        raise wrong("no images", n=n_empty, of=len(trace.snapshots), examples=evidence.calls.examples_name)
    arrays_on_the_way = [copy_floats_by_path(snapshot.params) for snapshot in trace.snapshots]
    arrays_on_the_way += [snapshot.arrays_after for snapshot in trace.snapshots]
    paths = [k for k in paths if k in first_arrays and k in last_arrays]
    moved_paths = [k for k in paths if not np.array_equal(first_arrays[k], last_arrays[k])]

    def has_moved(path):
        return not all(
            np.array_equal(first_arrays[path], arrays[path])
            for arrays in (*arrays_on_the_way, last_arrays)
            if path in arrays
        )

    unmoved_paths = [k for k in paths if not has_moved(k)]
    if paths and not moved_paths:
        raise wrong("no array moves" if len(unmoved_paths) == len(paths) else "no array moves: the first are returned")
    never_moved = [k for k in unmoved_paths if not np.all(trace.always_zero.get(k, True))]
    if never_moved:
        raise wrong("never moves", names=format_paths(never_moved))
    replaced_paths = [k for k in paths if trace.moves.get(k) and trace.moves[k][0].is_multiple]
    if replaced_paths:
        raise wrong("weights replaced", names=format_paths(replaced_paths))
    downhill_shares = {}
    for k in paths:
        shares = [move.downhill for move in trace.moves.get(k, ())[:5] if move.length and move.slope]
        if shares:
            downhill_shares[k] = shares
    uphill_paths = [k for k, shares in downhill_shares.items() if np.mean(shares) < 0.2]
    if uphill_paths:
        raise wrong(
            "uphill" if len(uphill_paths) == len(downhill_shares) else "uphill: some", names=format_paths(uphill_paths)
        )


def check_rng_and_gradients_used(evidence, has_learned):
    """Raise `Wrong` if a training with the same rng starts differently, or if its steps do not follow `gradients`.

    In one repetition, all gradients from the second call on are negated, so it should take another path and not learn.
    has_learned(evidence, params): return True if params are good enough. The result of a stopped training is not
    judged, because it may have been in a line search.
    """
    trace = evidence.trace
    final_arrays = copy_floats_by_path(trace.params)
    first_snapshot, *_ = trace.snapshots

    def train_again(max_calls, **options):
        return evidence.calls.train(
            evidence.examples,
            [evidence.seed, 1],
            on_progress=evidence.on_progress,
            activity="It begins again",
            max_calls=max_calls,
            watched_names=("gradients", "loss"),
            **options,
        )

    try:
        other_state_trace = train_again(0, global_seed=1)
        negated_trace = train_again(
            2 * trace.n_calls, negates_gradients=True, max_seconds=min(2 * trace.seconds + 1, 12)
        )
    except Exception:  # the cause is unknown, so nothing follows from it
        return
    for other_trace in (negated_trace, other_state_trace):
        if other_trace.snapshots:
            check_same_start(first_snapshot, other_trace.snapshots[0], final_arrays)
    if negated_trace.snapshots and not all(map(np.array_equal, first_snapshot.batch, negated_trace.snapshots[0].batch)):
        raise wrong("rng ignored: chance of its own", what="batch")
    if negated_trace.snapshots and not are_close(first_snapshot.arrays_after, negated_trace.snapshots[0].arrays_after):
        raise wrong("kept between calls: of steps")
    if len({*trace.array_hashes[1:]}) > 1 and negated_trace.array_hashes == trace.array_hashes:
        raise wrong("gradients not used")
    if negated_trace.params is not None and has_learned(evidence, negated_trace.params):
        raise wrong("gradients not used: in the end", examples=evidence.calls.examples_name)


def check_same_start(snapshot, other_snapshot, final_arrays):
    """Raise `Wrong` if a second training with the same rng starts with different arrays than the first.

    snapshot, other_snapshot: the first `Snapshot` of each training. final_arrays: {path: array} at the end of the first
    one, which the second may have continued by mistake.
    """
    arrays = copy_floats_by_path(snapshot.params)
    other_arrays = copy_floats_by_path(other_snapshot.params)
    drawn_paths = [k for k in arrays if k in other_arrays and np.ptp(arrays[k])]
    learned_paths = [k for k in drawn_paths if not np.array_equal(arrays[k], final_arrays.get(k))]
    if learned_paths and all(np.array_equal(other_arrays[k], final_arrays.get(k)) for k in learned_paths):
        raise wrong("kept between calls")
    different_paths = [k for k in drawn_paths if not np.array_equal(arrays[k], other_arrays[k])]
    if different_paths:
        raise wrong("rng ignored: chance of its own", what=format_paths(different_paths))


def are_close(arrays, other_arrays):
    """Return whether the arrays that two dicts have in common are equal, except for rounding."""
    return all(
        np.allclose(a, other_arrays[k], rtol=1e-6, atol=1e-9, equal_nan=True)
        for k, a in arrays.items()
        if k in other_arrays
    )


def check_start_depends_on_rng(trace, other_trace):
    """Raise `Wrong` if a training with another rng starts with the same weights."""
    arrays = copy_floats_by_path(trace.snapshots[0].params)
    other_arrays = copy_floats_by_path(other_trace.snapshots[0].params) if other_trace.snapshots else {}
    # An array counts as randomly drawn only if it has many numbers and most of them are different.
    drawn_paths = [
        k
        for k in trace.always_zero
        if k in arrays and k in other_arrays and len(np.unique(arrays[k])) > max(9, arrays[k].size / 2)
    ]
    if drawn_paths and all(np.array_equal(arrays[k], other_arrays[k]) for k in drawn_paths):
        raise wrong("rng ignored", names=format_paths(drawn_paths))


# --- Why it has not learned enough ------------------------------------------------------------------------------------


class Diagnostics:
    """The losses of `batch` in the course of a training, and what the diagnose_ functions need.

    values: for the messages. max_loss_ratio: the loss has fallen enough if the last one is below this share of the
    first. flat_ratio: the loss is still falling at the end if it is below this share of the loss at three quarters of
    the way.
    """

    def __init__(self, evidence, batch, values, max_loss_ratio, flat_ratio):
        self.evidence = evidence
        self.calls = evidence.calls
        self.trace = evidence.trace
        self.batch = batch
        self.flat_ratio = flat_ratio
        params = [*(snapshot.params for snapshot in self.trace.snapshots), evidence.params]
        self.losses = [float(self.calls.loss(weights, *batch)) for weights in params]
        self.first_loss = self.losses[0]
        self.loss_before_last = self.losses[-2]
        self.last_loss = self.losses[-1]
        self.has_fallen = self.last_loss < max_loss_ratio * self.first_loss
        self.first_arrays = copy_floats_by_path(params[0])
        self.last_arrays = copy_floats_by_path(params[-1])
        self.values = {
            "curve": format_losses(self.losses),
            "begin": self.first_loss,
            "end": self.last_loss,
            **values,
        }

    def make_error(self, mark, **values):
        """Return a `Wrong` with the message for `mark`, its key in exercises/said.md."""
        return self.calls.sentences.make_exception(mark, **self.values | values)

    def list_best_step_factors(self):
        """Return `find_best_step_factor` for each of the first eight snapshots whose step moved an array."""
        factors = []
        for snapshot in self.trace.snapshots[:8]:
            if any(d.any() for d in snapshot.compute_moves_by_path().values()):
                factors.append(find_best_step_factor(self.calls, snapshot))
        return factors


def iter_diagnoses(diagnostics, *functions):
    """Yield the `Wrong` of each of these diagnose_ functions that recognises its cause in `diagnostics`."""
    for diagnose in functions:
        error = diagnose(diagnostics)
        if error is not None:
            yield error


def format_losses(losses):
    """Return up to six evenly spaced losses of a training as text."""
    steps = np.linspace(0, len(losses) - 1, min(6, len(losses))).astype(int)
    return ", ".join(f"{losses[i]:.3g}" for i in steps)


def has_diverged(losses):
    """Return whether the last loss has risen above the smallest one by more than 30 % of the fall before.

    If the loss never fell, return whether it rose.
    """
    return losses[-1] - min(losses) > 0.3 * (losses[0] - min(losses))


def find_best_step_factor(calls, snapshot):
    """Return the factor, one of 0.01, 0.1, 1 and 10, by which a step would lower the loss of its own batch most."""
    arrays = copy_floats_by_path(snapshot.params)
    moves = snapshot.compute_moves_by_path()

    def loss_after(factor):
        params = replace_leaves(snapshot.params, {k: arrays[k] + factor * d for k, d in moves.items()})
        return np.nan_to_num(float(calls.loss(params, *snapshot.batch)), nan=np.inf)

    return min((1, 0.1, 0.01, 10), key=loss_after)


def diagnose_not_finite(diagnostics):
    """Return a `Wrong` if the last arrays contain inf or nan, otherwise None."""
    bad_paths = [k for k, a in diagnostics.last_arrays.items() if not np.isfinite(a).all()]
    if bad_paths:
        return diagnostics.make_error("not finite", names=format_paths(bad_paths))
    return None


def diagnose_growing_steps(diagnostics):
    """Return a `Wrong` if the last recorded step is more than 30 times as long as the first, otherwise None."""
    lengths = []
    for snapshot in diagnostics.trace.snapshots:
        length = np.sqrt(sum((d**2).sum() for d in snapshot.compute_moves_by_path().values()))
        if length:
            lengths.append(length)
    if len(lengths) > 3 and lengths[-1] / lengths[0] > 30:
        return diagnostics.make_error("steps grow", times=lengths[-1] / lengths[0])
    return None


def diagnose_large_steps(diagnostics):
    """Return a `Wrong` if shorter steps would have lowered the loss more, otherwise None."""
    factors = diagnostics.list_best_step_factors()
    n_shorter = sum(times < 1 for times in factors)
    is_first_too_long = n_shorter and factors[0] < 1 and diagnostics.last_loss > 0.8 * diagnostics.first_loss
    if not diagnostics.has_fallen and (n_shorter > len(factors) / 2 or is_first_too_long):
        return diagnostics.make_error("steps too large", n=n_shorter, steps=len(factors))
    return None


def diagnose_small_steps(diagnostics):
    """Return a `Wrong` if longer steps would have lowered the loss more, otherwise None."""
    if diagnostics.has_fallen:
        return None
    factors = diagnostics.list_best_step_factors()
    if min(factors, default=0) > 1:
        return diagnostics.make_error("steps too small", steps=len(factors))
    return None


def diagnose_few_steps(diagnostics):
    """Return a `Wrong` if the loss is still falling at the end, otherwise None."""
    earlier_loss = diagnostics.losses[3 * len(diagnostics.losses) // 4]
    if 0.3 < diagnostics.last_loss < diagnostics.flat_ratio * earlier_loss:
        return diagnostics.make_error("steps too few")
    return None


def diagnose_few_examples(diagnostics):
    """Return a `Wrong` if the training used less than a third of the examples, otherwise None."""
    was_used = diagnostics.trace.was_used
    noun = diagnostics.calls.examples_name
    n_used = int(was_used.sum())
    if 0 < n_used < len(was_used) / 3:
        return diagnostics.make_error("the same images", used=n_used, of=len(was_used), examples=noun)
    return None


def diagnose_divergence(diagnostics):
    """Return a `Wrong` if the loss has risen again (see `has_diverged`), otherwise None."""
    if has_diverged(diagnostics.losses):
        return diagnostics.make_error("diverged", least=min(diagnostics.losses))
    return None
