"""PyTorch's parameters under the names and in the shapes of the NumPy twins, and the reverse.

nn.Linear keeps its matrix as (outputs, inputs), nn.Conv2d its kernels as (O, C, height, width). The NumPy twins put
inputs first, and the channels last. What is returned are views: no numbers are copied, unless they lie on a GPU.
"""

import re

import torch
from torch import nn

# What PyTorch's layers call their parameters. Layers of our own call them as NumPy does.
NAMES = {
    nn.Linear: {"weight": "W", "bias": "b"},
    nn.Conv2d: {"weight": "W"},
    nn.BatchNorm2d: {"weight": "gamma", "bias": "beta"},
    nn.LayerNorm: {"weight": "gamma", "bias": "beta"},
    nn.Embedding: {"weight": "E"},
}
STATISTICS = {"running_mean": "mean", "running_var": "var"}  # of nn.BatchNorm2d
AXES = {nn.Linear: (1, 0), nn.Conv2d: (2, 3, 1, 0)}  # of a weight, in NumPy's order

# What PyTorch's optimizers remember for each parameter, under the names of main_np.Optimizer.state.
STATE = {
    torch.optim.SGD: {"momentum": "momentum_buffer"},
    torch.optim.AdamW: {"momentum": "exp_avg", "squares": "exp_avg_sq"},
}


def to_numpy(model, optimizer):
    """The groups of main_np.get_arrays, as dicts of NumPy arrays: weights, the optimizer's state, statistics.

    (Without momentum, SGD keeps no velocities: they stay 0 where NumPy's are the last gradients.)
    """
    return {
        group: {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
        for group, tensors in all_tensors(model, optimizer).items()
    }


def from_numpy(model, optimizer, groups, steps=0):
    """The reverse: copy the groups from NumPy. steps: how many the optimizer has taken."""
    for p in model.parameters():
        state = {theirs: torch.zeros_like(p) for theirs in STATE[type(optimizer)].values()}
        if isinstance(optimizer, torch.optim.AdamW):
            state["step"] = torch.tensor(float(steps))
        optimizer.state[p] = state
    for group, tensors in all_tensors(model, optimizer).items():
        for name, tensor in tensors.items():
            tensor.copy_(torch.from_numpy(groups[group][name]))


def all_tensors(model, optimizer):
    """The groups as dicts of tensors."""
    found = {"params": {name: turn(p.data) for name, p, turn in parameters(model)}}
    for ours, theirs in STATE[type(optimizer)].items():
        found[ours] = {name: turn(optimizer.state[p][theirs]) for name, p, turn in parameters(model)}
    found["statistics"] = {
        f"{path}.{STATISTICS.get(name, name)}".strip("."): buffer
        for path, layer in model.named_modules()
        for name, buffer in layer.named_buffers(recurse=False)
        if name != "num_batches_tracked"  # which PyTorch counts, and never uses
    }
    return found


def parameters(model):
    """For every parameter: its name in NumPy, itself, and what turns a tensor of its shape into NumPy's."""
    for path, layer in model.named_modules():
        for name, p in layer.named_parameters(recurse=False):
            name = f"{path}.{NAMES.get(type(layer), {}).get(name, name)}"
            # Layers that are only numbered leave their number to the letter: "layer1.W" is W1.
            name = re.sub(r"^layer(\d+)\.(\w)$", r"\2\1", name)
            axes = AXES.get(type(layer), range(p.ndim)) if p.ndim > 1 else [0]
            yield name, p, lambda tensor, axes=axes: tensor.permute(*axes)
