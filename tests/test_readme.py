"""The README says what results.json says, and its links lead somewhere."""

import json
import re
import subprocess

import numpy as np
import pytest

from conftest import ROOT, assert_one_line
from lab import bench, results, twins
from support.history import History
from support.options import parse_options
from support.run import Plan


def on_disk(path):
    return (ROOT / path).read_text(encoding="utf-8")


def in_head(path):
    shown = subprocess.run(["git", "show", f"HEAD:{path}"], cwd=ROOT, capture_output=True)
    return shown.stdout.decode() if shown.returncode == 0 else None


def committed(path):
    """A file as it was committed: a learner's own runs rewrite curves and results, and that is no mistake.

    Who changes the README too means what is there now.
    """
    return in_head(path) if in_head("README.md") == README else on_disk(path)


PROCESSOR = "Intel(R) Xeon(R) Processor, 2 cores"  # whose benchmark the README shows whole
README = on_disk("README.md")
RESULTS = json.loads(committed("lab/results.json"))


def test_tables_are_those_of_the_results():
    assert twins.table(RESULTS["inits"]["rows"]) in README
    for measured in RESULTS["bench"].values():
        assert bench.table(measured) in README
    for part in bench.TABLES:
        assert part(RESULTS["bench"][PROCESSOR]) in README
    assert results.table(RESULTS["accuracy"]) in README
    assert results.recipes_table(RESULTS) in README
    assert results.choices_table(RESULTS["choices"]) in README
    assert RESULTS["twins"]["difference"]["float64"]["largest"] <= 2e-15
    assert f"{RESULTS['twins']['steps']:,} steps" in README


def test_the_columns_of_the_benchmark_are_what_their_heads_say():
    ms = {"PyTorch": [3, 3, 3], "products alone": [1, 1, 1], "NumPy": [2, 2, 2]}
    row = bench.table({"rows": [{"network": "n", "batch_size": 8, "threads": 1, "ms": ms}]}).splitlines()[-1]
    assert row == "| n | 8 | 1 | 1.00 (1.00 to 1.00) | 2.00 (2.00 to 2.00) | 3.00 (3.00 to 3.00) | 0.67 | 2.00 |"


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
    assert abs(mean("ResNet, NumPy") - mean("ResNet, PyTorch")) <= 0.002
    assert abs(mean("ResNet by two processes, PyTorch") - mean("ResNet, PyTorch")) <= 0.002


def test_the_benchmark_is_what_the_readme_says():
    """The ResNet by hand takes at most twice as long as PyTorch's, and on one thread the MLP is no slower than its."""
    for network, at_most in (("784", 1), ("ResNet", 2)):
        ratios = []
        for row in (row for measured in RESULTS["bench"].values() for row in measured["rows"]):
            if network in row["network"]:
                ratios.append(row["ms"]["NumPy"][0] / row["ms"]["PyTorch"][0])
                assert ratios[-1] <= at_most or (network == "784" and row["threads"] > 1), row
        assert f"{min(ratios):.2f} to {max(ratios):.2f}" in README
    for measured in RESULTS["bench"].values():
        assert measured["to_99"]["share"] <= 0.1
    found = RESULTS["bench"][PROCESSOR]["epochs"]
    assert found["standardised"]["subnormal"] == 0 < found["unit"]["subnormal"] < found["raw"]["subnormal"]


@pytest.mark.parametrize("name", ["np", "torch", "resnet_torch"])
def test_the_printed_runs_are_the_committed_ones(name):
    """The lines that the README shows of each run are made of the numbers in the committed history."""
    content = json.loads(committed(f"learning_curves/history_{name}.json"))
    fields = {field: content[field] for field in History().numbers()}
    steps = fields["test_step"]
    plan = Plan(steps[0], steps[-1], steps[-1])
    for epoch, end in enumerate(steps, 1):
        cut = {n: v[:end] if n.startswith("train") else v[:epoch] for n, v in fields.items()}
        assert History(**cut).epoch_line(plan, "test") in README
    assert f"test accuracy: {content['test_accuracy'][-1]:.4f}" in README


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert len(links) > 30
    headings = {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in re.findall(r"^#+ (.+)$", README, re.M)}
    for link in links:
        path, _, part = link.partition("#")
        if not path:
            assert part in headings, link
        elif not path.startswith("https://") and not path.startswith("http://"):
            assert (ROOT / path).exists(), link


