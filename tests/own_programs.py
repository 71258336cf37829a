"""Whole networks from a blank file, as students write them: right ones in many styles, wrong ones and their marks."""

from exercises.exercise import change

BASE = """
import numpy as np

HIDDEN, LR, MOMENTUM, BATCH, EPOCHS = 64, 0.1, 0.9, 50, 12


def first_weights(rng):
    W1 = rng.normal(0, np.sqrt(2 / 784), (784, HIDDEN))
    b1 = np.zeros(HIDDEN)
    W2 = rng.normal(0, np.sqrt(2 / HIDDEN), (HIDDEN, 10))
    b2 = np.zeros(10)
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}


def forward(params, images):
    x = images / 255
    z1 = x @ params["W1"] + params["b1"]
    a1 = np.maximum(z1, 0)
    logits = a1 @ params["W2"] + params["b2"]
    return x, z1, a1, logits


def gradients(params, images, labels):
    x, z1, a1, logits = forward(params, images)
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    dlogits = (p - np.eye(10)[labels]) / len(labels)
    dW2 = a1.T @ dlogits
    db2 = dlogits.sum(axis=0)
    da1 = dlogits @ params["W2"].T
    dz1 = da1 * (z1 > 0)
    dW1 = x.T @ dz1
    db1 = dz1.sum(axis=0)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def train(images, labels, rng):
    order = rng.permutation(len(images))
    tested, known = order[: len(images) // 5], order[len(images) // 5 :]
    params = first_weights(rng)
    velocity = {name: np.zeros_like(p) for name, p in params.items()}
    for epoch in range(EPOCHS):
        lr = LR * (1 - epoch / EPOCHS)
        known = rng.permutation(known)
        for i in range(0, len(known), BATCH):
            batch = known[i : i + BATCH]
            dparams = gradients(params, images[batch], labels[batch])
            for name in params:
                velocity[name] = MOMENTUM * velocity[name] + dparams[name]
                params[name] = params[name] - lr * velocity[name]
    accuracy = np.mean(read(params, images[tested]) == labels[tested])
    return params, accuracy


def read(params, images):
    return forward(params, images)[-1].argmax(axis=1)
"""

STYLES = {}

STYLES["a class, Adam, tanh, float32, standardised pixels"] = """
import numpy as np

class Net:
    def __init__(self, params):
        self.p = params
        self.m = {k: np.zeros_like(v) for k, v in params.items()}
        self.v = {k: np.zeros_like(v) for k, v in params.items()}
        self.t = 0

    def forward(self, X):
        self.X = (X.astype(np.float32) - 33) / 78
        self.h = np.tanh(self.X @ self.p["W1"] + self.p["b1"])
        return self.h @ self.p["W2"] + self.p["b2"]

    def step(self, X, Y, lr=0.002):
        out = self.forward(X)
        out -= out.max(1)[:, None]
        soft = np.exp(out) / np.exp(out).sum(1)[:, None]
        soft[range(len(Y)), Y] -= 1
        soft /= len(Y)
        grad_h = (soft @ self.p["W2"].T) * (1 - self.h ** 2)
        grads = dict(W1=self.X.T @ grad_h, b1=grad_h.sum(0), W2=self.h.T @ soft, b2=soft.sum(0))
        self.t += 1
        for k, g in grads.items():
            self.m[k] = 0.9 * self.m[k] + 0.1 * g
            self.v[k] = 0.999 * self.v[k] + 0.001 * g * g
            m, v = self.m[k] / (1 - 0.9 ** self.t), self.v[k] / (1 - 0.999 ** self.t)
            self.p[k] -= lr * m / (np.sqrt(v) + 1e-8)

def first_weights(rng):
    f = np.float32
    return dict(W1=rng.standard_normal((784, 80), dtype=f) / f(28), b1=np.zeros(80, f),
                W2=rng.standard_normal((80, 10), dtype=f) / f(9), b2=np.zeros(10, f))

def train(images, labels, rng):
    net = Net(first_weights(rng))
    n_val = 600
    X, Y, Xv, Yv = images[:-n_val], labels[:-n_val], images[-n_val:], labels[-n_val:]
    for epoch in range(15):
        for b in np.array_split(rng.permutation(len(X)), len(X) // 64):
            net.step(X[b], Y[b])
    return net.p, float((net.forward(Xv).argmax(1) == Yv).mean())

def read(params, images):
    return Net(params).forward(images).argmax(1)
"""

