"""A fault that somebody hands out is one edit of one line, and is judged by that."""

import ast
import re
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from types import ModuleType

import pytest

import data
import practice
from conftest import ROOT, schedule
from desk.work import Work
from exercises import drill
from exercises.catalogue import CATALOGUE
from exercises.faults import FAULTS, SUSPECTS, Fault, find_fault_line, get_network_name, insert_fault
from exercises.faulty import (
    copy_project_with_fault,
    judge_guess,
    load_findings_by_step,
    make_training_command,
    parse_place,
    read_planted_fault,
)
from loading.options import parse_options
from networks import NETWORKS
from support.errors import UserError

OPTIONS = dict.fromkeys(fault.options for fault in FAULTS.values())
# What is said of the steps of docs/debugging.md, {what the table calls one: ...}.
STEPS_THAT_SAY = {
    "0 prove": "Step 0 of docs/debugging.md says",
    "1, 2, 5 look": "Steps 1, 2 and 5 of docs/debugging.md say",
    "3 by heart": "Step 3 of docs/debugging.md says",
    "4 check": "Step 4 of docs/debugging.md says",
    "6 rate": "Step 6 of docs/debugging.md says",
    "7 test": "Step 7 of docs/debugging.md says",
}
STEPS_TO_READ = {look: f"s{words[1:]}" for look, words in STEPS_THAT_SAY.items()}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_an_edit_of_one_line_that_python_reads(name):
    fault = FAULTS[name]
    text = (ROOT / fault.file).read_text(encoding="utf-8")
    wrong = insert_fault(text, fault)
    ast.parse(wrong)
    (line,) = (n for n, (a, b) in enumerate(zip(text.splitlines(), wrong.splitlines(), strict=True), 1) if a != b)
    assert line == find_fault_line(text, fault) and fault.suspect in SUSPECTS
    is_found, said = judge_guess(name, fault.file, line, fault.suspect)
    assert is_found and said[0] == f"Found. {fault.why}"
    loud = [f"{STEPS_THAT_SAY[look]}: {words}" for look, words in load_findings_by_step(name).items() if words]
    assert said[1:] == loud or (not loud and said[1].startswith("No step of docs/debugging.md detects it"))
    is_found, said = judge_guess(name, fault.file, line + 1, fault.suspect)
    assert not is_found and said[0] == "The suspect is right. The file is right, but it is a different line."
    again = [
        f"Look again at what {STEPS_TO_READ[look]}." for look, words in load_findings_by_step(name).items() if words
    ]
    assert said[1:] == again[:1]
    others = [suspect for suspect in SUSPECTS if suspect != fault.suspect]
    assert not any(judge_guess(name, fault.file, line, suspect)[0] for suspect in others)


def test_what_is_handed_out_is_the_project_with_that_fault_alone(tmp_path, capsys):
    folder = tmp_path / "fault"
    practice.main(["fault", "--folder", str(tmp_path), "--seed", "3"])
    name = read_planted_fault(folder)
    differ = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if path.read_bytes() != (ROOT / path.relative_to(folder)).read_bytes()
    ]
    assert differ == [FAULTS[name].file] and name not in "".join(map(str, folder.rglob("*")))
    assert not (folder / "exercises" / "faults.py").exists()  # which would tell
    said = capsys.readouterr().out
    assert all(suspect in said for suspect in SUSPECTS) and FAULTS[name].why not in said
    practice.main(["fault", "main_np.py:1", "test", "--folder", str(tmp_path)])
    assert "It is a different" in capsys.readouterr().out
    line = find_fault_line((ROOT / FAULTS[name].file).read_text(encoding="utf-8"), FAULTS[name])
    practice.main(["fault", f"{FAULTS[name].file}:{line}", FAULTS[name].suspect, "--folder", str(tmp_path)])
    assert " ".join(capsys.readouterr().out.split()).count(f"Found. {FAULTS[name].why}") == 1


