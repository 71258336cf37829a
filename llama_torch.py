"""The same network in PyTorch: read it beside llama_np.py, where every derivative is spelled out.

After Touvron et al. 2023 (LLaMA: Open and Efficient Foundation Language Models): RMSNorm, rotary positions, keys and
values that several heads share, SwiGLU, no biases, and one table for the embedding and the last layer.

Shapes: B texts, T places (words) in each, V words to choose from, C channels, H units inside the MLP; h heads of
queries with d = C / h channels each, s heads of keys and values, and g = h / s heads of queries that share one.
"""

import torch
import torch.nn.functional as F
from torch import nn


class RMSNorm(nn.Module):
    """Every place divided by the root of its mean square, then each channel scaled by gamma. (Older versions of PyTorch
    have no nn.RMSNorm.)"""

    def __init__(self, width, eps):
        super().__init__()
        self.eps, self.gamma = eps, nn.Parameter(torch.ones(width))

    def forward(self, x):
        """x (B, T, C) -> y of the same shape."""
        return x * torch.rsqrt((x**2).mean(dim=-1, keepdim=True) + self.eps) * self.gamma


def turned(x, base):
    """Rotary positions: each pair of channels of x (B, heads, T, d) turned by an angle that grows with the place."""
    *_, T, d = x.shape
    angles = torch.arange(T)[:, None] * base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)  # (T, d / 2)
    cos, sin = angles.cos().to(x), angles.sin().to(x)
    first, second = x[..., ::2], x[..., 1::2]  # (B, heads, T, d / 2)
    return torch.stack((first * cos - second * sin, first * sin + second * cos), dim=-1).flatten(-2)


class SharedAttention(nn.Module):
    """Every place gathers what it needs from itself and the places before; g heads of queries share keys and values."""

    def __init__(self, width, heads, keys, base):
        super().__init__()
        self.heads, self.keys, self.base, d = heads, keys, base, width // heads
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, keys * d, bias=False)
        self.value = nn.Linear(width, keys * d, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x):
        """x (B, T, C) -> y of the same shape."""
        q, k, v = (
            layer(x).unflatten(-1, (heads, -1)).transpose(1, 2)  # (B, heads, T, d)
            for layer, heads in ((self.query, self.heads), (self.key, self.keys), (self.value, self.keys))
        )
        q, k = turned(q, self.base), turned(k, self.base)
        k, v = (a.repeat_interleave(self.heads // self.keys, dim=1) for a in (k, v))  # (B, h, T, d)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # softmax(q k.T / sqrt(d), masked) v
        return self.out(mixed.transpose(1, 2).flatten(2))


class SwiGLU(nn.Module):
    """y = down(silu(gate(x)) * up(x)), for each place."""

    def __init__(self, width, hidden):
        super().__init__()
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x):
        """x (B, T, C) -> y of the same shape."""
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Adapted(nn.Module):
    """y = x W + scale (x A) B: W stays as it is, and two thin matrices beside it learn (Hu et al. 2021, LoRA)."""

    scale = 2.0

    def __init__(self, inputs, outputs, rank):
        super().__init__()
        self.W = nn.Parameter(torch.zeros(inputs, outputs), requires_grad=False)
        self.A = nn.Parameter(torch.zeros(inputs, rank))
        self.B = nn.Parameter(torch.zeros(rank, outputs))

    def forward(self, x):
        """x (..., inputs) -> y (..., outputs)."""
        return x @ self.W + self.scale * (x @ self.A @ self.B)


class LlamaBlock(nn.Module):
    """y = u + mlp(norm(u)) with u = x + attention(norm(x))."""

    def __init__(self, width, heads, keys, hidden, base, eps):
        super().__init__()
        self.norm1 = RMSNorm(width, eps)
        self.attention = SharedAttention(width, heads, keys, base)
        self.norm2 = RMSNorm(width, eps)
        self.mlp = SwiGLU(width, hidden)

    def forward(self, x):
        """x (B, T, C) -> y of the same shape."""
        u = x + self.attention(self.norm1(x))
        return u + self.mlp(self.norm2(u))


class Llama(nn.Module):
    """Embedding, blocks, norm, and the embedding's table again."""

    def __init__(
        self, width=64, blocks=2, heads=4, keys=2, hidden=176, words=128, starts=10, places=49, base=10_000, eps=1e-5
    ):
        super().__init__()
        self.words, self.places = words, places
        self.embed = nn.Embedding(words + starts, width)  # what starts a text, a digit say, is a word too
        self.blocks = nn.Sequential(*(LlamaBlock(width, heads, keys, hidden, base, eps) for _ in range(blocks)))
        self.norm = RMSNorm(width, eps)

    def forward(self, x):
        """Words x (B, T) to logits (B, T, V)."""
        a = self.norm(self.blocks(self.embed(x)))  # (B, T) -> (B, T, C)
        return F.linear(a, self.embed.weight[: self.words])  # (B, T, V)

    def adapt(self, rank):
        """Put two thin matrices beside that of each linear layer, which learn, and nothing else does."""
        self.requires_grad_(False)
        for block in self.blocks:
            for part in (block.attention, block.mlp):
                for name, layer in [*part.named_children()]:
                    setattr(part, name, Adapted(layer.in_features, layer.out_features, rank))

    @torch.no_grad()
    def write(self, begun, temperature, rng, top=None, top_p=1):
        """Go on with texts from what is given of each: yields B new words (B,) for each place up to the last.

        begun: (B, n) words, whole numbers, 1 <= n <= T. The numbers that decide are drawn from rng, a generator of
        NumPy's, B for each new word. Nothing is kept: all places are computed again for each word. top, top_p: see
        `next_words`.
        """
        x = torch.as_tensor(begun, device=self.embed.weight.device)
        while x.shape[1] <= self.places:
            logits = self(x)[:, -1]  # (B, V)
            u = torch.from_numpy(rng.random(len(x))).to(logits.device)
            words = next_words(logits, temperature, u, top, top_p)
            x = torch.cat([x, words[:, None]], dim=1)
            yield words


def next_words(logits, temperature, u, top=None, top_p=1):
    """The word that each row of the logits (B, V) and its number in u (B,), 0 <= u < 1, choose -> (B,), as in
    gpt_torch.py."""
    if temperature < 1e-30:  # 0, or so little that the quotients below could overflow
        return logits.argmax(dim=1)
    if top:
        logits = logits.masked_fill(logits < logits.sort(dim=1).values[:, -top:][:, :1], -torch.inf)  # exp(-inf) = 0
    p = (logits.double() / temperature).softmax(dim=1)  # (B, V)
    if top_p < 1:
        ranked, order = p.sort(dim=1, descending=True, stable=True)
        likelier = ranked.cumsum(dim=1) - ranked  # what all that are likelier have together
        p = p.scatter(1, order, ranked.where(likelier < top_p, 0))
    ends = p.cumsum(dim=1)  # (B, V): where each word's part ends
    return (u[:, None] * ends[:, -1:] >= ends).sum(dim=1)  # how many parts end at or before u
