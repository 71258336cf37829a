"""README and docs: they say what was measured, their links lead somewhere, and their commands run as they are typed."""

import json
import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
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
WORDS = {path: " ".join(text.split()) for path, text in TEXT.items()}  # whatever the lines
PROSE = {path: re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S) for path, text in TEXT.items()}
PROCESSOR = "Intel(R) Xeon(R) Processor, 2 cores"  # whose benchmark docs/speed.md shows whole

RESULTS = json.loads((ROOT / "lab" / "results.json").read_text())
ROUNDS = RESULTS["bench"][PROCESSOR]["rounds"]
HISTORIES = {
    path.stem.removeprefix("history_"): json.loads(path.read_text())
    for path in (ROOT / "learning_curves" / "published").glob("history_*.json")
}


def blocks(path, *languages):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT[path], re.M | re.S)
    return [content for name, content in found if name in languages]


@pytest.mark.parametrize(("path", "most"), [(README, 2400), ("docs/speed.md", 900), (CONTRIBUTING, 850)])
def test_it_is_read_to_its_end(path, most):
    assert len(TEXT[path].split()) <= most
    assert path != README or len(TEXT[path].encode()) <= 18_000


# --- Numbers -----------------------------------------------------------------------------------------------------


def test_tables_are_those_of_the_results():
    for path, table in [
        (README, results.recipes_table(RESULTS)),
        ("docs/results.md", results.table(RESULTS["accuracy"])),
        ("docs/results.md", results.recipes_table(RESULTS)),
        ("docs/results.md", twins.table(RESULTS["inits"]["rows"])),
        ("docs/results.md", results.choices_table(RESULTS["choices"])),
        ("docs/autograd.md", tape.table(RESULTS["tape"]["found"])),
        *(("docs/speed.md", table(ROUNDS)) for table in bench.TABLES),
    ]:
        assert table in TEXT[path], f"{path} should have\n{table}"


def mean(name):
    return np.mean([run["accuracy"] for run in RESULTS["accuracy"][name]["runs"].values()])


def ratios(*options):
    """The smallest and the largest ratio of NumPy to PyTorch in a step with one of these options."""
    return bench.ratios(ROUNDS, *(("step", argv, threads) for argv in options for threads in bench.THREADS))


def test_sentences_say_what_was_measured():
    """Each stands on its page, and is true of results.json."""
    mlp, resnet, vit = (RESULTS[name] for name in ("twins", "twins_resnet", "twins_vit"))
    apart = vit["difference"]["float64"]["every 500 steps"]
    with_bias = vit["difference"][twins.KEY_BIAS]["every 500 steps"][0]
    paper = as_input(np.zeros((1, 28, 28), np.uint8), dtype="float32")[0, 0, 0]
    for path, sentence, is_true in [
        (README, f"({ratios('')} times), a ResNet step {ratios('--model resnet')} times", True),
        (README, f"{mlp['steps']:,} steps in float64", mlp["difference"]["float64"]["largest"] <= 2e-15),
        ("docs/autograd.md", f"over all {mlp['steps']:,} steps, in float32 and in float64",
         all(mlp["difference"][dtype]["tape"]["largest"] == 0 for dtype in ("float32", "float64"))),
        ("docs/speed.md", PROCESSOR.replace(",", " with"), True),
        ("docs/speed.md", f"given {bench.AT_ONCE} batches in a call", True),
        ("docs/speed.md", f"empty paper is {paper:.2f}, not 0".replace("-", "−"), True),
        ("docs/resnet.md", f"Over {resnet['steps']} steps in float64 it stays below 1e-13",
         resnet["difference"]["float64"]["largest"] < 1e-13),
        ("docs/transformer.md", "the first 500 steps in float64 it stays below 1e-13", apart[0] < 1e-13),
        ("docs/transformer.md", f"after all {vit['steps']:,} it is {vit['difference']['float64']['final']:.0e}", True),
        ("docs/transformer.md", "doubles a difference about every hundred steps", 4 < np.log2(apart[1] / apart[0]) < 6),
        ("docs/transformer.md", "some two thousand times further apart", 1_000 < with_bias / apart[0] < 4_000),
    ]:  # fmt: skip
        assert sentence in WORDS[path], path
        assert is_true, sentence


