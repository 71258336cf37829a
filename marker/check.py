"""Check an exercise file for its author: `python practice.py check FILE`.

First the answer: each gradient is compared with central differences of the loss that the file states, and each other
result with the value that the function drawing the inputs has computed. Then the mistakes: each must get the verdict
that its row names. Last a mutation test: no single edit of the answer (an operator, a bound, an axis, a number or a
condition) may be right in 50 draws, for otherwise a learner with that mistake would pass. An exercise without inputs is
of another kind, and that kind defines its own checks (marker/kind.py).
"""

import ast
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import NamedTuple

import numpy as np

from marker import marking
from marker.budget import SPEND_NAME, Budget, Stopped, add_spend_calls_in_place
from marker.compare import format_distinct_from
from marker.complaints import explain_none
from marker.equal import agree, sizes
from marker.finders import repair
from marker.finders.edits import apply_edit_temporarily, iter_edits
from marker.finders.repair import suppress_side_effects
from marker.function import Notes
from marker.kind import Kind, Outcome
from marker.trial import TrialResult, convert_number_to_array, find_right_result_names, make_trial_notes, run_trial
from support.errors import UserError

MAX_DRAW_SECONDS = 1  # of computing, within which the inputs must be drawn
N_DRAWS = 50  # seeds of the mutation test, each with all its trials
N_SIZE_DRAWS = 20  # draws of each function, in which sizes are compared
N_SEEDS = 3  # with which each mistake is judged and slopes are compared
MAX_ENTRIES = 20  # entries of a gradient that are compared with slopes, in each trial
SLOPE_TOLERANCE = 2e-5  # relative to the largest slope: of a gradient, and of the gap between two differences
# The kinds of edits that anybody could make by accident. (A missing part or another name is a mistake of its own.)
TRIED_EDIT_KINDS = {
    "a sign", "an operation", "parentheses", "an exponent", "a loop", "an index", "a size", "an axis", "a constant",
    "a condition",
}  # fmt: skip
STANDARD_DEVIATIONS = 0.01, 1, 1, 1, 100, 1e4  # of arbitrary numbers
MAX_LINES = 20_000  # lines that an edited answer may run in a trial
EDITS_NOT_TRIED_MESSAGE = (
    "Not tried: edits of the answer, which needs PyTorch. `python practice.py NAME` marks what you write."
)


def print_problems(catalogue, path_or_name, seed=0):
    """Print the problems of an exercise's file and return the exit status: 1 if there are any, else 0.

    path_or_name: the file, or the exercise's name. Raises UserError if the file is not in the catalogue's folder.
    """
    if not path_or_name:
        raise UserError("check needs the file of an exercise: `python practice.py check FILE`")
    path = resolve_exercise_path(catalogue, path_or_name)
    if not path.is_file() or not path.is_relative_to(catalogue.path):
        reason = "" if path.is_file() else "there is no such file"
        raise UserError(
            f"{path_or_name}: {reason or f'it is not in {catalogue.path}: name its folder, --exercises FOLDER'}"
        )
    exercise = catalogue.read_or_leave_out(path)
    if not exercise:
        print(catalogue.broken[-1])
        return 1
    problems = [*iter_problems(exercise, seed)]
    for text in problems:
        print(text)
    names = [] if problems else [*iter_mistakes_found_by_edits(exercise, seed)]
    if names:
        print(f"The marker also finds these with an edit, so keep such a row only for its question: {', '.join(names)}")
    if not exercise.inputs:
        print(exercise.kind.checked)
    elif exercise.needs_torch:
        print(EDITS_NOT_TRIED_MESSAGE)
    print(f"{path.name}: {len(problems) or 'nothing'} to look at")
    return 1 if problems else 0


def resolve_exercise_path(catalogue, path_or_name):
    """Return the path of an exercise's file. path_or_name: that path, or the exercise's name."""
    path = Path(path_or_name).resolve()
    if not path.is_file() and path_or_name.isidentifier():
        return next(iter(sorted(catalogue.path.rglob(f"{path_or_name}.py"))), path)
    return path


