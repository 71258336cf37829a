"""The network of llama_np.py on a tape: only the forward pass, because autograd_np.py finds the derivatives.

Read it between llama_np.py, which has every derivative, and llama_torch.py. Several heads use the same key, and the
embedding's table is used twice. That needs no code here: the tape adds the gradients along all paths.

Shapes: B texts, T tokens in each, V tokens in the vocabulary, C channels; h query heads with d channels each, s
key/value heads, and g = h / s.
"""

import numpy as np

import llama_np
from autograd_np import Tensor
from gpt_autograd import GPT
from llama_np import LoRALinear
from vit_autograd import OnTape


class Llama(OnTape, llama_np.Llama):
    """The network: embedding, blocks, norm, linear layer. `params` are at first the weights of llama_np.Llama."""

    def __init__(
        self, width=64, blocks=2, heads=4, kv_heads=2, hidden=176, vocab_size=128, n_start_tokens=10,
        context_length=49, rope_theta=10_000, eps=1e-5, seed=0, dtype=np.float32,
    ):  # fmt: skip
        super().__init__(
            width, blocks, heads, kv_heads, hidden, vocab_size, n_start_tokens, context_length, rope_theta, eps, seed,
            dtype,
        )  # fmt: skip

    def forward(self, x):
        """Return the logits (B, T, V) of token ids x (B, T). The tape keeps what backward needs."""
        self.tensors = {name: Tensor(p) for name, p in self.params.items()} | self.frozen  # constants stay arrays
        a = self.tensors["embed.E"][x]  # (B, T, C)
        a = Tensor(a) if self.frozen else a
        for name, block in self.layers.items():
            if name.startswith("blocks"):
                a = self.block(name, a, block.layers["attention"])
        a = self.norm("norm", a)
        rows = self.tensors["embed.E"][: self.layers["linear"].vocab_size]  # (V, C)
        self.logits = a @ rows.swapaxes(0, 1)
        return self.logits.value

    def linear(self, name, x):
        """y = x W, or y = x W + scale (x A) B with LoRA: x (..., inputs) -> y (..., outputs)."""
        y = super().linear(name, x)
        if f"{name}.A" in self.tensors:
            y = y + LoRALinear.scale * (x @ self.tensors[f"{name}.A"] @ self.tensors[f"{name}.B"])
        return y

    def norm(self, name, x):
        """RMSNorm: each position divided by its root mean square, times gamma. x (B, T, C) -> y of the same shape."""
        size = ((x * x).mean(axis=-1, keepdims=True) + self.layers["norm"].eps).sqrt()  # (B, T, 1)
        return x / size * self.tensors[f"{name}.gamma"]

    def attention(self, name, x, numpy_layer):
        """Causal grouped-query attention: x (B, T, C) -> y of the same shape.

        name: the prefix of its parameters' names. numpy_layer: the `llama_np.GroupedQueryAttention` that has its sizes.
        """
        B, T, C = x.shape
        q, k, v = (
            self.linear(f"{name}.{part}", x).reshape(B, T, heads, -1).swapaxes(1, 2)  # (B, heads, T, d)
            for part, heads in (
                ("query", numpy_layer.heads),
                ("key", numpy_layer.kv_heads),
                ("value", numpy_layer.kv_heads),
            )
        )
        q = apply_rotary(q, numpy_layer.rotary_q.rope_theta)
        k = apply_rotary(k, numpy_layer.rotary_k.rope_theta)
        q = q.reshape(B, numpy_layer.kv_heads, -1, T, q.shape[-1])  # (B, s, g, T, d)
        k, v = (a.reshape(B, numpy_layer.kv_heads, 1, T, -1) for a in (k, v))  # (B, s, 1, T, d): one for g heads
        mixed = self.softmax(q @ k.swapaxes(3, 4) * numpy_layer.scale) @ v  # (B, s, g, T, d)
        return self.linear(f"{name}.out", mixed.reshape(B, numpy_layer.heads, T, -1).swapaxes(1, 2).reshape(B, T, C))

    softmax = GPT.softmax  # masks the later scores

    def mlp(self, name, x):
        """y = down(silu(gate(x)) * up(x)) for each position: x (B, T, C) -> y of the same shape."""
        a = self.linear(f"{name}.gate", x)
        u = self.linear(f"{name}.up", x)
        return self.linear(f"{name}.down", a * a.sigmoid() * u)


def apply_rotary(x, rope_theta):
    """Return x (B, heads, T, d) with each pair of channels rotated by the angles of llama_np.RotaryEmbedding.

    The matrix S rotates each pair by a quarter turn: (x[0], x[1]) @ S = (-x[1], x[0]). So y = x cos + x S sin.
    """
    *_, T, d = x.shape
    angles = np.arange(T)[:, np.newaxis] * rope_theta ** (-np.arange(0, d, 2) / d)  # (T, d / 2)
    cos, sin = (f(angles).repeat(2, axis=1).astype(x.value.dtype) for f in (np.cos, np.sin))  # (T, d)
    S = np.kron(np.eye(d // 2), [[0, 1], [-1, 0]]).astype(x.value.dtype)  # (d, d)
    return x * cos + x @ S * sin
