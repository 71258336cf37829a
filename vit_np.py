"""A small transformer by hand: layer normalisation, attention and the residual sum, each with its derivative.

After Vaswani et al. 2017 (Attention Is All You Need) and Dosovitskiy et al. 2021 (An Image Is Worth 16x16 Words), small
enough for digits. An image is read as a sequence of patches:

    patches    7 x 7 pixels each, a row of numbers for each          (B, 28, 28)  -> (B, 16, 49)
    embed      the same linear layer for every patch                 (B, 16, 49)  -> (B, 16, 64)
    positions  plus a learned vector for each position               (B, 16, 64)  -> (B, 16, 64)
    block 1-3  x + attention(norm(x)), then x + mlp(norm(x))         (B, 16, 64)  -> (B, 16, 64)
    norm       every patch with mean 0 and variance 1                (B, 16, 64)  -> (B, 16, 64)
    mean       over the patches                                      (B, 16, 64)  -> (B, 64)
    linear     logits, as in mlp_np.py                               (B, 64)      -> (B, 10)

Attention is the only layer in which patches see each other; all others treat each patch alone. The linear layer, the
mean and the class Network are those of layers_np.py. As there, each layer has a `forward` that keeps what it will need,
and under it a `backward` that takes d loss / d output (called dy), leaves d loss / d parameter in `grads`, and returns
d loss / d input (dx). vit_torch.py is the same network in PyTorch.

`python vit_np.py` checks every layer against the definition of the derivative.

Shapes: B images, T patches (tokens) in each, C channels, that is numbers for each patch; h heads of d = C / h channels.
"""

import math

import numpy as np

from layers_np import Linear, Mean, Network, channel_sum, check_layers, row_max, row_sum


class Patches:
    """Cuts each image into squares, and lays out each square as a row."""

    def __init__(self, size):
        self.size = size

    def forward(self, x):
        """Return the patches y (B, T, size size) of images x (B, 28, 28), with T = (28 / size)^2."""
        batch = len(x)
        side = x.shape[1] // self.size  # 4 squares on each side, for a size of 7
        squares = x.reshape(batch, side, self.size, side, self.size).swapaxes(2, 3)  # (B, side, side, size, size)
        return squares.reshape(batch, side * side, -1)

    def backward(self, dy):
        """From dy = d loss / d y (B, T, size size), return dx (B, 28, 28): every number goes back to its pixel."""
        batch = len(dy)
        side = math.isqrt(dy.shape[1])
        squares = dy.reshape(batch, side, side, self.size, self.size).swapaxes(2, 3)
        return squares.reshape(batch, side * self.size, -1)


class Positions:
    """y = x + P: a learned vector for each position. Without it, the network could not tell where in the image a patch
    is: attention is a sum over the patches, and a sum ignores order."""

    def __init__(self, rng, patches, width):
        self.params = {"P": rng.normal(0, 0.02, (patches, width))}  # small, as in Dosovitskiy et al. 2021

    def forward(self, x):
        """Return x + P for x (B, T, C). Every image gets the same P."""
        return x + self.params["P"]

    def backward(self, dy):
        """From dy = d loss / d y, return dx = d loss / d x, both (B, T, C).

        P is added to every image, so dP is the sum of dy over the images, and dx = dy.
        """
        self.grads = {"P": dy.sum(axis=0)}  # (T, C)
        return dy


class LayerNorm:
    """Layer normalisation (Ba, Kiros & Hinton 2016): every patch with mean 0 and variance 1 over its own C channels,
    then each channel scaled by gamma and shifted by beta.

    Batch normalisation (resnet_np.py) takes mean and variance of a channel over the batch; here they are taken over the
    channels of a patch. No example depends on another, so no running statistics are needed, and testing is the same as
    training.
    """

    eps = 1e-5  # PyTorch's

    def __init__(self, width):
        self.params = {"gamma": np.ones(width), "beta": np.zeros(width)}

    def forward(self, x):
        """Normalise x (B, T, C), over the C channels of each patch. Return y of the same shape."""
        gamma = self.params["gamma"]
        beta = self.params["beta"]
        mean = row_sum(x) / len(gamma)  # (B, T, 1)
        centred = x - mean  # (B, T, C)
        var = row_sum(centred**2) / len(gamma)  # (B, T, 1)
        self.inverse = 1 / np.sqrt(var + self.eps)  # (B, T, 1)
        self.xhat = centred * self.inverse  # (B, T, C)
        return gamma * self.xhat + beta

    def backward(self, dy):
        """From dy = d loss / d y, return dx = d loss / d x, both (B, T, C).

        y = gamma xhat + beta, so dbeta = sum dy and dgamma = sum dy xhat, over all patches of all images, and
        dxhat = dy gamma. From there on each patch is independent of the others, and x reaches xhat = (x - mean) inverse
        in three ways, as in batch normalisation: directly, through the mean, and through the variance. With means
        over the C channels:

            dx = inverse (dxhat - mean(dxhat) - xhat mean(dxhat xhat))

        which is dxhat without its parts along 1 and along xhat: the directions that normalisation undoes. In batch
        normalisation gamma could stay outside the means, which ran within a channel. Here they run across the
        channels, each of which has a gamma of its own: it must be multiplied first.
        """
        gamma = self.params["gamma"]
        self.grads = {"gamma": channel_sum(dy * self.xhat), "beta": channel_sum(dy)}
        dxhat = dy * gamma
        mean = row_sum(dxhat) / len(gamma)  # (B, T, 1)
        along_xhat = row_sum(dxhat * self.xhat) / len(gamma)  # (B, T, 1)
        return self.inverse * (dxhat - mean - self.xhat * along_xhat)