def iter_problems(exercise, seed=0, n_draws=N_DRAWS):
    """Yield a text for each problem of an exercise. n_draws: the number of seeds in the mutation test."""
    if type(exercise.kind).make_right_file is Kind.make_right_file:  # the answer is a function's body, not a whole file
        yield from iter_signature_mismatches(exercise)
    if not exercise.inputs:
        yield from exercise.kind.iter_problems(exercise, partial(mark_text, exercise, seed))
        return
    text = describe_draw_error(exercise, seed)
    if text:
        yield text
        return
    yield from iter_size_problems(exercise, seed)
    wrong = [*iter_wrong_results(exercise, seed)]
    yield from wrong
    if wrong:
        return
    yield from iter_misnamed_mistakes(exercise, seed)
    yield from iter_misnamed_written_mistakes(exercise, seed)
    if not exercise.needs_torch:
        yield from (str(survivor) for survivor in iter_survivors(exercise, seed, n_draws) if not survivor.reason)


def mark_text(exercise, seed, text):
    """Write `text` to a temporary file, mark it and return its `Verdict`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{exercise.name}.py")
        path.write_text(text, encoding="utf-8")
        return marking.mark(exercise, path, seed)


# ---- inputs ----------------------------------------------------------------------------------------------------------
def describe_draw_error(exercise, seed, seconds=MAX_DRAW_SECONDS):
    """Return why the inputs cannot be drawn, with the line that raises or never ends; "" if they can be drawn."""
    errors = []
    began = time.process_time()

    def draw_trials_and_keep_error():
        try:
            exercise.draw_trials(seed)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=draw_trials_and_keep_error, daemon=True)
    thread.start()
    while thread.is_alive() and time.process_time() - began < seconds:
        thread.join(0.02)
    if thread.is_alive():
        stack = traceback.extract_stack(sys._current_frames()[thread.ident])
        return (
            f"{describe_own_line(exercise, stack)}: the inputs are not drawn within {seconds} s. Does a loop never end?"
        )
    if errors:
        error = errors[0]
        stack = traceback.extract_tb(errors[0].__traceback__)
        return f"{describe_own_line(exercise, stack)}: {type(error).__name__}: {error}"
    return ""


def iter_size_problems(exercise, seed):
    """Yield a text for each size with the same value in all draws: a learner could write the number instead and pass.

    Sizes that are not Python ints, or that the inputs do not contain, are reported as well.
    """
    rng = np.random.default_rng(seed)
    draws = []
    for draw in exercise.inputs:
        draws += [draw(rng) for _ in range(N_SIZE_DRAWS)]
    names = set()
    for g in draws:
        names.update(name for name, value in vars(g).items() if isinstance(value, np.integer))
    for name in sorted(names - set(exercise.gives)):
        yield f"{name} is a NumPy integer, and no size: write int({name})"
    reported_sizes = set()
    for name in exercise.takes:
        arrays = [(g, getattr(g, name, None)) for g in draws]
        arrays = [(g, a) for g, a in arrays if isinstance(a, np.ndarray)]
        for axis in range(min((a.ndim for _, a in arrays), default=0)):
            problem = find_axis_problem(exercise, name, axis, arrays)
            if problem and problem.size not in reported_sizes | names:
                reported_sizes.add(problem.size)
                yield problem.text


class AxisProblem(NamedTuple):
    """A problem with the lengths of one axis of an argument."""

    text: str
    size: str  # the name of the axis's size, or a description of the axis if the size has no name


def find_axis_problem(exercise, name, axis, draws_and_arrays):
    """Return the `AxisProblem` of one axis of an argument; None if there is none.

    draws_and_arrays: [(a draw, the argument in it)]. Not checked: an axis to which the stub gives a number, (B, 10);
    and, in an array with more than two axes, an axis other than the first (a height or a width, for example) whose
    length is not among the sizes that the draw returns.
    """
    shape = exercise.shapes.get(name, ())
    size = shape[axis] if axis < len(shape) else ""
    is_first = axis == 0 and name == exercise.takes[0]
    of_grids = set()
    for axes in exercise.shapes.values():
        if len(axes) > 2:
            of_grids.update(axes[1:])
    is_of_table = size not in of_grids and (axis == 0 or all(a.ndim <= 2 for _, a in draws_and_arrays))
    lengths = {a.shape[axis] for _, a in draws_and_arrays}
    if size and not size.isidentifier():
        return None
    matching_sizes = []
    for key in sizes(draws_and_arrays[0][0]):
        if all(sizes(draw).get(key) == a.shape[axis] for draw, a in draws_and_arrays):
            matching_sizes.append(key)
    is_named = bool(size or is_first)
    size = size or (matching_sizes[0] if matching_sizes else "")
    length = f"the length of axis {axis} of {name}"
    subject = f"{size}, {length}," if size else length
    if not matching_sizes and not (is_of_table and (is_named or len(lengths) > 1)):
        return None
    if len(lengths) == 1:
        number = lengths.pop()
        return AxisProblem(f"{subject} is {number} in every draw: a learner who writes {number} passes", size or length)
    if not matching_sizes:
        text = f"{subject} is not returned by the function that draws the inputs, as an int"
        return AxisProblem(text, size or length)
    return None


def describe_own_line(exercise, stack):
    """Return, as text, the innermost line of a traceback that is in the exercise's own file or its folder."""
    folder = str(exercise.folder.path or exercise.file.parent)
    own = [frame for frame in stack if str(frame.filename).startswith(folder)]
    if not own:
        return exercise.file.name
    line = Path(own[-1].filename).read_text(encoding="utf-8").splitlines()[own[-1].lineno - 1].strip()
    return f"{Path(own[-1].filename).name}, line {own[-1].lineno}, `{line}`"


