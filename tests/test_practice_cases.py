"""The detective's cases: each falls short as it is, passes when fixed, and not when its symptom is only hidden."""

import copy
import json
import re
from dataclasses import asdict, replace

import pytest

from conftest import first_of_each, rows, schedule
from exercises import case, digits, symptoms
from exercises.case import SUSPECTS, Notes, get_last_number_by_run, load_lines_by_run
from exercises.catalogue import CASES as ALL_CASES
from marker import check, marking, runner
from marker.catalogue import Catalogue
from marker.exercise import CUT_LINE, apply_change
from marker.kind import Outcome, Report
from marker.trial import load_learner_module
from practice_answers import marked_here
from support.errors import UserError

CASES = {exercise.name: exercise for exercise in ALL_CASES}
STUB = {name: case.stub for name, case in CASES.items()}
every_case = pytest.mark.parametrize("name", CASES)
# Each trains a network: every day one by hand, and one on the tape.
some_cases = pytest.mark.parametrize("name", schedule(CASES, every_day=["case_flat", "case_coin"]))

# How people fix them, soundly: a case, and the edits of its program.
SOUND = r"""
nan | dz = dz @ W.T -> dz = dz @ W.T\n        dz[a <= 0] = 0
nan | return activations -> return activations, 0 & activations[-2::-1] -> activations[0][-2::-1] \
    & activations[-1], y -> activations[0][-1], y & forward(layers, x_test) -> forward(layers, x_test)[0] \
    & dz = dz @ W.T -> dz = (dz @ W.T) * (a > 0)
nan | activations, dlogits): -> activations, dlogits, x): & dlogits), strict -> dlogits, x[batch]), strict \
    & dz = dz @ W.T -> dz = (dz @ W.T) * (a > 0)
nan | activations = [x] -> activations, zs = [x], [] & activations.append -> zs.append(z); activations.append \
    & return activations -> return activations, zs & activations, dlogits): -> activations, zs, dlogits): \
    & zip(layers[::-1], activations[-2::-1], -> zip(layers[::-1], activations[-2::-1], [None, *zs[-2::-1]], \
    & for (W, _), a in -> for (W, _), a, _ in & dz = dz @ W.T -> dz = (dz @ W.T) * (a > 0) \
    & activations = forward -> activations, zs = forward & backward(layers, activations, dlogits) -> \
backward(layers, activations, zs, dlogits) & forward(layers, x_test) -> forward(layers, x_test)[0]
batch_size | lr * gradient -> lr / len(y) * gradient & EPOCHS = 0.01 -> EPOCHS = 0.1
batch_size | from mlp_np import MLP -> from mlp_np import MLP, softmax_cross_entropy as cross_entropy \
    & def cross_entropy -> def old & EPOCHS = 0.01 -> EPOCHS = 0.1
flat | model.params["W1"], model.params["b1"] = init(rng, 784, HIDDEN) -> \
    & model.params["W2"], model.params["b2"] = init(rng, HIDDEN, 10) ->
flat | np.zeros((inputs, outputs), np.float32) -> rng.normal(0, 0.05, (inputs, outputs)) * (inputs == 784)
guessing | x = rng.permutation(x) -> & in range(0, len(x), BATCH) -> in np.split(rng.permutation(len(x)), 40) \
    & x[i : i + BATCH], y[i : i + BATCH] -> x[i], y[i]
restless | loss.backward() -> for p in model.parameters():\n        p.grad = None\n    loss.backward()
restless | [step(model, optimizer, x[batch], y[batch]) -> [(optimizer.zero_grad(), step(model, optimizer, x[batch], \
y[batch]))[1]
restless | loss.backward() -> for p, g in zip(model.parameters(), torch.autograd.grad(loss, [*model.parameters()])): \
p.grad = g
restless | loss.backward() -> found = torch.autograd.grad(loss, tuple(model.parameters())) \
    & optimizer.step() -> for p, g in zip(model.parameters(), found):\n        p.data -= LR * g
floor | F.cross_entropy(model(x), y) -> F.nll_loss(torch.log(model(x)), y)
floor | F.cross_entropy(model(x), y) -> F.cross_entropy(model[:-1](x), y)
one_at_a_time | return model(x) -> model.train(False); logits = model(x); model.train(); return logits
sudden | 5.0, 100, 6 -> 0.1, 100, 6 & model = MLP(64) -> & rng = np.random -> model, rng = MLP(64), np.random
behind | in layers[:-1]: -> in layers[:-1]:\n        a = np.empty((len(x), 64), x.dtype)
strangers | def training_input -> def as_input & def test_input -> def more & test_input(test_i -> as_input(test_i \
    & training_input(images) -> as_input(images)
strangers | training_input(images), test_input(test_images) -> [(i.reshape(-1, 784) / 255.0).astype(np.float32) \
for i in (images, test_images)]
coin | forward(params, x) - y -> forward(params, x).reshape(len(x)) - y
coin | return (x @ W1 + b1).relu() @ W2 + b2 -> return ((x @ W1 + b1).relu() @ W2 + b2).reshape(len(x))
wears_out | erased(images[i : i + BATCH] -> erased(images[i : i + BATCH].copy()
wears_out | EPOCHS + 1): -> EPOCHS + 1):\n        images = whole.copy() & model = MLP(64) -> \
model, whole = MLP(64), images
wears_out | for image in images: -> images = 1 * images\n    for image in images:
too_good | x, y, x_test, y_test = split -> _, _, x_test, y_test = *few_digits()[:2], more_x, more_y\n    # split
too_good | training, test = rng -> order = rng.permutation(len(x))\n    training, test = order[:n], order[n:]\n    # rng
writer | np.triu(W) -> W * np.triu(np.ones_like(W), 1)
writer | return np.triu(W) -> return np.triu(W - np.diag(np.diag(W)))
"""

