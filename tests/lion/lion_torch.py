"""Lion in PyTorch: the optimizer that only the tests know."""

import torch


class Lion(torch.optim.Optimizer):
    """lion_np.update, for all parameters that have a gradient."""

    def __init__(self, params, lr, momentum):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": 0})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                m, momentum = self.state[p]["average"], group["momentum"]
                p *= 1 - group["lr"] * group["weight_decay"]
                p -= group["lr"] * (momentum * m + (1 - momentum) * p.grad).sign()
                m *= 0.99
                m += 0.01 * p.grad