# ---- is the answer right? --------------------------------------------------------------------------------------------
def iter_signature_mismatches(exercise):
    """Yield a text for each function, `answer` or `in_numpy`, whose arguments or results differ from the stub's."""
    for name in {"answer", "in_numpy"} & exercise.functions.keys():
        function = exercise.functions[name]
        stub = exercise.function
        takes = [argument.arg for argument in function.args.args]
        if name == "answer" and takes != [*exercise.takes]:
            yield f"`{name}` takes {', '.join(takes)}, and `{stub.name}` takes {', '.join(exercise.takes)}"
        last_line = ast.unparse(function.body[-1])
        stub_line = ast.unparse(stub.body[-1])
        if last_line != stub_line:
            yield f"`{name}` ends with `{last_line}`, and `{stub.name}` with `{stub_line}`"


def iter_wrong_results(exercise, seed):
    """Yield a text for each result of the answer that is wrong, or that no check covers."""
    yield from iter_unproven_results(exercise, seed)
    yield from iter_wrong_slopes(exercise, seed)
    answer = compile_tree(parse_counting_lines(exercise.fill_stub(exercise.answer)))
    for draw_seed in range(seed, seed + N_SEEDS):
        if not is_always_right(exercise, answer, [[*exercise.iter_uncached_trials(draw_seed)]]):
            reason = explain_wrong_answer(exercise, answer, draw_seed)
            yield f"the answer is not right for the inputs that are drawn (seed {draw_seed}): {reason}"
            return