STYLES["images as columns, sigmoid, one-hot"] = """
import numpy as np

def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))

def one_hot(Y):
    out = np.zeros((Y.size, 10))
    out[np.arange(Y.size), Y] = 1
    return out.T

def softmax(Z):
    Z = Z - Z.max(axis=0)
    return np.exp(Z) / sum(np.exp(Z))

def first_weights(rng):
    return {
        "W1": rng.uniform(-0.5, 0.5, (784, 100)) / 5,
        "b1": np.zeros(100),
        "W2": rng.uniform(-0.5, 0.5, (100, 10)),
        "b2": np.zeros(10),
    }

def forward_prop(W1, b1, W2, b2, X):
    Z1 = W1.dot(X) + b1
    A1 = sigmoid(Z1)
    A2 = softmax(W2.dot(A1) + b2)
    return A1, A2

def train(images, labels, rng):
    m = len(images)
    shuffled = rng.permutation(m)
    X_dev, Y_dev = images[shuffled[:500]].T / 255.0, labels[shuffled[:500]]
    X_all, Y_all = images[shuffled[500:]].T / 255.0, labels[shuffled[500:]]
    p = first_weights(rng)
    W1, b1, W2, b2 = p["W1"].T.copy(), p["b1"].reshape(-1, 1), p["W2"].T.copy(), p["b2"].reshape(-1, 1)
    alpha = 1.0
    for epoch in range(25):
        for start in range(0, X_all.shape[1], 30):
            X, Y = X_all[:, start:start + 30], Y_all[start:start + 30]
            n = X.shape[1]
            A1, A2 = forward_prop(W1, b1, W2, b2, X)
            dZ2 = A2 - one_hot(Y)
            dW2 = 1 / n * dZ2.dot(A1.T)
            db2 = 1 / n * np.sum(dZ2, axis=1, keepdims=True)
            dZ1 = W2.T.dot(dZ2) * A1 * (1 - A1)
            dW1 = 1 / n * dZ1.dot(X.T)
            db1 = 1 / n * np.sum(dZ1, axis=1, keepdims=True)
            W1, b1, W2, b2 = W1 - alpha * dW1, b1 - alpha * db1, W2 - alpha * dW2, b2 - alpha * db2
    predictions = np.argmax(forward_prop(W1, b1, W2, b2, X_dev)[1], 0)
    accuracy = np.sum(predictions == Y_dev) / Y_dev.size
    return {"W1": W1.T, "b1": b1.ravel(), "W2": W2.T, "b2": b2.ravel()}, accuracy

def read(params, images):
    W1, b1, W2, b2 = params["W1"].T, params["b1"].reshape(-1, 1), params["W2"].T, params["b2"].reshape(-1, 1)
    return np.argmax(forward_prop(W1, b1, W2, b2, images.T / 255.0)[1], 0)
"""

STYLES["one image at a time, sigmoid and squared error"] = """
import numpy as np

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def first_weights(rng):
    return {"W1": rng.standard_normal((784, 30)) / 28, "b1": rng.standard_normal(30),
            "W2": rng.standard_normal((30, 10)) / 5, "b2": rng.standard_normal(10)}

def train(images, labels, rng):
    p = first_weights(rng)
    W1, b1, W2, b2 = p["W1"], p["b1"], p["W2"], p["b2"]
    n = len(images) * 5 // 6
    order = np.arange(n)
    for epoch in range(10):
        rng.shuffle(order)
        for i in order:
            x = images[i] / 255
            a1 = sigmoid(x @ W1 + b1)
            a2 = sigmoid(a1 @ W2 + b2)
            target = np.zeros(10)
            target[labels[i]] = 1
            delta2 = (a2 - target) * a2 * (1 - a2)
            delta1 = (W2 @ delta2) * a1 * (1 - a1)
            W2 -= 0.5 * np.outer(a1, delta2)
            b2 -= 0.5 * delta2
            W1 -= 0.5 * np.outer(x, delta1)
            b1 -= 0.5 * delta1
    params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    right = 0
    for i in range(n, len(images)):
        right += int(read(params, images[i:i + 1])[0] == labels[i])
    return params, right / (len(images) - n)

def read(params, images):
    answers = []
    for image in images:
        a1 = sigmoid(image / 255 @ params["W1"] + params["b1"])
        answers.append(int(np.argmax(a1 @ params["W2"] + params["b2"])))
    return answers
"""

STYLES["a loop over the images of each batch, gradients added up"] = """
import numpy as np

def first_weights(rng):
    H = 40
    return {"W1": rng.normal(0, 0.05, (784, H)), "b1": np.zeros((1, H)), "W2": rng.normal(0, 0.2, (H, 10)),
            "b2": np.zeros((1, 10))}

def scores(params, x):
    hidden = x @ params["W1"] + params["b1"][0]
    hidden[hidden < 0] = 0
    return hidden, hidden @ params["W2"] + params["b2"][0]

def train(images, labels, rng):
    params = first_weights(rng)
    x = images.astype(float) / 255
    test = rng.choice(len(x), 500, replace=False)
    learn = np.setdiff1d(np.arange(len(x)), test)
    for step in range(1200):
        sums = {name: np.zeros(p.shape) for name, p in params.items()}
        chosen = rng.choice(learn, 20)
        for n in chosen:
            hidden, score = scores(params, x[n])
            p = np.exp(score - max(score))
            p = p / sum(p)
            p[labels[n]] -= 1
            back = params["W2"] @ p
            back[hidden == 0] = 0
            sums["W2"] += np.outer(hidden, p)
            sums["b2"] += p
            sums["W1"] += np.outer(x[n], back)
            sums["b1"] += back
        for name in params:
            params[name] -= 0.3 / len(chosen) * sums[name]
    return params, np.mean(read(params, images[test]) == labels[test])

def read(params, images):
    return np.array([scores(params, image / 255)[1].argmax() for image in images])
"""

STYLES["einsum, weight decay, RMSprop, mean and deviation kept in params"] = """
import numpy as np

def first_weights(rng):
    lim1, lim2 = np.sqrt(6 / (784 + 96)), np.sqrt(6 / 106)
    return {"W1": rng.uniform(-lim1, lim1, (784, 96)), "b1": np.full(96, 0.01),
            "W2": rng.uniform(-lim2, lim2, (96, 10)), "b2": np.zeros(10)}

def log_softmax(z):
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))

def hidden(params, images):
    x = (images - params["mean"]) / params["std"]
    return x, np.maximum(np.einsum("ni,ij->nj", x, params["W1"], optimize=True) + params["b1"], 0)

def train(images, labels, rng):
    keep = rng.random(len(images)) < 0.8
    params = first_weights(rng)
    names = list(params)
    params["mean"], params["std"] = images[keep].mean(), images[keep].std()
    squares = dict.fromkeys(names, 0)
    X, Y = images[keep], labels[keep]
    for epoch in range(8):
        order = rng.permutation(len(X))
        for i in range(0, len(X), 32):
            b = order[i:i + 32]
            x, a = hidden(params, X[b])
            d = np.exp(log_softmax(a @ params["W2"] + params["b2"]))
            d[np.arange(len(b)), Y[b]] -= 1
            d /= len(b)
            back = np.einsum("nk,jk->nj", d, params["W2"]) * np.sign(a)
            grads = {"W1": x.T @ back + 1e-4 * params["W1"], "b1": back.sum(0),
                     "W2": a.T @ d + 1e-4 * params["W2"], "b2": d.sum(0)}
            for k in names:
                squares[k] = 0.9 * squares[k] + 0.1 * grads[k] ** 2
                params[k] = params[k] - 0.001 * 0.7 ** epoch * grads[k] / (np.sqrt(squares[k]) + 1e-8)
    return params, (read(params, images[~keep]) == labels[~keep]).mean()

def read(params, images):
    _, a = hidden(params, images)
    return log_softmax(a @ params["W2"] + params["b2"]).argmax(-1)
"""

