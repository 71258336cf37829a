"""README and docs: they say what was measured, their links lead somewhere, and their commands exist."""

import json
import re
from fractions import Fraction
from functools import cache
from itertools import product, zip_longest
from pathlib import Path

import numpy as np
import pytest

import look
import main_np
import plot
import predict
import resnet_np
import vit_np
import write
from autograd_np import Tensor
from conftest import ROOT, as_input
from exercises import network, symptoms
from exercises.catalogue import BY_NAME, CASES, CATALOGUE, EXERCISES
from gpt_np import sample
from lab import bench, cost, counts, debugging, experiments, faults, nanogpt, results, steps, writing
from loading.options import parse_options
from mlp_np import MLP, numerical_gradient, softmax_cross_entropy
from networks import NETWORKS
from support.history import History, load_history
from support.rounding import format_rounded_up
from support.schedule import Plan
from tiny_model import write_model

README, CONTRIBUTING, TEACHING, PLAN = "README.md", "docs/CONTRIBUTING.md", "docs/teaching.md", "docs/plan.md"
LESSON_FILES = sorted((ROOT / "docs").glob("[a-z]*.md"))
PAGES = [README, *(f"docs/{path.name}" for path in LESSON_FILES), CONTRIBUTING]
TEXT = {path: (ROOT / path).read_text(encoding="utf-8") for path in PAGES}
WORDS = {path: " ".join(text.split()) for path, text in TEXT.items()}  # whatever the lines
PROSE = {path: re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S) for path, text in TEXT.items()}

RESULTS = json.loads((ROOT / "lab" / "results.json").read_text(encoding="utf-8"))


def blocks(path, *languages):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT[path], re.M | re.S)
    return [content for name, content in found if name in languages]


# --- Numbers -----------------------------------------------------------------------------------------------------


def test_tables_are_those_of_the_results():
    measured = RESULTS.get("nanogpt")  # on an idle machine, which takes ten minutes
    for path, table in [
        *([("docs/nanogpt.md", nanogpt.make_table(measured))] if measured else []),
        ("docs/results.md", results.make_default_runs_table(RESULTS)),
        ("docs/results.md", results.make_recipes_table(RESULTS)),
        ("docs/results.md", results.make_accuracy_table(RESULTS)),
        ("docs/results.md", results.make_inits_table(RESULTS)),
        ("docs/results.md", results.make_held_out_table(RESULTS)),
        ("docs/results.md", writing.make_table(RESULTS["writing"])),
        ("docs/sampling.md", writing.make_temperatures_table(RESULTS["writing"])),
        ("docs/sampling.md", writing.make_names_table(RESULTS["names"])),
        ("docs/results.md", counts.make_table(RESULTS["counts"]["mnist"], {"the network": RESULTS["writing"]["runs"]})),
        ("docs/writing.md", counts.make_table(RESULTS["counts"]["names"], {"the network": RESULTS["names"]["runs"]})),
        (
            "docs/writing.md",
            counts.make_table(RESULTS["counts"]["shakespeare"], writing.get_text_runs(RESULTS["texts"])),
        ),
        ("docs/writing.md", counts.make_frequency_table(RESULTS["texts"]["runs"]["texts"])),
        ("docs/writing.md", steps.make_table(RESULTS["steps"])),
        ("docs/autograd.md", cost.make_table(RESULTS["tape"]["found"])),
        ("docs/experiments.md", experiments.make_experiments_table(RESULTS["experiments"])),
        ("docs/debugging.md", experiments.make_overfitting_table(RESULTS["experiments"])),
        ("docs/debugging.md", faults.make_table(faults.load_symptoms())),
        ("docs/debugging.md", faults.make_summary(faults.load_symptoms())),
        *(
            (page, debugging.make_table(RESULTS["debugging"], model))
            for page, model in zip(
                ("docs/debugging.md", "docs/transformer.md", "docs/sampling.md"), debugging.TABLE_NETWORKS, strict=True
            )
        ),
        *(
            ("docs/results.md", table(of["rounds"]))
            for of, table in product(RESULTS["bench"].values(), bench.TABLE_MAKERS)
        ),
    ]:
        assert table in TEXT[path], f"{path} should have\n{differing(table, TEXT[path])}"


@pytest.mark.slow
def test_the_table_that_counts_the_mistakes_of_all_exercises_is_theirs():
    """They are told apart by what they compute, which takes seconds."""
    table, text = results.make_published_comparison_table(RESULTS), TEXT["docs/results.md"]
    assert table in text, f"docs/results.md should have\n{differing(table, text)}"


def differing(table, text):
    """The first row of a table that a text lacks, and the row that it has instead; if none is lacking, the table."""
    for row in table.splitlines():
        if f"{row}\n" not in f"{text}\n":
            first = row[: row.index("|", 1)]
            instead = (line for line in text.splitlines() if line.startswith(f"{first}|"))
            return f"{row}\nwhere it has\n{next(instead, 'no row of that name')}"
    return table


def test_of_a_table_the_row_is_said_that_differs():
    table = "| a | b |\n| --- | --- |\n| one | 1 |\n| two | 2 |"
    assert differing(table, table.replace("2", "3")) == "| two | 2 |\nwhere it has\n| two | 3 |"
    assert differing(table, "\n".join(table.splitlines()[::-1])) == table


def minutes(run):
    return np.median(results.get_values(RESULTS["accuracy"][run], "seconds")) / 60


