"""Baselines for networks that write: tables of counts. `python -m lab.counts` makes them in half a minute.

Each table predicts the next token with its frequency in the training texts: overall; at this position; after the
previous token; or at this position after the previous token. For a longer text, it is the frequency after the two,
three or four letters before. A count of 0 would mean a probability of 0 and an infinite loss. So each table adds one
imaginary token, distributed as in a coarser table. If a table has no counts, this gives the coarser table's
probabilities.
"""

import sys
from itertools import pairwise
from typing import NamedTuple

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    from lab import results
    from loading.options import parse_options
    from support.options import Parser

COARSER_TABLES = {
    "all tokens alike": "",
    "counts of the tokens": "all tokens alike",
    "counts at each position": "counts of the tokens",
    "counts after each token": "counts of the tokens",
    "counts at each position after each token": "counts at each position",
}  # {table: its coarser table}
N_EARLIER_LETTERS = {  # for a text; the coarser table uses one letter fewer
    "letters": 0,
    "pairs of letters": 1,
    "three in a row": 2,
    "four in a row": 3,
    "five in a row": 4,
}  # {table: how many letters before it uses}
COUNT_RANGE_STARTS = (0, 10, 100, 1000)  # of how often four letters occurred


class Targets(NamedTuple):
    """The tokens that a network has to predict in some texts, and where they are: arrays (N,)."""

    positions: np.ndarray
    previous_ids: np.ndarray  # of the tokens before them
    token_ids: np.ndarray

    def get_index(self, context):
        """Return the index of the targets in a table with an axis for each of these fields, and the last for tokens.

        context: names of fields of `Targets`.
        """
        return (*(getattr(self, field) for field in context), self.token_ids)


class CountTable(NamedTuple):
    """The probabilities of the next token in each context."""

    p: np.ndarray  # (..., V)
    context: tuple  # the fields of `Targets` that index the other axes


def extract_targets(batch, options):
    """Return the `Targets` in a batch of texts."""
    x, y = data.encode(*batch, options)
    positions = np.broadcast_to(np.arange(y.shape[1]), y.shape)
    is_target = y != -1
    return Targets(positions[is_target], x[is_target], y[is_target])


def make_count_table(targets, context, coarser_p):
    """Return the `CountTable` of the targets, with this context.

    coarser_p (..., V): the distribution of the imaginary token that is added to the counts.
    """
    counts = np.zeros(coarser_p.shape)
    np.add.at(counts, targets.get_index(context), 1)
    return CountTable((counts + coarser_p) / (counts.sum(axis=-1, keepdims=True) + 1), context)


def make_count_tables(targets, sizes):
    """Return {name: `CountTable`} for all of COARSER_TABLES. sizes: those of the tokenizer."""
    V = sizes["vocab_size"]
    T = sizes["context_length"]
    W = sizes["vocab_size"] + sizes["n_start_tokens"]
    uniform = CountTable(np.full(V, 1 / V), ())
    overall = make_count_table(targets, (), uniform.p)
    by_position = make_count_table(targets, ("positions",), np.tile(overall.p, (T, 1)))
    by_previous = make_count_table(targets, ("previous_ids",), np.tile(overall.p, (W, 1)))
    coarser_p = by_position.p[:, np.newaxis].repeat(W, axis=1)
    by_both = make_count_table(targets, ("positions", "previous_ids"), coarser_p)
    return dict(zip(COARSER_TABLES, [uniform, overall, by_position, by_previous, by_both], strict=True))


def measure_count_tables(dataset_name):
    """Return {table: {"loss", "accuracy"}} on all test texts of a dataset."""
    options = parse_options("np", "--model", "gpt", "--dataset", dataset_name)
    examples = data.load(options.source)
    all_rows = slice(None)
    train_targets = extract_targets(examples.get_train_examples_and_labels(all_rows), options)
    test_targets = extract_targets(examples.get_test_examples_and_labels(all_rows), options)
    results_by_table = {}
    for name, table in make_count_tables(train_targets, options.source.tokenizer.sizes).items():
        is_likeliest = table.p == table.p.max(axis=-1, keepdims=True)
        hits = is_likeliest / is_likeliest.sum(axis=-1, keepdims=True)  # ties count in part
        index = test_targets.get_index(table.context)
        results_by_table[name] = {
            "loss": float((-np.log(table.p[index])).mean()),
            "accuracy": float(hits[index].mean()),
        }
    return results_by_table


class LetterPredictions(NamedTuple):
    """What a table of counts predicts for the N letters of a test text."""

    table: str  # one of N_EARLIER_LETTERS
    p: np.ndarray  # (N, V), the probabilities of each letter
    context_counts: np.ndarray  # (N,), how often the letters before it occurred in training
    targets: np.ndarray  # (N,), the right letters

    def compute_losses(self):
        """Return the loss of each letter: (N,)."""
        return -np.log(self.p[np.arange(len(self.targets)), self.targets])