# What makes the numbers nicer, the cause still there; and what the marker cannot use.
UNSOUND = r"""
nan | not fixed | losses.append(loss) -> losses.append(loss)\n            dlogits = np.clip(dlogits, -1e-3, 1e-3)
nan | not fixed | activations, dlogits): -> activations, dlogits, y): & dlogits), strict -> dlogits, 0), strict
nan | does not fit | def backward -> def back & zip(layers, backward -> zip(layers, back
batch_size | not fixed | EPOCHS = 0.01 -> EPOCHS = 0.0005
batch_size | does not fit | return accuracy -> 1
flat | not fixed | np.zeros((inputs, outputs), np.float32) -> np.full((inputs, outputs), 0.01, np.float32)
flat | fixed, but does not learn | np.zeros((inputs, outputs), np.float32) -> rng.normal(0, 0.1, (inputs, outputs) \
if inputs == 784 else outputs) + np.zeros((inputs, 1))
flat | does not fit | def new_model -> def model_of & new_model(rng) -> model_of(rng)
flat | error: TypeError | def train(): -> def train():\n    None + 1
flat | fixed, but does not learn | np.zeros((inputs, outputs), np.float32) -> rng.normal(size=(inputs, outputs))
guessing | does not fit | x = rng.permutation(x) ->
guessing | not fixed | x = rng.permutation(x) -> x, y = rng.permutation(x), rng.permutation(y)
guessing | not fixed | x = rng.permutation(x) -> x = rng.permutation(x)[:100].repeat(len(x) // 100, axis=0)
restless | not fixed | LR, BATCH, EPOCHS = 0.1 -> LR, BATCH, EPOCHS = 0.001
restless | not fixed | loss.backward() -> for p, g in zip(model.parameters(), torch.autograd.grad(loss, \
[*model.parameters()])):\n        p.grad = g if p.grad is None else p.grad + g
restless | not fixed | def train(): -> def train():\n    return 0.9
floor | not fixed | F.cross_entropy(model(x), y) -> F.cross_entropy(model(x), y) - 1.46
one_at_a_time | not fixed | x_test[y_test == digit]).argmax(1) == digit -> x_test).argmax(1)[y_test == digit] == digit
one_at_a_time | not fixed | return model(x) -> model.train(len(x) % 2 == 0); return model(x)
one_at_a_time | not fixed | BatchNorm1d(64) -> BatchNorm1d(64, track_running_stats=False)
one_at_a_time | not fixed | with torch.no_grad():\n        return model(x) -> return model(x)
sudden | not fixed | 5.0, 100, 6 -> 5.0, 100, 1
sudden | not fixed | def train(): -> def train():\n    return 0.9
behind | not fixed | 0.1, 100, 6 -> 0.03, 100, 12
strangers | not fixed | / 255.0 -> * 0.0
coin | not fixed | EPOCHS = 0.02, 100, 6 -> EPOCHS = 0.001, 100, 12
coin | not fixed | (error * error).mean() -> (error * error).mean() * 0.1
wears_out | not fixed | SIDE, LR, BATCH, EPOCHS = 10 -> SIDE, LR, BATCH, EPOCHS = 3
wears_out | not fixed | 100, 8 -> 100, 1
wears_out | not fixed | images, y = images[order], y[order] -> images, y = images[order].copy(), y[order]
wears_out | does not fit | image[row : row + SIDE, column : column + SIDE] = 0 -> image = 0
too_good | not fixed | return accuracy -> return accuracy - 0.05
too_good | not fixed | MLP(64) -> MLP(4)
too_good | not fixed | test = rng.permutation(len(x))[:n], rng.permutation(len(x))[n:] -> \
test = rng.permutation(len(x))[:n], rng.permutation(len(x))[: n // 8]
writer | not fixed | LR, BATCH, EPOCHS = 14, 0.2 -> LR, BATCH, EPOCHS = 14, 0.003
writer | not fixed | return loss\n\n\nif -> return loss + 0.18\n\n\nif
writer | not fixed | np.triu(W) -> W - np.diag(np.diag(W))
strangers | not fixed | training_input(images), test_input(test_images) -> [(i.reshape(-1, 784) - i.mean()) / i.std() \
for i in (images, test_images)]
"""


