"""PyTorch's parameters under the names and in the shapes of the NumPy twins, and the reverse.

nn.Linear keeps its matrix as (outputs, inputs), nn.Conv2d its kernels as (O, C, height, width). The NumPy twins put
inputs first, and the channels last. What is returned are views: no numbers are copied, unless they lie on a GPU.
"""

import re

import torch
from torch import nn

from support.checkpoint import describe_mismatch
from support.errors import UserError

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


def to_numpy(model, optimizer):
    """The groups of main_np.get_arrays, as dicts of NumPy arrays: weights, the optimizer's state, statistics.

    (Before its first step an optimizer of PyTorch's remembers nothing. Without momentum, SGD keeps no velocities: they
    stay 0 where NumPy's are the last gradients.)
    """
    groups = {}
    for group, tensors in (get_tensors(model) | get_optimizer_state(model, optimizer)).items():
        groups[group] = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    return groups


@torch.no_grad()
def copy_from_numpy(model, optimizer, groups, steps, source_name):
    """Copy the groups from NumPy, as after so many steps, into the model and the optimizer. What they lack is 0.
    A group "frozen" has what stays as it is.

    UserError if they do not fit; source_name: where they are from.
    """
    content = optimizer.state_dict()
    for i, p in enumerate(list_parameters(optimizer)):
        content["state"][i] = {
            state_name: torch.zeros_like(p) for state_name in optimizer.options.rule.state_names.values()
        }
        content["state"][i]["step"] = torch.tensor(float(steps))  # which AdamW counts, and SGD does not look at
    optimizer.load_state_dict(content)
    own_groups = get_tensors(model) | get_optimizer_state(model, optimizer) | {"frozen": get_frozen(model)}
    check_twin(model, groups, source_name, own_groups)
    for group in [group for group in own_groups if group in groups]:
        for name, tensor in own_groups[group].items():
            tensor.copy_(torch.from_numpy(groups[group][name]))


def check_twin(model, groups, source_name, own_groups=None):
    """Raise UserError unless arrays from NumPy, {group: {name: array}}, fit the network in PyTorch: names and shapes.

    own_groups: the network's own groups, if not its weights and statistics alone. Only those that both have are
    compared.
    """
    own_groups = own_groups or get_tensors(model) | {"frozen": get_frozen(model)}
    common_groups = [group for group in own_groups if group in groups]
    mismatch = describe_mismatch(
        {group: groups[group] for group in common_groups}, {group: own_groups[group] for group in common_groups}
    )
    if mismatch:
        raise UserError(
            f"{type(model).__module__}.{type(model).__name__} is not the same network as {source_name}: {mismatch}"
        )


def get_tensors(model):
    """Return {"params": {name: tensor}, "statistics": {name: tensor}}, with NumPy's names and order of the axes."""
    statistics = {}
    for path, layer in model.named_modules():
        for name, buffer in layer.named_buffers(recurse=False):
            if name != "num_batches_tracked":  # which PyTorch counts, and never uses
                statistics[f"{path}.{STATISTICS.get(name, name)}".strip(".")] = buffer
    return {"params": {name: turn(p.detach()) for name, p, turn in iter_parameters(model)}, "statistics": statistics}


def get_frozen(model):
    """Return {name: tensor} of what stays as it is, also in NumPy's order."""
    return {name: turn(p.detach()) for name, p, turn in iter_parameters(model, learns=False)}


def get_optimizer_state(model, optimizer):
    """Return {"momentum": {name: tensor}, ...}: what the optimizer remembers of each parameter."""
    numbers = {p: i for i, p in enumerate(list_parameters(optimizer))}
    state = optimizer.state_dict()["state"]
    groups = {}
    for group, state_name in optimizer.options.rule.state_names.items():
        groups[group] = {name: turn(state[numbers[p]][state_name]) for name, p, turn in iter_parameters(model)}
    return groups


def list_parameters(optimizer):
    """List an optimizer's parameters as `state_dict` numbers them."""
    return [p for group in optimizer.param_groups for p in group["params"]]


def iter_parameters(model, learns=True):
    """Yield, for every parameter that learns, or for all others: its name in NumPy, itself, what turns a tensor of its
    shape into NumPy's."""
    for path, layer in model.named_modules():
        for name, p in layer.named_parameters(recurse=False):
            if p.requires_grad != learns:
                continue
            name = f"{path}.{NAMES.get(type(layer), {}).get(name, name)}"
            # Layers that are only numbered leave their number to the letter: "layer1.W" is W1.
            name = re.sub(r"^layer(\d+)\.(\w)$", r"\2\1", name)
            axes = AXES.get(type(layer), range(p.ndim)) if p.ndim > 1 else [0]
            yield name, p, lambda tensor, axes=axes: tensor.permute(*axes)
