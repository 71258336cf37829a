"""What a network that writes has learned: `python -m lab.writing` trains it and reads what it writes.

Three runs of the default recipe by hand: their loss and accuracy; of 2,000 digits that each writes at a temperature,
how many the default MLP reads as the digit that was asked for; and how far they are from the nearest training image,
beside the same for test digits in the same words. It can be stopped and started again: finished runs are not repeated.
Seed 0's digits are drawn into png/written.png, and beside their nearest training images into png/nearest.png; its
weights are packed into page/gpt.npz for the site.
"""

import json
import sys
import time

import numpy as np

import data
import networks
from lab import figures, results
from networks import NETWORKS
from support import program
from support.drawing import style
from support.files import replacing
from support.options import Parser
from write import write

SEEDS, TEMPERATURES, EACH = range(3), (1, 0.8, 0.6), 200  # so many of each digit
AT = TEMPERATURES[1]  # as write.py does
FOLDER = results.ROOT / "learning_curves" / "others"
WRITER = next(model for model, network in NETWORKS.items() if network.writes)
ASKED = np.arange(10).repeat(EACH)


def trained(arguments):
    """(model, options) of a run of main_np.py, which is trained or, if it was stopped, continues; and its history."""
    options = networks.parse_options("np", *arguments.split())
    folder = FOLDER / f"{options.name}_{options.seed}"
    checkpoint, history = folder / f"checkpoint_{options.name}.npz", folder / f"history_{options.name}.json"
    results.run_program(
        f"main_np.py --resume {checkpoint}" if checkpoint.exists() else f"main_np.py {arguments}", folder
    )
    return *networks.load(checkpoint, options.network.writes)[:2], json.loads(history.read_text(encoding="utf-8"))


def digits_in(images, reader):
    """What a network that reads, (model, options), takes images (B, 28, 28) for: (B,)."""
    model, options = reader
    return np.concatenate([networks.logits_of(model, options, part).argmax(axis=1) for part in in_parts(images)])


