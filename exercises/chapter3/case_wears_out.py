"""Worse with every epoch. The marker calls `train`, which returns the test accuracy. It should still train on images
with a square missing, a different square each time."""

import numpy as np

from exercises.digits import few_images
from mlp_np import MLP, softmax_cross_entropy

DIAGNOSIS = ...  # in place of the dots a word in quotes, from the list of suspects
SIDE, LR, BATCH, EPOCHS = 10, 0.1, 100, 8


def erased(images, rng):
    """Set a square of SIDE x SIDE pixels in each image to 0, so that the network does not rely on single pixels."""
    for image in images:
        row, column = rng.integers(0, 29 - SIDE, 2)
        image[row : row + SIDE, column : column + SIDE] = 0
    return images


def as_input(images):
    """Convert images (N, 28, 28), uint8, to the network's input (N, 784)."""
    return ((images.reshape(-1, 784) - 33.0) / 79.0).astype(np.float32)


def train():
    images, y, test_images, y_test = few_images()
    rng = np.random.default_rng(0)
    order = rng.permutation(len(images))
    images, y = images[order], y[order]
    model = MLP(64)
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for i in range(0, len(images), BATCH):
            x = as_input(erased(images[i : i + BATCH], rng))
            loss, dlogits = softmax_cross_entropy(model.forward(x), y[i : i + BATCH])
            losses.append(loss)
            for name, gradient in model.backward(dlogits).items():
                model.params[name] -= LR * gradient
        accuracy = (model.forward(as_input(test_images)).argmax(axis=1) == y_test).mean()
        print(f"epoch {epoch}: training loss {np.mean(losses):.3f}, test accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    train()


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter3

CASE = chapter3.Case("overwritten", chapter3.probe_overwritten, 0.85)
WRONG = """\
    for image in images:
"""
RIGHT = """\
    images = images.copy()
    for image in images:
"""

HINTS = """
1. If a network learns, its loss falls. Here it rises, so the images must become harder. Check this: print (x >
   0).mean() for each batch, in the first epoch and in the last.
2. Print images.sum() at the end of each epoch. Should it change?
3. images[i : i + BATCH] is not a copy, but a view of the same memory. What does `erased` do with its argument?
"""

STILL = """
images.sum() should be the same at the end of every epoch. (With a smaller square or fewer epochs, the images only wear
out more slowly.)
"""
AGAINST = {
    "in place": "Something is indeed overwritten in place here. But the gradients agree, so `backward` has all it "
    "needs. Something else is overwritten.",
    "rate": "A smaller learning rate does not help here. Does the network become worse, or its input?",
}
EVIDENCE = """
Next time, look at the data as the network gets it, in the first epoch and again in a later one. A function that changes
an image should change a copy: slices are views, and writing into a slice changes the dataset.
"""
