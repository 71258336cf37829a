"""One training in three forms: by hand, on the tape and in PyTorch. A step returns every array that it computes.

`python main_np.py --prove` (lab/prove.py) and `python -m lab.twins` run the forms side by side. The training itself is
`train_step` of main_np.py or main_torch.py. All arrays are copied, because a network may overwrite an array that it no
longer needs.
"""

import inspect
from functools import partial
from pathlib import Path

import numpy as np

import main_np
from support.checkpoint import describe_misfit
from support.errors import UserError
from support.threads import get_inner_model


class RecordedNetwork:
    """A wrapper of a network that keeps copies of the arrays that `main_np.train_step` exchanges with it."""

    def __init__(self, network):
        self.network = network

    def __getattr__(self, name):
        return getattr(self.network, name)

    def forward(self, x):
        """Return the logits, and record them. Raises UserError if the network does not return an array."""
        self.x = x.copy()
        self.params_before = copy_arrays(self.network.params)
        self.changes_params = ""
        logits = self.network.forward(x)
        if not isinstance(logits, np.ndarray):
            place = locate_method(get_inner_model(self.network), "forward")
            raise UserError(f"{place}: it does not return an array of logits, but {type(logits).__name__}")
        self.logits = logits.copy()
        self.record_first_changed_param("forward")
        return logits

    def backward(self, dlogits):
        """Return the gradients, and record them. Raises UserError if they do not match the parameters."""
        self.dlogits = dlogits.copy()
        grads = self.network.backward(dlogits)
        message = describe_misfit(self.network.params, grads)
        if message:
            raise UserError(f"{locate_method(get_inner_model(self.network), 'backward')}: {message}")
        self.grads = copy_arrays(grads)
        self.record_first_changed_param("backward")
        return grads

    def record_first_changed_param(self, method_name):
        """Record in `changes_params` the first parameter that `method_name` has changed.

        Only the optimizer may change one.
        """
        name = find_changed_name(self.params_before, self.network.params)
        if name and not self.changes_params:
            self.changes_params = f"{method_name} changes {name}"


class RecordedOptimizer:
    """A wrapper of an optimizer that keeps copies of the arguments of `step`, and of the updated parameters."""

    def __init__(self, optimizer):
        self.optimizer = optimizer

    def __getattr__(self, name):
        return getattr(self.optimizer, name)

    def step(self, params, grads, lr):
        main_np.check_gradients(params, grads)
        self.params_before = copy_arrays(params)
        self.grads = copy_arrays(grads)
        self.lr = lr
        self.optimizer.step(params, grads, lr)
        self.params_after = copy_arrays(params)


class InNumPy:
    """A training in NumPy: by hand or, if the options say so, on the tape."""

    name_of_step = "main_np.train_step"

    def __init__(self, options, checkpoint=None):
        self.network, self.optimizer = main_np.build(options, checkpoint)
        self.is_by_hand = not options.call.autograd

    def record_step(self, x, y, lr):
        """Take a step, and return every array that it computed.

        Return {group: {name: array}}, in the order of computation, then the arrays of `get_state_arrays`.
        """
        network = RecordedNetwork(self.network)
        optimizer = RecordedOptimizer(self.optimizer)
        loss, _ = main_np.train_step(network, optimizer, x.copy(), y.copy(), lr)
        if self.is_by_hand:
            check_gradient_dtypes(get_inner_model(self.network), network.grads)
        # The parameters before and after the optimizer's step, and its learning rate. Then two texts: on parameters
        # that the network changed itself, and on anything else that `train_step` should not do.
        self.params_before = optimizer.params_before
        self.params_after = optimizer.params_after
        self.lr = optimizer.lr
        self.changes_params = network.changes_params
        self.tampering = describe_tampering(network, optimizer, x, y, lr)
        expected, _ = main_np.compute_loss(network.logits.copy(), y)
        if not self.tampering and abs(loss - expected) > 1e-9 * max(1.0, abs(expected)):
            self.tampering = "does not return the loss that compute_loss finds"
        return group_arrays(network.logits, loss, network.dlogits, optimizer.grads) | self.get_state_arrays()

    def get_state_arrays(self):
        """Return {group: {name: array}} of the state that a run keeps from step to step."""
        return main_np.get_all_arrays_by_group(self.network, self.optimizer)