def iter_letter_predictions(source):
    """Yield the `LetterPredictions` of each of N_EARLIER_LETTERS for the test text.

    A table of 65^5 numbers would not fit into memory, but few sequences of four letters occur, so only these have rows.
    """
    token_ids = source.content.arrays[0].astype(np.int64)
    n_letters = len(source.letters)
    _, test = source.get_example_arrays()
    n_train = len(token_ids) * 9 // 10  # the test begins here
    positions = np.arange(n_train + 1, n_train + 1 + len(test) * source.context_length)
    p = np.full((len(positions), n_letters), 1 / n_letters)
    for name, n in N_EARLIER_LETTERS.items():
        codes = sum(
            (token_ids[i : len(token_ids) - n + i] * n_letters ** (n - 1 - i) for i in range(n)), np.zeros(1, np.int64)
        )
        # Entry i encodes the n letters before letter i + n as one number.
        context_codes = np.broadcast_to(codes, len(token_ids) - n)
        contexts, row = np.unique(context_codes[: n_train - n], return_inverse=True)
        counts = np.zeros((len(contexts), n_letters))
        np.add.at(counts, (row, token_ids[n:n_train]), 1)
        rows = np.minimum(np.searchsorted(contexts, context_codes[positions - n]), len(contexts) - 1)
        # 0 if the row did not occur in training.
        letter_counts = counts[rows] * (contexts[rows] == context_codes[positions - n])[:, np.newaxis]  # (N, V)
        context_counts = letter_counts.sum(axis=1)
        p = (letter_counts + p) / (context_counts[:, np.newaxis] + 1)
        yield LetterPredictions(name, p, context_counts, token_ids[positions])


def measure_letter_tables(dataset_name):
    """Return {row of N_EARLIER_LETTERS: {"loss", "accuracy"}} of the tables for a text."""
    results_by_row = {}
    for predictions in iter_letter_predictions(data.SOURCES[dataset_name]):
        is_right = predictions.p.argmax(axis=1) == predictions.targets
        results_by_row[predictions.table] = {
            "loss": float(predictions.compute_losses().mean()),
            "accuracy": float(is_right.mean()),
        }
    return results_by_row


class RangeLosses(NamedTuple):
    """The mean losses of those letters before which the same four letters occurred so often in training."""

    percentage: float  # of all letters
    table_loss: float  # of the table of five letters
    network_loss: float


def compare_losses_by_frequency(source, network_losses):
    """Compare a network with the table of five letters, by how often the four letters before occurred in training.

    network_losses (N,): the network's loss of each letter. Return {one of COUNT_RANGE_STARTS: `RangeLosses`}.
    """
    *_, predictions = iter_letter_predictions(source)
    table_losses = predictions.compute_losses()
    rows = {}
    for low, high in pairwise((*COUNT_RANGE_STARTS, np.inf)):
        is_in_range = (predictions.context_counts >= low) & (predictions.context_counts < high)
        rows[str(low)] = RangeLosses(
            float(100 * is_in_range.mean()),
            float(table_losses[is_in_range].mean()),
            float(network_losses[is_in_range].mean()),
        )
    return rows


def make_frequency_table(runs):
    """Return the means over the runs as a Markdown table. It shows where the table of five letters in a row is weak.

    runs: {seed: {"seen": what `compare_losses_by_frequency` returns}}.
    """
    numbers_by_run = []
    for run in runs.values():
        numbers_by_run.append([run["seen"][str(low)] for low in COUNT_RANGE_STARTS])
    means = np.mean(numbers_by_run, axis=0)  # (4, 3)
    ends = [f"{low:,} to {high - 1:,}" for low, high in pairwise(COUNT_RANGE_STARTS)] + [
        f"{COUNT_RANGE_STARTS[-1]:,} or more"
    ]
    rows = [
        [end, f"{percentage:.0f}", f"{table_loss:.2f}", f"{network_loss:.2f}"]
        for end, (percentage, table_loss, network_loss) in zip(ends, means, strict=True)
    ]
    return results.format_table(["times seen", "of 100 letters", "counts", "the network"], rows)


def make_table(results_by_table, networks):
    """Return a Markdown table of the loss, the perplexity and the accuracy of count tables and networks.

    results_by_table: {table: {"loss", "accuracy"}}; networks: {name: {seed: {"loss", "accuracy"}}}.
    """
    scores = {
        name: results_by_table[name] for name in [*COARSER_TABLES, *N_EARLIER_LETTERS] if name in results_by_table
    }
    for name, runs in networks.items():
        scores[name] = {}
        for metric in ("loss", "accuracy"):
            scores[name][metric] = float(np.mean([run[metric] for run in runs.values()]))
    rows = [
        [name, f"{row['loss']:.2f}", f"{np.exp(row['loss']):.1f}", f"{row['accuracy']:.3f}"]
        for name, row in scores.items()
    ]
    return results.format_table(["", "loss", "perplexity", "guessed right"], rows)


def main():
    Parser(description=__doc__).parse_args()
    results_by_dataset = {dataset: measure_count_tables(dataset) for dataset in ("mnist", "names")}
    results_by_dataset["shakespeare"] = measure_letter_tables("shakespeare")
    results.save_result("counts", {"command": "python -m lab.counts"} | results_by_dataset)
    for results_by_table in results_by_dataset.values():
        for name, result in results_by_table.items():
            print(f"{name:40} {result['loss']:.3f} {result['accuracy']:.3f}")


if __name__ == "__main__":
    sys.exit(program.run(main))
