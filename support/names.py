"""PyTorch's parameters under the names and in the shapes of the NumPy twins, and the reverse.

nn.Linear keeps its matrix as (outputs, inputs), nn.Conv2d its kernels as (O, C, height, width). The NumPy twins put
inputs first, and the channels last. What is returned are views: no numbers are copied, unless they lie on a GPU.
"""

import re

import torch
from torch import nn


def get_arrays(model, optimizer):
    """(weights, velocities, remembered statistics) of a model, as dicts of NumPy arrays.

    (Without momentum PyTorch keeps no velocities: they stay 0 where NumPy's are the last gradients.)
    """
    return tuple({n: t.detach().cpu().numpy() for n, t in group.items()} for group in tensors(model, optimizer))


def set_arrays(model, optimizer, *groups):
    """The reverse: copy weights, velocities and statistics from NumPy."""
    for mine, theirs in zip(tensors(model, optimizer), groups, strict=True):
        for name, tensor in mine.items():
            tensor.copy_(torch.from_numpy(theirs[name]))


def tensors(model, optimizer):
    """The three groups as dicts of tensors."""
    weights = {name: turn(p.data) for name, p, turn in parameters(model)}
    velocities = {name: turn(optimizer.state[p]["momentum_buffer"]) for name, p, turn in parameters(model)}
    norms = [(path, layer) for path, layer in model.named_modules() if isinstance(layer, nn.BatchNorm2d)]
    means = {f"{path}.mean": layer.running_mean for path, layer in norms}
    return weights, velocities, means | {f"{path}.var": layer.running_var for path, layer in norms}


def parameters(model):
    """For every parameter: its name in NumPy, itself, and what turns a tensor of its shape into NumPy's."""
    for path, layer in model.named_modules():
        if isinstance(layer, nn.Linear):
            yield numpy_name(f"{path}.W"), layer.weight, lambda t: t.T
            yield numpy_name(f"{path}.b"), layer.bias, lambda t: t
        elif isinstance(layer, nn.Conv2d):
            yield f"{path}.W", layer.weight, lambda t: t.permute(2, 3, 1, 0)
        elif isinstance(layer, nn.BatchNorm2d):
            yield f"{path}.gamma", layer.weight, lambda t: t
            yield f"{path}.beta", layer.bias, lambda t: t


def numpy_name(name):
    """The MLP's "layer1.W" is W1 in mlp_np.py."""
    return re.sub(r"^layer(\d+)\.(\w)$", r"\2\1", name)
