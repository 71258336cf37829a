"""What learners write into the stubs: right answers in many styles. (The chapters have one for each exercise.)"""

import re
import textwrap

from exercises import STUBS
from exercises.work import BY_NAME

# With Tensors made anew in each step, an order by recursion, and a sum for any broadcast.
TAPE = """
    def matmul(a, b):
        array = a.value if isinstance(a, Tensor) else a
        return Tensor(array @ b.value, (a, lambda dy: dy @ b.value.T), (b, lambda dy: array.T @ dy))
    def unbroadcast(dy, shape):
        while dy.ndim > len(shape):
            dy = dy.sum(axis=0)
        return dy
    def add(a, b):
        shares = [(t, lambda dy, t=t: unbroadcast(dy, t.value.shape)) for t in (a, b)]
        return Tensor(a.value + b.value, *shares)
    def relu(a):
        return Tensor(np.maximum(a.value, 0), (a, lambda dy: dy * (a.value > 0)))
    def backward(loss):
        order = []
        def visit(node):
            if node not in order:
                [visit(parent) for parent, _ in node.edges]
                order.insert(0, node)
        visit(loss)
        loss.grad = 1.0
        for node in order:
            for parent, share in node.edges:
                parent.grad = (0 if parent.grad is None else parent.grad) + share(node.grad)
    for step in range(steps):
        w1, c1, w2, c2 = Tensor(W1), Tensor(b1), Tensor(W2), Tensor(b2)
        logits = add(matmul(relu(add(matmul(x, w1), c1)), w2), c2)
        backward(cross_entropy(logits, y))
        W1, b1 = W1 - lr * w1.grad, b1 - lr * c1.grad
        W2, b2 = W2 - lr * w2.grad, b2 - lr * c2.grad
"""
TORCH = """
    W1 = torch.from_numpy(W1).requires_grad_()
    z1 = torch.from_numpy(x) @ W1 + torch.from_numpy(b1)
    z1.retain_grad()
    logits = torch.relu(z1) @ torch.from_numpy(W2) + torch.from_numpy(b2)
    F.cross_entropy(logits, torch.from_numpy(y)).backward()
    dz1 = z1.grad.numpy()
    dW1 = W1.grad.numpy()
"""
RIGHT_IN_NUMPY = BY_NAME["torch_gradient"].text.formula.replace("onehot", "np.eye(10)[y]").replace("/ B", "/ len(y)")
RIGHT = {e.name: e.text.formula for e in BY_NAME.values() if not e.case} | {"torch_gradient": TORCH}


def filled(name, body):
    """The stub with these lines in place of its dots. What they do not set keeps its own."""
    body = textwrap.dedent(body).strip("\n")
    dots = [name for name in BY_NAME[name].gives if not re.search(rf"\b{name}\b[^=\n]*=[^=]", body)]
    lines = textwrap.indent("\n".join([body, *(f"{name} = ..." for name in dots)]), "    ") + "\n"
    stub = (STUBS / f"{name}.py").read_text(encoding="utf-8")
    return re.sub(r"(^    \w+ = \.\.\..*\n)+", lambda _: lines, stub, flags=re.MULTILINE)


