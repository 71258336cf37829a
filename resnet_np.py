"""A residual network by hand: convolution, batch normalisation and the shortcut, each with its derivative.

After He, Zhang, Ren & Sun 2015 (Deep Residual Learning for Image Recognition), small enough for digits:

    stem      convolution with stride 2, normalisation, ReLU      (B, 28, 28, 1)  -> (B, 14, 14, 16)
    block 1   two convolutions and a shortcut past them           (B, 14, 14, 16) -> (B, 14, 14, 16)
    block 2   with stride 2: half the size, twice the channels    (B, 14, 14, 16) -> (B, 7, 7, 32)
    block 3   the same again (7 / 2, rounded up)                  (B, 7, 7, 32)   -> (B, 4, 4, 64)
    mean      over all positions                                  (B, 4, 4, 64)   -> (B, 64)
    linear    logits, as in mlp_np.py                             (B, 64)         -> (B, 10)

Compared with mlp_np.py the layers are new; the chain rule is the same. Each layer has a `forward` that keeps
what it will need, and under it a `backward` that takes d loss / d output (called dy), leaves d loss / d parameter in
`grads`, and returns d loss / d input (dx). resnet_torch.py is the same network in PyTorch.

`python resnet_np.py` checks every layer against the definition of the derivative.

Shapes: B images, H x W positions, C channels in, O channels out; channels come last.
"""

import numpy as np


