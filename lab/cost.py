"""Measure what the tape of autograd_np.py costs: `python -m lab.cost` (two minutes, on an idle machine) ->
results.json.

It measures time and memory of a forward and a backward pass, by hand and on the tape, on one thread.
"""

import gc
import sys
import tracemalloc
from functools import partial

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    import mlp_autograd
    import mlp_np
    import vit_autograd
    import vit_np
    from autograd_np import Tensor
    from lab import timing
    from lab.results import format_table, save_result
    from support.history import get_machine_facts
    from support.options import Parser


def iter_passes_by_hand(layer, dy, x):
    """Take a layer's forward pass and yield its output, then take its backward pass and yield the gradients."""
    yield layer.forward(x)
    yield layer.backward(dy), *getattr(layer, "grads", {}).values()


def iter_passes_on_tape(function, dy, *operands):
    """Do the same for an operation on the tape: yield its result, then the gradients of its operands."""
    operands = [Tensor(operand) for operand in operands]
    y = function(*operands)
    yield y
    y.backward(dy)
    yield [operand.grad for operand in operands]


def iter_network_passes(model, x, y):
    """Do the same for a network: yield its logits, then its gradients. The weights are not updated."""
    logits = model.forward(x)
    yield logits
    yield model.backward(mlp_np.softmax_cross_entropy(logits, y)[1])


def make_variants_by_name():
    """Return {name: [by hand, on the tape]}, each a function that returns a generator of the two passes' results."""
    rng = np.random.default_rng(0)

    def normal(*shape):
        return rng.normal(size=shape).astype(np.float32)

    images = normal(128, 28, 28)
    y = rng.integers(10, size=128)
    x = normal(128, 16, 64)
    dy = normal(128, 16, 64)
    scores = normal(128, 4, 16, 16)
    dweights = normal(128, 4, 16, 16)
    norm = vit_np.LayerNorm(64)
    norm.params = {"gamma": normal(64), "beta": normal(64)}
    mlps = (mlp_np.MLP(), mlp_autograd.MLP())
    vits = (vit_np.ViT(), vit_autograd.ViT())
    return {
        "MLP": [partial(iter_network_passes, model, images, y) for model in mlps],
        "transformer": [partial(iter_network_passes, model, images, y) for model in vits],
        "layer normalisation": [
            partial(iter_passes_by_hand, norm, dy, x),
            partial(iter_passes_on_tape, vit_autograd.layer_norm, dy, x, *norm.params.values()),
        ],
        "softmax": [
            partial(iter_passes_by_hand, vit_np.Softmax(), dweights, scores),
            partial(iter_passes_on_tape, vit_autograd.softmax, dweights, scores),
        ],
    }


def prepare_passes(name, variant_index):
    """Return a function that runs both passes of a comparison. variant_index: 0 for by hand, 1 for on the tape."""
    data.load()  # as in a run: without it, the memory of large arrays is freed and allocated again at every step
    make = make_variants_by_name()[name][variant_index]
    return lambda: [*make()]


def measure_kept_bytes(start_passes):
    """Return the bytes that the forward pass keeps for the backward pass.

    start_passes: a function of `make_variants_by_name`.
    """
    gc.collect()
    tracemalloc.start()
    passes = start_passes()
    next(passes)
    n_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return n_bytes


def measure_cost(rounds=timing.N_ROUNDS, **length):
    """Measure both variants of each comparison, in turns.

    length: the options of `timing.measure_step_seconds_in_subprocess`.
    Return {name: {"by hand": costs, "on the tape": costs}}, where the costs are {"ms": milliseconds, "MB": megabytes}.
    """
    costs = {}
    ways = ("by hand", "on the tape")
    for name, factories in make_variants_by_name().items():
        times = {way: [] for way in ways}
        with timing.subprocess_threads(1):
            for _ in range(rounds):
                for number, way in enumerate(ways):
                    times[way].append(
                        np.median(
                            timing.drop_warm_up(
                                timing.measure_step_seconds_in_subprocess(prepare_passes, name, number, **length)
                            )
                        )
                    )
        costs[name] = {
            way: {"ms": 1000 * float(np.median(times[way])), "MB": measure_kept_bytes(make) / 1e6}
            for way, make in zip(ways, factories, strict=True)
        }
    return costs


def make_table(costs):
    """Return the costs as a Markdown table."""
    rows = []
    for name, row in costs.items():
        hand = row["by hand"]
        tape = row["on the tape"]
        ms = [hand["ms"], tape["ms"], tape["ms"] / hand["ms"]]
        rows.append([name, *(f"{value:.2f}" for value in ms), f"{hand['MB']:.1f}", f"{tape['MB']:.1f}"])
    head = ["forward and backward", "ms by hand", "ms on the tape", "ratio", "MB kept by hand", "MB kept on the tape"]
    return format_table(head, rows)


def main():
    Parser(description=__doc__).parse_args()
    costs = measure_cost()
    save_result("tape", {"command": "python -m lab.cost", "found": costs, "machine": get_machine_facts()})
    print(make_table(costs))


if __name__ == "__main__":
    sys.exit(program.run(main))