def verdict_on(name, program, folder):
    """Here, and not in a process of its own as for a learner: 60 of those take minutes."""
    path = folder / f"{name}.py"
    path.write_text(program, encoding="utf-8")
    return marking.read_verdict(
        CASES[name], Report(**json.loads(json.dumps(asdict(runner.make_report(CASES[name], path, 3)))))
    )


def judge(case, notes):
    return case.kind.judge(case, 3, Outcome(Notes(**notes)))


def judged(name, edits, folder):
    """The verdict on a case's program, edited, and with its true diagnosis."""
    program = apply_change(STUB[name], edits.replace("\\n", "\n"), "")
    program = program.replace("DIAGNOSIS = ...", f"DIAGNOSIS = {CASES[name].case.diagnosis!r}")
    return verdict_on(name, program, folder)


@every_case
def test_a_case_says_nothing_of_its_cause_and_has_its_symptoms_on_record(name):
    assert [*CASES[name].kind.iter_symptom_problems(CASES[name])] == []


@some_cases
def test_check_finds_nothing_in_a_case(name, here):
    assert [*check.iter_problems(CASES[name], 3)] == []


# What is wrong with a case, and what `python practice.py check` says of it. (Where it trains, with a few images.)
FAULTS = """
right | W = rng.normal -> W = nonsense | the answer should get the mark 'passed', but gets 'error: NameError': Line
right | W = rng.normal -> W = 0 * rng.normal | gets 'not fixed': You say: all weights start at 0
least | 0.999 | gets 'fixed, but does not learn': The cause is gone
least | 0.999 | its last number on record, healthy, is 0.
least | 0.05 | its last number on record, as it is, is 0.
wrong | np.float32), np.zeros(outputs -> np.float32), np.ones(outputs | the answer should get the mark 'passed'
probe | guess | the stub should get the mark 'not written', but gets 'fixed, but does not learn'
"""