STYLES["moved images, smooth labels, the last two of five parts tested"] = """
import numpy as np

def first_weights(rng):
    return {"W1": rng.normal(size=(784, 128)) * 0.03, "b1": np.zeros(128), "W2": rng.normal(size=(128, 10)) * 0.1,
            "b2": np.zeros(10)}

def moved(images, rng):
    squares = images.reshape(-1, 28, 28)
    return np.stack([np.roll(s, rng.integers(-1, 2, 2), (0, 1)) for s in squares]).reshape(-1, 784)

def train(images, labels, rng):
    cut = len(images) * 4 // 5
    params = first_weights(rng)
    speed = {k: np.zeros(v.shape) for k, v in params.items()}
    for epoch in range(10):
        X = moved(images[:cut], rng) / 255.
        for b in rng.permutation(cut).reshape(-1, 28) if cut % 28 == 0 else np.array_split(rng.permutation(cut), 100):
            a = np.clip(X[b] @ params["W1"] + params["b1"], 0, None)
            z = a @ params["W2"] + params["b2"]
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            d = (p - 0.9 * (labels[b][:, None] == np.arange(10)) - 0.01) / len(b)
            g = {"W2": a.T @ d, "b2": d.sum(0)}
            d = d @ params["W2"].T
            d[a == 0] = 0
            g |= {"W1": X[b].T @ d, "b1": d.sum(0)}
            for k in g:
                speed[k] = 0.8 * speed[k] - 0.1 * g[k]
                params[k] += speed[k]
    return params, np.mean(read(params, images[cut:]) == labels[cut:])

def read(params, images):
    return np.argmax(np.clip(images / 255. @ params["W1"] + params["b1"], 0, None) @ params["W2"] + params["b2"], 1)
"""

STYLES["the project's own parts"] = """
import numpy as np
from mlp_np import MLP, init_he, softmax_cross_entropy

def first_weights(rng):
    (W1, b1), (W2, b2) = init_he(rng, 784, 100), init_he(rng, 100, 10)
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}

def train(images, labels, rng):
    model = MLP(100)
    model.params = first_weights(rng)
    x = (images - images.mean()) / images.std()
    unseen, seen = np.split(rng.permutation(len(x)), [700])
    for epoch in range(8):
        for batch in np.array_split(rng.permutation(seen), 40):
            _, dlogits = softmax_cross_entropy(model.forward(x[batch]), labels[batch])
            for name, gradient in model.backward(dlogits).items():
                model.params[name] -= 0.2 * gradient
    model.params["scale"] = np.array([images.mean(), images.std()])
    return model.params, np.mean(read(model.params, images[unseen]) == labels[unseen])

def read(params, images):
    model = MLP(100)
    model.params = {name: params[name] for name in ("W1", "b1", "W2", "b2")}
    return model.forward((images - params["scale"][0]) / params["scale"][1]).argmax(axis=1)
"""

STYLES["the project's tape"] = """
import numpy as np
from autograd_np import Tensor, softmax_cross_entropy

def first_weights(rng):
    return {"W1": rng.normal(0, 0.05, (784, 50)), "b1": np.zeros(50), "W2": rng.normal(0, 0.2, (50, 10)),
            "b2": np.zeros(10)}

def network(params, images):
    W1, b1, W2, b2 = params.values()
    return (images / 255 @ W1 + b1).relu() @ W2 + b2

def train(images, labels, rng):
    params = first_weights(rng)
    order = rng.permutation(len(images))
    for epoch in range(12):
        for i in range(700, len(order), 40):
            batch = order[i : i + 40]
            tensors = {name: Tensor(p) for name, p in params.items()}
            softmax_cross_entropy(network(tensors, images[batch]), labels[batch]).backward()
            for name, tensor in tensors.items():
                params[name] = params[name] - 0.25 * tensor.grad
    return params, np.mean(read(params, images[order[:700]]) == labels[order[:700]])

def read(params, images):
    return network({name: Tensor(p) for name, p in params.items()}, images).value.argmax(axis=1)
"""

STYLES["two hidden layers as a list of pairs"] = """
import numpy as np

def forward(layers, images):
    outputs = [images / 255]
    for W, b in layers[:-1]:
        outputs.append(np.maximum(outputs[-1] @ W + b, 0))
    W, b = layers[-1]
    return outputs, outputs[-1] @ W + b

def train(images, labels, rng):
    sizes = [784, 50, 50, 10]
    layers = [[rng.normal(0, (2 / n) ** 0.5, (n, m)), np.zeros(m)] for n, m in zip(sizes, sizes[1:])]
    mixed = rng.permutation(len(images))
    kept, known = mixed[:500], mixed[500:]
    for epoch in range(12):
        rng.shuffle(known)
        for batch in np.array_split(known, len(known) // 30):
            outputs, scores = forward(layers, images[batch])
            p = np.exp(scores - scores.max(1, keepdims=True))
            back = (p / p.sum(1, keepdims=True) - np.eye(10)[labels[batch]]) / len(batch)
            for layer, given in zip(layers[::-1], outputs[::-1]):
                W, b = layer
                layer[0], layer[1] = W - 0.2 * given.T @ back, b - 0.2 * back.sum(0)
                back = back @ W.T * (given > 0)
    return layers, (read(layers, images[kept]) == labels[kept]).mean()

def read(params, images):
    return forward(params, images)[1].argmax(1)
"""

