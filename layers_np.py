"""What the deeper networks share: the linear layer, the mean, a network as a list of layers, and gradient checks.

In mlp_np.py the whole network is one class. Deeper networks repeat a few layers many times, so here each layer is a
class of its own, with two methods:

    forward     from x to y; keeps what backward will need
    backward    takes d loss / d y (called dy), leaves d loss / d parameter in `grads`, returns d loss / d x (dx)

The dx of a layer is the dy of the layer before it. So a network is a list of layers: forward walks it from the first to
the last, and backward from the last to the first. That is all of the chain rule. resnet_np.py, vit_np.py, gpt_np.py
and llama_np.py add layers of their own.

`python layers_np.py` checks every layer against the definition of the derivative.

Shapes: B images, C channels; N rows or positions in all images together.
"""

import math

import numpy as np

from mlp_np import check_gradient_names, compute_gradient_difference


class Linear:
    """y = x W + b for each row of x, as in mlp_np.py. Without bias, y = x W."""

    def __init__(self, rng, inputs, outputs, bias=True, gain=1):
        # Variance 1 / inputs: inputs of variance 1 give outputs of variance 1 (LeCun et al. 1998). A gain of 2, as in
        # mlp_np.py, makes up for a ReLU before the layer, which halves the mean square of its inputs.
        self.params = {"W": rng.normal(0, np.sqrt(gain / inputs), (inputs, outputs))}
        if bias:
            self.params["b"] = np.zeros(outputs)

    def forward(self, x):
        """Return y (..., outputs) for x (..., inputs)."""
        self.rows = x.reshape(-1, x.shape[-1])  # (N, inputs): all rows of all images, one below the other
        y = self.rows @ self.params["W"]  # (N, outputs)
        if "b" in self.params:
            y += self.params["b"]
        return y.reshape(*x.shape[:-1], -1)

    def backward(self, dy):
        """From dy = d loss / d y (..., outputs), return dx = d loss / d x (..., inputs).

        Every row of every image adds its share to dW and db.
        """
        dy_rows = dy.reshape(-1, dy.shape[-1])  # (N, outputs)
        self.grads = {"W": self.rows.T @ dy_rows}
        if "b" in self.params:
            self.grads["b"] = channel_sum(dy_rows)
        return (dy_rows @ self.params["W"].T).reshape(*dy.shape[:-1], -1)


class Mean:
    """The mean over all positions, for each channel."""

    def forward(self, x):
        """Return the mean y (B, C) of x (B, ..., C) over all positions."""
        self.x_shape = x.shape
        self.between = tuple(range(1, x.ndim - 1))
        return x.mean(axis=self.between)

    def backward(self, dy):
        """From dy = d loss / d y (B, C), return dx = d loss / d x (B, ..., C).

        With 16 positions, for example, each contributes a sixteenth of the mean.
        """
        share = dy / math.prod(self.x_shape[1:-1])  # (B, C)
        return np.broadcast_to(np.expand_dims(share, self.between), self.x_shape)


def channel_sum(x):
    """Return the sum of x (..., C) over all axes but the last: (C,). A product with ones is faster than x.sum."""
    x = x.reshape(-1, x.shape[-1])
    return np.ones(len(x), x.dtype) @ x


def row_sum(x):
    """Return x.sum(axis=-1, keepdims=True): (..., C) -> (..., 1). A product with ones is faster than x.sum."""
    return (x.reshape(-1, x.shape[-1]) @ np.ones(x.shape[-1], x.dtype)).reshape(*x.shape[:-1], 1)


def row_max(x):
    """Return x.max(axis=-1, keepdims=True): (..., C) -> (..., 1). The maximum of a transposed copy is found faster."""
    columns = np.ascontiguousarray(x.reshape(-1, x.shape[-1]).T)  # (C, N)
    return columns.max(axis=0).reshape(*x.shape[:-1], 1)


