"""How fast a training step is, and compared with what: `python -m lab.bench` (half an hour, on an idle machine).

The tools that are compared take turns (turns.py). A rented machine has slow minutes, so everything is measured in three
rounds, and the tables state the median. The numbers go into results.json, the picture into png/speed.png.
`python -m lab.bench --print` measures nothing, and makes tables and picture from results.json.
"""

import argparse
import functools
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import time

import numpy as np
import torch

import data
import main_np
import main_torch
from lab import results
from lab.turns import call_elsewhere, take_turns, threads_of_workers
from networks import parse_options
from support import drawing, program
from support.drawing import INK, TEST, TRAIN
from support.errors import UserError
from support.history import machine, processor
from support.options import Parser
from support.place import has_compiler
from support.run import learning_rate

ROUNDS, THREADS = 3, (1, 2)
PRODUCTS, NUMPY, PYTORCH, COMPILED = "products alone", "NumPy", "PyTorch", "PyTorch, compiled"
JAX, SCIKIT_LEARN = "JAX", "scikit-learn"
# The options of a step: what is timed beside NumPy and PyTorch. The last four are for the picture alone.
STEPS = {
    "": [PRODUCTS, COMPILED, JAX, SCIKIT_LEARN],
    "--batch-size 256": [PRODUCTS],
    "--model resnet": [],
    "--model vit": [],
    **{f"--batch-size {size}": [] for size in (32, 512, 1024, 4096)},
}
IN_TABLE = [*STEPS][:4]
RUNS = ("", "--pixels raw", "--model resnet --steps 300", "--model vit --steps 300")
GOAL = 0.98
AT_ONCE = 20  # batches in a call of scikit-learn, which checks its input in every call


# --- The same network in several tools: functions step(x, y, lr), which returns the loss first, and logits(x) --------


def in_numpy(options):
    model, optimizer = main_np.build(options)
    return functools.partial(main_np.train_step, model, optimizer), model.forward


def in_pytorch(options, compiled=False):
    model, optimizer = main_torch.build(options)
    network = torch.compile(model) if compiled else model

    def step(x, y, lr):
        return main_torch.train_step(network, optimizer, torch.from_numpy(x), torch.from_numpy(y), lr)

    return step, lambda x: model(torch.from_numpy(x)).detach()


def in_jax(options):
    """The MLP, with the same first weights. JAX changes no array in place, but may reuse the memory of old weights."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_platforms", "cpu")
    params = {name: jnp.array(p) for name, p in main_np.build(options)[0].params.items()}
    state = params, {name: jnp.zeros_like(p) for name, p in params.items()}

    def logits_of(params, x):
        a1 = jax.nn.relu(x.reshape(len(x), -1) @ params["W1"] + params["b1"])
        return a1 @ params["W2"] + params["b2"]

    def loss_of(params, x, y):
        logits = logits_of(params, x)
        return -jax.nn.log_softmax(logits)[jnp.arange(len(y)), y].mean(), logits

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def train_step(params, velocity, x, y, lr):
        (loss, logits), grads = jax.value_and_grad(loss_of, has_aux=True)(params, x, y)
        velocity = {name: options.momentum * v + grads[name] for name, v in velocity.items()}
        params = {name: p - lr * velocity[name] for name, p in params.items()}
        return params, velocity, loss, (logits.argmax(axis=1) == y).mean()

    def step(x, y, lr):
        nonlocal state
        *state, loss, accuracy = train_step(*state, x, y, lr)
        return loss, accuracy

    return step, lambda x: logits_of(state[0], x)


def in_scikit_learn(options):
    """The MLP, with first weights of its own and a constant learning rate. It cuts x into batches by itself."""
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier([options.hidden], solver="sgd", alpha=0, nesterovs_momentum=False, shuffle=False)
    network.set_params(batch_size=options.batch_size, momentum=options.momentum, random_state=options.seed)
    network.set_params(learning_rate_init=0.05)  # of 0.02, 0.05, 0.1 and 0.2, the best on held-out images

    def step(x, y, lr):
        return [network.partial_fit(x.reshape(len(x), -1), y, classes=range(10)).loss_]

    return step, lambda x: network.predict_proba(x.reshape(len(x), -1))


TOOLS = {
    NUMPY: in_numpy,
    PYTORCH: in_pytorch,
    COMPILED: functools.partial(in_pytorch, compiled=True),
    JAX: in_jax,
    SCIKIT_LEARN: in_scikit_learn,
}


def find_tools():
    """Those of TOOLS that can run here; a line is printed for each of the others."""
    missing = {} if has_compiler() else {COMPILED: "needs a C++ compiler: left out"}
    for name, module in ((JAX, "jax"), (SCIKIT_LEARN, "sklearn")):
        if not importlib.util.find_spec(module):
            missing[name] = "is not installed: left out (pip install -r requirements-bench.txt)"
    for name, why in missing.items():
        print(name, why)
    return [name for name in TOOLS if name not in missing]


def random_batch(options, batches=1):
    rng, images = np.random.default_rng(0), batches * options.batch_size
    return rng.normal(size=(images, 28, 28)).astype(options.dtype), rng.integers(10, size=images)


def step_of(name, options):
    """A function that takes one step with that tool on a random batch; scikit-learn takes AT_ONCE."""
    step, _ = TOOLS[name](options)
    x, y = random_batch(options, AT_ONCE if name == SCIKIT_LEARN else 1)
    return lambda: float(step(x, y, 0.01)[0])  # to read its loss is to wait for JAX


def step_of_products(options):
    """A function that does the five matrix products of the MLP's step by hand, and nothing else."""
    model, _ = main_np.build(options)
    dlogits = model.forward(random_batch(options)[0])  # any numbers of this shape will do
    model.backward(dlogits)
    x, a1, dz1, W1, W2 = model.x, model.a1, model.dz1, model.params["W1"], model.params["W2"]
    return lambda: [x @ W1, a1 @ W2, a1.T @ dlogits, dlogits @ W2.T, x.T @ dz1]


