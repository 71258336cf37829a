"""README and docs: they say what was measured, their links lead somewhere, and their commands run as they are typed."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from conftest import ROOT, as_input
from lab import bench, results, tape, twins
from networks import parse_options
from support.history import History
from support.run import Plan

README, CONTRIBUTING = "README.md", "CONTRIBUTING.md"
# In the order in which one reads them; each ends with a link to the next.
PAGES = ["backprop", "autograd", "resnet", "transformer", "results", "speed", "experiments", "teaching"]
ORDER = [README, *(f"docs/{name}.md" for name in PAGES)]
TEXT = {path: (ROOT / path).read_text(encoding="utf-8") for path in [*ORDER, CONTRIBUTING]}
PROCESSOR = "Intel(R) Xeon(R) Processor, 2 cores"  # whose benchmark docs/speed.md shows whole


def committed(path):
    """A file as it was committed: a learner's own runs rewrite curves and results, and that is no mistake.

    Who changes the docs too means what is there now.
    """
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", *TEXT], cwd=ROOT).returncode
    shown = subprocess.run(["git", "show", f"HEAD:{path}"], cwd=ROOT, capture_output=True)
    if changed or shown.returncode:
        return (ROOT / path).read_text(encoding="utf-8")
    return shown.stdout.decode()


RESULTS = json.loads(committed("lab/results.json"))
ROUNDS = RESULTS["bench"].get(PROCESSOR, {}).get("rounds", {})
HISTORIES = {
    path.stem.removeprefix("history_"): json.loads(committed(f"learning_curves/published/{path.name}"))
    for path in sorted((ROOT / "learning_curves" / "published").glob("history_*.json"))
}


def blocks(path, language):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT[path], re.M | re.S)
    return [content for name, content in found if name == language]


def without_blocks(path):
    return re.sub(r"^ *```.*?^ *```", "", TEXT[path], flags=re.M | re.S)


# --- Length ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "most"), [(README, 2400), ("docs/speed.md", 900), (CONTRIBUTING, 850)])
def test_it_is_read_to_its_end(path, most):
    assert len(TEXT[path].split()) <= most
    assert path != README or len(TEXT[path].encode()) <= 18_000


# --- Numbers -----------------------------------------------------------------------------------------------------


def test_tables_are_those_of_the_results():
    for path, tables in {
        README: [results.recipes_table(RESULTS)],
        "docs/results.md": [
            results.table(RESULTS["accuracy"]),
            results.recipes_table(RESULTS),
            twins.table(RESULTS["inits"]["rows"]),
            results.choices_table(RESULTS["choices"]),
        ],
        "docs/speed.md": [table(ROUNDS) for table in bench.TABLES],
        "docs/autograd.md": [tape.table(RESULTS["tape"]["found"])],
    }.items():
        for table in tables:
            assert table in TEXT[path], f"{path} should have\n{table}"


def ratios(*options):
    """The smallest and the largest ratio of NumPy to PyTorch in a step with one of these options."""
    return bench.ratios(ROUNDS, *(("step", argv, threads) for argv in options for threads in bench.THREADS))


def test_the_sentences_of_speed_are_measured(mnist):
    assert f"({ratios('', '--batch-size 256')} times), a ResNet step {ratios('--model resnet')} times" in TEXT[README]
    text = " ".join(TEXT["docs/speed.md"].split())
    assert PROCESSOR.replace(",", " with") in text
    assert f"given {bench.AT_ONCE} batches in a call" in text
    paper = as_input(np.zeros((1, 28, 28), np.uint8), dtype="float32")[0, 0, 0]
    assert f"empty paper is {paper:.2f}, not 0".replace("-", "−") in text


def known_numbers():
    """Every accuracy and loss that a run of ours produced or that was published, with four decimals."""
    found = [*results.PUBLISHED.values()]
    for entry in RESULTS["accuracy"].values():
        values = [run["accuracy"] for run in entry["runs"].values()]
        found += [*values, np.mean(values)] + ([np.std(values, ddof=1)] if len(values) > 2 else [])
    for row in RESULTS["inits"]["rows"]:
        for framework in ("np", "torch"):
            found += [np.mean(row[framework]), np.std(row[framework], ddof=1)]
    found += [choice["accuracy"] for choice in RESULTS["choices"].values()]
    found += [accuracy for kind in ("with", "without") for accuracy in RESULTS["shortcut"][kind]["accuracy"]]
    return {f"{value:.4f}" for value in found}


@pytest.mark.parametrize("path", [path for path in ORDER if path not in ("docs/backprop.md", "docs/teaching.md")])
def test_every_accuracy_was_measured(path):
    """Outside the outputs of programs, which have a test of their own."""
    unknown = set(re.findall(r"(?<![\d.])0\.\d{4}(?!\d)", without_blocks(path))) - known_numbers()
    assert not unknown, f"{path}: no run of ours has these: {sorted(unknown)}"


def epoch_lines(name):
    """The lines that a committed run printed after each epoch."""
    content = HISTORIES[name]
    fields = {field: content[field] for field in History().numbers()}
    steps = fields["test_step"]
    for epoch, end in enumerate(steps, 1):
        cut = {n: v[:end] if n.startswith("train") else v[:epoch] for n, v in fields.items()}
        yield History(**cut).epoch_line(Plan(steps[0], steps[-1], steps[-1]), "test")


@pytest.mark.parametrize(
    ("path", "name"), [(README, "np"), ("docs/resnet.md", "resnet_torch"), ("docs/transformer.md", "vit_np")]
)
def test_the_printed_runs_are_the_committed_ones(path, name):
    for line in epoch_lines(name):
        assert line in TEXT[path]
    assert f"test accuracy: {HISTORIES[name]['test_accuracy'][-1]:.4f}" in TEXT[path]


def test_every_printed_epoch_is_of_a_committed_run():
    known = {line for name in HISTORIES for line in epoch_lines(name)}
    for path in TEXT:
        assert set(re.findall(r"^epoch \d.+$", TEXT[path], re.M)) <= known, path


def mean(name):
    return np.mean([run["accuracy"] for run in RESULTS["accuracy"][name]["runs"].values()])


def test_the_results_are_what_they_should_be():
    assert mean("MLP, NumPy") >= 0.9830
    assert mean("MLP for longer, NumPy") >= 0.9850
    assert mean("MLP best, NumPy") >= 0.9930
    assert mean("ResNet, PyTorch") >= 0.9955
    assert mean("ResNet best, PyTorch") >= 0.9965
    assert abs(mean("ResNet in bfloat16, PyTorch") - mean("ResNet, PyTorch")) <= 0.001
    assert mean("ResNet, NumPy") >= 0.9945
    assert mean("ViT, NumPy") >= 0.9890
    assert abs(mean("ViT, NumPy") - mean("ViT, PyTorch")) <= 0.002
    assert abs(mean("ResNet, NumPy") - mean("ResNet, PyTorch")) <= 0.002
    assert abs(mean("ResNet by two processes, PyTorch") - mean("ResNet, PyTorch")) <= 0.002


def test_the_proof_is_what_the_docs_say():
    assert RESULTS["twins"]["difference"]["float64"]["largest"] <= 2e-15
    assert f"{RESULTS['twins']['steps']:,} steps in float64" in " ".join(TEXT[README].split())
    tape = [RESULTS["twins"]["difference"][dtype]["tape"]["largest"] for dtype in ("float32", "float64")]
    assert tape == [0, 0]
    assert f"over all {RESULTS['twins']['steps']:,} steps" in " ".join(TEXT["docs/autograd.md"].split())
    assert RESULTS["twins_resnet"]["difference"]["float64"]["largest"] < 1e-13
    assert f"Over {RESULTS['twins_resnet']['steps']} steps in float64 it stays below 1e-13" in TEXT["docs/resnet.md"]


def test_the_proof_of_the_transformer_is_what_the_docs_say():
    steps, found = RESULTS["twins_vit"]["steps"], RESULTS["twins_vit"]["difference"]
    text = " ".join(TEXT["docs/transformer.md"].split())
    at_500, at_1000, *_ = found["float64"]["every 500 steps"]
    assert "the first 500 steps in float64 it stays below 1e-13" in text
    assert at_500 < 1e-13
    assert f"after all {steps:,} it is {found['float64']['final']:.0e}" in text
    assert "doubles a difference about every hundred steps" in text
    assert 4 < np.log2(at_1000 / at_500) < 6
    assert "some two thousand times further apart" in text
    assert 1_000 < found[twins.KEY_BIAS]["every 500 steps"][0] / at_500 < 4_000


def test_the_benchmark_is_what_it_should_be():
    """On one thread, the MLP and the ViT are faster by hand. JAX is less than a tenth ahead. Raw pixels cost time."""

    def mean(*key):
        return np.mean(ROUNDS[bench.key_of(*key)])

    for argv in ("", "--batch-size 256", "--model vit"):
        assert mean("step", argv, 1, bench.NUMPY) < mean("step", argv, 1, bench.PYTORCH)
    for threads in bench.THREADS:
        fastest = min(mean("step", "", threads, name) for name in bench.TOOLS)
        assert fastest == mean("step", "", threads, bench.JAX)
        assert mean("step", "", threads, bench.NUMPY) < 1.1 * fastest
    for name in (bench.NUMPY, bench.PYTORCH):
        assert mean("run", "--pixels raw", name) > 1.2 * mean("run", "", name)


def test_the_tape_costs_what_the_docs_say():
    """The MLP costs about the same; where a derivation found a shorter formula, by hand is faster."""

    def ratio(what):
        return RESULTS["tape"]["found"][what]["on the tape"]["ms"] / RESULTS["tape"]["found"][what]["by hand"]["ms"]

    assert ratio("MLP") <= 1.15
    assert ratio("transformer") <= 1.6
    assert ratio("softmax") > 1.5
    assert ratio("layer normalisation") > 1.2


# --- Links -------------------------------------------------------------------------------------------------------


def anchors(path):
    headings = re.findall(r"^#+ (.+)$", without_blocks(path), re.M)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", TEXT)
def test_every_link_leads_somewhere(path):
    links = re.findall(r"\]\(([^)]+)\)", TEXT[path])
    assert links
    for link in links:
        if link.startswith(("https://", "http://")):
            continue
        target, _, part = link.partition("#")
        found = (ROOT / path).parent / target if target else ROOT / path
        assert found.exists(), link
        if part and not part.startswith("L"):
            assert part in anchors(found.resolve().relative_to(ROOT).as_posix()), link


def test_every_link_to_a_line_leads_to_the_code_that_it_names():
    total = 0
    for path in TEXT:
        found = re.findall(r"\[`([^`]+)`\]\(([\w./]+)#L(\d+)\)", TEXT[path])
        assert len(found) == TEXT[path].count("#L"), path
        for code, target, line in found:
            lines = ((ROOT / path).parent / target).read_text(encoding="utf-8").splitlines()
            assert lines[int(line) - 1].strip().startswith(code), (path, code, line)
        total += len(found)
    assert total >= 8


@pytest.mark.parametrize("path", ORDER)
def test_every_page_says_where_to_go_next(path):
    last = re.split(r"^## ", TEXT[path], flags=re.M)[-1]
    following = ORDER[(ORDER.index(path) + 1) % len(ORDER)]
    assert Path(os.path.relpath(following, Path(path).parent)).as_posix() in last, f"{path} should end with {following}"


def test_the_readme_lists_the_root():
    """Every program that lies there, and no other; a newcomer finds nothing that is not explained."""
    listed = re.search(r"\*\*What is where\*\*\n(.+?)\n\*\*", TEXT[README], re.S)[1]
    assert set(re.findall(r"\]\((\w+\.py)\)", listed)) == {path.name for path in ROOT.glob("*.py")}


# --- Mathematics and Python ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", TEXT)
def test_mathematics_survives_markdown(path):
    """GitHub reads inline mathematics as Markdown first, which takes a backslash before punctuation away."""
    assert TEXT[path].count("```") % 2 == 0
    for block in blocks(path, "math"):
        assert block.count("{") == block.count("}")
        assert block.count(r"\begin") == block.count(r"\end")
    text = re.sub(r"`[^`\n]+`", "", without_blocks(path))
    for paragraph in re.split(r"\n\s*\n", text):
        assert paragraph.count("$") % 2 == 0, paragraph
        for formula in re.findall(r"\$([^$]+)\$", paragraph):
            assert not re.search(r"\\[^A-Za-z]", formula), formula
            assert formula == formula.strip() and "\n" not in formula, formula
            assert formula.count("{") == formula.count("}"), formula


@pytest.mark.parametrize("path", TEXT)
def test_tables_hold_together(path):
    """Each has a head, a line under it, and rows of as many cells: an empty line within would end it."""
    for table in re.findall(r"(?:^\|.*\n)+", without_blocks(path), re.M):
        lines = table.splitlines()
        assert len(lines) >= 3 and re.fullmatch(r"\|( --- \|)+", lines[1]), table
        assert len({line.count("|") for line in lines}) == 1, table


@pytest.mark.parametrize("path", [path for path in TEXT if blocks(path, "python")])
def test_the_code_in_the_docs_prints_what_they_show(path, capsys):
    pattern = r"^```python\n(.+?)^```\n(?:<[^\n]+>|\s)*^```\n(.+?)^```"
    pairs = re.findall(pattern, TEXT[path], re.M | re.S)
    assert len(pairs) == len(blocks(path, "python"))
    for code, shown in pairs:
        exec(compile(code, path, "exec"), {})
        assert capsys.readouterr().out == shown


@pytest.mark.parametrize(("lesson", "path"), [("mlp_np", "docs/backprop.md"), ("autograd_np", "docs/autograd.md")])
def test_the_check_prints_what_the_docs_show(program, lesson, path):
    def without_differences(text):
        return re.sub(r"\d\.\de-\d+", "", text)

    printed = without_differences(program(f"{lesson}.py").stdout)
    assert printed in [without_differences(block) for block in blocks(path, "")]


# --- Commands ----------------------------------------------------------------------------------------------------


def commands(path):
    """Every command line in a doc that starts one of our programs."""
    lines = "\n".join(blocks(path, "sh")).splitlines()
    lines += re.findall(r"`([^`\n]+)`", without_blocks(path))
    return sorted({line for line in lines if re.match(r"(python|torchrun|make|uv) ", line)})


ALL_COMMANDS = sorted({command for path in TEXT for command in commands(path)})


def test_the_options_in_the_docs_are_understood():
    checked = 0
    for command in ALL_COMMANDS:
        main = re.search(r"main_(np|torch)\.py", command)
        if main and not {"--resume", "-h"} & set(command.split()):
            parse_options(main[1], *command.partition(".py")[2].split())
            checked += 1
    assert checked >= 20


def test_the_programs_in_the_docs_exist():
    for command in ALL_COMMANDS:
        for script in re.findall(r"[\w/-]+\.(?:py|txt)\b", command):
            assert script == "FILE_np.py" or (ROOT / script).exists(), command
        for module in re.findall(r"-m ((?:lab|page)\.\w+)", command):
            assert (ROOT / f"{module.replace('.', '/')}.py").exists(), command


def test_every_make_target_in_the_docs_exists():
    makefile = (ROOT / "Makefile").read_text()
    for command in ALL_COMMANDS:
        if command.startswith("make "):
            assert re.search(rf"^{command.split()[1]}:", makefile, re.M), command


def test_windows_differs_only_where_windows_does():
    (linux, *_), (windows, *others) = blocks(README, "sh"), blocks(README, "powershell")
    assert not others
    pairs = list(zip(linux.splitlines(), windows.splitlines(), strict=True))
    assert pairs[0] == ("python3 -m venv .venv", "py -m venv .venv")
    assert pairs[1] == ("source .venv/bin/activate", r".venv\Scripts\Activate.ps1")
    assert all(ours == theirs for ours, theirs in pairs[2:])
    for path in TEXT:  # with the environment active every later line is the same on every system
        later = "\n".join(blocks(path, "sh")).replace(linux, "", 1)
        assert "python3" not in later and ".venv" not in later, path


# Stands for python, pip, make, ruff while a test types the docs' lines: our programs run for two steps, what belongs
# to others (installing, testing) or takes minutes is only looked at.
SHORT = """#!{python}
import importlib.util, os, pathlib, subprocess, sys
name, words = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
sys.path.insert(0, "")
if name == "pip" or words[:2] == ["-m", "pip"]:
    sys.exit(not pathlib.Path(words[-1]).exists())
