"""The reward of chapter 1: a network made of the learner's own ten functions learns to read MNIST's digits.

With chapter 2's `tanh` its activation is that; with `second_hidden_layer` it has one more layer.
"""

import sys
import time
from contextlib import redirect_stdout
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import numpy as np

import data
import networks
from exercises import chapter1, runner
from exercises.show import near, say
from exercises.work import BY_NAME
from mlp_np import MLP, init_he, relative_difference, softmax_cross_entropy
from support.errors import UserError

HIDDEN, SECOND, BATCH, EPOCHS, LR, MOMENTUM = 128, 64, 128, 3, 0.1, 0.9
OPTIONS = networks.parse_options("np", "--batch-size", BATCH)  # seed 0, and all else as in main_np.py
TWINS = 100  # steps that mlp_np.py takes alongside
FURTHER = ("tanh", "second_hidden_layer")  # the exercises of chapter 2 that a network can be made with


def train(work, further=None):
    """Train, test, and draw the curves into the learner's folder; UserError if functions are missing."""
    if further and further not in FURTHER:
        raise UserError(f"train goes with {' or '.join(FURTHER)}, not with {further}")
    exercises = [*chapter1.EXERCISES, *([BY_NAME[further]] if further else [])]
    missing = [e.name for e in exercises if not work.passed(e)]
    if missing:
        raise UserError(f"train needs functions that have passed, unchanged since; still to do: {', '.join(missing)}")
    # (The function of the exercise tanh is called dz1, too, and takes its place.)
    yours = SimpleNamespace(**{e.function.name: quiet(work.path(e), e.function.name) for e in exercises})
    yours.activation = np.tanh if further == "tanh" else relu
    sizes = [784, HIDDEN, SECOND, 10] if further == "second_hidden_layer" else [784, HIDDEN, 10]
    dataset = data.load("mnist")
    say(f"Your functions, and no others, train a network: {' - '.join(map(str, sizes))}.\n", "strong")
    try:
        judge(yours, dataset, sizes)
        say(f"Training on {len(dataset.train_images):,} images, {EPOCHS} times on each ...")
        params = first_weights(sizes, np.random.default_rng(0))
        history = learn(yours, params, dataset, None if further else Project(params))
        figures(yours, params, dataset)
    except UserError:
        raise
    except Exception as error:  # what a function returned cannot be used
        raise UserError(f"one of your functions has passed, but fails here: {runner.plain(error, {})}") from None
    accuracy = history.test_accuracy[-1]
    import plot  # matplotlib takes a moment, and the digits above need none

    title = f"{'-'.join(map(str, sizes))}{', tanh' * (further == 'tanh')}, every derivative written by you"
    plot.learning_curves(
        SimpleNamespace(history=history, title=title, tested="test", folder=work.folder, name="mine", first=True)
    )
    say(f"Your curves: {near(work.folder / 'loss_plot_mine.png')}, {near(work.folder / 'accuracy_plot_mine.png')}")
    say(
        f"\nOf 10,000 digits that it has never seen, your network reads {round(accuracy * 10_000):,} right. Nobody "
        "told it what a 7 looks like. It only followed the derivatives, and you wrote every one of them.",
        "good",
    )
    print(f"test accuracy: {accuracy:.4f}")
    return 0


def relu(z):
    return np.maximum(z, 0)


def first_weights(sizes, rng, dtype=np.float32):
    """{"W1": (784, H), "b1": (H,), ...}: MLP's first weights, with one layer more if `sizes` says so."""
    params = {}
    for i, (inputs, outputs) in enumerate(pairwise(sizes), 1):
        params[f"W{i}"], params[f"b{i}"] = (p.astype(dtype) for p in init_he(rng, inputs, outputs))
    return params


def quiet(path, name):
    """A learner's function, without its prints: a forgotten one would come thousands of times. That is said once."""
    out, printed = sys.stdout, runner.Printed()

    def call(function, *arguments):
        silent = not printed.tell()
        try:
            with redirect_stdout(printed):
                result = function(*arguments)
        except UserError:  # another of the learner's functions, called by this one
            raise
        except (Exception, SystemExit) as error:
            raise UserError(f"{near(path)} has passed, but fails here: {runner.plain(error, {})}") from None
        if silent and printed.tell():
            with redirect_stdout(out):  # the learner's numerical_gradient calls others of these functions
                say(f"{near(path)} prints something; train leaves it out.", "quiet")
        return result

    return partial(call, getattr(call(runner.load, path), name))


def forward(yours, params, x):
    """x (B, 784) -> p (B, 10), and the hidden layers' weighted sums and activations: [(z1, a1), ...]."""
    hidden, a, last = [], x, len(params) // 2
    for i in range(1, last):
        z = yours.logits(a, params[f"W{i}"], params[f"b{i}"])  # every layer is the same formula
        a = yours.activation(z)
        hidden.append((z, a))
    return yours.softmax(yours.logits(a, params[f"W{last}"], params[f"b{last}"])), hidden


