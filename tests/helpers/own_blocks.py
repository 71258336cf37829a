"""Blocks from a blank file, as students write them: right ones in several styles, wrong ones and their marks."""

from practice_answers import RIGHT, filled

BASE = filled("own_block", RIGHT["own_block"])

STYLES = {"one product for q, k and v, ReLU, a dict": BASE}

# Biases everywhere, GELU by tanh, a head at a time, and lists of lists.
STYLES["a head at a time, GELU, biases, lists"] = """
import numpy as np

def first_weights(C, h, rng):
    def linear(i, o):
        return [rng.normal(0, i**-0.5, (i, o)), np.zeros(o)]
    heads = [[linear(C, C // h) for _ in range(3)] for _ in range(h)]
    norms = [[np.ones(C), np.zeros(C)] for _ in range(2)]
    return [heads, linear(C, C), linear(C, 2 * C), linear(2 * C, C), *norms]

def norm(x, p):
    s = np.sqrt(x.var(-1, keepdims=True) + 1e-6)
    xhat = (x - x.mean(-1, keepdims=True)) / s
    return p[0] * xhat + p[1], (xhat, s)

def norm_back(dy, kept, p):
    xhat, s = kept
    d = dy * p[0]
    dx = (d - d.mean(-1, keepdims=True) - xhat * (d * xhat).mean(-1, keepdims=True)) / s
    return dx, [(dy * xhat).sum((0, 1)), dy.sum((0, 1))]

def back(x, dy, p):
    return dy @ p[0].T, [np.einsum("bti,bto->io", x, dy), dy.sum((0, 1))]

def bend(z):
    t = np.tanh(z + 0.1 * z**3)
    return z * (1 + t) / 2, (1 + t) / 2 + z * (1 - t**2) * (1 + 0.3 * z**2) / 2

def run(params, x):
    heads, out, first, second, n1, n2 = params
    a, kept1 = norm(x, n1)
    found, of_heads = [], []
    for q, k, v in heads:
        q, k, v = (a @ p[0] + p[1] for p in (q, k, v))
        s = np.einsum("bid,bjd->bij", q, k) / q.shape[2] ** 0.5
        e = np.exp(s - s.max(2, keepdims=True)) * np.tri(x.shape[1])
        w = e / e.sum(2, keepdims=True)
        found.append(w @ v)
        of_heads.append((q, k, v, w))
    m = np.concatenate(found, 2)
    u = x + m @ out[0] + out[1]
    b, kept2 = norm(u, n2)
    act, slope = bend(b @ first[0] + first[1])
    return a, kept1, of_heads, m, b, kept2, act, slope, u + act @ second[0] + second[1]

def forward(params, x):
    return run(params, x)[-1]

def backward(params, x, dy):
    heads, out, first, second, n1, n2 = params
    a, kept1, of_heads, m, b, kept2, act, slope, _ = run(params, x)
    dact, dsecond = back(act, dy, second)
    db, dfirst = back(b, dact * slope, first)
    du, dn2 = norm_back(db, kept2, n2)
    du = du + dy
    dm, dout = back(m, du, out)
    da, dheads, d = 0, [], dm.shape[2] // len(heads)
    for i, (p, (q, k, v, w)) in enumerate(zip(heads, of_heads)):
        df = dm[:, :, i * d : (i + 1) * d]
        dw = df @ v.swapaxes(1, 2)
        ds = w * (dw - (w * dw).sum(2, keepdims=True)) / d**0.5
        ways = [back(a, g, one) for g, one in zip((ds @ k, ds.swapaxes(1, 2) @ q, w.swapaxes(1, 2) @ df), p)]
        da = da + sum(way[0] for way in ways)
        dheads.append([way[1] for way in ways])
    dx, dn1 = norm_back(da, kept1, n1)
    return dx + du, [dheads, dout, dfirst, dsecond, dn1, dn2]
"""