def write(folder, name, body=None):
    """That, as a file of a learner's folder; without `body`, the right answer."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    path.write_text(filled(name, RIGHT[name] if body is None else body), encoding="utf-8")
    return path


# Other ways to write the same, as learners do: with loops, einsum, np.dot, reshape, views, or the Jacobian itself.
ALSO_RIGHT = [
    ("logits", "logits = np.dot(a1, W2) + b2"),
    ("logits", "logits = np.einsum('nj,jk->nk', a1, W2); logits += b2"),
    ("logits", "logits = b2 + (W2.T @ a1.T).T"),
    ("logits", "logits = np.zeros((len(a1), 10))\nfor n in range(len(a1)):\n    logits[n] = a1[n].dot(W2) + b2"),
    ("logits", "logits = np.array([[sum(a1[n] * W2[:, k]) + b2[k] for k in range(10)] for n in range(len(a1))])"),
    ("softmax", "p = np.exp(logits - np.max(logits, 1)[:, None])\np /= np.sum(p, 1)[:, None]"),
    ("softmax", "e = np.exp(logits.T - logits.max(axis=1))\np = (e / e.sum(axis=0)).T"),
    ("softmax", "p = np.array([np.exp(r - max(r)) / sum(np.exp(r - max(r))) for r in logits])"),
    ("softmax", "m = logits.max(-1, keepdims=True)\n"
     "p = np.exp(logits - m - np.log(np.exp(logits - m).sum(-1, keepdims=True)))"),
    ("loss", "loss = np.mean(-np.log(p[range(len(y)), y]))"),
    ("loss", "loss = -(np.eye(10)[y] * np.log(p)).sum() / len(y)"),
    ("loss", "loss = 0\nfor n in range(len(y)):\n    loss -= np.log(p[n, y[n]]) / len(y)"),
    ("loss", "loss = float(np.log(1 / np.take_along_axis(p, y[:, None], 1)).mean())"),
    ("dlogits", "dlogits = (p - np.eye(10)[y]) / len(y)"),
    ("dlogits", "onehot = np.zeros_like(p)\nonehot[np.arange(p.shape[0]), y] = 1\n"
     "dlogits = p / len(p) - onehot / len(p)"),
    ("dlogits",
     "dlogits = p.copy()\nfor n, k in enumerate(y):\n    dlogits[n, k] = p[n, k] - 1\ndlogits = dlogits / y.size"),
    ("dlogits", "dlogits = (p - (np.arange(10) == y[:, np.newaxis])) / len(y)"),
    ("dW2_db2", "dW2 = np.einsum('nj,nk->jk', a1, dlogits)\ndb2 = np.ones(len(a1)) @ dlogits"),
    ("dW2_db2", "dW2 = (dlogits.T @ a1).T\ndb2 = np.einsum('nk->k', dlogits)"),
    ("dW2_db2", "dW2, db2 = 0, 0\nfor a, d in zip(a1, dlogits):\n    dW2 = dW2 + np.outer(a, d)\n    db2 = db2 + d"),
    ("da1", "da1 = np.dot(dlogits, W2.T)"),
    ("da1", "da1 = (W2 @ dlogits.T).T"),
    ("da1", "da1 = np.array([W2 @ d for d in dlogits])"),
    ("dz1", "dz1 = np.where(z1 > 0, da1, 0)"),
    ("dz1", "dz1 = da1.copy()\ndz1[z1 < 0] = 0"),
    ("dz1", "dz1 = da1 * (a1 > 0).astype(float)"),
    ("dz1", "dz1 = da1 * np.sign(a1)"),
    ("dW1_db1", "dW1 = np.tensordot(x, dz1, (0, 0))\ndb1 = dz1.sum(0)"),
    ("dW1_db1", "dW1 = sum(np.outer(x[n], dz1[n]) for n in range(len(x)))\ndb1 = sum(dz1)"),
    ("update", "v = old_v * momentum\nv += dp\np = old_p - lr * v"),
    ("update", "old_v *= momentum\nold_v += dp\nold_p -= lr * old_v\nv, p = old_v, old_p"),
    ("numerical_gradient", """
        flat, slopes = array.reshape(-1), []
        for i in range(flat.size):
            flat[i] += h
            up = f()
            flat[i] -= 2 * h
            slopes += [(up - f()) / h / 2]
            flat[i] += h
        gradient = np.array(slopes).reshape(array.shape)
    """),
    ("numerical_gradient", """
        gradient, kept = np.empty(array.shape), array.copy()
        for i, value in np.ndenumerate(kept):
            array[i] = value - h
            low = f()
            array[i] = value + h
            gradient[i] = 0.5 * (f() - low) / h
            array[...] = kept
    """),
    ("tanh", "dz1 = da1 * (1 - np.tanh(z1) ** 2)"),
    ("tanh", "dz1 = da1 / np.cosh(z1) ** 2"),
    ("tanh", "dz1 = (1 + a1) * (1 - a1) * da1"),
    ("second_hidden_layer", """
        dz2 = np.where(a2 > 0, np.einsum("nk,gk->ng", dlogits, W3), 0)
        dW2 = np.dot(a1.T, dz2)
        dz1 = dz2.dot(W2.T)
        dz1[z1 <= 0] = 0
        dW1 = (dz1.T @ x).T
    """),
    ("weight_decay", "if old_p.ndim == 2:\n    dp = dp + weight_decay * old_p\n"
     "v = momentum * old_v + dp\np = old_p - lr * v"),
    ("weight_decay", "v = momentum * old_v + dp + (weight_decay if len(old_p.shape) > 1 else 0) * old_p\n"
     "p = old_p - lr * v"),
    ("torch_gradient", """
        W1, b1, W2, b2, x = (torch.tensor(a, requires_grad=True) for a in (W1, b1, W2, b2, x))
        z1 = F.linear(x, W1.T, b1)
        loss = F.nll_loss(F.log_softmax(F.relu(z1) @ W2 + b2, dim=1), torch.as_tensor(y))
        dz1, dW1 = (g.numpy() for g in torch.autograd.grad(loss, (z1, W1)))
    """),
    ("batch_norm_dx", """
        n = dy.size // dy.shape[-1]
        sums, along = dy.reshape(n, -1).sum(0), (dy * xhat).reshape(n, -1).sum(0)
        dx = gamma * inverse / n * (n * dy - sums - xhat * along)
    """),
    ("conv_dW", "B, h, w, O = dy.shape\ndW = np.array([[np.einsum('bijc,bijo->co', padded[:, u:u+h, v:v+w], dy) "
     "for v in range(3)] for u in range(3)])"),
    ("conv_dW", """
        dW = np.zeros((3, 3, padded.shape[-1], dy.shape[-1]))
        for u, v, i, j in np.ndindex(3, 3, *dy.shape[1:3]):
            dW[u, v] += padded[:, i + u, j + v].T @ dy[:, i, j]
    """),
    ("conv_dx", """
        B, h, w, O = dy.shape
        big = np.zeros((B, h + 2, w + 2, W.shape[2]))
        for u in range(3):
            for v in range(3):
                big[:, u : u + h, v : v + w] += np.einsum("bijo,co->bijc", dy, W[u, v])
        dx = big[:, 1:-1, 1:-1]
    """),
    ("shortcut", "dz2 = np.where(y > 0, dy, 0)\ndx = dz2 + branch(dz2)"),
    ("softmax_backward", """
        dscores = np.zeros_like(weights)
        for b, i in np.ndindex(weights.shape[:2]):
            p = weights[b, i]
            dscores[b, i] = (np.diag(p) - np.outer(p, p)) @ dweights[b, i]
    """),
    ("softmax_backward",
     "dscores = weights * dweights - weights * np.einsum('bij,bij->bi', weights, dweights)[:, :, None]"),
    ("layer_norm_dx", """
        B, T, C = dy.shape
        rows, dxhat = xhat.reshape(B * T, C), (dy * gamma).reshape(B * T, C)
        dx = C * dxhat - dxhat.sum(axis=1)[:, None] - rows * (dxhat * rows).sum(axis=1)[:, None]
        dx = (dx * inverse.reshape(B * T, 1) / C).reshape(B, T, C)
    """),
    ("layer_norm_dx", """
        C = dy.shape[-1]
        jacobian = np.eye(C) - 1 / C - np.einsum("bti,btj->btij", xhat, xhat) / C
        dx = inverse * np.einsum("bti,btij->btj", dy * gamma, jacobian)
    """),
    ("attention", """
        d = q.shape[3]
        dweights = np.einsum("bhid,bhjd->bhij", dmixed, v)
        dscores = weights * (dweights - np.einsum("bhij,bhij->bhi", dweights, weights)[..., None])
        dq = np.einsum("bhij,bhjd->bhid", dscores, k) / d**0.5
        dk = np.einsum("bhij,bhid->bhjd", dscores, q) / d**0.5
        dv = np.einsum("bhij,bhid->bhjd", weights, dmixed)
    """),
    ("attention", """
        dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
        for at in np.ndindex(q.shape[:2]):
            p = weights[at]
            dv[at] = p.T @ dmixed[at]
            dp = dmixed[at] @ v[at].T
            ds = np.array([(np.diag(row) - np.outer(row, row)) @ d for row, d in zip(p, dp)])
            dq[at] = ds @ k[at] / np.sqrt(q.shape[3])
            dk[at] = ds.T @ q[at] / np.sqrt(q.shape[3])
    """),
    ("tape_product", "da = np.multiply(b, dy)\ndb = a * dy"),
    ("tape_product", "da, db = b.copy(), a.copy()\nda *= dy\ndb *= dy"),
    ("tape_broadcast", """
        da = dy
        while da.ndim > len(shape):
            da = da.sum(axis=0)
        for axis, length in enumerate(shape):
            if length == 1:
                da = da.sum(axis=axis, keepdims=True)
    """),
    ("tape_broadcast", """
        padded = (1,) * (dy.ndim - len(shape)) + shape
        da = dy.sum(axis=tuple(i for i, n in enumerate(padded) if n == 1), keepdims=True).reshape(shape)
    """),
    ("tape_broadcast", """
        da = np.zeros(shape)
        for at in np.ndindex(dy.shape):
            own = at[dy.ndim - len(shape) :]
            da[tuple(0 if n == 1 else i for i, n in zip(own, shape))] += dy[at]
    """),
    ("tape_accumulate", "du = sum(share(dy) for dy, share in zip(dys, shares))"),
    ("tape_accumulate", "du = np.zeros(dys.shape[1:])\nfor i in range(len(shares)):\n    du += shares[i](dys[i])"),
    ("tape_accumulate", "du = None\nfor dy, share in zip(dys, shares):\n"
     "    du = share(dy) if du is None else du + share(dy)"),
    ("tape_accumulate", "du = np.sum([f(dy) for f, dy in zip(shares, dys)], axis=0)"),
    ("tape_order", """
        order = []
        def visit(node):
            if node not in order:
                for parent, share in node.edges:
                    visit(parent)
                order.append(node)
        visit(loss)
        order.reverse()
    """),
    ("tape_order", """
        nodes = set()
        def collect(node):
            nodes.add(node)
            for parent, _ in node.edges:
                collect(parent)
        collect(loss)
        order = reversed(sorted(nodes, key=lambda node: node.number))
    """),
    ("tape_order", """
        users = {loss: 0}
        todo = [loss]
        while todo:
            for parent, _ in todo.pop().edges:
                if parent not in users:
                    todo.append(parent)
                users[parent] = users.get(parent, 0) + 1
        order, ready = [], [loss]
        while ready:
            order.append(ready.pop())
            for parent, _ in order[-1].edges:
                users[parent] -= 1
                if not users[parent]:
                    ready.append(parent)
    """),
    ("tape_backward", """
        for node in order:
            node.grad = 0
        loss.grad = 1
        for node in order:
            for parent, share in node.edges:
                parent.grad = parent.grad + share(node.grad)
        da = a.grad
        db = b.grad
    """),
    ("tape_backward", """
        grads = {node: np.zeros(node.value.shape) for node in order}
        grads[loss] = np.array(1.0)
        while order:
            node = order.pop(0)
            for parent, share in node.edges:
                grads[parent] += share(grads[node])
        da, db = grads[a], grads[b]
    """),
    ("tape_relu", "array = np.where(a.value > 0, a.value, 0)\ny = Tensor(array, (a, lambda dy: dy * (array > 0)))"),
    ("tape_relu", "def share(dy):\n    da = dy.copy()\n    da[a.value < 0] = 0\n    return da\n"
     "y = Tensor(a.value.clip(0), (a, share))"),
    ("tape_relu", "y = Tensor(np.maximum(a.value, 0))\ny.edges = [(a, lambda dy: np.where(a.value > 0, dy, 0))]"),
    ("tape_matmul", """
        product = np.dot(value_of(a), b.value)
        share_of_b = (b, lambda dy: value_of(a).T @ dy)
        if isinstance(a, Tensor):
            y = Tensor(product, (a, lambda dy: dy @ b.value.T), share_of_b)
        else:
            y = Tensor(product, share_of_b)
    """),
    ("tape_matmul", """
        pairs = [(b, lambda dy: np.einsum("nj,nk->jk", value_of(a), dy))]
        if isinstance(a, Tensor):
            pairs.append((a, lambda dy: (b.value @ dy.T).T))
        y = Tensor(value_of(a) @ b.value, *pairs)
    """),
    ("tape_train", TAPE),
]  # fmt: skip

# Wrong answers as learners write them, and the mark that each must get, whatever the numbers that are drawn.
LOOP = RIGHT["numerical_gradient"]
SHIFTED = "e = np.exp(logits - {})\np = e / e.sum(axis=1, keepdims=True)"
UPDATE = "v = momentum * old_v + dp\np = old_p - lr * v"
DECAY = RIGHT["weight_decay"]
NORM = RIGHT["batch_norm_dx"]
WRONG = [
    ("logits", "logits = a1 @ W2 + b2,", "wrong type"),
    ("loss", "loss = -np.log(p[np.arange(len(y)), y]).mean(),", "wrong type"),
    ("dlogits", "dlogits = (p - np.eye(10)[y]) / len(y),", "wrong type"),
    ("softmax", SHIFTED.format("logits.min(axis=1, keepdims=True)"), "the smallest subtracted"),
    ("softmax", SHIFTED.format("np.median(logits, axis=1, keepdims=True)"), "the median subtracted"),
    ("softmax", SHIFTED.format("logits.mean(axis=1, keepdims=True)"), "the mean subtracted"),
    ("softmax", SHIFTED.format("logits[:, 0:1]"), "the first logit subtracted"),
    ("softmax", SHIFTED.format("logits.max()"), "one maximum for the whole batch"),
    ("loss", "loss = -np.log(p[np.arange(len(y)), y] + 1e-8).mean()", "a small number added to p"),
    ("loss", "for n in range(len(y)):\n    loss = -np.log(p[n, y[n]])", "only the last image counted"),
    ("dlogits", "dlogits = p - y", "error: ValueError"),
    ("dlogits", "dlogits = (p - y[:, None]) / len(y)", "the digit itself subtracted, not its one-hot row"),
    ("dlogits", "dlogits = p - np.eye(10)[y] / len(y)", "only the one-hot divided by B"),
    ("dlogits", "dlogits = np.eye(10)[y] - p", "the sign, and not divided by B"),
    ("dlogits", "dlogits = p.copy()\ndlogits[:, y] -= 1\ndlogits /= len(y)", "1 subtracted in whole columns"),
    ("dlogits", "dlogits = np.zeros_like(p)\nfor n in range(len(y)):\n    dlogits[n, y[n]] = (p[n, y[n]] - 1) / len(y)",
     "only the true digit's entry filled"),
    ("dW2_db2", "dW2 = np.outer(a1.sum(axis=0), dlogits.sum(axis=0)); db2 = dlogits.sum(axis=0)",
     "sums multiplied where products belong summed"),
    ("dW2_db2", "dW2 = dlogits.sum(axis=0); db2 = a1.T @ dlogits", "db2 in the place of dW2"),
    ("dW2_db2", "for n in range(len(a1)):\n    dW2 = np.outer(a1[n], dlogits[n])\n    db2 = dlogits[n]",
     "only the last image counted"),
    ("dW1_db1", "dW1 = dz1.sum(axis=0); db1 = x.T @ dz1", "db1 in the place of dW1"),
    ("dW1_db1", "dW1 = x.T @ dz1\nfor row in dz1:\n    db1 = row", "the row of one image"),
    ("da1", "da1 = np.zeros((len(z1), len(W2)))\nda1[-1] = dlogits[-1] @ W2.T", "only the last image's row"),
    ("dz1", "dz1 = da1 * (a1 >= 0)", "a mask that is true everywhere"),
    ("dz1", "dz1 = da1 * (z1 != 0)", "a mask that is true everywhere"),
    ("dz1", "dz1 = da1 * (z1 > 0) + 1e-9", "close, and not equal"),
    ("update", UPDATE.replace("= momentum * old_v + dp", "= lr * (momentum * old_v + dp)"),
     "the learning rate on the whole velocity"),
    ("update", UPDATE.replace("momentum *", "0.9 *"), "0.9 in place of `momentum`"),
    ("update", "p = momentum * old_v + dp\nv = old_p - lr * p", "p in the place of v"),
    ("update", "v, p = old_v.copy(), old_p.copy()\nfor i in range(len(v)):\n    for j in range(v.shape[1]):\n"
     "        v[i, j] = momentum * v[i, j] + dp[i, j]\n        p[i, j] -= lr * v[i, j]", "error: IndexError"),
    ("numerical_gradient", LOOP.replace("gradient[i] =", "gradient[i] =="), "== where = belongs"),
    ("numerical_gradient", LOOP.replace("gradient[i] =", "gradient +="), "all slopes added into every entry"),
    ("numerical_gradient", LOOP.replace("np.ndindex(array.shape)", "np.ndindex(*array.shape[:1], array.shape[1])"),
     "error: IndexError"),
    ("second_hidden_layer", RIGHT["second_hidden_layer"] + "\ndz1, dz2 = dz2, dz1", "dz1 in the place of dz2"),
    ("second_hidden_layer", RIGHT["second_hidden_layer"].replace("(z2 > 0)", "(a2 >= 0)"),
     "a mask that is true everywhere"),
    ("second_hidden_layer",
     RIGHT["second_hidden_layer"] + "\nfor n in range(len(x)):\n    dW2 = np.outer(a1[n], dz2[n])",
     "only the last image counted"),
    ("weight_decay", DECAY.replace("dp + decay", "dp").replace("- lr * v", "- lr * v - lr * decay"),
     "the decay in p, not in v"),
    ("weight_decay", DECAY.replace("> 1", "== 1"), "only the biases decay"),
    ("weight_decay", DECAY.replace("lr * v", "lr * (dp + decay + momentum * v)"), "Nesterov's step"),
    ("weight_decay", DECAY.replace("= momentum *", "= 0.9 *"), "0.9 in place of `momentum`"),
    ("torch_gradient", TORCH.replace("z1.retain_grad()", ""), "error: AttributeError"),
    ("torch_gradient", TORCH.replace("z1.retain_grad()", "").replace("z1.grad.numpy()", "z1.grad"), "no gradient kept"),
    ("torch_gradient", RIGHT_IN_NUMPY, "without autograd"),
    ("batch_norm_dx", NORM.replace("(dy * xhat)", "dy"), "xhat forgotten inside the second mean"),
    ("batch_norm_dx", NORM.replace("xhat * along", "along"), "the second mean not multiplied by xhat"),
    ("batch_norm_dx", NORM.replace("mean(axis=(0, 1, 2))", "sum(axis=(0, 1, 2)) / (dy.size / dy.shape[3] - 1)"),
     "divided by n - 1"),
    ("layer_norm_dx", RIGHT["layer_norm_dx"].replace("mean(axis=-1, keepdims=True)",
     "sum(axis=-1, keepdims=True) / (dy.shape[2] - 1)"), "divided by C - 1"),
    ("conv_dx", RIGHT["conv_dx"].replace("dx +=", "dx ="), "= where += belongs"),
    ("shortcut", RIGHT["shortcut"].replace("y > 0", "y >= 0"), "a mask that is true everywhere"),
]  # fmt: skip

# A size of the first batch, written as a number. `{}` stands for it.
SIZES = [
    ("loss", "B", "loss = -np.log(p[range(len(y)), y]).sum() / {}"),
    ("dlogits", "B", "dlogits = (p - np.eye(10)[y]) / {}"),
    ("dW2_db2", "B", "dW2 = sum(np.outer(a1[n], dlogits[n]) for n in range({})); db2 = dlogits.sum(axis=0)"),
    ("da1", "H", "da1 = (dlogits @ W2.T).reshape(-1, {})"),
    ("batch_norm_dx", "n", NORM.replace("mean(axis=(0, 1, 2))", "sum(axis=(0, 1, 2)) / {}")),
    ("attention", "d", RIGHT["attention"].replace("q.shape[-1]", "{}")),
]
