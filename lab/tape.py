"""What docs/autograd.md shows of the tape in autograd_np.py: a graph, and what it costs.

python -m lab.tape          the graph that the MLP's five lines record, drawn from the tape -> png/autograd.png
python -m lab.tape cost     time and memory by hand and on the tape -> results.json (a minute, on an idle machine)
"""

import argparse
import ast
import gc
import inspect
import sys
import textwrap
import time
import tracemalloc
from functools import partial
from support import program

import numpy as np

import data
import mlp_autograd
import mlp_np
import vit_autograd
import vit_np
from autograd_np import Tensor, softmax_cross_entropy
from lab.results import ROOT, markdown, save_result
from lab.shapes import BLUE, CODE, NOTE, RED, Page, save
from support.drawing import TEST, TRAIN
from support.history import machine
from support.options import Parser

# --- The graph ---------------------------------------------------------------------------------------------------

# What the five lines call their results, in the order of time. All else in the picture is read from the tape.
CALLED = ["x @ W1", "z1", "a1", "a1 @ W2", "logits", "loss"]
SIGNS = {"__matmul__": "@", "__add__": "+", "softmax_cross_entropy": "softmax, log"}


def graph():
    """The MLP's graph, from a tape of 128 images: operations above, and below how each hands its gradient on."""
    model = mlp_autograd.MLP()
    model.forward(np.zeros((128, 784), np.float32))
    loss = softmax_cross_entropy(model.logits, np.zeros(128, int))
    leaves = {tensor.node: name for name, tensor in model.tensors.items()}
    operations = [found for found in loss.node.ancestors() if found not in leaves]
    names = leaves | dict(zip(operations, CALLED, strict=True))

    page = Page(420, "What the tape records of the five lines, and the walk back")
    middles = {found: 76 + 129.6 * i for i, found in enumerate(operations)}
    for number, found in enumerate(reversed(operations), 1):
        x = middles[found]
        page.node(names[found], operation_of(found), shape_of(found), x=x, y=144, width=110, **BLUE)
        page.box(x - 58, 256, 116, 104, **RED)
        page.text((x, 272, f"visit {number}"), color=TEST, weight="bold")
        for i, (parent, share) in enumerate(found.edges):
            formula = formula_of(share) + (", summed" if parent in leaves and len(parent.shape) == 1 else "")
            page.text((x, 292 + 34 * i, f"{names[parent]}: {formula}"), size=9, **CODE)
            page.text((x, 307 + 34 * i, kept_by(share)), size=8, **NOTE, **CODE)
            if parent in leaves:
                page.node(names[parent], shape_of(parent), x=x, y=66, width=86, fill="white", edge=TRAIN)
                page.arrow((x, 110), (x, 142))
            else:
                before = middles[parent]
                page.arrow((before + 55, 177), (x - 57, 177), width=2)
                page.arrow((x - 58, 308), (before + 60, 308), TEST, 2)
    page.text((26, 230, "forward: blue, each value is made after its parents"), size=11, color=TRAIN, ha="left")
    page.text((774, 230, "backward: red, the youngest first"), size=11, color=TEST, ha="right")
    note = "under each visit: what dy adds to the gradient of each parent, and what is kept for that"
    page.text((26, 388, note), size=11, ha="left", **NOTE)
    return page.figure


def operation_of(found):
    """The name of the operation that made a node, from where its shares were written."""
    name = found.edges[0][1].__qualname__.split(".<locals>")[0].split(".")[-1]
    return SIGNS.get(name, name)