def describe_tampering(recorded_network, recorded_optimizer, x, y, lr):
    """Return a text on the first array that `main_np.train_step` changed between two calls; "" if there is none."""
    dlogits, dlogits_again = (main_np.compute_loss(recorded_network.logits.copy(), y.copy())[1] for _ in range(2))
    is_same_each_time = np.array_equal(dlogits, dlogits_again, equal_nan=True)
    if not np.array_equal(recorded_network.x, x, equal_nan=x.dtype.kind == "f"):
        return "does not pass the x of the batch to forward"
    if is_same_each_time and not np.array_equal(recorded_network.dlogits, dlogits, equal_nan=True):
        return "changes the gradients: backward does not get the dlogits that compute_loss finds"
    name = find_changed_name(recorded_network.grads, recorded_optimizer.grads)
    if name:
        return f"changes the gradients: the optimizer does not get the gradient of {name} that backward finds"
    if recorded_optimizer.lr != lr:
        return "does not pass its own learning rate to the optimizer"
    before = {} if recorded_network.changes_params else recorded_network.params_before
    name = find_changed_name(before, recorded_optimizer.params_before)
    if name:
        return f"changes {name} before the optimizer does"
    name = find_changed_name(recorded_optimizer.params_after, recorded_network.params)
    if name:
        return f"changes {name} after the optimizer"
    return ""


class InPyTorch:
    """The same training in PyTorch, on the CPU."""

    name_of_step = "main_torch.train_step"

    def __init__(self, options, checkpoint=None):
        import main_torch
        from support.torch_names import iter_parameters

        self.train_step = main_torch.train_step
        self.model, self.optimizer = main_torch.build(options, checkpoint)
        self.hook = self.model.register_forward_hook(self.keep_logits)
        self.parameters = [
            *iter_parameters(self.model)
        ]  # (NumPy's name, parameter, function that converts it to NumPy's layout)
        self.by_autograd = {}
        self.tampering = ""
        for name, p, _ in self.parameters:
            p.register_hook(partial(keep_gradient, self.by_autograd, name))

    def keep_logits(self, model, inputs, logits):
        if logits.requires_grad:
            logits.retain_grad()
        self.logits = logits

    def record_step(self, x, y, lr):
        """Take a step, and return every array that it computed: see `InNumPy.record_step`."""
        import torch

        x = torch.from_numpy(x.copy())
        y = torch.from_numpy(y.copy())
        loss, _ = self.train_step(self.model, self.optimizer, x, y, lr)
        self.tampering = ""
        for name, p, _ in self.parameters:
            if name in self.by_autograd and not torch.equal(self.by_autograd[name], p.grad):
                self.tampering = f"changes the gradient of {name}"
        arrays = group_arrays(self.logits.detach().numpy(), loss, self.logits.grad.numpy(), self.get_gradients())
        saved_arrays = self.get_state_arrays()
        # Without momentum, PyTorch has no velocities, so these arrays are 0.
        for group, arrays_by_name in saved_arrays.items():
            if any(array.any() for array in arrays_by_name.values()):
                arrays[group] = arrays_by_name
        return arrays

    def get_gradients(self):
        """Return {name: gradient} of the latest backward pass, in NumPy's layout."""
        import torch

        grads = {name: turn(torch.zeros_like(p) if p.grad is None else p.grad) for name, p, turn in self.parameters}
        return {name: gradient.numpy() for name, gradient in grads.items()}

    def compute_gradients_at(self, saved_arrays, x, y):
        """Return {name: gradient}, including dlogits, of a batch at saved weights and statistics.

        saved_arrays: {group: {name: array}}. The model's own arrays are overwritten.
        """
        import torch
        import torch.nn.functional as F

        from support.torch_names import get_tensors_by_group

        for group, tensors in get_tensors_by_group(self.model).items():
            for name, tensor in tensors.items():
                tensor.copy_(torch.from_numpy(saved_arrays[group][name]))
        self.optimizer.zero_grad()
        logits = self.model(torch.from_numpy(x.copy()))
        F.cross_entropy(logits.flatten(0, -2), torch.from_numpy(y.copy()).flatten(), ignore_index=-1).backward()
        return {"dlogits": logits.grad.numpy()} | self.get_gradients()

    def get_state_arrays(self):
        """Return {group: {name: array}} of the state that a run keeps from step to step, in NumPy's layout."""
        from support.torch_names import to_numpy_by_group

        return to_numpy_by_group(self.model, self.optimizer)


