"""The multi-layer perceptron of mlp_np.py on a tape: only the forward pass. autograd_np.py finds the derivatives.

Read it between mlp_np.py, where every derivative is written out, and mlp_torch.py. The numbers are those of mlp_np.py
to the last bit: the tape does the same operations in the same order.

Shapes: B images in a batch, H hidden units.
"""

import numpy as np

import mlp_np
from autograd_np import Tensor


class MLP:
    """The network 784 - hidden - 10 with one ReLU. `params` are at first the weights of mlp_np.MLP."""

    def __init__(self, hidden=512, init="he", seed=0, dtype=np.float32):
        self.params = mlp_np.MLP(hidden, init, seed, dtype).params

    def forward(self, x):
        """Return the logits (B, 10) of B images x, 784 pixels each in any shape. The tape keeps what backward needs."""
        self.tensors = {name: Tensor(p) for name, p in self.params.items()}
        W1, b1, W2, b2 = self.tensors.values()
        x = x.reshape(len(x), -1)  # (B, 784)
        z1 = x @ W1 + b1  # (B, H)
        a1 = z1.relu()  # (B, H)
        self.logits = a1 @ W2 + b2  # (B, 10)
        return self.logits.value

    def backward(self, dlogits):
        """From dlogits = d loss / d logits (B, 10), return {"W1": d loss / d W1, ...}, with the shapes of `params`."""
        self.logits.backward(dlogits)
        return {name: tensor.grad for name, tensor in self.tensors.items()}
