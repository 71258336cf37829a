"""Whole networks from a blank file, as students write them: right ones in many styles, wrong ones and their marks."""

import zlib
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
import pytest

from conftest import schedule
from exercises.catalogue import BY_NAME
from marker import marking, runner
from marker.exercise import apply_change

BASE = """
import numpy as np

HIDDEN, LR, MOMENTUM, BATCH, EPOCHS = 32, 0.1, 0.9, 50, 6


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


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def loss(params, images, labels):
    p = softmax(forward(params, images)[-1])
    return -np.log(p[np.arange(len(labels)), labels]).mean()


def gradients(params, images, labels):
    x, z1, a1, logits = forward(params, images)
    p = softmax(logits)
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

    def forward(self, X):
        self.X = (X.astype(np.float32) - np.float32(33)) / np.float32(78)
        self.h = np.tanh(self.X @ self.p["W1"] + self.p["b1"])
        return self.h @ self.p["W2"] + self.p["b2"]

    def softmax(self, X):
        out = self.forward(X)
        out -= out.max(1)[:, None]
        return np.exp(out) / np.exp(out).sum(1)[:, None]

    def backward(self, X, Y):
        soft = self.softmax(X)
        soft[range(len(Y)), Y] -= 1
        soft /= len(Y)
        grad_h = (soft @ self.p["W2"].T) * (1 - self.h ** 2)
        return dict(W1=self.X.T @ grad_h, b1=grad_h.sum(0), W2=self.h.T @ soft, b2=soft.sum(0))

class Adam:
    def __init__(self, params):
        self.m = {k: np.zeros_like(v) for k, v in params.items()}
        self.v = {k: np.zeros_like(v) for k, v in params.items()}
        self.t = 0

    def step(self, p, grads, lr=0.002):
        self.t += 1
        for k, g in grads.items():
            self.m[k] = 0.9 * self.m[k] + 0.1 * g
            self.v[k] = 0.999 * self.v[k] + 0.001 * g * g
            m, v = self.m[k] / (1 - 0.9 ** self.t), self.v[k] / (1 - 0.999 ** self.t)
            p[k] -= lr * m / (np.sqrt(v) + 1e-8)

def loss(params, images, labels):
    return -np.log(Net(params).softmax(images)[range(len(labels)), labels]).mean()

def gradients(params, images, labels):
    return Net(params).backward(images, labels)

def first_weights(rng):
    f = np.float32
    return dict(W1=rng.standard_normal((784, 50), dtype=f) / f(28), b1=np.zeros(50, f),
                W2=rng.standard_normal((50, 10), dtype=f) / f(9), b2=np.zeros(10, f))

def train(images, labels, rng):
    p = first_weights(rng)
    adam, n_val = Adam(p), 600
    X, Y, Xv, Yv = images[:-n_val], labels[:-n_val], images[-n_val:], labels[-n_val:]
    for epoch in range(6):
        for b in np.array_split(rng.permutation(len(X)), len(X) // 64):
            adam.step(p, gradients(p, X[b], Y[b]))
    return p, float((read(p, Xv) == Yv).mean())

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

def forward_prop(params, images):
    W1, b1, W2, b2 = params
    X = images.T / 255.0
    A1 = sigmoid(W1.dot(X) + b1)
    return X, A1, softmax(W2.dot(A1) + b2)

def loss(params, images, labels):
    return -np.sum(one_hot(labels) * np.log(forward_prop(params, images)[2] + 1e-12)) / labels.size

def gradients(params, images, labels):
    X, A1, A2 = forward_prop(params, images)
    m = X.shape[1]
    dZ2 = A2 - one_hot(labels)
    dW2 = 1 / m * dZ2.dot(A1.T)
    db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = params[2].T.dot(dZ2) * A1 * (1 - A1)
    dW1 = 1 / m * dZ1.dot(X.T)
    db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
    return dW1, db1, dW2, db2

def train(images, labels, rng):
    m = len(images)
    shuffled = rng.permutation(m)
    dev, rest = shuffled[:500], shuffled[500:]
    params = (rng.uniform(-0.1, 0.1, (40, 784)), np.zeros((40, 1)), rng.uniform(-0.5, 0.5, (10, 40)), np.zeros((10, 1)))
    alpha = 1.0
    for epoch in range(8):
        for start in range(0, m - 500, 30):
            batch = rest[start:start + 30]
            slopes = gradients(params, images[batch], labels[batch])
            params = tuple(p - alpha * dp for p, dp in zip(params, slopes))
    return params, np.sum(read(params, images[dev]) == labels[dev]) / 500

def read(params, images):
    return np.argmax(forward_prop(params, images)[2], 0)
"""

STYLES["one image at a time, sigmoid and squared error"] = """
import numpy as np

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def one(params, image):
    a1 = sigmoid(image / 255 @ params["W1"] + params["b1"])
    return a1, sigmoid(a1 @ params["W2"] + params["b2"])

def loss(params, images, labels):
    total = 0
    for image, label in zip(images, labels):
        total += ((one(params, image)[1] - np.eye(10)[label]) ** 2).sum() / 2
    return total / len(images)

def gradients(params, images, labels):
    sums = {name: np.zeros(p.shape) for name, p in params.items()}
    for image, label in zip(images, labels):
        a1, a2 = one(params, image)
        delta2 = (a2 - np.eye(10)[label]) * a2 * (1 - a2)
        delta1 = (params["W2"] @ delta2) * a1 * (1 - a1)
        sums["W2"] += np.outer(a1, delta2)
        sums["b2"] += delta2
        sums["W1"] += np.outer(image / 255, delta1)
        sums["b1"] += delta1
    return {name: total / len(images) for name, total in sums.items()}

def train(images, labels, rng):
    params = {"W1": rng.standard_normal((784, 20)) / 28, "b1": rng.standard_normal(20),
              "W2": rng.standard_normal((20, 10)) / 4, "b2": rng.standard_normal(10)}
    n = len(images) * 5 // 6
    order = np.arange(n)
    for epoch in range(5):
        rng.shuffle(order)
        for i in order:
            for name, slopes in gradients(params, images[i:i + 1], labels[i:i + 1]).items():
                params[name] -= 0.5 * slopes
    return params, sum(read(params, images[i:i + 1])[0] == labels[i] for i in range(n, len(images))) / (len(images) - n)

def read(params, images):
    return [int(np.argmax(one(params, image)[1])) for image in images]
"""

STYLES["a loop over the images of each batch, gradients added up"] = """
import numpy as np

def scores(params, x):
    hidden = x @ params["W1"] + params["b1"][0]
    hidden[hidden < 0] = 0
    return hidden, hidden @ params["W2"] + params["b2"][0]

def probabilities(score):
    p = np.exp(score - max(score))
    return p / sum(p)

def loss(params, images, labels):
    return sum(-np.log(probabilities(scores(params, x / 255)[1])[y]) for x, y in zip(images, labels)) / len(labels)

def gradients(params, images, labels):
    sums = {name: np.zeros(p.shape) for name, p in params.items()}
    for image, label in zip(images, labels):
        hidden, score = scores(params, image / 255)
        p = probabilities(score)
        p[label] -= 1
        back = params["W2"] @ p
        back[hidden == 0] = 0
        sums["W2"] += np.outer(hidden, p)
        sums["b2"] += p
        sums["W1"] += np.outer(image / 255, back)
        sums["b1"] += back
    for name in sums:
        sums[name] /= len(labels)
    return sums

def train(images, labels, rng):
    params = {"W1": rng.normal(0, 0.05, (784, 32)), "b1": np.zeros((1, 32)), "W2": rng.normal(0, 0.2, (32, 10)),
              "b2": np.zeros((1, 10))}
    test = rng.choice(len(images), 500, replace=False)
    learn = np.setdiff1d(np.arange(len(images)), test)
    for step in range(1200):
        chosen = rng.choice(learn, 20)
        for name, slopes in gradients(params, images[chosen], labels[chosen]).items():
            params[name] -= 0.2 * slopes
    return params, np.mean(read(params, images[test]) == labels[test])

def read(params, images):
    return np.array([scores(params, image / 255)[1].argmax() for image in images])
"""