def reached(run):
    return f"{np.mean(results.get_values(RESULTS['accuracy'][run])):.1%}"


def test_sentences_say_what_was_measured():
    """Each stands on its page, and is true of results.json."""
    mlp, resnet, vit, gpt = (RESULTS[name] for name in ("twins", "twins_resnet", "twins_vit", "twins_gpt"))
    apart = vit["difference"]["float64"]["every 500 steps"]
    paper = as_input(np.zeros((1, 28, 28), np.uint8), dtype="float32")[0, 0, 0]
    wrong = {
        run: 1 - np.mean(results.get_values(RESULTS["accuracy"][run])) for run in ("MLP, PyTorch", "ResNet, PyTorch")
    }
    for path, sentence, is_true in [
        (README, f"in float64, after {mlp['steps']:,} steps, no weight differs by more than 2e-15",
         mlp["difference"]["float64"]["largest"] <= 2e-15),
        (README, f"there are {len(EXERCISES)} exercises", True),
        (README, f"classifies {reached('MLP, NumPy')} of the 10,000 test images correctly, "
         "in NumPy and in PyTorch (n = 5 each)", reached("MLP, NumPy") == reached("MLP, PyTorch")),
        (README, f"residual network reaches {reached('ResNet, NumPy')} and a small transformer "
         f"{reached('ViT, NumPy')}", True),
        (README, "fewer than a third of the MLP's mistakes", wrong["ResNet, PyTorch"] < wrong["MLP, PyTorch"] / 3),
        (README, "about a minute and a half on two cores", 1.25 < minutes("ResNet, PyTorch") < 1.75),
        (README, f"some weights differ by {mlp['difference']['float32']['final']:.2f} from PyTorch's", True),
        ("docs/results.md", f"after all steps, some weights differ by {mlp['difference']['float32']['final']:.2f}",
         True),
        ("docs/results.md",
         f"grows to at most {format_rounded_up(mlp['difference']['float32']['largest'])} once a ReLU switches", True),
        ("docs/results.md", f"all {mlp['steps']:,} steps in float64, no weight in PyTorch differs by more than 2e-15",
         mlp["difference"]["float64"]["largest"] <= 2e-15),
        ("docs/results.md", 'called "best" took between a quarter and half an hour each',
         all(14 < minutes(run) < 31 for run in RESULTS["accuracy"] if " best" in run)),
        ("docs/autograd.md", f"over all {mlp['steps']:,} steps, in float32 and in float64",
         all(mlp["difference"][dtype]["tape"]["largest"] == 0 for dtype in ("float32", "float64"))),
        ("docs/results.md", results.PROCESSOR.replace(",", " with"), True),
        ("docs/results.md", f"given {bench.BATCHES_PER_CALL['scikit-learn']} batches in a call", True),
        ("docs/results.md", f"empty paper is {paper:.2f}, not 0".replace("-", "−"), True),
        ("docs/sampling.md", "the first 500 steps in float64 the difference stays below 1e-14",
         gpt["difference"]["float64"]["every 500 steps"][0] < 1e-14),
        ("docs/sampling.md",
         f"Over all {gpt['steps']:,} steps it is at most "
         f"{format_rounded_up(gpt['difference']['float64']['largest'])} for the handwritten version, and at most "
         f"{format_rounded_up(gpt['difference']['float64']['tape']['largest'])} with autograd", True),
        ("docs/sampling.md", f"the MLP classifies {RESULTS['writing']['real']['read as they are']:.1%} correctly",
         True),
        ("docs/sampling.md", f"It classifies {RESULTS['writing']['real']['read']:.1%} of the test digits", True),
        ("docs/sampling.md", "about as far from the training images as the test digits are",
         all(abs(run["nearest"]["median"] / RESULTS["writing"]["real"]["nearest"]["median"] - 1) < 0.1
             for run in RESULTS["writing"]["runs"].values())),
        ("docs/resnet.md", f"Over {resnet['steps']} steps in float64 the difference stays below 1e-13",
         resnet["difference"]["float64"]["largest"] < 1e-13),
        ("docs/transformer.md", "the first 500 steps in float64 the difference stays below 1e-13", apart[0] < 1e-13),
        ("docs/transformer.md",
         f"over all {vit['steps']:,} steps it is at most {format_rounded_up(vit['difference']['float64']['largest'])}",
         True),
        ("docs/transformer.md", "doubles a difference about every hundred steps", 4 < np.log2(apart[1] / apart[0]) < 6),
    ]:  # fmt: skip
        assert sentence in WORDS[path], f"{path} should say: {sentence}"
        assert is_true, sentence


def test_exercises_and_cases_are_counted_right():
    """However many a page counts, "nine exercises from `logits` to `update`" or "14 detective cases"."""
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    counted, order = {}, [exercise.name for exercise in EXERCISES]
    for path in TEXT:
        for said, first, last in re.findall(r"(\w+) exercises from `(\w+)` to `(\w+)`", WORDS[path]):
            counted[path, said, first, last] = order.index(last) - order.index(first) + 1
        for said in re.findall(r"(\w+) \*?detective cases", WORDS[path]):
            counted[path, said, "cases"] = len(CASES)
    for what, count in counted.items():
        assert (words.index(what[1]) if what[1] in words else int(what[1])) == count, what
    assert len(counted) >= 4