def find_fault(folder):
    """Say the place and the suspect of the fault that has been handed out into that folder."""
    fault = FAULTS[read_planted_fault(folder / "fault")]
    line = find_fault_line((ROOT / fault.file).read_text(encoding="utf-8"), fault)
    practice.main(["fault", f"{fault.file}:{line}", fault.suspect, "--folder", str(folder)])


def test_a_drill_goes_on_from_easy_to_hard_once_a_fault_is_found(tmp_path, capsys):
    practice.main(["fault", "--folder", str(tmp_path)])
    first = read_planted_fault(tmp_path / "fault")
    assert "0 of 43 faults found" in capsys.readouterr().out
    practice.main(["fault", "--folder", str(tmp_path)])
    assert read_planted_fault(tmp_path / "fault") == first  # not found yet
    find_fault(tmp_path)
    assert "1 of 43 faults found." in capsys.readouterr().out
    practice.main(["fault", "--folder", str(tmp_path)])
    second = read_planted_fault(tmp_path / "fault")
    assert second != first and "1 of 43 faults found" in capsys.readouterr().out
    shown = [sum(map(bool, load_findings_by_step(name).values())) for name in (first, second)]
    assert shown[0] >= shown[1] > 3
    practice.main(["review", "fault", "--folder", str(tmp_path)])
    assert read_planted_fault(tmp_path / "fault") == first
    practice.main(["fault", "--folder", str(tmp_path)])
    assert read_planted_fault(tmp_path / "fault") == first  # it is to be found again


def test_the_drill_has_the_networks_that_a_learner_has_met(tmp_path):
    work = Work(tmp_path, CATALOGUE)
    assert {get_network_name(FAULTS[name]) for name in drill.list_faults_by_ease(work)} == {"mlp"}
    work.store("passed", "a digest", CATALOGUE.by_name["batch_norm_dx"])
    names = drill.list_faults_by_ease(work)
    assert {get_network_name(FAULTS[name]) for name in names} == {"mlp", "resnet"}
    shown = [sum(map(bool, load_findings_by_step(name).values())) for name in names]
    assert shown == sorted(shown, reverse=True) and shown[-1] == 0
    for name in names:
        drill.note_found(work, name)
    with pytest.raises(UserError, match="found all of them; more come with the exercises of vit, gpt, llama"):
        drill.choose_next_fault(work)
    assert drill.describe_found_count(work) == "46 of 46 faults found"


def test_a_fault_that_was_found_comes_back_after_a_week(tmp_path, monkeypatch):
    work = Work(tmp_path, CATALOGUE)
    with pytest.raises(UserError, match="you have found no fault yet"):
        practice.main(["review", "fault", "--folder", str(tmp_path)])
    drill.note_found(work, "uphill")
    assert drill.choose_again(work) == "uphill" and drill.choose_again(work, is_due=True) is None
    monkeypatch.setattr(drill, "date", NextWeek)
    practice.main(["review", "--folder", str(tmp_path)])
    assert read_planted_fault(tmp_path / "fault") == "uphill"
    (tmp_path / "faults.json").write_text("[1")
    with pytest.raises(UserError, match="is damaged: delete it"):
        practice.main(["fault", "--folder", str(tmp_path)])


class NextWeek(date):
    @classmethod
    def today(cls):
        return date.today() + timedelta(days=7)


def test_a_seed_keeps_its_fault():
    assert [drill.choose_seeded(seed) for seed in (2, 7, 9, 48, 49, 100)] == [
        "shifted labels", "mean", "one order", "no root", "again", "shifted labels",
    ]  # fmt: skip


def test_each_network_has_at_least_three_faults():
    counts = Counter(get_network_name(fault) for fault in FAULTS.values())
    assert counts.keys() == NETWORKS.keys() and min(counts.values()) >= 3


