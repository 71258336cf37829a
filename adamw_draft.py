"""DRAFT FOR main_np.py, not part of the house: AdamW beside momentum, and in_parts as main_np.py has it."""

import numpy as np


def update_adamw(params, m, s, grads, lr, step, weight_decay=0.0, beta1=0.9, beta2=0.999, eps=1e-8):
    """Move all parameters against their gradients, each with a step length of its own, in place: AdamW.

    Where a gradient keeps its sign from batch to batch, the step is about lr, however small the gradient is; where it
    changes sign, the step is shorter. m is a running mean of the gradient, s of its square (v in the paper; here v is a
    velocity). Both start at 0: after n steps their weights add up to 1 - beta^n, by which they are divided. Weight
    decay shrinks the weights beside all that, untouched by the division. Kingma & Ba 2015 (Adam); Loshchilov & Hutter
    2019 (AdamW); in PyTorch's form.

    step: 1 for the first. m and s: dicts of arrays, with the keys and shapes of params, 0 before the first step.
    """
    m_share, s_share = 1 - beta1**step, 1 - beta2**step
    for p, m_p, s_p, dp in in_parts(params, m, s, grads):
        if weight_decay and p.ndim > 1:  # weights shrink, but not biases, gammas or betas
            p *= 1 - lr * weight_decay
        m_p *= beta1  # m = beta1 m + (1 - beta1) dp
        m_p += (1 - beta1) * dp
        s_p *= beta2  # s = beta2 s + (1 - beta2) dp^2
        s_p += (1 - beta2) * dp * dp
        p -= lr / m_share * m_p / (np.sqrt(s_p / s_share) + eps)  # p = p - lr mean / (sqrt(mean square) + eps)


def in_parts(*groups, size=50_000):
    """main_np.in_parts of the new house, copied so that this draft can be run."""
    for name, first in groups[0].items():
        rows = max(1, size // first[0].size)
        for i in range(0, len(first), rows):
            yield [group[name][i : i + rows] for group in groups]
