"""The same gradient in PyTorch.

This is the network of mlp_np.py: z1 = x @ W1 + b1, a1 = max(z1, 0), logits = a1 @ W2 + b2, and the cross-entropy loss,
averaged over the batch. This time, write only the forward pass, in PyTorch, and let PyTorch find dz1 and dW1. They will
be compared with the results of mlp_np.py. You need three functions:

    torch.from_numpy(array)      the array as a tensor, which PyTorch can differentiate
    torch.relu(z1)               max(z1, 0)
    F.cross_entropy(logits, y)   the mean loss; it takes logits, not p

If you want the gradient of a tensor, call requires_grad_() on it, or retain_grad() if the tensor was computed from
others. After loss.backward(), the gradients are in .grad.

    x (B, 784), y (B,) integers, W1 (784, H), b1 (H,), W2 (H, 10), b2 (10,): NumPy arrays, float64
"""

import numpy as np
import torch
from torch.nn import functional as F


def gradients(x, y, W1, b1, W2, b2):
    """Return dz1 (B, H) and dW1 (784, H), as NumPy arrays of float64."""
    W1 = torch.from_numpy(W1).requires_grad_()
    z1 = torch.from_numpy(x) @ W1 + torch.from_numpy(b1)
    z1.retain_grad()
    logits = torch.relu(z1) @ torch.from_numpy(W2) + torch.from_numpy(b2)
    F.cross_entropy(logits, torch.from_numpy(y)).backward()
    dz1 = z1.grad.numpy()
    dW1 = W1.grad.numpy()
    return dz1, dW1


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter1, chapter2


def loss_of_z1(z1, W2, b2, y):
    return chapter1.cross_entropy(np.maximum(z1, 0) @ W2 + b2, y)


INPUTS = [chapter1.draw_network]
LOSS = {"z1": loss_of_z1, "W1": lambda x, W1, b1, W2, b2, y: loss_of_z1(x @ W1 + b1, W2, b2, y)}
TOOL = chapter2.AUTOGRAD


def in_numpy(x, onehot, W1, b1, W2, b2, B):
    a1 = np.maximum(x @ W1 + b1, 0)
    logits = a1 @ W2 + b2
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    dlogits = (p - onehot) / B
    dz1 = dlogits @ W2.T * (a1 > 0)
    dW1 = x.T @ dz1
    return dz1, dW1


HINTS = """
1. Turn the arrays into tensors (torch.from_numpy keeps float64). For which of them do you have to tell PyTorch that you
   want a gradient? Then write the forward pass as in mlp_np.py, with torch.relu.
2. W1 needs requires_grad_(). z1 is not a leaf: PyTorch discards its gradient unless you call z1.retain_grad() before
   backward(). The loss is torch.nn.functional.cross_entropy(logits, y).
3. After loss.backward(), the gradients are z1.grad and W1.grad; .numpy() turns them into arrays.
"""

MISTAKES = """
a sum where a mean belongs | / B ->
    Does your loss add up the B images, or average them?
the sign | / B -> / -B
    Do you differentiate the loss itself, or its negative?
counted twice | / B -> / B * 2
    backward() adds to whatever is already in .grad. Have you called it twice?
the mean over all entries | / B -> / B / 10
    How many numbers does the mean of the loss run over: B, or 10 B?
softmax twice | dlogits = (p - onehot) -> q = np.exp(p) / np.exp(p).sum(axis=1, keepdims=True); dlogits = p * (q -
        onehot - ((q - onehot) * p).sum(axis=1, keepdims=True))
    Does cross_entropy take probabilities, or logits?
a1's gradient | dz1 = dlogits @ W2.T
    Do you keep the gradient before the ReLU, or after it?
no ReLU | np.maximum(x @ W1 + b1, 0) -> (x @ W1 + b1) & * (a1 > 0) ->
    Which line of the forward pass is missing?
"""

WHY = """
You only have to write the forward pass. `loss.backward()` goes back through it and stores each derivative in .grad. Up
to rounding, these are the numbers that mlp_np.py computes with handwritten formulas.
"""
DOCS = 'docs/further.md, "PyTorch as the judge"'
LINE = "mlp_torch.py: def forward"