def keep_gradient(gradients, name, gradient):
    """Store a copy of a gradient in `gradients`, under `name`.

    It is not a method because a tensor's hook that refers to the tensor keeps it from being freed.
    """
    gradients[name] = gradient.clone()


def group_arrays(logits, loss, dlogits, grads):
    """Return {group: {name: array}} of the logits, loss, dlogits and gradients, in the order of computation."""
    before_backward = {"logits": logits, "loss": np.asarray(float(loss)), "dlogits": dlogits}
    gradients = dict(reversed([*grads.items()]))  # in the order of computation, from the loss back
    return {name: {"": array} for name, array in before_backward.items()} | {"gradient": gradients}


def copy_arrays(arrays):
    return {name: array.copy() for name, array in arrays.items()}


def find_changed_name(arrays, other_arrays):
    """Return the name of the first array that is not equal, bit for bit, in both dicts; "" if there is none."""
    for name, array in arrays.items():
        if not np.array_equal(array, other_arrays[name], equal_nan=True):
            return name
    return ""


# --- What a network must have -----------------------------------------------------------------------------------------


def check_network(model, dtype):
    """Raise UserError, with file and line, unless a network by hand has the methods and `params` for training.

    dtype: the type that all parameters must have.
    """
    for method in ("forward", "backward"):
        if not callable(getattr(model, method, None)):
            raise UserError(f"{locate_class(model)}: class {type(model).__name__} has no method `{method}`")
    params = getattr(model, "params", None)
    if not isinstance(params, dict):
        raise UserError(f"{locate_class(model)}: `params` is not a dict of arrays")
    for name, array in params.items():
        if model.params[name] is not array:
            message = f"`params` has a new array for {name} every time, so no step can move it"
            raise UserError(f"{locate_class(model)}: {message}")
        if array.dtype != dtype:
            message = f"{name} is {array.dtype}, although it should be {np.dtype(dtype)}: digits are lost"
            raise UserError(f"{locate_class(model)}: {message}")


def check_gradient_dtypes(model, grads):
    """Raise UserError, with file and line, if a gradient by hand has another dtype than its parameter."""
    for name, gradient in grads.items():
        dtype = model.params[name].dtype
        if gradient.dtype != dtype:
            message = f"the gradient of {name} is {gradient.dtype}, and {name} is {dtype}: digits are lost"
            raise UserError(f"{locate_method(model, 'backward')}: {message}")


def locate_class(model):
    """Return "file.py:line" of a network's class."""
    file = f"{type(model).__module__}.py"
    try:
        return f"{file}:{inspect.getsourcelines(type(model))[1]}"
    except (OSError, TypeError):  # there is no source file
        return file


def locate_method(model, method):
    """Return "file.py:line, in method" of a network's method, which may be inherited."""
    code = getattr(getattr(type(model), method), "__code__", None)
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}, in {method}" if code else locate_class(model)
