"""What the marker says is so: each claim of a verdict is tried, on inputs that the marker has not seen."""

import ast
import io
import sys
import textwrap
from contextlib import redirect_stdout, suppress
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from test_practice import everything_written

from conftest import rows, schedule
from exercises.catalogue import BY_NAME, EXERCISES
from marker import complaints, marking, runner
from marker.budget import SPEND_NAME, Budget, Stopped, make_hidden_name
from marker.equal import agree, sizes
from marker.exercise import apply_change
from marker.finders import depart, repair, values
from marker.finders.edits import apply_edit_temporarily
from marker.kind import Attempt, Kind, Outcome
from marker.program import Grade, Program
from marker.trial import TrialResult, find_right_result_names, load_learner_module, run_trial
from marker.verdict import Sentences, Verdict, is_error_name, is_vague, make_failing_verdict
from marker.words import Words, join_texts, read_tables_by_heading
from practice_answers import RIGHT, blocks_of, filled, not_searched

# What was said of these answers was not so. Below each, what may be said of it, and what (~) may not.
UNTRUE = r"""
kept_keys:
    old = (kept_k * q[:, None]).sum(axis=-1) / np.sqrt(q.shape[1])
    new = (k * q).sum(axis=-1) / np.sqrt(q.shape[1])
    m = np.maximum(old.max(axis=1), new)
    a, b = np.exp(old - m[:, None]), np.exp(new - m)
    mixed = ((a[:, :, None] * kept_v).sum(axis=1) + v) / (a.sum(axis=1) + b)[:, None]
    # ~np.maximum | ~all your numbers
clip_norm:
    n = np.sqrt((dW**2).mean() + (db**2).mean())
    clipped_dW, clipped_db = dW, db
    if n > most:
        clipped_dW, clipped_db = dW * most / n, db * most / n
    # ~nothing clipped | ~Two mistakes | `(dW**2).mean() + (db**2).mean()`
accumulate:
    dW, seen = 0 * parts[0], 0
    for part, n in zip(parts, counts):
        dW = (seen * dW + n * part) / (seen + n)
        seen += 1
    # Look at line 21, `seen += 1` first | ~only the last
dlogits:
    p = p.copy()
    for n in range(len(y)):
        p[n, y[n]] -= p[n, y[n]]
    dlogits = p / len(y)
    # `p[n, y[n]]` | ~letters
split_heads:
    B, T, width = qkv.shape
    C = width // 3
    q, k, v = (qkv[:, :, i : i + C].reshape(B, T, h, C // h).swapaxes(1, 2) for i in (0, C, C))
    # these numbers are k | ~order | there they are right
learning_rate:
    if t < warm:
        share = min((t - warm) / (steps - warm), 1)
        rate = least + (lr - least) * (1 + np.cos(np.pi * share)) / 2
    else:
        rate = lr * (t + 1) / (warm + 1)
    # `t < warm` | ~warm-up
adamw:
    m = beta1 * old_m + (1 - beta1) * dp
    s = beta2 * old_s + (1 - beta2) * dp**2
    mean, square = m / (1 - beta1**t), s / (1 - beta1**t)
    decay = weight_decay * old_p
    p = old_p - lr * decay - lr * mean / (np.sqrt(square) + eps)
    # Line 27, `beta1`: with this part different, more of your numbers would be right. | ~`decay`
kept_keys:
    keys = np.concatenate([kept_k, k[:, None]], axis=1)
    values = np.concatenate([kept_v, v[:, None]], axis=1)
    scores = (keys * q[:, None]).sum(axis=2) / np.sqrt(q.shape[1])
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = e / e.sum(axis=1, keepdims=True)
    mixed = (weights[:, :, None] * values).mean(axis=1)
    # Every entry is 0.125 times the true one. | ~1 / d
lora_backward:
    dthin = scale * dy @ B.T
    dA = x.T @ dthin
    dB = scale * (x @ A).T @ dy
    dx = dy @ (W + A @ B).T
    # dx: scale forgotten | ~dA
loss:
    of_true = p[np.arange(len(y)), y]
    loss = np.mean(np.log(1 - of_true))
    # ~Two mistakes | Line 16, `1 - of_true`
tape_backward:
    loss.grad = np.ones_like(loss.value)
    for node in order:
        for parent, share in node.edges:
            parent.grad = np.zeros_like(parent.value) if parent.grad is None else parent.grad
            node.grad = node.grad + share(node.grad)
    da, db = a.grad, b.grad
    # da: nothing arrives | ~begins with 0
tape_matmul:
    left, right = value_of(a), value_of(b)
    edges = [(a, lambda dy: dy @ right), (b, lambda dy: dy.T @ left)]
    y = Tensor(left @ right, *(edge for edge in edges if isinstance(edge[0], Tensor)))
    # Transposed? | ~Two mistakes | ~ine 26
clip_norm:
    norm = np.sqrt((dW**2).sum())
    factor = min(1, norm / most)
    clipped_dW, clipped_db = factor * dW, factor * db
    # ~unchanged | only the norm of dW, and upside down
learning_rate:
    share = min((t - warm) / (steps - warm), 1)
    rate = least + (lr - least) * (1 + np.cos(np.pi * share)) / 2
    if t < warm:
        rate = lr * (t + 1) / (warm + 1)
    if t > steps:
        rate = 0
    # rate: nothing after the end | ~type
tape_max:
    top = a.value.max(axis=1, keepdims=True)
    equal = a.value == top
    y = Tensor(top, (a, lambda dy: dy[:, None] * equal / equal.sum(axis=1, keepdims=True)))
    # `top` | Along which axis | ~Does a sum
tape_broadcast:
    da = dy
    if da.ndim > len(shape):
        da = da.sum(axis=0)
    for axis in range(len(shape)):
        if shape[axis] == 1:
            da = da.sum(axis=axis, keepdims=True)
    # Which axes should remain | ~letters
rotate:
    B, T, d = x.shape
    angles = np.arange(T)[:, None] / base ** (np.arange(0, d, 2) / d)
    s, c = np.cos(angles), np.sin(angles)

    def turn(a, sine):
        u, v = np.moveaxis(a.reshape(B, T, d // 2, 2), -1, 0)
        return np.stack([u * c - v * sine, u * sine + v * c], axis=-2).reshape(B, T, d)

    y, dx = turn(x, s), turn(dy, -s)
    # ~`s` is what | ~in line 27
shortcut:
    dz2 = dy * (y > 0)
    dx = branch(y) + dz2
    # the branch called with y | Which gradient | ~Along how many paths
dropout:
    dropped = u < p
    y, dx = x / (1 - p), dy / (1 - p)
    y[dropped] = 0
    # ~`u < p`
adamw:
    m = beta1 * old_m + (1 - beta1) * dp
    s = beta2 * old_s + (1 - beta2) * dp**2
    m_hat, s_hat = m / (1 - beta1 * t), s / (1 - beta2**t)
    p = old_p.copy()
    if p.ndim > 1:
        p *= 1 - lr * weight_decay
    p -= lr * m_hat / (np.sqrt(s_hat) + eps)
    # ~old_p.copy
rotate:
    B, T, d = x.shape
    angles = np.arange(T)[:, None] * base ** (-np.arange(0, d, 2) / d)
    cos, sin = np.cos(angles), np.sin(angles)
    y, dx = np.empty((2, B, T, d))
    y[..., ::2] = x[..., ::2] * cos - x[..., 1::2] * sin
    y[..., 1::2] = x[..., 1::2] * sin + x[..., ::2] * cos
    dx[..., ::2] = dy[..., ::2] * cos + dy[..., 1::2] * sin
    dx[..., 1::2] = dy[..., 1::2] * cos - dy[..., ::2] * sin
    # ~`np.cos(angles)`
tied_weights:
    dE = np.zeros(E.shape)
    for b in range(len(x)):
        for t in range(x.shape[1]):
            dE[x[b, t]] += de[b, t] + dlogits[b, t, x[b, t]] * a[b, t]
    da = np.matmul(dlogits, E)
    # ~Two mistakes
tape_matmul:
    def share_a(dy):
        return np.einsum("bk,hk->h", dy, b.value)

    pairs = [(b, lambda dy: value_of(a).T @ dy)]
    if isinstance(a, Tensor):
        pairs.append((a, share_a))
    y = Tensor(np.dot(value_of(a), b.value), *pairs)
    # ~pairs.append
conv_dW:
    dW = np.zeros((3, 3, padded.shape[3], dy.shape[3]))
    for u in range(3):
        for v in range(3):
            seen = padded[:, u : u + dy.shape[1], u : u + dy.shape[2]]
            dW[u, v] = np.tensordot(seen, dy, axes=([0, 1, 2], [0, 1, 2]))
    # ~np.zeros
"""

