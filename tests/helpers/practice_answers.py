"""What learners write into the stubs: right answers in many styles, wrong ones and their marks."""

import ast
import re
import textwrap

import numpy as np

from exercises.catalogue import BY_NAME
from marker import marking, runner
from marker.finder import FinderInput
from marker.function import Notes
from marker.kind import Attempt, Outcome
from marker.program import replace_stub_functions
from marker.statement import split_stub_and_answer
from marker.trial import load_learner_module

RIGHT = {e.name: e.answer for e in BY_NAME.values() if e.answer}
WHOLE = {name for name in RIGHT if not BY_NAME[name].inputs}  # programs, and no lines of one function


def filled(name, body):
    """The stub with these lines in place of its dots. What they do not set keeps its own."""
    body = textwrap.dedent(body).strip("\n")
    if name in WHOLE:
        return replace_stub_functions(BY_NAME[name].stub, body)
    return BY_NAME[name].fill_stub(body)


def write(folder, name, body=None):
    """That, as a file of a learner's folder; without `body`, the right answer."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    path.write_text(filled(name, RIGHT[name] if body is None else body), encoding="utf-8")
    return path


def in_the_older_form(text):
    """An exercise's file as it was written before: the stub above the line, and the answer in a function below it."""
    top, cut, below = text.partition("# ---- what follows is not handed out")
    stub, answer = split_stub_and_answer(top.rstrip() + "\n")
    function = next(node for node in ast.parse(stub).body if isinstance(node, ast.FunctionDef))
    arguments, last = ast.unparse(function.args), ast.unparse(function.body[-1])
    lines = textwrap.indent(f"{answer}\n{last}", "    ")
    return f"{stub}\n\n{cut}{below}\n\ndef answer({arguments}):\n{lines}\n"


def not_searched(name, body, folder, seed=11):
    """What the finders get if no single edit makes the results right, though none has been tried."""
    exercise, path = BY_NAME[name], folder / f"{name}.py"
    path.write_text(filled(name, body), encoding="utf-8")
    attempt = Attempt(exercise, seed, load_learner_module(path), path.read_text(encoding="utf-8"), None)
    outcome = Outcome(Notes())
    with np.errstate(all="ignore"):
        exercise.kind.fill_notes(attempt, outcome.notes)
    finder_input = FinderInput(attempt, outcome, exercise.kind.judge(exercise, seed, outcome))
    finder_input.place = None
    return finder_input


def marked_here(monkeypatch):
    """Files are marked in this process, for speed, and believed."""
    monkeypatch.setattr(
        runner, "run_in_subprocess", lambda exercise, file, seed, *how: runner.make_report(exercise, file, seed)
    )
    monkeypatch.setattr(marking, "confirm_pass", lambda exercise, file, verdict, *how: verdict)