if name == "make":
    text = pathlib.Path("Makefile").read_text()
    sys.exit(any(f"\\n{{word}}:" not in text for word in words))
if name == "ruff" or words[:2] == ["-m", "pytest"]:
    sys.exit(0)
if words[:2] == ["-m", "venv"]:
    pathlib.Path(words[2], "bin").mkdir(parents=True)
    pathlib.Path(words[2], "bin", "activate").write_text("active=yes\\n")
    sys.exit(0)
if words[0] == "-m" and words[1].startswith("lab."):
    sys.exit(importlib.util.find_spec(words[1]) is None)
if words[0].startswith("main_") and "-h" not in words and "--resume" not in words:
    if "--epochs" in words:
        del words[words.index("--epochs") : words.index("--epochs") + 2]
    words += ["--batch-size", "20000"] if "--stop-after" in words else ["--steps", "2"]
    words = ["mnist" if word == "fashion_mnist" else word for word in words]  # test_data.py tests its download
ended = subprocess.run([sys.executable, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)
sys.stderr.write(ended.stderr)
ok = ended.returncode == 0 or (words[0] == "practice.py" and "Traceback" not in ended.stderr)
sys.exit(0 if ok else ended.returncode)
"""


@pytest.fixture
def typed(tmp_path):
    """typed(lines) types them into bash, in a fresh clone with a photo of a digit."""
    pytest.importorskip("torch")
    clone, programs = tmp_path / "clone", tmp_path / "programs"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    programs.mkdir()
    for name in ("python", "python3", "pip", "make", "ruff"):
        (programs / name).write_text(SHORT.format(python=sys.executable))
        (programs / name).chmod(0o755)
    photo = np.full((200, 200), 240, np.uint8)
    photo[40:160, 95:110] = 20  # a 1
    matplotlib.image.imsave(clone / "photo.jpg", photo, cmap="gray", vmin=0, vmax=255)

    def type_(lines):
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        ended = subprocess.run(
            [shutil.which("bash"), "-euxc", lines],
            cwd=clone,
            env=os.environ | {"PATH": path, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert ended.returncode == 0, ended.stderr[-3000:]
        return subprocess.run(["git", "status", "--short"], cwd=clone, capture_output=True, text=True).stdout

    type_.clone = clone
    return type_


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the lines are those for bash")
@pytest.mark.parametrize("path", [path for path in TEXT if blocks(path, "sh")])
def test_the_commands_run_as_they_are_typed(path, typed):
    """All of a page, from top to bottom; the clone is as clean as before, so that `git pull` goes on working."""
    lines = blocks(README, "sh")[0] + "\n".join(blocks(path, "sh")) if path != README else "\n".join(blocks(path, "sh"))
    assert typed(lines) == ""
    if "plot.py" in lines:
        assert (typed.clone / "experiments" / "comparison.png").exists()