def backward(yours, params, x, y, p, hidden):
    """The gradients, with the names of params."""
    dlogits = yours.dlogits(p, y)
    (z1, a1), (z, a) = hidden[0], hidden[-1]
    dW, db = yours.dW2_db2(z, a, dlogits)  # of the last layer
    if len(hidden) == 1:
        da1 = yours.da1(dlogits, params["W2"], z1)
        dz1 = yours.dz1(da1, z1, a1)
        dW1, db1 = yours.dW1_db1(x, z1, da1, dz1)
        return {"W1": dW1, "b1": db1, "W2": dW, "b2": db}
    dz2, dW2, dz1, dW1 = yours.backward(x, z1, a1, params["W2"], z, a, params["W3"], dlogits)
    db1, db2 = (yours.dW1_db1(x, dz, dz, dz)[1] for dz in (dz1, dz2))  # their sums; the rest of it is not used
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "W3": dW, "b3": db}


def judge(yours, dataset, sizes):
    """The learner's central differences against the learner's gradient, on real digits."""
    params = first_weights([784, *(12 for _ in sizes[1:-1]), 10], np.random.default_rng(1), np.float64)
    x = as_input(dataset.train_images[:20]).astype(np.float64)
    y = dataset.train_labels[:20].astype(np.int64)

    def loss():
        return yours.loss(forward(yours, params, x)[0], y)

    slopes = yours.numerical_gradient(loss, params["b1"], 1e-6)
    gradient = backward(yours, params, x, y, *forward(yours, params, x))["b1"]
    apart = relative_difference(slopes, gradient)
    if not apart < 1e-5:
        raise UserError(
            f"your db1 and your central differences are {apart:.1e} apart on real digits: mark 1 to 10 again"
        )
    say(f"First, your judge: your db1 and your central differences agree to {apart:.0e}.")


def learn(yours, params, dataset, beside=None):
    """Train params in place, with mlp_np.py `beside` it if that is the same network. The record, to be drawn."""
    history = SimpleNamespace(train_loss=[], train_accuracy=[], test_step=[], test_loss=[], test_accuracy=[])
    velocity = {name: np.zeros_like(p) for name, p in params.items()}
    per_epoch, started = len(dataset.train_images) // BATCH, time.perf_counter()
    steps = EPOCHS * per_epoch
    for step, (images, y) in enumerate(data.batches(dataset, OPTIONS, 0, steps)):
        lr = np.float32(LR * min(1, (step + 1) / 100) * (1 - step / steps))  # rises at first, then falls to 0
        x = as_input(images)
        p, hidden = forward(yours, params, x)
        history.train_loss.append(float(yours.loss(p, y)))
        history.train_accuracy.append((p.argmax(axis=1) == y).mean())
        grads = backward(yours, params, x, y, p, hidden)
        for name in params:
            velocity[name], params[name] = yours.update(params[name], velocity[name], grads[name], lr, MOMENTUM)
        if beside and step < TWINS:
            beside.step(x, y, lr)
        if beside and step == TWINS - 1:
            apart = beside.apart(params)
            apart = f"at most {apart:.0e} away from yours" if apart else "the same as yours, to the last bit"
            say(f"After {TWINS} steps, all weights of mlp_np.py, trained alongside, are {apart}.")
        if (step + 1) % per_epoch == 0:
            test(yours, params, dataset, history)
            seconds = time.perf_counter() - started
            say(f"{seconds:4.1f} s: {history.test_accuracy[-1]:.2%} of the test digits are read right")
    return history


class Project:
    """mlp_np.py, trained from the same weights on the same batches: the two should be one run."""

    def __init__(self, params):
        self.model = MLP(HIDDEN)
        self.model.params = {name: p.copy() for name, p in params.items()}
        self.velocity = {name: np.zeros_like(p) for name, p in params.items()}

    def step(self, x, y, lr):
        grads = self.model.backward(softmax_cross_entropy(self.model.forward(x), y)[1])
        for name, p in self.model.params.items():
            self.velocity[name] = np.float32(MOMENTUM) * self.velocity[name] + grads[name]
            p -= lr * self.velocity[name]

    def apart(self, params):
        return max(np.abs(p - params[name]).max() for name, p in self.model.params.items())


def test(yours, params, dataset, history):
    """Record the loss and accuracy on all test images."""
    loss = correct = 0
    for i in range(0, len(dataset.test_images), 1000):
        y = dataset.test_labels[i : i + 1000].astype(np.int64)
        p, _ = forward(yours, params, as_input(dataset.test_images[i : i + 1000]))
        loss += float(yours.loss(p, y)) * len(y)
        correct += (p.argmax(axis=1) == y).sum()
    history.test_step.append(len(history.train_loss))
    history.test_loss.append(loss / len(dataset.test_images))
    history.test_accuracy.append(correct / len(dataset.test_images))


def figures(yours, params, dataset, n=5):
    """Print some test digits, and what the network reads."""
    images = dataset.test_images[:n]
    p, _ = forward(yours, params, as_input(images))
    print()
    for row in range(4, 26, 2):  # one character for 2 x 2 pixels
        ink = images[:, row : row + 2].reshape(n, 2, 14, 2).mean(axis=(1, 3))
        print("  ".join("".join(" .:*#"[int(v * 4.99 / 256)] for v in line) for line in ink).rstrip())
    print("  ".join(f"{'it is a ' + str(digit):14}" for digit in p.argmax(axis=1)).rstrip() + "\n")


def as_input(images):
    return data.as_input(images, OPTIONS).reshape(len(images), -1)
