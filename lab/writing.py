"""What a network that writes has learned: `python -m lab.writing` trains it and reads what it writes.

Three runs of the default recipe by hand: their loss and accuracy; of 2,000 digits that each writes at a temperature,
how many the default MLP reads as the digit that was asked for, and how many are blank; and how far they are from the
nearest training image, beside the same for test digits in the same words. Three runs that learn names: their loss and
accuracy, and how many of 2,000 names that each writes are in the list that it learned from. It can be stopped and
started again: finished runs are not repeated. Seed 0's digits are drawn into png/written.png, beside their nearest
training images into png/nearest.png, and one of them at several temperatures into png/temperatures.png; its weights are
packed into page/gpt.npz, page/names.npz and page/text.npz for the site.
"""

import json
import sys
import time

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
    from support.drawing import INK, TEST, TRAIN, new_figure, plot_style, style_axes
    from support.files import atomic_write
    from support.options import Parser
    from write import generate_digits, generate_names

SEEDS, TEMPERATURES, EACH = range(3), (1, 0.8, 0.6, 0.3, 0.2, 0.1, 0), 200  # so many of each digit
NAME_SEEDS, NAMES, NAME_TEMPERATURES = range(3), 2000, (1, 0.8, 0.5)
TEXT_SEEDS = {"texts": range(3), "best": range(3)}  # of each recipe for texts
AT = 0.8  # as write.py does
SHOWN = 2, (0, 0.5, 1, 2)  # which digit png/temperatures.png shows, and at which temperatures
FOLDER = results.ROOT / "learning_curves" / "others"
WRITER = next(model for model, network in NETWORKS.items() if network.writes)
ASKED = np.arange(10).repeat(EACH)


def load_or_train(arguments):
    """(model, options) of a run of main_np.py, which is trained or, if it was stopped, continues; and its history."""
    options = loading.options.parse_options("np", *arguments.split())
    folder = FOLDER / f"{options.name}_{options.run.recipe}_{options.run.seed}"
    checkpoint, history = folder / f"checkpoint_{options.name}.npz", folder / f"history_{options.name}.json"
    results.run_program(
        f"main_np.py --resume {checkpoint}" if checkpoint.exists() else f"main_np.py {arguments}", folder
    )
    return *loading.checkpoint.load_network(checkpoint, options.network.writes)[:2], json.loads(
        history.read_text(encoding="utf-8")
    )


def classify_digits(images, reader):
    """What a network that reads, (model, options), takes images (B, 28, 28) for: (B,)."""
    model, options = reader
    logits = [loading.checkpoint.compute_logits(model, options, part) for part in split_images(images)]
    return np.concatenate(logits).argmax(axis=1)