def test_the_study_plan_counts_the_exercises_of_each_lesson():
    """A row for each lesson; the cases of a lesson come after its exercises in the order."""
    counts = dict.fromkeys(re.findall(r"^\| \[[^\]]+\]\((\w+)\.md\)", TEXT[PLAN], re.M), (0, 0))
    asked = {name: path for path in LESSONS for name, _ in STEP.findall(TEXT[path])}
    lesson_of_cases = {case: path for path in TEXT for case in re.findall(r"`(case_\w+)`", listed_cases(path))}
    for exercise in EXERCISES:
        path = (lesson_of_cases if exercise in CASES else asked)[exercise.name]
        written, cases = counts[Path(path).stem]
        counts[Path(path).stem] = (written, cases + 1) if exercise in CASES else (written + 1, cases)
    for name, (written, cases) in counts.items():
        (cell,) = re.findall(rf"^\| \[[^\]]+\]\({name}\.md\) \| [^|]+ \| ([^|]*) \|", TEXT[PLAN], re.M)
        numbers = [int(number) for number in re.findall(r"\b\d+\b", cell)]
        assert numbers == ([written] * bool(written) + [cases] * bool(cases) or [0]), f"{name}: {cell}"


def listed_cases(path):
    """The lists of cases of a page, such as *Cases:* `case_guessing`, `case_strangers`."""
    return "\n".join(re.findall(r"^\*Cases?:\* (.+(?:\n.+)*)", TEXT[path], re.MULTILINE))


def test_the_hours_of_the_study_plan_add_up():
    rows = re.findall(r"^\| \[[^\]]+\]\(\w+\.md\) \| ([\d.]+) \|.*\| ?(\w*) \| (\d) \|$", TEXT[PLAN], re.M)
    weeks = [sum(float(hours) for hours, _, w in rows if w == week) for week in "12345678"]
    weekend = sum(float(hours) for hours, on_weekend, _ in rows if on_weekend)
    assert f"({weekend:g} hours): your own network" in WORDS[PLAN]
    assert f"({sum(weeks):g} hours, {min(weeks):g} to {max(weeks):g} a week)" in WORDS[PLAN]
    assert 35 <= sum(weeks) <= 40


def test_a_lesson_that_counts_the_networks_counts_them_right():
    words = ("three", "four", "five", "six", "seven")
    counted = re.findall(r"\ball (\w+) networks\b", "\n".join(WORDS.values()))
    assert counted and {*counted} == {words[len(NETWORKS) - 3]}


def test_what_is_said_of_runs_that_fail_was_measured():
    """The sentences of docs/experiments.md and docs/debugging.md, and the numbers in them."""

    def run(options=""):
        return RESULTS["experiments"][f"main_np.py {options}".strip()]

    def mean(options="", kind="test_accuracy"):
        return np.mean(experiments.get_last_values(run(options), kind))

    def first(options="", kind="test_accuracy"):
        return np.mean([r[kind][0] for r in run(options)["runs"].values()])

    def by(model):
        """How far the default's learning rate is above the one that was suggested."""
        return (of := RESULTS["debugging"]["networks"][model])["lr"] / of["suggested"]

    raw, fast = (RESULTS["debugging"]["looked at"][words] for words in ("--pixels raw", "--lr 0.8"))
    held_out, apart = "--hold-out 10000 --epochs 20", run("--hold-out 30000 --epochs 20")["runs"]["0"]
    mislabelled = RESULTS["debugging"]["wrong labels"]
    steep, elastic = run("--lr 0.8")["runs"]["0"], run("--augment elastic")["runs"]["0"]
    for path, sentence, is_true in [
        ("docs/experiments.md", f"About {100 * mean('--hidden 16'):.0f} of 100.", True),
        ("docs/experiments.md", "three or four digits in a hundred", 0.03 < mean() - mean("--hidden 16") < 0.04),
        ("docs/experiments.md", "The loss grows without bound", not experiments.get_last_values(run("--lr 100"))),
        ("docs/experiments.md", "is not yet where the default was after one", mean("--lr 0.001") < first()),
        ("docs/experiments.md", f"It reads {100 * mean('--lr 0.001'):.0f} of 100 digits", True),
        ("docs/experiments.md", "the loss stays at 2.30", abs(mean("--pixels raw", "train_loss") - 2.30) < 0.01),
        ("docs/experiments.md", f"reads {100 * mean('--pixels raw --lr 0.0001'):.0f} of 100", True),
        ("docs/experiments.md", f"{mean('--momentum 0 --lr 1'):.3f} against the default's {mean():.3f}",
         abs(mean("--momentum 0 --lr 1") - mean()) < 0.002 < mean() - mean("--momentum 0")),
        ("docs/experiments.md", "468 rough steps beat ten exact ones", mean("--batch-size 6000") < mean() - 0.03),
        ("docs/experiments.md", "the accuracy at the end is lower", mean("--schedule constant") < mean()),
        ("docs/experiments.md", "It also ends above the default's",
         mean("--augment elastic", "train_accuracy") < mean() < mean("--augment elastic")),
        ("docs/experiments.md", "about three percentage points",
         0.025 < mean("--recipe geohot") - mean("--recipe geohot --init pytorch") < 0.035),
        ("docs/debugging.md", "for the MLP it is too small by more than a factor of ten", by("mlp") > 10),
        ("docs/transformer.md", "within a factor of two of the default rate", 1 / 2 < by("vit") < 2),
        ("docs/debugging.md", "than any change here gains", mean(held_out) - mean("--hold-out 30000 --epochs 20")
         > mean(f"{held_out} --augment shift") - mean(held_out)),
        ("docs/debugging.md", "hardly changes how many digits are misread",
         abs(mean(f"{held_out} --weight-decay 0.001") - mean(held_out)) < 0.001),
        ("docs/debugging.md", raw["said"][1].removesuffix("."), True),
        ("docs/debugging.md", f"if the first loss is {raw['first loss']:.0f},", True),
        ("docs/debugging.md", f"{re.search('a1 ([0-9]+)%', raw['said'][-1])[1]}% of the hidden units are off", True),
        ("docs/debugging.md", f'"{fast["said"][0]}"', len(fast["said"]) == 1),
        ("docs/debugging.md", f"the held-out loss, from {mean(held_out, 'test_loss'):.3f} to "
         f"{mean(f'{held_out} --weight-decay 0.001', 'test_loss'):.3f}", True),
        ("docs/debugging.md", "Shifting the images helps most", mean(f"{held_out} --augment shift") == max(
            mean(command.removeprefix("main_np.py ")) for command in experiments.OVERFITTING_COMMANDS)),
        ("docs/debugging.md", "A smaller network does not help", mean(f"{held_out} --hidden 64") < mean(held_out)),
        ("docs/debugging.md", "the training loss is lower in the fifth epoch than in the second",
         steep["train_loss"][4] < steep["train_loss"][1]),
        ("docs/debugging.md", f"reads {100 * steep['test_accuracy'][-1]:.0f} of 100", True),
        ("docs/debugging.md", "The network has memorised all of its 30,000 images", apart["train_accuracy"][-1] == 1),
        ("docs/debugging.md", "better on the test set than in training, in every epoch", all(
            test > train
            for train, test in zip(elastic["train_accuracy"], elastic["test_accuracy"], strict=True))),
        ("docs/debugging.md", "the training accuracy far below the test accuracy, in every epoch", all(
            test > train + 0.05
            for train, test in zip(mislabelled["train_accuracy"], mislabelled["test_accuracy"], strict=True))),
    ]:  # fmt: skip
        assert sentence in WORDS[path], sentence
        assert is_true, sentence


