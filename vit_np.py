"""A small transformer by hand: layer normalisation, attention and the residual sum, each with its derivative.

After Vaswani et al. 2017 (Attention Is All You Need) and Dosovitskiy et al. 2021 (An Image Is Worth 16x16 Words), small
enough for digits. An image is read as a sequence of patches:

    patches    7 x 7 pixels each, a row of numbers for each          (B, 28, 28)  -> (B, 16, 49)
    embed      the same linear layer for every patch                 (B, 16, 49)  -> (B, 16, 64)
    positions  plus a learned vector for each place in the image     (B, 16, 64)  -> (B, 16, 64)
    block 1-3  x + attention(norm(x)), then x + mlp(norm(x))         (B, 16, 64)  -> (B, 16, 64)
    norm       every patch with mean 0 and variance 1                (B, 16, 64)  -> (B, 16, 64)
    mean       over the patches                                      (B, 16, 64)  -> (B, 64)
    linear     logits, as in mlp_np.py                               (B, 64)      -> (B, 10)

Attention is the only layer in which patches see each other; all others treat each patch alone. As in resnet_np.py, each
layer has a `forward` that keeps what it will need, and under it a `backward` that takes d loss / d output (called dy),
leaves d loss / d parameter in `grads`, and returns d loss / d input (dx). vit_torch.py is the same network in PyTorch.

`python vit_np.py` checks every layer against the definition of the derivative.

Shapes: B images, T patches (tokens) in each, C channels, that is numbers for each patch; h heads of d = C / h channels.
"""

import numpy as np


class Linear:
    """y = x W + b, as in mlp_np.py, for each patch. Without bias, y = x W."""

    def __init__(self, rng, inputs, outputs, bias=True):
        # Variance 1 / inputs: inputs of variance 1 give outputs of variance 1 (LeCun et al. 1998). Most of these
        # layers have no ReLU after them, so He's factor of 2 is not needed.
        self.params = {"W": rng.normal(0, np.sqrt(1 / inputs), (inputs, outputs))}
        if bias:
            self.params["b"] = np.zeros(outputs)

    def forward(self, x):
        """x (..., inputs) -> y (..., outputs)."""
        self.rows = x.reshape(-1, x.shape[-1])  # (B T, inputs): all patches of all images, one after the other
        y = self.rows @ self.params["W"]  # (B T, outputs)
        if "b" in self.params:
            y += self.params["b"]
        return y.reshape(*x.shape[:-1], -1)

    def backward(self, dy):
        """dy (..., outputs) -> dx (..., inputs). Every patch of every image adds its share to dW and db."""
        dy_rows = dy.reshape(-1, dy.shape[-1])  # (B T, outputs)
        self.grads = {"W": self.rows.T @ dy_rows}
        if "b" in self.params:
            self.grads["b"] = column_sum(dy_rows)
        return (dy_rows @ self.params["W"].T).reshape(*dy.shape[:-1], -1)


class Positions:
    """y = x + P: a learned vector for each place. Without it, the network could not tell where in the image a patch is:
    attention is a sum over the patches, and a sum does not know an order."""

    def __init__(self, rng, patches, width):
        self.params = {"P": rng.normal(0, 0.02, (patches, width))}  # small, as in Dosovitskiy et al. 2021

    def forward(self, x):
        """x (B, T, C) -> y of the same shape. Every image gets the same P."""
        return x + self.params["P"]

    def backward(self, dy):
        """dy -> dx, both (B, T, C). P is added in every image, so that dP is the sum over them; dx is dy as it is."""
        self.grads = {"P": dy.sum(axis=0)}  # (T, C)
        return dy


