"""A network of your own, from a blank file.

So far you wrote single lines of a given network. Now write a whole one: initial weights, batches, forward and backward
pass, steps, and an honest test. It needs a hidden layer, and all its layers must learn. The rest is up to you: you
choose the loss, the activation and the steps in these four functions.

    images (N, 784)   uint8, 0 to 255: handwritten digits
    labels (N,)       which digits they are
    params            arrays and numbers, in tuples, lists and dicts, as you like: the weights of your network
    rng               the source of random numbers: rng.normal, rng.permutation ... (np.random.default_rng)

No function may change the arrays that it is given. The marker checks your `gradients` against your own `loss` with
central differences, as you did. It calls `train` with 3,500 images, a few times. Everything together may take 40
seconds of computing, so one run should take a few. Then `read` gets new images. You pass if it reads at least 0.88 of
those right, and if the accuracy that you claim is within 0.03 of that. How well does your network read digits that it
has never seen? Find out inside `train`.
"""

import numpy as np


def loss(params, images, labels):
    """Return the mean loss of these images, a number."""
    ...


def gradients(params, images, labels):
    """Return d loss / d each array, in the form of params. (None for a constant.)"""
    ...


def train(images, labels, rng):
    """Return params, all that `read` needs, and the accuracy that you claim, from 0 to 1.

    The steps take their gradients from `gradients`.
    """
    ...


def read(params, images):
    """Return a digit for each image, (N,): the label for which the `loss` of that image is smallest."""
    ...


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import own

EXPERIMENTS = own.JUDGE.make_program_kind()
RUNS = "now let it learn to read"
READS = True


def answer():
    def first_weights(rng):
        H = 64
        W1, b1 = rng.normal(0, np.sqrt(2 / 784), (784, H)), np.zeros(H)
        W2, b2 = rng.normal(0, np.sqrt(2 / H), (H, 10)), np.zeros(10)
        return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}

    def forward(params, images):
        x = images / 255
        z1 = x @ params["W1"] + params["b1"]
        a1 = np.maximum(z1, 0)
        return x, z1, a1, a1 @ params["W2"] + params["b2"]

    def softmax(logits):
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def loss(params, images, labels):
        *_, logits = forward(params, images)
        return -np.log(softmax(logits)[range(len(labels)), labels]).mean()

    def gradients(params, images, labels):
        x, z1, a1, logits = forward(params, images)
        dlogits = (softmax(logits) - np.eye(10)[labels]) / len(labels)
        dz1 = dlogits @ params["W2"].T * (z1 > 0)
        return {"W1": x.T @ dz1, "b1": dz1.sum(axis=0), "W2": a1.T @ dlogits, "b2": dlogits.sum(axis=0)}

    def train(images, labels, rng):
        order = rng.permutation(len(images))
        tested, known = np.split(order, [len(order) // 5])  # a fifth is kept aside
        params = first_weights(rng)
        velocity = {name: 0 * p for name, p in params.items()}
        for epoch in range(12):
            lr = 0.1 * (1 - epoch / 12)
            known = rng.permutation(known)
            for batch in np.array_split(known, len(known) // 50):
                for name, dp in gradients(params, images[batch], labels[batch]).items():
                    velocity[name] = 0.9 * velocity[name] + dp
                    params[name] = params[name] - lr * velocity[name]
        return params, (read(params, images[tested]) == labels[tested]).mean()

    def read(params, images):
        *_, logits = forward(params, images)
        return logits.argmax(axis=1)

    return loss, gradients, train, read


HINTS = """
1. Which lines do `loss`, `gradients` and `read` share? The forward pass: make it a function of its own. You already
   have the lines of the backward pass: my_network.py has them in order, if you have called `python practice.py train`.
   In `train`: draw the initial weights. Again and again, take a batch and move every array. At the end, test.
2. Begin small, and print: the loss of each batch should start near log 10 = 2.30 and fall. If it does not, which array
   is the first that looks odd? Divide the pixels by 255; draw W1 with standard deviation sqrt(2 / 784); use 64 hidden
   units, batches of 50 and a learning rate of 0.1.
3. Shuffle once, rng.permutation(len(images)), and set a fifth aside before you train. Go through the rest 12 times, in
   a new order each time. At the end, read the images that you set aside. The fraction that is read right is the
   accuracy that you can claim.
"""

WHY = """
Everything in it is a choice that you can test: the number of hidden units, the batches, the learning rate and its
schedule, momentum. Only the digits that were set aside say which choice is better.
"""
DOCS = 'docs/training.md, "From a blank file"'
