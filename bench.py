"""How fast, beside what: `python bench.py` times a training step in NumPy, in PyTorch, and its products alone.

The programs take turns, a block of steps each, so that whatever else the machine does meets them all. The first
steps of a block do not count: the threads of the other library are still winding down.
"""

import sys
import time

import numpy as np
import torch

import main_np
import main_torch
import mlp_np
import mlp_torch
import training

ROUNDS, BLOCK, SKIP = 15, 40, 15


def steps_of_the_mlp(batch_size, hidden=512):
    """{name: a function that does one step}, for 784-hidden-10 in float32."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch_size, 784)).astype(np.float32)
    y = rng.integers(10, size=batch_size)

    ours = mlp_np.MLP(hidden)
    velocity = {name: np.zeros_like(p) for name, p in ours.params.items()}
    theirs = mlp_torch.MLP(hidden)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.01, momentum=0.9)
    main_torch.set_arrays(theirs, optimizer, ours.params, velocity)
    x_torch, y_torch = torch.from_numpy(x), torch.from_numpy(y)

    W1, _, W2, _ = mlp_np.MLP(hidden).params.values()
    a1 = np.maximum(x @ W1, 0)
    dlogits = mlp_np.softmax_cross_entropy(a1 @ W2, y)[1]
    dz1 = dlogits @ W2.T
    return {
        "products alone": lambda: (x @ W1, a1 @ W2, a1.T @ dlogits, dlogits @ W2.T, x.T @ dz1),
        "NumPy": lambda: main_np.train_step(ours, velocity, x, y, 0.01, 0.9),
        "PyTorch": lambda: main_torch.train_step(theirs, optimizer, x_torch, y_torch, 0.01),
    }


def take_turns(steps):
    """{name: seconds of every step that counts}."""
    seconds = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            for i in range(BLOCK):
                started = time.perf_counter()
                step()
                if i >= SKIP:
                    seconds[name].append(time.perf_counter() - started)
    return seconds


def table(result):
    """A result of this file in Markdown."""
    lines = [
        "| batch size | products alone | NumPy | PyTorch | NumPy / products | NumPy / PyTorch |",
        "|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        cells = [f"{median:.2f} ({low:.2f} to {high:.2f})" for median, low, high in row["ms"].values()]
        ratios = [row["ms"]["NumPy"][0] / row["ms"][other][0] for other in ("products alone", "PyTorch")]
        lines.append(f"| {row['batch_size']} | {' | '.join(cells)} | {ratios[0]:.2f} | {ratios[1]:.2f} |")
    return "\n".join(lines)


def main():
    rows = []
    for batch_size in (128, 256):
        seconds = take_turns(steps_of_the_mlp(batch_size))
        ms = {name: (1000 * np.percentile(values, [50, 25, 75])).round(3).tolist() for name, values in seconds.items()}
        rows.append({"batch_size": batch_size, "ms": ms})
    result = {"command": "python bench.py", "n": ROUNDS * (BLOCK - SKIP), "rows": rows, "machine": training.machine()}
    training.save_result("bench", result)
    print(", ".join(f"{name} {value}" for name, value in result["machine"].items()))
    print(f"a training step of 784-512-10 in float32, ms: median (middle half) of {result['n']}\n")
    print(table(result))


if __name__ == "__main__":
    sys.exit(training.run(main))