# Ordinary slips, and several at once, of which it is said where they are.
PLACED = r"""
learning_rate | np.cos -> np.sin | a function | `np.sin(np.pi * share)`
learning_rate | min((t -> max((t | a function | `max((t - warm)
learning_rate | np.pi * share -> share | a factor | Which factors
adamw | 1 - beta1**t -> (1 - beta1)**t & 1 - beta2**t -> (1 - beta2)**t | parentheses | `m / ((1 - beta1)**t), s
adamw | lr * mean / (np.sqrt(square) + eps) -> lr * mean / np.sqrt(square) + eps | parentheses | Line
merge_heads | swapaxes(1, 2) -> swapaxes(2, 3) | a transpose | Which axis comes first
tanh | s = a1 * z1 + 0.5\ndz1 = da1 * (1 - s) | a term | Line 17, `a1 * z1 + 0.5`: with this part different, all your
tape_product | da = dy - b; db = dy - a | an operation | Line 16: with several parts of it different, all your numbers
tape_accumulate | parts = [share(dy) for dy, share in zip(dys[::-1], shares)]\ndu = np.sum(parts, axis=1) | an axis \
    | Lines 18 and 19: with each of them different, all your numbers would be right.
tape_relu | y = Tensor(np.minimum(a.value, 0), (a, lambda dy: dy)) | a function, and the mask forgotten \
    | Two mistakes, it seems. Line 22, `np.minimum(a.value, 0)`. What does this function do
positions_backward | dP = dy.sum(axis=0) / (len(P) * P.shape[1]) ** 0.5 | a factor \
    | that is 1 / (sqrt(T) * sqrt(C)). (Here T is 6, C is 8.)
positions_backward | dP = P.copy()\nfor b in range(1, len(dy)):\n    dP += dy[b] | a loop | numbers would be much nearer
loss | q = np.zeros(1)\nq[0] = -np.log(p[range(len(y)), y]).mean()\nloss = q | an axis | Line 17, `q`: with this part
softmax_backward | (dweights * weights).sum(axis=-1, keepdims=True) -> np.cosh(dweights[..., :1]) | not right \
    | With a different `mean` after line 19, all your numbers would be right. What happens in line 19?
softmax_backward | weights * (dweights - mean) -> np.sinh(dweights) ** 3 - 3.3 * mean | not right \
    | After line 19, `mean` is right; dscores is not. What happens in line 20?
dz1 | dz1 = da1 * (z1 > 0)\ndz1 = np.sinh(dz1)\ndz1 = dz1**3\ndz1 = dz1 - 0.3 | not right \
    | After line 19, `dz1` is right so far. What happens in lines 20 to 22?
gelu | / np.sqrt(2 * np.pi) -> / np.sqrt(2) * np.pi | parentheses | np.sqrt(2) * np.pi`
"""

# The same, in answers of several lines.
PLACED_IN_LOOPS = """
merge_heads:
    B, h, T, d = mixed.shape
    y = np.zeros((B, T, h * d))
    for j in range(h):
        y[:, :, j : j + d] = mixed[:, j]
    # `y[:, :, j : j + d] = mixed[:, j]` | Which entries
causal_backward:
    shown = np.where(np.tri(scores.shape[1]) > 0, scores, -np.inf)
    w = np.exp(shown) - np.exp(shown.max(axis=2, keepdims=True))
    w = w / w.sum(axis=2, keepdims=True)
    dscores = w * (dweights - (w * dweights).sum(axis=2, keepdims=True))
    # `np.exp(shown) - np.exp(shown.max(axis=2, keepdims=True))` | What is computed first
top_p:
    kept = np.zeros(p.shape)
    total = 0
    for b in range(len(p)):
        for k in np.argsort(p[b])[::-1]:
            if total < enough:
                kept[b, k] = p[b, k]
                total += p[b, k]
        kept[b] /= total
    # `total = 0` | in each iteration of the loop
next_word:
    words = logits.argmax(axis=1)
    if temperature > 0:
        e = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
        ends = (e / e.sum(axis=1, keepdims=True)).cumsum(axis=1)
        for b in range(len(u)):
            for k in range(e.shape[1]):
                if u[b] < ends[b, k]:
                    words[b] = k
    # `words[b] = k` | Which values does this go through
layer_norm_dx:
    dxhat = dy * gamma
    mean = dxhat.mean(axis=(0, 1))
    along = (dxhat * xhat).mean(axis=-1, keepdims=True)
    dx = (dxhat - mean - xhat * along) / inverse
    # `along` and `dxhat` are right; dx is not. What happens in lines 24 to 26?
loss:
    target = np.eye(10)[y]
    per_image = -((1 - target) * np.log(p)).mean(axis=1)
    loss = np.mean(per_image)
    # Line 16, | with this part different, all your numbers would be right.
da1:
    da1 = np.zeros(z1.shape)
    for j in range(len(W2)):
        for k in range(9):
            da1[:, j] += dlogits[0, k] * W2[j, k]
    # Lines 20 and 21: with each of them different, all your numbers would be right.
causal_mask:
    seen = np.tri(scores.shape[1], k=-1) > 0
    shown = np.where(seen, scores, -1e30)
    e = np.exp(shown - shown.max(axis=2, keepdims=True))
    weights = e / e.sum(axis=1, keepdims=True)
    # Lines 17 and 20: with each of them different, all your numbers would be right.
lora_backward:
    dthin = scale * dy @ B.T
    dA = x.T @ dthin
    dB = scale * (x @ A).T @ dy + 0.3
    dx = dy @ W.T + dthin @ A.T + 0.7
    # `dy @ W.T + dthin @ A.T + 0.7`: with this part different, dx would be right.
"""

