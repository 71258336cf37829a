"""A network of your own, from a blank file.

So far you wrote lines of a network that was laid out for you. Now write a whole one: first weights, batches, forward
and back, steps, and an honest test. How is up to you.

    images (N, 784)   uint8, 0 to 255: handwritten digits. Leave them as they are
    labels (N,)       which digits they are
    rng               where chance comes from: rng.normal, rng.permutation ... (np.random.default_rng)

The marker lets `train` learn from 3,500 images, several times, so a training should take a few seconds. Then it lets
`read` read others. You pass if at least 0.88 of those are read right, and if the accuracy that you claim is within 0.03
of that. How well does your network read digits that it has never seen? Find that out inside `train`.
"""

import numpy as np


def train(images, labels, rng):
    """Return params, all that `read` needs, and the accuracy that you claim, from 0 to 1.

    params is made of arrays and numbers, in tuples, lists and dicts, as you like: the weights of your network.
    """
    ...


def read(params, images):
    """Return a digit for each image, (N,)."""
    ...


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import own

EXPERIMENTS = own.investigate


def answer():
    def first_weights(rng):
        H = 64
        W1, b1 = rng.normal(0, np.sqrt(2 / 784), (784, H)), np.zeros(H)
        W2, b2 = rng.normal(0, np.sqrt(2 / H), (H, 10)), np.zeros(10)
        return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}

    def train(images, labels, rng):
        order = rng.permutation(len(images))
        tested, known = np.split(order, [len(order) // 5])  # a fifth is kept aside
        params = first_weights(rng)
        velocity = {name: 0 * p for name, p in params.items()}
        for epoch in range(12):
            lr = 0.1 * (1 - epoch / 12)
            known = rng.permutation(known)
            for batch in np.array_split(known, len(known) // 50):
                x, rows, y = images[batch] / 255, np.arange(len(batch)), labels[batch]
                z1 = x @ params["W1"] + params["b1"]
                a1 = np.maximum(z1, 0)
                logits = a1 @ params["W2"] + params["b2"]
                e = np.exp(logits - logits.max(axis=1, keepdims=True))
                dlogits = e / e.sum(axis=1, keepdims=True)
                dlogits[rows, y] -= 1
                dlogits /= len(y)
                dz1 = dlogits @ params["W2"].T * (z1 > 0)
                gradients = {"W1": x.T @ dz1, "b1": dz1.sum(axis=0), "W2": a1.T @ dlogits, "b2": dlogits.sum(axis=0)}
                for name, dp in gradients.items():
                    velocity[name] = 0.9 * velocity[name] + dp
                    params[name] = params[name] - lr * velocity[name]
        return params, (read(params, images[tested]) == labels[tested]).mean()

    def read(params, images):
        a1 = np.maximum(images / 255 @ params["W1"] + params["b1"], 0)
        return (a1 @ params["W2"] + params["b2"]).argmax(axis=1)

    return train, read


HINTS = """
1. In which order does it go? Draw the first weights. Again and again: take a batch, go forward, find the gradients,
   move every array. At the end, test. The lines in the middle are yours already: my_network.py has them in their
   order, if you have called `python practice.py train`.
2. Begin small, and print: the loss of each batch should start near log 10 = 2.30 and fall. If it does not, which
   array is the first that looks odd? Divide the pixels by 255; draw W1 with deviation sqrt(2 / 784); take 64 hidden
   units, batches of 50, a learning rate of 0.1.
3. Shuffle once, rng.permutation(len(images)), and keep a fifth aside before you train. Go through the others 12
   times, in a new order each time. At the end, read those that you kept aside: the share that is right is what you
   can claim.
"""

WHY = """
Everything in it is a choice, and each can be tried: the number of hidden units, the batches, the learning rate and
how it falls, momentum. Only the digits that were kept aside say which choice is better.
"""
DOCS = 'docs/backprop.md, "From a blank file"'
