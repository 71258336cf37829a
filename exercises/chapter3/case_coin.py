"""No better than a coin.
The marker calls `loss_of` with these arguments, and `train`, which returns the test accuracy."""

import numpy as np

from autograd_np import Tensor  # an array whose gradient backward() finds by itself
from exercises.digits import few_digits
from mlp_np import init_he

DIAGNOSIS = ...  # in place of the dots a word in quotes, from the list of suspects
LR, BATCH, EPOCHS = 0.02, 100, 6


def new_params(rng):
    """Make a hidden layer, and one output for each image: is the digit above 4?"""
    layers = init_he(rng, 784, 64), init_he(rng, 64, 1)
    return [Tensor(p.astype(np.float32)) for layer in layers for p in layer]


def forward(params, x):
    """Return the outputs for x (B, 784), as a Tensor."""
    W1, b1, W2, b2 = params
    return (x @ W1 + b1).relu() @ W2 + b2


def loss_of(params, x, y):
    """Return the mean squared error of a batch, as a Tensor. y (B,) is 1 for digits above 4, and -1 for the rest."""
    error = forward(params, x) - y
    return (error * error).mean()


def train():
    x, digits, x_test, digits_test = few_digits()
    y, y_test = (np.where(d > 4, 1, -1).astype(np.float32) for d in (digits, digits_test))
    rng = np.random.default_rng(0)
    params = new_params(rng)
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for batch in rng.permutation(len(x)).reshape(-1, BATCH):
            loss = loss_of(params, x[batch], y[batch])
            losses.append(loss.value)
            loss.backward()
            params = [Tensor(p.value - LR * p.grad) for p in params]
        said = np.sign(forward(params, x_test).value).ravel()
        accuracy = (said == y_test).mean()
        print(f"epoch {epoch}: training loss {np.mean(losses):.3f}, test accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    train()


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter3

CASE = chapter3.Case(
    "broadcast",
    chapter3.probe_broadcast,
    0.85,
    does="says correctly for {:.3f} of the test digits whether they are above 4",
)
WRONG = """\
    error = forward(params, x) - y
"""
RIGHT = """\
    error = forward(params, x) - y[:, np.newaxis]
"""

HINTS = """
1. The right outputs are 1 and -1, so a network whose output is always 0 has a loss of 1. Print the outputs of a batch
   after training. Do they depend on the image?
2. Train the network on a single batch, again and again. It cannot even memorise that. Which outputs would give the
   smallest loss? Print the shape of each array in loss_of.
3. (B, 1) minus (B,) has the shape (B, B): every output is compared with the labels of all images. Which shape should y
   have?
"""

STILL = """
The `loss_of` a batch should be the mean of the losses of its single images, and `error` should have B entries in all.
(Labels of 0 and 1, or a smaller step, improve the numbers, but every image is still compared with the labels of all the
others.)
"""
EVIDENCE = """
Next time, print the shape of the error before you take its mean. NumPy and PyTorch silently stretch (B, 1) and (B,) to
(B, B). The best output is then the same for every image: the mean of all labels. With handwritten derivatives you would
have noticed, because the gradient would have had the wrong shape.
"""