class Network:
    """A network of layers, applied one after the other. layers: {name: layer}, in that order.

    `params` holds the parameters of all layers under names like "blocks.2.first.conv.W", and `statistics` the running
    means and variances of batch normalisation. Both hold the layers' own arrays, not copies. If `training` is False,
    batch normalisation uses the running statistics instead of the batch's.
    """

    def __init__(self, layers, dtype):
        self.layers = layers
        self.training = True
        for layer in flatten_layers(layers).values():
            for kind in ("params", "statistics"):
                arrays = getattr(layer, kind, {})
                cast = {n: a.astype(dtype, copy=False) if a.dtype.kind == "f" else a for n, a in arrays.items()}
                setattr(layer, kind, cast)  # a counter stays a whole number
        self.params = self.collect("params")
        self.statistics = self.collect("statistics")

    def collect(self, kind):
        """Return {path: array} for all layers. kind: "params", "grads" or "statistics"."""
        arrays = {}
        for path, layer in flatten_layers(self.layers).items():
            for name, array in getattr(layer, kind, {}).items():
                arrays[f"{path}.{name}"] = array
        return arrays

    def forward(self, x):
        """Return the logits: (B, 10) for images x (B, 28, 28), or (B, T, V) for token ids x (B, T).

        Keeps what backward needs.
        """
        for layer in flatten_layers(self.layers).values():
            layer.training = self.training
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def backward(self, dlogits):
        """Return the gradients, with the keys and shapes of `params`. dlogits: d loss / d logits, (B, 10) for images.

        Stores d loss / d x as gradients["x"] and, unless `training`, d loss / d output of each layer under the layer's
        name. In training these are not stored, so that their memory can be reused.
        """
        self.gradients = {}
        dy = dlogits
        for name, layer in reversed(self.layers.items()):
            if not self.training:
                self.gradients[name] = dy
            dy = layer.backward(dy)
        self.gradients["x"] = dy  # like x, or None if x is token ids
        return self.collect("grads")


def flatten_layers(layers, path=""):
    """Return {path: layer} for the innermost layers of nested dicts of layers. path: the beginning of every path."""
    layers_by_path = {}
    for name, layer in layers.items():
        if hasattr(layer, "layers"):
            layers_by_path |= flatten_layers(layer.layers, f"{path}{name}.")
        else:
            layers_by_path[path + name] = layer
    return layers_by_path


def compute_gradient_differences(layer, x, title="layer"):
    """Return {name: relative difference} between layer.backward and central differences, for x and every parameter.

    The loss is sum(y * r) with random r, so that dy = r. If x holds whole numbers, it has no derivative and is left
    out. Raises SystemExit if a gradient is wrong; `title` is the layer's name in that message.
    """
    y = layer.forward(x)
    r = np.random.default_rng(0).normal(size=y.shape)
    dx = layer.backward(r)
    rows = {}
    if x.dtype.kind == "f":
        rows["x"] = layer.gradients["x"] if isinstance(layer, Network) else dx, x
    for path, inner in flatten_layers({"": layer}).items():
        check_gradient_names(getattr(inner, "grads", {}), getattr(inner, "params", {}))
        for name, param in getattr(inner, "params", {}).items():
            rows[f"{path}.{name}".strip(".")] = inner.grads[name], param
    return {
        name: compute_gradient_difference(f"{title}: d{name}", by_hand, array, lambda: (layer.forward(x) * r).sum())
        for name, (by_hand, array) in rows.items()
    }


def check_layers(cases, rng):
    """Print every gradient's largest relative difference from central differences, in float64.

    cases: [(title, layer, x or its shape)]. rng draws x where only its shape is given, and changes the parameters.
    """
    print("each layer's gradients by hand, and their largest relative difference from (loss(+h) - loss(-h)) / 2h")
    for title, layer, x in cases:
        for inner in flatten_layers({"": layer}).values():
            for param in getattr(inner, "params", {}).values():
                param += rng.normal(0, 0.3, param.shape)  # a gamma of 1 would hide that it was forgotten
        x = rng.normal(size=x) if isinstance(x, tuple) else x
        for name, difference in compute_gradient_differences(layer, x, title).items():
            print(f"{title:21} d{name:27} {difference:.1e}")


def check():
    """Check the gradients of every layer of this file, and of a small network of them."""
    rng = np.random.default_rng(1)
    layers = [
        ("Linear", Linear(rng, 4, 3), (5, 4)),
        ("Linear without bias", Linear(rng, 4, 5, bias=False), (2, 3, 4)),
        ("Mean", Mean(), (2, 3, 4, 2)),
        ("Network", Network({"mean": Mean(), "linear": Linear(rng, 3, 4)}, np.float64), (5, 2, 3)),
    ]
    check_layers(layers, rng)


if __name__ == "__main__":
    try:
        check()
    except KeyboardInterrupt:
        raise SystemExit("interrupted") from None
