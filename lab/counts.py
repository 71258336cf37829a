"""What a network that writes has to beat: tables that only count. `python -m lab.counts` makes them, in half a minute.

Each table gives the next word the probabilities that it counted in the training texts: of all words; of those at this
place; of those after the word before; of those at this place after the word before; in a longer text, of those after
the two, three or four letters before. A count of 0 would be a probability of 0, and its loss infinite. So each table
behaves as if it had seen one word more, which a coarser table drew. Where it has seen nothing, the coarser one decides.
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
    "all words alike": "",
    "counts of the words": "all words alike",
    "counts at each place": "counts of the words",
    "counts after each word": "counts of the words",
    "counts at each place after each word": "counts at each place",
}  # each, and the coarser one behind it
ROWS = {  # of a text: the coarser table has one letter fewer before
    "letters": 0,
    "pairs of letters": 1,
    "three in a row": 2,
    "four in a row": 3,
    "five in a row": 4,
}  # each, and how many letters before it asks for
SEEN = (0, 10, 100, 1000)  # how often four letters were seen: the ends of the lines of a table


def extract_pairs(dataset, batch, options):
    """For each word of the texts that counts, three arrays: its place, the word before it, and the word."""
    x, y = data.encode(*batch, options)
    return tuple(array[y != -1] for array in (np.broadcast_to(np.arange(y.shape[1]), y.shape), x, y))


def compute_probabilities(context, words, behind):
    """For each context the probabilities of the next word: (..., V). context: a tuple of arrays (N,) to count in; words
    (N,); behind (..., V): the table that draws one word more."""
    counts = np.zeros(behind.shape)
    np.add.at(counts, (*context, words), 1)
    return (counts + behind) / (counts.sum(axis=-1, keepdims=True) + 1)


def make_count_tables(place, before, words, sizes):
    """{name: (table (..., V), which of place and word before it asks for)} for all of TABLES."""
    V, T, W = sizes["vocab_size"], sizes["context_length"], sizes["vocab_size"] + sizes["n_start_tokens"]
    alike = np.full(V, 1 / V)
    all_ = compute_probabilities((), words, alike)
    at_place = compute_probabilities((place,), words, np.tile(all_, (T, 1)))
    after = compute_probabilities((before,), words, np.tile(all_, (W, 1)))
    both = compute_probabilities((place, before), words, at_place[:, np.newaxis].repeat(W, axis=1))
    return dict(zip(TABLES, [(alike, ""), (all_, ""), (at_place, "p"), (after, "b"), (both, "pb")], strict=True))


def measure(dataset):
    """{table: {"loss", "accuracy"}} on all test texts."""
    options = parse_options("np", "--model", "gpt", "--dataset", dataset)
    examples, everything = data.load(options.source), slice(None)
    known, found = extract_pairs(examples, examples.train(everything), options), {}
    place, before, words = extract_pairs(examples, examples.test(everything), options)
    for name, (table, asks) in make_count_tables(*known, options.source.tokenizer.sizes).items():
        context = tuple({"p": place, "b": before}[letter] for letter in asks)
        best = table == table.max(axis=-1, keepdims=True)
        hits = best / best.sum(axis=-1, keepdims=True)  # it guesses one of the likeliest
        loss, right = (-np.log(table[(*context, words)])).mean(), hits[(*context, words)].mean()
        found[name] = {"loss": float(loss), "accuracy": float(right)}
    return found


def iter_text_tables(source):
    """For each of ROWS: its name; the probabilities p (N, V) of each letter that a network is tested on; how often the
    letters before it were seen in training (N,); and the right letters (N,).

    A table of 65^5 numbers has no room. But of all rows of four letters, few occur: only these are rows of it.
    """
    words, letters = source.content["arrays"][0].astype(np.int64), len(source.letters)
    _, test = source.examples()
    first = len(words) * 9 // 10  # of the test
    asked = np.arange(first + 1, first + 1 + len(test) * source.context_length)
    p = np.full((len(asked), letters), 1 / letters)
    for name, n in ROWS.items():
        codes = sum((words[i : len(words) - n + i] * letters ** (n - 1 - i) for i in range(n)), np.zeros(1, np.int64))
        before = np.broadcast_to(codes, len(words) - n)  # number i: the n letters before letter i + n, as one number
        seen, row = np.unique(before[: first - n], return_inverse=True)
        counts = np.zeros((len(seen), letters))
        np.add.at(counts, (row, words[n:first]), 1)
        at = np.minimum(np.searchsorted(seen, before[asked - n]), len(seen) - 1)
        mine = counts[at] * (seen[at] == before[asked - n])[:, np.newaxis]  # (N, V): 0 where the row was never seen
        times = mine.sum(axis=1)
        p = (mine + p) / (times[:, np.newaxis] + 1)
        yield name, p, times, words[asked]


def measure_text(dataset):
    """The same of a text: {row of ROWS: {"loss", "accuracy"}}."""
    found = {}
    for name, p, _, right in iter_text_tables(data.SOURCES[dataset]):
        loss, hits = -np.log(p[np.arange(len(right)), right]), p.argmax(axis=1) == right
        found[name] = {"loss": float(loss.mean()), "accuracy": float(hits.mean())}
    return found


def compare_by_frequency(source, loss):
    """{how often the four letters before were seen: [of how many of the letters in 100, loss of the table of five in a
    row there, loss of the network there]}. loss: the network's, of each letter (N,)."""
    *_, (_, p, times, right) = iter_text_tables(source)
    theirs, found = -np.log(p[np.arange(len(right)), right]), {}
    for low, high in pairwise((*SEEN, np.inf)):
        here = (times >= low) & (times < high)
        found[str(low)] = [float(100 * here.mean()), float(theirs[here].mean()), float(loss[here].mean())]
    return found


