"""Train with your own tape.

Below is a tape with holes. Put your own lines into them, from the other exercises of this chapter. Then write `train`,
without a derivative in it:

    z1 = x @ W1 + b1
    a1 = max(z1, 0) + z1    (z1 is used twice, so two shares arrive at it)
    logits = a1 @ W2 + b2
    loss = cross_entropy(logits, y)

Each step does this on the tape, walks back from the loss, and moves W1, b1, W2 and b2: p - lr * (the gradient of p).

    x (B, D)   the images, a constant        W1 (D, H), b1 (H,), W2 (H, 10), b2 (10,)   arrays, no Tensors yet
    y (B,)     their digits                  lr, steps                                  numbers

When it has passed, run it: it trains a network on digits.
"""

from itertools import count

import numpy as np

import mlp_np


class Tensor:
    numbers = count()

    def __init__(self, value, *edges):
        """A pair whose parent is a constant is left out here, so that your operations need not ask."""
        self.value, self.grad = value, None
        self.edges = [(parent, share) for parent, share in edges if isinstance(parent, Tensor)]
        self.number = next(Tensor.numbers)


def train(x, y, W1, b1, W2, b2, lr, steps):
    """Return W1, b1, W2 and b2 after that many steps, as arrays."""
    W1 = ...  # a loop over the steps, in place of these four lines
    b1 = ...
    W2 = ...
    b2 = ...
    return W1, b1, W2, b2


def matmul(a, b):
    """a, a Tensor or an array, and a Tensor b -> a Tensor."""
    raise NotImplementedError("put your lines of `tape_matmul` here")


def add(a, b):
    """Two Tensors -> a Tensor. b may have fewer axes than a."""
    raise NotImplementedError("a sum has two shares; one of them needs your lines of `tape_broadcast`")


def relu(a):
    """A Tensor -> a Tensor."""
    raise NotImplementedError("put your line of `tape_relu` here")


def order(loss):
    """A node -> the list of all nodes that it was made from, in an order for the way back."""
    raise NotImplementedError("put your lines of `tape_order` here")


def backward(loss):
    """Fill in the gradients of all nodes that the loss was made from."""
    raise NotImplementedError("put your lines of `tape_backward` here")


def cross_entropy(logits, y):
    """A Tensor (B, 10) and the true digits -> the loss. Its share is the one that mlp_np.py derives."""
    loss, dlogits = mlp_np.softmax_cross_entropy(logits.value, y)
    return Tensor(loss, (logits, lambda dy: dy * dlogits))


if __name__ == "__main__":
    from exercises.digits import few_digits

    x, y, x_test, y_test = few_digits()
    rng, params = np.random.default_rng(0), mlp_np.MLP(64).params.values()
    for epoch in range(1, 7):
        for batch in rng.permutation(len(x)).reshape(-1, 100):
            params = train(x[batch], y[batch], *params, lr=0.1, steps=1)
        W1, b1, W2, b2 = params
        z1 = x_test @ W1 + b1
        right = ((np.maximum(z1, 0) + z1) @ W2 + b2).argmax(axis=1) == y_test
        print(f"epoch {epoch}: of {len(right):,} test digits, your tape's network reads {right.mean():.1%}")