def test_the_results_are_what_they_should_be():
    for name, least in {
        "MLP, NumPy": 0.9830, "MLP for longer, NumPy": 0.9850, "MLP best, NumPy": 0.9930, "ResNet, PyTorch": 0.9955,
        "ResNet best, PyTorch": 0.9965, "ResNet, NumPy": 0.9945, "ViT, NumPy": 0.9890,
    }.items():  # fmt: skip
        assert mean(name) >= least, name
    assert mean("ResNet in bfloat16, PyTorch") == pytest.approx(mean("ResNet, PyTorch"), abs=0.001)
    for name in ("ResNet by two processes, PyTorch", "ResNet, NumPy", "ViT, NumPy"):
        twin = f"{re.match('[a-zA-Z]+', name)[0]}, PyTorch"
        assert mean(name) == pytest.approx(mean(twin), abs=0.002), name


def test_the_times_are_what_they_should_be():
    """On the tape, the MLP costs about the same; where a derivation found a shorter formula, by hand is faster."""

    def time(*key):
        return np.mean(ROUNDS[bench.key_of(*key)])

    for argv, most in {"": 1.1, "--model resnet": 2.6, "--model vit": 1.2}.items():
        assert time("step", argv, 2, bench.NUMPY) < most * time("step", argv, 2, bench.PYTORCH), argv
    for threads in bench.THREADS:
        tools = {name: time("step", "", threads, name) for name in bench.TOOLS}
        assert min(tools, key=tools.get) == bench.JAX
        assert tools[bench.NUMPY] < 1.1 * tools[bench.JAX]
    tape_costs = {"MLP": (0.9, 1.15), "transformer": (1, 1.6), "softmax": (1.5, 4), "layer normalisation": (1.2, 4)}
    for what, (least, most) in tape_costs.items():
        by_hand, on_tape = (RESULTS["tape"]["found"][what][how]["ms"] for how in ("by hand", "on the tape"))
        assert least < on_tape / by_hand < most, what


def known_numbers():
    """Every accuracy and loss that a run of ours produced or that was published, with four decimals."""
    samples = [[run["accuracy"] for run in entry["runs"].values()] for entry in RESULTS["accuracy"].values()]
    found = [*results.PUBLISHED.values(), *(value for values in samples for value in values)]
    samples += [row[framework] for row in RESULTS["inits"]["rows"] for framework in ("np", "torch")]
    found += [np.mean(values) for values in samples] + [np.std(values, ddof=1) for values in samples if len(values) > 2]
    found += [choice["accuracy"] for choice in RESULTS["choices"].values()]
    found += [accuracy for kind in ("with", "without") for accuracy in RESULTS["shortcut"][kind]["accuracy"]]
    return {f"{value:.4f}" for value in found}


def epoch_lines(name):
    """The lines that a committed run printed after each epoch, and its last one."""
    content = HISTORIES[name]
    fields = {field: content[field] for field in History().numbers()}
    steps = fields["test_step"]
    for epoch, end in enumerate(steps, 1):
        cut = {n: v[:end] if n.startswith("train") else v[:epoch] for n, v in fields.items()}
        yield History(**cut).epoch_line(Plan(steps[0], steps[-1], steps[-1]), "test")
    yield f"test accuracy: {content['test_accuracy'][-1]:.4f}"


def test_every_accuracy_was_measured_and_every_printed_run_is_a_committed_one():
    known, printed = known_numbers(), {line for name in HISTORIES for line in epoch_lines(name)}
    for path, text in TEXT.items():
        if path not in ("docs/backprop.md", "docs/teaching.md", CONTRIBUTING):
            unknown = set(re.findall(r"(?<![\d.])0\.\d{4}(?!\d)", PROSE[path])) - known
            assert not unknown, f"{path}: no run of ours has these: {sorted(unknown)}"
        assert set(re.findall(r"^epoch \d.+$", text, re.M)) <= printed, path
    for path, name in [(README, "np"), ("docs/resnet.md", "resnet_torch"), ("docs/transformer.md", "vit_np")]:
        assert [line for line in epoch_lines(name) if line not in TEXT[path]] == [], path