def test_what_makes_no_sense_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no fault has been handed out yet"):
        practice.main(["fault", "mlp_np.py:3", "data", "--folder", str(tmp_path)])
    (tmp_path / "fault").mkdir()
    with pytest.raises(UserError, match="contains something else"):
        copy_project_with_fault(tmp_path / "fault", "uphill")
    with pytest.raises(UserError, match="an example"):
        parse_place(tmp_path / "fault", "main_np.py")
    with pytest.raises(UserError, match="an example"):
        judge_guess("uphill", "main_np.py", 3, "luck")


@pytest.fixture(scope="module")
def copy_with_fault(tmp_path_factory):
    folder = tmp_path_factory.mktemp("my_practice") / "fault"
    copy_project_with_fault(folder, "uphill")
    return folder


def test_a_file_may_be_named_in_each_usual_way(copy_with_fault, monkeypatch):
    folder = copy_with_fault
    names = ("mlp_np.py", "./mlp_np.py", "mlp_np", "fault/mlp_np.py", folder / "mlp_np.py", ROOT / "mlp_np.py")
    for cwd in (ROOT, folder, folder.parent):
        monkeypatch.chdir(cwd)
        for name in names:
            assert parse_place(folder, f"{name}:70") == ("mlp_np.py", 70), (cwd, name)
        assert parse_place(folder, "support/schedule:7") == ("support/schedule.py", 7)
    monkeypatch.chdir(folder.parent.parent)
    assert parse_place(folder, f"{folder.parent.name}/fault/mlp_np.py:70") == ("mlp_np.py", 70)
    monkeypatch.chdir(folder / "support")
    assert parse_place(folder, "schedule.py:7") == ("support/schedule.py", 7)


@pytest.mark.parametrize(
    "place", ["mlp.py:70", "other/mlp_np.py:70", "/mlp_np.py:70", "exercises/faults.py:3", "support:3", ":3"]
)
def test_a_file_that_the_copy_does_not_have_is_one_line(place, copy_with_fault):
    with pytest.raises(UserError, match="an example: fault mlp_np"):
        practice.main(["fault", place, "step", "--folder", str(copy_with_fault.parent)])


@pytest.mark.parametrize("name", [next(n for n in FAULTS if FAULTS[n].options == o) for o in OPTIONS])
def test_the_run_that_is_advised_goes_on_into_a_second_epoch(name):
    options = parse_options("np", *make_training_command(name).split()[2:])
    n_train = data.load(options.source).n_train
    assert options.run.steps > 1.1 * n_train / options.run.batch_size


def test_a_fault_of_the_second_epoch_shows_in_the_run_that_is_advised(mnist):
    options = parse_options("np", *make_training_command("one order").split()[2:])
    code = insert_fault((ROOT / "data.py").read_text(encoding="utf-8"), FAULTS["one order"])
    exec(compile(code, "data.py", "exec"), vars(wrong := ModuleType("data")))
    last = options.run.steps - 1, options.run.steps
    ((_, y),), ((_, wrong_y),) = data.batches(mnist, options, *last), wrong.batches(mnist, options, *last)
    assert (y != wrong_y).any()


# Each image gets something of the others, so that the parts of a batch would not be the batch.
MIXED = Fault("forward", "vit_np.py", 'return x + self.params["P"]', 'return x + self.params["P"] + x.mean(axis=0)',
              "It mixes the images.", "--model vit --hold-out 100")  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mixed", *schedule([name for name in FAULTS if FAULTS[name].options], in_turn=16)])
def test_no_line_of_a_run_gives_away_which_file_was_changed(name, tmp_path, monkeypatch):
    monkeypatch.setitem(FAULTS, "mixed", MIXED)
    folder, fault = tmp_path / "fault", FAULTS[name]
    copy_project_with_fault(folder, name)
    command = [sys.executable, "main_np.py", "--steps", "2", *fault.options.split()]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert ("note: the network gets its batches whole" in ended.stderr) == (name == "mixed")
    module = fault.file.removesuffix(".py")
    assert not re.search(rf"\b{re.escape(module)}\.", ended.stdout + ended.stderr)