class LayerNorm:
    """Layer normalisation (Ba, Kiros & Hinton 2016): every patch with mean 0 and variance 1 over its own C channels,
    then each channel scaled by gamma and shifted by beta.

    Batch normalisation (resnet_np.py) takes mean and variance of a channel over the batch; here they are taken over the
    channels of a patch. No example depends on another, so there is nothing to remember, and testing is the same as
    training.
    """

    eps = 1e-5  # PyTorch's

    def __init__(self, width):
        self.params = {"gamma": np.ones(width), "beta": np.zeros(width)}

    def forward(self, x):
        """x (B, T, C) -> y of the same shape. The means run over the C channels of each patch."""
        gamma, beta = self.params.values()
        mean = row_sum(x) / len(gamma)  # (B, T, 1)
        self.xhat = x - mean  # so far without its scale
        var = row_sum(self.xhat * self.xhat) / len(gamma)  # (B, T, 1)
        self.inverse = 1 / np.sqrt(var + self.eps)  # (B, T, 1)
        self.xhat *= self.inverse
        y = self.xhat * gamma
        y += beta
        return y

    def backward(self, dy):
        """dy -> dx, both (B, T, C).

        y = gamma xhat + beta, so dbeta = sum dy and dgamma = sum dy xhat, over all patches of all images, and
        dxhat = dy gamma. From there on each patch is alone, and x reaches xhat = (x - mean) inverse in three ways, as
        in batch normalisation: directly, through the mean, and through the variance. With means over the C channels:

            dx = inverse (dxhat - mean(dxhat) - xhat mean(dxhat xhat))

        which is dxhat without its parts along 1 and along xhat: the directions that normalisation undoes. In batch
        normalisation gamma could stay outside the means, which ran within a channel. Here they run across the
        channels, each of which has a gamma of its own: it must be multiplied first.
        """
        gamma = self.params["gamma"]
        self.grads = {"gamma": column_sum(dy * self.xhat), "beta": column_sum(dy)}
        dx = dy * gamma  # dxhat so far
        along_xhat = row_sum(dx * self.xhat) / len(gamma)  # (B, T, 1)
        dx -= row_sum(dx) / len(gamma)
        dx -= self.xhat * along_xhat
        dx *= self.inverse
        return dx


def row_sum(x):
    """The sum over the last axis: (..., C) -> (..., 1). As a product with ones it is fast."""
    return (x.reshape(-1, x.shape[-1]) @ np.ones(x.shape[-1], x.dtype)).reshape(*x.shape[:-1], 1)


def column_sum(x):
    """The sum over all but the last axis: (..., C) -> (C,), in the same way."""
    x = x.reshape(-1, x.shape[-1])
    return np.ones(len(x), x.dtype) @ x


def row_max(x):
    """The largest along the last axis: (..., T) -> (..., 1). NumPy is slow along short rows, but fast down the columns
    of a copy that is turned on its side."""
    return x.reshape(-1, x.shape[-1]).T.copy().max(axis=0).reshape(*x.shape[:-1], 1)


class Softmax:
    """weights = exp(scores) / sum(exp(scores)) along the last axis: positive numbers whose sum is 1."""

    def forward(self, scores):
        """scores (..., T) -> weights of the same shape."""
        # As in mlp_np.py: a constant added to all scores of a row changes nothing, and with the largest at 0, exp
        # cannot overflow.
        shifted = scores - row_max(scores)
        self.weights = np.exp(shifted, out=shifted)
        self.weights /= row_sum(self.weights)
        return self.weights

    def backward(self, dweights):
        """dweights -> dscores, both (..., T).

        If scores[j] grows, weights[j] grows by weights[j], and the larger sum shrinks every weights[i], weights[j]
        too, by weights[i] weights[j]. In a row of T weights:

            d weights[i] / d scores[j] = weights[i] (1 if i == j else 0) - weights[i] weights[j]

        That is a T x T matrix (the Jacobian) for every row. It need not be built: the chain rule sums it up,

            dscores[j] = sum over i of dweights[i] d weights[i] / d scores[j]
                       = weights[j] (dweights[j] - sum over i of dweights[i] weights[i])

        and the sum is the same number for the whole row: the mean of dweights, weighted by the weights. To raise a
        score raises the loss where its dweights lies above that mean. The dscores of a row add up to mean - mean = 0.
        """
        dscores = dweights - row_sum(dweights * self.weights)
        dscores *= self.weights
        return dscores


