"""How fast a training step is, and compared with what: `python -m lab.bench` (ten minutes, on an idle machine).

The programs that are compared take turns, a block of steps each, so that anything else the machine does affects them
all. Each runs in its own process, as when a learner runs it: in one process, the threads of NumPy and of PyTorch get in
each other's way. The first third of each block is a warm-up and does not count. The results go into results.json, the
picture into png/speed.png.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from torch import nn

import data
import main_np
import main_torch
import mlp_np
import resnet_np
from lab import results
from support import drawing, program
from support.drawing import INK, TEST, TRAIN, logarithmic, style_axes
from support.errors import UserError
from support.history import machine, processor
from support.options import Parser, parse_options, title
from support.place import has_compiler
from support.run import learning_rate, make_plan

BATCHES, HIDDEN, THREADS = (32, 128, 512, 1024, 4096), (64, 256, 512, 1024, 4096), (1, 2)
PIXELS = ("standardised", "unit", "raw")
PRODUCTS, UPDATE, NUMPY, PYTORCH, COMPILED = "products alone", "update alone", "NumPy", "PyTorch", "PyTorch, compiled"
PYTORCHS_PRODUCTS = "PyTorch's products alone"
THREADS_OF_LIBRARIES = [f"{library}_NUM_THREADS" for library in ("OMP", "OPENBLAS", "MKL")] + ["VECLIB_MAXIMUM_THREADS"]


# --- What is timed -----------------------------------------------------------------------------------------------


def random_batch(options):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(options.batch_size, 28, 28)).astype(options.dtype)
    return x, rng.integers(10, size=options.batch_size)


def step_in_numpy(options):
    """A function that does one training step."""
    x, y = random_batch(options)
    model, optimizer = main_np.build(options)
    return lambda: main_np.train_step(model, optimizer, x, y, 0.01)


def step_in_pytorch(options, compiled=False):
    """The same in PyTorch."""
    x, y = map(torch.from_numpy, random_batch(options))
    model, optimizer = main_torch.build(options)
    network = torch.compile(model) if compiled else model
    return lambda: main_torch.train_step(network, optimizer, x, y, 0.01)[0].item()


def steps_of(options, compiled=False):
    """Both, and the compiled one if asked for, in the form that `take_turns` expects."""
    steps = {NUMPY: (step_in_numpy, options), PYTORCH: (step_in_pytorch, options)}
    return steps | ({COMPILED: (step_in_pytorch, options, True)} if compiled else {})


def products_of(options):
    """The pairs of matrices that a NumPy training step multiplies."""
    rng = np.random.default_rng(0)

    def normal(*shape):
        return rng.normal(size=shape).astype(np.float32)

    batch, pairs = options.batch_size, []
    if options.model == "mlp":
        x, a1, dz1, dlogits = (normal(batch, n) for n in (784, options.hidden, options.hidden, 10))
        W1, W2 = normal(784, options.hidden), normal(options.hidden, 10)
        pairs = [(x, W1), (a1, W2), (a1.T, dlogits), (dlogits, W2.T), (x.T, dz1)]
    else:
        model, _ = main_np.build(options)
        model.backward(model.forward(normal(batch, 28, 28)))
        for path, layer in resnet_np.walk(model.layers).items():
            if isinstance(layer, resnet_np.Conv):
                size, _, inputs, outputs = layer.params["W"].shape
                dy = normal(len(layer.rows), outputs)
                pairs += [(layer.rows, layer.params["W"].reshape(-1, outputs)), (layer.rows.T, dy)]
                if layer.stride == 1:
                    pairs.append((normal(len(dy), size * size * outputs), normal(size * size * outputs, inputs)))
                elif path != "stem.conv":
                    pairs.append((dy, normal(size * size, outputs, inputs)))
    return pairs


def step_of_products(options):
    """These products alone."""
    pairs = products_of(options)
    return lambda: [a @ b for a, b in pairs]


def step_of_products_in_pytorch(options):
    """The same products in PyTorch, which brings a different library for them than NumPy."""
    pairs = [tuple(map(torch.from_numpy, pair)) for pair in products_of(options)]
    return lambda: [a @ b for a, b in pairs]


def step_of_update(options):
    """The passes over the parameters at the end of a NumPy training step: almost no arithmetic, all memory.

    The gradients are chosen to keep the velocities constant. Otherwise the velocities would decay to numbers so small
    that some processors are slow with them.
    """
    params = main_np.build(options)[0].params
    velocity = {name: np.ones_like(p) for name, p in params.items()}
    grads = {name: np.full_like(p, 1 - options.momentum) for name, p in params.items()}
    return lambda: main_np.update(params, velocity, grads, 1e-9, options.momentum)


def step_of_the_ancestor(options):
    """The step of np_nn, rewritten: raw pixels from 0 to 255, no biases, plain gradient descent."""
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(options.batch_size, 784), dtype=np.uint8)
    y = rng.integers(10, size=options.batch_size)
    W1, W2 = rng.normal(size=(784, options.hidden)) / 800, rng.normal(size=(options.hidden, 10)) / 100
    W1, W2 = W1.astype(np.float32), W2.astype(np.float32)

    def step():
        nonlocal W1, W2
        a1 = np.maximum(images.dot(W1), 0)
        dlogits = mlp_np.softmax_cross_entropy(a1.dot(W2), y)[1]
        dz1 = dlogits.dot(W2.T) * (a1 > 0)
        W1, W2 = W1 - 1e-3 * images.T.dot(dz1), W2 - 1e-3 * a1.T.dot(dlogits)

    return step


def step_by_single_examples(options):
    """The same gradients from a loop over the batch, one example at a time, as an introduction would write it."""
    x, y = random_batch(options)
    model, _ = main_np.build(options)

    def step():
        total = {name: np.zeros_like(p) for name, p in model.params.items()}
        for n in range(options.batch_size):
            dlogits = mlp_np.softmax_cross_entropy(model.forward(x[n : n + 1]), y[n : n + 1])[1]
            for name, gradient in model.backward(dlogits).items():
                total[name] += gradient
        for name, p in model.params.items():
            p -= 0.01 / options.batch_size * total[name]

    return step


def step_of_the_usual_example(batch_size=64):
    """A training step of the network in PyTorch's own MNIST example, rewritten: two convolutions, pooling,
    dropout, two linear layers, Adadelta. It trains for 14 epochs."""
    network = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(9216, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
    )
    optimizer = torch.optim.Adadelta(network.parameters(), lr=1.0)
    x, y = torch.randn(batch_size, 1, 28, 28), torch.randint(10, (batch_size,))

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


# --- Timing ------------------------------------------------------------------------------------------------------


def take_turns(steps, rounds=15, least=12):
    """{name: [median, lower quartile, upper quartile]} of the milliseconds per step, warm-up excluded.

    steps: {name: (function, arguments ...)}, where function(arguments ...) returns the step.
    """
    context = multiprocessing.get_context("spawn")
    workers = {name: Worker(context, *step) for name, step in steps.items()}
    try:
        blocks = {name: max(least, int(0.15 / worker.seconds(3)[-1])) for name, worker in workers.items()}
        seconds = {name: [] for name in workers}
        for _ in range(rounds):
            for name, worker in workers.items():
                time.sleep(0.05)  # until the previous worker's threads no longer wait for more work
                seconds[name] += worker.seconds(blocks[name])[blocks[name] // 3 :]
    finally:
        for worker in workers.values():
            worker.end()
    return {name: (1000 * np.percentile(values, [50, 25, 75])).round(3).tolist() for name, values in seconds.items()}


class Worker:
    """A process that takes steps when told to, and reports how long each took."""

    def __init__(self, context, make, *arguments):
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=work, args=(other, make, arguments), daemon=True)
        self.process.start()
        other.close()

    def seconds(self, steps):
        """The seconds that each of this many steps took."""
        try:
            self.pipe.send(steps)
            return self.pipe.recv()
        except (EOFError, OSError):
            raise UserError("a measurement failed (its message is above)") from None

    def end(self):
        with contextlib.suppress(OSError):  # it may have ended already
            self.pipe.send(0)
        self.process.join(10)
        self.process.terminate()
        self.pipe.close()


def work(pipe, make, arguments):
    """What a `Worker` does. It leaves Ctrl-C to the program that started it, which then ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    step = make(*arguments)
    while steps := pipe.recv():
        seconds = []
        for _ in range(steps):
            started = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - started)
        pipe.send(seconds)