class Softmax:
    """weights = exp(scores) / sum(exp(scores)) along the last axis: positive numbers whose sum is 1."""

    def forward(self, scores):
        """Return the weights for scores (..., T), of the same shape."""
        self.weights = softmax(scores)
        return self.weights

    def backward(self, dweights):
        """From dweights = d loss / d weights, return dscores = d loss / d scores, both (..., T).

        If scores[j] grows, weights[j] grows by weights[j], and the larger sum shrinks every weights[i], weights[j]
        too, by weights[i] weights[j]. In a row of T weights:

            d weights[i] / d scores[j] = weights[i] (1 if i == j else 0) - weights[i] weights[j]

        That is a T x T matrix (the Jacobian) for every row. It need not be built: the chain rule sums it up,

            dscores[j] = sum over i of dweights[i] d weights[i] / d scores[j]
                       = weights[j] (dweights[j] - sum over i of dweights[i] weights[i])

        and the sum is the same number for the whole row: the mean of dweights, weighted by the weights. Raising a score
        raises the loss where dweights lies above that mean. The dscores of a row add up to mean - mean = 0.
        """
        mean = row_sum(dweights * self.weights)  # (..., 1)
        return self.weights * (dweights - mean)


def softmax(scores):
    """Return exp(scores) / sum(exp(scores)) along the last axis: scores (..., T) -> weights of the same shape.

    It equals softmax in mlp_np.py, but is faster for many short rows.
    """
    exp = np.exp(scores - row_max(scores))
    return exp / exp.sum(axis=-1, keepdims=True)