# --- Links, mathematics, tables ------------------------------------------------------------------------------------


def anchors(path):
    return {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in re.findall(r"^#+ (.+)$", PROSE[path], re.M)}


@pytest.mark.parametrize("path", TEXT)
def test_every_link_leads_somewhere(path):
    links = re.findall(r"\]\(([^)]+)\)", TEXT[path])
    assert links
    for target, _, part in (link.partition("#") for link in links if not re.match("https?://", link)):
        found = (ROOT / path).parent / target if target else ROOT / path
        assert found.exists(), target
        assert not part or part.startswith("L") or part in anchors(found.resolve().relative_to(ROOT).as_posix()), part
    to_lines = re.findall(r"\[`([^`]+)`\]\(([\w./]+)#L(\d+)\)", TEXT[path])
    assert len(to_lines) == TEXT[path].count("#L")
    assert path != "docs/backprop.md" or len(to_lines) >= 7
    for code, target, line in to_lines:  # and to the code that they name
        lines = ((ROOT / path).parent / target).read_text(encoding="utf-8").splitlines()
        assert lines[int(line) - 1].strip().startswith(code), (code, line)


def test_every_page_says_where_to_go_next_and_the_readme_lists_the_root():
    for path, following in pairwise([*ORDER, README]):
        last = re.split(r"^## ", TEXT[path], flags=re.M)[-1]
        assert Path(os.path.relpath(following, Path(path).parent)).as_posix() in last, f"{path}: {following}"
    listed = re.search(r"\*\*What is where\*\*\n(.+?)\n\*\*", TEXT[README], re.S)[1]
    assert set(re.findall(r"\]\((\w+\.py)\)", listed)) == {path.name for path in ROOT.glob("*.py")}


@pytest.mark.parametrize("path", TEXT)
def test_mathematics_and_tables_survive_markdown(path):
    """GitHub reads inline mathematics as Markdown first, which takes a backslash before punctuation away."""
    assert TEXT[path].count("```") % 2 == 0
    for block in blocks(path, "math"):
        assert block.count("{") == block.count("}") and block.count(r"\begin") == block.count(r"\end"), block
    for paragraph in re.split(r"\n\s*\n", re.sub(r"`[^`\n]+`", "", PROSE[path])):
        assert paragraph.count("$") % 2 == 0, paragraph
        for formula in re.findall(r"\$([^$]+)\$", paragraph):
            assert not re.search(r"\\[^A-Za-z]|\n|^\s|\s$", formula), formula
            assert formula.count("{") == formula.count("}"), formula
    for table in re.findall(r"(?:^\|.*\n)+", PROSE[path], re.M):  # an empty line within would end it
        lines = table.splitlines()
        assert len(lines) >= 3 and re.fullmatch(r"\|( --- \|)+", lines[1]), table
        assert len({line.count("|") for line in lines}) == 1, table


# --- Code and commands ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [path for path in TEXT if blocks(path, "python")])
def test_the_code_in_the_docs_prints_what_they_show(path, capsys):
    pairs = re.findall(r"^```python\n(.+?)^```\n(?:<[^\n]+>|\s)*^```\n(.+?)^```", TEXT[path], re.M | re.S)
    assert len(pairs) == len(blocks(path, "python"))
    for code, shown in pairs:
        exec(compile(code, path, "exec"), {})
        assert capsys.readouterr().out == shown


@pytest.mark.parametrize(("lesson", "path"), [("mlp_np", "docs/backprop.md"), ("autograd_np", "docs/autograd.md")])
def test_the_check_prints_what_the_docs_show(program, lesson, path):
    outputs = [program(f"{lesson}.py").stdout, *blocks(path, "")]
    printed, *shown = (re.sub(r"\d\.\de-\d+", "", text) for text in outputs)  # but for the differences
    assert printed in shown


