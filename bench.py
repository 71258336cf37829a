"""How fast, beside what: `python bench.py` times training steps in NumPy and in PyTorch, side by side.

The programs take turns, a block of steps each, so that whatever else the machine does meets them all. The first
steps of a block do not count: the threads of the other library are still winding down.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import main_np
import main_torch
import mlp_np
import training

ROUNDS = 15


def steps_of(options):
    """{name: a function that does one training step} for NumPy and PyTorch, on random images."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(options.batch_size, 28, 28)).astype(options.dtype)
    y = rng.integers(10, size=options.batch_size)
    ours, velocity = main_np.build(options)
    theirs, optimizer = main_torch.build(options)
    x_torch, y_torch = torch.from_numpy(x), torch.from_numpy(y)
    return {
        "NumPy": lambda: main_np.train_step(ours, velocity, x, y, 0.01, options),
        "PyTorch": lambda: main_torch.train_step(theirs, optimizer, x_torch, y_torch, 0.01, options).tolist(),
    }


def products_of_the_mlp(batch_size, hidden=512):
    """The five matrix products of the MLP's training step, and nothing else."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch_size, 784)).astype(np.float32)
    W1, _, W2, _ = mlp_np.MLP(hidden).params.values()
    a1 = np.maximum(x @ W1, 0)
    dlogits = mlp_np.softmax_cross_entropy(a1 @ W2, rng.integers(10, size=batch_size))[1]
    dz1 = dlogits @ W2.T
    return lambda: (x @ W1, a1 @ W2, a1.T @ dlogits, dlogits @ W2.T, x.T @ dz1)


def step_of_the_usual_example(batch_size=64):
    """A training step of the network in PyTorch's own MNIST example, written again: two convolutions, pooling,
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


def take_turns(steps, block=40, skip=15):
    """{name: [median, lower quartile, upper quartile]} of the milliseconds of the steps that count."""
    seconds = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            for i in range(block):
                started = time.perf_counter()
                step()
                if i >= skip:
                    seconds[name].append(time.perf_counter() - started)
    return {name: (1000 * np.percentile(values, [50, 25, 75])).round(3).tolist() for name, values in seconds.items()}


def epochs_to_99():
    """After how many epochs the committed default run of the ResNet in PyTorch first read 99 % of the test images."""
    path = Path(__file__).resolve().parent / "learning_curves" / "history_resnet_torch.json"
    accuracies = json.loads(path.read_text())["test_accuracy"]
    return 1 + next(i for i, accuracy in enumerate(accuracies) if accuracy >= 0.99)


def table(result):
    """A result of this file in Markdown."""
    lines = ["| network | batch | products alone | NumPy | PyTorch | NumPy / PyTorch |", "|---|---|---|---|---|---|"]
    for row in result["rows"]:
        ms = row["ms"]
        cells = [f"{ms[n][0]:.2f} ({ms[n][1]:.2f} to {ms[n][2]:.2f})" if n in ms else "" for n in (PRODUCTS, *BOTH)]
        ratio = ms["NumPy"][0] / ms["PyTorch"][0]
        lines.append(f"| {row['network']} | {row['batch_size']} | {' | '.join(cells)} | {ratio:.2f} |")
    return "\n".join(lines)


PRODUCTS, BOTH = "products alone", ("NumPy", "PyTorch")


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    rows = []
    for batch_size in (128, 256):
        options, _ = training.parse_options("torch", "", ["--batch-size", str(batch_size)])
        ms = take_turns({PRODUCTS: products_of_the_mlp(batch_size), **steps_of(options)})
        rows.append({"network": "784-512-10", "batch_size": batch_size, "ms": ms})
    options, _ = training.parse_options("torch", "", ["--model", "resnet"])
    ms = take_turns(steps_of(options) | {"example": step_of_the_usual_example(options.batch_size)}, block=12, skip=4)
    example = ms.pop("example")
    rows.append({"network": "ResNet 16-32-64", "batch_size": options.batch_size, "ms": ms})

    to_99 = epochs_to_99()
    share = to_99 * ms["PyTorch"][0] / (14 * example[0])  # both have the same number of steps in an epoch
    result = {"command": "python bench.py", "rows": rows, "machine": training.machine()}
    result["to_99"] = {"epochs": to_99, "share": round(share, 4), "example_ms": example}
    training.save_result("bench", result)
    print(", ".join(f"{name} {value}" for name, value in result["machine"].items()))
    print("a training step in float32, milliseconds: median (middle half)\n")
    print(table(result))
    print(f"\nPyTorch's own MNIST example at batch {options.batch_size}: {example[0]:.1f} ms a step, 14 epochs")
    print(f"the ResNet reads 99 % after {to_99} epochs: {share:.1%} of that time")


if __name__ == "__main__":
    sys.exit(training.run(main))
