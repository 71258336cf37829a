"""The small transformer of vit_np.py on a tape: the forward pass, and no derivative; autograd_np.py finds them.

Read it between vit_np.py, where every derivative is written out, and vit_torch.py. Layer normalisation and softmax are
made here of sums, products and exp, and nobody has to know a derivative of the whole.

Shapes: B images, T patches (tokens) in each, C channels, that is numbers for each patch; h heads of d = C / h channels.
"""

import numpy as np

import vit_np
from autograd_np import Tensor


class OnTape:
    """The layers of a transformer, each called by the name that its params begin with in `self.tensors`."""

    def block(self, name, x, heads):
        """u = x + attention(norm(x)), then y = u + mlp(norm(u)): x (B, T, C) -> y."""
        u = x + self.attention(f"{name}.attention", self.norm(f"{name}.norm1", x), heads)
        return u + self.mlp(f"{name}.mlp", self.norm(f"{name}.norm2", u))

    def linear(self, name, x):
        """y = x W + b for each patch, or without bias y = x W: x (..., inputs) -> y (..., outputs)."""
        y = x.reshape(-1, x.shape[-1]) @ self.tensors[f"{name}.W"]  # (B T, outputs)
        if f"{name}.b" in self.tensors:
            y = y + self.tensors[f"{name}.b"]
        return y.reshape(*x.shape[:-1], -1)

    def norm(self, name, x):
        """Layer normalisation with the gamma and beta of this name: x (B, T, C) -> y."""
        return layer_norm(x, self.tensors[f"{name}.gamma"], self.tensors[f"{name}.beta"])

    def attention(self, name, x, heads):
        """Every patch takes a weighted mean from all patches, whose weights the patches choose: x (B, T, C) -> y."""
        q, k, v = (
            self.linear(f"{name}.{layer}", x).reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)  # (B, h, T, d)
            for layer in ("query", "key", "value")
        )
        scores = q @ k.swapaxes(2, 3) * q.shape[-1] ** -0.5  # (B, h, T, T): q k.T / sqrt(d)
        mixed = self.softmax(scores) @ v  # (B, h, T, d)
        return self.linear(f"{name}.out", mixed.swapaxes(1, 2).reshape(*x.shape))

    def softmax(self, scores):
        """The weights that attention makes of its scores (B, h, T, T), of the same shape."""
        return softmax(scores)

    def mlp(self, name, x):
        """The network of mlp_np.py, for each patch: x (B, T, C) -> y."""
        return self.linear(f"{name}.second", self.linear(f"{name}.first", x).relu())

    def backward(self, dlogits):
        """From d loss / d logits, in their shape, to the gradients, with the keys and shapes of params."""
        self.logits.backward(dlogits)
        return {name: self.tensors[name].grad for name in self.params}


class ViT(OnTape, vit_np.ViT):
    """Patches, embedding, positions, blocks, norm, mean, linear. Its first weights, `params`, are vit_np.ViT's."""

    def __init__(self, width=64, blocks=3, heads=4, patch=7, seed=0, dtype=np.float32):
        super().__init__(width, blocks, heads, patch, seed, dtype)

    def forward(self, x):
        """Images x (B, 28, 28) to logits (B, 10). The tape keeps what backward needs."""
        self.tensors = {name: Tensor(p) for name, p in self.params.items()}
        patches = self.layers["patches"].forward(x)  # (B, T, size size), an array: x is a constant
        a = self.linear("embed", patches) + self.tensors["positions.P"]  # (B, T, C)
        for name, block in self.layers.items():
            if name.startswith("blocks"):
                a = self.block(name, a, block.layers["attention"].heads)
        self.logits = self.linear("linear", self.norm("norm", a).mean(axis=1))
        return self.logits.value


def layer_norm(x, gamma, beta):
    """Every patch with mean 0 and variance 1 over its channels, then scaled and shifted."""
    centred = x - x.mean(axis=-1, keepdims=True)
    var = (centred * centred).mean(axis=-1, keepdims=True)  # (B, T, 1)
    xhat = centred * (1 / (var + vit_np.LayerNorm.eps).sqrt())
    return xhat * gamma + beta


def softmax(scores):
    """exp(scores) / sum(exp(scores)) along the last axis. The largest, a constant, is subtracted as in mlp_np.py."""
    e = (scores - scores.value.max(axis=-1, keepdims=True)).exp()
    return e * (1 / e.sum(axis=-1, keepdims=True))
