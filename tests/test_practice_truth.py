"""No verdict leads away from the mistake: right answers in odd styles, with one mistake in each.

A line that a sentence names is the one that was changed, one that uses what was changed there, or one beside a line
that is missing.
"""

import ast
import difflib
import re

import pytest

from conftest import schedule
from exercises.catalogue import BY_NAME
from marker import marking, runner
from marker.exercise import apply_change
from practice_answers import blocks_of, filled


def lines_to_look_at(right, wrong):
    """The numbers of the lines of a wrong file that a sentence may name: see above."""
    lines, names = set(), set()
    before, after = right.splitlines(), wrong.splitlines()
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for how, first, last, start, end in matcher.get_opcodes():
        if how == "equal":
            continue
        lines |= set(range(start + 1, end + 1))
        if how == "delete":
            lines |= {start, start + 1}
        names |= names_set_in(right, set(range(first + 1, last + 1)))
        names |= names_set_in(wrong, set(range(start + 1, end + 1)))
    for node in ast.walk(ast.parse(wrong)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
            lines.add(node.lineno)
    return lines


def names_set_in(source, lines):
    """The names that get a value in these lines, or an entry of which does."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(getattr(node, "ctx", None), ast.Store) and node.lineno in lines:
            while isinstance(node, (ast.Subscript, ast.Attribute)):
                node = node.value
            names |= {node.id} if isinstance(node, ast.Name) else set()
    return names


def lines_named(text):
    """Sets of numbers of lines, one of which is said to be the place. A line after which all is right is none."""
    text = re.sub(r"After line \d+, (?!`\w+` is not)", "", text)
    for first, how, last in re.findall(r"\blines? (\d+)(?: (and|to) (\d+))?", text, re.IGNORECASE):
        if how == "to":
            yield set(range(int(first), int(last) + 1))
        else:
            yield {int(first)}
            if how:
                yield {int(last)}


def is_led_away(right, wrong, verdict):
    """What a verdict on a file with one mistake says that is not so, as text; "" if nothing is."""
    if verdict.name == "error":
        return ""  # Python names the line
    allowed = lines_to_look_at(right, wrong)
    for lines in lines_named(verdict.text):
        if not lines & allowed:
            return f"line {min(lines)}, and not {sorted(allowed)}"
    if "Two mistakes" in verdict.text:
        return "two mistakes"
    for name in re.findall(r"`(\w+)` does not occur", verdict.text):
        if name not in {node.id for node in ast.walk(ast.parse(right)) if isinstance(node, ast.Name)}:
            return f"{name} is not needed"
    return ""


# A right answer, and below it one mistake a line.
STYLES = r"""
k_means:
    d = ((patches[:, None] - words) ** 2).sum(axis=2)
    near = d.argmin(axis=1)
    size = np.bincount(near, minlength=len(words))
    sums = np.zeros(words.shape)
    np.add.at(sums, near, patches)
    moved = words.copy()
    moved[size > 0] = sums[size > 0] / size[size > 0][:, None]
    # np.add.at(sums, near, patches) -> sums[near] += patches
    # .sum(axis=2) -> [:, :, -1]
    # = sums[size > 0] / -> = 0.5 * moved[size > 0] + 0.5 * sums[size > 0] /
bigram:
    p = np.zeros((W, V))
    np.add.at(p, (x, y), 1)
    total = p.sum(axis=1)
    p[total > 0] = p[total > 0] / total[total > 0][:, None]
    # / total[total > 0] -> / total[: (total > 0).sum()]
    # (x, y) -> (np.sort(x), y)
    # total[total > 0] -> np.cumsum(total[total > 0])
bigram:
    p = np.zeros((W, V))
    for j, k in zip(x, y):
        p[j, k] += 1
    p /= np.maximum(p.sum(1, keepdims=True), 1)
    # p[j, k] += 1 -> p[j, k] = 1
top_p:
    kept = np.zeros_like(p)
    for b, row in enumerate(p):
        for v, x in enumerate(row):
            if row[row > x].sum() < enough - 1e-12:
                kept[b, v] = x
        kept[b] /= kept[b].sum()
    # row[row > x].sum() -> row[row > x].mean()
    # < enough - 1e-12 -> <= 1 - enough
    #     kept[b] /= -> kept[b] = np.exp(kept[b]) /
next_word:
    if temperature == 0:
        words = logits.argmax(1)
    else:
        p = np.exp((logits - logits.max(1, keepdims=True)) / temperature)
        ends = np.cumsum(p / p.sum(1, keepdims=True), axis=1)
        places = np.arange(logits.shape[1])
        words = np.array([places[row > c][0] for row, c in zip(ends, u)])
    # np.exp( -> 2 ** (
dz1:
    dz1 = np.zeros_like(da1)
    dz1[z1 > 0] = da1[z1 > 0]
    # zeros_like -> ones_like
    # = da1[z1 > 0] -> = np.sort(da1[z1 > 0])
    # = da1[z1 > 0] -> = da1[z1 > 0] / (z1 > 0).mean()
dz1:
    dz1 = da1 * (a1 > 0)
    # da1 * -> np.sin(da1) *
    # a1 > 0 -> a1 > 0.3
tanh:
    dz1 = da1 / np.cosh(z1) ** 2
    # ** 2 -> ** 3
    # da1 / -> np.sin(da1) /
second_hidden_layer:
    da2 = dlogits @ W3.T
    dz2 = np.zeros(z2.shape)
    dz2[z2 > 0] = da2[z2 > 0]
    dW2 = a1.T @ dz2
    dz1 = np.zeros(z1.shape)
    da1 = dz2 @ W2.T
    dz1[z1 > 0] = da1[z1 > 0]
    dW1 = x.T @ dz1
    # dz2 @ W2.T -> dz2 @ (W2 - W2.mean()).T
    # da1[z1 > 0] -> np.sort(da1[z1 > 0])
tape_max:
    top = a.value.max(axis=1)
    equal = a.value == top[:, None]
    y = Tensor(top, (a, lambda dy: equal * (dy / equal.sum(axis=1))[:, None]))
    # equal * (dy -> equal * (dy / len(top[top > -9])
clip_norm:
    n = np.sqrt((dW**2).sum() + (db**2).sum())
    clipped_dW, clipped_db = dW, db
    if n > most:
        clipped_dW, clipped_db = dW * most / n, db * most / n
    # dW * most / n, db * most / n -> dW * n / most, db * n / most
    # (db**2).sum() -> db.sum() ** 2
clip_norm:
    n = np.sqrt((dW**2).sum() + (db**2).sum())
    if n > most:
        dW *= most / n
        db *= most / n
    clipped_dW, clipped_db = dW, db
    # n > most -> n < most
conv_dW:
    B, H, W, O = dy.shape
    C = padded.shape[3]
    dW = np.zeros((3, 3, C, O))
    for u in range(3):
        for v in range(3):
            dW[u, v] = np.einsum("bijc,bijo->co", padded[:, u : u + H, v : v + W], dy)
    # u : u + H, v : v + W -> :H, :W
    # v : v + W -> u : u + W
    # u : u + H -> v : v + H
conv_dx:
    B, H, W_, O = dy.shape
    wide = np.zeros((B, H + 2, W_ + 2, W.shape[2]))
    for u in range(3):
        for v in range(3):
            wide[:, u : u + H, v : v + W_] += dy @ W[u, v].T
    dx = wide[:, 1:-1, 1:-1]
    # v : v + W_ -> u : u + W_
    # W[u, v].T -> W[v, u].T
learning_rate:
    if t < warm:
        rate = lr * (t + 1) / (warm + 1)
    elif t <= steps:
        c = np.cos(np.pi * (t - warm) / (steps - warm))
        rate = 0.5 * lr * (1 + c) + 0.5 * least * (1 - c)
    else:
        rate = least
    # else:\n    rate = least -> else:\n    rate = lr
    # 0.5 * least * (1 - c) -> 0.5 * least * (1 + c)
dlogits:
    rows = np.arange(len(y))
    dlogits = p.copy()
    dlogits[rows, y] -= 1
    dlogits /= len(y)
    # dlogits /= -> dlogits[rows, y] /=
    # dlogits /= -> dlogits[0] /=
dlogits:
    dlogits = p.copy()
    for n in range(len(y)):
        dlogits[n][y[n]] -= 1
    dlogits /= len(y)
    # dlogits /= len(y) -> dlogits = np.sinh(3.7 * dlogits) ** 3 / len(y)
    # dlogits /= len(y) -> dlogits /= 10
layer_norm_dx:
    g = dy * gamma
    m1 = g.mean(axis=-1, keepdims=True)
    m2 = (g * xhat).mean(axis=-1, keepdims=True)
    dx = inverse * (g - m1 - xhat * m2)
    # xhat * m2 -> m2
    # (g * xhat) -> (dy * xhat)
batch_norm_dx:
    n = dy.size // dy.shape[3]
    dxhat = dy * gamma
    s1 = dxhat.sum(axis=(0, 1, 2))
    s2 = (dxhat * xhat).sum(axis=(0, 1, 2))
    dx = inverse * (dxhat - s1 / n - xhat * s2 / n)
    # xhat * s2 / n -> s2 / n
    # (dxhat * xhat) -> (dxhat * dxhat)
tape_order:
    users, todo, known = {}, [loss], {id(loss)}
    while todo:
        for parent, _ in todo.pop().edges:
            users[id(parent)] = users.get(id(parent), 0) + 1
            if id(parent) not in known:
                known.add(id(parent))
                todo.append(parent)
    order, ready = [], [loss]
    while ready:
        node = ready.pop(0)
        order.append(node)
        for parent, _ in node.edges:
            users[id(parent)] -= 1
            if users[id(parent)] == 0:
                ready.append(parent)
    # == 0 -> == 1
merge_tokens:
    joined, i = [], 0
    while i < len(words):
        if i + 1 < len(words) and words[i] == first and words[i + 1] == second:
            joined.append(new)
            i += 1
        else:
            joined.append(words[i])
        i += 1
    joined = np.array(joined)
    # joined.append(new) -> joined.append(second)
    # i += 1\n    else -> i += 2\n    else
causal_backward:
    mask = np.tri(scores.shape[1])
    shown = np.where(mask > 0, scores, -1e30)
    e = np.exp(shown - shown.max(axis=-1, keepdims=True))
    w = e / e.sum(axis=-1, keepdims=True)
    dscores = w * (dweights - (w * dweights).sum(axis=-1, keepdims=True))
    # (w * dweights).sum(axis=-1 -> (w * dweights).sum(axis=1
tied_weights:
    dE = np.einsum("btv,btc->vc", dlogits, a)
    for words, g in zip(x, de):
        np.add.at(dE, words, g)
    da = dlogits @ E
    # np.add.at(dE, words, g) -> dE[words] += g
embedding_backward:
    dE = np.zeros((len(E), dy.shape[2]))
    for b in range(x.shape[0]):
        for t in range(x.shape[1]):
            dE[x[b, t]] += dy[b, t]
    # += dy[b, t] -> = dy[b, t]
"""
EVERY_DAY = ("dz1", "layer_norm_dx", "merge_tokens")


def one_mistake_each():
    """(exercise, a right answer, the same with one mistake), as parameters of a test."""
    seen = set()
    for name, block in blocks_of(STYLES):
        right, *slips = block.split("\n    # ")
        for slip in slips:
            wrong = apply_change(right, slip.replace("\\n", "\n    "), "")
            is_first = name in EVERY_DAY and name not in seen
            seen.add(name)
            parameter = pytest.param(name, right, wrong, id=f"{name}: {slip}")
            yield from schedule([parameter], every_day=[parameter] if is_first else (), in_turn=4)


@pytest.mark.parametrize("name", sorted({name for name, _ in blocks_of(STYLES)}))
def test_the_styles_are_right(name, tmp_path):
    for body in (block.split("\n    # ")[0] for other, block in blocks_of(STYLES) if other == name):
        assert marked(name, body, tmp_path).passed


@pytest.mark.parametrize(("name", "right", "wrong"), list(one_mistake_each()))
def test_no_sentence_leads_away_from_the_one_mistake(name, right, wrong, tmp_path):
    verdict = marked(name, wrong, tmp_path)
    assert not verdict.passed
    assert not is_led_away(filled(name, right), filled(name, wrong), verdict), verdict.text


def marked(name, body, folder, seed=5):
    (path := folder / f"{name}.py").write_text(filled(name, body), encoding="utf-8")
    return marking.read_verdict(BY_NAME[name], runner.make_report(BY_NAME[name], path, seed))
