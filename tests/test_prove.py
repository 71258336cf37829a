"""practice.py prove: right lines are the same run, and wrong ones are found out in their first array."""

import io
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from conftest import rows, schedule
from exercises import prove
from practice_answers import write
from support.errors import UserError
from support.tokens import merge_pair
from tiny_model import write_model

STEPS = 12


@pytest.fixture
def short(monkeypatch):
    """`prove` takes a few steps only, and in NumPy."""
    monkeypatch.setattr(prove, "has_torch", lambda: False)
    monkeypatch.setattr(prove.iter_lockstep, "__defaults__", (STEPS, False))


@pytest.fixture
def twin_here(monkeypatch):
    """The twin in PyTorch computes here, and not in a process of its own, which would take seconds to import it."""
    torch = pytest.importorskip("torch")
    from exercises import torch_twin

    def here(command, **_):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", SimpleNamespace(buffer=io.BytesIO()))
            torch_twin.main(command[-1])
            sys.stdout.buffer.seek(0)
            return SimpleNamespace(stdout=sys.stdout.buffer, kill=int, communicate=int)

    monkeypatch.setattr(torch, "set_num_threads", int)
    monkeypatch.setattr(subprocess, "Popen", here)


def functions(folder, names, **instead):
    """What a learner's folder gives to a run: the right answers of these exercises, or something instead."""
    for name in names:
        write(folder, name, instead.get(name))
    return prove.load_learner_functions(folder, names)


def proofs():
    return [pytest.param(proof, id=f"{what}{i}") for what, all_ in prove.PROOFS.items() for i, proof in enumerate(all_)]


@pytest.mark.parametrize("proof", proofs())
def test_right_lines_are_the_same_run(proof, tmp_path):
    lines = prove.LearnerCode(functions(tmp_path, proof.exercises))
    steps = list(prove.iter_lockstep(proof, lines, STEPS))
    assert lines.first_wrong is None and lines.step == STEPS
    assert max(step.difference for step in steps) < 1e-13
    if proof.batch > 8:  # of few images, the loss goes up and down
        assert np.mean([step.loss for step in steps[-3:]]) < steps[0].loss  # and it learns


def test_pytorch_takes_the_same_steps(tmp_path, twin_here):
    proof = prove.PROOFS["mlp"][0]
    lines = prove.LearnerCode(functions(tmp_path, proof.exercises))
    steps = list(prove.iter_lockstep(proof, lines, STEPS, with_torch=True))
    assert 0 < max(step.difference for step in steps) < 1e-13  # not 0: it is another program
    assert steps[-1].loss == pytest.approx(steps[-1].twin_loss, abs=1e-12)


def test_a_chapter_means_the_network_that_its_lines_are_for():
    """If they are for one."""
    found = [prove.resolve_proof_name(what) for what in ("mlp", "chapter1", "chapter6", "chapter8", "chapter7", "cnn")]
    assert found == ["mlp", "mlp", "gpt", "llama", "chapter7", "cnn"]


@pytest.mark.parametrize("what", schedule(prove.PROOFS, in_turn=4))
def test_with_pytorch_no_weight_is_far_from_its_twin(what, tmp_path, capsys, request, monkeypatch):
    """After all 200 steps, or for the deep networks 50."""
    pytest.importorskip("torch")
    if what in ("resnet", "vit", "gpt", "llama"):  # the others use the process
        request.getfixturevalue("twin_here")
        monkeypatch.setattr(prove.iter_lockstep, "__defaults__", (50, False))
    functions(tmp_path, [name for proof in prove.PROOFS[what] for name in proof.exercises])
    prove.prove(tmp_path, what)
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("You have written the same computation as PyTorch.") == len(prove.PROOFS[what])
    assert all(float(number) <= prove.WEIGHT_TOLERANCE for number in re.findall(r"differs by more than (\S+)", said))
    assert len(list(tmp_path.glob(f"proof_{what}*.png"))) == len(prove.PROOFS[what])