FAULTS = [*rows(FAULTS)]
# Every day the first, and those for which no program needs to run.
EVERY_DAY = [*FAULTS[:1], *(row for row in FAULTS if "gets" not in row.values[-1])]


@pytest.mark.parametrize(("what", "edit", "said"), schedule(FAULTS, every_day=EVERY_DAY))
def test_check_finds_what_is_wrong_with_a_case(what, edit, said, here, quarter):
    exercise = copy.copy(CASES["case_flat"])
    if what in ("least", "probe"):
        exercise.kind = replace(exercise.kind, **{what: float(edit) if what == "least" else lambda *_: True})
    else:
        setattr(exercise, what, apply_change(getattr(exercise, what), edit, ""))
    assert any(said in text for text in check.iter_problems(exercise, 3)), [*check.iter_problems(exercise, 3)]


@pytest.fixture
def here(monkeypatch):
    """In this process, for speed."""
    marked_here(monkeypatch)


@pytest.fixture
def quarter(monkeypatch):
    """A quarter of the images, where no accuracy is asked for."""
    few = [array[: len(array) // 4] for array in digits.few_images()]
    monkeypatch.setattr(digits, "few_images", lambda: few)


@every_case
def test_a_case_passes_only_if_it_is_fixed_and_named(name):
    case, number = CASES[name], get_last_number_by_run(load_lines_by_run(name))["healthy"]
    notes = {"diagnosis": case.kind.diagnosis, "is_fixed": True, "is_changed": True, "number": number}
    passed = judge(case, notes)
    assert passed.passed and case.evidence in passed.text, passed.text
    changes = {
        "no diagnosis": {"diagnosis": ""},
        "diagnosis: epochs": {"diagnosis": "epochs"},
        "not fixed": {"is_fixed": False},
    }
    for mark, changed in (changes | {"fixed, but does not learn": {"number": 0.5}}).items():
        assert judge(case, notes | changed).summary == mark
    other = next(word for word in SUSPECTS if word not in case.against and word != case.kind.diagnosis)
    for fixed, asked in ((True, "Did you see that?"), (False, "Do you see that here? The cause is still in")):
        text = judge(case, notes | {"diagnosis": other, "is_fixed": fixed}).text
        assert asked in text and ("The cause is gone, but it was a different one." in text) == fixed


def test_a_case_with_an_older_wording_of_its_docstrings_counts_as_not_changed(tmp_path):
    older = re.sub(r'(    """).*?(""")', r"\1What it said before.\2", STUB["case_flat"])
    assert older != STUB["case_flat"]
    assert verdict_on("case_flat", older, tmp_path).summary == "not written"


@every_case
def test_nobody_learns_from_twelve_guesses_which_suspect_it_is(name):
    said = {}
    for word, (meaning, sign) in SUSPECTS.items():
        said[word] = judge(CASES[name], {"diagnosis": word}).text.replace(meaning, "").replace(sign, "")
    ordinary = [word for word in said if word not in CASES[name].against]
    assert len({said[word] for word in ordinary}) == 1 and len(ordinary) > 10


@pytest.mark.parametrize(("name", "edits"), schedule([row.values for row in rows(SOUND)], in_turn=3))
def test_a_sound_fix_passes_however_it_is_written(name, edits, tmp_path):
    found = judged(f"case_{name}", edits, tmp_path)
    assert found.passed, found.text


UNSOUND = [*rows(UNSOUND)]
# Every day the first row of each case and of each mark.
FIRST = [*first_of_each(UNSOUND, lambda row: row.values[0]), *first_of_each(UNSOUND, lambda row: row.values[1])]


@pytest.mark.parametrize(("name", "mark", "edits"), schedule(UNSOUND, every_day=FIRST))
def test_an_unsound_fix_never_passes(name, mark, edits, tmp_path, quarter):
    """And what is said to the right suspect is what would be said to a wrong one, with the numbers as they are now."""
    found = judged(f"case_{name}", edits, tmp_path)
    assert found.summary == mark, found.text
    if mark == "not fixed":
        assert f"You say: {SUSPECTS[CASES[f'case_{name}'].case.diagnosis][0]}" in found.text
        assert "Right" not in found.text
        before, _, after = CASES[f"case_{name}"].case.does.partition("{:.3f}")
        assert re.search(rf"It now {before}-?\d\.\d+{after}", found.text)
    said = {"fixed, but does not learn": "Compare their size with init_he's.", "does not fit": "Its first lines say"}
    assert said.get(mark, "") in found.text


@pytest.mark.slow
def test_what_is_said_against_a_wrong_suspect_is_so():
    confirmed = judge(CASES["case_behind"], {"diagnosis": "mask"})  # its sign shows in case_behind, too
    assert "Do you see that here?" not in confirmed.text
    said = CASES["case_nan"].against["rate"]
    stays, possible = map(float, re.search(r"stays at (\S+) where (\S+) is possible", said).groups())
    module = load_learner_module(CASES["case_nan"].file)
    module.LR = 0.01
    assert module.train() == pytest.approx(stays, abs=0.01)
    assert get_last_number_by_run(load_lines_by_run("case_nan"))["healthy"] == pytest.approx(possible, abs=0.01)
    module = load_learner_module(CASES["case_batch_size"].file)
    is_healthy = CASES["case_batch_size"].case.is_healthy
    for module.BATCH, module.LR, learns in ((100, 0.001, True), (10, 0.01, True), (1000, 0.001, False)):
        assert is_healthy(module.train()) == learns


NEW = """
def train():
    print("epoch 1: training loss 2.5, test accuracy 0.1")
    print("epoch 2: training loss 2.4, test accuracy 0.2")
"""


def test_a_new_case_is_recorded_alone_and_is_left_out_until_then(tmp_path, monkeypatch, capsys):
    """And whshould the rest be printed stays as it is."""
    (folder := tmp_path / "exercises" / "chapter3").mkdir(parents=True)
    body = f'"""A new one."""\n{NEW}\n\ntrain()\n\n\n{CUT_LINE}---\nfrom exercises import chapter3\n'
    below = """
CASE, HINTS = chapter3.Case("epochs", None, 0.8), "1. One.\\n2. Two.\\n3. Three."
WRONG, RIGHT = "2.4, test accuracy 0.2", "2.0, test accuracy 0.9"
"""
    (file := folder / "case_new.py").write_text(body + below, encoding="utf-8")
    (kept := tmp_path / "cases.json").write_text(json.dumps({"case_old": {}}))
    for module, name, value in [
        (symptoms, "ROOT", tmp_path), (symptoms, "PICTURES", tmp_path), (symptoms, "CASES_FILE", kept),
        (case, "PICTURES", tmp_path),
    ]:  # fmt: skip
        monkeypatch.setattr(module, name, value)
    catalogue = Catalogue(tmp_path / "exercises")
    assert catalogue.read_or_leave_out(file) is None
    assert catalogue.broken[0].endswith("its symptoms are not recorded: `python -m exercises.symptoms case_new`")

    symptoms.main(["case_new"])
    assert capsys.readouterr().out == "case_new\n" and (tmp_path / "case_new.png").exists()
    assert json.loads(kept.read_text(encoding="utf-8")).keys() == {"case_old", "case_new"}
    assert get_last_number_by_run(load_lines_by_run(catalogue.read_or_leave_out(file).name)) == {
        "as it is": 0.2,
        "healthy": 0.9,
    }
    with pytest.raises(UserError, match="there is no case case_gone"):
        symptoms.main(["case_gone"])
    for edit, said in [
        ("2.4, test -> 2.3, test", "the lines of WRONG should be once in the stub"),
        ('"epochs" -> "epoch"', "'epoch' is not under Suspects in said.md: ahead, broadcast"),
    ]:
        file.write_text(body + apply_change(below, edit, ""), encoding="utf-8")
        with pytest.raises(UserError, match=f"case_new.py cannot be used: {said}"):
            symptoms.main(["case_new"])
