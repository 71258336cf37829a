"""The network of llama_np.py in PyTorch: read it beside llama_np.py, which has every derivative.

After Touvron et al. 2023 (LLaMA: Open and Efficient Foundation Language Models): RMSNorm, rotary position embedding,
grouped-query attention, SwiGLU, no biases, and one table for the embedding and the last layer.

Shapes: B texts, T tokens in each, V tokens in the vocabulary, C channels, H units inside the MLP; h query heads
with d = C / h channels each, s key/value heads, and g = h / s query heads that share one.
"""

import torch
import torch.nn.functional as F
from torch import nn


class RMSNorm(nn.Module):
    """Every position divided by its root mean square, then each channel scaled by gamma.

    It is written out here because older versions of PyTorch have no nn.RMSNorm.
    """

    def __init__(self, width, eps):
        super().__init__()
        self.eps = eps
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x):
        """Normalise x (B, T, C), over the C channels of each position. Return y of the same shape."""
        return x * torch.rsqrt((x**2).mean(dim=-1, keepdim=True) + self.eps) * self.gamma


def apply_rotary(x, rope_theta):
    """Return x (B, heads, T, d) with each pair of channels rotated by an angle that grows with the position (RoPE)."""
    *_, T, d = x.shape
    angles = torch.arange(T)[:, None] * rope_theta ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)  # (T, d / 2)
    cos = angles.cos().to(x)
    sin = angles.sin().to(x)
    first = x[..., ::2]  # (B, heads, T, d / 2)
    second = x[..., 1::2]  # (B, heads, T, d / 2)
    return torch.stack((first * cos - second * sin, first * sin + second * cos), dim=-1).flatten(-2)