# Answers that leave the right way, in more than one place, and where.
DEPARTING = """
adamw:
    m = beta1 * old_m + (1 - beta1) * dp
    s = beta2 * old_s + (1 - beta2) * dp**2
    m_hat, s_hat = m / (1 + beta1) ** (t + 2), s / (1 - beta2) ** (t - 3)
    p = old_p - lr * (m_hat / (np.sqrt(s_hat) + eps)) - lr * weight_decay * old_p * (old_p.ndim > 1)
    # After line 26, `m` and `s` are right; p is not. What happens in lines 27 to 28?
clip_norm:
    n = np.sqrt((dW**2).sum() + (db**2).sum())
    f = most / (n + 3 * most)
    clipped_dW = f**2 * dW
    clipped_db = f**2 * db
    # After line 16, `n` is right; clipped_dW is not. What happens in lines 17 to 18?
attention:
    dweights = dmixed @ v.swapaxes(2, 3)
    mean = (dweights * weights).sum(axis=-1, keepdims=True)
    dscores = weights * (dweights - mean * 1.5) / 2.2
    dq = dscores @ k
    dk = dscores.swapaxes(2, 3) @ q * 1.1
    dv = weights.swapaxes(2, 3) @ dmixed
    # After line 25, `dweights` and `mean` are right; dq is not. What happens in lines 26 to 27?
swiglu_dx:
    a, u = x @ Wg, x @ Wu
    sigmoid = 1 / (1 + np.exp(-a))
    dproduct = dy @ Wd.T
    du = dproduct * a * sigmoid
    slope = sigmoid + a * sigmoid * (1 - sigmoid)
    da = slope
    dx = da @ Wg.T + du @ Wu.T
    # With a different `da` after line 26, all your numbers would be right. What happens in line 26?
causal_backward:
    seen = np.tri(scores.shape[1], dtype=bool)
    shown = np.where(seen.T, scores, -np.inf)
    exp = np.exp(shown) - np.exp(shown.max(axis=-1, keepdims=True))
    weights = exp / exp.sum(axis=-1, keepdims=True)
    mean = (weights * dweights).sum(axis=-1, keepdims=True)
    dscores = weights * (dweights - mean)
    # With a different `exp` after line 19, all your numbers would be right. What happens in lines 17 to 19?
causal_backward:
    shown = np.where(np.tri(scores.shape[1], dtype=bool), scores, -np.inf)
    exp = np.exp(shown) - np.exp(shown.max(axis=-1, keepdims=True))
    weights = exp / exp.sum(axis=-1, keepdims=True)
    mean = dweights.mean(axis=-1, keepdims=True)
    dscores = weights * (dweights - mean)
    # After line 18, `exp` is not right. What happens in line 18? | The other: a plain mean in place
softmax:
    e = np.exp(logits - logits.max(axis=1, keepdims=True)) * 1.5
    p = e / (e.sum(axis=1, keepdims=True) + 0.1 * e) * 1.3
    # ~what it should be | ~What happens
"""


def marked(name, body, folder, seed=11):
    (path := folder / f"{name}.py").write_text(filled(name, body.replace("\\n", "\n")), encoding="utf-8")
    return marking.read_verdict(BY_NAME[name], runner.make_report(BY_NAME[name], path, seed))


def answers(text):
    """(exercise, body, what may be said of it or not)."""
    for name, body in blocks_of(text):
        body, _, words = body.rpartition("    # ")
        yield name, body, words.split(" | ")


def parameters(text):
    return [pytest.param(name, body, words, id=name) for name, body, words in answers(text)]


UNTRUE, DEPARTING, PLACED_IN_LOOPS = map(parameters, (UNTRUE, DEPARTING, PLACED_IN_LOOPS))
EVERY_DAY = ["dlogits", "dropout", "learning_rate", "lora_backward", "shortcut", "split_heads"]
ANSWERS = [
    *schedule(UNTRUE, every_day=[row for row in UNTRUE if row.id in EVERY_DAY], in_turn=4),
    *schedule(DEPARTING, in_turn=4),
    *schedule(PLACED_IN_LOOPS, every_day=[row for row in PLACED_IN_LOOPS if row.id == "merge_heads"], in_turn=4),
]


@pytest.mark.parametrize(("name", "body", "words"), ANSWERS)
def test_nothing_is_said_that_is_not_so(name, body, words, tmp_path):
    found = marked(name, body, tmp_path)
    for word in words:
        assert (word.removeprefix("~") in found.text) != word.startswith("~"), found.text


PLACED_IN = schedule(rows(PLACED), every_day=[row for row in rows(PLACED) if row.values[0] != "adamw"])


@pytest.mark.parametrize(("name", "body", "mark", "words"), PLACED_IN)
def test_where_an_ordinary_slip_is_found(name, body, mark, words, tmp_path):
    body = apply_change(RIGHT[name], body, "") if " ->" in body else body
    found = marked(name, body, tmp_path)
    assert found.summary == mark and words in found.text, found.text


# More of them, and what is said of the line up to which all is right; ~ if nothing can be said.
MORE_DEPARTING = """
dW2_db2:
    dW2 = a1.T @ dlogits
    db2 = np.sinh(dlogits.sum(axis=0) * 1.3) - 0.2
    # ~What happens
dW2_db2:
    mine = a1.T @ dlogits
    dW2 = np.sinh(mine) * 1.3
    db2 = dlogits.sum(axis=0)
    # After line 23, `mine` is right; dW2 is not. What happens in line 24?
clip_norm:
    f = most / 3.3 + 0.1
    n = np.sqrt((dW**2).sum() + (db**2).sum())
    clipped_dW = f * n * dW
    clipped_db = f * db
    # `n` is right; clipped_dW is not. What happens in lines 16 to 18? | ~After line
softmax_backward:
    mean = (weights * dweights).sum(axis=-1, keepdims=True)
    v = mean * 1.7
    dscores = np.sinh(weights * (dweights - mean)) * 1.2
    # After line 19, `mean` is right; dscores is not. What happens in line 21?
softmax_backward:
    mean = (weights * dweights).sum(axis=-1, keepdims=True)
    v = mean[:]
    v *= 1.7
    dscores = np.sinh(weights * (dweights - mean)) * 1.2
    # ~What happens
layer_norm_dx:
    dxhat = dy * gamma
    mean = dxhat.mean(axis=-1, keepdims=True)
    along = (dxhat * xhat).mean(axis=-1, keepdims=True)
    dx = np.sinh(inverse * (dxhat - mean - xhat * along) * 1.3)
    # After line 25, `along`, `dxhat` and `mean` are right; dx is not. What happens in line 26?
layer_norm_dx:
    dxhat = dy * gamma
    mean = dxhat.mean(axis=-1, keepdims=True)
    along = (dxhat * xhat).mean(axis=-1, keepdims=True)
    q, r = dxhat + 0, along + 0
    dx = np.sinh(inverse * (dxhat - mean - xhat * along) * 1.3) + q * r
    # After line 26, `along`, `dxhat`, `mean` and `q` are right
softmax_backward:
    mean = np.cosh(dweights[..., :1])
    dscores = -(weights * (dweights - mean))
    # ~Two mistakes
causal_backward:
    shown = np.where(np.tri(scores.shape[1], dtype=bool), scores, -np.inf)
    e = np.exp(shown) - np.exp(shown.max(axis=-1, keepdims=True))
    w = e / e.sum(axis=-1, keepdims=True)
    mean = dweights.mean(axis=-1, keepdims=True)
    dscores = w * (dweights - mean)
    # ~Two mistakes | After line 17, `shown` is right
"""


@pytest.mark.parametrize(("name", "body", "words"), [*DEPARTING, *parameters(MORE_DEPARTING)])
def test_where_an_answer_departs_is_said_without_a_search(name, body, words, tmp_path):
    finder_input = not_searched(name, body, tmp_path)
    with np.errstate(all="ignore"):
        found = values.judge_array(finder_input) or depart.judge_departure(finder_input) or finder_input.verdict
    assert found.text.startswith(finder_input.verdict.text.split("\n")[0]) and not found.passed
    for word in words:
        assert (word.removeprefix("~") in found.text) != word.startswith("~"), found.text


