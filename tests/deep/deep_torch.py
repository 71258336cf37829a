"""The perceptron of deep_np.py in PyTorch. Its random numbers are NumPy's, so that the same units drop out."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class Deep(nn.Module):
    """784 - hidden - hidden - 10, with dropout."""

    part = 0, 1  # the part of the batch that it gets, counted from 0, and how many there are: one for each process

    def __init__(self, hidden=32, dropout=0.2, seed=0):
        super().__init__()
        self.first, self.second, self.third = nn.Linear(784, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, 10)
        self.dropout, self.seed = dropout, seed
        if dropout:
            self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        """From B images x, 784 pixels each in any shape, to logits (B, 10)."""
        mask1, mask2 = self.masks(x)
        a1 = F.relu(self.first(x.flatten(1))) * mask1  # (B, H)
        a2 = F.relu(self.second(a1)) * mask2
        return self.third(a2)

    def masks(self, x):
        """What the activations of both layers are multiplied with, (2, B, H)."""
        if not (self.training and self.dropout):
            return torch.ones(2, 1, 1, dtype=x.dtype, device=x.device)
        self.steps += 1
        rng, (first, parts), n = np.random.default_rng([self.seed, int(self.steps)]), self.part, len(x)
        kept = rng.random((2, parts * n, self.second.in_features)) >= self.dropout  # of the whole batch
        return torch.from_numpy(kept[:, first * n : (first + 1) * n]).to(x) / (1 - self.dropout)