def explain_wrong_answer(exercise, code, seed):
    """Return one line that says why the answer's results are wrong in the draws of this seed. code: of the answer."""
    trials = []
    try:
        with limited_function(exercise, code) as function:
            for draw in exercise.draw_trials(seed):
                trial_result = run_trial(exercise, function, draw)
                for name, result in zip(exercise.gives, trial_result.results, strict=False):
                    text = explain_wrong_result(exercise, draw, name, result)
                    if text:
                        return text
                trials.append(make_trial_notes(trial_result))
    except Stopped:
        return f"it runs more than {MAX_LINES:,} lines"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    verdict = exercise.kind.judge(exercise, seed, Outcome(Notes(trials, follows=True)))
    return " ".join(verdict.text.split()) or "one call gives other results than another"


def explain_wrong_result(exercise, draw, name, result):
    """Return why a result is wrong, as text; "" if it is right, or if the marker has its own message for the mistake.

    draw: the inputs and right results; its attribute `name` is the right result.
    """
    if result is None:
        return explain_none(name, exercise.answer)
    actual = convert_number_to_array(result)
    expected = np.asarray(getattr(draw, name))
    if type(actual) is not np.ndarray:
        kind = "an array of numbers" if expected.ndim or isinstance(result, (list, tuple)) else "a number"
        return f"{name} should be {kind}; yours is of type {type(result).__name__}"
    if expected.dtype.kind not in "biuf":
        kind = type(getattr(draw, name)).__name__
        return f"{name} should be a number or an array of numbers; the function that draws the inputs has a {kind}"
    if actual.shape != expected.shape or actual.dtype.kind != expected.dtype.kind or agree(actual, expected):
        return ""
    actual = actual.astype(np.float64)
    expected = expected.astype(np.float64)
    is_equal = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    with np.errstate(invalid="ignore"):
        error = np.where(is_equal, 0, np.nan_to_num(np.abs(actual - expected), nan=np.inf))
    index = np.unravel_index(np.argmax(error), error.shape)
    entry = f"{name}[{', '.join(str(int(i)) for i in index)}]" if index else name
    values = format_distinct_from(actual[index], expected[index]), format_distinct_from(expected[index], actual[index])
    return f"{entry} is {values[0]}, and the function that draws the inputs has {values[1]}"


def iter_unproven_results(exercise, seed):
    """Yield a text for each result without a loss or a second computation, and for each loss without a result."""
    losses = {f"d{name}" for name in exercise.loss}
    for name in sorted(losses - set(exercise.gives)):
        yield f"LOSS has {name[1:]!r}, and no result is called {name}"
    for name in exercise.gives:
        for draw in (*exercise.inputs, *exercise.further):
            g = draw(np.random.default_rng(seed))
            has_loss = name in losses and name[1:] not in vars(g).get("constants", ())
            if not has_loss and not hasattr(g, name):
                loss = f"LOSS has no {name[1:]!r}, and " if name.startswith("d") else ""
                yield f"nothing proves {name}: {loss}the function that draws the inputs does not compute {name}"
                break


def iter_wrong_slopes(exercise, seed, n_seeds=N_SEEDS):
    """Yield a text for each gradient that differs from the slope of its loss, or could not be compared with it.

    n_seeds: how many seeds to draw inputs from, beginning with `seed`.
    """
    wrong = {}
    compared_names = set()
    for draw_seed in range(seed, seed + n_seeds):
        for draw in exercise.iter_uncached_trials(draw_seed):
            for name in (name for name in exercise.gives if name[1:] in vars(draw).get("losses", {})):
                try:
                    text, entries = find_slope_error_and_count(draw, name, np.random.default_rng(draw_seed))
                except Exception as error:
                    text = f"the loss of {name[1:]}: {type(error).__name__}: {error}"
                    entries = 0
                compared_names |= {name} if entries else set()
                if text:
                    wrong.setdefault(name, f"{text} (seed {draw_seed})")
    yield from wrong.values()
    for name in sorted({f"d{name}" for name in exercise.loss} & set(exercise.gives) - compared_names - wrong.keys()):
        yield f"nothing proves {name}: its loss has a kink at each entry that was tried"