def known_numbers():
    """Every accuracy and loss that a run of ours produced or that was published, with four decimals."""
    samples = [results.get_values(entry) for section in results.SECTIONS for entry in RESULTS[section].values()]
    samples += filter(
        None, map(experiments.get_last_values, RESULTS["experiments"].values())
    )  # of runs that did not stop
    found = [*results.PUBLISHED_ACCURACIES.values(), *(value for values in samples for value in values)]
    found += [np.mean(values) for values in samples] + [np.std(values, ddof=1) for values in samples if len(values) > 2]
    found += [accuracy for kind in ("with", "without") for accuracy in RESULTS["shortcut"][kind]["accuracy"]]
    for of in RESULTS["debugging"]["networks"].values():
        found += [of["lowest"], *of["by heart"].values()]
    return {f"{value:.4f}" for value in found}


def test_every_accuracy_was_measured():
    known = known_numbers()
    for path in TEXT.keys() - {"docs/backprop.md", "docs/training.md", TEACHING, CONTRIBUTING}:
        unknown = set(re.findall(r"(?<![\d.])0\.\d{4}(?!\d)", PROSE[path])) - known
        assert not unknown, f"{path}: no run of ours has these: {sorted(unknown)}"


def test_the_printed_run_is_the_committed_one():
    whole = load_history(ROOT / "learning_curves" / "published" / "history_np.json")[1].numbers_by_name()
    steps, printed = whole["test_step"], []
    for epoch, end in enumerate(steps, 1):
        until = History(**{name: v[:end] if name.startswith("train") else v[:epoch] for name, v in whole.items()})
        printed.append(until.format_epoch(Plan(steps[0], steps[-1], steps[-1]), "test"))
    assert re.findall(r"^epoch \d.+$", "\n".join(TEXT.values()), re.M) == printed
    assert f"test accuracy: {whole['test_accuracy'][-1]:.4f}" in TEXT[README]


def test_the_readme_shows_the_five_lines_of_the_lesson_and_one_answer():
    lesson = {line.strip() for line in (ROOT / "mlp_np.py").read_text(encoding="utf-8").splitlines()}
    (forward,) = (block.splitlines() for block in blocks(README, "") if block.startswith("z1 = "))
    assert len(forward) == 5 and {*forward} <= lesson
    assert "dlogits = (p - onehot(y)) / B\n" in blocks(README, "")
    _, below = TEXT[README].split("](png/verdict.gif)")  # one derivative is given away there: how the marker works
    assert not re.search(r"\b(dW2|db2|da1|dz1|dW1|db1) = ", below)


# --- Terms -------------------------------------------------------------------------------------------------------

