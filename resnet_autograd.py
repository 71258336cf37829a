"""The residual network of resnet_np.py on a tape: only the forward pass. autograd_np.py finds the derivatives.

Read it between resnet_np.py, where every derivative is written out, and resnet_torch.py. Convolution and batch
normalisation are composed of indexing, products and sums here, so they need no derivatives of their own.

Shapes: B images, H x W positions, C channels in, O channels out; channels come last.
"""

import numpy as np

import resnet_np
from autograd_np import Tensor
from layers_np import flatten_layers


class ResNet(resnet_np.ResNet):
    """The network: stem, blocks, mean, linear layer. `params` and `statistics` are at first those of resnet_np.ResNet.

    In the methods, `name` is a layer: the prefix of its parameters' names in `self.tensors`.
    """

    def __init__(self, widths=(16, 32, 64), blocks=1, seed=0, dtype=np.float32):
        super().__init__(widths, blocks, seed, dtype)

    def forward(self, x):
        """Return the logits (B, 10) of images x (B, 28, 28). The tape keeps what backward needs."""
        self.tensors = {name: Tensor(p) for name, p in self.params.items()}
        a = self.conv_norm("stem", x[..., np.newaxis], stride=2).relu()  # (B, 14, 14, 16)
        for name, block in self.layers.items():
            if name.startswith("blocks"):
                a = self.block(name, a, block.layers["first"].layers["conv"].stride)
        self.logits = a.mean(axis=(1, 2)) @ self.tensors["linear.W"] + self.tensors["linear.b"]
        return self.logits.value

    def block(self, name, x, stride):
        """y = relu(second(relu(first(x))) + x).

        Where the shape changes, a 1 x 1 convolution of x is added instead of x.
        """
        a1 = self.conv_norm(f"{name}.first", x, stride).relu()
        z2 = self.conv_norm(f"{name}.second", a1)
        has_projection = f"{name}.shortcut.conv.W" in self.tensors
        shortcut = self.conv_norm(f"{name}.shortcut", x, stride) if has_projection else x
        return (z2 + shortcut).relu()

    def conv_norm(self, name, x, stride=1):
        """Apply a convolution, then batch normalisation, to x (B, H, W, C). Return y (B, H', W', O)."""
        return self.norm(f"{name}.norm", self.conv(f"{name}.conv", x, stride))

    def conv(self, name, x, stride):
        """Convolve x (B, H, W, C) with the layer's W. Return y (B, H', W', O), where H' = H / stride, rounded up."""
        W = self.tensors[f"{name}.W"]
        size, _, inputs, outputs = W.shape
        rows = neighbourhoods(x, size, stride)  # (B, H', W', size, size, C)
        y = rows.reshape(-1, size * size * inputs) @ W.reshape(-1, outputs)  # (B H' W', O)
        return y.reshape(*rows.shape[:3], outputs)

    def norm(self, name, x):
        """Batch normalisation: x (B, H, W, C) -> y of the same shape.

        Every channel gets mean 0 and variance 1, and is then scaled and shifted by the layer's gamma and beta.
        """
        gamma = self.tensors[f"{name}.gamma"]
        beta = self.tensors[f"{name}.beta"]
        norm = flatten_layers(self.layers)[name]
        if not self.training:
            mean = norm.statistics["mean"]
            var = norm.statistics["var"]
            return (x - mean) * (gamma / np.sqrt(var + norm.eps)) + beta
        mean = x.mean(axis=(0, 1, 2))  # (C,)
        centred = x - mean
        var = (centred * centred).mean(axis=(0, 1, 2))  # (C,)
        norm.remember(mean.value, var.value, x.value[..., 0].size)  # plain arrays: the loss does not depend on this
        return centred * (gamma / (var + norm.eps).sqrt()) + beta

    def backward(self, dlogits):
        """From dlogits = d loss / d logits (B, 10), return the gradients, with the keys and shapes of `params`."""
        self.logits.backward(dlogits)
        return {name: tensor.grad for name, tensor in self.tensors.items()}


def neighbourhoods(x, size, stride):
    """Return the size x size neighbourhood of every stride-th position: x (B, H, W, C) -> (B, H', W', size, size, C).

    Beyond the border, x counts as 0: an index outside reads a value at the border, which is then multiplied by 0.
    """
    height, width = x.shape[1:3]
    i = stride * np.arange(-(-height // stride))[:, None, None, None] + np.arange(size)[:, None] - size // 2
    j = stride * np.arange(-(-width // stride))[:, None, None] + np.arange(size) - size // 2
    is_inside = (i >= 0) & (i < height) & (j >= 0) & (j < width)  # (H', W', size, size)
    return x[:, i.clip(0, height - 1), j.clip(0, width - 1)] * is_inside[..., None]
