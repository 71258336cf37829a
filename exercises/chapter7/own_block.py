"""Your own block, with its backward pass, from a blank file.

A GPT is the same block, many times over. Write such a block, with its forward and its backward pass; you can use the
code that you have written before. The details are up to you: GELU, ReLU or a gate, with or without biases, the norms
before the layers or after the sums, the two layers one after the other or side by side.

    x, dy (B, T, C)   for B texts of T positions; dy is the derivative of the loss with respect to y
    params            the weights of your block: arrays and numbers, in any tuples, lists and dicts
    h                 the number of heads that share the C channels; keep it in params, as a whole number
    rng               the source of random numbers: rng.normal ... (np.random.default_rng)

A block adds two things to each position. The first comes from h heads of attention, which look at that position and at
all positions before it. Each head takes a mean with its own weights, which add up to 1 and depend on both positions.
The second comes from a layer with an activation, which looks at each position alone. A block works for any T, and for
any C that is a multiple of h; the position embedding is already in x. No function may change the arrays that it is
given.

The marker checks your `backward` against your own `forward`: it takes central differences of (y * dy).sum(), in x and
in all arrays of params. It also checks that y is the output of a block: it changes x at one position, makes all
positions equal, and tries different sizes, with texts of 1 to 33 positions. `backward` itself may not use differences.
"""

import numpy as np


def first_weights(C, h, rng):
    """Return params, the weights of a block with C channels and h heads."""
    ...


def forward(params, x):
    """Return y (B, T, C)."""
    ...


def backward(params, x, dy):
    """Return dx (B, T, C), and the gradient of each array, in the same form as params, or in the same order.

    (None for a constant.)
    """
    ...


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import block

EXPERIMENTS = block.JUDGE.make_exercise_kind()
RUNS = "how close its gradients are"


def answer():
    def first_weights(C, h, rng):
        shapes = {"qkv": (C, 3 * C), "out": (C, C), "W1": (C, 4 * C), "W2": (4 * C, C)}
        params = {name: rng.normal(0, 1 / np.sqrt(shape[0]), shape) for name, shape in shapes.items()}
        return params | {"gamma1": np.ones(C), "gamma2": np.ones(C), "heads": h}

    def split(x, h):
        return x.reshape(*x.shape[:2], h, -1).swapaxes(1, 2)

    def merge(x):
        return x.swapaxes(1, 2).reshape(len(x), x.shape[2], -1)

    def norm(x):
        inverse = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
        return (x - x.mean(axis=-1, keepdims=True)) * inverse, inverse

    def norm_backward(dy, xhat, gamma, inverse):
        dxhat = dy * gamma
        along = (dxhat * xhat).mean(axis=-1, keepdims=True)
        return inverse * (dxhat - dxhat.mean(axis=-1, keepdims=True) - xhat * along)

    def product(a, b):
        return a.reshape(-1, a.shape[-1]).T @ b.reshape(-1, b.shape[-1])

    def passed(params, x):
        qkv, out, W1, W2, gamma1, gamma2, h = params.values()
        n1, inverse1 = norm(x)
        q, k, v = (split(part, h) for part in np.split(n1 * gamma1 @ qkv, 3, axis=-1))
        scores = q @ k.swapaxes(2, 3) / np.sqrt(q.shape[-1])
        scores = np.where(np.tri(x.shape[1], dtype=bool), scores, -np.inf)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        mixed = merge(weights @ v)
        u = x + mixed @ out
        n2, inverse2 = norm(u)
        a1 = np.maximum(n2 * gamma2 @ W1, 0)
        return n1, inverse1, q, k, v, weights, mixed, n2, inverse2, a1, u + a1 @ W2

    def forward(params, x):
        return passed(params, x)[-1]

    def backward(params, x, dy):
        n1, inverse1, q, k, v, weights, mixed, n2, inverse2, a1, _ = passed(params, x)
        qkv, out, W1, W2, gamma1, gamma2, h = params.values()
        dz1 = dy @ W2.T * (a1 > 0)
        dn2 = dz1 @ W1.T
        du = dy + norm_backward(dn2, n2, gamma2, inverse2)
        dmixed = split(du @ out.T, h)
        dweights = dmixed @ v.swapaxes(2, 3)
        dscores = weights * (dweights - (weights * dweights).sum(axis=-1, keepdims=True)) / np.sqrt(q.shape[-1])
        dq, dk, dv = dscores @ k, dscores.swapaxes(2, 3) @ q, weights.swapaxes(2, 3) @ dmixed
        dqkv = np.concatenate([merge(dq), merge(dk), merge(dv)], axis=-1)
        dn1 = dqkv @ qkv.T
        dx = du + norm_backward(dn1, n1, gamma1, inverse1)
        return dx, {
            "qkv": product(n1 * gamma1, dqkv), "out": product(mixed, du), "W1": product(n2 * gamma2, dz1),
            "W2": product(a1, dy), "gamma1": (dn1 * n1).sum(axis=(0, 1)), "gamma2": (dn2 * n2).sum(axis=(0, 1)),
            "heads": None,
        }  # fmt: skip

    return first_weights, forward, backward


HINTS = """
1. Write forward first, as `u = x + attention(norm(x))` and `y = u + mlp(norm(u))`, and give every intermediate result
   its own name. Then go back line by line, from the last to the first. Which exercise covered each line? `split_heads`,
   `merge_heads`, `attention`, `causal_mask`, `layer_norm_dx`, `dz1` or `gelu`, `da1`, `dW1_db1`.
2. A sum passes dy unchanged to both of its terms. So du is dy plus the gradient through the MLP and its norm, and dx is
   du plus the gradient through attention and its norm. q, k and v are parts of the result of one product. To get the
   derivative with respect to that result, merge dq, dk and dv, and put them side by side.
3. For a product a @ W, dW is a.reshape(-1, C).T @ dy.reshape(-1, O): the rows are all positions of all texts. For the
   gamma of a norm, take (dn * xhat).sum(axis=(0, 1)). If something is wrong, the marker says which gradients are right:
   in the backward pass, the mistake is between the last right gradient and the first wrong one.
"""

WHY = """
vit_np.py and gpt_np.py do the same with classes: each layer stores what its own backward pass needs. nanoGPT has only
the forward pass, and leaves the rest to PyTorch's autograd.
"""
DOCS = 'docs/nanogpt.md, "From a blank file"'
