"""Well practised, and lost in the test.
The marker calls `train`, which returns the test accuracy."""

import numpy as np

from exercises.digits import few_images
from mlp_np import MLP, softmax_cross_entropy

DIAGNOSIS = ...  # in place of the dots a word in quotes, from the list of suspects
LR, BATCH, EPOCHS = 0.1, 100, 6


def training_input(images):
    """Convert images (N, 28, 28), uint8, to the network's input (N, 784)."""
    return ((images.reshape(-1, 784) - 33.0) / 79.0).astype(np.float32)


def test_input(images):
    """Do the same for testing."""
    return (images.reshape(-1, 784) / 255.0).astype(np.float32)


def train():
    images, y, test_images, y_test = few_images()
    x, x_test = training_input(images), test_input(test_images)
    rng = np.random.default_rng(0)
    model = MLP(64)
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for batch in rng.permutation(len(x)).reshape(-1, BATCH):
            loss, dlogits = softmax_cross_entropy(model.forward(x[batch]), y[batch])
            losses.append(loss)
            for name, gradient in model.backward(dlogits).items():
                model.params[name] -= LR * gradient
        accuracy = (model.forward(x_test).argmax(axis=1) == y_test).mean()
        print(f"epoch {epoch}: training loss {np.mean(losses):.3f}, test accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    train()


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter3

CASE = chapter3.Case("pixels", chapter3.probe_pixels, 0.86)
WRONG = """\
    return (images.reshape(-1, 784) / 255.0).astype(np.float32)
"""
RIGHT = """\
    return training_input(images)
"""

HINTS = """
1. The training loss is as good as in a healthy run. So what is different about the test?
2. Test on the training images, but prepare them like the test images. Are the images to blame, or the way they are
   prepared?
3. Print x.mean() and x.std() for training and for testing.
"""

AGAINST = {"epochs": "But the training loss is already as low as in the healthy run. What is different about the test?"}
STILL = "The same image should give the same input in training_input and in test_input."
EVIDENCE = """
Next time, before you blame the network, print the mean, the standard deviation, the minimum and the maximum of its
input, for training and for testing. If one function prepares both, they cannot differ.
"""