# The lesson that explains a term, in italics, bold or a heading. Earlier lessons do not use it.
TERMS = {
    "briefly": "neuron, weight, bias, layer, hidden layer, hidden units, logits, softmax, cross-entropy, gradient, "
    "batch, epoch, learning rate, hyperparameter, activation function",
    "backprop": "one-hot, mask",
    "training": "momentum, velocity, central difference, gradient check, learning-rate schedule",
    "debugging": "augmentation, held out, overfitting, weight decay, detective cases",
    "further": "sigmoid",
    "autograd": "tape, broadcast, vector-Jacobian product",
    "resnet": "kernel, stride, im2col, batch normalisation, torchrun",
    "transformer": "attention, layer normalisation, AdamW, heads, ViT",
    "writing": "token, vocabulary, embedding, position embedding, context length, prompt, generate, temperature, GPT, "
    "causal mask, perplexity",
    "sampling": "top-k, KV cache",
    "nanogpt": "dropout, GELU, weight tying, warm-up",
    "llama": "RMSNorm, RoPE, grouped-query attention, nucleus sampling, fine-tune, LoRA",
}
TABLE_OR_CODE = re.compile(r"^\|.*?$|`[^`\n]*`", re.M)
LINK = re.compile(r"!?\[[^\]]*\]\([^)]*\)")


@cache
def lesson(name):
    """A lesson without its blocks of code, its formulas and its last section, which leads on."""
    text = TEXT[f"docs/{name}.md"].partition("\n## Where next")[0]
    return re.sub(r"^ *```.*?^ *```|\$[^$]*\$", " ", text, flags=re.M | re.S)


def early_uses(text, term, lessons_to_come):
    """Where a text uses a term that a later lesson explains. A link may name it, and so may a table or inline code
    below a link to that lesson or a later one."""
    linked = re.search(rf"\]\((?:{'|'.join(lessons_to_come)})\.md", text)
    without_links = LINK.sub(lambda link: " " * len(link[0]), text)  # of the same length, so that places stay the same
    if linked:
        below = TABLE_OR_CODE.sub(" ", without_links[linked.end() :])
        without_links = without_links[: linked.end()] + below
    uses = re.finditer(rf"\b{term}\b", without_links, re.I)
    return [without_links[max(use.start() - 40, 0) : use.end() + 40] for use in uses]


def test_a_term_is_explained_before_it_is_used():
    """The lessons are read in their order. What a link says, somebody may follow who wants to know already."""
    order = [*TERMS]
    for index, (name, terms) in enumerate(TERMS.items()):
        for term in terms.split(", "):
            explained = rf"[*]+[^*\n]{{0,30}}\b{term}|^#+ .*\b{term}"
            assert re.search(explained, lesson(name), re.I | re.M), f"docs/{name}.md should explain: {term}"
            for earlier in order[:index]:
                uses = early_uses(lesson(earlier), term, order[index:])
                assert not uses, f"docs/{earlier}.md uses {term}, which docs/{name}.md explains: {uses[0]}"


def test_a_term_in_a_table_or_in_code_counts_as_used():
    later = ["resnet", "transformer"]
    for text in ("| a | kernel |\n", "Run `kernel`.", "A kernel is new. [Here](resnet.md) is more.\n"):
        assert early_uses(text, "kernel", later)
    for text in ("See [the kernel](resnet.md).", "More [there](transformer.md#x).\n\n| a | kernel |\n", "Two kernels"):
        assert not early_uses(text, "kernel", later)
    assert early_uses("More [there](resnet.md). A kernel is new.", "kernel", later)


# --- Questions, and their answers ----------------------------------------------------------------------------------

FOLD = re.compile(r"^<details>\n<summary>[^\n]+</summary>\n\n(.+?)\n\n</details>$", re.M | re.S)
STEP = re.compile(r"^Write it: `python practice\.py (\w+)`\n\n(?=" + FOLD.pattern + ")", re.M | re.S)
LESSONS = [path for path in TEXT if "Write it:" in TEXT[path] and path != CONTRIBUTING]


def dense(code):
    """Code without what a sentence may write differently."""
    return re.sub(r"\s|self\.", "", code)


@pytest.mark.parametrize("path", LESSONS)
def test_every_step_asks_before_it_answers(path):
    """What stands open before it: no line that it asks for, none of the project's that its fold links to, no picture of
    the answers in this section."""
    steps = [*STEP.finditer(TEXT[path])]
    assert len(steps) == TEXT[path].count("Write it:")
    earlier = ""  # answers: what is asked again is no secret
    for step in steps:
        name, answer = step.groups()
        before = TEXT[path][: step.start()]
        section = before[before.rindex("\n## ") :]
        assert "backprop.svg" not in section and "autograd.svg" not in section
        above = re.findall(r"^##+ (.+)$", section, re.M)
        assert BY_NAME[name].docs in (f'{path}, "{heading}"' for heading in (above[0], above[-1])), name
        shown = dense(re.sub(r"^```math.*?^```|\$[^$\n]+\$", "", FOLD.sub("", before), flags=re.M | re.S))
        exercise = BY_NAME[name]  # PyTorch's is in NumPy, and no secret; a whole network consists of earlier answers
        formula = "" if exercise.needs_torch or exercise.kind.module else exercise.formula
        for line in [*formula.splitlines(), *re.findall(r"\[`([^`]+)`\]", answer)]:
            right = re.split(r" [-+*]?= |^return ", line, maxsplit=1)[1:]  # what is assigned or returned, if anything
            told = [part for part in map(dense, right) if part in shown and len(part) > 1]
            assert not [part for part in told if part not in earlier], f"{name}: {line}"
        earlier += dense(formula)


GUESS = re.compile(r"^\*\*Guess first\.\*\* .+?\n\n(?:- [^\n]+\n){2,}\n(?=" + FOLD.pattern + ")", re.M | re.S)