def test_every_link_to_a_line_leads_to_the_code_that_it_names():
    found = re.findall(r"\[`([^`]+)`\]\(([\w.]+)#L(\d+)\)", README)
    assert len(found) == README.count("#L") >= 7
    for code, path, line in found:
        assert code in (ROOT / path).read_text(encoding="utf-8").splitlines()[int(line) - 1], (code, path, line)


def test_the_code_in_the_readme_does_what_it_says(capsys):
    blocks = re.findall(r"^```python\n(.+?)^```", README, re.M | re.S)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    by_nudging, by_hand = map(float, capsys.readouterr().out.split())
    assert by_nudging == pytest.approx(by_hand, rel=1e-4)


def commands():
    """Every command line of ours in the README, from `python` or `torchrun` on."""
    blocks = "\n".join(re.findall(r"^```sh\n(.+?)^```", README, re.M | re.S)).splitlines()
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.+?^```", "", README, flags=re.M | re.S))
    found = [re.sub(r"^\.venv/bin/", "", line) for line in blocks + inline]
    return sorted({line for line in found if re.match(r"(python|torchrun) (?!-m).*\w+\.py", line)})


def arguments(command):
    return command.partition(".py")[2].split()


def test_the_options_in_the_readme_are_understood(tmp_path):
    checked = 0
    for command in commands():
        main = re.search(r"main_(np|torch)\.py", command)
        if main and not {"--resume", "-h"} & set(command.split()):
            parse_options(main[1], *arguments(command))
            checked += 1
    assert checked >= 20


# Programs that are not mains: the tests that run them.
TESTED = {"mlp_np": "mlp_np", "resnet_np": "resnet", "predict": "predict", "look": "look", "page": "page"}


def test_the_other_programs_in_the_readme_have_tests():
    programs = {re.search(r"(\w+)\.py", command)[1] for command in commands()} - {"main_np", "main_torch"}
    assert programs <= TESTED.keys()
    for program in programs:
        content = (ROOT / "tests" / f"test_{TESTED[program]}.py").read_text(encoding="utf-8")
        assert f"{program}.py" in content or f"{program}.main(" in content or f"{program}.check(" in content, program


@pytest.mark.slow
@pytest.mark.parametrize("command", [c for c in commands() if "main_" in c and "HOST" not in c])
def test_the_commands_of_the_readme_run(command, program, tmp_path):
    """Each of them with as few steps as it takes."""
    words = [word for word in arguments(command) if word != "learning_curves/checkpoint_np.npz"]
    script = re.search(r"main_\w+\.py", command)[0]
    if "--resume" in words:
        program("main_np.py", "--epochs", 2, "--batch-size", 20_000, "--stop-after", 1)
        words.append(tmp_path / "out" / "checkpoint_np.npz")
    elif "--stop-after" in words:
        words += ["--batch-size", 20_000]
    else:
        if "--epochs" in words:
            del words[words.index("--epochs") : words.index("--epochs") + 2]
        words += ["--steps", 2]
    if "fashion_mnist" in words:
        words[words.index("fashion_mnist")] = "mnist"  # that it would download is tested in test_data.py
    result = program(script, *words)
    if "--lr 100" in command and result.returncode:  # as the README says of it
        assert_one_line(result, "the loss is", "lower --lr")
    else:
        assert result.returncode == 0, result.stderr


def test_every_make_target_of_the_readme_exists():
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"make ([a-z-]+)[`\n]", README)):
        assert re.search(rf"^{target}:", makefile, re.M), target