STYLES["an object that keeps weights of shape (out, in), a named tuple of them"] = """
from collections import namedtuple

import numpy as np

Weights = namedtuple("Weights", "hidden scores")

class Perceptron:
    def __init__(self, rng):
        self.hidden = np.column_stack([rng.normal(0, 0.05, (60, 784)), np.zeros(60)])
        self.scores = np.column_stack([rng.normal(0, 0.15, (10, 60)), np.zeros(10)])

    @staticmethod
    def ones(x):
        return np.vstack([x, np.ones(x.shape[1])])

    @classmethod
    def forward(cls, weights, images):
        x = cls.ones(images.T / 255)
        a = cls.ones(np.tanh(weights[0] @ x))
        return x, a, weights[1] @ a

    def step(self, images, labels, lr):
        x, a, z = self.forward((self.hidden, self.scores), images)
        e = np.exp(z - z.max(0))
        d = (e / e.sum(0) - (np.arange(10)[:, None] == labels)) / len(labels)
        back = (self.scores.T @ d * (1 - a**2))[:-1]
        self.scores -= lr * d @ a.T
        self.hidden -= lr * back @ x.T

def train(images, labels, rng):
    net, order = Perceptron(rng), rng.permutation(len(images))
    for k in range(2000):
        batch = rng.choice(order[600:], 25)
        net.step(images[batch], labels[batch], 0.3)
    weights = Weights(net.hidden, net.scores)
    return weights, np.mean(read(weights, images[order[:600]]) == labels[order[:600]])

def read(params, images):
    return Perceptron.forward((params.hidden, params.scores), images)[2].argmax(0)
"""

STYLES["the best of the held-out images ends it"] = """
import numpy as np

def first_weights(rng):
    return dict(W1=rng.normal(0, 1 / 28, (784, 64)), b1=np.zeros(64),
                W2=rng.normal(0, 1 / 8, (64, 10)), b2=np.zeros(10))

def logits(params, images):
    a = np.maximum(np.dot(np.asarray(images, np.float32) / 255, params["W1"]) + params["b1"], 0)
    return a.dot(params["W2"]) + params["b2"]

def train(images, labels, rng):
    params = first_weights(rng)
    best, best_params, bad = 0, None, 0
    perm = rng.permutation(len(labels))
    va, te, tr = perm[:500], perm[500:1100], perm[1100:]
    while bad < 4:
        rng.shuffle(tr)
        for k in range(len(tr) // 25):
            idx = tr[25 * k : 25 * k + 25]
            X = images[idx] / 255
            H = X @ params["W1"] + params["b1"]
            R = np.where(H > 0, H, 0)
            S = R @ params["W2"] + params["b2"]
            P = np.exp(S - S.max(1, keepdims=True))
            P /= P.sum(1, keepdims=True)
            G = (P - np.eye(10)[labels[idx]]) / 25
            GH = np.where(H > 0, G @ params["W2"].T, 0)
            for name, g in zip(("W1", "b1", "W2", "b2"), (X.T @ GH, GH.sum(0), R.T @ G, G.sum(0))):
                params[name] -= 0.2 * g
        score = (read(params, images[va]) == labels[va]).mean()
        if score > best:
            best, best_params, bad = score, {n: p.copy() for n, p in params.items()}, 0
        else:
            bad += 1
    return best_params, (read(best_params, images[te]) == labels[te]).mean()

def read(params, images):
    return logits(params, images).argmax(1)
"""