STYLES["einsum, weight decay, RMSprop, mean and deviation kept in params"] = """
import numpy as np

def log_softmax(z):
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))

def hidden(params, images):
    x = (images - params["mean"]) / params["std"]
    return x, np.maximum(np.einsum("ni,ij->nj", x, params["W1"], optimize=True) + params["b1"], 0)

def loss(params, images, labels):
    logp = log_softmax(hidden(params, images)[1] @ params["W2"] + params["b2"])
    decay = 0.5e-4 * ((params["W1"] ** 2).sum() + (params["W2"] ** 2).sum())
    return -logp[np.arange(len(labels)), labels].mean() + decay

def gradients(params, images, labels):
    x, a = hidden(params, images)
    d = np.exp(log_softmax(a @ params["W2"] + params["b2"]))
    d[np.arange(len(labels)), labels] -= 1
    d /= len(labels)
    back = np.einsum("nk,jk->nj", d, params["W2"]) * np.sign(a)
    return {"W1": x.T @ back + 1e-4 * params["W1"], "b1": back.sum(0),
            "W2": a.T @ d + 1e-4 * params["W2"], "b2": d.sum(0)}

def train(images, labels, rng):
    keep = rng.random(len(images)) < 0.8
    lim1, lim2 = np.sqrt(6 / (784 + 48)), np.sqrt(6 / 58)
    params = {"W1": rng.uniform(-lim1, lim1, (784, 48)), "b1": np.full(48, 0.01),
              "W2": rng.uniform(-lim2, lim2, (48, 10)), "b2": np.zeros(10)}
    names = list(params)
    params["mean"], params["std"] = images[keep].mean(), images[keep].std()
    squares = dict.fromkeys(names, 0)
    X, Y = images[keep], labels[keep]
    for epoch in range(5):
        for b in np.array_split(rng.permutation(len(X)), len(X) // 32):
            slopes = gradients(params, X[b], Y[b])
            for k in names:
                squares[k] = 0.9 * squares[k] + 0.1 * slopes[k] ** 2
                params[k] = params[k] - 0.001 * 0.7 ** epoch * slopes[k] / (np.sqrt(squares[k]) + 1e-8)
    return params, (read(params, images[~keep]) == labels[~keep]).mean()

def read(params, images):
    return log_softmax(hidden(params, images)[1] @ params["W2"] + params["b2"]).argmax(-1)
"""

STYLES["moved images, smooth labels, the last two of five parts tested"] = """
import numpy as np

def forward(params, images):
    X = images / 255.
    a = np.clip(X @ params["W1"] + params["b1"], 0, None)
    return X, a, a @ params["W2"] + params["b2"]

def smooth(labels):
    return 0.9 * (labels[:, None] == np.arange(10)) + 0.01

def loss(params, images, labels):
    *_, z = forward(params, images)
    return (np.log(np.exp(z).sum(1)) - (smooth(labels) * z).sum(1)).mean()

def gradients(params, images, labels):
    X, a, z = forward(params, images)
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    d = (p - smooth(labels)) / len(labels)
    g = {"W2": a.T @ d, "b2": d.sum(0)}
    d = d @ params["W2"].T
    d[a == 0] = 0
    return g | {"W1": X.T @ d, "b1": d.sum(0)}

def moved(images, rng):
    squares = images.reshape(-1, 28, 28)
    return np.stack([np.roll(s, rng.integers(-1, 2, 2), (0, 1)) for s in squares]).reshape(-1, 784)

def train(images, labels, rng):
    cut = len(images) * 4 // 5
    params = {"W1": rng.normal(size=(784, 64)) * 0.03, "b1": np.zeros(64), "W2": rng.normal(size=(64, 10)) * 0.1,
              "b2": np.zeros(10)}
    speed = {k: np.zeros(v.shape) for k, v in params.items()}
    for epoch in range(8):
        X = moved(images[:cut], rng)
        for b in np.array_split(rng.permutation(cut), 100):
            g = gradients(params, X[b], labels[b])
            for k in g:
                speed[k] = 0.8 * speed[k] - 0.1 * g[k]
                params[k] += speed[k]
    return params, np.mean(read(params, images[cut:]) == labels[cut:])

def read(params, images):
    return forward(params, images)[2].argmax(1)
"""

STYLES["the project's own parts"] = """
import numpy as np
from mlp_np import MLP, init_he, softmax_cross_entropy

def model(params):
    found = MLP(48)
    found.params = {name: params[name] for name in ("W1", "b1", "W2", "b2")}
    return found

def pixels(params, images):
    return (images - params["scale"][0]) / params["scale"][1]

def loss(params, images, labels):
    return softmax_cross_entropy(model(params).forward(pixels(params, images)), labels)[0]

def gradients(params, images, labels):
    net = model(params)
    _, dlogits = softmax_cross_entropy(net.forward(pixels(params, images)), labels)
    return {**net.backward(dlogits), "scale": None}

def train(images, labels, rng):
    (W1, b1), (W2, b2) = init_he(rng, 784, 48), init_he(rng, 48, 10)
    params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2, "scale": np.array([images.mean(), images.std()])}
    unseen, seen = np.split(rng.permutation(len(images)), [700])
    for epoch in range(6):
        for batch in np.array_split(rng.permutation(seen), 40):
            for name, slope in gradients(params, images[batch], labels[batch]).items():
                if slope is not None:
                    params[name] -= 0.2 * slope
    return params, np.mean(read(params, images[unseen]) == labels[unseen])

def read(params, images):
    return model(params).forward(pixels(params, images)).argmax(axis=1)
"""

STYLES["the project's tape"] = """
import numpy as np
from autograd_np import Tensor, softmax_cross_entropy

def network(params, images):
    W1, b1, W2, b2 = params.values()
    return (images / 255 @ W1 + b1).relu() @ W2 + b2

def loss(params, images, labels):
    tensors = {name: Tensor(p) for name, p in params.items()}
    return softmax_cross_entropy(network(tensors, images), labels).value

def gradients(params, images, labels):
    tensors = {name: Tensor(p) for name, p in params.items()}
    softmax_cross_entropy(network(tensors, images), labels).backward()
    return {name: tensor.grad for name, tensor in tensors.items()}

def train(images, labels, rng):
    params = {"W1": rng.normal(0, 0.05, (784, 32)), "b1": np.zeros(32), "W2": rng.normal(0, 0.2, (32, 10)),
              "b2": np.zeros(10)}
    order = rng.permutation(len(images))
    for epoch in range(6):
        for i in range(700, len(order), 40):
            batch = order[i : i + 40]
            slopes = gradients(params, images[batch], labels[batch])
            params = {name: p - 0.3 * slopes[name] for name, p in params.items()}
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

def loss(layers, images, labels):
    _, scores = forward(layers, images)
    scores = scores - scores.max(1, keepdims=True)
    return np.mean(np.log(np.exp(scores).sum(1)) - scores[np.arange(len(scores)), labels])

def gradients(layers, images, labels):
    outputs, scores = forward(layers, images)
    p = np.exp(scores - scores.max(1, keepdims=True))
    back = (p / p.sum(1, keepdims=True) - np.eye(10)[labels]) / len(labels)
    slopes = []
    for (W, b), given in zip(layers[::-1], outputs[::-1]):
        slopes.insert(0, [given.T @ back, back.sum(0)])
        back = back @ W.T * (given > 0)
    return slopes

def train(images, labels, rng):
    sizes = [784, 40, 40, 10]
    layers = [[rng.normal(0, (2 / n) ** 0.5, (n, m)), np.zeros(m)] for n, m in zip(sizes, sizes[1:])]
    mixed = rng.permutation(len(images))
    kept, known = mixed[:500], mixed[500:]
    for epoch in range(5):
        rng.shuffle(known)
        for batch in np.array_split(known, len(known) // 30):
            for layer, slopes in zip(layers, gradients(layers, images[batch], labels[batch])):
                layer[0], layer[1] = layer[0] - 0.2 * slopes[0], layer[1] - 0.2 * slopes[1]
    return layers, (read(layers, images[kept]) == labels[kept]).mean()

def read(params, images):
    return forward(params, images)[1].argmax(1)
"""