@pytest.mark.parametrize("path", LESSONS)
def test_a_guess_comes_before_what_happens(path):
    """A question, choices, and a fold with the answer, which the site opens when the reader has chosen."""
    assert len(GUESS.findall(TEXT[path])) == TEXT[path].count("Guess first.")


def test_every_exercise_is_a_question_in_a_lesson_and_they_have_one_order():
    lessons = dict.fromkeys(link for link in re.findall(r"\((docs/\w+\.md)\)", TEXT[README]) if link in LESSONS)
    asked = [name for path in lessons for name, _ in STEP.findall(TEXT[path])]
    order = [exercise.name for exercise in EXERCISES if exercise not in CASES]
    one, other = next(((a, b) for a, b in zip_longest(asked, order) if a != b), ("", ""))
    assert asked == order, f"where the lessons ask for {one}, exercises/order.py has {other}"


def test_the_order_says_in_which_lessons_a_part_is():
    """In a comment above the part."""
    order = (ROOT / "exercises" / "order.py").read_text(encoding="utf-8")
    for title, part in CATALOGUE.by_part.items():
        pages = ", ".join(dict.fromkeys(exercise.docs.partition(",")[0] for exercise in part if exercise not in CASES))
        assert not pages or f'    # {pages}\n    ("{title}"' in order, title


def test_every_case_is_in_a_list_of_cases():
    """*Cases:* `case_guessing`, `case_strangers`."""
    lists = re.findall(r"^\*Cases?:\* (.+(?:\n.+)*)", "\n".join(TEXT.values()), re.MULTILINE)
    assert {case.name for case in CASES} == set(re.findall(r"`(case_\w+)`", "\n".join(lists)))


def of_chapter_7():
    """(exercise, what is given, which of its results is told, a sentence that ends with it)."""
    step = {"old_m": 0, "old_s": 0, "dp": 0.5, "t": 1, "lr": 0.1, "beta1": 0.9, "beta2": 0.96, "eps": 0}
    of_matrix, of_bias = ({"old_p": np.full(axes * (1,), 2.0), "weight_decay": 0.1} | step for axes in (2, 1))
    yield "adamw", of_bias, "s", "m = 0.05 and s = 0.01"
    yield "adamw", of_matrix, "p", "So p becomes 1.88"
    yield "adamw", of_bias, "p", "If p is an entry of a bias, it becomes 1.9"
    rates = {"lr": 1, "least": 0.1, "warm": 3, "steps": 11}
    for t, sentence in {0: "1/4", 2: "1/4, 3/4", 3: "3/4, 1", 7: "1, 0.55", 11: "0.55, 0.1", 20: "0.1 and 0.1"}.items():
        yield "learning_rate", rates | {"t": t}, "rate", sentence
    pieces = {"parts": np.array([[[1]], [[4]]]), "counts": np.array([2, 1])}
    yield "accumulate", pieces, "dW", "the mean over three is 2"
    long = {"dW": np.array([[3]]), "db": np.array([4])}
    yield "clip_norm", long | {"most": 1}, "clipped_db", "Divided by 5, the vector is (0.6, 0.8"
    heads = {"mixed": np.array([[[[1, 2], [5, 6]], [[3, 4], [7, 8]]]])}
    yield "merge_heads", heads, "y", "(1, 2, 3, 4) and (5, 6, 7, 8"