# Changes of BASE that are right, too. The first four are of many at once that have nothing to do with each other.
ALSO_RIGHT = r"""
argmax(axis=1) -> argmax(axis=1).tolist() \
& return {"W1": W1, "b1": b1, "W2": W2, "b2": b2} -> return {"W2": W2, "b2": b2, "b1": b1, "W1": W1} \
& params = first_weights(rng) -> print("a line"); params = first_weights(rng) \
& params[name] = params[name] - lr * velocity[name] -> params[name] -= lr * velocity[name] \
& return params, accuracy -> return [params, round(accuracy, 2)]
argmax(axis=1) -> argmax(axis=1).astype(np.float64) \
& accuracy = np.mean -> accuracy = 100 / 100 * np.mean \
& b1 = np.zeros(HIDDEN) -> b1 = rng.normal(0, 0.1, HIDDEN) & b2 = np.zeros(10) -> b2 = rng.normal(0, 0.1, 10) \
& rng.normal(0, np.sqrt(2 / 784), -> rng.uniform(-0.06, 0.06, \
& lr = LR * (1 - epoch / EPOCHS) -> lr = LR / (1 + epoch)
order = rng.permutation(len(images)) -> order = np.random.permutation(len(images)) \
& W1 = rng.normal(0, -> W1 = np.random.normal(0, \
& x = images / 255 -> x = images / 100 \
& accuracy = np.mean(read(params, images[tested]) == labels[tested]) -> accuracy = np.float32(sum(int(a) == int(b) for \
a, b in zip(read(params, images[tested]), labels[tested])) / len(tested))
tested, known = order[: len(images) // 5], order[len(images) // 5 :] -> tested, known = order[:350], order[350:] \
& order = rng.permutation(len(images)) -> np.random.seed(1); order = np.random.permutation(len(images)) \
& batch = known[i : i + BATCH] -> batch = rng.choice(known, BATCH)
np.maximum(z1, 0) -> np.where(z1 > 0, z1, 0.01 * z1) & (z1 > 0) -> np.where(z1 > 0, 1, 0.01)
np.maximum(z1, 0) -> np.tanh(z1) & (z1 > 0) -> (1 - a1 * a1)
np.maximum(z1, 0) -> 1 / (1 + np.exp(-z1)) & (z1 > 0) -> a1 * (1 - a1) & 64, 0.1 -> 64, 0.4
np.maximum(z1, 0) -> np.log1p(np.exp(z1)) & (z1 > 0) -> 1 / (1 + np.exp(-z1))
64, 0.1, 0.9, 50, 12 -> 100, 0.4, 0.0, 50, 15
64, 0.1, 0.9, 50, 12 -> 256, 0.05, 0.9, 50, 10
64, 0.1, 0.9, 50, 12 -> 64, 0.03, 0.9, 10, 8
64, 0.1, 0.9, 50, 12 -> 48, 0.2, 0.9, 100, 20
x = images / 255 -> x = images / 255 - 0.13
x = images / 255 -> x = (images.astype(np.float32) - 33.3) / 78.6 & 64, 0.1 -> 64, 0.03
x = images / 255 -> x = (images > 100) * 1.0
x = images / 255 -> x = images.astype(float) & 2 / 784 -> 2 / 784) / np.sqrt(1000 & 64, 0.1 -> 64, 0.000003
x = images / 255 -> x = images / images.max(axis=1, keepdims=True)
known = rng.permutation(known) -> known = known
(HIDDEN, 10)) -> (HIDDEN, 10)) * 0
return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}\n\n\ndef forward -> return {"W1": W1, "b1": b1, "W2": W2, "b2": \
b2}\n\n\ndef forward \
& return params, accuracy -> return (params["W1"], [params["b1"], params["W2"]], params["b2"], {"epochs": 12}), \
accuracy & \
return forward(params, images)[-1] -> W1, (b1, W2), b2, _ = params\n    return forward({"W1": W1, "b1": b1, "W2": W2, \
"b2": \
b2}, images)[-1] & read(params, images[tested]) -> forward(params, images[tested])[-1].argmax(axis=1)
dlogits = (p - np.eye(10)[labels]) / len(labels) -> dlogits = p - np.eye(10)[labels] & 64, 0.1 -> 64, 0.002
dW1 = x.T @ dz1 -> dW1 = x.T @ dz1 + 0.0005 * params["W1"] & dW2 = a1.T @ dlogits -> dW2 = a1.T @ dlogits + 0.0005 \
* params["W2"]
2 / 784 -> 2e-4 / 784
x = images / 255 -> x = (images - params.get("m", 0)) / (params.get("s", 1) + 10) & params = first_weights(rng) -> \
params = first_weights(rng); params["m"], params["s"] = images.mean(0), images.std(0) & velocity = {name: \
np.zeros_like(p) for name, p in params.items()} -> velocity = {name: np.zeros_like(params[name]) for name in \
("W1","b1","W2","b2")} & for name in params: -> for name in velocity: & 64, 0.1 -> 64, 0.03
a1 = np.maximum(z1, 0) -> a1 = np.maximum(z1, 0) * params.get("mask", 1) & dparams = gradients(params, \
images[batch], labels[batch]) -> keep = (rng.random(HIDDEN) < 0.8) / 0.8; dparams = gradients({**params, "mask": \
keep}, images[batch], labels[batch]) & dz1 = da1 * (z1 > 0) -> dz1 = da1 * (z1 > 0) * params.get("mask", 1) & \
EPOCHS = 64, 0.1, 0.9, 50, 12 -> EPOCHS = 128, 0.1, 0.9, 50, 15
p = e / e.sum(axis=1, keepdims=True) -> p = 1 / (1 + np.exp(-logits)) & 64, 0.1 -> 64, 0.08
dlogits = (p - np.eye(10)[labels]) / len(labels) -> d = p - np.eye(10)[labels]; dlogits = p * (d - (p * \
d).sum(axis=1, keepdims=True)) / len(labels) & 64, 0.1 -> 64, 0.3
dlogits = (p - np.eye(10)[labels]) / len(labels) -> dlogits = (logits - np.eye(10)[labels]) / len(labels) & 64, \
0.1 -> 64, 0.02
dlogits = (p - np.eye(10)[labels]) / len(labels) -> o = np.eye(10)[labels]; m = (logits - (logits * o).sum(1, \
keepdims=True) + 1 > 0) * (1 - o); dlogits = (m - o * m.sum(1, keepdims=True)) / len(labels) & 64, 0.1 -> 64, 0.02
np.maximum(z1, 0) -> np.where(z1 > 0, z1, np.exp(np.minimum(z1, 0)) - 1) & (z1 > 0) -> np.where(z1 > 0, 1, a1 + 1)
np.maximum(z1, 0) -> np.maximum(z1, 0) ** 2 & (z1 > 0) -> 2 * np.maximum(z1, 0) & 64, 0.1 -> 64, 0.03
np.maximum(z1, 0) -> np.abs(z1) & (z1 > 0) -> np.sign(z1)
np.maximum(z1, 0) -> np.sin(z1) & (z1 > 0) -> np.cos(z1) & 64, 0.1 -> 64, 0.05
dparams = gradients(params, images[batch], labels[batch]) -> dparams = gradients(params, images[batch], \
labels[batch]); n = np.sqrt(sum((g**2).sum() for g in dparams.values())); dparams = {k: g * min(1, 1 / (n + 1e-9)) \
for k, g in dparams.items()}
dparams = gradients(params, images[batch], labels[batch]) -> dparams = gradients(params, images[batch], \
labels[batch]); n = np.sqrt(sum((g**2).sum() for g in dparams.values())); dparams = {k: g / (n + 1e-12) for k, g \
in dparams.items()} & 64, 0.1 -> 64, 0.02
params[name] = params[name] - lr * velocity[name] -> params[name] = params[name] - lr * (dparams[name] + MOMENTUM \
* velocity[name])
velocity[name] = MOMENTUM * velocity[name] + dparams[name] -> velocity[name] = velocity[name] + dparams[name] ** 2 \
& params[name] = params[name] - lr * velocity[name] -> params[name] = params[name] - lr * dparams[name] / \
(np.sqrt(velocity[name]) + 1e-7) & 64, 0.1 -> 64, 0.03
0.1, 0.9, 50, 12 -> 0.3, 0.9, 10**6, 250
dparams[name] -> (dparams[name] + 0.003 * params[name])
dparams = gradients(params, images[batch], labels[batch]) -> dparams = gradients(params, np.clip(images[batch] + \
rng.normal(0, 30, images[batch].shape), 0, 255), labels[batch])
EPOCHS = 64, 0.1 -> EPOCHS = 600, 0.05
b1 = np.zeros(HIDDEN) -> b1 = np.zeros((1, HIDDEN)) & b2 = np.zeros(10) -> b2 = np.zeros((1, 10)) & \
dz1.sum(axis=0) -> dz1.sum(axis=0, keepdims=True) & dlogits.sum(axis=0) -> dlogits.sum(axis=0, keepdims=True)
x = images / 255 -> x = images / 127.5 - 1 & 64, 0.1 -> 64, 0.02
x = images / 255 -> x = np.sqrt(images / 255)
b1 = np.zeros(HIDDEN) -> b1 = np.ones(HIDDEN)
b1 = np.zeros(HIDDEN) -> W1 /= np.linalg.norm(W1, axis=0) / 1.4; b1 = np.zeros(HIDDEN)
da1 = dlogits @ params["W2"].T -> da1 = dlogits @ (params["W2"] - 0.01 * dW2).T
np.maximum(z1, 0) -> np.where(z1 > 0, z1, 0.2 * z1) & (z1 > 0) -> np.where(z1 > 0, 1, 0.2) & 0.9, 50 -> 0.0, 50
np.maximum(z1, 0) -> np.log1p(np.exp(z1)) & (z1 > 0) -> 1 / (1 + np.exp(-z1)) & 0.9, 50, 12 -> 0.0, 50, 15
np.maximum(z1, 0) -> np.where(z1 > 0, z1, np.exp(np.minimum(z1, 0)) - 1) & (z1 > 0) -> np.where(z1 > 0, 1, a1 + 1) & \
0.9, 50 -> 0.0, 50
"""

