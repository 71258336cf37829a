"""A perceptron with two hidden layers and dropout by hand: the network that only the tests know.

    first    z1 = x W + b, a1 = max(z1, 0)    (B, 784) -> (B, H)
    second   z2 = a1 W + b, a2 = max(z2, 0)   (B, H)   -> (B, H)
    third    logits                           (B, H)   -> (B, 10)

Dropout (Srivastava et al. 2014): in training, each activation is 0 with the probability `dropout`; the others are
divided by 1 - dropout, so that the sums keep their mean.

`python deep_np.py` checks its derivatives. Shapes: B images, H units in each hidden layer.
"""

import numpy as np

from mlp_np import compute_gradient_difference, init_he, softmax_cross_entropy


class Deep:
    """`params` holds first.W (784, H), first.b (H,), second.W (H, H), second.b (H,), third.W (H, 10), third.b (10,)."""

    training = True

    def __init__(self, hidden=32, dropout=0.2, seed=0, dtype=np.float32):
        rng = np.random.default_rng(seed)
        self.dropout, self.seed, self.params = dropout, seed, {}
        for name, fan_in, fan_out in (("first", 784, hidden), ("second", hidden, hidden), ("third", hidden, 10)):
            for letter, p in zip("Wb", init_he(rng, fan_in, fan_out), strict=True):
                self.params[f"{name}.{letter}"] = p.astype(dtype)
        self.statistics = {"steps": np.zeros((), np.int64)} if dropout else {}  # a checkpoint keeps it

    def masks(self, batch):
        """What the activations of both layers are multiplied with, (2, B, H): a function of the seed and the step."""
        W = self.params["second.W"]
        if not (self.training and self.dropout):
            return np.ones((2, 1, 1), W.dtype)
        self.statistics["steps"] += 1
        rng = np.random.default_rng([self.seed, int(self.statistics["steps"])])
        kept = rng.random((2, batch, len(W))) >= self.dropout
        return kept.astype(W.dtype) / (1 - self.dropout)

    def forward(self, x):
        """From B images x, 784 pixels each in any shape, to logits (B, 10). Keeps what backward needs."""
        W1, b1, W2, b2, W3, b3 = self.params.values()
        self.x = x.reshape(len(x), -1)  # (B, 784)
        self.mask1, self.mask2 = self.masks(len(x))
        self.z1 = self.x @ W1 + b1  # (B, H)
        self.a1 = np.maximum(self.z1, 0) * self.mask1
        self.z2 = self.a1 @ W2 + b2
        self.a2 = np.maximum(self.z2, 0) * self.mask2
        return self.a2 @ W3 + b3

    def backward(self, dlogits):
        """From d loss / d logits (B, 10) to the gradients, with the keys and shapes of params."""
        _, _, W2, _, W3, _ = self.params.values()
        # Each layer as in mlp_np.py. a = max(z, 0) mask: dropout is a factor, and stays one.
        dz2 = dlogits @ W3.T * self.mask2 * (self.z2 > 0)  # (B, H)
        dz1 = dz2 @ W2.T * self.mask1 * (self.z1 > 0)
        grads = self.x.T @ dz1, dz1.sum(axis=0), self.a1.T @ dz2, dz2.sum(axis=0)
        return dict(zip(self.params, (*grads, self.a2.T @ dlogits, dlogits.sum(axis=0)), strict=True))


def check():
    """Compare each gradient of a small network with central differences, at one step of its dropout."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(5, 784)), rng.integers(10, size=5)
    model = Deep(hidden=6, dtype=np.float64)
    for p in model.params.values():
        p[...] = rng.normal(0, 0.3, p.shape)  # biases too: a sum that is exactly 0 has no derivative

    def forward():
        model.statistics["steps"][...] = 0  # the same units drop out every time
        return softmax_cross_entropy(model.forward(x), y)

    grads = model.backward(forward()[1])
    for name, gradient in grads.items():
        print(f"d {name:8} {compute_gradient_difference(name, gradient, model.params[name], lambda: forward()[0]):.1e}")


if __name__ == "__main__":
    check()