def formula_of(share):
    """The expression of a share, as it stands in autograd_np.py."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(share).strip()))
    lambdas = [found for found in ast.walk(tree) if isinstance(found, ast.Lambda)]
    names = {*share.__code__.co_freevars, *share.__code__.co_varnames}
    body = next(f.body for f in lambdas if {n.id for n in ast.walk(f.body) if isinstance(n, ast.Name)} == names)
    return ast.unparse(body).replace(".swapaxes(-1, -2)", ".T")


def kept_by(share):
    """The arrays that a share keeps until its visit."""
    cells = zip(share.__code__.co_freevars, share.__closure__ or (), strict=True)
    return ", ".join(f"keeps {name} {shape_of(cell.cell_contents)}" for name, cell in cells) or "keeps nothing"


def shape_of(array):
    return str(array.shape) if array.shape else "a number"


# --- What it costs -----------------------------------------------------------------------------------------------


def by_hand(layer, dy, x):
    """A layer forward, and backward."""
    yield layer.forward(x)
    yield layer.backward(dy), *getattr(layer, "grads", {}).values()


def on_tape(function, dy, *operands):
    """An operation forward, and backward."""
    operands = [Tensor(operand) for operand in operands]
    y = function(*operands)
    yield y
    y.backward(dy)
    yield [operand.grad for operand in operands]


def network(model, x, y):
    """A network's pass forward, and backward, without the update."""
    logits = model.forward(x)
    yield logits
    yield model.backward(mlp_np.softmax_cross_entropy(logits, y)[1])


def compared():
    """{what: (by hand, on the tape)}, each a function that starts a generator: forward, and backward."""
    rng = np.random.default_rng(0)

    def normal(*shape):
        return rng.normal(size=shape).astype(np.float32)

    images, y = normal(128, 28, 28), rng.integers(10, size=128)
    x, dy, scores, dweights = normal(128, 16, 64), normal(128, 16, 64), normal(128, 4, 16, 16), normal(128, 4, 16, 16)
    norm = vit_np.LayerNorm(64)
    norm.params = {"gamma": normal(64), "beta": normal(64)}
    mlps, vits = (mlp_np.MLP(), mlp_autograd.MLP()), (vit_np.ViT(), vit_autograd.ViT())
    return {
        "MLP": [partial(network, model, images, y) for model in mlps],
        "transformer": [partial(network, model, images, y) for model in vits],
        "layer normalisation": [
            partial(by_hand, norm, dy, x),
            partial(on_tape, vit_autograd.layer_norm, dy, x, *norm.params.values()),
        ],
        "softmax": [
            partial(by_hand, vit_np.Softmax(), dweights, scores),
            partial(on_tape, vit_autograd.softmax, dweights, scores),
        ],
    }


def seconds(make):
    """The processor's time for one pass forward and backward."""
    started = time.process_time()
    for _ in make():
        pass
    return time.process_time() - started


def kept(make):
    """Bytes that the way forward leaves for the way back."""
    gc.collect()
    tracemalloc.start()
    passes = make()
    next(passes)
    found, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return found


def cost(turns=7, steps=20):
    """{what: {"by hand": ..., "on the tape": ...}}, each with milliseconds and megabytes. They take turns."""
    data.load()  # as in a run: without it, the memory of large arrays is returned and fetched anew at every step
    found = {}
    for what, both in compared().items():
        times = [], []
        for _ in range(turns):
            for make, measured in zip(both, times, strict=True):
                measured += [seconds(make) for _ in range(steps)][steps // 3 :]
        found[what] = {
            how: {"ms": 1000 * float(np.median(measured)), "MB": kept(make) / 1e6}
            for how, make, measured in zip(("by hand", "on the tape"), both, times, strict=True)
        }
    return found


def table(found):
    """What `cost` found, in Markdown."""
    rows = []
    for what, row in found.items():
        hand, tape = row["by hand"], row["on the tape"]
        ms = [hand["ms"], tape["ms"], tape["ms"] / hand["ms"]]
        rows.append([what, *(f"{value:.2f}" for value in ms), f"{hand['MB']:.1f}", f"{tape['MB']:.1f}"])
    head = ["forward and backward", "ms by hand", "ms on the tape", "ratio", "MB kept by hand", "MB kept on the tape"]
    return markdown(head, rows)


def main():
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["graph", "cost"], default="graph")
    if parser.parse_args().what == "graph":
        save(graph(), ROOT / "png" / "autograd.png")
        return
    found = cost()
    save_result("tape", {"command": "python -m lab.tape cost", "found": found, "machine": machine()})
    print(table(found))


if __name__ == "__main__":
    sys.exit(program.run(main))