def step_of_a_large_product(size):
    a, b = np.ones((2, size, size), np.float32)
    return lambda: a @ b


def peak_gflops(size=2048):
    """Billions of multiplications and additions per second in a large product: the most that this machine can do."""
    ms = take_turns({PRODUCTS: (step_of_a_large_product, size)}, rounds=3)[PRODUCTS][0]
    return round(2 * size**3 / ms / 1e6, 1)


def network_of(options):
    """The network and the batch size of a row in the table of steps."""
    return title(options).split(" in ")[0], options.batch_size


def measure_steps(compiled):
    """The table of steps: both networks, both programs, and the parts of NumPy's step alone.

    A rented machine has slow minutes. So everything is measured three times, minutes apart, and each row keeps the
    measurement with the smallest total.
    """
    rows = {}
    for _ in range(3):
        for argv in (["--batch-size", 128], ["--batch-size", 256], ["--model", "resnet"]):
            options = parse_options("torch", *argv)
            count = sum(len(a) * b.size for a, b in products_of(options))
            network, batch_size = network_of(options)
            alone = {PRODUCTS: (step_of_products, options), UPDATE: (step_of_update, options)}
            if options.model == "mlp":  # PyTorch's convolutions use other products
                alone[PYTORCHS_PRODUCTS] = (step_of_products_in_pytorch, options)
            for threads in THREADS:
                with threads_of_workers(threads):
                    gflops = peak_gflops()
                    ms = take_turns(alone | steps_of(options, compiled), rounds=5)
                row = {"network": network, "batch_size": batch_size, "threads": threads, "gflops": gflops}
                row |= {"multiplications": count, "ms": ms}
                rows.setdefault((network, batch_size, threads), []).append(row)
    return [min(tries, key=lambda row: sum(times[0] for times in row["ms"].values())) for tries in rows.values()]