STYLES["weights of shape (out, in) with the biases in them, a named tuple"] = """
from collections import namedtuple

import numpy as np

Weights = namedtuple("Weights", "hidden scores")

class Perceptron:
    @staticmethod
    def ones(x):
        return np.vstack([x, np.ones(x.shape[1])])

    @classmethod
    def forward(cls, weights, images):
        x = cls.ones(images.T / 255)
        a = cls.ones(np.tanh(weights.hidden @ x))
        z = weights.scores @ a
        e = np.exp(z - z.max(0))
        return x, a, e / e.sum(0)

def loss(params, images, labels):
    return -np.log(Perceptron.forward(params, images)[2][labels, np.arange(len(labels))]).mean()

def gradients(params, images, labels):
    x, a, p = Perceptron.forward(params, images)
    d = (p - (np.arange(10)[:, None] == labels)) / len(labels)
    back = (params.scores.T @ d * (1 - a**2))[:-1]
    return Weights(back @ x.T, d @ a.T)

def train(images, labels, rng, slopes_of=gradients):
    weights = Weights(np.column_stack([rng.normal(0, 0.05, (40, 784)), np.zeros(40)]),
                      np.column_stack([rng.normal(0, 0.15, (10, 40)), np.zeros(10)]))
    order = rng.permutation(len(images))
    for k in range(800):
        batch = rng.choice(order[600:], 25)
        slopes = slopes_of(weights, images[batch], labels[batch])
        weights = Weights(weights.hidden - 0.3 * slopes.hidden, weights.scores - 0.3 * slopes.scores)
    return weights, np.mean(read(weights, images[order[:600]]) == labels[order[:600]])

def read(params, images):
    return Perceptron.forward(params, images)[2].argmax(0)
"""

STYLES["the best of the held-out images ends it; a dict of the learner's own"] = """
import numpy as np

class Params(dict):
    def __getattr__(self, name):
        return self[name]

def logits(params, images):
    a = np.maximum(np.dot(np.asarray(images, np.float32) / 255, params.W1) + params.b1, 0)
    return a, a.dot(params.W2) + params.b2

def softmax(S):
    P = np.exp(S - S.max(1, keepdims=True))
    return P / P.sum(1, keepdims=True)

def loss(params, images, labels):
    return -np.log(np.take_along_axis(softmax(logits(params, images)[1]), labels[:, None], 1)).mean()

def gradients(params, images, labels):
    X = images / 255
    R, S = logits(params, images)
    G = (softmax(S) - np.eye(10)[labels]) / len(labels)
    GH = np.where(R > 0, G @ params.W2.T, 0)
    return [X.T @ GH, GH.sum(0), R.T @ G, G.sum(0)]

def train(images, labels, rng):
    params = Params(W1=rng.normal(0, 1 / 28, (784, 40)), b1=np.zeros(40),
                    W2=rng.normal(0, 1 / 6, (40, 10)), b2=np.zeros(10))
    best, best_params, bad = 0, None, 0
    perm = rng.permutation(len(labels))
    va, te, tr = perm[:500], perm[500:1100], perm[1100:]
    while bad < 3:
        rng.shuffle(tr)
        for k in range(len(tr) // 25):
            idx = tr[25 * k : 25 * k + 25]
            for name, g in zip(params, gradients(params, images[idx], labels[idx])):
                params[name] -= 0.2 * g
        score = (read(params, images[va]) == labels[va]).mean()
        if score > best:
            best, best_params, bad = score, Params({n: p.copy() for n, p in params.items()}), 0
        else:
            bad += 1
    return best_params, (read(best_params, images[te]) == labels[te]).mean()

def read(params, images):
    return logits(params, images)[1].argmax(1)
"""

STYLES["batch norm with running means"] = """
import numpy as np

def forward(p, images):
    x = images / 255
    z = x @ p["W1"]
    mean, var = z.mean(0), z.var(0)
    n = (z - mean) / np.sqrt(var + 1e-5)
    a = np.maximum(n * p["gamma"] + p["beta"], 0)
    return x, mean, var, n, a, a @ p["W2"] + p["b2"]

def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)

def loss(params, images, labels):
    return -np.log(softmax(forward(params, images)[-1])[np.arange(len(labels)), labels]).mean()

def gradients(params, images, labels, running=None):
    x, mean, var, n, a, z = forward(params, images)
    if running is not None:
        running["mean"] += 0.1 * (mean - running["mean"])
        running["var"] += 0.1 * (var - running["var"])
    d = softmax(z)
    d[np.arange(len(labels)), labels] -= 1
    d /= len(labels)
    g = {"W2": a.T @ d, "b2": d.sum(0)}
    d = d @ params["W2"].T * (a > 0)
    g["gamma"], g["beta"] = (d * n).sum(0), d.sum(0)
    d = d * params["gamma"]
    d = (d - d.mean(0) - n * (d * n).mean(0)) / np.sqrt(var + 1e-5)
    g["W1"] = x.T @ d
    return g

def train(images, labels, rng):
    H = 32
    params = {"W1": rng.normal(0, 0.05, (784, H)), "gamma": np.ones(H), "beta": np.zeros(H),
              "W2": rng.normal(0, 0.2, (H, 10)), "b2": np.zeros(10), "mean": np.zeros(H), "var": np.ones(H)}
    order = rng.permutation(len(images))
    for epoch in range(4):
        for batch in np.array_split(rng.permutation(order[700:]), 60):
            for name, slopes in gradients(params, images[batch], labels[batch], params).items():
                params[name] = params[name] - 0.3 * slopes
    return params, (read(params, images[order[:700]]) == labels[order[:700]]).mean()

def read(params, images):
    n = (images / 255 @ params["W1"] - params["mean"]) / np.sqrt(params["var"] + 1e-5)
    return (np.maximum(n * params["gamma"] + params["beta"], 0) @ params["W2"] + params["b2"]).argmax(1)
"""

STYLES["a convolution, and layers that know their way back"] = """
import numpy as np

class Convolution:
    def forward(self, K, x):
        self.rows = np.lib.stride_tricks.sliding_window_view(x, (5, 5), (1, 2))[:, ::3, ::3].reshape(len(x), 64, 25)
        return (self.rows @ K[0] + K[1]).reshape(len(x), -1)

    def backward(self, K, dy):
        dy = dy.reshape(-1, K[0].shape[1])
        return [self.rows.reshape(-1, 25).T @ dy, dy.sum(0)], None

class Linear:
    def forward(self, p, x):
        self.x = x
        return x @ p[0] + p[1]

    def backward(self, p, dy):
        return [self.x.T @ dy, dy.sum(0)], dy @ p[0].T

class ReLU:
    def forward(self, p, x):
        self.on = x > 0
        return x * self.on

    def backward(self, p, dy):
        return [], dy * self.on

def network(params, images):
    x, layers = images.reshape(-1, 28, 28) / 255, [Convolution(), ReLU(), Linear()]
    for layer, p in zip(layers, params):
        x = layer.forward(p, x)
    e = np.exp(x - x.max(1, keepdims=True))
    return layers, e / e.sum(1, keepdims=True)

def loss(params, images, labels):
    return float(-np.log(network(params, images)[1][range(len(labels)), labels]).mean())

def gradients(params, images, labels):
    layers, p = network(params, images)
    dy, found = (p - np.eye(10)[labels]) / len(labels), []
    for layer, weights in zip(layers[::-1], params[::-1]):
        slopes, dy = layer.backward(weights, dy)
        found.append(slopes)
    return found[::-1]

def train(images, labels, rng):
    params = [[rng.normal(0, 0.3, (25, 8)), np.zeros(8)], [], [rng.normal(0, 0.06, (512, 10)), np.zeros(10)]]
    split = rng.permutation(len(images))
    for epoch in range(7):
        for batch in np.array_split(split[600:], 60):
            for weights, slopes in zip(params, gradients(params, images[batch], labels[batch])):
                for w, s in zip(weights, slopes):
                    w -= 0.15 * s
    return params, np.mean(read(params, images[split[:600]]) == labels[split[:600]])

def read(params, images):
    return network(params, images)[1].argmax(1)
"""

