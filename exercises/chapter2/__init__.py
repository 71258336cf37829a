"""Further: other activations, two hidden layers, weight decay, PyTorch. And the layers of resnet_np.py."""

import sys
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import numpy as np

from exercises.chapter1 import at_the_edge, beside_zero, decided, network
from exercises.words import TABLES
from marker.calls import reroute
from marker.exercise import Tool
from mlp_np import MLP, softmax_cross_entropy
from resnet_np import Conv

TOOLS = dict(TABLES["Tools"])


def tanh_layer(rng):
    """Activations of tanh. No file of the project has them: the derivative of tanh is 1 / cosh^2."""
    B, H = rng.choice([3, 4, 7, 9, 11], 2, replace=False).tolist()
    z1, da1 = rng.normal(0, 1, (2, B, H))
    a1 = np.tanh(z1)
    return SimpleNamespace(B=B, H=H, z1=z1, a1=a1, da1=da1, dz1=da1 / np.cosh(z1) ** 2)


def two_hidden(rng, edge=False):
    """A network with two hidden layers. Its upper half is an MLP on a1, its lower half an MLP that ends at z2.

    edge: some of its z1 and z2 are so close to 0 that no other threshold than 0 will do.
    """
    while True:
        g = at_the_edge(rng) if edge else network(rng)
        lower = MLP(g.H, dtype=np.float64)
        lower.params = {
            "W1": g.W1,
            "b1": g.b1,
            "W2": rng.normal(0, np.sqrt(2 / g.H), (g.H, 6)),
            "b2": rng.normal(0, 0.3, 6),
        }
        z2 = lower.forward(g.x)
        if edge:
            lower.params["b2"] = beside_zero(rng, z2, lower.params["b2"])
            z2 = lower.forward(g.x)
        upper = MLP(6, dtype=np.float64)
        upper.params = {"W1": lower.params["W2"], "b1": lower.params["b2"],
                        "W2": rng.normal(0, 0.6, (6, 10)), "b2": rng.normal(0, 0.3, 10)}  # fmt: skip
        loss, dlogits = softmax_cross_entropy(upper.forward(lower.a1), g.y)
        above = upper.backward(dlogits)
        below = lower.backward(upper.dz1)
        clear = not edge or (decided(lower.z1, lower.da1) and decided(z2, upper.da1))
        if 0.25 < (z2 > 0).mean() < 0.75 and clear:
            break
    (W1, b1, W2, b2), (_, _, W3, b3) = lower.params.values(), upper.params.values()
    g = SimpleNamespace(
        B=g.B, H=g.H, x=g.x, y=g.y, W1=W1, b1=b1, W2=W2, b2=b2, W3=W3, b3=b3, loss=loss, dlogits=dlogits,
        z1=lower.z1, a1=lower.a1, z2=z2, a2=upper.a1, da2=upper.da1, da1=lower.da1,
        dz2=upper.dz1, dz1=lower.dz1, dW1=below["W1"], db1=below["b1"], dW2=above["W1"], dW3=above["W2"],
    )  # fmt: skip
    if edge:
        g.kinks = ["z1", "a1", "z2", "a2"]
    return g


def convolution(rng):
    """A 3 x 3 convolution with stride 1, and the weights of a new resnet_np.Conv. All numbers differ."""
    B, height, width = rng.permutation([4, 6, 7]).tolist()
    inputs, outputs = rng.permutation([2, 5]).tolist()
    W = Conv(rng, inputs, outputs).params["W"]
    x, dy = rng.normal(size=(B, height, width, inputs)), rng.normal(size=(B, height, width, outputs))
    return SimpleNamespace(B=B, height=height, width=width, C=inputs, O=outputs, x=x, padded=with_border(x), dy=dy, W=W)


def with_border(x):
    return np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))


def convolve(x, W):
    """x (B, height, width, C) and W (3, 3, C, O) -> y (B, height, width, O), from the definition."""
    padded, (height, width) = with_border(x), x.shape[1:3]
    return sum(padded[:, u : u + height, v : v + width] @ W[u, v] for u in range(3) for v in range(3))


@contextmanager
def autograd_doubled(module, g):
    """While it lasts, PyTorch finds the gradients of twice whatever is differentiated."""

    def twice(original, values, *arguments, **options):
        values = [2 * value for value in values] if isinstance(values, (list, tuple)) else 2 * values
        return original(values, *arguments, **options)

    with ExitStack() as stack:
        if torch := sys.modules.get("torch"):  # as the learner's file has imported it: nothing of ours does
            stack.enter_context(reroute(torch.autograd, "backward", twice))
            stack.enter_context(reroute(torch.autograd, "grad", twice))
        yield


WITHOUT = "without autograd"
AUTOGRAD = Tool(WITHOUT, TOOLS[WITHOUT], autograd_doubled, lambda g: {"dz1": 2 * g.dz1, "dW1": 2 * g.dW1})
