"""The detective's cases: each falls short as it is, passes when fixed, and not when its symptom is only hidden."""

import json
import re

import numpy as np
import pytest

from exercises import PICTURES, STUBS, chapter3, digits, marker, runner, symptoms
from exercises.show import recorded
from practice_fixes import SOUND, UNSOUND

CASES = {exercise.name: exercise for exercise in chapter3.EXERCISES}
FIX = {name: (recorded(case)["wrong"], recorded(case)["right"]) for name, case in CASES.items()}

# What people do to make the numbers nicer, the cause still there: (old, new) in the program.
HIDDEN = {
    "case_nan": [
        ("0.1, 100, 6", "0.05, 100, 6"),
        ("losses.append(loss)", "losses.append(loss)\n            dlogits = np.clip(dlogits, -1e-3, 1e-3)"),
        ("(a.T @ dz, dz.sum(axis=0))", "(np.clip(a.T @ dz, -0.1, 0.1), dz.sum(axis=0))"),
    ],
    "case_batch_size": [("EPOCHS = 0.01", "EPOCHS = 0.0005"), ("100, 6", "10, 6"), ("100, 6", "100, 9")],
    "case_flat": [
        ("np.zeros((inputs, outputs), np.float32)", "np.full((inputs, outputs), 0.01, np.float32)"),
        ("np.zeros(outputs, np.float32)", "rng.normal(size=outputs).astype(np.float32)"),
        ("100, 6", "100, 9"),
    ],
    "case_guessing": [
        ("100, 6", "100, 9"),
        ("x = rng.permutation(x)", "x, y = rng.permutation(x), rng.permutation(y)"),
        ("x = rng.permutation(x)", "x = rng.permutation(x)[:100].repeat(len(x) // 100, axis=0)"),
    ],
    "case_restless": [
        ("LR, BATCH, EPOCHS = 0.1", "LR, BATCH, EPOCHS = 0.001"),
        ("    model = new_model()\n", "    model = new_model()\n    model.zero_grad()\n"),
        ("    loss.backward()\n", "    loss.backward()\n    torch.nn.utils.clip_grad_norm_(model.parameters(), 1)\n"),
    ],
    "case_floor": [
        ("0.1, 100, 6", "1.0, 100, 6"),
        ("F.cross_entropy(model(x), y)", "F.cross_entropy(10 * model(x), y)"),
        ("F.cross_entropy(model(x), y)", "F.cross_entropy(model(x), y) - 1.46"),
    ],
    "case_one_at_a_time": [
        ("sum(int((read(model, x_test[y_test == digit]).argmax(1) == digit).sum()) for digit in range(10))",
         "int((read(model, x_test).argmax(1) == y_test).sum())"),
        ("BatchNorm1d(64)", "BatchNorm1d(64, track_running_stats=False)"),
    ],
    "case_sudden": [("5.0, 100, 6", "5.0, 100, 1"), ("MLP(64)", "MLP(512)"), ("5.0, 100, 6", "5.0, 1000, 6")],
    "case_behind": [("0.1, 100, 6", "0.1, 100, 12"), ("0.1, 100, 6", "0.03, 100, 12")],
    "case_strangers": [("100, 6", "100, 12"), ("/ 255.0", "/ 128.0"), ("/ 255.0", "/ 79.0")],
}  # fmt: skip


def changed(name, said, *edits):
    """A case's program with DIAGNOSIS and some edits (old, new)."""
    text = (STUBS / f"{name}.py").read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text, f"{name} has no {old!r}"
        text = text.replace(old, new)
    return text.replace("DIAGNOSIS = ...", f"DIAGNOSIS = {said!r}")


@pytest.fixture
def verdict(tmp_path):
    """verdict(name, text): here, and not in a process of its own as for a learner: 60 of those take minutes."""

    def judge(name, text):
        path = tmp_path / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        outcome = json.loads(json.dumps(runner.run(CASES[name], path, 3)))
        return marker.judge(CASES[name], 3, outcome)

    return judge