STYLES["all weights in one vector, W by momentum, b without"] = """
import numpy as np

H = 30
ENDS = np.cumsum([784 * H, H, H * 10])

def parts(vector):
    W1, b1, W2, b2 = np.split(vector, ENDS)
    return W1.reshape(784, H), b1, W2.reshape(H, 10), b2

def forward(vector, images):
    W1, b1, W2, b2 = parts(vector)
    a = np.maximum(images / 255 @ W1 + b1, 0)
    return a, a @ W2 + b2

def loss(params, images, labels):
    _, z = forward(params["all"], images)
    return np.mean(np.logaddexp.reduce(z, axis=1) - np.choose(labels, z.T))

def gradients(params, images, labels):
    a, z = forward(params["all"], images)
    d = (np.exp(z - np.logaddexp.reduce(z, axis=1)[:, None]) - np.eye(10)[labels]) / len(labels)
    back = d @ parts(params["all"])[2].T * (a > 0)
    return {"all": np.concatenate([(images.T / 255 @ back).ravel(), back.sum(0), (a.T @ d).ravel(), d.sum(0)])}

def train(images, labels, rng):
    w = np.concatenate([rng.normal(0, 0.05, 784 * H), np.zeros(H), rng.normal(0, 0.2, 10 * H), np.zeros(10)])
    order, speed = rng.permutation(len(images)), np.zeros(784 * H)
    for epoch in range(6):
        for batch in np.array_split(rng.permutation(order[500:]), 60):
            g = gradients({"all": w}, images[batch], labels[batch])["all"]
            speed = 0.9 * speed + g[:784 * H]
            w = w - 0.05 * np.concatenate([speed, g[784 * H:]])
    return {"all": w}, np.mean(read({"all": w}, images[order[:500]]) == labels[order[:500]])

def read(params, images):
    return forward(params["all"], images)[1].argmax(1)
"""

LOSS = "-np.log(p[np.arange(len(labels)), labels]).mean()"
SOFTMAX = "e = np.exp(logits - logits.max(axis=1, keepdims=True))\n    return e / e.sum(axis=1, keepdims=True)"

