"""The same gradient in PyTorch.

The network of chapter 1, z1 = x @ W1 + b1, a1 = max(z1, 0), logits = a1 @ W2 + b2, and its cross-entropy loss, the mean
over the batch. This time you write the forward pass alone, with PyTorch, and let it find dz1 and dW1. They will be
compared with those of mlp_np.py. You need three functions:

    torch.from_numpy(array)      the array as a tensor, which PyTorch can differentiate
    torch.relu(z1)               max(z1, 0)
    F.cross_entropy(logits, y)   the mean loss. It takes logits, and not p.

Call requires_grad_() on a tensor whose gradient you want, and retain_grad() on one that you have computed. After
loss.backward(), the gradients are in .grad.

    x (B, 784), y (B,) whole numbers, W1 (784, H), b1 (H,), W2 (H, 10), b2 (10,): NumPy arrays, float64
"""

import numpy as np
import torch
from torch.nn import functional as F


def gradients(x, y, W1, b1, W2, b2):
    """Return dz1 (B, H) and dW1 (784, H), as NumPy arrays of float64."""
    dz1 = ...
    dW1 = ...
    return dz1, dW1