class GroupedQueryAttention(nn.Module):
    """Causal attention with rotary positions, in which g query heads share one key/value head."""

    def __init__(self, width, heads, kv_heads, rope_theta):
        super().__init__()
        d = width // heads
        self.heads = heads
        self.kv_heads = kv_heads
        self.rope_theta = rope_theta
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, kv_heads * d, bias=False)
        self.value = nn.Linear(width, kv_heads * d, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x):
        """Apply the attention to x (B, T, C). Return y of the same shape."""
        q, k, v = (
            layer(x).unflatten(-1, (heads, -1)).transpose(1, 2)  # (B, heads, T, d)
            for layer, heads in ((self.query, self.heads), (self.key, self.kv_heads), (self.value, self.kv_heads))
        )
        q = apply_rotary(q, self.rope_theta)
        k = apply_rotary(k, self.rope_theta)
        k, v = (a.repeat_interleave(self.heads // self.kv_heads, dim=1) for a in (k, v))  # (B, h, T, d)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # softmax(q k.T / sqrt(d), masked) v
        return self.out(mixed.transpose(1, 2).flatten(2))


class SwiGLU(nn.Module):
    """y = down(silu(gate(x)) * up(x)), for each position."""

    def __init__(self, width, hidden):
        super().__init__()
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x):
        """Apply the layer to x (B, T, C). Return y of the same shape."""
        return self.down(F.silu(self.gate(x)) * self.up(x))


class LoRALinear(nn.Module):
    """y = x W + scale (x A) B: W is frozen, and two thin matrices beside it learn (LoRA, Hu et al. 2021)."""

    scale = 2.0

    def __init__(self, inputs, outputs, rank):
        super().__init__()
        self.W = nn.Parameter(torch.zeros(inputs, outputs), requires_grad=False)
        self.A = nn.Parameter(torch.zeros(inputs, rank))
        self.B = nn.Parameter(torch.zeros(rank, outputs))

    def forward(self, x):
        """Return y (..., outputs) for x (..., inputs)."""
        return x @ self.W + self.scale * (x @ self.A @ self.B)


class LlamaBlock(nn.Module):
    """y = u + mlp(norm(u)) with u = x + attention(norm(x))."""

    def __init__(self, width, heads, kv_heads, hidden, rope_theta, eps):
        super().__init__()
        self.norm1 = RMSNorm(width, eps)
        self.attention = GroupedQueryAttention(width, heads, kv_heads, rope_theta)
        self.norm2 = RMSNorm(width, eps)
        self.mlp = SwiGLU(width, hidden)

    def forward(self, x):
        """Apply the block to x (B, T, C). Return y of the same shape."""
        u = x + self.attention(self.norm1(x))
        return u + self.mlp(self.norm2(u))


class Llama(nn.Module):
    """The network: embedding, blocks, norm, and the embedding's table again as the last layer."""

    def __init__(
        self, width=64, blocks=2, heads=4, kv_heads=2, hidden=176, vocab_size=128, n_start_tokens=10,
        context_length=49, rope_theta=10_000, eps=1e-5,
    ):  # fmt: skip
        super().__init__()
        self.vocab_size = vocab_size
        self.context_length = context_length
        self.embed = nn.Embedding(vocab_size + n_start_tokens, width)  # a label, which starts a text, is a token too
        blocks = (LlamaBlock(width, heads, kv_heads, hidden, rope_theta, eps) for _ in range(blocks))
        self.blocks = nn.Sequential(*blocks)
        self.norm = RMSNorm(width, eps)

    def forward(self, x):
        """Return the logits (B, T, V) of token ids x (B, T)."""
        a = self.norm(self.blocks(self.embed(x)))  # (B, T) -> (B, T, C)
        return F.linear(a, self.embed.weight[: self.vocab_size])  # (B, T, V)

    def add_lora(self, rank):
        """Add two thin matrices of this rank (LoRA) to each linear layer of the blocks, and freeze everything else.

        The weights of the blocks are zeros afterwards, until a checkpoint or a file is loaded.
        """
        self.requires_grad_(False)
        for block in self.blocks:
            for part in (block.attention, block.mlp):
                for name, layer in list(part.named_children()):
                    setattr(part, name, LoRALinear(layer.in_features, layer.out_features, rank))

    @torch.no_grad()
    def generate(self, prompt, temperature, rng, top_k=None, top_p=1):
        """Continue B texts: for each further position up to the last, yield the new tokens (B,).

        prompt: (B, n) token ids, 1 <= n <= T. rng: NumPy's random generator, which draws B numbers for each position,
        one for each text. temperature, top_k, top_p: see `sample`. There is no KV cache: all positions are computed
        again for each token.
        """
        x = torch.as_tensor(prompt, device=self.embed.weight.device)
        while x.shape[1] <= self.context_length:
            logits = self(x)[:, -1]  # (B, V)
            u = torch.from_numpy(rng.random(len(x))).to(logits.device)
            token_ids = sample(logits, temperature, u, top_k, top_p)
            x = torch.cat([x, token_ids[:, None]], dim=1)
            yield token_ids


def sample(logits, temperature, u, top_k=None, top_p=1):
    """Draw a token for each row of logits (B, V), and return the token ids (B,). u: (B,) random numbers, 0 <= u < 1.

    temperature, top_k, top_p: see `sample` in gpt_torch.py.
    """
    if temperature < 1e-30:  # 0, or so little that the quotients below could overflow
        return logits.argmax(dim=1)
    if top_k:
        kth_logit = logits.sort(dim=1).values[:, -top_k:][:, :1]  # (B, 1): the smallest of the k largest logits
        logits = logits.masked_fill(logits < kth_logit, -torch.inf)  # exp(-inf) = 0
    p = (logits.double() / temperature).softmax(dim=1)  # (B, V)
    if top_p < 1:
        ranked, order = p.sort(dim=1, descending=True, stable=True)  # the likeliest first
        likelier = ranked.cumsum(dim=1) - ranked  # the probability of all likelier tokens together
        p = p.scatter(1, order, ranked.where(likelier < top_p, 0))
    ends = p.cumsum(dim=1)  # (B, V): where each token's part ends
    return (u[:, None] * ends[:, -1:] >= ends).sum(dim=1)  # how many parts end at or before u
