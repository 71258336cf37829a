"""The multi-layer perceptron of mlp_np.py in PyTorch: autograd finds the derivatives that mlp_np.py spells out.

Read the two files side by side. z1, a1 and logits are the same numbers, and so are the gradients: after
loss.backward(), layer1.weight.grad is mlp_np.py's dW1, transposed. `python -m lab.twins` shows it.

Shapes: B images in a batch, H hidden units.
"""

import torch.nn.functional as F
from torch import nn


class MLP(nn.Module):
    """The network 784 - hidden - 10 with one ReLU."""

    def __init__(self, hidden=512):
        super().__init__()
        self.layer1 = nn.Linear(784, hidden)
        self.layer2 = nn.Linear(hidden, 10)

    def forward(self, x):
        """Return the logits (B, 10) of B images x, 784 pixels each in any shape."""
        x = x.flatten(1)  # (B, 784)
        z1 = self.layer1(x)  # (B, H)
        a1 = F.relu(z1)  # (B, H)
        return self.layer2(a1)  # (B, 10)