# Changes of BASE, and the mark that each gets.
WRONG = r"""
weights alike | W1 = rng.normal(0, np.sqrt(2 / 784), (784, HIDDEN)) -> W1 = np.zeros((784, HIDDEN))
weights alike | W1 = rng.normal(0, np.sqrt(2 / 784), (784, HIDDEN)) -> W1 = np.zeros((784, HIDDEN)) \
& W2 = rng.normal(0, np.sqrt(2 / HIDDEN), (HIDDEN, 10)) -> W2 = np.zeros((HIDDEN, 10))
weights alike | W1 = rng.normal(0, np.sqrt(2 / 784), (784, HIDDEN)) -> W1 = np.full((784, HIDDEN), 0.01) \
& W2 = rng.normal(0, np.sqrt(2 / HIDDEN), (HIDDEN, 10)) -> W2 = np.full((HIDDEN, 10), 0.01)
weights alike | (784, HIDDEN)) -> (784, 1)) * np.ones(HIDDEN) & (HIDDEN, 10)) -> (1, 10)) * np.ones((HIDDEN, 1))
weights too large | np.sqrt(2 / 784) -> 1 & np.sqrt(2 / HIDDEN) -> 1
weights too large | np.sqrt(2 / 784) -> 10
weights too large | rng.normal(0, np.sqrt(2 / 784), -> rng.uniform(0, 1,
pixels too large | x = images / 255 -> x = images * 1.0
pixels too large | x = images / 255 -> x = images & 2 / 784 -> 1 & np.sqrt(2 / HIDDEN) -> 1
weights too small | np.sqrt(2 / 784) -> 1e-9 & np.sqrt(2 / HIDDEN) -> 1e-9 & 0.1, 0.9, 50, 12 -> 0.02, 0.9, 50, 10
weights too small | np.sqrt(2 / 784) -> 1e-7 & np.sqrt(2 / HIDDEN) -> 1e-7 & 0.1, 0.9, 50, 12 -> 0.15, 0.0, 50, 10
weights too small | np.sqrt(2 / 784) -> 1e-50 & np.sqrt(2 / HIDDEN) -> 1e-50
no ReLU | a1 = np.maximum(z1, 0) -> a1 = z1 & dz1 = da1 * (z1 > 0) -> dz1 = da1
no ReLU | a1 = np.maximum(z1, 0) -> a1 = z1 & dz1 = da1 * (z1 > 0) -> dz1 = da1 & 0.1, 0.9, 50 -> 0.01, 0.9, 50
no ReLU | a1 = np.maximum(z1, 0) -> a1 = z1 & dz1 = da1 * (z1 > 0) -> dz1 = da1 & 0.1, 0.9, 50 -> 0.02, 0.9, 100
no ReLU | a1 = np.maximum(z1, 0) -> a1 = z1
no ReLU | a1 = np.maximum(z1, 0) -> a1 = 0.5 * z1 & dz1 = da1 * (z1 > 0) -> dz1 = da1 * 0.5
the same images | batch = known[i : i + BATCH] -> batch = known[:BATCH]
the same images | batch = known[i : i + BATCH] -> batch = order[-BATCH:]
the same images | batch = known[i : i + BATCH] -> batch = np.arange(100)
the same images | known = rng.permutation(known) -> known = known[:200]
steps too small | 64, 0.1, -> 64, 0.0001,
steps too small | 64, 0.1, -> 64, 0.00001,
steps too small | 50, 12 -> 50, 12 & / len(labels) -> / len(labels) / 1000
steps too small | EPOCHS = 64, 0.1, 0.9 -> EPOCHS = 64, 0.0005, 0.0
steps too large | 64, 0.1, -> 64, 100.0,
steps too large | 64, 0.1, -> 64, 10.0,
steps too large | / len(labels) -> * 20
b1 never moves | "b1": db1 -> "b1": 0 * db1
b2 never moves | "b2": db2 -> "b2": 0 * db2
W1 never moves | "W1": dW1 -> "W1": 0 * dW1
W2 never moves | "W2": dW2 -> "W2": 0 * dW2
W1 never moves | for name in params: -> for name in ("W2", "b2"):
no array moves | params[name] = params[name] - -> new = params[name] -
softmax along another axis | axis=1, keepdims=True -> axis=0, keepdims=True
softmax along another axis | e.sum(axis=1, keepdims=True) -> e.sum()
softmax along another axis | axis=1, keepdims=True -> axis=0, keepdims=True & 64, 0.1 -> 64, 0.01
other gradients | dz1 = da1 * (z1 > 0) -> dz1 = da1
other gradients | dz1 = da1 * (z1 > 0) -> dz1 = da1 * z1
other gradients | dz1 = da1 * (z1 > 0) -> dz1 = da1 * a1
other gradients | dz1 = da1 * (z1 > 0) -> dz1 = da1 * (z1 < 0)
other gradients | dz1 = da1 * (z1 > 0) -> dz1 = da1 * (1 - a1 ** 2)
other gradients | dz1 = da1 * (z1 > 0) -> dz1 = da1 * (da1 > 0)
other gradients | da1 = dlogits @ params["W2"].T -> da1 = -dlogits @ params["W2"].T
W1 never moves | da1 = dlogits @ params["W2"].T -> da1 = dlogits.sum(axis=1, keepdims=True) + 0 * a1
other gradients | - lr * velocity -> + lr * velocity
other gradients | "W1": dW1 -> "W1": -dW1
other gradients | "W2": dW2 -> "W2": -dW2
other gradients | dW1 = x.T @ dz1 -> dW1 = x.T @ da1
other gradients | dW2 = a1.T @ dlogits -> dW2 = z1.T @ dlogits
other gradients | dlogits = (p - np.eye(10)[labels]) -> dlogits = p
other gradients | np.maximum(z1, 0) -> 1 / (1 + np.exp(-z1)) & 64, 0.1 -> 64, 0.4
other gradients | np.maximum(z1, 0) -> np.tanh(z1)
claims training | read(params, images[tested]) == labels[tested] -> read(params, images) == labels
claims training | read(params, images[tested]) == labels[tested] -> read(params, images[known]) == labels[known]
claims training | read(params, images[tested]) == labels[tested] -> read(params, images[batch]) == labels[batch]
claims training | order[len(images) // 5 :] -> order
claim not measured | accuracy = np.mean(read(params, images[tested]) == labels[tested]) -> accuracy = 0.9
claim not measured | accuracy = np.mean(read(params, images[tested]) == labels[tested]) -> accuracy = 0.5
claim in percent | accuracy = np.mean -> accuracy = 100 * np.mean
claim is no number | return params, accuracy -> return params, str(accuracy)
wrong number of results | return params, accuracy -> return params
returns None | return params, accuracy ->
read returns logits | return forward(params, images)[-1].argmax(axis=1) -> return forward(params, images)[-1] \
& read(params, images[tested]) -> read(params, images[tested]).argmax(axis=1)
read returns no digits | argmax(axis=1) -> max(axis=1)
read returns no digits | argmax(axis=1) -> argmax()
one digit for all | forward(params, images)[-1].argmax(axis=1) -> \
np.full(len(images), forward(params, images)[-1].argmax() % 10)
read is not as train | return forward(params, images)[-1].argmax -> return forward(params, images)[-1].argmin
read is not as train | return forward(params, images)[-1] -> return forward(params, 255 - images)[-1]
read is not as train | return forward(params, images)[-1] -> return forward(params, images * 255.0)[-1][:, ::-1]
read needs other images | x = images / 255 -> x = (images - images.mean(axis=0)) / (images.std(axis=0) + 1e-3) \
& 0.1, 0.9 -> 0.1, 0.0
read fails alone | x = images / 255 -> x = (images - MEAN) / 78 & order = rng -> global MEAN; MEAN = images.mean(); \
order = rng
read needs train | def train -> BEST = first_weights(np.random.default_rng(0))\ndef train & accuracy = -> global BEST; \
BEST = params; accuracy = & forward(params, images)[-1] -> forward(BEST, images)[-1]
read is not as train | np.maximum(z1, 0) -> np.tanh(z1) & (z1 > 0) -> (1 - a1 * a1) & forward(params, images)[-1] -> \
(np.maximum(forward(params, images)[1], 0) @ params["W2"] + params["b2"]) & 0.1, 0.9 -> 0.1, 0.0
pixels wrap round | x = images / 255 -> x = (images - 128) / 128 & 64, 0.1, 0.9 -> 64, 0.1, 0.0
off by one | np.eye(10)[labels]) -> np.eye(10)[labels - 1])
images changed | x = images / 255 -> images[images < 30] = 0; x = images / 255
images changed | order = rng.permutation(len(images)) -> \
order = rng.permutation(len(images)); images[:] = images // 2 * 2
images changed | known = rng.permutation(known) -> rng.shuffle(images)
labels changed | dlogits = (p -> labels %= 10; dlogits = (p & order = rng.permutation(len(images)) -> \
order = rng.permutation(len(images)); labels += 1
rng ignored | W1 = rng -> rng = np.random.default_rng(0); W1 = rng & rng.normal(0, np.sqrt(2 / H -> \
rng.uniform(-0.1, 0.1, (HIDDEN, 10)) + 0 * rng.normal(0, np.sqrt(2 / H
rng ignored | def first_weights(rng): -> def first_weights(rng):\n    rng = np.random.default_rng(42)
params of another kind | return params, accuracy -> return {**params, "log": print}, accuracy
params of another kind | return params, accuracy -> return [params, [{1, 2}]], accuracy
images kept | return params, accuracy -> params["known"] = images[known] / 255; return params, accuracy
images kept | return params, accuracy -> params["known"] = images.T; return params, accuracy
kept between calls | def train -> KEPT = []\ndef train & params = first_weights(rng) -> params = KEPT[-1] if KEPT else \
first_weights(rng) & return params, accuracy -> KEPT.append(params); return params, accuracy
read forgets | return forward(params, images)[-1].argmax -> return (forward({**params, "b1": 0}, images)[2] @ \
params["W2"]).argmax
read forgets | return forward(params, images)[-1].argmax -> return forward({**params, "b1": 0}, images)[-1].argmax
pixels wrap round | x = images / 255 -> x = (images + 50) / 255
pixels cut off | x = images / 255 -> x = images // 255
steps too few | 64, 0.1, 0.9 -> 64, 0.004, 0.0
steps grow | LR, MOMENTUM, BATCH -> LR, MOMENTUM, BATCH & 0.9, 50 -> 1.05, 50
decay too strong | dparams[name] -> (dparams[name] + 1.0 * params[name])
units off | b1 = np.zeros(HIDDEN) -> b1 = np.full(HIDDEN, -10.0)
only the right digit | (p - np.eye(10)[labels]) -> (p - np.eye(10)[labels]) * np.eye(10)[labels]
labels of other images | dlogits = (p - np.eye(10)[labels]) / len(labels) -> dlogits = p.copy(); dlogits[:, labels] \
-= 1; \
dlogits /= len(labels)
softmax along another axis | axis=1, keepdims=True -> axis=0, keepdims=True & velocity[name] = MOMENTUM * \
velocity[name] \
+ dparams[name] -> velocity[name] = velocity[name] + dparams[name] ** 2 & params[name] = params[name] - lr * \
velocity[name] -> params[name] = params[name] - lr * dparams[name] / (np.sqrt(velocity[name]) + 1e-7) & 64, 0.1 -> \
64, 0.03
no array moves | return params, accuracy -> return first_weights(rng), accuracy
labels mixed up | labels[batch]) -> labels[i : i + BATCH])
other gradients | x = images / 255 -> x = images.astype(np.float32) / np.float32(255) & return {"W1": W1, "b1": b1, \
"W2": W2, \
"b2": b2}\n\n\ndef forward -> return {n: a.astype(np.float32) for n, a in dict(W1=W1, b1=b1, W2=W2, \
b2=b2).items()}\n\n\ndef \
forward & (p - np.eye(10)[labels]) -> (p - np.eye(10, dtype=np.float32)[labels]) & dz1 = da1 * (z1 > 0) -> dz1 = da1 & \
params[name] - lr * velocity -> params[name] - np.float32(lr) * velocity
other gradients | def train(images, labels, rng): -> def train(images, labels, rng, init=first_weights): & params = \
first_weights(rng) -> params = init(rng) & dz1 = da1 * (z1 > 0) -> dz1 = da1
claim of the wrong ones | accuracy = np.mean(read(params, images[tested]) == labels[tested]) -> accuracy = 1 - \
np.mean(read(params, images[tested]) == labels[tested])
no function | def read -> def reads & read(params, images[tested]) -> reads(params, images[tested])
steps too few | 64, 0.1, 0.9, 50, 12 -> 64, 0.1, 0.9, 50, 1
not good enough | 64, 0.1, 0.9, 50, 12 -> 4, 0.1, 0.9, 50, 12
error: ValueError | dW2 = a1.T @ dlogits -> dW2 = a1 @ dlogits
error: NameError | da1 = dlogits @ -> da1 = dlogit @
"""