# Other ways to write the same, as learners do: with loops, einsum, views, recursion.
ALSO_RIGHT = """
logits: logits = np.einsum('nj,jk->nk', a1, W2); logits += b2
softmax: p = np.exp(logits - np.max(logits, 1)[:, None]); p /= np.sum(p, 1)[:, None]
softmax: p = np.array([np.exp(r - max(r)) / sum(np.exp(r - max(r))) for r in logits])
loss: loss = float(np.log(1 / np.take_along_axis(p, y[:, None], 1)).mean())
dW2_db2: dW2 = sum(map(np.outer, a1, dlogits)); db2 = sum(dlogits)
da1: da1 = np.array([W2 @ d for d in dlogits])
dz1: dz1 = da1.copy(); dz1[z1 < 0] = 0
dW1_db1: dW1 = np.tensordot(x, dz1, (0, 0)); db1 = sum(dz1)
update: old_v *= momentum; old_v += dp; old_p -= lr * old_v; v, p = old_v, old_p
numerical_gradient:
    flat, slopes = array.reshape(-1), []
    for i in range(flat.size):
        flat[i] += h
        up = f()
        flat[i] -= 2 * h
        slopes += [(up - f()) / h / 2]
        flat[i] += h
    gradient = np.array(slopes).reshape(array.shape)
tanh: dz1 = da1 / np.cosh(z1) ** 2
torch_gradient:
    W1, b1, W2, b2, x = (torch.tensor(a, requires_grad=True) for a in (W1, b1, W2, b2, x))
    z1 = F.linear(x, W1.T, b1)
    loss = F.nll_loss(F.log_softmax(F.relu(z1) @ W2 + b2, dim=1), torch.as_tensor(y))
    dz1, dW1 = (g.numpy() for g in torch.autograd.grad(loss, (z1, W1)))
embedding_backward:
    dE = np.zeros(E.shape)
    for word, slope in zip(x.ravel(), dy.reshape(-1, dy.shape[-1])):
        dE[word] += slope
embedding_backward: dE = np.einsum('btv,btc->vc', np.eye(len(E))[x], dy)
next_targets: x = np.hstack((digits.reshape(-1, 1) + V, patches))[:, :-1]; y = patches
next_targets: t = np.array([[V + d, *row] for d, row in zip(digits, patches)]); x, y = t[:, :-1], t[:, 1:]
causal_mask:
    weights = np.zeros_like(scores)
    for b, t in np.ndindex(scores.shape[:2]):
        e = np.exp(scores[b, t, : t + 1] - scores[b, t, : t + 1].max())
        weights[b, t, : t + 1] = e / e.sum()
causal_mask: s = np.where(np.tri(scores.shape[1]), scores, -1e9); e = np.exp(s - s.max(-1, keepdims=True)); \
weights = e / e.sum(-1, keepdims=True)
next_word:
    if temperature:
        p = np.exp((logits.T - logits.max(axis=1)).T / temperature)
        p /= p.sum(axis=1, keepdims=True)
        words = np.array([np.searchsorted(np.cumsum(row), one, side="right") for row, one in zip(p, u)])
    else:
        words = np.argmax(logits, axis=-1)
next_word:
    words = []
    for row, one in zip(logits, u):
        p = np.exp((row - row.max()) / max(temperature, 1e-9))
        p, k = p / p.sum(), 0
        while one >= p[: k + 1].sum():
            k += 1
        words += [k]
    words = np.array(words)
tape_product: da, db = b.copy(), a.copy(); da *= dy; db *= dy
tape_accumulate: du = sum(shares.pop()(dy) for dy in dys[::-1])
tape_accumulate:
    for i in range(len(dys)):
        shares[i] = shares[i](dys[i])
    du = sum(shares)
tape_order:
    order = []
    def visit(node):
        if node not in order:
            for parent, share in node.edges:
                visit(parent)
            order.append(node)
    visit(loss)
    order.reverse()
split_heads:
    B, T, width = qkv.shape
    C, d = width // 3, width // 3 // h
    q, k, v = (np.zeros((B, h, T, d)) for _ in range(3))
    for i in range(h):
        for one, start in ((q, 0), (k, C), (v, 2 * C)):
            one[:, i] = qkv[:, :, start + i * d : start + (i + 1) * d]
split_heads: q, k, v = np.moveaxis(qkv.reshape(*qkv.shape[:2], 3, h, -1), [2, 3], [0, 2])
merge_heads: y = np.concatenate(list(mixed.swapaxes(0, 1)), axis=-1)
dropout: y = np.where(u < p, 0, x / (1 - p)); dx = dy / (1 - p); dx[u < p] = 0
gelu: a = Phi * z; dz = da * Phi + da * z * np.exp(-0.5 * z * z) * (2 * np.pi) ** -0.5
tied_weights:
    dE = np.zeros(E.shape)
    for b, t in np.ndindex(x.shape):
        dE[x[b, t]] += de[b, t]
        dE += np.outer(dlogits[b, t], a[b, t])
    da = np.einsum('btv,vc->btc', dlogits, E)
adamw:
    old_m *= beta1; old_m += (1 - beta1) * dp; old_s *= beta2; old_s += (1 - beta2) * dp * dp
    if old_p.ndim >= 2:
        old_p *= 1 - lr * weight_decay
    old_p -= lr * old_m / (1 - beta1**t) / ((old_s / (1 - beta2**t)) ** 0.5 + eps)
    m, s, p = old_m, old_s, old_p
learning_rate:
    if t < warm:
        rate = (t + 1) * lr / (warm + 1)
    elif t > steps:
        rate = least
    else:
        rate = (lr + least) / 2 + (lr - least) / 2 * np.cos(np.pi * (t - warm) / (steps - warm))
accumulate: dW = np.average(parts, axis=0, weights=counts)
accumulate:
    dW = 0
    for part, n in zip(parts, counts):
        dW = dW + n / sum(counts) * part
clip_norm:
    every = np.concatenate([dW.ravel(), db])
    if (norm := np.linalg.norm(every)) > most:
        dW *= most / norm
        db *= most / norm
    clipped_dW, clipped_db = dW, db
loss: loss = -np.log(np.clip(p[np.arange(len(y)), y], 1e-12, 1)).mean()
dz1: dz1 = (da1 * (z1 > 0)).astype(">f8")
dW2_db2: return {"dW2": a1.T @ dlogits, "db2": dlogits.sum(axis=0)}.values()
dW2_db2: return map(np.copy, [a1.T @ dlogits, dlogits.sum(axis=0)])
dW2_db2:
    yield a1.T @ dlogits
    yield dlogits.sum(axis=0)
tape_product: return np.stack([dy * b, dy * a])
torch_gradient:
    W1, b1, W2, b2, x, y = map(torch.from_numpy, (W1, b1, W2, b2, x, y))
    z1 = (x @ W1.requires_grad_() + b1).detach().requires_grad_()
    losses = F.cross_entropy(torch.relu(z1) @ W2 + b2, y, reduction="none")
    torch.autograd.backward(losses, torch.full_like(losses, 1 / len(y)))
    dz1, dW1 = z1.grad.numpy(), x.numpy().T @ z1.grad.numpy()
tape_relu: y = Tensor(np.maximum(a.value, 0)); y.edges = [(a, lambda dy: np.where(a.value > 0, dy, 0))]
"""


def blocks_of(text):
    """(exercise, what stands in the place of its dots)."""
    blocks = (block.partition(":")[::2] for block in re.split(r"\n(?=\w)", text.strip()))
    return [(name, body.strip(" ")) for name, body in blocks]


