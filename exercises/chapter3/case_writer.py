"""A wonderful loss, but nothing to show for it. The marker calls `forward` with these arguments, and `train`, which
returns the loss on the test images.

The network writes digits, pixel by pixel and row by row. Each pixel is ink or paper. For each pixel, `forward` returns
the probability of ink, given the digit and the pixels before it (Frey, Hinton & Dayan 1995)."""

import numpy as np

from exercises.digits import few_images

DIAGNOSIS = ...  # in place of the dots a word in quotes, from the list of suspects
SIDE, LR, BATCH, EPOCHS = 14, 0.2, 100, 6


def as_ink(images):
    """Return images (N, 28, 28), uint8, at half size: (N, SIDE * SIDE), 1 for ink and -1 for paper."""
    squares = images.reshape(len(images), SIDE, 2, SIDE, 2).mean(axis=(2, 4))
    return np.where(squares > 100, 1, -1).reshape(len(images), -1).astype(np.float32)


def visible(W):
    """W (pixels, pixels) has the weights from pixel i to pixel j. Keep the weights where i is before j."""
    return np.triu(W)


def forward(W, b, x, digits):
    """Return the probability of ink (B, pixels) for images x (B, pixels) of these digits (B,). b is (10, pixels)."""
    return 1 / (1 + np.exp(-(x @ visible(W) + b[digits])))


def loss_of(p, x):
    """Return the mean of -log p over all pixels, where p is the probability of what is really there."""
    return -np.log(np.where(x > 0, p, 1 - p) + 1e-7).mean()


def write(W, b, digit, rng):
    """Write a digit, pixel by pixel: (SIDE * SIDE,). Where nothing is written yet, there is paper."""
    x = -np.ones((1, SIDE * SIDE), np.float32)
    for pixel in range(SIDE * SIDE):
        if rng.random() < forward(W, b, x, [digit])[0, pixel]:
            x[0, pixel] = 1
    return x[0]


def train():
    images, y, test_images, y_test = few_images()
    x, x_test, rng = as_ink(images), as_ink(test_images), np.random.default_rng(0)
    W, b = np.zeros((SIDE * SIDE, SIDE * SIDE), np.float32), np.zeros((10, SIDE * SIDE), np.float32)
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for batch in rng.permutation(len(x)).reshape(-1, BATCH):
            p = forward(W, b, x[batch], y[batch])
            losses.append(loss_of(p, x[batch]))
            dz = (p - (x[batch] > 0)) / BATCH
            W -= LR * visible(x[batch].T @ dz)
            np.subtract.at(b, y[batch], LR * dz)
        loss = loss_of(forward(W, b, x_test, y_test), x_test)
        print(f"epoch {epoch}: training loss {np.mean(losses):.3f}, test loss {loss:.3f}")
    print("It writes a 0 and a 2:")
    written = [write(W, b, digit, rng).reshape(SIDE, SIDE) for digit in (0, 2)]
    for row in np.concatenate(written, axis=1):
        print("".join("#" if ink > 0 else "." for ink in row))
    return loss


if __name__ == "__main__":
    train()


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter3

CASE = chapter3.Case("ahead", chapter3.probe_ahead, 0.15, 0.25, does="has a loss of {:.3f} on the test images")
WRONG = """\
    return np.triu(W)
"""
RIGHT = """\
    return np.triu(W, 1)
"""

HINTS = """
1. Nobody can predict the next pixel that well. Which pixels does the network see when it predicts a pixel in training,
   and which does it see when it writes that pixel?
2. Change one pixel of x, and see where the output of `forward` changes. Does it change at that pixel, too?
3. Print np.triu(np.ones((3, 3))). The weights on the diagonal lead from which pixel to which pixel?
"""

STILL = """
If you change a pixel of x, the probabilities at that pixel and at all pixels before it should not change. (A loss that
is closer to the healthy one does not mean that the network no longer looks ahead.)
"""
AGAINST = {"leak": "But both losses are far too good, also on training images. No test image is among those."}
EVIDENCE = """
Next time, be suspicious of a loss that is too good. Change an input that the network must not see, and check whether
its output changes. A network that sees the answer learns to copy it, and has nothing to copy when it writes. With
attention, the same mistake is a mask that is off by one.
"""