def small_cases():
    """Those that no code on the page computes: the page, a sentence that ends with numbers, and what they should be."""
    params, velocity, a = {"p": np.array([2.0])}, {"p": np.array([1.0])}, np.array([2.0])
    main_np.update(params, velocity, {"p": np.array([0.5])}, lr=0.1, momentum=0.9)
    yield (
        "docs/training.md",
        r"p = 1.4 \\ p &\leftarrow p - \mathrm{lr} \cdot v = 1.86",
        [velocity["p"][0], params["p"][0]],
    )
    yield "docs/briefly.md", r"leads to $w = 5 - 0.1 \cdot 4 = 4.6", [5 - 0.1 * 2 * (5 - 3)]
    for inputs, z in ((r"2 \cdot 1 - 1 \cdot 3", [1, 3]), (r"2 \cdot 3 - 1 \cdot 1", [3, 1])):
        z = np.dot([2, -1], z) + 0.5
        yield "docs/briefly.md", f"{inputs} + 0.5 = {z}", z
    yield "docs/further.md", r"^2) = 2 \cdot 0.64 = 1.28", [2 * (1 - 0.6**2)]
    slopes = [numerical_gradient(lambda: a[0] ** 3, a, 0.1)[0], (2.1**3 - 2**3) / 0.1]
    yield "docs/training.md", "= 12.01$; a one-sided difference would give 12.61", slopes
    t, v1, v2, row = (Tensor(np.array(value)) for value in (1.0, 6.0, 4.0, [3.0, -2.0]))
    u = Tensor(2 * t.value)
    for loss in (v1 * v2, 3 * u * (u * u), 3 * (2 * t) * ((2 * t) * (2 * t))):
        loss.backward()
    row.relu().backward(np.array([5, 7]))
    yield "docs/autograd.md", "are 4, 6, 36 and 72", [v1.grad, v2.grad, u.grad, t.grad]
    yield "docs/autograd.md", "here it returns [5, 0]", row.grad
    norm, layer, softmax = resnet_np.BatchNorm(1), vit_np.LayerNorm(4), vit_np.Softmax()
    norm.eps = layer.eps = 0
    norm.forward(np.reshape([-1, -1, 1, 1], (4, 1, 1, 1)))
    yield "docs/resnet.md", "so dx = (2, −2, 0, 0)", norm.backward(np.reshape([4, 0, 0, 0], (4, 1, 1, 1)))
    layer.forward(np.array([[[1, -1, 1, -1]]]))
    outside = layer.backward(np.array([[[0, 2, 0, 0]]])) * [1, 2, 1, 1]
    layer.params["gamma"] = np.array([1, 2, 1, 1])
    yield "docs/transformer.md", "so `dx` = (0, 2, 0, −2)", layer.backward(np.array([[[0, 2, 0, 0]]]))
    yield "docs/transformer.md", "the last entry would be −1", outside[0, 0, -1:]
    softmax.forward(np.log([[2, 1, 1]]))
    yield "docs/transformer.md", "j = 0 that is (1/4, −1/8, −1/8)", softmax.backward(np.eye(3))[:, 0]
    yield "docs/transformer.md", "so `dscores` = (1, −1/2, −1/2)", softmax.backward(np.array([[4, 0, 0]]))
    weights = softmax.forward(np.outer([0, 1], [0, np.log(3)]))
    shown = "`weights` = [[1/2, 1/2], [1/4, 3/4]] and `mixed` = (4, 2)"
    yield "docs/transformer.md", shown, [*weights.flat, *(weights @ [8, 0])]
    logits = np.log([[2, 1, 1]])
    yield "docs/sampling.md", "At 1, p = (1/2, 1/4, 1/4)", softmax.forward(logits)
    yield "docs/sampling.md", "so p = (2/3, 1/6, 1/6)", softmax.forward(2 * logits)
    weights = softmax.forward(np.array([[0, np.log(2), 0]]))
    mixed = weights @ [[4, 0], [0, 4], [2, 2]]
    yield "docs/sampling.md", "(1/4)(4, 0) + (1/2)(0, 4) + (1/4)(2, 2) = (3/2, 5/2)", mixed
    for temperature, said in (
        (1, "falls in the second interval: token 1"),
        (0.5, "falls in the interval of token 0"),
        (0, "At 0 the choice is always token 0"),
    ):
        yield "docs/sampling.md", said, sample(logits, temperature, np.array([0.6]))
    for name, given, result, sentence in of_chapter_7():
        names = {"np": np} | given
        exec(BY_NAME[name].formula, names)
        yield "docs/nanogpt.md", sentence, names[result]


def test_the_answers_to_small_cases_are_right():
    for path, sentence, found in small_cases():
        assert sentence in WORDS[path], sentence
        said = re.findall(r"[−-]?\d+(?:[./]\d+)?", sentence)[-np.size(found) :]
        said = [float(Fraction(number.replace("−", "-"))) for number in said]
        assert said == pytest.approx(np.ravel(found), abs=0.005), sentence


def test_the_pencil_exercise_is_right():
    names = {}
    for block in blocks(TEACHING, "py"):
        exec(block, names)
    shown = {name: np.array(value, float) for name, value in names.items() if not name.startswith("__")}
    model, y = MLP(2, dtype=np.float64), shown["y"].astype(int)
    model.params = {name: shown[name].copy() for name in ("W1", "b1", "W2", "b2")}

    def forward(prefix=""):
        logits = model.forward(shown["x"])
        loss, dlogits = softmax_cross_entropy(logits, y)
        return dlogits, {f"{prefix}logits": logits, f"{prefix}p": dlogits + np.eye(2)[y], f"{prefix}loss": loss}

    dlogits, right = forward()
    grads = model.backward(dlogits)
    right |= {name: getattr(model, name) for name in ("z1", "a1", "da1", "dz1")} | {"dlogits": dlogits}
    for name, p in model.params.items():
        right[f"d{name}"] = grads[name]
        p -= 0.1 * grads[name]
    right |= forward("new_")[1]
    assert right.keys() | {"x", "y", *model.params} == shown.keys()
    for name, value in right.items():
        assert shown[name].shape == np.shape(value), name
        assert shown[name] == pytest.approx(value, abs=5e-4), name


def test_teaching_names_marks_and_exercises_that_exist():
    text = TEXT[TEACHING]
    names, _, _, ben = (line.split("|")[4:-1] for line in text[text.index("| name |") :].splitlines()[:4])
    for column, mark in zip(names, ben, strict=True):
        assert mark.strip() in {
            "",
            "not written",
            *(mistake.name for mistake in BY_NAME[column.strip()].known_mistakes),
        }
    (week,) = (part for part in text.split("\n\n") if "| day |" in part)
    assert set(re.findall(r"`(\w+)`", week)) <= {*BY_NAME, "train", "prove"}
    (folders,) = re.findall(r"that folder of \[exercises\]\(../exercises\): ([^.]*)\.", text)
    assert {f"chapter{n}" for n in re.findall(r"\d", folders)} == {exercise.file.parent.name for exercise in EXERCISES}


def test_the_plainest_trainer_is_the_one_that_practice_writes():
    (shown,) = blocks("docs/training.md", "py")
    assert f"\n\n\n{shown}\n\n" in network.make_program([])


# --- Links, mathematics --------------------------------------------------------------------------------------------


def anchors(path):
    return {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in re.findall(r"^#+ (.+)$", PROSE[path], re.M)}


