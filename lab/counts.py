"""Baselines for networks that write: tables of counts. `python -m lab.counts` makes them in half a minute.

Each table predicts the next token with its frequency in the training texts: overall; at this position; after the
previous token; or at this position after the previous token. For a longer text, it is the frequency after the two,
three or four letters before. A count of 0 would mean a probability of 0 and an infinite loss. So each table adds one
imaginary token, distributed as in a coarser table. If a table has no counts, this gives the coarser table's
probabilities.
"""

import sys
from itertools import pairwise

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    from lab import results
    from loading.options import parse_options
    from support.options import Parser

TABLES = {
    "all tokens alike": "",
    "counts of the tokens": "all tokens alike",
    "counts at each position": "counts of the tokens",
    "counts after each token": "counts of the tokens",
    "counts at each position after each token": "counts at each position",
}  # {table: its coarser table}
ROWS = {  # for a text; the coarser table uses one letter fewer
    "letters": 0,
    "pairs of letters": 1,
    "three in a row": 2,
    "four in a row": 3,
    "five in a row": 4,
}  # {table: how many letters before it uses}
SEEN = (0, 10, 100, 1000)  # lower ends of the ranges of how often four letters occurred


def extract_target_arrays(dataset, batch, options):
    """Return (position, previous token, token), three arrays with an entry for each target in the texts."""
    x, y = data.encode(*batch, options)
    return tuple(array[y != -1] for array in (np.broadcast_to(np.arange(y.shape[1]), y.shape), x, y))


def make_probability_table(context_arrays, token_ids, coarser_table):
    """Return the probabilities of the next token for each context_arrays: (..., V).

    context_arrays: a tuple of arrays (N,), such as positions or previous tokens; token_ids (N,): the tokens in these
    contexts; coarser_table (..., V): the distribution of the imaginary token that is added to the counts.
    """
    counts = np.zeros(coarser_table.shape)
    np.add.at(counts, (*context_arrays, token_ids), 1)
    return (counts + coarser_table) / (counts.sum(axis=-1, keepdims=True) + 1)


def make_tables_and_contexts_by_name(positions, previous_ids, token_ids, sizes):
    """Return {name: (table (..., V), its context)} for all of TABLES.

    The context is a text: "p" for the position, "b" for the previous token, "pb" for both, "" for none.
    """
    V = sizes["vocab_size"]
    T = sizes["context_length"]
    W = sizes["vocab_size"] + sizes["n_start_tokens"]
    uniform = np.full(V, 1 / V)
    overall = make_probability_table((), token_ids, uniform)
    by_place = make_probability_table((positions,), token_ids, np.tile(overall, (T, 1)))
    by_previous = make_probability_table((previous_ids,), token_ids, np.tile(overall, (W, 1)))
    by_both = make_probability_table((positions, previous_ids), token_ids, by_place[:, np.newaxis].repeat(W, axis=1))
    return dict(
        zip(TABLES, [(uniform, ""), (overall, ""), (by_place, "p"), (by_previous, "b"), (by_both, "pb")], strict=True)
    )


def measure_table_losses_and_accuracies(dataset_name):
    """Return {table: {"loss", "accuracy"}} on all test texts of a dataset."""
    options = parse_options("np", "--model", "gpt", "--dataset", dataset_name)
    examples = data.load(options.source)
    all_rows = slice(None)
    train_pairs = extract_target_arrays(examples, examples.get_train_examples_and_labels(all_rows), options)
    results_by_table = {}
    positions, previous_ids, token_ids = extract_target_arrays(
        examples, examples.get_test_examples_and_labels(all_rows), options
    )
    for name, (table, conditions) in make_tables_and_contexts_by_name(
        *train_pairs, options.source.tokenizer.sizes
    ).items():
        context = tuple({"p": positions, "b": previous_ids}[letter] for letter in conditions)
        is_likeliest = table == table.max(axis=-1, keepdims=True)
        hits = is_likeliest / is_likeliest.sum(axis=-1, keepdims=True)  # ties count in part
        loss = (-np.log(table[(*context, token_ids)])).mean()
        accuracy = hits[(*context, token_ids)].mean()
        results_by_table[name] = {"loss": float(loss), "accuracy": float(accuracy)}
    return results_by_table