# The norms behind the sums, without gammas; second products that start at 0; a mask kept as numbers in params.
STYLES["norms behind the sums, tuples, a kept mask"] = """
import numpy as np

def first_weights(C, h, rng):
    first, mask = rng.normal(0, 0.3, (C, C)), np.where(np.tri(50), 0, -np.inf)
    return rng.normal(0, 0.3, (3, h, C, C // h)), np.zeros((h, C // h, C)), first, np.zeros((C, C)), mask

def norm(x):
    s = x.std(-1, keepdims=True)
    return (x - x.mean(-1, keepdims=True)) / s, s

def norm_back(d, n, s):
    return (d - d.mean(-1, keepdims=True) - n * (d * n).mean(-1, keepdims=True)) / s

def run(params, x):
    W, O, first, second, mask = params
    q, k, v = np.einsum("btc,nhcd->nbhtd", x, W)
    T, d = q.shape[2:]
    s = q @ k.swapaxes(2, 3) / d**0.5 + mask[:T, :T]
    w = np.exp(s - s.max(-1, keepdims=True))
    w = w / w.sum(-1, keepdims=True)
    m = w @ v
    u, su = norm(x + np.einsum("bhtd,hdc->btc", m, O))
    a = np.maximum(u @ first, 0)
    y, sy = norm(u + a @ second)
    return q, k, v, w, m, u, su, a, y, sy

def forward(params, x):
    return run(params, x)[-2]

def backward(params, x, dy):
    W, O, first, second, mask = params
    q, k, v, w, m, u, su, a, y, sy = run(params, x)
    dsum = norm_back(dy, y, sy)
    da = dsum @ second.T * (a > 0)
    du = norm_back(dsum + da @ first.T, u, su)
    dm = np.einsum("btc,hdc->bhtd", du, O)
    dw = dm @ v.swapaxes(2, 3)
    ds = w * (dw - (w * dw).sum(-1, keepdims=True)) / q.shape[-1] ** 0.5
    three = np.array([ds @ k, ds.swapaxes(2, 3) @ q, w.swapaxes(2, 3) @ dm])
    dx = du + np.einsum("nbhtd,nhcd->btc", three, W)
    return dx, (np.einsum("btc,nbhtd->nhcd", x, three), np.einsum("bhtd,btc->hdc", m, du),
                np.einsum("bti,bto->io", u, da), np.einsum("bti,bto->io", a, dsum), None)
"""

