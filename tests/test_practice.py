"""The marker: right answers pass, wrong ones never do, and every known mistake gets its own name."""

import io
import json
import sys
from functools import lru_cache

import numpy as np
import pytest

from exercises import STUBS, marker, runner
from exercises.exercise import Exercise, agree
from exercises.work import BY_NAME, EXERCISES
from practice_answers import ALSO_RIGHT, RIGHT, SIZES, TORCH, filled
from practice_answers import WRONG as WRONG_ANSWERS

WRITTEN = [exercise for exercise in EXERCISES if not exercise.case]
SEEDS = [pytest.param(range(3), id="3 seeds"), pytest.param(range(3, 50), id="47 more", marks=pytest.mark.slow)]
every_exercise = pytest.mark.parametrize("exercise", WRITTEN, ids=[exercise.name for exercise in WRITTEN])


@pytest.fixture(autouse=True)
def drawn_once(monkeypatch):
    """The inputs of a seed are drawn once, and not for each of a hundred mistakes."""
    monkeypatch.setattr(Exercise, "inputs", lambda exercise, seed: drawn(exercise.name, seed))


@lru_cache(8)
def drawn(name, seed, inputs=Exercise.inputs):
    return list(inputs(BY_NAME[name], seed))


def right(exercise, g):
    return {name: getattr(g, name) for name in exercise.gives}


def judged(exercise, seed, answer):
    """The verdict on what answer(g) returns for the inputs g: {output: value}."""
    trials = [{"results": list(map(runner.describe, answer(g).values())), "changed": []} for g in exercise.inputs(seed)]
    return marker.judge(exercise, seed, {"trials": trials, "autograd": [1]})


