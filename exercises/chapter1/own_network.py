"""Your own network, from a blank file.

So far, you have written single lines of a given network. Now write a whole network: initial weights, batches, forward
and backward pass, training steps, and an honest test. It needs a hidden layer, and all its layers must learn. The rest
is up to you: you choose the loss, the activation and the training steps in these four functions.

    images (N, 784)   uint8, 0 to 255: handwritten digits
    labels (N,)       which digits they are
    params            the weights of your network: arrays and numbers, in any tuples, lists and dicts
    rng               the source of random numbers: rng.normal, rng.permutation ... (np.random.default_rng)

No function may change the arrays that it is given. The marker checks your `gradients` against your own `loss` with
central differences, as you did. It calls `train` a few times, with 3,500 images. All of this may take 40 seconds of
computing time, so one training run should take a few seconds. Then `read` gets new images. You pass if its accuracy on
these is at least 0.88, and if the accuracy that you claim is within 0.03 of that. How well does your network classify
digits that it has never seen? Find out inside `train`.
"""

import numpy as np


def loss(params, images, labels):
    """Return the mean loss of these images, a number."""
    ...


def gradients(params, images, labels):
    """Return the derivative of the loss with respect to each array, in the form of params. (None for a constant.)"""
    ...


def train(images, labels, rng):
    """Return params, all that `read` needs, and the accuracy that you claim, from 0 to 1.

    The training steps must use `gradients`.
    """
    ...


def read(params, images):
    """Return a digit for each image, (N,): the label for which the `loss` of that image is smallest."""
    ...


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import own

EXPERIMENTS = own.JUDGE.make_exercise_kind()
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
1. Which lines do `loss`, `gradients` and `read` share? They share the forward pass, so write a separate function for
   it. You have already written the backward pass: if you have run `python practice.py train`, my_network.py contains
   your lines in the right order. In `train`, draw the initial weights. Then repeat: take a batch, and update every
   array. At the end, test the network.
2. Start small, and print the loss of each batch: it should start near log 10 = 2.30 and fall. If it does not, which is
   the first array that looks odd? Divide the pixels by 255, draw W1 with standard deviation sqrt(2 / 784), and use 64
   hidden units, batches of 50 and a learning rate of 0.1.
3. Shuffle once, with rng.permutation(len(images)), and set a fifth of the images aside before you train. Go through the
   rest 12 times, in a new order each time. At the end, classify the images that you set aside. The fraction that is
   correct is the accuracy that you can claim.
"""

WHY = """
You can test every choice in this network: the number of hidden units, the batch size, the learning rate and its
schedule, momentum. To compare two choices, use only the digits that were set aside.
"""
DOCS = 'docs/training.md, "From a blank file"'