class Attention:
    """Self-attention: every patch gets a weighted mean over all patches, with weights computed from the patches.

    From each patch, three linear layers compute a query q (what it looks for), a key k (what it can be found by), and a
    value v (what it passes on). The dot product of a query and a key scores how well they fit, and softmax turns a
    query's scores into weights:

        scores[i, j] = q[i] . k[j] / sqrt(d)      weights = softmax(scores)      y[i] = sum over j of weights[i, j] v[j]

    Several heads do this side by side, each with its own d of the C channels; `out` mixes their results.

    Why 1 / sqrt(d): at first the numbers in q and k have variance 1 and are independent. A sum of d of their products
    has variance d, and scores that large would put all the weight on one patch, where softmax is flat and its
    derivative almost 0. Divided by sqrt(d) they have variance 1 for every d.

    Why the key has no bias: with k[j] + b for k[j], all scores of a query would grow by the same number,
    q[i] . b / sqrt(d), which cancels in softmax. Such a b would change nothing, and its gradient would always be 0.
    """

    def __init__(self, rng, width, heads):
        self.heads = heads
        self.scale = (width // heads) ** -0.5  # 1 / sqrt(d)
        self.layers = {
            "query": Linear(rng, width, width),
            "key": Linear(rng, width, width, bias=False),
            "value": Linear(rng, width, width),
            "out": Linear(rng, width, width),
        }
        self.softmax = Softmax()

    def forward(self, x):
        """Apply the attention to x (B, T, C). Return y of the same shape."""
        query, key, value, out = self.layers.values()
        self.q, self.k, self.v = (split(layer.forward(x), self.heads) for layer in (query, key, value))  # (B, h, T, d)
        scores = self.q @ self.k.swapaxes(2, 3) * self.scale  # (B, h, T, T): every query with every key
        self.weights = self.softmax.forward(scores)  # (B, h, T, T): row i has the weights for patch i
        return out.forward(merge(self.weights @ self.v))

    def backward(self, dy):
        """From dy = d loss / d y, return dx = d loss / d x, both (B, T, C).

        For each image and head, mixed = weights v and scores = q k.T / sqrt(d) are matrix products. So, as for y = x W
        in mlp_np.py, each factor's gradient is the other factor times the gradient of the product:

            dweights = dmixed v.T     dv = weights.T dmixed     dq = dscores k / sqrt(d)     dk = dscores.T q / sqrt(d)

        Heads share no channel, so each has its own part of dq, dk and dv. x went into query, key and value: three paths
        to the loss, and dx is the sum over them.

        Why a bias b of the key would get no gradient: b would be added to every k[j], so db = sum over j of dk[j]
        = sum over i of q[i] (sum over j of dscores[i, j]) / sqrt(d), and each inner sum is 0 (see Softmax).
        """
        query, key, value, out = self.layers.values()
        dmixed = split(out.backward(dy), self.heads)  # (B, h, T, d)
        dweights = dmixed @ self.v.swapaxes(2, 3)  # (B, h, T, T)
        dv = self.weights.swapaxes(2, 3) @ dmixed  # (B, h, T, d)
        dscores = self.softmax.backward(dweights)  # (B, h, T, T)
        dproducts = dscores * self.scale  # (B, h, T, T), where the products are q k.T
        dq = dproducts @ self.k  # (B, h, T, d)
        dk = dproducts.swapaxes(2, 3) @ self.q  # (B, h, T, d)
        return query.backward(merge(dq)) + key.backward(merge(dk)) + value.backward(merge(dv))


def split(x, heads):
    """Give each head its channels: x (B, T, C) -> (B, h, T, d), a view of x."""
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def merge(x):
    """Undo `split`: put the heads' channels side by side, x (B, h, T, d) -> (B, T, C)."""
    return x.swapaxes(1, 2).reshape(len(x), x.shape[2], -1)


class MLP:
    """y = second(relu(first(x))): the network of mlp_np.py, for each patch, with 4 C hidden units.

    The ReLU halves the variance of what `second` gets, and yet its gain is 1 (see Linear). A gain of 2 is for layers in
    a chain, where every ReLU would halve it once more. Here y is only added to x, and each layer that reads the sum
    normalises it first. With a gain of 1, y begins with a variance of 1/2, so a block changes x less at first.
    """

    def __init__(self, rng, width):
        self.layers = {"first": Linear(rng, width, 4 * width), "second": Linear(rng, 4 * width, width)}

    def forward(self, x):
        """Apply the MLP to x (B, T, C). Return y of the same shape."""
        first, second = self.layers.values()
        self.a = np.maximum(first.forward(x), 0)  # (B, T, 4 C)
        return second.forward(self.a)

    def backward(self, dy):
        """From dy = d loss / d y, return dx = d loss / d x, both (B, T, C)."""
        first, second = self.layers.values()
        da = second.backward(dy)  # (B, T, 4 C)
        return first.backward(da * (self.a > 0))


class Block:
    """Transformer block: y = u + mlp(norm(u)) with u = x + attention(norm(x)).

    Normalisation comes before attention and MLP, not after the sum ("pre-norm", Xiong et al. 2020). That leaves only
    sums on the direct path through all blocks, and the gradient comes back along it unchanged.
    """

    def __init__(self, rng, width, heads):
        self.layers = {
            "norm1": LayerNorm(width),
            "attention": Attention(rng, width, heads),
            "norm2": LayerNorm(width),
            "mlp": MLP(rng, width),
        }

    def forward(self, x):
        """Apply the block to x (B, T, C). Return y of the same shape."""
        norm1, attention, norm2, mlp = (self.layers[name] for name in ("norm1", "attention", "norm2", "mlp"))
        u = x + attention.forward(norm1.forward(x))
        return u + mlp.forward(norm2.forward(u))

    def backward(self, dy):
        """From dy = d loss / d y, return dx = d loss / d x, both (B, T, C)."""
        norm1, attention, norm2, mlp = (self.layers[name] for name in ("norm1", "attention", "norm2", "mlp"))
        # A sum passes dy on to both of its terms unchanged, as in resnet_np.py. u reached y twice: directly, and
        # through the MLP. So du = dy + what comes back through the MLP; and dx follows from du in the same way.
        du = dy + norm2.backward(mlp.backward(dy))
        return du + norm1.backward(attention.backward(du))


class ViT(Network):
    """The network that the top of this file describes."""

    def __init__(self, width=64, blocks=3, heads=4, patch=7, seed=0, dtype=np.float32):
        rng = np.random.default_rng(seed)
        layers = {
            "patches": Patches(patch),
            "embed": Linear(rng, patch * patch, width),
            "positions": Positions(rng, (28 // patch) ** 2, width),
            **{f"blocks.{i}": Block(rng, width, heads) for i in range(blocks)},
            "norm": LayerNorm(width),
            "mean": Mean(),
            "linear": Linear(rng, width, 10),
        }
        super().__init__(layers, dtype)


def check():
    """Check the gradients of every layer of this file, and of a small network of them."""
    rng = np.random.default_rng(1)
    layers = [
        ("Patches", Patches(2), (2, 4, 4)),
        ("Positions", Positions(rng, 3, 4), (2, 3, 4)),
        ("LayerNorm", LayerNorm(5), (2, 3, 5)),
        ("Softmax", Softmax(), (2, 3, 5)),
        ("Attention, 1 head", Attention(rng, 4, heads=1), (2, 3, 4)),
        ("Attention, 2 heads", Attention(rng, 6, heads=2), (2, 5, 6)),
        ("MLP", MLP(rng, 3), (2, 3, 3)),
        ("Block", Block(rng, 6, heads=3), (2, 4, 6)),
        ("ViT", ViT(width=4, blocks=1, heads=2, patch=14, dtype=np.float64), (1, 28, 28)),
    ]
    check_layers(layers, rng)


if __name__ == "__main__":
    try:
        check()
    except KeyboardInterrupt:
        raise SystemExit("interrupted") from None