# What students write: the mark, words that are said, and edits of BASE.
WRONG = r"""
not written | first_weights | def first_weights(C, h, rng): -> def first_weights(C, h, rng):\n    ...\n\ndef \
forward(params, x):\n    ...\n\ndef backward(params, x, dy):\n    ...\n\ndef one(C, h, rng): & def forward(params, \
x):\n    return -> def two(params, x):\n    return & def backward(params, x, dy):\n    n1 -> def three(params, x, \
dy):\n    n1
no function | asks for three functions | def backward -> def back
returns None | `forward` returns None | return passed(params, x)[-1] -> passed(params, x)
returns None | `first_weights` returns None | def first_weights(C, h, rng): -> def first_weights(C, h, rng):\n    \
return None
no weights | of type int | def first_weights(C, h, rng): -> def first_weights(C, h, rng):\n    return 3
forward of another shape | an array of shape (3, 5, 48) | return passed(params, x)[-1] -> return passed(params, x)[-2]
forward by chance | Dropout | u + a1 @ W2 -> u + a1 @ W2 * (np.random.random(u.shape) > 0.1)
not finite | contains inf or nan | scores - scores.max(axis=-1, keepdims=True) -> 1e4 * scores
changes its input | `forward` changes x | def forward(params, x):\n -> def forward(params, x):\n    x -= 1\n
changes its input | `backward` changes params["W1"] | dn2 = dz1 @ W1.T -> dn2 = dz1 @ W1.T\n    W1 -= 0.1 * W1
sees other texts | first of 3 texts | x.var(axis=-1 -> x.var(axis=(0, -1)
sees what comes later | at position 1 of a text of 5 positions, y changes at position 0. | \
np.tri(x.shape[1], dtype=bool), -> np.tri(x.shape[1], \
k=1, dtype=bool),
sees no other place | at position 0 of a text of 5 positions, y changes at no later position | \
np.tri(x.shape[1], dtype=bool), -> np.eye(x.shape[1], dtype=bool),
heads ignored | With 3 heads and with 2 | "heads": h} -> "heads": 1} & x.reshape(*x.shape[:2], h, -1) -> \
x.reshape(*x.shape[:2], 1, -1)
wrong number of results | `backward` returns 8 | return dx, { -> return dx, *{ & "heads": None,\n    } -> "heads": \
None,\n    }.values()
dx of another shape | shape of x, (3, 5, 12); your dx is of shape (5, 12). | return dx, -> return dx.sum(axis=0),
gradients of another form | params["qkv"] | return dx, { -> return dx, "none" or {
gradients of another shape | has the shape (12, 48) | (dn2 * n2).sum(axis=(0, 1)) -> product(n2 * gamma2, dz1)
other gradients | with respect to x, params["qkv"], params["out"], params["W1"], params["gamma1"], params["gamma2"] \
| dz1 = dy @ W2.T * (a1 > 0) -> dz1 = dy @ W2.T
other gradients | dy itself is missing | dx = du + norm_backward -> dx = du - dy + norm_backward
other gradients | dx contains dy itself once too often | dx = du + norm_backward -> dx = du + dy + norm_backward
other gradients | Right: params["W1"], params["W2"], params["gamma2"] | du = dy + norm -> du = norm
other gradients | Right: params["out"], params["W1"] | np.sqrt(q.shape[-1])\n    dq -> q.shape[-1]\n    dq
other gradients | Right: params["out"], params["W1"] | dweights - (weights * dweights).sum(axis=-1, keepdims=True) \
-> dweights
other gradients | params["gamma1"]. For example | "gamma1": (dn1 * n1) -> "gamma1": (dn1 * gamma1 * n1)
other gradients | would be right if they were transposed | "out": product(mixed, du) -> "out": product(du, mixed)
other gradients | would be right as the gradients of params["gamma2"] | "gamma1": (dn1 * n1) -> "gamma1": (dn2 * \
n2) & "gamma2": (dn2 * n2) -> "gamma2": (dn1 * n1)
other gradients | With a single text they are right | "W2": product(a1, dy) -> "W2": product(a1[:1], dy[:1])
other gradients | texts of a single position | dscores.swapaxes(2, 3) @ q, weights.swapaxes(2, 3) @ dmixed -> dscores @\
 q, weights @ dmixed
other gradients | Right: params["W1"], params["W2"], params["gamma2"] | def norm_backward(dy, xhat, gamma, inverse):\
 -> def norm_backward(dy, xhat, gamma, inverse):\n    return dy * gamma * inverse
gradients times a number | a mean over the texts | return dx, { -> return dx, {k: a if a is None else a / len(x)\
 for k, a in { & "heads": None,\n    } -> "heads": None,\n    }.items()} & dx = du -> dx = (du & gamma1, inverse1)\n\
    return -> gamma1, inverse1)) / len(x)\n    return
gradients times a number | Is the sign right | dz1 = dy @ -> dy = -dy\n    dz1 = dy @
no shares | add up to 1? | weights = np.exp(scores - scores.max(axis=-1, keepdims=True)) -> weights = \
np.where(np.tri(x.shape[1]), q @ k.swapaxes(2, 3) / np.sqrt(q.shape[-1]), 0) & weights /= weights.sum(axis=-1, \
keepdims=True) -> weights *= 1 & dscores = weights * (dweights - (weights * dweights).sum(axis=-1, keepdims=True)) \
-> dscores = np.tri(x.shape[1]) * dweights
no shares | add up to 1? | weights /= weights.sum(axis=-1, keepdims=True)\n -> weights /= (S := 1 + \
weights.sum(axis=-1, keepdims=True)) * 1\n
no attention | whatever position 2 holds | weights = np.exp(scores - scores.max(axis=-1, keepdims=True)) -> weights = \
np.exp(np.where(np.isfinite(scores), 0, -np.inf)) & dscores = weights * -> dscores = 0 * weights *
no attention | whatever position 2 holds | scores = q @ k.swapaxes(2, 3) -> scores = 0 * q @ k.swapaxes(2, 3) + \
np.arange(x.shape[1]) & dscores = weights * -> dscores = 0 * weights *
sees not all | at the later position 2 | \
mixed = merge(weights @ v) -> mixed = merge(np.pad(v[:, :, :-1], ((0, 0), (0, 0), (1, 0), \
(0, 0)))) & dv = dscores @ k -> dv = 0 * dscores @ k
sees not all | at the later position 4 | np.tri(x.shape[1], dtype=bool), scores -> (np.tri(x.shape[1]) - \
np.tri(x.shape[1], k=-4) \
> 0), scores
sees not all | at the later position 2 | np.tri(x.shape[1], dtype=bool), scores -> (np.tri(x.shape[1]) - \
np.tri(x.shape[1], k=-2) \
> 0), scores
sees not all | at position 0 of a text of 33 positions, y stays the same at the later position 20 | \
np.tri(x.shape[1], dtype=bool), scores -> (np.tri(x.shape[1]) - \
np.tri(x.shape[1], k=-20) > 0), scores
sees what comes later | at position 1 of a text of 33 positions, y changes at position 0. | \
np.tri(x.shape[1], dtype=bool), scores -> np.tri(x.shape[1]) + \
(x.shape[1] > 5) > 0, scores
no shares | anything else depend on | n1, inverse1 = norm(x) -> x = x + np.arange(x.shape[1])[:, np.newaxis] * \
np.arange(x.shape[2]) / 9; n1, inverse1 = norm(x)
no shares | If all 33 positions of a text are equal | weights /= weights.sum(axis=-1, keepdims=True)\n -> weights /= \
weights.sum(axis=-1, keepdims=True)\n    weights *= 1 + 0.1 * (x.shape[1] > 20)\n
sees not itself | May it see itself | np.tri(x.shape[1], dtype=bool), scores -> np.tri(x.shape[1], k=-1) + \
(np.arange(x.shape[1]) + np.arange(x.shape[1])[:, None] == 0) > 0, scores
no activation | linear except for norms | a1 = np.maximum(n2 * gamma2 @ W1, 0) -> a1 = n2 * gamma2 @ W1 & * (a1 > 0) \
-> * 1
no activation | linear except for norms | u + a1 @ W2 -> u + 0 * a1 @ W2 & dz1 = dy @ -> dz1 = 0 * dy @
never used | params["gamma2"] | u + a1 @ W2 -> u + np.maximum(n2 @ W1, 0) @ W2 & dz1 = dy @ W2.T * (a1 > 0) -> a1 = \
np.maximum(n2 @ W1, 0); dz1 = dy @ W2.T * (a1 > 0) & du = dy + norm_backward(dn2, n2, gamma2 -> du = dy + \
norm_backward(dn2, n2, 1 & "W1": product(n2 * gamma2 -> "W1": product(n2 & "gamma2": (dn2 -> "gamma2": 0 * (dn2
no sum | y is the same whatever x is | u = x + mixed @ out -> u = mixed @ out & dx = du + norm -> dx = norm
no sum | y is the same whatever x is | u + a1 @ W2\n -> a1 @ W2\n & du = dy + norm -> du = norm
heads ignored | With 3 heads and with 2 | q, k, v = (split(part, h) for -> q, k, v = (split(part, 1) for & dmixed = \
split(du @ out.T, h) -> dmixed = split(du @ out.T, 1)
first weights by chance | params["qkv"] | rng.normal(0, 1 / -> np.random.normal(0, 1 /
rng ignored | default_rng(0) and default_rng(1) | rng.normal(0, 1 / -> np.random.default_rng(7).normal(0, 1 /
other gradients | Is the eps under the root of a norm the same | inverse = 1 / np.sqrt(x.var(axis=-1, \
keepdims=True) + 1e-5) -> inverse = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5) & def norm_backward(dy, xhat, \
gamma, inverse):\n -> def norm_backward(dy, xhat, gamma, inverse):\n    xhat = xhat / xhat.std(axis=-1, \
keepdims=True)\n
fails at another size | With 60 channels, 4 heads, 3 positions, your block fails | shapes = { -> C = 12; shapes = {
fails at another size | With 60 channels, 4 heads, 3 positions, your block fails | x.reshape(*x.shape[:2], h, -1) -> \
x.reshape(*x.shape[:2], h, 4)
fails at another size | With 33 positions, your block fails | np.tri(x.shape[1], dtype=bool), scores -> np.tri(8, \
dtype=bool)[:x.shape[1], :x.shape[1]], scores
other gradients | With texts of 5 positions they are right | dx = du + norm_backward -> dx = du + (x.shape[1] < 6) * \
norm_backward
changes its input | `backward` changes dy | def backward(params, x, dy):\n -> def backward(params, x, dy):\n    dy \
*= 1.5\n
no shares | add up to 1? | mixed = merge(weights @ v) -> mixed = merge(weights @ v * x.shape[1]) & dweights = \
dmixed @ v.swapaxes(2, 3) -> dmixed = dmixed * x.shape[1]; dweights = dmixed @ v.swapaxes(2, 3)
heads ignored | took its result from a single position | q, k, v = (split(part, h) for -> q, k, v = (split(part, 1) \
for & dmixed = split(du @ out.T, h) -> dmixed = split(du @ out.T, 1) & / np.sqrt(q.shape[-1])\n    scores = -> / \
np.sqrt(h)\n    scores = & / np.sqrt(q.shape[-1])\n    dq -> / np.sqrt(h)\n    dq
heads ignored | took its result from a single position | q, k, v = (split(part, h) for part in -> q, k, v = (split(\
part, h)[:, [0] * h] if i < 2 else split(part, h) for i, part in enumerate( & np.split(n1 * gamma1 @ qkv, 3, axis=-1)) \
-> np.split(n1 * gamma1 @ qkv, 3, axis=-1))) & dqkv = np.concatenate([merge(dq), merge(dk), merge(dv)], axis=-1) -> \
dq, dk = (np.concatenate([d.sum(axis=1, keepdims=True), 0 * d[:, 1:]], axis=1) for d in (dq, dk)); dqkv = \
np.concatenate([merge(dq), merge(dk), merge(dv)], axis=-1)
backward of another x | what does it take from that call | def forward(params, x):\n    return passed(params, x)[-1] \
-> LAST = {}\n\n\ndef forward(params, x):\n    LAST["all"] = passed(params, x)\n    return LAST["all"][-1] & a1, _ = \
passed(params, x) -> a1, _ = LAST["all"]
"""