class Conv:
    """A convolution without bias: the same small linear layer applied to the neighbourhood of every position."""

    def __init__(self, rng, inputs, outputs, size=3, stride=1):
        deviation = np.sqrt(2 / (size * size * inputs))  # He et al. 2015, as in mlp_np.py: fan_in values are summed
        self.params = {"W": rng.normal(0, deviation, (size, size, inputs, outputs))}
        self.stride = stride

    def forward(self, x):
        """x (B, H, W, C) -> y (B, H', W', O), where H' = H / stride, rounded up."""
        W = self.params["W"]  # (size, size, C, O)
        # y[b, i, j, o] = sum over u, v, c of x[b, stride i + u - pad, stride j + v - pad, c] W[u, v, c, o]. With each
        # neighbourhood laid out as a row, this is one matrix product ("im2col", Chellapilla, Puri & Simard 2006).
        self.x_shape = x.shape
        self.rows = neighbourhoods(x, len(W), self.stride)  # (B H' W', size size C)
        y = self.rows @ W.reshape(-1, W.shape[-1])  # (B H' W', O)
        return y.reshape(len(x), -(-x.shape[1] // self.stride), -(-x.shape[2] // self.stride), -1)

    def backward(self, dy, need_dx=True):
        """dy (B, H', W', O) -> dx (B, H, W, C)."""
        W = self.params["W"]
        dy_rows = dy.reshape(-1, W.shape[-1])  # (B H' W', O)
        # y is a matrix product, so dW is as in mlp_np.py: every position of every image adds its share.
        self.grads = {"W": (self.rows.T @ dy_rows).reshape(W.shape)}
        if not need_dx:
            return None
        # x[i, j] reached y[i + pad - u, j + pad - v] through each W[u, v] and now gathers the dy from there:
        #     dx[i, j] = sum over u, v of dy[i + pad - u, j + pad - v] @ W[u, v].T
        # That is a convolution again: of dy, with the kernel turned by 180 degrees and its channels in and out swapped.
        size, pad, stride = len(W), len(W) // 2, self.stride
        if stride == 1:
            turned = W[::-1, ::-1].swapaxes(2, 3).reshape(-1, W.shape[2])  # (size size O, C)
            return (neighbourhoods(dy, size, 1) @ turned).reshape(self.x_shape)
        # With a stride, most of x meets only part of W, so we go the other way: every dy hands its shares dy W[u, v].T
        # back to where W[u, v] had read. Where neighbourhoods overlap, the shares add up.
        batch, height, width, inputs = self.x_shape
        shares = dy_rows @ W.swapaxes(2, 3).reshape(size * size, -1, inputs)  # (size size, B H' W', C)
        dx = np.zeros((batch, height + 2 * pad, width + 2 * pad, inputs), dy.dtype)
        for u in range(size):
            for v in range(size):
                read = dx[:, u : u + stride * dy.shape[1] : stride, v : v + stride * dy.shape[2] : stride]
                read += shares[u * size + v].reshape(read.shape)
        return dx[:, pad : pad + height, pad : pad + width]  # the border belongs to no x


def neighbourhoods(x, size, stride):
    """The size x size surroundings of every stride-th position as rows: (B, H, W, C) -> (B H' W', size size C).

    Beyond the border, x counts as 0. The windows are a view of x: its strides say how far to go in memory to the next
    image, stride rows down, stride columns on, one row down within a window, and to the next number. Within a row of a
    window, the C channels of its `size` columns follow one another. Only the last reshape copies. (np.ndarray makes the
    view and, unlike as_strided, refuses to reach beyond the end of x.)
    """
    pad = size // 2
    if pad:
        inner, x = x, np.zeros((len(x), x.shape[1] + 2 * pad, x.shape[2] + 2 * pad, x.shape[3]), x.dtype)
        x[:, pad:-pad, pad:-pad] = inner
    batch, height, width, channels = x.shape
    image, row, column, number = x.strides
    shape = (batch, (height - size) // stride + 1, (width - size) // stride + 1, size, size * channels)
    windows = np.ndarray(shape, x.dtype, buffer=x, strides=(image, stride * row, stride * column, row, number))
    return windows.reshape(-1, size * size * channels)


def relu(x):
    """max(x, 0), compared with zeros in the shape of an image: with a single 0, NumPy runs a slower loop."""
    return np.maximum(x, np.zeros_like(x[0]))


class BatchNorm:
    """Batch normalisation (Ioffe & Szegedy 2015): every channel gets mean 0 and variance 1 over the batch, then
    is scaled by gamma and shifted by beta. Testing uses a mean and variance remembered from training."""

    eps, momentum = 1e-5, 0.1  # PyTorch's

    def __init__(self, channels):
        self.params = {"gamma": np.ones(channels), "beta": np.zeros(channels)}
        self.statistics = {"mean": np.zeros(channels), "var": np.ones(channels)}

    def forward(self, x, training):
        """x (B, H, W, C) -> y of the same shape. The sums run over the n = B H W values of each channel."""
        gamma, beta = self.params.values()
        if not training:  # mean and variance are constants, which leaves a factor and a summand for each channel
            mean, var = self.statistics.values()
            self.scale = gamma / np.sqrt(var + self.eps)  # (C,)
            y = x * everywhere(self.scale, x)
            y += everywhere(beta - mean * self.scale, x)
            return y
        n = x.size // len(gamma)
        mean = channel_sum(x) / n  # (C,)
        self.centred = x - everywhere(mean, x)
        var = channel_sum(self.centred * self.centred) / n  # (C,)
        self.remember(mean, var, n)
        self.inverse = 1 / np.sqrt(var + self.eps)  # (C,)
        y = self.centred * everywhere(gamma * self.inverse, x)
        y += everywhere(beta, x)
        return y

    def backward(self, dy):
        """dy -> dx, both (B, H, W, C).

        With xhat = (x - mean) inverse we have y = gamma xhat + beta, so dbeta = sum dy and dgamma = sum dy xhat.
        x reaches y in three ways. Directly: dy gamma inverse. Through the mean, which is subtracted everywhere: if it
        grows, all xhat fall by inverse, and each x contributes 1/n of it. Through the variance, which scales all
        xhat: d xhat / d var = -xhat inverse^2 / 2, and d var / d x = 2 (x - mean) / n. Added up:

            dx = gamma inverse (dy - dbeta / n - xhat dgamma / n)

        which is dy without its parts along 1 and along xhat: the directions that normalisation undoes.
        """
        gamma = self.params["gamma"]
        n = dy.size // len(gamma)
        dbeta = channel_sum(dy)
        dgamma = channel_sum(dy * self.centred) * self.inverse
        self.grads = {"gamma": dgamma, "beta": dbeta}
        dx = self.centred * everywhere(-self.inverse * dgamma / n, dy)  # -xhat dgamma / n
        dx += dy
        dx -= everywhere(dbeta / n, dy)
        dx *= everywhere(gamma * self.inverse, dy)
        return dx

    def remember(self, mean, var, n):
        """Move the remembered statistics a tenth of the way; like PyTorch, remember the unbiased variance."""
        for old, new in zip(self.statistics.values(), (mean, var * (n / max(n - 1, 1))), strict=True):
            old *= 1 - self.momentum
            old += self.momentum * new


def channel_sum(x):
    """The sum over all but the last axis: (B, H, W, C) -> (C,). A product with ones is the fast way."""
    x = x.reshape(-1, x.shape[-1])
    return np.ones(len(x), x.dtype) @ x


def everywhere(channels, x):
    """A number for each channel (C,), repeated at every position of x: (H, W, C).

    Broadcasting would do this by itself, but in short loops of length C; loops over whole images are faster.
    """
    return np.full(x.shape[1:], channels)


class ConvNorm:
    """A convolution, then batch normalisation, whose shift beta makes a bias in the convolution redundant."""

    def __init__(self, rng, inputs, outputs, size=3, stride=1):
        self.layers = {"conv": Conv(rng, inputs, outputs, size, stride), "norm": BatchNorm(outputs)}

    def forward(self, x, training):
        return self.layers["norm"].forward(self.layers["conv"].forward(x), training)

    def backward(self, dy, need_dx=True):
        return self.layers["conv"].backward(self.layers["norm"].backward(dy), need_dx)


class Block:
    """y = relu(second(relu(first(x))) + x): two convolutions that learn what to add to x.

    Where the shape changes, x goes through a 1 x 1 convolution with the same stride instead (a "projection").
    """

    def __init__(self, rng, inputs, outputs, stride):
        self.layers = {
            "first": ConvNorm(rng, inputs, outputs, stride=stride),
            "second": ConvNorm(rng, outputs, outputs),
        }
        if stride > 1 or inputs != outputs:
            self.layers["shortcut"] = ConvNorm(rng, inputs, outputs, size=1, stride=stride)

    def forward(self, x, training):
        first, second, shortcut = (self.layers.get(name) for name in ("first", "second", "shortcut"))
        self.a1 = relu(first.forward(x, training))
        z2 = second.forward(self.a1, training)
        z2 += shortcut.forward(x, training) if shortcut else x
        self.y = relu(z2)
        return self.y

    def backward(self, dy):
        first, second, shortcut = (self.layers.get(name) for name in ("first", "second", "shortcut"))
        # z2 is a sum, so both of its terms receive dz2 whole. That is the point of the shortcut: however distorted the
        # gradient becomes on its way through the convolutions, x also receives dz2 unchanged (where the shape changes,
        # through a single small convolution).
        dz2 = dy * (self.y > 0)
        da1 = second.backward(dz2)
        da1 *= self.a1 > 0  # dz1
        dx = first.backward(da1)
        dx += shortcut.backward(dz2) if shortcut else dz2
        return dx


class Linear:
    """y = x W + b, as in mlp_np.py."""

    def __init__(self, rng, inputs, outputs):
        self.params = {"W": rng.normal(0, np.sqrt(2 / inputs), (inputs, outputs)), "b": np.zeros(outputs)}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dy):
        self.grads = {"W": self.x.T @ dy, "b": dy.sum(axis=0)}
        return dy @ self.params["W"].T


class ResNet:
    """The network at the top of this file. `params` holds each array under a name like
    "blocks.2.first.conv.W", `statistics` the remembered means and variances."""

    def __init__(self, widths=(16, 32, 64), blocks=1, seed=0, dtype=np.float32):
        rng = np.random.default_rng(seed)
        self.layers = {"stem": ConvNorm(rng, 1, widths[0], stride=2)}
        inputs = widths[0]
        for stage, outputs in enumerate(widths):
            for i in range(blocks):
                stride = 2 if stage > 0 and i == 0 else 1
                self.layers[f"blocks.{stage * blocks + i}"] = Block(rng, inputs, outputs, stride)
                inputs = outputs
        self.layers["linear"] = Linear(rng, inputs, 10)
        self.training = True
        for layer in walk(self.layers).values():
            for kind in ("params", "statistics"):
                if hasattr(layer, kind):
                    setattr(layer, kind, {name: a.astype(dtype) for name, a in getattr(layer, kind).items()})
        self.params, self.statistics = self.collect("params"), self.collect("statistics")

    def collect(self, kind):
        """All layers' params, grads or statistics in one dict (the arrays themselves, no copies)."""
        return {
            f"{path}.{name}": array
            for path, layer in walk(self.layers).items()
            for name, array in getattr(layer, kind, {}).items()
        }

    def forward(self, x):
        """Images x (B, 28, 28) to logits (B, 10). Keeps what backward needs."""
        *body, linear = self.layers.values()
        stem, *blocks = body
        x = x[..., np.newaxis]  # (B, 28, 28, 1)
        self.a0 = relu(stem.forward(x, self.training))  # (B, 14, 14, 16)
        a = self.a0
        for block in blocks:
            a = block.forward(a, self.training)
        self.last_shape = a.shape  # (B, 4, 4, 64)
        return linear.forward(a.mean(axis=(1, 2)))

    def backward(self, dlogits):
        """From d loss / d logits (B, 10) to the gradients, with the keys and shapes of params."""
        *body, linear = self.layers.values()
        stem, *blocks = body
        dmean = linear.backward(dlogits)  # (B, 64)
        # Each of the 16 positions contributes a sixteenth of the mean.
        positions = self.last_shape[1] * self.last_shape[2]
        da = np.broadcast_to((dmean / positions)[:, np.newaxis, np.newaxis], self.last_shape)
        for block in reversed(blocks):
            da = block.backward(da)
        stem.backward(da * (self.a0 > 0), need_dx=False)
        return self.collect("grads")


def walk(layers, path=""):
    """The innermost layers of a dict of layers, by their paths."""
    found = {}
    for name, layer in layers.items():
        found |= walk(layer.layers, f"{path}{name}.") if hasattr(layer, "layers") else {path + name: layer}
    return found


def numerical_gradient(f, array, h=1e-6):
    """d f() / d array by central differences, as in mlp_np.py."""
    gradient = np.zeros_like(array)
    for i in np.ndindex(array.shape):
        kept = array[i]
        array[i] = kept + h
        above = f()
        array[i] = kept - h
        gradient[i] = (above - f()) / (2 * h)
        array[i] = kept
    return gradient


def differences(layer, x, *training):
    """{name: relative difference} between layer.backward and central differences, for x and every parameter.

    The loss is sum(y * r) with random r, so that dy = r.
    """
    y = layer.forward(x, *training)
    r = np.random.default_rng(0).normal(size=y.shape)
    arrays, by_hand = {"x": x}, {"x": layer.backward(r)}
    for path, inner in walk({"": layer}).items():
        for name, param in inner.params.items():
            arrays[f"{path}.{name}".strip(".")], by_hand[f"{path}.{name}".strip(".")] = param, inner.grads[name]
    found = {}
    for name, array in arrays.items():
        numerical = numerical_gradient(lambda: (layer.forward(x, *training) * r).sum(), array)
        largest = max(np.abs(numerical).max(), np.abs(by_hand[name]).max())
        found[name] = np.abs(numerical - by_hand[name]).max() / largest if largest else 0.0
    return found


def check():
    """Print every layer's largest relative difference from central differences, in float64."""
    rng = np.random.default_rng(1)
    print("each layer's gradients by hand, and their largest relative difference from (loss(+h) - loss(-h)) / 2h")
    for title, layer, shape, training in [
        ("Conv 3 x 3", Conv(rng, 2, 3), (2, 5, 6, 2), ()),
        ("Conv 3 x 3, stride 2", Conv(rng, 2, 3, stride=2), (2, 5, 6, 2), ()),
        ("Conv 1 x 1, stride 2", Conv(rng, 2, 3, size=1, stride=2), (2, 5, 6, 2), ()),
        ("BatchNorm", BatchNorm(3), (2, 4, 3, 3), (True,)),
        ("Block", Block(rng, 3, 3, stride=1), (2, 5, 4, 3), (True,)),
        ("Block, stride 2", Block(rng, 2, 3, stride=2), (2, 5, 4, 2), (True,)),
        ("Linear", Linear(rng, 4, 3), (5, 4), ()),
    ]:
        for name, difference in differences(layer, rng.normal(size=shape), *training).items():
            print(f"{title:21} d{name:22} {difference:.1e}")
            if not difference < 1e-6:
                raise SystemExit(f"{title}: d{name} is wrong")


if __name__ == "__main__":
    try:
        check()
    except KeyboardInterrupt:
        raise SystemExit("interrupted") from None