# --- What is measured ------------------------------------------------------------------------------------------------


def reach_goal(name):
    """Train by the default recipe until the test accuracy is GOAL after an epoch. The seconds without testing; epochs.

    scikit-learn is given an epoch's images at once, in the order in which the others draw them, up to 20 times.
    """
    options, dataset = parse_options("torch"), data.load()
    examples = len(dataset.train_images)
    batch_size, epochs = (examples, 20) if name == SCIKIT_LEARN else (options.batch_size, options.epochs)
    length = examples // batch_size
    options.batch_size = batch_size
    batches = data.batches(dataset, options, 0, epochs * length)
    step, logits = TOOLS[name](options)
    seconds = 0
    for epoch in range(epochs):
        started = time.perf_counter()
        steps = range(epoch * length, (epoch + 1) * length)
        for i, (images, y) in zip(steps, batches, strict=False):  # the steps end before another batch is drawn
            x = data.as_input(images, options)
            loss, *_ = step(x, y, learning_rate(i, epochs * length, options))
        float(loss)  # to read its loss is to wait for JAX
        seconds += time.perf_counter() - started
        correct = 0
        for images, y in data.test_batches(dataset):
            x = data.as_input(images, options)
            correct += (np.asarray(logits(x)).argmax(axis=1) == y).sum()
        if correct >= GOAL * len(dataset.test_images):
            return seconds, epoch + 1
    raise UserError(f"{name} does not reach {GOAL:.0%} in {epochs} epochs")


# Between this program and the one that is measured: on Linux, a new process's peak memory starts at its parent's.
BETWEEN = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