def in_parts(images):
    return np.array_split(images, -(-len(images) // 500))


def nearest(images, others):
    """For each of the images the number of the image among the others that is nearest to it, and how far that is: the
    root of the mean squared difference of two pixels, from 0 to 255."""
    x, y = (a.reshape(len(a), -1).astype(np.float32) for a in (images, others))
    squares = (y**2).sum(axis=1)
    found = np.concatenate([(squares - 2 * part @ y.T).argmin(axis=1) for part in in_parts(x)])
    return found, np.sqrt(((x - y[found]).astype(float) ** 2).mean(axis=1))


def distances(images, others):
    """How far images are from the nearest of the others: the median, and the share of those that are equal to one."""
    far = nearest(images, others)[1]
    return {"median": round(float(np.median(far)), 3), "equal": float((far == 0).mean())}


def in_words(images):
    """uint8 images (B, 28, 28), as they look in words."""
    return data.images_of(data.words_of(images))


def measure(model, options, reader, train_images):
    """How much of what a network writes is read as asked, at each temperature, and how near it is to what it saw."""
    texts = {t: write(model, ASKED, t, np.random.default_rng(0), options) for t in TEMPERATURES}
    read = {str(t): float((digits_in(images, reader) == ASKED).mean()) for t, images in texts.items()}
    return {"read": read, "nearest": distances(texts[AT], train_images)}


def of_real_digits(reader, dataset, train_images):
    """The same of test digits: what a network that writes them without a fault would reach."""
    images, labels = dataset.test_images, dataset.test_labels
    words = in_words(images)
    shares = {
        f"read{kind}": float((digits_in(x, reader) == labels).mean())
        for kind, x in (("", words), (" as they are", images))
    }
    return shares | {"nearest": distances(words[:: len(words) // len(ASKED)], train_images)}


def table(found):
    """The runs of a network that writes beside real digits, in Markdown."""
    real, runs = found["real"], list(found["runs"].values())

    def row(what, number, beside, form):
        values = [number(run) for run in runs]
        spread = f" ± {np.std(values, ddof=1):{form}}" if len(values) > 2 else ""
        return [what, f"{np.mean(values):{form}}{spread}", "" if beside is None else f"{beside:{form}}"]

    rows = [
        row("test loss of a patch", lambda run: run["loss"], None, ".3f"),
        row("patches guessed right", lambda run: run["accuracy"], None, ".3f"),
        *(
            row(f"read as asked, at temperature {t}", lambda run, t=t: run["read"][str(t)], real["read"], ".3f")
            for t in TEMPERATURES
        ),
        row(
            "distance from the nearest training image, median",
            lambda run: run["nearest"]["median"],
            real["nearest"]["median"],
            ".1f",
        ),
        row("equal to a training image", lambda run: run["nearest"]["equal"], real["nearest"]["equal"], ".3f"),
    ]
    return results.markdown(
        ["", f"mean over {len(runs)} seed{'s' * (len(runs) > 1)}", "test digits in these words"], rows
    )


@style()
def rows_of_digits(images):
    """Digits that the GPT wrote, asked for 0 to 9"""
    page = figures.Page(62 + 76 * len(images), rows_of_digits.__doc__)
    for row, of_each in enumerate(images):
        for digit, image in enumerate(of_each):
            page.pixels(image, 26 + 75.6 * digit, 62 + 76 * row, 68)
    return page.figure


@style()
def beside_nearest(images, others):
    """Above, digits that the GPT wrote; below, the training image nearest to each"""
    page = figures.Page(62 + 2 * 76 * len(images) // 10 + 20 * (len(images) // 10 - 1), beside_nearest.__doc__)
    for i, pair in enumerate(zip(images, others, strict=True)):
        row, column = divmod(i, 10)
        for below, image in enumerate(pair):
            page.pixels(image, 26 + 75.6 * column, 62 + 172 * row + 76 * below, 68)
    return page.figure


def pack(model, path):
    """The weights of a network as float16, for the site: half as long, and what it writes is as good."""
    with replacing(path) as file:
        np.savez_compressed(file, **{name: p.astype(np.float16) for name, p in model.params.items()})


def draw(model, options, train_images):
    """Both pictures."""
    asked = np.arange(10).repeat(5)
    images = write(model, asked, AT, np.random.default_rng(0), options).reshape(10, 5, 28, 28).swapaxes(0, 1)
    figures.save(rows_of_digits(images[:3]), results.ROOT / "png" / "written.png")
    some = images[3:].reshape(-1, 28, 28)
    figures.save(
        beside_nearest(some, train_images[nearest(some, train_images)[0]]), results.ROOT / "png" / "nearest.png"
    )


def main():
    Parser(description=__doc__).parse_args()
    *reader, _ = trained("")
    dataset = data.load()
    train_images = in_words(dataset.train_images)
    for seed in map(str, SEEDS):
        with results.intact():
            found = results.load_results().get("writing", {"command": "python -m lab.writing", "runs": {}})
            known = seed in {**found["runs"]}
        if not known:
            model, options, history = trained(f"--model {WRITER} --seed {seed}")
            last = {name: history[f"test_{name}"][-1] for name in ("loss", "accuracy")}
            run = last | measure(model, options, reader, train_images) | {"machine": history["machine"]}
            found["real"], found["runs"][seed] = of_real_digits(reader, dataset, train_images), run
            results.save_result("writing", found)
            print(time.strftime("%H:%M"), "seed", seed, run, flush=True)
    model, options, _ = trained(f"--model {WRITER} --seed {SEEDS[0]}")
    draw(model, options, train_images)
    pack(model, results.ROOT / "page" / f"{WRITER}.npz")
    with results.intact():
        rows = table(results.load_results()["writing"])
    print(rows)


if __name__ == "__main__":
    sys.exit(program.run(main))
