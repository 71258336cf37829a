"""Measure what networks that write have learned: `python -m lab.writing` trains them and evaluates what they write.

Three runs of the default recipe by hand: their loss and accuracy; of 2,000 digits that each writes at a temperature,
how many the default MLP reads as the requested digit, and how many are blank; and their distance from the nearest
training image, compared with that of test digits built from the same patches. Three runs that learn names: their loss
and accuracy, and how many of 2,000 names that each writes are in the training list. You can stop it and start it again:
finished runs are not repeated. It draws seed 0's digits into png/written.png, the digits beside their nearest training
images into png/nearest.png, and one digit at several temperatures into png/temperatures.png. It saves seed 0's weights
for the site as page/gpt.npz, page/names.npz and page/text.npz.
"""

import json
import sys
import time
from typing import NamedTuple

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    import loading.checkpoint
    import loading.options
    from lab import counts, figures, results
    from mlp_np import softmax
    from networks import NETWORKS
    from support import texts
    from support.drawing import BLUE, INK, RED, new_figure, plot_style, style_axes
    from support.files import atomic_write
    from support.options import Parser
    from write import generate_digits, generate_names

SEEDS = range(3)
TEMPERATURES = (1, 0.8, 0.6, 0.3, 0.2, 0.1, 0)
IMAGES_PER_DIGIT = 200
NAME_SEEDS = range(3)
N_NAMES = 2000
NAME_TEMPERATURES = (1, 0.8, 0.5)
TEXT_SEEDS = {"texts": range(3), "best": range(3)}  # of each recipe for texts
DEFAULT_TEMPERATURE = 0.8  # the temperature of write.py
SHOWN_DIGIT_AND_TEMPERATURES = 2, (0, 0.5, 1, 2)  # which digit png/temperatures.png shows, and at which temperatures
RUNS_FOLDER = results.ROOT / "learning_curves" / "others"
WRITER_MODEL = next(model for model, network in NETWORKS.items() if network.writes)
REQUESTED_DIGITS = np.arange(10).repeat(IMAGES_PER_DIGIT)


class TrainedRun(NamedTuple):
    """A run of main_np.py: its network, its options and its history."""

    model: object
    options: object
    history: dict


def load_or_train_run(options_text):
    """Return the `TrainedRun` with these options, as text. It is trained first or, if it was stopped, continued."""
    options = loading.options.parse_options("np", *options_text.split())
    folder = RUNS_FOLDER / f"{options.name}_{options.run.recipe}_{options.run.seed}"
    checkpoint = folder / f"checkpoint_{options.name}.npz"
    history = folder / f"history_{options.name}.json"
    results.run_program(
        f"main_np.py --resume {checkpoint}" if checkpoint.exists() else f"main_np.py {options_text}", folder
    )
    network = loading.checkpoint.load_network(checkpoint, options.network.writes)
    return TrainedRun(network.model, network.options, json.loads(history.read_text(encoding="utf-8")))


def classify_digits(images, classifier):
    """Return the digits (B,) that a `TrainedRun` predicts for images (B, 28, 28)."""
    logits = []
    for part in split_into_batches(images):
        logits.append(loading.checkpoint.compute_logits(classifier.model, classifier.options, part))
    return np.concatenate(logits).argmax(axis=1)