def test_the_other_of_two_mistakes_is_one_in_fresh_trials_too(tmp_path, monkeypatch):
    (*_, (body, _)) = [row.values[1:] for row in DEPARTING if "The other: a plain mean in place" in row.values[2]]
    finder_input = not_searched("causal_backward", body, tmp_path)
    with np.errstate(all="ignore"):
        found = values.judge_array(finder_input)
        monkeypatch.setattr(repair.EditSearch, "leaves_mistake", lambda *_: False)
        assert values.judge_array(finder_input) is None
    (other,) = (m for m in finder_input.exercise.known_mistakes if m.name == found.name)
    first_line, place, also = found.text.split("\n")
    where = "After line 18, `exp` is not right"
    assert first_line == finder_input.verdict.text.split("\n")[0]
    assert place == f"Two mistakes, it seems. {where}. What happens in line 18?"
    assert also == f"The other: {other.name}. {other.beside}"
    assert found.question == f"{where}. What happens in line 18? {also}" and found.drawn and not found.passed


# The statements of a function, and the steps they are: the first and last line, the names read, and those written.
STEPS = r"""
c = a + b | 2-2 a b -> c
c = d = a | 2-2 a -> c d
c, d = a, b | 2-2 a b -> c d
c += a | 2-2 a c -> c
c[b] = a | 2-2 a b c -> c
c[0][b] = a; c.d = a | 2-2 a b c -> & 2-2 a c -> c
for i in a:\n    c[i] = b | 2-3 a b c i -> c i
c = [i * b for i in a] | 2-2 a b i -> c i
print([i * b for i in a]) | 2-2 a b print -> i
c = [i for i, k in a] | 2-2 a i k -> c i k
c = d[b] = a | 2-2 a b c d -> c d
def g(x):\n    return x * a\nc = a | 2-3 a x -> g & 4-4 a -> c
c = (a +\n     b) | 2-3 a b -> c
return a, b | 0-0 a -> x & 0-0 b -> y
return (a,\n        b + c) | 0-0 a -> x & 2-3 b c -> y
return f(a) | 2-2 a f -> x & 2-2 a f -> y
return a, b, c | 2-2 a b c -> x & 2-2 a b c -> y
return | 2-2 ->
"""


def test_a_step_is_a_statement_with_its_lines_and_names():
    for row in rows(STEPS):
        lines, steps = (text.replace("\\n", "\n") for text in row.values)
        function = ast.parse(f"def f(a, b):\n{textwrap.indent(lines, '    ')}").body[0]
        found = [
            " ".join([f"{s.first}-{s.last}", *sorted(s.reads), "->", *sorted(s.writes)])
            for s in depart.list_statement_steps(function, ("x", "y"))
        ]
        assert " & ".join(found) == steps, lines


TRACED = """
def f(a):
    g = lambda t: t * 2.0
    b = g(a)
    n = len(a)
    word, k = "word", 3
    for i in range(n):
        b[i] += i
    return b * 1, k
"""


def test_the_arrays_after_each_step_are_kept_as_they_were_there():
    """A function within it runs lines of its own, and no step."""
    exec(TRACED, names := {})
    steps = depart.list_statement_steps(ast.parse(TRACED).body[0], ("x", "y"))
    a = np.array([1.0, 2.0])
    exercise = SimpleNamespace(gives=("x", "y"), copy_arguments_by_name=lambda draw: {"a": draw.copy()})
    before = sys.gettrace()
    states = depart.trace_states(names["f"], steps, exercise, a)
    assert sys.gettrace() is before
    assert [sorted(state) for state in states] == [
        ["a"], ["a", "b"], ["a", "b", "n"], ["a", "b", "k", "n"], ["a", "b", "i", "k", "n"], ["x"], [],
    ]  # fmt: skip
    for i, b in ((1, [2, 4]), (3, [2, 4]), (4, [2, 5])):
        assert states[i]["b"].tolist() == b, i
    assert states[5]["x"].tolist() == [2, 5]
    for gives in (("x",), ("x", "y")):
        exercise.gives = gives
        steps = depart.list_statement_steps(ast.parse("def f(a): return a").body[0], gives)
        states = depart.trace_states(lambda a: a, steps, exercise, a)
        assert states[0]["x"].tolist() == [1, 2] and not any(states[1:])


def test_what_is_a_number():
    for value, is_float, is_any in (
        (1.5, True, True),
        (np.float64(1), True, True),
        (np.ones(2), True, True),
        (np.ones(2, int), False, True),
        (3, False, True),
        (True, False, False),
        (np.array("a"), False, False),
        ("a", False, False),
        ([1.5], False, False),
        (None, False, False),
    ):
        assert (depart.is_number(value), depart.is_number(value, "fi")) == (is_float, is_any), value


def of_states(mine, right, arguments):
    """(the states of a trial for each item, an exercise): mine: [{name: array} of the only step], right: [{...} of it].

    arguments: those of each trial.
    """
    exercise = SimpleNamespace(copy_arguments_by_name=lambda draw: vars(draw)["arguments"])
    draws = [SimpleNamespace(arguments=one, B=7) for one in arguments]
    return [depart.TrialStates(*one) for one in zip([[m] for m in mine], right, draws, strict=True)], exercise


def test_an_array_is_right_if_one_of_the_right_answer_equals_it_in_all_trials():
    a, b, c = np.random.default_rng(3).normal(size=(3, 5))
    x = {"x": np.arange(5.0)}

    def is_right(name, mine, *right):
        states, exercise = of_states([{name: one} for one in mine], right, [x] * len(mine))
        return depart.is_right_in_all(states, 0, name, exercise)

    assert is_right("q", [a, b], [{"m": a}], [{"m": b}])
    assert not is_right("q", [a, b], [{"m": a}], [{"m": c}])
    assert not is_right("q", [a, b], [{"m": a, "n": c}], [{"m": c, "n": b}])  # another one in each
    assert not is_right("q", [a, b], [{"m": a}, {"m": c}], [{"m": c}, {"m": b}])  # after another step in each
    assert is_right("q", [a[:, None], b], [{}, {"m": a}], [{}, {"m": b}])
    assert not is_right("m", [a, b], [{"m": c, "mean": a}], [{"m": c, "mean": b}])  # that of its name
    assert not is_right("mean", [a, b], [{"me": c, "n": a}], [{"me": c, "n": b}])  # those whose names begin alike
    assert not is_right("me", [a, b], [{"mean": c, "n": a}], [{"mean": c, "n": b}])
    assert is_right("me", [a, b], [{"mean": a, "n": c}], [{"mean": b, "n": c}])
    assert not is_right("q", [a[:3], b], [{"m": a[:3]}], [{"m": b}])  # by chance
    assert is_right("q", [a, b[:3]], [{"m": a}], [{"m": b[:3]}])  # in a later trial nothing is by chance
    whole = np.arange(9) ** 2
    assert not is_right("q", [whole, whole], [{"m": 1.0 * whole}], [{"m": 1.0 * whole}])
    assert not is_right("q", [1.0 * whole, 1.0 * whole], [{"m": whole}], [{"m": whole}])
    assert not is_right("q", [a, b], [{"m": a.astype(int)}], [{"m": b}])
    states, exercise = of_states([{"q": a}, {}], [[{"m": a}]] * 2, [x] * 2)
    assert not depart.is_right_in_all(states, 0, "q", exercise)


def test_few_numbers_and_those_of_an_argument_may_be_right_by_chance():
    a = np.random.default_rng(3).normal(size=(2, 3))
    exercise = SimpleNamespace(copy_arguments_by_name=lambda draw: {"a": a, "n": 3, "y": np.arange(6), "p": 0.5})
    for array, by_chance in (
        (a + 1, False),
        (a.T, False),
        (a, True),
        (a[:, None], True),
        (np.arange(6.0), False),
        (np.array([1.0, 2, 3]), True),
        (np.array([1.0, 2, 3, 4]), False),
        (np.array([1.0, 2, 3, -np.inf]), True),
        (np.array([1.0, 2, 3, 4, -np.inf]), False),
        (np.array([1.0, 2, 3, 4, np.nan]), True),
        (np.full(9, 0.3), True),
        (np.array(0.3), False),
        (np.array(3.0), True),
        (np.array(np.inf), True),
        (np.array(np.nan), True),
    ):
        assert depart.may_be_right_by_chance(array, exercise, None) == by_chance, array


