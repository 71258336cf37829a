"""It trains and trains, and only guesses.
The marker calls `batches` with these arguments, and `train`, which returns the test accuracy."""

import numpy as np

from exercises.digits import few_digits
from mlp_np import MLP, softmax_cross_entropy

DIAGNOSIS = ...  # in place of the dots a word in quotes, from the list of suspects
LR, BATCH, EPOCHS = 0.1, 100, 6


def batches(x, y, rng):
    """Yield all examples once, in a random order, as pairs of a batch of images and a batch of labels."""
    x = rng.permutation(x)
    for i in range(0, len(x), BATCH):
        yield x[i : i + BATCH], y[i : i + BATCH]


def train():
    x, y, x_test, y_test = few_digits()
    rng = np.random.default_rng(0)
    model = MLP(64)
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for images, labels in batches(x, y, rng):
            loss, dlogits = softmax_cross_entropy(model.forward(images), labels)
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

CASE = chapter3.Case("labels", chapter3.probe_labels, 0.85)
WRONG = """\
    x = rng.permutation(x)
"""
RIGHT = """\
    order = rng.permutation(len(x))
    x, y = x[order], y[order]
"""

HINTS = """
1. If you train on a single batch, again and again, the loss falls. So the network and its gradients work. What else
   could be wrong?
2. Look at the data as the network sees it: print an image of a batch (coarsely, with characters) and its label.
3. Does each label still have the index of its image after batches() has shuffled them?
"""

STILL = "Print some images of a batch beside their labels."
EVIDENCE = """
Next time, if the network can memorise one batch, but cannot learn all of them together, look at the pairs of image and
label. Look at the input of the training step, not at the original arrays.
"""
