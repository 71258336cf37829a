"""It learns, but stays behind.
The marker calls `forward` and `backward` with these arguments, and `train`, which returns the test accuracy."""

import numpy as np

from exercises.digits import few_digits
from mlp_np import init_he, softmax_cross_entropy

DIAGNOSIS = ...  # in place of the dots a word in quotes, from the list of suspects
SIZES, LR, BATCH, EPOCHS = (784, 64, 64, 64, 10), 0.1, 100, 6


def forward(layers, x):
    """x (B, 784) -> the activations of all layers; x itself comes first, the logits last."""
    activations = [x]
    a = np.empty((len(x), 64), x.dtype)  # memory for the hidden layers
    for W, b in layers[:-1]:
        np.maximum(activations[-1] @ W + b, 0, out=a)
        activations.append(a)
    return [*activations, a @ layers[-1][0] + layers[-1][1]]


def backward(layers, activations, dlogits):
    """Return the gradients (dW, db) of all layers, starting with the first layer."""
    gradients, dz = [], dlogits
    for (W, _), a in zip(layers[::-1], activations[-2::-1], strict=True):
        gradients.insert(0, (a.T @ dz, dz.sum(axis=0)))
        dz = (dz @ W.T) * (a > 0)
    return gradients


def train():
    (x, y, x_test, y_test), rng = few_digits(), np.random.default_rng(0)
    layers = [[p.astype(np.float32) for p in init_he(rng, *sizes)] for sizes in zip(SIZES[:-1], SIZES[1:], strict=True)]
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for batch in rng.permutation(len(x)).reshape(-1, BATCH):
            activations = forward(layers, x[batch])
            loss, dlogits = softmax_cross_entropy(activations[-1], y[batch])
            losses.append(loss)
            for (W, b), (dW, db) in zip(layers, backward(layers, activations, dlogits), strict=True):
                W -= LR * dW
                b -= LR * db
        accuracy = (forward(layers, x_test)[-1].argmax(axis=1) == y_test).mean()
        print(f"epoch {epoch}: training loss {np.mean(losses):.3f}, test accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    train()


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter3

CASE = chapter3.Case("in place", chapter3.probe_deep, 0.84)
WRONG = """\
        np.maximum(activations[-1] @ W + b, 0, out=a)
"""
RIGHT = """\
        a = np.maximum(activations[-1] @ W + b, 0)
"""

HINTS = """
1. The formulas of backward are right: compare them with mlp_np.py. Still, central differences disagree. What else does
   a gradient depend on?
2. It also depends on the activations. After forward(), print activations[1] and activations[2]. Are they what you
   expect?
3. They are equal. np.shares_memory shows why. Which line writes into an array that has already been stored?
"""

STILL = """
After forward(), no two entries of `activations` should share memory. (More epochs or wider layers make up for the
mistake a little, but do not remove it.)
"""
AGAINST = {"mask": "They do disagree. But backward does use the mask. What else does a gradient depend on?"}
EVIDENCE = """
Next time, if all formulas are right and central differences still disagree, check the inputs of backward. `out=`, `+=`
and assignments to slices write into memory that may still be needed. PyTorch keeps track of such writes and raises an
error.
"""