def measure_instead():
    """What a learner could run instead, at batch size 128: milliseconds for that many images."""
    options = parse_options("torch", "--batch-size", 128)
    ms = take_turns(
        {
            "main_np.py": (step_in_numpy, options),
            "np_nn's step": (step_of_the_ancestor, options),
            "one example at a time": (step_by_single_examples, options),
            "PyTorch's own example (convolutions)": (step_of_the_usual_example, options.batch_size),
        },
        rounds=5,
    )
    return {"batch_size": options.batch_size, "ms": ms}


def measure_scaling():
    """Milliseconds of an MLP's step by batch size, hidden units and threads."""
    rows = []
    sizes = dict.fromkeys([(batch, 512) for batch in BATCHES] + [(128, hidden) for hidden in HIDDEN])
    for threads in THREADS:
        with threads_of_workers(threads):
            for batch, hidden in sizes:
                options = parse_options("torch", "--batch-size", batch, "--hidden", hidden)
                ms = take_turns(steps_of(options), rounds=5, least=6)
                rows.append({"threads": threads, "batch_size": batch, "hidden": hidden, "ms": ms})
    return rows


@contextlib.contextmanager
def threads_of_workers(threads):
    """Processes started inside use this many threads; NumPy and PyTorch read the number from the environment."""
    before = dict(os.environ)
    os.environ.update({name: str(threads) for name in THREADS_OF_LIBRARIES})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def measure_epochs(pixels):
    """The default run by hand with these pixels, in its own process: the seconds of each epoch, and the fraction of
    W1's velocities that are subnormal at the end."""
    with multiprocessing.get_context("spawn").Pool(1) as other:
        return other.apply(train_by_hand, [pixels])


