"""The loss does not move.
The marker calls `new_model` with these arguments, and `train`, which returns the test accuracy."""

import numpy as np

from exercises.digits import few_digits
from mlp_np import MLP, softmax_cross_entropy

DIAGNOSIS = ...  # in place of the dots a word in quotes, from the list of suspects
HIDDEN, LR, BATCH, EPOCHS = 64, 0.1, 100, 6


def init(rng, inputs, outputs):
    """Return the initial weights of a layer, and its biases."""
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


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter3

CASE = chapter3.Case("zeros", chapter3.probe_init, 0.85)
WRONG = """\
    return np.zeros((inputs, outputs), np.float32), np.zeros(outputs, np.float32)
"""
RIGHT = """\
    W = rng.normal(0, np.sqrt(2 / inputs), (inputs, outputs))
    return W.astype(np.float32), np.zeros(outputs, np.float32)
"""

HINTS = """
1. 2.303 is log(10): every digit gets p = 0.1. Print the gradients after the first batch. Which of them are 0?
2. All are 0 except the gradient of the last bias. Look at dW2 = a1.T @ dlogits and da1 = dlogits @ W2.T: which factor
   makes them 0?
3. Print model.params before the first step. If all units of a layer start out equal, what could make them different?
"""

STILL = "Print W1 and W2 before the first step: no two hidden units should be equal."
OR_ELSE = "Or are your new weights too large? Compare their size with init_he's."
EVIDENCE = """
Next time, if the loss stays at log(number of classes), no gradient arrives. Print the size of each layer's gradient
after one batch. Setting all weights to the same constant is hardly better than 0: equal units get equal gradients and
stay equal forever.
"""