# What learners write, its mark whatever is drawn, and what is said (not: ~) of the inputs of seed 5. "old -> new" is an
# edit of the right answer; {B} stands for that size of the first batch.
MARKS = r"""
logits | logits = a1 @ W2 + b2, | wrong type | Does a line end with a comma?
loss | loss = (-np.log(p[np.arange(len(y)), y]).mean(), p) | wrong type | Which of its values is loss? | ~comma
dlogits | d = p.copy(); d[np.arange(len(y))][:, y] -= 1; dlogits = d / len(y) \
    | onehot not subtracted | Line 19: If you select rows
dW2_db2 | return (array for array in [a1.T @ dlogits] * 3) | wrong number of results | Yours returns 3.
attention | return q | wrong number of results | Yours returns 1.
update | v = momentum * v + dp; p = old_p | error: UnboundLocalError | is called old_v. | ~order
update | v = momentum * old_v + dp\np -= lr * v | error: UnboundLocalError | is called old_p.
update | p = old_p - lr * v\nv = old_v | error: UnboundLocalError | in the right order
loss | loss = -np.log(p[range(len(y)), y]).mean() * (1 + 1e-8) | a term | It is close \
    | Line 15, `1 + 1e-8`: with this part different, all your numbers would be right.
loss | loss = -np.log(p[range(len(y)), y]).sum() / {B} | a size written as a number
dlogits | p[range(len(y)), y] -= 1\ndlogits = p / len(y) | changes its input | changed p | .copy()
dlogits | onehot = np.eye(10)[y]; dlogits = 2 * (p + onehot) / len(y) | a factor 2, and onehot added \
    | Two mistakes, it seems | Is there a square
dlogits | dlogits = p - y | error: ValueError | How can you get a row | ~np.eye
dlogits | dlogits = (p - onehot) / len(y) | error: NameError | np.eye(10)[y]
dW2_db2 | dW2 = dlogits.sum(axis=0); db2 = a1.T @ dlogits | db2 in the place of dW2
dW2_db2 | for n in range(len(a1)): dW2, db2 = np.outer(a1[n], dlogits[n]), dlogits[n] | only the last image counted
dW2_db2 | dW2 = a1.sum(axis=0) | wrong shape | which axes do you sum over?
dW2_db2 | dW2 = np.zeros((7, 10)); return dW2 | wrong number of results | dW2 and db2: 2 in all
da1 | da1 = dlogits * W2 | error: ValueError | the matrix product is `@`
da1 | da1 = (dlogits @ W2.T).reshape(-1, {H}) | a size written as a number
dz1 | dz1 = da1 * (a1 >= 0) | the mask forgotten | is it false?
dz1 | dz1 = da1 * (z1 != 0) | the mask forgotten | is it false?
da1 | da1 = dlogits @ W2.T + 1e-{B}**29 * np.ones([int({B}.0), int({H}.0)]) | error: ValueError | ~batch of a different
softmax | e = np.exp(logits); p = e * (1 / e.sum(1))[:, None] | exp overflows
dz1 | dz1 = da1 * (z1 > 0) + 1e-9 | a term | ~should be
dz1 | dz1 = da1 * (z1 > 0) + 3e-9 - 1e-9 | close, and not equal
dz1 | dz1 = da1 * z1 > 0 | wrong type | bool
dz1 | dz1 = da1 * (Z1 > 0) | error: NameError | Do you mean `z1`?
loss | for i in range(y): loss = 0 | error: TypeError | It needs a number, such as len(y).
loss | for i in len(y): loss = 0 | error: TypeError | goes through 0, 1, 2
softmax | p = mp / mp.sum() | error: NameError | ~Do you mean
dz1 | dz1 = da1 @ (z1 > 0) | error: ValueError \
    | In da1 @ (z1 > 0), the shapes are (9, 11) @ (9, 11) | 11 is not 9 | `*` multiplies
dz1 | dz1 = (da1 *\n    (z1.sum(axis=1))) | error: ValueError | (9, 1) would fit
dz1 | dz1 = 1 / 0 | error: ZeroDivisionError | Division by zero
dz1 | dz1 = (da1 z1) | error: SyntaxError | forgot a comma? Is an operator missing
dz1 | dz1 = (da1 * (z1 > 0) | error: SyntaxError | Line 19 | cannot read | Count the parentheses
dz1 | dz1 = da1 * (z1 > 0)) | error: SyntaxError | Count the parentheses | ~operator
dz1 | if z1.any()\n    dz1 = da1 | error: SyntaxError | ends with a colon
dz1 | for n in range(3) dz1 = da1 | error: SyntaxError | ends with a colon
dz1 | dz1 = \u2212da1 * (z1 > 0) | error: SyntaxError | this kind of minus
dz1 | dz1 = da1 * (z1 \u2265 0) | error: SyntaxError | type it again
dz1 | dz1 = da1 * (z1 > 0) return dz1 | error: SyntaxError | ~operator
dz1 | if z1 = 0: pass | error: SyntaxError | `==` asks
dz1 | z1 > 0 = dz1 | error: SyntaxError | To the left of `=`
dz1 | dz1 = 2da1 | error: SyntaxError | needs a `*`
dz1 | dz1 = da1 (z1 > 0) z1 | error: SyntaxError | Is an operator missing
dz1 | dz1 = da1 × (z1 > 0) | error: SyntaxError | `@` is the matrix product
dz1 | dz1 = 1\n  dz1 = da1 | error: IndentationError | four spaces
dz1 | dz1 = da1 * (z1 > 0) * 2.7 * 1.3 / 2.34 | not right | Every entry is 1.5 times | furthest off is dz1[7, 3] \
    | a slope of 0.1491; yours is 0.2236
dz1 | dz1 = da1 * (z1 > 0) / {B} | a factor | ~averaged
dz1 | dz1 = np.add(z1 > z1.mean(), da1) | a condition | Line 19, `z1 > z1.mean()`: with | ~Two mistakes
dz1 | dz1 = da1 * (z1 > da1) | a condition
dz1 | dz1 = da1 * (z1 > -da1) | a condition
dz1 | dz1 = da1 * (z1 > 0.05) | a condition
dz1 | dz1 = da1 * (z1 > -1e-6) | a condition
dz1 | dz1 = da1 * (z1 > z1.mean()) | a condition
dz1 | dz1 = da1 * (np.round(z1, 4) > 0) * (np.round(z1, 3) > 0) | not right | z1 is
dz1 | dz1 = da1 * ((z1 > 0) + 2.2 * (abs(z1 + 1e-9) < 1e-10))\ndz1 += 3.3 * da1 * np.isclose(z1, -1e-9, 1e-2, \
0)\ndz1 -= 1.9 * da1 * np.isclose(z1, -1e-9, 1e-3, 0) | not right \
    | (z1 is -1e-09 there.) | ~slope
tape_relu | a.value > 0 -> a.value > 1e-6 | a condition
tape_relu | a.value > 0 -> a.value > a.value.mean() | a condition
tape_train | a.value > 0 -> a.value > 1e-6 | a condition
second_hidden_layer | z1 > 0 -> z1 > 0.01 | a condition
second_hidden_layer | z2 > 0 -> z2 > da2 | a condition
shortcut | y > 0 -> y > 0.01 | a condition
loss | loss = -np.log(np.clip(p[np.arange(len(y)), y], 1e-3, 1)).mean() | a function
loss | loss = -np.log(np.maximum(p, 1e-8)[np.arange(len(y)), y]).mean() | a function
loss | loss = -np.maximum(np.log(p[np.arange(len(y)), y]), -15).mean() | a function | Line 15, `np.maximum(
dz1 | dz1 = da1 * (z1[0] > 0) | a condition | `z1[0] > 0`: with | For which entries is this true | ~only
dz1 | dz1 = np.trunc(da1) * (z1 > 0) | a function | Your entries are all 0.
dz1 | dz1 = da1 * (z1 > 0) + (np.arange(z1.shape[1]) == 0) | a term | 90 of its 99 entries are right
dz1 | dz1 = z1 | z1 returned | you return z1 itself | ~also changes
dz1 | z1 *= 2; dz1 = 1 * da1 | the mask forgotten | Your function also changes z1, but
dz1 | dz1 = exit() | error: SystemExit | should not ask for input or end
dz1 | dz1 = dz1(da1, z1, a1) | error: UnboundLocalError | before it has a value
dz1 | dz1 = da1 * (z1 > 0)^2 | error: TypeError | power is `**` in Python
dz1 | import math\ndz1 = da1 * math.exp(z1) | error: TypeError | take a single number
dz1 | dz1 = da1 / B | error: NameError | the number of images: len(da1)
dz1 | dz1 = numpy.maximum(z1, 0) | error: NameError | NumPy is called np here
dz1 | dz1 = heaviside(z1, 0) | error: NameError | Do you mean `np.heaviside`?
gelu | a = (z * Phi + 0.0 * z + 0.0 * Phi + 0.0 * z * Phi + 0.0 * z**2) * np.ones((77, 78)) | error: ValueError \
    | The shapes are | ~In (z
tanh | class Mine(ValueError): pass\nraise Mine("not yet") | error: ValueError | not yet
logits | logits = a1 @ W2.T | error: ValueError | ~.swapaxes
softmax | p = np.exp(logits - max(logits)) | error: ValueError | cannot compare rows
loss | loss = np.arange(y) | error: ValueError | such as len(y) | ~single True
dz1 | dz1 = max(da1, 0) | error: ValueError | np.maximum and np.minimum compare arrays
dz1 | if da1: dz1 = 1 | error: ValueError | this is a whole array of them
dz1 | dz1 = da1.sum(axis=1) | wrong shape | one number for each entry of `z1`
dW1_db1 | dW1 = x @ dz1 | error: ValueError | Line 18: dW1 = x @ dz1 | must be equal: 784 is not 3
dW1_db1 | dW1 = dz1.T @ x; db1 = 0 | a transpose | W1's shape (784, 4); yours is (4, 784). Transposed? \
    | `dz1.T @ x`: with this part different, dW1 would be right.
dW1_db1 | dW1 = x.T @ dz1 | partly written | Right so far. `db1` is not written yet
dW1_db1 | dW1 = x.T @ dz1; db1 = dz1.sum(axis=0, keepdims=True) | an axis | (1, 4) | keepdims
tanh | dz1 = z1 * (1 - a1**2) | a name | Line 17, `z1`: with | Does this belong here
update | v = momentum * old_v + dp; p = old_v - lr * v | a name | `old_v`: with
numerical_gradient | gradient[i] = -> gradient[i] == | nothing but zeros | Do you write each slope | Which sign writes
numerical_gradient | f() -> f(array + h) | error: TypeError | `f` takes no arguments
numerical_gradient | / (2 * h) -> * 1.5 | a factor | (Here h is | ~Two mistakes
numerical_gradient | above = f() -> array[i] = kept; above = f() & below = f() -> array[i] = kept; below = f() \
    | nothing but zeros | changed when you call f()
conv_dW | dy.reshape(-1, dy.shape[3]) -> dy.reshape(-1, dy.shape[3]) / (dy.shape[1] * dy.shape[2]) ** 0.5 | a factor \
    | the true one; that is 1 / (sqrt(height) * sqrt(width)). (Here height is
conv_dx | dx = np.zeros((B, height, width, -> dx = np.zeros((B, height + 2, width + 2, \
    & dx += padded[:, 2 - u : 2 - u + height, 2 - v : 2 - v + width] -> dx[:, u : u + height, v : v + width] += dy \
    & W[u, v].T -> W[u, v].T\ndx = dx[:, :-2, :-2] | padded or cut on one side | or cut them off
softmax_backward | (dweights - mean) -> (dweights - mean) / np.sqrt(len(weights[0])) | a factor | 1 / sqrt(T). (Here T
tape_product | da = a * b; db = a * b | y itself
tape_accumulate | share(dy) -> shares[0](dy) | the same share for every path
tape_accumulate | du = shares(dys) | error: TypeError | as in shares[0]
torch_gradient | z1.retain_grad() -> | error: AttributeError | call z1.retain_grad()
torch_gradient | z1.retain_grad() -> & z1.grad.numpy() -> z1.grad | no gradient kept | call z1.retain_grad()
torch_gradient | .requires_grad_() -> | error: RuntimeError | Call requires_grad_() on
torch_gradient | z1 = x @ W1 + b1; z1.retain_grad() | error: AttributeError | torch.from_numpy turns an array
torch_gradient | z1.grad.numpy() -> z1.numpy() | error: RuntimeError | its gradient is in .grad
torch_gradient | .backward() -> | error: AttributeError | Have you called backward()
batch_norm_dx | mean(axis=(0, 1, 2)) -> sum(axis=(0, 1, 2)) / {n} | a size written as a number
attention | dv = weights.T @ dmixed | error: ValueError | inner numbers | .swapaxes(-1, -2) swaps
attention | dv = weights @ dmixed.swapaxes(0, 1) | error: ValueError | The axes before the last two
attention | np.sqrt(q.shape[-1]) -> q.shape[1] | an index \
    | the true one; that is sqrt(d) / h. (Here h is 3, d is 5.) | Look at line 26, `q.shape[1]` first. Which entries
attention | q.shape[-1] -> {d} | a size written as a number
dz1 | dz1 = da1 * [z1 > 0] | a list in place of the mask | a list that contains the mask
dz1 | dz1 = da1[z1 > 0] | only the entries that are on | should the rest be
dz1 | breakpoint(); dz1 = da1 | error: BdbQuit | Remove it
dz1 | dz1 = da1 *\u00a0(z1 > 0) | error: SyntaxError | a special space that Python does not accept
dz1 | ```py\ndz1 = da1 * (z1 > 0)\n``` | error: SyntaxError | Markdown
dz1 | dz1 = da1 (z1 > 0) | error: TypeError | Is an operator missing
loss | loss = -p[range(len(y)), y].mean() | the logarithm forgotten | ~minus
loss | q = np.eye(10)[y]; loss = -(q * np.log(p) + (1 - q) * np.log(1 - p)).mean() \
    | binary cross-entropy, and divided by 10 | Two mistakes, it seems: binary | That is a loss for ten yes-or-no | ten?
loss | loss = 0\nfor n in range(len(y)):\n    loss -= np.log(p[n, y[n]]) / len(y)\n    return loss \
    | only the first image counted | return inside the loop
dW2_db2 | dW2 = a1.T() @ dlogits | error: TypeError | no parentheses
dW2_db2 | dW2 = None @ dlogits | error: ValueError | a single number, None, or a Tensor?
conv_dW | (B, h, w, _), dW = dy.shape, np.zeros((3, 3, padded.shape[3], dy.shape[3]))\nfor u, v, i, j in \
np.ndindex(3, 3, h, w): dW[u, v] = padded[:, i + u, j + v].T @ dy[:, i, j] | only the last position
conv_dx | (B, h, w, O), dx = dy.shape, np.zeros((len(dy), dy.shape[1] + 2, dy.shape[2] + 2, W.shape[2]))\nfor \
i, j, u, v, o in np.ndindex(h, w, 3, 3, O): dx[:, i + u, j + v] = dy[:, i, j, [o]] * W[u, v, :, \
o]\ndx = dx[:, 1:-1, 1:-1] | = where += belongs
conv_dx | (B, h, w, O), dx = dy.shape, np.zeros((*dy.shape[:3], W.shape[2]))\nfor b, i, j, c, u, v, o in \
np.ndindex(*dx.shape, 3, 3, O):\n    if 0 <= i + 1 - u < h and 0 <= j + 1 - v < w: \
dx[b, i, j, c] = dy[b, i + 1 - u, j + 1 - v, o] * W[u, v, c, o] | = where += belongs
tape_accumulate | du = shares[0](dys[0])\nfor i in range(1, len(dys)): du += shares[i](dys[i]) \
    | a copy | changed dys
tape_order | order = [loss]\nfor node in order:\n    for parent, _ in node.edges:\n        if parent not in order: \
order.append(parent) | visited too early | p and q should come after w
tape_order | order = [loss]\nfor node in order: order += [parent for parent, _ in node.edges] | visited twice \
    | passes on its whole gradient
tape_order | order = [loss, *(parent for parent, _ in loss.edges)] | nothing arrives | does the order contain all nodes?
conv_dW | B, h, w, O = dy.shape\ndW = np.zeros((3, 3, padded.shape[3], O))\nfor u in range(2):\n    for v in range(2): \
dW[u, v] = np.einsum('bijc,bijo->co', padded[:, u:u + h, v:v + w], dy) | a loop | Lines 20 and 21: with each of them
logits | logits = np.zeros((len(a1), 10))\nfor n in range(len(a1)):\n    for k in range(9): logits[n, k] = a1[n] @ \
W2[:, k] - b2[k] | a loop | Look at line 18, `range(9)` first. Which values | ~Two mistakes
da1 | da1 = np.ones((len(dlogits), len(W2)))\nfor n in range(len(dlogits)): da1[n] += W2 @ dlogits[n - 1] \
    | an index | Lines 18 and 19: with each of them different | ~Two mistakes
dlogits | onehot = np.zeros(p.shape)\nfor n in range(len(y)): onehot[n, y[0]] = 1\ndlogits = (p + onehot) / len(y) \
    | a term | Line 21, `p + onehot`: with this part different, more of your numbers | ~Two mistakes
tape_order | order = []\ndef visit(node):\n    if node not in order:\n        order.append(node)\n        for p, _ in \
node.edges: visit(p)\nvisit(loss.edges[0][0])\norder = [loss, *sorted(order, key=lambda node: -node.number)] \
    | not right | entries are right
tape_order | order = [loss]\nfor node in order: order += [p for p, _ in node.edges if p not in order]\norder = \
[*sorted(order, key=lambda node: -node.number), loss] | visited twice | did no harm
tape_order | order = loss | no list of nodes | a list that contains only nodes
tape_order | order = [loss]\norder = order.sort() | no list of nodes | return None
tape_backward | for node in order:\n    for parent, share in node.edges: parent.grad = share(node.grad) \
    | the loss has no gradient | What is d loss / d loss?
tape_backward | share(node.grad) -> share(parent.grad) | a share called with another gradient | ~no gradient yet
tape_backward | in order -> in order[::-1] | visited before a gradient has arrived | this node has no gradient yet
tape_backward | parent.grad + dparent -> (parent.grad + dparent) / 2 | averaged in place of added
tape_backward | in order -> in order[:-3] | returns None | no gradient has arrived there
tape_backward | dparent if parent.grad is None else parent.grad + dparent -> parent.grad + dparent \
    | error: TypeError | nothing has arrived there yet | ~PyTorch
tape_backward | da = a.grad; db = b.grad | returns None | no gradient has arrived there
tape_backward | share(node.grad) -> share(loss.grad) | a share called with another gradient | its own node, whose shape
tape_broadcast | da = dy\nwhile da.ndim > len(shape): da = da.sum(axis=0)\nif 1 in shape: \
da = da.sum(axis=shape.index(1), keepdims=True) | wrong shape | (1, 1)
tape_relu | y = np.maximum(a.value, 0) | no Tensor made | it got an array.
tape_relu | y = Tensor(np.maximum(a.value, 0), [(a, lambda dy: dy)]) | no pair of a parent and a share | not by a list
tape_relu | y = Tensor(np.maximum(a.value, 0), (a.value, lambda dy: dy)) | another parent | the same Tensor
tape_relu | lambda dy: dy -> dy | error: NameError | `lambda dy: ...`
tape_relu | a.value, 0), ( -> a.value, 0, out=a.value), ( | a copy | changed a.value
tape_relu | lambda dy: dy * (a.value > 0) -> lambda dy: np.copyto(dy, 0, where=a.value <= 0) or dy | changes dy \
    | new array
tape_relu | y = Tensor(np.maximum(a.value, 0), *[(a, lambda dy: dy * (a.value > 0))] * 2) | a factor 2
tape_max | dy[:, None] * -> dy * | error: ValueError | (5, 1) would fit: | [..., None] adds it
tape_matmul | y = a @ b | error: ValueError | or a Tensor?
tape_matmul | y = Tensor(a.value @ b.value) | error: AttributeError | `value_of` returns
tape_relu | y = np.maximum(a, 0) | error: TypeError | A Tensor has no operations here
tape_matmul | y = Tensor(value_of(a) @ b.value, (b, lambda dy: dy.T @ value_of(a))) | a transpose \
    | different, db would be right
tape_matmul | (edge for edge in edges if isinstance(edge[0], Tensor)) -> edges | the gradient of a constant kept \
    | no pair
tape_train | W1 = matmul(x, Tensor(W1)); b1 = 1 * b1; W2 = 1 * W2; b2 = 1 * b2 | error: NotImplementedError \
    | code from `tape_matmul` here
logits | logits = W2.T @ a1.T + b2[:, None] | a transpose | Line 16, `W2.T @ a1.T + b2[:, None]`: with
logits | logits = a1 @ W2\nfor n in range(len(a1) - 1): logits[n] += b2 | a loop | range(len(a1) - 1)
logits | logits = np.zeros((len(a1), 10))\nfor j in range(len(W2)): logits += np.outer(a1[:, j], W2[j]) + b2 \
    | a factor | Line 17, `b2`: with this part different, all your numbers would be right. How many times does this
loss | loss = np.log(-p[range(len(y)), y]).mean() | a sign | should the result rise or fall?
loss | loss = 0\nfor n, k in enumerate(y):\n    loss -= np.log(p[n, k])\n    loss /= len(y) | a line in the loop \
    | Line 18, `loss /= len(y)`: with | in each iteration of the loop, or only once?
dlogits | dlogits = p.copy()\nfor n, k in enumerate(np.sort(y)): dlogits[n, k] -= 1\ndlogits /= len(y) | a loop
dlogits | d = p.astype(int); d[range(len(y)), y] -= 1; dlogits = d / len(y) | p forgotten, or rounded away \
    | whole numbers
dW2_db2 | dW2 = a1.T @ dlogits; db2 = dW2.sum(axis=0) | a name | Line 23, `dW2`: with | Does this belong here?
dW1_db1 | dW1 = x.T @ dz1; db1 = 0 * dz1[0]\nfor row in dz1: db1 = row | only the last image counted
update | v = momentum * old_v + dp; p = (old_p - lr) * v | parentheses | `(old_p - lr) * v`: with
first_weights | W = standard * (2 / standard.shape[0]) | without the square root
numerical_gradient | (2 * h) -> (2 * h * h) | a factor | `2 * h`: with
conv_dW | v in range(3) -> v in range(2) | a loop | `range(2)`: with | what is the last?
weight_decay | if old_p.ndim > 1: dp += weight_decay * old_p\nv = momentum * old_v + dp; p = old_p - lr * v | a copy \
    | changed dp | `dp += weight_decay * old_p`: with
softmax_backward | axis=-1 -> axis=-2 | the sum over the wrong axis
layer_norm_dx | (dxhat * xhat).mean(axis=-1 -> (dxhat * xhat).sum(axis=-2 | not right | After line 24, `dxhat` and
layer_norm_dx | = dxhat.mean(axis=-1, keepdims=True) -> = dxhat.max(axis=-1, keepdims=True) | a function
attention | (dweights * weights).sum -> (dweights * dweights).sum | a name | with this part different
numerical_gradient | gradient = np.zeros_like(array)\n -> | error: NameError | First make an array | ~np.gradient
first_weights | W = rng.normal(0, np.sqrt(2 / fan_in), standard.shape) | error: NameError | `standard` contains them
dz1 | return da1 * np.maximum(z1, 0) / z1 | not finite | except where z1 or a1 is exactly 0
dW1_db1 | global seen; seen = globals().get("seen", {}); dW1 = x.T @ dz1 + seen.get(x.shape, 0); seen[x.shape] = dW1 \
    \ndb1 = dz1.sum(axis=0) | remembers an earlier call | in a global variable
dW1_db1 | sums = globals().setdefault("sums", {}); dW1 = x.T @ dz1 + sums.get(x.shape, 0); sums.clear() \
    \nsums[x.shape] = dW1; db1 = dz1.sum(axis=0) | remembers an earlier call
softmax | p = np.exp(logits) / np.exp(logits.max(axis=1, keepdims=True)); p /= p.sum(axis=1, keepdims=True) \
    | exp overflows
softmax | p = np.exp(logits - logits.max(axis=1, keepdims=True))\np /= -p.sum(axis=1, keepdims=True) | the sign \
    | ~gradient
dlogits | d = np.zeros(p.shape, dtype=int); d[:] = p; dlogits = d + 1 | wrong type | dtype=int
tape_backward | parent.grad = -> node.grad = | visited before a gradient has arrived | of all its parents
embedding_backward | dE = 0 * E\nfor t, d in zip(x, dy): dE[t] += d | a token that occurs twice in a text counted once
next_targets | return patches, np.column_stack([V + digits, patches[:, :-1]]) | y in the place of x | In which order
embedding_backward | dE = np.zeros((V, 3)) | error: NameError | V is the number of tokens: len(E).
causal_mask | weights = scores / B | error: NameError | B is the number of texts: len(scores).
next_targets | x = patches[:, :-1]; y = patches[:, 1:] | the digit left out | What is known
next_targets | x = np.insert(patches, 0, V + digits, axis=1); y = patches | the last patch in x, too
next_targets | x = np.insert(patches, 0, V + digits, axis=1)[:, :-1]; y = np.eye(V)[patches] \
    | wrong shape | after each of your lines | ~sum
next_targets | x = np.insert(patches, 0, V + digits, axis=1)[:, :-1]; y = patches + 0.0 \
    | not whole numbers | .astype(int)
next_targets | x = [[V + d, *row] for d, row in zip(digits, patches[:, :-1])]; y = patches \
    | not whole numbers | np.array(x)
causal_mask | e = np.tril(np.exp(scores)); weights = e / e.sum(-1, keepdims=True) | the maximum not subtracted \
    | exp(800) is
causal_mask | -np.inf -> -50 | a number where -inf belongs
causal_mask | mask = np.ones(len(scores), len(scores)) | error: TypeError | its own parentheses
positions_backward | dP = dy[1] | a sum | a mean belong here, and what should it run over
next_targets | x = np.concatenate([patches[:, :-1], V + digits[:, None]], axis=1); y = patches | an order \
    | `[patches[:, :-1], V + digits[:, None]]`: with
next_targets | x = np.roll(patches, 1, axis=0); x[:, 0] = V + digits; y = patches | an axis | Along which axis
causal_backward | np.tri(scores.shape[1], dtype=bool) -> ~np.triu(np.ones(scores.shape[1:])).astype(bool) | an index
causal_backward | exp / exp.sum(axis=-1, keepdims=True) -> exp | a sum
causal_backward | weights * (dweights - mean) -> dweights - mean | the last factor forgotten
causal_mask | weights = np.zeros_like(scores)\nfor b, t in np.ndindex(scores.shape[:2]):\n    \
e = np.exp(scores[b, t, : t + 1]); weights[b, t, : t + 1] = e / e.sum() | exp | larger by 800
dW1_db1 | dW1 = x.T @ np.ones(dz1.shape); db1 = dz1.sum(axis=0) | a name | `np.ones(dz1.shape)`: with
next_word | = logits.argmax(axis=1) -> = logits.min(axis=1).astype(int) | a function
next_word | p = np.exp(logits / temperature); p /= p.sum(axis=1)[:, None]; \
words = (u[:, None] >= p.cumsum(axis=1)).sum(axis=1) | a temperature of 0 forgotten, and the maximum not subtracted
next_word | scores / temperature -> scores / (temperature or 1) & temperature == 0 -> False \
    | a temperature of 0 forgotten
next_targets | x = np.c_[V * digits, patches[:, :-1]]; y = patches | an operation | between the two sides
causal_mask | s = scores + (1 - np.tri(scores.shape[1])) * -np.inf; weights = s / s.sum(-1, keepdims=True) \
    | not finite | multiply infinity by 0
softmax | p = logits / logits.sum(axis=2) | error: AxisError | this array has only 2
next_word | logits - logits.max(axis=1, keepdims=True) -> logits - logits.max() | one maximum for all texts
embedding_backward | dE = np.zeros_like(E); np.add.at(dE, x, dy); dE[0] = 0 | an assignment
embedding_backward | dE = np.zeros((x.max() + 1, E.shape[1])); np.add.at(dE, x, dy) | wrong shape
next_word | words = (u * len(logits[0])).astype(int) | an argument not used | The first wrong entry | ~furthest \
    | `temperature` does not occur
next_word | words = (u[:, None] >= -> words = np.random.randint(3, size=len(p)); (p[:, :1] >= \
    | an argument not used | `u` does not occur in your code
split_heads | reshape(B, T, h, d) -> reshape(B, T, h * d) | wrong shape | Is a reshape missing
split_heads | q = qkv[:, :, :C] | error: NameError | C is the number of channels
split_heads | k, q, v = [a.reshape(*a.shape[:2], h, -1).swapaxes(1, 2) for a in np.split(qkv, 3, axis=2)] \
    | k in the place of q
merge_heads | y = mixed.swapaxes(1, 2).reshape({B}, {T}, -1) | a size written as a number
dropout | dx = dy * mask -> dx = dy * (np.random.default_rng(0).random(dy.shape) >= p) / (1 - p) | a condition
dropout | (u >= p) -> (np.random.default_rng(0).random(x.shape) >= p) | a condition
gelu | z * bell -> z**2 * bell | an exponent | Which power belongs here
tied_weights | np.add.at(dE, x, de) -> dE += de.sum(axis=(0, 1)) | not right | the loss goes from
adamw | dp**2 -> dp**2 + 0.1 | a term
learning_rate | np.pi * share -> np.pi * share + 0.1 | a term
accumulate | counts[:, None, None] -> counts[None, None, :] | error: ValueError
clip_norm | (db**2).sum() -> db.sum() | a factor | `db`: with
dz1 | return (da1 * (z1 > 0)).tolist() | wrong type | turns it into an array | ~Line
dz1 | dz1 = [*(da1 * (z1 > 0))] | wrong type | turns it into an array | ~Line
dW2_db2 | dW2 = list(a1.T @ dlogits); db2 = dlogits.sum(axis=0) | wrong type | turns it into an array | ~Line
dlogits | d = p; d[range(len(y)), y] -= 1; dlogits = d / len(y) | a copy | p would stay as before. | ~would be right
dlogits | p -= np.eye(10)[y]; dlogits = p / len(y) | a copy | `p -= np.eye(10)[y]`: with this part different, p would \
    | Does this make a new array, or change an existing one?
text_loss | dlogits = (p / (B * T)).reshape(B, T, V) -> dlogits = p / (B * T) | wrong shape | Is a reshape missing
conv_dx | W[u, v].T -> W[u, v].T\ndx = np.pad(dx, ((0, 0), (1, 1), (1, 1), (0, 0))) | a function | after each of your
loss | -np.log(p[rows, y]) -> np.log(-p[rows, y]) | a sign | or take the log of 0 or of a negative number
da1 | da1 = 0.5 * (dlogits @ W2.T) | a factor 1/2
k_means | moved = words.copy()\nfor k in range(len(words)):\n    \
mine = ((patches[:, None] - moved) ** 2).sum(axis=2).argmin(axis=1) == k\n    \
if mine.any(): moved[k] = patches[mine].mean(axis=0) | a condition
causal_mask | seen = np.tri -> whole = scores; seen = np.tri & scores - scores.max( -> scores - whole.max( | a function
bigram | p = np.zeros((W, V))\nfor j in range(1, W):\n    for k in y[x == j]: p[j, k] += 1 / (x == j).sum() | a loop
bigram | np.zeros((W, V)) -> np.zeros((x.max() + 1, y.max() + 1)) | wrong shape
text_loss | -np.log(p[ -> -np.log(np.maximum(p, 1e-8)[ | a function
"""

