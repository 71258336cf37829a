"""Time a training step of several tools: `python -m lab.bench` (40 minutes, on an idle machine).

A step is timed as users run it: with the data loaded, real batches and the program's own loop, in its own process. The
tools take turns, in three rounds, because a rented machine has slow minutes; the tables state the medians. The numbers
are saved to results.json, by processor. Numbers that could not be measured are left out, and so are contradictory ones:
the steps and the testing of a whole program must add up to the time that it prints. `python -m lab.bench --print`
prints the tables of each processor from results.json.
"""

import contextlib
import functools
import importlib.metadata
import math
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from typing import NamedTuple

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np
    from threadpoolctl import threadpool_info

    import data
    import main_np
    import main_torch
    from lab import results, timing
    from lab.timing import N_ROUNDS, subprocess_threads
    from loading.options import parse_options
    from networks import NETWORKS, format_model_option
    from support.errors import UserError
    from support.history import describe_processor, get_machine_facts
    from support.options import Parser, with_changes
    from support.place import Place
    from support.schedule import make_plan

THREAD_COUNTS = (1, 2)
NUMPY = "NumPy"
PYTORCH = "PyTorch"
PYTORCH_COMPILED = "PyTorch, compiled"
JAX = "JAX"
SCIKIT_LEARN = "scikit-learn"
TIMED = {"mlp": ""}  # options of the whole program that is timed, if they are not "--steps 300"
# {options of a step: options of a whole program}, for each network.
RUN_OPTIONS = {
    format_model_option(model): f"{format_model_option(model)} {TIMED.get(model, '--steps 300')}".strip()
    for model in NETWORKS
}
RELATIVE_TOLERANCE = 0.15  # between a whole program's time and the sum of its parts
TOLERANCE_SECONDS = 0.5  # between the two: a program also writes files, and its first test may be slow
PROGRAMS = {NUMPY: "main_np.py", PYTORCH: "main_torch.py --device cpu"}  # tools with which everything is measured


# --- The same network in several tools --------------------------------------------------------------------------------


class Training(NamedTuple):
    """The training of a network with a tool."""

    step: Callable  # step(x, y, lr) takes a training step and returns its loss
    test: Callable | None = None  # test(dataset) tests the network; None if that is not timed


def prepare_numpy_training(options):
    """Return the `Training` of the network by hand."""
    network, optimizer = main_np.build(options)

    def take_step(x, y, lr):
        return main_np.train_step(network, optimizer, x, y, lr)[0]

    return Training(take_step, lambda dataset: main_np.evaluate(network, dataset, options))


def prepare_pytorch_training(options):
    """Return the `Training` of the network in PyTorch."""
    model, optimizer = main_torch.build(options)
    place = Place(options)
    network = place.prepare(model)

    def take_step(x, y, lr):
        return main_torch.train_step(network, optimizer, *place.own_part_on_device(x, y), lr, place)[0]

    return Training(take_step, lambda dataset: main_torch.evaluate(network, dataset, options, place))


def prepare_jax_training(options):
    """Return the `Training` of the MLP in JAX, with the same first weights.

    JAX changes no array in place, but here it may reuse the memory of old weights.
    """
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_platforms", "cpu")
    params = {name: jnp.array(p) for name, p in main_np.build(options)[0].params.items()}
    state = params, {name: jnp.zeros_like(p) for name, p in params.items()}

    def compute_loss_and_logits(params, x, y):
        a1 = jax.nn.relu(x.reshape(len(x), -1) @ params["W1"] + params["b1"])
        logits = a1 @ params["W2"] + params["b2"]
        return -jax.nn.log_softmax(logits)[jnp.arange(len(y)), y].mean(), logits

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def train_step(params, velocity, x, y, lr):
        (loss, logits), grads = jax.value_and_grad(compute_loss_and_logits, has_aux=True)(params, x, y)
        velocity = {name: options.run.momentum * v + grads[name] for name, v in velocity.items()}
        params = {name: p - lr * velocity[name] for name, p in params.items()}
        return params, velocity, loss, (logits.argmax(axis=1) == y).mean()

    def take_step(x, y, lr):
        nonlocal state
        *state, loss, _ = train_step(*state, x, y, lr)
        return loss

    return Training(take_step)


