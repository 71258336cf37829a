"""Inputs and expected results for tanh, two hidden layers, weight decay, PyTorch, and the layers of resnet_np.py."""

import sys
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import numpy as np

from exercises.chapter1 import draw_network, draw_network_near_zero, has_both_signs_at_zero, move_beside_zero
from exercises.words import TABLES
from marker.calls import reroute
from marker.exercise import Tool
from mlp_np import MLP, softmax_cross_entropy
from resnet_np import Conv

TOOLS = dict(TABLES["Tools"])


def draw_tanh_layer(rng):
    """Draw a layer with tanh. Returns z1, a1, da1 and dz1, with the derivative of tanh as 1 / cosh^2.

    The project has no tanh, so this formula is the reference.
    """
    B, H = rng.choice([3, 4, 7, 9, 11], 2, replace=False).tolist()
    z1, da1 = rng.normal(0, 1, (2, B, H))
    a1 = np.tanh(z1)
    return SimpleNamespace(B=B, H=H, z1=z1, a1=a1, da1=da1, dz1=da1 / np.cosh(z1) ** 2)


def draw_two_hidden_layers(rng, near_zero=False):
    """Draw a network with two hidden layers. Returns a namespace of all arrays in both passes.

    It is made of two MLPs: the lower one ends at z2, and the upper one begins at a1. near_zero: some z1 and z2 are so
    close to 0 that a ReLU with any threshold but 0 gives wrong results.
    """
    while True:
        g = draw_network_near_zero(rng) if near_zero else draw_network(rng)
        lower = MLP(g.H, dtype=np.float64)
        lower.params = {
            "W1": g.W1,
            "b1": g.b1,
            "W2": rng.normal(0, np.sqrt(2 / g.H), (g.H, 6)),
            "b2": rng.normal(0, 0.3, 6),
        }
        z2 = lower.forward(g.x)
        if near_zero:
            lower.params["b2"] = move_beside_zero(rng, z2, lower.params["b2"])
            z2 = lower.forward(g.x)
        upper = MLP(6, dtype=np.float64)
        upper.params = {"W1": lower.params["W2"], "b1": lower.params["b2"],
                        "W2": rng.normal(0, 0.6, (6, 10)), "b2": rng.normal(0, 0.3, 10)}  # fmt: skip
        loss, dlogits = softmax_cross_entropy(upper.forward(lower.a1), g.y)
        upper_gradients = upper.backward(dlogits)
        lower_gradients = lower.backward(upper.dz1)
        is_clear = not near_zero or (
            has_both_signs_at_zero(lower.z1, lower.da1) and has_both_signs_at_zero(z2, upper.da1)
        )
        if 0.25 < (z2 > 0).mean() < 0.75 and is_clear:
            break
    W1, b1, W2, b2 = lower.params.values()
    _, _, W3, b3 = upper.params.values()
    g = SimpleNamespace(
        B=g.B, H=g.H, x=g.x, y=g.y, W1=W1, b1=b1, W2=W2, b2=b2, W3=W3, b3=b3, loss=loss, dlogits=dlogits,
        z1=lower.z1, a1=lower.a1, z2=z2, a2=upper.a1, da2=upper.da1, da1=lower.da1,
        dz2=upper.dz1, dz1=lower.dz1, dW1=lower_gradients["W1"],
        db1=lower_gradients["b1"], dW2=upper_gradients["W1"], dW3=upper_gradients["W2"],
    )  # fmt: skip
    if near_zero:
        g.kinks = ["z1", "a1", "z2", "a2"]
    return g


def draw_convolution(rng):
    """Draw the input, the weights and dy of a 3 x 3 convolution with stride 1. All sizes differ."""
    B, height, width = rng.permutation([4, 6, 7]).tolist()
    inputs, outputs = rng.permutation([2, 5]).tolist()
    W = Conv(rng, inputs, outputs).params["W"]
    x = rng.normal(size=(B, height, width, inputs))
    dy = rng.normal(size=(B, height, width, outputs))
    return SimpleNamespace(
        B=B, height=height, width=width, C=inputs, O=outputs, x=x, padded=pad_with_zeros(x), dy=dy, W=W
    )


def pad_with_zeros(x):
    """Return images (B, height, width, C) with a border of zeros, one pixel wide."""
    return np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))


def convolve(x, W):
    """Return y (B, height, width, O), the convolution of x (B, height, width, C) with W (3, 3, C, O).

    It is computed from the definition.
    """
    x_padded = pad_with_zeros(x)
    height, width = x.shape[1:3]
    return sum(x_padded[:, u : u + height, v : v + width] @ W[u, v] for u, v in np.ndindex(3, 3))


@contextmanager
def doubled_autograd(module, g):
    """Context manager: make PyTorch's autograd return twice the gradients, to test whether a file uses it."""

    def differentiate_twice(original, values, *arguments, **options):
        values = [2 * value for value in values] if isinstance(values, (list, tuple)) else 2 * values
        return original(values, *arguments, **options)

    with ExitStack() as stack:
        torch = sys.modules.get("torch")
        if torch:  # only if the learner's file has imported it; our code does not
            stack.enter_context(reroute(torch.autograd, "backward", differentiate_twice))
            stack.enter_context(reroute(torch.autograd, "grad", differentiate_twice))
        yield


WITHOUT = "without autograd"
AUTOGRAD = Tool(WITHOUT, TOOLS[WITHOUT], doubled_autograd, lambda g: {"dz1": 2 * g.dz1, "dW1": 2 * g.dW1})
