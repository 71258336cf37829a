"""From counting to attention, in three steps: `python -m lab.steps` (a minute) -> a table for docs/writing.md.

It compares three ways to predict the next letter of a name. The first only counts. The other two learn: both add to
each letter a mean over all letters so far. In one it is the plain mean; in the other the letters choose its weights,
which is attention. Both means are of values and are followed by an output layer, so that only the weights differ.
"""

import sys
import time

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    from gpt_np import CausalAttention, Embedding
    from lab import counts, results
    from layers_np import Linear, Network
    from loading.options import parse_options
    from main_np import Optimizer, compute_loss
    from support.options import Parser
    from vit_np import Positions

WIDTH = 64
BATCH_SIZE = 128
N_STEPS = 1500
LR = 0.005
N_HEADS = 4
SEEDS = range(3)


class CausalMean:
    """y[t] = out(mean of value(x[0]), ..., value(x[t])): attention with equal weights for all tokens so far."""

    def __init__(self, rng, width):
        self.layers = {"value": Linear(rng, width, width), "out": Linear(rng, width, width)}

    def forward(self, x):
        """Return y (B, T, C) for x (B, T, C)."""
        T = x.shape[1]
        self.weights = (np.tri(T) / np.arange(1, T + 1)[:, np.newaxis]).astype(x.dtype)  # (T, T), the rows add up to 1
        return self.layers["out"].forward(self.weights @ self.layers["value"].forward(x))

    def backward(self, dy):
        return self.layers["value"].backward(self.weights.T @ self.layers["out"].backward(dy))


class Residual:
    """A layer with a shortcut: y = x + layer(x)."""

    def __init__(self, layer):
        self.layers = {"layer": layer}

    def forward(self, x):
        return x + self.layers["layer"].forward(x)

    def backward(self, dy):
        return dy + self.layers["layer"].backward(dy)


def build_network(make_middle_layer, tokenizer_sizes, seed=0):
    """Return a network: a token embedding, a position embedding, a layer that looks back, and a linear layer.

    make_middle_layer(rng): makes that layer. tokenizer_sizes: {"vocab_size", "n_start_tokens", "context_length"}, of
    the tokenizer.
    """
    rng = np.random.default_rng(seed)
    layers = {
        "embed": Embedding(rng, tokenizer_sizes["vocab_size"] + tokenizer_sizes["n_start_tokens"], WIDTH),
        "positions": Positions(rng, tokenizer_sizes["context_length"], WIDTH),
        "back": Residual(make_middle_layer(rng)),
        "linear": Linear(rng, WIDTH, tokenizer_sizes["vocab_size"]),
    }
    return Network(layers, np.float32)


LOOK_BACK_LAYERS = {
    "a mean of all letters so far": lambda rng: CausalMean(rng, WIDTH),
    "a mean whose weights the letters choose": lambda rng: CausalAttention(rng, WIDTH, N_HEADS),
}


def train_for_test_loss(model, dataset, options, seed=0):
    """Train a network, and return its loss of a letter on all test names."""
    optimizer = Optimizer(model.params, options)
    for step in range(N_STEPS):
        batch_indices = data.make_rng(seed, step).integers(dataset.n_train, size=BATCH_SIZE)
        x, y = data.encode(*dataset.get_train_examples_and_labels(batch_indices), options)
        _, dlogits = compute_loss(model.forward(x), y)
        optimizer.step(model.params, model.backward(dlogits), LR * (1 - step / N_STEPS))
    x, y = data.encode(*dataset.get_test_examples_and_labels(slice(None)), options)
    return float(compute_loss(model.forward(x), y)[0])


def make_table(result):
    """Return the losses as a Markdown table, with their spread over the seeds."""
    rows = [["counts after each letter", f"{result['counts']:.3f}"]]
    rows += [[name, results.format_spread(losses, ".3f")] for name, losses in result["losses"].items()]
    return results.format_table(["what predicts the next letter", "test loss per letter"], rows)


def main():
    Parser(description=__doc__).parse_args()
    options = parse_options("np", "--model", "gpt", "--dataset", "names")
    dataset = data.load("names")
    result = {"command": "python -m lab.steps", "losses": {}}
    result["counts"] = counts.measure_count_tables("names")["counts after each token"]["loss"]
    for name, looks_back in LOOK_BACK_LAYERS.items():
        start = time.time()
        result["losses"][name] = [
            train_for_test_loss(build_network(looks_back, options.source.tokenizer.sizes, seed), dataset, options, seed)
            for seed in SEEDS
        ]
        print(name, result["losses"][name], f"{time.time() - start:.0f} s", flush=True)
    results.save_result("steps", result)
    print(make_table(result))


if __name__ == "__main__":
    sys.exit(program.run(main))
