"""The README says what results.json says, and its links lead somewhere."""

import json
import re
import subprocess

import numpy as np
import pytest

import bench
import results
import training
import twins
from conftest import ROOT


def committed(path):
    """A file as it was committed: a learner's own runs rewrite curves and results, and that is no mistake."""
    shown = subprocess.run(["git", "show", f"HEAD:{path}"], cwd=ROOT, capture_output=True)
    return shown.stdout.decode() if shown.returncode == 0 else (ROOT / path).read_text(encoding="utf-8")


README = committed("README.md")
RESULTS = json.loads(committed("results.json"))


def test_tables_are_those_of_the_results():
    assert twins.table(RESULTS["inits"]["rows"]) in README
    assert bench.table(RESULTS["bench"]) in README
    assert results.table(RESULTS["accuracy"]) in README
    assert RESULTS["twins"]["difference"]["float64"]["largest"] <= 2e-15
    assert f"{RESULTS['twins']['steps']:,} steps" in README


def test_the_columns_of_the_benchmark_are_what_their_heads_say():
    ms = {"PyTorch": [3, 3, 3], "products alone": [1, 1, 1], "NumPy": [2, 2, 2]}
    row = bench.table({"rows": [{"network": "n", "batch_size": 8, "ms": ms}]}).splitlines()[-1]
    assert row == "| n | 8 | 1.00 (1.00 to 1.00) | 2.00 (2.00 to 2.00) | 3.00 (3.00 to 3.00) | 0.67 |"


def mean(name):
    return np.mean([run["accuracy"] for run in RESULTS["accuracy"][name]["runs"].values()])


def test_the_results_are_what_they_should_be():
    assert mean("MLP, NumPy") >= 0.9830
    assert mean("ResNet, PyTorch") >= 0.9955
    assert mean("ResNet, NumPy") >= 0.9945
    assert abs(mean("ResNet, NumPy") - mean("ResNet, PyTorch")) <= 0.002
    assert abs(mean("ResNet by two processes, PyTorch") - mean("ResNet, PyTorch")) <= 0.002
    assert RESULTS["bench"]["to_99"]["share"] <= 0.1
    assert all(row["ms"]["NumPy"][0] <= row["ms"]["PyTorch"][0] for row in RESULTS["bench"]["rows"][:2])


@pytest.mark.parametrize("name", ["np", "torch", "resnet_torch"])
def test_the_printed_runs_are_the_committed_ones(name):
    """The lines that the README shows of each run are made of the numbers in the committed history."""
    content = json.loads(committed(f"learning_curves/history_{name}.json"))
    fields = {field: content[field] for field in training.History().numbers()}
    steps = fields["test_step"]
    plan = training.Plan(steps[0], steps[-1], steps[-1])
    for epoch, end in enumerate(steps, 1):
        cut = {n: v[:end] if n.startswith("train") else v[:epoch] for n, v in fields.items()}
        assert training.History(**cut).epoch_line(plan, "test") in README
    assert f"test accuracy: {content['test_accuracy'][-1]:.4f}" in README


def test_every_link_leads_to_a_file():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) > 10
    for link in links:
        assert link.startswith("https://") or (ROOT / link).exists(), link


def test_every_make_target_of_the_readme_exists():
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"make ([a-z-]+)[`\n]", README)):
        assert re.search(rf"^{target}:", makefile, re.M), target