class Attention:
    """Every patch gathers what it needs from all patches: a weighted mean, whose weights the patches choose.

    From each patch three linear layers make a query q (what it looks for), a key k (what it can be found by), and a
    value v (what it hands over). The dot product of a query and a key scores how well they fit, and softmax makes
    weights of a query's scores:

        scores[i, j] = q[i] . k[j] / sqrt(d)      weights = softmax(scores)      y[i] = sum over j of weights[i, j] v[j]

    Several heads do this side by side, each with its own d of the C channels; `out` mixes what they found.

    Why 1 / sqrt(d): at first the numbers in q and k have variance 1 and are independent. A sum of d of their products
    has variance d, and scores that large would put all the weight on one patch, where softmax is flat and its
    derivative almost 0. Divided by sqrt(d) they have variance 1 for every d.

    Why the key has no bias: with k[j] + b for k[j], all scores of a query would grow by the same number,
    q[i] . b / sqrt(d), which softmax does not see. Such a b would change nothing, and its gradient would always be 0.
    """

    def __init__(self, rng, width, heads):
        self.heads = heads
        self.layers = {
            "query": Linear(rng, width, width),
            "key": Linear(rng, width, width, bias=False),
            "value": Linear(rng, width, width),
            "out": Linear(rng, width, width),
        }
        self.softmax = Softmax()

    def forward(self, x):
        """x (B, T, C) -> y of the same shape."""
        query, key, value, out = self.layers.values()
        self.q, self.k, self.v = (split(layer.forward(x), self.heads) for layer in (query, key, value))  # (B, h, T, d)
        scores = self.q @ self.k.swapaxes(2, 3)  # (B, h, T, T): every query with every key
        scores *= self.scale()
        self.weights = self.softmax.forward(scores)  # (B, h, T, T): row i has the weights for patch i
        return out.forward(merge(self.weights @ self.v))

    def backward(self, dy):
        """dy -> dx, both (B, T, C).

        Let mixed = weights v, for each image and head a matrix product, as is scores = q k.T / sqrt(d). So, as for
        y = x W in mlp_np.py, each factor's gradient is the other factor times the gradient of the product:

            dweights = dmixed v.T     dv = weights.T dmixed     dq = dscores k / sqrt(d)     dk = dscores.T q / sqrt(d)

        Heads share no channel, so each has its own part of dq, dk and dv. x went into query, key and value: three ways
        to the loss, and dx is the sum over them.

        The theorem about the key's bias, seen from here: b would be added to every k[j], so db = sum over j of dk[j]
        = sum over i of q[i] (sum over j of dscores[i, j]) / sqrt(d), and each inner sum is 0 (see Softmax).
        """
        query, key, value, out = self.layers.values()
        dmixed = split(out.backward(dy), self.heads)  # (B, h, T, d)
        dweights = dmixed @ self.v.swapaxes(2, 3)  # (B, h, T, T)
        dv = self.weights.swapaxes(2, 3) @ dmixed  # (B, h, T, d)
        dscores = self.softmax.backward(dweights)  # (B, h, T, T)
        dscores *= self.scale()
        dq = dscores @ self.k  # (B, h, T, d)
        dk = dscores.swapaxes(2, 3) @ self.q  # (B, h, T, d)
        dx = query.backward(merge(dq))
        dx += key.backward(merge(dk))
        dx += value.backward(merge(dv))
        return dx

    def scale(self):
        return self.q.shape[-1] ** -0.5  # 1 / sqrt(d)


def split(x, heads):
    """To each head its channels: (B, T, C) -> (B, h, T, d), a view."""
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def merge(x):
    """The heads' channels side by side again: (B, h, T, d) -> (B, T, C)."""
    return x.swapaxes(1, 2).reshape(len(x), x.shape[2], -1)


class MLP:
    """y = second(relu(first(x))): the network of mlp_np.py, for each patch, four times as wide inside as outside."""

    def __init__(self, rng, width):
        self.layers = {"first": Linear(rng, width, 4 * width), "second": Linear(rng, 4 * width, width)}

    def forward(self, x):
        """x (B, T, C) -> y of the same shape."""
        first, second = self.layers.values()
        z = first.forward(x)  # (B, T, 4 C)
        self.a = np.maximum(z, 0, out=z)
        return second.forward(self.a)

    def backward(self, dy):
        """dy -> dx, both (B, T, C)."""
        first, second = self.layers.values()
        da = second.backward(dy)  # (B, T, 4 C)
        da *= self.a > 0  # dz
        return first.backward(da)


class Block:
    """y = u + mlp(norm(u)) with u = x + attention(norm(x)): look around, then think; each adds its result to x.

    The norm stands before attention and MLP, not after the sum ("pre-norm", Xiong et al. 2020). That leaves nothing but
    sums on the straight way through all blocks, and the gradient comes back along it as it is.
    """

    def __init__(self, rng, width, heads):
        self.layers = {
            "norm1": LayerNorm(width),
            "attention": Attention(rng, width, heads),
            "norm2": LayerNorm(width),
            "mlp": MLP(rng, width),
        }

    def forward(self, x):
        """x (B, T, C) -> y of the same shape."""
        norm1, attention, norm2, mlp = self.layers.values()
        u = attention.forward(norm1.forward(x))
        u += x
        y = mlp.forward(norm2.forward(u))
        y += u
        return y

    def backward(self, dy):
        """dy -> dx, both (B, T, C)."""
        norm1, attention, norm2, mlp = self.layers.values()
        # A sum hands dy to both of its terms whole, as in resnet_np.py. u reached y twice: as it is, and through the
        # MLP. So du = dy + what comes back through the MLP; and dx in the same way from du.
        du = norm2.backward(mlp.backward(dy))
        du += dy
        dx = norm1.backward(attention.backward(du))
        dx += du
        return dx