def split_into_batches(images):
    return np.array_split(images, -(-len(images) // 500))


def find_nearest_images(images, candidates):
    """Return the candidate nearest to each image. images: uint8 (B, 28, 28)."""
    x, y = (a.reshape(len(a), -1).astype(np.float32) for a in (images, candidates))
    squares = (y**2).sum(axis=1)
    indices = np.concatenate([(squares - 2 * part @ y.T).argmin(axis=1) for part in split_into_batches(x)])
    return candidates[indices]


def compute_pair_distances(images, other_images):
    """Return the root mean squared difference of the pixels, from 0 to 255, of each pair of images: (B,)."""
    return np.sqrt(((images.astype(float) - other_images) ** 2).mean(axis=(1, 2)))


def summarise_nearest_distances(images, candidates):
    """Measure how far images are from the nearest of the candidates.

    Return {"median": the median distance, "equal": the fraction of images that equal a candidate}.
    """
    distances = compute_pair_distances(images, find_nearest_images(images, candidates))
    return {"median": round(float(np.median(distances)), 3), "equal": float((distances == 0).mean())}


def round_to_words(images):
    """Return images (B, 28, 28) uint8 encoded as patches of the vocabulary and decoded again."""
    return texts.decode_images(texts.encode_images(images))


def measure_digits(writer, classifier, train_images):
    """Return how the digits that a network writes are classified, as a dict. writer, classifier: `TrainedRun`s.

    "read" and "blank" have, by temperature, the fraction that the classifier reads as requested and the fraction
    without ink; "nearest" is what `summarise_nearest_distances` returns.
    """
    model = writer.model
    images_at = {
        t: generate_digits(model, writer.options, REQUESTED_DIGITS, t, np.random.default_rng(0)) for t in TEMPERATURES
    }
    read_fractions = {}
    blank_fractions = {}
    for t, images in images_at.items():
        has_ink = images.any(axis=(1, 2))
        read_fractions[str(t)] = float(((classify_digits(images, classifier) == REQUESTED_DIGITS) & has_ink).mean())
        blank_fractions[str(t)] = float(1 - has_ink.mean())
    nearest = summarise_nearest_distances(images_at[DEFAULT_TEMPERATURE], train_images)
    return {"read": read_fractions, "blank": blank_fractions, "nearest": nearest}


def measure_known_names(writer):
    """Return {temperature: fraction of the written names that are in the training list}. writer: a `TrainedRun`."""
    known_names = {*texts.decode_names(data.load(writer.options.source).train_tokens)}
    fractions = {}
    for t in NAME_TEMPERATURES:
        names = generate_names(writer.model, writer.options, "", N_NAMES, t, np.random.default_rng(0))
        fractions[str(t)] = float(np.mean([name in known_names for name in names]))
    return fractions


def measure_real_digits(classifier, dataset, train_images):
    """Return the same numbers for test digits, which a perfect network would reach: see `measure_digits`."""
    word_images = round_to_words(dataset.test_images)
    some_images = word_images[:: len(word_images) // len(REQUESTED_DIGITS)]
    return {
        "read": float((classify_digits(word_images, classifier) == dataset.test_labels).mean()),
        "read as they are": float((classify_digits(dataset.test_images, classifier) == dataset.test_labels).mean()),
        "nearest": summarise_nearest_distances(some_images, train_images),
    }


def make_table(result):
    """Return a Markdown table that compares the runs of a network that writes with real digits."""
    real = result["real"]
    runs = list(result["runs"].values())

    def make_cells(label, get_number, real_value, number_format):
        return [
            label,
            results.format_spread([get_number(run) for run in runs], number_format),
            "" if real_value is None else f"{real_value:{number_format}}",
        ]

    rows = [
        make_cells("test loss per patch", lambda run: run["loss"], None, ".3f"),
        make_cells("patches predicted correctly", lambda run: run["accuracy"], None, ".3f"),
        *(
            make_cells(
                f"recognised as requested, at temperature {t}",
                lambda run, t=t: run["read"][str(t)],
                real["read"],
                ".3f",
            )
            for t in TEMPERATURES
            if t >= 0.6
        ),
        make_cells(
            "distance from the nearest training image, median",
            lambda run: run["nearest"]["median"],
            real["nearest"]["median"],
            ".1f",
        ),
        make_cells("equal to a training image", lambda run: run["nearest"]["equal"], real["nearest"]["equal"], ".3f"),
    ]
    return results.format_table(["", make_mean_over_seeds_label(runs), "test digits built from these patches"], rows)


def make_mean_over_seeds_label(runs):
    noun = "seeds" if len(runs) > 1 else "seed"
    return f"mean over {len(runs)} {noun}"


def make_temperatures_table(result):
    """Return a Markdown table: the fraction of digits read as requested, and of blank ones, at each temperature."""
    runs = list(result["runs"].values())
    rows = []
    for t in TEMPERATURES:
        read = results.format_spread([run["read"][str(t)] for run in runs], ".3f")
        blank = results.format_spread([run["blank"][str(t)] for run in runs], ".3f")
        rows.append([t, read, blank])
    return results.format_table(["temperature", "recognised as requested", "blank"], rows)


def make_names_table(result):
    """Return a Markdown table of the runs that learn names."""
    runs = list(result["runs"].values())
    rows = [
        ["test loss per letter", results.format_spread([run["loss"] for run in runs], ".3f")],
        ["letters predicted correctly", results.format_spread([run["accuracy"] for run in runs], ".3f")],
    ]
    for t in NAME_TEMPERATURES:
        spread = results.format_spread([run["in the list"][str(t)] for run in runs], ".3f")
        rows.append([f"in the list, at temperature {t}", spread])
    return results.format_table(["", make_mean_over_seeds_label(runs)], rows)


def get_text_runs(result):
    """Return {name in the table: runs} of the networks that learn a text."""
    names = {"texts": "the network", "best": "the network of `--recipe best`"}
    return {name: result["runs"][recipe] for recipe, name in names.items() if recipe in result["runs"]}


@plot_style()
def draw_digits(image_rows):
    """Digits that the GPT wrote, asked for 0 to 9"""
    page = figures.FigurePage(62 + 76 * len(image_rows), draw_digits.__doc__)
    for row, row_images in enumerate(image_rows):
        for digit, image in enumerate(row_images):
            page.draw_pixels(image, 26 + 75.6 * digit, 62 + 76 * row, 68)
    return page.figure


@plot_style()
def draw_nearest(images, neighbours):
    """Above, digits that the GPT wrote; below, the training image nearest to each"""
    page = figures.FigurePage(62 + 2 * 76 * len(images) // 10 + 20 * (len(images) // 10 - 1), draw_nearest.__doc__)
    for i, pair in enumerate(zip(images, neighbours, strict=True)):
        row, column = divmod(i, 10)
        for is_below, image in enumerate(pair):
            page.draw_pixels(image, 26 + 75.6 * column, 62 + 172 * row + 76 * is_below, 68)
    return page.figure


@plot_style()
def draw_temperatures(images_by_temperature, digit):
    """Draw a digit that was written ten times at each temperature. images_by_temperature: {temperature: images}."""
    page = figures.FigurePage(62 + 76 * len(images_by_temperature), f"A {digit}, written ten times at each temperature")
    for row, (t, images) in enumerate(images_by_temperature.items()):
        page.draw_text((62, 100 + 76 * row, f"{t}"), size=18)
        for column, image in enumerate(images):
            page.draw_pixels(image, 98 + 68.4 * column, 66 + 76 * row, 64)
    return page.figure


@plot_style()
def draw_temperature_curve(result):
    """Draw the fraction of digits read as requested over the temperature.

    The mean over the seeds is a line, and each seed a dot.
    """
    figure = new_figure(7, 3.9)
    axes = style_axes(figure.add_subplot(), "Digits read as asked: mean, and each seed", "share", "temperature")
    axes.set_ylim(0.78, 1.0)
    ticks = [0, 0.2, 0.4, 0.6, 0.8, 1]
    axes.set_xticks(ticks, labels=map(str, ticks))
    axes.axhline(result["real"]["read"], color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.annotate("test digits in these words, read right", (0.5, result["real"]["read"]), (0, 5),
                  textcoords="offset points", ha="center", color=INK)  # fmt: skip
    shares = np.array([[run["read"][str(t)] for t in TEMPERATURES] for run in result["runs"].values()])
    axes.plot(TEMPERATURES, shares.mean(axis=0), color=BLUE, linewidth=2.5)
    for seed_shares in shares:
        axes.plot(TEMPERATURES, seed_shares, "o", color=RED, alpha=0.7, markersize=5)
    return figure


@plot_style()
def draw_patches(words):
    """The 128 words: patches of 4 × 4 pixels, from no ink to much"""
    page = figures.FigurePage(440, draw_patches.__doc__)
    for word, pixels in enumerate(words):
        page.draw_pixels(pixels.reshape(texts.PATCH_SIDE, -1), 26 + 47 * (word % 16), 62 + 47 * (word // 16), 40)
    return page.figure


def save_as_float16(model, path):
    """Save the weights of a network as float16, for the site: half the size, with results of the same quality."""
    with atomic_write(path) as file:
        np.savez_compressed(file, **{name: p.astype(np.float16) for name, p in model.params.items()})


def draw_and_save_pictures(writer, train_images):
    """Draw and save all pictures of the digits of seed 0's `TrainedRun`, and that of the vocabulary."""

    def generate(digits, temperature):
        return generate_digits(writer.model, writer.options, digits, temperature, np.random.default_rng(0))

    images = generate(np.arange(10).repeat(5), DEFAULT_TEMPERATURE).reshape(10, 5, 28, 28).swapaxes(0, 1)
    rest = images[3:].reshape(-1, 28, 28)
    digit, temperatures = SHOWN_DIGIT_AND_TEMPERATURES
    rows = {t: generate([digit] * 10, t) for t in temperatures}
    for name, figure in {
        "written": draw_digits(images[:3]),
        "nearest": draw_nearest(rest, find_nearest_images(rest, train_images)),
        "temperatures": draw_temperatures(rows, digit),
        "patches": draw_patches(texts.load_vocabulary()),
    }.items():
        figures.save_figure(figure, results.ROOT / "png" / f"{name}.png")


def train_and_save_digit_runs():
    """Train and measure the missing runs of networks that write digits, and draw the pictures."""
    classifier = load_or_train_run("")
    dataset = data.load()
    train_images = round_to_words(dataset.train_images)
    for seed in map(str, SEEDS):
        result = results.load_results().get("writing", {"command": "python -m lab.writing", "runs": {}})
        if seed not in result["runs"]:
            writer = load_or_train_run(f"--model {WRITER_MODEL} --seed {seed}")
            metrics = get_last_test_metrics(writer.history) | measure_digits(writer, classifier, train_images)
            result["real"] = measure_real_digits(classifier, dataset, train_images)
            result["runs"][seed] = metrics | {"machine": writer.history["machine"]}
            results.save_result("writing", result)
            print(time.strftime("%H:%M"), "seed", seed, result["runs"][seed], flush=True)
    first_run = load_or_train_run(f"--model {WRITER_MODEL} --seed {SEEDS[0]}")
    draw_and_save_pictures(first_run, train_images)
    figures.save_figure(
        draw_temperature_curve(results.load_results()["writing"]), results.ROOT / "png" / "temperature.png"
    )
    save_as_float16(first_run.model, results.ROOT / "page" / f"{WRITER_MODEL}.npz")


def train_and_save_name_runs():
    """Train and measure the missing runs of networks that write names, and save the weights of the first run."""
    for seed in map(str, NAME_SEEDS):
        result = results.load_results().get("names", {"command": "python -m lab.writing", "runs": {}})
        if seed not in result["runs"]:
            writer = load_or_train_run(f"--model {WRITER_MODEL} --recipe names --seed {seed}")
            metrics = get_last_test_metrics(writer.history) | {"in the list": measure_known_names(writer)}
            result["runs"][seed] = metrics | {"machine": writer.history["machine"]}
            results.save_result("names", result)
            print(time.strftime("%H:%M"), "names, seed", seed, result["runs"][seed], flush=True)
    first_run = load_or_train_run(f"--model {WRITER_MODEL} --recipe names --seed {NAME_SEEDS[0]}")
    save_as_float16(first_run.model, results.ROOT / "page" / "names.npz")


def train_and_save_text_runs():
    """Train and measure the missing runs of networks that learn a text, and save the weights of the first run."""
    for recipe, seeds in TEXT_SEEDS.items():
        for seed in map(str, seeds):
            result = results.load_results().get("texts", {"command": "python -m lab.writing", "runs": {}})
            runs = result["runs"].setdefault(recipe, {})
            if seed not in runs:
                writer = load_or_train_run(f"--model {WRITER_MODEL} --recipe {recipe} --seed {seed}")
                losses = compute_test_letter_losses(writer.model, writer.options)
                losses_by_frequency = counts.compare_losses_by_frequency(writer.options.source, losses)
                runs[seed] = get_last_test_metrics(writer.history) | {
                    "seen": losses_by_frequency,
                    "machine": writer.history["machine"],
                }
                results.save_result("texts", result)
                print(time.strftime("%H:%M"), recipe, "seed", seed, runs[seed], flush=True)
    first_run = load_or_train_run(f"--model {WRITER_MODEL} --recipe texts --seed {TEXT_SEEDS['texts'][0]}")
    save_as_float16(first_run.model, results.ROOT / "page" / "text.npz")


def compute_test_letter_losses(model, options):
    """Return the loss of each letter in the test texts, one after the other: (N,)."""
    losses = []
    for x, y in data.test_batches(data.load(options.source), options):
        p = softmax(model.forward(x).astype(float))
        losses.append(-np.log(np.take_along_axis(p, y[..., np.newaxis], axis=-1)).ravel())
    return np.concatenate(losses)


def get_last_test_metrics(history):
    """Return {"loss", "accuracy"} of the last test in a run's history."""
    return {name: history[f"test_{name}"][-1] for name in ("loss", "accuracy")}


def main():
    Parser(description=__doc__).parse_args()
    train_and_save_text_runs()
    train_and_save_name_runs()
    train_and_save_digit_runs()
    result = results.load_results()
    tables = (
        make_table(result["writing"]),
        make_temperatures_table(result["writing"]),
        make_names_table(result["names"]),
    )
    print(*tables, sep="\n\n")
    count_results = result.get("counts")
    if count_results:
        print(counts.make_table(count_results["mnist"], {"the network": result["writing"]["runs"]}), end="\n\n")
        print(counts.make_table(count_results["names"], {"the network": result["names"]["runs"]}), end="\n\n")
        print(counts.make_table(count_results["shakespeare"], get_text_runs(result["texts"])))


if __name__ == "__main__":
    sys.exit(program.run(main))
