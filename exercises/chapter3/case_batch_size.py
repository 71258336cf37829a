"""Larger batches learn worse.
The marker calls `step` with these arguments, and `train`, which returns the test accuracy."""

import numpy as np

from exercises.digits import few_digits
from mlp_np import MLP

DIAGNOSIS = ...  # in place of the dots a word in quotes, from the list of suspects
LR, BATCH, EPOCHS = 0.01, 100, 6


def cross_entropy(logits, y):
    """Return the mean loss of a batch, and its derivative with respect to the logits."""
    rows = np.arange(len(y))
    shifted = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    loss = -np.log(np.maximum(p[rows, y], 1e-12)).mean()
    p[rows, y] -= 1
    return loss, p


def step(model, x, y, lr):
    """Take one step of gradient descent. Return the loss before the step."""
    loss, dlogits = cross_entropy(model.forward(x), y)
    for name, gradient in model.backward(dlogits).items():
        model.params[name] -= lr * gradient
    return loss


def train():
    x, y, x_test, y_test = few_digits()
    rng = np.random.default_rng(0)
    model = MLP(64)
    for epoch in range(1, EPOCHS + 1):
        batches = rng.permutation(len(x)).reshape(-1, BATCH)
        losses = [step(model, x[batch], y[batch], LR) for batch in batches]
        accuracy = (model.forward(x_test).argmax(axis=1) == y_test).mean()
        print(f"epoch {epoch}: training loss {np.mean(losses):.3f}, test accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    train()


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter3

CASE = chapter3.Case("sum", chapter3.probe_step, 0.78)
WRONG = """\
    return loss, p
"""
RIGHT = """\
    return loss, p / len(y)
"""

HINTS = """
1. Set BATCH to 10, and then to 1000. What changes? Should the size of a step depend on the batch size?
2. Print the size of dlogits for a batch of one image, and for a batch that contains the same image a hundred times.
   Both batches have the same loss.
3. The loss is a mean over the batch. Does cross_entropy return the derivative of that mean?
"""

STILL = """
A batch that contains the same image a hundred times should give the gradient of that image. (A smaller learning rate
would only be right for one batch size.)
"""
AGAINST = {
    "rate": "With batches of 100, all of that is true. But with batches of 10, the same learning rate is good; with "
    "batches of 1,000, even a tenth of it is too large. Try it: what grows with the batch?"
}
EVIDENCE = """
Next time, if the best learning rate is inversely proportional to the batch size, look for a sum where a mean belongs.
The gradient must be the derivative of the loss that you print.
"""