def find_slope_error_and_count(draw, name, rng, max_entries=MAX_ENTRIES, h=1e-6):
    """Compare some entries of a gradient with central differences of its loss.

    Return (the first difference as text, or ""; the number of entries compared). name: the gradient's name;
    h: the step of the differences. Entries near a kink, where the slopes on both sides differ, are skipped.
    """
    loss = draw.losses[name[1:]]
    array = getattr(draw, name[1:])
    gradient = np.asarray(getattr(draw, name))
    if gradient.shape != array.shape:
        return f"{name} has the shape {gradient.shape}, and {name[1:]} has {array.shape}", 0
    entries = [np.unravel_index(i, array.shape) for i in rng.permutation(array.size)[:max_entries]]
    middle = loss(array)
    slopes = []
    for index in entries:
        array_above = array.copy()
        array_below = array.copy()
        array_above[index] += h
        array_below[index] -= h
        backward_slope = (middle - loss(array_below)) / (array[index] - array_below[index])
        slopes.append((backward_slope, (loss(array_above) - middle) / (array_above[index] - array[index])))
    tolerance = SLOPE_TOLERANCE * np.abs(slopes).max()
    smooth = [(index, np.mean(pair)) for index, pair in zip(entries, slopes, strict=True) if np.ptp(pair) <= tolerance]
    for index, slope in smooth:
        if not abs(slope - gradient[index]) <= tolerance:
            entry = f"{name}[{', '.join(str(int(i)) for i in index)}]"
            return f"{entry} is {gradient[index]:.6g}, and the slope of the loss there is {slope:.6g}", len(smooth)
    return "", len(smooth)


# ---- mistakes --------------------------------------------------------------------------------------------------------
def iter_misnamed_mistakes(exercise, seed, n_seeds=N_SEEDS):
    """Yield a text for each mistake whose results the marker accepts as right, or calls by another mistake's name."""
    own = [
        mistake for mistake in exercise.known_mistakes[: len(exercise.mistakes)] if not mistake.name.startswith("and ")
    ]
    wrong = {}
    for draw_seed in range(seed, seed + n_seeds):
        for mistake in own:
            verdict = judge_values(exercise, draw_seed, partial(exercise.wrong_results_with_mistake, mistake))
            if verdict.passed:
                error = find_raised_error(exercise, mistake, draw_seed)
                text = f"raises {error}" if error else "gives the right numbers"
                wrong.setdefault(mistake.name, f"the mistake {mistake.name!r} {text} (seed {draw_seed})")
            elif verdict.name != mistake.name:
                wrong.setdefault(
                    mistake.name, f"the mistake {mistake.name!r} is called {verdict.name!r} (seed {draw_seed})"
                )
    yield from wrong.values()


def find_raised_error(exercise, mistake, seed):
    """Return, as text, the error that a mistake's code raises on some draw; "" if it raises none."""
    for draw in exercise.draw_trials(seed):
        try:
            exercise.run_code_for_variables(mistake.code, draw, Budget(MAX_LINES))
        except Stopped:
            return f"an error: it runs more than {MAX_LINES:,} lines"
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return ""


def iter_misnamed_written_mistakes(exercise, seed):
    """Yield a text for each mistake that the marker calls by another name when it is written as its row shows."""
    for name, lines in exercise.written:
        verdict = mark_text(exercise, seed, exercise.fill_stub(lines))
        if verdict.name != name:
            yield f"the mistake {name!r}, as a learner writes it, is called {verdict.summary!r} (seed {seed})"


@np.errstate(all="ignore")  # some mistakes overflow
def judge_values(exercise, seed, compute_values):
    """Return the `Verdict` on a function whose results are right except those in compute_values(draw), {output:
    value}."""
    trials = []
    for draw in exercise.draw_trials(seed):
        results = {name: getattr(draw, name) for name in exercise.gives} | compute_values(draw)
        trials.append(make_trial_notes(TrialResult([*results.values()])))
    return exercise.kind.judge(exercise, seed, Outcome(Notes(trials, follows=True)))