def test_every_case_has_a_disguise_and_every_cause_is_a_suspect():
    assert list(HIDDEN) == list(CASES)
    assert len(CASES) >= 8
    assert set(chapter3.SUSPECTS) > {case.case.diagnosis for case in CASES.values()}


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_short_says_nothing_of_its_cause_and_has_its_symptom_on_record(name):
    case, found = CASES[name].case, recorded(CASES[name])
    last = {kind: float(found[kind][-1].split()[-1]) for kind in ("as it is", "healthy")}
    assert last["as it is"] < case.healthy <= last["healthy"]
    assert (PICTURES / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    text = (STUBS / f"{name}.py").read_text(encoding="utf-8")
    assert text.count("\n") <= 51
    assert chapter3.SUSPECTS[case.diagnosis][0] not in text


def test_the_symptoms_of_a_case_are_recorded_with_the_lines_that_fix_it(tmp_path, monkeypatch):
    """The program with the fix is all that one has to write; the tool finds its lines."""
    for name in CASES:
        text = (STUBS / f"{name}.py").read_text(encoding="utf-8")
        wrong, right = symptoms.difference(text, text.replace(*FIX[name]))
        assert text.replace(wrong, right) == text.replace(*FIX[name])
        assert text.count(wrong) == text.count(FIX[name][0]) == 1
    assert symptoms.lines_of("print('epoch 1: training loss 0.5, test accuracy 0.9')") == [
        "epoch 1: training loss 0.5, test accuracy 0.9"
    ]


@pytest.mark.parametrize("name", CASES)
def test_a_case_passes_only_if_it_is_fixed_and_named(name, verdict):
    case, notes = CASES[name].case, CASES[name].text.notes
    assert verdict(name, (STUBS / f"{name}.py").read_text(encoding="utf-8")).name == "not written"
    assert verdict(name, changed(name, case.diagnosis)).name == "not fixed"
    passed = verdict(name, changed(name, case.diagnosis, FIX[name]))
    assert passed.passed, passed.text
    assert notes["Evidence"] in passed.text
    assert verdict(name, changed(name, "epochs", FIX[name])).name == "diagnosis: epochs"


@pytest.mark.parametrize("name", CASES)
def test_nobody_learns_from_twelve_guesses_which_suspect_it_is(name):
    said = {}
    for word, (meaning, sign) in chapter3.SUSPECTS.items():
        outcome = {"said": word, "fixed": False, "changed": False, "accuracy": 0}
        said[word] = marker.judge(CASES[name], 0, outcome).text.replace(meaning, "").replace(sign, "")
    ordinary = [word for word in said if f"Against {word}" not in CASES[name].text.notes]
    assert len({said[word] for word in ordinary}) == 1 and len(ordinary) > 10


@pytest.fixture
def little(monkeypatch):
    """A quarter of the images, where no accuracy is asked for."""
    images, y, test_images, y_test = digits.few_images()
    few = images[:1000], y[:1000], test_images[:500], y_test[:500]
    monkeypatch.setattr(digits, "few_images", lambda: few)


@pytest.mark.parametrize(("name", "edit"), [(name, edit) for name, edits in HIDDEN.items() for edit in edits])
def test_a_symptom_that_is_only_hidden_does_not_pass(name, edit, verdict, little):
    """And what is said to the right suspect is what would be said to a wrong one, with the numbers as they are now."""
    diagnosis = CASES[name].case.diagnosis
    found = verdict(name, changed(name, diagnosis, edit))
    assert found.name == "not fixed", found.text
    assert f"You say: {chapter3.SUSPECTS[diagnosis][0]}" in found.text
    assert "Right" not in found.text
    assert re.search(r"It now reads \d\.\d+ of the test digits right", found.text)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "edits"), [(name, edits) for name, *edits in SOUND])
def test_a_sound_fix_passes_however_it_is_written(name, edits, verdict):
    found = verdict(name, changed(name, CASES[name].case.diagnosis, *edits))
    assert found.passed, found.text


@pytest.mark.parametrize(("name", "mark", "edits"), [(name, mark, edits) for name, mark, *edits in UNSOUND])
def test_an_unsound_fix_never_passes(name, mark, edits, verdict, little):
    found = verdict(name, changed(name, CASES[name].case.diagnosis, *edits))
    assert found.name == mark, found.text


def rerun(name, **settings):
    """The test accuracy of a case as it is, with other settings."""
    module = runner.load(STUBS / f"{name}.py")
    vars(module).update(settings)
    with np.errstate(all="ignore"):
        return float(module.train())


def test_what_is_said_against_a_wrong_suspect_is_so():
    said = CASES["case_nan"].text.notes["Against rate"]
    stays, possible = map(float, re.search(r"stays at (\S+) where (\S+) is possible", said).groups())
    assert rerun("case_nan", LR=0.01) == pytest.approx(stays, abs=0.01)
    assert float(recorded(CASES["case_nan"])["healthy"][-1].split()[-1]) == pytest.approx(possible, abs=0.01)
    said = CASES["case_batch_size"].text.notes["Against rate"]
    small, large = map(int, re.search(r"batches of (\d+) and of (\d+)", said).groups())
    found = {(B, lr): rerun("case_batch_size", BATCH=B, LR=lr) for B in (small, large) for lr in (0.0003, 0.01)}
    assert found[small, 0.01] > found[small, 0.0003]
    assert found[large, 0.01] < found[large, 0.0003]


def test_weights_drawn_too_large_are_hinted_at(verdict):
    wrong, right = FIX["case_flat"]
    found = verdict("case_flat", changed("case_flat", "zeros", (wrong, right.replace("np.sqrt(2 / inputs)", "1"))))
    assert found.name == "fixed, but does not learn", found.text
    assert "Compare their size with init_he's." in found.text