# Changes of BASE that are right, too. The first four are of many at once that have nothing to do with each other.
ALSO_RIGHT = r"""
def gradients -> @np.errstate(all="ignore")\ndef gradients
def first_weights -> import functools\n\ndef timed(f):\n    @functools.wraps(f)\n    def inner(*args, **named):\n   \
     return f(*args, **named)\n    return inner\n\n\ndef first_weights & def gradients -> @timed\ndef gradients & \
def read -> @timed\ndef read & def loss -> @timed\ndef loss & def train -> @timed\ndef train
def gradients(params, images, labels):\n -> def gradients(*given):\n    params, images, labels = given\n
def gradients(params, images, labels):\n -> def gradients(params, images, labels):\n    if len(images) > 20:\n      \
  n = len(images) // 2; a, b = gradients(params, images[:n], labels[:n]), gradients(params, images[n:], \
labels[n:])\n        return {k: (n * a[k] + (len(images) - n) * b[k]) / len(images) for k in a}\n
def gradients -> GRADS = {}\n\n\ndef gradients & return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2} -> \
GRADS.update(W1=dW1, b1=db1, W2=dW2, b2=db2)\n    return GRADS & dparams = gradients(params, images[batch], \
labels[batch]) -> gradients(params, images[batch], labels[batch]); dparams = GRADS
argmax(axis=1) -> argmax(axis=1).tolist() \
& return {"W1": W1, "b1": b1, "W2": W2, "b2": b2} -> return {"W2": W2, "b2": b2, "b1": b1, "W1": W1} \
& params = first_weights(rng) -> print("a line"); params = first_weights(rng) \
& params[name] = params[name] - lr * velocity[name] -> params[name] -= lr * velocity[name] \
& return params, accuracy -> return [params, round(accuracy, 2)]
argmax(axis=1) -> argmax(axis=1).astype(np.float64) & accuracy = np.mean -> accuracy = 100 / 100 * np.mean \
& b1 = np.zeros(HIDDEN) -> b1 = rng.normal(0, 0.1, HIDDEN) & b2 = np.zeros(10) -> b2 = rng.normal(0, 0.1, 10) \
& rng.normal(0, np.sqrt(2 / 784), -> rng.uniform(-0.06, 0.06, & lr = LR * (1 - epoch / EPOCHS) -> lr = LR / (1 + epoch)
order = rng.permutation(len(images)) -> order = np.random.permutation(len(images)) \
& x = images / 255 -> x = images / 200 & 50, 6 -> 50, 15 \
& accuracy = np.mean(read(params, images[tested]) == labels[tested]) -> accuracy = np.float32(sum(int(a) == int(b) for \
a, b in zip(read(params, images[tested]), labels[tested])) / len(tested))
tested, known = order[: len(images) // 5], order[len(images) // 5 :] -> tested, known = order[:350], order[350:] \
& order = rng.permutation(len(images)) -> np.random.seed(1); order = np.random.permutation(len(images)) \
& batch = known[i : i + BATCH] -> batch = rng.choice(known, BATCH)
np.maximum(z1, 0) -> np.where(z1 > 0, z1, 0.01 * z1) & (z1 > 0)\n -> np.where(z1 > 0, 1, 0.01)\n
np.maximum(z1, 0) -> np.tanh(z1) & (z1 > 0)\n -> (1 - a1 * a1)\n
np.maximum(z1, 0) -> 1 / (1 + np.exp(-z1)) & (z1 > 0)\n -> a1 * (1 - a1)\n & 32, 0.1 -> 32, 0.4
np.maximum(z1, 0) -> np.log1p(np.exp(z1)) & (z1 > 0)\n -> 1 / (1 + np.exp(-z1))\n
np.maximum(z1, 0) -> np.where(z1 > 0, z1, np.exp(np.minimum(z1, 0)) - 1) & (z1 > 0)\n -> np.where(z1 > 0, 1, a1 + 1)\n
np.maximum(z1, 0) -> np.maximum(z1, 0) ** 2 & (z1 > 0)\n -> 2 * np.maximum(z1, 0)\n & 32, 0.1 -> 32, 0.03
np.maximum(z1, 0) -> np.abs(z1) & (z1 > 0)\n -> np.sign(z1)\n
32, 0.1, 0.9, 50, 6 -> 40, 0.4, 0.0, 50, 8
32, 0.1, 0.9, 50, 6 -> 128, 0.05, 0.9, 50, 5
32, 0.1, 0.9, 50, 6 -> 32, 0.03, 0.9, 10, 4
32, 0.1, 0.9, 50, 6 -> 32, 0.3, 0.9, 10**6, 80
x = images / 255 -> x = images / 255 - 0.13
x = images / 255 -> x = (images.astype(np.float32) - 33.3) / 78.6 & 32, 0.1 -> 32, 0.03
x = images / 255 -> x = (images > 100) * 1.0
x = images / 255 -> x = images.astype(float) & 2 / 784 -> 2 / 784) / np.sqrt(1000 & 32, 0.1, 0.9, \
50, 6 -> 64, 0.000005, 0.9, 50, 10
x = images / 255 -> x = images / images.max(axis=1, keepdims=True)
x = images / 255 -> x = images / 127.5 - 1 & 32, 0.1, 0.9, 50, 6 -> 32, 0.02, 0.9, 50, 9
x = images / 255 -> x = images / 255 if images.dtype == np.uint8 else images
known = rng.permutation(known) -> known = known
(HIDDEN, 10)) -> (HIDDEN, 10)) * 0
return params, accuracy -> return (params["W1"], [params["b1"], params["W2"]], params["b2"], {"epochs": 12}), accuracy \
& def forward(params, images): -> def forward(params, images):\n    if isinstance(params, tuple): params = {"W1": \
params[0], "b1": params[1][0], "W2": params[1][1], "b2": params[2]} \
& def gradients(params, images, labels): -> def gradients(params, images, labels):\n    if isinstance(params, tuple): \
params = {"W1": params[0], "b1": params[1][0], "W2": params[1][1], "b2": params[2]} \
& return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2} -> return [dW1, db1, dW2, db2] \
& dparams = gradients(params, images[batch], labels[batch]) -> dparams = dict(zip(params, gradients(params, \
images[batch], labels[batch])))
dW1 = x.T @ dz1 -> dW1 = x.T @ dz1 + 0.0005 * params["W1"] & mean()\n\n\ndef gradients -> mean() + 0.00025 * \
(params["W1"] ** 2).sum()\n\n\ndef gradients
dparams[name]\n -> (dparams[name] + 0.003 * params[name])\n
2 / 784 -> 2e-4 / 784
x = images / 255 -> x = (images - params["m"]) / (params["s"] + 10) & params = first_weights(rng) -> params = \
first_weights(rng); m, s = images.mean(0), images.std(0) & for name in params: -> for name in velocity: \
& "b2": db2} -> "b2": db2, "m": None, "s": None} & velocity = {name: np.zeros_like(p) for name, p in params.items()} \
-> velocity = {name: np.zeros_like(p) for name, p in params.items()}; params["m"], params["s"] = m, s & 32, 0.1 -> \
32, 0.03
def gradients(params, images, labels): -> def gradients(params, images, labels, keep=1.0): & p = softmax(logits) -> a1 \
= a1 * keep; p = softmax(a1 @ params["W2"] + params["b2"]) & dz1 = da1 * -> dz1 = da1 * keep * & labels[batch]) -> \
labels[batch], (rng.random(HIDDEN) < 0.8) / 0.8) & 32, 0.1, 0.9, 50, 6 -> 64, 0.1, 0.9, 50, 8
SOFTMAX -> return 1 / (1 + np.exp(-logits)) & LOSS -> -np.log(np.where(np.eye(10)[labels], p, 1 - \
p)).sum(axis=1).mean() & 32, 0.1 -> 32, 0.08
LOSS -> ((p - np.eye(10)[labels]) ** 2).sum(axis=1).mean() / 2 & dlogits = (p - np.eye(10)[labels]) / len(labels) -> \
d = p - np.eye(10)[labels]; dlogits = p * (d - (p * d).sum(axis=1, keepdims=True)) / len(labels) & 32, 0.1 -> 32, 0.4
SOFTMAX -> return logits & LOSS -> ((p - np.eye(10)[labels]) ** 2).sum(axis=1).mean() / 2 & 32, 0.1, 0.9, 50, 6 -> 64, \
0.03, 0.9, 50, 12
SOFTMAX -> return logits & LOSS -> np.maximum(p - p[np.arange(len(labels)), labels][:, None] + 1, \
0).sum(axis=1).mean() - 1 & dlogits = (p - np.eye(10)[labels]) / len(labels) -> o = np.eye(10)[labels]; m = (logits - \
(logits * o).sum(1, keepdims=True) + 1 > 0) * (1 - o); dlogits = (m - o * m.sum(1, keepdims=True)) / len(labels) \
& 32, 0.1 -> 32, 0.02
labels[batch])\n -> labels[batch]); n = np.sqrt(sum((g**2).sum() for g in dparams.values())); dparams = {k: g * \
min(1, 1 / (n + 1e-9)) for k, g in dparams.items()}\n
params[name] = params[name] - lr * velocity[name] -> params[name] = params[name] - lr * (dparams[name] + MOMENTUM * \
velocity[name])
velocity[name] = MOMENTUM * velocity[name] + dparams[name] -> velocity[name] = velocity[name] + dparams[name] ** 2 \
& params[name] = params[name] - lr * velocity[name] -> params[name] = params[name] - lr * dparams[name] / \
(np.sqrt(velocity[name]) + 1e-7) & 32, 0.1 -> 32, 0.03
velocity[name] = MOMENTUM * velocity[name] + dparams[name] -> velocity[name] = 0.999 * velocity[name] + 0.001 * \
dparams[name] ** 2 & params[name] = params[name] - lr * velocity[name] -> params[name] = params[name] - (0.1 * \
dparams[name] if name[0] == "b" else 0.001 * dparams[name] / (np.sqrt(velocity[name]) + 1e-8))
gradients(params, images[batch], labels[batch]) -> gradients(params, np.clip(images[batch] + rng.normal(0, 30, \
images[batch].shape), 0, 255), labels[batch])
gradients(params, images[batch], labels[batch]) -> slopes_of(params, images=images[batch], labels=labels[batch]) \
& def train -> slopes_of = gradients\n\n\ndef train
labels[batch])\n -> labels[batch]); n = np.sqrt(sum((g**2).sum() for g in dparams.values()))\n            dparams = \
gradients({k: p + 0.05 * dparams[k] / n for k, p in params.items()}, images[batch], labels[batch])\n
dparams = gradients(params, images[batch], labels[batch]) -> parts = [gradients(params, images[q], labels[q]) for q in \
np.array_split(batch, 5)]; dparams = {k: sum(part[k] for part in parts) / 5 for k in params}
velocity[name] = MOMENTUM * velocity[name] + dparams[name] -> velocity[name] = np.sign(dparams[name]) & 32, 0.1 -> 32, \
0.002
def gradients -> def slopes & def train -> def made(slopes):\n    def gradients(params, images, labels):\n        \
return slopes(params, images, labels)\n    return gradients\n\n\ngradients = made(slopes)\nother = gradients\n\n\n\
def train & dparams = gradients( -> dparams = other(
def gradients -> def slopes & def train -> class Net:\n    def gradients(self, params, images, labels):\n        \
return slopes(params, images, labels)\n\n\nnet = Net()\ngradients = net.gradients\n\n\ndef train \
& dparams = gradients( -> dparams = net.gradients(
accuracy = np.mean -> params = {k: sum(p[k] for p in ends) / len(ends) for k in params}\n    accuracy = np.mean & lr = \
LR * (1 - epoch / EPOCHS)\n -> lr = LR / 2; ends = [*ends[-2:], dict(params)] if epoch else []\n
b1 = np.zeros(HIDDEN) -> b1 = np.zeros((1, HIDDEN)) & b2 = np.zeros(10) -> b2 = np.zeros((1, 10)) & dz1.sum(axis=0) -> \
dz1.sum(axis=0, keepdims=True) & dlogits.sum(axis=0) -> dlogits.sum(axis=0, keepdims=True)
b1 = np.zeros(HIDDEN) -> b1 = np.ones(HIDDEN)
b1 = np.zeros(HIDDEN) -> W1 /= np.linalg.norm(W1, axis=0) / 1.4; b1 = np.zeros(HIDDEN)
params[name] = params[name] - lr * velocity[name] -> params[name] = params[name] - lr * velocity[name]\n            \
params["W1"] *= np.minimum(1, 2 / np.linalg.norm(params["W1"], axis=0))
logits = a1 @ params["W2"] + params["b2"] -> logits = np.maximum(a1 @ params["W2"] + params["b2"], 0) & dW2 = -> \
dlogits = dlogits * (logits > 0); dW2 = & b2 = np.zeros(10) -> b2 = np.ones(10)
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
biases too large | b1 = np.zeros(HIDDEN) -> b1 = np.full(HIDDEN, 300.0)
pixels too large | x = images / 255 -> x = images * 1.0
weights too small | np.sqrt(2 / 784) -> 1e-9 & np.sqrt(2 / HIDDEN) -> 1e-9 & 0.1, 0.9, 50, 6 -> 0.02, 0.9, 50, 5
weights too small | np.sqrt(2 / 784) -> 1e-50 & np.sqrt(2 / HIDDEN) -> 1e-50
no ReLU | a1 = np.maximum(z1, 0) -> a1 = z1 & dz1 = da1 * (z1 > 0) -> dz1 = da1 & 0.1, 0.9, 50 -> 0.02, 0.9, 50
no ReLU | a1 = np.maximum(z1, 0) -> a1 = 0.5 * z1 & dz1 = da1 * (z1 > 0) -> dz1 = da1 * 0.5
linear | a1 = np.maximum(z1, 0) -> a1 = x & (HIDDEN, 10) -> (784, 10) & dz1 = da1 * (z1 > 0) -> dz1 = 0 * z1 \
& W1 = rng.normal(0, np.sqrt(2 / 784), (784, HIDDEN)) -> W1 = np.zeros((784, 1)) & b1 = np.zeros(HIDDEN) -> b1 = \
np.zeros(1)
the same images | batch = known[i : i + BATCH] -> batch = known[:BATCH] & known = rng.permutation(known) -> pass
the same images | batch = known[i : i + BATCH] -> batch = np.arange(100)
the same images | known = rng.permutation(known) -> known = known[:200]
steps too small | 32, 0.1, -> 32, 0.0001,
steps too small | 32, 0.1, -> 32, 0.00001,
steps too large | 32, 0.1, -> 32, 100.0,
steps too large | 32, 0.1, -> 32, 10.0,
steps grow | LR, MOMENTUM, BATCH -> LR, MOMENTUM, BATCH & 0.9, 50 -> 1.05, 50
steps too few | 32, 0.1, 0.9, 50, 6 -> 32, 0.1, 0.0, 50, 2
steps too small | 32, 0.1, 0.9, 50, 6 -> 32, 0.05, 0.0, 50, 1
never moves | for name in params: -> for name in ("W2", "b2"):
never moves | for name in params: -> for name in ("W1", "W2"):
no array moves | params[name] = params[name] - -> new = params[name] -
no array moves | return params, accuracy -> return first, accuracy & params = first_weights(rng) -> params = \
first_weights(rng); first = dict(params)
other weights returned | return params, accuracy -> return first_weights(rng), accuracy
weights replaced | params[name] = params[name] - lr * velocity[name] -> params[name] =- lr * dparams[name]
uphill | - lr * velocity -> + lr * velocity
uphill | params[name] = params[name] - lr * velocity[name] -> params[name] = params[name] - lr * velocity[name] * (1 \
if name[0] == "W" else -1)
gradients not used | dparams[name]\n -> rng.normal(size=dparams[name].shape)\n
gradients not used | def gradients -> def slopes & def train -> def gradients(params, images, labels):\n    \
return slopes(params, images, labels)\n\n\ndef train & dparams = gradients(params, images[batch], labels[batch]) -> \
gradients(params, images[batch], labels[batch]); dparams = slopes(params, images[batch], labels[batch])
gradients not used | dparams = gradients(params, images[batch], labels[batch]) -> \
gradients(params, images[batch], labels[batch])\n            dparams = {k: 0 * p for k, p in params.items()}\n\
            new = {k: p + rng.normal(0, 0.003, p.shape) for k, p in params.items()}\n            \
params = new if loss(new, images[batch], labels[batch]) < loss(params, images[batch], labels[batch]) else params
other gradients | dz1 = da1 * (z1 > 0) -> dz1 = da1
other gradients | dz1 = da1 * (z1 > 0) -> dz1 = da1 * a1
other gradients | dz1 = da1 * (z1 > 0) -> dz1 = da1 * (z1 < 0)
other gradients | dz1 = da1 * (z1 > 0) -> dz1 = da1 * (1 - a1 ** 2)
other gradients | da1 = dlogits @ params["W2"].T -> da1 = dlogits.sum(axis=1, keepdims=True) + 0 * a1
other gradients | dW1 = x.T @ dz1 -> dW1 = x.T @ da1
other gradients | dW2 = a1.T @ dlogits -> dW2 = z1.T @ dlogits
other gradients | (p - np.eye(10)[labels]) -> p
other gradients | np.maximum(z1, 0) -> np.tanh(z1)
other gradients | dlogits = (p - np.eye(10)[labels]) / len(labels) -> dlogits = p.copy(); dlogits[:, labels] -= 1; \
dlogits /= len(labels)
other gradients | dW1 = x.T @ dz1 -> dW1 = x.T @ dz1 + 0.0005 * params["W1"]
other gradients | mean()\n\n\ndef gradients -> mean() + 0.00025 * (params["W1"] ** 2).sum()\n\n\ndef gradients
other gradients | x = images / 255 -> x = images.astype(np.float32) / np.float32(255) & return {"W1": W1, "b1": b1, \
"W2": W2, "b2": b2}\n\n\ndef forward -> return {n: a.astype(np.float32) for n, a in dict(W1=W1, b1=b1, W2=W2, \
b2=b2).items()}\n\n\ndef forward & p = softmax -> params = {k: v.astype(np.float32) for k, v in params.items()}; p = \
softmax & dz1 = da1 * (z1 > 0) -> dz1 = da1
gradients times a number | "W1": dW1 -> "W1": -dW1
gradients times a number | "b1": db1 -> "b1": 0.5 * db1
gradients times a number | / len(labels) -> / 1
gradients times a number | / len(labels) -> / 50
gradients times a number | db1 = dz1.sum(axis=0) -> db1 = dz1.mean(axis=0)
other gradients | "b1": db1 -> "b1": 0 * db1
gradients of another form | return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2} -> return dlogits
gradients of another shape | db1 = dz1.sum(axis=0) -> db1 = dz1.sum()
gradients changes params | dW2 = a1.T @ dlogits -> dW2 = a1.T @ dlogits; params["W2"] -= 0.1 * dW2
gradients by chance | da1 = dlogits -> a1 *= np.random.random(HIDDEN) < 0.9; dlogits = dlogits * (np.random.random() \
< 2); dz1 = 0; da1 = np.random.random() * dlogits & dz1 = da1 * (z1 > 0) -> dz1 = da1 * (z1 > 0)
gradients not called | def train -> slopes_of = type(gradients)(gradients.__code__, globals())\n\n\ndef train \
& dparams = gradients( -> dparams = slopes_of(
no gradient | "b1": db1, -> & for name in params: -> for name in dparams:
loss is a sum | mean()\n\n\ndef gradients -> sum()\n\n\ndef gradients
loss is no number | .mean()\n\n\ndef gradients -> \n\n\ndef gradients
loss by chance | p = softmax(forward(params, images)[-1]) -> p = softmax(forward(params, images)[-1] * \
np.random.uniform(0.9, 1.1))
loss is not finite | LOSS -> np.log(0 * p.sum())
loss without labels | LOSS -> -np.log(p.max(axis=1)).mean()
softmax along another axis | axis=1, keepdims=True -> axis=0, keepdims=True
other gradients | e.sum(axis=1, keepdims=True) -> e.sum()
returns None | return -np.log(p -> -np.log(p
claims training | read(params, images[tested]) == labels[tested] -> read(params, images) == labels
claims training | read(params, images[tested]) == labels[tested] -> read(params, images[known]) == labels[known]
claims training | order[len(images) // 5 :] -> order
claim off | read(params, images[tested]) == labels[tested] -> \
forward(params, images[known])[-1].argmax(axis=1) == labels[known] & 32, 0.1, 0.9, 50, 6 -> 40, 0.2, 0.9, 50, 15
claim not measured | accuracy = np.mean(read(params, images[tested]) == labels[tested]) -> accuracy = 0.9
claim in percent | accuracy = np.mean -> accuracy = 100 * np.mean
claim is no number | return params, accuracy -> return params, str(accuracy)
claim too low | labels[tested]) -> labels[np.sort(tested)])
claim off | accuracy = np.mean -> accuracy = 0.05 + np.mean
claim of the wrong ones | accuracy = np.mean(read(params, images[tested]) == labels[tested]) -> accuracy = 1 - \
np.mean(read(params, images[tested]) == labels[tested])
wrong number of results | return params, accuracy -> return params
returns None | return params, accuracy ->
read returns logits | return forward(params, images)[-1].argmax(axis=1) -> return forward(params, images)[-1] \
& read(params, images[tested]) -> read(params, images[tested]).argmax(axis=1)
read returns no digits | argmax(axis=1) -> max(axis=1)
read returns no digits | argmax(axis=1) -> argmax()
one digit for all | forward(params, images)[-1].argmax(axis=1) -> \
np.full(len(images), forward(params, images)[-1].argmax() % 10)
read is not as loss | return forward(params, images)[-1].argmax -> return forward(params, images)[-1].argmin
read is not as loss | return forward(params, images)[-1] -> return forward(params, 255 - images)[-1]
read is not as loss | np.maximum(z1, 0) -> np.tanh(z1) & (z1 > 0)\n -> (1 - a1 * a1)\n & forward(params, \
images)[-1].argmax -> (np.maximum(forward(params, images)[1], 0) @ params["W2"] + params["b2"]).argmax
read needs other images | return forward(params, images)[-1].argmax -> logits = forward(params, images)[-1]; \
return (logits - logits.mean(axis=0) * (len(logits) < 50)).argmax
read fails alone | x = images / 255 -> x = (images - MEAN) / 78 & order = rng -> global MEAN; MEAN = images.mean(); \
order = rng & 32, 0.1 -> 32, 0.03
read needs train | def train -> BEST = first_weights(np.random.default_rng(0))\ndef train & accuracy = -> global BEST; \
BEST = params; accuracy = & forward(params, images)[-1].arg -> forward(BEST, images)[-1].arg
off by one | argmax(axis=1) -> argmax(axis=1) * 0 + (forward(params, images)[-1].argmax(axis=1) + 1) % 10
read forgets | return forward(params, images)[-1].argmax -> return forward({**params, "b1": 0}, images)[-1].argmax \
& b1 = np.zeros(HIDDEN) -> b1 = np.full(HIDDEN, 1.5)
pixels wrap round | x = images / 255 -> x = (images + 50) / 255
pixels cut off | x = images / 255 -> x = images // 255
changes its input | x = images / 255 -> images[images < 30] = 0; x = images / 255
changes its input | order = rng.permutation(len(images)) -> \
order = rng.permutation(len(images)); images[:] = images // 2 * 2
changes its input | dlogits = (p -> labels %= 10; labels += 1; dlogits = (p & order = rng -> np.eye(11); order = rng \
& np.eye(10)[labels] -> np.eye(11)[labels - 1][:, :10]
rng ignored | def first_weights(rng): -> def first_weights(rng):\n    rng = np.random.default_rng(42)
rng ignored | def first_weights(rng): -> def first_weights(rng):\n    rng = np.random.default_rng()
rng ignored | W1 = rng.normal -> W1 = np.random.normal
rng ignored | order = rng.permutation -> order = np.random.default_rng().permutation
kept between calls | velocity = {name: np.zeros_like(p) for name, p in params.items()} -> velocity = globals().\
setdefault("SPEED", {name: np.zeros_like(p) for name, p in params.items()})
params of another kind | return params, accuracy -> return {**params, "log": print}, accuracy
params of another kind | return params, accuracy -> return [params, [{1, 2}]], accuracy
images kept | return params, accuracy -> params["known"] = images[known] / 255; return params, accuracy
images kept | return params, accuracy -> params["known"] = images.T; return params, accuracy
kept between calls | def train -> KEPT = []\ndef train & params = first_weights(rng) -> params = dict(KEPT[-1]) if \
KEPT else first_weights(rng) & return params, accuracy -> KEPT.append(params); return params, accuracy
decay too strong | dparams[name]\n -> (dparams[name] + 1.0 * params[name])\n
decay too strong | dW1 = x.T @ dz1 -> dW1 = x.T @ dz1 + 0.5 * params["W1"] & mean()\n\n\ndef gradients -> mean() + \
0.25 * (params["W1"] ** 2).sum()\n\n\ndef gradients
units off | b1 = np.zeros(HIDDEN) -> b1 = np.full(HIDDEN, -10.0)
not finite | "b1": db1 -> "b1": db1 / np.zeros(HIDDEN)
not finite | - lr * velocity[name] -> - lr / velocity[name]
no images | known[i : i + BATCH] -> known[i + BATCH : i]
partly written | p = softmax(forward(params, images)[-1])\n    return LOSS -> ...
labels mixed up | labels[batch]) -> labels[i : i + BATCH])
other pixels | images[batch], -> images[batch] / 255,
no function | def read -> def reads & read(params, images[tested]) -> reads(params, images[tested])
one layer alone | dz1 = da1 * (z1 > 0)\n    dW1 = x.T @ dz1\n    db1 = dz1.sum(axis=0)\n    return {"W1": dW1, "b1": \
db1, -> return {"W1": None, "b1": None, & for name in params: -> for name in ("W2", "b2"): & 32, 0.1 -> 300, 0.05
claim is no number | accuracy = np.mean(read(params, images[tested]) == labels[tested]) -> \
accuracy = loss(params, images[tested], labels[tested])
diverged | lr = LR * (1 - epoch / EPOCHS) -> lr = 0.02 * 2.2**epoch & MOMENTUM * velocity[name] + dparams[name] -> \
dparams[name] / (np.abs(dparams[name]) + 1e-6) & 50, 6 -> 50, 7 & 32, 0.1 -> 32, 0.001
softmax of a softmax | def softmax(logits):\n -> def softmax(logits):\n    return once(once(logits))\n\n\ndef \
once(logits):\n & dW2 = a1.T @ dlogits -> q = once(logits); \
dlogits = q * (dlogits - (dlogits * q).sum(axis=1, keepdims=True))\n    \
dW2 = a1.T @ dlogits & 50, 6 -> 50, 2
not good enough | 32, 0.1, 0.9, 50, 6 -> 2, 0.05, 0.9, 50, 25
error: ValueError | dW2 = a1.T @ dlogits -> dW2 = a1 @ dlogits
error: NameError | da1 = dlogits @ -> da1 = dlogit @
gradients times a number | dW2 = a1.T @ dlogits -> dW2 = 1.0005 * a1.T @ dlogits
gradients not used | 32, 0.1 -> 200, 0.1 & accuracy = np.mean -> A = np.c_[forward(params, images[known])[2], \
np.ones(len(known))]; S = np.linalg.lstsq(A, 12 * np.eye(10)[labels[known]] - 4, rcond=None)[0]; \
params.update(W2=S[:-1], b2=S[-1])\n    accuracy = np.mean & lr * velocity[name] -> 0.01 * lr * velocity[name] & \
range(EPOCHS) -> range(1)
gradients not used | def gradients -> CALLS = []\n\ndef gradients(params, images, labels):\n    return \
slopes(params, images, labels)\n\ndef slopes & dparams = gradients( -> CALLS.append(0); dparams = (gradients if \
len(CALLS) < 61 else slopes)(
changes its input | def read(params, images):\n -> def read(params, images):\n    params["b2"] -= 0.001\n
other gradients | dW2 = -> dlogits[labels == 8] *= 2; dW2 =
gradients of another form | return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2} -> return {"W1": dW1, "others": \
[db1, dW2, db2], "n": 1.0} & dparams = gradients(params, images[batch], labels[batch]) -> d = gradients(params, \
images[batch], labels[batch]); dparams = dict(zip(params, [d["W1"], *d["others"]]))
params of another kind | W1 = rng.normal(0, np.sqrt(2 / 784), (784, HIDDEN)) -> W1 = rng.normal(0, np.sqrt(2 / \
784), (784, HIDDEN)) + 0j & b1 = np.zeros(HIDDEN) -> b1 = np.zeros(HIDDEN) + 0j & W2 = rng.normal(0, np.sqrt(2 / \
HIDDEN), (HIDDEN, 10)) -> W2 = rng.normal(0, np.sqrt(2 / HIDDEN), (HIDDEN, 10)) + 0j & b2 = np.zeros(10) -> b2 = \
np.zeros(10) + 0j & a1 = np.maximum(z1, 0) -> z1 = z1.real; a1 = np.maximum(z1, 0) & a1 @ params["W2"] + \
params["b2"] -> (a1 @ params["W2"] + params["b2"]).real
loss of parts | def loss(params, images, labels):\n -> def loss(params, images, labels):\n    if len(images) > 60:\n   \
     return (loss(params, images[:60], labels[:60]) + loss(params, images[60:], labels[60:])) / 2\n & def \
gradients(params, images, labels):\n -> def gradients(params, images, labels):\n    if len(images) > 60:\n        \
a, b = gradients(params, images[:60], labels[:60]), gradients(params, images[60:], labels[60:])\n        return \
{k: (a[k] + b[k]) / 2 for k in a}\n
other gradients | def gradients(params, images, labels):\n -> def gradients(params, images, labels):\n    if \
len(images) > 64:\n        a, b = gradients(params, images[:64], labels[:64]), gradients(params, images[64:], \
labels[64:])\n        return {k: (a[k] + b[k]) / 2 for k in a}\n
weights too large | np.sqrt(2 / 784) -> 9 / 28 & np.sqrt(2 / HIDDEN) -> 9 / np.sqrt(HIDDEN) & 32, 0.1, 0.9, 50, \
6 -> 32, 0.0001, 0.9, 50, 1
gradients by chance | def loss(params, images, labels):\n -> LAST = {}\n\n\ndef loss(params, images, labels):\n    \
LAST["params"] = params\n & def gradients(params, images, labels):\n -> def gradients(params, images, labels):\n    \
params = LAST["params"]\n & dparams = -> loss(params, images[batch], labels[batch]); dparams =
"""