# Changes of BASE, and words that are then said, of one that passes, too.
SAID = r"""
pass: da1. | da1 = dlogits @ params["W2"].T -> da1 = dlogits @ params["W2"] & 64, 0.1, 0.9 -> 10, 0.1, 0.0
pixels 255 times as large | x = images / 255 -> x = images & images[batch] -> images[batch] / 255
From which number do you count | argmax(axis=1) -> argmax(axis=1) + 1
pass: dW2. | dW2 = a1.T @ dlogits -> dW2 = z1.T @ dlogits
pass: dW1. | dW1 = x.T @ dz1 -> dW1 = x.T @ da1
pass: db1. | db1 = dz1.sum(axis=0) -> db1 = da1.sum(axis=0)
pass: dz1. | np.maximum(z1, 0) -> 1 / (1 + np.exp(-z1)) & (z1 > 0) -> z1 * (1 - z1)
pass: one of dW2, da1, dz1 and dW1. | dz1 = da1 * (z1 > 0) -> dz1 = da1 * (da1 > 0)
Do these labels belong | labels[tested]) -> labels[np.sort(tested)])
or does it replace them | params[name] = params[name] - lr * velocity[name] -> params[name] =- lr * dparams[name]
fails: 'none' (KeyError). It may | + params["b1"] -> + params[K] & def forward -> K = "none"\ndef forward & \
order = rng -> global K; K = "b1"; order = rng
b1 and b2 are the same after the training | for name in params: -> for name in ("W1", "W2"):
"""


def programs(rows, base=BASE):
    """(mark, program) for each row of changes."""
    for row in rows.replace("\\\n", "").strip().splitlines():
        mark, _, edits = row.rpartition(" | ")
        yield mark, edits, change(base, edits.replace("\\n", "\n"), "")
