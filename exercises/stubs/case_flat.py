"""The loss does not move.
The marker calls `new_model` with these arguments, and `train`, which returns the test accuracy."""

import numpy as np

from exercises.digits import few_digits
from mlp_np import MLP, softmax_cross_entropy

DIAGNOSIS = ...  # in place of the dots a word in quotes, from the list of suspects
HIDDEN, LR, BATCH, EPOCHS = 64, 0.1, 100, 6


def init(rng, inputs, outputs):
    """The first weights of a layer, and its biases."""
    return np.zeros((inputs, outputs), np.float32), np.zeros(outputs, np.float32)


def new_model(rng):
    model = MLP(HIDDEN)
    model.params["W1"], model.params["b1"] = init(rng, 784, HIDDEN)
    model.params["W2"], model.params["b2"] = init(rng, HIDDEN, 10)
    return model


def train():
    x, y, x_test, y_test = few_digits()
    rng = np.random.default_rng(0)
    model = new_model(rng)
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