class ViT:
    """The network at the top of this file. `params` has a name like "blocks.2.attention.query.W" for each array."""

    def __init__(self, width=64, blocks=3, heads=4, patch=7, seed=0, dtype=np.float32):
        rng = np.random.default_rng(seed)
        self.patch, self.heads = patch, heads
        self.layers = {
            "embed": Linear(rng, patch * patch, width),
            "positions": Positions(rng, (28 // patch) ** 2, width),
            **{f"blocks.{i}": Block(rng, width, heads) for i in range(blocks)},
            "norm": LayerNorm(width),
            "linear": Linear(rng, width, 10),
        }
        for layer in walk(self.layers).values():
            layer.params = {name: a.astype(dtype) for name, a in layer.params.items()}
        self.params = self.collect("params")

    def collect(self, kind):
        """All layers' params or grads in one dict (the arrays themselves, no copies)."""
        return {
            f"{path}.{name}": array
            for path, layer in walk(self.layers).items()
            for name, array in getattr(layer, kind).items()
        }

    def forward(self, x):
        """Images x (B, 28, 28) to logits (B, 10). Keeps what backward needs."""
        *body, linear = self.layers.values()
        a = patches(x, self.patch)  # (B, 16, 49)
        for layer in body:
            a = layer.forward(a)  # (B, 16, 64)
        self.last_shape = a.shape
        return linear.forward(a.mean(axis=1))

    def backward(self, dlogits):
        """From d loss / d logits (B, 10) to the gradients, with the keys and shapes of params."""
        *body, linear = self.layers.values()
        dmean = linear.backward(dlogits)  # (B, 64)
        # Each of the T patches has a T-th part in the mean.
        da = np.broadcast_to((dmean / self.last_shape[1])[:, np.newaxis], self.last_shape)
        for layer in reversed(body):
            da = layer.backward(da)
        return self.collect("grads")


def patches(x, size):
    """Images cut into squares, each laid out as a row: (B, 28, 28) -> (B, T, size size), T = (28 / size)^2."""
    batch, height, width = x.shape
    squares = x.reshape(batch, height // size, size, width // size, size).swapaxes(2, 3)  # (B, 4, 4, size, size)
    return squares.reshape(batch, -1, size * size)


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


def differences(layer, x):
    """{name: relative difference} between layer.backward and central differences, for x and every parameter.

    The loss is sum(y * r) with random r, so that dy = r.
    """
    y = layer.forward(x)
    r = np.random.default_rng(0).normal(size=y.shape)
    arrays, by_hand = {"x": x}, {"x": layer.backward(r)}
    for path, inner in walk({"": layer}).items():
        for name, param in getattr(inner, "params", {}).items():
            arrays[f"{path}.{name}".strip(".")], by_hand[f"{path}.{name}".strip(".")] = param, inner.grads[name]
    found = {}
    for name, array in arrays.items():
        numerical = numerical_gradient(lambda: (layer.forward(x) * r).sum(), array)
        largest = max(np.abs(numerical).max(), np.abs(by_hand[name]).max())
        found[name] = np.abs(numerical - by_hand[name]).max() / largest if largest else 0.0
    return found


def check():
    """Print every layer's largest relative difference from central differences, in float64."""
    rng = np.random.default_rng(1)
    print("each layer's gradients by hand, and their largest relative difference from (loss(+h) - loss(-h)) / 2h")
    for title, layer, shape in [
        ("Linear", Linear(rng, 4, 3), (2, 3, 4)),
        ("Linear without bias", Linear(rng, 4, 3, bias=False), (2, 3, 4)),
        ("Positions", Positions(rng, 3, 4), (2, 3, 4)),
        ("LayerNorm", LayerNorm(5), (2, 3, 5)),
        ("Softmax", Softmax(), (2, 3, 5)),
        ("Attention, 1 head", Attention(rng, 4, heads=1), (2, 3, 4)),
        ("Attention, 2 heads", Attention(rng, 6, heads=2), (2, 5, 6)),
        ("MLP", MLP(rng, 3), (2, 3, 3)),
        ("Block", Block(rng, 6, heads=3), (2, 4, 6)),
    ]:
        for inner in walk({"": layer}).values():  # a gamma of 1 and a bias of 0 would hide that they were forgotten
            for param in getattr(inner, "params", {}).values():
                param += rng.normal(0, 0.3, param.shape)
        for name, difference in differences(layer, rng.normal(size=shape)).items():
            print(f"{title:21} d{name:22} {difference:.1e}")
            if not difference < 1e-6:
                raise SystemExit(f"{title}: d{name} is wrong")


if __name__ == "__main__":
    try:
        check()
    except KeyboardInterrupt:
        raise SystemExit("interrupted") from None