def make_frequency_table(runs):
    """In Markdown, the means over the runs: where the table of five in a row is weak. runs: {seed: {"seen": what
    `compare_by_frequency` found}}."""
    means = np.mean([[run["seen"][str(low)] for low in SEEN] for run in runs.values()], axis=0)  # (5, 3)
    ends = [f"{low:,} to {high - 1:,}" for low, high in pairwise(SEEN)] + [f"{SEEN[-1]:,} or more"]
    rows = [[end, f"{of:.0f}", f"{a:.2f}", f"{b:.2f}"] for end, (of, a, b) in zip(ends, means, strict=True)]
    return results.format_table(["times seen", "of 100 letters", "counts", "the network"], rows)


def make_table(counted, networks):
    """In Markdown: the loss of a word, its perplexity, and the share guessed right, of the tables and of the networks.

    counted: what was measured of the tables; networks: {name: {seed: {"loss", "accuracy"}}}.
    """
    lines = {name: counted[name] for name in [*TABLES, *ROWS] if name in counted}
    for name, runs in networks.items():
        lines[name] = {what: float(np.mean([run[what] for run in runs.values()])) for what in ("loss", "accuracy")}
    rows = [
        [name, f"{row['loss']:.2f}", f"{np.exp(row['loss']):.1f}", f"{row['accuracy']:.3f}"]
        for name, row in lines.items()
    ]
    return results.format_table(["", "loss", "perplexity", "guessed right"], rows)


def main():
    Parser(description=__doc__).parse_args()
    found = {dataset: measure(dataset) for dataset in ("mnist", "names")} | {"shakespeare": measure_text("shakespeare")}
    results.save_result("counts", {"command": "python -m lab.counts"} | found)
    for dataset in found:
        print(*(f"{n:40} {v['loss']:.3f} {v['accuracy']:.3f}" for n, v in found[dataset].items()), sep="\n")


if __name__ == "__main__":
    sys.exit(program.run(main))