def prepare_scikit_learn_training(options):
    """Return the `Training` of the MLP in scikit-learn, with its own first weights and a constant learning rate.

    Its step(x, y, lr) takes a training step for each batch in x; scikit-learn splits x into batches itself, and `lr` is
    ignored.
    """
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier([options.run.hidden], solver="sgd", alpha=0, nesterovs_momentum=False, shuffle=False)
    network.set_params(batch_size=options.run.batch_size, momentum=options.run.momentum, random_state=options.run.seed)
    network.set_params(learning_rate_init=0.05)  # of 0.02, 0.05, 0.1 and 0.2, the best on held-out images

    def take_steps(x, y, lr):
        return network.partial_fit(x.reshape(len(x), -1), y, classes=range(10)).loss_

    return Training(take_steps)


TOOLS = {
    NUMPY: prepare_numpy_training,
    PYTORCH: prepare_pytorch_training,
    PYTORCH_COMPILED: prepare_pytorch_training,
    JAX: prepare_jax_training,
    SCIKIT_LEARN: prepare_scikit_learn_training,
}  # {tool: a function that returns its `Training`}
BATCHES_PER_CALL = dict.fromkeys(TOOLS, 1) | {SCIKIT_LEARN: 20}  # scikit-learn checks its input in every call


# --- Measuring -------------------------------------------------------------------------------------------------------


def parse_tool_options(tool, options_text):
    """Return the options of a run with a tool, on the CPU. tool: a key of TOOLS; options_text: its options, as text."""
    compile_options = ["--compile"] if tool == PYTORCH_COMPILED else []
    return parse_options("torch", "--device", "cpu", *options_text.split(), *compile_options)


def prepare_step(tool, options_text):
    """Load the data, and return a function that takes the next training step and returns its loss.

    See `parse_tool_options`.
    """
    options = parse_tool_options(tool, options_text)
    batch_options = with_changes(options, batch_size=options.run.batch_size * BATCHES_PER_CALL[tool])
    batches = data.batches(data.load(options.source), batch_options, 0, sys.maxsize)
    training = TOOLS[tool](options)

    def take_next_step():
        x, y = next(batches)
        return float(training.step(x, y, options.run.lr))  # waits for JAX

    return take_next_step


def prepare_test(tool, options_text):
    """Load the data, and return a function that tests the untrained network. See `parse_tool_options`."""
    options = parse_tool_options(tool, options_text)
    dataset = data.load(options.source)
    training = TOOLS[tool](options)
    return lambda: training.test(dataset)


