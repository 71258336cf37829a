"""The residual network of resnet_np.py in PyTorch: read it beside resnet_np.py, which has every derivative.

After He, Zhang, Ren & Sun 2015 (Deep Residual Learning for Image Recognition): the stem, the basic block with its
projection where the shape changes, the mean over all positions. Small enough for digits: one block per stage, widths
16, 32, 64, and a stem with stride 2, which quarters the work of all later layers.

Shapes: B images, C channels in, O channels out; PyTorch puts the channels before height and width.
"""

import torch.nn.functional as F
from torch import nn


class ConvNorm(nn.Module):
    """A convolution, then batch normalisation, whose shift beta makes a bias in the convolution redundant."""

    def __init__(self, inputs, outputs, size=3, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        """Apply both layers to x (B, C, height, width), and return y (B, O, height / stride, width / stride).

        Both quotients are rounded up.
        """
        return self.norm(self.conv(x))


class Block(nn.Module):
    """y = relu(second(relu(first(x))) + x): two convolutions that learn what to add to x.

    Where the shape changes, x goes through a 1 x 1 convolution with the same stride instead (a "projection").
    """

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = ConvNorm(inputs, outputs, stride=stride)
        self.second = ConvNorm(outputs, outputs)
        self.shortcut = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = ConvNorm(inputs, outputs, size=1, stride=stride)

    def forward(self, x):
        """Apply the block to x (B, C, height, width), and return y (B, O, height / stride, width / stride).

        Both quotients are rounded up.
        """
        a1 = F.relu(self.first(x))
        return F.relu(self.second(a1) + self.shortcut(x))


class ResNet(nn.Module):
    """The network: stem, `blocks` blocks for each of the widths, mean, linear layer."""

    def __init__(self, widths=(16, 32, 64), blocks=1):
        super().__init__()
        self.stem = ConvNorm(1, widths[0], stride=2)
        self.blocks = nn.Sequential()
        inputs = widths[0]
        for stage, outputs in enumerate(widths):
            for i in range(blocks):
                stride = 2 if stage > 0 and i == 0 else 1
                self.blocks.append(Block(inputs, outputs, stride))
                inputs = outputs
        self.linear = nn.Linear(inputs, 10)

    def forward(self, x):
        """Return the logits (B, 10) of images x (B, 28, 28)."""
        x = x.unsqueeze(1)  # (B, 1, 28, 28)
        a = F.relu(self.stem(x))  # (B, 16, 14, 14)
        a = self.blocks(a)  # (B, 64, 4, 4)
        return self.linear(a.mean(dim=(2, 3)))  # (B, 10)