@pytest.fixture
def verdict(tmp_path, monkeypatch):
    """verdict(name, text, seed): on a file, here and not in a process of its own, where hundreds would take minutes."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    def judge(name, text, seed=5):
        path = tmp_path / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        return marker.judge(BY_NAME[name], seed, json.loads(json.dumps(runner.run(BY_NAME[name], path, seed))))

    return judge


@pytest.mark.parametrize("seeds", SEEDS)
@every_exercise
def test_each_mistake_is_named_by_its_own_name(exercise, seeds):
    """And so no two of one exercise look alike, and what is right passes."""
    own = [name for name, *_ in exercise.text.mistakes]
    for seed in seeds:
        assert judged(exercise, seed, lambda g: right(exercise, g)).passed
        for i, mistake in enumerate(exercise.known):
            found = judged(exercise, seed, lambda g, mistake=mistake: right(exercise, g) | exercise.values(mistake, g))
            if i < len(own):
                assert (found.passed, found.name) == (False, mistake.name), found.text
                assert mistake.question in found.text
            elif any(exercise.values(mistake, g) for g in exercise.inputs(seed)):  # here it may have another name
                assert found.name in {known.name for known in exercise.known}, found.text


WRONG = {
    "zeros": np.zeros_like,
    "ones": np.ones_like,
    "NaN": lambda a: np.full_like(a, np.nan),
    "one NaN": lambda a: np.where(np.arange(a.size).reshape(a.shape) == a.size - 1, np.nan, a),
    "one infinity": lambda a: np.where(np.arange(a.size).reshape(a.shape) == 0, np.inf, a),
    "None": lambda a: None,
    "the dots": lambda a: ...,
    "random": lambda a: np.random.default_rng(1).normal(size=a.shape),
    "nearly right": lambda a: a * (1 + 1e-7),
    "one entry off": lambda a: a + 1e-6 * (np.arange(a.size).reshape(a.shape) == 0) * np.abs(a).max(),
    "float32": lambda a: a.astype(np.float32),
    "complex": lambda a: a + 0j,
    "objects": lambda a: a.astype(object),
    "text": str,
    "a list": lambda a: a.tolist() if a.ndim else [float(a)],
    "a masked array": np.ma.masked_array,
    "one axis more": lambda a: a[np.newaxis],
    "one axis more at the end": lambda a: a[..., np.newaxis],
    "twice as long": lambda a: np.concatenate([a, a]) if a.ndim else np.array([a, a]),
    "empty": lambda a: np.zeros((0,)),
}


@every_exercise
def test_nonsense_an_input_and_too_few_or_too_many_results_never_pass(exercise):
    answers = [
        lambda g: right(exercise, g) | {"more": 1.0},
        lambda g: dict([*right(exercise, g).items()][:-1] or [("none", None)]),
    ]
    for output in exercise.gives:
        for wrong in WRONG.values():
            answers.append(lambda g, o=output, w=wrong: right(exercise, g) | {o: w(np.asarray(getattr(g, o)))})
        g = exercise.inputs(0)[0]
        for name in exercise.takes:
            if isinstance(getattr(g, name, 0), np.ndarray) and not agree(getattr(g, name), getattr(g, output)):
                answers.append(lambda g, o=output, n=name: right(exercise, g) | {o: getattr(g, n)})
    for answer in answers:
        found = judged(exercise, 0, answer)
        assert not found.passed
        assert len(found.text) > 20


@every_exercise
def test_a_stub_is_not_written_yet(exercise, verdict):
    assert verdict(exercise.name, (STUBS / f"{exercise.name}.py").read_text(encoding="utf-8")).name == "not written"


WRITES = [*((name, body, "passed") for name, body in [*RIGHT.items(), *ALSO_RIGHT]), *WRONG_ANSWERS]


@pytest.mark.filterwarnings("ignore")  # PyTorch's, of a gradient that it has not kept
@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize(("name", "body", "mark"), WRITES)
def test_what_learners_write_gets_its_mark_whatever_is_drawn(name, body, mark, seeds, verdict):
    for seed in seeds:
        found = verdict(name, filled(name, body), seed)
        assert found.name == mark, found.text


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize(("name", "letter", "body"), SIZES)
def test_a_size_written_as_a_number_never_passes(name, letter, body, seeds, verdict):
    for seed in seeds:
        size = getattr(drawn(name, seed)[0], letter)
        assert verdict(name, filled(name, body.replace("{}", str(size))), seed).name == "a size written as a number"


# What people type, the mark, and what is said. Seed 5 makes the sizes that some of the words name.
TYPED = [
    ("dW1_db1", "dW1 = x @ dz1", "error: ValueError", "Line 18: dW1 = x @ dz1", "must be equal: 784 is not 3"),
    ("dW1_db1", "dW1 = dz1.T @ x; db1 = 0", "transposed", "W1's shape (784, 4); yours is (4, 784). Transposed?"),
    ("dW1_db1", "dW1 = x.T @ dz1", "not written", "`db1` is not written yet"),
    ("dW1_db1", "dW1 = x.T @ dz1; db1 = dz1.sum(axis=0, keepdims=True)", "wrong shape", "(1, 4)", "keepdims"),
    ("dz1", "dz1 = da1 * z1 > 0", "wrong type", "bool"),
    ("dz1", "dz1 = da1 * (Z1 > 0)", "error: NameError", "Do you mean `z1`?"),
    ("dz1", "dz1 = da1 @ z1", "error: ValueError", "(9, 11) @ (9, 11)", "11 is not 9"),
    ("dz1", "dz1 = da1 * (z1 > 0) + W1", "error: NameError", "no `W1` here"),
    ("dz1", "dz1 = 1 / 0", "error: ZeroDivisionError", "Division by zero"),
    ("dz1", "dz1 = (da1 * (z1 > 0)", "error: SyntaxError", "Line 19", "cannot read"),
    ("dz1", "dz1 = da1 * (z1 > 0) * 1.5", "not right", "Every entry is 1.5 times", "the loss goes from", "dz1["),
    ("dz1", "dz1 = da1 * (z1 > 0) + (np.arange(z1.shape[1]) == 3)", "not right", "90 of its 99 entries are right"),
    ("dz1", "dz1 = z1", "z1 returned", "what you return is z1 itself"),
    ("dz1", "dz1 = exit()", "error: SystemExit", "neither ask for input nor end"),
    ("dz1", "dz1 = input()", "error: EOFError", "neither ask for input nor end"),
    ("dz1", "dz1 = dz1(da1, z1, a1)", "error: UnboundLocalError", "before it has a value"),
    ("dlogits", "p[range(len(y)), y] -= 1\ndlogits = p / len(y)", "changes its input", "changed p", ".copy()"),
    ("dz1", "dz1 = da1 @ (z1 > 0)", "error: ValueError", "In da1 @ (z1 > 0), the shapes are (9, 11) @ (9, 11)"),
    ("dz1", "dz1 = (da1 *\n    (z1.sum(axis=1)))", "error: ValueError", "keepdims=True keeps (9, 1), which"),
    ("dz1", "dz1 = da1 * (z1 > 0)^2", "error: TypeError", "power is `**` in Python"),
    ("dz1", "import math\ndz1 = da1 * math.exp(z1)", "error: TypeError", "take a single number"),
    ("dz1", "dz1 = da1 (z1 > 0) z1", "error: SyntaxError", "Is an operator missing"),
    ("dz1", "dz1 = da1 × (z1 > 0)", "error: SyntaxError", "`@` is the matrix product"),
    ("dz1", "dz1 = 1\n  dz1 = da1", "error: IndentationError", "four spaces"),
    ("dz1", "dz1 = da1 / B", "error: NameError", "the number of images: len(y)"),
    ("dz1", "dz1 = numpy.maximum(z1, 0)", "error: NameError", "NumPy is called np here"),
    ("dz1", "dz1 = heaviside(z1, 0)", "error: NameError", "Do you mean `np.heaviside`?"),
    ("dz1", "dz1 = max(da1, 0)", "error: ValueError", "np.maximum and np.minimum compare arrays"),
    ("dz1", "s = z1.sum(axis=1)\ndz1 = da1 * s", "error: ValueError", "keepdims=True keeps (9, 1), which"),
    ("dlogits", "dlogits = (p - onehot) / len(y)", "error: NameError", "np.eye(10)[y]"),
    ("dlogits", "dlogits = p - y", "error: ValueError", "y holds the digits themselves"),
    ("da1", "da1 = dlogits * W2", "error: ValueError", "the matrix product is `@`"),
    ("loss", "loss = -np.log(p[range(len(y)), y]).mean() * (1 + 1e-8)", "close, and not equal", "It is close"),
    ("torch_gradient", TORCH.replace("z1.retain_grad()", ""), "error: AttributeError", "call z1.retain_grad()"),
    ("dz1", "dz1 = da1.sum(axis=1)", "wrong shape", "one number for each entry of `z1`"),
    ("dlogits", "dlogits = p.sum(axis=1)", "wrong shape", "one number for each entry of `logits`"),
    ("dW2_db2", "dW2 = a1.sum(axis=0)", "wrong shape", "over which do you sum?"),
    ("loss", "loss = -np.log(p[y]).mean()", "whole rows where pairs belong", "its row n and its column y[n]"),
    ("softmax", "p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)", "exp overflows", "exp(1000)"),
    ("dW2_db2", "dW2 = np.zeros((7, 10)); return dW2", "wrong number of results", "dW2 and db2: 2 in all"),
    ("numerical_gradient", RIGHT["numerical_gradient"] + "\ngradient *= 3 * h", "not right", "(Here h is"),
    ("dW2_db2", "db2 = dlogits.sum(axis=0)", "not written", "Right so far. `dW2` is not written yet"),
    ("dW2_db2", "db2 = -dlogits.sum(axis=0)", "the sign", "db2: the sign"),
    ("softmax_backward", "dscores = weights * (dweights - (dweights * weights).sum(axis=-1))", "error: ValueError",
     "(4, 7, 7) - (4, 7)", "keepdims=True keeps (4, 7, 1), which agrees"),
    ("softmax_backward", "dscores = weights.sum(axis=-1)", "wrong shape", "scores' shape (4, 7, 7)"),
    ("softmax_backward", "dscores = weights", "weights returned", "what you return is weights itself"),
    ("layer_norm_dx", "dx = gamma * inverse * (dy - dy.mean(axis=(0, 1)) - xhat * (dy * xhat).mean(axis=(0, 1)))",
     "the means over images and patches", "batch normalisation's means"),
    ("layer_norm_dx", RIGHT["layer_norm_dx"].replace("dxhat = dy * gamma", "dxhat = dy; dxhat *= gamma"),
     "changes its input", "changed dy", ".copy()"),
    ("layer_norm_dx", RIGHT["layer_norm_dx"] + "\ndx = dx.swapaxes(1, 2)", "transposed", "Transposed?"),
    ("attention", "dv = weights.T @ dmixed", "error: ValueError", "inner numbers", ".swapaxes(-1, -2) exchanges"),
    ("attention", "dv = weights @ dmixed.swapaxes(0, 1)", "error: ValueError", "The axes before the last two"),
    ("attention", "dv = weights @ dmixed", "the weights not transposed", "over which letter is the sum"),
    ("attention", "dv = weights.swapaxes(2, 3) @ dmixed", "not written", "Right so far. `dq` is not written"),
    ("attention", RIGHT["attention"].replace("np.sqrt(q.shape[-1])", "q.shape[1]"), "not right",
     "times the true one", "h is ", "T is ", "d is ", "if q[0, 0, 0, 0] grows"),
    ("attention", RIGHT["attention"].replace("dk = dscores.swapaxes(2, 3) @ q", "dk = q.swapaxes(2, 3) @ dscores"),
     "transposed", "k's shape (2, 3, 7, 5); yours is (2, 3, 5, 7). Transposed?"),
    ("tape_product", "da = dy * b\ndb = dy * b", "the parents swapped", "by a or by b?"),
    ("tape_broadcast", "da = dy\nwhile da.ndim > len(shape):\n    da = da.sum(axis=0)", "axes of length 1 forgotten",
     "Right where the array lacks an axis"),
    ("tape_accumulate", "du = shares[0](dys[0])\nfor i in range(1, len(dys)):\n    du += shares[i](dys[i])",
     "changes its input", "changed dys"),
    ("tape_order", "order = [loss]\nfor node in order:\n    for parent, _ in node.edges:\n"
     "        if parent not in order:\n            order.append(parent)", "visited too early", "p should come after w"),
    ("tape_order", "order = [loss]\nfor node in order:\n    for parent, _ in node.edges:\n"
     "        order.append(parent)", "visited twice", "hands on all that it has"),
    ("tape_order", "order = loss", "error: ValueError", "a list of nodes"),
    ("tape_backward", "for node in order:\n    for parent, share in node.edges:\n"
     "        parent.grad = share(node.grad)", "error: ValueError", "this node has no gradient yet"),
    ("tape_backward", "da = a.grad; db = b.grad", "returns None", "a value before the `return`"),
    ("tape_relu", "y = np.maximum(a.value, 0)", "error: ValueError", "What it got is an array"),
    ("tape_relu", "y = Tensor(np.maximum(a.value, 0), [(a, lambda dy: dy)])", "error: ValueError", "not in a list"),
    ("tape_relu", "y = Tensor(np.maximum(a.value, 0), (a.value, lambda dy: dy))", "error: ValueError",
     "the Tensor itself"),
    ("tape_matmul", "y = Tensor(value_of(a) @ b.value, (b, lambda dy: dy.T @ value_of(a)))", "transposed", "db"),
    ("tape_train", "W1 = matmul(x, Tensor(W1)); b1 = 1 * b1; W2 = 1 * W2; b2 = 1 * b2",
     "error: NotImplementedError", "lines of tape_matmul.py here"),
    ("tape_train", "W1 = 1 * W1; b1 = 1 * b1; W2 = 1 * W2; b2 = 1 * b2", "nothing has moved", "Who changes them"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "typed", "mark", "words"), [(name, typed, mark, words) for name, typed, mark, *words in TYPED]
)
def test_mistakes_as_people_type_them(name, typed, mark, words, verdict):
    found = verdict(name, filled(name, typed))
    assert found.name == mark, found.text
    for word in words:
        assert word in found.text
    assert "Traceback" not in found.text
