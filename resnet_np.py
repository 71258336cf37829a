"""A residual network by hand: convolution, batch normalisation and the shortcut, each with its derivative.

After He, Zhang, Ren & Sun 2015 (Deep Residual Learning for Image Recognition), small enough for digits:

    stem      convolution with stride 2, normalisation, ReLU      (B, 28, 28)     -> (B, 14, 14, 16)
    block 1   two convolutions and a shortcut past them           (B, 14, 14, 16) -> (B, 14, 14, 16)
    block 2   with stride 2: half the size, twice the channels    (B, 14, 14, 16) -> (B, 7, 7, 32)
    block 3   the same again (7 / 2, rounded up)                  (B, 7, 7, 32)   -> (B, 4, 4, 64)
    mean      over all positions                                  (B, 4, 4, 64)   -> (B, 64)
    linear    logits, as in mlp_np.py                             (B, 64)         -> (B, 10)

Compared with mlp_np.py the layers are new; the chain rule is the same. The linear layer, the mean and the class Network
are those of layers_np.py. As there, each layer has a `forward` that keeps what it will need, and under it a `backward`
that takes d loss / d output (called dy), leaves d loss / d parameter in `grads`, and returns d loss / d input (dx).
resnet_torch.py is the same network in PyTorch.

`python resnet_np.py` checks every layer against the definition of the derivative. In training, two threads share each
batch, so a `print` in `forward` shows half of it; with `python main_np.py --model resnet --parts 1`, all of it.

Shapes: B images, C channels in, O channels out; channels come last. N positions in all images together.
"""

import numpy as np

from layers_np import Linear, Mean, Network, channel_sum, check_layers


class Conv:
    """A convolution without bias: the same small linear layer applied to the neighbourhood of every position."""

    def __init__(self, rng, inputs, outputs, size=3, stride=1):
        deviation = np.sqrt(2 / (size * size * inputs))  # He et al. 2015, as in mlp_np.py: fan_in values are summed
        self.params = {"W": rng.normal(0, deviation, (size, size, inputs, outputs))}
        self.stride = stride

    def forward(self, x):
        """Convolve x (B, height, width, C). Return y (B, height / stride, width / stride, O), both rounded up."""
        self.pieces = split_batch(x)
        return np.concatenate([convolve(x, self.params["W"], self.stride) for x in self.pieces])

    def backward(self, dy):
        """From dy = d loss / d y, return dx = d loss / d x, in the shapes of y and x."""
        dW, dx = zip(*map(self.backward_piece, self.pieces, split_batch(dy)), strict=True)
        self.grads = {"W": sum(dW)}
        return np.concatenate(dx)

    def backward_piece(self, x, dy):
        """From x and dy of a few images, return (their part of dW, their dx)."""
        W = self.params["W"]  # (size, size, C, O)
        size = len(W)
        pad = len(W) // 2
        stride = self.stride
        # y is a matrix product, so dW is as in mlp_np.py: every position of every image adds its share. It needs the
        # neighbourhoods that `forward` has built. Rebuilding them is faster than reading nine times x from memory.
        dy_rows = dy.reshape(-1, W.shape[-1])  # (N, O)
        dW = (neighbourhoods(x, size, stride).T @ dy_rows).reshape(W.shape)
        # x[i, j] reached y[i + pad - u, j + pad - v] through each W[u, v] and now gathers the dy from there:
        #     dx[i, j] = sum over u, v of dy[i + pad - u, j + pad - v] @ W[u, v].T
        # That is a convolution again: of dy, with the kernel turned by 180 degrees and its channels in and out swapped.
        if stride == 1:
            return dW, convolve(dy, W[::-1, ::-1].swapaxes(2, 3), 1)
        # With a stride, most of x meets only part of W, so we go the other way: every dy hands its shares dy W[u, v].T
        # back to where W[u, v] had read. Where neighbourhoods overlap, the shares add up.
        batch, height, width, inputs = x.shape
        shares = dy_rows @ W.swapaxes(2, 3).reshape(size * size, -1, inputs)  # (size size, N, C)
        dx = np.zeros((batch, height + 2 * pad, width + 2 * pad, inputs), dy.dtype)
        for u in range(size):
            for v in range(size):
                read = dx[:, u : u + stride * dy.shape[1] : stride, v : v + stride * dy.shape[2] : stride]
                read += shares[u * size + v].reshape(read.shape)
        return dW, dx[:, pad : pad + height, pad : pad + width]  # without the border, which is padding


def split_batch(x, piece_size=32):
    """Return x in pieces of n images. The neighbourhoods of all at once, nine times x, would not fit into the cache."""
    return [x[i : i + piece_size] for i in range(0, len(x), piece_size)]


