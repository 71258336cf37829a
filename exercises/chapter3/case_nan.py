"""The loss is no longer a number.
The marker calls `forward` and `backward` with these arguments, and `train`, which returns the test accuracy."""

import numpy as np

from exercises.digits import few_digits
from mlp_np import init_he, softmax_cross_entropy

DIAGNOSIS = ...  # in place of the dots a word in quotes, from the list of suspects
SIZES, LR, BATCH, EPOCHS = (784, 64, 64, 64, 10), 0.1, 100, 6


def forward(layers, x):
    """x (B, 784) -> the activations of all layers; x itself comes first, the logits last."""
    activations = [x]
    for i, (W, b) in enumerate(layers):
        z = activations[-1] @ W + b
        activations.append(z if i == len(layers) - 1 else np.maximum(z, 0))
    return activations


def backward(layers, activations, dlogits):
    """Return the gradients (dW, db) of all layers, starting with the first layer."""
    gradients, dz = [], dlogits
    for (W, _), a in zip(layers[::-1], activations[-2::-1], strict=True):
        gradients.insert(0, (a.T @ dz, dz.sum(axis=0)))
        dz = dz @ W.T
    return gradients


def train():
    (x, y, x_test, y_test), rng = few_digits(), np.random.default_rng(0)
    layers = [[p.astype(np.float32) for p in init_he(rng, *sizes)] for sizes in zip(SIZES[:-1], SIZES[1:], strict=True)]
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for batch in rng.permutation(len(x)).reshape(-1, BATCH):
            activations = forward(layers, x[batch])
            loss, dlogits = softmax_cross_entropy(activations[-1], y[batch])
            losses.append(loss)
            for (W, b), (dW, db) in zip(layers, backward(layers, activations, dlogits), strict=True):
                W -= LR * dW
                b -= LR * db
        accuracy = (forward(layers, x_test)[-1].argmax(axis=1) == y_test).mean()
        print(f"epoch {epoch}: training loss {np.mean(losses):.3f}, test accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    train()


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter3

CASE = chapter3.Case("mask", chapter3.probe_deep, 0.83)
WRONG = """\
        dz = dz @ W.T
"""
RIGHT = """\
        dz = (dz @ W.T) * (a > 0)
"""

HINTS = """
1. With a tenth of the learning rate, it does learn, but not well enough. Which is worse: a large step, or a wrong
   direction? You know a way to check directions.
2. Compare the gradients with central differences, layer by layer (a small x, float64, numerical_gradient of mlp_np.py).
   Which layer's gradient agrees, and at which layer do they start to be wrong?
3. Only the last layer's gradient agrees. On its way from one layer to the layer below, a gradient passes through W.
   What else does it pass through?
"""

STILL = "Compare the gradients of the first layer with central differences: they should agree to 1e-6."
AGAINST = {
    "rate": "With 0.01 and no other change, it learns, but it stays at 0.82 where 0.86 is possible: a smaller step "
    "hides something."
}
EVIDENCE = """
Next time, remember that a gradient without its mask still points roughly downhill, so shallow networks hide the
mistake. In deeper networks, the error grows from layer to layer. Central differences on a tiny network show it in a
second. Look at the layer where they start to disagree.
"""