def train_by_hand(pixels):
    options = parse_options("torch", "--pixels", pixels)
    dataset = data.load()
    plan = make_plan(options, len(dataset.train_images))
    model, optimizer = main_np.build(options)
    seconds = []
    for first in range(0, plan.steps, plan.steps_per_epoch):
        started = time.perf_counter()
        steps = range(first, first + plan.steps_per_epoch)
        batches = data.batches(dataset, options.batch_size, 0, steps.start, steps.stop)
        for step, (images, y) in zip(steps, batches, strict=True):
            x = data.as_input(images, pixels, dataset, options.dtype)
            main_np.train_step(model, optimizer, x, y, learning_rate(step, plan.steps, options))
        seconds.append(round(time.perf_counter() - started, 3))
    v = np.abs(optimizer.state["momentum"]["W1"])
    subnormal = (v > 0) & (v < np.finfo(v.dtype).tiny)
    return {"seconds": seconds, "subnormal": round(float(subnormal.mean()), 4)}


# A small program between this one and the one that is measured: on Linux, a new process's peak memory starts at that of
# its parent.
MEASURE = """
import resource, subprocess, sys, time
started = time.perf_counter()
status = subprocess.call(sys.argv[1:])
seconds = time.perf_counter() - started
print(f"{seconds:.1f} s, {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss} at most")
sys.exit(status)
"""


