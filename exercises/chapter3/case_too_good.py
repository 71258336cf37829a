"""Too good to be true.
The marker calls `train`, which returns the test accuracy."""

import numpy as np

from exercises.digits import few_digits
from mlp_np import MLP, softmax_cross_entropy

DIAGNOSIS = ...  # in place of the dots a word in quotes, from the list of suspects
LR, BATCH, EPOCHS = 0.1, 100, 6


def split(x, y, rng):
    """Return two thirds of the images and labels for training, and a third for the test, in a random order."""
    n = 2 * len(x) // 3
    training, test = rng.permutation(len(x))[:n], rng.permutation(len(x))[n:]
    return x[training], y[training], x[test], y[test]


def train():
    x, y, more_x, more_y = few_digits()
    rng = np.random.default_rng(0)
    x, y, x_test, y_test = split(np.concatenate([x, more_x]), np.concatenate([y, more_y]), rng)
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

CASE = chapter3.Case("leak", chapter3.probe_leak, 0.86, 0.935)
WRONG = """\
    training, test = rng.permutation(len(x))[:n], rng.permutation(len(x))[n:]
"""
RIGHT = """\
    training, test = np.split(rng.permutation(len(x)), [n])
"""

HINTS = """
1. The training loss is the same as in a healthy run. Only the test result is better. What could make a test easier for
   the same network?
2. Number the images: use x = np.arange(6000) instead of the pixels, and look at what `split` returns.
3. np.intersect1d(training, test) should be empty. How many permutations are drawn, and how many should be?
"""

STILL = """
No image may be in both parts that `split` returns: np.intersect1d of their numbers should be empty. (A worse network
would also lower the accuracy, but the test would still be too easy.)
"""
AGAINST = {
    "epochs": "But the training loss is already as low as in the healthy run. It is the test result that is too good.",
    "pixels": "But training and test images are scaled together, and the test result is better, not worse. What else "
    "do they share?",
}
EVIDENCE = """
Next time, if a test result is better than you can explain, ask which of the test examples the network has seen. Number
the examples, and look for numbers that occur in both sets. Also look for copies of the same example. Nobody complains
about a result that is too good, so this mistake often goes unnoticed.
"""