def iter_mistakes_found_by_edits(exercise, seed):
    """Yield the names of mistakes that the marker can locate by trying edits, so that the file need not list them."""
    draws = exercise.draw_trials(seed)
    first_draws = draws[: 2 * len(exercise.inputs)]
    further_draws = draws[2 * len(exercise.inputs) :]
    if exercise.needs_torch:
        return
    for mistake in exercise.known_mistakes[: len(exercise.mistakes)]:
        source = exercise.fill_stub(exercise.change_formula(mistake.change))
        module = ModuleType("a mistake")
        with suppress(Exception), suppress_side_effects():
            exec(compile(source, "a mistake", "exec"), vars(module))
            function = getattr(module, exercise.function.name)
            results = [run_trial(exercise, function, draw) for draw in first_draws]
            rights = [find_right_result_names(exercise, *pair) for pair in zip(first_draws, results, strict=True)]
            search_inputs = repair.SearchInputs(first_draws, rights, further_draws)
            place = repair.search_edits_for_place(exercise, module, source, search_inputs, may_be_two=False)
            if place and set(place.result_names) == set(exercise.gives):
                yield mistake.name


# ---- edits -----------------------------------------------------------------------------------------------------------
class Survivor(NamedTuple):
    """An edit of the answer whose results are right in all draws."""

    line: int
    before: str
    after: str
    reason: str  # why it is harmless; "" if no reason is known
    draws: int

    def __str__(self):
        return f"line {self.line} of the answer, `{self.before}` -> `{self.after}`: right in {self.draws} draws"


def iter_survivors(exercise, seed=0, n_draws=N_DRAWS):
    """Mutation test: yield a `Survivor` for each single edit of the answer that is right in all draws.

    n_draws: how many seeds.
    """
    source = exercise.fill_stub(exercise.answer)
    tree = parse_counting_lines(source)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    all_draws = [list(exercise.iter_uncached_trials(seed + i)) for i in range(n_draws)]
    names = sorted(set.intersection(*(set(sizes(draw)) for draw in all_draws[0])) - set(exercise.takes))
    edits = []
    for function in functions:
        edits += iter_edits(function, source, exercise.stub, exercise.takes, names)
    harmless = collect_reasons_by_code(exercise)
    shift = exercise.dots_line_number - 1
    seen_codes = {ast.unparse(tree)}
    arbitrary_inputs = ArbitraryInputs(exercise, tree, all_draws)
    for edit in edits:
        if edit.kind.partition(":")[0] not in TRIED_EDIT_KINDS or edit.rank > 1:  # no insertions
            continue
        before = edit.holder[edit.key]
        with apply_edit_temporarily(edit):
            code = ast.unparse(tree)
            if code in seen_codes:
                continue
            seen_codes.add(code)
            with suppress(SyntaxError, ValueError, TypeError):
                if is_always_right(exercise, compile_tree(tree), all_draws):
                    reason = harmless.get(code) or arbitrary_inputs.find_equality_reason(compile_tree(tree))
                    texts = [shorten_code(part) for part in (before, edit.new)]
                    yield Survivor(edit.place[0] - shift, *texts, reason, n_draws)


def compile_tree(tree):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # some edits are odd
        return compile(tree, "an edit", "exec")


def parse_counting_lines(source):
    """Parse code and return its tree, in which each function counts the lines that it runs."""
    tree = ast.parse(source)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            add_spend_calls_in_place(node)
    return tree


def shorten_code(node):
    nodes = node if isinstance(node, list) else [node]
    text = ast.unparse(ast.Module(nodes, [])).replace("\n", "; ") if nodes else ""
    return text.replace(f"{SPEND_NAME}(1) and ", "")[:100]


def collect_reasons_by_code(exercise):
    """Return {code of the answer with a harmless edit: why it is harmless}, from the rows of HARMLESS."""
    forms = exercise.reasons_by_harmless_form.items()
    return {ast.unparse(parse_counting_lines(exercise.fill_stub(form))): reason for form, reason in forms}