@pytest.mark.parametrize("path", TEXT)
def test_every_link_leads_somewhere(path):
    links = re.findall(r"\]\(([^)]+)\)", TEXT[path])
    assert links
    inside = [link for link in links if not re.match("https?://", link)]
    for target, _, part in (link.partition("#") for link in inside):
        found = (ROOT / path).parent / target if target else ROOT / path
        assert found.exists(), target
        assert not part or part in anchors(found.resolve().relative_to(ROOT).as_posix()), part
    for code, target in re.findall(r"\[`([^`]+)`\]\(([\w./]+\.py)\)", TEXT[path]):  # and to the code that they name
        lines = ((ROOT / path).parent / target).read_text(encoding="utf-8").splitlines()
        assert Path(target).name == code or any(line.strip().startswith(code) for line in lines), code


@pytest.mark.parametrize("path", TEXT)
def test_mathematics_survives_markdown(path):
    """GitHub reads inline mathematics as Markdown first, which takes a backslash before punctuation away."""
    assert TEXT[path].count("```") % 2 == 0
    for block in blocks(path, "math"):
        assert block.count("{") == block.count("}") and block.count(r"\begin") == block.count(r"\end"), block
    for paragraph in re.split(r"\n\s*\n", re.sub(r"`[^`\n]+`", "", PROSE[path])):
        assert paragraph.count("$") % 2 == 0, paragraph
        for formula in re.findall(r"\$([^$]+)\$", paragraph):
            assert not re.search(r"\\[^A-Za-z]|\n|^\s|\s$", formula), formula
            assert formula.count("{") == formula.count("}"), formula


# --- Code and commands ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [path for path in TEXT if blocks(path, "python")])
def test_the_code_in_the_docs_prints_what_they_show(path, capsys):
    pairs = re.findall(r"^```python\n(.+?)^```\n(?:<[^\n]+>|\s)*^```\n(.+?)^```", TEXT[path], re.M | re.S)
    assert len(pairs) == len(blocks(path, "python")), (
        "what a block of Python prints should be in a block right below it"
    )
    session = {}
    for code, shown in pairs:
        exec(compile(code, path, "exec"), session)
        assert capsys.readouterr().out == shown


def test_the_readme_is_short_and_says_how_to_train_and_how_to_test():
    assert len(TEXT[README].split()) <= 1800
    for command in ("make", "python main_np.py", "make test", 'python -m pytest -m "not slow"'):
        assert f"`{command}`" in TEXT[README] or f"\n{command}\n" in TEXT[README]


def test_every_command_in_the_docs_is_understood(capsys, monkeypatch, tmp_path):
    """Its options, what it reads of a run, the programs and modules that are named, and the targets of make."""
    (tmp_path / "mine").mkdir()  # the reader's own data
    (tmp_path / "mine.txt").touch()
    pytest.importorskip("gguf")
    for name in ("FILE.gguf", "SmolLM2-135M-Instruct.Q4_1.gguf"):
        write_model(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    lines = [line for path in TEXT for block in blocks(path, "sh") for line in block.splitlines()]
    lines += [code for text in PROSE.values() for code in re.findall(r"`([^`\n]+)`", text)]
    commands = {line for line in lines if re.match(r"(python|torchrun|make|uv) ", line)}
    mains = {command for command in commands if "main_" in command and not {"--resume", "-h"} & {*command.split()}}
    assert len(mains) >= 20
    written = set()
    for command in mains:
        options = parse_options(re.search(r"main_(np|torch)\.py", command)[1], *command.partition(".py")[2].split())
        written |= {options.call.out, f"{options.call.out}/checkpoint_{options.name}.npz"}
    for program in (predict, look, plot, write, symptoms):
        monkeypatch.setattr(program, "__doc__", None)  # as under python -OO
        with pytest.raises(SystemExit):
            program.main(["-h"])
        described = capsys.readouterr().out
        for command in (command for command in commands if f"{program.__name__}.py" in command):
            if " --training" in command:  # beside it, options of a run
                parse_options("np", *re.sub(r".* --training( \d+)?", "", command).split())
                command = "look.py --training"
            flags = {word.partition("=")[0] for word in command.split() if word.startswith("--")}
            assert flags <= {*re.findall(r"--[\w-]+", described)}, command
    for command in commands:
        read = [word for word in command.split() if word.startswith(("learning_curves/", "experiments/"))]
        assert {*read} <= written, command
        paths = re.findall(r"[\w/-]+\.(?:py|txt|jpg)\b", command)
        paths += [
            f"{module.replace('.', '/')}.py" for module in re.findall(r"-m ((?:lab|page|exercises)\.\w+)", command)
        ]
        assert [
            path for path in paths if path not in ("FILE_np.py", "mine.txt", "sheet.jpg") and not (ROOT / path).exists()
        ] == [], command
        target = re.match(r"make (\w+)", command)
        assert not target or re.search(rf"^{target[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M), (
            command
        )


def test_the_map_of_the_tests_names_each_file():
    text = (ROOT / CONTRIBUTING).read_text(encoding="utf-8").partition("**Where each part is tested:**")[2]
    named = {*re.findall(r"`(test_\w+\.py)`", text.partition("\n## ")[0])}
    of_that_name = {f"test_{name}.py" for name in ("data", "plot", "predict", "write", "look")}
    assert named | of_that_name == {path.name for path in (ROOT / "tests").glob("test_*.py")}
