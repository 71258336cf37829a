"""The small GPT of gpt_np.py in PyTorch: read it beside gpt_np.py, which has every derivative.

After Radford et al. 2018 (Improving Language Understanding by Generative Pre-Training): token embedding, learned
positions, pre-norm blocks with a causal mask, and at each position a logit for every token that may come next. Small
enough for digits (49 patches) or names (12 letters): 64 channels, 2 blocks. ReLU, and no dropout. Positions and MLP are
repeated from vit_torch.py, so that this file is the whole network and imports only PyTorch.

Shapes: B texts, T tokens in each, V tokens in the vocabulary, C channels; h heads of d = C / h channels.
"""

import torch
import torch.nn.functional as F
from torch import nn


class Positions(nn.Module):
    """y = x + P: a learned vector for each position."""

    def __init__(self, context_length, width):
        super().__init__()
        self.P = nn.Parameter(torch.empty(context_length, width))
        nn.init.normal_(self.P, std=0.02)

    def forward(self, x):
        """Return x + P for x (B, T, C)."""
        return x + self.P


class CausalAttention(nn.Module):
    """Attention in which each position gets a weighted mean of the values at its own and at earlier positions."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)  # softmax would not see it: vit_np.py says why
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        """Apply the attention to x (B, T, C). Return y of the same shape."""
        q, k, v = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, h, T, d)
            for layer in (self.query, self.key, self.value)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # softmax(q k.T / sqrt(d), masked) v
        return self.out(mixed.transpose(1, 2).flatten(2))


class MLP(nn.Module):
    """y = second(relu(first(x))) for each position, with 4 C hidden units."""

    def __init__(self, width):
        super().__init__()
        self.first = nn.Linear(width, 4 * width)
        self.second = nn.Linear(4 * width, width)

    def forward(self, x):
        """Apply the MLP to x (B, T, C). Return y of the same shape."""
        return self.second(F.relu(self.first(x)))


class CausalBlock(nn.Module):
    """Transformer block: y = u + mlp(norm(u)) with u = x + attention(norm(x))."""

    def __init__(self, width, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = CausalAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = MLP(width)

    def forward(self, x):
        """Apply the block to x (B, T, C). Return y of the same shape."""
        u = x + self.attention(self.norm1(x))
        return u + self.mlp(self.norm2(u))


class GPT(nn.Module):
    """The network: embedding, positions, blocks, norm, linear layer."""

    def __init__(self, width=64, blocks=2, heads=4, vocab_size=128, n_start_tokens=10, context_length=49):
        super().__init__()
        self.context_length = context_length
        self.embed = nn.Embedding(vocab_size + n_start_tokens, width)  # a label, which starts a text, is a token too
        self.positions = Positions(context_length, width)
        self.blocks = nn.Sequential(*(CausalBlock(width, heads) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, vocab_size)

    def forward(self, x):
        """Return the logits (B, T, V) of token ids x (B, T)."""
        a = self.positions(self.embed(x))  # (B, T) -> (B, T, C)
        return self.linear(self.norm(self.blocks(a)))  # (B, T, V)

    @torch.no_grad()
    def generate(self, prompt, temperature, rng, top_k=None, top_p=1):
        """Continue B texts: for each further position up to the last, yield the new tokens (B,).

        prompt: (B, n) token ids, 1 <= n <= T. rng: NumPy's random generator, which draws B numbers for each position,
        one for each text. temperature, top_k, top_p: see `sample`. There is no KV cache: all positions are computed
        again for each token. Tokens not yet generated are 0; the mask hides them from earlier positions.
        """
        prompt = torch.as_tensor(prompt, device=self.positions.P.device)
        B, n = prompt.shape
        T = self.context_length
        x = prompt.new_zeros(B, T + 1)
        x[:, :n] = prompt
        for position in range(n - 1, T):
            logits = self(x[:, :T])[:, position]  # (B, V)
            u = torch.from_numpy(rng.random(B)).to(logits.device)
            x[:, position + 1] = sample(logits, temperature, u, top_k, top_p)
            yield x[:, position + 1]


def sample(logits, temperature, u, top_k=None, top_p=1):
    """Draw a token for each row of logits (B, V), and return the token ids (B,). u: (B,) random numbers, 0 <= u < 1.

    p = softmax(logits / temperature); u falls on the part of token k with the probability p[k]: see gpt_np.py. top_k:
    draw from the k likeliest tokens only. top_p: draw from the likeliest tokens that together have this probability.
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