# Changes of BASE, and words that are then said, of one that passes, too.
SAID = r"""
Do you count the ten scores from 0 | argmax(axis=1) -> argmax(axis=1) + 1
Is one of the two a mean over them, and the other a sum | / len(labels) -> / 1
divide by their number twice | / len(labels) -> / len(labels) ** 2
divide by 50, however many | / len(labels) -> / 50
Is the sign right | "W2": dW2 -> "W2": -dW2
With only one of the images, they are right | dlogits = (p - np.eye(10)[labels]) / len(labels) -> dlogits = \
p.copy(); dlogits[:, labels] -= 1; dlogits /= len(labels)
does `gradients` have weight decay | dW1 = x.T @ dz1 -> dW1 = x.T @ dz1 + 0.0005 * params["W1"]
or a different one? (w**2 | dW1 = x.T @ dz1 -> dW1 = x.T @ dz1 + 0.0005 * params["W1"] & mean()\n\n\ndef gradients -> \
mean() + 0.0005 * (params["W1"] ** 2).sum()\n\n\ndef gradients
The loss depends on params["s"], but `gradients` returns None there | x = images / 255 -> x = images / params["s"] \
& return {"W1": W1, -> return {"s": np.full(1, 255.0), "W1": W1, & for name in params: -> \
for name in ["W1", "b1", "W2", "b2"]: & "b2": db2} -> "b2": db2, "s": None}
`train` changes params["s"], on which the loss depends | x = images / 255 -> x = images / params["s"] & return \
{"W1": W1, -> return {"s": np.full(1, 255.0), "W1": W1, & for name in params: -> for name in ["W1", "b1", "W2", "b2"]: \
& "b2": db2} -> "b2": db2, "s": None} & accuracy = np -> params["s"] = params["s"] + 1; accuracy = np
Your file imports mlp_np. Which | import numpy as np -> import numpy as np\nfrom mlp_np import softmax_cross_entropy
Right: params["W1"], params["b1"], params["b2"] | dW2 = a1.T @ dlogits -> dW2 = z1.T @ dlogits
but the one with the largest | return forward(params, images)[-1].argmax -> return forward(params, \
images)[-1].argmin
with images.astype(float) instead of the images, it would be | x = images / 255 -> x = (images - 33) / 78.0
agree with `loss` for images / 255 | return forward(params, images)[-1] -> return forward(params, images / 255)[-1]
fails: 'none' (KeyError). It may | return forward(params, images)[-1] -> return forward(params, images + 0 * \
params[K].sum())[-1] & def forward -> K = "none"\ndef forward & order = rng -> global K; K = "b1"; order = rng
the order of the images | known = rng.permutation(known) -> known = known & order = rng.permutation(len(images)) -> \
order = np.arange(len(images))
several digits have exactly the same loss | logits = a1 @ params["W2"] + params["b2"] -> logits = np.maximum(a1 @ \
params["W2"] + params["b2"], 0) & dW2 = -> dlogits = dlogits * (logits > 0); dW2 = & b2 = np.zeros(10) -> b2 = \
np.ones(10)
of the loss of | dW1 = x.T @ dz1 -> dW1 = x.T @ dz1 + 0.5 * params["W1"] & mean()\n\n\ndef gradients -> mean() + \
0.25 * (params["W1"] ** 2).sum()\n\n\ndef gradients
`train` called `read` with 95 images | order[: len(images) // 5], order[len(images) // 5 :] -> order[:95], order[95:]
left over from an earlier call | def gradients(params, images, labels):\n -> LAST = {}\n\n\ndef gradients(params, \
images, labels):\n    params = LAST.setdefault(len(images), params)\n
"""


