"""The network of llama_np.py on a tape: the forward pass, and no derivative; autograd_np.py finds them.

Read it between llama_np.py, where every derivative is written out, and llama_torch.py. That a key is used by several
heads, and the table twice, nobody has to know on the way back: the tape adds along all ways.

Shapes: B texts, T places (words) in each, C channels; h heads of queries with d channels each, s heads of keys and
values, and g = h / s.
"""

import numpy as np

import llama_np
from autograd_np import Tensor
from gpt_autograd import GPT
from llama_np import Adapted
from vit_autograd import OnTape


class Llama(OnTape, llama_np.Llama):
    """Embedding, blocks, norm, linear. Its first weights, `params`, are llama_np.Llama's."""

    def __init__(
        self, width=64, blocks=2, heads=4, keys=2, hidden=176, words=128, starts=10, places=49, base=10_000, eps=1e-5,
        seed=0, dtype=np.float32,
    ):  # fmt: skip
        super().__init__(width, blocks, heads, keys, hidden, words, starts, places, base, eps, seed, dtype)

    def forward(self, x):
        """Words x (B, T) to logits (B, T, V). The tape keeps what backward needs."""
        self.tensors = {name: Tensor(p) for name, p in self.params.items()} | self.frozen  # constants stay arrays
        a = self.tensors["embed.E"][x]  # (B, T, C)
        a = Tensor(a) if self.frozen else a
        for name, block in self.layers.items():
            if name.startswith("blocks"):
                a = self.block(name, a, block.layers["attention"])
        a = self.norm("norm", a)
        rows = self.tensors["embed.E"][: self.layers["linear"].words]  # (V, C)
        self.logits = a @ rows.swapaxes(0, 1)
        return self.logits.value

    def linear(self, name, x):
        """y = x W, and where two thin matrices learn beside W, y = x W + scale (x A) B: x (..., inputs) -> y."""
        y = super().linear(name, x)
        if f"{name}.A" in self.tensors:
            y = y + Adapted.scale * (x @ self.tensors[f"{name}.A"] @ self.tensors[f"{name}.B"])
        return y

    def norm(self, name, x):
        """Every place divided by the root of its mean square, times gamma: x (B, T, C) -> y."""
        size = ((x * x).mean(axis=-1, keepdims=True) + self.layers["norm"].eps).sqrt()  # (B, T, 1)
        return x / size * self.tensors[f"{name}.gamma"]

    def attention(self, name, x, layer):
        """Every place gathers what it needs from the places before: x (B, T, C) -> y. layer: that of llama_np.py."""
        B, T, C = x.shape
        q, k, v = (
            self.linear(f"{name}.{part}", x).reshape(B, T, heads, -1).swapaxes(1, 2)  # (B, heads, T, d)
            for part, heads in (("query", layer.heads), ("key", layer.keys), ("value", layer.keys))
        )
        q, k = turned(q, layer.turn_q.base), turned(k, layer.turn_k.base)
        q = q.reshape(B, layer.keys, -1, T, q.shape[-1])  # (B, s, g, T, d)
        k, v = (a.reshape(B, layer.keys, 1, T, -1) for a in (k, v))  # (B, s, 1, T, d): one for g heads
        mixed = self.softmax(q @ k.swapaxes(3, 4) * layer.scale) @ v  # (B, s, g, T, d)
        return self.linear(f"{name}.out", mixed.reshape(B, layer.heads, T, -1).swapaxes(1, 2).reshape(B, T, C))

    softmax = GPT.softmax  # hides the later scores

    def mlp(self, name, x):
        """down(silu(gate(x)) * up(x)) for each place: x (B, T, C) -> y."""
        a, u = self.linear(f"{name}.gate", x), self.linear(f"{name}.up", x)
        return self.linear(f"{name}.down", a * a.sigmoid() * u)


def turned(x, base):
    """Rotary positions of x (B, heads, T, d): each pair of channels turned by the angles of llama_np.Rotation.

    With (x[0], x[1]) @ S = (-x[1], x[0]), a quarter turn, it is x cos + x S sin.
    """
    *_, T, d = x.shape
    angles = np.arange(T)[:, np.newaxis] * base ** (-np.arange(0, d, 2) / d)  # (T, d / 2)
    cos, sin = (f(angles).repeat(2, axis=1).astype(x.value.dtype) for f in (np.cos, np.sin))  # (T, d)
    S = np.kron(np.eye(d // 2), [[0, 1], [-1, 0]]).astype(x.value.dtype)  # (d, d)
    return x * cos + x @ S * sin