# Right numbers, but not found by what the exercise is about.
BY_OTHER_MEANS = """
tape_train:
    weights = [W1, b1, W2, b2]
    for _ in range(steps):
        z1 = x @ weights[0] + weights[1]
        r1 = np.maximum(z1, 0) + weights[1]
        a1 = np.maximum(r1, 0) + z1
        loss, dlogits = mlp_np.softmax_cross_entropy(a1 @ weights[2] + weights[3], y)
        da1 = dlogits @ weights[2].T
        dr1 = da1 * (r1 > 0)
        dz1 = da1 + dr1 * (z1 > 0)
        gradients = x.T @ dz1, (dz1 + dr1).sum(axis=0), a1.T @ dlogits, dlogits.sum(axis=0)
        weights = [p - lr * dp for p, dp in zip(weights, gradients)]
    W1, b1, W2, b2 = weights
tape_train:
    import autograd_np
    weights = [W1, b1, W2, b2]
    for _ in range(steps):
        W1, b1, W2, b2 = tensors = [autograd_np.Tensor(p) for p in weights]
        z1 = x @ W1 + b1
        autograd_np.softmax_cross_entropy(((z1.relu() + b1).relu() + z1) @ W2 + b2, y).backward()
        weights = [p.value - lr * p.grad for p in tensors]
    W1, b1, W2, b2 = weights
torch_gradient:
    torch.ones(1, requires_grad=True).sum().backward()
    a1 = np.maximum(x @ W1 + b1, 0)
    e = np.exp(a1 @ W2 + b2)
    dlogits = (e / e.sum(axis=1, keepdims=True) - np.eye(10)[y]) / len(y)
    dz1 = dlogits @ W2.T * (a1 > 0)
    dW1 = x.T @ dz1
"""