def test_an_argument_in_another_shape_and_a_size_are_given():
    a = np.random.default_rng(3).normal(size=(2, 3))

    def is_given(*mine, arguments=None):
        arguments = arguments or [{"a": a, "y": np.arange(4), "word": "a"}] * len(mine)
        states, exercise = of_states([{"B": one} for one in mine], [[]] * len(mine), arguments)
        return depart.is_given_in_all(states, 0, "B", exercise)

    assert is_given(a) and is_given(a.reshape(3, 2)) and is_given(np.arange(4)) and is_given(np.array(7))
    assert not is_given(a + 1) and not is_given(a.T) and not is_given(a[:1]) and not is_given(np.array(8))
    assert is_given(a, a) and not is_given(a, a + 1) and not is_given(a + 1, a)
    states, exercise = of_states([{}], [[]], [{"a": a}])
    assert not depart.is_given_in_all(states, 0, "B", exercise)


def test_axes_of_length_one_make_no_difference():
    a = np.arange(6.0)
    for one, other, is_equal in (
        (a, a, True),
        (a.reshape(6, 1), a, True),
        (a, a.reshape(1, 6, 1), True),
        (a.reshape(2, 3), a.reshape(2, 1, 3), True),
        (a.reshape(2, 3), a.reshape(3, 2), False),
        (a.reshape(2, 3), a, False),
        (a, a + 1, False),
        (np.array(0.3), np.array([[0.3]]), True),
    ):
        assert depart.is_equal_if_squeezed(one, other) == is_equal, (one, other)


def origin(steps, right, end, name, given=(), states=()):
    """find_origin of the name before the step `end`: {(line, name)} of the arrays that are right, and the lines.

    steps: "reads -> writes" of each, in lines 10, 12, ...; each is of two lines.
    """
    parts = [step.partition("->")[::2] for step in steps]
    mine = [depart.Step(10 + 2 * i, 11 + 2 * i, {*r.split()}, {*w.split()}) for i, (r, w) in enumerate(parts)]
    states = [depart.TrialStates(one, [], None) for one in states or [[dict.fromkeys("abcdex", 1)] * len(mine)]]
    return depart.find_origin(depart.AnswerTrace(mine, [], states, set(right), set(given)), end, name)


def test_the_lines_of_a_mistake_lie_between_a_result_and_the_arrays_that_are_right():
    steps = ["a -> c", "b -> d", "c d -> e", "e b -> x"]
    assert origin(steps, {(0, "c")}, 4, "x") == ({(11, "c")}, {12, 13, 14, 15, 16, 17})
    assert origin(steps, {(0, "c"), (1, "d")}, 4, "x") == ({(11, "c"), (13, "d")}, {14, 15, 16, 17})
    assert origin(steps, {(1, "c")}, 4, "x") == (set(), set(range(10, 18)))
    assert origin(steps, {(0, "c"), (2, "e")}, 4, "x") == ({(15, "e")}, {16, 17})
    assert origin(steps, {(0, "c")}, 4, "x", given={(1, "d")}) == ({(11, "c")}, {14, 15, 16, 17})
    assert origin(steps, (), 2, "d") == (set(), {12, 13}) and origin(steps, (), 4, "b") == (set(), set())
    twice = ["a -> c", "c -> c", "c -> x"]  # the value that is used is that of the step before
    assert origin(twice, {(0, "c")}, 3, "x") == ({(11, "c")}, {12, 13, 14, 15})
    assert origin(twice, {(1, "c")}, 3, "x") == ({(13, "c")}, {14, 15})
    split = ["a -> c", "c -> d", "a -> c", "c d -> x"]
    assert origin(split, {(1, "d")}, 4, "x") == ({(13, "d")}, {14, 15, 16, 17})
    assert origin(split, {(0, "c")}, 4, "x") == ({(11, "c")}, {12, 13, 14, 15, 16, 17})
    assert origin(twice, {(2, "x")}, 3, "x") == ({(15, "x")}, set())  # what is returned is not compared again


def test_an_array_that_changes_before_it_is_used_is_no_place_to_begin():
    steps = ["a -> c", "a -> d", "c -> x"]
    same, other = [{"c": 1}, {"c": 1}, {"c": 2}], [{"c": 1}, {"c": 2}, {"c": 2}]
    assert origin(steps, {(0, "c")}, 3, "x", states=[same]) == ({(11, "c")}, {14, 15})
    assert origin(steps, {(0, "c")}, 3, "x", states=[other]) == (set(), set())
    assert origin(steps, {(0, "c")}, 3, "x", states=[same, other]) == (set(), set())
    assert origin(steps, {(0, "c")}, 3, "x", states=[[{"c": 1}, {}, {}]]) == (set(), set())
    results = ["a -> x", "a -> y"]
    assert origin(results, {(0, "x")}, 2, "x", states=[[{"x": 1}, {"y": 1}]]) == ({(11, "x")}, set())


def test_the_last_function_of_a_name_counts():
    source = "x = 1\ndef f(): return 1\ndef f(): return 2\ndef g(): return 3\ny = 4\n"
    assert depart.last_function(source, "f").lineno == 3 and depart.last_function(source, "g").lineno == 4


def test_a_file_is_traced_only_if_its_last_line_returns_and_it_runs_again(tmp_path):
    body = "mean = (weights * dweights).sum(axis=-1, keepdims=True)\ndscores = np.sinh(dweights - mean)"

    def finder_input():
        return not_searched("softmax_backward", body, tmp_path)

    found = finder_input()
    trace = found.answer_trace
    assert trace.is_right == {(1, "mean")} and not trace.is_given  # the first step is the text at the top
    draws = found.exercise.draw_trials(11)
    assert len(trace.states) == len({states.draw.weights.tobytes() for states in trace.states}) == 2 * len(draws)
    found.outcome.notes.trials[0]["right"] = ["dscores"]
    assert depart.find_first_wrong_trial_index(found) == 1
    found = finder_input()
    found.verdict = found.verdict._replace(name="a sign")
    assert found.answer_trace is None and depart.judge_departure(found) is None
    found = finder_input()
    found.attempt = found.attempt._replace(source=found.attempt.source.replace("    return", "    if 1: return"))
    assert found.answer_trace is None
    for failing in (range(99), range(1)):  # always, and when it is called for the first wrong trial
        found, calls = finder_input(), []
        function = found.attempt.module.softmax_backward

        def called_again(*arguments, failing=failing, calls=calls, function=function):
            calls.append(1)
            return 1 / 0 if len(calls) - 1 in failing else function(*arguments)

        found.attempt.module.softmax_backward = called_again
        assert found.answer_trace is None
    for arguments, needs_torch in ((True, False), (False, True)):
        exercise = SimpleNamespace(arguments=arguments, needs_torch=needs_torch)
        assert depart.trace_answer(SimpleNamespace(exercise=exercise, attempt=None, verdict=found.verdict)) is None


def test_of_what_is_right_no_departure_is_said(tmp_path):
    found = not_searched("softmax_backward", RIGHT["softmax_backward"], tmp_path)
    found.verdict = found.verdict._replace(passed=False, name="not right")
    found.outcome.notes.trials[0]["right"] = []
    assert found.answer_trace.is_right and depart.judge_departure(found) is None