WRONG = r"""
mlp | dz1 | dz1 = 1 * da1 | dz1
mlp | dW2_db2 | dW2 = a1.T @ dlogits; db2 = dlogits.mean(axis=0) | db2
mlp | update | v = momentum * old_v + dp; p = old_p - lr * dp | p
resnet | batch_norm_dx | dx = gamma * inverse * (dy - dy.mean(axis=(0, 1, 2))) | dx
resnet | shortcut | dx = branch(dy * (y > 0)) | dx
vit | softmax_backward | dscores = weights * dweights | dscores
gpt | embedding_backward | dE = 0 * E; dE[x] += dy | dE
gpt | positions_backward | dP = dy.mean(axis=0) | dP
gpt | causal_backward | dscores = dweights * np.tri(scores.shape[1]) | dscores
gpt | next_targets | x = patches; y = patches | x
llama | rms_norm_dx | dx = inverse * dy * gamma | dx
llama | rotate | y = 1 * x; dx = 1 * dy | y
llama | swiglu_dx | dx = dy @ Wd.T @ Wg.T | dx
llama | shared_keys_backward | dq = 0 * q; dk = 0 * k | dq
gpt | causal_mask | weights = np.exp(scores); weights /= weights.sum(axis=-1, keepdims=True) | weights
"""


@pytest.mark.parametrize(("what", "name", "wrong", "output"), [*rows(WRONG)])
def test_a_wrong_line_is_found_in_the_step_and_the_array_where_it_begins(what, name, wrong, output, tmp_path):
    proof = prove.PROOFS[what][0]
    lines = prove.LearnerCode(functions(tmp_path, proof.exercises, **{name: wrong}))
    steps = list(prove.iter_lockstep(proof, lines, 3))
    first = 2 if name == "update" else 1  # the first step's velocity is the gradient
    assert (lines.first_wrong[:2], lines.first_wrong[3]) == ((name, output), first)
    assert (steps[first - 1].difference > 1e-9) and all(step.difference < 1e-13 for step in steps[: first - 1])
    said = prove.describe_result(lines, steps, "mlp_np.py", [])
    assert f"{output} of `{name}`" in said and f"in step {first}" in said and "the two runs agreed" in said


def test_of_a_wrong_next_word_no_weight_learns(tmp_path):
    (proof,) = prove.PROOFS["gpt"]
    lines = prove.LearnerCode(functions(tmp_path, proof.exercises, next_word="words = logits.argmax(axis=1)"))
    said = prove.describe_result(lines, list(prove.iter_lockstep(proof, lines, 2)), "gpt_np.py", [])
    assert "is words of `next_word`, in step 1" in said and "No weight depends on it" in said


def test_a_models_file_answers_with_the_learners_lines(tmp_path, capsys, monkeypatch):
    """Right lines give the logits that ours give; without a file, it is said where to get one."""
    pytest.importorskip("gguf")
    (proof,) = prove.PROOFS["llama"]
    monkeypatch.setattr(prove, "ROOT", tmp_path)
    lines = prove.LearnerCode(functions(tmp_path, proof.exercises))
    proof.on_success(lines)
    said = " ".join(capsys.readouterr().out.split())
    assert "see docs/llama.md" in said
    same = re.search(r"^A tiny Llama with its initial weights, with your lines: no logit differs (.+?) from ours", said)
    assert same[1] == "in a bit" or float(same[1].split()[-1]) < 1e-12
    write_model(tmp_path / "tiny.gguf")
    proof.on_success(lines)
    said = " ".join(capsys.readouterr().out.split())
    found = re.search(
        r"of tiny.gguf, with your lines: no logit differs by more than (\S+) from ours\. \(The largest is (\d+)\.\)",
        said,
    )
    apart, largest = found.groups()
    assert float(apart) < 1e-4 and float(largest) > 1
    model = prove.load_real_model(tmp_path / "tiny.gguf")
    words = model.encode_question(merge_pair)
    for _ in range(prove.N_ANSWER_TOKENS):  # each is the likeliest after the whole text before it
        words.append(int(model.llama.forward(np.array([words]))[0, -1].argmax()))
    answer = b"".join(model.file.byte_pairs.bytes[word] for word in words[-prove.N_ANSWER_TOKENS :]).decode(
        errors="replace"
    )
    answer = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "?", answer)  # as `say` has it
    assert " ".join(f"{prove.QUESTION} {answer} ...".split()) in said
    assert lines.first_wrong is None