def convolve(x, W, stride):
    """Convolve x (B, height, width, C) with W (size, size, C, O).

    Return y (B, height / stride, width / stride, O), both rounded up, where
    y[b, i, j, o] = sum over u, v, c of x[b, stride i + u - pad, stride j + v - pad, c] W[u, v, c, o]. With each
    neighbourhood laid out as a row, this is one matrix product ("im2col", Chellapilla, Puri & Simard 2006).
    """
    y = neighbourhoods(x, len(W), stride) @ W.reshape(-1, W.shape[-1])  # (N, size size C) @ (size size C, O) = (N, O)
    return y.reshape(len(x), -(-x.shape[1] // stride), -(-x.shape[2] // stride), -1)


def neighbourhoods(x, size, stride):
    """Lay out the neighbourhood of every stride-th position as a row: x (B, height, width, C) -> (N, size size C).

    Beyond the border, x counts as 0. The windows are a view of x. Its strides are the steps in memory to the next
    image, `stride` rows down, `stride` columns to the right, one row down within a window, and to the next number.
    Within a row of a window, the C channels of its `size` columns follow one another. Only the last reshape copies.
    (np.ndarray makes the view and, unlike as_strided, refuses to reach beyond the end of x.)
    """
    pad = size // 2
    if pad:
        inner = x
        x = np.zeros((len(x), x.shape[1] + 2 * pad, x.shape[2] + 2 * pad, x.shape[3]), x.dtype)
        x[:, pad:-pad, pad:-pad] = inner
    x = np.ascontiguousarray(x)  # if nothing was padded, x may be a view of another array
    batch, height, width, channels = x.shape
    image, row, column, number = x.strides
    shape = (batch, (height - size) // stride + 1, (width - size) // stride + 1, size, size * channels)
    windows = np.ndarray(shape, x.dtype, buffer=x, strides=(image, stride * row, stride * column, row, number))
    return windows.reshape(-1, size * size * channels)


class BatchNorm:
    """Batch normalisation (Ioffe & Szegedy 2015): every channel gets mean 0 and variance 1 over the batch, then
    is scaled by gamma and shifted by beta. Testing uses a running mean and variance from training."""

    eps = 1e-5  # PyTorch's
    momentum = 0.1  # PyTorch's
    training = True
    add_up = staticmethod(lambda *sums: sums)  # replaced where threads share a batch: adds up the sums of all parts

    def __init__(self, channels):
        self.params = {"gamma": np.ones(channels), "beta": np.zeros(channels)}
        self.statistics = {"mean": np.zeros(channels), "var": np.ones(channels)}

    def forward(self, x):
        """Normalise x (B, height, width, C), over the N values of each channel. Return y of the same shape."""
        gamma = self.params["gamma"]
        beta = self.params["beta"]
        if self.training:
            self.n, total = self.add_up(x.size // len(gamma), channel_sum(x))
            mean = total / self.n  # (C,)
            centred = x - mean  # (B, height, width, C)
            (squares,) = self.add_up(channel_sum(centred**2))
            var = squares / self.n  # (C,)
            self.remember(mean, var, self.n)
        else:
            mean = self.statistics["mean"]
            var = self.statistics["var"]
            centred = x - mean
        self.inverse = 1 / np.sqrt(var + self.eps)  # (C,)
        self.xhat = centred * self.inverse  # (B, height, width, C)
        return gamma * self.xhat + beta

    def backward(self, dy):
        """From dy = d loss / d y, return dx = d loss / d x, both (B, height, width, C).

        With xhat = (x - mean) inverse we have y = gamma xhat + beta, so dbeta = sum dy and dgamma = sum dy xhat.
        x reaches y in three ways. Directly: dy gamma inverse. Through the mean, which is subtracted everywhere: if it
        grows, all xhat fall by inverse, and each x contributes 1/N of it. Through the variance, which scales all
        xhat: d xhat / d var = -xhat inverse^2 / 2, and d var / d x = 2 (x - mean) / N. Added up:

            dx = gamma inverse (dy - dbeta / N - dgamma / N xhat)

        which is dy without its parts along 1 and along xhat: the directions that normalisation undoes. When testing,
        mean and variance are constants, and only the direct way is left.
        """
        gamma = self.params["gamma"]
        dbeta = channel_sum(dy)  # (C,)
        dgamma = channel_sum(dy * self.xhat)  # (C,)
        self.grads = {"gamma": dgamma, "beta": dbeta}
        if not self.training:
            return gamma * self.inverse * dy
        dbeta, dgamma = self.add_up(dbeta, dgamma)
        return gamma * self.inverse * (dy - dbeta / self.n - dgamma / self.n * self.xhat)

    def remember(self, mean, var, n):
        """Move the running mean and variance (C,) a tenth of the way to those of a batch, `mean` and `var`.

        n: the number of values in each channel, for the unbiased variance, which PyTorch uses here, too.
        """
        for name, new in {"mean": mean, "var": var * (n / max(n - 1, 1))}.items():
            old = self.statistics[name]
            old *= 1 - self.momentum
            old += self.momentum * new


class ConvNorm:
    """A convolution, then batch normalisation, whose shift beta makes a bias in the convolution redundant."""

    def __init__(self, rng, inputs, outputs, size=3, stride=1):
        self.layers = {"conv": Conv(rng, inputs, outputs, size, stride), "norm": BatchNorm(outputs)}

    def forward(self, x):
        """Apply both layers to x (B, height, width, C), and return y (B, height / stride, width / stride, O).

        Both quotients are rounded up.
        """
        conv, norm = self.layers.values()
        return norm.forward(conv.forward(x))

    def backward(self, dy):
        """From dy = d loss / d y, return dx = d loss / d x, in the shapes of y and x."""
        conv, norm = self.layers.values()
        return conv.backward(norm.backward(dy))


class Stem(ConvNorm):
    """y = relu(norm(conv(x))), for images x of a single channel."""

    def forward(self, x):
        """Apply the stem to images x (B, 28, 28). Return y (B, 14, 14, O)."""
        self.y = np.maximum(super().forward(x[..., np.newaxis]), 0)
        return self.y

    def backward(self, dy):
        """From dy = d loss / d y (B, 14, 14, O), return dx = d loss / d x (B, 28, 28)."""
        dz = dy * (self.y > 0)
        return super().backward(dz)[..., 0]


class Identity:
    """y = x, in any shape."""

    def forward(self, x):
        return x

    def backward(self, dy):
        return dy


class Block:
    """y = relu(second(relu(first(x))) + x): two convolutions that learn what to add to x.

    Where the shape changes, x goes through a 1 x 1 convolution with the same stride instead (a "projection").
    """

    def __init__(self, rng, inputs, outputs, stride):
        same = stride == 1 and inputs == outputs
        self.layers = {
            "first": ConvNorm(rng, inputs, outputs, stride=stride),
            "second": ConvNorm(rng, outputs, outputs),
            "shortcut": Identity() if same else ConvNorm(rng, inputs, outputs, size=1, stride=stride),
        }

    def forward(self, x):
        """Apply the block to x (B, height, width, C), and return y (B, height / stride, width / stride, O).

        Both quotients are rounded up.
        """
        first, second, shortcut = self.layers.values()
        self.a1 = np.maximum(first.forward(x), 0)
        z2 = second.forward(self.a1) + shortcut.forward(x)
        self.y = np.maximum(z2, 0)
        return self.y

    def backward(self, dy):
        """From dy = d loss / d y, return dx = d loss / d x, in the shapes of y and x."""
        first, second, shortcut = self.layers.values()
        # z2 is a sum, so both of its terms receive dz2 whole. That is the point of the shortcut: however distorted the
        # gradient becomes on its way through the convolutions, x also receives dz2 unchanged (where the shape changes,
        # through a single small convolution).
        dz2 = dy * (self.y > 0)
        da1 = second.backward(dz2)
        dz1 = da1 * (self.a1 > 0)
        return first.backward(dz1) + shortcut.backward(dz2)


class ResNet(Network):
    """The network that the top of this file describes, with `blocks` blocks for each of the widths."""

    def __init__(self, widths=(16, 32, 64), blocks=1, seed=0, dtype=np.float32):
        rng = np.random.default_rng(seed)
        layers = {"stem": Stem(rng, 1, widths[0], stride=2)}
        inputs = widths[0]
        for stage, outputs in enumerate(widths):
            for i in range(blocks):
                stride = 2 if stage > 0 and i == 0 else 1
                layers[f"blocks.{stage * blocks + i}"] = Block(rng, inputs, outputs, stride)
                inputs = outputs
        super().__init__(layers | {"mean": Mean(), "linear": Linear(rng, inputs, 10, gain=2)}, dtype)


def check():
    """Check the gradients of every layer of this file, and of a small network of them."""
    rng = np.random.default_rng(1)
    testing = BatchNorm(3)
    testing.training = False
    testing.statistics = {"mean": rng.normal(size=3), "var": rng.uniform(0.5, 2, 3)}
    layers = [
        ("Conv 3 x 3", Conv(rng, 2, 4), (2, 5, 6, 2)),
        ("Conv 3 x 3, stride 2", Conv(rng, 2, 3, stride=2), (2, 5, 6, 2)),
        ("Conv 1 x 1, stride 2", Conv(rng, 2, 3, size=1, stride=2), (33, 2, 3, 2)),  # more images than one piece has
        ("BatchNorm", BatchNorm(3), (2, 4, 3, 3)),
        ("BatchNorm, testing", testing, (2, 4, 3, 3)),
        ("Block", Block(rng, 3, 3, stride=1), (2, 5, 4, 3)),
        ("Block, stride 2", Block(rng, 2, 3, stride=2), (2, 5, 4, 2)),
        ("ResNet", ResNet(widths=(2,), dtype=np.float64), (2, 6, 7)),
    ]
    check_layers(layers, rng)


if __name__ == "__main__":
    try:
        check()
    except KeyboardInterrupt:
        raise SystemExit("interrupted") from None
