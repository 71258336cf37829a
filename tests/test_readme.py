"""The README says what results.json says, and its links lead somewhere."""

import json
import re

import pytest

import bench
import training
import twins
from conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS = json.loads((ROOT / "results.json").read_text())


def test_tables_are_those_of_the_results():
    assert twins.table(RESULTS["inits"]["rows"]) in README
    assert bench.table(RESULTS["bench"]) in README
    assert f"of {RESULTS['bench']['n']} steps" in README
    assert RESULTS["twins"]["difference"]["float64"]["largest"] <= 2e-15
    assert f"{RESULTS['twins']['steps']:,} steps" in README


@pytest.mark.parametrize("framework", ["np", "torch"])
def test_the_printed_runs_are_the_committed_ones(framework):
    """The lines that the README shows of each run are made of the numbers in the committed history."""
    content = json.loads((ROOT / "learning_curves" / f"history_{framework}.json").read_text())
    fields = {name: content[name] for name in vars(training.History())}
    plan = training.Plan(468, 2340, 2340)
    for epoch in range(1, 6):
        cut = {n: v[: 468 * epoch] if n.startswith("train") else v[:epoch] for n, v in fields.items()}
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
