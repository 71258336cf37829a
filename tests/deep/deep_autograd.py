"""The perceptron of deep_np.py on a tape: the forward pass, and no derivative. Shapes: B images, H hidden units."""

import numpy as np

import deep_np
from autograd_np import Tensor


class Deep(deep_np.Deep):
    """From deep_np.Deep it takes the first weights, `params`, and what drops out."""

    def __init__(self, hidden=32, dropout=0.2, seed=0, dtype=np.float32):
        super().__init__(hidden, dropout, seed, dtype)

    def forward(self, x):
        """From B images x, 784 pixels each in any shape, to logits (B, 10). The tape keeps what backward needs."""
        self.tensors = {name: Tensor(p) for name, p in self.params.items()}
        W1, b1, W2, b2, W3, b3 = self.tensors.values()
        mask1, mask2 = self.masks(len(x))
        a1 = (x.reshape(len(x), -1) @ W1 + b1).relu() * mask1  # (B, H)
        a2 = (a1 @ W2 + b2).relu() * mask2
        self.logits = a2 @ W3 + b3
        return self.logits.value

    def backward(self, dlogits):
        """From d loss / d logits (B, 10) to the gradients, with the keys and shapes of params."""
        self.logits.backward(dlogits)
        return {name: tensor.grad for name, tensor in self.tensors.items()}
