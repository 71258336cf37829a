"""The same small GPT in PyTorch: read it beside gpt_np.py, where every derivative is spelled out.

After Radford et al. 2018 (Improving Language Understanding by Generative Pre-Training): words, learned positions,
pre-norm blocks that only look back, and at each place a score for every word that may come next. Small enough for
digits (49 patches) or names (12 letters): 64 channels, 2 blocks. ReLU, and no dropout. Positions and MLP stand in
vit_torch.py, too: a twin imports PyTorch alone, so that it is the whole network on one page.

Shapes: B texts, T places (words) in each, V words to choose from, C channels; h heads of d = C / h channels.
"""

import torch
import torch.nn.functional as F
from torch import nn


class Positions(nn.Module):
    """y = x + P: a learned vector for each place in the text."""

    def __init__(self, places, width):
        super().__init__()
        self.P = nn.Parameter(torch.empty(places, width))
        nn.init.normal_(self.P, std=0.02)

    def forward(self, x):
        """x (B, T, C) -> y of the same shape."""
        return x + self.P


class CausalAttention(nn.Module):
    """Every place gathers what it needs from itself and the places before: a weighted mean."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)  # softmax would not see it: vit_np.py says why
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        """x (B, T, C) -> y of the same shape."""
        q, k, v = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, h, T, d)
            for layer in (self.query, self.key, self.value)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # softmax(q k.T / sqrt(d), masked) v
        return self.out(mixed.transpose(1, 2).flatten(2))


class MLP(nn.Module):
    """y = second(relu(first(x))), for each place, four times as wide inside as outside."""

    def __init__(self, width):
        super().__init__()
        self.first = nn.Linear(width, 4 * width)
        self.second = nn.Linear(4 * width, width)

    def forward(self, x):
        """x (B, T, C) -> y of the same shape."""
        return self.second(F.relu(self.first(x)))


class CausalBlock(nn.Module):
    """y = u + mlp(norm(u)) with u = x + attention(norm(x)): look back, then think; each adds its result to x."""

    def __init__(self, width, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = CausalAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = MLP(width)

    def forward(self, x):
        """x (B, T, C) -> y of the same shape."""
        u = x + self.attention(self.norm1(x))
        return u + self.mlp(self.norm2(u))


class GPT(nn.Module):
    """Embedding, positions, blocks, norm, linear."""

    def __init__(self, width=64, blocks=2, heads=4, words=128, starts=10, places=49):
        super().__init__()
        self.embed = nn.Embedding(words + starts, width)  # what starts a text, a digit say, is a word too
        self.positions = Positions(places, width)
        self.blocks = nn.Sequential(*(CausalBlock(width, heads) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, words)

    def forward(self, x):
        """Words x (B, T) to logits (B, T, V)."""
        a = self.positions(self.embed(x))  # (B, T) -> (B, T, C)
        return self.linear(self.norm(self.blocks(a)))  # (B, T, V)

    @torch.no_grad()
    def write(self, begun, temperature, rng, top=None, top_p=1):
        """Go on with texts from what is given of each: yields B new words (B,) for each place up to the last.

        begun: (B, n) words, whole numbers, 1 <= n <= T. The numbers that decide are drawn from rng, a generator of
        NumPy's, B for each new word. Nothing is kept: all places are computed again for each word, and those that are
        not written yet, still 0, change nothing before them. top, top_p: see `next_words`.
        """
        begun = torch.as_tensor(begun, device=self.positions.P.device)
        (B, n), T = begun.shape, len(self.positions.P)
        x = begun.new_zeros(B, T + 1)
        x[:, :n] = begun
        for place in range(n - 1, T):
            logits = self(x[:, :T])[:, place]  # (B, V)
            u = torch.from_numpy(rng.random(B)).to(logits.device)
            x[:, place + 1] = next_words(logits, temperature, u, top, top_p)
            yield x[:, place + 1]


def next_words(logits, temperature, u, top=None, top_p=1):
    """The word that each row of the logits (B, V) and its number in u (B,), 0 <= u < 1, choose -> (B,).

    A word k with the probability p[k], p = softmax(logits / temperature): gpt_np.py says how. top: only so many come
    into question, the likeliest. top_p: only the likeliest that together have this probability.
    """
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