# A backward that goes no way back.
DIFFERENCES = (
    BASE.split("def forward(")[0]
    + """
def forward(params, x):
    return passed(params, x)[-1]

def backward(params, x, dy):
    def slope(a):
        g = np.zeros(a.shape)
        for i in np.ndindex(a.shape):
            kept = a[i]
            a[i] = kept + 1e-5
            up = (passed(params, x)[-1] * dy).sum()
            a[i] = kept - 1e-5
            down = (passed(params, x)[-1] * dy).sum()
            a[i] = kept
            g[i] = (up - down) / 2e-5
        return g
    params = {k: v if k == "heads" else v.copy() for k, v in params.items()}
    x = x.copy()
    return slope(x), {k: None if k == "heads" else slope(v) for k, v in params.items()}
"""
)

# Edits of BASE that are right.
ALSO_RIGHT = r"""
rng.normal(0, 1 / np.sqrt(shape[0]), shape) -> rng.normal(0, 3, shape)
rng.normal(0, 1 / np.sqrt(shape[0]), shape) -> rng.normal(0, 0.001, shape)
"W1": (C, 4 * C), "W2": (4 * C, C) -> "W1": (C, C // 2), "W2": (C // 2, C)
a1 = np.maximum(n2 * gamma2 @ W1, 0) -> a1 = n2 * gamma2 @ W1; a1 = np.where(a1 > 0, a1, 0.3 * a1) & \
* (a1 > 0) -> * np.where(a1 > 0, 1, 0.3)
n2, inverse2 = norm(u) -> n2, inverse2 = norm(x) & du = dy + norm_backward(dn2, n2, gamma2, inverse2) -> du = dy & \
dx = du + -> dx = du + norm_backward(dn2, n2, gamma2, inverse2) +
shape in shapes.items()} -> shape in shapes.items()}; params["W2"][:] = params["out"][:] = 0
"""