@contextmanager
def limited_function(exercise, code):
    """Context manager: execute `code` and yield its function, of which each call may run MAX_LINES lines.

    A call that runs more raises `Stopped`.
    """
    budget = Budget(MAX_LINES)
    names = {SPEND_NAME: budget.spend}
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(code, names)
        function = names[exercise.function.name]

        def call_with_new_budget(*arguments):
            budget.limit = budget.lines = MAX_LINES
            return function(*arguments)

        yield call_with_new_budget


def is_always_right(exercise, code, draws_by_seed):
    """Return True if the function in `code` is right in all trials.

    draws_by_seed: a list of lists of draws, one draw for each trial.
    """
    with suppress(Exception, Stopped), limited_function(exercise, code) as function:
        for draw in chain.from_iterable(draws_by_seed):
            if find_right_result_names(exercise, draw, run_trial(exercise, function, draw)) != set(exercise.gives):
                return False
        return True
    return False


class ArbitraryInputs:
    """Random inputs without the exercise's restrictions. An edit that changes no result on them is not a mistake."""

    def __init__(self, exercise, tree, draws, n_draws=60):
        self.exercise = exercise
        self.right = compile_tree(tree)
        rng = np.random.default_rng(0)
        trials = [*chain.from_iterable(draws)]
        self.draws = [draw_arbitrary(trials[i % len(trials)], exercise, rng) for i in range(n_draws)]
        self.results = [self.run_code(self.right, draw) for draw in self.draws]

    def find_equality_reason(self, code):
        """Return a reason if `code` gives the answer's results on all these inputs; "" if it does not."""
        pairs = [(draw, right) for draw, right in zip(self.draws, self.results, strict=True) if right is not None]
        alike = all(is_equal_to_rounding(self.run_code(code, draw), right) for draw, right in pairs)
        return "it is the same whatever is given" if len(pairs) > len(self.draws) / 4 and alike else ""

    def run_code(self, code, draw):
        """Return the results of the function in `code` on one draw, as a list; None if it fails."""
        with suppress(Exception, Stopped), limited_function(self.exercise, code) as function:
            results = function(*self.exercise.copy_arguments_by_name(draw).values())
            return [
                convert_number_to_array(result) for result in (results if isinstance(results, tuple) else [results])
            ]
        return None


def is_equal_to_rounding(results, expected_results):
    with suppress(TypeError, ValueError):
        return (
            results is not None and len(results) == len(expected_results) and all(map(agree, results, expected_results))
        )
    return False


def draw_arbitrary(draw, exercise, rng):
    """Return a copy of the draw in which random values of the same type and shape replace all inputs."""
    inputs = dict(vars(draw))
    for name in sorted(inputs.keys() - set(exercise.gives)):
        value = inputs[name]
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            inputs[name] = rng.normal(0, rng.choice(STANDARD_DEVIATIONS), value.shape) * (rng.random(value.shape) > 0.1)
            if np.all(value > 0):  # the function may take its logarithm or its root, or divide by it
                inputs[name] = np.abs(inputs[name]) + 0.01
        elif isinstance(value, np.ndarray) and value.dtype.kind == "i" and value.size:
            inputs[name] = rng.integers(value.min(), value.max() + 1, value.shape)
        elif isinstance(value, float):
            inputs[name] = rng.uniform(0.02, 0.98) if 0 < value < 1 else rng.normal(0, 2)
        elif type(value) is int and name in exercise.takes and rng.random() < 0.7:
            inputs[name] = int(rng.integers(0, 2 * value + 2))
    return SimpleNamespace(**inputs)


def count_reasons(all_survivors):
    """Return a `Counter`: how many survivors there are for each reason, "none" if they have no reason."""
    return Counter(survivor.reason or "none" for survivor in all_survivors)
