"""The small transformer of vit_np.py in PyTorch: read it beside vit_np.py, which has every derivative.

After Vaswani et al. 2017 (Attention Is All You Need) and Dosovitskiy et al. 2021 (An Image Is Worth 16x16 Words):
patches as tokens, learned positions, pre-norm blocks. Small enough for digits: 16 patches, 64 channels, 3 blocks. It
uses the mean over the patches instead of a class token, ReLU, and no dropout.

Shapes: B images, T patches (tokens) in each, C channels; h heads of d = C / h channels.
"""

import torch
import torch.nn.functional as F
from torch import nn


class Positions(nn.Module):
    """y = x + P: a learned vector for each position in the image."""

    def __init__(self, patches, width):
        super().__init__()
        self.P = nn.Parameter(torch.empty(patches, width))
        nn.init.normal_(self.P, std=0.02)

    def forward(self, x):
        """Return x + P for x (B, T, C)."""
        return x + self.P


class Attention(nn.Module):
    """Self-attention: every patch gets a weighted mean over all patches, with weights computed from the patches."""

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
        mixed = F.scaled_dot_product_attention(q, k, v)  # softmax(q k.T / sqrt(d)) v
        return self.out(mixed.transpose(1, 2).flatten(2))


class MLP(nn.Module):
    """y = second(relu(first(x))) for each patch, with 4 C hidden units."""

    def __init__(self, width):
        super().__init__()
        self.first = nn.Linear(width, 4 * width)
        self.second = nn.Linear(4 * width, width)

    def forward(self, x):
        """Apply the MLP to x (B, T, C). Return y of the same shape."""
        return self.second(F.relu(self.first(x)))


class Block(nn.Module):
    """Transformer block: y = u + mlp(norm(u)) with u = x + attention(norm(x))."""

    def __init__(self, width, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = MLP(width)

    def forward(self, x):
        """Apply the block to x (B, T, C). Return y of the same shape."""
        u = x + self.attention(self.norm1(x))
        return u + self.mlp(self.norm2(u))


class ViT(nn.Module):
    """The network: patches, embedding, positions, blocks, norm, mean, linear layer."""

    def __init__(self, width=64, blocks=3, heads=4, patch=7):
        super().__init__()
        self.patch = patch
        self.embed = nn.Linear(patch * patch, width)
        self.positions = Positions((28 // patch) ** 2, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, 10)

    def forward(self, x):
        """Return the logits (B, 10) of images x (B, 28, 28)."""
        size = self.patch
        patches = x.unflatten(1, (-1, size)).unflatten(3, (-1, size)).transpose(2, 3)  # (B, 4, 4, 7, 7)
        a = self.positions(self.embed(patches.flatten(3).flatten(1, 2)))  # (B, 16, 49) -> (B, 16, 64)
        a = self.norm(self.blocks(a))  # (B, 16, 64)
        return self.linear(a.mean(dim=1))  # (B, 10)
