"""After the first steps nothing happens any more.
The marker calls `train`, which returns the test accuracy."""

import numpy as np

from exercises.digits import few_digits
from mlp_np import MLP, softmax_cross_entropy

DIAGNOSIS = ...  # in place of the dots a word in quotes, from the list of suspects
LR, BATCH, EPOCHS = 5.0, 100, 6
model = MLP(64)


def train():
    x, y, x_test, y_test = few_digits()
    rng = np.random.default_rng(0)
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