@contextlib.contextmanager
def busy_process():
    """Context manager: another process keeps one core busy."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()


def list_call_seconds(prepare, *arguments, **length):
    """Return the seconds of each call of `prepare(*arguments)`, without the first third, which is a warm-up.

    prepare: `prepare_step` or `prepare_test`; length: `min_steps` and `min_seconds` of
    `timing.measure_step_seconds_in_subprocess`.
    """
    return timing.drop_warm_up(timing.measure_step_seconds_in_subprocess(prepare, *arguments, **length))


def measure_step_ms(tool, options_text):
    """Return the median duration of a step in milliseconds."""
    return 1000 * np.median(list_call_seconds(prepare_step, tool, options_text)) / BATCHES_PER_CALL[tool]


def measure_test_seconds(tool, options_text):
    return np.median(list_call_seconds(prepare_test, tool, options_text))


def measure_busy_step_ms(tool, options_text):
    """Return the mean duration of 100 steps beside a busy process, in milliseconds.

    It is the mean, because the delay comes from a few slow steps.
    """
    with busy_process():
        return 1000 * np.mean(list_call_seconds(prepare_step, tool, options_text, min_steps=150))


def measure_first_epoch_seconds(tool):
    return np.sum(
        timing.measure_step_seconds_in_subprocess(
            prepare_step, tool, "", min_steps=468 // BATCHES_PER_CALL[tool], min_seconds=0
        )
    )


def measure_training_loop_seconds(tool, options_text):
    output = results.run_program(f"{PROGRAMS[tool]} {options_text}", results.ROOT / "learning_curves" / "others")
    return results.parse_seconds(output)


class Measurement(NamedTuple):
    """One of the numbers that are measured."""

    key: str  # in results.json
    n_threads: int
    measure: Callable  # measure() returns the number


def iter_measurements():
    """Yield each `Measurement`."""
    for threads, argv in product(THREAD_COUNTS, RUN_OPTIONS):
        tools = PROGRAMS if argv else TOOLS
        for name in tools:
            measure = functools.partial(measure_step_ms, name, argv)
            yield Measurement(make_key("step", argv, threads, name), threads, measure)
        for name in PROGRAMS:
            measure = functools.partial(measure_test_seconds, name, argv)
            yield Measurement(make_key("test", argv, threads, name), threads, measure)
        for name in PROGRAMS:
            measure = functools.partial(measure_busy_step_ms, name, argv)
            yield Measurement(make_key("busy", argv, threads, name), threads, measure)
    for name in TOOLS:
        measure = functools.partial(measure_first_epoch_seconds, name)
        yield Measurement(make_key("epoch", name), THREAD_COUNTS[-1], measure)
    for argv, name in product(RUN_OPTIONS.values(), PROGRAMS):
        measure = functools.partial(measure_training_loop_seconds, name, argv)
        yield Measurement(make_key("run", argv, name), THREAD_COUNTS[-1], measure)


def measure_results_entry():
    """Measure everything, in rounds, and return the entry for results.json.

    Raises UserError if a tool is not installed.
    """
    try:
        versions = {name: importlib.metadata.version(name.lower()) for name in (JAX, SCIKIT_LEARN)}
    except ImportError as error:
        raise UserError(f"{error.name} is not installed: pip install -r requirements/bench.txt") from None
    rounds = {}
    missing = {}
    for round_number in range(1, N_ROUNDS + 1):
        print(f"round {round_number} of {N_ROUNDS}", file=sys.stderr)
        for measurement in iter_measurements():
            try:
                with subprocess_threads(measurement.n_threads):
                    value = round(float(measurement.measure()), 3)
                rounds.setdefault(measurement.key, []).append(value)
            except UserError as error:
                missing.setdefault(str(error), set()).add(measurement.key)
    missing |= find_contradictions(rounds)
    for reason, keys in missing.items():
        print(f"not kept: {'; '.join(sorted(keys))}: {reason}", file=sys.stderr)
        for key in keys:
            rounds.pop(key, None)
    # The processor for which NumPy's matrix products are optimised. OPENBLAS_CORETYPE may set an older one.
    kernels = [library["architecture"] for library in threadpool_info() if "architecture" in library]
    versions["kernels"] = " ".join(kernels)
    return {"command": "python -m lab.bench", "machine": get_machine_facts() | versions, "rounds": rounds}


def find_contradictions(rounds):
    """Return {message: keys of the results} for programs whose total time is not the sum of their steps and tests."""
    contradictions = {}
    for network, name in product(list_measured_networks(rounds), PROGRAMS):
        argv = RUN_OPTIONS[network]
        keys = [make_key(kind, network, THREAD_COUNTS[-1], name) for kind in ("step", "test")] + [
            make_key("run", argv, name)
        ]
        if not all(key in rounds for key in keys):
            continue
        options = parse_options("torch", *argv.split())
        plan = make_plan(options, data.load(options.source).n_train)
        epochs = math.ceil(plan.steps / plan.steps_per_epoch)
        ms, test, run_seconds = (np.median(rounds[key]) for key in keys)
        expected = plan.steps * ms / 1000 + epochs * test
        if abs(expected - run_seconds) > max(RELATIVE_TOLERANCE * run_seconds, TOLERANCE_SECONDS):
            terms = f"{plan.steps} steps of {ms:.2f} ms and {epochs} x {test:.2f} s of testing"
            message = f"{terms} are {expected:.1f} s, but {name} took {run_seconds:.1f} s ({argv or 'default'})"
            contradictions[message] = keys
    return contradictions


def list_measured_networks(rounds):
    """Return the options of the networks in these results, which are keys of RUN_OPTIONS."""
    return [network for network in RUN_OPTIONS if any(f" | {network} | " in key for key in rounds)]


def make_key(*parts):
    """Return the key of a result in results.json."""
    return " | ".join(map(str, parts))


def format_median(rounds, *key, number_format=".2f"):
    """Return the median of a result as text; a dash if it is missing."""
    return format(np.median(rounds[make_key(*key)]), number_format) if make_key(*key) in rounds else "–"


def format_ratio_range(rounds, key):
    """Return the smallest and the largest ratio of NumPy's time to PyTorch's in a round, as text.

    Return a dash if one of the two was not measured. key: the parts of the result's key, without the tool.
    """
    numpy_times, pytorch_times = (rounds.get(make_key(*key, name)) for name in (NUMPY, PYTORCH))
    if not (numpy_times and pytorch_times):
        return "–"
    quotients = np.divide(numpy_times, pytorch_times)
    return f"{np.min(quotients):.2f} to {np.max(quotients):.2f}"


def make_comparison_cells(rounds, *key, number_format=".2f"):
    """Return three table cells: NumPy, PyTorch and the ratio."""
    return [
        *(format_median(rounds, *key, name, number_format=number_format) for name in PROGRAMS),
        format_ratio_range(rounds, key),
    ]


def make_steps_table(rounds):
    """Milliseconds for one step, and seconds to test with 10,000 images."""
    rows = []
    for argv, threads in product(list_measured_networks(rounds), THREAD_COUNTS):
        options = parse_options("torch", *argv.split())
        first_cells = [options.network.title(options.run), options.run.batch_size, threads]
        rows.append(
            first_cells
            + make_comparison_cells(rounds, "step", argv, threads)
            + make_comparison_cells(rounds, "test", argv, threads)
        )
    heads = [f"{task}: {name}" for task, name in product(("step", "testing"), (*PROGRAMS, "ratio"))]
    return results.format_table(["network", "batch", "threads", *heads], rows)


def make_tools_table(rounds):
    """Milliseconds for one step, and seconds for the first epoch, with compiling."""
    rows = []
    for name in TOOLS:
        ms = [format_median(rounds, "step", "", threads, name) for threads in THREAD_COUNTS]
        rows.append([name, *ms, format_median(rounds, "epoch", name, number_format=".1f")])
    return results.format_table(["", "step, 1 thread", "step, 2 threads", "first epoch, 2 threads"], rows)


def make_runs_table(rounds):
    """Seconds as the programs print them."""
    rows = []
    for network in list_measured_networks(rounds):
        argv = RUN_OPTIONS[network]
        cells = make_comparison_cells(rounds, "run", argv, number_format=".1f")
        rows.append([f"`{argv}`" if argv else "default", *cells])
    return results.format_table(["options", "main_np.py", "main_torch.py", "ratio"], rows)


def make_busy_table(rounds):
    """Milliseconds for one step beside a process that keeps one of two cores busy."""
    rows = []
    for argv in list_measured_networks(rounds):
        cells = []
        for threads in THREAD_COUNTS:
            cells += make_comparison_cells(rounds, "busy", argv, threads)
        rows.append([parse_options("torch", *argv.split()).network.name, *cells])
    heads = []
    for threads in THREAD_COUNTS:
        noun = "threads" if threads > 1 else "thread"
        heads += [f"{threads} {noun}: {name}" for name in (*PROGRAMS, "ratio")]
    return results.format_table(["network", *heads], rows)


TABLE_MAKERS = (make_steps_table, make_busy_table, make_tools_table, make_runs_table)


def main():
    parser = Parser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="make the tables from results.json")
    arguments = parser.parse_args()
    with results.damage_guard():
        saved_results = {**results.load_results().get("bench", {})}  # {processor: result}
    new_results = {} if arguments.print else {describe_processor(): measure_results_entry()}
    with contextlib.nullcontext() if new_results else results.damage_guard():
        for result in (new_results or saved_results).values():
            print(", ".join(f"{name} {value}" for name, value in result["machine"].items()))
            for table in TABLE_MAKERS:
                print(f"\n{table.__doc__}\n\n{table(result['rounds'])}")
    if new_results:
        results.save_result("bench", saved_results | new_results)


if __name__ == "__main__":
    sys.exit(program.run(main))