def test_a_wrong_tape_is_found_in_the_gradient_where_it_begins(tmp_path):
    (proof,) = prove.PROOFS["tape"]
    path = write(tmp_path, "tape_train")
    path.write_text(path.read_text(encoding="utf-8").replace("lambda dy: dy * (a.value > 0)", "lambda dy: dy"))
    lines = prove.LearnerCode(prove.load_learner_functions(tmp_path, proof.exercises))
    list(prove.iter_lockstep(proof, lines, 2))
    assert lines.first_wrong[1:4] == ("the gradient of b1", "", 1)


def test_only_what_is_written_takes_part_and_it_is_said_which(tmp_path, capsys, monkeypatch, short):
    functions(tmp_path, ("dlogits", "da1"))
    prove.prove(tmp_path, "mlp")
    said = " ".join(capsys.readouterr().out.split())
    assert "Yours: dlogits, da1. Not written yet, so these lines are ours: logits, softmax, loss, dW2_db2, dz1" in said
    assert "With our lines for the rest, you have written the same computation as mlp_np.py." in said
    assert (tmp_path / "proof_mlp.png").stat().st_size > 10_000
    monkeypatch.setattr(prove, "save_picture", lambda *what: what[-1].touch())
    functions(tmp_path, ("layer_norm_dx",))
    prove.prove(tmp_path, "vit")  # one run: the other would show nothing more
    assert [path.name for path in tmp_path.glob("proof_vit*")] == ["proof_vit.png"]
    for name in ("proof_vit.png", "layer_norm_dx.py"):
        (tmp_path / name).unlink()
    functions(tmp_path, ("attention",))
    prove.prove(tmp_path, "vit")
    assert [path.name for path in tmp_path.glob("proof_vit*")] == ["proof_vit_2.png"]


@pytest.mark.slow
def test_lines_that_overflow_are_found_without_a_warning(tmp_path, short):
    """Warnings are errors here."""
    proof = prove.PROOFS["mlp"][0]
    mine = functions(tmp_path, ("update",), update="v = momentum * old_v + dp; p = old_p + 100 * lr * dp")
    prove.run_proof(tmp_path / "proof.png", proof, mine, "mlp_np.py", False)


UNUSABLE = r"""
dz1 | dz1 = da1 * (z1 > 0)[0]; dz1 = dz1[0] | dz1 is of shape (128,), not (100, 128): the run
dW2_db2 | dW2 = a1.T @ dlogits | db2 is still dots
loss | print(p) | loss is still dots: the run
loss | return | loss is None: the run
dW2_db2 | return a1.T @ dlogits | dW2_db2 returns 1 result, not 2: the run
dW2_db2 | return | dW2_db2 returns 1 result, not 2: the run
da1 | da1 = dlogits @ W3 | da1, step 1: Line
da1 | da1 = ( | cannot read this line
da1 | import sys; sys.stdout.close(); da1 = dlogits @ W2.T | broke off outside your lines, after step
da1 | np.log = None; da1 = dlogits @ W2.T | broke off outside your lines, after step
logits | pass\nlogits = a1 @ W2 + b2\n    return 1 | cannot read this line
"""


@pytest.mark.parametrize(("name", "body", "said"), [*rows(UNUSABLE)])
def test_lines_that_cannot_run_are_said_in_a_sentence(name, body, said, tmp_path, monkeypatch, short):
    monkeypatch.setattr(sys, "stdout", io.StringIO())  # some lines close it, and some spoil this:
    monkeypatch.setattr(np, "log", np.log)
    write(tmp_path, name, body.replace("\\n", "\n"))
    with pytest.raises(UserError, match=re.escape(said)):
        prove.prove(tmp_path, "mlp")


def test_no_weight_differs_by_more_than_is_said():
    for apart, words in (
        (8.1e-15, "9e-15 from mlp_np.py's. You have written"),
        (2e-12, "rounding errors have grown with the steps"),
    ):
        said = prove.describe_result(prove.LearnerCode({}), [prove.Step(1.0, 1.0, apart)], "mlp_np.py", [])
        assert "no weight of your network differs by more than" in said and words in said


def test_an_exercise_that_is_left_out_is_named(tmp_path, monkeypatch):
    others = {name: exercise for name, exercise in prove.BY_NAME.items() if name != "dz1"}
    monkeypatch.setattr(prove, "BY_NAME", others)  # as if its file were broken
    with pytest.raises(UserError, match="`prove mlp` needs exercises that cannot be used: restore dz1"):
        prove.prove(tmp_path, "mlp")
