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


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter3

CASE = chapter3.Case("rate", chapter3.probe_units, 0.8)
WRONG = """\
LR, BATCH, EPOCHS = 5.0, 100, 6
"""
RIGHT = """\
LR, BATCH, EPOCHS = 0.1, 100, 6
"""

HINTS = """
1. The loss is 2.303 again. But this time, print the loss of each of the first steps.
2. It jumps, and then stays at log(10). Print (model.z1 > 0).mean() after each of the first ten steps.
3. No unit is ever on again, so no gradient reaches W1. What has switched the units off?
"""

STILL = """
After training, print (model.z1 > 0).any(axis=0).mean(): nearly all units should be on for some image. (Fewer epochs or
more units do not bring dead units back.)
"""
EVIDENCE = """
Next time, if the loss first jumps and is then stuck at log(number of classes), count the units that are off for every
image. Such a ReLU gets no gradient, and never comes back. Keep dividing the learning rate by 10 until the loss falls
steadily in the first ten steps.
"""