def test_every_command_in_the_docs_is_understood():
    """The options of the mains, the programs and modules that are named, and the targets of make."""
    lines = [line for path in TEXT for block in blocks(path, "sh") for line in block.splitlines()]
    lines += [code for text in PROSE.values() for code in re.findall(r"`([^`\n]+)`", text)]
    commands = {line for line in lines if re.match(r"(python|torchrun|make|uv) ", line)}
    mains = {command for command in commands if "main_" in command and not {"--resume", "-h"} & {*command.split()}}
    assert len(mains) >= 20
    for command in mains:
        parse_options(re.search(r"main_(np|torch)\.py", command)[1], *command.partition(".py")[2].split())
    for command in commands:
        paths = re.findall(r"[\w/-]+\.(?:py|txt)\b", command)
        paths += [f"{module.replace('.', '/')}.py" for module in re.findall(r"-m ((?:lab|page)\.\w+)", command)]
        assert [path for path in paths if path != "FILE_np.py" and not (ROOT / path).exists()] == [], command
        target = re.match(r"make (\w+)", command)
        assert not target or re.search(rf"^{target[1]}:", (ROOT / "Makefile").read_text(), re.M), command


def test_windows_differs_only_where_windows_does():
    (linux, *_), (windows,) = blocks(README, "sh"), blocks(README, "powershell")
    activated = windows.replace("py -m venv", "python3 -m venv")
    assert linux == activated.replace(r".venv\Scripts\Activate.ps1", "source .venv/bin/activate")
    later = "\n".join(block for path in TEXT for block in blocks(path, "sh")).replace(linux, "", 1)
    assert "python3" not in later and ".venv" not in later  # with the environment active all systems are the same


# Stands for python, pip, make and ruff where a test types the docs' lines: our programs run for two steps; what belongs
# to others (installing, testing) or takes minutes does nothing.
SHORT = """#!{python}
import pathlib, subprocess, sys
name, words = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
if name != "python" or (words[0] == "-m" and not words[1].startswith("page.")):
    sys.exit(0)
if words[0].startswith("main_") and "-h" not in words and "--resume" not in words:
    if "--epochs" in words:
        del words[words.index("--epochs") : words.index("--epochs") + 2]
    words += ["--batch-size", "20000"] if "--stop-after" in words else ["--steps", "2"]
    words = ["mnist" if word == "fashion_mnist" else word for word in words]  # test_download.py tests its download
ended = subprocess.run([sys.executable, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)
sys.stderr.write(ended.stderr)
sys.exit(0 if words[0] == "practice.py" and "Traceback" not in ended.stderr else ended.returncode)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the lines are those for bash")
@pytest.mark.parametrize("path", [path for path in TEXT if blocks(path, "sh")])
def test_the_commands_run_as_they_are_typed(path, tmp_path):
    """All of a page, typed into bash in a fresh clone with a photo of a 1; the clone is as clean as before."""
    pytest.importorskip("torch")
    clone, programs = tmp_path / "clone", tmp_path / "programs"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    programs.mkdir()
    for name in ("python", "pip", "make", "ruff"):
        (programs / name).write_text(SHORT.format(python=sys.executable))
        (programs / name).chmod(0o755)
    photo = np.full((200, 200), 240, np.uint8)
    photo[40:160, 95:110] = 20
    matplotlib.image.imsave(clone / "photo.jpg", photo, cmap="gray", vmin=0, vmax=255)
    lines = "\n".join([*([] if path == README else blocks(README, "sh")[:1]), *blocks(path, "sh")])
    lines = re.sub(r"^.*\.venv.*\n", "", lines, flags=re.M)  # this environment is the test's
    env = os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    bash = [shutil.which("bash"), "-euxc", lines]
    ended = subprocess.run(bash, cwd=clone, env=env, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stderr[-3000:]
    status = subprocess.run(["git", "status", "--short"], cwd=clone, capture_output=True, text=True).stdout
    assert status == ""
    assert "plot.py" not in lines or (clone / "experiments" / "comparison.png").exists()
