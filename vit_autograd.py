"""The small transformer of vit_np.py on a tape: only the forward pass. autograd_np.py finds the derivatives.

Read it between vit_np.py, where every derivative is written out, and vit_torch.py. Layer normalisation and softmax are
composed of sums, products and exp here, so they need no derivatives of their own.

Shapes: B images, T patches (tokens) in each, C channels, that is numbers for each patch; h heads of d = C / h channels.
"""

import numpy as np

import vit_np
from autograd_np import Tensor


class OnTape:
    """The layers of a transformer on a tape. `name` is the prefix of a layer's parameters in `self.tensors`."""

    def block(self, name, x, heads):
        """y = u + mlp(norm(u)) with u = x + attention(norm(x)): x (B, T, C) -> y of the same shape."""
        u = x + self.attention(f"{name}.attention", self.norm(f"{name}.norm1", x), heads)
        return u + self.mlp(f"{name}.mlp", self.norm(f"{name}.norm2", u))

    def linear(self, name, x):
        """y = x W + b, or y = x W if the layer has no bias: x (..., inputs) -> y (..., outputs)."""
        y = x.reshape(-1, x.shape[-1]) @ self.tensors[f"{name}.W"]  # (B T, outputs)
        if f"{name}.b" in self.tensors:
            y = y + self.tensors[f"{name}.b"]
        return y.reshape(*x.shape[:-1], -1)

    def norm(self, name, x):
        """Layer normalisation with the layer's gamma and beta: x (B, T, C) -> y of the same shape."""
        return layer_norm(x, self.tensors[f"{name}.gamma"], self.tensors[f"{name}.beta"])

    def attention(self, name, x, heads):
        """Attention: every patch gets a weighted mean over all patches. x (B, T, C) -> y of the same shape."""
        q, k, v = (
            self.linear(f"{name}.{layer}", x).reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)  # (B, h, T, d)
            for layer in ("query", "key", "value")
        )
        scores = q @ k.swapaxes(2, 3) * q.shape[-1] ** -0.5  # (B, h, T, T): q k.T / sqrt(d)
        mixed = self.softmax(scores) @ v  # (B, h, T, d)
        return self.linear(f"{name}.out", mixed.swapaxes(1, 2).reshape(*x.shape))

    def softmax(self, scores):
        """scores (B, h, T, T) -> attention weights of the same shape, which sum to 1 along the last axis."""
        return softmax(scores)

    def mlp(self, name, x):
        """y = second(relu(first(x))) for each patch: x (B, T, C) -> y of the same shape."""
        return self.linear(f"{name}.second", self.linear(f"{name}.first", x).relu())

    def backward(self, dlogits):
        """From dlogits = d loss / d logits, return the gradients, with the keys and shapes of `params`."""
        self.logits.backward(dlogits)
        return {name: self.tensors[name].grad for name in self.params}


class ViT(OnTape, vit_np.ViT):
    """The network: patches, embedding, positions, blocks, norm, mean, linear layer.

    `params` are at first the weights of vit_np.ViT.
    """

    def __init__(self, width=64, blocks=3, heads=4, patch=7, seed=0, dtype=np.float32):
        super().__init__(width, blocks, heads, patch, seed, dtype)

    def forward(self, x):
        """Return the logits (B, 10) of images x (B, 28, 28). The tape keeps what backward needs."""
        self.tensors = {name: Tensor(p) for name, p in self.params.items()}
        patches = self.layers["patches"].forward(x)  # (B, T, size size), an array: x is a constant
        a = self.linear("embed", patches) + self.tensors["positions.P"]  # (B, T, C)
        for name, block in self.layers.items():
            if name.startswith("blocks"):
                a = self.block(name, a, block.layers["attention"].heads)
        self.logits = self.linear("linear", self.norm("norm", a).mean(axis=1))
        return self.logits.value


def layer_norm(x, gamma, beta):
    """Return x (B, T, C) with mean 0 and variance 1 over the channels of each patch, times gamma, plus beta (C,)."""
    centred = x - x.mean(axis=-1, keepdims=True)
    var = (centred * centred).mean(axis=-1, keepdims=True)  # (B, T, 1)
    xhat = centred * (1 / (var + vit_np.LayerNorm.eps).sqrt())
    return xhat * gamma + beta


def softmax(scores):
    """Return exp(scores) / sum(exp(scores)) along the last axis, a Tensor of the same shape.

    As in mlp_np.py, the largest score of each row is subtracted first. It counts as a constant.
    """
    e = (scores - scores.value.max(axis=-1, keepdims=True)).exp()
    return e * (1 / e.sum(axis=-1, keepdims=True))