def measure_process(*argv):
    """Seconds of the training loop and of the whole program, and its peak memory in MB."""
    command = [
        sys.executable,
        "-c",
        MEASURE,
        sys.executable,
        *argv,
        "--out",
        results.ROOT / "learning_curves" / "others",
    ]
    ended = subprocess.run(command, cwd=results.ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if ended.returncode:
        raise UserError(f"{' '.join(argv)} failed")
    loop = float(re.search(r"steps, (\d+\.\d) s$", ended.stdout, re.M)[1])
    seconds, memory = map(float, re.search(r"^(.+) s, (\d+) at most$", ended.stdout, re.M).groups())
    megabyte = 1024 if sys.platform == "linux" else 1024**2  # Linux counts in kB, macOS in bytes
    return {"command": " ".join(argv), "loop": loop, "process": seconds, "memory": round(memory / megabyte)}


def epochs_to(accuracy, name):
    """The epochs after which a committed run first reached this test accuracy; None if it never did."""
    history = json.loads((results.ROOT / "learning_curves" / f"history_{name}.json").read_text())
    reached = [epoch for epoch, a in enumerate(history["test_accuracy"], 1) if a >= accuracy]
    return reached[0] if reached else None


# --- Tables ------------------------------------------------------------------------------------------------------


def table(result):
    """Milliseconds per step in NumPy and in PyTorch."""
    names = [name for name in (PRODUCTS, NUMPY, PYTORCH, COMPILED) if name in result["rows"][0]["ms"]]
    rows = []
    for row in result["rows"]:
        ms = row["ms"]
        times = [f"{ms[n][0]:.2f} ({ms[n][1]:.2f} to {ms[n][2]:.2f})" if n in ms else "" for n in names]
        ratios = [f"{ms[NUMPY][0] / ms[n][0]:.2f}" if n in ms else "" for n in (PYTORCH, PRODUCTS)]
        rows.append([row["network"], row["batch_size"], row["threads"], *times, *ratios])
    return results.markdown(["network", "batch", "threads", *names, "NumPy / PyTorch", "NumPy / products"], rows)


def limit_table(result):
    """Where the time of NumPy's step goes, and how close both come to the machine's fastest multiplication."""
    rows = []
    for row in result["rows"]:
        ms = {name: times[0] for name, times in row["ms"].items()}
        parts = ms[PRODUCTS] / ms[NUMPY], ms[UPDATE] / ms[NUMPY]
        peak = [2 * row["multiplications"] / ms[name] / 1e6 / row["gflops"] for name in (NUMPY, PYTORCH)]
        speed = [f"{1000 * row['batch_size'] / ms[name]:,.0f}" for name in (NUMPY, PYTORCH)]
        shares = [f"{share:.0%}" for share in (*parts, 1 - sum(parts), *peak)]
        theirs = f"{ms[PYTORCHS_PRODUCTS] / ms[PRODUCTS]:.2f}" if PYTORCHS_PRODUCTS in ms else ""
        rows.append([row["network"], row["batch_size"], row["threads"], *shares, *speed, theirs])
    head = [
        "network",
        "batch",
        "threads",
        "products",
        "update",
        "the rest",
        "of peak: NumPy",
        "PyTorch",
        "images/s: NumPy",
        "PyTorch",
        "products: PyTorch / NumPy",
    ]
    return results.markdown(head, rows)


def instead_table(result):
    """What else a learner could run."""
    ms = result["instead"]["ms"]
    rows = [
        [name, f"{times[0]:.2f}", f"{times[0] / ms['main_np.py'][0]:.1f}"]
        for name, times in sorted(ms.items(), key=lambda item: item[1])
    ]
    return results.markdown(["step", f"ms for {result['instead']['batch_size']} images", "times main_np.py's"], rows)


def scaling_table(result):
    """Milliseconds per step of an MLP, by its sizes and the number of threads."""
    found = {(row["batch_size"], row["hidden"], row["threads"]): row["ms"] for row in result["scaling"]}
    threads = sorted({key[2] for key in found})
    rows = []
    for batch, hidden in dict.fromkeys(key[:2] for key in found):
        cells = [f"{found[batch, hidden, n][name][0]:.2f}" for n in threads for name in (NUMPY, PYTORCH)]
        rows.append([batch, hidden, *cells])
    columns = [f"{name}, {n} thread{'s' * (n > 1)}" for n in threads for name in (NUMPY, PYTORCH)]
    return results.markdown(["batch", "hidden", *columns], rows)


def time_table(result):
    """Seconds of training until a test accuracy was first reached, and what a whole program takes."""
    rows = []
    for row in result["times"]:
        until = [f"{seconds:.0f} s" if seconds else "" for seconds in (row["to_98"], row["to_99"])]
        process = row["process"]
        ratio, memory = f"{process['process'] / process['loop']:.2f}", f"{process['memory']} MB"
        rows.append([f"`{row['command']}`", *until, ratio, memory])
    return results.markdown(["run", "to 98 %", "to 99 %", "whole program / training loop", "memory at most"], rows)


def epochs_table(result):
    """Seconds per epoch of the default run by hand, by its pixels."""
    rows = [
        [f"`--pixels {pixels}`", *(f"{seconds:.2f}" for seconds in run["seconds"]), f"{run['subnormal']:.0%}"]
        for pixels, run in ((pixels, result["epochs"][pixels]) for pixels in PIXELS)
    ]
    epochs = [f"epoch {n}" for n in range(1, len(rows[0]) - 1)]
    return results.markdown(["", *epochs, "subnormal velocities"], rows)


def picture(result):
    """A result: what a step is made of, and how it grows with the batch."""
    figure = Figure(figsize=(9, 6), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2, width_ratios=(5, 4))
    style_axes(left, "What a step is made of", "")
    left.grid(axis="y", visible=False)
    labels, at = [], 0
    for row in result["rows"]:
        ms = {name: times[0] for name, times in row["ms"].items()}
        scale = 100 / ms["PyTorch"]
        parts = [("products", ms["products alone"], TRAIN), ("update of the weights", ms["update alone"], "#8db3dc")]
        parts.append(("the rest", ms["NumPy"] - sum(part[1] for part in parts), "#d5e3f2"))
        start = 0
        for name, part, color in parts:
            left.barh(at, part * scale, 0.8, start, color=color, label=name if not labels else None)
            start += part * scale
        left.barh(at + 1, 100, 0.8, color=TEST, label=None if labels else "PyTorch, the whole step")
        labels += [(at, "NumPy"), (at + 1, "PyTorch")]
        threads = f"{row['threads']} thread{'s' * (row['threads'] > 1)}"
        left.annotate(f"{row['network']}, batch {row['batch_size']}, {threads}", (0, at - 0.5), va="bottom", color=INK)
        at += 3
    left.set_yticks([y for y, _ in labels], [label for _, label in labels])
    left.set_ylim(at - 1.2, -1.4)
    left.set_xlabel("time, in per cent of PyTorch's", color=INK)
    left.xaxis.set_major_locator(MultipleLocator(50))
    figure.suptitle(result["machine"]["processor"], x=0.99, ha="right", fontsize=10, color="#777777")
    figure.legend(loc="outside lower center", ncols=4, frameon=False)

    style_axes(right, "784-512-10 by batch size", "milliseconds")
    for threads, line in ((1, (0, (4, 2))), (2, "-")):
        rows = [row for row in result["scaling"] if row["hidden"] == 512 and row["threads"] == threads]
        for name, color in (("NumPy", TRAIN), ("PyTorch", TEST)):
            sizes, ms = [row["batch_size"] for row in rows], [row["ms"][name][0] for row in rows]
            right.plot(sizes, ms, color=color, linestyle=line, marker="o", markersize=4, linewidth=2)
    right.set_xscale("log", base=2)
    logarithmic(right)
    right.set_xticks([32, 128, 512, 1024, 4096], ["32", "128", "512", "1024", "4096"])
    right.set_xlabel("images in a batch", color=INK)
    for line, (text, color) in enumerate([("NumPy", TRAIN), ("PyTorch", TEST), ("dashed: 1 thread, solid: 2", INK)]):
        right.annotate(text, (0.03, 0.95 - 0.05 * line), xycoords="axes fraction", color=color, va="center")
    return figure


TABLES = (table, limit_table, instead_table, time_table, epochs_table, scaling_table)

# Name of the committed history: (program, command, options that make it short enough to measure).
RUNS = {
    "np": (NUMPY, "main_np.py", []),
    "torch": (PYTORCH, "main_torch.py", []),
    "resnet_np": (NUMPY, "main_np.py --model resnet", ["--steps", "300"]),
    "resnet_torch": (PYTORCH, "main_torch.py --model resnet", ["--steps", "600"]),
}


def measure_times(rows):
    """For each of RUNS, the time to 98 % and 99 %, and the whole program beside its loop (short for the ResNets)."""
    by_key = {(row["network"], row["batch_size"], row["threads"]): row for row in rows}
    found = []
    for name, (numpy_or_pytorch, command, short) in RUNS.items():
        options = parse_options("torch", *command.split()[1:])
        row = by_key[(*network_of(options), THREADS[-1])]
        epoch = (60_000 // options.batch_size) * row["ms"][numpy_or_pytorch][0] / 1000  # seconds
        epochs = {key: epochs_to(a, name) for key, a in (("to_98", 0.98), ("to_99", 0.99))}
        times = {key: n and round(n * epoch, 1) for key, n in epochs.items()}
        found.append(
            {"command": command, **times, "epochs": epochs, "process": measure_process(*command.split(), *short)}
        )
    return found


def main():
    Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    if sys.platform == "win32":
        raise UserError("Windows does not report how much memory a program used: run this on Linux or macOS")
    to_99 = epochs_to(0.99, "resnet_torch")
    if to_99 is None:
        raise UserError("history_resnet_torch.json is not from the README's run: restore it from git")
    result = {"command": "python -m lab.bench", "machine": machine()}
    result["rows"] = measure_steps(compiled=has_compiler())
    with threads_of_workers(THREADS[-1]):
        result["instead"] = measure_instead()
        result["epochs"] = {pixels: measure_epochs(pixels) for pixels in PIXELS}
        result["times"] = measure_times(result["rows"])
        # Both have the same number of steps per epoch: the time to 99 % as a fraction of the usual example's training.
        example = take_turns({"example": (step_of_the_usual_example, 64)}, rounds=5)["example"]
    share = to_99 * result["rows"][-1]["ms"][PYTORCH][0] / (14 * example[0])
    result["to_99"] = {"epochs": to_99, "share": round(share, 4), "example_ms": example}
    result["scaling"] = measure_scaling()
    # Each processor has its own ratios, so each keeps its own results.
    results.save_result("bench", results.load_results().get("bench", {}) | {processor(): result})
    drawing.save(picture(result), results.ROOT / "png" / "speed.png")
    print(", ".join(f"{name} {value}" for name, value in result["machine"].items()))
    print("times are milliseconds, medians (middle half)")
    for part in TABLES:
        print(f"\n{part.__doc__}\n\n{part(result)}")
    print(f"\nPyTorch's own MNIST example at batch 64: {example[0]:.1f} ms per step, 14 epochs")
    print(f"the ResNet reads 99 % after {to_99} epochs: {share:.1%} of that time")


if __name__ == "__main__":
    sys.exit(program.run(main))
