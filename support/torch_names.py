"""Converts between the parameters of a network in PyTorch and those of the same network in NumPy: names and shapes.

nn.Linear stores its matrix as (outputs, inputs), and nn.Conv2d its kernels as (O, C, height, width). The networks in
NumPy have inputs first and channels last. The results are views: numbers are copied only if they are on a GPU.
"""

import re

import torch
from torch import nn

from support.checkpoint import describe_mismatch
from support.errors import UserError

# {layer: {PyTorch's name of a parameter: ours}}. Layers defined in this project use our names.
NAMES = {
    nn.Linear: {"weight": "W", "bias": "b"},
    nn.Conv2d: {"weight": "W"},
    nn.BatchNorm2d: {"weight": "gamma", "bias": "beta"},
    nn.LayerNorm: {"weight": "gamma", "bias": "beta"},
    nn.Embedding: {"weight": "E"},
}
STATISTIC_NAMES = {"running_mean": "mean", "running_var": "var"}  # of nn.BatchNorm2d
AXES = {nn.Linear: (1, 0), nn.Conv2d: (2, 3, 1, 0)}  # the axes of a weight in PyTorch, in our order


def to_numpy_by_group(model, optimizer):
    """Return the weights, the optimizer's state and the statistics as NumPy arrays, {group: {name: array}}.

    The groups are those of `main_np.get_all_arrays_by_group`. If the momentum is 0, PyTorch's SGD does not update the
    velocities in its state. They stay 0, but the velocities of main_np.py are then the last gradients.
    """
    groups = {}
    for group, tensors in (get_tensors_by_group(model) | get_optimizer_state(model, optimizer)).items():
        groups[group] = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    return groups


@torch.no_grad()
def copy_from_numpy(model, optimizer, groups, steps, source_name):
    """Copy arrays from NumPy into the model and the optimizer, in place.

    groups: {group: {name: array}}, as in `main_np.get_all_arrays_by_group`, perhaps with a group "frozen" of parameters
    that do not learn. State of the optimizer that they lack becomes 0. steps: the number of steps taken so far. Raises
    UserError if the arrays do not fit; source_name: what the message calls their origin.
    """
    content = optimizer.state_dict()
    for i, p in enumerate(list_parameters(optimizer)):
        content["state"][i] = {
            state_name: torch.zeros_like(p) for state_name in optimizer.options.optimizer.state_names.values()
        }
        content["state"][i]["step"] = torch.tensor(float(steps))  # used by AdamW, ignored by SGD
    optimizer.load_state_dict(content)
    own_groups = (
        get_tensors_by_group(model) | get_optimizer_state(model, optimizer) | {"frozen": get_frozen_tensors(model)}
    )
    check_twin(model, groups, source_name, own_groups)
    for group in [group for group in own_groups if group in groups]:
        for name, tensor in own_groups[group].items():
            tensor.copy_(torch.from_numpy(groups[group][name]))


def check_twin(model, groups, source_name, own_groups=None):
    """Raise UserError unless arrays from NumPy, {group: {name: array}}, have the names and shapes of a PyTorch network.

    Only groups that both have are compared. own_groups: the tensors of the network, and perhaps of its optimizer; None:
    the network's parameters and statistics. source_name: what the message calls the origin of the arrays.
    """
    own_groups = own_groups or get_tensors_by_group(model) | {"frozen": get_frozen_tensors(model)}
    common_groups = [group for group in own_groups if group in groups]
    mismatch = describe_mismatch(
        {group: groups[group] for group in common_groups}, {group: own_groups[group] for group in common_groups}
    )
    if mismatch:
        raise UserError(
            f"{type(model).__module__}.{type(model).__name__} is not the same network as {source_name}: {mismatch}"
        )


def get_tensors_by_group(model):
    """Return {"params": {name: tensor}, "statistics": {name: tensor}}, with the names and axes as in NumPy."""
    statistics = {}
    for path, layer in model.named_modules():
        for name, buffer in layer.named_buffers(recurse=False):
            if name != "num_batches_tracked":  # a counter that PyTorch does not use here
                statistics[f"{path}.{STATISTIC_NAMES.get(name, name)}".strip(".")] = buffer
    return {
        "params": {name: turn(p.detach()) for name, p, turn in iter_parameters(model)},
        "statistics": statistics,
    }


def get_frozen_tensors(model):
    """Return {name: tensor} of the parameters that do not learn, with the names and axes as in NumPy."""
    return {name: turn(p.detach()) for name, p, turn in iter_parameters(model, learns=False)}


def get_optimizer_state(model, optimizer):
    """Return the optimizer's state, {"momentum": {name: tensor}, ...}, with the names and axes as in NumPy."""
    numbers = {p: i for i, p in enumerate(list_parameters(optimizer))}
    state = optimizer.state_dict()["state"]
    groups = {}
    for group, state_name in optimizer.options.optimizer.state_names.items():
        groups[group] = {name: turn(state[numbers[p]][state_name]) for name, p, turn in iter_parameters(model)}
    return groups


def list_parameters(optimizer):
    """Return the list of an optimizer's parameters, in the order in which its `state_dict` numbers them."""
    return [p for group in optimizer.param_groups for p in group["params"]]


def iter_parameters(model, learns=True):
    """Yield (name in NumPy, parameter, function) for each parameter that learns or, if not `learns`, that does not.

    The function takes a tensor of the parameter's shape and returns a view with the axes as in NumPy.
    """
    for path, layer in model.named_modules():
        for name, p in layer.named_parameters(recurse=False):
            if p.requires_grad != learns:
                continue
            name = f"{path}.{NAMES.get(type(layer), {}).get(name, name)}"
            # If a layer's name is only a number, the number goes to the parameter's name: "layer1.W" becomes "W1".
            name = re.sub(r"^layer(\d+)\.(\w)$", r"\2\1", name)
            axes = AXES.get(type(layer), range(p.ndim)) if p.ndim > 1 else [0]
            yield name, p, lambda tensor, axes=axes: tensor.permute(*axes)