def confirmed(name, body, folder, monkeypatch, seed):
    """Try each claim of the verdict on an answer: on draws that the marker has not seen. The verdict."""
    exercise, edits = BY_NAME[name], []
    described = repair.make_place
    monkeypatch.setattr(repair, "make_place", lambda some, *how: edits.append((some, how[1])) or described(some, *how))
    found = marked(name, body, folder, seed)
    function = partial(called, exercise, load_learner_module(folder / f"{name}.py"))
    fresh = [g for i in range(20, 23) for g in exercise.iter_uncached_trials(i)]
    named = [mistake for mistake in exercise.known_mistakes if mistake.name == found.name and "it seems." in found.text]
    if named and "Two" not in found.text:  # one name may stand for several, of several results, say
        output = found.text.partition(":")[0]
        returned = [(g, function(g).get(output)) for g in fresh]
        returned = [(g, mine) for g, mine in returned if mine is not None]  # for others, it may end in an error
        assert returned and any(
            all(
                agree(mine, exercise.wrong_results_with_mistake(mistake, g).get(output, getattr(g, output)))
                for g, mine in returned
            )
            for mistake in named
        ), found
    if "different, " in found.text and "would be right" in found.text:
        ((some, results),) = edits[-1:]
        for edit in some:
            after = [(g, edited(exercise, folder, edit, g)) for g in fresh]
            assert all(set(results) <= find_right_result_names(exercise, g, TrialResult(now)) for g, now in after), (
                found
            )
            if "more of your numbers" in found.text:
                both = [(g, [*function(g).values()], now) for g, now in after]
                was, now = map(np.concatenate, zip(*right_entries(exercise, both), strict=True))
                assert (was <= now).all() and now.sum() > was.sum(), found
    return found


def right_entries(exercise, both):
    """(whether it was right, whether it is now) of each entry of all results. both: [(inputs, results, results now)]"""
    for g, *before_and_after in both:
        rights = [np.asarray(getattr(g, name), np.float64) for name in exercise.gives]
        right, *several = (repair.flatten(results, rights) for results in (rights, *before_and_after))
        yield [np.zeros(right.shape, bool) if a is None else abs(a - right) <= 1e-9 * abs(right).max() for a in several]


def called(exercise, module, g):
    with suppress(Exception), redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        results = run_trial(exercise, getattr(module, exercise.function.name), g).results
        return dict(zip(exercise.gives, results, strict=False))
    return {}


def edited(exercise, folder, edit, g):
    """The results with an edit."""
    budget = Budget(100_000)
    names = {**vars(load_learner_module(folder / f"{exercise.name}.py")), SPEND_NAME: budget.spend}
    names |= {make_hidden_name(size): value for size, value in sizes(g).items()}
    with apply_edit_temporarily(edit), suppress(Exception, Stopped), np.errstate(all="ignore"):
        exec(compile(ast.Module([edit.function], []), "edited", "exec"), names)
        return run_trial(exercise, names[exercise.function.name], g).results
    return []


def wrong_answers(exercise):
    """What learners write, every known mistake, and some with a second one."""
    for name, body, mark, _ in everything_written():
        if name == exercise.name and body and mark != "passed" and "{" not in body and not mark.startswith("error"):
            yield body
    yield from (exercise.change_formula(mistake.change) for mistake in exercise.known_mistakes)
    yield from (pair.code for pair in exercise.mistake_pairs[::40])


WRITTEN = [exercise.name for exercise in EXERCISES if exercise.inputs and not exercise.needs_torch]
# A fourth of the answers to each exercise. Most parts take seconds; each run takes one in 32.
PARTS = [(name, part) for name in WRITTEN for part in range(4)]
EVERY_DAY_PART = "positions_backward", 0


@pytest.mark.parametrize(("name", "part"), schedule(PARTS, every_day=[EVERY_DAY_PART], in_turn=32))
def test_the_claims_of_all_verdicts_are_so(name, part, tmp_path, monkeypatch):
    for body in [*wrong_answers(BY_NAME[name])][part::4]:
        with monkeypatch.context() as patched:
            confirmed(name, body, tmp_path, patched, seed=5)


# A line, its arrays and their shapes, and what is said of it ("" if they fit).
INNER = "In a matrix product, the inner numbers must be equal: "
ENTRIES = (
    "For an operation entry by entry, the shapes are compared starting from the last axis: two lengths must be equal, "
    "or one of them must be 1."
)
TURNED = " (.T reverses all axes; .swapaxes(-1, -2) swaps only the last two.)"
PRODUCT = " (`*` multiplies entry by entry; the matrix product is `@`.)"
AN_AXIS = " would fit: keepdims=True in a sum or max keeps that axis, and [..., None] adds it."
MISFITS = [
    ("a @ b", (2, 3), (3, 4), ""),
    ("a @ b", (2, 3), (3,), ""),
    ("a @ b", (3,), (3, 4), ""),
    ("a @ b", (5, 2, 3), (3, 4), ""),
    ("a @ b", (5, 2, 3), (1, 3, 4), ""),
    ("a @ b", (5, 2, 3), (5, 3, 4), ""),
    ("a @ b", (2, 3), (), ""),  # a number has no shape: Python says what is wrong
    ("a // b", (2, 3), (4, 5), ""),
    ("a @ b", (2, 3), (4, 3), f"In a @ b, the shapes are (2, 3) @ (4, 3). {INNER}3 is not 4."),
    ("a @ b", (2, 3), (4,), f"In a @ b, the shapes are (2, 3) @ (4,). {INNER}3 is not 4."),
    ("a @ b", (2, 3), (5, 4, 6), f"In a @ b, the shapes are (2, 3) @ (5, 4, 6). {INNER}3 is not 4."),
    (
        "a @ b", (2, 3), (2, 3),
        f"In a @ b, the shapes are (2, 3) @ (2, 3). {INNER}3 is not 2. (`@` is the matrix product; `*` multiplies "
        "entry by entry.)",
    ),
    (
        "a @ b", (5, 2, 3), (4, 3, 2),
        "In a @ b, the shapes are (5, 2, 3) @ (4, 3, 2). The axes before the last two must agree: @ multiplies "
        "matrices pair by pair along them.",
    ),
    ("a.T @ b", (2, 3), (3, 4), f"In a.T @ b, the shapes are (3, 2) @ (3, 4). {INNER}2 is not 3."),
    ("a.T @ b", (4, 2, 3), (4, 2, 5), f"In a.T @ b, the shapes are (3, 2, 4) @ (4, 2, 5). {INNER}4 is not 2.{TURNED}"),
    ("a @ b.T", (4, 2, 3), (4, 5, 3), f"In a @ b.T, the shapes are (4, 2, 3) @ (3, 5, 4). {INNER}3 is not 5.{TURNED}"),
    ("a * b", (2, 3), (3,), ""),
    ("a * b", (2, 3), (2, 1), ""),
    ("a * b", (2, 3), (4, 5), f"In a * b, the shapes are (2, 3) * (4, 5). {ENTRIES}"),
    ("a * b", (2, 3), (2, 4), f"In a * b, the shapes are (2, 3) * (2, 4). {ENTRIES}{PRODUCT}"),
    ("a * b", (2, 3), (4, 3), f"In a * b, the shapes are (2, 3) * (4, 3). {ENTRIES}{PRODUCT}"),
    ("a * b", (2, 3), (3, 5), f"In a * b, the shapes are (2, 3) * (3, 5). {ENTRIES}{PRODUCT}"),
    ("a + b", (2, 3), (2, 4), f"In a + b, the shapes are (2, 3) + (2, 4). {ENTRIES}"),
    ("a * b", (5, 2, 3), (5, 2, 4), f"In a * b, the shapes are (5, 2, 3) * (5, 2, 4). {ENTRIES}"),
    ("a - b", (2, 3), (2,), f"In a - b, the shapes are (2, 3) - (2,). {ENTRIES} (2, 1){AN_AXIS}"),
    ("a / b", (2,), (2, 3), f"In a / b, the shapes are (2,) / (2, 3). {ENTRIES} (2, 1){AN_AXIS}"),
    ("a ** b", (2, 3), (4,), f"In a ** b, the shapes are (2, 3) ** (4,). {ENTRIES}"),
    ("a += b", (2, 3), (4,), f"In a += b, the shapes are (2, 3) + (4,). {ENTRIES}"),
    ("k = a >= b", (2, 3), (4,), f"In a >= b, the shapes are (2, 3) >= (4,). {ENTRIES}"),
    ("k = 2 * (a  -  b)", (2, 3), (4,), f"In a - b, the shapes are (2, 3) - (4,). {ENTRIES}"),
    ("k = (a - y) * b", (2, 3), (4,), f"In (a - y) * b, the shapes are (2, 3) * (4,). {ENTRIES}"),
    ("k = b * (a -\n    y)", (2, 3), (4,), f"In b * (a - y), the shapes are (4,) * (2, 3). {ENTRIES}"),
    ("k = a - c", (2, 3), (4,), f"In a - c, the shapes are (2, 3) - (2,). {ENTRIES} What is c?"),
    ("k = c - a", (2, 3), (4,), f"In c - a, the shapes are (2,) - (2, 3). {ENTRIES} What is c?"),
    ("k = a + nonsense; a + b", (2, 3), (4,), f"In a + b, the shapes are (2, 3) + (4,). {ENTRIES}"),
    (f"k = (a{' + 0' * 15}) - b", (2, 3), (4,), f"The shapes are (2, 3) - (4,). {ENTRIES}"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "a", "b", "said"), MISFITS)