def run_program(*argv):
    """The seconds that a main program prints, and its peak memory in MB."""
    command = [sys.executable, "-c", BETWEEN, sys.executable, *argv, "--out", results.ROOT / "learning_curves/others"]
    ended = subprocess.run(command, cwd=results.ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if ended.returncode:
        raise UserError(f"{' '.join(argv)} failed")
    megabyte = 1024 if sys.platform == "linux" else 1024**2  # Linux counts in kB, macOS in bytes
    return float(re.search(r"steps, (\d+\.\d) s$", ended.stdout, re.M)[1]), int(ended.stdout.split()[-1]) / megabyte


def measure_round(tools):
    """Everything once: pairs of a number's name, in parts, and the number."""
    for argv, others in STEPS.items():
        options = parse_options("torch", *argv.split())
        steps = {name: (step_of, name, options) for name in tools if name in (NUMPY, PYTORCH, *others)}
        if PRODUCTS in others:
            steps[PRODUCTS] = step_of_products, options
        for threads in THREADS:
            with threads_of_workers(threads):
                for name, ms in take_turns(steps).items():
                    yield ("step", argv, threads, name), ms / (AT_ONCE if name == SCIKIT_LEARN else 1)
    for threads in THREADS:
        for name in tools:
            with threads_of_workers(threads):
                seconds, epochs = call_elsewhere(reach_goal, name)
            yield ("goal", threads, name), seconds
            yield ("epochs", threads, name), epochs
    for argv in RUNS:
        for name, script in ((NUMPY, ["main_np.py"]), (PYTORCH, ["main_torch.py", "--device", "cpu"])):
            seconds, memory = run_program(*script, *argv.split())
            yield ("run", argv, name), seconds
            yield ("memory", argv, name), memory


def measure():
    """All that this program finds out, as results.json keeps it."""
    tools, found = find_tools(), {}
    for n in range(1, ROUNDS + 1):
        print(f"round {n} of {ROUNDS}", file=sys.stderr)
        for key, value in measure_round(tools):
            found.setdefault(key_of(*key), []).append(round(float(value), 3))
    versions = {name: importlib.metadata.version(name.lower()) for name in (JAX, SCIKIT_LEARN) if name in tools}
    return {"command": "python -m lab.bench", "machine": machine() | versions, "rounds": found}


# --- Tables ----------------------------------------------------------------------------------------------------------


def key_of(*parts):
    """A number's name in results.json."""
    return " | ".join(map(str, parts))


def median(rounds, *key, form=".2f"):
    """The median of a number as text; empty if it was not measured."""
    return format(np.median(rounds[key_of(*key)]), form) if key_of(*key) in rounds else ""


def ratios(rounds, *keys):
    """The smallest and the largest ratio of NumPy to PyTorch in one round."""
    pairs = [(rounds[key_of(*key, NUMPY)], rounds[key_of(*key, PYTORCH)]) for key in keys]
    found = np.array([np.divide(*pair) for pair in pairs])
    return f"{found.min():.2f} to {found.max():.2f}"


def network_of(argv):
    """The network and the batch size of these options."""
    options = parse_options("torch", *argv.split())
    return options.network.title(options), options.batch_size


def on_threads(what):
    """Column heads."""
    return [f"{what}, {n} thread{'s' * (n > 1)}" for n in THREADS]


def steps_table(rounds):
    """Milliseconds for one step."""
    names, rows = [PRODUCTS, NUMPY, PYTORCH], []
    for argv, threads in ((argv, n) for argv in IN_TABLE for n in THREADS):
        ms = [median(rounds, "step", argv, threads, name) for name in names]
        rows.append([*network_of(argv), threads, *ms, ratios(rounds, ("step", argv, threads))])
    return results.markdown(["network", "batch", "threads", *names, "NumPy / PyTorch"], rows)


def tools_table(rounds):
    """Milliseconds for one step, and seconds to 98 % test accuracy."""
    rows = []
    for name in (name for name in TOOLS if key_of("goal", THREADS[0], name) in rounds):
        ms = [median(rounds, "step", "", n, name) for n in THREADS]
        seconds = [median(rounds, "goal", n, name, form=".1f") for n in THREADS]
        rows.append([name, *ms, *seconds, median(rounds, "epochs", THREADS[-1], name, form=".0f")])
    return results.markdown(["", *on_threads("a step"), *on_threads("to 98 %"), "epochs"], rows)


def runs_table(rounds):
    """Seconds as the programs print them, and their peak memory in MB."""
    rows = []
    for argv in RUNS:
        found = [median(rounds, "run", argv, name, form=".1f") for name in (NUMPY, PYTORCH)]
        found += [ratios(rounds, ("run", argv))]
        found += [median(rounds, "memory", argv, name, form=".0f") for name in (NUMPY, PYTORCH)]
        rows.append([f"`{argv}`" if argv else "default", *found])
    head = ["options", "main_np.py", "main_torch.py", "NumPy / PyTorch", "main_np.py, MB", "main_torch.py, MB"]
    return results.markdown(head, rows)


TABLES = (steps_table, tools_table, runs_table)


def picture(result):
    """The MLP's step in NumPy and in PyTorch, by the batch's size."""
    figure, axes = drawing.new_axes("784-512-10 by batch size", "milliseconds per step")
    sizes, argvs = zip(*sorted((network_of(argv)[1], argv) for argv in STEPS if "model" not in argv), strict=True)
    for threads, line in zip(THREADS, ((0, (4, 2)), "-"), strict=True):
        for name, color in ((NUMPY, TRAIN), (PYTORCH, TEST)):
            ms = [np.median(result["rounds"][key_of("step", argv, threads, name)]) for argv in argvs]
            axes.plot(sizes, ms, color=color, linestyle=line, marker="o", markersize=4, linewidth=2)
    axes.set_xscale("log", base=2)
    drawing.logarithmic(axes)
    axes.set_xticks(sizes, map(str, sizes))
    axes.set_xlabel("images in a batch", color=INK)
    for line, (text, color) in enumerate([(NUMPY, TRAIN), (PYTORCH, TEST), ("dashed: 1 thread, solid: 2", INK)]):
        axes.annotate(text, (0.03, 0.95 - 0.07 * line), xycoords="axes fraction", color=color, va="center")
    axes.annotate(result["machine"]["processor"], (0.98, 0.04), xycoords="axes fraction", color=INK, ha="right")
    return figure


def main():
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--print", action="store_true", help="make tables and picture from results.json")
    measured = parser.parse_args().print
    if sys.platform == "win32":
        raise UserError("Windows does not report how much memory a program used: run this on Linux or macOS")
    found = results.load_results().get("bench", {})  # by processor: each has its own ratios
    if measured and processor() not in found:
        raise UserError(f"{processor()} was not measured: leave --print out")
    if not measured:
        found[processor()] = measure()
        results.save_result("bench", found)
    result = found[processor()]
    drawing.save(picture(result), results.ROOT / "png" / "speed.png")
    print(", ".join(f"{name} {value}" for name, value in result["machine"].items()))
    for table in TABLES:
        print(f"\n{table.__doc__}\n\n{table(result['rounds'])}")


if __name__ == "__main__":
    sys.exit(program.run(main))