def iter_letter_predictions(source):
    """Yield (name, p (N, V), times (N,), targets (N,)) for each of ROWS, for the N letters of the test.

    p: the probabilities of each letter; times: how often the letters before it occurred in training; targets: the right
    letters. A table of 65^5 numbers would not fit into memory, but few sequences of four letters occur, so only these
    have rows.
    """
    token_ids = source.content.arrays[0].astype(np.int64)
    n_letters = len(source.letters)
    _, test = source.get_example_arrays()
    n_train = len(token_ids) * 9 // 10  # the test begins here
    positions = np.arange(n_train + 1, n_train + 1 + len(test) * source.context_length)
    p = np.full((len(positions), n_letters), 1 / n_letters)
    for name, n in ROWS.items():
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
        context_counts = counts[rows] * (contexts[rows] == context_codes[positions - n])[:, np.newaxis]  # (N, V)
        times = context_counts.sum(axis=1)
        p = (context_counts + p) / (times[:, np.newaxis] + 1)
        yield name, p, times, token_ids[positions]


def measure_text_losses_and_accuracies(dataset_name):
    """Return {row of ROWS: {"loss", "accuracy"}} of the tables for a text."""
    results_by_row = {}
    for name, p, _, targets in iter_letter_predictions(data.SOURCES[dataset_name]):
        loss = -np.log(p[np.arange(len(targets)), targets])
        is_right = p.argmax(axis=1) == targets
        results_by_row[name] = {"loss": float(loss.mean()), "accuracy": float(is_right.mean())}
    return results_by_row


def compute_share_and_losses_by_frequency(source, network_loss):
    """Compare a network with the table of five letters, by how often the four letters before occurred in training.

    network_loss (N,): the network's loss of each letter. Return {lower end of a range of SEEN: [percentage of letters,
    loss of the table there, loss of the network there]}.
    """
    *_, (_, p, times, targets) = iter_letter_predictions(source)
    table_loss = -np.log(p[np.arange(len(targets)), targets])
    rows = {}
    for low, high in pairwise((*SEEN, np.inf)):
        is_in_range = (times >= low) & (times < high)
        rows[str(low)] = [
            float(100 * is_in_range.mean()),
            float(table_loss[is_in_range].mean()),
            float(network_loss[is_in_range].mean()),
        ]
    return rows


def make_frequency_table(runs):
    """Return the means over the runs as a Markdown table. It shows where the table of five letters in a row is weak.

    runs: {seed: {"seen": what `compute_share_and_losses_by_frequency` returns}}.
    """
    numbers_by_run = []
    for run in runs.values():
        numbers_by_run.append([run["seen"][str(low)] for low in SEEN])
    means = np.mean(numbers_by_run, axis=0)  # (5, 3)
    ends = [f"{low:,} to {high - 1:,}" for low, high in pairwise(SEEN)] + [f"{SEEN[-1]:,} or more"]
    rows = [
        [end, f"{percent:.0f}", f"{table_loss:.2f}", f"{network_loss:.2f}"]
        for end, (percent, table_loss, network_loss) in zip(ends, means, strict=True)
    ]
    return results.format_table(["times seen", "of 100 letters", "counts", "the network"], rows)


def make_table(results_by_table, networks):
    """Return a Markdown table of the loss, the perplexity and the accuracy of count tables and networks.

    results_by_table: {table: {"loss", "accuracy"}}; networks: {name: {seed: {"loss", "accuracy"}}}.
    """
    scores = {name: results_by_table[name] for name in [*TABLES, *ROWS] if name in results_by_table}
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
    results_by_dataset = {dataset: measure_table_losses_and_accuracies(dataset) for dataset in ("mnist", "names")} | {
        "shakespeare": measure_text_losses_and_accuracies("shakespeare")
    }
    results.save_result("counts", {"command": "python -m lab.counts"} | results_by_dataset)
    for dataset in results_by_dataset:
        print(
            *(f"{n:40} {v['loss']:.3f} {v['accuracy']:.3f}" for n, v in results_by_dataset[dataset].items()), sep="\n"
        )


if __name__ == "__main__":
    sys.exit(program.run(main))