def test_what_is_said_of_shapes_that_do_not_fit(line, a, b, said):
    """Of the line with the error alone, not of the one before or after it."""
    variables = {"a": np.ones(a), "b": np.ones(b), "c": np.ones(2), "y": 1.0}
    source = f"c + a.T.T.T\n{line}\nc @ b.T @ c"
    found = complaints.explain_misfit_in_line(source, 2, variables, {"c": "What is c?"})
    assert (found or "")[:1].upper() + (found or "")[1:] == said
    assert (variables["a"] == 1).all() and variables["a"].shape == a


# An error in a line of a file, and all that is said of it.
WITH_NAMES = Words(
    [
        ["ValueError", "bad (\\d+)", "^k", r"It is \1."],
        ["ValueError", "bad", "", "The second row."],
        ["PyTorch", "slow", "", "Of PyTorch."],
    ],
    [["v", "old_v", "So far it is old_v."], ["u", "old_u", "Not here."], ["w", "", "It is nowhere."]],
    {},
    set(),
)
HINTS = {"B": "B is the number of images.", "exp": "exp is a hint."}
OF_ERRORS = [
    ("v = 0.9 * v", "UnboundLocalError", "`v` has no value yet. So far it is old_v."),
    ("x = 1; v += 1", "UnboundLocalError", "`v` has no value yet. So far it is old_v."),
    ("k = v; v = 1", "UnboundLocalError", "`v` has no value yet. So far it is old_v."),
    ("k = v\n    v = 1", "UnboundLocalError", "variable 'v' ... (UnboundLocalError)"),
    ("u = u + 1", "UnboundLocalError", "variable 'u' ... (UnboundLocalError)"),
    ("k = v", "NameError", "There is no `v` here. So far it is old_v."),
    ("k = u", "NameError", "There is no `u` here."),
    ("k = w", "NameError", "There is no `w` here. It is nowhere."),
    ("k = B * 2", "NameError", "There is no `B` here. B is the number of images."),
    ("k = exp(2)", "NameError", "There is no `exp` here. exp is a hint."),
    ("k = tanh(2)", "NameError", "There is no `tanh` here. Do you mean `np.tanh`?"),
    ("k = False_", "NameError", "There is no `False_` here."),  # which NumPy has
    ("k = OLD_v", "NameError", "There is no `OLD_v` here. Do you mean `old_v`?"),
    ("k = wide", "NameError", "There is no `wide` here. Do you mean `WIDE`?"),
    ("k = prinf(2)", "NameError", "There is no `prinf` here."),  # what Python has itself is not what was meant
    ("k = mathe", "NameError", "There is no `mathe` here."),  # nor is a module
    ("k = quite_another", "NameError", "There is no `quite_another` here."),
    ("out[0] += 1", "NameError", "There is no `out` yet. First make an array, then fill in its entries."),
    ("out[0] = 1", "NameError", "There is no `out` yet. First make an array, then fill in its entries."),
    ("out[0] == 1", "NameError", "There is no `out` here."),
    ("DIAGNOSIS = mean", "NameError", 'Put it in quotes: "mean".'),
    ("k = stop_with(ValueError('bad 7'))", "ValueError", "It is 7."),
    ("stop_with(ValueError('bad 7'))", "ValueError", "The second row."),
    ("stop_with(ValueError('good\\nand more'))", "ValueError", "Good (ValueError)"),
    ("stop_with(ValueError('x' * 400))", "ValueError", f"X{'x' * 299} (ValueError)"),
    ("stop_with(NameError('so it is'))", "NameError", "So it is (NameError)"),  # it has no name
    ("stop_with(UnboundLocalError('so it is'))", "UnboundLocalError", "So it is (UnboundLocalError)"),
    ("stop_with(ValueError())", "ValueError", "No message (ValueError)"),
    ("stop_with(ValueError('bad and slow'))", "ValueError", "The second row."),
    ("stop_with(TypeError('slow'))", "TypeError", "Slow (TypeError)"),
    ("torch = 1; stop_with(TypeError('slow'))", "TypeError", "Of PyTorch."),
    ("stop_with(Own('so it is'))", "ValueError", "It raises Own: so it is"),
    ("stop_with(Own('bad 7'))", "ValueError", "The second row."),
    ("stop_with(Silent())", "Exception", "It raises Silent: no message"),
    ("def g(): pass\n    g(1)", "TypeError", "g() takes 0 positional arguments but 1 was given (TypeError)"),
    ("stop_with(Wrong('returns None', 'it says so.'))", "", "It says so."),
    ("stop_with(UserError('it says so.'))", "Exception", "It says so."),
]
FUNCTION_WITH_ERROR = """
import math; WIDE = 2
from marker.verdict import Wrong
from support.errors import UserError
class Own(ValueError): pass
class Silent(Exception):
    def __str__(self): return 1 / 0
def f(old_v):
    {}
"""


@pytest.mark.parametrize(("line", "error", "said"), OF_ERRORS)
def test_what_is_said_of_an_error(line, error, said, tmp_path):
    path = str(tmp_path / "answer.py")
    source = FUNCTION_WITH_ERROR.format(line)
    (tmp_path / "answer.py").write_text(source, encoding="utf-8-sig")
    names = {"stop_with": stop_with}  # in another file
    exec(compile(source, path, "exec"), names)
    with pytest.raises(Exception) as caught:
        names["f"](1)
    verdict = complaints.make_error_verdict(caught.value, path, WITH_NAMES, HINTS)
    place, _, text = verdict.text.partition("\n")
    last_line = line.split("\n")[-1].strip() if "def g" in line else line.split("\n")[0]
    assert place == f"Line {9 + ('def g' in line)}: {last_line}"
    start, dots, end = said.partition(" ... ")  # Python's own words
    assert text == said or (dots and start in text and text.endswith(end))
    assert verdict.error == error and not verdict.passed
    assert verdict.name == ("returns None" if "Wrong(" in line else "error")