def split_images(images):
    return np.array_split(images, -(-len(images) // 500))


def find_nearest(images, others):
    """For each of the images the number of the image among the others that is nearest to it, and how far that is: the
    root of the mean squared difference of two pixels, from 0 to 255."""
    x, y = (a.reshape(len(a), -1).astype(np.float32) for a in (images, others))
    squares = (y**2).sum(axis=1)
    found = np.concatenate([(squares - 2 * part @ y.T).argmin(axis=1) for part in split_images(x)])
    return found, np.sqrt(((x - y[found]).astype(float) ** 2).mean(axis=1))


def measure_distances(images, others):
    """How far images are from the nearest of the others: the median, and the share of those that are equal to one."""
    far = find_nearest(images, others)[1]
    return {"median": round(float(np.median(far)), 3), "equal": float((far == 0).mean())}


def round_to_words(images):
    """uint8 images (B, 28, 28), as they look in words."""
    return texts.decode_images(texts.encode_images(images))


def measure_digits(model, options, reader, train_images):
    """How much of what a network writes is read as asked, at each temperature, and how near it is to what it saw."""
    texts = {t: generate_digits(model, options, ASKED, t, np.random.default_rng(0)) for t in TEMPERATURES}
    inked = {t: images.any(axis=(1, 2)) for t, images in texts.items()}
    read = {
        str(t): float(((classify_digits(images, reader) == ASKED) & inked[t]).mean()) for t, images in texts.items()
    }
    blank = {str(t): float(1 - inked[t].mean()) for t in TEMPERATURES}
    return {"read": read, "blank": blank, "nearest": measure_distances(texts[AT], train_images)}


def measure_names(model, options):
    """How many of the names that a network writes at each temperature are in the list that it learned from."""
    known = {*texts.decode_names(data.load(options.source).train_tokens)}
    written = {t: generate_names(model, options, "", NAMES, t, np.random.default_rng(0)) for t in NAME_TEMPERATURES}
    return {"in the list": {str(t): float(np.mean([name in known for name in names])) for t, names in written.items()}}


def measure_real_digits(reader, dataset, train_images):
    """The same of test digits: what a network that writes them without a fault would reach."""
    images, labels = dataset.test_images, dataset.test_labels
    words = round_to_words(images)
    shares = {
        f"read{kind}": float((classify_digits(x, reader) == labels).mean())
        for kind, x in (("", words), (" as they are", images))
    }
    return shares | {"nearest": measure_distances(words[:: len(words) // len(ASKED)], train_images)}


def make_table(found):
    """The runs of a network that writes beside real digits, in Markdown."""
    real, runs = found["real"], list(found["runs"].values())

    def row(what, number, beside, form):
        return [
            what,
            results.format_spread([number(run) for run in runs], form),
            "" if beside is None else f"{beside:{form}}",
        ]

    rows = [
        row("test loss of a patch", lambda run: run["loss"], None, ".3f"),
        row("patches guessed right", lambda run: run["accuracy"], None, ".3f"),
        *(
            row(f"read as asked, at temperature {t}", lambda run, t=t: run["read"][str(t)], real["read"], ".3f")
            for t in TEMPERATURES
            if t >= 0.6
        ),
        row(
            "distance from the nearest training image, median",
            lambda run: run["nearest"]["median"],
            real["nearest"]["median"],
            ".1f",
        ),
        row("equal to a training image", lambda run: run["nearest"]["equal"], real["nearest"]["equal"], ".3f"),
    ]
    return results.format_table(
        ["", f"mean over {len(runs)} seed{'s' * (len(runs) > 1)}", "test digits in these words"], rows
    )


def make_temperatures_table(found):
    """How many digits are read as asked, and how many are blank, at each temperature, in Markdown."""
    runs = list(found["runs"].values())
    rows = [
        [t, *(results.format_spread([run[what][str(t)] for run in runs], ".3f") for what in ("read", "blank"))]
        for t in TEMPERATURES
    ]
    return results.format_table(["temperature", "read as asked", "blank"], rows)


def make_names_table(found):
    """The runs that learn names, in Markdown."""
    runs = list(found["runs"].values())
    rows = [
        ["test loss of a letter", results.format_spread([run["loss"] for run in runs], ".3f")],
        ["letters guessed right", results.format_spread([run["accuracy"] for run in runs], ".3f")],
        *(
            [
                f"in the list, at temperature {t}",
                results.format_spread([run["in the list"][str(t)] for run in runs], ".3f"),
            ]
            for t in NAME_TEMPERATURES
        ),
    ]
    return results.format_table(["", f"mean over {len(runs)} seed{'s' * (len(runs) > 1)}"], rows)


def get_text_runs(found):
    """What the table calls the networks that learn a text: {name: their runs}."""
    names = {"texts": "the network", "best": "the network of `--recipe best`"}
    return {name: found["runs"][recipe] for recipe, name in names.items() if recipe in found["runs"]}


@plot_style()
def draw_digits(images):
    """Digits that the GPT wrote, asked for 0 to 9"""
    page = figures.Page(62 + 76 * len(images), draw_digits.__doc__)
    for row, of_each in enumerate(images):
        for digit, image in enumerate(of_each):
            page.draw_pixels(image, 26 + 75.6 * digit, 62 + 76 * row, 68)
    return page.figure


@plot_style()
def draw_nearest(images, others):
    """Above, digits that the GPT wrote; below, the training image nearest to each"""
    page = figures.Page(62 + 2 * 76 * len(images) // 10 + 20 * (len(images) // 10 - 1), draw_nearest.__doc__)
    for i, pair in enumerate(zip(images, others, strict=True)):
        row, column = divmod(i, 10)
        for below, image in enumerate(pair):
            page.draw_pixels(image, 26 + 75.6 * column, 62 + 172 * row + 76 * below, 68)
    return page.figure


@plot_style()
def draw_temperatures(rows, digit):
    """A digit, written ten times at each temperature"""
    page = figures.Page(62 + 76 * len(rows), f"A {digit}, written ten times at each temperature")
    for row, (t, images) in enumerate(rows.items()):
        page.draw_text((62, 100 + 76 * row, f"{t}"), size=18)
        for column, image in enumerate(images):
            page.draw_pixels(image, 98 + 68.4 * column, 66 + 76 * row, 64)
    return page.figure


@plot_style()
def draw_temperature_curve(found):
    """Read as asked, against the temperature: the mean over the seeds as a line, and each seed as a dot."""
    figure = new_figure(7, 3.9)
    axes = style_axes(figure.add_subplot(), "Digits read as asked: mean, and each seed", "share", "temperature")
    axes.set_ylim(0.78, 1.0)
    axes.set_xticks(ticks := [0, 0.2, 0.4, 0.6, 0.8, 1], labels=map(str, ticks))
    axes.axhline(found["real"]["read"], color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.annotate("test digits in these words, read right", (0.5, found["real"]["read"]), (0, 5),
                  textcoords="offset points", ha="center", color=INK)  # fmt: skip
    shares = np.array([[run["read"][str(t)] for t in TEMPERATURES] for run in found["runs"].values()])
    axes.plot(TEMPERATURES, shares.mean(axis=0), color=TRAIN, linewidth=2.5)
    for of_a_seed in shares:
        axes.plot(TEMPERATURES, of_a_seed, "o", color=TEST, alpha=0.7, markersize=5)
    return figure


@plot_style()
def draw_patches(words):
    """The 128 words: patches of 4 × 4 pixels, from no ink to much"""
    page = figures.Page(440, draw_patches.__doc__)
    for word, pixels in enumerate(words):
        page.draw_pixels(pixels.reshape(texts.PATCH, -1), 26 + 47 * (word % 16), 62 + 47 * (word // 16), 40)
    return page.figure


def save_packed(model, path):
    """The weights of a network as float16, for the site: half as long, and what it writes is as good."""
    with atomic_write(path) as file:
        np.savez_compressed(file, **{name: p.astype(np.float16) for name, p in model.params.items()})


def draw_pictures(model, options, train_images):
    """All pictures that show seed 0's digits, and the words."""
    asked = np.arange(10).repeat(5)
    images = generate_digits(model, options, asked, AT, np.random.default_rng(0)).reshape(10, 5, 28, 28).swapaxes(0, 1)
    some = images[3:].reshape(-1, 28, 28)
    digit, temperatures = SHOWN
    rows = {t: generate_digits(model, options, [digit] * 10, t, np.random.default_rng(0)) for t in temperatures}
    for name, figure in {
        "written": draw_digits(images[:3]),
        "nearest": draw_nearest(some, train_images[find_nearest(some, train_images)[0]]),
        "temperatures": draw_temperatures(rows, digit),
        "patches": draw_patches(texts.load_vocabulary()),
    }.items():
        figures.save_figure(figure, results.ROOT / "png" / f"{name}.png")


def run_digits():
    """Train and measure what is missing of the networks that write digits, and draw."""
    *reader, _ = load_or_train("")
    dataset = data.load()
    train_images = round_to_words(dataset.train_images)
    for seed in map(str, SEEDS):
        found = results.load_results().get("writing", {"command": "python -m lab.writing", "runs": {}})
        if seed not in found["runs"]:
            model, options, history = load_or_train(f"--model {WRITER} --seed {seed}")
            run = (
                get_last_test(history)
                | measure_digits(model, options, reader, train_images)
                | {"machine": history["machine"]}
            )
            found["real"], found["runs"][seed] = measure_real_digits(reader, dataset, train_images), run
            results.save_result("writing", found)
            print(time.strftime("%H:%M"), "seed", seed, run, flush=True)
    model, options, _ = load_or_train(f"--model {WRITER} --seed {SEEDS[0]}")
    draw_pictures(model, options, train_images)
    figures.save_figure(
        draw_temperature_curve(results.load_results()["writing"]), results.ROOT / "png" / "temperature.png"
    )
    save_packed(model, results.ROOT / "page" / f"{WRITER}.npz")


def run_names():
    """The same of those that write names, without pictures."""
    for seed in map(str, NAME_SEEDS):
        found = results.load_results().get("names", {"command": "python -m lab.writing", "runs": {}})
        if seed not in found["runs"]:
            model, options, history = load_or_train(f"--model {WRITER} --recipe names --seed {seed}")
            found["runs"][seed] = (
                get_last_test(history) | measure_names(model, options) | {"machine": history["machine"]}
            )
            results.save_result("names", found)
            print(time.strftime("%H:%M"), "names, seed", seed, found["runs"][seed], flush=True)
    model, *_ = load_or_train(f"--model {WRITER} --recipe names --seed {NAME_SEEDS[0]}")
    save_packed(model, results.ROOT / "page" / "names.npz")


def run_texts():
    """Those that learn a text, with either recipe: their loss and accuracy on its last tenth."""
    for recipe, seeds in TEXT_SEEDS.items():
        for seed in map(str, seeds):
            found = results.load_results().get("texts", {"command": "python -m lab.writing", "runs": {}})
            runs = found["runs"].setdefault(recipe, {})
            if seed not in runs:
                model, options, history = load_or_train(f"--model {WRITER} --recipe {recipe} --seed {seed}")
                seen = counts.compare_by_frequency(options.source, compute_losses(model, options))
                runs[seed] = get_last_test(history) | {"seen": seen, "machine": history["machine"]}
                results.save_result("texts", found)
                print(time.strftime("%H:%M"), recipe, "seed", seed, runs[seed], flush=True)
    model, *_ = load_or_train(f"--model {WRITER} --recipe texts --seed {TEXT_SEEDS['texts'][0]}")
    save_packed(model, results.ROOT / "page" / "text.npz")


def compute_losses(model, options):
    """The loss of each letter that a network is tested on, one after the other: (N,)."""
    found = []
    for x, y in data.test_batches(data.load(options.source), options):
        p = softmax(model.forward(x).astype(float))
        found.append(-np.log(np.take_along_axis(p, y[..., np.newaxis], axis=-1)).ravel())
    return np.concatenate(found)


def get_last_test(history):
    """The last test's loss and accuracy."""
    return {name: history[f"test_{name}"][-1] for name in ("loss", "accuracy")}


def main():
    Parser(description=__doc__).parse_args()
    run_texts()
    run_names()
    run_digits()
    found = results.load_results()
    tables = make_table(found["writing"]), make_temperatures_table(found["writing"]), make_names_table(found["names"])
    print(*tables, sep="\n\n")
    if counted := found.get("counts"):
        print(counts.make_table(counted["mnist"], {"the network": found["writing"]["runs"]}), end="\n\n")
        print(counts.make_table(counted["names"], {"the network": found["names"]["runs"]}), end="\n\n")
        print(counts.make_table(counted["shakespeare"], get_text_runs(found["texts"])))


if __name__ == "__main__":
    sys.exit(program.run(main))