class Program(NamedTuple):
    """A whole program as a learner may write it."""

    name: str  # the mark that it gets, or what it is an example of
    words: str  # that are said of it
    edits: str  # of a right program
    code: str

    @property
    def seed(self):
        """The seed of what the marker draws: it depends on the program, and not on the rows around it."""
        return zlib.crc32(self.code.encode()) % 20


def programs(rows, base=BASE):
    """Yield the `Program` of each row `name | words | edits`; words, or both, may be left out."""
    for row in rows.replace("\\\n", "").strip().splitlines():
        *name_and_words, edits = row.rsplit(" | ", 1)
        name, _, words = "".join(name_and_words).partition(" | ")
        written = edits.replace("\\n", "\n").replace("SOFTMAX", SOFTMAX).replace("LOSS", LOSS)
        yield Program(name, words, edits, apply_change(base, written, ""))


def schedule_programs(table, every_day, first_in_turn=4, rest_in_turn=8):
    """Return the parameters of a test, a `Program` each: every day the first of each name in every_day, and those
    whose words are in it.

    Of the others, a slow run takes one in first_in_turn of those that are the first of their name, and one in
    rest_in_turn of the rest.
    """
    seen, parameters = set(), []
    for program in table:
        is_first = program.name not in seen
        seen.add(program.name)
        is_daily = program.words in every_day or (is_first and program.name in every_day)
        in_turn = first_in_turn if is_first else rest_in_turn
        parameter = pytest.param(program, id=name_of(program))
        parameters += schedule([parameter], every_day=[parameter] if is_daily else (), in_turn=in_turn)
    return parameters


def name_of(program):
    """Return a name for a test of this program, which stays if a row is put before it."""
    return f"{program.name} {zlib.crc32(program.code.encode()):08x}"


def verdict(name, program, folder, seed):
    """The verdict on a whole program for an exercise: here, for speed, and not in a process of its own.

    Its clock stands still, because how often a program is tried depends on how long it takes.
    """
    (path := folder / f"{name}.py").write_text(program, encoding="utf-8")
    np.random.seed(seed)  # noqa: NPY002 (for those that take their numbers from there)
    with patch("time.process_time", return_value=0.0):
        return marking.read_verdict(BY_NAME[name], runner.make_report(BY_NAME[name], path, seed))