def stop_with(error):
    raise error


def test_of_an_error_that_no_line_of_the_file_has_raised_only_the_error_is_explained():
    """So it is with a file that Python cannot read, of which the line is known anyway."""
    assert complaints.explain_error_in_file(ValueError("bad 7"), "answer.py", WITH_NAMES) == "The second row."
    words = WITH_NAMES._replace(errors=[["unreadable SyntaxError", "never closed", r"^k = \(2", "Count them."]])
    with pytest.raises(SyntaxError) as caught:
        compile("n = 1\n  \nif n:\n    k = (2\n", "answer.py", "exec")
    said = complaints.explain_error_in_file(caught.value, "answer.py", words)
    assert said == "Line 4: k = (2\nPython cannot read this line: '(' was never closed. Count them."
    assert complaints.explain_error_in_file(caught.value, "another.py", words).endswith("(SyntaxError)")


def test_a_verdict_has_the_part_of_its_mark_that_is_shown():
    sentences = Sentences([("vague", "Said of {what}.")], [("vague: at length", "Much is said of {what}.")])
    verdict = sentences.verdict("vague: at length", what="it")
    assert verdict == Verdict(False, "vague", "Much is said of it.") and not verdict.drawn
    assert sentences.verdict("vague", drawn=True, what="it").drawn and sentences.marks == {"vague"}
    error = sentences.make_exception("vague: at length", what="it")
    assert (error.mark, str(error)) == ("vague", "Much is said of it.")


def test_only_known_marks_reach_a_table():
    assert make_failing_verdict("not finite", 7) == Verdict(False, "not finite", "7")
    assert make_failing_verdict("of a folder", "It is so.", {"of a folder"}).summary == "of a folder"
    other = make_failing_verdict("Robert'); DROP TABLE", "It is so.", {"of a folder"})
    assert (other.passed, other.name, other.text, other.summary) == (False, "error", "It is so.", "error: Exception")
    assert Verdict(True, "with imports", "").summary == "passed, with imports"
    assert is_error_name("KeyError") and is_error_name("AxisError")  # NumPy's, of which said.md says something
    assert not is_error_name("print") and not is_error_name("OwnError")


def test_a_verdict_is_vague_unless_it_names_the_remedy():
    assert is_vague(Verdict(False, "wrong shape", "")) and is_vague(Verdict(False, "changes its input", ""))
    assert not is_vague(Verdict(False, "wrong shape", "", whole=True)) and not is_vague(Verdict(False, "a sign", ""))


TABLES = r"""# Title

| not | read |

## Errors

Words.

| error | message | statement | said |
| --- | --- | --- | --- |
| OSError | | | Another. |
| TypeError | `a\|b` | | `x` and `y` |
| KeyError | | `^k` | |

## Without a table

Words.

## More

| mark | said |
| --- | --- |
| far: too | So. |
| near | |

## Operands

| name | said |
| --- | --- |
| `y` | What is y? |

## Names

| name | beside | said |
| --- | --- | --- |
| v | old_v | So. |
"""


def test_a_table_of_sentences_is_read_cell_by_cell(tmp_path):
    """An empty last cell repeats the one above, and backticks around a whole cell are not part of it."""
    (tmp_path / "said.md").write_text(TABLES)
    assert read_tables_by_heading(tmp_path / "said.md") == {
        "Errors": [
            ["OSError", "", "", "Another."],
            ["TypeError", "a|b", "", "`x` and `y`"],
            ["KeyError", "", "^k", "`x` and `y`"],
        ],
        "More": [["far: too", "So."], ["near", "So."]],
        "Operands": [["y", "What is y?"]],
        "Names": [["v", "old_v", "So."]],
    }
    assert read_tables_by_heading(tmp_path / "none.md") == {}
    words, own = Words.from_folder(tmp_path), Words.from_folder()
    assert words.marks == {"far", "near"} and words.operands == {"y": "What is y?"}
    # The rows of a folder come first: the first row that fits is said.
    assert words.errors[0][0] == "OSError" and words.errors[3:] == own.errors and len(own.errors) > 10
    assert words.names == [["v", "old_v", "So."], *own.names] and len(own.names) > 1
    assert {len(row) for row in own.names} == {3} and {len(row) for row in own.errors} == {4}
    assert own.marks == set() and own.operands == {}


def test_texts_are_joined():
    assert join_texts([]) == "" and join_texts(["one"]) == "one" and join_texts(["one", "two"]) == "one and two"
    assert join_texts(["one", "two"], "or") == "one or two" and join_texts(["two", "its"], "more") == "two and its more"


def test_a_whole_program_is_judged_by_its_examination():
    calls = []

    def examine(*arguments):
        calls.append(arguments)
        return Grade(True, "passed", "It learns.")

    kind = Program(examine, "exercises.own", ask=lambda *arguments: calls.append(arguments), gives={"loss": "a number"})
    notes = kind.Notes()
    kind.fill_notes(Attempt("exercise", 7, "module", "source", "on_progress"), notes)
    assert kind.judge(None, 7, Outcome(notes)) == Verdict(True, "passed", "It learns.")
    assert kind.can_be_checked_by_calls(None) and not Program(examine).can_be_checked_by_calls(None)
    kind.check_by_calls("exercise", "functions", 9)
    assert calls == [("module", 7, "on_progress"), ("functions", 9)] and kind.gives == {"loss": "a number"}
    error = Verdict(False, "error", "", error="KeyError")
    assert kind.judge(None, 7, Outcome(notes, error=error)) is error
    for passed, mark, name in ((True, "not finite", "not finite"), (False, "passed", "error"), (False, "x", "error")):
        verdict = kind.judge(None, 7, Outcome(kind.Notes(passed, mark, "So.")))
        assert (verdict.passed, verdict.name, verdict.text) == (False, name, "So.")


def test_the_right_file_of_a_program_has_the_answer_in_place_of_the_functions():
    stub = '"""Title."""\n\nimport math\n\n\ndef first(x):\n    ...\n\n\ndef second(x):\n    ...\n'
    exercise = SimpleNamespace(stub=stub, answer="def first(x):\n    return r'\\1'")
    right = Program(None).make_right_file(exercise)
    assert right == '"""Title."""\n\nimport math\n\n\ndef first(x):\n    return r\'\\1\'\n'


def test_a_kind_of_exercise_has_defaults():
    kind = Kind()
    exercise = SimpleNamespace(answer="a = 1\nb = 2", why="So.", stub="stub", fill_stub="filled: {}".format)
    assert kind.list_solution_paragraphs(exercise) == ["    a = 1\n    b = 2", "So."]
    assert kind.make_right_file(exercise) == "filled: a = 1\nb = 2"
    assert not kind.can_be_checked_by_calls(exercise) and kind.count_printed_lines(exercise) == 0
    assert kind.format_title("Title", needs_torch=True) == "Title"
    marks = {"stub": "not written", "filled: a = 1\nb = 2": "with imports"}
    assert [*kind.iter_problems(exercise, lambda text: Verdict(False, marks[text], ""))] == []
    wrong = kind.iter_problems(exercise, lambda text: Verdict(True, "passed", "It\nis so."))
    assert [*wrong] == ["the stub should get the mark 'not written', but gets 'passed': It is so."]
    wrong = kind.iter_problems(exercise, lambda text: Verdict(False, "not written", "Nothing."))
    assert [*wrong] == ["the answer should get the mark 'passed', but gets 'not written': Nothing."]
